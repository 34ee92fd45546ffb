"""The benchmark of diagnosis as data: broken programs with healthy twins, and healthy programs.

Whoever writes a tool that looks for faults can measure it on these::

    from netwright.checks import load_faults

    for fault in load_faults():
        program = fault.make(seed=0, healthy=False)  # program.module, .loss, .optimizer, .data, .validation
        program.run()                                # trains, by the program's own loop
        program.score()                              # of rows that it never saw
"""

from __future__ import annotations

import importlib
import pkgutil

from netwright.checks.faults import healthy, public, seeded
from netwright.checks.faults.catalogue import KINDS, PROGRAMS, Fault
from netwright.checks.faults.program import Program
from netwright.core.errors import InvalidParameter, problem

__all__ = ["Fault", "Program", "load_faults"]


def load_faults(kind: str | None = None) -> list[Fault]:
    """The programs of the benchmark of diagnosis, sorted by kind and name.

    Parameters
    ----------
    kind : "seeded" (63 faults with healthy twins), "healthy" (40), "public" (40 published bugs), "compound" (10), or
        None for all.

    Returns
    -------
    list of `Fault` : ``fault.make(seed, healthy)`` makes a program; ``fault.accepts`` are codes that name it rightly.

    Raises
    ------
    InvalidParameter : another kind.

    Examples
    --------
    >>> fault = load_faults("seeded")[0]
    >>> fault.kind, len(fault.accepts) > 0
    ('seeded', True)
    """
    if kind is not None and kind not in KINDS:
        raise InvalidParameter(problem("load_faults(kind)", f"None or one of {', '.join(KINDS)}", repr(kind)))
    for package in (seeded, healthy, public):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    importlib.import_module("netwright.checks.faults.compound")
    chosen = (fault for fault in PROGRAMS.values() if kind in (None, fault.kind))
    return sorted(chosen, key=lambda fault: (KINDS.index(fault.kind), fault.name))
