"""Building: torch's own modules, seeds, the global random state."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.graph import Branches, Input, ManyInputs, build
from netwright.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Flatten,
    Identity,
    Linear,
    MaxPool,
    ReLU,
    Softmax,
    Tanh,
)

NETWORK = Input(1, 8, 8) >> Conv(4, 3) >> BatchNorm() >> ReLU() >> MaxPool(2) >> Flatten() >> ReLU(6) >> Softmax(3)


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_same_seed_same_weights() -> None:
    assert torch.equal(weights(NETWORK.build(3)), weights(NETWORK.build(3)))
    assert torch.equal(weights(NETWORK.build()), weights(build(NETWORK, 0)))
    assert not torch.equal(weights(NETWORK.build(3)), weights(NETWORK.build(4)))


def test_the_global_random_state_neither_changes_nor_matters() -> None:
    before = torch.get_rng_state()
    first = weights(NETWORK.build(0))
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        assert torch.equal(weights(NETWORK.build(0)), first)


def test_all_parts_are_torchs_own() -> None:
    kinds = {type(part) for part in NETWORK.build().modules()}
    assert all(kind.__module__.startswith("torch.nn.modules") for kind in kinds)


def test_names() -> None:
    names = [name for name, _ in NETWORK.build().named_children()]
    assert names == ["conv1", "batchnorm1", "relu1", "maxpool1", "flatten1", "relu2", "softmax1"]
    branched = (Input(4) >> (ReLU(3) >> Linear(2) | Identity()) >> Concat()).build()
    assert sorted(branched.state_dict()) == [
        "parallel1.branch1.linear1.bias",
        "parallel1.branch1.linear1.weight",
        "parallel1.branch1.relu1.linear.bias",
        "parallel1.branch1.relu1.linear.weight",
    ]


def test_branches_by_hand() -> None:
    square, double = torch.nn.Identity(), torch.nn.Flatten()
    x = torch.ones(2, 3)
    assert [y.shape for y in Branches([("a", square), ("b", double)])(x)] == [(2, 3), (2, 3)]
    shared = Branches([("a", square), ("b", Branches([("c", square), ("d", double)]))])
    assert len(shared(x)) == 3, "nested tuples are flattened"
    own = Branches([("a", square), ("b", square)], takes=(1, 1))
    assert own((x, 2 * x))[1].sum() == 12
    assert ManyInputs(own)(x, 2 * x)[1].sum() == 12


def test_a_layer_alone_and_an_input_alone() -> None:
    x = torch.ones(2, 3)
    assert torch.equal(Input(3).build()(x), x)
    assert (Input(3) >> Linear(2)).build()(x).shape == (2, 2)


@pytest.mark.parametrize("seed", [-1, 1.5, None, "0", True])
def test_refused_seeds(seed: object) -> None:
    with pytest.raises(InvalidParameter, match=r"build\(seed\): expected an integer >= 0, got"):
        NETWORK.build(seed)  # type: ignore[arg-type]


def test_numpy_seeds() -> None:
    assert torch.equal(weights(NETWORK.build(np.int64(3))), weights(NETWORK.build(3)))  # type: ignore[arg-type]


def test_modules_copy_save_and_train() -> None:
    network = Input(3) >> (ReLU(4) >> Dropout(0.1) | Linear(4)) >> Add() >> Linear(1)
    module = network.build()
    twin = copy.deepcopy(module)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = network.build(seed=9)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(weights(other), weights(twin))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    y = x.sum(1, keepdim=True)
    losses = []
    module.eval()  # dropout would draw from the global state
    for _ in range(50):
        optimizer.zero_grad()
        loss = (module(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_the_default_dtype_is_respected() -> None:
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        assert weights(NETWORK.build()).dtype == torch.float64
    finally:
        torch.set_default_dtype(default)


def test_building_is_repeatable_after_summaries() -> None:
    network = Input(4) >> ReLU(3)
    network.summary()
    assert network.build().relu1.linear.weight.device.type == "cpu"
    assert weights(network.build()).isfinite().all()


def test_what_works_in_place() -> None:
    """ReLU behind convolutions, normalisations and sums, and sums behind those; nothing that anybody else reads."""
    block = (Conv(2, 3, padding=1) >> BatchNorm() | Identity()) >> Add() >> ReLU()
    network = Input(2, 6, 6) >> ReLU() >> Conv(2, 1) >> ReLU() >> block >> MaxPool(2) >> ReLU() >> Tanh() >> ReLU()
    module = network.build()
    places = [name for name, part in module.named_modules() if getattr(part, "inplace", False)]
    assert places == ["relu2", "add1", "relu3"]
    other = Input(2, 6, 6) >> (Identity() | Conv(2, 1)) >> Add() >> ReLU()
    assert [n for n, part in other.build().named_modules() if getattr(part, "inplace", False)] == ["relu1"]
    ends_in_relu = Input(2, 6, 6) >> (Conv(2, 1) >> ReLU() | Identity()) >> Add()
    assert not ends_in_relu.build().add1.inplace  # type: ignore[union-attr]


@pytest.mark.parametrize("training", [True, False])
def test_in_place_changes_no_result(training: bool) -> None:
    block = (Conv(2, 3, padding=1) >> BatchNorm() >> ReLU() >> Conv(2, 1) | Identity()) >> Add() >> ReLU()
    network = Input(2, 6, 6) >> Conv(2, 1) >> block >> (Conv(3, 1) | Conv(3, 3, padding=1) | Conv(3, 1)) >> Add()
    one, two = (network.build(1, inplace).double().train(training) for inplace in (True, False))
    assert not any(getattr(part, "inplace", False) for part in two.modules())
    x = torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    given = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [module(item) for module, item in zip((one, two), given, strict=True)]
    for output in outputs:
        output.square().sum().backward()
    assert torch.equal(*outputs)
    assert torch.equal(given[0].grad, given[1].grad)
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(one.parameters(), two.parameters(), strict=True))
    assert torch.equal(given[0].detach(), x)
