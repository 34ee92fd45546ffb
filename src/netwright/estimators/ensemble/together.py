"""The training loop of several runs at once: `netwright.train.train` with one more axis, that of the members.

Every member has its own order of rows, its own losses, records, best weights and end; what is common are the calls.
A member comes out as if it had been trained by itself with the same seed, up to the rounding of sums in another order
(with dropout: up to other draws).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from netwright.core.seeds import alone, derive
from netwright.estimators.ensemble.scoring import common_loss, each, each_of, is_common, member_losses, member_scores
from netwright.estimators.ensemble.stacking import Stack, batched
from netwright.optim import direct_step
from netwright.train import Run, order
from netwright.train.backward import backward
from netwright.train.batches import ONCE
from netwright.train.evaluation import MEMORY
from netwright.train.history import PROBE, dead_units
from netwright.train.stopping import Keeper
from netwright.train.threads import limited_threads

EVALUATED = 2**22  # numbers of input in one piece of an evaluation


def train_together(runs: list[Run], epochs: int, patience: int | None = None, attack: Any = None) -> None:
    """Train runs of one form, each with its rows, for a number of epochs.

    Parameters
    ----------
    runs : loaded, and such that `netwright.estimators.ensemble.vectorising.obstacle` has nothing against them.
    epochs : how many more, >= 1.
    patience : as in `netwright.train.train`; each member stops by itself.
    attack : a `FastGradientSign`, or None.
    """
    for run in runs:
        run.epochs, run.patience = run.epoch + epochs, patience
        run.stop, run.interrupted, run.diverged = False, False, None
    precision, keepers = runs[0].precision, [Keeper(run) for run in runs]
    together = Together(runs, attack)
    devices = [precision.device] if precision.device.type == "cuda" else []
    with alone(), torch.random.fork_rng(devices=devices), limited_threads(sum(run.work for run in runs)):
        try:
            for epoch in range(runs[0].epoch, runs[0].epochs):
                precision.seed_noise(derive(runs[0].seed, "noise", epoch))
                active = [place for place, run in enumerate(runs) if not run.stop]
                records = together.epoch(epoch)
                for place in active:
                    runs[place].epoch += 1
                    if keepers[place].judge(records[place]):
                        runs[place].history.append(records[place])
                together.part([place for place in active if runs[place].stop])
                if all(run.stop for run in runs):
                    break
        except KeyboardInterrupt:
            for run in runs:
                run.interrupted = True
        finally:
            together.end()
            for keeper in keepers:
                keeper.finish()


class Together:
    """Several runs in one loop.

    Parameters
    ----------
    runs : of one form.
    attack : a `FastGradientSign`, or None.
    """

    def __init__(self, runs: list[Run], attack: Any = None) -> None:
        self.runs, self.attack = runs, attack
        self.stack = Stack(runs)
        self.rows = Rows(runs)
        self.forward = batched(self.stack)
        self.rule = runs[0].optimizer
        self.update = self.rule.build([self.stack.theta])
        self.averaged = None if runs[0].average is None else self.stack.theta.detach().clone()
        self.updates = 0
        self.sizes = attack.sizes(runs) if attack is not None else None
        self.each_batch = attack is not None or not is_common(runs[0]) or not self._remembers()

    def epoch(self, epoch: int) -> list[dict[str, Any]]:
        """One pass over the training rows and one over the held-out ones; a record a member."""
        began, stack, run = time.perf_counter(), self.stack, self.runs[0]
        step, gradient, last = direct_step(self.update), stack.gradient, len(run.batches) - 1
        penalties = [(part, *stack.front(part.biases)) for part in run.penalties]
        projections = [part for part in run.penalties if part.projects]
        found = _Found(self.runs, self.each_batch)
        before = stack.theta.detach()
        self._set_rate(epoch)
        for batch, (inputs, target, weight) in enumerate(self.rows(epoch)):
            if self.rule.every_step:
                self._set_rate(epoch + batch / len(run.batches))
            if batch == last:
                before = stack.theta.detach().clone()

            gradient.zero_()
            output, losses = self._backward(inputs, target, weight)
            for part, theta, slope in penalties:
                part.add_gradient_(theta, slope)
            step()
            for part in projections:
                stack.project(part)
            self._average()

            found.add(losses, output, target, weight)
        records = [{"epoch": epoch + 1, **part} for part in found.results()]
        moved, size = stack.layer_norms(stack.theta.detach() - before), stack.layer_norms(before)
        ratios = {layer: (moved[layer] / size[layer].clamp_min(1e-12)).tolist() for layer in moved}
        self._settle()
        self._complete(records, ratios)
        for record in records:
            record["seconds"] = (time.perf_counter() - began) / len(records)
        return records

    def part(self, places: list[int]) -> None:
        """Give members that stop what the rule remembers of their weights."""
        if places and self.update.state:
            self.stack.hand_back(self.update, places)

    def end(self) -> None:
        """Give the members all that is theirs."""
        self._settle()
        self.stack.release()
        self.part([place for place, run in enumerate(self.runs) if not run.stop])

    def _remembers(self) -> bool:
        """Whether the outputs of an epoch are kept for the score."""
        run = self.runs[0]
        with torch.inference_mode():
            output = self.forward(self.rows.probe(1), False)
        numbers = sum(part.numel() for part in (output if isinstance(output, tuple) else (output,)))
        return run.score is not None and numbers // len(self.runs) * run.batches.n <= MEMORY

    def _backward(self, inputs: tuple[Tensor, ...], target: Any, weight: Tensor | None) -> tuple[Any, Tensor | None]:
        """The outputs of a batch and the losses of the members (M,), if they are wanted; gradients are added up."""
        if self.attack is not None:
            inputs = self.attack.opened(inputs)
        output = self.forward(inputs, True)
        if not self.each_batch:
            backward(common_loss(self.runs, output, target, weight))
            return output, None
        losses = member_losses(self.runs, output, target, weight)
        if self.attack is None:
            backward(losses.sum())
            return output, losses.detach()
        backward(0.5 * losses.sum())
        harder = member_losses(self.runs, self.forward(self.attack.moved(inputs, self.sizes), True), target, weight)
        backward(0.5 * harder.sum())
        return output, 0.5 * (losses.detach() + harder.detach())

    def _set_rate(self, epoch: float) -> None:
        rate = self.rule.rate(epoch, self.runs[0].epochs)
        for group in self.update.param_groups:
            group["lr"] = rate

    def _average(self) -> None:
        if self.averaged is not None:
            self.updates += 1
            share = 1 - min(self.runs[0].average or 0.0, (1 + self.updates) / (10 + self.updates))
            self.averaged.lerp_(self.stack.theta.detach(), share)

    def _settle(self) -> None:
        """The members' own parameters, averages and rates as they stand."""
        self.stack.store(self.averaged)
        for run in self.runs:
            if run.stop:
                continue
            run.averaged_updates = self.updates
            for group in run.update.param_groups:
                group["lr"] = self.update.param_groups[0]["lr"]

    def _complete(self, records: list[dict[str, Any]], ratios: dict[str, list[float]]) -> None:
        """What an epoch's records have beside the losses and scores of the training batches."""
        with self.stack.swapped(self.averaged), torch.inference_mode():
            held = None if self.runs[0].validation is None else self._evaluate()
        dead = self._dead_units()
        for place, (run, record) in enumerate(zip(self.runs, records, strict=True)):
            record |= {} if held is None else held[place]
            record["learning_rate"] = run.learning_rate
            if run.penalties:
                record["penalty"] = run.penalty()
            record["update_ratio"] = {layer: values[place] for layer, values in ratios.items()}
            record["dead_units"] = {layer: values[place] for layer, values in dead.items()}

    def _evaluate(self) -> list[dict[str, float]]:
        """Loss and score of each member on its held-out rows."""
        pieces, target, weight = self.rows.held()
        output = _joined([self.forward(inputs, False) for inputs in pieces])
        losses = member_losses(self.runs, output, target, weight).tolist()
        scores = member_scores(self.runs, output, target, weight)
        pairs = zip(losses, scores, strict=True)
        return [{"validation_loss": loss, "validation_score": score} for loss, score in pairs]

    def _dead_units(self) -> dict[str, list[float]]:
        """By rectifying layer, each member's share of units that are 0 for all probe rows."""
        if not self.stack.dense:
            shares = [dead_units(run.module, run.validation or run.batches, run.precision) for run in self.runs]
            return {layer: [share[layer] for share in shares] for layer in shares[0]}
        found: dict[str, Tensor] = {}

        def seen(name: str, output: Tensor) -> None:
            found[name] = (output.amax(dim=1) <= 0).float().mean(1)

        with torch.inference_mode():
            self.forward(self.rows.probe(), False, seen)
        return {name: shares.tolist() for name, shares in found.items()}


class Rows:
    """The batches of several runs, each in the order that is its own: tensors (M, rows, ...)."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs, self.bounds = runs, runs[0].batches.bounds
        batches = [run.batches for run in runs]
        self.plain = not any(any(each.images) or each.augment is not None for each in batches)
        self._held: Any = None
        if not self.plain:
            return
        first = batches[0]
        self.shared = all(_same(_all(each), _all(first)) for each in batches)
        chosen = batches[:1] if self.shared else batches
        self.inputs = tuple(torch.stack(parts) for parts in zip(*(b.inputs for b in chosen), strict=True))
        self.target = each_of([b.target for b in chosen], torch.stack)
        self.weight = None if first.weight is None else torch.stack([b.weight for b in chosen])  # type: ignore[misc]
        self.count, self.n = len(runs), first.n

    def __call__(self, epoch: int) -> Iterator[tuple[tuple[Tensor, ...], Any, Tensor | None]]:
        """The batches of an epoch."""
        if not self.plain:
            for members in zip(*(run.batches(epoch) for run in self.runs), strict=True):
                inputs = tuple(torch.stack(parts) for parts in zip(*(m[0] for m in members), strict=True))
                weight = None if members[0][2] is None else torch.stack([m[2] for m in members])
                yield inputs, each_of([m[1] for m in members], torch.stack), weight
            return
        if len(self.bounds) == 1:
            whole = self.count, self.n
            yield (
                tuple(_wide(x, whole) for x in self.inputs),
                each(self.target, lambda t: _wide(t, whole)),
                (None if self.weight is None else _wide(self.weight, whole)),
            )
            return
        places = torch.stack([order(run.batches.seed, epoch, self.n) for run in self.runs]).to(self.inputs[0].device)
        if not self.shared:
            places += self.n * torch.arange(self.count, device=places.device)[:, None]
        parts = [places[:, start:stop].reshape(-1) for start, stop in self.bounds]
        for some in _gathered(parts, self.count * sum(x.numel() * x.element_size() for x in self.inputs)):
            sizes = [len(part) for part in some]
            index = torch.cat(some) if len(some) > 1 else some[0]
            columns = zip(*(self._cut(x, index, sizes) for x in self.inputs), strict=True)
            several = isinstance(self.target, tuple)
            cut = each(self.target, lambda t, i=index, s=sizes: self._cut(t, i, s))
            targets = zip(*cut, strict=True) if several else iter(cut)
            weights = iter([None] * len(sizes)) if self.weight is None else iter(self._cut(self.weight, index, sizes))
            yield from zip(columns, targets, weights, strict=True)

    def held(self) -> tuple[list[tuple[Tensor, ...]], Any, Tensor | None]:
        """The held-out rows of all members: inputs in pieces, targets and weights."""
        if self._held is None:
            batches: list[Any] = [run.validation for run in self.runs]
            per_row = max(1, len(batches) * sum(x[:1].numel() for x in batches[0].inputs))
            pieces = zip(*(b.in_order(max(1, EVALUATED // per_row)) for b in batches), strict=True)
            inputs = [tuple(torch.stack(parts) for parts in zip(*piece, strict=True)) for piece in pieces]
            weight = None if batches[0].weight is None else torch.stack([b.weight for b in batches])
            self._held = inputs, each_of([b.target for b in batches], torch.stack), weight
        return self._held

    def probe(self, rows: int = PROBE) -> tuple[Tensor, ...]:
        """The first rows of each member, of the held-out ones where there are any."""
        heads = [(run.validation or run.batches).head(rows) for run in self.runs]
        return tuple(torch.stack(parts) for parts in zip(*heads, strict=True))

    def _cut(self, tensor: Tensor, index: Tensor, sizes: list[int]) -> list[Tensor]:
        """Gathered rows as batches (M, rows, ...)."""
        rows = tensor.flatten(0, 1).index_select(0, index)
        return [part.view(self.count, -1, *rows.shape[1:]) for part in rows.split(sizes)]


class _Found:
    """The losses and outputs of an epoch; nothing is read back before the end.

    Where the outputs are kept for the score, the losses are taken from them at the end, all at once: of losses that are
    means over rows, the mean over batches by their rows is the mean over all rows.
    """

    def __init__(self, runs: list[Run], each_batch: bool) -> None:
        self.runs, self.each_batch = runs, each_batch
        self.losses: list[Tensor] = []
        self.outputs: list[Any] = []
        self.targets: list[Any] = []
        self.weights: list[Any] = []
        self.kept = runs[0].score is not None

    def add(self, losses: Tensor | None, output: Any, target: Any, weight: Tensor | None) -> None:
        """Take in a batch; its losses are None where they are to be taken from the outputs."""
        if losses is not None:
            self.losses.append(losses)
        if not self.kept:
            return
        self.outputs.append(each(output, Tensor.detach))
        self.targets.append(target)
        self.weights.append(weight)
        if len(self.outputs) == 1 and losses is not None:
            numbers = sum(part.numel() for part in (output if isinstance(output, tuple) else (output,)))
            self.kept = numbers // len(self.runs) * len(self.runs[0].batches) <= MEMORY

    def results(self) -> list[dict[str, Any]]:
        """By member the mean loss over its rows, and the score of the same outputs."""
        outputs, targets = (_joined(self.outputs), _joined(self.targets)) if self.kept else (None, None)
        if self.each_batch:
            rows = torch.tensor([stop - start for start, stop in self.runs[0].batches.bounds], dtype=torch.float64)
            losses = torch.stack(self.losses).double().cpu()  # (batches, M)
            first, means = losses[0].tolist(), ((losses * rows[:, None]).sum(0) / rows.sum()).tolist()
        else:
            weight = None if self.weights[0] is None else _joined(self.weights)
            means = member_losses(self.runs, outputs, targets, weight).tolist()
            first = member_losses(self.runs, self.outputs[0], self.targets[0], self.weights[0]).tolist()
        found: list[dict[str, Any]] = [{"train_loss": mean} for mean in means]
        for run, loss in zip(self.runs, first, strict=True):
            run.first_loss = loss if run.first_loss is None else run.first_loss
        if self.kept:
            for record, score in zip(found, member_scores(self.runs, outputs, targets, None), strict=True):
                record["train_score"] = score
        return found


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else each_of(parts, lambda tensors: torch.cat(tensors, dim=1))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return all(map(_same, one, other))
    return one is other or (one.shape == other.shape and torch.equal(one, other))


def _all(batches: Any) -> tuple[Any, ...]:
    """All tensors of some batches."""
    weight = () if batches.weight is None else (batches.weight,)
    target = batches.target if isinstance(batches.target, tuple) else (batches.target,)
    return (*batches.inputs, *target, *weight)


def _wide(tensor: Tensor, shape: tuple[int, int]) -> Tensor:
    return tensor.expand(*shape, *tensor.shape[2:])


def _gathered(parts: list[Tensor], size: int) -> Iterator[list[Tensor]]:
    """All batches at once where an epoch is small, else one by one."""
    if size <= ONCE:
        yield parts
    else:
        yield from ([part] for part in parts)
