"""Parameters as one vector: order, reading, writing, splitting and joining."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.optim.curvature import Layout


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_reads_writes_and_splits_in_one_order(network: Any) -> None:
    layout = Layout(network.parameters)
    logical = torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters])
    assert torch.equal(layout.read(), logical[network.order])
    vector = draw(layout.size)
    parts = layout.split(vector)
    layout.write(vector)
    assert torch.equal(layout.read(), vector)
    for part, parameter in zip(parts, network.parameters, strict=True):
        assert torch.equal(part, parameter)
    assert torch.equal(layout.join(parts), vector)
    rows = draw(3, layout.size)
    several = layout.split_batched(rows)
    assert all(torch.equal(torch.cat([part[1].reshape(-1) for part in several])[network.order], rows[1]) for _ in "a")
    assert torch.equal(layout.join_batched(several, 3), rows)
    assert layout.bounds[-1][1] == layout.size == len(logical)


def test_what_is_missing_is_zero() -> None:
    layout = Layout([torch.ones(2, 2), torch.ones(3)])
    assert layout.join([None, torch.ones(3)]).tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert layout.join_batched([torch.ones(2, 2, 2), None], 2).tolist() == [[1, 1, 1, 1, 0, 0, 0]] * 2


def test_a_vector_is_a_copy() -> None:
    for weights in ([torch.ones(3, dtype=torch.float64)], [torch.ones(2), torch.ones(1)]):
        layout = Layout(weights)
        layout.read().zero_()
        layout.join(weights).zero_()
        assert all(bool(weight.all()) for weight in weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_vectors_are_in_double_precision(dtype: torch.dtype) -> None:
    weights = [torch.zeros(2, dtype=dtype), torch.zeros(2, dtype=dtype)]
    layout = Layout(weights)
    layout.write(torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64))
    assert layout.read().dtype == torch.float64
    assert layout.read().tolist() == [1, 2, 3, 4]
    assert all(part.dtype == dtype for part in layout.split(layout.read()))


def test_parameters_of_two_number_formats() -> None:
    weights = [torch.zeros(2, dtype=torch.float64), torch.zeros(2)]
    layout = Layout(weights)
    layout.write(torch.full((4,), 1 / 3, dtype=torch.float64))
    assert weights[0].tolist() == [1 / 3, 1 / 3]
    assert weights[1].dtype == torch.float32
    assert layout.read()[3] == torch.tensor(1 / 3, dtype=torch.float32)


@pytest.mark.parametrize("gap", [0, 1])
def test_parameters_in_one_block_of_memory_are_written_in_one_go(gap: int) -> None:
    memory = torch.zeros(10 + gap, dtype=torch.float64)
    weights = [memory[:6].view(2, 3), memory[6 + gap :].view(4)]
    layout = Layout(weights)
    assert bool(layout._staged) == (gap == 1)
    vector = draw(10)
    layout.write(vector)
    assert torch.equal(torch.cat([weight.reshape(-1) for weight in weights]), vector)
    assert not memory[6 : 6 + gap].any()


def test_parameters_that_are_not_dense() -> None:
    memory = torch.zeros(4, 6, dtype=torch.float64)
    for weight in (memory.T, memory[:, ::2], memory.view(2, 2, 2, 3).permute(3, 1, 2, 0)):
        layout, vector = Layout([weight]), draw(weight.numel())
        layout.write(vector)
        assert torch.equal(weight.reshape(-1), vector)
        assert torch.equal(layout.read(), vector)


def test_a_convolution_in_channels_last_memory_is_one_block() -> None:
    with torch.random.fork_rng(devices=[]):
        convolution = nn.Conv2d(2, 3, 2, bias=False).to(memory_format=torch.channels_last)
    layout = Layout(convolution.parameters())
    assert not layout._staged
    layout.write(torch.arange(24.0))
    assert convolution.weight[1, 1, 0, 1] == 1 * 8 + 0 * 4 + 1 * 2 + 1  # unit, row, column, channel
    assert torch.equal(layout.split(torch.arange(24.0, dtype=torch.float64))[0], convolution.weight)


def test_a_volume_in_channels_last_memory() -> None:
    with torch.random.fork_rng(devices=[]):
        convolution = nn.Conv3d(2, 3, 2, bias=False).to(memory_format=torch.channels_last_3d)
    layout, vector = Layout(convolution.parameters()), draw(48)
    layout.write(vector)
    assert torch.equal(layout.read(), vector.float().double())
    assert torch.equal(layout.split(vector)[0], convolution.weight)
    assert torch.equal(layout.join_batched(layout.split_batched(vector[None]), 1)[0], layout.read())


def test_scalars_and_empty_tensors() -> None:
    layout = Layout([torch.zeros(()), torch.zeros(0, 3), torch.zeros(2)])
    assert (layout.size, layout.bounds) == (3, [(0, 1), (1, 1), (1, 3)])
    layout.write(torch.tensor([1.0, 2.0, 3.0]))
    assert layout.read().tolist() == [1, 2, 3]
    assert [tuple(part.shape) for part in layout.split(layout.read())] == [(), (0, 3), (2,)]
    assert layout.join_batched(layout.split_batched(torch.ones(2, 3)), 2).tolist() == [[1, 1, 1]] * 2


def test_scratch_memory_is_used_again() -> None:
    layout = Layout([torch.zeros(3)])
    first = layout.scratch(2, 4, 3)
    assert first.shape == (2, 4, 3)
    assert first.data_ptr() == layout.scratch(2, 4, 3).data_ptr() == layout.scratch(5, 3).data_ptr()
    assert layout.scratch(30, 3).shape == (30, 3)


def test_writing_keeps_a_parameter_a_leaf() -> None:
    weight = torch.ones(2, requires_grad=True)
    Layout([weight]).write(torch.zeros(2))
    assert weight.is_leaf
    assert weight.requires_grad
    assert not Layout([weight]).read().requires_grad
