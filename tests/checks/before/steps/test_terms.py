"""A question to a loss of several terms: whether those that do not know the target drown the others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.steps.terms import drowned, terms_of
from netwright.checks.copies import program_copy
from netwright.checks.reading import Batch

CROSS = nn.CrossEntropyLoss()
GATE = "gradient of the terms without the target over that of the others"


class Coder(nn.Module):
    """A variational autoencoder; answers with the row, the means and log variances."""

    def __init__(self, width: int = 12, code: int = 3) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 2 * code))
        self.decoder = nn.Sequential(nn.Linear(code, 32), nn.ReLU(), nn.Linear(32, width))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, spread = self.encoder(x).chunk(2, 1)
        drawn = mean + torch.randn_like(mean) * (0.5 * spread).exp() if self.training else mean
        return self.decoder(drawn), mean, spread


def divergence(output: Any) -> Tensor:
    _, mean, spread = output
    return -0.5 * (1 + spread - mean.square() - spread.exp()).sum()


def listed(output: Any, x: Tensor) -> Tensor:
    return sum([functional.mse_loss(output[0], x), divergence(output)])  # type: ignore[return-value]


def in_place(output: Any, x: Tensor) -> Tensor:
    value = functional.mse_loss(output[0], x)
    value += divergence(output)
    return value


DROWNED = {
    "plus": lambda output, x: functional.mse_loss(output[0], x) + divergence(output),
    "list": listed,
    "stack": lambda output, x: torch.stack([functional.mse_loss(output[0], x), divergence(output)]).sum(),
    "in place": in_place,
    "minus": lambda output, x: functional.mse_loss(output[0], x) - (-divergence(output)),
    "constants": lambda output, x: x.square().mean() + functional.mse_loss(output[0], x) + divergence(output) + 5.0,
    "rows": lambda output, x: (
        (output[0] - x).square().mean(1) - 12 * 0.5 * (1 + output[2] - output[1].square() - output[2].exp()).sum(1)
    ).mean(),
}


@pytest.fixture
def rows(draw: Any) -> Any:
    """Rows of twelve numbers that three others tell, and the same as targets."""
    X = torch.tanh(draw(320, 3) @ draw(3, 12)) + 0.05 * draw(320, 12)
    X = (X - X.mean(0)) / X.std(0)
    return X, X


@pytest.mark.slow
@pytest.mark.parametrize("name", DROWNED)
def test_a_divergence_that_drowns_the_error(name: str, one: Any, adam: Any, rows: Any) -> None:
    module = Coder()
    before = {key: part.clone() for key, part in module.state_dict().items()}
    found = one(drowned, module, DROWNED[name], rows, adam(module))
    assert (found.code, found.level) == ("over-regularised", "fault")
    assert found.evidence["pull"] > 0.5
    assert found.evidence["known_weaker"] < 0.7 * found.evidence["known_as_is"]
    assert (found.remedy.object, found.remedy.argument) == ("loss", "free_terms")
    assert all(torch.equal(part, before[key]) for key, part in module.state_dict().items())


def bits(output: Any, x: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(output[0], x, reduction="sum")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "codes"),
    [
        pytest.param(
            lambda output, x: functional.mse_loss(output[0], x) + divergence(output),
            ["over-regularised"],
            marks=pytest.mark.slow,
        ),
        (lambda output, x: bits(output, x) / x.numel() + divergence(output), ["over-regularised"]),
        (lambda output, x: bits(output, x) + divergence(output), []),
    ],
    ids=["error", "entropy that is never 0", "sums"],
)
def test_images_that_take_long_to_learn(loss: Any, codes: list[str], ask: Any) -> None:
    X = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    torch.manual_seed(0)
    module = Coder(64, 4)
    steered = torch.optim.Adam(module.parameters(), lr=1e-3)
    assert [each.code for each in ask(drowned, module, loss, (X, X), steered)] == codes


def test_the_remedy_is_the_loss_with_weaker_terms(ask: Any, adam: Any, rows: Any) -> None:
    module, loss = Coder(), DROWNED["plus"]
    copied = program_copy(module, [], loss)
    terms = terms_of(copied[0].train(), copied[2], Batch((rows[0][:32],), rows[1][:32]))
    assert terms is not None
    weaker = terms.weaker(loss, 1e-3)
    output = module(rows[0][:32])
    constant = 0.5 * 32 * 3  # of the divergence, which is no term: it moves nothing
    expected = functional.mse_loss(output[0], rows[1][:32]) + 1e-3 * (divergence(output) + constant) - constant
    torch.testing.assert_close(weaker(output, rows[1][:32]), expected, rtol=1e-4, atol=0)
    assert not ask(drowned, module, weaker, rows, adam(module))


class Sparse(nn.Module):
    """An autoencoder that answers with the row and its code."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 24), nn.ReLU())
        self.decoder = nn.Linear(24, 12)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        code = self.encoder(x)
        return {"row": self.decoder(code), "code": code}


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "codes"), [(3.0, ["over-regularised"]), (1e-3, []), (1e-2, [])])
def test_a_penalty_of_the_code(strength: float, codes: list[str], ask: Any, adam: Any, rows: Any) -> None:
    def loss(output: Any, x: Tensor) -> Tensor:
        return functional.mse_loss(output["row"], x) + strength * output["code"].abs().sum(1).mean()

    module = Sparse()
    assert [each.code for each in ask(drowned, module, loss, rows, adam(module))] == codes


# right programs


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.0, 0.1, 0.0])
@pytest.mark.parametrize("rate", [1e-2, 1e-3, 1e-4])
def test_a_divergence_on_the_scale_of_the_error(factor: float, rate: float, ask: Any, adam: Any, rows: Any) -> None:
    def loss(output: Any, x: Tensor) -> Tensor:
        return (4 * functional.mse_loss(output[0], x, reduction="sum") + factor * divergence(output)) / len(x)

    module = Coder()
    assert not ask(drowned, module, loss, rows, adam(module, rate))


@pytest.mark.slow
def test_a_coder_that_begins_slowly(ask: Any, rows: Any) -> None:
    """Small steps and a decoder that begins at next to nothing: the code is not used for long, and then is."""
    module = Coder()
    with torch.no_grad():
        for weight in module.decoder.parameters():
            weight.mul_(0.05)

    def loss(output: Any, x: Tensor) -> Tensor:
        return (4 * functional.mse_loss(output[0], x, reduction="sum") + divergence(output)) / len(x)

    assert not ask(drowned, module, loss, rows, torch.optim.SGD(module.parameters(), lr=3e-4), epochs=500)


@pytest.mark.slow
def test_targets_that_nothing_tells_are_not_drowned(ask: Any, adam: Any, rows: Any, draw: Any) -> None:
    module = Coder()
    data = rows[0], torch.randint(0, 2, (320, 12), generator=torch.Generator().manual_seed(0)).float()
    assert not ask(drowned, module, DROWNED["plus"], data, adam(module))


@pytest.fixture
def classified(draw: Any, classes: Any) -> Any:
    X = draw(320, 4)
    return X, classes(X)


def entropy(output: Tensor) -> Tensor:
    return -(output.softmax(1) * output.log_softmax(1)).sum(1).mean()


def smoothed(output: Tensor, target: Tensor) -> Tensor:
    likely = output.log_softmax(1)
    return 0.9 * functional.nll_loss(likely, target) - 0.1 * likely.mean(1).mean()


def by_hand(output: Tensor, target: Tensor) -> Tensor:
    return output.logsumexp(1).mean() - output[torch.arange(len(output)), target].mean()


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1e-2, 1e-6])
@pytest.mark.parametrize(
    "loss",
    [
        lambda o, t: CROSS(o, t) - 0.05 * entropy(o),
        lambda o, t: CROSS(o, t) - 3.0 * entropy(o),  # of the same numbers: what it wants is not told apart
        lambda o, t: CROSS(o, t) + 1e-3 * o.square().mean(),
        smoothed,
        by_hand,
        CROSS,
    ],
    ids=["entropy", "much entropy", "size", "smoothing", "by hand", "one term"],
)
def test_classes(loss: Any, rate: float, ask: Any, adam: Any, net: Any, classified: Any) -> None:
    module = net(4, 16, 3)
    assert not ask(drowned, module, loss, classified, adam(module, rate))


@pytest.mark.parametrize("rate", [1e-2, 1e-6])
def test_a_learned_spread_is_no_penalty(rate: float, ask: Any, adam: Any, net: Any, draw: Any) -> None:
    X = draw(320, 4)
    y = X[:, :1] + 0.3 * draw(320, 1)

    def gaussian(output: Tensor, target: Tensor) -> Tensor:
        mean, spread = output.chunk(2, 1)
        return 0.5 * (spread + (target - mean).square() * (-spread).exp()).mean()

    def poisson(output: Tensor, target: Tensor) -> Tensor:
        return output.exp().mean() - (target.abs() * output).mean()

    for loss in (gaussian, poisson):
        module = net(4, 16, 2 if loss is gaussian else 1)
        assert not ask(drowned, module, loss, (X, y), adam(module, rate))


class Quantised(nn.Module):
    """An autoencoder whose code is the nearest of sixteen vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(12, 4), nn.Linear(4, 12)
        self.book = nn.Embedding(16, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code = self.encoder(x)
        near = self.book(torch.cdist(code.detach(), self.book.weight.detach()).argmin(1))
        return self.decoder(code + (near - code).detach()), code, near


def test_a_commitment_to_a_code_book(ask: Any, adam: Any, rows: Any) -> None:
    def loss(output: Any, x: Tensor) -> Tensor:
        row, code, near = output
        book = functional.mse_loss(near, code.detach())
        return functional.mse_loss(row, x) + book + 0.25 * functional.mse_loss(code, near.detach())

    module = Quantised()
    assert not ask(drowned, module, loss, rows, adam(module))


def test_a_loss_without_a_target(ask: Any, adam: Any, draw: Any) -> None:
    """An equation and its value at the border: the target is a row of zeros that nobody reads."""
    X = draw(200, 1)

    class Curve(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            with torch.enable_grad():
                x = x.clone().requires_grad_()
                y = self.inner(x)
                slope = torch.autograd.grad(y.sum(), x, create_graph=True)[0]
            return y, slope, self.inner(torch.zeros(len(x), 1))

    def equation(output: Any, target: Tensor) -> Tensor:
        y, slope, border = output
        return (slope + y).square().mean() + 100 * (border - 1).square().mean()

    module = Curve()
    found = ask(drowned, module, equation, (X, torch.zeros(200, 1)), adam(module))
    assert not found


def test_a_loss_that_refuses_a_probe(context: Any, adam: Any, rows: Any) -> None:
    def loss(output: Any, x: Tensor) -> Tensor:
        if output[0].grad_fn is None:
            raise RuntimeError("a graph is wanted")
        return functional.mse_loss(output[0], x) + divergence(output)

    module = Coder()
    program = context(module, loss, rows, adam(module))
    assert not list(drowned(program))
    assert GATE not in program.signals
