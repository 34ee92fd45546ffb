"""SVG texts: escaping, numbers, files."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.plots import Svg
from netwright.plots.svg import escaped, number


def is_no_xml(character: str) -> bool:
    """XML 1.0, production 2: no control characters but three, no surrogates, no U+FFFE and U+FFFF."""
    code = ord(character)
    return (code < 32 and code not in (9, 10, 13)) or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)


@given(st.text())
def test_every_text_can_stand_in_xml(text: str) -> None:
    element = ET.fromstring(f'<a b="{escaped(text)}">{escaped(text)}</a>')
    printable = "".join("?" if is_no_xml(character) else character for character in text)
    assert (element.text or "") == printable.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (0.04, "0"), (-0.04, "0"), (12.36, "12.4"), (-3.5, "-3.5")])
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_a_picture_is_a_text_that_notebooks_show(tmp_path: Path) -> None:
    picture = Svg("<svg xmlns='http://www.w3.org/2000/svg'><title>a → b</title></svg>")
    assert isinstance(picture, str)
    assert picture._repr_svg_() == picture
    file = tmp_path / "a.svg"
    file.write_text("old")
    picture.save(file)
    assert file.read_text(encoding="utf-8") == picture
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected a file that can be written"):
        Svg("<svg/>").save(tmp_path / "no" / "a.svg")
