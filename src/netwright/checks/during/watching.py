"""`watch`: somebody's own training loop seen by hooks, and diagnosed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from netwright.checks.checking import ask, declared, examine, optimizers_of
from netwright.checks.context import Context, Intent
from netwright.checks.copies import replica
from netwright.checks.diagnosis import Diagnosis, Signal, diagnose
from netwright.checks.during import curves, inside, origin, protocol, speed
from netwright.checks.during.hooks import Hooks
from netwright.checks.during.sampling import Closer
from netwright.checks.during.tape import Checked, Tape
from netwright.checks.finding import Finding
from netwright.checks.reading import Batch, Material, leaves
from netwright.core.errors import InvalidParameter, problem, shown


class Watched:
    """What the questions about a run are asked of: the tape, the user's objects, and the program as it began.

    Attributes
    ----------
    tape : what was seen. module, optimizers, loss : the user's. intent : what is declared. signals : figures looked at.
    """

    def __init__(self, tape: Tape, module: nn.Module, optimizers: list[Any], loss: Any, intent: Intent) -> None:
        self.tape, self.module, self.optimizers, self.loss, self.intent = tape, module, optimizers, loss, intent
        self.signals: dict[str, Signal] = {}
        self.beginning: tuple[Any, ...] | None = None

    def signal(self, name: str, value: float, limit: float, code: str) -> float:
        """Note a figure that is looked at, and give it back."""
        self.signals[name] = Signal(float(value), float(limit), code)
        return float(value)

    def context(self, beginning: bool = True) -> Context | None:
        """The program for trials: as it began or as it is, with the batches that were kept; None without targets."""
        if not self.tape.batches or not callable(self.loss):
            return None
        module, optimizers = (self.module, self.optimizers)
        if beginning:
            if self.beginning is None:
                return None
            module, optimizers = self.beginning
        batches = [batch for batch in self.tape.batches if _alike(batch, self.tape.batches[0])]
        whole = Batch(
            tuple(torch.cat(parts) for parts in zip(*(batch.inputs for batch in batches), strict=True)),
            torch.cat([batch.target for batch in batches]),
        )
        sizes = [len(batch) for batch in batches]
        material = Material(whole, batches, max(sizes), min(sizes), None, complete=False)
        return Context(module, optimizers, self.loss, material, None, self.intent)


def _alike(batch: Batch, other: Batch) -> bool:
    tensors = [*leaves(batch.inputs), *leaves(batch.target)], [*leaves(other.inputs), *leaves(other.target)]
    return isinstance(batch.target, Tensor) and [t.shape[1:] for t in tensors[0]] == [t.shape[1:] for t in tensors[1]]


class Watch:
    """A watch over a training loop, as a context manager; the loop stays as it is.

    Parameters
    ----------
    module : that is trained.
    optimizer : one, or a list.
    loss : ``loss(output, target)``, or None.
    frozen, imbalanced, ignore : as in `check`.

    Attributes
    ----------
    diagnosis : of what was seen so far.

    Examples
    --------
    >>> import torch
    >>> X, y = torch.randn(64, 4), torch.randint(0, 2, (64,))
    >>> module, loss = torch.nn.Linear(4, 2), torch.nn.CrossEntropyLoss()
    >>> optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    >>> with Watch(module, optimizer, loss) as watch:
    ...     for _ in range(20):
    ...         loss(module(X), y).backward()
    ...         optimizer.step()
    >>> watch.diagnosis.codes[0]
    'missing-zero-grad'
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: Any,
        loss: Any = None,
        *,
        frozen: Any = (),
        imbalanced: bool = False,
        ignore: Iterable[str] = (),
    ) -> None:
        if not isinstance(module, nn.Module):
            raise InvalidParameter(problem("nw.watch(module)", "a torch.nn.Module", shown(module)))
        intent = declared(frozen, imbalanced, ignore)
        self.tape = Tape()
        self._watched = Watched(self.tape, module, optimizers_of(optimizer), loss, intent)
        self._hooks = Hooks(self.tape, module, self._watched.optimizers, loss)
        self._hooks.closer = Closer(self.tape, self._hooks)

    def __enter__(self) -> Self:
        watched = self._watched
        try:
            watched.beginning = replica(watched.module, watched.optimizers)
        except Exception:  # a module that cannot be copied is watched without trials
            watched.beginning = None
        self._hooks.attach()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hooks.detach()

    def validation(self, loss: float = math.nan, score: float = math.nan) -> None:
        """Tell how the held-out rows stand, once an epoch.

        Parameters
        ----------
        loss : their loss. score : higher is better.
        """
        hooks = self._hooks
        hooks.stop_looking_for_target()
        noisy = any(each.training for each in hooks.stateful)
        self.tape.checked.append(Checked(self.tape.steps, float(loss), float(score), noisy))

    @property
    def diagnosis(self) -> Diagnosis:
        """What was found so far, root cause first."""
        return diagnose_run(self._watched)


def diagnose_run(watched: Watched) -> Diagnosis:
    """What is to be said of a run; where it went badly, of the program as it began too.

    Parameters
    ----------
    watched : the run.
    """
    watched.signals = {}
    found: list[Finding] = []
    for question in QUESTIONS:
        found += [replace(each, stage="run") for each in ask(question, watched)]  # type: ignore[arg-type]
    if curves.failed(watched):
        context = watched.context()
        if context is not None:
            found += [each for each in examine(context) if each.code != "not-examined"]
            watched.signals |= context.signals
    return diagnose(found, watched.intent.ignore, watched.signals)


QUESTIONS = (
    protocol.gradients_cleared,
    protocol.steps_made,
    protocol.training_mode,
    protocol.held_out_mode,
    protocol.downhill,
    protocol.order_of_classes,
    origin.not_finite,
    speed.first_step,
    speed.rises,
    speed.clipped,
    speed.schedule,
    speed.decayed,
    inside.arrives,
    inside.alive,
    inside.flat,
    inside.spikes,
    curves.overfits,
    curves.unfinished,
    curves.carries_over,
    curves.one_answer,
    curves.metric_agrees,
    curves.statistics_fit,
)


def watch(module: nn.Module, optimizer: Any, loss: Any = None, **declared: Any) -> Watch:
    """Watch a training loop: ``with nw.watch(module, optimizer, loss) as watch: ...``; the loop stays as it is.

    Parameters
    ----------
    module : that is trained.
    optimizer : of torch, or a list of them.
    loss : ``loss(output, target)``, a module or a function; None where there is no such thing.
    declared : ``frozen``, ``imbalanced`` and ``ignore`` as in `check`.

    Returns
    -------
    Watch : with ``.validation(loss=, score=)``, to be called once an epoch if at all, and ``.diagnosis``.

    Raises
    ------
    InvalidParameter : a module, an optimizer or an option that cannot be.
    """
    return Watch(module, optimizer, loss, **declared)
