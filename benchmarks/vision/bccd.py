"""Blood cells: a detector trained from scratch on the BCCD set, its average precision, its time, its speed.

    NETWRIGHT_DATA=... python benchmarks/vision/bccd.py --detector YOLO --epochs 60 --batch-size 8
    NETWRIGHT_DATA=... python benchmarks/vision/bccd.py --detector FasterRCNN --epochs 40 --batch-size 4

205 images are trained on, 87 held out while it trains, 72 tested at the end. Printed are an epoch a line, the mean
average precision of the test images at an IoU of 1/2 (asked: 0.80 within 30 minutes of two cores for YOLO, 0.75 within
60 for Faster R-CNN) with that of each class, and images a second of `predict` at 256 pixels (asked: 15).
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import netwright as nw
from netwright import vision

AUGMENT = "Mosaic(0.3), Flip(0.5, 0.5), Scale(1.25), Color()"


def main() -> None:
    """Train, test, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="YOLO", choices=["YOLO", "FastRCNN", "FasterRCNN", "RCNN"])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--augment", default=AUGMENT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scales", type=int, help="of the detector, instead of its own number")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", help="a file for the trained detector")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    folder = Path(os.environ["NETWRIGHT_DATA"]) / "bccd"
    parts: dict[str, Any] = {split: vision.read_voc(folder, split) for split in ("train", "val", "test")}
    detector = getattr(vision, asked.detector)(
        size=asked.size,
        epochs=asked.epochs,
        batch_size=asked.batch_size,
        augment=asked.augment or None,
        validation=parts["val"],
        verbose=1,
        random_state=asked.seed,
        **({} if asked.scales is None else {"scales": asked.scales}),
    )
    print(f"{asked}\ntorch {torch.__version__}", flush=True)
    begin = time.perf_counter()
    detector.fit(*parts["train"])
    minutes = (time.perf_counter() - begin) / 60
    for record in detector.history_.records:
        figures = (record[name] for name in ("train_loss", "validation_loss", "validation_score", "seconds"))
        print(f"{record['epoch']:4} " + "  ".join(f"{figure:.4f}" for figure in figures))
    files, targets = parts["test"]
    found = detector.predict(files, score_threshold=0.01)
    told = vision.mean_average_precision(found, targets, iou_thresholds=[0.5])
    weights = sum(p.numel() for p in detector.module_.parameters())
    print(f"test mAP@0.5 {told.map:.4f}, {minutes:.1f} minutes, {weights} weights")
    print(told)
    print(vision.detection_account(detector.predict(files, score_threshold=0.3), targets))
    if asked.save:
        detector.save(asked.save)
    speed(detector, files)


def speed(detector: Any, files: list[str]) -> None:
    """Images a second at 256 pixels, from arrays and from files."""
    detector.set_params(size=256)
    images = [nw.data.read_image(file) for file in files]
    for name, given in (("arrays", images), ("files", files)):
        detector.predict(given[:16])
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            detector.predict(given)
            times.append(time.perf_counter() - begin)
        print(f"predict at 256 pixels from {name}: {len(given) / float(np.median(times)):.1f} images a second")


if __name__ == "__main__":
    main()
