"""Sentences and texts at the command line: trained on, scored, written back."""

from __future__ import annotations

import csv
import html
import json
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from netwright.cli import main
from netwright.core.seeds import derive
from netwright.data import read_conllu, write_conll, write_conllu
from netwright.data.text.sentence import Sentence
from netwright.report.words import percent

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
    out = capsys.readouterr().out
    assert "Token accuracy 1.0000" in out
    run = json.loads(Path("run/run.json").read_text())
    assert run["target"] == "upos"
    assert run["scores"]["test"]["accuracy"] == 1.0
    assert len(read_conllu("run/predictions.conllu")) == run["data"]["test"] == 12
    assert run["data"]["split"] == {"training": 43, "validation": 5, "test": 12}
    assert (run["data"]["sentences"], run["data"]["tokens"], run["data"]["lengths"]) == (60, 180, [3, 3, 3])
    assert run["data"]["counts"] == {"DET": 60, "NOUN": 60, "VERB": 60}
    names = sorted(path.name for path in Path("run").iterdir())
    assert sorted(Path(word).name for word in out.split("written")[1].split()) == names  # all that there is
    assert {"report.html", "report.txt", "findings.json", "evaluation.nw"} <= set(names)
    assert main(["predict", "run", str(corpus), "--out", "tagged.conllu"]) == 0
    assert Path("tagged.conllu").read_text() == corpus.read_text()  # all right, and all else as it was
    assert main(["predict", "run/model.nw", str(corpus)]) == 0
    assert capsys.readouterr().out == corpus.read_text()


@pytest.mark.slow
def test_the_report_shows_the_run(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_conllu(corpus)
    odd = [each.replaced(upos=["DET", "NOUN", "NOUN"]) if i % 2 else each for i, each in enumerate(found)]
    write_conllu(corpus, [*odd[:59], Sentence.make([], form=["hello", "<there>"], upos=["_", "INTJ"])])
    words = ["train", str(corpus), "--network", "Bidirectional(LSTM(16))", "--epochs", "2", "--out", "run"]
    assert main(words) == 0
    text = Path("run/report.html").read_text()
    shown = " ".join(html.unescape(re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]*>", " ", text, flags=re.S)).split())
    run = json.loads(Path("run/run.json").read_text())
    assert "upos from corpus" in shown
    assert f"token accuracy {percent(run['scores']['test']['accuracy'])}" in shown
    assert "trained on 43 sentences for 2 epochs" in shown
    assert "sentences 60 tokens 179 without a target 1" in shown
    assert shown.index("Findings") < shown.index("Losses and scores") < shown.index("Test sentences: scores")
    true = [(word, tag) for each in take_test(corpus) for word, tag in zip(each["form"], each["upos"], strict=True)]
    said = [tag for each in read_conllu("run/predictions.conllu") for tag in each["upos"]]
    wrong = Counter((t, s) for (_, t), s in zip(true, said, strict=True) if t not in (s, "_"))
    assert wrong
    (first, second), count = wrong.most_common(1)[0]
    assert re.search(rf"for example {first} {second} {count} \d+ %", shown)
    assert "Confusion matrix" in text
    assert "<there>" not in text
    before = Path("run/report.html").read_bytes()
    Path("run/report.html").unlink()
    assert main(["report", "run"]) == 0
    assert Path("run/report.html").read_bytes() == before
    assert main([*words, "--force", "--no-report"]) == 0
    assert not Path("run/report.html").exists()
    assert "report.html" not in capsys.readouterr().out.rsplit("written", 1)[1]


def take_test(corpus: Path) -> list[Sentence]:
    """The sentences that stand in predictions.conllu, with their true tags."""
    forms = [each["form"] for each in read_conllu("run/predictions.conllu")]
    order = np.random.default_rng(derive(0, "test")).permutation(60).tolist()
    test = [read_conllu(corpus)[row] for row in sorted(order[:12])]
    assert [each["form"] for each in test] == forms
    return test


@pytest.mark.slow
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
    assert "span F1" in Path("run/report.html").read_text()
    assert json.loads(Path("run/run.json").read_text())["scores"]["test"]["span_f1"] == 1.0
    assert main(["predict", "run", "names.conll"]) == 0
    assert capsys.readouterr().out == Path("names.conll").read_text()


def test_texts_of_a_table_are_classified(capsys: pytest.CaptureFixture[str]) -> None:
    with open("texts.csv", "w", newline="") as file:
        rows = [("a fine and moving film", "good"), ("dull, dull and far too long", "bad")] * 30
        csv.writer(file).writerows([("review", "verdict"), *rows])
    words = ["train", "texts.csv", "--text", "review", "--target", "verdict", "--epochs", "3", "--out", "run"]
    assert main(words) == 0
    assert json.loads(Path("run/run.json").read_text())["scores"]["test"]["accuracy"] == 1.0
    assert "findings.json" in capsys.readouterr().out
    text = Path("run/report.html").read_text()
    assert "verdict from texts" in text
    assert "Nothing is wrong in the test texts." in text
    assert main(["predict", "run", "texts.csv", "--proba"]) == 0
    rows = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert rows[0] == ["row", "prediction", "p(bad)", "p(good)"]
    assert [row[1] for row in rows[1:]] == ["good", "bad"] * 30


CHECK = ["--network", "Bidirectional(LSTM(16))", "--optimizer"]


@pytest.mark.slow
def test_check_of_a_right_training(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(corpus), *CHECK, "Adam(0.01)"]) == 0
    assert "tags of 'upos', 60 sentences" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_check_looks_at_the_same_training(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(corpus), *CHECK, "SGD(1000.0)", "--format", "json"]) == 1
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
    assert main(["train", str(corpus), *words]) == 2
    error = capsys.readouterr().err
    assert re.search(text, error)
    assert "Traceback" not in error
