"""Costs of style transfer: worked numbers, the paper's equations in NumPy, gradients, what leaves them as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import content_cost, gram_matrix, style_cost, total_variation
from netwright.vision.style.costs import matches, transfer_cost

GENERATOR = torch.Generator().manual_seed(0)
MAPS = torch.randn(3, 4, 5, generator=GENERATOR, dtype=torch.float64)
OTHER = torch.randn(3, 4, 5, generator=GENERATOR, dtype=torch.float64)


def test_worked_numbers() -> None:
    image = torch.arange(16.0).reshape(4, 4)
    assert total_variation(image) == 60
    assert total_variation(image, "squared") == 204
    maps = torch.arange(8.0).reshape(2, 2, 2)
    assert gram_matrix(maps).tolist() == [[14, 38], [38, 126]]
    assert gram_matrix(maps, normalize=True).tolist() == [[1.75, 4.75], [4.75, 15.75]]
    assert transfer_cost(2.0, 3.0, 5.0, alpha=10, beta=40, tv=2) == 150


def test_costs_are_the_equations() -> None:
    a, b = MAPS.numpy(), OTHER.numpy()
    n_c, n_h, n_w = a.shape
    gram = {key: np.zeros((n_c, n_c)) for key in "ab"}
    for key, maps in (("a", a), ("b", b)):
        for i in range(n_c):
            for j in range(n_c):
                gram[key][i, j] = (maps[i] * maps[j]).sum()
    wanted = ((gram["a"] - gram["b"]) ** 2).sum() / (2 * n_h * n_w * n_c) ** 2
    assert style_cost(MAPS, OTHER).item() == pytest.approx(wanted, rel=1e-12)
    assert content_cost(MAPS, OTHER).item() == pytest.approx(((a - b) ** 2).sum() / 2, rel=1e-12)
    np.testing.assert_allclose(gram_matrix(MAPS), gram["a"])


def test_gradients() -> None:
    x = OTHER.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: content_cost(MAPS, x), (x,))
    assert torch.autograd.gradcheck(lambda x: style_cost(MAPS, x), (x,))
    assert torch.autograd.gradcheck(total_variation, (x,))
    assert torch.autograd.gradcheck(lambda x: total_variation(x, "squared"), (x,))


def test_the_style_itself_is_a_minimum() -> None:
    x = MAPS.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(style_cost(MAPS, x), x)
    assert style_cost(MAPS, x) == 0
    assert not slope.any()


def test_where_things_are_does_not_matter_to_style() -> None:
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    moved = MAPS.flatten(1)[:, order].reshape(MAPS.shape)
    assert style_cost(MAPS, moved).item() == pytest.approx(0, abs=1e-25)
    assert content_cost(MAPS, moved) > 1


def test_size_does_not_matter_to_style() -> None:
    tiled = MAPS.repeat(1, 3, 2)
    assert style_cost(MAPS, tiled).item() == pytest.approx(0, abs=1e-25)
    assert style_cost(tiled, OTHER).item() == pytest.approx(style_cost(MAPS, OTHER).item(), rel=1e-12)


def test_a_mask_is_a_cut() -> None:
    mask = torch.zeros(4, 5, dtype=torch.float64)
    mask[:, :3] = 1
    np.testing.assert_allclose(gram_matrix(MAPS, mask=mask), gram_matrix(MAPS[:, :, :3]))
    cut = gram_matrix(MAPS[:, :, :3], normalize=True)
    np.testing.assert_allclose(gram_matrix(MAPS, normalize=True, mask=mask), cut)
    ones = torch.ones(4, 5, dtype=torch.float64)
    np.testing.assert_allclose(gram_matrix(MAPS, normalize=True, mask=ones), gram_matrix(MAPS, normalize=True))


def test_a_picture_without_features_costs_the_sum_of_the_weights() -> None:
    grams = {"a": gram_matrix(MAPS, normalize=True), "b": gram_matrix(OTHER, normalize=True)}
    nothing = {name: torch.zeros_like(gram) for name, gram in grams.items()}
    assert matches(grams, nothing, {"a": 0.25, "b": 3.0}).item() == pytest.approx(3.25)
    assert matches(grams, grams, {"a": 0.25, "b": 3.0}) == 0


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InvalidData, match=r"maps of one shape, got \(3, 4, 5\) and \(3, 4, 4\)"):
        content_cost(MAPS, MAPS[..., :4])
    with pytest.raises(InvalidData, match="the same channels"):
        style_cost(MAPS, MAPS[:2])
    with pytest.raises(InvalidData, match=r"the size \(4, 5\) of the maps, got \(5, 4\)"):
        gram_matrix(MAPS, mask=torch.ones(5, 4))
    with pytest.raises(InvalidData, match="0 everywhere"):
        gram_matrix(MAPS, mask=torch.zeros(4, 5))
    with pytest.raises(InvalidData, match=r"maps \(\.\.\., n_C, n_H, n_W\), got shape \(3,\)"):
        gram_matrix(torch.ones(3))
    with pytest.raises(InvalidParameter, match=r"'anisotropic' or 'squared', got 'square'\. Did you mean 'squared'"):
        total_variation(MAPS, "square")
