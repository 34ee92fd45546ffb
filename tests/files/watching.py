"""Load files, each in a child of this process, and print what happened: ``python watching.py MODE FOLDER < paths``.

A line of JSON for each path of standard input: what came of it, seconds of the processor, memory beyond what was there
before (KiB), and the events of Python's audit hooks. What may be imported is imported before the first file: the
readers of all kinds, from the closed table `netwright.files.KINDS`. In the mode "warm" one golden file of every kind is
loaded too, because torch imports and compiles parts of itself when they are first used, whatever the file. A child that
takes longer than `LIMIT` seconds is ended by its alarm and says so by its exit status.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
import forging

import netwright as nw
from netwright import files
from netwright.core import registry

LIMIT = 20
QUIET = {"object.__getattr__", "object.__setattr__", "sys._getframe", "gc.get_objects", "builtins.id"}
events: set[tuple[str, ...]] = set()


def listen(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        events.add((event, str(args[0]), "write" if writes else "read"))
    elif event not in QUIET:
        events.add((event, *(str(part)[:200] for part in args[:2])))


def watched(path: str, before: int) -> dict[str, Any]:
    """What comes of one file."""
    began = time.process_time()
    try:
        loaded = nw.load(path)
        outcome = {"outcome": "loaded", "type": type(loaded).__name__}
    except Exception as error:
        outcome = {"outcome": type(error).__name__, "message": str(error)}
    heard = sorted(events - {("open", path, "read")})[:50]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**outcome, "seconds": time.process_time() - began, "kib": peak - before, "events": heard}


def in_child(path: str) -> dict[str, Any]:
    """`watched` in a child of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(LIMIT)
        sys.addaudithook(listen)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(writer, json.dumps(watched(path, before)).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        told = file.read()
    _, status = os.waitpid(child, 0)
    return (
        json.loads(told) if status == 0 else {"outcome": f"status {status}", "seconds": LIMIT, "kib": 0, "events": []}
    )


def main() -> None:
    """Watch every path of standard input."""
    warnings.simplefilter("ignore")
    importlib.import_module("netwright.classical.saving")
    for module in {*files.KINDS.values(), "netwright.models"}:
        importlib.import_module(module)
    assert registry.names("classical")
    if sys.argv[1] == "warm":
        folder = Path(sys.argv[2])
        for kind in forging.kinds():
            (folder / "warm.nw").write_bytes(forging.golden(kind))
            nw.load(folder / "warm.nw")
    for path in sys.stdin.read().splitlines():
        print(json.dumps({"path": path, **in_child(path)}), flush=True)


if __name__ == "__main__":
    main()
