"""What a run on sentences or texts writes into its folder.

=================== =====================================================================
model.nw            the fitted estimator
run.json            command, data, split, scores, seconds, seed, versions
history.csv         a row an epoch
findings.json       what the run's own checks found
predictions.conllu  the test sentences with the tags that they were given (.conll for CoNLL)
predictions.csv     the test texts with their labels
report.txt          the scores by class, and those of spans
evaluation.nw       what was said of the test part, from which a report is made
report.html         the report
=================== =====================================================================
"""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from netwright.commands import run_folder
from netwright.commands.corpus import Corpus
from netwright.commands.reading import digest_of
from netwright.data import tokenize, write_conll, write_conllu
from netwright.report import SequenceEvaluation, evaluate_sequences, write_report
from netwright.report.stored import EVALUATION, FINDINGS, MODEL, RUN, versions

SCORES = "report.txt"
COUNTED = 200  # tags or labels whose numbers are kept


def write_run(
    folder: Path, estimator: Any, parts: dict[str, Corpus], target: str, options: Namespace, seconds: float
) -> SequenceEvaluation:
    """Write all files of the run, the model first, and give what was said of the test part.

    Parameters
    ----------
    folder : of the run. estimator : the fitted one. parts : "training" (with those for validation) and "test".
    target : the column. options : of the command line. seconds : that the run took.
    """
    estimator.save(folder / MODEL)
    inner, test = getattr(estimator, "classifier_", estimator), parts["test"]
    found = estimator.predict(test.X)
    known = {token for tokens in parts["training"].X for token in tokens} if test.is_tagged else None
    evaluation = evaluate_sequences(estimator, test.X, test.y, target=target, found=found, known=known)
    evaluation.save(folder / EVALUATION)
    run_folder.write_history(folder / run_folder.HISTORY, inner.history_)
    run_folder.write_findings(folder / FINDINGS, inner.diagnosis_)
    run_folder.write_text(folder / SCORES, scores_text(evaluation) + "\n")
    write_predictions(folder / f"predictions{test.suffix}", test, found, target)
    content = {
        "command": shlex.join(["netwright", *options.words]),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": facts_of(parts, inner.validation, options),
        "task": "tag" if test.is_tagged else "classify",
        "target": target,
        "scores": {"test": scores_of(evaluation)},
        "seconds": round(seconds, 3),
        "seed": options.seed,
        "versions": versions(),
    }
    run_folder.write_json(folder / RUN, content)
    if run_folder.report_wanted(folder, options.no_report):
        write_report(estimator, folder / run_folder.REPORT, test=evaluation, run=content)
    return evaluation


def files_of(test: Corpus) -> tuple[str, ...]:
    """The names of the files of a run, those that one looks at first.

    Parameters
    ----------
    test : the test part.
    """
    names = (run_folder.REPORT, SCORES, MODEL, f"predictions{test.suffix}", run_folder.HISTORY)
    return (*names, FINDINGS, RUN, EVALUATION)


def scores_text(evaluation: SequenceEvaluation) -> str:
    """The scores by tag or label, and of spans where there are some.

    Parameters
    ----------
    evaluation : of the test part.
    """
    return str(evaluation.report) + ("" if evaluation.spans is None else f"\n\nspans\n{evaluation.spans}")


def scores_of(evaluation: SequenceEvaluation) -> dict[str, float]:
    """The scores of the test part for run.json.

    Parameters
    ----------
    evaluation : of the test part.
    """
    spans = evaluation.spans
    return {"accuracy": evaluation.accuracy, **({} if spans is None else {"span_f1": spans.f1})}


def facts_of(parts: dict[str, Corpus], validation: float, options: Namespace) -> dict[str, Any]:
    """The data in run.json: what identifies them, how many and how long they are, how often each tag or label comes.

    Parameters
    ----------
    parts : as of `write_run`. validation : the share of the training part that was held out of it. options : of the
        command line.
    """
    test, training = parts["test"], parts["training"]
    own = max(1, round(len(training.X) * validation))
    X, y = [*training.X, *test.X], [*training.y, *test.y]
    lengths = [len(item if test.is_tagged else tokenize(item)) for item in X]
    targets = [tag for tags in y for tag in tags] if test.is_tagged else y
    counts = Counter(str(target) for target in targets if target is not None).most_common(COUNTED)
    absent = sum(target is None for target in targets)
    return {
        "source": options.data,
        "sha256": digest_of([options.data]),
        "text": options.text,
        "sentences" if test.is_tagged else "texts": len(X),
        "tokens": sum(lengths),
        "lengths": [min(lengths), int(np.median(lengths)), max(lengths)],
        **({"without a target": absent} if absent else {}),
        "test": len(test.X),
        "split": {"training": len(training.X) - own, "validation": own, "test": len(test.X)},
        "counts": dict(counts),
    }


def write_predictions(path: Path, corpus: Corpus, found: Any, target: str) -> None:
    """Sentences with their tags in the place of the target, or a table of texts.

    Parameters
    ----------
    path : of the file. corpus : what was predicted for. found : the tags or labels. target : the column.
    """
    if not corpus.is_tagged:
        rows = zip(corpus.X, corpus.y or [""] * len(corpus.X), found.tolist(), strict=True)
        run_folder.write_text(path, run_folder.to_csv(["text", "true", "predicted"], rows))
        return
    write = write_conllu if corpus.suffix == ".conllu" else write_conll
    write(path, corpus.sentences, {target: [[str(tag) for tag in tags] for tags in found]})
