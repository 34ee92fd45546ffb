"""The hooks by which a watch sees somebody's loop without a change in it.

Of every step three things are seen: that a pass begins, that a tensor goes backward, that an optimizer made its update.
All else is put on for a step that is looked at closely and taken off after it, and nothing stays at the end. A copy
of a watched module hears nothing, and what goes wrong in a look never reaches the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.anatomy import Pass
from netwright.checks.during import backward
from netwright.checks.during.ears import Ear, Entrance, Exit
from netwright.checks.during.lines import line
from netwright.checks.during.modes import Held, Modes
from netwright.checks.during.origin import trace
from netwright.checks.during.passes import Passes, scale, scale_of
from netwright.checks.during.sampling import Closer, Inside, Leftovers, gradient_norm
from netwright.checks.during.strangers import Strangers
from netwright.checks.during.tape import Tape, is_event, looked_at, looked_inside, next_event

LONG = 300  # steps after which no more batches are kept
ODD = 20  # passes that cannot be read, after which no more are tried
OFTEN = 64  # first steps in which the mode of every pass is looked at, and after them of one in eight


class Hooks:
    """Puts everything that happens to a module and its optimizers on a tape.

    Parameters
    ----------
    tape : to write on. modules : the one that is called, and the one without a shell that is within it.
    optimizers, loss : the user's own.
    """

    def __init__(
        self, tape: Tape, modules: tuple[nn.Module, nn.Module], optimizers: list[torch.optim.Optimizer], loss: Any
    ) -> None:
        self.tape, self.optimizers, self.loss = tape, optimizers, loss
        self.called, self.module = _, module = modules
        self.modes = Modes(tape, module)
        self.held = Held(tape, self.modes)
        self.training, self.holding = Passes(tape, loss), Passes(tape, loss)
        self.closer, self.leftovers = Closer(tape, module, optimizers), Leftovers(tape)
        self.always: list[Any] = []  # handles of what is on in every step
        self.updates: list[Any] = []  # of what is on in a step that is looked at
        self.record: Pass | None = None
        self.inside = Inside()
        self.record_handles: list[Any] = []
        self.operations: list[Any] = []
        self.strangers = Strangers(tape, module, optimizers)
        self.entrance = Entrance(partial(self._safely, self._look_at_pass), self.after_pass)
        self.exit = Exit(self.after_loss)
        self.held_pass = False
        self.look = self.follow = self.close = self.begun = self.following = self.due = False
        self.stays = False  # whether it is to be told that a backward pass ended
        self.readable = False  # whether the loss can be read at once, and is no multiple of what is meant
        self.every = 7  # 2^k - 1 of as many backward passes are not looked at later on
        self.calm = False  # whether of a backward pass and an update nothing is seen but a number
        self.next = 0
        self.pending = False  # a backward pass since the last update
        self.counted: Any = None  # the optimizer whose update ended the last step
        self.last: Any = None
        self.first: Any = None  # the loss at the beginning of a line search
        self.searching = False
        self.scaled = 1.0
        self.made = float("nan")
        self.rate: Any = None
        self.lead: Any = optimizers[0] if optimizers else self

    def attach(self) -> None:
        """Put the hooks on."""
        self.entrance.put_on(self.called, by_hooks=True)
        self.entrance.settled = self.called is not self.module
        for optimizer in self.optimizers:
            self.always.append(optimizer.register_step_post_hook(self.after_step))
            if isinstance(optimizer, torch.optim.LBFGS):
                self.always.append(optimizer.register_step_pre_hook(self.before_search))
        self.modes.refresh()
        self.every = 7 if self.modes.layers else 63
        self._announce()
        backward.listen(self)

    def detach(self) -> None:
        """Take all hooks off, and forget what belongs to the user."""
        backward.end(self)
        self._safely(self._end_held_pass)
        self._safely(self.held.close)
        self._stop_recording()
        self.strangers.forget()
        self.entrance.take_off()
        self.exit.take_off()
        for handle in (*self.always, *self.updates):
            handle.remove()
        self.always, self.updates = [], []
        self.training.clear()
        self.holding.clear()
        self.operations, self.closer.before, self.closer.matrices = [], {}, {}
        self.entrance.inputs, self.entrance.listening = (), False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hear nothing inside, where trials are made."""
        on = self.entrance.module is not None
        if on:
            self.detach()
        try:
            yield
        finally:
            if on:
                self.attach()

    def _safely(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Look at something; where that fails, nothing more is looked at and the loop goes on."""
        if self.tape.trouble:
            return None
        try:
            return function(*arguments)
        except Exception as error:
            self.tape.trouble = f"{type(error).__name__}: {error}"
            self._stop_recording()
            self.training.clear()
            self.holding.clear()
            return None

    # a pass

    def _look_at_pass(self, inputs: Any, kwargs: Any) -> None:
        self._end_held_pass()
        self._prepare()
        tape = self.tape
        if not torch.is_grad_enabled():
            self.entrance.busy = self.held_pass = True
            self.held.begin(inputs)
            if self.held.close_look:
                self._listen()
                self.holding.begin(inputs, kwargs)
            return
        self.held.close()
        self.modes.training_begins()
        self.entrance.busy = tape.room and tape.steps <= LONG and tape.odd < ODD
        if self.entrance.busy:
            self._listen()
            self.training.begin(inputs, kwargs)
        else:
            self._listen(False)
        if (
            self.look
            and looked_inside(tape.steps, self.inside.many)
            and self.record is None
            and self.called is self.module
        ):
            self._start_recording()

    def _listen(self, on: bool = True) -> None:
        """Hear what comes out of a pass and what the loss is given, or no more of it."""
        if not on:
            self.exit.take_off()
        elif not self.entrance.listening:
            self.calm = False
            if isinstance(self.loss, nn.Module):
                self.exit.put_on(self.loss)
        self.entrance.listening = on

    def after_pass(self, output: Any) -> None:
        """A pass ended."""
        if torch.is_grad_enabled():
            if self.training.count:
                self._safely(self.training.after, output)
        elif self.held_pass and self.holding.count:
            self._safely(self.holding.after, output, True)

    def after_loss(self, inputs: Any, kwargs: Any, value: Any) -> None:
        """The loss was called as a module."""
        passes = self.training if torch.is_grad_enabled() else self.holding
        self._safely(passes.after_loss, inputs, kwargs, value)

    def _end_held_pass(self) -> None:
        if self.held_pass:
            self.held_pass = False
            if self.holding.count:
                self.held.used += self.holding.held_out()

    def validated(self) -> bool:
        """Whether the passes without gradient since the last update, if there were any, were in train mode."""
        self._safely(self._end_held_pass)
        return self.held.noisy

    def _start_recording(self) -> None:
        """Look inside this pass."""
        self.inside = Inside()
        self.record = record = Pass(self.module, self.inside.summary)
        for part in list(self.module.modules())[1:]:
            self.record_handles.append(part.register_forward_pre_hook(Ear(record._enter)))
            self.record_handles.append(part.register_forward_hook(Ear(record._leave), always_call=True))
        end = Ear(lambda module, inputs, output: self._stop_recording(output))
        self.record_handles.append(self.module.register_forward_hook(end, always_call=True))
        record.__enter__()

    def _stop_recording(self, output: Any = None) -> None:
        """End the look inside a pass."""
        if self.record is None:
            return
        record, self.record = self.record, None
        record.__exit__(None, None, None)
        for handle in self.record_handles:
            handle.remove()
        self.record_handles = []
        if output is not None:
            self.operations = self.inside.hidden(record.operations, output)

    # backward

    def before_backward(self, tensor: Tensor) -> None:
        """A tensor goes backward: the loss of this step, or of a part of its rows."""
        self.tape.backwards = count = self.tape.backwards + 1
        if self.calm and count & self.every and tensor.ndim == 0:
            self.pending = True
            self.last = value = tensor.item()
            if value - value == 0.0:
                return
        self._hear_backward(tensor)

    def _hear_backward(self, tensor: Tensor) -> None:
        tape = self.tape
        if self.close or self.entrance.listening or not tape.backwards & self.every:
            self._safely(self._look_at_backward, tensor)
        self.pending = True
        if self.readable:
            self.last = value = tensor.item() if tensor.numel() == 1 else float(tensor.detach().sum())
            if value - value != 0.0 and tape.origin is None:
                self._safely(self._trace)
        else:
            self.last = self._safely(self._unscaled, tensor)
        if self.searching and self.first is None:
            self.first = self.last

    def _unscaled(self, tensor: Tensor) -> Tensor:
        """The loss as a tensor that is read later: to read it at once might wait for a device."""
        if self.scaled != 1.0:
            self.scaled = scale_of(tensor) or self.scaled
        return tensor.detach() / self.scaled

    def _look_at_backward(self, tensor: Tensor) -> None:
        self._end_held_pass()
        self._prepare()
        self.entrance.settle()
        self.modes.training_pass()
        self.tape.read()
        if self.tape.line is None:
            self.tape.line = line()
        if self.follow:
            self.leftovers.before_backward(self.entrance.inputs)
        if self.entrance.listening:
            factor = self.training.went_backward(tensor)
            if factor is not None and scale(factor) > 1.0:
                self.scaled = scale(factor)
        self.readable = tensor.is_cpu and self.scaled == 1.0
        self.stays = self.look or not self.optimizers
        self.strangers.expect()
        busy = self.close or self.entrance.listening or self.training.aside or self.searching
        self.calm = self.readable and not busy and len(self.optimizers) == 1

    def _trace(self) -> None:
        batches = self.tape.batches
        target = batches[-1].target if batches and self.tape.batch_steps[-1] == self.tape.steps else ()
        self.tape.origin = trace(self.module, self.entrance.inputs, target, self.tape.steps)

    def after_backward(self) -> None:
        """The gradients are there."""
        if self.look:
            self.made = self._safely(gradient_norm, self.module.parameters()) or 0.0
        if not self.optimizers:  # an update that the user makes by hand
            self.after_step(None, (), {})

    # an update

    def before_search(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """A step that is a search with many backward passes of its own begins."""
        self.searching, self.first, self.calm = True, None, False

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Of a step that is looked at: the gradients are as the optimizer takes them."""
        self._safely(self._look_before_step, optimizer)

    def _look_before_step(self, optimizer: Any) -> None:
        if self.due and optimizer is self.counted:  # its closure has still to be called
            self._prepare(tidy=False)
        self.leftovers.before_update(optimizer)
        if not self.look:
            return
        if not self.begun:
            self.begun = True
            self.closer.begin(self.made, self.scaled, self.operations)
            self.operations = []
        self.closer.before_update(optimizer)

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """An optimizer made its update; several may do so one after the other in one step."""
        if not self.calm or not self.pending or optimizer.param_groups[0].get("lr") is not self.rate:
            self._end_step(optimizer)
            return
        tape = self.tape
        tape.losses.append(self.last)
        tape.steps = step = tape.steps + 1
        self.pending = False
        if step == self.next:
            self._announce()

    def _end_step(self, optimizer: Any) -> None:
        if self.updates or self.training.aside:
            self._safely(self._look_after_step, optimizer)
        tape = self.tape
        if optimizer is self.lead:
            rate = optimizer.param_groups[0].get("lr")
            if rate is not self.rate:
                self.rate = rate
                self._safely(tape.add_rate, rate)
        if self.pending or self.counted is None or self.counted is optimizer:
            if self.searching or not self.pending:
                self._other_loss()
            tape.losses.append(self.last)
            tape.steps += 1
            self.pending, self.counted = False, optimizer
            if tape.steps == self.next:
                self._announce()
        if self.following and optimizer is not None:
            self._safely(self.leftovers.keep, optimizer)

    def _look_after_step(self, optimizer: Any) -> None:
        self.training.end_search()
        if optimizer is None:
            return
        self.leftovers.before_update(optimizer)
        if self.begun:
            self.closer.after_update()
        rate = optimizer.param_groups[0].get("lr")
        if isinstance(rate, Tensor) and optimizer is self.lead:  # it may change in place
            self.tape.add_rate(rate)

    def _other_loss(self) -> None:
        """The loss of a step that is a search: of its first pass; or that which was heard, where no backward was."""
        if self.searching:
            self.last, self.searching = self.first, False
        else:
            self.last = self._safely(self._heard)
        if self.last is None:
            self.last = float("nan")
            self.tape.unseen += 1

    def _heard(self) -> Any:
        """The loss of a step whose backward was not seen, where the loss is heard as a module."""
        value = self.training.value
        self.training.clear()
        return value.detach().clone() if isinstance(value, Tensor) and value.numel() == 1 else None

    def _announce(self) -> None:
        """A step comes of which more is to be seen, or one was the last of these."""
        self.calm = False
        if self.tape.steps:
            self.strangers.forget()
        self.due = self.entrance.busy = self.close = True
        self.following = is_event(self.tape.steps)
        if self.following and not self.updates:
            self.updates = [each.register_step_pre_hook(self.before_step) for each in self.optimizers]

    def _prepare(self, tidy: bool = True) -> None:
        """Begin a step that was announced; other optimizers may have ended the last one meanwhile."""
        if not self.due:
            return
        step = self.tape.steps
        self.due, self.follow, self.begun = False, self.following, False
        self.look, self.close = looked_at(step), self.follow or step < OFTEN
        self.next = step + 1 if self.follow else next_event(step)
        self.made = float("nan")
        if tidy and not self.follow:
            for handle in self.updates:
                handle.remove()
            self.updates = []
