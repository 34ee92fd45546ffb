"""Where data sets are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.core.errors import InvalidData
from netwright.data import cache_folder, data_folders, find_data


@pytest.fixture
def homes(tmp_path, monkeypatch):
    named, cache = tmp_path / "named", tmp_path / "cache"
    monkeypatch.setenv("NETWRIGHT_DATA", str(named))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for folder in (named, cache / "netwright"):
        folder.mkdir(parents=True)
    return named, cache / "netwright"


def test_the_named_folder_comes_before_the_cache(homes):
    named, cache = homes
    (cache / "a.csv").write_text("cache")
    assert find_data("a.csv") == cache / "a.csv"
    (named / "a.csv").write_text("named")
    assert find_data("a.csv") == named / "a.csv"


def test_without_variables_only_the_home_cache(monkeypatch):
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert data_folders() == [Path.home() / ".cache" / "netwright"] == [cache_folder()]


def test_the_error_says_where_it_looked_and_what_to_do(homes):
    named, cache = homes
    with pytest.raises(InvalidData, match=r"Set the environment variable NETWRIGHT_DATA.*Or read a book") as caught:
        find_data("b/c.csv", "Or read a book.")
    assert str(named / "b") in str(caught.value)
    assert str(cache / "b") in str(caught.value)
