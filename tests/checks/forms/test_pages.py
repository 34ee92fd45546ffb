"""The pages of the site for codes: one each, of one form, listed by when the codes come."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netwright import checks
from netwright.checks import CODES

ROOT = Path(__file__).parents[3] / "docs" / "checks"
HEADINGS = ["What", "The signal", "Why it matters", "Remedy", "When it is meant", "Reference"]
INDEX = (ROOT / "index.md").read_text(encoding="utf-8")


def listed(kind: str) -> list[list[str]]:
    """The lines of all directives of a kind, without its options."""
    blocks = re.findall(rf"^```{{{kind}}}\n(.*?)^```$", INDEX, flags=re.MULTILINE | re.DOTALL)
    return [[line for line in block.splitlines() if line and not line.startswith(":")] for block in blocks]


TABLES = listed("codes")
TIMES = {name: also for table in TABLES for name, _, also in (line.partition(": ") for line in table)}


@pytest.mark.parametrize("name", list(CODES))
def test_a_code_has_a_page(name: str) -> None:
    text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == HEADINGS
    assert "```python" in text
    assert f'ignore=["{name}"]' in text or "frozen=" in text or "imbalanced=" in text


def test_there_is_no_page_of_another_code() -> None:
    assert {path.stem for path in ROOT.glob("*.md")} == {"index", *CODES}


def test_the_index_lists_each_code_once_before_during_or_after() -> None:
    assert len(TABLES) == len(listed("toctree")) == 3
    assert sorted(name for table in listed("toctree") for name in table) == sorted(CODES)
    for table, tree in zip(TABLES, listed("toctree"), strict=True):
        assert [line.partition(":")[0] for line in table] == tree
        assert tree == sorted(tree, key=lambda name: CODES[name].rank)
    assert set(TIMES.values()) <= {"", "during", "after", "during, after"}


def test_pages_of_what_comes_after_training_say_so() -> None:
    folder = Path(checks.__file__).parent / "after"
    sources = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    asked = {name for name in CODES if f'"{name}",\n' in sources}
    after = {name for name, also in TIMES.items() if "after" in also}
    last = {line.partition(":")[0] for line in TABLES[2]}
    assert asked
    assert asked <= after | last
    for name in after | last:
        assert "trained=True" in (ROOT / f"{name}.md").read_text(encoding="utf-8"), name
