"""The files speak of the library alone: no paths of one machine, no registry hosts, no notes to self, no praise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# Each word has one letter in brackets, so that this file does not say it.
MACHINE_PATHS = ["/[o]pt/", "/[w]ork/", "/[h]ome/", "/[r]oot/"]
HOSTS = ["pyp[i].org", "pythonho[s]ted.org", "download.pyt[o]rch.org", "anac[o]nda.org"]
NOTES = ["T[O]DO", "F[I]XME", "X[X]X"]
PRAISE = ["bl[a]zing", "s[e]amless", "cutting-[e]dge", "[e]ffortless", "world-[c]lass", "state-of-the-[a]rt"]
NEIGHBOUR = "[.]./shared"
MAY_NAME_NEIGHBOUR = {".ci/run", "CONTRIBUTING.md"}


def found(words: list[str], text: str) -> list[str]:
    """The words that stand in a text and do not begin in the middle of another one."""
    return [word for word in words if re.search(rf"(?<![\w.]){word}", text)]


def test_text_speaks_of_the_library_alone(text_file: Path, root: Path) -> None:
    text = text_file.read_text(encoding="utf-8")
    assert not found(MACHINE_PATHS, text), "an absolute path of one machine"
    assert not found(HOSTS, text), "the host of a package registry"
    assert not found(NOTES, text), "a note to self: do it, or open an issue"
    assert not found(PRAISE, text.lower()), "praise: give the figure instead"
    if str(text_file.relative_to(root)) not in MAY_NAME_NEIGHBOUR:
        assert not found([NEIGHBOUR], text), "a folder outside of the repository; name it by NETWRIGHT_DATA"


@pytest.mark.parametrize("word", [*MACHINE_PATHS, *HOSTS, *NOTES, *PRAISE, NEIGHBOUR])
def test_the_search_finds_the_word(word: str) -> None:
    plain = word.replace("[", "").replace("]", "")
    assert found([word], f"see {plain}x") == [word]
    assert not found([word], f"see a{plain}")
