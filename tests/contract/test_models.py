"""Every named architecture closes, builds, runs, prints as code, goes to JSON and back, and takes its own last layer.

All of it on the meta device, without memory: `tests/models/test_against_by_hand.py` compares what the networks compute.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from netwright import models
from netwright.core.errors import InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.graph import Chain, Expression, close, parse
from netwright.layers import Softmax

# networks that are made for features of any number: what they are tried on; and the part of one
SHAPES = {"highway": (20,), "mlp": (20,), "mixture_of_experts": (20,), "lenet5_body": (1, 28, 28)}
CLASSES = {"unet": 2}
TEN = (
    "lenet5",
    "cifar_resnet",
    "resnet20",
    "resnet32",
    "resnet44",
    "resnet56",
    "resnet110",
    "mlp",
    "highway",
    "darknet",
)


def networks() -> list[str]:
    """The names of functions that give a network without being told anything."""
    found = []
    for name in models.__all__:
        thing = getattr(models, name)
        if inspect.isfunction(thing) and inspect.signature(thing).return_annotation in ("Expression", Expression):
            needed = [p for p in inspect.signature(thing).parameters.values() if p.default is inspect.Parameter.empty]
            found += [] if needed else [name]
    return found


NETWORKS = networks()
LARGE = ("resnet101", "resnet110", "resnet152", "vgg13", "vgg16", "vgg19")  # as their smaller ones, in the full tier


def each_of(names: list[str]) -> Any:
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in names]
    )


each = each_of(NETWORKS)


def options(name: str) -> set[str]:
    return set(inspect.signature(getattr(models, name)).parameters)


def made(name: str, **given: Any) -> Chain:
    network = getattr(models, name)(**given)
    assert isinstance(network, Chain)
    return network


def takes(option: str) -> Any:
    return each_of([name for name in NETWORKS if option in options(name)])


def shape_of(name: str) -> tuple[int, ...]:
    card = made(name).card
    return card.input_shape if card and card.input_shape else SHAPES[name]


def test_the_architectures_are_found() -> None:
    assert {"alexnet", "vgg16", "resnet50", "googlenet", "inception_v3", "squeezenet", "unet", "lenet5"} <= set(
        NETWORKS
    )
    assert set(SHAPES) <= set(NETWORKS)


@each
def test_it_is_a_network(name: str) -> None:
    network = made(name)
    assert network.input_shape is None, "it is open"
    assert parse(repr(network)) == network
    assert from_json(to_json(network)) == network
    closed = close(network, shape_of(name))
    with torch.device("meta"):
        module = closed.build(seed=0).train()
        output = module(torch.empty(2, *closed.input_shape))
    assert tuple(output.shape) == (2, *closed.output_shape)
    assert closed.summary().parameters == sum(p.numel() for p in module.parameters())
    output.sum().backward()
    assert all(p.grad is not None for p in module.parameters())


@each
def test_its_card_says_its_name_and_how_images_are_prepared(name: str) -> None:
    card = made(name).card
    if name == "lenet5_body":
        assert card is None
        return
    assert card is not None
    assert card.name == name
    if card.preprocessing is not None:
        images = torch.zeros(1, 3, 400, 360, dtype=torch.uint8)
        assert tuple(card.preprocessing.prepare(images).shape[1:]) == card.input_shape
    photographs = inspect.signature(getattr(models, name)).parameters["num_classes"].default == 1000
    assert (card.preprocessing is not None) == photographs


@takes("num_classes")
def test_num_classes(name: str) -> None:
    default = inspect.signature(getattr(models, name)).parameters["num_classes"].default
    assert default == CLASSES.get(name, 10 if name in TEN or name == "mixture_of_experts" else 1000)
    network = close(made(name, num_classes=7), shape_of(name))
    assert network.output_shape[0] == 7
    for wrong in (0, 2.5, "7"):
        with pytest.raises(InvalidParameter, match=rf"{name}\(num_classes\): expected an integer >= [12], got"):
            made(name, num_classes=wrong)


@takes("in_channels")
def test_in_channels(name: str) -> None:
    other = made(name, in_channels=5)
    assert other.card is not None
    assert other.card.input_shape == (5, *shape_of(name)[1:])
    assert other.card.preprocessing is None
    assert other == made(name), "only the card knows"
    with pytest.raises(InvalidParameter, match=rf"{name}\(in_channels\): expected an integer >= 1, got 0"):
        made(name, in_channels=0)


@takes("headless")
def test_a_headless_network_is_finished_by_a_last_layer(name: str) -> None:
    body = made(name, headless=True)
    if name in ("squeezenet", "unet", "mixture_of_experts"):  # their last convolution or mixture stands before the end
        assert len(body.parts) < len(made(name).parts) or name == "mixture_of_experts"
    else:
        assert body >> Softmax(7) == made(name, num_classes=7)
    shape = shape_of(name)
    assert close(body >> Softmax(), shape).output_shape == close(body, shape).output_shape
    with pytest.raises(InvalidParameter, match=rf"{name}\(headless\): expected True or False, got 1"):
        made(name, headless=1)


@takes("small")
def test_small_images(name: str) -> None:
    network = made(name, num_classes=10, small=True)
    assert network.card is not None
    assert network.card.input_shape == (3, 32, 32)
    assert network.card.preprocessing is None
    rows = network.summary().rows
    assert rows[-1].output_shape == (10,)
    assert next(row for row in rows if "Conv(" in row.layer).output_shape[1:] == (32, 32)  # type: ignore[index]
    with pytest.raises(InvalidParameter, match=rf"{name}\(small\): expected True or False, got 'yes'"):
        made(name, small="yes")


@takes("paper")
def test_the_papers_form_is_another_network_on_the_same_images(name: str) -> None:
    network, usual = made(name, paper=True), made(name)
    assert network != usual
    assert network.card is not None
    assert usual.card is not None
    if name != "unet":
        assert network.card == usual.card
        assert close(network).output_shape == close(usual).output_shape
    with pytest.raises(InvalidParameter, match=rf"{name}\(paper\): expected True or False, got None"):
        made(name, paper=None)


@takes("dropout")
def test_dropout(name: str) -> None:
    assert "Dropout(0.125)" in repr(made(name, dropout=0.125))
    assert "Dropout" not in repr(made(name, dropout=0.0))
    with pytest.raises(InvalidParameter, match=rf"{name}\(dropout\): expected a number in \[0, 1\).*, got 1"):
        made(name, dropout=1)
