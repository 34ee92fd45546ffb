"""The link: split off without copying, named, and applied again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from netwright.core.errors import InvalidParameter
from netwright.layers import CRF, AdaptiveSoftmax, HierarchicalSoftmax, Input, ReLU
from netwright.losses import apply_link, class_axis, split_link

MODULES = {
    "softmax": nn.Softmax(dim=-1),
    "log_softmax": nn.LogSoftmax(dim=1),
    "sigmoid": nn.Sigmoid(),
    "log_sigmoid": nn.LogSigmoid(),
    "hard_sigmoid": nn.Hardsigmoid(),
    "softplus": nn.Softplus(),
    "tanh": nn.Tanh(),
}


def linear(features: int, units: int, draw: Any) -> nn.Linear:
    made = nn.utils.skip_init(nn.Linear, features, units)
    made.weight.data, made.bias.data = draw(units, features), draw(units)
    return made


@pytest.mark.parametrize("name", MODULES)
def test_split_and_apply_is_the_module(name: str, draw: Any) -> None:
    net = nn.Sequential(linear(4, 3, draw), nn.ReLU(), MODULES[name])
    body, link = split_link(net)
    x = draw(5, 4)
    assert link == name
    torch.testing.assert_close(apply_link(link, body(x)), net(x), rtol=0, atol=0)
    assert len(net) == 3, "the module that came is as it was"


def test_parameters_are_shared_and_keep_their_names(draw: Any) -> None:
    inner = nn.Sequential(OrderedDict(linear=linear(4, 3, draw), activation=nn.Softmax(dim=-1)))
    net = nn.Sequential(OrderedDict(dense1=linear(4, 4, draw), softmax1=inner))
    body, link = split_link(net)
    assert link == "softmax"
    ours, theirs = dict(body.named_parameters()), dict(net.named_parameters())
    assert list(ours) == list(theirs)
    assert all(ours[name] is theirs[name] for name in theirs)
    x = draw(2, 4)
    torch.testing.assert_close(body(x), inner.linear(net.dense1(x)))
    assert isinstance(inner.activation, nn.Softmax)


def test_three_levels_and_a_container_of_nothing_else(draw: Any) -> None:
    net = nn.Sequential(linear(4, 3, draw), nn.Sequential(nn.Sequential(nn.Sigmoid())))
    body, link = split_link(net)
    x = draw(2, 4)
    assert link == "sigmoid"
    torch.testing.assert_close(body(x), net[0](x))


def test_a_child_that_is_used_twice_stays_twice(draw: Any) -> None:
    tanh, dense = nn.Tanh(), linear(3, 3, draw)
    net = nn.Sequential(dense, tanh, dense, tanh)
    body, link = split_link(net)
    x = draw(2, 3)
    assert link == "tanh"
    torch.testing.assert_close(torch.tanh(body(x)), net(x))
    assert len(body) == 3


def test_the_mode_is_kept(draw: Any) -> None:
    assert not split_link(nn.Sequential(nn.Dropout(0.5), nn.Sigmoid()).eval())[0].training
    assert split_link(nn.Sequential(nn.Dropout(0.5), nn.Sigmoid()))[0].training


def test_a_link_alone_leaves_the_identity(draw: Any) -> None:
    body, link = split_link(nn.Softmax(dim=1))
    z = draw(2, 3)
    assert link == "softmax"
    assert body(z) is z


class Own(nn.Sequential):
    """A class of its own, whose forward need not run its children in order."""


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Identity(), nn.ReLU()),
        nn.Sequential(nn.Sigmoid(), nn.Identity()),
        nn.Sequential(nn.Identity(), nn.Softmax(dim=2)),
        nn.Sequential(nn.Identity(), nn.Softplus(beta=2)),
        nn.Sequential(nn.Identity(), nn.Softplus(threshold=1)),
        nn.Sequential(),
        nn.Sequential(nn.Identity(), nn.Sequential()),
        Own(nn.Identity(), nn.Sigmoid()),
        nn.Identity(),
    ],
    ids=str,
)
def test_anything_else_stays_as_it_is(module: nn.Module) -> None:
    body, link = split_link(module)
    assert body is module
    assert link == "identity"


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 3), (5, 3, 4, 2), (5, 3, 2, 2, 2)])
def test_the_class_axis(shape: tuple[int, ...], draw: Any) -> None:
    p = apply_link("softmax", draw(*shape))
    assert shape[class_axis(len(shape))] == 3
    ones = torch.ones(tuple(size for size in shape if size != 3), dtype=torch.float64)
    torch.testing.assert_close(p.sum(shape.index(3)), ones)
    torch.testing.assert_close(apply_link("log_softmax", p.log()).exp(), p)


def test_the_identity() -> None:
    z = torch.zeros(2, 2)
    assert apply_link("identity", z) is z


def test_an_unknown_link() -> None:
    with pytest.raises(
        InvalidParameter, match=r"expected the name of a link, got 'softmaks'\. Did you mean 'softmax'\?"
    ):
        apply_link("softmaks", torch.zeros(1, 2))


@pytest.mark.parametrize("head", [CRF(3), ReLU(8) >> HierarchicalSoftmax(3), ReLU(8) >> AdaptiveSoftmax(3, (1,))])
def test_a_head_with_probabilities_of_its_own_gives_their_logarithms(head: Any, draw: Any) -> None:
    net = (Input(5, 3) >> head).build().double()
    body, link = split_link(net)
    x = draw(2, 5, 3)
    assert link == "softmax"
    assert dict(body.named_parameters()).keys() == dict(net.named_parameters()).keys()
    assert all(p is q for p, q in zip(body.parameters(), net.parameters(), strict=True))
    torch.testing.assert_close(body(x).exp(), net(x))
    torch.testing.assert_close(apply_link(link, body(x)), net(x))
