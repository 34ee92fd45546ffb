"""What README.md says runs: its Python in one namespace, its commands one after the other."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def commands(text: str) -> list[list[str]]:
    """The words of every `netwright ...` line, without the comment."""
    lines = [line for body in blocks(text, "sh") for line in body.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("netwright ")]


def shortened(words: list[str]) -> list[str]:
    """The same command with one epoch."""
    if words[0] != "train":
        return words
    if "--epochs" in words:
        place = words.index("--epochs")
        words = words[:place] + words[place + 2 :]
    return [*words, "--epochs", "1"]


def write_houses(path: Path) -> None:
    """A table as users have them: a number, a word, a gap, a target."""
    rng = np.random.default_rng(0)
    rooms, towns = rng.integers(1, 9, 120), rng.choice(["Ulm", "Köln"], 120)
    lines = [
        f"{'' if i % 17 == 5 else room},{town},{room * 50_000 + rng.normal(0, 9_000):.0f}"
        for i, (room, town) in enumerate(zip(rooms, towns, strict=True))
    ]
    path.write_text("\n".join(["rooms,town,price", *lines]) + "\n", encoding="utf-8")


def test_opens_with_the_two_commands_ten_lines_and_a_picture(readme: str) -> None:
    first, second, *_ = BLOCK.findall(readme)
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make demo", "make test"]
    assert second[0] == "python"
    assert len([line for line in second[1].splitlines() if line.strip()]) <= 10
    picture = readme.index("![")
    assert readme.index(second[1]) < picture < readme.index("\n## ")


def test_what_it_names_exists(readme: str, root: Path) -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", readme) if "://" not in target]
    assert targets
    assert not [target for target in targets if not (root / target).exists()]


def test_make_targets_exist(readme: str, root: Path) -> None:
    named = {name for body in blocks(readme, "sh") for name in re.findall(r"^make (\w+)", body, flags=re.MULTILINE)}
    listed = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert named <= set(re.findall(r"^make (\w+)", listed, flags=re.MULTILINE))


@pytest.mark.touches_rng  # torch draws when it makes a module of its own
def test_python_runs(readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for number, body in enumerate(blocks(readme, "python"), start=1):
        exec(compile(body, f"README.md, Python block {number}", "exec"), namespace)


def test_commands_run(readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = pytest.importorskip("netwright.cli")
    monkeypatch.chdir(tmp_path)
    write_houses(tmp_path / "houses.csv")
    found = commands(readme)
    assert {words[0] for words in found} >= {"train", "predict", "summary", "report", "list"}
    for words in found:
        monkeypatch.setattr(sys, "argv", ["netwright", *shortened(words)])
        try:
            status = cli.main()
        except SystemExit as stop:
            status = stop.code
        assert not status, f"netwright {shlex.join(words)} ended with {status}"
