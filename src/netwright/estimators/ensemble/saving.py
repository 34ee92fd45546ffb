"""Estimators made of others in one model file: what is their own as JSON, and the file of each part inside it.

A part is written by its own ``save`` and read back, so that every kind that can be saved can be a part. The names of
its arrays begin with ``parts.<number>.``, those of the whole with ``own.``; `netwright.load` restores the parts, each
by its kind, before the whole, which finds its arrays in ``own["arrays"]``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core import storage
from netwright.core.errors import InvalidParameter, problem, shown


def save_parts(
    path: str | os.PathLike[str],
    kind: str,
    own: dict[str, Any],
    parts: list[Any],
    arrays: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a whole with its parts.

    Parameters
    ----------
    path : of the file. kind : of the whole. own : plain data of the whole. parts : fitted estimators. arrays : of
        the whole, by name.

    Raises
    ------
    InvalidParameter : a part that cannot be saved.
    """
    described = []
    tensors = {f"own.{name}": array for name, array in (arrays or {}).items()}
    with tempfile.TemporaryDirectory() as folder:
        for place, part in enumerate(parts):
            stored = _stored(part, Path(folder) / "part.nw", kind)
            described.append({"kind": stored.kind, "content": stored.content})
            tensors.update({f"parts.{place}.{name}": array for name, array in stored.tensors.items()})
    storage.write(path, kind, {"own": own, "parts": described}, tensors)


def _stored(part: Any, file: Path, kind: str) -> storage.Stored:
    if not hasattr(part, "save"):
        remedy = "Put a pipeline's other steps before the whole: make_pipeline(StandardScaler(), nw.Ensemble(...))."
        raise InvalidParameter(problem(f"{kind}.save", "parts that can be saved", shown(part), remedy))
    part.save(file)
    return storage.read(file)
