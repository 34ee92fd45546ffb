"""CrossEntropy against torch, scikit-learn and the equation in NumPy; exact for logits of 1e4."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from torch.nn import functional as F

from netwright.core.errors import InvalidParameter
from netwright.losses import CrossEntropy, apply_link


def log_probabilities(z: np.ndarray) -> np.ndarray:
    """log p of rows of logits, by log-sum-exp in float64."""
    top = z.max(-1, keepdims=True)
    return z - top - np.log(np.exp(z - top).sum(-1, keepdims=True))


def cross_entropy(z: np.ndarray, t: np.ndarray, smoothing: float) -> np.ndarray:
    """The equation of the docstring, for rows of target probabilities."""
    spread = (1 - smoothing) * t + smoothing / z.shape[-1]
    return -(spread * log_probabilities(z.astype(np.float64))).sum(-1)


def test_scikit_learn(draw: Any) -> None:
    z, y = draw(20, 4), draw(20, 4).argmax(1)
    w = draw(20).abs()
    p = apply_link("softmax", z).numpy()
    assert float(CrossEntropy()(z, y, None, "softmax")) == pytest.approx(log_loss(y, p, labels=range(4)))
    w = w / w.mean()
    expected = log_loss(y, p, labels=range(4), sample_weight=w.numpy())
    assert float(CrossEntropy()(z, y, w, "softmax")) == pytest.approx(expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("link", ["identity", "softmax", "log_softmax"])
def test_the_equation(smoothing: float, link: str, draw: Any) -> None:
    loss = CrossEntropy(label_smoothing=smoothing)
    z, t = draw(7, 5), draw(7, 5).softmax(1)
    y = t.argmax(1)
    expected = cross_entropy(z.numpy(), np.eye(5)[y.numpy()], smoothing)
    torch.testing.assert_close(loss.terms(z, y, link), torch.from_numpy(expected))
    torch.testing.assert_close(loss.terms(z, F.one_hot(y, 5), link), torch.from_numpy(expected))
    expected = cross_entropy(z.numpy(), t.numpy(), smoothing)
    torch.testing.assert_close(loss.terms(z, t, link), torch.from_numpy(expected))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_sequences_and_images_are_torchs(smoothing: float, draw: Any) -> None:
    loss = CrossEntropy(smoothing)
    sequence, image = draw(3, 6, 4), draw(3, 4, 5, 2)
    for z, axis in ((sequence, 2), (image, 1)):
        y, t = z.roll(1, 0).argmax(axis), z.roll(1, 0).softmax(axis)
        first = z.movedim(axis, 1)
        for target, theirs in ((y, y), (t, t.movedim(axis, 1))):
            each = F.cross_entropy(first, theirs, reduction="none", label_smoothing=smoothing)
            torch.testing.assert_close(loss.terms(z, target), each.flatten(1).mean(1))
            torch.testing.assert_close(loss(z, target), each.mean())


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3), min_size=1, max_size=4),
    st.integers(0, 2),
    st.sampled_from([0.0, 0.25]),
)
def test_exact_for_large_logits(rows: list[list[float]], label: int, smoothing: float) -> None:
    z = torch.tensor(rows, dtype=torch.float32, requires_grad=True)
    y = torch.full((len(rows),), label)
    loss = CrossEntropy(smoothing)
    loss(z, y, None, "softmax").backward()
    exact, one_hot = z.detach().double().numpy(), np.eye(3)[y.numpy()]
    terms = loss.terms(z.detach(), y, "softmax").numpy()
    np.testing.assert_allclose(terms, cross_entropy(exact, one_hot, smoothing), rtol=1e-6, atol=1e-6)
    gradient = (np.exp(log_probabilities(exact)) - (1 - smoothing) * one_hot - smoothing / 3) / len(rows)
    assert z.grad is not None
    np.testing.assert_allclose(z.grad.numpy(), gradient, atol=2e-4)  # the spacing of float32 at 1e4 is 1e-3


def test_logits_of_1e4_by_hand() -> None:
    z = torch.tensor([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4]], requires_grad=True)
    terms = CrossEntropy().terms(z, torch.tensor([0, 0, 1]), "softmax")
    assert terms.tolist() == [0.0, 2e4, pytest.approx(np.log(2), rel=1e-2)]
    terms.sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[0.0, 0.0], [-1.0, 1.0], [0.5, -0.5]]


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, "much", None])
def test_a_smoothing_that_cannot_be(smoothing: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"CrossEntropy\(label_smoothing\): expected a number in \[0, 1\), got"):
        CrossEntropy(label_smoothing=smoothing)
