"""Flips, crops and erased squares beside NumPy, and how often they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.data.augment import Crop, Erase, Flip, cropped, erased, flipped

MODES = {"zeros": "constant", "border": "edge", "reflection": "symmetric"}


def images(n: int = 5, channels: int = 2, height: int = 6, width: int = 4) -> torch.Tensor:
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(8)) + 0.5


def test_flips_are_mirror_images() -> None:
    x = images(4)
    made = flipped(x, torch.tensor([True, False, True, False]), torch.tensor([True, True, False, False]))
    assert torch.equal(made, torch.stack([x[0].flip(1, 2), x[1].flip(1), x[2].flip(2), x[3]]))


@pytest.mark.parametrize(("horizontal", "vertical"), [(0.5, 0.2), (1.0, 0.0), (0.0, 0.7)])
def test_flips_have_their_probabilities(horizontal: float, vertical: float) -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).expand(8000, 1, 2, 2)
    corner = Flip(horizontal, vertical)(x, torch.Generator().manual_seed(1))[:, 0, 0, 0]
    assert float(((corner == 2) | (corner == 4)).float().mean()) == pytest.approx(horizontal, abs=0.02)
    assert float((corner >= 3).float().mean()) == pytest.approx(vertical, abs=0.02)
    assert float((corner == 4).float().mean()) == pytest.approx(horizontal * vertical, abs=0.02)


@pytest.mark.parametrize("fill", MODES)
def test_crops_are_windows_of_numpys_padding(fill: str) -> None:
    x, p = images(), 9
    top, left = torch.tensor([-9, -2, 0, 3, 9]), torch.tensor([9, 1, 0, -9, -3])
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (p, p), (p, p)), mode=MODES[fill])
    expected = [padded[i, :, p + top[i] : p + top[i] + 6, p + left[i] : p + left[i] + 4] for i in range(5)]
    assert torch.equal(cropped(x, top, left, fill), torch.from_numpy(np.array(expected)))


def test_crops_are_drawn_evenly() -> None:
    x = torch.zeros(9000, 1, 5, 5)
    x[:, :, 2, 2] = 1
    mean = Crop(1)(x, torch.Generator().manual_seed(0)).mean((0, 1))
    expected = torch.zeros(5, 5)
    expected[1:4, 1:4] = 1 / 9
    torch.testing.assert_close(mean, expected, atol=0.015, rtol=0)
    assert torch.equal(Crop(0)(x, torch.Generator()), x)


def test_channels_last_images_are_cropped_alike() -> None:
    x, place = images(), torch.tensor([1, -1, 2, 0, 3])
    assert torch.equal(cropped(x.to(memory_format=torch.channels_last), place, place), cropped(x, place, place))


def test_erased_squares_are_cut_at_the_border() -> None:
    x = images(3)
    made = erased(x, torch.tensor([-1, 4, 1]), torch.tensor([1, 3, 1]), torch.tensor([3, 3, 0]), level=0.25)
    expected = x.clone()
    expected[0, :, :2, 1:4] = 0.25
    expected[1, :, 4:, 3:] = 0.25
    assert torch.equal(made, expected)


def test_squares_are_centred_at_any_pixel() -> None:
    x = torch.ones(30_000, 1, 6, 6)
    made = Erase(1, probability=0.8)(x, torch.Generator().manual_seed(0))
    assert set(made.sum((1, 2, 3)).tolist()) == {35.0, 36.0}
    torch.testing.assert_close(1 - made.mean((0, 1)), torch.full((6, 6), 0.8 / 36), atol=0.004, rtol=0)
    three = Erase(3, level=-1.0)(x[:2000], torch.Generator().manual_seed(0))
    assert {float(total) for total in (three == -1).sum((1, 2, 3))} == {4.0, 6.0, 9.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Flip(1.5), r"Flip\(horizontal\): expected a number in \[0, 1\], got 1\.5"),
        (lambda: Crop(2.5), r"Crop\(padding\): expected an integer >= 0, got 2\.5"),
        (lambda: Erase(0), r"Erase\(size\): expected an integer >= 1, got 0"),
        (lambda: Erase(3, probability=2), r"Erase\(probability\): expected a number in \[0, 1\], got 2"),
        (lambda: cropped(images(), torch.zeros(5), torch.zeros(5), "mirror"), r"cropped\(fill\): .* got 'mirror'"),
    ],
)
def test_options_that_cannot_be(make, message) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_squares_and_crops_of_wide_images_in_short_formats(dtype: torch.dtype) -> None:
    x = torch.zeros(400, 1, 1, 700, dtype=dtype)
    erased_places = Erase(1, level=1.0)(x, torch.Generator().manual_seed(0))
    assert torch.equal(erased_places.sum((1, 2, 3)), torch.ones(400, dtype=dtype))  # none lies outside
    wide = Erase(1, level=1.0)(x.float(), torch.Generator().manual_seed(0))
    assert torch.equal(erased_places.float(), wide)
    x[..., 300] = 1
    narrow = Crop(300)(x, torch.Generator().manual_seed(0))
    assert torch.equal(narrow.float(), Crop(300)(x.float(), torch.Generator().manual_seed(0)))
