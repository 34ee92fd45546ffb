"""What the estimators of sequences share: reading, closing and building the network, training, predicting, saving.

An author of an estimator writes the hooks `_read`, `_examples` (what a fit is given), `_encoder` (how sequences become
numbers), `_read_target`, `_body` (the layers between entrance and head, where the user gave none), `_rule`, and `_task`
(what is trained).
"""

from __future__ import annotations

import logging
import os
import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from netwright.checks import Diagnosis
from netwright.checks.context import Intent
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import Constraint, check_all
from netwright.estimators.diagnosing import Watching
from netwright.estimators.networks import macs_of
from netwright.estimators.parameters import CONSTRAINTS, parts_of, value_of
from netwright.graph import Expression, parse
from netwright.graph.expression import Chain
from netwright.layers import CRF, AdaptiveSoftmax, HierarchicalSoftmax, Linear, Sigmoid, Softmax
from netwright.layers.lengths import valid
from netwright.layers.recurrent.with_lengths import with_lengths
from netwright.sequence import saving
from netwright.sequence.batches import Ragged, SequenceBatches
from netwright.sequence.reading import expect_as_many
from netwright.train import History, Precision, Progress, Run, choose_device, train

log = logging.getLogger("netwright")

HEADS = (Softmax, Sigmoid, Linear, HierarchicalSoftmax, AdaptiveSoftmax, CRF)  # a network that ends so has its head
NOMINAL = 16  # steps for which a network is planned; it runs on any number
_SHARED = ("optimizer", "regularizer", "epochs", "batch_size", "patience", "average", "device", "callbacks", "verbose")
SHARED: Mapping[str, Constraint] = {name: CONSTRAINTS[name] for name in (*_SHARED, "validation")}


class SequenceEstimator(BaseEstimator):
    """The abstract base of estimators that train one network on sequences."""

    _constraints: ClassVar[Mapping[str, Constraint]] = SHARED

    network_: Expression
    module_: torch.nn.Module
    history_: History
    _input: Any
    _target: Any
    _watching: Watching | None = None
    _diagnosis: Diagnosis | None = None

    @abstractmethod
    def _read(self, X: Any, where: str) -> list[Any]:
        """The sequences as the user's estimator takes them; after a fit, checked against those of the fit."""

    @abstractmethod
    def _examples(self, X: Any, y: Any) -> tuple[list[Any], Any]:
        """The sequences to train on and their targets, of what `fit` is given."""

    @abstractmethod
    def _rule(self) -> Any:
        """The update rule, where the user gave none."""

    @abstractmethod
    def _encoder(self, sequences: list[Any]) -> Any:
        """What makes numbers of them, fitted on these."""

    @abstractmethod
    def _read_target(self, y: Any, sequences: list[Any], known: Any) -> Any:
        """(target, y): what y is (`known` after the first time), and y as a list with one item a sequence."""

    @abstractmethod
    def _body(self) -> Expression:
        """The layers between the entrance and the head, where the user gave no network."""

    @abstractmethod
    def _task(self, module: torch.nn.Module) -> tuple[torch.nn.Module, Any, Any]:
        """(module, objective, score) of a run; the module may have been taken apart or added to."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : n sequences, see the class.
        y : their targets, see the class.

        Raises
        ------
        InvalidData : sequences or targets that cannot be, with the index of the sequence.
        InvalidParameter : an option that cannot be.
        JoinError : a network that cannot take the sequences.
        """
        check_all(type(self).__name__, self.get_params(deep=False), self._constraints)
        before = dict(vars(self))
        try:
            self._fit(X, y)
        except Exception:  # what was fitted before stays fitted
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    @property
    def diagnosis_(self) -> Diagnosis:
        """What the last fit's own checks found in its run; empty after loading from a file."""
        check_is_fitted(self, "module_")
        if self._diagnosis is None and self._watching is not None:
            self._diagnosis = self._watching.diagnosis(Intent())
        return self._diagnosis or Diagnosis()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    # the steps of a fit

    def _fit(self, X: Any, y: Any) -> None:
        for fitted in ("_input", "_target"):
            self.__dict__.pop(fitted, None)
        name = type(self).__name__
        self.seed_ = to_seed(self.random_state)
        (sequences, target), held = self._parts(X, y)
        self._input = self._encoder(sequences)
        self._build(max(map(len, sequences)))
        self._precision = Precision(torch.float32, choose_device(str(self.device)))
        self._precision.place(self.module_)
        self._net, objective, score = self._task(self.module_)
        run = Run(
            self._net,
            objective,
            value_of(self.optimizer, "optimizer") or self._rule(),
            self._precision,
            score,
            parts_of(value_of(self.regularizer, "regularizer")),
            self.average,
            derive(self.seed_, "training"),
            macs=self._macs(),
        )
        if run.optimizer.full_batch:
            expected = "a rule that updates batch by batch"
            raise InvalidParameter(problem(f"{name}(optimizer)", expected, shown(self.optimizer)))
        batches: Any = self._batches(sequences, target)
        others: Any = None if held is None else self._batches(*held)
        run.load(batches, others)
        self._watching, self._diagnosis = Watching(), None
        callbacks = (*(self.callbacks or ()), *([Progress()] if self.verbose else []), self._watching)
        self.history_ = run.history
        try:
            train(run, self.epochs, callbacks, self.patience)
        finally:
            run.forget_rows()
        self.n_iter_, self.best_epoch_ = run.epoch, run.best_epoch
        self.loss_curve_ = run.history["train_loss"]
        if run.interrupted:
            text = f"stopped by the user in epoch {run.epoch + 1} of {run.epochs}; the partial model is kept"
            warnings.warn(f"{name}.fit: {text}.", UserWarning, stacklevel=4)

    def _parts(self, X: Any, y: Any) -> tuple[tuple[list[Any], list[Any]], tuple[list[Any], list[Any]] | None]:
        """Training sequences with their targets, and the held-out ones."""
        name = type(self).__name__
        sequences, y = self._examples(X, y)
        self._target, target = self._read_target(y, sequences, None)
        held = None
        if isinstance(self.validation, (tuple, list)):
            others = self._read(self.validation[0], "validation")
            held = others, self._read_target(self.validation[1], others, self._target)[1]
        elif self.validation is not None:
            n = len(sequences)
            count = max(1, round(n * float(self.validation)))
            if count >= n:
                expected = "at least one sequence to train on and one to hold out"
                raise InvalidData(problem(f"{name}(validation={self.validation})", expected, f"{n} in all"))
            drawn = np.random.default_rng(derive(self.seed_, "validation")).permutation(n)
            away = set(drawn[:count].tolist())
            held = [s for i, s in enumerate(sequences) if i in away], [t for i, t in enumerate(target) if i in away]
            sequences = [s for i, s in enumerate(sequences) if i not in away]
            target = [t for i, t in enumerate(target) if i not in away]
        return (sequences, target), held

    def _build(self, longest: int) -> None:
        """The network: the user's layers or those chosen for the task, between an entrance and a head."""
        given = parse(self.network) if isinstance(self.network, str) else self.network
        body = self._body() if given is None else given
        last = body.parts[-1] if isinstance(body, Chain) else body
        network = body if isinstance(last, HEADS) else body >> self._target.head()
        if self._input.entrance is not None:
            network = self._input.entrance >> network
        steps = max(1, min(longest, NOMINAL))
        self.network_ = with_lengths(network, steps, *self._input.shape)
        if given is None:
            log.info("%s: network chosen: %r", type(self).__name__, network)
        self.module_ = self.network_.build(derive(self.seed_, "network"))

    def _macs(self) -> int:
        """Multiply-accumulates of a sequence of the nominal length."""
        return macs_of(self.module_, self.network_.plan().input_shapes)

    def _batches(self, sequences: list[Any], target: Any) -> SequenceBatches:
        device = self._precision.device
        coded = self._target.encode(target)
        y = Ragged(coded, self._target.fill, device) if isinstance(coded, list) else torch.as_tensor(coded).to(device)
        inputs = (self._input.encode(sequences, device),)
        return SequenceBatches(inputs, y, None, self.batch_size, derive(self.seed_, "training"))

    def _outputs(self, X: Any) -> list[torch.Tensor]:
        """What the network gives for each sequence, before its last link: (steps_i, ...) or (...) each."""
        return self._each(X, lambda output, mask: output)

    def _each(self, X: Any, give: Callable[[torch.Tensor, torch.Tensor], Any]) -> list[Any]:
        """What `give` makes of (outputs, valid steps) of a batch, for each sequence."""
        check_is_fitted(self, "module_")
        sequences = self._read(X, f"{type(self).__name__}, X")
        rows = SequenceBatches((self._input.encode(sequences, self._precision.device),), torch.zeros(len(sequences)))
        found: list[Any] = [None] * len(sequences)
        self._net.eval()
        with torch.inference_mode():
            for which in rows.pieces():
                inputs = rows.shown(which)
                output = self._net(*inputs)
                mask = valid(inputs[-1][:, 0], inputs[0].shape[1])
                for row, sequence in zip(give(output, mask), which.tolist(), strict=True):
                    row = row.cpu() if isinstance(row, torch.Tensor) else row
                    found[sequence] = row[: len(sequences[sequence])] if self._target.by_step else row
        return found

    def _whole(self) -> torch.nn.Module:
        """All that has weights."""
        chain = getattr(self, "chain_", None)
        return torch.nn.ModuleDict({"network": self.module_} | ({} if chain is None else {"chain": chain}))

    def __getstate__(self) -> dict[str, Any]:
        """For pickle, copy and joblib: what was watched is not taken along."""
        return {name: item for name, item in super().__getstate__().items() if name != "_watching"}


def targets_of(y: Any, sequences: list[Any], where: str) -> list[Any]:
    """The targets as a list with one item a sequence.

    Parameters
    ----------
    y : a list, array, tensor or series. sequences : the sequences. where : how an error names the targets.

    Raises
    ------
    InvalidData : no targets, or not one for each sequence.
    """
    if y is None:
        raise InvalidData(problem(where, "targets, one a sequence", "None"))
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    listed = list(y)
    expect_as_many(listed, sequences, where)
    return listed
