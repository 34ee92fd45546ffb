"""The examples of the gallery run without a warning, draw, say what is to be seen, and leave random states alone."""

from __future__ import annotations

import ast
import re
import runpy
import warnings
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("plot_*.py"))
# take over four seconds: run by the full tier, and by the site that shows them
LONG = [
    "augmentation",
    "curvature",
    "dbn",
    "detection",
    "digits_convnet",
    "ensemble",
    "generative",
    "multi_input_output",
    "neural_gas",
    "optimizers_compared",
    "rbm",
    "sequence_gates",
    "sequence_sentiment",
    "sequence_shakespeare",
    "sequence_tagging",
    "style",
    "super_resolution",
    "two_moons_regularization",
]
each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
all_soon = pytest.mark.parametrize(
    "example",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stem.removeprefix("plot_") in LONG else [], id=path.stem)
        for path in EXAMPLES
    ],
)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 10


def test_examples_that_take_long_are_there() -> None:
    assert {f"plot_{name}" for name in LONG} <= {path.stem for path in EXAMPLES}


@pytest.mark.slow
@all_soon
def test_runs_and_draws(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive", UserWarning)  # plt.show()
            runpy.run_path(str(example), run_name="__main__")
        assert pyplot.get_fignums(), "it draws nothing"
        assert all(pyplot.figure(number).axes for number in pyplot.get_fignums())
    finally:
        pyplot.close("all")
    assert not list(tmp_path.iterdir()), "it leaves files behind"


@each
def test_has_a_title_and_says_what_is_seen(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    title, line, *_ = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert set(line) == {"="}
    assert len(line) == len(title)
    cells = re.split(r"^# %%$", text, flags=re.MULTILINE)
    drawing = [number for number, cell in enumerate(cells) if "plt.show()" in cell]
    assert drawing, "it has no picture"
    for number in drawing:  # a cell begins with its text
        said = cells[number].lstrip().startswith("# ") or cells[number - 1].lstrip().startswith("# ")
        assert said, f"nothing is said about the picture of cell {number}"
