"""Files of every format version are read for ever, and say what they said when they were written."""

from __future__ import annotations

import json
import lzma
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import netwright as nw
from netwright.core import container
from netwright.files import inspect

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "files"))
import saved_examples  # noqa: E402

VERSIONS = sorted(folder.name for folder in HERE.iterdir() if folder.is_dir() and folder.name.isdecimal())
FILES = [path for version in VERSIONS for path in sorted((HERE / version).glob("*.nw*"))]
NETWORKS = {"network", "module"}


def told(kind: str, loaded: Any, questions: Any) -> Any:
    if kind == "network":
        return {}
    if kind == "module":
        return {"": loaded(torch.ones(2, 3)).detach()}
    return saved_examples.answers(loaded, questions)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name.partition('.')[0]}")
def test_a_golden_file_says_what_it_said(path: Path, tmp_path: Path) -> None:
    kind = path.name.partition(".")[0]
    file = tmp_path / "golden.nw"
    content = path.read_bytes()
    file.write_bytes(lzma.decompress(content) if path.suffix == ".xz" else content)
    asked = json.loads((path.parent / f"{kind}.json").read_text(encoding="utf-8"))
    loaded = nw.load(file)
    found = saved_examples.plain(told(kind, loaded, saved_examples.restored(asked["questions"])))
    same = inspect(file)["versions"].get("torch", torch.__version__) == torch.__version__
    assert saved_examples.alike(json.loads(json.dumps(found)), asked["answers"], 0.0 if same else 1e-6)
    assert kind == "network" or type(loaded).__name__ == kind or kind == "module"


def test_every_version_and_every_kind_has_one() -> None:
    assert sorted(container.READERS, key=int) == VERSIONS
    for version in VERSIONS[-1:]:
        kinds = {path.name.partition(".")[0] for path in (HERE / version).glob("*.nw*")}
        missing = (saved_examples.public_kinds() | NETWORKS) - kinds
        assert not missing, f"python tests/golden/make.py makes {sorted(missing)}"


def test_golden_files_are_small() -> None:
    large = {path.name: path.stat().st_size for path in FILES if path.stat().st_size > 20_000}
    assert not large
