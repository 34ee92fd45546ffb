"""Update rules and learning-rate schedules, as values.

A rule builds a plain `torch.optim.Optimizer`; a schedule stands in the place of its learning rate::

    SGD(step_decay(0.1, every=10), momentum=0.9, nesterov=True).build(module.parameters())
"""

from __future__ import annotations

# what every rule is, and the way round the bookkeeping of step()
from netwright.optim.base import Optimizer
from netwright.optim.direct import direct_step
from netwright.optim.objective import Objective, least_squares

# gradient descent
from netwright.optim.sgd import SGD
from netwright.optim.momentum import Momentum
from netwright.optim.nesterov import Nesterov

# steps scaled by past gradients
from netwright.optim.adam import Adam
from netwright.optim.adamw import AdamW
from netwright.optim.adamax import Adamax
from netwright.optim.rmsprop import RMSprop
from netwright.optim.adadelta import Adadelta
from netwright.optim.adagrad import Adagrad

# steps from the signs of the gradient of all rows
from netwright.optim.rprop import Rprop
from netwright.optim.irprop_plus import IRpropPlus
from netwright.optim.irprop_minus import IRpropMinus

# curvature: of least squares
from netwright.optim.levenberg_marquardt import LevenbergMarquardt
from netwright.optim.gauss_newton import GaussNewton

# curvature: of any loss, learnt along the way
from netwright.optim.conjugate_gradient import ConjugateGradient
from netwright.optim.quasi_newton import QuasiNewton

# curvature: of any loss
from netwright.optim.newton import Newton
from netwright.optim.hessian_diagonal import HessianDiagonal
from netwright.optim.newton_cg import NewtonCG

# round any rule: its gradients, its weights, its layers
from netwright.optim.wrappers import Clip, Accumulate, Averaged, Lookahead, Freeze, LayerRates

# schedules: by the epoch, within an epoch, before or after another, by the losses
from netwright.core.schedules import Schedule
from netwright.core.schedules import step_decay, halving
from netwright.core.schedules import exponential_decay, inverse_time_decay, polynomial_decay, cosine
from netwright.core.schedules import cyclic_cosine
from netwright.core.schedules import warmup, hold
from netwright.core.schedules import on_plateau

__all__ = [
    "Optimizer",
    "direct_step",
    "Objective",
    "least_squares",
    "SGD",
    "Momentum",
    "Nesterov",
    "Adam",
    "AdamW",
    "Adamax",
    "RMSprop",
    "Adadelta",
    "Adagrad",
    "Rprop",
    "IRpropPlus",
    "IRpropMinus",
    "LevenbergMarquardt",
    "GaussNewton",
    "ConjugateGradient",
    "QuasiNewton",
    "Newton",
    "HessianDiagonal",
    "NewtonCG",
    "Clip",
    "Accumulate",
    "Averaged",
    "Lookahead",
    "Freeze",
    "LayerRates",
    "Schedule",
    "step_decay",
    "halving",
    "exponential_decay",
    "inverse_time_decay",
    "polynomial_decay",
    "cosine",
    "cyclic_cosine",
    "warmup",
    "hold",
    "on_plateau",
]
