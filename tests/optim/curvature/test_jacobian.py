"""Jacobians sample by sample against `torch.func.jacrev`, and what is recorded of a forward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.optim.curvature import Layout
from netwright.optim.curvature import jacobian as jacobian_module
from netwright.optim.curvature.jacobian import (
    agrees,
    per_sample_jacobian,
    recorded,
    rows_by_backward,
    rows_by_layer,
    separable,
)

BY_LAYER = {
    "dense",
    "one output",
    "without bias",
    "steps",
    "conv",
    "channels last",
    "conv of steps",
    "transposed",
    "layer norm",
    "prelu",
    "batch norm, fixed",
    "embedding",
    "shared layer",
    "tied weight",
    "formula",
}


def forward(network: Any) -> tuple[Layout, list[Any], torch.Tensor]:
    layout = Layout(network.parameters)
    with recorded(layout) as calls:
        outputs = network.outputs()
    return layout, calls, outputs


def table(outputs: torch.Tensor) -> torch.Tensor:
    return outputs.reshape(len(outputs), -1)


def test_the_jacobian_of_each_sample(network: Any) -> None:
    expected = network.jacobian()
    found = per_sample_jacobian(network.module, network.inputs)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("block", [2**20, 1000, 1])
def test_blocks_of_any_size_by_layer_and_by_backward(network: Any, block: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(jacobian_module, "BLOCK", block)
    layout, calls, outputs = forward(network)
    expected = network.jacobian()
    ways = [rows_by_backward(table(outputs), layout)]
    assert separable(outputs, calls, layout) == (network.name in BY_LAYER | {"weight used outside"})
    if network.name in BY_LAYER:
        ways.append(rows_by_layer(table(outputs), calls, layout))
    for way in ways:
        seen = 0
        for rows, part in way:
            torch.testing.assert_close(part, expected[rows], rtol=1e-10, atol=1e-12)
            seen += len(part)
        assert seen == len(outputs)


def test_whether_rows_look_at_each_other_is_found_out(network: Any) -> None:
    layout, calls, outputs = forward(network)
    if network.name not in BY_LAYER | {"weight used outside"}:
        return
    probe = torch.randn(table(outputs).shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    parts = [(rows, part.clone()) for rows, part in rows_by_layer(table(outputs), calls, layout)]
    product = sum(torch.einsum("nk,nkp->p", probe[rows], part) for rows, part in parts)
    assert agrees(product, probe, table(outputs), layout) == (network.name in BY_LAYER)


def test_only_some_of_the_parameters(make_network: Any) -> None:
    for name in ("dense", "conv", "layer norm", "shared layer"):
        network = make_network(name)
        expected = network.jacobian()
        frozen, *_, last = network.parameters
        frozen.requires_grad_(False)
        found = per_sample_jacobian(network.module, network.inputs)
        torch.testing.assert_close(found, expected[..., frozen.numel() :], rtol=1e-10, atol=1e-12)
        layout = Layout([last])
        with recorded(layout) as calls:
            outputs = network.outputs()
        assert {type(call.module) for call in calls} == {nn.Linear}
        (part,) = [part for _, part in rows_by_layer(table(outputs), calls, layout)]
        torch.testing.assert_close(part, expected[..., -last.numel() :], rtol=1e-10, atol=1e-12)


def test_nothing_is_recorded_outside(make_network: Any) -> None:
    network = make_network("dense")
    with recorded(Layout(network.parameters)) as calls:
        network.outputs()
    network.outputs()
    assert len(calls) == 2
    with pytest.raises(ZeroDivisionError), recorded(Layout(network.parameters)) as calls:
        raise ZeroDivisionError
    network.outputs()
    assert not calls


def test_single_precision(make_network: Any) -> None:
    exact, rough = make_network("conv"), make_network("conv", torch.float32)
    found = per_sample_jacobian(rough.module, rough.inputs)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, exact.jacobian(), rtol=1e-4, atol=1e-5)


def test_neither_gradients_nor_weights_nor_statistics_are_written(make_network: Any) -> None:
    network = make_network("batch norm, fixed")
    before = {name: item.clone() for name, item in network.module.state_dict().items()}
    per_sample_jacobian(network.module, network.inputs)
    assert all(torch.equal(item, before[name]) for name, item in network.module.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters)
