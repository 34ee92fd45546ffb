"""How often the right name is found: rank k of a closed set, and detection and identification of an open one.

A probe is compared with every entry of a gallery; s_jn is the score of probe j and the best entry of name n.

    rank(j)    = names n with s_jn >= s_jy, y its own name (ties count against it)
    rank-k     = share of the probes in the gallery with rank <= k
    FAR(t)     = share of the probes that are not in the gallery with a best score >= t
    DIR(t, k)  = share of the probes that are in it with rank <= k and s_jy >= t

Phillips, Grother, Micheals, *Evaluation methods in face recognition*, in: Handbook of face recognition, 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, integer, number

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OpenSetRates:
    """What comes of an open set at one threshold.

    Attributes
    ----------
    dir : share of known probes that are found, and named rightly.
    far : share of unknown ones that get a name.
    threshold : score from which on a name is told; infinite where none is.
    """

    dir: float
    far: float
    threshold: float


def rank_k(scores: Any, gallery: Any, probes: Any, k: int = 1) -> float:
    """The share of probes whose own name is among the best k.

    Parameters
    ----------
    scores : of each probe with each entry of the gallery, greater for those more alike.
    gallery : name of each entry.
    probes : true name of each probe, which is in the gallery.
    k : how many names count.

    Shapes
    ------
    (n, m), (m,), (n,)

    Raises
    ------
    InvalidData : shapes that do not fit; a probe whose name is not in the gallery.

    Examples
    --------
    >>> scores = [[0.9, 0.1, 0.3], [0.4, 0.5, 0.1]]
    >>> rank_k(scores, ["ann", "bob", "cat"], ["ann", "ann"]), rank_k(scores, ["ann", "bob", "cat"], ["ann", "ann"], 2)
    (0.5, 1.0)
    """
    check("rank_k(k)", k, integer(1))
    best, own = _by_name(scores, gallery, probes, "rank_k")
    if (own < 0).any():
        row = int((own < 0).argmax())
        remedy = "Of people who are not in it detection_identification tells more."
        raise InvalidData(problem(f"rank_k(probes), probe {row}", "a name of the gallery", "another one", remedy))
    return float((_ranks(best, own) <= k).mean())


def detection_identification(scores: Any, gallery: Any, probes: Any, far: float = 0.01, k: int = 1) -> OpenSetRates:
    """The open-set rates at the mildest threshold at which a share of unknown probes or fewer gets a name.

    Parameters
    ----------
    scores : of each probe with each entry of the gallery, greater for those more alike.
    gallery : name of each entry.
    probes : true name of each probe; some are not in the gallery.
    far : the share, in [0, 1].
    k : as of `rank_k`.

    Shapes
    ------
    (n, m), (m,), (n,)

    Raises
    ------
    InvalidData : shapes that do not fit; no known probe, or no unknown one.

    Examples
    --------
    >>> scores = [[0.9, 0.1], [0.2, 0.6], [0.3, 0.5]]
    >>> detection_identification(scores, ["ann", "bob"], ["ann", "bob", "eve"], far=0.0)
    OpenSetRates(dir=1.0, far=0.0, threshold=0.6)
    """
    where = "detection_identification"
    check(f"{where}(far)", far, number(0, 1))
    check(f"{where}(k)", k, integer(1))
    best, own = _by_name(scores, gallery, probes, where)
    known = own >= 0
    if known.all() or not known.any():
        got = f"{int(known.sum())} and {int((~known).sum())}"
        raise InvalidData(problem(f"{where}(probes)", "people of the gallery and others", got))
    strangers = np.sort(best[~known].max(1))
    right = best[known, own[known]][_ranks(best[known], own[known]) <= k]
    candidates = np.unique(np.concatenate([right, strangers]))[::-1]
    rates = (len(strangers) - np.searchsorted(strangers, candidates, side="left")) / len(strangers)
    allowed = candidates[rates <= far]
    threshold = float(allowed[-1]) if len(allowed) else np.inf
    found = float((right >= threshold).sum() / known.sum())
    return OpenSetRates(found, float((strangers >= threshold).mean()), threshold)


def _ranks(best: Floats, own: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each probe's own name."""
    ranks: NDArray[np.int64] = (best >= best[np.arange(len(own)), own][:, None]).sum(1)
    return ranks


def _by_name(scores: Any, gallery: Any, probes: Any, where: str) -> tuple[Floats, NDArray[np.int64]]:
    """The best score of each probe with each name, and the place of its own name, -1 where it is not there."""
    found = np.asarray(scores, dtype=np.float64)
    entries, asked = list(gallery), list(probes)
    if found.shape != (len(asked), len(entries)) or not found.size:
        expected = f"scores of shape ({len(asked)}, {len(entries)}), probes by entries"
        raise InvalidData(problem(f"{where}(scores)", expected, f"{found.shape}"))
    require_finite(found, f"{where}(scores)")
    places = {name: place for place, name in enumerate(dict.fromkeys(entries))}
    best = np.full((len(asked), len(places)), -np.inf)
    columns = np.array([places[name] for name in entries])
    for column, place in enumerate(columns):
        best[:, place] = np.maximum(best[:, place], found[:, column])
    return best, np.array([places.get(name, -1) for name in asked], dtype=np.int64)
