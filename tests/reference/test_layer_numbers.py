"""Numbers of layers that were worked out by hand or by other code, as literals."""

from __future__ import annotations

import pytest
import torch

from netwright.graph import Expression
from netwright.layers import (
    DropBlock,
    GatedAverage,
    GroupNorm,
    Input,
    KMaxPool,
    L2Pool,
    LayerNorm,
    LocalResponseNorm,
    Maxout,
    TimePool,
)
from netwright.layers.dropblock import gamma


def run(layer: Expression, x: torch.Tensor) -> list[float]:
    y: torch.Tensor = (Input(x.shape[1:]) >> layer).build().double().eval()(x)
    return y.flatten().tolist()


EIGHT = torch.arange(1.0, 9.0, dtype=torch.float64).reshape(1, 8, 1)
PAPER = [0.59429158, 1.18787101, 1.78014039, 2.37041856, 2.95805523, 3.54241152, 4.13527149, 4.73042177]
DIVIDED = [0.59454113, 1.18893961, 1.78307520]


def test_the_two_alphas_of_local_response_normalisation() -> None:
    """x = 1 ... 8, n = 5, k = 2, beta = 0.75, alpha = 1e-4: as AlexNet means it, and divided by n."""
    assert run(LocalResponseNorm(), EIGHT) == pytest.approx(PAPER, abs=5e-9)
    assert run(LocalResponseNorm(divide_by_size=True), EIGHT)[:3] == pytest.approx(DIVIDED, abs=5e-9)
    assert run(LocalResponseNorm(alpha=5e-4, divide_by_size=True), EIGHT) == pytest.approx(PAPER, abs=5e-9)


def test_group_normalisation() -> None:
    x = torch.arange(8.0, dtype=torch.float64).reshape(1, 4, 2, 1)
    group = [-1.34163542, -0.44721181, 0.44721181, 1.34163542]  # 1.5 and 0.5 over sqrt(1.25 + 1e-5)
    assert run(GroupNorm(2), x) == pytest.approx(group * 2, abs=5e-9)
    assert run(GroupNorm(1), x)[0] == pytest.approx(-1.52752378, abs=5e-9)
    assert run(LayerNorm(axes=(1, 2, 3)), x) == pytest.approx(run(GroupNorm(1), x))


@pytest.mark.parametrize(
    ("size", "block", "p", "wanted"),
    [
        ((14, 14), (7, 7), 0.1, 0.00625),
        ((28, 28), (5, 5), 0.2, 0.0108888889),
        ((10,), (10,), 0.1, 0.1),
        ((6, 6), (1, 1), 0.1, 0.1),
    ],
)
def test_seeds_of_dropped_blocks(size: tuple[int, ...], block: tuple[int, ...], p: float, wanted: float) -> None:
    assert gamma(p, block, size) == pytest.approx(wanted, abs=5e-11)
    module = (Input(3, *size) >> DropBlock(p, block)).build()
    assert module.dropblock1.gamma == pytest.approx(wanted, abs=5e-11)


def test_three_largest_of_a_sequence_in_their_order() -> None:
    x = torch.tensor([3, 1, 4, 1.5, 9, 2, 6]).reshape(1, 7, 1)
    assert run(KMaxPool(3), x.double()) == [4, 9, 6]


@pytest.mark.parametrize(("level", "wanted"), [(1, 12), (2, 6), (3, 3)])
def test_how_many_of_a_sentence_of_18_words_three_layers_keep(level: int, wanted: int) -> None:
    assert (Input(18, 5) >> KMaxPool(3, level, 3)).output_shape == (wanted, 5)


def test_parameters_of_maxout() -> None:
    assert (Input(4) >> Maxout(3, 2)).summary().parameters == 30


def test_a_constant_gate_gives_the_mean() -> None:
    x = torch.tensor([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]], dtype=torch.float64)[None]
    for bias in (-3.0, 0.0, 2.0):
        assert run(GatedAverage(weight=0.0, bias=bias), x) == pytest.approx([3, 30])
    assert run(TimePool("avg"), x) == pytest.approx([3, 30])


def test_a_gated_average_by_hand() -> None:
    """g = sigmoid(log 3) = 3/4 and sigmoid(0) = 1/2: (3/4 log 3) / (5/4) and (3/4 log 3)."""
    x = torch.tensor([[[1.0986122886681098], [0.0]]], dtype=torch.float64)
    assert run(GatedAverage(weight=1.0), x) == pytest.approx([0.6591673732008659])
    assert run(GatedAverage(normalize=False, weight=1.0), x) == pytest.approx([0.8239592165010823])


def test_overlapping_windows() -> None:
    """F = 3 and S = 2 on 3, 4, 0, 0, 12, 0, 5: the norms of (3, 4, 0), (0, 0, 12), (12, 0, 5)."""
    x = torch.tensor([3.0, 4.0, 0.0, 0.0, 12.0, 0.0, 5.0], dtype=torch.float64).reshape(1, 1, 7)
    assert run(L2Pool(3, 2), x) == [5, 12, 13]
