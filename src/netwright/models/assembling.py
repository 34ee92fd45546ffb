"""What the named architectures have in common: the options that they take, their cards, a normalised convolution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, check_all, integer, nothing, number
from netwright.graph import Card, Chain, Expression, Shape, join
from netwright.layers import BatchNorm, Conv, Dropout, ReLU, Softmax
from netwright.layers.space.windows import PerAxis
from netwright.models.preprocessing import Preprocessing

SMALL = 32  # pixels of the images that `small` is for

_share = number(0, 1, closed="left")
OPTIONS: Mapping[str, Constraint] = {
    "num_classes": integer(2),
    "in_channels": integer(1),
    "batch_norm": boolean,
    "dropout": _share,
    "small": boolean,
    "paper": boolean,
    "headless": boolean,
    "aux": boolean,
}
share_or_none = _share | nothing


def check_options(name: str, options: Mapping[str, Any], **others: Constraint) -> None:
    """Check the options of an architecture, its ``locals()``, against `OPTIONS` and what it adds itself."""
    table = {**OPTIONS, **others}
    check_all(name, options, {option: table[option] for option in options if option in table})


def refuse_aux(name: str, **options: bool) -> None:
    """Refuse auxiliary classifiers together with an option that is True."""
    for option, given in options.items():
        if given:
            got = f"aux=True, {option}=True"
            raise InvalidParameter(problem(f"{name}(aux)", f"False with {option}=True", got))


def image_network(
    name: str, parts: Iterable[Expression], in_channels: int, preprocessing: Preprocessing, small: bool = False
) -> Expression:
    """The parts as one network with the card of an architecture for photographs, or for images of 32 x 32."""
    size = SMALL if small else preprocessing.size
    published = in_channels == 3 and not small
    return carded(name, parts, (in_channels, size, size), preprocessing if published else None)


def carded(
    name: str, parts: Iterable[Expression], shape: Shape | None = None, preprocessing: Preprocessing | None = None
) -> Expression:
    """The parts as one network with a card."""
    return Chain(join(*parts).parts, Card(name, shape, preprocessing))


def head(num_classes: int, headless: bool) -> list[Expression]:
    """The last layer, or none."""
    return [] if headless else [Softmax(num_classes)]


def dropped(share: float) -> list[Expression]:
    """Dropout, or none for a share of 0."""
    return [Dropout(share)] if share else []


def unit(
    filters: int,
    kernel: PerAxis,
    stride: int = 1,
    padding: PerAxis | str = "valid",
    epsilon: float = BatchNorm().epsilon,
) -> Expression:
    """Convolution without bias, batch normalisation, rectifier."""
    return Conv(filters, kernel, stride, padding, bias=False) >> BatchNorm(epsilon=epsilon) >> ReLU()
