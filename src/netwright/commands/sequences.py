"""Sentences and texts at the command line: ``train corpus.conllu --task tag``, ``train texts.csv --text COL``.

The folder of a run holds model.nw, run.json, history.csv and findings.json as that of any run; predictions.conllu (or
.conll) has the test sentences with the tags that they were given, predictions.csv the test texts with their labels, and
report.txt the scores by class.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from netwright.checks import Diagnosis
from netwright.commands import run_folder
from netwright.commands.printing import say, show
from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem
from netwright.core.seeds import derive
from netwright.data import read_conll, read_conllu, read_table, write_conll, write_conllu
from netwright.data.text.blocks import read_blocks
from netwright.data.text.sentence import Sentence
from netwright.report.stored import FINDINGS, MODEL, RUN, versions
from netwright.report.words import counted
from netwright.sequence import SequenceTagger, TextClassifier, span_scores, token_accuracy, token_report
from netwright.train import Progress

CONLL = (".conllu", ".conll", ".iob", ".bio")
TEST, VALIDATION = 0.2, 0.1
SCORES = "report.txt"
TEXT_EPOCHS, PATIENCE = 20, 4


@dataclass(frozen=True)
class Corpus:
    """Sequences and their targets.

    Parameters
    ----------
    X : lists of tokens, or texts. y : lists of tags, or labels. sentences : where they come from CoNLL, else empty.
    suffix : ".conllu", ".conll" or ".csv", what predictions are written as.
    """

    X: list[Any]
    y: list[Any]
    sentences: list[Sentence]
    suffix: str

    def take(self, rows: Sequence[int]) -> Corpus:
        """Some of them."""
        X, y, sentences = ([part[row] for row in rows] if part else [] for part in (self.X, self.y, self.sentences))
        return Corpus(X, y, sentences, self.suffix)


def meant(options: Namespace) -> bool:
    """Whether the options are about sentences or texts.

    Parameters
    ----------
    options : of the command line.
    """
    return options.task == "tag" or options.text is not None or suffix_of(options.data) in CONLL


def suffix_of(data: str) -> str:
    """The suffix of a file, that of the packed one where it ends in .gz.

    Examples
    --------
    >>> suffix_of("en.conllu.gz"), suffix_of("texts.csv")
    ('.conllu', '.csv')
    """
    path = Path(data)
    return (Path(path.stem) if path.suffix == ".gz" else path).suffix.lower()


def train(options: Namespace) -> int:
    """Train a tagger or a classifier of texts, and write the folder of the run.

    Parameters
    ----------
    options : of the command line.

    Raises
    ------
    InvalidData, InvalidParameter : a file, a column or an option that cannot be.
    """
    begin = time.perf_counter()
    corpus, target = read(options)
    order = np.random.default_rng(derive(options.seed, "test")).permutation(len(corpus.X)).tolist()
    held = max(1, round(len(order) * (options.test or TEST)))
    if len(order) < 3:
        expected = "at least 3 sequences"
        raise InvalidData(problem(f"data {options.data!r}", expected, counted(len(order), "sequence")))
    test, training = corpus.take(sorted(order[:held])), corpus.take(sorted(order[held:]))
    estimator = estimator_for(corpus, training.y, options)
    if not options.quiet:
        what = "texts" if corpus.suffix == ".csv" else "sentences"
        say("data", f"{options.data}: {len(corpus.X):,} {what}; target {target!r}")
        say("rows", f"{len(training.X):,} for training and validation, {held:,} for test; drawn by seed {options.seed}")
        say("model", repr(estimator))
    estimator.set_params(callbacks=None if options.quiet else [Progress()])
    name = options.name or Path(options.data).name.split(".")[0]
    folder = run_folder.choose_folder(options.out, name, options.force)
    try:
        estimator.fit(training.X, training.y)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise
    _write(folder, estimator, test, target, options, time.perf_counter() - begin)
    return 0


def examined(options: Namespace) -> tuple[Diagnosis, str]:
    """What the checks find in the training that `train` would make, and what was examined, in words.

    Parameters
    ----------
    options : of the command line.
    """
    corpus, target = read(options)
    estimator = estimator_for(corpus, corpus.y, options)
    found = estimator.check(corpus.X, corpus.y, imbalanced=options.imbalanced, ignore=options.ignore)
    kind, what = ("classification", "text") if corpus.suffix == ".csv" else ("tags", "sentence")
    return found, f"{options.data}: {kind} of {target!r}, {counted(len(corpus.X), what)}"


def read(options: Namespace) -> tuple[Corpus, str]:
    """The sequences and the name of the target.

    Parameters
    ----------
    options : of the command line.

    Raises
    ------
    InvalidData : a file that is none, a column that it does not have, missing texts or tags.
    """
    if options.text is not None:
        table = read_table(options.data)
        target = options.target or "label"
        for name in (options.text, target):
            if name not in table:
                remedy = did_you_mean(name, table)
                raise InvalidData(problem(f"data {options.data!r}", f"a column {name!r}", ", ".join(table), remedy))
        kept = [(_text(text), label) for text, label in zip(table[options.text], table[target], strict=True)]
        known = [(text, label) for text, label in kept if label is not None and label == label]
        return Corpus([text for text, _ in known], [label for _, label in known], [], ".csv"), target
    sentences = sentences_of(options.data)
    columns = sentences[0].columns
    target = options.target or ("upos" if "upos" in columns else columns[-1])
    if target not in columns:
        remedy = did_you_mean(target, columns)
        raise InvalidData(problem(f"data {options.data!r}", f"a column {target!r}", ", ".join(columns), remedy))
    tags = [[None if tag == "_" else tag for tag in each[target]] for each in sentences]
    suffix = ".conllu" if columns[0] == "id" else ".conll"
    return Corpus([each["form"] for each in sentences], tags, sentences, suffix), target


def sentences_of(data: str) -> list[Sentence]:
    """The sentences of a CoNLL-U or CoNLL file; the columns of the latter are form, column2, ..., tag.

    Parameters
    ----------
    data : the file's name.

    Raises
    ------
    InvalidData : what the readers refuse.
    """
    if suffix_of(data) == ".conllu":
        return read_conllu(data)
    _, lines = next(iter(read_blocks(data, f"data {data!r}", "utf-8")), (0, ["form tag"]))
    row = next((line for line in lines if not line.startswith(("-DOCSTART-", "#"))), lines[0])
    width = len(row.split("\t") if "\t" in row else row.split())
    if width < 2:
        expected = "rows of at least a token and its tag"
        raise InvalidData(problem(f"data {data!r}", expected, f"{row!r}", "A sentence ends with an empty line."))
    middle = tuple(f"column{number}" for number in range(2, width))
    return read_conll(data, ("form", *middle, "tag"))


def estimator_for(corpus: Corpus, tags: list[Any], options: Namespace) -> Any:
    """The unfitted estimator that the options describe.

    Parameters
    ----------
    corpus : as `read` gives it. tags : of the training part. options : of the command line.

    Raises
    ------
    InvalidParameter : an option that is not for sequences.
    """
    for name in ("loss", "augment", "image_size"):
        if getattr(options, name, None) is not None:
            option = f"--{name.replace('_', '-')}"
            raise InvalidParameter(problem(option, "none for sentences and texts", "it", "Leave it out."))
    chosen = {
        "optimizer": options.optimizer,
        "batch_size": options.batch_size,
        "epochs": options.epochs,
        "validation": options.validation or VALIDATION,
        "patience": options.patience,
        "device": options.device,
        "random_state": options.seed,
    }
    chosen = {name: item for name, item in chosen.items() if item is not None}
    if corpus.suffix == ".csv":
        if options.network is not None or options.regularizer is not None:
            option = "--network" if options.network is not None else "--regularizer"
            raise InvalidParameter(
                problem(option, "none for texts", "it", "In Python: nw.sequence.SequenceClassifier.")
            )
        return TextClassifier(**{"epochs": TEXT_EPOCHS, "patience": PATIENCE, **chosen})
    spans = has_spans(tags)
    return SequenceTagger(
        options.network, head="crf" if spans else "softmax", regularizer=options.regularizer, **chosen
    )


def has_spans(tags: list[list[Any]]) -> bool:
    """Whether tags are those of spans: O, and letters before a dash, such as B-PER.

    Examples
    --------
    >>> has_spans([["B-PER", "O"]]), has_spans([["NOUN", "VERB"]])
    (True, False)
    """
    kinds = {tag for each in tags for tag in each if tag is not None}
    return "O" in kinds and len(kinds) > 1 and all(tag == "O" or tag[1:2] == "-" for tag in map(str, kinds))


def _write(folder: Path, estimator: Any, test: Corpus, target: str, options: Namespace, seconds: float) -> None:
    """All files of the run, the model first."""
    estimator.save(folder / MODEL)
    inner = getattr(estimator, "classifier_", estimator)
    found = estimator.predict(test.X)
    score, text = report_of(test, found)
    run_folder.write_history(folder / run_folder.HISTORY, inner.history_)
    run_folder.write_findings(folder / FINDINGS, inner.diagnosis_)
    run_folder.write_text(folder / SCORES, text + "\n")
    write_predictions(folder / f"predictions{test.suffix}", test, found, target)
    content = {
        "command": shlex.join(["netwright", *options.words]),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {"source": options.data, "text": options.text, "test": len(test.X)},
        "task": "classify" if test.suffix == ".csv" else "tag",
        "target": target,
        "scores": {"test": {"accuracy": score}},
        "seconds": round(seconds, 3),
        "seed": options.seed,
        "versions": versions(),
    }
    run_folder.write_json(folder / RUN, content)
    if options.quiet:
        print(folder)
        return
    show(text)
    show(str(inner.diagnosis_))
    say("written", f"{folder}: {MODEL}, {SCORES}, predictions{test.suffix}, {run_folder.HISTORY}, {RUN}")


def report_of(test: Corpus, found: Any) -> tuple[float, str]:
    """The accuracy, and the scores by class as text; of spans too where the tags are those of spans.

    Parameters
    ----------
    test : the test part. found : what was predicted.
    """
    if test.suffix == ".csv":
        true, predicted = [[str(label)] for label in test.y], [[str(label)] for label in found.tolist()]
    else:
        kept = [
            [(t, f) for t, f in zip(ts, fs, strict=True) if t is not None] for ts, fs in zip(test.y, found, strict=True)
        ]
        kept = [pairs for pairs in kept if pairs]
        true, predicted = [[t for t, _ in pairs] for pairs in kept], [[f for _, f in pairs] for pairs in kept]
    text = str(token_report(true, predicted))
    if test.suffix != ".csv" and has_spans(true):
        text += f"\n\nspans\n{span_scores(true, predicted)}"
    return token_accuracy(true, predicted), text


def write_predictions(path: Path, corpus: Corpus, found: Any, target: str) -> None:
    """Sentences with their tags in the place of the target, or a table of texts.

    Parameters
    ----------
    path : of the file. corpus : what was predicted for. found : the tags or labels. target : the column.
    """
    if corpus.suffix == ".csv":
        rows = zip(corpus.X, corpus.y or [""] * len(corpus.X), found.tolist(), strict=True)
        run_folder.write_text(path, run_folder.to_csv(["text", "true", "predicted"], rows))
        return
    write = write_conllu if corpus.suffix == ".conllu" else write_conll
    write(path, corpus.sentences, {target: [[str(tag) for tag in tags] for tags in found]})


def predict(estimator: Any, model: Path, options: Namespace) -> int:
    """Predict with a tagger or a classifier of texts.

    Parameters
    ----------
    estimator : the fitted one. model : its file; run.json beside it names the columns. options : of the command line.

    Raises
    ------
    InvalidData : data of another kind than those of the training.
    InvalidParameter : an option that these models do not have.
    """
    run = run_folder.read_json(model.parent / RUN)
    if isinstance(estimator, TextClassifier):
        return _predict_texts(estimator, run, options)
    if options.proba:
        raise InvalidParameter(problem("--proba", "none for a tagger", "it", "In Python: tagger.predict_proba(X)."))
    sentences = sentences_of(options.data)
    columns = sentences[0].columns
    target = run.get("target", "upos")
    target = target if target in columns else columns[-1]
    corpus = Corpus([each["form"] for each in sentences], [], sentences, ".conllu" if columns[0] == "id" else ".conll")
    found = estimator.predict(corpus.X)
    if options.out is not None:
        write_predictions(Path(options.out), corpus, found, target)
        print(f"{options.out}: {counted(len(found), 'sentence')}", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tagged"
        write_predictions(path, corpus, found, target)
        sys.stdout.write(path.read_text(encoding="utf-8"))
    return 0


def _predict_texts(estimator: TextClassifier, run: dict[str, Any], options: Namespace) -> int:
    table = read_table(options.data)
    name = run.get("data", {}).get("text") or ("text" if "text" in table else next(iter(table)))
    if name not in table:
        expected = f"a column {name!r}, as in training"
        raise InvalidData(problem(f"data {options.data!r}", expected, ", ".join(table), did_you_mean(name, table)))
    texts = [_text(text) for text in table[name]]
    names, columns = ["row", "prediction"], [list(range(len(texts))), estimator.predict(texts).tolist()]
    if options.proba:
        matrix = estimator.predict_proba(texts)
        for place, label in enumerate(estimator.classes_.tolist()):
            names.append(f"p({label})")
            columns.append([f"{p:.6g}" for p in matrix[:, place].tolist()])
    text = run_folder.to_csv(names, zip(*columns, strict=True))
    if options.out is None:
        sys.stdout.write(text)
    else:
        run_folder.write_text(Path(options.out), text)
        print(f"{options.out}: {counted(len(texts), 'prediction')}", file=sys.stderr)
    return 0


def _text(item: Any) -> str:
    """A cell as a text; a missing one is empty."""
    return "" if item is None or item != item else str(item)
