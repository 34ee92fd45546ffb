"""Networks as ONNX files: what ONNX Runtime gives is what torch gives, at any batch size; and ``torch.export``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright import models
from netwright.core.errors import InvalidParameter
from netwright.graph import Expression
from netwright.graph.export.exporter import record
from netwright.graph.export.operations import largest_of_volumes, summed
from netwright.layers import (
    CRF,
    GRU,
    LSTM,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Flatten,
    Input,
    KMaxPool,
    L2Pool,
    LayerNorm,
    Linear,
    MaxPool,
    ReLU,
    Residual,
    Softmax,
    TimePool,
)
from tests.contract.test_layers import CASES, closed, samples

BATCHES = (1, 2, 9)
BOUND = 1e-5
NETWORKS = {
    "mlp": Input(6) >> ReLU(8) >> Dropout(0.5) >> LayerNorm() >> Softmax(3),
    "convolutions": Input(2, 8, 8) >> Conv(4, 3) >> BatchNorm() >> ReLU() >> MaxPool(2) >> Flatten() >> Softmax(3),
    "norms of windows": Input(2, 6, 6) >> L2Pool(3, 2, ceil=True) >> Flatten() >> Linear(2),
    "largest steps": Input(9, 2) >> KMaxPool(3) >> Flatten() >> Linear(2),
    "residual": Input(2, 6, 6) >> Residual(Conv(4, 3, stride=2, padding=1) >> ReLU(), normalize=True),
    "LSTM": Input(5, 3) >> LSTM(4, output="last") >> Softmax(2),
    "GRU by hand": Input(4, 3) >> GRU(3, reset="before") >> TimePool("max"),
    "two inputs, two outputs": (Input(3) | Input(2)) >> Concat() >> (Softmax(2) | Linear(3)),
}
EXCLUDED = {CRF: "its sums over paths run in compiled loops"}  # the one layer that cannot be exported, and why


@pytest.fixture
def runtime() -> Any:
    """ONNX Runtime, where it and what writes ONNX are installed."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    return pytest.importorskip("onnxruntime")


def expect_the_same(runtime: Any, network: Expression, inputs: Any, path: Path) -> None:
    """Export and compare; `inputs` gives a batch of a size."""
    module = network.build(2).eval()
    network.export(path, module)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for count in BATCHES:
        batch = inputs(count)
        with torch.no_grad():
            outputs = module(*batch)
        wanted = outputs if isinstance(outputs, tuple) else (outputs,)
        names = [each.name for each in session.get_inputs()]
        found = session.run(None, {name: x.numpy() for name, x in zip(names, batch, strict=True)})
        for one, other in zip(wanted, found, strict=True):
            scale = max(1.0, float(one.abs().max()))
            np.testing.assert_allclose(other, one.numpy(), rtol=0, atol=BOUND * scale)


def normal(network: Expression) -> Any:
    """A function of the batch size."""

    def inputs(count: int) -> tuple[torch.Tensor, ...]:
        generator = torch.Generator().manual_seed(count)
        shapes = network.plan().input_shapes
        return tuple(torch.randn(count, *shape, generator=generator).abs() for shape in shapes)

    return inputs


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, runtime: Any, tmp_path: Path) -> None:
    expect_the_same(runtime, NETWORKS[name], normal(NETWORKS[name]), tmp_path / "network.onnx")


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "shapes"), CASES)
def test_every_layer(layer: Expression, shapes: Any, runtime: Any, tmp_path: Path) -> None:
    network, path = closed(layer, shapes), tmp_path / "layer.onnx"
    if type(layer) in EXCLUDED:
        with pytest.raises(InvalidParameter, match=EXCLUDED[type(layer)]):
            network.export(path, network.build())
        assert not path.exists()
        return
    batches = {count: tuple(x.float() for x in samples(layer, shapes, count, seed=count)) for count in BATCHES}
    expect_the_same(runtime, network, batches.__getitem__, path)


@pytest.mark.slow
@pytest.mark.parametrize("network", [models.lenet5(), models.resnet20(), Input(1, 32, 32) >> models.unet(2, 1)])
def test_architectures(network: Expression, runtime: Any, tmp_path: Path) -> None:
    expect_the_same(runtime, network, normal(network), tmp_path / "network.onnx")


@pytest.mark.parametrize("name", ["mlp", "convolutions", "norms of windows", "two inputs, two outputs"])
def test_torch_export(name: str) -> None:
    expect_recorded(NETWORKS[name], normal(NETWORKS[name]))


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "shapes"), CASES)
def test_torch_export_of_every_layer(layer: Expression, shapes: Any) -> None:
    if type(layer) in EXCLUDED:
        pytest.skip(EXCLUDED[type(layer)])
    batches = {count: tuple(x.float() for x in samples(layer, shapes, count, seed=count)) for count in (1, 2, 3, 9)}
    expect_recorded(closed(layer, shapes), batches.__getitem__)


def expect_recorded(network: Expression, inputs: Any) -> None:
    """What ``torch.export`` recorded of a batch of 3 gives what the module gives, for other batches too."""
    module = network.build(2).eval()
    program = record(module, inputs(3), "export")
    for count in BATCHES:
        one, other = module(*inputs(count)), program.module()(*inputs(count))
        pairs = zip(one, other, strict=True) if isinstance(one, tuple) else [(one, other)]
        for a, b in pairs:
            torch.testing.assert_close(b, a, rtol=0, atol=1e-6)


def test_the_file_says_what_is_in_it(runtime: Any, tmp_path: Path) -> None:
    network = NETWORKS["two inputs, two outputs"]
    network.export(tmp_path / "a.onnx", network.build())
    network.export(tmp_path / "b.onnx", network.build())
    assert os.listdir(tmp_path) == ["a.onnx", "b.onnx"] or sorted(os.listdir(tmp_path)) == ["a.onnx", "b.onnx"]
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    session = runtime.InferenceSession(tmp_path / "a.onnx")
    text = session.get_modelmeta().custom_metadata_map["netwright"]
    known = json.loads(text)
    assert text == json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert known["netwright"] == nw.__version__
    assert known["network"] == repr(network)
    assert [(each["name"], each["shape"]) for each in known["inputs"]] == [
        ("input1", ["batch", 3]),
        ("input2", ["batch", 2]),
    ]
    assert [each["name"] for each in known["outputs"]] == ["output1", "output2"]


def test_paths_of_the_machine_stay_out_of_the_file(runtime: Any, tmp_path: Path) -> None:
    network = NETWORKS["mlp"]
    network.export(tmp_path / "net.onnx", network.build())
    content = (tmp_path / "net.onnx").read_bytes()
    assert b".py" not in content
    assert str(Path.cwd()).encode() not in content


def test_the_module_and_random_states_stay_as_they_were(runtime: Any, tmp_path: Path, capfd: Any) -> None:
    network = NETWORKS["convolutions"]
    module = network.build().train()
    weights = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    network.export(tmp_path / "net.onnx", module)
    assert module.training
    assert all(torch.equal(tensor, weights[name]) for name, tensor in module.state_dict().items())
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_exported_is_named_and_no_file_is_written(runtime: Any, tmp_path: Path) -> None:
    network, path = Input(5, 3) >> Linear(3) >> CRF(3), tmp_path / "net.onnx"
    path.write_bytes(b"old")
    with pytest.raises(InvalidParameter, match=r"export, at crf1: .*compiled loops; export the layers before it"):
        network.export(path, network.build())
    assert path.read_bytes() == b"old"


def test_weights_of_another_network(runtime: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"export\(module\): expected a module that this network built"):
        (Input(3) >> Linear(2)).export(tmp_path / "net.onnx", (Input(4) >> Linear(2)).build())


def test_without_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    network = Input(3) >> Linear(2)
    with pytest.raises(InvalidParameter, match=r"pip install 'netwright\[onnx\]'"):
        network.export(tmp_path / "net.onnx", network.build())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 0), ((3, 2), (2, 1), (1, 0))])
def test_sums_of_windows_are_torchs(kernel: Any, stride: Any, padding: Any, ceil: bool) -> None:
    x = torch.randn(2, 3, 7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    as_list = [each if isinstance(each, tuple) else (each,) for each in (kernel, stride, padding)]
    for divisor in (1, 5):
        wanted = torch.nn.functional.avg_pool2d(x, kernel, stride, padding, ceil, True, divisor)
        torch.testing.assert_close(summed(x, *as_list, ceil, True, divisor), wanted)


def test_largest_of_volumes_are_torchs() -> None:
    x = torch.randn(2, 3, 4, 5, 7, generator=torch.Generator().manual_seed(0))
    for sizes in ((1, 1, 1), (2, 3, 4), (4, 5, 7)):
        assert torch.equal(largest_of_volumes(x, sizes)[0], torch.nn.functional.adaptive_max_pool3d(x, sizes))
