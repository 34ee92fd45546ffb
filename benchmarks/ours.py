"""netwright with everything on: history, validation, callbacks (one of them at every batch) and progress.

    python benchmarks/ours.py c [--variant float32|bf16]

The network and the rule of every workload are those of `raw.py`, and weights are drawn from the law that torch's layers
draw theirs from, so that the final scores can be compared; the same `nw.Classifier` trains all four.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from contender import Clock, accuracy, serve
from raw import LastState
from workloads import HIDDEN, Workload, settings

import netwright as nw
from netwright.layers import Conv, Flatten, HeUniform, Input, MaxPool, Module, ReLU, Softmax

START = HeUniform(3**-0.5)  # U(-b, b) with b = sqrt(1 / fan_in), as torch.nn.Linear and Conv2d start


def network(work: Workload) -> Any:
    """The network of a workload as an expression."""
    if work.name in "ab":
        body = ReLU(HIDDEN[0], weight=START) >> ReLU(HIDDEN[1], weight=START)
        return Input(64) >> body >> Softmax(work.classes, weight=START)
    if work.name == "c":
        body = Conv(32, 3, weight=START) >> ReLU() >> MaxPool(2) >> Conv(64, 3, weight=START) >> ReLU() >> MaxPool(2)
        head = Flatten() >> ReLU(128, weight=START) >> Softmax(work.classes, weight=START)
        return Input(1, 28, 28) >> body >> head
    return Input(50, 8) >> Module(LastState) >> Softmax(work.classes, weight=START)


def rule(work: Workload) -> Any:
    """The workload's update rule as a value."""
    how = settings(work)
    if how["rule"] == "sgd":
        return nw.optim.SGD(how["lr"], momentum=how["momentum"], nesterov=how["nesterov"])
    return nw.optim.Adam(how["lr"])


class Watch:
    """A callback such as users write: counts batches, and remembers the best epoch."""

    def __init__(self) -> None:
        self.batches, self.best = 0, float("inf")

    def on_batch_end(self, run: Any) -> None:
        self.batches += 1

    def on_epoch_end(self, run: Any) -> None:
        self.best = min(self.best, run.history[-1]["train_loss"])


def train(work: Workload, variant: str, clock: Clock) -> float:
    """Fit a Classifier; gives the accuracy on the held-out rows."""
    classifier = nw.Classifier(
        network(work),
        optimizer=rule(work),
        epochs=work.epochs,
        batch_size=work.batch_size,
        validation=(work.X_held, work.y_held) if work.validates else None,
        precision=variant,
        device="cpu",
        random_state=0,
        callbacks=[Watch(), clock.tick],
        verbose=1,
    )
    clock.start()
    classifier.fit(work.X, work.y)
    if len(classifier.history_) != work.epochs or np.isnan(classifier.history_["train_loss"]).any():
        raise SystemExit(f"the history has {len(classifier.history_)} epochs of {work.epochs}, or NaN")
    return accuracy(classifier.predict(work.X_held), work.y_held)


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(train, ("float32", "bf16"), ("torch",))
