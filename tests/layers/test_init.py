"""Initialisation rules: their moments against the formulas, their bounds, torch's own rules, their refusals."""

from __future__ import annotations

import json
import math

import pytest
import torch

from netwright import layers
from netwright.core import registry
from netwright.core.errors import InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.layers import (
    Constant,
    HeNormal,
    HeUniform,
    InitRule,
    Normal,
    Orthogonal,
    Uniform,
    XavierNormal,
    XavierUniform,
    leaky_gain,
)

RULES: list[InitRule] = [
    Constant(0.3),
    Normal(0.5, 0.2),
    Uniform(-0.5, 2.0),
    Orthogonal(1.5),
    HeNormal(),
    HeUniform(1.0),
    XavierNormal(2.0),
    XavierUniform(),
]
SHAPES = [(300, 200), (64, 32, 3, 3), (48, 16, 25), (20, 12, 3, 3, 3)]
each_rule = pytest.mark.parametrize("rule", RULES, ids=repr)


def filled(rule: InitRule, *shape: int, seed: int = 0) -> torch.Tensor:
    return rule.fill_(torch.full(shape, math.nan), torch.Generator().manual_seed(seed))


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """As a connection counts: inputs of one output, outputs of one input."""
    return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])


def test_every_rule_is_tested_here() -> None:
    assert {type(rule).__name__ for rule in RULES} == set(registry.names("init"))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("rule", "std"),
    [
        (HeNormal(), lambda i, o: math.sqrt(2 / i)),
        (HeNormal(1.0), lambda i, o: math.sqrt(1 / i)),
        (HeNormal(leaky_gain(0.5)), lambda i, o: math.sqrt(2 / (1 + 0.5**2) / i)),
        (HeUniform(), lambda i, o: math.sqrt(2 / i)),
        (XavierNormal(), lambda i, o: math.sqrt(2 / (i + o))),
        (XavierNormal(3.0), lambda i, o: 3 * math.sqrt(2 / (i + o))),
        (XavierUniform(), lambda i, o: math.sqrt(2 / (i + o))),
    ],
    ids=lambda item: repr(item) if isinstance(item, InitRule) else "",
)
def test_standard_deviations(rule: InitRule, std: object, shape: tuple[int, ...]) -> None:
    weight = filled(rule, *shape)
    wanted, error = std(*fans(shape)), 5 / math.sqrt(2 * weight.numel())  # type: ignore[operator]
    assert weight.std().item() == pytest.approx(wanted, rel=error)
    assert abs(weight.mean().item()) < 5 * wanted / math.sqrt(weight.numel())
    if isinstance(rule, (HeUniform, XavierUniform)):
        bound = math.sqrt(3) * wanted
        assert 0.99 * bound < weight.abs().max().item() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_laws_as_torch(shape: tuple[int, ...]) -> None:
    """torch.nn.init draws the same numbers from the same stream."""
    pairs = [
        (HeNormal(), torch.nn.init.kaiming_normal_, {"nonlinearity": "relu"}),
        (HeUniform(), torch.nn.init.kaiming_uniform_, {"nonlinearity": "relu"}),
        (HeNormal(leaky_gain(0.2)), torch.nn.init.kaiming_normal_, {"a": 0.2, "nonlinearity": "leaky_relu"}),
        (XavierNormal(1.5), torch.nn.init.xavier_normal_, {"gain": 1.5}),
        (XavierUniform(), torch.nn.init.xavier_uniform_, {}),
        (Orthogonal(2.0), torch.nn.init.orthogonal_, {"gain": 2.0}),
    ]
    for rule, theirs, options in pairs:
        wanted = theirs(torch.empty(shape), generator=torch.Generator().manual_seed(0), **options)
        assert torch.allclose(filled(rule, *shape), wanted, rtol=1e-5), rule


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (4, 3, 2, 2), (6, 6)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    weight = filled(Orthogonal(2.0), *shape).flatten(1).double()
    wide = weight if weight.shape[0] <= weight.shape[1] else weight.T
    assert torch.allclose(wide @ wide.T, 4 * torch.eye(wide.shape[0], dtype=torch.float64), atol=1e-5)


def test_he_keeps_the_second_moment_through_rectifiers() -> None:
    """Ten layers of 512 rectifiers: what comes out is neither nothing nor huge; torch's default shrinks 4^10-fold."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(64, 512, generator=g)
    for _ in range(10):
        x = torch.relu(x @ HeNormal().fill_(torch.empty(512, 512), g).T)
    assert 0.3 < x.square().mean().item() < 3


def test_normal_uniform_constant() -> None:
    assert filled(Normal(0.5, 0.2), 100_000).mean().item() == pytest.approx(0.5, abs=0.01)
    assert filled(Normal(0.5, 0.2), 100_000).std().item() == pytest.approx(0.2, rel=0.02)
    drawn = filled(Uniform(-0.5, 2.0), 100_000)
    assert -0.5 <= drawn.min().item() < -0.49
    assert 1.99 < drawn.max().item() <= 2.0
    assert filled(Constant(0.3), 5).tolist() == pytest.approx([0.3] * 5)


@each_rule
def test_fills_in_place_and_by_the_generator(rule: InitRule) -> None:
    tensor = torch.full((4, 6), math.nan)
    before = torch.get_rng_state()
    assert rule.fill_(tensor, torch.Generator().manual_seed(1)) is tensor
    assert torch.equal(torch.get_rng_state(), before)
    assert tensor.isfinite().all()
    assert torch.equal(tensor, filled(rule, 4, 6, seed=1))
    assert isinstance(rule, Constant) or not torch.equal(tensor, filled(rule, 4, 6, seed=2))


@each_rule
def test_without_a_generator_torchs_state_is_drawn_from(rule: InitRule) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        drawn = rule.fill_(torch.empty(4, 6))
    assert torch.equal(drawn, filled(rule, 4, 6, seed=3))


@each_rule
def test_parameters_that_need_gradients_and_meta_tensors(rule: InitRule) -> None:
    parameter = torch.nn.Parameter(torch.empty(3, 4))
    rule.fill_(parameter, torch.Generator().manual_seed(0))
    assert parameter.grad_fn is None
    assert rule.fill_(torch.empty(3, 4, device="meta")).is_meta


@each_rule
def test_rules_are_values(rule: InitRule) -> None:
    assert eval(repr(rule), vars(layers)) == rule
    assert from_json(json.loads(json.dumps(to_json(rule)))) == rule
    assert len({rule, from_json(to_json(rule))}) == 1


@pytest.mark.parametrize("rule", [Orthogonal(), HeNormal(), HeUniform(), XavierNormal(), XavierUniform()], ids=repr)
def test_a_bias_has_no_fans(rule: InitRule) -> None:
    name = type(rule).__name__
    with pytest.raises(InvalidParameter, match=rf"{name}\(\): expected a weight with at least 2 axes.*shape \(7,\)"):
        rule.fill_(torch.empty(7))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Normal(std=-1), r"Normal\(std\): expected a number in \[0, inf\), got -1"),
        (lambda: Uniform(1, 1), r"Uniform\(low, high\): expected low < high, got \(1, 1\)\. Swap the bounds"),
        (lambda: HeNormal(0), r"HeNormal\(gain\): expected a number in \(0, inf\), got 0"),
        (lambda: Constant(math.nan), r"Constant\(value\): expected a number .*, got nan"),
        (lambda: XavierNormal(gian=2), r"XavierNormal: expected one of its options, got 'gian'\. Did you mean 'gain'"),
    ],
)
def test_refusals(make: object, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()  # type: ignore[operator]


def test_leaky_gain() -> None:
    for slope in (0.0, 0.01, 0.2, 1.0):
        assert leaky_gain(slope) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", slope))
