"""Losses and scores: of the training batches as they pass, and of held-out rows in large batches without gradients."""

from __future__ import annotations

from typing import Any

import torch

from netwright.train.batches import Batches
from netwright.train.precision import Precision, silent
from netwright.train.run import Run

BYTES = 8 * 2**20  # of input in one evaluation batch: large enough to hide the calls, small enough for the cache
ROWS = 4096
MEMORY = 2**22  # elements of training outputs that are kept for the score


class Collected:
    """The losses and outputs of an epoch's batches; nothing is read back before `results`.

    Parameters
    ----------
    run : the run. state : what `state` gave in the middle of the epoch, when it goes on from there.
    """

    def __init__(self, run: Run, state: dict[str, Any] | None = None) -> None:
        self._run = run
        self._losses: list[torch.Tensor] = []
        self._outputs: list[Any] = []
        self._targets: list[Any] = []
        self._scored = run.score is not None and run.batches.whole
        if state is not None:
            self._losses, self._scored = list(state["losses"].to(run.precision.device).unbind()), state["scored"]
            if self._scored:
                self._outputs, self._targets = [_on(run, state["outputs"])], [_on(run, state["targets"])]

    def state(self) -> dict[str, Any]:
        """What is needed to go on in the middle of an epoch."""
        found = {"losses": torch.stack(self._losses), "scored": self._scored}
        return found | ({"outputs": joined(self._outputs), "targets": joined(self._targets)} if self._scored else {})

    def add(self, loss: torch.Tensor, output: Any, target: Any) -> None:
        """Take in a batch."""
        self._losses.append(loss)
        if self._scored:
            self._outputs.append(_detached(output) if isinstance(output, tuple) else output.detach())
            self._targets.append(target)
            if len(self._losses) == 1:
                self._scored = _elements(output) * len(self._run.batches) <= MEMORY

    def results(self) -> dict[str, Any]:
        """The mean loss over rows (batches differ in size by the last one), and the score of the same outputs."""
        rows = torch.tensor([stop - start for start, stop in self._run.batches.bounds], dtype=torch.float64)
        losses = torch.stack(self._losses).double().cpu()
        if self._run.first_loss is None:
            self._run.first_loss = float(losses[0])
        found: dict[str, Any] = {"train_loss": float((losses * rows).sum() / rows.sum())}
        if self._scored:
            outputs, targets = (_from_all(self._run, joined(parts)) for parts in (self._outputs, self._targets))
            found["train_score"] = score_of(self._run, outputs, targets, None)
        return found


def evaluate(run: Run, rows: Batches) -> dict[str, float]:
    """Loss and score of a run's module on held-out rows, in evaluation mode.

    Parameters
    ----------
    run : the run.
    rows : held-out rows with their targets.
    """
    if not rows.whole:
        return _in_pieces(run, rows)
    part = run.group.range_of(rows.n)
    outputs = forward(run.module, rows if part is None else rows.between(*part), run.precision)
    if part is not None:
        outputs = _from_all(run, outputs)
    with torch.inference_mode():
        loss = float(run.objective(outputs, rows.target, rows.weight))
    return {"validation_loss": loss, "validation_score": score_of(run, outputs, rows.target, rows.weight)}


def _in_pieces(run: Run, rows: Any) -> dict[str, float]:
    """As `evaluate`, of rows whose outputs cannot be joined: the mean over pieces, each by the number of its rows."""
    run.module.eval()
    losses: list[float] = []
    scores: list[Any] = []
    counts: list[int] = []
    gathering: Any = run.score if hasattr(run.score, "seen") else None  # a score that only the outputs of all rows have
    with silent(run.module):
        for which in rows.pieces():
            inputs, target, weight = rows.batch(which)
            with run.precision.context():
                output = _in_dtype(run.module(*inputs), run.precision.dtype)
            losses.append(float(run.objective(output, target, weight)))
            scores.append(gathering.seen(output, target) if gathering else score_of(run, output, target, weight))
            counts.append(rows.counted(target))
    score = gathering.over(scores) if gathering else _mean(scores, counts)
    return {"validation_loss": _mean(losses, counts), "validation_score": score}


def _mean(figures: list[float], counts: list[int]) -> float:
    """The mean of figures, each as often as its rows."""
    return sum(figure * n for figure, n in zip(figures, counts, strict=True)) / sum(counts)


def forward(module: torch.nn.Module, rows: Batches, precision: Precision) -> Any:
    """The outputs of a module for all rows: a tensor, or a tuple of them for several outputs.

    Parameters
    ----------
    module : it is put in evaluation mode.
    rows : their targets are not looked at.
    precision : the number format to compute in.
    """
    per_row = max(sum(x[:1].numel() * x.element_size() for x in rows.inputs), 1)
    module.eval()
    batches = rows.in_order(max(1, min(ROWS, BYTES // per_row)))
    with silent(module), precision.context():
        return joined([_in_dtype(module(*inputs), precision.dtype) for inputs in batches])


def _from_all(run: Run, rows: Any) -> Any:
    """The rows that all processes have."""
    gathered = run.group.gathered
    return tuple(map(gathered, rows)) if isinstance(rows, tuple) else gathered(rows)


def joined(parts: list[Any]) -> Any:
    """Batches of outputs as one, for one output or several."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], tuple):
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))
    return torch.cat(parts)


def score_of(run: Run, outputs: Any, targets: Any, weight: torch.Tensor | None) -> float:
    """The score of whole outputs, NaN where the run has none.

    Parameters
    ----------
    run : the run.
    outputs : of all rows, as `forward` gives them.
    targets : of the same rows.
    weight : (n,) or None.
    """
    if run.score is None:
        return float("nan")
    with torch.no_grad():
        return run.score(outputs, targets, weight)


def _on(run: Run, rows: Any) -> Any:
    """Rows on the device of the run."""
    device = run.precision.device
    return tuple(part.to(device) for part in rows) if isinstance(rows, tuple) else rows.to(device)


def _detached(output: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(part.detach() for part in output)


def _elements(output: Any) -> int:
    return sum(map(torch.numel, output)) if isinstance(output, tuple) else output.numel()


def _in_dtype(output: Any, dtype: torch.dtype) -> Any:
    return tuple(part.to(dtype) for part in output) if isinstance(output, tuple) else output.to(dtype)
