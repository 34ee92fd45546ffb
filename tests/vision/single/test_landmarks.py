"""Landmarks: the loss is its header's, points are read and carried rightly, and a mirror renames them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data.augment import Compose, Flip, Rotate, Shift
from netwright.vision.single.carrying import carry_points
from netwright.vision.single.landmarks import LandmarkDetector
from netwright.vision.single.pointing import CorrectPoints, LandmarkLoss
from netwright.vision.single.points import read_points

NAN = float("nan")
SMALL = nw.models.darknet(8, (1, 1), stride=2, headless=True)


def made(**options: Any) -> LandmarkDetector:
    given = {"size": 64, "scales": 1, "batch_size": 8, "random_state": 0, "optimizer": "AdamW(0.005)", **options}
    return LandmarkDetector(SMALL, **given)


def batch() -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    told = torch.rand(4, 3, 2, generator=generator, dtype=torch.float64)
    logits = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    true = told * 72 + torch.randn(4, 3, 2, generator=generator, dtype=torch.float64) * 4
    return (told, logits), (true, torch.rand(4, 3, generator=generator) < 0.7)


def test_the_loss_and_the_score_are_those_of_the_header() -> None:
    output, target = batch()
    (told, logits), (true, seen) = ([part.numpy() for part in parts] for parts in (output, target))
    u = (72 * told - true) / (0.05 * 70)
    h = np.where(np.abs(u) < 1, u**2 / 2, np.abs(u) - 0.5)
    assert 0 < (np.abs(u[seen]) < 1).mean() < 1  # both branches are there
    p = 1 / (1 + np.exp(-logits))
    entropy = -np.where(seen, np.log(p), np.log(1 - p))
    wanted = h[seen].sum() / seen.sum() + entropy.mean()
    assert float(LandmarkLoss(72, 70)(output, target)) == pytest.approx(wanted, rel=1e-12)
    score = CorrectPoints(72, 70)
    halves = [
        score.seen(
            (output[0][part], output[1][part]),
            (target[0][part], target[1][part]),
        )
        for part in (slice(0, 1), slice(1, 4))
    ]
    assert score.over(halves) == (np.linalg.norm(u[seen], axis=1) <= 1).mean()
    assert np.isnan(score.over([(0, 0)]))


def test_its_gradient_is_right() -> None:
    output, target = batch()
    given = [part.clone().requires_grad_() for part in output]
    assert torch.autograd.gradcheck(lambda told, logits: LandmarkLoss(72, 70)((told, logits), target), given)


def test_points_that_are_not_seen_ask_for_no_place() -> None:
    (told, logits), (true, seen) = batch()
    told, logits = told.requires_grad_(), logits.requires_grad_()
    LandmarkLoss(72, 70)((told, logits), (true, torch.zeros_like(seen))).backward()
    assert told.grad is not None
    assert not told.grad.any()
    assert logits.grad is not None
    assert logits.grad.all()


@pytest.mark.slow
def test_it_finds_points_in_images_of_any_size_and_whether_they_are_seen(dots: Any) -> None:
    detector = made(epochs=14).fit(*dots(64))
    images, targets = dots(30, 1)
    found = detector.predict(images)
    assert all(one["points"].shape == (2, 2) and one["visibility"].shape == (2,) for one in found)
    seen = np.stack([~np.isnan(target["points"]).any(1) for target in targets])
    assert (np.stack([one["visibility"] > 0.5 for one in found]) == seen).mean() > 0.9
    twice = [np.kron(image, np.ones((2, 2, 1), np.uint8)) for image in images]
    pairs = zip(found, detector.predict(twice), strict=True)
    apart = [np.linalg.norm(large["points"] - 2 * small["points"], axis=1) for small, large in pairs]
    assert np.median(np.stack(apart)[seen]) < 2
    assert detector.score(twice, [{"points": 2 * target["points"]} for target in targets]) > 0.85
    assert detector.score(images, targets) > 0.85
    ground = np.pad(images[3], ((0, 0), (0, 64), (0, 0)))
    (wide,) = detector.predict([ground])
    assert ((wide["points"] >= 0) & (wide["points"] <= [128, 64])).all()


def test_the_score_is_the_share_within_a_twentieth_of_the_long_side(dots: Any) -> None:
    images, _ = dots(2)
    detector = made(epochs=1).fit(*dots(8))
    told = [one["points"] for one in detector.predict(images)]
    right = [{"points": np.clip(points + np.array([[0, 3.1], [np.nan, np.nan]]), 0, 64)} for points in told]
    near = np.linalg.norm([target["points"][0] - points[0] for target, points in zip(right, told, strict=True)], axis=1)
    assert detector.score(images, right) == (near <= 3.2).mean()
    assert np.isnan(detector.score(images, [{"points": [[NAN, NAN]] * 2}] * 2))


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ({"points": [[1, 2]]}, r"image 1, points: expected 2, as of the others, got 1"),
        ({"points": [[1, 2], [3, 70]]}, r"image 1, points, row 1: expected 0 <= x <= 64, 0 <= y <= 64, got \[3.0, 70"),
        ({"points": [[1, NAN], [3, 7]]}, r"image 1, points, row 0: expected 0 <= x"),
        ({"points": [[1, 2], [float("inf"), 7]]}, r"image 1, points, row 1"),
        ({"points": [[NAN, NAN], [3, 7]], "visibility": [1, 1]}, r"image 1, points, row 0"),
        (
            {"points": [[1, 2], [3, 7]], "visibility": [1, 3]},
            r"visibility: expected 0, 1 or 2 for each of the 2",
        ),
        ({"points": [[1, 2], [3, 7]], "visibility": [1]}, r"image 1, visibility: expected 0, 1 or 2"),
        ({"points": [[1, 2, 3], [3, 7, 8]]}, r"image 1, points: expected shape \(K, 2\): x, y, got shape \(2, 3\)"),
        ({"points": "a"}, r"image 1, points: expected numbers"),
        ({"boxes": []}, r"image 1: expected a dict with points, got the keys boxes"),
        (None, r"image 1: expected a dict with points, got None"),
    ],
)
def test_points_that_cannot_be_are_named(target: Any, text: str, dots: Any) -> None:
    images, targets = dots(3)
    with pytest.raises(InvalidData, match=text):
        made().fit(images, [targets[0], target, targets[2]])


def test_other_data_that_cannot_be(dots: Any) -> None:
    images, targets = dots(3)
    with pytest.raises(InvalidData, match="at least one point that is to be seen, got none"):
        made().fit(images, [{"points": [[1, 2]], "visibility": [0]}] * 3)
    with pytest.raises(InvalidData, match=r"LandmarkDetector\(validation\), targets, image 0, points: expected 2"):
        made(validation=(images[:1], [{"points": [[1, 2]]}])).fit(images, targets)
    with pytest.raises(InvalidData, match="expected a list of dicts, one an image"):
        made().fit(images, targets[0])
    for pairs, text in (([(0, 2)], "numbers of points from 0 to 1, got 2"), ([(0, 0)], "pairs"), ([0, 1], "pairs")):
        with pytest.raises(InvalidParameter, match=text):
            made(pairs=pairs).fit(images, targets)


def test_points_are_carried_with_the_image_and_renamed_in_mirrors() -> None:
    generator = torch.Generator().manual_seed(0)
    places = torch.randint(16, 48, (12, 3, 2), generator=generator)
    images = torch.zeros(12, 3, 64, 64)
    for image, points in zip(images, places, strict=True):
        for channel, (x, y) in zip(image, points.tolist(), strict=True):
            channel[y - 2 : y + 2, x - 2 : x + 2] = 1
    seen = torch.ones(12, 3, dtype=torch.bool)
    change = Compose(Flip(0.5, 0.5), Rotate(25), Shift(3))
    made_, plain, _ = carry_points(change, images, places.float(), seen, generator.manual_seed(1))
    _, renamed, still = carry_points(change, images, places.float(), seen, generator.manual_seed(1), pairs=[(0, 2)])
    assert still.all()
    across = (torch.arange(64) + 0.5).expand(64, 64)
    weight = made_ / made_.sum((2, 3), keepdim=True)
    blobs = torch.stack([(weight * across).sum((2, 3)), (weight * across.T).sum((2, 3))], -1)
    torch.testing.assert_close(plain, blobs, atol=0.1, rtol=0)

    def turned(points: torch.Tensor) -> torch.Tensor:
        first, second = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
        return (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sign()

    mirrored = turned(plain) != turned(places.float())
    assert 0 < mirrored.sum() < 12
    assert torch.equal(renamed[mirrored], plain[mirrored][:, [2, 1, 0]])
    assert torch.equal(renamed[~mirrored], plain[~mirrored])


def test_points_that_leave_the_image_are_not_seen() -> None:
    images, points = torch.zeros(64, 1, 32, 32), torch.tensor([[[1.0, 16.0], [16.0, 16.0]]]).expand(64, 2, 2)
    seen = torch.tensor([True, False]).expand(64, 2)
    _, moved, left = carry_points(Shift(4), images, points, seen, torch.Generator().manual_seed(0))
    assert torch.equal(left[:, 0], moved[:, 0, 0] >= 0)
    assert 0 < left[:, 0].sum() < 64
    assert not left[:, 1].any()


@pytest.mark.slow
def test_pairs_make_a_mirrored_left_a_right(dots: Any) -> None:
    """Of two dots of one colour only their places tell which is the left one."""
    draw = np.random.default_rng(0)
    images, targets = [], []
    for _ in range(64):
        image = draw.integers(0, 50, (64, 64, 3), dtype=np.uint8)
        points = np.stack([[draw.integers(5, 26), draw.integers(38, 59)], draw.integers(5, 59, 2)], 1)
        for x, y in points:
            image[y - 4 : y + 4, x - 4 : x + 4] = 250
        images.append(image)
        targets.append({"points": points})
    scores = [
        made(epochs=14, augment="Flip()", pairs=pairs).fit(images, targets).score(images, targets)
        for pairs in ([(0, 1)], None)
    ]
    assert scores[0] > 0.9
    assert scores[1] < 0.7


def test_reading_keeps_places() -> None:
    (one,) = read_points([{"points": torch.tensor([[2, 3], [10, 20]]), "visibility": [True, False]}], [(20, 10)], "y")
    assert one.places.tolist() == [[2, 3], [0, 0]]
    assert one.seen.tolist() == [True, False]
