"""The network of a language model: vectors of symbols, layers that look back, and a head over all symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import instance, nothing
from netwright.graph import Chain, Expression, Input, join, parse
from netwright.layers import (
    GRU,
    LSTM,
    AdaptiveSoftmax,
    Dropout,
    Elman,
    Embedding,
    HierarchicalSoftmax,
    Jordan,
    Linear,
    Softmax,
)
from netwright.layers.recurrent.with_lengths import BY_STEP
from netwright.losses import split_link
from netwright.sequence.language.carried import Carried
from netwright.train.straight import straight

NETWORK = nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text")
NOMINAL = 16  # steps for which a network is planned; it runs on any number
HEADS = ("softmax", "hierarchical", "adaptive")
RECURRENT = (LSTM, GRU, Elman, Jordan)
FINAL = (Softmax, Linear, HierarchicalSoftmax, AdaptiveSoftmax)  # a network that ends so has its head


def reader(params: Mapping[str, Any], counts: NDArray[Any]) -> Expression:
    """The closed network.

    Parameters
    ----------
    params : of `LanguageModel`: network, units, layers, width, dropout, head.
    counts : how often each of the V symbols comes.

    Raises
    ------
    InvalidParameter : layers that look ahead or do not keep the steps; a head over another number of symbols.
    JoinError : layers that do not fit.
    """
    symbols = len(counts)
    given = params["network"]
    body = parse(given) if isinstance(given, str) else given
    if body is None:
        body = _default(params["units"], params["layers"], params["dropout"])
    parts = body.parts if isinstance(body, Chain) else (body,)
    for part in parts:
        _expect_looking_back(part)
    entrance = [Input(NOMINAL), Embedding(symbols + 1, params["width"])]
    made = join(*entrance, *parts)
    if not isinstance(parts[-1], FINAL):
        made = made >> head_for(params["head"], counts, made.output_shape[-1])
    if made.output_shape != (NOMINAL, symbols):
        remedy = "Leave the head out: it is made for the symbols that there are."
        expected = f"a head over the {symbols} symbols"
        raise InvalidParameter(problem("LanguageModel(network)", expected, repr(parts[-1]), remedy))
    return made


def head_for(head: str, counts: NDArray[Any], features: int) -> Expression:
    """The head of a name for symbols of these counts, which stand by falling frequency, behind so many features.

    Examples
    --------
    >>> import numpy as np
    >>> head_for("adaptive", np.arange(100)[::-1], 64)
    AdaptiveSoftmax(100, (10, 33))
    """
    symbols = len(counts)
    if head == "softmax":
        return Softmax(symbols)
    if head == "hierarchical":
        return HierarchicalSoftmax(symbols, counts=tuple(map(float, counts)))
    cutoffs = tuple(sorted({max(1, symbols // 10), max(1, symbols // 3)}))
    narrower = 4.0 if features >= 4 ** len(cutoffs) else 1.0
    return AdaptiveSoftmax(symbols, cutoffs, narrower)


def carried(module: torch.nn.Module, symbols: int) -> Carried:
    """A built network as one that carries its state, the weights shared.

    Parameters
    ----------
    module : what `reader` builds. symbols : V, how many there are.
    """
    flat = straight(module)
    *_, last = flat.children()
    if hasattr(last, "nll"):
        return Carried(flat[:-1], last, symbols)  # type: ignore[index]
    body, _ = split_link(module)
    return Carried(straight(body), None, symbols)  # type: ignore[arg-type]


def _default(units: int, layers: int, dropout: float) -> Expression:
    """LSTMs with dropout below, between and above them (Zaremba et al. 2014)."""
    between = [Dropout(dropout)] * (dropout > 0)
    return join(*between, *(part for _ in range(layers) for part in (LSTM(units), *between)))


def _expect_looking_back(part: Any) -> None:
    """Refuse a layer that sees later symbols, or whose state cannot be carried."""
    if isinstance(part, BY_STEP):
        return
    if isinstance(part, RECURRENT) and part.output == "all" and part.initial != "input" and not part.lengths:
        return
    expected = 'layers that see one step at a time, and recurrent ones with output="all"'
    remedy = "Use LSTM, GRU, Elman or Jordan, Dropout, LayerNorm, ReLU(units) and the like."
    raise InvalidParameter(problem("LanguageModel(network)", expected, repr(part), remedy))
