"""Reports: what a trained network does on rows that it has not seen, and one HTML file that shows the whole run."""

# what a model said
from netwright.report.evaluation import Evaluation, evaluate

# the page
from netwright.report.writing import write_report

__all__ = ["Evaluation", "evaluate", "write_report"]
