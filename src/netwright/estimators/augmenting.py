"""Augmentation in an estimator: what its option says as one value, and whether the data are images for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.core import registry
from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.data.augment import Augmentation, Color, Compose
from netwright.graph import parse_value

SLACK = 1e-3  # share of the limits' distance by which values may lie outside, from rounding


def augmentation_of(item: Any, where: str = "augment") -> Augmentation | None:
    """One augmentation from a value, a tuple of values, or a text such as ``"Rotate(10), Shift(2)"``.

    Parameters
    ----------
    item : what the user gave; None for none.
    where : the name of the option, for the message.

    Raises
    ------
    InvalidParameter : a text that describes something else.

    Examples
    --------
    >>> augmentation_of("Rotate(10), Shift(2)")
    Compose(Rotate(10), Shift(2))
    """
    if item is None:
        return None
    parts = augmentations_of(item, where)
    wrong = [part for part in parts if not isinstance(part, Augmentation)]
    if wrong:
        expected = "augmentations of images alone, such as Rotate(10), Shift(2)"
        raise InvalidParameter(problem(where, expected, shown(wrong[0]), "It is for detectors: leave it out here."))
    return Compose(*parts) if len(parts) > 1 else parts[0]


def augmentations_of(item: Any, where: str = "augment") -> tuple[Any, ...]:
    """Values of the family of augmentations, from one, a tuple of them, or a text.

    Parameters
    ----------
    item : what the user gave.
    where : the name of the option, for the message.

    Raises
    ------
    InvalidParameter : something else, with the nearest name.

    Examples
    --------
    >>> augmentations_of("Rotate(10), Shift(2)")
    (Rotate(10), Shift(2))
    """
    given = item if isinstance(item, (tuple, list)) else (item,)
    made = [parse_value(part) if isinstance(part, str) else part for part in given]
    parts = tuple(one for part in made for one in (part if isinstance(part, (tuple, list)) else (part,)))
    wrong = [part for part in parts if getattr(part, "family", None) != "augmentation"]
    if wrong or not parts:
        known = registry.names("augmentation")
        got = wrong[0] if wrong else item
        expected = "augmentations such as Rotate(10), Shift(2)"
        hint = did_you_mean(type(got).__name__, known, registry.listing("augmentation"))
        raise InvalidParameter(problem(where, expected, shown(got), hint))
    return parts


def works_on_pixels(augment: Any, rows: Any) -> bool:
    """Whether images are augmented as they are: their values lie in [0, 1], and scaling them would hide what they mean.

    Parameters
    ----------
    augment : the option of the estimator.
    rows : the training rows.

    Examples
    --------
    >>> works_on_pixels("Color()", np.zeros((5, 1, 8, 8))), works_on_pixels(None, np.zeros((5, 1, 8, 8)))
    (True, False)
    """
    images = augment is not None and isinstance(rows, np.ndarray) and rows.ndim == 4
    return images and float(rows.min()) >= 0.0 and float(rows.max()) <= 1.0


def _as_images(shape: tuple[int, ...]) -> str:
    """How samples of a shape may become images, where they may."""
    if len(shape) == 2:
        return "Images without an axis of channels get one by X[:, None]."
    if len(shape) == 1:
        return "Rows of pixels become images by X.reshape(-1, channels, height, width)."
    return "Volumes and films would have to be augmented before they come here."


def require_images(augment: Augmentation, inputs: tuple[np.ndarray, ...]) -> None:
    """Refuse data without images, and images whose values lie outside of the limits of a change of colour.

    Parameters
    ----------
    augment : the augmentation.
    inputs : the arrays of the network's inputs.

    Raises
    ------
    InvalidParameter : the shape of the samples, or the values, are named.
    """
    images = [array for array in inputs if array.ndim == 4]
    if not images:
        shapes = [array.shape[1:] for array in inputs]
        expected = f"samples that are images, of shape (channels, height, width), for {augment!r}"
        remedy = f"{_as_images(shapes[0])} Other data are not augmented: augment=None."
        raise InvalidParameter(problem("augment", expected, f"shape {', '.join(map(str, shapes))}", remedy))
    for part in augment.parts if isinstance(augment, Compose) else (augment,):
        if not isinstance(part, Color):
            continue
        low, high = part.limits
        least, most = min(float(array.min()) for array in images), max(float(array.max()) for array in images)
        if least < low - SLACK * (high - low) or most > high + SLACK * (high - low):
            expected = f"images with values in [{low:g}, {high:g}] for {part!r}, which cuts others off"
            remedy = f"Give it limits=({least:.4g}, {most:.4g}), or scale the images."
            raise InvalidParameter(problem("augment", expected, f"values from {least:.4g} to {most:.4g}", remedy))
