"""Trials: a program on a copy for some steps, as it is or with one thing changed."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright import optim
from netwright.checks.reading import Batch, Keywords
from netwright.checks.trial import (
    Trial,
    call,
    default_start,
    dropout_off,
    heavy,
    no_decay,
    rate_times,
    run_trial,
    train,
    whole,
)

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def batches(draw: Any) -> list[Batch]:
    return [Batch((draw(16, 4),), draw(16, 1)) for _ in range(8)]


def by_hand(module: nn.Module, optimizer: Any, batches: list[Batch], loss: Any = SQUARES) -> list[float]:
    """The textbook's loop, on a copy."""
    module, optimizer = deepcopy((module, optimizer))
    module.train()
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        value = loss(module(*batch.inputs), batch.target)
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return losses


@pytest.mark.parametrize("rule", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adagrad])
def test_a_trial_is_the_loop_of_the_textbook(rule: Any, net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    optimizer = rule(module.parameters(), lr=0.05)
    trial = run_trial((module, [optimizer]), SQUARES, batches)
    assert trial.losses == pytest.approx(by_hand(module, optimizer, batches), rel=1e-6)
    assert (trial.start, trial.finite) == (trial.losses[0], True)
    assert trial.end == pytest.approx(sum(trial.losses[-5:]) / 5)


def test_nothing_of_the_program_moves(net: Any, adam: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    optimizer = adam(module)
    before, state = [p.detach().clone() for p in module.parameters()], torch.get_rng_state()
    run_trial((module, [optimizer]), SQUARES, batches)
    assert all(torch.equal(p, kept) for p, kept in zip(module.parameters(), before, strict=True))
    assert all(p.grad is None for p in module.parameters())
    assert not optimizer.state
    assert torch.equal(torch.get_rng_state(), state)


def test_the_figures_of_a_step(net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    trial = run_trial((module, [optimizer]), SQUARES, batches[:1])
    slopes = torch.autograd.grad(SQUARES(module(*batches[0].inputs), batches[0].target), list(module.parameters()))
    named = dict(zip([name for name, _ in module.named_parameters()], slopes, strict=True))
    for name in ("0.weight", "2.weight"):
        weight = module.get_parameter(name).detach()
        assert trial.first[name] == pytest.approx(float(0.05 * named[name].norm() / weight.norm()), rel=1e-3)
    assert set(trial.first) == {"0.weight", "2.weight"}
    assert trial.norms == [pytest.approx(math.sqrt(sum(float(g.square().sum()) for g in slopes)), rel=1e-5)]
    matrices = [p for p in module.parameters() if p.ndim == 2]
    assert trial.weights == [
        pytest.approx(math.sqrt(sum(float(p.detach().square().sum()) for p in matrices)), rel=1e-5)
    ]


def test_the_same_trial_twice(batches: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    program = (module, [torch.optim.Adam(module.parameters(), lr=1e-2)])
    assert run_trial(program, SQUARES, batches).losses == run_trial(program, SQUARES, batches).losses


def test_training_is_in_train_mode_whatever_the_mode_was(batches: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)).eval()
    program = (module, [torch.optim.Adam(module.parameters(), lr=1e-2)])
    seen: list[bool] = []
    trial = run_trial(program, SQUARES, batches, after=lambda copy: seen.append(copy.training))
    assert seen == [True]
    assert not module.training
    assert int(trial.module[1].num_batches_tracked) == 8
    assert int(module[1].num_batches_tracked) == 0


def test_a_trial_ends_where_the_loss_does(net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    trial = run_trial((module, [torch.optim.SGD(module.parameters(), lr=1e20)]), SQUARES, batches)
    assert not trial.finite
    assert trial.end == math.inf
    assert len(trial.losses) < 8


def test_a_trial_of_no_steps(net: Any, adam: Any) -> None:
    module = net(4, 1)
    trial = run_trial((module, [adam(module)]), SQUARES, [])
    assert trial.losses == []
    assert math.isnan(trial.start)
    assert trial.end == math.inf
    assert Trial(module).finite


def test_gradients_can_be_clipped(net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    program = (module, [torch.optim.SGD(module.parameters(), lr=1.0)])
    clipped = run_trial(program, SQUARES, batches[:1], clip=1e-3)
    moved = [p.detach() - q.detach() for p, q in zip(clipped.module.parameters(), module.parameters(), strict=True)]
    assert math.sqrt(sum(float(part.square().sum()) for part in moved)) == pytest.approx(1e-3, rel=1e-3)
    assert clipped.norms == run_trial(program, SQUARES, batches[:1]).norms  # as it was before


def test_two_optimizers_share_a_step(net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    both = [torch.optim.SGD(module[0].parameters(), lr=0.05), torch.optim.SGD(module[2].parameters(), lr=0.05)]
    trial = run_trial((module, both), SQUARES, [batches[0]] * 8)
    assert len(trial.losses) == 8
    assert set(trial.first) == {"0.weight", "2.weight"}
    assert trial.losses[-1] < trial.losses[0]


def test_sparse_gradients_are_measured(draw: Any) -> None:
    module = nn.Sequential(nn.Embedding(20, 4, sparse=True), nn.Flatten(), nn.Linear(12, 1))
    optimizers = [
        torch.optim.SparseAdam(module[0].parameters(), lr=1e-2),
        torch.optim.Adam(module[2].parameters(), lr=1e-2),
    ]
    tokens = torch.arange(48).reshape(16, 3) % 20
    trial = run_trial((module, optimizers), SQUARES, [Batch((tokens,), draw(16, 1))] * 4)
    assert trial.finite
    assert trial.first["0.weight"] > 0


def test_a_tensor_of_the_users_gets_no_gradient(net: Any, formula: Any, adam: Any, batches: Any) -> None:
    scale = torch.ones(1, requires_grad=True)
    module = formula(lambda m, x: m.net(x) * scale, net=net(4, 1))
    run_trial((module, [adam(module)]), lambda z, t: SQUARES(z * scale, t), batches)
    assert scale.grad is None


def test_a_rule_that_calls_its_closure_often(net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    trial = run_trial((module, [torch.optim.LBFGS(module.parameters(), lr=0.5)]), SQUARES, [batches[0]] * 4)
    assert trial.losses[-1] < 0.9 * trial.losses[0]


class WithoutClosure(torch.optim.SGD):
    """A rule whose step takes nothing."""

    def step(self) -> None:  # type: ignore[override]
        super().step()


def test_a_rule_without_a_closure(net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    optimizer = WithoutClosure(module.parameters(), lr=0.05)
    trial = run_trial((module, [optimizer]), SQUARES, batches)
    assert trial.losses == pytest.approx(by_hand(module, optimizer, batches), rel=1e-6)


class WithSizeOfBatch(torch.optim.SGD):
    """A rule whose step takes something else than a closure."""

    def step(self, rows: int = 16) -> None:  # type: ignore[override]
        assert rows == 16
        super().step()


class WithModes(torch.optim.SGD):
    """A rule that must be told that training begins."""

    trains = False

    def train(self) -> None:
        self.trains = True

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]
        assert self.trains
        return super().step(closure)


@pytest.mark.parametrize("rule", [WithSizeOfBatch, WithModes])
def test_rules_of_somebody_else(rule: Any, net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    plain = torch.optim.SGD(module.parameters(), lr=0.05)
    trial = run_trial((module, [rule(module.parameters(), lr=0.05)]), SQUARES, batches)
    assert trial.losses == pytest.approx(by_hand(module, plain, batches), rel=1e-6)


class Sharpness(torch.optim.Optimizer):
    """A rule round another one, which asks for the gradient twice at every step."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, options)
        self.inner = torch.optim.SGD(self.param_groups, **options)
        self.param_groups = self.inner.param_groups

    @torch.no_grad()
    def step(self, closure: Any) -> Any:  # type: ignore[override]
        with torch.enable_grad():
            value = closure()
        slopes = [(p, 0.01 * p.grad) for group in self.param_groups for p in group["params"]]
        for p, slope in slopes:
            p.add_(slope)
        with torch.enable_grad():
            closure()
        for p, slope in slopes:
            p.sub_(slope)
        self.inner.step()
        return value


def test_a_rule_round_another(net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    before = deepcopy(module.state_dict())
    trial = run_trial((module, [Sharpness(module.parameters(), lr=0.1)]), SQUARES, [batches[0]] * 8)
    assert trial.losses[-1] < 0.9 * trial.losses[0]
    assert len(trial.losses) == 8
    assert all(torch.equal(item, before[name]) for name, item in module.state_dict().items())


RULES = [
    optim.ConjugateGradient(),
    optim.GaussNewton(),
    optim.HessianDiagonal(),
    optim.IRpropMinus(),
    optim.IRpropPlus(),
    optim.LevenbergMarquardt(),
    optim.Newton(),
    optim.NewtonCG(),
    optim.QuasiNewton(),
    optim.Rprop(),
    optim.Lookahead(optim.Adam(0.05)),
    optim.Accumulate(optim.SGD(0.1), 2),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_rules_of_netwright(rule: Any, net: Any, batches: Any) -> None:
    module = net(4, 6, 1)
    optimizer = rule.build(module.named_parameters() if rule.by_name else module.parameters())
    before = deepcopy(module.state_dict())
    program = (module, [optimizer])
    trial = run_trial(program, SQUARES, [batches[0]] * 8)
    assert trial.losses[-1] < 0.95 * trial.losses[0]
    first = SQUARES(module(*batches[0].inputs), batches[0].target).detach()
    assert trial.losses[0] == pytest.approx(float(first), rel=1e-5)
    assert trial.norms[0] > 0
    assert not optimizer.state
    assert all(torch.equal(item, before[name]) for name, item in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


def test_a_rule_that_refuses_infinity_ends_the_trial(net: Any, batches: Any) -> None:
    module = net(4, 6, 1)
    for rule in (optim.LevenbergMarquardt(), optim.IRpropPlus()):
        trial = run_trial((module, [rule.build(module.parameters())]), lambda z, t: SQUARES(z, t) / 0, batches)
        assert (trial.finite, trial.end, len(trial.losses)) == (False, math.inf, 1)


def test_which_rules_look_at_all_rows_or_take_long(net: Any) -> None:
    small, large = net(4, 6, 1), net(40, 60, 1)
    build = lambda rule, module: [rule.build(module.parameters())]  # noqa: E731
    assert whole(build(optim.IRpropPlus(), small))
    assert whole(build(optim.LevenbergMarquardt(), small))
    assert not whole(build(optim.Adam(0.1), small))
    assert not whole([torch.optim.Adam(small.parameters())])
    assert heavy(build(optim.LevenbergMarquardt(), large))
    assert not heavy(build(optim.LevenbergMarquardt(), small))
    assert not heavy(build(optim.QuasiNewton(), large))
    assert not heavy([torch.optim.Adam(large.parameters())])


class Moving(nn.Module):
    """A loss with a weight that is learned and a buffer that follows the outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.register_buffer("middle", torch.zeros(()))

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        self.middle += z.detach().mean()
        return (self.weight * z - t).square().mean()


def test_the_loss_learns_with_the_program_and_the_users_stays(net: Any, batches: Any) -> None:
    module, loss = net(4, 8, 1), Moving()
    optimizer = torch.optim.SGD([*module.parameters(), *loss.parameters()], lr=0.05)
    trial = run_trial((module, [optimizer]), loss, batches)
    assert (loss.weight.item(), loss.middle.item(), loss.weight.grad) == (1.0, 0.0, None)
    own = deepcopy((module, optimizer, loss))
    values = []
    for batch in batches:
        own[1].zero_grad()
        value = own[2](own[0](*batch.inputs), batch.target)
        value.backward()
        own[1].step()
        values.append(float(value.detach()))
    assert trial.losses == pytest.approx(values, rel=1e-5)


def test_a_program_of_ones_own_is_trained_itself(net: Any, adam: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    before = deepcopy(module.state_dict())
    trial = train((module, [adam(module)], SQUARES), batches)
    assert trial.module is module
    assert not torch.equal(module[0].weight, before["0.weight"])


def test_inputs_by_name(batches: Any) -> None:
    batch = Batch((Keywords(input2=batches[0].inputs[0], input1=2 * batches[0].inputs[0]),), batches[0].target)
    module = nn.Bilinear(4, 4, 1)
    x = batches[0].inputs[0]
    assert torch.equal(call(module, batch), module(2 * x, x))


# what can be changed


def changed(change: Any, module: nn.Module, optimizer: Any) -> tuple[nn.Module, Any]:
    module, optimizers = deepcopy((module, [optimizer]))
    change(module, optimizers)
    return module, optimizers[0]


def test_rates_times_a_factor(net: Any) -> None:
    module = net(4, 8, 1)
    groups = [
        {"params": module[0].parameters(), "lr": 0.5},
        {"params": module[2].parameters(), "lr": torch.tensor(0.2)},
    ]
    _, optimizer = changed(rate_times(0.1), module, torch.optim.SGD(groups))
    assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([0.05, 0.02])


def test_penalties_taken_out(net: Any) -> None:
    module = net(4, 1)
    _, optimizer = changed(no_decay, module, torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=0.5))
    assert optimizer.param_groups[0]["weight_decay"] == 0
    changed(no_decay, module, torch.optim.LBFGS(module.parameters()))  # it has none


def test_dropout_taken_out() -> None:
    module = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2), nn.Dropout2d(0.3), nn.AlphaDropout(0.1))
    copy, _ = changed(dropout_off, module, torch.optim.SGD(module.parameters(), lr=0.1))
    assert [part.p for part in copy if hasattr(part, "p")] == [0, 0, 0]
    assert module[0].p == 0.5


def test_weights_drawn_anew() -> None:
    module = nn.Sequential(nn.Linear(50, 50), nn.BatchNorm1d(50), nn.Sequential(nn.Conv1d(1, 2, 3)))
    for parameter in module.parameters():
        nn.init.constant_(parameter, 7.0)
    copy, _ = changed(default_start, module, torch.optim.SGD(module.parameters(), lr=0.1))
    assert float(copy[0].weight.detach().abs().max()) <= 50**-0.5 + 1e-6
    assert torch.equal(copy[1].weight.detach(), torch.ones(50))
    assert float(copy[2][0].weight.detach().abs().max()) < 1


def test_a_change_is_made_on_the_copy_alone(net: Any, batches: Any) -> None:
    module = net(4, 8, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    plain = run_trial((module, [optimizer]), SQUARES, batches)
    faster = run_trial((module, [optimizer]), SQUARES, batches, rate_times(2.0))
    assert faster.first["0.weight"] == pytest.approx(2 * plain.first["0.weight"], rel=1e-3)
    assert optimizer.param_groups[0]["lr"] == 0.05


def test_losses_of_several_numbers_are_summed(net: Any, adam: Any, batches: Any) -> None:
    module = net(4, 1)
    each: Any = nn.MSELoss(reduction="none")
    trial = run_trial((module, [adam(module)]), each, batches)
    with torch.no_grad():
        expected: Tensor = each(module(*batches[0].inputs), batches[0].target)
    assert trial.start == pytest.approx(float(expected.sum()), rel=1e-5)
