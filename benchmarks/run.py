"""The epoch times of netwright and its peers beside a hand-written torch loop, as ratios in one run.

    make bench
    python benchmarks/run.py [--only a,b] [--contenders raw,netwright] [--rounds 3] [--json out.json]
    python benchmarks/run.py --peers PYTHON      an interpreter with the peers, where this one lacks them

Every contender runs in a process of its own on one core and one thread, with a terminal of its own, so that progress
bars do what they do for users. A round of a workload runs the raw loop, three contenders, the raw loop, three more,
and so on.

seconds  CPU seconds of an epoch: the median of the epochs after the first, the best of the rounds
ratio    of that median to the mean of the raw loop's just before and just after it: the median of the rounds, and
         its range
first    what the first epoch took above the median (compiling, checking, building); best of the rounds
score    share of held-out rows that are right after the last epoch: the loops do the same work when these agree

Keras and scikit-learn start from weights of their own; all others from the law of torch's layers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from isolated import available, machine, measure
from workloads import TEXTS

# name: file, variant, workloads, the module it needs
CONTENDERS = {
    "raw fused": ("raw.py", "fused", "abcd", "torch"),
    "netwright": ("ours.py", "float32", "abcd", "netwright"),
    "netwright bf16": ("ours.py", "bf16", "cd", "netwright"),
    "scikit-learn": ("peer_sklearn.py", "default", "ab", "sklearn"),
    "skorch": ("peer_skorch.py", "default", "abcd", "skorch"),
    "skorch tuned": ("peer_skorch.py", "tuned", "abcd", "skorch"),
    "Lightning": ("peer_lightning.py", "default", "abcd", "lightning"),
    "Lightning barebones": ("peer_lightning.py", "barebones", "abcd", "lightning"),
    "fastai": ("peer_fastai.py", "default", "abcd", "fastai"),
    "fastai quiet": ("peer_fastai.py", "quiet", "abcd", "fastai"),
    "Keras on JAX": ("peer_keras.py", "jax", "abcd", "keras,jax"),
    "Keras on torch": ("peer_keras.py", "torch", "abcd", "keras,torch"),
}
RAW = ("raw.py", "defaults")
TARGETS = {"netwright": {"a": 0.45, "b": 0.65, "c": 0.62, "d": 1.0}, "netwright bf16": {"c": 0.40, "d": 0.60}}
OURS = tuple(TARGETS)
GROUP = 3  # contenders between two runs of the raw loop


def main() -> None:
    """Measure what the command line asks for and print it as Markdown."""
    args = arguments()
    python = {name: sys.executable if name in (*OURS, "raw fused") else args.peers for name in CONTENDERS}
    present = [name for name in args.contenders if available(python[name], CONTENDERS[name][3])]
    print(f"{machine()}; one core, one thread; {args.rounds} rounds\n", flush=True)
    for name in args.contenders:
        if name not in present:
            print(f"- {name}: skipped, {CONTENDERS[name][3]} is not installed", flush=True)
    results: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for work in args.only:
        names = [name for name in present if work in CONTENDERS[name][2]]
        runs = results[work] = {name: [] for name in ("raw", *names)}
        for _ in range(args.rounds):
            one_round(work, names, python, runs, args.epochs)
        print(f"\n{table(work, runs)}", flush=True)
        if args.json:
            Path(args.json).write_text(json.dumps({"machine": machine(), "results": results}, indent=1))
    print(f"\n{versions(results)}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(TEXTS), help="workloads, such as a,b")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="such as 'netwright,skorch tuned'")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=None, help="instead of each workload's own number")
    parser.add_argument(
        "--peers", default=os.environ.get("NETWRIGHT_PEERS", sys.executable), help="python of the peers"
    )
    parser.add_argument("--json", default=None, help="write everything that was measured to this file")
    args = parser.parse_args()
    args.only = args.only.split(",")
    args.contenders = [name for name in args.contenders.split(",") if name != "raw"]
    for given, known in ((args.only, TEXTS), (args.contenders, CONTENDERS)):
        strange = [name for name in given if name not in known]
        if strange:
            parser.error(f"{strange[0]!r} is none of {', '.join(known)}")
    return args


def one_round(work: str, names: list[str], python: dict[str, str], runs: dict[str, Any], epochs: int | None) -> None:
    """The raw loop before and after every group of contenders; adds to `runs`."""
    raw = measure(sys.executable, *RAW, work, epochs)
    runs["raw"].append(raw)
    for start in range(0, len(names), GROUP):
        group = {name: measure(python[name], *CONTENDERS[name][:2], work, epochs) for name in names[start:][:GROUP]}
        after = measure(sys.executable, *RAW, work, epochs)
        runs["raw"].append(after)
        reference = (raw["epoch"] + after["epoch"]) / 2
        for name, result in group.items():
            if "epoch" in result:
                result["ratio"] = result["epoch"] / reference
            runs[name].append(result)
        raw = after


def table(work: str, runs: dict[str, list[dict[str, Any]]]) -> str:
    """One workload as a Markdown table, and who is ahead of netwright."""
    lines = [f"**{work}**: {TEXTS[work]}", ""]
    lines += [
        "| contender | seconds | ratio | range | target | first | score | MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    centre = statistics.median(run["epoch"] for run in runs["raw"])
    ratios = {}
    for name, measured in runs.items():
        good = [run for run in measured if "epoch" in run]
        if not good:
            lines.append(f"| {name} | failed: {measured[0]['failed']} | | | | | | |")
            continue
        each = [run.get("ratio", run["epoch"] / centre) for run in good]
        ratios[name] = statistics.median(each)
        target = TARGETS.get(name, {}).get(work)
        cells = [
            name,
            f"{min(run['epoch'] for run in good):.4f}",
            f"**{ratios[name]:.3f}**",
            f"{min(each):.2f}-{max(each):.2f}",
            "" if target is None else f"{target:.2f} {'met' if ratios[name] <= target else 'MISSED'}",
            f"{min(run['first'] for run in good):+.2f}",
            f"{statistics.median(run['score'] for run in good):.3f}",
            f"{max(run['memory'] for run in good):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *verdict(ratios)])


def verdict(ratios: dict[str, float]) -> list[str]:
    """Whether a peer is faster than netwright in float32."""
    if "netwright" not in ratios:
        return []
    peers = [name for name in ratios if name not in ("raw", "raw fused", *OURS)]
    ahead = [name for name in peers if ratios[name] <= ratios["netwright"]]
    if not peers:
        return []
    return ["", f"faster than netwright: {', '.join(ahead) or 'no peer'}"]


def versions(results: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    """The versions of everything that ran."""
    found: dict[str, str] = {}
    for runs in results.values():
        for measured in runs.values():
            for run in measured:
                found.update(run.get("versions", {}))
    return "versions: " + ", ".join(f"{name} {found[name]}" for name in sorted(found))


if __name__ == "__main__":
    main()
