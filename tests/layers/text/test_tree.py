"""Trees of classes: Huffman's against all codes that there are and the bound of the entropy, balanced ones, tables."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.layers.text.tree import balanced, huffman, leaves, tables


def lengths(tree: Any) -> dict[int, int]:
    """The number of steps to each class."""
    if not isinstance(tree, tuple):
        return {tree: 0}
    return {c: steps + 1 for part in tree for c, steps in lengths(part).items()}


def cost(tree: Any, counts: Any) -> float:
    return sum(counts[c] * steps for c, steps in lengths(tree).items())


def least_cost(counts: list[int]) -> float:
    """Over all lengths of complete prefix codes, which are those with sum 2^-length = 1 (Kraft, McMillan)."""
    falling = sorted(counts, reverse=True)
    codes = itertools.combinations_with_replacement(range(1, len(counts)), len(counts))
    complete = [code for code in codes if sum(2.0**-steps for steps in code) == 1]
    return min(sum(n * steps for n, steps in zip(falling, code, strict=True)) for code in complete)


def test_a_published_code() -> None:
    """Cormen, Leiserson, Rivest, Stein, Introduction to algorithms: a 45, b 13, c 12, d 16, e 9, f 5."""
    found = lengths(huffman([45, 13, 12, 16, 9, 5]))
    assert [found[c] for c in range(6)] == [1, 3, 3, 3, 4, 4]
    assert cost(huffman([45, 13, 12, 16, 9, 5]), [45, 13, 12, 16, 9, 5]) == 224


@given(st.lists(st.integers(0, 20), min_size=2, max_size=7))
def test_no_code_is_shorter(counts: list[int]) -> None:
    assert cost(huffman(counts), counts) == least_cost(counts)


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=60))
def test_the_mean_length_is_within_one_bit_of_the_entropy(counts: list[int]) -> None:
    p = np.array(counts) / sum(counts)
    entropy, mean = -(p * np.log2(p)).sum(), cost(huffman(counts), p)
    assert entropy - 1e-9 <= mean < entropy + 1


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30))
def test_every_class_is_in_the_tree_once(counts: list[int]) -> None:
    assert sorted(leaves(huffman(counts)) or []) == list(range(len(counts)))


def test_of_equal_counts_the_tree_is_as_flat_as_can_be() -> None:
    assert set(lengths(huffman([1] * 8)).values()) == {3}
    assert set(lengths(huffman([0] * 16)).values()) == {4}
    assert sorted(lengths(huffman([2, 1, 1, 1, 1])).values()) == [2, 2, 2, 3, 3]
    # 1, 1, 2, 2 has two codes of one cost, with lengths of 2 each, or of 1, 2, 3, 3
    assert set(lengths(huffman([1, 1, 2, 2])).values()) == {2}
    assert huffman([3, 1, 1, 1, 1]) == huffman((3, 1, 1, 1, 1))


@given(st.integers(1, 200))
def test_balanced_paths_differ_by_one_step(classes: int) -> None:
    found = lengths(balanced(classes))
    assert list(found) == list(range(classes))
    assert set(found.values()) <= {math.floor(math.log2(classes)), math.ceil(math.log2(classes))}


def test_deep_trees() -> None:
    counts = [2**n for n in range(2000)]
    made = tables(huffman(counts[:1500]))
    assert made.path.shape == (1500, 1499)
    assert (made.path_sides[0] != 0).sum() == 1499


trees = st.recursive(st.none(), lambda part: st.tuples(part, part), max_leaves=12).filter(lambda t: t is not None)


def numbered(shape: Any, names: Any) -> Any:
    """A shape of pairs with a class at each leaf."""
    return tuple(numbered(part, names) for part in shape) if isinstance(shape, tuple) else next(names)


@given(trees, st.randoms(use_true_random=False))
def test_tables_say_what_the_tree_says(shape: Any, random: Any) -> None:
    count = len(leaves(shape) or [])
    tree = numbered(shape, iter(random.sample(range(count), count)))
    made, wanted = tables(tree), lengths(tree)
    assert [int((sides != 0).sum()) for sides in made.path_sides] == [wanted[c] for c in range(count)]
    for c in range(count):
        part, node = tree, 0  # down again, by the path from below read backwards
        steps = [(n, s) for n, s in zip(made.path[c], made.path_sides[c], strict=True) if s]
        for place, side in reversed(steps):
            assert place == node
            part, node = part[(1 - side) // 2], made.children[node, (1 - side) // 2]
        assert part == c
        assert node == -1 - c
    assert made.starts[-1] == 2 * count - 1
    assert len(made.starts) == max(wanted.values()) + 2


@pytest.mark.parametrize("wrong", [(0, 1, 2), ((0,), 1), ((), 0)])
def test_what_is_not_of_pairs(wrong: Any) -> None:
    assert leaves(wrong) is None
