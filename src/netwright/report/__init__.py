"""Reports: what a trained network does on rows that it has not seen, and one HTML file that shows the whole run."""

# what a model said
from netwright.report.evaluation import Evaluation, evaluate
from netwright.report.sequences.evaluation import SequenceEvaluation, evaluate_sequences
from netwright.report.detection.evaluation import DetectionEvaluation, evaluate_detections

# the page
from netwright.report.writing import write_report

__all__ = [
    "DetectionEvaluation",
    "Evaluation",
    "SequenceEvaluation",
    "evaluate",
    "evaluate_detections",
    "evaluate_sequences",
    "write_report",
]
