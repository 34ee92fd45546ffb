"""R-CNN beside what all detectors do: crops, machines that are found with hard examples, corrections of boxes."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

import netwright as nw
from netwright.vision import RCNN
from netwright.vision.rcnn.crops import CropNetwork
from netwright.vision.rcnn.settling import BIAS, NORM, describe, machine, settle

SMALL = nw.models.darknet(8, (1, 1), stride=2, headless=True)


def scenes(n: int, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Pictures with a red or a blue block in each."""
    draw = np.random.default_rng(seed)
    images, targets = [], []
    for _ in range(n):
        image = draw.integers(0, 50, (48, 64, 3), dtype=np.uint8)
        x, y, side = int(draw.integers(0, 40)), int(draw.integers(0, 24)), int(draw.integers(14, 24))
        red = bool(draw.integers(2))
        image[y : y + side, x : x + side] = (230, 60, 60) if red else (60, 60, 230)
        images.append(image)
        targets.append({"boxes": [[x, y, x + side, y + side]], "labels": ["red" if red else "blue"]})
    return images, targets


def shaken(image: Any) -> Any:
    """Boxes about the block, a little too far to the left and to the bottom, and some elsewhere."""
    ys, xs = (image.max(2) > 150).nonzero()
    draw = np.random.default_rng(int(xs.sum()))
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    side = box[2] - box[0]
    near = box + side * np.array([[-0.15, 0, -0.05, 0.1], [-0.2, 0.05, -0.1, 0.1]])
    low = draw.uniform(0, 30, (20, 2))
    return np.concatenate([near, np.concatenate([low, low + draw.uniform(8, 20, (20, 2))], 1)])


def made(**options: Any) -> Any:
    usual: dict[str, Any] = {"optimizer": "AdamW(0.004)", "epochs": 3, "crop": 16, "context": 1, "augment": None}
    return RCNN(SMALL, size=64, batch_size=8, random_state=0, **{"proposals": shaken, **usual, **options})


@pytest.fixture(scope="module")
def fitted() -> Any:
    return made(proposals="selective_search", max_proposals=60).fit(*scenes(48))


@pytest.mark.slow
def test_machines_find_and_name_objects(fitted: Any, tmp_path: Path) -> None:
    others = scenes(20, seed=1)
    assert fitted.score(*others) > 0.9
    found = fitted.predict(others[0], score_threshold=0)
    assert all(((one["scores"] >= 0) & (one["scores"] <= 1)).all() for one in found)
    assert fitted.module_.settled
    fitted.save(tmp_path / "model.nw")
    for again in (nw.load(tmp_path / "model.nw"), pickle.loads(pickle.dumps(fitted))):
        for one, other in zip(found, again.predict(others[0], score_threshold=0), strict=True):
            np.testing.assert_array_equal(one["boxes"], other["boxes"])
            np.testing.assert_array_equal(one["scores"], other["scores"])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_machines(fitted: Any) -> None:
    again = made(proposals="selective_search", max_proposals=60).fit(*scenes(48))
    for name, tensor in again.module_.state_dict().items():
        assert torch.equal(tensor, fitted.module_.state_dict()[name]), name


@pytest.mark.slow
def test_boxes_are_corrected() -> None:
    images, targets = scenes(48)
    others = scenes(20, seed=1)
    overlaps = []
    for ridge in (None, 1.0):
        detector = made(ridge=ridge).fit(images, targets)
        best = detector.predict(others[0], max_detections=1, score_threshold=0)
        overlaps.append(
            np.mean([nw.vision.box_iou(t["boxes"], b["boxes"])[0, 0] for t, b in zip(others[1], best, strict=True)])
        )
    assert overlaps[1] > overlaps[0] + 0.05
    assert overlaps[1] > 0.8


def test_crops_show_the_region_within_its_context() -> None:
    """The whole crop is the region's own pixels when the scale is 1, and the mean colour beside the image."""
    network = CropNetwork(SMALL, 2, crop=16, context=4, units=8, seed=0)
    region = torch.tensor([[10.0, 20, 18, 28]])
    assert network.wide(region).tolist() == [[6, 16, 22, 32]]
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    shown = network(image, torch.zeros(1, 1, 4))[0]
    seen: list[Any] = []
    network.features.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    network.described(shown, [torch.cat([region, torch.tensor([[-8.0, 0, 0, 8]])])])
    torch.testing.assert_close(seen[0][0], shown[0, :, 16:32, 6:22])
    torch.testing.assert_close(seen[0][0], (image[0, :, 16:32, 6:22] - 0.45) / 0.25)
    assert not seen[0][1][:, :, :11].any()


@pytest.mark.parametrize("cost", [1e-3, 0.1])
def test_the_machine_of_hard_examples_is_that_of_all(cost: float) -> None:
    draw = np.random.default_rng(0)
    positives, negatives = draw.normal(1, 1, (40, 6)), draw.normal(-0.5, 1, (9000, 6))
    plane, offset = machine(positives, negatives, cost, np.random.default_rng(1))
    x, y = np.concatenate([positives, negatives]), np.arange(9040) < 40
    whole = LinearSVC(C=cost, dual=False, tol=1e-6, intercept_scaling=BIAS, max_iter=10000, random_state=0).fit(x, y)
    np.testing.assert_allclose(plane, whole.coef_[0], rtol=1e-3, atol=1e-4)
    assert offset == pytest.approx(whole.intercept_[0], rel=1e-3, abs=1e-4)


def test_what_machines_and_corrections_are_fitted_to() -> None:
    """Negatives lie far from a class, corrections solve the normal equations, and scales cancel."""
    images, targets = scenes(24)
    detector = made(epochs=1, ridge=5.0, svm_cost=0.01).fit(images, targets)
    run_batches = detector._batches(
        nw.vision.detection.pictures.Pictures(images, "images"),
        nw.vision.detection.targets.read_targets(targets, [(48, 64)] * 24, "targets")[0],
        None,
    )
    network = detector.module_
    found = describe(network, run_batches)
    assert len(found.regions) == 24 * 22
    assert len(found.objects) == 24
    settle(network, run_batches, 0.01, 5.0, seed=0)
    scale = NORM / np.linalg.norm(found.objects, axis=1).mean()
    for kind in range(2):
        rows = found.kinds == kind
        x, t = scale * found.regions[found.near[rows]].astype(float), found.moves[rows].astype(float)
        x_mean, t_mean = x.mean(0), t.mean(0)
        w = np.linalg.solve((x - x_mean).T @ (x - x_mean) + 5 * np.eye(x.shape[1]), (x - x_mean).T @ (t - t_mean))
        moves = network.moves[4 * kind : 4 * kind + 4].numpy()
        np.testing.assert_allclose(moves, scale * w.T, rtol=1e-3, atol=1e-4)
        shifts = network.shifts[4 * kind : 4 * kind + 4].numpy()
        np.testing.assert_allclose(shifts, t_mean - x_mean @ w, rtol=1e-3, atol=1e-3)
        own = found.overlaps[:, kind]
        assert own[found.near[rows]].min() > 0.6
        margins = found.objects[found.classes == kind] @ network.planes[kind].numpy() + float(network.offsets[kind])
        others = found.regions[own < 0.3] @ network.planes[kind].numpy() + float(network.offsets[kind])
        assert margins.mean() > others.mean() + 0.5


def test_a_class_without_examples_is_not_found() -> None:
    images, targets = scenes(16)
    for target in targets:
        target["difficult"] = [target["labels"] == ["red"]]
    detector = made(epochs=1, max_proposals=22).fit(images, targets)
    assert detector.classes_.tolist() == ["blue", "red"]
    assert not detector.module_.planes[1].any()
    assert np.isfinite(detector.predict(images)[0]["scores"]).all()
