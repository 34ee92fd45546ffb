"""Modules of a state dict by role, and Keras's layouts in torch's, against a network in NumPy with channels last."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import CorruptFile
from netwright.models.published.parts import from_keras, parts_of


def entries(part):
    return {role: entry.name for role, entry in part.entries.items()}


def test_modules_and_roles_in_one_order():
    names = [
        "bn.running_var",
        "bn.bias",
        "fc.bias",
        "fc.weight",
        "bn.num_batches_tracked",
        "bn.weight",
        "bn.running_mean",
    ]
    parts = parts_of({name: torch.ones(2, 2) if name == "fc.weight" else torch.ones(2) for name in names})
    assert list(parts) == ["bn", "fc"]
    assert list(parts["bn"].entries) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert (parts["bn"].is_norm, parts["fc"].is_norm) == (True, False)
    assert parts["fc"].weight == (2, 2)
    assert str(parts["fc"]) == "fc (weight (2, 2), bias (2,))"


def test_a_module_without_weight():
    [part] = parts_of({"bn.running_mean": torch.ones(2)}).values()
    assert part.weight == ()


@pytest.mark.parametrize(
    ("shapes", "roles"),
    [
        ([(3, 3, 2, 4), (4,)], ["weight", "bias"]),
        ([(2, 4)], ["weight"]),
        ([(4,)] * 4, ["weight", "bias", "running_mean", "running_var"]),
        ([(4,)] * 3, ["bias", "running_mean", "running_var"]),
        ([(4,)] * 5, ["vars.0", "vars.1", "vars.2", "vars.3", "vars.4"]),
    ],
)
def test_numbered_arrays_get_their_roles(shapes, roles):
    tensors = {f"layer/vars/{i}": torch.ones(shape) for i, shape in enumerate(shapes)}
    [part] = parts_of(tensors, keras=True).values()
    assert list(part.entries) == roles


def test_two_tensors_in_one_role_are_refused():
    tensors = {"fc1/kernel": torch.ones(2, 2), "fc1/fc1/kernel:0": torch.ones(2, 2)}
    with pytest.raises(
        CorruptFile, match=r"a\.h5: expected one weight of 'fc1', got 'fc1/kernel' and 'fc1/fc1/kernel:0'"
    ):
        parts_of(tensors, keras=True, where="a.h5")


def channels_last(x, kernel, bias):
    """A convolution without padding of (height, width, channels) by (window, window, channels, filters)."""
    size = kernel.shape[0]
    places = [range(x.shape[axis] - size + 1) for axis in (0, 1)]
    out = [[np.tensordot(x[i : i + size, j : j + size], kernel, 3) + bias for j in places[1]] for i in places[0]]
    return np.array(out)


def test_a_keras_network_computes_the_same_in_torchs_layout():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 5, 3))
    kernel, bias = rng.normal(size=(2, 2, 3, 6)), rng.normal(size=6)
    first, second = rng.normal(size=(16 * 6, 7)), rng.normal(size=(7, 4))
    expected = np.maximum(channels_last(x, kernel, bias), 0).reshape(-1) @ first @ second

    state = {"block1_conv1/kernel": kernel, "fc1/kernel": first, "fc2/kernel": second}
    parts = from_keras(parts_of({n: torch.from_numpy(a) for n, a in state.items()}, keras=True).values())
    conv, fc1, fc2 = (part.entries["weight"] for part in parts)
    maps = torch.relu(torch.conv2d(torch.from_numpy(x).permute(2, 0, 1)[None], conv.tensor, torch.from_numpy(bias)))
    found = maps.flatten(1) @ fc1.tensor.T @ fc2.tensor.T
    torch.testing.assert_close(found[0], torch.from_numpy(expected))
    assert (conv.done, fc2.done) == ("transposed", "transposed")
    assert fc1.done == "transposed, its inputs from (places, channels) to (channels, places)"


def test_a_dense_layer_behind_a_global_pool_is_only_transposed():
    state = {"block1_conv1/kernel": torch.randn(1, 1, 3, 6, generator=torch.Generator().manual_seed(0))}
    state["predictions/kernel"] = torch.arange(12.0).reshape(6, 2)
    *_, dense = from_keras(parts_of(state, keras=True).values())
    assert torch.equal(dense.entries["weight"].tensor, torch.arange(12.0).reshape(6, 2).T)


def test_kernels_of_one_and_three_axes():
    for space in [(5,), (5, 4, 3)]:
        kernel = torch.arange(float(np.prod(space)) * 6).reshape(*space, 2, 3)
        [part] = from_keras(parts_of({"conv/kernel": kernel}, keras=True).values())
        assert part.weight == (3, 2, *space)
        place = tuple(axis - 1 for axis in space)
        assert part.entries["weight"].tensor[(2, 0, *place)] == kernel[(*place, 0, 2)]
