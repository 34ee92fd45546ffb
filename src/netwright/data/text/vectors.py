"""Word vectors in files: `read_vectors` reads them, `fill` puts them where a vocabulary has its words.

Three forms of file are told apart by their first lines, plain or packed with gzip::

    word2vec, text      "400000 300", then a line a word: the word and 300 numbers between blanks
    GloVe               the same without the first line
    word2vec, binary    "400000 300", then a word, a blank and 300 little-endian float32, for each word

A file is gone through once; what is not wanted is never kept. In a text file a word may have blanks in it (some of
GloVe's of 840 thousand million words have): the numbers are the last ones of the line. Bytes that are no UTF-8 become
U+FFFD.

Words without a vector are drawn uniformly from [-a, a] with a such that their variance is that of the others
(Kim 2014)::

    a^2 / 3 = var(v)      var: of all components of the vectors that the vocabulary has in the file

References
----------
Mikolov et al., *Distributed representations of words and phrases and their compositionality*, 2013. Pennington,
Socher, Manning, *GloVe: global vectors for word representation*, 2014. Kim, *Convolutional neural networks for
sentence classification*, 2014.
"""

from __future__ import annotations

import gzip
import os
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.core.arrays import require_finite
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import check, integer, nothing, number
from netwright.data.text.blocks import GZIP, PathLike
from netwright.data.text.vocabulary import Vocabulary

SAMPLE = 1 << 20  # bytes from which the form of a file is told
CHUNK = 1 << 20  # bytes that are read at once
BOM = b"\xef\xbb\xbf"
Entry = tuple[int, bytes, bytes | str]  # number of the line or vector, word, its numbers: in binary or as text
_NO_TEXT = re.compile(rb"[^\t\n\r -~]")
_positive = number(0, closed="neither")


def read_vectors(
    path: PathLike,
    vocabulary: Vocabulary | Iterable[str] | None = None,
    most: int | None = None,
) -> tuple[list[str], NDArray[np.float32]]:
    """The words of a file and their vectors, a row a word, in the order of the file.

    Parameters
    ----------
    path : a file of word2vec, text or binary, or of GloVe; plain or packed with gzip.
    vocabulary : the words that are wanted, as they stand in the file; None for all.
    most : how many of the file's vectors are looked at, the first ones, >= 1; None for all.

    Shapes
    ------
    k words -> a list of k texts, (k, components) float32

    Raises
    ------
    InvalidData : no file, no vectors, a line with another number of components, or one that is no finite number.
    CorruptFile : a file that is cut, or has other than the number of vectors that its first line says.
    InvalidParameter : an option that cannot be.

    Notes
    -----
    Of a word that comes twice the first vector is kept, with a ``UserWarning``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "vectors.txt"
    >>> _ = file.write_text("the 0.5 1\\ncat -1 2\\n")
    >>> read_vectors(file, vocabulary=["cat", "dog"])
    (['cat'], array([[-1.,  2.]], dtype=float32))
    """
    where = f"read_vectors({os.fspath(path)!r})"
    check(f"{where}: most", most, integer(1) | nothing)
    wanted = _wanted(vocabulary, where)
    if not Path(path).is_file():
        raise InvalidData(problem(where, "a file", "a folder" if Path(path).is_dir() else "no file of that name"))
    with open(path, "rb") as plain:
        packed = plain.read(2) == GZIP
        plain.seek(0)
        stream: Any = gzip.GzipFile(fileobj=plain) if packed else plain
        try:
            size, entries = _entries(stream, wanted, most, where)
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # of NumPy, where a number cannot be read
                words, matrix, twice = _collect(entries, size, where)
        except (EOFError, OSError, zlib.error) as error:
            if not packed:
                raise
            raise CorruptFile(problem(where, "a gzip file that is whole", str(error), "Get the file again.")) from error
    if twice:
        word, times = twice.most_common(1)[0]
        got = f"{len(twice)} that come more than once, as {word!r}, {times + 1} times"
        text = problem(where, "each word once", got, "The first vector of each is kept.")
        warnings.warn(text, UserWarning, stacklevel=2)
    return words, matrix


def fill(
    vocabulary: Vocabulary,
    words: Sequence[str],
    matrix: ArrayLike,
    scale: float | None = None,
    random_state: Any = None,
) -> tuple[NDArray[np.float32], float]:
    """A vector for each number of a vocabulary, and the share of its symbols that have one of their own.

    Symbols without one, and unknown, are drawn uniformly from [-a, a], a = sqrt(3 var); padding is 0.

    Parameters
    ----------
    vocabulary : of n numbers.
    words : those that have vectors, each once, as `read_vectors` gives them.
    matrix : their vectors, a row a word.
    scale : a, > 0; None: such that the variance is that of the vectors in use.
    random_state : None, an integer >= 0, a ``RandomState`` or a ``Generator``.

    Shapes
    ------
    k words, (k, components) -> (n, components) float32, a share in [0, 1]

    Raises
    ------
    InvalidData : vectors that are not a row a word, or not finite; no word of the vocabulary, where scale is None.
    InvalidParameter : a scale out of its range.

    Examples
    --------
    >>> vocabulary = Vocabulary(["the", "dog"])
    >>> vectors, share = fill(vocabulary, ["cat", "the"], [[1, 2], [3, 4]], random_state=0)
    >>> vectors[[0, 2]].tolist(), share
    ([[0.0, 0.0], [3.0, 4.0]], 0.5)

    References
    ----------
    Kim, *Convolutional neural networks for sentence classification*, 2014.
    """
    check("fill(scale)", scale, _positive | nothing)
    vectors = np.asarray(matrix, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(words):
        raise InvalidData(problem("fill(matrix)", f"{len(words)} rows, one a word", f"shape {vectors.shape}"))
    require_finite(vectors, "matrix")
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) < len(words):
        word = Counter(words).most_common(1)[0][0]
        raise InvalidData(problem("fill(words)", "each word once", f"{shown(word)} more often"))
    known = [(vocabulary.index(word), rows[word]) for word in vocabulary.symbols if word in rows]
    places, sources = np.array(known, dtype=np.int64).reshape(-1, 2).T
    if scale is None:
        if not known:
            remedy = "Give scale=, or vectors of these words: is one of the two in small letters?"
            raise InvalidData(problem("fill(words)", "a word of the vocabulary", f"none in {len(words)}", remedy))
        scale = float(np.sqrt(3 * vectors[sources].var(dtype=np.float64)))
    draw = np.random.default_rng(derive(to_seed(random_state), "vectors"))
    out = draw.uniform(-scale, scale, size=(len(vocabulary), vectors.shape[1])).astype(np.float32)
    out[places] = vectors[sources]
    if vocabulary.padding_index is not None:
        out[vocabulary.padding_index] = 0
    return out, len(known) / max(len(vocabulary.symbols), 1)


def _wanted(vocabulary: Any, where: str) -> frozenset[bytes] | None:
    """The words that are wanted, as bytes; None for all."""
    if vocabulary is None:
        return None
    if isinstance(vocabulary, str):
        raise InvalidParameter(problem(f"{where}: vocabulary", "a Vocabulary or words", shown(vocabulary)))
    words = vocabulary.symbols if isinstance(vocabulary, Vocabulary) else vocabulary
    return frozenset(str(word).encode("utf-8", "surrogatepass") for word in words)


def _entries(
    stream: IO[bytes], wanted: frozenset[bytes] | None, most: int | None, where: str
) -> tuple[int, Iterator[Entry]]:
    """The number of components, and the wanted ones of the first vectors of a file, whichever its form."""
    sample = stream.read(SAMPLE)
    stream.seek(0)
    head, _, body = sample.removeprefix(BOM).partition(b"\n")
    count, size = _header(head)
    if count is not None and _is_binary(body, size):
        return size, _binary(stream, min(count, most or count), size, wanted, where)
    if count is None:
        size = _usual_width(sample.removeprefix(BOM))
    if size < 1 or count == 0:
        raise InvalidData(problem(where, "a word and its numbers on each line", "a file without vectors"))
    return size, _text(_numbered_lines(stream, count is not None), (count, most), size, wanted, where)


def _header(line: bytes) -> tuple[int | None, int]:
    """The number of vectors and of components, if the first line says them."""
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts) and len(parts[1]) < 10:
        return int(parts[0]), int(parts[1])
    return None, 0


def _is_binary(body: bytes, size: int) -> bool:
    """Whether what follows the first line is no text: bytes that no number is written with, where numbers begin."""
    parts = body.partition(b"\n")[0].rstrip(b" \r").replace(b"\t", b" ").split(b" ")
    if len(parts) > 1 and _all_numbers(parts[max(1, len(parts) - size) :]):
        return False
    return bool(_NO_TEXT.search(body.partition(b" ")[2][: 4 * size]))


def _usual_width(sample: bytes) -> int:
    """How many numbers the first lines have, most of them: words may have blanks."""
    lines = [line.rstrip(b" \t\r") for line in sample.split(b"\n", 101)[:100]]
    lines = lines[:-1] if len(sample) == SAMPLE and len(lines) < 100 else lines  # one is cut
    widths = Counter(len(line.replace(b"\t", b" ").split(b" ")) - 1 for line in lines if line)
    return widths.most_common(1)[0][0] if widths else 0


def _numbered_lines(stream: IO[bytes], header: bool) -> Iterator[tuple[int, bytes]]:
    """The lines of vectors with their numbers in the file."""
    for line_number, line in enumerate(stream, start=1):
        line = (line.removeprefix(BOM) if line_number == 1 else line).rstrip(b" \t\r\n")
        if line and not (header and line_number == 1):
            yield line_number, line.replace(b"\t", b" ")


def _text(
    lines: Iterator[tuple[int, bytes]],
    counts: tuple[int | None, int | None],
    size: int,
    wanted: frozenset[bytes] | None,
    where: str,
) -> Iterator[Entry]:
    """The lines of a text file whose words are wanted, and their numbers as texts."""
    told, most = counts
    firsts = None if wanted is None else {word.split(b" ")[0] for word in wanted}  # most lines end with this look
    seen = 0
    for line_number, line in lines:
        if seen == most:
            return
        seen += 1
        blanks = line.count(b" ")
        if blanks < size:
            _complain(line, size, f"{where}, line {line_number}")
        if firsts is None or line[: line.index(b" ")] in firsts:
            word = line[: line.index(b" ")] if blanks == size else line.rsplit(b" ", size)[0]
            if blanks > size and _all_numbers(word.split(b" ")[1:]):
                _complain(line, size, f"{where}, line {line_number}")
            if wanted is None or word in wanted:
                yield line_number, word, line[len(word) :].decode("latin-1")
    if told is not None and seen != told and seen != most:
        raise CorruptFile(problem(where, f"{told} vectors, as its first line says", f"{seen}", "Get the file again."))


def _complain(line: bytes, size: int, where: str) -> None:
    parts = line.split(b" ")
    expected = f"a word and {size} numbers"
    raise InvalidData(problem(where, expected, f"{len(parts) - 1} behind {shown(_word(parts[0]))}"))


def _binary(stream: IO[bytes], count: int, size: int, wanted: frozenset[bytes] | None, where: str) -> Iterator[Entry]:
    """The vectors of a binary file whose words are wanted, as bytes."""
    stream.readline()
    buffer, at, width = b"", 0, 4 * size
    for place in range(1, count + 1):
        end = buffer.find(b" ", at)
        while end < 0 or len(buffer) < end + 1 + width:
            more = stream.read(max(CHUNK, width))
            if not more:
                got = f"{place - 1} whole ones"
                raise CorruptFile(problem(where, f"{count} vectors in binary", got, "Get the file again."))
            buffer, at = buffer[at:] + more, 0
            end = buffer.find(b" ")
        word = buffer[at:end].lstrip(b"\n")
        at = end + 1 + width
        if wanted is None or word in wanted:
            yield place, word, buffer[end + 1 : at]


def _collect(entries: Iterable[Entry], size: int, where: str) -> tuple[list[str], NDArray[np.float32], Counter[str]]:
    """The words, their vectors, and how often words came again."""
    rows: dict[str, int] = {}
    twice: Counter[str] = Counter()
    matrix = np.empty((0, size), dtype=np.float32)
    for place, raw, numbers in entries:
        word = _word(raw)
        if word in rows:
            twice[word] += 1
            continue
        kind = "vector" if isinstance(numbers, bytes) else "line"
        vector = _numbers(numbers, size, word, f"{where}, {kind} {place}")
        if len(rows) == len(matrix):
            matrix.resize((max(1024, 2 * len(rows)), size), refcheck=False)
        matrix[len(rows)] = vector
        rows[word] = len(rows)
    matrix.resize((len(rows), size), refcheck=False)
    return list(rows), matrix, twice


def _numbers(numbers: bytes | str, size: int, word: str, where: str) -> NDArray[np.float32]:
    """The components of one vector, all of them finite; `where` names its line or its place."""
    if isinstance(numbers, bytes):
        vector = np.frombuffer(numbers, dtype="<f4")
    else:
        try:
            vector = np.fromstring(numbers, dtype=np.float32, sep=" ")
        except (DeprecationWarning, ValueError):  # which of the two depends on NumPy
            vector = np.empty(0, dtype=np.float32)
        if len(vector) != size:
            raise InvalidData(problem(where, f"{size} numbers behind {shown(word)}", shown(numbers.strip())))
    if not np.isfinite(vector).all():
        got = f"{vector[~np.isfinite(vector)][0]}"
        raise InvalidData(problem(where, f"finite numbers behind {shown(word)}", got))
    return vector


def _all_numbers(parts: list[bytes]) -> bool:
    try:
        return bool([float(part) for part in parts])
    except ValueError:
        return False


def _word(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
