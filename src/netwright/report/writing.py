"""`write_report`: the report of a run, or of any fitted estimator, as one HTML file."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from netwright.core.atomic import replacing, write_all
from netwright.core.errors import InvalidParameter, problem
from netwright.graph import Expression
from netwright.report import sections
from netwright.report.detection.evaluation import DetectionEvaluation, evaluate_detections
from netwright.report.detection.page import render_detection
from netwright.report.evaluation import Evaluation, evaluate
from netwright.report.page import document, text
from netwright.report.sequences.evaluation import SequenceEvaluation, evaluate_sequences
from netwright.report.sequences.page import render_sequences, trained
from netwright.report.stored import open_run, read_findings, versions
from netwright.report.words import plural, table_in
from netwright.sequence import SequenceClassifier, SequenceTagger, TextClassifier
from netwright.vision.detection.detector import Detector

Path_ = str | os.PathLike[str]
SEQUENCES = (SequenceTagger, SequenceClassifier, TextClassifier)


def write_report(
    source: Any,
    path: Path_,
    *,
    test: Evaluation | SequenceEvaluation | DetectionEvaluation | tuple[Any, Any] | None = None,
    title: str | None = None,
    run: dict[str, Any] | None = None,
) -> None:
    """Write the report of a training run: one HTML file that needs nothing else, no network and no script.

    Parameters
    ----------
    source : the folder that ``netwright train`` wrote, or a fitted `Classifier` or `Regressor`; or a fitted
        `SequenceTagger`, `SequenceClassifier` or `TextClassifier`; or a fitted detector, `YOLO` or `FasterRCNN`.
    path : the HTML file; an existing one is replaced.
    test : rows, sequences or images that were not trained on, as (X, y), or as an `Evaluation`, `SequenceEvaluation` or
        `DetectionEvaluation`; by default what the folder has.
    title : of the page; by default it says what was learned from what.
    run : what run.json holds (command, data, scores), where there is no folder.

    Raises
    ------
    InvalidParameter : matplotlib is not installed; an estimator whose network is a torch module.
    InvalidData : no such folder, or one that is not whole. CorruptFile : a damaged file in it.

    Examples
    --------
    >>> import netwright as nw, pathlib, tempfile
    >>> X, y = nw.data.load_digits()
    >>> clf = nw.Classifier("Flatten() >> Softmax(10)", epochs=1, random_state=0).fit(X[:1500], y[:1500])
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "report.html"
    >>> write_report(clf, path, test=(X[1500:], y[1500:]))
    >>> path.read_text(encoding="utf-8")[:15]
    '<!DOCTYPE html>'
    """
    if importlib.util.find_spec("matplotlib") is None:
        remedy = "Install it: pip install 'netwright[plots]'."
        raise InvalidParameter(problem("write_report", "the package matplotlib", "an environment without it", remedy))
    if isinstance(source, (str, os.PathLike)):
        estimator, stored, run = open_run(source)
        test = stored if test is None else test
        findings = read_findings(source)
    else:
        estimator = source
        findings = _findings_of(estimator)
    _require(trained(estimator))
    run = run or {}
    said: Any
    if isinstance(estimator, Detector):
        said = evaluate_detections(estimator, *test) if isinstance(test, tuple) else test
        page = render_detection(estimator, said, run, title, findings, _footer(run))
    elif isinstance(estimator, SEQUENCES):
        said = evaluate_sequences(estimator, *test) if isinstance(test, tuple) else test
        page = render_sequences(estimator, said, run, title, findings, _footer(run))
    else:
        evaluation: Any = evaluate(estimator, *test) if isinstance(test, tuple) else test
        page = render(estimator, evaluation, run, title, findings)
    with replacing(path) as file:
        write_all(file, page.encode())


def render(
    estimator: Any,
    evaluation: Evaluation | None,
    run: dict[str, Any],
    title: str | None,
    findings: list[dict[str, Any]] | None = None,
) -> str:
    """The page as HTML."""
    name, kicker = _names(estimator, evaluation, run)
    heading = title or name
    parts = [
        sections.heading(heading, kicker, _lead(estimator, run), sections.key_figures(estimator, evaluation, run)),
        sections.findings_section(findings) if findings is not None else "",
        sections.network_section(estimator),
        sections.training_section(estimator),
        sections.test_section(evaluation) if evaluation else "",
        sections.samples_section(evaluation) if evaluation else "",
        sections.inside_section(estimator, evaluation),
        sections.data_section(estimator, evaluation, run),
        sections.run_section(estimator, run, versions()),
        _footer(run),
    ]
    return document(heading, "\n".join(filter(None, parts)))


def _findings_of(estimator: Any) -> list[dict[str, Any]] | None:
    """What the checks of the last fit found; None where nothing is known of it, as after loading."""
    diagnosis = getattr(trained(estimator), "diagnosis_", None)
    if diagnosis is None or not (diagnosis.findings or diagnosis.signals):
        return None
    return list(diagnosis.to_dict()["findings"])


def _require(estimator: Any) -> None:
    if not hasattr(estimator, "module_"):
        got = f"{type(estimator).__name__}"
        raise InvalidParameter(problem("write_report(source)", "a run's folder or a fitted estimator", got))
    if isinstance(estimator, Detector):
        return
    if not hasattr(estimator, "network_"):
        expected = "a fitted classifier, regressor, tagger or detector"
        raise InvalidParameter(problem("write_report(source)", expected, type(estimator).__name__))
    if not isinstance(estimator.network_, Expression):
        got = f"a {type(estimator.network_).__name__} module"
        remedy = "Give the module as Module(factory)."
        raise InvalidParameter(problem("write_report(source)", "a network made of layers", got, remedy))


def _names(estimator: Any, evaluation: Evaluation | None, run: dict[str, Any]) -> tuple[str, str]:
    """The title, and the line above it."""
    task = "Regression" if sections.evaluates_numbers(estimator) else "Classification"
    data = table_in(run, "data")
    source = Path(str(data.get("source", ""))).stem if data.get("source") else ""
    target = evaluation.target if evaluation is not None else ""
    if source and target and target != "class":
        return f"{target} from {source}", f"netwright · {task}"
    return source or type(estimator).__name__, f"netwright · {task}"


def _lead(estimator: Any, run: dict[str, Any]) -> str:
    """What was trained on what, in a sentence."""
    summary = estimator.network_.summary()
    layers = plural(sum(row.parameters > 0 for row in summary.rows), "trainable layer")
    rows = table_in(table_in(run, "data"), "split").get("training")
    trained = f"trained on {plural(rows, 'row')} " if isinstance(rows, int) else "trained "
    epochs = plural(len(estimator.history_), "epoch")
    return f"A network of {layers} and {summary.parameters:,} parameters, {trained}for {epochs}."


def _footer(run: dict[str, Any]) -> str:
    finished = run.get("finished")
    when = f"Finished {finished}. " if isinstance(finished, str) else ""
    return f"<footer>{text(when)}Written by netwright {text(versions()['netwright'])}.</footer>"
