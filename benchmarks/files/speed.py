"""Writing and reading 128 MiB of arrays, against the bare safetensors library: ``python benchmarks/files/speed.py``.

Both write the same arrays into the same folder and read them back; the runs take turns and the median of each is taken.
netwright hashes every array as it is written and as it is read, and brings the file to the disk; safetensors does
neither. `--sync` lets it bring its file to the disk too. Hashing alone is measured beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from netwright.core import storage


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--mib", type=int, default=128)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--sync", action="store_true", help="safetensors' file is brought to the disk too")
    options = parser.parse_args()
    draw = np.random.default_rng(0)
    arrays = {f"w{n}": draw.random(options.mib * 2**18 // 16, dtype=np.float32) for n in range(16)}
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = Path(name) / "a.nw", Path(name) / "a.safetensors"

        def save_theirs() -> None:
            save_file(arrays, theirs)
            if options.sync:
                file = os.open(theirs, os.O_RDONLY)
                os.fsync(file)
                os.close(file)

        work: dict[str, Callable[[], Any]] = {
            "write, netwright": lambda: storage.write(ours, "speed", {}, arrays),
            "write, safetensors": save_theirs,
            "read, netwright": lambda: storage.read(ours),
            "read, safetensors": lambda: load_file(theirs),
            "verify, netwright": lambda: storage.verify(ours),
            "hash alone": lambda: [hashlib.sha256(array).digest() for array in arrays.values()],
        }
        found: dict[str, list[float]] = {key: [] for key in work}
        for _ in range(options.runs):
            for key, each in work.items():
                found[key].append(seconds(each))
    middle = {key: statistics.median(times) for key, times in found.items()}
    for key, value in middle.items():
        print(f"{key:22s} {1000 * value:8.0f} ms")
    for what in ("write", "read"):
        print(f"{what}: netwright / safetensors = {middle[f'{what}, netwright'] / middle[f'{what}, safetensors']:.2f}")


if __name__ == "__main__":
    main()
