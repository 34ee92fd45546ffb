"""LocallyConnected against Conv with tied weights, against a plain loop over places, and its costs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Conv, HeNormal, Input, LocallyConnected, Normal, Orthogonal, XavierUniform

PADDINGS: list[Any] = ["valid", "same", "full", 1, "axes", "pairs"]


def amounts(padding: Any, rank: int) -> Any:
    return {"axes": (2, 0, 1)[:rank], "pairs": ((0, 2), (1, 0), (2, 1))[:rank]}.get(padding, padding)


def tied(conv: torch.nn.Module, places: int) -> dict[str, torch.Tensor]:
    """The state of a locally connected layer with a convolution's weights at every place."""
    weight, bias = (tensor for _, tensor in sorted(conv.state_dict().items(), key=lambda item: "bias" in item[0]))
    return {"weight": weight.movedim(1, -1).flatten(1).repeat(places, 1), "bias": bias.repeat(places)}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_with_tied_weights_it_is_conv(rank: int, padding: Any, stride: int, dilation: int) -> None:
    shape = (2, *(7, 6, 5)[:rank])
    options = {"stride": stride, "padding": amounts(padding, rank), "dilation": dilation}
    kernel = (3, 2, 2)[:rank]
    convolution = Input(shape) >> Conv(3, kernel, bias=Normal(), **options)
    local = Input(shape) >> LocallyConnected(3, kernel, **options)
    conv, module = (network.build(seed=2).double() for network in (convolution, local))
    assert local.output_shape == convolution.output_shape
    layer = module.locallyconnected1
    layer.load_state_dict(tied(conv, int(np.prod(local.output_shape[1:]))))
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(layer(x), conv(x), rtol=1e-12, atol=1e-12)
    assert local.summary().macs == convolution.summary().macs > 0


@settings(max_examples=25)
@given(data=st.data(), size=st.integers(1, 9), window=st.integers(1, 4), stride=st.integers(1, 4))
def test_every_place_has_weights_of_its_own(data: Any, size: int, window: int, stride: int) -> None:
    dilation, start, end = (data.draw(st.integers(low, 3)) for low in (1, 0, 0))
    if size + start + end < (window - 1) * dilation + 1:
        return
    network = Input(2, size) >> LocallyConnected(3, window, stride, ((start, end),), dilation, bias=Normal())
    module = network.build(seed=1).double()
    places = network.output_shape[1]
    weight = module.locallyconnected1.weight.detach().numpy().reshape(places, 3, window, 2)
    bias = module.locallyconnected1.bias.detach().numpy().reshape(places, 3)
    x = np.random.default_rng(0).normal(size=(2, 2, size))
    padded = np.pad(x, ((0, 0), (0, 0), (start, end)))
    wanted = np.empty((2, 3, places))
    for n, f, i in itertools.product(range(2), range(3), range(places)):
        seen = padded[n, :, i * stride : i * stride + (window - 1) * dilation + 1 : dilation]  # (channels, kernel)
        wanted[n, f, i] = bias[i, f] + (weight[i, f].T * seen).sum()
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-12, atol=1e-12)


def test_parameters_are_those_of_keras() -> None:
    first = Input(3, 32, 32) >> LocallyConnected(64, 3)
    second = first >> LocallyConnected(32, 3)
    assert first.summary().parameters == 1_612_800
    assert second.summary().parameters == 1_612_800 + 14_475_776
    assert (Input(32, 10) >> LocallyConnected(64, 3)).summary().parameters == 49_664
    assert first.summary().macs == 30 * 30 * 64 * 27


def test_weights_start_place_by_place() -> None:
    """Every place is a convolution of its own to a rule: fans are those of one place, orthogonal rows are so there."""
    network = Input(8, 12, 12) >> LocallyConnected(16, 3, weight=HeNormal(1.0))
    weight = network.build(seed=0).locallyconnected1.weight.detach().view(100, 16, 72)
    assert abs(float(weight.std()) * 72**0.5 - 1) < 0.01
    uniform = (Input(8, 12, 12) >> LocallyConnected(16, 3, weight=XavierUniform())).build().locallyconnected1.weight
    assert float(uniform.detach().abs().max()) == pytest.approx((6 / (72 + 16 * 9)) ** 0.5, rel=1e-3)
    rows = (Input(8, 6, 6) >> LocallyConnected(16, 3, weight=Orthogonal())).build().locallyconnected1.weight.detach()
    for place in rows.view(16, 16, 72):
        assert torch.allclose(place @ place.T, torch.eye(16), atol=1e-5)


def test_weights_have_the_axes_that_penalties_go_by() -> None:
    """Units in front, and biases with one axis."""
    module = (Input(2, 6, 5) >> LocallyConnected(3, (2, 3))).build().locallyconnected1
    assert module.weight.shape == (5 * 3 * 3, 2 * 3 * 2)
    assert module.bias.shape == (5 * 3 * 3,)
    assert (Input(2, 6) >> LocallyConnected(3, 2, bias=False)).build().locallyconnected1.bias is None
    assert "places=(5, 3), kernel=(2, 3), stride=(1, 1)" in repr(module)


def test_any_layout_of_the_input() -> None:
    x = torch.randn(4, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    module = (Input(3, 6, 5) >> LocallyConnected(4, 3, padding="same")).build()
    assert torch.equal(module(x), module(x.to(memory_format=torch.channels_last)))
    with torch.autocast("cpu", torch.bfloat16):
        low = module(x)
    assert low.dtype == torch.bfloat16
    assert torch.allclose(low.float(), module(x), atol=0.1)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            LocallyConnected(4, 5),
            (3, 4, 9),
            r"LocallyConnected\(4, 5\): expected space axes of at least \(5, 5\), got shape \(3, 4, 9\)\. "
            r"With its padding the input has \(4, 9\), .* at most \(4, 5\)",
        ),
        (LocallyConnected(4, 3, dilation=3), (3, 4), r"at least \(7,\).*window of at most \(2,\), padding=\(2,\)"),
        (LocallyConnected(4, 3, (1, 1)), (3, 4), r"2 space axes, as its stride \(1, 1\) says, got shape \(3, 4\)"),
        (
            LocallyConnected(4, 3, 2, exact=True),
            (3, 8),
            r"expected windows that leave no place over, and not \(8 - 3\) / 2 \+ 1 = 3\.5 of them, got shape \(3, 8\)"
            r"\. Instead of 8 a size of 7 or 9 fits",
        ),
        (LocallyConnected(4, 3), (3,), r"an input \(channels, \*space\) of rank 2 to 4, got shape \(3,\)"),
    ],
)
def test_joins(layer: LocallyConnected, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: LocallyConnected(0, 3), r"LocallyConnected\(filters\): expected an integer >= 1, got 0"),
        (lambda: LocallyConnected(4, 0), r"LocallyConnected\(kernel\): expected .*, got 0"),
        (lambda: LocallyConnected(4, 3, padding="sam"), r"LocallyConnected\(padding\): .*'sam'\. Did you mean 'same'"),
        (lambda: LocallyConnected(4, 3, exact=1), r"LocallyConnected\(exact\): expected True or False, got 1"),
        (lambda: LocallyConnected(4, 3, groups=2), r"LocallyConnected: expected one of its options, got 'groups'"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
