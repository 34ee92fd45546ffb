"""What operations of torch do to places: the rules that the observer goes by.

A rule gets a `netwright.graph.operation.Call` and gives the places of its result, or of each result in a list. An
operation without a rule unites the places of its arguments where torch calls it pointwise; any other may do anything
with them, so that its result sees the whole input at most.
"""

from __future__ import annotations

from typing import Any

import torch

from netwright.graph.moves import MOVES
from netwright.graph.operation import Call, Rule, aligned, joined
from netwright.graph.places import Places
from netwright.graph.slides import SLIDES

aten = torch.ops.aten


def _same(call: Call) -> Places:
    return call.places


def _united(call: Call) -> Places:
    return call.united()


def _batch_norm(call: Call) -> Places:
    """batch_norm(input, weight, bias, mean, variance, training, ...): with its own statistics it sees every place."""
    return call.places if call.arg(5) is False else call.places.united(_others(call.main, 1))


def _others(tensor: torch.Tensor, *dims: int) -> set[int]:
    return set(range(tensor.ndim)) - set(dims)


def _group_norm(call: Call) -> Places:
    return call.places.united(_others(call.main, 0))


def _layer_norm(call: Call) -> Places:
    """native_layer_norm(input, normalized_shape, ...)."""
    rank = call.main.ndim
    return call.places.united(range(rank - len(call.args[1]), rank))


def _along(place: int, default: Any = -1) -> Rule:
    """An operation along one axis, which its arguments name at that place, and which stays."""
    return lambda call: call.places.united({int(call.arg(place, default)) % max(call.main.ndim, 1)})


def _reduction(place: int) -> Rule:
    """reduce(input, ..., axes, ...): along some axes, or along all."""

    def rule(call: Call) -> Places:
        axes, rank = call.arg(place), call.main.ndim
        if isinstance(axes, torch.Tensor):  # the larger of two tensors
            return call.united()
        given = [axes] if isinstance(axes, int) else axes or range(rank)
        return call.places.reduced({axis % max(rank, 1) for axis in given}, keep=rank == len(call.shape))

    return rule


def _product(first: int) -> Rule:
    """(add, rows, columns) or (rows, columns): matrices, or batches of them; the axis between them is summed over."""

    def rule(call: Call) -> Places:
        found = []
        for number, tensor in enumerate(call.args[: first + 2]):
            places = call.known(tensor)
            if places is not None and number < first:
                found.append(aligned(places, len(call.shape) - tensor.ndim))
            elif places is not None:
                found.append(places.united({tensor.ndim - 1 if number == first else max(tensor.ndim - 2, 0)}))
        return joined(found)

    return rule


def _outer(call: Call) -> Places:
    """addr(add, column, row)."""
    found = [(number, places) for number in range(3) if (places := call.known(call.args[number])) is not None]
    return joined([aligned(places, 1) if number == 2 else places for number, places in found])


def _bilinear(call: Call) -> Places:
    """_trilinear(left, weight, right, ...): all but the batch is summed over."""
    found = [places for tensor in call.args[:3] if (places := call.known(tensor)) is not None]
    return joined([places.united(range(1, 9)) for places in found])


def _attention(call: Call) -> Places:
    """attention(query, key, value, ...): each place of the query sees all of the keys and values."""
    summed = ({-1}, {-1, -2}, {-2})
    pairs = [(tensor, axes, call.known(tensor)) for tensor, axes in zip(call.args[:3], summed, strict=True)]
    return joined([found.united({t.ndim + axis for axis in axes}) for t, axes, found in pairs if found is not None])


def _embedding(call: Call) -> Places:
    """embedding(weight, indices, ...)."""
    return call.known(call.args[1]) or call.united().lost()


# What is made of the shape of a tensor alone depends on no input.
SHAPES_ONLY = {
    *(aten.empty_like, aten.zeros_like, aten.ones_like, aten.full_like, aten.rand_like, aten.randn_like),
    *(aten.new_empty, aten.new_zeros, aten.new_ones, aten.new_full, aten.new_empty_strided),
}

# Those that decide which axis of a sequence is its features: the first to be summed over.
SUMMING = {aten.convolution, aten.mm, aten.addmm, aten.bmm, aten.baddbmm, aten.mv, aten.native_layer_norm}

RULES: dict[Any, Rule] = {
    **SLIDES,
    **MOVES,
    **dict.fromkeys((aten.mean, aten.sum, aten.amax, aten.amin, aten.std, aten.var, aten.logsumexp), _reduction(1)),
    **dict.fromkeys((aten.prod, aten.any, aten.all, aten.argmax, aten.argmin, aten.var_mean), _reduction(1)),
    **dict.fromkeys((aten.max, aten.min, aten.median, aten.mode), _reduction(1)),
    **dict.fromkeys((aten.norm, aten.linalg_vector_norm), _reduction(2)),
    **dict.fromkeys((aten._softmax, aten._log_softmax, aten._safe_softmax, aten.sort), _along(1)),
    aten.topk: _along(2),
    aten.glu: _along(1),
    **dict.fromkeys((aten.mm, aten.bmm, aten.mv, aten.dot, aten.vdot), _product(0)),
    **dict.fromkeys((aten.addmm, aten.baddbmm, aten.addmv), _product(1)),
    aten.addr: _outer,
    aten._trilinear: _bilinear,
    **dict.fromkeys(
        (
            aten._scaled_dot_product_flash_attention_for_cpu,
            aten._scaled_dot_product_efficient_attention,
            aten._scaled_dot_product_flash_attention,
            aten._scaled_dot_product_attention_math,
        ),
        _attention,
    ),
    aten.embedding: _embedding,
    **dict.fromkeys((aten.native_batch_norm, aten._native_batch_norm_legit), _batch_norm),
    aten.native_group_norm: _group_norm,
    aten.native_layer_norm: _layer_norm,
    **dict.fromkeys((aten._native_batch_norm_legit_no_training, aten.native_dropout, aten._to_copy), _same),
    aten.log_sigmoid_forward: _same,
    **dict.fromkeys((aten.clone, aten.detach, aten.alias, aten.contiguous, aten.lift_fresh), _same),
    **dict.fromkeys((aten.copy_, aten._prelu_kernel), _united),
}
