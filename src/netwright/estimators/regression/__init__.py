"""Regressors that answer more than one number a row: densities, quantiles, bins."""

from netwright.estimators.regression.binned import BinnedRegressor
from netwright.estimators.regression.mixture_density import MixtureDensityRegressor
from netwright.estimators.regression.quantiles import QuantileRegressor

__all__ = ["BinnedRegressor", "MixtureDensityRegressor", "QuantileRegressor"]
