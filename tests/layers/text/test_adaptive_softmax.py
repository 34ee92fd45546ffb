"""Adaptive softmax: published sizes, the formula in NumPy, classes in any order, draws, bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import AdaptiveSoftmax, Input, Normal
from netwright.layers.text.adaptive_softmax import by_frequency


def built(head: AdaptiveSoftmax, features: int = 4, seed: int = 0) -> Any:
    return (Input(features) >> head).build(seed).double().adaptivesoftmax1


def sample(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_formula(module: Any, order: list[int], cutoffs: tuple[int, ...], x: np.ndarray) -> np.ndarray:
    """log p(c | x) of each class, from the weights."""
    state = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    head = scipy.special.log_softmax(x @ state["softmax.head.weight"].T + state.get("softmax.head.bias", 0.0), axis=-1)
    pieces = [head[:, : cutoffs[0]]]
    for number in range(len(cutoffs)):
        down, up = state[f"softmax.tail.{number}.0.weight"], state[f"softmax.tail.{number}.1.weight"]
        within = scipy.special.log_softmax(x @ down.T @ up.T, axis=-1)
        pieces.append(head[:, cutoffs[0] + number][:, None] + within)
    found = np.empty((len(x), len(order)))
    found[:, order] = np.concatenate(pieces, axis=1)
    return found


def test_published_sizes() -> None:
    network = Input(64) >> AdaptiveSoftmax(1000, (100, 400))
    assert network.summary().parameters == 15_008
    shapes = [tuple(p.shape) for p in network.build().parameters()]
    assert shapes == [(102, 64), (16, 64), (300, 16), (4, 64), (600, 4)]
    with_bias = Input(64) >> AdaptiveSoftmax(1000, (100, 400), bias=True)
    assert with_bias.summary().parameters == 15_008 + 102


@settings(max_examples=40, deadline=None)
@given(
    classes=st.integers(3, 12),
    places=st.sets(st.integers(1, 11), min_size=1, max_size=3),
    how=st.sampled_from(["sorted", "order", "counts"]),
    bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_probabilities_are_those_of_the_formula(
    classes: int, places: set[int], how: str, bias: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    cutoffs = tuple(sorted(place for place in places if place < classes)) or (1,)
    counts = rng.integers(5, size=classes).tolist()
    order = {
        "sorted": list(range(classes)),
        "order": rng.permutation(classes).tolist(),
        "counts": np.argsort(-np.array(counts), kind="stable").tolist(),
    }[how]
    given_order: dict[str, Any] = {"sorted": {}, "order": {"order": order}, "counts": {"counts": counts}}[how]
    options: dict[str, Any] = {"weight": Normal(std=1.0), "bias": Normal(std=1.0) if bias else False}
    module = built(AdaptiveSoftmax(classes, cutoffs, 1.5, **given_order, **options), seed=seed)
    x = sample(5, 4, seed=seed)
    wanted = by_formula(module, order, cutoffs, x.numpy())
    np.testing.assert_allclose(module.log_prob(x).detach(), wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(module(x).sum(-1).detach(), 1, rtol=1e-12)
    assert module.predict(x).tolist() == wanted.argmax(1).tolist()
    target = torch.from_numpy(rng.integers(classes, size=5))
    picked = -wanted[range(5), target]
    np.testing.assert_allclose(module.nll(x, target, "none").detach(), picked, rtol=1e-9)
    assert module.nll(x, target).item() == pytest.approx(picked.mean())
    assert module.nll(x, target, "sum").item() == pytest.approx(picked.sum())


def test_it_is_torchs_module() -> None:
    module, x = built(AdaptiveSoftmax(9, (2, 5), 2.0, counts=(1, 9, 3, 3, 0, 7, 2, 2, 5))), sample(6, 4)
    with torch.random.fork_rng(devices=[]):
        torchs = torch.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0).double()
    torchs.load_state_dict(module.softmax.state_dict())
    ranks = {c: rank for rank, c in enumerate([1, 5, 8, 2, 3, 6, 7, 0, 4])}
    target = torch.tensor([0, 1, 4, 8, 5, 2])
    ranked = torch.tensor([ranks[int(c)] for c in target])
    torch.testing.assert_close(module.nll(x, target), torchs(x, ranked).loss)


def test_of_equal_counts_the_lower_class_comes_first() -> None:
    assert by_frequency((2, 5, 5, 0, 2)) == [1, 2, 0, 4, 3]


def test_sequences_are_rows() -> None:
    head = AdaptiveSoftmax(7, (2, 4), 2.0, order=(6, 5, 4, 3, 2, 1, 0))
    assert (Input(3, 4) >> head).output_shape == (3, 7)
    module, x = built(head), sample(2, 3, 4)
    torch.testing.assert_close(module.log_prob(x), module.log_prob(x.reshape(6, 4)).reshape(2, 3, 7))
    target = torch.tensor([[0, 1, 6], [3, -100, 2]])
    each = module.nll(x, target, "none")
    wanted = -module.log_prob(x).gather(2, target.clamp_min(0)[..., None])[..., 0]
    torch.testing.assert_close(each, torch.where(target >= 0, wanted, 0.0))
    assert module.predict(x).shape == (2, 3)
    assert module.sample(x, 5, torch.Generator()).shape == (5, 2, 3)
    assert module.predict(x[0, 0]).shape == ()


def test_places_without_a_target_do_not_count() -> None:
    module, x = built(AdaptiveSoftmax(7, (2, 4), 2.0)), sample(4, 4)
    target = torch.tensor([6, -100, 0, -100])
    with_rubbish = torch.where((target == -100)[:, None], math.nan, x).requires_grad_()
    loss = module.nll(with_rubbish, target)
    assert loss.item() == pytest.approx(module.nll(x[[0, 2]], target[[0, 2]]).item())
    loss.backward()
    assert with_rubbish.grad is not None
    assert with_rubbish.grad.isfinite().all()
    assert module.nll(x, torch.full((4,), -100)).item() == 0


def test_clusters_without_targets_are_not_computed() -> None:
    module, called = built(AdaptiveSoftmax(7, (2, 4), 2.0, order=(6, 5, 4, 3, 2, 1, 0))), []
    for number, cluster in enumerate(module.softmax.tail):
        cluster.register_forward_hook(lambda *_, number=number: called.append(number))
    module.nll(sample(2, 4), torch.tensor([6, 5]))
    assert not called
    module.nll(sample(2, 4), torch.tensor([0, 5]))
    assert called == [1]


def test_half_precision() -> None:
    module, x = built(AdaptiveSoftmax(7, (2, 4), 2.0)).bfloat16(), sample(4, 4).bfloat16()
    assert module(x).dtype == torch.bfloat16
    assert module.nll(x, torch.arange(4)).dtype == torch.float32


def test_draws_have_the_probabilities() -> None:
    module = built(AdaptiveSoftmax(6, (2, 4), 2.0, order=(3, 1, 0, 5, 4, 2), weight=Normal(std=0.7)))
    x, draws = sample(2, 4), 40_000
    p = module(x).detach().numpy()
    found = module.sample(x, draws, torch.Generator().manual_seed(0))
    shares = np.stack([np.bincount(row, minlength=6) / draws for row in found.T.numpy()])
    assert (abs(shares - p) < 5 * np.sqrt(p * (1 - p) / draws) + 1e-12).all()
    assert torch.equal(found, module.sample(x, draws, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutoffs": ()}, r"AdaptiveSoftmax\(cutoffs\): expected a tuple of 1 or more elements"),
        ({"cutoffs": (2, 2)}, r"rising integers in \[1, 3\], got \(2, 2\)"),
        ({"cutoffs": (2, 4)}, r"rising integers in \[1, 3\], got \(2, 4\)"),
        ({"counts": (1, 2)}, r"one count for each of the 4 classes, got 2 counts"),
        ({"order": (0, 1, 2, 2)}, r"every class from 0 to 3 once, got \(0, 1, 2, 2\)"),
        ({"order": (0, 1, 2, 3), "counts": (4, 3, 2, 1)}, r"counts or an order, got both"),
        ({"div_value": 0.5}, r"AdaptiveSoftmax\(div_value\): expected a number in \[1, inf\), got 0.5"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        AdaptiveSoftmax(4, **{"cutoffs": (2,), **options})


def test_bad_joins_are_named() -> None:
    with pytest.raises(JoinError, match=r"features for 2 divisions by 4, got shape \(15,\)"):
        Input(15) >> AdaptiveSoftmax(5, (1, 2))
    with pytest.raises(JoinError, match=r"an input \(features,\) or \(steps, features\)"):
        Input(2, 3, 4) >> AdaptiveSoftmax(5, (1, 2))
    assert (Input(16) >> AdaptiveSoftmax(5, (1, 2))).output_shape == (5,)


def test_bad_targets_are_named() -> None:
    module = built(AdaptiveSoftmax(4, (2,), order=(3, 2, 1, 0)))
    with pytest.raises(InvalidData, match=r"target: expected integers from 0 to 3, got 4 at \(1,\)"):
        module.nll(sample(2, 4), torch.tensor([0, 4]))
    with pytest.raises(InvalidParameter, match=r"reduction: expected one of mean, sum, none"):
        module.nll(sample(2, 4), torch.tensor([0, 3]), "middle")
