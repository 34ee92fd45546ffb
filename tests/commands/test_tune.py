"""`netwright tune` from end to end, and spaces as they are written on the command line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.cli import main
from netwright.commands.spaces import default_space, read_space
from netwright.estimators.tuning.space import Space

pytest.importorskip("optuna")
QUICK = ["--trials", "4", "--epochs", "3", "--coarse-epochs", "1", "--no-report"]


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_table_from_the_search_to_the_prediction(houses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tune", "houses.csv", "--target", "price", *QUICK, "--seed", "2"]
    assert main([*words, "--out", "run"]) == 0
    out = capsys.readouterr()
    assert "space       optimizer__lr: log_uniform(0.0001, 0.03)" in out.out
    assert "search      4 trials, coarse-fine, random, 1 worker" in out.out
    assert len([line for line in out.err.splitlines() if line.startswith("trial ")]) == 4
    rows = table("run/trials.csv")
    assert [row["stage"] for row in rows] == ["fine", "coarse", "coarse", "coarse"]
    assert {row["state"] for row in rows} == {"complete"}
    assert sorted(int(row["number"]) for row in rows) == [0, 1, 2, 3]
    assert {row["epochs"] for row in rows} == {"1", "3"}
    content = json.loads(Path("run/search.json").read_text(encoding="utf-8"))
    assert content["best"]["number"] == int(rows[0]["number"])
    assert content["best"]["score"] == pytest.approx(float(rows[0]["score"]))
    assert set(content["best"]["params"]) == {"optimizer__lr", "regularizer", "batch_size", "network"}
    assert content["seed"] == 2
    model = nw.load("run/model.nw")
    assert f"ReLU({rows[0]['param_network.width']})" in repr(model.network)
    run = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert set(run["scores"]) == {"training", "validation", "test"}
    assert f"trial {content['best']['number']}, score" in out.out
    assert "run/trials.csv" in out.out
    assert main(["predict", "run", "houses.csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 151
    assert main([*words, "--out", "again", "--quiet"]) == 0
    assert capsys.readouterr() == ("again\n", "")
    again = [{k: v for k, v in row.items() if k != "seconds"} for row in table("again/trials.csv")]
    assert again == [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_images_with_a_space_and_a_storage(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = ["optimizer__lr=10 ** uniform(-4, -1)", "network=['Flatten() >> Softmax(2)', 'INPUT -> FC4 -> RELU -> FC']"]
    words = ["tune", "photos", *QUICK, "--storage", "s.journal", "--method", "tpe", "--space", *space]
    assert main([*words, "--out", "run"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "kept in s.journal; the same command goes on where this one ends" in told
    assert main([*words, "--out", "again"]) == 0
    assert not capsys.readouterr().err.strip()  # no trial is run again
    assert table("again/trials.csv") == table("run/trials.csv")


def test_the_default_space_of_images_is_one_that_can_be(photos: Path) -> None:
    assert main(["tune", "photos", *QUICK, "--pruning", "median", "--quiet", "--out", "run"]) == 0
    assert {row["state"] for row in table("run/trials.csv")} <= {"complete", "pruned"}
    Space.read(default_space("images", with_network=True)).check_against(nw.Classifier())
    Space.read(default_space("table", with_network=False)).check_against(nw.Regressor())
    assert "network" not in default_space("table", with_network=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uniform(0, 1)", nw.uniform(0, 1)),
        ("log_uniform(1e-5, 1e-1)", nw.log_uniform(1e-5, 0.1)),
        ("10 ** uniform(-5, -1)", nw.log_uniform(1e-5, 0.1)),
        ("integers(1, 64, log=True)", nw.integers(1, 64, log=True)),
        ("2 ** integers(4, 9)", 2 ** nw.integers(4, 9)),
        ("[32, 'a', None, True, -1.5, (1, 2)]", [32, "a", None, True, -1.5, (1, 2)]),
        ("[Adam(0.01), l2(1e-3), ReLU(8) >> Softmax(3)]", [nw.optim.Adam(0.01), nw.l2(1e-3), "network"]),
        ("64", [64]),
        ("SGD(0.1)", [nw.optim.SGD(0.1)]),
    ],
)
def test_ranges_are_read(text: str, expected: Any) -> None:
    made = read_space([f"x={text}"])["x"]
    if isinstance(expected, list):
        expected = [nw.layers.ReLU(8) >> nw.layers.Softmax(3) if item == "network" else item for item in expected]
    assert made == expected


def test_parts_are_read() -> None:
    made = read_space(["network=varied('FC{w} -> RELU*{d}', w=2 ** integers(4, 6), d=[1, 2])"])["network"]
    assert made.make == "FC{w} -> RELU*{d}"
    assert made.parts["w"] == 2 ** nw.integers(4, 6)
    assert made.parts["d"].options == (1, 2)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("lr", "--space: expected NAME=RANGE, got 'lr'"),
        ("lr=", "--space: expected NAME=RANGE, got 'lr='"),
        ("lr=uniform(1", r"--space lr: expected uniform\(a, b\), .*, got 'uniform\(1'"),
        ("lr=uniform(1)", "missing 1 required positional argument: 'high'"),
        ("lr=uniform(2, 1)", "uniform: expected low < high, got uniform"),
        ("lr=logunifrm(1, 2)", r"got 'logunifrm'. Did you mean 'log_uniform'\?"),
        ("lr=__import__('os').getcwd()", "--space lr: expected uniform"),
        ("lr=[open('x')]", "--space lr: expected uniform"),
        ("lr=2 ** [1]", "--space lr: expected uniform"),
        ("optimizer__rl=uniform(1, 2)", "rl"),
        ("epoch=[1, 2]", "epoch"),
        ("lr=[]", "an empty list"),
    ],
)
def test_spaces_that_cannot_be(houses: Path, fails: Callable[..., str], entry: str, text: str) -> None:
    error = fails("tune", "houses.csv", "--target", "price", "--quiet", *QUICK, "--space", entry)

    assert re.search(text, error), error
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_names_are_looked_at_before_the_data(fails: Callable[..., str]) -> None:
    error = fails("tune", "nothing.csv", "--space", "optimzer__lr=log_uniform(1e-3, 1)")
    assert "--space optimzer__lr: expected a parameter" in error
    assert "Did you mean 'optimizer'?" in error
    assert "nothing.csv" in fails("tune", "nothing.csv", "--space", "optimizer__lr=log_uniform(1e-3, 1)")


def test_what_cannot_be_tuned(houses: Path, fails: Callable[..., str]) -> None:
    assert "each name once, got 'a' twice" in fails("tune", "houses.csv", "--space", "a=[1]", "a=[2]")
    Path("x.conllu").write_text("1\tA\ta\tDET\n\n", encoding="utf-8")
    assert "a table or images, got the sentences of 'x.conllu'" in fails("tune", "x.conllu", "--quiet")
    Path("folder").mkdir()
    error = fails("tune", "houses.csv", "--target", "price", "--quiet", *QUICK, "--storage", "folder")
    assert "storage 'folder': expected a file, got a folder" in error
    assert "unknown" not in error
    assert "Did you mean '--trials'?" in fails("tune", "houses.csv", "--trails", "3")
