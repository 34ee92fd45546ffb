"""One program examined, run under a watch, scored, and mended by the remedy of its first finding."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from mending import mend

from netwright.checks import Diagnosis, Fault, Finding, Program, Remedy, check, watch

ROUNDS = 3  # of remedies that are followed, each after the program was examined again


@dataclass
class Outcome:
    """What was found in one program with one seed.

    Attributes
    ----------
    name, kind, healthy, seed : which program. before, during : codes of the faults of `check` and of `watch`, in
    their order. seconds : CPU time of `check`. score : of the test rows after the run. mended : after the first
    finding's remedy was applied and the program run again, NaN where there is none. followed : after the program was
    examined again and mended by what is found then, at most three times in all. notes : codes of notes.
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
    followed: float = math.nan
    validity: bool = False

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
    outcome.validity = fault.validity
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = fault.make(seed, healthy)
        begin = time.process_time()
        found = examine(program)
        outcome.seconds = time.process_time() - begin
        seen, broken = run(program)
        outcome.score = program.score() if not broken else math.nan
        _write(outcome, found, seen)
        if mending and not healthy:
            outcome.mended, outcome.followed = _mended(fault, seed, [*found.faults, *seen.faults])
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


def examine(program: Program) -> Diagnosis:
    """What `check` finds in a program.

    Parameters
    ----------
    program : that has not run.
    """
    return check(
        program.module,
        program.loss,
        program.optimizer,
        program.data,
        validation=program.validation,
        batch_size=program.batch_size,
        epochs=program.epochs,
        **program.declared,
    )


def run(program: Program) -> tuple[Diagnosis, bool]:
    """What a watch sees of the program's run, and whether it broke off.

    Parameters
    ----------
    program : to be run.
    """
    broken = False
    with watch(program.module, program.optimizer, program.loss, **program.declared) as watching:
        try:
            program.run(watching.validation)
        except (RuntimeError, ValueError, IndexError):
            broken = True
    return watching.diagnosis, broken


def _mended(fault: Fault, seed: int, findings: list[Finding]) -> tuple[float, float]:
    """The score with the first remedy, and with those that are found after it, followed in turn."""
    remedies: list[tuple[Remedy | None, str | None]] = []
    scores: list[float] = []
    while findings and len(scores) < ROUNDS:
        remedies.append((findings[0].remedy, findings[0].where.layer))
        try:
            program = fault.make(seed, False)
            for remedy, where in remedies:
                program = mend(program, remedy, where)
            told = list(examine(program).faults)
            seen, broken = run(program)
            scores.append(math.nan if broken else program.score())
            findings = [*told, *seen.faults]
        except Exception:  # a remedy that cannot be carried out restores nothing
            break
    return (scores[0], scores[-1]) if scores else (math.nan, math.nan)
