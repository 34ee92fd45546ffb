"""What a language model that has learned is asked: how probable texts are, and how they go on.

With the symbols x_1 ... x_n of a text, the marker x_0, and the state s_t behind x_t:

    log p(text) = sum over t of log p(x_t | s_{t-1}),    s_t = read(x_t, s_{t-1})

Texts are read in pieces, side by side, with the state carried; so each symbol is predicted once, from all before it.
Sampling draws from p(x)^(1/temperature), of the `top_k` most probable symbols, of the fewest whose probabilities reach
`top_p`. Beam search keeps the most probable beginnings, `beams` of them, at each step.

References
----------
Sutskever, Martens, Hinton, *Generating text with recurrent neural networks*, 2011.
Holtzman, Buys, Du, Forbes, Choi, *The curious case of neural text degeneration*, 2020 (top_p).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.sequence.language.carried import Carried, States

SYMBOLS = 2**13  # read in one call
ROWS = 256  # texts side by side

Floats = NDArray[np.float64]


class Completion(NamedTuple):
    """How a text goes on, and the natural logarithm of the probability that it does so."""

    text: str | list[str]
    log_prob: float


@torch.inference_mode()
def log_probs(network: Carried, texts: Sequence[NDArray[np.int64]], device: torch.device) -> Floats:
    """The log-probability of each text: n rows of symbols -> (n,)"""
    network.eval()
    found = np.zeros(len(texts))
    longest_first = np.argsort([-len(text) for text in texts], kind="stable")
    for start in range(0, len(texts), ROWS):
        rows = longest_first[start : start + ROWS]
        found[rows] = _side_by_side(network, [texts[row] for row in rows], device)
    return found


def _side_by_side(network: Carried, texts: list[NDArray[np.int64]], device: torch.device) -> Floats:
    """As `log_probs`, of texts from the longest to the shortest."""
    lengths = np.array([len(text) for text in texts])
    total, states = np.zeros(len(texts)), None
    wide = max(1, SYMBOLS // len(texts))
    for start in range(0, int(lengths[0]), wide):
        left = int((lengths > start).sum())  # the texts that go on are the first ones
        parts = [text[max(start - 1, 0) : start + wide] for text in texts[:left]]
        read, target = _piece(parts, network.marker, start == 0)
        read, target = read.to(device), target.to(device)
        states = network.first(read) if states is None else [state[:left] for state in states]
        given, states = network.read(read, states)
        total[:left] -= network.nll(given, target, "none").double().sum(1).cpu().numpy()
    return total


def _piece(parts: list[NDArray[np.int64]], marker: int, beginning: bool) -> tuple[Tensor, Tensor]:
    """What is read and what is to be predicted, padded to the longest: two of (rows, steps)."""
    rows = [np.concatenate(([marker], part)) if beginning else part for part in parts]
    steps = max(map(len, rows)) - 1
    read, target = np.zeros((len(rows), steps), np.int64), np.full((len(rows), steps), -100, np.int64)
    for place, row in enumerate(rows):
        read[place, : len(row) - 1] = row[:-1]
        target[place, : len(row) - 1] = row[1:]
    return torch.from_numpy(read), torch.from_numpy(target)


@torch.inference_mode()
def opened(network: Carried, prompt: NDArray[np.int64], device: torch.device) -> tuple[Floats, States]:
    """The log-probabilities of what follows a prompt, (V,), and the states behind it."""
    network.eval()
    symbols = torch.from_numpy(np.concatenate(([network.marker], prompt)))[None].to(device)
    states = network.first(symbols)
    for piece in symbols.split(SYMBOLS, dim=1):
        given, states = network.read(piece, states)
    return _following(network, given)[0], states


def _following(network: Carried, given: Tensor) -> Floats:
    """The log-probabilities behind the last step: (rows, steps, ...) -> (rows, V)"""
    found: Floats = network.log_prob(given[:, -1]).double().cpu().numpy()
    return found


@torch.inference_mode()
def _further(network: Carried, symbols: NDArray[np.int64], states: States) -> tuple[Floats, States]:
    """As `opened`, one symbol later, for several texts: (rows,) -> (rows, V)"""
    device = next(network.parameters()).device
    given, states = network.read(torch.from_numpy(symbols)[:, None].to(device), states)
    return _following(network, given), states


def shaped(log_prob: Floats, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None) -> Floats:
    """The probabilities that are drawn from.

    Parameters
    ----------
    log_prob : (V,), -inf for what never comes.
    temperature : >= 0; 0 leaves the most probable symbol alone, the first of equal ones.
    top_k : how many of the most probable symbols are left, >= 1; None for all.
    top_p : the fewest of the most probable symbols are left whose probabilities reach it, in (0, 1]; None for all.

    Examples
    --------
    >>> shaped(np.log([0.1, 0.6, 0.3]), top_k=2).round(3).tolist()
    [0.0, 0.667, 0.333]
    >>> shaped(np.log([0.1, 0.6, 0.3]), temperature=0).tolist()
    [0.0, 1.0, 0.0]
    """
    ranked = np.argsort(-log_prob, kind="stable")
    probable = np.zeros(len(log_prob))
    if temperature == 0:
        probable[ranked[0]] = 1.0
        return probable
    heated = np.exp((log_prob - log_prob[ranked[0]]) / temperature)
    probable[ranked[:top_k]] = heated[ranked[:top_k]]
    probable /= probable.sum()
    if top_p is not None:
        before = np.concatenate(([0.0], probable[ranked].cumsum()[:-1]))
        probable[ranked[before >= top_p]] = 0.0
        probable /= probable.sum()
    return probable


def sampled(
    network: Carried,
    start: tuple[Floats, States],
    length: int,
    never: list[int],
    shape: tuple[float, int | None, float | None],
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Symbols that are drawn one after the other.

    Parameters
    ----------
    network : the model. start : what `opened` gives. length : how many symbols. never : those that are not drawn.
    shape : temperature, top_k and top_p of `shaped`. generator : of random numbers.
    """
    log_prob, states = start
    drawn = np.zeros(length, np.int64)
    for place in range(length):
        if place:
            rows, states = _further(network, drawn[place - 1 : place], states)
            log_prob = rows[0]
        log_prob = _without(log_prob, never)
        drawn[place] = generator.choice(len(log_prob), p=shaped(log_prob, *shape))
    return drawn


def beam_search(
    network: Carried, start: tuple[Floats, States], length: int, beams: int, never: list[int]
) -> tuple[NDArray[np.int64], Floats]:
    """The most probable continuations that are found, best first, and their log-probabilities.

    Parameters
    ----------
    network : the model. start : what `opened` gives. length : of a continuation. beams : how many beginnings are kept.
    never : symbols that no continuation has.

    Shapes
    ------
    -> (k, length), (k,) with k <= beams
    """
    log_prob, states = start
    rows, found, scores = log_prob[None], np.zeros((1, 0), np.int64), np.zeros(1)
    for place in range(length):
        totals = (scores[:, None] + _without(rows, never)).ravel()
        best = np.argsort(-totals, kind="stable")[:beams]
        best = best[np.isfinite(totals[best])]
        parents, symbols = np.divmod(best, rows.shape[1])
        found, scores = np.column_stack([found[parents], symbols]), totals[best]
        if place < length - 1:
            chosen = torch.from_numpy(parents)
            rows, states = _further(network, symbols, [state[chosen.to(state.device)] for state in states])
    return found, scores


def _without(log_prob: Floats, never: list[int]) -> Floats:
    """The same log-probabilities, -inf at some symbols."""
    if not never:
        return log_prob
    left = log_prob.copy()
    left[..., never] = -np.inf
    return left
