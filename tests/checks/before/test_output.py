"""Questions to the output and its loss: activations that are applied twice, that hide, or that do not reach."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.output import applied_twice, ends, reaches

CROSS, LOGITS, SQUARES = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()


@pytest.fixture
def X(draw: Any) -> Any:
    return draw(60, 4)


THREE = torch.arange(60) % 3
TWO = (torch.arange(60) % 2).float()[:, None]


# where an output ends


@pytest.mark.parametrize(
    ("last", "lowest", "highest", "below", "above"),
    [
        (None, None, None, False, False),
        (nn.Sigmoid(), 0.0, 1.0, True, True),
        (nn.Tanh(), -1.0, 1.0, True, True),
        (nn.ReLU(), 0.0, None, True, False),
        (nn.Softmax(1), 0.0, 1.0, True, True),
        (nn.Hardtanh(-2.0, 5.0), -2.0, 5.0, True, True),
        (nn.Softplus(), 0.0, None, True, False),
    ],
    ids=["linear", "sigmoid", "tanh", "relu", "softmax", "hardtanh", "softplus"],
)
def test_the_ends_of_an_output(
    last: Any, lowest: Any, highest: Any, below: bool, above: bool, context: Any, net: Any, X: Any
) -> None:
    found = ends(context(net(4, 16, 3, last=last), SQUARES, (X, torch.zeros(60, 3))))
    assert (found.bounded_below, found.bounded_above) == (below, above)
    assert found.sums == isinstance(last, nn.Softmax)
    assert not found.constant
    if lowest is not None:
        assert found.lowest == pytest.approx(lowest, abs=1e-3)
    if highest is not None:
        assert found.highest == pytest.approx(highest, abs=1e-3)


def test_vectors_that_are_looked_up_have_no_ends_at_zero(ask: Any, one: Any, formula: Any) -> None:
    pairs, y = torch.stack([torch.arange(60) % 6, torch.arange(60) % 5], 1), torch.linspace(-2, 2, 60)[:, None]
    for last in (lambda z: z, torch.sigmoid):
        module = formula(
            lambda m, x, last=last: last(m.a(x[:, 0]) * m.b(x[:, 1])), a=nn.Embedding(6, 1), b=nn.Embedding(5, 1)
        )
        for part in (module.a, module.b):
            nn.init.zeros_(part.weight)
        found = ask(reaches, module, SQUARES, (pairs, y))
        assert [each.code for each in found] == (["output-range"] if last is torch.sigmoid else [])


def test_an_output_that_never_varies_has_no_range(ask: Any, formula: Any, X: Any) -> None:
    module = formula(lambda m, x: 0 * m.o(x), o=nn.Linear(4, 1))
    assert not ask(reaches, module, SQUARES, (X, 3 * X[:, :1]))


def test_outputs_that_are_constant(context: Any, net: Any, X: Any) -> None:
    assert ends(context(net(4, 1, last=nn.Softmax(1)), SQUARES, (X, torch.zeros(60, 1)))).constant


def test_outputs_without_ends(context: Any, formula: Any, X: Any) -> None:
    pair = formula(lambda m, x: (m.a(x), m.a(x)), a=nn.Linear(4, 3))
    assert ends(context(pair, lambda z, t: SQUARES(z[0], t), (X, torch.zeros(60, 3)))) is None
    missing = formula(lambda m, x: m.a(x) * torch.nan, a=nn.Linear(4, 3))
    assert ends(context(missing, SQUARES, (X, torch.zeros(60, 3)))) is None


# twice


def test_softmax_before_a_loss_that_applies_it(one: Any, net: Any, X: Any) -> None:
    found = one(applied_twice, net(4, 16, 3, last=nn.Softmax(1)), CROSS, (X, THREE))
    assert (found.code, found.level) == ("double-softmax", "fault")
    assert 0 <= found.evidence["lowest"] < found.evidence["highest"] <= 1
    assert found.where.layer == "3"
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "remove", "3")
    assert "CrossEntropyLoss applies it" in found.do


def test_softmax_in_forward_has_no_layer(one: Any, formula: Any, X: Any) -> None:
    module = formula(lambda m, x: functional.softmax(m.net(x), 1), net=nn.Linear(4, 3))
    found = one(applied_twice, module, lambda z, t: functional.cross_entropy(z, t), (X, THREE))
    assert (found.code, found.where.layer, found.remedy.value) == ("double-softmax", None, "softmax")


def test_sigmoid_before_a_loss_that_applies_it(one: Any, net: Any, X: Any) -> None:
    for width, y in ((1, TWO), (3, functional.one_hot(THREE, 3).float())):
        found = one(applied_twice, net(4, 16, width, last=nn.Sigmoid()), LOGITS, (X, y))
        assert (found.code, found.level, found.where.layer) == ("double-softmax", "fault", "3")
        assert "sigmoid" in found.seen


def test_losses_that_are_changed_apply_it_too(one: Any, net: Any, X: Any) -> None:
    def focal(z: Any, t: Any) -> Any:
        each = functional.cross_entropy(z, t, reduction="none")
        return ((1 - each.neg().exp()) ** 2 * each).mean()

    softmax, sigmoid = net(4, 16, 3, last=nn.Softmax(1)), net(4, 16, 1, last=nn.Sigmoid())
    for loss in (focal, lambda z, t: 1000 * CROSS(z, t), lambda z, t: CROSS(z, t) + 3):
        found = one(applied_twice, softmax, loss, (X, THREE))
        assert (found.code, found.level) == ("double-softmax", "fault")
        assert "the loss applies it" in found.do
    whole = TWO[:, 0].long()
    for loss in (
        lambda z, t: functional.binary_cross_entropy_with_logits(z.squeeze(), t.float()),
        lambda z, t: functional.binary_cross_entropy_with_logits(z[:, 0], 0.9 * t + 0.05, reduction="sum"),
    ):
        assert one(applied_twice, sigmoid, loss, (X, whole)).code == "double-softmax"
    each_class = lambda z, t: LOGITS(z, functional.one_hot(t, 3).float())  # noqa: E731
    assert one(applied_twice, net(4, 16, 3, last=nn.Sigmoid()), each_class, (X, THREE)).code == "double-softmax"
    assert one(applied_twice, net(4, 16, 3, last=nn.ReLU()), each_class, (X, THREE)).code == "output-activation"


def test_softmax_of_steps_and_of_pixels(one: Any, draw: Any) -> None:
    pixels = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Softmax(1))
    y = torch.arange(200).reshape(8, 5, 5) % 3
    assert one(applied_twice, pixels, CROSS, (draw(8, 1, 5, 5), y)).code == "double-softmax"


def test_softmax_of_one_unit(one: Any, net: Any, X: Any) -> None:
    for loss in (nn.BCELoss(), SQUARES):
        found = one(applied_twice, net(4, 8, 1, last=nn.Softmax(1)), loss, (X, TWO))
        assert (found.code, found.level) == ("output-activation", "fault")
        assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loss", "kind", "logits")


def test_cross_entropy_of_one_unit(one: Any, net: Any, X: Any) -> None:
    found = one(applied_twice, net(4, 8, 1), CROSS, (X, torch.zeros(60, dtype=torch.long)))
    assert (found.code, found.level) == ("wrong-loss", "fault")
    assert one(applied_twice, net(4, 8, 1), CROSS, (X, TWO)).code == "wrong-loss"
    assert "always 0" in found.seen


def test_what_is_no_logarithm_under_a_loss_of_logarithms(one: Any, net: Any, X: Any) -> None:
    module = net(4, 8, 3)
    found = one(applied_twice, module, nn.NLLLoss(), (X, THREE))
    assert (found.code, found.level, found.remedy.value) == ("output-activation", "fault", "cross-entropy")
    module = net(4, 8, 3, last=nn.Softmax(1))
    found = one(applied_twice, module, nn.NLLLoss(), (X, THREE))
    sums = module(X).detach().exp().sum(1).double()
    assert found.evidence["sum_of_exponentials"] == pytest.approx(float(sums.mean()), rel=1e-4)
    assert found.remedy.value == "log"


@pytest.mark.parametrize(("last", "lowest"), [(nn.ReLU(), 0.0), (nn.Tanh(), -1.0)], ids=["relu", "tanh"])
def test_an_activation_on_logits(last: Any, lowest: float, one: Any, net: Any, X: Any) -> None:
    for loss, width, y in ((CROSS, 3, THREE), (LOGITS, 1, TWO)):
        found = one(applied_twice, net(4, 16, width, last=last), loss, (X, y))
        assert (found.code, found.level) == ("output-activation", "fault")
        assert found.evidence["lowest"] == pytest.approx(lowest, abs=1e-3)
        assert (found.remedy.argument, found.remedy.value, found.where.layer) == ("remove", "3", "3")


def test_sigmoid_before_softmax_is_an_activation_on_logits(one: Any, net: Any, X: Any) -> None:
    found = one(applied_twice, net(4, 16, 3, last=nn.Sigmoid()), CROSS, (X, THREE))
    assert (found.code, found.where.layer) == ("output-activation", "3")


def test_ends_that_suit_their_losses_are_right(ask: Any, net: Any, X: Any) -> None:
    one_hot = functional.one_hot(THREE, 3).float()
    assert not ask(applied_twice, net(4, 16, 3), CROSS, (X, THREE))
    assert not ask(applied_twice, net(4, 16, 3), CROSS, (X, one_hot))
    assert not ask(applied_twice, net(4, 16, 1), LOGITS, (X, TWO))
    assert not ask(applied_twice, net(4, 16, 3, last=nn.LogSoftmax(1)), nn.NLLLoss(), (X, THREE))
    assert not ask(applied_twice, net(4, 16, 3, last=nn.LogSoftmax(1)), CROSS, (X, THREE))  # twice is as once
    assert not ask(applied_twice, net(4, 16, 1, last=nn.Sigmoid()), nn.BCELoss(), (X, TWO))
    assert not ask(applied_twice, net(4, 16, 1, last=nn.Sigmoid()), SQUARES, (X, TWO))
    assert not ask(applied_twice, net(4, 16, 3, last=nn.Softmax(1)), SQUARES, (X, one_hot))


def test_logits_that_are_scaled_or_shifted_are_right(ask: Any, formula: Any, X: Any) -> None:
    cosine = formula(  # the logits of a cosine head end at +-10 on purpose
        lambda m, x: 10 * functional.normalize(m.a(x), dim=1) @ functional.normalize(m.b.weight, dim=1).T,
        a=nn.Linear(4, 8),
        b=nn.Linear(8, 3),
    )
    assert not ask(applied_twice, cosine, CROSS, (X, THREE))
    capped = formula(lambda m, x: 30 * torch.tanh(m.a(x) / 30), a=nn.Linear(4, 3))
    assert not ask(applied_twice, capped, CROSS, (X, THREE))


# reach


@pytest.mark.parametrize("last", [nn.Sigmoid(), nn.Tanh(), nn.ReLU()], ids=["sigmoid", "tanh", "relu"])
def test_targets_beyond_the_last_activation(last: Any, one: Any, net: Any, adam: Any, X: Any) -> None:
    y = 3 * X[:, :1] - 0.5
    module = net(4, 16, 1, last=last)
    found = one(reaches, module, SQUARES, (X, y), adam(module))
    assert (found.code, found.level) == ("output-range", "fault")
    low, high = {"Sigmoid": (0, 1), "Tanh": (-1, 1), "ReLU": (0, torch.inf)}[type(last).__name__]
    margin = 0.02 * float(y.max() - y.min())
    share = float(((y < low - margin) | (y > high + margin)).double().mean())
    assert found.evidence["share"] == pytest.approx(share, abs=0.02)
    assert (found.remedy.argument, found.remedy.value, found.where.layer) == ("remove", "3", "3")


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, t: torch.maximum(0.9 * (t - z), 0.1 * (z - t)).mean(),
        lambda z, t: SQUARES(z, t).sqrt() + 1,
        lambda z, t: 1e-3 * SQUARES(z[:, 0], t[:, 0]),
    ],
    ids=["quantile", "root and a constant", "divided"],
)
def test_all_losses_of_numbers_have_a_reach(loss: Any, one: Any, net: Any, adam: Any, X: Any) -> None:
    module = net(4, 16, 1, last=nn.Sigmoid())
    assert one(reaches, module, loss, (X, 3 * X[:, :1] - 0.5), adam(module)).code == "output-range"


def test_other_losses_than_of_numbers_have_no_reach(ask: Any, net: Any, adam: Any, X: Any) -> None:
    for loss in (
        lambda z, t: (1 - z * t).relu().mean(),
        lambda z, t: (z - t).square().log1p().mean(),
        lambda z, t: 1 - functional.cosine_similarity(z, t).mean(),
    ):
        module = net(4, 16, 3, last=nn.Tanh())
        assert not ask(reaches, module, loss, (X, 3 * X[:, :3]), adam(module))


def test_an_activation_in_forward_has_a_kind_and_no_layer(one: Any, formula: Any, adam: Any, X: Any) -> None:
    module = formula(lambda m, x: torch.sigmoid(m.a(x)), a=nn.Linear(4, 1))
    found = one(reaches, module, SQUARES, (X, 3 * X[:, :1]), adam(module))
    assert (found.code, found.where.layer, found.remedy.value) == ("output-range", None, "sigmoid")


def test_targets_within_reach_are_right(ask: Any, net: Any, adam: Any, X: Any) -> None:
    for last, y in (
        (None, 30 * X[:, :1]),
        (nn.Sigmoid(), X[:, :1].sigmoid()),
        (nn.Sigmoid(), (X[:, :1] > 0).float()),
        (nn.Tanh(), X[:, :1].tanh()),
        (nn.ReLU(), X[:, :1].relu()),
        (nn.Softplus(), X[:, :1].exp()),
    ):
        module = net(4, 16, 1, last=last)
        assert not ask(reaches, module, SQUARES, (X, y), adam(module)), last


def test_classes_have_no_range(ask: Any, net: Any, X: Any) -> None:
    assert not ask(reaches, net(4, 16, 3, last=nn.Softmax(1)), CROSS, (X, THREE))
    assert not ask(reaches, net(4, 16, 1, last=nn.Sigmoid()), nn.BCELoss(), (X, TWO))


def test_an_end_that_small_activations_hide(one: Any, ask: Any, adam: Any, draw: Any) -> None:
    pictures = draw(80, 1, 8, 8)

    def decoder(*last: nn.Module) -> nn.Sequential:
        body = [nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 128), nn.ReLU(), nn.Unflatten(1, (8, 4, 4))]
        return nn.Sequential(*body, nn.ConvTranspose2d(8, 1, 2, stride=2), *last)

    module = decoder(nn.Sigmoid())
    found = one(reaches, module, SQUARES, (pictures, pictures), adam(module))
    assert (found.code, found.level, found.where.layer) == ("output-range", "fault", "7")
    assert found.evidence["lowest"] == pytest.approx(0.0, abs=1e-6)
    module = decoder()
    assert not ask(reaches, module, SQUARES, (pictures, pictures), adam(module))


def test_an_end_that_training_leaves_behind_is_none(ask: Any, formula: Any, X: Any) -> None:
    """A gate that is the last to be used lets through what other weights give, which has no end."""
    first, gate = nn.Linear(4, 1), nn.Linear(4, 1)
    with torch.no_grad():
        first.weight.fill_(0.0)
        first.bias.fill_(0.5)
    module = formula(lambda m, x: m.first(x) * m.gate(x).sigmoid(), first=first, gate=gate)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    assert not ask(reaches, module, SQUARES, (X, 3 * X[:, :1] - 2), optimizer)


class Links(nn.Module):
    """How likely two things are linked: by the product of their vectors, which numbers 50 times larger cannot reach."""

    def __init__(self, squash: bool) -> None:
        super().__init__()
        self.table, self.squash = nn.Embedding(20, 6), squash
        nn.init.constant_(self.table.weight[:, 0], 0.6)

    def forward(self, pairs: Tensor) -> Tensor:
        z = self.table(pairs).relu()
        score = (z[:, 0] * z[:, 1]).sum(1)
        return score.sigmoid() if self.squash else score - 2


def test_a_sigmoid_far_from_its_lower_end(ask: Any, one: Any) -> None:
    pairs = torch.stack([torch.arange(200) % 20, torch.arange(200) * 7 % 20], 1)
    target = (pairs.sum(1) % 2).float()
    loss = nn.BCEWithLogitsLoss()
    found = one(applied_twice, Links(True), loss, (pairs, target))
    assert (found.code, found.level) == ("double-softmax", "fault")
    assert found.evidence["lowest"] >= 0.5
    assert not ask(applied_twice, Links(False), loss, (pairs, target))


@pytest.mark.parametrize("ends", [False, True])
def test_units_that_are_all_off_hide_no_end_of_the_output(ends: bool, ask: Any, net: Any, adam: Any, draw: Any) -> None:
    """The output behind them is one number for all rows, and nothing is known of where it ends."""
    module = net(4, 8, 1, last=nn.ReLU() if ends else None)
    with torch.no_grad():
        module[0].bias.fill_(-50.0)
    found = ask(reaches, module, nn.MSELoss(), (draw(80, 4), draw(80, 1)), adam(module))
    assert [each.code for each in found] == (["output-range"] if ends else [])
