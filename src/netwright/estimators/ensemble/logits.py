"""The log probabilities of a fitted classifier of one question, from its logits where it has some.

A logit is exact where its probability is rounded to 0 or 1; a temperature of 100 makes the one that is 1e-40 count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from netwright.core.errors import InvalidData, problem
from netwright.estimators.classes import Classes
from netwright.estimators.classifier import Classifier

LOGITS = ("softmax", "identity", "log_softmax")  # links behind which a network's outputs are logits


def one_question(estimator: Any) -> np.ndarray:
    """The classes of a fitted classifier of a single question.

    Parameters
    ----------
    estimator : fitted.

    Raises
    ------
    InvalidData : several questions or labels.
    """
    classes = estimator.classes_
    several = isinstance(classes, list) or getattr(getattr(estimator, "_target", None), "kind", "") == "multilabel"
    if several or getattr(estimator, "_independent", False):
        got = f"{len(classes)} questions" if isinstance(classes, list) else f"{len(classes)} labels that hold together"
        raise InvalidData(problem("temperature", "a classifier of one question", got))
    return np.asarray(classes)


def log_probabilities(estimator: Any, X: Any) -> np.ndarray:
    """log p (n, k) in double precision: from logits where there are any, so that no probability is rounded to 0.

    Parameters
    ----------
    estimator : fitted; one with ``_log_probabilities`` says them itself. X : rows.
    """
    if hasattr(estimator, "_log_probabilities"):
        found: np.ndarray = estimator._log_probabilities(X)
        return found
    if has_logits(estimator):
        logits = estimator._outputs(X).double()
        return torch.log_softmax(logits, 1).cpu().numpy()  # type: ignore[no-any-return]
    p = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    if p.ndim != 2:
        raise InvalidData(problem("predict_proba", "probabilities (n, k) of one question", f"shape {p.shape}"))
    return np.log(np.maximum(p, np.finfo(np.float64).tiny))


def has_logits(estimator: Any) -> bool:
    """Whether a classifier is a network that gives a logit for each class.

    Parameters
    ----------
    estimator : fitted.
    """
    if type(estimator) is not Classifier:
        return False
    target = estimator._target
    return type(target) is Classes and target.kind == "multiclass" and not target.single and estimator._link in LOGITS
