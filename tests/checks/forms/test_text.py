"""The form for terminals: faults first, within the width, the summary last; figures as one reads them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright.checks import Diagnosis, Finding
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


def test_rows_are_a_table(suspects: Finding) -> None:
    known = {name: suspects.evidence[name] for name in ("rows", "given", "probability")}
    lines = text(Diagnosis((replace(suspects, evidence=known),))).splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("  rows"))
    assert lines[begin : begin + 3] == [
        "  rows      row  given  probability",
        "            100    cat         0.50",
        "            101      3         0.75",
    ]
    assert lines[begin + 15] == "            114      3         1.00"
    assert lines[begin + 16] == ""


def test_a_table_that_is_too_wide_is_written_out(suspects: Finding) -> None:
    lines = text(Diagnosis((suspects,)), 60).splitlines()
    assert max(map(len, lines)) < 60
    assert "            row 101, given 3, suggested 4, probability 0.75" in lines


def test_numbers_of_rows_are_cut(shared: Finding) -> None:
    said = " ".join(text(Diagnosis((shared,))).split())
    assert "rows 0, 2, 4, 6," in said
    assert "76, 78, and 1,160 more" in said


def test_rows_that_are_told_are_not_told_again(suspects: Finding) -> None:
    found = replace(suspects, do="Look at rows 7, 8.", evidence={"rows": [8, 7]})
    assert "  rows" not in text(Diagnosis((found,)))
    more = replace(found, evidence={"rows": [8, 7, 9]})
    assert "  rows      8, 7, 9" in text(Diagnosis((more,)))


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
        (8789.4, "8,789"),
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
