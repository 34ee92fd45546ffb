"""One program examined, run under a watch, scored, and mended by the remedy of its first finding."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from mending import mend

from netwright.checks import Diagnosis, Fault, check, watch


@dataclass
class Outcome:
    """What was found in one program with one seed.

    Attributes
    ----------
    name, kind, healthy, seed : which program. before, during : codes of the faults of `check` and of `watch`, in
    their order. seconds : CPU time of `check`. score : of the test rows after the run. mended : after the first
    finding's remedy was applied and the program run again, NaN where there is none. notes : codes of notes.
    """

    name: str
    kind: str
    healthy: bool
    seed: int
    accepts: list[str]
    also: list[str]
    untouched: bool
    before: list[str] = field(default_factory=list)
    during: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    unexamined: list[str] = field(default_factory=list)
    seconds: float = 0.0
    score: float = math.nan
    mended: float = math.nan

    @property
    def first(self) -> str | None:
        """The first cause that was named: before training, else during."""
        return next(iter([*self.before, *self.during]), None)

    @property
    def all(self) -> list[str]:
        """All causes that were named, each once."""
        return list(dict.fromkeys([*self.before, *self.during]))


def examined(fault: Fault, healthy: bool, seed: int, mending: bool = True) -> dict[str, Any]:
    """Examine one program, as plain data.

    Parameters
    ----------
    fault : the program. healthy : its twin. seed : of the data and weights. mending : whether to try the remedy.
    """
    torch.set_num_threads(1)
    outcome = Outcome(fault.name, fault.kind, healthy, seed, list(fault.accepts), list(fault.also), fault.untouched)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = fault.make(seed, healthy)
        begin = time.process_time()
        found = check(
            program.module,
            program.loss,
            program.optimizer,
            program.data,
            validation=program.validation,
            batch_size=program.batch_size,
            epochs=program.epochs,
            **program.declared,
        )
        outcome.seconds = time.process_time() - begin
        seen, broken = None, ""
        with watch(program.module, program.optimizer, program.loss, **program.declared) as watching:
            try:
                program.run(watching.validation)
            except (RuntimeError, ValueError, IndexError) as error:
                broken = f"{type(error).__name__}: {error}"
        seen = watching.diagnosis
        outcome.score = program.score() if not broken else math.nan
        _write(outcome, found, seen)
        first = next(iter([*found.faults, *seen.faults]), None)
        if mending and first is not None and not healthy:
            outcome.mended = _mended(fault, seed, first.remedy, first.where.layer)
    return asdict(outcome)


def _write(outcome: Outcome, found: Diagnosis, seen: Diagnosis) -> None:
    outcome.before, outcome.during = list(found.codes), list(seen.codes)
    for diagnosis in (found, seen):
        outcome.notes += [each.code for each in diagnosis.notes if each.code != "not-examined"]
        outcome.messages += [str(each) for each in diagnosis.faults]
        for each in diagnosis.findings:
            for one in (each, *each.consequences):
                if one.code == "not-examined":
                    outcome.unexamined.append(one.seen)


def _mended(fault: Fault, seed: int, remedy: Any, where: str | None) -> float:
    program = fault.make(seed, False)
    try:
        changed = mend(program, remedy, where)
        if changed is None:
            return math.nan
        changed.run()
        return changed.score()
    except Exception:  # a remedy that cannot be carried out restores nothing
        return math.nan
