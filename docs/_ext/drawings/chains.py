"""Chains of tags: Viterbi's lattice, the best path beside the best tags, what schemes of spans allow, masks."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from drawings.paper import (
    BLUE,
    GREEN,
    GRID,
    INK,
    LINE,
    ORANGE,
    PALE_GRAY,
    WHITE,
    arrow,
    by_sign,
    by_value,
    cells,
    code,
    frame,
    head,
    line,
    mix,
    say,
    sheet,
    wide,
)
from netwright.layers import CRF, forbidden_transitions

TAGS = ("DET", "ADJ", "NOUN", "VERB")
WORDS = ("the", "old", "man", "the", "boats")
EMISSIONS = np.array(
    [[3, 0, 0, 0], [0, 2, 1, 0], [0, 0, 2, 1], [3, 0, 0, 0], [0, 0, 2, 1]], dtype=np.float32
)
TRANSITIONS = np.array(
    [[-2, 1, 1, -2], [-2, 0, 1, -1], [-2, -1, 0, 1], [1, 0, 0, -2]], dtype=np.float32
)


def _crf(
    tags: int, transitions: np.ndarray, forbidden: tuple[tuple[int, int], ...] = ()
) -> torch.nn.Module:
    """A chain with these transitions, and no preference for its ends."""
    module = CRF(tags, forbidden).build(seed=0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.transitions.copy_(torch.from_numpy(transitions))
    return module


def _ways(e: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How good the best way to each tag is, and from which tag it comes: (steps, tags), (steps - 1, tags)."""
    best, came = [e[0]], []
    for here in e[1:]:
        scores = best[-1][:, None] + a
        came.append(scores.argmax(0))
        best.append(scores.max(0) + here)
    return np.stack(best), np.stack(came)


def lattice() -> Figure:
    """A sentence of five words: the best way to each tag, the best path, and what words say alone."""
    best, came = _ways(EMISSIONS, TRANSITIONS)
    crf = _crf(4, TRANSITIONS)
    e = torch.from_numpy(EMISSIONS)[None]
    (path,) = crf.decode(e)
    (((_, log),),) = crf.best(e)
    assert np.isclose(log + crf.log_partition(e).item(), best[-1].max())
    figure, ax = sheet(26.5, 9.8, 0.3)
    left, top, across, down = 3.4, 2.1, 3.25, 2.15
    places = {(t, j): (left + across * t, top + down * j) for t in range(5) for j in range(4)}
    for t, j in itertools.product(range(1, 5), range(4)):
        chosen = path[t] == j and path[t - 1] == came[t - 1, j]
        style = {"linewidth": 3.0, "zorder": 2} if chosen else {"linewidth": 1.0, "zorder": 1}
        xs, ys = zip(places[t - 1, int(came[t - 1, j])], places[t, j], strict=True)
        line(ax, xs, ys, ORANGE if chosen else LINE, **style)
    for (t, j), at in places.items():
        _place(
            ax,
            at,
            f"{best[t, j]:.0f}",
            f"{EMISSIONS[t, j]:+.0f}",
            path[t] == j,
            EMISSIONS[t].argmax() == j,
        )
    for t, word in enumerate(WORDS):
        say(ax, left + across * t, 0.6, word, fontsize=9.5, fontweight="bold")
    for j, tag in enumerate(TAGS):
        say(ax, 1.4, top + down * j, tag, fontsize=8.5)
    _matrix(ax, 20.6, 3.0, TRANSITIONS)
    return figure


def _place(
    ax: Axes, at: tuple[float, float], best: str, alone: str, chosen: bool, favourite: bool
) -> None:
    """A tag at a step: how good the best way there is, and above it the score of the tag itself."""
    colour = mix(ORANGE, 0.75) if chosen else WHITE
    ax.add_patch(
        Circle(
            at,
            0.66,
            facecolor=colour,
            edgecolor=ORANGE if chosen else LINE,
            linewidth=1.2,
            zorder=4,
        )
    )
    say(ax, *at, best.replace("-", "\u2212"), fontsize=9)
    if alone != "+0":
        bold = {"fontweight": "bold", "color": BLUE} if favourite else {"color": LINE}
        below = at[1] > 7.5
        say(ax, at[0], at[1] + (0.98 if below else -0.98), alone, fontsize=8, **bold)


def _matrix(ax: Axes, x: float, y: float, a: np.ndarray) -> None:
    """The scores of the transitions."""
    say(ax, x + 2.4, y - 2.1, "$a_{ij}$, from a row to a column", fontsize=8.5)
    for j, tag in enumerate(TAGS):
        say(ax, x + 0.6 + 1.2 * j, y - 0.9, tag, fontsize=7)
        say(ax, x - 0.25, y + 0.6 + 1.2 * j, tag, fontsize=7, ha="right")
    cells(ax, a, x, y, by_sign(3), 1.2, ".0f", edge=GRID)


def differ() -> Figure:
    """Two words of which the best path and the best tags differ, with the probabilities of paths and tags."""
    tags, taken = ("O", "B", "I"), forbidden_transitions(["O", "B", "I"])
    crf = _crf(3, np.array([[0, 0, 0], [-3, -3, 0.9], [0, 0, 0]], dtype=np.float32), taken)
    e = torch.tensor([[[0.4, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    p = crf.marginals(e)[0].detach().numpy()
    (best,), (single,) = crf.decode(e), crf.decode(e, rule="mbr")
    figure, ax = sheet(25, 8.2, 0.32)
    head(ax, 5.2, 0.6, "paths")
    (found,) = crf.best(e, nbest=9)
    for row, (path, log) in enumerate(found):
        y, share = 1.5 + 1.25 * row, float(np.exp(log))
        code(ax, 0.6, y + 0.45, " ".join(tags[j] for j in path), ha="left")
        fill = mix(ORANGE, 0.75) if path == best else mix(BLUE, 0.3)
        ax.add_patch(Rectangle((2.6, y), 14 * share, 0.9, facecolor=fill, edgecolor="none"))
        say(ax, 2.9 + 14 * share, y + 0.45, f"{share:.3f}", ha="left", fontsize=8)
    head(ax, 17.6, 0.6, "tags")
    for t in range(2):
        say(ax, 15.0 + 2.9 * t + 0.75, 1.5, f"word {t + 1}", fontsize=8)
        for j, tag in enumerate(tags):
            if not t:
                code(ax, 14.0, 2.6 + 1.4 * j, tag)
            at = (15.0 + 2.9 * t, 2.07 + 1.4 * j)
            wide(ax, at, p[t, j], by_value(0, 1))
            if best[t] == j:
                frame(ax, at[0] - 0.02, at[1] - 0.02, 1.54, 1.1)
            if single[t] == j:
                frame(ax, at[0] - 0.14, at[1] - 0.14, 1.78, 1.34, GREEN)
    frame(ax, 20.6, 2.3, 0.6, 0.5)
    code(ax, 21.5, 2.55, '"viterbi"', ha="left", fontsize=8)
    frame(ax, 20.6, 3.7, 0.6, 0.5, GREEN)
    code(ax, 21.5, 3.95, '"mbr"', ha="left", fontsize=8)
    return figure


def allowed() -> Figure:
    """What may follow what: BIO with two kinds of spans, and BIOES with one."""
    figure, ax = sheet(26, 11.2, 0.305)
    forms = (
        ("BIO", ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]),
        ("BIOES", ["O", "B-PER", "I-PER", "E-PER", "S-PER"]),
    )
    for place, (scheme, labels) in enumerate(forms):
        x, y = 3.2 + 13.2 * place, 3.6
        head(ax, x + 3.6, 0.6, scheme)
        taken = set(forbidden_transitions(labels, scheme))
        rows, columns = [*labels, "start"], [*labels, "", "end"]
        for (i, before), (j, behind) in itertools.product(enumerate(rows), enumerate(columns)):
            if not behind or (before == "start" and behind == "end"):
                continue
            at = (x + 1.2 * (j - (behind == "end")), y + 1.2 * i)
            fill = PALE_GRAY if (i, j) in taken else mix(GREEN, 0.55)
            ax.add_patch(Rectangle(at, 1.2, 1.2, facecolor=fill, edgecolor=WHITE, linewidth=1.2))
            if (i, j) in taken:
                say(ax, at[0] + 0.6, at[1] + 0.6, "×", color=LINE)
        for i, text in enumerate(rows):
            say(ax, x - 0.25, y + 0.6 + 1.2 * i, text, ha="right", fontsize=8)
        for j, text in enumerate([*labels, "end"]):
            say(
                ax,
                x + 0.65 + 1.2 * j,
                y - 0.25,
                text,
                ha="center",
                va="bottom",
                fontsize=8,
                rotation=60,
            )
    return figure


def holes() -> Figure:
    """A mask takes steps out of a sequence: the tags before and behind a hole are neighbours."""
    pieces, mask = ("un", "##believ", "##able", "story", "!"), (1, 0, 0, 1, 1)
    figure, ax = sheet(25, 5.4, 0.32)
    centres = [6.2 + 4.0 * t for t in range(len(pieces))]
    for text, y in (("tokens", 0.9), ("mask", 2.2), ("chain", 4.1)):
        say(ax, 0.6, y, text, ha="left", fontsize=8.5, color=LINE)
    for x, piece, valid in zip(centres, pieces, mask, strict=True):
        code(ax, x, 0.9, piece, color=INK if valid else LINE)
        wide(ax, (x - 0.75, 1.67), valid, mix(GREEN, 0.45) if valid else PALE_GRAY, ".0f")
        if valid:
            ax.add_patch(
                Circle((x, 4.1), 0.66, facecolor=mix(ORANGE, 0.6), edgecolor=ORANGE, zorder=4)
            )
    there = [x for x, valid in zip(centres, mask, strict=True) if valid]
    for number, x in enumerate(there, start=1):
        say(ax, x, 4.1, f"$y_{number}$", fontsize=10)
    for number, (before, behind) in enumerate(itertools.pairwise(there), start=1):
        arrow(ax, (before + 0.7, 4.1), (behind - 0.7, 4.1), ORANGE, line=2.0)
        say(ax, (before + behind) / 2, 4.75, f"$a_{{y_{number} y_{number + 1}}}$", fontsize=9)
    return figure
