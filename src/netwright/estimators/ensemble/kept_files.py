"""The weights that an ensemble of one run keeps, beside the checkpoints of that run: a file for each epoch.

They are written before the run itself is written down. So whatever is there of epochs up to that of a checkpoint
belongs to it, and a run that goes on from an earlier one writes the later files again, with the same content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from netwright.core import storage
from netwright.core.errors import InvalidParameter, problem
from netwright.core.generations import REMEDY
from netwright.train.checkpoint import Checkpoint

KIND = "Kept"


def clear(checkpoint: Checkpoint) -> None:
    """Remove what a run kept that begins anew.

    Parameters
    ----------
    checkpoint : of the run.
    """
    for old in checkpoint.folder.glob("kept-*.nw"):
        old.unlink()


def write(checkpoint: Checkpoint, epoch: int, plan: list[int], tensors: dict[str, torch.Tensor]) -> None:
    """Write down the weights after an epoch.

    Parameters
    ----------
    checkpoint : of the run. epoch : from 1. plan : all epochs that are kept. tensors : the weights.
    """
    checkpoint.folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    storage.write(_path(checkpoint, epoch), KIND, {"identity": checkpoint.identity, "plan": plan}, arrays)


def read(checkpoint: Checkpoint, epoch: int, plan: list[int]) -> dict[str, torch.Tensor]:
    """The weights after an epoch, as they were written.

    Parameters
    ----------
    checkpoint, epoch, plan : as of `write`.

    Raises
    ------
    InvalidParameter : the run did not keep them, or for another ensemble. CorruptFile : a damaged file.
    """
    path = _path(checkpoint, epoch)
    content: dict[str, Any] = {}
    if path.exists():
        _, content, arrays = storage.read(path)
    if content != {"identity": checkpoint.identity, "plan": plan}:
        expected = f"the weights after epoch {epoch}, as of an ensemble that keeps those after {plan}"
        got = f"those of one that keeps {content['plan']}" if content else "a run that did not keep them"
        raise InvalidParameter(problem(f"checkpoint {str(checkpoint.folder)!r}", expected, got, REMEDY))
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def _path(checkpoint: Checkpoint, epoch: int) -> Path:
    return checkpoint.folder / f"kept-{epoch:06d}.nw"
