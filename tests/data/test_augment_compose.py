"""Several augmentations: the order, one resampling for warps that stand in a row, and what a batch must be."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data.augment import Color, Compose, Elastic, Flip, Rotate, Scale, Shear, Shift, warped


def smooth_images(n: int = 4, size: int = 96) -> torch.Tensor:
    """Blobs that are zero at the border, so smooth that two resamplings are nearly one."""
    line = torch.linspace(-3, 3, size, dtype=torch.float64)
    centres = torch.tensor([[0.3, -0.4], [-0.5, 0.2], [0.0, 0.0], [0.4, 0.5]], dtype=torch.float64)[:n]
    squares = [(line[:, None] - a) ** 2 + 2 * (line - b) ** 2 for a, b in centres]
    return torch.exp(-torch.stack(squares))[:, None]


def one_by_one(parts: list[Any], x: torch.Tensor, seed: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    for part in parts:
        x = part(x, generator)
    return x


PAIRS = [
    [Rotate(40), Shift(8)],
    [Shift(8), Rotate(40)],
    [Scale(1.5, stretch=True), Rotate(40), Shear(20), Shift((2, 5))],
    [Elastic(60, 6), Rotate(40)],
    [Rotate(40), Elastic(60, 6)],
    [Shift(4), Elastic(40, 6), Rotate(30), Elastic(40, 6), Scale(1.2)],
]


@pytest.mark.parametrize("parts", PAIRS, ids=lambda parts: " ".join(type(part).__name__ for part in parts))
def test_fused_warps_are_the_warps_one_after_the_other(parts: list[Any]) -> None:
    x = smooth_images()
    fused = Compose(*parts)(x, torch.Generator().manual_seed(2))
    apart = one_by_one(parts, x)
    assert float((apart - x).abs().max()) > 0.2
    assert float((fused - apart).abs().max()) < 0.02


def test_the_order_counts() -> None:
    x = smooth_images()
    quarter = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]], dtype=torch.float64).expand(4, 2, 3)
    right = torch.tensor([[[1.0, 0.0, -6.0], [0.0, 1.0, 0.0]]], dtype=torch.float64).expand(4, 2, 3)
    turned = torch.rot90(x, 1, (2, 3))
    torch.testing.assert_close(warped(x, [quarter, right])[..., 6:], turned[..., :-6])
    torch.testing.assert_close(warped(x, [right, quarter])[..., :-6, :], turned[..., 6:, :])


def test_what_leaves_the_image_and_comes_back_is_kept() -> None:
    x = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    there = torch.tensor([[[1.0, 0.0, 5.0], [0.0, 1.0, 0.0]]])
    back = torch.tensor([[[1.0, 0.0, -5.0], [0.0, 1.0, 0.0]]])
    torch.testing.assert_close(warped(x, [there, back]), x)
    assert float(warped(warped(x, [there]), [back])[..., :5].abs().max()) == 0


@pytest.mark.parametrize("parts", [[Rotate(30), Rotate(30, fill="border")], [Flip(), Shift(3), Color(0.3, 0.3, 0)]])
def test_what_cannot_be_fused_is_done_in_turn(parts: list[Any]) -> None:
    x = torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Compose(*parts)(x, torch.Generator().manual_seed(2)), one_by_one(parts, x))


def test_maps_can_be_learned_after_a_first_use_in_inference_mode() -> None:
    x = torch.rand(2, 1, 5, 13, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.inference_mode():
        Compose(Elastic(5, 1.5), Rotate(10))(x, torch.Generator())
    matrix = torch.tensor([[1.0, 0.1, 0.3], [0.0, 0.9, -0.23]], dtype=torch.float64).repeat(2, 1, 1).requires_grad_()
    field = (0.1 * x).repeat(1, 2, 1, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, d: warped(x, [a, d, a]), (matrix, field))


def test_compositions_are_flat() -> None:
    inner = Compose(Rotate(10), Shift(2))
    assert Compose(Flip(), inner).parts == (Flip(), Rotate(10), Shift(2))
    assert Compose(parts=(Flip(), inner)) == Compose(Flip(), Rotate(10), Shift(2))
    assert repr(Compose(inner, Flip())) == "Compose(Rotate(10), Shift(2), Flip())"


def test_a_composition_of_nothing_or_of_others_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"Compose\(parts\): .* 1 or more elements.*got \(\)"):
        Compose()
    with pytest.raises(
        InvalidParameter, match=r"Compose\(parts\): .* an augmentation such as Rotate\(10\), got \('a',\)"
    ):
        Compose("a")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "got"),
    [
        (torch.zeros(3, 8, 8), r"torch\.float32 of shape \(3, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"torch\.uint8 of shape \(1, 3, 8, 8\)"),
        ([[1.0]], "list"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(x: Any, got: str) -> None:
    expected = r"Rotate\(5\)\(x\): expected a tensor of floating images \(n, channels, height, width\), got "
    with pytest.raises(InvalidData, match=expected + got):
        Rotate(5)(x, torch.Generator())
