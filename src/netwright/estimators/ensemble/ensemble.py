"""`Ensemble`: several networks that answer together, as one scikit-learn estimator."""

from __future__ import annotations

import copy
import os
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import r2_score
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import checks_options
from netwright.estimators.classes import kind_of_labels
from netwright.estimators.ensemble.calibration_error import codes_of
from netwright.estimators.ensemble.choices import ONE_RUN, check_options, check_values, require_weights
from netwright.estimators.ensemble.combining import (
    Uncertainty,
    entropies,
    mean_and_variance,
    mean_probabilities,
    mean_quantiles,
    mixture,
    votes,
)
from netwright.estimators.ensemble.exporting import export_ensemble
from netwright.estimators.ensemble.logits import log_probabilities, one_question
from netwright.estimators.ensemble.members import (
    best_of,
    kept_apart,
    kind_of,
    network_of,
    same_classes,
)
from netwright.estimators.ensemble.saving import save_parts
from netwright.estimators.ensemble.temperature import best_temperature
from netwright.estimators.ensemble.training import trained_apart, trained_once
from netwright.estimators.preparing import from_dataset, read_target


def _known(ensemble: Any) -> list[Any]:
    """What the members are copies of; nothing where the options say nothing."""
    try:
        found: list[Any] = ensemble._templates()
    except InvalidParameter:
        return []
    return found


def _classifies(ensemble: Any) -> bool:
    templates = _known(ensemble)
    return bool(templates) and get_tags(templates[0]).estimator_type == "classifier"


def _has_probabilities(ensemble: Any) -> bool:
    members = getattr(ensemble, "estimators_", None) or _known(ensemble)
    return _classifies(ensemble) and all(hasattr(member, "predict_proba") for member in members)


def _has_quantiles(ensemble: Any) -> bool:
    members = getattr(ensemble, "estimators_", None) or _known(ensemble)
    return bool(members) and all(hasattr(member, "predict_quantiles") for member in members)


class Ensemble(BaseEstimator):
    """Several networks that answer together: averaged probabilities or numbers, and how far the members disagree.

    ============= ==========================================================================================
    how            members
    ============= ==========================================================================================
    "seeds"        the same model from different first weights and orders of rows (a deep ensemble)
    "top"          the best models of a search, each trained on all rows
    "snapshots"    one run: the weights at the end of each cycle of its rate, or after each of its last epochs
    "average"      one run, one network in the end: the mean of such weights (SWA)
    ============= ==========================================================================================

    Parameters
    ----------
    estimator : a classifier or regressor, mostly of netwright; not changed. For "top" what `search` would be, or None.
    n_estimators : members, or weights that are averaged, >= 1.
    how : see above.
    search : of "top": what ``nw.search`` gives (anything with ``top(n)``), or a list of estimators, best first.
    bootstrap : of "seeds" and "top": each member learns from as many rows drawn with replacement (class by class).
    keep : of one run: "cycles" (M cosines of the rate; None for snapshots), or "epochs" (the last M; None for average).
    rate : of one run: first rate of each cycle, or the rate that the last M epochs hold; None for that of the rule.
    adversarial : share of each input's range by which rows are moved against the network, 0.01 in the paper; or None.
    calibrated : share of the rows in (0, 1) that is kept apart to fit a temperature, or (X, y), or None.
    vectorised : members as one batched network: True (an error where that cannot be), False, or "auto": small dense
        networks without dropout, whose members come out as trained by themselves, to rounding.
    n_jobs : workers of joblib for members that are trained apart; the result does not depend on it.
    random_state : None (that of the estimator), an integer, a RandomState or a Generator.

    Attributes
    ----------
    estimators_ : fitted members. classes_ : of classifiers. seed_ : from which those of the members are derived.
    temperature_ : of calibrated ones. vectorised_ : whether the members were trained as one.
    n_features_in_, feature_names_in_ : as in scikit-learn.

    Examples
    --------
    >>> import netwright as nw
    >>> from netwright.layers import ReLU, Softmax
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = nw.Classifier(ReLU(16) >> Softmax(3), optimizer=nw.optim.Adam(0.01), epochs=40)
    >>> ensemble = nw.Ensemble(clf, n_estimators=5, random_state=0).fit(X, y)
    >>> ensemble.predict_proba(X).shape, ensemble.uncertainty(X).epistemic.shape, ensemble.score(X, y) > 0.9
    ((150, 3), (150,), True)

    References
    ----------
    Hansen, Salamon: Neural network ensembles, 1990.
    Lakshminarayanan, Pritzel, Blundell: Simple and scalable predictive uncertainty estimation using deep ensembles,
    2017.
    Huang, Li, Pleiss, Liu, Hopcroft, Weinberger: Snapshot ensembles: train 1, get M for free, 2017.
    Izmailov, Podoprikhin, Garipov, Vetrov, Wilson: Averaging weights leads to wider optima and better generalization,
    2018.
    """

    estimators_: list[Any]
    classes_: Any
    seed_: int

    @checks_options
    def __init__(
        self,
        estimator: Any = None,
        n_estimators: int = 8,
        *,
        how: str = "seeds",
        search: Any = None,
        bootstrap: bool = False,
        keep: str | None = None,
        rate: float | None = None,
        adversarial: float | None = None,
        calibrated: Any = None,
        vectorised: bool | str = "auto",
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.how = how
        self.search = search
        self.bootstrap = bootstrap
        self.keep = keep
        self.rate = rate
        self.adversarial = adversarial
        self.calibrated = calibrated
        self.vectorised = vectorised
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train the members.

        Parameters
        ----------
        X : rows as the estimator takes them.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None; handed to the members.

        Raises
        ------
        InvalidParameter : options that cannot be, alone or together.
        InvalidData : data that the estimator refuses; members of different classes.
        """
        check_values(self)
        before = dict(vars(self))
        try:
            for name in [name for name in before if name.endswith("_")]:
                delattr(self, name)
            self._fit(X, y, sample_weight)
        except BaseException:  # what was fitted before stays fitted, after Ctrl-C too
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The most probable labels of the averaged probabilities; the mean of the members' numbers.

        Parameters
        ----------
        X : rows as in `fit`.
        return_std : of regressors also the standard deviation: of the members' means, and of the noise where members
            tell it (mixture of equal parts).
        """
        check_is_fitted(self, "estimators_")
        if _classifies(self):
            if return_std:
                remedy = "Call uncertainty(X)."
                raise InvalidParameter(problem("predict(return_std)", "False for a classifier", "True", remedy))
            return self._labels(X)
        if not return_std:
            return np.mean([member.predict(X) for member in self.estimators_], axis=0)
        mean, parts = self._mixture(X)
        return mean, np.sqrt(parts.total)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """Averaged probabilities of the classes, (n, k), scaled by the temperature where there is one.

        Parameters
        ----------
        X : rows as in `fit`.
        """
        check_is_fitted(self, "estimators_")
        if hasattr(self, "temperature_"):
            return np.exp(self._log_probabilities(X))
        return mean_probabilities([member.predict_proba(X) for member in self.estimators_])

    @available_if(_has_quantiles)  # type: ignore[untyped-decorator]
    def predict_quantiles(self, X: Any) -> np.ndarray:
        """The means of the members' quantiles, of each level by itself: (n, Q) or (n, Q, m).

        Parameters
        ----------
        X : rows as in `fit`.

        Raises
        ------
        InvalidParameter : members with other levels.
        """
        check_is_fitted(self, "estimators_")
        return mean_quantiles(self.estimators_, X)

    def uncertainty(self, X: Any) -> Uncertainty:
        """How unsure the ensemble is of each row, as total = aleatoric (noise) + epistemic (disagreement).

        Entropies in nats of a classifier's probabilities, before any temperature; variances of a regressor.

        Parameters
        ----------
        X : rows as in `fit`.
        """
        check_is_fitted(self, "estimators_")
        if not _classifies(self):
            return self._mixture(X)[1]
        if not _has_probabilities(self):
            raise InvalidParameter(problem("uncertainty", "members with probabilities", shown(self.estimators_[0])))
        found = [member.predict_proba(X) for member in self.estimators_]
        if isinstance(found[0], list):
            raise InvalidParameter(problem("uncertainty", "a classifier of one question", f"{len(found[0])} questions"))
        return entropies(np.stack(found), self._independent)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Share of rows that are right (in all their labels); of regressors R^2.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        X, y = from_dataset(X, y)
        y, chosen = read_target(y, "Ensemble"), self.predict(X)
        if not _classifies(self):
            return float(r2_score(y, chosen, sample_weight=sample_weight))
        right = (y == chosen).all(1) if np.ndim(chosen) == 2 else np.ravel(y) == chosen
        return float(np.average(right, weights=sample_weight))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all members to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.

        Raises
        ------
        InvalidParameter : members that cannot be saved, such as pipelines.
        """
        check_is_fitted(self, "estimators_")
        named = ("n_estimators", "how", "bootstrap", "keep", "rate", "adversarial", "vectorised")
        own: dict[str, Any] = {"params": {name: getattr(self, name) for name in named}, "seed": self.seed_}
        own |= {"temperature": getattr(self, "temperature_", None), "vectorised": self.vectorised_}
        own |= {"independent": self._independent}
        own["params"]["calibrated"] = self.calibrated if isinstance(self.calibrated, float) else None
        save_parts(path, "Ensemble", own, self.estimators_)

    export = export_ensemble

    # the steps of a fit

    def _fit(self, X: Any, y: Any, weight: Any) -> None:
        X, y = from_dataset(X, y)
        templates = self._templates()
        kind = kind_of(templates[0] if templates else self.estimator)
        check_options(self, kind, templates)
        given = self.random_state
        if given is None:
            given = getattr(network_of(templates[0]), "random_state", None)
        self.seed_ = to_seed(given)
        self._independent = kind == "classifier" and _is_multilabel(y)
        apart = self.calibrated
        if weight is not None:
            require_weights(templates[0])
            weight = _check_sample_weight(weight, np.empty((len(read_target(y, "Ensemble")), 1)), dtype=np.float64)
        if isinstance(apart, float):
            X, y, weight, apart = kept_apart(X, y, weight, apart, derive(self.seed_, "calibration"))
        self.vectorised_ = False
        if self.how in ONE_RUN:
            self.estimators_ = trained_once(self, templates[0], X, y, weight)
        else:
            self.estimators_, self.vectorised_ = trained_apart(self, templates, X, y, weight, kind == "classifier")
        self._describe(kind)
        if apart is not None:
            logits = self._log_probabilities(apart[0])
            codes = codes_of(np.asarray(apart[1]).reshape(-1), one_question(self), logits.shape[1], len(logits))
            self.temperature_ = best_temperature(logits, codes)

    def _templates(self) -> list[Any]:
        """What the members are copies of."""
        if self.how == "top":
            if self.estimator is not None and self.search is not None:
                expected = 'None with how="top", whose members are those of `search`'
                raise InvalidParameter(problem("Ensemble(estimator)", expected, shown(self.estimator)))
            return best_of(self.search if self.estimator is None else self.estimator, self.n_estimators)
        return [] if self.estimator is None else [self.estimator]

    def _describe(self, kind: str) -> None:
        if kind == "classifier":
            self.classes_ = same_classes(self.estimators_)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimators_[0], name):
                setattr(self, name, getattr(self.estimators_[0], name))

    # what the members say

    def _labels(self, X: Any) -> np.ndarray:
        if not _has_probabilities(self):
            return votes([member.predict(X) for member in self.estimators_])
        p = mean_probabilities([member.predict_proba(X) for member in self.estimators_])
        if isinstance(p, list):
            columns = [labels[part.argmax(1)] for labels, part in zip(self.classes_, p, strict=True)]
            return np.stack(columns, axis=1)
        return (p > 0.5).astype(np.int64) if self._independent else self.classes_[p.argmax(1)]

    def _mixture(self, X: Any) -> tuple[np.ndarray, Uncertainty]:
        pairs = [mean_and_variance(member, X) for member in self.estimators_]
        variances = None if any(v is None for _, v in pairs) else np.stack([v for _, v in pairs if v is not None])
        return mixture(np.stack([mean for mean, _ in pairs]), variances)

    def _log_probabilities(self, X: Any) -> np.ndarray:
        """log p of the averaged probabilities, (n, k), over the temperature where there is one."""
        one_question(self)
        found = np.stack([log_probabilities(member, X) for member in self.estimators_])
        log_p: np.ndarray = np.logaddexp.reduce(found, axis=0) - np.log(len(found))
        if not hasattr(self, "temperature_"):
            return log_p
        with np.errstate(over="ignore"):  # what is infinitely less likely has -inf
            z = (log_p - log_p.max(axis=1, keepdims=True)) / self.temperature_
        return z - np.logaddexp.reduce(z, axis=1, keepdims=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        for template in _known(self)[:1]:
            inner = get_tags(template)
            for name in ("estimator_type", "classifier_tags", "regressor_tags", "target_tags", "input_tags"):
                setattr(tags, name, copy.copy(getattr(inner, name)))
            tags.non_deterministic = inner.non_deterministic
        return tags

    def __sklearn_clone__(self) -> Self:
        """A search is a finding and no estimator: the copy has the same."""
        params = self.get_params(deep=False)
        found = {name: item for name, item in params.items() if name == "search" or hasattr(item, "top")}
        made = type(self)(**found, **{name: clone(params[name], safe=False) for name in params if name not in found})
        if hasattr(self, "_metadata_request"):
            made._metadata_request = copy.deepcopy(self._metadata_request)
        return made


def _is_multilabel(y: Any) -> bool:
    labels = np.asarray(y)
    several = labels.ndim == 2 and labels.shape[1] > 1
    return several and kind_of_labels(labels) == "multilabel-indicator"
