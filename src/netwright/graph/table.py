"""The table of a network: a row a layer, and totals. `netwright.graph.summary` fills it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netwright.graph.html import table_html
from netwright.graph.observer import Step
from netwright.graph.window import Window

Shape = tuple[int, ...]

CONVENTION = "MACs: multiply-accumulates of convolutions and matrix products, biases not counted; FLOPs = 2 MACs"
_FRAME = (
    *("path", "layer", "sources", "output_shape", "kernel", "parameters", "trainable", "macs", "flops", "saved_bytes"),
    *("receptive_field", "stride", "padding"),
)
HEADINGS = (
    *("layer", "what", "output shape", "kernel", "parameters", "MACs", "FLOPs", "saved"),
    *("field", "stride", "padding"),
)
LEFT = 4  # the columns that are texts
WIDEST = 40  # characters of a layer's code
MANY, FEW = 60, 25  # rows of a table that is shown whole in a session; of the head and the tail of a longer one


@dataclass(frozen=True)
class How:
    """How the figures of a row come about: its window, formulas by the name of the figure, and whether it ran."""

    kernel: str = ""
    formulas: Mapping[str, str] = field(default_factory=dict)
    ran: bool = True


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
    window : which places of the network's input one output depends on; None if it depends on no input. `whole` is all
        of it; with `bound` it is all at most, behind operations whose places are not followed (a shuffle, a sort).
    saved_bytes : what it keeps for the backward pass of a training step, for one more sample.
    sources : paths of the layers that it reads.
    how : the layer's own window as kernel/stride padding, such as ``3x3/2 p1`` (`kernel`), and how size, parameters,
        MACs and field come about, where there is a formula (`formulas`); and whether it ran at all (`ran`).
    """

    path: str
    layer: str
    output_shape: Shape | None
    parameters: int
    trainable: int
    macs: int
    window: Window | None
    saved_bytes: int = 0
    sources: tuple[str, ...] = ()
    how: How = How()

    @property
    def kernel(self) -> str:
        """The layer's own window."""
        return self.how.kernel

    @property
    def formulas(self) -> Mapping[str, str]:
        """How its figures come about."""
        return self.how.formulas

    @property
    def ran(self) -> bool:
        """Whether it ran; a layer for training only, say, has its parameters in the table and no more."""
        return self.how.ran

    @property
    def receptive_field(self) -> Shape | None:
        """How far one output sees on the network's input, per space axis.

        None if it depends on no input, or on several inputs of different sizes, which have no extent in common.
        """
        return None if self.window is None else self.window.extent

    @property
    def flops(self) -> int:
        """Floating-point operations for one sample: two for each multiply-accumulate."""
        return 2 * self.macs

    @property
    def stride(self) -> tuple[Any, ...] | None:
        """The effective stride on the network's input, per space axis; None where there is none.

        It is 0 along an axis that is seen alike from everywhere.
        """
        return None if self.window is None or self.window.whole or not self.window.axes else self.window.stride

    @property
    def padding(self) -> tuple[int, ...] | None:
        """The effective padding on the network's input, per space axis; None where there is none."""
        return None if self.window is None or self.window.whole or not self.window.axes else self.window.padding


@dataclass(frozen=True, repr=False)
class Summary:
    """The table of a network; print it, show it in a notebook, or read its rows and totals.

    An interactive session shows up to 60 rows, of a longer table the first and the last 25; `print` shows all.

    Attributes
    ----------
    rows : one for each layer.
    parameters : their number, shared ones counted once.
    macs : multiply-accumulates for one sample.
    window : what an output of the last layer sees, as in a row.
    device : where it was observed: "meta", or "cpu" for modules that need real numbers.
    saved : bytes kept for a backward pass: (for any batch, for each sample of it).
    call : all figures are of one call on example tensors, batch axis included, not of one sample.
    explained : whether printing shows the formulas.
    notes : what else there is to say of the figures, a line each.
    steps : the calls of layers in the order in which they ran, and the operations between them that merge several
        results, each with the steps that it reads; what a diagram is drawn from.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU, Softmax
    >>> summary = (Input(4) >> ReLU(8) >> Softmax(3)).summary()
    >>> summary.parameters, summary.macs, summary.flops
    (67, 56, 112)
    >>> [row.output_shape for row in summary.rows]
    [(4,), (8,), (3,)]
    """

    rows: tuple[Row, ...]
    parameters: int
    macs: int
    window: Window | None
    device: str = "meta"
    saved: tuple[int, int] = (0, 0)
    call: bool = False
    explained: bool = False
    notes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = field(default=(), repr=False)

    @property
    def flops(self) -> int:
        """Floating-point operations for one sample: two for each multiply-accumulate."""
        return 2 * self.macs

    @property
    def trainable(self) -> int:
        """The number of parameters that are not frozen, shared ones counted once."""
        return sum(row.trainable for row in self.rows)

    @property
    def receptive_field(self) -> Shape | None:
        """How far an output of the last layer sees on the network's input, per space axis; None as in a row."""
        return None if self.window is None else self.window.extent

    @property
    def bound(self) -> bool:
        """Whether it sees that far at most."""
        return self.window is not None and self.window.bound

    def saved_bytes(self, batch_size: int = 1) -> int:
        """Bytes of activations that one training step keeps for its backward pass.

        Each storage is counted once; parameters, gradients and the state of the update rule are not in it.

        Parameters
        ----------
        batch_size : samples of the step; of no account where the figures are of one call.

        Examples
        --------
        >>> from netwright.layers import Input, ReLU, Softmax
        >>> summary = (Input(4) >> ReLU(8) >> Softmax(3)).summary()  # the input, the rectified and the probabilities
        >>> summary.saved_bytes(32) == 32 * 4 * (4 + 8 + 3)
        True
        """
        fixed, each = self.saved
        return fixed + each * batch_size

    def to_frame(self) -> Any:
        """The rows as a pandas frame (needs the extra ``netwright[frames]``)."""
        import pandas

        return pandas.DataFrame([{name: getattr(row, name) for name in _FRAME} for row in self.rows])

    def totals(self) -> list[str]:
        """The lines below the table."""
        frozen = self.parameters - self.trainable
        unit = "in this call" if self.call else "a sample"
        parameters = f"{self.parameters:,} parameters" + (f" ({frozen:,} frozen)" if frozen else "")
        fixed, each = self.saved
        kept = (
            f"{size_text(fixed)} saved for backward" if self.call else f"{size_text(each)} saved for backward a sample"
        )
        if fixed and not self.call:
            kept += f" + {size_text(fixed)}"
        lines = [f"{parameters}, {self.macs:,} MACs = {self.flops:,} FLOPs {unit}, {kept}", CONVENTION]
        return [*lines, *self.notes]

    def _table(self) -> tuple[list[tuple[str, ...]], list[str]]:
        """The headings and the texts of all rows without columns that are empty, and the formulas of each row."""
        table = [HEADINGS, *map(cells, self.rows)]
        shown = [i for i in range(len(HEADINGS)) if i < 3 or any(line[i] not in ("", "-") for line in table[1:])]
        how = ["; ".join(f"{name}: {text}" for name, text in row.formulas.items()) for row in self.rows]
        return [tuple(line[i] for i in shown) for line in table], how if self.explained else [""] * len(how)

    def __str__(self) -> str:
        return self._text(len(self.rows))

    def __repr__(self) -> str:
        return self._text(FEW if len(self.rows) > MANY else len(self.rows))

    def _text(self, ends: int) -> str:
        """With that many rows of the head and of the tail."""
        table, how = self._table()
        left = LEFT - (HEADINGS[LEFT - 1] not in table[0])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                text.ljust(w) if i < left else text.rjust(w)
                for i, (text, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in table
        ]
        rule = "-" * max(map(len, lines))
        rows = []
        for place, (line, note) in enumerate(zip(lines[1:], how, strict=True)):
            if ends <= place < len(how) - ends:
                rows += [f"... {len(how) - 2 * ends} more"] if place == ends else []
                continue
            rows.append(line)
            rows += textwrap.wrap(note, max(len(rule), 80), initial_indent="    ", subsequent_indent="    ")
        return "\n".join([lines[0], rule, *rows, rule, *self.totals()])

    def _repr_html_(self) -> str:
        table, how = self._table()
        left = LEFT - (HEADINGS[LEFT - 1] not in table[0])
        return table_html(table[0], table[1:], how, self.totals(), left, [row.layer for row in self.rows])


def size_text(count: int) -> str:
    """Bytes for people: 1 kB is 1,000 bytes."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}" if count < 999.5 * factor else f"{count / factor:.0f} {unit}"
    return f"{count} B"


def cells(row: Row) -> tuple[str, ...]:
    """The texts of a row, one for each heading."""
    what = row.layer if len(row.layer) <= WIDEST else f"{row.layer[: WIDEST - 3]}..."
    shape = "-" if row.output_shape is None else str(row.output_shape)
    counts = (f"{row.parameters:,}", f"{row.macs:,}", f"{row.flops:,}", size_text(row.saved_bytes))
    most = "<=" if row.window is not None and row.window.bound and row.receptive_field else ""
    seen = (most + _axes(row.receptive_field), _axes(row.stride), _axes(row.padding))
    return row.path, what, shape, row.kernel, *counts, *seen


def _axes(axes: tuple[Any, ...] | None) -> str:
    """One number where all axes are equal."""
    if axes is None:
        return "-"
    return str(axes[0]) if len(set(axes)) == 1 else " x ".join(map(str, axes))
