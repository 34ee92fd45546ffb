"""Estimators as notebooks show them: scikit-learn's picture is made without a warning."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from netwright import classical, estimators, sequence, vision

ROOMS = (classical, estimators, sequence, vision)
KINDS = [
    kind
    for room in ROOMS
    for kind in (getattr(room, name) for name in room.__all__)
    if inspect.isclass(kind) and hasattr(kind, "get_params") and not inspect.isabstract(kind)
]


def made(kind: Any) -> Any:
    """One of a kind, whose options without a default are whatever."""
    options = inspect.signature(kind).parameters.values()
    needed = {p.name: None for p in options if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return kind(**needed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_shows_it(kind: Any) -> None:
    assert kind.__name__ in made(kind)._repr_html_()
