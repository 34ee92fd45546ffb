"""`check` as a whole: it changes nothing, says the same twice, takes all kinds of programs, and never raises."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

from netwright.checks.checking import check
from netwright.checks.diagnosis import Diagnosis
from netwright.checks.options import optimizers_of
from netwright.optim import AdamW

CROSS, LOGITS, SQUARES = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()


class Program(NamedTuple):
    """What `check` is asked about, and the codes of the faults and of the notes that it must give."""

    module: nn.Module
    loss: Any
    optimizer: Any
    data: Any
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def check(self, **options: Any) -> Diagnosis:
        return check(self.module, self.loss, self.optimizer, self.data, **options)


class Build:
    """A module of parts and a formula is made by `formula`; numbers and labels are made here."""

    def __init__(self, formula: Any, net: Any) -> None:
        self.formula, self.net = formula, net
        self.X = torch.randn(90, 4)
        self.y = (self.X[:, 0] + self.X[:, 1] > 0).long() + (self.X[:, 1] + self.X[:, 2] > 0.5).long()
        self.r = (self.X[:, :1] * self.X[:, 1:2] + self.X[:, 2:3]).tanh()
        self.T = torch.randint(0, 12, (90, 5))
        self.S = torch.randn(60, 8, 3)
        self.P = torch.randn(60, 1, 6, 6)

    def adam(self, module: nn.Module, lr: float = 1e-2) -> Any:
        return torch.optim.Adam(module.parameters(), lr=lr)

    def classes(
        self, module: Any = None, loss: Any = CROSS, optimizer: Any = None, data: Any = None, **said: Any
    ) -> Program:
        """Three classes, with what differs from the plainest program."""
        module = self.net(4, 16, 3) if module is None else module
        optimizer = self.adam(module) if optimizer is None else optimizer
        return Program(module, loss, optimizer, (self.X, self.y) if data is None else data, **said)

    def numbers(self, module: Any = None, loss: Any = SQUARES, data: Any = None, **said: Any) -> Program:
        """One number a row, with what differs from the plainest program."""
        module = self.net(4, 16, 1) if module is None else module
        return Program(module, loss, self.adam(module), (self.X, self.r) if data is None else data, **said)


def two_heads(b: Build) -> nn.Module:
    """Classes and a number from one body."""
    parts = {"body": b.net(4, 16, last=nn.ReLU()), "a": nn.Linear(16, 3), "c": nn.Linear(16, 1)}
    return b.formula(lambda m, x: (m.a(h := m.body(x)), m.c(h)), **parts)


def both(z: Any, t: Any) -> Tensor:
    return functional.cross_entropy(z[0], t[0]) + functional.mse_loss(z[1], t[1])


def shuffled(b: Build) -> Any:
    generator = torch.Generator().manual_seed(5)
    return DataLoader(TensorDataset(b.X, b.y), batch_size=15, shuffle=True, generator=generator)


def recurrent(b: Build, width: int) -> nn.Module:
    return b.formula(lambda m, x: m.o(m.r(x)[0]), r=nn.GRU(3, 8, batch_first=True), o=nn.Linear(8, width))


def tied(b: Build) -> nn.Module:
    parts = {"a": nn.Linear(4, 4), "b": nn.Linear(4, 4), "o": nn.Linear(4, 3)}
    module = b.formula(lambda m, x: m.o(m.b(m.a(x).relu()).relu()), **parts)
    module.b.weight = module.a.weight
    return module


class Keeps(nn.Module):
    """A module that keeps its last output, with the graph."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.last = inner, None

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.inner(x)
        return self.last


class Shared(nn.Module):
    """A loss with a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        return functional.mse_loss(z, t) * (-self.log_variance).exp() + self.log_variance


def with_own_weight(b: Build) -> Program:
    module, loss = b.net(4, 16, 1), Shared()
    return Program(module, loss, torch.optim.Adam([*module.parameters(), *loss.parameters()], lr=1e-2), (b.X, b.r))


def half_frozen(b: Build) -> Program:
    module = b.net(4, 16, 3)
    module[0].requires_grad_(False)
    return b.classes(module, optimizer=torch.optim.Adam(module[2].parameters(), lr=1e-2))


def two_optimizers(b: Build) -> Program:
    module = b.net(4, 16, 3)
    rules = [torch.optim.SGD(module[0].parameters(), lr=0.1), torch.optim.Adam(module[2].parameters(), lr=0.01)]
    return b.classes(module, optimizer=rules)


def scheduled(b: Build) -> Program:
    program = b.classes()
    torch.optim.lr_scheduler.StepLR(program.optimizer, 5)
    return program


def labelled(b: Build) -> Any:
    class Rows(Dataset[Any]):
        def __len__(self) -> int:
            return 90

        def __getitem__(self, row: int) -> Any:
            return b.X[row], {"class": b.y[row], "number": b.r[row]}

    return DataLoader(Rows(), batch_size=16, shuffle=True)


def named(b: Build) -> nn.Module:
    return b.formula(lambda m, x: {"class": m.a(x), "number": m.c(x)}, a=b.net(4, 8, 3), c=b.net(4, 8, 1))


def one_by_name(z: Any, t: Any) -> Tensor:
    return functional.cross_entropy(z["class"], t["class"]) + functional.mse_loss(z["number"], t["number"])


def tokens_and_numbers(b: Build) -> nn.Module:
    parts = {"e": nn.Embedding(12, 3), "o": b.net(4 + 15, 8, 3)}
    return b.formula(lambda m, x, t: m.o(torch.cat([x, m.e(t).flatten(1)], 1)), **parts)


RIGHT: dict[str, Callable[[Build], Program]] = {
    "classes": Build.classes,
    "numbers": Build.numbers,
    "float64": lambda b: b.numbers(b.net(4, 16, 1).double(), data=(b.X.double(), b.r.double())),
    "arrays for float64": lambda b: b.classes(b.net(4, 16, 3).double(), data=(b.X.numpy(), b.y.numpy())),
    "loader": lambda b: b.classes(data=shuffled(b)),
    "no optimizer": lambda b: Program(b.net(4, 16, 3), CROSS, None, (b.X, b.y)),
    "two optimizers": two_optimizers,
    "a rule of netwright": lambda b: b.classes(m := b.net(4, 16, 3), optimizer=AdamW(0.01).build(m.parameters())),
    "scheduled": scheduled,
    "embedding": lambda b: b.classes(
        nn.Sequential(nn.Embedding(12, 6), nn.Flatten(), nn.Linear(30, 3)), data=(b.T, (b.T[:, 0] + b.T[:, 1]) // 8)
    ),
    "two inputs": lambda b: b.classes(tokens_and_numbers(b), data=(b.X, b.T, b.y)),
    "two outputs": lambda b: b.classes(two_heads(b), both, data=(b.X, (b.y, b.r))),
    "outputs by name": lambda b: b.classes(named(b), one_by_name, data=labelled(b)),
    "marks of steps": lambda b: b.numbers(recurrent(b, 1), data=(b.S, b.S.cumsum(1)[..., :1].tanh())),
    "classes of steps": lambda b: b.classes(
        recurrent(b, 2),
        lambda z, t: CROSS(z.flatten(0, 1), t.flatten()),
        data=(b.S, (b.S.cumsum(1)[..., 0] > 0).long()),
    ),
    "buffers": lambda b: b.classes(
        nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    ),
    "tied weights": lambda b: b.classes(tied(b)),
    "normed weights": lambda b: b.classes(
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 16)), nn.ReLU(), nn.Linear(16, 3))
    ),
    "kept outputs": lambda b: b.classes(Keeps(b.net(4, 16, 3))),
    "half frozen": half_frozen,
    "several labels": lambda b: b.classes(loss=LOGITS, data=(b.X, functional.one_hot(b.y, 3).float())),
    "weights in a lambda": lambda b: b.classes(
        loss=lambda z, t: functional.cross_entropy(z, t, reduction="none").mul(1 + t).sum() / (1 + t).sum()
    ),
    "a loss with a weight": with_own_weight,
    "losses of rows": lambda b: b.classes(loss=nn.CrossEntropyLoss(reduction="none")),
    "pictures": lambda b: b.numbers(nn.Conv2d(1, 1, 3, padding=1), data=(b.P, functional.avg_pool2d(b.P, 3, 1, 1))),
}
WRONG: dict[str, Callable[[Build], Program]] = {
    "softmax twice": lambda b: b.classes(b.net(4, 16, 3, last=nn.Softmax(1)), faults=("double-softmax",)),
    "a rate too high": lambda b: b.classes(
        m := b.net(4, 16, 3), optimizer=torch.optim.SGD(m.parameters(), lr=300.0), faults=("lr-too-high",)
    ),
    "missing data": lambda b: b.numbers(data=(b.X.masked_fill(b.X > 2, torch.nan), b.r), faults=("non-finite-data",)),
    "blank data": lambda b: b.classes(data=(torch.zeros(90, 4), b.y), faults=("constant-input",)),
    "large weights": lambda b: b.classes(large(b), faults=("init-scale",)),
    "units alike": lambda b: b.classes(alike(b), faults=("symmetric-init",)),
    "labels apart": lambda b: b.numbers(
        b.net(4, 64, 64, 1), data=(torch.randn(240, 4), torch.randn(240, 1)), faults=("labels-unrelated",)
    ),
    "dropout": lambda b: b.classes(
        nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Dropout(0.97), nn.Linear(32, 3)), faults=("dropout-too-strong",)
    ),
    "a layer listed": lambda b: b.classes(Listed(), faults=("unregistered",)),
    "rounded": lambda b: b.classes(rounded(b), faults=("not-differentiable",)),
}


class Listed(nn.Module):
    """A layer in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.o = [nn.Linear(4, 16)], nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.o(self.layers[0](x).relu())  # type: ignore[no-any-return]


def rounded(b: Build) -> nn.Module:
    return b.formula(lambda m, x: m.o((3 * m.i(x)).round()), i=nn.Linear(4, 16), o=nn.Linear(16, 3))  # type: ignore[no-any-return]


def large(b: Build) -> nn.Module:
    module = b.net(4, 32, 32, 3)
    for part in module[::2]:
        nn.init.normal_(part.weight, 0.0, 20.0)
    return module  # type: ignore[no-any-return]


def alike(b: Build) -> nn.Module:
    module = b.net(4, 16, 3)
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.1)
    return module  # type: ignore[no-any-return]


@pytest.fixture
def build(formula: Any, net: Any) -> Build:
    return Build(formula, net)


# what must stay


def tensors_of(program: Program) -> Iterable[Tensor]:
    for part in (program.module, program.loss):
        if isinstance(part, nn.Module):
            yield from (*part.parameters(), *part.buffers())
    data = program.data.dataset if isinstance(program.data, DataLoader) else program.data
    pending = list(data.tensors if isinstance(data, TensorDataset) else data if isinstance(data, tuple) else [])
    while pending:
        item = pending.pop()
        pending += item if isinstance(item, tuple) else []
        if not isinstance(item, tuple):
            yield torch.as_tensor(item)


def state_of(program: Program) -> dict[str, Any]:
    """All that a check must leave as it was, as plain bytes and figures."""
    tensors = list(tensors_of(program))
    loader = program.data if isinstance(program.data, DataLoader) else None
    return {
        "numbers": [each.detach().numpy().tobytes() for each in tensors],
        "gradients": [None if each.grad is None else each.grad.numpy().tobytes() for each in tensors],
        "flags": [each.requires_grad for each in tensors],
        "modes": [each.training for each in program.module.modules()],
        "hooks": [(len(each._forward_hooks), len(each._forward_pre_hooks)) for each in program.module.modules()],
        "parts": [sorted(map(str, vars(each))) for each in program.module.modules()],
        "optimizers": [str(deepcopy(each.state_dict())) for each in optimizers_of(program.optimizer)],
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tobytes(),  # type: ignore[index]  # noqa: NPY002
        "torch": torch.get_rng_state().tolist(),
        "loader": None if loader is None or loader.generator is None else loader.generator.get_state().tolist(),
        "switches": (torch.is_grad_enabled(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()),
    }


def trained(program: Program) -> None:
    """One step of the textbook, so that there are gradients, a state of the optimizer and statistics of batches."""
    batch = next(iter(program.data)) if isinstance(program.data, DataLoader) else program.data
    if isinstance(batch, tuple) and isinstance(batch[0], Tensor) and len(batch) == 2:
        program.loss(program.module(batch[0]), batch[1]).sum().backward()
        for optimizer in optimizers_of(program.optimizer):
            optimizer.step()


def assert_untouched(program: Program, **options: Any) -> Diagnosis:
    before = state_of(program)
    found = program.check(**options)
    after = state_of(program)
    assert [name for name in before if before[name] != after[name]] == []
    return found


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program(name: str, build: Build) -> None:
    program = RIGHT[name](build)
    trained(program)
    assert [str(each) for each in assert_untouched(program).findings] == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program(name: str, build: Build) -> None:
    program = WRONG[name](build)
    first = assert_untouched(program)
    assert first.codes[: len(program.faults)] == program.faults, str(first)
    assert not first.ok


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loader", "buffers", "softmax twice", "large weights"])
def test_the_same_diagnosis_twice(name: str, build: Build) -> None:
    program = {**RIGHT, **WRONG}[name](build)
    first = program.check()
    torch.rand(3)  # whatever is drawn in between
    assert program.check().to_json() == first.to_json()
