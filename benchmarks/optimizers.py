"""Seconds to a training error: netwright's update rules beside those of SciPy, scikit-learn, torch and others.

    OMP_NUM_THREADS=1 python benchmarks/optimizers.py                      # all tasks, five seeds
    OMP_NUM_THREADS=1 python benchmarks/optimizers.py --tasks friedman --seeds 3 --only "levenberg,scipy"
    OMP_NUM_THREADS=1 python benchmarks/optimizers.py --limit              # an LM step beside its matrix operations
    OMP_NUM_THREADS=1 python benchmarks/optimizers.py --curves curves.json # errors against seconds, for the docs

A task is a regression by one hidden layer of 20 tanh units on standardised inputs and targets; the figure is the CPU
time (all threads of the process) until the mean squared training error first is at or below a level, median over seeds.
All contenders that take weights begin with the same ones (torch's initialisation, the seed's); scikit-learn and
`nw.Regressor` draw their own. Contenders run one after the other in one process, each once without the clock before.

The real tables are those of the folder that NETWRIGHT_DATA names; `friedman` needs only scikit-learn.
torch-levenberg-marquardt is left out where it is not installed (pip install torch-levenberg-marquardt
pytorch-lightning torchmetrics; best in an environment of its own).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import Tensor, nn

import netwright as nw
from netwright.optim.curvature.damping import by_cholesky
from netwright.optim.objective import Objective

try:
    import torch_levenberg_marquardt as torch_lm
except ImportError:
    torch_lm = None

UNITS = 20
LEVELS = {
    "friedman": (1e-2, 3e-3, 1e-3, 6e-4),
    "concrete": (0.10, 0.06, 0.04),
    "energy": (1e-2, 3e-3, 2e-3),
    "yacht": (1e-2, 3e-3, 1e-3),
}
PATIENCE = 5.0  # CPU seconds after which a contender is stopped

Trace = list[tuple[float, float]]  # (CPU seconds, mean squared error)


@dataclass(frozen=True)
class Task:
    """Standardised rows of a regression."""

    name: str
    x: np.ndarray
    y: np.ndarray

    def tensors(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Inputs (n, features) and targets (n, 1)."""
        return torch.tensor(self.x, dtype=dtype), torch.tensor(self.y, dtype=dtype)[:, None]

    def network(self, seed: int, dtype: torch.dtype) -> nn.Sequential:
        """The network with the weights of a seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(self.x.shape[1], UNITS), nn.Tanh(), nn.Linear(UNITS, 1)).to(dtype)


def load(name: str) -> Task | None:
    """A task, or None where its table is not there."""
    if name == "friedman":
        x, y = make_friedman1(2000, n_features=8, noise=0.0, random_state=0)
    else:
        path = Path(os.environ.get("NETWRIGHT_DATA", "")) / "tabular" / f"{name}.txt"
        if not path.exists():
            return None
        table = np.loadtxt(path)
        x, y = table[:, :-1], table[:, -1]
    return Task(name, (x - x.mean(0)) / np.maximum(x.std(0), 1e-12), (y - y.mean()) / y.std())


class Clock:
    """Notes the error after every iteration, and says when it is enough."""

    def __init__(self, level: float) -> None:
        self.level, self.trace = level, Trace()
        self._began = time.process_time()

    def note(self, error: float) -> bool:
        """Whether to go on."""
        seconds = time.process_time() - self._began
        self.trace.append((seconds, error))
        return error > self.level and seconds < PATIENCE


Run = Callable[[Task, int, float], Trace]


def by_rule(rule: Any, dtype: torch.dtype, how: str) -> Run:
    """A rule of netwright in a loop of one's own, by a closure of the loss or of residuals, or by `least_squares`."""

    def run(task: Task, seed: int, level: float) -> Trace:
        x, y = task.tensors(dtype)
        module = task.network(seed, dtype)
        optimizer = rule.build(module.parameters())
        share = 1.0 if how == "closure" else 2 / len(x)

        def residuals() -> Tensor:
            return module(x) - y

        def closure() -> Tensor:
            return nn.functional.mse_loss(module(x), y)

        clock = Clock(level)
        given = {"closure": closure, "residuals": residuals}.get(how) or nw.optim.least_squares(module, x, y)
        first = module[0].weight
        while True:
            optimizer.step(given)
            if not clock.note(share * optimizer.state[first]["loss"]) or optimizer.stuck:
                return clock.trace

    return run


def by_gradients(build: Callable[[Any], Any], dtype: torch.dtype) -> Run:
    """A torch optimizer that takes gradients, on all rows at every step."""

    def run(task: Task, seed: int, level: float) -> Trace:
        x, y = task.tensors(dtype)
        module = task.network(seed, dtype)
        optimizer = build(module.parameters())
        clock = Clock(level)
        while True:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(module(x), y)
            loss.backward()
            optimizer.step(lambda loss=loss: loss)
            if not clock.note(loss.item()):
                return clock.trace

    return run


def by_estimator(rule: Any, precision: str = "float32") -> Run:
    """`nw.Regressor` with its history; the time is that of its whole fit, the error that of its records."""

    def run(task: Task, seed: int, level: float) -> Trace:
        clock = Clock(level)

        def watch(run: Any) -> None:
            if not clock.note(run.history[-1]["train_loss"]):
                run.stop = True

        net = nw.layers.Tanh(UNITS) >> nw.layers.Linear(1)
        model = nw.Regressor(
            net, optimizer=rule, epochs=3000, random_state=seed, callbacks=[watch], precision=precision
        )
        model.fit(task.x, task.y)
        return clock.trace

    return run


def by_torch_lm(method: str) -> Run:
    """torch-levenberg-marquardt in double precision, on all rows."""

    def run(task: Task, seed: int, level: float) -> Trace:
        x, y = task.tensors(torch.float64)
        trainer = torch_lm.training.LevenbergMarquardtModule(
            task.network(seed, torch.float64), solve_method=method, learning_rate=1.0
        )
        clock = Clock(level)
        while True:
            _, loss, stop, _ = trainer.training_step(x, y)
            if not clock.note(loss.item()) or stop:
                return clock.trace

    return run


def by_torch_lbfgs(dtype: torch.dtype) -> Run:
    """torch's L-BFGS with its strong-Wolfe search."""

    def run(task: Task, seed: int, level: float) -> Trace:
        x, y = task.tensors(dtype)
        module = task.network(seed, dtype)
        optimizer = torch.optim.LBFGS(module.parameters(), max_iter=20, line_search_fn="strong_wolfe")
        clock = Clock(level)
        go_on = True

        def closure() -> Tensor:
            nonlocal go_on
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(module(x), y)
            loss.backward()
            go_on = clock.note(loss.item()) and go_on
            return loss

        while go_on:
            optimizer.step(closure)
        return clock.trace

    return run


def by_scipy(method: str) -> Run:
    """SciPy's minimiser over a flat vector, with the gradient by hand in NumPy."""

    def run(task: Task, seed: int, level: float) -> Trace:
        x, y = task.x, task.y[:, None]
        n, features = x.shape
        module = task.network(seed, torch.float64)
        start = torch.cat([p.detach().reshape(-1) for p in module.parameters()]).numpy()
        ends = np.cumsum([UNITS * features, UNITS, UNITS])
        clock = Clock(level)

        def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
            weight, bias, last, offset = np.split(w, ends)
            weight = weight.reshape(UNITS, features)
            hidden = np.tanh(x @ weight.T + bias)
            difference = hidden @ last[:, None] + offset - y
            slope = 2 / n * difference
            back = slope * last * (1 - hidden * hidden)
            gradient = np.concatenate(
                [(back.T @ x).ravel(), back.sum(0), (hidden.T @ slope).ravel(), slope.sum(keepdims=True).ravel()]
            )
            error = float(np.mean(difference * difference))
            if not clock.note(error):
                raise StopIteration
            return error, gradient

        evaluations = {"maxfun": 10**9} if method == "L-BFGS-B" else {}
        with suppress(StopIteration):
            minimize(loss, start, jac=True, method=method, options={"maxiter": 100_000, **evaluations})
        return clock.trace

    return run


def by_sklearn(task: Task, seed: int, level: float) -> Trace:
    """scikit-learn's MLPRegressor with lbfgs: whole fits with more and more iterations, each on a clock of its own."""
    iterations, trace = 25, Trace()
    while True:
        model = MLPRegressor(
            hidden_layer_sizes=(UNITS,),
            activation="tanh",
            solver="lbfgs",
            alpha=0.0,
            max_iter=iterations,
            tol=0.0,
            random_state=seed,
            max_fun=10**9,
        )
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(task.x, task.y)
        seconds = time.process_time() - began
        trace.append((seconds, float(np.mean((model.predict(task.x) - task.y) ** 2))))
        if trace[-1][1] <= level or seconds > PATIENCE:
            return trace
        iterations = int(iterations * 1.05) + 1


def contenders() -> Iterator[tuple[str, Run]]:
    """All of them, ours first."""
    f32, f64 = torch.float32, torch.float64
    optim = nw.optim
    yield "netwright LevenbergMarquardt", by_rule(optim.LevenbergMarquardt(), f64, "objective")
    yield "netwright LevenbergMarquardt, torch closure", by_rule(optim.LevenbergMarquardt(), f64, "residuals")
    yield "nw.Regressor LevenbergMarquardt", by_estimator(optim.LevenbergMarquardt())
    for update in ("lbfgs", "bfgs"):
        rule = optim.QuasiNewton(update)
        yield f"netwright QuasiNewton {update}", by_rule(rule, f64, "objective")
        yield f"netwright QuasiNewton {update} float32", by_rule(rule, f32, "objective")
        yield f"netwright QuasiNewton {update} float32, torch closure", by_rule(rule, f32, "closure")
    yield "nw.Regressor QuasiNewton", by_estimator(optim.QuasiNewton())
    yield "netwright ConjugateGradient float32", by_rule(optim.ConjugateGradient(), f32, "objective")
    yield "netwright GaussNewton, ridge 0.01", by_rule(optim.GaussNewton(0.01), f64, "objective")
    yield "netwright Newton", by_rule(optim.Newton(), f64, "closure")
    yield "netwright NewtonCG", by_rule(optim.NewtonCG(), f64, "closure")
    yield "netwright IRpropPlus", by_gradients(optim.IRpropPlus().build, f32)
    if torch_lm is not None:
        yield "torch-levenberg-marquardt cholesky", by_torch_lm("cholesky")
        yield "torch-levenberg-marquardt qr", by_torch_lm("qr")
    yield "scipy L-BFGS-B", by_scipy("L-BFGS-B")
    yield "scipy BFGS", by_scipy("BFGS")
    yield "scikit-learn lbfgs", by_sklearn
    yield "torch LBFGS float32", by_torch_lbfgs(f32)
    yield "torch LBFGS float64", by_torch_lbfgs(f64)
    yield "torch Adam", by_gradients(lambda p: torch.optim.Adam(p, lr=0.02, fused=True), f32)


def seconds_to(trace: Trace, level: float) -> float | None:
    """The time at which the error was at or below a level first."""
    return next((seconds for seconds, error in trace if error <= level), None)


def median(times: list[float | None]) -> str:
    """The median of all runs, one that did not arrive counting as endless; with how many arrived, where not all did."""
    found = [seconds for seconds in times if seconds is not None]
    middle = statistics.median([math.inf if seconds is None else seconds for seconds in times])
    if math.isinf(middle):
        return f"never ({len(found)}/{len(times)})" if found else "never"
    text = f"{middle:.4f}"
    return text if len(found) == len(times) else f"{text} ({len(found)}/{len(times)})"


def race(task: Task, seeds: int, only: list[str], curves: dict[str, Any]) -> None:
    """Run all contenders on a task and print the table."""
    levels = LEVELS[task.name]
    print(f"\n### {task.name}: {len(task.x)} x {task.x.shape[1]}, {UNITS} tanh units\n")
    print("| contender | " + " | ".join(f"{level:g}" for level in levels) + " | steps or evaluations |")
    print("|---" * (len(levels) + 2) + "|")
    for name, run in contenders():
        if only and not any(word in name.lower() for word in only):
            continue
        run(task, 0, levels[0])  # compiles, loads, fills caches
        traces = [run(task, seed, levels[-1]) for seed in range(seeds)]
        cells = [median([seconds_to(trace, level) for trace in traces]) for level in levels]
        print(f"| {name} | " + " | ".join(cells) + f" | {statistics.median(map(len, traces)):g} |", flush=True)
        curves.setdefault(task.name, {})[name] = traces[0]


def steps_limit(task: Task) -> None:
    """A step of Levenberg-Marquardt beside its own product J^T J and its Cholesky factorisation."""
    x, y = task.tensors(torch.float64)
    module = task.network(0, torch.float64)
    optimizer = nw.optim.LevenbergMarquardt().build(module.parameters())

    def residuals() -> Tensor:
        return module(x) - y

    objective = Objective(list(module.parameters()), residuals)
    rows = torch.randn(len(x), objective.size, dtype=torch.float64)
    array = rows.numpy()
    matrix = rows.T @ rows
    ones = torch.ones(objective.size, dtype=torch.float64)

    def timed(call: Callable[[], Any], times: int = 60) -> float:
        found = []
        for _ in range(times):
            began = time.process_time()
            call()
            found.append(time.process_time() - began)
        return statistics.median(found) * 1e3

    chain = nw.optim.least_squares(module, x, y)
    product, solve = timed(lambda: array.T @ array), timed(lambda: by_cholesky(matrix, ones, 1.0, ones))
    step, quick = timed(lambda: optimizer.step(residuals)), timed(lambda: optimizer.step(chain))
    print(f"P = {objective.size}, N = {len(x)}: J^T J {product:.2f} ms, Cholesky and solve {solve:.2f} ms; ", end="")
    limit = product + solve
    print(f"a step {step:.2f} ms = {step / limit:.2f} x; by least_squares {quick:.2f} ms = {quick / limit:.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="friedman,concrete,energy,yacht")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="comma-separated words of contenders' names")
    parser.add_argument("--limit", action="store_true")
    parser.add_argument("--curves", default=None, help="write errors against seconds of the first seed")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tasks = [task for task in map(load, args.tasks.split(",")) if task is not None]
    if args.limit:
        steps_limit(tasks[0])
        return
    curves: dict[str, Any] = {}
    for task in tasks:
        race(task, args.seeds, [word.strip().lower() for word in args.only.split(",") if word.strip()], curves)
    if args.curves:
        Path(args.curves).write_text(json.dumps(curves))


if __name__ == "__main__":
    main()
