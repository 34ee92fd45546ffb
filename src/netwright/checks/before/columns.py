"""A question to the columns of a table: whether some enter a layer whose answer is then not used."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from netwright.checks.before.inputs import drawn, has_a_part, numbers_of
from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, Where, fault
from netwright.checks.reading import Batch

MOST = 256  # columns that are asked about one by one
SHOWN = 8


def used(context: Context) -> Iterable[Finding]:
    """Columns of real numbers that change no answer, beside a trainable layer that is called and then left out."""
    if len(context.probe.inputs) != 1 or len(context.probe) < 8:
        return
    X = context.probe.inputs[0]
    if not isinstance(X, Tensor) or not X.is_floating_point() or X.ndim != 2 or not 2 < X.shape[1] <= MOST:
        return
    layers = _left_out(context)
    if not layers:
        return
    columns = [column for column in _contents(context, X) if not _matters(context, X, [column], 0)]
    if not columns or _matters(context, X, columns, 1):
        return
    shown = ", ".join(map(str, columns[:SHOWN])) + (", ..." if len(columns) > SHOWN else "")
    yield fault(
        "input-ignored",
        f"{len(columns)} of {X.shape[1]} columns ({shown}) change no answer: given to other rows, and under other "
        f"random weights, they leave all outputs as they are, and what {layers[0]} makes is not used",
        "an output that depends on every column that a layer is given",
        f"Look in forward for what {layers[0]} gives, and put it to use, as in torch.cat; or leave the layer out.",
        evidence={"columns": columns, "layers": layers},
        remedy=Remedy("module", "use_input", columns),
        where=Where(layer=layers[0]),
    )


def _left_out(context: Context) -> list[str]:
    """The layers with trainable weights that are called and have no part in the output."""
    called = {path for path, _, _ in context.seen[0].calls if path}
    named = dict(context.user_module.named_parameters())
    missed = [n for n, gradient in context.gradients.items() if gradient is None and named[n].requires_grad]
    paths = dict.fromkeys(name.rpartition(".")[0] for name in missed if not context.intent.freezes(name))
    return [path for path in paths if path in called and not has_a_part(context, path)]


def _contents(context: Context, X: Tensor) -> list[int]:
    """The columns of real numbers that differ from row to row."""
    codes = context.symbols[0]
    differ = (X[:1] != X).any(0) & ~(X.round() == X).all(0)
    return (differ if codes is None else differ & ~codes).nonzero()[:, 0].tolist()


def _matters(context: Context, X: Tensor, columns: list[int], seed: int) -> bool:
    """Whether any answer changes when some columns are given to other rows, under random weights."""
    other = X.clone()
    other[:, columns] = X[:, columns].roll(len(X) // 3, 0)
    module, target = drawn(context, seed), context.probe.target
    answers = [numbers_of(context.answer(module, Batch((each,), target))) for each in (X, other)]
    return not torch.equal(*answers) or not bool((answers[0] != answers[0][:1]).any())
