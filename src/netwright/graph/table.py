"""The table of a network: a row a layer, and totals. `netwright.graph.summary` fills it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netwright.graph.observer import Window

Shape = tuple[int, ...]

_COLUMNS = ("path", "layer", "output_shape", "parameters", "macs", "receptive_field")
_HEADINGS = ("layer", "what", "output shape", "parameters", "MACs", "receptive field")


@dataclass(frozen=True)
class Row:
    """One layer: what it is, what it has, what it costs, what it sees.

    Attributes
    ----------
    path : where its module is in the built module.
    layer : the layer, as code.
    output_shape : for one sample; None where the module gives no tensor.
    parameters, trainable : numbers of parameters (shared ones count where they come first), of those not frozen.
    macs : multiply-accumulates for one sample.
    receptive_field : how far one output sees on the network's input, per space axis; None if it depends on no input,
        or on several inputs of different sizes, which have no extent in common.
    window : the same with its stride and its start.
    """

    path: str
    layer: str
    output_shape: Shape | None
    parameters: int
    trainable: int
    macs: int
    receptive_field: Shape | None
    window: Window | None


@dataclass(frozen=True)
class Summary:
    """The table of a network; print it, or read its rows and totals.

    Attributes
    ----------
    rows : one for each layer.
    parameters, trainable : numbers of parameters, shared ones counted once, and of those that are not frozen.
    macs : multiply-accumulates for one sample.
    receptive_field : how far an output of the last layer sees on the network's input, per space axis; None as in a row.
    device : where it was observed: "meta", or "cpu" for modules that need real numbers.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU, Softmax
    >>> summary = (Input(4) >> ReLU(8) >> Softmax(3)).summary()
    >>> summary.parameters, summary.macs
    (67, 56)
    >>> [row.output_shape for row in summary.rows]
    [(4,), (8,), (3,)]
    """

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    macs: int
    receptive_field: Shape | None
    device: str = "meta"

    def to_frame(self) -> Any:
        """The rows as a pandas frame (needs the extra ``netwright[frames]``)."""
        import pandas

        return pandas.DataFrame([{name: getattr(row, name) for name in _COLUMNS} for row in self.rows])

    def __str__(self) -> str:
        cells = [_HEADINGS, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(_HEADINGS))]
        lines = [
            "  ".join(
                text.ljust(w) if i < 3 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in cells
        ]
        rule = "-" * max(map(len, lines))
        frozen = self.parameters - self.trainable
        totals = f"{self.parameters:,} parameters" + (f" ({frozen:,} frozen)" if frozen else "")
        totals += f", {self.macs:,} MACs a sample"
        return "\n".join(line.rstrip() for line in [lines[0], rule, *lines[1:], rule, totals])


def _cells(row: Row) -> tuple[str, ...]:
    field = "-" if row.receptive_field is None else " x ".join(map(str, row.receptive_field))
    what = row.layer if len(row.layer) <= 44 else f"{row.layer[:41]}..."
    return row.path, what, str(row.output_shape), f"{row.parameters:,}", f"{row.macs:,}", field
