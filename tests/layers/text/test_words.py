"""WordFeatures: against the equation in NumPy, padding, unknown words, options."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Input, WordFeatures

LAYER = WordFeatures(9, 7, 5, width=3, character_width=2, maps=4, windows=(2, 3), affix_width=2, unknown=0.0)
LETTERS = 6


def tokens(generator, n):
    """n different tokens as rows: word, number, six affixes, letters."""
    rows = np.zeros((n, 8 + LETTERS), dtype=np.int64)
    rows[:, 0] = generator.integers(1, 9, n)
    rows[:, 1] = np.arange(1, n + 1)
    rows[:, 2:8] = generator.integers(1, 5, (n, 6))
    for row in rows:
        count = generator.integers(0, LETTERS + 1)
        row[8 : 8 + count] = generator.integers(1, 7, count)
    return rows


def expected(module, row):
    """x = (W[word], A[a_1], ..., A[a_6], max over windows of relu(conv_h(C[letters])))"""
    state = {name: value.double().numpy() for name, value in module.state_dict().items()}
    letters = row[8:][row[8:] != 0]
    parts = [state["words.weight"][row[0]], *(state["affixes.weight"][affix] for affix in row[2:8])]
    for i, h in enumerate((2, 3)):
        weight, bias = state[f"windows.{i}.weight"], state[f"windows.{i}.bias"]
        vectors = np.pad(state["characters.weight"][letters], ((h - 1, h - 1), (0, 0)))
        places = range(len(letters) + h - 1 if len(letters) else 0)
        found = [np.einsum("mch,hc->m", weight, vectors[p : p + h]) + bias for p in places]
        parts.append(np.maximum(np.max(found, axis=0), 0) if found else np.zeros(4))
    return np.concatenate(parts)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 5))
def test_the_equation(seed, batch, steps):
    generator = np.random.default_rng(seed)
    module = (Input(5, 8 + LETTERS) >> LAYER).build(0).double().eval()
    rows = tokens(generator, 6)[generator.integers(0, 6, (batch, steps))]
    padded = np.concatenate([rows, np.zeros((batch, 2, 8 + LETTERS), np.int64)], axis=1)  # the padding changes nothing
    inner = next(part for part in module.modules() if hasattr(part, "windows"))
    for x in (rows, padded):
        found = module(torch.from_numpy(x)).detach().numpy()[:, :steps]
        wanted = [[expected(inner, row) for row in sentence] for sentence in rows]
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_words_alone():
    module = (Input(4, 2) >> WordFeatures(9, width=3)).build(0).eval()
    x = torch.tensor([[[3, 1], [0, 0], [8, 2], [3, 1]]])
    assert torch.equal(module(x)[0], next(module.parameters())[[3, 0, 8, 3]])


def test_a_share_of_the_words_is_unknown_while_training():
    module = (Input(4, 2) >> WordFeatures(9, width=3, unknown=0.25)).build(0)
    table = next(module.parameters())
    x = torch.full((1, 8000, 2), 3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = module.train()(x)[0]
    taken = (found == table[1]).all(1)
    assert taken.double().mean().item() == pytest.approx(0.25, abs=0.02)
    assert (found[~taken] == table[3]).all()
    assert (module.eval()(x)[0] == table[3]).all()


def test_gradients_reach_all_tables():
    module = (Input(5, 8 + LETTERS) >> LAYER).build(0).double().eval()
    x = torch.from_numpy(tokens(np.random.default_rng(0), 8)[None])
    module(x).square().sum().backward()
    for name, p in module.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


def test_sizes():
    full = WordFeatures(1000, 60, 300)
    assert (Input(20, 2 + 6 + 15) >> full).output_shape == (20, 100 + 6 * 20 + 3 * 50)
    assert (Input(20, 2 + 15) >> WordFeatures(1000, 60)).output_shape == (20, 250)
    assert (Input(20, 8) >> WordFeatures(1000, affixes=300)).output_shape == (20, 220)
    with pytest.raises(JoinError, match=r"integers \(steps, at least 9 columns\)"):
        _ = (Input(20, 8) >> full).output_shape
    with pytest.raises(JoinError, match=r"integers \(steps, at least 2 columns\)"):
        _ = (Input(20) >> WordFeatures(9)).output_shape
    for options in ({"words": 1}, {"windows": ()}, {"windows": (0,)}, {"unknown": 1.0}, {"width": 0}):
        with pytest.raises(InvalidParameter, match=next(iter(options))):
            WordFeatures(**{"words": 9, **options})
