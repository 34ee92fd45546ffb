"""Closing, choosing and splitting networks."""

import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.estimators.networks import choose, close, output_shapes, split_heads
from netwright.layers import Concat, Conv, Identity, Input, Linear, ReLU, Sigmoid, Softmax


@pytest.mark.parametrize(
    ("network", "link"),
    [
        (Input(4) >> ReLU(5) >> Softmax(3), "softmax"),
        (Input(4) >> ReLU(5) >> Linear(3), "identity"),
        (Input(4) >> ReLU(5) >> (Softmax(3) | Softmax(2)), "softmax"),
        ((Input(4) | Input(2)) >> Concat() >> Sigmoid(1), "sigmoid"),
        (Input(4) >> Softmax(3) | Input(2) >> Softmax(2), "softmax"),
        (Input(4) >> (Identity() | ReLU(3) >> Linear(2)), "identity"),
    ],
)
def test_the_body_and_its_link_are_the_network(network, link):
    module = network.build(seed=1)
    body, name = split_heads(module)
    assert name == link
    assert {id(p) for p in body.parameters()} == {id(p) for p in module.parameters()}
    shapes = network.plan().input_shapes
    xs = [torch.randn(3, *s, generator=torch.Generator().manual_seed(0)) for s in shapes]
    whole, parts = module(*xs), body(*xs)
    for a, z in zip(*((t if isinstance(t, tuple) else (t,)) for t in (whole, parts)), strict=True):
        torch.testing.assert_close(a, nw.losses.apply_link(link, z))


def test_a_module_used_twice_is_kept():
    shared = torch.nn.ReLU()
    inner = torch.nn.Sequential(torch.nn.Linear(2, 2), shared, torch.nn.Linear(2, 2), shared)
    body, _ = split_heads(torch.nn.Sequential(inner, torch.nn.Softmax(-1)))
    x = torch.tensor([[0.3, -0.2]])
    torch.testing.assert_close(body(x), inner(x))


test_a_module_used_twice_is_kept.pytestmark = [pytest.mark.touches_rng]


def test_heads_must_end_alike():
    with pytest.raises(InvalidParameter, match=r"heads that end alike, got links \['sigmoid', 'softmax'\]"):
        split_heads((Input(4) >> (Softmax(3) | Sigmoid(1))).build())


@pytest.mark.parametrize("shape", [(3,), (500,), (20, 4), (1, 8, 8), (1, 28, 28), (3, 64, 64), (1, 2, 2), (2, 9, 9, 9)])
def test_a_network_is_chosen_for_every_kind_of_sample(shape):
    network = choose(shape, Softmax(5), 5)
    assert network.output_shape == (5,)
    assert network.summary().parameters < 2_000_000


def test_closing():
    assert close(ReLU(3) >> Linear(1), ((7,),)) == Input(7) >> ReLU(3) >> Linear(1)
    two = (Input(4) | Input(2)) >> Concat() >> Linear(1)
    assert close(two, ((4,), (2,))) == two
    with pytest.raises(InvalidData, match=r"samples of shape \(\(4,\), \(2,\)\)"):
        close(two, ((4,), (3,)))
    with pytest.raises(InvalidParameter, match="one Input for each of the 2 arrays"):
        close(Concat() >> Linear(1), ((4,), (2,)))


def test_a_module_that_does_not_run_on_the_data_says_why():
    module = (Input(3, 8, 8) >> Conv(2, 3)).build()
    with pytest.raises(
        InvalidData, match=r"samples that Sequential runs on, got shape \(1, 8, 8\)\. torch says: Given groups"
    ):
        output_shapes(module, (torch.zeros(2, 1, 8, 8),))
