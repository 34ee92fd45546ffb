"""In which mode a module is: layers that answer otherwise in training than in use, and passes without gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.during.lines import line
from netwright.checks.during.tape import Tape
from netwright.checks.reading import leaves

_Norm = nn.modules.batchnorm._NormBase
GROUPS = 8  # of passes without gradient that are looked at closely
PASSES = 2  # of each of these groups
SMALL = 10**6  # numbers of a held-out batch that are compared with those of another


def stateful(module: nn.Module) -> list[nn.Module]:
    """The layers of a module whose answer depends on the mode.

    Parameters
    ----------
    module : any.
    """
    return [part for part in module.modules() if _depends(part)]


def _depends(part: nn.Module) -> bool:
    if isinstance(part, nn.modules.dropout._DropoutNd | nn.RReLU):
        return True
    if isinstance(part, nn.modules.batchnorm._NormBase):
        return bool(part.track_running_stats)
    return isinstance(part, nn.RNNBase | nn.MultiheadAttention) and float(part.dropout) > 0


def noisy(part: nn.Module) -> bool:
    """Whether such a layer is on: it drops units, or takes its statistics from the batch.

    Parameters
    ----------
    part : one of `stateful`.
    """
    return part.training and float(getattr(part, "p", 1.0)) > 0


class Modes:
    """Counts training passes in eval mode.

    Parameters
    ----------
    tape : to write on. module : that is trained.
    """

    def __init__(self, tape: Tape, module: nn.Module) -> None:
        self.tape, self.module = tape, module
        self.layers = stateful(module)
        self.began_on = False

    def refresh(self) -> None:
        """Look for the layers anew: a module may have been changed."""
        self.layers = stateful(self.module)

    @property
    def on(self) -> bool:
        """Whether any layer that depends on the mode is on."""
        return any(map(noisy, self.layers))

    def training_begins(self) -> None:
        """Write down the line of a pass with gradient in eval mode, the first that is seen."""
        if self.layers and self.tape.quiet_line is None and not self.on:
            self.tape.quiet_line = line()

    def training_pass(self) -> None:
        """Write down the mode of a pass that is propagated back.

        Layers that are in eval mode from the first pass on, in a module in train mode, are frozen on purpose, and so
        are norms that alone are in eval mode.
        """
        if not self.layers:
            return
        tape, on = self.tape, self.on
        self.began_on = self.began_on or (not tape.modes and on)
        tape.modes += 1
        tape.quiet_training += not on and (not self.module.training or (self.began_on and self._more_than_norms))

    @property
    def _more_than_norms(self) -> bool:
        return any(not part.training and not isinstance(part, _Norm) for part in self.module.modules())


class Held:
    """Passes without gradient between two updates, as one group each: most often a validation.

    Parameters
    ----------
    tape : to write on. modes : of the module.
    """

    def __init__(self, tape: Tape, modes: Modes) -> None:
        self.tape, self.modes = tape, modes
        self.passes = self.on = self.again = self.used = 0
        self.last: Any = None
        self.rows: Any = None
        self.same = 0
        self.line: str | None = None

    @property
    def close_look(self) -> bool:
        """Whether more is to be seen of the pass that begins than its mode."""
        return self.tape.held < GROUPS and self.passes <= PASSES

    def begin(self, inputs: tuple[Any, ...]) -> None:
        """One more pass of the group.

        Parameters
        ----------
        inputs : of the pass.
        """
        tensor = next((each for each in leaves(inputs) if each.layout == torch.strided), None)
        if self.tape.held < GROUPS and not self.passes and tensor is not None and tensor.numel() <= SMALL:
            if self.rows is None:
                self.rows = tensor.detach().clone()
            self.same += _equal(tensor, self.rows)
        now = None if tensor is None else (tensor.data_ptr(), tensor.shape)
        self.again += now is not None and now == self.last
        self.last = now
        self.passes += 1
        on = self.modes.on
        self.on += on
        if on and self.line is None:
            self.line = line()

    @property
    def noisy(self) -> bool:
        """Whether dropout or batch statistics were on in all passes of the group, and no average of passes is meant."""
        noisy = 0 < self.passes == self.on and self.again < 0.5 * self.passes
        if noisy:
            self.tape.noisy_line = self.tape.noisy_line or self.line
        return noisy

    def close(self) -> None:
        """End the group, before the next training pass."""
        if not self.passes:
            return
        tape = self.tape
        if self.used or tape.held >= GROUPS:
            tape.validations += 1
            tape.noisy_held += self.noisy
        tape.held += 1
        tape.same_held = self.same > 1 and self.same >= min(tape.held, GROUPS)
        self.passes = self.on = self.again = self.used = 0
        self.last = self.line = None


def _equal(tensor: Tensor, other: Tensor) -> bool:
    return tensor.shape == other.shape and tensor.dtype == other.dtype and bool(torch.equal(tensor, other))
