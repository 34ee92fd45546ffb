"""Sequences: how right a tagger is, token by token and span by span."""

# metrics
from netwright.sequence.metrics.report import Report, Scores, span_scores, token_accuracy, token_report
from netwright.sequence.metrics.schemes import Detected, detect_scheme
from netwright.sequence.metrics.spans import Span, spans

__all__ = [
    "Detected",
    "Report",
    "Scores",
    "Span",
    "detect_scheme",
    "span_scores",
    "spans",
    "token_accuracy",
    "token_report",
]
