"""Published figures of the named architectures: parameters, multiply-accumulates, receptive fields, state dicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from netwright import models
from netwright.graph import Expression, close
from netwright.layers import Input

AUX, PAPER, BN, V11 = {"aux": True}, {"paper": True}, {"batch_norm": True}, {"version": "1.1"}

# name, options, parameters, MACs of one image (None: not published)
SIZES: list[tuple[str, dict[str, Any], int, int | None]] = [
    ("alexnet", {}, 61_100_840, 714_188_480),
    ("alexnet", PAPER, 60_965_224, None),
    ("alexnet", {**PAPER, "towers": 1}, 62_378_344, None),
    ("vgg11", {}, 132_863_336, 7_609_090_048),
    ("vgg13", {}, 133_047_848, 11_308_466_176),
    ("vgg16", {}, 138_357_544, 15_470_264_320),
    ("vgg19", {}, 143_667_240, 19_632_062_464),
    ("vgg16", BN, 138_365_992, 15_470_264_320),
    ("vgg19", BN, 143_678_248, 19_632_062_464),
    ("resnet18", {}, 11_689_512, 1_814_073_344),
    ("resnet34", {}, 21_797_672, 3_663_761_408),
    ("resnet50", {}, 25_557_032, 4_089_184_256),
    ("resnet50", PAPER, 25_557_032, None),
    ("resnet101", {}, 44_549_160, 7_801_405_440),
    ("resnet152", {}, 60_192_808, 11_513_626_624),
    ("squeezenet", {}, 1_248_424, 818_924_576),
    ("squeezenet", V11, 1_235_496, 349_151_936),
    ("googlenet", {}, 6_624_904, 1_498_376_192),
    ("googlenet", AUX, 13_004_888, None),
    ("googlenet", PAPER, 6_998_552, None),
    ("googlenet", {**PAPER, **AUX}, 13_378_280, None),
    ("inception_v3", {}, 23_834_568, 5_713_216_096),
    ("inception_v3", AUX, 27_161_264, None),
    ("darknet53", {}, 41_609_928, None),
    ("darknet53", {"headless": True}, 40_584_928, None),
    ("cifar_resnet", {}, 269_722, None),
    ("resnet20", {}, 269_722, None),
    ("resnet32", {}, 464_154, None),
    ("resnet44", {}, 658_586, None),
    ("resnet56", {}, 853_018, None),
    ("resnet110", {}, 1_727_962, None),
    ("lenet5", {}, 61_706, None),
    ("lenet5", PAPER, 60_000, None),
    ("unet", {"in_channels": 1, "paper": True}, 31_030_658, None),
    ("unet", {"num_classes": 1}, 31_037_633, None),
]

# name, options, the last layer of the feature part, receptive field, effective stride, effective padding
FIELDS: list[tuple[str, dict[str, Any], str, int, int, int]] = [
    ("alexnet", {}, "maxpool3", 195, 32, 66),
    ("vgg11", {}, "maxpool5", 150, 32, 59),
    ("vgg16", {}, "maxpool5", 212, 32, 90),
    ("vgg19", {}, "maxpool5", 268, 32, 118),
    ("resnet18", {}, "relu9", 435, 32, 217),
    ("resnet34", {}, "relu17", 899, 32, 449),
    ("resnet50", {}, "relu17", 427, 32, 213),
    ("resnet101", {}, "relu34", 971, 32, 485),
    ("resnet152", {}, "relu51", 1451, 32, 725),
    ("squeezenet", {}, "fire8.concat1", 155, 16, 60),
    ("squeezenet", V11, "fire8.concat1", 207, 16, 88),
    ("googlenet", {}, "inception9.concat1", 379, 32, 167),
    ("inception_v3", {}, "concat11", 1311, 32, 618),
]

# name, options, tensors in the state dict, numbers in the buffers
TENSORS = [
    ("alexnet", {}, 16, 0),
    ("vgg16", BN, 97, 8_461),
    ("resnet18", {}, 122, 9_620),
    ("resnet50", {}, 320, 53_173),
    ("squeezenet", {}, 52, 0),
    ("googlenet", {}, 344, None),
    ("googlenet", AUX, 364, None),
    ("inception_v3", {}, 566, None),
    ("inception_v3", AUX, 580, None),
]

# name, options, list of keys (torchvision's) in whose order our own tensors stand
KEYS = [
    *((name, {}, name) for name in ("alexnet", "vgg11", "vgg13", "vgg16", "vgg19")),
    *((name, {}, name) for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")),
    *((name, BN, f"{name}_bn") for name in ("vgg16", "vgg19")),
    ("squeezenet", {}, "squeezenet1_0"),
    ("squeezenet", V11, "squeezenet1_1"),
    ("googlenet", AUX, "googlenet"),
    ("inception_v3", AUX, "inception_v3"),
]


def made(name: str, options: dict[str, Any]) -> Expression:
    network: Expression = getattr(models, name)(**options)
    return network


LARGE = ("resnet101", "resnet110", "resnet152", "vgg13", "vgg19")  # as their smaller ones, in the full tier


def soon(table: list[Any]) -> list[Any]:
    return [pytest.param(*row, marks=[pytest.mark.slow] if row[0] in LARGE else []) for row in table]


@pytest.mark.parametrize(("name", "options", "parameters", "macs"), soon(SIZES))
def test_parameters_and_macs(name: str, options: dict[str, Any], parameters: int, macs: int | None) -> None:
    summary = made(name, options).summary()
    assert summary.parameters == summary.trainable == parameters
    assert macs is None or summary.macs == macs


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "path", "size", "stride", "padding"), soon(FIELDS))
def test_receptive_fields(name: str, options: dict[str, Any], path: str, size: int, stride: int, padding: int) -> None:
    row = next(row for row in made(name, options).summary().rows if row.path == path)
    assert (row.receptive_field, row.stride, row.padding) == ((size,) * 2, (stride,) * 2, (padding,) * 2)


def test_the_receptive_field_of_lenet5_before_its_dense_layers() -> None:
    rows = {row.path: row for row in (Input(1, 32, 32) >> made("lenet5", {})).summary().rows}
    window = rows["maxpool2"].window
    assert window is not None
    assert (window.size, window.stride, window.padding) == ((16, 16), (4, 4), (2, 2))


def module_of(name: str, options: dict[str, Any]) -> torch.nn.Module:
    with torch.device("meta"):
        return close(made(name, options)).build()


@pytest.mark.parametrize(("name", "options", "tensors", "numbers"), soon(TENSORS))
def test_tensors_and_buffers(name: str, options: dict[str, Any], tensors: int, numbers: int | None) -> None:
    module = module_of(name, options)
    assert len(module.state_dict()) == tensors
    assert numbers is None or sum(buffer.numel() for buffer in module.buffers()) == numbers


@pytest.mark.data
@pytest.mark.parametrize(("name", "options", "listed"), soon(KEYS))
def test_tensors_stand_in_the_order_of_published_state_dicts(
    name: str, options: dict[str, Any], listed: str, data_folder: Path
) -> None:
    path = data_folder.parent / "reference" / "keys" / f"torchvision_{listed}.json"
    if not path.is_file():
        pytest.skip("no lists of keys beside the folder of data")
    published = list(json.loads(path.read_text()).items())
    published.sort(key=lambda item: item[0].startswith(("aux", "AuxLogits")))  # ours are outputs behind the main one
    ours = [(key, list(tensor.shape)) for key, tensor in module_of(name, options).state_dict().items()]
    assert [shape for _, shape in ours] == [shape for _, shape in published]
    last = [key.rpartition(".")[2] for key, _ in ours]
    assert last == [key.rpartition(".")[2] for key, _ in published]


def test_the_papers_lenet5_layer_by_layer() -> None:
    rows = made("lenet5", PAPER).summary().rows
    table = [row.parameters for row in rows if row.path.startswith("parallel1")]
    assert sum(table) == 1_516
    assert [count for count in table if count] == [76] * 6 + [101] * 9 + [151]
    others = [row.parameters for row in rows if row.parameters and not row.path.startswith("parallel1")]
    assert others == [156, 12, 32, 48_120, 10_164]


@pytest.mark.slow
def test_small_forms_have_the_usual_sizes_for_cifar() -> None:
    small = {"num_classes": 10, "small": True}
    assert made("resnet18", small).summary().parameters == 11_173_962
    assert made("resnet50", small).summary().parameters == 23_520_842
    assert made("vgg16", small).summary().parameters == 33_638_218
