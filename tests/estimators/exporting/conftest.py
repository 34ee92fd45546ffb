"""What the tests of exporting share: an exported estimator, as a reader has it that knows ONNX Runtime alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class File:
    """An exported estimator.

    Parameters
    ----------
    runtime : the package. path : of the file.
    """

    def __init__(self, runtime: Any, path: Path) -> None:
        self.session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.known = json.loads(self.session.get_modelmeta().custom_metadata_map["netwright"])

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        names = [each.name for each in self.session.get_outputs()]
        return dict(zip(names, self.session.run(None, inputs), strict=True))


@pytest.fixture
def runtime() -> Any:
    """ONNX Runtime, where it and what writes ONNX are installed."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    return pytest.importorskip("onnxruntime")


@pytest.fixture
def exported(runtime: Any, tmp_path: Path) -> Callable[..., File]:
    """Exports an estimator and opens the one file that there is then."""

    def export(estimator: Any, **options: Any) -> File:
        path = tmp_path / "exported" / "a.onnx"
        path.parent.mkdir(exist_ok=True)
        estimator.export(path, **options)
        assert list(path.parent.iterdir()) == [path]
        return File(runtime, path)

    return export
