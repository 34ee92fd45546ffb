"""Questions to networks over sequences: whether a step sees the future, whether padding is in the answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright.checks.before.sequences import future, padding

SQUARES, CROSS = nn.MSELoss(), nn.CrossEntropyLoss()
LAST = lambda z, t: functional.cross_entropy(z.flatten(0, 1), t.flatten())  # noqa: E731


def following(draw: Any) -> tuple[Any, Any]:
    """Smooth sequences, and the same a step later."""
    x = draw(40, 11, 2).cumsum(1)
    return x[:, :-1], x[:, 1:]


def words(n: int = 60, steps: int = 9) -> tuple[Any, Any]:
    """Tokens, and the next ones."""
    T = torch.randint(1, 12, (n, steps + 1), generator=torch.Generator().manual_seed(1))
    return T[:, :-1], T[:, 1:]


def over_steps(formula: Any, **options: Any) -> Any:
    cell = nn.GRU(2, 6, batch_first=True, **options)
    return formula(lambda m, x: m.last(m.cell(x)[0]), cell=cell, last=nn.Linear(6 * (1 + cell.bidirectional), 2))


# the future


def test_a_bidirectional_layer_sees_the_next_step(one: Any, formula: Any, draw: Any) -> None:
    found = one(future, over_steps(formula, bidirectional=True), SQUARES, following(draw))
    assert (found.code, found.level) == ("future-leak", "fault")
    assert found.evidence["change"] > 1e-3
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "causal", True)


def test_convolutions_padded_on_both_sides(one: Any, ask: Any, formula: Any, draw: Any) -> None:
    same = formula(lambda m, x: m.c(x.mT).mT, c=nn.Conv1d(2, 2, 3, padding=1))
    assert one(future, same, SQUARES, following(draw)).code == "future-leak"
    left = formula(lambda m, x: m.c(functional.pad(x.mT, (2, 0))).mT, c=nn.Conv1d(2, 2, 3))
    assert not ask(future, left, SQUARES, following(draw))


def attending(formula: Any, mask: Any) -> Any:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return formula(lambda m, x: m.o(m.a(m.e(x), src_mask=mask)), e=nn.Embedding(12, 8), a=layer, o=nn.Linear(8, 12))


def test_attention_without_a_mask(one: Any, ask: Any, formula: Any) -> None:
    found = one(future, attending(formula, None), LAST, words())
    assert (found.code, found.level) == ("future-leak", "fault")
    mask = nn.Transformer.generate_square_subsequent_mask(9)
    assert not ask(future, attending(formula, mask), LAST, words())


def test_classes_before_steps(one: Any, formula: Any) -> None:
    module = attending(formula, None)
    turned = formula(lambda m, x: m.inner(x).mT, inner=module)
    assert one(future, turned, CROSS, words()).code == "future-leak"


def test_networks_that_look_back_are_right(ask: Any, formula: Any, draw: Any) -> None:
    assert not ask(future, over_steps(formula), SQUARES, following(draw))
    steps = formula(lambda m, x: m.o(m.e(x)), e=nn.Embedding(12, 8), o=nn.Linear(8, 12))
    assert not ask(future, steps, LAST, words())


def test_tasks_that_do_not_predict_may_look_ahead(ask: Any, formula: Any, draw: Any) -> None:
    x, _ = following(draw)
    both = over_steps(formula, bidirectional=True)
    assert not ask(future, both, SQUARES, (x, x))  # a filter
    assert not ask(future, both, SQUARES, (x, draw(40, 10, 2)))  # a mark for each step
    tokens, _ = words()
    assert not ask(future, attending(formula, None), LAST, (tokens, tokens))
    assert not ask(future, nn.Linear(4, 4), SQUARES, (draw(40, 4), draw(40, 4)))


# padding


def padded(n: int = 60, steps: int = 9, pad: int = 0) -> tuple[Any, Any, Any]:
    """Token sequences of several lengths with padding at the end, a class, and the lengths."""
    generator = torch.Generator().manual_seed(2)
    T = torch.randint(1, 12, (n, steps), generator=generator)
    lengths = torch.randint(3, steps + 1, (n,), generator=generator)
    return torch.where(torch.arange(steps) < lengths[:, None], T, pad), (T[:, 0] + T[:, 1] > 12).long(), lengths


def test_the_last_state_of_a_padded_sequence(one: Any, formula: Any) -> None:
    X, y, lengths = padded()
    module = formula(
        lambda m, x: m.o(m.c(m.e(x))[1][0]), e=nn.Embedding(12, 6), c=nn.GRU(6, 8, batch_first=True), o=nn.Linear(8, 2)
    )
    found = one(padding, module, CROSS, (X, y))
    assert (found.code, found.level) == ("padding-leak", "fault")
    assert found.evidence["shortest"] == int(lengths.min())
    assert found.evidence["change"] > 0.05
    assert (found.remedy.object, found.remedy.argument) == ("module", "mask_padding")


def test_a_mean_over_padding(one: Any, ask: Any, formula: Any) -> None:
    X, y, _ = padded()
    parts = {"e": nn.Embedding(12, 6), "o": nn.Linear(6, 2)}
    assert one(padding, formula(lambda m, x: m.o(m.e(x).mean(1)), **parts), CROSS, (X, y)).code == "padding-leak"
    masked = formula(lambda m, x: m.o((m.e(x) * (x > 0)[..., None]).sum(1) / (x > 0).sum(1, True)), **parts)
    assert not ask(padding, masked, CROSS, (X, y))


@pytest.mark.parametrize("used", [True, False], ids=["used", "not used"])
def test_lengths_that_are_an_input(used: bool, ask: Any, formula: Any) -> None:
    X, y, lengths = padded()

    def run(m: Any, x: Any, n: Any) -> Any:
        z = m.c(m.e(x))[0]
        return m.o(z[torch.arange(len(z)), n - 1] if used else z[:, -1])

    module = formula(run, e=nn.Embedding(12, 6), c=nn.GRU(6, 8, batch_first=True), o=nn.Linear(8, 2))
    found = ask(padding, module, CROSS, (X, lengths, y))
    assert [each.code for each in found] == ([] if used else ["padding-leak"])


def test_real_numbers_are_padded_too(one: Any, formula: Any, draw: Any) -> None:
    _, y, lengths = padded()
    S = draw(60, 9, 3) * (torch.arange(9) < lengths[:, None])[..., None]
    module = formula(lambda m, x: m.o(m.c(x)[1][0]), c=nn.GRU(3, 8, batch_first=True), o=nn.Linear(8, 2))
    assert one(padding, module, CROSS, (S, y)).code == "padding-leak"


def test_sequences_of_one_length_are_right(ask: Any, formula: Any, draw: Any) -> None:
    module = formula(
        lambda m, x: m.o(m.c(m.e(x))[1][0]), e=nn.Embedding(12, 6), c=nn.GRU(6, 8, batch_first=True), o=nn.Linear(8, 2)
    )
    T, _ = words()
    assert not ask(padding, module, CROSS, (T, torch.arange(60) % 2))
    sparse = torch.where(torch.rand(60, 9, generator=torch.Generator().manual_seed(3)) < 0.6, 0, T)
    assert not ask(padding, module, CROSS, (sparse, torch.arange(60) % 2))  # zeros in the middle are words


def test_a_network_of_one_fixed_length_is_right(ask: Any) -> None:
    X, y, _ = padded()
    fixed = nn.Sequential(nn.Embedding(12, 4), nn.Flatten(), nn.Linear(36, 2))
    assert not ask(padding, fixed, CROSS, (X, y))


def filled(n: int = 240, steps: int = 9) -> tuple[Any, Any]:
    """Token sequences of 6 steps or more that are filled up to one length, and which tokens are in them most."""
    generator = torch.Generator().manual_seed(4)
    T = torch.randint(1, 12, (n, steps), generator=generator)
    lengths = torch.randint(6, steps + 1, (n,), generator=generator)
    X = torch.where(torch.arange(steps) < lengths[:, None], T, 0)
    return X, ((X > 6).sum(1) > (X > 0).sum(1) / 2).long()


def reads_on(formula: Any) -> Any:
    parts = {"e": nn.Embedding(12, 8, padding_idx=0), "o": nn.Linear(8, 2)}
    return formula(lambda m, x: m.o(m.e(x).mean(1)), **parts)


def test_padding_of_one_width_that_does_no_harm_is_a_note(one: Any, formula: Any) -> None:
    X, y = filled()
    module = reads_on(formula)
    found = one(padding, module, CROSS, (X, y), torch.optim.Adam(module.parameters(), lr=0.1))
    assert (found.code, found.level) == ("padding-leak", "note")
    assert "without most of it" in found.seen
    assert found.evidence["change"] > 0.05


def test_padding_of_one_width_that_does_harm(one: Any, formula: Any) -> None:
    X, y = filled()
    long = torch.cat([X, torch.zeros(len(X), 60, dtype=torch.long)], 1)
    module = formula(
        lambda m, x: m.o(torch.tanh(m.c(m.e(x))[0]).mean(1)), e=nn.Embedding(12, 8), c=nn.RNN(8, 16, batch_first=True),
        o=nn.Linear(16, 2),
    )  # fmt: skip
    found = one(padding, module, CROSS, (long, y), torch.optim.Adam(module.parameters(), lr=5e-3))
    assert found.level == "fault"


def test_padding_of_several_widths(one: Any, formula: Any) -> None:
    X, y = filled()
    module = reads_on(formula)
    adam = torch.optim.Adam(module.parameters(), lr=0.1)
    longer = torch.cat([X[:60], torch.zeros(60, 5, dtype=torch.long)], 1)
    assert one(padding, module, CROSS, (X, y), adam, validation=(longer, y[:60])).level == "fault"
    assert one(padding, module, CROSS, (X, y), adam, validation=(X[:60], y[:60])).level == "note"
