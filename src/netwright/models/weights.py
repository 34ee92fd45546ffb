"""Published weights into netwright's networks, offline: whatever names and layouts the file has.

Three steps, in `netwright.models.published`: reading tensors by name from any file (``reading``), recognising whose
names they are and in which order the modules run (``naming``, ``families``), and pairing the modules of the file with
those of the network (``parts``, ``aligning``). ``notes`` says what fits, and what else differs.

Nothing is written into the network before everything is known to fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.graph import Branches, Chain, Expression, close
from netwright.models.alexnet import alexnet
from netwright.models.cifar_resnet import cifar_resnet
from netwright.models.googlenet import googlenet
from netwright.models.inception_v3 import inception_v3
from netwright.models.published.aligning import Difference, Placement, align
from netwright.models.published.naming import Naming, is_keras
from netwright.models.published.notes import call_for, notes_on, notes_on_prefixes
from netwright.models.published.padded_shortcuts import has_zeros_on_both_sides, zeros_behind
from netwright.models.published.parts import COUNT, Part, from_keras, parts_of
from netwright.models.published.reading import Source, read_tensors
from netwright.models.published.wrapping import recognised, without_prefixes
from netwright.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from netwright.models.squeezenet import squeezenet
from netwright.models.vgg import vgg11, vgg13, vgg16, vgg19

_MADE_BY: dict[str, Callable[..., Expression]] = {
    made.__name__: made
    for made in (
        *(alexnet, googlenet, inception_v3, squeezenet, vgg11, vgg13, vgg16, vgg19),
        *(resnet18, resnet34, resnet50, resnet101, resnet152, cifar_resnet),
    )
}
_HEAD = re.compile(r"softmax\d+\.linear")
_COLUMNS = ("file", "ours", "shape", "done")
_HEADINGS = ("file", "network", "shape", "what was done")


@dataclass(frozen=True)
class WeightRow:
    """One tensor: where it stood, where it stands now, what was done to it.

    Attributes
    ----------
    file : its name in the file, less the prefix in the notes; "" where the file has none.
    ours : its name in the network's ``state_dict()``; "" where it was left out.
    shape : in the network, or in the file where it was left out.
    done : "as it is", "transposed...", "reshaped", "channels reordered", "adapted...", "folded...", "less...",
        "set to...", "left out: why", "kept fresh: why".
    """

    file: str
    ours: str
    shape: tuple[int, ...]
    done: str


@dataclass(frozen=True, repr=False)
class LoadedWeights:
    """A network with the weights of a file, and the report of what went where.

    Attributes
    ----------
    module : the network.
    source : whose names the file has: "torchvision", "timm", "keras", "torch.nn", "netwright".
    architecture : of the file, as it is published: "resnet50", "vgg16_bn", "squeezenet1_1"; "" where it is unknown.
    rows : one for every tensor of the file and of the network.
    notes : what else is to be known for the same outputs, such as another preparation of images.
    network : the expression that the module is built from, as it was given; None where a module was filled.
    """

    module: torch.nn.Module
    source: str
    architecture: str
    rows: tuple[WeightRow, ...]
    notes: tuple[str, ...] = ()
    network: Expression | None = None

    def to_frame(self) -> Any:
        """The rows as a pandas frame (needs the extra ``netwright[frames]``)."""
        import pandas

        return pandas.DataFrame([{name: getattr(row, name) for name in _COLUMNS} for row in self.rows])

    def __repr__(self) -> str:
        name = type(self.module).__name__
        return f"<weights of {self.architecture or 'a network'} in a {name}: {len(self.rows)} rows, print it>"

    def __str__(self) -> str:
        cells = [_HEADINGS, *((row.file or "-", row.ours or "-", str(row.shape), row.done) for row in self.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(_HEADINGS))]
        lines = ["  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip() for line in cells]
        rule = "-" * max(map(len, lines))
        counts: dict[str, int] = {}
        for row in self.rows:
            kind = row.done.partition(":")[0]
            kind = kind if kind in ("as it is", "left out", "kept fresh") else "changed"
            counts[kind] = counts.get(kind, 0) + 1
        total = f"{self.architecture or 'a network'}, names of {self.source}: "
        total += ", ".join(f"{count} {kind}" for kind, count in counts.items())
        return "\n".join([lines[0], rule, *lines[1:], rule, total, *self.notes])


def load_weights(target: Expression | torch.nn.Module, source: Source, seed: int = 0) -> LoadedWeights:
    """Read published weights into a network: W_network = f(W_file), f a change of layout, for every tensor.

    Parameters
    ----------
    target : a network, which is built (on the input shape of its card where it is open), or a module that one built,
        which is filled in place.
    source : a ``.safetensors``, ``.pth``, ``.npz`` or Keras ``.h5`` file with the names that torchvision, timm or Keras
        give, with numbers (``torch.nn.Sequential``), or with those of the network; or a dict of tensors or arrays.
        Prefixes that wrappers put before the names, such as ``module.`` or ``backbone.``, are taken off.
    seed : of what the file does not fill, such as the head for another number of classes.

    Returns
    -------
    The module, and the report: print it, or read ``.rows``. An estimator takes it as its network,
    ``Classifier(load_weights(resnet18(num_classes=4), path))``, begins with these weights, and can be saved.

    Raises
    ------
    InvalidParameter : weights of another architecture, or names that nobody gives. The first layer that differs is
        named, with both shapes and what would fit. The network stays as it was.
    CorruptFile : a file that is cut or changed, holds other things than weights, or numbers that are not finite.
        Changed numbers are noticed where the format has checksums: ``.pth`` and ``.npz`` have, ``.safetensors`` not.
    OSError : a file that cannot be read.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, ReLU, Softmax
    >>> with torch.random.fork_rng(devices=[]):
    ...     theirs = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1000))
    >>> loaded = load_weights(Input(4) >> ReLU(8) >> Softmax(3), theirs.state_dict())
    >>> bool((loaded.module.relu1.linear.weight == theirs[0].weight).all())
    True
    >>> loaded.rows[1].ours, loaded.rows[1].done, loaded.rows[3].done
    ('relu1.linear.bias', 'as it is', 'kept fresh: 3 outputs, 1000 in the file')
    """
    if not isinstance(target, (Expression, torch.nn.Module)):
        got = f"{shown(target)} of type {type(target).__name__}"
        raise InvalidParameter(problem("load_weights(target)", "a network or a module", got))
    where, tensors = read_tensors(source)
    module = close(target).build(seed) if isinstance(target, Expression) else target
    ours = list(parts_of(module.state_dict()).values())
    _check_target(ours)
    tensors, prefixes, behind = without_prefixes(tensors, module.state_dict())
    naming, theirs = _in_order(where, tensors, ours, behind)
    found = align(naming, theirs, ours, _auxiliary(module, ours))
    if isinstance(found, Difference):
        more = _without_head(naming, theirs, ours, found)
        raise _another(where, _name_of(target), naming, theirs, found, more)
    for part in theirs:
        _check_numbers(where, part)
    _write(found)
    rows = tuple(_row(placement) for placement in found)
    notes = (*notes_on_prefixes(prefixes, behind), *notes_on(naming, theirs, ours, module))
    network = target if isinstance(target, Expression) else None
    return LoadedWeights(module, naming.source, naming.architecture, rows, notes, network)


def _in_order(
    where: str, tensors: dict[str, torch.Tensor], ours: Sequence[Part], behind: Sequence[str]
) -> tuple[Naming, list[Part]]:
    """Whose names the file has, and its modules in the order of their definition, in torch's layouts."""
    keras = is_keras(tensors)
    parts = parts_of(tensors, keras, where)
    shared = [part.name for part in ours if part.name in parts]
    if 2 * len(shared) >= len(parts):
        naming = _own_naming(list(parts), [part.name for part in ours])
    else:
        naming = recognised(tensors, behind, where)
    ordered = [parts[name] for name in naming.modules]
    if has_zeros_on_both_sides(naming):
        ordered = zeros_behind(ordered)
    return naming, from_keras(ordered) if keras else ordered


def _own_naming(theirs: Sequence[str], ours: Sequence[str]) -> Naming:
    """The names of the network itself, in its order; what only the file has stands at the end."""
    shared = [name for name in ours if name in theirs]
    more = [name for name in theirs if name not in ours]
    headless = len(more) == 1 and _HEAD.fullmatch(more[0]) is not None  # else it may be any layer in between
    top = more if headless else shared[-1:] if shared[-1:] == list(ours[-1:]) else []
    ends_in_head = bool(ours) and _HEAD.fullmatch(ours[-1]) is not None
    return Naming("netwright", "network", "", (*shared, *more), tuple(top), top_size=int(ends_in_head))


def _auxiliary(module: torch.nn.Module, ours: Sequence[Part]) -> set[str]:
    """The modules behind all outputs of a network but the first: it ends in branches."""
    path, last = "", module
    while isinstance(last, torch.nn.Sequential) and len(last):
        name, last = list(last.named_children())[-1]
        path = f"{path}{name}."
    if not isinstance(last, Branches):
        return set()
    main, *_ = last._modules
    return {part.name for part in ours if part.name.startswith(path) and not part.name.startswith(f"{path}{main}.")}


def _check_target(ours: Sequence[Part]) -> None:
    if not ours:
        raise InvalidParameter(problem("load_weights(target)", "a network with weights", "one without any"))
    for part in ours:
        for entry in part.entries.values():
            if entry.tensor.is_meta:
                got = f"{entry.name} on the device meta"
                remedy = "Give it memory: module.to_empty(device=...)."
                raise InvalidParameter(problem("load_weights(target)", "a module with numbers", got, remedy))


def _check_numbers(where: str, part: Part) -> None:
    """Whether all tensors of a module can be weights."""
    for role, entry in part.entries.items():
        if role == COUNT:
            continue
        if not entry.tensor.is_floating_point() or entry.tensor.itemsize < 2:
            remedy = "Save the weights before they are quantised."
            raise CorruptFile(
                problem(where, f"floating-point numbers in {entry.name}", str(entry.tensor.dtype), remedy)
            )
        if not bool(torch.isfinite(entry.tensor).all()):
            raise CorruptFile(problem(where, f"finite numbers in {entry.name}", "NaN or infinity", "Fetch it again."))
        if role == "running_var" and bool((entry.tensor < 0).any()):
            got = f"{float(entry.tensor.min()):g}"
            raise CorruptFile(problem(where, f"variances >= 0 in {entry.name}", got, "Fetch it again."))


def _another(
    where: str, name: str, naming: Naming, theirs: Sequence[Part], found: Difference, more: str
) -> InvalidParameter:
    """The error for weights of another architecture."""
    expected = f"weights of {name}, which has {found.ours or 'no further layer'} there"
    got = f"{found.theirs or 'no further layer'}: the names in the file are those of {naming}"
    return InvalidParameter(problem(where, expected, got, _what_fits(naming, theirs) + more))


def _without_head(naming: Naming, theirs: Sequence[Part], ours: Sequence[Part], found: Difference) -> str:
    """What to do where nothing but the head does not fit."""
    if found.theirs is None or naming.top != (found.theirs.name,) or not naming.is_published:
        return ""
    trunk = [part for part in theirs if part is not found.theirs]
    if isinstance(align(replace(naming, top=()), trunk, ours), Difference):
        return ""
    names = ", ".join(entry.name for entry in found.theirs.entries.values())
    return f" Or leave {names} out: a fresh head is kept."


def _what_fits(naming: Naming, theirs: Sequence[Part]) -> str:
    """The call that makes the network of the file, when what it makes fits indeed."""
    function, options = call_for(naming, theirs)
    if function in _MADE_BY:
        with torch.device("meta"):
            module = close(_MADE_BY[function](**options)).build()
        ours = list(parts_of(module.state_dict()).values())
        if not isinstance(align(naming, theirs, ours, _auxiliary(module, ours)), Difference):
            listed = ", ".join(f"{option}={given!r}" for option, given in options.items())
            return f"nw.models.{function}({listed}) would fit."
    return "Build the network that they were saved from: nw.models has none that fits."


def _name_of(target: Expression | torch.nn.Module) -> str:
    card = target.card if isinstance(target, Chain) else None
    return card.name if card else "this network"


def _write(placements: Sequence[Placement]) -> None:
    with torch.no_grad():
        for placement in placements:
            if placement.tensor is not None and placement.ours is not None:
                placement.ours.tensor.copy_(placement.tensor)


def _row(placement: Placement) -> WeightRow:
    shape = (placement.ours or placement.theirs).shape  # type: ignore[union-attr]
    file = placement.theirs.name if placement.theirs else ""
    ours = placement.ours.name if placement.ours else ""
    return WeightRow(file, ours, shape, placement.done)
