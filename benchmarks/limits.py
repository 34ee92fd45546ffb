"""How near a step of workloads a and b is to what the machine can do: microseconds a step, one thread.

    python benchmarks/limits.py [--repeats 15]

matrix products   the eight products of a step (three forward, three for weights, two for inputs) and nothing else
by hand           the step without autograd: products, rectifiers, softmax and the fused Adam kernel on one flat vector
functional        forward and backward by autograd in plain functions, the fused Adam kernel on one flat vector; the
                  floor of any loop that leaves the gradients to torch
netwright         its training loop with everything on but validation: an epoch of `Classifier` over its steps
raw               the hand-written loop of `raw.py` without validation, over its steps

The last column is the time over that of the matrix products. Each figure is the best of the repeats, in CPU seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import ours
import raw
import torch
from contender import Clock
from torch.nn import functional
from workloads import HIDDEN, Workload, load

STEPS = 200


def products(work: Workload) -> Callable[[], None]:
    """The matrix products alone, into ready memory."""
    n, sizes = work.batch_size, (64, *HIDDEN, work.classes)
    layers = list(pairwise(sizes))
    values = [torch.randn(n, size) for size in sizes]
    weights = [torch.randn(after, before) for before, after in layers]
    results = [torch.empty_like(value) for value in values]
    gradients = [torch.empty_like(weight) for weight in weights]

    def step() -> None:
        for i, weight in enumerate(weights):
            torch.mm(values[i], weight.T, out=results[i + 1])
        for i in reversed(range(len(weights))):
            torch.mm(values[i + 1].T, values[i], out=gradients[i])
            if i:
                torch.mm(values[i + 1], weights[i], out=results[i])

    return step


class FlatNetwork:
    """The dense network as views into one vector, with the fused Adam kernel on it."""

    def __init__(self, work: Workload) -> None:
        sizes = (64, *HIDDEN, work.classes)
        shapes = [s for before, after in pairwise(sizes) for s in ((after, before), (after,))]
        counts = [torch.Size(shape).numel() for shape in shapes]
        self.theta = torch.randn(sum(counts)) * 0.05
        self.gradient, self.mean, self.square = (torch.zeros_like(self.theta) for _ in range(3))
        self.count = torch.zeros(())
        self.parameters = [v.view(s) for v, s in zip(self.theta.split(counts), shapes, strict=True)]
        self.gradients = [v.view(s) for v, s in zip(self.gradient.split(counts), shapes, strict=True)]
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(len(work.X), generator=generator)
        self.X, self.y = (torch.from_numpy(part)[order].split(work.batch_size) for part in (work.X, work.y))
        self.batch = 0

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The next full batch of the epoch."""
        self.batch = (self.batch + 1) % (len(self.X) - 1)
        return self.X[self.batch], self.y[self.batch]

    def adam(self) -> None:
        """One update by torch's kernel."""
        self.count += 1
        state = ([self.theta], [self.gradient], [self.mean], [self.square], [], [self.count])
        how = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0, "eps": 1e-8}
        torch._fused_adam_(*state, amsgrad=False, maximize=False, **how)


def functional_step(work: Workload) -> Callable[[], None]:
    """Autograd over plain functions, one flat vector."""
    net = FlatNetwork(work)
    for parameter, gradient in zip(net.parameters, net.gradients, strict=True):
        parameter.requires_grad_()
        parameter.grad = gradient
    w1, b1, w2, b2, w3, b3 = net.parameters

    def step() -> None:
        x, t = net.next()
        net.gradient.zero_()
        h = functional.relu(functional.linear(x, w1, b1))
        h = functional.relu(functional.linear(h, w2, b2))
        functional.cross_entropy(functional.linear(h, w3, b3), t).backward()
        with torch.no_grad():
            net.adam()

    return step


def by_hand(work: Workload) -> Callable[[], None]:
    """The gradients written out: delta = softmax - onehot, then back through each layer."""
    net = FlatNetwork(work)
    w1, b1, w2, b2, w3, b3 = net.parameters
    g1, c1, g2, c2, g3, c3 = net.gradients
    onehot, n = torch.eye(work.classes), work.batch_size

    def step() -> None:
        x, t = net.next()
        h1 = torch.addmm(b1, x, w1.T).relu_()
        h2 = torch.addmm(b2, h1, w2.T).relu_()
        delta = torch.softmax(torch.addmm(b3, h2, w3.T), 1).sub_(onehot[t]).div_(n)
        torch.mm(delta.T, h2, out=g3)
        torch.sum(delta, 0, out=c3)
        delta = torch.mm(delta, w3).mul_(h2 > 0)
        torch.mm(delta.T, h1, out=g2)
        torch.sum(delta, 0, out=c2)
        delta = torch.mm(delta, w2).mul_(h1 > 0)
        torch.mm(delta.T, x, out=g1)
        torch.sum(delta, 0, out=c1)
        net.adam()

    return step


def best(step: Callable[[], None], repeats: int) -> float:
    """CPU seconds of a step: the best of some repeats of many steps."""
    seconds = []
    for _ in range(repeats + 1):  # the first warms up
        begin = time.process_time()
        for _ in range(STEPS):
            step()
        seconds.append((time.process_time() - begin) / STEPS)
    return min(seconds[1:])


def per_step(train: Callable[..., Any], variant: str, work: Workload, repeats: int) -> float:
    """CPU seconds of a step of a whole loop: its best epoch over its batches."""
    work = dataclasses.replace(work, validates=False, epochs=repeats)
    clock = Clock()
    with contextlib.redirect_stderr(io.StringIO()):  # progress is written, and not shown
        train(work, variant, clock)
    return min(clock.epochs()[1:]) / -(-len(work.X) // work.batch_size)


def main() -> None:
    """Measure both workloads and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in "ab":
        work = load(name)
        rows = {
            "matrix products": best(products(work), repeats),
            "by hand": best(by_hand(work), repeats),
            "functional": best(functional_step(work), repeats),
            "netwright": per_step(ours.train, "float32", work, repeats),
            "raw": per_step(raw.train, "defaults", work, repeats),
        }
        print(f"\n**{name}**: {work.text}\n\n| step | microseconds | over the products |\n|---|---|---|")
        for label, seconds in rows.items():
            print(f"| {label} | {seconds * 1e6:.1f} | {seconds / rows['matrix products']:.1f} |")


if __name__ == "__main__":
    main()
