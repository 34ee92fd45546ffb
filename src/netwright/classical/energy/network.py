"""What RBM and DBN share: their options, how they read rows, and how they answer chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork
from netwright.classical.chunks import in_order
from netwright.classical.energy.boltzmann import Array
from netwright.classical.energy.pieces import Pieces
from netwright.classical.rates import varying
from netwright.classical.rows import FLOATS
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, boolean, integer, nothing, number, one_of

OPTIONS: Mapping[str, Constraint] = {
    "visible": one_of("bernoulli", "gaussian"),
    "learning_rate": nothing | varying(),
    "epochs": integer(1),
    "batch_size": integer(1),
    "steps": integer(1),
    "persistent": boolean,
    "momentum": varying(0, 1, closed="left"),
    "weight_decay": number(0),
    "shuffle": boolean,
    "random_state": RANDOM_STATE,
    "n_jobs": nothing | integer(1) | integer(high=-1),
    "chunk_size": integer(1),
}


class EnergyNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassicalNetwork, shared=True):
    """The base of networks whose visible units have an energy; an author adds the options and what is learned."""

    visible: str
    batch_size: int
    chunk_size: int
    n_jobs: int | None
    seed_: int

    def _training_rows(self, X: Any, *, reset: bool, dtype: Any = FLOATS) -> Pieces:
        """The rows of a fit, in pieces of whole batches."""
        whole_batches = -(-self.chunk_size // self.batch_size) * self.batch_size
        return Pieces(self, X, reset=reset, unit=self.visible == "bernoulli", size=whole_batches, dtype=dtype)

    def _rows(self, X: Any, dtype: Any) -> Pieces:
        """The rows of a question, in chunks."""
        check_is_fitted(self)
        return Pieces(self, X, reset=False, unit=self.visible == "bernoulli", size=self.chunk_size, dtype=dtype)

    def _answered(self, function: Callable[..., Array], known: Any, parts: Iterable[Any]) -> Array:
        """``function(known, part)`` of every part, joined; computed by `n_jobs` workers."""
        return np.concatenate(list(in_order(partial(function, known), parts, self.n_jobs)))

    def _seed_for(self, purpose: str, random_state: Any) -> int:
        """The seed of a draw: the user's, or one that follows from that of the fit."""
        return derive(self.seed_, purpose) if random_state is None else to_seed(random_state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.visible == "gaussian"  # else numbers must lie in [0, 1]
        tags.input_tags.positive_only = self.visible == "bernoulli"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
