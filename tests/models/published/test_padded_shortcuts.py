"""Networks for small images with zeros on both sides of their shortcuts compute the same with all of them behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.models.published.families import FAMILIES
from netwright.models.published.naming import recognise
from netwright.models.published.padded_shortcuts import (
    DONE,
    has_padded_shortcuts,
    has_zeros_on_both_sides,
    zeros_behind,
)
from netwright.models.published.parts import parts_of


class Block(nn.Module):
    """Two convolutions beside a shortcut; `before` is the share of its zeros that stand before the channels."""

    def __init__(self, channels, width, before):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=1 if channels == width else 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        front = int((width - channels) * before)
        self.pads = (0, 0, 0, 0, front, width - channels - front)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        stride = self.conv1.stride[0]
        return F.relu(y + F.pad(x[:, :, ::stride, ::stride], self.pads))


class Net(nn.Module):
    """A stem, three stages and a head."""

    def __init__(self, widths, depth, before):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        befores = (widths[0], *widths)
        for stage, width in enumerate(widths):
            blocks = [Block(befores[stage] if i == 0 else width, width, before) for i in range(depth)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(widths[-1], 5)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def ordered(module):
    state = module.state_dict()
    naming = recognise(state, FAMILIES)
    found = parts_of(state)
    return naming, [found[name] for name in naming.modules]


@pytest.mark.parametrize(("widths", "depth"), [((16, 32, 64), 1), ((4, 8, 16), 3), ((3, 8, 11), 2)])
def test_the_outputs_are_the_same(widths, depth):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs, ours = Net(widths, depth, 0.5).eval(), Net(widths, depth, 0.0).eval()
        for tensor in theirs.state_dict().values():
            if tensor.ndim == 1:
                tensor.uniform_(0.5, 1.5)
        x = torch.randn(2, 3, 8, 8)
    naming, parts = ordered(theirs)
    assert has_zeros_on_both_sides(naming)
    moved = {entry.name: entry for part in zeros_behind(parts) for entry in part.entries.values()}
    ours.load_state_dict({name: entry.tensor for name, entry in moved.items()})
    torch.testing.assert_close(ours(x), theirs(x))
    assert moved["layer1.0.conv2.weight"].done == "as it is"
    assert moved["layer2.0.conv2.weight"].done == moved["linear.weight"].done == DONE


def test_the_input_stays_as_it_was():
    with torch.random.fork_rng(devices=[]):
        naming, parts = ordered(Net((2, 4, 8), 1, 0.5))
    before = [entry.tensor.clone() for part in parts for entry in part.entries.values()]
    zeros_behind(parts)
    after = [entry.tensor for part in parts for entry in part.entries.values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert naming.architecture == "resnet8"


def test_networks_with_modules_in_their_shortcuts_are_others():
    blocks = [f"layer{stage}.0.{part}.weight" for stage in (1, 2, 3) for part in ("conv1", "bn1", "conv2", "bn2")]
    names = ["conv1.weight", "bn1.weight", *blocks, "fc.weight"]
    assert has_padded_shortcuts(recognise(names, FAMILIES))
    assert not has_zeros_on_both_sides(recognise(names, FAMILIES))
    assert not has_padded_shortcuts(recognise([*names, "layer2.0.shortcut.0.weight"], FAMILIES))
    assert not has_padded_shortcuts(recognise([*names, "layer4.0.conv1.weight"], FAMILIES))
