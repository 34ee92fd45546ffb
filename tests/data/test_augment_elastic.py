"""Elastic deformation beside SciPy's Gaussian filter and its reading at coordinates."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from netwright.core.errors import InvalidParameter
from netwright.data.augment import Elastic, smoothed, warped


def numbers(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("shape", [(12, 9), (3, 5), (1, 7)])
def test_smoothing_is_scipys_periodic_filter(shape: tuple[int, int], sigma: float) -> None:
    u = numbers(2, *shape)
    expected = [ndimage.gaussian_filter(each, sigma, mode="wrap", truncate=4.0) for each in u.numpy()]
    torch.testing.assert_close(smoothed(u, sigma), torch.from_numpy(np.array(expected)))


@pytest.mark.parametrize(
    ("fill", "mode"), [("zeros", "grid-constant"), ("border", "nearest"), ("reflection", "reflect")]
)
def test_a_field_is_read_as_by_map_coordinates(fill: str, mode: str) -> None:
    x, field = numbers(2, 3, 9, 7), 6 * numbers(2, 2, 9, 7) - 3
    rows, columns = np.mgrid[:9, :7].astype(float)
    expected = [
        [
            ndimage.map_coordinates(channel, [rows + d[1], columns + d[0]], order=1, mode=mode, prefilter=False)
            for channel in image
        ]
        for image, d in zip(x.numpy(), field.numpy(), strict=True)
    ]
    torch.testing.assert_close(warped(x, [field], fill), torch.from_numpy(np.array(expected)))


def test_the_deformation_is_the_papers_equation() -> None:
    x = numbers(2, 1, 10, 10)
    made = Elastic(20, 2)(x, torch.Generator().manual_seed(4))
    u = 2 * torch.rand(2, 2, 10, 10, generator=torch.Generator().manual_seed(4)).double().numpy() - 1
    field = 20 * np.array([[ndimage.gaussian_filter(axis, 2, mode="wrap") for axis in image] for image in u])
    torch.testing.assert_close(made, warped(x, [torch.from_numpy(field)]))


def test_the_displacement_is_as_large_as_said_everywhere() -> None:
    field = Elastic(34, 4).draw(torch.zeros(400, 1, 28, 28, dtype=torch.float64), torch.Generator().manual_seed(0))
    expected = 34 / (math.sqrt(12 * math.pi) * 4)
    assert expected == pytest.approx(1.384, abs=1e-3)
    assert float(field.std()) == pytest.approx(expected, rel=0.03)
    at_the_border, in_the_middle = field[:, :, 0], field[:, :, 14]
    assert float(at_the_border.std() / in_the_middle.std()) == pytest.approx(1, abs=0.1)
    assert abs(float((field[:, 0] * field[:, 1]).mean())) < 0.05 * expected**2


def test_no_strength_is_the_image() -> None:
    x = numbers(2, 1, 6, 5)
    torch.testing.assert_close(Elastic(0, 3)(x, torch.Generator()), x)


def test_options_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"Elastic\(sigma\): expected a number in \(0, inf\), got 0"):
        Elastic(3, 0)
    with pytest.raises(InvalidParameter, match=r"Elastic\(alpha\): expected a number in \[0, inf\), got -1"):
        Elastic(-1)
    with pytest.raises(InvalidParameter, match=r"smoothed\(sigma\): expected a number in \(0, inf\), got -2"):
        smoothed(numbers(3, 3), -2)
