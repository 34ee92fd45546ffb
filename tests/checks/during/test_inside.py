"""Questions to the inside of a network during a run; each fault with its healthy twin."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks import watch
from netwright.checks.during.inside import alive, arrives, flat, spikes
from netwright.checks.during.tape import Sample

CROSS = nn.CrossEntropyLoss()
SGD, Adam = torch.optim.SGD, torch.optim.Adam


def deep(activation: type[nn.Module], layers: int = 7) -> nn.Sequential:
    """Many layers with one activation."""
    widths = [6, *[16] * layers]
    parts = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), activation())]
    return nn.Sequential(*parts, nn.Linear(16, 3))


# gradients


@pytest.mark.parametrize("rule", [SGD, Adam])
def test_gradients_that_vanish(rule: Any, train: Any, the: Any, found: Any, rows: Any) -> None:
    module = deep(nn.Sigmoid)
    told = the(arrives, train(module, rule(module.parameters(), lr=1e-3), rows(), epochs=6))
    assert (told.code, told.level) == ("vanishing-gradient", "fault")
    assert told.where.layer == "0"
    assert told.evidence["ratio"] < 1e-3
    module = deep(nn.ReLU, 3)
    assert not found(arrives, train(module, rule(module.parameters(), lr=1e-3), rows(), epochs=6))


def test_what_learns_all_the_same_has_none(train: Any, found: Any, rows: Any) -> None:
    module = deep(nn.Sigmoid, 4)
    watching = train(module, Adam(module.parameters(), lr=2e-2), rows(), epochs=20)
    assert watching.tape.values()[-1] < 0.4 * watching.tape.values()[0]
    assert not found(arrives, watching)


def test_of_a_table_of_words_a_batch_touches_little(found: Any) -> None:
    words = torch.randint(0, 4000, (400,), generator=torch.Generator().manual_seed(0))
    module = nn.Sequential(nn.Embedding(4000, 16), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = Adam(module.parameters(), lr=1e-5)
    with watch(module, optimizer, CROSS) as watching:
        for part in words.split(8):
            optimizer.zero_grad()
            CROSS(module(part), part % 3).backward()
            optimizer.step()
    assert not found(arrives, watching)


# units


def test_units_that_went_silent(train: Any, the: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 32, 3)
    optimizer = SGD(module.parameters(), lr=0.1)
    with torch.no_grad():
        module[0].bias.fill_(-30.0)
    told = the(alive, train(module, optimizer, rows()))
    assert (told.code, told.level) == ("dead-units", "fault")
    assert told.where.layer == "1"
    assert told.evidence["share"] == 1.0
    assert "drawn anew" in told.seen
    module = net(6, 32, 3)
    assert not found(alive, train(module, SGD(module.parameters(), lr=0.1), rows()))


def test_few_units_on_purpose(train: Any, found: Any, net: Any, rows: Any, draw: Any) -> None:
    X = draw(320, 6)
    y = torch.randint(0, 3, (320,), generator=torch.Generator().manual_seed(0))  # nothing that any net could learn
    module = net(6, 64, 3)
    with torch.no_grad():
        module[0].bias[:60] = -30.0
    watching = train(module, SGD(module.parameters(), lr=0.05), (X, y), epochs=4)
    assert watching.tape.samples[0].off["1 (relu 0)"] > 0.9
    assert all(each.level == "note" for each in found(alive, watching))


def test_values_at_the_flat_ends(train: Any, the: Any, found: Any, net: Any, rows: Any) -> None:
    for std, faulty in ((40.0, True), (0.3, False)):
        module = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 3))
        for layer in (module[0], module[2]):
            nn.init.normal_(layer.weight, std=std)
        watching = train(module, SGD(module.parameters(), lr=1e-3), rows(), epochs=4)
        if not faulty:
            assert not found(flat, watching)
            continue
        told = the(flat, watching)
        assert told.code == "saturation"
        assert told.where.layer in ("1", "3")
        assert told.evidence["share"] > 0.5


def test_saturation_is_a_fault_where_other_weights_would_learn(train: Any, the: Any, rows: Any) -> None:
    X, y = rows()
    module = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 3))
    nn.init.normal_(module[0].weight, std=300.0)
    nn.init.constant_(module[0].bias, 3000.0)  # all rows look alike
    watching = train(module, SGD(module.parameters(), lr=0.1), (X, y))
    assert the(flat, watching).level == "fault"


# spikes


def test_a_single_batch_that_throws_the_weights(the: Any, found: Any, draw: Any) -> None:
    for outlier, faulty in ((1e4, True), (1.0, False)):
        module = nn.Linear(4, 1)
        optimizer, loss = SGD(module.parameters(), lr=0.02), nn.MSELoss()
        with watch(module, optimizer, loss) as watching:
            for step in range(45):
                X = draw(16, 4)
                y = X.sum(1, keepdim=True) + 3 * draw(16, 1)
                optimizer.zero_grad()
                (loss(module(X), y) * (outlier if step == 40 else 1.0)).backward()
                optimizer.step()
        if faulty:
            told = the(spikes, watching)
            assert told.code == "exploding-gradient"
            assert told.where.step == 40
            assert told.evidence["largest"] > 100 * told.evidence["median"]
        else:
            assert not found(spikes, watching)


def test_gradients_that_fade_are_no_spike(found: Any, train: Any, net: Any, draw: Any) -> None:
    X = draw(320, 6)
    module = net(6, 24, 2)
    watching = train(module, Adam(module.parameters(), lr=0.05), (X, (X[:, 0] > 0).long()), epochs=30)
    watching.tape.samples[1:] = [Sample(step, 1e-5, 1e-5) for step in range(1, 9)]
    assert not found(spikes, watching)
