"""`Recognizer`: which of those who are enrolled is this, or nobody?

A probe gets the name of the entry that is most like it, where that similarity is >= the threshold, else none. Names
come and go by `enrol` and `forget`, which change the gallery alone: the embedder is never trained anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.core.validation import (
    Constraint,
    check,
    check_all,
    checks_options,
    integer,
    nothing,
    number,
    one_of,
    satisfies,
)
from netwright.vision.embeddings import saving
from netwright.vision.embeddings.comparing import Floats, embeddings_of
from netwright.vision.embeddings.exporting import export_recognizer
from netwright.vision.embeddings.gallery import Gallery
from netwright.vision.embeddings.rates.identification import OpenSetRates, detection_identification
from netwright.vision.single.labels import read_labels


class Recognizer(BaseEstimator):
    """The name of a sample among those enrolled, or none.

    Parameters
    ----------
    embedder : fitted, with `transform`, such as `TripletNetwork`.
    threshold : similarity from which on a name is told; None tells the nearest name always, until `calibrate`.
    unknown : what `predict` says of somebody else: None, or a word such as "unknown".
    index : "exact", or "hnsw" for a graph of hnswlib where it is installed.

    Attributes
    ----------
    names_ : enrolled, in their order. counts_ : entries of each. threshold_ : in use, None for none.
    rates_ : what `calibrate` found (`OpenSetRates`).

    Raises
    ------
    InvalidParameter : an embedder that is not fitted, an unknown name. InvalidData : nobody is enrolled.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = nw.vision.TripletNetwork(embedding_dim=8, epochs=3, random_state=0).fit(X[y < 5], y[y < 5])
    >>> people = nw.vision.Recognizer(net).enrol(X[y == 7][:1], ["ann"]).enrol(X[y == 8][:2], ["bob", "bob"])
    >>> people.names_, people.forget("bob").predict(X[y == 7][:1]).tolist()
    (['ann', 'bob'], ['ann'])

    References
    ----------
    Phillips, Grother, Micheals, *Evaluation methods in face recognition*, in: Handbook of face recognition, 2011.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "threshold": nothing | number(),
        "unknown": nothing | satisfies("a word for somebody else", lambda item: isinstance(item, str)),
        "index": one_of("exact", "hnsw"),
    }

    @checks_options
    def __init__(
        self, embedder: Any = None, *, threshold: float | None = None, unknown: Any = None, index: str = "exact"
    ) -> None:
        self.embedder, self.threshold, self.unknown, self.index = embedder, threshold, unknown, index

    _entries: Any = None  # embeddings, (m, D)
    _labels: tuple[Any, ...] = ()  # whose they are
    _made: Gallery | None = None  # of them, where somebody has asked
    _calibrated: tuple[float, float | None] | None = None  # the threshold found, and the one given at that time

    @property
    def names_(self) -> list[Any]:
        """The names, in the order in which they were first enrolled."""
        return list(dict.fromkeys(self._labels))

    @property
    def counts_(self) -> dict[Any, int]:
        """How many entries each name has."""
        return {name: self._labels.count(name) for name in self.names_}

    @property
    def threshold_(self) -> float | None:
        """The threshold in use: that of the last `calibrate`, or one that was given since."""
        if self._calibrated is None or self.threshold != self._calibrated[1]:
            return self.threshold
        return self._calibrated[0]

    def fit(self, X: Any, y: Any) -> Self:
        """Forget everybody and what was calibrated, and enrol these.

        Parameters
        ----------
        X, y : as of `enrol`.
        """
        before = dict(self.__dict__)
        self._entries, self._labels, self._made, self._calibrated = None, (), None, None
        try:
            return self.enrol(X, y)
        except Exception:  # who was enrolled before stays enrolled
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def enrol(self, X: Any, names: Any) -> Self:
        """Add samples to the gallery, under names that are new or there already.

        Parameters
        ----------
        X : samples as the embedder takes them.
        names : of each.

        Raises
        ------
        InvalidParameter : an embedder that is not fitted. InvalidData : another number of names than samples; a name
            that is the word for somebody else.
        """
        check_all("Recognizer", self.get_params(deep=False), self._constraints)
        found = self._embedded(X)
        labels = read_labels(names, len(found), "Recognizer.enrol(names)")
        if self.unknown is not None and self.unknown in labels:
            remedy = "Choose another name, or another word with unknown=..."
            raise InvalidData(problem("Recognizer.enrol(names)", "names of people", shown(self.unknown), remedy))
        self._entries = found if self._entries is None else np.concatenate([self._entries, found])
        self._labels = (*self._labels, *labels)
        self._made = None
        return self

    def forget(self, name: Any) -> Self:
        """Take all entries of a name out of the gallery.

        Parameters
        ----------
        name : enrolled.

        Raises
        ------
        InvalidParameter : a name that is not enrolled.
        """
        if name not in self._labels:
            remedy = did_you_mean(str(name), map(str, self.names_))
            raise InvalidParameter(problem("Recognizer.forget(name)", "a name that is enrolled", shown(name), remedy))
        kept = [row for row, other in enumerate(self._labels) if other != name]
        self._entries = self._entries[kept]
        self._labels = tuple(self._labels[row] for row in kept)
        self._made = None
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The name of each sample, or ``unknown``, (n,) of objects.

        Parameters
        ----------
        X : samples as the embedder takes them.
        """
        names = self.names_
        places, scores = self._best(X, 1)
        told = np.empty(len(places), dtype=object)
        limit = -np.inf if self.threshold_ is None else self.threshold_
        known = (places[:, 0] >= 0) & (scores[:, 0] >= limit)
        told[:] = [names[place] if right else self.unknown for place, right in zip(places[:, 0], known, strict=True)]
        return told

    def top_k(self, X: Any, k: int = 5) -> list[list[tuple[Any, float]]]:
        """The k most alike names of each sample with their similarities, the best first; the threshold is not asked.

        Parameters
        ----------
        X : samples as the embedder takes them.
        k : how many, at most all names.
        """
        check("Recognizer.top_k(k)", k, integer(1))
        names = self.names_
        rows = zip(*self._best(X, k), strict=True)
        return [
            [(names[place], float(score)) for place, score in zip(places, scores, strict=True) if place >= 0]
            for places, scores in rows
        ]

    def calibrate(self, X: Any, y: Any, far: float = 0.01) -> OpenSetRates:
        """Choose the threshold at which a share of strangers, or fewer, gets a name.

        Parameters
        ----------
        X : samples.
        y : their names; those of strangers are not enrolled.
        far : the share, in [0, 1].

        Raises
        ------
        InvalidData : no strangers, or nobody who is enrolled.
        """
        self.rates_ = self._rates(X, y, far, "calibrate")
        self._calibrated = self.rates_.threshold, self.threshold
        return self.rates_

    def score(self, X: Any, y: Any) -> float:
        """The share of samples with the right answer: their name, or ``unknown`` of those who are not enrolled.

        Parameters
        ----------
        X : samples.
        y : their names.
        """
        told = self.predict(X)
        labels = read_labels(y, len(told), "Recognizer.score(y)")
        enrolled = set(self._labels)
        wanted = [label if label in enrolled else self.unknown for label in labels]
        return float(np.mean([one == other for one, other in zip(told, wanted, strict=True)]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write who is enrolled, the threshold and the embedder to one file, never pickle; `netwright.load` reads it.

        The embeddings of people are biometric data: keep the file as carefully as their photographs.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.

        Raises
        ------
        InvalidData : nobody is enrolled. InvalidParameter : an embedder or a name that cannot be saved.
        """
        self._require_somebody()
        own = {name: item for name, item in self.get_params(deep=False).items() if name != "embedder"}
        own["names"] = [saving.plain_label(label) for label in self._labels]
        arrays = {"entries": self._entries}
        if self._calibrated is not None and self.threshold_ == self._calibrated[0]:
            arrays["rates"] = np.array([self.rates_.dir, self.rates_.far, self.rates_.threshold])
        saving.save_around(path, "Recognizer", own, self.embedder, arrays)

    export = export_recognizer

    def _rates(self, X: Any, y: Any, far: float, method: str) -> OpenSetRates:
        names = self.names_
        places, scores = self._best(X, max(len(names), 1))
        labels = read_labels(y, len(places), f"Recognizer.{method}(y)")
        whole = np.full((len(places), len(names)), np.finfo(float).min)
        rows, columns = np.nonzero(places >= 0)
        whole[rows, places[rows, columns]] = scores[rows, columns]
        return detection_identification(whole, names, labels, far)

    def _best(self, X: Any, k: int) -> tuple[NDArray[np.int64], Floats]:
        self._require_somebody()
        probes = self._embedded(X)
        if self._made is None:
            names = {name: place for place, name in enumerate(self.names_)}
            places = np.array([names[name] for name in self._labels], dtype=np.int64)
            self._made = Gallery(self.embedder, self._entries, places, len(names), self.index)
        return self._made.best(probes, k)

    def _embedded(self, X: Any) -> Floats:
        """Embeddings, as wide as those that are enrolled."""
        found = embeddings_of(self.embedder, X, "Recognizer(embedder)")
        if self._entries is not None and found.shape[1] != self._entries.shape[1]:
            expected = f"embeddings of {self._entries.shape[1]} numbers, as those enrolled"
            remedy = "Enrol everybody anew where the embedder has changed."
            raise InvalidData(problem("Recognizer(embedder)", expected, f"{found.shape[1]}", remedy))
        return found

    def _require_somebody(self) -> None:
        if not self._labels:
            remedy = "Call enrol(X, names) first."
            raise InvalidData(problem("Recognizer", "somebody who is enrolled", "nobody", remedy))

    def __sklearn_is_fitted__(self) -> bool:
        return bool(self._labels)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: the search is made anew where it is wanted."""
        return {name: item for name, item in super().__getstate__().items() if name != "_made"}


def from_parts(kind: str, own: dict[str, Any], parts: list[Any]) -> Recognizer:
    """The recognizer that a model file holds, with those who are enrolled."""
    made = Recognizer(parts[0], **{name: own[name] for name in ("threshold", "unknown", "index")})
    made._entries = own["arrays"]["entries"]
    made._labels = tuple(saving.restored_label(item) for item in own["names"])
    if "rates" in own["arrays"]:
        made.rates_ = OpenSetRates(*own["arrays"]["rates"].tolist())
        made._calibrated = made.rates_.threshold, made.threshold
    return made
