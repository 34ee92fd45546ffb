"""Names of published state dicts: whose they are, of which architecture, in which order the modules run."""

from __future__ import annotations

import random

import pytest

from netwright.core.errors import InvalidParameter
from netwright.models.published.families import FAMILIES
from netwright.models.published.naming import is_keras, recognise, shared_prefix, split


def shuffled(names: list[str]) -> list[str]:
    return random.Random(0).sample(names, len(names))


def bottleneck(stage: int, block: int) -> list[str]:
    parts = [f"{kind}{i}" for i in (1, 2, 3) for kind in ("conv", "bn")]
    parts += ["downsample.0", "downsample.1"] if block == 0 else []
    return [f"layer{stage}.{block}.{part}" for part in parts]


def resnet(*depths: int) -> list[str]:
    """The modules of a residual network of bottlenecks, as torchvision defines them."""
    places = [(stage, block) for stage, depth in enumerate(depths, start=1) for block in range(depth)]
    return ["conv1", "bn1", *(module for place in places for module in bottleneck(*place)), "fc"]


def test_a_deep_residual_network_is_put_into_order():
    modules = resnet(3, 4, 23, 3)
    naming = recognise(shuffled([f"{module}.weight" for module in modules]), FAMILIES)
    assert naming.modules == tuple(modules)
    assert (naming.source, naming.family, naming.architecture) == ("torchvision", "resnet", "resnet101")
    assert naming.top == ("fc",)
    assert naming.heads == {"fc"}
    assert str(naming) == "torchvision's resnet101"


def test_a_depth_that_nobody_published_has_no_architecture():
    naming = recognise([f"{module}.weight" for module in resnet(1, 1, 1, 1)], FAMILIES)
    assert naming.architecture == ""
    assert str(naming) == "torchvision's resnet networks, but of another depth or form"


@pytest.mark.parametrize(("shortcut", "head"), [("downsample", "fc"), ("shortcut", "linear"), (None, "fc")])
def test_residual_networks_for_small_images_have_6_n_plus_2_layers(shortcut, head):
    modules = ["conv1", "bn1"]
    for stage in (1, 2, 3):
        for block in range(9):
            modules += [f"layer{stage}.{block}.{part}" for part in ("conv1", "bn1", "conv2", "bn2")]
            if shortcut and block == 0 and stage > 1:
                modules += [f"layer{stage}.{block}.{shortcut}.{i}" for i in (0, 1)]
    modules.append(head)
    naming = recognise(shuffled([f"{module}.weight" for module in modules]), FAMILIES)
    assert naming.modules == tuple(modules)
    assert naming.architecture == ("" if shortcut else "resnet56")  # of which netwright has the form without
    assert naming.top == (head,)


def test_the_head_of_timms_vgg_comes_last():
    convs = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    modules = [*(f"features.{i}" for i in convs), "pre_logits.fc1", "pre_logits.fc2", "head.fc"]
    naming = recognise(shuffled([f"{module}.weight" for module in modules]), FAMILIES)
    assert naming.modules == tuple(modules)
    assert (naming.source, naming.architecture) == ("timm", "vgg16")
    assert naming.top == tuple(modules[-3:])


def test_keras_names_its_shortcut_first_and_it_stands_last():
    parts = ["1_conv", "1_bn", "2_conv", "2_bn", "3_conv", "3_bn"]
    modules = ["conv1_conv", "conv1_bn"]
    for stage, depth in zip((2, 3, 4, 5), (3, 4, 6, 3), strict=True):
        for block in range(1, depth + 1):
            more = ["0_conv", "0_bn"] if block == 1 else []
            modules += [f"conv{stage}_block{block}_{part}" for part in (*parts, *more)]
    modules.append("predictions")
    names = [f"{module}/{'kernel' if module.endswith(('conv', 's')) else 'gamma'}:0" for module in modules]
    naming = recognise(shuffled(names), FAMILIES)
    assert naming.modules == tuple(modules)
    assert (naming.source, naming.architecture, naming.top) == ("keras", "resnet50", ("predictions",))


def test_old_names_of_keras():
    modules = ["conv1", "bn_conv1"]
    for stage, blocks in zip("2345", ("abc", "abcd", "abcdef", "abc"), strict=True):
        for block in blocks:
            parts = ("2a", "2b", "2c", "1") if block == "a" else ("2a", "2b", "2c")
            modules += [f"{kind}{stage}{block}_branch{part}" for part in parts for kind in ("res", "bn")]
    modules.append("fc1000")
    names = [f"{m}/{m}/{'gamma' if m.startswith('bn') else 'kernel'}:0" for m in modules]
    naming = recognise(shuffled(names), FAMILIES)
    assert naming.modules == tuple(modules)
    assert naming.architecture == "resnet50"


@pytest.mark.parametrize(("first_conv", "first_norm"), [(0, 0), (1, 1), (7, 0)])
def test_convolutions_and_norms_of_keras_are_numbered_each_by_themselves(first_conv, first_norm):
    def named(kind, number):
        return f"{kind}_{number}" if number else kind

    modules = []
    for i in range(94):
        modules += [named("conv2d", first_conv + i), named("batch_normalization", first_norm + i)]
    names = [f"{m}/{'kernel' if 'conv' in m else 'moving_mean'}" for m in [*modules, "predictions"]]
    naming = recognise(shuffled(names), FAMILIES)
    assert naming.modules == (*modules, "predictions")
    assert naming.architecture == "inception_v3"


def test_a_chain_of_torch_is_sorted_by_numbers():
    naming = recognise(["10.weight", "2.weight", "3.1.weight", "3.0.weight"], FAMILIES)
    assert naming.modules == ("2", "3.0", "3.1", "10")
    assert naming.top == ("10",)
    assert str(naming) == "a torch.nn.Sequential"


@pytest.mark.parametrize(
    ("name", "keras", "expected"),
    [
        ("layer1.0.downsample.1.running_var", False, ("layer1.0.downsample.1", "running_var")),
        ("weight", False, ("", "weight")),
        ("block1_conv1/block1_conv1/kernel:0", True, ("block1_conv1", "weight")),
        ("block1_conv1/block1_conv1_W_1:0", True, ("block1_conv1", "weight")),
        ("block1_conv1/block1_conv1_b_1:0", True, ("block1_conv1", "bias")),
        ("model.conv1_bn.moving_variance", True, ("conv1_bn", "running_var")),
        ("bn_conv1/bn_conv1_running_std:0", True, ("bn_conv1", "running_var")),
        ("conv1_bn/vars/2", True, ("conv1_bn", "vars.2")),
        ("conv1_bn/scale", True, ("conv1_bn", "scale")),
    ],
)
def test_module_and_role(name, keras, expected):
    assert split(name, keras) == expected


def test_keras_is_seen_by_its_roles():
    assert is_keras(["fc1/bias", "fc1/kernel"])
    assert is_keras(["fc1_W_1:0"])
    assert not is_keras(["fc.bias", "fc.weight", "conv1.weight"])


def test_a_variant_of_a_family_is_refused_by_the_name_that_is_too_much():
    names = [f"{module}.weight" for module in resnet(3, 4, 6, 3)] + ["layer1.0.se.fc1.weight"]
    with pytest.raises(
        InvalidParameter, match=r"names of torchvision's resnet networks, got 'layer1\.0\.se\.fc1' \(1 "
    ):
        recognise(names, FAMILIES, "a.pth")


def test_numbers_without_end_are_refused():
    with pytest.raises(InvalidParameter, match=r"torchvision's alexnet or vgg networks, got 'features\.999"):
        recognise([f"features.{'9' * 5000}.weight", "features.0.weight"], FAMILIES)


def test_a_prefix_that_unknown_names_share_is_said_with_how_to_take_it_off():
    names = [f"a.student.{module}.weight" for module in resnet(3, 4, 6, 3)]
    rename = r"load \{name\.removeprefix\('a\.student\.'\): tensor for name, tensor in state\.items\(\)\}"
    with pytest.raises(InvalidParameter, match=rf"share the prefix 'a\.student\.'; .*{rename}"):
        recognise([*names, "head.weight"], FAMILIES, "a.pth")


@pytest.mark.parametrize(
    "names", [["encoder.w", "encoder.b"], ["a.b.w", "a.c.w", "d.w", "e.w"], ["w", "b"], [".w", ".b"]]
)
def test_names_without_a_prefix(names):
    assert shared_prefix(names) == ""


def test_names_of_nobody_are_refused():
    with pytest.raises(InvalidParameter, match=r"a\.pth: expected names of torchvision.*got 'encoder\.w' and 1 more"):
        recognise(["encoder.w", "encoder.b"], FAMILIES, "a.pth")
