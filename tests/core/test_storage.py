"""Model files: round trips, damage, sharing, determinism, nothing executed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pathlib
import tempfile
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter
from netwright.core.storage import read, read_manifest, verify, write

CODES = [
    "?",
    "u1",
    "i1",
    *(order + code for order in "<>" for code in ("u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8")),
]
keys = st.text(max_size=4).filter(lambda key: key not in ("$float", "__metadata__"))
contents = st.dictionaries(
    keys,
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**100), 2**100), st.floats(), st.text(max_size=6)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
        max_leaves=6,
    ),
    max_size=3,
)
arrays = hnp.arrays(
    st.sampled_from([np.dtype(code) for code in CODES]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
views = st.sampled_from(
    [
        lambda array: array,
        lambda array: array.T,
        lambda array: array[..., ::-1] if array.ndim else array,
        lambda array: array[::2] if array.ndim else array,
        lambda array: np.asfortranarray(array),
        lambda array: np.broadcast_to(array, (2, *array.shape)),
    ]
)


def sorted_repr(item: Any) -> str:
    """A text that tells 1 from 1.0 and finds NaN equal to NaN, whatever the order of the keys."""
    return json.dumps(item, sort_keys=True)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(contents, st.dictionaries(keys, st.builds(lambda array, view: view(array), arrays, views), max_size=4))
def test_round_trip(content: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a")
        write(path, "kind", content, tensors)
        kind, again, found = read(path)
    assert kind == "kind"
    assert sorted_repr(again) == sorted_repr(content)
    assert set(found) == set(tensors)
    for name, array in tensors.items():
        native = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
        assert found[name].dtype == native.dtype
        assert found[name].shape == native.shape
        assert found[name].tobytes() == native.tobytes()  # NaN payloads and signs of zero too
        assert found[name].flags.writeable or not native.size
        assert found[name].flags.c_contiguous


def test_empty_things(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "a", "k", {}, {})
    assert read(tmp_path / "a") == ("k", {}, {})
    write(tmp_path / "a", "k", {}, {"": np.zeros((0, 3), bool)})
    assert read(tmp_path / "a").tensors[""].shape == (0, 3)


def test_arrays_in_several_chunks(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "CHUNK", 1000)
    array = np.arange(12_345.0)[::-1]
    write(tmp_path / "a", "k", {}, {"w": array, "v": array[:125]})
    found = read(tmp_path / "a", verify(tmp_path / "a")).tensors
    np.testing.assert_array_equal(found["w"], array)
    np.testing.assert_array_equal(found["v"], array[:125])


def test_the_manifest_says_what_is_inside(tmp_path: pathlib.Path) -> None:
    array = np.array([[1.0, 2.0]], ">f4")
    write(tmp_path / "a", "network", {"loss": math.inf}, {"w": array, "v": array})
    found = read_manifest(tmp_path / "a")
    assert found["kind"] == "network"
    assert found["content"] == {"loss": math.inf}
    assert found["tensors"] == {
        "w": {"dtype": "F32", "shape": [1, 2], "sha256": hashlib.sha256(array.astype("<f4").tobytes()).hexdigest()}
    }
    assert found["aliases"] == {"v": "w"}
    assert found["versions"]["numpy"] == np.__version__
    assert {"python", "netwright"} <= set(found["versions"])


def test_one_description_gives_one_file(tmp_path: pathlib.Path) -> None:
    one, other = np.arange(6.0), np.arange(3, dtype="u1")
    write(tmp_path / "a", "k", {"x": 1, "y": {"b": 2, "a": (3,)}}, {"one": one, "other": other})
    write(tmp_path / "b", "k", {"y": {"a": [3], "b": 2}, "x": 1}, {"other": other.copy(), "one": one.astype(">f8")})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_shared_arrays_are_stored_once_and_shared_again(tmp_path: pathlib.Path) -> None:
    array = np.arange(1000.0)
    tensors = {"a": array, "b": array, "c": array[:], "d": array.copy(), "e": array[:500], "f": array.view("i8")}
    write(tmp_path / "a", "k", {}, tensors)
    manifest, found = read_manifest(tmp_path / "a"), read(tmp_path / "a").tensors
    assert manifest["aliases"] == {"b": "a", "c": "a"}
    assert found["a"] is found["b"] is found["c"]
    assert not np.shares_memory(found["a"], found["d"])
    assert not np.shares_memory(found["a"], found["e"])
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_empty_arrays_are_not_shared(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "a", "k", {}, {"a": np.zeros(0), "b": np.zeros(0)})
    assert read_manifest(tmp_path / "a")["aliases"] == {}


def test_inputs_are_never_written(tmp_path: pathlib.Path) -> None:
    array, content = np.arange(4.0), {"a": [1, {"b": (2, 3)}]}
    array.flags.writeable = False
    write(tmp_path / "a", "k", content, {"w": array})
    assert content == {"a": [1, {"b": (2, 3)}]}
    read(tmp_path / "a").tensors["w"][:] = 0
    assert array.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([None]), r"^tensor 'w': expected one of bool, uint8.*float64, got dtype object\. Convert it\."),
        (np.array(["a"]), r"got dtype <U1\."),
        (np.array([b"a"]), r"got dtype \|S1\."),
        (np.zeros(2, complex), r"got dtype complex128"),
        (np.zeros(2, "M8[s]"), r"got dtype datetime64\[s\]"),
        (np.zeros(2, "m8[s]"), r"got dtype timedelta64\[s\]"),
        (np.zeros(2, [("a", "f4")]), r"got dtype \[\('a', '<f4'\)\]"),
        (np.zeros(2, "V4"), r"got dtype \|V4"),
        ([1.0, 2.0], r"^tensor 'w': expected a NumPy array, got \[1\.0, 2\.0\] of type list\. Use np\.asarray"),
        (np.float64(1.0), r"^tensor 'w': expected a NumPy array, got .* of type float64"),
        (np.ma.masked_array([1.0], [True]), r"of type MaskedArray"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(tmp_path: pathlib.Path, array: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        write(tmp_path / "a", "k", {}, {"w": array})
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long double is double here")
def test_long_doubles_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidParameter, match=r"^tensor .w.: expected one of bool.*got dtype (float|longdouble)"):
        write(tmp_path / "a", "k", {}, {"w": np.zeros(2, np.longdouble)})


def test_too_many_axes_are_refused(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "a", "k", {}, {"w": np.zeros((1,) * 32)})
    assert read(tmp_path / "a").tensors["w"].ndim == 32
    try:
        array = np.zeros((1,) * 33)
    except ValueError:
        pytest.skip("this NumPy has 32 axes")
    with pytest.raises(InvalidParameter, match=r"^tensor 'w': expected at most 32 axes, got 33\. Reshape it\."):
        write(tmp_path / "a", "k", {}, {"w": array})


@pytest.mark.parametrize(
    ("kind", "content", "tensors", "text"),
    [
        ("", {}, {}, r"^write\(kind\): expected a name, got ''"),
        (3, {}, {}, r"^write\(kind\): expected a name, got 3"),
        ("k", [1], {}, r"^write\(content\): expected a dict, got \[1\]"),
        ("k", {"a": {1: 2}}, {}, r"^content\.a: expected keys that are text"),
        ("k", {}, [1], r"^write\(tensors\): expected a dict of at most 100000 arrays, got \[1\]"),
        ("k", {}, {1: np.zeros(2)}, r"^write\(tensors\): expected names that are text, got 1\."),
        (
            "k",
            {},
            {"__metadata__": np.zeros(2)},
            r"^write\(tensors\): expected names that are text, got '__metadata__'",
        ),
        ("k", {}, {"\udc80": np.zeros(2)}, r"^tensors: expected text that UTF-8 can hold"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(
    tmp_path: pathlib.Path, kind: Any, content: Any, tensors: Any, text: str
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(InvalidParameter, match=text):
        write(tmp_path / "a", kind, content, tensors)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("a", b"old")]


def test_a_header_that_is_too_long_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "HEADER", 2000)
    with pytest.raises(
        InvalidParameter, match=r"^write\(\): expected a header of at most 2000 bytes, got .* Use fewer"
    ):
        write(tmp_path / "a", "k", {"a": "x" * 2000}, {})


def test_an_error_of_the_disk_leaves_the_old_file(tmp_path: pathlib.Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "a"
    write(path, "old", {}, {"w": np.ones(3)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        with pytest.raises(
            OSError, match=rf"^{path}: expected a file that can be written, got File too large\. Free some"
        ):
            write(path, "new", {}, {"w": np.ones(2**17)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read(path).kind == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_what_changes_while_it_is_saved_is_saved_whole(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array, content, real = np.zeros(10_000), {"losses": [1.0]}, storage.write_all

    def write_and_train_on(file: int, data: bytes) -> None:
        content["losses"].append(0.5)
        array[:] += 1
        real(file, data)

    monkeypatch.setattr(storage, "CHUNK", 8000)
    monkeypatch.setattr(storage, "write_all", write_and_train_on)
    write(tmp_path / "a", "k", content, {"w": array})
    found = read(tmp_path / "a")
    assert found.content == {"losses": [1.0]}
    assert found.tensors["w"].tolist() == np.repeat(np.arange(10.0), 1000).tolist()


def test_the_hash_of_the_whole(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a"
    write(path, "k", {}, {"w": np.arange(5)})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert verify(path) == verify(path, digest) == digest
    assert read(path, digest.upper()).kind == "k"
    write(path, "k", {}, {"w": np.arange(6)})
    for function in (read, verify):
        with pytest.raises(CorruptFile, match=rf"expected the file with SHA-256 {digest}, got one with .*who made it"):
            function(path, digest)
        with pytest.raises(InvalidParameter, match=r"^expected_sha256: expected 64 hexadecimal digits, got 'abc'"):
            function(path, "abc")


def test_a_file_that_grows_or_shrinks_while_it_is_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write(path, "k", {}, {"w": np.arange(5.0)})
    real, change = storage.read_header, b"more"

    def read_header(source: Any) -> Any:
        found = real(source)
        with path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(change) if change else file.truncate(file.tell() - 8)
        return found

    monkeypatch.setattr(storage, "read_header", read_header)
    with pytest.raises(CorruptFile, match="got more: it grew while it was read"):
        read(path)
    path.write_bytes(path.read_bytes()[:-4])
    change = b""
    with pytest.raises(CorruptFile, match="bytes, got an end before that"):
        read(path)


def test_readers_see_the_old_file_or_the_new(tmp_path: pathlib.Path) -> None:
    path, errors, done = tmp_path / "a", [], threading.Event()
    write(path, "k", {"number": 0}, {"w": np.zeros(2000)})

    def read_on() -> None:
        try:
            while not done.is_set():
                _, content, tensors = read(path)
                assert (tensors["w"] == content["number"]).all()
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read_on) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 60):
        write(path, "k", {"number": number}, {"w": np.full(2000, float(number))})
    done.set()
    for reader in readers:
        reader.join()
    assert not errors


def test_reading_and_writing_need_little_more_than_the_arrays(tmp_path: pathlib.Path) -> None:
    tensors = {f"w{i}": np.full(2**20, float(i)) for i in range(4)}  # 8 MiB each
    tracemalloc.start()
    try:
        write(tmp_path / "a", "k", {}, tensors)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
        tracemalloc.reset_peak()
        verify(tmp_path / "a")
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
        tracemalloc.reset_peak()
        read(tmp_path / "a")
        assert tracemalloc.get_traced_memory()[1] < 36 * 2**20
    finally:
        tracemalloc.stop()
