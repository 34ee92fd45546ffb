"""Questions to the curves of a run; each fault with its healthy twin."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks import watch
from netwright.checks.during.curves import (
    carries_over,
    failed,
    one_answer,
    overfits,
    statistics_fit,
    unfinished,
)

CROSS = nn.CrossEntropyLoss()
SGD, Adam = torch.optim.SGD, torch.optim.Adam


def told(module: nn.Module, X: Tensor, y: Tensor, loss: Any = CROSS) -> Any:
    """A validation after each epoch, told with its loss and accuracy."""

    def tell(watching: Any) -> None:
        module.eval()
        with torch.no_grad():
            output = module(X)
            watching.validation(loss=loss(output, y), score=(output.argmax(1) == y).float().mean())
        module.train()

    return tell


# overfitting


@pytest.mark.parametrize("epochs", [60, 6])
def test_a_held_out_loss_that_turns_up(epochs: int, train: Any, found: Any, net: Any, draw: Any) -> None:
    X = draw(500, 6)
    y = (X[:, 0] + draw(500) > 0).long()
    module = net(6, 128, 2)
    optimizer = Adam(module.parameters(), lr=1e-2)
    tell = told(module, X[60:], y[60:])
    watching = train(module, optimizer, (X[:60], y[:60]), epochs=epochs, size=10, each_epoch=tell)
    seen = found(overfits, watching)
    assert [each.code for each in seen] == (["overfitting"] if epochs == 60 else [])
    if seen:
        best = seen[0].evidence["best_epoch"]
        assert seen[0].remedy.value == best < 20
        assert seen[0].evidence["train"] < 0.5 * seen[0].evidence["last"]
        assert f"Stop at epoch {best}" in seen[0].do


def test_a_held_out_loss_that_only_wavers(found: Any, train: Any, net: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    watching = train(module, SGD(module.parameters(), lr=0.3), rows(), epochs=20)
    steps = [watching.tape.steps * (k + 1) // 20 for k in range(20)]
    for k, step in enumerate(steps):
        watching.tape.steps = step
        watching.validation(loss=0.4 + 0.2 * math.sin(5 * k), score=0.8)
    assert not found(overfits, watching)


# stopped


@pytest.mark.parametrize("epochs", [4, 60])
def test_a_run_that_stops_while_it_learns(epochs: int, train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 32, 3)
    watching = train(module, SGD(module.parameters(), lr=0.2), rows(), epochs=epochs)
    seen = found(unfinished, watching)
    assert [(each.code, each.level) for each in seen] == ([("too-few-epochs", "fault")] if epochs == 4 else [])
    if seen:
        assert seen[0].evidence["continued"] < 0.85 * seen[0].evidence["last"]
        assert seen[0].remedy.argument == "steps"


@pytest.mark.parametrize("held", ["more", "unrelated"])
def test_a_run_that_stops_while_it_learns_and_rows_held_out(
    held: str, train: Any, found: Any, net: Any, rows: Any
) -> None:
    """It is a fault where further steps answer many more of the rows held out, and a note where they do not."""
    X, _ = rows(720)
    y = (X[:, :3] > 0).long() @ torch.tensor([1, 2, 4])
    module, yv = net(6, 32, 8), y[320:] if held == "more" else y[320:].roll(7)

    def look(watching: Any) -> None:
        module.eval()
        with torch.no_grad():
            CROSS(module(X[320:]), yv)
        module.train()

    watching = train(module, Adam(module.parameters(), lr=3e-3), (X[:320], y[:320]), epochs=4, each_epoch=look)
    assert [each.level for each in found(unfinished, watching)] == ["fault" if held == "more" else "note"]


# labels


@pytest.mark.parametrize("shuffled", [True, False])
def test_what_is_memorised_does_not_carry_over(shuffled: bool, train: Any, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(500)
    if shuffled:
        y = y[torch.randperm(500, generator=torch.Generator().manual_seed(2))]
    module = net(6, 128, 3)
    tell = told(module, X[200:], y[200:])
    watching = train(module, Adam(module.parameters(), lr=1e-2), (X[:200], y[:200]), epochs=12, each_epoch=tell)
    seen = found(carries_over, watching)
    assert [each.code for each in seen] == (["labels-unrelated"] if shuffled else [])
    assert not seen or "carry over" not in seen[0].seen  # which is said once, as the reason
    assert not seen or "best constant answer" in seen[0].seen


def in_per_cent(tell: Any, X: Tensor, y: Tensor) -> Any:
    return 100 * (tell(X).argmax(1) != y).float().mean() / 20


def not_divided(tell: Any, X: Tensor, y: Tensor) -> Any:
    return sum(CROSS(tell(X[part]), y[part]) for part in torch.arange(len(y)).split(50))


@pytest.mark.parametrize("value", [in_per_cent, not_divided, "sum", "score", "outputs"])
def test_held_out_losses_that_cannot_be_compared_or_scores_that_are_good(
    value: Any, train: Any, found: Any, net: Any, rows: Any
) -> None:
    """The labels are shuffled, so that all else would make the finding."""
    X, y = rows(500)
    y = y[torch.randperm(500, generator=torch.Generator().manual_seed(2))]
    module, held = net(6, 128, 3), slice(200, 500)
    loss = nn.CrossEntropyLoss(reduction="sum") if value == "sum" else CROSS

    def tell(watching: Any) -> None:
        with torch.no_grad():
            output = module(X[held])
            told = value(module, X[held], y[held]) if callable(value) else loss(output, y[held])
            watching.validation(
                loss=told * (32 / 300 if value == "sum" else 1), score=0.6 if value == "score" else None
            )
        if value == "outputs" and watching.tape.held_outputs:
            right = nn.functional.one_hot(watching.tape.held_batches[-1].target, 3).float()
            watching.tape.held_outputs[-1] = right

    optimizer = Adam(module.parameters(), lr=1e-2 if value != "sum" else 3e-3)
    watching = train(module, optimizer, (X[:200], y[:200]), loss, epochs=12, each_epoch=tell)
    assert not found(carries_over, watching)


@pytest.mark.parametrize(("first", "fall"), [(1.3, 0.002), (2.0, 0.05)], ids=["a little", "from far above guessing"])
def test_a_held_out_loss_that_still_falls_carries_over(
    first: float, fall: float, train: Any, found: Any, net: Any, rows: Any
) -> None:
    """A few held-out rows may be harder than all of training, so that their loss is never below that of guessing."""
    module = net(6, 128, 3)
    watching = train(module, Adam(module.parameters(), lr=1e-2), rows(200), epochs=12)
    steps = [watching.tape.steps * (k + 1) // 12 for k in range(12)]
    for k, step in enumerate(steps):
        watching.tape.steps = step
        watching.validation(loss=first - fall * k)
    assert not found(carries_over, watching)


# one answer


@pytest.mark.parametrize("silent", [True, False])
def test_one_answer_for_all_rows(silent: bool, train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    if silent:
        nn.init.zeros_(module[2].weight)
    optimizer = SGD([module[2].bias] if silent else module.parameters(), lr=0.1)
    watching = train(module, optimizer, rows(), epochs=8)
    assert [each.code for each in found(one_answer, watching)] == (["collapse"] if silent else [])


# statistics


@pytest.mark.parametrize("momentum", [1e-4, 0.1])
def test_statistics_that_lag_behind(momentum: float, train: Any, found: Any, rows: Any) -> None:
    X, y = rows(320)
    parts = [nn.Linear(6, 24), nn.BatchNorm1d(24, momentum=momentum), nn.ReLU(), nn.Linear(24, 3)]
    module = nn.Sequential(*parts)
    watching = train(module, Adam(module.parameters(), lr=1e-2), (4 * X + 3, y), epochs=8)
    seen = found(statistics_fit, watching)
    assert [(each.code, each.level) for each in seen] == ([("stale-batch-norm", "fault")] if momentum < 0.1 else [])
    if seen:
        assert seen[0].evidence["eval"] > 2 * seen[0].evidence["train"]
        assert seen[0].remedy.value == 0.1


def test_statistics_of_a_network_whose_loss_is_no_number(train: Any, found: Any, rows: Any) -> None:
    X, y = rows(320)
    module = nn.Sequential(nn.Linear(6, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 3))

    def loss(z: Tensor, t: Tensor) -> Tensor:
        return CROSS(z, t) if module.training else CROSS(z, t) * math.nan

    watching = train(module, Adam(module.parameters(), lr=1e-2), (X, y), loss, epochs=8)
    module.eval()
    assert not found(statistics_fit, watching)


# runs that went badly


def test_a_run_that_learned_nothing_has_failed(train: Any, net: Any, rows: Any) -> None:
    for rate, bad in ((0.0, True), (0.2, False)):
        module = net(6, 24, 3)
        watching = train(module, SGD(module.parameters(), lr=rate), rows(), epochs=15)
        assert failed(watching._watched) == bad


def test_a_run_without_losses_has_not(net: Any, adam: Any) -> None:
    module = net(6, 24, 3)
    with watch(module, adam(module), CROSS) as watching:
        pass
    assert not failed(watching._watched)
    assert watching.diagnosis.ok


def test_of_a_run_that_failed_the_beginning_is_examined(train: Any, rows: Any) -> None:
    module = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3), nn.Softmax(1))
    watching = train(module, SGD(module.parameters(), lr=0.05), rows(), epochs=4)
    assert watching.diagnosis.codes[0] == "double-softmax"


class Whiten(nn.Module):
    """A batch normalisation by hand."""

    def __init__(self, width: int, keep: float) -> None:
        super().__init__()
        self.keep = keep
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return (x - self.mean) / (self.variance + 1e-5).sqrt()
        mean, variance = x.mean(0), x.var(0)
        with torch.no_grad():
            self.mean.lerp_(mean, 1 - self.keep)
            self.variance.lerp_(variance, 1 - self.keep)
        return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize("keep", [0.9, 0.9999])
def test_statistics_of_a_layer_by_hand(keep: float, train: Any, found: Any, rows: Any) -> None:
    X, y = rows(320)
    module = nn.Sequential(nn.Linear(6, 24), Whiten(24, keep), nn.ReLU(), nn.Dropout(0.5), nn.Linear(24, 3))
    watching = train(module, Adam(module.parameters(), lr=1e-2), (4 * X + 3, y), epochs=8)
    seen = found(statistics_fit, watching)
    assert [(each.code, each.level) for each in seen] == ([("stale-batch-norm", "fault")] if keep > 0.9 else [])
    if seen:
        assert (seen[0].evidence["layers"], seen[0].remedy) == (["1"], None)


def test_a_run_of_a_few_steps_is_continued(train: Any, the: Any, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 24, 3)
    seen = the(unfinished, train(module, Adam(module.parameters(), lr=5e-3), (X, y), epochs=6))
    assert (seen.code, seen.level) == ("too-few-epochs", "fault")
    assert seen.evidence["continued"] < 0.5 * seen.evidence["last"]
    module = net(6, 24, 3)  # a few steps of a rule that needs no more
    rule = torch.optim.LBFGS(module.parameters(), line_search_fn="strong_wolfe")
    with watch(module, rule, CROSS) as watching:
        for _ in range(12):

            def closure() -> Tensor:
                rule.zero_grad()
                value: Tensor = CROSS(module(X), y)
                value.backward()
                return value

            rule.step(closure)
    assert not found(unfinished, watching)
