"""A gradient that is no number while the loss is one: a root, a logarithm or a quotient at the end of where it is.

The loss of a batch is finite and its gradient is NaN or infinite, since one operation has an infinite slope there: the
square root of 0, a logarithm or a power of 0, 0 / 0 behind a mask. One step then makes the weights NaN. Autograd itself
finds the operation: of the nodes in the order of the backward pass it is the first that is given finite numbers and
gives others. A gradient that has grown out of all bounds before that node is none of these.

A batch in the midst of a trial may be the first with such a row. A hundredth of the rate shows that it is not the rate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.before.backward.walking import nodes_behind
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Where, fault, note
from netwright.checks.reading import Batch, each
from netwright.checks.trial import Trial, call, rate_times, train

HUGE = 0.4  # power of the largest number of a format, above which a gradient has exploded
SLOWER = 1e-2  # of the rate, at which what is not its fault is still there
CHECKS = Path(__file__).parents[2]
OTHERS = (str(Path(torch.__file__).parent), *(str(CHECKS / part) for part in ("before", "during", "trial.py")))


@dataclass(frozen=True)
class Singular:
    """Where a gradient stops being a number.

    Attributes
    ----------
    value : of the loss. parameters : names of those whose gradient is not finite. of : parameters with a gradient.
    node : of autograd, "" where it is not known. line : of the forward pass that made it, or None. exploded : whether
    the gradient was beyond all bounds before.
    """

    value: float
    parameters: tuple[str, ...]
    of: int
    node: str = ""
    line: str | None = None
    exploded: bool = False


def slopes_are_numbers(context: Context) -> Iterable[Finding]:
    """A finite loss whose gradient is NaN or infinite, in the first batch."""
    held = _held(context)
    given = {name: g for name, g in context.gradients.items() if g is not None and (not held or name in held)}
    bad = [name for name, gradient in given.items() if not _finite(gradient)]
    context.signal("parameters whose gradient is not finite", len(bad), 0, "not-differentiable")
    if not bad:
        return
    module, _, loss = context.copies()
    found = singular(module, loss, context.batch, held)
    if found is not None and not found.exploded:
        copes = bool(context.user_optimizers) and context.as_is.finite and _sound(context.as_is.module)
        yield told(found, "", note if copes else _level(context))


def slopes_stay_numbers(context: Context) -> Iterable[Finding]:
    """A finite loss whose gradient is NaN or infinite in a later batch of a trial, whatever the rate is."""
    if not context.steps or context.as_is.finite:
        return
    step = _step(context.as_is)
    if step is None or step == 0 or _step(context.trial(rate_times(SLOWER))) is None:
        return
    *before, batch = islice(context.data.stream(step + 1), step + 1)
    program = context.copies()
    train(program, before)
    found = singular(program[0], program[2], batch, _held(context))
    if found is not None and not found.exploded:
        yield told(found, f" in step {step} (and at {SLOWER:g} of the rate too)", _level(context))


def _level(context: Context) -> Callable[..., Finding]:
    """A note where hooks may put another number in the place of a gradient, which copies have not."""
    hooked = [getattr(p, "_backward_hooks", None) for p in context.user_module.parameters()]
    hooked += [getattr(p, "_post_accumulate_grad_hooks", None) for p in context.user_module.parameters()]
    hooked += [getattr(each_one, "_optimizer_step_pre_hooks", None) for each_one in context.user_optimizers]
    return note if any(hooked) else fault


def _step(trial: Trial) -> int | None:
    """The first step whose loss is finite and whose gradient is not."""
    pairs = enumerate(zip(trial.losses, trial.norms, strict=False))
    return next((step for step, (loss, norm) in pairs if math.isfinite(loss) and not math.isfinite(norm)), None)


def told(found: Singular, when: str, level: Callable[..., Finding]) -> Finding:
    """The finding.

    Parameters
    ----------
    found : where the gradient stops. when : of a later step, in words. level : `fault` or `note`.
    """
    names, node = found.parameters, found.node
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    place = f": it arises in the backward of {operation(node)} ({node})" if node else ""
    return level(
        "not-differentiable",
        f"the loss is {found.value:.4g}{when} and its gradient is NaN or infinite for {len(names)} of {found.of} "
        f"parameters ({', '.join(names[:3])}{rest}){place}" + (f" at {found.line}" if found.line else ""),
        "a finite gradient where the loss is finite",
        "Keep what is under a root, in a logarithm or in a divisor away from 0, by sqrt(x + 1e-6) or clamp, and mask "
        "rows before such an operation and not after it: 0 times an infinite slope is NaN.",
        evidence={"parameters": list(names[:50]), "node": node, "loss": found.value},
        where=Where(layer=names[0], line=found.line),
    )


def operation(node: str) -> str:
    """The operation of a node of autograd in words.

    Parameters
    ----------
    node : its name.

    Examples
    --------
    >>> operation("SqrtBackward0"), operation("LinalgVectorNormBackward0")
    ('sqrt', 'linalg vector norm')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"Backward\d*$", "", node)).lower()


def singular(module: nn.Module, loss: Callable[..., Any], batch: Batch, held: set[str]) -> Singular | None:
    """Where the gradient of a batch stops being a number; None where it does not, or the loss is none either.

    Parameters
    ----------
    module, loss : copies; the first is put in train mode. batch : of rows.
    held : names of the parameters that matter, all if none.
    """
    module.train()
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad and (not held or name in held)]
    first: list[tuple[Any, float, float]] = []
    with quiet(), torch.enable_grad(), torch.autograd.set_detect_anomaly(True, check_nan=False):
        value = torch.as_tensor(loss(call(module, batch), each(batch.target, torch.clone))).sum()
        if not named or not value.requires_grad or not bool(torch.isfinite(value)):
            return None
        hooks = [node.register_hook(partial(_look, node, first)) for node in nodes_behind([value])]
        try:
            gradients = torch.autograd.grad(value, [p for _, p in named], allow_unused=True)
        finally:
            for hook in hooks:
                hook.remove()
    given = [(name, g) for (name, _), g in zip(named, gradients, strict=True) if g is not None]
    bad = tuple(name for name, gradient in given if not _finite(gradient))
    if not bad:
        return None
    here = float(value.detach())
    if not first:
        return Singular(here, bad, len(given))
    node, size, largest = first[0]
    return Singular(here, bad, len(given), type(node).__name__, _line(node), size > largest**HUGE)


def _look(node: Any, first: list[tuple[Any, float, float]], inwards: Any, outwards: Any) -> None:
    """Keep the first node that is given finite numbers and gives others, the largest given, and that of the format."""
    outward = [t for t in outwards if isinstance(t, Tensor) and t.is_floating_point() and t.numel()]
    inward = [t for t in inwards if isinstance(t, Tensor)]
    if first or all(map(_finite, inward)) or not all(map(_finite, outward)):
        return
    size = max((float(_numbers(t).abs().max()) for t in outward if _numbers(t).numel()), default=0.0)
    first.append((node, size, min((torch.finfo(t.dtype).max for t in outward), default=math.inf)))


def _line(node: Any) -> str | None:
    """The line of the user's whose operation made a node, as it was noted in the forward pass."""
    for frame in reversed(node.metadata.get("traceback_", [])):
        found = re.match(r'\s*File "(.+)", line (\d+), in ', frame)
        if found and not found[1].startswith(OTHERS):
            return f"{found[1]}:{found[2]}"
    return None


def _numbers(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return tensor.coalesce().values() if tensor.is_sparse else tensor


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(_numbers(tensor)).all())


def _sound(module: nn.Module) -> bool:
    return all(_finite(p) for p in module.parameters())


def _held(context: Context) -> set[str]:
    """Names of the parameters that the optimizers move, and that are not declared to stand still."""
    held = {id(p) for o in context.user_optimizers for group in o.param_groups for p in group["params"]}
    named = context.user_module.named_parameters()
    return {name for name, p in named if id(p) in held and not context.intent.freezes(name)}
