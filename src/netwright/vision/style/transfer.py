"""`StyleTransfer`: a picture with the content of one image and the style of another.

    G = argmin over pixels of alpha J_content(C, G) + beta J_style(S, G) + tv V(G)          see ``cost.py``

from coarse to fine: at 1/4 of the size, at 1/2 from what that gave, at the size itself. What has become blue, yellow
and large stays so; each level adds what is too fine for the one before.

Gatys, Ecker, Bethge, *Image style transfer using convolutional neural networks*, 2016; Gatys, Ecker, Bethge, Hertzmann,
Shechtman, *Controlling perceptual factors in neural style transfer*, 2017 (coarse to fine, masks); Ustyuzhaninov,
Brendel, Gatys, Bethge, *Texture synthesis using shallow convolutional networks with random filters*, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, check_all, checks_options, instance, integer, nothing, number, one_of
from netwright.graph import parse_value
from netwright.optim import Adam, Optimizer, QuasiNewton
from netwright.train.precision import choose_device
from netwright.vision.style.colours import KEPT, with_luminance
from netwright.vision.style.cost import PictureCost, Scene, Weights
from netwright.vision.style.descent import descend
from netwright.vision.style.pixels import as_bytes, fitted
from netwright.vision.style.scene import Given, layer_weights, read_given, scene_at, style_at
from netwright.vision.style.shallow import ShallowEncoder, require_window
from netwright.vision.style.taps import PLACES, Taps, require_places, tell_borders

RULES: Mapping[str, Optimizer] = {"lbfgs": QuasiNewton("lbfgs", memory=10), "adam": Adam(0.02)}
NOISE = 0.05  # standard deviation, added to what each level begins with, for strokes to grow from
LEAST = 32  # pixels of a short side below which there is no coarser level
COLOUR = 25.0  # weight of the colours beside the scales of the shallow encoder

Picture = NDArray[np.uint8]


class StyleTransfer(BaseEstimator):
    """A picture that shows what one image shows, painted as another one is.

    Call it with both: ``StyleTransfer()(content, style)``. Nothing is trained and nothing is downloaded: the pixels of
    the picture are what is optimised. The network only measures. Without one it is a layer of many filters at several
    scales, made of patches of the style image; any network of `netwright.models` will do as well, with published
    weights where you have their file, or with random ones.

    Parameters
    ----------
    network : None for `ShallowEncoder()`, another `ShallowEncoder`, layers joined by >> (or their text) such as
        ``nw.models.vgg19()``, a network with its weights, or a ``torch.nn.Sequential``. Its images are prepared as its
        card says; max-pools become mean-pools.
    weights : a file of published weights for the network (torchvision's ``vgg19-dcbb9e9d.pth``, Keras', timm's); None
        for those that it has, or random ones.
    style_layers, content_layers : names of layers, or a dict with a weight for each; None for those that suit the
        network. "conv4_2" and "relu10" are both understood.
    steps : updates at each level, an integer >= 1.
    levels : sizes, each twice the one before, the last one `size`; coarser ones than 32 pixels are left out.
    optimizer : "lbfgs", "adam", an update rule of `nw.optim` that needs no residuals, or its text.
    alpha, beta, tv : weights of content, style and variation, >= 0; they mean the same for any size.
    size : pixels of the picture's long side; None for that of the content.
    style_scale : long side of the style image for one of the picture, > 0: larger values give larger strokes.
    keep_colors : "histogram" (the style is given the content's colours before), "luminance" (only brightness is
        painted), or None for the colours of the style.
    start : what the picture begins as, "content" or "noise".
    device : "auto", "cpu", "cuda", ...
    random_state : of filters, weights and noise; None, an integer >= 0, a RandomState or a Generator.

    Attributes
    ----------
    losses_ : J before each step and after the last one, a list for each level. costs_ : what it is made of at the end,
    before weights. sizes_ : (height, width) of each level. style_layers_, content_layers_ : the weights of layers.
    encoder_ : the network. seed_ : what was drawn from random_state.

    Notes
    -----
    images (height, width, 3) of uint8 -> (height, width, 3) of uint8. Gray images are taken as gray ones in colour,
    transparent ones are laid on white, those with a palette get their colours; numbers in [0, 1] and files are taken
    too.

    Raises
    ------
    InvalidParameter : an option that cannot be, layers that there are not, weights that do not fit. InvalidData : no
    image, numbers that are not finite, a style smaller than a filter, a mask of another size. A style that is smaller
    than what a place of a layer sees is told in a UserWarning.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> draw = np.random.default_rng(0)
    >>> content = np.repeat(np.arange(0, 240, 5, dtype=np.uint8)[:, None, None], 60, 1).repeat(3, 2)
    >>> style = draw.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    >>> transfer = nw.vision.StyleTransfer(steps=3, levels=1, size=60, random_state=0)
    >>> transfer(content, style).shape
    (48, 60, 3)
    >>> transfer.losses_[0][-1] < transfer.losses_[0][0]
    True

    References
    ----------
    Gatys, Ecker, Bethge, *Image style transfer using convolutional neural networks*, 2016.
    Ustyuzhaninov, Brendel, Gatys, Bethge, *Texture synthesis using shallow convolutional networks with random filters*,
    2016; He, Wang, Hopcroft, *A powerful generative model using random weights for the deep image representation*,
    2016.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "steps": integer(1),
        "levels": integer(1, 8),
        "alpha": number(0),
        "beta": number(0),
        "tv": number(0),
        "size": integer(8) | nothing,
        "style_scale": number(0, closed="neither"),
        "keep_colors": one_of(*KEPT) | nothing,
        "start": one_of("content", "noise"),
        "device": instance(str, text="the name of a device"),
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        weights: Any = None,
        style_layers: Any = None,
        content_layers: Any = None,
        steps: int = 60,
        levels: int = 3,
        optimizer: Any = "lbfgs",
        alpha: float = 0.08,
        beta: float = 1.0,
        tv: float = 0.3,
        size: int | None = 256,
        style_scale: float = 1.5,
        keep_colors: str | None = None,
        start: str = "content",
        device: Any = "auto",
        random_state: Any = None,
    ) -> None:
        self.network, self.weights = network, weights
        self.style_layers, self.content_layers = style_layers, content_layers
        self.steps, self.levels, self.optimizer = steps, levels, optimizer
        self.alpha, self.beta, self.tv = alpha, beta, tv
        self.size, self.style_scale = size, style_scale
        self.keep_colors, self.start = keep_colors, start
        self.device, self.random_state = device, random_state

    def __call__(
        self,
        content: Any,
        style: Any,
        *,
        blend: Sequence[float] | None = None,
        mask: Any = None,
        style_mask: Any = None,
        resume: Any = None,
        every: int | None = None,
    ) -> Picture | list[Picture]:
        """The picture; a list of pictures over time where `every` is given.

        Parameters
        ----------
        content : an image, or the path of its file.
        style : an image or its path, or a list of several.
        blend : how much of each of several styles, numbers >= 0; None for equal shares.
        mask : where the style goes, (height, width) of the content: True, 255 or, where nothing is larger, 1; elsewhere
            the content stays. Of several styles a list with a mask for each. None for everywhere.
        style_mask : the part of the style image that counts, in its own size; of several styles a list.
        resume : a picture to go on from, of the size that comes out; only the finest level is made.
        every : steps between two pictures; the last one is always there.

        Raises
        ------
        InvalidData, InvalidParameter : see the class.
        """
        check_all("StyleTransfer", vars(self), self._constraints)
        if every is not None and not integer(1).accepts(every):
            raise InvalidParameter(problem("StyleTransfer(every)", "an integer >= 1 or None", shown(every)))
        rule = _rule_of(self.optimizer)
        given = read_given(content, style, blend, mask, style_mask, resume, self.size, self.keep_colors)
        self.seed_ = to_seed(self.random_state)
        shallow = ShallowEncoder() if self.network is None else self.network
        deep = None if isinstance(shallow, ShallowEncoder) else self._deep()
        if deep is None and self.weights is not None:
            remedy = "Give network=nw.models.vgg19(), or the network that they are of."
            raise InvalidParameter(problem("StyleTransfer(weights)", "None without a network", "weights", remedy))
        self._require(given, deep, shallow)
        sizes = self._sizes(given, deep, shallow)
        self.losses_: list[list[float]] = []
        self.sizes_ = sizes
        seen: list[Picture] = []
        x = given.resume
        for level, size in enumerate(sizes):
            scene = scene_at(given, size, self.style_scale, recolour=deep is None and self.keep_colors is None)
            self.encoder_ = deep or shallow.build(scene.styles, derive(self.seed_, "filters", level))
            x = self._painted(scene, x, rule, level, _watcher(seen, every, given, sizes[-1]))
        assert x is not None
        picture = _finished(x, given, sizes[-1])
        return picture if every is None else [*seen, picture]

    def _painted(self, scene: Scene, x: Tensor | None, rule: Optimizer, level: int, watch: Any) -> Tensor:
        """One level: from the picture of the one before to that of this one."""
        device = choose_device(self.device)
        weights = self._weights()
        start = self._start(scene, x, level)
        cost = PictureCost(self.encoder_.to(device), scene.to(device), weights, start.to(device))
        losses, _ = descend(cost, rule, self.steps, watch(cost))
        self.losses_.append(losses)
        with torch.no_grad():
            self.costs_ = {name: float(part) for name, part in cost.parts().items()}
            return cost.picture().cpu()

    def _start(self, scene: Scene, x: Tensor | None, level: int) -> Tensor:
        """What a level begins with."""
        generator = torch.Generator().manual_seed(derive(self.seed_, "noise", level))
        noise = torch.randn(scene.content.shape, generator=generator)
        if x is None:
            return (0.5 + 0.2 * noise if self.start == "noise" else scene.content + NOISE * noise).clamp(0, 1)
        if x.shape == scene.content.shape:
            return x
        height, width = scene.content.shape[2:]
        return (fitted(x.clamp(0, 1), (height, width)) + NOISE * noise).clamp(0, 1)

    def _weights(self) -> Weights:
        """The weights of layers; those of the shallow encoder give colours their own."""
        encoder = self.encoder_
        style = layer_weights(self.style_layers, encoder, encoder.style, "StyleTransfer(style_layers)")
        if self.style_layers is None and "colour" in style:
            share = 1 / (len(style) - 1)
            style = {name: COLOUR if name == "colour" else share for name in style}
        content = layer_weights(self.content_layers, encoder, encoder.content, "StyleTransfer(content_layers)")
        self.style_layers_, self.content_layers_ = dict(style), dict(content)
        return Weights(style, content, self.alpha, self.beta, self.tv)

    def _deep(self) -> Taps:
        """A network of layers."""
        self.encoder_ = taps = Taps(self.network, self.weights, derive(self.seed_, "network"))
        return taps

    def _require(self, given: Given, deep: Taps | None, shallow: Any) -> None:
        """Refuse images that are too small for the layers, at the scale of the picture."""
        size, where = _size(given.content), "StyleTransfer()(style)"
        layers = None if deep is None else self._weights()
        if deep is not None and layers is not None:
            require_places(deep, size, [*layers.style, *layers.content], "StyleTransfer()(content)")
        for image in given.styles:
            style, came = style_at(image, size, self.style_scale), _size(image)
            if deep is None or layers is None:
                require_window(style, shallow.window, where, came)
                continue
            require_places(deep, _size(style), layers.style, where, came)
            tell_borders(deep, _size(style), layers.style, where, came)

    def _sizes(self, given: Given, deep: Taps | None, shallow: Any) -> list[tuple[int, int]]:
        """(height, width) of each level, the coarsest first; those are left out whose images are too small."""
        layers = None if deep is None else self._weights()

        def fits(size: tuple[int, int], styles: list[tuple[int, int]]) -> bool:
            if deep is None or layers is None:
                return min(map(min, styles)) > shallow.window
            all_layers = [*layers.style, *layers.content]
            return min(deep.places(each, all_layers) for each in (size, *styles)) >= PLACES

        return sizes_of(given, self.levels if given.resume is None else 1, self.style_scale, fits)


def sizes_of(
    given: Given,
    levels: int,
    style_scale: float,
    fits: Callable[[tuple[int, int], list[tuple[int, int]]], bool] = lambda size, styles: True,
) -> list[tuple[int, int]]:
    """(height, width) of each level, the coarsest first.

    Parameters
    ----------
    given : the images. levels : how many, at most. style_scale : of the style images for one of the picture. fits :
        whether a picture and styles of such sizes are large enough for what measures.
    """
    height, width = given.content.shape[2:]
    found = [(height, width)]
    for level in range(1, levels):
        size = round(height / 2**level), round(width / 2**level)
        if min(size) < LEAST:
            break
        styles = [_size(style_at(image, size, style_scale)) for image in given.styles]
        if min(map(min, styles)) < LEAST or not fits(size, styles):
            break
        found.append(size)
    return found[::-1]


def _size(image: Tensor) -> tuple[int, int]:
    """(height, width) of an image."""
    height, width = image.shape[-2:]
    return int(height), int(width)


def _rule_of(optimizer: Any) -> Optimizer:
    """The update rule that an option means."""
    rule = optimizer
    if isinstance(optimizer, str):
        rule = RULES.get(optimizer.lower()) or parse_value(optimizer)
    if not isinstance(rule, Optimizer) or rule.takes == "residuals":
        expected = "'lbfgs', 'adam', or an update rule of nw.optim that needs no residuals"
        raise InvalidParameter(problem("StyleTransfer(optimizer)", expected, shown(optimizer)))
    return rule


def _watcher(
    seen: list[Picture], every: int | None, given: Given, size: tuple[int, int]
) -> Callable[[PictureCost], Callable[[int], None]]:
    """What keeps a picture each so many steps, of a level's cost."""

    def watch(cost: PictureCost) -> Callable[[int], None]:
        def told(step: int) -> None:
            if every is not None and step % every == 0:
                seen.append(_finished(cost.picture().detach().cpu(), given, size))

        return told

    return watch


def _finished(x: Tensor, given: Given, size: tuple[int, int]) -> Picture:
    """A picture as bytes in the wanted size, with the content's colours where only brightness is painted."""
    whole = fitted(x.clamp(0, 1), size)
    return as_bytes(with_luminance(given.content, whole) if given.gray else whole)
