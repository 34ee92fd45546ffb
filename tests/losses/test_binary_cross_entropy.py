"""BinaryCrossEntropy against torch, scikit-learn and the equation in NumPy; exact for logits of 1e4."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from torch.nn import functional as F

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.losses import BinaryCrossEntropy


def terms(z: np.ndarray, t: np.ndarray, smoothing: float = 0.0, positive: Any = 1.0) -> np.ndarray:
    """The equation of the docstring; log(1 + exp(x)) as logaddexp(0, x)."""
    z, t = z.astype(np.float64), (1 - smoothing) * t.astype(np.float64) + smoothing / 2
    return positive * t * np.logaddexp(0, -z) + (1 - t) * np.logaddexp(0, z)


def test_scikit_learn(draw: Any) -> None:
    z, t, w = draw(30, 1), (draw(30, 1) > 0).double(), draw(30).abs()
    p = torch.sigmoid(z)[:, 0].numpy()
    assert float(BinaryCrossEntropy()(z, t, None, "sigmoid")) == pytest.approx(log_loss(t[:, 0].numpy(), p))
    w = w / w.mean()
    expected = log_loss(t[:, 0].numpy(), p, sample_weight=w.numpy())
    assert float(BinaryCrossEntropy()(z, t, w, "sigmoid")) == pytest.approx(expected)


@pytest.mark.parametrize("link", ["identity", "sigmoid", "log_sigmoid"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("positive", [1.0, 3.0, (0.5, 2.0, 1.0)])
def test_the_equation(link: str, smoothing: float, positive: Any, draw: Any) -> None:
    z, t = draw(8, 3), torch.sigmoid(draw(8, 3))
    loss = BinaryCrossEntropy(smoothing, positive_weight=positive)
    expected = terms(z.numpy(), t.numpy(), smoothing, np.asarray(positive))
    torch.testing.assert_close(loss.terms(z, t, link), torch.from_numpy(expected.mean(1)))
    torch.testing.assert_close(loss(z, t, None, link), torch.from_numpy(expected).mean())


def test_weights_of_positives_along_the_class_axis(draw: Any) -> None:
    loss = BinaryCrossEntropy(positive_weight=(0.5, 2.0, 1.0))
    weight = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)
    for z, shaped in ((draw(4, 5, 3), weight), (draw(4, 3, 5, 2), weight[:, None, None])):
        t = (z.roll(1, 0) > 0).double()
        expected = F.binary_cross_entropy_with_logits(z, t, pos_weight=shaped)
        torch.testing.assert_close(loss(z, t), expected)


@pytest.mark.parametrize("positive", [1.0, 3.0])
def test_a_hard_sigmoid_is_clamped_as_torch_does(positive: float) -> None:
    z = torch.tensor([[-9.0], [-9.0], [-2.0], [0.0], [2.5], [9.0], [9.0]], dtype=torch.float64, requires_grad=True)
    t = torch.tensor([[1.0], [0.0], [1.0], [0.25], [0.0], [0.0], [1.0]], dtype=torch.float64)
    p = F.hardsigmoid(z)
    ones = F.binary_cross_entropy(p, torch.ones_like(p), reduction="none")
    zeros = F.binary_cross_entropy(p, torch.zeros_like(p), reduction="none")
    expected = (positive * t * ones + (1 - t) * zeros)[:, 0]
    loss = BinaryCrossEntropy(positive_weight=positive)
    torch.testing.assert_close(loss.terms(z, t, "hard_sigmoid"), expected)
    assert loss.terms(z, t, "hard_sigmoid")[[0, 1, 5, 6]].tolist() == [100 * positive, 0, 100, 0]
    (ours,) = torch.autograd.grad(loss(z, t, None, "hard_sigmoid"), z)
    (theirs,) = torch.autograd.grad(expected.mean(), z)
    torch.testing.assert_close(ours, theirs)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.floats(-1e4, 1e4, width=32), st.sampled_from([0.0, 1.0])), min_size=1, max_size=5),
    st.sampled_from([0.0, 0.25]),
    st.sampled_from([1.0, 4.0]),
)
def test_exact_for_large_logits(pairs: list[tuple[float, float]], smoothing: float, positive: float) -> None:
    z = torch.tensor([[first] for first, _ in pairs], dtype=torch.float32, requires_grad=True)
    t = torch.tensor([[second] for _, second in pairs], dtype=torch.float32)
    loss = BinaryCrossEntropy(smoothing, positive_weight=positive)
    loss(z, t, None, "sigmoid").backward()
    expected = terms(z.detach().numpy(), t.numpy(), smoothing, positive)[:, 0]
    np.testing.assert_allclose(loss.terms(z.detach(), t, "sigmoid").numpy(), expected, rtol=1e-6, atol=1e-7)
    soft = (1 - smoothing) * t.double() + smoothing / 2
    p = torch.sigmoid(z.detach().double())
    gradient = ((1 - soft) * p - positive * soft * (1 - p)) / len(pairs)
    assert z.grad is not None
    torch.testing.assert_close(z.grad.double(), gradient, rtol=1e-5, atol=1e-7)


def test_logits_of_1e4_by_hand() -> None:
    z = torch.tensor([[1e4], [-1e4], [1e4]], requires_grad=True)
    each = BinaryCrossEntropy().terms(z, torch.tensor([[1.0], [1.0], [0.0]]), "sigmoid")
    assert each.tolist() == [0.0, 1e4, 1e4]
    each.sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[0.0], [-1.0], [1.0]]


def test_labels_of_minus_one() -> None:
    with pytest.raises(
        InvalidData, match=r"expected numbers from 0 to 1, got -1\.0 in row 1, 0\. .*\(target \+ 1\) / 2"
    ):
        BinaryCrossEntropy().check_target((1,), torch.tensor([[1.0], [-1.0]]))


@pytest.mark.parametrize(("shape", "outputs"), [((4, 3), 3), ((4,), 1), ((4, 5, 2, 2), 5), ((4, 2, 5), 5)])
def test_not_one_weight_an_output(shape: tuple[int, ...], outputs: int) -> None:
    z = torch.zeros(shape)
    with pytest.raises(
        InvalidData, match=rf"expected 2 outputs, as positive_weight has, got {outputs} in shape .*Give one"
    ):
        BinaryCrossEntropy(positive_weight=(1.0, 2.0))(z, z)


@pytest.mark.parametrize("weight", [0, -1.0, (), (1.0, 0.0), "2", None])
def test_a_weight_that_cannot_be(weight: Any) -> None:
    with pytest.raises(
        InvalidParameter, match=r"BinaryCrossEntropy\(positive_weight\): expected a number in \(0, inf\) or"
    ):
        BinaryCrossEntropy(positive_weight=weight)


def test_a_smoothing_that_cannot_be() -> None:
    with pytest.raises(
        InvalidParameter, match=r"BinaryCrossEntropy\(label_smoothing\): expected a number in \[0, 1\), got 1"
    ):
        BinaryCrossEntropy(label_smoothing=1)
