"""Runs `netwright train` as a user does, in a process of its own with all cores, and reads what it wrote."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isolated import SOURCES


@dataclass(frozen=True)
class Trained:
    """A run of the command line: wall seconds, the rows of predictions.csv, and run.json."""

    seconds: float
    predictions: list[dict[str, str]]
    run: dict[str, Any]
    folder: Path


def train(folder: str | Path, *words: str) -> Trained:
    """`netwright train` with some words, written into a folder."""
    path = os.pathsep.join([str(SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "netwright", "train", *words, "--out", str(folder), "--quiet"]
    begin = time.perf_counter()
    subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    with (Path(folder) / "predictions.csv").open(newline="") as file:
        predictions = list(csv.DictReader(file))
    return Trained(seconds, predictions, json.loads((Path(folder) / "run.json").read_text()), Path(folder))


def data(name: str) -> Path:
    """A file below the folder that NETWRIGHT_DATA names."""
    named = os.environ.get("NETWRIGHT_DATA", "")
    path = Path(named) / name
    if not named or not path.exists():
        raise SystemExit(f"NETWRIGHT_DATA ({named or 'not set'}) has no {name}; name the folder that has it")
    return path
