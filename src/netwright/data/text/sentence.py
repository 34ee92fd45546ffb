"""`Sentence`: the rows of one sentence of a CoNLL file, read column by column.

A row is a word, except in CoNLL-U, where a row with the id ``3-4`` is a token of several words (French "du", English
"don't") and one with the id ``3.1`` is a word that is understood and not said (an empty node). Such rows are kept
where they stand and are written back; the columns that a sentence gives are those of its words alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_NO_WORD = re.compile(r"\d+[-.]\d+")
_FORBIDDEN = re.compile(r"[\t\n\r]")
Row = tuple[str, ...]


class Sentence:
    """One sentence: ``sentence["form"]`` is the list of its words' forms, and so for each column.

    Parameters
    ----------
    columns : the names of the columns.
    rows : a tuple of texts a row, as long as there are columns; in CoNLL-U with those of tokens and empty nodes.
    comments : lines before the first row, with their ``#``.
    document : the lines that begin a document before the sentence, as ``-DOCSTART- -X- O O``.
    separator : what stands between the cells of a row, a tab or a blank.

    Raises
    ------
    InvalidParameter : a column name twice.
    InvalidData : no rows, or one that is not as wide as there are columns (with its index).

    Examples
    --------
    >>> sentence = Sentence(("form", "tag"), [("Time", "NOUN"), ("flies", "NOUN")])
    >>> sentence["tag"], len(sentence)
    (['NOUN', 'NOUN'], 2)
    >>> sentence.replaced(tag=["NOUN", "VERB"])
    Sentence of 2: Time/NOUN flies/VERB
    """

    __slots__ = ("_words", "columns", "comments", "document", "rows", "separator")

    def __init__(
        self,
        columns: Sequence[str],
        rows: Sequence[Row],
        comments: Sequence[str] = (),
        document: str = "",
        separator: str = "\t",
    ) -> None:
        self.columns = tuple(columns)
        self.rows = tuple(rows)
        self.comments = tuple(comments)
        self.document = document
        self.separator = separator
        if len(set(self.columns)) < len(self.columns):
            raise InvalidParameter(problem("Sentence(columns)", "each name once", shown(self.columns)))
        if not self.rows:
            raise InvalidData(problem("Sentence(rows)", "at least one row", "none"))
        width = len(self.columns)
        if set(map(len, self.rows)) != {width}:
            index = next(index for index, row in enumerate(self.rows) if len(row) != width)
            raise InvalidData(problem(f"Sentence(rows), row {index}", f"{width} cells", shown(self.rows[index])))
        self._words = self._places_of_words()

    @classmethod
    def make(cls, comments: Sequence[str] = (), separator: str = "\t", **columns: Sequence[str]) -> Sentence:
        """A sentence from its columns.

        Parameters
        ----------
        comments, separator : as in `Sentence`.
        **columns : a text a word, by the name of the column.

        Raises
        ------
        InvalidData : columns that are not of one length, a cell that is no text.

        Examples
        --------
        >>> Sentence.make(form=["It", "rains"], upos=["PRON", "VERB"]).rows
        (('It', 'PRON'), ('rains', 'VERB'))
        """
        lengths = {name: len(cells) for name, cells in columns.items()}
        if len(set(lengths.values())) != 1:
            raise InvalidData(problem("Sentence.make", "columns of one length", shown(lengths)))
        for name, cells in columns.items():
            _require_cells(cells, f"Sentence.make({name})", separator)
        return cls(tuple(columns), tuple(zip(*columns.values(), strict=True)), comments, "", separator)

    def __len__(self) -> int:
        """How many words there are."""
        return len(self.rows) if self._words is None else len(self._words)

    def __getitem__(self, column: str) -> list[str]:
        """The cells of a column, one a word."""
        place = self._place(column)
        if self._words is None:
            return [row[place] for row in self.rows]
        return [self.rows[index][place] for index in self._words]

    def __iter__(self) -> Iterator[Row]:
        """The rows of the words."""
        return iter(self.rows if self._words is None else [self.rows[index] for index in self._words])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        tags = [name for name in self.columns if name not in ("id", "form")]
        tag = "upos" if "upos" in tags else (tags or list(self.columns))[-1]
        names = [name for name in dict.fromkeys(("form", tag)) if name in self.columns]
        words = zip(*(self[name] for name in names), strict=True)
        return f"Sentence of {len(self)}: {' '.join('/'.join(word) for word in words)}"

    def __str__(self) -> str:
        """The lines of the sentence, as they stand in a file."""
        return "\n".join([*self.comments, *map(self.separator.join, self.rows)])

    @property
    def notes(self) -> dict[str, str]:
        """What the comments of the form ``# name = text`` say, by name: sent_id, text, and others."""
        pairs = (comment.lstrip("#").partition("=") for comment in self.comments)
        return {name.strip(): text.strip() for name, equals, text in pairs if equals}

    @property
    def tokens(self) -> list[Row]:
        """The rows of CoNLL-U that are no words: tokens of several words, and empty nodes."""
        return [] if self._words is None else [self.rows[i] for i in sorted({*range(len(self.rows))} - {*self._words})]

    def replaced(self, **columns: Sequence[str]) -> Sentence:
        """The same sentence with other cells in some columns; rows that are no words stay as they are.

        Parameters
        ----------
        **columns : a text a word, by the name of the column.

        Raises
        ------
        InvalidParameter : a column that the sentence does not have.
        InvalidData : more or fewer cells than words, or a cell that cannot stand in a file.
        """
        rows = [list(row) for row in self.rows]
        for name, cells in columns.items():
            place, where = self._place(name), f"Sentence.replaced({name})"
            if isinstance(cells, str) or len(cells) != len(self):
                got = shown(cells) if isinstance(cells, str) else str(len(cells))
                raise InvalidData(problem(where, f"{len(self)} texts, one a word", got))
            _require_cells(cells, where, self.separator)
            for index, cell in zip(range(len(rows)) if self._words is None else self._words, cells, strict=True):
                rows[index][place] = str(cell)
        return Sentence(self.columns, list(map(tuple, rows)), self.comments, self.document, self.separator)

    def _place(self, column: str) -> int:
        if column not in self.columns:
            remedy = did_you_mean(str(column), self.columns)
            raise InvalidParameter(problem("Sentence", "the name of a column", shown(column), remedy))
        return self.columns.index(column)

    def _places_of_words(self) -> tuple[int, ...] | None:
        """The rows that are words; None where all are."""
        if "id" not in self.columns:
            return None
        place = self.columns.index("id")
        if "".join([row[place] for row in self.rows]).isdigit():
            return None
        return tuple(index for index, row in enumerate(self.rows) if not _NO_WORD.fullmatch(row[place]))

    def _key(self) -> tuple[Any, ...]:
        return self.columns, self.rows, self.comments, self.document


def _require_cells(cells: Sequence[str], where: str, separator: str) -> None:
    """Raise for a cell that a file could not hold."""
    for position, cell in enumerate(cells):
        if not isinstance(cell, str) or not cell or _FORBIDDEN.search(cell) or (separator == " " and " " in cell):
            expected = "a text without tabs" + (", blanks" if separator == " " else "") + " or ends of line"
            raise InvalidData(problem(f"{where}, position {position}", expected, shown(cell)))


def with_columns(sentences: Any, columns: Mapping[str, Any] | None, where: str) -> list[Sentence]:
    """Sentences with some columns replaced; an error names the sentence by its index."""
    kept = [_require_sentence(each, f"{where}, sentence {index}") for index, each in enumerate(sentences)]
    if not kept:
        raise InvalidData(problem(where, "at least one sentence", "none"))
    for name, cells in (columns or {}).items():
        if len(cells) != len(kept):
            raise InvalidData(problem(f"{where}(columns[{name!r}])", f"{len(kept)} sentences", str(len(cells))))
    out = []
    for index, sentence in enumerate(kept):
        if columns:
            try:
                sentence = sentence.replaced(**{name: cells[index] for name, cells in columns.items()})
            except (InvalidData, InvalidParameter) as error:
                raise type(error)(f"{where}, sentence {index}: {error}") from error
        out.append(sentence)
    return out


def _require_sentence(sentence: Any, where: str) -> Sentence:
    if not isinstance(sentence, Sentence):
        raise InvalidData(problem(where, "a Sentence", shown(sentence), "Make one with Sentence.make(form=...)."))
    return sentence
