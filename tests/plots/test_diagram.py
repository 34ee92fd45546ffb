"""The diagram of a network: what its boxes say, that it is XML, and that its text fits."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from typing import Any

import pytest
import torch
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.graph import Expression, parallel, repeat
from netwright.layers import Add, BatchNorm, Concat, Conv, Flatten, Identity, Input, Module, ReLU, Sigmoid, Softmax
from netwright.plots import Svg, network_svg
from netwright.plots.diagram import FILLS, LINE, text_width

SPACE = "{http://www.w3.org/2000/svg}"
CNN = Input(1, 8, 8) >> Conv(4, 3) >> ReLU() >> Flatten() >> ReLU(6) >> Softmax(3)
RESIDUAL = Input(4, 8, 8) >> ((Conv(4, 3, padding="same") >> BatchNorm()) | Identity()) >> Add() >> ReLU()
HEADS = Input(6) >> ReLU(4) >> (Softmax(3) | Sigmoid(1))
TWO = ((Input(3) >> ReLU(2)) | Input(4)) >> Concat() >> Softmax(2)
DEEP = Input(4) >> repeat((ReLU(4) | Identity()) >> Add(), 66) >> Softmax(2)
ALL = [CNN, RESIDUAL, HEADS, TWO, DEEP]


@nw.register('diagram < & > "factory"')
def strange() -> torch.nn.Module:
    return torch.nn.ReLU()


def parsed(network: Any) -> ET.Element:
    return ET.fromstring(network_svg(network))


def lines_of(root: ET.Element) -> list[tuple[str, str]]:
    groups = [group for group in root.iter(f"{SPACE}g") if group.find(f"{SPACE}rect") is not None]
    return [tuple(text.text or "" for text in group.findall(f"{SPACE}text")) for group in groups]


def test_the_boxes_are_the_layers_with_shape_and_parameters() -> None:
    assert lines_of(parsed(CNN)) == [
        ("Input(1, 8, 8)", "1 × 8 × 8"),
        ("Conv(4, 3)", "→ 4 × 6 × 6 · 40 parameters"),
        ("ReLU()", "→ 4 × 6 × 6"),
        ("Flatten()", "→ 144"),
        ("ReLU(6)", "→ 6 · 870 parameters"),
        ("Softmax(3)", "→ 3 · 21 parameters"),
    ]


def test_the_figures_are_those_of_the_summary() -> None:
    root = parsed(CNN)
    summary = CNN.summary()
    tips = [
        group.findtext(f"{SPACE}title") for group in root.iter(f"{SPACE}g") if group.find(f"{SPACE}title") is not None
    ]
    for tip, row in zip(tips, summary.rows, strict=True):
        assert tip.startswith(f"{row.path}: {row.layer}\n")
        assert f"{row.parameters:,} parameter" in tip
        assert f"{row.macs:,} multiply-accumulates" in tip
    caption = f"5 layers, {summary.parameters:,} parameters, {summary.macs:,} multiply-accumulates a sample"
    assert root.findtext(f"{SPACE}title") == f"Network: {caption}"
    assert root.get("role") == "img"
    assert root.get("aria-label") == caption


@pytest.mark.parametrize("network", ALL)
def test_every_edge_is_drawn_and_every_entrance_has_an_arrow(network: Expression) -> None:
    root = parsed(network)
    plan = network.plan()
    lines = [path for group in root.findall(f"{SPACE}g") if group.get("fill") == "none" for path in group]
    assert len(lines) == sum(len(node.inputs) for node in plan.nodes)
    heads = next(path.get("d", "") for path in root.findall(f"{SPACE}path")).count("z")
    assert heads == sum(bool(node.inputs) and not isinstance(node.layer, Identity) for node in plan.nodes)


@pytest.mark.parametrize("network", ALL)
def test_all_boxes_are_in_the_picture_and_apart(network: Expression) -> None:
    root = parsed(network)
    _, _, width, height = map(float, root.get("viewBox", "").split())
    boxes = [tuple(float(rect.get(k, "")) for k in ("x", "y", "width", "height")) for rect in root.iter(f"{SPACE}rect")]
    assert len(boxes) == sum(not isinstance(node.layer, Identity) for node in network.plan().nodes)
    for i, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height - 20  # the caption is below
        assert not any(x < b[0] + b[2] and b[0] < x + w and y < b[1] + b[3] and b[1] < y + h for b in boxes[i + 1 :])
    text = root.findall(f"{SPACE}g")[-1].findall(f"{SPACE}text")[-1]
    assert float(text.get("y", "")) < height


@pytest.mark.parametrize("network", [CNN, RESIDUAL, Input(4) >> Module(strange)])
def test_text_fits_into_its_box(network: Expression) -> None:
    for group in parsed(network).iter(f"{SPACE}g"):
        rect = group.find(f"{SPACE}rect")
        if rect is None:
            continue
        for text in group.findall(f"{SPACE}text"):
            font = FontProperties(family="DejaVu Sans", weight="bold" if text.get("font-weight") else "normal")
            size = float(text.get("font-size", ""))
            path = TextPath((0, 0), (text.text or "").replace("$", ""), size=size, prop=font)  # a wide common font
            assert path.get_extents().width < float(rect.get("width", "")) - 6


@pytest.mark.parametrize("text", ["Conv(64, 3, padding='same')", "1,234,567 parameters", "WWWW", "illi", "日本語"])
def test_text_width_is_an_upper_bound(text: str) -> None:
    if text.isascii():
        path = TextPath((0, 0), text, size=13.0, prop=FontProperties(family="DejaVu Sans", weight="bold"))
        assert path.get_extents().width <= text_width(text, 13.0)
    else:
        assert text_width(text, 13.0) > 13.0 * len(text)


def test_text_is_escaped() -> None:
    picture = network_svg(Input(4) >> Module(strange))
    root = ET.fromstring(picture)
    first = [line[0] for line in lines_of(root)][1]
    assert first.startswith("Module(")
    tips = [title.text or "" for title in root.iter(f"{SPACE}title")]
    assert any(repr(Module(strange)) in tip for tip in tips)
    assert "<" not in re.sub(r"<[^<>]*>", "", picture)


def test_long_texts_are_cut_after_an_argument() -> None:
    long = Input(1, 9, 9) >> Conv(8, 3, padding=((1, 1), (1, 1)), stride=2, bias=False)
    first = lines_of(parsed(long))[1][0]
    assert first == "Conv(8, 3, 2, ((1, 1), (1, 1)), …)"
    assert repr(long.parts[1]) in (parsed(long).findall(f".//{SPACE}title")[-1].text or "")


def test_parameters_merges_and_entrances_have_their_colours() -> None:
    fills = [rect.get("fill") for rect in parsed(RESIDUAL).iter(f"{SPACE}rect")]
    kinds = {fill: kind for kind, (fill, _) in FILLS.items()}
    assert [kinds[fill] for fill in fills] == ["input", "weights", "weights", "merge", "plain"]


def test_several_outputs_are_named() -> None:
    texts = [text.text for text in parsed(HEADS).iter(f"{SPACE}text")]
    assert texts[-3:-1] == ["output 1", "output 2"]
    assert "output" not in " ".join(text.text or "" for text in parsed(CNN).iter(f"{SPACE}text"))


def test_the_names_of_outputs_stand_below_their_boxes() -> None:
    root = parsed(Input(4) >> repeat(ReLU(4), 30) >> (Softmax(3) | Identity()))
    lowest = max(float(rect.get("y", "")) for rect in list(root.iter(f"{SPACE}rect"))[-1:])
    names = [text for text in root.iter(f"{SPACE}text") if (text.text or "").startswith("output ")]
    assert len(names) == 2
    assert all(lowest + 44 < float(text.get("y", "")) < lowest + 80 for text in names)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_it_can_be_read_on_white_and_on_black() -> None:
    assert contrast(LINE, "#ffffff") >= 4.5
    assert contrast(LINE, "#000000") >= 4.5
    assert all(contrast("#1a1a1a", fill) >= 12 for fill, _ in FILLS.values())


def test_equal_networks_give_equal_texts() -> None:
    again = Input(1, 8, 8) >> Conv(4, 3) >> ReLU() >> Flatten() >> ReLU(6) >> Softmax(3)
    assert network_svg(again) == network_svg(CNN)
    assert isinstance(network_svg(CNN), Svg)


def test_no_names_that_could_meet_on_a_page() -> None:
    picture = network_svg(DEEP)
    assert " id=" not in picture
    assert "href" not in picture
    assert "<style" not in picture


def test_two_hundred_layers_are_quick_and_readable() -> None:
    network = Input(4) >> repeat(ReLU(4), 200)
    network.summary()
    start = time.perf_counter()
    root = parsed(network)
    assert time.perf_counter() - start < 5.0
    assert float(root.get("width", "")) == pytest.approx(float(root.get("viewBox", "").split()[2]))  # not scaled


def test_wide_networks_are_scaled_but_stay_readable() -> None:
    wide = Input(4) >> nw.parallel(*[ReLU(i) for i in range(1, 21)]) >> Concat()
    root = parsed(wide)
    scale = float(root.get("width", "")) / float(root.get("viewBox", "").split()[2])
    assert 0.649 <= scale < 1.0


def test_a_fitted_estimator_shows_its_network() -> None:
    clf = nw.Classifier()
    clf.network_ = CNN
    assert network_svg(clf) == network_svg(CNN)


class Shortcut(torch.nn.Module):
    """A residual block as people write it: one ReLU for two places, and a plus."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.conv(x))
        y += x
        return self.relu(y)


class Dense(torch.nn.Module):
    """Each layer reads all before it: no nesting of branches."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4 * (i + 1), 4) for i in range(4)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = [x]
        for layer in self.layers:
            seen.append(layer(torch.cat(seen, 1)))
        return seen[-1]


@pytest.mark.touches_rng
def test_any_module_is_drawn_from_what_its_calls_read() -> None:
    root = parsed(nw.analyze(torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), Shortcut()), (3, 9, 9)))
    assert [line[0] for line in lines_of(root)] == [
        "input",
        "Conv2d(3, 3, …)",
        "Conv2d(3, 3, …)",
        "ReLU(inplace=True)",
        "add",
        "ReLU(inplace=True)",
    ]
    assert [line[1] for line in lines_of(root)][3:] == ["→ 3 × 9 × 9", "→ 3 × 9 × 9", "→ 3 × 9 × 9 · again"]
    assert len(root.findall(f"{SPACE}g")[0]) == 7  # five lines down, and the short cut of two pieces
    assert root.findall(f"{SPACE}path")


@pytest.mark.touches_rng
def test_each_input_of_a_module_is_drawn() -> None:
    class Sum(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = torch.nn.Linear(3, 4), torch.nn.Linear(5, 4)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.one(x) + self.two(y)

    root = parsed(nw.analyze(Sum(), [(3,), (5,)]))
    assert [line for line in lines_of(root) if line[0].startswith("input")] == [("input1", "3"), ("input2", "5")]
    assert len(root.findall(f"{SPACE}g")[0]) == 4
    summary = (Input(4) >> ReLU(3)).summary()
    assert [line[0] for line in lines_of(parsed(summary))] == ["input1", "ReLU(3)"]


def test_many_branches_have_shorter_texts() -> None:
    """The full text stays, for the pointer."""
    branches = parallel(*(Conv(64, 3, padding="same", dilation=rate, bias=False) for rate in (1, 2, 4, 8)))
    root = parsed(Input(16, 28, 28) >> branches >> Concat())
    assert ("Conv(64, 3, …)", "→ 64×28×28 · 9,216 par.") in lines_of(root)
    assert float(root.attrib["width"]) < 1000
    assert any("dilation=8, bias=False" in (title.text or "") for title in root.iter(f"{SPACE}title"))


@pytest.mark.touches_rng
def test_dense_connections_are_a_list_without_arrows() -> None:
    root = parsed(nw.analyze(Dense(), (4,)))
    assert "in the order in which they run" in (root.findtext(f"{SPACE}title") or "")
    assert not root.findall(f"{SPACE}path")


@pytest.mark.parametrize(
    ("thing", "match"),
    [
        (ReLU(3) >> Softmax(2), r"network_svg\(network\): expected a closed network, .* Put Input\(\.\.\.\) before it"),
        (torch.nn.ReLU(), r"expected a network made of layers, or a summary, got ReLU\(\)\. Give nw\.analyze"),
        (3, r"expected a network made of layers, or a summary, got 3"),
    ],
)
def test_what_has_no_diagram(thing: Any, match: str) -> None:
    with pytest.raises(InvalidParameter, match=match):
        network_svg(thing)


def test_a_named_architecture_is_drawn_on_its_own_size() -> None:
    assert network_svg(nw.models.lenet5()) == network_svg(Input(1, 28, 28) >> nw.models.lenet5())
