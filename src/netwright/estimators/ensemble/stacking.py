"""M networks of one form as one: their parameters in one vector, their layers as batched products.

For layer weights W_m (in, out), biases b_m and inputs x_m (rows, in) of the members m = 1 ... M::

    z_m = x_m W_m + b_m        one torch.baddbmm of (M, rows, in) with (M, in, out)

A chain of dense layers, activations, dropout and batch normalisation of features is run so, which on small networks
takes hardly longer than one member, because a step there is made of calls and not of products. Any other module goes
through ``torch.func.vmap`` of ``functional_call``. A rule that treats each weight by itself trains the one vector as it
would train M.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.train import Run
from netwright.train.flat import plain_name
from netwright.train.history import RECTIFIERS

Seen = Callable[[str, Tensor], None]
Step = Callable[[Tensor, bool], Tensor]

ELEMENTWISE = (
    torch.nn.Identity,
    torch.nn.ReLU,
    torch.nn.ReLU6,
    torch.nn.LeakyReLU,
    torch.nn.ELU,
    torch.nn.SELU,
    torch.nn.CELU,
    torch.nn.GELU,
    torch.nn.SiLU,
    torch.nn.Mish,
    torch.nn.Sigmoid,
    torch.nn.LogSigmoid,
    torch.nn.Hardsigmoid,
    torch.nn.Tanh,
    torch.nn.Hardtanh,
    torch.nn.Softplus,
    torch.nn.Softsign,
)


class Stack:
    """The parameters of several runs of one form in one vector, by parameter and in it by member.

    Parameters
    ----------
    runs : of modules with the same parameters.

    Attributes
    ----------
    theta : parameter (M P,) with its gradient in ``theta.grad``. weights : how many entries belong to weights.
    leaves : by the name of a parameter, its M values as one leaf of autograd, with the gradient in ``grad``.
    dense : whether the modules are chains that `dense_chain` takes; their weights stand here as (M, in, out).
    """

    def __init__(self, runs: list[Run]) -> None:
        self.runs, self.count = runs, len(runs)
        flat = runs[0].flat
        self.segments = flat.segments
        self.shapes = [tuple(p.shape) for p in flat.parameters]
        self.strides = [p.stride() for p in flat.parameters]
        self.dense = is_dense(runs[0])
        linear = {f"{name}.weight" for name, part in runs[0].module.named_modules() if type(part) is torch.nn.Linear}
        self.turned = [self.dense and segment.name in linear for segment in self.segments]
        self.weights = flat.weights * self.count
        self.theta = torch.nn.Parameter(flat.theta.detach().new_empty(self.count * len(flat.theta)))
        self.gradient = torch.zeros_like(self.theta.data)
        self.theta.grad = self.gradient
        self.load([run.flat.theta.detach() for run in runs])
        self.leaves = {segment.name: self._leaf(place) for place, segment in enumerate(self.segments)}

    def rows(self, vector: Tensor) -> Tensor:
        """A vector of this layout as one row a member, (M, P), each in the layout of the member's own vector."""
        return torch.cat([self._members(vector, place) for place in range(len(self.segments))], dim=1)

    def load(self, vectors: list[Tensor]) -> None:
        """Take the members' vectors in."""
        for place, segment in enumerate(self.segments):
            own = torch.stack([vector[segment.start : segment.stop] for vector in vectors])
            if self.turned[place]:
                own = own.view(self.count, *self.shapes[place]).transpose(1, 2)
            self._piece(self.theta.data, place).copy_(own.reshape(self.count, -1))

    def store(self, averaged: Tensor | None = None) -> None:
        """Give the members that have not stopped their parameters, and their averages."""
        rows = self.rows(self.theta.data)
        means = None if averaged is None else self.rows(averaged)
        for place, run in enumerate(self.runs):
            if not run.stop:
                run.flat.theta.data.copy_(rows[place])
                run.averaged = None if means is None else means[place].clone()

    def front(self, biases: bool) -> tuple[Tensor, Tensor]:
        """Values and gradients of the weights alone, or with the biases too."""
        stop = None if biases else self.weights
        return self.theta.data[:stop], self.gradient[:stop]

    def project(self, penalty: Any) -> None:
        """Apply a penalty's projection to every weight of every member."""
        for place, shape in enumerate(self.shapes):
            if penalty.biases or len(shape) >= 2:
                for weight in self._shaped(self.theta.data, place):
                    penalty.project_(weight)

    def layer_norms(self, vector: Tensor) -> dict[str, Tensor]:
        """The Euclidean norms (M,) of a vector of this layout, by layer."""
        squares = {layer: vector.new_zeros(self.count) for layer in self.runs[0].flat.layers}
        for place, segment in enumerate(self.segments):
            squares[segment.layer] += self._piece(vector, place).square().sum(1)
        return {layer: square.sqrt() for layer, square in squares.items()}

    @contextmanager
    def swapped(self, vector: Tensor | None) -> Iterator[None]:
        """The members compute with another vector inside this block."""
        if vector is None:
            yield
            return
        kept = self.theta.data.clone()
        self.theta.data.copy_(vector)
        try:
            yield
        finally:
            self.theta.data.copy_(kept)

    def hand_back(self, update: torch.optim.Optimizer, places: list[int]) -> None:
        """Give some members' own rules what the common one remembers of their weights, so that they can go on."""
        state = update.state[self.theta]
        wide = {name: self.rows(item) for name, item in state.items() if _same_size(item, self.theta)}
        for place in places:
            run = self.runs[place]
            own = {name: wide[name][place].clone() if name in wide else _copy(item) for name, item in state.items()}
            run.update.state[run.flat.theta] = own

    def release(self) -> None:
        """Let the members go: statistics that they have in common storage become their own."""
        for run in self.runs:
            for part in run.module.modules():
                if isinstance(part, torch.nn.BatchNorm1d) and part.running_mean is not None:
                    part.running_mean, part.running_var = part.running_mean.clone(), part.running_var.clone()  # type: ignore[union-attr]

    def _leaf(self, place: int) -> Tensor:
        shape = self.shapes[place]
        if self.turned[place]:
            stored: tuple[int, ...] = (self.count, shape[1], shape[0])
            strides: tuple[int, ...] = (shape[0] * shape[1], shape[0], 1)
        elif self.dense:  # biases and gains are added to (M, rows, features)
            stored, strides = (self.count, 1, *shape), (shape[0], shape[0], 1)
        else:
            size = self.segments[place].stop - self.segments[place].start
            stored, strides = (self.count, *shape), (size, *self.strides[place])
        leaf = torch.nn.Parameter(torch.empty(0))
        leaf.data = self._flat_piece(self.theta.data, place).as_strided(stored, strides)
        leaf.grad = self._flat_piece(self.gradient, place).as_strided(stored, strides)
        return leaf

    def _flat_piece(self, vector: Tensor, place: int) -> Tensor:
        segment = self.segments[place]
        return vector[self.count * segment.start : self.count * segment.stop]

    def _piece(self, vector: Tensor, place: int) -> Tensor:
        return self._flat_piece(vector, place).view(self.count, -1)

    def _shaped(self, vector: Tensor, place: int) -> Tensor:
        """The members' values of one parameter in its own shape, (M, ...), a view."""
        piece, shape = self._flat_piece(vector, place), self.shapes[place]
        if self.turned[place]:
            return piece.view(self.count, shape[1], shape[0]).transpose(1, 2)
        return piece.as_strided((self.count, *shape), (piece.numel() // self.count, *self.strides[place]))

    def _members(self, vector: Tensor, place: int) -> Tensor:
        if self.turned[place]:
            return self._shaped(vector, place).reshape(self.count, -1)
        return self._piece(vector, place)


def is_dense(run: Run) -> bool:
    """Whether the module of a run is a chain of layers that `dense_chain` knows, on rows of features.

    Parameters
    ----------
    run : with its rows.
    """
    module, inputs = run.module, run.batches.inputs
    if type(module) is not torch.nn.Sequential or len(inputs) != 1 or not len(module):
        return False
    parts = list(module._modules.values())
    once = len(set(map(id, parts))) == len(parts) and all(p.requires_grad for p in module.parameters())
    rows = inputs[0].ndim == 2 or isinstance(parts[0], torch.nn.Flatten)
    return once and rows and all(map(_is_known, parts))


def _is_known(part: torch.nn.Module | None) -> bool:
    if isinstance(part, (torch.nn.Softmax, torch.nn.LogSoftmax)):
        return part.dim == -1
    if isinstance(part, torch.nn.Flatten):
        return (part.start_dim, part.end_dim) == (1, -1)
    if type(part) is torch.nn.BatchNorm1d:
        return part.track_running_stats and part.momentum is not None
    return type(part) in (*ELEMENTWISE, torch.nn.Linear, torch.nn.Dropout)


def batched(stack: Stack) -> Callable[..., Any]:
    """``forward(inputs, training, seen=None)`` of all members at once: (M, rows, ...) -> (M, rows, ...).

    Parameters
    ----------
    stack : of the members. `seen` of the result is told the name and the output (M, rows, units) of each rectifier.
    """
    return dense_chain(stack) if stack.dense else mapped(stack)


def dense_chain(stack: Stack) -> Callable[..., Tensor]:
    """The forward pass of chains of dense layers.

    Parameters
    ----------
    stack : of the members.
    """
    children = list(stack.runs[0].module._modules.items())
    steps = [(name, _step(stack, name), isinstance(part, RECTIFIERS)) for name, part in children]

    def forward(inputs: tuple[Tensor, ...], training: bool, seen: Seen | None = None) -> Tensor:
        (x,) = inputs
        for name, step, rectifies in steps:
            x = step(x, training)
            if rectifies and seen is not None:
                seen(plain_name(name), x)
        return x

    return forward


def _step(stack: Stack, name: str) -> Step:
    """What one layer does with (M, rows, features)."""
    part: Any = stack.runs[0].module._modules[name]
    if isinstance(part, torch.nn.Linear):
        weight, bias = stack.leaves[f"{name}.weight"], stack.leaves.get(f"{name}.bias")
        if bias is None:
            return lambda x, training: torch.bmm(x, weight)
        return lambda x, training: torch.baddbmm(bias, x, weight)
    if isinstance(part, torch.nn.Flatten):
        return lambda x, training: x.flatten(2)
    if isinstance(part, torch.nn.Dropout):
        return lambda x, training: F.dropout(x, part.p, training)
    if isinstance(part, torch.nn.BatchNorm1d):
        return _normalised([run.module._modules[name] for run in stack.runs], stack, name)
    return lambda x, training: part(x)


def _normalised(parts: list[Any], stack: Stack, name: str) -> Step:
    """Batch normalisation of features: the members' features side by side; their statistics stay the members' own."""
    means, variances = (torch.stack([getattr(part, each) for part in parts]) for each in _STATISTICS)
    for part, mean, variance in zip(parts, means, variances, strict=True):
        part.running_mean, part.running_var = mean, variance  # rows of the common ones
    gain, shift = stack.leaves.get(f"{name}.weight"), stack.leaves.get(f"{name}.bias")
    options = parts[0].momentum, parts[0].eps

    def normalise(x: Tensor, training: bool) -> Tensor:
        beside = x.transpose(0, 1).reshape(x.shape[1], -1)  # (rows, M features)
        scale = None if gain is None else gain.reshape(-1)
        offset = None if shift is None else shift.reshape(-1)
        z = F.batch_norm(beside, means.view(-1), variances.view(-1), scale, offset, training, *options)
        if training:
            for part in parts:
                part.num_batches_tracked.add_(1)
        return z.view(x.shape[1], x.shape[0], -1).transpose(0, 1)

    return normalise


_STATISTICS = ("running_mean", "running_var")


def mapped(stack: Stack) -> Callable[..., Any]:
    """The forward pass of any modules without statistics of batches, by ``torch.func.vmap``.

    Parameters
    ----------
    stack : of the members.
    """
    modules = [run.module for run in stack.runs]
    base = modules[0]
    names = [name for name, _ in (*base.named_parameters(), *base.named_buffers()) if name not in stack.leaves]
    fixed = {name: torch.stack([_item(module, name).detach() for module in modules]) for name in names}

    def one(values: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> Any:
        return torch.func.functional_call(base, values, inputs)

    every = torch.func.vmap(one, randomness="different")

    def forward(inputs: tuple[Tensor, ...], training: bool, seen: Seen | None = None) -> Any:
        base.train(training)
        return every({**stack.leaves, **fixed}, inputs)

    return forward


def _item(module: torch.nn.Module, name: str) -> Tensor:
    owner, _, last = name.rpartition(".")
    found: Tensor = getattr(module.get_submodule(owner), last)
    return found


def _same_size(item: Any, theta: Tensor) -> bool:
    return isinstance(item, Tensor) and item.shape == theta.shape


def _copy(item: Any) -> Any:
    return item.clone() if isinstance(item, Tensor) else item
