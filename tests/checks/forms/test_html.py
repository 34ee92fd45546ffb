"""The HTML form: whole, escaped, without scripts, and styled for itself alone."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from netwright.checks import Diagnosis, Finding
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


def test_rows_are_a_table_with_the_first_ones_open(suspects: Finding) -> None:
    made = fragment(Diagnosis((suspects,)))
    page = Reader(made)
    opened, folded = made.split("<details>")
    assert "Rows row given suggested probability 100 cat <script>" in page.text
    assert "0.50 101 3 4 0.75 102 3 4 1.00" in page.text, "fractions are aligned"
    assert "9 more of 15 rows 106 3 4 1.00 107" in page.text
    assert [each for each in range(100, 115) if f"<td>{each}</td>" in opened] == list(range(100, 106))
    assert [each for each in range(100, 115) if f"<td>{each}</td>" in folded] == list(range(106, 115))
    assert "suspicious 15 pairs (1, 2), (1, 2)" in page.text, "other figures stay beside it"
    assert page.attributes <= {"class", "scope"}
    assert page.tags.count("details") == page.tags.count("summary") == 1
    used = {name for names in re.findall(r'class="([^"]+)"', made) for name in names.split()}
    assert "rows" in used & set(re.findall(r"\.([\w-]+)", STYLE))


def test_few_rows_are_not_folded(suspects: Finding) -> None:
    columns = {name: list(suspects.evidence[name])[:11] for name in ("rows", "given")}
    made = fragment(Diagnosis((replace(suspects, evidence=columns),)))
    assert "<td>110</td>" in made
    assert "<details>" not in made


def test_numbers_of_rows_are_a_list(shared: Finding) -> None:
    page = Reader(fragment(Diagnosis((shared,))))
    assert "Rows 0 2 4 6" in page.text
    assert "76 78 960 more of 1,200 rows, and 200 that are not listed 80 82" in page.text
    assert page.text.count(" 1998 ") == 1
    assert " 2000 " not in page.text
    assert page.tags.count("table") == 1, "that of the figures"


def test_rows_that_are_told_are_not_told_again(suspects: Finding) -> None:
    found = replace(suspects, do="Look at rows 7, 8.", evidence={"share": 0.5, "rows": [8, 7]})
    page = Reader(fragment(Diagnosis((found,))))
    assert "Rows" not in page.text
    assert "rows 8, 7" not in page.text
    assert "share 0.5" in page.text


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
