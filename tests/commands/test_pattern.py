"""Layer patterns on the command line: trained on images and tables, summed up, and refused with carets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.cli import main
from netwright.layers import Flatten, Linear, MaxPool, ReLU, Softmax

QUICK = ["--epochs", "1", "--no-report", "--out", "run"]


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error of a command that must end with status 2."""
    assert main(words) == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.slow
def test_images(capsys: pytest.CaptureFixture[str]) -> None:
    text = "INPUT -> [CONV3x4 -> RELU -> POOL?]*3 -> [FC16 -> RELU]*1 -> FC"
    assert main(["train", "digits", "--network", text, *QUICK]) == 0
    assert "network     Input(1, 8, 8) >> Conv(4, 3, padding='same') >> ReLU()" in capsys.readouterr().out
    trained = nw.load("run/model.nw").network_
    assert trained == nw.pattern(text, (1, 8, 8), 10)
    assert trained.parts[-3:] == (Flatten(), ReLU(16), Softmax(10))
    assert trained.parts.count(MaxPool(2)) == 2
    assert main(["summary", "run"]) == 0


def test_tables(houses: Path) -> None:
    for target, head in (("price", Linear(1)), ("town", Softmax(3))):
        words = ["--target", target, "--network", "INPUT -> [FC8 -> RELU]*2 -> FC", "--quiet", "--force"]
        assert main(["train", houses.name, *words, *QUICK]) == 0
        assert nw.load("run/model.nw").network_.parts[-3:] == (ReLU(8), ReLU(8), head)


def test_regression_of_images() -> None:
    words = ["--task", "regress", "--network", "INPUT -> FC", "--quiet"]
    assert main(["train", "digits", *words, *QUICK]) == 0
    assert nw.load("run/model.nw").network_.parts[-1] == Linear(1)


def test_a_wrong_pattern_is_refused_before_the_data_are_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    monkeypatch.setattr("netwright.commands.train.read", lambda *given: read.append(given))
    assert refused(["train", "digits", "--network", "INPUT ->  [COMV -> RELU]*2 -> FC"], capsys) == [
        "netwright: error: pattern: expected a layer such as CONV3x64, FC128, POOL2, got 'COMV'. Did you mean 'CONV'?",
        "  INPUT ->  [COMV -> RELU]*2 -> FC",
        "             ^^^^",
    ]
    assert not read


def test_a_pattern_that_does_not_fit_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    sentence, *place = refused(["train", "digits", "--network", "[CONV -> POOL]*4 -> FC", "--quiet"], capsys)
    assert sentence.startswith("netwright: error: maxpool4: MaxPool(2): expected space axes of at least (2, 2), got")
    assert place == ["  [CONV -> POOL]*4 -> FC", "           ^^^^"]
    sentence, *place = refused(["train", "digits", "--network", "CONV -> FC12", "--quiet"], capsys)
    assert "expected FC or FC10 at the end, for classes=10, got FC12." in sentence
    assert place == ["  CONV -> FC12", "          ^^^^"]
    assert not list(Path("runs").glob("*"))


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        (["INPUT -> FC10", "--input", "1,28,28"], "7,850 parameters"),
        (["INPUT → CONV5x8/2 → RELU → POOL? → FC10", "--input", "1x8x8"], "538 parameters"),
        (["FC8->RELU->FC3", "--input", "4"], "67 parameters"),
    ],
)
def test_summary(words: list[str], parameters: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", *words]) == 0
    assert parameters in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message", "place"),
    [
        (["CONV -> FC10"], "summary: expected a network that begins with Input, got Conv(32, 3, padding='same')", []),
        (["CONV/2 -> FC", "--input", "1,8,8"], "expected the number of units of the last FC", ["  CONV/2 -> FC"]),
        (["[CONV -> POOL?]*2 -> FC3"], "got 'POOL?' without input_shape. Give input_shape (--input)", ["  [CONV -"]),
        (["FC -> CONV", "--input", "4"], "got CONV behind FC", ["  FC -> CONV"]),
    ],
)
def test_wrong_summaries(words: list[str], message: str, place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    sentence, *lines = refused(["summary", *words], capsys)
    assert message in sentence
    assert len(lines) == 2 * len(place)
    assert all(line.startswith(start) for line, start in zip(lines, place, strict=False))


def test_a_file_may_have_an_arrow_in_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    (nw.Input(4) >> ReLU(8) >> Softmax(3)).save("a->b.nw")
    assert main(["summary", "a->b.nw"]) == 0
    assert "67 parameters" in capsys.readouterr().out


def test_a_pattern_that_does_not_fit_a_table(houses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", houses.name, "--target", "town", "--quiet", "--network"]
    sentence, *place = refused([*words, "INPUT -> FC -> CONV? -> FC"], capsys)
    assert "CONV behind FC" in sentence
    assert place == ["  INPUT -> FC -> CONV? -> FC", "                 ^^^^"]
    sentence, *place = refused([*words, "INPUT -> POOL? -> FC"], capsys)
    assert "POOL for samples of shape (" in sentence
    assert "--input" not in sentence
    assert place == ["  INPUT -> POOL? -> FC", "           ^^^^"]


def test_sizes_that_no_memory_holds(capsys: pytest.CaptureFixture[str]) -> None:
    (sentence,) = refused(["train", "digits", "--quiet", "--network", "INPUT -> FC999999999 -> FC"], capsys)
    assert "got 74,999,999,935 of them" in sentence
    sentence, *_ = refused(["train", "digits", "--quiet", "--network", "INPUT -> FC10000000000 -> FC"], capsys)
    assert sentence.endswith("got 'FC10000000000'. A number has at most 9 digits.")
