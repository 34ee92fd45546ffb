"""The attack corpus: every file is refused, in under a second, with little memory, and nothing runs because of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netwright.core.errors import CorruptFile
from netwright.files import inspect, verify

HERE = Path(__file__).parent
sys.path.append(str(HERE))
import attack_corpus  # noqa: E402
import forging  # noqa: E402

SPARE = 64 * 2**10  # KiB beyond the size of the file
SECONDS = 1.0  # of the processor
OWN_LIMITS = "/sys/fs/cgroup/"  # read to know how much memory there is

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and reads peaks of memory in KiB")


def watch(mode: str, paths: list[Path], folder: Path) -> list[dict[str, Any]]:
    """What ``watching.py`` tells of files, each loaded in a process of its own."""
    lines = "\n".join(map(str, paths))
    command = [sys.executable, str(HERE / "watching.py"), mode, str(folder)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=600, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def heard(found: dict[str, Any]) -> list[Any]:
    """The events of a load, without what only reads what the system says of its memory."""
    return [event for event in found["events"] if not (event[0] == "open" and event[1].startswith(OWN_LIMITS))]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of every attack, of every hostile but harmless file, of what is no file, and of every golden file."""
    folder = tmp_path_factory.mktemp("attacks")
    paths = attack_corpus.write(folder, attack_corpus.REFUSED | attack_corpus.INERT)
    paths |= attack_corpus.strange(folder)
    for kind in forging.kinds():
        paths[f"golden {kind}"] = folder / f"golden-{kind}.nw"
        paths[f"golden {kind}"].write_bytes(forging.golden(kind))
    found = watch("warm", list(paths.values()), folder)
    assert len(found) == len(paths)
    left = [name for name in os.listdir(folder) if "NETWRIGHT" in name]
    assert not left, "a command of a file was run"
    return dict(zip(paths, found, strict=True))


def test_the_corpus_is_large() -> None:
    assert len(attack_corpus.REFUSED) >= 40
    assert len(set(map(bytes, (make() for make in attack_corpus.REFUSED.values())))) == len(attack_corpus.REFUSED)


def test_every_attack_is_refused(told: dict[str, dict[str, Any]]) -> None:
    wrong = {name: told[name] for name in attack_corpus.REFUSED if told[name]["outcome"] != "CorruptFile"}
    assert not wrong


def test_what_is_no_file_is_refused_by_name(told: dict[str, dict[str, Any]]) -> None:
    outcomes = {name: found["outcome"] for name, found in told.items() if name not in attack_corpus.REFUSED}
    assert outcomes["a folder"] == "IsADirectoryError"
    assert outcomes["a pipe"] == outcomes["zeros without end"] == outcomes["chance without end"] == "CorruptFile"
    assert outcomes["the terminal"] == "CorruptFile"
    assert (outcomes["a link to itself"], outcomes["a link to nothing"]) == ("OSError", "FileNotFoundError")
    assert outcomes["a file of 2**43 bytes"] == "OSError"


def test_hostile_texts_and_numbers_are_data(told: dict[str, dict[str, Any]]) -> None:
    assert {told[name]["outcome"] for name in attack_corpus.INERT} == {"loaded"}


def test_every_load_is_quick_and_small(told: dict[str, dict[str, Any]]) -> None:
    slow = {name: found["seconds"] for name, found in told.items() if found["seconds"] > SECONDS}
    sizes = {name: os.path.getsize(f["path"]) if os.path.isfile(f["path"]) else 0 for name, f in told.items()}
    large = {name: found["kib"] for name, found in told.items() if found["kib"] > sizes[name] / 2**10 + SPARE}
    assert (slow, large) == ({}, {})


def test_a_load_opens_the_file_and_does_nothing_else(told: dict[str, dict[str, Any]]) -> None:
    """No import, exec, compile, find_class, process, socket, or file that is written."""
    events = {name: heard(found) for name, found in told.items() if heard(found)}
    assert not events


def test_the_watcher_sees_what_a_pickle_does(tmp_path: Path) -> None:
    code = (
        "import sys, pickle\nsys.path.append(sys.argv[1])\nimport attack_corpus, watching\n"
        "sys.addaudithook(watching.listen)\npickle.loads(pickle.dumps(attack_corpus.Payload()))\n"
        "import antigravity_is_not_here\n"
    )
    code = code.replace("import antigravity_is_not_here", "compile('1', '', 'eval'); open(sys.argv[2], 'w')")
    code += "print(sorted({event[0] for event in watching.events}))"
    command = [sys.executable, "-c", code, str(HERE), str(tmp_path / "written")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=True)
    assert {"pickle.find_class", "os.system", "compile", "open"} <= set(json.loads(done.stdout.replace("'", '"')))


def hostile_places(kind: str, texts: tuple[str, ...]) -> list[bytes]:
    """A golden file with each of its texts replaced by each of some."""
    manifest, tensors = forging.opened(forging.golden(kind))
    found = [(path, item) for path, item in forging.leaves(manifest) if isinstance(item, str) and "sha256" not in path]
    return [forging.closed(forging.put(manifest, path, text), tensors) for path, _ in found for text in texts]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "texts"),
    [
        (("Classifier", "SOFM"), ("os.system", "builtins.eval")),
        pytest.param(tuple(forging.kinds()), ("os.system",), marks=pytest.mark.slow),
    ],
    ids=["two kinds", "all kinds"],
)
def test_a_class_path_in_any_text_is_refused_or_stays_a_text(
    kinds: tuple[str, ...], texts: tuple[str, ...], tmp_path: Path
) -> None:
    files = [data for kind in kinds for data in hostile_places(kind, texts)]
    assert len(files) > 20 * len(kinds)
    paths = [tmp_path / f"{number}.nw" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    for start in range(0, len(paths), 1000):
        for found in watch("warm", paths[start : start + 1000], tmp_path):
            assert found["outcome"] in ("CorruptFile", "loaded"), found
            assert not heard(found), found
            assert found["seconds"] < SECONDS


def test_inspect_and_verify_refuse_too(tmp_path: Path) -> None:
    containers = attack_corpus.FOREIGN | attack_corpus.CONTAINER | attack_corpus.MANIFEST
    only_loading = {"20,000 names of one array", *(name for name in containers if name.startswith("a tensor"))}
    for name, path in attack_corpus.write(tmp_path, containers).items():
        if name not in only_loading - {"a tensor that overlaps another"}:
            with pytest.raises(CorruptFile):
                verify(path)
        if name in attack_corpus.FOREIGN:
            with pytest.raises(CorruptFile):
                inspect(path)
