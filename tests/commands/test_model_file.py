"""``netwright inspect`` and ``verify``: what a file says, with nothing built and neither torch nor scikit-learn."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.cli import main
from netwright.core import storage
from netwright.core.model_card import model_card
from netwright.files import card, inspect, verify
from netwright.layers import Input, ReLU, Softmax

HOSTILE = {
    "line": "a\n---\nb: c",
    "html": "<script>alert(1)</script>",
    "emoji": "\U0001f4a5",
    "terminal": "\x1b[2J\x1b]0;owned\x07",
    "cell": "a | b `c` [d](http://e) ![f](g)",
    "yaml": '": {x: 1}\n- !!python/object',
    "mirrored": "a\u202eb",
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    X = np.random.default_rng(0).normal(size=(40, 3))
    net = nw.Classifier(ReLU(4) >> Softmax(2), epochs=2, validation=0.2, random_state=0).fit(X, X[:, 0] > 0)
    net.save(tmp_path / "model.nw")
    return tmp_path / "model.nw"


def test_inspect_tells_what_is_in_a_file(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model)]) == 0
    told = capsys.readouterr().out
    for words in ("Classifier", "epochs=2", "ReLU", "units=4", "2 epochs, the last: epoch 2", "validation_loss", "4x3"):
        assert words in told
    found = inspect(model)
    assert found["parameters"] == 3 * 4 + 4 + 4 * 2 + 2
    assert found["size"] == model.stat().st_size
    assert [layer["name"] for layer in found["layers"]] == ["Input", "ReLU", "Softmax"]
    assert found["history"]["last"]["train_loss"] == nw.load(model).history_[-1]["train_loss"]
    assert found["params"]["epochs"] == 2


def test_json_is_all_of_it_and_strict(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model), "--json"]) == 0

    def refuse(word: str) -> Any:
        raise AssertionError(word)

    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found == json.loads(json.dumps(inspect(model)))
    storage.write(model, "k", {"params": {"a": float("inf")}}, {})
    assert main(["inspect", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out, parse_constant=refuse)["params"] == {"a": "inf"}


def test_parts_of_a_whole_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    member = nw.Classifier(ReLU(4) >> Softmax(2), epochs=1, random_state=0)
    nw.Ensemble(member, n_estimators=2, random_state=0).fit(X, X[:, 0] > 0).save(tmp_path / "a.nw")
    assert [part["kind"] for part in inspect(tmp_path / "a.nw")["parts"]] == ["Classifier"] * 2
    assert main(["inspect", str(tmp_path / "a.nw")]) == 0
    assert "part        1: Classifier" in capsys.readouterr().out


def test_networks_are_named_layer_by_layer(tmp_path: Path) -> None:
    nw.models.resnet18().save(tmp_path / "a.nw")
    found = inspect(tmp_path / "a.nw")
    assert found["card"]["name"] == "resnet18"
    assert found["layers"][0]["name"] == "Conv"
    assert 'tags:\n- "netwright"\n- "network"\n- "resnet18"\n' in card(tmp_path / "a.nw")


def test_verify_is_0_or_2_with_one_line(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = model.read_bytes()
    digest = hashlib.sha256(whole).hexdigest()
    assert main(["verify", str(model)]) == 0
    assert digest in capsys.readouterr().out
    assert main(["verify", str(model), "--sha256", digest.upper()]) == 0
    wrong = {
        "the file with SHA-256": [str(model), "--sha256", "0" * 64],
        "64 hexadecimal digits": [str(model), "--sha256", "12"],
        "No such file": [str(model.with_name("none.nw"))],
        "Is a directory": [str(model.parent)],
    }
    for words, given in wrong.items():
        capsys.readouterr()
        assert main(["verify", *given]) == 2
        told = capsys.readouterr().err
        assert words in told
        assert len(told.splitlines()) == 1
    for words, data in {"are missing": whole[:-3], "module.softmax1": whole[:-3] + b"abc", "empty": b""}.items():
        model.write_bytes(data)
        capsys.readouterr()
        assert main(["verify", str(model)]) == 2
        assert words in capsys.readouterr().err


def test_verify_keeps_no_array_in_memory(tmp_path: Path) -> None:
    storage.write(tmp_path / "a.nw", "k", {}, {"w": np.zeros(2**23)})
    code = (
        "import resource, sys\nfrom netwright.files import verify\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nverify(sys.argv[1])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.nw")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 8 * 2**10  # KiB, of a file of 64 MiB


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--json"], ["inspect", "--card"], ["verify"]])
def test_nothing_heavy_is_loaded(command: list[str], model: Path) -> None:
    code = (
        "import sys\nfrom netwright.cli import main\nassert main(sys.argv[1:]) == 0\n"
        "heavy = ('torch', 'sklearn', 'scipy', 'numba', 'matplotlib', 'pandas')\n"
        "print(*[name for name in heavy if name in sys.modules])"
    )
    words = [sys.executable, "-c", code, command[0], str(model), *command[1:]]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_the_card_says_what_is_known_and_what_is_not(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model), "--card"]) == 0
    text = capsys.readouterr().out
    assert text == card(model)
    assert text.startswith(
        '---\nlibrary_name: "netwright"\ntags:\n- "netwright"\n- "Classifier"\nmetrics:\n- "train_loss"\n'
    )
    for words in ("validation_score", verify(model), "What the file does not say", "the licence", "`model.nw`"):
        assert words in text
    yaml = pytest.importorskip("yaml")
    head = yaml.safe_load(text.split("---\n")[1])
    assert set(head) == {"library_name", "tags", "metrics"}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_escaped(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = HOSTILE[name]
    content = {
        "params": {text: text},
        "history": [[[f"{text}score", 0.5], ["train_loss", float("nan")]]],
        "network": {
            "$": "network.Chain",
            "card": {"$": "card.Card", "name": text},
            "parts": [{"$": "layer.X", text: text}],
        },
        "parts": [{"kind": text, "content": {"params": {text: [text]}}}],
    }
    storage.write(tmp_path / "a.nw", text, content, {text: np.zeros(2)})
    plain = model_card(inspect(tmp_path / "a.nw"), text)
    head, body = plain.removeprefix("---\n").split("\n---\n", 1)
    assert head.isascii()
    assert all(line.startswith(("- ", "library_name", "tags:", "metrics:")) for line in head.splitlines())
    for strange in ("\n---", "<script", "\U0001f4a5", "\x1b", "\u202e", "| b `c`"):
        assert strange not in body
    for row in (line for line in body.splitlines() if line.startswith("|")):
        assert row.replace("\\|", "").count("|") == 3, row
    assert main(["inspect", str(tmp_path / "a.nw")]) == 0
    printed = capsys.readouterr().out
    assert all(letter.isprintable() or letter == "\n" for letter in printed)
    assert "\n---" not in printed
    assert main(["inspect", str(tmp_path / "a.nw"), "--json"]) == 0
    assert capsys.readouterr().out.isascii()


def test_contents_of_any_form_are_described(tmp_path: Path) -> None:
    for strange in (
        5,
        "x",
        None,
        [],
        [[]],
        [{}],
        {},
        {"$": 5},
        {"$": "layer.X", "a": {"$tuple": 5}},
        [["a"]],
        [[["a", 1]]],
    ):
        keys = ("params", "history", "network", "networks", "backbone", "parts", "own")
        storage.write(tmp_path / "a.nw", "k", dict.fromkeys(keys, strange), {})
        assert inspect(tmp_path / "a.nw")["kind"] == "k"
        assert card(tmp_path / "a.nw")
        assert main(["inspect", str(tmp_path / "a.nw")]) == 0


def test_a_network_alone_is_inspected(tmp_path: Path) -> None:
    (Input(4) >> ReLU(2)).save(tmp_path / "a.nw")
    found = inspect(tmp_path / "a.nw")
    assert (found["parameters"], found["arrays"], found["history"]) == (0, [], None)
