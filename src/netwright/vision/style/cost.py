"""What a picture costs at one size: content, style by layers and styles, variation, and colours that there are not.

    J(G) = alpha J_C + beta sum_s p_s sum_l w_l J_S,l(s) / J_S,l(0) + tv V + R

    J_C  = sum_l v_l ||a_l(C) - a_l(G)||^2 / n_l  /  sum_l v_l ||a_l(C) - mean a_l(C)||^2 / n_l
    J_S,l(s) / J_S,l(0) = ||G_l(S_s) - G_l(G)||^2 / ||G_l(S_s)||^2       G_l divided by n_C n_H n_W
    V    = squared total variation / n
    R    = 100 / n sum max(0, -x, x - 1)^2

a_l are the maps of layer l, n_l how many numbers they are, n that of the picture's pixels. Both costs are shares: of
how much the content varies, and of how much there is of the style. So the weights have the same effect for any size
and any network. Where a mask m_s says where style s goes, G_l(G) is the Gram matrix of the places under it, and pixels
that no mask covers are those of the content: the picture is m x + (1 - m) C.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from netwright.vision.style.costs import content_cost, gram_matrix, matches, total_variation, transfer_cost

OUTSIDE = 100.0  # of colours below 0 or above 1
FLAT = 0.01  # of the mean square of maps, the least that they are taken to vary: a gray wall is content, too


@dataclass(frozen=True)
class Scene:
    """The images of a transfer, all at one size.

    Parameters
    ----------
    content : (1, 3, h, w), what the picture is to show. base : the same with its own colours, where no style goes.
    styles : (1, 3, any, any) each. shares : how much of each, numbers whose sum is 1.
    masks : where each style goes, (1, 1, h, w) each, or none. style_masks : what part of each style image counts, or
        none.
    """

    content: Tensor
    base: Tensor
    styles: Sequence[Tensor]
    shares: Sequence[float]
    masks: Sequence[Tensor] = ()
    style_masks: Sequence[Tensor] = ()

    @property
    def cover(self) -> Tensor | None:
        """Where any style goes, (1, 1, h, w); None for everywhere."""
        return torch.stack(list(self.masks)).sum(0).clamp(0, 1) if self.masks else None

    def to(self, device: torch.device) -> Scene:
        """The same on a device."""
        images = (self.styles, self.masks, self.style_masks)
        styles, masks, style_masks = ([image.to(device) for image in each] for each in images)
        return Scene(self.content.to(device), self.base.to(device), styles, self.shares, masks, style_masks)


@dataclass(frozen=True)
class Weights:
    """What counts how much.

    Parameters
    ----------
    style, content : by layer. alpha, beta, tv : of content, style, variation.
    """

    style: Mapping[str, float]
    content: Mapping[str, float]
    alpha: float
    beta: float
    tv: float


class PictureCost(torch.nn.Module):
    """The cost of a picture, as a function of the pixels that are its parameters.

    Parameters
    ----------
    encoder : gives maps of layers by name: `Taps` or `ShallowFilters`. scene : the images. weights : of the costs.
    start : the pixels to begin with, (1, 3, h, w).

    Attributes
    ----------
    pixels : (1, 3, h, w), the parameters.
    """

    pixels: torch.nn.Parameter

    def __init__(self, encoder: Any, scene: Scene, weights: Weights, start: Tensor) -> None:
        super().__init__()
        self.pixels = torch.nn.Parameter(start.clone(memory_format=torch.contiguous_format))
        self._encoder, self._scene, self._weights = encoder, scene, weights
        self._layers = list(dict.fromkeys((*weights.style, *weights.content)))
        masks: list[Tensor | None] = [*scene.style_masks] or [None] * len(scene.styles)
        with torch.no_grad():
            self._grams = [self._grams_of(style, mask) for style, mask in zip(scene.styles, masks, strict=True)]
            self._wanted = encoder(scene.content, weights.content)
            varied = [v * _variance(self._wanted[name]) for name, v in weights.content.items()]
            self._varied = torch.stack(varied).sum().clamp_min(1e-12) if varied else None

    def picture(self) -> Tensor:
        """The picture as it is, (1, 3, h, w); colours may be a little outside of [0, 1]."""
        cover = self._scene.cover
        return self.pixels if cover is None else cover * self.pixels + (1 - cover) * self._scene.base

    def forward(self) -> Tensor:
        """J, a number."""
        parts = self.parts()
        w = self._weights
        total = transfer_cost(parts["content"], parts["style"], parts["tv"], alpha=w.alpha, beta=w.beta, tv=w.tv)
        return total + parts["outside"]

    def parts(self) -> dict[str, Tensor]:
        """The costs before they are weighted: content, style, tv, and outside, R."""
        x = self.picture()
        maps = self._encoder(x, self._layers)
        style = [share * self._style(maps, place) for place, share in enumerate(self._scene.shares)]
        out = torch.relu(-x).square() + torch.relu(x - 1).square()
        return {
            "content": self._content(maps),
            "style": torch.stack(style).sum(),
            "tv": total_variation(x, "squared") / x.numel(),
            "outside": OUTSIDE * out.mean(),
        }

    def _content(self, maps: dict[str, Tensor]) -> Tensor:
        if self._varied is None:
            return self.pixels.new_zeros(())
        each = [
            v * 2 * content_cost(self._wanted[name], maps[name]) / maps[name].numel()
            for name, v in self._weights.content.items()
        ]
        return torch.stack(each).sum() / self._varied

    def _style(self, maps: dict[str, Tensor], place: int) -> Tensor:
        if not self._weights.style:
            return self.pixels.new_zeros(())
        mask = self._scene.masks[place] if self._scene.masks else None
        grams = {name: guided(maps[name], mask) for name in self._weights.style}
        return matches(self._grams[place], grams, dict(self._weights.style))

    def _grams_of(self, style: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
        maps = self._encoder(style, self._weights.style)
        return {name: guided(maps[name], mask) for name in self._weights.style}


def guided(maps: Tensor, mask: Tensor | None) -> Tensor:
    """The Gram matrix of a layer under a mask of the image, divided by n_C n_H n_W.

    Parameters
    ----------
    maps : (1, n_C, h, w). mask : (1, 1, height, width) of the image, which is brought to the size of the maps; None for
        all places.
    """
    if mask is not None:
        mask = interpolate(mask, maps.shape[2:], mode="area")[0, 0]
        if not bool(mask.any()):
            mask = None
    return gram_matrix(maps[0], normalize=True, mask=mask)


def _variance(maps: Tensor) -> Tensor:
    """How much maps vary over places, the mean of squares; of flat ones a share of what they are."""
    varied = (maps - maps.mean((2, 3), keepdim=True)).square().mean()
    return torch.maximum(varied, FLAT * maps.square().mean())
