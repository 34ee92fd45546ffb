"""What each kind of fault costs: the AP that a detector would gain if its faults of that kind were mended.

    gain(fault)  =  AP after mending  -  AP

localisation, class   the surest prediction about a true box that was missed takes it; others go
duplicate, background, both      the predictions go
missed                true boxes that nothing explains no longer count
false positives       right predictions are surer than all wrong ones
false negatives       true boxes that were missed no longer count

Gains do not add up: mending one fault can uncover another. A class whose true boxes all cease to count has the AP 0 as
long as it has predictions, and is left out otherwise. A gain can be slightly below 0: AP is read off at 101 points.

Reference: Bolya et al., *TIDE: a general toolbox for identifying object detection errors*, 2020, section 2.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.vision.compiled import kernels
from netwright.vision.metrics.matching import Matched, by_score
from netwright.vision.metrics.scores import RECALL_POINTS
from netwright.vision.metrics.states import BACKGROUND, BOTH, CLASS, CORRECT, DUPLICATE, IGNORED, LOCALISATION, RIGHT


def mended(made: Matched, verdict: NDArray, about: NDArray) -> tuple[float, dict[str, float]]:
    """AP as it is, NaN without true boxes, and the gain of mending each kind of fault.

    Parameters
    ----------
    made : predictions matched at one threshold.
    verdict : on each prediction, (d,).
    about : the place of the true box that it is about, -1 for none, (d,).
    """
    found, there = made.predictions, made.targets
    state, positives, codes, scores = made.state[0, 0], made.positives[:, 0], found.codes, found.scores
    known = positives > 0
    before = _mean_ap(codes, scores, state, positives, known)
    missed = ~there.ignored
    missed[about[verdict == CORRECT]] = False
    hints = (verdict == LOCALISATION) | (verdict == CLASS)
    surest = _surest(made, np.flatnonzero(hints), about, missed)
    unexplained = missed.copy()
    unexplained[about[hints]] = False
    gains = {}
    for name, fault in (("localisation", LOCALISATION), ("class", CLASS)):
        faults = verdict == fault
        after = np.where(faults, np.where(surest, RIGHT, IGNORED), state).astype(np.uint8)
        moved = np.where(faults & surest, np.append(there.codes, -1)[about], codes)
        gains[name] = _mean_ap(moved, scores, after, positives, known) - before
    for name, fault in (("both", BOTH), ("duplicate", DUPLICATE), ("background", BACKGROUND)):
        after = np.where(verdict == fault, IGNORED, state).astype(np.uint8)
        gains[name] = _mean_ap(codes, scores, after, positives, known) - before
    left = positives - np.bincount(there.codes[unexplained], minlength=len(positives))
    gains["missed"] = _mean_ap(codes, scores, state, left, known) - before
    gains["false positives"] = _mean_ap(codes, (state == RIGHT).astype(float), state, positives, known) - before
    left = positives - np.bincount(there.codes[missed], minlength=len(positives))
    gains["false negatives"] = _mean_ap(codes, scores, state, left, known) - before
    return before, gains


def _surest(made: Matched, hints: NDArray, about: NDArray, missed: NDArray) -> NDArray[np.bool_]:
    """Which predictions are the surest that explain a true box which was missed, (d,)."""
    found = made.predictions
    hints = hints[missed[about[hints]]]
    order = hints[np.lexsort((found.row[hints], -found.scores[hints], about[hints]))]
    first = np.append(True, np.diff(about[order]) != 0)[: len(order)]
    surest = np.zeros(len(found.row), dtype=bool)
    surest[order[first]] = True
    return surest


def _mean_ap(codes: NDArray, scores: NDArray, state: NDArray, positives: NDArray, known: NDArray) -> float:
    """Mean over the classes known to have true boxes."""
    order, starts = by_score(codes, scores, len(positives))
    everything, rank = np.ones(1, dtype=np.int64), np.zeros(len(codes), dtype=np.int64)
    precision = kernels("metrics").accumulate(
        state.reshape(1, 1, -1),
        order,
        starts,
        rank,
        scores,
        positives.reshape(-1, 1),
        everything,
        RECALL_POINTS["coco"],
    )[0]
    ap = precision[0, :, :, 0, 0].mean(axis=0)
    busy = np.bincount(codes[state != IGNORED], minlength=len(positives)) > 0
    ap = np.where((positives == 0) & busy, 0.0, ap)[known]
    ap = ap[np.isfinite(ap)]
    return float(ap.mean()) if ap.size else float("nan")
