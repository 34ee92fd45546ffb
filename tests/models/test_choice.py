"""Networks for people who name none, and LeNet-5's published size."""

import pytest

from netwright.core.errors import InvalidParameter
from netwright.layers import Input, Tanh
from netwright.models import choose_body, hidden_width, lenet5


def test_lenet5_has_the_size_of_the_paper_with_full_connections():
    summary = (Input(1, 28, 28) >> lenet5()).summary()
    by_hand = (6 * 26) + (16 * (6 * 25 + 1)) + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10)
    assert summary.parameters == by_hand == 61_706
    assert summary.macs == 6 * 25 * 28 * 28 + 16 * 150 * 100 + 400 * 120 + 120 * 84 + 840
    shapes = [row.output_shape for row in summary.rows]
    assert shapes[1] == (6, 28, 28)
    assert shapes[4] == (16, 10, 10)
    assert shapes[6] == (16, 5, 5)


def test_a_number_of_classes_is_needed():
    with pytest.raises(InvalidParameter, match=r"lenet5\(num_classes\): expected an integer >= 2, got 1"):
        lenet5(1)


@pytest.mark.parametrize(("inputs", "outputs", "width"), [(3, 1, 64), (150, 10, 112), (10_000, 2, 512)])
def test_the_rule_of_thumb(inputs, outputs, width):
    assert hidden_width(inputs, outputs) == width
    assert len(choose_body((inputs,), outputs)) == 2


def test_few_weights_for_rules_that_take_their_square() -> None:
    assert choose_body((8,), 1, few=True) == (Tanh(20),)
    assert choose_body((1, 28, 28), 10, few=True) == choose_body((1, 28, 28), 10)
