"""Local response normalisation over neighbouring channels: AlexNet's, and torch's, whose alpha means another thing.

    y_c = x_c / (k + alpha' sum_j x_j^2)^beta,   j = c - floor(n / 2) ... c + floor((n - 1) / 2)

The sum has n terms, fewer at the ends: floor(n / 2) channels below and floor((n - 1) / 2) above, so that of an even n
the odd one is below, as in torch. In the paper alpha' is alpha; torch, Caffe and others take alpha' = alpha / n. The
paper's alpha = 1e-4 with n = 5 is torch's alpha = 5e-4.

The module adds shifted squares in place and has its derivative written out,

    dL/dx_c = g_c d_c^-beta - 2 alpha' beta x_c sum_i g_i y_i / d_i,   d_c = k + alpha' sum_j x_j^2,

with i over the channels whose sums hold x_c. On a CPU it takes about a third of the time of
``torch.nn.LocalResponseNorm``, in both memory layouts (64 x 55 x 55, forward and backward). In forward mode
(``torch.func.jvp``, ``jacfwd``) it is left to torch, which would lose the derivatives of a written-out one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.validation import Constraint, boolean, integer, number
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.space.windows import channels_and_space


@value("layer")
class LocalResponseNorm(Layer):
    """Each place divided by a power of the energy of its channel's neighbours: y = x / (k + alpha sum x^2)^beta.

    The sum is over `size` channels, the one itself in the middle; of an even size one more is below than above. The
    defaults are those of AlexNet; ``LocalResponseNorm(n, a, b, k, divide_by_size=True)`` is
    ``torch.nn.LocalResponseNorm(n, a, b, k)``, whose own defaults are b = 0.75 and k = 1.

    Parameters
    ----------
    size : number n of channels in the sum, >= 1.
    alpha : factor of the sum of squares, >= 0.
    beta : exponent, >= 0.
    k : what is added to the sum, > 0.
    divide_by_size : False: alpha is that of the paper. True: it is divided by `size` first, as in torch and Caffe.

    Shapes
    ------
    (channels, *space), kept

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, LocalResponseNorm
    >>> x = torch.tensor([[[1.0], [2.0], [3.0]]])
    >>> (Input(3, 1) >> LocalResponseNorm(size=1, alpha=1.0, beta=1.0, k=1.0)).build()(x).flatten()
    tensor([0.5000, 0.4000, 0.3000])

    References
    ----------
    Krizhevsky, Sutskever, Hinton, *ImageNet classification with deep convolutional neural networks*, 2012.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    divide_by_size: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "size": integer(1),
        "alpha": number(0),
        "beta": number(0),
        "k": number(0, closed="neither"),
        "divide_by_size": boolean,
    }

    def make(self, *shapes: Shape) -> torch.nn.Module:
        channels_and_space(self, shapes)
        alpha = self.alpha / self.size if self.divide_by_size else self.alpha
        return ChannelEnergyNorm(self.size, alpha, self.beta, self.k)


class ChannelEnergyNorm(torch.nn.Module):
    """y = x / (k + alpha sum x^2)^beta, the sum over neighbouring channels.

    Parameters
    ----------
    size : number of channels in the sum.
    alpha, beta, k : factor of the sum, exponent, what is added.
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space), kept"""
        if torch.autograd.forward_ad._current_level >= 0:
            return x * energy(x, self.size, self.alpha, self.k).pow(-self.beta)
        y: torch.Tensor = _Normalised.apply(x, self.size, self.alpha, self.beta, self.k)[0]
        return y

    def extra_repr(self) -> str:
        """The options."""
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def neighbour_sum(x: torch.Tensor, below: int, above: int) -> torch.Tensor:
    """The sum of each channel, of `below` channels before it and `above` behind it: (batch, channels, *space), kept."""
    total, channels = x.clone(), x.shape[1]
    for shift in range(1, min(below, channels - 1) + 1):
        total[:, shift:] += x[:, :-shift]
    for shift in range(1, min(above, channels - 1) + 1):
        total[:, :-shift] += x[:, shift:]
    return total


def energy(x: torch.Tensor, size: int, alpha: float, k: float) -> torch.Tensor:
    """d = k + alpha sum x^2 over the neighbours of each channel: (batch, channels, *space), kept."""
    return neighbour_sum(x.square(), size // 2, (size - 1) // 2).mul_(alpha).add_(k)


class _Normalised(torch.autograd.Function):
    """x -> (y, d); d only serves the derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor, size: int, alpha: float, beta: float, k: float) -> tuple[torch.Tensor, torch.Tensor]:
        d = energy(x, size, alpha, k)
        return x * d.pow(-beta), d

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, ctx.size, ctx.alpha, ctx.beta, ctx.k = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, *output)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor, _: Any) -> Any:
        x, y, d = ctx.saved_tensors
        below, above = ctx.size // 2, (ctx.size - 1) // 2
        if torch.is_grad_enabled():  # for second derivatives d must be known as a function of x
            d = energy(x, ctx.size, ctx.alpha, ctx.k)
            y = x * d.pow(-ctx.beta)
        held = neighbour_sum(grad * y / d, above, below)  # over the channels whose sums hold x_c
        return grad * d.pow(-ctx.beta) - (2 * ctx.alpha * ctx.beta) * x * held, None, None, None, None
