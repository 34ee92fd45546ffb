"""Conv against SciPy's correlation in 1, 2 and 3 dimensions, and the modules that it makes."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Conv, Input, Normal


def expected(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: Any, dilation: Any, pads: Any) -> np.ndarray:
    """y_f = b_f + sum_c correlate(x_c, w_fc), by SciPy on the padded input with kernels that are spread out."""
    rank = x.ndim - 1
    spread = np.zeros((*weight.shape[:2], *((k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True))))
    spread[(slice(None), slice(None), *(slice(None, None, d) for d in dilation))] = weight
    padded = np.pad(x, ((0, 0), *pads))
    groups = x.shape[0] // weight.shape[1]
    maps = []
    for f, kernel in enumerate(spread):
        first = f // (weight.shape[0] // groups) * weight.shape[1]
        channels = padded[first : first + weight.shape[1]]
        total = sum(scipy.signal.correlate(c, k, mode="valid") for c, k in zip(channels, kernel, strict=True))
        maps.append(total[tuple(slice(None, None, s) for s in stride)] + bias[f])
    assert maps[0].ndim == rank
    return np.stack(maps)


SAME_PADS = {
    # (size, effective window, stride) -> (start, end), by hand from the formula in the docstring
    (9, 3, 1): (1, 1),
    (8, 3, 2): (0, 1),
    (7, 2, 1): (0, 1),
    (9, 5, 2): (2, 2),
}


@pytest.mark.parametrize(
    ("shape", "layer", "stride", "dilation", "pads"),
    [
        ((2, 12), Conv(3, 4), (1,), (1,), [(0, 0)]),
        ((2, 9), Conv(3, 3, padding="same"), (1,), (1,), [SAME_PADS[9, 3, 1]]),
        ((2, 8), Conv(3, 3, 2, "same"), (2,), (1,), [SAME_PADS[8, 3, 2]]),
        ((2, 7), Conv(3, 2, padding="same"), (1,), (1,), [SAME_PADS[7, 2, 1]]),
        ((2, 9), Conv(3, 3, 2, "same", 2), (2,), (2,), [SAME_PADS[9, 5, 2]]),
        ((2, 6), Conv(3, 3, padding="full"), (1,), (1,), [(2, 2)]),
        ((2, 6), Conv(3, 3, padding="full", dilation=2), (1,), (2,), [(4, 4)]),
        ((4, 12), Conv(6, 3, groups=2), (1,), (1,), [(0, 0)]),
        ((3, 8, 7), Conv(4, (3, 2), (2, 1), "same"), (2, 1), (1, 1), [(0, 1), (0, 1)]),
        ((3, 9, 8), Conv(4, 3, (1, 2), "same"), (1, 2), (1, 1), [SAME_PADS[9, 3, 1], SAME_PADS[8, 3, 2]]),
        ((3, 8, 7), Conv(4, 3, padding=(2, 1), dilation=(1, 2)), (1, 1), (1, 2), [(2, 2), (1, 1)]),
        ((3, 8, 7), Conv(4, 3, padding=((0, 2), (1, 3))), (1, 1), (1, 1), [(0, 2), (1, 3)]),
        ((4, 6, 6), Conv(4, 3, groups=4, padding=1), (1, 1), (1, 1), [(1, 1), (1, 1)]),
        ((2, 5, 4, 6), Conv(3, (2, 3, 1), (1, 1, 2)), (1, 1, 2), (1, 1, 1), [(0, 0)] * 3),
        ((2, 5, 4, 6), Conv(2, 2, padding=((1, 0), (0, 1), (2, 2))), (1, 1, 1), (1, 1, 1), [(1, 0), (0, 1), (2, 2)]),
    ],
    ids=lambda item: repr(item) if isinstance(item, Conv) else "",
)
def test_against_scipy(shape: Any, layer: Conv, stride: Any, dilation: Any, pads: Any) -> None:
    network = Input(shape) >> layer
    module = network.build(seed=1).double()
    state = {name.rsplit(".", 1)[-1]: tensor.numpy() for name, tensor in module.state_dict().items()}
    state["bias"][:] = np.random.default_rng(0).normal(size=state["bias"].shape)
    x = np.random.default_rng(1).normal(size=(2, *shape))
    got = module(torch.from_numpy(x)).detach().numpy()
    wanted = np.stack([expected(one, state["weight"], state["bias"], stride, dilation, pads) for one in x])
    assert got.shape[1:] == network.output_shape
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


def test_even_padding_is_torchs_own_argument() -> None:
    for layer in (
        Conv(4, 3),
        Conv(4, 3, padding="same"),
        Conv(4, 3, 2, padding="full"),
        Conv(4, 3, padding=((1, 1),) * 2),
    ):
        assert type((Input(3, 9, 9) >> layer).build().conv1) is torch.nn.Conv2d
    uneven = (Input(3, 8, 8) >> Conv(4, 3, 2, "same")).build().conv1
    assert [(name, type(part)) for name, part in uneven.named_children()] == [
        ("pad", torch.nn.ConstantPad2d),
        ("conv", torch.nn.Conv2d),
    ]


@pytest.mark.parametrize(("rank", "kind"), [(1, torch.nn.Conv1d), (2, torch.nn.Conv2d), (3, torch.nn.Conv3d)])
def test_the_rank_of_the_input_decides(rank: int, kind: type) -> None:
    conv = (Input(2, *[6] * rank) >> Conv(5, 3, bias=False)).build().conv1
    assert type(conv) is kind
    assert conv.weight.shape == (5, 2, *[3] * rank)
    assert conv.bias is None


def test_same_is_torchs_same_for_stride_1() -> None:
    x = torch.randn(2, 3, 10, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for kernel, dilation in itertools.product((1, 2, 3, 4), (1, 2)):
        module = (Input(3, 10, 9) >> Conv(2, kernel, padding="same", dilation=dilation)).build().double()
        weight, bias = module.state_dict().values()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says that its uneven padding costs a copy
            wanted = torch.nn.functional.conv2d(x, weight, bias, padding="same", dilation=dilation)
        assert torch.allclose(module(x), wanted)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Conv(0, 3), r"Conv\(filters\): expected an integer >= 1, got 0"),
        (lambda: Conv(3, 0), r"Conv\(kernel\): expected an integer >= 1 or a tuple of .*, got 0"),
        (lambda: Conv(3, ()), r"Conv\(kernel\): expected .*, got \(\)"),
        (lambda: Conv(3, 3, padding="sane"), r"Conv\(padding\): .*, got 'sane'\. Did you mean 'same'"),
        (
            lambda: Conv(3, 3, padding=-1),
            r"Conv\(padding\): expected 'valid' or 'same' or 'full' or an integer >= 0 or .*got -1",
        ),
        (
            lambda: Conv(3, 3, padding=((1, 2, 3),)),
            r"Conv\(padding\): expected .* \(start, end\) pairs, got \(\(1, 2, 3\),\)",
        ),
        (lambda: Conv(3, 3, dilation=0), r"Conv\(dilation\): expected .*, got 0"),
        (
            lambda: Conv(6, 3, groups=4),
            r"Conv\(filters\): expected a multiple of groups, got 6 filters in 4 groups\. Groups that fit: 1, 2, 3, 6",
        ),
        (lambda: Conv(6, 3, exact=1), r"Conv\(exact\): expected True or False, got 1"),
        (lambda: Conv(6, 3, groups="depthwise"), r"Conv\(groups\): expected an integer >= 1, got 'depthwise'"),
        (lambda: Conv(6, 3, groups=0), r"Conv\(groups\): expected an integer >= 1, got 0"),
        (lambda: Conv(6, 3, strides=2), r"Conv: expected one of its options, got 'strides'\. Did you mean 'stride'"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_full_padding_may_start_with_fewer_zeros() -> None:
    """A full padding with start in [0, F - 1] leaves out the first F - 1 - start places of the full one."""
    x = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(0))
    whole = (Input(3, 7) >> Conv(4, 4, padding="full")).build(seed=1)(x)
    for first in range(4):
        part = (Input(3, 7) >> Conv(4, 4, padding=((first, 3),))).build(seed=1)(x)
        assert torch.allclose(part, whole[..., 3 - first :], atol=1e-6)


def test_exact_changes_nothing_where_the_stride_fits() -> None:
    x = torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    plain, exact = ((Input(3, 9, 7) >> Conv(4, 3, 2, exact=exact)).build(seed=1) for exact in (False, True))
    assert torch.equal(plain(x), exact(x))
    assert (Input(3, 28, 28) >> Conv(4, 3, 2)).output_shape == (4, 13, 13)
    with pytest.raises(
        JoinError, match=r"conv1: Conv\(4, 3, 2, exact=True\).*\(28 - 3\) / 2 \+ 1 = 13\.5 of them, got shape"
    ):
        Input(3, 28, 28) >> Conv(4, 3, 2, exact=True)


def test_groups_divide_the_channels() -> None:
    text = (
        r"Conv\(6, 3, groups=3\): expected channels that 3 groups divide, got shape \(4, 9\)\. "
        r"Groups that fit 4 channels and 6 filters: 1, 2\."
    )
    with pytest.raises(JoinError, match=text):
        Input(4, 9) >> Conv(6, 3, groups=3)


def test_lists_are_tuples() -> None:
    assert Conv(4, [3, 2], padding=[[1, 2], [0, 0]]) == Conv(4, (3, 2), padding=((1, 2), (0, 0)))  # type: ignore[arg-type]
    assert hash(Conv(4, np.int64(3), weight=Normal())) == hash(Conv(4, 3, weight=Normal()))  # type: ignore[arg-type]
