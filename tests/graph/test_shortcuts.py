"""Shortcuts give what torch gives on the meta device: shape, dtype and strides."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.graph.shortcuts import SHORTCUTS, Recurrences, Shortcuts, run

aten = torch.ops.aten


def meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(*shape, dtype=dtype, device="meta")


X = meta(2, 4, 5, 6)
NORM = [(X, meta(4), None, meta(4), meta(4), training, 0.1, 1e-5) for training in (False, True)]
NAMES = ("relu", "tanh", "gelu", "elu", "leaky_relu", "softplus", "hardsigmoid", "sigmoid", "silu")
UNARY = [getattr(aten, name).default for name in NAMES]
ATTENTION = [
    *((meta(2, 3, 5, 4, dtype=t), *[meta(2, 3, 6, 4, dtype=t)] * 2) for t in (torch.float32, torch.bfloat16)),
    (meta(2, 5, 3, 4).transpose(1, 2), meta(2, 3, 6, 4), meta(2, 3, 6, 4), 0.0, True),
]
CASES: list[tuple[Any, tuple[Any, ...]]] = [
    *((aten.native_batch_norm.default, args) for args in NORM),
    (aten.native_batch_norm.default, (meta(2, 4, dtype=torch.bfloat16), None, None, None, None, True, 0.1, 1e-5)),
    *((aten._scaled_dot_product_flash_attention_for_cpu.default, args) for args in ATTENTION),
    (aten.addmm.default, (meta(3), meta(2, 4), meta(3, 4).t())),
    (aten.cat.default, ([X, meta(2, 1, 5, 6), X], 1)),
    (aten.cat.default, ([X, X], -1)),
    (aten.cat.default, ([X, X],)),
    (aten.mean.dim, (X, [-1, -2])),
    (aten.mean.dim, (X, [2, 3], True)),
    (aten.mean.dim, (X, [0])),
    (aten._log_softmax.default, (X, 1, False)),
    (aten._softmax.default, (X, 1, False)),
    (aten._adaptive_avg_pool2d.default, (X, [3, 2])),
    (aten.empty_like.default, (X,)),
    (aten.avg_pool2d.default, (X, [2])),
    (aten.avg_pool2d.default, (X, [3], [2], [1], True, False)),
    (aten.div_.Scalar, (X, 0.5)),
    *((op, (X, X.clone())) for op in (aten.add_.Tensor, aten.mul_.Tensor, aten.div_.Tensor)),
    (aten.add_.Tensor, (X, meta(6))),
    (aten.convolution.default, (X, meta(4, 4, 3, 3), None, [1], [0], [1], False, [0], 1)),
    (aten.max_pool2d_with_indices.default, (X, [2])),
    (aten.leaky_relu.default, (X, 0.1)),
    (aten.add.Tensor, (X, 2)),
    *((op, (X,)) for op in UNARY),
    *((op, (X, X)) for op in (aten.add.Tensor, aten.mul.Tensor, aten.div.Tensor)),
    *((op, (X.double(), X.double())) for op in (aten.add.Tensor, aten.mul.Tensor, aten.div.Tensor)),
    # what is not the plain case goes to torch
    (aten.add.Tensor, (X, meta(6))),
    (aten.add.Tensor, (X, X.double())),
    (aten.div.Tensor, (meta(3, dtype=torch.long), meta(3, dtype=torch.long))),
    (aten.relu.default, (X.to(memory_format=torch.channels_last),)),
    (aten.mul.Tensor, (X.transpose(1, 2), X.transpose(1, 2))),
    (aten.tanh.default, (meta(3, dtype=torch.long),)),
]  # fmt: skip


def facts(result: Any) -> list[Any]:
    results = result if isinstance(result, tuple) else (result,)
    return [(tuple(t.shape), t.dtype, t.stride(), t.device.type) for t in results]


@pytest.mark.parametrize(("op", "args"), CASES, ids=lambda item: str(item) if not isinstance(item, tuple) else "")
def test_against_torch(op: Any, args: tuple[Any, ...]) -> None:
    assert facts(run(op, args, {})) == facts(op(*args))


@settings(max_examples=150)
@given(
    st.tuples(*(st.integers(low, high) for low, high in ((5, 9), (1, 3), (1, 3), (0, 2), (1, 2), (1, 2), (0, 1)))),
    st.integers(1, 3),
    st.booleans(),
)
def test_convolutions(numbers: tuple[int, ...], rank: int, transposed: bool) -> None:
    size, kernel, stride, padding, dilation, groups, extra = numbers
    into, out = (4, 2) if transposed else (4 // groups, 6)
    weight = meta(*((into, out) if transposed else (out, into)), *range(kernel, kernel + rank))
    x = meta(2, 4, *range(size, size + rank))
    more = min(extra, max(stride, dilation) - 1) if transposed else 0
    args = (x, weight, None, [stride], [padding], [dilation] * rank, transposed, [more] * rank, groups)
    try:
        expected = facts(aten.convolution.default(*args))
    except RuntimeError:
        with pytest.raises(RuntimeError):
            run(aten.convolution.default, args, {})
        return
    assert facts(run(aten.convolution.default, args, {})) == expected


@settings(max_examples=150)
@given(*(st.integers(low, high) for low, high in ((3, 9), (1, 4), (1, 4), (0, 2), (1, 2))), st.booleans())
def test_pools(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> None:
    args = (meta(2, 3, size, size + 3), [kernel, kernel + 1], [stride], [padding], [dilation], ceil)
    try:
        expected = facts(aten.max_pool2d_with_indices.default(*args))
    except RuntimeError:
        with pytest.raises(RuntimeError):
            run(aten.max_pool2d_with_indices.default, args, {})
        return
    assert facts(run(aten.max_pool2d_with_indices.default, args, {})) == expected


def test_every_shortcut_is_compared() -> None:
    assert set(SHORTCUTS) <= {op for op, _ in CASES}


def test_errors_are_those_of_torch() -> None:
    with pytest.raises(RuntimeError), Shortcuts():
        torch.cat([meta(2, 3), meta(4, 5)], 1)
    with pytest.raises(RuntimeError), Shortcuts():
        torch.nn.functional.linear(meta(2, 3), meta(4, 5), meta(4))


def test_real_tensors_are_left_to_torch() -> None:
    with Shortcuts():
        assert torch.add(torch.ones(2), torch.ones(2)).tolist() == [2, 2]
        assert torch.cat([torch.ones(1), torch.zeros(1)]).tolist() == [1, 0]


@pytest.mark.slow
def test_a_summary_does_not_load_the_compiler() -> None:
    """It takes longer than all the rest (0.7 s)."""
    code = """
import sys
from netwright.layers import *
block = (Conv(8, 3, padding=1) >> BatchNorm() >> ReLU() | Identity()) >> Add() >> Dropout() >> Tanh()
net = Input(8, 9, 9) >> block >> MaxPool(2) >> (Conv(4, 1) | Conv(2, 1)) >> Concat() >> GlobalPool() >> Softmax(3)
assert net.summary().parameters > 0
assert "torch._dynamo" not in sys.modules
assert "sympy" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("kind", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"batch_first": False}, {"nonlinearity": "relu"}])
def test_recurrences_have_the_shapes_of_torch(kind: Any, options: dict[str, Any]) -> None:
    if "nonlinearity" in options and kind is not torch.nn.RNN:
        return
    with torch.random.fork_rng(devices=[]):
        module = kind(3, 4, **{"batch_first": True, **options})
    real = module(torch.zeros(2, 5, 3))
    meta = module.to("meta")
    with Recurrences():
        found = meta(torch.zeros(2, 5, 3, device="meta"))
    flat = torch.utils._pytree.tree_leaves
    assert [part.shape for part in flat(found)] == [part.shape for part in flat(real)]
    assert all(part.is_meta for part in flat(found))


def test_a_long_recurrence_is_planned_at_once() -> None:
    class Count(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.seen = getattr(self, "seen", 0) + 1
            return func(*args, **(kwargs or {}))

    lstm = torch.nn.LSTM(3, 4, batch_first=True, device="meta")
    with Count() as count, Recurrences():
        lstm(torch.zeros(2, 10_000, 3, device="meta"))
    assert count.seen < 20
