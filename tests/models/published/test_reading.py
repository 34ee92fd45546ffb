"""Tensors from files of every kind, from files that lie about their kind, and from hostile ones."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter
from netwright.layers import Input, ReLU
from netwright.models.published.reading import read_tensors

STATE = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2)}


def same(found, expected=STATE):
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("zipped", [True, False])
def test_both_forms_of_torch_save(tmp_path, zipped):
    torch.save(OrderedDict(STATE), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    where, found = read_tensors(tmp_path / "a.pth")
    assert where == str(tmp_path / "a.pth")
    same(found)


def test_the_ending_of_a_name_does_not_matter(tmp_path):
    torch.save(STATE, str(tmp_path / "a.h5"))
    same(read_tensors(str(tmp_path / "a.h5"))[1])


def test_numpy_files(tmp_path):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **{name: tensor.numpy() for name, tensor in STATE.items()})
        same(read_tensors(tmp_path / "a.npz")[1])


def test_safetensors(tmp_path):
    pytest.importorskip("safetensors.torch").save_file(STATE, tmp_path / "a.safetensors")
    found = read_tensors(tmp_path / "a.safetensors")[1]
    same({name: found[name] for name in STATE})


def test_keras(tmp_path):
    with pytest.importorskip("h5py").File(tmp_path / "a.h5", "w") as file:
        file["fc1/kernel"] = np.ones((2, 3))
    same(read_tensors(tmp_path / "a.h5")[1], {"fc1/kernel": torch.ones(2, 3, dtype=torch.float64)})


def test_model_files_of_netwright(tmp_path):
    network = Input(3) >> ReLU(2)
    module = network.build(seed=3)
    network.save(tmp_path / "a.nw", module)
    found = read_tensors(tmp_path / "a.nw")[1]
    same({name: found[name] for name in module.state_dict()}, module.state_dict())
    network.save(tmp_path / "b.nw")
    with pytest.raises(CorruptFile, match=r"a model file with weights, got one of the kind 'network'\. Save it with"):
        read_tensors(tmp_path / "b.nw")


def test_of_an_estimators_file_the_module_is_taken(tmp_path):
    tensors = {"inputs.mean": np.ones(3), "module.conv.bias": np.ones(2, np.float32)}
    storage.write(tmp_path / "a.nw", "Classifier", {}, tensors)
    same(read_tensors(tmp_path / "a.nw")[1], {"conv.bias": torch.ones(2)})


@pytest.mark.parametrize(
    "wrapped",
    [
        {"state_dict": STATE, "epoch": 3},
        {"model": {"state_dict": STATE}},
        {"net": STATE, "acc": 0.9},
        {name: tensor.numpy() for name, tensor in STATE.items()},
        {name: torch.nn.Parameter(tensor) for name, tensor in STATE.items()},
    ],
)
def test_wrappers_are_taken_off(wrapped):
    where, found = read_tensors(wrapped)
    assert where == "the state dict"
    same(found)
    assert not any(tensor.requires_grad for tensor in found.values())


def test_arrays_are_copied_and_brought_into_native_order():
    array = np.arange(3, dtype=">f4")[::-1]
    array.flags.writeable = False
    assert read_tensors({"w": array})[1]["w"].tolist() == [2, 1, 0]


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_not_run(tmp_path, zipped):
    evil = Evil(str(tmp_path / "made"))
    torch.save({"conv.weight": evil}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CorruptFile, match=r"a state dict, got a pickle that calls posix\.mkdir\. It is damaged or"):
        read_tensors(tmp_path / "a.pth")
    assert not (tmp_path / "made").exists()


def test_code_in_a_bare_pickle_is_not_run(tmp_path):
    (tmp_path / "a.pth").write_bytes(pickle.dumps(Evil(str(tmp_path / "made"))))
    with pytest.raises(CorruptFile, match=r"a state dict, got a pickle that torch\.save did not write"):
        read_tensors(tmp_path / "a.pth")
    assert not (tmp_path / "made").exists()


def test_code_in_a_numpy_file_is_not_run(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.array([Evil(str(tmp_path / "made"))], dtype=object))
    with pytest.raises(CorruptFile, match=r"arrays of numbers as numpy\.savez writes them, got .*allow_pickle=False"):
        read_tensors(tmp_path / "a.npz")
    assert not (tmp_path / "made").exists()


def test_a_whole_module_is_refused_with_what_to_save(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pt")
    with pytest.raises(
        CorruptFile,
        match=r"calls torch\.nn\.modules\.linear\.Linear\. It is .*: save torch\.save\(module\.state_dict\(\), path",
    ):
        read_tensors(tmp_path / "a.pt")


@pytest.mark.parametrize("kind", ["pth", "legacy", "npz"])
def test_every_cut_is_refused(tmp_path, kind):
    path = tmp_path / "a"
    if kind == "npz":
        with path.open("wb") as file:
            np.savez(file, **{name: tensor.numpy() for name, tensor in STATE.items()})
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "pth")
    whole = path.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 25)):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptFile):
            read_tensors(path)


@pytest.mark.parametrize("kind", ["pth", "legacy", "npz", "safetensors", "h5"])
def test_changed_bytes_give_numbers_or_one_kind_of_error(tmp_path, kind):
    path, arrays = tmp_path / "a", {name: tensor.numpy() for name, tensor in STATE.items()}
    if kind == "npz":
        with path.open("wb") as file:
            np.savez(file, **arrays)
    elif kind == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(STATE, path)
    elif kind == "h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["fc1/kernel"] = arrays["conv.weight"]
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "pth")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        changed = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 600), rng.integers(1, 6)):
            changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            read_tensors(path)
        except CorruptFile:
            refused += 1
    assert refused > 10


def test_a_changed_byte_within_the_numbers_is_refused_by_its_member(tmp_path):
    torch.save({"w": torch.arange(5000.0)}, tmp_path / "a.pth")
    changed = bytearray((tmp_path / "a.pth").read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / "a.pth").write_bytes(changed)
    with pytest.raises(CorruptFile, match=r"members with the checksums .*got 'a/data/0', whose bytes do not match it"):
        read_tensors(tmp_path / "a.pth")


def test_a_file_saved_without_checksums_is_read(tmp_path):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(STATE, tmp_path / "a.pth")
    finally:
        torch.serialization.set_crc32_options(before)
    same(read_tensors(tmp_path / "a.pth")[1])


def test_members_that_share_their_bytes_are_not_read_one_by_one(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as file:
        file.writestr("a/data.pkl", b"0" * 5000)
        for number in range(9):
            entry = zipfile.ZipInfo(f"a/data/{number}")
            entry.CRC, entry.file_size, entry.compress_size = file.filelist[0].CRC, 5000, 5000
            entry.header_offset = 0
            file.filelist.append(entry)
            file.NameToInfo[entry.filename] = entry
    with pytest.raises(CorruptFile, match=r"members that fit into the file, got 50000 bytes in \d+"):
        read_tensors(tmp_path / "a.pth")


def test_compressed_tensors_are_refused_before_they_are_unpacked(tmp_path):
    torch.save({"w": torch.zeros(1000)}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as old, zipfile.ZipFile(tmp_path / "b.pth", "w") as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry), zipfile.ZIP_DEFLATED)
    with pytest.raises(CorruptFile, match=r"tensors as torch\.save stores them, got '.*', which is compressed"):
        read_tensors(tmp_path / "b.pth")


def test_other_archives_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as file:
        file.writestr("config.json", "{}")
    with pytest.raises(CorruptFile, match=r"got a zip archive with \['config\.json'\]\. Of a \.keras file save the w"):
        read_tensors(tmp_path / "a.keras")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"a file of weights, got an empty file\. Give a \.safetensors, \.pth, \.npz or Keras \.h5 file"),
        (b"weights!" * 9, r"a file of weights, got one that begins with b'weights!weights!'"),
        (b"PK\x03\x04" + b"\0" * 50, r"a whole zip archive, got"),
        (b"\x80\x02}q\x00.", r"a state dict, got 'Invalid magic number; corrupt file\?'"),
    ],
)
def test_other_files_are_refused(tmp_path, data, message):
    (tmp_path / "a.pth").write_bytes(data)
    with pytest.raises(CorruptFile, match=message):
        read_tensors(tmp_path / "a.pth")


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a file that can be read, got No such file.*Check the name"):
        read_tensors(tmp_path / "none.pth")
    with pytest.raises(IsADirectoryError, match="a file that can be read, got Is a directory"):
        read_tensors(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorruptFile, match="a file of weights, got a device or a pipe"):
        read_tensors(tmp_path / "pipe")
    with pytest.raises(
        InvalidParameter, match=r"load_weights\(source\): expected the name of a file, or a dict .*got 3 "
    ):
        read_tensors(3)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, r"tensors by name, got \{\}"),
        ({"state_dict": {}}, r"tensors by name, got \{\}"),
        ({"w": torch.ones(2), "epoch": 3}, r"tensors by name, nothing else, got 3 of type int under 'epoch'"),
        ({1: torch.ones(2)}, r"names that are text of at most 1000 letters, got 1"),
        ({"w" * 1001: torch.ones(2)}, r"names that are text of at most 1000 letters, got 'www"),
        ({"w": torch.ones(1).expand(2**31)}, r"at most 1073741824 numbers in 'w', got 2147483648"),
        ({"w": np.array(["a"])}, r"nothing else, got array\(\['a'\].*of type ndarray under 'w'"),
        (
            {"w": torch.ones(2, dtype=torch.complex64)},
            r"plain tensors of real numbers, got 'w' of type torch.complex64",
        ),
        ({"w": torch.ones(2, 2).to_sparse()}, r"plain tensors of real numbers, got 'w' of .*torch.sparse_coo"),
        ({"w": torch.ones(2, device="meta")}, r"plain tensors of real numbers, got 'w' of .* on meta"),
    ],
)
def test_dicts_of_other_things(state, message):
    with pytest.raises(CorruptFile, match=message):
        read_tensors(state)


def test_a_list_in_a_file(tmp_path):
    torch.save([torch.ones(2)], tmp_path / "a.pth")
    with pytest.raises(CorruptFile, match=r"tensors by name, got a list\. Save module\.state_dict\(\)"):
        read_tensors(tmp_path / "a.pth")
