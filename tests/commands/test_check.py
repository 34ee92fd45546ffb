"""`netwright check`: what it reads, what it says in four forms, how it ends; what `train` keeps of its own checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netwright import cli
from netwright.checks import CODES, Diagnosis, Finding, Remedy, Where
from netwright.cli import main
from netwright.commands.listing import FAMILIES
from netwright.estimators.base import NetworkEstimator
from netwright.report.stored import open_run, read_findings

FAULT = Finding(
    "unscaled-target",
    "fault",
    "the target has a deviation of 1e5",
    "one near 1",
    "Scale it.",
    remedy=Remedy("target", "standardize", True),
    where=Where(column="price"),
    consequences=(Finding("lr-too-high", "fault", "the loss grew <b>", "less", "Wait."),),
)
NOTE = Finding("small-validation", "note", "14 rows", "30", "Hold out more.")
WORDS = ["check", "houses.csv", "--target", "price"]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch, houses: Path) -> Callable[..., list[dict[str, Any]]]:
    """Puts findings in the place of those of `estimator.check`, and keeps with what it was called."""

    def give(*findings: Finding) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def check(self: NetworkEstimator, X: Any, y: Any, **intent: Any) -> Diagnosis:
            calls.append({"estimator": self, "X": X, "y": y, **intent})
            return Diagnosis(findings)

        monkeypatch.setattr(NetworkEstimator, "check", check)
        return calls

    return give


# what it says


def test_text_and_status(checked: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    checked(NOTE, FAULT)
    assert main(WORDS) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[:3] == [
        "houses.csv: regression of 'price', 108 rows for training",
        "",
        f"fault  unscaled-target: {CODES['unscaled-target'].title} (column price)",
    ]
    assert "  hence     lr-too-high: The loss grew <b>." in lines
    assert lines[-1] == "1 fault, 1 note"
    assert "\x1b" not in out
    assert err == ""

    checked(NOTE)
    assert main(WORDS) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 note"
    checked()
    assert main(WORDS) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["", "No findings."]


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_text_is_as_wide_as_the_terminal(
    columns: int, checked: Callable[..., Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    checked(FAULT, NOTE)
    assert main(WORDS) == 1
    longest = max(map(len, capsys.readouterr().out.splitlines()))
    assert longest < min(columns, 100)
    assert longest > 30


def test_other_forms(checked: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    checked(FAULT, NOTE)
    assert main([*WORDS, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["code"] for each in found["findings"]] == ["unscaled-target", "small-validation"]
    assert found["ok"] is False

    assert main([*WORDS, "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    first = log["runs"][0]["results"][0]
    assert (first["ruleId"], first["level"]) == ("unscaled-target", "error")
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "houses.csv"

    assert main([*WORDS, "--format", "html"]) == 1
    page = capsys.readouterr().out
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>Findings: houses.csv</title>" in page
    assert "The loss grew &lt;b&gt;." in page


def test_to_a_file(checked: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    checked(FAULT, NOTE)
    for form in ("text", "html", "json", "sarif"):
        assert main([*WORDS, "--format", form, "--out", f"found.{form}"]) == 1
        assert capsys.readouterr() == (f"found.{form}: 1 fault, 1 note\n", "")
    assert Path("found.text").read_text(encoding="utf-8").endswith("\n\n1 fault, 1 note\n")
    assert json.loads(Path("found.json").read_text(encoding="utf-8"))["ok"] is False


# what it looks at


def test_it_examines_what_train_would_train(
    checked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["houses.csv", "--target", "price", "--network", "ReLU(4) >> Linear(1)", "--optimizer", "SGD(0.1)"]
    words += ["--epochs", "2", "--seed", "3", "--validation", "0.2", "--loss", "Huber()"]
    calls = checked()
    assert main(["check", *words, "--imbalanced", "--ignore", "capacity", "lr-too-low"]) == 0
    [call] = calls
    assert call["imbalanced"] is True
    assert call["ignore"] == ["capacity", "lr-too-low"]

    fitted: list[Any] = []

    def fit(self: NetworkEstimator, X: Any, y: Any, **more: Any) -> Any:
        fitted.append((self, X, y))
        raise InterruptedError("seen enough")

    monkeypatch.setattr("netwright.estimators.Regressor.fit", fit)
    assert main(["train", *words, "--quiet"]) == 2
    [(estimator, X, y)] = fitted
    assert (y == call["y"]).all()
    assert list(X) == list(call["X"])
    mine, other = call["estimator"].get_params(), estimator.get_params()
    for name in set(other) - {"callbacks", "validation"}:
        assert repr(mine[name]) == repr(other[name]), name
    assert (mine["validation"][1] == other["validation"][1]).all()
    capsys.readouterr()


def test_a_real_check(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{i * 7 % 11},{i % 5},{i % 2},{'yes' if i % 2 else 'no'}" for i in range(120)]
    Path("leak.csv").write_text("\n".join(["a,b,copy,y", *lines]), encoding="utf-8")
    words = ["check", "leak.csv", "--network", "ReLU(8) >> Softmax(2)", "--optimizer", "Adam(0.01)", "--format", "json"]
    assert main(words) == 1
    codes = [each["code"] for each in json.loads(capsys.readouterr().out)["findings"]]
    assert "target-leak" in codes
    assert main([*words, "--ignore", *codes]) in (0, 1)
    assert not {each["code"] for each in json.loads(capsys.readouterr().out)["findings"]} & set(codes)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--ignore", "lr-to-high"], r"--ignore: expected codes .* got 'lr-to-high'. Did you mean 'lr-too-high'?"),
        (["--network", "Relu(3)"], "Did you mean 'ReLU'?"),
        (
            ["--format", "xml"],
            "argument --format: expected a known name, got 'xml'. Choose one of: text, html, json, sarif.",
        ),
        (["--tagret", "price"], "got '--tagret'. Did you mean '--target'?"),
    ],
)
def test_wrong_words(more: list[str], message: str, fails: Callable[..., str], houses: Path) -> None:
    error = fails(*WORDS, *more)
    for part in message.split(" .* "):
        assert part in error


def test_wrong_data(fails: Callable[..., str], houses: Path) -> None:
    assert "got no such thing" in fails("check", "house.csv")
    assert "--target" in fails("check", "houses.csv")


# list, train


def test_list_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(FAMILIES) == cli.FAMILIES
    assert main(["list", "checks"]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert listed == {name: code.title for name, code in CODES.items()}


TRAIN = ["train", "houses.csv", "--target", "price", "--epochs", "1", "--network", "Linear(1)", "--out", "run"]


def test_train_keeps_and_tells_what_its_checks_found(
    houses: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(NetworkEstimator, "diagnosis_", Diagnosis((FAULT, NOTE)))
    assert main([*TRAIN, "--no-report"]) == 0
    out = capsys.readouterr().out
    written, _, told = out.partition("\n\nfault ")
    assert "run/findings.json" in written
    assert (
        told.split()
        == (
            f"unscaled-target: {CODES['unscaled-target'].title} (column price) "
            "What was seen, and what to do: run/findings.json"
        ).split()
    )
    findings = read_findings("run")
    assert findings is not None
    assert [each["code"] for each in findings] == ["unscaled-target", "small-validation"]
    open_run("run")

    assert main([*TRAIN, "--force", "--quiet"]) == 0
    assert capsys.readouterr().out == "run\n"
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "<h2>Findings: 1 fault, 1 note</h2>" in page
    assert main(["report", "run", "--out", "again.html"]) == 0
    assert "<h2>Findings: 1 fault, 1 note</h2>" in Path("again.html").read_text(encoding="utf-8")


def test_train_without_faults_says_nothing_of_them(
    houses: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(NetworkEstimator, "diagnosis_", Diagnosis((NOTE,)))
    assert main([*TRAIN, "--no-report"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].strip() == "run/evaluation.nw"
    assert json.loads(Path("run/findings.json").read_text(encoding="utf-8"))["ok"] is True
