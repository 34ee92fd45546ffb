"""Schedules against torch's schedulers and their own equations; properties of all of them by discovery."""

from __future__ import annotations

import inspect
import itertools
import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import netwright.optim as nw_optim
from netwright.core import registry
from netwright.core.errors import InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.optim import (
    Schedule,
    cosine,
    cyclic_cosine,
    exponential_decay,
    halving,
    hold,
    inverse_time_decay,
    on_plateau,
    polynomial_decay,
    step_decay,
    warmup,
)

EPOCHS = 40
SCHEDULES = [
    cls
    for cls in (registry.look_up("schedule", name) for name in registry.names("schedule"))
    if cls.__module__.startswith("netwright.")
]

rates = st.floats(1e-8, 1e3)
shares = st.floats(0.01, 0.99)
decays = st.floats(0, 100)
spans = st.floats(0.01, 200)
counts = st.integers(1, 1000)
falling: dict[str, st.SearchStrategy[Schedule]] = {
    "step_decay": st.builds(step_decay, rates, counts, factor=shares),
    "halving": st.builds(halving, rates, counts),
    "exponential_decay": st.builds(exponential_decay, rates, decays),
    "inverse_time_decay": st.builds(inverse_time_decay, rates, decays),
    "polynomial_decay": rates.flatmap(
        lambda top: st.builds(polynomial_decay, st.just(top), st.floats(0, top), power=st.floats(0.1, 10))
    ),
    "cosine": rates.flatmap(lambda top: st.builds(cosine, st.just(top), st.floats(0, top))),
    "on_plateau": rates.flatmap(
        lambda top: st.builds(
            on_plateau,
            st.just(top),
            factor=shares,
            patience=st.integers(0, 5),
            threshold=st.floats(0, 0.5),
            minimum=st.floats(0, top),
        )
    ),
}
every: dict[str, st.SearchStrategy[Schedule]] = {
    **falling,
    "warmup": st.builds(warmup, rates | st.one_of(*falling.values()), spans, start=st.floats(0, 1)),
    "hold": st.builds(hold, rates | st.one_of(*falling.values()), rates, counts),
    "cyclic_cosine": rates.flatmap(lambda top: st.builds(cyclic_cosine, st.just(top), counts, st.floats(0, top))),
}
losses_of_a_run = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf]), max_size=30)
prudent = settings(derandomize=True, max_examples=60, deadline=None)


def oracle(scheduler: Any, initial: float, **options: Any) -> list[float]:
    """The rates of a torch scheduler at the epochs 0, 1, ..."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=initial)
    made = scheduler(optimizer, **options)
    found = []
    for _ in range(EPOCHS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (step_decay(0.1, every=7), oracle(torch.optim.lr_scheduler.StepLR, 0.1, step_size=7)),
        (step_decay(0.3, 4, factor=0.7), oracle(torch.optim.lr_scheduler.StepLR, 0.3, step_size=4, gamma=0.7)),
        (halving(0.1, every=5), oracle(torch.optim.lr_scheduler.StepLR, 0.1, step_size=5, gamma=0.5)),
        (exponential_decay(0.1, 0.2), oracle(torch.optim.lr_scheduler.ExponentialLR, 0.1, gamma=math.exp(-0.2))),
        (cosine(0.1), oracle(torch.optim.lr_scheduler.CosineAnnealingLR, 0.1, T_max=EPOCHS)),
        (cosine(0.1, 0.02), oracle(torch.optim.lr_scheduler.CosineAnnealingLR, 0.1, T_max=EPOCHS, eta_min=0.02)),
        (polynomial_decay(0.1), oracle(torch.optim.lr_scheduler.PolynomialLR, 0.1, total_iters=EPOCHS)),
        (
            polynomial_decay(0.1, power=2.5),
            oracle(torch.optim.lr_scheduler.PolynomialLR, 0.1, total_iters=EPOCHS, power=2.5),
        ),
        (
            inverse_time_decay(0.1, 0.3),
            oracle(torch.optim.lr_scheduler.LambdaLR, 0.1, lr_lambda=lambda epoch: 1 / (1 + 0.3 * epoch)),
        ),
        (
            cyclic_cosine(0.1, 4, 0.02),
            oracle(torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, 0.1, T_0=EPOCHS // 4, eta_min=0.02),
        ),
        (
            warmup(0.1, 6, start=0.25),
            oracle(torch.optim.lr_scheduler.LinearLR, 0.1, start_factor=0.25, total_iters=6),
        ),
    ],
    ids=lambda case: repr(case) if isinstance(case, Schedule) else "",
)
def test_as_torch_at_whole_epochs(schedule: Schedule, expected: list[float]) -> None:
    found = [schedule.rate(epoch, EPOCHS) for epoch in range(EPOCHS)]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-16)


def test_warmup_then_its_schedule_as_torchs_sequence() -> None:
    def sequence(optimizer: torch.optim.Optimizer) -> Any:
        parts = [
            torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5),
            torch.optim.lr_scheduler.StepLR(optimizer, step_size=10),
        ]
        return torch.optim.lr_scheduler.SequentialLR(optimizer, parts, milestones=[5])

    schedule = warmup(step_decay(0.2, every=10), epochs=5, start=0.1)
    found = [schedule.rate(epoch, EPOCHS) for epoch in range(EPOCHS)]
    assert found == pytest.approx(oracle(sequence, 0.2), rel=1e-9)


@prudent
@given(
    st.lists(st.floats(0.01, 10), max_size=40),
    shares,
    st.integers(0, 4),
    st.sampled_from([0.0, 1e-4, 0.05]),
    st.sampled_from([0.0, 0.01]),
)
def test_on_plateau_as_torch_after_every_epoch(
    losses: list[float], factor: float, patience: int, threshold: float, minimum: float
) -> None:
    schedule = on_plateau(0.5, factor=factor, patience=patience, threshold=threshold, minimum=minimum)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=threshold, min_lr=minimum, eps=0
    )
    assert schedule.rate(0, 50, []) == 0.5
    for done, loss in enumerate(losses, start=1):
        scheduler.step(loss)
        assert schedule.rate(done, 50, losses[:done]) == optimizer.param_groups[0]["lr"]


def test_on_plateau_at_odd_losses() -> None:
    schedule = on_plateau(1.0, patience=0, threshold=0.1)
    assert schedule.rate(2, 9, [-1.0, -1.05]) == 0.5  # a fall of less than a tenth is no progress
    assert schedule.rate(2, 9, [-1.0, -1.2]) == 1.0
    assert schedule.rate(2, 9, [math.nan, math.inf]) == 0.25
    assert schedule.rate(2, 9, [math.inf, 3.0]) == 0.5
    assert schedule.rate(2, 9, [2.0, -math.inf]) == 0.5
    assert schedule.rate(2, 9, torch.tensor([2.0, 1.0]).tolist()) == 1.0


def test_warmup_hands_its_schedule_only_what_comes_after_it() -> None:
    schedule = warmup(on_plateau(0.1, patience=0), epochs=2.5)
    assert schedule.rate(4, 20, [5.0, 5.0, 5.0, 5.0]) == pytest.approx(0.1)  # the loss of one epoch alone
    assert schedule.rate(5, 20, [5.0, 5.0, 5.0, 5.0, 5.0]) == pytest.approx(0.05)
    assert warmup(cosine(0.1), epochs=5).rate(15, 25) == pytest.approx(0.05)
    assert warmup(cosine(0.1), epochs=5).rate(2, 3) == pytest.approx(0.1 * (0.001 + 0.999 * 0.4))
    assert warmup(warmup(0.1, 4, start=0), 4, start=0.5).rate(6, 20) == pytest.approx(0.05)


def test_every_schedule_of_the_library_is_drawn() -> None:
    assert {cls.__name__ for cls in SCHEDULES} == set(every)


@pytest.mark.parametrize("name", sorted(every))
def test_a_schedule_is_a_pure_finite_rate_and_a_value(name: str) -> None:
    @prudent
    @given(every[name], st.floats(0, 300), st.integers(1, 300), losses_of_a_run)
    def holds(schedule: Schedule, epoch: float, total: int, losses: list[float]) -> None:
        given_losses = list(losses)
        rate = schedule.rate(epoch, total, losses)
        assert type(rate) is float
        assert 0 <= rate < math.inf
        schedule.rate(epoch / 2, total, [])
        assert schedule.rate(epoch, total, tuple(losses)) == rate  # whatever was asked between
        assert str(losses) == str(given_losses)
        if not schedule.every_step:
            assert schedule.rate(math.floor(epoch), total, losses) == rate
        assert eval(repr(schedule), {**vars(nw_optim)}) == schedule
        assert from_json(json.loads(json.dumps(to_json(schedule)))) == schedule

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(falling))
def test_a_decay_begins_at_its_first_rate_and_never_rises(name: str) -> None:
    @prudent
    @given(falling[name], st.lists(st.floats(0, 100), min_size=2, max_size=8), losses_of_a_run)
    def holds(schedule: Schedule, epochs: list[float], losses: list[float]) -> None:
        assert schedule.rate(0, 100) == pytest.approx(schedule.initial, rel=1e-12)
        path = [schedule.rate(epoch, 100, losses) for epoch in sorted(epochs)]
        assert all(later <= earlier * (1 + 1e-12) for earlier, later in itertools.pairwise(path))
        by_losses = [schedule.rate(50, 100, losses[:done]) for done in range(len(losses) + 1)]
        assert all(later <= earlier for earlier, later in itertools.pairwise(by_losses))

    holds()


@prudent
@given(every["warmup"], st.integers(1, 300))
def test_a_warmup_rises_to_the_first_rate_without_a_jump(schedule: Any, total: int) -> None:
    inner = schedule.schedule
    peak = inner.rate(0, total) if isinstance(inner, Schedule) else inner
    path = [schedule.rate(schedule.epochs * share, total) for share in (0, 0.25, 0.5, 0.75, 1 - 1e-12)]
    assert path == pytest.approx(sorted(path), rel=1e-12)
    assert path[0] == pytest.approx(peak * schedule.start, rel=1e-9, abs=1e-300)
    assert path[-1] == pytest.approx(peak, rel=1e-9)
    assert schedule.rate(schedule.epochs, total) == pytest.approx(peak, rel=1e-9)


@pytest.mark.parametrize("schedule", [polynomial_decay(0.1, 0.01), cosine(0.1, 0.01)])
def test_a_decay_over_the_run_ends_at_its_last_rate_and_stays(schedule: Schedule) -> None:
    assert schedule.rate(10, 10) == pytest.approx(0.01)
    assert schedule.rate(25, 10) == pytest.approx(0.01)


@pytest.mark.parametrize("cls", SCHEDULES, ids=lambda cls: cls.__name__)
def test_is_final_and_documented(cls: type[Schedule]) -> None:
    assert cls.__final__
    assert cls.__bases__ == (Schedule,)
    assert isinstance(cls.every_step, bool)
    text = inspect.getdoc(cls) or ""
    assert all(f"\n{name} : " in text for name in cls.constraints)
    assert all(part in text for part in ("Parameters\n", "Examples\n", "References\n", ">>>"))


@pytest.mark.parametrize("epoch", [-1, -1e-9, math.nan, math.inf])
def test_an_epoch_that_cannot_be(epoch: float) -> None:
    with pytest.raises(
        InvalidParameter, match=r"cosine.rate\(epoch\): expected a number in \[0, inf\), got .* Count from"
    ):
        cosine(0.1).rate(epoch, 10)


@pytest.mark.parametrize("total", [0, -3, math.nan, math.inf])
def test_a_total_that_cannot_be(total: float) -> None:
    with pytest.raises(
        InvalidParameter, match=r"halving.rate\(total\): expected a number in \(0, inf\), got .* Give all"
    ):
        halving(0.1, every=2).rate(1, total)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step_decay(0, every=10), r"step_decay\(initial\): expected a number in \(0, inf\), got 0"),
        (lambda: step_decay(0.1, every=0), r"step_decay\(every\): expected an integer >= 1, got 0"),
        (lambda: step_decay(0.1, every=2.5), r"step_decay\(every\): expected an integer >= 1, got 2.5"),
        (lambda: step_decay(0.1, every=10, factor=1), r"step_decay\(factor\): expected a number in \(0, 1\), got 1"),
        (lambda: halving(math.nan, every=1), r"halving\(initial\): expected a number in \(0, inf\), got nan"),
        (lambda: halving(0.1, every=-1), r"halving\(every\): expected an integer >= 1, got -1"),
        (lambda: exponential_decay(0.1, -1), r"exponential_decay\(decay\): expected a number in \[0, inf\), got -1"),
        (lambda: inverse_time_decay(0.1, -1), r"inverse_time_decay\(decay\): expected a number in \[0, inf\), got -1"),
        (lambda: polynomial_decay(0.1, -1), r"polynomial_decay\(final\): expected a number in \[0, inf\), got -1"),
        (lambda: polynomial_decay(0.1, power=0), r"polynomial_decay\(power\): expected a number in \(0, inf\), got 0"),
        (
            lambda: polynomial_decay(0.1, 1),
            r"polynomial_decay\(final\): expected a .*\[0, initial = 0.1\], got 1. Swap",
        ),
        (
            lambda: cosine(0.1, 0.2),
            r"cosine\(final\): expected a number in \[0, initial = 0.1\], got 0.2. Swap the two",
        ),
        (
            lambda: warmup("fast", 5),
            r"warmup\(schedule\): expected a .* or a schedule such as cosine\(0.1\), got 'fast'",
        ),
        (lambda: warmup(0.1, 0), r"warmup\(epochs\): expected a number in \(0, inf\), got 0"),
        (lambda: warmup(0.1, 5, start=2), r"warmup\(start\): expected a number in \[0, 1\], got 2"),
        (lambda: on_plateau(0.1, factor=1.5), r"on_plateau\(factor\): expected a number in \(0, 1\), got 1.5"),
        (lambda: on_plateau(0.1, patience=-1), r"on_plateau\(patience\): expected an integer >= 0, got -1"),
        (lambda: on_plateau(0.1, threshold=-1), r"on_plateau\(threshold\): expected a number in \[0, inf\), got -1"),
        (lambda: on_plateau(0.1, minimum=1), r"on_plateau\(minimum\): expected a .*\[0, initial = 0.1\], got 1. Swap"),
        (lambda: cyclic_cosine(0.1, 0), r"cyclic_cosine\(cycles\): expected an integer >= 1, got 0"),
        (lambda: cyclic_cosine(0.1, 2, 1), r"cyclic_cosine\(final\): expected a .*\[0, initial = 0.1\], got 1. Swap"),
        (lambda: hold(0.1, 0, 5), r"hold\(rate_held\): expected a number in \(0, inf\), got 0"),
        (lambda: cosine(0.1, last=1), r"cosine: expected one of its options, got 'last'"),
    ],
)
def test_an_option_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make()
