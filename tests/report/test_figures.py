"""Pictures in a page: SVG without names that clash, outside addresses or a colour of its own; PNG to the last pixel."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.layers import ReLU
from netwright.report.figures import adapt, inline, png_uri, sized, trimmed, width_of
from netwright.report.page import table


def test_a_plot_becomes_an_element_of_the_page() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    before = dict(matplotlib.rcParams)

    def draw() -> Any:
        ax = sized(3, 2).add_subplot()
        ax.plot([1, 2], [3, 4], marker="o")
        ax.set_title("1.23456 <b> & \n", parse_math=False)
        ax.imshow([[1, 2], [3, 4]])
        return ax

    first, again, other = (
        inline("one", "What is seen", draw),
        inline("one", "What is seen", draw),
        inline("two", "", draw),
    )
    assert first == again
    assert dict(matplotlib.rcParams) == before
    assert "http" not in first
    names = re.findall(r" id=\"([^\"]+)\"", first + other)
    assert len(set(names)) == len(names)
    assert names
    targets = re.findall(r"url\(#([^)]+)\)", first + other) + re.findall(r"href=\"#([^\"]+)\"", first + other)
    assert set(targets) == set(names)
    assert 'role="img" aria-label="What is seen"' in first
    assert "currentColor" in first
    assert "#010203" not in first
    assert "1.23456 &lt;b&gt; &amp;" in first
    assert not re.search(r"\d\.\d{3,}", re.sub(r"base64,[^\"]*|>[^<]*<", "", first))


def test_pictures_keep_their_pixels() -> None:
    image = pytest.importorskip("PIL.Image")
    for shape in ((1, 5, 7), (3, 5, 7)):
        pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        address = png_uri(pixels)
        read = np.asarray(image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
        np.testing.assert_array_equal(
            read if shape[0] == 1 else np.moveaxis(read, -1, 0), pixels[0] if shape[0] == 1 else pixels
        )


def test_the_diagram_is_cut_to_its_boxes() -> None:
    whole = nw.plots.network_svg(nw.Input(4) >> ReLU(2))
    cut = trimmed(whole)
    assert "multiply-accumulates a sample</text>" not in cut
    width = [float(re.search(r'width="([\d.]+)"', text)[1]) for text in (whole, cut)]  # type: ignore[index]
    boxes = [float(number) for number in re.findall(r'<rect[^>]* width="([\d.]+)"', cut)]
    assert max(boxes) < width[1] <= width[0]
    assert trimmed("<svg></svg>") == "<svg></svg>"
    assert adapt(cut, "net", "a & b").startswith('<svg viewBox="')


def test_a_table_has_its_columns_at_the_right_side() -> None:
    text = table(("a<", "b"), [("1", "2")], numeric=(1,), foot=("x", "y"))
    assert "<th>a&lt;</th>" in text
    assert '<td class="n">2</td>' in text
    assert "<tfoot>" in text
    assert "<thead>" not in table(("", ""), [("1", "2")])


def test_empty_sides_are_cut_off() -> None:
    def draw() -> Any:
        ax = sized(9, 2).add_subplot()
        ax.imshow(np.eye(3))
        return ax

    assert width_of(inline("a", "a", draw)) == 864
    assert width_of(inline("a", "a", draw, tight=True)) < 300
