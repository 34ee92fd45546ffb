"""State dicts in the forms of timm and Keras, made from a network in plain torch by the rules of those libraries.

The rules are written down here once more, from those libraries' own definitions of the networks: names, layouts, biases
of convolutions, normalisations without scale, the order of flattened images.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from netwright import models
from netwright.core.errors import InvalidParameter
from netwright.graph import Expression, close
from netwright.layers import Conv, Flatten, Input, MaxPool, ReLU, Softmax
from netwright.models import LoadedWeights, load_weights

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
by_hand = pytest.importorskip("by_hand", reason="the folder benchmarks is not here")

Arrays = dict[str, np.ndarray]
NECKS = {2: 3, 3: 4, 4: 6, 5: 3}  # blocks of the stages of ResNet-50, as Keras counts them


def made(name: str, **options: Any) -> nn.Module:
    """A network by hand with random numbers."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        module: nn.Module = getattr(by_hand, name)(num_classes=10, **options)
    module.to_empty(device="cpu")
    for key, tensor in module.state_dict().items():
        if tensor.ndim > 1:
            tensor.normal_(0, (1.5 / tensor[0].numel()) ** 0.5, generator=generator)
        elif not key.endswith("tracked"):
            tensor.uniform_(*((0.5, 1.5) if key.endswith(("var", "weight")) else (-0.2, 0.2)), generator=generator)
    return module.eval()


def empty(network: Expression) -> nn.Module:
    with torch.device("meta"):
        module = close(network).build()
    return module.to_empty(device="cpu")


def assert_same(theirs: nn.Module, loaded: LoadedWeights, size: int) -> None:
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(x).softmax(1)
        torch.testing.assert_close(loaded.module.eval()(x), expected)
    assert float(expected.std()) > 1e-4


def convolution(module: nn.Conv2d) -> Arrays:
    """(filters, channels, height, width) to (height, width, channels, filters)."""
    found = {"kernel": np.einsum("oihw->hwio", module.weight.detach().numpy())}
    return found | ({} if module.bias is None else {"bias": module.bias.detach().numpy()})


def dense(module: nn.Linear) -> Arrays:
    """(units, inputs) to (inputs, units)."""
    return {"kernel": module.weight.detach().numpy().T, "bias": module.bias.detach().numpy()}


def normalisation(module: nn.BatchNorm2d, scaled: bool = True) -> Arrays:
    named = {"beta": module.bias, "moving_mean": module.running_mean, "moving_variance": module.running_var}
    found = {"gamma": module.weight, **named} if scaled else named
    return {role: tensor.detach().numpy() for role, tensor in found.items() if tensor is not None}


def biased(conv: nn.Conv2d, norm: nn.BatchNorm2d, seed: int) -> tuple[Arrays, Arrays]:
    """A convolution with a bias, and the normalisation behind it with a mean that is larger by just that."""
    bias = np.random.default_rng(seed).normal(size=conv.out_channels).astype(np.float32)
    after = normalisation(norm)
    return convolution(conv) | {"bias": bias}, after | {"moving_mean": after["moving_mean"] + bias}


def keras_resnet50(module: Any) -> dict[str, Arrays]:
    """Layers of Keras's ResNet50: convolutions have biases, the shortcut has the number 0."""
    pairs = {"conv1": (module.conv1, module.bn1)}
    for stage, count in NECKS.items():
        for number in range(1, count + 1):
            block = getattr(module, f"layer{stage - 1}")[number - 1]
            here = f"conv{stage}_block{number}"
            pairs |= {f"{here}_{i}": (getattr(block, f"conv{i}"), getattr(block, f"bn{i}")) for i in (1, 2, 3)}
            if block.downsample is not None:
                pairs[f"{here}_0"] = (block.downsample[0], block.downsample[1])
    layers: dict[str, Arrays] = {"predictions": dense(module.fc)}
    for seed, (name, (conv, norm)) in enumerate(pairs.items()):
        layers[f"{name}_conv"], layers[f"{name}_bn"] = biased(conv, norm, seed)
    return layers


def flat(layers: dict[str, Arrays], form: str) -> Arrays:
    """Arrays by name: ``form`` has fields for the layer and the role."""
    return {form.format(layer, role): array for layer, roles in sorted(layers.items()) for role, array in roles.items()}


FORMS = ["{0}/{0}/{1}:0", "{0}/{1}", "{0}.{1}"]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_resnet50_of_keras(form: str) -> None:
    theirs = made("resnet50")
    loaded = load_weights(empty(models.resnet50(num_classes=10)), flat(keras_resnet50(theirs), form))
    assert (loaded.source, loaded.architecture) == ("keras", "resnet50")
    assert_same(theirs, loaded, 64)
    done = [row.done for row in loaded.rows]
    assert sum(text.startswith("folded into the running mean of") for text in done) == 53
    assert sum(text.startswith("less ") for text in done) == 53
    assert len(loaded.notes) == 2
    assert "paper=True" in loaded.notes[1]


def test_the_strided_form_of_keras_has_no_note_of_strides() -> None:
    arrays = flat(keras_resnet50(made("resnet50")), FORMS[0])
    [note] = load_weights(empty(models.resnet50(num_classes=10, paper=True)), arrays).notes
    assert note.startswith("These weights take images in blue, green, red")
    with pytest.raises(
        InvalidParameter, match=r"Keras's resnet50\. nw\.models\.resnet50\(num_classes=10, paper=True\) w"
    ):
        load_weights(empty(models.resnet18()), arrays)


@pytest.mark.slow
def test_resnet50_of_keras_in_its_files(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    theirs = made("resnet50")
    layers = keras_resnet50(theirs)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        for name, array in flat(layers, "model_weights/{0}/{0}/{1}:0").items():
            file[name] = array
    with h5py.File(tmp_path / "new.weights.h5", "w") as file:  # classes in the place of names, which are attributes
        for number, (name, roles) in enumerate(layers.items()):
            group = file.create_group(f"layers/layer_{number}/vars")
            group.attrs["name"] = name
            for place, array in enumerate(roles.values()):
                group[str(place)] = array
    for name in ("old.h5", "new.weights.h5"):
        assert_same(theirs, load_weights(empty(models.resnet50(num_classes=10)), tmp_path / name), 64)


def test_inception_v3_of_keras() -> None:
    theirs = made("inception_v3")
    convs = [part for part in theirs.modules() if isinstance(part, nn.Conv2d)]
    norms = [part for part in theirs.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(convs) == len(norms) == 94  # Keras makes them in the same order, and counts from none
    layers: dict[str, Arrays] = {"predictions": dense(theirs.fc)}  # type: ignore[arg-type]
    for number, (conv, norm) in enumerate(zip(convs, norms, strict=True)):
        nn.init.ones_(norm.weight)
        end = f"_{number}" if number else ""
        layers[f"conv2d{end}"] = convolution(conv)
        layers[f"batch_normalization{end}"] = normalisation(norm, scaled=False)
    loaded = load_weights(empty(models.inception_v3(num_classes=10)), flat(layers, "{0}/{1}"))
    assert (loaded.source, loaded.architecture) == ("keras", "inception_v3")
    assert_same(theirs, loaded, 96)
    assert loaded.notes == ("Keras's average pools do not count the padding: outputs differ near the borders.",)


SMALL = Conv(4, 3, padding=1) >> ReLU() >> MaxPool(2) >> Conv(6, 3, padding=1) >> ReLU() >> MaxPool(2)
SMALL_VGG = Input(3, 12, 12) >> SMALL >> Flatten() >> ReLU(8) >> ReLU(7) >> Softmax(5)


def small_vgg() -> Any:
    """VGG in miniature by hand: two convolutions and three dense layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        blocks = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        blocks += [nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(
            *blocks, nn.Flatten(), nn.Linear(54, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 5)
        )


@pytest.mark.parametrize("form", [*FORMS, "{0}/{0}_{1}_1:0"])
def test_vgg_of_keras_flattens_places_before_channels(form: str) -> None:
    theirs = small_vgg()
    fc1 = dense(theirs[7])
    fc1["kernel"] = np.einsum("chwu->hwcu", fc1["kernel"].reshape(6, 3, 3, 8)).reshape(54, 8)
    layers = {"block1_conv1": convolution(theirs[0]), "block2_conv1": convolution(theirs[3]), "fc1": fc1}
    layers |= {"fc2": dense(theirs[9]), "predictions": dense(theirs[11])}
    if form.endswith("_1:0"):
        layers = {layer: {"W": roles["kernel"], "b": roles["bias"]} for layer, roles in layers.items()}
    loaded = load_weights(empty(SMALL_VGG), flat(layers, form))
    assert loaded.source == "keras"
    assert_same(theirs, loaded, 12)


def test_keras_without_top() -> None:
    theirs = small_vgg()
    layers = {"block1_conv1": convolution(theirs[0]), "block2_conv1": convolution(theirs[3])}
    loaded = load_weights(SMALL_VGG, flat(layers, "{0}/{1}"))
    assert [row.done for row in loaded.rows] == [
        *["transposed", "as it is"] * 2,
        *["kept fresh: the file has no head"] * 6,
    ]


def test_the_classifier_of_timms_vgg_is_of_convolutions() -> None:
    theirs = small_vgg()
    names = {0: "features.0", 3: "features.3", 7: "pre_logits.fc1", 9: "pre_logits.fc2", 11: "head.fc"}
    state = {f"{name}.{role}": getattr(theirs[i], role) for i, name in names.items() for role in ("bias", "weight")}
    state["pre_logits.fc1.weight"] = state["pre_logits.fc1.weight"].reshape(8, 6, 3, 3)
    state["pre_logits.fc2.weight"] = state["pre_logits.fc2.weight"].reshape(7, 8, 1, 1)
    loaded = load_weights(empty(SMALL_VGG), state)
    assert loaded.source == "timm"
    assert [row.done for row in loaded.rows].count("reshaped") == 2
    assert_same(theirs, loaded, 12)


def test_inception_v3_of_timm_has_no_auxiliary_classifier() -> None:
    theirs = made("inception_v3")
    loaded = load_weights(models.inception_v3(num_classes=4, aux=True), theirs.state_dict())
    fresh = [row for row in loaded.rows if row.done.startswith("kept fresh")]
    assert {row.done for row in fresh} == {
        "kept fresh: the file has no auxiliary classifier",
        "kept fresh: 4 outputs, 10 in the file",
    }
    assert len(fresh) == 14 + 2
