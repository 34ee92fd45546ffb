"""The closed list of names."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from netwright.core import registry
from netwright.core.errors import InvalidParameter


@pytest.fixture(autouse=True)
def _own_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_FAMILIES", {})


def thing() -> str:
    return "a thing"


def other() -> str:
    return "another"


def test_what_was_entered_is_found_by_name() -> None:
    registry.enter("b", "thing", thing)
    registry.enter("a", "other", other)
    registry.enter("a", "another", other)
    assert registry.look_up("b", "thing") is thing
    assert registry.families() == ["a", "b"]
    assert registry.names("a") == ["another", "other"]
    assert registry.names("nothing") == []


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    registry.enter("layer", "thing", thing)
    with pytest.raises(InvalidParameter, match=r"^layer: expected a known name, got 'thign'\. Did you mean 'thing'\?"):
        registry.look_up("layer", "thign")
    with pytest.raises(InvalidParameter, match="There are none yet"):
        registry.look_up("no family", "thing")


def test_of_many_names_the_error_says_where_all_are_listed() -> None:
    for family in ("layer", "user"):
        for number in range(50):
            registry.enter(family, f"N{number}", thing)
    with pytest.raises(InvalidParameter, match=r"The nearest of 50 are .*; `netwright list layers` shows all\."):
        registry.look_up("layer", "quite another")
    with pytest.raises(InvalidParameter, match=r"The nearest of 50 are 'N\d+', 'N\d+', 'N\d+'\.$"):
        registry.look_up("user", "quite another")


def test_a_name_means_one_thing() -> None:
    registry.enter("a", "x", thing)
    with pytest.raises(
        InvalidParameter, match=r"register\('x'\): expected a new name.*test_registry\.thing has already"
    ):
        registry.enter("a", "x", other)
    assert registry.look_up("a", "x") is thing
    registry.enter("b", "x", other)


def test_a_definition_may_run_again() -> None:
    def define() -> Any:
        @registry.register("block")
        def block() -> None: ...

        return block

    first, second = define(), define()
    assert first is not second
    assert registry.look_up("user", "block") is second
    assert registry.registered_name(second) == "block"
    assert registry.registered_name(first) is None


def test_things_without_a_name_of_their_own_can_be_registered() -> None:
    part = functools.partial(thing)
    assert registry.register("part")(part) is part
    registry.register("part")(part)
    with pytest.raises(InvalidParameter, match=r"partial.*has already"):
        registry.register("part")(functools.partial(thing))


@pytest.mark.parametrize("name", [thing, "", None, 3])
def test_register_needs_a_name(name: Any) -> None:
    with pytest.raises(InvalidParameter, match=r'register\(name\): expected a name, got .*@register\("a name"\)'):
        registry.register(name)


def test_only_the_users_things_have_registered_names() -> None:
    registry.enter("layer", "thing", thing)
    assert registry.registered_name(thing) is None
    assert registry.registered_name([]) is None
