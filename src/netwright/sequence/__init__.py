"""Sequences of numbers and of tokens: estimators, and how right a tagger is, token by token and span by span."""

# estimators
from netwright.sequence.classifier import SequenceClassifier
from netwright.sequence.language.model import LanguageModel
from netwright.sequence.regressor import SequenceRegressor
from netwright.sequence.tagger import SequenceTagger
from netwright.sequence.text_classifier import TextClassifier

# metrics
from netwright.sequence.metrics.report import Report, Scores, span_scores, token_accuracy, token_report
from netwright.sequence.metrics.schemes import Detected, detect_scheme
from netwright.sequence.metrics.spans import Span, spans

__all__ = [
    "Detected",
    "LanguageModel",
    "Report",
    "Scores",
    "SequenceClassifier",
    "SequenceRegressor",
    "SequenceTagger",
    "Span",
    "TextClassifier",
    "detect_scheme",
    "span_scores",
    "spans",
    "token_accuracy",
    "token_report",
]
