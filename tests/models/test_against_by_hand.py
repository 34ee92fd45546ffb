"""Every architecture computes what the same network computes that somebody else wrote in plain torch.

Weights are copied in the order of modules. In training mode normalisation takes its statistics from the batch, so that
no layer can hide behind vanishing values; then in evaluation mode with the running averages that the step left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright import models
from netwright.graph import Chain, Expression, Shape, close

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
by_hand = pytest.importorskip("by_hand", reason="the folder benchmarks is not here")

SEED = 7

# ours, its options, theirs, its options, the shape of an image
CASES: list[tuple[str, dict[str, Any], str, dict[str, Any], Shape]] = [
    ("lenet5", {}, "lenet5", {}, (1, 28, 28)),
    ("alexnet", {}, "alexnet", {}, (3, 224, 224)),
    ("resnet18", {}, "resnet18", {}, (3, 64, 64)),
    ("resnet34", {}, "resnet34", {}, (3, 64, 64)),
    ("resnet50", {}, "resnet50", {}, (3, 64, 64)),
    ("resnet101", {}, "resnet101", {}, (3, 33, 47)),
    ("resnet152", {}, "resnet152", {}, (3, 33, 33)),
    ("squeezenet", {}, "squeezenet1_0", {}, (3, 63, 66)),
    ("squeezenet", {"version": "1.1"}, "squeezenet1_1", {}, (3, 63, 66)),
    ("googlenet", {}, "googlenet", {}, (3, 65, 78)),
    ("googlenet", {"aux": True}, "googlenet", {"aux": True}, (3, 96, 96)),
    ("inception_v3", {}, "inception_v3", {}, (3, 107, 99)),
    ("inception_v3", {"aux": True}, "inception_v3", {"aux": True}, (3, 299, 299)),
    *((f"resnet{depth}", {}, f"resnet{depth}", {}, (3, 32, 32)) for depth in (20, 32, 44, 56, 110)),
    ("unet", {"paper": True, "dropout": 0.0}, "unet", {}, (1, 188, 204)),
    ("unet", {}, "unet_bn", {}, (3, 32, 48)),
]


@pytest.fixture(autouse=True)
def _random_state_stays() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        yield


def pair(name: str, options: dict[str, Any], other: str, others: dict[str, Any], shape: Shape) -> Any:
    """Our module without its softmax, and theirs, with the same weights and with a spread of biases."""
    theirs: nn.Module = getattr(by_hand, other)(num_classes=5, **others)
    for key, tensor in theirs.named_parameters():
        if tensor.ndim == 1:
            nn.init.uniform_(tensor, *((0.5, 1.5) if key.endswith("weight") else (-0.3, 0.3)))
    with torch.device("meta"):
        ours = close(getattr(models, name)(num_classes=5, **options), shape).build()
    give(ours, in_our_order(theirs))
    return scores(ours), theirs


def in_our_order(theirs: nn.Module) -> list[Tensor]:
    """Their tensors, those of auxiliary classifiers last, of U-Net's way up level by level."""
    state = {key: tensor.clone() for key, tensor in theirs.state_dict().items()}
    place = {"up": 0, "merge": 1}

    def order(key: str) -> tuple[int, int, int]:
        head, *rest = key.split(".")
        if head in place:
            return 1, int(rest[0]), place[head]
        return (2 if head == "out" or head.lower().startswith("aux") else 0), 0, 0

    return [state[key] for key in sorted(state, key=order)]


def give(module: nn.Module, tensors: list[Tensor]) -> None:
    """Put tensors into a module by their order; it takes them as they are."""
    keys = list(module.state_dict())
    module.load_state_dict(dict(zip(keys, tensors, strict=True)), assign=True)


def scores(module: nn.Module) -> nn.Module:
    """The module with the identity in place of each softmax."""
    found = [name for name, part in module.named_modules() if isinstance(part, nn.Softmax)]
    assert found
    for name in found:
        parent, _, child = name.rpartition(".")
        setattr(module.get_submodule(parent), child, nn.Identity())
    return module


def same(ours: Any, theirs: Any) -> None:
    pairs = zip(ours, theirs, strict=True) if isinstance(theirs, tuple) else [(ours, theirs)]
    for mine, other in pairs:
        assert mine.shape == other.shape
        assert other.std() > 1e-6, "the comparison would show nothing"
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))


def run(module: nn.Module, x: Tensor) -> Any:
    torch.manual_seed(SEED)  # the same units are dropped
    with torch.no_grad():
        return module(x)


LARGE = ("resnet101", "resnet110", "resnet152", "vgg13", "vgg19")  # as their smaller ones, in the full tier


def soon(table: list[Any]) -> list[Any]:
    return [pytest.param(*row, marks=[pytest.mark.slow] if row[0] in LARGE else []) for row in table]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "other", "others", "shape"), soon(CASES))
def test_the_outputs_are_theirs(
    name: str, options: dict[str, Any], other: str, others: dict[str, Any], shape: Shape
) -> None:
    ours, theirs = pair(name, options, other, others, shape)
    x = torch.rand(2, *shape)
    if not options.get("aux"):  # the order of branches decides which units are dropped
        same(run(ours.train(), x), run(theirs.train(), x))
    ours.eval()
    with_aux = theirs.train() if options.get("aux") else theirs.eval()
    for part in with_aux.modules():
        if not isinstance(part, (type(theirs),)):
            part.eval()
    same(run(ours, x), run(with_aux, x))


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("layers", [11, 13, 16, 19])
def test_vgg_on_small_images(layers: int, batch_norm: bool) -> None:
    with torch.device("meta"):
        theirs = getattr(by_hand, f"vgg{layers}" + "_bn" * batch_norm)(num_classes=5)
        theirs.classifier = theirs.classifier[-1:]  # the dense layers are those of AlexNet, and large
        theirs.classifier[0] = nn.Linear(512, 5)
        network = getattr(models, f"vgg{layers}")(5, batch_norm=batch_norm, small=True)
        without_dense = Chain((*network.parts[:-5], network.parts[-1]))
        assert [repr(part) for part in network.parts[-5:-1]] == ["ReLU(4096)", "Dropout()"] * 2
        ours = close(without_dense, (3, 32, 32)).build()
    theirs.to_empty(device="cpu")
    for part in theirs.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    give(ours, in_our_order(theirs))
    scores(ours)
    x = torch.rand(4, 3, 32, 32)
    for mode in (True, False):
        same(run(ours.train(mode), x), run(theirs.train(mode), x))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg11", "vgg16"])
def test_vgg_on_images_of_full_size(name: str) -> None:
    ours, theirs = pair(name, {}, name, {}, (3, 224, 224))
    x = torch.rand(1, 3, 224, 224)
    same(run(ours.train(), x), run(theirs.train(), x))


def closed_and_built(make: Callable[..., Expression], shape: Shape, **options: Any) -> nn.Module:
    return close(make(num_classes=5, **options), shape).build().eval()


def test_the_ungrouped_tower_is_two_towers_with_zeros_between() -> None:
    shape = (3, 67, 67)
    two = closed_and_built(models.alexnet, shape, paper=True)
    one = closed_and_built(models.alexnet, shape, paper=True, towers=1)
    for name, part in one.named_modules():
        other = dict(two.named_modules())[name]
        if isinstance(part, nn.Conv2d) and isinstance(other, nn.Conv2d) and other.groups == 2:
            with torch.no_grad():
                part.weight.zero_()
                outs, ins = other.out_channels // 2, other.in_channels // 2
                part.weight[:outs, :ins] = other.weight[:outs]
                part.weight[outs:, ins:] = other.weight[outs:]
                part.bias.copy_(other.bias)  # type: ignore[union-attr, arg-type]
        elif isinstance(part, (nn.Conv2d, nn.Linear)):
            part.load_state_dict(other.state_dict())
    x = torch.rand(2, *shape)
    torch.testing.assert_close(run(one, x), run(two, x))


def test_the_papers_resnet_has_the_stride_in_the_first_convolution() -> None:
    shape = (3, 64, 64)
    usual = closed_and_built(models.resnet50, shape)
    paper = closed_and_built(models.resnet50, shape, paper=True)
    strides = {
        kind: [m.stride[0] for m in module.modules() if isinstance(m, nn.Conv2d)]
        for kind, module in (("usual", usual), ("paper", paper))
    }
    assert sum(s == 2 for s in strides["usual"]) == sum(s == 2 for s in strides["paper"]) == 7  # stem, 3 x 2
    moved = [i for i, (a, b) in enumerate(zip(strides["usual"], strides["paper"], strict=True)) if a != b]
    convs = [m for m in paper.modules() if isinstance(m, nn.Conv2d)]
    assert [convs[i].kernel_size for i in moved] == [(1, 1), (3, 3)] * 3
    paper.load_state_dict(usual.state_dict())
