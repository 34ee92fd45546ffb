"""Prefixes of names: those that are taken off, and those that are not."""

from __future__ import annotations

import pytest
import torch

from netwright.models.published.wrapping import PREFIXES, recognised, without_prefixes

KERNEL, VECTOR = torch.ones(2, 3, 3, 3), torch.ones(4, 2)
TRUNK = {"conv1.weight": KERNEL, "fc.weight": VECTOR}


def under(prefix):
    return {f"{prefix}{name}": tensor for name, tensor in TRUNK.items()}


@pytest.mark.parametrize("prefix", [*PREFIXES, "module._orig_mod.", "model.backbone."])
def test_what_all_names_share_is_taken_off(prefix):
    found, prefixes, behind = without_prefixes(under(prefix), ())
    assert list(found) == list(TRUNK)
    assert ("".join(prefixes), behind) == (prefix, ())
    assert all(found[name] is tensor for name, tensor in TRUNK.items())


def test_a_head_has_no_prefix():
    tensors = {"module.head.10.weight": VECTOR, "module.head.2.weight": VECTOR}
    found, prefixes, behind = without_prefixes(under("module.backbone.") | tensors, ())
    assert list(found) == [*TRUNK, "head.10.weight", "head.2.weight"]
    assert (prefixes, behind) == (("module.", "backbone."), ("head.2", "head.10"))


@pytest.mark.parametrize(
    "tensors",
    [
        under("student."),
        under("backbone.") | {"neck.weight": KERNEL},
        under("backbone.") | {"fc.weight": VECTOR},
        under("backbone.") | {f"head{i}.weight": VECTOR for i in range(4)},
        {"encoder.fc.weight": VECTOR, "decoder.fc.weight": VECTOR},
        {"backbone.conv1.kernel": KERNEL, "head.kernel": VECTOR},
    ],
)
def test_anything_else_stays(tensors):
    assert without_prefixes(tensors, ()) == (tensors, (), ())


def test_behind_a_trunk_the_head_keeps_its_name():
    tensors = under("backbone.model.") | {"model.head.weight": VECTOR}
    found, prefixes, behind = without_prefixes(tensors, ())
    assert (prefixes, behind) == (("backbone.",), ("model.head",))
    assert list(found) == [*under("model."), "model.head.weight"]


def test_names_of_the_network_itself_stay():
    tensors = under("model.")
    assert without_prefixes(tensors, list(tensors)) == (tensors, (), ())


def test_the_head_stands_behind_the_trunk():
    names = {"9.weight": KERNEL, "10.weight": KERNEL, "a.weight": VECTOR}
    naming = recognised(names, ("a",), "a.pth")
    assert (naming.modules, naming.top) == (("9", "10", "a"), ("10", "a"))
