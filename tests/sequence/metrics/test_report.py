"""Scores of tags and spans, by hand, by scikit-learn, by seqeval where it is installed, and by sets of spans."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.sequence.metrics.report import Report, span_scores, token_accuracy, token_report
from netwright.sequence.metrics.schemes import SCHEMES
from netwright.sequence.metrics.spans import spans

LETTERS = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
THEIRS = {"BIO": "IOB2", "IOB1": "IOB1", "BIOES": "IOBES", "BILOU": "BILOU"}
# the example on seqeval's front page: F1 .5, accuracy .8
TRUE = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
PREDICTED = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
Pair = tuple[list[list[str]], list[list[str]]]


def pairs(labels: list[str]) -> st.SearchStrategy[Pair]:
    """True and predicted tags of the same lengths."""
    tag = st.sampled_from(labels)
    rows = st.lists(st.lists(st.tuples(tag, tag), min_size=1, max_size=6), min_size=1, max_size=4)
    return rows.map(lambda rows: ([[a for a, _ in row] for row in rows], [[b for _, b in row] for row in rows]))


def labels(scheme: str) -> list[str]:
    return ["O", "O", *(f"{letter}-{kind}" for letter in LETTERS[scheme] for kind in "xy"), "B"]


def quietly(true: Any, predicted: Any, scheme: str) -> Report:
    """Scores of tags that may break the scheme."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return span_scores(true, predicted, scheme)


def test_the_example_of_seqeval() -> None:
    report = span_scores(TRUE, PREDICTED, "BIO")
    assert (report.precision, report.recall, report.f1, report.support, report.accuracy) == (0.5, 0.5, 0.5, 2, 0.8)
    assert [tuple(row) for row in report.rows] == [("MISC", 0, 0, 0, 1), ("PER", 1, 1, 1, 1)]
    assert report.macro == ("macro", 0.5, 0.5, 0.5, 2)
    assert report.notice == ""


def test_an_inner_tag_alone_is_no_span() -> None:
    report = span_scores([["B-x", "I-x", "O"]], [["I-x", "I-x", "O"]], scheme="BIO")
    assert (report.f1, report.support, report.true_breaks, report.predicted_breaks) == (0, 1, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_counts_are_those_of_sets_of_spans(scheme: str, data: st.DataObject) -> None:
    true, predicted = data.draw(pairs(labels(scheme)))
    report = quietly(true, predicted, scheme)
    sets = [{(n, *span) for n, row in enumerate(rows) for span in spans(row, scheme)} for rows in (true, predicted)]
    kinds = sorted({span[1] for span in sets[0] | sets[1]})
    assert [row.name for row in report.rows] == kinds
    for row in report.rows:
        there, found = ({span for span in each if span[1] == row.name} for each in sets)
        assert row.support == len(there)
        assert row.precision == pytest.approx(len(there & found) / len(found) if found else 0)
        assert row.recall == pytest.approx(len(there & found) / len(there) if there else 0)
        assert row.f1 == pytest.approx(2 * len(there & found) / (len(there) + len(found)))
    assert report.support == len(sets[0])
    assert report.precision == pytest.approx(len(sets[0] & sets[1]) / max(len(sets[1]), 1))
    assert all(np.isfinite(line[1:]).all() for line in (report.micro, report.macro, report.weighted))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", THEIRS)
@given(data=st.data())
def test_all_figures_are_those_of_seqeval(scheme: str, data: st.DataObject) -> None:
    metrics = pytest.importorskip("seqeval.metrics")
    theirs = getattr(pytest.importorskip("seqeval.scheme"), THEIRS[scheme])
    true, predicted = data.draw(pairs(labels(scheme)))
    report = quietly(true, predicted, scheme)
    assert report.accuracy == pytest.approx(metrics.accuracy_score(true, predicted))
    if not report.rows:
        return  # seqeval fails where there is no span at all
    options = {"mode": "strict", "scheme": theirs, "zero_division": 0}
    expected = metrics.classification_report(true, predicted, output_dict=True, **options)
    for line in (*report.rows, report.micro, report.macro, report.weighted):
        row = expected[line.name if line in report.rows else f"{line.name} avg"]
        assert line[1:4] == pytest.approx((row["precision"], row["recall"], row["f1-score"]))
        assert line.support == row["support"]


@pytest.mark.slow
@given(pairs(["N", "V", "A", "X"]))
def test_tokens_are_counted_as_by_scikit_learn(pair: Pair) -> None:
    report = token_report(*pair)
    true, predicted = (list(itertools.chain.from_iterable(rows)) for rows in pair)
    names = sorted({*true, *predicted})
    expected = precision_recall_fscore_support(true, predicted, labels=names, zero_division=0)
    assert [row.name for row in report.rows] == names
    np.testing.assert_allclose([row[1:] for row in report.rows], np.transpose(expected))
    for line, average in ((report.micro, "micro"), (report.macro, "macro"), (report.weighted, "weighted")):
        figures = precision_recall_fscore_support(true, predicted, labels=names, average=average, zero_division=0)
        assert line[1:4] == pytest.approx(figures[:3])
    right = sum(a == b for a, b in zip(true, predicted, strict=True))
    assert report.accuracy == token_accuracy(*pair) == pytest.approx(right / len(true))
    assert report.support == len(true)
    assert report.scheme == ""


def test_integers_and_arrays_are_tags_of_tokens() -> None:
    true = [np.array([0, 1, 1]), np.array([2])]
    assert token_accuracy(true, [[0, 1, 2], [2]]) == 0.75
    assert [row.name for row in token_report(true, [[0, 1, 2], [2]]).rows] == ["0", "1", "2"]
    assert token_accuracy([iter("ab")], [torch.tensor([1, 2])]) == 0
    assert token_accuracy([torch.tensor([1, 2])], [(1, 2)]) == 1


def test_the_report_is_a_table_and_a_frame() -> None:
    pytest.importorskip("pandas")
    report = span_scores(TRUE, PREDICTED)
    frame = report.to_frame()
    assert list(frame.index) == ["MISC", "PER", "micro", "macro", "weighted"]
    assert list(frame.columns) == ["precision", "recall", "f1", "support"]
    assert frame.loc["PER", "f1"] == 1
    lines = str(report).split("\n")
    assert len({len(line) for line in lines[:6]}) == 1
    assert lines[2].split() == ["PER", "1.0000", "1.0000", "1.0000", "1"]
    assert lines[6:] == ["Spans under BIO; token accuracy 0.8000.", "Scheme BIO, told from the true tags."]
    assert repr(report) == "Report(spans, BIO: f1 0.5000, support 2, accuracy 0.8000)"
    assert str(token_report(TRUE, PREDICTED)).endswith("Token accuracy 0.8000.")
    assert repr(token_report(TRUE, PREDICTED)).startswith("Report(tokens:")
    broken = span_scores(TRUE, [["O", "O", "I-MISC", "O", "O", "O", "O"], ["O", "O", "O"]])
    assert "Predicted tags break the scheme 1 times." in str(broken)


def test_a_scheme_that_is_told_is_said_and_logged(logged: list[str]) -> None:
    report = span_scores([["I-a", "I-a", "B-a"]], [["I-a", "I-a", "O"]])
    assert report.scheme == "IOB1"
    assert report.f1 == pytest.approx(2 / 3)
    assert report.notice in logged[0]
    assert report.notice == "Scheme IOB1, told from the true tags."


@pytest.mark.parametrize(
    ("true", "message"), [(["S-a", "O"], "BMES as well"), (["O", "O"], "no spans"), (["B-a", "I-b"], "break every")]
)
def test_a_scheme_that_cannot_be_told_is_a_warning(true: list[str], message: str) -> None:
    with pytest.warns(UserWarning, match=message):
        report = span_scores([true], [["O", "O"]])
    assert report.f1 == 0


def test_true_tags_that_break_a_named_scheme_are_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"keep BIO, got 2 tags that break it, the first at sequence 1, position 1"):
        report = span_scores([["O"], ["O", "I-a", "O", "I-b"]], [["O"], ["O"] * 4], "BIO")
    assert report.true_breaks == 2
    assert "sequence 1, position 1" in report.notice


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([["O"]], [["O"], ["O"]], "predicted: expected 1 sequences as in true, got 2"),
        ([["O"], ["O", "O"]], [["O"], ["O"]], "predicted, sequence 1: expected 2 tags as in true, got 1"),
        ([["O", "O"], ["O"]], [["O"], ["O", "O"]], "predicted, sequence 0: expected 2 tags as in true, got 1"),
        ([["O"], []], [["O"], []], "true, sequence 1: expected at least one tag"),
        ([["O"], ["O"]], [["O"], []], "predicted, sequence 1: expected at least one tag"),
        ([], [], "true: expected at least one sequence"),
        (["O"], ["O"], "true, sequence 0: expected a list of tags"),
        ([["O", ["B"]]], [["O", "O"]], "true, sequence 0, position 1: expected a tag"),
    ],
)
@pytest.mark.parametrize("score", [span_scores, token_accuracy, token_report])
def test_sequences_that_do_not_fit_are_named(score: Any, true: Any, predicted: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        score(true, predicted)


def test_tags_that_the_scheme_does_not_have_are_named() -> None:
    with pytest.raises(InvalidData, match=r"predicted, sequence 1, position 0: .* got 'S-a'. The scheme BIO was told"):
        span_scores([["B-a"], ["B-a"]], [["B-a"], ["S-a"]])
    with pytest.raises(InvalidData, match=r"true, sequence 0, position 1: .* got 'NOUN'"):
        span_scores([["O", "NOUN"]], [["O", "O"]], "BIO")
    with pytest.raises(InvalidParameter, match=r"span_scores\(scheme\): .* got 'BIOS'. Did you mean"):
        span_scores(TRUE, PREDICTED, "BIOS")
    with pytest.raises(InvalidParameter, match="got 3"):
        span_scores(TRUE, PREDICTED, 3)  # type: ignore[arg-type]
