"""with_lengths: a result in a padded batch is the result of the sequence alone."""

from __future__ import annotations

import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    Add,
    Bidirectional,
    CausalConv,
    CausalStack,
    Concat,
    Conv,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    HardSigmoid,
    Highway,
    Identity,
    Input,
    LayerNorm,
    LeakyReLU,
    Linear,
    Maxout,
    PReLU,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    TimePool,
    with_lengths,
)

NUMBERS = [
    LSTM(4) >> TimePool("max") >> Softmax(3),
    Bidirectional(GRU(4, output="last")) >> Softmax(2),
    Dropout(0.2) >> ReLU(8) >> LSTM(4) >> LayerNorm() >> Linear(5),
    Bidirectional(LSTM(4)) >> Bidirectional(LSTM(4, output="max")) >> Linear(1),
    (LSTM(3) | CausalConv(3, 2) | Identity())
    >> Concat(axis=2)
    >> GRU(4, output="avg")
    >> ReLU(3)
    >> Dropout(0.1)
    >> Linear(2),
    CausalStack(6, 2, 3) >> TimePool("avg") >> Softmax(2),
    Residual(CausalConv(3, 2)) >> (ReLU(4) | LSTM(4)) >> Add() >> Linear(2),
    (LSTM(3, output="last") | GRU(3, output="max")) >> Concat() >> Linear(2),
    Residual(LayerNorm() >> GRU(3)) >> Highway(LSTM(3)) >> GRU(2, output="last"),
]
SYMBOLS = [
    Embedding(10, 4) >> GRU(5, output="last"),
    Embedding(10, 4)
    >> (CausalConv(4, 2) >> ReLU() >> TimePool("max") | CausalConv(4, 3) >> ReLU() >> TimePool("max"))
    >> Concat()
    >> Dropout(0.5)
    >> Softmax(2),
]


@pytest.mark.parametrize("network", [*NUMBERS, *SYMBOLS], ids=repr)
def test_the_padding_does_not_matter(network):
    symbols = network in SYMBOLS
    closed = with_lengths(network, *((6,) if symbols else (6, 3)))
    module = closed.build().double().eval()
    draw = torch.Generator().manual_seed(0)
    x = torch.randint(10, (3, 9), generator=draw) if symbols else torch.randn(3, 9, 3, generator=draw).double()
    lengths = torch.tensor([[9.0], [4.0], [1.0]]).double()
    together = module(x, lengths)
    assert together.isfinite().all()
    for row, n in enumerate((9, 4, 1)):
        alone = module(x[row : row + 1, :n], lengths[row : row + 1])[0]
        mine = together[row, :n] if together.ndim == 3 else together[row]
        torch.testing.assert_close(mine, alone)


def test_a_network_of_steps_alone_reads_no_lengths():
    assert (
        repr(with_lengths(ReLU(4) >> Linear(2), 5, 3)) == "(Input(5, 3) | Input(1)) >> Pick(0) >> ReLU(4) >> Linear(2)"
    )


@pytest.mark.parametrize(
    "network", [Flatten() >> Linear(2), LSTM(4) >> Conv(3, 2), Residual(Conv(3, 3, padding="same"))]
)
def test_what_would_let_the_padding_in_is_refused(network):
    with pytest.raises(InvalidParameter, match="which mixes steps and takes no lengths"):
        with_lengths(network, 6, 3)


def test_what_cannot_be_is_named():
    with pytest.raises(InvalidParameter, match="an open network"):
        with_lengths(Input(5, 3) >> LSTM(2), 5, 3)
    with pytest.raises(InvalidParameter, match="branches that all give sequences"):
        with_lengths((LSTM(3) | LSTM(3, output="last")) >> Concat(), 5, 3)
    with pytest.raises(InvalidParameter, match="a layer that merges the branches"):
        with_lengths((LSTM(3) | LSTM(3)) >> GRU(3), 5, 3)
    for joined in (Concat(), Concat(axis=-2)):  # would put the steps of one branch behind those of the other
        with pytest.raises(InvalidParameter, match=r"merges the branches step by step.*Concat\(axis=2\)"):
            with_lengths((LSTM(3) | LSTM(3)) >> joined >> GRU(3), 5, 3)
    with pytest.raises(InvalidParameter, match="which mixes steps and takes no lengths"):
        with_lengths(Residual(Bidirectional(GRU(2), merge="add")), 5, 2)


EACH = [
    *(Linear(3), Sigmoid(), HardSigmoid(), Tanh(), ReLU(), LeakyReLU(), PReLU(), ELU(), Softplus(), GELU(), SiLU()),
    *(Softmax(), Maxout(2), Dropout(), GaussianNoise(), LayerNorm(), Identity()),
]


@pytest.mark.parametrize("layer", EACH, ids=repr)
def test_layers_that_need_no_lengths_look_at_one_step_at_a_time(layer):
    module = with_lengths(layer, 6, 3).build().double().eval()
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0)).double()
    other = x.clone()
    other[:, 4:] = 7.0
    torch.testing.assert_close(module(x, torch.full((2, 1), 4.0))[:, :4], module(other, torch.full((2, 1), 4.0))[:, :4])
