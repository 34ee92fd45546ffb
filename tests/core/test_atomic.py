"""Files that are replaced whole or not at all: order of calls, errors, permissions, litter, kills, other writers."""

from __future__ import annotations

import errno
import os
import pathlib
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from netwright.core import atomic
from netwright.core.atomic import replacing, write_all

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks, links and permissions of POSIX")


def save(path: os.PathLike[str], data: bytes) -> None:
    with replacing(path) as file:
        write_all(file, data)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def names(folder: pathlib.Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_order_of_the_calls(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, Any]] = []
    paths: dict[int, str] = {}

    def recorded(name: str, real: Callable[..., Any], where: Callable[..., Any]) -> None:
        def call(*args: Any) -> Any:
            result = real(*args)
            if name == "open":
                paths[result] = args[0]
            else:
                calls.append((name, where(*args)))
            return result

        monkeypatch.setattr(os, name, call)

    def kind(file: int) -> str:
        return "folder" if paths[file] == str(tmp_path) else "temporary"

    recorded("open", os.open, lambda path, *args: path)
    recorded("write", os.write, lambda file, data: (kind(file), bytes(data)))
    recorded("fsync", os.fsync, kind)
    recorded("replace", os.replace, lambda source, target: (os.path.dirname(source) == str(tmp_path), target))
    target = str(tmp_path / "a")
    with replacing(target) as file:
        write_all(file, b"one")
        write_all(file, b"two")
    assert calls == [
        ("write", ("temporary", b"one")),
        ("write", ("temporary", b"two")),
        ("fsync", "temporary"),
        ("replace", (True, target)),
        ("fsync", "folder"),
    ]


def test_short_writes_are_continued(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:3]))
    save(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


@pytest.mark.parametrize(
    ("call", "number", "kind", "text"),
    [
        ("write", errno.ENOSPC, OSError, "No space left on device. Free some space.* unchanged"),
        ("write", errno.EDQUOT, OSError, "quota exceeded. Free some space"),
        ("write", errno.EIO, OSError, "Check the name and the disk"),
        ("fsync", errno.EIO, OSError, "Input/output error"),
        ("replace", errno.EACCES, PermissionError, "Permission denied. Save to a folder .* unchanged"),
        ("open", errno.EROFS, OSError, "Read-only file system. Save to a folder"),
        ("open", errno.EACCES, PermissionError, "Permission denied. Save to a folder"),
    ],
)
def test_an_error_leaves_the_old_file_and_no_litter(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[OSError], text: str
) -> None:
    def fail(*args: Any) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a"
    save(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(kind, match=rf"^{path}: expected a file that can be written, got .*{text}") as caught:
            save(path, b"new")
    assert caught.value.errno == number
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_leaves_the_old_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a"
    save(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        with pytest.raises(OSError, match=r"File too large\. Free some space"):
            save(path, b"x" * 2**17)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_an_interruption_leaves_the_old_file_and_no_litter(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a"
    save(path, b"old")

    def interrupted() -> None:
        with replacing(path) as file:
            write_all(file, b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_cannot_be_synced(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, number = os.fsync, errno.EINVAL

    def fsync(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(number, os.strerror(number))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    save(tmp_path / "a", b"some file systems cannot")
    number = errno.EIO
    with pytest.raises(OSError, match=r"Input/output error\. Check the name and the disk"):
        save(tmp_path / "a", b"a disk that fails")


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("missing/a", FileNotFoundError, r"No such file or directory\. Make the folder first"),
        ("file/a", NotADirectoryError, r"Not a directory\. Make the folder first"),
        ("folder", IsADirectoryError, r"a folder\. Give the name of a file in it"),
        ("pipe", OSError, r"a device or a pipe"),
        ("a" * 300, OSError, "File name too long"),
    ],
)
def test_places_that_hold_no_file(tmp_path: pathlib.Path, path: str, kind: type[OSError], text: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(kind, match=text):
        save(tmp_path / path, b"x")
    assert names(tmp_path) == ["file", "folder", "pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_long_name_is_no_trouble(tmp_path: pathlib.Path) -> None:
    save(tmp_path / ("a" * 255), b"x")
    assert names(tmp_path) == ["a" * 255]


def test_a_read_only_file_stays(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    save(path, b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # what it is for all but root
    with pytest.raises(PermissionError, match=r"a file that is read-only\. Save to a folder and a name that you may"):
        save(path, b"new")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: pathlib.Path, mask: int) -> None:
    with umask(mask):
        save(tmp_path / "a", b"x")
        (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o666])
def test_permissions_of_the_old_file_are_kept(tmp_path: pathlib.Path, mode: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    with umask(0o077), replacing(path) as file:
        assert stat.S_IMODE(os.fstat(file).st_mode) == 0o600  # nobody else reads it before it is whole
        write_all(file, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


def test_a_link_stays_a_link(tmp_path: pathlib.Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/a")
    save(tmp_path / "link", b"new")
    save(tmp_path / "link", b"newer")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a").read_bytes() == b"newer"


def test_a_loop_of_links_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match=r"a: expected a file that can be written, got .*symbolic links"):
        save(tmp_path / "a", b"x")


def test_what_crashed_writers_left_is_swept_and_nothing_else(tmp_path: pathlib.Path) -> None:
    stale = tmp_path / ".0123456789abcdef.netwright-tmp"
    others = [".0123456789abcdef.netwright-tmp.bak", "0123456789abcdef.netwright-tmp", ".xyz.netwright-tmp", "b.tmp"]
    for name in [stale.name, *others]:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "precious").write_bytes(b"x")
    (tmp_path / ".fedcba9876543210.netwright-tmp").symlink_to("precious")
    with replacing(tmp_path / "a") as file:
        write_all(file, b"first")
        save(tmp_path / "b", b"a writer that comes while another is at work")
        assert len([name for name in names(tmp_path) if atomic._TEMPORARY.fullmatch(name)]) == 2
    assert names(tmp_path) == sorted(["a", "b", "precious", ".fedcba9876543210.netwright-tmp", *others])


def test_a_temporary_file_that_is_swept_before_it_is_locked(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, swept = os.open, []

    def open_and_sweep(path: Any, *args: Any) -> int:
        file = real(path, *args)
        if str(path).endswith("-tmp") and not swept:
            swept.append(path)
            os.unlink(path)
        return file

    monkeypatch.setattr(os, "open", open_and_sweep)
    save(tmp_path / "a", b"x")
    assert len(swept) == 1
    assert names(tmp_path) == ["a"]


def test_without_locks_age_tells(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "fcntl", None)
    old, young = (tmp_path / f".{digit * 16}.netwright-tmp" for digit in "01")
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    save(tmp_path / "a", b"x")
    assert names(tmp_path) == [young.name, "a"]
    assert (tmp_path / "a").read_bytes() == b"x"


def test_many_writers_of_one_file(tmp_path: pathlib.Path) -> None:
    path, errors = tmp_path / "a", []
    save(path, b"0" * 5000)

    def work(digit: bytes) -> None:
        try:
            for _ in range(40):
                save(path, digit * 5000)
                assert len(set(path.read_bytes())) == 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(digit,)) for digit in (b"1", b"2", b"3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert names(tmp_path) == ["a"]


KILLER = """
import os, pathlib, random, signal, sys, time
from netwright.core.atomic import replacing, write_all
folder, kills = pathlib.Path(sys.argv[1]), int(sys.argv[2])
path, chance, unreadable, left = folder / "a", random.Random(0), 0, 0

def save_for_ever():
    number = 0
    while True:
        number += 1
        with replacing(path) as file:
            for _ in range(16):
                write_all(file, bytes([number % 256]) * 2**16)

for _ in range(kills):
    child = os.fork()
    if not child:
        save_for_ever()
    while not path.exists():
        time.sleep(0.001)
    time.sleep(chance.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    data = path.read_bytes()
    unreadable += len(data) != 2**20 or len(set(data)) != 1
    left = max(left, len(list(folder.iterdir())) - 1)
with replacing(path) as file:
    write_all(file, b"x")
print(unreadable, left, len(list(folder.iterdir())))
"""


@pytest.mark.parametrize("kills", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_a_whole_file(tmp_path: pathlib.Path, kills: int) -> None:
    command = [sys.executable, "-c", KILLER, str(tmp_path), str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    unreadable, left, files = map(int, done.stdout.split())
    assert unreadable == 0
    assert left <= 1  # each writer sweeps what the one before it left
    assert files == 1
