"""Class labels: from what users call their classes to numbers, and from a network's outputs back to labels.

============= ============================== ======================== ==============================
kind           y                              network's outputs        loss by default
============= ============================== ======================== ==============================
multiclass     (n,) labels of k classes       (k,), Softmax            CrossEntropy
binary         (n,) labels of 2 classes       (1,), Sigmoid; or (2,)   BinaryCrossEntropy
multilabel     (n, k) of 0 and 1              (k,), Sigmoid            BinaryCrossEntropy
multioutput    (n, m) labels, m questions     (k_1,) ... (k_m,)        CrossEntropy, summed
============= ============================== ======================== ==============================
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from netwright.core.arrays import require_labels
from netwright.core.errors import InvalidData, problem, shown
from netwright.estimators.networks import advice, heads_of
from netwright.graph import Expression, Shape
from netwright.losses import BinaryCrossEntropy, CrossEntropy, apply_link


def kind_of_labels(y: np.ndarray) -> str:
    """What scikit-learn takes a target for, without its warnings of numbers that it casts.

    Parameters
    ----------
    y : (n,) or (n, m).

    Examples
    --------
    >>> kind_of_labels(np.array([[0, 1], [1, 1]]))
    'multilabel-indicator'
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return str(type_of_target(y))


class Classes:
    """The classes of a target and their numbers.

    Attributes
    ----------
    kind : "multiclass", "multilabel" or "multioutput".
    labels : sorted labels of each question; one array for multiclass, k arrays for the others.
    single : whether two classes are told apart by one output column.
    one_hot : whether targets are rows of 0 and 1 because the loss takes no class indices.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, kind: str, labels: list[np.ndarray], single: bool = False) -> None:
        self.kind = kind
        self.labels = labels
        self.single = single
        self.one_hot = False

    @classmethod
    def read(cls, y: np.ndarray, name: str, classes: Any = None) -> Classes:
        """Look at a y (and at the full list of classes, if given): what kind it is, which labels it has.

        Raises
        ------
        InvalidData : fewer than two classes, a label for every place of an image, dates, texts among numbers, or a
            continuous target (with scikit-learn's words).
        """
        if y.ndim > 2:
            remedy = "Labels for places: Regressor(network, loss=nw.losses.CrossEntropy()) with y one-hot, (n, k, ...)."
            raise InvalidData(problem(f"{name}.fit(y)", "labels (n,) or (n, m)", f"shape {y.shape}", remedy))
        require_labels(y, f"{name}.fit(y)")
        try:
            with np.errstate(invalid="ignore", over="ignore"):  # it casts huge numbers
                check_classification_targets(y)
        except TypeError as error:
            raise _mixed(y, f"{name}.fit(y)") from error
        except ValueError as error:
            remedy = "For numbers use a regressor; numbers that are names of classes have to be integers or texts."
            got = str(error).split(". ")[0]
            raise InvalidData(problem(f"{name}.fit(y)", "labels of classes", got, remedy)) from error
        if y.ndim == 2 and kind_of_labels(y) == "multilabel-indicator":
            return cls("multilabel", [np.array([0, 1])] * y.shape[1])
        if y.ndim == 2 and y.shape[1] > 1:
            return cls("multioutput", [_at_least_two(np.unique(column), name) for column in y.T])
        listed = np.asarray(classes) if classes is not None else column_or_1d(y, warn=True)
        try:
            given = np.unique(listed)
        except TypeError as error:
            raise _mixed(listed, f"{name}.partial_fit(classes)") from error
        made = cls("multiclass", [_at_least_two(given, name)])
        made.encode(column_or_1d(y))
        return made

    @property
    def public(self) -> Any:
        """What users see as ``classes_``."""
        if self.kind == "multilabel":
            return np.arange(len(self.labels))
        return self.labels[0] if self.kind == "multiclass" else self.labels

    def head(self, loss: Any = None) -> Expression:
        """The last layers of a network for this target and this loss (None for the default one)."""
        usual = "sigmoid" if self.kind == "multilabel" else "softmax"
        link = usual if loss is None or usual in loss.links else "identity"
        return heads_of((len(self.labels),) if self.kind == "multilabel" else tuple(map(len, self.labels)), link)

    def learn(self, y: np.ndarray, weight: np.ndarray | None) -> None:
        """The labels are all that is to be known before there is a network."""

    def complete(self, network: Expression) -> Expression:
        """The network itself, which has its head."""
        return network

    @property
    def outputs(self) -> int:
        """How many numbers a network gives."""
        return len(self.labels) if self.kind == "multilabel" else sum(map(len, self.labels))

    def default_loss(self) -> Any:
        """The loss of a network that ends in `head`, or in one sigmoid."""
        return BinaryCrossEntropy() if self.single or self.kind == "multilabel" else CrossEntropy()

    def expect(self, shapes: tuple[Shape, ...], link: str, network: Any = None) -> None:
        """Accept the outputs of the network, or say which ones the target needs, and what to do about the network.

        Raises
        ------
        InvalidData : the number of outputs is not that of the classes.
        """
        k = len(self.labels[0])
        if self.kind == "multiclass":
            wanted: tuple[Shape, ...] = ((k,),)
            self.single = k == 2 and shapes == ((1,),)
            fits = shapes == wanted or self.single
        elif self.kind == "multilabel":
            wanted = ((len(self.labels),),)
            fits = shapes == wanted
        else:
            wanted = tuple((len(labels),) for labels in self.labels)
            fits = shapes == wanted
        if not fits:
            got, want = (shapes[0], wanted[0]) if len(shapes) == len(wanted) == 1 else (shapes, wanted)
            seen = f"y has {k} classes: {_some(self.labels[0])}" if self.kind == "multiclass" else f"y is {self.kind}"
            remedy = advice(network, shapes, wanted, self.head(), link)
            raise InvalidData(problem("network", f"outputs of shape {want} ({seen})", f"{got}", remedy))

    def fit(self, y: np.ndarray, weight: np.ndarray | None, loss: Any, free: bool) -> None:
        """Losses that take no class indices (squared error of probabilities, say) get one-hot targets."""
        self.one_hot = self.kind != "multilabel" and not self.single and "class" not in loss.targets

    def to_state(self) -> dict[str, Any]:
        """What a file needs."""
        labels = [{"dtype": array.dtype.str, "values": array.tolist()} for array in self.labels]
        return {"kind": self.kind, "single": self.single, "one_hot": self.one_hot, "labels": labels}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Classes:
        """The inverse of `to_state`."""
        labels = [np.array(item["values"], dtype=np.dtype(item["dtype"])) for item in state["labels"]]
        made = cls(state["kind"], labels, state["single"])
        made.one_hot = bool(state["one_hot"])
        return made

    def encode(self, y: np.ndarray) -> Any:
        """Labels as numbers: (n,) int64; (n, 1) or (n, k) of 0.0 and 1.0; or a tuple of (n,).

        Raises
        ------
        InvalidData : labels that are not among the classes.
        """
        if self.kind == "multilabel":
            return np.asarray(y, dtype=np.float32)
        if self.kind == "multioutput":
            questions = zip(np.asarray(y).T, self.labels, strict=True)
            return tuple(self._hot(_codes(column, labels), len(labels)) for column, labels in questions)
        codes = _codes(column_or_1d(y), self.labels[0])
        return codes[:, None].astype(np.float32) if self.single else self._hot(codes, len(self.labels[0]))

    def _hot(self, codes: np.ndarray, k: int) -> np.ndarray:
        return np.eye(k, dtype=np.float32)[codes] if self.one_hot else codes

    def _codes_of(self, target: torch.Tensor) -> torch.Tensor:
        return target.argmax(1) if self.one_hot else target

    def probabilities(self, outputs: Any, link: str) -> Any:
        """(n, k) rows that sum to 1; (n, k) of independent ones for multilabel; a list for multioutput."""
        found = self.shares(outputs, link)
        return [_numpy(part) for part in found] if isinstance(found, tuple) else _numpy(found)

    def shares(self, outputs: Any, link: str) -> Any:
        """The same as tensors, a tuple of them for multioutput."""
        if self.kind == "multioutput":
            return tuple(_softmax(part, link) for part in outputs)
        if self.kind == "multilabel":
            return apply_link("sigmoid" if link == "identity" else link, outputs)
        if self.single:
            p = apply_link("sigmoid" if link == "identity" else link, outputs)
            return torch.cat([1 - p, p], dim=1)
        return _softmax(outputs, link)

    def decode(self, outputs: Any, link: str) -> np.ndarray:
        """The most probable labels."""
        codes = self.choose(outputs, link)
        if self.kind == "multilabel":
            return codes.cpu().numpy().astype(np.int64)
        if self.kind == "multioutput":
            columns = [labels[part.cpu().numpy()] for labels, part in zip(self.labels, codes, strict=True)]
            return np.stack(columns, axis=1)
        return self.labels[0][codes.cpu().numpy()]

    def choose(self, outputs: Any, link: str) -> Any:
        """The numbers of the most probable classes."""
        if self.kind == "multioutput":
            return tuple(part.argmax(1) for part in outputs)
        if self.kind == "multilabel":
            return _above(outputs, link)
        return _above(outputs, link)[:, 0].long() if self.single else outputs.argmax(1)

    def accuracy(self, outputs: Any, target: Any, weight: torch.Tensor | None, link: str) -> float:
        """Share of rows that are right, in all their questions."""
        chosen = self.choose(outputs, link)
        if self.kind == "multioutput":
            pairs = zip(chosen, target, strict=True)
            right = torch.stack([c == self._codes_of(t) for c, t in pairs]).all(0)
        elif self.kind == "multilabel":
            right = (chosen == target.bool()).all(1)
        else:
            right = chosen == (target[:, 0].long() if self.single else self._codes_of(target))
        rows = right.double()
        return float(rows.mean() if weight is None else (rows * weight).sum() / weight.sum())


def _mixed(labels: np.ndarray, where: str) -> InvalidData:
    """The error for labels that cannot be ordered."""
    kinds = list({type(label): label for label in labels.flat}.values())
    got = " and ".join(shown(label) for label in kinds[:2])
    remedy = "Write all of them as texts: y.astype(str)."
    return InvalidData(problem(where, "labels that are all texts, or all numbers", got, remedy))


def _at_least_two(labels: np.ndarray, name: str) -> np.ndarray:
    if len(labels) < 2:
        raise InvalidData(
            problem(
                f"{name}.fit(y)",
                "at least 2 classes",
                f"{len(labels)} class: {_some(labels)}",
                "A classifier has nothing to tell apart; check the target column.",
            )
        )
    return labels


def _codes(y: np.ndarray, labels: np.ndarray) -> np.ndarray:
    places = np.searchsorted(labels, y).clip(0, len(labels) - 1)
    strange = np.flatnonzero(labels[places] != y)
    if len(strange):
        row = int(strange[0])
        raise InvalidData(
            problem(
                "y",
                f"labels among the classes {_some(labels)}",
                f"{_some(y[row : row + 1])[1:-1]} in row {row}",
                "Give partial_fit the full list at its first call, classes=[...]; otherwise the rows of fit decide.",
            )
        )
    return places.astype(np.int64)


def _some(labels: np.ndarray) -> str:
    shown = ", ".join(repr(label.item() if hasattr(label, "item") else label) for label in labels[:8])
    return f"[{shown}{', ...' if len(labels) > 8 else ''}]"


def _softmax(z: torch.Tensor, link: str) -> torch.Tensor:
    return apply_link("softmax" if link == "identity" else link, z)


def _above(z: torch.Tensor, link: str) -> torch.Tensor:
    """Whether the probability is above one half; for logits and margins, whether they are above 0."""
    return z > 0 if link in ("identity", "sigmoid", "tanh") else apply_link(link, z) > 0.5


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
