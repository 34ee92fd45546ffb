"""`check` under switches of torch, of modules in all number formats and shells, with rules and losses of all kinds."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright import optim
from netwright.checks.checking import check
from netwright.checks.diagnosis import Diagnosis
from netwright.core.errors import InvalidData, InvalidParameter

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(90, 4)
    return X, classes(X)


def told(found: Diagnosis) -> list[str]:
    return [str(each) for each in found.findings]


# switches


@pytest.mark.slow
@pytest.mark.parametrize("switch", [torch.inference_mode, torch.no_grad, partial(torch.autocast, "cpu")], ids=str)
def test_under_a_switch_it_says_the_same(switch: Any, data: Any, net: Any, adam: Any) -> None:
    for last in (None, nn.Softmax(1)):
        module = net(4, 16, 3, last=last)
        optimizer = adam(module)
        plain = check(module, CROSS, optimizer, data)
        with switch():
            found = check(module, CROSS, optimizer, data)
        assert found.codes == plain.codes
        assert [each.code for each in found.notes] == [each.code for each in plain.notes]


def test_what_was_made_in_inference_mode(data: Any, net: Any, adam: Any) -> None:
    with torch.inference_mode():
        module, X = net(4, 16, 3), data[0].clone()
        optimizer = adam(module)
        assert told(check(module, CROSS, optimizer, (X, data[1].clone()))) == []
    assert told(check(module, CROSS, optimizer, DataLoader(TensorDataset(X, data[1]), 15, shuffle=True))) == []


def test_another_number_format_by_default(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 16, 3)
    optimizer = adam(module)
    torch.set_default_dtype(torch.float64)
    try:
        assert told(check(module, CROSS, optimizer, data)) == []
    finally:
        torch.set_default_dtype(torch.float32)


# modules


@pytest.mark.slow
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("arrays", [True, False], ids=["arrays", "tensors"])
def test_number_formats(kind: torch.dtype, arrays: bool, data: Any, net: Any, adam: Any) -> None:
    X, y = data
    r = (X[:, :1] * X[:, 1:2] + X[:, 2:3]).tanh()
    for loss, width, target in ((CROSS, 3, y), (SQUARES, 1, r)):
        module = net(4, 16, width).to(kind)
        given = (X.numpy(), target.numpy()) if arrays else (X, target)
        assert told(check(module, loss, adam(module), given)) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # of torch's own
def test_modules_in_shells(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 16, 3)
    for shell in (torch.compile(module), nn.DataParallel(module)):
        assert told(check(shell, CROSS, adam(shell), data)) == []
    shell, part = torch.compile(module), adam(module[2])
    assert check(shell, CROSS, part, data).codes == ("missing-parameters",)
    assert check(shell, CROSS, part, data, frozen=["_orig_mod.0"]).ok
    assert check(shell, torch.compile(functional.cross_entropy), part, data, frozen="0").ok


def test_modules_without_numbers(data: Any, net: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"'0\.weight' on the meta device"):
        check(net(4, 3).to("meta"), CROSS, None, data)


def test_inputs_that_the_module_does_not_take(data: Any, net: Any) -> None:
    with pytest.raises(InvalidData, match=r"expected the inputs of forward\(input\), got 2 inputs"):
        check(net(4, 3), CROSS, None, (data[0], data[1], data[1]))


# rules


RULES = {
    "ConjugateGradient": optim.ConjugateGradient(),
    "GaussNewton": optim.GaussNewton(),
    "HessianDiagonal": optim.HessianDiagonal(),
    "IRpropMinus": optim.IRpropMinus(),
    "IRpropPlus": optim.IRpropPlus(),
    "LevenbergMarquardt": optim.LevenbergMarquardt(),
    "Newton": optim.Newton(),
    "NewtonCG": optim.NewtonCG(),
    "QuasiNewton": optim.QuasiNewton(),
    "Rprop": optim.Rprop(),
    "Lookahead": optim.Lookahead(optim.Adam(0.01)),
    "Accumulate": optim.Accumulate(optim.SGD(0.1), 2),
    "Clip": optim.Clip(optim.SGD(0.1), norm=1.0),
}


QUICK = ("LevenbergMarquardt", "QuasiNewton", "Accumulate")  # the others take seconds each


def _slow(names: Any, quick: Any) -> list[Any]:
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("name", _slow(RULES, QUICK))
def test_rules_of_netwright(name: str, data: Any, net: Any) -> None:
    X, y = data
    rule, r = RULES[name], (X[:, :1] * X[:, 1:2] + X[:, 2:3]).tanh()
    for loss, width, target in ((CROSS, 3, y), (SQUARES, 1, r)):
        module = net(4, 8, width)
        optimizer = rule.build(module.named_parameters() if rule.by_name else module.parameters())
        assert told(check(module, loss, optimizer, (X, target))) == []
        assert not optimizer.state


def test_a_rule_of_netwright_does_not_hide_a_fault(data: Any, net: Any) -> None:
    module = net(4, 8, 3, last=nn.Softmax(1))
    for rule in (optim.LevenbergMarquardt(), optim.QuasiNewton()):
        assert check(module, CROSS, rule.build(module.parameters()), data).codes[0] == "double-softmax"


def test_rules_that_take_long_leave_their_trials_out(data: Any, net: Any) -> None:
    module = net(4, 64, 64, 3)
    found = check(module, CROSS, optim.LevenbergMarquardt().build(module.parameters()), data)
    assert found.ok
    assert {each.code for each in found.findings} == {"not-examined"}
    assert "was left out: a step of the optimizer takes too long" in found.findings[0].seen
    worse = net(4, 64, 64, 3, last=nn.Softmax(1))
    found = check(worse, CROSS, optim.LevenbergMarquardt().build(worse.parameters()), data)
    assert found.codes == ("double-softmax",)
    assert "not-examined" not in [each.code for part in found.findings for each in (part, *part.consequences)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", _slow(["ASGD", "Adadelta", "Adagrad", "Adamax", "LBFGS", "NAdam", "RMSprop", "Rprop"], ["LBFGS", "RMSprop"])
)
def test_rules_of_torch(name: str, data: Any, net: Any) -> None:
    module = net(4, 16, 3)
    rates = {"Adadelta": 1.0, "Adagrad": 0.05, "ASGD": 0.1, "LBFGS": 0.5}
    optimizer = getattr(torch.optim, name)(module.parameters(), lr=rates.get(name, 0.01))
    assert told(check(module, CROSS, optimizer, data)) == []


# losses


class Centres(nn.Module):
    """A loss with centres that are learned and a count."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(3, 3))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        return functional.cross_entropy(z, t) + 0.01 * (z - self.centres[t]).square().mean()


class Trainer:
    """An object whose method is the loss."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.inner, self.calls = module, Centres(), 0

    def loss(self, z: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        penalty = sum(p.square().sum() for p in self.module.parameters())
        return self.inner(z, t) + 1e-4 * penalty  # type: ignore[no-any-return]


class Itself(nn.Module):
    """A module with a loss of its own, which counts."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.centres = inner, Centres()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)  # type: ignore[no-any-return]

    def loss(self, z: Tensor, t: Tensor) -> Tensor:
        return self.centres(z, t) + 1e-4 * sum(p.square().sum() for p in self.inner.parameters())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "kind",
    _slow(["module", "method", "of the module", "partial", "lambda", "lambda of the module"], ["method", "lambda"]),
)
def test_losses_with_a_state_keep_it(kind: str, data: Any, net: Any) -> None:
    module = net(4, 16, 3)
    if kind == "lambda of the module":
        module = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    trainer, itself, X = Trainer(module), Itself(module), data[0]
    inner = itself.centres if kind == "of the module" else trainer.inner
    losses: dict[str, Any] = {
        "module": inner,
        "method": trainer.loss,
        "of the module": itself.loss,
        "partial": partial(Trainer.loss, trainer),
        "lambda": lambda z, t: inner(z, t),
        "lambda of the module": lambda z, t: inner(z, t) + 0.01 * (module(X) - module(X + 0.1)).square().mean(),
    }
    program = itself if kind == "of the module" else module
    optimizer = torch.optim.Adam([*module.parameters(), *inner.parameters()], lr=1e-2)
    before = deepcopy((program.state_dict(), inner.state_dict()))
    assert told(check(program, losses[kind], optimizer, data)) == []
    for kept, now in zip(before, (program.state_dict(), inner.state_dict()), strict=True):
        assert all(torch.equal(item, now[name]) for name, item in kept.items())
    assert trainer.calls == 0
    assert all(p.grad is None for p in (*program.parameters(), *inner.parameters()))
    assert not optimizer.state


# data


@pytest.mark.slow
def test_lists_and_frames(data: Any, net: Any, adam: Any) -> None:
    X, y = data
    names = [["no", "yes", "maybe"][label] for label in y.tolist()]
    for given in ((X.tolist(), y.tolist()), (list(X.numpy()), names), ([row.tolist() for row in X], y.numpy())):
        module = net(4, 16, 3)
        assert told(check(module, CROSS, adam(module), given)) == []
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X.numpy(), columns=list("abcd")).astype({"a": "float64"})
    module = net(4, 16, 3)
    assert told(check(module, CROSS, adam(module), (frame, pandas.Series(names)))) == []
    frame["city"] = "Rome"
    with pytest.raises(InvalidData, match="text such as 'Rome' in column 'city'"):
        check(module, CROSS, adam(module), (frame, y))
