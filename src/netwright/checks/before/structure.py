"""Questions to the architecture: is it more than one linear layer, can it hold a few rows, is too much dropped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from netwright.checks.anatomy import finite
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.facts import scaled
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.neighbours import matrix, nearest, ridge, thinned_like
from netwright.checks.reading import Batch, Material, each, leaves
from netwright.checks.trial import Trial, call, dropout_off

AFFINE = 1e-4  # deviation from a straight line, of the size of the outputs
FEW = 16  # rows that a network must be able to hold
HELD = 0.3  # of the loss of ignorance that may be left of them
RATES = (1e-2, 1e-3)
LONG = 200  # steps of the attempt to hold them
DROPPED, JOINT = 0.7, 0.95  # of the units of a layer; of the ways through all layers
NOTHING, MUCH = 0.75, 0.5  # of the loss left with many dropouts; of that, left without
HARMS = 0.1  # share of the answers dropped
HELPS = 0.75
MISSED = 0.2  # of accuracy or R^2, by a straight line


def bends(context: Context) -> Iterable[Finding]:
    """Two or more layers with weights and nothing between them that bends, where the task is not a straight one."""
    if len(context.layers) < 2 or not context.floats or len(context.floats) != len(list(leaves(context.rows.inputs))):
        return
    if any(mask is not None for mask in context.symbols):
        return  # between two codes there is none
    a = scaled(context.probe, _standard)  # on raw numbers all units of a layer may lie on one side of its bend
    if len(a) < 4:
        return
    order = torch.arange(len(a)).roll(1)
    pairs = a.rows(order)
    middle = Batch(_mean(a.inputs, pairs.inputs), a.target)
    module = _shaken(context)
    answers = (_linear_part(context, context.answer(module, batch)) for batch in (a, pairs, middle))
    outputs = [answer for answer in answers if answer is not None]
    if len(outputs) < 3:
        return
    first, second, between = outputs
    size = float(first.std(0).mean())
    if size < 1e-9 or not all(map(finite, (first, second, between))):
        return
    deviation = float((between - (first + second) / 2).abs().max()) / size
    context.signal("deviation from a straight line", deviation, AFFINE, "no-nonlinearity")
    if not deviation <= AFFINE:
        return
    straight, curved, name = _straight_and_curved(context)
    gain = curved - straight
    error = 0.5 / math.sqrt(min(len(context.rows), 800))
    level = fault if gain > max(0.03, 2 * error) else note
    yield level(
        "no-nonlinearity",
        f"the output is a linear function of the input (deviation {deviation:.0e}) although {len(context.layers)} "
        f"layers have weights; nearest neighbours reach {name} {curved:.2f} on these rows, a straight line "
        f"{straight:.2f}",
        "an activation between layers with weights",
        "Put nn.ReLU() between the layers.",
        evidence={"deviation": deviation, "layers": len(context.layers), "straight": straight, "curved": curved},
        remedy=Remedy("module", "activation", "relu"),
        where=Where(layer=context.layers[0][0].rpartition(".")[0]),
    )


def one_line(context: Context) -> Iterable[Finding]:
    """One layer of weights, a straight line, where nearest neighbours show that the task bends."""
    layers = [each for _, each, _ in context.seen[0].calls if any(True for _ in each.parameters(recurse=False))]
    if len(context.layers) != 1 or len(layers) != 1 or not isinstance(layers[0], nn.Linear):
        return
    line, curved, name = _straight_and_curved(context)
    gain = context.signal("what nearest neighbours gain on a straight line", curved - line, MISSED, "capacity")
    if not gain >= MISSED or context.left(context.as_is) < 0.5:
        return
    yield fault(
        "capacity",
        f"the model is one linear layer; on these rows a straight line reaches {name} {line:.2f} and nearest "
        f"neighbours reach {curved:.2f}",
        "a model that can bend where the task does",
        "Put a hidden layer of 16 units or more, with an activation, before it; or give it products of the columns.",
        evidence={"straight": line, "curved": curved},
        remedy=Remedy("module", "width", 16),
        where=Where(layer=context.layers[0][0].rpartition(".")[0] or None),
    )


def _standard(tensor: Tensor) -> Tensor:
    """Each number of a row by its mean and deviation over the rows."""
    wide = tensor.double()
    return ((wide - wide.mean(0)) / wide.std(0).clamp_min(1e-9)).clamp(-5, 5).to(tensor)


def _shaken(context: Context) -> nn.Module:
    """A copy whose weights are shaken, so that branches that begin at 0 take part."""
    module = context.fresh()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            scale = 0.5 / max(1, parameter[0].numel() if parameter.ndim > 1 else 4) ** 0.5
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter) * scale)
    return module


def _mean(a: object, b: object) -> tuple[object, ...]:
    pairs = iter([(x + y) / 2 for x, y in zip(leaves(a), leaves(b), strict=True)])
    result: tuple[object, ...] = each(a, lambda tensor: next(pairs))
    return result


def _linear_part(context: Context, output: object) -> Tensor | None:
    """The output before a link that the loss expects: the logarithm of probabilities, up to a number a row."""
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return None
    output = output.double()
    operations = [o.kind for o in context.seen[0].operations]
    if operations.count("softmax") + operations.count("log_softmax") == 1 and operations[-1] != "dropout":
        axis = context.class_axis
        logs = output if operations[-1] == "log_softmax" else output.clamp_min(1e-30).log()
        return logs - logs.mean(axis, keepdim=True)
    if operations == ["sigmoid"] and float(output.min()) >= 0 and float(output.max()) <= 1:
        return output.clamp(1e-12, 1 - 1e-12).logit()
    return output


def _straight_and_curved(context: Context) -> tuple[float, float, str]:
    """Out-of-fold quality of a ridge regression and of nearest neighbours on the rows."""
    read = matrix(context)
    if read is None:
        return 0.0, 0.0, ""
    X, target = read
    classes = context.classes
    if classes is not None:
        labels = torch.unique(thinned_like(context, classes), return_inverse=True)[1]
        Y = torch.nn.functional.one_hot(labels).double()
        straight, curved = ridge(X, Y).argmax(1), Y[nearest(X)].mean(1).argmax(1)
        return float((straight == labels).double().mean()), float((curved == labels).double().mean()), "an accuracy of"
    if not context.numeric:
        return 0.0, 0.0, ""
    Y = target.reshape(len(target), -1).double()
    spread = (Y - Y.mean(0)).square().mean().clamp_min(1e-12)
    answers = (ridge(X, Y), Y[nearest(X)].mean(1))
    straight_r, curved_r = (1 - float((answer - Y).square().mean() / spread) for answer in answers)
    return straight_r, curved_r, "an R^2 of"


def holds_a_few(context: Context) -> Iterable[Finding]:
    """A network that cannot hold 16 rows, dropout and decay off, because a layer is too narrow for the answer."""
    width = _narrowest(context)
    if width is None or not context.user_optimizers or not math.isfinite(context.prior):
        return
    narrow, layer, needed = width
    context.signal("numbers that the narrowest layer hands on", narrow, needed, "capacity")
    if narrow >= needed or context.left(context.as_is) < 0.3:
        return
    few = _few(context)
    best = min((_attempt(context, few, rate).end for rate in RATES), default=math.inf)
    scale = max(_ignorance(context, few), 1e-12)
    left = context.signal("loss left of 16 rows", best / scale, HELD, "capacity")
    if not left > HELD:
        return
    yield fault(
        "capacity",
        f"{layer} hands on {narrow} number{'s' * (narrow > 1)}, and of the loss of {len(few)} rows {left:.2g} is left "
        f"after {LONG} steps at the better of the rates {RATES[0]:g} and {RATES[1]:g}, dropout off",
        f"at most {HELD:g}: a network must be able to hold {len(few)} rows",
        f"Give {layer} more units; {max(16, 4 * needed)} are a start.",
        evidence={"narrowest": narrow, "left": left, "rows": len(few)},
        remedy=Remedy("module", "width", max(16, 4 * needed)),
        where=Where(layer=layer),
    )


def _narrowest(context: Context) -> tuple[int, str, int] | None:
    """The fewest numbers that a hidden layer hands on, its name, and how many the answer needs."""
    output = context.output
    if not isinstance(output, Tensor) or not output.ndim or context.target is None or len(context.layers) < 2:
        return None
    target = context.target
    if target.is_floating_point() and any(t.shape == target.shape for t in context.floats):
        same = next(t for t in context.floats if t.shape == target.shape)
        if float((same - target).abs().max()) < 1e-6 * float(same.abs().max() + 1):
            return None  # an autoencoder is narrow on purpose
    classes = context.classes
    outputs = int(torch.unique(classes).numel()) if classes is not None else output[0].numel()
    needed = min(4, outputs) if classes is not None else min(3, outputs + 1)
    widths = list(_handed_on(context))[:-1]
    if not widths:
        return None
    narrow, layer = min(widths)
    return narrow, layer, needed


def _handed_on(context: Context) -> Iterable[tuple[int, str]]:
    """How many numbers each layer gives for a row, or for a step of it, in order, and its name."""
    before = ""
    for path, layer, _ in context.seen[0].calls:
        if isinstance(layer, nn.Linear):
            if before:
                yield layer.in_features, before
            yield layer.out_features, path
        elif isinstance(layer, nn.RNNBase):
            yield layer.hidden_size, path
        elif isinstance(layer, nn.Embedding):
            yield layer.embedding_dim, path
        if any(True for _ in layer.parameters(recurse=False)):
            before = path


def _few(context: Context) -> Batch:
    """A handful of rows, of all classes where there are classes."""
    rows = context.many
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:FEW]
    return rows.rows(order)


def _ignorance(context: Context, few: Batch) -> float:
    smaller = context.with_(data=_material(context, few))
    return smaller.prior if math.isfinite(smaller.prior) else context.prior


def _material(context: Context, rows: Batch) -> Material:
    return replace(context.data, whole=rows, batches=[rows], batch_size=len(rows), arrays=True)


def _attempt(context: Context, few: Batch, rate: float) -> Trial:
    """Adam on a copy, all rows in every step, dropout off."""
    module = context.fresh().train()
    dropout_off(module, [])
    trial = Trial(module)
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        return trial
    optimizer = torch.optim.Adam(parameters, lr=rate)
    with quiet(), torch.enable_grad():
        for _ in range(LONG if context.steps >= 60 else 60):
            optimizer.zero_grad()
            value = context.loss(call(module, few), few.target)
            if not value.requires_grad:
                break
            torch.autograd.backward(value.sum(), inputs=parameters)
            optimizer.step()
            trial.losses.append(float(value.detach().sum()))
            if not math.isfinite(trial.losses[-1]):
                break
    return trial


def dropped(context: Context) -> Iterable[Finding]:
    """Dropout so strong, or of the answers themselves, that the network learns at once without it."""
    layers = [
        (name, float(each_module.p))
        for name, each_module in context.user_module.named_modules()
        if isinstance(each_module, nn.modules.dropout._DropoutNd)
    ]
    worst = max(layers, key=lambda pair: pair[1], default=None)
    if worst is None or not context.user_optimizers:
        return
    context.signal("largest share of units dropped", worst[1], DROPPED, "dropout-too-strong")
    last = _of_answers(context)
    name, p = next((pair for pair in layers if pair[0] == last and pair[1] >= HARMS), worst)
    answers = name == last
    joint = 1 - math.prod(1 - share for _, share in layers)
    context.signal("share of the ways through all layers that are dropped", joint, JOINT, "dropout-too-strong")
    if p < DROPPED and not answers:
        if joint >= JOINT:
            yield from _in_a_row(context, layers, joint)
        return
    steps = context.steps if p >= DROPPED else 5 * context.steps
    before = _evaluated(context, context.trial(steps=steps))
    after = _evaluated(context, context.trial(dropout_off, steps=steps))
    helps = after < HELPS * before and before - after > 0.1
    if answers and p < DROPPED and not helps:
        return
    what = "the answers themselves" if answers else "its units"
    yield (fault if helps else note)(
        "dropout-too-strong",
        f"{name} drops {p:.0%} of {what}; without dropout {steps} steps leave {after:.2g} of the loss, with it "
        f"{before:.2g}",
        "no dropout behind the last layer" if answers else "20 to 50 % of hidden units",
        f"Take {name} away." if answers else f"Set p of {name} to 0.5 or less.",
        evidence={"p": p, "left_as_is": before, "left_without": after},
        remedy=Remedy("module", f"{name}.p", 0.0 if answers else 0.2),
        where=Where(layer=name),
    )


def _in_a_row(context: Context, layers: list[tuple[str, float]], joint: float) -> Iterable[Finding]:
    """Dropout after dropout, of which no one is strong, with which nothing is learned, and without which much is."""
    steps = 5 * context.steps
    before = _evaluated(context, context.trial(steps=steps))
    after = _evaluated(context, context.trial(dropout_off, steps=steps)) if before > NOTHING else math.inf
    if not after < MUCH * before:
        return
    yield fault(
        "dropout-too-strong",
        f"{len(layers)} layers drop {min(p for _, p in layers):.0%} to {max(p for _, p in layers):.0%} of what comes "
        f"in, and {joint:.1%} of the ways through all; without dropout {steps} steps leave {after:.2g} of the loss, "
        f"with it {before:.2g}",
        "20 to 50 % of the units of one or two hidden layers",
        "Keep the dropout before the last layer and set the others to 0.1 or less.",
        evidence={"layers": [name for name, _ in layers], "left_as_is": before, "left_without": after},
        remedy=Remedy("module", "dropout", 0.1),
        where=Where(layer=layers[0][0]),
    )


def _of_answers(context: Context) -> str | None:
    """The name of the dropout whose output is the answer; None for none."""
    module, made = context.fresh().train(), {}

    def keep(name: str) -> Callable[..., None]:
        return lambda layer, inputs, output: made.update({name: output})

    for name, layer in module.named_modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            layer.register_forward_hook(keep(name))
    with quiet(), torch.no_grad():
        output = call(module, context.batch)
    if not isinstance(output, Tensor):
        return None
    alike = (
        name for name, own in made.items() if own.numel() == output.numel() and own.data_ptr() == output.data_ptr()
    )
    return next(alike, None)


def _evaluated(context: Context, trial: Trial) -> float:
    """What a trial left of the loss of many rows, in eval mode."""
    value = context.value(context.answer(trial.module, context.many), context.many.target)
    scale = context.prior if math.isfinite(context.prior) and context.prior > 1e-12 else max(abs(context.start), 1e-12)
    return value / scale if math.isfinite(value) else 1e6
