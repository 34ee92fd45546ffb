"""Loading weights into networks: all or nothing, with a report, or an error that says what differs and what fits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import models
from netwright.core.errors import CorruptFile, InvalidParameter, JoinError
from netwright.graph import Expression, close
from netwright.layers import BatchNorm, Conv, Flatten, GlobalPool, Input, Linear, ReLU, Softmax
from netwright.models import LoadedWeights, load_weights

NET = Input(3, 6, 6) >> Conv(4, 3) >> BatchNorm() >> ReLU() >> GlobalPool() >> Softmax(5)


def theirs(in_channels: int = 3, outputs: int = 5) -> nn.Sequential:
    """The same by hand, under numbers."""
    generator = torch.Generator().manual_seed(0)
    made = nn.Sequential(
        *(nn.Conv2d(in_channels, 4, 3, device="meta"), nn.BatchNorm2d(4, device="meta"), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs, device="meta"), nn.Softmax(1)),
    )
    made.to_empty(device="cpu")
    for tensor in made.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape, generator=generator).add(0.5))
    return made.eval()


def images(count: int = 3) -> torch.Tensor:
    return torch.randn(2, count, 6, 6, generator=torch.Generator().manual_seed(1))


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def random_state(network: Expression) -> dict[str, torch.Tensor]:
    """A state dict of a network under its own names."""
    return state_of(close(network).build(seed=5))


def test_a_network_is_built_and_computes_the_same() -> None:
    loaded = load_weights(NET, theirs().state_dict())
    assert isinstance(loaded, LoadedWeights)
    torch.testing.assert_close(loaded.module.eval()(images()), theirs()(images()))
    assert loaded.source == "torch.nn"
    assert [row.done for row in loaded.rows] == ["as it is"] * 9
    assert (loaded.rows[0].file, loaded.rows[0].ours, loaded.rows[0].shape) == (
        "0.weight",
        "conv1.weight",
        (4, 3, 3, 3),
    )


def test_a_module_is_filled_in_place() -> None:
    module = NET.build()
    weight = module.conv1.weight
    loaded = load_weights(module, theirs().state_dict())
    assert loaded.module is module
    assert module.conv1.weight is weight
    assert weight.requires_grad
    assert torch.equal(weight, theirs()[0].weight)


def test_other_formats_of_numbers() -> None:
    half = {name: tensor.half() for name, tensor in theirs().state_dict().items()}
    assert load_weights(NET, half).module.conv1.weight.dtype == torch.float32
    double = NET.build().double()
    load_weights(double, {name: tensor.numpy() for name, tensor in theirs().state_dict().items()})
    assert double.conv1.weight.dtype == torch.float64
    assert torch.equal(double.conv1.weight.float(), theirs()[0].weight)


def test_the_file_is_not_written_and_not_shared() -> None:
    state = state_of(theirs())
    module = load_weights(NET, state).module
    nn.init.zeros_(module.conv1.weight)
    assert all(torch.equal(state[name], tensor) for name, tensor in theirs().state_dict().items())


def test_another_head_is_drawn_from_the_seed() -> None:
    state = theirs(outputs=7).state_dict()
    loaded = load_weights(NET, state, seed=3)
    assert torch.equal(loaded.module.softmax1.linear.weight, NET.build(seed=3).softmax1.linear.weight)
    assert torch.equal(loaded.module.conv1.weight, theirs(outputs=7)[0].weight)
    assert [row.done for row in loaded.rows[-2:]] == ["kept fresh: 5 outputs, 7 in the file"] * 2


def test_grey_images() -> None:
    grey = Input(1, 6, 6) >> NET["conv1":]
    loaded = load_weights(grey, theirs().state_dict())
    x = images(1)
    torch.testing.assert_close(loaded.module.eval()(x), theirs()(x.expand(2, 3, 6, 6)))
    assert loaded.rows[0].done == "adapted from 3 to 1 channels"


def test_the_networks_own_names_in_any_order() -> None:
    state = random_state(NET)
    loaded = load_weights(NET, dict(sorted(state.items(), reverse=True)))
    assert loaded.source == "netwright"
    assert all(torch.equal(state[name], tensor) for name, tensor in loaded.module.state_dict().items())
    assert load_weights(Input(3, 6, 6) >> NET["conv1":"globalpool1"], state).rows[-1].done.startswith("left out")
    other = load_weights(Input(3, 6, 6) >> NET["conv1":"globalpool1"] >> Softmax(3), state)
    assert other.rows[-1].done == "kept fresh: 3 outputs, 5 in the file"


def test_a_layer_in_between_is_not_taken_for_a_head() -> None:
    state = random_state(Input(4) >> ReLU(4) >> ReLU(4) >> Softmax(3))
    with pytest.raises(
        InvalidParameter, match=r"which has no further layer there, got relu2\.linear \(weight \(4, 4\)"
    ):
        load_weights(Input(4) >> ReLU(4) >> Softmax(3), state)


def test_of_its_own_names_only_the_softmax_may_be_missing() -> None:
    two, three = Input(4) >> ReLU(4) >> ReLU(4), Input(4) >> ReLU(4) >> ReLU(4) >> ReLU(4)
    with pytest.raises(InvalidParameter, match=r"has relu3\.linear .* there, got no further layer"):
        load_weights(three, random_state(two))
    loaded = load_weights(two >> Softmax(2), random_state(two))
    assert [row.done for row in loaded.rows[-2:]] == ["kept fresh: the file has no head"] * 2


def test_what_it_prints() -> None:
    lines = str(load_weights(NET, theirs(outputs=7).state_dict())).splitlines()
    assert lines[0].split() == ["file", "network", "shape", "what", "was", "done"]
    assert lines[2].split() == ["0.weight", "conv1.weight", "(4,", "3,", "3,", "3)", "as", "it", "is"]
    assert lines[-1] == "a network, names of torch.nn: 7 as it is, 2 kept fresh"
    assert len(lines) == 2 + 9 + 2
    assert repr(load_weights(NET, theirs().state_dict())) == "<weights of a network in a Sequential: 9 rows, print it>"


def test_it_gives_a_frame() -> None:
    pytest.importorskip("pandas")
    frame = load_weights(NET, theirs().state_dict()).to_frame()
    assert list(frame.columns) == ["file", "ours", "shape", "done"]
    assert frame.loc[1, "ours"] == "conv1.bias"


def test_an_open_network_is_closed_by_its_card_or_refused() -> None:
    loaded = load_weights(models.resnet20(num_classes=4), random_state(models.resnet20()))
    assert loaded.rows[-1].done == "kept fresh: 4 outputs, 10 in the file"
    with pytest.raises(JoinError, match="expected a closed network"):
        load_weights(Conv(4, 3) >> Flatten() >> Softmax(5), theirs().state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"3.weight": torch.ones(2, 2)},
            r"weights of this network, which has softmax1\.linear \(weight \(5, 4\), bias ",
        ),
        (
            {"0.weight": torch.ones(4, 3, 5, 5)},
            r"which has conv1 \(.*\) there, got 0 \(weight \(4, 3, 5, 5\), bias \(4,\)\)",
        ),
        (
            {"5.weight": torch.ones(5, 3)},
            r"there, got 5 \(weight \(5, 3\), bias .*: the names .* a torch\.nn\.Sequential\.",
        ),
        ({"9.weight": torch.ones(5, 5)}, r"has no further layer there, got 9 \(weight \(5, 5\)\)"),
    ],
)
def test_another_architecture_changes_nothing(change: dict[str, torch.Tensor], message: str) -> None:
    module = NET.build()
    before = state_of(module)
    with pytest.raises(InvalidParameter, match=message) as caught:
        load_weights(module, {**theirs().state_dict(), **change})
    assert "the state dict: expected weights of this network" in str(caught.value)
    assert "Build the network that they were saved from" in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("0.weight", torch.ones(4, 3, 3, 3, dtype=torch.int8), r"floating-point numbers in 0\.weight, got torch\.int8"),
        (
            "5.bias",
            torch.ones(5).to(torch.float8_e4m3fn),
            r"floating-point numbers in 5\.bias, got torch\.float8_e4m3fn",
        ),
        ("5.bias", torch.full((5,), torch.nan), r"finite numbers in 5\.bias, got NaN or infinity"),
        ("5.bias", torch.full((5,), torch.inf), r"finite numbers in 5\.bias, got NaN or infinity"),
        ("1.running_var", torch.full((4,), -0.5), r"variances >= 0 in 1\.running_var, got -0\.5"),
    ],
)
def test_numbers_that_are_no_weights_change_nothing(name: str, tensor: torch.Tensor, message: str) -> None:
    module = NET.build()
    before = state_of(module)
    with pytest.raises(CorruptFile, match=message):
        load_weights(module, {**theirs().state_dict(), name: tensor})
    assert all(torch.equal(before[key], now) for key, now in module.state_dict().items())


def test_what_fits_is_named_and_fits() -> None:
    state = random_state(models.resnet20(num_classes=7, width=4))
    wide = models.resnet20(width=8)
    with pytest.raises(InvalidParameter, match=r"weights of resnet20, which has conv1 \(weight \(8, 3, 3, 3\)\) there"):
        load_weights(wide, state)
    renamed = torchvision_names(state)
    with pytest.raises(InvalidParameter, match=r"torchvision's resnet20\. nw\.models\..* would fit\.") as caught:
        load_weights(wide, renamed)
    call = str(caught.value).partition("nw.models.")[2].partition(" would fit")[0]
    assert call == "cifar_resnet(depth=20, num_classes=7, width=4)"
    loaded = load_weights(eval(f"models.{call}"), renamed)
    assert {row.done for row in loaded.rows} == {"as it is"}


@pytest.mark.parametrize(("head", "changed", "place"), [("linear", True, "before"), ("fc", False, "behind")])
def test_the_place_of_zeros_in_shortcuts_is_said(head: str, changed: bool, place: str) -> None:
    loaded = load_weights(models.resnet20(), torchvision_names(random_state(models.resnet20()), head))
    assert ("channels reordered" in {row.done for row in loaded.rows}) == changed
    [note] = loaded.notes
    assert f"are taken to stand {place} the channels" in note
    assert str(loaded).endswith(note)


def torchvision_names(state: dict[str, torch.Tensor], head: str = "fc") -> dict[str, torch.Tensor]:
    """A residual network of three stages of three blocks under torchvision's names; ours come in their order."""
    names = ["conv1", "bn1"]
    blocks = [(stage, block) for stage in (1, 2, 3) for block in range(3)]
    names += [f"layer{s}.{b}.{part}" for s, b in blocks for part in ("conv1", "bn1", "conv2", "bn2")]
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    ours = dict(zip(modules, [*names, head], strict=True))
    return {f"{ours[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor for name, tensor in state.items()}


def test_other_targets_are_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"load_weights\(target\): expected a network or a module, got 3 of type int"
    ):
        load_weights(3, {})  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match="a network with weights, got one without any"):
        load_weights(Input(3) >> ReLU(), theirs().state_dict())
    with pytest.raises(
        InvalidParameter, match=r"a module with numbers, got 0\.weight on the device meta\. Give it memory"
    ):
        load_weights(theirs().to("meta"), theirs().state_dict())


def test_regression_keeps_its_head() -> None:
    net = Input(3, 6, 6) >> NET["conv1":"globalpool1"] >> Linear(1)
    loaded = load_weights(net, theirs().state_dict())
    assert loaded.rows[-1].done == "kept fresh: 1 outputs, 5 in the file"


def test_no_random_state_is_touched() -> None:
    before = torch.get_rng_state()
    load_weights(NET, theirs(outputs=7).state_dict())
    assert torch.equal(before, torch.get_rng_state())
