"""What a transfer is given, read and checked once, and brought to the size of each level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import number
from netwright.vision.style.colours import luminance, match_colors, match_luminance
from netwright.vision.style.cost import Scene
from netwright.vision.style.pixels import fitted, read_mask, read_picture, resized

WHERE = "StyleTransfer()"


@dataclass(frozen=True)
class Given:
    """The images of a transfer.

    Parameters
    ----------
    content : (1, 3, h, w), in the size of the picture. styles : in their own sizes. shares : of each style, sum 1.
    masks, style_masks : (1, 1, any, any) each, or none. resume : the picture to go on from, or None.
    gray : whether only brightness is painted.
    """

    content: Tensor
    styles: tuple[Tensor, ...]
    shares: tuple[float, ...]
    masks: tuple[Tensor, ...]
    style_masks: tuple[Tensor, ...]
    resume: Tensor | None
    gray: bool


def read_given(
    content: Any,
    style: Any,
    blend: Any,
    mask: Any,
    style_mask: Any,
    resume: Any,
    size: int | None,
    keep_colors: str | None,
) -> Given:
    """Read and check what a transfer is given.

    Parameters
    ----------
    content, style, blend, mask, style_mask, resume : as of `StyleTransfer`. size : of the long side. keep_colors : how.

    Raises
    ------
    InvalidData, InvalidParameter : what cannot be, by its name.
    """
    original = read_picture(content, f"{WHERE}(content)")
    picture = resized(original, size)
    several = isinstance(style, (list, tuple))
    if several and not style:
        raise InvalidData(problem(f"{WHERE}(style)", "an image, or a list of at least one", "an empty list"))
    named = [f"{WHERE}(style[{i}])" if several else f"{WHERE}(style)" for i in range(len(style) if several else 1)]
    styles = [read_picture(image, name) for image, name in zip(style if several else [style], named, strict=True)]
    masks = _masks(mask, [tuple(original.shape[2:])] * len(styles), "mask")
    style_masks = _masks(style_mask, [tuple(image.shape[2:]) for image in styles], "style_mask")
    if keep_colors == "histogram":
        styles = [match_colors(image, picture) for image in styles]
    elif keep_colors == "luminance":
        styles = [match_luminance(image, picture) for image in styles]
    shares = _shares(blend, len(styles))
    gray = keep_colors == "luminance"
    begun = _resumed(resume, picture)
    begun = luminance(begun) if gray and begun is not None else begun
    return Given(picture, tuple(styles), shares, masks, style_masks, begun, gray)


def scene_at(given: Given, size: tuple[int, int], style_scale: float, recolour: bool) -> Scene:
    """The images at one level.

    Parameters
    ----------
    given : the images. size : (height, width) of the level. style_scale : of styles for one of the picture; they are
        never enlarged. recolour : whether the content gets the colours of the styles.
    """
    base = fitted(given.content, size)
    styles = [style_at(image, size, style_scale) for image in given.styles]
    masks = [interpolate(mask, size, mode="bilinear", antialias=True) for mask in given.masks]
    pairs = zip(given.style_masks, styles, strict=True) if given.style_masks else ()
    style_masks = [interpolate(mask, image.shape[2:], mode="bilinear", antialias=True) for mask, image in pairs]
    content = luminance(base) if given.gray else base
    if recolour:
        places = masks or [base.new_full((1, 1, 1, 1), share) for share in given.shares]
        total = torch.stack([place.expand(1, 1, *size) for place in places]).sum(0).clamp_min(1e-6)
        content = torch.stack([match_colors(base, s) * p / total for s, p in zip(styles, places, strict=True)]).sum(0)
    return Scene(content, luminance(base) if given.gray else base, styles, given.shares, masks, style_masks)


def style_at(image: Tensor, size: tuple[int, int], style_scale: float) -> Tensor:
    """A style image at the scale of a picture; never enlarged.

    Parameters
    ----------
    image : (1, 3, height, width). size : (height, width) of the picture. style_scale : as of `StyleTransfer`.
    """
    return resized(image, max(1, min(round(max(size) * style_scale), max(image.shape[2:]))))


def layer_weights(layers: Any, encoder: Any, usual: Sequence[str], where: str) -> dict[str, float]:
    """A weight for each layer; where none are given, equal ones whose sum is 1.

    Parameters
    ----------
    layers : names, a name, a dict with weights, or None for the usual ones. encoder : that has the layers. usual : the
        layers for None. where : how an error calls the option.

    Raises
    ------
    InvalidParameter : something else, weights below 0, or layers that there are not.
    """
    names = usual if layers is None else [layers] if isinstance(layers, str) else layers
    if not isinstance(names, (Mapping, list, tuple)):
        expected = "names of layers, or a dict with a weight for each"
        raise InvalidParameter(problem(where, expected, shown(layers)))
    for name in names:
        encoder.inner(name, where)
    if not isinstance(names, Mapping):
        return dict.fromkeys(names, 1 / max(1, len(names)))
    for name, weight in names.items():
        if not number(0).accepts(weight):
            raise InvalidParameter(problem(f"{where}[{name!r}]", "a number >= 0", shown(weight)))
    return {name: float(weight) for name, weight in names.items()}


def _masks(given: Any, sizes: Sequence[Any], name: str) -> tuple[Tensor, ...]:
    """A mask for each style, or none."""
    if given is None:
        return ()
    each = list(given) if isinstance(given, (list, tuple)) else [given] * len(sizes)
    if len(each) != len(sizes):
        got = f"{len(each)} of them"
        raise InvalidData(problem(f"{WHERE}({name})", f"a mask for each of {len(sizes)} styles", got))
    if len(sizes) > 1 and not isinstance(given, (list, tuple)):
        remedy = "Give a list with a mask for each style."
        raise InvalidData(problem(f"{WHERE}({name})", f"{len(sizes)} masks", "one", remedy))
    named = [f"{WHERE}({name}[{i}])" if len(each) > 1 else f"{WHERE}({name})" for i in range(len(each))]
    return tuple(read_mask(*three) for three in zip(each, sizes, named, strict=True))


def _shares(blend: Any, count: int) -> tuple[float, ...]:
    """How much of each style, with the sum 1."""
    if blend is None:
        return (1.0 / count,) * count
    parts = list(blend) if isinstance(blend, (list, tuple)) or hasattr(blend, "tolist") else [blend]
    if len(parts) != count or not all(number(0).accepts(part) for part in parts) or not sum(parts) > 0:
        expected = f"{count} numbers >= 0, one for each style, with a sum above 0"
        raise InvalidParameter(problem(f"{WHERE}(blend)", expected, shown(blend)))
    return tuple(float(part) / sum(map(float, parts)) for part in parts)


def _resumed(resume: Any, picture: Tensor) -> Tensor | None:
    """The picture to go on from."""
    if resume is None:
        return None
    x = read_picture(resume, f"{WHERE}(resume)")
    if x.shape != picture.shape:
        size, got = picture.shape[2:], x.shape[2:]
        remedy = "Resume from what the same size gave, or set size."
        expected = f"a picture of {size[0]} x {size[1]} pixels"
        raise InvalidData(problem(f"{WHERE}(resume)", expected, f"{got[0]} x {got[1]}", remedy))
    return x
