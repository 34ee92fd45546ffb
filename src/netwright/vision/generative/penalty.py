"""Penalties that keep a discriminator smooth: they look at its gradient with respect to its input.

WGAN-GP, at points between real and made samples, one alpha_i ~ U(0, 1) for each pair:

    u_i = alpha_i x_i + (1 - alpha_i) G(z_i)
    P = lambda / n sum_i (|grad_u D(u_i)| - 1)^2

R1, at the real samples:

    P = gamma / (2 n) sum_i |grad_x D(x_i)|^2

The norm is that over *all* axes of a sample, and there is one alpha for each sample: a norm over the channels alone, or
one alpha for the batch, is another penalty. A layer that mixes the samples of a batch, such as batch normalisation, has
no gradient of one sample: use none, or layer or group normalisation.

References
----------
Gulrajani et al., *Improved training of Wasserstein GANs*, 2017.
Mescheder, Geiger, Nowozin, *Which training methods for GANs do actually converge?*, 2018 (R1).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem

Critic = Callable[[Tensor], Tensor]


def gradient_penalty(
    critic: Critic, real: Tensor, fake: Tensor, weight: float = 10.0, alpha: Tensor | None = None
) -> Tensor:
    """The penalty of WGAN-GP.

    Parameters
    ----------
    critic : gives one score a sample.
    real, fake : samples side by side.
    weight : lambda.
    alpha : (n,) in [0, 1], the share of the real one; None: drawn from torch's random state.

    Shapes
    ------
    (n, ...), (n, ...) -> scalar

    Raises
    ------
    InvalidParameter : real and made samples of different shapes.

    Examples
    --------
    >>> w = torch.tensor([1.0, 2.0, 2.0])  # of norm 3
    >>> gradient_penalty(lambda x: x @ w, torch.zeros(5, 3), torch.ones(5, 3)).item()
    40.0
    """
    if real.shape != fake.shape:
        expected, got = "real and made samples of one shape", f"{tuple(real.shape)} and {tuple(fake.shape)}"
        raise InvalidParameter(problem("gradient_penalty", expected, got, "Give as many of the one as of the other."))
    share = torch.rand(len(real), dtype=real.dtype, device=real.device) if alpha is None else alpha
    share = share.view(-1, *[1] * (real.ndim - 1))
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    return weight * (_norms(critic, between) - 1).square().mean()


def r1_penalty(critic: Critic, real: Tensor, weight: float = 10.0) -> Tensor:
    """The penalty on the gradient at real samples.

    Parameters
    ----------
    critic : gives one score a sample.
    real : samples.
    weight : gamma.

    Shapes
    ------
    (n, ...) -> scalar

    Examples
    --------
    >>> w = torch.tensor([1.0, 2.0, 2.0])
    >>> r1_penalty(lambda x: x @ w, torch.zeros(5, 3)).item()
    45.0
    """
    return weight / 2 * _gradients(critic, real.detach().requires_grad_()).square().sum(1).mean()


def _gradients(critic: Critic, x: Tensor) -> Tensor:
    """The gradient of each sample's score with respect to all of the sample, (n, numbers of a sample)."""
    (found,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return found.flatten(1)


def _norms(critic: Critic, x: Tensor) -> Tensor:
    """Norms of gradients, (n,); where one is 0 its own derivative is 0 and not NaN."""
    squares = _gradients(critic, x).square().sum(1)
    there = squares > 0
    return torch.where(there, squares, torch.ones_like(squares)).sqrt() * there
