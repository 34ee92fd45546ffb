"""What a cell of the matrix of bad inputs asks: the outcome that is written down for it, and that nothing else changes.

An expectation is a text: "same" (the bits of the fit on the C-contiguous float64 copy), "works" (finite answers), the
words of the error (a regular expression), or such words after "?": it may work, too. `expected` looks it up by the
traits of a subject, of which the first that a table has counts, else "default".
"""

from __future__ import annotations

import random
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parent))
import row_subjects
from row_subjects import Answers, Subject

REFUSALS = (ValueError, TypeError)  # all of the library's own are of the former
NOISE = (RuntimeWarning, DeprecationWarning, FutureWarning, np.exceptions.ComplexWarning)
_fitted: dict[str, tuple[Any, Answers]] = {}
_references: dict[tuple[str, bytes], Answers] = {}


def expected(table: Mapping[str, str] | str, subject: Subject) -> str:
    """The expectation of a cell."""
    if isinstance(table, str):
        return table
    return next((table[trait] for trait in subject.traits if trait in table), table.get("default", "works"))


def fingerprint(item: Any) -> Any:
    """All that a fit must leave as it is."""
    if isinstance(item, torch.Tensor):
        return item.detach().float().numpy().tobytes(), item.dtype, item.requires_grad, item.grad is None
    if isinstance(item, np.ndarray):
        return item.dtype, item.shape, item.strides, repr(item.tolist()) if item.dtype.hasobject else item.tobytes()
    if hasattr(item, "indptr"):
        return item.data.tobytes(), item.indices.tobytes(), item.indptr.tobytes()
    if hasattr(item, "columns"):
        return list(map(str, item.columns)), list(map(str, item.dtypes)), repr(item.to_numpy().tolist())
    return repr(item.to_numpy().tolist()) if hasattr(item, "to_numpy") else repr(item)


def random_states() -> tuple[Any, bytes, bytes]:
    """The global ones, which nothing may touch."""
    numbers = np.random.get_state()[1].tobytes()  # noqa: NPY002
    return random.getstate(), numbers, torch.get_rng_state().numpy().tobytes()


@contextmanager
def untouched(*given: Any) -> Iterator[None]:
    """Inputs and global random states stay as they are, and nothing warns of numbers that went wrong."""
    before, states = [fingerprint(item) for item in given], random_states()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield
    assert [fingerprint(item) for item in given] == before, "an input was changed"
    assert random_states() == states, "a global random state was changed"
    noise = [f"{each.category.__name__}: {each.message}" for each in seen if issubclass(each.category, NOISE)]
    assert not noise, f"warned: {noise}"


def fitted(subject: Subject) -> tuple[Any, Answers]:
    """A fitted estimator for all cells of a subject, with its answers; one that a cell has changed is made anew."""
    if subject.name not in _fitted:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = subject.fit(subject.make(), subject.X, subject.y)
            _fitted[subject.name] = made, subject.ask(made, subject.X)
    return _fitted[subject.name]


def reference(subject: Subject, X: Any) -> Answers:
    """The answers of a fit on plain rows, which is made once for each of them."""
    key = subject.name, X.tobytes()
    if key not in _references:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _references[key] = subject.ask(subject.fit(subject.make(), X, subject.y), X)
    return _references[key]


def assert_same(found: Answers, wanted: Answers, types: bool = True) -> None:
    """The same bits; with ``types=False`` labels may be of the type of another target."""
    assert set(found) == set(wanted)
    for method, answer in wanted.items():
        assert not types or found[method].dtype == answer.dtype
        np.testing.assert_array_equal(found[method], answer, err_msg=method)


def assert_finite(found: Answers) -> None:
    """Never NaN in silence."""
    for method, answer in found.items():
        assert answer.dtype.kind != "f" or np.isfinite(answer).all(), f"{method} gave {answer}"


def outcome(attempt: Callable[[], Answers], wanted: str, *given: Any) -> Answers | None:
    """Run what may be refused; its answers, or None where it was, in the words that are wanted."""
    words = wanted.removeprefix("?")
    with untouched(*given):
        try:
            found = attempt()
        except REFUSALS as error:
            assert wanted not in ("works", "same"), f"refused: {error!r}"  # noqa: PT017
            assert re.search(words, str(error), re.DOTALL), f"{words!r} is not in {error!r}"  # noqa: PT017
            return None
    assert wanted in ("works", "same") or wanted.startswith("?"), f"was not refused with {words!r}"
    assert_finite(found)
    return found


def check_refused_fit(subject: Subject, wanted: str, X: Any, y: Any, **more: Any) -> None:
    """A fit that is refused, of an estimator that goes on as before."""
    estimator, before = fitted(subject)
    try:
        with untouched(X, y, *more.values()), pytest.raises(REFUSALS) as caught:
            subject.fit(estimator, X, y, **more)
        assert re.search(wanted, str(caught.value), re.DOTALL), f"{wanted!r} is not in {caught.value!r}"
        with untouched(subject.X):
            assert_same(subject.ask(estimator, subject.X), before)
    except BaseException:
        _fitted.pop(subject.name, None)
        raise


def check_fit(subject: Subject, wanted: str, X: Any, y: Any, **more: Any) -> Answers | None:
    """A fit and its answers, with the outcome that is wanted; None where it was refused."""
    if wanted not in ("works", "same") and not wanted.startswith("?"):
        check_refused_fit(subject, wanted, X, y, **more)
        return None
    estimator = subject.make()
    return outcome(lambda: subject.ask(subject.fit(estimator, X, y, **more), X), wanted, X, y, *more.values())


def check_cells(kinds: Iterable[str], cell: Callable[[str], None]) -> None:
    """Run the cells of a subject, and tell all that fail; each by itself would cost more than what it asks."""
    failed = []
    for kind in kinds:
        try:
            cell(kind)
        except (Exception, pytest.fail.Exception) as error:
            failed.append(f"{kind}: {type(error).__name__}: {' '.join(str(error).split())[:400]}")
    assert not failed, "\n".join(failed)


SUBJECTS = row_subjects.SUBJECTS
NAMES = sorted(SUBJECTS)
# Those that read as another does, or are slow: what they are given in another coat is tried in the slow tier.
LATER = {
    "BinnedRegressor": "Regressor",
    "Calibrated": "Classifier",
    "EmbeddingEnsemble": "TripletNetwork",
    "Ensemble": "Classifier",
    "MixtureDensityRegressor": "Regressor",
    "ProjectionPursuitRegressor": "GRNN",
    "QuantileRegressor": "Regressor",
    "SequenceRegressor": "SequenceClassifier",
    "SiameseNetwork": "TripletNetwork",
    "VariationalAutoencoder": "Autoencoder",
}
each = pytest.mark.parametrize("name", NAMES)
each_soon = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LATER else name for name in NAMES]
)
