"""`EmbeddingEnsemble`: several networks whose embeddings stand side by side.

With x_m the embedding of member m of M, at length 1

    x = (x_1, ..., x_M) / sqrt(M)          cos(x, x') = mean over m of cos(x_m, x'_m)

so that similarity is the mean of what the members say. Networks that err differently gain most: a linear layer beside
convolutions, several sizes of image, several augmentations. Members of one kind with other seeds gain less.

Lakshminarayanan, Pritzel, Blundell, *Simple and scalable predictive uncertainty estimation using deep ensembles*, 2017;
Sun, Wang, Tang, *Deep learning face representation from predicting 10,000 classes*, 2014 (features of networks on many
crops and sizes, side by side).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, check_all, checks_options
from netwright.estimators.ensemble.saving import save_parts
from netwright.vision.columns import without_dtype
from netwright.vision.embeddings.comparing import compared_pairs, embeddings_of, has_head, unit
from netwright.vision.embeddings.exporting import export_side_by_side

HOOKS = ("fit", "transform", "get_params")  # of a member


class EmbeddingEnsemble(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Several networks that embed together: similarity is the mean of their cosines.

    It stands wherever one network does: in `Verifier`, `Recognizer`, `ScoreNormalizer`, `score_episodes`.

    Parameters
    ----------
    estimators : unfitted embedders such as `TripletNetwork`, two or more; a fit trains copies of them.
    random_state : an integer, a RandomState, a Generator, or None; of the members that have none of their own.

    Attributes
    ----------
    estimators_ : the trained members. seed_ : that members' seeds are derived from. distance_ : "cosine".

    Raises
    ------
    InvalidParameter : no list of embedders; one whose head is no distance.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> members = [nw.vision.TripletNetwork(loss=loss, embedding_dim=8, epochs=2) for loss in ("triplet", "arcface")]
    >>> both = nw.vision.EmbeddingEnsemble(members, random_state=0).fit(X[y < 5], y[y < 5])
    >>> both.transform(X[y >= 5]).shape
    (896, 16)

    References
    ----------
    Lakshminarayanan, Pritzel, Blundell, *Simple and scalable predictive uncertainty estimation using deep ensembles*,
    2017.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {"random_state": RANDOM_STATE}

    distance_ = "cosine"

    @checks_options
    def __init__(self, estimators: Any = None, *, random_state: Any = None) -> None:
        self.estimators, self.random_state = estimators, random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train a copy of each member.

        Parameters
        ----------
        X, y : as the members take them.

        Raises
        ------
        InvalidParameter : see the class. InvalidData : see the members.
        """
        check_all("EmbeddingEnsemble", self.get_params(deep=False), self._constraints)
        seed = to_seed(self.random_state)
        members = self._members(seed)
        self.seed_, self.estimators_ = seed, [member.fit(X, y) for member in members]
        return self

    @property
    def n_features_in_(self) -> int:
        """The features of a row, as the members tell them; images have none."""
        return int(self._first().n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """The names of the columns of a frame, as the members tell them."""
        found: NDArray[Any] = self._first().feature_names_in_
        return found

    @property
    def _n_features_out(self) -> int:
        """The columns of `transform`, which scikit-learn gives names."""
        return sum(int(member._n_features_out) for member in self.estimators_)

    def _first(self) -> Any:
        if not hasattr(self, "estimators_"):
            text = f"n_features_in_: this {type(self).__name__} is not fitted yet"
            raise AttributeError(text, name="n_features_in_", obj=self)
        return self.estimators_[0]

    def __sklearn_tags__(self) -> Any:
        tags = without_dtype(super().__sklearn_tags__())
        tags.target_tags.required = True
        return tags

    def transform(self, X: Any) -> NDArray[np.float32]:
        """The embeddings of the members side by side, of length 1 together.

        Parameters
        ----------
        X : samples as the members take them.

        Shapes
        ------
        n samples -> (n, D_1 + ... + D_M) float32
        """
        check_is_fitted(self, "estimators_")
        parts = [unit(embeddings_of(member, X, "EmbeddingEnsemble.transform")) for member in self.estimators_]
        return np.concatenate(parts, axis=1, dtype=np.float32) / np.float32(np.sqrt(len(parts)))

    def similarity(self, a: Any, b: Any) -> NDArray[np.float64]:
        """The cosine of samples that stand side by side, (n,).

        Parameters
        ----------
        a, b : samples, as many of each.

        Raises
        ------
        InvalidData : another number of the one than of the other.
        """
        first, second = self.transform(a), self.transform(b)
        if len(first) != len(second):
            got = f"{len(first)}, {len(second)}"
            raise InvalidData(problem("EmbeddingEnsemble.similarity(a, b)", "as many of each", got))
        return compared_pairs(self, first.astype(np.float64), second.astype(np.float64))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all trained members to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "estimators_")
        save_parts(path, "EmbeddingEnsemble", {"seed": self.seed_}, self.estimators_)

    export = export_side_by_side

    def _members(self, seed: int) -> list[Any]:
        """Unfitted copies; those without a seed get one."""
        given = self.estimators
        if not isinstance(given, (list, tuple)) or len(given) < 2:
            remedy = "Give [TripletNetwork(...), TripletNetwork(...)]."
            raise InvalidParameter(
                problem("EmbeddingEnsemble(estimators)", "a list of two or more", shown(given), remedy)
            )
        for place, member in enumerate(given):
            where = f"EmbeddingEnsemble(estimators), member {place}"
            if isinstance(member, type) or not all(hasattr(member, name) for name in HOOKS):
                raise InvalidParameter(problem(where, "an embedder such as TripletNetwork", shown(member)))
            if has_head(member):
                remedy = 'Take head="contrastive", or a TripletNetwork.'
                raise InvalidParameter(problem(where, "an embedder whose similarity is a distance", "a head", remedy))
        members = [clone(member) for member in given]
        for place, member in enumerate(members):
            if member.get_params(deep=False).get("random_state", 0) is None:
                member.set_params(random_state=derive(seed, "member", place))
        return members


def from_parts(kind: str, own: dict[str, Any], parts: list[Any]) -> EmbeddingEnsemble:
    """The ensemble that a model file holds."""
    made = EmbeddingEnsemble([clone(part) for part in parts], random_state=own["seed"])
    made.seed_, made.estimators_ = own["seed"], parts
    return made
