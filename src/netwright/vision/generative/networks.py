"""The networks of generative models: small ones chosen by the shape of a sample, and any others, closed for it.

For images the choice is that of DCGAN: strided convolutions that halve the image until less than eight pixels a side
are left, twice as many channels at each, and their mirror image in transposed convolutions. Sides may be odd: where a
side is, the kernel of that axis has three elements instead of four. With `width` 64 and 100 numbers of noise the
networks for (3, 64, 64) are those of the paper, with 3,576,704 and 2,765,568 parameters. For rows they are three
hidden layers.

Radford, Metz, Chintala, *Unsupervised representation learning with deep convolutional generative adversarial networks*,
2016.
"""

from __future__ import annotations

from math import prod
from typing import Any

import torch

from netwright.core.errors import LONG, InvalidParameter, problem, shown
from netwright.graph import Expression, Input, Layer, begins_with_input, join, parse
from netwright.layers import BatchNorm, Conv, ConvTranspose, Flatten, LeakyReLU, Linear, ReLU, Reshape, Tanh

Shape = tuple[int, ...]
WIDTH = 64  # channels beside the image, the fewest
MOST = 8  # times as many, the most
HIDDEN = 128  # units of a hidden layer for rows
SMALL = 8  # pixels a side below which nothing is halved any more


def dcgan_generator(shape: Shape, latent: int, width: int = WIDTH) -> Expression:
    """The generator of DCGAN for images of a shape; it ends in Tanh.

    Parameters
    ----------
    shape : (channels, height, width) of an image.
    latent : numbers of noise.
    width : channels beside the image.

    Examples
    --------
    >>> dcgan_generator((3, 64, 64), 100).summary().parameters
    3576704
    >>> dcgan_generator((1, 28, 21), 50).output_shape
    (1, 28, 21)
    """
    sides, widths = _pyramid(shape, width)
    layers: list[Layer | Expression] = [Input(latent), Reshape(latent, 1, 1)]
    layers += [ConvTranspose(widths[-1], _plain(sides[-1]), bias=False), BatchNorm(), ReLU()]
    for place in range(len(sides) - 2, -1, -1):
        filters = widths[place - 1] if place else shape[0]
        layers.append(ConvTranspose(filters, _kernel(sides[place]), stride=2, padding=1, bias=False))
        layers += [BatchNorm(), ReLU()] if place else [Tanh()]
    if len(sides) == 1:
        layers += [ConvTranspose(shape[0], 3, padding=1, bias=False), Tanh()]
    return join(*layers)


def dcgan_discriminator(shape: Shape, width: int = WIDTH, normalized: bool = True) -> Expression:
    """The discriminator of DCGAN for images of a shape; it gives a logit.

    Parameters
    ----------
    shape : (channels, height, width) of an image.
    width : channels of the first convolution.
    normalized : with batch normalisation; a gradient penalty and spectral normalisation take none.

    Examples
    --------
    >>> dcgan_discriminator((3, 64, 64)).summary().parameters
    2765568
    """
    last = _plain(_pyramid(shape, width)[0][-1])
    return join(Input(*shape), *_halving(shape, width, normalized), Conv(1, last, bias=False))


def image_encoder(shape: Shape, width: int) -> Expression:
    """The layers of an encoder of images: those of the discriminator up to its last.

    Parameters
    ----------
    shape : (channels, height, width) of an image.
    width : channels of the first convolution.

    Examples
    --------
    >>> image_encoder((1, 28, 28), 16).output_shape
    (32, 7, 7)
    """
    return join(Input(*shape), *_halving(shape, width, True))


def image_decoder(shape: Shape, latent: int, width: int) -> Expression:
    """The layers of a decoder of images: those of the generator without its last activation.

    Parameters
    ----------
    shape : (channels, height, width) of an image.
    latent : length of a code.
    width : channels beside the image.

    Examples
    --------
    >>> image_decoder((1, 28, 28), 20, 16).output_shape
    (1, 28, 28)
    """
    layers: Any = dcgan_generator(shape, latent, width)
    return join(*layers.parts[:-1])


def rows_generator(features: int, latent: int, hidden: int = HIDDEN) -> Expression:
    """A generator of rows: three hidden layers.

    Parameters
    ----------
    features : of a row.
    latent : numbers of noise.
    hidden : units of a layer.
    """
    return join(Input(latent), *[ReLU(hidden)] * 3, Linear(features))


def rows_discriminator(features: int, hidden: int = HIDDEN) -> Expression:
    """A discriminator of rows: three hidden layers and a logit.

    Parameters
    ----------
    features : of a row.
    hidden : units of a layer.
    """
    return join(Input(features), *[LeakyReLU(hidden, slope=0.2)] * 3, Linear(1))


def closed(given: str | Expression, shape: Shape, where: str) -> Expression:
    """A network with its input.

    Parameters
    ----------
    given : layers joined by >>, or their text.
    shape : of what it takes.
    where : how an error names it.

    Raises
    ------
    InvalidParameter : layers that are closed for something else. JoinError : layers that do not take it.

    Examples
    --------
    >>> closed("ReLU(3)", (2,), "generator")
    Input(2) >> ReLU(3)
    """
    layers: Expression = parse(given) if isinstance(given, str) else given
    network = layers if begins_with_input(layers) else join(Input(*shape), layers)
    wanted = network.plan().input_shapes
    if wanted != (shape,):
        got = f"one for {shown(wanted[0] if len(wanted) == 1 else wanted)}"
        remedy = f"Leave its Input out, or write {Input(*shape)}."
        raise InvalidParameter(problem(where, f"a network for samples of shape {shape}", got, remedy))
    return network


def expect_output(network: Expression, shape: Shape, where: str) -> Expression:
    """The network, whose output is brought to a shape where it has as many numbers.

    Parameters
    ----------
    network : a closed one.
    shape : of what it is to give.
    where : how an error names it.

    Raises
    ------
    InvalidParameter : a network that gives another number of numbers.

    Examples
    --------
    >>> expect_output(Input(2) >> Linear(4), (1, 2, 2), "generator")
    Input(2) >> Linear(4) >> Reshape(1, 2, 2)
    """
    given = network.output_shape
    if given == shape:
        return network
    if isinstance(given, tuple) and all(isinstance(size, int) for size in given) and prod(given) == prod(shape):
        return network >> Reshape(*shape)
    flat = "" if isinstance(given, tuple) and len(given) == 1 else "Flatten() >> "
    end = f"{flat}Linear({prod(shape)})" + (f" >> Reshape({', '.join(map(str, shape))})" if len(shape) > 1 else "")
    got = f"{given} of {shown(network, LONG)}"
    raise InvalidParameter(problem(where, f"an output of shape {shape}", got, f"End it with {end}."))


def ended(layers: Expression, units: int) -> Expression:
    """A closed network with a fully connected layer at its end, where its own last is not one of as many units.

    Parameters
    ----------
    layers : a closed network.
    units : of its end.

    Examples
    --------
    >>> ended(Input(4) >> ReLU(3), 2), ended(Input(4) >> Linear(2), 2)
    (Input(4) >> ReLU(3) >> Linear(2), Input(4) >> Linear(2))
    """
    last = getattr(layers, "parts", (layers,))[-1]
    if layers.output_shape == (units,) and isinstance(last, Linear):
        return layers
    if len(layers.output_shape) > 1:
        layers = layers >> Flatten()
    return layers >> Linear(units)


def mixes_samples(module: torch.nn.Module) -> bool:
    """Whether a module has batch normalisation.

    Parameters
    ----------
    module : any torch module.
    """
    return any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in module.modules())


def _pyramid(shape: Shape, width: int) -> tuple[list[Shape], list[int]]:
    """The sides of an image and of each of its halves, and the channels at each half."""
    sides = [tuple(shape[1:])]
    while min(sides[-1]) >= SMALL:
        sides.append(tuple(-(-side // 2) for side in sides[-1]))
    widths = [width * min(2**place, MOST) for place in range(max(len(sides) - 1, 1))]
    return sides, widths


def _kernel(sides: Shape) -> int | Shape:
    """The kernel that halves sides, rounding up, with stride 2 and padding 1."""
    return _plain(tuple(4 if side % 2 == 0 else 3 for side in sides))


def _plain(sizes: Shape) -> int | Shape:
    return sizes[0] if len(set(sizes)) == 1 else sizes


def _halving(shape: Shape, width: int, normalized: bool) -> list[Layer]:
    sides, widths = _pyramid(shape, width)
    if len(sides) == 1:
        return [Conv(widths[0], 3, padding=1, bias=False), LeakyReLU(slope=0.2)]
    layers: list[Layer] = []
    for place, filters in enumerate(widths):
        layers.append(Conv(filters, _kernel(sides[place]), stride=2, padding=1, bias=False))
        layers += [BatchNorm()] if normalized and place else []
        layers.append(LeakyReLU(slope=0.2))
    return layers
