"""The networks that give embeddings: small ones chosen by the shape of a sample, and what stands round any of them.

For images the choice is that of few-shot learning: blocks of a 3x3 convolution of 64 channels, batch normalisation,
rectifier and 2x2 max-pooling, as many as leave 3 to 7 pixels a side. For rows of features it is two hidden layers.

Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra, *Matching networks for one shot learning*, 2016 (four blocks on
28x28 pixels).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.graph import Expression, Input, begins_with_input, join, parse
from netwright.layers import BatchNorm, Conv, Flatten, Linear, MaxPool, ReLU
from netwright.models import choose_body
from netwright.vision.embeddings.distances import directions

WIDTH = 64  # channels of a block
LEAST = 1e-6  # deviation below which a column counts as constant


def default_network(shape: tuple[int, ...]) -> Expression:
    """The layers that are chosen for samples of a shape.

    Parameters
    ----------
    shape : (features,) or (channels, height, width).

    Examples
    --------
    >>> default_network((10,))
    ReLU(72) >> ReLU(72)
    >>> len(default_network((1, 28, 28)).parts), len(default_network((3, 64, 64)).parts)
    (12, 16)
    """
    if len(shape) == 1:
        return join(*choose_body(shape, WIDTH))
    blocks = min(max(int(math.log2(min(shape[1:]) / 3)), 1), 6) if min(shape[1:]) >= 2 else 0
    pool = [MaxPool(2)] if blocks else []
    one = [Conv(WIDTH, 3, padding="same", bias=False), BatchNorm(), ReLU(), *pool]
    return join(*(one * max(blocks, 1)))


def closed_network(given: Any, shape: tuple[int, ...], dimension: int | None, centred: bool = False) -> Expression:
    """The whole network, from a sample to its embedding.

    Parameters
    ----------
    given : layers joined by >>, their text, or None.
    shape : of one sample.
    dimension : of embeddings, None for what
        the layers give.
    centred : whether batch normalisation ends it. Losses with centres need embeddings that lie
        all round 0: out of rectifiers they all point nearly one way, and ArcFace hardly begins to learn.

    Raises
    ------
    InvalidParameter : layers that are closed for samples of another shape.
    JoinError : layers that do not fit the samples.

    Examples
    --------
    >>> closed_network("ReLU(8)", (5,), 2)
    Input(5) >> ReLU(8) >> Linear(2)
    """
    layers: Expression = parse(given) if isinstance(given, str) else given or default_network(shape)
    network = layers if begins_with_input(layers) else join(Input(*shape), layers)
    wanted = network.plan().input_shapes
    if wanted != (shape,):
        remedy = "Leave its Input out, or give samples of that shape."
        got = f"one for {shown(wanted[0] if len(wanted) == 1 else wanted)}"
        raise InvalidParameter(problem("network", f"one for samples of shape {shape}", got, remedy))
    if len(network.output_shape) > 1:
        network = join(network, Flatten())
    last = ([] if dimension is None else [Linear(dimension)]) + ([BatchNorm()] if centred else [])
    return join(network, *last) if last else network


class EmbeddingNetwork(torch.nn.Module):
    """A network with its inputs standardised and its outputs brought to length 1.

    Parameters
    ----------
    network : the closed layers.
    normalize : whether embeddings get length 1.
    seed : of the weights.

    Shapes
    ------
    (n, ...) -> (n, D)
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, network: Expression, normalize: bool, seed: int) -> None:
        super().__init__()
        self.body, self.normalize = network.build(seed), normalize
        shape = network.plan().input_shapes[0]
        form = shape if len(shape) == 1 else (shape[0], 1, 1)
        self.register_buffer("mean", torch.zeros(form))
        self.register_buffer("spread", torch.ones(form))

    def learn(self, x: Tensor) -> None:
        """Take the mean and the deviation of each feature; of images the median and the deviation of each channel.

        The median of drawings is their ground, which is then 0 as what stands beside the image is.

        Parameters
        ----------
        x : training samples as the network gets them.
        """
        axes = (0,) if x.ndim == 2 else (0, 2, 3)
        spread = x.std(axes, unbiased=False)
        middle = x.mean(0) if x.ndim == 2 else x.transpose(0, 1).flatten(1).median(1).values
        self.mean.copy_(middle.view_as(self.mean))
        self.spread.copy_(torch.where(spread > LEAST, spread, torch.ones_like(spread)).view_as(self.spread))

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings of samples."""
        found: Tensor = self.body((x - self.mean) / self.spread)
        return directions(found) if self.normalize else found


class WithCentres(torch.nn.Module):
    """An embedding network with a learned centre for each class: it gives cosines.

    Parameters
    ----------
    embedding : the network.
    classes : how many.
    dimension : of embeddings.
    seed : of the centres.

    Shapes
    ------
    (n, ...) -> (n, classes)
    """

    def __init__(self, embedding: EmbeddingNetwork, classes: int, dimension: int, seed: int) -> None:
        super().__init__()
        self.embedding = embedding
        drawn = torch.randn(classes, dimension, generator=torch.Generator().manual_seed(seed))
        self.centres = torch.nn.Parameter(drawn / math.sqrt(dimension))

    def forward(self, x: Tensor) -> Tensor:
        """The cosine of each sample with each centre."""
        return directions(self.embedding(x)) @ directions(self.centres).T
