"""Boxes on images: lines at their places, tabs inside the image and off each other, SVG that parses, bad input."""

from __future__ import annotations

import base64
import io
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import class_colors, draw_boxes, read_voc
from netwright.vision.drawing.colours import PALETTE, ink_on
from netwright.vision.drawing.scene import Scene, font_for, scene_of
from netwright.vision.drawing.tabs import covered, place_tabs

pillow = pytest.importorskip("PIL.Image")

DATA = os.environ.get("NETWRIGHT_DATA", "")
RED = (255, 0, 0)
SPACE = "{http://www.w3.org/2000/svg}"


def gray(height: int = 120, width: int = 160) -> np.ndarray:
    return np.full((height, width, 3), 90, dtype=np.uint8)


def red(picture: Any) -> np.ndarray:
    """Which pixels are of the colour of the line."""
    found: np.ndarray = (np.asarray(picture) == RED).all(axis=2)
    return found


@pytest.mark.parametrize("width", [1, 2, 3, 6])
def test_lines_lie_on_the_edges(width: int) -> None:
    picture = draw_boxes(gray(), [[40, 30, 100, 90]], colors="red", width=width)
    assert picture.size == (160, 120)
    assert picture.mode == "RGB"
    row, column = np.flatnonzero(red(picture)[60]), np.flatnonzero(red(picture)[:, 70])
    first = {edge: int(np.floor(edge - width / 2 + 0.5)) for edge in (30, 40, 90, 100)}
    assert row.tolist() == [x + i for x in (first[40], first[100]) for i in range(width)]
    assert column.tolist() == [y + i for y in (first[30], first[90]) for i in range(width)]
    whole = np.zeros((120, 160), dtype=bool)  # the frame is closed and there is nothing else of its colour
    whole[first[30] : first[90] + width, first[40] : first[100] + width] = True
    whole[first[30] + width : first[90], first[40] + width : first[100]] = False
    np.testing.assert_array_equal(red(picture), whole)


def test_a_rim_sets_the_line_off() -> None:
    picture = np.asarray(draw_boxes(gray(), [[40, 30, 100, 90]], colors="red", width=2)).astype(int)
    assert (picture[60, [38, 41, 98, 101]] > 150).all()
    assert (picture[60, [36, 43, 70, 120]] == 90).all()


def test_lines_at_the_border_are_whole() -> None:
    picture = red(draw_boxes(gray(), [[-50, 0, 160, 500]], colors="red", width=4))
    assert picture[60].tolist() == [True] * 4 + [False] * 152 + [True] * 4
    assert picture[:, 80].tolist() == [True] * 4 + [False] * 112 + [True] * 4


def test_the_image_stays_as_it_is() -> None:
    image = gray()
    draw_boxes(image, [[4, 4, 50, 50]], ["cat"])
    assert (image == 90).all()


def test_kinds_of_images(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 80), dtype=np.uint8)
    boxes = [[10, 10, 40, 40]]
    expected = np.asarray(draw_boxes(np.repeat(image[:, :, None], 3, axis=2), boxes))
    pillow.fromarray(image).save(tmp_path / "a.png")
    kinds = [image, image[:, :, None], tmp_path / "a.png", str(tmp_path / "a.png"), pillow.fromarray(image)]
    for kind in [*kinds, pillow.fromarray(image).convert("P")]:
        np.testing.assert_array_equal(np.asarray(draw_boxes(kind, boxes)), expected)


def test_dicts_as_detectors_and_readers_give() -> None:
    prediction = {"boxes": np.array([[40.0, 30, 100, 90]]), "labels": ["cat"], "scores": np.array([0.876])}
    given = draw_boxes(gray(), [[40, 30, 100, 90]], ["cat"], [0.876])
    assert draw_boxes(gray(), prediction) == given
    assert draw_boxes(gray(), prediction, labels=["dog"]) != given
    target = {"boxes": np.zeros((0, 4)), "labels": [], "difficult": np.zeros(0, dtype=bool)}
    np.testing.assert_array_equal(np.asarray(draw_boxes(gray(), target)), gray())


def test_colours() -> None:
    picture = draw_boxes(gray(), [[40, 30, 100, 90]], ["cat"], colors={"cat": (1, 2, 3), "dog": "red"})
    assert picture.getpixel((100, 60)) == (1, 2, 3)
    picture = draw_boxes(gray(), [[40, 30, 100, 90]], ["emu"], colors={"cat": (1, 2, 3)})
    assert "#{:02x}{:02x}{:02x}".format(*picture.getpixel((100, 60))) in PALETTE
    assert class_colors(["b", "a", 2, 1]) == dict(zip([1, 2, "a", "b"], PALETTE, strict=False))
    assert len(set(class_colors(range(9)).values())) == len(PALETTE) == 7


def test_a_class_keeps_its_colour_and_two_differ() -> None:
    def colours(labels: list[Any]) -> dict[Any, str]:
        text = draw_boxes(gray(), [[5, 5, 50, 50]] * len(labels), labels, format="svg")
        tabs = ET.fromstring(text).findall(f"{SPACE}rect")
        words = [item.text for item in ET.fromstring(text).findall(f"{SPACE}text")]
        return {word: tab.get("fill", "") for word, tab in zip(words, tabs, strict=True)}

    many = colours([*range(7)])
    assert len(set(many.values())) == 7
    assert colours([3]) == {"3": many["3"]}
    assert colours(["cat"]).items() <= colours(["cat", "zebra"]).items()


@pytest.mark.parametrize("colour", PALETTE)
def test_text_differs_from_its_tab(colour: str) -> None:
    parts = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))

    def luminance(rgb: tuple[int, ...]) -> float:
        linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    ground, ink = luminance(parts), luminance(ink_on((parts[0], parts[1], parts[2])))
    assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) >= 4.5  # W3C, level AA


def scene(size: tuple[int, int], boxes: Any, texts: list[str]) -> Scene:
    return scene_of(size, np.asarray(boxes, dtype=float).reshape(-1, 4), texts, [RED] * len(texts), None)


@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_tabs_never_leave_the_image(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    boxes = rng.normal(0.5, 0.6, (n, 4)) * [width, height, width, height]
    texts = ["".join(rng.choice(list("WMij. "), rng.integers(0, 30))) for _ in range(n)]
    made = scene((height, width), boxes, texts)
    for mark in made.marks:
        x, y, wide, high = mark.tab
        assert not mark.text or (0 <= x <= x + wide <= width and 0 <= y <= y + high <= height)
        assert not mark.text or made.font.getlength(mark.text) <= wide
        assert 0 <= mark.box[0] <= mark.box[2] <= width
        assert 0 <= mark.box[1] <= mark.box[3] <= height


def test_tabs_do_not_cover_each_other_where_there_is_room() -> None:
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, [500, 350], (25, 2))
    boxes = np.hstack([corner, corner + rng.uniform(60, 120, (25, 2))])
    boxes[5:8] = boxes[4]  # the same box four times
    tabs = np.array([mark.tab for mark in scene((480, 640), boxes, ["RBC 0.98"] * 25).marks])
    frames = np.hstack([tabs[:, :2], tabs[:, :2] + tabs[:, 2:]])
    assert (covered(frames, frames) * (1 - np.eye(25))).sum() < 0.02 * 25


def test_a_lone_tab_stands_on_its_box() -> None:
    [place] = place_tabs(np.array([[50.0, 60.0, 90.0, 100.0]]), [(30.0, 12.0)], (200, 200), 2.0)
    assert place.tolist() == [49, 47]
    [place] = place_tabs(np.array([[50.0, 3.0, 190.0, 100.0]]), [(30.0, 12.0)], (200, 200), 2.0)
    assert place.tolist() == [49, 0]  # pushed into the image, over the upper line


def test_long_texts_are_cut_and_tiny_images_have_small_letters() -> None:
    [mark] = scene((40, 60), [[5, 20, 50, 38]], ["a very long name of a class 0.99"]).marks
    assert mark.text.endswith("…")
    assert mark.full == "a very long name of a class 0.99"
    assert (
        scene((64, 64), [[5, 20, 50, 38]], ["Platelets 0.99"]).letters
        < scene((640, 640), [[5, 20, 50, 38]], ["x"]).letters
    )
    assert scene((3, 3), [[0, 0, 3, 3]], ["cat"]).marks[0].text == ""


def test_letters_that_the_font_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwright.vision.drawing.scene.FONTS", ("no such font.ttf",))
    assert font_for(["Kätzchen", "cat…", "猫"], 12)[1] == ["Katzchen", "cat…", "?"]


def test_svg_parses_and_escapes() -> None:
    text = draw_boxes(gray(), [[40.25, 30, 100, 90]], ["<&\"'>\x00"], [0.5], format="svg")
    root = ET.fromstring(text)
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("160", "120", "0 0 160 120")
    assert [item.text for item in root.iter(f"{SPACE}text")] == ["<&\"'>? 0.50"]
    assert [item.text for item in root.iter(f"{SPACE}title")] == ["<&\"'>? 0.50 (40.25, 30, 100, 90)"]
    rim, line = root.findall(f"{SPACE}g/{SPACE}rect")
    assert [line.get(name) for name in ("x", "y", "width", "height")] == ["40.25", "30", "59.75", "60"]
    assert rim.get("x") == line.get("x")
    assert text._repr_svg_() == text


def embedded(text: str) -> tuple[str, bytes]:
    [image] = ET.fromstring(text).iter(f"{SPACE}image")
    head, _, content = image.get("href", "").partition(",")
    return head, base64.b64decode(content)


def test_svg_holds_the_image(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    head, content = embedded(draw_boxes(image, [], format="svg"))
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(pillow.open(io.BytesIO(content))), image)
    file = tmp_path / "a.jpg"
    pillow.fromarray(image).save(file)
    assert embedded(draw_boxes(file, [], format="svg")) == ("data:image/jpeg;base64", file.read_bytes())
    pillow.fromarray(image).save(tmp_path / "a.bmp")
    assert embedded(draw_boxes(tmp_path / "a.bmp", [], format="svg"))[0] == "data:image/png;base64"


def test_a_turned_photograph_is_turned_in_both(tmp_path: Path) -> None:
    exif = pillow.Exif()
    exif[0x0112] = 6
    file = tmp_path / "a.jpg"
    pillow.new("RGB", (40, 30)).save(file, exif=exif)
    assert draw_boxes(file, []).size == (30, 40)
    head, content = embedded(draw_boxes(file, [], format="svg"))
    assert head == "data:image/png;base64"
    assert pillow.open(io.BytesIO(content)).size == (30, 40)


def test_svg_is_saved(tmp_path: Path) -> None:
    text = draw_boxes(gray(), [[4, 4, 50, 50]], ["ü"], format="svg")
    text.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == text


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "format": ({"format": "png"}, InvalidParameter, r"draw_boxes\(format\): expected 'pillow' or 'svg', got 'png'"),
    "width": ({"width": 0}, InvalidParameter, r"draw_boxes\(width\): expected an integer >= 1"),
    "colour": ({"colors": "reddish"}, InvalidParameter, r"draw_boxes\(colors\): expected a colour such as 'red'"),
    "colours": ({"labels": ["a"], "colors": {"a": 7}}, InvalidParameter, r"draw_boxes\(colors\).*got 7"),
    "labels": ({"labels": ["a", "b"]}, InvalidData, "draw_boxes, labels: expected 1, one a box, got 2"),
    "scores": ({"scores": [0.1, 0.2]}, InvalidData, "draw_boxes, scores: expected 1, one a box, got 2"),
    "boxes": ({"boxes": [[1, 2, 3]]}, InvalidData, r"draw_boxes, boxes: expected shape \(n, 4\)"),
    "nan": ({"boxes": [[1, 2, 3, np.nan]]}, InvalidData, "boxes, row 0: expected finite numbers"),
    "dict": ({"boxes": {"labels": []}}, InvalidData, "a dict with boxes, got the keys labels"),
    "floats": ({"image": np.zeros((4, 4, 3))}, InvalidData, r"draw_boxes\(image\).*got float64 of shape \(4, 4, 3\)"),
    "file": ({"image": "no.png"}, InvalidData, r"image 'no\.png'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_named(kind: str) -> None:
    changes, error, message = BAD[kind]
    options = {"image": gray(), "boxes": [[1, 2, 30, 40]], **changes}
    with pytest.raises(error, match=message):
        draw_boxes(**options)


@pytest.mark.data
@pytest.mark.skipif(not (Path(DATA) / "bccd").is_dir(), reason="needs NETWRIGHT_DATA")
def test_bccd() -> None:
    files, targets = read_voc(Path(DATA) / "bccd", "val")
    colours = class_colors(["RBC", "WBC", "Platelets"])
    for file, target in zip(files[:3], targets[:3], strict=True):
        picture = np.asarray(draw_boxes(file, target, colors=colours))
        assert picture.shape == (480, 640, 3)
        for label in set(target["labels"]):
            wanted = [int(colours[label][i : i + 2], 16) for i in (1, 3, 5)]
            assert (picture == wanted).all(axis=2).sum() > 100
        root = ET.fromstring(draw_boxes(file, target, colors=colours, format="svg"))
        assert len(root.findall(f"{SPACE}text")) == len(target["labels"])
