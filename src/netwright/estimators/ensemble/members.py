"""The members of an ensemble: made from one estimator or taken from a search, and each trained by itself.

The seed of member i is ``derive(seed, "member", i)``, so it depends neither on how many members there are nor on who
trains it: one process, workers of joblib (loky, dask, ray, as ``joblib.parallel_config`` says) or one batched network.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.generations import checkpoints_of
from netwright.core.readable import is_frame, require_readable
from netwright.core.seeds import alone, derive
from netwright.data import Stream, holdout
from netwright.estimators.ensemble.adversarial import FastGradientSign
from netwright.estimators.ensemble.one_run import changed
from netwright.estimators.preparing import read_target


def kind_of(estimator: Any) -> str:
    """ "classifier" or "regressor".

    Parameters
    ----------
    estimator : of scikit-learn's kind.

    Raises
    ------
    InvalidParameter : neither.
    """
    if hasattr(estimator, "fit") and hasattr(estimator, "predict") and not isinstance(estimator, type):
        if is_classifier(estimator):
            return "classifier"
        if is_regressor(estimator):
            return "regressor"
    remedy = "Give an estimator such as nw.Classifier(network)."
    if hasattr(estimator, "top"):
        remedy = 'Take how="top" for the best of a search.'
    raise InvalidParameter(problem("Ensemble(estimator)", "a classifier or a regressor", shown(estimator), remedy))


def network_of(estimator: Any) -> Any:
    """The estimator that has the network: itself, or the last step of a pipeline.

    Parameters
    ----------
    estimator : with or without steps before it.
    """
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def has_run(estimator: Any) -> bool:
    """Whether an estimator's fit is one run that callbacks can follow.

    Parameters
    ----------
    estimator : or a pipeline that ends in one.
    """
    params = getattr(network_of(estimator), "get_params", dict)(deep=False) if estimator is not None else {}
    return {"callbacks", "optimizer", "epochs"} <= set(params)


def seeded(estimator: Any, seed: int, place: int, only_missing: bool = False) -> Any:
    """An unfitted copy with seeds, and with a folder for checkpoints, of its own.

    Parameters
    ----------
    estimator : what is copied. seed : of the ensemble. place : of the member, from 0.
    only_missing : leave seeds as they are that were given.
    """
    member = clone(estimator)
    seeds: dict[str, Any] = {}
    for name, item in member.get_params(deep=True).items():
        if name == "random_state" or name.endswith("__random_state"):
            if not (only_missing and item is not None):
                own = derive(seed, "member", place) if name == "random_state" else derive(seed, "member", place, name)
                seeds[name] = own if "netwright" in type(_owner(member, name)).__module__ else own % 2**32
        elif name.rpartition("__")[2] == "checkpoint" and item is not None:  # a folder is of one run
            seeds[name] = checkpoints_of(item).within(f"member{place}")
    return member.set_params(**seeds)


def _owner(estimator: Any, name: str) -> Any:
    outer = name.rpartition("__")[0]
    return estimator.get_params(deep=True)[outer] if outer else estimator


def best_of(search: Any, count: int) -> list[Any]:
    """The best unfitted estimators of a search, or the first of a list.

    Parameters
    ----------
    search : with a method ``top(n)``, as ``nw.search`` gives it, or a list of estimators.
    count : how many; fewer where there are not as many.

    Raises
    ------
    InvalidParameter : something else, an empty one, or classifiers beside regressors.
    """
    if isinstance(search, (list, tuple)):
        found = list(search[:count])
    elif hasattr(search, "top"):
        found = list(search.top(count))
    else:
        remedy = "Give what nw.search(...) returns."
        raise InvalidParameter(
            problem("Ensemble(search)", "the result of a search or a list of estimators", shown(search), remedy)
        )
    if not found:
        remedy = "The search has no finished trial."
        raise InvalidParameter(problem("Ensemble(search)", "at least one estimator", shown(search), remedy))
    kinds = [kind_of(estimator) for estimator in found]
    if len(set(kinds)) > 1:
        got = ", ".join(f"a {kind} ({type(each).__name__})" for kind, each in zip(kinds, found, strict=True))
        raise InvalidParameter(problem("Ensemble(search)", "members of one kind", got))
    return found


def drawn(X: Any, y: Any, weight: Any, seed: int, classes: bool) -> tuple[Any, Any, Any]:
    """As many rows drawn with replacement; of a classifier class by class, so that no class is lost.

    Parameters
    ----------
    X, y : all rows. weight : an array, or None. seed : of the draw. classes : whether y has labels.
    """
    generator, labels = np.random.default_rng(seed), target_of(X, y)
    if classes and labels.ndim == 1:
        parts = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    else:
        parts = [np.arange(len(labels))]
    which = np.sort(np.concatenate([generator.choice(part, len(part)) for part in parts]))
    own = None if weight is None else weight[which]
    return rows_of(X, which), rows_of(y, which), own


def kept_apart(X: Any, y: Any, weight: Any, share: float, seed: int) -> tuple[Any, Any, Any, tuple[Any, Any]]:
    """Rows to train on, with their weights, and a pair (X, y) of the others, drawn class by class.

    Parameters
    ----------
    X, y : all rows. weight : an array, or None. share : of the rows that are kept apart. seed : of the draw.
    """
    labels = target_of(X, y)
    train, held = holdout(len(labels), share, labels, seed=seed, stratify=True)
    own = None if weight is None else weight[train]
    return rows_of(X, train), rows_of(y, train), own, (rows_of(X, held), rows_of(y, held))


def target_of(X: Any, y: Any) -> np.ndarray:
    """The targets as an array, one a row of X.

    Parameters
    ----------
    X, y : all rows.

    Raises
    ------
    ValueError : scikit-learn's message for another number of them.
    """
    labels = np.asarray(read_target(y, "Ensemble"))
    columns = isinstance(X, dict) and not issparse(X)  # one of SciPy's is a dict, too
    first = next(iter(X.values())) if columns else X[0] if isinstance(X, tuple) else X
    if first is X and not is_frame(X):
        require_readable(X)
    check_consistent_length(first, labels)
    return labels


def rows_of(X: Any, which: np.ndarray) -> Any:
    """Some rows of an array, a frame, a list, a stream, a dict of columns, or of each of a tuple.

    Parameters
    ----------
    X : data as an estimator takes them. which : numbers of rows.
    """
    if issparse(X):
        return X.tocsr()[which]
    if isinstance(X, dict):
        return {name: rows_of(column, which) for name, column in X.items()}
    if isinstance(X, tuple):
        return tuple(rows_of(part, which) for part in X)
    if isinstance(X, torch.Tensor):
        return X[torch.from_numpy(which)]
    if isinstance(X, Stream):
        return X[which]
    X = X if hasattr(X, "__getitem__") else np.asarray(X)
    return _safe_indexing(X, which)


def fit_apart(members: list[Any], X: list[Any], y: list[Any], weight: list[Any], workers: Any, share: Any) -> list[Any]:
    """Train each member by itself, in processes where `workers` says so; after Ctrl-C in one no other begins.

    A worker computes with as many threads as this process would, so the bits do not depend on the workers.

    Parameters
    ----------
    members : unfitted. X, y, weight : what each is fitted on. workers : ``n_jobs``.
    share : size of adversarial steps, or None.

    Returns
    -------
    The members that were trained: all of them, or those up to the one that the user stopped, with a warning.
    """
    threads = torch.get_num_threads()

    def begun() -> Iterator[Any]:
        for place, job in enumerate(zip(members, X, y, weight, strict=True)):
            if any(map(_interrupted, members[:place])):
                return
            yield delayed(_fit_one)(*job, threads, share)

    made = list(Parallel(n_jobs=workers)(begun()))
    if len(made) < len(members):
        text = f"stopped by the user in member {len(made)} of {len(members)}; those up to it are kept"
        warnings.warn(f"Ensemble.fit: {text}.", UserWarning, stacklevel=5)
    return made


def _interrupted(member: Any) -> bool:
    return bool(getattr(getattr(network_of(member), "_run", None), "interrupted", False))


def _fit_one(member: Any, X: Any, y: Any, weight: Any, threads: int, share: float | None) -> Any:
    with alone():  # random states and threads belong to a process: its threads train member after member
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return fitted(member, X, y, weight, None if share is None else FastGradientSign(share))
        finally:
            torch.set_num_threads(before)


def fitted(member: Any, X: Any, y: Any, weight: Any, callback: Any = None, rule: Any = None) -> Any:
    """An estimator after its fit, which a callback followed.

    Parameters
    ----------
    member : unfitted. X, y, weight : what it is fitted on; weights go to the last step of a pipeline.
    callback : None for none. rule : another update rule for this fit, or None.
    """
    options = {}
    if weight is not None:
        last = f"{member.steps[-1][0]}__" if isinstance(member, Pipeline) else ""
        options = {f"{last}sample_weight": weight}
    if callback is None:
        return member.fit(X, y, **options)
    with changed(network_of(member), callback, rule):
        return member.fit(X, y, **options)


def same_classes(members: list[Any]) -> Any:
    """The classes of all members.

    Parameters
    ----------
    members : fitted classifiers.

    Raises
    ------
    InvalidData : members of different classes.
    """
    first = members[0].classes_
    for place, member in enumerate(members[1:], start=1):
        if not _equal(member.classes_, first):
            got = f"{shown(_plain(first))} of member 0 and {shown(_plain(member.classes_))} of member {place}"
            raise InvalidData(problem("Ensemble", "members of the same classes", got))
    return first


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, list) != isinstance(other, list):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(np.array_equal, one, other))
    return np.array_equal(one, other)


def _plain(classes: Any) -> Any:
    return (
        [np.asarray(part).tolist() for part in classes] if isinstance(classes, list) else np.asarray(classes).tolist()
    )
