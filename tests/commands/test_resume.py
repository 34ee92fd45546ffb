"""`netwright train` that was cut goes on with `--resume`, to the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

import netwright as nw
from netwright.cli import main

WORDS = ["digits", "--network", "Flatten() >> ReLU(24) >> Dropout(0.1) >> Softmax(10)", "--epochs", "60", "--no-report"]


def command(*words):
    return [sys.executable, "-m", "netwright", "train", *words]


def bits(folder):
    model = nw.load(folder / "model.nw")
    records = [{k: v for k, v in record.items() if k != "seconds"} for record in model.history_]
    return {k: v.numpy().tobytes() for k, v in model.module_.state_dict().items()}, repr(records)


def cut(folder, *words):
    """A training in a folder that is asked to end after its third epoch."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command(*words, "--out", str(folder)), **streams)
    assert process.stderr is not None
    for line in process.stderr:
        if line.split()[:2] == ["epoch", "3/60"]:
            os.kill(process.pid, signal.SIGTERM)
            break
    _, told = process.communicate()
    assert process.returncode == 143, told
    return told


def test_asked_to_end_and_resumed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    told = cut(folder, *WORDS)
    assert f"go on with: netwright train --resume {folder}" in told
    assert {path.name for path in folder.iterdir()} == {"checkpoint", "command.json"}
    begun = (folder / "command.json").read_bytes()
    with monkeypatch.context() as patch:  # and is cut once more

        def killed(self, run):
            raise SystemExit(137)

        patch.setattr("netwright.train.progress.Progress.on_epoch_end", killed)
        with pytest.raises(SystemExit):
            main(["train", "--resume", str(folder)])
    assert (folder / "command.json").read_bytes() == begun
    assert main(["train", "--resume", str(folder), "--quiet"]) == 0
    record = json.loads((folder / "run.json").read_text())
    assert record["command"].startswith("netwright train digits --network")
    assert not {"checkpoint", "command.json"} & {path.name for path in folder.iterdir()}
    assert main(["train", *WORDS, "--quiet", "--out", str(tmp_path / "whole")]) == 0
    assert bits(folder) == bits(tmp_path / "whole")
    capsys.readouterr()
    assert main(["train", "--resume", str(folder)]) == 2
    assert "--resume: expected a folder with command.json" in capsys.readouterr().err


@pytest.mark.slow
def test_the_same_command_with_resume(tmp_path, monkeypatch, capsys):
    """As `--resume DIR`, without looking for the command; another network in the folder is refused."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    assert main(["train", *WORDS, "--quiet", "--out", str(tmp_path / "whole")]) == 0
    stopped = 0

    def stop(self, run):
        nonlocal stopped
        stopped += 1
        if stopped == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("netwright.train.progress.Progress.on_epoch_end", stop)
    assert main(["train", *WORDS, "--out", str(folder)]) == 130
    assert {"checkpoint", "command.json", "model.nw"} <= {path.name for path in folder.iterdir()}
    other = ["Flatten() >> ReLU(9) >> Softmax(10)" if ">>" in word else word for word in WORDS]
    assert main(["train", *other, "--out", str(folder), "--resume", "--quiet"]) == 2
    assert "as of this run, got" in capsys.readouterr().err
    assert main(["train", *WORDS, "--out", str(folder), "--resume", "--quiet"]) == 0
    assert bits(folder) == bits(tmp_path / "whole")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["train"], "netwright train: expected DATA, got none"),
        (["train", "--resume"], r"--resume: expected a folder with command.json, got '.'"),
        (["train", "--resume", "nowhere"], r"--resume: expected a folder with command.json, got 'nowhere'"),
    ],
)
def test_what_cannot_be_resumed(words, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert text in capsys.readouterr().err


def test_words_without_data(tmp_path, capsys):
    (tmp_path / "command.json").write_text(json.dumps({"words": ["train", "--quiet"], "folder": str(tmp_path)}))
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "command.json: expected the words of a run with its DATA" in capsys.readouterr().err


def test_a_folder_that_is_gone(tmp_path, capsys):
    (tmp_path / "command.json").write_text(json.dumps({"words": ["train", *WORDS], "folder": str(tmp_path / "gone")}))
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "expected the folder of its run" in capsys.readouterr().err


def test_a_training_that_fails_at_once_leaves_nothing(tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(["train", "digits", "--network", "Flatten() >> ReLU(4) >> Softmax(3)", "--out", str(folder)]) == 2
    assert not folder.exists()
