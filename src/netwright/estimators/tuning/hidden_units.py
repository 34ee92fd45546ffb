"""How many hidden units to begin with: three rules of thumb.

=============== ============================= ==========================================
rule            equation                      said by
=============== ============================= ==========================================
mean            (n_in + n_out) / 2            Blum, 1992: between the two sizes
geometric mean  sqrt(n_in n_out)              Masters, 1993: the "pyramid rule"
two thirds      2/3 n_in + n_out              Heaton, 2008
=============== ============================= ==========================================

They differ by what they suppose of the task, and none of them has seen the data: they are where a search begins.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from netwright.core.validation import check, integer


class HiddenUnits(NamedTuple):
    """Numbers of hidden units, one a rule.

    Parameters
    ----------
    mean : (n_in + n_out) / 2. geometric_mean : sqrt(n_in n_out). two_thirds : 2/3 n_in + n_out.
    """

    mean: int
    geometric_mean: int
    two_thirds: int


def suggest_hidden_units(n_in: int, n_out: int) -> HiddenUnits:
    """Three rules of thumb for the number of units of a hidden layer, rounded up.

        mean = (n_in + n_out) / 2,    geometric mean = sqrt(n_in n_out),    two thirds = 2/3 n_in + n_out

    Parameters
    ----------
    n_in : the number of inputs, >= 1.
    n_out : the number of outputs, >= 1.

    Raises
    ------
    InvalidParameter : sizes that are no positive integers.

    Examples
    --------
    >>> suggest_hidden_units(64, 10)
    HiddenUnits(mean=37, geometric_mean=26, two_thirds=53)
    >>> sorted(set(suggest_hidden_units(64, 10)))  # choices for a search
    [26, 37, 53]

    References
    ----------
    Blum, *Neural networks in C++*, 1992. Masters, *Practical neural network recipes in C++*, 1993.
    Heaton, *Introduction to neural networks for Java*, 2008.
    """
    check("suggest_hidden_units(n_in)", n_in, integer(1))
    check("suggest_hidden_units(n_out)", n_out, integer(1))
    root = math.isqrt(n_in * n_out)
    return HiddenUnits(
        mean=(n_in + n_out + 1) // 2,
        geometric_mean=root if root * root == n_in * n_out else root + 1,
        two_thirds=(2 * n_in + 2) // 3 + n_out,
    )
