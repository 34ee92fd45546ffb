"""The lock of a journal file: the system drops it when its holder dies, and a line that was cut is taken away.

A writer that is killed leaves two things behind. A lock that is a file would stay, so this one is ``flock`` on a file
beside the journal. Half a line would join the next one and make both unreadable, so whoever gets the lock looks at
the end of the journal first: bytes after the last line end are of a writer that is dead.
"""

from __future__ import annotations

import os
import time
from typing import Any

from netwright.core.errors import InvalidData, problem

try:
    import fcntl
except ImportError:  # Windows: Optuna's own lock is used there
    fcntl = None  # type: ignore[assignment]

PATIENCE = 60.0  # seconds to wait for another writer
BLOCK = 4096  # bytes that are read at a time to find the last line end
SUFFIX = ".netwright-lock"  # Optuna's own locks are files that end in .lock, and mean that they are held
HAS_LOCKS = fcntl is not None


class JournalLock:
    """What Optuna's ``JournalFileBackend`` takes as ``lock_obj``.

    Parameters
    ----------
    path : of the journal.
    patience : seconds to wait for another writer, > 0.
    """

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        self.path = path
        self.patience = patience
        self._file = -1

    def acquire(self) -> bool:
        """Wait for the lock, and mend the end of the journal.

        Raises
        ------
        InvalidData : another process holds it all the time.
        """
        file = os.open(self.path + SUFFIX, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._wait(file)
            mend(self.path)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Give it back."""
        file, self._file = self._file, -1
        os.close(file)

    def _wait(self, file: int) -> None:
        begin, pause = time.monotonic(), 0.001
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() - begin > self.patience:
                    got = f"held by another program for {self.patience:g} s"
                    remedy = "End that program and search again; what is in the journal is kept."
                    raise InvalidData(problem(self.path + SUFFIX, "a lock that is free", got, remedy)) from error
            time.sleep(pause)
            pause = min(2 * pause, 0.05)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "patience": self.patience, "_file": -1}


def mend(path: str) -> None:
    """Cut a file after its last line end; call it with the lock.

    Parameters
    ----------
    path : of the file; nothing is done where there is none.
    """
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        size = end = os.fstat(file).st_size
        while end > 0:
            start = max(0, end - BLOCK)
            found = _read_at(file, start, end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            os.ftruncate(file, end)
    finally:
        os.close(file)


def _read_at(file: int, start: int, length: int) -> bytes:
    os.lseek(file, start, os.SEEK_SET)
    return os.read(file, length)
