"""Options of models in the text of a network: what is refused, and the name that was meant."""

from __future__ import annotations

import pytest

from netwright.commands.networks import read_network
from netwright.core.errors import InvalidParameter


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "resnet18(num_class=3)",
            r"^network 'resnet18\(num_class=3\)': expected resnet18\(.*, got the option 'num_class'\. "
            r"Did you mean 'num_classes'\?$",
        ),
        ("squeezenet(5, zzz=3)", r"got the option 'zzz'\. Choose one of: version, num_classes, in_channels, dropout,"),
        ("lenet5(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)", r"expected lenet5\(.*, got too many positional arguments\.$"),
        ("squeezenet('1.0', version='1.1')", r", got multiple values for argument 'version'\.$"),
    ],
)
def test_options_that_a_model_does_not_have(text: str, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message) as caught:
        read_network(text)
    assert "got got" not in str(caught.value)


def test_options_that_it_has() -> None:
    assert read_network("resnet18(num_classes=3)") == read_network("resnet18", classes=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "or the name of a model, got 'nonsense'. The nearest of"),
        ("ReLu(3)", "got 'ReLu'. Did you mean 'ReLU'?"),
        ("lenet(5)", "got 'lenet'. Did you mean 'lenet5'?"),
    ],
)
def test_names_that_there_are_not(text: str, message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read_network(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300
