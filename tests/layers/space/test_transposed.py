"""ConvTranspose is the adjoint of Conv; its sizes, its start, its refusals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Constant, Conv, ConvTranspose, HeNormal, Input, Normal, Orthogonal, XavierUniform

PADDINGS: list[Any] = ["valid", "same", "full", 1, "axes", "pairs", "ends"]


def amounts(padding: Any, rank: int) -> Any:
    options = {"axes": (2, 0, 1)[:rank], "pairs": ((2, 0), (1, 0), (0, 2))[:rank], "ends": ((0, 2),) * rank}
    return options.get(padding, padding)


def torchs(module: torch.nn.Module) -> Any:
    """The convolution in a built module."""
    return next(part for part in module.modules() if hasattr(part, "kernel_size"))


def expect_adjoint(conv: Conv, size: tuple[int, ...], channels: int) -> None:
    """<Conv(x), y> = <x, ConvTranspose(y)> for random x and y, both with the same kernels and without bias."""
    down = Input(channels, *size) >> conv
    _, *places = down.output_shape
    options = {name: getattr(conv, name) for name in ("kernel", "stride", "padding", "dilation", "groups")}
    bare = Input(conv.filters, *places) >> ConvTranspose(channels, **options, bias=False)
    over = tuple(whole - got for whole, got in zip(size, bare.output_shape[1:], strict=True))
    up = Input(conv.filters, *places) >> ConvTranspose(
        channels, **options, bias=False, output_padding=over if any(over) else 0
    )
    assert up.output_shape == (channels, *size)
    first, second = down.build(seed=1).double(), up.build(seed=2).double()
    torchs(second).load_state_dict(torchs(first).state_dict())
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, channels, *size, generator=g, dtype=torch.float64)
    y = torch.randn(2, *down.output_shape, generator=g, dtype=torch.float64)
    left, right = (first(x) * y).flatten(1).sum(1), (x * second(y)).flatten(1).sum(1)
    assert torch.allclose(left, right, rtol=1e-11, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (3, 2), (2, 3)])
def test_adjoint_of_conv_on_a_line(padding: Any, stride: int, dilation: int) -> None:
    for window, count in itertools.product(range(1, 6), (2, 3, 4)):
        size = count * stride if padding == "same" else 12 + count
        conv = Conv(4, window, stride, amounts(padding, 1), dilation, 2, bias=False)
        expect_adjoint(conv, (size,), 2)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", [2, 3])
def test_adjoint_of_conv_in_space(rank: int, padding: Any, groups: int) -> None:
    strides, kernel, dilation = (2, 1, 3)[:rank], (3, 2, 2)[:rank], (1, 3, 1)[:rank]
    size = (8, 5, 6)[:rank]
    conv = Conv(2 * groups, kernel, strides, amounts(padding, rank), dilation, groups, bias=False)
    expect_adjoint(conv, size, 4)


@pytest.mark.slow
@pytest.mark.parametrize("padding", PADDINGS)
def test_sizes(padding: Any) -> None:
    for size, window, stride, dilation in itertools.product((1, 2, 5), range(1, 6), range(1, 5), (1, 2)):
        e = (window - 1) * dilation + 1
        wanted = {
            "valid": (size - 1) * stride + e,
            "same": size * stride,
            "full": (size - 1) * stride + e - 2 * (e - 1),
            1: (size - 1) * stride + e - 2,
        }.get(padding, (size - 1) * stride + e - 2)
        layer = ConvTranspose(
            1, window, stride, ((2, 0),) if padding in ("axes", "pairs") else amounts(padding, 1), dilation
        )
        if wanted >= 1:
            assert (Input(1, size) >> layer).output_shape == (1, wanted)
        else:
            with pytest.raises(JoinError, match="space axes of at least"):
                Input(1, size) >> layer


def test_against_a_loop_over_places() -> None:
    """y_f[i S + k D - start] += W_cf[k] x_c[i], from b_f on."""
    network = Input(2, 4) >> ConvTranspose(3, 3, 2, ((0, 1),), 2, bias=Normal(std=1.0))
    module = network.build(seed=4).double()
    weight, bias = torchs(module).weight.detach().numpy(), torchs(module).bias.detach().numpy()
    x = np.random.default_rng(0).normal(size=(2, 4))
    wanted = np.zeros((3, 11))
    for c, f, i, k in itertools.product(range(2), range(3), range(4), range(3)):
        wanted[f, i * 2 + k * 2] += weight[c, f, k] * x[c, i]
    got = module(torch.from_numpy(x)[None])[0].detach().numpy()
    np.testing.assert_allclose(got, (wanted + bias[:, None])[:, :10], rtol=1e-12)


def test_what_torch_can_is_bare() -> None:
    for layer in (
        ConvTranspose(4, 3),
        ConvTranspose(4, 4, 2, "same"),
        ConvTranspose(4, 1, 3, "same"),
        ConvTranspose(4, 3, 2, ((1, 0), (1, 1)), output_padding=(0, 1)),
        ConvTranspose(4, 3, padding="full"),
    ):
        assert type((Input(3, 9, 9) >> layer).build().convtranspose1) is torch.nn.ConvTranspose2d
    uneven = (Input(3, 8, 8) >> ConvTranspose(4, 3, 2, "same")).build().convtranspose1
    assert [name for name, _ in uneven.named_children()] == ["conv", "crop"]


@pytest.mark.parametrize(("kind", "rank"), [(torch.nn.ConvTranspose1d, 1), (torch.nn.ConvTranspose3d, 3)])
def test_the_rank_of_the_input_decides(kind: type, rank: int) -> None:
    conv = (Input(4, *[3] * rank) >> ConvTranspose(6, 3, groups=2, bias=False)).build().convtranspose1
    assert type(conv) is kind
    assert conv.weight.shape == (4, 3, *[3] * rank)
    assert conv.bias is None


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (ConvTranspose(8, 3, 2, weight=HeNormal(1.0)), (32, 9, 9)),
        (ConvTranspose(8, 5, 3, weight=HeNormal(1.0), dilation=2), (32, 9, 9)),
        (ConvTranspose(8, 4, 2, "same", weight=HeNormal(1.0), groups=2), (64, 9, 9)),
        (ConvTranspose(16, (6, 3), (4, 1), weight=HeNormal(1.0)), (32, 9, 9)),
    ],
    ids=lambda item: repr(item) if isinstance(item, ConvTranspose) else "",
)
def test_every_place_starts_with_the_variance_of_the_input(layer: ConvTranspose, shape: tuple[int, ...]) -> None:
    """For inputs of variance 1 and gain 1, over weights and inputs, at every place inside: no checkerboard."""
    g = torch.Generator().manual_seed(0)
    network = Input(shape) >> layer
    outputs = torch.stack([network.build(seed)(torch.randn(16, *shape, generator=g)) for seed in range(12)])
    square = outputs.detach().pow(2).mean((0, 1, 2))  # (rows, columns)
    rows, columns = square.shape
    inside = square[rows // 3 : 2 * rows // 3, columns // 3 : 2 * columns // 3]
    assert abs(float(inside.mean()) - 1) < 0.03
    assert float((inside - 1).abs().max()) < 0.2


def test_phases_are_filled_by_the_rule() -> None:
    """With kernel = stride every place meets one kernel element: each is a 1 x 1 convolution of its own."""
    weight = (Input(8, 5) >> ConvTranspose(4, 2, 2, weight=Orthogonal())).build().convtranspose1.weight.detach()
    for phase in weight.unbind(-1):  # (in, out)
        assert torch.allclose(phase.T @ phase, torch.eye(4), atol=1e-6)
    wide = (Input(64, 5) >> ConvTranspose(64, 4, 2, weight=XavierUniform())).build().convtranspose1.weight.detach()
    assert float(wide.abs().max()) == pytest.approx((6 / (64 * 2 + 64 * 2)) ** 0.5, rel=1e-2)
    number = (Input(8, 5) >> ConvTranspose(4, 5, 3, weight=0.5, bias=2.0)).build().convtranspose1
    assert torch.equal(number.weight, torch.full((8, 4, 5), 0.5))
    assert torch.equal(number.bias, torch.full((4,), 2.0))
    assert ConvTranspose(4, 5, weight=0.5) == ConvTranspose(4, 5, weight=Constant(0.5))


def test_macs_are_those_of_torchs_probe() -> None:
    assert (Input(4, 5, 5) >> ConvTranspose(6, 3, 2)).summary().macs == 5_400


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            ConvTranspose(6, 3, groups=3),
            (4, 9),
            r"ConvTranspose\(6, 3, groups=3\): expected channels that 3 groups divide, got shape \(4, 9\)\. "
            r"Groups that fit 4 channels and 6 filters: 1, 2\.",
        ),
        (
            ConvTranspose(6, 3, padding=2),
            (4, 2, 3),
            r"space axes of at least \(3, 3\), got shape \(4, 2, 3\)\. Its whole output is \(4, 5\) and the padding "
            r"crops \(\(2, 2\), \(2, 2\)\): crop at most \(3, 4\) in all",
        ),
        (ConvTranspose(6, 3, 2, padding="full"), (4, 1), r"space axes of at least \(2,\), got shape \(4, 1\)"),
        (
            ConvTranspose(6, 3, (2, 3), output_padding=2),
            (4, 5, 5),
            r"output_padding below stride or dilation \(2, 3\), and not 2, got shape \(4, 5, 5\)\. "
            r"Use at most \(1, 2\)",
        ),
        (ConvTranspose(6, 3, output_padding=(0, 0)), (4, 5), r"2 space axes, as its output_padding \(0, 0\) says"),
        (ConvTranspose(6, (3, 3)), (4, 5), r"2 space axes, as its kernel \(3, 3\) says, got shape \(4, 5\)"),
        (ConvTranspose(6, 3), (4,), r"an input \(channels, \*space\) of rank 2 to 4, got shape \(4,\)"),
    ],
)
def test_joins(layer: ConvTranspose, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ConvTranspose(0, 3), r"ConvTranspose\(filters\): expected an integer >= 1, got 0"),
        (
            lambda: ConvTranspose(6, 3, groups=4),
            r"ConvTranspose\(filters\): expected a multiple of groups, got 6 filters in 4 groups\. "
            r"Groups that fit: 1, 2, 3, 6",
        ),
        (lambda: ConvTranspose(6, 3, padding="Same"), r"ConvTranspose\(padding\): .*'Same'\. Did you mean 'same'"),
        (
            lambda: ConvTranspose(6, 3, 2, "same", output_padding=1),
            r"ConvTranspose\(output_padding\): expected 0 with padding=\"same\", got 1\. Leave it out",
        ),
        (lambda: ConvTranspose(6, 3, output_padding=-1), r"ConvTranspose\(output_padding\): expected .*, got -1"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
