"""Hierarchical softmax: worked numbers, the products over paths in NumPy, its cost, its draws, bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import HierarchicalSoftmax, Input, Normal
from netwright.layers.text.tree import balanced, huffman


def built(head: HierarchicalSoftmax, features: int = 3, seed: int = 0) -> Any:
    return (Input(features) >> head).build(seed).double().hierarchicalsoftmax1


def sample(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_paths(tree: Any, weight: np.ndarray, bias: np.ndarray, x: np.ndarray) -> np.ndarray:
    """p(c | x) from the root down, inner places numbered level by level: an own walk through the pairs."""
    p = np.zeros(len(bias) + 1)
    level, number = [(tree, 1.0)], 0
    while level:
        below = []
        for part, share in level:
            if not isinstance(part, tuple):
                p[part] = share
                continue
            left = 1 / (1 + np.exp(-(weight[number] @ x + bias[number])))
            below += [(part[0], share * left), (part[1], share * (1 - left))]
            number += 1
        level = below
    return p


def test_the_worked_number() -> None:
    """Eight classes, weights of 0: each of three steps has probability 1/2."""
    module = built(HierarchicalSoftmax(8, weight=0.0))
    x = sample(8, 3)
    each = module.nll(x, torch.arange(8), reduction="none")
    np.testing.assert_allclose(each.detach(), 2.0794415417, atol=1e-10)
    assert module.nll(x, torch.arange(8)).item() == pytest.approx(3 * math.log(2))
    np.testing.assert_allclose(module(x).detach(), np.full((8, 8), 1 / 8), rtol=1e-14)


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(0, 9), min_size=2, max_size=12),
    kind=st.sampled_from(["balanced", "huffman", "given"]),
    bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_probabilities_are_products_along_paths(counts: list[int], kind: str, bias: bool, seed: int) -> None:
    classes = len(counts)
    options: dict[str, Any] = {"weight": Normal(std=2.0), "bias": Normal(std=1.0) if bias else False}
    tree = balanced(classes) if kind == "balanced" else huffman(counts)
    heads = {
        "balanced": HierarchicalSoftmax(classes, **options),
        "huffman": HierarchicalSoftmax(classes, counts=tuple(counts), **options),
        "given": HierarchicalSoftmax(classes, tree, **options),
    }
    module, x = built(heads[kind], seed=seed), sample(4, 3, seed=seed)
    weight = module.nodes.weight.detach().numpy()
    offset = module.nodes.bias.detach().numpy() if bias else np.zeros(classes - 1)
    wanted = np.stack([by_paths(tree, weight, offset, row) for row in x.numpy()])
    np.testing.assert_allclose(module(x).detach(), wanted, rtol=1e-10)
    np.testing.assert_allclose(module.log_prob(x).logsumexp(-1).detach(), 0, atol=1e-12)
    assert module.predict(x).tolist() == wanted.argmax(1).tolist()
    target = torch.from_numpy(np.random.default_rng(seed).integers(classes, size=4))
    picked = -np.log(wanted[range(4), target])
    np.testing.assert_allclose(module.nll(x, target, "none").detach(), picked, rtol=1e-10)
    assert module.nll(x, target, "sum").item() == pytest.approx(picked.sum())
    assert module.nll(x, target).item() == pytest.approx(picked.mean())


def test_sequences_are_rows() -> None:
    head = HierarchicalSoftmax(5, counts=(4, 1, 1, 2, 9))
    assert (Input(7, 3) >> head).output_shape == (7, 5)
    module, x = built(head), sample(2, 7, 3)
    target = torch.arange(14).reshape(2, 7) % 5
    torch.testing.assert_close(module.log_prob(x), module.log_prob(x.reshape(14, 3)).reshape(2, 7, 5))
    torch.testing.assert_close(module.nll(x, target, "none"), -module.log_prob(x).gather(2, target[..., None])[..., 0])
    assert module.predict(x).shape == (2, 7)
    assert module.sample(x, 4, torch.Generator()).shape == (4, 2, 7)


def test_the_more_probable_way_may_miss_the_most_probable_class() -> None:
    module = built(HierarchicalSoftmax(3, ((0, 1), 2), weight=0.0), 1)
    with torch.no_grad():
        module.nodes.bias.copy_(torch.tensor([math.log(0.6 / 0.4), 0.0], dtype=torch.float64))
    x = torch.zeros(1, 1, dtype=torch.float64)
    np.testing.assert_allclose(module(x).detach(), [[0.3, 0.3, 0.4]], rtol=1e-12)
    assert module.predict(x).tolist() == [2]


def test_frequent_classes_have_short_paths() -> None:
    module = built(HierarchicalSoftmax(6, counts=(45, 13, 12, 16, 9, 5)))
    assert (module.path_sides != 0).sum(1).tolist() == [1, 3, 3, 3, 4, 4]
    assert repr(module).splitlines()[0] == "TreeSoftmax("
    assert module.extra_repr() == "classes=6, steps=4"


def products(classes: int) -> int:
    """Multiplications of the loss of ten classes of all these."""
    module = built(HierarchicalSoftmax(classes), 16)
    with FlopCounterMode(display=False) as counter:
        module.nll(sample(10, 16), torch.arange(10))
    return counter.get_total_flops() // 2


def test_the_loss_costs_as_much_as_its_path_is_long() -> None:
    assert products(64) == 10 * 6 * 16
    assert products(1024) == 10 * 10 * 16


def test_gradients_of_the_loss() -> None:
    module, x = built(HierarchicalSoftmax(7, counts=(9, 1, 1, 4, 2, 2, 30))), sample(6, 3).requires_grad_()
    target = torch.tensor([0, 6, -100, 3, 1, 1])
    names = [name for name, _ in module.named_parameters()]

    def loss(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        state = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(Loss(module), {f"of.{k}": v for k, v in state.items()}, (x, target))

    assert torch.autograd.gradcheck(loss, (x, *(p.detach().clone().requires_grad_() for p in module.parameters())))


class Loss(torch.nn.Module):
    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.of.nll(x, target)
        return made


def test_places_without_a_target_do_not_count() -> None:
    module, x = built(HierarchicalSoftmax(4)), sample(2, 3, 3)
    target = torch.tensor([[1, -100, 2], [-100, 3, -100]])
    with_rubbish = torch.where((target == -100)[..., None], math.nan, x).requires_grad_()
    each = module.nll(with_rubbish, target, "none")
    assert (each[target == -100] == 0).all()
    torch.testing.assert_close(each[target != -100], module.nll(x, target, "none")[target != -100])
    loss = module.nll(with_rubbish, target)
    assert loss.item() == pytest.approx(each.sum().item() / 3)
    loss.backward()
    assert with_rubbish.grad is not None
    assert all(p.grad.isfinite().all() for p in (*module.parameters(), with_rubbish))
    assert module.nll(x, torch.full((2, 3), -100)).item() == 0


def test_scores_of_any_size() -> None:
    module = built(HierarchicalSoftmax(8, weight=1e4), 1).float()
    logs = module.log_prob(torch.tensor([[1.0], [-1.0], [0.0]]))
    assert logs.isfinite().all()
    assert logs[0, 0] == 0
    assert logs[0, 7] == -3e4
    np.testing.assert_allclose(module.nll(torch.ones(1, 1), torch.tensor([7])).detach(), 3e4)


def test_half_precision_sums_in_single() -> None:
    module, x = built(HierarchicalSoftmax(500), 16).bfloat16(), sample(4, 16).bfloat16()
    logs = module.log_prob(x)
    assert logs.dtype == torch.float32
    np.testing.assert_allclose(logs.logsumexp(-1).detach(), 0, atol=1e-5)
    assert module.nll(x, torch.arange(4)).dtype == torch.float32
    assert module(x).dtype == torch.bfloat16


def test_draws_have_the_probabilities() -> None:
    module = built(HierarchicalSoftmax(5, counts=(9, 4, 2, 1, 1), weight=Normal(std=1.0)))
    x, draws = sample(2, 3), 40_000
    p = module(x).detach().numpy()
    found = module.sample(x, draws, torch.Generator().manual_seed(0))
    again = module.sample(x, draws, torch.Generator().manual_seed(0))
    assert torch.equal(found, again)
    shares = np.stack([np.bincount(row, minlength=5) / draws for row in found.T.numpy()])
    assert (abs(shares - p) < 5 * np.sqrt(p * (1 - p) / draws) + 1e-12).all()
    single = module.sample(x[0], generator=torch.Generator())
    assert single.shape == (1,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tree": ((0, 1), 3)}, r"every class from 0 to 2 once, got the class 3"),
        ({"tree": ((0, 1), 1)}, r"every class from 0 to 2 once, got 1 twice"),
        ({"tree": (0, 2)}, r"every class from 0 to 2 once, got a tree without 1"),
        ({"tree": (0, 1, 2)}, r"HierarchicalSoftmax\(tree\): expected .*nested pairs of classes, got \(0, 1, 2\)"),
        ({"tree": "hufman", "counts": (1, 2, 3)}, r"Did you mean 'huffman'"),
        ({"counts": (1, 2)}, r"one count for each of the 3 classes, got 2 counts"),
        ({"counts": (1, -2, 3)}, r"HierarchicalSoftmax\(counts\)"),
        ({"tree": "huffman"}, r"counts and tree=\"huffman\", got tree='huffman' and counts=None"),
        ({"tree": "balanced", "counts": (1, 2, 3)}, r"counts and tree=\"huffman\", got tree='balanced'"),
        ({"tree": ((0, 1), 2), "counts": (1, 2, 3)}, r"counts and tree=\"huffman\""),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        HierarchicalSoftmax(3, **options)


def test_one_class_is_none() -> None:
    with pytest.raises(InvalidParameter, match=r"HierarchicalSoftmax\(classes\): expected an integer >= 2, got 1"):
        HierarchicalSoftmax(1)


def test_counts_of_numpy_are_counts() -> None:
    given: Any = np.array([3, 1, 2])
    assert HierarchicalSoftmax(3, counts=given) == HierarchicalSoftmax(3, None, (3, 1, 2))
    assert HierarchicalSoftmax(3, "huffman", (3, 1, 2)).counts == (3, 1, 2)


def test_an_error_shows_a_few_of_many_counts() -> None:
    layer = HierarchicalSoftmax(5000, counts=tuple(range(5000, 0, -1)))
    with pytest.raises(
        JoinError, match=r"HierarchicalSoftmax\(5000, counts=\(5000, 4999, 4998, \.\.\., 1\)\): "
    ) as caught:
        Input(1, 4, 4) >> layer
    assert len(str(caught.value)) < 400
    with pytest.raises(JoinError, match=r"counts=\(5000, 4999, 4998, \.\.\., 1\)\): expected a closed network"):
        layer.build(0)
    tree: Any = 0
    for leaf in range(1, 300):
        tree = (tree, leaf)
    with pytest.raises(JoinError) as caught:
        Input(1, 4, 4) >> HierarchicalSoftmax(300, tree=tree)
    assert len(str(caught.value)) < 700


def test_maps_are_refused() -> None:
    with pytest.raises(JoinError, match=r"an input \(features,\) or \(steps, features\), got shape \(2, 3, 4\)"):
        Input(2, 3, 4) >> HierarchicalSoftmax(3)


@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        ((2, 3), [0, 4], r"target: expected integers from 0 to 3, got 4 at \(1,\)"),
        ((2, 2, 3), [[0, 1], [-1, 1]], r"target: expected integers from 0 to 3, got -1 at \(1, 0\)"),
        ((1, 3), [0.5], r"got 0.5 at \(0,\)"),
        ((2, 3), [1], r"target: expected shape \(2,\), got \(1,\) with x of shape \(2, 3\)"),
        ((2, 4), [1, 1], r"x: expected 3 features on the last axis, got shape \(2, 4\)"),
    ],
)
def test_bad_targets_are_named(shape: tuple[int, ...], target: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        built(HierarchicalSoftmax(4)).nll(sample(*shape), torch.tensor(target))


def test_an_unknown_reduction_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"reduction: expected one of mean, sum, none, got 'max'"):
        built(HierarchicalSoftmax(4)).nll(sample(1, 3), torch.tensor([0]), "max")


def test_the_weights_alone_are_saved() -> None:
    network = Input(3) >> HierarchicalSoftmax(5, ((4, (1, 0)), (2, 3)))
    module = network.build(seed=3)
    assert list(module.state_dict()) == ["hierarchicalsoftmax1.nodes.weight", "hierarchicalsoftmax1.nodes.bias"]
    assert network.summary().parameters == 4 * (3 + 1)
    assert module(torch.zeros(2, 3)).shape == (2, 5)
