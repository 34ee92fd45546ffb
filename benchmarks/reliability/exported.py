"""ONNX files of every layer and of named networks, run by ONNX Runtime and compared with torch.

Each example of `tests/contract/layers` is put behind its inputs, built in float32, exported, and run at batches of 1, 2
and 9; so are the networks below. A difference is the largest one of all outputs, divided by the largest output where
that is above 1. Printed are the rows of the table in `docs/reliability.md`.

    python benchmarks/reliability/exported.py [--only Conv]
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from netwright import models
from netwright.graph import Expression
from netwright.layers import GRU, LSTM, Bidirectional, Conv, Flatten, Input, LayerNorm, ReLU, Softmax

BATCHES = (1, 2, 9)
BOUND = 1e-5
LAYERS = Path(__file__).parents[2] / "tests" / "contract" / "test_layers.py"
NETWORKS: dict[str, Any] = {
    "lenet5": lambda: models.lenet5(),
    "resnet20": lambda: models.resnet20(),
    "unet, 3 levels, 32 x 32": lambda: Input(1, 32, 32) >> models.unet(2, 1, widths=(8, 16, 32)),
    "mlp": lambda: Input(20) >> ReLU(64) >> LayerNorm() >> ReLU(32) >> Softmax(5),
    "LSTM classifier": lambda: Input(12, 8) >> LSTM(16, output="last") >> Softmax(3),
    "GRU classifier": lambda: Input(12, 8) >> Bidirectional(GRU(16, output="max")) >> Softmax(3),
    "volumes": lambda: Input(1, 6, 6, 6) >> Conv(4, 3) >> ReLU() >> Flatten() >> Softmax(3),
}


def contract() -> Any:
    """The module with the examples of all layers."""
    spec = importlib.util.spec_from_file_location("contract_of_layers", LAYERS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["contract_of_layers"] = module
    spec.loader.exec_module(module)
    return module


def cases() -> Iterator[tuple[str, Expression, Any]]:
    """Name, network, and a function of the batch size that gives its inputs."""
    layers = contract()
    for examples in layers.EXAMPLES.values():
        for layer, shapes in examples:
            yield (
                f"{layer!r} on {', '.join(map(str, shapes))}",
                layers.closed(layer, shapes),
                inputs_of(layers.samples, layer, shapes),
            )
    for name, make in NETWORKS.items():
        network = make()
        yield name, network, inputs_of(normal, network, network.plan().input_shapes)


def inputs_of(samples: Any, layer: Any, shapes: Any) -> Any:
    """Inputs in float32 for a batch of a size, other ones for other sizes."""
    return lambda count: tuple(x.float() for x in samples(layer, shapes, count, seed=count))


def normal(network: Any, shapes: Any, count: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(count, *shape, generator=generator) for shape in shapes)


def difference(network: Expression, inputs: Any, path: Path) -> float:
    """Export a network and compare; the largest difference over the batch sizes."""
    module = network.build(0).eval()
    network.export(path, module)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    largest = 0.0
    for count in BATCHES:
        batch = inputs(count)
        with torch.no_grad():
            outputs = module(*batch)
        wanted = outputs if isinstance(outputs, tuple) else (outputs,)
        names = [each.name for each in session.get_inputs()]
        found = session.run(None, {name: x.numpy() for name, x in zip(names, batch, strict=True)})
        for one, other in zip(wanted, found, strict=True):
            assert tuple(one.shape) == other.shape
            largest = max(largest, float(np.abs(one.numpy() - other).max() / max(1.0, float(one.abs().max()))))
    return largest


def main() -> None:
    """Walk over all and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name has this")
    only = parser.parse_args().only
    found: dict[str, float] = {}
    excluded: dict[str, str] = {}
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for name, network, inputs in cases():
            if only not in name:
                continue
            try:
                found[name] = difference(network, inputs, Path(folder) / "network.onnx")
                print(f"{found[name]:9.1e}  {name}", flush=True)
            except ValueError as error:
                excluded[name] = str(error)
                print(f"excluded   {name}: {error}", flush=True)
    worst = max(found, key=lambda name: found[name])
    beyond = [name for name, each in found.items() if each > BOUND]
    print(f"{len(found)} networks in {time.perf_counter() - begun:.0f} s, batches {BATCHES}")
    print(f"greatest difference {found[worst]:.1e} ({worst}); above {BOUND:g}: {beyond or 'none'}")
    print(f"excluded: {len(excluded)}")
    for name, reason in excluded.items():
        print(f"  {name}: {reason}")


if __name__ == "__main__":
    main()
