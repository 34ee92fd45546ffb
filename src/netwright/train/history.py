"""History: one record an epoch, and the recorder that fills it.

================== ===========================================================================
epoch              number of the epoch, from 1
train_loss         mean loss of the epoch's batches, each before its update (no penalty); of a rule that looks at the
                   whole loss, that of all rows after its step
train_score        score of the same outputs (dropout active); NaN where it is not measured
validation_loss    mean loss of the validation rows after the epoch (missing without validation)
validation_score   their score
penalty            value of the regularizer after the epoch
learning_rate      rate of the epoch's last update; NaN for a rule that has none
update_ratio       by layer: norm of the epoch's last update over norm of the parameters
dead_units         by rectifying layer: share of units that are 0 for all probe rows
seconds            wall time of the epoch, validation included
================== ===========================================================================
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, did_you_mean, problem
from netwright.train.flat import plain_name
from netwright.train.precision import silent

COLUMNS = (
    "epoch",
    "train_loss",
    "train_score",
    "validation_loss",
    "validation_score",
    "penalty",
    "learning_rate",
    "update_ratio",
    "dead_units",
    "seconds",
)
RECTIFIERS = (torch.nn.ReLU, torch.nn.ReLU6)
PROBE = 128  # rows that dead units are looked for with


class History:
    """The records of a run, oldest first.

    ``history[-1]`` is a record (a dict), ``history["train_loss"]`` a column (a list).

    Parameters
    ----------
    records : what is known already, oldest first.

    Examples
    --------
    >>> history = History([{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25}])
    >>> len(history), history["train_loss"], history[-1]["epoch"]
    (2, [0.5, 0.25], 2)
    """

    def __init__(self, records: list[dict[str, Any]] | None = None) -> None:
        self.records = list(records or [])

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.records)

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            if key not in COLUMNS and key not in self:
                raise InvalidParameter(problem("history", "a column", repr(key), did_you_mean(key, COLUMNS)))
            return [record[key] for record in self.records if key in record]
        return self.records[key]

    def __contains__(self, name: str) -> bool:
        return any(name in record for record in self.records)

    def __repr__(self) -> str:
        if not self.records:
            return "History(no epochs)"
        known = ((k, v) for k, v in self.records[-1].items() if isinstance(v, float) and not math.isnan(v))
        last = ", ".join(f"{k}={v:.4g}" for k, v in known)
        return f"History({len(self)} epochs; last: {last})"

    def append(self, record: dict[str, Any]) -> None:
        """Add the record of a finished epoch."""
        self.records.append(record)

    def to_frame(self) -> Any:
        """A pandas frame, a row an epoch; ratios and shares become columns ``update_ratio.conv1`` and so on."""
        import pandas

        return pandas.DataFrame([flatten(record) for record in self.records])


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """A record whose dictionaries are spread over columns named ``column.layer``."""
    flat: dict[str, Any] = {}
    for name, item in record.items():
        if isinstance(item, dict):
            flat.update({f"{name}.{layer}": number for layer, number in item.items()})
        else:
            flat[name] = item
    return flat


class Recorder:
    """The callback that measures an epoch; every run has one."""

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._rows: list[int] = []
        self._before: torch.Tensor | None = None
        self._ratios: dict[str, torch.Tensor] = {}
        self._clock = 0.0

    def on_epoch_start(self, run: Any) -> None:
        """Start the clock."""
        self._clock = time.perf_counter()

    def on_batch_start(self, run: Any) -> None:
        """Keep the parameters before the epoch's last update."""
        if run.batch == len(run.batches) - 1:
            self._before = run.flat.theta.detach().clone()

    def on_batch_end(self, run: Any) -> None:
        """Compare them with the parameters after it."""
        if self._before is not None:
            after = run.flat.theta.detach()
            moved = run.flat.layer_norms(after - self._before)
            size = run.flat.layer_norms(self._before)
            self._ratios = {layer: moved[layer] / size[layer].clamp_min(1e-12) for layer in moved}
            self._before = None

    def measure(self, run: Any) -> dict[str, Any]:
        """The part of an epoch's record that the recorder knows."""
        record: dict[str, Any] = {"learning_rate": run.learning_rate}
        if run.penalties:
            record["penalty"] = run.penalty()
        record["update_ratio"] = {layer: float(ratio) for layer, ratio in self._ratios.items()}
        record["dead_units"] = dead_units(run.module, run.validation or run.batches, run.precision)
        record["seconds"] = time.perf_counter() - self._clock
        return record


def dead_units(module: torch.nn.Module, rows: Any, precision: Any) -> dict[str, float]:
    """By rectifying layer, the share of units (channels) that give 0 on all of the first rows."""
    layers = {name: part for name, part in module.named_modules() if isinstance(part, RECTIFIERS)}
    if not layers:
        return {}
    shares: dict[str, torch.Tensor] = {}

    def watch(name: str) -> Any:
        def hook(part: torch.nn.Module, args: Any, output: torch.Tensor) -> None:
            axes = [axis for axis in range(output.ndim) if axis != (1 if output.ndim >= 4 else output.ndim - 1)]
            shares[name] = (output.amax(dim=axes) <= 0).float().mean()

        return hook

    handles = [part.register_forward_hook(watch(name)) for name, part in layers.items()]
    try:
        with silent(module), precision.context():
            module.eval()
            module(*rows.head(PROBE))
    finally:
        for handle in handles:
            handle.remove()
    return {plain_name(name): float(share) for name, share in shares.items()}
