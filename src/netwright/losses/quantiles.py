"""The pinball loss of several quantiles at once, which cannot cross."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import Constraint, integer, number, tuple_of
from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.mixture_density import ONE
from netwright.losses.targets import check_finite


@final
@value("criterion")
class Quantiles(Loss):
    """Mean pinball loss of quantiles that rise with their levels by construction.

    With levels q_1 < ... < q_Q, of which q_c is nearest to 1/2, the quantiles g_i of the normal distribution, and
    outputs z of the network::

        y_c     = g_c + z_c
        y_i+1   = y_i + (g_i+1 - g_i) softplus(z_i+1 + log(e - 1))       upwards from c, and likewise downwards
        l       = mean over i and numbers of max(q_i e_i, (q_i - 1) e_i),  e_i = t - y_i

    Outputs of 0 are the quantiles of the normal distribution. Any rising sequence can be had, so nothing is lost by the
    construction, while quantiles that are learned apart from each other cross where rows are few, and sorting them
    afterwards hides it without mending what they have learned.

    Parameters
    ----------
    levels : rising numbers in (0, 1), at least one.
    outputs : how many numbers m a target has, >= 1.

    Shapes
    ------
    output (n, Q m), the m numbers of one level side by side; target (n, m) -> scalar

    Raises
    ------
    InvalidData : shapes that do not match.
    InvalidParameter : levels that do not rise; a link other than the identity.

    Examples
    --------
    >>> import torch
    >>> Quantiles((0.1, 0.5, 0.9)).read(torch.zeros(1, 3))[0, :, 0]
    tensor([-1.2816,  0.0000,  1.2816])

    References
    ----------
    Koenker, Bassett: Regression quantiles, 1978.
    Chernozhukov, Fernandez-Val, Galichon: Quantile and probability curves without crossing, 2010.
    """

    levels: tuple[float, ...] = (0.5,)
    outputs: int = 1

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "levels": tuple_of(number(0, 1, closed="neither"), least=1),
        "outputs": integer(1),
    }
    links: ClassVar[tuple[str, ...]] = ("identity",)
    pairing: ClassVar[str] = "The loss makes rising quantiles of the outputs itself."
    scalable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if any(b <= a for a, b in zip(self.levels, self.levels[1:], strict=False)):
            remedy = "Sort them, and give each once."
            raise InvalidParameter(problem("Quantiles(levels)", "levels that rise", shown(self.levels), remedy))

    @property
    def width(self) -> int:
        """How many numbers the network gives a row."""
        return len(self.levels) * self.outputs

    @property
    def middle(self) -> int:
        """The place of the level nearest to 1/2, of two the lower one."""
        return min(range(len(self.levels)), key=lambda i: (abs(round(self.levels[i] - 0.5, 12)), i))

    def read(self, output: Tensor) -> Tensor:
        """The quantiles that outputs stand for.

        Parameters
        ----------
        output : of the network.

        Shapes
        ------
        (n, width) -> (n, Q, m), rising along the second axis
        """
        z, c = output.reshape(output.shape[0], len(self.levels), self.outputs), self.middle
        normal = [NormalDist().inv_cdf(level) for level in self.levels]
        gaps = torch.tensor(normal, dtype=z.dtype, device=z.device).diff()[:, None]
        centre = z[:, c : c + 1] + normal[c]
        below = (F.softplus(z[:, :c] + ONE) * gaps[:c]).flip(1).cumsum(1).flip(1)
        above = (F.softplus(z[:, c + 1 :] + ONE) * gaps[c:]).cumsum(1)
        return torch.cat([centre - below, centre, centre + above], dim=1)

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        if shape[1:] != (self.width,) or target.shape != (shape[0], self.outputs):
            expected = f"outputs (n, {self.width}) and targets (n, {self.outputs})"
            raise InvalidData(problem("Quantiles", expected, f"{tuple(shape)} and {tuple(target.shape)}"))

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        check_finite(self, target)

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        error = like(output, target)[:, None] - self.read(output)
        levels = torch.tensor(self.levels, dtype=error.dtype, device=error.device)[:, None]
        values = torch.maximum(levels * error, (levels - 1) * error)
        return values.mean() if reduction == "mean" else values
