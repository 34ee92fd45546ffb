"""Values: they compare, hash, print as code, go to JSON and back, and say what is wrong."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core import registry
from netwright.core.errors import CorruptFile, InvalidParameter
from netwright.core.validation import Constraint, instance, integer, nothing, number
from netwright.core.value import DEPTH, from_json, is_value, to_json, value

FAMILY = "tested value"


@value(FAMILY)
class Disc:
    radius: float = 1.0
    name: str = ""
    parts: tuple[Any, ...] = ()
    inner: Any = dataclasses.field(default=None, kw_only=True)

    constraints: ClassVar[Mapping[str, Constraint]] = {"radius": number(0), "name": instance(str)}


@value(FAMILY)
class Box:
    shape: tuple[int, ...]

    constraints: ClassVar[Mapping[str, Constraint]] = {"shape": instance(tuple)}

    def __init__(self, *axes: int, shape: tuple[int, ...] | None = None) -> None:
        object.__setattr__(self, "shape", axes if shape is None else shape)
        self.__post_init__()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Box({', '.join(map(str, self.shape))})"


@value(FAMILY)
class Modular:
    number: int
    seen: list[int] = dataclasses.field(default_factory=list)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Modular) and self.number % 7 == other.number % 7

    def __hash__(self) -> int:
        return self.number % 7


@value(FAMILY)
class Computed:
    side: float
    area: float = dataclasses.field(init=False)

    constraints: ClassVar[Mapping[str, Constraint]] = {"side": number(0)}

    def __post_init__(self) -> None:
        object.__setattr__(self, "area", self.side**2)


@value(FAMILY)
class Empty:
    pass


@value(FAMILY)
class Fragile:
    item: Any = None

    def __post_init__(self) -> None:
        if self.item is not None:
            raise KeyError(self.item)


def test_values_compare_and_hash_by_their_fields() -> None:
    assert Disc(2.0) == Disc(radius=2.0) != Disc(3.0)
    assert len({Disc(), Disc(1.0), Disc(2.0)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Disc().radius = 3.0  # type: ignore[misc]


def test_lists_and_numpy_scalars_become_plain() -> None:
    disc = Disc(np.float32(0.5), parts=[np.int64(1), [2]])  # type: ignore[arg-type]
    assert disc == Disc(0.5, parts=(1, (2,)))
    assert hash(disc) == hash(Disc(0.5, parts=(1, (2,))))
    assert (type(disc.radius), type(disc.parts[0])) == (float, int)


@pytest.mark.parametrize(
    ("thing", "code"),
    [
        (Disc(), "Disc()"),
        (Disc(2.0), "Disc(2.0)"),
        (Disc(name="a"), "Disc(name='a')"),
        (Disc(2.0, "a", (1,)), "Disc(2.0, 'a', (1,))"),
        (Disc(inner=Disc(3.0)), "Disc(inner=Disc(3.0))"),
        (Disc(1), "Disc(1)"),
        (Disc(parts=(math.inf, -math.inf)), "Disc(parts=(float('inf'), float('-inf')))"),
        (Disc(parts=(len, ())), "Disc(parts=(len, ()))"),
        (Box(2, 3), "Box(2, 3)"),
        (Modular(3), "Modular(3)"),
        (Computed(2.0), "Computed(2.0)"),
        (Empty(), "Empty()"),
    ],
)
def test_the_repr_is_the_shortest_call(thing: Any, code: str) -> None:
    assert repr(thing) == code
    assert eval(code) == thing


def test_constraints_are_checked_when_a_value_is_made() -> None:
    with pytest.raises(InvalidParameter, match=r"^Disc\(radius\): expected a number in \[0, inf\), got -1\."):
        Disc(-1)
    with pytest.raises(InvalidParameter, match=r"^Box\(shape\): expected a tuple, got 3|a tuple"):
        Box(shape=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match=r"^Computed\(side\)"):
        Computed(-1.0)


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        InvalidParameter, match=r"^Disc: expected one of its options, got 'radios'\. Did you mean 'radius'"
    ):
        Disc(radios=1)  # type: ignore[call-arg]
    with pytest.raises(InvalidParameter, match=r"^Empty: .* It takes no options\."):
        Empty(size=1)  # type: ignore[call-arg]
    with pytest.raises(InvalidParameter, match=r"^Computed: .* got 'area'\. Choose one of: side\."):
        Computed(side=1.0, area=1.0)  # type: ignore[call-arg]


def test_signature_and_documentation_survive() -> None:
    import inspect

    assert list(inspect.signature(Disc).parameters) == ["radius", "name", "parts", "inner"]
    assert Disc.__init__.__name__ == "__init__"


def test_methods_of_its_own_are_kept() -> None:
    assert Box(2, 3) == Box(shape=(2, 3)) == Box(shape=[2, 3])  # type: ignore[arg-type]
    assert hash(Box(2)) == hash(Box(2))
    assert Modular(1) == Modular(8)
    assert hash(Modular(8)) == 1
    assert Computed(3.0).area == 9.0


def test_a_post_init_of_the_base_runs_too() -> None:
    class Base:
        def __post_init__(self) -> None:
            object.__setattr__(self, "seen", True)

    @value(FAMILY)
    class Derived(Base):
        size: int = 1

    assert vars(Derived()) == {"size": 1, "seen": True}


@pytest.mark.parametrize("thing", [Disc(2.0, inner=Disc()), Box(1, 2), Modular(3), Computed(2.0)])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_values_can_be_copied(thing: Any, again: Callable[[Any], Any]) -> None:
    assert again(thing) == thing


def test_what_is_a_value() -> None:
    @dataclasses.dataclass
    class Foreign:
        family: int = 3

    assert is_value(Disc())
    assert not any(map(is_value, [Disc, Foreign(), 1, "Disc", None]))


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)
discs = st.recursive(
    st.builds(Disc, st.floats(0, 9), st.text(max_size=3), st.lists(plain, max_size=3), inner=plain),
    lambda inner: st.builds(Disc, parts=st.lists(inner, max_size=2), inner=inner),
    max_leaves=5,
)


@settings(derandomize=True, max_examples=100)
@given(discs)
def test_json_round_trip(disc: Any) -> None:
    text = json.dumps(to_json(disc))
    again = from_json(json.loads(text))
    assert again == disc
    assert repr(again) == repr(disc)
    assert json.dumps(to_json(again)) == text


def test_json_holds_every_option_and_nothing_else() -> None:
    assert to_json(Computed(2.0)) == {"$": "tested value.Computed", "side": 2.0}
    assert to_json(Box(2, 3)) == {"$": "tested value.Box", "shape": [2, 3]}
    assert to_json([np.float64(0.5), np.True_, (1,)]) == [0.5, True, [1]]
    assert from_json(to_json(Computed(2.0))).area == 4.0


def test_what_the_user_registered_is_saved_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._FAMILIES, "user", {})

    @registry.register("mine")
    def mine() -> None: ...

    data = to_json(Disc(inner=mine))
    assert data["inner"] == {"$": "user", "name": "mine"}
    assert from_json(data).inner is mine
    monkeypatch.setitem(registry._FAMILIES, "user", {})
    with pytest.raises(CorruptFile, match=r"registered names, got 'mine'\. Run the line with nw\.register\('mine'\)"):
        from_json(data)


@pytest.mark.parametrize("thing", [lambda: 0, object(), {1, 2}, {"a": 1}, 1j, b"x", np.zeros(2)])
def test_what_a_file_cannot_hold_is_refused(thing: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"^saving: expected values, numbers.*of type .*nw\.register\(name\)"):
        to_json([thing])


def test_a_subclass_that_is_no_value_is_refused() -> None:
    class Unregistered(Disc):  # type: ignore[misc]
        pass

    with pytest.raises(InvalidParameter, match=r"^tested value: expected a known name, got 'Unregistered'"):
        to_json(Unregistered())


def nested(depth: int) -> Any:
    item: Any = 1
    for _ in range(depth):
        item = [item]
    return item


def test_nesting_has_a_limit_both_ways() -> None:
    assert to_json(from_json(nested(DEPTH))) == nested(DEPTH)
    with pytest.raises(InvalidParameter, match="saving: expected at most 64 levels"):
        to_json(nested(DEPTH + 1))
    with pytest.raises(CorruptFile, match="at most 64 levels"):
        from_json(nested(DEPTH + 1))


@pytest.mark.parametrize(
    "data",
    [
        {"$": "tested value.Dics"},
        {"$": "no family.Disc"},
        {"$": "os.system", "command": "true"},
        {"$": "builtins.eval", "source": "1"},
        {"$": "tested value.Disc", "radios": 1},
        {"$": "tested value.Disc", "radius": -1},
        {"$": "tested value.Disc", "radius": {"$": "tested value.Disc"}},
        {"$": "tested value.Disc", "self": 1},
        {"$": "tested value.Modular"},
        {"$": "tested value.Fragile", "item": "x"},
        {"$": "tested value.function"},
        {"$": "tested value.Plain"},
        {"$": "user", "name": 3},
        {"$": "user", "name": "mine", "more": 1},
        {"$": "user"},
        {"$": "user.dangerous"},
        {"$": "."},
        {"$": ["tested value.Disc"]},
        {"$": None},
        {"a": 1},
        {},
    ],
)
def test_a_file_that_names_something_else_is_refused(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def dangerous(**options: Any) -> None:
        pytest.fail("a file must not call anything")

    monkeypatch.setitem(registry._FAMILIES, "user", {"dangerous": dangerous})
    monkeypatch.setitem(registry._FAMILIES[FAMILY], "function", dangerous)
    monkeypatch.setitem(registry._FAMILIES[FAMILY], "Plain", dict)
    with pytest.raises(CorruptFile, match=r"^file: expected known names and fields, got .*newer version\?$"):
        from_json([data])


def test_optional_fields_may_be_none() -> None:
    assert (integer(0) | nothing).accepts(from_json(None))
