"""Mosaics: every object has a colour of its own, and each row of the tables has just the pixels of its colour."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.vision.moving import Mosaic

HEIGHT, WIDTH = 60, 84


def coloured(seed: int, n: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """Images with four rectangles apart from each other, and a class, which is the colour, of each in all images."""
    rng = np.random.default_rng(seed)
    images, boxes = torch.zeros(n, 1, HEIGHT, WIDTH), torch.zeros(n, 6, 4)
    classes = torch.full((n, 6), -1)
    for image in range(n):
        for cell, row in enumerate((0, 1, 3, 4)):
            w, h = rng.integers(3, 42), rng.integers(3, 30)
            x = rng.integers(0, 43 - w) + 42 * (cell % 2)
            y = rng.integers(0, 31 - h) + 30 * (cell // 2)
            classes[image, row] = 4 * image + cell
            images[image, 0, y : y + h, x : x + w] = 1 + 4 * image + cell
            boxes[image, row] = torch.tensor([x, y, x + w, y + h])
    return images, boxes, classes


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.8])
def test_rows_are_what_is_seen_of_the_objects(share: float) -> None:
    partners = set()
    for seed in range(25):
        images, boxes, classes = coloured(seed)
        areas = {
            int(c): float((b[2:] - b[:2]).prod())
            for b, c in zip(boxes[classes >= 0], classes[classes >= 0], strict=True)
        }
        made, moved, left = Mosaic(1.0)(images, boxes, classes, seeded(seed), min_visibility=share)
        for image in range(len(images)):
            rows = {int(c): b.tolist() for b, c in zip(moved[image], left[image], strict=True) if c >= 0}
            assert len(rows) == int((left[image] >= 0).sum())
            for colour in range(24):
                seen = (made[image, 0] == colour + 1).nonzero()
                if len(seen) / areas[colour] >= share and len(seen):
                    (y1, x1), (y2, x2) = seen.amin(0).tolist(), (seen.amax(0) + 1).tolist()
                    assert rows.pop(colour) == [x1, y1, x2, y2]
                    partners.add((image, colour // 4))
            assert not rows
    assert len(partners) == 36, "each image is a partner of each"


def test_windows_are_those_of_four_images_round_a_cross() -> None:
    ramp = torch.arange(HEIGHT * WIDTH, dtype=torch.float64).view(1, 1, HEIGHT, WIDTH)
    images = ramp + HEIGHT * WIDTH * torch.arange(6).view(6, 1, 1, 1)  # each pixel is a number of its own
    made = Mosaic(1.0, margin=0.3)(images, torch.zeros(6, 1, 4), torch.full((6, 1), -1), seeded(0))[0]
    owners = (made // (HEIGHT * WIDTH)).long()[:, 0]
    for image, owner in enumerate(owners):
        assert owner[0, 0] == image
        assert len(owner.unique()) == 4
        rows, columns = (owner[1:, 0] != owner[:-1, 0]).nonzero(), (owner[0, 1:] != owner[0, :-1]).nonzero()
        y, x = int(rows) + 1, int(columns) + 1
        assert 0.3 * HEIGHT - 1 <= y <= 0.7 * HEIGHT + 1
        assert 0.3 * WIDTH - 1 <= x <= 0.7 * WIDTH + 1
        for part in (made[image, 0, :y, :x], made[image, 0, :y, x:], made[image, 0, y:, :x], made[image, 0, y:, x:]):
            assert bool((part.diff(dim=0) == WIDTH).all())
            assert bool((part.diff(dim=1) == 1).all())


@pytest.mark.parametrize("n", [1, 2, 3])
def test_small_batches_take_images_again(n: int) -> None:
    for seed in range(10):
        images, boxes, classes = coloured(seed, n)
        made, moved, left = Mosaic(1.0)(images, boxes, classes, seeded(seed), min_visibility=0)
        assert bool((made == made).all())
        for image, row in (left >= 0).nonzero().tolist():
            x1, y1, x2, y2 = moved[image, row].int().tolist()
            assert bool((made[image, 0, y1:y2, x1:x2] == left[image, row] + 1).all())
            assert x2 > x1
            assert y2 > y1


def test_images_stay_with_their_probability() -> None:
    images, boxes, classes = coloured(0)
    made, moved, left = Mosaic(0.0)(images, boxes, classes, seeded(0))
    assert made.equal(images)
    assert moved.equal(boxes[:, [0, 1, 3, 4]])
    assert left.equal(classes[:, [0, 1, 3, 4]])
    changed = 0
    for seed in range(100):
        made = Mosaic(0.3)(images, boxes, classes, seeded(seed))[0]
        changed += int((made != images).flatten(1).any(1).sum())
    assert abs(changed / 600 - 0.3) < 0.06


def test_the_same_seed_gives_the_same_mosaics_and_nothing_is_written() -> None:
    batch = coloured(0)
    copies = tuple(part.clone() for part in batch)
    generator = seeded(3)
    first = Mosaic()(*batch, generator)
    assert all(a.equal(b) for a, b in zip(first, Mosaic()(*batch, seeded(3)), strict=True))
    assert not first[0].equal(Mosaic()(*batch, generator)[0])
    assert all(a.equal(b) for a, b in zip(batch, copies, strict=True))


def test_tables_are_no_longer_than_needed() -> None:
    images, boxes, classes = coloured(0)
    _, moved, left = Mosaic(1.0)(images, boxes, classes, seeded(0))
    assert moved.shape == (*left.shape, 4)
    assert left.shape[1] == int((left >= 0).sum(1).max())
    assert bool(((left >= 0).int().diff(dim=1) <= 0).all()), "objects are in front"
    _, moved, left = Mosaic(1.0)(images, boxes, torch.full_like(classes, -1), seeded(0))
    assert left.tolist() == [[-1]] * 6
    assert moved.shape == (6, 1, 4)
    assert Mosaic()(images[:0], boxes[:0], classes[:0], seeded(0))[0].shape == images[:0].shape


def test_objects_that_are_not_asked_for_stay_so() -> None:
    images, boxes, classes = coloured(0)
    left = Mosaic(1.0)(images, boxes, torch.where(classes >= 0, -2 - classes, classes), seeded(0))[2]
    assert bool((left < 0).all())
    assert bool((left < -1).any())


def test_it_is_a_value() -> None:
    mosaic = Mosaic(0.7, margin=0.1)
    assert from_json(json.loads(json.dumps(to_json(mosaic)))) == mosaic
    assert repr(mosaic) == "Mosaic(0.7, margin=0.1)"
    with pytest.raises(InvalidParameter, match=r"Mosaic\(margin\): expected a number in \[0, 0.5\], got 0.6"):
        Mosaic(margin=0.6)
    with pytest.raises(InvalidData, match=r"^Mosaic: expected images"):
        mosaic(torch.zeros(2, 3, 8, 8), torch.zeros(1, 3, 4), torch.zeros(1, 3).long(), seeded(0))
