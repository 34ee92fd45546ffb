"""The card of a named architecture: what it is called, the input it was made for, how its images are prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from netwright.core.validation import Constraint, integer, nothing, satisfies, tuple_of
from netwright.core.value import is_value, value

_text = satisfies("a text", lambda item: isinstance(item, str))


@value("card")
class Card:
    """What a named architecture says of itself; joining other layers to the network keeps it.

    Parameters
    ----------
    name : of the architecture.
    input_shape : shape of one sample that it was made for: an open network is summed up and built on it.
    preprocessing : the value that prepares images as its published weights need them, or None.

    Raises
    ------
    InvalidParameter : a shape with an axis below 1.

    Examples
    --------
    >>> Card("resnet18", (3, 224, 224)).input_shape
    (3, 224, 224)
    """

    name: str
    input_shape: tuple[int, ...] | None = None
    preprocessing: Any = None

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "name": _text,
        "input_shape": tuple_of(integer(1), least=1) | nothing,
        "preprocessing": satisfies("a value or None", lambda item: item is None or is_value(item)),
    }
