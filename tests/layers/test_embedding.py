"""Embeddings against indexing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import ColumnEmbedding, Embedding, Input, Linear, Uniform

CODES = np.random.default_rng(0).integers(0, 9, size=(4, 6))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8])
def test_each_symbol_has_its_vector(dtype: torch.dtype) -> None:
    module = (Input(6) >> Embedding(9, 3)).build()
    table = module.embedding1.table.weight.detach().numpy()
    got = module(torch.from_numpy(CODES).to(dtype)).detach().numpy()
    np.testing.assert_array_equal(got, table[CODES])


def test_any_shape() -> None:
    assert (Input(6, 2) >> Embedding(9, 3)).output_shape == (6, 2, 3)
    assert (Input(6) >> Embedding(9, 3) >> Linear(2)).output_shape == (6, 2)


def test_how_vectors_start() -> None:
    module = (Input(6) >> Embedding(500, 40)).build()
    assert module.embedding1.table.weight.std().item() == pytest.approx(1, abs=0.02)
    module = (Input(6) >> Embedding(500, 40, Uniform(-0.1, 0.1))).build()
    assert module.embedding1.table.weight.abs().max().item() <= 0.1


def test_unknown_symbols() -> None:
    for layer, index in ((Embedding(9, 3), 9), (Embedding(9, 3), -1), (ColumnEmbedding((9,)), 9)):
        module = (Input(1) >> layer).build()
        text = rf"{re.escape(repr(layer))}: expected integers from 0 to 8, got {index} in sample 0 of the batch\. Count"
        for dtype in (torch.float32, torch.int64):
            with pytest.raises(InvalidData, match=text):
                module(torch.tensor([[index]], dtype=dtype))


def test_the_first_bad_symbol_is_named() -> None:
    module = (Input(3) >> Embedding(9, 3)).build()
    for bad, text in ((0.5, "0.5"), (9, "9"), (float("nan"), "nan"), (float("inf"), "inf")):
        with pytest.raises(InvalidData, match=rf"from 0 to 8, got {re.escape(text)} in sample 2 of the batch"):
            module(torch.tensor([[0, 1, 8], [2, 3, 4], [5, bad, -7], [-1, 0, 0]]))


def test_the_column_of_a_bad_code_is_named() -> None:
    module = (Input(4) >> ColumnEmbedding((3, 7))).build()
    good = torch.tensor([[0.5, -9.0, 2.0, 6.0], [0.1, 99.0, 0.0, 3.0]])
    assert module(good).shape == (2, 2 + 2 + 4)
    for place, bad, text in (
        (2, 3.0, "column 1: expected integers from 0 to 2, got 3"),
        (3, 6.5, "column 2: .*got 6.5"),
    ):
        wrong = good.clone()
        wrong[1, place] = bad
        with pytest.raises(InvalidData, match=rf"ColumnEmbedding\(\(3, 7\)\), code {text} in sample 1 of the batch"):
            module(wrong)


def test_no_rows_and_no_values_are_not_looked_at() -> None:
    module = (Input(4) >> ColumnEmbedding((3, 7))).build()
    assert module(torch.empty(0, 4)).shape == (0, 8)
    assert module.to("meta")(torch.empty(5, 4, device="meta")).shape == (5, 8)


def test_columns_against_numpy() -> None:
    rng = np.random.default_rng(1)
    numeric, codes = rng.normal(size=(7, 3)).astype("float32"), rng.integers(0, [3, 7, 120], size=(7, 3))
    module = (Input(6) >> ColumnEmbedding((3, 7, 120))).build()
    tables = [table.weight.detach().numpy() for table in module.columnembedding1.tables]
    assert [table.shape for table in tables] == [(3, 2), (7, 4), (120, 50)]
    x = np.concatenate([numeric, codes], axis=1).astype("float32")
    wanted = np.concatenate([numeric, *(table[codes[:, i]] for i, table in enumerate(tables))], axis=1)
    np.testing.assert_array_equal(module(torch.from_numpy(x)).detach().numpy(), wanted)


def test_the_rule_for_the_length_of_vectors() -> None:
    for k in (1, 2, 3, 10, 98, 99, 100, 1000):
        assert (Input(1) >> ColumnEmbedding((k,))).output_shape == (min(50, (k + 1) // 2),)
    assert (Input(4) >> ColumnEmbedding((5, 6), 8)).output_shape == (2 + 16,)


@pytest.mark.parametrize("shape", [(1,), (3, 4)])
def test_too_few_columns(shape: tuple[int, ...]) -> None:
    text = r"expected an input \(features,\) with at least 2 features, got shape .*\. Its last 2 columns hold the codes"
    with pytest.raises(JoinError, match=text):
        Input(shape) >> ColumnEmbedding((5, 6))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Embedding(0, 3), r"Embedding\(entries\): expected an integer >= 1, got 0"),
        (lambda: Embedding(5, 3, weight="x"), r"Embedding\(weight\): expected an initialisation rule or a number"),
        (
            lambda: ColumnEmbedding(()),
            r"ColumnEmbedding\(cardinalities\): expected a tuple of .*an integer >= 1, got \(\)",
        ),
        (lambda: ColumnEmbedding((3,), 0), r"ColumnEmbedding\(dimension\): expected an integer >= 1 or None, got 0"),
        (lambda: Embedding(5, dimensions=3), r"got 'dimensions'\. Did you mean 'dimension'"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
