"""Generations: the last states of something that goes on, each a whole file in one folder.

A new one is complete before an old one goes (`netwright.core.storage` writes whole files or none), so whenever a
program is killed the folder has one that is good. A file that is damaged nevertheless is passed over for the one before
it, with a warning.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter, problem
from netwright.core.validation import Constraint, integer, nothing, number, satisfies
from netwright.core.value import value

KEPT = 2
TERMINATED = 143  # what a program ends with that was asked to end: 128 and the number of the signal
REMEDY = "Give this run a folder of its own, or begin anew: resume=False, or the command without --resume."


def _is_folder(given: Any) -> bool:
    return isinstance(given, (str, os.PathLike)) and isinstance(os.fspath(given), str) and os.fspath(given) != ""


folder_of_checkpoints = nothing | satisfies("the name of a folder, or Checkpoints", _is_folder)


@final
@value("checkpoints")
class Checkpoints:
    """Where a run is written down, and how often: after every epoch, and within one by steps or by time.

    Parameters
    ----------
    folder : of one run, its name or path; it is made.
    epochs : after how many epochs, >= 1; the last one is always written down.
    steps : after how many batches of an epoch, >= 1; None: not by their number.
    seconds : after how many seconds since it was written down last, > 0; None: not by time. Runs of several processes
        are written down after epochs only, and so are classical networks.

    Raises
    ------
    InvalidParameter : options out of range.

    Examples
    --------
    >>> Checkpoints("runs/a"), Checkpoints("runs/a", steps=100, seconds=None)
    (Checkpoints('runs/a'), Checkpoints('runs/a', steps=100, seconds=None))
    """

    folder: str
    _: KW_ONLY
    epochs: int = 1
    steps: int | None = None
    seconds: float | None = 60.0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "folder": satisfies("the name of a folder", _is_folder),
        "epochs": integer(1),
        "steps": integer(1) | nothing,
        "seconds": number(0, closed="neither") | nothing,
    }

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", os.fspath(self.folder))

    def __fspath__(self) -> str:
        return self.folder

    def within(self, name: str) -> Checkpoints:
        """The same for a run that has a folder in this one."""
        folder = os.path.join(self.folder, name)
        return Checkpoints(folder, epochs=self.epochs, steps=self.steps, seconds=self.seconds)


def checkpoints_of(given: str | os.PathLike[str]) -> Checkpoints:
    """What an option stands for: `Checkpoints`, or the name of a folder."""
    return given if isinstance(given, Checkpoints) else Checkpoints(os.fspath(given))


class Pace:
    """Whether it is time to write a run down; when it is asked to end (SIGTERM), it always is."""

    def __init__(self, asked: Checkpoints) -> None:
        self._asked, self._last, self._ending = asked, time.monotonic(), False

    def is_due_within(self, step: int) -> bool:
        """Whether it is, after so many steps of an epoch."""
        asked = self._asked
        by_steps = asked.steps is not None and step % asked.steps == 0
        by_time = asked.seconds is not None and time.monotonic() - self._last >= asked.seconds
        return by_steps or by_time or self._ending

    def is_due_after(self, epoch: int, last: bool) -> bool:
        """Whether it is, after so many epochs."""
        return last or epoch % self._asked.epochs == 0 or self._ending

    def end(self) -> None:
        """Leave the program, if it was asked to end; the run is written down.

        Raises
        ------
        SystemExit : with 143.
        """
        if self._ending:
            raise SystemExit(TERMINATED)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A request to end is heard inside this block, in the main thread, and is met at its end at the latest."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: Any) -> None:
            self._ending = True

        before = signal.signal(signal.SIGTERM, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
        self.end()  # asked after the last batch

    def begin_anew(self) -> None:
        """It was written down just now."""
        self._last = time.monotonic()


class Generations:
    """The states in a folder, by names whose order is that of time.

    Parameters
    ----------
    folder : that holds them; it is made when the first one is written. begin : of the names of the files.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> there = Generations(tempfile.mkdtemp(), "step")
    >>> for step in range(4):
    ...     _ = there.write(f"{step:03d}", "Counter", {"step": step}, {"x": np.full(2, step)})
    >>> [path.name for path in there.files()]
    ['step-002.nw', 'step-003.nw']
    >>> there.newest("Counter")[1].content
    {'step': 3}
    """

    def __init__(self, folder: str | os.PathLike[str], begin: str) -> None:
        self.folder, self.begin = Path(folder), begin

    def files(self) -> list[Path]:
        """The files, the oldest first."""
        return sorted(path for path in self.folder.glob(f"{self.begin}-*.nw") if path.is_file())

    def newest(self, kind: str) -> tuple[Path, storage.Stored] | None:
        """The newest one that is whole, with what it holds; None where there is none.

        Parameters
        ----------
        kind : of the files.

        Raises
        ------
        InvalidParameter : a file of another kind.
        """
        for path in reversed(self.files()):
            try:
                stored = storage.read(path)
            except (CorruptFile, OSError) as error:
                warnings.warn(f"{error} The checkpoint before it is taken.", UserWarning, stacklevel=3)
                continue
            if stored.kind != kind:
                where, got = f"checkpoint {str(self.folder)!r}", f"{path.name} with a {stored.kind}"
                raise InvalidParameter(problem(where, f"files with a {kind}, as of this run", got, REMEDY))
            return path, stored
        return None

    def make_ready(self) -> None:
        """Make the folder, so that one that cannot be is told of before the work and not after it.

        Raises
        ------
        OSError : it cannot be made or written into.
        """
        where, expected = f"checkpoint {str(self.folder)!r}", "a folder that can be written into"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(problem(where, expected, f"{error}", "Choose another.")) from error
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise OSError(problem(where, expected, "one that may not be", "Choose another."))

    def write(
        self, name: str, kind: str, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> tuple[Path, list[Path]]:
        """Write one, and remove those that are older than two, and later ones, of a run that this one replaces.

        Where the disk is full or has failed a warning says so, those before stay, and the run goes on.

        Parameters
        ----------
        name : of this one; a later one comes later in the alphabet. kind, content, arrays : as of `storage.write`.

        Returns
        -------
        the file, and the files that were removed.
        """
        path = self.folder / f"{self.begin}-{name}.nw"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            storage.write(path, kind, content, arrays)
        except OSError as error:
            text = f"{error} The run goes on, but is not written down this time."
            warnings.warn(text, UserWarning, stacklevel=4)
            return path, []
        there = self.files()
        kept = [each for each in there if each <= path][-KEPT:]
        old = [each for each in there if each not in kept]
        for each in old:
            each.unlink(missing_ok=True)
        return path, old

    def expect(self, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Compare what a run is with what the folder's run was.

        Parameters
        ----------
        wanted, found : settings and rows, by name.

        Raises
        ------
        InvalidParameter : another run, with the first setting that differs.
        """
        for name, item in wanted.items():
            if found.get(name) != item:
                expected = f"{name} {item}, as of this run"
                where = f"checkpoint {str(self.folder)!r}"
                raise InvalidParameter(problem(where, expected, f"{found.get(name)}", REMEDY))


def tell_of_other_conditions(now: Mapping[str, str], then: Mapping[str, str]) -> None:
    """Warn where a run goes on under other conditions than it began with, such as versions and threads.

    Parameters
    ----------
    now, then : what the bits depend on beside the run itself, by name.
    """
    other = [f"{name} {then.get(name)} then, {item} now" for name, item in now.items() if then.get(name) != item]
    if other:
        text = f"training goes on under other conditions ({'; '.join(other)}): the last bits may differ from those of"
        warnings.warn(f"{text} a run that was not cut.", UserWarning, stacklevel=3)
