"""The table as text and as a frame."""

from __future__ import annotations

import pytest
import torch

import netwright as nw
from netwright.graph import repeat
from netwright.layers import Conv, Flatten, GlobalPool, Input, ReLU, Softmax

NETWORK = Input(1, 8, 8) >> Conv(4, 3) >> ReLU() >> Flatten() >> Softmax(10)

TEXT = """\
layer     what            output shape  kernel  parameters   MACs  FLOPs  saved  field  stride  padding
-------------------------------------------------------------------------------------------------------
input1    Input(1, 8, 8)  (1, 8, 8)                      0      0      0    0 B      1       1        0
conv1     Conv(4, 3)      (4, 6, 6)     3x3             40  1,296  2,592  256 B      3       1        0
relu1     ReLU()          (4, 6, 6)                      0      0      0  576 B      3       1        0
flatten1  Flatten()       (144,)                         0      0      0    0 B      8       -        -
softmax1  Softmax(10)     (10,)                      1,450  1,440  2,880   40 B      8       -        -
-------------------------------------------------------------------------------------------------------
1,490 parameters, 2,736 MACs = 5,472 FLOPs a sample, 872 B saved for backward a sample
MACs: multiply-accumulates of convolutions and matrix products, biases not counted; FLOPs = 2 MACs"""

EXPLAINED = (
    "size: (8 - 3)/1 + 1 = 6; parameters: (3*3*1 + 1)*4 = 40; MACs: 6*6*4*3*3*1 = 1,296; field: 1 + (3 - 1)*1 = 3"
)


def test_text() -> None:
    assert str(NETWORK.summary()) == TEXT


def test_explained() -> None:
    text = str(NETWORK.summary(explain=True))
    assert max(map(len, text.splitlines())) == max(map(len, TEXT.splitlines()))  # formulas are wrapped
    words = " ".join(text.split())
    assert EXPLAINED in words
    assert "parameters: (144 + 1)*10 = 1,450; MACs: 144*10 = 1,440" in words


def test_html() -> None:
    html = (Input(1, 8, 8) >> Conv(4, 3) >> ReLU()).summary(explain=True)._repr_html_()
    assert html.count("<tr>") == 4  # the headings and three layers
    assert "(3*3*1 + 1)*4 = 40" in html


class Escaped(torch.nn.Identity):
    def extra_repr(self) -> str:
        return "<script>"


def test_html_of_any_module() -> None:
    html = nw.analyze(torch.nn.Sequential(Escaped()), (4,))._repr_html_()
    assert "Escaped(&lt;script&gt;)" in html
    assert "<script>" not in html


def test_long_layers_are_cut() -> None:
    text = str((Input(1, 8, 8) >> Conv(4, 3, padding=((0, 1), (1, 0)), dilation=(2, 1), bias=False)).summary())
    assert "Conv(4, 3, padding=((0, 1), (1, 0)), ..." in text
    assert "3x3 p(0,1)x(1,0) d2x1" in text


def test_frame() -> None:
    pytest.importorskip("pandas")
    frame = NETWORK.summary().to_frame()
    assert list(frame.columns[:5]) == ["path", "layer", "sources", "output_shape", "kernel"]
    assert frame["parameters"].sum() == 1490
    assert frame["macs"].tolist() == [0, 1296, 0, 0, 1440]
    assert frame["flops"].tolist() == [0, 2592, 0, 0, 2880]
    assert frame.set_index("path").loc["conv1", "receptive_field"] == (3, 3)
    assert frame.set_index("path").loc["conv1", "sources"] == ("input1",)
    assert frame.set_index("path").loc["relu1", "stride"] == (1, 1)


def test_features_have_a_field_too() -> None:
    fields = [row.receptive_field for row in (Input(5) >> ReLU() >> ReLU(3) >> ReLU()).summary().rows]
    assert fields == [(1,), (1,), (5,), (5,)]
    fields = [row.receptive_field for row in (Input(2, 5) >> ReLU() >> GlobalPool()).summary().rows]
    assert fields == [(1,), (1,), (5,)]


def test_a_long_table_is_cut_in_a_session() -> None:
    short = (Input(4) >> repeat(ReLU(4), 59)).summary()
    assert repr(short) == str(short)
    long = (Input(4) >> repeat(ReLU(4), 99)).summary()
    lines = repr(long).splitlines()
    assert len(str(long).splitlines()) == 100 + 5
    assert len(lines) == 2 * 25 + 1 + 5
    assert [line.split()[0] for line in (lines[2], lines[26], lines[28], lines[52])] == [
        "input1", "relu24", "relu75", "relu99"
    ]  # fmt: skip
    assert lines[27] == "... 50 more"
    assert lines[-2:] == str(long).splitlines()[-2:]
