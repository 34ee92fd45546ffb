"""The compiled loops, loaded when they are first needed: Numba takes a while."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any


@lru_cache(maxsize=1)
def kernels() -> Any:
    """The module `netwright.vision.regions.kernels`."""
    return import_module("netwright.vision.regions.kernels")
