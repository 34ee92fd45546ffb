"""The table as text and as a frame."""

from __future__ import annotations

import pytest

from netwright.layers import Conv, Flatten, GlobalPool, Input, ReLU, Softmax

NETWORK = Input(1, 8, 8) >> Conv(4, 3) >> ReLU() >> Flatten() >> Softmax(10)

TEXT = """\
layer     what            output shape  parameters   MACs  receptive field
--------------------------------------------------------------------------
input1    Input(1, 8, 8)  (1, 8, 8)              0      0            1 x 1
conv1     Conv(4, 3)      (4, 6, 6)             40  1,296            3 x 3
relu1     ReLU()          (4, 6, 6)              0      0            3 x 3
flatten1  Flatten()       (144,)                 0      0            8 x 8
softmax1  Softmax(10)     (10,)              1,450  1,440            8 x 8
--------------------------------------------------------------------------
1,490 parameters, 2,736 MACs a sample"""


def test_text() -> None:
    assert str(NETWORK.summary()) == TEXT


def test_long_layers_are_cut() -> None:
    text = str((Input(1, 8, 8) >> Conv(4, 3, padding=((0, 1), (1, 0)), dilation=(2, 1), bias=False)).summary())
    assert "Conv(4, 3, padding=((0, 1), (1, 0)), dila..." in text
    assert len({len(line) for line in text.splitlines() if line.startswith("-")}) == 1


def test_frame() -> None:
    pytest.importorskip("pandas")
    frame = NETWORK.summary().to_frame()
    assert list(frame.columns) == ["path", "layer", "output_shape", "parameters", "macs", "receptive_field"]
    assert frame["parameters"].sum() == 1490
    assert frame["macs"].tolist() == [0, 1296, 0, 0, 1440]
    assert frame.set_index("path").loc["conv1", "receptive_field"] == (3, 3)


def test_features_have_a_field_too() -> None:
    fields = [row.receptive_field for row in (Input(5) >> ReLU() >> ReLU(3) >> ReLU()).summary().rows]
    assert fields == [(1,), (1,), (5,), (5,)]
    fields = [row.receptive_field for row in (Input(2, 5) >> ReLU() >> GlobalPool()).summary().rows]
    assert fields == [(1,), (1,), (5,)]
