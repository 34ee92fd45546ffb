"""The section of a report about what the checks of a run found: of an estimator, of a folder, of damaged files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.checks import Diagnosis, Finding, Remedy, Signal
from netwright.core.errors import CorruptFile
from netwright.report import write_report
from netwright.report.sections import findings_section
from netwright.report.stored import read_findings

FOUND = Diagnosis(
    (
        Finding(
            "dead-units",
            "fault",
            "<i>9</i> of 16 units are off",
            "less than half",
            "Lower the rate.",
            remedy=Remedy("optimizer", "lr", 0.001),
            consequences=(Finding("capacity", "note", "too few are left", "more", "Widen it."),),
        ),
    )
)


def stored(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "findings.json").write_text(text, encoding="utf-8")
    return folder


def test_the_section() -> None:
    made = findings_section(FOUND.to_dict()["findings"])
    assert "<h2>Findings: 1 fault</h2>" in made
    assert "&lt;i&gt;9&lt;/i&gt; of 16 units" in made
    assert "optimizer: lr = 0.001" in made
    assert "Too few are left." in made
    assert "found nothing" in findings_section([])


@pytest.mark.slow
def test_of_an_estimator(classifier: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def page() -> str:
        write_report(classifier, tmp_path / "report.html")
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    monkeypatch.setattr(type(classifier), "diagnosis_", FOUND)
    text = page()
    assert text.index("<h2>Findings: 1 fault</h2>") < text.index("<h2>Network</h2>")
    assert text.count("<section>") == text.count("</section>")
    assert "://" not in text
    monkeypatch.setattr(type(classifier), "diagnosis_", Diagnosis((), {"rate": Signal(0.1, 1.0, "lr-too-high")}))
    assert "The checks of this run found nothing" in page()
    monkeypatch.setattr(type(classifier), "diagnosis_", Diagnosis())
    assert "<h2>Findings" not in page()


@pytest.mark.slow
def test_a_loaded_estimator_has_no_section(classifier: Any, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model.nw")
    write_report(nw.load(tmp_path / "model.nw"), tmp_path / "report.html")
    assert "<h2>Findings" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_findings_of_a_folder(tmp_path: Path) -> None:
    assert read_findings(tmp_path) is None
    found = read_findings(stored(tmp_path, FOUND.to_json()))
    assert found is not None
    assert findings_section(found) == findings_section(FOUND.to_dict()["findings"])
    later = json.loads(FOUND.to_json())
    later["findings"][0]["code"] = "a-code-of-a-later-version"
    found = read_findings(stored(tmp_path, json.dumps(later)))
    assert found is not None
    assert "a-code-of-a-later-version" in findings_section(found)


@pytest.mark.parametrize("name", ["code", "why", "evidence", "where", "remedy", "consequences", "do"])
@pytest.mark.parametrize("item", [..., 3, ["object", "argument", "value"]])
def test_damaged_findings(name: str, item: Any, tmp_path: Path) -> None:
    content = json.loads(FOUND.to_json())
    for place in (content["findings"][0], content["findings"][0]["consequences"][0]):
        kept = place.pop(name)
        if item is not ...:
            place[name] = item
        with pytest.raises(CorruptFile, match=r"expected findings as `netwright train` wrote them, got .* Train again"):
            read_findings(stored(tmp_path, json.dumps(content)))
        place[name] = kept
    assert read_findings(stored(tmp_path, json.dumps(content)))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"findings": 3}', '{"findings": [3]}', "[" * 100_000])
def test_files_that_hold_no_findings(text: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptFile, match=r"findings\.json"):
        read_findings(stored(tmp_path, text))
