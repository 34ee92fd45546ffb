"""Tiny folders of images for readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Draw = Callable[..., Path]


@pytest.fixture
def image(tmp_path: Path) -> Draw:
    """A function that writes an image of 40 x 30 pixels below the test's folder."""
    pillow = pytest.importorskip("PIL.Image")

    def write(name: str, size: tuple[int, int] = (40, 30)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pillow.new("RGB", size, "gray").save(path)
        return path

    return write


@pytest.fixture
def text(tmp_path: Path) -> Draw:
    """A function that writes a text below the test's folder."""

    def write(name: str, content: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    return write
