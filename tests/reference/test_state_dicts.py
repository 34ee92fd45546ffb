"""Published state dicts, by their lists of keys and shapes, and by networks that others wrote in plain torch.

The lists are those of torchvision. Numbers are made up: each tensor is one constant, its number in the list, so that
every value says where it came from.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from netwright import models
from netwright.core.errors import InvalidParameter
from netwright.graph import Expression, close
from netwright.models import LoadedWeights, load_weights
from netwright.models.published.families import FAMILIES
from netwright.models.published.naming import recognise

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
by_hand = pytest.importorskip("by_hand", reason="the folder benchmarks is not here")

KEYS = Path(os.environ.get("NETWRIGHT_DATA", "none")).parent / "reference" / "keys"
LISTS = sorted(path.stem.removeprefix("torchvision_") for path in KEYS.glob("torchvision_*.json"))
SMALL = [name for name in LISTS if name in ("squeezenet1_0", "squeezenet1_1", "resnet18", "googlenet", "inception_v3")]
AUX = ("googlenet", "inception_v3")
BIG = [name for name in LISTS if name == "alexnet" or name.startswith("vgg")]  # half a gigabyte of numbers each
LONG = {*BIG, "resnet101", "resnet152"} - {"vgg16_bn"}  # like others, and longer
each_list = pytest.mark.parametrize("name", LISTS)
each_list_with_memory = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in LISTS],
)

State = dict[str, torch.Tensor]


def test_the_lists_are_found() -> None:
    if not KEYS.is_dir():
        pytest.skip("needs the lists of keys beside the folder NETWRIGHT_DATA")
    assert len(LISTS) == 16


def shapes_of(name: str) -> dict[str, list[int]]:
    shapes: dict[str, list[int]] = json.loads((KEYS / f"torchvision_{name}.json").read_text(encoding="utf-8"))
    return shapes


def constants(name: str) -> State:
    """A state dict of constants in an order of chance; it takes no memory."""
    names = list(shapes_of(name).items())
    state = {
        key: torch.tensor(number if key.endswith("tracked") else float(number)).expand(shape)
        for number, (key, shape) in enumerate(names, start=1)
    }
    return dict(random.Random(0).sample(list(state.items()), len(state)))


def ours(name: str, **options: Any) -> Expression:
    """The network of a published name."""
    if name.startswith("squeezenet"):
        return models.squeezenet(name[-3:].replace("_", "."), **options)
    if name.endswith("_bn"):
        return getattr(models, name.removesuffix("_bn"))(batch_norm=True, **options)
    return getattr(models, name)(**options)


def empty(network: Expression) -> torch.nn.Module:
    """A network with memory, but without numbers of its own: it is quickly made."""
    with torch.device("meta"):
        module = close(network).build()
    return module.to_empty(device="cpu")


def check_all_placed(loaded: LoadedWeights, state: State, heads: int) -> None:
    """Every tensor is in the report once, and where the report says; `heads` modules are fresh."""
    own = loaded.module.state_dict()
    assert sorted(row.file for row in loaded.rows) == sorted(state)
    assert sorted(row.ours for row in loaded.rows) == sorted(own)
    kept = [row for row in loaded.rows if row.done.startswith("kept fresh")]
    assert len(kept) == 2 * heads
    for row in loaded.rows:
        if row not in kept:
            assert row.done == "as it is"
            value = state[row.file].flatten()[0]
            assert bool((own[row.ours].flatten()[::991] == value).all()), row


@each_list
def test_shuffled_keys_are_put_into_the_order_of_the_definition(name: str) -> None:
    modules = tuple(dict.fromkeys(key.rpartition(".")[0] for key in shapes_of(name)))
    naming = recognise(constants(name), FAMILIES)
    assert naming.modules == modules
    assert (naming.source, naming.architecture) == ("torchvision", name)
    heads = [key for key, shape in shapes_of(name).items() if shape[:1] == [1000] and "aux" not in key.lower()]
    assert f"{naming.top[-1]}.weight" == heads[0]


@pytest.mark.slow
@each_list_with_memory
@pytest.mark.parametrize("num_classes", [1000, 10])
def test_every_tensor_of_a_pth_file_is_placed(name: str, num_classes: int, tmp_path: Path) -> None:
    state, aux = constants(name), {"aux": True} if name in AUX else {}
    torch.save(state, tmp_path / "weights.pth")  # constants stay constants there: the file is small
    loaded = load_weights(empty(ours(name, num_classes=num_classes, **aux)), tmp_path / "weights.pth")
    heads = 1 + {"googlenet": 2, "inception_v3": 1}.get(name, 0)
    check_all_placed(loaded, state, 0 if num_classes == 1000 else heads)
    assert (loaded.source, loaded.architecture) == ("torchvision", name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_tensor_of_a_safetensors_file_is_placed(name: str, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    state = {key: tensor.half() if key.endswith("weight") else tensor for key, tensor in constants(name).items()}
    safetensors.save_file({key: tensor.contiguous() for key, tensor in state.items()}, tmp_path / "weights.safetensors")
    aux = {"aux": True} if name in AUX else {}
    loaded = load_weights(empty(ours(name, num_classes=10, **aux)), tmp_path / "weights.safetensors")
    check_all_placed(loaded, state, 1 + {"googlenet": 2, "inception_v3": 1}.get(name, 0))


@pytest.mark.parametrize("name", [name for name in LISTS if name in AUX])
def test_auxiliary_classifiers_that_the_network_lacks_are_left_out(name: str) -> None:
    state = constants(name)
    loaded = load_weights(empty(ours(name)), state)
    out = [row for row in loaded.rows if not row.ours]
    assert {row.done for row in out} == {"left out: the network has no auxiliary classifier"}
    assert {row.file.partition(".")[0] for row in out} <= {"aux1", "aux2", "AuxLogits"}
    assert len(out) == {"googlenet": 20, "inception_v3": 14}[name]
    assert len(out) + len(loaded.module.state_dict()) == len(state)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in LISTS if name not in BIG])
def test_a_headless_network_leaves_the_head_out(name: str) -> None:
    loaded = load_weights(empty(ours(name, headless=True)), constants(name))
    head = [row for row in loaded.rows if row.done == "left out: the network has no head"]
    assert [row.file.rpartition(".")[2] for row in head] == ["weight", "bias"]


@pytest.mark.slow
@each_list_with_memory
def test_weights_of_another_architecture_name_what_fits(name: str) -> None:
    other = empty(ours("resnet34" if name != "resnet34" else "resnet18"))
    with pytest.raises(
        InvalidParameter, match=rf"which has .* there, got .*torchvision's {name}\. nw\.models"
    ) as caught:
        load_weights(other, constants(name))
    call = str(caught.value).partition("nw.models.")[2].partition(" would fit.")[0]
    if name in BIG:
        assert call == f"{name.removesuffix('_bn')}(num_classes=1000{', batch_norm=True' * name.endswith('_bn')})"
    else:
        assert load_weights(empty(eval(f"models.{call}")), constants(name)).rows[0].done == "as it is"


def random_by_hand(name: str, **options: Any) -> torch.nn.Module:
    """A network by hand with numbers that keep its values apart from zero and one another."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        module: torch.nn.Module = getattr(by_hand, name)(**options)
    module.to_empty(device="cpu")
    for key, tensor in module.state_dict().items():
        if key.endswith(("running_var", "bn.weight")) or (tensor.ndim == 1 and key.endswith("weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif key.endswith("tracked"):
            tensor.zero_()
        else:
            scale = 0.1 if tensor.ndim == 1 else (1.5 / tensor[0].numel()) ** 0.5
            tensor.normal_(0, scale, generator=generator)
    return module.eval()


def assert_same(theirs: torch.nn.Module, loaded: LoadedWeights, size: int) -> None:
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = loaded.module.eval()(x)
        expected = theirs(x).softmax(1)
    torch.testing.assert_close(found[0] if isinstance(found, tuple) else found, expected)
    assert float(expected.std()) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("resnet18", 64), ("resnet50", 64), ("squeezenet1_0", 65), ("squeezenet1_1", 65)),
        *(("googlenet", 64), ("inception_v3", 96), ("resnet20", 32), ("resnet32", 32)),
    ],
)
def test_outputs_are_those_of_the_network_by_hand(name: str, size: int) -> None:
    theirs = random_by_hand(name, num_classes=10)
    assert_same(theirs, load_weights(empty(ours(name, num_classes=10)), theirs.state_dict()), size)


@pytest.mark.slow
def test_strides_of_the_paper_with_weights_of_torchvision_are_noted() -> None:
    theirs = random_by_hand("resnet50", num_classes=10)
    loaded = load_weights(empty(models.resnet50(num_classes=10, paper=True)), theirs.state_dict())
    [note] = loaded.notes
    assert "the stride of a stage in the second convolution of a block: that is paper=False" in note
    assert load_weights(empty(models.resnet50(num_classes=10)), theirs.state_dict()).notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["module.", "backbone.", "encoder.", "model.net."])
@pytest.mark.parametrize("head", ["fc", "classifier"])
def test_weights_in_wrappers_give_the_same_outputs(prefix: str, head: str) -> None:
    theirs = random_by_hand("resnet18", num_classes=10)
    own = prefix if prefix == "module." and head == "fc" else ""
    state = {
        own + name.replace("fc.", f"{head}.") if name.startswith("fc.") else prefix + name: tensor
        for name, tensor in theirs.state_dict().items()
    }
    loaded = load_weights(empty(models.resnet18(num_classes=10)), state)
    assert_same(theirs, loaded, 64)
    which = "" if own else f", which {head} did not have and was taken for the head"
    assert loaded.notes == (f"The prefix {prefix} was taken off the names in the file{which}.",)


def test_strides_of_basic_blocks_have_no_note() -> None:
    theirs = random_by_hand("resnet18", num_classes=10)
    assert load_weights(empty(models.resnet18(num_classes=10)), theirs.state_dict()).notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [10, 7])
def test_a_head_that_takes_other_features_is_refused_with_both_shapes(outputs: int) -> None:
    state = random_by_hand("resnet18", num_classes=10).state_dict()
    state |= {"fc.weight": torch.ones(outputs, 256), "fc.bias": torch.ones(outputs)}
    with pytest.raises(
        InvalidParameter, match=rf"has softmax1\.linear \(weight \(10, 512\).*got fc .*\({outputs}, 256"
    ) as caught:
        load_weights(empty(models.resnet18(num_classes=10)), state)
    assert "Or leave fc.weight, fc.bias out: a fresh head is kept." in str(caught.value)
    del state["fc.weight"], state["fc.bias"]
    assert load_weights(models.resnet18(num_classes=10), state).rows[-1].done == "kept fresh: the file has no head"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "vgg11", "vgg16_bn"])
def test_outputs_of_big_networks_are_those_of_the_network_by_hand(name: str) -> None:
    theirs = random_by_hand(name, num_classes=10)
    assert_same(theirs, load_weights(empty(ours(name, num_classes=10)), theirs.state_dict()), 224)


def test_auxiliary_classifiers_do_not_disturb() -> None:
    theirs = random_by_hand("googlenet", num_classes=10, aux=True)
    loaded = load_weights(empty(models.googlenet(num_classes=10, aux=True)), theirs.state_dict())
    assert_same(theirs, loaded, 64)
    x = torch.randn(2, 512, 7, 7, generator=torch.Generator().manual_seed(1))
    sides = loaded.module.get_submodule(list(dict(loaded.module.named_children()))[-1])
    for number, side in ((1, sides.branch2), (2, sides.branch3)):
        x = x if number == 1 else torch.cat([x, x[:, :16]], 1)
        own = torch.nn.Sequential(*[part for name, part in side.named_children() if not name.startswith("pick")])
        torch.testing.assert_close(own(x), getattr(theirs, f"aux{number}")(x).softmax(1))
