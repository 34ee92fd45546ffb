"""The negative log-likelihood of mixtures of Gaussians, whose parameters a network gives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import Constraint, integer, nothing, number, tuple_of
from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.targets import check_finite

ONE = math.log(math.e - 1)  # softplus(ONE) = 1
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@final
@value("criterion")
class MixtureDensity(Loss):
    """Negative log-likelihood of a mixture of diagonal Gaussians over m numbers, l = -log p(t), by log-sum-exp.

    With outputs a_k, b_kj and c_kj of the network for component k of K and number j::

        p(t)   = sum_k w_k prod_j N(t_j; mu_kj, sigma_kj^2)
        w      = softmax(a)
        mu     = b + centre
        sigma  = floor + (1 - floor) softplus(c + log(e - 1))

    Outputs of 0 stand for deviations of 1 and means at the centres, which lie apart so that components become
    different. The floor keeps a component that sits on one target from a density without bound. The outputs of a row
    are a (K numbers; none where K is 1), then b, then c (K m each, the numbers of one component side by side).

    The gradient of a row far from its mean is divided by sigma^2, so that rows with small deviations drown the others.
    With `beta` that of component k in number j is multiplied by sigma_kj^(2 beta), as a constant: the value is the
    likelihood in any case, and its gradient no longer belongs to it, which rules with a line search take amiss.

    Parameters
    ----------
    components : how many Gaussians K, >= 1.
    outputs : how many numbers m a target has, >= 1.
    floor : least deviation, in (0, 1), in the unit of the target that the network learns.
    centres : K tuples of m numbers, where the means begin; None for 0.
    beta : in [0, 1]; 0 is the gradient of the likelihood, and with 1 means learn as by squared error.

    Shapes
    ------
    output (n, K + 2 K m), or (n, 2 m) where K is 1; target (n, m) -> scalar

    Raises
    ------
    InvalidData : shapes that do not match.
    InvalidParameter : a link other than the identity; not one centre a component.

    Examples
    --------
    >>> import torch
    >>> MixtureDensity(2)(torch.zeros(3, 6), torch.zeros(3, 1))
    tensor(0.9189)

    References
    ----------
    Bishop: Mixture density networks, 1994.
    Seitzer, Tavakoli, Antic, Martius: On the pitfalls of heteroscedastic uncertainty estimation with probabilistic
    neural networks, 2022.
    """

    components: int = 1
    outputs: int = 1
    floor: float = 1e-3
    centres: tuple[tuple[float, ...], ...] | None = None
    beta: float = 0.0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "components": integer(1),
        "outputs": integer(1),
        "floor": number(0, 1, closed="neither"),
        "centres": nothing | tuple_of(tuple_of(number(), least=1), least=1),
        "beta": number(0, 1),
    }
    links: ClassVar[tuple[str, ...]] = ("identity",)
    pairing: ClassVar[str] = "The loss makes weights, means and deviations of the outputs itself."
    scalable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        shape = (self.components, self.outputs)
        if self.centres is not None and {(len(self.centres), len(each)) for each in self.centres} != {shape}:
            got = f"{len(self.centres)} of {sorted({len(each) for each in self.centres})}"
            raise InvalidParameter(problem("MixtureDensity(centres)", f"{shape[0]} tuples of {shape[1]} numbers", got))

    @property
    def width(self) -> int:
        """How many numbers the network gives a row."""
        k, m = self.components, self.outputs
        return 2 * k * m + (k if k > 1 else 0)

    def read(self, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The mixtures that outputs stand for: logarithms of weights, means, deviations.

        Parameters
        ----------
        output : of the network.

        Shapes
        ------
        (n, width) -> (n, K), (n, K, m), (n, K, m)
        """
        k, m = self.components, self.outputs
        logits, means, raw = output.split([self.width - 2 * k * m, k * m, k * m], dim=1)
        means = means.reshape(-1, k, m)
        if self.centres is not None:
            means = means + torch.tensor(self.centres, dtype=output.dtype, device=output.device)
        deviations = self.floor + (1 - self.floor) * F.softplus(raw.reshape(-1, k, m) + ONE)
        weights = logits.log_softmax(1) if k > 1 else torch.zeros_like(means[:, :, 0])
        return weights, means, deviations

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        if shape[1:] != (self.width,) or target.shape != (shape[0], self.outputs):
            expected = f"outputs (n, {self.width}) and targets (n, {self.outputs})"
            raise InvalidData(problem("MixtureDensity", expected, f"{tuple(shape)} and {tuple(target.shape)}"))

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        check_finite(self, target)

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        weights, means, deviations = self.read(output)
        logs = log_terms(means, deviations, like(output, target))
        values = -log_sum(weights, logs.sum(2))
        if self.beta and torch.is_grad_enabled():
            steered = _steered(weights, logs, deviations, self.beta)
            values = values.detach() + (steered - steered.detach())
        return values.mean() if reduction == "mean" else values


def _steered(weights: Tensor, logs: Tensor, deviations: Tensor, beta: float) -> Tensor:
    """What has the gradient of -log p, but for the factors sigma^(2 beta): -sum_k r_k (log w_k + sum_j s_kj log N_kj).

    The responsibilities r of the components and the factors s are constants.
    """
    with torch.no_grad():
        shares = (weights + logs.sum(2)).softmax(1)
        factors = deviations ** (2 * beta)
    return -(shares * (weights + (factors * logs).sum(2))).sum(1)


def log_terms(means: Tensor, deviations: Tensor, target: Tensor) -> Tensor:
    """log N(t_j; mu_kj, sigma_kj^2) = -1/2 z^2 - log sigma_kj - 1/2 log 2 pi, with z = (t_j - mu_kj) / sigma_kj.

    Parameters
    ----------
    means, deviations : of the components.
    target : where the densities are asked for.

    Shapes
    ------
    (n, K, m), (n, K, m), (n, m) -> (n, K, m)

    Examples
    --------
    >>> import torch
    >>> log_terms(torch.zeros(1, 1, 1), torch.ones(1, 1, 1), torch.zeros(1, 1))
    tensor([[[-0.9189]]])
    """
    z = (target[:, None] - means) / deviations
    return -0.5 * z * z - deviations.log() - HALF_LOG_2PI


def log_sum(weights: Tensor, logs: Tensor) -> Tensor:
    """log sum_k w_k p_k from logarithms, (n, K) and (n, K) -> (n,)."""
    return (weights + logs).logsumexp(1) if logs.shape[1] > 1 else logs[:, 0]
