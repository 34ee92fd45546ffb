"""On another size than it was built for a module gives what the network says there, or refuses."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData
from netwright.layers import AvgPool, Conv, Input, L2Pool, LocallyConnected, MaxPool

DOWN = Conv(4, 3, 2, "same")
REFUSAL = (
    r"^Conv\(4, 3, 2, 'same'\): expected a size for which padding=\"same\" is \(\(0, 1\), \(0, 1\)\), as for the one "
    r"that it was built for, got \(8, 7\), for which it is \(\(0, 1\), \(1, 1\)\)\. Build the network for this size, or"
)


def image(*shape: int) -> torch.Tensor:
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([Conv, MaxPool, AvgPool, L2Pool, "counted"]),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    window=st.integers(1, 5),
    stride=st.integers(1, 5),
)
def test_what_runs_is_what_the_network_says(kind: Any, sizes: tuple[int, int], window: int, stride: int) -> None:
    layer: Any = {
        Conv: lambda: Conv(2, window, stride, "same"),
        "counted": lambda: AvgPool(window, stride, "same", count_padding=True),
    }.get(kind, lambda: kind(window, stride, "same"))()
    built, there = ((Input(2, size, 6) >> layer).build() for size in sizes)
    x = image(2, sizes[1], 6)
    try:
        y = built(x)
    except InvalidData:
        assert stride > 1
        assert sizes[0] != sizes[1]
    else:
        torch.testing.assert_close(y, there(x))


def test_other_padding_is_refused() -> None:
    module = (Input(1, 8, 8) >> DOWN).build()
    assert type(module.conv1) is torch.nn.Sequential
    assert module(image(1, 6, 10)).shape == (2, 4, 3, 5)
    for one in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        with pytest.raises(InvalidData, match=REFUSAL):
            one(image(1, 8, 7))


def test_a_bare_convolution_stays_one() -> None:
    module = (Input(1, 7, 7) >> DOWN).build()
    assert type(module.conv1) is torch.nn.Conv2d
    assert list(module.state_dict()) == ["conv1.weight", "conv1.bias"]
    with pytest.raises(InvalidData, match=r"got \(8, 8\), for which it is \(\(0, 1\), \(0, 1\)\)"):
        module(image(1, 8, 8))


@pytest.mark.parametrize(
    "layer",
    [Conv(4, 3, padding="same"), Conv(4, 3, 2, 1), Conv(4, 1, 2, "same"), MaxPool(2, padding="same"), MaxPool(3)],
)
def test_nothing_is_checked_where_all_sizes_are_padded_alike(layer: Any) -> None:
    module = (Input(1, 8, 8) >> layer).build()
    assert not any(part._forward_pre_hooks for part in module.modules())
    assert torch.equal(module(image(1, 9, 7)), (Input(1, 9, 7) >> layer).build()(image(1, 9, 7)))


def test_weights_for_each_place() -> None:
    module = (Input(1, 8, 8) >> LocallyConnected(2, 3)).build()
    text = (
        r"^LocallyConnected\(2, 3\): expected space axes \(8, 8\), which it was built for, got \(8, 9\)\. It has "
        r"weights for each place of that size: build the network for this one\.$"
    )
    with pytest.raises(InvalidData, match=text):
        module(image(1, 8, 9))
    with pytest.raises(InvalidData, match=r"got \(7, 8\)"):
        module(image(1, 7, 8))


@pytest.mark.parametrize("layer", [DOWN, MaxPool(3, 2, "same"), LocallyConnected(2, 3)])
def test_traced_exported_and_compiled(layer: Any) -> None:
    module, x = (Input(1, 8, 8) >> layer).build().eval(), image(1, 8, 8)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit.*", category=DeprecationWarning)
        traced = torch.jit.trace(module, x)
        assert torch.equal(traced(x), module(x))
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    y = image(1, 8, 8)[[0, 1, 0]]
    assert torch.allclose(exported.module()(y), module(y))
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), module(x))
