"""Questions to labels: within range, related to the inputs, agreeing with their neighbours."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright.checks.before.labels import agreeing, even, in_range, related

CROSS, LOGITS, SQUARES = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()


# within range


@pytest.mark.parametrize(
    ("shift", "argument", "value"), [(1, "add", -1), (3, "add", -3), (-1, "add", 1)], ids=["one", "three", "below"]
)
def test_labels_that_do_not_begin_at_0(
    shift: int, argument: str, value: int, one: Any, net: Any, draw: Any, classes: Any
) -> None:
    X = draw(60, 4)
    found = one(in_range, net(4, 3), CROSS, (X, classes(X) + shift))
    assert (found.code, found.level) == ("label-range", "fault")
    assert found.evidence == {"lowest": shift, "highest": 2 + shift, "outputs": 3}
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("target", argument, value)
    assert f"from {shift} to {2 + shift}" in found.seen


def test_more_classes_than_outputs(one: Any, net: Any, draw: Any) -> None:
    found = one(in_range, net(4, 3), CROSS, (draw(60, 4), torch.arange(60) % 5))
    assert (found.code, found.level) == ("label-range", "fault")
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "outputs", 5)


def test_more_outputs_than_classes(ask: Any, one: Any, net: Any, draw: Any) -> None:
    y = torch.arange(60) % 3
    far = one(in_range, net(4, 30), CROSS, (draw(60, 4), y))
    assert (far.code, far.level) == ("output-width", "fault")
    assert far.evidence == {"outputs": 30, "classes": 3}
    assert (far.remedy.object, far.remedy.argument, far.remedy.value) == ("module", "outputs", 3)
    near = one(in_range, net(4, 4), CROSS, (draw(60, 4), y))
    assert (near.code, near.level) == ("output-width", "note")


def test_labels_from_1_with_an_output_more_are_noticed(one: Any, net: Any, draw: Any) -> None:
    found = one(in_range, net(4, 4), CROSS, (draw(60, 4), torch.arange(60) % 3 + 1))
    assert (found.code, found.level) == ("output-width", "note")
    assert "begin at 1" in found.do


def test_labels_that_the_loss_means_are_right(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(60, 4), torch.arange(60) % 3
    assert not ask(in_range, net(4, 3), CROSS, (X, y))
    assert not ask(in_range, net(4, 3), CROSS, (X, torch.where(torch.arange(60) % 7 == 0, -100, y)))
    assert not ask(in_range, net(4, 3), CROSS, (X, functional.one_hot(y, 3).float()))
    assert not ask(in_range, net(4, 3), LOGITS, (X, functional.one_hot(y, 3).float()))
    assert not ask(in_range, net(4, 1), LOGITS, (X, torch.rand(60, 1)))
    assert not ask(in_range, net(4, 1), SQUARES, (X, y[:, None].float() + 7))


def test_steps_and_pixels_have_their_classes_on_another_axis(ask: Any, one: Any, draw: Any) -> None:
    pixels, labels = draw(8, 1, 5, 5), torch.arange(8 * 25).reshape(8, 5, 5) % 3
    assert not ask(in_range, nn.Conv2d(1, 3, 1), CROSS, (pixels, labels))
    found = one(in_range, nn.Conv2d(1, 3, 1), CROSS, (pixels, labels + 1))
    assert (found.code, found.evidence["outputs"]) == ("label-range", 3)
    last = lambda output, target: CROSS(output.flatten(0, 1), target.flatten())  # noqa: E731
    steps, marks = draw(8, 6, 4), torch.arange(48).reshape(8, 6) % 3
    assert not ask(in_range, nn.Linear(4, 3), last, (steps, marks))
    assert one(in_range, nn.Linear(4, 3), last, (steps, marks + 1)).code == "label-range"


@pytest.mark.parametrize(
    ("values", "argument"),
    [([1.0, 2.0], "map"), ([-1.0, 1.0], "map"), ([0.0, 1.0, 2.0], "kind")],
    ids=["1 and 2", "-1 and 1", "three"],
)
def test_labels_that_are_no_probabilities(values: list[float], argument: str, one: Any, net: Any, draw: Any) -> None:
    y = torch.tensor(values).repeat(30)[:60, None]
    found = one(in_range, net(4, 1), LOGITS, (draw(60, 4), y))
    assert (found.code, found.level) == ("label-range", "fault")
    assert found.evidence == {"lowest": values[0], "highest": values[-1], "values": len(values)}
    assert found.remedy.argument == argument


def test_labels_that_were_scaled_like_inputs(one: Any, net: Any, draw: Any) -> None:
    y = (torch.arange(60) % 2)[:, None] / 255
    found = one(in_range, net(4, 1), LOGITS, (draw(60, 4), y))
    assert (found.code, found.level) == ("label-range", "fault")
    assert found.evidence["highest"] == pytest.approx(1 / 255)
    assert "255" in found.do or "0.0039" in found.do


@pytest.mark.parametrize("loss", [functional.binary_cross_entropy_with_logits, functional.mse_loss])
def test_whole_labels_that_the_loss_makes_real_are_right(loss: Any, ask: Any, net: Any, draw: Any) -> None:
    y = torch.arange(60) % 2
    assert not ask(in_range, net(4, 1), lambda z, t: loss(z.squeeze(1), t.float()), (draw(60, 4), y))


def test_a_class_number_that_the_loss_leaves_out_is_right(ask: Any, net: Any, draw: Any) -> None:
    y = torch.where(torch.arange(60) % 7 == 0, 255, torch.arange(60) % 3)
    assert not ask(in_range, net(4, 3), nn.CrossEntropyLoss(ignore_index=255), (draw(60, 4), y))


def test_labels_that_the_loss_leaves_out_by_itself_are_right(ask: Any, net: Any, draw: Any) -> None:
    y = torch.where(torch.arange(60) % 7 == 0, 255, torch.arange(60) % 3)
    assert not ask(in_range, net(4, 3), lambda z, t: functional.cross_entropy(z, t, ignore_index=255), (draw(60, 4), y))
    y = torch.where(y == 255, -1, y)
    assert not ask(in_range, net(4, 3), lambda z, t: functional.cross_entropy(z, t, ignore_index=-1), (draw(60, 4), y))

    def masked(z: Any, t: Any) -> Any:
        each = functional.binary_cross_entropy_with_logits(z, t.clamp_min(0), reduction="none")
        return (each * (t >= 0)).sum() / (t >= 0).sum()

    known = torch.where(draw(60, 3) > 0.5, -1.0, (draw(60, 3) > 0).float())
    assert not ask(in_range, net(4, 3), masked, (draw(60, 4), known))
    signs = lambda z, t: LOGITS(z, (t + 1) / 2)  # noqa: E731
    assert not ask(in_range, net(4, 1), signs, (draw(60, 4), 2.0 * (draw(60, 1) > 0) - 1))


def test_one_output_for_two_classes(one: Any, net: Any, draw: Any) -> None:
    found = one(in_range, net(4, 1), CROSS, (draw(60, 4), torch.arange(60) % 2))
    assert (found.code, found.level, found.remedy.value) == ("label-range", "fault", 2)
    assert "1 column, for the class 0" in found.seen
    assert "BCEWithLogitsLoss" in found.do


@pytest.mark.parametrize("last", [None, nn.Sigmoid()], ids=["logits", "probabilities"])
def test_whole_numbers_of_three_classes_for_one_output(last: Any, one: Any, net: Any, draw: Any) -> None:
    binary = functional.binary_cross_entropy if last else functional.binary_cross_entropy_with_logits
    data = draw(60, 4), torch.arange(60) % 3
    found = one(in_range, net(4, 1, last=last), lambda z, t: binary(z[:, 0], t.float()), data)
    assert (found.code, found.level, found.remedy.value) == ("label-range", "fault", "cross-entropy")
    assert found.evidence == {"lowest": 0, "highest": 2, "values": 3}


# related to the inputs


def test_labels_shuffled_apart_from_their_rows(one: Any, net: Any, adam: Any, draw: Any, classes: Any) -> None:
    X = draw(240, 4)
    y = classes(X)[torch.randperm(240, generator=torch.Generator().manual_seed(1))]
    module = net(4, 64, 64, 3)
    found = one(related, module, CROSS, (X, y), adam(module))
    assert (found.code, found.level) == ("labels-unrelated", "fault")
    chance = float(y.bincount().max()) / 240
    assert found.evidence["chance"] == pytest.approx(chance)
    assert found.evidence["quality"] < chance + 3 * (chance * (1 - chance) / 240) ** 0.5
    assert found.remedy is None  # only their author can know


@pytest.mark.slow
def test_shuffled_labels_that_take_long_to_memorise(one: Any, net: Any, adam: Any, draw: Any, classes: Any) -> None:
    X = draw(800, 6)
    y = classes(X)[torch.randperm(800, generator=torch.Generator().manual_seed(1))]
    module = net(6, 32, 16, 3)
    found = one(related, module, CROSS, (X, y), adam(module))
    assert (found.code, found.level) == ("labels-unrelated", "fault")
    assert found.evidence["train_left"] > 0.9  # so that a short trial would not tell


def test_numbers_shuffled_apart_from_their_rows(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = draw(240, 4), draw(240, 1)
    module = net(4, 64, 64, 1)
    found = ask(related, module, SQUARES, (X, y), adam(module))
    assert [each.code for each in found] == ["labels-unrelated"]


def test_related_labels_are_right(ask: Any, net: Any, adam: Any, draw: Any, classes: Any) -> None:
    X = draw(240, 4)
    noisy = (X[:, 0] + 2 * draw(240) > 0).long()  # the best possible accuracy is near 65 %
    parity = (X[:, 0] * X[:, 1] > 0).long()
    for y, width in ((classes(X), 3), (noisy, 2), (parity, 2)):
        module = net(4, 16, width)
        assert not ask(related, module, CROSS, (X, y), adam(module))
    module = net(4, 16, 1)
    assert not ask(related, module, SQUARES, (X, X[:, :1] + draw(240, 1)), adam(module))


@pytest.mark.slow
def test_a_noisy_relation_in_few_rows_is_at_most_a_note(ask: Any, net: Any, adam: Any) -> None:
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        X = torch.randn(80, 6, generator=generator)
        right = torch.rand(80, generator=generator) < 0.7  # the best possible accuracy
        module = net(6, 32, 2)
        found = ask(related, module, CROSS, (X, torch.where(right, X[:, 0] > 0, X[:, 0] <= 0).long()), adam(module))
        assert all(each.level == "note" for each in found)


@pytest.mark.slow
def test_a_weak_relation_to_a_rare_class_is_right(ask: Any, net: Any, adam: Any) -> None:
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        X = torch.randn(600, 6, generator=generator)
        hidden = X[:, 0] + 2 * torch.randn(600, generator=generator)
        grades = torch.bucketize(hidden, torch.tensor([1.6, 2.4, 4.0]))  # of which the first is the likeliest for all
        module = net(6, 64, 64, 4)
        assert not ask(related, module, CROSS, (X, grades), adam(module))
        module = net(6, 64, 64, 1)
        weak = 0.25 * X[:, :1] + torch.randn(600, 1, generator=generator)
        assert not ask(related, module, SQUARES, (X, weak), adam(module))


class Factors(nn.Module):
    """The product of what is known of a user and of an item."""

    def __init__(self, users: int, items: int) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(users, 4), nn.Embedding(items, 4)

    def forward(self, pairs: Any) -> Any:
        return (self.user(pairs[:, 0]) * self.item(pairs[:, 1])).sum(1, keepdim=True)


@pytest.mark.slow
def test_pairs_of_users_and_items_are_at_most_a_note(ask: Any, adam: Any) -> None:
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        pairs = torch.cartesian_prod(torch.arange(40), torch.arange(30))[torch.randperm(1200, generator=generator)]
        users, items = torch.randn(40, 3, generator=generator), torch.randn(30, 3, generator=generator)
        y = (users[pairs[:, 0]] * items[pairs[:, 1]]).sum(1, keepdim=True)
        module = Factors(40, 30)
        found = ask(related, module, SQUARES, (pairs[:840], y[:840]), adam(module, 3e-2))
        assert all(each.level == "note" for each in found)


class Ratings(nn.Module):
    """A factor and a constant for each user and each item, which begin small."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([nn.Embedding(80, 8), nn.Embedding(60, 8), nn.Embedding(80, 1), nn.Embedding(60, 1)])
        for part in self.parts[:2]:
            nn.init.normal_(part.weight, std=0.1)
        for part in self.parts[2:]:
            nn.init.zeros_(part.weight)

    def forward(self, user: Any, item: Any) -> Any:
        first, second = (part(one) for part, one in zip(self.parts[:2], (user, item), strict=True))
        return (first * second).sum(1) + (self.parts[2](user) + self.parts[3](item)).squeeze(1) + 3.5


@pytest.mark.slow
def test_ratings_that_are_learned_in_time_are_right(ask: Any, adam: Any) -> None:
    draw = torch.Generator().manual_seed(0)
    users, items = torch.randn(80, 3, generator=draw), torch.randn(60, 3, generator=draw)
    user, item = torch.randint(80, (2500,), generator=draw), torch.randint(60, (2500,), generator=draw)
    y = (users[user] * items[item]).sum(1) + 0.1 * torch.randn(2500, generator=draw) + 3.5
    module = Ratings()
    assert not ask(related, module, SQUARES, (user, item, y), adam(module))
    mixed = y[torch.randperm(2500, generator=draw)]
    assert [each.level for each in ask(related, module, SQUARES, (user, item, mixed), adam(module))] == ["note"]


def places(shuffled: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of real numbers that lie in the places of ten classes, and their classes, or those of other rows."""
    draw = torch.Generator().manual_seed(2)
    y = torch.arange(1500) % 10
    directions = torch.randn(3, 40, generator=draw)
    X = (2 * torch.randn(10, 40, generator=draw))[y] + torch.randn(1500, 3, generator=draw) @ directions
    return X / 3, y[torch.randperm(1500, generator=draw)] if shuffled else y


@pytest.mark.slow
def test_labels_of_rows_in_places_shuffled(one: Any, ask: Any, net: Any, adam: Any) -> None:
    module = net(40, 64, 10)
    found = one(related, module, CROSS, places(shuffled=True), adam(module, 3e-3))
    assert (found.code, found.level) == ("labels-unrelated", "fault")
    assert found.evidence["train_left"] > 0.9, "not learned by heart in so few steps"
    assert not ask(related, module, CROSS, places(shuffled=False), adam(module, 3e-3))


@pytest.mark.slow
def test_what_comes_next_in_a_random_walk_is_at_most_a_note(ask: Any, net: Any, adam: Any) -> None:
    steps = torch.randn(3000, generator=torch.Generator().manual_seed(0))
    past = steps.cumsum(0).unfold(0, 21, 2)[:, :20]
    following = steps.unfold(0, 21, 2)[:, 20].clone()
    y = torch.bucketize(following, following.quantile(torch.tensor([0.25, 0.5, 0.75])))
    module = net(20, 32, 4)
    assert all(each.level == "note" for each in ask(related, module, CROSS, (past - past[:, :1], y), adam(module)))


def test_products_among_many_columns_are_right(ask: Any, net: Any, adam: Any) -> None:
    for seed in range(2):
        X = torch.randn(500, 20, generator=torch.Generator().manual_seed(seed))
        for y in (X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3], X[:, 0] * X[:, 1]):
            module = net(20, 64, 64, 1)
            assert not ask(related, module, SQUARES, (X, y[:, None]), adam(module))


@pytest.mark.slow
def test_words_without_a_relation_are_still_found(one: Any, adam: Any) -> None:
    T = torch.randint(0, 30, (400, 12), generator=torch.Generator().manual_seed(1))
    module = nn.Sequential(nn.Embedding(30, 8), nn.Flatten(), nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, 2))
    y = torch.randint(0, 2, (400,), generator=torch.Generator().manual_seed(2))
    assert one(related, module, CROSS, (T, y), adam(module)).level == "fault"


def test_few_rows_and_several_targets_are_not_judged(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    module = net(4, 16, 3)
    y = torch.randint(0, 3, (40,))
    assert not ask(related, module, CROSS, (draw(40, 4), y), adam(module))
    loss = lambda z, t: CROSS(z, t[0]) + SQUARES(z, t[1])  # noqa: E731
    assert not ask(related, module, loss, (draw(100, 4), (torch.arange(100) % 3, draw(100, 3))), adam(module))


# no classes


def test_whole_counts_are_no_classes(ask: Any, context: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = draw(400, 4), torch.arange(400) % 40 // 38 + (torch.arange(400) % 10 == 9)
    loss = lambda z, t: functional.poisson_nll_loss(z[:, 0], t.float())  # noqa: E731
    module = net(4, 1)
    assert context(module, loss, (X, y)).classes is None
    for question in (even, agreeing, related):
        assert not ask(question, module, loss, (X, y), adam(module))


def test_labels_that_the_loss_does_not_use_are_no_classes(ask: Any, context: Any, net: Any, draw: Any) -> None:
    X, y = draw(200, 4), torch.zeros(200, dtype=torch.long)
    centre = lambda z, t: (z - 1).square().mean()  # noqa: E731
    assert context(net(4, 3), centre, (X, y)).classes is None
    assert not ask(even, net(4, 3), centre, (X, y))
