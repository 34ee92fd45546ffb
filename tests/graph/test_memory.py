"""Saved activations: what the hooks of autograd show in a real training pass on the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.graph import analyze
from netwright.layers import Add, BatchNorm, Conv, Dropout, Flatten, Identity, Input, MaxPool, ReLU, Softmax

NETWORKS: list[Any] = [
    Input(7) >> ReLU(5) >> Softmax(3),
    Input(1, 12, 12) >> Conv(4, 3) >> BatchNorm() >> ReLU() >> MaxPool(2) >> Flatten() >> Softmax(3),
    Input(2, 8, 8) >> (Conv(2, 3, padding=1) >> BatchNorm() | Identity()) >> Add() >> ReLU() >> Dropout(0.4),
    Input(3, 9) >> Conv(4, 3, 2, padding="same") >> ReLU() >> Conv(4, 1),
]


def really_saved(module: nn.Module, *inputs: torch.Tensor) -> int:
    """By a pass on the CPU; parameters and buffers are not counted."""
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    kept: dict[int, Any] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = module.train()(*inputs)
    assert output is not None
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_networks(network: Any, batch: int) -> None:
    if batch == 1 and "BatchNorm" in repr(network):
        batch = 3
    summary, module = network.summary(), network.build()
    assert summary.saved_bytes(batch) == really_saved(module, torch.zeros(batch, *network.input_shape))
    assert sum(row.saved_bytes for row in summary.rows) == summary.saved[1]
    assert analyze(module, network.input_shape).saved == summary.saved
    assert analyze(module, torch.zeros(batch, *network.input_shape)).saved_bytes() == summary.saved_bytes(batch)


@pytest.mark.touches_rng
def test_shared_storages_count_once() -> None:
    linear = nn.Linear(16, 16)
    twice = nn.Sequential(linear, nn.Flatten(), nn.Unflatten(1, (4, 4)), nn.Flatten(), linear)
    assert analyze(twice, (16,)).saved_bytes(3) == really_saved(twice, torch.zeros(3, 16)) == 2 * 3 * 16 * 4


@pytest.mark.touches_rng
def test_frozen_layers_save_less() -> None:
    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    whole = analyze(module, (6,)).saved_bytes(4)
    module[0].requires_grad_(False)
    frozen = analyze(module, (6,)).saved_bytes(4)
    assert frozen == really_saved(module, torch.zeros(4, 6))
    assert frozen < whole


@pytest.mark.touches_rng
def test_the_module_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    analyze(module, (4,))
    assert not any(part.training for part in module.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


class Attention(nn.Module):
    def __init__(self, causal: bool = False, mask: bool = False) -> None:
        super().__init__()
        self.project, self.causal = nn.Linear(8, 24), causal
        self.mask = torch.ones(6, 6, dtype=torch.bool) if mask else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.project(x).view(*x.shape[:2], 3, 2, 4).permute(2, 0, 3, 1, 4)
        return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (Attention, (6, 8)),
        (lambda: Attention(causal=True), (6, 8)),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (6, 8)),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), (6, 8)),
        (lambda: nn.GRU(6, 5, batch_first=True), (7, 6)),
        (lambda: nn.RNN(6, 5, batch_first=True), (7, 6)),
        (lambda: nn.GroupNorm(2, 8), (8, 6)),
        (lambda: nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU()), (6, 8)),
    ],
)
@pytest.mark.touches_rng
def test_modules_against_what_autograd_keeps(make: Any, shape: tuple[int, ...]) -> None:
    module = make()
    for batch in (2, 5):
        assert analyze(module, shape).saved_bytes(batch) == really_saved(module, torch.rand(batch, *shape))


@pytest.mark.touches_rng
def test_what_is_not_followed_is_said() -> None:
    """A fused LSTM has a workspace of its own, autocast makes copies, chance takes another way each time."""

    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.linear(x)

    class Chance(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.drop = nn.ModuleList(nn.Linear(8, 8) for _ in range(6)), nn.Dropout()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                if not self.training or torch.rand(()).item() < 0.5:
                    x = self.drop(x + layer(x).relu())
            return x

    assert "a fused LSTM" in analyze(nn.LSTM(6, 5, batch_first=True), (7, 6)).notes[0]
    assert "as without autocast" in str(analyze(Cast(), (8,)))
    summary = analyze(Chance(), (8,))
    assert "another run may take another way" in str(summary)
    assert all(row.saved_bytes >= 0 for row in summary.rows)
    assert summary.saved_bytes(3) > summary.saved_bytes(1) > 0
