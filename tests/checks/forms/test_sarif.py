"""The SARIF form against the essentials of the schema of SARIF 2.1.0, written out by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from netwright import __version__
from netwright.checks import CODES, Diagnosis, Finding, Where
from netwright.checks.diagnosis import plain
from netwright.checks.forms.sarif import sarif

# The properties that the schema knows of each object; none of them allows others.
LOG = {"$schema", "version", "runs"}
RUN = {"tool", "results", "columnKind"}
DRIVER = {"name", "version", "semanticVersion", "rules"}
RULE = {"id", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"}
RESULT = {"ruleId", "ruleIndex", "level", "message", "locations", "relatedLocations", "properties"}
LOCATION = {"id", "message", "physicalLocation", "logicalLocations"}
LOGICAL = {"name", "fullyQualifiedName", "kind"}
LEVELS = {"none", "note", "warning", "error"}


def require_valid(log: dict[str, Any]) -> None:
    assert set(log) == LOG
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    [run] = log["runs"]
    assert set(run) == RUN
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = run["tool"]["driver"]
    assert set(run["tool"]) == {"driver"}
    assert set(driver) == DRIVER
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9a-z.]+)?", driver["semanticVersion"])
    for rule in driver["rules"]:
        assert set(rule) <= RULE
        assert set(rule["defaultConfiguration"]) == {"level"}
        assert rule["defaultConfiguration"]["level"] in LEVELS
        require_message(rule["shortDescription"])
        require_message(rule["fullDescription"])
        require_message(rule["help"])
    names = [rule["id"] for rule in driver["rules"]]
    assert len(set(names)) == len(names)
    for result in run["results"]:
        assert set(result) <= RESULT
        assert names[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in LEVELS
        require_message(result["message"])
        for location in result.get("locations", []):
            require_location(location)
        related = result.get("relatedLocations", [])
        assert [each["id"] for each in related] == list(range(1, len(related) + 1))
        for location in related:
            require_location(location)
            require_message(location["message"])


def require_message(message: dict[str, Any]) -> None:
    """A text, in which a single brace would begin a placeholder and a bracket before a parenthesis a link."""
    assert set(message) == {"text"}
    assert message["text"]
    assert not re.search(r"[{}]", message["text"].replace("{{", "").replace("}}", ""))
    assert "](" not in message["text"]


def require_location(location: dict[str, Any]) -> None:
    assert location
    assert set(location) <= LOCATION
    for logical in location.get("logicalLocations", []):
        assert set(logical) <= LOGICAL
        assert all(isinstance(part, str) and part for part in logical.values())
    if "physicalLocation" in location:
        physical = location["physicalLocation"]
        assert set(physical) <= {"artifactLocation", "region"}
        assert set(physical["artifactLocation"]) == {"uri"}
        assert re.fullmatch(r"[\w.~!$&'()*+,;=:@/%-]+", physical["artifactLocation"]["uri"], flags=re.ASCII)
        assert physical.get("region", {"startLine": 1})["startLine"] >= 1


def where(place: Where, artifact: str | None = None) -> dict[str, Any]:
    """The location of a finding there."""
    log = sarif(Diagnosis((Finding("collapse", "note", "a", "b", "C.", where=place),)), artifact)
    require_valid(log)
    locations = log["runs"][0]["results"][0].get("locations", [{}])
    return dict(locations[0])


def test_a_diagnosis(diagnosis: Diagnosis) -> None:
    log = sarif(diagnosis)
    require_valid(log)
    assert json.loads(json.dumps(plain(log))) == json.loads(diagnosis.to_sarif())
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("netwright", __version__)
    assert [rule["id"] for rule in driver["rules"]] == ["double-softmax", "non-finite-data", "unscaled-input"]
    assert [rule["defaultConfiguration"]["level"] for rule in driver["rules"]] == ["error", "error", "note"]
    first, second, third = run["results"]
    assert [each["level"] for each in (first, second, third)] == ["error", "error", "note"]
    assert first["message"]["text"].startswith("the loss applies a softmax to a probability; expected logits")
    assert first["message"]["text"].endswith(" Hence underfitting: 61 % are right.")
    assert first["properties"]["remedy"] == {"object": "module", "argument": "remove", "value": "3"}
    assert first["properties"]["evidence"]["lowest"] == 0.0
    assert [each["code"] for each in first["properties"]["consequences"]] == ["vanishing-gradient", "underfitting"]
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "train.py"},
        "region": {"startLine": 14},
    }
    assert first["locations"][0]["logicalLocations"] == [
        {"name": "3", "fullyQualifiedName": "layer 3", "kind": "layer"}
    ]
    [related] = first["relatedLocations"]
    assert related["logicalLocations"][0]["name"] == "0.weight"
    assert related["message"]["text"] == "vanishing-gradient: The gradient is 3e-06."
    assert second["properties"]["stage"] == "data"
    assert [each["kind"] for each in second["locations"][0]["logicalLocations"]] == ["column", "row"]


def test_rows_are_related_locations(suspects: Finding, shared: Finding) -> None:
    found = Diagnosis((suspects, shared))
    log = json.loads(found.to_sarif())
    require_valid(log)
    many, few = log["runs"][0]["results"]
    assert len(few["relatedLocations"]) == 15
    second = few["relatedLocations"][1]
    assert second["message"]["text"] == "row 101, given 3, suggested 4, probability 0.75"
    assert second["logicalLocations"] == [{"name": "101", "fullyQualifiedName": "row 101", "kind": "row"}]
    assert few["properties"]["evidence"]["rows"] == list(range(100, 115))
    assert len(many["relatedLocations"]) == 100
    assert len(many["properties"]["remedy"]["value"]) == 1200
    [told] = [each for each in json.loads(found.to_json())["findings"] if each["code"] == "noisy-labels"]
    assert told["evidence"]["rows"] == list(range(100, 115))
    assert told["evidence"]["probability"][1] == 0.75


def test_a_rule_says_what_it_is_and_who_described_it(diagnosis: Diagnosis) -> None:
    rule = sarif(diagnosis)["runs"][0]["tool"]["driver"]["rules"][0]
    assert rule["help"]["text"].startswith("Softmax or sigmoid applied twice. The loss applies it again")
    assert rule["help"]["text"].endswith("Described in Karpathy 2019.")


def test_nothing_found() -> None:
    log = sarif(Diagnosis())
    require_valid(log)
    assert log["runs"][0]["results"] == log["runs"][0]["tool"]["driver"]["rules"] == []


def test_hostile_texts(hostile: Diagnosis) -> None:
    require_valid(sarif(hostile))
    require_valid(json.loads(hostile.to_sarif()))


@pytest.mark.parametrize("level", ["fault", "note"])
def test_every_code_makes_a_rule(level: str) -> None:
    log = sarif(Diagnosis(tuple(Finding(code, level, "a", "b", "C.") for code in CODES)))
    require_valid(log)
    assert len(log["runs"][0]["tool"]["driver"]["rules"]) == len(CODES)


def test_the_rule_of_a_code_found_twice_has_the_higher_level() -> None:
    found = [Finding("capacity", level, "a", "b", "C.") for level in ("note", "fault")]
    log = sarif(Diagnosis(tuple(found)))
    require_valid(log)
    [rule] = log["runs"][0]["tool"]["driver"]["rules"]
    assert rule["defaultConfiguration"]["level"] == "error"
    assert [each["level"] for each in log["runs"][0]["results"]] == ["error", "note"]


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def uri(place: Where, artifact: str | None = None) -> str:
        return str(where(place, artifact)["physicalLocation"]["artifactLocation"]["uri"])

    assert uri(Where(line="my train.py:3")) == "my%20train.py"
    assert uri(Where(line=f"{tmp_path / 'src' / 'a.py'}:3")) == "src/a.py", "no path of the machine"
    outside = tmp_path.parent / "b.py"
    assert urlparse(uri(Where(line=f"{outside}:3"))).path.endswith("/b.py")
    assert uri(Where(line=f"{outside}:3")).startswith("file:///")
    assert where(Where()) == where(Where(line="<stdin>:3")) == where(Where(line="a.py")) == {}
    assert uri(Where(column="a"), "data/wine.csv") == "data/wine.csv"
    assert uri(Where(line="a.py:1"), "data/wine.csv") == "a.py"
    assert where(Where(step=0))["logicalLocations"][0]["name"] == "0"
