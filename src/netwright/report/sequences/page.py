"""The page of a tagger or of a classifier of sequences: sections of any report, and those that only sequences have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netwright.report import sections
from netwright.report.page import document
from netwright.report.sequences.evaluation import SequenceEvaluation
from netwright.report.sequences.readable import readable
from netwright.report.sequences.sections import (
    confusion_section,
    data_section,
    mistakes_section,
    score_cards,
    scores_section,
)
from netwright.report.stored import versions
from netwright.report.words import counted, table_in
from netwright.sequence import SequenceTagger


def render_sequences(
    estimator: Any,
    evaluation: SequenceEvaluation | None,
    run: dict[str, Any],
    title: str | None,
    findings: list[dict[str, Any]] | None,
    footer: str,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    estimator : a fitted tagger or classifier of sequences. evaluation : of sequences that it was not trained on, or
        None. run : what run.json holds. title : of the page; None: what was learned from what. findings : of the run's
        checks; None: nothing is known of them. footer : HTML.
    """
    inner = readable(trained(estimator))
    name, kicker = _names(estimator, evaluation, run)
    heading = title or name
    cards = [*(score_cards(evaluation) if evaluation else []), *sections.key_figures(inner, None, run)]
    parts = [
        sections.heading(heading, kicker, _lead(inner, run), cards),
        sections.findings_section(findings) if findings is not None else "",
        sections.network_section(inner, _steps_of(inner)),
        sections.training_section(inner),
        *((show(evaluation) for show in (scores_section, confusion_section, mistakes_section)) if evaluation else ()),
        data_section(evaluation, run),
        sections.run_section(estimator, run, versions()),
        footer,
    ]
    return document(heading, "\n".join(filter(None, parts)))


def trained(estimator: Any) -> Any:
    """The estimator that has the network and the history: of a classifier of texts the one inside."""
    return getattr(estimator, "classifier_", estimator)


def _names(estimator: Any, evaluation: SequenceEvaluation | None, run: dict[str, Any]) -> tuple[str, str]:
    """The title, and the line above it."""
    source = Path(str(table_in(run, "data").get("source") or "")).name.split(".")[0]
    kicker = f"netwright · {'Sequence tagging' if isinstance(estimator, SequenceTagger) else 'Classification'}"
    target = evaluation.target if evaluation is not None else ""
    return f"{target} from {source}" if source and target else source or type(estimator).__name__, kicker


def _lead(estimator: Any, run: dict[str, Any]) -> str:
    """What was trained on what, in a sentence."""
    summary, data = estimator.network_.summary(), table_in(run, "data")
    layers = counted(sum(row.parameters > 0 for row in summary.rows), "trainable layer")
    rows, what = table_in(data, "split").get("training"), "sentence" if "sentences" in data else "text"
    on = f"trained on {counted(rows, what)} " if isinstance(rows, int) else "trained "
    epochs = counted(len(estimator.history_), "epoch")
    chain = " below a chain of tags (CRF)" if getattr(estimator, "chain_", None) is not None else ""
    return f"A network of {layers} and {summary.parameters:,} parameters{chain}, {on}for {epochs}."


def _steps_of(estimator: Any) -> str:
    """For how many steps the shapes of the network are shown."""
    steps = estimator.network_.plan().input_shapes[0][0]
    return f"The sample has {counted(steps, 'step')}; sequences may have any number of them."
