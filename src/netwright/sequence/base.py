"""What the estimators of sequences share: reading, closing and building the network, training, predicting, saving.

An author of an estimator writes the hooks `_read`, `_examples` (what a fit is given), `_encoder` (how sequences become
numbers), `_read_target`, `_body` (the layers between entrance and head, where the user gave none), `_rule`, and `_task`
(what is trained).
"""

from __future__ import annotations

import logging
import math
import os
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, nothing, number, satisfies
from netwright.estimators.parameters import CONSTRAINTS, parts_of, value_of
from netwright.estimators.together import devices_for, seed_of
from netwright.estimators.trained import LOOKED_AT, RunEstimator
from netwright.graph import Expression, parse
from netwright.graph.expression import Chain
from netwright.layers import CRF, AdaptiveSoftmax, HierarchicalSoftmax, Linear, Pick, Sigmoid, Softmax
from netwright.layers.k_max import LargestValidSteps
from netwright.layers.lengths import valid
from netwright.layers.recurrent.with_lengths import with_lengths
from netwright.sequence import saving
from netwright.sequence.batches import Ragged, SequenceBatches
from netwright.sequence.exporting import graph_of_sequences
from netwright.sequence.splitting import Part, cut, split_ends, split_off
from netwright.train import Batches, Run, choose_device, placed

log = logging.getLogger("netwright")

HEADS = (Softmax, Sigmoid, Linear, HierarchicalSoftmax, AdaptiveSoftmax)  # a network that ends so has its head
NOMINAL = 16  # steps for which a network is planned; it runs on any number
NUMBERS = 2**20  # in the sequences that `check` looks at
_TRAINED = ("optimizer", "regularizer", "epochs", "batch_size", "patience", "average")
_SHARED = (*_TRAINED, "device", "devices", "checkpoint", "resume", "callbacks", "verbose")
SHARED: Mapping[str, Constraint] = {
    **{name: CONSTRAINTS[name] for name in _SHARED},
    "validation": nothing
    | number(0, 1, closed="neither")
    | satisfies("a pair (X, y)", lambda item: isinstance(item, (tuple, list)) and len(item) == 2),
}


class SequenceEstimator(RunEstimator):
    """The abstract base of estimators that train one network on sequences."""

    _constraints: ClassVar[Mapping[str, Constraint]] = SHARED

    network_: Expression
    _input: Any
    _target: Any

    @abstractmethod
    def _read(self, X: Any, where: str) -> list[Any]:
        """The sequences as the user's estimator takes them; after a fit, checked against those of the fit."""

    @abstractmethod
    def _examples(self, X: Any, y: Any) -> tuple[list[Any], Any]:
        """The sequences to train on and their targets, of what `fit` is given."""

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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    _graph = graph_of_sequences

    # the steps of a fit

    def _start(self, X: Any, y: Any) -> Run:
        """A run with its rows that has not begun."""
        for fitted in ("_input", "_target", "n_features_in_"):
            self.__dict__.pop(fitted, None)
        name = self._name
        self.seed_ = self._group.same(seed_of(self))
        training, held = self._parts(X, y)
        if self._input.kind == "numbers":
            self.n_features_in_ = self._input.shape[0]
        self._build(max(map(len, training[0])))
        self._precision = placed(self._group, choose_device(str(self.device)), devices_for(self).compile)
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
            macs=_work(self.module_) * sum(map(len, training[0])) // len(training[0]),
        )
        if run.optimizer.full_batch:
            expected = "a rule that updates batch by batch"
            raise InvalidParameter(problem(f"{name}(optimizer)", expected, shown(self.optimizer)))
        others = None if held is None else self._batches(held, "validation(y)")
        batches: Any = self._batches(training, f"{name}.fit(y)")
        run.load(batches, others)  # type: ignore[arg-type]
        return run

    def _parts(self, X: Any, y: Any) -> tuple[Part, Part | None]:
        """Training sequences with their targets, and the held-out ones."""
        name = self._name
        sequences, y = self._examples(X, y)
        if not any(map(len, sequences)):
            raise InvalidData(problem(f"{name}.fit(X)", "at least one sequence with a step", "empty ones only"))
        self._target, target = self._read_target(y, sequences, None)
        training: Part = sequences, target
        held: Part | None = None
        window = getattr(self, "window", None)
        pair = isinstance(self.validation, (tuple, list))
        if self.validation is not None and not pair:
            share, where = float(self.validation), f"{name}(validation={self.validation})"
            if window is None:
                training, held = split_off(training, share, derive(self.seed_, "validation"), where)
            else:  # pieces of one sequence have steps in common
                training, held = split_ends(training, share, where)
        self._input = self._encoder(training[0])
        if pair:
            try:
                others, wanted = self._examples(*self.validation)
                held = others, self._read_target(wanted, others, self._target)[1]
            except InvalidData as error:
                raise InvalidData(f"validation: {error}") from error
        return training if window is None else cut(training, window), held

    @property
    def layers_(self) -> Expression:
        """The fitted network as it was written, from its entrance to its head, before it was told the lengths."""
        check_is_fitted(self, "module_")
        return self._layers()

    def _layers(self) -> Expression:
        """The user's layers or those chosen for the task, between an entrance and a head."""
        given = parse(self.network) if isinstance(self.network, str) else self.network
        body = self._body() if given is None else given
        last = body.parts[-1] if isinstance(body, Chain) else body
        if isinstance(last, CRF):
            remedy = 'Leave it out and write SequenceTagger(head="crf").'
            raise InvalidParameter(problem("network", "layers without a CRF", repr(last), remedy))
        network = body if isinstance(last, HEADS) else body >> self._target.head()
        return network if self._input.entrance is None else self._input.entrance >> network

    def _build(self, longest: int) -> None:
        """The network, told the lengths, and its module."""
        network = self._layers()
        seed = derive(self.seed_, "network")
        for steps in (max(1, min(longest, NOMINAL)), longest):
            self.network_ = with_lengths(network, steps, *self._input.shape)
            self.module_ = self.network_.build(seed)
            if not any(isinstance(part, LargestValidSteps) and part.depends for part in self.module_.modules()):
                break
        if self.network is None:
            log.info("%s: network chosen: %r", type(self).__name__, network)

    def _batches(self, part: Part, where: str) -> SequenceBatches:
        """Sequences and targets as tensors; those by step of which no step has a target are left out."""
        device = self._precision.device
        sequences, coded = part[0], self._target.encode(part[1])
        if self._target.by_step:
            some = [i for i, row in enumerate(coded) if (row != self._target.fill).any()]
            if not some:
                raise InvalidData(problem(where, "at least one step with a target", "none"))
            sequences = [sequences[i] for i in some]
            y: Any = Ragged([coded[i] for i in some], self._target.fill, device)
        else:
            y = torch.as_tensor(coded).to(device)
        inputs = (self._input.encode(sequences, device),)
        return SequenceBatches(inputs, y, None, self.batch_size, derive(self.seed_, "training"))

    def _outputs(self, X: Any) -> list[torch.Tensor]:
        """What the network gives for each sequence, before its last link: (steps_i, ...) or (...) each."""
        return self._each(X, lambda output, mask: output)

    def _each(self, X: Any, give: Callable[[torch.Tensor, torch.Tensor], Any]) -> list[Any]:
        """What `give` makes of (outputs, valid steps) of a batch, for each sequence."""
        check_is_fitted(self, "module_")
        sequences = self._read(X, f"{self._name}, X")
        rows = SequenceBatches((self._input.encode(sequences, self._precision.device),), torch.zeros(len(sequences)))
        found: list[Any] = [None] * len(sequences)
        self._net.eval()
        with torch.inference_mode():
            for which in rows.pieces():
                inputs = rows.shown(which)
                output = self._net(*inputs)
                mask = valid(inputs[-1][:, 0], inputs[0].shape[1])
                given = give(output, mask)
                given = given.cpu() if isinstance(given, torch.Tensor) else given
                for row, sequence in zip(given, which.tolist(), strict=True):
                    found[sequence] = row[: len(sequences[sequence])] if self._target.by_step else row
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.string = True
        tags.target_tags.required = True
        return tags

    def _meant(self) -> frozenset[str]:
        """Codes of findings that would tell what is so on purpose."""
        codes = set()
        if isinstance(self.network_.parts[1], Pick):  # type: ignore[attr-defined]
            codes.add("input-ignored")  # a network that goes step by step needs no lengths
        if self._target.by_step and math.isnan(self._target.fill):
            codes.add("non-finite-data")  # what was read is finite; NaN stands behind the end of a sequence
        if getattr(self, "chain_", None) is not None:
            codes |= {"detached", "unregistered"}  # the loss has the chain, not the output
        return frozenset(codes)

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        """Sequences spread evenly over all, padded to the longest of all parts, in tensors of a bounded size."""
        longest = max(int(part.lengths.max()) for part in parts)
        each = longest * parts[0].inputs[0][0, 0].numel()
        rows = max(1, NUMBERS // max(each, 1))
        return [part.some(min(LOOKED_AT, part.n, rows), longest) for part in parts]

    def _whole(self) -> torch.nn.Module:
        """All that has weights."""
        chain = getattr(self, "chain_", None)
        return torch.nn.ModuleDict({"network": self.module_} | ({} if chain is None else {"chain": chain}))


def expect_outputs(network: Expression, by_step: bool, width: int | None = None) -> None:
    """Refuse a network that does not give what a target needs.

    Parameters
    ----------
    network : the closed one. by_step : whether something is wanted for each step. width : how many numbers, None for
        any.

    Raises
    ------
    InvalidData : outputs of another shape.
    """
    shape = network.output_shape
    steps = network.plan().input_shapes[0][0]
    per = "a step" if by_step else "a sequence"
    wanted = f"{'an' if width is None else width} output{'s' if (width or 0) > 1 else ''} {per}"
    if len(shape) != 1 + by_step or (by_step and shape[0] != steps):
        remedy = "Let its layers give all steps, and pool none." if by_step else ""
        remedy = remedy or 'Write output="last" or "max" in its last recurrent layer, or TimePool("max") behind it.'
        got = f"shape {shape} of {steps} steps"
        raise InvalidData(problem("network", wanted, got, remedy))
    if width is not None and shape[-1] != width:
        raise InvalidData(problem("network", wanted, f"{shape[-1]}", "Leave the head out, it is then added."))


def _work(module: torch.nn.Module) -> int:
    """Multiply-accumulates of a step, about: each weight is used once, of a table one row."""
    tables = {id(part.weight) for part in module.modules() if isinstance(part, torch.nn.Embedding)}
    return sum(p.numel() for p in module.parameters() if p.ndim > 1 and id(p) not in tables)
