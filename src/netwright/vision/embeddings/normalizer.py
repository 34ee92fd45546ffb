"""`ScoreNormalizer`: how alike two samples are, measured by how alike each is to a cohort of other people.

With s(a, b) the similarity of an embedder, and m_a, d_a the mean and the deviation of s(a, c) over the cohort's samples
c, or over the n of them that are most like a (adaptive)

    s'(a, b) = ((s(a, b) - m_a) / d_a + (s(a, b) - m_b) / d_b) / 2

A face that resembles everybody has a high m: the same cosine says less of it than of a rare face. One threshold then
fits all people better, and nothing is trained. The cohort are people who are never enrolled or verified, most often
those whom the embedder was trained on. It is no sure gain: compare both on people who were held out.

======= =========== ========================
symbol  argument    usual
======= =========== ========================
n       ``top``     None, the whole cohort
======= =========== ========================

Kenny, *Bayesian speaker verification with heavy-tailed priors*, 2010 (symmetric normalisation, s-norm); Matejka,
Novotny, Plchot, Burget, Diez, Cernocky, *Analysis of score normalization in multilingual speaker recognition*, 2017
(adaptive s-norm; there the deviation is of n, as here).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import Constraint, check_all, checks_options, integer, nothing
from netwright.estimators.ensemble.saving import save_parts
from netwright.vision.embeddings.comparing import Floats, compared, compared_pairs, embeddings_of

LEAST = 1e-9  # deviation below which a cohort says nothing
FEWEST = 2  # samples that have a deviation
BLOCK = 2**24  # similarities that are held at once


class ScoreNormalizer(BaseEstimator):
    """An embedder whose similarities are measured against those with a cohort of other people.

    It stands wherever the embedder does: in `Verifier` and `Recognizer`. Thresholds have to be calibrated anew.

    Parameters
    ----------
    embedder : fitted, with `transform`, such as `TripletNetwork` or `EmbeddingEnsemble`.
    top : n, the samples of the cohort that are most alike and count; None for all.

    Attributes
    ----------
    cohort_ : embeddings, (m, D). distance_ : of the embedder.

    Raises
    ------
    InvalidParameter : an embedder that is not fitted. InvalidData : a cohort of one sample, or of one point.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = nw.vision.TripletNetwork(embedding_dim=8, epochs=3, random_state=0).fit(X[y < 7], y[y < 7])
    >>> scores = nw.vision.ScoreNormalizer(net).fit(X[y < 7])
    >>> nw.vision.Verifier(far=0.05).fit(scores, X[y >= 7], y[y >= 7]).predict(X[:2], X[10:12]).shape
    (2,)

    References
    ----------
    Kenny, *Bayesian speaker verification with heavy-tailed priors*, 2010.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {"top": nothing | integer(FEWEST)}

    @checks_options
    def __init__(self, embedder: Any = None, *, top: int | None = None) -> None:
        self.embedder, self.top = embedder, top

    @property
    def distance_(self) -> str:
        """By which a graph looks for neighbours: that of the embedder."""
        found: str = getattr(self.embedder, "distance_", "cosine")
        return found

    @property
    def head(self) -> Any:
        """What the embedder has in place of a distance."""
        return getattr(self.embedder, "head", None)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take the cohort.

        Parameters
        ----------
        X : samples of people who are never asked about, as the embedder takes them.
        y : not looked at.
        """
        check_all("ScoreNormalizer", self.get_params(deep=False), self._constraints)
        found = embeddings_of(self.embedder, X, "ScoreNormalizer(embedder)")
        least = self.top or FEWEST
        if len(found) < least:
            raise InvalidData(
                problem("ScoreNormalizer.fit(X)", f"a cohort of at least {least} samples", f"{len(found)}")
            )
        if bool((found == found[0]).all()):
            remedy = "Give samples of many people."
            raise InvalidData(problem("ScoreNormalizer.fit(X)", "a cohort that differs", "one point", remedy))
        self.cohort_ = found
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """The embeddings of the embedder, (n, D).

        Parameters
        ----------
        X : samples as it takes them.
        """
        check_is_fitted(self, "cohort_")
        found: NDArray[Any] = self.embedder.transform(X)
        return found

    def compare(self, a: Any, b: Any) -> Floats:
        """The normalised similarity of embeddings side by side.

        Parameters
        ----------
        a, b : embeddings as `transform` gives them.

        Shapes
        ------
        (n, D), (n, D) -> (n,)
        """
        a, b = self._read(a, "compare(a)"), self._read(b, "compare(b)")
        if len(a) != len(b):
            raise InvalidData(problem("ScoreNormalizer.compare(a, b)", "as many of each", f"{len(a)}, {len(b)}"))
        scores = compared_pairs(self.embedder, a, b)
        (mean_a, spread_a), (mean_b, spread_b) = self._against(a), self._against(b)
        found: Floats = ((scores - mean_a) / spread_a + (scores - mean_b) / spread_b) / 2
        return found

    def compare_all(self, a: Any, b: Any) -> Floats:
        """The normalised similarity of each embedding of a with each of b.

        Parameters
        ----------
        a, b : embeddings as `transform` gives them.

        Shapes
        ------
        (n, D), (m, D) -> (n, m)
        """
        a, b = self._read(a, "compare_all(a)"), self._read(b, "compare_all(b)")
        scores = compared(self.embedder, a, b)
        (mean_a, spread_a), (mean_b, spread_b) = self._against(a), self._against(b)
        rows = (scores - mean_a[:, None]) / spread_a[:, None]
        found: Floats = (rows + (scores - mean_b) / spread_b) / 2
        return found

    def similarity(self, a: Any, b: Any) -> Floats:
        """The normalised similarity of samples side by side, (n,).

        Parameters
        ----------
        a, b : samples as the embedder takes them, as many of each.
        """
        return self.compare(self.transform(a), self.transform(b))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the embedder and the cohort to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "cohort_")
        save_parts(path, "ScoreNormalizer", {"top": self.top}, [self.embedder], {"cohort": self.cohort_})

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cohort_")

    def _read(self, x: Any, where: str) -> Floats:
        check_is_fitted(self, "cohort_")
        found = np.asarray(x, dtype=np.float64)
        width = self.cohort_.shape[1]
        if found.ndim != 2 or found.shape[1] != width:
            raise InvalidData(problem(f"ScoreNormalizer.{where}", f"embeddings (n, {width})", f"{found.shape}"))
        return found

    def _against(self, x: Floats) -> tuple[Floats, Floats]:
        """The mean and the deviation of the similarity of each embedding with the cohort."""
        count = len(self.cohort_)
        rows = max(1, BLOCK // count)
        found = np.empty((2, len(x)))
        for i in range(0, len(x), rows):
            scores = compared(self.embedder, x[i : i + rows], self.cohort_)
            if self.top is not None and self.top < count:
                scores = np.partition(scores, count - self.top, axis=1)[:, count - self.top :]
            found[:, i : i + rows] = scores.mean(1), np.maximum(scores.std(1), LEAST)
        return found[0], found[1]


def from_parts(kind: str, own: dict[str, Any], parts: list[Any]) -> ScoreNormalizer:
    """The embedder with its cohort that a model file holds."""
    made = ScoreNormalizer(parts[0], top=own["top"])
    made.cohort_ = own["arrays"]["cohort"]
    return made
