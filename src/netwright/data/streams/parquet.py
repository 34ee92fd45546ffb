"""Rows of Parquet files, read by row groups."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem
from netwright.data.streams.source import Numbers, Source


class ParquetSource(Source):
    """Columns of numbers of one or several Parquet files with the same columns.

    Parameters
    ----------
    files : their names, in the order of the rows. columns : to be read; None for all but `target`. target : a column.

    Attributes
    ----------
    names : of the columns. target : its values, or None.

    Raises
    ------
    InvalidData : no Parquet file, columns that are not there, or are no numbers. InvalidParameter : no pyarrow.
    """

    names: list[str]

    def __init__(self, files: Sequence[Path], columns: Sequence[str] | None = None, target: str | None = None) -> None:
        self.files = [str(file) for file in files]
        self._files: dict[int, Any] = {}
        heads = [_opened(file) for file in self.files]
        schemas = [head.schema_arrow for head in heads]
        wanted = [name for name in schemas[0].names if name != target] if columns is None else list(columns)
        for file, schema in zip(self.files, schemas, strict=True):
            _expect_columns(schema, wanted, target, file)
            if target is not None:
                _expect_same_kind(schema.field(target), schemas[0].field(target), file, self.files[0])
        self.names = wanted
        sizes = [head.metadata.row_group(g).num_rows for head in heads for g in range(head.num_row_groups)]
        self.places = [(i, g) for i, head in enumerate(heads) for g in range(head.num_row_groups)]
        self.edges = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.n, self.shape = int(self.edges[-1]), (len(wanted),)
        if not self.n:
            raise InvalidData(problem(self.files[0], "rows", "0 rows"))
        kinds = {schema.field(name).type.to_pandas_dtype() for schema in schemas for name in wanted}
        self.dtype = np.dtype(np.float32 if kinds <= {np.float32, np.float16} else np.float64)
        self.target: NDArray[Any] | None = None
        if target is not None:
            parts = [head.read(columns=[target]).column(0).to_numpy() for head in heads]
            self.target = np.concatenate(parts)

    def ordered(self, names: Sequence[str]) -> ParquetSource:
        """The same rows with their columns in another order, or with some of them; nothing is read."""
        made = copy.copy(self)
        made.names, made.shape, made._files = list(names), (len(names),), {}
        return made

    def read(self, rows: Numbers) -> NDArray[Any]:
        assert self.edges is not None
        found = np.empty((len(rows), *self.shape), self.dtype)
        groups = np.searchsorted(self.edges, rows, "right") - 1
        for group in np.unique(groups):
            file, number = self.places[group]
            table = self._file(file).read_row_group(number, columns=self.names)
            here = np.flatnonzero(groups == group)
            whole = np.empty((len(self.names), table.num_rows), self.dtype)
            for column, name in enumerate(self.names):
                whole[column] = table.column(name).to_numpy(zero_copy_only=False)
            found[here] = np.ascontiguousarray(whole.T)[rows[here] - self.edges[group]]
        return found

    def _file(self, number: int) -> Any:
        """A file, opened once in each process."""
        if number not in self._files:
            self._files[number] = _opened(self.files[number])
        return self._files[number]

    def __getstate__(self) -> dict[str, Any]:
        """For other processes, which open the files themselves."""
        return {**vars(self), "_files": {}}


def _opened(file: str) -> Any:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        remedy = "Install it with: pip install 'netwright[frames]'"
        raise InvalidParameter(problem("stream", "pyarrow, to read Parquet", "none", remedy)) from error
    try:
        return parquet.ParquetFile(file)
    except Exception as error:  # pyarrow has errors of its own
        reason = str(error).splitlines()[0]
        raise InvalidData(problem(f"stream({file!r})", "a Parquet file", reason)) from error


def _expect_columns(schema: Any, wanted: list[str], target: str | None, file: str) -> None:
    """The columns are in a file, and those that are read are numbers."""
    names = list(schema.names)
    for name in [*wanted, *([] if target is None else [target])]:
        if name not in names:
            raise InvalidData(problem(file, f"a column {name!r}", "none of that name", did_you_mean(name, names)))
    for field in map(schema.field, wanted):
        if _kind(field.type) != "numbers":
            remedy = "Name the columns to read, columns=[...], or turn it into numbers first."
            raise InvalidData(problem(f"{file}, column {field.name!r}", "numbers", str(field.type), remedy))


def _expect_same_kind(field: Any, first: Any, file: str, of: str) -> None:
    """The target of a file is of the kind that it is in the first file."""
    if _kind(field.type) != _kind(first.type):
        remedy = "Write it with one type in all files."
        expected = f"{first.type}, as in {of}"
        raise InvalidData(problem(f"{file}, column {field.name!r}", expected, str(field.type), remedy))


def _kind(type_: Any) -> str:
    """What a column holds: numbers, texts, or whatever pyarrow calls it."""
    types = import_module("pyarrow.types")
    if types.is_integer(type_) or types.is_floating(type_) or types.is_boolean(type_):
        return "numbers"
    inner = type_.value_type if types.is_dictionary(type_) else type_
    return "texts" if types.is_string(inner) or types.is_large_string(inner) else str(type_)
