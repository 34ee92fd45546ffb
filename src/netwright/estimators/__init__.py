"""Networks as scikit-learn estimators."""

# supervised
from netwright.estimators.classifier import Classifier
from netwright.estimators.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
