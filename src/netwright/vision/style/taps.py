"""Maps of any network for images, by the names of its layers: what costs of style transfer and pictures look at.

The network runs from its first layer to the last one that is asked for; what stands behind (pooling over all places,
classes) is left out. Max-pools are replaced by mean-pools, whose gradient reaches all pixels and not a quarter of them
(Gatys et al. 2016). The module that was given is copied, not changed.

Layers have the names that the network gives them ("conv1", "relu7"), and those of the literature beside them where the
network is a chain of convolutions and pools: "conv4_2" is what the rectifier behind the second convolution of the
fourth stage gives. Where none are named, the style is taken from the first rectified maps at each of five strides, and
the content from the second ones at the fourth: of VGG that is conv1_1, conv2_1, ..., conv5_1 and conv4_2.

Gatys, Ecker, Bethge, *Image style transfer using convolutional neural networks*, 2016; He, Wang, Hopcroft, *A powerful
generative model using random weights for the deep image representation*, 2016 (the same with weights drawn at random).
"""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.graph import Chain, Expression, Input, analyze, begins_with_input, close, join, parse
from netwright.layers import AdaptivePool, Flatten, GlobalPool
from netwright.models.preprocessing import Preprocessing
from netwright.models.weights import LoadedWeights, load_weights
from netwright.vision.style.pixels import in_words

PROBE = 64  # height and width of the image on which sizes of maps are found
PHOTOGRAPHS = Preprocessing((0.45,) * 3, (0.25,) * 3)  # of networks without a card
ENDS = (AdaptivePool, Flatten, GlobalPool)  # behind them there are no places any more
STAGES, CONTENT_STAGE = 5, 4
PLACES = 2  # of a map along each side, at least
RECTIFIERS = (torch.nn.ReLU, torch.nn.LeakyReLU, torch.nn.ELU, torch.nn.PReLU, torch.nn.GELU, torch.nn.SiLU)
NORMS = (torch.nn.BatchNorm2d, torch.nn.GroupNorm, torch.nn.InstanceNorm2d)
POOLS = (torch.nn.MaxPool2d, torch.nn.AvgPool2d)
IDLE = (torch.nn.Dropout, torch.nn.Dropout2d, torch.nn.Identity)  # of a network that is evaluated
BUILT_ENDS = (torch.nn.AdaptiveAvgPool2d, torch.nn.AdaptiveMaxPool2d, torch.nn.Flatten, torch.nn.Linear)


class Taps(torch.nn.Module):
    """A network for images that gives the maps of its layers by name.

    Parameters
    ----------
    network : layers joined by >> (or their text) that take images (3, height, width), a network with its weights
        (`netwright.models.load_weights`), or a ``torch.nn.Sequential``.
    weights : a file of published weights for it, as `netwright.models.load_weights` reads them; None for fresh ones.
    seed : of fresh weights.
    pool : "mean" puts mean-pools in the place of max-pools, "max" leaves them.

    Attributes
    ----------
    names : of the layers that have maps. style, content : those that are looked at where none are named.
    aliases : names of the literature, each with that of the network.

    Raises
    ------
    InvalidParameter : something else, or a network that gives no maps of images.

    Examples
    --------
    >>> import netwright as nw
    >>> taps = Taps(nw.models.vgg11())
    >>> taps.style, taps.content
    (('conv1_1', 'conv2_1', 'conv3_1', 'conv4_1', 'conv5_1'), ('conv4_2',))
    >>> {name: tuple(maps.shape) for name, maps in taps(torch.zeros(1, 3, 32, 48), ["conv3_1", "relu1"]).items()}
    {'conv3_1': (1, 256, 8, 12), 'relu1': (1, 64, 32, 48)}
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, network: Any, weights: Any = None, seed: int = 0, pool: str = "mean") -> None:
        super().__init__()
        parts, prepared = _parts_of(network, weights, seed)
        prepared = prepared if isinstance(prepared, Preprocessing) and len(prepared.mean) == 3 else PHOTOGRAPHS
        self.body = torch.nn.Sequential(parts)
        for layer in [*self.body.modules()]:
            if getattr(layer, "inplace", False):
                layer.inplace = False  # type: ignore[assignment]  # maps are read after the next layer has run
        if pool == "mean":
            _without_max(self.body)
        self.body.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(prepared.mean).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(prepared.std).view(1, 3, 1, 1))
        sizes = self._sizes()
        self.names = tuple(sizes)
        self.aliases = _aliases(OrderedDict((name, parts[name]) for name in self.names))
        self.style, self.content = self._chosen(sizes)

    def forward(self, images: Tensor, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """(n, 3, height, width) in [0, 1] -> the maps of layers by name, (n, channels, h, w); all of them for None."""
        wanted = list(self.names if names is None else names)
        inner = {self.inner(name) for name in wanted}
        found: dict[str, Tensor] = {}
        x = (images - self.mean) / self.spread
        for name, layer in self.body._modules.items():
            assert layer is not None
            x = layer(x)
            found[name] = x
            if inner <= found.keys():
                break
        return {name: found[self.inner(name)] for name in wanted}

    def inner(self, name: Any, where: str = "layers") -> str:
        """The network's own name of a layer.

        Parameters
        ----------
        name : of the network or of the literature. where : how an error calls the place.

        Raises
        ------
        InvalidParameter : there is no such layer.
        """
        own = self.aliases.get(name, name)
        if own not in self.names:
            known = [*self.aliases, *self.names]
            remedy = did_you_mean(str(name), known)
            raise InvalidParameter(problem(where, "names of layers of the network", shown(name), remedy))
        return own

    def field(self, name: str) -> int:
        """Pixels of the side of what one place of a layer's maps sees.

        Parameters
        ----------
        name : of the layer.
        """
        inside = list(self.body._modules)
        part = self.body[: inside.index(self.inner(name)) + 1]
        window = analyze(part, (3, PROBE, PROBE)).receptive_field
        return max(window) if window else 1

    def places(self, size: tuple[int, int], names: Iterable[str]) -> int:
        """How many places the smallest of some layers' maps has along its shorter side; 0 for an image too small.

        Parameters
        ----------
        size : (height, width) of the image. names : of the layers.
        """
        try:
            maps = self(self.mean.new_zeros(1, 3, *size), names)
        except RuntimeError:
            return 0
        return min((min(each.shape[-2:]) for each in maps.values()), default=max(PLACES, 1))

    def _sizes(self) -> dict[str, tuple[int, int]]:
        """Channels and height of the maps of each layer, as long as there are any."""
        found: dict[str, tuple[int, int]] = {}
        x: Tensor = torch.zeros(1, 3, PROBE, PROBE)
        for name, layer in self.body._modules.items():
            assert layer is not None
            try:
                x = layer(x)
            except (RuntimeError, ValueError, TypeError):
                break
            if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[2] < 1:
                break
            found[name] = x.shape[1], x.shape[2]
        if not found:
            got = f"one whose first layer is {shown(next(iter(self.body), None))}"
            remedy = "Its layers have to take three channels of any height and width."
            raise InvalidParameter(problem("network", "a network that gives maps of colour images", got, remedy))
        return found

    def _chosen(self, sizes: dict[str, tuple[int, int]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The layers of style and content where none are named."""
        named = {own: name for name, own in self.aliases.items()}
        stages: dict[int, list[str]] = {}
        for name in self.names:
            stages.setdefault(sizes[name][1], []).append(name)
        levels = []
        for names in list(stages.values())[:STAGES]:
            rectified = [name for name in names if isinstance(self.body._modules[name], RECTIFIERS)]
            levels.append([named.get(name, name) for name in rectified or names])
        place = min(CONTENT_STAGE, len(levels)) - 1
        return tuple(level[0] for level in levels), (levels[place][min(1, len(levels[place]) - 1)],)


def _parts_of(network: Any, weights: Any, seed: int) -> tuple[OrderedDict[str, torch.nn.Module], Any]:
    """Copies of the layers of a network by name, and what its card says of the preparation of images."""
    if isinstance(network, str):
        network = parse(network)
    if isinstance(network, LoadedWeights):
        card = getattr(network.network, "card", None)
        return _copied(network.module), getattr(card, "preprocessing", None)
    if isinstance(network, Expression):
        card = getattr(network, "card", None)
        prepared = getattr(card, "preprocessing", None)
        if weights is not None:
            return _copied(load_weights(network, weights, seed).module), prepared
        front = _front(network)
        closed = front if begins_with_input(front) else join(Input(3, PROBE, PROBE), front)
        return _copied(close(closed).build(seed)), prepared
    if isinstance(network, torch.nn.Sequential):
        if weights is not None:
            network = copy.deepcopy(network)
            load_weights(network, weights, seed)
        return _copied(network), None
    remedy = "Of another module give the convolutional part, such as vgg.features."
    got = f"{shown(network)} of type {type(network).__name__}"
    raise InvalidParameter(problem("network", "layers, a network with its weights or a Sequential", got, remedy))


def _front(network: Expression) -> Expression:
    """The layers of a chain before those that leave no places."""
    if not isinstance(network, Chain):
        return network
    end = next((i for i, part in enumerate(network.parts) if isinstance(part, ENDS)), len(network.parts))
    return Chain(network.parts[:end], network.card) if end else network


def _copied(module: torch.nn.Module) -> OrderedDict[str, torch.nn.Module]:
    """Copies of the children of a module, in their order, up to the first that leaves no places."""
    known = OrderedDict(module.named_children())
    end = next((i for i, layer in enumerate(known.values()) if isinstance(layer, BUILT_ENDS)), len(known))
    known = OrderedDict(list(known.items())[: end or None])
    if not known:
        got = f"{shown(module)} without any"
        raise InvalidParameter(problem("network", "a network of layers one after the other", got))
    return OrderedDict((name, copy.deepcopy(layer)) for name, layer in known.items())


def _without_max(module: torch.nn.Module) -> None:
    """Put mean-pools in the place of max-pools, at any depth."""
    for name, layer in list(module.named_children()):
        if isinstance(layer, torch.nn.MaxPool2d) and layer.dilation in (1, (1, 1)):
            options: dict[str, Any] = {"ceil_mode": layer.ceil_mode, "count_include_pad": False}
            module._modules[name] = torch.nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding, **options)
        else:
            _without_max(layer)


def _aliases(parts: OrderedDict[str, torch.nn.Module]) -> dict[str, str]:
    """conv1_1, conv1_2, ... of a chain of convolutions, rectifiers and pools, each with the rectifier behind it."""
    found: dict[str, str] = {}
    stage, number, names = 1, 0, list(parts)
    for place, (name, layer) in enumerate(parts.items()):
        if isinstance(layer, POOLS):
            stage, number = stage + 1, 0
        elif isinstance(layer, torch.nn.Conv2d):
            number += 1
            behind = place + 1
            while behind < len(names) and isinstance(parts[names[behind]], NORMS):
                behind += 1
            follows = behind < len(names) and isinstance(parts[names[behind]], RECTIFIERS)
            found[f"conv{stage}_{number}"] = names[behind] if follows else name
        elif not isinstance(layer, (*RECTIFIERS, *NORMS, *IDLE)):
            return {}
    return found if stage > 1 else {}


def require_places(
    taps: Taps, size: tuple[int, int], names: Iterable[str], where: str, came: tuple[int, int] | None = None
) -> None:
    """Refuse an image that is too small for a layer.

    Parameters
    ----------
    taps : the network. size : (height, width) of the image. names : of layers. where : how an error calls the image.
    came : its size before it was scaled; None for the same.

    Raises
    ------
    InvalidData : a layer has fewer than 2 x 2 places for the image.
    """
    names = list(names)
    for name in names if taps.places(size, names) < PLACES else ():
        if taps.places(size, [name]) < PLACES:
            expected = f"an image with at least 2 x 2 places in the layer {name!r}, whose places see {taps.field(name)}"
            remedy = "Give a larger image or size, or name layers nearer to the image."
            raise InvalidData(problem(where, f"{expected} pixels", in_words(size, came), remedy))


def tell_borders(
    taps: Taps, size: tuple[int, int], names: Iterable[str], where: str, came: tuple[int, int] | None = None
) -> None:
    """Warn of an image that is smaller than what a place of a layer sees: what lies beside it takes part.

    Parameters
    ----------
    taps : the network. size : (height, width) of the image. names : of layers. where : how a warning calls the image.
    came : its size before it was scaled; None for the same.
    """
    fields = {name: taps.field(name) for name in names}
    name = max(fields, key=lambda each: fields[each], default=None)
    if name is not None and min(size) < fields[name]:
        expected = f"an image of at least {fields[name]} pixels a side, what a place of the layer {name!r} sees"
        larger = "a larger image" if came is None or came == size else "a larger size or style_scale"
        remedy = f"Its borders take part in the style: give {larger}, or name layers nearer to the image."
        text = problem(where, expected, in_words(size, came), remedy)
        warnings.warn(text, UserWarning, stacklevel=4)
