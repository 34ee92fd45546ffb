"""Training curves show the numbers of the history."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots import training_curves
from netwright.train import History


def records(n: int = 6, **more: Any) -> list[dict[str, Any]]:
    made = []
    for i in range(1, n + 1):
        record = {"epoch": i, "train_loss": 1.0 / i, "validation_loss": 0.5 + 0.02 * (i - 4) ** 2}
        made.append({**record, **{name: make(i) for name, make in more.items()}})
    return made


def named(ax: Any) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_ydata() for line in ax.get_lines() if not line.get_label().startswith("_")}


def test_the_lines_are_the_history() -> None:
    history = History(records(train_score=lambda i: 0.1 * i, validation_score=lambda i: 0.09 * i))
    loss, score = training_curves(history)
    assert named(loss)["training"].tolist() == history["train_loss"]
    assert named(loss)["validation"].tolist() == history["validation_loss"]
    assert named(score)["training"].tolist() == history["train_score"]
    assert named(score)["validation"].tolist() == history["validation_score"]
    assert [text.get_text() for text in loss.texts] == ["training", "validation"]
    assert score.get_xlabel() == "epoch"
    assert score.get_ylabel() == "score"


def test_the_best_epoch_is_marked_in_every_panel() -> None:
    axes = training_curves(records(learning_rate=lambda i: 0.1 / i))
    assert axes[0].get_title(loc="left") == "Lowest validation loss 0.5 in epoch 4 of 6"
    for ax in axes:
        (mark,) = [line for line in ax.get_lines() if len(line.get_xdata()) == 2 and line.get_linestyle() == "--"]
        assert list(mark.get_xdata()) == [4, 4]


def test_without_validation_the_training_loss_decides() -> None:
    (ax,) = training_curves([{"epoch": i, "train_loss": loss} for i, loss in enumerate([3.0, 1.0, 2.0], start=1)])
    assert ax.get_title(loc="left") == "Lowest training loss 1 in epoch 2 of 3"


def test_an_estimator_says_its_best_epoch_and_the_name_of_its_score() -> None:
    clf, reg = nw.Classifier(), nw.Regressor()
    for estimator, name in ((clf, "accuracy (share of rows)"), (reg, "R² (1 is perfect)")):
        estimator.history_ = History(records(train_score=lambda i: 0.5))
        estimator.best_epoch_ = 2
        axes = training_curves(estimator)
        assert axes[1].get_ylabel() == name
        assert "in epoch 2 of 6" in axes[0].get_title(loc="left")


@pytest.mark.parametrize(("last", "scale"), [(0.05, "linear"), (0.005, "log"), (0.0, "linear"), (-1.0, "linear")])
def test_the_scale_is_logarithmic_beyond_two_decades(last: float, scale: str) -> None:
    (ax,) = training_curves([{"train_loss": 1.0}, {"train_loss": last}])
    assert ax.get_yscale() == scale


@pytest.mark.parametrize(("rates", "panels"), [([0.1, 0.1], 1), ([0.1, 0.05], 2), ([0.1, 1e-4], 2), ([0.1, 0.0], 2)])
def test_a_strip_shows_a_rate_that_changes(rates: list[float], panels: int) -> None:
    axes = training_curves([{"train_loss": 1.0, "learning_rate": rate} for rate in rates])
    assert len(axes) == panels
    if panels == 2:
        assert axes[1].get_lines()[0].get_ydata().tolist() == rates
        assert axes[1].get_yscale() == ("log" if rates[1] == 1e-4 else "linear")


def test_gaps_stay_gaps() -> None:
    axes = training_curves(
        [
            {"epoch": 1, "train_loss": 1.0, "train_score": math.nan},
            {"epoch": 2, "train_loss": math.inf, "train_score": 0.5},
            {"epoch": 3, "train_loss": 0.5},
        ]
    )
    np.testing.assert_equal(named(axes[1])["training"], [math.nan, 0.5, math.nan])
    assert "in epoch 3 of 3" in axes[0].get_title(loc="left")


def test_one_epoch_is_a_dot() -> None:
    (ax,) = training_curves([{"epoch": 1, "train_loss": 0.3}])
    assert named(ax)["training"].tolist() == [0.3]
    assert ax.get_lines()[0].get_marker() == "."


def test_dots_vanish_from_long_lines() -> None:
    (ax,) = training_curves([{"train_loss": 1.0 / i} for i in range(1, 90)])
    assert ax.get_lines()[0].get_marker() == "None" or not ax.get_lines()[0].get_marker()


def test_nothing_to_draw() -> None:
    with pytest.raises(InvalidData, match=r"training_curves\(history\): expected at least one epoch, got none"):
        training_curves(History())
    with pytest.raises(InvalidData, match=r"expected records with train_loss or validation_loss, got only \['epoch'\]"):
        training_curves([{"epoch": 1}])
    with pytest.raises(InvalidParameter, match=r"expected a History or a fitted estimator, got 5"):
        training_curves(5)
