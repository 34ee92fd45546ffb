"""What `Classifier` and `Regressor` share: reading data, closing and building the network, training it, saving it.

An author of an estimator writes the hooks `_read_target` (what y is), `_score` (of outputs and targets),
`_row_weight` (weights that follow from y) and `_stratifies`, and `predict`; the other public methods are final.
"""

from __future__ import annotations

import logging
import os
import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from netwright.checks import Diagnosis
from netwright.checks.context import Intent
from netwright.checks.diagnosis import known_codes
from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, check_all
from netwright.estimators.augmenting import augmentation_of, works_on_pixels
from netwright.estimators.diagnosing import Watching, examine_run, not_finite
from netwright.estimators.exporting.estimator import export_estimator
from netwright.estimators.inputs import Inputs, count
from netwright.estimators.networks import (
    build_module,
    is_free,
    macs_of,
    network_for,
    output_shapes,
    resolve,
    split_heads,
)
from netwright.estimators.objective import NetworkLoss
from netwright.estimators.options import NestedOptions
from netwright.estimators.parameters import CONSTRAINTS, parts_of, value_of
from netwright.estimators.preparing import (
    Part,
    batches_of,
    counted,
    first_of,
    from_dataset,
    read_target,
    require_finite_outputs,
    sample_of,
    split,
    to_tensor,
    weigh,
)
from netwright.estimators.saving import save_estimator
from netwright.estimators.sklearn_callbacks import Bridge, CallbackSupport
from netwright.estimators.together import checkpoint_of, devices_for, fit_together, seed_of
from netwright.optim import Adam
from netwright.train import Batches, History, Precision, Progress, Run, choose_device, forward, has_convolution, train
from netwright.train.device import Group

log = logging.getLogger("netwright")

FIXED = ("network", "loss", "precision", "categories")  # what a fit that goes on cannot change
_CHANGEABLE = ("optimizer", "regularizer", "average", "device")  # what it takes up


class NetworkEstimator(CallbackSupport, NestedOptions, BaseEstimator):
    """The abstract base of estimators that train one network on inputs and targets."""

    _constraints: ClassVar[Mapping[str, Constraint]] = CONSTRAINTS
    _fixed: ClassVar[tuple[str, ...]] = FIXED

    network_: Any
    module_: torch.nn.Module
    history_: History
    _inputs: Inputs
    _run: Run
    _settings: dict[str, str]
    _watching: Watching | None = None
    _group: Group = Group.alone
    _piecewise = False
    _rows: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    _diagnosis: Diagnosis | None = None

    @abstractmethod
    def _read_target(self, y: np.ndarray, classes: Any) -> Any:
        """What y is: an object with learn, head, complete, default_loss, expect, fit, encode and decode."""

    @abstractmethod
    def _score(self, outputs: Any, target: Any, weight: torch.Tensor | None) -> float:
        """The score of whole outputs."""

    @abstractmethod
    def _row_weight(self, y: np.ndarray) -> np.ndarray | None:
        """Weights that follow from the target, such as those of classes."""

    @abstractmethod
    def _stratifies(self) -> bool:
        """Whether held-out rows are drawn class by class."""

    def _rule(self) -> Any:
        """The update rule, where the user gave none."""
        return Adam()

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train the network on X and y.

        Parameters
        ----------
        X : array (n, ...), frame, tuple of arrays (one an input), torch tensor, or torch Dataset of (x, y).
        y : target, (n,) or (n, m); None when X is a Dataset that has it.
        sample_weight : (n,) numbers >= 0; a row of weight 2 counts as two rows, one of 0 is left out.

        Raises
        ------
        InvalidData : NaN, infinite, empty or mis-shaped data, a single class.
        InvalidParameter : an option that cannot be.
        JoinError : a network that cannot take the data.
        """
        again = bool(self.warm_start) and hasattr(self, "module_")
        return self._fit(X, y, sample_weight, None, self.epochs, again)

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch on X and y, going on from where the weights are.

        Parameters
        ----------
        X : as in `fit`.
        y : as in `fit`.
        classes : the full list of labels, at the first call, when y does not have all of them.
        sample_weight : as in `fit`.
        """
        self._piecewise = True  # the rows change from call to call: there is nothing to go on from
        try:
            return self._fit(X, y, sample_weight, classes, 1, hasattr(self, "module_"))
        finally:
            self._piecewise = False

    @abstractmethod
    def predict(self, X: Any) -> np.ndarray:
        """The most probable label, or the predicted number, of each row of X; shape (n,) or (n, m)."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        save_estimator(self, path)

    export = export_estimator

    def check(self, X: Any, y: Any = None, *, imbalanced: bool = False, ignore: Iterable[str] = ()) -> Diagnosis:
        """What the checks find in the training that `fit` would make of X and y; nothing is fitted.

        Parameters
        ----------
        X : as in `fit`.
        y : as in `fit`.
        imbalanced : whether classes of very different size are meant.
        ignore : codes of findings to leave out.

        Raises
        ------
        InvalidData, InvalidParameter, JoinError : as `fit` does, but for NaN and infinity, which are findings.
        """
        codes = known_codes(ignore)
        trial = clone(self)
        check_all(type(self).__name__, trial.get_params(deep=False), trial._constraints)
        try:
            training, held = trial._parts(X, y, None, None, False)
        except InvalidData:
            found = not_finite(X, y, codes)
            if found is None:
                raise
            return found
        trial._start(training)
        training, own = sample_of(training, trial._rows[0])
        trial._load(trial._run, training, None)
        intent = Intent(imbalanced=imbalanced or getattr(self, "class_weight", None) is not None, ignore=codes)
        held, others = (None, None) if held is None else sample_of(held, trial._rows[1])
        rows = None if held is None else trial._batches(held, trial.batch_size)
        names = tuple(map(str, getattr(trial, "feature_names_in_", ())))
        return examine_run(trial._run, rows, intent, trial.epochs, names, (own, others))

    @property
    def diagnosis_(self) -> Diagnosis:
        """What the last fit's own checks found in its run; empty after loading from a file."""
        check_is_fitted(self, "module_")
        if self._diagnosis is None and self._watching is not None:
            weighted = getattr(self, "class_weight", None) is not None
            self._diagnosis = self._watching.diagnosis(Intent(imbalanced=weighted))
        return self._diagnosis or Diagnosis()

    # the steps of a fit

    def _fit(self, X: Any, y: Any, weight: Any, classes: Any, epochs: int, again: bool) -> Self:
        check_all(type(self).__name__, self.get_params(deep=False), self._constraints)
        before = dict(vars(self))
        devices = devices_for(self)
        if devices.count not in ("auto", 1) and not Group.started():
            fit_together(self, devices, X, y, weight, classes, epochs, again)
            return self
        try:
            self._group = Group.joined(devices)
            with Bridge(self, epochs) as bridge:
                bridge.begin(X, y)
                training, held = self._parts(X, y, weight, classes, again)
                if not again:
                    self._start(training)
                else:
                    self._go_on()
                self._load(self._run, training, held)
                self._train(self._run, epochs, bridge.listeners)
                bridge.end()
        except Exception:  # what was fitted before stays fitted
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _parts(self, X: Any, y: Any, weight: Any, classes: Any, again: bool) -> tuple[Part, Part | None]:
        """Training rows and held-out rows, each as (rows, y, weight), checked and still in the user's own terms."""
        X, y = from_dataset(X, y)
        y = read_target(y, type(self).__name__)
        if again:
            inputs, rows = self._inputs, self._inputs.again(self, X)
        else:
            inputs, rows = Inputs.read(self, X, self.precision)
            self.seed_ = self._group.same(seed_of(self))
        part, mine = weigh(rows, y, weight), counted(weight, len(y))
        if not again:
            self._inputs, self._target = inputs, self._read_target(part[1], classes)
        held: Part | None = None
        self._rows = mine, None
        if isinstance(self.validation, (tuple, list, torch.utils.data.Dataset)):
            pair = self.validation if isinstance(self.validation, (tuple, list)) else (self.validation, None)
            held_X, held_y = from_dataset(*pair[:2])
            held_weight = pair[2] if len(pair) == 3 else None
            held = weigh(inputs.again(self, held_X), read_target(held_y, "validation"), held_weight)
        elif self.validation is not None:
            part, held, chosen = split(part, float(self.validation), self.seed_, self._stratifies())
            self._rows = mine[chosen[0]], mine[chosen[1]]
        return self._weighted(part), held

    def _weighted(self, part: Part) -> Part:
        rows, y, weight = part
        by_class = self._row_weight(y)
        if by_class is None:
            return part
        return rows, y, by_class if weight is None else weight * by_class

    def _start(self, training: Part) -> None:
        """Fresh weights: learn scales from the training rows, close or choose the network, build it."""
        rows, y, weight = training
        self._target.learn(y, weight)
        given = resolve(self.network)
        scale = given is None and not works_on_pixels(self.augment, rows)
        self._inputs.fit(rows, weight, scale, self.categories)
        inputs = self._inputs.transform(first_of(rows))
        self._inputs.shapes = shapes = tuple(array.shape[1:] for array in inputs)
        loss = value_of(self.loss, "loss")
        few = getattr(value_of(self.optimizer, "optimizer"), "takes", "") == "residuals"  # a matrix of all weights
        self.network_ = network_for(given, shapes, self._target, loss, self._inputs.cardinalities, few)
        if given is None:
            self._say(f"network chosen for samples of shape {shapes[0]}: {self.network_!r}")
        self.notes_ = [*self._inputs.notes, *self._target.notes]
        for note in self.notes_:
            self._say(note)
        module = build_module(self.network_, derive(self.seed_, "network"), given).to(torch.float32)
        body, self._link = split_heads(module)
        tensors = tuple(to_tensor(array, Precision()) for array in inputs)
        self._output_shapes = output_shapes(body, tensors)
        self._target.expect(self._output_shapes, self._link, self.network_)
        self.loss_function_ = loss or self._target.default_loss()
        self._target.fit(y, weight, self.loss_function_, is_free(body, self._link))
        self._run = self._new_run(module, History())
        self._remember()

    def _new_run(self, module: torch.nn.Module, history: History) -> Run:
        """A run of a module, without rows yet."""
        self._precision = Precision(
            dtype=torch.float64 if self._inputs.dtype == "float64" else torch.float32,
            device=self._group.place(choose_device(str(self.device))),
            autocast=self.precision == "bf16",
            channels_last=has_convolution(module),
            group=self._group,
            compile=devices_for(self).compile,
        )
        self.module_ = self._precision.place(module)
        body, self._link = split_heads(module)
        return Run(
            module=body,
            objective=NetworkLoss(self.loss_function_, self._link, len(self._output_shapes) > 1),
            optimizer=value_of(self.optimizer, "optimizer") or self._rule(),
            precision=self._precision,
            score=self._score,
            penalties=parts_of(value_of(self.regularizer, "regularizer")),
            average=self.average,
            seed=derive(self.seed_, "training"),
            history=history,
            macs=macs_of(body, self._inputs.shapes),
        )

    def _go_on(self) -> None:
        """Make the kept run ready to go on; a changed update rule, penalty or average takes effect."""
        changed = [name for name in self._fixed if repr(getattr(self, name)) != self._settings[name]]
        if changed:
            name = changed[0]
            remedy = "Give it back its value, or fit with warm_start=False to begin anew."
            raise InvalidParameter(
                problem(name, f"{self._settings[name]}, as when the fit began", repr(getattr(self, name)), remedy)
            )
        if not hasattr(self, "_run") or any(repr(getattr(self, name)) != self._settings[name] for name in _CHANGEABLE):
            state = self._run.state() if hasattr(self, "_run") else getattr(self, "_resume", None)
            same_rule = repr(self.optimizer) == self._settings["optimizer"]
            self._run = self._new_run(self.module_, self.history_)
            if state is not None:
                self._run.resume(state, moments=same_rule)
        self._remember()

    def _remember(self) -> None:
        self._settings = {name: repr(getattr(self, name)) for name in (*self._fixed, *_CHANGEABLE)}

    def _load(self, run: Run, training: Part, held: Part | None) -> None:
        """Give the run its rows; only those for training are augmented."""
        size = len(training[1]) if run.optimizer.full_batch else self.batch_size
        batches = self._batches(training, size, augmentation_of(self.augment))
        run.load(batches, None if held is None else self._batches(held, self.batch_size))
        if run.group.several:
            run.group.expect_same(run.digest(), f"{type(self).__name__}.fit")
        normalised = any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in run.module.modules())
        smallest = min(stop - start for start, stop in run.batches.bounds)
        if normalised and smallest < 2:
            raise InvalidData(
                problem(
                    f"{type(self).__name__}.fit",
                    "at least 2 training rows in a batch for a network with BatchNorm",
                    f"{run.batches.n} row{'s' * (run.batches.n > 1)} in batches of {smallest}",
                    "Give more rows, a larger batch_size, or take BatchNorm out of the network.",
                )
            )

    def _batches(self, part: Part, size: int, augment: Any = None) -> Batches:
        rows, y, weight = part
        target = self._target.encode(y)
        seed = derive(self.seed_, "training")
        batches = batches_of(self._inputs, rows, target, weight, self._precision, size, seed, augment)
        targets = batches.target if isinstance(batches.target, tuple) else (batches.target,)
        for shape, each in zip(self._output_shapes, targets, strict=True):
            self.loss_function_.check_target(shape, each)
        return batches

    def _train(self, run: Run, epochs: int, listeners: tuple[Any, ...]) -> None:
        self._watching, self._diagnosis = Watching(self._rows), None
        callbacks = (*(self.callbacks or ()), *([Progress()] if self.verbose else []), *listeners)
        if run.shards is None:
            callbacks = (*callbacks, self._watching)
        self.history_ = run.history
        try:
            run.checkpoint = None if len(run.history) or self._piecewise else checkpoint_of(self, run)
            train(run, epochs, callbacks if run.group.leads else (), self.patience)
        finally:
            run.forget_rows()
        self.n_iter_ = run.epoch
        self.best_epoch_ = run.best_epoch
        self.loss_curve_ = run.history["train_loss"]
        if run.shards is not None:  # what it needs to go on is in all processes: fetch it while they are there
            self._resume = run.state()
            del self._run
        if run.interrupted:
            text = f"stopped by the user in epoch {run.epoch + 1} of {run.epochs}; the partial model is kept"
            warnings.warn(f"{type(self).__name__}.fit: {text}.", UserWarning, stacklevel=4)

    def _outputs(self, X: Any) -> Any:
        """What the network gives for X, before its last link."""
        check_is_fitted(self, "module_")
        X, _ = from_dataset(X, None)
        rows = self._inputs.again(self, X)
        n = count(rows)
        rows = batches_of(self._inputs, rows, np.zeros(n, dtype=np.int64), None, self._precision, n)
        body, _ = split_heads(self.module_)
        found = forward(body, rows, self._precision)
        require_finite_outputs(found, f"{type(self).__name__}, X")
        return found

    def _say(self, text: str) -> None:
        log.info("%s: %s", type(self).__name__, text)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle, copy and joblib: the run as arrays, so that the copy can go on exactly."""
        left_out = ("_run", "_rows", "_watching", "_group")
        state = {name: item for name, item in super().__getstate__().items() if name not in left_out}
        if hasattr(self, "_run"):
            state["_resume"] = self._run.state()
        return state
