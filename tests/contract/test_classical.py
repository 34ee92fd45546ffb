"""Every classical network keeps scikit-learn's contract and the house's own.

A new one enters by its example in ``tests/contract/classical/<family>.py``: ``EXAMPLES = {"Name": {"network": unfitted,
"X": rows, "y": targets or None}}``, a small network and data that it can learn; also ``"checked"``, the network for
scikit-learn's own checks where it must be another one, and ``"arguments"``, of methods that take something else than X.
"""

from __future__ import annotations

import importlib.util
import pickle
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import netwright as nw
from netwright import classical

FOLDER = Path(__file__).parent / "classical"
ANSWERS = ("predict", "predict_proba", "decision_function", "transform", "score_samples", "predict_input", "energy")


@dataclass
class Example:
    network: Any
    X: np.ndarray
    y: np.ndarray | None = None
    checked: Any = None
    arguments: dict[str, tuple[Any, ...]] = field(default_factory=dict)


def gathered() -> dict[str, Example]:
    """The examples of all families."""
    found: dict[str, Example] = {}
    for path in sorted(FOLDER.glob("*.py")):
        name = f"tests.contract.classical.{path.stem}"  # the one that pytest uses: a file is not loaded twice
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        found.update({key: Example(**example) for key, example in sys.modules[name].EXAMPLES.items()})
    return found


EXAMPLES = gathered()
NAMES = sorted(EXAMPLES)
ONLINE = [name for name in NAMES if hasattr(EXAMPLES[name].network, "partial_fit")]
each = pytest.mark.parametrize("name", NAMES)
each_online = pytest.mark.parametrize("name", ONLINE)


def fresh(name: str) -> Any:
    """An unfitted network, its rows and its targets, none of which can be written to."""
    example = EXAMPLES[name]
    data = [None if array is None else np.array(array) for array in (example.X, example.y)]
    for array in data:
        if array is not None:
            array.setflags(write=False)
    return clone(example.network), *data


def fitted(name: str) -> tuple[Any, Any, Any]:
    network, X, y = fresh(name)
    return network.fit(X, y), X, y


def go_on(network: Any, X: Any, y: Any) -> Any:
    return network.partial_fit(X) if y is None else network.partial_fit(X, y)


def answers(network: Any, X: Any, y: Any) -> dict[str, np.ndarray]:
    """What a fitted network says, by method; of BAM's two-sided methods with both sides."""
    found = {}
    for method in ANSWERS:
        if hasattr(network, method):
            arguments = EXAMPLES[type(network).__name__].arguments.get(method, (X,))
            found[method] = np.asarray(getattr(network, method)(*arguments))
    assert found, f"{type(network).__name__} answers nothing"
    return found


def learned(network: Any) -> dict[str, Any]:
    params = network.get_params(deep=False)
    return {name: item for name, item in vars(network).items() if name not in params}


def assert_same(first: Any, second: Any, what: str) -> None:
    if isinstance(first, np.ndarray):
        assert first.dtype == second.dtype, what
        np.testing.assert_array_equal(first, second, err_msg=what)
    elif isinstance(first, dict):
        assert set(first) == set(second), what  # a file sorts the attributes
        for key in first:
            assert_same(first[key], second[key], f"{what}[{key!r}]")
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), what
        for number, (a, b) in enumerate(zip(first, second, strict=True)):
            assert_same(a, b, f"{what}[{number}]")
    elif isinstance(first, classical.ClassicalNetwork):
        assert_same(learned(first), learned(second), what)
    else:
        assert first == second or (first != first and second != second), what


def random_states() -> tuple[Any, bytes]:
    return random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002


def test_every_network_has_an_example() -> None:
    networks = {name for name in classical.__all__ if isinstance(getattr(classical, name), type)}
    networks = {name for name in networks if issubclass(getattr(classical, name), classical.ClassicalNetwork)}
    assert networks - {"ClassicalNetwork"} == set(EXAMPLES)


@pytest.mark.touches_rng  # the checks themselves draw from NumPy's global state
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@each
def test_scikit_learns_own_checks(name: str) -> None:
    example = EXAMPLES[name]
    results = check_estimator(
        clone(example.network if example.checked is None else example.checked), on_fail=None, on_skip=None
    )
    failed = [(r["check_name"], repr(r["exception"])[:300]) for r in results if r["status"] == "failed"]
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 30


@pytest.mark.slow
@pytest.mark.touches_rng
@pytest.mark.filterwarnings("ignore::UserWarning")  # what a network has to say of the data of the checks
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@each
def test_scikit_learns_own_checks_of_the_default(name: str) -> None:
    network = type(EXAMPLES[name].network)()
    results = check_estimator(network, on_fail=None, on_skip=None)
    assert not [(r["check_name"], repr(r["exception"])[:300]) for r in results if r["status"] == "failed"]


@each
def test_init_only_stores(name: str) -> None:
    network = fresh(name)[0]
    assert set(vars(network)) == set(network.get_params(deep=False))
    assert set(network.constraints) == set(vars(network)), "the table of constraints has all options and no other"


@each
def test_same_seed_same_bits_and_nothing_else_is_touched(name: str) -> None:
    before = random_states()
    (first, X, y), (second, _, _) = fitted(name), fitted(name)
    assert learned(first)
    assert_same(learned(first), learned(second), name)
    assert_same(answers(first, X, y), answers(second, X, y), name)
    assert random_states() == before


@each
@pytest.mark.parametrize("way", ["file", "pickle"])
def test_a_saved_network_answers_the_same_bits(name: str, way: str, tmp_path: Path) -> None:
    network, X, y = fitted(name)
    if way == "pickle":
        again = pickle.loads(pickle.dumps(network))
    else:
        network.save(tmp_path / "model.nw")
        again = nw.load(tmp_path / "model.nw")
    assert type(again) is type(network)
    assert_same(learned(network), learned(again), name)
    assert_same(answers(network, X, y), answers(again, X, y), name)
    if name in ONLINE:
        assert_same(learned(go_on(network, X, y)), learned(go_on(again, X, y)), name)


@each
def test_answers_change_nothing(name: str) -> None:
    network, X, y = fitted(name)
    before = pickle.dumps(learned(network))
    first = answers(network, X, y)
    assert_same(first, answers(network, X, y), name)
    assert pickle.dumps(learned(network)) == before
    assert all(np.isfinite(answer).all() for answer in first.values() if answer.dtype.kind == "f")


@each
def test_a_fit_that_fails_leaves_what_was_fitted(name: str) -> None:
    network, X, y = fitted(name)
    before = pickle.dumps(learned(network))
    spoilt = np.array(X, dtype=float)
    spoilt[1, 2] = np.nan
    for method in ("fit", "partial_fit")[: 1 + (name in ONLINE)]:
        with pytest.raises(ValueError, match=r"Input X contains NaN\. Row 1, column 2.*: expected a finite number"):
            getattr(network, method)(*((spoilt,) if y is None else (spoilt, y)))
        assert pickle.dumps(learned(network)) == before
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        fresh(name)[0].fit(np.where(np.isnan(spoilt), np.inf, spoilt), y)


@each
def test_another_width_is_refused(name: str) -> None:
    network, X, _ = fitted(name)
    method = next(method for method in ("predict", "transform", "score_samples") if hasattr(network, method))
    with pytest.raises(
        ValueError, match=rf"X has {X.shape[1] + 1} features, but .* is expecting {X.shape[1]} features"
    ):
        getattr(network, method)(np.hstack([X, X[:, :1]]))


@each
def test_an_option_that_cannot_be_is_refused_by_name(name: str) -> None:
    network, X, y = fresh(name)
    option: Callable[[], Any]
    for option in network.get_params(deep=False):
        if network.constraints[option].accepts(object()):
            continue  # checked by its own reader, such as random_state
        with pytest.raises(ValueError, match=rf"{name}\({option}\): expected .*, got <?object"):
            clone(network).set_params(**{option: object()}).fit(X, y)


@each_online
def test_partial_fit_begins_and_goes_on(name: str) -> None:
    network, X, y = fresh(name)
    go_on(network, X, y)
    first = pickle.dumps(learned(network))
    go_on(network, X, y)
    assert pickle.dumps(learned(network)) != first
    answers(network, X, y)


@each
def test_unusual_arrays_give_the_same_bits(name: str) -> None:
    network, X, y = fitted(name)
    wide = np.zeros((len(X), 2 * X.shape[1]), dtype=X.dtype)
    wide[:, ::2] = X
    for odd in (np.asfortranarray(X), wide[:, ::2], X[::-1][::-1], X.astype(X.dtype.newbyteorder(">")), X.tolist()):
        other = fresh(name)[0].fit(odd, y)
        assert_same(answers(network, X, y), answers(other, X, y), name)
