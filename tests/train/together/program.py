"""What one of several processes does: the runs of `CASES`, whole and sharded; results go to a folder.

Started by torchrun with the name of the folder. Without torchrun it is the one process to compare with.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

import netwright as nw
from netwright.train import Batches, Devices, Group, Precision, Run, train

CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "momentum, penalties": (nw.optim.SGD(0.1, momentum=0.9), {"penalties": (nw.l2(1e-3), nw.maxnorm(0.5))}),
    "adam, average": (nw.optim.Adam(0.01), {"average": 0.9}),
    "clipped": (nw.optim.Clip(nw.optim.Adam(0.01), 0.05), {}),
    "frozen": (nw.optim.Freeze(nw.optim.Adam(0.01), "0"), {}),
    "lookahead": (nw.optim.Lookahead(nw.optim.RMSprop(0.01)), {}),
    "accumulated": (nw.optim.Accumulate(nw.optim.Adam(0.01), steps=3), {}),
    "schedule, weights": (nw.optim.SGD(nw.optim.cosine(0.1)), {"weighted": True}),
}


def run_of(case: str, group: Group) -> Run:
    """A run of 40 steps in double precision."""
    rule, options = CASES[case]
    options = dict(options)
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(330, 6, generator=draw, dtype=torch.float64)
    y = (x[:, :1] * x[:, 1:2]).sin()
    weight = torch.rand(301, generator=draw, dtype=torch.float64) if options.pop("weighted", False) else None
    layers = [(6, 32), (32, 32), (32, 1)]
    with torch.random.fork_rng():
        linear = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in layers]
    for layer in linear:
        for p in layer.parameters():
            p.data = torch.rand(p.shape, generator=draw, dtype=torch.float64) - 0.5
    inner = torch.nn.Sequential(linear[1], torch.nn.ReLU())
    net = torch.nn.Sequential(linear[0], torch.nn.Tanh(), inner, linear[2])

    def objective(z: torch.Tensor, t: torch.Tensor, w: torch.Tensor | None) -> torch.Tensor:
        return ((z - t).square().mean(1) * (1.0 if w is None else w)).mean()

    def score(z: torch.Tensor, t: torch.Tensor, w: torch.Tensor | None) -> float:
        return float(1 - (z - t).square().mean() / t.var())

    run = Run(net, objective, rule, Precision(torch.float64, group=group), score, **options)
    run.load(Batches((x[:301],), y[:301], weight, size=32), Batches((x[301:],), y[301:]))
    return train(run, 4, patience=3)


def result(run: Run) -> dict[str, Any]:
    """What is compared."""
    kept = run.state()["moments"]
    moments = list(kept["state"].values()) if kept else []
    return {
        "theta": torch.cat([p.detach().flatten() for p in run.home.parameters()]),
        "losses": torch.tensor([run.history["train_loss"], run.history["validation_loss"]]),
        "scores": torch.tensor([run.history["train_score"], run.history["validation_score"]]),
        "ratios": torch.tensor(list(run.history[-1]["update_ratio"].values())),
        "penalty": torch.tensor(run.history[-1].get("penalty", 0.0)),
        "moments": [torch.as_tensor(part) for each in moments for part in each.values()],
    }


def refusals(group: Group) -> dict[str, str]:
    """What is said of what cannot be done together."""
    said = {}
    for name, action in {
        "rows": lambda: group.expect_same(str(group.rank), "fit"),
        "count": lambda: Group.joined(Devices(3)),
        "rule": lambda: Run(torch.nn.Linear(1, 1), None, nw.optim.LevenbergMarquardt(), Precision(group=group)),
    }.items():
        try:
            action()
        except ValueError as error:
            said[name] = f"{type(error).__name__}: {error}"
    return said


def main() -> None:
    """All cases, of this process."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    for sharded in (False, True):
        group = Group.joined(Devices(sharded=sharded))
        found = {case: result(run_of(case, group)) for case in CASES}
        torch.save(found, folder / f"{'sharded' if sharded else 'copies'}-{group.rank}.pt")
    (folder / f"said-{group.rank}.txt").write_text(repr(refusals(group)))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
