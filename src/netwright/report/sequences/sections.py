"""The sections of a report that only sequences have: scores, what is taken for what, mistakes in context, data."""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright import plots
from netwright.report.figures import sized
from netwright.report.page import Cell, Markup, columns, figure, section, table, text, titled
from netwright.report.sections import optional
from netwright.report.sequences.evaluation import SequenceEvaluation
from netwright.report.words import counted, percent, table_in
from netwright.sequence import Report, Scores

LISTED = 40  # tags or labels in the table of scores, the most frequent
CROSSED = 15  # of them in the matrix; those beyond it are one
PAIRS = 12  # kinds of mistakes that are shown
COUNTED = 20  # tags or labels whose numbers in the data are shown
WIDEST = 8.4  # inches of the matrix
OTHERS = "(others)"


def score_cards(evaluation: SequenceEvaluation) -> list[tuple[str, str, str]]:
    """The key figures of the test part: accuracy, spans, unknown tokens, whole sequences."""
    unit, holder, n = evaluation.unit, evaluation.holder, len(evaluation.true)
    wrong = int((~evaluation.right).sum())
    if not evaluation.by_step:
        macro = f"the mean over {counted(len(evaluation.report.rows), 'label')}"
        return [
            ("test accuracy", percent(evaluation.accuracy), f"{counted(n, unit)} held out"),
            ("test error", percent(1 - evaluation.accuracy), f"{wrong:,} wrong"),
            ("macro F1", percent(evaluation.report.macro.f1), macro),
        ]
    held = f"{counted(n, unit)} in {counted(len(evaluation.lengths), holder)}"
    items = [(f"{unit} accuracy", percent(evaluation.accuracy), f"{held} held out")]
    spans = evaluation.spans
    if spans is not None:
        remark = f"micro, of {counted(spans.support, 'span')}, {spans.scheme}"
        items.insert(0, ("span F1", percent(spans.f1), remark))
    if evaluation.known is not None and not evaluation.known.all():
        unknown = ~evaluation.known
        share = f"{unknown.sum():,} that only the test part has"
        items.append(("unknown tokens", percent(float(evaluation.right[unknown].mean())), share))
    return items if spans is not None else [*items, (f"whole {holder}s", percent(evaluation.whole), "all of it right")]


def scores_section(evaluation: SequenceEvaluation) -> str:
    """Precision, recall and F1 of spans and of each tag or label."""
    lead = "Precision: of those called so, the share that is so. Recall: of those that are so, the share found."
    body, spans = "", evaluation.spans
    if spans is not None:
        strict = f"A span is right if its beginning, its end and its kind are, under {spans.scheme}."
        if spans.predicted_breaks:
            strict += f" Tags that were said break the scheme in {counted(spans.predicted_breaks, 'place')}."
        body = titled("Spans", f'<p class="soft">{text(strict)}</p>{_table_of(spans, "kind", "spans", spans.micro)}')
    report = evaluation.report
    each = _table_of(report, kind_of(evaluation), f"{evaluation.unit}s", report.macro)
    heading = f"Each {kind_of(evaluation)}" if body else ""
    return section(f"Test {evaluation.holder}s: scores", lead, body, titled(heading, each) if heading else each)


def confusion_section(evaluation: SequenceEvaluation) -> str:
    """How often each tag or label was said for each other one."""
    kind, names, codes = kind_of(evaluation), list(evaluation.classes), (evaluation.true, evaluation.predicted)
    counts = np.bincount(np.concatenate(codes), minlength=len(names))
    lead = f"Rows are true {kind}s, columns what the network said; the colour is the share of the row."
    if len(names) > CROSSED + 1:
        kept = np.sort(np.argsort(-counts, kind="stable")[:CROSSED])
        lead += f" The {CROSSED} most frequent of {len(names)} {kind}s stand alone."
        place = np.full(len(names), len(kept))
        place[kept] = np.arange(len(kept))
        names = [*(names[code] for code in kept.tolist()), OTHERS]
        codes = place[codes[0]], place[codes[1]]
    true, said = (np.array(names)[each] for each in codes)
    side = min(max(1.6 + 0.6 * len(names), 3.4), WIDEST)

    def draw() -> Any:
        axes = sized(side, 0.92 * side, "compressed").add_subplot()
        plots.confusion_matrix(true, said, names, ax=axes)
        axes.set_title("", loc="left")  # the page has the accuracy; of others for others it would be another one
        axes.set_xlabel(f"{kind} that was said")
        axes.set_ylabel(f"true {kind}")
        return axes

    return section("What is taken for what", lead, figure(optional("confusion", "Confusion matrix", draw)))


def mistakes_section(evaluation: SequenceEvaluation) -> str:
    """The most frequent pairs of what is true and what was said, with examples."""
    total = int((~evaluation.right).sum())
    if not total:
        return section("The most frequent mistakes", f"Nothing is wrong in the test {evaluation.holder}s.")
    listed = evaluation.mistakes[:PAIRS]
    rows = []
    for each in listed:
        examples = Markup("".join(_line(*one) for one in each.examples))
        rows.append((each.true, each.said, f"{each.count:,}", percent(each.count / total, 0), examples))
    shown = sum(each.count for each in listed)
    lead = f"{counted(total, f'wrong {evaluation.unit}')}"
    lead += f", of which these kinds are {percent(shown / total, 0)}. " if shown < total else ". "
    if evaluation.by_step:
        lead += f"The examples are {evaluation.unit}s that the mistake is most frequent at."
    else:
        lead += "The examples are those that the network was most sure of, with how sure it was."
    body = table(("true", "said", "times", "of all", "for example"), rows, numeric=(2, 3))
    return section("The most frequent mistakes", lead, body)


def data_section(evaluation: SequenceEvaluation | None, run: dict[str, Any]) -> str:
    """Where the sequences came from, how many and how long they are, how they were split, what is said of them."""
    data = table_in(run, "data")
    rows: list[tuple[str, str]] = []
    for name, key in (("source", "source"), ("column of texts", "text"), ("SHA-256", "sha256")):
        if isinstance(data.get(key), str):
            rows.append((name, data[key]))
    numbers = ("sentences", "texts", "tokens", "without a target")
    rows += [(name, f"{data[name]:,}") for name in numbers if isinstance(data.get(name), int)]
    lengths = data.get("lengths")
    if isinstance(lengths, list) and len(lengths) == 3 and all(isinstance(number, int) for number in lengths):
        rows.append(("tokens each", f"{lengths[0]:,} to {lengths[2]:,}, median {lengths[1]:,}"))
    split = [f"{count:,} {name}" for name, count in table_in(data, "split").items() if isinstance(count, int)]
    if split:
        rows.append(("split", ", ".join(split)))
    if evaluation is not None:
        rows.append(("target", evaluation.target))
    counts = {name: count for name, count in table_in(data, "counts").items() if isinstance(count, int)}
    facts = table(("", ""), rows) if rows else ""
    return section("Data", "", columns(facts, _counts_table(counts))) if rows or counts else ""


def kind_of(evaluation: SequenceEvaluation) -> str:
    """What is said: a tag of a step, a label of a sequence."""
    return "tag" if evaluation.by_step else "label"


def _table_of(report: Report, kind: str, what: str, mean: Scores) -> str:
    """The rows of a report, the most frequent first, with one of their means below."""
    order = sorted(report.rows, key=lambda row: (-row.support, row.name))
    name = kind if len(order) <= LISTED else f"{kind} (the {LISTED} most frequent of {len(order)})"
    rows = [(row.name, *(_bar(share) for share in row[1:4]), f"{row.support:,}") for row in order[:LISTED]]
    foot = (f"{mean.name} average", *(percent(share, 1) for share in mean[1:4]), f"{mean.support:,}")
    return table((name, "precision", "recall", "F1", what), rows, numeric=(1, 2, 3, 4), foot=foot)


def _bar(share: float) -> Cell:
    return Cell.of(percent(share, 1), share)


def _line(before: str, token: str, behind: str, sure: str) -> str:
    """A place in a sentence with its wrong token in front, or a text."""
    if sure:
        return f'<div>{text(token)} <span class="soft">({text(sure)})</span></div>'
    marked = f'<b class="bad">{text(token)}</b>'
    return f'<div><span class="soft">{text(before)}</span> {marked} <span class="soft">{text(behind)}</span></div>'


def _counts_table(counts: dict[str, int]) -> str:
    """How often each tag or label comes in the data."""
    if not counts:
        return ""
    total = sum(counts.values())
    most = max(counts.values())
    rows = [(name, Cell.of(f"{n:,}", n / most), percent(n / total, 1)) for name, n in list(counts.items())[:COUNTED]]
    more = len(counts) - len(rows)
    name = "target" if not more else f"target (the {COUNTED} most frequent of {len(counts)})"
    return table((name, "in the data", "share"), rows, numeric=(1, 2))
