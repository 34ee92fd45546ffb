"""Copies to probe on, and random states to probe in, so that a check changes nothing of the user's."""

from __future__ import annotations

import copy
import inspect
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from netwright.core.seeds import forked_random

SEED = 0
DEEP = 6  # levels at which generators are looked for in what belongs to a loader
MANY = 1000  # parts of a list or dict that are looked at
MOST = 20_000  # objects that are looked at
GENERATORS = (torch.Generator, random.Random, np.random.RandomState, np.random.Generator)
FUNCTIONS = (FunctionType, BuiltinFunctionType)
PLAIN = (int, float, str, NoneType, np.ndarray, np.generic)


def replica(module: nn.Module, *others: Any) -> tuple[Any, ...]:
    """Deep copies of a module and of what refers to it, such as its optimizers: they refer to the copy.

    Tensors that a module keeps from an earlier pass (a hidden state with its graph) are copied without the graph.

    Parameters
    ----------
    module : the user's.
    others : objects that hold its parameters.
    """
    return _copied((module, *others), {})


def program_copy(module: nn.Module, optimizers: list[torch.optim.Optimizer], loss: Any) -> tuple[Any, Any, Any]:
    """Deep copies of a module, its optimizers and a loss that belong together.

    The loss is copied where that can be done: a module, a method of one, an object that can be called; what such an
    object holds besides modules, tensors and optimizers is shared with the user's. A function is the user's own, unless
    it refers to the module or its weights.

    Parameters
    ----------
    module, optimizers, loss : the user's.
    """
    memo: dict[int, Any] = {}
    copies = _copied((module, optimizers), memo)
    return *copies, _loss_copy(loss, memo)  # type: ignore[return-value]


def _copied(items: tuple[Any, ...], memo: dict[int, Any]) -> tuple[Any, ...]:
    for item in items:
        if isinstance(item, nn.Module):
            _prepare(item, memo)
    copies: tuple[Any, ...] = copy.deepcopy(items, memo)
    for old, new in zip(_optimizers(items), _optimizers(copies), strict=True):
        _complete(old, new, memo)
    for each in copies:
        _without_gradients(each)
    return copies


def _prepare(module: nn.Module, memo: dict[int, Any]) -> None:
    """Enter into a memo copies of tensors that torch does not copy: with a graph, of inference mode, of no shape."""
    for tensor in [
        found for part in module.modules() for item in list(vars(part).values()) for found in _tensors(item)
    ]:
        if id(tensor) in memo or isinstance(tensor, nn.UninitializedParameter):
            continue
        if isinstance(tensor, nn.UninitializedBuffer):
            kind: Any = nn.UninitializedBuffer
            new = kind(device=tensor.device, dtype=tensor.data.dtype)
        elif tensor.grad_fn is not None or tensor.is_inference():
            plain, needs = tensor.detach().clone(), tensor.requires_grad
            new = nn.Parameter(plain, needs) if isinstance(tensor, nn.Parameter) else plain.requires_grad_(needs)
        else:
            continue
        memo[id(tensor)] = new
        memo.setdefault(id(memo), []).append(tensor)  # by address: what it refers to must live as long as it does


def _without_gradients(copied: Any) -> None:
    if isinstance(copied, nn.Module):
        for tensor in [*copied.parameters(), *copied.buffers()]:
            tensor.grad = None


def _loss_copy(loss: Any, memo: dict[int, Any]) -> Any:
    """The copy of a loss; the user's own where it cannot be copied."""
    try:
        if isinstance(loss, nn.Module):
            return _copied((loss,), memo)[0]
        if isinstance(loss, MethodType):
            return MethodType(loss.__func__, _holder_copy(loss.__self__, memo))
        if isinstance(loss, partial):
            given = {name: _holder_copy(item, memo) for name, item in loss.keywords.items()}
            return partial(_loss_copy(loss.func, memo), *(_holder_copy(item, memo) for item in loss.args), **given)
        return _rebound(loss, memo) if isinstance(loss, FUNCTIONS) else _holder_copy(loss, memo)
    except Exception:  # a lock, a file, an object that refuses
        return loss


def _rebound(function: Any, memo: dict[int, Any], deep: int = 2) -> Any:
    """A function that refers to what was copied, such as a penalty to the weights, with the copies in its place."""
    if not isinstance(function, FunctionType):
        return function
    cells = function.__closure__ or ()
    held = [cell.cell_contents if cell != CellType() else None for cell in cells]
    new = [_counterpart(item, memo, deep) for item in held]
    names = [name for name in _names(function.__code__) if name in function.__globals__]
    known = {name: _counterpart(function.__globals__[name], memo, deep) for name in names}
    known = {name: item for name, item in known.items() if item is not function.__globals__[name]}
    if not known and all(a is b for a, b in zip(held, new, strict=True)):
        return function
    closure = tuple(c if a is b else CellType(b) for c, a, b in zip(cells, held, new, strict=True))
    space = {**function.__globals__, **known} if known else function.__globals__
    other = FunctionType(function.__code__, space, function.__name__, function.__defaults__, closure)
    other.__kwdefaults__ = function.__kwdefaults__
    vars(other).update(vars(function))
    return other


def _counterpart(item: Any, memo: dict[int, Any], deep: int) -> Any:
    """The copy of a module, a weight, a list of them or a function that refers to them; anything else as it is."""
    if isinstance(item, (nn.Module, Tensor)):
        return memo.get(id(item), item)
    if type(item) in (list, tuple) and 0 < len(item) <= MANY:
        parts = [_counterpart(part, memo, 0) for part in item]
        return item if all(a is b for a, b in zip(item, parts, strict=True)) else type(item)(parts)
    return _rebound(item, memo, deep - 1) if deep > 0 and isinstance(item, FunctionType) else item


def _holder_copy(item: Any, memo: dict[int, Any]) -> Any:
    """A copy of an object with copies of the modules, tensors and optimizers that it holds itself."""
    if isinstance(item, (nn.Module, Tensor, torch.optim.Optimizer)):
        return _copied((item,), memo)[0]
    if isinstance(item, (type, *FUNCTIONS)) or not hasattr(item, "__dict__"):
        return item
    new = copy.copy(item)
    held = {name: part for name, part in vars(item).items() if _holds(part)}
    vars(new).update({name: _copied((part,), memo)[0] for name, part in held.items()})
    return new


def _holds(item: Any, depth: int = 3) -> bool:
    """Whether an attribute is to be copied with its owner: numbers and tensors, also in lists and dicts."""
    if isinstance(item, (list, tuple, dict, set)):
        parts = item.values() if isinstance(item, dict) else item
        return depth > 0 and len(item) <= MANY and all(_holds(part, depth - 1) for part in parts)
    return isinstance(item, (nn.Module, Tensor, torch.optim.Optimizer, *GENERATORS, *PLAIN))


def _optimizers(items: Any) -> list[torch.optim.Optimizer]:
    flat = [part for item in items for part in (item if isinstance(item, (list, tuple)) else [item])]
    return [item for item in flat if isinstance(item, torch.optim.Optimizer)]


def _complete(old: torch.optim.Optimizer, new: torch.optim.Optimizer, memo: dict[int, Any]) -> None:
    """Give a copied optimizer what its ``__getstate__`` leaves out; hooks and methods stay with the user's."""
    for name, item in vars(old).items():
        if name not in vars(new) and not callable(item) and "hook" not in name:
            setattr(new, name, copy.deepcopy(item, memo))
            if isinstance(item, torch.optim.Optimizer):  # that a rule of somebody's is wrapped round
                _complete(item, getattr(new, name), memo)


def _tensors(item: Any) -> Iterable[Tensor]:
    if isinstance(item, Tensor):
        yield item
    elif isinstance(item, (list, tuple)):
        for part in item:
            yield from _tensors(part)
    elif isinstance(item, dict):
        for part in item.values():
            yield from _tensors(part)


@contextmanager
def quiet(seed: int = SEED) -> Iterator[None]:
    """Seed all global random states inside (Python, NumPy, torch and its devices) and put them back afterwards.

    Parameters
    ----------
    seed : an integer >= 0.
    """
    # torch.manual_seed and fork_rng do the same, but keep a traceback for each device that is not in use
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with forked_random(seed):
        state, others = torch.get_rng_state(), [torch.cuda.get_rng_state(device) for device in devices]
        try:
            torch.default_generator.manual_seed(seed)
            for device in devices:
                torch.cuda.default_generators[device].manual_seed(seed)
            yield
        finally:
            torch.set_rng_state(state)
            for device, other in zip(devices, others, strict=True):
                torch.cuda.set_rng_state(other, device)


@contextmanager
def plainly() -> Iterator[None]:
    """With gradients and without inference mode, whatever the caller has switched on or off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def same_generators(things: Iterable[Any]) -> Iterator[None]:
    """Put the generators that objects own (loaders, samplers, data sets, transforms) back as they were.

    Parameters
    ----------
    things : objects that hold generators of torch, NumPy or Python, or hold objects that do.
    """
    states = [_state(generator) for generator in _generators(things)]
    try:
        yield
    finally:
        for put_back in states:
            put_back()


def _state(generator: Any) -> Callable[[], object]:
    """A function that puts a generator back as it is."""
    if isinstance(generator, torch.Generator):
        return partial(generator.set_state, generator.get_state())
    if isinstance(generator, random.Random):
        return partial(generator.setstate, generator.getstate())
    if isinstance(generator, np.random.RandomState):
        return partial(generator.set_state, generator.get_state(legacy=False))
    return partial(setattr, generator.bit_generator, "state", generator.bit_generator.state)


def _generators(things: Iterable[Any]) -> list[Any]:
    """The generators among objects and what they hold, a few levels deep."""
    found: list[Any] = []
    level, seen = list(things), set[int]()
    for _ in range(DEEP):
        fresh = [thing for thing in level[:MOST] if id(thing) not in seen]
        seen |= set(map(id, fresh))
        found += [thing for thing in fresh if isinstance(thing, GENERATORS)]
        level = [part for thing in fresh if not isinstance(thing, GENERATORS) for part in _parts(thing)]
    return list({id(generator): generator for generator in found}.values())


def _parts(thing: Any) -> list[Any]:
    """What an object holds, unless it is a number, a text or an array; of a long list nothing."""
    if isinstance(thing, (Tensor, type, *FUNCTIONS, *PLAIN)):
        return []
    if isinstance(thing, (list, tuple, dict)):
        return [] if len(thing) > MANY else list(thing.values() if isinstance(thing, dict) else thing)
    return list(getattr(thing, "__dict__", {}).values())


@contextmanager
def unchanged(function: Any) -> Iterator[None]:
    """Put back the buffers of modules that a function refers to, and which cannot be copied with it.

    Parameters
    ----------
    function : a loss; of anything but a function nothing is looked at.
    """
    modules = [part for item in _referred(function) for part in _modules(item)]
    buffers = {id(buffer): buffer for module in modules for buffer in module.buffers() if not is_lazy(buffer)}
    kept = [(buffer, buffer.clone()) for buffer in buffers.values() if not buffer.is_inference()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in kept:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def _modules(item: Any) -> list[nn.Module]:
    """An object if it is a module, and those that it holds itself if it is none."""
    if isinstance(item, nn.Module):
        return [item]
    if isinstance(item, (type, ModuleType, *FUNCTIONS)):
        return []
    return [part for part in getattr(item, "__dict__", {}).values() if isinstance(part, nn.Module)]


def _referred(function: Any, deep: int = 3) -> list[Any]:
    """What a function refers to by its closure, its defaults and the global names that it uses."""
    if isinstance(function, partial):
        return [*function.args, *function.keywords.values(), *_referred(function.func, deep)]
    if not isinstance(function, FunctionType):
        return []
    found = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # a name that has no value yet
            found.append(cell.cell_contents)
    found += [function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__]
    further = [part for part in found if isinstance(part, FunctionType)] if deep else []
    return [*found, *(item for part in further for item in _referred(part, deep - 1))]


def _names(code: CodeType) -> set[str]:
    inside = [_names(const) for const in code.co_consts if inspect.iscode(const)]
    return set(code.co_names).union(*inside)
