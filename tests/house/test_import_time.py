"""The door is cheap to open: neither `import netwright` nor `netwright --help` loads what it does not need."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = ("torch", "sklearn", "numba", "scipy", "numpy", "matplotlib", "pandas", "polars")
IMPORT_SECONDS = 0.1
HELP_SECONDS = 0.5
RUNS = 7


def fresh_python(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter that finds this copy of the package, whatever is installed."""
    path = os.pathsep.join(filter(None, [str(package.parent), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True, timeout=120
    )


def loaded_by(package: Path, line: str) -> set[str]:
    """Which of the heavy packages one line of Python loads."""
    code = f"import sys\n{line}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    return set(fresh_python(package, "-c", code).stdout.split())


def test_import_is_fast(package: Path) -> None:
    code = "import time\nbegin = time.perf_counter()\nimport netwright\nprint(time.perf_counter() - begin)"
    seconds = [float(fresh_python(package, "-c", code).stdout) for _ in range(RUNS)]
    assert statistics.median(seconds) < IMPORT_SECONDS


def test_import_loads_nothing_heavy(package: Path) -> None:
    assert loaded_by(package, "import netwright") == set()
    assert loaded_by(package, "import netwright\ndir(netwright)\nnetwright.register") == set()


def test_the_probe_sees_what_is_loaded(package: Path) -> None:
    assert "numpy" in loaded_by(package, "import numpy")


def test_data_are_read_without_torch(package: Path) -> None:
    assert "torch" not in loaded_by(package, "import netwright.data")


def test_training_needs_no_plots_and_no_frames(package: Path) -> None:
    # pandas is not asked for here: scikit-learn loads it where it is installed
    assert not loaded_by(package, "import netwright.estimators, netwright.files") & {"matplotlib", "polars"}


def test_help_is_fast(package: Path) -> None:
    if not (package / "cli.py").is_file():
        pytest.skip("the command line is still missing")
    seconds = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        text = fresh_python(package, "-m", "netwright", "--help").stdout
        seconds.append(time.perf_counter() - begin)
        assert text.startswith("usage: netwright")
    assert statistics.median(seconds) < HELP_SECONDS
    assert not loaded_by(package, "from netwright.cli import main") & {"torch", "sklearn", "matplotlib", "pandas"}
