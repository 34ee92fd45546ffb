"""The HTML form: whole, escaped, without scripts, and styled for itself alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from netwright.checks import Diagnosis
from netwright.checks.forms.html import STYLE, cards, fragment


class Reader(HTMLParser):
    """Checks that elements are closed in order, and collects words and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_all_of_a_finding_is_shown(diagnosis: Diagnosis) -> None:
    page = Reader(fragment(diagnosis))
    assert page.text.startswith("2 faults, 1 note fault double-softmax layer 3, train.py:14 Softmax or sigmoid applied")
    for words in (
        "Seen The loss applies a softmax to a probability.",
        "Expected Logits: numbers of any size.",
        "Why The loss applies it again",
        "Do Take layer 3 out. module: remove = '3'",
        "Hence vanishing-gradient The gradient is 3e-06. underfitting 61 % are right.",
        "lowest 0 loss at start 1.099 layers 1, 2, 3 Karpathy 2019",
        "non-finite-data column age, row 7",
        "note unscaled-input column 2",
    ):
        assert words in page.text
    assert page.text.index("non-finite-data") < page.text.index("unscaled-input"), "faults come first"
    assert page.tags.count("table") == 1
    assert not {"script", "link", "img", "iframe", "form", "a"} & set(page.tags)
    assert page.attributes <= {"class", "scope"}


def test_nothing_found() -> None:
    assert Reader(fragment(Diagnosis())).text == "No findings."
    assert Reader(cards([])).text == ""


def test_hostile_texts_stay_texts(hostile: Diagnosis) -> None:
    made = fragment(hostile)
    page = Reader(made)
    assert "<script" not in made
    assert page.text.count("<script>alert(") >= 9
    assert page.attributes <= {"class", "scope"}
    assert len(made) < 20_000, "long lists are cut"


def test_the_style_touches_nothing_else(diagnosis: Diagnosis) -> None:
    made = fragment(diagnosis)
    rules = re.findall(r"([^{}]+)\{", STYLE.replace("@media print {", ""))
    assert len(rules) > 20
    assert all(part.strip().startswith(".nw-findings") for rule in rules for part in rule.split(","))
    assert "&" not in STYLE
    assert "url(" not in made
    assert "http" not in made
    assert STYLE.count("{") == STYLE.count("}")
    used = {name for names in re.findall(r'class="([^"]+)"', made) for name in names.split()}
    assert used - {"note"} <= set(re.findall(r"\.([\w-]+)", STYLE)) | {"row"}
