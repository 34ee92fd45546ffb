"""`watch`: somebody's own training loop seen by hooks, and diagnosed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from netwright.checks.checking import ask, examine
from netwright.checks.context import Context, Intent
from netwright.checks.copies import replica
from netwright.checks.diagnosis import Diagnosis, Signal, diagnose
from netwright.checks.during import against, curves, inside, metric, origin, protocol, speed, steering
from netwright.checks.during.hooks import Hooks
from netwright.checks.during.passes import Way
from netwright.checks.during.program import program
from netwright.checks.during.tape import Checked, Tape
from netwright.checks.finding import Finding
from netwright.checks.options import declared, loss_of, module_of, optimizers_of
from netwright.checks.reward import climbing
from netwright.core.errors import InvalidParameter, problem, shown

ODD = 0.1  # passes that cannot be read, for each batch that was kept
LARGEST = 2**28  # bytes of a module of which a copy is kept


class Watched:
    """What the questions about a run are asked of: the tape, the user's objects, and the program as it began.

    Attributes
    ----------
    tape : what was seen. module, optimizers, loss : the user's. intent : what is declared. signals : figures looked at.
    beginning : copies of the module and the optimizers before the first step, or None. way : from the output to what
    the loss is given. trials : ends of trials that were made. slower_helps : whether a smaller rate was seen to help.
    """

    def __init__(self, tape: Tape, module: nn.Module, optimizers: list[Any], loss: Any, intent: Intent) -> None:
        self.tape, self.module, self.optimizers, self.loss, self.intent = tape, module, optimizers, loss, intent
        self.signals: dict[str, Signal] = {}
        self.beginning: tuple[Any, ...] | None = None
        self.way = Way()
        self.trials: dict[Any, float | None] = {}
        self.programs: dict[bool, Context | None] = {}
        self.slower_helps = False

    def renew(self) -> None:
        """Forget what was computed of the run so far."""
        self.signals, self.trials, self.programs, self.slower_helps = {}, {}, {}, False

    def signal(self, name: str, value: float, limit: float, code: str) -> float:
        """Note a figure that is looked at, and give it back."""
        self.signals[name] = Signal(float(value), float(limit), code)
        return float(value)

    @property
    def plain(self) -> bool:
        """Whether the loop is "the loss of output and target", so that a trial of it says something of the run."""
        return bool(self.tape.batches) and self.tape.odd <= ODD * len(self.tape.batches)

    @property
    def moved(self) -> bool:
        """Whether any weight is another than at the beginning; also where that is not known."""
        if self.beginning is None:
            return True
        now, then = list(self.module.parameters()), list(self.beginning[0].parameters())
        alike = [
            a.shape == b.shape and a.dtype == b.dtype and a.device == b.device for a, b in zip(now, then, strict=False)
        ]
        if len(now) != len(then) or not all(alike):
            return True
        return any(not torch.equal(a.detach(), b.detach()) for a, b in zip(now, then, strict=True))

    def context(self, beginning: bool = True) -> Context | None:
        """The program for trials: as it began or as it is, with the batches that were kept.

        None where there is no program to be tried: no targets, a loop that is more than the loss of output and target.
        """
        if beginning not in self.programs:
            try:
                self.programs[beginning] = self._program(beginning)
            except Exception:  # a program of anybody's of which no trial can be made is watched all the same
                self.programs[beginning] = None
        return self.programs[beginning]

    def _program(self, beginning: bool) -> Context | None:
        if not self.plain or not callable(self.loss) or (beginning and self.beginning is None):
            return None
        module, optimizers = (self.module, self.optimizers)
        if beginning and self.beginning is not None:
            module, optimizers = self.beginning
        return program(module, optimizers, self.way.loss(self.loss), self.tape.batches, self.intent)


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
        inside, loss = module_of(module, "nw.watch"), None if loss is None else loss_of(loss, "nw.watch")
        intent = declared(frozen, imbalanced, ignore, module, "nw.watch")
        self.tape = Tape()
        self._watched = Watched(self.tape, inside, optimizers_of(optimizer, "nw.watch"), loss, intent)
        self._hooks = Hooks(self.tape, (module, inside), self._watched.optimizers, loss)
        groups = climbing(self._watched.optimizers)
        self.tape.climbs = bool(groups) and all(groups)
        self._told: tuple[Any, Diagnosis] | None = None

    def __enter__(self) -> Self:
        watched = self._watched
        if watched.beginning is None and not self.tape.steps:
            watched.beginning = _copied(watched)
        self._hooks.attach()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hooks.detach()

    def validation(self, loss: Any = None, score: Any = None) -> None:
        """Tell how the held-out rows stand, once an epoch.

        Parameters
        ----------
        loss : their loss, a number or a tensor with one; None where it is not known.
        score : the same, higher is better.

        Raises
        ------
        InvalidParameter : what is no number.
        """
        told = _number("loss", loss), _number("score", score)
        way = -1.0 if self.tape.climbs else 1.0
        self.tape.checked.append(Checked(self.tape.steps, way * told[0], told[1], self._hooks.validated()))

    @property
    def diagnosis(self) -> Diagnosis:
        """What was found so far, root cause first."""
        tape, watched = self.tape, self._watched
        now = (tape.steps, tape.backwards, tape.held, len(tape.checked), self._hooks.entrance.module is None)
        if self._told is None or self._told[0] != now:
            watched.way = self._hooks.training.way or Way()
            with self._hooks.paused():
                self._told = now, diagnose_run(watched)
        return self._told[1]


def _copied(watched: Watched) -> tuple[Any, ...] | None:
    """The program as it begins; None where it cannot be copied, or is too large to be kept twice."""
    try:
        tensors = [*watched.module.parameters(), *watched.module.buffers()]
        if sum(tensor.numel() * tensor.element_size() for tensor in tensors) > LARGEST:
            return None
        copies: tuple[Any, ...] = replica(watched.module, watched.optimizers)
    except Exception:  # a module that cannot be copied is watched without trials
        return None
    return copies


def _number(name: str, value: Any) -> float:
    """A figure of the user's as a number, NaN for none."""
    if value is None:
        return math.nan
    try:
        return float(value.detach() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        where = f"watch.validation({name})"
        raise InvalidParameter(problem(where, "a number, a tensor with one, or None", shown(value))) from error


def diagnose_run(watched: Watched) -> Diagnosis:
    """What is to be said of a run; where it went badly, of the program as it began too.

    Parameters
    ----------
    watched : the run.
    """
    watched.renew()
    found: list[Finding] = []
    for question in QUESTIONS:
        found += [replace(each, stage="run") for each in ask(question, watched)]  # type: ignore[arg-type]
    found += ask(as_it_began, watched)  # type: ignore[arg-type]
    return diagnose(found, watched.intent.ignore, watched.signals)


def as_it_began(watched: Watched) -> Iterable[Finding]:
    """What is to be said of the program as it began: all of it where the run went badly, else what it left behind.

    Where the run has shown that a smaller rate alone helps, it takes no second change.

    Parameters
    ----------
    watched : the run.
    """
    context = watched.context()
    if context is None:
        return
    if not curves.failed(watched):
        yield from steering.left_behind(watched, context)
        return
    found = [each for each in examine(context) if each.code != "not-examined"]
    watched.signals |= context.signals
    both = {each.seen for each in found if each.code == "lr-too-high"} if watched.slower_helps else set()
    yield from (each for each in found if each.code == "lr-too-high" or each.seen not in both)


QUESTIONS = (
    protocol.seen_to_the_end,
    protocol.gradients_cleared,
    protocol.steps_made,
    protocol.gradients_used,
    steering.frozen_inside,
    steering.made_anew,
    protocol.training_mode,
    protocol.held_out_mode,
    protocol.downhill,
    protocol.order_of_classes,
    origin.not_finite,
    speed.first_step,
    speed.rises,
    speed.clipped,
    speed.schedule,
    speed.never_began,
    speed.decayed,
    inside.arrives,
    inside.alive,
    inside.flat,
    inside.spikes,
    against.answers_turned,
    curves.overfits,
    curves.unfinished,
    curves.carries_over,
    curves.one_answer,
    metric.metric_agrees,
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
