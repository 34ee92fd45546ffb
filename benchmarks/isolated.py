"""A contender in a process of its own: one core, one thread, a terminal of its own. Used by `run.py`."""

from __future__ import annotations

import json
import os
import platform
import pty
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
SOURCES = FOLDER.parent / "src"
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA")}
PATIENCE = 1800  # seconds


def environment() -> dict[str, str]:
    """One thread everywhere; this checkout of netwright in front; a terminal of 100 columns."""
    path = os.pathsep.join([str(SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": path, "TERM": "xterm", "COLUMNS": "100"}


def measure(python: str, file: str, variant: str, work: str, epochs: int | None) -> dict[str, Any]:
    """What one contender measures on one workload, or {"failed": the last line that it wrote}."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [python, str(FOLDER / file), work, "--variant", variant, "--result", str(result)]
        written = in_terminal(command + ([] if epochs is None else ["--epochs", str(epochs)]))
        if result.exists():
            return json.loads(result.read_text())
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    return {"failed": lines[-1] if lines else "it wrote nothing"}


def in_terminal(command: list[str]) -> str:
    """Run a command on one core with a pseudo-terminal; gives the end of what it wrote."""
    ours, theirs = pty.openpty()
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None

    def pin() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    tail = bytearray()

    def drain() -> None:
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux says so at the end of a terminal
                return
            if not block:
                return
            tail.extend(block)
            del tail[:-20_000]

    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment(), preexec_fn=pin
    )
    os.close(theirs)
    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    try:
        process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        tail.extend(f"\nstopped after {PATIENCE} s\n".encode())
    reader.join(timeout=5)
    os.close(ours)
    return tail.decode(errors="replace")


@cache
def available(python: str, modules: str) -> bool:
    """Whether an interpreter has all of some modules (comma between them)."""
    code = "import importlib.util, sys; sys.exit(any(importlib.util.find_spec(m) is None for m in sys.argv[1:]))"
    command = [python, "-c", code, *modules.split(",")]
    return subprocess.run(command, env=environment(), capture_output=True).returncode == 0


def machine() -> str:
    """The processor, what it has of bf16, and the Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in said.get("flags", "").split()]
    name = said.get("model name") or platform.processor() or platform.machine()
    model = f" (family {said['cpu family']}, model {said['model']})" if "cpu family" in said else ""
    return f"{name}{model} {' '.join(flags)}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
