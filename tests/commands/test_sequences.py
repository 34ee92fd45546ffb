"""Sentences and texts at the command line: trained on, scored, written back."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from netwright.cli import main
from netwright.data import read_conllu, write_conll, write_conllu
from netwright.data.text.sentence import Sentence

DETERMINERS, NOUNS, VERBS = ["the", "a", "every"], ["dog", "cat", "bird", "fish"], ["runs", "sleeps", "sings"]


def drawn(seed: int) -> tuple[list[str], list[str]]:
    """A sentence and its tags."""
    draw = random.Random(seed)
    words = [draw.choice(DETERMINERS), draw.choice(NOUNS), draw.choice(VERBS)]
    return words, ["DET", "NOUN", "VERB"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.conllu"
    pairs = [drawn(seed) for seed in range(60)]
    write_conllu(path, [Sentence.make([f"# sent_id = {i}"], form=w, upos=t) for i, (w, t) in enumerate(pairs)])
    return path


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_sentences_are_tagged_and_written_back(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", str(corpus), "--task", "tag", "--target", "upos", "--network", "Bidirectional(LSTM(16))"]
    assert main([*words, "--epochs", "12", "--out", "run"]) == 0
    assert "Token accuracy 1.0000" in capsys.readouterr().out
    run = json.loads(Path("run/run.json").read_text())
    assert run["target"] == "upos"
    assert run["scores"]["test"]["accuracy"] == 1.0
    assert len(read_conllu("run/predictions.conllu")) == run["data"]["test"] == 12
    assert main(["predict", "run", str(corpus), "--out", "tagged.conllu"]) == 0
    assert Path("tagged.conllu").read_text() == corpus.read_text()  # all right, and all else as it was
    assert main(["predict", "run/model.nw", str(corpus)]) == 0
    assert capsys.readouterr().out == corpus.read_text()


def test_tags_of_spans_get_a_chain_and_scores_of_spans(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people, places = ["Ada", "Alan", "Grace"], ["Paris", "Rome"]
    made = []
    for seed in range(60):
        draw = random.Random(seed)
        words = [draw.choice(people), "went", "to", draw.choice(places)]
        made.append(Sentence.make(separator=" ", form=words, tag=["B-PER", "O", "O", "B-LOC"]))
    write_conll("names.conll", made)
    words = ["train", "names.conll", "--network", "Bidirectional(LSTM(16))", "--epochs", "12", "--out", "run"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "head='crf'" in text
    assert "spans" in Path("run/report.txt").read_text()
    assert main(["predict", "run", "names.conll"]) == 0
    assert capsys.readouterr().out == Path("names.conll").read_text()


def test_texts_of_a_table_are_classified(capsys: pytest.CaptureFixture[str]) -> None:
    with open("texts.csv", "w", newline="") as file:
        rows = [("a fine and moving film", "good"), ("dull, dull and far too long", "bad")] * 30
        csv.writer(file).writerows([("review", "verdict"), *rows])
    words = ["train", "texts.csv", "--text", "review", "--target", "verdict", "--epochs", "3", "--out", "run"]
    assert main(words) == 0
    assert json.loads(Path("run/run.json").read_text())["scores"]["test"]["accuracy"] == 1.0
    capsys.readouterr()
    assert main(["predict", "run", "texts.csv", "--proba"]) == 0
    rows = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert rows[0] == ["row", "prediction", "p(bad)", "p(good)"]
    assert [row[1] for row in rows[1:]] == ["good", "bad"] * 30


def test_check_looks_at_the_same_training(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", str(corpus), "--network", "Bidirectional(LSTM(16))", "--optimizer"]
    assert main([*words, "Adam(0.01)"]) == 0
    assert "tags of 'upos', 60 sentences" in " ".join(capsys.readouterr().out.split())
    assert main([*words, "SGD(1000.0)", "--format", "json"]) == 1
    codes = [each["code"] for each in json.loads(capsys.readouterr().out)["findings"]]
    assert codes[0] == "lr-too-high"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--target", "upso"], "a column 'upso'.*Did you mean 'upos'"),
        (["--loss", "MSE()"], "--loss: expected none for sentences and texts"),
        (["--text", "form"], "error"),
    ],
)
def test_what_cannot_be_is_one_line(
    corpus: Path, words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    assert main(["train", str(corpus), *words]) == 2
    error = capsys.readouterr().err
    assert re.search(text, error)
    assert "Traceback" not in error
