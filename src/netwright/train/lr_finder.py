"""Range tests: of any torch program, and of a run of netwright's own loop.

A range test trains at rates that grow from batch to batch and records the losses; `netwright.train.ramp` has the
equations. Of a torch program nothing is changed for good; a run is used up by it, and so is one that was made for it.
"""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.core.errors import DivergenceWarning, InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import alone, derive
from netwright.core.validation import check, integer
from netwright.optim.wrappers.wrapped import chain_of
from netwright.optim.wrappers.wrapper import Wrapper
from netwright.train.backward import backward
from netwright.train.borrowed import borrowed
from netwright.train.loop import train
from netwright.train.ramp import Ramp, RangeTest
from netwright.train.run import Run
from netwright.train.stopping import Snapshot
from netwright.train.threads import limited_threads


def range_test(
    module: torch.nn.Module,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Any,
    batches: Iterable[Any],
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
    limit: float = 4.0,
    seed: int = 0,
) -> RangeTest:
    """The learning-rate range test of a torch program: a batch a step, at ``eta_i = low (high / low)^(i / (n - 1))``.

    The batches are first measured at the weights as they are, and then trained on. Afterwards module, gradients,
    optimizer and random states are bit by bit as they were, also after an error. A loss that is infinite or NaN ends
    the test before its update is made.

    Parameters
    ----------
    module : the network; it trains from the weights that it has.
    loss : ``(output, target) -> scalar tensor``.
    optimizer : a torch optimizer of the module's parameters (with its momentum, if it has made steps), or an update
        rule of `netwright.optim`. The greatest rate of its groups follows the ramp; the others keep their ratio to it.
    batches : pairs (x, y), again and again from the beginning if there are too few; x may be a tuple of inputs.
    low : the first rate, > 0.
    high : the last rate, > low.
    steps : how many there are, >= 20.
    smoothing : share of the exponential mean that is kept at a step, in [0, 1).
    limit : times the least smoothed loss beyond which the ramp ends, > 1.
    seed : of dropout and of the order in which a shuffled DataLoader gives its batches, an integer >= 0.

    Raises
    ------
    InvalidParameter : an optimizer without a learning rate, or whose step needs a closure; options out of range.
    InvalidData : no batch, one that is no pair, or a first loss that is infinite or NaN.

    Examples
    --------
    >>> layer = torch.nn.Linear(1, 1)
    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> batches = [(x[i::8], x[i::8] ** 2) for i in range(8)]
    >>> optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    >>> found = range_test(layer, torch.nn.functional.mse_loss, optimizer, batches)
    >>> found.suggestion < 1.0 < found.diverged_at, optimizer.param_groups[0]["lr"]
    (True, 0.1)

    References
    ----------
    Smith, *Cyclical learning rates for training neural networks*, 2017 (section 3.3).
    """
    ramp = Ramp(low, high, steps, smoothing, limit)
    check("lr_finder(seed)", seed, integer(0))
    if not isinstance(module, torch.nn.Module):
        raise InvalidParameter(problem("lr_finder(module)", "a torch module", shown(module)))
    if not isinstance(batches, Iterable):
        raise InvalidData(problem("lr_finder(batches)", "pairs (x, y), such as a DataLoader", shown(batches)))
    built = _built(optimizer, module)
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    generators = _generators(batches)
    with borrowed(module, built, seed, generators), torch.enable_grad():
        if iter(batches) is batches:  # it could not be gone through again
            batches = list(itertools.islice(batches, steps))
        for inputs, target in _round(batches, device):
            if not ramp.begin(float(_scalar(loss(module(*inputs), target)).detach())):
                break
    with borrowed(module, built, seed, generators), torch.enable_grad():
        _climb(module, loss, optimizer, built, _round(batches, device), ramp)
    return ramp.result()


def range_test_of_run(run: Run, ramp: Ramp) -> RangeTest:
    """The range test of a run, by the loop itself; the run is used up by it.

    Parameters
    ----------
    run : with rows, and with an update rule that has a constant rate.
    ramp : a new one.

    Raises
    ------
    KeyboardInterrupt : Ctrl-C, which the loop keeps to itself.
    """
    _begin(run, ramp)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # that is what the test is for
        try:
            with ramp.watched():
                train(run, len(ramp.rates), [_Climb(ramp)])
        except _Done:
            return ramp.result()
    if run.interrupted:
        raise KeyboardInterrupt
    if not ramp.done:  # the loop saw weights that are not finite before their loss was
        ramp.diverged_at = ramp.rate
    return ramp.result()


def _begin(run: Run, ramp: Ramp) -> None:
    """The losses of the batches that the loop will draw, with its own noise, at the weights as they are."""
    kept = Snapshot(run, run.flat.theta)
    run.module.train()
    devices = [run.precision.device] if run.precision.device.type == "cuda" else []
    with alone(), torch.random.fork_rng(devices=devices), limited_threads(run.work):
        for epoch in itertools.count():
            run.precision.seed_noise(derive(run.seed, "noise", epoch))
            for inputs, target, weight in run.batches(epoch):
                with run.precision.context():
                    loss = run.objective(run.module(*inputs), target, weight)
                if not ramp.begin(float(loss.detach())):
                    kept.put_back(run)
                    return


def at_rate(rule: Any, rate: float) -> Any:
    """An update rule with a constant learning rate in place of its own; wrappers stay round it.

    Parameters
    ----------
    rule : an update rule of `netwright.optim`.
    rate : > 0.

    Raises
    ------
    InvalidParameter : it has no learning rate, or it looks at the whole loss.

    Examples
    --------
    >>> from netwright.optim import Clip, SGD, cosine
    >>> at_rate(Clip(SGD(cosine(0.1), momentum=0.9), norm=1.0), 0.5)
    Clip(SGD(0.5, 0.9), 1.0)
    """
    if rule.takes not in ("gradients", "loss") or not hasattr(rule, "learning_rate"):
        remedy = "It finds its own step lengths: train with it as it is."
        raise InvalidParameter(problem("lr_finder(optimizer)", "a rule with a learning rate", shown(rule), remedy))
    if isinstance(rule, Wrapper):
        return replace(rule, rule=at_rate(rule.rule, rate))  # type: ignore[type-var]
    return replace(rule, learning_rate=rate)


class _Done(Exception):
    """The ramp has ended in the middle of an epoch."""


class _Climb:
    """The callback that sets the rate of each batch and takes its loss before the update."""

    def __init__(self, ramp: Ramp) -> None:
        self.ramp = ramp

    def on_batch_start(self, run: Run) -> None:
        for group in run.update.param_groups:
            group["lr"] = self.ramp.rate

    def on_gradients(self, run: Run) -> None:
        assert run.loss is not None
        self.ramp.take(float(run.loss))
        if self.ramp.done:
            raise _Done


def _climb(module: torch.nn.Module, loss: Any, given: Any, built: Any, pairs: Iterable[Any], ramp: Ramp) -> None:
    """Train on batches, each at the rate of its step, to the end of the ramp."""
    parameters = [*module.parameters(), *(p for group in built.param_groups for p in group["params"])]
    shares, wants_loss = _shares(built), getattr(given, "takes", "gradients") == "loss"
    for inputs, target in pairs:
        for group, share in zip(built.param_groups, shares, strict=True):
            group["lr"] = ramp.rate * share
        for parameter in parameters:
            parameter.grad = None
        value = _scalar(loss(module(*inputs), target))
        if ramp.take(float(value.detach())):
            backward(value)
            with ramp.watched():
                built.step(*([value.item] if wants_loss else []))
        if ramp.done:
            return


def _built(optimizer: Any, module: torch.nn.Module) -> torch.optim.Optimizer:
    """A torch optimizer: the one given, or that of a rule for the module's trainable parameters."""
    if getattr(optimizer, "family", None) == "optimizer" and not isinstance(optimizer, type):
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        rule = at_rate(optimizer, 1.0)
        made: torch.optim.Optimizer = rule.build(named if rule.by_name else [p for _, p in named])
        return made
    if not isinstance(optimizer, torch.optim.Optimizer):
        expected = "a torch optimizer or an update rule of nw.optim"
        raise InvalidParameter(problem("lr_finder(optimizer)", expected, shown(optimizer)))
    if not _has_rate(optimizer):
        got = f"that of {shown(optimizer.rule)}" if hasattr(optimizer, "rule") else type(optimizer).__name__
        expected, remedy = "an optimizer with a learning rate", "It finds its own step lengths: train with it as it is."
        raise InvalidParameter(problem("lr_finder(optimizer)", expected, got, remedy))
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        expected, got = "an optimizer that steps along gradients", f"{type(optimizer).__name__}, which needs a closure"
        remedy = "Of an update rule of nw.optim give the rule itself."
        raise InvalidParameter(problem("lr_finder(optimizer)", expected, got, remedy))
    if any("lr" not in group for group in optimizer.param_groups):
        remedy = "It finds its own step lengths: train with it as it is."
        got = type(optimizer).__name__
        raise InvalidParameter(problem("lr_finder(optimizer)", 'an optimizer whose groups have "lr"', got, remedy))
    return optimizer


def _has_rate(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the rates of its groups mean anything: torch's Rprop and rules of ours without a rate have some too."""
    rule: Any = getattr(optimizer, "rule", None)
    ours = getattr(rule, "family", None) == "optimizer"
    resilient = isinstance(chain_of(optimizer)[-1], torch.optim.Rprop)
    return not resilient and (not ours or (rule.takes == "gradients" and hasattr(rule, "learning_rate")))


def _shares(optimizer: torch.optim.Optimizer) -> list[float]:
    """By group, its rate over the greatest one; ones where all are 0."""
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    most = max(rates)
    return [rate / most for rate in rates] if most > 0 else [1.0] * len(rates)


def _generators(batches: Any) -> list[torch.Generator]:
    """The generators of its own that a DataLoader draws from."""
    owners = (batches, getattr(batches, "sampler", None), getattr(batches, "batch_sampler", None))
    found = [getattr(owner, "generator", None) for owner in (*owners, getattr(owners[2], "sampler", None))]
    return list({id(item): item for item in found if isinstance(item, torch.Generator)}.values())


def _round(batches: Any, device: torch.device) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The batches, again and again, each as (inputs, target) on the device."""
    for some in itertools.repeat(batches):
        empty = True
        for pair in some:
            empty = False
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                got = f"a {type(pair).__name__}" + (f" of {len(pair)}" if isinstance(pair, (tuple, list)) else "")
                remedy = "For several inputs, x is a tuple."
                raise InvalidData(problem("lr_finder(batches)", "pairs (x, y)", got, remedy))
            x, y = _moved(pair[0], device), _moved(pair[1], device)
            yield (x if isinstance(x, tuple) else (x,)), y
        if empty:
            raise InvalidData(problem("lr_finder(batches)", "at least one batch", "none"))


def _moved(item: Any, device: torch.device) -> Any:
    """Tensors and arrays on a device, lists of them as tuples; anything else as it is."""
    if isinstance(item, (tuple, list)):
        return tuple(_moved(part, device) for part in item)
    if isinstance(item, np.ndarray):
        item = torch.as_tensor(item)
    return item.to(device) if isinstance(item, Tensor) else item


def _scalar(value: Any) -> Tensor:
    """The loss, which must be one number that depends on the parameters."""
    if isinstance(value, Tensor) and value.numel() == 1 and value.requires_grad:
        return value.reshape(())
    got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else shown(value)
    if isinstance(value, Tensor) and value.numel() == 1:
        got = "one that depends on no parameter"
    raise InvalidParameter(problem("lr_finder(loss)", "a scalar tensor that depends on the parameters", got))
