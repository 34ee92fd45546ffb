"""Embeddings against indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
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
        with pytest.raises(IndexError, match="index out of range"):
            module(torch.tensor([[float(index)]]))


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
