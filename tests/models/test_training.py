"""Each small architecture learns: the loss on a few easy images or rows falls far below that of guessing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright import models
from netwright.graph import Expression

CLASSES = 4
GUESSING = math.log(CLASSES)

SMALL = {"num_classes": CLASSES, "small": True}
# name, options, shape of an image, learning rate, epochs
IMAGES: list[tuple[str, dict[str, Any], tuple[int, int, int], float, int]] = [
    ("lenet5", {"num_classes": CLASSES}, (1, 28, 28), 1e-3, 6),
    ("lenet5", {"num_classes": CLASSES, "paper": True}, (1, 28, 28), 3e-3, 20),
    ("resnet20", {"num_classes": CLASSES}, (3, 32, 32), 1e-3, 6),
    ("resnet18", SMALL, (3, 32, 32), 1e-3, 5),
    ("vgg11", {**SMALL, "batch_norm": True}, (3, 32, 32), 3e-4, 6),
    ("alexnet", {**SMALL, "dropout": 0.0}, (3, 32, 32), 1e-4, 6),
    ("squeezenet", {**SMALL, "version": "1.1"}, (3, 32, 32), 1e-3, 12),
    ("googlenet", SMALL, (3, 32, 32), 1e-3, 6),
    ("inception_v3", SMALL, (3, 32, 32), 1e-3, 6),
]


def gratings(shape: tuple[int, int, int], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Stripes whose direction is the class, with noise."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % CLASSES
    rows, columns = np.mgrid[: shape[1], : shape[2]]
    angles = np.pi * y / CLASSES
    phase = rng.uniform(0, 2 * np.pi, count)
    along = rows * np.sin(angles)[:, None, None] + columns * np.cos(angles)[:, None, None]
    stripes = np.sin(along + phase[:, None, None])[:, None]
    return (stripes + 0.1 * rng.normal(size=(count, *shape))).astype(np.float32), y


def final_loss(network: Expression, X: np.ndarray, y: np.ndarray, rate: float, epochs: int) -> float:
    model = nw.Classifier(network, optimizer=nw.optim.Adam(rate), epochs=epochs, batch_size=16, random_state=0)
    model.fit(X, y)
    return float(model.loss_curve_[-1])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "shape", "rate", "epochs"), IMAGES)
def test_images(name: str, options: dict[str, Any], shape: tuple[int, int, int], rate: float, epochs: int) -> None:
    X, y = gratings(shape, 64)
    assert final_loss(getattr(models, name)(**options), X, y, rate, epochs) < 0.5 * GUESSING


@pytest.mark.parametrize("network", [models.mlp((16,), CLASSES), models.mixture_of_experts(2, CLASSES, width=8)])
def test_features(network: Expression) -> None:
    rng = np.random.default_rng(1)
    centres = 3 * rng.normal(size=(CLASSES, 6))
    y = np.arange(64) % CLASSES
    X = (centres[y] + rng.normal(size=(64, 6))).astype(np.float32)
    assert final_loss(network, X, y, 0.01, epochs=20) < 0.3 * GUESSING


@pytest.mark.slow
def test_a_highway_of_fifty_layers_learns_and_plain_layers_do_not() -> None:
    rng = np.random.default_rng(1)
    centres = 3 * rng.normal(size=(CLASSES, 6))
    y = np.arange(64) % CLASSES
    X = (centres[y] + rng.normal(size=(64, 6))).astype(np.float32)
    deep = models.highway(CLASSES, width=16, depth=50)
    assert final_loss(deep, X, y, 0.01, epochs=30) < 0.3 * GUESSING
    assert final_loss(models.mlp((16,) * 50, CLASSES, activation="Sigmoid"), X, y, 0.01, epochs=30) > 0.9 * GUESSING
