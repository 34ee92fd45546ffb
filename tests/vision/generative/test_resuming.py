"""A game that is cut off and taken up again ends with the same bits as one that is not; figures measured on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.optim import Adam, Momentum
from netwright.train.checkpoint import newest
from netwright.vision.generative.gan import GAN
from netwright.vision.generative.gaussians import ring_of_gaussians
from netwright.vision.generative.measuring import MeasureSamples

RING, CENTRES = ring_of_gaussians(400, std=0.1, random_state=0)
GAMES: dict[str, dict[str, Any]] = {
    "plain": {"optimizer": (Adam(1e-3), Momentum(1e-3)), "every": 70},
    "wasserstein": {"critic_steps": 2, "average": 0.9, "loss": "wasserstein"},
    "hinge": {"loss": "hinge", "average": 0.95},
    "normalized": {"generator": "Linear(8) >> BatchNorm() >> ReLU() >> Dropout(0.2) >> Linear(2)", "penalty": "r1"},
}
COLUMNS = ("generator_loss", "discriminator_loss", "discriminator_accuracy", "gradient_penalty", "train_loss", "mean")
quiet = pytest.mark.filterwarnings("ignore:GAN.fit. expected:UserWarning")


def mean(made: Any) -> float:
    return float(made.mean())


def game(name: str, callbacks: Any = (), **options: Any) -> GAN:
    layers = {"generator": "ReLU(8) >> Linear(2)", "discriminator": "ReLU(8) >> Linear(1)"}
    look = MeasureSamples({"mean": mean}, samples=20)
    return GAN(**{**layers, "steps": 200, "random_state": 3, "callbacks": [look, *callbacks], **GAMES[name], **options})


class Watch:
    """The end of a run; or an exception at a step of it."""

    def __init__(self, at: int | None = None, epoch: int = 0) -> None:
        self.at, self.epoch = at, epoch

    def on_batch_end(self, run: Any) -> None:
        if (run.epoch, run.batch) == (self.epoch, self.at):
            raise RuntimeError("cut off")

    def on_fit_end(self, run: Any) -> None:
        self.state = run.state()
        self.drawn = torch.rand(4)  # of the stream that the run was using


def expect_same(a: Any, b: Any) -> None:
    """Equal in every bit, tensors and numbers alike."""
    if isinstance(a, (torch.Tensor, np.ndarray)):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key, item in a.items():
            expect_same(item, b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            expect_same(one, other)
    else:
        assert a == b


def expect_same_fit(whole: GAN, again: GAN) -> None:
    expect_same(whole.module_.state_dict(), again.module_.state_dict())
    expect_same(whole.samples_, again.samples_)
    expect_same(whole.samples_steps_, again.samples_steps_)
    expect_same({name: whole.history_[name] for name in COLUMNS}, {name: again.history_[name] for name in COLUMNS})
    assert whole.ending_ == again.ending_
    expect_same(whole.sample(20, random_state=0), again.sample(20, random_state=0))


@pytest.mark.slow
@quiet
@pytest.mark.parametrize(
    "name", [*list(GAMES)[:1], *(pytest.param(one, marks=pytest.mark.slow) for one in list(GAMES)[1:])]
)
def test_cut_off_at_a_step_and_taken_up_again(name: str, tmp_path: Path) -> None:
    ends = Watch(), Watch()
    whole = game(name, [ends[0]]).fit(RING)
    with pytest.raises(RuntimeError, match="cut off"):
        game(name, [Watch(at=57, epoch=1)], checkpoint=tmp_path).fit(RING)
    found = newest(tmp_path)
    assert found is not None
    assert found[0].name == "epoch-000001.nw"
    again = game(name, [ends[1]], checkpoint=tmp_path).fit(RING)
    expect_same_fit(whole, again)
    expect_same(ends[0].state, ends[1].state)  # the rules of both players, the average and the weights under it
    expect_same(ends[0].drawn, ends[1].drawn)
    expect_same_fit(whole, nw.load(saved(again, tmp_path / "a.nw")))


def saved(gan: GAN, path: Path) -> Path:
    gan.save(path)
    return path


KILLED = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[2])
from test_resuming import RING, game

class Kill:
    def on_batch_end(self, run):
        if (run.epoch, run.batch) == (1, 31):
            os.kill(os.getpid(), signal.SIGKILL)

game("wasserstein", [Kill()], checkpoint=sys.argv[1]).fit(RING)
"""


@quiet
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
def test_a_killed_process_is_gone_on_from(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(folder), str(Path(__file__).parent)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert newest(folder) is not None
    expect_same_fit(game("wasserstein").fit(RING), game("wasserstein", checkpoint=folder).fit(RING))


@pytest.mark.slow
@quiet
def test_the_history_has_its_columns_while_it_trains() -> None:
    seen: list[dict[str, Any]] = []
    gan = GAN(steps=200, random_state=0, callbacks=[lambda run: seen.append(dict(run.history[-1]))]).fit(RING)
    assert len(seen) == 2
    for record, kept in zip(seen, gan.history_, strict=True):
        for name in ("generator_loss", "discriminator_loss", "discriminator_accuracy", "gradient_penalty"):
            assert record[name] == kept[name]
        assert record["discriminator_accuracy"] == pytest.approx(record["train_score"])


@pytest.mark.slow
@quiet
def test_what_is_measured_is_what_the_average_makes_and_changes_nothing() -> None:
    given: list[Any] = []

    def keep(made: Any) -> float:
        given.append(made)
        return len(given)

    labels = np.where(RING[:, 0] > 0, "right", "left")
    options = {"steps": 200, "average": 0.9, "random_state": 0, "batch_size": 16}
    look = MeasureSamples({"calls": keep}, samples=7, every=3, random_state=5)
    gan = GAN(**options, callbacks=[look]).fit(RING, labels)
    assert gan.history_["calls"] == [1]  # of the last of two
    assert "calls" not in gan.history_[0]
    np.testing.assert_array_equal(given[-1], gan.sample(7, random_state=5))
    expect_same(GAN(**options).fit(RING, labels).module_.state_dict(), gan.module_.state_dict())


@quiet
def test_measures_that_cannot_be() -> None:
    for wrong in ({}, mean, {"mean": 3}, {1: mean}):
        with pytest.raises(InvalidParameter, match=r"MeasureSamples\(measures\): expected functions by name"):
            MeasureSamples(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match=r"names of their own, got 'train_loss'"):
        GAN(steps=1, callbacks=[MeasureSamples({"train_loss": mean})]).fit(RING)
    with pytest.raises(InvalidParameter, match="expected the training of a GAN, got"):
        nw.vision.Autoencoder(epochs=1, callbacks=[MeasureSamples({"mean": mean})]).fit(RING)
