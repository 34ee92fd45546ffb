"""Streams give the rows that the data have, wherever they stand, in any order that is asked for."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data import load_image_folder, stream

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(53, 4)).astype("float32")
Y = np.where(X[:, 0] > 0, "yes", "no")
ASKED = DRAW.permutation(53)[:20]


@pytest.fixture
def kept(tmp_path):
    """Every kind of source that holds X."""
    np.save(tmp_path / "rows.npy", X)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["label"] = Y
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=7)
    parts = tmp_path / "parts"
    parts.mkdir()
    for number, piece in enumerate((frame[:20], frame[20:21], frame[21:])):
        piece.to_parquet(parts / f"part{number}.parquet", row_group_size=6)
    raw = np.memmap(tmp_path / "raw", np.float32, "w+", 64, (60, 4))
    raw[3:56] = X
    raw.flush()
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy((X[:, 0] > 0).astype(np.int64)))
    return {
        "npy": stream(tmp_path / "rows.npy", Y),
        "memmap": stream(raw[3:56], Y),
        "array": stream(X, Y),
        "parquet": stream(tmp_path / "rows.parquet", target="label"),
        "folder": stream(str(parts), target="label"),
        "dataset": stream(pairs),
    }


KINDS = ["npy", "memmap", "array", "parquet", "folder", "dataset"]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_data(kind, kept):
    rows = kept[kind]
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (53, (53, 4), 2, np.float32)
    np.testing.assert_array_equal(rows.read(), X)
    np.testing.assert_array_equal(rows[ASKED].read(), X[ASKED])
    np.testing.assert_array_equal(rows[10:40][ASKED[ASKED < 30]].read(), X[10:40][ASKED[ASKED < 30]])
    assert rows.target.tolist() == (Y.tolist() if kind != "dataset" else (X[:, 0] > 0).astype(int).tolist())
    edges = rows.source.edges
    assert edges is None or (edges[0] == 0 and edges[-1] == 53 and (np.diff(edges) > 0).all())


@pytest.mark.parametrize("kind", KINDS)
def test_another_process_reads_the_same(kind, kept):
    content = pickle.dumps(kept[kind].source)
    np.testing.assert_array_equal(pickle.loads(content).read(ASKED), X[ASKED])
    if kind in ("npy", "memmap", "parquet"):
        assert len(content) < X.nbytes + 2000  # names, not numbers


def test_a_large_map_goes_to_another_process_as_its_name(tmp_path):
    np.save(tmp_path / "large.npy", np.zeros((100_000, 5)))
    source = stream(tmp_path / "large.npy").source
    assert len(pickle.dumps(source)) < 1000
    assert len(source.edges) == 1 + -(-100_000 * 40 // (26214 * 40))  # a mebibyte each


def test_columns_of_parquet_can_be_chosen(tmp_path):
    frame = pd.DataFrame({"n": np.arange(9), "flag": [True, False, True] * 3, "name": list("abcdefghi"), "y": X[:9, 0]})
    frame.to_parquet(tmp_path / "mixed.parquet")
    rows = stream(tmp_path / "mixed.parquet", target="y", columns=["flag", "n"])
    np.testing.assert_array_equal(rows.read(), np.stack([frame.flag, frame.n], axis=1).astype(float))
    with pytest.raises(InvalidData, match=r"mixed.parquet, column 'name': expected numbers, got .*columns=\[...\]"):
        stream(tmp_path / "mixed.parquet", target="y")
    with pytest.raises(InvalidData, match="Did you mean 'flag'"):
        stream(tmp_path / "mixed.parquet", columns=["flog"])


def test_columns_are_read_by_their_names(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=Y)
    frame.to_parquet(tmp_path / "rows.parquet")
    turned = {name: stream(tmp_path / "rows.parquet", target="y", columns=list(name)) for name in ("abcd", "dcba")}
    clf = nw.Classifier("ReLU(8) >> Softmax(2)", optimizer="Adam(0.05)", epochs=9, random_state=0).fit(turned["abcd"])
    assert clf.feature_names_in_.tolist() == list("abcd")
    expected = clf.predict_proba(turned["abcd"])
    np.testing.assert_array_equal(clf.predict_proba(turned["dcba"]), expected)
    np.testing.assert_allclose(clf.predict_proba(frame[list("dbac")]), expected, rtol=1e-6)
    assert clf.score(turned["dcba"]) == clf.score(frame[list("dcba")], Y) > 0.9
    np.testing.assert_array_equal(clf.predict_proba(turned["dcba"][ASKED]), expected[ASKED])
    for lacking in (stream(tmp_path / "rows.parquet", columns=["d", "c", "b"]), frame[["d", "c", "b"]]):
        with pytest.raises(InvalidData, match=r"X: expected the columns that fit saw, got none of the name 'a'"):
            clf.predict(lacking)
    with pytest.raises(InvalidData, match=r"X, column 'a': expected numbers, as in fit, got object"):
        clf.predict(frame.assign(a="text"))
    assert not hasattr(clf.fit(stream(X, Y)), "feature_names_in_")


def test_every_file_of_a_folder_is_looked_at(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=np.arange(53))
    frame.to_parquet(tmp_path / "0.parquet")
    frame.assign(y=frame.y / 2, a=frame.a.astype(int)).to_parquet(tmp_path / "1.parquet")  # numbers all the same
    assert stream(tmp_path, target="y").shape == (106, 4)
    for other, told in (
        (frame.drop(columns="a"), r"2.parquet: expected a column 'a', got none of that name"),
        (frame.drop(columns="y"), r"2.parquet: expected a column 'y', got none of that name"),
        (frame.assign(b="text"), r"2.parquet, column 'b': expected numbers, got .*string"),
        (frame.assign(y="text"), r"2.parquet, column 'y': expected int64, as in .*0.parquet, got .*string"),
    ):
        other.to_parquet(tmp_path / "2.parquet")
        with pytest.raises(InvalidData, match=told):
            stream(tmp_path, target="y")


def test_images_of_a_folder(tmp_path):
    for name, level in (("cat", 40), ("dog", 200)):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("RGB", (9, 7), (level + number, 0, 0)).save(tmp_path / name / f"{number}.png")
    images, labels, _ = load_image_folder(tmp_path, size=(6, 8), gray=False)
    rows = stream(tmp_path, size=(6, 8))
    assert rows.shape == (6, 3, 6, 8)
    np.testing.assert_array_equal(rows[[4, 0]].read(), images[[4, 0]])
    assert rows.target.tolist() == labels.tolist()
    assert stream(tmp_path, size=5, gray=True).shape == (6, 1, 5, 5)
    with pytest.raises(InvalidParameter, match="size=64"):
        stream(tmp_path)


def test_what_is_no_stream_is_named(tmp_path):
    (tmp_path / "broken.npy").write_bytes(b"no array")
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    for data, told in (
        (tmp_path / "nothing", "nothing of that name"),
        (tmp_path / "broken.npy", "a .npy file"),
        (tmp_path / "broken.parquet", "a Parquet file"),
        (np.array(["a"]), "an array of numbers"),
        (np.empty((0, 3)), "with rows"),
        ([[1.0]], "got a list"),
        (torch.utils.data.TensorDataset(torch.empty(0, 2)), "an empty dataset"),
    ):
        with pytest.raises(InvalidData, match=told):
            stream(data)
    with pytest.raises(InvalidData, match=r"inconsistent numbers of samples: \[53, 52\]"):
        stream(X, Y[:-1])
    with pytest.raises(InvalidParameter, match="workers"):
        stream(X, Y, workers=-1)
    with pytest.raises(InvalidParameter, match="as the data have targets"):
        stream(torch.utils.data.TensorDataset(torch.ones(3, 1), torch.ones(3)), np.ones(3))
    with pytest.raises(InvalidParameter, match="as the stream has targets"):
        nw.Classifier(epochs=1).fit(stream(X, Y), Y)
