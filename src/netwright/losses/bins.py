"""Cross-entropy of a number's bin: of classes, or of the questions whether the number lies above each edge."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import Constraint, integer, nothing, number, one_of, tuple_of
from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.mixture_density import ONE
from netwright.losses.targets import check_finite


@final
@value("criterion")
class Bins(Loss):
    """Cross-entropy of the bin in which a number lies, of bins 0, 1, ..., B - 1; the number is its place among them.

    A target t with k <= t < k + 1 lies in bin k, one outside in the first or the last. With shares s_k of the bins in
    the training rows and outputs z::

        softmax    p = softmax(z + log s)
                   l = -log p_k
        ordinal    P_j = P(t >= j) = sigmoid(a_j)  for j = 1, ..., B - 1
                   a_c = g_c + z_c,   a_j+1 = a_j - (g_j - g_j+1) softplus(z_j+1 + log(e - 1)),   likewise downwards,
                   where g are the a of the shares and c is next to the median
                   l = mean over j of the binary cross-entropies of P_j;   p_k = P_k - P_k+1

    Outputs of 0 stand for the shares, and the P of the ordinal form fall with j for any outputs. With `smooth` the
    target is not one bin but what a normal distribution round t, of that deviation, gives each bin.

    Parameters
    ----------
    bins : how many B, >= 1.
    shares : B numbers > 0 that sum to 1; None for 1 / B each.
    form : "softmax" or "ordinal".
    smooth : deviation of the target in bins, >= 0.

    Shapes
    ------
    output (n, B), in the ordinal form (n, B - 1), at least 1; target (n, 1) -> scalar

    Raises
    ------
    InvalidData : shapes that do not match.
    InvalidParameter : not one share a bin; a link other than the identity.

    Examples
    --------
    >>> import torch
    >>> Bins(4).terms(torch.zeros(2, 4), torch.tensor([[0.5], [9.0]]))
    tensor([1.3863, 1.3863])

    References
    ----------
    Frank, Hall: A simple approach to ordinal classification, 2001.
    Imani, White: Improving regression performance with distributional losses, 2018.
    Cao, Mirjalili, Raschka: Rank consistent ordinal regression for neural networks with application to age estimation,
    2020.
    """

    bins: int = 2
    shares: tuple[float, ...] | None = None
    form: str = "softmax"
    smooth: float = 0.0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "bins": integer(1),
        "shares": nothing | tuple_of(number(0, closed="neither"), least=1),
        "form": one_of("softmax", "ordinal"),
        "smooth": number(0),
    }
    links: ClassVar[tuple[str, ...]] = ("identity",)
    pairing: ClassVar[str] = "The loss makes probabilities of the outputs itself."
    scalable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.shares is not None and len(self.shares) != self.bins:
            raise InvalidParameter(problem("Bins(shares)", f"{self.bins} numbers", shown(self.shares)))

    @property
    def width(self) -> int:
        """How many numbers the network gives a row."""
        return max(self.bins - (self.form == "ordinal"), 1)

    def probabilities(self, output: Tensor) -> Tensor:
        """The probabilities of the bins.

        Parameters
        ----------
        output : of the network.

        Shapes
        ------
        (n, width) -> (n, B), rows that sum to 1
        """
        if self.bins == 1:
            return torch.ones_like(output)
        if self.form == "softmax":
            return self._logits(output).softmax(1)
        above = self._logits(output).sigmoid()
        ends = torch.ones_like(above[:, :1])
        return -torch.cat([ends, above, 0 * ends], dim=1).diff(dim=1)

    def _logits(self, output: Tensor) -> Tensor:
        """Of the bins, or of being above each inner edge, which fall."""
        given = self.shares or (1 / self.bins,) * self.bins
        shares = output.new_tensor(given)
        if self.form == "softmax":
            return output + shares.log()
        above = shares.flip(0).cumsum(0).flip(0)[1:].clamp(max=1 - 1e-6)
        begin = above.log() - (1 - above).log()
        c = _middle(given, output.dtype)
        gaps = -begin.diff()
        centre = output[:, c : c + 1] + begin[c]
        lower = (F.softplus(output[:, :c] + ONE) * gaps[:c]).flip(1).cumsum(1).flip(1)
        upper = (F.softplus(output[:, c + 1 :] + ONE) * gaps[c:]).cumsum(1)
        return torch.cat([centre + lower, centre, centre - upper], dim=1)

    def targets_of(self, target: Tensor) -> Tensor:
        """The distribution over bins that a target stands for, (n, 1) -> (n, B)."""
        place = target.clamp(0, self.bins)
        if not self.smooth:
            return F.one_hot(place[:, 0].long().clamp(max=self.bins - 1), self.bins).to(target.dtype)
        steps = torch.arange(self.bins + 1, dtype=target.dtype, device=target.device)
        below = torch.special.ndtr((steps - place) / self.smooth)
        shares = below.diff(dim=1)
        return shares / shares.sum(1, keepdim=True)

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        if shape[1:] != (self.width,) or target.shape != (shape[0], 1):
            expected = f"outputs (n, {self.width}) and targets (n, 1)"
            raise InvalidData(problem("Bins", expected, f"{tuple(shape)} and {tuple(target.shape)}"))

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        check_finite(self, target)

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        if self.bins == 1:
            values = 0.0 * output[:, 0]
        elif self.form == "softmax":
            values = -(self.targets_of(like(output, target)) * self._logits(output).log_softmax(1)).sum(1)
        else:
            above = self.targets_of(like(output, target)).flip(1).cumsum(1).flip(1)[:, 1:].clamp(max=1.0)
            values = F.binary_cross_entropy_with_logits(self._logits(output), above, reduction="none").mean(1)
        return values.mean() if reduction == "mean" else values


@lru_cache(maxsize=64)
def _middle(shares: tuple[float, ...], dtype: torch.dtype) -> int:
    """The inner edge that is next to the median; known beforehand, so that no graph depends on it."""
    above = torch.tensor(shares, dtype=dtype, device="cpu").flip(0).cumsum(0).flip(0)[1:].clamp(max=1 - 1e-6)
    return int((above - 0.5).abs().argmin())
