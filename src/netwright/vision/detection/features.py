"""Feature maps at several strides, taken from any network for images.

A backbone such as ``nw.models.resnet18(headless=True)`` halves height and width again and again. Its last map at each
stride is the most that it knows at that scale. `Features` runs the layers up to the coarsest map that is wanted and
gives the last maps of the coarsest strides, the finest first; what stands behind (pooling, classes) is left out.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.graph import Expression, Input, begins_with_input, join

PROBE = 256  # height and width of the image on which strides are found


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
