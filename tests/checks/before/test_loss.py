"""Questions to the loss: does it compare like with like, has it a slope, does it fall when answers get better."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.loss import shapes, sign, slope, suits, summed

CROSS, LOGITS, SQUARES, ABSOLUTE = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss(), nn.L1Loss()


def squares(output: Tensor, target: Tensor) -> Tensor:
    """The mean square of the differences, with no word on shapes."""
    return ((output - target) ** 2).mean()


# like with like


@pytest.mark.parametrize("loss", [squares, lambda z, t: (z - t).abs().mean()], ids=["squares", "absolute"])
def test_a_column_against_a_row(loss: Any, one: Any, net: Any, draw: Any) -> None:
    module, X, y = net(4, 1), draw(40, 4), draw(40)
    found = one(shapes, module, loss, (X, y))
    assert (found.code, found.level) == ("broadcast", "fault")
    assert (found.evidence["output"], found.evidence["target"]) == ([40, 1], [40])
    assert (
        found.evidence["loss"] > found.evidence["loss_alike"] or found.evidence["loss"] != found.evidence["loss_alike"]
    )
    assert "(40, 40)" in found.seen
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("target", "reshape", [1])


def test_a_row_against_a_column(one: Any, net: Any, draw: Any) -> None:
    module = net(4, 1, last=nn.Flatten(0))
    found = one(shapes, module, squares, (draw(40, 4), draw(40, 1)))
    assert (found.code, found.remedy.value) == ("broadcast", [])


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_the_losses_of_torch_that_warn_of_it(one: Any, net: Any, draw: Any) -> None:
    for loss in (SQUARES, ABSOLUTE, nn.SmoothL1Loss()):
        assert one(shapes, net(4, 1), loss, (draw(40, 4), draw(40))).code == "broadcast"


def test_the_losses_of_torch_where_warnings_are_errors(one: Any, net: Any, draw: Any) -> None:
    assert one(shapes, net(4, 1), SQUARES, (draw(40, 4), draw(40))).code == "broadcast"


def test_shapes_that_the_loss_puts_right(ask: Any, net: Any, draw: Any) -> None:
    X = draw(40, 4)
    assert not ask(shapes, net(4, 1), squares, (X, draw(40, 1)))
    assert not ask(shapes, net(4, 1), lambda z, t: squares(z[:, 0], t), (X, draw(40)))
    assert not ask(shapes, net(4, 3), CROSS, (X, torch.arange(40) % 3))
    assert not ask(shapes, net(4, 1), lambda z, t: LOGITS(z.squeeze(1), t), (X, (draw(40) > 0).float()))
    flat = lambda z, t: squares(z.flatten(), t.flatten())  # noqa: E731
    assert not ask(shapes, net(4, 1), flat, (X, draw(40)))


def test_a_loss_of_pairs_of_rows_is_right(ask: Any, one: Any, net: Any, draw: Any) -> None:
    X = draw(40, 4)
    pairs = lambda z, t: functional.softplus(-(z - z.T) * (t[:, None] - t).sign()).mean()  # noqa: E731
    assert not ask(shapes, net(4, 1), pairs, (X, draw(40)))
    counts = (X[:, 0].exp() + 0.5).floor()  # of an unknown loss that spreads
    assert one(shapes, net(4, 1), nn.PoissonNLLLoss(), (X, counts)).code == "broadcast"


# a slope


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, t: (z.argmax(1) != t).float().mean(),
        lambda z, t: torch.tensor(float(CROSS(z.detach(), t))),
        lambda z, t: CROSS(z.detach(), t),
        lambda z, t: (z.round() - t[:, None]).square().mean(),
    ],
    ids=["argmax", "item", "detach", "round"],
)
def test_a_loss_without_a_slope(loss: Any, one: Any, net: Any, draw: Any) -> None:
    found = one(slope, net(4, 3), loss, (draw(40, 4), torch.arange(40) % 3))
    assert (found.code, found.level) == ("not-differentiable", "fault")
    assert "argmax" in found.do


def test_a_logarithm_of_a_probability_that_rounds_to_0(ask: Any, one: Any, net: Any, draw: Any) -> None:
    data = draw(40, 4), torch.arange(40) % 3

    def own(z: Tensor, t: Tensor) -> Tensor:
        return -torch.log(z.softmax(1)).gather(1, t[:, None]).mean()

    found = one(slope, net(4, 3), own, data)
    assert (found.code, found.level) == ("wrong-loss", "note"), "no step is known that gets there"
    module = net(4, 3)
    gentle = torch.optim.SGD(module.parameters(), lr=0.01)
    assert one(slope, module, own, data, gentle).level == "note"
    wild = torch.optim.SGD(module.parameters(), lr=3000.0)
    found = one(slope, module, own, data, wild)
    assert (found.code, found.level) == ("wrong-loss", "fault")
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loss", "kind", "cross-entropy")

    def binary(z: Tensor, t: Tensor) -> Tensor:
        p = z.sigmoid()
        return -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()

    found = one(slope, net(4, 1), binary, (data[0], (data[1] > 0).float()[:, None]))
    assert (found.code, found.remedy.value) == ("wrong-loss", "logits")


def test_built_in_losses_have_slopes(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(40, 4), torch.arange(40) % 3
    assert not ask(slope, net(4, 3), CROSS, (X, y))
    assert not ask(slope, net(4, 3, last=nn.LogSoftmax(1)), nn.NLLLoss(), (X, y))
    assert not ask(slope, net(4, 1), LOGITS, (X, (y > 0).float()[:, None]))
    assert not ask(slope, net(4, 1, last=nn.Sigmoid()), nn.BCELoss(), (X, (y > 0).float()[:, None]))
    assert not ask(slope, net(4, 1), SQUARES, (X, draw(40, 1)))
    assert not ask(slope, net(4, 1), nn.PoissonNLLLoss(), (X, torch.arange(40.0)[:, None]))
    assert not ask(slope, net(4, 3), nn.MultiMarginLoss(), (X, y))
    assert not ask(slope, net(4, 1), lambda z, t: (1 - z * t).relu().mean(), (X, 2.0 * (y[:, None] > 0) - 1))


def test_what_grows_faster_than_a_logarithm_is_no_cross_entropy(ask: Any, net: Any, draw: Any) -> None:
    X, few = draw(40, 4), (draw(40, 1) > 0).float()
    assert not ask(slope, net(4, 1), nn.PoissonNLLLoss(), (X, few))
    counts = lambda z, t: functional.poisson_nll_loss(z[:, 0], t.float())  # noqa: E731
    assert not ask(slope, net(4, 1), counts, (X, torch.arange(40) % 5))
    assert not ask(slope, net(4, 1), lambda z, t: (z + t * (-z).exp()).mean(), (X, torch.rand(40, 1)))
    assert not ask(slope, net(4, 1), lambda z, t: (-z * (2 * t - 1)).exp().mean(), (X, few))


def test_a_clamped_logarithm_is_right(ask: Any, net: Any, draw: Any) -> None:
    loss = lambda z, t: -torch.log(z.clamp_min(1e-7)).gather(1, t[:, None]).mean()  # noqa: E731
    assert not ask(slope, net(4, 3, last=nn.Softmax(1)), loss, (draw(40, 4), torch.arange(40) % 3))


@pytest.mark.parametrize(
    "loss", [nn.BCELoss(reduction="sum"), nn.BCELoss(weight=torch.tensor([3.0]))], ids=["sum", "weight"]
)
def test_a_loss_that_refuses_what_is_no_probability_is_right(loss: Any, ask: Any, net: Any, draw: Any) -> None:
    data = draw(40, 4), (draw(40, 1) > 0).float()
    assert not ask(slope, net(4, 1, last=nn.Sigmoid()), loss, data)


def test_a_column_of_probabilities_is_right(ask: Any, net: Any, draw: Any) -> None:
    loss, y = lambda z, t: functional.binary_cross_entropy(z[:, 0], t), (draw(40) > 0).float()
    assert not ask(slope, net(4, 1, last=nn.Sigmoid()), loss, (draw(40, 4), y))


# the sign


def likeness(z: Tensor, t: Tensor) -> Tensor:
    """The cosine of the angle between answer and target."""
    return nn.functional.cosine_similarity(z, t).mean()


def test_a_likeness_that_is_made_small(one: Any, ask: Any, net: Any, draw: Any) -> None:
    X = draw(60, 4)
    data, module = (X, X @ draw(4, 5)), net(4, 8, 5)
    found = one(sign, module, likeness, data)
    assert (found.code, found.level) == ("loss-sign", "fault")
    assert not ask(sign, module, lambda z, t: 1 - likeness(z, t), data)


def test_rewards_of_which_the_target_is_a_factor_are_at_most_a_note(ask: Any, net: Any, draw: Any) -> None:
    data, module = (draw(60, 4), draw(60, 5)), net(4, 8, 5)
    for reward in (lambda z, r: (z.softmax(1) * r).sum(1).mean(), lambda z, r: (z * r).mean()):
        assert all(each.level == "note" for each in ask(sign, module, reward, data))


def test_a_loss_with_its_sign_turned(one: Any, net: Any, draw: Any) -> None:
    X, y, k = draw(40, 4), draw(40, 1), torch.arange(40) % 3
    found = one(sign, net(4, 1), lambda z, t: -SQUARES(z, t), (X, y))
    assert (found.code, found.level) == ("loss-sign", "fault")
    far = 9 * float(y.double().var())
    assert found.evidence == {"right": pytest.approx(0), "wrong": pytest.approx(-far, rel=1e-5)}
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loss", "sign", -1)
    assert one(sign, net(4, 3), lambda z, t: -CROSS(z, t), (X, k)).code == "loss-sign"
    assert one(sign, net(4, 1), lambda z, t: -LOGITS(z, t), (X, (y > 0).float())).code == "loss-sign"
    twice = net(4, 3, last=nn.LogSoftmax(1))
    assert one(sign, twice, lambda z, t: z.gather(1, t[:, None]).mean(), (X, k)).code == "loss-sign"


def test_an_optimizer_that_climbs(one: Any, net: Any, draw: Any) -> None:
    module = net(4, 1)
    climbing = torch.optim.SGD(module.parameters(), lr=0.1, maximize=True)
    found = one(sign, module, SQUARES, (draw(40, 4), draw(40, 1)), climbing)
    assert (found.code, found.level) == ("loss-sign", "fault")
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("optimizer", "maximize", False)


def test_losses_that_fall_are_right(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y, k = draw(40, 4), draw(40, 1), torch.arange(40) % 3
    module = net(4, 1)
    assert not ask(sign, module, SQUARES, (X, y), adam(module))
    assert not ask(sign, net(4, 3), CROSS, (X, k))
    assert not ask(sign, net(4, 3), nn.CrossEntropyLoss(label_smoothing=0.1), (X, k))
    assert not ask(sign, net(4, 3, last=nn.LogSoftmax(1)), nn.NLLLoss(), (X, k))
    assert not ask(sign, net(4, 1), LOGITS, (X, (y > 0).float()))
    assert not ask(sign, net(4, 1, last=nn.Sigmoid()), nn.BCELoss(), (X, (y > 0).float()))
    assert not ask(sign, net(4, 3), CROSS, (X, draw(40, 3).softmax(1)))


def test_a_likelihood_may_be_negative(ask: Any, net: Any, draw: Any) -> None:
    loss = lambda z, t: functional.gaussian_nll_loss(z[:, :1], t, 1e-3 * z[:, 1:].exp())  # noqa: E731
    assert not ask(sign, net(4, 2), loss, (draw(40, 4), draw(40, 1)))
    similar = lambda z, t: -functional.cosine_similarity(z.T, t.T).mean()  # noqa: E731
    assert not ask(sign, net(4, 1), similar, (draw(40, 4), draw(40, 1)))


def test_a_reward_that_is_maximised_is_right(ask: Any, net: Any, draw: Any) -> None:
    module = net(4, 1)
    climbing = torch.optim.SGD(module.parameters(), lr=0.1, maximize=True)
    assert not ask(sign, module, lambda z, t: -SQUARES(z, t), (draw(40, 4), draw(40, 1)), climbing)
    module = net(4, 3)
    climbing = torch.optim.Adam(module.parameters(), maximize=True)
    assert not ask(sign, module, lambda z, t: -CROSS(z, t), (draw(40, 4), torch.arange(40) % 3), climbing)


def test_what_an_optimizer_climbs_is_told_as_its_author_has_it(one: Any, net: Any, draw: Any) -> None:
    module, y = net(4, 1), draw(40, 1)
    found = one(sign, module, SQUARES, (draw(40, 4), y), torch.optim.Adam(module.parameters(), maximize=True))
    assert found.level == "fault"
    assert found.evidence == {"right": 0, "wrong": pytest.approx(9 * float(y.double().var()), rel=1e-5)}
    assert "Adam has maximize=True" in found.seen


def test_a_game_and_what_is_not_known_are_at_most_a_note(ask: Any, one: Any, net: Any, draw: Any) -> None:
    X, y = draw(40, 4), draw(40, 1)
    module = net(4, 4, 1)
    first, second = module[0].parameters(), module[2].parameters()
    game = [torch.optim.SGD(first, 0.1), torch.optim.SGD(second, 0.1, maximize=True)]
    assert one(sign, module, SQUARES, (X, y), game).level == "note"
    module = net(4, 2)
    likelihood = lambda z, t: -functional.gaussian_nll_loss(z[:, :1], t, z[:, 1:].exp())  # noqa: E731
    climbing = torch.optim.SGD(module.parameters(), 0.1, maximize=True)
    assert one(sign, module, likelihood, (X, y), climbing).level == "note"
    likeness = lambda d, t: (t * d**2 + (1 - t) * (1 - d).relu() ** 2).mean()  # noqa: E731
    assert all(each.level == "note" for each in ask(sign, net(4, 1), likeness, (X, (y > 0).float())))
    other = lambda z, t: -(1 - z.softmax(1).gather(1, t[:, None])).log().mean()  # noqa: E731
    assert all(each.level == "note" for each in ask(sign, net(4, 3), other, (X, torch.arange(40) % 3)))


def test_turned_losses_of_all_kinds(one: Any, net: Any, draw: Any) -> None:
    X, k = draw(40, 4), torch.arange(40) % 3
    two = (k > 0).long()
    turned = lambda z, t: -functional.binary_cross_entropy_with_logits(z[:, 0], t.float())  # noqa: E731
    assert one(sign, net(4, 1), turned, (X, two)).level == "fault"
    turned = lambda p, t: 0.3 - functional.binary_cross_entropy(p[:, 0], t.float())  # noqa: E731
    assert one(sign, net(4, 1, last=nn.Sigmoid()), turned, (X, two)).level == "fault"
    turned = lambda z, t: -functional.huber_loss(z[:, 0], t.float())  # noqa: E731
    assert one(sign, net(4, 1), turned, (X, k)).level == "fault"
    shares = draw(40, 3).softmax(1)
    assert one(sign, net(4, 3), lambda z, t: -CROSS(z, t), (X, shares)).level == "fault"
    pixels, masks = draw(8, 1, 5, 5), torch.arange(200).reshape(8, 5, 5) % 3
    assert one(sign, nn.Conv2d(1, 3, 1), lambda z, t: -CROSS(z, t), (pixels, masks)).level == "fault"


def test_a_divergence_of_logarithms_is_right(ask: Any, net: Any, draw: Any) -> None:
    loss, data = nn.KLDivLoss(reduction="batchmean"), (draw(40, 4), draw(40, 3).softmax(1))
    assert not ask(sign, net(4, 3, last=nn.LogSoftmax(1)), loss, data)


def test_a_loss_of_distances_is_right(ask: Any, net: Any, draw: Any) -> None:
    centres = draw(3, 8)
    loss = lambda z, t: (z - centres[t]).square().mean()  # noqa: E731
    assert not ask(sign, net(4, 8), loss, (draw(40, 4), torch.arange(40) % 3))


# a loss for the task


def heaps(n: int, k: int) -> tuple[Tensor, Tensor]:
    """Rows in k heaps on a circle, whose numbers say nothing about where they lie."""
    generator = torch.Generator().manual_seed(5)
    y = torch.arange(n) % k
    place = torch.tensor([0, 3, 1, 4, 2])[:k][y] * (2 * torch.pi / k)
    return torch.stack([place.cos(), place.sin()], 1) + 0.5 * torch.randn(n, 2, generator=generator), y


@pytest.mark.parametrize("loss", [SQUARES, ABSOLUTE], ids=["squares", "absolute"])
def test_class_numbers_met_as_numbers(loss: Any, one: Any, net: Any) -> None:
    X, y = heaps(200, 5)
    found = one(suits, net(2, 1), loss, (X, y[:, None].float()))
    assert (found.code, found.level) == ("wrong-loss", "fault")
    assert found.evidence["values"] == 5
    assert found.evidence["best"] > found.evidence["suits"] + 0.08
    assert found.evidence["better"] > 0.05
    pairs = (y[:, None] - y[None]).abs().double()
    assert found.evidence["chance"] == pytest.approx(float(pairs[pairs > 0].mean()), rel=1e-6)
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loss", "kind", "cross-entropy")


def test_whole_class_numbers_that_the_loss_makes_real(one: Any, net: Any) -> None:
    X, y = heaps(200, 5)
    found = one(suits, net(2, 1), lambda z, t: functional.mse_loss(z[:, 0], t.float()), (X, y), epochs=1)
    assert (found.code, found.level) == ("wrong-loss", "fault")


def test_ordered_numbers_are_right(ask: Any, net: Any, draw: Any) -> None:
    X = draw(200, 2)
    y = (1.2 * (X[:, :1] + X[:, 1:])).round().clamp(-2, 2) + 3  # marks of 1 to 5
    assert not ask(suits, net(2, 1), SQUARES, (X, y))


def test_numbers_of_which_the_inputs_say_little_are_at_most_a_note(ask: Any, net: Any) -> None:
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        X = torch.randn(200, 3, generator=generator)
        noise = torch.randn(200, generator=generator)
        for weight in (0.0, 0.3, 1.0):
            y = torch.bucketize(weight * X[:, 0] + noise, torch.tensor([-1.0, -0.3, 0.3, 1.0]))
            found = ask(suits, net(3, 1), SQUARES, (X, y[:, None].float()))
            assert all(each.level == "note" for each in found)


def test_losses_of_rows_that_are_no_distributions(ask: Any, net: Any, draw: Any) -> None:
    def likeness(z: Tensor, t: Tensor) -> Tensor:
        z, t = (each - each.mean(1, keepdim=True) for each in (z, t))
        return 1 - functional.cosine_similarity(z, t).mean()

    def ranks(z: Tensor, t: Tensor) -> Tensor:
        return -(t.softmax(1) * z.log_softmax(1)).sum(1).mean()

    for loss in (likeness, ranks):
        assert not ask(suits, net(3, 4), loss, (draw(60, 3), draw(60, 4)))


def test_several_labels_a_row_under_softmax(one: Any, net: Any, draw: Any) -> None:
    y = (draw(60, 4) > 0).float()
    found = one(suits, net(3, 4), CROSS, (draw(60, 3), y))
    assert (found.code, found.level) == ("wrong-loss", "fault")
    assert found.evidence["share"] == pytest.approx(float((y.sum(1) != 1).double().mean()))
    assert found.remedy.value == "logits"
    assert one(suits, net(3, 4), CROSS, (draw(60, 3), draw(60, 4))).remedy.value == "squares"


@pytest.mark.parametrize("loss", [LOGITS, nn.BCELoss()], ids=["logits", "probabilities"])
def test_numbers_under_a_loss_of_probabilities(loss: Any, ask: Any, net: Any, draw: Any) -> None:
    module = net(3, 1, last=nn.Sigmoid() if isinstance(loss, nn.BCELoss) else None)
    found = ask(suits, module, loss, (draw(60, 3), 3 * draw(60, 1)))
    assert [(each.code, each.level, each.remedy.value) for each in found] == [("wrong-loss", "fault", "squares")]


def test_losses_for_their_own_task_are_right(ask: Any, net: Any, draw: Any) -> None:
    X, y = heaps(200, 5)
    assert not ask(suits, net(2, 5), CROSS, (X, y))
    assert not ask(suits, net(2, 5), CROSS, (X, functional.one_hot(y, 5).float()))
    assert not ask(suits, net(2, 1), SQUARES, (X, draw(200, 1)))
    assert not ask(suits, net(2, 5), SQUARES, (X, functional.one_hot(y, 5).float()))
    assert not ask(suits, net(2, 1), SQUARES, (X, (y > 1).float()[:, None]))
    assert not ask(suits, net(2, 4), LOGITS, (X, (draw(200, 4) > 0).float()))
    assert not ask(suits, net(2, 1), LOGITS, (X, torch.rand(200, 1)))  # soft labels


# sum or mean


def rule(draw: Any) -> tuple[Tensor, Tensor]:
    X = draw(200, 4)
    return X, (X[:, :1] * X[:, 1:2] + X[:, 2:3]).tanh()


def test_a_sum_at_the_rate_of_a_mean(one: Any, net: Any, draw: Any) -> None:
    module = net(4, 32, 1)
    loss = nn.MSELoss(reduction="sum")
    found = one(summed, module, loss, rule(draw), torch.optim.SGD(module.parameters(), lr=0.1), batch_size=50)
    assert (found.code, found.level) == ("loss-sum", "fault")
    assert found.evidence["rows"] == 50
    assert found.evidence["left_averaged"] < 0.75 * found.evidence["left_summed"]
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loss", "reduction", "mean")
    assert "50 times" in found.seen


def test_a_mean_and_a_sum_with_its_own_rate_are_right(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    data = rule(draw)
    for loss, rate in ((SQUARES, 0.1), (nn.MSELoss(reduction="sum"), 0.002)):
        module = net(4, 32, 1)
        assert not ask(summed, module, loss, data, torch.optim.SGD(module.parameters(), lr=rate), batch_size=50)
    module = net(4, 32, 1)  # Adam does not care for the size of a gradient
    assert not ask(summed, module, nn.MSELoss(reduction="sum"), data, adam(module), batch_size=50)
