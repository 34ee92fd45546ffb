"""Questions to targets with a class at each place: which outputs a place is compared with, and what these have seen.

One entry of the target is changed to another class, and the outputs whose gradient changes are those that the loss
compares it with. In a right program they lie along the axis of the classes, in the row of the target::

    output (rows, steps, classes), target (rows, steps)     entry [b, t]  ->  outputs [b, t, :]

After a ``view`` in the place of a ``transpose`` they lie at several places, just where the numbers of the one shape
come in the other. What mixes places on purpose (CTC, a random field, dice) changes others, and nothing is said of it.

Reference: Karpathy, *A recipe for training neural networks*, 2019: "use backprop to chart dependencies".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, permutations
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, fault
from netwright.checks.loss_kind import NUMBERS
from netwright.checks.reading import Batch, each, leaves
from netwright.checks.trial import call, called

ROWS = (5, 6, 4, 7, 3, 8, 2)  # of a question to the loss, the first of them that no axis of the target has
MOST = 1_000_000  # numbers of such an output
CHANGED, ASKED = 4, 12  # places that have to answer, and that are asked at most
SHARE, ROUNDING = 1e-3, 1e-4  # of the largest change of a gradient, and of the gradient, beneath which nothing changed
STEPS = 4  # that a sequence has at least
SEEN, UNSEEN = 1e-3, 1e-5  # change of an answer, of what rows differ by, with an input that it sees, and does not see
NUDGE = 0.05  # of the weights of a copy, so that gates that begin at 0 hide nothing
WIDE = 64  # features of a step at most
RANK = 1e-4  # of the largest singular value, beneath which a direction is lost

Place = tuple[int, ...]


@dataclass(frozen=True)
class Few:
    """A few rows for questions to a loss.

    Attributes
    ----------
    output, target : as the loss has them. z, y : their first tensors. axes : of z, along which classes may lie.
    """

    output: Any
    target: Any
    z: Tensor
    y: Tensor
    axes: tuple[int, ...]

    @property
    def classes(self) -> int:
        """How many there are."""
        return self.z.shape[self.axes[0]]


@dataclass(frozen=True)
class Meeting:
    """A place of the target, its class before and after a change, and the outputs whose gradient changes with it."""

    place: Place
    classes: tuple[int, int]
    outputs: tuple[Place, ...]


def compared(context: Context) -> Iterable[Finding]:
    """A loss that compares a place of the target with outputs of other places, as numbers come in another shape."""
    few = few_rows(context)
    found = [] if few is None else meetings(context, few)
    if few is None or len(found) < CHANGED:
        return
    away = [meeting for meeting in found if _axis_of(few, meeting) is None]
    share = len(away) / len(found)
    context.signal("share of targets that are compared with outputs of other places", share, 0.0, "wrong-axes")
    if not away:
        return
    order = next((order for order in _orders(few) if all(_explains(few, order, meeting) for meeting in found)), None)
    if order is None:
        return
    first, shape = away[0], tuple(few.z.shape)
    taken, read = (tuple(sizes[axis] for axis in axes) for sizes, axes in zip((shape, _sizes(few)), order, strict=True))
    turned = "" if taken == shape else f", turned to {taken},"
    yield fault(
        "wrong-axes",
        f"the target of row {first.place[0]} at {_shown(first.place[1:])} is compared with outputs "
        f"{' and '.join(map(str, first.outputs[:2]))}, and so on in {len(away)} of {len(found)} places: the loss takes "
        f"the numbers of an output of shape {shape}{turned} in the order of shape {read}",
        "each target compared with the outputs of its own row and place",
        "Change the order of axes with transpose or permute before the loss, and flatten output and target in one "
        "order; view and reshape only regroup the numbers.",
        evidence={"place": first.place, "outputs": first.outputs[:8], "shape": shape, "read_as": read},
        remedy=_remedy(few, order),
    )


def unshifted(context: Context) -> Iterable[Finding]:
    """Targets that are the inputs themselves, of a network whose answer to a place sees that and none after it."""
    x, y = (next(leaves(part), None) for part in (context.rows.inputs, context.rows.target))
    if x is None or y is None or x.shape != y.shape or x.ndim < 2 or x.shape[1] < STEPS:
        return
    along = _copied_symbols(context, x, y) if x.ndim == 2 else _copied_numbers(context, x, y)
    if along is None or _draws(context):
        return
    later, own, earlier = _sight(context, along)
    context.signal("change of an answer when the inputs after it change", later, UNSEEN, "target-leak")
    if not (later <= UNSEEN and own > SEEN) or (x.ndim == 3 and not (earlier > SEEN and _passes_all(context))):
        return
    yield fault(
        "target-leak",
        f"the target of a step is the input of that step in all {len(x)} rows, and the answer to a step changes by "
        f"{own:.2g} of what rows differ by with the input of that step, and by {later:.2g} with those after it",
        "the input of the next step as the target of a network that reads in one direction",
        "Shift the targets: inputs sequence[:, :-1], targets sequence[:, 1:].",
        evidence={"own": own, "later": later},
        remedy=Remedy("target", "shift", 1),
    )


# which outputs a target is compared with


def few_rows(context: Context) -> Few | None:
    """The answers to a few rows where the target has a class at each place; None where it has not.

    Parameters
    ----------
    context : the program.
    """
    z, y = (next(leaves(part), None) for part in (context.output, context.probe.target))
    if z is None or y is None or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool or y.ndim < 2:
        return None
    if z.dtype not in (torch.float32, torch.float64) or z.ndim != y.ndim + 1:
        return None
    sizes = [n for n in ROWS if n <= len(y) and n not in y.shape[1:] and n * z.numel() <= MOST * len(context.probe)]
    if not sizes:
        return None
    batch = context.probe.rows(slice(0, sizes[0]))
    try:
        output = context.answer(context.module, batch)
    except Exception:  # a network for batches of one size
        return None
    z, y = next(leaves(output)), next(leaves(batch.target))
    axes = tuple(a for a in range(1, z.ndim) if z.shape[a] > 1 and z.shape[:a] + z.shape[a + 1 :] == y.shape)
    return Few(output, batch.target, z.detach(), y, axes) if axes else None


def meetings(context: Context, few: Few) -> list[Meeting]:
    """Places of the target and the outputs that each is compared with; none where places are mixed on purpose.

    Parameters
    ----------
    context : the program. few : rows of it.
    """
    places = ((few.y >= 0) & (few.y < few.classes)).nonzero()
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(0))[:ASKED]
    found: list[Meeting] = []
    try:
        before = _slope(context, few, few.y)
        for at in map(tuple, places[order].tolist()):
            old = int(few.y[at])
            new = (old + max(few.classes // 2, 1)) % few.classes
            changed = few.y.clone()
            changed[at] = new
            outputs = _changed(before, _slope(context, few, changed), few.classes)
            if outputs is None:
                return []
            found += [Meeting(at, (old, new), outputs)] if len(outputs) > 1 else []
            if len(found) == CHANGED:
                break
    except Exception:  # a loss that refuses other rows or classes than its own
        return []
    return found


def _slope(context: Context, few: Few, y: Tensor) -> Tensor:
    """The gradient of the loss in the output, at other targets."""
    z = few.z.clone().requires_grad_()
    with quiet(), torch.enable_grad():
        value = torch.as_tensor(context.loss(_with_first(few.output, z.clone()), _with_first(few.target, y.clone())))
        return torch.autograd.grad(value.sum(), z)[0]


def _with_first(structure: Any, tensor: Tensor) -> Any:
    """A structure with another first tensor."""
    number = count()
    return each(structure, lambda old: old.clone() if next(number) else tensor)


def _changed(before: Tensor, after: Tensor, most: int) -> tuple[Place, ...] | None:
    """The outputs whose gradient changes by more than a factor of all, as weights make one; None where too many do."""
    used = before.abs() > SHARE * before.abs().max()
    if not bool(used.any()) or not bool(torch.isfinite(before).all() and torch.isfinite(after).all()):
        return ()
    apart = (after - (after[used] / before[used]).median() * before).abs()
    if not apart.max() > ROUNDING * before.abs().max():
        return ()
    places = (apart > SHARE * apart.max()).nonzero()
    return None if len(places) > most else tuple(map(tuple, places.tolist()))


def _axis_of(few: Few, meeting: Meeting) -> int | None:
    """The axis of classes along which the outputs of a meeting lie, in the row of the target; None where none is."""
    for axis in few.axes:
        places = {place[:axis] + place[axis + 1 :] for place in meeting.outputs}
        if len(places) == 1 and next(iter(places))[0] == meeting.place[0]:
            return axis
    return None


# in which order a loss takes the numbers of an output


def _sizes(few: Few) -> Place:
    """The sizes of the axes of the target, and the classes."""
    return (*few.y.shape, few.classes)


def _orders(few: Few) -> Iterator[tuple[Place, Place]]:
    """Orders of the axes of the output, and of those of the target with the classes at the end, plain ones first."""
    axes = tuple(range(few.z.ndim))
    for turned in permutations(axes) if few.z.ndim <= 4 else [axes]:
        for read in permutations(axes):
            yield turned, read


def _explains(few: Few, order: tuple[Place, Place], meeting: Meeting) -> bool:
    """Whether a target meets its outputs where the output, its axes in the one order, is read in the other.

    All outputs must be of the place of the target, and its classes before and after the change among them.
    """
    turned, read = order
    sizes, met = _sizes(few), set[int]()
    for place in meeting.outputs:
        at = 0
        for axis in turned:
            at = at * few.z.shape[axis] + place[axis]
        found = [0] * len(sizes)
        for axis in reversed(read):
            at, found[axis] = divmod(at, sizes[axis])
        if tuple(found[:-1]) != meeting.place:
            return False
        met.add(found[-1])
    return met >= set(meeting.classes)


def _remedy(few: Few, order: tuple[Place, Place]) -> Remedy | None:
    """The order of axes that puts the classes where the loss takes them to be, after the rows."""
    turned, read = order
    last = few.z.ndim - 1
    if turned != tuple(range(few.z.ndim)) or few.axes != (last,) or read != (0, last, *range(1, last)):
        return None
    return Remedy("loss", "permute", list(read))


def _shown(place: Place) -> str:
    return str(place[0]) if len(place) == 1 else str(place)


# what an answer has seen


def _copied_symbols(context: Context, x: Tensor, y: Tensor) -> int | None:
    """The axis of the steps in the output where targets are the input's symbols, and meet the outputs of their step."""
    if x.is_floating_point() or y.is_floating_point() or len(torch.unique(y)) < 2 or not _same_or_left_out(x, y, None):
        return None
    few = few_rows(context)
    found = [] if few is None else meetings(context, few)
    axes = {None if few is None else _axis_of(few, meeting) for meeting in found}
    axis = axes.pop() if len(axes) == 1 else None
    if few is None or axis is None or len(found) < CHANGED or not _same_or_left_out(x, y, few.classes):
        return None
    own = all(place[:axis] + place[axis + 1 :] == meeting.place for meeting in found for place in meeting.outputs)
    return 3 - axis if own else None  # a loss may shift by itself


def _same_or_left_out(x: Tensor, y: Tensor, classes: int | None) -> bool:
    """Whether all targets that are classes are the input's symbols, more than one of them."""
    counted = (y >= 0) if classes is None else (y >= 0) & (y < classes)
    return bool((x == y)[counted].all()) and len(torch.unique(y[counted])) > 1


def _copied_numbers(context: Context, x: Tensor, y: Tensor) -> int | None:
    """The axis of the steps where targets are real inputs that each output is compared with."""
    z = context.output
    if x.ndim != 3 or not x.is_floating_point() or not torch.equal(x, y) or x.shape[2] > WIDE:
        return None
    fits = isinstance(z, Tensor) and z.shape[1:] == y.shape[1:] and context.kind in NUMBERS
    return 1 if fits and float(x.double().std()) > 0 else None


def _nudged(context: Context) -> nn.Module:
    """A copy of the module with other weights: what begins at 0 hides nothing that it will see."""
    module, draw = context.fresh().eval(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in module.parameters():
            if p.requires_grad and p.is_floating_point():
                p.add_(torch.randn(p.shape, generator=draw, dtype=p.dtype).to(p.device), alpha=NUDGE)
    return module


def _sight(context: Context, along: int) -> tuple[float, float, float]:
    """How far an answer moves with the inputs after its step, with that of its step and with those before it.

    Parameters
    ----------
    context : the program. along : the axis of the steps in the output.
    """
    module, probe = _nudged(context), context.probe
    x = next(leaves(probe.inputs))
    old = next(leaves(context.answer(module, probe))).double()
    size = max(float((old - old.mean(0)).abs().mean()), 1e-12)

    def moved(inputs: slice, answers: slice) -> float:
        other = x.clone()
        other[:, inputs] = x[:, inputs].roll(1, 0)
        new = next(leaves(context.answer(module, Batch(_with_first(probe.inputs, other), probe.target)))).double()
        return float((new - old).movedim(along, 1)[:, answers].abs().amax()) / size

    cuts = [x.shape[1] // 2 - 1, x.shape[1] // 2]  # of blocks of several steps one is cut
    later = max(moved(slice(cut + 1, None), slice(0, cut + 1)) for cut in cuts)
    here = slice(cuts[1], cuts[1] + 1)
    return later, moved(here, here), moved(slice(0, cuts[1]), here)


def _draws(context: Context) -> bool:
    """Whether the module itself, and not a layer of torch, changes its rows at random in training, as against noise."""
    module = context.fresh().train()
    for part in module.modules():
        part.training = part.training and not type(part).__module__.startswith("torch.nn")
    answers = []
    for seed in (1, 2):
        with quiet(seed), torch.no_grad():
            answers.append(next(leaves(call(module, context.probe))))
    return not torch.allclose(answers[0], answers[1], rtol=1e-5, atol=1e-6)


def _passes_all(context: Context) -> bool:
    """Whether each direction of a step's input reaches the answer to it: nothing is squeezed through a narrow code."""
    module, row = _nudged(context), context.probe.rows(slice(0, 1))
    if any(isinstance(part, nn.modules.dropout._DropoutNd) and _hears(module, part, row) for part in module.modules()):
        return False
    x = next(leaves(row.inputs)).clone().requires_grad_()
    step = x.shape[1] // 2
    with quiet(), torch.enable_grad():
        answer = next(leaves(called(module, _with_first(row.inputs, x))))[0, step]
        slopes = [torch.autograd.grad(each_one, x, retain_graph=True)[0][0, step] for each_one in answer]
    values = torch.linalg.svdvals(torch.stack(slopes).double())
    return math.isfinite(float(values[0])) and float(values[-1]) > RANK * float(values[0])


def _hears(module: nn.Module, part: nn.Module, row: Batch) -> bool:
    """Whether a layer is given the inputs themselves."""
    given: list[Tensor] = []
    handle = part.register_forward_hook(lambda _, inputs, __: given.append(inputs[0]))
    with quiet(), torch.no_grad():
        call(module, row)
    handle.remove()
    x = next(leaves(row.inputs))
    return any(tensor.shape == x.shape and torch.equal(tensor, x) for tensor in given)
