"""Questions to the graph from the loss to the weights, and to what an answer depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.anatomy import recorded
from netwright.checks.before.backward.walking import hides_a_part, leaves_of_pass
from netwright.checks.before.inputs import has_a_part
from netwright.checks.before.purpose import copies_among, looks_learned, put_to_eval
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.facts import scaled
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.reading import Batch, leaves
from netwright.checks.trial import call

CHANGED = 1e-5  # of the size of the outputs: below it two answers are the same


def owned(context: Context) -> Iterable[Finding]:
    """Weights in the graph that the module does not own: kept in a plain list, or drawn anew in every pass."""
    strange, new, kind = _strange(context)
    context.signal("weights of the graph that the module does not own", len(strange), 0, "unregistered")
    if not strange:
        return
    shapes = ", ".join(str(tuple(t.shape)) for t in strange[:4])
    one = len(strange) == 1
    weights = f"a weight (shape {shapes})" if one else f"{len(strange)} weights (shapes {shapes})"
    if kind == "new":
        seen = f"{weights} of the graph {'is' if one else 'are'} made anew in every forward pass"
        do = "Make layers in __init__ and only call them in forward."
    elif kind == "kept":
        seen = f"{weights} {'is' if one else 'are'} used in forward and not among module.parameters()"
        do = "Keep layers in nn.ModuleList or nn.ModuleDict, and tensors as nn.Parameter."
    else:
        seen = f"{weights} {'is' if one else 'are'} used in {kind} and in no optimizer"
        do = "Freeze them with requires_grad_(False) if they are not to learn; else give them to the optimizer."
    yield (fault if kind in ("new", "kept") else note)(
        "unregistered",
        seen,
        "all weights among module.parameters()",
        do,
        evidence={"weights": len(strange), "anew": new},
        remedy=Remedy("module", "register", [list(t.shape) for t in strange[:20]]),
    )


def _strange(context: Context) -> tuple[list[Tensor], int, str]:
    """The weights that the module does not own, how many of them are made anew in a pass, and of what kind they are."""
    module, optimizers, loss = context.copies()
    known = {id(p) for p in (*module.parameters(), *context.user_module.parameters(), *_parameters(loss))}
    held = [*context.user_optimizers, *optimizers]
    known |= {id(p) for o in held for group in o.param_groups for p in group["params"]}
    known |= {id(tensor) for tensor in leaves(context.batch.inputs)}
    few = context.batch.rows(slice(0, max(2, len(context.batch) - 1)))
    module.train()
    with quiet(), torch.enable_grad():
        (reached, inside), (again, _) = (leaves_of_pass(module, loss, context.batch) for _ in range(2))
        strange, repeated = [t for t in reached if id(t) not in known], {id(t) for t in again}
        if any(id(t) not in repeated for t in strange):  # what has as many rows as the batch is an input of a kind
            shapes = {t.shape for t in leaves_of_pass(module, loss, few)[0] if id(t) not in known}
            strange = [t for t in strange if id(t) in repeated or t.shape in shapes]
    new = sum(id(t) not in repeated for t in strange)
    if new:
        return strange, new, "new"
    if not any(id(t) in inside for t in strange):
        return strange, 0, "the loss"
    asleep = {id(t) for t in strange} <= put_to_eval(module)
    return strange, 0, "forward, by a network in eval mode," if asleep else "kept"


def _parameters(loss: Any) -> Iterator[Tensor]:
    if isinstance(loss, nn.Module):
        yield from loss.parameters()


def reached(context: Context) -> Iterable[Finding]:
    """Trainable parameters of layers that were called, to which no gradient comes: the graph is cut after them."""
    gradients = context.gradients
    named = dict(context.user_module.named_parameters())
    held = {id(p) for o in context.user_optimizers for group in o.param_groups for p in group["params"]}
    missed = [
        name
        for name, gradient in gradients.items()
        if gradient is None and named[name].requires_grad and not context.intent.freezes(name)
    ]
    if missed and hides_a_part(*context.copies()[::2], context.batch):
        return
    context.signal("trainable parameters without a gradient", len(missed), 0, "detached")
    if not missed or (len(missed) == len([p for p in named.values() if p.requires_grad]) and not _some(context)):
        return
    cut = _cut_off(context, missed)
    follow = copies_among(missed, named, [name for name, gradient in gradients.items() if gradient is not None])
    steered = [name for name in cut if (id(named[name]) in held or not held) and name not in follow]
    if steered:
        meant = not held or _stands_still(context, steered)
        yield (note if meant else fault)(
            "detached",
            f"no gradient reaches {_listed(steered)}, though forward uses them",
            "a path from the loss to every trainable parameter",
            "Look after these layers for .detach(), .data, .item(), .numpy(), torch.tensor(...) or torch.no_grad(); "
            "freeze them with requires_grad_(False) if it is meant.",
            evidence={"parameters": steered[:50]},
            remedy=Remedy("module", "attach", steered[0].rpartition(".")[0]),
            where=Where(layer=steered[0].rpartition(".")[0] or steered[0]),
        )
    unused = [name for name in missed if name not in cut and name not in follow]
    if unused and not steered:
        yield note(
            "detached",
            f"the output does not use {_listed(unused)}",
            "layers that have a part in the output",
            "Remove the layer, or call it in forward and use what it gives.",
            evidence={"parameters": unused[:50]},
            where=Where(layer=unused[0].rpartition(".")[0]),
        )


def _cut_off(context: Context, names: list[str]) -> list[str]:
    """Of some parameters those whose layers forward calls, in train mode, and uses."""
    called = _called(context) | {""}
    paths = {name.rpartition(".")[0] for name in names} & called
    used = {path for path in paths if has_a_part(context, path)}
    return [name for name in names if name.rpartition(".")[0] in used]


def _called(context: Context) -> set[str]:
    """The paths of the layers that forward calls in train mode."""
    module = context.fresh().train()
    with quiet(), torch.no_grad(), recorded(module) as record:
        call(module, context.batch)
    return {path for path, _, _ in record.calls}


def _stands_still(context: Context, names: list[str]) -> bool:
    """Whether parameters are meant to stand still: their layers are in eval mode by themselves, or were trained."""
    user = context.user_module
    parts = [user.get_submodule(name.rpartition(".")[0]) for name in names]
    matrices = [p for p in (user.get_parameter(name) for name in names) if p.ndim > 1]
    asleep = user.training and not any(part.training for part in parts)
    return asleep or (bool(matrices) and all(map(looks_learned, matrices)))


def steps_have_slopes(context: Context) -> Iterable[Finding]:
    """A rounding in forward, before which every gradient is exactly 0."""
    steps = [each_one for each_one in context.seen[0].operations if each_one.kind == "step"]
    given = context.gradients.items()
    found = {name: gradient for name, gradient in given if gradient is not None and not gradient.is_sparse}
    zero = [name for name, gradient in found.items() if float(gradient.abs().max()) == 0.0]
    context.signal("parameters whose gradient is exactly 0", len(zero), 0, "not-differentiable")
    if not steps or not zero or name_of_first(context) not in zero:
        return
    place = steps[-1].path or "forward"
    yield fault(
        "not-differentiable",
        f"a rounding, sign or argmax at {place} has a slope of 0 everywhere: the gradient of {len(zero)} of "
        f"{len(found)} parameters is exactly 0",
        "a gradient for every trainable parameter",
        "Take it out of the path from the weights to the loss, or give it a surrogate gradient (straight-through).",
        evidence={"parameters": zero[:50]},
        where=Where(layer=place),
    )


def name_of_first(context: Context) -> str | None:
    """The name of the first weight matrix that is used and trainable."""
    return next((name for name, weight in context.layers if weight.requires_grad), None)


def _some(context: Context) -> bool:
    """Whether the output has a graph at all, so that a loss without gradient is not to blame on the loss."""
    module = context.fresh().train()
    with quiet(), torch.enable_grad():
        output = call(module, context.batch)
    return not any(tensor.requires_grad for tensor in leaves(output))


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


def rows_apart(context: Context) -> Iterable[Finding]:
    """In eval mode, an answer that changes when another row of the batch does."""
    batch = context.probe.rows(slice(0, 16))
    n = len(batch)
    if n < 3 or _answers_differ(context, batch):
        return
    before = context.answer(context.module, batch)
    tensors = [tensor for tensor in leaves(before) if tensor.is_floating_point()]
    if any(len(tensor) != n for tensor in tensors if tensor.ndim) and tensors:
        yield from _other_length(context, n, tensors)
        return
    if any(not bool(torch.isfinite(tensor).all()) or not tensor.ndim for tensor in tensors):
        return
    for rows in ([n // 2], list(range(0, n, 2))):  # another row may be the same where it tells
        worst, row = _moved(context, batch, tensors, rows)
        context.signal("change of an answer when another row changes", worst, CHANGED, "batch-mixing")
        if worst > 10 * CHANGED:
            yield _mixed(context, worst, row, rows)
            return


def _moved(context: Context, batch: Batch, before: list[Tensor], rows: list[int]) -> tuple[float, int]:
    """By how much, of the size of the outputs, and where most, the answers for other rows move when some change."""
    changed = _swapped(context, batch, rows)
    after = [t for t in leaves(context.answer(context.module, changed)) if t.is_floating_point()]
    worst, row = 0.0, 0
    for old, new in zip(before, after, strict=True):
        moved = (new - old).abs().reshape(len(batch), -1).amax(1)
        moved[rows] = 0
        size = float((old - old.mean(0)).abs().max())
        if size > 1e-9 and float(moved.max()) / size > worst:
            worst, row = float(moved.max()) / size, int(moved.argmax())
    return worst, row


def _mixed(context: Context, worst: float, row: int, rows: list[int]) -> Finding:
    do = (
        "softmax runs over dim 0, which is the batch: use dim=1."
        if _softmax_over_rows(context)
        else "Look for batch_first=True missing in an RNN or attention layer, a reshape or transpose that moves "
        "dim 0, or a mean, softmax or norm over dim 0."
    )
    return fault(
        "batch-mixing",
        f"in eval mode the output of row {row} changes by {worst:.2g} of the outputs' size when only "
        + (f"row {rows[0]} of the batch changes" if len(rows) == 1 else "every second row, 0, 2, ..., changes"),
        "rows that do not influence each other",
        do[0].upper() + do[1:],
        evidence={"change": worst, "row": row, "changed_row": rows[0], "changed_rows": rows},
        remedy=Remedy("module", "batch_first", True),
        where=Where(layer=_suspect(context)),
    )


def _other_length(context: Context, n: int, tensors: list[Tensor]) -> Iterable[Finding]:
    if isinstance(context.probe.target, Tensor) and len(tensors) == 1:
        yield fault(
            "batch-mixing",
            f"{n} rows go in and an output of shape {tuple(tensors[0].shape)} comes out",
            f"{n} along dim 0",
            "Keep dim 0 for the rows: view(len(x), -1), permute and batch_first=True do.",
            evidence={"rows": n, "shape": list(tensors[0].shape)},
        )


def _softmax_over_rows(context: Context) -> bool:
    for operation in context.seen[0].operations:
        if operation.kind in ("softmax", "log_softmax") and operation.output.ndim > 1:
            values = operation.output.exp() if operation.kind == "log_softmax" else operation.output
            if len(values) > 2 and bool(((values.sum(0) - 1).abs() < 1e-3).all()):
                return True
    return False


def _suspect(context: Context) -> str | None:
    """The first layer that takes time before rows."""
    for path, layer, _ in context.seen[0].calls:
        if isinstance(layer, (nn.RNNBase, nn.MultiheadAttention)) and not layer.batch_first:
            return path
    return None


def _swapped(context: Context, batch: Batch, rows: list[int]) -> Batch:
    """The batch with others put in for some rows, whose real numbers are in reverse order; symbols keep theirs."""
    n = len(batch)
    order = torch.arange(n)
    order[rows] = (order[rows] + n // 3) % n
    exchanged = batch.rows(order)

    def reverse(tensor: Tensor) -> Tensor:
        other = tensor.clone()
        other[rows] = tensor[rows].reshape(len(rows), -1).flip(1).reshape(tensor[rows].shape)
        return other

    return scaled(Batch(exchanged.inputs, batch.target), reverse, context.symbols)


def _answers_differ(context: Context, batch: Batch) -> bool:
    """Whether the same question gives another answer, even with the same random numbers."""
    module = context.fresh()
    first, second = (list(leaves(context.answer(module, batch))) for _ in range(2))
    return any(not torch.equal(a, b) for a, b in zip(first, second, strict=True) if a.shape == b.shape)


def statistics_in_two_places(context: Context) -> Iterable[Finding]:
    """A normalisation layer that is called more than once in a pass, on values of different scale."""
    calls: dict[str, list[Tensor]] = {}
    for path, layer, inputs in context.seen[0].calls:
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats:
            calls.setdefault(path, []).append(inputs[0].detach())
    for path, inputs in calls.items():
        if len(inputs) < 2:
            continue
        axes = [axis for axis in range(inputs[0].ndim) if axis != 1]
        if any(tensor.shape[1] != inputs[0].shape[1] for tensor in inputs):
            continue
        means = torch.stack([t.mean([a for a in range(t.ndim) if a != 1]) for t in inputs])
        deviation = inputs[0].std(axes).clamp_min(1e-9)
        apart = float(((means.amax(0) - means.amin(0)) / deviation).median())
        context.signal("difference of the means in the places of one layer", apart, 0.5, "shared-stateful-layer")
        ratio = torch.stack([t.std([a for a in range(t.ndim) if a != 1]) for t in inputs]).clamp_min(1e-9)
        factor = float((ratio.amax(0) / ratio.amin(0)).median())
        level = fault if apart > 0.5 or factor > 1.5 else note
        yield level(
            "shared-stateful-layer",
            f"{path} is used in {len(inputs)} places of a pass, on values whose means are {apart:.2g} standard "
            f"deviations apart and whose scales differ by a factor of {factor:.2g}",
            "one normalisation layer for each place",
            "Make a second layer.",
            evidence={"places": len(inputs), "means_apart": apart, "factor": factor},
            remedy=Remedy("module", "split_layer", path),
            where=Where(layer=path),
        )
