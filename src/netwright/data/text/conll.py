"""CoNLL files: a word a line, its columns between tabs or blanks, a blank line behind each sentence.

`read_conll` and `write_conll` are for the files of the shared tasks on chunks and names (2000, 2002, 2003), whose
columns have no fixed names; `read_conllu` and `write_conllu` for CoNLL-U, the format of Universal Dependencies::

    # sent_id = 1                      comments
    # text = I haven't a clue.
    1     I        I      PRON ...     ten columns: id form lemma upos xpos feats head deprel deps misc
    2-3   haven't  _      _    ...     a token of several words
    2     have     have   VERB ...
    3     not      not    PART ...
    8.1   reported report VERB ...     an empty node, behind word 8

A file that is read and written again has the same bytes, if it is well-formed: LF at the ends of lines, no byte order
mark, one tab or one blank between columns, one blank line behind each sentence.

References
----------
Nivre et al., *Universal Dependencies v2*, 2020. Tjong Kim Sang, De Meulder, *Introduction to the CoNLL-2003 shared
task*, 2003.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.core.validation import check, nothing, satisfies
from netwright.data.text.blocks import PathLike, read_blocks, write_blocks
from netwright.data.text.sentence import CONLLU, Row, Sentence, with_columns

DOCUMENT = "-DOCSTART-"
COUNT = tuple(map(str, range(1, 1001)))  # the ids of words in nearly every sentence
_mark = satisfies("a text that begins a comment", lambda value: isinstance(value, str) and value.strip() != "")
Cells = Mapping[str, Sequence[Sequence[str]]]


def read_conll(
    path: PathLike,
    columns: Sequence[str] = ("form", "tag"),
    *,
    comment: str | None = None,
    encoding: str = "utf-8",
) -> list[Sentence]:
    """The sentences of a CoNLL file with columns between tabs, or between blanks.

    Parameters
    ----------
    path : the file, plain or packed with gzip; if its first row has a tab, columns are between single tabs.
    columns : a name for each column of the file, as ("form", "pos", "chunk", "ner") for CoNLL-2003.
    comment : what a line of comment begins with, as "#"; None: there are none. They stand before a sentence.
    encoding : of the file, as "utf-8" or "latin-1".

    Raises
    ------
    InvalidData : no file or an empty one, a line with more or fewer columns, bytes that are no text (with the line).
    InvalidParameter : an option that cannot be.
    CorruptFile : a damaged gzip file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "names.conll"
    >>> _ = file.write_text("EU B-ORG\\nrejects O\\n\\nPeter B-PER\\n")
    >>> [(each["form"], each["tag"]) for each in read_conll(file)]
    [(['EU', 'rejects'], ['B-ORG', 'O']), (['Peter'], ['B-PER'])]
    """
    where = f"read_conll({os.fspath(path)!r})"
    names = _checked_columns(columns, where)
    check(f"{where}: comment", comment, _mark | nothing)
    sentences: list[Sentence] = []
    document: list[str] = []
    memo: dict[str, str] = {}
    separator = ""
    for number, lines in read_blocks(path, where, encoding):
        first = 0
        while first < len(lines) and _before_rows(lines[first], comment):
            first += 1
        if lines[0].startswith(DOCUMENT) or first == len(lines):  # a document begins, or a note that stands alone
            document += ["\n".join(lines[:first])]
            number, lines, first = number + first, lines[first:], 0
        if not lines:
            continue
        separator = separator or ("\t" if "\t" in lines[first] else " ")
        rows = _rows(lines[first:], separator, memo)
        _require_widths(rows, names, where, number + first)
        _require_no_comment(lines[first:], comment, where, number + first)
        sentences.append(Sentence(names, rows, lines[:first], "\n\n".join(document), separator))
        document = []
    if not sentences:
        raise InvalidData(problem(where, "at least one sentence", "a file without words"))
    return sentences


def read_conllu(path: PathLike, *, encoding: str = "utf-8") -> list[Sentence]:
    """The sentences of a CoNLL-U file.

    Parameters
    ----------
    path : the file, plain or packed with gzip.
    encoding : of the file.

    Raises
    ------
    InvalidData : no file or an empty one, a line without ten columns, ids that do not count up, bytes that are no text
        (with the line).
    InvalidParameter : no such encoding.
    CorruptFile : a damaged gzip file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.conllu"
    >>> write_conllu(file, [Sentence.make(form=["It", "rains"], upos=["PRON", "VERB"])])
    >>> read_conllu(file)
    [Sentence of 2: It/PRON rains/VERB]

    References
    ----------
    Nivre et al., *Universal Dependencies v2*, 2020.
    """
    where = f"read_conllu({os.fspath(path)!r})"
    sentences: list[Sentence] = []
    memo: dict[str, str] = {}
    for number, lines in read_blocks(path, where, encoding):
        first = 0
        while first < len(lines) and lines[first][0] == "#":
            first += 1
        if first == len(lines):
            got = "comments alone"
            raise InvalidData(problem(f"{where}, line {number}", "a sentence with at least one word", got))
        rows = _rows(lines[first:], "\t", memo)
        _require_widths(rows, CONLLU, where, number + first)
        if tuple(row[0] for row in rows) != COUNT[: len(rows)]:
            _require_ids(rows, where, number + first)
        sentences.append(Sentence(CONLLU, rows, lines[:first]))
    return sentences


def write_conll(
    path: PathLike,
    sentences: Iterable[Sentence],
    columns: Cells | None = None,
    *,
    encoding: str = "utf-8",
) -> None:
    """Write sentences with the columns that they have, each between its own separators.

    Parameters
    ----------
    path : the file; packed with gzip where its name ends in .gz.
    sentences : as `read_conll` gives them, or made by `Sentence.make`.
    columns : what takes the place of a column: a list of texts a sentence, by the column's name.
    encoding : of the file.

    Raises
    ------
    InvalidData : no sentence, or cells that do not fit the sentence (with its index).
    InvalidParameter : a column that is not there.
    OSError : the file cannot be written.
    """
    where = f"write_conll({os.fspath(path)!r})"
    kept = with_columns(sentences, columns, where)
    documents = (f"{each.document}\n\n" if each.document else "" for each in kept)
    write_blocks(path, (f"{before}{each}" for before, each in zip(documents, kept, strict=True)), where, encoding)


def write_conllu(
    path: PathLike,
    sentences: Iterable[Sentence],
    columns: Cells | None = None,
    *,
    encoding: str = "utf-8",
) -> None:
    """Write sentences as CoNLL-U; all but the columns that are replaced stays as it was read.

    Parameters
    ----------
    path : the file; packed with gzip where its name ends in .gz.
    sentences : as `read_conllu` gives them; of others, columns that they lack are ``_``, and words are counted.
    columns : what takes the place of a column: a list of texts a sentence, by the column's name.
    encoding : of the file.

    Raises
    ------
    InvalidData : no sentence, or cells that do not fit the sentence (with its index).
    InvalidParameter : a column that CoNLL-U does not have.
    OSError : the file cannot be written.
    """
    where = f"write_conllu({os.fspath(path)!r})"
    whole = with_columns(sentences, None, where)
    filled = [_as_conllu(each, f"{where}, sentence {index}") for index, each in enumerate(whole)]
    write_blocks(path, map(str, with_columns(filled, columns, where)), where, encoding)


def _checked_columns(columns: Sequence[str], where: str) -> Row:
    names = () if isinstance(columns, str) else tuple(columns)
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        expected = "a name for each column, each name once"
        raise InvalidParameter(problem(f"{where}: columns", expected, shown(columns), 'As in ("form", "tag").'))
    return names


def _before_rows(line: str, comment: str | None) -> bool:
    """Whether a line stands before the rows of its sentence."""
    return line.startswith(DOCUMENT) or (comment is not None and line.startswith(comment))


def _rows(lines: list[str], separator: str, memo: dict[str, str]) -> list[Row]:
    """The cells of lines; texts that are equal are one object, which takes a third of the memory."""
    share = memo.setdefault
    if separator == "\t":
        split = [line.split("\t") for line in lines]
    else:
        split = [[cell for cell in line.split(" ") if cell] for line in lines]
    return [tuple(map(share, cells, cells)) for cells in split]


def _require_widths(rows: list[Row], names: Row, where: str, number: int) -> None:
    """Raise for the first row that has other columns than the names, or an empty cell."""
    if set(map(len, rows)) == {len(names)} and not any("" in row for row in rows):
        return
    for line, row in enumerate(rows, start=number):
        if len(row) != len(names):
            expected = f"{len(names)} columns ({', '.join(names)})"
            remedy = _advice(row, names)
            raise InvalidData(problem(f"{where}, line {line}", expected, str(len(row)), remedy))
        if "" in row:
            expected = f"a text in column {names[row.index('')]!r}"
            raise InvalidData(problem(f"{where}, line {line}", expected, "an empty cell", "Write _ for none."))


def _advice(row: Row, names: Row) -> str:
    """What may be wrong with a row of another width."""
    if names != CONLLU:
        return "Are the columns between blanks, and not tabs?" if len(row) == 1 else "Name all of them by columns=."
    comment = row[0].startswith("#")
    return "Comments stand before the first word." if comment else "CoNLL-U has tabs between ten columns."


def _require_no_comment(lines: list[str], comment: str | None, where: str, number: int) -> None:
    if comment is None:
        return
    for line, text in enumerate(lines, start=number):
        if text.startswith(comment):
            remedy = f"If {comment!r} begins a word here, read it with comment=None."
            raise InvalidData(problem(f"{where}, line {line}", "comments before the first word", shown(text), remedy))


def _require_ids(rows: list[Row], where: str, number: int) -> None:
    """Raise for the first id that does not count up: words 1, 2, ..., tokens a-b before word a, empty nodes i.j."""
    word = empty = covered = 0  # the last word, the last empty node behind it, the last word of a token
    for line, row in enumerate(rows, start=number):
        allowed = {str(word + 1): (word + 1, 0, covered), f"{word}.{empty + 1}": (word, empty + 1, covered)}
        first, dash, last = row[0].partition("-")
        if dash and first == str(word + 1) and covered <= word and _is_number(last) and int(last) > word + 1:
            allowed[row[0]] = (word, empty, int(last))
        if row[0] not in allowed:
            expected = f"the id {word + 1} of the next word, or {word}.{empty + 1}, or {word + 1}-..."
            raise InvalidData(problem(f"{where}, line {line}", expected, repr(row[0]), "Is a blank line missing?"))
        word, empty, covered = allowed[row[0]]
    if covered > word or not word:
        got = f"{word} words"
        raise InvalidData(problem(f"{where}, line {number}", f"at least {max(covered, 1)} words in the sentence", got))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and text[0] != "0"


def _as_conllu(sentence: Sentence, where: str) -> Sentence:
    """A sentence with the ten columns."""
    if sentence.columns == CONLLU:
        return sentence
    for name in sentence.columns:
        if name not in CONLLU:
            remedy = did_you_mean(name, CONLLU)
            raise InvalidParameter(problem(where, "columns of CoNLL-U", repr(name), remedy))
    places = [sentence.columns.index(name) if name in sentence.columns else None for name in CONLLU]
    rows = [tuple("_" if place is None else row[place] for place in places) for row in sentence.rows]
    if "id" not in sentence.columns:
        rows = [(str(number), *row[1:]) for number, row in enumerate(rows, start=1)]
    return Sentence(CONLLU, rows, sentence.comments)
