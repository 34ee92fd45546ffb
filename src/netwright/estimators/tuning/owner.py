"""Who runs a trial, and whether that process is still alive.

An owner is a process, told from others of the same number by when it started, by the machine's boot and its space of
process numbers. On its own machine the system is asked. Of another machine only signs of life are seen: each search
writes one into the storage every BEAT seconds, and one that has written none for SILENCE seconds is taken for dead.
What counts is whether the sign *changes* while the others watch, so that their clocks may differ.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

BEAT = 15.0  # seconds between signs of life
SILENCE = 120.0  # seconds without one after which a process of another machine is taken for dead
_LIVE: set[str] = set()  # searches of this process that are running


def begin() -> dict[str, Any]:
    """A new owner: this process, and this one of its searches."""
    name, pid = uuid.uuid4().hex, os.getpid()
    _LIVE.add(name)
    return {"host": socket.gethostname(), "place": _place(), "pid": pid, "start": started(pid), "search": name}


def end(owner: Mapping[str, Any]) -> None:
    """That search is over."""
    _LIVE.discard(owner["search"])


def started(pid: int) -> str:
    """When a process started, in a form that only compares; "" where that cannot be known.

    Examples
    --------
    >>> started(os.getpid()) == started(os.getpid()), started(2**22 + 1)
    (True, '')
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


class Watcher:
    """Tells the living from the dead.

    Parameters
    ----------
    silence : seconds without a sign of life after which a process elsewhere is taken for dead.
    """

    def __init__(self, silence: float = SILENCE) -> None:
        self.silence = silence
        self._seen: dict[str, tuple[Any, float]] = {}

    def is_dead(self, owner: Mapping[str, Any], sign: Any) -> bool:
        """Whether nobody runs the trials of an owner any more.

        Parameters
        ----------
        owner : as `begin` made it.
        sign : its last sign of life, anything that changes.
        """
        if owner.get("place") == _place() and os.name == "posix":
            if owner["pid"] == os.getpid() and owner["start"] == started(os.getpid()):
                return owner["search"] not in _LIVE
            return not _runs(owner["pid"]) or started(owner["pid"]) != owner["start"]
        name, now = str(owner.get("search")), time.monotonic()
        last, since = self._seen.get(name, (None, now))
        if name not in self._seen or last != sign:
            self._seen[name] = sign, now
            return False
        return now - since > self.silence


class Heartbeat:
    """A thread that gives a sign of life every BEAT seconds while a block runs.

    Parameters
    ----------
    give : writes it; what it raises is for the main thread to meet, which writes as well.
    """

    def __init__(self, give: Callable[[], object]) -> None:
        self.give = give
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="netwright-search", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        self._thread.join(BEAT)

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            try:
                self.give()
            except Exception:  # a storage that cannot be written to
                return


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and nobody has asked how."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "Z"
        )
    except (OSError, IndexError):
        return False


def _place() -> str:
    """What two processes share that can see each other by number: machine, boot, space of process numbers."""
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    except OSError:
        pass
    return " ".join(parts)
