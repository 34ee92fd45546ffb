"""KLDivergence against SciPy, torch and its relation to cross-entropy; exact for logits of 1e4."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.stats import entropy
from torch.nn import functional as F

from netwright.losses import CrossEntropy, KLDivergence


def test_scipy(draw: Any) -> None:
    z, t = draw(6, 4), draw(6, 4).softmax(1)
    expected = entropy(t.numpy(), z.softmax(1).numpy(), axis=1)
    for link in ("identity", "softmax"):
        torch.testing.assert_close(KLDivergence().terms(z, t, link), torch.from_numpy(expected))
    torch.testing.assert_close(KLDivergence().terms(z.log_softmax(1), t, "log_softmax"), torch.from_numpy(expected))


def test_torch(draw: Any) -> None:
    z, t = draw(6, 4), draw(6, 4).softmax(1)
    torch.testing.assert_close(KLDivergence()(z, t), F.kl_div(z.log_softmax(1), t, reduction="batchmean"))
    z, t = draw(2, 4, 3, 5), draw(2, 4, 3, 5).softmax(1)
    expected = F.kl_div(z.log_softmax(1), t, reduction="none").sum(1).mean((1, 2))
    torch.testing.assert_close(KLDivergence().terms(z, t), expected)
    z, t = draw(2, 5, 4), draw(2, 5, 4).softmax(2)
    expected = F.kl_div(z.log_softmax(2), t, reduction="none").sum(2).mean(1)
    torch.testing.assert_close(KLDivergence().terms(z, t), expected)


def test_it_is_cross_entropy_less_the_entropy_of_the_target(draw: Any) -> None:
    z, t = draw(6, 4).requires_grad_(), draw(6, 4).softmax(1)
    ours, theirs = KLDivergence()(z, t), CrossEntropy()(z, t)
    torch.testing.assert_close(ours + entropy(t.numpy(), axis=1).mean(), theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, z), torch.autograd.grad(theirs, z))


def test_zero_when_equal_and_exact_where_the_target_is_zero() -> None:
    t = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64)
    assert abs(KLDivergence()(t.log(), t).item()) < 1e-15
    z = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    terms = KLDivergence().terms(z, torch.tensor([[1.0, 0.0], [0.5, 0.5]]), "softmax")
    np.testing.assert_allclose(terms.detach().numpy(), [0.0, 1e4 - np.log(2)], rtol=1e-6)
    terms.sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[0.0, 0.0], [-0.5, 0.5]]
