"""One pure wheel, typed, with six runtime dependencies at most; pins that agree with the ranges."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import netwright as nw

DIRECT = {"torch", "numpy", "scipy", "scikit-learn", "numba", "safetensors"}  # at most
EXTRAS = {
    "plots",
    "frames",
    "images",
    "search",
    "onnx",
    "tensorboard",
    "download",
    "keras",
    "hnsw",
    "docs",
    "test",
    "dev",
}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    with (root / "pyproject.toml").open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)["project"]
    return table


@pytest.fixture(scope="module")
def ranges(project: dict[str, Any]) -> dict[str, Requirement]:
    """What the package and its extras ask for, by name."""
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    asked: dict[str, Requirement] = {
        canonicalize_name(requirement.name): requirement for requirement in map(Requirement, texts)
    }
    del asked["netwright"]  # extras that include extras
    return asked


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, Requirement]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    parsed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


def test_runtime_dependencies_are_the_six(project: dict[str, Any]) -> None:
    assert {Requirement(text).name for text in project["dependencies"]} <= DIRECT
    assert set(project["optional-dependencies"]) == EXTRAS


def test_torch_is_a_range_and_pinned_by_the_constraints(
    ranges: dict[str, Requirement], pins: dict[str, Requirement]
) -> None:
    assert str(ranges["torch"].specifier).startswith(">=")
    assert str(pins["torch"].specifier) == "==2.13.0"


def test_pins_lie_in_the_ranges(ranges: dict[str, Requirement], pins: dict[str, Requirement]) -> None:
    assert set(pins) <= set(ranges), "a pin of a package that pyproject.toml does not name"
    for name, pin in pins.items():
        [exact] = pin.specifier
        assert exact.operator == "=="
        assert ranges[name].specifier.contains(exact.version), f"{name}: {exact} is not in {ranges[name].specifier}"


def test_metadata(project: dict[str, Any], root: Path, package: Path) -> None:
    assert project["scripts"] == {"netwright": "netwright.cli:main"}
    assert project["requires-python"] == ">=3.11"
    assert project["license"] == "MIT"
    assert (root / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert (package / "py.typed").is_file()
    first, *_ = re.findall(r"^## \[(\S+)\]", (root / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert nw.__version__.startswith(first), "the newest entry of CHANGELOG.md is of another version"


def test_the_wheel_is_pure_and_whole(root: Path, package: Path, tmp_path: Path) -> None:
    pytest.importorskip("hatchling.build")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {str(path.relative_to(package.parent)) for path in package.rglob("*.py")}
    assert expected | {"netwright/py.typed"} <= names
    assert all(name.startswith("netwright/") for name in names)
    assert not [name for name in names if Path(name).suffix in {".so", ".pyd", ".dll", ".pyc"}]
