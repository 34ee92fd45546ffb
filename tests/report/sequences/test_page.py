"""Reports of taggers and of classifiers of texts: the figures against other libraries, mistakes by brute force."""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import netwright as nw
from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.report import Evaluation, SequenceEvaluation, evaluate_sequences, write_report
from netwright.report.sequences.evaluation import KIND
from netwright.report.sequences.mistakes import AROUND, EXAMPLES, TEXT
from netwright.report.sequences.readable import readable
from netwright.report.words import percent

HOSTILE = ["<script>alert(1)</script>", "\"&amp;'", "</section><img src=x>", "$x_{", "数字"]
NOUNS, VERBS = ["dog", "cat", "bird", "fish"], ["runs", "sleeps", "sings"]
DRAW = np.random.default_rng(0)


def sentences(n: int) -> tuple[list[list[str]], list[list[Any]]]:
    X = [["the", str(DRAW.choice(NOUNS)), str(DRAW.choice(VERBS))] for _ in range(n)]
    return X, [["DET", "NOUN", "VERB"] for _ in X]


@pytest.fixture(scope="module")
def tagger() -> nw.sequence.SequenceTagger:
    made = nw.sequence.SequenceTagger("GRU(8)", head="crf", epochs=2, batch_size=8, validation=0.2, random_state=0)
    return made.fit(*sentences(40))


@pytest.fixture(scope="module")
def films() -> nw.sequence.TextClassifier:
    X = ["a fine, moving film", "dull and far too long", "fine acting", "a dull story"] * 10
    made = nw.sequence.TextClassifier("bag", width=8, epochs=2, random_state=0)
    return made.fit(X, ["good", "bad"] * 20)


def page_of(path: Path) -> tuple[str, str]:
    """The page, and the words in it."""
    text = path.read_text(encoding="utf-8")
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", text, flags=re.DOTALL)
    return text, " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def said(rng: np.random.Generator, tags: list[str], n: int) -> tuple[Any, Any, Any]:
    """Sentences of random tokens, with true tags some of which are missing, and random ones."""
    X = [[f"w{rng.integers(6)}" for _ in range(rng.integers(1, 9))] for _ in range(n)]
    true = [[str(rng.choice(tags)) if rng.random() > 0.1 else None for _ in each] for each in X]
    true[0] = [None] * len(true[0])  # a sentence without tags
    return X, true, [[str(rng.choice(tags)) for _ in each] for each in X]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_the_figures_of_a_tagger(seed: int, tagger: Any, tmp_path: Path) -> None:
    X, y, found = said(np.random.default_rng(seed), ["A", "B", "C", "D"], 30)
    made = evaluate_sequences(tagger, X, y, target="kind", found=found, known={"w0", "w1", "w2"})
    pairs = [
        (sentence, place, X[sentence][place], true, other)
        for sentence in range(len(X))
        for place, (true, other) in enumerate(zip(y[sentence], found[sentence], strict=True))
        if true is not None
    ]
    true, other = [pair[3] for pair in pairs], [pair[4] for pair in pairs]
    assert made.accuracy == pytest.approx(metrics.accuracy_score(true, other))
    each = metrics.precision_recall_fscore_support(true, other, labels=list(made.classes), zero_division=0)
    np.testing.assert_allclose([row[1:4] for row in made.report.rows], np.transpose(each[:3]))
    assert [row.support for row in made.report.rows] == each[3].tolist()
    assert made.spans is None
    wholes = [all(t == f for s, _, _, t, f in pairs if s == i) for i in sorted({pair[0] for pair in pairs})]
    assert made.whole == pytest.approx(np.mean(wholes))
    assert made.known.tolist() == [token in {"w0", "w1", "w2"} for _, _, token, _, _ in pairs]
    counts = Counter((t, f) for t, f in zip(true, other, strict=True) if t != f)
    assert {(each.true, each.said): each.count for each in made.mistakes} == counts
    assert [each.count for each in made.mistakes] == sorted(counts.values(), reverse=True)
    for mistake in made.mistakes:
        tokens = Counter(token for _, _, token, t, f in pairs if (t, f) == (mistake.true, mistake.said))
        assert len(mistake.examples) == min(EXAMPLES, len(tokens))
        assert [tokens[e.token] for e in mistake.examples] == sorted(tokens.values(), reverse=True)[:EXAMPLES]
    write_report(tagger, tmp_path / "report.html", test=made)
    text, words = page_of(tmp_path / "report.html")
    unknown = np.mean([t == f for _, _, token, t, f in pairs if token in {"w3", "w4", "w5"}])
    for share in (made.accuracy, unknown, made.whole, *each[2].tolist()):
        assert percent(share, 1)[:-3] in words
    assert text.count("Confusion matrix") == 1


def test_spans_have_their_scores(tagger: Any, tmp_path: Path) -> None:
    true = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC", "O", "O"]] * 3
    found = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-PER", "I-LOC", "O"]] * 3
    X = [["Ada", "Lovelace", "in", "London"], ["to", "Rome", "again", "!"]] * 3
    made = evaluate_sequences(tagger, X, true, target="name", found=found)
    assert made.spans is not None
    assert str(made.spans) == str(nw.sequence.span_scores(true, found))
    write_report(tagger, tmp_path / "report.html", test=made)
    _, words = page_of(tmp_path / "report.html")
    assert f"span F1 {percent(made.spans.f1)} micro, of 9 spans, BIO" in words
    assert "Tags that were said break the scheme in 3 places." in words
    assert "kind precision recall F1 spans LOC 100 % 50.0 % 66.7 % 6" in words
    assert "to Rome again !" in words  # B-LOC called B-PER, in its sentence


@pytest.mark.slow
def test_a_report_of_a_tagger_from_the_data_alone(tagger: Any, tmp_path: Path) -> None:
    X, y = sentences(10)
    write_report(tagger, tmp_path / "report.html", test=(X, y), title="Words & <kinds>")
    text, words = page_of(tmp_path / "report.html")
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    parts = ["Findings", "Network", "Training", "Test sentences: scores", "What is taken for what"]
    assert [heading.split(":")[0] if "Finding" in heading else heading for heading in headings] == [
        *parts,
        "The most frequent mistakes",
        "Data",
        "Run",
    ]
    assert "Words & <kinds>" in words
    assert "below a chain of tags (CRF)" in words
    assert percent(tagger.score(X, y)) in words
    assert "Input(3, 32) >> WordFeatures" in words  # as it was written: no paths of lengths
    assert "Pick(" not in words
    assert "http://" not in text
    assert "<script" not in text
    write_report(tagger, tmp_path / "again.html", test=(X, y), title="Words & <kinds>")
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "report.html").read_bytes()
    write_report(tagger, tmp_path / "none.html")
    assert "Test sentences" not in page_of(tmp_path / "none.html")[1]


def test_a_report_of_texts(films: Any, tmp_path: Path) -> None:
    X = ["fine film", "a dull film " * 40, "dull", "moving", "no word is known"]
    y = np.array(["bad", "good", "bad", "good", "bad"])
    made = evaluate_sequences(films, X, y, target="verdict")
    assert made.accuracy == films.score(X, y)
    assert [row.support for row in made.report.rows] == [3, 2]
    sure = films.predict_proba(X).max(1)
    for mistake in made.mistakes:
        wrong = [i for i in range(5) if y[i] == mistake.true and films.predict(X)[i] == mistake.said]
        assert mistake.count == len(wrong)
        best = max(wrong, key=lambda i: sure[i])
        assert X[best].startswith(mistake.examples[0].token.removesuffix(" …"))
        assert len(mistake.examples[0].token) <= TEXT + 2
        assert mistake.examples[0].sure == f"{100 * sure[best]:.0f} %"
    run = {"data": {"source": "films.csv", "texts": 50, "split": {"training": 40, "test": 5}, "counts": {"bad": 25}}}
    write_report(films, tmp_path / "report.html", test=made, run=run)
    _, words = page_of(tmp_path / "report.html")
    assert "verdict from films" in words
    assert "trained on 40 texts for 2 epochs" in words
    assert f"test accuracy {percent(made.accuracy)} 5 texts held out" in words
    assert "40 training, 5 test" in words
    assert "estimator TextClassifier" in words


@pytest.mark.slow
def test_sequences_of_numbers(tmp_path: Path) -> None:
    X = [DRAW.normal(label, 1.0, size=(DRAW.integers(3, 6), 2)) for label in (0, 1) * 10]
    clf = nw.sequence.SequenceClassifier("GRU(4, output='last')", epochs=1, random_state=0).fit(X, [0, 1] * 10)
    made = evaluate_sequences(clf, X, [1, 0] * 10)
    assert made.unit == "sequence"
    assert re.fullmatch(r"sequence \d+, of \d steps", made.mistakes[0].examples[0].token)
    tagger = nw.sequence.SequenceTagger("GRU(4)", epochs=1, random_state=0)
    tagger.fit(X, [[int(v > 0) for v in x[:, 0]] for x in X])
    steps = evaluate_sequences(tagger, X, [[0] * len(x) for x in X], found=[[1] * len(x) for x in X])
    assert steps.unit == "step"
    assert steps.mistakes[0].examples[0].token == "step 0"
    for each, estimator in ((made, clf), (steps, tagger)):
        write_report(estimator, tmp_path / "report.html", test=each)
        assert f"Test {each.holder}s: scores" in page_of(tmp_path / "report.html")[1]


@pytest.mark.slow
def test_many_tags_and_hostile_ones(tagger: Any, tmp_path: Path) -> None:
    tags = [*HOSTILE, *(f"t{i:02}" for i in range(30))]
    X = [[HOSTILE[i % 5], *["w"] * 40, "end"] for i in range(40)]
    true = [[tags[i % 35]] * 42 for i in range(40)]
    found = [[tags[(i + t) % 35 if t == 41 else i % 35] for t in range(42)] for i in range(40)]
    made = evaluate_sequences(tagger, X, true, target=HOSTILE[0], found=found, known=())
    run = {
        "command": HOSTILE[0],
        "data": {"source": HOSTILE[2], "counts": {HOSTILE[0]: 3, "x": "much"}, "lengths": ["a"], "split": 3},
    }
    write_report(tagger, tmp_path / "report.html", test=made, run=run)
    text, words = page_of(tmp_path / "report.html")
    assert "<script" not in text.lower()
    assert "<img" not in text
    assert text.count("<section>") == text.count("</section>")
    assert "The 15 most frequent of 35 tags stand alone." in words
    assert HOSTILE[0] in words
    before = [example.before for mistake in made.mistakes for example in mistake.examples if example.token == "end"]
    assert before
    assert all(text.startswith("… ") and len(text) <= AROUND + 2 for text in before)


def test_nothing_wrong(tagger: Any, tmp_path: Path) -> None:
    X, y = sentences(5)
    write_report(tagger, tmp_path / "report.html", test=evaluate_sequences(tagger, X, y, found=y))
    assert "Nothing is wrong in the test sentences." in page_of(tmp_path / "report.html")[1]


def test_layers_have_short_names_on_the_page(tagger: Any, films: Any) -> None:
    for estimator in (tagger, films.classifier_):
        shown = readable(estimator)
        names = list(shown.history_[0]["update_ratio"])
        assert len(names) == len(estimator.history_[0]["update_ratio"])
        assert not any("parallel" in name or "body" in name for name in names)
        parameters = shown.network_.summary().parameters
        assert parameters == estimator.network_.summary().parameters
        assert "Pick" in repr(estimator.network_)  # the estimator itself is as it was
    assert "chain" in names or "chain" in list(readable(tagger).history_[0]["update_ratio"])


# the file


def test_an_evaluation_comes_back(tagger: Any, tmp_path: Path) -> None:
    X, y, found = said(np.random.default_rng(1), ["A", "B"], 12)
    for known in (None, {"w1"}):
        made = evaluate_sequences(tagger, X, y, target="kind", found=found, known=known)
        made.save(tmp_path / "evaluation.nw")
        again = SequenceEvaluation.load(tmp_path / "evaluation.nw")
        for name in ("true", "predicted", "lengths", "known"):
            np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
        for name in ("unit", "target", "classes", "mistakes"):
            assert getattr(again, name) == getattr(made, name)


def test_files_that_are_no_evaluation(tagger: Any, tmp_path: Path) -> None:
    X, y, found = said(np.random.default_rng(1), ["A", "B"], 12)
    made = evaluate_sequences(tagger, X, y, found=found)
    path = tmp_path / "evaluation.nw"
    for broken in (
        replace(made, unit="verse"),
        replace(made, lengths=made.lengths[1:]),
        replace(made, classes=("A",)),
        replace(made, predicted=made.predicted[1:]),
    ):
        broken.save(path)
        with pytest.raises(CorruptFile, match="the fields of an evaluation of sequences"):
            SequenceEvaluation.load(path)
    storage.write(path, KIND, {"unit": "token"}, {})
    with pytest.raises(CorruptFile, match="KeyError"):
        SequenceEvaluation.load(path)
    bare = np.zeros(1, dtype=np.int64)
    Evaluation("classify", "t", ("a",), bare, bare, None, bare, np.arange(0)).save(path)
    with pytest.raises(CorruptFile, match="an evaluation of sequences, got a file of kind 'evaluation'"):
        SequenceEvaluation.load(path)


def test_what_cannot_be_evaluated(tagger: Any) -> None:
    with pytest.raises(InvalidParameter, match="a tagger or a classifier of sequences, got Classifier"):
        evaluate_sequences(nw.Classifier(), [["a"]], [["A"]])
    with pytest.raises(InvalidData, match="at least one tag, got none"):
        evaluate_sequences(tagger, [["the"]], [[None]])
    with pytest.raises(InvalidData, match="sequence 1: expected 2 tags, one a step, got 1"):
        evaluate_sequences(tagger, [["the"], ["the", "dog"]], [["DET"], ["DET"]])
