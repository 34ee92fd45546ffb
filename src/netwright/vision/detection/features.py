"""Feature maps at several strides, taken from any network for images, and told what the coarser ones know.

A backbone such as ``nw.models.resnet18(headless=True)`` halves height and width again and again. Its last map at each
stride is the most that it knows at that scale. `Features` runs the layers up to the coarsest map that is wanted and
gives the last maps of the coarsest strides, the finest first; what stands behind (pooling, classes) is left out.
`Pyramid` adds the way back, from coarse maps to fine ones (that of YOLO version 3):

    p_L = F_L(c_L)                        c_l the backbone's map at stride s_l, the coarsest is L
    p_l = F_l([c_l, up(G_l(p_{l+1}))])    G a 1x1 convolution, F a 1x1 and a 3x3 one, up: each place twice

Redmon, Farhadi, *YOLOv3: an incremental improvement*, 2018; Lin, Dollar, Girshick, He, Hariharan, Belongie, *Feature
pyramid networks for object detection*, 2017.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import alone
from netwright.graph import Expression, Input, begins_with_input, join

PROBE = 256  # height and width of the image on which strides are found
MEAN, SPREAD = 0.45, 0.25  # of the values of photographs, about


class Features(torch.nn.Module):
    """The last maps of a backbone at its coarsest strides.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width) of any size.
    scales : how many strides are wanted.
    seed : of the weights.

    Attributes
    ----------
    strides : pixels of the image for one of each map, the finest first. widths : channels of each.

    Raises
    ------
    InvalidParameter : a backbone with fewer strides than are wanted.

    Examples
    --------
    >>> import netwright as nw
    >>> features = Features(nw.models.darknet(8, (1, 1), stride=2, headless=True), scales=2, seed=0)
    >>> features.strides, [tuple(x.shape) for x in features(torch.zeros(1, 3, 64, 32))]
    ([4, 8], [(1, 16, 16, 8), (1, 32, 8, 4)])
    """

    def __init__(self, backbone: Expression, scales: int, seed: int) -> None:
        super().__init__()
        closed = backbone if begins_with_input(backbone) else join(Input(3, PROBE, PROBE), backbone)
        parts = dict(closed.build(seed).named_children())
        last = _last_of_each_stride(parts)
        if len(last) < scales:
            got = f"{len(last)} in {shown(backbone)}"
            raise InvalidParameter(problem("backbone", f"maps at {scales} strides", got, "Ask for fewer scales."))
        chosen = sorted(last)[-scales:]
        self.strides = chosen
        self.taps = [last[stride][0] for stride in chosen]
        self.widths = [last[stride][1] for stride in chosen]
        names = list(parts)
        wanted = names[: names.index(self.taps[-1]) + 1]
        self.body = torch.nn.Sequential(OrderedDict((name, parts[name]) for name in wanted))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(n, 3, height, width) -> a map for each stride, (n, width, height / stride, width / stride)."""
        found, x = [], images
        for name, layer in self.body._modules.items():
            assert layer is not None
            x = layer(x)
            if name in self.taps:
                found.append(x)
        return found


class Pyramid(torch.nn.Module):
    """Feature maps of images at several strides, each told what the coarser ones know.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width) of any size.
    scales : how many strides are wanted.
    seed : of the weights.

    Attributes
    ----------
    strides : pixels of the image for one of each map, the finest first. widths : channels of each.

    Raises
    ------
    InvalidParameter : a backbone with fewer strides than are wanted.
    """

    def __init__(self, backbone: Expression, scales: int, seed: int) -> None:
        super().__init__()
        self.features = Features(backbone, scales, seed)
        self.strides, self.widths = self.features.strides, self.features.widths
        entering = [2 * width for width in self.widths[:-1]] + self.widths[-1:]
        mixed = (
            torch.nn.Sequential(unit(wide, width, 1), unit(width, width, 3))
            for wide, width in zip(entering, self.widths, strict=True)
        )
        with alone(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.down = torch.nn.ModuleList(unit(coarse, fine, 1) for fine, coarse in pairwise(self.widths))
            self.mixed = torch.nn.ModuleList(mixed)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(n, 3, height, width) in [0, 1] -> a map for each stride, (n, width, height / stride, width / stride)."""
        maps = self.features((images - MEAN) / SPREAD)
        found: list[Tensor] = []
        for level in reversed(range(len(maps))):
            x = maps[level]
            if found:
                x = torch.cat([x, interpolate(self.down[level](found[-1]), x.shape[2:], mode="nearest")], 1)
            found.append(self.mixed[level](x))
        return found[::-1]


def unit(entering: int, leaving: int, kernel: int) -> torch.nn.Sequential:
    """Convolution, batch normalisation, leaky rectifier.

    Parameters
    ----------
    entering, leaving : channels. kernel : its side, odd.
    """
    convolution = torch.nn.Conv2d(entering, leaving, kernel, padding=kernel // 2, bias=False)
    return torch.nn.Sequential(convolution, torch.nn.BatchNorm2d(leaving), torch.nn.LeakyReLU(0.1))


def _last_of_each_stride(parts: dict[str, torch.nn.Module]) -> dict[int, tuple[str, int]]:
    """The last layer that gives a map of each stride, and the map's channels."""
    found: dict[int, tuple[str, int]] = {}
    x: Tensor = torch.zeros(1, 3, PROBE, PROBE)
    with torch.no_grad():
        for name, layer in parts.items():
            x = layer.eval()(x)
            layer.train()
            if x.ndim != 4 or x.shape[2] < 2:
                break
            if PROBE % x.shape[2] == 0:
                found[PROBE // x.shape[2]] = name, x.shape[1]
    return found
