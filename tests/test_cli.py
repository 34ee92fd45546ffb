"""The command line as a user types it: what it prints, what it writes, how it fails."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.cli import COMMANDS, main
from netwright.commands.recipes import recipe_for
from netwright.core import registry

TINY = ["--network", "Flatten() >> Softmax(10)", "--epochs", "1", "--no-report"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


# help


def test_help_needs_no_torch_and_no_time() -> None:
    package = str(Path(nw.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "netwright", "--help"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        seconds.append(time.perf_counter() - begin)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in loaded
    assert not loaded & {"torch", "numpy", "sklearn", "matplotlib", "pandas"}
    assert done.stdout.startswith("usage: netwright")
    assert all(f"\n    {name} " in done.stdout for name in COMMANDS)
    assert min(seconds) < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: netwright {command}")
    assert f"examples:\n  netwright {command}" in text


def test_every_option_of_train_says_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split("examples:")[0].split())
    parts = text.split(" --")[1:]
    described = {part.split()[0]: part for part in parts if "default: " in part}
    given = {"target", "task", "test", "validation", "image-size", "network", "loss", "optimizer", "regularizer"}
    given |= {"epochs", "batch-size", "patience", "precision", "device", "seed", "out"}
    assert given <= set(described)


def test_help_names_the_defaults_of_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    mnist, images, rows = recipe_for("mnist", "images"), recipe_for("", "images"), recipe_for("", "table")
    assert f"(default: {rows.epochs} for tables, {images.epochs} for images, {mnist.epochs} for mnist)" in text
    assert f"(default: {rows.patience} for tables, none for images)" in text
    assert images.patience is mnist.patience is None
    assert f"(default: {rows.batch_size})" in text
    assert rows.batch_size == images.batch_size == mnist.batch_size


def test_without_a_command_it_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().out.startswith("usage: netwright")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"netwright {nw.__version__}\n"


# wrong words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], r"expected a known name, got 'trian'. Did you mean 'train'\?"),
        (["train"], "netwright train: expected DATA, got none"),
        (["train", "digits", "--epohcs", "3"], r"train: .*got '--epohcs'. Did you mean '--epochs'\?"),
        (["train", "digits", "more"], "got 'more'. netwright train --help lists what it takes."),
        (["--fast", "list"], r"got '--fast'"),
        (["train", "digits", "--epochs", "0"], "argument --epochs: expected an integer >= 1, got '0'."),
        (["train", "digits", "--epochs", "many"], "argument --epochs: expected an integer >= 1, got 'many'."),
        (["train", "digits", "--seed", "-1"], "argument --seed: expected an integer >= 0, got '-1'."),
        (["train", "digits", "--test", "1"], r"argument --test: expected a number in \(0, 1\), got '1'."),
        (["train", "digits", "--validation", "x"], r"argument --validation: expected a number in \(0, 1\), got 'x'."),
        (["train", "digits", "--image-size", "3x4x5"], "argument --image-size: expected PIXELS or HEIGHTxWIDTH"),
        (["train", "digits", "--task", "clasify"], "argument --task: .* Did you mean 'classify'"),
        (
            ["train", "digits", "--precision", "double"],
            "argument --precision: .*got 'double'. Choose one of: auto, float32",
        ),
        (["train", "digits", "--target", "y"], "--target: expected none for images, got 'y'."),
        (["train", "digits", "--device", "abacus"], "device: expected a device that torch has here"),
        (["train", "digts"], r"data 'digts': .*got no such thing. Did you mean 'digits'\?"),
        (["train", "far/away.csv"], "Is the name right, from the folder "),
        (["train", "digits", "--network", "ReLu(3) >> Softmax(10)"], r"got 'ReLu'. Did you mean 'ReLU'\?"),
        (["train", "digits", "--network", "lenet6"], r"got 'lenet6'. Did you mean 'lenet5'\?"),
        (["train", "digits", "--network", "lenet5(colour=3)"], "network 'lenet5.colour=3.': expected lenet5"),
        (["train", "digits", "--network", "Softmax(10"], "expression: expected calls joined by >>"),
        (["train", "digits", "--network", "Flatten() >> Softmax(3)"], r"End it with Softmax\(10\)"),
        (["train", "digits", "--network", "Flatten() >> Conv(3, 3)"], "Conv"),
        (["train", "digits", "--optimizer", "Adm(0.1)"], r"got 'Adm'. Did you mean 'Adam'\?"),
        (["train", "digits", "--optimizer", "Adam(-1)"], r"Adam\(learning_rate\): expected a number in \(0, inf\)"),
        (["train", "digits", "--optimizer", "ReLU(3)"], r"--optimizer: expected one of the optimizers, got ReLU\(3\)."),
        (["train", "digits", "--loss", "Hubber()"], r"got 'Hubber'. Did you mean 'Huber'\?"),
        (["train", "digits", "--regularizer", "l3(1)"], "got 'l3'"),
        (["train", "digits", "--task", "regress", "--loss", "CrossEntropy()"], "CrossEntropy"),
        (
            ["predict", "nothing.nw", "digits"],
            "model 'nothing.nw': expected a model file or the folder of a run, got no",
        ),
        (["predict", ".", "digits"], r"model '\.': .*got a folder without model.nw."),
        (["report", "nothing"], "run 'nothing': expected a folder that `netwright train` wrote, got no such folder."),
        (["report", "."], "got a folder without run.json."),
        (
            ["summary", "ReLU(3)"],
            r"summary: expected a network that begins with Input, got ReLU\(3\). Add --input SHAPE",
        ),
        (
            ["summary", "Input(4) >> ReLU(3)", "--input", "5"],
            r"--input: expected the network's own \(4,\), got --input 5.",
        ),
        (["summary", "ReLU(3)", "--input", "a,b"], "argument --input: expected axes such as 1,28,28, got 'a,b'."),
        (["summary", "Input(4) >> Conv(3, 9)"], r"Conv\(3, 9\)"),
        (["summary", "12"], "network '12': expected layers joined by >> and |, got 12."),
        (["list", "layer"], r"argument FAMILY: expected a known name, got 'layer'. Did you mean 'layers'\?"),
    ],
)
def test_wrong_words(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(SystemExit):
        assert main(words) == 2
    [found] = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("See netwright")]
    assert found.startswith("netwright: error: ")
    assert re.search(message, found), found
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


# summary, list


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        (["Input(1, 28, 28) >> Conv(32, 3) >> ReLU() >> Flatten() >> Softmax(10)"], "216,650 parameters"),
        (["lenet5", "--input", "1,28,28"], "61,706 parameters"),
        (["lenet5(num_classes=5)", "--input", "1x28x28"], "61,281 parameters"),
        (["ReLU(8) >> Softmax(3)", "--input", "4"], "67 parameters"),
    ],
)
def test_summary(words: list[str], parameters: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", *words]) == 0
    assert parameters in capsys.readouterr().out


def test_summary_explains_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.svg"
    assert main(["summary", "lenet5", "--explain", "--svg", str(file)]) == 0  # on the size that it was made for
    text = capsys.readouterr().out
    assert "parameters: (5*5*1 + 1)*6 = 156" in text
    assert "61,706 parameters" in text
    assert file.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.slow
def test_summary_of_files(capsys: pytest.CaptureFixture[str]) -> None:
    network = nw.Input(4) >> nw.layers.ReLU(8) >> nw.layers.Softmax(3)
    network.save("net.nw")
    network.save("weights.nw", network.build())
    main(["train", "digits", *TINY, "--out", "run", "--quiet"])
    for path, expected in (
        ("net.nw", "67 para"),
        ("weights.nw", "67 para"),
        ("run", "650 para"),
        ("run/model.nw", "650"),
    ):
        assert main(["summary", path]) == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("layers", ["Conv", "ReLU", "Input"]),
        ("optimizers", ["SGD", "AdamW"]),
        ("losses", ["CrossEntropy", "Huber"]),
        ("regularizers", ["l1", "l2", "maxnorm"]),
        ("schedules", ["cosine", "step_decay", "warmup"]),
        ("init", ["HeNormal", "Orthogonal"]),
        ("models", ["lenet5"]),
        ("plots", ["training_curves", "network_svg"]),
        ("data", ["load_digits", "read_table"]),
        ("commands", ["train", "demo"]),
    ],
)
def test_list(family: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", family]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(names) <= set(lines)
    assert all(lines.values())


@pytest.mark.parametrize("family", registry.LISTED)
def test_the_command_that_an_error_names_lists_the_family(family: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = registry.listing(family).split()
    assert main(command[1:]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    own = {
        name for name in registry.names(family) if registry.look_up(family, name).__module__.startswith("netwright.")
    }
    assert own
    assert own <= listed


def test_list_of_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "\nschedules\n  cosine " in out
    assert "\ncommands\n  train " in out


def test_a_closed_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def closed(*args: Any) -> None:
        raise BrokenPipeError

    turned: list[int] = []
    monkeypatch.setattr("netwright.commands.listing.table", closed)
    monkeypatch.setattr("os.dup2", lambda source, target: turned.append(source))
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1, raising=False)
    assert main(["list", "init"]) == 0
    assert len(turned) == 1
    os.close(turned[0])
    assert capsys.readouterr().err == ""
