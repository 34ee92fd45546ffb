"""Files that are replaced whole or not at all, whatever happens in between.

The bytes go to a temporary file in the same folder, which is flushed to the disk and then renamed, and the renaming is
flushed too (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014): write, fsync(file), rename,
fsync(folder). A reader sees the old file or the new one. The writer holds a lock on its temporary file; the system
drops it when the writer dies, so that the next writer can tell what a crashed one left from what another is writing,
and removes it.

The new file has the permissions of the one that it replaces, or those that any new file gets (umask).
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from netwright.core.errors import problem

try:
    import fcntl
except ImportError:  # Windows has other locks
    fcntl = None  # type: ignore[assignment]

PathLike = str | os.PathLike[str]
HOUR = 3600  # seconds after which a temporary file is abandoned, where there are no locks to tell
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.netwright-tmp")
_FULL = "Free some space, or save to another disk. The file that was there is unchanged."
_FORBIDDEN = "Save to a folder and a name that you may write. The file that was there is unchanged."
_REMEDIES = {
    errno.ENOENT: "Make the folder first, or check the name.",
    errno.ENOTDIR: "Make the folder first, or check the name.",
    errno.EISDIR: "Give the name of a file in it.",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
}


@contextmanager
def replacing(path: PathLike) -> Iterator[int]:
    """A descriptor of a new file, which takes the place of `path` when the block ends without an error.

    Parameters
    ----------
    path : the file; where it is a link, the file that it leads to is replaced.

    Raises
    ------
    OSError : it cannot be written; the message says why and what to do.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "a.txt"
    ...     with replacing(path) as file:
    ...         write_all(file, b"all or nothing")
    ...     path.read_text()
    'all or nothing'
    """
    try:
        target = os.path.realpath(path)
        folder = os.path.dirname(target)
        old = _replaceable(target)
        _sweep(folder)
        temporary, file = _locked_temporary(folder, 0o666 if old is None else 0o600)
        try:
            yield file
            if old is not None:
                _take_over(file, old)
            os.fsync(file)
            if fcntl is None:
                os.close(file)
                file = -1
            os.replace(temporary, target)  # before the lock goes with the descriptor
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        finally:
            if file >= 0:
                os.close(file)
        _sync_folder(folder)
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "Check the name and the disk, and save again.")
        raise in_one_form(error, path, "a file that can be written", remedy) from error


def write_all(file: int, data: bytes) -> None:
    """Write all of the bytes at the descriptor's place."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _replaceable(target: str) -> os.stat_result | None:
    """What is known of the file that is to be replaced; an error if it must not be."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, "a folder")
    if not stat.S_ISREG(old.st_mode):
        raise OSError(errno.EINVAL, "a device or a pipe")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "a file that is read-only")
    return old


def _take_over(file: int, old: os.stat_result) -> None:
    """Owner and permissions of the file that is replaced."""
    if hasattr(os, "fchown"):
        with suppress(OSError):  # only the administrator may give files away
            os.fchown(file, old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(file, stat.S_IMODE(old.st_mode) & 0o777)


def _locked_temporary(folder: str, mode: int) -> tuple[str, int]:
    """A new file in the folder, locked until its descriptor is closed."""
    while True:
        name = os.path.join(folder, f".{os.urandom(8).hex()}.netwright-tmp")
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        if fcntl is None:
            return name, file
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.exists(name):
            return name, file
        os.close(file)  # another writer swept it before it was locked


def _sweep(folder: str) -> None:
    """Remove the temporary files that crashed writers left."""
    with suppress(OSError):
        with os.scandir(folder) as entries:
            found = [entry.path for entry in entries if _TEMPORARY.fullmatch(entry.name)]
        for temporary in found:
            with suppress(OSError):
                _remove_if_abandoned(temporary)


def _remove_if_abandoned(temporary: str) -> None:
    if fcntl is None:
        if time.time() - os.stat(temporary).st_mtime > HOUR:
            os.unlink(temporary)
        return
    file = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an error while its writer lives
        os.unlink(temporary)
    finally:
        os.close(file)


def _sync_folder(folder: str) -> None:
    """Make the renaming itself durable, where the system lets folders be opened."""
    if os.name != "posix":
        return
    try:
        file = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that cannot
            raise
    finally:
        os.close(file)


def in_one_form(error: OSError, path: PathLike, expected: str, remedy: str) -> OSError:
    """The same error, of the same class and number, with a message that says what to do."""
    made = type(error)(problem(str(path), expected, error.strerror or str(error), remedy))
    made.errno = error.errno
    return made
