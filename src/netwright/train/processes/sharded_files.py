"""The vectors of a sharded run in files: torch's distributed checkpoint (DCP), by parameter; shards may change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from netwright.core.errors import CorruptFile, problem
from netwright.train.run import Run


def write(run: Run, vectors: dict[str, Tensor], path: Path) -> None:
    """Write vectors of a run's flat layout, each process its part.

    Parameters
    ----------
    run : sharded. vectors : by name. path : of the generation; they stand in a folder beside it.
    """
    save(_by_parameter(run, vectors), checkpoint_id=path.with_suffix(".shards"))


def read(run: Run, names: list[str], path: Path) -> dict[str, Tensor]:
    """This process's part of the vectors that `write` wrote, whatever the number of processes was.

    Raises
    ------
    CorruptFile : files that are missing or damaged.
    """
    vectors = {name: torch.zeros_like(run.flat.theta.detach()) for name in names}
    folder = path.with_suffix(".shards")
    try:
        load(_by_parameter(run, vectors), checkpoint_id=folder)
    except Exception as error:  # of many kinds, from files and from other processes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "Remove the newest generation; the one before it is then taken."
        raise CorruptFile(problem(str(folder), "the shards of a checkpoint", reason, remedy)) from error
    return vectors


def _by_parameter(run: Run, vectors: dict[str, Tensor]) -> dict[str, Any]:
    """Views of vectors, one for each parameter, as pieces of the whole."""
    sizes = [mine.numel() for mine in run.flat.parameters]
    found = {}
    for name, vector in vectors.items():
        for (like, mine), segment, piece in zip(run.shards.pairs, run.flat.segments, vector.split(sizes), strict=True):
            local = piece.view(mine.shape)
            found[f"{name}/{segment.name}"] = DTensor.from_local(
                local, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
            )
    return found
