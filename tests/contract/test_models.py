"""Every named architecture closes, builds, runs, prints as code and goes to JSON and back."""

import inspect

import pytest
import torch

from netwright import models
from netwright.core.value import from_json, to_json
from netwright.graph import Expression, parse
from netwright.layers import Input

SHAPES = {"lenet5": (1, 28, 28), "lenet5_body": (1, 28, 28)}
NETWORKS = [
    name
    for name in models.__all__
    if inspect.signature(getattr(models, name)).return_annotation in ("Expression", Expression)
]


def test_every_network_has_a_sample_shape():
    assert set(NETWORKS) == set(SHAPES)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_a_network(name):
    body = getattr(models, name)()
    network = Input(*SHAPES[name]) >> body
    module = network.build(seed=0).eval()
    x = torch.rand(2, *SHAPES[name], generator=torch.Generator().manual_seed(0))
    assert tuple(module(x).shape[1:]) == network.output_shape
    assert network.summary().parameters == sum(p.numel() for p in module.parameters())
    assert parse(repr(network)) == network
    assert from_json(to_json(network)) == network
    module(x).sum().backward()
    assert all(p.grad is not None for p in module.parameters())
