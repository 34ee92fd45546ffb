"""What is measured of a step that is looked at, against the same figures by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks import watch
from netwright.checks.during.sampling import PART, Inside, Leftovers, _part, gradient_norm
from netwright.checks.during.tape import Tape

CROSS = nn.CrossEntropyLoss()


def norm(tensors: Any) -> float:
    """The Euclidean norm of all tensors together."""
    return float(sum(tensor.detach().double().square().sum() for tensor in tensors) ** 0.5)


def test_the_figures_of_a_step(net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5, weight_decay=0.2)
    begins = copy.deepcopy(module)
    with watch(module, optimizer, CROSS) as watching:
        CROSS(module(X), y).backward()
        made = norm(p.grad for p in module.parameters())
        nn.utils.clip_grad_norm_(module.parameters(), made / 4)
        slopes = [p.grad.clone() for p in module.parameters()]
        optimizer.step()
    (sample,) = watching.tape.samples
    matrices = [begins[0].weight, begins[2].weight]
    moved = [norm([module[k].weight - begins[k].weight]) / norm([begins[k].weight]) for k in (0, 2)]
    assert sample.step == 0
    assert sample.made == pytest.approx(made, rel=1e-5)
    assert sample.used == pytest.approx(made / 4, rel=1e-4)
    assert list(sample.ratios) == list(sample.gradients) == ["0.weight", "2.weight"]
    assert list(sample.ratios.values()) == pytest.approx(moved, rel=1e-4)
    sizes = [float(slopes[k].square().mean().sqrt()) for k in (0, 2)]
    assert list(sample.gradients.values()) == pytest.approx(sizes, rel=1e-4)
    assert sample.weights == pytest.approx(norm(matrices), rel=1e-5)
    assert sample.decay == pytest.approx(0.2 * norm(matrices) / (made / 4), rel=1e-4)


def test_the_steps_that_are_looked_at(train: Any, net: Any, adam: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    watching = train(module, adam(module), rows(64), epochs=35)
    assert [sample.step for sample in watching.tape.samples] == [0, 1, 2, 3, 4, 10, 20, 40, 60]
    assert [sample.step for sample in watching.tape.samples if sample.off] == [0, 3, 20]


def test_a_large_matrix_is_measured_by_a_part() -> None:
    weight = torch.randn(3 * PART + 5)
    assert len(_part(weight)) <= PART
    assert _part(weight[:100]).data_ptr() == weight.data_ptr()
    matrix = nn.Linear(1024, 1024, bias=False)
    optimizer = torch.optim.SGD(matrix.parameters(), lr=0.1)
    before = matrix.weight.detach().clone()
    with watch(matrix, optimizer) as watching:
        matrix(torch.randn(4, 1024)).square().mean().backward()
        optimizer.step()
    moved = float((matrix.weight.detach() - before).norm() / before.norm())
    assert watching.tape.samples[0].ratios["weight"] == pytest.approx(moved, rel=0.1)


def test_gradients_that_are_not_there(net: Any) -> None:
    module = net(6, 12, 3)
    assert gradient_norm(module.parameters()) == 0.0
    table = nn.Embedding(10, 4, sparse=True)
    table(torch.tensor([1, 2])).sum().backward()
    assert gradient_norm(table.parameters()) == 0.0
    with watch(table, torch.optim.SparseAdam(table.parameters())) as watching:
        for _ in range(4):
            table.zero_grad()
            table(torch.tensor([1, 2])).square().sum().backward()
            watching._watched.optimizers[0].step()
    assert watching.tape.steps == 4
    assert not watching.tape.trouble


# what is left over


def followed(*moves: str) -> tuple[int, int]:
    """Stale updates and those looked at, after an update and what follows it."""
    tape, weight = Tape(), nn.Parameter(torch.ones(3))
    left = Leftovers(tape)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    weight.grad = torch.tensor([1.0, 2.0, 3.0])
    left.keep(optimizer)
    for move in moves:
        if move == "zero":
            weight.grad = torch.zeros(3)
        elif move == "none":
            weight.grad = None
        elif move == "add":
            left.before_backward()
            weight.grad = torch.ones(3) if weight.grad is None else weight.grad + 1
        elif move == "other":  # the backward pass of another loss, which this parameter is no part of
            left.before_backward()
        elif move == "write":
            weight.grad = torch.full((3,), 5.0)
        elif move == "step":
            left.before_update(optimizer)
    return tape.stale, tape.looked


@pytest.mark.parametrize(
    ("moves", "found"),
    [
        ("add step", (1, 1)),
        ("add add step", (1, 1)),
        ("zero add step", (0, 1)),
        ("none add step", (0, 1)),
        ("none add add step", (0, 1)),
        ("other none add step", (0, 1)),
        ("other add step", (1, 1)),
        ("add none add step", (0, 1)),
        ("other step", (0, 0)),
        ("write step", (0, 0)),
        ("add", (0, 0)),
    ],
)
def test_a_gradient_is_left_over_when_it_is_added_to(moves: str, found: tuple[int, int]) -> None:
    assert followed(*moves.split()) == found


# activations


def test_units_that_are_on_for_some_row() -> None:
    inside = Inside()
    output = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    assert inside.summary("relu", output).tolist() == [False, True, True]
    images = torch.zeros(2, 3, 4, 4)
    images[1, 2, 0, 0] = 1.0
    assert inside.summary("relu", images).tolist() == [False, False, True]
    steps = torch.zeros(2, 5, 3)
    steps[0, 4, 1] = 1.0
    assert inside.summary("relu", steps).tolist() == [False, True, False]


def test_the_share_of_values_at_a_flat_end() -> None:
    inside = Inside()
    z = torch.tensor([-9.0, -1.0, 0.0, 9.0])
    assert float(inside.summary("sigmoid", z.sigmoid())) == 0.5
    assert float(inside.summary("tanh", z.tanh())) == 0.5
    assert float(inside.summary("softmax", z)) == 0.0


def test_the_output_itself_may_be_sure(train: Any, rows: Any) -> None:
    X, y = rows(64)
    target = (y == 0).float()[:, None]
    module = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid())
    watching = train(module, torch.optim.SGD(module.parameters(), lr=0.1), (X, target), nn.BCELoss(), epochs=1)
    assert [list(sample.flat) for sample in watching.tape.samples] == [["1 (tanh 0)"], []]


def test_units_are_off_only_when_they_were_in_the_last_passes(train: Any, draw: Any) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        module[0].weight.copy_(torch.eye(2))
        module[0].bias.zero_()
    X = torch.tensor([[1.0, -1.0]] * 8)
    X[3:, 1] = 1.0  # the second unit is on from the fourth batch on
    data: tuple[Tensor, Tensor] = X, torch.zeros(8, dtype=torch.long)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    with watch(module, optimizer, CROSS) as watching:
        for index in range(8):
            optimizer.zero_grad()
            CROSS(module(data[0][index : index + 1]), data[1][index : index + 1]).backward()
            optimizer.step()
    assert [list(sample.off.values()) for sample in watching.tape.samples if sample.off] == [[0.5], [0.0]]


def test_many_activations_are_looked_at_rarely(train: Any, rows: Any) -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head = nn.GRU(1, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.layer(x.repeat(1, 4)[..., None])[0][:, -1])  # type: ignore[no-any-return]

    module = Reader()
    watching = train(module, torch.optim.Adam(module.parameters(), lr=1e-2), rows(64), epochs=12)
    assert [sample.step for sample in watching.tape.samples if sample.flat] == [0, 20]
