"""Update ratios and dead units: lines of few layers, an image of many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidData
from netwright.plots import dead_units, update_ratios
from netwright.plots.layer_lines import MANY
from netwright.plots.ratios import BAND


def ratios(layers: int, epochs: int = 4) -> list[dict[str, Any]]:
    return [
        {"epoch": e, "update_ratio": {f"layer{i}": 1e-3 * (i + 1) / e for i in range(layers)}}
        for e in range(1, epochs + 1)
    ]


def test_a_line_a_layer_in_the_order_of_the_network() -> None:
    history = ratios(3)
    ax = update_ratios(history)
    lines = ax.get_lines()
    assert [line.get_label() for line in lines] == ["layer0", "layer1", "layer2"]
    for i, line in enumerate(lines):
        assert line.get_ydata().tolist() == [record["update_ratio"][f"layer{i}"] for record in history]
        assert line.get_xdata().tolist() == [1, 2, 3, 4]
    lightness = [sum(line.get_color()[:3]) for line in lines]
    assert lightness == sorted(lightness)
    assert [text.get_text() for text in ax.texts] == ["layer0", "layer1", "layer2"]


def test_ratios_are_on_a_logarithmic_axis_with_the_band_in_sight() -> None:
    ax = update_ratios([{"update_ratio": {"a": 0.5}}, {"update_ratio": {"a": 0.7}}])
    low, high = ax.get_ylim()
    assert ax.get_yscale() == "log"
    assert low < BAND[0] < BAND[1] < 0.7 < high
    (band,) = ax.patches
    assert np.allclose((band.get_y(), band.get_y() + band.get_height()), BAND)
    assert np.allclose(BAND[0] * BAND[1], 1e-3**2)
    assert "rule of thumb" in ax.get_title(loc="left")


def test_a_layer_that_never_moves_is_named() -> None:
    ax = update_ratios([{"update_ratio": {"frozen": 0.0, "a": 1e-3}}])
    assert ax.get_title(loc="left").endswith("Not moving at all: frozen")
    assert [text.get_text() for text in ax.texts] == ["a"]
    many = {f"f{i}": 0.0 for i in range(5)}
    assert update_ratios([{"update_ratio": many}]).get_title(loc="left").endswith("f0, f1, f2 and 2 more")


def test_many_layers_are_an_image() -> None:
    history = ratios(MANY + 1)
    ax = update_ratios(history)
    (image,) = ax.images
    expected = [[record["update_ratio"][f"layer{i}"] for record in history] for i in range(MANY + 1)]
    assert image.get_array().tolist() == expected
    assert image.norm(1e-3) == pytest.approx(0.5)
    assert np.allclose(image.cmap(0.5)[:3], 1.0, atol=0.02)
    assert ax.get_yticklabels()[0].get_text() == "layer0"
    assert ax.images[0].get_extent() == [0.5, 4.5, MANY + 0.5, -0.5]


def test_dead_units_are_shares_in_percent() -> None:
    ax = dead_units([{"dead_units": {"relu1": 0.0, "relu2": 0.3}}, {"dead_units": {"relu1": 0.1, "relu2": 1.0}}])
    assert [line.get_ydata().tolist() for line in ax.get_lines()] == [[0.0, 0.1], [0.3, 1.0]]
    low, high = ax.get_ylim()
    assert low < 0.0
    assert high > 1.0
    assert ax.yaxis.get_major_formatter()(0.2) == "20 %"


def test_no_dead_units_look_like_none() -> None:
    assert dead_units([{"dead_units": {"relu1": 0.0}}]).get_ylim()[1] == pytest.approx(0.1)


def test_shares_that_are_missing_leave_gaps() -> None:
    ax = dead_units([{"dead_units": {"relu1": float("nan")}}, {"dead_units": {"relu1": 0.5}}])
    np.testing.assert_equal(ax.get_lines()[0].get_ydata(), [np.nan, 0.5])
    assert not dead_units([{"dead_units": {"relu1": float("nan")}}]).texts


def test_dead_units_of_many_layers_are_an_image() -> None:
    ax = dead_units([{"dead_units": {f"r{i}": i / 40 for i in range(MANY + 9)}}] * 2)
    assert ax.images[0].get_array().shape == (MANY + 9, 2)
    assert ax.images[0].get_array()[:, 0].tolist() == [i / 40 for i in range(MANY + 9)]


def test_networks_without_layers_of_the_kind() -> None:
    with pytest.raises(InvalidData, match=r"dead_units\(history\): expected a network with rectifiers"):
        dead_units([{"epoch": 1, "dead_units": {}}])
    with pytest.raises(InvalidData, match=r"update_ratios\(history\): expected update_ratio by layer"):
        update_ratios([{"epoch": 1}])
