"""A GPU's figures: a bf16 step of a CNN beside hand-written torch, and recorded steps of small networks beside eager.

    python benchmarks/scale/gpu.py

Prints the device's name, then medians and ratios of one run: the convolutional step of the library over the same step
written out by hand (asked: at most 1.05), and epochs of small dense networks as they are over epochs with
``Devices(compile="graphs")`` (asked: at least 5) and with ``Devices(compile=True)``. Everything is warmed up first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

import netwright as nw
from netwright.layers import BatchNorm, Conv, Flatten, Input, Linear, MaxPool, ReLU
from netwright.losses import CrossEntropy
from netwright.train import Batches, Precision, Run, train

REPEATS = 7


def main() -> None:
    """Measure, and print."""
    if not torch.cuda.is_available():
        print("no GPU here: nothing to measure")
        return
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    convolutions()
    for widths, size in [((64, 64), 32), ((128, 128), 64), ((256, 256, 256), 128)]:
        recorded(widths, size)


def data(shape: tuple[int, ...], rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and classes on the GPU."""
    draw = torch.Generator().manual_seed(0)
    return torch.randn(rows, *shape, generator=draw).cuda(), torch.randint(10, (rows,), generator=draw).cuda()


def entropy(output: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    """The loss."""
    return CrossEntropy()(output, target, weight, "softmax")


def run_of(network: nw.graph.Expression, precision: Precision, x: torch.Tensor, y: torch.Tensor, size: int) -> Run:
    """A run with its rows."""
    run = Run(precision.place(network.build(0)), entropy, nw.optim.Adam(), precision)
    run.load(Batches((x,), y, size=size, channels_last=precision.channels_last))
    return run


def timed(call: Callable[[], object]) -> float:
    """Median seconds of a call, the device's work included."""
    call()
    times = []
    for _ in range(REPEATS):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def convolutions() -> None:
    """The bf16 step of a CNN: the library's epoch beside a loop by hand on the same batches."""
    body = Input(3, 64, 64)
    for width in (64, 128, 256):
        body = body >> Conv(width, 3) >> BatchNorm() >> ReLU() >> Conv(width, 3) >> BatchNorm() >> ReLU() >> MaxPool(2)
    network, size, rows = body >> Flatten() >> Linear(10), 256, 5120
    x, y = data((3, 64, 64), rows)
    run = run_of(network, Precision(device=x.device, autocast=True, channels_last=True), x, y, size)
    ours = timed(lambda: train(run, 1)) * size / rows

    module = network.build(0).cuda().to(memory_format=torch.channels_last)
    rule = torch.optim.Adam(module.parameters(), fused=True)
    images = x.to(memory_format=torch.channels_last)

    def by_hand() -> None:
        module.train()
        order = torch.randperm(rows, device=x.device)
        for some in order.split(size):
            rule.zero_grad(set_to_none=True)
            with torch.autocast("cuda", dtype=torch.bfloat16):
                loss = torch.nn.functional.cross_entropy(module(images[some]), y[some])
            loss.backward()
            rule.step()

    hand = timed(by_hand) * size / rows
    print(f"bf16 CNN, batch {size}: {ours * 1e3:.2f} ms a step, by hand {hand * 1e3:.2f}, ratio {ours / hand:.3f}")


def recorded(widths: tuple[int, ...], size: int) -> None:
    """Epochs of a dense network: as they are, compiled, and recorded."""
    network = Input(64)
    for width in widths:
        network = network >> ReLU(width)
    x, y = data((64,), size * 200)
    times = {}
    for how in (False, True, "graphs"):
        run = run_of(network >> Linear(10), Precision(device=x.device, compile=how), x, y, size)
        times[how] = timed(lambda run=run: train(run, 1))
    eager = times[False]
    text = ", ".join(f"{how}: {seconds / 200 * 1e6:.0f} us ({eager / seconds:.1f} x)" for how, seconds in times.items())
    print(f"dense {widths}, batch {size}, a step: {text}")


if __name__ == "__main__":
    main()
