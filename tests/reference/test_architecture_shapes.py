"""Published sizes of the maps inside the named architectures, stage by stage."""

from __future__ import annotations

from typing import Any

import pytest

from netwright import models
from netwright.graph import close

# maps (channels, size) that come out of some layer, in this order
MAPS: list[tuple[str, dict[str, Any], list[tuple[int, int]]]] = [
    ("alexnet", {}, [(64, 55), (64, 27), (192, 27), (192, 13), (384, 13), (256, 13), (256, 6)]),
    ("alexnet", {"paper": True}, [(96, 55), (96, 27), (256, 27), (256, 13), (384, 13), (256, 13), (256, 6)]),
    ("vgg16", {}, [(64, 224), (64, 112), (128, 56), (256, 28), (512, 14), (512, 7)]),
    ("resnet18", {}, [(64, 112), (64, 56), (128, 28), (256, 14), (512, 7)]),
    ("resnet50", {}, [(64, 112), (64, 56), (256, 56), (512, 28), (1024, 14), (2048, 7)]),
    ("cifar_resnet", {}, [(16, 32), (32, 16), (64, 8)]),
    (
        "googlenet",
        {},
        [
            *((64, 112), (64, 56), (192, 56), (192, 28), (256, 28), (480, 28), (480, 14), (512, 14)),
            *((528, 14), (832, 14), (832, 7), (1024, 7)),
        ],
    ),
    ("googlenet", {"paper": True}, [(64, 112), (64, 56), (192, 28), (480, 14), (832, 14), (832, 7), (1024, 7)]),
    ("squeezenet", {}, [(96, 109), (96, 54), (256, 54), (256, 27), (512, 27), (512, 13), (1000, 13)]),
    ("squeezenet", {"version": "1.1"}, [(64, 111), (64, 55), (128, 27), (256, 13), (512, 13), (1000, 13)]),
    (
        "inception_v3",
        {},
        [
            *((32, 149), (32, 147), (64, 147), (64, 73), (80, 73), (192, 71), (192, 35), (256, 35), (288, 35)),
            *((768, 17), (1280, 8), (2048, 8)),
        ],
    ),
    ("lenet5", {}, [(6, 28), (6, 14), (16, 10), (16, 5)]),
    ("lenet5", {"paper": True}, [(6, 28), (6, 14), (16, 10), (16, 5), (120, 1)]),
    (
        "unet",
        {"in_channels": 1, "paper": True},
        [
            *((64, 570), (64, 568), (64, 284), (128, 280), (256, 136), (512, 64), (512, 32), (1024, 28)),
            *((512, 56), (1024, 56), (512, 52), (256, 104), (512, 104), (256, 100), (128, 200), (256, 200)),
            *((128, 196), (64, 392), (128, 392), (64, 388), (2, 388)),
        ],
    ),
    ("unet", {"num_classes": 1}, [(64, 256), (128, 128), (256, 64), (512, 32), (1024, 16), (64, 256), (1, 256)]),
]


@pytest.mark.parametrize(("name", "options", "maps"), MAPS, ids=[f"{name} {options}" for name, options, _ in MAPS])
def test_maps(name: str, options: dict[str, Any], maps: list[tuple[int, int]]) -> None:
    shapes = iter([node.shape for node in close(getattr(models, name)(**options)).plan().nodes])
    for channels, size in maps:
        assert (channels, size, size) in shapes, f"no ({channels}, {size}, {size}) after the maps before it"
