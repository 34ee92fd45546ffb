"""Wrapped rules in training runs: frozen layers, rates by layer, averages, and continuation."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.layers import Linear, ReLU, Tanh
from netwright.losses import l2, maxnorm
from netwright.optim import (
    SGD,
    Accumulate,
    Adam,
    Averaged,
    Clip,
    Freeze,
    IRpropPlus,
    LayerRates,
    LevenbergMarquardt,
    Lookahead,
    Newton,
)

NETWORK = Tanh(6) >> ReLU(5) >> Linear(1)
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(200, 4)).astype("float32")
Y = (X.sum(1) + X[:, 0] * X[:, 1]).astype("float32")
FROZEN = [
    Freeze(Adam(0.01), "tanh1"),
    Freeze(LevenbergMarquardt(), "tanh1"),
    Lookahead(Freeze(Newton(), "tanh1")),
    Freeze(Averaged(LayerRates(SGD(0.05, 0.9), {"relu1": 0.5}), 0.9), "tanh1"),
    Freeze(IRpropPlus(), "tanh1"),
]


class Start:
    """Notes the weights that a fit begins with."""

    def on_fit_start(self, run: Any) -> None:
        self.weights = {name: parameter.detach().clone() for name, parameter in run.flat.named}


def fit(rule: Any, epochs: int, **options: Any) -> nw.Regressor:
    return nw.Regressor(NETWORK, optimizer=rule, epochs=epochs, random_state=0, batch_size=16, **options).fit(X, Y)


def same(one: nw.Regressor, other: nw.Regressor) -> bool:
    """Whether two fits ended at the same bits."""
    return all(map(torch.equal, one.module_.parameters(), other.module_.parameters()))


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [None, l2(1e-3), maxnorm(1.0)], ids=repr)
@pytest.mark.parametrize("rule", FROZEN, ids=repr)
def test_frozen_layers_keep_every_bit(rule: Any, penalty: Any) -> None:
    start = Start()
    reg = fit(rule, 30, regularizer=penalty, callbacks=[start])
    for (name, before), after in zip(start.weights.items(), reg._run.flat.parameters, strict=True):
        assert torch.equal(before, after) == name.startswith("tanh1"), name
    losses = reg.history_["train_loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    "rule",
    [
        Adam(0.01),
        Accumulate(Adam(0.01), 3),
        Averaged(Adam(0.01), 0.9),
        Averaged(LevenbergMarquardt()),
        Clip(IRpropPlus(), 1.0),
        Freeze(Adam(0.01), "tanh1"),
        LayerRates(Adam(), {"tanh1": 0.1}),
        Lookahead(SGD(0.05, 0.9)),
    ],
    ids=repr,
)
def test_a_fit_that_is_pickled_goes_on_bit_by_bit(rule: Any) -> None:
    whole = fit(rule, 6)
    half = fit(rule, 3, warm_start=True)
    assert same(whole, pickle.loads(pickle.dumps(half)).fit(X, Y))
    assert same(whole, half.fit(X, Y))


@pytest.mark.parametrize("patience", [None, 3])
def test_the_average_of_the_rule_is_that_of_the_run(patience: int | None) -> None:
    options = {"validation": 0.2, "patience": patience}
    one, other = fit(Adam(0.01), 8, average=0.9, **options), fit(Averaged(Adam(0.01), 0.9), 8, **options)
    assert one.history_["validation_loss"] == other.history_["validation_loss"]
    assert same(one, other)


def test_options_of_rules_inside() -> None:
    reg = nw.Regressor(NETWORK, optimizer=Clip(Averaged(Adam(0.01)), 1.0))
    assert reg.get_params()["optimizer__rule__rule__learning_rate"] == 0.01
    reg.set_params(optimizer__rule__rule__learning_rate=0.5, optimizer__norm=2.0)
    assert reg.optimizer == Clip(Averaged(Adam(0.5)), 2.0)
    with pytest.raises(ValueError, match="learning_rat"):
        reg.set_params(optimizer__rule__rule__learning_rat=0.5)
