"""The lock of a journal, and lines that were cut."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from netwright.core.errors import InvalidData
from netwright.estimators.tuning.journal_lock import BLOCK, HAS_LOCKS, SUFFIX, JournalLock, mend

pytestmark = pytest.mark.skipif(not HAS_LOCKS, reason="needs flock")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"cut", b""),
        (b"one\n", b"one\n"),
        (b"one\ntwo\ncu", b"one\ntwo\n"),
        (b"one\n" + b"x" * (3 * BLOCK), b"one\n"),
        (b"x" * BLOCK + b"\n" + b"y" * BLOCK, b"x" * BLOCK + b"\n"),
    ],
)
def test_what_was_cut_is_taken_away(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes(before)
    mend(str(path))
    assert path.read_bytes() == after
    mend(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_one_at_a_time(tmp_path: Path) -> None:
    path = str(tmp_path / "j")
    inside = most = 0
    guard = threading.Lock()

    def enter() -> None:
        nonlocal inside, most
        lock = JournalLock(path)
        for _ in range(20):
            lock.acquire()
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.0005)
            with guard:
                inside -= 1
            lock.release()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_waits_too_long_is_told(tmp_path: Path) -> None:
    first, second = (JournalLock(str(tmp_path / "j"), patience) for patience in (1.0, 0.02))
    first.acquire()
    with pytest.raises(InvalidData, match=rf"j{SUFFIX}: expected a lock that is free, got held by another program"):
        second.acquire()
    first.release()
    assert second.acquire()
    second.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - ends by SIGKILL
        JournalLock(str(tmp_path / "j")).acquire()
        os.write(write, b"held")
        time.sleep(60)
        os._exit(1)
    assert os.read(read, 4) == b"held"
    waiting = JournalLock(str(tmp_path / "j"), 0.02)
    with pytest.raises(InvalidData):
        waiting.acquire()
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert waiting.acquire()
    waiting.release()
    os.close(read)
    os.close(write)
