"""Chance while training: what each layer takes from the feature maps of a digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from drawings.paper import LABEL, ORANGE, apply, digit
from netwright.layers import (
    Conv,
    DropBlock,
    Dropout,
    GaussianNoise,
    Input,
    ReLU,
    SpatialDropout,
    Upsample,
)

LAYERS = (None, Dropout(0.25), SpatialDropout(0.25), DropBlock(0.25, 6), GaussianNoise(0.25))
COLUMNS = 8
SEED = 3


def maps() -> Figure:
    """Eight feature maps of a digit, and the same behind each layer; what is dropped is orange."""
    x = _features()
    figure = Figure(figsize=(8.0, 5.9), layout="constrained")
    grid = figure.subplots(len(LAYERS), COLUMNS)
    for row, layer in zip(grid, LAYERS, strict=True):
        shown = x if layer is None else _drawn(layer, x)
        kept = np.ones_like(x) if layer is None else _drawn(layer, np.ones_like(x)) != 0
        for ax, values, there in zip(row, shown, kept, strict=True):
            gray = np.clip(values / x.max(), 0, 1)[..., None].repeat(3, axis=-1)
            ax.imshow(np.where(there[..., None].astype(bool), gray, to_rgb(ORANGE)))
            ax.set_axis_off()
        title = "the maps" if layer is None else repr(layer)
        row[0].set_title(title, fontsize=LABEL, fontfamily="DejaVu Sans Mono", loc="left", pad=4)
    return figure


def _features() -> np.ndarray:
    """Edges of eight directions of a digit, rectified: (8, 24, 24), about 0 to 1."""
    image = apply(Upsample(3, "bicubic"), digit(3)[None] / 16)
    y, x = np.mgrid[-3:4, -3:4]
    angles = np.arange(COLUMNS) * 2 * np.pi / COLUMNS
    bell = np.exp(-(x**2 + y**2) / 6)
    kernels = np.stack([(x * np.cos(a) + y * np.sin(a)) * bell for a in angles])
    return apply(Conv(COLUMNS, 7, padding="same") >> ReLU(), image, kernels / 12)


def _drawn(layer: Any, x: np.ndarray) -> np.ndarray:
    """One draw of a layer in training mode, always the same."""
    module = (Input(*x.shape) >> layer).build().train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        result: np.ndarray = module(torch.from_numpy(x[None].astype(np.float32)))[0].numpy()
    return result
