"""Precision and device: in which number format a run computes, and where.

=========== ============================================================================
"float32"   single precision
"float64"   double precision
"bf16"      float32 weights, bfloat16 products under torch's autocast
=========== ============================================================================

bf16 needs a processor that has it (AVX512_BF16, AMX, or a GPU) to be fast; it doubles the speed of convolutions and
slows small dense networks down. On CPUs, images run in the channels-last layout, whose pooling is vectorised.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import derive
from netwright.train.device import Group

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Precision:
    """Number format, device and memory layout of a run.

    Parameters
    ----------
    dtype : of weights and data.
    device : where they are.
    autocast : whether products are computed in bfloat16.
    channels_last : whether images have that layout.
    group : the processes that compute together.
    compile : whether the network is compiled, or its steps are recorded ("graphs"); see `Devices`.
    """

    dtype: torch.dtype = torch.float32
    device: torch.device = CPU
    autocast: bool = False
    channels_last: bool = False
    group: Group = field(default_factory=lambda: Group.alone)
    compile: bool | str = False

    def context(self) -> AbstractContextManager[object]:
        """The context of a forward pass and its loss."""
        if not self.autocast:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def seed_noise(self, seed: int) -> None:
        """Seed the generators that dropout draws from (within a forked random state), in each process its own."""
        seed = seed if self.group.leads else derive(seed, "process", self.group.rank)
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def noise(self) -> dict[str, torch.Tensor]:
        """Where these generators are."""
        found = {"cpu": torch.get_rng_state()}
        return found | ({"cuda": torch.cuda.get_rng_state(self.device)} if self.device.type == "cuda" else {})

    def set_noise(self, state: dict[str, torch.Tensor]) -> None:
        """Bring them to where `noise` found them."""
        torch.set_rng_state(state["cpu"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)

    def place(self, module: torch.nn.Module) -> torch.nn.Module:
        """Move a module to this format, device and layout, in place."""
        module.to(device=self.device, dtype=self.dtype)
        return module.to(memory_format=torch.channels_last) if self.channels_last else module  # type: ignore[call-overload]


def choose_device(device: str) -> torch.device:
    """The device that a name means; "auto" takes a CUDA device where there is one, else the CPU.

    Parameters
    ----------
    device : "auto", "cpu", "cuda", "cuda:1"...

    Raises
    ------
    InvalidParameter : a name that torch does not know, or a device that is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidParameter(
            problem("device", 'a device that torch has here, such as "cpu", "cuda" or "auto"', repr(device), reason)
        ) from error
    return chosen


def placed(group: Group, device: torch.device, compile: bool | str = False) -> Precision:
    """Single precision on the device of this process.

    Parameters
    ----------
    group : the processes.
    device : that the user has asked for.
    compile : as of `Devices`.
    """
    return Precision(torch.float32, group.place(device), group=group, compile=compile)


def silent(module: torch.nn.Module) -> AbstractContextManager[object]:
    """The context in which a module is only evaluated: without gradients.

    Parameters
    ----------
    module : any torch module; one of FSDP2 keeps what it fetches, which must not be a tensor of inference mode.
    """
    return torch.no_grad() if hasattr(module, "unshard") else torch.inference_mode()


def has_convolution(module: torch.nn.Module) -> bool:
    """Whether a module has a two-dimensional convolution, which gains from channels-last.

    Parameters
    ----------
    module : any torch module.
    """
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    return any(isinstance(part, kinds) for part in module.modules())
