"""Adversarial steps against the paper's equation, written out in torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.estimators.ensemble.adversarial import FastGradientSign
from netwright.layers import ReLU, Softmax, Tanh

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)) * np.array([1.0, 10.0, 0.1])
y = (X[:, 0] > 0).astype(int)


def test_a_step_is_that_of_the_mean_of_both_losses() -> None:
    options: dict[str, Any] = {"optimizer": nw.optim.SGD(0.5), "batch_size": 40, "random_state": 0}
    plain = nw.Classifier(Tanh(4) >> Softmax(2), epochs=1, **options)
    before = nw.Classifier(Tanh(4) >> Softmax(2), epochs=1, **{**options, "optimizer": nw.optim.SGD(1e-30)}).fit(X, y)
    net = torch.nn.Sequential(*list(before.module_)[:1], before.module_[1].linear)  # without softmax
    net.zero_grad(set_to_none=True)
    x, t = torch.from_numpy(X).requires_grad_(), torch.from_numpy(y)
    loss = F.cross_entropy(net(x), t)
    (slope,) = torch.autograd.grad(loss, x, retain_graph=True)
    moved = x.detach() + 0.05 * (x.detach().amax(0) - x.detach().amin(0)) * slope.sign()
    (0.5 * (loss + F.cross_entropy(net(moved), t))).backward()
    expected = [p.detach() - 0.5 * p.grad for p in net.parameters() if p.grad is not None]
    made = plain.set_params(callbacks=[FastGradientSign(0.05)]).fit(X, y)
    for p, q in zip(made.module_.parameters(), expected, strict=True):
        torch.testing.assert_close(p.detach(), q)


def test_the_run_is_left_as_it_was_and_images_have_one_range() -> None:
    attack = FastGradientSign(0.01)
    images = RNG.random((30, 1, 6, 6)).astype(np.float32)
    clf = nw.Classifier("Conv(3, 3) >> ReLU() >> Flatten() >> Softmax(2)", epochs=2, callbacks=[attack], random_state=0)
    clf.fit(images, np.arange(30) % 2)
    assert not clf._run.module._forward_pre_hooks
    assert type(clf._run.objective).__name__ == "NetworkLoss"
    assert attack.objective is None
    clf.partial_fit(images, np.arange(30) % 2)


def test_what_cannot_be_moved_is_said() -> None:
    rule = nw.optim.LevenbergMarquardt()
    with pytest.raises(InvalidParameter, match=r"adversarial: expected a rule of gradients, got LevenbergMarquardt"):
        nw.Ensemble(nw.Regressor(ReLU(3) >> nw.layers.Linear(1), optimizer=rule, epochs=1), 1, adversarial=0.1).fit(
            X, y
        )
    clf = nw.sequence.TextClassifier("bag", width=4, epochs=1)
    with pytest.raises(
        InvalidParameter, match=r"adversarial: expected rows in memory, all of one shape, got sequences"
    ):
        nw.Ensemble(clf, 1, adversarial=0.1).fit(["a film", "a fine film", "dull"], [0, 1, 0])
