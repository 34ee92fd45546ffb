"""Questions to the scores of a run: whether they are what the outputs give."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.during.metric import metric_agrees

CROSS = nn.CrossEntropyLoss()
SGD, Adam = torch.optim.SGD, torch.optim.Adam


@pytest.mark.parametrize("wrong", [True, False])
def test_a_score_of_argmax_of_one_column(wrong: bool, train: Any, the: Any, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(320)
    target, loss = (y == 0).float()[:, None], nn.BCEWithLogitsLoss()
    module = net(6, 12, 1)

    def tell(watching: Any) -> None:
        with torch.no_grad():
            output = module(X[200:])
            answers = output.argmax(1) if wrong else (output[:, 0] > 0).long()
            score = (answers == target[200:, 0]).float().mean()
            watching.validation(loss=loss(output, target[200:]), score=score)

    optimizer = Adam(module.parameters(), lr=1e-2)
    watching = train(module, optimizer, (X[:200], target[:200]), loss, epochs=8, each_epoch=tell)
    if not wrong:
        assert not found(metric_agrees, watching)
        return
    seen = the(metric_agrees, watching)
    assert (seen.code, seen.level) == ("wrong-metric", "fault")
    assert len(set(seen.evidence["told"])) == 1
    assert seen.evidence["accuracy"][-1] > 0.8


def test_a_score_that_is_another_one_than_the_accuracy(train: Any, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(320)
    module = net(6, 12, 3)

    def tell(watching: Any) -> None:
        with torch.no_grad():
            output = module(X[200:])
            right = (output.argmax(1) == y[200:]).float().mean()
            watching.validation(loss=CROSS(output, y[200:]), score=right**3)

    watching = train(module, Adam(module.parameters(), lr=1e-2), (X[:200], y[:200]), epochs=8, each_epoch=tell)
    assert all(each.level == "note" for each in found(metric_agrees, watching))


def test_one_answer_for_all_rows_has_other_scores_that_stay(train: Any, found: Any, net: Any, rows: Any) -> None:
    X, _ = rows(320)
    y, module = (torch.arange(320) % 12 == 0).long(), net(6, 12, 2)

    def tell(watching: Any) -> None:
        with torch.no_grad():
            output = module(X[200:])
            recalls = [(output.argmax(1) == y[200:])[y[200:] == label].float().mean() for label in (0, 1)]
            watching.validation(loss=CROSS(output, y[200:]), score=sum(recalls) / 2)

    watching = train(module, SGD(module.parameters(), lr=0.05), (X[:200], y[:200]), epochs=8, each_epoch=tell)
    assert {checked.score for checked in watching.tape.checked[1:]} == {0.5}
    assert not found(metric_agrees, watching)


def every_pair(output: Tensor, y: Tensor) -> Tensor:
    """A column of answers compared with a flat row of labels."""
    return (output.argmax(1)[:, None] == y).float().mean()


def right_a_batch(output: Tensor, y: Tensor) -> float:
    """Right answers over batches of 32."""
    return float((output.argmax(1) == y).sum()) / 4


def right(output: Tensor, y: Tensor) -> float:
    """Right answers."""
    return float((output.argmax(1) == y).sum())


def per_cent(output: Tensor, y: Tensor) -> float:
    """The accuracy in per cent."""
    return 100 * right(output, y) / len(y)


@pytest.mark.parametrize(
    ("score", "says"),
    [(every_pair, "all pairs"), (right_a_batch, "30 times the accuracy"), (right, ""), (per_cent, "")],
)
def test_a_score_that_is_counted_anew(score: Any, says: str, train: Any, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(320)
    module = net(6, 24, 3)

    def tell(watching: Any) -> None:
        with torch.no_grad():
            output = module(X[200:])
            watching.validation(loss=CROSS(output, y[200:]), score=score(output, y[200:]))

    watching = train(module, Adam(module.parameters(), lr=1e-2), (X[:200], y[:200]), epochs=8, each_epoch=tell)
    faults = [each for each in found(metric_agrees, watching) if each.level == "fault"]
    assert [each.code for each in faults] == (["wrong-metric"] if says else [])
    assert not says or says in faults[0].seen


def test_a_validation_in_several_batches_is_not_compared_batch_by_batch(
    train: Any, found: Any, net: Any, rows: Any
) -> None:
    X, y = rows(320)
    module = net(6, 32, 3)
    order = y[200:].argsort()  # batches on which the accuracy differs

    def tell(watching: Any) -> None:
        with torch.no_grad():
            for part in order.split(40):
                CROSS(module(X[200:][part]), y[200:][part])
        watching.validation(score=0.9)

    watching = train(module, SGD(module.parameters(), lr=0.01), (X[:200], y[:200]), epochs=8, each_epoch=tell)
    assert not found(metric_agrees, watching)


def test_labels_that_are_ignored_have_no_part_in_a_score(train: Any, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(320)
    known = torch.where(torch.arange(320) % 5 == 0, y, -100)
    module = net(6, 12, 3)

    def tell(watching: Any) -> None:
        with torch.no_grad():
            output = module(X)
            asked = known != -100
            score = (output.argmax(1)[asked] == known[asked]).float().mean()
            watching.validation(loss=CROSS(output, known), score=score)

    watching = train(module, Adam(module.parameters(), lr=1e-2), (X, y), epochs=8, each_epoch=tell)
    assert not found(metric_agrees, watching)
