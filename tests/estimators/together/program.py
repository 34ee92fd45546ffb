"""A fit under torchrun that writes checkpoints; process 1 kills itself once, in the middle of an epoch.

Arguments: folder, "copies" or "sharded", and the epoch in which process 1 dies (0: in none). The first process writes
the hash of all weights and the history to ``<folder>.hash``.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits

import netwright as nw
from netwright.layers import Dropout, ReLU, Softmax


class Dying(torch.nn.Module):
    """Passes on what it gets, and kills its process at a step of training, once."""

    def __init__(self, step: int, flag: Path) -> None:
        super().__init__()
        self.step, self.flag, self.seen = step, flag, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += self.training
        if self.seen == self.step and os.environ["RANK"] == "1" and not self.flag.exists():
            self.flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return x


def network(step: int, flag: Path) -> Any:
    """Layers with dropout, one of which may die."""
    body = (nw.layers.Input(64) >> ReLU(32) >> Dropout(0.2) >> Softmax(10)).build(0)
    return torch.nn.Sequential(Dying(step, flag), *body) if step else torch.nn.Sequential(torch.nn.Identity(), *body)


def main() -> None:
    """Fit, and write down what came of it."""
    torch.set_num_threads(1)
    folder, kind, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
    X, y = load_digits(return_X_y=True)
    clf = nw.Classifier(
        network(step, Path(f"{folder}.killed")),
        epochs=5,
        validation=0.2,
        patience=4,
        average=0.99,
        optimizer=nw.optim.Clip(nw.optim.Adam(0.01), 1.0),
        checkpoint=folder,
        devices=nw.train.Devices(sharded=kind == "sharded", timeout=25),
        random_state=0,
    )
    clf.fit(X / 16, y)
    if os.environ["RANK"] == "0":
        digest = hashlib.sha256(repr(clf.loss_curve_).encode())
        for p in clf.module_.parameters():
            digest.update(p.detach().numpy().tobytes())
        Path(f"{folder}.hash").write_text(digest.hexdigest())


if __name__ == "__main__":
    main()
