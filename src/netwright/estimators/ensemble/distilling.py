"""Distillation: one network learns what a classifier, mostly an ensemble, says of each row.

With teacher probabilities p, student logits z, temperature T and share a of the labels y::

    q_j  = p_j^(1/T) / sum_i p_i^(1/T)                    soft targets
    L    = (1 - a) T^2 CE(q, softmax(z / T)) + a CE(y, softmax(z))

======= ================ ===========================================================
symbol  argument         meaning
======= ================ ===========================================================
T       ``temperature``  above 1, small probabilities count: what is like what
a       ``alpha``        share of the labels, 0 without them
======= ================ ===========================================================

Gradients of the soft part shrink as 1 / T^2, which the factor undoes. Of one sigmoid, or of several labels that may
hold together, CE is that of yes-or-no questions. A student of numbers learns the teacher's mean (mixed with y).

Reference: Hinton, Vinyals, Dean: Distilling the knowledge in a neural network, 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor
from torch.nn import functional as F

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import check, check_all, number
from netwright.estimators.classifier import Classifier
from netwright.estimators.ensemble.logits import LOGITS, log_probabilities
from netwright.estimators.ensemble.temperature import require_teacher, tempered, the_best
from netwright.estimators.preparing import from_dataset, read_target
from netwright.estimators.regressor import Regressor
from netwright.train import Batches

LABELS = 0.1  # share of the labels, where there are any


def distill(
    teacher: Any,
    student: Any,
    X: Any,
    temperature: float = 2.0,
    y: Any = None,
    *,
    alpha: float = LABELS,
    sample_weight: Any = None,
) -> Any:
    """Train a network on what a fitted teacher says: an ensemble's accuracy at the price of one network.

    With probabilities p of the teacher and logits z of the student, the loss is
    ``(1 - alpha) T^2 CE(p^(1/T) / sum, softmax(z / T)) + alpha CE(y, softmax(z))``. A student of numbers learns
    ``(1 - alpha) teacher.predict(X) + alpha y``. X needs no labels, so that it can be larger than what the teacher
    was trained on: other rows, or the same in changed form.

    Parameters
    ----------
    teacher : a fitted classifier with ``predict_proba`` (netwright's or any other), or a fitted regressor; of the
        result of a search, its best one.
    student : an unfitted `Classifier` or `Regressor`; it is not changed. Its own augmentation, validation, patience and
        update rule are used.
    X : rows that both take.
    temperature : T > 0, of classifiers; 1 learns the probabilities as they are.
    y : true labels or numbers of X, or None.
    alpha : their share in the loss, in [0, 1]; 0 without y.
    sample_weight : (n,) numbers >= 0, or None.

    Returns
    -------
    the fitted student, an ordinary estimator of its class.

    Raises
    ------
    InvalidParameter : a teacher without probabilities or not fitted, a student of another kind or without logits.
    InvalidData : a student whose network has other classes, labels that the teacher does not know.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> clf = nw.Classifier("ReLU(16) >> Softmax(3)", optimizer="Adam(0.01)", epochs=60, random_state=0)
    >>> nw.distill(forest, clf, X).score(X, y) > 0.9
    True

    References
    ----------
    Hinton, Vinyals, Dean: Distilling the knowledge in a neural network, 2015.
    Beyer, Zhai, Royer, Markeeva, Anil, Kolesnikov: Knowledge distillation: a good teacher is patient and consistent,
    2022.
    """
    check("distill(temperature)", temperature, number(0, closed="neither"))
    check("distill(alpha)", alpha, number(0, 1))
    if getattr(student, "devices", "auto") not in ("auto", 1) and isinstance(student, Classifier):
        raise InvalidParameter(problem("distill(student)", 'a student of one process, devices="auto"', shown(student)))
    X, y = from_dataset(X, y)
    teacher = the_best(teacher, "distill(teacher)")
    if isinstance(student, Classifier):
        require_teacher(teacher, "distill(teacher)")
        return _Lesson(teacher, student, float(temperature), 0.0 if y is None else float(alpha)).give(
            X, y, sample_weight
        )
    if not isinstance(student, Regressor):
        remedy = "Give one such as nw.Classifier(network)."
        raise InvalidParameter(
            problem("distill(student)", "an unfitted Classifier or Regressor", shown(student), remedy)
        )
    if hasattr(teacher, "predict_proba") or not hasattr(teacher, "predict"):
        raise InvalidParameter(problem("distill(teacher)", "a fitted regressor for a Regressor", shown(teacher)))
    wanted = np.asarray(teacher.predict(X), dtype=np.float64)
    if y is not None:
        labels = read_target(y, "distill")
        if labels.shape != wanted.shape:
            raise InvalidData(problem("distill(y)", f"shape {wanted.shape}, as the teacher says", f"{labels.shape}"))
        wanted = (1 - alpha) * wanted + alpha * labels
    return clone(student).fit(X, wanted, sample_weight)


class _Lesson:
    """One teacher, one student that is a classifier, and how they go together.

    Parameters
    ----------
    teacher, student : fitted, unfitted. temperature, alpha : T and a.
    """

    def __init__(self, teacher: Any, student: Classifier, temperature: float, alpha: float) -> None:
        self.teacher, self.temperature, self.alpha = teacher, temperature, alpha
        self.student = clone(student)

    def give(self, X: Any, y: Any, weight: Any) -> Classifier:
        """Train the student; the rows go through its own preparation, and its targets are replaced."""
        made, soft = self.student, self._soft(X)
        check_all(type(made).__name__, made.get_params(deep=False), made._constraints)
        labels = self._labels(soft, y)
        classes = None if labels.ndim == 2 else self.teacher.classes_
        training, held = made._parts(X, labels, weight, classes, False)
        made._start(training)
        self._require_logits(made)
        made._load(made._run, training, held)
        own = made._run.objective, made._run.score
        single = made._target.single
        objective = Soft(self.temperature, self.alpha, own[0], single or made._target.kind == "multilabel")
        made._run.objective, made._run.score = objective, _score_of_labels(own[1])  # type: ignore[assignment]
        rows, held_rows = made._rows
        _replace(made._run.batches, soft[rows], single)
        if made._run.validation is not None:
            _replace(made._run.validation, soft[held_rows] if held_rows is not None else self._held(made), single)
        made._train(made._run, made.epochs, ())
        made._run.objective, made._run.score = own
        made._watching, made._rows = None, (None, None)
        return made

    def _soft(self, X: Any) -> np.ndarray:
        """The teacher's probabilities over the temperature, (n, k)."""
        if _is_multilabel(self.teacher):
            p = np.asarray(self.teacher.predict_proba(X), dtype=np.float64)
            tiny = np.finfo(np.float64).tiny
            logits = np.log(np.maximum(p, tiny)) - np.log(np.maximum(1 - p, tiny))
            return 1 / (1 + np.exp(-np.clip(logits / self.temperature, -700, 700)))
        if isinstance(self.teacher.classes_, list):
            got = f"one with {len(self.teacher.classes_)} questions"
            raise InvalidParameter(problem("distill(teacher)", "a classifier of one question", got))
        return tempered(log_probabilities(self.teacher, X), self.temperature)

    def _labels(self, soft: np.ndarray, y: Any) -> np.ndarray:
        """The labels that the student's preparation sees: the true ones, or what the teacher holds most probable."""
        classes = self.teacher.classes_
        if y is None:
            if _is_multilabel(self.teacher):
                return (soft > 0.5).astype(np.int64)
            return np.asarray(classes)[soft.argmax(1)]
        labels = read_target(y, "distill")
        if len(labels) != len(soft):
            raise InvalidData(problem("distill(y)", f"{len(soft)} labels, as X has rows", f"{len(labels)}"))
        if not _is_multilabel(self.teacher):
            strange = ~np.isin(labels, classes)
            if strange.any():
                got = shown(np.asarray(labels)[strange][0].item())
                expected = f"labels among the teacher's classes {shown(np.asarray(classes).tolist())}"
                raise InvalidData(problem("distill(y)", expected, got))
        return labels

    def _require_logits(self, made: Classifier) -> None:
        fits = made._link in LOGITS and made._target.kind == "multiclass" and not made._target.one_hot
        several = made._target.single or made._target.kind == "multilabel"
        if not (hasattr(made, "predict_proba") and (fits or (several and made._link in ("sigmoid", "identity")))):
            remedy = "End it in Softmax(k), and leave the loss out."
            got = f"one that ends in {made._link}, with {made.loss_function_!r}"
            raise InvalidParameter(problem("distill(student)", "a network trained on logits", got, remedy))
        if made._run.optimizer.takes not in ("gradients", "loss"):
            got = shown(made._run.optimizer)
            raise InvalidParameter(problem("distill(student)", "a rule that goes batch by batch", got, "Take Adam()."))

    def _held(self, made: Classifier) -> np.ndarray:
        """The teacher's answers for held-out rows that the user gave."""
        validation: Any = made.validation
        pair = validation if isinstance(validation, (tuple, list)) else (validation, None)
        held_X, _ = from_dataset(*pair[:2])
        soft = self._soft(held_X)
        weight = pair[2] if len(pair) == 3 else None
        return soft if weight is None else soft[np.asarray(weight) > 0]


class Soft:
    """The loss of a distilled student: soft targets over a temperature, and its own loss of the labels.

    Parameters
    ----------
    temperature : T > 0. alpha : share of the labels. own : the student's objective.
    independent : whether each output is a question of its own.
    """

    def __init__(self, temperature: float, alpha: float, own: Any, independent: bool) -> None:
        self.temperature, self.alpha, self.own, self.independent = temperature, alpha, own, independent

    def __call__(self, output: Tensor, target: tuple[Tensor, Tensor], weight: Tensor | None) -> Tensor:
        """The loss of a batch; targets are (soft, labels)."""
        soft, labels = target
        z, T = (output.float() if output.dtype is torch.bfloat16 else output) / self.temperature, self.temperature
        soft = soft.to(z.dtype)
        if self.independent:
            terms = F.binary_cross_entropy_with_logits(z, soft, reduction="none").mean(1)
        else:
            terms = F.cross_entropy(z, soft, reduction="none")
        loss = T * T * (terms if weight is None else terms * weight).mean()
        if self.alpha == 0:
            return loss
        return (1 - self.alpha) * loss + self.alpha * self.own(output, labels, weight)


def _score_of_labels(own: Any) -> Any:
    """The student's score, of the labels alone."""

    def score(output: Any, target: Any, weight: Tensor | None) -> float:
        found: float = own(output, target[1], weight)
        return found

    return score


def _replace(batches: Batches, soft: np.ndarray, single: bool) -> None:
    """Give batches soft targets beside the labels."""
    labels = batches.target
    assert len(soft) == batches.n
    device, dtype = batches.inputs[0].device, batches.inputs[0].dtype
    own = torch.from_numpy(soft[:, 1:] if single else soft)
    batches.target = own.to(device, dtype if dtype.is_floating_point else torch.float32), labels


def _is_multilabel(teacher: Any) -> bool:
    kind = getattr(getattr(teacher, "_target", None), "kind", "")
    return kind == "multilabel" or bool(getattr(teacher, "_independent", False))
