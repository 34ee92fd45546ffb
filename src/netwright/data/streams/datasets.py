"""Rows of datasets with ``__len__`` and ``__getitem__``, and of folders of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem
from netwright.data.images import image_files, load_images
from netwright.data.streams.source import Numbers, Source


class DatasetSource(Source):
    """A dataset of samples x, (x,) or (x, y), such as a map-style torch ``Dataset``.

    Parameters
    ----------
    dataset : with ``__len__`` and ``__getitem__``.

    Raises
    ------
    InvalidData : no samples.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset, self.n = dataset, len(dataset)
        if not self.n:
            raise InvalidData(problem("stream(data)", "samples", "an empty dataset"))
        first = self._sample(0)
        self.shape, self.dtype = first.shape, first.dtype

    def read(self, rows: Numbers) -> NDArray[Any]:
        found = np.empty((len(rows), *self.shape), self.dtype)
        for place, row in enumerate(rows.tolist()):
            sample = self._sample(row)
            if sample.shape != self.shape:
                got = f"shape {sample.shape}"
                raise InvalidData(problem(f"sample {row} of the dataset", f"shape {self.shape}, as the first", got))
            found[place] = sample
        return found

    def targets(self) -> NDArray[Any] | None:
        """The targets: its attribute ``targets``, or the second part of each sample, or None."""
        given = getattr(self.dataset, "targets", None)
        if given is not None:
            return np.asarray(given)
        first = self.dataset[0]
        if not isinstance(first, (tuple, list)) or len(first) < 2:
            return None
        return np.asarray([np.asarray(self.dataset[row][1]) for row in range(self.n)])

    def _sample(self, row: int) -> NDArray[Any]:
        item = self.dataset[row]
        return np.asarray(item[0] if isinstance(item, (tuple, list)) else item)


class FolderSource(Source):
    """Images of a folder with one sub-folder for each class, decoded when they are read.

    Parameters
    ----------
    folder : as of `netwright.data.load_image_folder`. size : (height, width), or one number. gray : whether images have
        one channel, or three.

    Attributes
    ----------
    files : their names. target : the names of their sub-folders.
    """

    def __init__(self, folder: Path, size: int | tuple[int, int], gray: bool) -> None:
        self.files, self.target = image_files(folder)
        self.size, self.gray, self.n = size, gray, len(self.files)
        self.shape = self.read(np.zeros(1, np.int64)).shape[1:]
        self.dtype = np.dtype(np.float32)

    def read(self, rows: Numbers) -> NDArray[Any]:
        return load_images([self.files[row] for row in rows.tolist()], self.size, self.gray)
