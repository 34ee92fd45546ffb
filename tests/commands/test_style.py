"""``netwright style``: what it writes, what it says, how it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netwright as nw
from netwright.cli import main
from netwright.vision import StyleTransfer

Image = pytest.importorskip("PIL.Image")
QUICK = ["--size", "48", "--steps", "2", "--levels", "1"]


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for name in ("content", "style", "other"):
        Image.fromarray(draw.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(f"{name}.png")
    Image.fromarray(np.arange(60, dtype=np.uint8).repeat(40).reshape(60, 40).T // 30 * 255).save("mask.png")


def test_it_writes_the_picture_of_the_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["style", "content.png", "style.png", *QUICK]) == 0
    wanted = StyleTransfer(size=48, steps=2, levels=1, random_state=0)("content.png", "style.png")
    assert (nw.data.read_image("content-style.png") == wanted).all()
    said = capsys.readouterr().out
    assert "content-style.png: 48 x 32" in said
    assert "48 x 32: " in said


def test_options_and_pictures_on_the_way() -> None:
    words = ["--output", "out/made.png", "--every", "1", "--mask", "mask.png", "--keep-colors", "luminance"]
    Path("out").mkdir()
    assert main(["style", "content.png", "style.png", *QUICK, *words, "--optimizer", "adam"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["made-1.png", "made-2.png", "made.png"]
    assert main(["style", "content.png", "style.png", "other.png", *QUICK, "--blend", "2", "1"]) == 0
    assert main(["style", "content.png", "style.png", *QUICK, "--network", "Conv(4, 3) >> ReLU()", "--size", "40"]) == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nowhere.png", "style.png"], "nowhere.png"),
        (["content.png", "style.png", "--output", "made.txt"], "a name that ends in one of .png .jpg"),
        (["content.png", "style.png", "--weights", "vgg19.pth"], "None without a network"),
        (["content.png", "style.png", "--blend", "1", "2"], "1 numbers >= 0, one for each style"),
        (["content.png", "style.png", "--network", "vgg91"], "Did you mean"),
        (["content.png", "style.png", "other.png", "--mask", "mask.png"], "a mask for each"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["style", *words, *QUICK]) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1


def test_wrong_numbers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--steps", "0"], ["--alpha", "-1"], ["--keep-colors", "no"], ["--size", "4"]):
        with pytest.raises(SystemExit):
            main(["style", "content.png", "style.png", *words])
        assert "expected" in capsys.readouterr().err
