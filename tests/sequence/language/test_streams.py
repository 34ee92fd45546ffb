"""Streams and the state that is carried through them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData
from netwright.optim import SGD
from netwright.sequence import LanguageModel
from netwright.sequence.language.corpus import read_prompt, read_texts, split_end
from netwright.sequence.language.generation import shaped
from netwright.sequence.language.reader import carried, reader
from netwright.sequence.language.streams import Streams, run_of
from netwright.train import Precision
from netwright.train.evaluation import evaluate

MARKER = 1000


def numbers(*lengths: int) -> list[Any]:
    """Texts of which every symbol is another number."""
    starts = np.cumsum([0, *lengths])
    return [np.arange(start, start + length) for start, length in zip(starts, lengths, strict=False)]


def network(**options: Any) -> Any:
    params = {"network": None, "units": 6, "layers": 2, "width": 4, "dropout": 0.0, "head": "softmax", **options}
    return carried(reader(params, np.ones(5)).build(0), 5)


# streams


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(any),
    st.integers(1, 6),
    st.integers(1, 12),
    st.none() | st.integers(0, 5),
    st.integers(0, 3),
)
def test_each_symbol_is_predicted_once_from_the_one_before(
    lengths: list[int], count: int, steps: int, seed: int | None, epoch: int
) -> None:
    texts = numbers(*lengths)
    streams = Streams(texts, MARKER, count, steps, seed)
    pieces = list(streams(epoch))
    assert [stop - start for start, stop in streams.bounds] == [streams.counted(target) for _, target, _ in pieces]
    starts, several, seen = {int(text[0]) for text in texts if len(text)}, sum(map(bool, lengths)) > 1, []
    before: Any = None
    for (read,), target, _ in pieces:
        assert read.shape == target.shape
        assert 0 < target.shape[1] <= steps
        first = before is None or bool((read[:, 0] == MARKER).all())  # of its streams
        for row in range(len(read)):
            for t, symbol in enumerate(target[row].tolist()):
                known = not (first and t == 0) and symbol not in starts and symbol != -100
                assert int(read[row, t]) == (symbol - 1 if known else MARKER)
        before = target
        seen += target[target != -100].tolist()
    assert len(set(seen)) == len(seen) > sum(lengths) - (1 if several else streams.n)


def test_the_cuts_change_with_the_epoch_and_with_nothing_else() -> None:
    for texts in (numbers(100), numbers(40, 7, 9)):
        first, again, other = (Streams(texts, MARKER, 4, 10, seed) for seed in (3, 3, 4))
        laid = [
            [target.tolist() for _, target in s.laid_out(e)]
            for s, e in ((first, 2), (again, 2), (first, 3), (other, 2))
        ]
        assert laid[0] == laid[1]
        assert laid[2] != laid[0] != laid[3]
    plain = Streams(numbers(100), MARKER, 4, 10, None)
    assert plain.laid_out(7)[0][1].flatten().tolist() == list(range(100))


def test_short_texts_make_few_streams() -> None:
    assert Streams(numbers(100), MARKER, 64, 30).n == 3
    assert Streams(numbers(7), MARKER, 64, 30).n == 1
    assert [stop - start for start, stop in Streams(numbers(101), MARKER, 1, 50).bounds] == [33, 34, 34]


def test_texts_of_similar_length_are_read_together() -> None:
    streams = Streams(numbers(3, 50, 4, 48, 2, 49), MARKER, 3, 60, None)
    assert [read.shape for read, _ in streams.laid_out(0)] == [(3, 50), (3, 4)]
    (read, _), (_, short) = streams.laid_out(0)
    assert read[:, 0].tolist() == [MARKER] * 3
    assert short.tolist() == [[53, 54, 55, 56], [0, 1, 2, -100], [105, 106, -100, -100]]
    assert streams.bounds == [(0, 147), (147, 156)]


# the state


def test_pieces_are_read_as_one() -> None:
    net = network()
    x = torch.tensor([[5, 0, 1, 2, 3, 4, 0], [5, 4, 4, 3, 1, 0, 2]])
    whole = net(x)
    parts = torch.cat([net(part) for part in x.split([1, 4, 2], dim=1)], dim=1)
    torch.testing.assert_close(parts, whole)


def test_a_marker_in_front_starts_its_stream_afresh() -> None:
    net = network()
    net(torch.tensor([[5, 1, 2], [5, 3, 3]]))
    mixed = net(torch.tensor([[5, 0], [4, 0]]))
    torch.testing.assert_close(mixed[:1], net.read(x := torch.tensor([[5, 0]]), net.first(x))[0])
    fresh = net.read(x := torch.tensor([[4, 0]]), net.first(x))[0]
    assert not torch.allclose(mixed[1:], fresh, atol=1e-4)
    torch.testing.assert_close(net(torch.tensor([[4, 0]])), fresh)  # another number of streams


def test_training_and_asking_have_states_of_their_own() -> None:
    net = network()
    x, y = torch.tensor([[5, 1, 2]]), torch.tensor([[3, 4]])
    net.train()
    net(x)
    expected = copy.deepcopy(net._left[True])
    net.eval()
    with torch.inference_mode():
        net(y)
    net.train()
    after = net.read(y, expected)[0]
    torch.testing.assert_close(net(y), after)
    assert copy.deepcopy(net)._left == {}


def test_the_gradient_ends_at_the_cut() -> None:
    net = network()
    net(torch.tensor([[5, 1]]))
    net(torch.tensor([[2, 3]])).sum().backward()
    table = next(part for name, part in net.named_parameters() if "table" in name)
    assert table.grad[[1, 5]].abs().max() == 0 < table.grad[[2, 3]].abs().min(dim=0).values.max()


@pytest.mark.parametrize("head", ["softmax", "hierarchical", "adaptive"])
@pytest.mark.parametrize("text", ["abcdebdacebdaebdcabedbcaebd" * 4, ["abcde", "", "edba" * 9, "c"]])
def test_held_out_texts_are_evaluated_exactly(head: str, text: Any) -> None:
    model = LanguageModel("GRU(6)", head=head, width=4, epochs=1, steps=9, validation=None, random_state=0).fit(text)
    ids = [model.vocabulary_.encode(each) for each in ([text] if isinstance(text, str) else text)]
    run = run_of(model._net, SGD(0.1), Precision(), None, 0, 0)
    found = evaluate(run, Streams(ids, 5, 1 if len(ids) == 1 else 3, 99, None))  # type: ignore[arg-type]
    assert found["validation_loss"] == pytest.approx(model.nats(text), abs=1e-5)


# texts


def test_texts_are_cut_by_their_level() -> None:
    assert read_texts("a b", "characters", "X") == ["a b"]
    assert read_texts(("a b", "c"), "words", "X") == [["a", "b"], ["c"]]
    assert read_texts([["a b", "c"], "d e"], "words", "X") == [["a b", "c"], ["d", "e"]]
    assert read_texts(np.array(["ab", "c"]), "characters", "X") == ["ab", "c"]
    assert read_prompt(["a", "b"], "words", "X") == read_prompt("a b", "words", "X") == ["a", "b"]
    with pytest.raises(InvalidData, match=r"X: expected a text or a list of symbols, got a int"):
        read_prompt(3, "words", "X")


def test_the_end_is_held_out() -> None:
    assert split_end(["abcdefghij"], 0.1, "X") == (["abcdefghi"], ["j"])
    assert split_end([["a", "b", "c"]], 0.01, "X") == ([["a", "b"]], [["c"]])
    with pytest.raises(InvalidData, match=r"X\(validation=0.5\): expected at least one symbol to train on .* got 1"):
        split_end(["a"], 0.5, "X")


# what is drawn from


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(-20, 0), min_size=1, max_size=12),
    st.floats(0.05, 5),
    st.none() | st.integers(1, 14),
    st.none() | st.floats(0.01, 1),
)
def test_shaped_probabilities(logs: list[float], temperature: float, top_k: int | None, top_p: float | None) -> None:
    log_prob = np.array(logs) - np.logaddexp.reduce(logs)
    found = shaped(log_prob, temperature, top_k, top_p)
    assert found.sum() == pytest.approx(1)
    left = np.flatnonzero(found)
    heated = np.exp(log_prob / temperature)
    np.testing.assert_allclose(found[left], heated[left] / heated[left].sum(), rtol=1e-9)
    assert heated[left].min() >= np.delete(heated, left).max(initial=0) * (1 - 1e-12)
    assert len(left) <= (top_k or len(logs))
    if top_p is not None:  # without the least of them the share is not reached
        among = np.sort(heated)[::-1][:top_k] / np.sort(heated)[::-1][:top_k].sum()
        assert among[: len(left) - 1].sum() < top_p + 1e-12
        assert among[: len(left)].sum() >= top_p - 1e-9
