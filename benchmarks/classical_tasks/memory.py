"""Memories: 100 patterns of 1024 bits and 50 pairs of 512 and 256, a tenth of the bits turned; CMAC on 2000 places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from classical_tasks.task import Task

NOISE = 0.1  # share of bits that are turned
TILINGS, LEVELS, STEP, EPOCHS = 8, 32, 0.1, 10

Call = Callable[[], Any]


def patterns() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 2, (100, 1024), dtype=np.uint8)
    return {"stored": stored, "noisy": np.where(rng.random(stored.shape) < NOISE, 1 - stored, stored)}


def hopfield(mode: str, rule: str) -> Callable[[Any], Call]:
    def prepare(data: Any) -> Call:
        from netwright.classical import Hopfield

        network = Hopfield(mode=mode, rule=rule, check_capacity=False, random_state=0).fit(data["stored"])
        return lambda: network.predict(data["noisy"])

    return prepare


def hopfield_training(rule: str) -> Callable[[Any], Call]:
    def prepare(data: Any) -> Call:
        from netwright.classical import Hopfield

        network = Hopfield(rule=rule, check_capacity=False, random_state=0)
        return lambda: network.fit(data["stored"]).weights_

    return prepare


def hopfieldnetwork(mode: str) -> Callable[[Any], Call]:
    def prepare(data: Any) -> Call:
        from hopfieldnetwork import HopfieldNetwork

        network = HopfieldNetwork(N=1024)
        network.train_pattern((2 * data["stored"].T.astype(np.int8) - 1).astype("int8"))

        def call() -> np.ndarray:
            ends = []
            np.random.seed(0)  # noqa: NPY002 - it draws from the global state
            for row in data["noisy"]:
                network.set_initial_neurons_state(2 * row.astype(np.int8) - 1)
                network.update_neurons(1, mode, run_max=True)
                ends.append(network.S > 0)
            return np.array(ends)

        return call

    return prepare


def hopfieldnetwork_training(data: Any) -> Call:
    from hopfieldnetwork import HopfieldNetwork

    states = (2 * data["stored"].T.astype(np.int8) - 1).astype("int8")

    def call() -> np.ndarray:
        network = HopfieldNetwork(N=1024)
        network.train_pattern(states)
        return network.w

    return call


def recalled(data: Any, answers: Any) -> dict[str, float]:
    wrong = np.asarray(answers) != data["stored"]
    return {"exact": float(1 - wrong.any(axis=1).mean()), "overlap": float(1 - 2 * wrong.mean())}


def stable(data: Any, weights: Any) -> dict[str, float]:
    """The share of stored patterns that are fixed points of the weights."""
    states = 2.0 * data["stored"] - 1
    return {"fixed": float((np.sign(states @ weights) == states).all(axis=1).mean())}


def pairs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    X, Y = rng.integers(0, 2, (50, 512), dtype=np.uint8), rng.integers(0, 2, (50, 256), dtype=np.uint8)
    return {"X": X, "stored": Y, "noisy": np.where(rng.random(X.shape) < NOISE, 1 - X, X)}


def bam(data: Any) -> Call:
    from netwright.classical import BAM

    network = BAM(check_capacity=False).fit(data["X"], data["stored"])
    return lambda: network.predict(data["noisy"])


def bam_one_pass(data: Any) -> Call:
    """What NeuPy does: the products of whole numbers, once."""
    weights = (2 * data["X"].astype(int) - 1).T @ (2 * data["stored"].astype(int) - 1)
    return lambda: (2 * data["noisy"].astype(int) - 1) @ weights > 0


def places() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    X, X_test = rng.uniform(0, 1, (2000, 2)), rng.uniform(0, 1, (1000, 2))
    return {"X": X, "y": hill(X) + 0.1 * rng.normal(size=2000), "X_test": X_test, "truth": hill(X_test)}


def hill(X: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * X[:, 0]) * np.cos(2 * np.pi * X[:, 1])


def cmac(data: Any, fitted: bool = False) -> Call:
    from netwright.classical import CMAC

    network = CMAC(TILINGS, LEVELS, bounds=(0, 1), learning_rate=STEP, epochs=EPOCHS, random_state=0)
    if fitted:
        network.fit(data["X"], data["y"])
        return lambda: network.predict(data["X_test"])
    return lambda: network.fit(data["X"], data["y"]).predict


def cmac_of_cells(data: Any, fitted: bool = False) -> Call:
    """What NeuPy does: a dictionary of cells in Python; rows in order."""

    def cells(x: np.ndarray) -> list[tuple[int, ...]]:
        q = (x * LEVELS).astype(int)
        return [(*((q + t) // TILINGS).tolist(), t) for t in range(TILINGS)]

    def fit() -> Callable[[np.ndarray], np.ndarray]:
        table: dict[tuple[int, ...], float] = {}
        for _ in range(EPOCHS):
            for x, y in zip(data["X"], data["y"], strict=True):
                found = cells(x)
                step = STEP * (y - sum(table.get(cell, 0.0) for cell in found) / TILINGS)
                for cell in found:
                    table[cell] = table.get(cell, 0.0) + step
        return lambda X: np.array([sum(table.get(cell, 0.0) for cell in cells(x)) / TILINGS for x in X])

    if fitted:
        predict = fit()
        return lambda: predict(data["X_test"])
    return fit


def error_of(data: Any, result: Any) -> dict[str, float]:
    answers = result(data["X_test"]) if callable(result) else result
    return {"rmse": float(np.sqrt(np.mean((answers - data["truth"]) ** 2)))}


TASKS = [
    Task(
        f"hopfield: recall of 100x1024, {NOISE:.0%} turned, {mode}",
        patterns,
        {
            "netwright hebb": hopfield(mode, "hebb"),
            "netwright storkey": hopfield(mode, "storkey"),
            "netwright pseudo_inverse": hopfield(mode, "pseudo_inverse"),
            "hopfieldnetwork": hopfieldnetwork(mode),
        },
        recalled,
        limit,
        {"neupy": neupy},
    )
    for mode, limit, neupy in (("async", 0.003258, 2.849), ("sync", 0.015, 0.6801))
]
TASKS += [
    Task(
        "hopfield: storage of 100x1024",
        patterns,
        {
            "netwright hebb": hopfield_training("hebb"),
            "netwright pseudo_inverse": hopfield_training("pseudo_inverse"),
            "netwright storkey": hopfield_training("storkey"),
            "hopfieldnetwork": hopfieldnetwork_training,
        },
        stable,
        0.003546,
        {"neupy": 0.1168},
    ),
    Task(
        f"bam: recall of 50 pairs 512-256, {NOISE:.0%} turned",
        pairs,
        {"netwright": bam, "one pass, NumPy": bam_one_pass},
        recalled,
        0.001611,
        {"neupy, one pass": 0.0009941},
    ),
    Task(
        f"cmac: fit of 2000x2, {TILINGS} tilings of {LEVELS} levels, {EPOCHS} epochs",
        places,
        {"netwright": cmac, "a dictionary of cells, Python": cmac_of_cells},
        error_of,
        0.002216,
        {"neupy": 3.534},
    ),
    Task(
        "cmac: answers for 1000x2",
        places,
        {
            "netwright": lambda data: cmac(data, fitted=True),
            "a dictionary of cells, Python": lambda data: cmac_of_cells(data, fitted=True),
        },
        error_of,
        0.000101,
        {"neupy": 0.1353},
        runs=25,
    ),
]
