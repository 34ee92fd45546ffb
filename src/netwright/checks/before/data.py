"""Questions to the inputs and targets themselves: finite, varying, scaled, with their axes in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.checks.before import missing
from netwright.checks.before.images import LAST, TURNED, better_axes
from netwright.checks.context import Context
from netwright.checks.facts import scaled
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.reading import Batch, Material, leaves

STEPS = 4  # of a sequence of symbols, at least
SAME = 0.5  # share of rows that are one and the same
APART = 50.0  # largest standard deviation of a column over the median one
WIDE = 10.0  # standard deviation of a typical column
OFF = 20.0  # |mean| over standard deviation of a typical column
AWAY = 50.0  # the same of one column, whose mean is as far from the size of the others
LITTLE = 0.9  # loss left of a program that learns nothing
HELPS = 0.75  # a change helps that leaves this share of the loss or less
NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)


def finite(context: Context) -> Iterable[Finding]:
    """NaN or infinity in inputs or targets, of training and held-out rows, unless the program takes care of them."""
    for name, material in (("X", context.data), ("validation X", context.validation)):
        if material is not None:
            inputs, target = _bad_rows(material.whole.inputs), _bad_rows(material.whole.target)
            rows = int(inputs.sum()), int(target.sum())
            context.signal(f"rows of {name} that are not finite", rows[0], 0, "non-finite-data")
            context.signal(f"rows of {name.replace('X', 'y')} that are not finite", rows[1], 0, "non-finite-data")
            yield from _not_finite(context, name, material.whole.inputs, material, inputs, target)
            yield from _not_finite(context, name.replace("X", "y"), material.whole.target, material, target, inputs)


def _bad_rows(structure: object) -> Tensor:
    """Whether each row holds a number that is not finite."""
    parts = [t.reshape(len(t), -1) for t in leaves(structure) if t.is_floating_point() and t.ndim]
    if not parts:
        return torch.zeros(0, dtype=torch.bool)
    n = min(map(len, parts))
    return torch.stack([~torch.isfinite(part[:n]).all(1) for part in parts]).any(0)


def _not_finite(
    context: Context, name: str, structure: object, material: Material, own: Tensor, others: Tensor
) -> Iterator[Finding]:
    for tensor in leaves(structure):
        if not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()):
            continue
        bad = ~torch.isfinite(tensor.reshape(len(tensor), -1))
        rows = bad.any(1).nonzero()[:, 0]
        row = int(rows[0])
        column = int(bad[row].nonzero()[0, 0])
        what = float(tensor.reshape(len(tensor), -1)[row, column])
        label = material.names[column] if column < len(material.names) else column
        seen = (
            f"{name} holds {int(bad.sum())} values that are NaN or infinite in {len(rows)} of {len(tensor)} rows, "
            f"the first ({what}) in row {row}, column {label}"
        )
        copes = missing.copes(context, material, own, others)
        do = "Drop these rows or impute the values, for instance with sklearn.impute.SimpleImputer."
        meant = "Leave it so if that is meant: outputs, loss and gradients are finite in a batch with these rows."
        yield (note if copes else fault)(
            "non-finite-data",
            seen,
            "finite numbers, or a program that takes care of them, as this one does"
            if copes
            else "finite numbers only",
            meant if copes else do,
            evidence={"values": int(bad.sum()), "rows": len(rows)},
            remedy=None if copes else Remedy("data", "drop_rows", rows[:1000].tolist()),
            where=Where(row=row, column=label),
        )
        return


def varying(context: Context) -> Iterable[Finding]:
    """Inputs that are the same, or almost, for every row."""
    floats = context.floats
    if not floats or len(floats) != len(list(leaves(context.rows.inputs))) or len(context.rows) < 10:
        return
    matrix = torch.cat([tensor.reshape(len(tensor), -1) for tensor in floats], 1)
    if not bool(torch.isfinite(matrix).all()):
        return
    deviation = matrix.double().std(0)
    size = matrix.double().abs().amax(0)
    alive = deviation > 1e-6 * size.clamp_min(1e-12)
    share = context.signal("columns that do not vary", 1 - float(alive.double().mean()), 0.9, "constant-input")
    same = context.signal("rows equal to the commonest", _commonest(matrix), SAME, "constant-input")
    do = "Look at a few rows as they come out of the loader: the reading or a preprocessing step blanks them."
    if not bool(alive.any()):
        seen = f"no column of X varies: its standard deviation is at most {float(deviation.max()):.2g}"
        yield fault("constant-input", seen, "columns that differ from row to row", do, evidence={"constant": share})
    elif same > SAME and matrix.shape[1] >= 4:
        seen = f"{same:.0%} of the rows of X are one and the same row"
        yield fault("constant-input", seen, "rows that differ", do, evidence={"same_rows": same})
    elif share >= 0.5:
        seen = f"{share:.0%} of the columns of X do not vary"
        yield note("constant-input", seen, "columns that differ from row to row", do, evidence={"constant": share})


def one_symbol(context: Context) -> Iterable[Finding]:
    """Sequences of integers in which every step of every row has one and the same symbol, but for padding.

    A mask beside sequences that differ is none: it is asked of all inputs together, lengths aside.
    """
    rows, n = [t for t in leaves(context.rows.inputs) if t.numel() > len(t)], len(context.rows)
    if n < 10 or not rows or not all(map(_one_symbol, rows)):
        return
    symbol = int(rows[0].amax())
    yield fault(
        "constant-input",
        f"every step of all {n} rows of X has the symbol {symbol}, but for padding",
        "symbols that differ from row to row",
        "Look a few words up by hand: those that the vocabulary does not have all become one symbol, for which capital "
        "letters or another splitting are enough.",
        evidence={"symbol": symbol, "constant": 1.0},
    )


def _one_symbol(tensor: Tensor) -> bool:
    """Whether integers (rows, steps) have one value other than 0, and 0 only before or behind all others."""
    integers = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
    if not integers or tensor.ndim != 2 or tensor.shape[1] < STEPS:
        return False
    there = tensor != 0
    change = there.long().diff(dim=1)
    return len(torch.unique(tensor[there])) == 1 and (bool((change <= 0).all()) or bool((change >= 0).all()))


def _commonest(matrix: Tensor) -> float:
    _, counts = torch.unique(matrix, dim=0, return_counts=True)
    return float(counts.max()) / len(matrix)


@dataclass(frozen=True)
class _Scale:
    """What is off about the scale of inputs.

    Attributes
    ----------
    seen : in words. column : that is furthest off. alone : whether all others are as they should be, and it lies far
    from 0. apart : largest deviation over the median one. wide : the median deviation.
    """

    seen: str
    column: int
    alone: bool
    apart: float
    wide: float


def scale_of_inputs(context: Context) -> Iterable[Finding]:
    """Inputs on large or very different scales, where they reach weights unscaled and standardising them helps."""
    columns = entering(context)
    found = None if columns is None else _off_scale(context, columns)
    if found is None:
        return
    before, after = _standardised(context)
    context.signal("loss left with inputs standardised, of that without", after / max(before, 1e-12), HELPS, "")
    proof = f" (standardised, {context.steps} steps leave {after:.2g} of the loss, as it is {before:.2g})"
    helps = after < HELPS * before and before - after > 0.05
    stuck = before > 0.95 and after < 0.95 * before
    if found.alone and not helps:
        return
    yield (fault if helps or stuck else note)(
        "unscaled-input",
        found.seen + proof,
        "columns with a standard deviation near 1 and a mean near 0",
        "Standardise X with the mean and standard deviation of the training rows (sklearn's StandardScaler).",
        evidence={
            "largest_over_median": found.apart,
            "median_deviation": found.wide,
            "left_as_is": before,
            "left_scaled": after,
        },
        remedy=Remedy("data", "standardize", True),
        where=Where(column=_name(context, found.column)),
    )


def _off_scale(context: Context, columns: Tensor) -> _Scale | None:
    """What is off about the scale of the columns that enter, or None."""
    deviation, mean = columns.std(0), columns.mean(0).abs()
    live = deviation > 1e-8 * (mean + 1e-12)
    if int(live.sum()) < 1:
        return None
    deviation, mean = deviation[live], mean[live]
    middle = float(deviation.median())
    apart = context.signal("largest over median column", float(deviation.max()) / middle, APART, "unscaled-input")
    wide = context.signal("median standard deviation of a column", middle, WIDE, "unscaled-input")
    off = context.signal("|mean| over standard deviation", float((mean / deviation).median()), OFF, "unscaled-input")
    lone = _lone(context, mean, deviation)
    alone = apart <= APART and wide <= WIDE and off <= OFF
    if alone and lone is None:
        return None
    at = lone if alone and lone is not None else int(deviation.argmax())
    column = int(torch.where(live)[0][at])
    name = _name(context, column)
    if apart > APART:
        seen = f"column {name} of X varies {apart:,.0f} times as much as the median column"
    elif wide > WIDE:
        seen = f"a typical column of X has a standard deviation of {wide:,.3g}"
    elif off > OFF:
        seen = f"a typical column of X lies {off:,.0f} standard deviations away from 0"
    else:
        far = f"{float(mean[at] / deviation[at]):,.0f} standard deviations away from 0"
        seen = f"column {name} of X lies {far}, at {float(columns[:, column].mean()):.5g}"
    return _Scale(seen, column, alone, apart, wide)


def _name(context: Context, column: int) -> int | str:
    return context.data.names[column] if column < len(context.data.names) else column


def _lone(context: Context, mean: Tensor, deviation: Tensor) -> int | None:
    """The column that lies furthest from 0 among others on the scale of a network, as a year does; None without one."""
    if len(mean) < 3:
        return None
    size = (mean.square() + deviation.square()).sqrt()
    away = torch.where(mean > APART * size.median(), mean / deviation, 0.0)
    found = context.signal("|mean| over standard deviation of one column", float(away.max()), AWAY, "unscaled-input")
    return int(away.argmax()) if found > AWAY else None


def entering(context: Context) -> Tensor | None:
    """The inputs as a matrix, unless the first layer with weights that they meet normalises them.

    Parameters
    ----------
    context : the program.
    """
    if not context.floats or any(not bool(torch.isfinite(tensor).all()) for tensor in context.floats):
        return None
    first_call = next((layer for _, layer, _ in context.seen[0].calls if list(layer.parameters(recurse=False))), None)
    if isinstance(first_call, NORMS):
        return None
    tensor = _numbers(context)
    if tensor.ndim <= 2:
        return tensor.reshape(len(tensor), -1).double()
    images = tensor.ndim > 3  # of images the channels are columns, of sequences the features
    return (tensor.movedim(1, -1) if images else tensor).reshape(-1, tensor.shape[1 if images else -1]).double()


def _numbers(context: Context) -> Tensor:
    """The first real input, in which symbols stand for nothing: 0 in place of each."""
    tensors = list(leaves(context.rows.inputs))
    first = next(place for place, tensor in enumerate(tensors) if tensor.is_floating_point())
    mask = context.symbols[first]
    return tensors[first] if mask is None else tensors[first].masked_fill(mask, 0.0)


def _standardised(context: Context) -> tuple[float, float]:
    """What trials leave of the loss without and with inputs that have mean 0 and standard deviation 1."""
    moments = {}
    for tensor in leaves(context.rows.inputs):
        if tensor.is_floating_point():
            axes = [0] if tensor.ndim <= 2 else [0, *range(2, tensor.ndim)] if tensor.ndim > 3 else [0, 1]
            deviation = tensor.std(axes, keepdim=True)
            moments[tensor.shape[1:]] = (tensor.mean(axes, keepdim=True), torch.where(deviation > 0, deviation, 1.0))

    def change(tensor: Tensor) -> Tensor:
        mean, deviation = moments.get(tensor.shape[1:], (0.0, 1.0))
        return (tensor - mean) / deviation

    batches: list[Batch] = [scaled(batch, change, context.symbols) for batch in context.data.stream(context.steps)]
    changed = context.trial(batches=batches)
    before = context.left(context.as_is)
    return min(before, 1e6), min(context.left(changed), 1e6)


def scale_of_targets(context: Context) -> Iterable[Finding]:
    """A target to be met that is far from the scale of the output, where standardising it helps."""
    target = context.target
    if target is None or not context.numeric or not bool(torch.isfinite(target).all()) or len(target) < 5:
        return
    rows = target.double().reshape(len(target), -1)
    deviation, mean = float(rows.std(0).median()), float(rows.mean(0).abs().median())
    if deviation < 1e-12:
        return
    wide = context.signal("standard deviation of the target", deviation, 10.0, "unscaled-target")
    off = context.signal("|mean| of the target over its deviation", mean / deviation, 10.0, "unscaled-target")
    if 0.01 <= wide <= 10 and off <= 10:
        return
    before, after = context.left(context.as_is), _target_scaled(context, rows)
    context.signal("loss left with the target standardised", after, HELPS * before, "unscaled-target")
    level = fault if after < HELPS * before and before - after > 0.05 else note
    yield level(
        "unscaled-target",
        f"y has a mean of {float(rows.mean()):,.3g} and a standard deviation of {deviation:,.3g}, and the output "
        f"starts near {_middle(context):.2g} (after {context.steps} steps {min(before, 1e6):.2g} of the loss is left, "
        f"with y standardised {min(after, 1e6):.2g})",
        "a target with mean 0 and standard deviation 1, or an output that starts at its mean",
        "Standardise y by the training rows and turn predictions back (sklearn's TransformedTargetRegressor).",
        evidence={"deviation": deviation, "mean": float(rows.mean()), "left_as_is": before, "left_scaled": after},
        remedy=Remedy("target", "standardize", True),
    )


def _middle(context: Context) -> float:
    return float(next(iter(leaves(context.output))).double().mean())


def _target_scaled(context: Context, rows: Tensor) -> float:
    """What a trial leaves of the loss when mean and deviation are taken out of the target."""
    mean, deviation = rows.mean(0), rows.std(0).clamp_min(1e-12)
    shape = context.rows.target.shape[1:]

    def change(batch: Batch) -> Batch:
        target = (batch.target.reshape(len(batch.target), -1) - mean) / deviation
        return Batch(batch.inputs, target.reshape(len(target), *shape).to(batch.target.dtype))

    changed = context.trial(batches=[change(batch) for batch in context.data.stream(context.steps)])
    constant = context.value(torch.zeros_like(context.rows.target), change(context.rows).target)
    return changed.end / max(constant, 1e-12)


def axes(context: Context) -> Iterable[Finding]:
    """Images or sequences whose axes were mixed up on their way: neighbours would be more alike after a permutation."""
    found = better_axes(context)
    if found is None:
        return
    where, now, then, how = found
    # the steps of some series have no order of their own, and their columns have one, as spectra do: these learn
    learns = how == TURNED and not context.in_the_end >= LITTLE
    layer = where or "the first layer"
    seen = f"neighbours in the input of {layer} correlate by {now:.2f}; read as {how} they would by {then:.2f}"
    if how == LAST:
        seen = f"{layer} takes rows of pixels for channels: with {how} they are neighbours and correlate by {then:.2f}"
    yield (note if learns else fault)(
        "wrong-axes",
        seen,
        "neighbours that are alike, as in pictures and sequences",
        "Use permute or transpose to change the order of axes; view and reshape only regroup the numbers.",
        evidence={"correlation": now, "correlation_reordered": then},
        remedy=Remedy("data", "permute", how),
        where=Where(layer=where),
    )
