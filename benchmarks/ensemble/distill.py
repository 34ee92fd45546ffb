"""Distillation on MNIST with 5,000 training images: how much of an ensemble's gain one network keeps.

    OMP_NUM_THREADS=1 python benchmarks/ensemble/distill.py
    OMP_NUM_THREADS=1 python benchmarks/ensemble/distill.py --seeds 1 --copies 4

The gain is the accuracy of ten networks less that of one with the student's architecture, on the 10,000 test images.
All of them are trained on 5,000 images with their labels, shifted and turned anew in every epoch. The student sees what
the teacher says of the same images and of copies that are shifted and turned; a second student has the labels of the
originals too, as a share of its loss. The control is the student without a teacher: the same copies, in the same
epochs, with these labels. The images are those of the folder that NETWRIGHT_DATA names.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

import netwright as nw
from netwright.data.augment import Compose, Rotate, Shift
from netwright.layers import Flatten, ReLU, Softmax

IMAGES = 5000
CHANGE = Compose(Shift(2), Rotate(10))


def single(epochs: int, seed: int, augment: Any = None) -> Any:
    """One network of the student's architecture."""
    network = Flatten() >> ReLU(128) >> ReLU(64) >> Softmax(10)
    return nw.Classifier(
        network,
        optimizer=nw.optim.Adam(nw.optim.cosine(2e-3)),
        epochs=epochs,
        batch_size=64,
        augment=augment,
        random_state=seed,
    )


def copies_of(images: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The images and changed copies of them."""
    generator = torch.Generator().manual_seed(seed)
    made = [CHANGE(torch.from_numpy(images), generator).numpy() for _ in range(count)]
    return np.concatenate([images, *made])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--student-epochs", type=int, default=10)
    parser.add_argument("--copies", type=int, default=15)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--alpha", type=float, default=0.5, help="share of the labels in the student's loss")
    parser.add_argument("--plain", action="store_true", help="train the members on the images as they are")
    args = parser.parse_args()
    torch.set_num_threads(1)
    (X, y), (X_test, y_test) = nw.data.load_mnist("train"), nw.data.load_mnist("test")
    names = ["one network", "ensemble", "student", "student, labels too", "control: the copies with labels"]
    table = []
    for seed in range(args.seeds):
        began = time.perf_counter()
        rows = np.random.default_rng(seed).permutation(len(X))[:IMAGES]
        images, labels = X[rows], y[rows]
        more, tiled = copies_of(images, args.copies, seed), np.tile(labels, args.copies + 1)
        one = single(args.epochs, 100 + seed, None if args.plain else CHANGE)
        student = single(args.student_epochs, 100 + seed)
        ensemble = nw.Ensemble(one, args.members, random_state=seed).fit(images, labels)
        models = [
            *ensemble.estimators_,
            ensemble,
            nw.distill(ensemble, student, more, args.temperature),
            nw.distill(ensemble, student, more, args.temperature, y=tiled, alpha=args.alpha),
            clone(student).fit(more, tiled),
        ]
        scores = [100 * model.score(X_test, y_test) for model in models]
        table.append([float(np.mean(scores[: args.members])), *scores[args.members :]])
        print(f"seed {seed}: {np.round(table[-1], 2)}, {time.perf_counter() - began:.0f} s", flush=True)
    means, errors = np.mean(table, axis=0), np.std(table, axis=0) / np.sqrt(len(table))
    gain = means[1] - means[0]
    print(f"\n| model | accuracy of {args.seeds} seeds, % | share of the gain |\n|---|---|---|")
    for name, mean, error in zip(names, means, errors, strict=True):
        print(f"| {name} | {mean:.2f} ± {error:.2f} | {(mean - means[0]) / gain:.0%} |")


if __name__ == "__main__":
    main()
