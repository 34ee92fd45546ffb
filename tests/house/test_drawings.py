"""The drawings of the site: each that a page shows can be drawn, no text lies on another one, and none is cut."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = re.compile(r"/_executed/drawings/([a-z_]+-[a-z0-9_]+)\.svg")
PAGES = [path for path in DOCS.rglob("*.md") if "_build" not in path.parts]
NAMES = sorted({name for page in PAGES for name in SHOWN.findall(page.read_text(encoding="utf-8"))})


@pytest.fixture(scope="module")
def drawings() -> ModuleType:
    pytest.importorskip("matplotlib")
    if str(DOCS / "_ext") not in sys.path:
        sys.path.insert(0, str(DOCS / "_ext"))
    return importlib.import_module("drawings")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_is_legible(drawings: ModuleType, name: str, tmp_path: Path) -> None:
    text = drawings.draw(*name.split("-"), tmp_path).read_text(encoding="utf-8")
    assert "<svg" in text


def test_texts_on_each_other_are_refused(drawings: ModuleType) -> None:
    figure = importlib.import_module("drawings.paper").sheet(10, 5)[0]
    figure.text(0.5, 0.5, "one")
    figure.text(0.51, 0.5, "two")
    with pytest.raises(ValueError, match="lie on each other"):
        drawings._expect_legible("x", figure)
