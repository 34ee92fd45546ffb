"""The chain of tags against the sum over all of its paths, published figures, and another library."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import CRF, Input, Linear
from netwright.layers.crf import compiled

# a worked case, computed by brute force over its 81 paths by other code
START, END = [0.0, 1.0, -1.0], [0.5, 0.0, -0.5]
BETWEEN = [[0.2, -0.3, 0.5], [1.0, 0.0, -1.0], [0.1, 0.4, -0.2]]
SCORES = [[1.0, 0.0, 2.0], [0.0, 1.5, -0.5], [0.3, 0.3, 0.9], [2.0, -1.0, 0.0]]


def filled(crf: Any, start: Any, between: Any, end: Any) -> Any:
    with torch.no_grad():
        crf.start_transitions.copy_(torch.as_tensor(start, dtype=torch.float64))
        crf.transitions.copy_(torch.as_tensor(between, dtype=torch.float64))
        crf.end_transitions.copy_(torch.as_tensor(end, dtype=torch.float64))
    return crf


@pytest.fixture(autouse=True, params=["compiled", "tensors"], scope="module")
def _both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """All holds for the compiled loops of the CPU and for the tensor operations of other devices."""
    kept = compiled.on_cpu
    if request.param == "tensors":
        compiled.on_cpu = lambda lattice: False
    yield
    compiled.on_cpu = kept


@pytest.fixture
def worked() -> tuple[Any, Tensor]:
    return filled(
        CRF(3).build().double(), *(torch.tensor(each, dtype=torch.float64) for each in (START, BETWEEN, END))
    ), torch.tensor([SCORES], dtype=torch.float64)


def test_the_worked_case(worked: Any) -> None:
    crf, scores = worked
    gold = torch.tensor([[2, 1, 0, 0]])
    assert crf.log_partition(scores).item() == pytest.approx(8.8310837027, abs=1e-9)
    assert crf.log_likelihood(scores, gold).item() == pytest.approx(-1.931083978, abs=1e-6)
    assert crf.entropy(scores).item() == pytest.approx(3.0611314, abs=1e-6)
    expected = [
        [0.261424, 0.349277, 0.389299],
        [0.238801, 0.678419, 0.082781],
        [0.410872, 0.375726, 0.213402],
        [0.945666, 0.019105, 0.035229],
    ]
    assert crf.marginals(scores)[0].tolist() == pytest.approx(np.array(expected), abs=1e-6)
    best = crf.best(scores, nbest=5)[0]
    assert [path for path, _ in best] == [[2, 1, 0, 0], [2, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0]]
    probabilities = [0.144991, 0.118709, 0.097190, 0.079573, 0.072000]
    assert [np.exp(log) for _, log in best] == pytest.approx(probabilities, abs=1e-6)
    assert crf.decode(scores) == [[2, 1, 0, 0]]


def test_the_worked_case_under_a_mask(worked: Any) -> None:
    crf, scores = worked
    three = torch.tensor([[1, 1, 1, 0]])
    assert crf.log_partition(scores, three).item() == pytest.approx(6.0505785, abs=1e-7)
    assert crf.log_likelihood(scores, torch.tensor([[2, 1, 0, 9]]), three).item() == pytest.approx(
        -1.350578681, abs=1e-6
    )
    assert crf.decode(scores, three) == [[2, 1, 0]]
    hole = torch.tensor([[1, 0, 1, 1]])
    for tags in ([2, 1, 0, 0], [2, -100, 0, 0]):
        assert crf.log_likelihood(scores, torch.tensor([tags]), hole).item() == pytest.approx(-2.781258437, abs=1e-6)
    ignored = crf.log_likelihood(scores, torch.tensor([[2, -100, 0, 0]]))
    assert ignored.item() == pytest.approx(-2.781258437, abs=1e-6)


# brute force


class Paths:
    """All paths of one chain, one by one."""

    def __init__(self, e: np.ndarray, a: np.ndarray, s: np.ndarray, f: np.ndarray) -> None:
        n, k = e.shape
        self.paths = list(product(range(k), repeat=n))
        self.scores = np.array([self._score(path, e, a, s, f) for path in self.paths])
        top = self.scores.max()
        self.total = top + np.log(np.exp(self.scores - top).sum()) if np.isfinite(top) else -np.inf
        self.p = np.exp(self.scores - self.total) if np.isfinite(top) else np.zeros(len(self.scores))
        self.marginals = np.array([[self.p[[y[t] == j for y in self.paths]].sum() for j in range(k)] for t in range(n)])
        self.entropy = -sum(p * np.log(p) for p in self.p if p > 0)

    @staticmethod
    def _score(path: tuple[int, ...], e: Any, a: Any, s: Any, f: Any) -> float:
        inside = sum(e[t, j] for t, j in enumerate(path)) + sum(a[i, j] for i, j in pairwise(path))
        return float(s[path[0]] + inside + f[path[-1]])


@st.composite
def chains(draw: Any) -> tuple[int, int, int, int, bool]:
    """Tags, steps, sequences, a seed, and whether some transitions are forbidden."""
    k = draw(st.integers(1, 5))
    steps = draw(st.integers(1, 5))
    return k, steps, draw(st.integers(1, 3)), draw(st.integers(0, 10**6)), draw(st.booleans())


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(chains())
def test_everything_is_the_sum_over_all_paths(chain: tuple[int, int, int, int, bool]) -> None:
    k, steps, batch, seed, some = chain
    rng = np.random.default_rng(seed)
    pairs = [(i, j) for i in range(k + 1) for j in (*range(k), k + 1) if some and (i, j) != (k, k + 1)]
    forbidden = tuple(pair for pair in pairs if rng.random() < 0.2)
    a, s, f = rng.normal(size=(k, k)), rng.normal(size=k), rng.normal(size=k)
    crf = filled(CRF(k, forbidden).build().double(), s, a, f)
    for i, j in forbidden:
        target, place = (s, j) if i == k else (f, i) if j == k + 1 else (a, (i, j))
        target[place] = -np.inf
    e = 2 * rng.normal(size=(batch, steps, k))
    mask = rng.random((batch, steps)) < 0.8
    mask[:, 0] |= ~mask.any(1)
    scores, where = torch.tensor(e), torch.tensor(mask)
    total, entropy = crf.log_partition(scores, where), crf.entropy(scores, where)
    marginals, best = crf.marginals(scores, where).detach(), crf.best(scores, where, nbest=3)
    for row in range(batch):
        paths = Paths(e[row][mask[row]], a, s, f)
        assert total[row].item() == pytest.approx(paths.total, abs=1e-9)
        assert marginals[row][where[row]].numpy() == pytest.approx(paths.marginals, abs=1e-9)
        assert not marginals[row][~where[row]].any()
        if np.isfinite(paths.total):
            assert entropy[row].item() == pytest.approx(paths.entropy, abs=1e-9)
        order = np.argsort(-paths.scores, kind="stable")
        possible = [i for i in order[:3] if np.isfinite(paths.scores[i])]
        assert [log for _, log in best[row]] == pytest.approx([np.log(paths.p[i]) for i in possible], abs=1e-9)
        for path, log in best[row]:
            assert np.log(paths.p[paths.paths.index(tuple(path))]) == pytest.approx(log, abs=1e-9)


def test_all_paths_are_as_many_as_there_are(worked: Any) -> None:
    crf, scores = worked
    found = crf.best(scores, nbest=100)[0]
    assert len(found) == 81
    assert sum(np.exp(log) for _, log in found) == pytest.approx(1)
    assert len({tuple(path) for path, _ in found}) == 81


def test_the_most_likely_tag_at_each_step(worked: Any) -> None:
    crf, scores = worked
    hole = torch.tensor([[0, 1, 0, 1]])
    assert crf.decode(scores, rule="mbr") == [crf.marginals(scores)[0].argmax(1).tolist()]
    assert crf.decode(scores, hole, rule="mbr") == [crf.marginals(scores, hole)[0, [1, 3]].argmax(1).tolist()]


def test_samples_are_as_frequent_as_they_are_likely(worked: Any) -> None:
    crf, scores = worked
    drawn = crf.sample(scores, samples=40_000, generator=torch.Generator().manual_seed(1))
    assert drawn.shape == (40_000, 1, 4)
    for path, log in crf.best(scores, nbest=3)[0]:
        share = (drawn[:, 0] == torch.tensor(path)).all(1).double().mean().item()
        assert share == pytest.approx(np.exp(log), abs=0.01)
    some = crf.sample(scores, torch.tensor([[0, 1, 0, 1]]), samples=5, generator=torch.Generator().manual_seed(2))
    assert (some[:, 0, [0, 2]] == -100).all()
    assert (some[:, 0, [1, 3]] >= 0).all()


# gradients


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
def test_gradients(masked: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    crf = CRF(3).build(seed=1).double()
    e = torch.randn(3, 4, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    tags = torch.randint(3, (3, 4), generator=generator)
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]]) if masked else None
    a, s, f = (
        p.detach().clone().requires_grad_() for p in (crf.transitions, crf.start_transitions, crf.end_transitions)
    )

    def value(what: str) -> Any:
        def of(e: Tensor, a: Tensor, s: Tensor, f: Tensor) -> Tensor:
            weights = {"transitions": a, "start_transitions": s, "end_transitions": f}
            arguments = (e, tags, mask) if what == "log_likelihood" else (e, mask)
            return torch.func.functional_call(
                _Method(crf, what), {f"crf.{k}": v for k, v in weights.items()}, arguments
            )

        return of

    for what in ("log_likelihood", "log_partition", "entropy"):
        assert torch.autograd.gradcheck(value(what), (e, a, s, f))


class _Method(torch.nn.Module):
    def __init__(self, crf: Any, name: str) -> None:
        super().__init__()
        self.crf, self.name = crf, name

    def forward(self, *arguments: Any) -> Any:
        return getattr(self.crf, self.name)(*arguments)


def test_scores_of_minus_infinity_give_no_nan() -> None:
    crf = CRF(3, forbidden=((0, 1), (3, 2))).build(seed=0)
    e = torch.zeros(2, 5, 3)
    e[0, :, 1] = float("-inf")
    e[1, 2] = float("-inf")  # no path at all
    e.requires_grad_()
    total = crf.log_partition(e)
    assert torch.isfinite(total[0])
    assert total[1] == float("-inf")
    total[0].backward()
    crf.entropy(e)[0].backward()
    assert torch.isfinite(e.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in crf.parameters())
    assert crf.decode(e.detach())[1] == []  # there is none to name


def test_what_stands_behind_a_sequence_is_never_read() -> None:
    crf = CRF(4).build(seed=0)
    e = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(5))
    mask = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    spoilt = e.clone()
    spoilt[0, 3:] = float("nan")
    tags = torch.tensor([[0, 1, 2, 99, -5, 7], [0, 1, 2, 3, 0, 1]])
    for name, arguments in (("log_likelihood", (tags, mask)), ("log_partition", (mask,)), ("marginals", (mask,))):
        assert torch.equal(getattr(crf, name)(e, *arguments), getattr(crf, name)(spoilt, *arguments))
    assert crf.decode(e, mask) == crf.decode(spoilt, mask)
    short = crf.log_likelihood(e[:1, :3], tags[:1, :3])
    assert torch.allclose(crf.log_likelihood(spoilt, tags, mask)[:1], short)


def test_rows_without_a_step() -> None:
    crf = CRF(3).build(seed=0)
    e, mask = torch.ones(2, 4, 3), torch.tensor([[0, 0, 0, 0], [1, 1, 0, 0]])
    assert crf.log_likelihood(e, torch.zeros(2, 4, dtype=torch.long), mask)[0] == 0
    assert crf.decode(e, mask)[0] == []
    assert crf.entropy(e, mask)[0] == 0
    assert crf.decode(e, mask, rule="mbr")[0] == []


def test_single_precision_is_near_double() -> None:
    generator = torch.Generator().manual_seed(0)
    crf, e = CRF(9).build(seed=0), torch.randn(4, 200, 9, generator=generator)
    exact = crf.double().log_partition(e.double())
    assert torch.allclose(crf.float().log_partition(e).double(), exact, atol=2.5e-4, rtol=0)
    assert crf.log_partition(e.bfloat16()).dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("grad", [False, True])
def test_probabilities_of_thousands_of_steps_sum_to_one(grad: bool) -> None:
    crf = CRF(5).build(seed=0)
    e = torch.randn(2, 3000, 5, generator=torch.Generator().manual_seed(5)) * 3
    with torch.set_grad_enabled(grad):
        found = crf.marginals(e)
    assert found.dtype == torch.float32
    assert torch.allclose(found.sum(-1), torch.ones(2, 3000), atol=1e-6)


# the other library


@pytest.mark.touches_rng  # theirs draws its weights so
def test_pytorch_crf_and_its_weights() -> None:
    torchcrf = pytest.importorskip("torchcrf")
    generator = torch.Generator().manual_seed(4)
    other = torchcrf.CRF(5, batch_first=True)
    crf = CRF(5).build()
    crf.load_state_dict(other.state_dict())
    other.load_state_dict(crf.state_dict())
    e = torch.randn(6, 9, 5, generator=generator, requires_grad=True)
    tags = torch.randint(5, (6, 9), generator=generator)
    mask = torch.arange(9) < torch.randint(1, 10, (6, 1), generator=generator)
    for reduction in ("sum", "mean", "token_mean", "none"):
        assert torch.allclose(crf(e, tags, mask, reduction), other(e, tags, mask, reduction), atol=1e-4)
    assert crf.decode(e, mask) == other.decode(e, mask)
    slopes = [torch.autograd.grad(each(e, tags, mask), (e, *each.parameters())) for each in (crf, other)]
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*slopes, strict=True))
    turned = CRF(5, batch_first=False).build()
    turned.load_state_dict(other.state_dict())
    assert torch.allclose(turned(e.transpose(0, 1), tags.T, mask.T), crf(e, tags, mask))
    assert turned.marginals(e.transpose(0, 1), mask.T).shape == (9, 6, 5)


# as a layer, and refusals


def test_in_a_network() -> None:
    net = Input(7, 4) >> Linear(3) >> CRF(3)
    assert net.output_shape == (7, 3)
    x = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(6))
    assert torch.allclose(net.build(seed=0)(x).sum(2), torch.ones(2, 7), atol=1e-5)
    assert torch.equal(CRF(3).build(seed=5).transitions, CRF(3).build(seed=5).transitions)
    with pytest.raises(JoinError, match="an input \\(steps, 3\\)"):
        Input(7, 4) >> CRF(3)


def test_tags_that_cannot_be() -> None:
    crf = CRF(3, forbidden=((0, 1), (3, 2), (0, 4))).build()
    e = torch.zeros(2, 3, 3)
    with pytest.raises(InvalidData, match="7 in sequence 1, step 2"):
        crf.log_likelihood(e, torch.tensor([[0, 0, 2], [0, 0, 7]]))
    with pytest.raises(InvalidData, match="0 followed by 1 in sequence 1, step 1"):
        crf.log_likelihood(e, torch.tensor([[0, 0, 2], [0, 1, 2]]))
    with pytest.raises(InvalidData, match="the start followed by 2 in sequence 0"):
        crf.log_likelihood(e, torch.tensor([[2, 2, 2], [1, 1, 1]]))
    with pytest.raises(InvalidData, match="0 followed by the end"):
        crf.log_likelihood(e, torch.tensor([[1, 1, 1], [1, 1, 0]]))


def test_shapes_and_options_that_cannot_be() -> None:
    crf, e = CRF(3).build(), torch.zeros(2, 4, 3)
    with pytest.raises(InvalidData, match="with 3 tags"):
        crf.decode(torch.zeros(2, 4, 5))
    with pytest.raises(InvalidData, match="CRF, mask"):
        crf.decode(e, torch.ones(2, 5))
    with pytest.raises(InvalidData, match="CRF, tags"):
        crf(e, torch.zeros(4, 2))
    for call in (lambda: crf.decode(e, nbest=0), lambda: crf.decode(e, rule="x"), lambda: crf(e, e[..., 0], None, "x")):
        with pytest.raises(InvalidParameter):
            call()
    for options in ({"num_tags": 0}, {"num_tags": 2, "forbidden": ((0, 2),)}, {"num_tags": 2, "forbidden": ((3, 0),)}):
        with pytest.raises(InvalidParameter):
            CRF(**options)


@pytest.mark.slow
def test_long_padding_never_overflows() -> None:
    crf = CRF(5).build().double()
    draw = torch.Generator().manual_seed(0)
    emissions = torch.randn(3, 900, 5, generator=draw, dtype=torch.float64)
    tags = torch.randint(5, (3, 900), generator=draw)
    lengths = torch.tensor([900, 2, 0])
    mask = torch.arange(900) < lengths[:, None]
    whole = torch.autograd.grad(crf.log_likelihood(emissions, tags, mask).sum(), list(crf.parameters()))
    alone = [torch.zeros_like(p) for p in crf.parameters()]
    for row in (0, 1):
        n = int(lengths[row])
        part = crf.log_likelihood(emissions[row : row + 1, :n], tags[row : row + 1, :n]).sum()
        alone = [a + g for a, g in zip(alone, torch.autograd.grad(part, list(crf.parameters())), strict=True)]
    torch.testing.assert_close(list(whole), alone)
    assert crf.marginals(emissions, mask).isfinite().all()
    assert crf.entropy(emissions, mask).isfinite().all()
