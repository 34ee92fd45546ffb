"""`Segmenter`: masks by hand, what it learns, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data.augment import Color, Flip, Rotate
from netwright.layers import Conv, Input
from netwright.vision import Segmenter
from netwright.vision.dense.masks import moved, on_canvas, read_masks
from netwright.vision.dense.networks import UPSAMPLINGS, fully_convolutional, segmentation_unet
from netwright.vision.dense.segmenter import MeanOverlap, pixel_loss
from netwright.vision.detection.pictures import frame_of


def scenes(count: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Bright discs and bars on dark noise, of several sizes; label 7 for discs, 3 for bars."""
    draw = np.random.default_rng(seed)
    images, masks = [], []
    for number in range(count):
        size = [(40, 56), (48, 48), (36, 60)][number % 3]
        image = draw.integers(0, 60, (*size, 3), dtype=np.uint8)
        mask = np.zeros(size, int)
        y, x = draw.integers(10, 26, 2)
        rows, columns = np.indices(size)
        disc = (rows - y) ** 2 + (columns - x) ** 2 < 64
        image[disc] += np.array([150, 20, 20], np.uint8)
        mask[disc] = 7
        left = draw.integers(30, size[1] - 5)
        image[:, left : left + 5] += np.array([20, 30, 160], np.uint8)
        mask[:, left : left + 5] = 3
        images.append(image)
        masks.append(mask)
    return images, masks


IMAGES, MASKS = scenes(12)
FAST: dict[str, Any] = {"network": "Conv(8, 5, padding=2) >> ReLU() >> Conv(3, 1)", "size": 56, "batch_size": 4}


@pytest.fixture(scope="module")
def fitted() -> Segmenter:
    return Segmenter("fcn", size=56, epochs=30, batch_size=4, validation=0.25, random_state=0).fit(IMAGES, MASKS)


def test_it_learns_and_gives_labels_in_the_size_of_the_image(fitted: Segmenter) -> None:
    images, masks = scenes(6, seed=1)
    told = fitted.predict(images)
    assert [each.shape for each in told] == [mask.shape for mask in masks]
    assert fitted.classes_.tolist() == [0, 3, 7]
    assert fitted.score(images, masks) > 0.8
    assert fitted.history_[-1]["validation_score"] > 0.7
    proba = fitted.predict_proba(images[:1])[0]
    np.testing.assert_allclose(proba.sum(2), 1, atol=1e-5)
    assert (fitted.classes_[proba.argmax(2)] == told[0]).all()
    twice = [image.repeat(2, 0).repeat(2, 1) for image in images]
    assert fitted.predict(twice)[0].shape == (80, 112)


def test_a_saved_one_gives_the_same(fitted: Segmenter, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.nw")
    again = nw.load(tmp_path / "model.nw")
    for one, other in zip(fitted.predict_proba(IMAGES), again.predict_proba(IMAGES), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.get_params()["size"] == 56


def test_tiles_tell_nearly_the_same(fitted: Segmenter) -> None:
    tiled = clone(fitted)
    whole = fitted.set_params(size=112).predict(IMAGES)
    try:
        vars(tiled).update({**vars(fitted), "tile": 64, "overlap": 24})
        parts = tiled.predict(IMAGES)
    finally:
        fitted.set_params(size=56)
    assert np.mean([(a == b).mean() for a, b in zip(whole, parts, strict=True)]) > 0.97


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("network", [None, "fcn"])
def test_both_networks_both_ways_up(network: Any, upsampling: str) -> None:
    seg = Segmenter(network, upsampling=upsampling, size=56, epochs=1, batch_size=4, random_state=0)
    assert seg.fit(IMAGES[:4], MASKS[:4]).predict(IMAGES[:1])[0].shape == MASKS[0].shape
    kinds = {type(part) for part in seg.module_.modules()}
    assert (torch.nn.ConvTranspose2d in kinds) == (upsampling == "learned")


def test_networks_keep_the_size() -> None:
    for way in UPSAMPLINGS:
        assert (Input(3, 64, 96) >> segmentation_unet((4, 6, 8), way)).output_shape == (4, 64, 96)
        assert (Input(3, 64, 96) >> fully_convolutional(5, (4, 6, 8), way)).output_shape == (5, 64, 96)


def test_ignored_pixels_are_no_class() -> None:
    hidden = [mask.copy() for mask in MASKS]
    for mask in hidden:
        mask[:, :12] = 255
    seg = Segmenter(**FAST, epochs=1, random_state=0).fit(IMAGES, hidden)
    assert seg.classes_.tolist() == [0, 3, 7]
    scores = seg.scores(IMAGES, hidden)
    assert scores.confusion.sum() == sum((mask != 255).sum() for mask in hidden)


def test_the_loss_is_that_of_pixels_that_count() -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(-1, 3, (2, 4, 5), generator=generator)
    logs = output.log_softmax(1)
    kept = [-logs[n, target[n, i, j], i, j] for n, i, j in np.ndindex(2, 4, 5) if target[n, i, j] >= 0]
    torch.testing.assert_close(pixel_loss(output, target), torch.stack(kept).mean())
    assert pixel_loss(output, torch.full_like(target, -1)) == 0


def test_the_score_of_held_out_images_is_the_mean_overlap() -> None:
    output = torch.randn(2, 3, 6, 7, generator=torch.Generator().manual_seed(0))
    target = torch.randint(-1, 3, (2, 6, 7), generator=torch.Generator().manual_seed(1))
    score = MeanOverlap()
    wanted = nw.vision.segmentation_scores(target.numpy(), output.argmax(1).numpy(), ignore=-1).mean_iou
    pieces = [score.seen(output[i : i + 1], target[i : i + 1]) for i in range(2)]
    assert score.over(pieces) == pytest.approx(wanted)


def test_masks_on_a_canvas_are_the_nearest_pixels() -> None:
    mask = np.array([[5, 5, 9, 255], [5, 9, 9, 255]])
    table = on_canvas([mask], [frame_of((2, 4), 8)], (6, 8), np.array([5, 9]))
    wanted = np.array([[0, 0, 1, -1], [0, 1, 1, -1]]).repeat(2, 0).repeat(2, 1)
    assert table[0, :4].tolist() == wanted.tolist()
    assert (table[0, 4:] == -1).all()


def test_masks_go_with_their_images() -> None:
    draw = torch.Generator().manual_seed(0)
    masks = torch.randint(-1, 2, (6, 5, 7), generator=draw)
    images = (masks[:, None].float() + 1).expand(-1, 3, -1, -1).contiguous() / 2
    made, told = moved(images, masks, [Flip(0.5, 0.5)], torch.Generator().manual_seed(1))
    torch.testing.assert_close(made[:, 0], (told.float() + 1) / 2)
    assert (told != masks).any()
    same, kept = moved(images, masks, [Color()], torch.Generator().manual_seed(1))
    assert (kept == masks).all()
    assert same.shape == images.shape
    turned = moved(images, masks, [Rotate(30)], torch.Generator().manual_seed(1))[1]
    assert (turned == -1).any()


def test_masks_are_read_from_files(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    height, width = MASKS[0].shape
    indexed = pillow.frombytes("P", (width, height), MASKS[0].astype(np.uint8).tobytes())
    indexed.putpalette(list(range(256)) * 3)
    indexed.save(tmp_path / "mask.png")
    (read,) = read_masks([tmp_path / "mask.png"], [MASKS[0].shape], "masks")
    assert (read == MASKS[0]).all()
    pillow.fromarray(IMAGES[0]).save(tmp_path / "colour.png")
    with pytest.raises(InvalidData, match="mode RGB"):
        read_masks([tmp_path / "colour.png"], [MASKS[0].shape], "masks")


@pytest.mark.slow
def test_augmented_training_and_checks() -> None:
    seg = Segmenter(**FAST, epochs=1, augment="Flip(0.5), Rotate(10), Color()", random_state=0)
    assert seg.fit(IMAGES, MASKS).n_iter_ == 1
    assert seg.check(IMAGES, MASKS) is not None
    assert clone(seg).get_params() == seg.get_params()


def test_images_as_they_are() -> None:
    seg = Segmenter(**{**FAST, "size": None, "epochs": 2}, random_state=0).fit(IMAGES, MASKS)
    image = IMAGES[0]
    with torch.inference_mode():
        padded = torch.full((1, 3, 64, 64), 114.0)
        padded[0, :, :40, :56] = torch.from_numpy(image).movedim(-1, 0)
        scores = seg.module_(padded / 255)[0, :, :40, :56]
    np.testing.assert_allclose(seg.predict_proba([image])[0], scores.softmax(0).movedim(0, -1), atol=1e-5)
    assert seg.predict([image.repeat(3, 1)])[0].shape == (40, 168)


def test_images_of_pillow() -> None:
    images, masks = ([Image.fromarray(each.astype(np.uint8)) for each in some[:4]] for some in (IMAGES, MASKS))
    seg = Segmenter(**FAST, epochs=1, random_state=0).fit(images, masks)
    assert (seg.predict(images)[1] == seg.predict(IMAGES[1:2])[0]).all()


def test_classes_that_only_held_out_images_have_are_told() -> None:
    held = (IMAGES[:2], [np.where(mask == 7, 9, mask) for mask in MASKS[:2]])
    with pytest.warns(UserWarning, match=r"validation\), targets: expected labels of \[0, 3, 7\], got \[9\]"):
        Segmenter(**FAST, epochs=1, validation=held, random_state=0).fit(IMAGES, MASKS)


@pytest.mark.parametrize(
    ("options", "masks", "error", "text"),
    [
        ({}, MASKS[:3], InvalidData, "expected 12 masks, one an image, got 3"),
        ({}, [mask[:9] for mask in MASKS], InvalidData, r"image 0: expected a mask of the image's size 40 x 56"),
        ({}, [mask * 0.5 for mask in MASKS], InvalidData, "labels that are integers, got float64"),
        ({}, [np.where(mask, "a", "b") for mask in MASKS], InvalidData, "got <U1. Number the labels"),
        ({}, [mask * np.nan for mask in MASKS], InvalidData, r"Give gaps \(NaN\) the label to be ignored"),
        ({}, [(mask > 0) * 255 for mask in MASKS], InvalidData, r"got \[0\]. 255 counts as no class: set ignore=None"),
        ({}, [mask * 0 for mask in MASKS], InvalidData, r"at least two classes, got \[0\]"),
        ({"network": Conv(2, 3, padding=1)}, MASKS, InvalidParameter, "maps of 3 classes in the size of the image"),
        ({"network": Conv(3, 3)}, MASKS, InvalidParameter, "in the size of the image"),
        ({"tile": 32, "overlap": 32}, MASKS, InvalidParameter, "less than the tile, 32, got 32"),
        ({"upsampling": "linear"}, MASKS, InvalidParameter, "Did you mean 'bilinear'"),
    ],
)
def test_what_cannot_be_is_named(options: Any, masks: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Segmenter(**{**FAST, "epochs": 1, **options}).fit(IMAGES, masks)
