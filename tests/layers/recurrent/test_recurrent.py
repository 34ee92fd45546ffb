"""Recurrent layers against worked numbers, NumPy transcriptions of the papers' equations, and torch's packed passes."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import GRU, LSTM, Bidirectional, Constant, Elman, Identity, Input, Jordan, Normal, Pick

ALL = [
    Elman(3),
    Elman(3, activation="sigmoid"),
    Elman(3, layers=2, activation="relu"),
    Jordan(4, 3),
    LSTM(3),
    LSTM(3, layers=2, peepholes=True, recurrent_weight=Normal(std=0.5)),
    GRU(3),
    GRU(3, layers=2, reset="before"),
]
PAIRS = [
    Bidirectional(layer, merge) for layer, merge in zip(ALL, ("concat", "add", "multiply", "average") * 2, strict=True)
]
OUTPUTS = ("all", "last", "max", "avg", "state")


def changed(layer, **options):
    """The layer, or the one inside a Bidirectional, with other options."""
    if isinstance(layer, Bidirectional):
        return dataclasses.replace(layer, layer=dataclasses.replace(layer.layer, **options))
    return dataclasses.replace(layer, **options)


def shaken(net, seed=0):
    """The built network in float64 with random weights, biases and peepholes too."""
    module = net.build(seed=seed).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(0.6 * torch.randn(p.shape, generator=generator, dtype=torch.float64))
    return module


def noise(*shape):
    """Random numbers in float64, without torch's global state."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def s(x):
    return 1 / (1 + np.exp(-x))


def test_elman_and_jordan_on_the_worked_numbers():
    x = torch.tensor([1.0, -1.0, 0.5]).reshape(1, 3, 1)
    elman = (Input(3, 1) >> Elman(1, weight=0.5, recurrent_weight=0.8)).build()
    with torch.no_grad():
        elman[0].cells[0].weights.bias_ih_l0.fill_(0.1)
    h = elman(x).flatten()
    torch.testing.assert_close(h, torch.tensor([0.53704957, 0.02963098, 0.35722799]))
    torch.testing.assert_close(1.5 * h - 0.2, torch.tensor([0.60557435, -0.15555353, 0.33584198]))
    jordan = (Input(3, 1) >> Jordan(1, 1)).build()
    cell = jordan[0].cells[0]
    with torch.no_grad():
        for p, number in [
            (cell.input.weight, 0.5),
            (cell.input.bias, 0.1),
            (cell.feedback.weight, 0.8),
            (cell.readout.weight, 1.5),
            (cell.readout.bias, -0.2),
        ]:
            p.fill_(number)
    torch.testing.assert_close(jordan(x).flatten(), torch.tensor([0.60557435, -0.07361116, 0.22473568]))


@pytest.mark.parametrize("peepholes", [False, True])
def test_lstm_is_the_papers_equations(peepholes):
    module = shaken(Input(6, 4) >> LSTM(3, peepholes=peepholes))
    x = np.random.default_rng(0).normal(size=(2, 6, 4))
    cell = module[0].cells[0]
    W, U, b, c = (p.detach().numpy() for p in cell.weights.parameters())
    Wi, Wf, Wg, Wo = np.split(W, 4)
    Ui, Uf, Ug, Uo = np.split(U, 4)
    bi, bf, bg, bo = np.split(b + c, 4)
    pi, pf, po = cell.peephole.detach().numpy() if peepholes else np.zeros((3, 3))
    h = C = np.zeros((2, 3))
    expected = []
    for t in range(6):
        i = s(x[:, t] @ Wi.T + h @ Ui.T + bi + pi * C)
        f = s(x[:, t] @ Wf.T + h @ Uf.T + bf + pf * C)
        C = f * C + i * np.tanh(x[:, t] @ Wg.T + h @ Ug.T + bg)
        o = s(x[:, t] @ Wo.T + h @ Uo.T + bo + po * C)
        h = o * np.tanh(C)
        expected.append(h)
    np.testing.assert_allclose(module(torch.tensor(x)).detach(), np.stack(expected, 1), atol=1e-12)


def test_gru_with_the_reset_before_is_the_papers_equations():
    module = shaken(Input(6, 4) >> GRU(3, reset="before"))
    x = np.random.default_rng(0).normal(size=(2, 6, 4))
    W, U, b, c = (p.detach().numpy() for p in module[0].cells[0].weights.parameters())
    (Wr, Wz, Wn), (Ur, Uz, Un), (br, bz, bn) = np.split(W, 3), np.split(U, 3), np.split(b + c, 3)
    h = np.zeros((2, 3))
    expected = []
    for t in range(6):
        r, z = s(x[:, t] @ Wr.T + h @ Ur.T + br), s(x[:, t] @ Wz.T + h @ Uz.T + bz)
        h = (1 - z) * np.tanh(x[:, t] @ Wn.T + (r * h) @ Un.T + bn) + z * h
        expected.append(h)
    np.testing.assert_allclose(module(torch.tensor(x)).detach(), np.stack(expected, 1), atol=1e-12)


@pytest.mark.parametrize("layer", [Elman(3), Elman(3, activation="relu"), LSTM(3), GRU(3)])
def test_our_steps_equal_torchs_kernel(layer):
    module = shaken(Input(7, 4) >> layer)[0]
    x = noise(5, 7, 4)
    state = noise(5, sum(module.sizes))
    parts = state.split(module.sizes, dim=-1)
    fast = module.cells[0](x, parts)
    slow = module.cells[0](x, parts, torch.ones(5, 7, dtype=torch.bool))
    torch.testing.assert_close(fast, slow)


@pytest.mark.touches_rng
@pytest.mark.parametrize("merge", ["concat", "add"])
def test_lengths_give_what_torchs_packed_pass_gives(merge):
    lengths = torch.tensor([7, 5, 3, 1])
    x = noise(4, 7, 4)
    ours = shaken((Input(7, 4) | Input(1)) >> Bidirectional(LSTM(3, lengths=True), merge))
    theirs = torch.nn.LSTM(4, 3, batch_first=True, bidirectional=True).double()
    both = next(m for m in ours.modules() if hasattr(m, "ahead"))
    with torch.no_grad():
        for way, suffix in ((both.ahead, ""), (both.back, "_reverse")):
            for name, p in way.cells[0].weights.named_parameters():
                getattr(theirs, name + suffix).copy_(p)
    packed, _ = theirs(pack_padded_sequence(x, lengths, batch_first=True))
    expected, _ = pad_packed_sequence(packed, batch_first=True)
    if merge == "add":
        expected = expected[..., :3] + expected[..., 3:]
    torch.testing.assert_close(ours(x, lengths[:, None].double()), expected)


@pytest.mark.slow
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("layer", [*ALL, *PAIRS], ids=repr)
@settings(max_examples=6, deadline=None)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), more=st.integers(0, 3))
def test_a_result_is_that_of_the_sequence_alone(layer, output, lengths, more):
    module = shaken((Input(6, 4) | Input(1)) >> changed(layer, output=output, lengths=True))
    steps = max(lengths) + more
    x = noise(len(lengths), steps, 4)
    for row, n in enumerate(lengths):
        x[row, n:] = torch.tensor([torch.nan, torch.inf, 0.0, -torch.inf])
    x.requires_grad_()
    together = module(x, torch.tensor(lengths)[:, None].double())
    together.square().sum().backward()
    assert x.grad.isfinite().all()
    for row, n in enumerate(lengths):
        alone = module(x[row : row + 1, :n].detach(), torch.tensor([[float(n)]]).double())[0]
        if output == "all":
            torch.testing.assert_close(together[row, :n], alone)
            assert not together[row, n:].any()
        else:
            torch.testing.assert_close(together[row], alone)


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_a_sequence_in_pieces_is_the_sequence(layer):
    module = shaken(Input(9, 4) >> layer)[0]
    x = noise(3, 9, 4)
    whole, end = module.run(x)
    first, state = module.run(x[:, :4])
    rest, last = module.run(x[:, 4:], state=state)
    torch.testing.assert_close(torch.cat([first, rest], 1), whole)
    torch.testing.assert_close(last, end)


@pytest.mark.touches_rng
@pytest.mark.parametrize("layer", [*ALL, PAIRS[0], PAIRS[5]], ids=repr)
def test_gradients_are_right(layer):
    module = shaken((Input(3, 2) | Input(1)) >> changed(layer, lengths=True, initial="learned"))
    x, lengths = noise(2, 3, 2).requires_grad_(), torch.tensor([[3.0], [2.0]])
    assert torch.autograd.gradcheck(lambda x, *_: module(x, lengths.double()), (x, *module.parameters()))


def test_the_last_state_of_an_encoder_is_the_first_of_a_decoder():
    net = (Input(5, 4) | Input(3, 4)) >> (Pick(0) >> LSTM(6, output="state") | Pick(1))
    net = net >> (Pick(1) | Pick(0)) >> LSTM(6, initial="input")
    assert net.output_shape == (3, 6)
    module = net.build().double()
    x, y = noise(2, 5, 4), noise(2, 3, 4)
    encoder, decoder = (m for m in module.modules() if hasattr(m, "cells"))
    _, state = encoder.run(x)
    torch.testing.assert_close(module(x, y), decoder.run(y, state=state)[0])


@pytest.mark.parametrize("layer", [LSTM(2), GRU(2), Elman(2), Jordan(2, 2)])
@pytest.mark.parametrize("initial", ["zeros", "learned", "input"])
def test_an_empty_sequence_ends_as_it_began(layer, initial):
    layer = dataclasses.replace(layer, lengths=True, output="last", initial=initial)
    size = 4 if isinstance(layer, LSTM) else 2
    states = (Input(size),) if initial == "input" else ()
    net = nw.parallel(Input(3, 4), *states, Input(1)) >> layer
    module = shaken(net)
    first = torch.arange(size, dtype=torch.float64)[None] if initial == "input" else None
    x, none = torch.full((1, 3, 4), torch.nan).double(), torch.zeros(1, 1).double()
    y = module(x, none) if first is None else module(x, first, none)
    stack = next(m for m in module.modules() if hasattr(m, "cells"))
    expected = {"zeros": torch.zeros(2).double(), "learned": getattr(stack, "first", torch.zeros(4))[:2]}
    torch.testing.assert_close(y[0], first[0, :2] if first is not None else expected[initial])


@pytest.mark.touches_rng
def test_what_is_dropped_is_the_same_at_all_steps():
    net = Input(50, 8) >> Elman(8, activation="linear", weight=Constant(0.0), dropout=0.5)
    module = net.build()
    seen = []
    module[0].cells[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    module.train()(torch.ones(4, 50, 8))
    x = seen[0]
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert set(x.unique().tolist()) == {0.0, 2.0}
    module.eval()(torch.ones(4, 50, 8))
    assert torch.equal(seen[1], torch.ones(4, 50, 8))


@pytest.mark.touches_rng
def test_recurrent_dropout_drops_what_goes_back_alone():
    layer = Elman(64, activation="linear", weight=0.0, recurrent_weight=0.0, recurrent_dropout=0.4, initial="learned")
    module = (Input(3, 2) >> layer).build()
    stack = module[0]
    with torch.no_grad():
        stack.cells[0].weights.weight_hh_l0.copy_(torch.eye(64))
        stack.first.fill_(1.0)
    y = module.train()(torch.zeros(1, 3, 2))[0]
    kept = y[0] != 0
    torch.testing.assert_close(y[0][kept], torch.full((int(kept.sum()),), 1 / 0.6))
    torch.testing.assert_close(y[2], y[0] ** 3)  # the same mask again
    assert 0 < int(kept.sum()) < 64
    torch.testing.assert_close(module.eval()(torch.zeros(1, 3, 2))[0], torch.ones(3, 64))


def test_fresh_weights():
    module = (Input(5, 16) >> LSTM(32)).build()
    weights = module[0].cells[0].weights
    for gate in weights.weight_hh_l0.split(32):
        torch.testing.assert_close(gate @ gate.T, torch.eye(32), atol=1e-5, rtol=0)
    bias = (weights.bias_ih_l0 + weights.bias_hh_l0).split(32)
    assert [float(part.mean()) for part in map(torch.Tensor.detach, bias)] == [0.0, 1.0, 0.0, 0.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "count"),
    [(LSTM(128), 99_328), (GRU(128), 74_496), (Elman(128), 24_832), (Bidirectional(LSTM(128)), 198_656)],
)
def test_parameter_counts(net, count):
    assert (Input(10, 64) >> net).summary().parameters == count


def test_multiply_accumulates_are_those_of_the_products():
    assert (Input(10, 64) >> LSTM(128)).summary().macs == 10 * 4 * 128 * (64 + 128)


def test_what_cannot_be_is_named():
    with pytest.raises(JoinError, match=r"a sequence \(steps, features\).*shape \(8,\).*Input\(steps, features\)"):
        (Input(8) >> LSTM(4)).plan()
    with pytest.raises(JoinError, match=r"its length \(1,\).*Input\(steps, features\) \| Input\(1\)"):
        ((Input(5, 8) | Input(2)) >> LSTM(4, lengths=True)).plan()
    with pytest.raises(JoinError, match=r"its first states \(8,\)"):
        ((Input(5, 8) | Input(4)) >> LSTM(4, initial="input")).plan()
    with pytest.raises(InvalidParameter, match="a recurrent layer"):
        Bidirectional(Identity())
    with pytest.raises(InvalidParameter, match="output"):
        GRU(4, output="first")
    module = ((Input(5, 8) | Input(1)) >> GRU(4, lengths=True)).build()
    with pytest.raises(InvalidData, match="6 in sample 1"):
        module(torch.zeros(2, 5, 8), torch.tensor([[5.0], [6.0]]))
