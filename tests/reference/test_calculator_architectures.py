"""Multiply-accumulates and parameters of whole architectures, built without memory; torchvision publishes the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import netwright as nw

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
by_hand = pytest.importorskip("by_hand", reason="the folder benchmarks is not here")

# name, MACs of one image, parameters
TABLE = [
    ("alexnet", 714_188_480, 61_100_840),
    ("vgg11", 7_609_090_048, 132_863_336),
    ("vgg13", 11_308_466_176, 133_047_848),
    ("vgg16", 15_470_264_320, 138_357_544),
    ("vgg19", 19_632_062_464, 143_667_240),
    ("vgg16_bn", 15_470_264_320, 138_365_992),  # normalisation has no products to count
    ("resnet18", 1_814_073_344, 11_689_512),
    ("resnet34", 3_663_761_408, 21_797_672),
    ("resnet50", 4_089_184_256, 25_557_032),
    ("resnet101", 7_801_405_440, 44_549_160),
    ("resnet152", 11_513_626_624, 60_192_808),
    ("squeezenet1_0", 818_924_576, 1_248_424),
    ("squeezenet1_1", 349_151_936, 1_235_496),
    ("googlenet", 1_498_376_192, 6_624_904),
    ("inception_v3", 5_713_216_096, 23_834_568),
    ("vit_b_16", 17_563_828_224, 86_567_656),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "macs", "parameters"), TABLE, ids=[row[0] for row in TABLE])
def test_one_image(name: str, macs: int, parameters: int) -> None:
    with torch.device("meta"):
        module = getattr(by_hand, name)()
    summary = nw.analyze(module, by_hand.SHAPES[name])
    assert (summary.macs, summary.flops, summary.parameters, summary.device) == (macs, 2 * macs, parameters, "meta")
    assert (sum(row.macs for row in summary.rows), sum(row.parameters for row in summary.rows)) == (macs, parameters)


@pytest.mark.parametrize(("name", "macs", "parameters"), [TABLE[0], TABLE[6], TABLE[11]], ids=lambda item: str(item))
def test_a_call_on_three_images(name: str, macs: int, parameters: int) -> None:
    with torch.device("meta"):
        module, images = getattr(by_hand, name)(), torch.empty(3, *by_hand.SHAPES[name])
    summary = nw.analyze(module, images)
    assert (summary.macs, summary.parameters) == (3 * macs, parameters)


@pytest.mark.parametrize(("name", "total"), [("googlenet", 13_004_888), ("inception_v3", 27_161_264)])
def test_auxiliary_classifiers_count_as_parameters_and_cost_nothing_in_use(name: str, total: int) -> None:
    with torch.device("meta"):
        module = getattr(by_hand, name)(aux=True)
    summary = nw.analyze(module, by_hand.SHAPES[name])
    assert summary.parameters == total
    assert sum(row.parameters for row in summary.rows) == total
    assert (summary.macs, sum(row.parameters for row in summary.rows if row.ran)) == next(
        row[1:] for row in TABLE if row[0] == name
    )


# paper's form by the formulas (F F C + 1) K and (N + 1) M, map by map
def test_unet_of_the_paper_by_formula() -> None:
    def conv(size: int, kernel: int, channels: int, filters: int) -> int:
        return size**2 * kernel**2 * channels * filters

    macs = conv(570, 3, 1, 64) + conv(568, 3, 64, 64)
    for size, width in ((282, 128), (138, 256), (66, 512), (30, 1024)):
        macs += conv(size, 3, width // 2, width) + conv(size - 2, 3, width, width)
    for before, width in ((28, 512), (52, 256), (100, 128), (196, 64)):
        macs += conv(before, 2, 2 * width, width)  # each of its places makes 2 x 2
        macs += conv(2 * before - 2, 3, 2 * width, width) + conv(2 * before - 4, 3, width, width)
    macs += conv(388, 1, 64, 2)
    with torch.device("meta"):
        summary = nw.analyze(by_hand.unet(), (1, 572, 572))
    assert (summary.macs, summary.parameters) == (macs, 31_030_658)
    assert summary.rows[-1].output_shape == (2, 388, 388)
