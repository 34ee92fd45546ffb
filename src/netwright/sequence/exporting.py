"""Estimators of sequences as one graph: sequences and their lengths go in, answers in the user's terms come out.

========== ================================================== =============================================
input      what it is                                         what the graph does
========== ================================================== =============================================
sequences  numbers (batch, steps, features); behind the end   mean 0, deviation 1
           of a sequence anything
tokens     texts (batch, steps); behind the end ""            numbers of the vocabulary; an unknown one has
                                                              the number of unknown ones
lengths    valid steps (batch,)                               keeps what is behind them out
========== ================================================== =============================================
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.estimators.exporting.answers import PROBABILITIES, class_answer
from netwright.estimators.exporting.distributions import PREDICTION, Answer, Unit
from netwright.estimators.exporting.estimator import plain_copy
from netwright.estimators.exporting.graph import Entrance, Graph, Pipeline
from netwright.estimators.networks import split_heads
from netwright.estimators.scaling import Scaler
from netwright.graph.export.exporter import SAMPLES, Axes
from netwright.sequence.encoding import Scaled, Words
from netwright.sequence.targets import Labels, Quantities, Tags

STEPS = 7  # of the sequences that are shown to the exporter; any other number works in the file
AXES = {0: "batch", 1: "steps"}


class SequenceEntrance(torch.nn.Module):
    """Scaled numbers, or numbers of tokens, and lengths as networks take them.

    Parameters
    ----------
    scaler : of numbers; None for tokens.
    """

    def __init__(self, scaler: Scaler | None) -> None:
        super().__init__()
        self.unit = None if scaler is None else Unit(scaler)

    def forward(self, sequences: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, steps, ...), (batch,) -> the same as float32 or integers, (batch, 1)"""
        if self.unit is not None:
            sequences = ((sequences - self.unit.mean) / self.unit.scale).float()
        return sequences, lengths[:, None].float()


class StepTags(torch.nn.Module):
    """The probability of each tag at each step, and the most probable one."""

    def forward(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, steps, tags) -> the same, (batch, steps)"""
        return outputs.softmax(-1), outputs.argmax(-1)


class SequenceNumbers(torch.nn.Module):
    """Numbers of sequences or steps in the unit of the target.

    Parameters
    ----------
    target : the fitted one.
    """

    def __init__(self, target: Quantities) -> None:
        super().__init__()
        self.flat, self.unit = target.flat, Unit(target.scaler)

    def forward(self, outputs: Tensor) -> tuple[Tensor]:
        """(batch, [steps,] m) -> the same, of one number (batch[, steps])"""
        found = self.unit(outputs.double())
        return (found[..., 0] if self.flat else found,)


def graph_of_sequences(self: Any, steps: int | None = None) -> Graph:
    """The graph of a fitted estimator of sequences.

    Parameters
    ----------
    self : the estimator. steps : to how many sequences are filled up; None: any number.

    Raises
    ------
    InvalidParameter : a CRF, or tokens that are spelled.
    """
    where, encoder = f"{type(self).__name__}.export", self._input
    if getattr(self, "chain_", None) is not None:
        got, remedy = "a CRF, whose best path is a loop", "Fit it with head='softmax'."
        raise InvalidParameter(problem(where, "tags of each step by itself", got, remedy))
    if not isinstance(encoder, (Scaled, Words)):
        got, remedy = (
            "tokens that are read letter by letter",
            "Export its network alone: torch.onnx.export(model.module_, ...).",
        )
        raise InvalidParameter(problem(where, "numbers or whole words", got, remedy))
    body, link = split_heads(plain_copy(self.module_))
    answer, meanings, known = _answer(self._target, link)
    count = STEPS if steps is None else steps
    lengths = Entrance("lengths", torch.full((SAMPLES,), count), "how many steps of each sequence are valid")
    content = {"kind": type(self).__name__, "network": repr(self.network_), "steps": steps, **known, **_told(encoder)}
    module = Pipeline(SequenceEntrance(encoder.scaler if isinstance(encoder, Scaled) else None), body, answer)
    axes = AXES if steps is None else {0: "batch"}
    return Graph(module, [_entrance(encoder, count, axes), lengths], meanings, content)


def _entrance(encoder: Scaled | Words, steps: int, axes: Axes) -> Entrance:
    if isinstance(encoder, Scaled):
        batch = torch.zeros(SAMPLES, steps, *encoder.shape, dtype=torch.float64)
        return Entrance("sequences", batch, "raw numbers, as in fit, filled up to one length", axes=axes)
    words = encoder.vocabulary
    first = len(words) - len(words.symbols)  # the number of the first word, behind padding and unknown
    codes = {"": 0} | {word: place for place, word in enumerate(words.symbols, start=first)}
    batch = torch.zeros(SAMPLES, steps, dtype=torch.int64)
    return Entrance("tokens", batch, 'words, filled up to one length with ""', codes, axes, words.unknown_index or 0)


def _told(encoder: Scaled | Words) -> dict[str, Any]:
    if isinstance(encoder, Scaled):
        return {"features": encoder.shape[0]}
    return {"vocabulary": encoder.vocabulary.to_state()}


def _answer(target: Any, link: str) -> Answer:
    if isinstance(target, Labels):
        return class_answer(target.classes, link)
    if isinstance(target, Tags):
        meanings = {"probabilities": f"{PROBABILITIES}, at each step", "index": "the place of the most probable class"}
        return StepTags(), meanings, {"classes": list(target.labels)}
    return SequenceNumbers(target), PREDICTION, {}
