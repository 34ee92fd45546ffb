"""The container: what it looks like to others, and an attack corpus, every file of which is refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pathlib
import pickle
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netwright.core.container import HEADER, header_of, layout
from netwright.core.errors import CorruptFile
from netwright.core.manifest import ITEMS
from netwright.core.storage import read, read_manifest, verify, write

WEIGHTS = np.array([1.5, -2.0, 3.25], "<f4").tobytes()
MASK = b"\x01\x00"


def entry(dtype: str, shape: list[Any], data: bytes) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "sha256": hashlib.sha256(data).hexdigest()}


def manifest(**changes: Any) -> dict[str, Any]:
    tensors = {"m": entry("BOOL", [2], MASK), "w": entry("F32", [3], WEIGHTS)}
    return {"kind": "k", "content": {}, "versions": {}, "tensors": tensors, "aliases": {}, **changes}


def canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def metadata(text: str, **changes: Any) -> dict[str, Any]:
    made = {"netwright": "1", "manifest": text, "manifest_sha256": hashlib.sha256(text.encode()).hexdigest(), **changes}
    return {key: item for key, item in made.items() if item is not None}


PLACES = {
    "w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
    "m": {"dtype": "BOOL", "shape": [2], "data_offsets": [12, 14]},
}


def pack(fields: dict[str, Any] | str, data: bytes = WEIGHTS + MASK, length: int | None = None) -> bytes:
    """A file by the text of the format, not by the code that is tested."""
    text = fields if isinstance(fields, str) else json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    raw = text.encode()
    raw += b" " * (-len(raw) % 8)
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def forged(places: dict[str, Any] | None = None, data: bytes = WEIGHTS + MASK, **changes: Any) -> bytes:
    """A file whose manifest is changed and whose hashes are right."""
    fields = {"__metadata__": metadata(canonical(manifest(**changes))), **(PLACES if places is None else places)}
    return pack(fields, data)


GOOD = forged()
TEXT = canonical(manifest())


def test_the_format_is_what_its_text_says(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(GOOD)
    kind, content, tensors = read(path)
    assert (kind, content, list(tensors)) == ("k", {}, ["w", "m"])
    assert tensors["w"].tolist() == [1.5, -2.0, 3.25]
    assert tensors["m"].tolist() == [True, False]
    assert header_of(TEXT, layout(manifest()["tensors"])) + WEIGHTS + MASK == GOOD


def test_other_readers_of_safetensors_open_it(tmp_path: pathlib.Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    others = pytest.importorskip("safetensors.numpy")
    chance = np.random.default_rng(0)
    tensors = {
        "w": chance.standard_normal((3, 4)),
        "é": chance.integers(0, 9, (2, 0, 3)),
        "b": np.array(True),
        "half": chance.standard_normal(5).astype(np.float16),
    }
    write(tmp_path / "a", "k", {"text": 'quotes "', "x": float("nan")}, tensors)
    again = others.load_file(tmp_path / "a")
    assert set(again) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype
    with safetensors.safe_open(tmp_path / "a", "numpy") as file:
        found = file.metadata()
    assert set(found) == {"netwright", "manifest", "manifest_sha256"}
    assert json.loads(found["manifest"])["content"] == {"text": 'quotes "', "x": {"$float": "nan"}}


def test_data_are_aligned() -> None:
    table = {name: {"dtype": name, "shape": [3]} for name in ("BOOL", "U8", "F16", "F32", "I64", "F64", "U16")}
    slots = layout(table)
    sizes = {"BOOL": 1, "U8": 1, "F16": 2, "U16": 2, "F32": 4, "I64": 8, "F64": 8}
    assert [slot.name for slot in slots] == ["F64", "I64", "F32", "F16", "U16", "BOOL", "U8"]
    assert all(slot.begin % sizes[slot.dtype] == 0 for slot in slots)
    assert [slot.begin for slot in slots[1:]] == [slot.end for slot in slots[:-1]]
    assert len(header_of(TEXT, slots)) % 8 == 0


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", "{}" * 50)
    return buffer.getvalue()


def saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def entries(**changes: Any) -> dict[str, Any]:
    return {"tensors": {**manifest()["tensors"], **changes}}


def places(**changes: Any) -> dict[str, Any]:
    made = {**PLACES, **changes}
    return {name: place for name, place in made.items() if place is not None}


def place(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a file was unpickled",)


FOREIGN = {
    "empty": (b"", "an empty file"),
    "one byte": (b"{", "something else of 1 bytes"),
    "pickle": (pickle.dumps([Payload()] * 9), "a pickle of .* Open it with what wrote it"),
    "zip": (zipped(), "a zip archive of"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file of"),
    "npy": (saved(np.zeros(30)), "a NumPy file of"),
    "text": (b"hello world, this is no model, but a text of some length\n", "something else of"),
    "zeros": (bytes(1000), "something else of 1000 bytes"),
    "polyglot": (zipped() + GOOD, "a zip archive of"),
    "header is a list": (pack("[" + "1," * 40 + "1]"), "something else of"),
    "header is no JSON": (pack("x" * 80), "something else of"),
    "plain safetensors": (pack(PLACES), "a safetensors file that netwright did not write"),
    "other safetensors": (
        pack({"__metadata__": {"format": "pt"}, **PLACES}),
        r"did not write\. Read its arrays with safetensors",
    ),
}
OUTER = {
    "header longer than the file": (
        pack({"__metadata__": metadata(TEXT)}, length=10**6),
        "cut or changed in the header",
    ),
    "header of 2**63 bytes": (pack({"__metadata__": metadata(TEXT)}, length=2**63), "cut or changed in the header"),
    "header of 0 bytes": (pack({"__metadata__": metadata(TEXT)}, length=0), "cut or changed in the header"),
    "header too short": (pack({"__metadata__": metadata(TEXT)}, length=64), "a header in JSON, got"),
    "header over the limit": (
        pack('{"__metadata__":{"netwright":"' + "1" * HEADER + '"}}'),
        "cut or changed in the header",
    ),
    "newer version": (
        pack({"__metadata__": metadata(TEXT, netwright="2"), **PLACES}),
        r"format version 1 or older, got version 2\. It needs a newer netwright: pip install",
    ),
    "newer version with other keys": (
        pack({"__metadata__": {"netwright": "17", "index": "{}", "more": "x" * 20}, **PLACES}),
        "got version 17",
    ),
    "version 0": (pack({"__metadata__": metadata(TEXT, netwright="0")}), "a format version, got '0'"),
    "version -1": (pack({"__metadata__": metadata(TEXT, netwright="-1")}), "a format version, got '-1'"),
    "version 1.0": (pack({"__metadata__": metadata(TEXT, netwright="1.0")}), "a format version, got '1.0'"),
    "version is a number": (pack({"__metadata__": metadata(TEXT, netwright=1)}), "a format version, got 1"),
    "version of 4000 digits": (pack({"__metadata__": metadata(TEXT, netwright="9" * 4000)}), "a format version, got"),
    "version of other digits": (pack({"__metadata__": metadata(TEXT, netwright="١")}), "a format version, got"),
    "a key too many": (pack({"__metadata__": metadata(TEXT, more="x"), **PLACES}), "metadata with the texts"),
    "no manifest": (pack({"__metadata__": metadata(TEXT, manifest=None), **PLACES}), "metadata with the texts"),
    "no hash": (pack({"__metadata__": metadata(TEXT, manifest_sha256=None), **PLACES}), "metadata with the texts"),
    "manifest is an object": (
        pack({"__metadata__": metadata(TEXT, manifest=manifest()), **PLACES}),
        "metadata with the texts",
    ),
    "wrong hash": (
        pack({"__metadata__": metadata(TEXT, manifest_sha256="0" * 64), **PLACES}),
        "a manifest with the SHA-256 in the file, got another one",
    ),
    "hash in capitals": (
        pack({"__metadata__": metadata(TEXT, manifest_sha256=metadata(TEXT)["manifest_sha256"].upper()), **PLACES}),
        "a manifest with the SHA-256",
    ),
    "surrogates": (
        pack(
            json.dumps(
                {
                    "__metadata__": {
                        "netwright": "1",
                        "manifest": (bad := canonical(manifest(content={"a": "\ud800"}))),
                        "manifest_sha256": hashlib.sha256(bad.encode(errors="surrogatepass")).hexdigest(),
                    },
                    **PLACES,
                },
                separators=(",", ":"),
            )
        ),
        "a manifest in JSON",
    ),
    "bytes that are no UTF-8": (GOOD.replace(b'"kind', b'"k\xffnd'), "a header in JSON, got .*utf-8"),
    "NUL in the header": (GOOD.replace(b'"kind', b'"k\x00nd'), "a header in JSON, got"),
    "deep header": (pack('{"__metadata__":{"netwright":' + "[" * 100_000), "a header in JSON, got .*recursion"),
    "long integer in the header": (pack('{"__metadata__":{"netwright":' + "9" * 5000 + "}}"), "a header in JSON"),
    "many elements in the header": (
        pack('{"__metadata__":{"netwright":[' + "[]," * ITEMS + "0]}}"),
        f"a header in JSON, got .more than {2 * ITEMS} elements",
    ),
}
WHOLE = pack({"__metadata__": metadata(TEXT), **PLACES}, b"")[8:].decode().rstrip()
HEADERS = {
    "doubled tensor": (
        pack(WHOLE[:-1] + ',"w":' + json.dumps(PLACES["w"], separators=(",", ":")) + "}"),
        "doubled keys",
    ),
    "doubled metadata": (pack(WHOLE[:-1] + ',"__metadata__":' + canonical(metadata(TEXT)) + "}"), "doubled keys"),
    "doubled key within": (pack(WHOLE.replace('"dtype":"F32"', '"dtype":"F64","dtype":"F32"')), "doubled keys"),
    "spaces": (pack(WHOLE.replace('"w":', '"w": ')), "spaces, doubled keys or another order"),
    "more padding": (pack(WHOLE + " " * 8), "spaces, doubled keys or another order"),
    "tabs as padding": (GOOD.replace(b" ", b"\t") if b" " in GOOD else pack(WHOLE + "\t" * 8), "spaces, doubled"),
    "another order": (pack({"__metadata__": metadata(TEXT), "m": PLACES["m"], "w": PLACES["w"]}), "another order"),
    "metadata last": (
        pack({"w": PLACES["w"], "m": PLACES["m"], "__metadata__": metadata(TEXT)}),
        "spaces, doubled keys or another order",
    ),
    "tensor that the manifest lacks": (
        forged(places(x=place("U8", [3], 14, 17)), WEIGHTS + MASK + b"abc"),
        "a tensor 'x' that the manifest does not name",
    ),
    "tensor that the file lacks": (forged(places(m=None), WEIGHTS), "got none for tensor 'm'"),
    "overlap": (forged(places(m=place("BOOL", [2], 10, 12)), WEIGHTS), r"\[10, 12\].* instead of .*for tensor 'm'"),
    "hole": (forged(places(m=place("BOOL", [2], 13, 15)), WEIGHTS + b"\x00" + MASK), "for tensor 'm'"),
    "offsets from the end": (forged(places(m=place("BOOL", [2], -2, 0))), "for tensor 'm'"),
    "offsets turned round": (forged(places(m=place("BOOL", [2], 14, 12))), "for tensor 'm'"),
    "offsets beyond the file": (forged(places(m=place("BOOL", [2], 12, 2**62))), "for tensor 'm'"),
    "one offset": (forged(places(m={**PLACES["m"], "data_offsets": [12]})), "for tensor 'm'"),
    "another type in the header": (forged(places(w=place("I32", [3], 0, 12))), "I32.* for tensor 'w'"),
    "another shape in the header": (forged(places(w=place("F32", [1, 3], 0, 12))), "for tensor 'w'"),
    "entry is a list": (forged(places(w=[])), "for tensor 'w'"),
    "entry with more": (forged(places(w={**PLACES["w"], "path": "/etc/passwd"})), "for tensor 'w'"),
}
MANIFESTS = {
    "negative shape": (forged(**entries(w=entry("F32", [-3], WEIGHTS))), "of tensor 'w', got"),
    "two negative axes": (forged(**entries(w=entry("F32", [-1, -3], WEIGHTS))), "of tensor 'w', got"),
    "huge shape": (forged(**entries(w=entry("F32", [2**40, 2**40], WEIGHTS))), "of tensor 'w', got"),
    "shape beyond the file": (
        forged(places(w=place("F32", [2**40], 0, 2**42), m=place("BOOL", [2], 2**42, 2**42 + 2)),
               **entries(w=entry("F32", [2**40], WEIGHTS))),
        "4398046511.* bytes, got .* are missing",
    ),
    "unknown type": (forged(**entries(w=entry("F8_E4M3", [3], WEIGHTS))), "of tensor 'w', got"),
    "hash of other data": (forged(**entries(w=entry("F32", [3], b"x"))), "tensor 'w' as its SHA-256 says"),
    "truth that is neither": (
        forged(data=WEIGHTS + b"\x02\x01", **entries(m=entry("BOOL", [2], b"\x02\x01"))),
        "tensor 'm' of booleans, got bytes other than 0 and 1",
    ),
    "alias of nothing": (forged(aliases={"v": "u"}), "aliases of tensors that are in the file"),
    "alias of itself": (forged(aliases={"v": "v"}), "aliases of tensors that are in the file"),
    "alias over a tensor": (forged(aliases={"w": "m"}), "aliases of tensors that are in the file"),
    "deep content": (forged(content=json.loads('{"a":' * 70 + "1" + "}" * 70)), "at most 64 levels"),
    "long integer": (forged(content={"a": 10**100}), "integers below"),
    "doubled key": (
        pack({"__metadata__": metadata(TEXT.replace('"kind":"k"', '"kind":"k","kind":"k"')), **PLACES}),
        "a manifest in canonical JSON",
    ),
    "NaN": (pack({"__metadata__": metadata(TEXT.replace('"content":{}', '"content":{"a":NaN}')), **PLACES}), "in JSON"),
    "no kind": (forged(kind=""), "a kind that is a name"),
    "manifest over the limit": (forged(content={"a": "x" * 2**24}), "a manifest of at most"),
}  # fmt: skip
DATA = {
    "a byte too few": (GOOD[:-1], "bytes, got .*: 1 are missing"),
    "no data": (GOOD[:-14], "14 are missing"),
    "junk behind": (GOOD + b"junk", "bytes, got .*: 4 too many"),
    "zip behind": (GOOD + zipped(), "too many"),
    "two files in one": (GOOD + GOOD, "too many"),
    "flipped bit": (GOOD[:-3] + b"\x00" + GOOD[-2:], "tensor 'w' as its SHA-256 says"),
    "flipped truth": (GOOD[:-2] + b"\x00\x00", "tensor 'm' as its SHA-256 says"),
}
ATTACKS = {
    f"{group}: {name}": attack
    for group, attacks in {
        "foreign": FOREIGN,
        "outer": OUTER,
        "header": HEADERS,
        "manifest": MANIFESTS,
        "data": DATA,
    }.items()
    for name, attack in attacks.items()
}


SEEN_IN_DATA = {
    "manifest: hash of other data",
    "manifest: truth that is neither",
    "data: flipped bit",
    "data: flipped truth",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_is_refused_at_once(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a"
    data, found = ATTACKS[name]
    path.write_bytes(data)
    began = time.process_time()
    with pytest.raises(CorruptFile, match=rf"(?s)^{path}: expected .*{found}"):
        read(path)
    assert time.process_time() - began < 1
    with pytest.raises(CorruptFile, match=found):
        verify(path)
    if name not in SEEN_IN_DATA:
        with pytest.raises(CorruptFile, match=found):
            read_manifest(path)


def test_the_corpus_is_large_enough() -> None:
    assert len(ATTACKS) >= 60


def test_a_damaged_file_says_to_fetch_it_again(tmp_path: pathlib.Path) -> None:
    for data in (GOOD[:-1], GOOD + b"x", GOOD[:100], GOOD[:20] + b"x" + GOOD[20:], b"\x00" + GOOD):
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(CorruptFile, match=r"fetch it or copy it again\.$"):
            read(tmp_path / "a")


@pytest.mark.parametrize("function", [read, read_manifest, verify])
def test_what_is_no_file(tmp_path: pathlib.Path, function: Callable[[pathlib.Path], Any]) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(CorruptFile, match=r"a netwright file, got a device or a pipe\. Give the name of a file"):
            function(tmp_path / name)
    with pytest.raises(IsADirectoryError, match=r"expected a file that can be read, got Is a directory"):
        function(tmp_path)
    with pytest.raises(OSError, match=r"expected a file that can be read, got .*symbolic links"):
        function(tmp_path / "loop")
    for name in ("dangling", "missing", "missing/a"):
        with pytest.raises(FileNotFoundError, match=rf"{name}: expected a file that can be read, got No such file"):
            function(tmp_path / name)
    with pytest.raises(TypeError, match="not int"):
        function(0)  # type: ignore[arg-type]


PEAK = """
import pathlib, sys
from netwright.core.errors import CorruptFile
from netwright.core.storage import read

def peak():  # not ru_maxrss: that of the process before exec counts there
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

before = peak()
try:
    read(sys.argv[1])
except CorruptFile:
    print((peak() - before) // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells the peak of memory")
@pytest.mark.parametrize(
    "name",
    ["outer: header over the limit", "outer: many elements in the header", "manifest: manifest over the limit",
     "manifest: shape beyond the file"],
)  # fmt: skip
def test_an_attack_gets_little_memory(name: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(ATTACKS[name][0])
    command = [sys.executable, "-c", PEAK, str(tmp_path / "a")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) <= len(ATTACKS[name][0]) // 2**20 + 64  # MiB
