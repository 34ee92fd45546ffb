"""What an option says as one function: texts, tuples, one resampling for what stands in a row, refusals."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter
from netwright.core.value import value
from netwright.data.augment import Color, Compose, Flip, Rotate, Scale, Shift
from netwright.estimators.augmenting import augmentation_of
from netwright.vision.moving import Mosaic, change_for, move_boxes


def batch() -> tuple[Tensor, Tensor, Tensor]:
    generator = seeded(9)
    images, corners = torch.rand(5, 3, 40, 50, generator=generator), 20 * torch.rand(5, 3, 2, generator=generator)
    boxes = torch.cat([corners, corners + 20], 2)
    return images, boxes, torch.tensor([[0, 1, -1], [2, -1, -1], [-1, -1, -1], [0, -2, 1], [1, 1, 1]])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same(first: Any, second: Any) -> bool:
    return all(a.equal(b) for a, b in zip(first, second, strict=True))


def test_a_text_a_tuple_and_the_steps_by_hand_are_one() -> None:
    generator = seeded()
    by_hand = Mosaic(0.7)(*batch(), generator)
    by_hand = move_boxes(Compose(Flip(), Scale(1.3), Shift(5), Color()), *by_hand, generator)
    for option in (
        "Mosaic(0.7), Flip(), Scale(1.3), Shift(5), Color()",
        (Mosaic(0.7), Flip(), Scale(1.3), Shift(5), Color()),
        [Mosaic(0.7), Compose(Flip(), Scale(1.3)), Shift(5), Color()],
    ):
        change = change_for(option)
        assert change is not None
        assert same(change(*batch(), seeded()), by_hand)
        assert same(pickle.loads(pickle.dumps(change))(*batch(), seeded()), by_hand)


@pytest.mark.parametrize("option", ["Mosaic", "Flip(), Mosaic(1.0), Flip()", Rotate(), (Mosaic(), Mosaic())])
def test_every_order_works(option: Any) -> None:
    change = change_for(option)
    assert change is not None
    images, boxes, classes = change(*batch(), seeded())
    assert images.shape == (5, 3, 40, 50)
    assert boxes.shape == (*classes.shape, 4)


def test_options_reach_every_step() -> None:
    strict = change_for("Mosaic(1.0), Shift(10)", min_visibility=1.0)
    lax = change_for("Mosaic(1.0), Shift(10)", min_visibility=0.0)
    assert strict is not None
    assert lax is not None
    assert int((strict(*batch(), seeded())[2] >= 0).sum()) < int((lax(*batch(), seeded())[2] >= 0).sum())
    turned = Rotate(45)
    tight = change_for(turned, outline="ellipse")
    assert tight is not None
    assert same(tight(*batch(), seeded()), move_boxes(turned, *batch(), seeded(), outline="ellipse"))


def test_none_is_none() -> None:
    assert change_for(None) is None


@value("augmentation")
class NoAugmentation:
    """Has the family only."""


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("Mosaik()", "Did you mean 'Mosaic'"),
        ("Conv(3, 3)", "augment: expected augmentations such as Rotate"),
        ((), "augment: expected augmentations such as Rotate"),
        (3, "augment: expected augmentations such as Rotate"),
        (NoAugmentation(), "augment: expected augmentations of images, or Mosaic"),
    ],
)
def test_what_is_no_augmentation_is_refused(option: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        change_for(option)


@pytest.mark.parametrize("option", ["Mosaic()", (Flip(), Mosaic())])
def test_estimators_of_images_alone_refuse_mosaics(option: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"augment: expected augmentations of images alone.*got Mosaic\(\)"):
        augmentation_of(option)


@pytest.mark.parametrize("options", [{"min_visibility": -1}, {"outline": "round"}])
def test_other_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match=r"^change_for\((min_visibility|outline)\): expected"):
        change_for("Flip()", **options)
