"""Affine warps beside SciPy's resampling, and the numbers that are drawn for them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from netwright.core.errors import InvalidParameter
from netwright.data.augment import Rotate, Scale, Shear, Shift, rotated, scaled, sheared, shifted, warped

FILLS = {"zeros": "grid-constant", "border": "nearest", "reflection": "reflect"}
fills = pytest.mark.parametrize("fill", FILLS)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(3, 2, 11, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def by_scipy(x: torch.Tensor, transform: Any) -> torch.Tensor:
    """A function of one 2-D array on every channel of every image."""
    return torch.from_numpy(np.array([[transform(channel) for channel in image] for image in x.numpy()]))


def about_centre(matrix: Any, fill: str) -> Any:
    """SciPy's affine transformation by a matrix of (row, column), about the centre of an 11x8 image."""
    centre = np.array([5.0, 3.5])
    return lambda image: ndimage.affine_transform(
        image, matrix, centre - np.array(matrix) @ centre, order=1, mode=FILLS[fill]
    )


@fills
@pytest.mark.parametrize(("down", "right"), [(0.0, 0.0), (2.0, -1.0), (0.3, 1.7), (-4.25, 3.5)])
def test_shifts_are_those_of_scipy(x: torch.Tensor, fill: str, down: float, right: float) -> None:
    expected = by_scipy(x, lambda image: ndimage.shift(image, (down, right), order=1, mode=FILLS[fill]))
    torch.testing.assert_close(shifted(x, down, right, fill), expected)


@fills
@pytest.mark.parametrize("degrees", [0.0, 10.0, -33.0, 90.0, 180.0])
def test_rotations_are_those_of_scipy(x: torch.Tensor, fill: str, degrees: float) -> None:
    expected = by_scipy(
        x, lambda image: ndimage.rotate(image, degrees, reshape=False, order=1, mode=FILLS[fill], prefilter=False)
    )
    torch.testing.assert_close(rotated(x, degrees, fill), expected)


def test_a_quarter_turn_is_anticlockwise() -> None:
    x = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(rotated(x, 90), torch.rot90(x, 1, (2, 3)))


@fills
@pytest.mark.parametrize(("vertical", "horizontal"), [(1.0, 1.0), (1.3, 1.3), (0.7, 1.4), (2.0, 0.5)])
def test_scalings_are_those_of_scipy(x: torch.Tensor, fill: str, vertical: float, horizontal: float) -> None:
    expected = by_scipy(x, about_centre(np.diag([1 / vertical, 1 / horizontal]), fill))
    torch.testing.assert_close(scaled(x, vertical, horizontal, fill), expected)
    if vertical == horizontal:
        torch.testing.assert_close(scaled(x, vertical, fill=fill), expected)


@fills
@pytest.mark.parametrize("degrees", [0.0, 20.0, -45.0])
def test_shears_are_those_of_scipy(x: torch.Tensor, fill: str, degrees: float) -> None:
    matrix = np.array([[1.0, 0.0], [math.tan(math.radians(degrees)), 1.0]])  # (row, column)
    torch.testing.assert_close(sheared(x, degrees, fill), by_scipy(x, about_centre(matrix, fill)))


def test_every_image_has_its_own_number(x: torch.Tensor) -> None:
    some = torch.tensor([3.0, -20.0, 0.0], dtype=torch.float64)
    for transform in (rotated, sheared, shifted):
        one_by_one = torch.cat([transform(x[i : i + 1], float(some[i])) for i in range(3)])
        torch.testing.assert_close(transform(x, some), one_by_one)
    factors = torch.tensor([1.5, 0.8, 1.0], dtype=torch.float64)
    one_by_one = torch.cat([scaled(x[i : i + 1], float(factors[i])) for i in range(3)])
    torch.testing.assert_close(scaled(x, factors), one_by_one)


def test_an_unknown_fill_is_named(x: torch.Tensor) -> None:
    with pytest.raises(
        InvalidParameter, match=r"warped\(fill\): expected 'zeros' or 'border' or 'reflection', got 'z'"
    ):
        rotated(x, 3, "z")
    with pytest.raises(InvalidParameter, match=r"Rotate\(fill\): .* got 'bordr'\. Did you mean 'border'\?"):
        Rotate(3, fill="bordr")


# what is drawn


@pytest.fixture
def many() -> torch.Tensor:
    return torch.zeros(20_000, 1, 3, 5, dtype=torch.float64)


def uniform_in(numbers: torch.Tensor, low: float, high: float) -> bool:
    """Whether numbers fill an interval evenly, by the distance of Kolmogorov and Smirnov (1.95 / sqrt n: 0.1 %)."""
    u = ((numbers - low) / (high - low)).sort().values
    steps = torch.arange(1, len(u) + 1, dtype=u.dtype) / len(u)
    inside = bool((u >= 0).all() and (u <= 1).all())
    return inside and float((u - steps).abs().max()) < 1.95 / math.sqrt(len(u))


def drawn(augmentation: Any, x: torch.Tensor) -> torch.Tensor:
    return augmentation.draw(x, torch.Generator().manual_seed(5))


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def test_shifts_are_drawn_evenly_on_each_axis(many: torch.Tensor) -> None:
    matrix = drawn(Shift((2, 0.5)), many)
    assert uniform_in(matrix[:, 1, 2], -2, 2)
    assert uniform_in(matrix[:, 0, 2], -0.5, 0.5)
    assert abs(correlation(matrix[:, 0, 2], matrix[:, 1, 2])) < 0.03
    assert torch.equal(matrix[:, :, :2], torch.eye(2, dtype=torch.float64).expand(20_000, 2, 2))
    assert uniform_in(drawn(Shift(3), many)[:, 0, 2], -3, 3)


def test_angles_are_drawn_evenly(many: torch.Tensor) -> None:
    matrix = drawn(Rotate(30), many)
    assert uniform_in(torch.rad2deg(torch.asin(matrix[:, 1, 0])), -30, 30)
    torch.testing.assert_close(torch.linalg.det(matrix[:, :, :2]), torch.ones(20_000, dtype=torch.float64))
    assert uniform_in(torch.rad2deg(torch.atan(drawn(Shear(20), many)[:, 0, 1])), -20, 20)


def test_factors_are_drawn_evenly_by_their_logarithms(many: torch.Tensor) -> None:
    matrix = drawn(Scale(1.5), many)
    assert torch.equal(matrix[:, 0, 0], matrix[:, 1, 1])
    assert uniform_in(matrix[:, 0, 0].log(), -math.log(1.5), math.log(1.5))
    apart = drawn(Scale(1.5, stretch=True), many)
    assert uniform_in(apart[:, 0, 0].log(), -math.log(1.5), math.log(1.5))
    assert abs(correlation(apart[:, 0, 0], apart[:, 1, 1])) < 0.03


def test_no_change_is_the_image(x: torch.Tensor) -> None:
    for nothing in (Shift(0), Rotate(0), Scale(1), Shear(0)):
        torch.testing.assert_close(nothing(x, torch.Generator()), x)
    torch.testing.assert_close(warped(x, []), x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shift(-1), r"Shift\(pixels\): expected a number in \[0, inf\) or a tuple of elements, .* got -1"),
        (
            lambda: Shift((1, 2, 3)),
            r"Shift\(pixels\): expected one number or \(vertical, horizontal\), got \(1, 2, 3\)",
        ),
        (lambda: Rotate(181), r"Rotate\(degrees\): expected a number in \[0, 180\], got 181"),
        (lambda: Scale(0.9), r"Scale\(factor\): expected a number in \[1, inf\), got 0\.9"),
        (lambda: Shear(90), r"Shear\(degrees\): expected a number in \[0, 90\), got 90"),
    ],
)
def test_options_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make()
