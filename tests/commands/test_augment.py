"""`netwright train --augment`: the text becomes values that are said and saved, and a wrong one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import netwright as nw
from netwright.cli import main
from netwright.data.augment import Compose, Flip, Rotate, Shift

TINY = ["--network", "Flatten() >> Softmax(10)", "--epochs", "1", "--no-report"]


@pytest.mark.slow
def test_the_text_reaches_the_estimator_and_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "digits", *TINY, "--augment", "Rotate(10), Shift(2)", "--out", "several"]) == 0
    assert "Compose(Rotate(10), Shift(2)), batches of 64" in " ".join(capsys.readouterr().out.split())
    assert nw.load("several/model.nw").augment == Compose(Rotate(10), Shift(2))
    assert main(["train", "digits", *TINY, "--augment", "Flip", "--out", "one", "--quiet"]) == 0
    assert nw.load("one/model.nw").augment == Flip()


@pytest.mark.slow
def test_it_changes_the_training_alone() -> None:
    for name, more in {
        "plain": [],
        "augmented": ["--augment", "Rotate(90)"],
        "again": ["--augment", "Rotate(90)"],
    }.items():
        assert main(["train", "digits", *TINY, *more, "--out", name, "--quiet"]) == 0
    plain, augmented, again = (
        Path(name, "history.csv").read_text(encoding="utf-8") for name in ("plain", "augmented", "again")
    )
    assert plain != augmented
    assert [line.split(",")[:5] for line in augmented.splitlines()] == [
        line.split(",")[:5] for line in again.splitlines()
    ]


def test_the_list_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "augmentations"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    assert any(line.split(None, 1)[1].startswith("Turns each image about its centre by an angle t") for line in lines)


def test_what_is_wrong_is_named(fails: Callable[..., str]) -> None:
    assert "Did you mean 'Rotate'?" in fails("train", "digits", *TINY, "--augment", "Rotat(10)")
    assert "--augment: expected augmentations such as Rotate(10), Shift(2), got l2(0.1)" in fails(
        "train", "digits", *TINY, "--augment", "l2(0.1)"
    )


def test_a_table_has_no_images(houses: Path, fails: Callable[..., str]) -> None:
    words = ["train", "houses.csv", "--target", "price", "--epochs", "1", "--augment", "Shift(2)"]
    assert "augment: expected samples that are images" in fails(*words)
