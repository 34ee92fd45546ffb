"""The form for terminals: faults first, within the width, the summary last; figures as one reads them."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.checks import Diagnosis
from netwright.checks.forms.text import headline, text
from netwright.checks.forms.wording import counts, figure, remedy_of, sentence


def test_blocks(diagnosis: Diagnosis) -> None:
    blocks = text(diagnosis).split("\n\n")
    assert [block.split(":")[0] for block in blocks[:-1]] == [
        "fault  double-softmax",
        "fault  non-finite-data",
        "note  unscaled-input",
    ]
    assert blocks[-1] == "2 faults, 1 note"
    assert blocks[0].splitlines() == [
        "fault  double-softmax: softmax or sigmoid applied twice (layer 3, train.py:14)",
        "  seen      The loss applies a softmax to a probability.",
        "  expected  Logits: numbers of any size.",
        "  why       The loss applies it again, so even a perfect answer has a high loss",
        "            and gradients fade.",
        "  do        Take layer 3 out.",
        "            [module: remove = '3']",
        "  hence     vanishing-gradient: The gradient is 3e-06.",
        "            underfitting: 61 % are right.",
    ]


@pytest.mark.parametrize("width", [0, 40, 80, 200])
def test_width(diagnosis: Diagnosis, width: int) -> None:
    lines = text(diagnosis, width).splitlines()
    assert max(map(len, lines)) < max(width, 40)


def test_hostile_texts_are_wrapped(hostile: Diagnosis) -> None:
    assert max(map(len, text(hostile, 60).splitlines())) < 60


def test_nothing_found_and_the_head_stands_out(diagnosis: Diagnosis) -> None:
    assert text(Diagnosis()) == "No findings."
    made = text(diagnosis, bold=lambda line: f"*{line}*")
    assert [line for line in made.splitlines() if line.startswith("*")] == [
        f"*{each['level']}  {headline(each)}*"
        for each in sorted(diagnosis.to_dict()["findings"], key=lambda each: each["level"])
    ]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (np.float32(0.1), "0.1"),
        (np.int64(12345), "12,345"),
        (123456.7, "123,457"),
        (1e12, "1e+12"),
        (float("nan"), "nan"),
        (None, "-"),
        (False, "no"),
        ([], ""),
        ([[1, 2], [3]], "(1, 2), (3)"),
        ("x" * 200, "x" * 157 + "..."),
        (np.arange(9), "0, 1, 2, 3, 4, 5, ... (9)"),
    ],
)
def test_figures(item: object, said: str) -> None:
    assert figure(item) == said


def test_words() -> None:
    assert counts([{"level": "fault"}] * 1200) == "1,200 faults"
    assert sentence('it says "no."') == 'It says "no."'
    assert [sentence(word) for word in ("a b", "lr b", "x b", "nn.Linear b", "Ünit")] == [
        "A b.",
        "lr b.",
        "x b.",
        "nn.Linear b.",
        "Ünit.",
    ]
    assert remedy_of({"remedy": None}) == ""
    remedy = {"object": "data", "argument": "permute", "value": np.array([0.5, 0.25])}
    assert remedy_of({"remedy": remedy}) == "data: permute = [0.5, 0.25]"
