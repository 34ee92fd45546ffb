"""Normalisation against NumPy: over the batch (while training and after), over groups, over features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import BatchNorm, Conv, GroupNorm, Input, LayerNorm


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((4,), torch.nn.BatchNorm1d),
        ((4, 6), torch.nn.BatchNorm1d),
        ((4, 3, 5), torch.nn.BatchNorm2d),
        ((4, 3, 2, 2), torch.nn.BatchNorm3d),
    ],
)
def test_against_numpy(shape: tuple[int, ...], kind: type) -> None:
    module = (Input(shape) >> BatchNorm(0.25, 1e-3)).build().double()
    assert type(module.batchnorm1) is kind
    x = np.random.default_rng(0).normal(2, 3, size=(8, *shape))
    axes, across = (0, *range(2, x.ndim)), (1, 4, *[1] * (x.ndim - 2))
    mean, variance = x.mean(axes), x.var(axes)
    wanted = (x - mean.reshape(across)) / np.sqrt(variance.reshape(across) + 1e-3)
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-10, atol=1e-12)

    count = x.size // 4  # torch keeps the unbiased variance
    running_mean, running_variance = 0.25 * mean, 0.75 + 0.25 * variance * count / (count - 1)
    np.testing.assert_allclose(module.batchnorm1.running_mean.numpy(), running_mean, rtol=1e-10)
    np.testing.assert_allclose(module.batchnorm1.running_var.numpy(), running_variance, rtol=1e-10)
    wanted = (x - running_mean.reshape(across)) / np.sqrt(running_variance.reshape(across) + 1e-3)
    np.testing.assert_allclose(module.eval()(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-10)


def test_gradients_while_training() -> None:
    module = (Input(3, 4) >> BatchNorm()).build().double().train()
    names = [name for name, _ in module.named_parameters()]
    x = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]

    def run(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (x,))

    assert torch.autograd.gradcheck(run, (x, *parameters))


def test_affine() -> None:
    assert (Input(4, 5, 5) >> BatchNorm()).summary().parameters == 8
    assert (Input(4, 5, 5) >> BatchNorm(affine=False)).summary().parameters == 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: BatchNorm(1.5), r"BatchNorm\(momentum\): expected a number in \[0, 1\], got 1\.5"),
        (lambda: BatchNorm(epsilon=0), r"BatchNorm\(epsilon\): expected a number in \(0, inf\), got 0"),
        (lambda: BatchNorm(eps=1e-3), r"BatchNorm: expected one of its options, got 'eps'\. Did you mean 'epsilon'"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def normalised(x: np.ndarray, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 3, 2), (6, 2, 2, 3)])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groups(shape: tuple[int, ...], groups: int) -> None:
    module = (Input(shape) >> GroupNorm(groups, 1e-3)).build().double()
    assert type(module.groupnorm1) is torch.nn.GroupNorm
    x = np.random.default_rng(0).normal(2, 3, size=(4, *shape))
    cut = x.reshape(4, groups, -1)
    wanted = normalised(cut, (2,), 1e-3).reshape(x.shape)
    for mode in (True, False):
        np.testing.assert_allclose(module.train(mode)(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-10)


def test_a_group_for_each_channel_is_instance_normalisation() -> None:
    x = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    module = (Input(4, 5, 6) >> GroupNorm(4, affine=False)).build()
    torch.testing.assert_close(module(x), torch.nn.InstanceNorm2d(4)(x))


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (LayerNorm(1e-3), (6,), (1,)),
        (LayerNorm(1e-3), (5, 6), (2,)),
        (LayerNorm(1e-3), (6, 3, 2), (1,)),
        (LayerNorm(1e-3), (6, 2, 2, 3), (1,)),
        (LayerNorm(1e-3, axes=1), (6, 5), (1,)),
        (LayerNorm(1e-3, axes=-1), (6, 3, 2), (3,)),
        (LayerNorm(1e-3, axes=(1, 2, 3)), (4, 3, 2), (1, 2, 3)),
        (LayerNorm(1e-3, axes=(-1, 2)), (4, 3, 2), (2, 3)),
        (LayerNorm(1e-3, axes=(3, 1)), (4, 3, 2), (1, 3)),
    ],
    ids=repr,
)
def test_layer_norm(layer: LayerNorm, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    module = (Input(shape) >> layer).build().double()
    x = np.random.default_rng(0).normal(2, 3, size=(4, *shape))
    wanted = normalised(x, axes, 1e-3)
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-10, atol=1e-12)
    scale, shift = module.parameters()
    assert scale.shape == shift.shape == tuple(x.shape[axis] for axis in axes)


def test_scale_and_shift_of_a_channel_go_to_that_channel() -> None:
    module = (Input(3, 2, 4) >> LayerNorm()).build()
    with torch.no_grad():
        module.layernorm1.norm.bias.copy_(torch.tensor([10.0, 20.0, 30.0]))
        module.layernorm1.norm.weight.zero_()
    y = module(torch.randn(2, 3, 2, 4, generator=torch.Generator().manual_seed(0)))
    assert y[:, :, 0, 0].tolist() == [[10.0, 20.0, 30.0]] * 2
    assert torch.equal(y.amin((2, 3)), y.amax((2, 3)))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (LayerNorm(), (6,)),
        (LayerNorm(), (5, 6)),
        (LayerNorm(axes=(1, 2, 3)), (4, 3, 2)),
        (LayerNorm(axes=-1), (4, 3, 2)),
    ],
)
def test_torchs_own_where_the_axes_are_the_last(layer: LayerNorm, shape: tuple[int, ...]) -> None:
    [norm] = (Input(shape) >> layer).build().children()
    assert type(norm) is torch.nn.LayerNorm


def test_images_in_the_channels_last_layout_stay_in_it() -> None:
    x = torch.zeros(2, 6, 5, 4).contiguous(memory_format=torch.channels_last)
    assert (Input(6, 5, 4) >> LayerNorm()).build()(x).is_contiguous(memory_format=torch.channels_last)


def test_what_a_place_sees() -> None:
    """Over its channels a place stays itself; over groups, or along an axis of space, it sees all of that."""
    fields = [
        (Input(2, 9, 9) >> Conv(4, 3) >> layer).summary().receptive_field
        for layer in (LayerNorm(), LayerNorm(axes=(1, 2, 3)), LayerNorm(axes=(1, 3)), GroupNorm(2))
    ]
    assert fields == [(3, 3), (9, 9), (3, 9), (9, 9)]


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            GroupNorm(4),
            (6, 5, 5),
            r"GroupNorm\(4\): expected channels that 4 groups divide, got shape \(6, 5, 5\)\. "
            r"Groups that fit: 1, 2, 3, 6\.",
        ),
        (GroupNorm(4), (4,), r"GroupNorm\(4\): expected groups of at least 2 elements, got shape \(4,\)\. Use fewer"),
        (GroupNorm(1), (1, 1, 1), r"expected groups of at least 2 elements"),
        (LayerNorm(), (5, 1), r"LayerNorm\(\): expected at least 2 elements on the axes \(2,\), got shape \(5, 1\)"),
        (
            LayerNorm(axes=3),
            (5, 2),
            r"LayerNorm\(axes=3\): expected an input that has the axes 3, got shape \(5, 2\)\. It has the axes 1 to 2",
        ),
        (LayerNorm(axes=(1, -2)), (5, 2), r"has the axes \(1, -2\), got shape .* may be named once"),
        (LayerNorm(axes=-3), (5, 2), r"has the axes -3"),
    ],
)
def test_inputs_that_cannot_be_normalised(layer: GroupNorm | LayerNorm, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: GroupNorm(0), r"GroupNorm\(groups\): expected an integer >= 1, got 0"),
        (lambda: GroupNorm(2, 0.0), r"GroupNorm\(epsilon\): expected a number in \(0, inf\), got 0\.0"),
        (lambda: GroupNorm(2, affine=1), r"GroupNorm\(affine\): expected True or False, got 1"),
        (lambda: LayerNorm(-1), r"LayerNorm\(epsilon\): expected a number in \(0, inf\), got -1"),
        (
            lambda: LayerNorm(axes=0),
            r"LayerNorm\(axes\): expected an integer other than 0, the batch axis, or .*, got 0",
        ),
        (lambda: LayerNorm(axes=()), r"LayerNorm\(axes\): expected .* or a tuple of such or None, got \(\)"),
        (lambda: LayerNorm(axes=(1, 0)), r"LayerNorm\(axes\): expected .*, got \(1, 0\)"),
    ],
)
def test_other_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_too_many_axes() -> None:
    text = r"BatchNorm\(\): expected an input of rank 1 to 4, got shape \(1, 2, 3, 4, 5\)\. Put Reshape\(channels"
    with pytest.raises(JoinError, match=text):
        Input(1, 2, 3, 4, 5) >> BatchNorm()
