"""Plots of searches: what they draw, on which scales, and that odd searches are drawn too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestRegressor

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.estimators.tuning.importance import importance
from netwright.plots import canvas

pytest.importorskip("optuna")
X, Y = np.zeros((20, 1)), np.arange(20) % 2
SPACE = {
    "rate": nw.log_uniform(1e-4, 1),
    "width": 2 ** nw.integers(2, 6),
    "kind": ["a", "b", "broken"],
    "depth": nw.integers(1, 4),
}


class Hill(BaseEstimator):
    """A score of -(log10 rate + 2)^2 and a little of the depth; one kind of it fails."""

    def __init__(self, rate: float = 1.0, width: int = 8, kind: str = "a", depth: int = 1) -> None:
        self.rate, self.width, self.kind, self.depth = rate, width, kind, depth

    def fit(self, X: Any, y: Any = None) -> Hill:
        if self.kind == "broken":
            raise ValueError("broken")
        return self

    def score(self, X: Any, y: Any = None) -> float:
        return -((math.log10(self.rate) + 2) ** 2) - 0.01 * self.depth - (1e6 if self.rate > 0.9 else 0.0)


def searched(space: dict[str, Any] = SPACE, **options: Any) -> nw.estimators.Search:
    return nw.search(Hill(), space, X, Y, **{"trials": 30, "random_state": 0, "refit": False, **options})


def lines(ax: Axes, colour: str) -> list[Any]:
    return [line for line in ax.get_lines() if line.get_color() == colour]


def test_a_line_a_trial_and_the_best_stands_out() -> None:
    made = searched()
    ax = nw.plots.search_parallel(made)
    curves = [line for line in ax.get_lines() if len(line.get_xdata()) > 2]
    assert len(curves) == 30
    dotted = [line for line in curves if line.get_linestyle() == ":"]
    assert len(dotted) == sum(row["state"] == "failed" for row in made.rows_) > 0
    assert all(max(line.get_xdata()) == 3 for line in dotted)  # they have no score to go to
    [best] = lines(ax, canvas.VERMILLION)
    assert best.get_xdata()[-1] == 4
    assert best.get_ydata()[-1] == 1
    assert best.get_ydata()[0] == pytest.approx(made.space_.axes["rate"].share(made.best_params_["rate"]))
    texts = {text.get_text() for text in ax.texts}
    assert {"rate", "width", "kind", "depth", "score", "broken", "64", "0.01"} <= texts
    assert ax.get_title(loc="left").startswith(f"Best score {made.best_score_:.4g} in trial {made.best_number_} (30")


def test_each_parameter_has_a_panel_on_its_own_scale() -> None:
    made = searched()
    axes = nw.plots.search_slice(made)
    assert [ax.get_xlabel() for ax in axes] == list(SPACE)
    assert [ax.get_xscale() for ax in axes] == ["log", "log", "linear", "linear"]
    assert [label.get_text() for label in axes[1].get_xticklabels()] == ["4", "8", "16", "32", "64"]
    assert [label.get_text() for label in axes[2].get_xticklabels()] == ["a", "b", "broken"]
    complete = [row for row in made.rows_ if row["state"] == "complete"]
    for ax in axes:
        assert len(ax.get_lines()) == len(complete)
        [star] = lines(ax, canvas.VERMILLION)
        assert star.get_ydata()[0] == made.best_score_
    rates = sorted(float(line.get_xdata()[0]) for line in axes[0].get_lines())
    np.testing.assert_allclose(rates, sorted(row["param_rate"] for row in complete))


def test_a_score_far_below_lies_at_the_edge() -> None:
    made = searched({"rate": [0.95, 0.01, 0.02, 0.015, 0.03]}, stages="one")
    [ax] = nw.plots.search_slice(made)
    assert ax.get_ylim()[0] > -10
    assert {line.get_marker() for line in ax.get_lines()} == {"o", "v", "*"}
    assert min(line.get_ydata()[0] for line in ax.get_lines()) >= ax.get_ylim()[0]


def test_what_matters_is_what_the_score_is_made_of() -> None:
    made = searched({**SPACE, "kind": ["a", "b"], "rate": nw.log_uniform(1e-4, 0.5)}, trials=60)
    shares = importance(made)
    assert next(iter(shares)) == "rate"
    assert shares["rate"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    ax = nw.plots.search_importance(made)
    assert [bar.get_width() for bar in ax.patches] == list(shares.values())
    assert [label.get_text() for label in ax.get_yticklabels()] == list(shares)
    rows = [row for row in made.rows_ if row["stage"] == "coarse"]
    drawn = np.array([[math.log(row["param_rate"]), row["param_width"], row["param_depth"]] for row in rows])
    forest = RandomForestRegressor(random_state=0).fit(drawn, [row["score"] for row in rows])
    assert forest.feature_importances_.argmax() == 0


@pytest.mark.parametrize(
    ("space", "options"),
    [
        ({"rate": [0.01]}, {"trials": 2}),
        ({"rate": [0.01]}, {"trials": 1, "stages": "one"}),
        ({"depth": nw.integers(1, 90)}, {}),
        ({"depth": nw.integers(1, 90, log=True), "rate": nw.uniform(0.01, 0.5)}, {"stages": "one"}),
        ({"kind": [f"kind {i}" * 4 for i in range(30)], "width": 0.5 ** nw.integers(1, 20)}, {}),
        ({"rate": nw.varied(lambda a, b: 10.0 ** (a - b), a=nw.integers(-2, 0), b=[0, 1, 2])}, {}),
    ],
)
def test_odd_searches_are_drawn(space: dict[str, Any], options: dict[str, Any]) -> None:
    made = searched(space, **options)
    nw.plots.search_parallel(made).figure.canvas.draw()
    nw.plots.search_slice(made)[0].figure.canvas.draw()


def test_what_cannot_be_drawn() -> None:
    for name in ("search_parallel", "search_importance", "search_slice"):
        with pytest.raises(InvalidParameter, match=rf"{name}\(result\): expected the result of a search, got 3"):
            getattr(nw.plots, name)(3)
    with pytest.raises(InvalidData, match="at least 4 trials with different scores in the first stage, got 6 with 1"):
        nw.plots.search_importance(searched({"rate": [0.01]}, trials=10))
