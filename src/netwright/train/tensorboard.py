"""TensorBoard: the history of a run as event files (extra ``netwright[tensorboard]``)."""

from __future__ import annotations

import math
import os
from typing import Any

from netwright.core.errors import InvalidParameter, problem
from netwright.train.history import flatten


class TensorBoard:
    """A callback that writes every number of an epoch's record for TensorBoard.

    Parameters
    ----------
    directory : folder of the event files; one run a folder.

    Raises
    ------
    InvalidParameter : the package tensorboard is not installed.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = directory
        self._writer: Any = None

    def on_fit_start(self, run: Any) -> None:
        """Open the event file."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InvalidParameter(
                problem("TensorBoard", "the package tensorboard", str(error), "pip install 'netwright[tensorboard]'")
            ) from error
        self._writer = SummaryWriter(os.fspath(self.directory))

    def on_epoch_end(self, run: Any) -> None:
        """Write the epoch's numbers as ``train_loss``, ``update_ratio/conv1``..."""
        record = flatten(run.history[-1])
        for name, number in record.items():
            if name != "epoch" and math.isfinite(number):
                self._writer.add_scalar(name.replace(".", "/", 1), number, record["epoch"])

    def on_fit_end(self, run: Any) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
