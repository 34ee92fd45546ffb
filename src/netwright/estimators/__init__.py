"""Networks as scikit-learn estimators."""

# supervised
from netwright.estimators.classifier import Classifier
from netwright.estimators.regressor import Regressor

# how to train them
from netwright.estimators.learning_rate import lr_finder
from netwright.estimators.pretrained import pretrained

__all__ = ["Classifier", "Regressor", "lr_finder", "pretrained"]
