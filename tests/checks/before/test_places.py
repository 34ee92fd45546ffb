"""Which outputs a place of the target is compared with, and whether the target is an input that these have seen."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from netwright.checks import check
from netwright.checks.before.targets.places import compared, few_rows, meetings, unshifted

CROSS = functional.cross_entropy
SQUARES = nn.MSELoss()


def numbers(*shape: int, below: int, seed: int = 3) -> Tensor:
    return torch.randint(0, below, shape, generator=torch.Generator().manual_seed(seed))


def tagged(steps: int = 12, tags: int = 5, rows: int = 40) -> tuple[Tensor, Tensor]:
    """Tokens and tags."""
    return numbers(rows, steps, below=9), numbers(rows, steps, below=tags, seed=4)


def tagger(tags: int = 5) -> nn.Module:
    """Scores with the classes at the end."""
    return nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, tags))


def pictures(classes: int = 3) -> tuple[Tensor, Tensor]:
    X = torch.randn(12, 1, 6, 8, generator=torch.Generator().manual_seed(5))
    return X, numbers(12, 6, 8, below=classes)


def flat(z: Tensor, t: Tensor, **options: Any) -> Tensor:
    return CROSS(z.reshape(-1, z.shape[-1]), t.reshape(-1), **options)


def viewed(z: Tensor, t: Tensor, **options: Any) -> Tensor:
    return CROSS(z.view(len(z), z.shape[-1], -1), t, **options)


# axes that are mixed between output and target

OPTIONS: dict[str, dict[str, Any]] = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "weights": {"weight": torch.tensor([1.0, 4.0, 0.5, 2.0, 1.0])},
    "smooth": {"label_smoothing": 0.1},
    "left out": {"ignore_index": 0},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_classes_viewed_to_the_front(options: dict[str, Any], one: Any, ask: Any) -> None:
    found = one(compared, tagger(), lambda z, t: viewed(z, t, **options), tagged())
    assert (found.code, found.level) == ("wrong-axes", "fault")
    assert found.evidence["shape"] == (5, 12, 5)
    assert found.evidence["read_as"] == (5, 5, 12)
    assert found.remedy.value == [0, 2, 1]
    row, step = found.evidence["place"]
    at = torch.arange(300).view(5, 12, 5)
    shown = {int(at[place]) for place in found.evidence["outputs"]}
    assert shown <= set(torch.arange(300).view(5, 5, 12)[row, :, step].tolist())
    assert not ask(compared, tagger(), lambda z, t: CROSS(z.permute(found.remedy.value), t, **options), tagged())
    assert not ask(compared, tagger(), lambda z, t: flat(z, t, **options), tagged())


@pytest.mark.parametrize(("steps", "tags"), [(12, 4), (3, 5), (2, 9), (5, 2), (6, 7)])
def test_sizes_that_divide_each_other(steps: int, tags: int, one: Any, ask: Any) -> None:
    data = tagged(steps, tags)
    assert one(compared, tagger(tags), viewed, data).code == "wrong-axes"
    assert not ask(compared, tagger(tags), flat, data)


def test_classes_of_pixels_flattened_without_a_permutation(one: Any, ask: Any) -> None:
    data = pictures()
    found = one(compared, nn.Conv2d(1, 3, 3, padding=1), lambda z, t: CROSS(z.reshape(-1, 3), t.reshape(-1)), data)
    assert found.evidence["read_as"] == (5, 6, 8, 3)
    assert found.remedy is None
    assert not ask(compared, nn.Conv2d(1, 3, 3, padding=1), nn.CrossEntropyLoss(), data)
    last = lambda z, t: flat(z.permute(0, 2, 3, 1), t)  # noqa: E731
    assert not ask(compared, nn.Conv2d(1, 3, 3, padding=1), last, data)


@pytest.mark.parametrize("which", ["target", "output"])
def test_flattened_in_different_orders(which: str, one: Any, ask: Any) -> None:
    def mixed(z: Tensor, t: Tensor) -> Tensor:
        return flat(z, t.T) if which == "target" else flat(z.transpose(0, 1), t)

    assert one(compared, tagger(), mixed, tagged()).code == "wrong-axes"
    assert not ask(compared, tagger(), lambda z, t: flat(z.transpose(0, 1), t.T), tagged())


def test_other_losses_of_classes(one: Any, ask: Any, formula: Any) -> None:
    logs = formula(lambda m, x: m.inner(x).log_softmax(-1), inner=tagger())
    assert one(compared, logs, lambda z, t: functional.nll_loss(z.view(-1, 5, 12), t), tagged()).level == "fault"
    assert not ask(compared, logs, lambda z, t: functional.nll_loss(z.mT, t), tagged())
    against = lambda z, t: functional.binary_cross_entropy_with_logits(z, functional.one_hot(t, 5).float())  # noqa: E731
    assert not ask(compared, tagger(), against, tagged())
    assert one(compared, tagger(), lambda z, t: against(z.mT.reshape(z.shape), t), tagged()).level == "fault"


def test_places_that_count_for_nothing(one: Any, ask: Any) -> None:
    X, y = tagged()
    y = torch.where(torch.arange(12) < 3 + torch.arange(40)[:, None] % 9, y, -100)
    assert one(compared, tagger(), viewed, (X, y)).code == "wrong-axes"
    assert not ask(compared, tagger(), flat, (X, y))
    weights = {"weight": torch.tensor([1.0, 4.0, 0.5, 2.0, 1.0]), "label_smoothing": 0.2}
    assert not ask(compared, tagger(), lambda z, t: flat(z, t, **weights), (X, y))


def test_an_answer_with_a_state_and_a_target_with_a_mask(one: Any, ask: Any, formula: Any) -> None:
    module = formula(lambda m, x: (m.inner(x), x.float().mean(1)), inner=tagger())
    X, y = tagged()
    data = DataLoader([(X[row], (y[row], torch.ones(12))) for row in range(40)], batch_size=8)
    assert not ask(compared, module, lambda z, t: flat(z[0], t[0]), data)
    assert one(compared, module, lambda z, t: viewed(z[0], t[0]), data).code == "wrong-axes"


def dice(z: Tensor, t: Tensor) -> Tensor:
    p, q = z.softmax(1), functional.one_hot(t, z.shape[1]).movedim(-1, 1).to(z.dtype)
    return 1 - 2 * (p * q).sum() / (p + q).sum()


def connectionist(z: Tensor, t: Tensor) -> Tensor:
    lengths = torch.full((len(z),), z.shape[1])
    return functional.ctc_loss(z.transpose(0, 1).log_softmax(-1), t[:, :4] + 1, lengths, lengths * 0 + 4)


def chained(z: Tensor, t: Tensor) -> Tensor:
    """A random field with one score for each pair of neighbours."""
    pair = torch.eye(z.shape[-1])
    score = z.gather(2, t[..., None]).sum((1, 2)) + pair[t[:, :-1], t[:, 1:]].sum(1)
    total = z[:, 0]
    for step in range(1, z.shape[1]):
        total = torch.logsumexp(total[:, :, None] + pair, 1) + z[:, step]
    return (total.logsumexp(1) - score).mean()


def jumps(z: Tensor, t: Tensor) -> Tensor:
    p, q = z.softmax(-1), functional.one_hot(t, z.shape[-1]).to(z.dtype)
    return flat(z, t) + (p.diff(dim=1) - q.diff(dim=1)).abs().mean()


def alike(z: Tensor, t: Tensor) -> Tensor:
    """Steps of one class are to be near each other."""
    far = torch.cdist(z, z)
    same = t[:, :, None] == t[:, None]
    return (far[same].square().mean() + (1 - far[~same]).clamp_min(0).square().mean()).sqrt()


MIXED = {"random field": chained, "connectionist": connectionist, "jumps": jumps, "alike": alike}


@pytest.mark.parametrize("loss", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("tags", [2, 6])
def test_losses_that_mix_places_on_purpose(tags: int, loss: Any, ask: Any) -> None:
    X, y = tagged(tags=tags)
    assert not ask(compared, tagger(tags), loss, (X, y.clamp_max(tags - 2) if loss is connectionist else y))


def test_losses_of_pictures_that_mix_places_on_purpose(ask: Any) -> None:
    smooth = lambda z, t: CROSS(z, t) + 0.1 * z.diff(dim=2).abs().mean() + 0.1 * z.diff(dim=3).abs().mean()  # noqa: E731
    wide = lambda z, t: CROSS(functional.avg_pool2d(z, 3, 1, 1), t)  # noqa: E731
    for loss in (dice, smooth, wide, lambda z, t: CROSS(z, t) + dice(z, t)):
        assert not ask(compared, nn.Conv2d(1, 3, 3, padding=1), loss, pictures())
        assert not ask(compared, nn.Conv2d(1, 2, 3, padding=1), loss, pictures(2))


def test_shifts_and_turns_within_a_row_are_meant(ask: Any) -> None:
    X, y = tagged()
    for loss in (lambda z, t: flat(z[:, :-1], t[:, 1:]), lambda z, t: flat(z, t.flip(1)), lambda z, t: flat(z, t)):
        assert not ask(compared, tagger(), loss, (X, y))


def test_steps_before_rows(ask: Any, formula: Any) -> None:
    first = formula(lambda m, x: m.inner(x).transpose(0, 1), inner=tagger())
    for rows in (40, 12):  # also as many rows as steps
        assert not ask(compared, first, lambda z, t: flat(z, t.T), tagged(rows=rows))


def test_as_many_classes_as_steps(ask: Any) -> None:
    data = tagged(6, 6)
    for loss in (flat, lambda z, t: CROSS(z.mT, t)):
        assert not ask(compared, tagger(6), loss, data)


def test_what_is_asked_of_a_loss(context: Any) -> None:
    program = context(tagger(), lambda z, t: flat(z[:, :-1], t[:, 1:]), tagged())
    few = few_rows(program)
    assert few is not None
    assert (few.classes, few.axes) == (5, (2,))
    for meeting in meetings(program, few):
        row, step = meeting.place
        assert set(meeting.outputs) == {(row, step - 1, each) for each in meeting.classes}
    refused = context(tagger(), lambda z, t: torch.linalg.inv(z[0]).sum(), tagged())
    assert not meetings(refused, few)
    assert few_rows(context(nn.Linear(4, 3), nn.CrossEntropyLoss(), (torch.ones(9, 4), numbers(9, below=3)))) is None


def test_a_whole_diagnosis(adam: Any) -> None:
    X, _ = tagged(rows=200)
    y = X % 5
    module = tagger()
    assert check(module, viewed, adam(module), (X, y)).codes[0] == "wrong-axes"
    assert "wrong-axes" not in check(module, flat, adam(module), (X, y)).codes


# targets that are the inputs


def text(rows: int = 60, steps: int = 11) -> Tensor:
    return numbers(rows, steps, below=9)


def language(formula: Any, **options: Any) -> nn.Module:
    cell = nn.GRU(6, 8, batch_first=True, **options)
    last = nn.Linear(8 * (1 + cell.bidirectional), 9)
    return formula(lambda m, x: m.last(m.cell(m.e(x))[0]), e=nn.Embedding(9, 6), cell=cell, last=last)


def test_a_language_model_whose_targets_are_its_inputs(one: Any, ask: Any, formula: Any) -> None:
    T, module = text(), language(formula)
    found = one(unshifted, module, flat, (T, T))
    assert (found.code, found.level) == ("target-leak", "fault")
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("target", "shift", 1)
    assert found.evidence["later"] < 1e-6
    assert not ask(unshifted, module, flat, (T[:, :-1], T[:, 1:]))
    assert check(module, flat, None, (T, T)).codes == ("target-leak",)


def test_classes_first_and_places_that_are_left_out(one: Any, ask: Any, formula: Any) -> None:
    T = text()
    first = formula(lambda m, x: m.inner(x).mT, inner=language(formula))
    padded = torch.where(torch.arange(11) < 4 + torch.arange(60)[:, None] % 7, T, -100)
    assert one(unshifted, first, nn.CrossEntropyLoss(), (T, padded)).code == "target-leak"
    steps = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 9))
    assert one(unshifted, steps, flat, (T, T)).code == "target-leak"
    mask = nn.Transformer.generate_square_subsequent_mask(11)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    causal = formula(lambda m, x: m.o(m.a(m.e(x), src_mask=mask)), e=nn.Embedding(9, 8), a=layer, o=nn.Linear(8, 9))
    assert one(unshifted, causal, flat, (T, T)).code == "target-leak"


def test_a_shift_inside_the_loss_or_the_network(ask: Any, formula: Any) -> None:
    T = text()
    assert not ask(unshifted, language(formula), lambda z, t: flat(z[:, :-1], t[:, 1:]), (T, T))
    inside = formula(lambda m, x: m.inner(functional.pad(x, (1, -1))), inner=language(formula))
    assert not ask(unshifted, inside, flat, (T, T))


def encoder(formula: Any) -> nn.Module:
    """A code of the whole text, and the text from it."""
    parts = {"e": nn.Embedding(9, 6), "c": nn.GRU(6, 8, batch_first=True), "d": nn.Linear(8, 99)}
    return formula(lambda m, x: m.d(m.c(m.e(x))[1][0]).view(-1, 11, 9), **parts)


def test_networks_that_may_be_asked_for_their_inputs(ask: Any, formula: Any) -> None:
    T = text()
    assert not ask(unshifted, encoder(formula), flat, (T, T))
    assert not ask(unshifted, language(formula, bidirectional=True), flat, (T, T))  # whose tags happen to be the tokens
    noisy = formula(
        lambda m, x: m.inner(torch.where(torch.rand(x.shape) < 0.2 * m.training, 0, x)), inner=language(formula)
    )
    assert not ask(unshifted, noisy, flat, (T, T))
    gated = formula(
        lambda m, x: m.o(m.e(x) + m.gate.weight * m.e(x).mean(1, keepdim=True)),
        e=nn.Embedding(9, 8), gate=nn.Linear(1, 1), o=nn.Linear(8, 9),
    )  # fmt: skip
    nn.init.zeros_(gated.gate.weight)
    assert not ask(unshifted, gated, flat, (T, T))


def test_targets_that_are_nearly_the_inputs(ask: Any, formula: Any) -> None:
    T = text()
    hidden = torch.where(torch.rand(T.shape, generator=torch.Generator().manual_seed(6)) < 0.15, 0, T)
    targets = torch.where(hidden == T, -100, T)
    assert not ask(unshifted, language(formula), flat, (hidden, targets))  # a masked model
    corrected = T.clone()
    corrected[::5, 3] = (T[::5, 3] + 1) % 9
    assert not ask(unshifted, language(formula), flat, (T, corrected))
    rare = [(numbers(60, 11, below=300, seed=seed) == 0).long() for seed in (7, 8)]
    assert not ask(unshifted, language(formula), flat, tuple(rare))  # equal nearly everywhere: at 0


def series(formula: Any, inside: int, features: int = 2) -> nn.Module:
    parts = {"c": nn.GRU(features, inside, batch_first=True), "o": nn.Linear(inside, features)}
    return formula(lambda m, x: m.o(m.c(x)[0]), **parts)


def test_a_forecast_whose_targets_are_its_inputs(one: Any, ask: Any, formula: Any, draw: Any) -> None:
    S = draw(40, 12, 2).cumsum(1)
    found = one(unshifted, series(formula, 8), SQUARES, (S, S))
    assert (found.code, found.level) == ("target-leak", "fault")
    assert not ask(unshifted, series(formula, 8), SQUARES, (S[:, :-1], S[:, 1:]))
    assert not ask(unshifted, series(formula, 8), lambda z, t: SQUARES(z[:, :-1], t[:, 1:]), (S, S))


def test_numbers_that_go_through_a_code_or_noise(ask: Any, formula: Any, draw: Any) -> None:
    S = draw(40, 12, 3).cumsum(1)
    assert not ask(unshifted, series(formula, 2, 3), SQUARES, (S, S))
    frames = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3))
    assert not ask(unshifted, frames, SQUARES, (S, S))
    assert not ask(unshifted, nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)), SQUARES, (S, S))
    both = formula(lambda m, x: m.c(x)[0] @ torch.ones(16, 3), c=nn.GRU(3, 8, batch_first=True, bidirectional=True))
    assert not ask(unshifted, both, SQUARES, (S, S))
    noisy = formula(lambda m, x: m.inner(x + 0.1 * m.training * torch.randn_like(x)), inner=series(formula, 8, 3))
    assert not ask(unshifted, noisy, SQUARES, (S, S))
    assert not ask(unshifted, nn.Sequential(nn.Dropout(0.2), series(formula, 8, 3)), SQUARES, (S, S))
