"""Lookahead against algorithm 1 of the paper, written by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.optim import SGD, Adam, LevenbergMarquardt, Lookahead, Newton


@pytest.mark.parametrize("rule", [SGD(0.1, momentum=0.9), Adam(0.05)], ids=repr)
@pytest.mark.parametrize(("every", "factor"), [(5, 0.5), (2, 0.8), (1, 0.5), (3, 1.0)])
def test_algorithm_1(problem: Any, rule: Any, every: int, factor: float) -> None:
    ours, paper = problem(torch.float64), problem(torch.float64)
    seen = ours.train(Lookahead(rule, every, factor).build(ours.parameters))
    plain, slow = rule.build(paper.parameters), paper.vector()
    for number, batch in enumerate(paper.batches, start=1):
        paper.train(plain, [batch])
        if number % every == 0:
            slow = slow + factor * (paper.vector() - slow)
            torch.nn.utils.vector_to_parameters(slow.clone(), paper.parameters)
        torch.testing.assert_close(seen[number - 1], paper.vector(), rtol=1e-12, atol=1e-14)


def test_a_quadratic_by_hand() -> None:
    """L = w^2 / 2 from 1 with rate 0.5: fast 0.5, 0.25; slow 1 - 0.5 * 0.75 = 0.625."""
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = Lookahead(SGD(0.5), every=2).build([weight])
    seen = []
    for _ in range(4):
        optimizer.zero_grad()
        (0.5 * weight.square()).sum().backward()
        optimizer.step()
        seen.append(weight.item())
    assert seen == [0.5, 0.625, 0.3125, 0.390625]


def test_a_factor_of_one_is_the_rule(problem: Any) -> None:
    one, plain = problem(), problem()
    one.train(Lookahead(Adam(0.1), 3, 1.0).build(one.parameters))
    plain.train(Adam(0.1).build(plain.parameters))
    assert torch.equal(one.vector(), plain.vector())


@pytest.mark.parametrize("rule", [LevenbergMarquardt(), Newton()], ids=repr)
def test_a_rule_of_curvature_goes_on_from_the_slow_weights(problem: Any, rule: Any) -> None:
    ours, by_hand = problem(torch.float64), problem(torch.float64)
    optimizer, plain, slow = Lookahead(rule, 2).build(ours.parameters), rule.build(by_hand.parameters), by_hand.vector()

    def residuals(each: Any) -> Any:
        return lambda: each.loss(each.batches[0]).sqrt()[None]

    for number in range(1, 7):
        loss = optimizer.step(residuals(ours))
        assert float(loss) == pytest.approx(float(plain.step(residuals(by_hand))), rel=1e-9)
        if number % 2 == 0:
            slow = slow + 0.5 * (by_hand.vector() - slow)
            torch.nn.utils.vector_to_parameters(slow.clone(), by_hand.parameters)
        torch.testing.assert_close(ours.vector(), by_hand.vector(), rtol=1e-7, atol=1e-9)


def test_a_group_that_is_added_joins_in() -> None:
    first, second = (torch.zeros(2, requires_grad=True) for _ in range(2))
    optimizer = Lookahead(SGD(1.0), every=2).build([first])
    seen = []
    for number in range(4):
        if number == 2:
            optimizer.add_param_group({"params": [second]})
        for weight in (first, second):
            weight.grad = -torch.ones(2)
        optimizer.step()
        seen.append((first[0].item(), second[0].item()))
    assert seen == [(1.0, 0.0), (1.0, 0.0), (2.0, 1.0), (2.0, 1.0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, r"Lookahead\(every\): expected an integer >= 1, got 0"),
        ({"factor": 0}, r"Lookahead\(factor\): expected a number in \(0, 1\], got 0"),
        ({"factor": 1.5}, r"Lookahead\(factor\): expected a number in \(0, 1\], got 1.5"),
    ],
)
def test_options_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        Lookahead(Adam(), **options)
