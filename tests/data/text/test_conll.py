"""CoNLL and CoNLL-U: bytes that come back, and every kind of malformed file with its line."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.data.text.conll import read_conll, read_conllu, write_conll, write_conllu
from netwright.data.text.sentence import CONLLU, Sentence

PARTS = ("train", "dev", "test")
LINE = "{}\t{}\t_\t{}\t_\t_\t_\t_\t_\t_\n"
WORDS = LINE.format("1", "I", "PRON") + LINE.format("2", "go", "VERB")
NAMES = ("form", "pos", "chunk", "ner")
CONLL_2003 = (
    "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\n\n"
    "-DOCSTART- -X- O O\n\n-DOCSTART- -X- O O\n\nBRUSSELS NNP B-NP B-LOC\n\n"
)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("part", PARTS)
def test_the_treebank_comes_back_byte_for_byte(part: str, data_folder: Path, tmp_path: Path) -> None:
    path = data_folder / "ud_english_ewt" / f"en_ewt-ud-{part}.conllu.gz"
    content = gzip.decompress(path.read_bytes())
    sentences = read_conllu(path)
    write_conllu(tmp_path / "a.conllu", sentences)
    assert (tmp_path / "a.conllu").read_bytes() == content

    lines = content.decode().split("\n")
    words = [line.split("\t") for line in lines if line and line[0] != "#"]
    words = [cells for cells in words if cells[0].isdigit()]
    for column, name in enumerate(CONLLU):
        assert [cell for sentence in sentences for cell in sentence[name]] == [cells[column] for cells in words]
    assert len(sentences) == {"train": 12544, "dev": 2001, "test": 2077}[part]
    assert sum(map(len, sentences)) == len(words)


@pytest.mark.data
def test_one_column_of_the_treebank_is_replaced_and_all_else_stays(data_folder: Path, tmp_path: Path) -> None:
    path = data_folder / "ud_english_ewt" / "en_ewt-ud-dev.conllu.gz"
    sentences = read_conllu(path)
    predicted = [[f"T{len(form)}" for form in sentence["form"]] for sentence in sentences]
    write_conllu(tmp_path / "a.conllu.gz", sentences, {"upos": predicted})
    before = gzip.decompress(path.read_bytes()).decode().split("\n")
    after = gzip.decompress((tmp_path / "a.conllu.gz").read_bytes()).decode().split("\n")
    assert len(before) == len(after)
    changed = 0
    for old, new in zip(before, after, strict=True):
        if old[:1].isdigit() and old.split("\t")[0].isdigit():
            cells = old.split("\t")
            cells[3] = f"T{len(cells[1])}"
            changed += 1
            assert new == "\t".join(cells)
        else:
            assert new == old
    assert changed == sum(map(len, sentences)) > 20000


def test_conll_with_documents_comes_back_byte_for_byte(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text(CONLL_2003)
    sentences = read_conll(path, NAMES)
    assert [sentence["ner"] for sentence in sentences] == [["B-ORG", "O"], ["B-PER"], ["B-LOC"]]
    assert [bool(sentence.document) for sentence in sentences] == [True, False, True]
    write_conll(copy, sentences)
    assert copy.read_text() == CONLL_2003
    write_conll(copy, sentences, {"ner": [["O", "O"], ["O"], ["B-X"]]})
    expected = CONLL_2003.replace("B-ORG", "O").replace("B-PER", "O").replace("B-LOC", "B-X")
    assert copy.read_text() == expected


def test_comments_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.txt", tmp_path / "b.txt"
    text = "# licence\n\n# first\n# one\na\tX\n\n#tag\tY\n\n"
    path.write_text(text.replace("#tag\tY", "b\tY"))
    sentences = read_conll(path, comment="#")
    assert [sentence.comments for sentence in sentences] == [("# first", "# one"), ()]
    write_conll(copy, sentences)
    assert copy.read_text() == path.read_text()
    path.write_text("a\tX\n#tag\tY\n\n")
    assert read_conll(path)[0]["form"] == ["a", "#tag"]
    with pytest.raises(InvalidData, match=r"line 2: expected comments before the first word.*comment=None"):
        read_conll(path, comment="#")


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\n\n\n \n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_ends_of_lines_and_of_files_and_marks_are_accepted(
    ending: str, newline: str, mark: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.conllu"
    path.write_bytes(mark + (f"# x\n{WORDS}".rstrip("\n") + ending).replace("\n", newline).encode())
    (sentence,) = read_conllu(path)
    assert sentence["form"] == ["I", "go"]
    assert sentence.comments == ("# x",)
    assert sentence.rows[1][-1] == "_"
    plain = tmp_path / "a.txt"
    plain.write_bytes(mark + ("a B" + ending).replace("\n", newline).encode())
    assert read_conll(plain)[0].rows == (("a", "B"),)


def test_unusual_characters_are_no_ends_of_lines(tmp_path: Path) -> None:
    words = ["a\x85b", "c\u2028d", "\xa0", "e\x0cf", "g\u3000"]
    path = tmp_path / "a.txt"
    write_conll(path, [Sentence.make(form=words, tag=["X"] * 5, separator=" ")])
    assert read_conll(path)[0]["form"] == words


cells = st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"]), min_size=1, max_size=4)


@pytest.mark.slow
@given(st.lists(st.lists(st.tuples(cells, cells), min_size=1, max_size=4), min_size=1, max_size=4))
def test_any_sentences_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[tuple[str, str]]]) -> None:
    rows = [[(f"w{form}", f"t{tag}") for form, tag in each] for each in rows]  # a row of blanks would be a blank line
    path = tmp_path_factory.mktemp("conll") / "a.conllu.gz"
    written = [Sentence.make(form=[f for f, _ in each], upos=[t for _, t in each]) for each in rows]
    write_conllu(path, written)
    again = read_conllu(path)
    assert [list(zip(each["form"], each["upos"], strict=True)) for each in again] == rows
    write_conll(path, written)
    assert [list(each) for each in read_conll(path, ("form", "upos"))] == rows


def conllu(*rows: tuple[str, str, str]) -> str:
    return "".join(LINE.format(*row) for row in rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# a\n1\tI\n", "line 2: expected 10 columns .*, got 2. CoNLL-U has tabs"),
        ("1 I _ _ _ _ _ _ _ _\n", "line 1: expected 10 columns .*, got 1. CoNLL-U has tabs"),
        (WORDS + "# late\n", "line 3: expected 10 columns .*, got 1. Comments stand before"),
        (WORDS + "\n" + conllu(("1", "", "X")), "line 4: expected a text in column 'form', got an empty cell"),
        (conllu(("2", "I", "X")), "line 1: expected the id 1 of the next word, .* got '2'"),
        (WORDS + WORDS, "line 3: expected the id 3 of the next word, .* got '1'. Is a blank line missing"),
        (conllu(("1", "a", "X"), ("3", "b", "X")), "line 2: expected the id 2 of the next word"),
        (conllu(("1", "a", "X"), ("1-2", "b", "X")), "line 2: .* got '1-2'"),
        (conllu(("1-1", "a", "X"), ("1", "b", "X")), "line 1: .* got '1-1'"),
        (conllu(("1-3", "a", "_"), ("1", "a", "X"), ("2-3", "b", "_")), "line 3: .* got '2-3'"),
        (conllu(("1-3", "a", "_"), ("1", "a", "X")), "line 1: expected at least 3 words in the sentence, got 1 words"),
        (conllu(("1", "a", "X"), ("1.2", "b", "X")), "line 2: .* got '1.2'"),
        (conllu(("0.1", "a", "X")), "line 1: expected at least 1 words in the sentence, got 0"),
        (conllu(("one", "a", "X")), "line 1: .* got 'one'"),
        (conllu(("01", "a", "X")), "line 1: .* got '01'"),
        (f"{WORDS}\n# alone\n\n{WORDS}", "line 4: expected a sentence with at least one word, got comments alone"),
        ("", "at least one sentence, got an empty file"),
        ("\n \n", "at least one sentence, got an empty file"),
    ],
)
def test_malformed_conllu_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.conllu"
    path.write_text(text)
    with pytest.raises(InvalidData, match=message) as caught:
        read_conllu(path)
    assert "bad.conllu" in str(caught.value)


def test_tokens_and_empty_nodes_are_accepted_where_they_may_stand(tmp_path: Path) -> None:
    ids = ["0.1", "1-2", "1", "1.1", "1.2", "2", "3-4", "3", "4", "4.1"]
    path = tmp_path / "a.conllu"
    path.write_text(conllu(*((each, f"w{each}", "X") for each in ids)))
    (sentence,) = read_conllu(path)
    assert sentence["id"] == ["1", "2", "3", "4"]
    assert [row[0] for row in sentence.tokens] == ["0.1", "1-2", "1.1", "1.2", "3-4", "4.1"]


def test_a_sentence_of_more_than_a_thousand_words(tmp_path: Path) -> None:
    write_conllu(tmp_path / "a.conllu", [Sentence.make(form=["x"] * 1500)])
    assert len(read_conllu(tmp_path / "a.conllu")[0]) == 1500


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a X\nb Y Z\n", {}, r"line 2: expected 2 columns \(form, tag\), got 3. Name all"),
        ("a\tX\nb Y\n", {}, "line 2: expected 2 columns .* got 1. Are the columns between blanks"),
        ("a\tX\n\nb\t\n", {}, "line 3: expected a text in column 'tag', got an empty cell"),
        ("-DOCSTART- X\n\n", {}, "at least one sentence, got a file without words"),
        ("a X\n", {"columns": ("form", "form")}, "a name for each column, each name once"),
        ("a X\n", {"columns": "form"}, "a name for each column"),
        ("a X\n", {"columns": ()}, "a name for each column"),
        ("a X\n", {"comment": " "}, "a text that begins a comment"),
        ("a X\n", {"encoding": "utf-9"}, "encoding: expected one as utf-8 or latin-1, got 'utf-9'"),
    ],
)
def test_malformed_conll_is_named(text: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises((InvalidData, InvalidParameter), match=message):
        read_conll(path, **options)


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("a X\n\ncafé X\n".encode("latin-1"))
    with pytest.raises(InvalidData, match=r"line 3: expected text in utf-8, got the byte 0xe9.*encoding="):
        read_conll(path)
    assert read_conll(path, encoding="latin-1")[1]["form"] == ["café"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="no file of that name"):
        read_conllu(tmp_path / "none")
    with pytest.raises(InvalidData, match="a folder"):
        read_conll(tmp_path)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(WORDS.encode() * 50)[:-20])
    with pytest.raises(CorruptFile, match="a gzip file that is whole"):
        read_conllu(path)


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    sentences = [Sentence.make(form=["a"], upos=["X"]), Sentence.make(form=["b", "ü"], upos=["X", "Y"])]
    with pytest.raises(InvalidData, match=r"sentence 1: .*\(upos\): expected 2 texts, one a word, got 1"):
        write_conllu(path, sentences, {"upos": [["X"], ["X"]]})
    with pytest.raises(InvalidData, match="expected 2 sentences, got 1"):
        write_conllu(path, sentences, {"upos": [["X"]]})
    with pytest.raises(InvalidParameter, match="Did you mean 'upos'"):
        write_conllu(path, sentences, {"upso": [["X"], ["X", "X"]]})
    with pytest.raises(InvalidParameter, match=r"sentence 0: .* got 'frm'. Did you mean 'form'"):
        write_conllu(path, [Sentence.make(frm=["a"])])
    with pytest.raises(InvalidData, match="sentence 1: expected a Sentence, got 'b'"):
        write_conll(path, [sentences[0], "b"])  # type: ignore[list-item]
    with pytest.raises(InvalidData, match="at least one sentence"):
        write_conll(path, [])
    with pytest.raises(InvalidData, match="characters of ascii, got 'ü' on line 4"):
        write_conll(path, sentences, encoding="ascii")
    assert not path.exists()
