"""Questions to the optimizer: whose parameters does it hold, and do they move."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from netwright.checks.before.purpose import copies_among, looks_learned
from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, Where, fault, note


def _held(context: Context) -> list[Tensor]:
    return [p for o in context.user_optimizers for group in o.param_groups for p in group["params"]]


def own_parameters(context: Context) -> Iterable[Finding]:
    """An optimizer that holds none of the module's parameters."""
    held = _held(context)
    own = {id(p) for p in context.user_module.parameters()}
    loss = context.user_loss
    extra = {id(p) for p in loss.parameters()} if isinstance(loss, nn.Module) else set()
    foreign = [p for p in held if id(p) not in own | extra]
    if not held or not own:
        return
    context.signal("foreign share of the optimizer's tensors", len(foreign) / len(held), 0.99, "foreign-optimizer")
    if len(foreign) < len(held):
        return
    like = sorted(tuple(p.shape) for p in foreign) == sorted(tuple(p.shape) for p in context.user_module.parameters())
    yield fault(
        "foreign-optimizer",
        f"none of the {len(held)} tensors that the optimizer holds is a parameter of the module"
        + (", though they have the same shapes: it steers another copy" if like else ""),
        "the module's own parameters",
        "Make the optimizer after the last change of the module, from module.parameters().",
        evidence={"foreign": len(foreign), "same_shapes": like},
        remedy=Remedy("optimizer", "params", "module.parameters()"),
    )


def movable(context: Context) -> Iterable[Finding]:
    """Nothing to move: all parameters that the optimizer holds are frozen."""
    own = list(context.user_module.parameters())
    if not own or not context.user_optimizers or context.intent.frozen is True:
        return
    held = {id(p) for p in _held(context)}
    moving = [p for p in own if p.requires_grad and id(p) in held]
    context.signal("parameters that the optimizer can move", len(moving), 1, "all-frozen")
    if moving or not any(id(p) in held for p in own):
        if moving and not any(p.ndim > 1 for p in moving):
            yield from _no_matrix(context, len(moving))
        return
    left_out = [name for name, p in context.user_module.named_parameters() if p.requires_grad]
    seen = f"all {len(held)} parameters that the optimizer holds have requires_grad=False"
    if left_out:  # frozen on purpose: what was put in their place came after the optimizer
        yield fault(
            "missing-parameters",
            f"{seen}, and the {len(left_out)} that are trainable are not among them ({', '.join(left_out[:3])})",
            "the trainable parameters in the optimizer",
            "Make the optimizer after the last change of the network: optim(module.parameters(), ...).",
            evidence={"held": len(held), "missing": left_out},
            remedy=Remedy("optimizer", "params", "module.parameters()"),
        )
        return
    yield fault(
        "all-frozen",
        seen,
        "at least one parameter that can move",
        "Set requires_grad_(True) on what is to be trained, and give that to the optimizer.",
        evidence={"held": len(held), "trainable": 0},
        remedy=Remedy("module", "requires_grad", True),
    )


def _no_matrix(context: Context, moving: int) -> Iterable[Finding]:
    """Weight matrices as they were drawn, none of which can move; those of a trained network may well stand still."""
    matrices = [p for p in context.user_module.parameters() if p.ndim > 1]
    frozen = [p for p in matrices if not p.requires_grad and not looks_learned(p)]
    if len(frozen) == len(matrices) and frozen and not context.intent.frozen:
        yield fault(
            "all-frozen",
            f"all {len(frozen)} weight matrices have requires_grad=False and are as they were drawn; what can move are "
            f"{moving} vectors",
            "weight matrices that can move",
            "Set requires_grad_(True) on what is to be trained, before the optimizer is made.",
            evidence={"frozen": len(frozen), "moving": moving},
            remedy=Remedy("module", "requires_grad", True),
        )


def in_name(context: Context) -> Iterable[Finding]:
    """``layer.requires_grad = ...``, which sets an attribute of the module and changes none of its parameters."""
    for name, part in context.user_module.named_modules():
        said = vars(part).get("requires_grad")
        parameters = list(part.parameters())
        others = sum(p.requires_grad is not said for p in parameters)
        if not isinstance(said, bool) or not others:
            continue
        layer = name or type(part).__name__
        yield (fault if said and others == len(parameters) else note)(
            "all-frozen",
            f"{layer}.requires_grad = {said} is an attribute that torch does not read: {others} of the "
            f"{len(parameters)} parameters of {layer} have requires_grad={not said}",
            f"{layer}.requires_grad_({said})",
            f"Call {layer}.requires_grad_({said}), which reaches the parameters, before the optimizer is made.",
            evidence={"said": said, "others": others, "parameters": len(parameters)},
            remedy=Remedy("module", "requires_grad", said),
            where=Where(layer=name or None),
        )


def declared(context: Context) -> Iterable[Finding]:
    """Parameters that are declared frozen, and that the optimizer will move."""
    if context.intent.frozen is True or not context.intent.frozen:
        return
    held = {id(p) for p in _held(context)}
    moving = [
        name
        for name, p in context.user_module.named_parameters()
        if context.intent.freezes(name) and p.requires_grad and id(p) in held
    ]
    if moving:
        yield note(
            "all-frozen",
            f"{_listed(moving)} {'is' if len(moving) == 1 else 'are'} declared frozen and will move: requires_grad is "
            "True and an optimizer holds them",
            "requires_grad=False for what is frozen",
            "Call requires_grad_(False) on them before the optimizer is made.",
            evidence={"parameters": moving[:50]},
        )


def complete(context: Context) -> Iterable[Finding]:
    """Trainable parameters that get a gradient and that no optimizer holds."""
    held = {id(p) for p in _held(context)}
    named = [(n, p) for n, p in context.user_module.named_parameters() if p.requires_grad]
    if not any(id(p) in held for _, p in named):
        return
    gradients = context.gradients
    missed = [
        (name, p)
        for name, p in named
        if id(p) not in held and gradients.get(name) is not None and not context.intent.freezes(name)
    ]
    context.signal("trainable parameters in no optimizer", len(missed), 0, "missing-parameters")
    if not missed:
        return
    names = [name for name, _ in missed]
    learned = all(looks_learned(p) for _, p in missed if p.ndim > 1) and any(p.ndim > 1 for _, p in missed)
    follow = copies_among(names, dict(named), [name for name, p in named if id(p) in held])
    copied = len(follow) == len(names)
    count = sum(p.numel() for _, p in missed)
    what = "are a copy of others" if copied else "look trained" if learned else "are as they were drawn"
    yield (note if learned or copied else fault)(
        "missing-parameters",
        f"{len(names)} trainable parameters ({_listed(names)}; {count:,} numbers) are in no optimizer, and their "
        f"weights {what}",
        "every trainable parameter in an optimizer",
        "Pass module.parameters() to the optimizer; freeze on purpose with requires_grad_(False) or frozen=[...].",
        evidence={"parameters": names[:50], "numbers": count},
        remedy=Remedy("optimizer", "params", "module.parameters()"),
        where=Where(layer=names[0].rpartition(".")[0] or names[0]),
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
