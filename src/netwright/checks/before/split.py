"""Questions to the split: rows in both parts, features that hold the target, scales that differ, too few rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from netwright.checks.before.tables import scaling
from netwright.checks.before.tables.repeated import by_chance, keys, same_targets
from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.neighbours import evenly, standard, told_by
from netwright.checks.reading import leaves

SHARED = 0.01  # share of held-out rows that are in training too
MOST = 0.4  # the same, where training rows repeat as well: some tables do so by nature
LEAK = 0.99  # correlation of one column with the target
EXACT = 0.998  # accuracy of the classes that one column by itself gives
BETTER = 0.03  # by which one column must tell more than all the others
FAR = 0.1  # the same, where it tells classes and is no copy of them: classes are often easy to tell
COPY = 1e-4  # of the deviation of a target that rounding leaves of it in a copy
LAW = 0.7  # correlation of what the other columns tell, below which one column may be all that there is
SEVERAL = 5  # columns, of which one alone seldom tells classes
FEW = 30  # held-out rows
MUCH = 10.0  # factor between two scales, which no drift explains
NONE, MANY_MORE = 12, 16  # so few tell next to nothing; times as many training rows, at least
RAW, BELOW = 500, 0.2  # numbers at least, and the share of those in training that are negative


def shared_rows(context: Context) -> Iterable[Finding]:
    """Held-out rows that are, number for number, in training too, and more often than rows repeat within training."""
    if context.validation is None:
        return
    both = context.data.whole, context.validation.whole
    own, held = keys(both[0].inputs, len(both[0])), keys(both[1].inputs, len(both[1]))
    counts = Counter(own)
    if not own or not held or len(next(iter(counts))) == 0:
        return
    twice = [index for index, key in enumerate(held) if key in counts]
    within = sum(count for count in counts.values() if count > 1) / len(own)
    share = context.signal("held-out rows also in training", len(twice) / len(held), SHARED, "duplicate-rows")
    if share <= SHARED or len(twice) < 2 or not same_targets(both, own, held):
        return
    sure = _continuous(context) or _one_class_repeats(context, own, counts)
    many = share > 2 * within + 0.05 and not (len(twice) < 5 and within > 0.5 * share)
    chance = 0.0 if sure or many else by_chance(both, own, held)
    if not (sure or many or share > max(10 * chance, SHARED) + SHARED):
        return
    yield (fault if sure or many or share >= MOST else note)(
        "duplicate-rows",
        f"{len(twice)} of {len(held)} held-out rows are also in the training data (first: held-out row {twice[0]}), "
        f"{within:.1%} of the training rows repeat among themselves",
        "no row in both",
        "Split before rows are repeated, oversampled or augmented, and drop duplicates first.",
        evidence={"shared": len(twice), "share": share, "within": within},
        remedy=Remedy("data", "drop_shared_rows", twice[:1000]),
        where=Where(row=twice[0]),
    )


def _continuous(context: Context) -> bool:
    """Whether some column has so many values that two rows are equal only where one is a copy."""
    for tensor in context.floats:
        columns = tensor.reshape(len(tensor), -1)
        rows = len(torch.unique(columns, dim=0))
        if any(len(torch.unique(column)) > 0.5 * rows for column in columns.T[:200]) and rows > 10:
            return True
    return False


def _one_class_repeats(context: Context, own: list[bytes], counts: Counter[bytes]) -> bool:
    """Whether nearly all rows of one class are there twice and nearly none of another, as after oversampling."""
    target = context.data.whole.target
    if context.classes is None or not isinstance(target, Tensor) or len(target) != len(own):
        return False
    twice = torch.tensor([counts[key] > 1 for key in own])
    labels = target.reshape(-1)
    common = [label for label in labels.unique() if int((labels == label).sum()) > 9]
    shares = [float(twice[labels == label].double().mean()) for label in common]
    return len(shares) > 1 and max(shares) > 0.8 and min(shares) < 0.2


def leaking_column(context: Context) -> Iterable[Finding]:
    """A column that by itself is (nearly) the target, while the next best is far from it."""
    target = context.target
    tables = [tensor for tensor in leaves(context.rows.inputs) if tensor.ndim == 2]
    if target is None or not tables or len(context.rows) < 30 or target.numel() != len(target):
        return
    X = torch.cat([tensor.double() for tensor in tables], 1)
    if X.shape[1] < 3 or X.shape[1] > 2000 or not bool(torch.isfinite(X).all()):
        return
    classes = context.classes
    y = target.reshape(-1).double() if classes is None else classes.double()
    if not bool(torch.isfinite(y).all()) or float(y.std()) == 0:
        return
    rated, limit = (_correlations(X, y), LEAK) if classes is None else (_accuracies(X, classes), EXACT)
    order = rated.argsort(descending=True)
    (best, second), column = rated[order[:2]].tolist(), int(order[0])
    context.signal("best single column", best, limit, "target-leak")
    if not best > limit or (1 - second) < max(5 * (1 - best), BETTER):
        return
    number = classes is not None and _running(context, column)
    plain = classes is None or _copy(X[:, column], classes)
    if not plain and not number and X.shape[1] < SEVERAL:
        return
    enough = 1 - max(5 * (1 - best), BETTER if plain or number else FAR)
    others = _told_by(torch.cat([X[:, :column], X[:, column + 1 :]], 1), y, classes is not None, enough)
    if not others <= enough:
        return  # a task that is simply easy
    name = context.data.names[column] if column < len(context.data.names) else column
    how = "correlates with y by" if classes is None else "alone gives the class with an accuracy of"
    # what is nearly the target may be the law that there is to learn, where nothing else foretells it
    law = classes is None and others < LAW and not _affine(X[:, column], y)
    why = ", and is a number that runs through the rows" if number else ""
    yield (note if law else fault)(
        "target-leak",
        f"column {name} {how} {best:.4f}{why}; the next best column reaches {second:.2f}, all others together "
        f"{others:.2f}",
        "columns that are known before the target is",
        f"Leave column {name} out, unless it is really there when the network is used.",
        evidence={"column": column, "best": best, "second": second, "others": others},
        remedy=Remedy("data", "drop_column", column),
        where=Where(column=name),
    )


def _affine(column: Tensor, y: Tensor) -> bool:
    """Whether a column is the target itself, but for a factor, a constant and the precision of its numbers."""
    column, y = column - column.mean(), y - y.mean()
    rest = y - column * (column @ y) / (column @ column)
    return float(rest.norm()) < COPY * float(y.norm())


def _running(context: Context, column: int) -> bool:
    """Whether a column numbers the rows: no number comes twice, and all are whole steps apart, most of them next."""
    parts = [batch.whole for batch in (context.data, context.validation) if batch is not None]
    values = [torch.cat([t.double() for t in leaves(part.inputs) if t.ndim == 2], 1)[:, column] for part in parts]
    ordered = torch.cat(values).sort().values
    gaps = ordered.diff()
    if not len(gaps) or not bool((gaps > 0).all()):
        return False
    step = float(gaps.median())
    steps = gaps / step
    return float(steps.max()) < 20 and float((steps - steps.round()).abs().max()) < 0.02


def _copy(column: Tensor, classes: Tensor) -> bool:
    """Whether a column has one value a class."""
    return len(torch.unique(column)) == len(torch.unique(classes))


def _told_by(others: Tensor, y: Tensor, classes: bool, enough: float) -> float:
    """What the best of several learners finds in columns together, in the measure of single ones."""
    X, y = (evenly(each) for each in (others, y))
    if classes:
        labels = torch.unique(y, return_inverse=True)[1]
        return told_by(standard(X), torch.nn.functional.one_hot(labels).double(), True, enough)
    return max(told_by(standard(X), y[:, None], False, enough**2), 0.0) ** 0.5


def _correlations(X: Tensor, y: Tensor) -> Tensor:
    X, y = X - X.mean(0), y - y.mean()
    scale = X.norm(dim=0) * y.norm()
    return torch.where(scale > 1e-12, (X * y[:, None]).sum(0).abs() / scale.clamp_min(1e-12), 0.0)


def _accuracies(X: Tensor, classes: Tensor) -> Tensor:
    """The accuracy of the best rule of intervals, as many as there are classes, on each column by itself.

    Rows are sorted by the column; neighbours in that order are taken as the guess, so that a column on which classes
    lie in a few intervals has an accuracy near 1, however many intervals there are; columns of few values are counted
    value by value.
    """
    found = torch.zeros(X.shape[1], dtype=torch.float64)
    labels = torch.unique(classes, return_inverse=True)[1]
    k = int(labels.max()) + 1
    for column in range(X.shape[1]):
        values, which = torch.unique(X[:, column], return_inverse=True)
        if len(values) <= max(20, 2 * k):
            table = torch.zeros(len(values), k, dtype=torch.float64)
            table.index_put_((which, labels), torch.ones(len(labels), dtype=torch.float64), accumulate=True)
            found[column] = table.amax(1).sum() / len(labels)
        else:
            ordered = labels[X[:, column].argsort()]
            changes = int((ordered[1:] != ordered[:-1]).sum())
            found[column] = 1 - max(0, changes - (k - 1)) / len(labels) / 2
    return found


def scales_alike(context: Context) -> Iterable[Finding]:
    """Held-out inputs on another scale than the training inputs."""
    if context.held is None:
        return
    own, held = context.floats, [t for t in leaves(context.held.inputs) if t.is_floating_point()]
    if not own or len(own) != len(held) or len(context.held) < 8 or len(context.rows) < 8:
        return
    if not all(bool(torch.isfinite(tensor).all()) for tensor in (*own, *held)):
        return
    a, b = (Scales(*map(torch.cat, zip(*map(_scales, part), strict=True))) for part in (own, held))
    if a.mean.shape != b.mean.shape:
        return
    live = a.deviation > 1e-8 * a.largest.clamp_min(1e-12)
    if not bool(live.any()):
        return
    ratio = (b.deviation[live] / a.deviation[live]).clamp_min(1e-6).log2().abs()
    shift = (a.mean - b.mean).abs()[live] / a.deviation[live]
    stretched = context.signal("median factor between scales", float(2 ** ratio.median()), 2.0, "scaler-mismatch")
    moved = context.signal("median shift of columns", float(shift.median()), 3.0, "scaler-mismatch")
    far = stretched > 2.0 or moved > 3.0
    if not far and (own_scaler := scaling.of_its_own(context)):
        yield _scaled_apart(context, own_scaler)
    if far or moved > 1.0:
        found = scaling.told(context) if far else None
        wrong = far and (_wrong_scale(found, stretched, moved) or _left_raw(found, own, held))
        level = fault if wrong else note
        typical = [[float(each[live].median()) for each in (part.mean, part.deviation)] for part in (a, b)]
        yield _another_scale(level, typical, (stretched, moved), found)


def _another_scale(
    level: Callable[..., Finding], typical: list[list[float]], apart: tuple[float, float], found: scaling.Told | None
) -> Finding:
    (own, deviation), (held, other) = ([f"{figure:.3g}" for figure in part] for part in typical)
    others = found is not None and found.others
    do = "Fit the scaler on the training rows and apply the same one to the held-out rows."
    leave = "Leave them as they are, if they are later rows, or rows from elsewhere, and one scaler scaled both."
    return level(
        "scaler-mismatch",
        f"a typical column has mean {own} and standard deviation {deviation} in training, {held} and {other} in the "
        "held-out rows" + _foretold(found),
        "the same scale in both, or rows that are other ones" if others else "the same scale in both",
        leave if others else do,
        evidence={"factor": apart[0], "shift": apart[1]},
        remedy=None if others else Remedy("data", "scale_validation_like_training", True),
    )


def _wrong_scale(found: scaling.Told | None, stretched: float, moved: float) -> bool:
    """Whether held-out rows are on a wrong scale: they are foretold better on that of training, or no scaling else.

    Rows of which learners tell nothing may be other rows, such as later ones, where they are not far from the others.
    """
    if found is not None and (found.wrongly_scaled or found.others):
        return found.wrongly_scaled
    return stretched > MUCH or moved > 3.0


def _left_raw(found: scaling.Told | None, own: list[Tensor], held: list[Tensor]) -> bool:
    """Whether training inputs lie on both sides of 0 and no held-out number does: these were not centred."""
    if (found is not None and found.others) or sum(tensor.numel() for tensor in held) < RAW:
        return False
    below = float(torch.cat([(tensor < 0).flatten() for tensor in own]).double().mean())
    return below > BELOW and all(bool((tensor >= 0).all()) for tensor in held)


def _foretold(found: scaling.Told | None) -> str:
    if found is None or not (found.wrongly_scaled or found.others):
        return ""
    return (
        f"; what simple learners of the training rows tell of them above chance is {found.as_is:.2f}, and "
        f"{found.scaled:.2f} with the scale of training"
    )


def _scaled_apart(context: Context, how: str) -> Finding:
    """Parts that have each a scaler of their own: a fault where what the one tells is lost on the other."""
    found = scaling.told(context)
    lost = found is not None and found.lost
    figures = {} if found is None else {"own": found.own, "held_out": found.as_is}
    shown = ""
    if found is not None:
        shown = (
            f"; simple learners tell {found.own:.2f} of training rows above chance and {found.as_is:.2f} of the others"
        )
    return (fault if lost else note)(
        "scaler-mismatch",
        f"columns have {how}, in the training rows and in the held-out rows: each part was scaled by itself" + shown,
        "one scaler, fitted on the training rows, which leaves other ends and means to the held-out rows",
        "Fit the scaler on the training rows and apply the same one to the held-out rows.",
        evidence=figures,
        remedy=Remedy("data", "scale_validation_like_training", True),
    )


class Scales(NamedTuple):
    """Of each column its mean, its standard deviation and its largest size.

    Attributes
    ----------
    mean, deviation, largest : (columns,).
    """

    mean: Tensor
    deviation: Tensor
    largest: Tensor


def _scales(tensor: Tensor) -> Scales:
    columns = _columns(tensor)
    return Scales(columns.mean(0), columns.std(0), columns.abs().amax(0))


def _columns(tensor: Tensor) -> Tensor:
    """Columns of a table, channels of images, features of sequences."""
    tensor = tensor.double()
    if tensor.ndim <= 2:
        return tensor.reshape(len(tensor), -1)
    if tensor.ndim == 3:
        return tensor.reshape(-1, tensor.shape[-1])
    return tensor.movedim(1, -1).reshape(-1, tensor.shape[1])


def enough_rows(context: Context) -> Iterable[Finding]:
    """Held-out rows too few for a score with a useful error."""
    if context.validation is None or not context.validation.complete:
        return
    n = len(context.validation.whole)
    context.signal("held-out rows", n, FEW, "small-validation")
    if n < FEW:
        error = 0.5 / n**0.5
        enough = len(context.data.whole) >= MANY_MORE * max(n, NONE)  # of which some could have been held out
        yield (fault if n <= NONE and enough else note)(
            "small-validation",
            f"{n} held-out rows: an accuracy of them has a standard error of up to {100 * error:.0f} points",
            f"at least {FEW}",
            "Hold out more rows, or use cross-validation.",
            evidence={"rows": n},
        )
