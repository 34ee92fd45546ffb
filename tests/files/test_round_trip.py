"""Every public estimator is saved and says the same bits in a fresh process; an unfitted one says so."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from sklearn.exceptions import NotFittedError

from netwright import classical, estimators, sequence, vision
from netwright.core.errors import InvalidData
from netwright.files import inspect, verify

HERE = Path(__file__).parent
sys.path.append(str(HERE))
import saved_examples  # noqa: E402

NAMES = sorted(saved_examples.EXAMPLES)
each = pytest.mark.parametrize("name", NAMES)
FRESH = """
import json, sys, warnings
warnings.simplefilter("ignore")
sys.path.append(sys.argv[1])
import netwright as nw, saved_examples
for name in saved_examples.EXAMPLES:
    loaded = nw.load(f"{sys.argv[2]}/{name}.nw")
    told = saved_examples.answers(loaded, saved_examples.EXAMPLES[name].questions)
    loaded.save(f"{sys.argv[2]}/again.nw")
    same = open(f"{sys.argv[2]}/again.nw", "rb").read()[8:] == open(f"{sys.argv[2]}/{name}.nw", "rb").read()[8:]
    print(json.dumps([name, type(loaded).__name__, same, saved_examples.plain(told)]), flush=True)
"""


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two epochs are too few for a warning-free fit
        return {name: example.fitted() for name, example in saved_examples.EXAMPLES.items()}


@pytest.fixture(scope="module")
def folder(fitted: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("saved")
    for name, estimator in fitted.items():
        estimator.save(made / f"{name}.nw")
    return made


@pytest.fixture(scope="module")
def fresh(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", FRESH, str(HERE), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {line[0]: line[1:] for line in map(json.loads, done.stdout.splitlines())}


def test_every_public_estimator_has_an_example() -> None:
    assert set(NAMES) == saved_examples.public_kinds()
    for room in (estimators, sequence, vision, classical):
        for name in set(NAMES) & set(room.__all__):
            assert hasattr(getattr(room, name), "save"), f"{name} cannot be saved"


@each
def test_a_fresh_process_says_the_same_bits(name: str, fitted: dict[str, Any], fresh: dict[str, Any]) -> None:
    told = saved_examples.answers(fitted[name], saved_examples.EXAMPLES[name].questions)
    kind, same, found = fresh[name]
    assert kind == name
    assert same, "saved again it is another file"
    assert found == json.loads(json.dumps(saved_examples.plain(told)))


@each
def test_the_file_says_what_it_is(name: str, folder: Path) -> None:
    found = inspect(folder / f"{name}.nw")
    assert found["kind"] == name
    assert found["parameters"] > 0
    assert len(verify(folder / f"{name}.nw")) == 64


@each
def test_an_unfitted_one_says_so(name: str, fitted: dict[str, Any], tmp_path: Path) -> None:
    params = fitted[name].get_params(deep=False)
    unfitted = type(fitted[name])(**params)
    with pytest.raises((NotFittedError, InvalidData), match=name):  # nobody is enrolled in a Recognizer
        unfitted.save(tmp_path / "a.nw")
    assert not (tmp_path / "a.nw").exists()
