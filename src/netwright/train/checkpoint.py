"""Checkpoints: a run as it stands after an epoch or within one, from which the same run goes on to the same bits.

Two generations are kept in a folder (`netwright.core.generations`), written by the leading process alone. Within an
epoch the state is that of the end of one, with the batches that are done, their losses and the state of the noise; the
order of the rows and their augmentation are functions of (seed, epoch, batch), so that nothing of them is kept. Of a
run whose weights are spread over processes the vectors stand beside it in torch's own format for that (DCP), each
process writing its part; another number of processes can read them.

The bits are the same for the same versions, kind of device, number of threads and of processes. These are written down
too, and a run that goes on with others says so.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import sys
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.errors import InvalidParameter, problem
from netwright.core.generations import REMEDY, Generations, Pace, checkpoints_of, tell_of_other_conditions
from netwright.train.evaluation import Collected
from netwright.train.run import Run
from netwright.train.stopping import Keeper, Snapshot

log = logging.getLogger("netwright")

KIND = "Checkpoint"
BEGIN = "epoch"
FORM = 2  # of what is written down: another one is refused
PLAIN = ("epoch", "done", "stop", "best_epoch", "diverged", "first_loss", "averaged_updates")
JUDGED = ("best", "best_record", "waited")


class Checkpoint:
    """Where a run is written down.

    Parameters
    ----------
    folder : that holds the generations, or `Checkpoints`; it is made.
    identity : what the run is: settings and rows, by name. A folder that holds another run is refused.
    resume : whether to go on from what is there; else it is begun anew and replaced.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: dict[str, Any], resume: bool = True) -> None:
        self.identity, self.resume = {"form": FORM, **identity}, resume
        self._pace = Pace(asked := checkpoints_of(folder))
        self._generations = Generations(asked, BEGIN)
        self.folder = self._generations.folder
        self._keeper: Keeper | None = None

    def take_up(self, run: Run, keeper: Keeper) -> bool:
        """Bring a fresh run to where the newest good generation is; False where there is none.

        Raises
        ------
        InvalidParameter : a folder that holds another run.
        """
        self._keeper = keeper
        if run.group.leads:
            self._generations.make_ready()
        found = run.group.same(self._generations.newest(KIND) if self.resume and run.group.leads else None)
        if found is None:
            return False
        path, stored = found
        self._generations.expect(self.identity, stored.content["identity"])
        vectors = dict(stored.tensors)
        if run.shards is not None:
            vectors |= import_module("netwright.train.processes.sharded_files").read(
                run, stored.content["vectors"], path
            )
        state = _decoded(stored.content["state"], vectors)
        if state["epoch"] + bool(state["done"]) > run.epochs:
            expected, got = f"a run of at most {run.epochs} epochs, as this one", f"one after {state['epoch']}"
            raise InvalidParameter(problem(f"checkpoint {str(self.folder)!r}", expected, got, REMEDY))
        for name in PLAIN:
            setattr(run, name, state[name])
        run.history.records[:] = state["history"]
        run.flat.theta.data.copy_(state["theta"])
        for name, buffer in run.module.named_buffers():
            buffer.copy_(state["buffers"][name])
        run.averaged = state["averaged"]
        run.update.load_state_dict(state["moments"])
        run.noise = state["noise"]
        run.seen = Collected(run, state["seen"]) if state["done"] else None
        for name in JUDGED:
            setattr(keeper, name, state[name])
        keeper.snapshot = Snapshot(run, state["kept"])
        keeper.snapshot.buffers.update(state["kept_buffers"])
        tell_of_other_conditions(conditions(run), stored.content["conditions"])
        log.info("training goes on from epoch %d in %s", run.epoch, self.folder)
        return True

    def save(self, run: Run, keeper: Keeper) -> None:
        """Write the run down; all processes call this, and wait for each other."""
        state = {name: getattr(run, name) for name in PLAIN} | {name: getattr(keeper, name) for name in JUDGED}
        state |= {
            "history": run.history.records,
            "theta": run.flat.theta.detach(),
            "buffers": dict(run.module.named_buffers()),
            "averaged": run.averaged,
            "moments": run.update.state_dict(),
            "kept": keeper.snapshot.theta,
            "kept_buffers": keeper.snapshot.buffers,
            "seen": run.seen.state() if run.done and run.seen is not None else None,
            "noise": run.precision.noise() if run.done else None,
        }
        tensors: dict[str, torch.Tensor] = {}
        encoded = _encoded(state, tensors, "state")
        name = f"{run.epoch:06d}_{run.done:09d}" if run.done else f"{run.epoch:06d}"
        spread: list[str] = []
        if run.shards is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            spread = [name for name, tensor in tensors.items() if tensor.shape == run.flat.theta.shape]
            vectors = {name: tensors.pop(name) for name in spread}
            path = self.folder / f"{BEGIN}-{name}.nw"
            import_module("netwright.train.processes.sharded_files").write(run, vectors, path)
        if run.group.leads:
            arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
            content = {"identity": self.identity, "conditions": conditions(run), "state": encoded, "vectors": spread}
            _, old = self._generations.write(name, KIND, content, arrays)
            for path in old:
                shutil.rmtree(path.with_suffix(".shards"), ignore_errors=True)
        self._pace.begin_anew()
        run.group.wait()

    def on_batch_end(self, run: Run) -> None:
        """After a batch that is not the last one: write the run down when it is time, or when it is asked to end."""
        run.done = run.batch + 1
        if run.done < len(run.batches) and self._pace.is_due_within(run.done):
            assert self._keeper is not None
            self.save(run, self._keeper)
            self._pace.end()

    def after_epoch(self, run: Run, keeper: Keeper) -> None:
        """After an epoch: write the run down when it is time, or when it is asked to end."""
        if self._pace.is_due_after(run.epoch, run.stop or run.epoch == run.epochs):
            self.save(run, keeper)
            self._pace.end()

    def asked_to_end(self) -> AbstractContextManager[None]:
        """The context in which a request to end (SIGTERM) is met after the next batch, when the run is written down."""
        return self._pace.listening()


def conditions(run: Run) -> dict[str, str]:
    """What the bits depend on beside the run itself, by name."""
    return {
        "netwright": sys.modules["netwright"].__version__,
        "torch": torch.__version__,
        "device": run.precision.device.type,
        "threads": str(torch.get_num_threads()),
        "processes": str(run.group.size),
    }


def newest(folder: Path) -> tuple[Path, storage.Stored] | None:
    """The newest generation that is whole, with what it holds; None where there is none.

    Parameters
    ----------
    folder : of a `Checkpoint`; it may not be there yet.
    """
    return Generations(folder, BEGIN).newest(KIND)


def _encoded(item: Any, tensors: dict[str, torch.Tensor], name: str) -> Any:
    """A state as plain data, with its tensors put aside under names of their own."""
    if isinstance(item, torch.Tensor):
        short = item.dtype == torch.bfloat16  # NumPy and the file have no such numbers
        tensors[name] = item.view(torch.int16) if short else item
        return {"bfloat16" if short else "tensor": name}
    if isinstance(item, dict):
        return {"dict": [[key, _encoded(part, tensors, f"{name}.{key}")] for key, part in item.items()]}
    if isinstance(item, (list, tuple)):
        kind = type(item).__name__
        return {kind: [_encoded(part, tensors, f"{name}.{i}") for i, part in enumerate(item)]}
    if isinstance(item, (np.floating, np.integer)):
        item = item.item()
    return {"float": repr(item)} if isinstance(item, float) and not math.isfinite(item) else item


def _decoded(item: Any, tensors: dict[str, Any]) -> Any:
    """The inverse of `_encoded`."""
    if not isinstance(item, dict):
        return item
    ((kind, content),) = item.items()
    if kind in ("tensor", "bfloat16"):
        found = tensors[content]
        tensor = torch.from_numpy(found.copy()) if isinstance(found, np.ndarray) else found
        return tensor.view(torch.bfloat16) if kind == "bfloat16" else tensor
    if kind == "dict":
        return {key: _decoded(part, tensors) for key, part in content}
    if kind == "float":
        return float(content)
    return {"list": list, "tuple": tuple}[kind](_decoded(part, tensors) for part in content)
