"""Seeds for every purpose."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter
from netwright.core.seeds import derive, forked_random, to_seed

purposes = st.lists(st.one_of(st.text(max_size=3), st.integers(-3, 30)), max_size=3)


@settings(derandomize=True, max_examples=200)
@given(st.integers(0, 5), purposes, st.integers(0, 5), purposes)
def test_a_seed_for_every_purpose(seed: int, purpose: list[Any], other_seed: int, other: list[Any]) -> None:
    same = seed == other_seed and [(type(part), part) for part in purpose] == [(type(part), part) for part in other]
    assert (derive(seed, *purpose) == derive(other_seed, *other)) is same
    assert 0 <= derive(seed, *purpose) < 2**63


def test_purposes_do_not_run_together() -> None:
    seeds = [derive(0, *purpose) for purpose in [("a", "b"), ("ab",), ("a\x1fb",), ("a", "b", ""), (1,), ("1",), (11,)]]
    assert len(set(seeds)) == len(seeds)


def test_numpy_integers_are_integers() -> None:
    assert derive(np.int64(3), "a", np.int8(4)) == derive(3, "a", 4)  # type: ignore[arg-type]
    assert derive(3, np.str_("a")) == derive(3, "a")


def test_seeds_stay_what_they_are() -> None:
    assert derive(0, "weights", 1) == 5799416859390973913  # a seed in a paper must mean the same in later versions


def test_bits_are_even() -> None:
    seeds = np.array([derive(0, "x", i) for i in range(2000)])
    bits = seeds[:, None] >> np.arange(63) & 1  # (seeds, bits)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(2000)


@pytest.mark.parametrize("seed", [0, 5, np.int64(7), 2**40])
def test_integers_are_seeds(seed: Any) -> None:
    assert to_seed(seed) == int(seed)
    assert type(to_seed(seed)) is int


def test_generators_are_drawn_from() -> None:
    assert to_seed(np.random.RandomState(1)) == to_seed(np.random.RandomState(1))
    generator = np.random.default_rng(1)
    assert to_seed(generator) != to_seed(generator)
    assert 0 <= to_seed(generator) < 2**63


def test_none_is_fresh_entropy_and_global_states_stay() -> None:
    numpy_state, state = str(np.random.get_state()), random.getstate()  # noqa: NPY002
    assert to_seed(None) != to_seed(None)
    assert str(np.random.get_state()) == numpy_state  # noqa: NPY002
    assert random.getstate() == state


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", np.random])
def test_anything_else_is_refused(seed: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"random_state: expected None, an integer >= 0, .* got "):
        to_seed(seed)


def _draw() -> tuple[float, float, float]:
    return random.random(), np.random.rand(), np.random.normal()  # noqa: NPY002


def _states() -> tuple[object, str]:
    return random.getstate(), str(np.random.get_state(legacy=False))  # noqa: NPY002


def test_what_is_drawn_inside_depends_on_the_seed_and_leaves_the_states() -> None:
    before = _states()
    draws = []
    for seed in (3, 3, 4, 2**63 - 1):
        with forked_random(seed):
            draws.append(_draw())
        assert _states() == before
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3


def test_states_are_put_back_after_an_error_and_with_a_normal_in_store() -> None:
    with forked_random(0):
        np.random.normal()  # noqa: NPY002 - the second normal of the pair is kept for the next draw
        before = _states()
        with pytest.raises(KeyError), forked_random(1):
            {}[_draw()]
        assert _states() == before
        after = _draw()
    with forked_random(0):
        np.random.normal()  # noqa: NPY002
        assert _draw() == after


def test_a_generator_of_another_kind_stays() -> None:
    mtrand = np.random.mtrand
    with forked_random(0):
        mine = np.random.PCG64(5)
        mtrand.set_bit_generator(mine)
        before = _states()
        with forked_random(1):
            _draw()
        assert mtrand.get_bit_generator() is mine
        assert _states() == before
