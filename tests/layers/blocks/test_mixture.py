"""MixtureOfExperts and Mixture: the sum, the gates, the routing, and the balance loss in anybody's loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import netwright as nw
from netwright.core.errors import InvalidParameter, JoinError
from netwright.graph import Expression, Shape, parse
from netwright.layers import (
    Conv,
    Cut,
    Flatten,
    GlobalPool,
    Identity,
    Input,
    Linear,
    Mixture,
    MixtureOfExperts,
    ReLU,
    Softmax,
    Tanh,
    importance_variation,
    load_balance,
)
from netwright.layers.blocks.mixture import largest_gates

THREE = (Linear(2), Tanh(4) >> Linear(2), ReLU(8) >> Linear(2))


def sample(*shape: int, count: int = 6) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def made(block: Expression, shape: Shape) -> tuple[torch.nn.Module, list[torch.nn.Module]]:
    """The module of a mixture, and its branches."""
    module = (Input(shape=shape) >> block).build(seed=1).double()
    return module, list(module.mixtureofexperts1.parallel1.children())


def routed(p: np.ndarray, top: int | None) -> np.ndarray:
    """The gates by hand, row by row."""
    g = p.copy()
    for row in g.reshape(-1, g.shape[-1]):
        if top is not None:
            row[np.argsort(-row)[top:]] = 0
            if top > 1:
                row /= row.sum()
    return g


@pytest.mark.parametrize("top", [None, 1, 2, 3])
@pytest.mark.parametrize(
    ("networks", "shape", "gates"),
    [
        (THREE, (5,), (6, 3, 1)),
        (THREE, (4, 5), (6, 4, 3, 1)),
        ((Conv(2, 3), Conv(2, 3) >> Tanh(), Conv(2, 3) >> ReLU()), (3, 5, 5), (6, 3, 1, 1, 1)),
        ((Conv(2, 3), Conv(2, 3) >> Tanh(), Conv(2, 3) >> ReLU()), (3, 5), (6, 3, 1, 1)),
        (tuple(Flatten() >> network for network in THREE), (4, 5), (6, 3, 1)),
    ],
)
def test_the_sum(networks: tuple[Expression, ...], shape: Shape, gates: tuple[int, ...], top: int | None) -> None:
    module, (*experts, gate) = made(MixtureOfExperts(networks, top=top), shape)
    x = sample(*shape)
    p = gate(x).detach().numpy()
    np.testing.assert_allclose(p.sum(-1), 1)
    lead = len(gates) - len([axis for axis in gates[1:] if axis == 1]) - 1
    weights = np.moveaxis(routed(p, top), -1, 0).reshape(3, *gates[:lead], *[1] * (len(gates) - lead - 1))
    expected = sum(w * expert(x).detach().numpy() for w, expert in zip(weights, experts, strict=True))
    np.testing.assert_allclose(module.eval()(x).detach().numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(module.train()(x).detach().numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("block", "shape", "gate"),
    [
        (MixtureOfExperts(THREE), (5,), "Softmax(3)"),
        (MixtureOfExperts(THREE), (4, 5), "Softmax(3)"),
        (MixtureOfExperts((Flatten() >> Linear(2), Flatten() >> Tanh(2))), (4, 5), "Flatten() >> Softmax(2)"),
        (MixtureOfExperts((Conv(2, 3), Conv(2, 3))), (4, 5), "GlobalPool() >> Softmax(2)"),
        (MixtureOfExperts((GlobalPool(), GlobalPool("max"))), (4, 5, 5), "GlobalPool() >> Softmax(2)"),
        (MixtureOfExperts(THREE, Linear(3)), (5,), "Linear(3) >> Softmax()"),
        (MixtureOfExperts(THREE, ReLU(9) >> Softmax(3)), (5,), "ReLU(9) >> Softmax(3)"),
        (MixtureOfExperts(THREE, Cut(Softmax(3))), (5,), "Cut(Softmax(3))"),
    ],
)
def test_the_gate(block: MixtureOfExperts, shape: Shape, gate: str) -> None:
    network = Input(shape=shape) >> block
    assert network[f"mixtureofexperts1.parallel1.branch{len(block.networks) + 1}"] == parse(gate)


def test_inside() -> None:
    network = Input(3, 9, 9) >> MixtureOfExperts((Conv(2, 3), Conv(2, 3) >> ReLU()))
    assert [(row.path, row.parameters) for row in network.summary().rows[1:]] == [
        ("mixtureofexperts1.parallel1.branch1", 2 * 28),
        ("mixtureofexperts1.parallel1.branch2.conv1", 2 * 28),
        ("mixtureofexperts1.parallel1.branch2.relu1", 0),
        ("mixtureofexperts1.parallel1.branch3.globalpool1", 0),
        ("mixtureofexperts1.parallel1.branch3.softmax1", 2 * 4),
        ("mixtureofexperts1.mixture1", 0),
    ]
    assert network.summary().receptive_field == (9, 9)  # through the gate


@given(rows=st.integers(1, 20), count=st.integers(2, 6), top=st.integers(1, 6), seed=st.integers(0, 1000))
def test_load_balance(rows: int, count: int, top: int, seed: int) -> None:
    """Against the definition in NumPy; between 0 and the number of networks."""
    top = min(top, count)
    p = np.random.default_rng(seed).dirichlet(np.ones(count), size=rows)
    shares = np.zeros(count)
    for row in p:
        shares[np.argsort(-row)[:top]] += 1 / (rows * top)
    value = load_balance(torch.from_numpy(p), top).item()
    assert value == pytest.approx(count * (shares * p.mean(0)).sum())
    assert 0 < value <= count + 1e-9
    steps = torch.from_numpy(p).reshape(1, rows, count)
    assert load_balance(steps, top).item() == pytest.approx(value)


def test_importance_variation() -> None:
    gates = np.random.default_rng(0).dirichlet(np.ones(4), size=7)
    importance = gates.sum(0)
    expected = importance.var(ddof=1) / importance.mean() ** 2
    assert importance_variation(torch.from_numpy(gates)).item() == pytest.approx(expected)


@pytest.mark.parametrize("top", [None, 1, 2])
@pytest.mark.parametrize("shape", [(5,), (4, 5)])
def test_the_balance_loss_is_part_of_any_loss(top: int | None, shape: Shape) -> None:
    """Gradients of a loop that knows nothing of it are those of a loop that adds it to its loss."""
    weighed, plain = (made(MixtureOfExperts(THREE, None, balance, top), shape) for balance in (0.3, 0.0))
    x = sample(*shape)
    weighed[0](x).square().mean().backward()
    gate = plain[1][-1]
    (plain[0](x).square().mean() + 0.3 * load_balance(gate(x), top or 1)).backward()
    for (name, one), two in zip(weighed[0].named_parameters(), plain[0].parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-10, atol=1e-12, msg=name)
    kept = weighed[0].mixtureofexperts1.mixture1.balance_loss
    assert not kept.requires_grad
    torch.testing.assert_close(kept, load_balance(gate(x), top or 1).detach())


def test_functional_gradients_have_it_too() -> None:
    module, _ = made(MixtureOfExperts(THREE, balance=0.3), (5,))
    x, parameters = sample(5), dict(module.named_parameters())

    def loss(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(module, parameters, x).square().mean()

    gradients = torch.func.grad(loss)({name: p.detach() for name, p in parameters.items()})
    module(x).square().mean().backward()
    for name, p in parameters.items():
        torch.testing.assert_close(gradients[name], p.grad)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch itself, at its first dual number
@pytest.mark.parametrize("top", [None, 1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_forward_mode(top: int | None, training: bool) -> None:
    """Along a direction it is the derivative of the output; that of a gradient has the loss that the gradient has."""
    module, _ = made(MixtureOfExperts(THREE, balance=0.3, top=top), (5,))
    module.train(training)
    x, t, step = sample(5), torch.ones_like(sample(5)), 1e-6
    value, along = torch.func.jvp(module, (x,), (t,))
    torch.testing.assert_close(value, module(x))
    torch.testing.assert_close(along, (module(x + step * t) - module(x - step * t)) / (2 * step), rtol=1e-6, atol=1e-8)
    gradient = torch.func.grad(lambda z: module(z).square().mean())
    _, product = torch.func.jvp(gradient, (x,), (t,))
    expected = (gradient(x + step * t) - gradient(x - step * t)) / (2 * step)
    torch.testing.assert_close(product, expected, rtol=1e-5, atol=1e-8)
    each = torch.func.jacfwd(torch.func.jacfwd(lambda z: module(z[None])[0]))(x[0])
    if not training:
        torch.testing.assert_close(each, torch.func.jacrev(torch.func.jacrev(lambda z: module(z[None])[0]))(x[0]))


def test_nothing_of_it_in_eval_mode() -> None:
    one, two = (made(MixtureOfExperts(THREE, balance=balance), (5,))[0].eval() for balance in (0.3, 0.0))
    x = sample(5)
    for module in (one, two):
        module(x).square().mean().backward()
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(one.parameters(), two.parameters(), strict=True))
    assert one.mixtureofexperts1.mixture1.balance_loss is None


def test_gradients_in_training_mode_without_balance() -> None:
    module, _ = made(MixtureOfExperts(THREE, balance=0.0, top=2), (5,))
    assert torch.autograd.gradcheck(module.train(), (sample(5, count=3).requires_grad_(),))


def test_gradients_of_gradients() -> None:
    module, (*_, gate) = made(MixtureOfExperts(THREE, balance=0.3), (5,))
    weight = gate.linear.weight
    [first] = torch.autograd.grad(0 * module(sample(5)).sum(), weight, create_graph=True)
    [second] = torch.autograd.grad(first.square().sum(), weight)
    explicit = 0.3 * load_balance(gate(sample(5)))
    [expected] = torch.autograd.grad(explicit, weight, create_graph=True)
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(second, torch.autograd.grad(expected.square().sum(), weight)[0])


def test_a_single_choice_teaches_the_gate() -> None:
    module, (*_, gate) = made(MixtureOfExperts(THREE, balance=0.0, top=1), (5,))
    module(sample(5)).square().mean().backward()
    assert gate.linear.weight.grad.abs().max() > 1e-3


@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_balance_uses_networks_that_a_gate_has_left(balance: float) -> None:
    module, (*_, gate) = made(MixtureOfExperts(THREE, balance=balance, top=1), (5,))
    with torch.no_grad():
        gate.linear.bias.copy_(torch.tensor([3.0, 0.0, 0.0]))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    x = sample(5, count=60)
    for _ in range(60):
        optimizer.zero_grad()
        (0 * module(x).sum()).backward()  # a task that does not care
        optimizer.step()
    used = gate(x).argmax(-1).unique().numel()
    value = module.mixtureofexperts1.mixture1.balance_loss.item()
    assert (used == 3 and value < 1.2) if balance else (used < 3 and value > 2)


def test_a_classifier_trains_it() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    experts = tuple(Tanh(4) >> Linear(2) for _ in range(3))
    network = MixtureOfExperts(experts, top=2) >> Softmax()
    clf = nw.Classifier(network, optimizer=nw.optim.Adam(0.05), epochs=40, random_state=0).fit(x, y)
    assert clf.score(x, y) > 0.9


def test_a_summary_leaves_the_module_alone() -> None:
    module, _ = made(MixtureOfExperts(THREE), (5,))
    module.train()
    module(sample(5))
    before = module.mixtureofexperts1.mixture1.balance_loss.item()
    nw.analyze(module, (5,))
    assert module.mixtureofexperts1.mixture1.balance_loss.item() == before


def test_largest_gates() -> None:
    gates = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert torch.equal(largest_gates(gates, 1), torch.tensor([[0.5, 0, 0], [0, 0, 0.7]]))
    torch.testing.assert_close(largest_gates(gates, 2), torch.tensor([[0.625, 0.375, 0], [0, 2 / 9, 7 / 9]]))
    torch.testing.assert_close(largest_gates(gates, 3), gates)


THREE_INPUTS = Input(4) | Input(4) | Input(4)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Input(4) >> MixtureOfExperts((ReLU(3), Tanh(3), ReLU(4))),
            r"expected networks that give one shape, got \(3,\), \(3,\), \(4,\)\. End the networks in layers of equal",
        ),
        (
            lambda: Input(4) >> MixtureOfExperts((ReLU(3), ReLU(3) | Tanh(3))),
            r"expected one output of its network 2, got 2 of shapes",
        ),
        (
            lambda: Input(4) >> MixtureOfExperts((ReLU(3), Conv(3, 3))),
            r"^mixtureofexperts1\.parallel1\.branch2: Conv\(3, 3\): expected an input \(channels, \*space\)",
        ),
        (
            lambda: Input(4) >> MixtureOfExperts((ReLU(3), ReLU(3)), ReLU(3)),
            r"expected a gate with 2 values, one for each network, got \(3,\) for outputs \(3,\)\. End it in Softmax",
        ),
        (
            lambda: Input(2, 4, 4) >> MixtureOfExperts((GlobalPool(), GlobalPool()), Identity()),
            r"expected a gate with 2 values, one for each network, got \(2, 4, 4\) for outputs \(2,\)",
        ),
        (
            lambda: Input(2, 4, 4) >> MixtureOfExperts((Conv(1, 1), Conv(1, 1)), Linear(2)),
            r"^mixtureofexperts1\.parallel1\.branch3: Linear\(2\): expected an input \(features,\)",
        ),
        (lambda: (Input(4) | Input(2)) >> Mixture(), r"at least 2 inputs and their gates, .* Put it behind branches"),
        (lambda: THREE_INPUTS >> Mixture(top=3), r"expected at least 3 inputs and their gates"),
        (
            lambda: (Input(4) | Input(3) | Input(2)) >> Mixture(),
            r"inputs of one shape, and their gates, got shape \(\(4,\), \(3,\), \(2,\)\)\. Give the branches the same",
        ),
        (
            lambda: THREE_INPUTS >> Mixture(),
            r"gates of 2 values as its last input, got .* Let the last branch end in Softmax\(2\)",
        ),
    ],
)
def test_joins_that_cannot_work(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: MixtureOfExperts((ReLU(),)), r"MixtureOfExperts\(networks\): expected a tuple of 2 or more elements"),
        (
            lambda: MixtureOfExperts((ReLU(), Input(3))),
            r"\(networks\): .* each a layer or a network without Input, got",
        ),
        (lambda: MixtureOfExperts(THREE, top=4), r"\(top\): expected at most 3, the number of networks, got 4"),
        (lambda: MixtureOfExperts(THREE, top=0), r"\(top\): expected an integer >= 1 or None, got 0"),
        (lambda: MixtureOfExperts(THREE, balance=-1), r"\(balance\): expected a number in \[0, inf\), got -1"),
        (lambda: Mixture(-1.0), r"Mixture\(balance\): expected a number in \[0, inf\), got -1\.0"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
