"""Steps without Python: a network compiled by ``torch.compile``, and steps that are recorded once as a CUDA graph.

Python starts each of the kernels of a step, and on a GPU the start of one may take longer than the work of a small
network; what is gained is printed by ``benchmarks/scale/gpu.py``. `Captured` records what stands in the loop between
the batch and the update (zeroing, forward, loss, backward) at the first batch, and then replays it: one start a step.
A graph is bound to its tensors, so each batch is copied into those of the recording; one of another size, as the last
of an epoch may be, runs as it is written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import alone

# what the loop does with a batch before the update: (inputs, target, weight) -> loss, output
Pass = Callable[[tuple[Tensor, ...], Any, Tensor | None], tuple[Tensor, Any]]
Recorded = tuple[Callable[[], Any], tuple[Tensor, Any]]  # what does it again, and the tensors that it leaves results in
WARM = 3  # passes before the recording, in which kernels are chosen and memory is found


class Captured:
    """A pass that is recorded at its first batch.

    Parameters
    ----------
    module : whose buffers (the statistics of batch normalisation) and noise the recording is to leave as they were.
    record : what makes a recording of a function without arguments.
    """

    def __init__(self, module: torch.nn.Module, record: Callable[[Callable[[], Any]], Recorded] | None = None) -> None:
        self._module, self._record = module, record or graph
        self._places: list[Tensor] = []
        self._recorded: Recorded | None = None

    def __call__(self, passed: Pass) -> Pass:
        """The pass, replayed for batches of the form of the first.

        Parameters
        ----------
        passed : works on the same tensors (parameters, gradients) each time.
        """

        def replayed(inputs: tuple[Tensor, ...], target: Any, weight: Tensor | None) -> tuple[Tensor, Any]:
            given = [
                *inputs,
                *(target if isinstance(target, tuple) else (target,)),
                *(() if weight is None else (weight,)),
            ]
            if self._recorded is None:
                self._places = [tensor.clone() for tensor in given]
                self._recorded = self._first(passed, *_shared(self._places, len(inputs), target, weight))
            if [(x.shape, x.dtype) for x in given] != [(x.shape, x.dtype) for x in self._places]:
                return passed(inputs, target, weight)
            for place, tensor in zip(self._places, given, strict=True):
                place.copy_(tensor)
            again, (loss, output) = self._recorded
            again()
            return _kept(loss), tuple(map(_kept, output)) if isinstance(output, tuple) else _kept(output)

        return replayed

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: a recording belongs to the memory of this process."""
        return {"_module": self._module, "_record": self._record, "_places": [], "_recorded": None}

    def _first(self, passed: Pass, *batch: Any) -> Recorded:
        buffers = list(self._module.buffers())
        before = [buffer.clone() for buffer in buffers]
        devices = sorted({p.device.index for p in self._module.parameters() if p.device.type == "cuda"})
        with alone(), torch.random.fork_rng(devices=devices):
            try:
                recorded = self._record(lambda: passed(*batch))
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                expected = "a step that asks the device for nothing: no shape and no branch that depends on values"
                remedy = "Use compile=True, or leave compile out."
                raise InvalidParameter(
                    problem("Devices(compile='graphs')", expected, str(error).partition("\n")[0], remedy)
                ) from error
        with torch.no_grad():
            for buffer, old in zip(buffers, before, strict=True):
                buffer.copy_(old)
        return recorded


def as_it_is(passed: Pass) -> Pass:
    """What is done where no recording is asked for: nothing."""
    return passed


def graph(function: Callable[[], Any]) -> Recorded:
    """A function as a CUDA graph.

    Parameters
    ----------
    function : without arguments; it reads and writes the same memory at each call, and asks the device for nothing.
    """
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM):
            function()
    torch.cuda.current_stream().wait_stream(aside)
    recording = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recording):
        left = function()
    return recording.replay, left


def compiled(module: torch.nn.Module) -> Callable[..., Any]:
    """What a module computes, as ``torch.compile`` makes it: the same parameters, generated code.

    Parameters
    ----------
    module : any torch module.

    Raises
    ------
    InvalidParameter : no compiler for the code of a CPU.
    """
    on_cpu = any(p.device.type == "cpu" for p in module.parameters())
    names = [os.environ.get("CXX", "g++"), "g++", "clang++", "cl"]
    if on_cpu and not any(map(shutil.which, names)):
        remedy = "Install one, or leave compile out: on a CPU it seldom gains."
        raise InvalidParameter(problem("Devices(compile=True)", "a C++ compiler", "none that is found", remedy))
    made: Any = torch.compile(module)
    return made


def _kept(tensor: Tensor) -> Tensor:
    """A result of its own, without the graph that the recording holds."""
    return tensor.detach().clone()


def _shared(places: list[Tensor], inputs: int, target: Any, weight: Any) -> tuple[tuple[Tensor, ...], Any, Any]:
    """The tensors of a batch in the form that it has."""
    rest = places[inputs:]
    last = None if weight is None else rest.pop()
    return tuple(places[:inputs]), tuple(rest) if isinstance(target, tuple) else rest[0], last
