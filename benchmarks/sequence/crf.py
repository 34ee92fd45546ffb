"""The CRF beside pytorch-crf: Viterbi's paths, and the loss with its gradients.

    pip install pytorch-crf==0.7.2
    python benchmarks/sequence/crf.py

32 sequences of up to 200 steps and 9 tags, one thread, the same scores and weights in both. Each figure is the least
of several runs, the two taken in turn after a warm-up; the last column is theirs over ours. Both must give the same
paths, losses and gradients, or nothing is printed. Without pytorch-crf the figures are netwright's alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

from netwright.layers import CRF

SIZES = ((32, 200, 9), (32, 50, 9), (32, 25, 17), (8, 500, 40))


def main() -> None:
    """Print a table of milliseconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    print("| batch x steps x tags | what | netwright, ms | pytorch-crf, ms | ratio |\n|---|---|---|---|---|")
    for batch, steps, tags in SIZES:
        jobs = programs(batch, steps, tags)
        for what, (ours, theirs) in jobs.items():
            figures = least([ours] if theirs is None else [ours, theirs], runs)
            other = f"{figures[1]:.1f} | {figures[1] / figures[0]:.1f}" if theirs is not None else "- | -"
            print(f"| {batch} x {steps} x {tags} | {what} | {figures[0]:.1f} | {other} |", flush=True)


def programs(batch: int, steps: int, tags: int) -> dict[str, tuple[Callable[[], Any], Callable[[], Any] | None]]:
    """Both libraries' decoding and loss with gradients, checked to be equal."""
    generator = torch.Generator().manual_seed(0)
    emissions = torch.randn(batch, steps, tags, generator=generator, requires_grad=True)
    path = torch.randint(tags, (batch, steps), generator=generator)
    lengths = torch.randint(steps // 2, steps + 1, (batch,), generator=generator)
    lengths[0] = steps
    mask = torch.arange(steps) < lengths[:, None]
    ours: Any = CRF(tags).build(seed=0)

    def loss(crf: Any) -> torch.Tensor:
        total: torch.Tensor = -crf(emissions, path, mask)
        crf.zero_grad()
        emissions.grad = None
        total.backward()
        return total

    try:
        from torchcrf import CRF as Theirs
    except ImportError:
        return {"decode": (lambda: ours.decode(emissions, mask), None), "loss + backward": (lambda: loss(ours), None)}
    theirs = Theirs(tags, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    assert ours.decode(emissions, mask) == theirs.decode(emissions, mask), "other paths"
    one, mine = loss(ours), emissions.grad
    other, its = loss(theirs), emissions.grad
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(mine, its, rtol=1e-3, atol=1e-4)
    return {
        "decode": (lambda: ours.decode(emissions, mask), lambda: theirs.decode(emissions, mask)),
        "loss + backward": (lambda: loss(ours), lambda: loss(theirs)),
    }


def least(jobs: list[Callable[[], Any]], runs: int) -> list[float]:
    """The least milliseconds of each job, the jobs taken in turn."""
    best = [float("inf")] * len(jobs)
    for job in jobs:
        job()
    for _ in range(runs):
        for place, job in enumerate(jobs):
            begin = time.perf_counter()
            job()
            best[place] = min(best[place], 1e3 * (time.perf_counter() - begin))
    return best


if __name__ == "__main__":
    main()
