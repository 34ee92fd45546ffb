"""What every test and every doctest of the tree has in common: threads, random states, data.

It stands at the root, and not in tests/, because the examples in src/ are tests too.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before torch or numpy is loaded: they read it once
os.environ.setdefault("MPLBACKEND", "Agg")

hypothesis.settings.register_profile("house", derandomize=True, deadline=None)
hypothesis.settings.load_profile("house")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `data` need the folder that NETWRIGHT_DATA names: without the variable they are skipped."""
    if item.get_closest_marker("data") is None:
        return
    folder = os.environ.get("NETWRIGHT_DATA")
    if not folder:
        pytest.skip("needs real data: set NETWRIGHT_DATA to their folder")
    if not Path(folder).is_dir():
        pytest.fail(f"NETWRIGHT_DATA: expected a folder, got {folder!r}")


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data; for tests that are marked `data`."""
    return Path(os.environ["NETWRIGHT_DATA"])


def _numpy_state() -> tuple[Any, ...]:
    name, keys, *rest = sys.modules["numpy"].random.get_state()
    return (name, keys.tobytes(), *rest)


def _torch_state() -> bytes:
    return bytes(sys.modules["torch"].get_rng_state().numpy().tobytes())


_STATES: dict[str, Callable[[], Any]] = {"random": random.getstate, "numpy": _numpy_state, "torch": _torch_state}


@pytest.fixture(autouse=True)
def _global_random_states_stay(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test may change a global random state: the library never touches one (opt out: mark `touches_rng`)."""
    if request.node.get_closest_marker("touches_rng") is not None:
        yield
        return
    before = {name: state() for name, state in _STATES.items() if name in sys.modules}
    if isinstance(request.node, pytest.DoctestItem):
        before.pop("torch", None)  # an example may make a module of torch's own, and that draws from torch's state
    yield
    changed = [name for name, state in before.items() if _STATES[name]() != state]
    if changed:
        pytest.fail(f"the global random state of {', '.join(changed)} was changed by {request.node.nodeid}")
