"""One observed call of a module, as rows: what each of its watched parts gives, costs, sees and reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from netwright.core.seeds import forked_random
from netwright.graph.batches import ALL, Counts, of_one_sample
from netwright.graph.explain import Sliding, field_formula, mac_formula, parameter_formula, size_formula, sliding_of
from netwright.graph.observer import Observer, Step, observing
from netwright.graph.operation import tensors_in
from netwright.graph.places import Places, Sizes
from netwright.graph.slides import slid, windows
from netwright.graph.table import How, Row
from netwright.graph.window import Window

Watched = dict[str, torch.nn.Module]
Owners = list[tuple[torch.nn.Module, list[torch.nn.Parameter]]]
_SEES_ITSELF = (torch.nn.LocalResponseNorm,)  # across channels only, though it is made of pooling and views


@dataclass
class Record:
    """What was seen of one watched module; shapes and places are those of its first call."""

    macs: int = 0  # of all its calls, without those of watched modules that it calls
    into: Sizes | None = None  # shapes are with the batch axis
    into_places: Places | None = None
    output: Sizes | None = None
    places: Places | None = None
    sources: tuple[int, ...] = ()


@dataclass(frozen=True)
class Observed:
    """A row for each watched module in the order of its first call, all MACs, what ran in which order, what came out.

    `window` is that of the (first) result, `inputs` are those of the inputs. `autocast` says that something ran in
    an element type that only a real device would have changed.
    """

    rows: dict[str, Row]
    macs: int
    steps: tuple[Step, ...]
    window: Window | None
    inputs: tuple[Window | None, ...]
    autocast: bool


def observe_call(
    module: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    names: tuple[str, ...],
    watched: Watched,
    device: str,
    call: bool,
) -> Observed:
    """Run once under the observer; once or twice more with other batches where work may not grow with the batch.

    Parameters
    ----------
    module : any torch module; it is left as it was.
    inputs : of the call, on the device.
    names : of the inputs, for the rows that read them.
    watched : the modules that get a row, by path.
    device : "meta", or "cpu" for modules that need real numbers.
    call : whether figures are of the whole call; else of one sample, without the batch axis.
    """
    watch = _Watch(watched)
    result = _run(module, inputs, names, watch, device)
    called = {name: watched[name] for name in watched if name in watch.seen}
    if len(called) < len(watched) and watch.leaves != set(called) - _homes(called):
        watch = _Watch(called)  # some are only read: their owner is one layer
        result = _run(module, inputs, names, watch, device)
    observer, counts = watch.observer, watch.counts
    if not call:

        def again(samples: int) -> Counts:
            other = tuple(x.new_zeros(samples, *x.shape[1:]) for x in inputs)
            twin = _Watch(called)
            _run(module, other, names, twin, device)
            return twin.counts

        counts = of_one_sample(watch.counts, inputs[0].shape[0], again if observer.uneven else None)
    rows = _rows(watch, watched, called, counts, call)
    windows = [observer.window(tensor) for tensor in (*result[:1], *inputs)]
    first = windows.pop(0) if result else None
    return Observed(rows, counts[ALL], tuple(observer.steps), first, tuple(windows), observer.autocast)


def _run(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], names: tuple[str, ...], watch: _Watch, device: str
) -> list[torch.Tensor]:
    observer = watch.observer
    with (
        forked_random(0),
        observing(module, device) as tensors,
        hooks(watch.watched, watch.before, watch.after),
        observer,
    ):
        for name, tensor in zip(names, inputs, strict=True):
            observer.enter_input(tensor, name)
        result = tensors_in(torch.func.functional_call(module, tensors, inputs, tie_weights=False))
    watch.unread = {name for name, tensor in tensors.items() if id(tensor) not in observer.touched}
    watch.counts = {ALL: observer.macs} | {name: record.macs for name, record in watch.seen.items()}
    return result


class _Watch:
    """The hooks of one observed call, and what they note."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.seen: dict[str, Record] = {}
        self.observer = Observer()
        self.running: list[_Running] = []
        self.leaves = set(watched) - _homes(watched)
        self.counts: Counts = {}
        self.unread = set[str]()

    def before(self, name: str, args: Any) -> None:
        first = name not in self.seen
        record, observer, given = self.seen.setdefault(name, Record()), self.observer, tensors_in(args)
        self.running.append(_Running(observer.macs, observer.origins(given), {id(x): x._version for x in given}))
        observer.inside += name in self.leaves
        observer.autocast |= torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
        if first and given:
            record.into, record.into_places = tuple(given[0].shape), observer.places(given[0])
            record.sources = self.running[-1].sources

    def after(self, name: str, args: Any, output: Any) -> None:
        record, observer, running = self.seen[name], self.observer, self.running.pop()
        spent = observer.macs - running.start
        record.macs += spent - running.inner
        if self.running:
            self.running[-1].inner += spent
        made = tensors_in(output)  # a recurrent module gives its outputs and its state
        new = [x for x in made if running.versions.get(id(x)) != x._version]  # else it handed on what it got
        observer.inside -= name in self.leaves
        step = Step(name, "", running.sources, tuple(made[0].shape[1:]) if made else None)
        declared = _declared(self.watched[name], args, made, observer)
        observer.enter(new, declared, step if name in self.leaves and new else None)
        if record.output is None and made:
            record.output, record.places = tuple(made[0].shape), observer.places(made[0])


@dataclass
class _Running:
    """A call that has begun."""

    start: int  # the MACs until then
    sources: tuple[int, ...]  # the steps that it was given
    versions: dict[int, int]  # of the tensors that it was given
    inner: int = 0  # MACs of watched modules that it has called


def _declared(part: torch.nn.Module, args: Any, made: list[torch.Tensor], observer: Observer) -> Places | None:
    """The places of the result of a module that says what it is, on what its input has."""
    own, given = getattr(part, "sliding", None), tensors_in(args)
    came = observer.places(given[0]) if given else None
    if came is None or isinstance(part, _SEES_ITSELF):
        return came
    if not isinstance(own, Sliding) or not made:
        return None
    axes = windows(own.kernel, own.stride, own.start, own.dilation)
    return slid(came.united({1}), axes, given[0].shape, made[0].shape)


def _rows(watch: _Watch, watched: Watched, called: Watched, counts: Counts, call: bool) -> dict[str, Row]:
    rows, counted, homes = {}, set[int](), _homes(called)
    idle = [part for name, part in watched.items() if name not in called and _is_idle(part, name, watch.unread)]
    for name, record in watch.seen.items():
        part = called[name]
        others = [m for other, m in called.items() if _inside(other, name)] if name in homes else []
        inner = {id(p) for m in (*others, *idle) for p in m.parameters()} - {id(p) for p in part.parameters(False)}
        made = [(m, [p for p in m.parameters(False) if id(p) not in inner | counted]) for m in part.modules()]
        owners = [(m, own) for m, own in made if own]
        rows[name] = _row(watch, name, part, record, owners, counts[name], call)
        counted.update(id(p) for _, own in owners for p in own)
    left = dict[str, list[torch.Tensor]]()
    for name in sorted(set(watched) - set(called), key=lambda name: -name.count(".")):
        left[name] = [p for p in watched[name].parameters() if id(p) not in counted]
        counted.update(map(id, left[name]))
    for name in (name for name in watched if left.get(name)):  # their parameters are there, though they do not run
        layer, trainable = _code(watched[name]), sum(p.numel() for p in left[name] if p.requires_grad)
        rows[name] = Row(name, layer, None, sum(p.numel() for p in left[name]), trainable, 0, None, how=How(ran=False))
    return rows


def _is_idle(part: torch.nn.Module, name: str, unread: set[str]) -> bool:
    """Whether nothing has read the parameters of a module."""
    names = [f"{name}.{own}" if name else own for own, _ in part.named_parameters()]
    return all(own in unread for own in names)


def _code(part: torch.nn.Module) -> str:
    return f"{type(part).__name__}({part.extra_repr()})"


def _row(watch: _Watch, name: str, part: torch.nn.Module, record: Record, owners: Owners, macs: int, call: bool) -> Row:
    fresh = [p for _, own in owners for p in own]
    parameters, own, observer = sum(p.numel() for p in fresh), sliding_of(part), watch.observer
    into, given = (None if shape is None else shape[1:] for shape in (record.into, record.output))
    before = observer.reported(record.into_places, record.into or ())
    window = observer.reported(record.places, record.output or ())
    formulas = {
        "size": size_formula(own, into, given),
        "parameters": parameter_formula(owners, parameters),
        "MACs": mac_formula(part, into, given, macs),
        "field": field_formula(own, before, window),
    }
    return Row(
        path=name,
        layer=_code(part),
        output_shape=record.output if call else given,
        parameters=parameters,
        trainable=sum(p.numel() for p in fresh if p.requires_grad),
        macs=macs,
        window=window,
        sources=_paths(record.sources, observer.steps),
        how=How(str(own or ""), {kind: text for kind, text in formulas.items() if text}),
    )


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
