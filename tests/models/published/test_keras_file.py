"""HDF5 files as Keras writes them, and as nobody should."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from netwright.core.errors import CorruptFile, InvalidParameter
from netwright.models.published.keras_file import read_keras


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


def test_the_form_of_keras_3(tmp_path, h5py):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for place, name, arrays in [
            ("layers/conv2d_1", "conv2_block1_0_conv", [np.ones((1, 1, 2, 3)), np.zeros(3)]),
            ("layers/functional/layers/dense", "predictions", [np.ones((3, 4))]),
        ]:
            group = file.create_group(f"{place}/vars")
            group.attrs["name"] = name
            for number, array in enumerate(arrays):
                group[str(number)] = array
        file.create_group("layers/activation/vars").attrs["name"] = "relu"
        file.create_dataset("optimizer/vars/0", data=np.ones(3))
    found = read_keras(tmp_path / "a.h5")
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        "conv2_block1_0_conv/vars/0": (1, 1, 2, 3),
        "conv2_block1_0_conv/vars/1": (3,),
        "predictions/vars/0": (3, 4),
    }


def test_the_form_of_keras_2_and_a_whole_model(tmp_path, h5py):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["model_weights/conv1_conv/conv1_conv/kernel:0"] = np.arange(4.0, dtype=">f4").reshape(1, 1, 2, 2)
        file["optimizer_weights/Adam/m:0"] = np.ones(2)
    found = read_keras(tmp_path / "a.h5")
    assert list(found) == ["conv1_conv/conv1_conv/kernel:0"]
    assert found["conv1_conv/conv1_conv/kernel:0"].flatten().tolist() == [0, 1, 2, 3]


def test_a_file_that_names_no_layers(tmp_path, h5py):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((1, 1, 2, 3))
    with pytest.raises(CorruptFile, match=r"names of layers, got only the class .*'layers/conv2d/vars/0'\. Save the w"):
        read_keras(tmp_path / "a.h5")


def test_two_layers_of_one_name(tmp_path, h5py):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in (1, 2):
            group = file.create_group(f"layers/conv2d_{number}/vars")
            group.attrs["name"] = "conv"
            group["0"] = np.ones(2)
    with pytest.raises(CorruptFile, match=r"names of their own, got a second 'conv/vars/0'"):
        read_keras(tmp_path / "a.h5")


def test_arrays_in_other_files_are_refused(tmp_path, h5py):
    (tmp_path / "secret").write_bytes(b"\0" * 16)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("conv/kernel", (2,), "f8", external=[(str(tmp_path / "secret"), 0, 16)])
    with pytest.raises(CorruptFile, match=r"arrays in the file itself, got 'conv/kernel', which is in another file"):
        read_keras(tmp_path / "a.h5")


def test_links_to_other_files_are_not_followed(tmp_path, h5py):
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["secret"] = np.ones(2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["conv/kernel"] = np.ones(2)
        file["conv/bias"] = h5py.ExternalLink("b.h5", "/secret")
        file["conv"]["itself"] = file["conv"]
    assert list(read_keras(tmp_path / "a.h5")) == ["conv/kernel"]


def test_an_array_that_is_larger_than_the_file(tmp_path, h5py):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("conv/kernel", (2**30, 2**12), "f4", chunks=(64, 64))
    with pytest.raises(CorruptFile, match=r"'conv/kernel' with its numbers, got 17592186044416 bytes of which 0 are"):
        read_keras(tmp_path / "a.h5")


def test_texts_are_no_weights(tmp_path, h5py):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["conv/kernel"] = np.array([b"a", b"b"])
    with pytest.raises(CorruptFile, match=r"numbers in 'conv/kernel', got the type \|S1"):
        read_keras(tmp_path / "a.h5")


@pytest.mark.parametrize("size", [20, 600, 2000])
def test_a_file_that_is_cut(tmp_path, h5py, size):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["conv/kernel"] = np.ones(1000)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CorruptFile, match=r"an HDF5 file that h5py can read, got"):
        read_keras(path)


def test_without_h5py(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InvalidParameter, match=r"h5py, which reads HDF5 files.*pip install 'netwright\[keras\]'"):
        read_keras(tmp_path / "a.h5")
