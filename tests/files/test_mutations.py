"""Damaged and changed files of every kind: none that differs is taken for the one that was written."""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.core.errors import CorruptFile

sys.path.append(str(Path(__file__).parent))
import forging

QUICK = ["Classifier", "SOFM", "Ensemble", "module", "network", "SequenceClassifier"]
STRANGE = [
    None,
    True,
    -1,
    0,
    2**70,
    10**9,
    1e308,
    -0.5,
    {"$float": "nan"},
    "",
    "os.system",
    "é\x00",
    [],
    {},
    [[]],
    [1] * 9,
]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Flipped bits, a cut, an insertion, a block of zeros, or a block that stands twice."""
    made, where = bytearray(data), chance.randrange(len(data))
    length = chance.choice([1, 2, 8, 64, 512])
    kind = chance.randrange(6)
    if kind < 2:
        for _ in range(chance.choice([1, 1, 1, 2, 10])):
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    elif kind == 2:
        del made[where : where + chance.choice([length, len(made)])]
    elif kind == 3:
        made[where:where] = chance.randbytes(length)
    elif kind == 4:
        made[where : where + length] = bytes(len(made[where : where + length]))
    else:
        made[where:where] = made[where : where + length]
    return bytes(made)


def signed(data: bytes, chance: random.Random) -> bytes:
    """A changed manifest, or changed numbers, with right sums."""
    manifest, tensors = forging.opened(data)
    if chance.random() < 0.1 and tensors:
        name = chance.choice(sorted(tensors))
        tensors[name] = chance.randbytes(len(tensors[name]))
        return forging.closed(manifest, tensors)
    places = [(path, item) for path, item in forging.leaves(manifest) if path and path[0] in ("content", "kind")]
    path, item = chance.choice(places)
    kind = chance.randrange(4)
    what: Any = chance.choice(STRANGE)
    if kind == 1 and isinstance(item, dict) and item:
        lost = chance.choice(sorted(item))
        what = {key: part for key, part in item.items() if key != lost}
    elif kind == 2 and isinstance(item, dict):
        what = {**item, chance.choice(["x", "$", "name", "seed"]): what}
    elif kind == 3:
        what = chance.choice(places)[1]
    return forging.closed(forging.put(manifest, path, what), tensors)


def counts(kinds: list[str], count: int, change: Any, path: Path, known: bool) -> tuple[int, int]:
    """How many of the changed files differ, and how many of those are loaded; anything else than refusing fails."""
    chance, differ, loaded = random.Random(count), 0, 0
    files = {kind: forging.golden(kind) for kind in kinds}
    sums = {kind: hashlib.sha256(data).hexdigest() for kind, data in files.items()}
    for number in range(count):
        kind = kinds[number % len(kinds)]
        data = change(files[kind], chance)
        differ += data != files[kind]
        path.write_bytes(data)
        try:
            nw.load(path, sums[kind] if known else None)
        except CorruptFile:
            continue
        loaded += data != files[kind]
    return differ, loaded


TIERS = pytest.mark.parametrize(
    ("kinds", "count"),
    [(QUICK, 600), pytest.param(forging.kinds(), 20_000, marks=pytest.mark.slow)],
    ids=["600", "20,000"],
)


@TIERS
def test_no_damage_is_accepted(kinds: list[str], count: int, tmp_path: Path) -> None:
    differ, loaded = counts(kinds, count, damaged, tmp_path / "a.nw", known=False)
    assert differ > 0.95 * count
    assert loaded == 0


@TIERS
def test_a_forger_is_found_out_by_the_sum_of_the_whole(kinds: list[str], count: int, tmp_path: Path) -> None:
    differ, loaded = counts(kinds, count // 4, signed, tmp_path / "a.nw", known=True)
    assert differ > 0.8 * (count // 4)
    assert loaded == 0


@pytest.mark.filterwarnings("ignore")  # strange numbers may overflow on their way to being refused
@TIERS
def test_a_forged_file_is_data_or_is_refused(kinds: list[str], count: int, tmp_path: Path) -> None:
    differ, loaded = counts(kinds, count // 4, signed, tmp_path / "a.nw", known=False)
    assert 0 < loaded < differ  # a figure of the history may be any number: only the sum of the whole tells
