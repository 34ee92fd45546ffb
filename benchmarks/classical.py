"""Classical networks beside their peers: CPU seconds and quality, one thread, one run.

    OMP_NUM_THREADS=1 python benchmarks/classical.py                       # everything
    OMP_NUM_THREADS=1 python benchmarks/classical.py --only "som,gng"      # tasks whose name has one of the words
    OMP_NUM_THREADS=1 python benchmarks/classical.py --only lvq --ours     # without the peers
    OMP_NUM_THREADS=1 python benchmarks/classical.py --compile             # first calls in fresh processes

A figure is the CPU time of the process (`time.process_time`), the median of several calls after a first one that is
reported apart (it compiles, or loads what was compiled before). Contenders of a task take turns. "limit" is the time of
a trial kernel of the same rule on the machine where it was measured; "known" are figures of peers that can no longer be
installed, measured there too. Peers that are not installed are left out:

    pip install minisom xpysom susi sklvq projection-pursuit hopfieldnetwork pyGRNN artlib
"""

from __future__ import annotations

import argparse
import importlib
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from classical_tasks.task import OURS, Task

FOLDER = Path(__file__).parent / "classical_tasks"
EXAMPLES = Path(__file__).parents[1] / "tests" / "contract" / "classical"  # small networks and data, a class each
PATIENCE = 5.0  # a contender whose first call takes longer is timed by that call


def tasks(words: list[str]) -> list[Task]:
    """All tasks, or those whose name has one of the words."""
    found: list[Task] = []
    for path in sorted(FOLDER.glob("*.py")):
        found += getattr(importlib.import_module(f"classical_tasks.{path.stem}"), "TASKS", [])
    return [task for task in found if not words or any(word in task.name.lower() for word in words)]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a call, and what it gave."""
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result


def measure(task: Task, ours_only: bool) -> None:
    """Time all contenders of a task in turns and print a table."""
    data, ready, missing = task.data(), {}, []
    for name, prepare in task.contenders.items():
        if ours_only and not name.startswith(OURS):
            continue
        try:
            ready[name] = prepare(data)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    first, seconds, quality = {}, {name: [] for name in ready}, {}
    for name, call in ready.items():
        first[name], result = timed(call)
        quality[name] = task.quality(data, result)
        if first[name] > PATIENCE:
            seconds[name].append(first[name])
    for _ in range(task.runs):
        for name, call in ready.items():
            if first[name] <= PATIENCE:
                seconds[name].append(timed(call)[0])
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"\n### {task.name}\n")
    print("| contender | CPU s | first call | ours / it | quality |\n|---|---|---|---|---|")
    ours = min((value for name, value in middle.items() if name.startswith(OURS)), default=float("nan"))
    for name, value in sorted(middle.items(), key=lambda item: item[1]):
        figures = ", ".join(f"{key} {figure:.4g}" for key, figure in quality[name].items())
        print(f"| {name} | {value:.4g} | {first[name]:.3g} | {ours / value:.3g} | {figures} |")
    if task.limit is not None:
        print(f"| limit: a trial kernel | {task.limit:.4g} | | {ours / task.limit:.3g} | |")
    for name, value in task.known.items():
        print(f"| known: {name} | {value:.4g} | | {ours / value:.3g} | |")
    for name in missing:
        print(f"\nleft out: {name}")


COMPILE = """
import runpy, sys, time, warnings
warnings.simplefilter("ignore")
example = runpy.run_path({path!r})["EXAMPLES"][{name!r}]
network, X, y = example["network"], example["X"], example.get("y")
begin = time.process_time()
network.fit(X, y)
for answer in ("predict", "predict_proba", "transform", "score_samples"):
    if hasattr(network, answer):
        getattr(network, answer)(X)
print(time.process_time() - begin)
"""


def compile_times() -> None:
    """CPU seconds of the first fit and answers of each class on a few rows, with an empty and with a filled cache."""
    print("| class | first calls, nothing compiled, s | loaded from the cache, s |\n|---|---|---|")
    for path in sorted(EXAMPLES.glob("*.py")):
        for name in runpy.run_path(str(path))["EXAMPLES"]:
            with tempfile.TemporaryDirectory() as cache:
                environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
                command = [sys.executable, "-c", COMPILE.format(path=str(path), name=name)]
                runs = [
                    float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
                    for _ in range(2)
                ]
            print(f"| {name} | {runs[0]:.2f} | {runs[1]:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="words, separated by commas, one of which a task's name has")
    parser.add_argument("--ours", action="store_true", help="leave the peers out")
    parser.add_argument("--compile", action="store_true", help="time the first calls in fresh processes")
    args = parser.parse_args()
    if args.compile:
        compile_times()
        return
    warnings.simplefilter("ignore")
    for task in tasks([word.strip().lower() for word in args.only.split(",") if word.strip()]):
        measure(task, args.ours)


if __name__ == "__main__":
    main()
