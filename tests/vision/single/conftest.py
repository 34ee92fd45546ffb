"""Pictures with one shape each, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Scenes = tuple[list[Any], list[Any]]


def drawn(n: int, seed: int = 0, empty: int = 6) -> Scenes:
    """n pictures with a disc or a square, every `empty`-th with nothing, and the targets of detectors."""
    draw = np.random.default_rng(seed)
    images, targets = [], []
    for number in range(n):
        image = draw.integers(0, 50, (64, 64, 3), dtype=np.uint8)
        side = int(draw.integers(16, 30))
        x, y = (int(place) for place in draw.integers(0, 64 - side, 2))
        disc = bool(draw.integers(2))
        down, across = np.mgrid[:side, :side] - (side - 1) / 2
        inside = down**2 + across**2 <= (side / 2) ** 2 if disc else np.ones((side, side), bool)
        if number % empty == 0:
            targets.append({"boxes": [], "labels": []})
        else:
            image[y : y + side, x : x + side][inside] = (240, 60, 60) if disc else (60, 90, 240)
            targets.append({"boxes": [[x, y, x + side, y + side]], "labels": ["disc" if disc else "square"]})
        images.append(image)
    return images, targets


def pointed(n: int, seed: int = 0) -> Scenes:
    """n pictures with a red and a blue dot, one of them sometimes left out, and their middles."""
    draw = np.random.default_rng(seed)
    images, targets = [], []
    for _ in range(n):
        image = draw.integers(0, 50, (64, 64, 3), dtype=np.uint8)
        points = np.full((2, 2), np.nan)
        hidden = int(draw.integers(6))
        for number, (low, color) in enumerate(((5, (240, 60, 60)), (35, (60, 90, 240)))):
            if number != hidden:
                x, y = int(draw.integers(5, 59)), int(draw.integers(low, low + 24))
                image[y - 4 : y + 4, x - 4 : x + 4] = color
                points[number] = x, y
        images.append(image)
        targets.append({"points": points})
    return images, targets


@pytest.fixture(scope="session")
def scenes() -> Callable[..., Scenes]:
    return drawn


@pytest.fixture(scope="session")
def dots() -> Callable[..., Scenes]:
    return pointed
