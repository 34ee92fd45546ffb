"""What a pass is compared with: the batches of a loop and their targets, seen without a change in the loop.

A batch is kept only where the loop is proved to be "the loss of output and target": the tensor that goes backward is
that number, or a multiple of it. Any other loop is watched too, but no trial of it is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode, _push_mode

from netwright.checks.copies import quiet
from netwright.checks.during.tape import Tape
from netwright.checks.reading import Batch, each, leaves

CANDIDATES = 3  # tensors that may be the target
FACTORS = 20  # steps in which it is seen what goes backward
HELD = 8  # held-out batches that are kept
PROVED = 5  # steps after which the loss is no more computed again


class TargetSeen(TorchFunctionMode):
    """Sees which tensors the output is compared with, where the loss is no module.

    Attributes
    ----------
    found : pairs of what was compared (the output or what was made of it) and a tensor of as many rows.
    used : whether anything was done with the output.
    """

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.outputs = list(leaves(output))
        self.found: list[tuple[Tensor, Tensor]] = []
        self.used = self.ended = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.ended and len(self.found) < CANDIDATES and getattr(func, "__name__", "") != "__get__":
            tensors = [item for item in (*args, *(kwargs or {}).values()) if isinstance(item, Tensor)]
            compared = next((item for item in tensors if self._is_output(item)), None)
            if compared is not None:
                self.used = True
                self._note(compared, tensors, result)
        return result

    def _note(self, compared: Tensor, tensors: list[Tensor], result: Any) -> None:
        for other in tensors:
            alike = other.ndim and compared.ndim and len(other) == len(compared)
            if alike and not other.requires_grad and not self._is_output(other):
                self.found.append((compared, other))
        self.outputs += list(leaves(result))

    def _is_output(self, tensor: Tensor) -> bool:
        return any(tensor is output for output in self.outputs)

    def end(self) -> bool:
        """Leave the stack of modes, also where others were entered meanwhile, and say whether it was there.

        While torch asks a mode about an operation, that mode is put aside and comes back after it.
        """
        self.ended = True
        stack = _get_current_function_mode_stack()
        if not any(mode is self for mode in stack):
            return False
        for _ in stack:
            _pop_mode()
        for mode in stack:
            if mode is not self:
                _push_mode(mode)
        return True


def _free() -> bool:
    """Whether no mode is entered that may be left before ours is: torch then takes the uppermost one off, unseen."""
    lasting = getattr(getattr(torch, "_GLOBAL_DEVICE_CONTEXT", None), "device_context", None)
    return all(mode is lasting for mode in _get_current_function_mode_stack())


@dataclass(frozen=True)
class Way:
    """How a loop gets from the output of its module to what it gives to its loss.

    Attributes
    ----------
    keys : where in a tuple, a list or a dict. shape : to which it is reshaped; None for as it is. joined : whether
    rows and steps are one axis, of the target too.
    """

    keys: tuple[Any, ...] = ()
    shape: tuple[int, ...] | None = None
    joined: bool = False

    def loss(self, loss: Callable[..., Any]) -> Callable[..., Any]:
        """The loss of the output as it comes from the module.

        Parameters
        ----------
        loss : ``loss(output, target)`` as the loop calls it.
        """
        return loss if self == Way() else Given(self, loss)

    def compared(self, output: Any) -> Any:
        """What the loss is given.

        Parameters
        ----------
        output : of the module.
        """
        for key in self.keys:
            output = output[key]
        if self.shape is None:
            return output
        return output.reshape(-1 if self.joined else len(output), *self.shape)


class Given:
    """A loss as it is given the output of the module, which it gets from there by a way.

    Parameters
    ----------
    way : from the output to what is compared. loss : ``loss(compared, target)``.
    """

    def __init__(self, way: Way, loss: Callable[..., Any]) -> None:
        self.way, self.loss = way, loss

    def __call__(self, output: Any, target: Any) -> Any:
        return self.loss(self.way.compared(output), target.reshape(-1) if self.way.joined else target)


def way_of(output: Any, compared: Any, rows: int) -> Way | None:
    """The way from an output to what is compared; None where something is computed on it.

    Parameters
    ----------
    output : of the module. compared : what the loss is given. rows : of the batch.
    """
    if compared is output or _same(output, compared):
        return Way()
    if not isinstance(compared, Tensor):
        return None
    for keys, tensor in _parts(output):
        if tensor is compared:
            return Way(keys)
        if tensor.numel() == compared.numel() and compared.ndim and tensor.ndim and len(tensor) == rows:
            joined = len(compared) != rows
            way = Way(keys, tuple(compared.shape[1:]), joined)
            if bool(torch.equal(way.compared(output).detach(), compared.detach())):
                return way
    return None


def _same(output: Any, compared: Any) -> bool:
    """Whether a structure is given on with the very same tensors in it."""
    if isinstance(output, Tensor) or type(output) is not type(compared):
        return False
    ours, theirs = list(leaves(output)), list(leaves(compared))
    return len(ours) == len(theirs) and all(a is b for a, b in zip(ours, theirs, strict=True))


def _parts(output: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Tensor]]:
    if isinstance(output, Tensor):
        yield keys, output
    elif isinstance(output, dict | tuple | list):
        for key, part in output.items() if isinstance(output, dict) else enumerate(output):
            yield from _parts(part, (*keys, key))


class Passes:
    """Finds out what the output of a pass is compared with, and keeps the batch on the tape.

    Parameters
    ----------
    tape : to write on. loss : of the loop, or None.
    """

    def __init__(self, tape: Tape, loss: Any) -> None:
        self.tape, self.loss = tape, loss
        self.way: Way | None = None
        self.mode: TargetSeen | None = None
        self.aside: list[TargetSeen] = []  # modes that were put aside when they were to end
        self.heard = False  # whether the loss of the user's is called as a module
        self.clear()

    def clear(self) -> None:
        """Forget the passes since the last backward, with their graphs."""
        self.end_search()
        self.count = self.losses = 0
        self.plain = True
        self.inputs: tuple[Any, ...] = ()
        self.output: Any = None
        self.value: Any = None
        self.pairs: list[tuple[Any, Any]] = []

    def begin(self, inputs: tuple[Any, ...], kwargs: Any) -> None:
        """A pass begins."""
        self.end_search()
        self.output = None
        self.count += 1
        self.inputs = inputs
        self.plain = self.plain and not kwargs and next(leaves(inputs), None) is not None

    def after(self, output: Any, search: bool = False) -> None:
        """A pass ended: what is done with its output is seen, at least where the loss is not heard as a module."""
        self.output = output
        if (search or not self.heard) and _free():
            self.mode = TargetSeen(output)
            self.mode.__enter__()

    def end_search(self) -> bool:
        """End the search for what the output is compared with, and say whether anything was done with it."""
        self.aside = [mode for mode in self.aside if not mode.end()]
        if self.mode is None:
            return False
        mode, self.mode = self.mode, None
        if not mode.end():
            self.aside.append(mode)
        if not self.pairs:
            self.pairs = list(mode.found)
        return mode.used

    def after_loss(self, arguments: tuple[Any, ...], kwargs: Any, value: Any) -> None:
        """The loss was called as a module."""
        self.heard = True
        self.losses += 1
        if kwargs or len(arguments) != 2:
            self.plain = False
            return
        self.value, self.pairs = value, [arguments]

    def went_backward(self, tensor: Tensor) -> float | None:
        """Keep the batch where the loop is a plain one, and say how many times the loss went backward.

        Parameters
        ----------
        tensor : of which backward is called.
        """
        self.end_search()
        tape = self.tape
        if tensor is self.value and self._is_plain():
            tape.keep(Batch((_own(self.inputs[0]),), _own(self.pairs[0][1])))
            self.clear()
            return 1.0
        program = self._program(tensor.detach()) if self._may_be_plain(tensor) else None
        if program is None or (self.way is not None and program[0] != self.way):
            tape.odd += self.count > 0  # without a pass it is the loss of another module
            self.clear()
            return None
        self.way, target, factor = program
        tape.keep(Batch(each(tuple(self.inputs), _own), each(target, _own)))
        if math.isfinite(factor) and len(tape.factors) < FACTORS:
            tape.factors.append(factor)
        self.clear()
        return factor

    def _is_plain(self) -> bool:
        """Whether the loss of the output and one target went backward itself, as in the steps before."""
        if self.way != Way() or len(self.tape.factors) < FACTORS or not self.plain or self.count != 1:
            return False
        output, target = self.pairs[0]
        tensors = len(self.inputs) == 1 and isinstance(self.inputs[0], Tensor) and isinstance(target, Tensor)
        return self.losses == 1 and output is self.output and tensors and len(target) == len(self.inputs[0])

    def _may_be_plain(self, tensor: Tensor) -> bool:
        return self.plain and self.count == 1 and self.losses <= 1 and tensor.numel() == 1 and bool(self.pairs)

    def _program(self, tensor: Tensor) -> tuple[Way, Any, float] | None:
        """The way to the loss, the target of each row, and what went backward over the loss of both."""
        found = [(way, target, self._factor(tensor, way, target)) for way, target in self._fitting()]
        told = [(way, target, factor) for way, target, factor in found if factor is not None]
        best = min(told, key=lambda item: abs(item[2] - 1.0) if math.isfinite(item[2]) else 0.0, default=None)
        if best is not None and self.value is None and not self._expected(best[2]):
            return None
        return best

    def _fitting(self) -> Iterator[tuple[Way, Any]]:
        """What may have been compared with what, with one entry of the target a row."""
        rows = len(next(leaves(self.inputs)))
        for compared, target in self.pairs:
            ways = [way_of(self.output, compared, rows)]
            if self.value is None and ways[0] != Way():
                ways.insert(0, Way())
            if self.way is not None and len(self.tape.factors) >= PROVED:
                ways = [way for way in ways if way == self.way]
            for way in ways:
                fitting = None if way is None else _of_rows(target, rows, way)
                if way is not None and fitting is not None:
                    yield way, fitting

    def _factor(self, tensor: Tensor, way: Way, target: Any) -> float | None:
        """What goes backward over the loss; NaN where that is not known, None where this is not the target."""
        value = self.value
        if value is None:
            if self.loss is None or len(self.tape.factors) >= PROVED:
                return math.nan
            try:
                with quiet(), torch.no_grad():
                    output = each(self.output, _own)
                    value = way.loss(self.loss)(output, each(target, torch.clone))
            except Exception:  # not the target that the loss takes
                return None
        if not isinstance(value, Tensor) or value.numel() != 1:
            return None
        went, own = float(tensor), float(value.detach())
        known = math.isfinite(went) and math.isfinite(own)
        return (went / own if own else 1.0) if known else math.nan

    def _expected(self, factor: float) -> bool:
        """Whether a factor is about 1, that of the steps before, or the scale of mixed precision."""
        if not math.isfinite(factor) or not self.tape.factors:
            return True
        half = any(part.dtype in (torch.float16, torch.bfloat16) for part in leaves(self.output))
        near = 0.02 if half else 1e-5
        return scale(factor) > 1.0 or any(abs(factor / usual - 1) < near for usual in (1.0, self.tape.factors[0]))

    def held_out(self) -> bool:
        """Keep a batch of a pass without gradient where its target was seen, and say whether its output was used."""
        used = self.end_search() or self.losses > 0
        tape, rows = self.tape, next((len(part) for part in leaves(self.inputs) if part.ndim), 0)
        if self.plain and self.count == 1 and len(tape.held_batches) < HELD and rows:
            ways = ((way_of(self.output, compared, rows), target) for compared, target in self.pairs)
            targets = (_of_rows(target, rows, way) for way, target in ways if way is not None)
            fitting = next((target for target in targets if target is not None), None)
            if fitting is not None:
                tape.held_batches.append(Batch(each(tuple(self.inputs), _own), each(fitting, _own)))
                tape.held_outputs.append(each(self.output, _own))
                tape.held_steps.append(tape.steps)
        self.clear()
        return used


def scale(factor: float) -> float:
    """The scale of mixed precision that a factor is: a whole power of two of at least 16; 1 where it is none.

    Parameters
    ----------
    factor : what went backward over the loss.

    Examples
    --------
    >>> scale(65536.0), scale(0.25), scale(20.0)
    (65536.0, 1.0, 1.0)
    """
    if not 16 <= factor < math.inf:
        return 1.0
    power = 2.0 ** round(math.log2(factor))
    return power if abs(factor / power - 1) < 0.01 else 1.0


def scale_of(tensor: Tensor) -> float | None:
    """The scale by which a loss was multiplied last, where that was one number.

    Parameters
    ----------
    tensor : that goes backward.
    """
    for name in ("_saved_other", "_saved_self"):
        part = getattr(tensor.grad_fn, name, None)
        if isinstance(part, Tensor) and part.numel() == 1 and not part.requires_grad:
            return scale(float(part))
    return None


def _of_rows(target: Any, rows: int, way: Way) -> Any:
    """The target with one entry a row of the batch; None where it has no such form."""
    if way.joined:
        fits = isinstance(target, Tensor) and target.ndim == 1 and not len(target) % rows
        return target.reshape(rows, -1) if fits else None
    parts = list(leaves(target))
    return target if parts and all(part.ndim and len(part) == rows for part in parts) else None


def _own(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()


def listened(loss: Any) -> bool:
    """Whether a loss can be listened to as a module.

    Parameters
    ----------
    loss : of the user's.
    """
    return isinstance(loss, nn.Module)
