"""The manifest: canonical, lossless, limited."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core import manifest as module
from netwright.core.errors import CorruptFile, InvalidParameter
from netwright.core.manifest import DEPTH, ITEMS, SIZE, WHOLE, dumps, loads, plain


def around(content: Any, **changes: Any) -> dict[str, Any]:
    return {"kind": "k", "content": content, "versions": {}, "tensors": {}, "aliases": {}, **changes}


def canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def nested(depth: int) -> Any:
    item: Any = 1
    for _ in range(depth):
        item = {"a": item}
    return item


ENTRY = {"dtype": "F32", "shape": [2, 3], "sha256": "0" * 64}

keys = st.text(max_size=4).filter(lambda key: key != "$float")
items = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(1 - WHOLE, WHOLE - 1), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0, 0.0 from -0.0, and finds NaN equal to NaN."""
    return repr(one) == repr(other)


def ordered(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: ordered(item[key]) for key in sorted(item)}
    return [ordered(part) for part in item] if isinstance(item, list) else item


@settings(derandomize=True, max_examples=200)
@given(st.dictionaries(keys, items, max_size=4))
def test_round_trip(content: dict[str, Any]) -> None:
    text = dumps(plain(around(content)))
    again = loads(text, "file")
    assert same(again["content"], ordered(content))
    assert dumps(plain(again)) == text


def test_text_is_canonical() -> None:
    text = dumps(plain(around({"b": (1, 2.5, None, True), "a": "é\n"})))
    assert text == '{"aliases":{},"content":{"a":"é\\n","b":[1,2.5,null,true]},"kind":"k","tensors":{},"versions":{}}'


def test_numpy_scalars_become_numbers() -> None:
    content = {"a": np.float32(0.5), "b": np.int8(3), "c": np.True_, "d": np.str_("x"), "e": np.float64("nan")}
    assert plain(around(content))["content"] == {"a": 0.5, "b": 3, "c": True, "d": "x", "e": {"$float": "nan"}}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2])
def test_every_float_comes_back(number: float) -> None:
    assert same(loads(dumps(plain(around({"x": [number]}))), "file")["content"], {"x": [number]})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"a": {"b": [0, {1: 2}]}}, r"^content\.a\.b\[1\]: expected keys that are text.*the key 1\. Rename it"),
        ({"$float": "nan"}, r"^content: expected keys that are text, not '\$float'"),
        ({"a": np.zeros(2)}, r"^content\.a: expected numbers, text.*of type ndarray\. Arrays go among the tensors"),
        ({"a": {1, 2}}, r"^content\.a: .*of type set"),
        ({"a": 1j}, r"^content\.a: .*of type complex"),
        ({"a": b"x"}, r"^content\.a: .*of type bytes"),
        ({"a": [object]}, r"^content\.a\[0\]: .*of type type"),
        ({"a": np.datetime64("2020-01-01")}, r"^content\.a: .*of type date"),
        ({"a": WHOLE}, r"^content\.a: expected an integer below 2\*\*128, got one of 129 bits"),
        ({"a": "\ud800"}, r"^content\.a: expected text that UTF-8 can hold, got '\\ud800'"),
        ({"\ud800": 1}, r"^content: expected text that UTF-8 can hold"),
        (nested(DEPTH - 1), r"^content(\.a)+: expected at most 64 levels of nesting"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_with_its_place(content: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        plain(around(content))


def test_a_cycle_is_refused() -> None:
    content: dict[str, Any] = {}
    content["self"] = content
    with pytest.raises(InvalidParameter, match="at most 64 levels"):
        plain(around(content))


def test_what_is_as_deep_as_can_be_is_read_back() -> None:
    content = nested(DEPTH - 2)
    assert loads(dumps(plain(around(content))), "file")["content"] == content


@pytest.mark.slow
@pytest.mark.parametrize("content", [{"a": "x" * SIZE}, {"a": [0] * ITEMS}, {"a": "é" * (SIZE // 2)}])
def test_what_is_too_large_is_refused(content: Any) -> None:
    data = plain(around(content))
    with pytest.raises(
        InvalidParameter, match=r"^content: expected at most .* bytes of JSON.*Put long lists of numbers"
    ):
        dumps(data)
    with pytest.raises(CorruptFile, match=r"^file: expected a manifest of at most"):
        loads(canonical(data) + " " * (SIZE // 2), "file")


GOOD = canonical(around({"a": 1}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "a manifest in JSON"),
        ("{", "a manifest in JSON"),
        (GOOD[:-1], "a manifest in JSON"),
        (GOOD + "x", "a manifest in JSON"),
        ("[" * 10_000, "a manifest in JSON"),
        ("9" * 5000, "a manifest in JSON"),
        (canonical(around({"a": "\ud800"})), "a manifest in JSON"),
        (GOOD.replace("1", "NaN"), "a manifest in JSON"),
        (GOOD.replace("1", "-Infinity"), "a manifest in JSON"),
        (GOOD.replace("1", "1e999"), "a manifest in JSON"),
        (GOOD.replace("1", "01"), "a manifest in JSON"),
        (GOOD + " ", "doubled keys, unsorted keys, spaces or unusual numbers"),
        (GOOD.replace(":", ": "), "doubled keys"),
        (GOOD.replace('"a":1', '"a":1,"a":1'), "doubled keys"),
        (GOOD.replace('"a":1', '"b":1,"a":1'), "unsorted keys"),
        (GOOD.replace("1", "1.00"), "unusual numbers"),
        (GOOD.replace("1", "1e3"), "unusual numbers"),
        (GOOD.replace("1", "-0"), "unusual numbers"),
        (GOOD.replace('"a"', '"\\u0061"'), "doubled keys"),
        ("[]", "a manifest with aliases, content, kind, tensors, versions"),
        ("1", "a manifest with aliases"),
        (canonical({"kind": "k"}), r"a manifest with .*got \['kind'\]"),
        (canonical({**around({}), "more": 1}), "a manifest with .*more"),
        (canonical(around({}, kind="")), "a kind that is a name, got ''"),
        (canonical(around({}, kind=3)), "a kind that is a name, got 3"),
        (canonical(around([])), r"content to be an object, got \[\]"),
        (canonical(around({}, tensors=[])), "tensors to be an object"),
        (canonical(around({}, aliases=None)), "aliases to be an object"),
        (canonical(around({}, versions="1")), "versions to be an object"),
        (canonical(around({}, versions={"a": 1})), "versions that are text"),
        (canonical(around({"a": {"$float": "1"}})), r"\$float to be nan, inf or -inf"),
        (canonical(around({"a": {"$float": ["nan"]}})), r"\$float to be nan, inf or -inf"),
        (canonical(around({"a": {"$float": "nan", "b": 1}})), r"\$float to be nan, inf or -inf"),
        (canonical(around({"a": WHOLE})), "integers below 2\\*\\*128, got one of 129 bits"),
        (canonical(around({"a": -WHOLE})), "integers below"),
        (canonical(around(nested(DEPTH - 1))), "at most 64 levels of nesting"),
        (canonical(around(nested(500))), "at most 64 levels of nesting"),
        (canonical(around({}, tensors={"__metadata__": ENTRY})), "dtype, shape and sha256 of tensor '__metadata__'"),
        (canonical(around({}, aliases={"b": "a"})), "aliases of tensors that are in the file, got 'a' for 'b'"),
        (canonical(around({}, aliases={"b": ["a"]})), "aliases of tensors that are in the file"),
        (canonical(around({}, aliases={"a": "a"}, tensors={"a": ENTRY})), "aliases of tensors"),
        (canonical(around({}, aliases={"b": "c", "c": "a"}, tensors={"a": ENTRY})), "aliases of tensors"),
        (canonical(around({}, aliases={"__metadata__": "a"}, tensors={"a": ENTRY})), "aliases of tensors"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, found: str) -> None:
    with pytest.raises(CorruptFile, match=rf"^file: expected .*{found}.*fetch it or copy it again\.$"):
        loads(text, "file")


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "F128"},
        {"dtype": "object"},
        {"dtype": 3},
        {"dtype": ["F32"]},
        {"shape": [-1, 2]},
        {"shape": [True]},
        {"shape": [1.0]},
        {"shape": ["2"]},
        {"shape": 6},
        {"shape": [1] * 33},
        {"shape": [2**62, 2]},
        {"shape": [2**62, 0]},
        {"shape": [2**127] * 32},
        {"sha256": "0"},
        {"sha256": None},
        {"more": 1},
    ],
)
def test_what_is_no_tensor_is_refused(change: dict[str, Any]) -> None:
    text = canonical(around({}, tensors={"w": {**ENTRY, **change}}))
    with pytest.raises(CorruptFile, match=r"expected dtype, shape and sha256 of tensor 'w', got \{"):
        loads(text, "file")


def test_too_many_tensors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TENSORS", 3)
    tensors = {"a": ENTRY, "b": ENTRY, "c": ENTRY}
    assert loads(canonical(around({}, tensors=tensors)), "file")["tensors"] == tensors
    with pytest.raises(CorruptFile, match="at most 3 tensors, got 4"):
        loads(canonical(around({}, tensors=tensors, aliases={"d": "a"})), "file")


def test_shapes_at_the_limit_are_arrays() -> None:
    for shape in ([2**62 // 4, 0], [1] * 32, [0], []):
        assert loads(canonical(around({}, tensors={"w": {**ENTRY, "shape": shape}})), "file")
        if 0 in shape or shape == [1] * 32:
            np.empty(shape, np.float32)
