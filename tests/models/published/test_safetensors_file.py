"""Safetensors files of others: what the format allows is read, all else refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from netwright.core.errors import CorruptFile
from netwright.models.published.safetensors_file import HEADER, read_safetensors

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def write(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_what_safetensors_wrote_is_read(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    generator = torch.Generator().manual_seed(0)
    tensors = {
        dtype: torch.randn(3, 2, generator=generator).mul(9).to(getattr(torch, dtype))
        for dtype in ("float16", "bfloat16", "float32", "float64", "int8", "int64", "uint8", "bool")
    }
    tensors |= {"scalar": torch.tensor(7), "empty": torch.zeros(0, 3)}
    safetensors.save_file(tensors, tmp_path / "a.safetensors", metadata={"format": "pt"})
    found = read_safetensors(tmp_path / "a.safetensors")
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_writing_to_a_tensor_leaves_the_file_alone(tmp_path):
    path = write(tmp_path / "a", {"w": ENTRY}, np.float32([1, 2]).tobytes())
    read_safetensors(path)["w"].zero_()
    assert read_safetensors(path)["w"].tolist() == [1, 2]


def test_data_that_are_not_aligned_are_copied(tmp_path):
    entries = {"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "w": {**ENTRY, "data_offsets": [1, 9]}}
    path = write(tmp_path / "a", entries, b"\x05" + np.float32([1, 2]).tobytes())
    assert read_safetensors(path)["w"].tolist() == [1, 2]


def test_a_file_without_numbers(tmp_path):
    entry = {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]}
    assert read_safetensors(write(tmp_path / "a", {"w": entry}))["w"].shape == (0, 3)


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ({"w": ENTRY}, b"\0" * 7, r"8 bytes of data, got 7: 1 are missing"),
        ({"w": ENTRY}, b"\0" * 9, r"8 bytes of data, got 9: 1 too many"),
        ({"w": {**ENTRY, "data_offsets": [4, 12]}}, b"\0" * 12, r"tensor 'w' to begin at byte 0, got 4"),
        ({"w": ENTRY, "v": ENTRY}, b"\0" * 8, r"tensor 'v' to begin at byte 8, got 0"),
        ({"w": {**ENTRY, "shape": [3]}}, b"\0" * 8, r"12 bytes of tensor 'w' with the shape \[3\], got .*\[0, 8\]"),
        ({"w": {**ENTRY, "shape": [-2]}}, b"\0" * 8, r"a shape and two offsets of tensor 'w', got"),
        ({"w": {**ENTRY, "shape": [True]}}, b"\0" * 8, r"a shape and two offsets of tensor 'w', got"),
        ({"w": {**ENTRY, "shape": [0, 2**62], "data_offsets": [0, 0]}}, b"", r"0 bytes of tensor 'w' with the shape"),
        ({"w": {**ENTRY, "dtype": "F8_E4M3"}}, b"\0" * 2, r"one of the types .*BF16, got 'F8_E4M3' for tensor 'w'"),
        ({"w": {**ENTRY, "dtype": []}}, b"\0" * 8, r"one of the types .*, got \[\] for tensor 'w'"),
        ({"w": {"dtype": "F32"}}, b"", r"dtype, shape and data_offsets of tensor 'w', got \{'dtype': 'F32'\}"),
        ([1, 2], b"", r"a header with the tensors by name, got \[1, 2\]"),
        (b'{"w":', b"", r"a header in JSON, got"),
        (b"[" * 5000, b"", r"a header in JSON, got"),
        (b"{" + b'"a":[],' * 2_000_000, b"", r"a header in JSON, got 'more than 1600000 elements'"),
        (b'{"w": 1, "w": 2}', b"", r"a header in JSON, got \"doubled keys among \['w', 'w'\]\""),
        (b'{"\xff": 1}', b"", r"a header in JSON, got"),
    ],
)
def test_a_header_that_the_format_forbids(tmp_path, header, data, message):
    with pytest.raises(CorruptFile, match=message):
        read_safetensors(write(tmp_path / "a.safetensors", header, data))


@pytest.mark.parametrize("length", [0, 1, 3, 2**40, 2**64 - 1])
def test_a_length_that_cannot_be(tmp_path, length):
    path = tmp_path / "a.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    with pytest.raises(CorruptFile, match=rf"a header within the file, of at most {HEADER} bytes, got {length} bytes"):
        read_safetensors(path)


def test_a_huge_header_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write((HEADER + 1).to_bytes(8, "little"))
        file.truncate(HEADER + 100)  # a file of holes: it takes no space
    with pytest.raises(CorruptFile, match=rf"got {HEADER + 1} bytes of {HEADER + 100}"):
        read_safetensors(path)


def test_every_cut_is_seen(tmp_path):
    path = write(tmp_path / "a.safetensors", {"w": ENTRY}, np.float32([1, 2]).tobytes())
    whole = path.read_bytes()
    for size in range(8, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptFile):
            read_safetensors(path)
