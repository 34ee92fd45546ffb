"""Reading data as a training program has them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    TensorDataset,
)

from netwright.checks.arrays import to_tensors
from netwright.checks.reading import Batch, each, first, leaves, read
from netwright.core.errors import InvalidData

F32, F64 = torch.float32, torch.float64


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


class Batches:
    """A loader that is none of torch's."""

    def __init__(self, *batches: Any) -> None:
        self.batches = batches

    def __iter__(self) -> Any:
        return iter(self.batches)


# what can be read


def test_tensors_stay_what_they_are(pair: Any) -> None:
    found = read(pair, None, F64)
    assert found.whole.inputs[0] is pair[0]
    assert torch.equal(found.whole.target, pair[1])
    assert found.whole.target is not pair[1]
    assert (found.arrays, found.complete, found.shuffled) == (True, True, None)
    assert (found.batch_size, found.smallest, len(found.batches)) == (32, 18, 2)


@pytest.mark.parametrize("like", [F32, F64])
def test_arrays_get_the_number_format_of_the_module(like: torch.dtype, pair: Any) -> None:
    X, y = pair[0].numpy().astype("float64"), pair[1].numpy()
    found = read((X, y), None, like)
    assert found.whole.inputs[0].dtype == like
    assert found.whole.target.dtype == torch.int64
    assert torch.equal(found.whole.inputs[0], pair[0].to(like))
    X[:] = 0
    assert float(found.whole.inputs[0].abs().sum()) > 0  # they are copies


def test_integers_and_truths_keep_their_kind(pair: Any) -> None:
    found = read((np.arange(50, dtype="int32").reshape(25, 2), np.arange(25) > 3), None, F32)
    assert found.whole.inputs[0].dtype == torch.int32
    assert found.whole.target.dtype == torch.bool


def test_names_of_classes_are_numbered(pair: Any) -> None:
    found = read((pair[0], np.array(["b", "a", "c"])[pair[1].numpy()]), None, F32)
    assert torch.equal(found.whole.target, torch.tensor([1, 0, 2])[pair[1]])


def test_frames_and_series(pair: Any) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(pair[0].numpy(), columns=list("abcd"))
    found = read((frame, pandas.Series(pair[1].numpy())), None, F32)
    assert found.names == ("a", "b", "c", "d")
    assert torch.equal(found.whole.inputs[0], pair[0])
    mixed = pandas.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 1.5]}, dtype=object)
    assert torch.isnan(read((mixed, np.arange(3)), None, F32).whole.inputs[0][1, 1])


@pytest.mark.parametrize("together", [True, False], ids=["in one", "apart"])
def test_several_inputs(together: bool, pair: Any, draw: Any) -> None:
    X, y = pair
    Z = draw(50, 2, 3)
    found = read(((X, Z), y) if together else (X, Z, y), None, F32)
    assert [tuple(each.shape) for each in found.whole.inputs] == [(50, 4), (50, 2, 3)]
    assert torch.equal(found.whole.target, y)
    assert found.whole.target is not y


def test_several_targets(pair: Any, draw: Any) -> None:
    X, y = pair
    for target in ((y, draw(50, 1)), {"class": y, "number": draw(50, 1)}):
        found = read((X, target), None, F32)
        assert type(found.whole.target) is type(target)
        part = found.whole.rows(slice(0, 3)).target
        assert [len(each) for each in leaves(part)] == [3, 3]


def test_one_column_in_one_axis() -> None:
    found = read((np.linspace(0, 1, 9), np.arange(9)), None, F32)
    assert found.whole.inputs[0].shape == (9,)


def test_lists_of_rows(pair: Any) -> None:
    found = read((pair[0].tolist(), pair[1].tolist()), None, F32)
    assert found.whole.inputs[0].shape == (50, 4)
    assert found.whole.target.shape == (50,)


@pytest.mark.parametrize("size", [1, 7, 50, 10**9, None])
def test_batches_of_a_size(size: Any, pair: Any) -> None:
    found = read(pair, size, F32)
    expected = min(size or 32, 50)
    assert found.batch_size == expected
    assert found.smallest == (50 % expected or expected)
    assert torch.equal(
        torch.cat([batch.target for batch in found.batches])[: len(found.batches) * expected],
        pair[1][: len(found.batches) * expected],
    )


# batches for training


def test_rows_are_drawn_anew_in_each_epoch_and_the_same_again(pair: Any) -> None:
    found = read(pair, 20, F32)
    batches = list(found.stream(6))
    assert [len(batch) for batch in batches] == [20, 20, 10] * 2
    for epoch in (batches[:3], batches[3:]):
        seen = torch.cat([batch.inputs[0] for batch in epoch])
        assert torch.equal(seen.sort(0).values, pair[0].sort(0).values)
    assert not torch.equal(batches[0].inputs[0], batches[3].inputs[0])
    again = list(found.stream(6))
    assert all(torch.equal(a.inputs[0], b.inputs[0]) for a, b in zip(batches, again, strict=True))


def test_a_rest_of_one_row_is_left_out(pair: Any) -> None:
    found = read((pair[0][:41], pair[1][:41]), 20, F32)
    assert [len(batch) for batch in found.stream(4)] == [20, 20, 20, 20]
    assert [len(batch) for batch in read((pair[0][:1], pair[1][:1]), 20, F32).stream(3)] == [1, 1, 1]


def test_the_batches_of_a_loader_come_over_and_over(pair: Any) -> None:
    found = read(DataLoader(TensorDataset(*pair), batch_size=20), None, F32)
    batches = list(found.stream(5))
    assert batches[3] is batches[0]
    assert not list(found.stream(0))


# structures


def test_structures_of_tensors() -> None:
    Pair = namedtuple("Pair", "a b")
    a, b = torch.zeros(3), torch.ones(3, 2)
    structure = (Pair(a, [b]), {"c": b})
    assert first(structure) is a
    assert [each is b for each in leaves(structure)] == [False, True, True]
    twice = each(structure, lambda tensor: tensor + 1)
    assert isinstance(twice[0], Pair)
    assert isinstance(twice[0].b, list)
    assert float(twice[1]["c"].sum()) == 12
    assert list(leaves("text")) == []
    part = Batch((a, b), {"y": b}).rows(torch.tensor([2, 0]))
    assert (part.inputs[1].shape, part.target["y"].shape, len(part)) == ((2, 2), (2, 2), 2)


def test_what_becomes_a_tensor() -> None:
    assert to_tensors([1, 2], F32).dtype == torch.int64
    assert to_tensors([1.0, 2.0], F64).dtype == F64
    assert set(to_tensors({"a": [1.0]}, F32)) == {"a"}
    nested = to_tensors(([1.0], np.zeros(1)), F32)
    assert [each.dtype for each in nested] == [F32, F32]


# what cannot be read


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (([[1.0, 2.0], [3.0]], [0, 1]), "nw.check(data): expected"),
        (
            torch.zeros(3),
            "nw.check(data): expected (X, y), a Dataset or a DataLoader, got Tensor. Give inputs and targets.",
        ),
        (None, "nw.check(data): expected (X, y), a Dataset or a DataLoader, got NoneType."),
        ((torch.zeros(3),), "nw.check(data): expected (X, y), a Dataset or a DataLoader, got tuple."),
        ("data.csv", "nw.check(data): expected (X, y), a Dataset or a DataLoader, got str."),
        ({"X": torch.zeros(3)}, "nw.check(data): expected (X, y), a Dataset or a DataLoader, got dict."),
        (
            (torch.zeros(3, 2), torch.zeros(4)),
            "nw.check(data): expected inputs and targets with one length, at least 1, got lengths 3, 4.",
        ),
        (
            (torch.zeros(0, 2), torch.zeros(0)),
            "nw.check(data): expected inputs and targets with one length, at least 1, got lengths 0.",
        ),
        (
            (torch.zeros(3, 2), torch.zeros(2, 2), torch.zeros(3)),
            "nw.check(data): expected inputs and targets with one length, at least 1, got lengths 2, 3.",
        ),
        (
            TensorDataset(torch.zeros(0, 2), torch.zeros(0)),
            "nw.check(data): expected a loader with at least one batch, got none.",
        ),
        (
            Rows(lambda row: torch.zeros(2)),
            "nw.check(data): expected batches (inputs, target), got a batch of type Tensor.",
        ),
        (Rows(lambda row: {"x": row}), "nw.check(data): expected batches (inputs, target), got a batch of type dict."),
    ],
    ids=[
        "ragged",
        "a tensor",
        "nothing",
        "no target",
        "a path",
        "a dict",
        "lengths",
        "no rows",
        "three lengths",
        "empty",
        "rows",
        "dicts",
    ],
)
def test_errors_say_what_was_expected_and_got(data: Any, text: str) -> None:
    with pytest.raises(InvalidData) as raised:
        read(data, None, F32)
    assert str(raised.value).startswith(text)
    with pytest.raises(InvalidData, match=r"nw\.check\(validation\)"):
        read(data, None, F32, "validation")


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (lambda: TensorDataset(torch.zeros(3, 2)), "Give the targets too; of an autoencoder they are the inputs:"),
        (lambda: [{"x": 1.0, "z": 2}] * 3, "is the target; there are x, z."),
        (lambda: [(1.0, "a"), (2.0, "b"), (3.0, "c")], "turn text into numbers in the data set or in collate_fn."),
        (lambda: Batches(3, 4), "Give a collate_fn that makes pairs (inputs, target) of tensors."),
        (lambda: iter([(torch.zeros(3, 2), torch.zeros(3))]), "give the DataLoader or the list that it is made of."),
        (lambda: (torch.zeros(3, 2), torch.zeros(4)), "Give one target for each row."),
        (lambda: (torch.zeros(0, 2), torch.zeros(0)), "Look at how the data were read or filtered."),
        (lambda: ([[1.0], [2.0]], [0, 1, 1]), "Give one target for each row."),
    ],
    ids=["no target", "names", "text", "numbers", "an iterator", "lengths", "no rows", "lists"],
)
def test_errors_say_what_to_do(data: Any, end: str) -> None:
    with pytest.raises(InvalidData, match=r"nw\.check\(data\)") as raised:
        read(data(), None, F32)
    assert end in str(raised.value)


@pytest.mark.parametrize(
    "data",
    [
        (torch.zeros(4, 2), None),
        (3, 4),
        (torch.tensor(1.0), torch.tensor(0)),
        (np.array([[object()] * 2] * 4), np.arange(4)),
        (np.array(["2020-01-01"] * 4, dtype="datetime64[D]"), np.arange(4)),
        (torch.eye(4).to_sparse(), torch.arange(4)),
    ],
    ids=["no target", "numbers", "no rows", "objects", "dates", "sparse"],
)
def test_data_that_are_no_arrays(data: Any) -> None:
    with pytest.raises(InvalidData, match=r"nw\.check"):
        read(data, None, F32)


def test_batches_of_a_pass_are_counted_where_their_shapes_vary() -> None:
    batches = [(torch.randn(8, 3 + k % 4), torch.randn(8, 1)) for k in range(20)]
    found = read(DataLoader(batches, batch_size=None), None, torch.float32)
    assert len(found.whole) == 40  # of one shape
    assert found.batches_of_a_pass == 20
    assert read((torch.randn(70, 3), torch.randn(70)), 32, torch.float32).batches_of_a_pass == 3
