"""Readers of faces and of characters: made-up archives, the real ones where they are, and damaged ones."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.data import load_olivetti, load_omniglot, load_omniglot_runs

REAL = Path(os.environ.get("NETWRIGHT_DATA", "nowhere"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETWRIGHT_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("omniglot", "olivetti"):
        (tmp_path / name).mkdir()
    return tmp_path


def png(ink: int, side: int = 105) -> bytes:
    """A drawing of so many dots of ink."""
    image_module: Any = pytest.importorskip("PIL.Image")
    pixels = np.full((side, side), 255, np.uint8)
    pixels.ravel()[:ink] = 0
    file = io.BytesIO()
    image_module.fromarray(pixels).convert("1").save(file, "PNG")
    return file.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)


def test_characters_of_an_archive(folder: Path) -> None:
    names = ["A/character01/0001_01.png", "A/character02/0002_01.png", "B/character01/0003_01.png"]
    path = folder / "omniglot" / "images_background_small2.zip"
    archive(path, {f"images_background_small2/{name}": png(5 * place) for place, name in enumerate(names)})
    X, y = load_omniglot("background_small2")
    assert X.shape == (3, 105, 105)
    assert (X == 255).sum((1, 2)).tolist() == [0, 5, 10]
    assert y.tolist() == ["A/character01", "A/character02", "B/character01"]


def test_a_run_of_an_archive(folder: Path) -> None:
    members = {f"all/run01/training/class0{i}.png": png(i) for i in (1, 2, 3)}
    members |= {f"all/run01/test/item0{i}.png": png(10 * i) for i in (1, 2, 3)}
    table = [f"run01/test/item0{i}.png run01/training/class0{j}.png" for i, j in ((1, 3), (2, 1), (3, 2))]
    archive(folder / "omniglot" / "all_runs.zip", {**members, "all/run01/class_labels.txt": "\n".join(table).encode()})
    (run,) = load_omniglot_runs()
    assert run.answers.tolist() == [2, 0, 1]
    assert (run.support == 255).sum((1, 2)).tolist() == [1, 2, 3]
    assert (run.queries == 255).sum((1, 2)).tolist() == [10, 20, 30]


def test_what_is_damaged_or_not_there_is_named(folder: Path) -> None:
    with pytest.raises(InvalidData, match=r"images_background.zip"):
        load_omniglot("background")
    with pytest.raises(InvalidParameter, match=r"load_omniglot\(part\)"):
        load_omniglot("backgrounds")
    path = folder / "omniglot" / "images_background.zip"
    path.write_bytes(b"no zip")
    with pytest.raises(CorruptFile, match="expected a whole zip file"):
        load_omniglot("background")
    archive(path, {"a.txt": b""})
    with pytest.raises(CorruptFile, match="expected drawings, got no PNG"):
        load_omniglot("background")
    archive(path, {"x/A/c/1.png": png(3, side=20)})
    with pytest.raises(CorruptFile, match=r"105 x 105 pixels named x/A/c/1.png, got ValueError: 20 x 20"):
        load_omniglot("background")
    archive(folder / "omniglot" / "all_runs.zip", {"run01/class_labels.txt": b"run01/test/a.png run01/training/b.png"})
    with pytest.raises(CorruptFile, match=r"a member run01/training/b.png"):
        load_omniglot_runs()
    with pytest.raises(InvalidData, match=r"olivetti_uint8\.npz"):
        load_olivetti()
    np.savez(folder / "olivetti" / "olivetti_uint8.npz", faces=np.zeros((3, 4, 4)), target=np.zeros(3))
    with pytest.raises(CorruptFile, match="expected uint8 images"):
        load_olivetti()
    (folder / "olivetti" / "olivetti_uint8.npz").write_bytes(b"x")
    with pytest.raises(CorruptFile, match="arrays faces and target"):
        load_olivetti()


@pytest.mark.skipif(not (REAL / "omniglot").is_dir(), reason="needs NETWRIGHT_DATA")
def test_the_published_sets() -> None:
    runs = load_omniglot_runs()
    assert len(runs) == 20
    assert all(sorted(run.answers) == list(range(20)) for run in runs)
    X, y = load_olivetti()
    assert X.shape == (400, 64, 64)
    assert np.bincount(y).tolist() == [10] * 40
