"""Texts to networks, and texts that are refused."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidParameter, JoinError
from netwright.graph import Input, parse, parse_value, repeat
from netwright.layers import (
    Add,
    Concat,
    Conv,
    Flatten,
    HeNormal,
    Identity,
    Linear,
    MaxPool,
    Module,
    Normal,
    ReLU,
    Softmax,
)

HAPPENED: list[str] = []


@nw.register("test_parsing_factory")
def factory() -> torch.nn.Module:
    HAPPENED.append("factory")
    return torch.nn.Identity()


@nw.register("test_parsing_block")
def block(filters: int) -> Any:
    return Conv(filters, 3) >> ReLU()


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("Conv(32, 3) >> Flatten() >> Softmax(10)", Conv(32, 3) >> Flatten() >> Softmax(10)),
        ("ReLU(64)>>Linear(1)", ReLU(64) >> Linear(1)),
        ("  ReLU(64)\n", ReLU(64)),
        ("(ReLU(64) >>\n Linear(1))", ReLU(64) >> Linear(1)),
        ("Conv(8, (3, 1), padding='same') >> MaxPool(2)", Conv(8, (3, 1), padding="same") >> MaxPool(2)),
        ("Conv(8, 3, padding=[[1, 2], [0, 0]])", Conv(8, 3, padding=((1, 2), (0, 0)))),
        ("ReLU(4) | Identity()", ReLU(4) | Identity()),
        ("Input(4) >> (ReLU(4) | Identity()) >> Add()", Input(4) >> (ReLU(4) | Identity()) >> Add()),
        ("ReLU(4) >> Linear(2) | Linear(3) | ReLU(1)", (ReLU(4) >> Linear(2)) | Linear(3) | ReLU(1)),
        ("ReLU(4, weight=HeNormal(1.0), bias=False)", ReLU(4, weight=HeNormal(1.0), bias=False)),
        ("ReLU(4, weight=Normal(-0.5, 2))", ReLU(4, weight=Normal(-0.5, 2))),
        ("Concat(-1)", Concat(-1)),
        ("repeat(ReLU(4), 3) >> Softmax(2)", repeat(ReLU(4), 3) >> Softmax(2)),
        ("join(ReLU(4), parallel(Linear(2), Linear(3)), Concat())", ReLU(4) >> (Linear(2) | Linear(3)) >> Concat()),
        ("nw.layers.ReLU(4)", ReLU(4)),
        ("ReLU(4) >> Flatten >> ReLU", ReLU(4) >> Flatten() >> ReLU()),
        ("Module(test_parsing_factory)", Module(factory)),
        ("test_parsing_block(8) >> Flatten()", Conv(8, 3) >> ReLU() >> Flatten()),
    ],
)
def test_texts(text: str, network: Any) -> None:
    assert parse(text) == network
    assert not HAPPENED, "a factory is named, not called"


def test_values() -> None:
    assert parse_value("HeNormal(gain=2.0)") == HeNormal(2.0)
    assert parse_value("(1, -2.5, 'a', None, True)") == (1, -2.5, "a", None, True)
    assert parse_value("{'a': -2.5, 'b': (1, 2)}") == {"a": -2.5, "b": (1, 2)}
    with pytest.raises(InvalidParameter, match=r"with plain numbers, got '\{\(1, 2\): 3\}'"):
        parse_value("{(1, 2): 3}")


def test_a_deep_network_is_no_deep_nesting() -> None:
    network = repeat(ReLU(4) >> Linear(4), 600)
    assert parse(repr(network)) == network


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("Relu(4)", r"expression 'Relu\(4\)': expected known names, got 'Relu'\. Did you mean 'ReLU'"),
        ("ReLU(4) >> Convv(3, 3)", r"got 'Convv'\. Did you mean 'Conv'"),
        ("ReLU(unitz=4)", r"ReLU: expected one of its options, got 'unitz'\. Did you mean 'units'"),
        ("ReLU(-4)", r"ReLU\(units\): expected an integer >= 1 or None, got -4"),
        ("Conv(3)", r"expected options that Conv takes, got Conv\(3\) \(.*missing 1 required"),
        ("Conv", r"expected options that Conv takes, got Conv\(\) \(.*missing 2 required"),
        ("ReLU(1, 2, 3)", r"expected options that ReLU takes, got ReLU\(1, 2, 3\)"),
        ("Reshape(sizes=3)", r"Reshape: expected one of its options, got 'sizes'"),
        ("3", r"network '3': expected layers joined by >> and \|, got 3"),
        ("'ReLU(4)'", r"expected layers joined by >> and \|"),
        ("HeNormal()", r"expected layers joined by >> and \|, got HeNormal\(\)"),
        ("join", r"expected layers joined by >> and \|"),
        ("", r"expression: expected calls joined by >> and \|, got ''"),
        ("ReLU(4) >>", r"expression: expected calls joined by >> and \|, got 'ReLU\(4\) >>' \("),
        ("ReLU(4) >> 3", r"a >> b: expected layers and networks, got 3"),
        (
            "ReLU(4) + ReLU(3)",
            r"expected calls joined by >>, \| and \+, with plain numbers, got 'ReLU\(4\) \+ ReLU\(3\)'",
        ),
        ("ReLU(2 * 4)", r"with plain numbers, got '2 \* 4'"),
        ("ReLU(9 ** 9 ** 9 ** 9)", r"with plain numbers"),
        ("ReLU(4) - ReLU(3)", r"expected calls joined by"),
        ("-ReLU(4)", r"expected calls joined by .*, got '-ReLU\(4\)'"),
        ("-'a'", r"expected calls joined by"),
        ("~ReLU(4)", r"expected calls joined by"),
    ],
)
def test_mistakes(text: str, match: str) -> None:
    with pytest.raises(InvalidParameter, match=match):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('echo pwned')",
        "(lambda: ReLU(4))()",
        "[ReLU(4) for _ in (1,)][0]",
        "ReLU.__class__",
        "ReLU(4).make((3,))",
        "ReLU(4).build()",
        "Module(torch.nn.ReLU)",
        "Module(__import__('torch').nn.ReLU)",
        "Module(lambda: 1)",
        "open('file')",
        "eval('ReLU(4)')",
        "print(4)",
        "ReLU(*(4,))",
        "ReLU(**{'units': 4})",
        "ReLU(x := 4)",
        "f'{ReLU(4)}'",
        "ReLU(4) if True else ReLU(3)",
        "ReLU(4); ReLU(3)",
        "import os",
        "ReLU(4) and ReLU(3)",
        "ReLU(4) > ReLU(3)",
        "{'a': 1}",
        "{1, 2}",
        "ReLU(4)[0]",
        "repeat(ReLU(4), 1000000000)",
        "repeat(repeat(ReLU(4), 99999), 99999)",
        "(" * 5000 + "ReLU(4)" + ")" * 5000,
        "-" * 50_000 + "1",
        "ReLU(" * 3000 + ")" * 3000,
        "ReLU(4) >> " * 20_000 + "ReLU(4)",
        "ReLU(4)\x00",
        "ReLU(4) # " + "x" * 200_000,
        None,
        b"ReLU(4)",
    ],
    ids=lambda text: repr(text)[:40],
)
def test_hostile_texts_are_refused(text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a process was started"))
    with pytest.raises(InvalidParameter):
        parse(text)
    assert not HAPPENED


def test_impossible_joins_say_so() -> None:
    with pytest.raises(JoinError, match=r"relu1: ReLU\(4\): .*Put Flatten\(\) before it"):
        parse("Input(3, 8, 8) >> ReLU(4)")
