"""Checkpoints: a run as it stands after an epoch, in a folder, from which the same run goes on to the same bits.

Two generations are kept. Each is one file, written whole or not at all (`netwright.core.storage`), by the leading
process alone; a file that is damaged is passed over for the one before it. Of a run whose weights are spread over
processes the vectors stand beside it in torch's own format for that (DCP), each process writing its part; another
number of processes can read them.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter, problem
from netwright.train.run import Run
from netwright.train.stopping import Keeper, Snapshot

log = logging.getLogger("netwright")

KIND = "Checkpoint"
KEPT = 2  # generations
REMEDY = "Give this run a folder of its own, or resume=False to replace what is there."
PLAIN = ("epoch", "stop", "best_epoch", "diverged", "first_loss", "averaged_updates")
JUDGED = ("best", "best_record", "waited")


class Checkpoint:
    """Where a run is written down after every epoch.

    Parameters
    ----------
    folder : that holds the generations; it is made.
    identity : what the run is: settings and rows, by name. A folder that holds another run is refused.
    resume : whether to go on from what is there; else it is begun anew and replaced.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: dict[str, Any], resume: bool = True) -> None:
        self.folder, self.identity, self.resume = Path(folder), identity, resume

    def take_up(self, run: Run, keeper: Keeper) -> bool:
        """Bring a fresh run to where the newest good generation is; False where there is none.

        Raises
        ------
        InvalidParameter : a folder that holds another run.
        """
        found = run.group.same(newest(self.folder) if self.resume and run.group.leads else None)
        if found is None:
            return False
        path, stored = found
        self._expect_same(stored.content["identity"])
        vectors = dict(stored.tensors)
        if run.shards is not None:
            vectors |= import_module("netwright.train.processes.sharded_files").read(
                run, stored.content["vectors"], path
            )
        state = _decoded(stored.content["state"], vectors)
        if state["epoch"] > run.epochs:
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
        for name in JUDGED:
            setattr(keeper, name, state[name])
        keeper.snapshot = Snapshot(run, state["kept"])
        keeper.snapshot.buffers.update(state["kept_buffers"])
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
        }
        tensors: dict[str, torch.Tensor] = {}
        encoded = _encoded(state, tensors, "state")
        path = self.folder / f"epoch-{run.epoch:06d}.nw"
        spread: list[str] = []
        self.folder.mkdir(parents=True, exist_ok=True)
        if run.shards is not None:
            spread = [name for name, tensor in tensors.items() if tensor.shape == run.flat.theta.shape]
            vectors = {name: tensors.pop(name) for name in spread}
            import_module("netwright.train.processes.sharded_files").write(run, vectors, path)
        if run.group.leads:
            arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
            content = {"identity": self.identity, "state": encoded, "vectors": spread}
            storage.write(path, KIND, content, arrays)
            self._sweep(path)
        run.group.wait()

    def _expect_same(self, found: dict[str, Any]) -> None:
        other = [name for name, item in self.identity.items() if found.get(name) != item]
        if other:
            name = other[0]
            expected = f"{name} {self.identity[name]}, as of this run"
            raise InvalidParameter(problem(f"checkpoint {str(self.folder)!r}", expected, f"{found.get(name)}", REMEDY))

    def _sweep(self, newest: Path) -> None:
        """Remove what is older than two generations, and later ones, of a run that this one replaces."""
        there = sorted(self.folder.glob("epoch-*.nw"))
        kept = [path for path in there if path <= newest][-KEPT:]
        for old in set(there) - set(kept):
            old.unlink()
            shutil.rmtree(old.with_suffix(".shards"), ignore_errors=True)


def newest(folder: Path) -> tuple[Path, storage.Stored] | None:
    """The newest generation that is whole, with what it holds; None where there is none.

    Parameters
    ----------
    folder : of a `Checkpoint`; it may not be there yet.
    """
    for path in sorted(folder.glob("epoch-*.nw"), reverse=True):
        try:
            return path, storage.read(path)
        except (CorruptFile, OSError) as error:
            log.warning("%s; the checkpoint before it is taken", error)
    return None


def _encoded(item: Any, tensors: dict[str, torch.Tensor], name: str) -> Any:
    """A state as plain data, with its tensors put aside under names of their own."""
    if isinstance(item, torch.Tensor):
        tensors[name] = item
        return {"tensor": name}
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
    if kind == "tensor":
        found = tensors[content]
        return torch.from_numpy(found.copy()) if isinstance(found, np.ndarray) else found
    if kind == "dict":
        return {key: _decoded(part, tensors) for key, part in content}
    if kind == "float":
        return float(content)
    return {"list": list, "tuple": tuple}[kind](_decoded(part, tensors) for part in content)
