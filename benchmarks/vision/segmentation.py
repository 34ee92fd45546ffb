"""Segmentation of scenes: MNIST digits of all sizes on photographs, a class for every pixel, 10 digits and the ground.

    NETWRIGHT_DATA=... python benchmarks/vision/segmentation.py
    NETWRIGHT_DATA=... python benchmarks/vision/segmentation.py --network fcn --upsampling bilinear

A scene is a part of one of scikit-learn's photographs with up to four digits, each 20 to 56 pixels high, in one colour;
a pixel belongs to a digit where its ink is above one half. Training scenes have training digits and the photograph of
the temple, test scenes test digits and the photograph of the flower, which is never seen in training. Printed: seconds
of training, scenes a second, intersection over union, Dice and the F of boundaries.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

import netwright as nw


def scenes(digits: Any, labels: Any, photograph: Any, count: int, seed: int, side: int) -> tuple[list[Any], list[Any]]:
    """Images (side, side, 3) and masks (side, side): 0 for the ground, 1 + the digit."""
    draw = np.random.default_rng(seed)
    images, masks = [], []
    for _ in range(count):
        top, left = draw.integers(photograph.shape[0] - side), draw.integers(photograph.shape[1] - side)
        image = photograph[top : top + side, left : left + side].astype(float)
        mask = np.zeros((side, side), np.int64)
        for row in draw.integers(len(digits), size=draw.integers(1, 5)):
            size = int(draw.integers(20, 57))
            ink = np.asarray(Image.fromarray(digits[row]).resize((size, size), Image.Resampling.BILINEAR)) / 255.0
            y, x = draw.integers(side - size + 1, size=2)
            part = (slice(y, y + size), slice(x, x + size))
            image[part] += ink[..., None] * (draw.integers(0, 256, 3) - image[part])
            mask[part][ink > 0.5] = 1 + labels[row]
        images.append(image.round().astype(np.uint8))
        masks.append(mask)
    return images, masks


def digits(split: str) -> tuple[Any, Any]:
    """Images (n, 28, 28) of bytes and labels."""
    X, y = nw.data.load_mnist(split)
    return (X.squeeze(1) * (255 / X.max())).round().astype(np.uint8), y


def main() -> None:
    """Train, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("unet", "fcn"), default="unet")
    parser.add_argument("--upsampling", choices=("learned", "bilinear"), default="learned")
    parser.add_argument("--scenes", type=int, default=1200)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    train = scenes(*digits("train"), load_sample_image("china.jpg"), asked.scenes, asked.seed, asked.side)
    test = scenes(*digits("test"), load_sample_image("flower.jpg"), 200, asked.seed + 1, asked.side)
    options = {"upsampling": asked.upsampling, "size": asked.side, "epochs": asked.epochs, "batch_size": 16}
    segmenter = nw.vision.Segmenter(asked.network, random_state=asked.seed, **options)
    begin = time.perf_counter()
    segmenter.fit(*train)
    trained = time.perf_counter() - begin
    begin = time.perf_counter()
    scores = segmenter.scores(*test)
    rate = len(test[0]) / (time.perf_counter() - begin)
    print(f"{asked}\ntorch {torch.__version__}; trained {trained:.0f} s; {rate:.0f} scenes a second with their scores")
    print(scores)


if __name__ == "__main__":
    main()
