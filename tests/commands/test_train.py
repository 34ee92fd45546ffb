"""`netwright train`, `predict`, `report` and `demo` from end to end: what they print and what they write."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netwright as nw
from netwright.cli import main


def table(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


TINY = ["--network", "Flatten() >> Softmax(10)", "--epochs", "1", "--no-report"]


def test_digits_from_training_to_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "digits", *TINY, "--seed", "3"]) == 0
    out = capsys.readouterr()
    assert "digits: 1,797 images of 1 x 8 x 8" in out.out
    assert "classification of 'class': images, 10 classes: 0 (178)" in out.out
    assert "1,294 for training, 144 for validation, 359 for test; drawn by seed 3" in out.out
    assert "650 parameters, 640 MACs = 1,280 FLOPs a sample" in out.out
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    monkeypatch.setattr("netwright.commands.run_folder.find_spec", lambda name: None)
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.data
def test_mnist_has_a_test_split_of_its_own(
    data_folder: Path, fails: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "mnist", *TINY, "--out", "run", "--batch-size", "500"]) == 0
    assert "54,000 for training, 6,000 for validation, 10,000 for test" in capsys.readouterr().out
    assert len(table("run/predictions.csv")) == 10_000
    assert "--test: expected none for mnist, got 0.5." in fails("train", "mnist", "--test", "0.5", *TINY)
