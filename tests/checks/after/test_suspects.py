"""Wrong labels: the rule by hand, how many of the rows that are named are wrong, silence on classes that overlap."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.after.suspects import suspicious, wrong_labels
from netwright.checks.after.trained import Trained
from netwright.checks.checking import check
from netwright.checks.context import Intent
from netwright.checks.reading import read

CROSS = nn.CrossEntropyLoss()
PRECISION = 0.9  # of the rows that are named, on digits with 3 % of wrong labels


# the rule


def test_the_rule_by_hand() -> None:
    p = torch.tensor([[0.95, 0.05], [0.9, 0.1], [0.85, 0.15], [0.05, 0.95], [0.1, 0.9], [0.06, 0.94], [0.3, 0.7]])
    labels = torch.tensor([0, 0, 1, 1, 1, 0, 0])
    # thresholds: class 0 (0.95 + 0.9 + 0.06 + 0.3) / 4 = 0.5525, class 1 (0.15 + 0.95 + 0.9) / 3 = 0.667
    # the last row is above that, but not sure enough
    assert suspicious(p, labels) == {5: 1, 2: 0}


def test_the_worst_comes_first() -> None:
    p = torch.tensor([[0.99, 0.01], [0.92, 0.08], [0.95, 0.05], [0.1, 0.9], [0.1, 0.9]])
    assert list(suspicious(p, torch.tensor([1, 1, 1, 1, 1]))) == []  # class 0 has no rows: nobody knows it
    assert list(suspicious(p, torch.tensor([0, 1, 1, 1, 1]))) == []  # or one
    p = torch.cat([p, torch.tensor([[0.88, 0.12]] * 4)])
    assert list(suspicious(p, torch.tensor([0, 1, 1, 1, 1, 0, 0, 0, 0]))) == [2, 1]


# precision


def rightly_named(found: Any, labels: Any, true: Any, wrong: set[int]) -> tuple[int, int]:
    """How many of the rows of a finding have a wrong label, and how many there are."""
    rows, suggested = found.evidence["rows"], found.evidence["suggested"]
    assert 2 <= len(rows) <= 20
    assert found.where.row == rows[0]
    assert str(rows[0]) in found.do
    assert [int(labels[row]) for row in rows] == found.evidence["given"]
    assert all(0.8 <= p <= 1 for p in found.evidence["probability"])
    known = [int(true[row]) == other for row, other in zip(rows, suggested, strict=True) if row in wrong]
    assert sum(known) >= 0.8 * len(known)
    return len(known), len(rows)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "epochs"), [(64, 30), (32, 6)], ids=["by heart", "short"])
def test_digits_with_three_per_cent_of_wrong_labels(
    width: int, epochs: int, train: Any, net: Any, halves: Any, flipped: Any
) -> None:
    (X, y), (Xh, yh) = halves("load_digits")
    counts = torch.zeros(2)
    for seed in range(3):
        (noisy, wrong), (noisy_held, wrong_held) = flipped(y, 0.03, seed), flipped(yh, 0.03, seed + 100)
        program = train(net(64, width, 10), CROSS, (X, noisy), (Xh, noisy_held), epochs=epochs)
        found = program.asked(wrong_labels)
        assert {(each.code, each.level) for each in found} == {("noisy-labels", "note")}
        for each in found:
            held = "held-out" in each.evidence["of"]
            rows = (noisy_held, yh, wrong_held) if held else (noisy, y, wrong)
            counts += torch.tensor(rightly_named(each, *rows))
    assert counts[1] >= 40
    assert counts[0] >= PRECISION * counts[1]


def test_a_part_of_the_wrong_labels_is_found(train: Any, net: Any, halves: Any, flipped: Any) -> None:
    (X, y), _ = halves("load_digits")
    noisy, wrong = flipped(y[:900], 0.03)
    program = train(net(64, 32, 10), CROSS, (X[:900], noisy), epochs=6)
    (found,) = program.asked(wrong_labels)
    assert found.evidence["suspicious"] >= 0.4 * len(wrong)


def test_many_wrong_labels_are_a_fault(train: Any, net: Any, halves: Any, flipped: Any) -> None:
    (X, y), _ = halves("load_digits")
    noisy, _ = flipped(y, 0.25)
    program = train(net(64, 32, 10), CROSS, (X, noisy), epochs=6)
    (found,) = program.asked(wrong_labels)
    assert (found.code, found.level) == ("noisy-labels", "fault")


def test_the_numbers_are_those_of_the_user(train: Any, net: Any, halves: Any, flipped: Any) -> None:
    (X, y), _ = halves("load_digits")
    noisy, wrong = flipped(y, 0.03)
    program = train(net(64, 32, 10), CROSS, (X, noisy), epochs=6)
    context = program.context()
    context.data.numbers = torch.arange(len(X)) + 5000
    (found,) = list(wrong_labels(context))
    assert min(found.evidence["rows"]) >= 5000
    assert sum(row - 5000 in wrong for row in found.evidence["rows"]) >= PRECISION * len(found.evidence["rows"])


# silence


def test_clean_digits(train: Any, net: Any, halves: Any) -> None:
    for epochs in (3, 15):
        program = train(net(64, 32, 10), CROSS, *halves("load_digits"), epochs=epochs)
        assert program.asked(wrong_labels) == []


@pytest.mark.parametrize(
    "task",
    [
        {"name": "make_blobs", "n_samples": 1200, "n_features": 2, "centers": 5, "cluster_std": 2.5},
        {"name": "make_moons", "n_samples": 1200, "noise": 0.35},
        {"name": "make_classification", "n_samples": 1200, "n_informative": 8, "n_classes": 4, "flip_y": 0.0},
    ],
    ids=["blobs", "moons", "four classes"],
)
def test_classes_that_overlap(task: dict[str, Any], train: Any, net: Any, halves: Any) -> None:
    data, held = halves(**task)
    program = train(net(data[0].shape[1], 32, int(data[1].max()) + 1), CROSS, data, held, epochs=15)
    assert program.asked(wrong_labels) == []


def test_a_loader_that_shuffles_has_no_numbers_of_rows(train: Any, net: Any, halves: Any, flipped: Any) -> None:
    (X, y), _ = halves("load_digits")
    noisy, _ = flipped(y, 0.03)
    program = train(net(64, 32, 10), CROSS, (X, noisy), epochs=6)
    for shuffle, count in ((True, 0), (False, 1)):
        loader = DataLoader(TensorDataset(X, noisy), batch_size=32, shuffle=shuffle)
        material = read(loader, None, torch.float32)
        context = Trained(program.module, [], CROSS, material, None, Intent())
        assert len(list(wrong_labels(context))) == count


def test_numbers_and_few_rows(train: Any, net: Any, halves: Any) -> None:
    assert train(net(10, 8, 1), nn.MSELoss(), *halves("load_diabetes"), epochs=1).asked(wrong_labels) == []
    (X, y), _ = halves("load_wine", share=0.5)
    assert train(net(13, 8, 3), CROSS, (X, y), epochs=1).asked(wrong_labels) == []


# shown


def test_text_and_page_name_the_rows(train: Any, net: Any, halves: Any, flipped: Any) -> None:
    (X, y), held = halves("load_digits")
    noisy, _ = flipped(y, 0.03)
    program = train(net(64, 32, 10), CROSS, (X, noisy), held, epochs=6)
    diagnosis = check(program.module, CROSS, program.optimizer, (X, noisy), validation=held, trained=True)
    assert diagnosis.ok
    (found,) = [each for each in diagnosis.notes if each.code == "noisy-labels"]
    assert found.stage == "after"
    first = f"{found.evidence['rows'][0]} (given {found.evidence['given'][0]}, looks like"
    assert first in str(diagnosis)
    page = diagnosis.to_html()
    assert first in page
    assert '<th scope="col">suggested</th>' in page
    assert '"suggested"' in diagnosis.to_sarif()
