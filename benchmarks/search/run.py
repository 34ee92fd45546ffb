"""A search in two processes beside the same search in one: wall time, and whether the trials are the same.

    python benchmarks/search/run.py [--trials 40] [--workers 2] [--epochs 20] [--storage]

A trial trains a convolutional network on 1,797 images of digits, one thread each. Every search runs in a fresh Python,
so that the start of the workers (an interpreter and the import of torch each) is in its time. With --storage the
trials are kept in a journal file, as searches are that should survive a kill. The figure to reach is 0.6 at 40 trials
on two cores that do nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import netwright as nw


def searched(workers: int, trials: int, epochs: int, storage: str | None) -> dict[str, object]:
    """Seconds of one search, its best score, and all of its scores."""
    X, y = nw.data.load_digits()
    network = "INPUT -> [CONV3x16 -> RELU -> POOL]*2 -> FC{width} -> RELU -> FC"
    space = {
        "network": nw.varied(network, width=2 ** nw.integers(4, 7)),
        "optimizer__lr": nw.log_uniform(1e-4, 1e-1),
        "batch_size": [32, 64],
    }
    clf = nw.Classifier(epochs=epochs)
    begin = time.perf_counter()
    made = nw.search(clf, space, X, y, trials=trials, workers=workers, storage=storage, random_state=0, refit=False)
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "best": made.best_score_, "scores": [row["score"] for row in made.rows_]}


def in_fresh_python(words: list[str]) -> dict[str, object]:
    """What `searched` gives, in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = [sys.executable, __file__, *words]
    ended = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--storage", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--journal", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(searched(options.one, options.trials, options.epochs, options.journal)))
        return
    found = {}
    for workers in (1, options.workers):
        words = ["--one", str(workers), "--trials", str(options.trials), "--epochs", str(options.epochs)]
        with tempfile.TemporaryDirectory() as folder:
            journal = ["--journal", str(Path(folder) / "journal")] if options.storage else []
            found[workers] = in_fresh_python([*words, *journal])
    print("| processes | seconds | ratio | best score |\n|--:|--:|--:|--:|")
    alone = float(found[1]["seconds"])  # type: ignore[arg-type]
    for workers, result in found.items():
        seconds = float(result["seconds"])  # type: ignore[arg-type]
        print(f"| {workers} | {seconds:.1f} | {seconds / alone:.2f} | {result['best']:.4f} |")
    same = found[1]["scores"] == found[options.workers]["scores"]
    print(f"\nThe {options.trials} trials have {'the same' if same else 'other'} scores in both.")


if __name__ == "__main__":
    main()
