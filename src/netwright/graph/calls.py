"""One observed call of a module, as rows: what each of its watched parts gives, costs, sees and reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from netwright.core.seeds import forked_random
from netwright.graph.explain import Sliding, field_formula, mac_formula, parameter_formula, size_formula, sliding_of
from netwright.graph.observer import Observer, Step, observing
from netwright.graph.rules import tensors_in
from netwright.graph.table import How, Row, Shape
from netwright.graph.window import Window, sliding

Watched = dict[str, torch.nn.Module]
_SEES_ITSELF = (torch.nn.LocalResponseNorm,)  # across channels only, though it is made of pooling and views


@dataclass
class Record:
    """What was seen of one watched module; shapes and windows are those of its first call."""

    macs: int = 0
    enter: list[int] = field(default_factory=list)
    into: Shape | None = None
    into_window: Window | None = None
    output: Shape | None = None
    given: Shape | None = None  # the same, always without the batch axis
    window: Window | None = None
    sources: tuple[int, ...] = ()
    versions: list[dict[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Observed:
    """A row for each watched module in the order of its first call, all MACs, what ran in which order, what came out.

    `window` is that of the (first) result.
    """

    rows: dict[str, Row]
    macs: int
    steps: tuple[Step, ...]
    window: Window | None


def observe_call(
    module: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    names: tuple[str, ...],
    watched: Watched,
    device: str,
    call: bool,
) -> Observed:
    """Run once under the observer.

    Parameters
    ----------
    module : any torch module; it is left as it was.
    inputs : of the call, on the device.
    names : of the inputs, for the rows that read them.
    watched : the modules that get a row, by path.
    device : "meta", or "cpu" for modules that need real numbers.
    call : whether figures are of the whole call; else of one sample, without the batch axis.
    """
    watch = _Watch(watched, call)
    observer = watch.observer
    with forked_random(0), observing(module, device) as tensors, hooks(watched, watch.before, watch.after), observer:
        for name, tensor in zip(names, inputs, strict=True):
            observer.enter_input(tensor, name)
        result = tensors_in((torch.func.functional_call(module, tensors, inputs, tie_weights=False),))
    called = {name: watched[name] for name in watched if name in watch.seen}
    if len(called) < len(watched) and watch.leaves != set(called) - _homes(called):
        return observe_call(module, inputs, names, called, device, call)  # some are only read: their owner is one layer
    samples, window = 1 if call else inputs[0].shape[0], observer.window(result[0]) if result else None
    rows = _rows(called, watch.seen, observer.steps, samples)
    return Observed(rows, observer.macs // samples, tuple(observer.steps), window)


class _Watch:
    """The hooks of one observed call, and what they note."""

    def __init__(self, watched: Watched, call: bool) -> None:
        self.watched, self.call = watched, call
        self.seen: dict[str, Record] = {}
        self.observer = Observer()
        self.reads: list[tuple[int, ...]] = []  # the steps that the running modules were given
        self.leaves = set(watched) - _homes(watched)

    def before(self, name: str, args: Any) -> None:
        record = self.seen.setdefault(name, Record())
        record.enter.append(self.observer.macs)
        given = tensors_in(args)
        record.versions.append({id(x): x._version for x in given})
        self.reads.append(self.observer.origins(given))
        self.observer.inside += name in self.leaves
        if len(record.enter) == 1 and given and record.into is None:
            record.into, record.into_window = tuple(given[0].shape[1:]), self.observer.window(given[0])
            record.sources = self.observer.origins(given)

    def after(self, name: str, args: Any, output: Any) -> None:
        record, observer = self.seen[name], self.observer
        known = record.versions.pop()
        record.macs += observer.macs - record.enter.pop()
        made = tensors_in((output,))  # a recurrent module gives its outputs and its state
        new = [x for x in made if known.get(id(x)) != x._version]  # else it handed on what it got
        observer.inside -= name in self.leaves
        step = Step(name, "", self.reads.pop(), tuple(made[0].shape[1:]) if made else None)
        declared = _declared(self.watched[name], args, observer)
        observer.enter(new, declared, step if name in self.leaves and new else None)
        if record.output is None and made:
            record.output, record.given = tuple(made[0].shape[0 if self.call else 1 :]), tuple(made[0].shape[1:])
            record.window = observer.window(made[0])


def _declared(part: torch.nn.Module, args: Any, observer: Observer) -> Window | None:
    """The window of a module that says what it is, on what its input has."""
    own, given = getattr(part, "sliding", None), tensors_in(args)
    came = observer.window(given[0]) if given else None
    if came is None or isinstance(part, _SEES_ITSELF):
        return came
    if not isinstance(own, Sliding):
        return None
    sizes = tuple((k - 1) * d + 1 for k, d in zip(own.kernel, own.dilation, strict=True))
    return came.through(sliding(sizes, own.stride, tuple(-pad for pad in own.start)))


def _rows(watched: Watched, seen: dict[str, Record], steps: list[Step], samples: int) -> dict[str, Row]:
    rows, counted = {}, set[int]()
    homes = _homes(watched)
    nested = _nested_macs(seen)
    for name, record in seen.items():
        part = watched[name]
        others = [m for other, m in watched.items() if _inside(other, name)] if name in homes else []
        inner = {id(p) for m in others for p in m.parameters()}
        owners: list[tuple[torch.nn.Module, list[torch.Tensor]]]
        owners = [(m, [p for p in m.parameters(False) if id(p) not in inner | counted]) for m in part.modules()]
        owners = [(m, own) for m, own in owners if own]
        fresh = {id(p): p for _, own in owners for p in own}
        counted.update(fresh)
        parameters = sum(p.numel() for p in fresh.values())
        macs = (record.macs - nested.get(name, 0)) // samples
        own = sliding_of(part)
        formulas = {
            "size": size_formula(own, record.into, record.given),
            "parameters": parameter_formula(owners, parameters),
            "MACs": mac_formula(part, record.given, macs),
            "field": field_formula(own, record.into_window, record.window),
        }
        rows[name] = Row(
            path=name,
            layer=f"{type(part).__name__}({part.extra_repr()})",
            output_shape=record.output,
            parameters=parameters,
            trainable=sum(p.numel() for p in fresh.values() if p.requires_grad),
            macs=macs,
            window=record.window,
            sources=_paths(record.sources, steps),
            how=How(str(own or ""), {kind: text for kind, text in formulas.items() if text}),
        )
    return rows


def _paths(sources: tuple[int, ...], steps: list[Step]) -> tuple[str, ...]:
    """The layers that steps are calls of, or, for operations, those that they read."""
    found: dict[str, None] = {}
    for source in sources:
        step = steps[source]
        found |= dict.fromkeys([step.path] if step.path else _paths(step.sources, steps))
    return tuple(found)


def _inside(path: str, name: str) -> bool:
    return path != name and (name == "" or path.startswith(f"{name}."))


def _homes(names: Iterable[str]) -> set[str]:
    """All paths that some name lies inside of."""
    parts = [name.split(".") for name in names if name]
    return {".".join(part[:depth]) for part in parts for depth in range(len(part))}


def _nested_macs(seen: dict[str, Record]) -> dict[str, int]:
    """MACs of watched modules inside a watched module, so that each is counted in one row only."""
    inside, homes = dict[str, int](), _homes(seen) & set(seen)
    for name, record in seen.items():
        parents = [home for home in homes if _inside(name, home)]
        if parents:
            nearest = max(parents, key=len)
            inside[nearest] = inside.get(nearest, 0) + record.macs
    return inside


@contextmanager
def hooks(
    watched: Watched, before: Callable[[str, Any], None], after: Callable[[str, Any, Any], None]
) -> Iterator[None]:
    """Call `before` and `after` round each watched module, by name; one that has several names by each in turn.

    Parameters
    ----------
    watched : modules by name.
    before : called with the name and the arguments.
    after : called with the name, the arguments and the output.
    """
    names: dict[torch.nn.Module, list[str]] = {}
    for name, part in watched.items():
        names.setdefault(part, []).append(name)
    running: list[str] = []
    left: dict[torch.nn.Module, list[str]] = {part: list(given) for part, given in names.items()}

    def enter(part: torch.nn.Module, args: Any) -> None:
        running.append(left[part][0] if len(left[part]) == 1 else left[part].pop(0))
        before(running[-1], args)

    def leave(part: torch.nn.Module, args: Any, output: Any) -> None:
        after(running.pop(), args, output)

    handles = []
    try:
        for part in names:
            handles.append(part.register_forward_pre_hook(enter))
            handles.append(part.register_forward_hook(leave))
        yield
    finally:
        for handle in handles:
            handle.remove()
