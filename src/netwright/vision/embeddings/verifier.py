"""`Verifier`: are these two of the same person?

Two samples are accepted where their similarity is >= t, the mildest threshold at which at most a share f of the
calibration's pairs of two people is accepted:

    t = min { s : #{pairs of two people with similarity >= s} <= f n }

A threshold belongs to the embedder and to the people that it was calibrated on. How far the rate of false accepts may
be from f on others is told by an interval; below 1 / n no rate can be asked for.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.seeds import RANDOM_STATE
from netwright.core.validation import Constraint, check_all, checks_options, number, one_of
from netwright.vision.embeddings import saving
from netwright.vision.embeddings.comparing import Floats, compared, compared_pairs, embeddings_of
from netwright.vision.embeddings.exporting import export_verifier
from netwright.vision.embeddings.labelling import classes_among, coded
from netwright.vision.embeddings.rates.interval import bootstrap_people, clopper_pearson
from netwright.vision.embeddings.rates.roc import ROC, read_scores, roc
from netwright.vision.single.labels import read_labels

FEWEST = 3  # people of whom pairs of two can be drawn


class Verifier(BaseEstimator):
    """Whether two samples are of one person, at a threshold with a chosen share of false accepts.

    Calibrate it on people whom the embedder was not trained on: those it knows it tells apart too well.

    Parameters
    ----------
    far : f, the share of pairs of two people that may be accepted, in (0, 1).
    confidence : of the intervals, in (0, 1).
    interval : "clopper-pearson", which takes pairs as independent, or "bootstrap" over people, which is widened to the
        former where it is narrower, as it is without any error; of scores alone it is always the former, for it is not
        known whose they are.
    random_state : of the bootstrap: an integer, a RandomState, a Generator, or None.

    Attributes
    ----------
    threshold_ : similarity from which on a pair is accepted. far_, frr_ : shares of false accepts and false rejects in
    the calibration. far_interval_, frr_interval_ : where they lie for others of that kind, (low, high). roc_ : the
    curve. embedder_ : the embedder; None where only scores were given.

    Raises
    ------
    InvalidData : too few pairs of two people for the rate.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = nw.vision.TripletNetwork(embedding_dim=8, epochs=3, random_state=0).fit(X[y < 7], y[y < 7])
    >>> verifier = nw.vision.Verifier(far=0.05).fit(net, X[y >= 7], y[y >= 7])
    >>> verifier.far_ <= 0.05, verifier.predict(X[:2], X[10:12]).shape
    (True, (2,))

    References
    ----------
    Grother, Ngan, Hanaoka, *Face recognition vendor test, part 1: verification*, NIST, 2018.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "far": number(0, 1, closed="neither"),
        "confidence": number(0, 1, closed="neither"),
        "interval": one_of("bootstrap", "clopper-pearson"),
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        *,
        far: float = 0.01,
        confidence: float = 0.95,
        interval: str = "bootstrap",
        random_state: Any = 0,
    ) -> None:
        self.far, self.confidence, self.interval, self.random_state = far, confidence, interval, random_state

    def fit(self, embedder: Any, X: Any, y: Any) -> Self:
        """Calibrate the threshold on all pairs of samples.

        Parameters
        ----------
        embedder : fitted, with `transform`, such as `TripletNetwork`.
        X : samples as it takes them.
        y : whose they are.

        Raises
        ------
        InvalidParameter : an embedder that is not fitted. InvalidData : one person only, nobody twice, too few pairs.
        """
        check_all("Verifier", self.get_params(), self._constraints)
        found = embeddings_of(embedder, X, "Verifier.fit(embedder)")
        labels = read_labels(y, len(found), "Verifier.fit(y)")
        codes = coded(labels, classes_among(labels, "Verifier.fit(y)"), "Verifier.fit(y)")
        first, second = np.triu_indices(len(codes), 1)
        scores = compared(embedder, found, found)[first, second]
        same = codes[first] == codes[second]
        if not same.any():
            remedy = "Add a second photograph of some: false rejects cannot be counted without."
            raise InvalidData(problem("Verifier.fit(y)", "somebody with two samples", "one of each", remedy))
        self._calibrate(scores, same, codes[first], codes[second])
        self.embedder_ = embedder
        return self

    def fit_scores(self, scores: Any, same: Any) -> Self:
        """Calibrate the threshold on pairs that have been scored.

        Parameters
        ----------
        scores : greater for those that are more alike.
        same : whether each pair is of one person.

        Raises
        ------
        InvalidData : see `roc`; too few pairs of two people for the rate.
        """
        check_all("Verifier", self.get_params(), self._constraints)
        self._calibrate(*read_scores(scores, same, "Verifier.fit_scores"))
        self.embedder_ = None
        return self

    def score_pairs(self, a: Any, b: Any) -> Floats:
        """How alike samples are that stand side by side, (n,).

        Parameters
        ----------
        a, b : samples as the embedder takes them, as many of each.

        Raises
        ------
        InvalidParameter : a verifier of scores alone. InvalidData : another number of the one than of the other.
        """
        check_is_fitted(self, "threshold_")
        if self.embedder_ is None:
            remedy = "Use accepts(scores), or calibrate with fit(embedder, X, y)."
            raise InvalidParameter(problem("Verifier.score_pairs", "an embedder", f"{self.embedder_}", remedy))
        first, second = (embeddings_of(self.embedder_, item, "Verifier.score_pairs") for item in (a, b))
        if len(first) != len(second):
            got = f"{len(first)}, {len(second)}"
            raise InvalidData(problem("Verifier.score_pairs(a, b)", "as many of each", got))
        return compared_pairs(self.embedder_, first, second)

    def predict(self, a: Any, b: Any) -> NDArray[np.bool_]:
        """Whether samples that stand side by side are of one person, (n,).

        Parameters
        ----------
        a, b : samples as the embedder takes them, as many of each.
        """
        return self.accepts(self.score_pairs(a, b))

    def accepts(self, scores: Any) -> NDArray[np.bool_]:
        """Whether scores are high enough.

        Parameters
        ----------
        scores : as of `fit_scores`.
        """
        check_is_fitted(self, "threshold_")
        found: NDArray[np.bool_] = np.asarray(scores, dtype=np.float64) >= self.threshold_
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the threshold, its rates and the embedder to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.

        Raises
        ------
        InvalidParameter : an embedder that cannot be saved.
        """
        check_is_fitted(self, "threshold_")
        params = self.get_params(deep=False)
        params["random_state"] = params["random_state"] if isinstance(params["random_state"], int) else None
        curve = self.roc_
        own = {"params": params, "pairs": [curve.different, curve.same]}
        found = [self.threshold_, self.far_, self.frr_, *self.far_interval_, *self.frr_interval_]
        arrays = {"found": np.array(found), "thresholds": curve.thresholds, "far": curve.far, "tar": curve.tar}
        saving.save_around(path, "Verifier", own, self.embedder_, arrays)

    export = export_verifier

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "threshold_")

    def _calibrate(self, scores: Floats, same: NDArray[np.bool_], first: Any = None, second: Any = None) -> None:
        """The threshold, and how sure the rates are."""
        curve: ROC = roc(scores, same)
        if curve.different * self.far < 1:
            expected = f"at least {int(np.ceil(1 / self.far))} pairs of two people for far={self.far:g}"
            remedy = "Ask for a greater far, or calibrate on more people."
            raise InvalidData(problem("Verifier.fit", expected, f"{curve.different}", remedy))
        self.threshold_, self.roc_ = curve.threshold_at(self.far), curve
        if np.isinf(self.threshold_):
            got = "one that accepts nobody: the most alike pairs of two people are as alike as any of one"
            remedy = "Look whether the embeddings have collapsed, and whether the labels are right."
            warnings.warn(problem("Verifier.fit", f"a threshold for far={self.far:g}", got, remedy), stacklevel=3)
        accepted = scores >= self.threshold_
        self.far_, self.frr_ = float(accepted[~same].mean()), float((~accepted[same]).mean())
        by_people = self.interval == "bootstrap" and first is not None
        if by_people:
            warn_of_few(len(np.union1d(first, second)))
        rates = []
        for wrong, kind in ((accepted, ~same), (~accepted, same)):
            low, high = clopper_pearson(int(wrong[kind].sum()), int(kind.sum()), self.confidence)
            if by_people:  # pairs that depend on each other never say more than such as do not
                people = first[kind], second[kind]
                drawn = bootstrap_people(wrong[kind], *people, self.confidence, random_state=self.random_state)
                low, high = min(low, drawn[0]), max(high, drawn[1])
            rates.append((low, high))
        self.far_interval_, self.frr_interval_ = rates


def warn_of_few(people: int) -> None:
    """Say that two people make but one pair of people, of which nothing can be drawn.

    Parameters
    ----------
    people : in the calibration.
    """
    if people < FEWEST:
        remedy = "Calibrate on more people: the intervals hold for these two alone."
        text = problem("Verifier.fit(y)", f"at least {FEWEST} people for intervals", f"{people}", remedy)
        warnings.warn(text, stacklevel=4)


def from_parts(kind: str, own: dict[str, Any], parts: list[Any]) -> Verifier:
    """The calibrated verifier that a model file holds."""
    made, arrays = Verifier(**own["params"]), own["arrays"]
    made.roc_ = ROC(arrays["thresholds"], arrays["far"], arrays["tar"], *own["pairs"])
    threshold, far, frr, *ends = arrays["found"].tolist()
    made.threshold_, made.far_, made.frr_ = threshold, far, frr
    made.far_interval_, made.frr_interval_ = (ends[0], ends[1]), (ends[2], ends[3])
    made.embedder_ = parts[0] if parts else None
    return made
