"""Fits in several threads at once: each has the bits of one alone, and the global random states stay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from joblib import parallel_backend
from sklearn.model_selection import cross_val_score

import netwright as nw

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)
FIT = nw.Classifier("ReLU(4) >> Dropout(0.2) >> Softmax(2)", epochs=12, batch_size=16, random_state=0)


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    found: list[Any] = [None] * count

    def one(place: int) -> None:
        found[place] = work()

    threads = [threading.Thread(target=one, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def fitted() -> Any:
    return nw.Classifier(**FIT.get_params(deep=False)).fit(X, Y).predict_proba(X)


def test_threads_learn_the_same_bits_and_leave_the_random_states() -> None:
    alone = fitted()
    before = torch.get_rng_state()
    for found in at_once(4, fitted):
        np.testing.assert_array_equal(found, alone)
    assert torch.equal(torch.get_rng_state(), before)


def test_networks_that_threads_build_have_the_same_weights() -> None:
    network = nw.layers.ReLU(30) >> nw.layers.Linear(40)

    def weights() -> torch.Tensor:
        module = (nw.Input(20) >> network).build(seed=3)
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    alone = weights()
    assert all(torch.equal(found, alone) for found in at_once(8, weights))


def test_scores_of_folds_in_threads_are_those_of_one_after_another() -> None:
    wanted = cross_val_score(FIT, X, Y, cv=3, scoring="neg_log_loss")
    with parallel_backend("threading", n_jobs=3):
        np.testing.assert_array_equal(cross_val_score(FIT, X, Y, cv=3, scoring="neg_log_loss"), wanted)
