"""Wrappers in a training run, whose parameters are one flat vector: with and without the names of its pieces."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import netwright as nw
from netwright.layers import Flatten, Input, Linear, ReLU, Softmax, Tanh
from netwright.optim import (
    SGD,
    Accumulate,
    Adam,
    Averaged,
    Clip,
    Freeze,
    LayerRates,
    LevenbergMarquardt,
    Lookahead,
    cosine,
    direct_step,
)
from netwright.train import Batches, Run, train
from netwright.train.flat import Flat

NETWORK = Input(4) >> Tanh(6) >> ReLU(5) >> Linear(2)
RULES = [
    Freeze(Adam(0.05), "tanh1"),
    Freeze(Clip(SGD(0.1, momentum=0.9), 0.5), "*.bias", "relu1"),
    LayerRates(Adam(0.05), {"tanh1": 0.1, "linear1": 2.0}),
    Averaged(LayerRates(Freeze(Adam(0.05), "relu1"), {"tanh1": 0.1}), 0.9),
]


def pieces(flat: Flat) -> list[tuple[str, torch.Tensor]]:
    """What a run gives a rule that goes by names: the module's parameters, which are views of the flat vector."""
    return [(segment.name, parameter) for segment, parameter in zip(flat.segments, flat.parameters, strict=True)]


def run_of(rule: Any) -> Run:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(64, 4, generator=generator)
    y = torch.stack([x.sum(1), x.prod(1)], 1)
    run = Run(NETWORK.build(seed=1), lambda z, t, w: (z - t).square().mean(), Adam())
    run.optimizer = rule
    run.update = rule.build(pieces(run.flat) if rule.by_name else [run.flat.theta])
    run.load(Batches((x,), y, size=16))
    return run


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_pieces_of_a_flat_vector_are_as_plain_parameters(rule: Any) -> None:
    plain = NETWORK.build(seed=1)
    other = copy.deepcopy(plain)
    flat = Flat(other)
    optimizer = rule.build(plain.named_parameters())
    step = direct_step(rule.build(pieces(flat)))
    generator = torch.Generator().manual_seed(5)
    for _ in range(20):
        x = torch.randn(8, 4, generator=generator)
        optimizer.zero_grad()
        plain(x).square().mean().backward()
        optimizer.step()
        flat.gradient.zero_()
        other(x).square().mean().backward()
        step()
    read = torch.cat([parameter.detach().reshape(-1) for parameter in flat.parameters])
    assert torch.equal(flat.theta, read)  # still one vector
    if "Clip" in repr(rule):  # the norm is a sum in another order
        torch.testing.assert_close(list(plain.parameters()), list(other.parameters()), rtol=1e-5, atol=1e-6)
    else:
        assert all(map(torch.equal, plain.parameters(), other.parameters()))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_frozen_pieces_keep_their_bits_in_a_run(rule: Any) -> None:
    run = run_of(rule)
    before = {name: p.detach().clone() for name, p in pieces(run.flat)}
    train(run, epochs=10)
    assert run.history[-1]["train_loss"] < run.history[0]["train_loss"]
    moving = {id(p) for group in run.update.param_groups for p in group["params"]}
    for name, parameter in pieces(run.flat):
        assert torch.equal(parameter, before[name]) == (id(parameter) not in moving)
    assert ("Freeze" in repr(rule)) == (len(moving) < len(before))


def test_curvature_on_pieces() -> None:
    flat = Flat(NETWORK.build(seed=1))
    optimizer = Freeze(LevenbergMarquardt(), "tanh1").build(pieces(flat))
    module_input = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    before = flat.theta.detach().clone()
    weight, bias = (p for name, p in pieces(flat) if name.startswith("tanh1"))
    frozen = weight.detach().clone(), bias.detach().clone()
    relu = [p for name, p in pieces(flat) if name.startswith("relu1")]
    linear = [p for name, p in pieces(flat) if name.startswith("linear1")]

    def residuals() -> torch.Tensor:
        hidden = torch.relu(torch.tanh(module_input @ weight.T + bias) @ relu[0].T + relu[1])
        return hidden @ linear[0].T + linear[1] - module_input[:, :2]

    losses = [float(optimizer.step(residuals)) for _ in range(8)]
    assert losses[-1] < 0.5 * losses[0]
    assert torch.equal(weight, frozen[0])
    assert torch.equal(bias, frozen[1])
    assert not torch.equal(flat.theta, before)


@pytest.mark.parametrize(
    "rule", [*RULES, Accumulate(Adam(0.05), 3), Lookahead(SGD(0.1, momentum=0.9), 3), Adam(0.05)], ids=repr
)
def test_a_run_goes_on_from_its_state_as_arrays(rule: Any) -> None:
    whole, half = run_of(rule), run_of(rule)
    train(whole, epochs=3)
    train(half, epochs=3)
    again = run_of(rule)
    again.flat.theta.data.copy_(half.flat.theta.data)
    again.history, again.epoch = half.history, half.epoch
    again.resume(half.state())
    for run in (whole, again):
        train(run, epochs=3)
    assert torch.equal(whole.flat.theta, again.flat.theta)


@pytest.mark.parametrize(
    "rule",
    [
        Clip(Adam(0.01), norm=1),
        "Clip(SGD(0.1, momentum=0.9), value=0.05)",
        Accumulate(Adam(0.01), 2),
        Lookahead(Averaged(Clip(SGD(cosine(0.2), 0.9), 5.0))),
        Averaged(Adam(0.01), kind="swa", begin=50),
    ],
    ids=repr,
)
def test_in_an_estimator(rule: Any) -> None:
    digits, labels = nw.data.load_digits()
    rows = slice(0, 600)
    network = Flatten() >> ReLU(24) >> Softmax(10)
    classifier = nw.Classifier(network, optimizer=rule, epochs=12, batch_size=32, random_state=0)
    classifier.fit(digits[rows], labels[rows])
    assert classifier.score(digits[600:], labels[600:]) > 0.8


def test_clipping_that_never_happens_changes_no_bit_of_a_fit() -> None:
    digits, labels = nw.data.load_digits()
    network = Flatten() >> ReLU(16) >> Softmax(10)
    fits = [
        nw.Classifier(network, optimizer=rule, epochs=3, random_state=0).fit(digits[:300], labels[:300])
        for rule in (Adam(0.01), Clip(Adam(0.01), norm=1e6), Accumulate(Clip(Adam(0.01), value=1e6), 1))
    ]
    first, *others = [torch.cat([p.reshape(-1) for p in fit.module_.parameters()]) for fit in fits]
    assert all(torch.equal(first, other) for other in others)
