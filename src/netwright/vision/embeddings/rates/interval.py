"""How sure an error rate is: Clopper and Pearson's interval, and the bootstrap over people.

Of n independent trials with k errors, with confidence c = 1 - a

    low  = the a/2 quantile of Beta(k, n - k + 1), 0 where k = 0
    high = the 1 - a/2 quantile of Beta(k + 1, n - k), 1 where k = n

Pairs of n people are not independent: one person who resembles many makes many errors at once, and the interval above
is then too narrow. The bootstrap draws people with replacement, counts each pair as often as its person was drawn, a
pair of two people as often as the product of both, and takes the same quantiles of the rates (subsets bootstrap).

Clopper, Pearson, *The use of confidence or fiducial limits illustrated in the case of the binomial*, 1934; Bolle,
Ratha, Pankanti, *Error analysis of pattern recognition systems: the subsets bootstrap*, 2004.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import to_seed
from netwright.core.validation import check, integer, number

DRAWS = 1000


def clopper_pearson(errors: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a rate.

    Parameters
    ----------
    errors : how many there were.
    trials : among how many.
    confidence : in (0, 1).

    Raises
    ------
    InvalidData : more errors than trials.

    Examples
    --------
    >>> low, high = clopper_pearson(0, 100)
    >>> low, round(high, 4)
    (0.0, 0.0362)
    """
    check("clopper_pearson(trials)", trials, integer(1))
    check("clopper_pearson(errors)", errors, integer(0))
    check("clopper_pearson(confidence)", confidence, number(0, 1, closed="neither"))
    if errors > trials:
        raise InvalidData(problem("clopper_pearson(errors)", f"at most {trials}", f"{errors}"))
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, errors, trials - errors + 1)) if errors else 0.0
    high = float(beta.ppf(1 - tail, errors + 1, trials - errors)) if errors < trials else 1.0
    return low, high


def bootstrap_people(
    wrong: Any, first: Any, second: Any, confidence: float = 0.95, *, draws: int = DRAWS, random_state: Any = 0
) -> tuple[float, float]:
    """The interval of the rate of wrong pairs over people.

    Parameters
    ----------
    wrong : whether each pair is decided wrongly.
    first, second : numbers of the two people of each pair, from 0.
    confidence : in (0, 1).
    draws : how often people are drawn.
    random_state : of the draws.

    Shapes
    ------
    (n,), (n,), (n,)

    Examples
    --------
    >>> wrong, first, second = [0, 0, 1, 0, 0, 1], [0, 0, 0, 1, 1, 2], [1, 2, 3, 2, 3, 3]
    >>> low, high = bootstrap_people(wrong, first, second)
    >>> low <= 1 / 3 <= high
    True
    """
    check("bootstrap_people(confidence)", confidence, number(0, 1, closed="neither"))
    check("bootstrap_people(draws)", draws, integer(10))
    mistakes, total = (_table(first, second, weights) for weights in (np.asarray(wrong, float), np.ones(len(wrong))))
    people = len(total)
    draw = np.random.default_rng(to_seed(random_state))
    times = draw.multinomial(people, np.full(people, 1 / people), size=draws).astype(float)  # (draws, people)
    counted = _sums(times, total)
    found = _sums(times, mistakes)[counted > 0] / counted[counted > 0]
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _sums(times: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each draw of people makes of sums of pairs: of two people by the product, of one by itself."""
    own = np.diag(table)
    found: NDArray[np.float64] = ((times @ (table - np.diag(own))) * times).sum(1) + times @ own
    return found


def _table(first: Any, second: Any, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of weights of pairs, people by people."""
    rows, columns = np.asarray(first), np.asarray(second)
    people = int(max(rows.max(), columns.max())) + 1
    table = np.zeros((people, people))
    np.add.at(table, (rows, columns), weights)
    return table
