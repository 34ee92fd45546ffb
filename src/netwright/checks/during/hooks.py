"""The hooks by which a watch sees somebody's loop without a change in it.

A pre-hook and a hook of the module see every pass, hooks of the optimizer every update; inside the watch the method
``Tensor.backward`` is wrapped, which is where the loss and the line of the user's loop are seen. All are taken off at
the end. A step that is not looked at costs a few microseconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from netwright.checks.anatomy import Pass
from netwright.checks.during.sampling import summary
from netwright.checks.during.tape import KEPT_BATCHES, Tape, looked_at, looked_inside
from netwright.checks.reading import Batch, each, leaves

STATEFUL = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
PACKAGE = "netwright.checks"
HELD = 8  # held-out batches that are kept
LONG = 300  # steps after which nothing more is kept


class TargetSeen(TorchFunctionMode):
    """Sees which tensor the output is compared with: the target of a loss that is no module."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.outputs = list(leaves(output))
        self.target: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if self.target is None:
            tensors = [each for each in (*args, *(kwargs or {}).values()) if isinstance(each, Tensor)]
            if any(self._is_output(each) for each in tensors):
                others = [each for each in tensors if not self._is_output(each) and not each.requires_grad]
                n = len(self.outputs[0]) if self.outputs and self.outputs[0].ndim else 0
                self.target = next((each for each in others if each.ndim and len(each) == n), None)
                if self.target is None and isinstance(result, Tensor) and result.requires_grad:
                    self.outputs.append(result)
        return result

    def _is_output(self, tensor: Tensor) -> bool:
        return any(tensor is output for output in self.outputs)


class Hooks:
    """Puts everything that happens to a module and its optimizers on a tape.

    Parameters
    ----------
    tape : to write on. module, optimizers, loss : the user's own.
    """

    def __init__(self, tape: Tape, module: nn.Module, optimizers: list[torch.optim.Optimizer], loss: Any) -> None:
        self.tape, self.module, self.optimizers, self.loss = tape, module, optimizers, loss
        self.stateful = [each for each in module.modules() if isinstance(each, STATEFUL)]
        self.handles: list[Any] = []
        self.record: Pass | None = None
        self.record_handles: list[Any] = []
        self.mode: TargetSeen | None = None
        self.inputs: Any = ()
        self.output: Any = None
        self.training_pass = False
        self.fresh = True  # no backward since the last update
        self.look = False
        self.made = float("nan")
        self.last_held: Any = None
        self.closer: Callable[[int], Any] | None = None
        self.value: Tensor | None = None
        self.operations: Any = ()
        self.backward: Any = None

    def attach(self) -> None:
        """Put the hooks on."""
        self.handles = [
            self.module.register_forward_pre_hook(self.before_pass),
        ]
        self.rest: list[Any] = [self.module.register_forward_hook(self.after_pass)]
        for optimizer in self.optimizers:
            self.handles.append(optimizer.register_step_pre_hook(self.before_step))
            self.handles.append(optimizer.register_step_post_hook(self.after_step))
        if isinstance(self.loss, nn.Module):
            self.rest.append(self.loss.register_forward_hook(self.after_loss))
        self.backward = backward = torch.Tensor.backward
        hooks = self

        def watched(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
            hooks.before_backward(tensor)
            result = backward(tensor, *args, **kwargs)  # type: ignore[no-untyped-call]
            hooks.after_backward()
            return result

        torch.Tensor.backward = watched  # type: ignore[assignment,method-assign]

    def detach(self) -> None:
        """Take all hooks off."""
        self.stop_recording()
        self.stop_looking_for_target()
        if self.backward is not None:
            torch.Tensor.backward = self.backward  # type: ignore[method-assign]
            self.backward = None
        for handle in (*self.handles, *self.rest):
            handle.remove()
        self.handles, self.rest = [], []

    # one pass

    def before_pass(self, module: nn.Module, inputs: Any) -> None:
        tape = self.tape
        self.inputs = inputs
        self.training_pass = torch.is_grad_enabled()
        self.stop_looking_for_target()
        if not self.training_pass:
            tape.held += 1
            if self.stateful and any(each_layer.training for each_layer in self.stateful):
                now = (id(inputs[0]) if inputs else None, tape.steps)
                tape.repeated_held += now == self.last_held
                self.last_held = now
                tape.noisy_held += 1
            return
        if not self.fresh:
            return
        self.look = looked_at(tape.steps)
        if self.look and self.record is None and looked_inside(tape.steps):
            self.start_recording()
        elif (self.rest and len(tape.batches) >= KEPT_BATCHES and len(tape.held_batches) >= HELD) or tape.steps > LONG:
            self.see_less()

    def see_less(self) -> None:
        """Take off what is there for the first batches only."""
        for handle in self.rest:
            handle.remove()
        self.rest = []

    def after_pass(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.output = output
        tape = self.tape
        wanted = len(tape.batches) < KEPT_BATCHES if self.training_pass else len(tape.held_batches) < HELD
        if wanted and not isinstance(self.loss, nn.Module):
            self.mode = TargetSeen(output)
            self.mode.__enter__()

    def after_loss(self, module: nn.Module, inputs: Any, value: Any) -> None:
        if len(inputs) < 2 or not isinstance(value, Tensor):
            return
        self._target_is(inputs[1], value)

    def _target_is(self, target: Any, value: Tensor | None) -> None:
        if not torch.is_grad_enabled():
            if len(self.tape.held_batches) < HELD:
                self.tape.held_batches.append(Batch(tuple(self.inputs), target))
                self.tape.held_outputs.append(each(self.output, lambda tensor: tensor.detach()))
            return
        self.value = value
        if len(self.tape.batches) >= KEPT_BATCHES:
            return
        size = sum(tensor.numel() * tensor.element_size() for tensor in leaves(self.inputs))
        self.tape.keep(Batch(tuple(self.inputs), target), size)

    def stop_looking_for_target(self) -> None:
        """End the search for the target, and keep the batch where it was found."""
        if self.mode is None:
            return
        mode, self.mode = self.mode, None
        mode.__exit__(None, None, None)
        if mode.target is not None:
            self._target_is(mode.target, None)

    def start_recording(self) -> None:
        """Look inside this pass."""
        self.record = record = Pass(self.module, summary)
        for part in self.module.modules():
            if part is not self.module:
                self.record_handles.append(part.register_forward_pre_hook(record._enter))
                self.record_handles.append(part.register_forward_hook(record._leave, always_call=True))
        self.record_handles.append(self.module.register_forward_hook(lambda *_: self.stop_recording(keep=True)))
        record.__enter__()

    def stop_recording(self, keep: bool = False) -> None:
        """End the look inside a pass."""
        if self.record is None:
            return
        record, self.record = self.record, None
        record.__exit__(None, None, None)
        for handle in self.record_handles:
            handle.remove()
        self.record_handles = []
        if keep:
            self.operations = record.operations

    # backward and update

    def before_backward(self, tensor: Tensor) -> None:
        tape = self.tape
        self.stop_looking_for_target()
        tape.backwards += 1
        if self.stateful and not any(each_layer.training for each_layer in self.stateful):
            tape.quiet_training += 1
        if tape.line is None:
            tape.line = _line()
        if self.fresh:
            self.fresh = False
            tape.losses.append(tensor.detach())
            if tape.steps and (self.look or tape.steps < 12):
                tape.looked += 1
                tape.stale += self._has_gradient()
        value = self.value
        if value is not None and len(tape.signs) < 20 and value.numel() == tensor.numel() == 1:
            tape.signs.append(float(tensor.detach()) / (float(value.detach()) or 1.0))

    def after_backward(self) -> None:
        if self.look and self.closer is not None:
            self.made = self.closer(0)

    def _has_gradient(self) -> bool:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    gradient = parameter.grad
                    if gradient is not None and not gradient.is_sparse and gradient.numel():
                        return bool(gradient.abs().max() > 0)
        return False

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        group = optimizer.param_groups[0]
        rate = group.get("lr")
        tape = self.tape
        if rate is not None and optimizer is self.optimizers[0]:
            rate = float(rate)
            if not tape.rates or tape.rates[-1][1] != rate:
                tape.rates.append((tape.steps, rate))
        if self.look and self.closer is not None and optimizer is self.optimizers[0]:
            self.closer(1)

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if optimizer is not self.optimizers[-1]:
            return
        if self.look and self.closer is not None:
            self.closer(2)
            self.look = False
        if len(self.tape.losses) <= self.tape.steps:  # a loss whose backward was not seen
            self.tape.losses.append(torch.tensor(float("nan")))
        self.tape.steps += 1
        self.fresh = True


def _line() -> str | None:
    """The line of the user's loop that called backward."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith((PACKAGE, "torch.")) or name.startswith(f"{PACKAGE}.faults"):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
