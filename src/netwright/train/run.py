"""A run: what is trained and how far it is, in one plain object that the loop works on and callbacks are given."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.optim.wrappers.wrapped import across
from netwright.train.backward import backward
from netwright.train.batches import Batch, Batches
from netwright.train.captured import Captured, Pass, as_it_is, compiled
from netwright.train.device import Group
from netwright.train.flat import Flat
from netwright.train.history import History
from netwright.train.precision import Precision
from netwright.train.straight import straight

# The loss of a batch. Rules of least squares look for an attribute `squares` (the loss is the mean of squares of what
# the method `residuals` of the same arguments gives) and for `differences` (these are outputs less targets).
Objective = Callable[[Any, Any, torch.Tensor | None], torch.Tensor]
Score = Callable[[Any, Any, torch.Tensor | None], float]


def no_rows() -> Batches:
    """What a run has before it is given rows, and after it has forgotten them."""
    return Batches((torch.empty(0),), torch.empty(0))


@dataclass
class Run:
    """One module in training; `netwright.train.train` moves it on.

    Parameters
    ----------
    module : the network without its last link; it gives what the objective takes.
    objective : ``(output, target, weight) -> scalar tensor``, the loss of a batch; see `Objective`.
    optimizer : an update rule of `netwright.optim`; it is built on the flat vector.
    precision : number format, device and layout; the module is there already.
    score : ``(output, target, weight) -> float`` of whole outputs, higher is better; None for none.
    penalties : parts of a regularizer (see `netwright.losses`).
    average : decay of the running average of parameters in (0, 1), or None.
    seed : of the noise of dropout.
    history : records of earlier epochs, when a run goes on.
    macs : multiply-accumulates of one sample, from which the number of threads follows; 0 if it is not known.

    Attributes
    ----------
    flat : the parameters and gradients as vectors. update : the built optimizer.
    batches, validation : the rows. epoch, batch : where the run is. epochs : where it ends.
    done : batches of the epoch that are done, where it goes on within one. seen : their losses and outputs. noise : the
        state of the generators after them.
    patience : epochs without a better monitored loss after which it ends, or None.
    stop : set it to end the run after this epoch. loss : of the last batch, a tensor.
    best_epoch : the epoch with the lowest monitored loss. diverged : the epoch whose loss was infinite or NaN, or None.
    interrupted : whether Ctrl-C ended the run. averaged, averaged_updates : the running average and its age.
    raw : the parameters themselves while the module holds their average, so that the run can go on from them.
    first_loss : of the very first batch, before its update: that of the weights the run began with.
    home : the network as one, which is the module where it is not sharded. shards : this process's part, or None.
    forward : what the loop calls for outputs, the module or what it was compiled to.
    recorded : what becomes of the pass of a batch before it is called; see `netwright.train.captured`.
    checkpoint : where it is written down (`netwright.train.checkpoint`), or None. It may be set before the run begins.

    Raises
    ------
    InvalidParameter : a module without trainable parameters, or with several dtypes.
    """

    module: torch.nn.Module
    objective: Objective
    optimizer: Any
    precision: Precision = field(default_factory=Precision)
    score: Score | None = None
    penalties: tuple[Any, ...] = ()
    average: float | None = None
    seed: int = 0
    history: History = field(default_factory=History)
    macs: int = 0

    flat: Flat = field(init=False)
    update: torch.optim.Optimizer = field(init=False)
    batches: Batches = field(init=False, default_factory=no_rows)
    validation: Batches | None = field(init=False, default=None)
    epoch: int = field(init=False, default=0)
    epochs: int = field(init=False, default=0)
    batch: int = field(init=False, default=0)
    done: int = field(init=False, default=0)
    seen: Any = field(init=False, default=None)
    noise: Any = field(init=False, default=None)
    patience: int | None = field(init=False, default=None)
    stop: bool = field(init=False, default=False)
    loss: torch.Tensor | None = field(init=False, default=None)
    best_epoch: int | None = field(init=False, default=None)
    diverged: int | None = field(init=False, default=None)
    interrupted: bool = field(init=False, default=False)
    averaged: torch.Tensor | None = field(init=False, default=None)
    averaged_updates: int = field(init=False, default=0)
    raw: torch.Tensor | None = field(init=False, default=None)
    first_loss: float | None = field(init=False, default=None)
    shards: Any = field(init=False, default=None)
    forward: Callable[..., Any] = field(init=False)
    recorded: Callable[[Pass], Pass] = field(init=False, default_factory=lambda: as_it_is)
    checkpoint: Any = field(init=False, default=None)
    home: torch.nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.module = straight(self.module)
        self.home = self.module
        if self.group.sharded and self.group.several:
            sharding = import_module("netwright.train.processes.sharding")  # FSDP2 takes a second to import
            self.shards = sharding.Shards(self.module, self.group, self.precision.device)
            self.module, self.flat = self.shards.module, self.shards.flat
        else:
            self.flat = Flat(self.module)
        if self.optimizer.by_name:
            self.update = self.optimizer.build(self.flat.named)
            self.flat.move_only([p for group in self.update.param_groups for p in group["params"]])
        else:
            self.update = self.optimizer.build([self.flat.theta])
        self.epoch = self.epochs = len(self.history)
        if self.group.several and self.optimizer.takes != "gradients":
            got, remedy = repr(self.optimizer), "Train with a rule for mini-batches such as Adam(), or in one process."
            raise InvalidParameter(
                problem("optimizer", "a rule that takes gradients, in several processes", got, remedy)
            )
        self._compile()
        if self.shards is not None:
            across(self.update, self.group.add_up)

    def _compile(self) -> None:
        """Have the module compiled or its steps recorded, where that is asked for."""
        self.forward = self.module
        asked, device = self.precision.compile, self.precision.device
        if asked and self.optimizer.takes not in ("gradients", "loss"):
            remedy = "Train with a rule for mini-batches such as Adam(), or leave compile out."
            raise InvalidParameter(problem("Devices(compile)", "a rule for mini-batches", repr(self.optimizer), remedy))
        if asked == "graphs":
            if device.type != "cuda" or self.group.several:
                got = "several processes" if self.group.several else f"the device {str(device)!r}"
                remedy = "Write compile=True, or leave it out."
                raise InvalidParameter(problem('Devices(compile="graphs")', "one process with a GPU", got, remedy))
            self.recorded = Captured(self.module)
        elif asked:
            self.forward = compiled(self.module)

    @property
    def learning_rate(self) -> float:
        """The rate that the next update uses; NaN where the rule has none and finds its own step lengths."""
        if not hasattr(self.optimizer, "learning_rate"):
            return math.nan
        return float(self.update.param_groups[0]["lr"])

    @property
    def group(self) -> Group:
        """The processes that train it together."""
        return self.precision.group

    @property
    def monitored(self) -> str:
        """The name of the loss that decides which weights are best."""
        return "train_loss" if self.validation is None else "validation_loss"

    @property
    def work(self) -> int:
        """Multiply-accumulates of one batch."""
        return self.macs * max((stop - start for start, stop in self.batches.bounds), default=0)

    @property
    def writing(self) -> tuple[Any, ...]:
        """What is told of each batch and writes the run down within an epoch; of several processes none does."""
        return () if self.checkpoint is None or self.group.several else (self.checkpoint,)

    def heeding(self) -> AbstractContextManager[None]:
        """The context in which a request to end is met by writing the run down."""
        return self.checkpoint.asked_to_end() if self.writing else nullcontext()  # type: ignore[no-any-return]

    def penalty(self) -> float:
        """The penalties of the weights as they stand."""
        return sum(float(self.flat.add_up(part.penalty(self.flat.front(part.biases)[0]))) for part in self.penalties)

    def total(self) -> torch.Tensor:
        """The loss of the last batch with the penalties."""
        assert self.loss is not None
        return self.loss + self.penalty()

    def parts(self) -> Iterator[Batch]:
        """The batches of the epoch, of several processes this one's part of each."""
        batches, group = self.batches(self.epoch), self.group
        if not group.several:
            return self._rest(batches) if self.done else batches
        return self._shared(group.parts(batches, getattr(self.batches, "counted", None)))

    def _rest(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches that are not done yet, with the noise that belongs to them."""
        for _ in zip(range(self.done), batches, strict=False):
            """Drawn only, so that the others are those of the epoch."""
        self.precision.set_noise(self.noise)
        yield from batches

    def _shared(self, parts: Iterator[Batch]) -> Iterator[Batch]:
        yield from parts
        self.group.even_out(self.module.buffers())

    def backward(self, loss: torch.Tensor) -> torch.Tensor:
        """Add the gradient of a batch, of several processes the sum of theirs; gives the loss of the whole batch."""
        group = self.precision.group
        if not group.several:
            backward(loss)
            return loss.detach()
        if group.share or self.shards is not None:
            backward(loss * group.weight)
        loss = loss.detach() * group.share if group.share else loss.new_zeros(())  # that of nothing may be NaN
        if self.shards is not None:
            self.shards.pull()
            return group.add_up(loss)
        self.flat.bucket[-1] = loss
        return group.add_up(self.flat.bucket)[-1].clone()

    def load(self, batches: Batches, validation: Batches | None = None) -> None:
        """Give the run its training rows and its held-out rows."""
        self.batches, self.validation = batches, validation

    def digest(self) -> str:
        """A hash of the rows, training and held out."""
        found = hashlib.blake2b(digest_size=12)
        for part in (self.batches, self.validation):
            if part is not None:
                for tensor in part.contents():
                    found.update(str(tuple(tensor.shape)).encode())
                    found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        return found.hexdigest()

    def state(self) -> dict[str, Any]:
        """What an exact continuation needs beside the module: moments of the rule, the average, the parameters."""
        moments = None if self.shards is not None and self.optimizer.by_name else self.update.state_dict()
        found = {"moments": moments, "averaged": self.averaged, "raw": self.raw}
        if self.shards is not None:
            found = _vectors(found, self.flat.theta.shape, self.shards.whole)
        return {**_copy(found), "averaged_updates": self.averaged_updates}

    def resume(self, state: dict[str, Any], moments: bool = True) -> None:
        """Take up a state that `state` gave; the moments only when the rule is the same."""
        state = {name: _tensor(item) for name, item in state.items()}
        if self.shards is not None:
            state = _vectors(state, torch.Size([sum(p.numel() for p in self.home.parameters())]), self.shards.part)
        if moments and state["moments"] is not None:
            self.update.load_state_dict(state["moments"])
        self.averaged, self.raw = state["averaged"], state["raw"]
        self.averaged_updates = state["averaged_updates"]

    def forget_rows(self) -> None:
        """Let the data go; what is needed to train on stays."""
        self.batches, self.validation, self.loss, self.seen = no_rows(), None, None, None

    def set_rate(self, epoch: float) -> None:
        """Set the learning rate of a moment; `epoch` counts from 0 and has the share of the epoch that is done."""
        rate = self.optimizer.rate(epoch, self.epochs, self.history[self.monitored])
        for group in self.update.param_groups:
            group["lr"] = rate


def _copy(item: Any) -> Any:
    """A state with its tensors as arrays of its own; numbers, texts and None as they are."""
    if isinstance(item, torch.Tensor):
        return item.detach().cpu().numpy().copy()
    return _each(item, _copy)


def _tensor(item: Any) -> Any:
    """The inverse of `_copy`."""
    return torch.from_numpy(np.array(item)) if isinstance(item, np.ndarray) else _each(item, _tensor)


def _vectors(item: Any, shape: torch.Size, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """A state with its vectors of one shape changed."""
    if isinstance(item, torch.Tensor):
        return change(item) if item.shape == shape and item.ndim else item
    return _each(item, lambda part: _vectors(part, shape, change))


def _each(item: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(item, dict):
        return {name: change(part) for name, part in item.items()}
    return type(item)(map(change, item)) if isinstance(item, (list, tuple)) else item
