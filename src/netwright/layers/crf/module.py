"""The torch module of a linear-chain conditional random field: likelihood, best paths, marginals, entropy, samples.

    score(y) = s_{y_1} + sum_t e_t(y_t) + sum_t a_{y_t, y_{t+1}} + f_{y_n}        p(y | e) = exp(score(y) - log Z)

Its parameters have the names and shapes of pytorch-crf, whose weights it loads: ``transitions`` (i, j) from i to j,
``start_transitions``, ``end_transitions``. Where it differs: the batch comes first unless asked otherwise; a mask may
begin with 0 and have holes, and the steps that it leaves out are taken out of the sequence, so that the tags before and
behind a hole are neighbours; a tag of -100 takes its step out likewise; what is forbidden has probability 0 exactly.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.layers.crf import compiled
from netwright.layers.crf.partition import LogPartition
from netwright.layers.crf.scan import (
    NOTHING,
    Lattice,
    best_paths,
    entropy,
    forward_scores,
    marginals,
    path_scores,
)
from netwright.layers.logits import GivesLogits

Path = tuple[list[int], float]
IGNORED = -100  # the tag of a step that has none
REDUCTIONS = ("sum", "mean", "token_mean", "none")


class LinearChain(GivesLogits, torch.nn.Module):
    """A conditional random field over chains of tags.

    Parameters
    ----------
    num_tags : how many tags there are, >= 1.
    batch_first : whether tensors are (batch, steps, ...); False: (steps, batch, ...), as pytorch-crf has it by default.
    forbidden : pairs (i, j) of tags that do not follow each other; i = num_tags is the start, j = num_tags + 1 the end.
    """

    not_exported = "its sums over paths run in compiled loops; export the layers before it and decode in Python"
    taken: Tensor | None

    def __init__(self, num_tags: int, batch_first: bool = True, forbidden: tuple[tuple[int, int], ...] = ()) -> None:
        super().__init__()
        self.num_tags, self.batch_first = num_tags, batch_first
        self.start_transitions = torch.nn.Parameter(torch.empty(num_tags))
        self.end_transitions = torch.nn.Parameter(torch.empty(num_tags))
        self.transitions = torch.nn.Parameter(torch.empty(num_tags, num_tags))
        taken = torch.zeros(num_tags + 2, num_tags + 2, dtype=torch.bool)
        for before, behind in forbidden:
            taken[before, behind] = True
        self.register_buffer("taken", taken if forbidden else None, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all scores from U(-0.1, 0.1)."""
        for parameter in self.parameters():
            torch.nn.init.uniform_(parameter, -0.1, 0.1)

    def forward(
        self, emissions: Tensor, tags: Tensor | None = None, mask: Tensor | None = None, reduction: str = "sum"
    ) -> Tensor:
        """The log-likelihood of tags; without tags the probability of each tag at each step, as of a softmax.

        Parameters
        ----------
        emissions : the score of each tag at each step.
        tags : those of each step, -100 where there is none.
        mask : which steps are valid, None for all.
        reduction : "sum", "mean" over sequences, "token_mean" over steps, "none".

        Shapes
        ------
        (batch, steps, tags), (batch, steps), (batch, steps) -> (), with "none" (batch,)
        (batch, steps, tags), no tags, (batch, steps) -> (batch, steps, tags)

        Raises
        ------
        InvalidData : shapes that do not go together, tags out of range, tags that the constraints forbid.
        InvalidParameter : a reduction that is none of these.
        """
        if tags is None:
            found = self.marginals(emissions, mask)
            return found.clamp_min(torch.finfo(found.dtype).tiny).log() if self.logits else found.to(emissions.dtype)
        if reduction not in REDUCTIONS:
            raise InvalidParameter(problem("CRF(reduction)", f"one of {', '.join(REDUCTIONS)}", shown(reduction)))
        each, lengths = self._likelihood(emissions, tags, mask)
        if reduction == "none":
            return each
        total = each.sum()
        if reduction == "mean":
            return total / max(len(each), 1)
        return total / lengths.sum().clamp_min(1) if reduction == "token_mean" else total

    def log_likelihood(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """log p(tags | emissions) of each sequence; its negative is the loss.

        Parameters
        ----------
        emissions, tags, mask : as of `forward`.

        Shapes
        ------
        (batch, steps, tags), (batch, steps), (batch, steps) -> (batch,)
        """
        return self._likelihood(emissions, tags, mask)[0]

    def _likelihood(self, emissions: Tensor, tags: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        emissions, tags, mask = self._batch(emissions, tags, mask)
        known = tags != IGNORED
        mask = known if mask is None else mask & known
        lattice, order = self._lattice(emissions, mask)
        tags = tags.gather(1, order)
        self._require_tags(tags, lattice.n)
        score = path_scores(lattice, tags)
        self._require_allowed(score, tags, lattice)
        return score - LogPartition.apply(*lattice), lattice.n  # type: ignore[no-untyped-call]

    def log_partition(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """log Z, the logarithm of the sum over all paths of exp(score).

        Parameters
        ----------
        emissions, mask : as of `forward`.

        Shapes
        ------
        (batch, steps, tags), (batch, steps) -> (batch,)
        """
        emissions, _, mask = self._batch(emissions, None, mask)
        total: Tensor = LogPartition.apply(*self._lattice(emissions, mask)[0])  # type: ignore[no-untyped-call]
        return total

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor | None = None, nbest: int = 1, rule: str = "viterbi") -> list[Any]:
        """The tags of the best path of each sequence.

        Parameters
        ----------
        emissions, mask : as of `forward`.
        nbest : how many paths of each sequence, >= 1; there are fewer where so many are not possible.
        rule : "viterbi" for the path of highest probability, "mbr" for the tag of highest probability at each step,
            which makes the fewest wrong tags on average (minimum Bayes risk) and heeds no constraint between steps.

        Shapes
        ------
        (batch, steps, tags), (batch, steps) -> a list of tags of the valid steps for each sequence; with nbest > 1 a
        list of such lists, the best first
        """
        if rule == "mbr":
            if nbest != 1:
                raise InvalidParameter(problem("CRF.decode(nbest)", 'nbest=1 with rule="mbr"', shown(nbest)))
            return self._most_likely(emissions, mask)
        if rule != "viterbi":
            raise InvalidParameter(problem("CRF.decode(rule)", '"viterbi" or "mbr"', shown(rule)))
        if nbest == 1 and isinstance(nbest, int) and not isinstance(nbest, bool):
            return self._best_path(emissions, mask)
        found = self.best(emissions, mask, nbest)
        paths = [[path for path, _ in each] for each in found]
        return paths

    def _best_path(self, emissions: Tensor, mask: Tensor | None) -> list[list[int]]:
        """The best path of each sequence, [] where there is none of finite score."""
        emissions, _, mask = self._batch(emissions, None, mask)
        lattice, _ = self._lattice(emissions, mask)
        if compiled.on_cpu(lattice):
            paths, scores = compiled.best_path(lattice)
        else:
            several, each = best_paths(lattice.filled(), 1)
            paths, scores = several[:, 0], each[:, 0]
        none = scores == NOTHING
        if bool(none.any()):
            self._require_numbers(lattice, none)
        lengths = torch.where(none, 0, lattice.n).tolist()
        return [path[:length] for path, length in zip(paths.tolist(), lengths, strict=True)]

    @torch.no_grad()
    def best(self, emissions: Tensor, mask: Tensor | None = None, nbest: int = 1) -> list[list[Path]]:
        """The best paths of each sequence and their log-probabilities, the best first.

        Parameters
        ----------
        emissions, mask, nbest : as of `decode`.
        """
        if isinstance(nbest, bool) or not isinstance(nbest, int) or nbest < 1:
            raise InvalidParameter(problem("CRF.decode(nbest)", "an integer >= 1", shown(nbest)))
        emissions, _, mask = self._batch(emissions, None, mask)
        lattice = self._lattice(emissions, mask)[0].exact()
        paths, scores = best_paths(lattice, nbest)
        total = forward_scores(lattice)[1]
        logs, rows, lengths = (scores - total[:, None]).tolist(), paths.tolist(), lattice.n.tolist()
        return [
            [(path[:n], log) for path, log in zip(row, each, strict=False) if log > NOTHING]
            for row, each, n in zip(rows, logs, lengths, strict=True)
        ]

    def _most_likely(self, emissions: Tensor, mask: Tensor | None) -> list[list[int]]:
        found = self.marginals(emissions, mask)
        found = found if self.batch_first else found.transpose(0, 1)
        valid = found.sum(2) > 0
        return [row[keep].tolist() for row, keep in zip(found.argmax(2), valid, strict=True)]

    def marginals(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """p(y_t = j | emissions), 0 at steps that the mask leaves out.

        Parameters
        ----------
        emissions, mask : as of `forward`.

        Shapes
        ------
        (batch, steps, tags), (batch, steps) -> (batch, steps, tags)
        """
        emissions, _, mask = self._batch(emissions, None, mask)
        lattice, order = self._lattice(emissions, mask)
        found = self._probabilities(lattice).to(emissions.dtype)
        back = torch.zeros_like(found).scatter(1, order[:, :, None].expand_as(found), found)
        return back if self.batch_first else back.transpose(0, 1)

    def _probabilities(self, lattice: Lattice) -> Tensor:
        """p(y_t = j | emissions), 0 behind the end, in double precision."""
        if compiled.on_cpu(lattice) and not torch.is_grad_enabled():
            alphas, total = compiled.forward(lattice)
            return compiled.expected(lattice, alphas, total, torch.ones_like(total), torch.float64)[0]
        lattice = lattice.exact()
        return marginals(lattice, *forward_scores(lattice))[0]

    def entropy(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """-sum_y p(y) log p(y) over all paths in nats: 0 where one path is sure.

        Parameters
        ----------
        emissions, mask : as of `forward`.

        Shapes
        ------
        (batch, steps, tags), (batch, steps) -> (batch,)
        """
        emissions, _, mask = self._batch(emissions, None, mask)
        return entropy(self._lattice(emissions, mask)[0].exact()).to(emissions.dtype)

    @torch.no_grad()
    def sample(
        self,
        emissions: Tensor,
        mask: Tensor | None = None,
        samples: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Paths drawn from p(y | emissions), -100 at steps that the mask leaves out.

        Parameters
        ----------
        emissions, mask : as of `forward`.
        samples : how many of each sequence, >= 1.
        generator : of random numbers; None for torch's own.

        Shapes
        ------
        (batch, steps, tags), (batch, steps) -> (samples, batch, steps)
        """
        emissions, _, mask = self._batch(emissions, None, mask)
        lattice, order = self._lattice(emissions, mask)
        lattice = lattice.exact()
        alphas, total = forward_scores(lattice)
        self._require_paths(total)
        drawn = _drawn(lattice, alphas, samples, generator)
        back = torch.full_like(drawn, IGNORED).scatter(2, order.expand_as(drawn), drawn)
        return back if self.batch_first else back.transpose(1, 2)

    def extra_repr(self) -> str:
        """How many tags, and what is forbidden."""
        taken = 0 if self.taken is None else int(self.taken.sum())
        return f"num_tags={self.num_tags}" + (f", forbidden={taken}" if taken else "")

    # reading

    def _batch(self, emissions: Tensor, tags: Tensor | None, mask: Tensor | None) -> tuple[Tensor, Any, Tensor | None]:
        """The tensors with the batch first, and of shapes that go together."""
        expected = "(batch, steps, tags)" if self.batch_first else "(steps, batch, tags)"
        if emissions.ndim != 3 or emissions.shape[2] != self.num_tags or not emissions.shape[1]:
            got = f"shape {tuple(emissions.shape)}"
            raise InvalidData(problem("CRF, emissions", f"{expected} with {self.num_tags} tags", got))
        for name, given in (("tags", tags), ("mask", mask)):
            if given is not None and given.shape != emissions.shape[:2]:
                got = f"{tuple(given.shape)} with emissions of {tuple(emissions.shape)}"
                raise InvalidData(problem(f"CRF, {name}", f"shape {tuple(emissions.shape[:2])}", got))
        if not self.batch_first:
            emissions = emissions.transpose(0, 1)
            tags, mask = (None if each is None else each.transpose(0, 1) for each in (tags, mask))
        few = emissions.dtype in (torch.float16, torch.bfloat16)  # sums of exponentials need more digits
        if few or not emissions.is_floating_point():
            emissions = emissions.float()
        return emissions, None if tags is None else tags.long(), None if mask is None else mask.bool()

    def _lattice(self, emissions: Tensor, mask: Tensor | None) -> tuple[Lattice, Tensor]:
        """The scores with the valid steps in front, and where each of them came from."""
        batch, steps = emissions.shape[:2]
        places = torch.arange(steps, device=emissions.device)
        order = places.expand(batch, steps)
        if mask is None:
            lengths = torch.full((batch,), steps, device=emissions.device)
        else:
            lengths = mask.sum(1)
            if bool((mask != (places < lengths[:, None])).any()):
                order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
                emissions = emissions.gather(1, order[:, :, None].expand_as(emissions))
        a: Tensor = self.transitions
        s: Tensor = self.start_transitions
        f: Tensor = self.end_transitions
        if self.taken is not None:
            k = self.num_tags
            a = a.masked_fill(self.taken[:k, :k], NOTHING)
            s, f = s.masked_fill(self.taken[k, :k], NOTHING), f.masked_fill(self.taken[:k, k + 1], NOTHING)
        a, s, f = (each.to(emissions.dtype) for each in (a, s, f))
        return Lattice(emissions, a, s, f, lengths), order

    def _require_tags(self, tags: Tensor, lengths: Tensor) -> None:
        """Refuse a tag out of range, where a look costs next to nothing: on the CPU."""
        if tags.device.type != "cpu":
            return
        valid = torch.arange(tags.shape[1]) < lengths[:, None]
        wrong = valid & ((tags < 0) | (tags >= self.num_tags))
        if bool(wrong.any()):
            row, step = (int(each) for each in wrong.nonzero()[0])
            got = f"{int(tags[row, step])} in sequence {row}, step {step}"
            remedy = f"Steps without a tag are left out by the mask, or have the tag {IGNORED}."
            raise InvalidData(problem("CRF, tags", f"integers from 0 to {self.num_tags - 1}", got, remedy))

    def _require_allowed(self, scores: Tensor, tags: Tensor, lattice: Lattice) -> None:
        """Refuse tags that the constraints forbid, which no weights can make likely."""
        if self.taken is None or scores.device.type != "cpu" or not bool((scores == NOTHING).any()):
            return
        row = int((scores == NOTHING).nonzero()[0, 0])
        k, n = self.num_tags, int(lattice.n[row])
        path = [k, *tags[row, :n].tolist(), k + 1]
        broken = [(i, path[i], path[i + 1]) for i in range(n + 1) if bool(self.taken[path[i], path[i + 1]])]
        if broken:
            step, before, behind = broken[0]
            names = {k: "the start", k + 1: "the end"}
            got = f"{names.get(before, before)} followed by {names.get(behind, behind)} in sequence {row}, step {step}"
            remedy = "Mend the tags, or leave the constraints out."
            raise InvalidData(problem("CRF, tags", "tags that the constraints allow", got, remedy))

    def _require_numbers(self, lattice: Lattice, rows: Tensor) -> None:
        """Refuse NaN in these sequences: whatever it is compared with, it is not the larger one."""
        lost = rows & lattice.filled().e.isnan().flatten(1).any(1)
        if bool(lost.any()):
            got = f"NaN in sequence {int(lost.nonzero()[0, 0])}"
            raise InvalidData(problem("CRF, emissions", "numbers", got, "Look for it in the layers before."))

    def _require_paths(self, total: Tensor) -> None:
        if bool((total == NOTHING).any()):
            row = int((total == NOTHING).nonzero()[0, 0])
            got = f"sequence {row}, of which every path is forbidden"
            raise InvalidData(problem("CRF, emissions", "at least one path of finite score", got))


def _drawn(lattice: Lattice, alphas: Tensor, samples: int, generator: torch.Generator | None) -> Tensor:
    """Paths from the last tag back to the first, by p(y_t | y_{t+1}) = softmax(alpha_t + a[:, y_{t+1}])."""
    _, a, _, f, n = lattice
    batch, steps, tags = alphas.shape
    state = torch.zeros(samples, batch, dtype=torch.long, device=alphas.device)
    path = []
    for t in range(steps - 1, -1, -1):
        ahead = torch.where((n - 1 == t)[None, :, None], f, a.T[state])
        logits = torch.log_softmax(alphas[:, t] + ahead, 2)
        valid = n > t
        p = torch.where(valid[None, :, None], logits.exp(), torch.ones_like(logits))
        found = torch.multinomial(p.reshape(-1, tags), 1, generator=generator).reshape(samples, batch)
        state = torch.where(valid, found, state)
        path.append(torch.where(valid, state, IGNORED))
    return torch.stack(path[::-1], 2)
