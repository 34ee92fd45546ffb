"""Pairing the modules of a file and a network: what may differ, and the first thing that may not."""

from __future__ import annotations

import pytest
import torch

from netwright.models.published.aligning import Difference, adapted, align
from netwright.models.published.naming import Naming
from netwright.models.published.parts import parts_of

CONV, NORM = {"weight": (4, 3, 3, 3)}, dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (4,))
BIASED = {**CONV, "bias": (4,)}
DENSE = {"weight": (5, 4), "bias": (5,)}


def parts(**modules):
    """Modules with random tensors of these shapes."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        f"{module}.{role}": torch.rand(shape, generator=generator)
        for module, roles in modules.items()
        for role, shape in roles.items()
    }
    return list(parts_of(tensors).values())


def naming(theirs, top=("fc",), aux=(), source="torchvision", size=1):
    names = tuple(part.name for part in theirs)
    return Naming(source, "resnet", "resnet18", names, tuple(name for name in top if name in names), aux, size)


def done(placements):
    return [
        (p.theirs.name if p.theirs else "", p.ours.name if p.ours else "", p.done.partition(":")[0]) for p in placements
    ]


def test_equal_modules_are_paired_in_order():
    theirs, ours = parts(a=CONV, b=NORM, fc=DENSE), parts(conv1=CONV, norm1=NORM, softmax1=DENSE)
    found = align(naming(theirs), theirs, ours)
    assert {p.done for p in found} == {"as it is"}
    assert done(found)[-1] == ("fc.bias", "softmax1.bias", "as it is")
    assert all(torch.equal(p.tensor, p.theirs.tensor) for p in found)


def test_another_number_of_classes_keeps_the_fresh_head():
    theirs, ours = parts(a=CONV, fc=DENSE), parts(conv1=CONV, softmax1={"weight": (2, 4), "bias": (2,)})
    found = align(naming(theirs), theirs, ours)
    assert done(found)[1:] == [
        ("fc.weight", "softmax1.weight", "kept fresh"),
        ("fc.bias", "softmax1.bias", "kept fresh"),
    ]
    assert found[1].done == "kept fresh: 2 outputs, 5 in the file"
    assert found[1].tensor is None


def test_a_network_or_a_file_without_head():
    whole, trunk = parts(a=CONV, fc=DENSE), parts(a=CONV)
    assert done(align(naming(whole), whole, trunk))[1:] == [("fc.weight", "", "left out"), ("fc.bias", "", "left out")]
    assert done(align(naming(trunk), trunk, whole))[1:] == [
        ("", "fc.weight", "kept fresh"),
        ("", "fc.bias", "kept fresh"),
    ]


def test_a_whole_classifier_may_be_missing():
    dense = {"weight": (4, 4)}
    whole, trunk = parts(a=CONV, one=dense, two=dense, fc=DENSE), parts(a=CONV)
    names = ("one", "two", "fc")
    assert len(align(naming(whole, names), whole, trunk)) == 5
    assert len(align(naming(trunk, size=3), trunk, whole)) == 5
    assert len(align(naming(whole, names), whole, parts(a=CONV, b=dense))) == 5


def test_a_network_may_go_on_with_a_classifier_of_its_own():
    theirs, ours = parts(a=CONV, fc=DENSE), parts(conv1=CONV, relu1={"weight": (7, 4)}, softmax1={"weight": (2, 7)})
    found = align(naming(theirs), theirs, ours)
    assert [p.done for p in found[1:]] == [
        *["left out: the network has another classifier"] * 2,
        *["kept fresh: the file has another classifier"] * 2,
    ]


@pytest.mark.parametrize("outputs", [5, 2])
def test_one_dense_layer_that_takes_other_features_is_a_difference(outputs):
    theirs, ours = parts(a=CONV, fc={"weight": (5, 2), "bias": (5,)}), parts(conv1=CONV, b={"weight": (outputs, 4)})
    found = align(naming(theirs), theirs, ours)
    assert (found.theirs.name, found.ours.name, found.place) == ("fc", "b", 1)


def test_one_dense_layer_may_stand_for_a_classifier_of_several():
    dense = {"weight": (4, 16)}
    theirs, ours = parts(a=CONV, one=dense, fc=DENSE), parts(conv1=CONV, b={"weight": (5, 8)})
    reasons = [p.done.partition(":")[2] for p in align(naming(theirs, ("one", "fc")), theirs, ours)[1:]]
    assert reasons == [" the network has another classifier"] * 3 + [" the file has another classifier"]


@pytest.mark.parametrize("tail", [{"conv2": CONV}, {"norm1": NORM, "softmax1": DENSE}, {"relu1": DENSE, "conv2": CONV}])
def test_more_convolutions_or_norms_are_another_architecture(tail):
    theirs, ours = parts(a=CONV, fc=DENSE), parts(conv1=CONV, **tail)
    found = align(naming(theirs), theirs, ours)
    assert isinstance(found, Difference)
    assert found.ours.name == list(tail)[0 if "relu1" not in tail else 1]


def test_a_classifier_of_its_own_is_not_guessed_for_unknown_names():
    theirs, ours = parts(a=CONV, fc=DENSE), parts(conv1=CONV, relu1={"weight": (7, 4)}, softmax1={"weight": (2, 7)})
    assert isinstance(align(naming(theirs, source="torch.nn"), theirs, ours), Difference)


def test_auxiliary_classifiers_are_paired_wherever_they_stand():
    theirs = parts(**{"a": CONV, "aux1.fc": {"weight": (5, 9)}, "fc": DENSE})
    known = naming(theirs, aux=("aux1.fc",))
    ours = parts(conv1=CONV, main=DENSE, side={"weight": (5, 9)})
    assert done(align(known, theirs, ours, {"side"}))[-1] == ("aux1.fc.weight", "side.weight", "as it is")
    ours = parts(conv1=CONV, main={"weight": (2, 4), "bias": (2,)}, side={"weight": (2, 9)})
    assert done(align(known, theirs, ours, {"side"}))[-1] == ("aux1.fc.weight", "side.weight", "kept fresh")
    assert done(align(known, theirs, ours[:2]))[-1] == ("aux1.fc.weight", "", "left out")
    plain = parts(a=CONV, fc=DENSE)
    assert done(align(naming(plain), plain, ours, {"side"}))[-1] == ("", "side.weight", "kept fresh")


def test_a_bias_before_a_norm_is_folded_exactly():
    theirs, ours = parts(a=BIASED, b=NORM), parts(conv1=CONV, norm1=NORM)
    found = {p.ours.name if p.ours else "": p for p in align(naming(theirs), theirs, ours)}
    assert found[""].done == "folded into the running mean of norm1"
    assert found["norm1.running_mean"].done == "less a.bias"
    state = {entry.name: entry.tensor for part in theirs for entry in part.entries.values()}
    x = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    y = torch.conv2d(x, state["a.weight"], state["a.bias"])
    rest = [state[f"b.{role}"] for role in ("running_mean", "running_var", "weight", "bias")]
    z = torch.conv2d(x, found["conv1.weight"].tensor)
    mean = found["norm1.running_mean"].tensor.float()
    expected = torch.nn.functional.batch_norm(y, *rest)
    torch.testing.assert_close(torch.nn.functional.batch_norm(z, mean, *rest[1:]), expected)


def test_a_bias_before_anything_else_is_not_left_out():
    theirs, ours = parts(a=BIASED, fc=DENSE), parts(conv1=CONV, fc=DENSE)
    found = align(naming(theirs), theirs, ours)
    assert (found.theirs.name, found.ours.name, found.place) == ("a", "conv1", 0)


def test_a_norm_without_scale_gets_ones():
    theirs = parts(b=dict.fromkeys(("bias", "running_mean", "running_var"), (4,)))
    ours = parts(norm1={**NORM, "num_batches_tracked": ()})
    found = {p.ours.name: p for p in align(naming(theirs), theirs, ours)}
    assert found["norm1.weight"].done == "set to 1: the file has none"
    assert found["norm1.weight"].tensor.tolist() == [1, 1, 1, 1]
    assert found["norm1.num_batches_tracked"].tensor == 0


def test_counts_that_the_network_does_not_keep_are_left_out():
    theirs, ours = parts(b={**NORM, "num_batches_tracked": ()}), parts(norm1=NORM)
    assert align(naming(theirs), theirs, ours)[-1].done == "left out: the network does not count batches"


def test_a_convolution_over_all_places_is_a_dense_layer():
    theirs, ours = parts(a=CONV, b={"weight": (6, 4, 2, 2)}), parts(conv1=CONV, relu1={"weight": (6, 16)})
    *_, found = align(naming(theirs), theirs, ours)
    assert found.done == "reshaped"
    assert torch.equal(found.tensor, found.theirs.tensor.flatten(1))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (CONV, {"weight": (4, 3, 5, 5)}),
        (CONV, {"weight": (8, 3, 3, 3)}),
        (CONV, BIASED),
        (NORM, CONV),
        (CONV, NORM),
        (NORM, {"running_mean": (4,), "running_var": (4,)}),
        (NORM, dict.fromkeys(NORM, (5,))),
    ],
)
def test_anything_else_is_a_difference(theirs, ours):
    file, network = parts(a=theirs), parts(b=ours)
    found = align(naming(file), file, network)
    assert (found.theirs.name, found.ours.name, found.place) == ("a", "b", 0)


def test_only_the_first_kernel_is_adapted():
    wide = {"weight": (4, 5, 3, 3)}
    theirs, ours = parts(a=CONV, b=CONV), parts(c=wide, d=CONV)
    assert align(naming(theirs), theirs, ours)[0].done == "adapted from 3 to 5 channels"
    assert align(naming(theirs), theirs, parts(c=CONV, d=wide)).place == 1


def test_no_image_has_thousands_of_channels():
    deep = torch.ones(1).expand(4, 2000, 3, 3)
    theirs, ours = list(parts_of({"a.weight": deep}).values()), parts(conv1={"weight": (4, 1, 3, 3)})
    assert align(naming(theirs), theirs, ours).place == 0


def test_the_network_under_its_own_names_is_paired_by_name():
    theirs, ours = parts(a=CONV, b=CONV), parts(a=CONV, c=CONV)
    assert align(naming(theirs, source="netwright"), theirs, ours).place == 1


@pytest.mark.parametrize("channels", [1, 2, 4, 6, 8])
def test_an_adapted_kernel_keeps_what_grey_images_give(channels):
    generator = torch.Generator().manual_seed(0)
    kernel, grey = torch.randn(4, 3, 3, 3, generator=generator), torch.randn(1, 1, 6, 6, generator=generator)
    found = adapted(kernel, channels)
    assert found.shape == (4, channels, 3, 3)
    if channels in (1, 6):  # the file's channels as often each
        expected = torch.conv2d(grey.expand(1, 3, 6, 6), kernel)
        torch.testing.assert_close(torch.conv2d(grey.expand(1, channels, 6, 6), found), expected)
    else:
        assert torch.equal(found[:, :2], kernel[:, :2] * (3 / channels))
        assert torch.equal(found[:, -1], kernel[:, (channels - 1) % 3] * (3 / channels))
