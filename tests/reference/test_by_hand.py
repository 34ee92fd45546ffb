"""The networks by hand are what they are called: keys, parameters, buffers and maps of the published ones."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
by_hand = pytest.importorskip("by_hand", reason="the folder benchmarks is not here")

LISTED = [
    *("alexnet", "googlenet", "inception_v3", "squeezenet1_0", "squeezenet1_1"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("vgg11", "vgg13", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
]

AUX = {"aux": True}

# name, options, parameters
PARAMETERS: list[tuple[str, dict[str, Any], int]] = [
    ("alexnet", {}, 61_100_840),
    ("vgg11", {}, 132_863_336),
    ("vgg13", {}, 133_047_848),
    ("vgg16", {}, 138_357_544),
    ("vgg19", {}, 143_667_240),
    ("vgg11_bn", {}, 132_868_840),
    ("vgg13_bn", {}, 133_053_736),
    ("vgg16_bn", {}, 138_365_992),
    ("vgg19_bn", {}, 143_678_248),
    ("resnet18", {}, 11_689_512),
    ("resnet34", {}, 21_797_672),
    ("resnet50", {}, 25_557_032),
    ("resnet101", {}, 44_549_160),
    ("resnet152", {}, 60_192_808),
    ("squeezenet1_0", {}, 1_248_424),
    ("squeezenet1_1", {}, 1_235_496),
    ("googlenet", {}, 6_624_904),
    ("googlenet", AUX, 13_004_888),
    ("inception_v3", {}, 23_834_568),
    ("inception_v3", AUX, 27_161_264),
    ("lenet5", {}, 61_706),
    ("unet", {}, 31_030_658),
    ("unet_bn", {}, 31_037_633),
    ("resnet20", {}, 269_722),
    ("resnet32", {}, 464_154),
    ("resnet44", {}, 658_586),
    ("resnet56", {}, 853_018),
    ("resnet110", {}, 1_727_962),
    ("vit_b_16", {}, 86_567_656),
]

# name, options, tensors in the state dict, numbers in the buffers
TENSORS: list[tuple[str, dict[str, Any], int, int]] = [
    ("alexnet", {}, 16, 0),
    ("vgg11", {}, 22, 0),
    ("vgg13", {}, 26, 0),
    ("vgg16", {}, 32, 0),
    ("vgg19", {}, 38, 0),
    ("vgg16_bn", {}, 97, 8_461),
    ("vgg19_bn", {}, 118, 11_024),
    ("resnet18", {}, 122, 9_620),
    ("resnet34", {}, 218, 17_060),
    ("resnet50", {}, 320, 53_173),
    ("resnet101", {}, 626, 105_448),
    ("resnet152", {}, 932, 151_579),
    ("squeezenet1_0", {}, 52, 0),
    ("squeezenet1_1", {}, 52, 0),
]

# name, tensors in the state dict without and with auxiliary classifiers
AUXILIARY = [("googlenet", 344, 364), ("inception_v3", 566, 580)]

# maps (channels, size) that come out of some module, in this order
MAPS = {
    "alexnet": [(64, 55), (64, 27), (192, 27), (192, 13), (256, 6)],
    "vgg16": [(64, 112), (128, 56), (256, 28), (512, 14), (512, 7)],
    "resnet50": [(64, 112), (64, 56), (256, 56), (512, 28), (1024, 14), (2048, 7)],
    "googlenet": [
        *((64, 112), (64, 56), (192, 56), (192, 28), (256, 28), (480, 28), (480, 14), (512, 14), (832, 14), (832, 7)),
        (1024, 7),
    ],
    "squeezenet1_0": [(96, 109), (96, 54), (256, 54), (256, 27), (512, 27), (512, 13), (1000, 13)],
    "squeezenet1_1": [(64, 111), (64, 55), (128, 27), (256, 13), (512, 13)],
    "inception_v3": [
        *((32, 149), (64, 147), (64, 73), (192, 71), (192, 35), (256, 35), (288, 35), (768, 17), (1280, 8)),
        (2048, 8),
    ],
    "unet": [(64, 568), (128, 280), (256, 136), (512, 64), (1024, 28), (64, 388), (2, 388)],
    "unet_bn": [(64, 256), (128, 128), (256, 64), (512, 32), (1024, 16), (64, 256), (1, 256)],
    "resnet20": [(16, 32), (32, 16), (64, 8)],
    "lenet5": [(6, 28), (6, 14), (16, 10), (16, 5)],
}


def on_meta(name: str, **options: Any) -> nn.Module:
    """A network without memory; no random numbers are drawn."""
    with torch.device("meta"):
        module: nn.Module = getattr(by_hand, name)(**options)
    return module


@pytest.mark.data
@pytest.mark.parametrize("name", LISTED)
def test_keys_and_shapes_are_the_published_ones(name: str, data_folder: Path) -> None:
    path = data_folder.parent / "reference" / "keys" / f"torchvision_{name}.json"
    if not path.is_file():
        pytest.skip("no lists of keys beside the folder of data")
    aux = AUX if name in ("googlenet", "inception_v3") else {}
    state = on_meta(name, **aux).state_dict()
    assert [(key, list(tensor.shape)) for key, tensor in state.items()] == list(json.loads(path.read_text()).items())


@pytest.mark.parametrize(("name", "options", "count"), PARAMETERS)
def test_parameters(name: str, options: dict[str, Any], count: int) -> None:
    assert sum(p.numel() for p in on_meta(name, **options).parameters()) == count


@pytest.mark.parametrize(("name", "options", "tensors", "numbers"), TENSORS)
def test_tensors_and_buffers(name: str, options: dict[str, Any], tensors: int, numbers: int) -> None:
    module = on_meta(name, **options)
    assert len(module.state_dict()) == tensors
    assert sum(buffer.numel() for buffer in module.buffers()) == numbers


@pytest.mark.parametrize(("name", "without", "with_aux"), AUXILIARY)
def test_tensors_of_auxiliary_classifiers(name: str, without: int, with_aux: int) -> None:
    assert (len(on_meta(name).state_dict()), len(on_meta(name, aux=True).state_dict())) == (without, with_aux)


@pytest.mark.parametrize("name", MAPS)
def test_maps(name: str) -> None:
    module, seen = on_meta(name).eval(), []
    for part in module.modules():
        part.register_forward_hook(lambda part, args, output: seen.append(tuple(output.shape[1:])))
    with torch.no_grad():
        module(torch.empty(1, *by_hand.SHAPES[name], device="meta"))
    shapes = iter(seen)
    for channels, size in MAPS[name]:
        assert (channels, size, size) in shapes, f"no ({channels}, {size}, {size}) after the maps before it"


@pytest.mark.slow
def test_every_network_has_a_shape_and_gives_its_classes() -> None:
    names = set(by_hand.__all__) - {"SHAPES"}
    assert names == set(by_hand.SHAPES) == {name for name, *_ in PARAMETERS}
    for name in names:
        module = on_meta(name, num_classes=7).eval()
        with torch.no_grad():
            shape = module(torch.empty(2, *by_hand.SHAPES[name], device="meta")).shape
        assert shape[:2] == (2, 7), name
        assert (len(shape) == 2) == (not name.startswith("unet")), name


@pytest.mark.parametrize(("name", "outputs"), [("googlenet", 3), ("inception_v3", 2)])
def test_auxiliary_classifiers_speak_in_training_only(name: str, outputs: int) -> None:
    module, x = on_meta(name, aux=True), torch.empty(2, *by_hand.SHAPES[name], device="meta")
    with torch.no_grad():
        assert [tuple(output.shape) for output in module.train()(x)] == [(2, 1000)] * outputs
        assert tuple(module.eval()(x).shape) == (2, 1000)


@pytest.mark.parametrize("stride", [1, 2])
def test_option_a_takes_every_other_place_and_adds_channels_of_zeros(stride: int) -> None:
    with torch.random.fork_rng(), torch.no_grad():
        block = import_module("by_hand.resnet_cifar").Block(4, 4 * stride, stride).eval()
        block.bn2.weight.zero_()  # only the shortcut is left
        x = torch.rand(2, 4, 6, 6)
        y = block(x)
    zeros = torch.zeros(2, 4 * (stride - 1), 6 // stride, 6 // stride)
    assert torch.equal(y, torch.cat([x[:, :, ::stride, ::stride], zeros], 1))


def test_unet_takes_the_middle_of_a_larger_map() -> None:
    fit = import_module("by_hand.unet").fit
    skip = torch.arange(64.0).view(1, 1, 8, 8)
    assert torch.equal(fit(skip, torch.empty(1, 1, 4, 4)), skip[:, :, 2:6, 2:6])
    assert fit(skip, skip) is skip
