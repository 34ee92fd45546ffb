"""A language model as a graph of one step, against its own probabilities; run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidParameter
from netwright.sequence import LanguageModel

TEXT = "to be or not to be that is the question " * 12
ASKED = ["to be or", "question", "that is "]


def _model(network: Any = "GRU(12)", head: str = "softmax") -> LanguageModel:
    return LanguageModel(network, head=head, width=6, epochs=2, batch_size=4, steps=10, random_state=0).fit(TEXT)


def _read(file: Any, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The log-probability of each text, as a program without netwright would find it, and what follows it."""
    places = {symbol: place for place, symbol in enumerate(file.known["vocabulary"]["symbols"])}
    states = {
        each.name: np.ones((len(texts), each.shape[1]), np.float32)  # what stands there before a text says nothing
        for each in file.session.get_inputs()
        if each.name != "index"
    }
    index, total = np.full(len(texts), file.known["marker"]), np.zeros(len(texts))
    for symbols in zip(*texts, strict=True):
        found = file(index=index, **states)
        states = {name.replace("next", "state"): found[name] for name in found if name.startswith("next")}
        index = np.array([places[symbol] for symbol in symbols])
        total += found["log_probabilities"][np.arange(len(texts)), index]
    return total, file(index=index, **states)["log_probabilities"]


@pytest.mark.parametrize(
    ("network", "head"),
    [
        ("GRU(12)", "softmax"),
        ("LSTM(8) >> Dropout(0.5) >> LSTM(6)", "softmax"),
        ("Elman(12, initial='learned')", "softmax"),
        ("LSTM(8)", "hierarchical"),
        ("GRU(8)", "adaptive"),
    ],
)
def test_step_by_step_the_graph_reads_what_the_model_reads(
    exported: Callable[..., Any], network: str, head: str
) -> None:
    model = _model(network, head)
    file = exported(model)
    for batch in (1, 2, 9):
        texts = (ASKED * 3)[:batch]
        total, following = _read(file, texts)
        np.testing.assert_allclose(total, model.log_prob(texts), atol=1e-5)
    follows = model.next_symbols(ASKED[0])
    symbols = file.known["vocabulary"]["symbols"]
    assert {symbol: pytest.approx(follows[symbol], abs=1e-5) for symbol in symbols} == dict(
        zip(symbols, np.exp(following[0]), strict=True)
    )
    assert [file.known[key] for key in ("kind", "level")] == ["LanguageModel", "characters"]


def test_one_graph_reads_texts_of_any_length(exported: Callable[..., Any]) -> None:
    with pytest.raises(InvalidParameter, match=r"LanguageModel.export\(steps\): expected None.*got 5"):
        exported(_model(), steps=5)
