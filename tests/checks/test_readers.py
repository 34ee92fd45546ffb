"""Copies of data sets and loaders: what is read moves nothing of the user's, and big parts are shared."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler

from netwright.checks.readers import MOST_BYTES, MOST_PARTS, reader_copy
from netwright.checks.reading import read


class Counting(Dataset[Any]):
    """Rows that note how often they were asked for, and that are moved by a generator of their own."""

    def __init__(self) -> None:
        self.X, self.y = torch.randn(40, 3), np.arange(40) % 2
        self.asked: list[int] = []
        self.numpy, self.python = np.random.default_rng(0), random.Random(0)
        self.change = lambda x: x + self.numpy.random()

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        self.asked.append(row)
        self.python.random()
        self.numpy.random()
        return self.X[row], int(self.y[row])

    def state(self) -> Any:
        return len(self.asked), self.numpy.bit_generator.state, self.python.getstate()


class Stream(IterableDataset[Any]):
    """Rows one after the other, of which it keeps the position."""

    def __init__(self) -> None:
        self.at = 0

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        while self.at < 40:
            self.at += 1
            yield torch.ones(3) * self.at, self.at % 2


class Turns(RandomSampler):
    """An order that counts how often it was drawn."""

    drawn = 0

    def __iter__(self) -> Iterator[int]:
        self.drawn += 1
        return super().__iter__()


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: DataLoader(rows, 8, shuffle=True)])
def test_a_data_set_stays_as_it_is(wrap: Any) -> None:
    rows = Counting()
    before = rows.state()
    material = read(wrap(rows), 8, torch.float32)
    assert len(material.whole) == 40
    assert rows.state() == before


def test_a_stream_and_a_sampler_stay_where_they_are() -> None:
    stream = Stream()
    assert len(read(DataLoader(stream, 8), None, torch.float32).whole) == 40
    assert stream.at == 0
    rows = Counting()
    sampler = Turns(rows)
    loader = DataLoader(rows, 8, sampler=sampler)
    read(loader, None, torch.float32)
    assert (sampler.drawn, loader.dataset, loader.sampler) == (0, rows, sampler)


def test_arrays_are_shared_and_all_else_is_not() -> None:
    rows = Counting()
    first, second = reader_copy((rows, [rows]))
    assert first is second[0] is not rows
    assert first.X is rows.X
    assert first.y is rows.y
    assert first.asked is not rows.asked
    assert first.numpy is not rows.numpy


def test_what_cannot_be_copied_is_read_itself() -> None:
    rows: Any = Counting()
    rows.lock = threading.Lock()
    assert reader_copy(rows) is rows
    assert len(read(rows, 8, torch.float32).whole) == 40
    many = Counting()
    many.asked = list(range(1000, 1000 + MOST_PARTS))
    assert reader_copy(many) is many
    large: Any = Counting()
    large.text = "x" * (MOST_BYTES + 1)
    assert reader_copy(large) is large
