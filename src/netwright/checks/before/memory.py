"""A question to the answers of eval mode: whether the same input gets the same one, or something is kept or drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from netwright.checks.before.inputs import numbers_of
from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, fault, note

NOISY = 0.35  # random part of an answer in eval mode, of what rows differ by
DROPS = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"}
DROPS |= {"bernoulli"}
DRAWS = {"rand", "rand_like", "randn", "randn_like", "normal", "uniform", "exponential", "multinomial", "poisson"}
DRAWS |= {"randint", "randint_like", "randperm", "gumbel_softmax"}


def repeatable(context: Context) -> Iterable[Finding]:
    """In eval mode, another answer to the same input: something is remembered, or random."""
    batch = context.probe
    module = context.fresh()
    first, second = (numbers_of(context.answer(module, batch)) for _ in range(2))
    other = numbers_of(context.answer(context.fresh(), batch))
    if first.shape != second.shape or not bool(torch.isfinite(first).all()):
        return
    size = float(first.std(0).mean()) if len(first) > 1 else float(first.abs().mean())
    kept = float((first - second).abs().max()) / max(size, 1e-12)
    context.signal("change of an answer in a second pass", kept, 0.0, "stateful-eval")
    if kept > 0 and torch.equal(first, other):
        yield fault(
            "stateful-eval",
            f"a second pass over the same batch in eval mode, with the same random numbers, differs by {kept:.2g} of "
            "what rows differ by: the module keeps something from the first",
            "the same answer",
            "Begin every forward with a fresh state (h0 = None), and update nothing in eval mode.",
            evidence={"difference": kept},
            remedy=Remedy("module", "reset_state", True),
        )
        return
    others = torch.stack([numbers_of(context.answer(context.module, batch, seed)) for seed in range(1, 9)])
    noise = float(others.std(0).mean()) / max(size, 1e-12)
    context.signal("random part of an answer in eval mode", noise, NOISY, "stateful-eval")
    if not noise > 1e-4:
        return
    drawn = _draws(context)
    meant = bool(drawn) and not drawn & DROPS  # a sample on purpose, as in a variational autoencoder
    do = "Give F.dropout training=self.training" if drawn & DROPS else "Draw nothing where self.training is False"
    yield (fault if noise > NOISY and not meant else note)(
        "stateful-eval",
        f"in eval mode answers to the same input vary at random by {noise:.2g} of what rows differ by"
        + (f" (drawn by {', '.join(sorted(drawn))})" if drawn else ""),
        "the same answer",
        f'{do}; if the noise is meant, average many passes and declare it with ignore=["stateful-eval"].',
        evidence={"noise": noise, "drawn": sorted(drawn)},
        remedy=Remedy("module", "dropout_in_eval", False),
    )


def _draws(context: Context) -> set[str]:
    """The functions of torch by which a pass in eval mode draws random numbers."""
    seen = _Draws()
    with seen:
        context.answer(context.module, context.probe)
    return seen.names


class _Draws(TorchFunctionMode):
    """Notes the functions that draw random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "").strip("_")
        if name in DROPS | DRAWS and (name not in DROPS or _drops(name, args, kwargs or {})):
            self.names.add(name)
        return func(*args, **(kwargs or {}))


def _drops(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a call of a dropout drops anything: it is on, with a share above 0."""
    if name == "bernoulli":
        return True
    on = kwargs.get("training", kwargs.get("train", args[2] if len(args) > 2 else True))
    share = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    return bool(on) and share > 0
