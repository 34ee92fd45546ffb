"""What tests of the command line share: a folder of their own, a table, images, a look at an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netwright.cli import main


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """A table as people have them: a number with gaps, a text, a flag, a number to learn."""
    rng = np.random.default_rng(0)
    rooms, towns = rng.integers(1, 9, 150), rng.choice(["Ulm", "Köln", "Bonn"], 150)
    lines = [
        f"{'' if i % 17 == 5 else room},{town},{'true' if i % 3 else 'false'},{room * 5e4 + rng.normal(0, 9e3):.1f}"
        for i, (room, town) in enumerate(zip(rooms, towns, strict=True))
    ]
    path = tmp_path / "houses.csv"
    path.write_text("\n".join(["rooms,town,garden,price", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of images, one sub-folder a class: bright ones and dark ones."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label, low in (("bright", 190), ("dark", 0)):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(low, low + 60, (5, 6, 3)).astype(np.uint8)
            image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return tmp_path / "photos"


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must end with status 2, and gives its one line on standard error."""

    def run(*words: str) -> str:
        try:
            status: object = main(list(words))
        except SystemExit as stop:
            status = stop.code
        assert status == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("See netwright")]
        assert len(lines) == 1, lines
        assert lines[0].startswith("netwright: error: ")
        return lines[0]

    return run
