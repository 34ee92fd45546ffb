"""Learning vector quantization on the digits: five prototypes a class, 70 % of the rows to learn, 30 % to be asked.

"from k-means" includes the start by k-means of each class; "from given prototypes" begins with its result, as the trial
kernel of the limit does. All go through the rows twenty times, L-BFGS as often as it wants to, up to 100 times.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_array, validate_data

from classical_tasks.task import Task

EPOCHS = 20


class Split(NamedTuple):
    """Rows and labels to learn from, and others to be asked for."""

    rows: np.ndarray
    labels: np.ndarray
    asked: np.ndarray
    truth: np.ndarray


def digits() -> Split:
    X, y = load_digits(return_X_y=True)
    rows, asked, labels, truth = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    return Split(rows, labels, asked, truth)


def accuracy(data: Split, model: Any) -> dict[str, float]:
    return {"accuracy": float(np.mean(model.predict(data.asked.astype(data.rows.dtype)) == data.truth))}


def ours(name: str, options: dict[str, Any], given: bool, dtype: Any, data: Split) -> Callable[[], Any]:
    from netwright import classical

    rule, rows = getattr(classical, name), data.rows.astype(dtype)
    options = {"prototypes_per_class": 5, "epochs": EPOCHS, "random_state": 0, **options}
    if given:
        start = classical.LVQ1(5, learning_rate=0.0, epochs=1, random_state=0).fit(rows, data.labels)
        options |= {"init": start.prototypes_, "labels": start.labels_}
    return lambda: rule(**options).fit(rows, data.labels)


def sklvq(name: str, prototypes: int, solver: dict[str, Any], data: Split) -> Callable[[], Any]:
    """The package's own estimator, which asks scikit-learn for a method that it had until version 1.6."""
    from sklvq import models

    def validate(self: Any, *args: Any, force_all_finite: Any = True, **options: Any) -> Any:
        return validate_data(self, *args, ensure_all_finite=force_all_finite, **options)

    def check(X: Any, force_all_finite: Any = True, **options: Any) -> Any:
        return check_array(X, ensure_all_finite=force_all_finite, **options)

    models.LVQBaseClass._validate_data = validate
    models._base.check_array = check
    rule, options = getattr(models, name), {"prototype_n_per_class": prototypes, "random_state": 0, **solver}
    return lambda: rule(**options).fit(data.rows, data.labels)


def rule_task(name: str, title: str, options: dict[str, Any], peers: dict[str, Any], **known: Any) -> Task:
    contenders = {
        "netwright from k-means": partial(ours, name, options, False, np.float64),
        "netwright from k-means, float32": partial(ours, name, options, False, np.float32),
        "netwright from given prototypes": partial(ours, name, options, True, np.float64),
    }
    return Task(f"{title}, digits, 50 prototypes, 20 epochs", digits, {**contenders, **peers}, accuracy, **known)


R_AND_NEUPY = {
    "lvq1": {"R class::lvq1, accuracy .956": 0.052, "R class::olvq1, accuracy .961": 0.049, "NeuPy LVQ, .969": 0.501},
    "lvq2": {"R class::lvq2, accuracy .978": 0.050, "NeuPy LVQ21, .974": 0.683},
    "lvq3": {"R class::lvq3, accuracy .972": 0.053, "NeuPy LVQ3, .641": 0.686},
}
LBFGS = {"solver_type": "lbfgs"}
STEEPEST = {"solver_type": "steepest-gradient-descent"}

TASKS = [
    rule_task("LVQ1", "LVQ1", {}, {}, limit=0.010, known=R_AND_NEUPY["lvq1"]),
    rule_task("LVQ2", "LVQ2", {}, {}),
    rule_task("LVQ21", "LVQ2.1", {}, {}, limit=0.011, known=R_AND_NEUPY["lvq2"]),
    rule_task("LVQ3", "LVQ3", {}, {}, limit=0.010, known=R_AND_NEUPY["lvq3"]),
    rule_task(
        "GLVQ",
        "GLVQ",
        {},
        {
            "netwright lbfgs, 100 iterations": partial(
                ours, "GLVQ", {"solver": "lbfgs", "epochs": 100}, False, np.float64
            ),
            "sklvq lbfgs": partial(sklvq, "GLVQ", 5, LBFGS),
            "sklvq steepest descent": partial(sklvq, "GLVQ", 5, STEEPEST),
        },
        known={"prototorch GLVQ, accuracy .961": 1.003},
    ),
    Task(
        "GMLVQ, digits, 10 prototypes, full matrix",
        digits,
        {
            "netwright sgd, 20 epochs": partial(ours, "GMLVQ", {"prototypes_per_class": 1}, False, np.float64),
            "netwright lbfgs, 100 iterations": partial(
                ours, "GMLVQ", {"prototypes_per_class": 1, "solver": "lbfgs", "epochs": 100}, False, np.float64
            ),
            "sklvq lbfgs": partial(sklvq, "GMLVQ", 1, LBFGS),
        },
        accuracy,
        runs=3,
    ),
]
