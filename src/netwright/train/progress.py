"""Progress: one line that is rewritten on a terminal, one plain line an epoch elsewhere.

The line is redrawn by the clock, not by the batch, so that it costs nothing.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any, TextIO

INTERVAL = 0.1  # seconds between two drawings
WIDTH = 24


class Progress:
    """The callback that shows how far a run is.

    Parameters
    ----------
    stream : where to write; standard error by default.
    every : epochs between two plain lines off a terminal.
    """

    def __init__(self, stream: TextIO | None = None, every: int = 1) -> None:
        self.stream = stream
        self.every = every
        self._next = 0.0

    def on_batch_end(self, run: Any) -> None:
        """Draw the bar when a tenth of a second has passed."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + INTERVAL
        stream = self._stream()
        if stream.isatty():
            done = (run.batch + 1) / len(run.batches)
            bar = "█" * round(done * WIDTH) + "░" * (WIDTH - round(done * WIDTH))
            stream.write(f"\r\x1b[Kepoch {run.epoch + 1}/{run.epochs} {bar} {done:4.0%}")
            stream.flush()

    def on_epoch_end(self, run: Any) -> None:
        """Write the epoch's line."""
        stream = self._stream()
        if stream.isatty():
            stream.write("\r\x1b[K")
        elif run.epoch % self.every and run.epoch != run.epochs and not run.stop:
            return
        stream.write(line(run.history[-1], run.epochs, best=run.best_epoch == run.epoch) + "\n")
        stream.flush()

    def _stream(self) -> TextIO:
        return self.stream or sys.stderr


def line(record: dict[str, Any], epochs: int, best: bool = False) -> str:
    """An epoch in one line; the star marks the best monitored loss so far.

    Examples
    --------
    >>> line({"epoch": 2, "train_loss": 0.5, "train_score": 0.75, "learning_rate": 0.1, "seconds": 1.5}, 10)
    'epoch  2/10  loss 0.5000  score 0.7500  rate 0.1  1.5 s'
    """
    width = len(str(epochs))
    parts = [f"epoch {record['epoch']:>{width}}/{epochs}", f"loss {record['train_loss']:.4f}"]
    for name, label in (("train_score", "score"), ("validation_loss", "val loss"), ("validation_score", "val score")):
        if name in record and not math.isnan(record[name]):
            parts.append(f"{label} {record[name]:.4f}")
    if not math.isnan(record["learning_rate"]):
        parts.append(f"rate {record['learning_rate']:.3g}")
    parts.append(f"{record['seconds']:.1f} s")
    return "  ".join(parts) + (" *" if best else "")
