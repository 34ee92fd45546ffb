"""What goes wrong on the way: Ctrl-C, divergence, a folder in use, data and files that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.cli import main
from netwright.report import Evaluation

TINY = ["--network", "Flatten() >> Softmax(10)", "--epochs", "1", "--no-report"]


@pytest.mark.slow
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


def test_a_failed_fit_leaves_no_empty_folder(houses: Path, fails: Callable[..., str]) -> None:
    assert "End it with Softmax(3)" in fails(
        "train", "houses.csv", "--target", "town", "--network", "ReLU(4) >> Softmax(7)", "--quiet"
    )
    assert not list(Path("runs").glob("*"))


def test_a_model_is_never_overwritten(fails: Callable[..., str]) -> None:
    Path("run").mkdir()
    Path("run/model.nw").write_text("precious", encoding="utf-8")
    message = fails("train", "digits", *TINY, "--out", "run")
    assert "--out: expected a folder without a model, got 'run', which has model.nw." in message
    assert "--force" in message
    assert Path("run/model.nw").read_text(encoding="utf-8") == "precious"
    Path("run/report.html").write_text("stale", encoding="utf-8")
    assert main(["train", "digits", *TINY, "--out", "run", "--force", "--quiet"]) == 0
    assert nw.load("run/model.nw").n_iter_ == 1
    assert not Path("run/report.html").exists()
    assert "a folder, got the file 'run/run.json'" in fails("train", "digits", *TINY, "--out", "run/run.json")


def test_debug_shows_where() -> None:
    with pytest.raises(nw.core.errors.InvalidData, match="no such thing"):
        main(["--debug", "train", "nothing.csv"])
    with pytest.raises(nw.core.errors.InvalidData, match="no such thing"):
        main(["train", "nothing.csv", "--debug"])


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
        (
            "a,y\n1,0\n",
            [],
            "data 'bad.csv': expected at least 3 rows, got 1 row. Training, validation and test need one each.",
        ),
        ("y\n1\n2\n", [], "table: expected columns beside the target 'y', got none."),
        (
            "a,y\n" + "1,k\n2,k\n" * 9,
            [],
            "target 'y': expected at least 2 classes, got only 'k' in 18 rows. Choose another one: --target COL.",
        ),
        (
            "a,y\n1,k\n2,m\n3,k\n",
            [],
            "of the 3 ('k': 2, 'm': 1). The split into training, validation and test needs more rows of each class",
        ),
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
def test_wrong_tables(text: str, words: list[str], message: str, fails: Callable[..., str]) -> None:
    Path("bad.csv").write_text(text, encoding="utf-8")
    assert message in fails("train", "bad.csv", "--epochs", "1", "--quiet", *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--optimizer", "Adm(0.1)"], "Did you mean 'Adam'?"),
        (["--optimizer", "MSE()"], "--optimizer: expected one of the optimizers, got MSE()."),
        (["--loss", "Hubr()"], "Did you mean 'Huber'?"),
        (["--regularizer", "l3(1)"], "'l3'"),
        (["--network", "RLU(3)"], "Did you mean 'ReLU'?"),
        (["--network", "lenet6"], "Did you mean 'lenet5'?"),
    ],
)
def test_wrong_words_are_refused_before_the_data_are_read(
    words: list[str], message: str, fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    monkeypatch.setattr("netwright.commands.train.read", lambda *given: read.append(given))
    assert message in fails("train", "digits", *words)
    assert not read


def test_folders_that_cannot_be_made_or_written(fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("x", encoding="utf-8")
    message = fails("train", "digits", *TINY, "--quiet", "--out", "file/run")
    assert "--out: expected a folder for the run, got 'file/run': Not a directory. Choose another folder" in message
    monkeypatch.setattr("netwright.commands.run_folder.RUNS", "file")
    assert "got 'file/digits-1': Not a directory." in fails("train", "digits", *TINY, "--quiet")
    monkeypatch.setattr("netwright.commands.run_folder.os.access", lambda *given: False)
    assert "got 'shut': it may not be written into." in fails("train", "digits", *TINY, "--quiet", "--out", "shut")


def test_files_that_are_not_there_are_no_networks(
    fails: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("nosuch.nw", "runs/nosuch"):
        message = fails("summary", text)
        assert f"model {text!r}: expected a model file or the folder of a run, got no such file." in message
    assert "'lenet6'" in fails("summary", "lenet6")
    assert main(["summary", " >> ".join(["Input(4)", *["ReLU(4)"] * 300])]) == 0  # longer than a file's name may be
    assert "6,000 parameters" in capsys.readouterr().out


def test_wrong_files(photos: Path, fails: Callable[..., str]) -> None:
    Path("data.xls").write_text("x", encoding="utf-8")
    assert "expected a table (.csv .tsv" in fails("train", "data.xls")
    assert "got a .png file. Put images into one sub-folder" in fails("train", "photos/dark/00.png")
    Path("empty").mkdir()
    assert "expected one sub-folder for each class, got no sub-folders" in fails("train", "empty")
    Path("damaged.parquet").write_bytes(b"PAR1nothing")
    assert "a Parquet file" in fails("train", "damaged.parquet")


def test_wrong_predictions(
    houses: Path, photos: Path, fails: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["train", "houses.csv", "--target", "price", "--epochs", "1", "--out", "rows", "--no-report", "--quiet"])
    main(["train", "digits", *TINY, "--out", "images", "--quiet"])
    capsys.readouterr()
    Path("new.csv").write_text("room,town\n1,Ulm\n", encoding="utf-8")
    message = fails("predict", "rows", "new.csv")
    assert "expected the columns of training, got no column 'rooms', 'garden'. Did you mean 'room'?" in message
    Path("new.csv").write_text("rooms,town,garden\nmany,Ulm,true\n", encoding="utf-8")
    assert "column 'rooms': expected numbers as in training" in fails("predict", "rows", "new.csv")
    assert "expected a table, as in training" in fails("predict", "rows", "digits")
    assert "expected a table, as in training" in fails("predict", "rows", "photos")
    assert "expected images of shape (1, 8, 8), as in training, got a table" in fails("predict", "images", "new.csv")
    Path("none").mkdir()
    assert "a folder without any" in fails("predict", "images", "none")
    assert "got no such thing" in fails("predict", "images", "nothing")
    assert "--proba: expected a classifier with probabilities, got Regressor." in fails(
        "predict", "rows", "new.csv", "--proba"
    )
    (nw.Input(3) >> nw.layers.ReLU(2)).save("net.nw")
    assert "expected a trained Classifier, Regressor, tagger, text classifier or detector, got Chain" in fails(
        "predict", "net.nw", "new.csv"
    )


def test_damaged_runs(fails: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "digits", *TINY, "--out", "run", "--quiet"])
    capsys.readouterr()
    model = Path("run/model.nw")
    whole = model.read_bytes()
    model.write_bytes(whole[:-7])
    assert "model.nw" in fails("predict", "run", "digits")
    model.write_bytes(whole)
    run = Path("run/run.json").read_text(encoding="utf-8")
    for text in ("{", "[1]"):
        Path("run/run.json").write_text(text, encoding="utf-8")
        assert "expected JSON as `netwright train` wrote it" in fails("report", "run")
    Path("run/run.json").write_text(run, encoding="utf-8")
    evaluation = Path("run/evaluation.nw").read_bytes()
    Path("run/evaluation.nw").unlink()
    assert "expected a run's whole folder, got a folder without evaluation.nw." in fails("report", "run")
    Path("run/evaluation.nw").write_bytes(whole)
    assert "expected an evaluation, got a file of kind 'Classifier'" in fails("report", "run")
    model.write_bytes(evaluation)
    assert "expected a kind of model, got 'evaluation'" in fails("predict", "run", "digits")
    assert isinstance(Evaluation.load("run/model.nw"), Evaluation)
    assert "expected a file with a network, got a file of kind 'evaluation'" in fails("summary", "run/model.nw")
