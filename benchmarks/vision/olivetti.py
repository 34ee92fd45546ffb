"""Olivetti faces: verification and identification of people whom the network has never seen.

    NETWRIGHT_DATA=... python benchmarks/vision/olivetti.py
    NETWRIGHT_DATA=... python benchmarks/vision/olivetti.py --choose

30 people are learned from, 10 others tested, ten photographs each. Printed are, for the split by number (0 to 29, 30 to
39) and for splits drawn at random, the equal error rate of all pairs of the ten (asked: at most 6 %), rank 1 with one
enrolled photograph, the mean over which one it is (asked: at least 90 %), the open set with five of the ten enrolled
(share named rightly where at most 10 % of strangers get a name), and the time of training (asked: at most 5 minutes of
two cores). With ten people a split says little by itself: the mean over splits is the figure.

Two networks embed together, each the mean over a photograph and its mirror image: one linear layer, which of 300
photographs learns what differs between people about as well as convolutions do, and convolutions, which err elsewhere.
Similarities are measured against those with the people who were learned from; `--cohort no` leaves that out. All this
was chosen on the 30 people alone: --choose learns from 20 of them and tests on the other 10, six times, and the ten of
the split by number are never looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import netwright as nw
from netwright.layers import BatchNorm, Conv, Dropout, Flatten, MaxPool, ReLU

LEARNED, CHOSEN = 30, 6  # people to learn from; splits of them to choose by


def main() -> None:
    """Train, test, and print, split by split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="both", choices=["linear", "cnn", "both"])
    parser.add_argument("--cohort", default="yes", choices=["yes", "no"])
    parser.add_argument("--splits", type=int, default=10, help="splits drawn at random, beside that by number")
    parser.add_argument("--choose", action="store_true", help="learn from 20 and test 10 of the 30, six times")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print(f"{asked}\ntorch {torch.__version__}", flush=True)
    X, y = nw.data.load_olivetti()
    drawn = []
    for name, seed, known, others in choosing() if asked.choose else testing(asked.splits):
        own, new = np.isin(y, known), np.isin(y, others)
        begin = time.perf_counter()
        embedder = network(asked.network, seed).fit(X[own], y[own])
        seconds = time.perf_counter() - begin
        figures = judged(embedder, X[own] if asked.cohort == "yes" else None, X[new], y[new])
        print(f"{name:10} {told(figures)}, {seconds:.0f} s of training", flush=True)
        drawn += [] if name == "by number" else [figures]
    if drawn:
        print(f"{'mean':10} {told(np.mean(drawn, 0))}")
    if len(drawn) > 1:
        print(f"{'std':10} {told(np.std(drawn, 0, ddof=1))}")


def testing(splits: int) -> Iterator[tuple[str, int, Any, Any]]:
    """Name, seed, people to learn from and others: by number, and drawn at random."""
    yield "by number", 0, np.arange(LEARNED), np.arange(LEARNED, 40)
    for split in range(splits):
        people = np.random.default_rng(1000 + split).permutation(40)
        yield f"split {split}", split, people[:LEARNED], people[LEARNED:]


def choosing() -> Iterator[tuple[str, int, Any, Any]]:
    """The same, of those alone that are learned from."""
    for split in range(CHOSEN):
        people = np.random.default_rng(split).permutation(LEARNED)
        yield f"choice {split}", split, people[:20], people[20:]


def network(which: str, seed: int) -> Any:
    """One network, or both together."""
    shared = {"loss": "arcface", "samples_per_class": 4, "mirror": True, "random_state": seed}
    linear = nw.vision.TripletNetwork(
        Flatten(),
        size=24,
        margin=0.7,
        scale=8,
        embedding_dim=128,
        classes_per_batch=30,
        augment="Flip(0.5)",
        optimizer=nw.optim.AdamW(nw.optim.cosine(1e-3), weight_decay=0.05),
        epochs=100,
        **shared,
    )
    convolutions = nw.vision.TripletNetwork(
        block(24) >> block(48) >> block(96) >> Flatten() >> Dropout(0.3),
        size=32,
        margin=0.3,
        scale=20,
        embedding_dim=64,
        augment="Flip(0.5), Rotate(3), Scale(1.05), Shift(0.7), Color(0.3, 0.3)",
        optimizer=nw.optim.AdamW(nw.optim.cosine(2e-3), weight_decay=0.05),
        epochs=50,
        **shared,
    )
    both = nw.vision.EmbeddingEnsemble([linear, convolutions])
    return {"linear": linear, "cnn": convolutions, "both": both}[which]


def block(channels: int) -> Any:
    """A convolution and what follows it."""
    return Conv(channels, 3, padding="same", bias=False) >> BatchNorm() >> ReLU() >> MaxPool(2)


def judged(embedder: Any, cohort: Any, X: Any, y: Any) -> list[float]:
    """Equal error rate, rank 1, share of the enrolled who are named rightly at 10 % of strangers named."""
    embeddings = embedder.transform(X)
    alike = embeddings @ embeddings.T
    if cohort is not None:
        alike = nw.vision.ScoreNormalizer(embedder).fit(cohort).compare_all(embeddings, embeddings)
    first, second = np.triu_indices(len(y), 1)
    rate = nw.vision.equal_error_rate(alike[first, second], y[first] == y[second])
    ranks, open_set = [], []
    people = np.unique(y)
    for photograph in range(10):
        gallery = np.array([np.flatnonzero(y == person)[photograph] for person in people])
        probes = np.setdiff1d(np.arange(len(y)), gallery)
        ranks.append(nw.vision.rank_k(alike[np.ix_(probes, gallery)], y[gallery], y[probes]))
        half = gallery[::2]
        found = nw.vision.detection_identification(alike[np.ix_(probes, half)], y[half], y[probes], far=0.1)
        open_set.append(found.dir)
    return [rate, float(np.mean(ranks)), float(np.mean(open_set))]


def told(figures: Any) -> str:
    """Figures in words."""
    return f"EER {figures[0]:.1%}, rank 1 {figures[1]:.1%}, open set {figures[2]:.1%}"


if __name__ == "__main__":
    main()
