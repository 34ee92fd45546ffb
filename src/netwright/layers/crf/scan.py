"""The sums and the maxima over all paths through a lattice of tags, of many sequences at once, a step at a time.

Symbols: e (batch, steps, tags) the scores of a tag at a step, a (tags, tags) those of a transition from i to j, s and f
(tags,) those of a first and of a last tag, n (batch,) the numbers of valid steps, which stand first::

    alpha_1(j) = s_j + e_1(j)        alpha_t(j) = e_t(j) + log sum_i exp(alpha_{t-1}(i) + a_ij)
    beta_n(i) = f_i                  beta_t(i) = log sum_j exp(a_ij + e_{t+1}(j) + beta_{t+1}(j))
    log Z = log sum_j exp(alpha_n(j) + f_j)
    p(y_t = j) = exp(alpha_t(j) + beta_t(j) - log Z)
    p(y_t = i, y_{t+1} = j) = exp(alpha_t(i) + a_ij + e_{t+1}(j) + beta_{t+1}(j) - log Z)

The gradient of log Z is these probabilities; it is computed as such, so that scores of -inf, with which a tag or a
transition is forbidden, give gradients of 0 and never NaN. A sequence without steps has one path, the empty one, with
log Z = 0; one whose every path is forbidden has log Z = -inf and no gradient.

Rabiner, *A tutorial on hidden Markov models*, 1989. Lafferty, McCallum, Pereira, *Conditional random fields*, 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

NOTHING = float("-inf")


class Lattice(NamedTuple):
    """The scores of all paths.

    Attributes
    ----------
    e, a, s, f, n : see the head of the file.
    """

    e: Tensor
    a: Tensor
    s: Tensor
    f: Tensor
    n: Tensor

    def filled(self) -> Lattice:
        """The same with 0 at the steps that are not valid, whatever stood there."""
        behind = torch.arange(self.e.shape[1], device=self.e.device) >= self.n[:, None]
        return self._replace(e=self.e.masked_fill(behind[:, :, None], 0.0))

    def exact(self) -> Lattice:
        """Filled, and in double precision where the device has it: rounding adds up over thousands of steps."""
        if self.e.device.type == "mps":
            return self.filled()
        e, a, s, f = (each.double() for each in self[:4])
        return Lattice(e, a, s, f, self.n).filled()


def forward_scores(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """alpha of all steps, and log Z: (batch, steps, tags), (batch,)."""
    e, a, s, f, n = lattice
    alpha = s + e[:, 0]
    kept = [alpha]
    for t in range(1, e.shape[1]):
        alpha = _total(alpha[:, :, None] + a, 1) + e[:, t]
        kept.append(alpha)
    alphas = torch.stack(kept, 1)
    last = alphas[torch.arange(len(n), device=n.device), (n - 1).clamp_min(0)]
    total = _total(last + f, 1)
    return alphas, torch.where(n > 0, total, torch.zeros_like(total))


def backward_scores(lattice: Lattice) -> Tensor:
    """beta of all steps: (batch, steps, tags); behind the last valid step it is that of the last."""
    e, a, _, f, n = lattice
    beta = f.expand(e.shape[0], -1)
    kept = [beta]
    for t in range(e.shape[1] - 2, -1, -1):
        before = _total(a + (e[:, t + 1] + beta)[:, None, :], 2)
        beta = torch.where((t + 1 < n)[:, None], before, beta)
        kept.append(beta)
    return torch.stack(kept[::-1], 1)


@dataclass(frozen=True)
class Expected:
    """How often a tag, a transition, a first and a last tag are expected in each sequence, weighted.

    Attributes
    ----------
    e : (batch, steps, tags), a probability each. a : (tags, tags). s, f : (tags,).
    """

    e: Tensor
    a: Tensor
    s: Tensor
    f: Tensor


def marginals(lattice: Lattice, alphas: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    """The probability of each tag at each step, 0 behind the last one, and beta: twice (batch, steps, tags)."""
    betas = backward_scores(lattice)
    valid = torch.arange(alphas.shape[1], device=alphas.device) < lattice.n[:, None]
    safe = torch.where(total > NOTHING, total, torch.zeros_like(total))
    logs = (alphas + betas - safe[:, None, None]).masked_fill(~valid[:, :, None], NOTHING)
    return logs.exp(), betas


def expected(lattice: Lattice, alphas: Tensor, total: Tensor, weight: Tensor) -> Expected:
    """What is expected under the distribution over paths, each sequence with its weight (batch,)."""
    e, a, _, _, n = lattice
    each, betas = marginals(lattice, alphas, total)
    each = each * weight[:, None, None]
    safe = torch.where(total > NOTHING, total, torch.zeros_like(total))
    pairs = torch.zeros_like(a)
    for t in range(1, e.shape[1]):
        ahead = (e[:, t] + betas[:, t] - safe[:, None])[:, None, :]
        joint = alphas[:, t - 1][:, :, None] + a + ahead
        joint = joint.masked_fill((t >= n)[:, None, None], NOTHING)  # there alpha grows on and would overflow
        pairs += torch.einsum("bij,b->ij", joint.exp(), weight)
    rows = torch.arange(len(n), device=n.device)
    there = (n > 0).to(each.dtype)[:, None]
    return Expected(each, pairs, (each[:, 0] * there).sum(0), (each[rows, (n - 1).clamp_min(0)] * there).sum(0))


def path_scores(lattice: Lattice, tags: Tensor) -> Tensor:
    """The score of one path of each sequence: (batch, steps) of tags -> (batch,).

    Parameters
    ----------
    lattice : the scores.
    tags : what stands behind the last valid step is not read.
    """
    e, a, s, f, n = lattice
    valid = torch.arange(e.shape[1], device=e.device) < n[:, None]
    tags = torch.where(valid, tags, 0)
    zero = torch.zeros((), dtype=e.dtype, device=e.device)
    steps = torch.where(valid, e.gather(2, tags[:, :, None]).squeeze(2), zero).sum(1)
    between = torch.where(valid[:, 1:], a[tags[:, :-1], tags[:, 1:]], zero).sum(1)
    last = tags.gather(1, (n - 1).clamp_min(0)[:, None]).squeeze(1)
    ends = torch.where(n > 0, s[tags[:, 0]] + f[last], zero)
    return steps + between + ends


def best_paths(lattice: Lattice, count: int) -> tuple[Tensor, Tensor]:
    """The paths of highest score, the best first, and their scores: (batch, count, steps), (batch, count).

    Where there are fewer paths, or fewer that are not forbidden, the score of the rest is -inf. Viterbi's recursion
    keeps the `count` best ways to each tag.
    """
    e, a, s, f, n = lattice
    batch, steps, tags = e.shape
    ways = torch.full((batch, tags, count), NOTHING, dtype=e.dtype, device=e.device)
    ways[:, :, 0] = s + e[:, 0]
    behind = []
    for t in range(1, steps):
        given = ways[:, :, :, None] + a[None, :, None, :]  # (batch, from, rank, to)
        best, place = given.reshape(batch, tags * count, tags).topk(count, dim=1)
        found = best.transpose(1, 2) + e[:, t][:, :, None]
        more = (t < n)[:, None, None]
        ways = torch.where(more, found, ways)
        behind.append(torch.where(more, place.transpose(1, 2), -1))
    scores, place = (ways + f[:, None]).reshape(batch, tags * count).topk(min(count, tags * count), dim=1)
    none = (n == 0)[:, None]
    empty = torch.full_like(scores, NOTHING)
    empty[:, 0] = 0.0
    scores = torch.where(none, empty, scores)
    paths = [place // count]
    for step in reversed(behind):
        before = step.reshape(batch, tags * count).gather(1, place)
        place = torch.where(before < 0, place, before)
        paths.append(place // count)
    return torch.stack(paths[::-1], 2), scores


def entropy(lattice: Lattice) -> Tensor:
    """The entropy of the distribution over paths in nats, (batch,), by a recursion that can be differentiated::

        H_t(j) = sum_i p(i | j, t) (H_{t-1}(i) - log p(i | j, t)),    p(i | j, t) = softmax_i(alpha_{t-1}(i) + a_ij)

    Hernando, Crespi, Cybenko, *Efficient computation of the hidden Markov model entropy*, 2005.
    """
    e, a, s, f, n = lattice
    alpha, gained = s + e[:, 0], torch.zeros_like(e[:, 0])
    for t in range(1, e.shape[1]):
        ways = alpha[:, :, None] + a
        p, log = _shares(ways, 1)
        more = (t < n)[:, None]
        gained = torch.where(more, (p * (gained[:, :, None] - log)).sum(1), gained)
        alpha = torch.where(more, _total(ways, 1) + e[:, t], alpha)
    p, log = _shares(alpha + f, 1)
    found = (p * (gained - log)).sum(1)
    return torch.where(n > 0, found, torch.zeros_like(found))


def _total(scores: Tensor, axis: int) -> Tensor:
    """log sum exp whose gradient is finite where every score is -inf."""
    if not torch.is_grad_enabled():
        return torch.logsumexp(scores, axis)
    none = (scores == NOTHING).all(axis, keepdim=True)
    safe = torch.where(none, torch.zeros_like(scores), scores)
    return torch.where(none.squeeze(axis), NOTHING, torch.logsumexp(safe, axis))


def _shares(scores: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Softmax and its logarithm, where what is forbidden has a share and a logarithm of 0."""
    none = (scores == NOTHING).all(axis, keepdim=True)
    forbidden = scores == NOTHING
    least = torch.finfo(scores.dtype).min / 4
    log = torch.log_softmax(torch.where(forbidden, torch.full_like(scores, least), scores), axis)
    zero = torch.zeros_like(log)
    return torch.where(forbidden | none, zero, log.exp()), torch.where(forbidden | none, zero, log)
