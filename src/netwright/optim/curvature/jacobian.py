"""Jacobians sample by sample: J[n, k, :] = d z_nk / dw, in blocks of rows, without a backward pass a sample.

Where a layer y = f(x; w) is used on rows that do not look at each other, one backward pass of sum_n z_nk gives
delta_n = d z_nk / d y_n for all rows at once, and the Jacobian of the layer's parameters follows row by row::

    linear, y = W x + b:     d z_nk / dW = delta_n x_n^T,    d z_nk / db = delta_n
    any other layer:         the backward pass of f at (x_n, delta_n), batched over n

What a layer was given and gave is recorded by hooks while the forward pass runs. Whether rows look at each other (batch
normalisation, attention over the batch) cannot be read off the layers: `agrees` compares the Jacobian that was put
together with one backward pass of the whole graph along a random vector; callers fall back on `rows_by_backward`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge
from torch.func import functional_call, vjp, vmap
from torch.nn.modules.module import register_module_forward_hook

from netwright.optim.curvature.layout import Layout
from netwright.optim.curvature.products import transposed_jacobian_product

BLOCK = 2**20  # bytes of one block of rows: stays in the cache of a core while it is multiplied
CLOSE = {torch.float64: 1e-8, torch.float32: 1e-3}  # relative error up to which two Jacobians are the same


class NotByLayer(Exception):
    """A layer whose backward pass cannot be batched over rows, so that the Jacobian is had in another way."""


class Call(NamedTuple):
    """One use of a layer that has parameters of its own: what it was given, and where its output is in the graph."""

    module: torch.nn.Module
    given: Any
    edge: Any
    shape: torch.Size | None


@contextmanager
def recorded(layout: Layout) -> Iterator[list[Call]]:
    """Record, while the block runs, every call of a module that owns parameters of the layout."""
    known = {id(parameter) for parameter in layout.parameters}
    calls: list[Call] = []

    def hook(module: torch.nn.Module, given: Any, output: Any) -> None:
        if any(id(parameter) in known for parameter in module._parameters.values()):
            plain = isinstance(output, Tensor) and output.grad_fn is not None
            calls.append(
                Call(module, given, get_gradient_edge(output) if plain else None, output.shape if plain else None)
            )

    handle = register_module_forward_hook(hook)
    try:
        yield calls
    finally:
        handle.remove()


def separable(outputs: Tensor, calls: Sequence[Call], layout: Layout) -> bool:
    """Whether every parameter belongs to recorded calls of one tensor by one tensor, row by row."""
    owned = {id(parameter) for call in calls for parameter in call.module._parameters.values()}
    return all(id(parameter) in owned for parameter in layout.parameters) and all(
        call.shape is not None
        and len(call.given) == 1
        and isinstance(call.given[0], Tensor)
        and call.given[0].shape[:1] == call.shape[:1] == outputs.shape[:1]
        and not (call.module.training and isinstance(call.module, torch.nn.modules.batchnorm._BatchNorm))
        for call in calls
    )


def rows_by_layer(outputs: Tensor, calls: Sequence[Call], layout: Layout) -> Iterator[tuple[slice, Tensor]]:
    """The Jacobian of outputs (n, K) as blocks (rows, J); J (m, K, P) is overwritten by the next block."""
    n, width = outputs.shape
    deltas = _deltas(outputs, calls)
    places = {id(p): bounds for p, bounds in zip(layout.parameters, layout.bounds, strict=True)}
    parts = pieces(n, BLOCK // (8 * width * layout.size))
    block = layout.scratch(parts[0].stop, width, layout.size)
    again = _shared(calls)
    writers = [_writer(block, call, delta, places, again) for call, delta in zip(calls, deltas, strict=True)]
    for rows in parts:
        if again:
            block.zero_()
        for write in writers:
            write(rows)
        yield rows, block[: rows.stop - rows.start]


def pieces(n: int, most: int) -> list[slice]:
    """n rows in as few pieces of about the same size as there are with at most so many rows (and at least one)."""
    size = -(-n // -(-n // max(1, most)))
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def rows_by_backward(outputs: Tensor, layout: Layout) -> Iterator[tuple[slice, Tensor]]:
    """The same blocks for any graph: a backward pass for each number of the outputs, batched."""
    n, width = outputs.shape
    pull = transposed_jacobian_product(outputs, layout.parameters)
    size = max(1, min(n, BLOCK // (8 * width * max(layout.size, outputs.numel()))))
    for start in range(0, n, size):
        rows = slice(start, min(start + size, n))
        count = (rows.stop - start) * width
        basis = torch.zeros(count, n, width, dtype=outputs.dtype, device=outputs.device)
        basis.view(count, -1)[torch.arange(count), torch.arange(count) + start * width] = 1
        yield rows, pull(basis).view(-1, width, layout.size)


def agrees(product: Tensor, probe: Tensor, outputs: Tensor, layout: Layout) -> bool:
    """Whether J^T u, put together from blocks for the probe u (n, K), is that of one backward pass."""
    whole = transposed_jacobian_product(outputs, layout.parameters)(probe)
    scale = float(whole.norm())
    return scale < math.inf and float((whole - product).norm()) <= CLOSE.get(outputs.dtype, 1e-2) * max(scale, 1e-30)


def per_sample_jacobian(module: torch.nn.Module, *inputs: Tensor) -> Tensor:
    """The Jacobian of each sample's outputs in all trainable parameters, J[n, k, :] = d z_nk / dw.

    Parameters
    ----------
    module : a torch module whose output is one tensor, in the mode in which it is to be differentiated.
    inputs : a batch of n samples for each input of the module.

    Shapes
    ------
    inputs (n, ...) -> (n, K, P), double precision; K numbers of output a sample, P parameters in their own order

    Where rows look at each other (batch normalisation in training mode), w is still the weights that all of them use.

    Examples
    --------
    >>> import torch
    >>> module = torch.nn.Linear(2, 1)
    >>> per_sample_jacobian(module, torch.tensor([[3.0, 4.0], [5.0, 6.0]]))
    tensor([[[3., 4., 1.]],
    <BLANKLINE>
            [[5., 6., 1.]]], dtype=torch.float64)
    """
    layout = Layout([parameter for parameter in module.parameters() if parameter.requires_grad])
    with torch.enable_grad(), recorded(layout) as calls:
        outputs = module(*inputs)
    outputs = outputs.reshape(len(outputs), -1)
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(outputs.shape, generator=generator).to(outputs)
    if separable(outputs, calls, layout):
        try:
            whole = torch.cat([block.clone() for _, block in rows_by_layer(outputs, calls, layout)])
        except NotByLayer:
            pass
        else:
            if agrees(torch.einsum("nk,nkp->p", probe.double(), whole), probe, outputs, layout):
                return whole
    return torch.cat([block for _, block in rows_by_backward(outputs, layout)])


def _deltas(outputs: Tensor, calls: Sequence[Call]) -> list[Tensor]:
    """For each call, delta (K, n, ...): the derivatives of each column of the outputs in what the layer gave."""
    edges = [call.edge for call in calls]
    width = outputs.shape[1]
    columns = []
    for k in range(width):
        basis = torch.ones_like(outputs) if width == 1 else torch.zeros_like(outputs)
        basis[:, k] = 1
        columns.append(torch.autograd.grad([outputs], edges, [basis], retain_graph=True, allow_unused=True))
    deltas = []
    for i, call in enumerate(calls):
        assert call.shape is not None
        parts = [outputs.new_zeros(call.shape) if column[i] is None else column[i] for column in columns]
        deltas.append(parts[0].unsqueeze(0) if width == 1 else torch.stack(parts))
    return deltas


def _shared(calls: Sequence[Call]) -> bool:
    """Whether a parameter is used by more than one call, so that contributions add up."""
    used = [id(p) for call in calls for p in call.module._parameters.values() if p is not None]
    return len(used) != len(set(used))


def _writer(
    block: Tensor, call: Call, delta: Tensor, places: dict[int, tuple[int, int]], add: bool
) -> Callable[[slice], None]:
    """A function that writes one call's part of some rows into a block (m, K, P); delta is (K, n, ...)."""
    module, given = call.module, call.given[0].detach()
    if type(module) is torch.nn.Linear and given.ndim == 2:
        return _linear_writer(block, module, delta.transpose(0, 1).double(), given.double(), places, add)

    def write(rows: slice) -> None:
        target = block[: rows.stop - rows.start]
        for name, part in _by_vjp(module, delta[:, rows], given[rows]).items():  # (K, m, *shape)
            parameter = module._parameters[name]
            if parameter is not None and id(parameter) in places:
                start, stop = places[id(parameter)]
                flat = Layout([parameter]).join_batched([part.flatten(0, 1)], len(part) * part.shape[1])
                _put(target[..., start:stop], flat.view(*part.shape[:2], -1).transpose(0, 1), add)

    return write


def _linear_writer(
    block: Tensor, module: torch.nn.Linear, delta: Tensor, given: Tensor, places: dict[int, tuple[int, int]], add: bool
) -> Callable[[slice], None]:
    """The linear layer: an outer product for the weights, delta itself (n, K, out) for the bias."""
    weights = biases = None
    if id(module.weight) in places:
        start, stop = places[id(module.weight)]
        weights = block[..., start:stop].unflatten(-1, module.weight.shape)  # (m, K, out, in)
    if module.bias is not None and id(module.bias) in places:
        start, stop = places[id(module.bias)]
        biases = block[..., start:stop]
    columns = given[:, None, None, :]

    def write(rows: slice) -> None:
        count, part = rows.stop - rows.start, delta[rows]
        if weights is not None and add:
            weights[:count].addcmul_(part.unsqueeze(-1), columns[rows])
        elif weights is not None:
            torch.mul(part.unsqueeze(-1), columns[rows], out=weights[:count])
        if biases is not None:
            _put(biases[:count], part, add)

    return write


def _put(target: Tensor, part: Tensor, add: bool) -> None:
    if add:
        target.add_(part)
    else:
        target.copy_(part)


def _by_vjp(module: torch.nn.Module, delta: Tensor, given: Tensor) -> dict[str, Tensor]:
    """The backward pass of one layer for every sample and column: (K, m, *shape) by parameter."""
    own = {name: p.detach() for name, p in module._parameters.items() if p is not None and p.requires_grad}

    def one(row: Tensor, slope: Tensor) -> dict[str, Tensor]:
        def call(parameters: dict[str, Tensor]) -> Tensor:
            found: Tensor = functional_call(module, parameters, (row[None],))
            return found[0]

        return vjp(call, own)[1](slope)[0]  # type: ignore[no-any-return]

    with torch.no_grad():
        try:
            return vmap(vmap(one), in_dims=(None, 0), randomness="error")(given, delta)  # type: ignore[no-any-return]
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise NotByLayer(str(error)) from error
