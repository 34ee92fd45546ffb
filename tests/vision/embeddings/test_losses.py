"""The losses of embeddings: worked numbers, plain transcriptions of the equations, gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.embeddings.distances import paired_distances, pairwise_distances
from netwright.vision.embeddings.losses.arcface import arcface_logits, arcface_loss
from netwright.vision.embeddings.losses.contrastive import contrastive_loss
from netwright.vision.embeddings.losses.cosface import cosface_logits, cosface_loss
from netwright.vision.embeddings.losses.prototypical import prototypical_loss
from netwright.vision.embeddings.losses.triplet import hardest, pairs, triplet_loss

X = torch.tensor([[0, 0], [1, 0], [0, 2], [3, 0], [1, 1]], dtype=torch.float64)
Y = torch.tensor([0, 0, 0, 1, 1])
DISTANCES = ["euclidean", "sqeuclidean", "cosine"]


def drawn(n: int = 12, classes: int = 3, width: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = np.random.default_rng(seed)
    return torch.from_numpy(draw.normal(size=(n, width))), torch.from_numpy(np.arange(n) % classes)


def distance(a: Any, b: Any, name: str) -> float:
    """One distance in NumPy."""
    if name == "cosine":
        return float(1 - a @ b / np.sqrt((a @ a) * (b @ b)))
    squares = float(((a - b) ** 2).sum())
    return squares if name == "sqeuclidean" else math.sqrt(squares)


def triplets(x: Any, y: Any, name: str) -> list[tuple[float, float]]:
    """(d(A, P), d(A, N)) of every triplet, by loops."""
    rows = range(len(y))
    return [
        (distance(x[a], x[p], name), distance(x[a], x[n], name))
        for a, p in permutations(rows, 2)
        if y[a] == y[p]
        for n in rows
        if y[n] != y[a]
    ]


# worked numbers


def test_eighteen_triplets_of_which_ten_are_active() -> None:
    d = pairwise_distances(X, X)
    anchors, positives = pairs(Y)
    losses = [float(d[a, p] - d[a, n] + 0.2) for a, p in zip(anchors, positives, strict=True) for n in range(5)
              if Y[n] != Y[a]]  # fmt: skip
    assert len(losses) == 18
    active = [loss for loss in losses if loss > 0]
    assert len(active) == 10
    assert sum(active) / 18 == pytest.approx(0.4767448906, abs=1e-9)
    assert float(triplet_loss(X, Y, margin=0.2)) == pytest.approx(0.8581408031, abs=1e-9)


def test_batch_hard() -> None:
    anchors, positives, negatives = hardest(pairwise_distances(X, X), Y)
    assert anchors.tolist() == [0, 1, 2, 3, 4]
    assert positives.tolist() == [2, 2, 1, 4, 3]
    assert negatives.tolist() == [4, 4, 4, 1, 1]
    d = pairwise_distances(X, X)
    each = (d[anchors, positives] - d[anchors, negatives] + 0.2).tolist()
    np.testing.assert_allclose(each, [0.78578644, 1.43606798, 1.02185441, 0.43606798, 1.43606798], atol=1e-8)
    assert float(triplet_loss(X, Y, margin=0.2, mining="hard")) == pytest.approx(1.0231689571, abs=1e-9)


def test_strict_semi_hard_has_two_triplets() -> None:
    d = pairwise_distances(X, X)
    chosen = [
        (a, p, n)
        for a, p in permutations(range(5), 2)
        if Y[a] == Y[p]
        for n in range(5)
        if Y[n] != Y[a] and d[a, p] < d[a, n] < d[a, p] + 1
    ]
    assert chosen == [(0, 1, 4), (3, 4, 0)]
    wanted = np.mean([float(d[a, p] - d[a, n] + 1) for a, p, n in chosen])
    assert float(triplet_loss(X, Y, margin=1.0, mining="semihard")) == pytest.approx(wanted, abs=1e-12)


def test_margins_of_angles_and_cosines() -> None:
    cosines, labels = torch.tensor([[math.cos(1.0), 0.0]], dtype=torch.float64), torch.tensor([0])
    assert float(arcface_logits(cosines, labels)[0, 0]) == pytest.approx(4.5271809067, abs=1e-9)
    assert float(cosface_logits(cosines, labels)[0, 0]) == pytest.approx(12.1793475756, abs=1e-9)
    assert float(arcface_logits(cosines, labels)[0, 1]) == 0.0


def test_arcface_never_rewards_a_greater_angle() -> None:
    angles = torch.linspace(0.001, math.pi - 0.001, 400, dtype=torch.float64)
    cosines = torch.stack([angles.cos(), torch.zeros_like(angles)], 1)
    logits = arcface_logits(cosines, torch.zeros(400, dtype=torch.long))[:, 0]
    assert (logits.diff() < 0).all()


# transcriptions


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_triplet_loss_is_the_sum_over_triplets(name: str, seed: int) -> None:
    x, y = drawn(seed=seed)
    margin, found = 0.7, triplets(x.numpy(), y.numpy(), name)
    active = [p - n + margin for p, n in found if p - n + margin > 0]
    semi = [p - n + margin for p, n in found if p < n < p + margin]
    assert float(triplet_loss(x, y, margin, "all", name)) == pytest.approx(np.mean(active))
    assert float(triplet_loss(x, y, margin, "semihard", name)) == pytest.approx(np.mean(semi))
    per_anchor = len(found) // len(y)
    hard = [
        max(p for p, _ in found[i : i + per_anchor]) - min(n for _, n in found[i : i + per_anchor]) + margin
        for i in range(0, len(found), per_anchor)
    ]
    assert float(triplet_loss(x, y, margin, "hard", name)) == pytest.approx(np.mean(np.maximum(hard, 0)))


@pytest.mark.parametrize("name", DISTANCES)
def test_the_contrastive_loss_is_the_mean_over_pairs(name: str) -> None:
    x, y = drawn()
    rows, terms = x.numpy(), []
    for i in range(len(y)):
        for j in range(i + 1, len(y)):
            d = distance(rows[i], rows[j], name)
            terms.append(d**2 if y[i] == y[j] else max(1.5 - d, 0) ** 2)
    assert float(contrastive_loss(x, y, 1.5, name)) == pytest.approx(np.mean(terms))


@pytest.mark.parametrize("shots", [1, 2])
@pytest.mark.parametrize("name", DISTANCES)
def test_the_prototypical_loss_is_that_of_the_nearest_mean(shots: int, name: str) -> None:
    x, y = drawn()
    rows, terms = x.numpy(), []
    support = {c: np.flatnonzero(y.numpy() == c)[:shots] for c in range(3)}
    means = [rows[support[c]].mean(0) for c in range(3)]
    for row in range(len(y)):
        c = int(y[row])
        if row not in support[c]:
            logits = np.array([-2.0 * distance(rows[row], mean, name) for mean in means])
            terms.append(np.log(np.exp(logits).sum()) - logits[c])
    assert float(prototypical_loss(x, y, shots, 2.0, name)) == pytest.approx(np.mean(terms))


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
def test_losses_with_centres_are_cross_entropies(kind: str) -> None:
    x, y = drawn()
    centres = torch.from_numpy(np.random.default_rng(3).normal(size=(3, 4)))
    terms = []
    for row, label in zip(x.numpy(), y.tolist(), strict=True):
        cosines = [1 - distance(row, centre, "cosine") for centre in centres.numpy()]
        logits = np.array(cosines)
        logits[label] = math.cos(math.acos(cosines[label]) + 0.1) if kind == "arcface" else cosines[label] - 0.1
        logits *= 8
        terms.append(np.log(np.exp(logits).sum()) - logits[label])
    loss = arcface_loss if kind == "arcface" else cosface_loss
    assert float(loss(x, y, centres, 0.1, 8.0)) == pytest.approx(np.mean(terms))


def test_distances_side_by_side_are_those_of_the_table() -> None:
    a, b = drawn(5)[0], drawn(5, seed=4)[0]
    for name in DISTANCES:
        torch.testing.assert_close(paired_distances(a, b, name), pairwise_distances(a, b, name).diagonal())


# gradients

Loss = Callable[[Tensor], Tensor]
CENTRES = torch.from_numpy(np.random.default_rng(9).normal(size=(3, 4)))


def losses() -> dict[str, Loss]:
    _, y = drawn()
    made: dict[str, Loss] = {}
    for name in DISTANCES:
        made[f"contrastive {name}"] = lambda x, name=name: contrastive_loss(x, y, 1.5, name)  # type: ignore[misc]
        made[f"prototypical {name}"] = lambda x, name=name: prototypical_loss(x, y, 2, 1.0, name)  # type: ignore[misc]
        for mining in ("all", "semihard", "hard"):
            made[f"{mining} {name}"] = lambda x, name=name, mining=mining: triplet_loss(  # type: ignore[misc]
                x, y, 0.7, mining, name
            )
    made["arcface"] = lambda x: arcface_loss(x, y, CENTRES, 0.3, 4.0)
    made["cosface"] = lambda x: cosface_loss(x, y, CENTRES, 0.3, 4.0)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", list(losses()))
def test_gradients(name: str) -> None:
    x = drawn()[0].requires_grad_()
    assert torch.autograd.gradcheck(losses()[name], (x,))


@pytest.mark.parametrize("name", list(losses()))
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_point_has_finite_gradients(name: str, value: float) -> None:
    x = torch.full((12, 4), value, dtype=torch.float64, requires_grad=True)
    loss = losses()[name](x)
    loss.backward()
    assert torch.isfinite(loss)
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("mining", ["all", "hard"])
def test_of_one_point_the_triplet_loss_is_the_margin(mining: str) -> None:
    x, y = torch.ones(6, 3), torch.tensor([0, 0, 1, 1, 2, 2])
    assert float(triplet_loss(x, y, 0.25, mining)) == 0.25


def test_without_triplets_the_loss_is_nothing() -> None:
    x = torch.ones(3, 2, requires_grad=True)
    for mining in ("all", "semihard", "hard"):
        for y in (torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0])):
            loss = triplet_loss(x, y, 0.2, mining)
            loss.backward()
            assert float(loss.detach()) == 0
    x = x.detach()
    assert float(prototypical_loss(x, torch.tensor([0, 1, 2]))) == 0
    assert float(contrastive_loss(x[:1], torch.tensor([0]))) == 0


def test_pytorch_metric_learning_says_the_same() -> None:
    losses_ = pytest.importorskip("pytorch_metric_learning.losses")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    peer = losses_.TripletMarginLoss(margin=0.7, distance=distances.LpDistance(normalize_embeddings=False))
    x, y = drawn()
    assert float(triplet_loss(x, y, 0.7)) == pytest.approx(float(peer(x, y)))


# what cannot be


def test_bad_batches_are_named() -> None:
    x, y = drawn()
    for loss in (contrastive_loss, triplet_loss, prototypical_loss):
        with pytest.raises(InvalidData, match=rf"{loss.__name__}\(embeddings, labels\): .*got \(12, 4\) and \(11,\)"):
            loss(x, y[1:])
    with pytest.raises(InvalidParameter, match="Did you mean 'semihard'"):
        triplet_loss(x, y, mining="semi-hard")
    with pytest.raises(InvalidParameter, match=r"triplet_loss\(margin\)"):
        triplet_loss(x, y, margin=0.0)
    with pytest.raises(InvalidParameter, match="Did you mean 'euclidean'"):
        contrastive_loss(x, y, distance="euclid")
    with pytest.raises(InvalidData, match=r"got \(12, 4\) and \(3, 5\)"):
        pairwise_distances(x, torch.zeros(3, 5))


@pytest.mark.parametrize("loss", [arcface_loss, cosface_loss])
def test_losses_with_centres_name_what_cannot_be(loss: Any) -> None:
    x, centres = torch.ones(3, 4), torch.eye(4)[:3]
    with pytest.raises(InvalidData, match=rf"{loss.__name__}\(labels\): expected 0 to 2, one a centre, got 0 to 5"):
        loss(x, torch.tensor([0, 1, 5]), centres)
    with pytest.raises(InvalidData, match=rf"{loss.__name__}\(labels\): expected integers, got torch.float32"):
        loss(x, torch.zeros(3), centres)
    with pytest.raises(InvalidData, match=r"\(centres\): expected shape \(k, 4\), got \(3, 5\)"):
        loss(x, torch.tensor([0, 1, 2]), torch.ones(3, 5))
    assert float(loss(x[:0], torch.zeros(0, dtype=torch.long), centres)) == 0
