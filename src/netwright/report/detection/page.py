"""The page of a detector: sections of any report, and those that only detectors have."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from netwright import plots
from netwright.graph import Input, analyze, begins_with_input, join
from netwright.report import sections
from netwright.report.detection.evaluation import DetectionEvaluation
from netwright.report.detection.sections import (
    account_section,
    curves_section,
    data_section,
    score_cards,
    scores_section,
    worst_section,
)
from netwright.report.figures import adapt, trimmed
from netwright.report.page import Cell, document, figure, section, table, text, titled
from netwright.report.stored import versions
from netwright.report.tables import network_table
from netwright.report.words import counted, table_in

REGIONS = 100  # of an image, for the summary of a network that is given them
NAMES = {"RCNN": "R-CNN", "FastRCNN": "Fast R-CNN", "FasterRCNN": "Faster R-CNN"}
PARTS = {
    "pyramid.features": "backbone",
    "pyramid.down": "from coarse maps to fine ones",
    "pyramid.mixed": "mixing at each scale",
    "heads": "boxes and classes of all cells",
    "proposing": "proposals of regions",
    "head": "class and box of each region",
}


def render_detection(
    detector: Any,
    evaluation: DetectionEvaluation | None,
    run: dict[str, Any],
    title: str | None,
    findings: list[dict[str, Any]] | None,
    footer: str,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    detector : a fitted one. evaluation : of images that it was not trained on, or None. run : what run.json holds.
    title : of the page; None: what was learned from what. findings : of the run's checks; None: nothing is known of
        them. footer : HTML.
    """
    source = Path(str(table_in(run, "data").get("source") or "")).name
    heading = title or (f"Objects in {source}" if source else type(detector).__name__)
    whole = _whole(detector)
    cards = [*(score_cards(evaluation) if evaluation else []), *sections.key_figures(whole, None, run)]
    parts = [
        sections.heading(heading, "netwright · Object detection", _lead(detector, whole, run), cards),
        sections.findings_section(findings) if findings is not None else "",
        *((show(evaluation) for show in (scores_section, account_section, worst_section)) if evaluation else ()),
        curves_section(detector),
        _network_section(detector, whole),
        data_section(evaluation, run),
        sections.run_section(detector, run, versions()),
        footer,
    ]
    return document(heading, "\n".join(filter(None, parts)))


def _whole(detector: Any) -> Any:
    """What the key figures of any report are read from: the summary of all of the network, and the run."""
    side = -(-detector.size // detector._stride) * detector._stride
    sizes = (3, side, side) if detector._regions is None else [(3, side, side), (REGIONS, 4)]
    summary = analyze(detector.module_, sizes)
    network = SimpleNamespace(summary=lambda: summary)
    facts = {name: getattr(detector, name) for name in ("history_", "best_epoch_", "patience")}
    return SimpleNamespace(network_=network, side=side, **facts)


def _lead(detector: Any, whole: Any, run: dict[str, Any]) -> str:
    """What was trained on what, in a sentence."""
    summary, data = whole.network_.summary(), table_in(run, "data")
    images = table_in(data, "split").get("training")
    on = f"trained on {counted(images, 'image')} " if isinstance(images, int) else "trained "
    objects = [count for count in table_in(data, "objects for training").values() if isinstance(count, int)]
    with_ = f"with {counted(sum(objects), 'object')} " if objects else ""
    classes = counted(len(detector.classes_), "class", "classes")
    name = NAMES.get(type(detector).__name__, type(detector).__name__)
    said = f"{name} for {classes}, {summary.parameters:,} parameters, {on}{with_}for "
    return f"{said}{counted(len(detector.history_), 'epoch')}, at {detector.size} pixels for the long side."


def _network_section(detector: Any, whole: Any) -> str:
    """The parts of the network with their cost; the backbone as a diagram, and its layers for who wants to see them."""
    backbone = detector.backbone_
    closed = backbone if begins_with_input(backbone) else join(Input(3, whole.side, whole.side), backbone)
    lead = f"For an image of {whole.side} × {whole.side} pixels; images may have any size."
    svg = adapt(trimmed(plots.network_svg(closed)), "network", "The backbone as a diagram")
    note = "Its last map at each stride goes on; layers behind the coarsest map that is used do not run."
    layers = f"<details><summary>Its layers</summary>{network_table(closed.summary())}</details>"
    code = f"<pre>{text(repr(backbone))}</pre>"
    body = titled("Backbone", f'<p class="soft">{text(note)}</p>{figure(svg)}{code}{layers}')
    return section("Network", lead, _parts_table(whole.network_.summary()), body)


def _parts_table(summary: Any) -> str:
    """The parameters and the cost of the parts of a detector."""
    rows = []
    most = max((sum(row.parameters for row in _of(summary, start)) for start in PARTS), default=0)
    for start, words in PARTS.items():
        layers = _of(summary, start)
        if layers:
            parameters, macs = sum(row.parameters for row in layers), sum(row.macs for row in layers)
            ran = all(row.output_shape is not None for row in layers)
            share = Cell.of(f"{parameters:,}", parameters / max(most, 1))
            rows.append((words, str(len(layers)), share, f"{macs:,}" if ran else "by the number of regions"))
    foot = ("total", str(len(summary.rows)), f"{summary.parameters:,}", f"{summary.macs:,}")
    return table(("part", "layers", "parameters", "MACs an image"), rows, numeric=(1, 2, 3), foot=foot)


def _of(summary: Any, start: str) -> list[Any]:
    """The layers of a part."""
    return [row for row in summary.rows if row.path == start or row.path.startswith(f"{start}.")]
