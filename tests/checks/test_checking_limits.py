"""`check` at its limits: programs that cannot be asked, options that cannot be, data that are large."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks import CODES
from netwright.checks.checking import ask, check, examine
from netwright.checks.diagnosis import Diagnosis
from netwright.checks.finding import Finding, note
from netwright.checks.options import optimizers_of
from netwright.core.errors import InvalidData, InvalidParameter

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(90, 4)
    return X, classes(X)


def codes_of(found: Diagnosis) -> list[str]:
    """All codes, those of consequences too."""
    return [part.code for each in found.findings for part in (each, *each.consequences)]


# programs that cannot be asked


class Locked(nn.Module):
    """A module with a part that cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.lock = nn.Linear(4, 3), threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)  # type: ignore[no-any-return]


class Raises(nn.Module):
    """A module that raises."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.layer, self.error = nn.Linear(4, 3), error

    def forward(self, x: Tensor) -> Tensor:
        raise self.error


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Locked(), "TypeError"),
        (Raises(RuntimeError("no such thing")), "no such thing"),
        (Raises(NotImplementedError()), "NotImplementedError"),
        (Raises(AssertionError()), "AssertionError"),
        (nn.Linear(5, 3), "shapes cannot be multiplied"),
    ],
    ids=["locked", "raises", "not implemented", "assertion", "width"],
)
def test_a_program_that_cannot_be_run_gives_notes(module: nn.Module, words: str, data: Any, adam: Any) -> None:
    found = check(module, CROSS, adam(module), data)
    assert found.ok
    assert set(codes_of(found)) == {"not-examined"}
    assert words in found.findings[0].seen
    assert all("." in name for name in found.findings[0].evidence["checks"])
    found.to_json()


def test_what_can_be_asked_of_it_is_asked(data: Any, adam: Any) -> None:
    module, X = Raises(RuntimeError("no")), data[0].clone()
    X[3, 1] = torch.nan
    found = check(module, CROSS, adam(module), (X, data[1]))
    assert found.codes == ("non-finite-data",)
    other = Locked()
    found = check(module, CROSS, adam(other), data)
    assert "foreign-optimizer" in found.codes


def test_a_loss_that_raises_gives_notes(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 8, 3)
    found = check(module, lambda z, t: z.undefined, adam(module), data)
    assert found.ok
    assert "not-examined" in codes_of(found)


def test_one_check_that_fails_is_a_note_with_its_name(context: Any, net: Any, data: Any) -> None:
    def question(program: Any) -> Any:
        raise ValueError("a\nlong " + 300 * "x")

    found = ask(question, context(net(4, 3), CROSS, data))
    assert [(each.code, each.level) for each in found] == [("not-examined", "note")]
    assert found[0].evidence["check"].endswith(".question")
    assert "ValueError" in found[0].seen
    assert "\n" not in found[0].seen
    assert len(found[0].seen) < 400


def test_an_interrupt_is_not_held_back(context: Any, net: Any, data: Any) -> None:
    def question(program: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(question, context(net(4, 3), CROSS, data))


def test_lazy_modules(data: Any) -> None:
    module = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(3))
    found = check(module, CROSS, torch.optim.SGD(module.parameters(), lr=0.1), data)
    assert found.ok
    assert module[0].has_uninitialized_params()
    with torch.no_grad():
        module(data[0])
    assert check(module, CROSS, torch.optim.SGD(module.parameters(), lr=0.1), data).ok


def test_modules_without_parameters(data: Any) -> None:
    X, _ = data
    assert check(nn.Identity(), SQUARES, None, (X, X)).ok
    assert check(nn.Softmax(1), SQUARES, None, (X, X.softmax(1))).ok


@pytest.mark.slow
def test_a_handful_of_rows(data: Any, net: Any, adam: Any) -> None:
    X, y = data[0][:2], data[1][:2]
    for loss, width, target in ((CROSS, 3, y), (SQUARES, 1, X[:, :1])):
        module = net(4, 8, width)
        assert check(module, loss, adam(module), (X, target), validation=(X + 1, target)).ok


@pytest.mark.slow
def test_one_row_without_a_warning(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 8, 3)
    assert "not-examined" not in codes_of(check(module, CROSS, adam(module), (data[0][:1], data[1][:1])))


def test_one_column_and_one_axis(data: Any, net: Any, formula: Any, adam: Any) -> None:
    X, _ = data
    module = net(1, 8, 1)
    assert check(module, SQUARES, adam(module), (X[:, :1], X[:, :1].sin() + 0.1 * X[:, 1:2])).ok
    flat = formula(lambda m, x: m.net(x[:, None])[:, 0], net=net(1, 8, 1))
    assert check(flat, SQUARES, adam(flat), (X[:, 0], X[:, 0].sin() + 0.1 * X[:, 1])).ok


@pytest.mark.slow
def test_rules_that_need_more_than_a_copy(data: Any, net: Any) -> None:
    module = net(4, 8, 3)
    assert check(module, CROSS, torch.optim.LBFGS(module.parameters(), lr=0.5), data).ok


def test_rules_for_sparse_gradients(adam: Any) -> None:
    words = nn.Sequential(nn.Embedding(12, 6, sparse=True), nn.Flatten(), nn.Linear(30, 2))
    T = torch.arange(450).reshape(90, 5) * 7 % 12
    rules = [torch.optim.SparseAdam(words[0].parameters(), lr=1e-2), adam(words[2])]
    assert check(words, CROSS, rules, (T, (T[:, 0] + T[:, 1] > 11).long())).ok


def test_weights_of_losses_do_not_hide_the_rest(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 8, 3, last=nn.Softmax(1))
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))
    assert check(module, loss, adam(module), data).codes[0] == "double-softmax"


@pytest.mark.slow
def test_a_large_program_takes_few_seconds(adam: Any, net: Any) -> None:
    X = torch.randn(25_000, 200)
    y = (X[:, 0] + X[:, 1] > 0).long()
    module = net(200, 256, 2)
    optimizer = adam(module)
    begin = time.process_time()
    assert check(module, CROSS, optimizer, (X[5000:], y[5000:]), validation=(X[:5000], y[:5000])).ok
    assert time.process_time() - begin < 5


# what it leaves alone


class InPlace(nn.Module):
    """A module that scales its input in place."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mul_(1.01))  # type: ignore[no-any-return]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["relu", "scale", "loss"])
def test_inputs_and_targets_that_a_program_changes_in_place(kind: str, data: Any, net: Any, adam: Any) -> None:
    X, y = data[0].clone(), data[0][:, :1].clone()
    first = {"relu": nn.ReLU(inplace=True), "scale": nn.Identity(), "loss": nn.Identity()}[kind]
    module: nn.Module = nn.Sequential(first, net(4, 8, 1))
    module = InPlace(module) if kind == "scale" else module
    loss: Any = SQUARES if kind != "loss" else lambda z, t: SQUARES(z, t.mul_(1.01))
    check(module, loss, adam(module), (X, y))
    assert torch.equal(X, data[0])
    assert torch.equal(y, data[0][:, :1])


class Counting(nn.Module):
    """A loss that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        return functional.mse_loss(z, t)


def test_buffers_of_a_loss(data: Any, net: Any, adam: Any) -> None:
    module, loss = net(4, 8, 1), Counting()
    check(module, loss, adam(module), (data[0], data[0][:, :1]))
    assert float(loss.calls) == 0


def test_a_penalty_in_the_loss(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 8, 3)
    loss = lambda z, t: CROSS(z, t) + 1e-4 * sum(p.square().sum() for p in module.parameters())  # noqa: E731
    found = check(module, loss, adam(module), data)
    assert all(p.grad is None for p in module.parameters())
    assert found.ok


# what is declared, and what cannot be


@pytest.mark.slow
def test_ignored_codes_are_no_ends(data: Any, net: Any, adam: Any) -> None:
    module, X = net(4, 8, 3, last=nn.Softmax(1)), data[0].clone()
    X[0, 0] = torch.nan
    assert check(module, CROSS, adam(module), (X, data[1])).codes == ("non-finite-data",)
    assert "non-finite-data" not in check(module, CROSS, adam(module), (X, data[1]), ignore=["non-finite-data"]).codes
    found = check(module, CROSS, adam(module), data, ignore="double-softmax")
    assert "double-softmax" not in codes_of(found)


@pytest.mark.slow
def test_what_is_on_purpose_is_right(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 8, 3)
    assert check(module, CROSS, adam(module[2]), data).codes == ("missing-parameters",)
    for frozen in ("0", {"0.weight", "0.bias"}, True):
        assert check(module, CROSS, adam(module[2]), data, frozen=frozen).ok


def test_labels_that_cannot_be_end_the_questions(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 8, 3, last=nn.Softmax(1))
    found = check(module, CROSS, adam(module), (data[0], data[1] + 1))
    assert found.codes == ("label-range",)
    assert "double-softmax" not in codes_of(found)


@pytest.mark.slow
def test_findings_have_the_stage_of_their_question(context: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3, last=nn.Softmax(1))
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-7)
    found: list[Finding] = list(examine(context(module, CROSS, data, optimizer, validation=data)))
    stages = {each.code: each.stage for each in found}
    assert stages["duplicate-rows"] == "data"
    assert stages["double-softmax"] == "start"


def test_signals_are_told_whether_or_not_they_are_beyond(data: Any, net: Any, adam: Any) -> None:
    module = net(4, 8, 3)
    found = check(module, CROSS, adam(module), data)
    assert len(found.signals) > 8
    for name, signal in found.signals.items():
        assert name == name.strip()
        assert isinstance(signal.value, float)
        assert signal.code in CODES or signal.code == ""


@pytest.mark.parametrize(
    ("module", "loss", "text"),
    [
        (nn.Linear, CROSS, "nw.check(module): expected a torch.nn.Module, got"),
        (None, CROSS, "nw.check(module): expected a torch.nn.Module, got None."),
        (lambda x: x, CROSS, "nw.check(module): expected a torch.nn.Module, got"),
        (nn.Linear(4, 3), None, "nw.check(loss): expected loss(output, target) -> scalar, got None."),
        (nn.Linear(4, 3), "mse", "nw.check(loss): expected loss(output, target) -> scalar, got 'mse'."),
    ],
    ids=["a class", "no module", "a function", "no loss", "a name"],
)
def test_modules_and_losses_that_cannot_be(module: Any, loss: Any, text: str, data: Any) -> None:
    with pytest.raises(InvalidParameter) as raised:
        check(module, loss, None, data)
    assert str(raised.value).startswith(text)


@pytest.mark.parametrize(
    "given", [5, "adam", torch.optim.Adam, [3], {}], ids=["5", "a name", "a class", "a list", "a dict"]
)
def test_optimizers_that_cannot_be(given: Any) -> None:
    if given == {}:
        given = {"body": None}
    with pytest.raises(InvalidParameter) as raised:
        optimizers_of(given)
    expected = "nw.check(optimizer): expected a torch.optim.Optimizer, a list of them, or None, got "
    assert str(raised.value).startswith(expected)


def test_optimizers_as_a_list(net: Any, adam: Any) -> None:
    one, two = adam(net(2, 1)), adam(net(2, 1))
    assert optimizers_of(None) == []
    assert optimizers_of(one) == [one]
    assert optimizers_of((one, two)) == [one, two]
    assert optimizers_of([]) == []


def test_ignored_codes_that_do_not_exist(data: Any, net: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"ignore: expected codes of findings, got 'lr-to-high'. Did you mean"):
        check(net(4, 3), CROSS, None, data, ignore=["lr-to-high"])


def test_held_out_data_that_cannot_be(data: Any, net: Any) -> None:
    with pytest.raises(InvalidData, match=r"nw\.check\(validation\): expected inputs and targets with one length"):
        check(net(4, 3), CROSS, None, data, validation=(data[0], data[1][:5]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", -1),
        ("batch_size", 2.5),
        ("batch_size", "x"),
        ("epochs", -1),
        ("epochs", "x"),
        ("frozen", 5),
        ("frozen", None),
        ("frozen", ["no such layer"]),
        ("ignore", 5),
        ("ignore", None),
    ],
    ids=str,
)
def test_options_that_cannot_be(name: str, value: Any, data: Any, net: Any) -> None:
    with pytest.raises(InvalidParameter, match=name):
        check(net(4, 3), CROSS, None, data, **{name: value})


def test_the_class_of_a_loss_is_no_loss(data: Any, net: Any) -> None:
    with pytest.raises(InvalidParameter, match="loss"):
        check(net(4, 3), nn.CrossEntropyLoss, None, data)


def test_a_loader_for_held_out_rows(data: Any, net: Any, adam: Any) -> None:
    module, X = net(4, 8, 3), data[0]
    held = DataLoader(TensorDataset(X[60:], data[1][60:]), batch_size=10)
    assert check(module, CROSS, adam(module), (X[:60], data[1][:60]), validation=held).ok


def test_a_note_is_made_with_its_check(context: Any, net: Any, data: Any) -> None:
    expected = note("overfitting", "a", "b", "C.")
    assert ask(lambda program: iter([expected]), context(net(4, 3), CROSS, data)) == [expected]


def test_a_module_that_cannot_be_called_is_one_line(adam: Any) -> None:
    module = nn.Sequential(nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 2))
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(100, 5, generator=generator), torch.randint(2, (100,), generator=generator)
    diagnosis = check(module, nn.CrossEntropyLoss(), adam(module), rows)
    notes = [each for each in diagnosis.notes if each.code == "not-examined"]
    assert len(notes) == 1
    assert len(notes[0].evidence["checks"]) > 10
    assert not [each for each in notes[0].consequences if each.code == "not-examined"]
