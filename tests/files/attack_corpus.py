"""The attack corpus: files that want something of whoever loads them. ``python attack_corpus.py FOLDER`` writes them.

`REFUSED` are files that `netwright.load` refuses. `INERT` have hostile texts or numbers in places where any text or
number may be (a label, an option that only training reads): they load, and what they hold is data. All are made the
same each time; each name says what the file tries.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from attack_contents import CONTENTS
from forging import canonical, closed, forged, golden, opened

MARK = "touch NETWRIGHT_WAS_HERE"
GOOD = golden("Classifier")
LENGTH = int.from_bytes(GOOD[:8], "little")
HEADER, BODY = GOOD[8 : 8 + LENGTH], GOOD[8 + LENGTH :]
Forge = Callable[[], bytes]


class Payload:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (MARK,)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", "/")), content)
    return buffer.getvalue()


def packed(header: bytes, body: bytes = BODY, length: int | None = None) -> bytes:
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def replaced(old: bytes, new: bytes, count: int = 1) -> bytes:
    """The good file with other bytes in its header, its length set right."""
    assert old in HEADER
    return packed(HEADER.replace(old, new, count))


def retold(old: str, new: str) -> bytes:
    """The good file with another text of the manifest, its sums right."""
    manifest, tensors = opened(GOOD)
    text = canonical(manifest)
    assert old in text
    return closed(manifest, tensors, text.replace(old, new, 1))


def table(**changes: Any) -> bytes:
    """The good file whose header says something else of its first tensor; the manifest says what is true."""
    fields = json.loads(HEADER)
    name = next(key for key in fields if key != "__metadata__")
    fields[name] |= changes
    return packed(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())


def tensors(change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> bytes:
    """The good file with other tensors, all sums right."""
    manifest, arrays = opened(GOOD)
    change(manifest, arrays)
    return closed(manifest, arrays)


def renamed(new: str) -> Forge:
    def change(manifest: dict[str, Any], arrays: dict[str, bytes]) -> None:
        old = min(arrays)
        arrays[new], manifest["tensors"][new] = arrays.pop(old), manifest["tensors"].pop(old)

    return lambda: tensors(change)


def shaped(shape: list[Any], dtype: str = "F64", content: bytes | None = None) -> Forge:
    def change(manifest: dict[str, Any], arrays: dict[str, bytes]) -> None:
        name = min(arrays)
        manifest["tensors"][name] |= {"shape": shape, "dtype": dtype}
        if content is not None:
            arrays[name] = content

    return lambda: tensors(change)


def aliased(count: int) -> Forge:
    def change(manifest: dict[str, Any], arrays: dict[str, bytes]) -> None:
        arrays["big"] = bytes(2**20)
        manifest["tensors"]["big"] = {"dtype": "U8", "shape": [2**20], "sha256": ""}
        manifest["aliases"] = {f"a{number:06d}": "big" for number in range(count)}

    return lambda: tensors(change)


FOREIGN: dict[str, Forge] = {
    "nothing at all": lambda: b"",
    "one byte": lambda: b"{",
    "a pickle that runs a command": lambda: pickle.dumps(Payload()) * 4,
    "a pickle of protocol 0": lambda: pickle.dumps(Payload(), protocol=0) * 4,
    "a torch archive with a pickle": lambda: zipped(archive__data_pkl=pickle.dumps(Payload())),
    "a keras archive with a lambda": lambda: zipped(config_json=b'{"class_name":"Lambda","module":"os"}'),
    "an npz with an array of objects": lambda: zipped(a_npy=b"\x93NUMPY\x01\x00" + pickle.dumps(Payload())),
    "zip before a good file": lambda: zipped(a=b"b") + GOOD,
    "zip behind a good file": lambda: GOOD + zipped(data_pkl=pickle.dumps(Payload())),
    "pickle behind a good file": lambda: GOOD + pickle.dumps(Payload()),
    "HDF5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(600),
    "HDF5 behind a good file": lambda: GOOD + bytes(-len(GOOD) % 512) + b"\x89HDF\r\n\x1a\n" + bytes(600),
    "ONNX with a path to other data": lambda: b"\x08\x08\x12\x04evil:\x20\n\x0eexternal_data\x12\x10../../etc/passwd",
    "GGUF": lambda: b"GGUF\x03\x00\x00\x00" + b"\xff" * 64,
    "a script": lambda: b"#!/bin/sh\n" + MARK.encode() + b"\n",
    "gzip": lambda: b"\x1f\x8b\x08\x00" + bytes(100),
    "zeros": lambda: bytes(4096),
    "plain safetensors": lambda: packed(b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}', b"abcd"),
}
CONTAINER: dict[str, Forge] = {
    "a header of 2**63 bytes": lambda: packed(HEADER, length=2**63),
    "a header of 2**64 - 1 bytes": lambda: packed(HEADER, length=2**64 - 1),
    "a header as long as the file": lambda: packed(HEADER, length=len(GOOD)),
    "a header of no bytes": lambda: packed(HEADER, length=0),
    "a header of 3,000,000 lists": lambda: packed(b'{"__metadata__":{"netwright":' + b"[]," * 3_000_000),
    "a header 200,000 levels deep": lambda: packed(b'{"__metadata__":{"netwright":' + b"[" * 200_000),
    "an integer of 100,000 digits": lambda: packed(b'{"__metadata__":{"netwright":' + b"9" * 100_000 + b"}}"),
    "a newer version": lambda: replaced(b'"netwright":"1"', b'"netwright":"2"'),
    "a version that is a path": lambda: replaced(b'"netwright":"1"', b'"netwright":"../1"'),
    "a version of other digits": lambda: replaced(b'"netwright":"1"', '"netwright":"１"'.encode()),
    "a byte order mark": lambda: packed(b"\xef\xbb\xbf" + HEADER),
    "a header in UTF-16": lambda: packed(HEADER.decode().encode("utf-16-le")),
    "a NUL in the header": lambda: replaced(b'"manifest"', b'"mani\x00fest"'),
    "doubled metadata": lambda: packed(HEADER.rstrip()[:-1] + b',"__metadata__":{"netwright":"1"}}'),
    "a doubled tensor": lambda: packed(
        HEADER.rstrip()[:-1] + b',"module.relu1.linear.bias":{"dtype":"F64","shape":[4],"data_offsets":[0,32]}}'
    ),
    "a tensor that overlaps another": lambda: table(data_offsets=[8, 40]),
    "a hole before the first tensor": lambda: table(data_offsets=[64, 96]),
    "offsets that overflow": lambda: table(data_offsets=[2**64 - 32, 2**64]),
    "offsets below zero": lambda: table(data_offsets=[-32, 0]),
    "offsets turned round": lambda: table(data_offsets=[32, 0]),
    "offsets that are texts": lambda: table(data_offsets=["0", "32"]),
    "another shape in the header": lambda: table(shape=[2, 2]),
    "another type in the header": lambda: table(dtype="I64"),
    "more in an entry": lambda: table(path="/etc/passwd"),
    "one byte too few": lambda: GOOD[:-1],
    "one bit of a weight": lambda: GOOD[:-5] + bytes([GOOD[-5] ^ 1]) + GOOD[-4:],
    "a changed manifest with the old sum": lambda: replaced(b'\\"epochs\\":2', b'\\"epochs\\":3'),
}
MANIFEST: dict[str, Forge] = {
    "a doubled kind": lambda: retold('"kind":"Classifier"', '"kind":"Classifier","kind":"os.system"'),
    "NaN in JSON": lambda: retold('"best_epoch":2', '"best_epoch":NaN'),
    "infinity as 1e999": lambda: retold('"best_epoch":2', '"best_epoch":1e999'),
    "half a surrogate": lambda: retold('"best_epoch":2', '"best_epoch":"\ud800"'),
    "an escaped surrogate": lambda: retold('"best_epoch":2', '"best_epoch":"\\ud800"'),
    "a number of 300 digits": lambda: retold('"best_epoch":2', '"best_epoch":' + "9" * 300),
    "100 levels of content": lambda: retold('"best_epoch":2', '"best_epoch":' + "[" * 100 + "]" * 100),
    "spaces": lambda: retold('"best_epoch":2', '"best_epoch": 2'),
    "one field more": lambda: retold('{"aliases"', '{"a":1,"aliases"'),
    "a shape below zero": shaped([-4]),
    "a shape of 2**62 twice": shaped([2**62, 2**62]),
    "a shape of 2**40": shaped([2**40]),
    "a shape of truth": shaped([True]),
    "forty axes": shaped([1] * 40),
    "complex numbers": shaped([2], "C64"),
    "sparse numbers": shaped([4], "SPARSE_COO"),
    "an array of objects": shaped([4], "O", pickle.dumps(Payload())[:32].ljust(32)),
    "bfloat16, which NumPy lacks": shaped([16], "BF16"),
    "truth that is neither": shaped([32], "BOOL", b"\x02" * 32),
    "an alias of itself": lambda: tensors(lambda m, t: m.update(aliases={"a": "a"})),
    "20,000 names of one array": aliased(20_000),
    "110,000 names of one array": aliased(110_000),
    "a tensor named as a path": renamed("../../../etc/passwd"),
    "a tensor named as a class": renamed("__class__"),
    "a tensor named as a method": renamed("module.forward"),
    "a tensor without a name": renamed(""),
    "a tensor of another shape": shaped([2, 2]),
    "a tensor of no elements": shaped([0], "F64", b""),
}
REFUSED: dict[str, Forge] = {**FOREIGN, **CONTAINER, **MANIFEST} | {
    name: (lambda kind=kind, path=path, what=what: forged(kind, path, what))
    for name, (kind, path, what) in CONTENTS.items()
}
HOSTILE = "os.system('touch NETWRIGHT_WAS_HERE')"
INERT: dict[str, Forge] = {
    "10**18 epochs": lambda: forged("Classifier", "content.params.epochs", 10**18),
    "10**18 turns of a game": lambda: forged("GAN", "content.params.steps", 10**18),
    "a rule of a million brackets": lambda: forged("Classifier", "content.params.optimizer", "(" * 1_000_000),
    "a rule that is a command": lambda: forged("Classifier", "content.params.optimizer", HOSTILE),
    "labels that are commands": lambda: forged(
        "Classifier", "content.target.labels.0", {"dtype": "<U37", "values": [HOSTILE, "os.system"]}
    ),
    "labels of HTML and emoji": lambda: forged(
        "Classifier",
        "content.target.labels.0",
        {"dtype": "<U30", "values": ["<script>alert(1)</script>", "\U0001f4a5\n---"]},
    ),
    "images of 10**9 by 10**9": lambda: forged("GAN", "content.form.shape", [10**9, 10**9]),
    "versions of ESC": lambda: forged("Classifier", "versions.torch", "\x1b[2J\x1b]0;owned\x07"),
    "a history of 10,000 epochs": lambda: forged(
        "Classifier", "content.history", [[["epoch", n], ["train_loss", 0.5]] for n in range(10_000)]
    ),
}


def strange(folder: Path) -> dict[str, Path]:
    """What is no file: links, a folder, a pipe, devices without an end, a file with holes."""
    made = {
        name: folder / name.replace(" ", "-")
        for name in ("a folder", "a pipe", "a link to itself", "a link to nothing")
    }
    made["a folder"].mkdir()
    os.mkfifo(made["a pipe"])
    made["a link to itself"].symlink_to(made["a link to itself"])
    made["a link to nothing"].symlink_to("nothing")
    for name, target in (
        ("zeros without end", "/dev/zero"),
        ("chance without end", "/dev/urandom"),
        ("the terminal", "/dev/tty"),
    ):
        made[name] = folder / name.replace(" ", "-")
        made[name].symlink_to(target)
    made["a file of 2**43 bytes"] = folder / "holes"
    manifest, arrays = opened(GOOD)
    manifest["tensors"]["hole"] = {"dtype": "U8", "shape": [2**43], "sha256": "0" * 64}
    text = canonical(manifest)
    whole = closed(manifest, {**arrays, "hole": b""}, text)
    begin = len(whole) - sum(map(len, arrays.values()))
    place = f'"hole":{{"dtype":"U8","shape":[{2**43}],"data_offsets":[{len(BODY)},{len(BODY)}]}}'.encode()
    header = (
        whole[8:begin]
        .rstrip()
        .replace(place, place.replace(f",{len(BODY)}]".encode(), f",{len(BODY) + 2**43}]".encode()))
    )
    made["a file of 2**43 bytes"].write_bytes(packed(header))
    os.truncate(made["a file of 2**43 bytes"], made["a file of 2**43 bytes"].stat().st_size + 2**43)
    return made


def write(folder: Path, attacks: dict[str, Forge]) -> dict[str, Path]:
    """Write files of attacks and give their paths by name."""
    paths = {}
    for number, (name, make) in enumerate(attacks.items()):
        paths[name] = folder / f"{number:03d}.nw"
        paths[name].write_bytes(make())
    return paths


if __name__ == "__main__":
    for title, path in write(Path(sys.argv[1]), REFUSED | INERT).items():
        print(path, title)
