"""The same programs under peers: torchmortem's autopsy and torch-audit's autopatch, scored by the same rules.

    pip install torchmortem==0.1.1 torch-audit==0.3.0
    python benchmarks/diagnosis/peers.py --seeds 1

A warning or worse of a peer counts as an alarm. Its titles are read with favour: each stands for every code of this
benchmark that a reader could take it for. Of torch-audit the rules TA2xx (hardware) are left out, which would alarm
every program that runs on a CPU.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from netwright.checks import Program, load_faults

UNSTABLE = ("lr-too-high", "exploding-gradient", "unscaled-target", "unscaled-input", "loss-sum", "init-scale")
STUCK = ("lr-too-low", "vanishing-gradient", "dead-units", "saturation", "missing-step", "all-frozen", "detached")
MEANING = {  # the beginning of a title: codes that it may stand for
    "Dead units": ("dead-units",),
    "Vanishing gradients": ("vanishing-gradient", "saturation", "init-scale"),
    "Exploding gradients": UNSTABLE,
    "Gradient stalling": STUCK,
    "High gradient noise": ("batch-size", "labels-unrelated", "noisy-labels"),
    "Training divergence": (*UNSTABLE, "loss-sign"),
    "Loss plateau": (*STUCK, "labels-unrelated", "schedule-dead"),
    "Catapult phase": ("lr-too-high",),
    "Edge of stability": ("lr-too-high",),
    "Rank collapse": ("symmetric-init", "dead-units", "init-scale", "collapse"),
    "Activation saturation": ("saturation", "init-scale", "unscaled-input"),
    "Update ratio too low": ("lr-too-low", "missing-step", "over-clipping", "schedule-dead"),
    "Update ratio too high": ("lr-too-high", "init-scale"),
    "Weight norm explosion": ("lr-too-high", "exploding-gradient", "missing-zero-grad"),
    "Stagnant weight norms": ("lr-too-low", "missing-step", "missing-parameters", "all-frozen", "detached"),
    "Inter-layer weight norm imbalance": ("init-scale",),
    "TA100": ("non-finite-data", "lr-too-high", "exploding-gradient"),
    "TA102": (*UNSTABLE, "missing-zero-grad"),
    "TA104": ("detached", "all-frozen", "not-differentiable"),
    "TA105": ("dead-units",),
    "TA301": ("unscaled-input",),
    "TA302": ("constant-input",),
    "TA303": ("wrong-axes",),
    "TA304": ("tiny-batch-norm", "batch-size"),
    "TA305": ("non-finite-data",),
    "TA401": ("over-regularised",),
    "TA402": ("over-regularised",),
    "TA403": ("over-regularised",),
    "TA405": ("dead-units", "init-scale"),
    "TA500": ("missing-parameters", "unregistered", "input-ignored"),
    "TA501": ("shared-stateful-layer",),
}


def torchmortem(program: Program) -> list[str]:
    """Titles of the warnings of torchmortem, worst first."""
    from torchmortem import Autopsy, Severity

    logging.getLogger("torchmortem").setLevel(logging.ERROR)
    last = [float("nan")]
    loss = program.loss

    def noted(output: Any, target: Any) -> Any:
        value = loss(output, target)
        if torch.is_grad_enabled():
            last[0] = float(value.detach().sum())
        return value

    with Autopsy(program.module, optimizer=program.optimizer) as autopsy:
        hook = program.optimizer.register_step_post_hook(lambda *_: autopsy.step(loss=last[0]))
        with suppress(RuntimeError, ValueError, IndexError):
            replace(program, loss=noted).run()
        hook.remove()
    report = autopsy.get_report()
    found = sorted(report.findings, key=lambda each: -each.severity) if report else []
    return [each.title for each in found if each.severity >= Severity.WARNING]


def torch_audit(program: Program) -> list[str]:
    """Rules of torch-audit that warn, in their order."""
    from torch_audit import Severity, autopatch

    auditor = autopatch(
        program.module, optimizer=program.optimizer, every_n_steps=10, reporters=[], suppress_internal_errors=True
    )
    with suppress(RuntimeError, ValueError, IndexError):
        program.run()
    result = auditor.finish(report=False)
    auditor.unpatch()
    serious = [each for each in result.findings if each.severity >= Severity.WARN]
    return [each.rule_id for each in serious if not each.rule_id.startswith("TA2")]


PEERS = {"torchmortem": torchmortem, "torch-audit": torch_audit}


def codes(title: str) -> tuple[str, ...]:
    """What a title of a peer may stand for."""
    return next((meaning for start, meaning in MEANING.items() if title.startswith(start)), ())


def _one(task: tuple[str, str, bool, int]) -> tuple[str, str, bool, list[str]]:
    peer, name, healthy, seed = task
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    fault = next(each for each in load_faults() if each.name == name)
    return peer, name, healthy, PEERS[peer](fault.make(seed, healthy))


def main() -> None:
    """Run all programs under both peers, and print how often they are right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    faults = {fault.name: fault for fault in load_faults()}
    tasks = [
        (peer, name, healthy, seed)
        for peer in PEERS
        for name, fault in faults.items()
        for healthy in ((True,) if fault.kind == "healthy" else (True, False))
        for seed in range(options.first_seed, options.first_seed + options.seeds)
    ]
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(_one, tasks, chunksize=4))
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for peer, name, healthy, titles in outcomes:
        fault = faults[name]
        if healthy:
            _count(counts, (peer, "right programs and twins alarmed"), bool(titles))
            continue
        accepted = {*fault.accepts, *fault.also}
        named = [bool(accepted & set(codes(title))) for title in titles]
        _count(counts, (peer, f"{fault.kind}: alarmed"), bool(titles))
        _count(counts, (peer, f"{fault.kind}: first warning right"), bool(named and named[0]))
        _count(counts, (peer, f"{fault.kind}: any warning right"), any(named))
    for (peer, what), (good, total) in counts.items():
        print(f"{peer}: {what}: {good}/{total} = {good / total:.1%}")


def _count(counts: dict[Any, list[int]], key: tuple[str, str], good: bool) -> None:
    counts[key][0] += good
    counts[key][1] += 1


if __name__ == "__main__":
    main()
