"""Products with derivatives, exact and without the matrices: Jv, J^T u, Hv and the generalised Gauss-Newton product.

With outputs z (n, ...) of weights w (P,), their Jacobian J = dz/dw and a loss L(z)::

    J v      = d/du (J^T u)^T v        a derivative of a derivative: J^T u is linear in u
    J^T u    = one backward pass
    H v      = d/dw (g^T v),           g = dL/dw with its graph
    G v      = J^T (L'' (J v)),        L'' = the Hessian of the loss in its outputs

All of them take what the forward pass gave and the parameters as tensors, so they work on any torch program. Each takes
one vector (P,) or several as rows (count, P), which go through torch's batching of backward passes together; an
operation that has no rule for that is gone through row by row.

References
----------
Pearlmutter: Fast exact multiplication by the Hessian, 1994.
Schraudolph: Fast curvature matrix-vector products for second-order gradient descent, 2002.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.optim.curvature.layout import Layout

Product = Callable[[Tensor], Tensor]


def hessian_product(loss: Tensor, parameters: Iterable[Tensor]) -> Product:
    """The function v -> Hv of a loss, H = d^2 L / dw^2.

    Parameters
    ----------
    loss : a scalar with its graph.
    parameters : leaf tensors; the vector is all of them, one behind the other.

    Shapes
    ------
    v (P,) -> (P,), or (count, P) -> (count, P), in double precision

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> hessian_product((w**3).sum(), [w])(torch.tensor([1.0, 1.0]))
    tensor([ 6., 12.], dtype=torch.float64)

    References
    ----------
    Pearlmutter: Fast exact multiplication by the Hessian, 1994.
    """
    layout = Layout(parameters)
    gradients = _grad([loss], layout.parameters, None, create_graph=True)
    return product_of_gradients(gradients, layout)


def product_of_gradients(gradients: Sequence[Tensor | None], layout: Layout) -> Product:
    """The function v -> Hv from gradients that have a graph; None and constants have a zero derivative."""
    kept = [(g, k) for k, g in enumerate(gradients) if g is not None and g.requires_grad]

    def product(vector: Tensor) -> Tensor:
        if not kept:
            return torch.zeros_like(vector, dtype=torch.float64, device=layout.device)
        return _through(layout, [g for g, _ in kept], vector, [k for _, k in kept])

    return product


def transposed_jacobian_product(outputs: Tensor, parameters: Iterable[Tensor]) -> Product:
    """The function u -> J^T u, J = d outputs / dw: one backward pass.

    Parameters
    ----------
    outputs : any tensor with its graph.
    parameters : leaf tensors; the vector is all of them, one behind the other.

    Shapes
    ------
    u of the outputs' shape -> (P,), or with a leading axis (count, ...) -> (count, P)

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> transposed_jacobian_product(w**2, [w])(torch.tensor([1.0, 1.0]))
    tensor([2., 4.], dtype=torch.float64)
    """
    layout = Layout(parameters)

    def product(vector: Tensor) -> Tensor:
        vector = vector.to(outputs.dtype)
        if vector.shape == outputs.shape:
            return layout.join(_grad([outputs], layout.parameters, [vector]))
        return layout.join_batched(_batched([outputs], layout.parameters, [vector]), len(vector))

    return product


def jacobian_product(outputs: Tensor, parameters: Iterable[Tensor]) -> Product:
    """The function v -> Jv, J = d outputs / dw, as the derivative of J^T u in u.

    Parameters
    ----------
    outputs : any tensor with its graph.
    parameters : leaf tensors; the vector is all of them, one behind the other.

    Shapes
    ------
    v (P,) -> the outputs' shape, or (count, P) -> (count, ...)

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> jacobian_product(w**2, [w])(torch.tensor([1.0, 0.5]))
    tensor([2., 2.])
    """
    layout = Layout(parameters)
    probe = torch.zeros_like(outputs, requires_grad=True)
    pulled = _grad([outputs], layout.parameters, [probe], create_graph=True)
    kept = [(t, k) for k, t in enumerate(pulled) if t is not None and t.requires_grad]

    def product(vector: Tensor) -> Tensor:
        batch = vector.shape[:-1]
        if not kept:
            return outputs.new_zeros((*batch, *outputs.shape))
        sources = [t for t, _ in kept]
        if vector.ndim == 1:
            parts = layout.split(vector)
            (found,) = _grad(sources, [probe], [parts[k] for _, k in kept])
        else:
            parts = layout.split_batched(vector)
            (found,) = _batched(sources, [probe], [parts[k] for _, k in kept])
        return outputs.new_zeros((*batch, *outputs.shape)) if found is None else found

    return product


def gauss_newton_product(loss: Tensor, outputs: Tensor, parameters: Iterable[Tensor]) -> Product:
    """The function v -> Gv of the generalised Gauss-Newton matrix, G = J^T L'' J.

    G is the Hessian of the loss with the network replaced by its linearisation: positive semi-definite for every loss
    that is convex in the outputs, and equal to the Hessian where the network fits exactly.

    Parameters
    ----------
    loss : a scalar that is computed from the outputs, with its graph.
    outputs : what the loss is a function of; its own graph leads to the parameters.
    parameters : leaf tensors; the vector is all of them, one behind the other.

    Shapes
    ------
    v (P,) -> (P,), or (count, P) -> (count, P)

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> z = w**2
    >>> gauss_newton_product(0.5 * (z * z).sum(), z, [w])(torch.tensor([1.0, 1.0]))
    tensor([ 4., 16.], dtype=torch.float64)

    References
    ----------
    Schraudolph: Fast curvature matrix-vector products for second-order gradient descent, 2002.
    """
    layout = Layout(parameters)
    push, pull = jacobian_product(outputs, layout.parameters), transposed_jacobian_product(outputs, layout.parameters)
    curve = output_curvature(loss, outputs)
    return lambda vector: pull(curve(push(vector)))


def output_curvature(loss: Tensor, outputs: Tensor) -> Product:
    """The function v -> L'' v of a loss in its outputs; v has the outputs' shape, or that with a leading axis.

    Raises
    ------
    InvalidParameter : a loss that does not depend on the outputs.
    """
    (slope,) = _grad([loss], [outputs], None, create_graph=True)
    if slope is None:
        raise InvalidParameter(
            problem(
                "(outputs, loss)",
                "a loss that is computed from these outputs",
                "one that does not depend on them",
                "Return the very tensor that the loss was computed from.",
            )
        )

    def product(vector: Tensor) -> Tensor:
        if not slope.requires_grad:
            return torch.zeros_like(vector)
        if vector.ndim == outputs.ndim:
            (found,) = _grad([slope], [outputs], [vector])
        else:
            (found,) = _batched([slope], [outputs], [vector])
        return torch.zeros_like(vector) if found is None else found

    return product


def _through(layout: Layout, sources: list[Tensor], vector: Tensor, places: list[int]) -> Tensor:
    """The backward pass of a vector, or of rows of them, through those sources that have a graph."""
    if vector.ndim == 1:
        parts = layout.split(vector)
        return layout.join(_grad(sources, layout.parameters, [parts[k] for k in places]))
    parts = layout.split_batched(vector)
    return layout.join_batched(_batched(sources, layout.parameters, [parts[k] for k in places]), len(vector))


def _grad(sources: list[Tensor], leaves: list[Tensor], along: Any, create_graph: bool = False) -> list[Tensor | None]:
    with torch.enable_grad():
        return list(
            torch.autograd.grad(sources, leaves, along, retain_graph=True, create_graph=create_graph, allow_unused=True)
        )


def _batched(sources: list[Tensor], leaves: list[Tensor], along: list[Tensor]) -> list[Tensor | None]:
    """Several backward passes at once; one by one where an operation on the way cannot be batched."""
    try:
        with warnings.catch_warnings():  # where torch itself goes row by row, it says that this is slow
            warnings.filterwarnings("ignore", message="There is a performance drop")
            return list(
                torch.autograd.grad(sources, leaves, along, retain_graph=True, allow_unused=True, is_grads_batched=True)
            )
    except RuntimeError:
        rows = [_grad(sources, leaves, [part[i] for part in along]) for i in range(len(along[0]))]
        return [
            None if column[0] is None else torch.stack([t for t in column if t is not None])
            for column in zip(*rows, strict=True)
        ]
