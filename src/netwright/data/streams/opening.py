"""`stream`: whatever holds more rows than memory does, as an estimator takes it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import boolean, check, integer
from netwright.data.streams.arrays import ArraySource, opened
from netwright.data.streams.datasets import DatasetSource, FolderSource
from netwright.data.streams.parquet import ParquetSource
from netwright.data.streams.source import Source, Stream


def stream(
    data: Any,
    y: Any = None,
    *,
    target: str | None = None,
    columns: Sequence[str] | None = None,
    size: int | tuple[int, int] | None = None,
    gray: bool = False,
    workers: int = 0,
) -> Stream:
    """Rows that are read batch by batch while a network is trained, for ``fit(stream(...))``.

    The order of the rows is a function of (seed, epoch), whatever the number of workers. Where rows are read in parts
    (row groups, a mebibyte of an array), parts are drawn in a random order and the rows of many parts are mixed; else
    all rows are. The targets, one number or text a row, are in memory.

    Parameters
    ----------
    data : the name of a ``.npy`` file, of a Parquet file or a folder of them, or of a folder of images with one
        sub-folder for each class; an array such as a `numpy.memmap`; a dataset with ``__len__`` and ``__getitem__``.
    y : the targets (n, ...), where the data do not have them.
    target : the column of Parquet files that is the target.
    columns : of Parquet files that are read; None for all but the target.
    size : (height, width) of images, or one number for both.
    gray : whether images have one channel.
    workers : processes that read ahead, >= 0; 0 reads between the batches.

    Raises
    ------
    InvalidData : what cannot be read, other numbers of rows and targets. InvalidParameter : options that do not fit.

    Examples
    --------
    >>> import netwright as nw, numpy as np, pathlib, tempfile
    >>> X = np.random.default_rng(0).normal(size=(500, 3)).astype("float32")
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "rows.npy"
    >>> np.save(file, X)
    >>> rows = nw.data.stream(file, X[:, 0] > 0)
    >>> clf = nw.Classifier("ReLU(8) >> Softmax(2)", optimizer="Adam(0.02)", epochs=20, random_state=0).fit(rows)
    >>> clf.score(rows) > 0.95
    True
    """
    check("stream(workers)", workers, integer(0))
    check("stream(gray)", gray, boolean)
    source, found = _source(data, target, columns, size, gray)
    if y is not None and found is not None:
        raise InvalidParameter(problem("stream(y)", "None, as the data have targets", f"a {type(y).__name__}"))
    y = found if y is None else np.asarray(y)
    if y is not None and len(y) != source.n:
        where = f"Found input variables with inconsistent numbers of samples: {[source.n, len(y)]}. stream(y)"
        raise InvalidData(problem(where, "one target a row", f"{len(y)} for {source.n} rows"))
    return Stream(source, y, workers)


def _source(data: Any, target: Any, columns: Any, size: Any, gray: bool) -> tuple[Source, Any]:
    """The source, and the targets that it has."""
    if isinstance(data, (str, os.PathLike)):
        return _named(Path(data), target, columns, size, gray)
    if isinstance(data, np.ndarray):
        return ArraySource(data), None
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (list, tuple, dict)):
        dataset = DatasetSource(data)
        return dataset, dataset.targets()
    expected = "the name of a file or folder, an array, or a dataset with __len__ and __getitem__"
    raise InvalidData(problem("stream(data)", expected, f"a {type(data).__name__}"))


def _named(path: Path, target: Any, columns: Any, size: Any, gray: bool) -> tuple[Source, Any]:
    """The source of a file or a folder."""
    if not path.exists():
        raise InvalidData(problem(f"stream({str(path)!r})", "a file or a folder", "nothing of that name"))
    if path.suffix == ".npy":
        return ArraySource(opened(str(path))), None
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if files:
        table = ParquetSource(files, columns, target)
        return table, table.target
    if size is None:
        remedy = "Give size=64, the height and width that all images are brought to."
        raise InvalidParameter(problem("stream(size)", "a size for the images of a folder", "None", remedy))
    images = FolderSource(path, size, gray)
    return images, images.target
