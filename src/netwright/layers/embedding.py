"""Embeddings: a learned vector for each symbol, in sequences and in the columns of a table."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import Constraint, integer, nothing, tuple_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.dense import WEIGHTS, Start, fresh, settle, start
from netwright.layers.init import Normal


@value("layer")
class Embedding(Layer):
    """A learned vector for each symbol: y_t = W[x_t].

    Symbols are integers 0 ... entries - 1, and may come as floats that hold them. (float32 holds integers exactly up to
    2^24, bfloat16 only up to 256: do not convert indices to it.) On a GPU, where a look at the values would make the
    program wait, fractions are cut and a symbol out of range is torch's error.

    Parameters
    ----------
    entries : number of symbols, >= 1.
    dimension : length of each vector, >= 1.
    weight : how the vectors start, an initialisation rule or a number.

    Shapes
    ------
    (steps,) -> (steps, dimension); any shape -> (*shape, dimension)

    Raises
    ------
    InvalidData : when it runs on the CPU on a symbol that is no integer in 0 ... entries - 1.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Embedding, Input
    >>> (Input(20) >> Embedding(1000, 16)).output_shape
    (20, 16)

    References
    ----------
    Bengio, Ducharme, Vincent, Jauvin, *A neural probabilistic language model*, 2003.
    """

    entries: int
    dimension: int
    weight: Start = Normal(std=1.0)

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "entries": integer(1),
        "dimension": integer(1),
        "weight": WEIGHTS["weight"],
    }

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        table = _table(self.entries, self.dimension, self.weight)
        return torch.nn.Sequential(OrderedDict(symbols=ToSymbols(repr(self), (self.entries,)), table=table))


@value("layer")
class ColumnEmbedding(Layer):
    """Learned vectors for the categorical columns of a table: y = (x_numeric, W_1[x_1], ..., W_m[x_m]).

    The last m columns of the input are integer codes 0 ... cardinality - 1; those before them are kept as they are.

    Parameters
    ----------
    cardinalities : number of codes of each of the last m columns, each >= 1.
    dimension : length of the vectors; None is min(50, floor((k + 1) / 2)) for a column of k codes.
    weight : how the vectors start, an initialisation rule or a number.

    Shapes
    ------
    (features,) -> (features - m + total length of the m vectors,)

    Raises
    ------
    JoinError : an input that is not (features,) with at least m features.
    InvalidData : when it runs on the CPU on a code that is no integer in 0 ... cardinality - 1.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import ColumnEmbedding, Input
    >>> (Input(5) >> ColumnEmbedding((3, 7))).output_shape  # 3 numeric columns, vectors of 2 and 4
    (9,)

    References
    ----------
    Guo, Berkhahn, *Entity embeddings of categorical variables*, 2016.
    """

    cardinalities: tuple[int, ...]
    dimension: int | None = None
    weight: Start = Normal(std=1.0)

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "cardinalities": tuple_of(integer(1), least=1),
        "dimension": integer(1) | nothing,
        "weight": WEIGHTS["weight"],
    }

    def __post_init__(self) -> None:
        settle(self)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        count = len(self.cardinalities)
        if len(shapes[0]) != 1 or shapes[0][0] < count:
            remedy = f"Its last {count} columns hold the codes."
            raise refuse(self, f"an input (features,) with at least {count} features", shapes, remedy)
        tables = [_table(k, self.dimension or min(50, (k + 1) // 2), self.weight) for k in self.cardinalities]
        return EmbeddedColumns(tables, ToSymbols(repr(self), self.cardinalities))


class ToSymbols(torch.nn.Module):
    """Whatever holds integers as 64-bit integers, checked where that costs next to nothing: on the CPU.

    Parameters
    ----------
    layer : how an error names the layer.
    counts : how many symbols there are; or how many in each column of (batch, columns).
    """

    def __init__(self, layer: str, counts: tuple[int, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.counts = counts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """any shape -> the same shape

        Raises
        ------
        InvalidData : a symbol out of range, or a fraction; the first one is named.
        """
        symbols = x.long()
        # a value of a tensor on a GPU would have to be waited for, and one in a traced graph has none
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]
        if x.device.type == "cpu" and x.numel() and not traced:
            self._require_known(x, symbols)
        return symbols

    def _require_known(self, x: torch.Tensor, symbols: torch.Tensor) -> None:
        columns = symbols.reshape(-1, len(self.counts))  # (places, columns)
        least, most = torch.aminmax(symbols)
        within = int(least) >= 0 and int(most) < min(self.counts)
        if not within and len(self.counts) > 1 and int(least) >= 0:
            highs = columns.amax(dim=0).tolist()
            within = all(high < count for high, count in zip(highs, self.counts, strict=True))
        if within and (not x.is_floating_point() or torch.equal(symbols.to(x.dtype), x)):
            return
        limits = torch.tensor(self.counts).expand_as(columns).reshape(x.shape)
        place = tuple(torch.nonzero((symbols < 0) | (symbols >= limits) | (symbols != x))[0].tolist())
        where = f"{self.layer}, code column {place[1] + 1}" if len(self.counts) > 1 else self.layer
        got = f"{x[place].item():.12g} in sample {place[0]} of the batch"
        remedy = "Count the symbols from 0, and give the layer as many as the data have."
        raise InvalidData(problem(where, f"integers from 0 to {int(limits[place]) - 1}", got, remedy))


class EmbeddedColumns(torch.nn.Module):
    """The first columns as they are, each of the last through its table.

    Parameters
    ----------
    tables : one ``torch.nn.Embedding`` for each of the last columns.
    symbols : makes integers of these columns.
    """

    def __init__(self, tables: list[torch.nn.Embedding], symbols: ToSymbols) -> None:
        super().__init__()
        self.symbols = symbols
        self.tables = torch.nn.ModuleList(tables)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, features) -> (batch, numeric columns + total length of the vectors)"""
        numeric = x.shape[1] - len(self.tables)
        codes = self.symbols(x[:, numeric:])
        vectors = [table(codes[:, column]) for column, table in enumerate(self.tables)]
        return torch.cat([x[:, :numeric].to(vectors[0].dtype), *vectors], dim=1)


def _table(entries: int, dimension: int, weight: Start) -> torch.nn.Embedding:
    table: torch.nn.Embedding = fresh(torch.nn.Embedding, entries, dimension)
    start(table, weight, False)
    return table
