"""Networks on which curvature is compared with `torch.func`, and that comparison's dense matrices.

A test that names `network` runs for each of them, in double precision; `make_network(name, dtype)` makes one.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev


class Twice(nn.Module):
    """One linear layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.inner(torch.tanh(self.inner(x)))))


class Tied(nn.Module):
    """Two layers with one weight between them, as in an autoencoder of square matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 3)
        self.last.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x)))


class Formula(nn.Module):
    """Parameters used without any layer, and one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return torch.exp(-0.3 * x * self.scale) * self.scale + self.shift


class Partly(nn.Module):
    """A layer whose weight is used outside of it too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.layer(x)) @ self.layer.weight


class Unused(nn.Module):
    """A layer that is never called beside one that is."""

    def __init__(self) -> None:
        super().__init__()
        self.idle, self.layer = nn.Linear(2, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.layer(x))


class Attention(nn.Module):
    """Self-attention over steps."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.last = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.attention(x, x, x)[0]).squeeze(-1)


class Recurrent(nn.Module):
    """The last state of an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.last = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.cell(x)[0][:, -1])


MAKERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "dense": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), (5, 3)),
    "one output": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0)), (5, 3)),
    "without bias": (lambda: nn.Sequential(nn.Linear(3, 4, bias=False), nn.Softplus(), nn.Linear(4, 2)), (5, 3)),
    "steps": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)), (4, 3, 2)),
    "conv": (lambda: nn.Sequential(nn.Conv2d(2, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(12, 2)), (4, 2, 3, 3)),
    "channels last": (lambda: MAKERS["conv"][0]().to(memory_format=torch.channels_last), (4, 2, 3, 3)),
    "conv of steps": (lambda: nn.Sequential(nn.Conv1d(2, 3, 2), nn.Tanh(), nn.Conv1d(3, 2, 1)), (4, 2, 4)),
    "transposed": (lambda: nn.Sequential(nn.ConvTranspose1d(2, 2, 2), nn.Sigmoid()), (4, 2, 2)),
    "layer norm": (lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 2)), (5, 3)),
    "prelu": (lambda: nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Linear(4, 2)), (5, 3)),
    "batch norm": (lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)), (6, 3)),
    "batch norm, fixed": (lambda: MAKERS["batch norm"][0]().eval(), (6, 3)),
    "embedding": (lambda: nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Tanh(), nn.Linear(6, 2)), (5, 3)),
    "shared layer": (Twice, (5, 3)),
    "tied weight": (Tied, (5, 3)),
    "formula": (Formula, (5, 3)),
    "weight used outside": (Partly, (5, 3)),
    "unused layer": (Unused, (5, 3)),
    "attention": (Attention, (4, 3, 4)),
    "lstm": (Recurrent, (4, 3, 2)),
}


class Network(NamedTuple):
    """A module with rows for it, and targets: numbers, and classes along the second axis of the outputs."""

    name: str
    module: nn.Module
    inputs: Tensor
    targets: Tensor
    classes: Tensor

    @property
    def parameters(self) -> list[nn.Parameter]:
        return list(self.module.parameters())

    def outputs(self) -> Tensor:
        return self.module(self.inputs)  # type: ignore[no-any-return]

    def residuals(self) -> Tensor:
        return self.outputs() - self.targets

    def squares_of(self, outputs: Tensor) -> Tensor:
        return 0.5 * (outputs - self.targets).square().sum()

    def entropy_of(self, outputs: Tensor) -> Tensor:
        if outputs.ndim == 1:
            return nn.functional.binary_cross_entropy_with_logits(outputs, self.classes.to(outputs))
        return nn.functional.cross_entropy(outputs, self.classes)

    def entropy(self) -> tuple[Tensor, Tensor]:
        outputs = self.outputs()
        return outputs, self.entropy_of(outputs)

    def vector(self) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        """The outputs as a function of the vector of all parameters in logical order, and that vector."""
        module = deepcopy(self.module)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d) and part.training:
                part.running_mean = part.running_var = part.num_batches_tracked = None  # cannot be written there
        named = dict(module.named_parameters())
        shapes = {name: parameter.shape for name, parameter in named.items()}

        def outputs(vector: Tensor) -> Tensor:
            parts = torch.split(vector, [shape.numel() for shape in shapes.values()])
            given = {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
            return functional_call(module, given, (self.inputs,))  # type: ignore[no-any-return]

        return outputs, torch.cat([parameter.detach().reshape(-1) for parameter in named.values()])

    @property
    def order(self) -> Tensor:
        """Where each entry of the library's vector stands in the vector of the parameters' logical order."""
        found, start = [], 0
        for parameter in self.parameters:
            index = torch.arange(start, start + parameter.numel()).view(parameter.shape)
            last = parameter.ndim == 4 and not parameter.is_contiguous()
            found.append((index.permute(0, 2, 3, 1) if last else index).reshape(-1))
            start += parameter.numel()
        return torch.cat(found)

    def jacobian(self) -> Tensor:
        """J of all outputs, (n, K, P), by `torch.func.jacrev`, in the order of the library's vector."""
        outputs, theta = self.vector()
        found = jacrev(outputs)(theta)
        return found.reshape(len(found), -1, len(theta))[..., self.order]  # type: ignore[no-any-return]

    def derivatives(self, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Gradient (P,) and Hessian (P, P) of a loss of the outputs, by `torch.func.jacrev` and `grad`."""
        outputs, theta = self.vector()

        def whole(vector: Tensor) -> Tensor:
            return loss(outputs(vector))

        slope = grad(whole)  # a second jacrev has wrong derivatives in the weights of normalisations
        return slope(theta)[self.order], jacrev(slope)(theta)[self.order][:, self.order]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "network" in metafunc.fixturenames:
        metafunc.parametrize("network", list(MAKERS), indirect=True)


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Network:
    """Each network of the table in double precision."""
    return made(request.param)


@pytest.fixture
def make_network() -> Callable[..., Network]:
    """The function that makes a network by its name and number format."""
    return made


def made(name: str, dtype: torch.dtype = torch.float64) -> Network:
    """A network by its name; the same at every call."""
    make, shape = MAKERS[name]
    generator = torch.Generator().manual_seed(len(name))
    with torch.random.fork_rng(devices=[]):
        module = make().to(dtype)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.6 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    inputs = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    if name == "embedding":
        inputs = torch.randint(0, 5, shape, generator=generator)
    with torch.no_grad():
        like = deepcopy(module)(inputs)
    targets = torch.randn(like.shape, generator=generator, dtype=torch.float64).to(dtype)
    kinds = like.shape[1] if like.ndim > 1 else 2
    classes = torch.randint(0, kinds, (len(like), *like.shape[2:]), generator=generator)
    return Network(name, module, inputs, targets, classes)
