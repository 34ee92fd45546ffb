"""Reading loaders and data sets as a training program has them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from netwright.checks.reading import Keywords, leaves, read

F32 = torch.float32


@pytest.fixture
def pair(draw: Any) -> tuple[Any, Any]:
    return draw(50, 4), torch.arange(50) % 3


class Rows(Dataset[Any]):
    """A data set of what a function gives for a row."""

    def __init__(self, give: Any, n: int = 20) -> None:
        self.give, self.n = give, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, row: int) -> Any:
        if row >= self.n:
            raise IndexError
        return self.give(row)


class Stream(IterableDataset[Any]):
    """Rows one after the other, of unknown number."""

    def __iter__(self) -> Any:
        return ((torch.full((2,), float(row)), row % 2) for row in range(17))


@pytest.mark.parametrize(
    ("make", "shuffled"),
    [
        (lambda rows: DataLoader(rows, batch_size=20), False),
        (lambda rows: DataLoader(rows, batch_size=20, shuffle=True), True),
        (lambda rows: DataLoader(rows, batch_sampler=BatchSampler(RandomSampler(rows), 20, False)), True),
        (lambda rows: DataLoader(rows, batch_sampler=BatchSampler(range(50), 20, False)), None),
        (lambda rows: DataLoader(rows, batch_size=20, sampler=WeightedRandomSampler([1] * 50, 50)), None),
    ],
    ids=["in order", "shuffled", "batches shuffled", "batches", "weights"],
)
def test_a_loader_gives_its_own_batches(make: Any, shuffled: Any, pair: Any) -> None:
    found = read(make(TensorDataset(*pair)), 3, F32)
    assert (found.batch_size, found.smallest, len(found.batches)) == (20, 10, 3)
    assert found.shuffled is shuffled
    assert (found.complete, found.arrays) == (True, False)
    assert len(found.whole) == 50


def test_weights_of_a_sampler_are_known(pair: Any) -> None:
    rows = TensorDataset(*pair)
    assert read(DataLoader(rows, sampler=WeightedRandomSampler([1] * 50, 50)), None, F32).weighted
    assert not read(DataLoader(rows), None, F32).weighted


def test_a_data_set_is_read_in_order(pair: Any) -> None:
    found = read(TensorDataset(*pair), 20, F32)
    assert torch.equal(found.whole.target, pair[1])
    assert (found.batch_size, found.shuffled, found.arrays) == (20, None, True)


def test_a_stream_of_unknown_length() -> None:
    for data in (Stream(), DataLoader(Stream(), batch_size=5)):
        found = read(data, 5, F32)
        assert len(found.whole) == 17
        assert [len(batch) for batch in found.batches] == [5, 5, 5, 2]


def test_rows_of_other_forms() -> None:
    found = read(Rows(lambda row: (torch.ones(2), torch.zeros(3), row)), 4, F32)
    assert [tuple(each.shape) for each in found.whole.inputs] == [(20, 2), (20, 3)]
    found = read(Rows(lambda row: (torch.ones(2), {"a": row, "b": float(row)})), 4, F32)
    assert set(found.whole.target) == {"a", "b"}
    found = read(Rows(lambda row: ((torch.ones(2), torch.zeros(3)), row)), 4, F32)
    assert len(found.whole.inputs) == 2


def test_batches_of_other_shapes_are_left_out_of_the_whole() -> None:
    rows = Rows(lambda row: (torch.ones(3 + row // 10), row))
    found = read(DataLoader(rows, batch_size=5), None, F32)
    assert len(found.batches) == 4
    assert found.whole.inputs[0].shape == (10, 3)


def test_weights_and_orders_inside_a_sampler_of_batches(pair: Any) -> None:
    rows = TensorDataset(*pair)

    class Buckets(BatchSampler):
        """Batches in an order of their own."""

    def loader(kind: Any, sampler: Any) -> Any:
        return read(DataLoader(rows, batch_sampler=kind(sampler, 20, False)), None, F32)

    assert loader(BatchSampler, WeightedRandomSampler([1] * 50, 50)).weighted
    assert loader(BatchSampler, SequentialSampler(rows)).shuffled is False
    assert loader(Buckets, SequentialSampler(rows)).shuffled is None
    assert loader(Buckets, RandomSampler(rows)).shuffled is True


def test_a_loader_may_be_in_the_middle_of_an_epoch(pair: Any) -> None:
    loader = DataLoader(TensorDataset(*pair), batch_size=10)
    loader._iterator = "the users"  # type: ignore[assignment]
    read(loader, None, F32)
    assert loader._iterator == "the users"
    loader._iterator = None
    iterator = iter(loader)
    first = next(iterator)
    read(loader, None, F32)
    assert torch.equal(torch.cat([first[1], *(y for _, y in iterator)]), pair[1])


class Batches:
    """A loader that is none of torch's."""

    def __init__(self, *batches: Any) -> None:
        self.batches = batches

    def __iter__(self) -> Any:
        return iter(self.batches)


def test_loaders_of_other_kinds(pair: Any) -> None:
    X, y = pair
    found = read(Batches((X[:20], y[:20]), (X[20:40], y[20:40])), None, F32)
    assert [len(batch) for batch in found.batches] == [20, 20]
    assert (found.shuffled, found.complete, found.arrays) == (None, False, False)
    arrays = read(Batches((X[:20].numpy(), y[:20].numpy())), None, F32)
    assert torch.equal(arrays.whole.inputs[0], X[:20])


def test_batches_that_are_dicts(pair: Any) -> None:
    X, y = pair
    found = read(Batches({"labels": y[:20], "x": X[:20], "y": X[:20], "text": ["a"] * 20}), None, F32)
    assert isinstance(found.whole.inputs[0], Keywords)
    assert set(found.whole.inputs[0]) == {"x", "y"}
    assert torch.equal(found.whole.target, y[:20])
    part = found.whole.rows(slice(0, 3))
    assert isinstance(part.inputs[0], Keywords)
    assert len(part) == 3
    several = read(Batches({"target": {"a": y[:20], "b": X[:20]}, "x": X[:20]}), None, F32)
    assert set(several.whole.target) == {"a", "b"}


def test_targets_of_several_parts(pair: Any) -> None:
    X, y = pair
    for target in ((y, X), [y, X], {"a": y, "b": X}):
        found = read(Batches((X, target)), None, F32)
        assert [torch.equal(a, b) for a, b in zip(leaves(found.whole.target), (y, X), strict=True)] == [True, True]


def test_what_a_loss_writes_into_a_target_stays_in_the_copy(pair: Any) -> None:
    X, y = pair[0].clone(), pair[1].clone()
    for data in ((X, y), Batches((X, y))):
        found = read(data, None, F32)
        for batch in (found.whole, *found.batches):
            batch.target.zero_()
    assert torch.equal(y, pair[1])


@pytest.mark.parametrize("kind", ["list", "by number"])
def test_rows_one_by_one(kind: str, pair: Any) -> None:
    rows: Any = list(zip(pair[0], pair[1].tolist(), strict=True))

    class ByNumber:
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, row: int) -> Any:
            return rows[row]

    found = read(rows if kind == "list" else ByNumber(), 20, F32)
    assert torch.equal(found.whole.inputs[0], pair[0])
    assert torch.equal(found.whole.target, pair[1])
    assert (found.batch_size, found.arrays) == (20, True)


def test_a_loader_without_end_is_not_read_to_its_end() -> None:
    class Endless(IterableDataset[Any]):
        def __iter__(self) -> Any:
            while True:
                yield torch.zeros(2), 0

    found = read(DataLoader(Endless(), batch_size=2), None, F32)
    assert not found.complete
    assert 100 < len(found.whole) < 5000
