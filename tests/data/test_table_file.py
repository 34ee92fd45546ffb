"""Tables in files: against pandas and numpy.loadtxt, and files that are wrong."""

from __future__ import annotations

import csv
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.data import read_table
from netwright.data.infer import MISSING


def written(tmp_path: Path, content: str | bytes, name: str = "t.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def listed(columns):
    return {name: column.tolist() for name, column in columns.items()}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_endings(tmp_path, delimiter, ending):
    rows = ["a,b,c", '1,"x, y; z",true', "", "2,w,false"]
    text = ending.join(row if '"' in row else row.replace(",", delimiter) for row in rows)
    text = text.replace('1,"x, y; z",true', f'1{delimiter}"x, y; z"{delimiter}true')
    columns = read_table(written(tmp_path, text))
    assert listed(columns) == {"a": [1, 2], "b": ["x, y; z", "w"], "c": [True, False]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings(tmp_path, encoding):
    columns = read_table(written(tmp_path, "größe,ort\n1,Köln\n2,Orléans\n".encode(encoding)))
    assert listed(columns) == {"größe": [1, 2], "ort": ["Köln", "Orléans"]}


def test_hostile_names_are_kept(tmp_path):
    columns = read_table(written(tmp_path, '<script>alert(1)</script>,"two\nlines",é🙂\n1,2,3\n'))
    assert list(columns) == ["<script>alert(1)</script>", "two\nlines", "é🙂"]


def test_one_column(tmp_path):
    assert listed(read_table(written(tmp_path, "a\n1\n2\n"))) == {"a": [1, 2]}


def test_names_that_are_empty_get_their_number(tmp_path):
    assert list(read_table(written(tmp_path, ",b, \n1,2,3\n"))) == ["column 1", "b", "column 3"]


def test_own_delimiter_markers_and_no_header(tmp_path):
    file = written(tmp_path, "1|-|3\n4|5|6\n")
    columns = read_table(file, delimiter="|", header=False, missing=["-"])
    assert list(columns) == ["x0", "x1", "target"]
    assert np.array_equal(columns["x1"], [np.nan, 5], equal_nan=True)


def test_a_sample_that_cuts_a_row_still_tells_the_delimiter(tmp_path):
    cell = "p," + "x" * 40_000
    assert list(read_table(written(tmp_path, f"p,q;b;c\n{cell};1;2\n{cell};2;3\n"))) == ["p,q", "b", "c"]


WRONG = {
    "empty": ("", "names and rows, got an empty file"),
    "blank": (" \n\n", "an empty file"),
    "names only": ("a,b\n", r"at least one row below the names, got 0 rows"),
    "short row": ("a,b\n1,2\n\n3\n", "line 4: expected 2 cells as in the first row, got 1"),
    "long row": ("a,b\n1,2,3\n", "line 2: expected 2 cells as in the first row, got 3"),
    "line of a row after a cell of two lines": ('a,b\n"1\n1",2\n3,4,5\n', "line 4: expected 2 cells"),
    "open quote": ('a,b\n1,2\n"3,4\n5,6\n', "line 3: expected 2 cells.*got 1.*Is a quotation mark open"),
    "huge cell": ('a,b\n"' + "x" * 140_000 + '",1\n', "line .*cells of a CSV file"),
    "names twice": ("a,b,a\n1,2,3\n", "each column name once, got 'a' for columns 1 and 3"),
    "no names": ("1,2\n3,4\n", r"column names in the first row, got numbers, \['1', '2'\].*header=False"),
    "binary": (b"a,b\n\0\1\2", "a text file, got bytes"),
    "half UTF-16": (b"\xff\xfea\0b", "text in UTF-16"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files(tmp_path, name):
    content, message = WRONG[name]
    with pytest.raises(InvalidData, match=message):
        read_table(written(tmp_path, content))


def test_no_file_or_a_folder(tmp_path):
    with pytest.raises(InvalidData, match="no file of that name"):
        read_table(tmp_path / "no.csv")
    with pytest.raises(InvalidData, match="a file, got a folder"):
        read_table(tmp_path)


def test_options_that_cannot_be(tmp_path):
    with pytest.raises(InvalidParameter, match="delimiter: expected one character or None, got ', '"):
        read_table(tmp_path / "t.csv", delimiter=", ")
    with pytest.raises(InvalidParameter, match="header: expected True or False"):
        read_table(tmp_path / "t.csv", header=3)


def test_numbers_between_blanks(tmp_path):
    text = "# a comment\n1.5 \t2\t ?\n\n-3 4 5 # and one behind\n"
    columns = read_table(written(tmp_path, text, "t.txt"))
    assert list(columns) == ["x0", "x1", "target"]
    assert columns["x0"].tolist() == [1.5, -3]
    assert np.isnan(columns["target"][0])
    with pytest.raises(InvalidData, match="line 2: expected 2 cells as in the first row, got 3"):
        read_table(written(tmp_path, "1 2\n1 2 3\n", "u.txt"))


def test_a_text_file_with_names_is_read_as_csv(tmp_path):
    assert listed(read_table(written(tmp_path, "a;b\n1;x y\n", "t.txt"))) == {"a": [1], "b": ["x y"]}


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6), st.sampled_from([",", ";", "\t"]))
def test_text_cells_survive(tmp_path_factory, rows, delimiter):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("name", "other"), *((f"k{a}", f"k{b}") for a, b in rows)])
    columns = read_table(written(tmp_path_factory.mktemp("csv"), buffer.getvalue()), delimiter=delimiter)
    expected = [f"k{a}".strip() for a, _ in rows]
    assert columns["name"].tolist() == [cell if cell not in MISSING else None for cell in expected]


def frame():
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(
        {"a": [1.5, None, 3.0], "b": ["x", None, "é"], "c": [1, 2, 3], "d": pandas.to_datetime(["2024-01-01"] * 3)}
    )


@pytest.mark.parametrize("hidden", [[], ["polars"]])
def test_parquet_by_whichever_package(tmp_path, monkeypatch, hidden):
    for package in ("polars", "pyarrow"):
        pytest.importorskip(package)
    frame().to_parquet(tmp_path / "t.parquet")
    for package in hidden:
        monkeypatch.setitem(sys.modules, package, None)
    columns = read_table(tmp_path / "t.parquet")
    assert np.array_equal(columns["a"], [1.5, np.nan, 3], equal_nan=True)
    assert columns["b"].tolist() == ["x", None, "é"]
    assert columns["c"].dtype == np.int64
    assert columns["d"][0] == np.datetime64("2024-01-01")


def test_parquet_without_a_package_or_with_damage(tmp_path, monkeypatch):
    pytest.importorskip("polars")
    file = written(tmp_path, b"PAR1 no PAR1", "t.parquet")
    with pytest.raises(CorruptFile, match="a Parquet file, got"):
        read_table(file)
    for package in ("polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InvalidParameter, match=r"neither polars nor pyarrow. pip install netwright\[frames\]"):
        read_table(file)


@pytest.fixture
def tabular() -> Path:
    if not os.environ.get("NETWRIGHT_DATA"):
        pytest.skip("NETWRIGHT_DATA is not set")
    return Path(os.environ["NETWRIGHT_DATA"]) / "tabular"


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    ["titanic", "california_housing", "bike_sharing_hour", "letters", "airline-passengers", "monthly-sunspots"],
)
def test_real_tables_like_pandas(tabular, name):
    pandas = pytest.importorskip("pandas")
    ours = read_table(tabular / f"{name}.csv")
    theirs = pandas.read_csv(tabular / f"{name}.csv")
    assert list(ours) == list(theirs.columns)
    for column, values in ours.items():
        expected = theirs[column].to_numpy()
        if values.dtype.kind == "M":
            expected = expected.astype(str).astype("datetime64[D]")
        if values.dtype == object:
            expected = np.array([None if cell != cell else cell.strip() for cell in expected], dtype=object)
            assert values.tolist() == expected.tolist()
        else:
            assert values.dtype == expected.dtype
            exact = values.dtype.kind != "f"  # older pandas rounds floats in the last digit
            (np.testing.assert_array_equal if exact else np.testing.assert_allclose)(values, expected)


@pytest.mark.data
@pytest.mark.parametrize("name", ["concrete", "energy", "yacht", "power-plant", "wine-quality-red"])
def test_real_texts_like_loadtxt(tabular, name):
    columns = read_table(tabular / f"{name}.txt")
    expected = np.loadtxt(tabular / f"{name}.txt")
    assert list(columns)[-1] == "target"
    np.testing.assert_array_equal(np.stack(list(columns.values()), axis=1), expected)


def test_an_empty_cell_of_a_single_column(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text('review\na fine one\n""\n\nzzz\n', encoding="utf-8")
    assert len(read_table(path)["review"]) == 3
    path.write_text('review,n\na fine one,1\n""\n\nzzz,2\n', encoding="utf-8")
    assert read_table(path)["n"].tolist() == [1, 2]
