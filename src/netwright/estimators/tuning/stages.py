"""Stages: first many short trials over the whole space, then fewer long ones round the best of them.

=========== ============================= ================================== ===================================
stage       trials                        epochs                             space
=========== ============================= ================================== ===================================
``coarse``  six in ten                    few (``coarse_epochs``)            as it was given
``fine``    the others                    the estimator's own                narrowed round the best coarse trials
``one``     all                           the estimator's own                as it was given
=========== ============================= ================================== ===================================

The best are a quarter of the completed coarse trials, and three at least. A range becomes the one that their values
span, and a tenth of the whole on either side; it is measured on the range's own scale, the logarithm of logarithmic
ones, and never wider than it was. Of choices those stay that are among the best. A parameter that does not matter has
good values everywhere, so its range stays wide. The first fine trial is the best coarse one, at full length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import check, integer, one_of
from netwright.estimators.tuning.records import Record, best_of
from netwright.estimators.tuning.space import Space

COARSE = 0.6  # share of the trials
BEST = 0.25  # share of the coarse trials that the fine stage lies round
LEAST = 3  # of them
EDGE = 0.05  # share of a range at its ends: a best value in it is worth a note


@dataclass(frozen=True)
class Stage:
    """A part of a search.

    Parameters
    ----------
    name : of the stage. count : how many trials. epochs : at most so many, None for the estimator's own number.
    offset : the number of its first trial in the whole search.
    """

    name: str
    count: int
    epochs: int | None = None
    offset: int = 0


def plan(stages: Any, trials: Any, coarse_epochs: Any) -> tuple[Stage, ...]:
    """The stages of a search.

    Raises
    ------
    InvalidParameter : an unknown name, or numbers that cannot be.

    Examples
    --------
    >>> [(stage.name, stage.count) for stage in plan("coarse-fine", 40, 5)]
    [('coarse', 24), ('fine', 16)]
    """
    check("search(stages)", stages, one_of("coarse-fine", "one"))
    check("search(trials)", trials, integer(1))
    check("search(coarse_epochs)", coarse_epochs, integer(1))
    if stages == "one":
        return (Stage("one", trials),)
    if trials < 2:
        remedy = "Give more trials, or stages='one'."
        raise InvalidParameter(problem("search(trials)", "at least 2 for two stages", str(trials), remedy))
    coarse = min(math.ceil(COARSE * trials), trials - 1)
    return Stage("coarse", coarse, coarse_epochs), Stage("fine", trials - coarse, None, coarse)


def narrowed(space: Space, records: Iterable[Record]) -> tuple[Space, dict[str, Any] | None]:
    """The space of the fine stage, and what its first trial draws: that of the best coarse one."""
    finished = list(records)
    complete = best_of(finished, len(finished))
    best = complete[: max(LEAST, math.ceil(BEST * len(complete)))]
    return space.narrowed([record.drawn for record in best]), best[0].drawn if best else None


def at_edges(space: Space, drawn: dict[str, Any]) -> list[str]:
    """Sentences on ranges whose best value lies at an end, so that a better one may lie beyond."""
    notes = []
    for name, axis in space.axes.items():
        if hasattr(axis, "low"):
            share = axis.share(drawn[name])
            if share <= EDGE or share >= 1 - EDGE:
                end = "lower" if share <= EDGE else "upper"
                value = axis.value(drawn[name])
                notes.append(f"The best {name}, {value:.4g}, lies at the {end} end of {axis!r}: widen it.")
    return notes
