"""What the parameters of an estimator may be, and the values that their texts stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from netwright.core import registry
from netwright.core.errors import InvalidParameter, problem
from netwright.core.generations import folder_of_checkpoints
from netwright.core.validation import (
    Constraint,
    boolean,
    instance,
    integer,
    nothing,
    number,
    one_of,
    satisfies,
    tuple_of,
)
from netwright.graph import parse_value


def _family(name: str, text: str) -> Constraint:
    return satisfies(text, lambda item: getattr(item, "family", None) == name and not isinstance(item, type))


_text = instance(str, text="its text")
_augmentation = _family("augmentation", "an augmentation such as Rotate(10)")

CONSTRAINTS: Mapping[str, Constraint] = {
    "loss": nothing | _text | _family("loss", "a loss of nw.losses"),
    "optimizer": nothing | _text | _family("optimizer", "an update rule of nw.optim"),
    "regularizer": nothing | _text | _family("regularizer", "a penalty such as nw.l2(1e-4)"),
    "augment": nothing | _text | _augmentation | tuple_of(_augmentation | _text, least=1),
    "epochs": integer(1),
    "batch_size": integer(1),
    "validation": nothing
    | number(0, 1, closed="neither")
    | satisfies("a pair (X, y)", lambda item: isinstance(item, (tuple, list)) and len(item) in (2, 3))
    | instance(torch.utils.data.Dataset, text="a Dataset"),
    "patience": nothing | integer(1),
    "average": nothing | number(0, 1, closed="neither"),
    "categories": one_of("one_hot", "embedding"),
    "precision": one_of("auto", "float32", "float64", "bf16"),
    "device": instance(str, torch.device, text='"auto" or the name of a device'),
    "devices": integer(1) | one_of("auto") | _family("devices", "Devices(...)"),
    "checkpoint": folder_of_checkpoints,
    "resume": boolean,
    "callbacks": nothing | instance(tuple, list, text="a list of callbacks"),
    "verbose": boolean | integer(0),
    "warm_start": boolean,
}


def value_of(item: Any, family: str) -> Any:
    """A value, or the one that a text such as ``"Adam(0.001)"`` describes.

    Raises
    ------
    InvalidParameter : a text that describes something of another family.
    """
    if not isinstance(item, str):
        return item
    made = parse_value(item)
    if getattr(made, "family", None) != family:
        raise InvalidParameter(
            problem(family, f"one of {', '.join(registry.names(family))}, written as a call", repr(item))
        )
    return made


def parts_of(regularizer: Any) -> tuple[Any, ...]:
    """The penalties of which a regularizer is the sum."""
    return () if regularizer is None else tuple(regularizer.parts())
