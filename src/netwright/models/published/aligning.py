"""Which module of a file belongs to which module of a network: both in the order in which they are defined.

Order and shapes decide, names do not. What may differ is a closed list; everything else is another architecture:

================================= =============================================================================
difference                        what becomes of it
================================= =============================================================================
another number of classes         the fresh head is kept
a network without head, or aux    the file's is left out
a file without head, or aux       the fresh one is kept
another classifier behind the     the fresh one is kept: dense layers behind all the convolutions of a published
convolutions                      architecture, or behind all but its head; not one for one that takes other inputs
channels of the first kernel      one: their sum; n: the file's again and again, times channels / n
a convolution as dense layer      reshaped, where both hold the same numbers: (4096, 512, 7, 7) and (4096, 25088)
a bias before a normalisation     folded: running_mean - bias gives the same outputs, exactly
gamma or beta missing             1 or 0
================================= =============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from netwright.models.published.naming import Naming
from netwright.models.published.parts import COUNT, Entry, Part

CHANNELS = 1024  # of images, at most
_FRESH = {"weight": ("set to 1", 1.0), "bias": ("set to 0", 0.0), COUNT: ("set to 0", 0.0)}


@dataclass(frozen=True)
class Placement:
    """One tensor of the file, one of the network, or both: `tensor` is what the network's becomes, None: it stays."""

    theirs: Entry | None
    ours: Entry | None
    done: str
    tensor: torch.Tensor | None = None


@dataclass(frozen=True)
class Difference:
    """Where a file and a network part ways: the modules there, None beyond the end, and how far they went together."""

    theirs: Part | None
    ours: Part | None
    place: int


@dataclass(frozen=True)
class Selection:
    """The modules of a file and of a network that are to be paired, and why others are not."""

    theirs: Sequence[Part]
    ours: Sequence[Part]
    left_out: Sequence[tuple[Part, str]]
    fresh: Sequence[tuple[Part, str]]


def align(
    naming: Naming, theirs: Sequence[Part], ours: Sequence[Part], own_aux: Collection[str] = ()
) -> list[Placement] | Difference:
    """What becomes of every tensor, or the first module that differs.

    Parameters
    ----------
    naming : what the file was recognised as.
    theirs, ours : the modules of the file and of the network in their order.
    own_aux : names of those modules of the network that belong to auxiliary classifiers, in their order too.
    """
    nearest = Difference(None, None, -1)
    for selection in _selections(naming, _main_first(theirs, naming.aux), _main_first(ours, own_aux), own_aux):
        difference = _difference(naming, selection.theirs, selection.ours)
        if difference is None:
            return _placements(naming, selection)
        if difference.place > nearest.place:
            nearest = difference
    return nearest


def _main_first(parts: Sequence[Part], aux: Collection[str]) -> list[Part]:
    """The modules with those of auxiliary classifiers at the end: networks have them in different places."""
    return sorted(parts, key=lambda part: part.name in aux)


def _selections(
    naming: Naming, theirs: Sequence[Part], ours: Sequence[Part], own_aux: Collection[str]
) -> list[Selection]:
    """All that may be paired, the largest first."""
    aux = set(naming.aux)
    fresh = [(part, "the file has no auxiliary classifier") for part in ours if part.name in own_aux and not aux]
    out = [(part, "the network has no auxiliary classifier") for part in theirs if part.name in aux and not own_aux]
    kept = [part for part in theirs if own_aux or part.name not in aux]
    own = [part for part in ours if aux or part.name not in own_aux]
    found = [Selection(kept, own, out, fresh)]
    for count in range(1, len(naming.top) + 1 if naming.knows_head else 1):
        top = set(naming.top[-count:])
        left = [(part, "the network has no head") for part in kept if part.name in top]
        found.append(Selection([part for part in kept if part.name not in top], own, out + left, fresh))
    main = [part for part in own if part.name not in own_aux]
    for count in range(1, 1 if naming.top else naming.top_size + 1):
        head = main[-count:]
        left = [(part, "the file has no head") for part in head]
        found.append(Selection(kept, [part for part in own if part not in head], out, fresh + left))
    if naming.is_published and len(main) == len(own):
        found += _with_own_classifier(naming, Selection([p for p in kept if p.name not in aux], own, out, fresh))
    return found


def _with_own_classifier(naming: Naming, whole: Selection) -> list[Selection]:
    """The same without the file's head, or its whole classifier, for a network that goes on with dense layers."""
    found = []
    for count in dict.fromkeys((min(1, len(naming.top)), len(naming.top))):
        top = set(naming.top[len(naming.top) - count :])
        body = [part for part in whole.theirs if part.name not in top]
        tail = whole.ours[len(body) :]
        if len(tail) == count == 1 and _other_inputs(body, whole, tail[0]):
            continue
        if tail and len(tail[0].weight) == 2 and all(len(part.weight) <= 2 for part in tail):
            left = [(part, "the network has another classifier") for part in whole.theirs if part.name in top]
            new = [(part, "the file has another classifier") for part in tail]
            found.append(Selection(body, whole.ours[: len(body)], [*whole.left_out, *left], [*whole.fresh, *new]))
    return found


def _other_inputs(body: Sequence[Part], whole: Selection, head: Part) -> bool:
    """Whether one dense layer stands for another that takes other features: then the trunks differ somewhere."""
    [their] = [part for part in whole.theirs if part not in body]
    return len(their.weight) == len(head.weight) == 2 and their.weight[1] != head.weight[1]


def _difference(naming: Naming, theirs: Sequence[Part], ours: Sequence[Part]) -> Difference | None:
    """The first place where the modules cannot be paired."""
    for place in range(max(len(theirs), len(ours))):
        their = theirs[place] if place < len(theirs) else None
        our = ours[place] if place < len(ours) else None
        after = [parts[place + 1].is_norm for parts in (theirs, ours) if place + 1 < len(parts)]
        if their is None or our is None or not _fits(naming, their, our, place == 0, after == [True, True]):
            return Difference(their, our, place)
    return None


def _fits(naming: Naming, their: Part, our: Part, first: bool, norm_follows: bool) -> bool:
    """Whether all tensors of the one find their place in the other."""
    if naming.source == "netwright" and their.name != our.name:
        return False
    absent, extra = set(our.entries) - set(their.entries), set(their.entries) - set(our.entries)
    if their.is_norm != our.is_norm or not absent <= ({COUNT, "weight", "bias"} if our.is_norm else set()):
        return False
    if not extra <= ({COUNT} if our.is_norm else {"bias"} if norm_follows else set()):
        return False
    if their.name in naming.heads and _other_classes(their, our):
        return True
    shared = [role for role in our.entries if role in their.entries]
    return all(_becomes(their.entries[role], our.entries[role], role, first) for role in shared)


def _other_classes(their: Part, our: Part) -> bool:
    """Whether two heads differ in the number of classes and in nothing else."""
    same_inputs = math.prod(their.weight[1:]) == math.prod(our.weight[1:])
    return bool(their.weight and our.weight) and their.weight[0] != our.weight[0] and same_inputs


def _becomes(their: Entry, our: Entry, role: str, first: bool) -> str:
    """What has to be done to a tensor; "" where nothing helps."""
    if their.shape == our.shape:
        return their.done
    if role != "weight" or not their.shape or not our.shape or their.shape[0] != our.shape[0]:
        return ""
    if {their.tensor.ndim, our.tensor.ndim} == {2, 4} and their.tensor.numel() == our.tensor.numel():
        return "reshaped"
    if first and their.tensor.ndim > 2 and their.shape[2:] == our.shape[2:] and 0 < their.shape[1] <= CHANNELS:
        return f"adapted from {their.shape[1]} to {our.shape[1]} channels"
    return ""


def _placements(naming: Naming, selection: Selection) -> list[Placement]:
    """What becomes of all tensors of a selection that fits."""
    found: list[Placement] = []
    folded: Entry | None = None
    for place, (their, our) in enumerate(zip(selection.theirs, selection.ours, strict=True)):
        if their.name in naming.heads and _other_classes(their, our):
            reason = f"{our.weight[0]} outputs, {their.weight[0]} in the file"
            found += [Placement(their.entries.get(r), our.entries[r], f"kept fresh: {reason}") for r in our.entries]
            continue
        found += [_placed(their, our, role, place == 0, folded) for role in our.entries]
        bias = their.entries.get("bias") if "bias" not in our.entries and not our.is_norm else None
        folded = bias
        found += [
            Placement(entry, None, f"folded into the running mean of {selection.ours[place + 1].name}")
            if entry is bias
            else Placement(entry, None, "left out: the network does not count batches")
            for role, entry in their.entries.items()
            if role not in our.entries
        ]
    for part, reason in selection.left_out:
        found += [Placement(entry, None, f"left out: {reason}") for entry in part.entries.values()]
    for part, reason in selection.fresh:
        found += [Placement(None, entry, f"kept fresh: {reason}") for entry in part.entries.values()]
    return found


def _placed(their: Part, our: Part, role: str, first: bool, folded: Entry | None) -> Placement:
    """What one tensor of the network becomes."""
    own = our.entries[role]
    if role not in their.entries:
        done, number = _FRESH[role]
        return Placement(None, own, f"{done}: the file has none", torch.tensor(number).expand(own.shape))
    entry = their.entries[role]
    done, tensor = _becomes(entry, own, role, first), entry.tensor
    if done == "reshaped":
        tensor = tensor.reshape(own.shape)
    elif done.startswith("adapted"):
        tensor = adapted(tensor, own.shape[1])
    elif role == "running_mean" and folded is not None:
        done, tensor = f"less {folded.name}", tensor.double() - folded.tensor.double()
    return Placement(entry, own, done, tensor)


def adapted(kernel: torch.Tensor, channels: int) -> torch.Tensor:
    """A first kernel for another number of channels: their sum for one, else cycled and rescaled.

    Parameters
    ----------
    kernel : (filters, channels in the file, *window).
    channels : of the network; a grey image, repeated as all its channels, gives what the file's network gave.
    """
    known = kernel.shape[1]
    if channels == 1:
        return kernel.sum(dim=1, keepdim=True)
    repeats = -(-channels // known)
    cycled = torch.cat([kernel] * repeats, dim=1)[:, :channels]
    return cycled * (known / channels)
