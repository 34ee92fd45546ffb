"""What the words of `netwright train` and `netwright check` describe: the rows, split, and the unfitted estimator."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from netwright.commands.networks import check_network, read_network, read_value
from netwright.commands.reading import Dataset
from netwright.commands.recipes import TEST, VALIDATION, recipe_for
from netwright.commands.target import as_task, choose_target, choose_task, require_classes, require_split, split_known
from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import derive
from netwright.data import holdout
from netwright.estimators import Classifier, Regressor
from netwright.estimators.augmenting import augmentation_of
from netwright.models.pattern_text import is_pattern
from netwright.report.words import counted

FAMILIES = ("loss", "optimizer", "regularizer")
Tell = Callable[..., None]


@dataclass(frozen=True)
class Part:
    """Some rows: their samples, their targets, and which rows of the data they are."""

    X: Any
    y: np.ndarray
    rows: np.ndarray

    def take(self, which: np.ndarray) -> Part:
        """Some of the rows."""
        X = {name: column[which] for name, column in self.X.items()} if isinstance(self.X, dict) else self.X[which]
        return Part(X, self.y[which], self.rows[which])


def wanted_values(options: Namespace) -> dict[str, Any]:
    """The values that the user's texts describe; a network's text is read again when the classes are known.

    Raises
    ------
    InvalidParameter : a text that cannot be read.
    """
    if options.network is not None:
        check_network(options.network)
    values = {family: read_value(getattr(options, family), family, f"--{family}") for family in FAMILIES}
    return {**values, "augment": augmentation_of(options.augment, "--augment")}


def prepare(data: Dataset, options: Namespace, tell: Tell | None) -> tuple[dict[str, Part], str, str]:
    """Rows for training, validation and testing, the name of the target, and the task; all of it told.

    Parameters
    ----------
    data : as read. options : of the command line. tell : takes the name of a fact, and what it says; None where
        nobody wants to know.

    Raises
    ------
    InvalidData : a target, a split or an option that these data cannot have.
    """
    tell = tell or (lambda *facts: None)
    if data.y is not None:
        if options.target is not None:
            remedy = "Leave it out: the sub-folders are the classes."
            raise InvalidData(problem("--target", "none for images", repr(options.target), remedy))
        X, y, rows, target, why = data.X, data.y, np.arange(len(data.y)), "class", "images"
        task = "classify" if options.task == "auto" else options.task
        size = " x ".join(map(str, data.X.shape[1:]))
        tell("data", f"{data.source}: {counted(data.rows, 'image')} of {size} (channels x height x width)")
    else:
        target = choose_target(data.X, options.target)
        X, y, rows, notes = split_known(data.X, target)
        task, why = choose_task(y, options.task)
        tell(
            "data",
            [
                f"{data.source}: {counted(data.rows, 'row')}, {counted(len(X), 'column')} and the target {target!r}",
                *notes,
            ],
        )
    whole = Part(X, as_task(y, task, target), rows)
    if len(rows) < (least := 3 if data.test is None else 2):
        expected, remedy = f"at least {least} rows", "Training, validation and test need one each."
        raise InvalidData(problem(f"data {data.source!r}", expected, counted(len(rows), "row"), remedy))
    if task == "classify":
        require_classes(whole.y, target)
    tell("task", _task_in_words(task, target, whole.y, why))
    parts = _split(whole, data, task == "classify", options)
    tell("rows", f"{_sizes(parts)}; drawn by seed {options.seed} before anything is learned")
    return parts, target, task


def _task_in_words(task: str, target: str, y: np.ndarray, why: str) -> str:
    if task == "regress":
        return f"regression of {target!r}: {why}, from {y.min():g} to {y.max():g} (--task classify for labels)"
    labels, counts = np.unique(y, return_counts=True)
    named = [f"{label} ({count:,})" for label, count in zip(labels.tolist()[:10], counts[:10], strict=True)]
    more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
    return f"classification of {target!r}: {why}, {counted(len(labels), 'class', 'classes')}: {', '.join(named)}{more}"


def _split(whole: Part, data: Dataset, stratify: bool, options: Namespace) -> dict[str, Part]:
    """Rows for testing are taken away first, and rows for validation from the others."""

    def cut(part: Part, share: float, purpose: str) -> tuple[Part, Part]:
        seed = derive(options.seed, purpose)
        kept, held = holdout(len(part.y), share, part.y if stratify else None, seed=seed, stratify=stratify)
        return part.take(kept), part.take(held)

    if data.test is None:
        rest, test = cut(whole, options.test or TEST, "test")
    else:
        rest, test = whole, Part(*data.test, np.arange(len(data.test[1])))
        if options.test is not None:
            remedy = f"Leave --test out: its {len(test.y):,} test images are used."
            raise InvalidData(problem("--test", f"none for {data.name}", str(options.test), remedy))
    training, validation = cut(rest, options.validation or VALIDATION, "validation")
    if stratify:
        require_split(whole.y, training.y)
    return {"training": training, "validation": validation, "test": test}


def _sizes(parts: Mapping[str, Part]) -> str:
    return ", ".join(f"{len(part.y):,} for {name}" for name, part in parts.items())


def estimator_for(
    data: Dataset, task: str, parts: Mapping[str, Part], wanted: Mapping[str, Any], options: Namespace
) -> Any:
    """The unfitted estimator: the user's options over the recipe for the data.

    Parameters
    ----------
    data : as read. task, parts : as `prepare` gives them. wanted : values of the user's texts. options : the others.
    """
    recipe = recipe_for(data.name if data.source == data.name else "", data.kind)
    classes = len(np.unique(parts["training"].y)) if task == "classify" else None
    chosen = {
        "network": _network(options.network, recipe.network, classes),
        "loss": wanted["loss"],
        "optimizer": recipe.optimizer if wanted["optimizer"] is None else wanted["optimizer"],
        "regularizer": recipe.regularizer if wanted["regularizer"] is None else wanted["regularizer"],
        "augment": wanted["augment"],
        "epochs": options.epochs or recipe.epochs,
        "batch_size": options.batch_size or recipe.batch_size,
        "patience": options.patience or recipe.patience,
        "average": recipe.average,
        "precision": options.precision,
        "device": options.device,
        "random_state": options.seed,
        "validation": (parts["validation"].X, parts["validation"].y),
    }
    return Classifier(**chosen) if task == "classify" else Regressor(**chosen)


def _network(text: str | None, default: Any, classes: int | None) -> Any:
    """The network of the user's text; a pattern is closed by the estimator, which knows how many features come."""
    if text is None:
        return default
    return text if is_pattern(text) else read_network(text, classes)
