"""Omniglot: characters of alphabets never seen, each recognised from one drawing; the 20 published one-shot runs.

    NETWRIGHT_DATA=... python benchmarks/vision/omniglot.py

A prototypical network of four convolutions learns one minimal background set (five alphabets, 136 characters), with the
characters turned by 90, 180 and 270 degrees as characters of their own. Printed are an epoch a line, the time of
training, and the error of the 20 runs of 20 ways (asked: at most 25 % within 30 minutes of two cores), also with
embeddings averaged over changed copies. The runs are looked at once, after training; nothing is chosen by them.

For comparison (Lake, Salakhutdinov, Tenenbaum, *The Omniglot challenge: a 3-year progress report*, 2019): prototypical
networks 30.1 % with minimal background sets and 13.7 % with all 30 alphabets, people 4.5 %.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

import netwright as nw
from netwright.layers import BatchNorm, Conv, Flatten, MaxPool, ReLU

AUGMENT = "Rotate(15), Shear(14), Scale(1.2), Shift(2)"


def main() -> None:
    """Train, test, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--background", default="background_small1", help="or background_small2, background")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--ways", type=int, default=60)
    parser.add_argument("--views", type=int, default=20, help="copies over which embeddings are averaged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", help="a file for the trained network")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print(f"{asked}\ntorch {torch.__version__}", flush=True)
    X, y = nw.data.load_omniglot(asked.background)
    X, y = turned(X, y)
    net = nw.vision.TripletNetwork(
        four_convolutions(),
        loss="prototypical",
        embedding_dim=None,
        normalize=False,
        size=asked.size,
        classes_per_batch=asked.ways,
        samples_per_class=5,
        augment=AUGMENT,
        optimizer=nw.optim.Adam(nw.optim.cosine(2e-3)),
        epochs=asked.epochs,
        random_state=asked.seed,
        callbacks=[told],
    )
    begin, own = time.perf_counter(), time.process_time()
    net.fit(X, y)
    wall, own = time.perf_counter() - begin, time.process_time() - own
    weights = sum(p.numel() for p in net.module_.parameters())
    print(f"{len(X)} drawings, {weights} weights: {wall / 60:.1f} minutes, {own / 60:.1f} of processor time")
    for views in (1, asked.views):
        errors = [error(net, run, views) for run in nw.data.load_omniglot_runs()]
        line = " ".join(f"{100 * each:.0f}" for each in errors)
        print(f"views {views}: error of the 20 runs {100 * np.mean(errors):.1f} % ({line})")
    print(net.diagnosis_)
    if asked.save:
        net.save(asked.save)


def turned(X: Any, y: Any) -> tuple[Any, Any]:
    """Drawings and the same turned by quarters, which are characters of their own."""
    images = [np.rot90(X, quarter, (1, 2)) for quarter in range(4)]
    return np.concatenate(images), np.concatenate([np.char.add(y, f" {90 * quarter}") for quarter in range(4)])


def four_convolutions() -> Any:
    """The network of Vinyals et al. 2016 and Snell et al. 2017."""
    block = Conv(64, 3, padding="same", bias=False) >> BatchNorm() >> ReLU() >> MaxPool(2)
    return nw.repeat(block, 4) >> Flatten()


def error(net: Any, run: Any, views: int) -> float:
    """The share of drawings that get a wrong character."""
    shown, asked = (net.transform(images, views=views) for images in (run.support, run.queries))
    distances = ((asked[:, None] - shown) ** 2).sum(-1)
    return float((distances.argmin(1) != run.answers).mean())


def told(run: Any) -> None:
    """An epoch a line."""
    print(f"{run.epoch:4} loss {run.history[-1]['train_loss']:.4f}  {run.history[-1]['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
