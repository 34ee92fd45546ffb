"""Files with right sums and wrong content, written by the text of the format and not by the code that is tested."""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "golden"
ELEMENTS = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8,
            "I64": 8, "F64": 8}  # fmt: skip


def golden(kind: str, version: str = "1") -> bytes:
    """The bytes of a golden file."""
    path = GOLDEN / version / f"{kind}.nw"
    return path.read_bytes() if path.exists() else lzma.decompress(path.with_suffix(".nw.xz").read_bytes())


def kinds(version: str = "1") -> list[str]:
    """All kinds that have a golden file."""
    return sorted(path.name.partition(".")[0] for path in (GOLDEN / version).glob("*.nw*"))


def canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def opened(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest of a file and the bytes of its tensors."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    manifest = json.loads(header.pop("__metadata__")["manifest"])
    body = data[8 + length :]
    return manifest, {name: body[slice(*place["data_offsets"])] for name, place in header.items()}


def closed(manifest: dict[str, Any], tensors: dict[str, bytes], text: str | None = None) -> bytes:
    """A file with right sums: those of the tensors are computed anew, and that of the manifest."""
    for name, content in tensors.items():
        if isinstance(manifest.get("tensors"), dict) and name in manifest["tensors"]:
            manifest["tensors"][name]["sha256"] = hashlib.sha256(content).hexdigest()
    text = canonical(manifest) if text is None else text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    fields: dict[str, Any] = {"__metadata__": {"netwright": "1", "manifest": text, "manifest_sha256": digest}}
    entries = manifest["tensors"]
    begin, body = 0, b""
    for name in sorted(tensors, key=lambda name: (-ELEMENTS.get(str(entries[name]["dtype"]), 1), name)):
        place = [begin, begin + len(tensors[name])]
        fields[name] = {"dtype": entries[name]["dtype"], "shape": entries[name]["shape"], "data_offsets": place}
        begin, body = place[1], body + tensors[name]
    raw = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw + body


def leaves(item: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """All places of plain data with what is there; of a list the first three."""
    yield path, item
    if isinstance(item, dict):
        for key, part in item.items():
            yield from leaves(part, (*path, key))
    elif isinstance(item, list):
        for number, part in enumerate(item[:3]):
            yield from leaves(part, (*path, number))


def put(item: Any, path: tuple[Any, ...], what: Any) -> Any:
    """A copy of plain data with something else at one place."""
    made = json.loads(json.dumps(item))
    if not path:
        return what
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = what
    return made


def forged(kind: str, path: str, what: Any) -> bytes:
    """A golden file with something else at a place of its manifest, such as ``content.network.parts.1.units``."""
    manifest, tensors = opened(golden(kind))
    steps = tuple(int(step) if step.isdecimal() else step for step in path.split(".")) if path else ()
    return closed(put(manifest, steps, what), tensors)
