"""Growing neural gas and the winner-take-all layer: whole fits, with labels.

The packages that had growing neural gas do not import with a NumPy of today (MDP) or want TensorFlow 1 (NeuPy), so
beside the known figures stands a loop written by hand: distances by NumPy, edges in a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, make_moons

from classical_tasks.task import Task

Data = tuple[np.ndarray, int, int]  # rows, epochs, units
Result = tuple[np.ndarray, int]  # units, number of edges


def moons() -> Data:
    return make_moons(5000, noise=0.05, random_state=0)[0], 10, 100


def manifold() -> Data:
    """Four hidden variables bent into sixteen columns, with noise."""
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(20_000, 4))
    rows = np.tanh(hidden @ generator.normal(size=(4, 16))) + 0.1 * generator.normal(size=(20_000, 16))
    return rows, 2, 200


def ours(dtype: Any) -> Callable[[Data], Callable[[], Result]]:
    def prepare(data: Data) -> Callable[[], Result]:
        from netwright.classical import GrowingNeuralGas

        rows, epochs, units = data[0].astype(dtype), *data[1:]

        def run() -> Result:
            gas = GrowingNeuralGas(units, epochs=epochs, random_state=0).fit(rows)
            return gas.weights_, len(gas.edges_)

        return run

    return prepare


def by_mdp(data: Data) -> Callable[[], Result]:
    try:
        import mdp
    except Exception as error:  # it fails inside, in several ways
        raise ImportError(str(error)) from error

    rows, epochs, units = data

    def run() -> Result:
        node = mdp.nodes.GrowingNeuralGasNode(max_nodes=units)
        generator = np.random.default_rng(0)
        for _ in range(epochs):
            node.train(generator.permutation(rows))
        return np.array(node.get_nodes_position()), len(node.graph.edges)

    return run


def by_hand(data: Data) -> Callable[[], Result]:
    def run() -> Result:
        return numpy_loop(*data)

    return run


def numpy_loop(rows: np.ndarray, epochs: int, units: int) -> Result:
    """Fritzke's steps, with the paper's settings; units that lose their edges keep their place and never win again."""
    generator = np.random.default_rng(0)
    w, error = np.full((2 * units, rows.shape[1]), np.inf), np.zeros(2 * units)
    w[:2] = rows[generator.choice(len(rows), 2, replace=False)]
    ages: list[dict[int, int]] = [{} for _ in w]
    made, alive = 2, 2
    for shown, row in enumerate((row for _ in range(epochs) for row in generator.permutation(len(rows))), start=1):
        x = rows[row]
        squares = ((w[:made] - x) ** 2).sum(axis=1)
        s1, s2 = (int(unit) for unit in np.argpartition(squares, 1)[:2])
        error[s1] += squares[s1]
        w[s1] += 0.2 * (x - w[s1])
        for other in ages[s1]:
            w[other] += 0.006 * (x - w[other])
            ages[s1][other] += 1
            ages[other][s1] += 1
        ages[s1][s2] = ages[s2][s1] = 0
        for other in [other for other, age in ages[s1].items() if age > 50]:
            del ages[s1][other], ages[other][s1]
            if not ages[other]:
                w[other], error[other], alive = np.inf, 0.0, alive - 1
        if shown % 100 == 0 and alive < units and made < len(w):
            q = int(error[:made].argmax())
            f = max(ages[q], key=error.__getitem__)
            w[made] = (w[q] + w[f]) / 2
            del ages[q][f], ages[f][q]
            for other in (q, f):
                ages[made][other] = ages[other][made] = 0
                error[other] *= 0.5
            error[made], made, alive = error[q], made + 1, alive + 1
        error *= 0.995
    return w[np.isfinite(w[:, 0])], sum(map(len, ages)) // 2


def quantization(data: Data, result: Result) -> dict[str, float]:
    rows, units = data[0], np.asarray(result[0], dtype=float)
    nearest = [np.linalg.norm(rows[i : i + 500, None] - units, axis=2).min(axis=1) for i in range(0, len(rows), 500)]
    return {"QE": float(np.concatenate(nearest).mean()), "units": len(units), "edges": result[1]}


def digits(epochs: int) -> Callable[[], tuple[np.ndarray, int]]:
    return lambda: (load_digits().data / 16, epochs)


def kohonen(winner: str) -> Callable[[tuple[np.ndarray, int]], Callable[[], np.ndarray]]:
    def prepare(data: tuple[np.ndarray, int]) -> Callable[[], np.ndarray]:
        from netwright.classical import Kohonen

        rows, epochs = data
        return lambda: Kohonen(10, winner=winner, learning_rate=0.1, epochs=epochs, random_state=0).fit(rows).weights_

    return prepare


def spread(data: tuple[np.ndarray, int], units: np.ndarray) -> dict[str, float]:
    return {"QE": float(np.linalg.norm(data[0][:, None] - units, axis=2).min(axis=1).mean())}


GAS = {"netwright float64": ours(np.float64), "netwright float32": ours(np.float32), "MDP": by_mdp, "by hand": by_hand}
LAYER = {"netwright, distance": kohonen("distance"), "netwright, product": kohonen("product")}

TASKS = [
    Task(
        name="gng/moons 5000x2, 10 epochs, 100 units",
        data=moons,
        contenders=GAS,
        quality=quantization,
        limit=0.01447,
        known={"NeuPy 0.8.2": 2.366, "MDP 3.6": 4.089, "AdrienGuille/GrowingNeuralGas": 22.54},
        runs=7,
    ),
    Task(
        name="gng/manifold 20000x16, 2 epochs, 200 units",
        data=manifold,
        contenders=GAS,
        quality=quantization,
        limit=0.03045,
        known={"NeuPy 0.8.2": 2.949, "MDP 3.6": 5.516, "AdrienGuille/GrowingNeuralGas": 39.63},
        runs=7,
    ),
    Task(
        name="kohonen/digits 1797x64, 1 epoch, 10 units",
        data=digits(1),
        contenders=LAYER,
        quality=spread,
        known={"NeuPy 0.8.2": 0.03334},
        runs=15,
    ),
    Task(
        name="kohonen/digits 1797x64, 100 epochs, 10 units",
        data=digits(100),
        contenders=LAYER,
        quality=spread,
        runs=7,
    ),
]
