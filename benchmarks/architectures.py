"""Named architectures beside the same networks by hand (`by_hand/`): forward, training step; and the cost of summaries.

    python benchmarks/architectures.py [--only resnet18,vgg16] [--repeats 9] [--threads 1] [--batch 8] [--json out.json]
    python benchmarks/architectures.py --calculator [--runs 7]       summaries only

Both networks live in one process and take turns, and each repetition swaps who begins. Where their parameters come in
one order they have the same weights, and their outputs must agree.

forward  in evaluation without gradients, milliseconds: medians of the repetitions
step     forward, cross-entropy, backward, one SGD step in a plain loop, likewise
ratio    ours to by hand within a repetition: the median, and the range
layout   how images lie in memory: contiguous (n, c, h, w), or channels-last (torch.channels_last), for both alike
weights  the same in both networks, or each its own

With one thread the clock counts CPU seconds and the process stays on one core; with more it counts wall seconds.
The target is a ratio of at most 1.03.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import by_hand
import torch
from isolated import environment, machine
from torch import nn
from torch.nn import functional as F

import netwright as nw
from netwright.graph import Input
from netwright.losses import split_link

TARGET = 1.03
LEAST = 0.1  # seconds of a repetition
LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
BATCH = 8
SMALLER = {"vgg": 2, "resnet101": 4, "resnet152": 4, "inception": 4, "unet": 1}  # beginnings of names: samples
SIZES = {"unet": (1, 252, 252), "unet_bn": (3, 128, 128)}  # other than the networks are made for, so that it ends soon

# by hand -> its name in netwright.models and the options there, where they are not the same
COUNTERPARTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"vgg{layers}_bn": (f"vgg{layers}", {"batch_norm": True}) for layers in (11, 13, 16, 19)},
    **{f"squeezenet{version}": ("squeezenet", {"version": version.replace("_", ".")}) for version in ("1_0", "1_1")},
    "unet": ("unet", {"in_channels": 1, "paper": True, "dropout": 0.0}),
    "unet_bn": ("unet", {}),
}
OPTIONS = {"unet_bn": {"num_classes": 2}}  # for both

# In a process of its own: seconds of loading netwright after torch, of making a network, of its summary.
SECONDS = """
import json, time, torch
times = [time.perf_counter()]
import netwright as nw
from netwright.layers import Input
nw.models
times.append(time.perf_counter())
net = Input(3, 224, 224) >> nw.models.{name}()
times.append(time.perf_counter())
text = str(net.summary())
times.append(time.perf_counter())
print(json.dumps([after - before for before, after in zip(times, times[1:])]))
"""

# In a process of its own: MiB of the peak (which Linux counts anew) up to the summary.
MEMORY = """
import json, pathlib, torch, netwright as nw
from netwright.layers import Input
nw.models
def mib(name):
    return int(pathlib.Path("/proc/self/status").read_text().split(name + ":")[1].split()[0]) / 1024
before = mib("VmRSS")
pathlib.Path("/proc/self/clear_refs").write_text("5")
summary = (Input(3, 224, 224) >> nw.models.{name}()).summary()
print(json.dumps([mib("VmHWM") - before]))
"""

HEADINGS = (
    "network",
    "batch",
    "layout",
    *("forward", "by hand", "ratio", "range"),
    *("step", "by hand", "ratio", "range"),
)


def main() -> None:
    """Measure what the command line asks for, and print Markdown."""
    args = arguments()
    print(f"{machine()}, torch {torch.__version__}; {args.threads} thread(s)\n", flush=True)
    results: dict[str, Any] = {"machine": machine(), "threads": args.threads, "networks": []}
    if not args.calculator:
        settle(args.threads)
        print(f"| {' | '.join((*HEADINGS, 'weights'))} |\n|{'---|' * (len(HEADINGS) + 1)}", flush=True)
        for name in args.only:
            for row in compare(name, args):
                results["networks"].append(row)
                print(line(row), flush=True)
        print(f"\n{verdict(results['networks'])}\n", flush=True)
    results["calculator"] = calculator(args.runs)
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=1))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    both = [name for name in by_hand.SHAPES if hasattr(nw.models, COUNTERPARTS.get(name, (name,))[0])]
    parser.add_argument("--only", default=",".join(both), help="networks, such as resnet18,vgg16")
    parser.add_argument("--layouts", default=",".join(LAYOUTS), help="contiguous, channels-last or both")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=None, help="samples, instead of each network's own number")
    parser.add_argument("--calculator", action="store_true", help="measure summaries only")
    parser.add_argument("--runs", type=int, default=7, help="processes for each figure of the calculator")
    parser.add_argument("--json", default=None, help="write everything that was measured to this file")
    args = parser.parse_args()
    args.only, args.layouts = args.only.split(","), args.layouts.split(",")
    for given, known in ((args.only, both), (args.layouts, LAYOUTS)):
        strange = [name for name in given if name not in known]
        if strange:
            parser.error(f"{strange[0]!r} is none of {', '.join(known)}")
    return args


def settle(threads: int) -> None:
    """As many threads as asked for, and one core for one thread."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def compare(name: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """One architecture in each layout."""
    shape = SIZES.get(name, by_hand.SHAPES[name])
    batch = args.batch or next((n for start, n in SMALLER.items() if name.startswith(start)), BATCH)
    ours, hand = networks(name, shape)
    x = torch.randn(batch, *shape)
    same = share_weights(hand, ours)
    expect_equal(name, hand, ours, x, same)
    rows = []
    for layout in args.layouts:
        nets = [net.to(memory_format=LAYOUTS[layout]) for net in (ours, hand)]
        images = x.to(memory_format=LAYOUTS[layout])
        row = {"network": name, "batch": batch, "layout": layout, "weights": "same" if same else "own"}
        target = targets(nets[1], images)
        row["forward"] = in_turns([forward(net.eval(), images) for net in nets], args)
        row["step"] = in_turns([step(net.train(), images, target) for net in nets], args)
        rows.append(row)
    return rows


def networks(name: str, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Ours without its last activation, as it is trained, and the one by hand: both give logits."""
    counterpart, options = COUNTERPARTS.get(name, (name, {}))
    both = OPTIONS.get(name, {})
    ours, _ = split_link((Input(*shape) >> getattr(nw.models, counterpart)(**options, **both)).build(seed=0))
    return ours, getattr(by_hand, name)(**both)


def share_weights(hand: nn.Module, ours: nn.Module) -> bool:
    """Give ours the weights of the network by hand, if they come in the same order; whether they do."""
    pairs = [(*hand.parameters(), *hand.buffers()), (*ours.parameters(), *ours.buffers())]
    if [tensor.shape for tensor in pairs[0]] != [tensor.shape for tensor in pairs[1]]:
        return False
    with torch.no_grad():
        for theirs, mine in zip(*pairs, strict=True):
            mine.copy_(theirs)
    return True


def expect_equal(name: str, hand: nn.Module, ours: nn.Module, x: torch.Tensor, same: bool) -> None:
    """Stop if the two are not the same network."""
    counts = [sum(p.numel() for p in net.parameters()) for net in (ours, hand)]
    with torch.no_grad():
        mine, theirs = ours.eval()(x), hand.eval()(x)
    shapes = [tuple(mine.shape), tuple(theirs.shape)]
    if counts[0] != counts[1] or shapes[0] != shapes[1]:
        raise SystemExit(f"{name}: parameters {counts} and outputs {shapes} of ours and by hand are not the same")
    if same and not torch.allclose(mine, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max())):
        raise SystemExit(f"{name}: with the same weights, ours and by hand give other outputs")


def targets(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """A class for each output: (batch,), or (batch, height, width)."""
    with torch.no_grad():
        shape = net.eval()(x).shape
    return torch.randint(shape[1], (shape[0], *shape[2:]))


def forward(net: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """One forward pass."""

    def run() -> None:
        with torch.no_grad():
            net(x)

    return run


def step(net: nn.Module, x: torch.Tensor, target: torch.Tensor) -> Callable[[], None]:
    """One training step of a plain loop."""
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(x), target).backward()
        optimizer.step()

    return run


def in_turns(actions: list[Callable[[], None]], args: argparse.Namespace) -> dict[str, Any]:
    """Seconds of two actions that take turns, and the ratio of the first to the second."""
    clock = time.process_time if args.threads == 1 else time.perf_counter

    def seconds(action: Callable[[], None], count: int) -> float:
        begin = clock()
        for _ in range(count):
            action()
        return (clock() - begin) / count

    for action in actions:
        seconds(action, 1)  # warm
    count = max(1, math.ceil(LEAST / min(seconds(action, 1) for action in actions)))
    times: list[list[float]] = [[], []]
    for repeat in range(args.repeats):
        for i in (0, 1) if repeat % 2 else (1, 0):
            times[i].append(seconds(actions[i], count))
    ratios = [ours / hand for ours, hand in zip(*times, strict=True)]
    middle = [statistics.median(each) for each in times]
    return {
        "ours": middle[0],
        "hand": middle[1],
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
    }


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    cells = [row["network"], str(row["batch"]), row["layout"]]
    for part in (row["forward"], row["step"]):
        low, high = part["range"]
        cells += [f"{part['ours'] * 1e3:.2f}", f"{part['hand'] * 1e3:.2f}", f"**{part['ratio']:.3f}**"]
        cells.append(f"{low:.2f}-{high:.2f}")
    return f"| {' | '.join([*cells, row['weights']])} |"


def verdict(rows: list[dict[str, Any]]) -> str:
    """Which rows are above the target."""
    slow = [
        f"{row['network']} {row['layout']} {part} {row[part]['ratio']:.3f}"
        for row in rows
        for part in ("forward", "step")
        if row[part]["ratio"] > TARGET
    ]
    return f"above {TARGET}: {', '.join(slow) or 'none'}"


def calculator(runs: int) -> dict[str, Any]:
    """What summaries cost, in fresh processes: medians."""
    figures: dict[str, Any] = {}
    if hasattr(nw.models, "resnet50"):
        names = ("netwright's modules", "the network", "the summary")
        parts = dict(zip(names, in_processes(SECONDS, "resnet50", runs), strict=True))
        figures["resnet50 seconds"] = parts
        own = sum(parts.values())
        said = ", ".join(f"{name} {seconds:.3f}" for name, seconds in parts.items())
        print(f"resnet50 after `import torch`, seconds: {said}")
        print(f"together {own:.3f} (target 0.5: {'met' if own < 0.5 else 'MISSED'})", flush=True)
    if hasattr(nw.models, "vgg16") and Path("/proc/self/clear_refs").exists():
        [peak] = in_processes(MEMORY, "vgg16", runs)
        figures["vgg16 MiB"] = {"network and summary": peak}
        print(f"vgg16, MiB: the network and its summary at their peak {peak:.1f}")
        print(f"(target 50 MB: {'met' if peak * 2**20 < 50e6 else 'MISSED'})")
    return figures


def in_processes(code: str, name: str, runs: int) -> list[float]:
    """The medians of what fresh interpreters write, number by number."""
    command = [sys.executable, "-c", code.format(name=name)]
    written = [
        subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stdout
        for _ in range(runs)
    ]
    return [statistics.median(column) for column in zip(*map(json.loads, written), strict=True)]


if __name__ == "__main__":
    main()
