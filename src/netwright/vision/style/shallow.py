"""One layer of many filters at several scales: an encoder of style that nobody has to train.

    x_s = x, shrunk to 1/s by means              s = 1, 2, 4, ...
    z_s = max(0, W_s * x_s - t)                  W_s: n_C filters of k x k x 3, mean 0 in each colour, * with reflection
    W_s = q P,  P = U (L + e)^(-1/2) U^T         L, U eigenvalues, eigenvectors of the covariance of patches of x_s(S)

Each filter is scaled so that its answers on the style image have standard deviation 1. q is a row a filter:

    "patches"   a patch of the style image itself, drawn at random, whitened by P: it answers where a stroke like it is
    "white"     Gaussian noise: filters that are random where all frequencies are equally strong
    "random"    Gaussian noise with P = I: the published form

To each scale a map of ones is added, so that a Gram matrix holds the mean answers too, and the layer "colour" is the
image itself with such a map: mean and covariance of the colours. What the content is compared by are pixels: with the
brightness y_s at scale s, the layers "band1", "band2", ... are y_s - up(y_2s), and "blur" is y of the coarsest one.

=========== ============== =================================
symbol      argument       meaning
=========== ============== =================================
n_C         ``filters``    filters of each scale
k           ``window``     side of a filter, in pixels, odd
t           ``threshold``  what an answer has to exceed
=========== ============== =================================

Ustyuzhaninov, Brendel, Gatys, Bethge, *Texture synthesis using shallow convolutional networks with random filters*,
2016; Coates, Ng, *Learning feature representations with k-means*, 2012 (whitened patches as filters).

Where this differs from the paper: scales are sizes of the image instead of sizes of the filters (11 pixels at 1/4 are
44), which costs a tenth; answers have a threshold, without which a Gram matrix can be met by noise of low contrast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad, relu, unfold

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.core.validation import Constraint, check_all, integer, number, one_of
from netwright.vision.style.colours import LUMINANCE
from netwright.vision.style.pixels import in_words

FLOOR = 1e-3  # e, of the largest eigenvalue
PATCHES = 20_000  # most that a covariance is measured on


@dataclass(frozen=True)
class ShallowEncoder:
    """A layer of many filters at several scales, made for the style images that it is given.

    Parameters
    ----------
    filters : of each scale, an integer >= 1.
    window : side of a filter, in pixels, an odd integer >= 3.
    scales : how often the image is halved, and once more, an integer >= 1.
    kind : "patches", "white" or "random".
    threshold : in standard deviations of an answer, >= 0.

    Raises
    ------
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.vision.style.shallow import ShallowEncoder
    >>> style = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    >>> encoder = ShallowEncoder(16, window=5, scales=2).build([style], seed=0)
    >>> {name: tuple(maps.shape) for name, maps in encoder(style, encoder.style).items()}
    {'scale1': (1, 17, 40, 60), 'scale2': (1, 17, 20, 30), 'colour': (1, 4, 40, 60)}
    """

    filters: int = 128
    _: KW_ONLY
    window: int = 9
    scales: int = 3
    kind: str = "patches"
    threshold: float = 1.0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "filters": integer(1),
        "window": integer(3),
        "scales": integer(1, 8),
        "kind": one_of("patches", "white", "random"),
        "threshold": number(0),
    }

    def __post_init__(self) -> None:
        check_all("ShallowEncoder", vars(self), self.constraints)
        if self.window % 2 == 0:
            remedy = f"Take {self.window + 1}."
            raise InvalidParameter(problem("ShallowEncoder(window)", "an odd integer >= 3", f"{self.window}", remedy))

    def build(self, styles: Sequence[Tensor], seed: int) -> ShallowFilters:
        """The filters for style images.

        Parameters
        ----------
        styles : each (1, 3, height, width) in [0, 1]; the filters are drawn from all of them in turn. seed : of the
            draws.

        Raises
        ------
        InvalidData : an image that is smaller than a filter.
        """
        return ShallowFilters(self, styles, seed)


class ShallowFilters(torch.nn.Module):
    """What `ShallowEncoder` builds.

    Parameters
    ----------
    spec : what is built. styles : images. seed : of the draws.

    Attributes
    ----------
    names : of all layers. style, content : those that are looked at where none are named.
    """

    def __init__(self, spec: ShallowEncoder, styles: Sequence[Tensor], seed: int) -> None:
        super().__init__()
        self.spec = spec
        generator = torch.Generator().manual_seed(seed)
        images, banks = list(styles), []
        for image in images:
            require_window(image, spec.window)
        for _ in range(spec.scales):
            images = [image for image in images if min(image.shape[2:]) > spec.window]
            if not images:
                break  # a filter would be larger than what there is to see
            banks.append(filters_for(images, spec, generator))
            images = [avg_pool2d(image, 2) for image in images]
        self.banks = torch.nn.ParameterList(torch.nn.Parameter(bank, requires_grad=False) for bank in banks)
        strides = [2**level for level in range(len(banks))]
        self.style = (*(f"scale{stride}" for stride in strides), "colour")
        bands = tuple(f"band{stride}" for stride in strides)
        self.content = (*bands[1:], "blur")  # what is finer belongs to the strokes
        self.names = (*self.style, *bands, "blur")

    def forward(self, images: Tensor, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """(n, 3, height, width) in [0, 1] -> the maps of layers by name, (n, channels, h, w); all of them for None."""
        wanted = list(self.names if names is None else names)
        found = {"colour": _with_ones(images)} if "colour" in wanted else {}
        x, gray = images, (images * images.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)
        for level, bank in enumerate(self.banks):
            stride = 2**level
            if f"scale{stride}" in wanted:
                found[f"scale{stride}"] = _with_ones(self._answers(x, bank))
            x, coarse = _halved(x), _halved(gray)
            if f"band{stride}" in wanted:
                found[f"band{stride}"] = gray - interpolate(coarse, gray.shape[2:], mode="bilinear")
            gray = coarse
        found["blur"] = gray
        return {name: found[name] for name in wanted}

    def inner(self, name: str, where: str = "layers") -> str:
        """The name of a layer, if there is one.

        Parameters
        ----------
        name : of a layer. where : how an error calls the place.

        Raises
        ------
        InvalidParameter : there is no such layer.
        """
        if name not in self.names:
            remedy = did_you_mean(str(name), self.names)
            raise InvalidParameter(problem(where, "names of layers of the encoder", shown(name), remedy))
        return name

    def _answers(self, x: Tensor, bank: Tensor) -> Tensor:
        """What the filters say, above the threshold."""
        margin = self.spec.window // 2
        mode = "reflect" if min(x.shape[2:]) > margin else "replicate"
        return relu(conv2d(pad(x, [margin] * 4, mode=mode), bank) - self.spec.threshold)


def filters_for(images: Sequence[Tensor], spec: ShallowEncoder, generator: torch.Generator) -> Tensor:
    """The filters of one scale, (filters, 3, window, window).

    Parameters
    ----------
    images : of styles at this scale, all larger than a filter. spec : what is wanted. generator : of the draws.
    """
    patches = torch.cat([_patches(image, spec.window, generator) for image in images])
    count, size = spec.filters, patches.shape[1]
    if spec.kind == "random":
        drawn = torch.randn(count, size, generator=generator, dtype=torch.float64)
        filters = _centred(drawn)
    else:
        whitening = _whitening(patches)
        if spec.kind == "white":
            drawn = torch.randn(count, size, generator=generator, dtype=torch.float64)
        else:
            rows = torch.randint(len(patches), (count,), generator=generator)
            drawn = patches[rows] @ whitening
            drawn = drawn / drawn.norm(dim=1, keepdim=True).clamp_min(1e-12)
        filters = drawn @ whitening
    answers = patches @ filters.T
    filters = filters / answers.square().mean(0).sqrt().clamp_min(1e-6)[:, None]
    return filters.float().reshape(count, 3, spec.window, spec.window)


def _patches(image: Tensor, window: int, generator: torch.Generator) -> Tensor:
    """Patches of an image without their mean colour, (n, 3 window^2) in float64; a random part of very many."""
    rows = unfold(image, window)[0].T
    if len(rows) > PATCHES:
        rows = rows[torch.randperm(len(rows), generator=generator)[:PATCHES]]
    return _centred(rows.double())


def _centred(rows: Tensor) -> Tensor:
    """Rows (n, 3 window^2) less their mean in each colour."""
    colours = rows.reshape(len(rows), 3, -1)
    return (colours - colours.mean(2, keepdim=True)).flatten(1)


def _whitening(patches: Tensor) -> Tensor:
    """U (L + e)^(-1/2) U^T of patches, 0 along what no patch has."""
    scales, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
    top = scales[-1].clamp_min(1e-12)
    shrunk = torch.where(scales > 1e-9 * top, (scales.clamp_min(0) + FLOOR * top).rsqrt(), 0.0)
    return (axes * shrunk) @ axes.T


def _halved(x: Tensor) -> Tensor:
    """Means of 2 x 2 pixels; an odd side keeps its last row as it is."""
    return avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)


def _with_ones(maps: Tensor) -> Tensor:
    """Maps and one more, of ones."""
    return torch.cat([maps, maps.new_ones(len(maps), 1, *maps.shape[2:])], 1)


def require_window(
    image: Tensor, window: int, where: str = "ShallowEncoder(style)", came: tuple[int, int] | None = None
) -> None:
    """Refuse an image that is not larger than a filter.

    Parameters
    ----------
    image : (1, 3, height, width). window : side of a filter. where : how an error calls the image. came : its (height,
        width) before it was scaled; None for the same.

    Raises
    ------
    InvalidData : it is not.
    """
    height, width = image.shape[2:]
    if min(height, width) <= window:
        expected = f"an image larger than a filter of {window} x {window} pixels"
        larger = "image" if came is None or came == (height, width) else "size or style_scale"
        remedy = f"Give a larger {larger}, or ShallowEncoder(window=...) with smaller filters."
        raise InvalidData(problem(where, expected, in_words((height, width), came), remedy))
