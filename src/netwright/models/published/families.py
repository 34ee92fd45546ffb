"""The families of published names that `recognise` knows: their patterns in order, and their depths."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netwright.models.published.naming import LAST, Family

_VGG = {8: "vgg11", 10: "vgg13", 13: "vgg16", 16: "vgg19"}  # by the number of convolutions
_RESNET: dict[tuple[tuple[int, ...], bool], str] = {  # by the numbers of blocks, and whether they are bottlenecks
    ((2, 2, 2, 2), False): "resnet18",
    ((3, 4, 6, 3), False): "resnet34",
    ((3, 4, 6, 3), True): "resnet50",
    ((3, 4, 23, 3), True): "resnet101",
    ((3, 8, 36, 3), True): "resnet152",
}
_FIRE = ("squeeze", "expand1x1", "expand3x3")
_CONV = ("conv", "bn")
_BLOCK = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample.0", "downsample.1", "shortcut.0", "shortcut.1")
_BRANCHES = (  # of all modules of Inception-v3; each has some of them, in this order
    "branch1x1",
    *("branch5x5_1", "branch5x5_2"),
    *("branch3x3", "branch3x3_1", "branch3x3_2", "branch3x3_2a", "branch3x3_2b"),
    *(f"branch7x7_{i}" for i in range(1, 4)),
    *(f"branch7x7dbl_{i}" for i in range(1, 6)),
    *(f"branch7x7x3_{i}" for i in range(1, 5)),
    *("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3", "branch3x3dbl_3a", "branch3x3dbl_3b"),
    "branch_pool",
)
_MIXED = "|".join(sorted(_BRANCHES, key=len, reverse=True))
_KERAS_BLOCK = ("1_conv", "1_bn", "2_conv", "2_bn", "3_conv", "3_bn", "0_conv", "0_bn")
_HEAD = r"(predictions|fc1000|logits|dense(?:_\d+)?)"


def features_architecture(modules: Sequence[str]) -> str:
    """AlexNet, VGG or SqueezeNet by the numbers of the features."""
    if any(module.endswith(".squeeze") for module in modules):
        return "squeezenet1_0" if "features.5.squeeze" in modules else "squeezenet1_1"
    numbers = sorted(int(module.split(".")[1]) for module in modules if module.startswith("features."))
    if numbers == [0, 3, 6, 8, 10]:
        return "alexnet"
    normalised = numbers[:2] == [0, 1]
    depth = _VGG.get(len(numbers) // 2 if normalised else len(numbers), "")
    return f"{depth}_bn" if depth and normalised else depth


def resnet_architecture(modules: Sequence[str]) -> str:
    """A residual network by its numbers of blocks; three stages of n blocks are that for CIFAR with 6 n + 2 layers."""
    if any(".downsample." in module or ".shortcut." in module for module in modules) and _stages(modules) == 3:
        return ""  # those that netwright has for small images have no modules in their shortcuts
    blocks = {match.groups() for module in modules if (match := re.match(r"layer(\d+)\.(\d+)\.", module))}
    return _by_blocks([stage for stage, _ in blocks], any(module.endswith(".conv3") for module in modules))


def _stages(modules: Sequence[str]) -> int:
    return len({module.partition(".")[0] for module in modules if module.startswith("layer")})


def _by_blocks(stages: Sequence[str], bottleneck: bool) -> str:
    """The name for the stages that the blocks stand in, one entry a block."""
    counts = tuple(stages.count(stage) for stage in sorted(set(stages)))
    if len(counts) == 3 and len(set(counts)) == 1 and not bottleneck:
        return f"resnet{6 * counts[0] + 2}"
    return _RESNET.get((counts, bottleneck), "")


def keras_vgg_architecture(modules: Sequence[str]) -> str:
    """VGG by the number of convolutions."""
    return _VGG.get(sum(module.startswith("block") for module in modules), "")


def keras_resnet_architecture(modules: Sequence[str]) -> str:
    """A residual network by the first convolutions of its blocks, under the new names or the old ones."""
    firsts = [m[1] for module in modules if (m := re.fullmatch(r"conv(\d)_block\d+_1_conv", module))]
    old = [m[1] for module in modules if (m := re.fullmatch(r"res(\d)[a-z]\d*_branch2a", module))]
    return _by_blocks(firsts or old, bottleneck=True)


def keras_inception_architecture(modules: Sequence[str]) -> str:
    """Inception-v3 has 94 convolutions."""
    return "inception_v3" if sum(module.startswith("conv2d") for module in modules) == 94 else ""


FAMILIES = (
    Family(
        source="timm",
        name="vgg",
        mark=r"pre_logits\.fc1|head\.fc",
        patterns=(r"features\.(\d+)", r"pre_logits\.fc(\d)", r"head\.fc"),
        words=(),
        architecture=features_architecture,
        top=(1, 2),
        top_size=3,
    ),
    Family(
        source="torchvision",
        name="squeezenet",
        mark=r"features\.\d+\.squeeze",
        patterns=(rf"features\.(\d+)(?:\.({'|'.join(_FIRE)}))?", r"classifier\.(\d+)"),
        words=_FIRE,
        architecture=features_architecture,
        top=(1,),
    ),
    Family(
        source="torchvision",
        name="alexnet or vgg",
        mark=r"features\.\d+",
        patterns=(r"features\.(\d+)", r"classifier\.(\d+)"),
        words=(),
        architecture=features_architecture,
        top=(1,),
        top_size=3,
    ),
    Family(
        source="torchvision",
        name="resnet",
        mark=r"layer1\.0\.conv1",
        patterns=(r"(conv1|bn1)", rf"layer(\d+)\.(\d+)\.({'|'.join(map(re.escape, _BLOCK))})", r"fc|linear"),
        words=_BLOCK,
        architecture=resnet_architecture,
        top=(2,),
    ),
    Family(
        source="torchvision",
        name="googlenet",
        mark=r"inception3a\.branch1\.conv",
        patterns=(
            r"conv(\d)\.(conv|bn)",
            r"inception(\d)([a-e])\.branch(\d)(?:\.(\d))?\.(conv|bn)",
            r"aux(\d)\.(conv|fc1|fc2)(?:\.(conv|bn))?",
            r"fc",
        ),
        words=(*_CONV, "fc1", "fc2"),
        architecture=lambda modules: "googlenet",
        top=(3,),
        aux=(2,),
    ),
    Family(
        source="torchvision",
        name="inception_v3",
        mark=r"Mixed_5b\.branch1x1\.conv",
        patterns=(
            r"Conv2d_(\d)([a-z])_\dx\d\.(conv|bn)",
            rf"Mixed_([56])([a-e])\.({_MIXED})\.(conv|bn)",
            r"AuxLogits\.(conv0|conv1|fc)(?:\.(conv|bn))?",
            rf"Mixed_(7)([a-c])\.({_MIXED})\.(conv|bn)",
            r"fc",
        ),
        words=(*_CONV, "conv0", "conv1", "fc", *_BRANCHES),
        architecture=lambda modules: "inception_v3",
        top=(4,),
        aux=(2,),
    ),
    Family(
        source="keras",
        name="vgg",
        mark=r"block1_conv1",
        patterns=(r"block(\d)_conv(\d)", r"fc([12])", _HEAD),
        words=(),
        architecture=keras_vgg_architecture,
        top=(1, 2),
        top_size=3,
    ),
    Family(
        source="keras",
        name="resnet",
        mark=r"conv2_block1_1_conv",
        patterns=(r"conv1_(conv|bn)", rf"conv(\d)_block(\d+)_({'|'.join(_KERAS_BLOCK)})", _HEAD),
        words=(*_CONV, *_KERAS_BLOCK),
        architecture=keras_resnet_architecture,
        top=(2,),
    ),
    Family(
        source="keras",
        name="resnet",
        mark=r"res2a_branch2a",
        patterns=(
            r"(conv1|bn_conv1)",
            r"(?P<e>res|bn)(?P<a>\d)(?P<b>[a-z])(?P<c>\d*)_branch(?P<d>2a|2b|2c|1)",
            _HEAD,
        ),
        words=("conv1", "bn_conv1", "res", "bn", "2a", "2b", "2c", "1"),
        architecture=keras_resnet_architecture,
        top=(2,),
    ),
    Family(
        source="keras",
        name="inception_v3",
        mark=r"batch_normalization(?:_v1)?(?:_\d+)?",
        patterns=(r"(?P<b>conv2d|batch_normalization)(?:_v1)?(?:_(?P<a>\d+))?", _HEAD),
        words=("conv2d", "batch_normalization"),
        architecture=keras_inception_architecture,
        top=(1,),
        paired=True,
    ),
    Family(
        source="torch.nn",
        name="Sequential",
        mark=r"\d+",
        patterns=(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?",),
        words=(),
        architecture=lambda modules: "",
        top=(LAST,),
    ),
)
