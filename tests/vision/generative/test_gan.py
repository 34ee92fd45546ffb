"""`GAN`: the game on the house's loop, its turns, its resuming, what it takes and refuses, and what it tells."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.optim import SGD, Adam, cosine
from netwright.train import order
from netwright.vision.generative import networks
from netwright.vision.generative.collapse import ending_of
from netwright.vision.generative.gan import GAN
from netwright.vision.generative.gaussians import ring_of_gaussians
from netwright.vision.generative.players import Game, Players, spectrally_normalized
from netwright.vision.generative.rounds import Rounds
from netwright.vision.generative.turns import DISCRIMINATOR, GENERATOR, TwoPlayers, whose_turn

RING, _ = ring_of_gaussians(400, std=0.1, random_state=0)
SMALL: dict[str, Any] = {
    "generator": "ReLU(8) >> Linear(2)",
    "discriminator": "ReLU(8) >> Linear(1)",
    "random_state": 0,
}
quiet = pytest.mark.filterwarnings("ignore:GAN.fit. expected:UserWarning")


def digits(n: int = 40, size: int = 9) -> Any:
    return np.random.default_rng(0).integers(0, 256, (n, size, size), dtype=np.uint8)


def test_turns_come_in_rounds() -> None:
    assert [whose_turn(turn, 1) for turn in range(4)] == [DISCRIMINATOR, GENERATOR] * 2
    assert [whose_turn(turn, 3) for turn in range(8)] == ([DISCRIMINATOR] * 3 + [GENERATOR]) * 2


def test_the_rule_moves_one_player_with_its_own_rate_and_state() -> None:
    g, d = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    rule = TwoPlayers(SGD(0.5), SGD(cosine(0.1)), 2, turns=6, epochs=1)
    optimizer = rule.build([("generator.w", g), ("discriminator.w", d)])
    moves = []
    for _ in range(6):
        g.grad, d.grad = torch.ones(2), torch.ones(3)
        before = g[0].item(), d[0].item()
        optimizer.step()
        moves.append((round(before[0] - g[0].item(), 6), round(before[1] - d[0].item(), 6)))
    assert [move[0] for move in moves] == [0, 0, 0.5] * 2
    rates = [round(cosine(0.1).rate(turn / 6, 1), 6) for turn in range(6)]
    assert [move[1] for move in moves] == [pytest.approx(rates[t]) if t % 3 < 2 else 0 for t in range(6)]


def test_the_rule_goes_on_where_it_was() -> None:
    def made() -> tuple[list[torch.Tensor], Any]:
        tensors = [torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)]
        rule = TwoPlayers(Adam(0.1), Adam(0.2), 2, turns=12, epochs=1)
        return tensors, rule.build(zip(("generator.w", "discriminator.w"), tensors, strict=True))

    def steps(tensors: Any, optimizer: Any, first: int, last: int) -> None:
        for turn in range(first, last):
            for tensor in tensors:
                tensor.grad = tensor.detach() * (1 + turn)
            optimizer.step()

    whole, rule = made()
    steps(whole, rule, 0, 9)
    half, rule = made()
    steps(half, rule, 0, 4)
    again, other = made()
    for tensor, old in zip(again, half, strict=True):
        tensor.data.copy_(old.data)
    other.load_state_dict(rule.state_dict())
    steps(again, other, 4, 9)
    assert all(map(torch.equal, whole, again))


def test_rules_that_need_the_whole_loss_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="optimizer of the discriminator: expected a rule that updates batch"):
        TwoPlayers(Adam(), nw.optim.LevenbergMarquardt(), 1, 10, 1)
    with pytest.raises(InvalidParameter, match=r"GAN\(optimizer\)"):
        GAN(optimizer=nw.optim.LevenbergMarquardt(), steps=2).fit(RING)


def test_each_player_computes_its_loss_alone() -> None:
    torch_state = torch.random.fork_rng(devices=[])
    with torch_state:
        torch.manual_seed(0)
        net = Players(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1), Game("original", 0.0, "gradient", 10.0, 3))
        x, codes = torch.randn(6, 2), torch.zeros(6, dtype=torch.long)
        for player, moving in ((DISCRIMINATOR, "discriminator"), (GENERATOR, "generator")):
            net.zero_grad()
            turn = torch.tensor([[player, 0]]).expand(6, 2)
            net(x, codes, turn)[:, 0].mean().backward()
            have = {name.partition(".")[0] for name, p in net.named_parameters() if p.grad is not None}
            assert have == {moving}
        assert all(p.requires_grad for p in net.parameters())
    sums = net.sums[0]
    assert (sums[1].item(), sums[3].item()) == (1, 1)
    net.eval()
    again = [net(x, codes, turn) for _ in range(2)]
    assert torch.equal(*again)


def test_rounds_see_every_row_equally_often_as_a_function_of_seed_and_epoch() -> None:
    x = torch.arange(10.0)[:, None]
    codes = torch.zeros(10, dtype=torch.long)

    def rounds() -> Rounds:
        return Rounds(x, codes, lambda rows: rows, 4, 2, 250, 7, torch.device("cpu"))

    one = rounds()
    assert one.epochs == 2
    drawn = [[(inputs[0].flatten().tolist(), inputs[2][0, 0].item()) for inputs, _, _ in one(e)] for e in (0, 1)]
    assert [len(part) for part in drawn] == [375, 375]
    assert sum(player == GENERATOR for part in drawn for _, player in part) == 250
    assert [(inputs[0].flatten().tolist()) for inputs, _, _ in rounds()(1)] == [rows for rows, _ in drawn[1]]
    seen = [row for part in drawn for rows, player in part if player == DISCRIMINATOR for row in rows]
    assert seen[:10] == order(7, 0, 10).tolist()
    assert set(np.bincount(np.array(seen, dtype=int))) == {200}


@pytest.mark.slow
@quiet
def test_a_game_taken_up_again_ends_in_the_same_bits(tmp_path: Path) -> None:
    options = {**SMALL, "steps": 300, "critic_steps": 2, "average": 0.9, "loss": "wasserstein"}
    whole = GAN(**options).fit(RING)

    class Cut:
        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 2:
                raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        GAN(**options, checkpoint=tmp_path, callbacks=[Cut()]).fit(RING)
    again = GAN(**options, checkpoint=tmp_path).fit(RING)
    for a, b in zip(whole.module_.parameters(), again.module_.parameters(), strict=True):
        assert torch.equal(a, b)
    np.testing.assert_array_equal(whole.samples_, again.samples_)
    for name in ("generator_loss", "discriminator_accuracy", "gradient_penalty"):
        assert whole.history_[name] == again.history_[name]


@pytest.mark.slow
@quiet
@pytest.mark.parametrize(
    "loss",
    [
        "original",
        "wasserstein",
        *(pytest.param(loss, marks=pytest.mark.slow) for loss in ("minimax", "least-squares", "hinge")),
    ],
)
def test_every_loss_plays_is_saved_and_copied(loss: str, tmp_path: Path) -> None:
    gan = GAN(**SMALL, loss=loss, steps=4, every=2).fit(RING)
    assert gan.samples_steps_.tolist() == [0, 2, 4]
    assert gan.samples_.shape == (3, 512, 2)
    expected = gan.sample(5, random_state=1)
    gan.save(tmp_path / "a.nw")
    for other in (pickle.loads(pickle.dumps(gan)), nw.load(tmp_path / "a.nw")):
        np.testing.assert_array_equal(other.sample(5, random_state=1), expected)
        np.testing.assert_array_equal(other.samples_, gan.samples_)
        assert other.history_["generator_loss"] == gan.history_["generator_loss"]
        assert other.ending_ == gan.ending_
        assert other.get_params()["loss"] == loss
    assert not hasattr(clone(gan), "module_")
    assert not gan.diagnosis_.faults
    assert not clone(gan).check(RING).faults


@quiet
def test_same_seed_same_bits_and_the_options_are_heeded() -> None:
    a, b = (GAN(**SMALL, steps=5).fit(RING).sample(9, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    frozen = GAN(**SMALL, steps=5, optimizer=(SGD(1e-30), Adam())).fit(RING)
    np.testing.assert_array_equal(frozen.samples_[0], frozen.samples_[-1])
    moved = GAN(**SMALL, steps=5, optimizer=(Adam(), SGD(1e-30))).fit(RING)
    assert np.abs(moved.samples_[0] - moved.samples_[-1]).max() > 1e-4


@quiet
def test_a_generator_learns_where_the_data_are() -> None:
    X = np.random.default_rng(0).normal((4, -3), 0.2, (600, 2))
    gan = GAN(**SMALL, steps=400, latent=4).fit(X)
    made = gan.sample(1000, random_state=0)
    assert np.abs(made.mean(0) - (4, -3)).max() < 0.2
    assert 0.05 < made.std(0).min() < made.std(0).max() < 0.4


@quiet
def test_labels_steer_samples() -> None:
    rng = np.random.default_rng(0)
    y = rng.choice(["low", "high"], 600)
    X = np.where(y == "low", -1.0, 1.0)[:, None] + rng.normal(0, 0.1, (600, 1))
    net = {"generator": "ReLU(16) >> Linear(1)", "discriminator": "ReLU(16) >> Linear(1)"}
    gan = GAN(**net, steps=400, random_state=0).fit(X, y)
    assert gan.classes_.tolist() == ["high", "low"]
    assert gan.sample(200, "high", random_state=0).mean() > 0.5
    assert gan.sample(200, "low", random_state=0).mean() < -0.5
    mixed = gan.sample(4, ["low", "high", "low", "high"], random_state=0)[:, 0]
    assert (mixed[[0, 2]] < mixed[[1, 3]]).all()
    assert gan.sample(7).shape == (7, 1)
    with pytest.raises(InvalidParameter, match=r"one of \['high', 'low'\], got 'middle'"):
        gan.sample(2, "middle")
    with pytest.raises(InvalidParameter, match="one label, or 3"):
        gan.sample(3, ["low", "high"])
    with pytest.raises(InvalidParameter, match=r"fitted without y.*Fit with labels"):
        GAN(**SMALL, steps=2).fit(RING).sample(2, labels="low")


@quiet
@pytest.mark.parametrize(
    ("X", "shape"),
    [
        (digits(), (9, 9)),
        (digits() / 255, (9, 9)),
        (np.stack([digits()] * 3, -1), (9, 9, 3)),
        (np.stack([digits()] * 3, 1), (3, 9, 9)),
        (digits(size=6)[:, :5], (5, 6)),
    ],
    ids=["bytes", "numbers", "last", "first", "tiny"],
)
def test_images_come_back_as_they_came(X: Any, shape: tuple[int, ...]) -> None:
    gan = GAN(steps=1, batch_size=4, random_state=0).fit(X)
    made = gan.sample(3, random_state=0)
    assert made.shape == (3, *shape)
    assert made.dtype == (np.uint8 if X.dtype == np.uint8 else np.float32)
    assert made.min() >= 0
    assert made.max() <= (255 if X.dtype == np.uint8 else 1)
    assert gan.samples_.shape[2:] == shape


@quiet
def test_conditional_images_and_a_generator_that_ends_in_a_sigmoid() -> None:
    X, y = digits(), np.arange(40) % 3
    gan = GAN(steps=1, batch_size=4, random_state=0).fit(X, y)
    assert gan.networks_["discriminator"].plan().input_shapes == ((4, 9, 9),)
    assert gan.networks_["generator"].plan().input_shapes == ((103,),)
    net = "Linear(81) >> Sigmoid()"
    flat = GAN(net, "Flatten() >> Linear(1) >> Sigmoid()", steps=1, batch_size=4, random_state=0).fit(X)
    assert (flat.form_.low, flat.form_.high) == (0.0, 1.0)
    assert (gan.form_.low, gan.form_.high) == (-1.0, 1.0)
    assert not any(isinstance(part, torch.nn.Sigmoid) for part in flat.module_.discriminator.modules())


def test_dcgan_networks_have_the_papers_size() -> None:
    made, judge = networks.dcgan_generator((3, 64, 64), 100), networks.dcgan_discriminator((3, 64, 64))
    assert (made.summary().parameters, made.output_shape) == (3576704, (3, 64, 64))
    assert (judge.summary().parameters, judge.output_shape) == (2765568, (1, 1, 1))


@pytest.mark.parametrize(
    "shape", [(1, 28, 28), (3, 32, 32), (1, 7, 7), (1, 2, 3), (3, 45, 100), (1, 8, 8), (1, 17, 16)]
)
def test_dcgan_networks_take_any_size(shape: tuple[int, ...]) -> None:
    assert networks.dcgan_generator(shape, 10, 4).output_shape == shape
    assert networks.dcgan_discriminator(shape, 4).output_shape == (1, 1, 1)


@pytest.mark.touches_rng  # spectral normalisation starts from torch's global state
def test_spectral_normalisation_brings_the_largest_singular_value_to_1() -> None:
    layer = spectrally_normalized(torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU()))
    for _ in range(50):
        layer(torch.ones(1, 6))
    assert torch.linalg.matrix_norm(layer[0].weight, 2).item() == pytest.approx(1, abs=1e-3)  # type: ignore[arg-type,index]


@quiet
def test_the_average_makes_the_samples_and_its_normalisation_is_measured_anew() -> None:
    net = "Linear(8) >> BatchNorm() >> ReLU() >> Linear(2)"
    gan = GAN(net, "ReLU(8) >> Linear(1)", steps=50, average=0.9, latent=4, random_state=0).fit(RING)
    norm = next(part for part in gan.module_.generator.modules() if isinstance(part, torch.nn.BatchNorm1d))
    first = gan.module_.generator[0]
    assert norm.momentum == 0.1
    expected = first.weight.square().sum(1)  # the variance of W z, z ~ N(0, I)
    assert norm.running_var.numpy() == pytest.approx(expected.detach().numpy(), rel=0.1)


def test_what_has_ended_badly_is_told() -> None:
    constant = "Linear(2, weight=0.0)"
    still = (SGD(1e-30), Adam(1e-2))
    with pytest.warns(UserWarning, match=r"expected samples that differ, got nearly one sample.*wasserstein"):
        GAN(constant, "ReLU(8) >> Linear(1)", steps=3, optimizer=still, random_state=0).fit(RING)
    with pytest.warns(UserWarning, match=r"it has won.*smaller learning rate: optimizer=\(Adam"):
        GAN("Linear(2, bias=9.0)", "ReLU(16) >> Linear(1)", steps=200, optimizer=still, random_state=0).fit(RING)
    real, others = torch.from_numpy(RING[:200]), torch.from_numpy(RING[200:])
    one = torch.from_numpy(RING[(RING[:, 0] > 1.5) & (abs(RING[:, 1]) < 0.5)])
    few = ending_of(one[torch.arange(200) % len(one)] + 0.1 * torch.from_numpy(RING[:200]) * 0.1, real, others)
    assert few.variety < 0.25
    assert ending_of(others, real, others).variety == 1


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.where(np.arange(800).reshape(400, 2) == 5, np.nan, RING), "contains NaN. Row 2"),
        (digits().astype(float), r"of bytes \(uint8\), or of numbers in \[0, 1\], got numbers from .*Divide by 255"),
        (digits() - 100.0, r"Scale them to \[0, 1\]"),
        (RING[:1], "at least two samples"),
        (np.ones((20, 2)), "samples that differ, got 20 identical ones"),
        (np.zeros((5, 4, 4, 4)), "Lay transparent images on a colour first"),
        (np.zeros((0, 2)), "an empty array"),
        (RING[:, 0], r"got shape \(400,\)"),
        (np.array([["a", "b"]]), "Row 0, column 0: expected a number, got 'a'"),
    ],
)
def test_bad_data_are_refused(X: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        GAN(**SMALL, steps=2).fit(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"generator": "ReLU(8) >> Linear(3)"},
            r"generator\): expected an output of shape \(2,\).*End it with Linear\(2\)",
        ),
        ({"discriminator": "ReLU(8)"}, r"discriminator\): expected an output of shape \(1,\).*End it with Linear\(1\)"),
        ({"discriminator": "Input(3) >> Linear(1)"}, r"a network for samples of shape \(2,\), got one for \(3,\)"),
        ({"generator": "Input(3) >> Linear(2)", "latent": 4}, r"a network for samples of shape \(4,\)"),
        ({"loss": "hing"}, "Did you mean 'hinge'"),
        ({"loss": "hinge", "label_smoothing": 0.1}, r"label_smoothing\): expected 0 for 'hinge', got 0.1"),
        ({"loss": "wasserstein", "penalty": "none"}, "something that keeps the critic smooth"),
        ({"optimizer": (Adam(), 3)}, "a pair of them"),
        ({"steps": 0}, r"GAN\(steps\): expected an integer >= 1, got 0"),
        ({"generator": "Input(2, 2) >> Flatten() >> Linear(2)"}, "a network that takes a vector of noise"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        GAN(**{**SMALL, "steps": 2, **options}).fit(RING)


def test_networks_and_labels_that_do_not_fit() -> None:
    with pytest.raises(JoinError):
        GAN(discriminator="Conv(3, 3) >> Linear(1)", steps=2).fit(RING)
    with pytest.raises(InvalidData, match="400, one an image"):
        GAN(**SMALL, steps=2).fit(RING, [1, 2])
    with pytest.raises(InvalidData, match="at least two classes"):
        GAN(**SMALL, steps=2).fit(RING, np.ones(400))
    with pytest.warns(UserWarning, match=r"without batch normalisation.*LayerNorm"):
        GAN(SMALL["generator"], "Linear(8) >> BatchNorm() >> ReLU() >> Linear(1)", steps=1, penalty="gradient")._start(
            RING, None
        )


def test_the_noise_of_the_generators_input_is_taken() -> None:
    gan = GAN("Input(3) >> Linear(2)", steps=2, random_state=0)
    gan._start(RING, None)
    assert gan.latent_ == 3
    with pytest.raises(InvalidData, match=r"expected 2 features, as in fit, got 3 features"):
        gan.form_.again(np.ones((4, 3)), "X")
