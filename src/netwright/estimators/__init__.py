"""Networks as scikit-learn estimators."""

# supervised
from netwright.estimators.classifier import Classifier
from netwright.estimators.regressor import Regressor

# distributions of numbers
from netwright.estimators.regression.binned import BinnedRegressor
from netwright.estimators.regression.mixture_density import MixtureDensityRegressor
from netwright.estimators.regression.quantiles import QuantileRegressor

# how to train them
from netwright.estimators.learning_rate import lr_finder
from netwright.estimators.pretrained import pretrained

# several together, how sure they are, and one that learns from them
from netwright.estimators.ensemble.ensemble import Ensemble
from netwright.estimators.ensemble.combining import Uncertainty
from netwright.estimators.ensemble.temperature import Calibrated, calibrate
from netwright.estimators.ensemble.calibration_error import calibration_error
from netwright.estimators.ensemble.distilling import distill

# search
from netwright.estimators.tuning.search import search
from netwright.estimators.tuning.result import Search
from netwright.estimators.tuning.ranges import integers, log_uniform, uniform
from netwright.estimators.tuning.choices import varied
from netwright.estimators.tuning.hidden_units import suggest_hidden_units

__all__ = [
    "BinnedRegressor",
    "Calibrated",
    "Classifier",
    "Ensemble",
    "MixtureDensityRegressor",
    "QuantileRegressor",
    "Regressor",
    "Search",
    "Uncertainty",
    "calibrate",
    "calibration_error",
    "distill",
    "integers",
    "log_uniform",
    "lr_finder",
    "pretrained",
    "search",
    "suggest_hidden_units",
    "uniform",
    "varied",
]
