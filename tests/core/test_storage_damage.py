"""Model files that are damaged, cut off by a kill, old, or watched while they are read."""

from __future__ import annotations

import base64
import json
import math
import os
import pathlib
import random
import subprocess
import sys

import numpy as np
import pytest

from netwright.core.errors import CorruptFile
from netwright.core.storage import read, write


def example(path: pathlib.Path) -> bytes:
    chance = np.random.default_rng(0)
    tied = chance.standard_normal((3, 5)).astype("f4")
    tensors = {"w": tied, "v": tied, "mask": chance.random(37) > 0.5, "n": np.array(7), "none": np.zeros((0, 2), "u1")}
    content = {"network": ["Conv(3)", {"rate": 0.5}], "history": [math.nan, 1.0, -math.inf], "name": "é \"'\\"}
    write(path, "example", content, tensors)
    return path.read_bytes()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A damaged copy: flipped bits, changed bytes, a cut, an insertion, a block of zeros, a block moved or doubled."""
    made, where = bytearray(data), chance.randrange(len(data))
    length = chance.choice([1, 2, 8, 64, 512])
    kind = chance.randrange(8)
    if kind < 2:
        for _ in range(chance.choice([1, 1, 1, 2, 10])):
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    elif kind == 2:
        made[where] = chance.randrange(256)
    elif kind == 3:
        del made[where : where + chance.choice([length, len(made)])]
    elif kind == 4:
        made[where:where] = chance.randbytes(length)
    elif kind == 5:
        made[where : where + length] = bytes(len(made[where : where + length]))
    elif kind == 6:
        made[where:where] = made[where : where + length]
    else:
        other = chance.randrange(len(data))
        made[where : where + length], made[other : other + length] = (
            data[other : other + length],
            data[where : where + length],
        )
    return bytes(made)


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_no_damage_is_accepted(tmp_path: pathlib.Path, count: int) -> None:
    path, chance = tmp_path / "a", random.Random(count)
    data, accepted, changed = example(path), 0, 0
    for _ in range(count):
        damaged = mutated(data, chance)
        changed += damaged != data
        path.write_bytes(damaged)
        try:
            read(path)
        except CorruptFile:
            continue
        accepted += damaged != data
    assert accepted == 0
    assert changed > 0.95 * count


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_every_cut_and_every_flipped_byte_is_refused(tmp_path: pathlib.Path, step: int) -> None:
    path = tmp_path / "a"
    data = example(path)
    for where in range(0, len(data), step):
        for damaged in (data[:where], data[:where] + bytes([data[where] ^ 0x20]) + data[where + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(CorruptFile):
                read(path)


WATCHED = """
import json, sys
import numpy as np
import netwright.core.storage as storage
from netwright.core.errors import CorruptFile

path, damaged, events = sys.argv[1], sys.argv[2], []
sys.addaudithook(lambda event, args: events.append((event, str(args[:2]).replace("'rb'", "'r'"))))
kind, content, tensors = storage.read(path)
storage.read_manifest(path)
storage.verify(path)
try:
    storage.read(damaged)
except CorruptFile:
    events.append(("refused", ""))
found = list(events)
print(json.dumps(sorted(set(found))))
"""


def test_reading_opens_the_file_and_nothing_else(tmp_path: pathlib.Path) -> None:
    data = example(tmp_path / "a")
    (tmp_path / "b").write_bytes(data[:-1])
    command = [sys.executable, "-c", WATCHED, str(tmp_path / "a"), str(tmp_path / "b")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    events = json.loads(done.stdout)
    opened = [["open", str((str(tmp_path / name), "r"))] for name in "ab"]
    assert events == [*opened, ["refused", ""]]  # no import, exec, compile, unpickling, process, socket, other file


KILLER = """
import os, pathlib, random, signal, sys, time
import numpy as np
from netwright.core.storage import read, write
folder, kills = pathlib.Path(sys.argv[1]), int(sys.argv[2])
path, chance, unreadable = folder / "a", random.Random(1), 0

def save_for_ever():
    number = 0
    while True:
        number += 1
        write(path, "k", {"number": number}, {f"w{i}": np.full(20_000, number) for i in range(8)})

for _ in range(kills):
    child = os.fork()
    if not child:
        save_for_ever()
    while not path.exists():
        time.sleep(0.001)
    time.sleep(chance.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        kind, content, tensors = read(path)
        unreadable += not all((array == content["number"]).all() for array in tensors.values())
    except ValueError:
        unreadable += 1
write(path, "k", {}, {})
print(unreadable, len(list(folder.iterdir())))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("kills", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_a_readable_file(tmp_path: pathlib.Path, kills: int) -> None:
    command = [sys.executable, "-c", KILLER, str(tmp_path), str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["0", "1"]


# What version 1 of the format wrote. Files in the world look like this, so it must be readable for ever.
GOLDEN_1 = (
    "a0CDV00000dm>+7ZDn*}WMOn+Utc0Rdm?USba!%TXJ~XHIwCP5EFx`TZfRy^b95p)B70mSVQgt(b7gZ}B076qB6eINI$R=mTq1oeTq0v{Zgg"
    "dCbX+1jdt4%DX>)XMa(P@LI$L{OA|z&PZ((#?B05|mZeea*B7H0|E-"
    ");6Tp}c9Y;R$7Tp~JLA}widW?UkDT`XK8ZeeX@Tp~JLBEzX5TwGitCtO@yTwEe7Tq15|ba!uZYg{5aTU;VTZ*F!dGbvmmEPGrca$$63Tp~I!"
    "E;W5!eJoreYiVv|Tp~JLB4v1CZE$R5Tp}!7B6MYLb8m8UTp~JqTq0;;Y-"
    "U^{I(u9qWOR9OWn3aUTp~s>He4bsTq1L5VKOx~Tp~JLB4jW(V>o0vGG#R}WMgJyFgRv3G-P2iFlJ+6GBq_bVK-"
    "%AFlJ;kHZVA5GBadkGG;k6H85f`IX5<8H92NvW?UjHTq1L5VQ^(!B05_$U41NEB5h%FYg{5adt4%9ba`-"
    "PTp~JLB0^73Ok5%?Tq1L5VKOx~Tp~JLA~-c>IWS~qWnnR7I509dWid21Gi5bnVL3N3VKOx^F)=V<GB9LjFflPXWHK-"
    "`VK+1~GB9FeHZwIbHe@k1Vq79DTq1L5VQ^(!B05_$U41NEB5qtFI(u9qWOR9OWn3aUTp~#}G+ZJqTq1L5VKOx~Tp~JLB4J@=I5}oxFlI0_Wi"
    "mN6IbmfqWH&G|VK^{jV>3B1H90XjV>vZ2Vlg#2W;S7BVm4zrGGj3`Gc#f_VK_B2G+ZJqTq1L5VQ^(!B05`LeJorecU&Smdt4%9ba`-"
    "PTp~JLB1SVZTp}!7B6DbAGBq|_B05|mVly%`Ha0kBG%{gfF=b;oFf=!1IX5+AG&5u{G&N%~Ib}3uIALTkGGsV3Vm3H1H#aviI5IaiIbmZkV="
    "*>mTp}!7B6DbAaAjN~I$JU<GF^RrEL<XXWpZ<AZ*Fs3B076qB5q}LcXDZGXmng6I$R<!E-"
    "@}JE@WkPFkB)mTq16DZE$&9B05|mGA=YOHe4bsTq1CJbZBpGTp~JLA~P;AF)lY;B7J=#EFx`TZfRy^b97&GXkjunHX=GAI5#t9IbmfrHDzTn"
    "V>Mx9WjQlBWo2VGW;i%CIA&vGH#s&qGGjPoH#cQ8GBq?dGcqwaGB!0dGB!0dGBaT|B7H0(ZX!B+B4l)VaAhJoB1twhA}k_vXkl<=B05`LEFx"
    "rKbYWj_W@d9`baNs)TQDp*U41MfcOp7_B4l)VaAhJoB1SVZA}k_vXkl<=B05_#EHYgzB4lB7VP9`%W^-k9b0RuhI4m+WU41MfXklz-"
    "B075_WOR9OWg<EvMlm)bEFyDgVQ^(4I$JYcEFxrKbYWj_W@d9`baNs)TQW2(Gca9!EFx`Tb88|xdm?0Xd2nSSIwC?(PfQ{#B6DbAaAhJoTQg"
    "lOB4lB7VP9`%W^-k9b0RuhGcYVOGhKas2LJ#7000000000#006+h0000$0000006YLZ06YNz0R"
)


def test_files_of_version_1_can_be_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(base64.b85decode(GOLDEN_1))
    kind, content, tensors = read(tmp_path / "a")
    assert kind == "example"
    assert repr(content["history"]) == "[nan, 1.0, -inf]"
    assert (content["network"], content["name"]) == (["Conv(3)", {"rate": 0.5}], "é \"'\\")
    assert tensors["w"].tolist() == [[0.5, -1.5], [2.0, 0.0]]
    assert tensors["v"] is tensors["w"]
    assert tensors["mask"].tolist() == [True, False, True]
    assert (tensors["n"].shape, tensors["n"].tolist()) == ((), 7)
    assert tensors["half"].dtype == np.float16
