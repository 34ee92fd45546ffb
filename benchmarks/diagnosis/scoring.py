"""The figures of the benchmark, from the outcomes of all programs and seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Outcome = dict[str, Any]
NEEDED = 0.8  # share of seeds in which the first cause must be right
CLOSE = 0.02  # of a mended score to the twin's


def first(outcome: Outcome) -> str | None:
    """The first cause that was named."""
    return next(iter([*outcome["before"], *outcome["during"]]), None)


def right(outcome: Outcome) -> bool:
    """Whether the first cause is one that names the fault; of a compound, one of either fault."""
    return first(outcome) in [*outcome["accepts"], *outcome["also"]]


def both(outcome: Outcome) -> bool:
    """Of a compound, whether both faults are among the causes that were named."""
    named = set(outcome["before"]) | set(outcome["during"])
    return bool(named & set(outcome["accepts"])) and bool(named & set(outcome["also"]))


def by_program(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of each program, all seeds."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        found[outcome["name"]].append(outcome)
    return dict(found)


def hits(outcomes: list[Outcome]) -> tuple[int, int]:
    """Programs whose first cause is right in at least 4 of 5 seeds, and all programs."""
    programs = by_program(outcomes).values()
    good = [p for p in programs if sum(map(right, p)) >= NEEDED * len(p) - 1e-9]
    return len(good), len(list(programs))


def told_early(outcomes: list[Outcome]) -> tuple[int, int]:
    """Programs whose first cause is right and told before training in at least 4 of 5 seeds."""
    programs = by_program(outcomes).values()
    good = [p for p in programs if sum(right(o) and bool(o["before"]) for o in p) >= NEEDED * len(p) - 1e-9]
    return len(good), len(list(programs))


def alarmed(outcomes: list[Outcome]) -> tuple[int, int]:
    """Healthy programs with any fault in any seed."""
    programs = by_program(outcomes).values()
    return sum(any(first(o) is not None for o in p) for p in programs), len(list(programs))


def mended(faulty: list[Outcome], twins: list[Outcome], how: str = "mended") -> tuple[int, int]:
    """Programs whose mean score, with remedies applied, is within 2 points of the twin's.

    Of validity faults, which make a score look better than it is, it must not be higher either.
    """
    scores = {name: _mean(o["score"] for o in part) for name, part in by_program(twins).items()}
    programs = by_program(faulty)
    good = 0
    for name, part in programs.items():
        values = [o[how] for o in part if right(o)]
        if values and len(values) >= NEEDED * len(part) - 1e-9:
            score = _mean(v if math.isfinite(v) else -1.0 for v in values)
            good += score >= scores[name] - CLOSE and (not part[0]["validity"] or score <= scores[name] + CLOSE)
    return good, len(programs)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else math.nan


def table(outcomes: list[Outcome], details: str | None = None) -> str:
    """The figures as text."""
    lines = []
    for kind in ("seeded", "public", "compound"):
        faulty = [o for o in outcomes if o["kind"] == kind and not o["healthy"]]
        twins = [o for o in outcomes if o["kind"] == kind and o["healthy"]]
        if not faulty:
            continue
        lines.append(_line(f"{kind}: first cause right", *hits(faulty)))
        for name, untouched in (("tuned", False), ("untouched", True)):
            half = [o for o in faulty if o["untouched"] == untouched]
            if half:
                lines.append(_line(f"  {name} half", *hits(half)))
        lines.append(_line("  right and told before training", *told_early(faulty)))
        lines.append(_line("  by the watch alone", *hits([{**o, "before": []} for o in faulty])))
        lines.append(_line("  mended by the first remedy", *mended(faulty, twins)))
        lines.append(_line("  mended by the remedies in turn", *mended(faulty, twins, "followed")))
        wrong = [len({*o["before"], *o["during"]} - {*o["accepts"], *o["also"]}) for o in faulty]
        lines.append(f"  wrong causes named beside, per run: {_mean(wrong):.2f}")
        if kind == "compound":
            lines.append(f"  both faults named: {sum(map(both, faulty))}/{len(faulty)} runs")
        lines.append(_line("  twins alarmed", *alarmed(twins)))
    healthy = [o for o in outcomes if o["kind"] == "healthy"]
    if healthy:
        lines.append(_line("healthy programs alarmed", *alarmed(healthy)))
    right_ones = [o for o in outcomes if o["healthy"]]
    if right_ones:
        lines.append(_line("healthy programs and twins alarmed", *alarmed(right_ones)))
    seconds = sorted(o["seconds"] for o in outcomes)
    lines.append(f"check, CPU s: median {seconds[len(seconds) // 2]:.2f}, worst {seconds[-1]:.2f}")
    unexamined = [text for o in outcomes for text in o["unexamined"]]
    lines.append(f"checks that could not be asked: {len(unexamined)}")
    if details:
        lines += _details(outcomes, details)
    return "\n".join(lines)


def _line(name: str, count: int, total: int) -> str:
    return f"{name}: {count}/{total} = {count / max(total, 1):.1%}"


def _details(outcomes: list[Outcome], which: str) -> list[str]:
    lines = [""]
    for outcome in outcomes:
        if outcome["untouched"] and which != "all":
            continue
        good = first(outcome) is None if outcome["healthy"] else right(outcome)
        sign = "ok" if good else "--" if first(outcome) is None else "XX"
        twin = " twin" if outcome["healthy"] else ""
        lines.append(
            f"{sign} {outcome['kind']}{twin} {outcome['name']} #{outcome['seed']} {outcome['accepts']} -> "
            f"{outcome['before']} | {outcome['during']} ({', '.join(outcome['notes'])}) {outcome['seconds']:.2f}s "
            f"score {outcome['score']:.3f} mended {outcome['mended']:.3f} {outcome['followed']:.3f}"
        )
        if not good:
            lines += [f"      {text[:420]}" for text in outcome["messages"]]
        lines += [f"      ? {text[:200]}" for text in outcome["unexamined"]]
    return lines
