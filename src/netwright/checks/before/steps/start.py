"""Questions to the start: are units different, is the first loss that of ignorance, does the signal arrive."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.anatomy import Operation
from netwright.checks.before.steps.gates import flat_share
from netwright.checks.before.unseen import worse_on_unseen
from netwright.checks.context import Context, learns, steps_in_the_end
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.reading import leaves
from netwright.checks.trial import Change, Trial, default_start, run_trial

FADED = 1e-3  # gradient of the first weights over that of the last
CONFIDENT = 2.0  # first loss over that of ignorance
LOUD, SMALLER = 10.0, 0.1  # the same of a start that no default mends, and what its weights are then multiplied by
DEAD = 0.9  # share of units of a layer
FLAT = 0.5  # share of activations at a flat end
STRONG = 2.0  # standard deviation of what enters a recurrent layer, above which it is what drives the units flat
HELPS = 0.75


def units_differ(context: Context) -> Iterable[Finding]:
    """Layers whose units are all the same at the start and still are after a few steps."""
    same = [name for name, weight in _hidden(context) if _alike(weight)]
    context.signal("layers whose units are all the same", len(same), 0, "symmetric-init")
    if not same:
        return
    module = context.fresh()
    adam = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=1e-3)
    trial = run_trial((module, [adam]), context.loss, context.data.stream(5))
    after = dict(trial.module.named_parameters())
    stuck = [name for name in same if _alike(after[name])]
    if not stuck:
        return
    weight = dict(context.user_module.named_parameters())[stuck[0]]
    layer = stuck[0].rpartition(".")[0]
    value = float(weight.detach().flatten()[0])
    yield fault(
        "symmetric-init",
        f"all {len(weight)} units of {layer or stuck[0]} have the same weights (the first is {value:.3g}), and still "
        "have after 5 steps",
        "units that differ",
        "Draw the weights at random: leave the layer's own initialisation, or use nn.init.kaiming_uniform_.",
        evidence={"layers": stuck, "value": value},
        remedy=Remedy("module", "reset_parameters", True),
        where=Where(layer=layer or stuck[0]),
    )


def _hidden(context: Context) -> list[tuple[str, nn.Parameter]]:
    weights = [(name, weight) for name, weight in context.layers if weight.requires_grad and len(weight) > 1]
    return (weights if len(context.layers) > 1 else []) + list(_tables(context))


def _tables(context: Context) -> Iterable[tuple[str, Any]]:
    """The vectors that are looked up and have a part in the loss."""
    for path, layer in context.module.named_modules():
        if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) and layer.weight.requires_grad and not layer.sparse:
            name = f"{path}.weight" if path else "weight"
            if len(layer.weight) > 1 and context.gradients.get(name) is not None:
                yield name, layer.weight


def _alike(weight: Tensor) -> bool:
    rows = weight.detach().double().reshape(len(weight), -1)
    return float(rows.std(0).max()) <= 1e-7 * max(float(rows.abs().max()), 1e-12) or float(rows.abs().max()) == 0.0


@dataclass
class Fresh:
    """The same program with every layer drawn anew by its own default.

    Attributes
    ----------
    left : of the loss after as many steps. start : the loss before. ratio : of the gradients, first over last.
    """

    left: float
    start: float
    ratio: float


def redrawn(context: Context, change: Change = default_start) -> Fresh:
    """What the program does with layers drawn by their own defaults.

    Parameters
    ----------
    context : the program. change : another start.
    """
    trial: Trial = context.trial(change)
    module = context.fresh()
    with quiet():
        change(module, [])
    other = context.with_(user_module=module, user_optimizers=[])
    return Fresh(context.left(trial), trial.start, gradient_ratio(other))


def gradient_ratio(context: Context) -> float:
    """Mean |gradient| of the first weight matrix over that of the last; 1 for fewer than three, or NaN."""
    if len(context.layers) < 3:
        return 1.0
    gradients = context.gradients
    sizes = []
    for name, weight in context.layers:
        gradient = gradients.get(name)
        if weight.requires_grad and gradient is not None and not gradient.is_sparse:
            sizes.append(float(gradient.double().abs().mean()))
    if len(sizes) < 3 or not all(map(math.isfinite, sizes)) or sizes[-1] <= 0:
        return 1.0
    return sizes[0] / sizes[-1]


def scale_of_weights(context: Context) -> Iterable[Finding]:
    """A first loss far above ignorance, or a signal that dies, which layers drawn by their default do not have."""
    prior, start = context.prior, context.start
    many = sum(weight.numel() for _, weight in context.layers) >= 16
    if not math.isfinite(prior) or prior <= 1e-9 or not context.user_optimizers or not many:
        return
    high = context.signal("first loss over that of ignorance", start / prior, CONFIDENT, "init-scale")
    ratio = context.signal("gradient of the first weights over the last", gradient_ratio(context), FADED, "")
    still = _still(context)
    if not (high > CONFIDENT and start - prior > 0.5) and ratio >= FADED and not still:
        return
    if learns(context) and context.left(context.as_is) < 0.5:
        return
    fresh = redrawn(context)
    before = context.left(context.as_is)
    calmer = fresh.start < 0.5 * start or fresh.ratio > 10 * max(ratio, 1e-12) or still
    if fresh.left < HELPS * before and before - fresh.left > 0.1 and calmer:
        large = high > CONFIDENT
        size, usual = _sizes(context)
        if not large and size > usual / 1.3 and (size < 1.3 * usual or _most_dead(context) > DEAD):
            return  # it is not the weights: units may be off by their biases, which is asked for next
        yield (note if context.in_the_end < 0.5 and not worse_on_unseen(context, default_start) else fault)(
            "init-scale",
            (f"the first loss is {start:.3g}, and {prior:.3g} for the best constant answer" if large else "")
            + ("" if large else f"outputs hardly differ from row to row ({_variation(context):.1e})")
            + f"; weights have a standard deviation of {size:.2g} ({usual:.2g} by the layers' default, with which "
            f"{context.steps} steps leave {fresh.left:.2g} of the loss, not {min(before, 1e6):.2g})",
            "a first loss near that of guessing, and a signal that arrives",
            "Leave the layers' own initialisation, or use He's (kaiming) for ReLU and Glorot's (xavier) for tanh.",
            evidence={"start": start, "prior": prior, "left_as_is": before, "left_default": fresh.left},
            remedy=Remedy("module", "reset_parameters", True),
        )
    elif high > LOUD:
        yield from _too_loud(context, high)


def _too_loud(context: Context, high: float) -> Iterable[Finding]:
    """Weights as their layers draw them that are too large where they are used: shared, or passed many times."""
    before, small = context.left(context.as_is), redrawn(context, smaller)
    context.signal("loss left with weights a tenth as large", small.left / max(before, 1e-12), HELPS, "init-scale")
    if not (small.left < HELPS * min(before, 1e6) and before - small.left > 0.1 and small.start < 0.1 * context.start):
        return
    if context.in_the_end < 0.5 and not worse_on_unseen(context, smaller):
        return
    yield fault(
        "init-scale",
        f"the first loss is {context.start:.3g}, {high:.2g} times that of the best constant answer; with all weights a "
        f"tenth as large it is {small.start:.3g}, and {context.steps} steps leave {small.left:.2g} of the loss, not "
        f"{min(before, 1e6):.2g}",
        "a first loss near that of guessing",
        f"Draw the weights {SMALLER:g} times as large. A table that is the last layer too wants a deviation of "
        "1/sqrt(d); of what is added up round by round take the mean.",
        evidence={"start": context.start, "prior": context.prior, "left_as_is": before, "left_smaller": small.left},
        remedy=Remedy("module", "weights", SMALLER),
    )


def smaller(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    """A change: every weight matrix a tenth as large."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1 and parameter.requires_grad:
                parameter.mul_(SMALLER)


def _sizes(context: Context) -> tuple[float, float]:
    """The standard deviation of weights as they are, of the layer furthest from its default, and the default."""
    own = dict(context.module.named_parameters())
    module = context.fresh()
    with quiet():
        default_start(module, [])
    fresh = dict(module.named_parameters())
    pairs = [(float(own[n].detach().std()), float(fresh[n].detach().std())) for n, w in context.layers if w.numel() > 1]
    return max(pairs, key=lambda p: abs(math.log(max(p[0], 1e-12) / max(p[1], 1e-12))), default=(0.0, 0.0))


def _variation(context: Context) -> float:
    output = next((t for t in leaves(context.output) if t.is_floating_point()), None)
    return float(output.double().std(0).mean()) if output is not None and len(output) > 1 else 1.0


def _still(context: Context) -> bool:
    """Whether the output is almost the same for all rows though the last layer has weights."""
    last = context.layers[-1][1] if context.layers else None
    return last is not None and float(last.detach().abs().max()) > 0 and _variation(context) < 1e-4


def gradients_arrive(context: Context) -> Iterable[Finding]:
    """First layers that get next to no gradient, at the start and after some steps."""
    ratio = gradient_ratio(context)
    context.signal("gradient of the first weights over the last", ratio, FADED, "vanishing-gradient")
    if ratio >= FADED or not context.user_optimizers:
        return
    later = context.with_(user_module=context.as_is.module, user_optimizers=[])
    after = gradient_ratio(later)
    bad = context.left(context.as_is) > 0.5 and context.in_the_end > 0.5
    proved = ""
    if after >= FADED:
        steps = steps_in_the_end(context)
        left = context.left(context.trial(rectified, steps=steps)) if bad else math.inf
        if not left < HELPS * context.in_the_end:
            return
        proved = f"; with ReLU {steps} steps leave {left:.2g} of the loss, not {context.in_the_end:.2g}"
    name = context.layers[0][0]
    level = fault if bad else note
    yield level(
        "vanishing-gradient",
        f"{name} gets {ratio:.1e} of the gradient of {context.layers[-1][0]} at the start and {after:.1e} after "
        f"{len(context.as_is.losses)} steps{proved}",
        f"at least {FADED:.0e}",
        "Use ReLU or a relative, batch or layer normalisation, residual connections, or fewer layers.",
        evidence={"ratio": ratio, "ratio_later": after, "layers": len(context.layers)},
        remedy=Remedy("module", "activation", "relu"),
        where=Where(layer=name.rpartition(".")[0]),
    )


def rectified(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    """A change: ReLU in the place of every sigmoid and tanh that is a layer before the last weights."""
    parts = [(path, part) for path, part in module.named_modules() if not list(part.children())]
    weighted = [place for place, (_, part) in enumerate(parts) if any(w.ndim > 1 for w in part.parameters())]
    for path, part in parts[: max(weighted, default=0)]:
        if isinstance(part, (nn.Sigmoid, nn.Tanh)):
            above, _, name = path.rpartition(".")
            setattr(module.get_submodule(above), name, nn.ReLU())


def units_alive(context: Context) -> Iterable[Finding]:
    """ReLU layers in which nearly all units are off for every row, and stay so."""
    n = len(context.many)
    if n < 32:
        return
    worst = max(_of_kind(context, "relu"), key=_dead, default=None)
    if worst is None:
        return
    share = context.signal("units off for every row", _dead(worst), DEAD, "dead-units")
    if share <= DEAD or not context.user_optimizers:
        return
    later = context.with_(user_module=context.as_is.module, user_optimizers=[])
    after = _most_dead(later)
    if after <= DEAD or context.left(context.as_is) < 0.5 or context.in_the_end < 0.5:
        return
    path = worst.path
    yield fault(
        "dead-units",
        f"{share:.0%} of the units at {path or 'a relu'} are 0 for all {n} rows, and {after:.0%} after "
        f"{len(context.as_is.losses)} steps",
        f"at most {DEAD:.0%}",
        "Look for a large negative bias; draw weights by He's rule with biases 0, or use LeakyReLU.",
        evidence={"share": share, "share_later": after},
        remedy=Remedy("module", "reset_parameters", True),
        where=Where(layer=path),
    )


def _of_kind(context: Context, *kinds: str) -> list[Operation]:
    return [each for each in context.seen[0].operations if each.kind in kinds and each.output.ndim > 1]


def _most_dead(context: Context) -> float:
    """The share of units of a ReLU layer that are off for all rows, of the worst one."""
    return max(map(_dead, _of_kind(context, "relu")), default=0.0)


def _dead(operation: Operation) -> float:
    """The share of units (of channels, in images) that are 0 for all rows."""
    output = operation.output
    units = output.reshape(len(output), -1) if output.ndim == 2 else output.movedim(1, -1).reshape(-1, output.shape[1])
    if output.ndim == 3:
        units = output.reshape(-1, output.shape[-1])
    return float((units.abs().amax(0) == 0).double().mean())


def slopes(context: Context) -> Iterable[Finding]:
    """Sigmoid or tanh layers most of whose values lie at their flat ends, before the output."""
    found: list[tuple[float, str, str]] = []
    for operation in _of_kind(context, "sigmoid", "tanh"):
        values = operation.output.double()
        end = 0.9933 if operation.kind == "sigmoid" else 0.9951  # at +-5 and +-3
        flat = (values > end) | (values < (1 - end if operation.kind == "sigmoid" else -end))
        found.append((float(flat.double().mean()), operation.path, operation.kind))
    for path, layer, inputs in context.seen[0].calls:
        if isinstance(layer, nn.RNNBase) and isinstance(inputs[0], Tensor):
            found.append((flat_share(layer, inputs[0]), path, type(layer).__name__))
    if not found:
        return
    share, path, kind = max(found, key=lambda triple: triple[0])
    context.signal("activations at a flat end", share, FLAT, "saturation")
    if share <= FLAT or not context.user_optimizers:
        return
    before = context.left(context.as_is)
    entering = next((float(x[0].std()) for at, each, x in context.seen[0].calls if at == path and _reads(each, x)), 0.0)
    strong = entering > STRONG
    do = f"Divide what enters {path} by {entering:.3g}, its standard deviation" if strong else "Scale the inputs"
    yield (fault if before > 0.3 else note)(
        "saturation",
        f"{share:.0%} of the values at {path or 'a ' + kind} lie at the flat ends of {kind}; {context.steps} steps "
        f"leave {min(before, 1e6):.2g} of the loss",
        f"at most {FLAT:.0%}",
        do + (", or draw smaller weights." if strong else " and draw smaller weights (Glorot's rule), or use ReLU."),
        evidence={"share": share, "left": before, "entering": entering},
        remedy=Remedy("module", "scale_input", 1 / entering) if strong else Remedy("module", "reset_parameters", True),
        where=Where(layer=path),
    )


def _reads(layer: nn.Module, inputs: Any) -> bool:
    """Whether it is a recurrent layer that reads numbers."""
    return isinstance(layer, nn.RNNBase) and isinstance(inputs[0], Tensor) and inputs[0].is_floating_point()
