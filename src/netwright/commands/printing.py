"""What a command prints: facts with their names at the margin, and tables of scores."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable, Mapping

from netwright.report.words import figures, percent

MARGIN = 12  # characters for the name of a fact
WIDEST = 110  # characters of a line
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


def say(name: str, facts: str | Iterable[str]) -> None:
    """Print facts, a paragraph each, the first one behind its name.

    Examples
    --------
    >>> say("data", ["iris.csv", "150 rows"])
    data        iris.csv
                150 rows
    """
    label = name.ljust(MARGIN)
    for fact in [facts] if isinstance(facts, str) else facts:
        lines = textwrap.wrap(fact, WIDEST - MARGIN, break_long_words=False, break_on_hyphens=False) or [""]
        for line in lines:
            print(f"{bold(label) if label.strip() else label}{line}")
            label = " " * MARGIN
    sys.stdout.flush()


def show(text: str) -> None:
    """Print a block of text between empty lines."""
    print(f"\n{text}\n", flush=True)


def bold(text: str) -> str:
    """The text in bold on a terminal (unless NO_COLOR is set), as it is elsewhere."""
    return f"{BOLD}{text}{PLAIN}" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def score_cells(scores: Mapping[str, float]) -> dict[str, str]:
    """Scores as texts by heading: accuracy and error in per cent, or RMSE, MAE and R2.

    Examples
    --------
    >>> score_cells({"accuracy": 0.975, "error": 0.025, "log_loss": 0.1})
    {'accuracy': '97.50 %', 'error': '2.50 %', 'log loss': '0.1000'}
    """
    if "accuracy" in scores:
        cells = {name: percent(scores[name]) for name in ("accuracy", "error")}
        return cells | ({"log loss": figures(scores["log_loss"])} if "log_loss" in scores else {})
    return {"RMSE": figures(scores["rmse"]), "MAE": figures(scores["mae"]), "R2": f"{scores['r2']:.4f}"}


def score_table(table: Mapping[str, Mapping[str, float]]) -> str:
    """Scores of several sets of rows, a line each.

    Examples
    --------
    >>> print(score_table({"test": {"accuracy": 0.5, "error": 0.5}}))
                  accuracy       error
    test           50.00 %     50.00 %
    """
    rows = {name: score_cells(scores) for name, scores in table.items()}
    headings = list(next(iter(rows.values())))
    lines = [" " * MARGIN + "".join(heading.rjust(12) for heading in headings)]
    lines += [name.ljust(MARGIN) + "".join(cells[h].rjust(12) for h in headings) for name, cells in rows.items()]
    return "\n".join(line.rstrip() for line in lines)
