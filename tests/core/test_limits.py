"""What a file may ask for: counted while it is loaded, and only then."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from netwright.core.errors import CorruptFile
from netwright.core.limits import LAYERS, TABLE, VALUES, allowing, check_content, limited, spend

ARRAYS = {"w": np.zeros((3, 4))}


def test_nothing_is_counted_unless_a_file_is_loaded() -> None:
    assert not limited()
    spend("elements", 10**30, one=10**30)
    with allowing(ARRAYS):
        assert limited()
    assert not limited()


def test_what_is_left_is_spent() -> None:
    with allowing(ARRAYS):
        spend("elements", TABLE)
        spend("elements", 4 * 12)
        with pytest.raises(CorruptFile, match="a network of the size of its arrays"):
            spend("elements", 1)
    with allowing(ARRAYS):
        spend("elements", 0, one=12 + TABLE // 2)
        with pytest.raises(CorruptFile, match="elements in a weight"):
            spend("elements", 0, one=13 + TABLE // 2)
    with allowing(ARRAYS):
        spend("values", VALUES + 64)
        with pytest.raises(CorruptFile, match="too many values"):
            spend("values")


def test_other_threads_are_free() -> None:
    found: list[bool] = []
    with allowing(ARRAYS):
        thread = threading.Thread(target=lambda: found.append(limited()))
        thread.start()
        thread.join()
    assert found == [False]


def test_options_of_a_program_are_no_content() -> None:
    check_content({"params": {"checkpoint": None, "callbacks": None, "epochs": 3}}, {}, "a.nw")
    for name in ("checkpoint", "callbacks"):
        with pytest.raises(CorruptFile, match=f"no '{name}' among the params.*set_params"):
            check_content({"parts": [{"content": {"params": {name: "x"}}}]}, {}, "a.nw")


def test_layers_are_as_many_as_their_arrays_bear() -> None:
    layers = [{"$": "layer.ReLU"}] * (LAYERS + 16)
    check_content({"network": layers}, ARRAYS, "a.nw")
    check_content({"network": layers * 9}, {}, "a.nw")  # an expression without weights is only looked at
    with pytest.raises(CorruptFile, match=f"at most {LAYERS + 16} layers"):
        check_content({"network": [*layers, layers[0]]}, ARRAYS, "a.nw")


@pytest.mark.parametrize("code", ["<U1", "<f8", "|b1", "<i8", "|O", "|S4", "<M8[ns]", "float64", ">f4"])
def test_types_of_labels_that_are_known(code: str) -> None:
    item = {"dtype": code, "values": ["a", "b"]}
    if code == "float64":
        with pytest.raises(CorruptFile, match="the type of an array of labels"):
            check_content(item, {}, "a.nw")
    else:
        check_content(item, {}, "a.nw")
    check_content({"dtype": code}, {}, "a.nw")


@pytest.mark.parametrize("code", ["|V8", "i4,f8", "<U99999999999", "(2,3)f8", "object", "<U9\n"])
def test_types_of_labels_that_are_none(code: str) -> None:
    with pytest.raises(CorruptFile, match="the type of an array of labels"):
        check_content({"dtype": code, "$objects": []}, {}, "a.nw")


def test_texts_take_the_room_of_their_letters() -> None:
    long = ["a" * 1000, *["b"] * 50_000]
    check_content({"dtype": "<U40", "values": ["a" * 40, "b"] * 1000}, {}, "a.nw")
    with pytest.raises(CorruptFile, match="labels that have 51000 letters together"):
        check_content({"dtype": "<U1000", "values": long}, {}, "a.nw")


def test_names_of_one_array_are_few() -> None:
    array = np.zeros(2**18)
    check_content({}, {str(name): array for name in range(16)}, "a.nw")
    with pytest.raises(CorruptFile, match="at most 16 names each"):
        check_content({}, {str(name): array for name in range(40)}, "a.nw")
