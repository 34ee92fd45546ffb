"""What is measured of a step that is looked at closely: gradients, update, activations, and what was left over."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.during.tape import Sample, Tape
from netwright.checks.reading import leaves

SIGMOID, TANH = 0.9933, 0.9951  # the values at +-5 and +-3
PASSES = 3  # in which a unit must be off to be called so
PART = 2**18  # numbers of a weight matrix that are compared with those before the update
MANY = 40  # activations of a pass, as of a recurrent layer over many steps
SMALL = 3  # parameters of an optimizer whose gradients are followed from one update to the next


def gradient_norm(parameters: Iterable[Tensor]) -> float:
    """The norm of all gradients that are there.

    Parameters
    ----------
    parameters : of a module.
    """
    gradients = [p.grad for p in parameters if p.grad is not None and not p.grad.is_sparse]
    return math.hypot(*_norms(gradients)) if gradients else 0.0


def _norms(tensors: list[Tensor]) -> list[float]:
    norms: list[float] = torch.stack([norm.float() for norm in torch._foreach_norm(tensors)]).tolist()
    return norms


class Closer:
    """Measures the update of a step that is looked at, for one optimizer after the other.

    Parameters
    ----------
    tape : to write on. module, optimizers : the user's.
    """

    def __init__(self, tape: Tape, module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
        self.tape, self.module, self.optimizers = tape, module, optimizers
        self.sample: Sample | None = None
        self.matrices: dict[str, nn.Parameter] = {}  # the weights of the step
        self.before: dict[str, Tensor] = {}
        self.alive: dict[str, tuple[Tensor, ...]] = {}

    def begin(self, made: float, scale: float, operations: Iterable[Any]) -> None:
        """Before the first update of the step.

        Parameters
        ----------
        made : the norm of the gradient after backward. scale : by which the loss was multiplied for backward.
        operations : the activations of the pass, if they were looked at.
        """
        named = dict(self.module.named_parameters())
        self.sample = sample = Sample(self.tape.steps, made / scale, gradient_norm(named.values()))
        self.matrices = matrices = {n: p for n, p in named.items() if p.ndim >= 2 and p.requires_grad}
        found = {n: p.grad for n, p in matrices.items() if p.grad is not None and not p.grad.is_sparse}
        if found:
            sizes = _norms(list(found.values()))
            sample.gradients = {
                name: size / math.sqrt(max(1, gradient.numel()))
                for (name, gradient), size in zip(found.items(), sizes, strict=True)
            }
        if matrices:
            sample.weights = math.hypot(*_norms([p.detach() for p in matrices.values()]))
        decay = max((float(g.get("weight_decay", 0.0)) for o in self.optimizers for g in o.param_groups), default=0.0)
        sample.decay = decay * sample.weights / max(sample.used, 1e-12) if decay else 0.0
        self._activations(sample, operations)
        self.tape.samples.append(sample)

    def before_update(self, optimizer: torch.optim.Optimizer) -> None:
        """Keep the weights that an optimizer is about to change, of large matrices a part."""
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        self.before = {n: _part(p).clone() for n, p in self.matrices.items() if id(p) in held}

    def after_update(self) -> None:
        """How far the weights went, in shares of their size."""
        names, before = list(self.before), list(self.before.values())
        self.before = {}
        if self.sample is None or not names:
            return
        now = [_part(self.matrices[name]) for name in names]
        sizes = _norms(before)
        steps = _norms(list(torch._foreach_sub(now, before)))
        self.sample.ratios |= {n: step / size for n, step, size in zip(names, steps, sizes, strict=True) if size > 0}

    def _activations(self, sample: Sample, operations: Iterable[Any]) -> None:
        for index, operation in enumerate(operations):
            place = f"{operation.path or 'forward'} ({operation.kind} {index})"
            if operation.kind == "relu" and operation.output.ndim == 1:
                sample.off[place] = self._off(place, operation.output)
            elif operation.kind in ("sigmoid", "tanh"):
                sample.flat[place] = float(operation.output)

    def _off(self, place: str, lives: Tensor) -> float:
        """The share of units that were 0 for all rows, of the last few passes looked at."""
        passes = [*self.alive.get(place, ()), lives][-PASSES:]
        if any(len(each) != len(lives) for each in passes):
            passes = [lives]
        self.alive[place] = tuple(passes)
        return float((~torch.stack(passes).any(0)).float().mean())


def _part(weight: Tensor) -> Tensor:
    """A weight matrix, of a large one every so many numbers."""
    weight = weight.detach()
    if weight.numel() <= PART:
        return weight
    return weight.reshape(-1)[:: -(-weight.numel() // PART)]


class Unused:
    """How many gradients are cleared before any update has used them.

    Parameters
    ----------
    tape : to write on.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.parameter: Tensor | None = None  # one that had a gradient at the last update
        self.passes = 0  # backward passes since then

    def before_backward(self, inputs: Any) -> None:
        """A pass is counted that is not the first since an update; an attack on the inputs makes many on purpose.

        Parameters
        ----------
        inputs : of the module.
        """
        if self.parameter is None or any(tensor.requires_grad for tensor in leaves(inputs)):
            return
        if self.passes:
            gradient = self.parameter.grad
            self.tape.seconds += 1
            self.tape.unused += gradient is None or not bool(gradient.any())
        self.passes += 1


class Leftovers:
    """Whether gradients are cleared between two updates of an optimizer.

    A gradient is left over when it is there, unchanged, as a backward pass begins, and is added to before the next
    update of the same optimizer, without having been 0 or None in between.

    Parameters
    ----------
    tape : to write on.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}
        self.suspect: set[int] = set()
        self.unused = Unused(tape)

    def keep(self, optimizer: torch.optim.Optimizer) -> None:
        """After an update: the gradient of the smallest parameter that has one."""
        held = (p for group in optimizer.param_groups for p in group["params"])
        known = [p for p in held if p.grad is not None and not p.grad.is_sparse and p.grad.numel()][:SMALL]
        smallest = min(known, key=torch.Tensor.numel, default=None)
        self._drop(id(optimizer))
        self.unused.parameter, self.unused.passes = None, 0
        if smallest is not None and smallest.grad is not None and bool(smallest.grad.any()):
            self.unused.parameter = smallest
            self.kept[id(optimizer)] = smallest, smallest.grad.clone()

    def before_backward(self, inputs: Any = ()) -> None:
        """Gradients that were cleared are not left over; those that are unchanged may be.

        Parameters
        ----------
        inputs : of the module.
        """
        self.unused.before_backward(inputs)
        for key, (parameter, gradient) in list(self.kept.items()):
            now = parameter.grad
            if now is None or now.is_sparse or not bool(now.any()):
                self.tape.looked += now is None or not now.is_sparse
                self._drop(key)
            elif torch.equal(now, gradient):
                self.suspect.add(key)

    def before_update(self, optimizer: torch.optim.Optimizer) -> None:
        """What is still there and was added to, is left over; before an update, and after one that calls a closure."""
        key = id(optimizer)
        if key not in self.suspect:
            return
        parameter, gradient = self.kept[key]
        if parameter.grad is not None and not torch.equal(parameter.grad, gradient):
            self.tape.looked += 1
            self.tape.stale += 1
        self._drop(key)

    def _drop(self, key: int) -> None:
        self.kept.pop(key, None)
        self.suspect.discard(key)


class Inside:
    """Summaries of the activations of one pass, and which of them is the output.

    Attributes
    ----------
    places : of the values of each activation in memory. many : whether there are so many that it is looked at rarely.
    """

    def __init__(self) -> None:
        self.places: list[int] = []

    @property
    def many(self) -> bool:
        return len(self.places) > MANY

    def summary(self, kind: str, output: Tensor) -> Tensor:
        """Of ReLU which units are on for some row, of sigmoid and tanh the share of values at a flat end.

        Parameters
        ----------
        kind : of the activation. output : its values.
        """
        self.places.append(output.data_ptr())
        if kind == "relu" and output.ndim > 1:
            axes = [0, 1] if output.ndim == 3 else [axis for axis in range(output.ndim) if axis != 1]
            return output.amax(axes) > 0
        if kind == "sigmoid":
            return ((output - 0.5).abs() > SIGMOID - 0.5).float().mean()
        return (output.abs() > TANH).float().mean() if kind == "tanh" else output.new_zeros(())

    def hidden(self, operations: list[Any], output: Any) -> list[Any]:
        """The activations without those that are the output: an answer may well be sure.

        Parameters
        ----------
        operations : of the pass, in their order. output : of the module.
        """
        last = {tensor.data_ptr() for tensor in leaves(output) if tensor.layout == torch.strided}
        return [op for op, place in zip(operations, self.places, strict=True) if place not in last]
