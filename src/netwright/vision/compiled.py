"""The compiled loops of the room, loaded when they are first needed: Numba takes a while."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any


@lru_cache(maxsize=8)
def kernels(folder: str) -> Any:
    """The module of compiled loops of a folder of `netwright.vision`.

    Parameters
    ----------
    folder : "boxes", "metrics" or "regions".
    """
    return import_module(f"netwright.vision.{folder}.kernels")
