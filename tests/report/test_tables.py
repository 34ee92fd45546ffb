"""The tables of a report."""

import re

import netwright as nw
from netwright.layers import Concat, Flatten, Input, Softmax
from netwright.report.tables import network_table


def seen(network):
    """The last column of the table of a network."""
    rows = re.findall(r"<tr>(.*?)</tr>", network_table(network.summary()), re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]
    return [row[-1] for row in cells if row]


def test_no_layer_sees_more_than_there_is():
    network = nw.pattern("INPUT -> [CONV -> POOL]*2 -> FC", (1, 8, 9), 10)
    assert network.summary().rows[4].receptive_field == (10, 10)
    assert seen(network)[:6] == ["1 × 1", "3 × 3", "4 × 4", "8 × 8", "8 × 9", "8 × 9"]


def test_several_inputs_have_no_one_size():
    network = (Input(1, 4, 4) >> Flatten() | Input(1, 4, 4) >> Flatten()) >> Concat() >> Softmax(2)
    assert seen(network)[0] == "1 × 1"
