"""Questions to the inside of the network during a run: gradients, units and activations."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import nn

from netwright.checks.before.steps.start import gradient_ratio
from netwright.checks.during.proof import HELPS, LEARNS, RISEN, end, slower
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.trial import default_start

FADED = 1e-3
DEAD = 0.9
FLAT = 0.5
SPIKE = 100.0


def _learned(watched: Any) -> float:
    """The last losses over the first ones; NaN where there are too few."""
    values = [value for value in watched.tape.values() if math.isfinite(value)]
    if len(values) < 10:
        return math.nan
    tenth = max(5, len(values) // 10)
    return (sum(values[-tenth:]) / tenth) / max(abs(sum(values[:2]) / 2), 1e-12)


def arrives(watched: Any) -> Iterable[Finding]:
    """First weights that get next to no gradient throughout the run, while the loss hardly falls."""
    embedded = _embeddings(watched.module)
    shares, first = [], ""
    for sample in watched.tape.samples:
        sizes = [(name, size) for name, size in sample.gradients.items() if name not in embedded]
        if len(sizes) >= 3 and sizes[-1][1] > 0 and all(math.isfinite(size) for _, size in sizes):
            shares.append(sizes[0][1] / sizes[-1][1])
            first = sizes[0][0]
    if len(shares) < 4:
        return
    late = sorted(shares[2:])
    middle = watched.signal("gradient of the first weights over the last, in training", late[len(late) // 2], FADED, "")
    if middle >= FADED or max(late) >= 10 * FADED or not _learned(watched) >= 0.5:
        return
    context = watched.context(beginning=False)
    proved = context is not None and gradient_ratio(context) < FADED  # in the order in which layers are used
    yield (fault if proved else note)(
        "vanishing-gradient",
        f"{first} gets {middle:.1e} of the gradient of the last weights throughout {watched.tape.steps} steps",
        f"at least {FADED:.0e}",
        "Use ReLU or a relative, batch or layer normalisation, residual connections, or fewer layers.",
        evidence={"ratio": middle},
        remedy=Remedy("module", "activation", "relu"),
        where=Where(layer=first.rpartition(".")[0]),
    )


def _embeddings(module: nn.Module) -> set[str]:
    """Names of weights of which a batch touches a few rows only, so that their mean gradient says nothing."""
    layers = [(name, part) for name, part in module.named_modules() if isinstance(part, nn.Embedding | nn.EmbeddingBag)]
    return {f"{name}.weight" if name else "weight" for name, _ in layers}


def _redrawn(watched: Any) -> tuple[float, float] | None:
    """The loss at the end of trials from where the run stands: as it is, and with weights drawn anew."""
    steps = max(60, watched.tape.steps)
    as_is = end(watched, "as it is", beginning=False, steps=steps)
    fresh = end(watched, "drawn anew", default_start, beginning=False, steps=steps)
    return None if as_is is None or fresh is None else (as_is, fresh)


def _says(told: tuple[float, float] | None) -> str:
    if told is None:
        return ""
    return f"; on a copy the loss goes on to {told[0]:.3g}, and with weights drawn anew to {told[1]:.3g}"


def alive(watched: Any) -> Iterable[Finding]:
    """A ReLU layer in which nearly all units went silent during the run, where weights drawn anew would learn."""
    seen: dict[str, list[float]] = {}
    for sample in watched.tape.samples:
        for place, share in sample.off.items():
            seen.setdefault(place, []).append(share)
    worst = max(seen.items(), key=lambda item: item[1][-1], default=None)
    if worst is None or not worst[1]:
        return
    place, shares = worst
    watched.signal("units off for every row, in training", shares[-1], DEAD, "dead-units")
    if not shares[-1] > DEAD or len(shares) < 2 or not _learned(watched) >= 0.5:
        return
    told = _redrawn(watched)
    yield (fault if told is not None and told[1] < HELPS * told[0] else note)(
        "dead-units",
        f"{shares[-1]:.0%} of the units at {place} are 0 for all rows seen ({shares[0]:.0%} at the start){_says(told)}",
        f"at most {DEAD:.0%}",
        "Lower the rate, draw weights by He's rule with biases 0, or use LeakyReLU.",
        evidence={"share": shares[-1], "first": shares[0]},
        remedy=Remedy("module", "reset_parameters", True),
        where=Where(layer=place.rpartition(" (")[0]),
    )


def flat(watched: Any) -> Iterable[Finding]:
    """Hidden sigmoid or tanh layers that stay at their flat ends, where weights drawn anew would learn."""
    seen: dict[str, list[float]] = {}
    for sample in watched.tape.samples:
        for place, share in sample.flat.items():
            seen.setdefault(place, []).append(share)
    worst = max(seen.items(), key=lambda item: sum(item[1]) / len(item[1]), default=None)
    if worst is None:
        return
    place, shares = worst
    mean = watched.signal("activations at a flat end, in training", sum(shares) / len(shares), FLAT, "saturation")
    if not mean > FLAT or not _learned(watched) >= 0.6:
        return
    told = _redrawn(watched)
    yield (fault if told is not None and told[1] < HELPS * told[0] else note)(
        "saturation",
        f"{mean:.0%} of the values at {place} lie at its flat ends throughout the run{_says(told)}",
        f"at most {FLAT:.0%}",
        "Scale the inputs and draw smaller weights (Glorot's rule), lower the rate, or use ReLU.",
        evidence={"share": mean},
        remedy=Remedy("module", "reset_parameters", True),
        where=Where(layer=place.rpartition(" (")[0]),
    )


def spikes(watched: Any) -> Iterable[Finding]:
    """Gradients a hundred times the usual, with a loss that jumps."""
    norms = [(s.step, s.made if math.isfinite(s.made) else s.used) for s in watched.tape.samples]
    norms = [(step, norm) for step, norm in norms if math.isfinite(norm)]
    if len(norms) < 5:
        return
    ordered = sorted(norm for _, norm in norms)
    middle = ordered[len(ordered) // 2]
    step, largest = max(norms, key=lambda pair: pair[1])
    watched.signal("largest gradient over the median one", largest / max(middle, 1e-12), SPIKE, "exploding-gradient")
    values = watched.tape.values()
    around = [value for value in values[max(0, step - 10) : step + 10] if math.isfinite(value)]
    jumps = bool(around) and max(around) > 3 * sorted(around)[len(around) // 2]
    if largest <= SPIKE * middle or middle <= 0 or step == 0 or largest < 3 * norms[0][1]:
        return  # gradients that fade as the loss falls are right
    told, clipped = slower(watched), end(watched, "clipped", clip=1.0)
    helps = told is not None and clipped is not None and clipped < min(HELPS * told.as_is, RISEN * told.begin)
    stays = told is not None and not told.as_is < LEARNS * told.begin
    if told is not None and clipped is not None and stays and (not helps or told.tenth <= clipped):
        return  # clipping is of no use, or the rate is too high
    yield (fault if jumps and helps and _learned(watched) > 0.7 else note)(
        "exploding-gradient",
        f"the gradient's norm is {middle:.3g} in most steps and {largest:.3g} in step {step}",
        f"less than {SPIKE:.0f} times the usual",
        "Clip the gradient: torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0).",
        evidence={"median": middle, "largest": largest, "step": step},
        remedy=Remedy("loop", "clip", float(f"{2 * middle:.1g}")),
        where=Where(step=step),
    )
