"""Classical networks in files: everything that may be learned comes back, everything else is refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.classical.base import ClassicalNetwork, learns
from netwright.core import registry, storage
from netwright.core.errors import CorruptFile, InvalidParameter
from netwright.core.schedules import step_decay
from netwright.core.validation import boolean, number, satisfies

ANYTHING = satisfies("anything", lambda value: True)


@pytest.fixture
def Toy() -> Iterator[type]:
    class Toy(ClassicalNetwork):
        """A network that learns what it is given."""

        constraints = {"rate": ANYTHING, "fails": boolean, "size": number(0)}

        def __init__(self, rate: Any = 0.1, fails: bool = False, size: float = 1.0) -> None:
            self.rate, self.fails, self.size = rate, fails, size

        @learns
        def fit(self, X: Any, y: Any = None) -> Any:
            self.learned_ = X
            if self.fails:
                raise InvalidParameter(f"{X}")
            return self

    yield Toy
    del registry._FAMILIES["classical"]["Toy"]


def test_all_that_may_be_learned_comes_back(Toy: Any, tmp_path: Path) -> None:
    rate = step_decay(0.1, every=3)
    inner = Toy(rate=np.arange(3.0)).fit({"a": (1, 2.5, None, "text"), 3: [True, np.arange(4, dtype=np.uint8)]})
    labels = [np.array(["x", "long"]), np.array(["x", 3, None], dtype=object), np.array([[True], [False]])]
    outer = Toy(rate=rate).fit([inner, labels, float("inf")])
    outer.save(tmp_path / "toy.nw")
    again = nw.load(tmp_path / "toy.nw")
    assert type(again) is Toy
    assert again.rate == rate
    first, arrays, infinite = again.learned_
    assert infinite == float("inf")
    np.testing.assert_array_equal(first.rate, np.arange(3.0))
    assert first.learned_["a"] == (1, 2.5, None, "text")
    assert first.learned_[3][0] is True
    assert first.learned_[3][1].dtype == np.uint8
    for array, expected in zip(arrays, labels, strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_what_a_file_cannot_hold_is_refused(Toy: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"registered functions, got <function.*nw\.register"):
        Toy(rate=lambda: 0).fit(1).save(tmp_path / "toy.nw")
    with pytest.raises(ValueError, match="not fitted"):
        Toy().save(tmp_path / "toy.nw")
    assert not list(tmp_path.iterdir())


def test_a_random_state_is_left_out(Toy: Any, tmp_path: Path) -> None:
    Toy(rate=np.random.default_rng(0)).fit(1).save(tmp_path / "toy.nw")
    assert nw.load(tmp_path / "toy.nw").rate is None


def test_a_damaged_file_is_refused(Toy: Any, tmp_path: Path) -> None:
    path = tmp_path / "toy.nw"
    for content in (
        {"params": {}},
        {"params": {"no": 1}, "learned": {}},
        {"params": {}, "learned": {"a_": {"$array": "b"}}},
    ):
        storage.write(path, "Toy", content, {})
        with pytest.raises(CorruptFile, match=r"params and learned|fields of a Toy"):
            nw.load(path)
    storage.write(path, "Toi", {"params": {}, "learned": {}}, {})
    with pytest.raises(CorruptFile, match="Did you mean 'Toy'"):
        nw.load(path)


def test_a_fit_that_fails_puts_back_what_was_there(Toy: Any) -> None:
    toy = Toy().fit(1)
    toy.fails = True
    with pytest.raises(InvalidParameter):
        toy.fit(2)
    assert toy.learned_ == 1
    with pytest.raises(InvalidParameter, match=r"Toy\(size\): expected a number in \[0, inf\), got -1"):
        Toy(size=-1).fit(2)
