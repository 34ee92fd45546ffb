"""Sentences and texts at the command line: ``train corpus.conllu --task tag``, ``train texts.csv --text COL``."""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from netwright.checks import Diagnosis
from netwright.commands import run_folder
from netwright.commands.corpus import CONLL, Corpus, read, sentences_of, suffix_of, text_of
from netwright.commands.printing import say, show
from netwright.commands.sequence_folder import files_of, scores_text, write_predictions, write_run
from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem
from netwright.core.seeds import derive
from netwright.data import read_table
from netwright.report.sequences.evaluation import has_spans
from netwright.report.stored import RUN
from netwright.report.words import counted
from netwright.sequence import SequenceTagger, TextClassifier
from netwright.train import Progress

TEST, VALIDATION = 0.2, 0.1
TEXT_EPOCHS, PATIENCE = 20, 4


def meant(options: Namespace) -> bool:
    """Whether the options are about sentences or texts.

    Parameters
    ----------
    options : of the command line.
    """
    return options.task == "tag" or options.text is not None or suffix_of(options.data) in CONLL


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
        what = "sentences" if corpus.is_tagged else "texts"
        say("data", f"{options.data}: {len(corpus.X):,} {what}; target {target!r}")
        say("rows", f"{len(training.X):,} for training and validation, {held:,} for test; drawn by seed {options.seed}")
        say("model", repr(estimator))
    estimator.set_params(callbacks=None if options.quiet else [Progress()])
    folder = run_folder.choose_folder(options, Path(options.data).name.split(".")[0])
    with run_folder.in_training(folder, estimator, options):
        estimator.fit(training.X, training.y)
    parts = {"training": training, "test": test}
    evaluation = write_run(folder, estimator, parts, target, options, time.perf_counter() - begin)
    run_folder.end_training(folder)
    if options.quiet:
        print(folder)
        return 0
    show(scores_text(evaluation))
    show(str(getattr(estimator, "classifier_", estimator).diagnosis_))
    say("written", [str(folder / name) for name in files_of(test) if (folder / name).exists()])
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
    kind, what = ("tags", "sentence") if corpus.is_tagged else ("classification", "text")
    return found, f"{options.data}: {kind} of {target!r}, {counted(len(corpus.X), what)}"


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
    if not corpus.is_tagged:
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
    texts = [text_of(text) for text in table[name]]
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
