"""Language models are examined like other estimators: no alarm at healthy ones, a rate that is too high is named."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.sequence import LanguageModel

LINES = [f"the {size} {thing} is {colour}" for size in ("big", "small", "tall") for thing in ("house", "tree", "ship")
         for colour in ("red", "green", "blue", "white")]  # fmt: skip
TEXT = ". ".join(LINES * 3)
MODEL = LanguageModel(units=24, layers=1, width=12, epochs=8, batch_size=8, steps=25, random_state=0)

SLOW = pytest.mark.slow


def faults(diagnosis):
    return [finding.code for finding in diagnosis.findings if finding.level == "fault"]


@pytest.mark.slow
@pytest.mark.parametrize("head", ["softmax", *(pytest.param(one, marks=SLOW) for one in ("hierarchical", "adaptive"))])
@pytest.mark.parametrize("X", [TEXT, pytest.param(LINES * 3, marks=SLOW)], ids=["one text", "many"])
def test_healthy_models_have_no_fault(head, X):
    model = clone(MODEL).set_params(head=head)
    before = torch.get_rng_state()
    assert faults(model.check(X)) == []
    assert not hasattr(model, "module_")
    assert torch.equal(torch.get_rng_state(), before)
    assert faults(model.fit(X).diagnosis_) == []


@pytest.mark.slow
def test_a_rate_that_is_much_too_high_is_found():
    model = clone(MODEL).set_params(optimizer="Adam(2.0)", epochs=5)
    assert "lr-too-high" in faults(model.check(TEXT))
    assert "lr-too-high" in faults(model.fit(TEXT).diagnosis_)
    assert "lr-too-high" not in faults(model.check(TEXT, ignore="lr-too-high"))
    with pytest.raises(InvalidParameter, match="no-such-code"):
        model.check(TEXT, ignore=["no-such-code"])


def test_a_check_leaves_a_fitted_model_as_it_is():
    model = clone(MODEL).set_params(epochs=1).fit(TEXT)
    before = model.nats(TEXT)
    model.check(TEXT)
    assert model.nats(TEXT) == before
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert twin.nats(TEXT) == before
        assert twin.diagnosis_.findings == ()


@pytest.mark.parametrize("units", [4, 12])
def test_an_adaptive_head_fits_a_narrow_network(units):
    model = clone(MODEL).set_params(units=units, head="adaptive", epochs=1).fit(TEXT)
    assert sum(model.next_symbols("the ").values()) == pytest.approx(1)


def test_options_of_the_rule_are_reached():
    model = LanguageModel(optimizer=nw.optim.Adam(0.01)).set_params(optimizer__learning_rate=0.5)
    assert model.get_params()["optimizer__learning_rate"] == 0.5
