"""True labels of images, read for training: one for each image, alone or as the only one of a target of detectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from netwright.core.arrays import require_labels
from netwright.core.errors import InvalidData, problem, shown
from netwright.vision.detection.targets import is_missing, labels_of


def read_labels(targets: Any, n: int, where: str, called: Callable[[int], str] = "image {}".format) -> list[Any]:
    """The label of each image.

    Parameters
    ----------
    targets : labels, or mappings with one in ``labels``. n : how many images there are. where : how an error names it.
    called : the name of an image by its number.

    Raises
    ------
    InvalidData : another number of labels than images; a label that is missing or does not hash; several in one image;
        with the image.

    Examples
    --------
    >>> read_labels(["cat", "dog"], 2, "y"), read_labels([{"labels": ["cat"]}, {"labels": ["dog"]}], 2, "y")
    (['cat', 'dog'], ['cat', 'dog'])
    """
    given = targets.tolist() if isinstance(targets, (np.ndarray, torch.Tensor)) else targets
    if given is None:
        what = f"This estimator requires y to be passed, but the target y is None. {where}"
        raise InvalidData(problem(what, "a list of labels, one an image", "None"))
    if not hasattr(given, "__len__") and hasattr(given, "__array__"):
        given = np.asarray(given).tolist()
    if hasattr(given, "toarray"):
        raise InvalidData(problem(where, "a list of labels, one an image", f"a {type(given).__name__}"))
    if isinstance(given, (Mapping, str, bytes)) or not hasattr(given, "__len__"):
        raise InvalidData(problem(where, "a list of labels, one an image", shown(targets)))
    if len(given) != n:
        raise InvalidData(problem(where, f"{n}, one an image", str(len(given))))
    return [_label_of(each, f"{where}, {called(image)}") for image, each in enumerate(given)]


def _label_of(given: Any, here: str) -> Any:
    if isinstance(given, Mapping):
        labels = labels_of(given.get("labels", ()), here)
        if len(labels) != 1:
            remedy = "Images with several objects are for detectors."
            raise InvalidData(problem(f"{here}, labels", "one label", str(len(labels)), remedy))
        given = labels[0]
    if is_missing(given):
        raise InvalidData(problem(here, "a label", shown(given), "Leave the image out."))
    if isinstance(given, complex) or (isinstance(given, float) and math.isinf(given)):
        raise InvalidData(problem(here, "a label: a text, an integer, ...", shown(given)))
    require_labels(np.array([given], dtype=object), here)
    try:
        (label,) = labels_of([given], here)
    except InvalidData as error:
        raise InvalidData(problem(here, "a label that hashes", shown(given))) from error
    return label
