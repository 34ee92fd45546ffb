"""The catalogue of programs: seeded faults with healthy twins, healthy programs, public bugs restated, compounds.

A program enters by a decorator on the function that makes it::

    @seeded("double-softmax", name="softmax-before-cross-entropy-digits", net="mlp")
    def softmax_before_cross_entropy(seed: int, healthy: bool) -> Program:
        ...
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from netwright.checks.faults.program import Program
from netwright.core.errors import problem

KINDS = ("seeded", "healthy", "public", "compound")


@dataclass(frozen=True)
class Fault:
    """One program of the benchmark and its healthy twin.

    Attributes
    ----------
    name : unique and stable.
    kind : "seeded", "healthy", "public" or "compound".
    accepts : codes that name the cause rightly; none for a healthy program; of a compound, those of its first fault.
    make : ``make(seed, healthy) -> Program``; a healthy program ignores the second.
    net : "mlp", "cnn", "rnn", "attention", ...
    validity : whether the fault spoils what the score means, and not the score.
    source : where the bug was published, such as "https://stackoverflow.com/questions/33969059"; "" of seeded ones.
    also : of a compound, the codes of its second fault.
    """

    name: str
    kind: str
    accepts: tuple[str, ...]
    make: Callable[[int, bool], Program]
    net: str = "mlp"
    validity: bool = False
    source: str = ""
    also: tuple[str, ...] = ()

    @property
    def untouched(self) -> bool:
        """Whether the program is in the half by which no threshold is set."""
        return hashlib.sha256(self.name.encode()).digest()[0] % 2 == 1

    @property
    def summary(self) -> str:
        """The first line of what its author says of it."""
        return (self.make.__doc__ or "").strip().splitlines()[0]


PROGRAMS: dict[str, Fault] = {}
Make = Callable[[int, bool], Program]


def _enter(fault: Fault) -> None:
    if fault.name in PROGRAMS:
        raise ValueError(problem(fault.name, "a name of its own", f"that of {PROGRAMS[fault.name].make.__qualname__}"))
    PROGRAMS[fault.name] = fault


def seeded(*accepts: str, name: str, net: str = "mlp", validity: bool = False) -> Callable[[Make], Make]:
    """Enter a seeded fault: the codes that name it rightly, the likeliest first."""

    def enter(make: Make) -> Make:
        _enter(Fault(name, "seeded", accepts, make, net, validity))
        return make

    return enter


def healthy(*, name: str, net: str = "mlp") -> Callable[[Callable[[int], Program]], Callable[[int], Program]]:
    """Enter a healthy program, ``make(seed)``."""

    def enter(make: Callable[[int], Program]) -> Callable[[int], Program]:
        def either(seed: int, healthy: bool) -> Program:
            return make(seed)

        either.__doc__ = make.__doc__
        _enter(Fault(name, "healthy", (), either, net))
        return make

    return enter


def public(*accepts: str, name: str, source: str, net: str = "mlp", validity: bool = False) -> Callable[[Make], Make]:
    """Enter a restated public bug; its twin is the accepted answer's fix."""

    def enter(make: Make) -> Make:
        _enter(Fault(name, "public", accepts, make, net, validity, source))
        return make

    return enter


def compound(first: tuple[str, ...], second: tuple[str, ...], *, name: str, net: str = "mlp") -> Callable[[Make], Make]:
    """Enter a program with two faults; each has its own accepted codes."""

    def enter(make: Make) -> Make:
        _enter(Fault(name, "compound", first, make, net, also=second))
        return make

    return enter
