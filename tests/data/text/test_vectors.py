"""Word vectors: each form of file, packed or not, and the moments of what is drawn."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.data.text.vectors import fill, read_vectors
from netwright.data.text.vocabulary import Vocabulary

WORDS = ["the", ",", "Zürich", "4", "</s>", "東京"]
VECTORS = np.random.default_rng(3).normal(size=(6, 5)).astype(np.float32)
FORMS = ["glove", "word2vec", "binary", "binary with line ends"]
Row = tuple[str, Sequence[float]]


def written(form: str, words: Sequence[str], vectors: Any) -> bytes:
    """A file as its own program writes it."""
    header = f"{len(words)} {len(vectors[0])}\n".encode()
    if form.startswith("binary"):
        end = b"\n" if "ends" in form else b""
        rows = [f"{w} ".encode() + struct.pack(f"<{len(v)}f", *v) + end for w, v in zip(words, vectors, strict=True)]
        return header + b"".join(rows)
    last = " \n" if form == "word2vec" else "\n"
    lines = [f"{w} {' '.join(map(str, v))}{last}".encode() for w, v in zip(words, vectors, strict=True)]
    return (header if form == "word2vec" else b"") + b"".join(lines)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_is_read(form: str, packed: bool, tmp_path: Path) -> None:
    content = written(form, WORDS, VECTORS.tolist())
    path = tmp_path / "vectors"
    path.write_bytes(gzip.compress(content) if packed else content)
    words, matrix = read_vectors(path)
    assert words == WORDS
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, VECTORS)


@pytest.mark.parametrize("form", FORMS)
def test_only_what_is_wanted_is_kept_in_the_order_of_the_file(form: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(written(form, WORDS, VECTORS.tolist()))
    words, matrix = read_vectors(path, Vocabulary(["東京", "absent", "the", "The"]))
    assert words == ["the", "東京"]
    np.testing.assert_array_equal(matrix, VECTORS[[0, 5]])
    words, matrix = read_vectors(path, ["東京", "the"], most=5)
    assert words == ["the"]
    words, matrix = read_vectors(path, most=2)
    assert words == WORDS[:2]
    assert read_vectors(path, most=99)[0] == WORDS
    words, matrix = read_vectors(path, ["absent"])
    assert (words, matrix.shape) == ([], (0, 5))


@given(st.integers(1, 40), st.integers(1, 12), st.sampled_from(FORMS), st.integers(0, 99))
def test_any_binary_or_text_is_told(
    tmp_path_factory: pytest.TempPathFactory, n: int, size: int, form: str, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    vectors = (draw.normal(size=(n, size)) * 10.0 ** draw.integers(-3, 3)).astype(np.float32)
    words = [f"w{place}é" for place in range(n)]
    path = tmp_path_factory.mktemp("vectors") / "v.txt"
    path.write_bytes(written(form, words, vectors.tolist()))
    again, matrix = read_vectors(path)
    assert again == words
    np.testing.assert_array_equal(matrix, vectors)


def test_more_vectors_than_are_kept_at_once(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(2500, 2)).astype(np.float32)
    path = tmp_path / "v.txt"
    path.write_bytes(written("glove", [f"w{n}" for n in range(2500)], vectors.tolist()))
    words, matrix = read_vectors(path)
    assert words[-1] == "w2499"
    np.testing.assert_array_equal(matrix, vectors)


def test_words_with_blanks_tabs_marks_and_odd_bytes(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(b"\xef\xbb\xbfthe 1 2\r\n. . . 3 4\r\nto name@x.org 5 6\n\nto 7 8\ncaf\xe9\t9\t10\n")
    words, matrix = read_vectors(path)
    assert words == ["the", ". . .", "to name@x.org", "to", "caf\ufffd"]
    assert matrix.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert read_vectors(path, [". . .", "to"])[0] == [". . .", "to"]


@pytest.mark.parametrize("form", FORMS)
def test_of_a_word_that_comes_twice_the_first_is_kept(form: str, tmp_path: Path) -> None:
    path = tmp_path / "v"
    path.write_bytes(written(form, ["a", "b", "a", "a"], [[1.5, 0.25], [2.5, 0.5], [3.5, 7.0], [4.5, 8.0]]))
    with pytest.warns(UserWarning, match=r"1 that come more than once, as 'a', 3 times. The first vector"):
        words, matrix = read_vectors(path)
    assert words == ["a", "b"]
    assert matrix.tolist() == [[1.5, 0.25], [2.5, 0.5]]
    assert read_vectors(path, ["b"])[0] == ["b"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("the 1 2\ncat 3\ndog 4 5\n", InvalidData, "line 2: expected a word and 2 numbers, got 1 behind 'cat'"),
        ("the 1 2\ncat 3 4 5\ndog 4 5\n", InvalidData, "line 2: expected a word and 2 numbers, got 3 behind 'cat'"),
        ("2 2\nthe 1 2\ncat 3\n", InvalidData, "line 3: expected a word and 2 numbers, got 1 behind 'cat'"),
        ("1 3\nthe 1 2\n", InvalidData, "line 2: expected a word and 3 numbers, got 2 behind 'the'"),
        ("the 1 2\ncat 3 x\n", InvalidData, "line 2: expected 2 numbers behind 'cat', got '3 x'"),
        ("1 2\nthe 1 x\n", InvalidData, "line 2: expected 2 numbers behind 'the', got '1 x'"),
        ("the 1 2\ncat 3 nan\n", InvalidData, "line 2: expected finite numbers behind 'cat', got nan"),
        ("the 1 2\ncat 3 1e39\n", InvalidData, "line 2: expected finite numbers behind 'cat', got inf"),
        ("3 2\nthe 1 2\ncat 3 4\n", CorruptFile, "3 vectors, as its first line says, got 2"),
        ("1 2\nthe 1 2\ncat 3 4\n", CorruptFile, "1 vectors, as its first line says, got 2"),
        ("", InvalidData, "a file without vectors"),
        ("alone\n", InvalidData, "a file without vectors"),
        ("0 300\n", InvalidData, "a file without vectors"),
    ],
)
def test_malformed_text_is_named_with_its_line(text: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_vectors(path)


@pytest.mark.parametrize("wanted", [["dog"], ["the"]])
def test_lines_that_nobody_wants_are_checked_too(wanted: list[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text("the 1 2\ncat 3\ndog 4 5\n")
    with pytest.raises(InvalidData, match="line 2"):
        read_vectors(path, wanted)


@pytest.mark.parametrize("cut", [1, 21, 30, 60])
def test_a_binary_file_that_is_cut(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "v.bin"
    content = written("binary", WORDS, VECTORS.tolist())
    path.write_bytes(content[:-cut])
    whole = sum(len(content) - cut >= len(written("binary", WORDS[:n], VECTORS[:n].tolist())) for n in range(1, 7))
    with pytest.raises(CorruptFile, match=f"6 vectors in binary, got {whole} whole ones"):
        read_vectors(path)


def test_other_bad_files_and_options(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="no file of that name"):
        read_vectors(tmp_path / "none")
    with pytest.raises(InvalidData, match="a folder"):
        read_vectors(tmp_path)
    path = tmp_path / "v.gz"
    path.write_bytes(gzip.compress(written("glove", WORDS, VECTORS.tolist()))[:-30])
    with pytest.raises(CorruptFile, match="a gzip file that is whole"):
        read_vectors(path)
    path.write_bytes(written("binary", ["a", "b"], [[1.0, 2.0], [3.0, float("inf")]]))
    with pytest.raises(InvalidData, match="vector 2: expected finite numbers behind 'b', got inf"):
        read_vectors(path)
    with pytest.raises(InvalidParameter, match="most"):
        read_vectors(path, most=0)
    with pytest.raises(InvalidParameter, match="a Vocabulary or words, got 'the'"):
        read_vectors(path, "the")


def test_missing_vectors_have_the_variance_of_the_others() -> None:
    draw = np.random.default_rng(1)
    known = [f"k{n}" for n in range(300)]
    vocabulary = Vocabulary([*known[::3], *(f"m{n}" for n in range(2000))])
    matrix = draw.normal(0.1, 0.37, size=(300, 50)).astype(np.float32)
    filled, share = fill(vocabulary, known, matrix, random_state=0)
    assert filled.shape == (len(vocabulary), 50)
    assert filled.dtype == np.float32
    assert share == pytest.approx(100 / 2100)
    np.testing.assert_array_equal(filled[2:102], matrix[::3])
    assert not filled[0].any()
    drawn = np.concatenate([filled[1:2], filled[102:]]).astype(np.float64)
    variance = matrix[::3].astype(np.float64).var()
    limit = np.sqrt(3 * variance)
    assert drawn.var() == pytest.approx(variance, rel=0.02)  # 100,000 uniform numbers: 4 standard errors are 1.1 %
    assert abs(drawn).max() <= limit * (1 + 1e-6)
    assert abs(drawn).max() > 0.999 * limit
    again, _ = fill(vocabulary, known, matrix, random_state=0)
    np.testing.assert_array_equal(again, filled)
    other, _ = fill(vocabulary, known, matrix, random_state=1)
    assert (other[102:] != filled[102:]).any()


def test_a_scale_of_ones_own_and_no_padding() -> None:
    vocabulary = Vocabulary(["a", "b"], padding=False, unknown=False)
    filled, share = fill(vocabulary, [], np.empty((0, 400)), scale=0.25, random_state=0)
    assert share == 0
    assert filled.shape == (2, 400)
    assert 0.24 < abs(filled).max() <= 0.25
    assert filled.all()


def test_vectors_that_do_not_fit_are_named() -> None:
    vocabulary = Vocabulary(["a", "b"])
    with pytest.raises(InvalidData, match=r"a word of the vocabulary, got none in 1. Give scale="):
        fill(vocabulary, ["A"], [[1, 2]])
    with pytest.raises(InvalidData, match=r"2 rows, one a word, got shape \(1, 2\)"):
        fill(vocabulary, ["a", "b"], [[1, 2]])
    with pytest.raises(InvalidData, match="'a' more often"):
        fill(vocabulary, ["a", "a"], [[1], [2]])
    with pytest.raises(InvalidData, match="NaN"):
        fill(vocabulary, ["a"], [[np.nan]])
    with pytest.raises(InvalidParameter, match="scale"):
        fill(vocabulary, ["a"], [[1.0]], scale=0)
