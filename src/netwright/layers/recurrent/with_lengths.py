"""`with_lengths`: a network for sequences of one length, made into one that is told the length of each.

A padded batch gives each sequence the result that it has alone when every layer that looks at several steps knows which
of them are valid. Three kinds of layers need nothing else: those that look at one step at a time, those that look back
only (the padding is behind), and those that take lengths themselves. All others would let the padding in.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from netwright.core.errors import LONG, InvalidParameter, problem, shown
from netwright.graph import Chain, Expression, Input, Layer, Parallel, begins_with_input, join, parallel
from netwright.layers.activation import HardSigmoid, Linear, Sigmoid, Softmax, Tanh
from netwright.layers.blocks.highway import GatedSum, Highway
from netwright.layers.blocks.residual import Residual
from netwright.layers.dropout import Dropout, GaussianNoise
from netwright.layers.embedding import Embedding
from netwright.layers.maxout import Maxout
from netwright.layers.merge import Add, Concat, Elementwise, Multiply
from netwright.layers.normalization import LayerNorm
from netwright.layers.rectifier import ELU, LeakyReLU, PReLU, ReLU, Softplus
from netwright.layers.recurrent.bidirectional import Bidirectional
from netwright.layers.recurrent.elman import Elman
from netwright.layers.recurrent.gru import GRU
from netwright.layers.recurrent.jordan import Jordan
from netwright.layers.recurrent.lstm import LSTM
from netwright.layers.shape import Identity
from netwright.layers.skip import Pick
from netwright.layers.smooth import GELU, SiLU
from netwright.layers.space.causal import CausalConv, CausalStack
from netwright.layers.text.adaptive_softmax import AdaptiveSoftmax
from netwright.layers.text.hierarchical_softmax import HierarchicalSoftmax
from netwright.layers.text.words import WordFeatures

BY_STEP: tuple[type[Expression], ...] = (
    *(Linear, Sigmoid, HardSigmoid, Tanh, ReLU, LeakyReLU, PReLU, ELU, Softplus, GELU, SiLU, Softmax, Maxout),
    *(Embedding, WordFeatures, Dropout, GaussianNoise, LayerNorm, Identity, HierarchicalSoftmax, AdaptiveSoftmax),
    *(Add, Elementwise, Multiply, GatedSum),
)
BACKWARDS: tuple[type[Expression], ...] = (CausalConv, CausalStack)
RECURRENT: tuple[type[Any], ...] = (Elman, GRU, Jordan, LSTM)
STEPS = (1, -2)  # the axis of the steps of (batch, steps, features)
OF_OTHERS: tuple[type[Expression], ...] = (Residual, Highway)  # what they are made of decides


def with_lengths(network: Expression, *shape: int) -> Expression:
    """A network of which a result never depends on the padding: its inputs are the sequences and their lengths.

    Each layer that can take lengths does: ``LSTM(8) >> TimePool("max")`` becomes
    ``(Input(...) | Input(1)) >> (LSTM(8, lengths=True) | Pick(1)) >> TimePool("max", lengths=True)``.

    Parameters
    ----------
    network : an open network for sequences (steps, features), or symbols (steps,).
    shape : of one sequence, such as (steps, features); sequences may have other numbers of steps when it runs.

    Shapes
    ------
    (steps, features) or (steps,), (1,) -> what the network gives

    Raises
    ------
    InvalidParameter : a layer that mixes steps and takes no lengths; a network with an `Input` of its own.

    Examples
    --------
    >>> from netwright.layers import GRU, Softmax
    >>> with_lengths(GRU(8) >> GRU(8, output="last") >> Softmax(3), 20, 5).output_shape
    (3,)
    """
    if begins_with_input(network):
        remedy = "Leave its Input out: the sequences say what they are."
        raise InvalidParameter(problem("with_lengths(network)", "an open network", shown(network, LONG), remedy))
    told, _ = _told(network)
    return join(parallel(Input(*shape), Input(1)), told)


def takes_lengths(layer: Any) -> bool:
    """Whether a layer has the option `lengths`, or is made of one that has."""
    if isinstance(layer, Bidirectional):
        return True
    return isinstance(layer, Layer) and any(field.name == "lengths" for field in dataclasses.fields(layer))  # type: ignore[arg-type]


def _told(part: Expression) -> tuple[Expression, bool]:
    """A part that takes (sequences, lengths), and whether it gives sequences of the same steps."""
    if _is_by_step(part) and not isinstance(part, Parallel):
        return join(Pick(0), part), True
    if isinstance(part, Chain):
        return _chain(_grouped(part))
    if isinstance(part, Parallel):
        return _branches(part)
    if takes_lengths(part):
        return _with(part), getattr(getattr(part, "layer", part), "output", "") == "all"
    remedy = "Use layers that look back (CausalConv) or take lengths (LSTM, TimePool), or give sequences of one length."
    expected = "layers that keep the padding out"
    raise InvalidParameter(
        problem("network", expected, f"{shown(part, LONG)}, which mixes steps and takes no lengths", remedy)
    )


def _chain(parts: list[Expression]) -> tuple[Expression, bool]:
    """Parts one after the other; from the first that gives no sequence on they are what they were."""
    made, still = _told(parts[0])
    for place, part in enumerate(parts[1:], start=1):
        if not still:
            return join(made, *parts[place:]), False
        if isinstance(parts[place - 1], Parallel):  # what follows merges the branches
            if not _is_by_step(part):
                remedy = "Write Concat(axis=2): axis 1 is that of the steps." if isinstance(part, Concat) else ""
                expected = "a layer that merges the branches step by step"
                raise InvalidParameter(problem("network", expected, shown(part, LONG), remedy))
            made = join(made, part)
            continue
        told, still = _told(part)
        made = join(parallel(made, Pick(1)), told)
    return made, still


def _grouped(chain: Chain) -> list[Expression]:
    """The parts, those that follow each other and go step by step as one."""
    groups: list[list[Expression]] = []
    together = False
    for part in chain.parts:
        by_step = _is_by_step(part) and not isinstance(part, Parallel)
        if not (by_step and together):
            groups.append([])
        groups[-1].append(part)
        together = by_step and not (len(groups) > 1 and isinstance(groups[-2][0], Parallel))  # a merge stands alone
    return [join(*group) if len(group) > 1 else group[0] for group in groups]


def _branches(part: Parallel) -> tuple[Expression, bool]:
    told = [_told(branch) for branch in part.branches]
    kinds = {still for _, still in told}
    if len(kinds) > 1:
        expected = "branches that all give sequences, or all give one vector a sequence"
        raise InvalidParameter(problem("network", expected, shown(part, LONG)))
    return parallel(*(branch for branch, _ in told)), kinds.pop()


def _with(layer: Any) -> Expression:
    if isinstance(layer, Bidirectional):
        return dataclasses.replace(layer, layer=_with(layer.layer))  # type: ignore[arg-type]
    made: Expression = dataclasses.replace(layer, lengths=True)
    return made


def _is_by_step(part: Any, recurrent: bool = False) -> bool:
    """Whether no step sees one behind it; layers that go back step by step are such, but gain by the lengths."""
    if isinstance(part, Concat):
        return part.axis not in STEPS
    if isinstance(part, (*BY_STEP, *BACKWARDS)):
        return True
    if isinstance(part, (Chain, Parallel)):
        return all(_is_by_step(p, recurrent) for p in (part.parts if isinstance(part, Chain) else part.branches))
    if isinstance(part, OF_OTHERS):
        inner = [getattr(part, field.name) for field in dataclasses.fields(part)]  # type: ignore[arg-type]
        return all(_is_by_step(each, True) for each in inner if isinstance(each, Expression))
    return recurrent and isinstance(part, RECURRENT) and part.output == "all"
