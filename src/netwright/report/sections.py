"""The sections of a report in their order: what was reached, the network, its training, the test, data and run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from netwright import plots
from netwright.checks.forms.html import cards as findings_cards
from netwright.checks.forms.wording import counts
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.report.evaluation import WORST, Evaluation
from netwright.report.figures import adapt, inline, png_uri, sized, trimmed, width_of
from netwright.report.page import beside, bullets, cards, columns, figure, section, table, text, titled
from netwright.report.tables import class_table, mistake_table, network_table, settings_table
from netwright.report.words import figures, measured, percent, plural, table_in

TALL, WIDE, BROAD, FLAT = (5.2, 6.1), (5.2, 2.75), (10.2, 4.4), (8.4, 3.6)  # inches; a column of the page has 5.2
NARROW = 420  # pixels; a diagram of that width stands beside the table
SHOWN = 6  # layers whose activations are shown
LARGE = 48  # images of fewer pixels a side are enlarged without smoothing
CONFUSED = 60  # classes beyond which a matrix cannot be read


def heading(title: str, kicker: str, lead: str, items: list[tuple[str, str, str]]) -> str:
    """The title, a sentence, and the key figures."""
    return (
        f'<header>\n<p class="kicker">{text(kicker)}</p>\n<h1>{text(title)}</h1>\n<p class="lead">{text(lead)}</p>\n'
        f"</header>\n{cards(items)}"
    )


def key_figures(estimator: Any, evaluation: Evaluation | None, run: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The cards: scores first, then what they cost."""
    summary, history = estimator.network_.summary(), estimator.history_
    items: list[tuple[str, str, str]] = []
    if evaluation is not None:
        rows, scores = f"{plural(len(evaluation.true), 'row')} held out", evaluation.scores
        if evaluation.task == "classify":
            wrong = int((evaluation.true != evaluation.predicted).sum())
            items.append(("test accuracy", percent(scores["accuracy"]), rows))
            items.append(("test error", percent(scores["error"]), f"{wrong:,} wrong"))
        else:
            items.append(("test RMSE", figures(scores["rmse"]), rows))
            items.append(("test MAE", figures(scores["mae"]), "mean absolute error"))
            items.append(("test R²", f"{scores['r2']:.4f}", "1 is perfect, 0 is the mean"))
    validation = measured(run, "scores", "validation", "accuracy")
    if validation is not None:
        chose = "rows that chose the epoch" if estimator.patience is not None else "held out from training"
        items.append(("validation accuracy", percent(validation), chose))
    items.append(("parameters", f"{summary.parameters:,}", f"{summary.macs:,} MACs"))
    if len(history):
        seconds = sum(record.get("seconds", 0.0) for record in history)
        best = f"best: epoch {estimator.best_epoch_}" if estimator.best_epoch_ else ""
        items.append(("epochs", f"{len(history):,}", best))
        items.append(("training time", _duration(seconds), f"{figures(seconds / len(history), 2)} s an epoch"))
    return items


def findings_section(findings: list[dict[str, Any]]) -> str:
    """What the run's own checks found, root causes first."""
    if not findings:
        return section("Findings", "The checks of this run found nothing that spoils it.")
    lead = "What the checks of this run saw. A fault spoils the training or its score; a right program may have a note."
    return section(f"Findings: {counts(findings)}", lead, findings_cards(findings))


def network_section(estimator: Any, note: str = "") -> str:
    """The diagram, the table, and the expression; `note` is a sentence more about the shapes."""
    network = estimator.network_
    svg = adapt(trimmed(plots.network_svg(network)), "network", "The network as a diagram")
    lead = "Each layer with its output shape for one sample, what it costs, and how much of the input one output sees."
    lead = f"{lead} {note}".strip()
    diagram, layers, code = figure(svg), network_table(network.summary()), f"<pre>{text(repr(network))}</pre>"
    narrow = width_of(svg) <= NARROW
    return section("Network", lead, beside(diagram, layers + code) if narrow else diagram + layers + code)


def training_section(estimator: Any) -> str:
    """Curves of losses and scores; update ratios and dead units."""
    if not len(estimator.history_):
        return section("Training", "The run ended before its first epoch was over: there is nothing to show.")
    layers = estimator.history_
    curves = optional("curves", "Training curves", lambda: plots.training_curves(estimator, figure=sized(*TALL)))
    ratios = optional("ratios", "Update ratios", lambda: plots.update_ratios(layers, ax=_axes(*WIDE)))
    dead = optional("dead", "Dead units", lambda: plots.dead_units(layers, ax=_axes(*WIDE)))
    lead = "The dashed line marks the epoch with the lowest monitored loss."
    scaled = " Losses are those of the target scaled to mean 0 and deviation 1." if evaluates_numbers(estimator) else ""
    losses = titled("Losses and scores", figure(curves, lines=True))
    moved = "How far each layer moves in one update, relative to its size."
    health = titled("Update ratios", figure(ratios, moved, lines=True))
    silent = "Rectified units that are 0 for all probe rows: they learn nothing."
    health += titled("Dead units", figure(dead, silent, lines=True))
    return section("Training", lead + scaled, columns(losses, health))


def test_section(evaluation: Evaluation) -> str:
    """The confusion matrix and the classes, or the residuals."""
    true, predicted = evaluation.true, evaluation.predicted
    if evaluation.task == "regress":
        svg = optional("residuals", "Residuals", lambda: plots.residuals(true, predicted, figure=sized(*BROAD)))
        lead = f"{evaluation.target}: what the network said about rows that it has never seen."
        return section("Test rows: residuals", lead, figure(svg))
    names = np.array(evaluation.classes)
    side = min(max(1.6 + 0.75 * len(names), 3.4), 5.2) if len(names) <= 16 else 9.0
    svg = ""
    if len(names) <= CONFUSED:
        svg = optional(
            "confusion",
            "Confusion matrix",
            lambda: plots.confusion_matrix(
                names[true], names[predicted], names, ax=_axes(side, 0.92 * side, "compressed")
            ),
        )
    lead = "Rows of the matrix are true classes, columns what the network said; the colour is the share of the row."
    matrix, classes = figure(svg), class_table(evaluation)
    return section("Test rows: right and wrong", lead, columns(matrix, classes) if side < 6 else matrix + classes)


def samples_section(evaluation: Evaluation) -> str:
    """The worst mistakes, and some rows that are no mistakes."""
    count = min(WORST, int((evaluation.badness[evaluation.shown] > 0).sum()))
    worst, others = np.arange(count), np.arange(count, len(evaluation.shown))
    numbers = evaluation.task == "regress"
    if evaluation.images is None:
        if not worst.size:
            return ""
        what = "Largest residuals" if numbers else "Worst mistakes"
        return section(
            what, "Test rows; the number of a row counts from 0 in the data.", mistake_table(evaluation, worst[:10])
        )
    title = "Largest residuals" if numbers else "Worst mistakes, those furthest from the true class first"
    tiles = titled(title, _tiles(evaluation, worst))
    if not worst.size:
        tiles = '<p class="soft">No test row is wrong.</p>'
    more = titled("Some others" if numbers else "Some that are right", _tiles(evaluation, others))
    return section(
        "Samples", "Below each image its true class, and what the network said with which probability.", tiles, more
    )


def inside_section(estimator: Any, evaluation: Evaluation | None) -> str:
    """First-layer filters, and what the layers make of one sample, for networks of images."""
    shape = estimator.network_.input_shape
    if len(shape) != 3:
        return ""
    filters = optional("filters", "Filters of the first layer", lambda: plots.filters(estimator, ax=_axes(*FLAT)), True)
    made = ""
    if evaluation is not None and evaluation.images is not None and len(evaluation.images):
        sample = evaluation.images[-1].astype(np.float32) / 255
        if sample.shape == tuple(shape):
            layers = _with_channels(estimator)
            made = optional("activations", "Activations", lambda: plots.activations(estimator, sample, layers))
    body = titled("First-layer filters", figure(filters)) + titled("Activations for one sample", figure(made))
    lead = "What the first layer looks for, and what the convolutions make of one sample of the test rows."
    return section("Inside the network", lead, body) if body else ""


def _with_channels(estimator: Any) -> list[str]:
    """The layers whose output has channels and that end a block: what follows them is a convolution, or flat."""
    rows = estimator.network_.summary().rows
    named = dict(estimator.module_.named_modules())
    blocks = []
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        ends = after is None or len(after.output_shape or ()) < 3 or after.layer.startswith("Conv")
        if row.path in named and len(row.output_shape or ()) == 3 and ends:
            blocks.append(row.path)
    return blocks[:SHOWN] or [row.path for row in rows if row.path in named][:1]


def data_section(estimator: Any, evaluation: Evaluation | None, run: dict[str, Any]) -> str:
    """Where the data came from, how they were split, what was done to which column."""
    data = table_in(run, "data")
    rows: list[tuple[str, str]] = []
    for name, key in (("source", "source"), ("rows", "rows"), ("shape of a sample", "shape"), ("SHA-256", "sha256")):
        if data.get(key) not in (None, ""):
            rows.append((name, _fact(data[key])))
    split = [f"{count:,} {name}" for name, count in table_in(data, "split").items() if isinstance(count, int)]
    if split:
        rows.append(("split", ", ".join(split)))
    if evaluation is not None:
        rows.append(("target", evaluation.target))
    if isinstance(data.get("columns"), list):
        rows.append(("columns", ", ".join(map(str, data["columns"]))))
    notes = notes_of(estimator)
    done = titled("What was done to the columns, learned from the training rows alone", bullets(notes))
    return section("Data", "", table(("", ""), rows) if rows else "", done) if rows or notes else ""


def run_section(estimator: Any, run: dict[str, Any], versions: dict[str, str]) -> str:
    """Settings, versions, and the command that does it again."""
    found = table_in(run, "versions") or versions
    body = columns(
        titled("Settings", settings_table(estimator)),
        titled("Versions", table(("package", "version"), [(name, str(number)) for name, number in found.items()])),
    )
    command = run.get("command")
    again = titled("The same run again", f"<pre>{text(command)}</pre>") if command else ""
    return section(
        "Run", "The same seed on the same versions, device and number of threads gives the same weights.", body, again
    )


def notes_of(estimator: Any) -> list[str]:
    """What an estimator did to which column of a table, in sentences."""
    return list(getattr(getattr(estimator, "_inputs", None), "notes", []))


def evaluates_numbers(estimator: Any) -> bool:
    """Whether the estimator is a regressor."""
    return not hasattr(estimator, "classes_")


def optional(name: str, label: str, draw: Callable[[], Any], tight: bool = False) -> str:
    """The SVG of a plot; nothing where the run has nothing to plot, such as dead units without rectifiers."""
    try:
        return inline(name, label, draw, tight)
    except (InvalidData, InvalidParameter):
        return ""


def _axes(width: float, height: float, layout: str = "constrained") -> Any:
    return sized(width, height, layout).add_subplot()


def _tiles(evaluation: Evaluation, which: np.ndarray) -> str:
    """Images with what they are and what was said, as a list."""
    assert evaluation.images is not None
    made = []
    files = evaluation.cells.get("file")
    for place in which.tolist():
        row, image = int(evaluation.shown[place]), evaluation.images[place]
        kind = ' class="small"' if max(image.shape[1:]) < LARGE else ""
        tip = f' title="{text(files[place])}"' if files else ""
        said = _said(evaluation, row)
        made.append(f'<li{tip}><img{kind} alt="" src="{png_uri(image)}">{said}</li>')
    return f'<ul class="tiles">{"".join(made)}</ul>' if made else ""


def _said(evaluation: Evaluation, row: int) -> str:
    if evaluation.task == "regress":
        true, said = figures(float(evaluation.true[row])), figures(float(evaluation.predicted[row]))
        return f"<b>{text(true)}</b><span>said {text(said)}</span>"
    true, said = (evaluation.classes[int(codes[row])] for codes in (evaluation.true, evaluation.predicted))
    sure = "" if evaluation.probability is None else f" ({percent(float(evaluation.probability[row, 0]), 0)})"
    bad = ' class="bad"' if true != said else ""
    return f"<b>{text(true)}</b><span{bad}>said {text(said)}{sure}</span>"


def _fact(item: Any) -> str:
    if isinstance(item, list):
        return " × ".join(map(str, item))
    return f"{item:,}" if isinstance(item, int) else str(item)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{figures(seconds, 2 if seconds < 10 else 3)} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
