"""What every plot keeps: a new one enters by its name in ``netwright.plots.__all__`` and a line in EXAMPLES."""

from __future__ import annotations

import copy
import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from sklearn.tree import DecisionTreeClassifier

import netwright.plots as plots
from netwright.checks import Diagnosis, Signal
from netwright.classical import (
    ART1,
    GMLVQ,
    GRNN,
    LVQ1,
    RBM,
    SOFM,
    ClassicalNetwork,
    GrowingNeuralGas,
    Hebb,
    ProjectionPursuitRegressor,
    RBFNetwork,
)
from netwright.core.errors import InvalidParameter
from netwright.estimators import Search, integers, log_uniform, search
from netwright.plots.generative import GAME
from netwright.train import RangeTest
from netwright.vision.embeddings.rates.roc import ROC, roc
from netwright.vision.metrics.account import DetectionAccount, detection_account
from netwright.vision.metrics.average_precision import DetectionScores, mean_average_precision

RNG = np.random.default_rng(0)
IMAGES = RNG.random((9, 6, 6))
LABELS = np.array([0, 1, 2] * 3)
PROBABILITIES = RNG.dirichlet(np.ones(3), 9)
ROWS = np.random.default_rng(1).normal(size=(60, 2))
CLOUD = np.random.default_rng(1).normal(size=(60, 3))
SCORES = np.linspace(-1, 1, 9)
BITS = np.repeat([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 20, axis=0)
RATES = np.geomspace(1e-6, 10, 60)
BOXES = [
    {
        "boxes": [[0, 0, 9, 9], [20, 0, 40, 9], [2, 2, 30, 30]],
        "labels": ["cat", "$dog$", "cat"],
        "scores": [0.9, 0.5, 0.2],
    },
    {"boxes": [[0, 0, 9, 6], [60, 60, 70, 70]], "labels": ["cat", "$dog$"], "scores": [0.8, 0.3]},
]
STEPS = {"a rate of 3": 14.0, "a rate of 0.03": 0.14, "none": 0.0, "too much": float("inf")}
RECORDS = [
    {
        "epoch": i,
        "train_loss": 2.0 / i,
        "validation_loss": 1.0 + 1.0 / i,
        "train_score": 1 - 0.5 / i,
        "validation_score": 0.9 - 0.4 / i,
        "learning_rate": 0.1 / i,
        "update_ratio": {"conv1": 2e-3 / i, "softmax1": 5e-4 / i},
        "dead_units": {"relu1": 0.05 * i, "relu2": 0.0},
    }
    for i in range(1, 6)
]


def small_network() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(1, 5, 3), torch.nn.BatchNorm2d(5), torch.nn.Flatten(), torch.nn.Linear(80, 4)
        )


def searched() -> Search:
    space = {
        "max_depth": integers(1, 5),
        "min_impurity_decrease": log_uniform(1e-4, 0.1),
        "criterion": ["gini", "entropy"],
        "max_leaf_nodes": 2 ** integers(1, 4),
    }
    return search(DecisionTreeClassifier(), space, ROWS, np.arange(60) % 2, trials=16, random_state=0)


EXAMPLES: dict[str, Callable[[], dict[str, Any]]] = {
    "activations": lambda: {"module": small_network(), "x": IMAGES[:1].astype(np.float32)},
    "association": lambda: {"network": Hebb().fit(IMAGES.reshape(9, -1)[:, :5], np.eye(3)[LABELS])},
    "bandwidth_curve": lambda: {"network": GRNN("loo").fit(IMAGES.reshape(9, -1)[:, :3], IMAGES[:, 0, 0])},
    "bandwidths": lambda: {"network": GRNN("loo-per-feature").fit(IMAGES.reshape(9, -1)[:, :3], LABELS)},
    "calibration": lambda: {"y_true": LABELS, "probabilities": {"one": PROBABILITIES, "two": PROBABILITIES[::-1]}},
    "class_map": lambda: {"som": SOFM((4, 3), epochs=2).fit(CLOUD), "X": CLOUD, "y": np.arange(60) % 3},
    "component_planes": lambda: {"som": SOFM((4, 3), epochs=2).fit(CLOUD)},
    "confusion_matrix": lambda: {"y_true": LABELS, "y_pred": LABELS[::-1]},
    "dead_units": lambda: {"history": copy.deepcopy(RECORDS)},
    "detection_faults": lambda: {"account": detection_account(BOXES, BOXES[::-1])},
    "distance_map": lambda: {"som": SOFM((4, 3), epochs=2).fit(CLOUD)},
    "energy_curves": lambda: {"network": RBM(3, epochs=3, random_state=0).fit(BITS)},
    "fantasies": lambda: {
        "network": RBM(3, epochs=2, random_state=0).fit(BITS),
        "shape": (2, 3),
        "count": 5,
        "sweeps": (1, 10),
    },
    "filters": lambda: {"module": small_network()},
    "embedding_map": lambda: {"embeddings": CLOUD, "labels": ["$a$", "b", "c"] * 20},
    "game_curves": lambda: {"history": [{**dict.fromkeys(GAME, 0.5), "$one$": i / 2} for i in range(3)]},
    "heat_map": lambda: {"image": IMAGES[0], "heat": IMAGES[1]},
    "hits": lambda: {
        "som": SOFM((4, 3), topology="hexagon", epochs=2).fit(CLOUD),
        "X": CLOUD,
        "y": np.arange(60) % 3,
    },
    "latent_grid": lambda: {"images": IMAGES},
    "latent_map": lambda: {"codes": CLOUD, "labels": np.arange(60) % 3},
    "lr_finder": lambda: {"result": RangeTest(RATES, 1 / (1 + (RATES / 0.01) ** 2) + RATES, steps=60)},
    "mistakes": lambda: {"X": IMAGES, "y_true": LABELS, "probabilities": PROBABILITIES},
    "neural_graph": lambda: {
        "network": GrowingNeuralGas(8, insert_every=5, epochs=1, random_state=0).fit(ROWS),
        "X": ROWS,
    },
    "pair_scores": lambda: {"first": IMAGES, "second": IMAGES[::-1], "scores": SCORES, "same": LABELS > 0},
    "precision_recall": lambda: {"scores": mean_average_precision(BOXES, BOXES[::-1])},
    "prototypes": lambda: {
        "network": LVQ1(epochs=2, random_state=0).fit(ROWS, ROWS[:, 0] > 0),
        "X": ROWS,
        "y": ROWS[:, 0] > 0,
    },
    "radial_units": lambda: {
        "network": RBFNetwork(3, width=0.5, random_state=0).fit(IMAGES[:, 0, :2], LABELS),
        "X": IMAGES[:, 0, :2],
        "y": LABELS,
    },
    "recall_strip": lambda: {"stages": {"stored": IMAGES > 0.5, "noisy": IMAGES > 0.6, "recalled": IMAGES > 0.5}},
    "relevances": lambda: {"network": GMLVQ(epochs=3, random_state=0).fit(IMAGES[:, 0, :4], LABELS)},
    "residuals": lambda: {"y_true": LABELS * 1.0, "y_pred": LABELS * 0.9, "unit": "m"},
    "response_surface": lambda: {"network": lambda rows: rows[:, 0] - rows[:, 1], "X": IMAGES[:, 0, :2], "steps": 30},
    "ridge_functions": lambda: {
        "network": ProjectionPursuitRegressor(2, splines=8).fit(CLOUD, CLOUD[:, 0] * CLOUD[:, 1]),
        "X": CLOUD,
        "y": CLOUD[:, 0] * CLOUD[:, 1],
    },
    "sample_frames": lambda: {"frames": ROWS.reshape(3, 20, 2), "steps": (0, 50, 100), "real": ROWS},
    "sample_points": lambda: {"samples": ROWS, "real": ROWS[::-1] + 1, "centres": ROWS[:2], "std": 0.2},
    "samples": lambda: {"X": IMAGES, "y_true": LABELS, "y_pred": LABELS[::-1]},
    "search_importance": lambda: {"result": searched()},
    "search_parallel": lambda: {"result": searched()},
    "search_slice": lambda: {"result": searched()},
    "signal": lambda: {
        "diagnoses": {word: Diagnosis((), {"step": Signal(step, 1.0, "lr-too-high")}) for word, step in STEPS.items()},
        "name": "step",
    },
    "templates": lambda: {"network": ART1(0.5).fit(np.tri(6)), "shape": (2, 3)},
    "training_curves": lambda: {"history": copy.deepcopy(RECORDS)},
    "update_ratios": lambda: {"history": copy.deepcopy(RECORDS)},
    "verification_curve": lambda: {
        "curves": {"$one$": roc(ROWS[:, 0], ROWS[:, 1] > 0), "two": roc(ROWS[:, 1], ROWS[:, 0] > 0)}
    },
}
OTHERS = {"Svg", "network_svg"}  # texts, not drawn by matplotlib
NAMES = sorted(set(plots.__all__) - OTHERS)
LAST = {name: list(inspect.signature(getattr(plots, name)).parameters)[-1] for name in NAMES}
ONE, MANY = [n for n in NAMES if LAST[n] == "ax"], [n for n in NAMES if LAST[n] == "figure"]


def draw(name: str, **place: Any) -> Any:
    return getattr(plots, name)(**EXAMPLES[name](), **place)


def figure_of(drawn: Any) -> Figure:
    return np.ravel(drawn)[0].get_figure(root=True)


def pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def test_every_plot_has_an_example_and_a_place() -> None:
    assert set(EXAMPLES) == set(NAMES)
    assert set(LAST.values()) == {"ax", "figure"}
    for name in NAMES:
        parameters = inspect.signature(getattr(plots, name)).parameters
        assert parameters[LAST[name]].default is None
        assert len({"ax", "figure", "axes"} & set(parameters)) == 1


@pytest.mark.parametrize("name", ONE)
def test_one_panel_is_drawn_in_the_axes_given_and_returned(name: str) -> None:
    first, second = Figure().subplots(1, 2)
    assert draw(name, ax=second) is second
    assert second.has_data()
    assert not first.has_data()
    assert isinstance(draw(name), Axes)


@pytest.mark.parametrize("name", MANY)
def test_several_panels_are_drawn_in_the_figure_given(name: str) -> None:
    figure = Figure(layout="constrained")
    left, right = figure.subfigures(1, 2)
    made = draw(name, figure=right)
    assert isinstance(made, np.ndarray)
    assert made.ndim == 1
    assert all(isinstance(ax, Axes) and ax.has_data() for ax in made)
    assert set(made) <= set(right.axes)
    assert not left.axes
    assert isinstance(draw(name)[0], Axes)


@pytest.mark.parametrize("name", ONE)
def test_something_else_than_axes_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match=rf"{name}\(ax\): expected a matplotlib Axes or None, got 'here'"):
        draw(name, ax="here")
    with pytest.raises(InvalidParameter, match="Take one of them"):
        draw(name, ax=Figure().subplots(1, 2))


@pytest.mark.parametrize("name", MANY)
def test_something_else_than_an_empty_figure_is_refused(name: str) -> None:
    full = Figure()
    full.subplots()
    with pytest.raises(InvalidParameter, match=r"expected a figure without Axes, got one with 1 Axes"):
        draw(name, figure=full)
    with pytest.raises(InvalidParameter, match=rf"{name}\(figure\): expected a matplotlib Figure, SubFigure or None"):
        draw(name, figure=full.axes[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_equal_data_give_equal_pixels(name: str) -> None:
    first = pixels(figure_of(draw(name)))
    assert np.array_equal(first, pixels(figure_of(draw(name))))
    assert len(np.unique(first.reshape(-1, 4), axis=0)) > 10


@pytest.mark.parametrize("name", NAMES)
def test_no_text_leaves_the_figure(name: str) -> None:
    figure = figure_of(draw(name))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    undrawn = outside_of_their_scale(figure)
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in undrawn:
            box = text.get_window_extent()
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            assert inside, (text.get_text(), box)


def outside_of_their_scale(figure: Figure) -> set[Text]:
    """Tick labels that are never drawn: outside of the limits of their axis, or of Axes that show none."""
    undrawn: set[Text] = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not (ax.axison and low <= tick.get_loc() <= high):
                    undrawn |= {tick.label1, tick.label2}
    return undrawn


@pytest.mark.parametrize("name", NAMES)
def test_every_scale_has_a_name(name: str) -> None:
    figure = figure_of(draw(name))
    FigureCanvasAgg(figure).draw()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            ticks = [label.get_text() for label in axis.get_ticklabels() if label.get_visible()]
            scale = [text for text in ticks if text and not text.startswith("+")]  # "+1" goes on a row's number
            assert not ax.axison or not scale or axis.get_label_text(), (name, ticks)


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_and_the_data_stay_as_they_are(name: str) -> None:
    settings = dict(matplotlib.rcParams)
    given = EXAMPLES[name]()
    before = copy.deepcopy(given)
    getattr(plots, name)(**given)
    assert dict(matplotlib.rcParams) == settings
    for key, item in given.items():
        if isinstance(item, torch.nn.Module):
            assert item.training
            state, was = item.state_dict(), before[key].state_dict()
            assert all(torch.equal(state[k], was[k]) for k in was)
        else:
            np.testing.assert_equal(state_of(item), state_of(before[key]))


def state_of(item: Any) -> Any:
    """What can be compared: estimators are equal only to themselves, their attributes are equal or not."""
    if isinstance(item, Search):
        return item.rows_
    if isinstance(item, dict):
        return {name: state_of(each) for name, each in item.items()}
    return vars(item) if isinstance(item, (ClassicalNetwork, DetectionAccount, DetectionScores, ROC)) else item


@pytest.mark.parametrize("name", NAMES)
def test_without_matplotlib_the_error_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InvalidParameter, match=r"pip install 'netwright\[plots\]'"):
        draw(name)


def test_the_room_opens_without_matplotlib_and_plots_without_pyplot() -> None:
    code = (
        "import io, sys, netwright.plots as plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plots.confusion_matrix([0, 1], [0, 1]).figure.savefig(io.BytesIO())\n"
        "plots.training_curves([{'train_loss': 1.0}])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
