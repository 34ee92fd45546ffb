"""What the command line reads as sequences: sentences of CoNLL and CoNLL-U, and texts in a column of a table."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netwright.core.errors import InvalidData, did_you_mean, problem
from netwright.data import read_conll, read_conllu, read_table
from netwright.data.text.blocks import read_blocks
from netwright.data.text.sentence import Sentence

CONLL = (".conllu", ".conll", ".iob", ".bio")


@dataclass(frozen=True)
class Corpus:
    """Sequences and their targets.

    Parameters
    ----------
    X : lists of tokens, or texts. y : lists of tags, or labels. sentences : where they come from CoNLL, else empty.
    suffix : ".conllu", ".conll" or ".csv", what predictions are written as.
    """

    X: list[Any]
    y: list[Any]
    sentences: list[Sentence]
    suffix: str

    @property
    def is_tagged(self) -> bool:
        """Whether these are sentences with a tag for each token, and not texts with a label."""
        return self.suffix != ".csv"

    def take(self, rows: Sequence[int]) -> Corpus:
        """Some of them."""
        X, y, sentences = ([part[row] for row in rows] if part else [] for part in (self.X, self.y, self.sentences))
        return Corpus(X, y, sentences, self.suffix)


def suffix_of(data: str) -> str:
    """The suffix of a file, that of the packed one where it ends in .gz.

    Examples
    --------
    >>> suffix_of("en.conllu.gz"), suffix_of("texts.csv")
    ('.conllu', '.csv')
    """
    path = Path(data)
    return (Path(path.stem) if path.suffix == ".gz" else path).suffix.lower()


def read(options: Namespace) -> tuple[Corpus, str]:
    """The sequences and the name of the target.

    Parameters
    ----------
    options : of the command line.

    Raises
    ------
    InvalidData : a file that is none, a column that it does not have, missing texts or tags.
    """
    if options.text is not None:
        table = read_table(options.data)
        target = options.target or "label"
        for name in (options.text, target):
            if name not in table:
                remedy = did_you_mean(name, table)
                raise InvalidData(problem(f"data {options.data!r}", f"a column {name!r}", ", ".join(table), remedy))
        kept = [(text_of(text), label) for text, label in zip(table[options.text], table[target], strict=True)]
        known = [(text, label) for text, label in kept if label is not None and label == label]
        return Corpus([text for text, _ in known], [label for _, label in known], [], ".csv"), target
    sentences = sentences_of(options.data)
    columns = sentences[0].columns
    target = options.target or ("upos" if "upos" in columns else columns[-1])
    if target not in columns:
        remedy = did_you_mean(target, columns)
        raise InvalidData(problem(f"data {options.data!r}", f"a column {target!r}", ", ".join(columns), remedy))
    tags = [[None if tag == "_" else tag for tag in each[target]] for each in sentences]
    suffix = ".conllu" if columns[0] == "id" else ".conll"
    return Corpus([each["form"] for each in sentences], tags, sentences, suffix), target


def sentences_of(data: str) -> list[Sentence]:
    """The sentences of a CoNLL-U or CoNLL file; the columns of the latter are form, column2, ..., tag.

    Parameters
    ----------
    data : the file's name.

    Raises
    ------
    InvalidData : what the readers refuse.
    """
    if suffix_of(data) == ".conllu":
        return read_conllu(data)
    _, lines = next(iter(read_blocks(data, f"data {data!r}", "utf-8")), (0, ["form tag"]))
    row = next((line for line in lines if not line.startswith(("-DOCSTART-", "#"))), lines[0])
    width = len(row.split("\t") if "\t" in row else row.split())
    if width < 2:
        expected = "rows of at least a token and its tag"
        raise InvalidData(problem(f"data {data!r}", expected, f"{row!r}", "A sentence ends with an empty line."))
    middle = tuple(f"column{number}" for number in range(2, width))
    return read_conll(data, ("form", *middle, "tag"))


def text_of(item: Any) -> str:
    """A cell as a text; a missing one is empty.

    Examples
    --------
    >>> text_of("a film"), text_of(float("nan"))
    ('a film', '')
    """
    return "" if item is None or item != item else str(item)
