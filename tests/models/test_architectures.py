"""Special facts of single architectures: sizes, auxiliary classifiers, options that do not go together."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import netwright as nw
from netwright import models
from netwright.core.errors import InvalidParameter, JoinError
from netwright.graph import close
from netwright.layers import Input, Linear, Maxout, MaxPool, Softmax, Tanh

# name, options, the smallest image
SMALLEST: list[tuple[str, dict[str, Any], int]] = [
    ("lenet5", {}, 12),
    ("lenet5", {"paper": True}, 28),
    ("alexnet", {}, 63),
    ("alexnet", {"small": True}, 7),
    ("vgg11", {}, 32),
    ("vgg19", {"small": True}, 32),
    ("inception_v3", {}, 75),
    ("inception_v3", {"small": True}, 19),
    ("inception_v3", {"aux": True}, 299),
    ("squeezenet", {}, 21),
    ("squeezenet", {"version": "1.1"}, 17),
    ("squeezenet", {"small": True}, 4),
    ("squeezenet", {"version": "1.1", "small": True}, 4),
    ("googlenet", {}, 15),
    ("googlenet", {"aux": True}, 15),
    ("googlenet", {"small": True}, 4),
    ("googlenet", {"paper": True}, 31),
    ("googlenet", {"paper": True, "small": True}, 8),
    ("googlenet", {"paper": True, "aux": True}, 79),
    ("googlenet", {"paper": True, "small": True, "aux": True}, 20),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "size"), SMALLEST)
def test_the_smallest_image(name: str, options: dict[str, Any], size: int) -> None:
    network = getattr(models, name)(num_classes=4, **options)
    channels = network.card.input_shape[0]
    heads = 1 if "aux" not in options else 2 if name == "inception_v3" else 3
    assert (Input(channels, size, size) >> network).plan().output_shapes == ((4,),) * heads
    with pytest.raises(JoinError, match=r"expected space axes of at least"):
        Input(channels, size - 1, size - 1) >> network


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet20", "unet"])
@pytest.mark.parametrize("size", [1, 2, 3, 33])
def test_some_take_images_of_any_size(name: str, size: int) -> None:
    network = getattr(models, name)(num_classes=4)
    assert (Input(3, size, size) >> network).output_shape[0] == 4


@pytest.mark.slow
@settings(max_examples=25)
@given(height=st.integers(1, 70), width=st.integers(1, 70), classes=st.integers(1, 3))
def test_unet_keeps_every_size(height: int, width: int, classes: int) -> None:
    network = models.unet(classes, widths=(2, 3, 4, 5))
    assert (Input(1, height, width) >> network).output_shape == (classes, height, width)


def test_unet_takes_lines_and_volumes() -> None:
    network = models.unet(3, widths=(2, 3, 4))
    assert (Input(2, 37) >> network).output_shape == (3, 37)
    assert (Input(2, 5, 6, 7) >> network).output_shape == (3, 5, 6, 7)


def test_the_built_unet_runs_on_sizes_that_it_was_not_built_for() -> None:
    module = close(models.unet(2, widths=(2, 3, 4)), (1, 16, 16)).build().eval()
    for size in ((16, 16), (17, 30), (5, 64)):
        assert module(torch.zeros(1, 1, *size)).shape == (1, 2, *size)


def test_places_of_unet_stay_above_each_other_at_uneven_sizes() -> None:
    """Far from its end a cut image has the outputs of the whole one."""
    module = close(models.unet(2, widths=(2, 3, 4), batch_norm=False), (1, 64, 64)).build(seed=1).eval()
    whole = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    for height, width in ((51, 50), (49, 63)):
        cut = module(whole[:, :, :height, :width])
        assert torch.allclose(cut[..., :20, :20], module(whole)[..., :20, :20], atol=1e-6)


def test_unet_of_one_class_ends_in_a_sigmoid() -> None:
    module = close(models.unet(1, widths=(2, 3)), (1, 4, 4)).build()
    assert isinstance(module[-1], torch.nn.Sigmoid)
    y = close(models.unet(3, widths=(2, 3)), (1, 4, 4)).build().eval()(torch.zeros(2, 1, 4, 4))
    assert torch.allclose(y.sum(1), torch.ones(2, 4, 4))


def test_the_papers_unet_cuts_the_maps_of_the_way_down() -> None:
    plan = close(models.unet(paper=True, in_channels=1)).plan()
    cut = [plan.shapes_into(node) for node in plan.nodes if node.path.endswith("cropconcat1")]
    assert [(down[-1], up[-1]) for down, up in cut] == [(64, 56), (136, 104), (280, 200), (568, 392)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side", "paper"), [("googlenet", 2, False), ("googlenet", 2, True), ("inception_v3", 1, False)]
)
def test_auxiliary_classifiers_are_outputs_behind_the_main_one(name: str, side: int, paper: bool) -> None:
    options = {"paper": True} if paper else {}
    network = getattr(models, name)(num_classes=6, aux=True, **options)
    assert close(network).output_shape == ((6,),) * (1 + side)
    main = getattr(models, name)(num_classes=6, **options)
    whole, alone = (sum(row.macs for row in net.summary().rows) for net in (network, main))
    assert 0 < whole - alone < 0.01 * alone


def test_the_first_output_is_that_of_the_network_without_auxiliary_classifiers() -> None:
    shape = (3, 64, 64)
    with_aux = close(models.googlenet(5, aux=True), shape).build().eval()
    without = close(models.googlenet(5), shape).build().eval()
    state = list(with_aux.state_dict().values())[: len(without.state_dict())]
    without.load_state_dict(dict(zip(without.state_dict(), state, strict=True)))
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(with_aux(x)[0], without(x))


@pytest.mark.slow
def test_a_classifier_trains_auxiliary_classifiers_on_equal_labels() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 3, 16, 16)).astype(np.float32)
    y = np.array(["cat", "dog"])[np.arange(12) % 2]
    network = models.googlenet(2, aux=True, small=True)
    model = nw.Classifier(network, epochs=1, batch_size=6, random_state=0).fit(X, np.stack([y, y, y], axis=1))
    assert model.predict(X).shape == (12, 3)
    assert len(model.predict_proba(X)) == 3


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("googlenet", {"aux": True, "headless": True}, r"googlenet\(aux\): expected False with headless=True"),
        ("inception_v3", {"aux": True, "headless": True}, r"inception_v3\(aux\): expected False with headless=True"),
        ("inception_v3", {"aux": True, "small": True}, r"inception_v3\(aux\): expected False with small=True"),
        ("lenet5", {"paper": True, "filters": (6, 17)}, r"lenet5\(paper\): expected filters=\(6, 16\), .* got .*17"),
        ("lenet5", {"filters": (6, 0)}, r"lenet5\(filters\): expected two integers >= 1, got \(6, 0\)"),
        ("lenet5", {"dense": (6,)}, r"lenet5\(dense\): expected two integers >= 1, got \(6,\)"),
        ("alexnet", {"towers": 0}, r"alexnet\(towers\): expected an integer >= 1, got 0"),
        ("cifar_resnet", {"depth": 21}, r"cifar_resnet\(depth\): expected 6 n \+ 2 with an integer n >= 1, got 21"),
        ("cifar_resnet", {"depth": 2}, r"cifar_resnet\(depth\): expected 6 n \+ 2"),
        ("resnet20", {"width": 0}, r"resnet20\(width\): expected an integer >= 1, got 0"),
        ("squeezenet", {"version": "1.2"}, r"squeezenet\(version\): expected '1\.0' or '1\.1', got '1\.2'"),
        ("unet", {"widths": ()}, r"unet\(widths\): expected a tuple of 1 or more elements.*, got \(\)"),
        ("unet", {"batch_norm": 1}, r"unet\(batch_norm\): expected True or False or None, got 1"),
        ("unet", {"num_classes": 0}, r"unet\(num_classes\): expected an integer >= 1, got 0"),
        ("highway", {"depth": 1}, r"highway\(depth\): expected an integer >= 2, got 1"),
        ("highway", {"width": 0}, r"highway\(width\): expected an integer >= 1, got 0"),
        ("highway", {"bias": None}, r"highway\(bias\): expected a number .*, got None"),
        ("highway", {"activation": "Tan"}, r"highway\(activation\): expected the name of a layer, got 'Tan'.*'Tanh'"),
        ("mlp", {"widths": (3, 0)}, r"mlp\(widths\): expected a tuple of elements.*, got \(3, 0\)"),
        ("mlp", {"activation": Tanh()}, r"mlp\(activation\): expected a layer that takes units.*, got Tanh\(\)"),
        ("mlp", {"batch_norm": "no"}, r"mlp\(batch_norm\): expected True or False, got 'no'"),
        ("mixture_of_experts", {"experts": 1}, r"mixture_of_experts\(experts\): expected an integer >= 2 or .*got 1"),
        ("mixture_of_experts", {"experts": (Tanh(3),)}, r"mixture_of_experts\(experts\): .*2 or more elements"),
        ("mixture_of_experts", {"width": 0}, r"mixture_of_experts\(width\): expected an integer >= 1, got 0"),
        ("mixture_of_experts", {"top": 5}, r"MixtureOfExperts\(top\): expected at most 4"),
    ],
)
def test_options_that_cannot_be(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        getattr(models, name)(**options)


def test_activations_by_name_and_by_function() -> None:
    assert models.mlp((4, 3), 2, activation="Tanh") == models.mlp((4, 3), 2, activation=Tanh)
    made = models.mlp((4,), 2, activation=lambda units: Maxout(units, 3), batch_norm=True)
    assert repr(made) == "Flatten() >> Maxout(4, 3) >> BatchNorm() >> Softmax(2)"
    assert models.mlp((), 3).parts[-1:] == (Softmax(3),)  # type: ignore[attr-defined]


def test_highway_has_one_plain_layer_and_then_gates() -> None:
    rows = (Input(30) >> models.highway(3, width=20, depth=5)).summary().rows
    assert sum(row.parameters for row in rows) == 31 * 20 + 4 * 2 * 20 * 21 + 21 * 3
    assert [row.path for row in rows if row.path.startswith("highway")][-1] == "highway4.gatedsum1"


def test_experts_of_ones_own() -> None:
    network = models.mixture_of_experts((Tanh(3), Tanh(5) >> Tanh(4)), 3, gate=Linear(2), top=1, balance=0.0)
    assert (Input(6) >> network).output_shape == (3,)
    headless = models.mixture_of_experts((Tanh(4), Tanh(5) >> Tanh(4)), headless=True)
    assert (Input(6) >> headless >> Softmax(3)).output_shape == (3,)
    pictures = models.mixture_of_experts((models.lenet5(headless=True), models.mlp((8,), headless=True)), 10)
    assert (Input(1, 28, 28) >> pictures).output_shape == (10,)


def test_saved_networks_keep_their_card(tmp_path: Any) -> None:
    path = tmp_path / "net.nw"
    models.resnet18().save(path)
    back = nw.load(path)
    assert back == models.resnet18()
    assert back.card == models.resnet18().card  # type: ignore[attr-defined]


def test_parts_of_architectures_by_name() -> None:
    features = models.vgg16()["conv1":"maxpool5"]  # type: ignore[misc]
    assert close(features).output_shape == (512, 7, 7)
    assert sum(isinstance(part, MaxPool) for part in features.parts) == 5  # type: ignore[attr-defined]


def test_a_fresh_process_reads_a_saved_architecture(tmp_path: Any) -> None:
    path = tmp_path / "net.nw"
    models.resnet18().save(path)
    code = f"import netwright as nw; print(nw.load({str(path)!r}).card.preprocessing)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "Preprocessing()", done.stderr
