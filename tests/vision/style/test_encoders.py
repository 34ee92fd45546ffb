"""The networks that measure: taps of any network against its own layers, filters against brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import correlate

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.layers import Conv, Flatten, Input, MaxPool, ReLU, Softmax
from netwright.vision import ShallowEncoder
from netwright.vision.style.taps import Taps

NET = Input(3, 32, 32) >> Conv(4, 3, padding=1) >> ReLU() >> MaxPool(2) >> Conv(6, 3, padding=1) >> ReLU()
STYLE = torch.rand(1, 3, 40, 52, generator=torch.Generator().manual_seed(0))


def test_taps_are_the_layers_of_the_network() -> None:
    module = NET.build(seed=3)
    taps = Taps(module, pool="max")
    x = (STYLE - 0.45) / 0.25
    first = module.relu1(module.conv1(x))
    second = module.relu2(module.conv2(module.maxpool1(first)))
    found = taps(STYLE, ["conv1_1", "relu2", "conv2_1"])
    torch.testing.assert_close(found["conv1_1"], first)
    torch.testing.assert_close(found["relu2"], second)
    torch.testing.assert_close(found["conv2_1"], second)
    assert taps.style == ("conv1_1", "conv2_1")


def test_max_pools_become_mean_pools_and_the_module_stays_as_it_was() -> None:
    module = NET.build(seed=3)
    before = [type(layer) for layer in module]
    taps = Taps(module)
    assert isinstance(taps.body.maxpool1, torch.nn.AvgPool2d)
    assert [type(layer) for layer in module] == before
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_names_of_the_literature_are_those_of_torchvision() -> None:
    taps = Taps(nw.models.vgg16(), seed=0)
    convolutions = [name for name in taps.names if name.startswith("conv")]
    assert taps.aliases["conv4_2"] == "relu9"
    assert taps.aliases["conv5_3"] == "relu13" == f"relu{len(convolutions)}"
    assert taps.field("conv1_1") == 3
    assert taps.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


@pytest.mark.parametrize("made", [nw.models.resnet18, nw.models.squeezenet, nw.models.alexnet])
def test_networks_of_the_house_have_layers_for_style(made: object) -> None:
    taps = Taps(made(), seed=0)  # type: ignore[operator]
    found = taps(torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)), taps.style)
    sizes = [maps.shape[2] for maps in found.values()]
    assert len(sizes) >= 3
    assert sizes == sorted(set(sizes), reverse=True)


def test_published_weights_are_read(tmp_path: object) -> None:
    import safetensors.torch

    net = Conv(4, 3, padding=1) >> ReLU() >> MaxPool(2) >> Conv(6, 3) >> ReLU() >> Flatten() >> Softmax(5)
    closed = Input(3, 16, 16) >> net
    module = closed.build(seed=7)
    path = f"{tmp_path}/weights.safetensors"
    safetensors.torch.save_file(module.state_dict(), path)
    taps = Taps(closed, path, seed=0)
    torch.testing.assert_close(taps.body.conv2.weight, module.conv2.weight)
    with pytest.raises(InvalidParameter, match=r"weights of this network, which has conv1"):
        Taps(Input(3, 16, 16) >> Conv(8, 3) >> ReLU() >> Flatten() >> Softmax(5), path)


def test_names_of_the_literature_are_there_with_published_weights(tmp_path: Path) -> None:
    network = nw.models.vgg11(small=True)
    module = network.build(seed=3)
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    given, fresh = Taps(network, tmp_path / "weights.pth"), Taps(network, seed=3)
    assert given.aliases == fresh.aliases
    assert given.names == fresh.names
    assert given.style == ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    torch.testing.assert_close(given(STYLE, ["conv4_2"]), fresh(STYLE, ["conv4_2"]))


def test_a_module_stays_as_it_was_when_weights_are_given(tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        module, other = (torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()) for _ in range(2))
    before = module[0].weight.detach().clone()
    torch.save(other.state_dict(), tmp_path / "weights.pth")
    taps = Taps(module, tmp_path / "weights.pth")
    torch.testing.assert_close(taps.body[0].weight, other[0].weight)
    torch.testing.assert_close(module[0].weight, before, rtol=0, atol=0)


def test_filters_answer_as_by_hand() -> None:
    encoder = ShallowEncoder(5, window=3, scales=2, threshold=0.5).build([STYLE], seed=1)
    maps = encoder(STYLE, ["scale1"])["scale1"][0].numpy()
    bank = encoder.banks[0].detach().numpy()
    padded = np.pad(STYLE[0].numpy(), ((0, 0), (1, 1), (1, 1)), mode="reflect")
    for filter_, answers in zip(bank, maps, strict=False):
        wanted = np.maximum(correlate(padded, filter_, mode="valid")[0] - 0.5, 0)
        np.testing.assert_allclose(answers, wanted, atol=1e-4)
    assert (maps[-1] == 1).all()


@pytest.mark.parametrize("kind", ["patches", "white", "random"])
def test_filters_have_mean_zero_and_unit_answers(kind: str) -> None:
    encoder = ShallowEncoder(12, window=5, scales=2, kind=kind, threshold=0).build([STYLE], seed=1)
    bank = encoder.banks[0].detach()
    assert bank.mean((2, 3)).abs().max() < 1e-5
    answers = torch.nn.functional.conv2d(STYLE, bank)
    torch.testing.assert_close(answers.square().mean((0, 2, 3)), torch.ones(12), rtol=1e-3, atol=0)
    gray = torch.full((1, 3, 20, 20), 0.3)
    assert encoder(gray, ["scale1"])["scale1"][:, :-1].abs().max() < 1e-4


def test_bands_and_blur_are_the_brightness() -> None:
    encoder = ShallowEncoder(2, window=3, scales=2).build([STYLE], seed=1)
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(2))
    maps = encoder(image, ["band1", "band2", "blur"])

    def up(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")

    gray = (image * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(up(up(maps["blur"]) + maps["band2"]) + maps["band1"], gray)


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InvalidData, match=r"larger than a filter of 9 x 9 pixels, got 8 x 30 pixels.*window"):
        ShallowEncoder().build([torch.zeros(1, 3, 8, 30)], seed=0)
    with pytest.raises(InvalidParameter, match=r"an odd integer >= 3, got 4. Take 5"):
        ShallowEncoder(window=4)
    with pytest.raises(InvalidParameter, match="Did you mean 'patches'"):
        ShallowEncoder(kind="patch")
    with pytest.raises(InvalidParameter, match=r"'scale3'.*Did you mean 'scale1'"):
        ShallowEncoder(2, window=3, scales=1).build([STYLE], 0).inner("scale3")
    with pytest.raises(InvalidParameter, match=r"'conv2_9'.*Did you mean 'conv2_1'"):
        Taps(NET).inner("conv2_9")
    with pytest.raises(InvalidParameter, match="a network that gives maps of colour images"):
        Taps(Input(4) >> ReLU(3))
    with pytest.raises(InvalidParameter, match="layers, a network with its weights or a Sequential, got 7"):
        Taps(7)
