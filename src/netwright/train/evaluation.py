"""Evaluation: the outputs, the loss and the score of held-out rows, in large batches and without gradients."""

from __future__ import annotations

from typing import Any

import torch

from netwright.train.batches import Batches
from netwright.train.precision import Precision
from netwright.train.run import Evaluation, Run

BYTES = 8 * 2**20  # of input in one evaluation batch: large enough to hide the calls, small enough for the cache
ROWS = 4096


def evaluate(run: Run, rows: Batches) -> Evaluation:
    """Loss and score of the run's module on some rows (evaluation mode)."""
    outputs = forward(run.module, rows, run.precision)
    with torch.inference_mode():
        loss = float(run.objective(outputs, rows.target, rows.weight))
    return Evaluation(loss, score_of(run, [outputs], [rows.target], rows.weight))


def forward(module: torch.nn.Module, rows: Batches, precision: Precision) -> Any:
    """The outputs of a module for all rows: a tensor, or a tuple of them for several outputs."""
    per_row = max(sum(x[:1].numel() * x.element_size() for x in rows.inputs), 1)
    module.eval()
    outputs = []
    with torch.inference_mode(), precision.context():
        for inputs, _, _ in rows.in_order(max(1, min(ROWS, BYTES // per_row))):
            outputs.append(_in_dtype(module(*inputs), precision.dtype))
    return joined(outputs)


def score_of(run: Run, outputs: list[Any], targets: list[Any], weight: torch.Tensor | None = None) -> float:
    """The score of whole outputs, NaN when the run has none."""
    if run.score is None:
        return float("nan")
    with torch.no_grad():
        return run.score(joined(outputs), joined(targets), weight)


def joined(parts: list[Any]) -> Any:
    """Batches of outputs as one, for one output or several."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], tuple):
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))
    return torch.cat(parts)


def detached(output: Any) -> Any:
    """An output without its graph."""
    return tuple(part.detach() for part in output) if isinstance(output, tuple) else output.detach()


def _in_dtype(output: Any, dtype: torch.dtype) -> Any:
    return tuple(part.to(dtype) for part in output) if isinstance(output, tuple) else output.to(dtype)
