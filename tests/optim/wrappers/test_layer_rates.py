"""Rates by layer against parameter groups of torch with rates of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.optim import SGD, Adam, AdamW, Clip, Freeze, LayerRates, LevenbergMarquardt, RMSprop, Rprop, step_decay

RULES = [SGD(0.1, momentum=0.9), Adam(0.05), AdamW(0.05, weight_decay=0.5), RMSprop(0.01)]
FACTORS = {"first": 0.1, "last.*": 3.0}


def groups_of(one: Any, rate: float) -> list[dict[str, Any]]:
    """What a user of torch writes."""
    layers = (one.module.first, 0.1), (one.module.second, 1.0), (one.module.last, 3.0)
    return [{"params": layer.parameters(), "lr": rate * factor} for layer, factor in layers]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_bits_of_groups_with_their_own_rates(problem: Any, rule: Any) -> None:
    ours, torchs = problem(), problem()
    ours.train(LayerRates(rule, FACTORS).build(ours.named))
    torchs.train(rule.build(groups_of(torchs, rule.learning_rate)))
    assert torch.equal(ours.vector(), torchs.vector())


def test_a_loop_writes_one_rate_into_all_groups(problem: Any) -> None:
    ours, torchs = problem(), problem()
    rule = LayerRates(SGD(step_decay(0.2, every=2), momentum=0.9), FACTORS)
    optimizer, plain = rule.build(ours.named), SGD(0.2, momentum=0.9).build(groups_of(torchs, 0.2))
    for epoch, batch in enumerate(ours.batches[:6]):
        rate = rule.rate(epoch, 6)
        assert rate == pytest.approx(0.2 * 0.1 ** (epoch // 2))
        for group in optimizer.param_groups:
            group["lr"] = rate
        for group, factor in zip(plain.param_groups, (0.1, 1.0, 3.0), strict=True):
            group["lr"] = rate * factor
        ours.train(optimizer, [batch])
        torchs.train(plain, [batch])
        assert [group["lr"] for group in optimizer.param_groups] == [rate] * 3
    assert torch.equal(ours.vector(), torchs.vector())


def test_a_scheduler_of_torch(problem: Any) -> None:
    ours, torchs = problem(), problem()
    optimizer, plain = LayerRates(Adam(0.1), FACTORS).build(ours.named), Adam(0.1).build(groups_of(torchs, 0.1))
    for one, built in ((ours, optimizer), (torchs, plain)):
        scheduler = torch.optim.lr_scheduler.ExponentialLR(built, 0.5)
        for batch in one.batches:
            one.train(built, [batch])
            scheduler.step()
    torch.testing.assert_close(ours.vector(), torchs.vector(), rtol=1e-6, atol=1e-7)


def test_a_rate_in_a_tensor(problem: Any) -> None:
    ours, other = problem(), problem()
    optimizer, plain = (LayerRates(SGD(0.1), FACTORS).build(one.named) for one in (ours, other))
    rate = torch.tensor(0.1)
    for group in optimizer.param_groups:
        group["lr"] = rate
    ours.train(optimizer)
    other.train(plain)
    assert all(group["lr"] is rate for group in optimizer.param_groups)
    torch.testing.assert_close(ours.vector(), other.vector())


def test_an_error_inside_leaves_the_rates(problem: Any) -> None:
    one = problem()
    optimizer = LayerRates(Clip(SGD(0.1), 1.0), FACTORS).build(one.named)
    one.backward(one.batches[0])
    one.parameters[0].grad[0, 0] = float("nan")
    with pytest.raises(ValueError, match="a norm of nan"):
        optimizer.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.1] * 3


def test_the_first_name_counts(problem: Any) -> None:
    built = LayerRates(SGD(), {"first.bias": 4.0, "first": 2.0, "*": 0.5}).build(problem().named)
    assert [(group["param_names"], group["factor"]) for group in built.param_groups] == [
        (["first.weight"], 2.0),
        (["first.bias"], 4.0),
        (["second.weight", "second.bias", "last.weight", "last.bias"], 0.5),
    ]


@pytest.mark.parametrize("between", [lambda rule: rule, lambda rule: Clip(rule, 1e9)], ids=["none", "Clip"])
def test_factors_of_factors_are_multiplied(problem: Any, between: Any) -> None:
    ours, once = problem(), problem()
    twice = LayerRates(between(LayerRates(SGD(0.1), {"first": 0.5, "second": 0.25})), {"first": 0.5, "last": 2.0})
    ours.train(twice.build(ours.named))
    once.train(LayerRates(SGD(0.1), {"first": 0.25, "second": 0.25, "last": 2.0}).build(once.named))
    assert torch.equal(ours.vector(), once.vector())


def test_with_groups_of_the_caller(problem: Any) -> None:
    one = problem()
    biases = [pair for pair in one.named if pair[0].endswith("bias")]
    weights = [pair for pair in one.named if pair[0].endswith("weight")]
    built = LayerRates(AdamW(0.1), {"first": 0.5}).build([{"params": weights}, {"params": biases, "weight_decay": 0.0}])
    assert [(group["param_names"][0], group["factor"], group["weight_decay"] > 0) for group in built.param_groups] == [
        ("first.weight", 0.5, True),
        ("second.weight", 1.0, True),
        ("first.bias", 0.5, False),
        ("second.bias", 1.0, False),
    ]


def test_with_frozen_layers(problem: Any) -> None:
    ours, other = problem(), problem()
    for one, rule in (
        (ours, Freeze(LayerRates(SGD(0.1), {"last": 2.0}), "first")),
        (other, LayerRates(Freeze(SGD(0.1), "first"), {"last": 2.0})),
    ):
        one.train(rule.build(one.named))
    assert torch.equal(ours.vector(), other.vector())
    assert torch.equal(ours.vector()[:20], problem().vector()[:20])


def test_rates_that_fall_towards_the_input() -> None:
    rule = LayerRates.decaying(Adam(), ["conv1", "conv2", "fc*"], 0.1)
    assert [name for name, _ in rule.factors] == ["conv1", "conv2", "fc*"]
    np.testing.assert_allclose([factor for _, factor in rule.factors], [0.01, 0.1, 1.0])


def test_mappings_and_pairs_are_the_same_value() -> None:
    rule = LayerRates(Adam(), {"a": np.float32(0.5), "b*": 2})
    assert rule == LayerRates(Adam(), (("a", 0.5), ("b*", 2.0))) == LayerRates(Adam(), [["a", 0.5], ["b*", 2.0]])
    assert hash(rule) == hash(LayerRates(Adam(), {"a": 0.5, "b*": 2.0}))
    assert repr(rule) == "LayerRates(Adam(), (('a', 0.5), ('b*', 2.0)))"


@pytest.mark.parametrize("factors", [{}, {"a": 0}, {"a": -1.0}, {"a": "fast"}, {"": 1.0}, {3: 1.0}, "conv1", 0.5, None,
                                     (("a", 1.0), ("a", 2.0)), (("a", 1.0, 2.0),)])  # fmt: skip
def test_factors_that_cannot_be(factors: Any) -> None:
    message = r'LayerRates\(factors\): expected a mapping from names or patterns to factors > 0, such as {"conv1": 0.1}'
    with pytest.raises(InvalidParameter, match=message):
        LayerRates(Adam(), factors)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda one: LayerRates(Adam(), {"frist": 2.0}).build(one.named),
            r"LayerRates.build\(params\): expected names of layers or parameters, got 'frist'\. Did you mean 'first'\?",
        ),
        (
            lambda one: LayerRates(Adam(), {"first": 2.0}).build(one.parameters),
            r"LayerRates.build\(params\): expected named parameters, got a tensor of shape \(5, 3\) without a name",
        ),
        (
            lambda one: LayerRates(Rprop(), {"first": 2.0}),
            r"LayerRates\(rule\): expected a rule with a learning rate, such as SGD\(0.1\), got Rprop\(\)\. Leave",
        ),
        (
            lambda one: LayerRates(LevenbergMarquardt(), {"first": 2.0}),
            r"LayerRates\(rule\): expected a rule that is handed gradients, .* Leave LayerRates out: it has no",
        ),
    ],
)
def test_what_cannot_be(problem: Any, make: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make(problem())
