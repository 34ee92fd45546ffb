"""A question to random draws in forward: whether they let a gradient through."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, distributions, nn
from torch.nn import functional

from netwright.checks.before.steps.draws import Draws, drawn, watched

Normal = distributions.Normal


class Coder(nn.Module):
    """A variational autoencoder that draws by a formula of mean and spread."""

    def __init__(self, formula: Any) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 6))
        self.decoder = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 12))
        self.formula = formula

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, spread = self.encoder(x).chunk(2, 1)
        code = self.formula(mean, (0.5 * spread).exp()) if self.training else mean
        return self.decoder(code), mean, spread


def bound(output: Any, x: Tensor) -> Tensor:
    row, mean, spread = output
    divergence = -0.5 * (1 + spread - mean.square() - spread.exp()).sum(1)
    return ((row - x).square().sum(1) + 0.05 * divergence).mean()


@pytest.fixture
def rows(draw: Any) -> Any:
    X = torch.tanh(draw(320, 3) @ draw(3, 12)) + 0.05 * draw(320, 12)
    X = (X - X.mean(0)) / X.std(0)
    return X, X


CUT = {
    "Normal.sample": lambda m, s: Normal(m, s).sample(),
    "Laplace.sample": lambda m, s: distributions.Laplace(m, s).sample(),
    "Independent.sample": lambda m, s: distributions.Independent(Normal(m, s), 1).sample(),
    "MultivariateNormal.sample": lambda m, s: distributions.MultivariateNormal(
        m, scale_tril=torch.diag_embed(s)
    ).sample(),
    "torch.normal": lambda m, s: torch.normal(m, s),
}
THROUGH = {
    "rsample": lambda m, s: Normal(m, s).rsample(),
    "formula": lambda m, s: m + s * torch.randn_like(s),
    "noise": lambda m, s: m + s * Normal(torch.zeros(3), torch.ones(3)).sample(m.shape[:1]),
    "normal noise": lambda m, s: m + s * torch.normal(torch.zeros_like(m), 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CUT)
def test_draws_that_cut(name: str, one: Any, adam: Any, rows: Any) -> None:
    module = Coder(CUT[name])
    before = {key: part.clone() for key, part in module.state_dict().items()}
    found = one(drawn, module, bound, rows, adam(module))
    assert (found.code, found.level) == ("detached", "fault")
    assert name in found.seen
    assert found.evidence["loss_through"] < 0.9 * found.evidence["loss_as_is"]
    assert (found.remedy.object, found.remedy.argument) == ("module", "draw")
    first = inspect.getsourcelines(CUT[name])[1]
    assert found.where.line.startswith(__file__)
    assert 0 <= int(found.where.line.rpartition(":")[2]) - first <= 2
    assert all(torch.equal(part, before[key]) for key, part in module.state_dict().items())
    assert all(part.grad is None for part in module.parameters())


@pytest.mark.parametrize("name", THROUGH)
def test_draws_that_do_not(name: str, ask: Any, adam: Any, rows: Any) -> None:
    module = Coder(THROUGH[name])
    assert not ask(drawn, module, bound, rows, adam(module))


def test_the_derivative_of_normal_is_zero(draw: Any) -> None:
    """Which is why it counts as a cut though its value has a graph."""
    mean, spread = draw(5).requires_grad_(), draw(5).abs().requires_grad_()
    slopes = torch.autograd.grad(torch.normal(mean, spread).sum(), [mean, spread])
    assert all(not bool(slope.any()) for slope in slopes)


def test_a_sample_in_eval_mode_or_without_gradients(ask: Any, adam: Any, rows: Any) -> None:
    class Both(Coder):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            mean, spread = self.encoder(x).chunk(2, 1)
            q = Normal(mean, (0.5 * spread).exp())
            with torch.no_grad():
                self.kept = self.decoder(q.sample())
            return self.decoder(q.rsample() if self.training else q.sample()), mean, spread

    module = Both(None)
    assert not ask(drawn, module, bound, rows, adam(module))


# policies


class Policy(nn.Module):
    """Draws an action; answers with its log-probability and what it is worth."""

    def __init__(self, by_hand: bool = False) -> None:
        super().__init__()
        self.mean, self.by_hand = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1)), by_hand
        self.spread = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mean = self.mean(x)
        policy = Normal(mean, self.spread.exp().expand_as(mean))
        action = policy.sample()
        if self.by_hand:
            return mean, self.spread, action
        return policy.log_prob(action), action


def rewarded(output: Any, target: Tensor) -> Tensor:
    likely, action = output
    return -(likely * -(action - target).square().detach()).mean()


def rewarded_by_hand(output: Any, target: Tensor) -> Tensor:
    mean, spread, action = output
    likely = -0.5 * ((action - mean) / spread.exp()).square() - spread
    return -(likely * -(action - target).square()).mean()


@pytest.mark.parametrize("by_hand", [False, True])
def test_policies_take_what_they_draw_for_constant(by_hand: bool, ask: Any, adam: Any, draw: Any) -> None:
    X = draw(200, 4)
    module = Policy(by_hand)
    loss = rewarded_by_hand if by_hand else rewarded
    assert not ask(drawn, module, loss, (X, X[:, :1]), adam(module))


def test_log_prob_asked_for_by_the_loss(ask: Any, adam: Any, draw: Any) -> None:
    class Critic(nn.Module):
        """Hands the policy out, and what a critic says of a draw by it."""

        def __init__(self) -> None:
            super().__init__()
            self.mean, self.worth = nn.Linear(4, 1), nn.Linear(1, 1)

        def forward(self, x: Tensor) -> tuple[Any, ...]:
            policy = Normal(self.mean(x), 1.0)
            action = policy.sample()
            return self.worth(action), policy, 1 * action.clamp(-2, 2)

    def loss(output: Any, target: Tensor) -> Tensor:
        worth, policy, action = output
        return (worth - target).square().mean() - (policy.log_prob(action) * worth.detach()).mean()

    X = draw(200, 4)
    module = Critic()
    assert not ask(drawn, module, loss, (X, X[:, :1]), adam(module))


def test_draws_of_symbols_and_of_the_data(ask: Any, adam: Any, formula: Any, draw: Any) -> None:
    X = draw(200, 4)

    def symbols(m: Any, x: Tensor) -> Tensor:
        scores = m.first(x)
        return m.last(functional.one_hot(distributions.Categorical(logits=scores).sample(), 6).float() + scores)

    def noisy(m: Any, x: Tensor) -> Tensor:
        return m.last(m.first(Normal(x, 0.1).sample()))

    def soft(m: Any, x: Tensor) -> Tensor:
        return m.last(distributions.RelaxedOneHotCategorical(torch.tensor(0.5), logits=m.first(x)).rsample())

    for run in (symbols, noisy, soft):
        module = formula(run, first=nn.Linear(4, 6), last=nn.Linear(6, 1))
        assert not ask(drawn, module, nn.MSELoss(), (X, X[:, :1]), adam(module))


def test_a_draw_that_matters_little(ask: Any, adam: Any, formula: Any, draw: Any) -> None:
    """Noise of a learned spread beside the signal: nothing is lost without its gradient."""
    X = draw(200, 4)

    def run(m: Any, x: Tensor) -> Tensor:
        hidden = m.first(x)
        return m.last(hidden + 0.01 * Normal(torch.zeros_like(hidden), m.spread(x).exp()).sample())

    module = formula(run, first=nn.Linear(4, 6), spread=nn.Linear(4, 6), last=nn.Linear(6, 1))
    assert not ask(drawn, module, nn.MSELoss(), (X, X[:, :1]), adam(module))


def test_a_program_that_plays_with_what_it_draws(ask: Any, adam: Any, formula: Any, draw: Any) -> None:
    X = draw(200, 4)

    def run(m: Any, x: Tensor) -> Tensor:
        action = Normal(m.first(x), 1.0).sample().numpy()
        return m.last(x) + torch.from_numpy(action)

    module = formula(run, first=nn.Linear(4, 1), last=nn.Linear(4, 1))
    assert not ask(drawn, module, nn.MSELoss(), (X, X[:, :1]), adam(module))


# distributions stay as they are


def test_methods_are_put_back_and_other_threads_see_none_of_it(draw: Any) -> None:
    kinds = [Normal, distributions.Laplace, distributions.Distribution, distributions.Independent]
    before = [(kind, name, vars(kind).get(name)) for kind in kinds for name in ("sample", "log_prob")]
    mean, draws, values = draw(4).requires_grad_(), Draws(), []

    def ends_in_an_error() -> None:
        with watched(draws):
            thread = threading.Thread(target=lambda: values.append(Normal(mean, 1.0).sample()))
            thread.start()
            thread.join()
            assert not draws.found
            assert Normal(mean, 1.0).sample().requires_grad
            assert len(draws.found) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ends_in_an_error()
    assert not values[0].requires_grad
    assert all(vars(kind).get(name) is method for kind, name, method in before)
    assert not Normal(mean, 1.0).sample().requires_grad
