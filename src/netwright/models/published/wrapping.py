"""Prefixes of names: what networks that hold another network put before the names of its tensors.

========================================== ============================================================
``module.``, ``_orig_mod.``                DataParallel, torch.compile
``model.``, ``net.``, ``network.``         training modules that keep the network under this name
``backbone.``, ``encoder.``, ``trunk.``,   networks of a trunk and a head: the names of the head lack
``base_model.``                            the prefix
========================================== ============================================================

A prefix is taken off when all names share it, or all but those of a head: at most three modules without convolutions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch

from netwright.models.published.families import FAMILIES
from netwright.models.published.naming import HEAD, Naming, is_keras, recognise, split

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder.", "trunk.", "base_model.")


def without_prefixes(
    tensors: Mapping[str, torch.Tensor], own: Collection[str]
) -> tuple[dict[str, torch.Tensor], tuple[str, ...], tuple[str, ...]]:
    """Tensors under names without the known prefixes; the prefixes; the modules behind the trunk, which had none.

    Parameters
    ----------
    tensors : by name.
    own : names in the network: where at least half of the file's are among them, nothing is taken off.

    Examples
    --------
    >>> two = {"backbone.conv1.weight": torch.ones(2, 3, 3, 3), "head.weight": torch.ones(4, 2)}
    >>> found, prefixes, behind = without_prefixes(two, ())
    >>> list(found), prefixes, behind
    (['conv1.weight', 'head.weight'], ('backbone.',), ('head',))
    """
    found, prefixes = dict(tensors), list[str]()
    behind: tuple[str, ...] = ()
    while 2 * sum(name in own for name in found) < len(found):
        shared = next((prefix for prefix in PREFIXES if _is_shared(prefix, found, behind)), None)
        if shared is None:
            break
        behind = _outside(shared, found)
        found = {name.removeprefix(shared): tensor for name, tensor in found.items()}
        prefixes.append(shared)
    return found, tuple(prefixes), behind


def recognised(tensors: Mapping[str, torch.Tensor], behind: Sequence[str], where: str) -> Naming:
    """Whose names these are, when those of the modules `behind` a trunk may be any.

    Parameters
    ----------
    tensors : by name.
    behind : modules that had no prefix, in order.
    where : the file, for messages.

    Raises
    ------
    InvalidParameter : names of no family; a prefix that most of them share is named.
    """
    trunk = [name for name in tensors if split(name, keras=False)[0] not in behind]
    naming = recognise(trunk, FAMILIES, where)
    return replace(naming, modules=(*naming.modules, *behind), top=(*naming.top, *behind))


def _is_shared(prefix: str, tensors: Mapping[str, torch.Tensor], behind: tuple[str, ...]) -> bool:
    """Whether the prefix can be taken off, once: two trunks with a head each are none."""
    inside = [name for name in tensors if name.startswith(prefix)]
    outside = _outside(prefix, tensors)
    if behind:
        return outside == behind
    if not outside:
        return True
    if is_keras(tensors):
        return False
    small = all(tensors[name].ndim <= 2 for name in tensors if not name.startswith(prefix))
    trunk = any(tensors[name].ndim > 2 for name in inside)
    return trunk and small and len(outside) <= HEAD and not any(name.removeprefix(prefix) in tensors for name in inside)


def _outside(prefix: str, tensors: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """The modules whose names lack a prefix, numbers in their order."""
    modules = {split(name, keras=False)[0] for name in tensors if not name.startswith(prefix)}
    return tuple(sorted(modules, key=lambda module: [(len(w) if w.isdigit() else 0, w) for w in module.split(".")]))
