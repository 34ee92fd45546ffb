"""The network as a diagram in SVG: a box a layer with its text, output shape and parameters, and arrows between them.

No program draws it: the layout follows from the expression (`netwright.plots.layout`), and the text below is the
picture. Boxes are light with dark text and lines are of a gray that is seen as well on white as on black, so that it
can stand on any page. Blue boxes have parameters, orange ones merge several inputs, gray ones are the entrances.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.graph import Chain, Expression, Input, Row, Step, Summary, begins_with_input, close
from netwright.plots.layout import Block, Wire, boxed, in_columns, lay_out
from netwright.plots.structure import placed, structure_of
from netwright.plots.svg import Svg, escaped, number

LINE = "#767676"  # 4.5 : 1 on white, 4.6 : 1 on black
FILLS = {  # fill and edge of a box
    "input": ("#e6e6e6", "#767676"),
    "weights": ("#d3e8f5", "#0072b2"),
    "merge": ("#fbe3b8", "#b97a00"),
    "plain": ("#f7f7f7", "#767676"),
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Helvetica, Arial, sans-serif"
SIZE, SMALL = 13.0, 11.0  # of the two lines of text, pixels
LONGEST, SHORT = 34, 22  # characters of a layer's text; in a wide diagram
SPACIOUS = 1000.0  # pixels; wider diagrams have shorter texts
MARGIN, CAPTION, RADIUS, ARROW = 12.0, 26.0, 7.0, 6.0
WIDEST, SMALLEST = 1600.0, 0.65  # pixels; wider diagrams are scaled down, but not below that scale


@dataclass(frozen=True)
class Entry:
    """What a box says: two lines, all of it for the pointer, and the kind that gives its colour."""

    first: str
    second: str
    all: str
    kind: str


def network_svg(network: Any) -> Svg:
    """The diagram of a network as SVG text; a notebook shows it, ``.save("net.svg")`` writes it.

    Branches stand side by side, an `Identity` beside them is drawn as the line that it is, and a tall network is
    continued in further columns. The `Summary` of any torch module is drawn from what its rows read; where that is no
    nesting of branches (dense connections), the boxes stand in their order, joined by lines without arrows.

    Parameters
    ----------
    network : a closed expression, a fitted estimator whose network is one, or a summary.

    Returns
    -------
    the text, a `Svg`.

    Raises
    ------
    InvalidParameter : an open network, or something else.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU, Softmax
    >>> from netwright.plots import network_svg
    >>> picture = network_svg(Input(4) >> ReLU(8) >> Softmax(3))
    >>> picture.startswith("<svg"), picture.count("<rect"), "ReLU(8)" in picture
    (True, 3, True)
    """
    network = getattr(network, "network_", network)
    if isinstance(network, Summary):
        return _of_steps(network)
    if not isinstance(network, Expression):
        remedy = "Give nw.analyze(module, input_size) for a torch module." if hasattr(network, "forward") else ""
        got = shown(network)
        raise InvalidParameter(problem("network_svg(network)", "a network made of layers, or a summary", got, remedy))
    if isinstance(network, Chain) and network.card is not None and network.card.input_shape:
        network = close(network)  # a named architecture knows its own
    if not begins_with_input(network):
        remedy = "Put Input(...) before it: shapes follow from it."
        raise InvalidParameter(problem("network_svg(network)", "a closed network", shown(network), remedy))
    plan, summary = network.plan(), network.summary()
    entries = [
        _entry(repr(node.layer), node.shape, row, _kind(node.layer, row))
        for node, row in zip(plan.nodes, summary.rows, strict=True)
    ]
    entries, block = _fitted(entries, lambda widths: lay_out(network, widths))
    names = [f"output {i}" for i in range(1, len(plan.outputs) + 1)] if len(plan.outputs) > 1 else []
    return _document(block, entries, names, summary)


def _of_steps(summary: Summary) -> Svg:
    """The diagram of any module, from what its calls and the operations between them read."""
    rows, steps, drawn = {row.path: row for row in summary.rows}, summary.steps, dict[int, int]()
    entries, sources = list[Entry](), list[list[int]]()
    for place, step in enumerate(steps):
        again = step.path and any(steps[before].path == step.path for before in drawn)
        drawn[place] = len(entries)
        entries.append(_step_entry(step, rows.get(step.path), bool(again)))
        sources.append([drawn[source] for source in step.sources])
    if all(entry.kind == "input" for entry in entries):
        raise InvalidParameter(problem("network_svg(network)", "a module with layers that it calls", "none"))
    series = structure_of(sources)

    def blocks(widths: Sequence[float]) -> list[Block]:
        return [boxed(i, max(widths)) for i in range(len(widths))] if series is None else placed(series, widths)

    entries, block = _fitted(entries, lambda widths: in_columns(blocks(widths)))
    return _document(block, entries, [], summary, arrows=series is not None)


def _fitted(entries: list[Entry], lay: Callable[[Sequence[float]], Block]) -> tuple[list[Entry], Block]:
    """The boxes in place; with shorter texts where many stand side by side."""
    block = lay([_width(entry) for entry in entries])
    if block.width <= SPACIOUS:
        return entries, block
    entries = [replace(e, first=_cut(e.first, SHORT), second=_shortened(e.second)) for e in entries]
    return entries, lay([_width(entry) for entry in entries])


def _shortened(text: str) -> str:
    return text.replace(" × ", "×").replace(" parameters", " par.").replace(" parameter", " par.")


def _step_entry(step: Step, row: Row | None, again: bool) -> Entry:
    if not step.operation and (row is None or row.layer.startswith("Input(")):
        size = _size(step.shape)
        return Entry(step.path, size, f"{step.path}: {size}", "input")
    if row is None:
        return Entry(step.operation, f"→ {_size(step.shape)}", step.operation, "merge")
    if again:
        second = f"→ {_size(step.shape)} · again"
        return Entry(_cut(row.layer), second, f"{row.path}: {row.layer}\nits parameters count once", "plain")
    return _entry(row.layer, row.output_shape, row, "weights" if row.parameters else "plain")


def _kind(layer: Any, row: Any) -> str:
    if isinstance(layer, Input):
        return "input"
    if layer.merges:
        return "merge"
    return "weights" if row.parameters else "plain"


def _entry(text: str, shape: Any, row: Any, kind: str) -> Entry:
    size = _size(shape)
    parameters = f"{row.parameters:,} parameter{'s' if row.parameters != 1 else ''}"
    second = size if kind == "input" else f"→ {size}" + (f" · {parameters}" if row.parameters else "")
    whole = f"{row.path}: {text}\noutput {size}\n{parameters}, {row.macs:,} multiply-accumulates"
    return Entry(_cut(text), second, whole, kind)


def _size(shape: Any) -> str:
    return " × ".join(map(str, shape)) if shape else "no output"


def _cut(text: str, longest: int = LONGEST) -> str:
    """A layer's text, cut after one of its arguments where it is too long."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    depth, comma = 0, 0
    for i, character in enumerate(text[: longest - 3]):
        depth += (character in "([{") - (character in ")]}")
        comma = i if character == "," and depth == 1 else comma
    return f"{text[:comma]}, …)" if comma else f"{text[: longest - 1]}…"


def _width(entry: Entry) -> float:
    return max(text_width(entry.first, SIZE), text_width(entry.second, SMALL), 60.0) + 24.0


def text_width(text: str, size: float) -> float:
    """An upper bound of the width of a text in common sans-serif fonts, in pixels.

    Examples
    --------
    >>> text_width("il", 10.0) < text_width("ab", 10.0) < text_width("MW", 10.0)
    True
    """
    return size * sum(_advance(character) for character in text)


def _advance(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.1
    if character in "ijl.,:;'|!()[] ·I":
        return 0.44
    if character in "mwMW%@…×→":
        return 1.12
    return 0.76 if character.isupper() else 0.7


def _document(
    block: Block, entries: Sequence[Entry], outputs: Sequence[str], summary: Summary, arrows: bool = True
) -> Svg:
    """The whole text: title, lines, boxes, caption."""
    layers = sum(entries[box.node].kind != "input" for box in block.boxes)
    caption = f"{layers} layer{'s' if layers != 1 else ''}, {summary.parameters:,} parameters, "
    caption += f"{summary.macs:,} multiply-accumulates a sample"
    foot = CAPTION if outputs else 0.0
    width = max(block.width, text_width(caption, SMALL)) + 2 * MARGIN
    height = block.height + foot + CAPTION + 2 * MARGIN
    block = block.moved((width - block.width) / 2, MARGIN)
    scale = min(1.0, max(WIDEST / width, SMALLEST))
    order = "" if arrows else ", in the order in which they run"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'width="{number(width * scale)}" height="{number(height * scale)}" role="img" '
        f'aria-label="{escaped(caption)}" font-family="{escaped(FONT)}">',
        f"<title>Network: {escaped(caption + order)}</title>",
        f'<g fill="none" stroke="{LINE}" stroke-width="1.5">',
        *(_path(wire, arrows) for wire in block.wires),
        "</g>",
    ]
    heads = {_head(*wire.points[-1]) for wire in block.wires if wire.arrow and arrows}
    lines += [f'<path fill="{LINE}" d="{" ".join(sorted(heads))}"/>'] if heads else []
    lines += ['<g text-anchor="middle" fill="#1a1a1a">']
    lines += [_box(box.x, box.y, box.width, box.height, entries[box.node]) for box in block.boxes]
    lines += ["</g>", f'<g fill="{LINE}" font-size="{number(SMALL)}">']
    lines += _exits(block, outputs)
    lines += [
        f'<text x="{number(width / 2)}" y="{number(height - MARGIN)}" text-anchor="middle">{escaped(caption)}</text>',
        "</g>",
        "</svg>",
    ]
    return Svg("\n".join(lines) + "\n")


def _path(wire: Wire, arrows: bool) -> str:
    """A line with rounded corners; under an arrow it ends before the tip."""
    points = list(wire.points)
    if wire.arrow and arrows:
        points[-1] = (points[-1][0], points[-1][1] - ARROW)
    text = f"M{number(points[0][0])} {number(points[0][1])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        reach = min(RADIUS, _distance(before, corner) / 2, _distance(corner, after) / 2)
        a, b = _towards(corner, before, reach), _towards(corner, after, reach)
        text += f"L{_pair(a)}Q{_pair(corner)} {_pair(b)}"
    return f'<path d="{text}L{_pair(points[-1])}"/>'


def _head(x: float, y: float) -> str:
    return f"M{_pair((x, y))}l-{number(ARROW * 0.6)} -{number(ARROW + 1)}h{number(ARROW * 1.2)}z"


def _box(x: float, y: float, width: float, height: float, entry: Entry) -> str:
    fill, edge = FILLS[entry.kind]
    middle = number(x + width / 2)
    corner = height / 2 if entry.kind == "input" else 6.0
    return (
        f"<g><title>{escaped(entry.all)}</title>"
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
        f'rx="{number(corner)}" fill="{fill}" stroke="{edge}" stroke-width="1.2"/>'
        f'<text x="{middle}" y="{number(y + 19)}" font-size="{number(SIZE)}" font-weight="600">'
        f"{escaped(entry.first)}</text>"
        f'<text x="{middle}" y="{number(y + 35)}" font-size="{number(SMALL)}">{escaped(entry.second)}</text></g>'
    )


def _exits(block: Block, names: Sequence[str]) -> list[str]:
    """Under each of several outputs a line and its name."""
    texts = []
    bottom = max(port.y for port in block.ends)
    for name, port in zip(names, block.ends, strict=False):
        way = f"M{_pair((port.x, port.y))}V{number(bottom + 8)}"
        line = f'<path fill="none" stroke="{LINE}" stroke-width="1.5" d="{way}"/>'
        texts.append(f'{line}<text x="{number(port.x)}" y="{number(bottom + 20)}" text-anchor="middle">{name}</text>')
    return texts


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])  # lines run along the axes


def _towards(a: tuple[float, float], b: tuple[float, float], reach: float) -> tuple[float, float]:
    whole = _distance(a, b) or 1.0
    return a[0] + (b[0] - a[0]) * reach / whole, a[1] + (b[1] - a[1]) * reach / whole


def _pair(point: tuple[float, float]) -> str:
    return f"{number(point[0])} {number(point[1])}"
