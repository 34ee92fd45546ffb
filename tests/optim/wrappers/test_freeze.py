"""Frozen layers keep every bit; what is left is trained as if it were alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.optim import SGD, Adam, AdamW, Averaged, Clip, Freeze, LevenbergMarquardt, Newton, Rprop
from netwright.optim.wrappers.names import means, paths

RULES = [SGD(0.1, momentum=0.9), Adam(0.05), AdamW(0.05, weight_decay=0.5), Rprop(), Averaged(Clip(Adam(), 1.0))]
EXPECTED = {  # which parameters a name means, of first, second and last
    ("first",): {"first.weight", "first.bias"},
    ("first.weight",): {"first.weight"},
    ("*.bias",): {"first.bias", "second.bias", "last.bias"},
    ("first", "last.bias"): {"first.weight", "first.bias", "last.bias"},
    ("*st",): {"first.weight", "first.bias", "last.weight", "last.bias"},
    ("[fs]*",): {"first.weight", "first.bias", "second.weight", "second.bias"},
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("names", EXPECTED, ids=str)
def test_frozen_bits_stay_and_the_others_move_as_alone(problem: Any, rule: Any, names: tuple) -> None:
    ours, alone = problem(), problem()
    before = {name: p.detach().clone() for name, p in ours.named}
    ours.train(Freeze(rule, *names).build(ours.named))
    alone.train(rule.build([p for name, p in alone.named if name not in EXPECTED[names]]))
    assert torch.equal(ours.vector(), alone.vector())
    stayed = {name for name, p in ours.named if torch.equal(p, before[name])}
    assert stayed == EXPECTED[names]


@pytest.mark.parametrize("rule", [LevenbergMarquardt(), Newton()], ids=repr)
def test_the_vector_of_curvature_has_the_others_only(problem: Any, rule: Any) -> None:
    ours, alone = problem(torch.float64), problem(torch.float64)
    before = ours.vector()
    optimizer = Freeze(rule, "first", "second").build(ours.named)
    other = rule.build(alone.module.last.parameters())
    for _ in range(5):
        for each, built in ((ours, optimizer), (alone, other)):
            built.step(lambda: each.loss(each.batches[0]).sqrt()[None])  # noqa: B023
    assert torch.equal(ours.vector(), alone.vector())
    assert torch.equal(ours.vector()[:-10], before[:-10])
    assert not torch.equal(ours.vector()[-10:], before[-10:])
    sizes = {len(item) for item in optimizer.state_dict()["state"][0].values() if getattr(item, "ndim", 0)}
    assert sizes <= {10}


def test_groups_keep_their_options_and_lose_what_is_frozen(problem: Any) -> None:
    one = problem()
    groups = [
        {"params": [(name, p) for name, p in one.named if name.startswith(layer)], "lr": rate}
        for layer, rate in (("first", 0.1), ("second", 0.2), ("last", 0.3))
    ]
    built = Freeze(SGD(), "second", "last.weight").build(groups)
    assert [(group["param_names"], group["lr"]) for group in built.param_groups] == [
        (["first.weight", "first.bias"], 0.1),
        (["last.bias"], 0.3),
    ]
    assert len(groups[1]["params"]) == 2


def test_what_a_name_means() -> None:
    assert paths("block1.conv2/linear.weight") == [
        "block1.conv2.linear.weight",
        "block1",
        "block1.conv2",
        "block1.conv2.linear",
    ]
    assert means("relu1", "relu1/linear.weight")
    assert means("block1.conv2", "block1.conv2.weight")
    assert not means("conv2", "block1.conv2.weight")
    assert means("*.conv2", "block1.conv2.weight")
    assert not means("conv1", "conv10.weight")
    assert not means("Conv1", "conv1.weight")
    assert means("block[12]", "block2.conv1.bias")


def test_written_in_three_ways() -> None:
    rule = Freeze(Adam(), "a", "b*")
    assert rule == Freeze(Adam(), names=("a", "b*")) == Freeze(rule=Adam(), names=["a", "b*"])
    assert repr(rule) == "Freeze(Adam(), 'a', 'b*')"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda one: Freeze(Adam()), r"Freeze\(names\): expected a tuple of 1 or more elements, each a name or patter"),
        (lambda one: Freeze(Adam(), ""), r"Freeze\(names\): expected a tuple of 1 .* got \(''\,\)"),
        (
            lambda one: Freeze("first", Adam()),
            r"Freeze\(rule\): expected an update rule such as Adam\(0.001\), got 'fi",
        ),
        (
            lambda one: Freeze(Adam(), "a", names=("b",)),
            r"Freeze\(names\): expected names in one place, got \('a',\) and",
        ),
        (
            lambda one: Freeze(Adam(), "first").build(one.parameters),
            r"Freeze.build\(params\): expected named parameters, got a tensor of shape \(5, 3\) without a name\. Give",
        ),
        (
            lambda one: Freeze(Adam(), "first").build([{"params": one.parameters}]),
            r"Freeze.build\(params\): expected named parameters, got a tensor of shape \(5, 3\) without a name",
        ),
        (
            lambda one: Freeze(Adam(), "first", "secnd").build(one.named),
            r"Freeze.build\(params\): expected names of layers or parameters, got 'secnd'\. Did you mean 'second'\?",
        ),
        (
            lambda one: Freeze(Adam(), "conv*").build(one.named),
            r"Freeze.build\(params\): expected names of layers .* got 'conv\*'\. Choose one of: first, second, last\.",
        ),
        (
            lambda one: Freeze(Adam(), "*").build(one.named),
            r"Freeze.build\(params\): expected a parameter that is not frozen, got all frozen by Freeze\(Adam\(\)",
        ),
        (
            lambda one: Freeze(Adam(), "wieght").build([("weight", one.parameters[0])]),
            r"got 'wieght'\. Did you mean 'weight'\?",
        ),
        (
            lambda one: Freeze(Adam(), "relu1.weight").build([("relu1/linear.weight", one.parameters[0])]),
            r"got 'relu1\.weight'\. Did you mean 'relu1\.linear\.weight'\?",
        ),
    ],
)
def test_what_cannot_be(problem: Any, make: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make(problem())
