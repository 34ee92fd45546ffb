"""The command line as a user types it: what it prints, what it writes, how it fails."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.cli import COMMANDS, main
from netwright.commands.recipes import recipe_for
from netwright.report import Evaluation

TINY = ["--network", "Flatten() >> Softmax(10)", "--epochs", "1", "--no-report"]


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


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line on standard error of a command that ends with status 2."""
    try:
        status = main(list(words))
    except SystemExit as stop:
        status = stop.code  # type: ignore[assignment]
    assert status == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("See netwright")]
    assert len(lines) == 1, lines
    assert lines[0].startswith("netwright: error: ")
    return lines[0]


def table(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


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


# train, predict, report


def test_digits_from_training_to_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "digits", *TINY, "--seed", "3"]) == 0
    out = capsys.readouterr()
    assert "digits: 1,797 images of 1 x 8 x 8" in out.out
    assert "classification of 'class': images, 10 classes: 0 (178)" in out.out
    assert "1,294 for training, 144 for validation, 359 for test; drawn by seed 3" in out.out
    assert "650 parameters, 640 MACs a sample" in out.out
    assert "epoch 1/1  loss" in out.err
    assert "\x1b" not in out.out + out.err
    folder = Path("runs/digits-1")
    assert all(str(folder / name) in out.out for name in ("model.nw", "predictions.csv", "history.csv", "run.json"))

    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    words = ["netwright", "train", "digits", "--network", "'Flatten() >> Softmax(10)'", "--epochs", "1"]
    assert run["command"].startswith(" ".join(words))
    assert run["data"]["rows"] == 1797
    assert len(run["data"]["sha256"]) == 64
    assert set(run["versions"]) >= {"netwright", "torch", "numpy", "scikit-learn", "python"}
    assert run["seed"] == 3
    assert f"{100 * run['scores']['test']['accuracy']:.2f} %" in out.out

    rows = table(folder / "predictions.csv")
    right = np.mean([row["true"] == row["predicted"] for row in rows])
    assert right == pytest.approx(run["scores"]["test"]["accuracy"])
    assert len(table(folder / "history.csv")) == 1

    X, y = nw.data.load_digits()
    model = nw.load(folder / "model.nw")
    chosen = [int(row["row"]) for row in rows]
    assert model.predict(X[chosen]).tolist() == [int(row["predicted"]) for row in rows]
    assert model.score(X[chosen], y[chosen]) == pytest.approx(right)

    assert main(["predict", "runs/digits-1", "digits", "--proba"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "row,prediction," + ",".join(f"p({digit})" for digit in range(10))
    assert len(lines) == 1798
    assert [int(line.split(",")[1]) for line in lines[1:]] == model.predict(X).tolist()
    assert sum(map(float, lines[1].split(",")[2:])) == pytest.approx(1, abs=1e-4)


def test_the_same_command_gives_the_same_weights(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main(["train", "digits", *TINY, "--out", name, "--quiet"]) == 0
    first, second = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("a", "b"))
    assert first == second


def test_runs_are_numbered(capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        assert main(["train", "digits", *TINY, "--quiet"]) == 0
        assert capsys.readouterr() == (f"runs/digits-{number}\n", "")


def test_regression_of_a_table(houses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "houses.csv", "--target", "price", "--epochs", "30", "--out", "run", "--no-report"]) == 0
    out = capsys.readouterr().out
    assert "houses.csv: 150 rows, 3 columns and the target 'price'" in out
    assert "regression of 'price': numbers" in out
    assert "'rooms' is missing in" in out
    assert "RMSE" in out
    run = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert run["scores"]["test"]["r2"] > 0.8
    errors = [float(row["predicted"]) - float(row["true"]) for row in table("run/predictions.csv")]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(run["scores"]["test"]["rmse"], rel=1e-6)


def test_prediction_of_rows_without_target_with_gaps_and_unseen_texts(
    houses: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "houses.csv", "--target", "town", "--epochs", "2", "--out", "run", "--no-report"]) == 0
    assert "classification of 'town': text, 3 classes: Bonn" in capsys.readouterr().out
    Path("new.csv").write_text("price,extra,garden,rooms\n,1,true,\n1e5,2,false,3\n,3,,9\n", encoding="utf-8")
    assert main(["predict", "run/model.nw", "new.csv", "--out", "said.csv", "--proba"]) == 0
    assert capsys.readouterr() == ("", "said.csv: 3 predictions\n")
    rows = table("said.csv")
    assert list(rows[0]) == ["row", "prediction", "p(Bonn)", "p(Köln)", "p(Ulm)"]
    assert {row["prediction"] for row in rows} <= {"Bonn", "Köln", "Ulm"}

    assert main(["train", "houses.csv", "--target", "price", "--epochs", "2", "--out", "other", "--no-report"]) == 0
    Path("new.csv").write_text("rooms,town,garden\n,Aachen,true\n3,,false\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["predict", "other", "new.csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_rows_without_a_target_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{i},{'' if i == 7 else i % 2}" for i in range(40)]
    Path("few.csv").write_text("\n".join(["a,y", *lines]), encoding="utf-8")
    assert main(["train", "few.csv", "--epochs", "1", "--no-report", "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert "1 of 40 rows have no 'y' and are left out." in out
    assert "2 classes: 0 (20), 1 (19)" in out
    assert 7 not in [int(row["row"]) for row in table("run/predictions.csv")]


def test_all_options_reach_the_estimator() -> None:
    words = ["--network", "Flatten() >> Softmax(10)", "--loss", "CrossEntropy(label_smoothing=0.1)"]
    words += ["--optimizer", "SGD(cosine(0.1), momentum=0.9)", "--regularizer", "l1(1e-5) + l2(1e-4)", "--epochs", "2"]
    words += [
        "--batch-size",
        "100",
        "--validation",
        "0.2",
        "--patience",
        "4",
        "--test",
        "0.3",
        "--precision",
        "float64",
    ]
    words += ["--device", "cpu", "--seed", "5", "--task", "classify", "--out", "run", "--quiet", "--no-report"]
    assert main(["train", "digits", *words]) == 0
    model = nw.load("run/model.nw")
    assert model.loss_function_ == nw.losses.CrossEntropy(label_smoothing=0.1)
    parameters = model.get_params()
    assert parameters["optimizer"] in (
        "SGD(cosine(0.1), momentum=0.9)",
        nw.optim.SGD(nw.optim.cosine(0.1), momentum=0.9),
    )
    assert (parameters["epochs"], parameters["batch_size"], parameters["patience"]) == (2, 100, 4)
    assert (parameters["precision"], parameters["device"], model.seed_) == ("float64", "cpu", 5)
    run = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert run["data"]["split"] == {"training": 1006, "validation": 252, "test": 539}


def test_a_named_model_gets_the_classes_of_the_data(photos: Path) -> None:
    words = ["--network", "lenet5(filters=(2, 3), dense=(8, 8))", "--image-size", "16", "--epochs", "1", "--no-report"]
    assert main(["train", "photos", *words, "--out", "run", "--quiet"]) == 0
    assert nw.load("run/model.nw").network_.output_shape == (2,)
    assert nw.load("run/model.nw").network_.input_shape == (3, 16, 16)


def test_a_folder_of_images(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--network", "Flatten() >> Softmax(2)", "--epochs", "200", "--optimizer", "Adam(0.01)"]
    assert main(["train", "photos/", *words, "--out", "run"]) == 0
    assert "24 images of 3 x 5 x 6" in capsys.readouterr().out
    assert [row["file"].split("/")[0] == row["true"] for row in table("run/predictions.csv")] == [True] * 5
    assert "run/report.html" not in os.listdir()
    assert main(["predict", "run", "photos/dark"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "file,prediction"
    assert lines[1:] == [f"{number:02d}.png,dark" for number in range(12)]
    assert main(["predict", "run", "photos/bright/03.png"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "photos/bright/03.png,bright"


def test_report_is_written_and_written_anew(houses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(["train", "houses.csv", "--target", "price", "--epochs", "2", "--out", "run", "--quiet"]) == 0
    first = Path("run/report.html").read_bytes()
    Path("run/report.html").unlink()
    assert main(["report", "run"]) == 0
    assert capsys.readouterr().out.endswith("run/report.html\n")
    assert Path("run/report.html").read_bytes() == first
    assert main(["report", "run", "--out", "elsewhere.html"]) == 0
    assert Path("elsewhere.html").read_bytes() == first


def test_without_matplotlib_only_the_report_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("netwright.commands.train.find_spec", lambda name: None)
    assert main(["train", "digits", *TINY[:-1], "--out", "run", "--quiet"]) == 0
    assert "warning: report.html is not written: it needs matplotlib" in capsys.readouterr().err
    assert Path("run/model.nw").exists()
    assert not Path("run/report.html").exists()


def test_demo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("netwright.commands.demo.EPOCHS", 2)
    assert main(["demo", "--out", "first"]) == 0
    out = capsys.readouterr()
    assert "conv1     Conv(32, 3, padding='same')" in out.out
    assert "test" in out.out
    assert "first/report.html" in out.out
    assert Path("first/report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert out.err.count("epoch") == 2
    monkeypatch.setattr("netwright.commands.demo.EPOCHS", 1)
    assert main(["demo", "--no-report"]) == 0
    assert Path("runs/demo-1/model.nw").exists()


@pytest.mark.data
def test_titanic_with_its_texts_and_gaps(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(data_folder / "tabular" / "titanic.csv")
    assert main(["train", path, "--target", "Survived", "--epochs", "2", "--no-report"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "classification of 'Survived': 2 different integers, 2 classes: 0 (549), 1 (342)" in out
    assert "'Age' is missing in" in out
    assert "'Ticket' is left out" in out
    assert main(["predict", "runs/titanic-1", path]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 892


@pytest.mark.data
def test_california_housing(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(data_folder / "tabular" / "california_housing.csv")
    words = ["--target", "median_house_value", "--epochs", "1", "--no-report"]
    assert main(["train", path, *words]) == 0
    assert "regression of 'median_house_value'" in capsys.readouterr().out
    run = json.loads(Path("runs/california_housing-1/run.json").read_text(encoding="utf-8"))
    assert 40_000 < run["scores"]["test"]["rmse"] < 100_000


@pytest.mark.data
def test_a_text_of_numbers_has_its_target_last(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(data_folder / "tabular" / "wine-quality-red.txt")
    assert main(["train", path, "--epochs", "1", "--no-report", "--task", "regress", "--out", "run"]) == 0
    assert "11 columns and the target 'target'" in " ".join(capsys.readouterr().out.split())
    assert main(["train", path, "--epochs", "1", "--no-report", "--out", "other"]) == 0
    assert "classification of 'target': 6 different integers" in " ".join(capsys.readouterr().out.split())


@pytest.mark.data
def test_mnist_has_a_test_split_of_its_own(data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "mnist", *TINY, "--out", "run", "--batch-size", "500"]) == 0
    assert "54,000 for training, 6,000 for validation, 10,000 for test" in capsys.readouterr().out
    assert len(table("run/predictions.csv")) == 10_000
    assert "'--test'" not in fails(capsys, "train", "mnist", "--test", "0.5", *TINY)


# Ctrl-C, divergence, failures on the way


def test_ctrl_c_keeps_the_partial_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(self: Any, run: Any) -> None:
        if run.epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("netwright.train.Progress.on_epoch_end", interrupt)
    words = ["--network", "Flatten() >> Softmax(10)", "--epochs", "9", "--out", "run"]
    assert main(["train", "digits", *words]) == 130
    out = capsys.readouterr()
    assert "warning: Classifier.fit: stopped by the user" in out.err
    assert "stopped     1 of 9 epochs" in out.out
    assert len(nw.load("run/model.nw").history_) == 1
    assert Path("run/report.html").exists()


def test_ctrl_c_before_the_first_epoch_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Any, run: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("netwright.train.Progress.on_batch_end", interrupt)
    assert main(["train", "digits", "--network", "Flatten() >> Softmax(10)", "--epochs", "9", "--out", "run"]) == 130
    assert "nothing to show" in Path("run/report.html").read_text(encoding="utf-8")
    assert main(["report", "run"]) == 0


def test_ctrl_c_elsewhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("netwright.commands.train.read", interrupt)
    assert main(["train", "digits"]) == 130
    assert capsys.readouterr().err == "netwright: interrupted\n"


def test_divergence_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    rule = ["--optimizer", "SGD(1e30)", "--network", "Flatten() >> ReLU(8) >> Softmax(10)"]
    assert main(["train", "digits", *rule, "--epochs", "3", "--no-report", "--quiet"]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("netwright: warning: training: expected a finite loss")


def test_a_failed_fit_leaves_no_empty_folder(houses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "End it with Softmax(3)" in fails(
        capsys, "train", "houses.csv", "--target", "town", "--network", "ReLU(4) >> Softmax(7)", "--quiet"
    )
    assert not list(Path("runs").glob("*"))


def test_a_model_is_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    Path("run/model.nw").write_text("precious", encoding="utf-8")
    message = fails(capsys, "train", "digits", *TINY, "--out", "run")
    assert "--out: expected a folder without a model, got 'run', which has model.nw." in message
    assert "--force" in message
    assert Path("run/model.nw").read_text(encoding="utf-8") == "precious"
    Path("run/report.html").write_text("stale", encoding="utf-8")
    assert main(["train", "digits", *TINY, "--out", "run", "--force", "--quiet"]) == 0
    assert nw.load("run/model.nw").n_iter_ == 1
    assert not Path("run/report.html").exists()
    assert "a folder, got the file 'run/run.json'" in fails(capsys, "train", "digits", *TINY, "--out", "run/run.json")


def test_debug_shows_where() -> None:
    with pytest.raises(nw.core.errors.InvalidData, match="no such thing"):
        main(["--debug", "train", "nothing.csv"])
    with pytest.raises(nw.core.errors.InvalidData, match="no such thing"):
        main(["train", "nothing.csv", "--debug"])


# wrong words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], r"expected a known name, got 'trian'. Did you mean 'train'\?"),
        (["train"], "the following arguments are required: DATA"),
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
    found = fails(capsys, *words)
    assert re.search(message, found), found
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


# wrong data


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("a,b\n1,2\n3,4\n", [], "--target: expected a column named target, label, class or y, got the columns a, b."),
        ("y,label\n1,2\n3,4\n", [], "--target: expected one of y, label, got the columns y, label."),
        (
            "a,Price\n1,2\n",
            ["--target", "price"],
            "--target: expected a column of the table, got 'price'. Did you mean",
        ),
        ("a,y\n1,\n2,\n", [], "target 'y': expected a value in some rows, got 2 rows without one."),
        ("a,y\n1,0\n", [], "expected at least 2 rows to split, got 1 sample(s)."),
        ("y\n1\n2\n", [], "table: expected columns beside the target 'y', got none."),
        ("a,y\n" + "1,k\n2,k\n" * 9, [], "expected at least 2 classes, got 1 class: ['k']."),
        (
            "a,y\n" + "1,0.5\n2,1\n" * 9,
            ["--task", "classify"],
            "target 'y': expected labels, got the number 0.5. Use --task",
        ),
        (
            "a,y\n" + "1,one\n2,two\n" * 9,
            ["--task", "regress"],
            "target 'y': expected numbers, got 'one' in the",
        ),
        ("", [], "expected names and rows, got an empty file"),
        ("a,y\n1,2\n3\n", [], "line 3: expected 2 cells as in the first row, got 1."),
    ],
)
def test_wrong_tables(text: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.csv").write_text(text, encoding="utf-8")
    assert message in fails(capsys, "train", "bad.csv", "--epochs", "1", "--quiet", *words)


def test_wrong_files(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data.xls").write_text("x", encoding="utf-8")
    assert "expected a table (.csv .tsv" in fails(capsys, "train", "data.xls")
    assert "got a .png file. Put images into one sub-folder" in fails(capsys, "train", "photos/dark/00.png")
    Path("empty").mkdir()
    assert "expected one sub-folder for each class, got no sub-folders" in fails(capsys, "train", "empty")
    Path("damaged.parquet").write_bytes(b"PAR1nothing")
    assert "a Parquet file" in fails(capsys, "train", "damaged.parquet")


def test_wrong_predictions(houses: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "houses.csv", "--target", "price", "--epochs", "1", "--out", "rows", "--no-report", "--quiet"])
    main(["train", "digits", *TINY, "--out", "images", "--quiet"])
    capsys.readouterr()
    Path("new.csv").write_text("room,town\n1,Ulm\n", encoding="utf-8")
    message = fails(capsys, "predict", "rows", "new.csv")
    assert "expected the columns of training, got no column 'rooms', 'garden'. Did you mean 'room'?" in message
    Path("new.csv").write_text("rooms,town,garden\nmany,Ulm,true\n", encoding="utf-8")
    assert "column 'rooms': expected numbers as in training" in fails(capsys, "predict", "rows", "new.csv")
    assert "expected a table, as in training" in fails(capsys, "predict", "rows", "digits")
    assert "expected a table, as in training" in fails(capsys, "predict", "rows", "photos")
    assert "expected images of shape (1, 8, 8), as in training, got a table" in fails(
        capsys, "predict", "images", "new.csv"
    )
    Path("none").mkdir()
    assert "a folder without any" in fails(capsys, "predict", "images", "none")
    assert "got no such thing" in fails(capsys, "predict", "images", "nothing")
    assert "--proba: expected a classifier with probabilities, got Regressor." in fails(
        capsys, "predict", "rows", "new.csv", "--proba"
    )
    (nw.Input(3) >> nw.layers.ReLU(2)).save("net.nw")
    assert "expected a trained Classifier or Regressor, got a Chain" in fails(capsys, "predict", "net.nw", "new.csv")


def test_damaged_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "digits", *TINY, "--out", "run", "--quiet"])
    capsys.readouterr()
    model = Path("run/model.nw")
    whole = model.read_bytes()
    model.write_bytes(whole[:-7])
    assert "model.nw" in fails(capsys, "predict", "run", "digits")
    model.write_bytes(whole)
    run = Path("run/run.json").read_text(encoding="utf-8")
    for text in ("{", "[1]"):
        Path("run/run.json").write_text(text, encoding="utf-8")
        assert "expected JSON as `netwright train` wrote it" in fails(capsys, "report", "run")
    Path("run/run.json").write_text(run, encoding="utf-8")
    evaluation = Path("run/evaluation.nw").read_bytes()
    Path("run/evaluation.nw").unlink()
    assert "expected a run's whole folder, got a folder without evaluation.nw." in fails(capsys, "report", "run")
    Path("run/evaluation.nw").write_bytes(whole)
    assert "expected an evaluation, got a file of kind 'Classifier'" in fails(capsys, "report", "run")
    model.write_bytes(evaluation)
    assert "expected a kind of model, got 'evaluation'" in fails(capsys, "predict", "run", "digits")
    assert isinstance(Evaluation.load("run/model.nw"), Evaluation)
    assert "expected a file with a network, got a file of kind 'evaluation'" in fails(capsys, "summary", "run/model.nw")


# summary, list


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        (["Input(1, 28, 28) >> Conv(32, 3) >> ReLU() >> Flatten() >> Softmax(10)"], "216,650 parameters"),
        (["lenet5", "--input", "1,28,28"], "61,706 parameters"),
        (["lenet5(classes=5)", "--input", "1x28x28"], "61,281 parameters"),
        (["ReLU(8) >> Softmax(3)", "--input", "4"], "67 parameters"),
    ],
)
def test_summary(words: list[str], parameters: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", *words]) == 0
    assert parameters in capsys.readouterr().out


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
