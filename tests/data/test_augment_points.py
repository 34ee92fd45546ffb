"""Points that go with their images: spots are painted, and found where the points say; worked numbers; refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data.augment import (
    Augmentation,
    Color,
    Compose,
    Crop,
    Elastic,
    Erase,
    Flip,
    Rotate,
    Scale,
    Shear,
    Shift,
    Zoom,
    still,
)
from netwright.data.augment.affine import rotation_matrix, shear_matrix, shift_matrix
from netwright.data.augment.warp import carried

HEIGHT, WIDTH = 60, 84
MOVING = [
    Flip(),
    Flip(0.5, 0.5),
    Crop(6),
    Shift(5),
    Shift((2, 7)),
    Scale(1.3),
    Scale(1.3, stretch=True),
    Rotate(30),
    Shear(20),
    Zoom(0.8, 1.2),
    Elastic(200, 12),
    Compose(Rotate(20), Shift(4), Scale(1.1)),
    Compose(Elastic(200, 12), Rotate(20), Flip(), Crop(3), Shift(3), Color()),
    Compose(Rotate(20), Elastic(200, 12), Shift(3, fill="border")),
]
BOX = torch.tensor([[10.0, 20.0], [40.0, 20.0], [40.0, 60.0], [10.0, 60.0]], dtype=torch.float64)


def spots(points: torch.Tensor, radius: float = 1.2) -> torch.Tensor:
    """Images (n, 1, h, w) with a bell at the one point of each; the first pixel has its middle at (1/2, 1/2)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    made = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * radius**2)) for a, b in points[:, 0].tolist()]
    return torch.tensor(np.stack(made)[:, None])


def centres(images: torch.Tensor) -> np.ndarray:
    """Where the bells are: the centres of mass."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    mass = images[:, 0].numpy()
    mass = np.where(mass > 0.05, mass, 0)
    return np.stack([(mass * x).sum((1, 2)), (mass * y).sum((1, 2))], 1) / mass.sum((1, 2))[:, None]


@pytest.mark.parametrize("augmentation", MOVING, ids=repr)
def test_a_spot_is_where_its_point_says(augmentation: Augmentation) -> None:
    generator = torch.Generator().manual_seed(0)
    low = torch.tensor([30.0, 22.0], dtype=torch.float64)
    points = low + torch.rand(40, 1, 2, generator=generator, dtype=torch.float64) * (
        torch.tensor([WIDTH, HEIGHT]) - 2 * low
    )
    images, moved = augmentation.together(spots(points), points, generator)
    assert float((moved - points).abs().max()) > 1
    np.testing.assert_allclose(centres(images), moved[:, 0].numpy(), atol=0.35, rtol=0)


def test_the_corners_of_images_go_to_corners() -> None:
    corners = torch.tensor([[[0.0, 0.0], [WIDTH, HEIGHT]]])
    moved = Flip(1.0, 1.0).together(torch.zeros(1, 1, HEIGHT, WIDTH), corners, torch.Generator())[1]
    assert moved.tolist() == [[[WIDTH, HEIGHT], [0.0, 0.0]]]


@pytest.mark.parametrize(("degrees", "hull"), [(90, (30, 0, 70, 30)), (30, (5.358984, 2.679492, 51.339746, 52.320508))])
def test_worked_numbers_of_clockwise_turns(degrees: float, hull: tuple[float, ...]) -> None:
    x = torch.zeros(1, 1, 80, 100, dtype=torch.float64)
    matrix = rotation_matrix(x, torch.tensor([-float(degrees)], dtype=torch.float64))
    moved = carried(BOX[None], [matrix], (80, 100))[0]
    np.testing.assert_allclose([*moved.amin(0), *moved.amax(0)], hull, atol=1e-6)


def test_a_turn_of_the_value_is_the_turn_of_the_equation() -> None:
    generator = torch.Generator().manual_seed(3)
    degrees = 25 * float(torch.empty(1, 1).uniform_(-1, 1, generator=generator))
    moved = Rotate(25).together(torch.zeros(1, 1, 80, 100), BOX[None], torch.Generator().manual_seed(3))[1][0]
    middle, t = np.array([50.0, 40.0]), math.radians(degrees)
    turn = np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]])  # anticlockwise, with y down
    np.testing.assert_allclose(moved.numpy(), (BOX.numpy() - middle) @ turn.T + middle, atol=1e-4)


def test_maps_are_undone_in_their_order() -> None:
    x = torch.zeros(3, 1, 40, 50, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    number = torch.rand(3, generator=generator, dtype=torch.float64)
    field = Elastic(200, 12).draw(x, generator)
    maps = [rotation_matrix(x, 40 * number), shift_matrix(x, 5 * number, -number), field, shear_matrix(x, 20 * number)]
    points = 40 * torch.rand(3, 7, 2, generator=generator, dtype=torch.float64)
    one_by_one = points
    for each in maps:
        one_by_one = carried(one_by_one, [each], (40, 50))
    torch.testing.assert_close(carried(points, maps, (40, 50)), one_by_one, atol=1e-9, rtol=0)
    torch.testing.assert_close(carried(points, [], (40, 50)), points)


@pytest.mark.parametrize(("augmentation", "worst"), [(Elastic(34, 4), 0.2), (Elastic(200, 12), 0.01)], ids=repr)
def test_the_accuracy_of_bent_points(augmentation: Any, worst: float) -> None:
    x = torch.zeros(4, 1, 120, 160, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    field = augmentation.draw(x, generator)
    old = torch.tensor([160.0, 120.0]) * torch.rand(4, 200, 2, generator=generator, dtype=torch.float64)
    new = carried(old, [field], (120, 160))
    rows, columns = np.arange(120) + 0.5, np.arange(160) + 0.5
    for image in range(4):  # the field between pixels by NumPy, of the last one beyond
        for (x0, y0), (x1, y1) in zip(old[image].tolist(), new[image].tolist(), strict=True):
            i, j = np.interp(y1, rows, np.arange(120)), np.interp(x1, columns, np.arange(160))
            a, b = min(int(i), 118), min(int(j), 158)
            cell = field[image, :, a : a + 2, b : b + 2].numpy()
            there = np.array([1 - (i - a), i - a]) @ cell @ np.array([1 - (j - b), j - b])
            assert np.hypot(x1 + there[0] - x0, y1 + there[1] - y0) < worst


@pytest.mark.parametrize("augmentation", [Color(), Erase(3), Compose(Color(), Erase(3))], ids=repr)
def test_what_changes_colours_only_leaves_points(augmentation: Augmentation) -> None:
    points = torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(0))
    assert augmentation.together(torch.full((2, 3, 8, 8), 0.4), points, torch.Generator())[1].equal(points)


class Invert(Augmentation):
    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return 1 - x


class Negative(Augmentation):
    def apply(self, x: torch.Tensor, generator: torch.Generator) -> Any:
        return 1 - x, still


@pytest.mark.parametrize("augmentation", [Invert(), Compose(Flip(), Invert(), Shift(2))])
def test_augmentations_that_do_not_say_where_points_go(augmentation: Augmentation) -> None:
    x, points = torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 2)
    assert augmentation(x, torch.Generator()).shape == x.shape
    with pytest.raises(InvalidParameter, match=r"together: expected .* whose `apply` returns \(images, move\)"):
        augmentation.together(x, points, torch.Generator())


def test_augmentations_of_users_move_points() -> None:
    x, points = torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 2)
    images, moved = Compose(Negative(), Flip(1.0)).together(x, points, torch.Generator())
    assert images.equal(x + 1)
    assert moved.tolist() == [[[7.0, 1.0]]]


@pytest.mark.parametrize(
    "points", [torch.zeros(2, 2), torch.zeros(3, 1, 2), torch.zeros(2, 1, 3), torch.zeros(2, 1, 2).int(), [[0, 0]]]
)
def test_other_points_are_refused(points: Any) -> None:
    with pytest.raises(InvalidData, match=r"together\(points\): expected a tensor of floating points \(2, k, 2\)"):
        Flip().together(torch.zeros(2, 1, 8, 8), points, torch.Generator())


def test_windows_lie_within_images_and_images_within_windows() -> None:
    x = torch.zeros(200, 1, HEIGHT, WIDTH)
    corners = torch.tensor([[0.0, 0.0], [WIDTH, HEIGHT]]).expand(200, 2, 2)
    size = torch.tensor([WIDTH, HEIGHT])
    for augmentation, inside in ((Zoom(0.4, 0.8), True), (Zoom(1.25, 3), False)):
        moved = augmentation.together(x, corners, torch.Generator().manual_seed(0))[1]
        low, high = moved[:, 0], moved[:, 1]
        scale = (high - low) / size
        assert bool(((low >= -1e-3) & (high <= size + 1e-3) if inside else (low <= 1e-3) & (high >= size - 1e-3)).all())
        assert float(scale.prod(1).sqrt().min()) >= augmentation.low - 1e-4
        assert float(scale.prod(1).sqrt().max()) <= augmentation.high + 1e-4
        assert float((scale[:, 0] / scale[:, 1]).max()) <= 1.2 + 1e-4
        places = (low / (size - (high - low))).clamp(0, 1)  # uniform on both axes
        assert float((places.mean(0) - 0.5).abs().max()) < 0.07
        assert float((places.var(0) - 1 / 12).abs().max()) < 0.02


def test_enlargements_rise() -> None:
    with pytest.raises(InvalidParameter, match=r"Zoom\(low, high\): expected low <= high, got 2 and 1"):
        Zoom(2, 1)
