"""The benchmark of diagnosis: how often the first-named cause is right, and how often right programs are left alone.

    python benchmarks/diagnosis/run.py                      # all programs, 5 seeds: the figures of docs/results.md
    python benchmarks/diagnosis/run.py --half tuned --details   # the half by which thresholds may be set
    python benchmarks/diagnosis/run.py --kind healthy --seeds 1

Half of the programs, by the hash of their names, are untouched: of them only totals are printed, unless ``--details
all`` asks for more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

from outcome import examined
from scoring import table

from netwright.checks import load_faults


def _one(task: tuple[str, bool, int, bool]) -> dict[str, Any]:
    name, healthy, seed, mending = task
    fault = next(each for each in load_faults() if each.name == name)
    return examined(fault, healthy, seed, mending)


def main() -> None:
    """Run the programs, print the table, and write every outcome where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kind", default="seeded,healthy,public,compound")
    parser.add_argument("--half", choices=("tuned", "untouched", "all"), default="all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of the name")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-mend", action="store_true")
    parser.add_argument("--details", nargs="?", const="tuned", choices=("tuned", "all"))
    parser.add_argument("--out", type=Path, help="a JSON file of all outcomes")
    options = parser.parse_args()
    kinds = options.kind.split(",")
    chosen = [
        fault
        for fault in load_faults()
        if fault.kind in kinds
        and options.only in fault.name
        and options.half in ("all", "untouched" if fault.untouched else "tuned")
    ]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    tasks = [
        (fault.name, healthy, seed, not options.no_mend)
        for fault in chosen
        for healthy in ((True,) if fault.kind == "healthy" else (True, False))
        for seed in seeds
    ]
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(_one, tasks))
    if options.out:
        options.out.write_text(json.dumps(outcomes, indent=1))
    print(table(outcomes, options.details))


if __name__ == "__main__":
    main()
