"""Progress on a terminal and off it, and TensorBoard's files."""

import io
import sys

import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.optim import SGD
from netwright.train import Batches, Progress, Run, TensorBoard, train
from netwright.train.progress import line

pytestmark = pytest.mark.touches_rng


class Terminal(io.StringIO):
    def isatty(self):
        return True


def small_run():
    x = torch.linspace(-1, 1, 40)[:, None]
    run = Run(torch.nn.Linear(1, 1), lambda z, t, w: (z - t).square().mean(), SGD(0.1))
    run.load(Batches((x,), 2 * x, size=8), Batches((x,), 2 * x))
    return run


def test_plain_lines_off_a_terminal():
    stream = io.StringIO()
    train(small_run(), 3, [Progress(stream)])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 1/3  loss ")
    assert "val loss" in lines[0]
    assert "score" not in lines[0]
    assert "\r" not in stream.getvalue()


def test_every_so_many_epochs_and_always_the_last():
    stream = io.StringIO()
    train(small_run(), 7, [Progress(stream, every=3)])
    assert [text[:9] for text in stream.getvalue().splitlines()] == ["epoch 3/7", "epoch 6/7", "epoch 7/7"]


def test_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setattr("netwright.train.progress.INTERVAL", 0.0)
    stream = Terminal()
    train(small_run(), 1, [Progress(stream)])
    text = stream.getvalue()
    assert "\r\x1b[Kepoch 1/1 █████░" in text
    assert " 20%" in text
    assert "100%" in text
    assert text.split("\r")[-1].startswith("\x1b[Kepoch 1/1  loss")


def test_the_bar_is_drawn_by_the_clock():
    stream = Terminal()
    train(small_run(), 30, [Progress(stream)])
    assert stream.getvalue().count("░") + stream.getvalue().count("█") <= 24 * 30


def test_the_best_epoch_has_a_star():
    record = {"epoch": 1, "train_loss": 1.0, "learning_rate": 0.5, "seconds": 0.0}
    assert line(record, 1, best=True).endswith(" *")
    assert not line(record, 1).endswith("*")


def test_tensorboard_has_every_number(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(small_run(), 3, [TensorBoard(tmp_path)])
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) >= {"train_loss", "validation_loss", "learning_rate", "seconds"}
    seen = [(event.step, event.value) for event in events.Scalars("train_loss")]
    assert [step for step, _ in seen] == [1, 2, 3]
    assert [value for _, value in seen] == pytest.approx(run.history["train_loss"])


def test_tensorboard_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InvalidParameter, match=r"netwright\[tensorboard\]"):
        train(small_run(), 1, [TensorBoard(tmp_path)])
