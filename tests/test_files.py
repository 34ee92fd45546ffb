"""One `load` for every file; damaged and foreign files are refused by name."""

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter
from netwright.layers import Add, Conv, Flatten, HeNormal, Identity, Input, Module, ReLU, Softmax

NET = (
    Input(1, 8, 8)
    >> Conv(4, 3, padding="same", weight=HeNormal(1.0))
    >> (ReLU() | Identity())
    >> Add()
    >> Flatten()
    >> Softmax(3)
)


def test_an_expression_and_its_weights(tmp_path):
    NET.save(tmp_path / "net.nw")
    assert nw.load(tmp_path / "net.nw") == NET
    module = NET.build(seed=5)
    NET.save(tmp_path / "weights.nw", module)
    again = nw.load(tmp_path / "weights.nw")
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again(x), module(x))


def test_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(InvalidParameter, match="a module that this network built"):
        NET.save(tmp_path / "x.nw", (Input(3) >> ReLU(2)).build())
    with pytest.raises(InvalidParameter, match=r"registered functions.*nw\.register"):
        (Input(3) >> Module(lambda: torch.nn.Identity())).save(tmp_path / "x.nw")
    assert not (tmp_path / "x.nw").exists()


@pytest.fixture
def model(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))
    path = tmp_path / "model.nw"
    nw.Classifier(ReLU(4) >> Softmax(2), epochs=1, random_state=0).fit(X, X[:, 0] > 0).save(path)
    return path


def test_every_cut_and_every_flip_is_noticed(model):
    whole = model.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(0, len(whole))]
        else:
            place = rng.integers(0, len(whole))
            damaged[place] ^= 1 << rng.integers(0, 8)
        model.write_bytes(bytes(damaged))
        with pytest.raises(CorruptFile):
            nw.load(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("network"), "the fields of a Classifier"),
        (lambda content: content["network"].update({"$": "network.Chian"}), "known names and fields"),
        (lambda content: content["params"].update(epoch=3), "the fields of a Classifier"),
        (lambda content: content["target"].update(labels=[]), "the fields of a Classifier|the weights"),
    ],
)
def test_wellformed_files_with_wrong_content(model, change, message):
    kind, content, tensors = storage.read(model)
    change(content)
    storage.write(model, kind, content, tensors)
    with pytest.raises(CorruptFile, match=message):
        nw.load(model).predict(np.zeros((2, 3)))


def test_unknown_kinds_missing_weights_and_missing_files(model, tmp_path):
    kind, content, tensors = storage.read(model)
    storage.write(tmp_path / "a.nw", "Clasifier", content, tensors)
    with pytest.raises(CorruptFile, match=r"a kind of model, got 'Clasifier'\. Did you mean 'Classifier'\?"):
        nw.load(tmp_path / "a.nw")
    tensors.pop("module.relu1.linear.weight")
    storage.write(tmp_path / "b.nw", kind, content, tensors)
    with pytest.raises(CorruptFile, match="the weights of its network"):
        nw.load(tmp_path / "b.nw")
    with pytest.raises(FileNotFoundError, match=r"none\.nw"):
        nw.load(tmp_path / "none.nw")
    torch.save({"a": 1}, tmp_path / "c.pt")
    with pytest.raises(CorruptFile):
        nw.load(tmp_path / "c.pt")


def test_an_interrupted_save_leaves_the_old_file(model, monkeypatch):
    before = model.read_bytes()
    monkeypatch.setattr("os.replace", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="space"):
        nw.load(model).save(model)
    assert model.read_bytes() == before
