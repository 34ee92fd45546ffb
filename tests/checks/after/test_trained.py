"""What a trained program answers, by hand; `check(trained=True)` as a whole: what it asks, and what it leaves alone."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

import netwright as nw
from netwright.checks.after.trained import Gap
from netwright.checks.checking import AFTER, STAGES, check
from netwright.checks.finding import STAGES as NAMES

CROSS, LOGITS, SQUARES, ABSOLUTE = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss(), nn.L1Loss()


class Fixed(nn.Module):
    """Answers that stand in the last columns of the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.scale = width, nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, -self.width :] * self.scale


# figures by hand


def test_errors_of_classes(train: Any, draw: Any) -> None:
    X = torch.zeros(80, 3)
    X[:, 0] = 1.0  # the answer is 0 for every row
    y = torch.tensor([0, 1, 2, 0] * 20)
    context = train(Fixed(3), CROSS, (X, y), epochs=0).context()
    assert context.task == "classes"
    assert context.score == "accuracy"
    assert context.quality(context.learned, context.learned.answers) == pytest.approx(0.5)


def test_errors_of_numbers(train: Any, draw: Any) -> None:
    y = draw(100, 1)
    X = torch.cat([draw(100, 3), y + 0.5 * draw(100, 1)], 1)
    part = train(Fixed(1), SQUARES, (X, y), epochs=0).context()
    wanted = 1 - float((X[:, 3:] - y).square().mean() / (y - y.mean()).square().mean())
    assert part.quality(part.learned, part.learned.answers) == pytest.approx(wanted, abs=1e-5)
    part = train(Fixed(1), ABSOLUTE, (X, y), epochs=0).context()
    wanted = 1 - float((X[:, 3:] - y).abs().mean() / (y - y.median()).abs().mean())
    assert part.quality(part.learned, part.learned.answers) == pytest.approx(wanted, abs=1e-5)


def test_the_gap_is_that_of_pairs(train: Any, draw: Any) -> None:
    y = torch.arange(100) % 2
    own = torch.nn.functional.one_hot(y, 2).float()
    own[:20] = own[:20].flip(1)  # 20 mistakes
    rival = torch.nn.functional.one_hot(y, 2).double()
    rival[:5] = rival[:5].flip(1)  # 5 of them too
    context = train(Fixed(2), CROSS, (own, y), epochs=0).context()
    gap = context.behind(context.learned, rival)
    assert gap.mean == pytest.approx(0.15)
    assert gap.error == pytest.approx((0.15 * 0.85 / 100) ** 0.5, rel=0.05)
    assert gap.above(0.1)
    assert not gap.above(0.2)
    assert not Gap(0.3, 0.11).above(0.1)


def test_the_balanced_gap_counts_where_it_is_less(train: Any) -> None:
    """A rival that gives the rare class up has more rows right and is no better."""
    y = torch.tensor([0] * 180 + [1] * 20)
    own = torch.nn.functional.one_hot(y, 2).float()
    own[:40] = own[:40].flip(1)
    context = train(Fixed(2), CROSS, (own, y), epochs=0).context()
    common = torch.tensor([[1.0, 0.0]]).expand(200, 2).double()
    assert context.behind(context.learned, common).mean < 0


@pytest.mark.parametrize(
    ("last", "question", "wide"),
    [(nn.Identity(), CROSS, True), (nn.LogSoftmax(1), nn.NLLLoss(), True), (nn.Sigmoid(), nn.BCELoss(), False)],
    ids=["logits", "logarithms", "one probability"],
)
def test_answers_are_logits_whatever_the_output(last: Any, question: Any, wide: bool, train: Any, draw: Any) -> None:
    X, y = draw(80, 4), torch.arange(80) % 2
    head = nn.Linear(4, 2 if wide else 1)
    module = nn.Sequential(head, last)
    context = train(module, question, (X, y if wide else y[:, None].float()), epochs=0).context()
    with torch.no_grad():
        z = head(X).double()
    p = z.softmax(1) if wide else torch.cat([1 - z.sigmoid(), z.sigmoid()], 1)
    assert torch.allclose(context.learned.answers.softmax(1), p, atol=1e-6)
    assert context.likelihood


def test_columns_have_the_scale_of_the_training_rows(train: Any, net: Any, draw: Any) -> None:
    X, Xh = 5 + 100 * draw(200, 3), 7 + 100 * draw(100, 3)
    context = train(net(3, 2), CROSS, (X, torch.arange(200) % 2), (Xh, torch.arange(100) % 2), epochs=0).context()
    assert torch.allclose(context.learned.X.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-6)
    expected = (Xh.double() - X.double().mean(0)) / X.double().std(0, correction=0)
    assert torch.allclose(context.held_out.X, expected, atol=1e-5)


def test_labels_that_the_loss_leaves_out(train: Any, net: Any, draw: Any) -> None:
    y = torch.arange(200) % 2
    y[:50] = -100
    context = train(net(3, 2), CROSS, (draw(200, 3), y), epochs=0).context()
    assert len(context.learned) == 150
    assert context.learned.numbers.tolist() == list(range(50, 200))


@pytest.mark.parametrize("rows", [10, 59])
def test_few_held_out_rows_judge_nothing(rows: int, train: Any, net: Any, draw: Any) -> None:
    held = (draw(rows, 3), torch.arange(rows) % 2)
    context = train(net(3, 2), CROSS, (draw(200, 3), torch.arange(200) % 2), held, epochs=0).context()
    assert context.held_out is None
    assert context.judged is context.learned


def test_two_outputs_and_sequences_are_left_alone(train: Any, net: Any, formula: Any, draw: Any) -> None:
    def both(z: Any, t: Any) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(z[0], t) + z[1].square().mean()

    module = formula(lambda m, x: (m.a(x), m.b(x)), a=nn.Linear(3, 2), b=nn.Linear(3, 1))
    X, y = draw(100, 3), torch.arange(100) % 2
    assert train(module, both, (X, y), epochs=0).context().task == ""
    module = formula(lambda m, x: m.a(x).transpose(1, 2), a=nn.Linear(3, 2))
    X, y = draw(100, 6, 3), torch.arange(600).reshape(100, 6) % 2
    assert train(module, CROSS, (X, y), epochs=0).context().task == ""


# check(trained=True)


def test_the_questions_are_those_to_the_data_and_those_after_training() -> None:
    stages = [stage for stage, _ in AFTER]
    assert set(stages) == {"data", "after"}
    assert [NAMES.index(stage) for stage in stages] == sorted(NAMES.index(stage) for stage in stages)
    before = {question for stage, questions in STAGES for question in questions if stage == "data"}
    after = {question for stage, questions in AFTER for question in questions if stage == "data"}
    assert before < after
    assert not [q for stage, qs in AFTER for q in qs if stage == "after" and not q.__doc__]


def test_nothing_is_asked_about_the_start(train: Any, net: Any, halves: Any) -> None:
    """A rate that would throw the weights away is no matter once they are there."""
    data, held = halves("load_digits")
    program = train(net(64, 32, 10), CROSS, data, held, epochs=8)
    wild = torch.optim.Adam(program.module.parameters(), 30.0)
    before = check(program.module, CROSS, wild, data, validation=held)
    after = check(program.module, CROSS, wild, data, validation=held, trained=True)
    assert before.codes[0] == "lr-too-high"
    assert after.ok
    assert not {signal.code for signal in after.signals.values()} & {"init-scale", "lr-too-high", "lr-too-low"}


def test_a_fault_of_the_data_comes_first(train: Any, net: Any, halves: Any) -> None:
    (X, y), held = halves("load_wine")
    program = train(net(13, 16, 3), CROSS, (X, y), held, epochs=0)
    X = X.clone()
    X[3, 2] = float("nan")
    found = check(program.module, CROSS, program.optimizer, (X, y), validation=held, trained=True)
    assert found.codes == ("non-finite-data",)


def test_what_it_finds_has_its_stage(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_digits")
    program = train(net(64, 32, 10), CROSS, data, held, epochs=1, lr=1e-4)
    found = nw.check(program.module, CROSS, program.optimizer, data, validation=held, trained=True)
    assert found.codes == ("underfitting",)
    assert found.faults[0].stage == "after"
    assert found.to_dict()["findings"][0]["stage"] == "after"


def test_nothing_of_the_user_s_is_changed(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_digits")
    program = train(net(64, 32, 10), CROSS, data, held, epochs=1, size=len(data[0]))
    module = program.module.train()
    before = deepcopy(module.state_dict()), deepcopy(program.optimizer.state_dict()), torch.get_rng_state()
    rows = [each.clone() for each in (*data, *held)]
    nw.check(module, CROSS, program.optimizer, data, validation=held, batch_size=len(data[0]), trained=True)
    assert all(map(torch.equal, before[0].values(), module.state_dict().values()))
    assert str(before[1]) == str(program.optimizer.state_dict())
    assert torch.equal(before[2], torch.get_rng_state())
    assert all(map(torch.equal, rows, (*data, *held)))
    assert module.training


def test_it_says_the_same_twice(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_digits")
    program = train(net(64, 32, 10), CROSS, data, held, epochs=2, lr=1e-3)
    first, second = (
        nw.check(program.module, CROSS, program.optimizer, data, validation=held, trained=True) for _ in range(2)
    )
    assert first.to_json() == second.to_json()


def test_without_an_optimizer_and_in_train_mode(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_digits")
    module = nn.Sequential(nn.Dropout(0.2), net(64, 32, 10))
    program = train(module, CROSS, data, held, epochs=10)
    found = nw.check(program.module.train(), CROSS, None, data, validation=held, trained=True)
    assert found.ok
    assert "not-examined" not in [each.code for each in found.findings]
