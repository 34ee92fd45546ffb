"""Random trees of layers, written as a pattern and composed by hand: both are the same network, or neither fits."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netwright as nw
from netwright.core.errors import JoinError
from netwright.layers import AvgPool, BatchNorm, Conv, Dropout, Flatten, Input, Linear, MaxPool, ReLU, Tanh
from netwright.models import pattern

LAYERS: dict[str, Any] = {"RELU": ReLU, "TANH": Tanh, "BN": BatchNorm, "DROP0.5": lambda: Dropout(0.5), "DROP": Dropout}
SPACE = ("CONV", "CONV3x8", "CONV5x4/2", "CONV2x7", "POOL", "POOL3/2", "AVGPOOL", *LAYERS)
DENSE = ("FC", "FC16", "FC7", *LAYERS)
Tree = tuple[Any, int, bool]  # a word or a list of trees, how often, whether optional


def trees(words: tuple[str, ...]) -> st.SearchStrategy[list[Tree]]:
    leaf = st.tuples(st.sampled_from(words), st.integers(1, 2), st.booleans())
    groups = st.recursive(
        leaf,
        lambda inner: st.tuples(st.lists(inner, min_size=1, max_size=3), st.integers(0, 3), st.booleans()),
        max_leaves=6,
    )
    return st.lists(groups, max_size=4)


def written(items: list[Tree], draw: Any) -> str:
    """The text of trees, with spaces, cases and arrows as one may write them."""
    pieces = []
    for what, times, optional in items:
        space = draw(st.sampled_from(["", " "]))
        body = (
            f"[{space}{written(what, draw)}]" if isinstance(what, list) else draw(st.sampled_from([what, what.lower()]))
        )
        count = f"{space}*{times}" if times != 1 or draw(st.booleans()) else ""
        pieces.append(f"{body}{count}{'?' if optional else ''}")
    return draw(st.sampled_from(["->", " -> ", "  → "])).join(pieces)


def reach(word: str, size: int) -> int:
    """Places behind a convolution or pooling; 0 or less where the window does not fit."""
    numbers = [int(digits) for digits in re.findall(r"\d+", word)]
    if word.startswith("CONV"):
        return -(-size // 2) if word.endswith("/2") else size
    window, stride = [*numbers, 2, 2][:2] if len(numbers) != 1 else numbers * 2
    return (size - window) // stride + 1 if size >= window else 0


def spread(items: list[Tree], mode: str, size: int) -> tuple[list[str], int, int]:
    """The words that a pattern stands for, the size of the image behind them, and its smallest behind a window."""
    words: list[str] = []
    least = 10**9
    for what, times, optional in items:
        taken: list[str] = []
        now, low = size, 10**9
        for _ in range(times):
            if isinstance(what, list):
                more, now, lower = spread(what, mode, now)
            else:
                windowed = what.startswith(("CONV", "POOL", "AVGPOOL"))
                more, now = [what], reach(what, now) if windowed else now
                lower = now if windowed else 10**9
            taken, low = taken + more, min(low, lower)
        if not optional or mode == "always" or (mode == "fit" and low >= 2):
            words, size, least = words + taken, now, min(least, low)
    return words, size, least


def composed(words: list[str]) -> list[Any]:
    """The layers of words, by the rules as they stand in the documentation."""
    parts: list[Any] = []
    filters, dense = 32, False
    for place, word in enumerate(words):
        numbers = [int(digits) for digits in re.findall(r"\d+", word)]
        before = words[place - 1] if place else ""
        if word.startswith("CONV"):
            kernel, count, stride = [*numbers, 1][:3] if numbers else (3, filters, 1)
            parts.append(Conv(count, kernel, stride, "same"))
        elif "POOL" in word:
            kind, filters = AvgPool if word.startswith("A") else MaxPool, min(2 * filters, 512)
            parts.append(kind(*numbers) if numbers else kind(2))
        elif word.startswith("FC"):
            parts += [] if dense else [Flatten()]
            parts.append(Linear(numbers[0] if numbers else 128))
            dense = True
        elif word in ("RELU", "TANH") and before.startswith("FC"):
            parts[-1] = LAYERS[word](parts[-1].units)
        else:
            parts.append(LAYERS[word]())
    return parts


@pytest.mark.slow
@settings(max_examples=100)
@given(st.data(), trees(SPACE), trees(DENSE), st.sampled_from(["fit", "always", "never"]), st.integers(4, 60))
def test_random_trees_are_what_one_writes_by_hand(
    data: Any, space: list[Tree], dense: list[Tree], mode: str, size: int
) -> None:
    text = written([*space, *dense, ("FC9", 1, False)], data.draw)
    words, size_left, _ = spread(space, mode, size)
    parts = composed([*words, *spread(dense, mode, size_left)[0], "FC9"])
    try:
        by_hand = nw.join(Input(2, size, size), *parts)
    except JoinError:
        with pytest.raises(JoinError):
            pattern(text, (2, size, size), optional=mode)
    else:
        assert pattern(text, (2, size, size), optional=mode) == by_hand


def test_the_random_trees_have_networks_that_fit() -> None:
    words, size, least = spread([([("CONV5x4/2", 2, False), ("POOL", 1, True)], 2, False)], "fit", 28)
    assert (words, size, least) == (["CONV5x4/2", "CONV5x4/2", "POOL", "CONV5x4/2", "CONV5x4/2"], 1, 1)
