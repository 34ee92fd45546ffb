"""Hinge against scikit-learn and the equations in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import hinge_loss

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.losses import Hinge


def crammer_singer(z: np.ndarray, y: np.ndarray, margin: float) -> np.ndarray:
    """max(0, m + max_{j != y} z_j - z_y), row by row."""
    best = [max(row[j] for j in range(len(row)) if j != label) for row, label in zip(z, y, strict=True)]
    return np.maximum(0, margin + np.array(best) - z[np.arange(len(y)), y])


def test_scikit_learn_binary(draw: Any) -> None:
    z, t, w = draw(20, 1), (draw(20, 1) > 0).float(), draw(20).abs()
    assert float(Hinge()(z, t)) == pytest.approx(hinge_loss(t[:, 0].numpy(), z[:, 0].numpy()))
    w = w / w.mean()
    expected = hinge_loss(t[:, 0].numpy(), z[:, 0].numpy(), sample_weight=w.numpy())
    assert float(Hinge()(z, t, w)) == pytest.approx(expected)


def test_scikit_learn_of_classes(draw: Any) -> None:
    z, y = draw(20, 4), draw(20, 4).argmax(1)
    assert float(Hinge()(z, y)) == pytest.approx(hinge_loss(y.numpy(), z.numpy(), labels=range(4)))


@pytest.mark.parametrize("margin", [0.5, 2.0])
@pytest.mark.parametrize("squared", [False, True])
def test_the_equations(margin: float, squared: bool, draw: Any) -> None:
    loss, power = Hinge(margin, squared=squared), 2 if squared else 1
    z, y = draw(9, 4), draw(9, 4).argmax(1)
    expected = crammer_singer(z.numpy(), y.numpy(), margin) ** power
    torch.testing.assert_close(loss.terms(z, y), torch.from_numpy(expected))
    t = (draw(9, 4) > 0).double()
    expected = np.maximum(0, margin - (2 * t.numpy() - 1) * z.numpy()) ** power
    torch.testing.assert_close(loss.terms(z, t), torch.from_numpy(expected.mean(1)))
    torch.testing.assert_close(loss.terms(z, t.bool()), torch.from_numpy(expected.mean(1)))
    torch.testing.assert_close(loss.terms(z, t, "tanh"), loss.terms(torch.tanh(z), t))


def test_classes_of_sequences_and_images(draw: Any) -> None:
    for z, axis in ((draw(2, 5, 3), 2), (draw(2, 3, 4, 2), 1)):
        y = z.roll(1, 0).argmax(axis)
        rows = z.movedim(axis, -1)
        expected = crammer_singer(rows.reshape(-1, 3).numpy(), y.reshape(-1).numpy(), 1.0)
        torch.testing.assert_close(Hinge().terms(z, y), torch.from_numpy(expected).reshape(2, -1).mean(1))


def test_two_columns_are_the_difference(draw: Any) -> None:
    z, t = draw(9, 2), (draw(9) > 0).long()
    torch.testing.assert_close(Hinge()(z, t), Hinge()(z[:, 1] - z[:, 0], t))


def test_large_margins_are_exact() -> None:
    z = torch.tensor([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]], requires_grad=True)
    terms = Hinge().terms(z, torch.tensor([0, 1]))
    assert terms.tolist() == [0.0, 20001.0]
    terms.sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[0.0, 0.0, 0.0], [1.0, -1.0, 0.0]]


def test_labels_of_minus_one() -> None:
    with pytest.raises(
        InvalidData, match=r"Hinge\(target\): expected labels 0 and 1, got -1\.0 in row 1, 0\. For labels -1"
    ):
        Hinge().check_target((1,), torch.tensor([[1.0], [-1.0]]))


def test_one_column_needs_labels_of_its_shape() -> None:
    with pytest.raises(InvalidData, match=r"Hinge\(output\): expected 2 classes or more, got shape \(4, 1\)"):
        Hinge()(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64))


def test_options_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"Hinge\(margin\): expected a number in \(0, inf\), got 0"):
        Hinge(0)
    with pytest.raises(InvalidParameter, match=r"Hinge\(squared\): expected True or False, got 1"):
        Hinge(squared=1)  # type: ignore[arg-type]
