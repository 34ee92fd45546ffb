"""RBM, the restricted Boltzmann machine: visible and hidden units that explain each other, learned without labels.

Visible units v (the columns of X) and hidden units h in {0, 1} have the energy E and the probability exp(-E) / Z, and
what is learned makes the rows probable. With s the logistic function::

    Bernoulli   E(v, h) = -b v - c h - h W v                      v_i in {0, 1}; a number between is the chance of a 1
    Gaussian    E(v, h) = 1/2 |v - b|^2 - c h - h W v             v_i real, of unit variance
    p(h_j = 1 | v) = s(c_j + (W v)_j)                             what `transform` gives
    W <- W + e (<h v>_rows - <h v>_machine - lambda W)            and b, c alike; see ``contrastive_divergence``

======== ===================== =============================================== ==========
symbol   option                meaning                                         unit
======== ===================== =============================================== ==========
         ``n_components``      hidden units                                    units
         ``visible``           "bernoulli" or "gaussian"
e        ``learning_rate``     length of a step                                1
         ``epochs``            times that fit shows all rows                   epochs
         ``batch_size``        rows of an update; also the number of chains    rows
k        ``steps``             sweeps of the chains in an update               sweeps
         ``persistent``        chains that go on from update to update
mu       ``momentum``          share of the last step that stays               0 to 1
lambda   ``weight_decay``      pull of the weights to zero                     1
======== ===================== =============================================== ==========

References: Smolensky: Information processing in dynamical systems, 1986; Hinton: Training products of experts by
minimizing contrastive divergence, 2002; Tieleman: Training restricted Boltzmann machines using approximations to the
likelihood gradient, 2008; Hinton: A practical guide to training restricted Boltzmann machines, 2010.

It differs from scikit-learn's BernoulliRBM, which has persistent chains only, one sweep and no momentum, in these
options, in Gaussian units, and in a last batch that counts by its rows; from NeuPy's RBM also in keeping its chains
when it is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import learns
from netwright.classical.checkpoints import in_epochs
from netwright.classical.energy.boltzmann import (
    Array,
    Machine,
    free_energy,
    gibbs,
    hidden_probabilities,
    log_pseudo_likelihood,
    reconstruction,
    tossed,
    visible_units,
)
from netwright.classical.energy.epochs import Record, first_weights, machine_of, run
from netwright.classical.energy.network import OPTIONS, EnergyNetwork
from netwright.classical.energy.pieces import Pieces
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import Constraint, boolean, check, checks_options, integer, nothing, one_of, satisfies


def _has_bits(network: Any) -> bool:
    """Whether the pseudo-likelihood of a network has a closed form."""
    return bool(network.visible == "bernoulli")


class RBM(EnergyNetwork):
    """A restricted Boltzmann machine, p(v, h) = exp(-E(v, h)) / Z, learned by contrastive divergence.

    Its hidden units are features (`transform`), its free energy says how usual a row is, and it makes up new rows
    (`sample`). An update costs about 10 batch_size n_components n_features operations, with `steps` = 1.

    Parameters
    ----------
    n_components : hidden units, >= 1.
    visible : "bernoulli" for bits, or numbers in [0, 1] that are the chances of a 1; "gaussian" for numbers of mean 0
        and variance 1 (standardise the columns).
    learning_rate : length of a step, > 0: a number, a pair (first, last) that falls linearly from epoch to epoch, or a
        schedule. None is 0.1, and 0.001 for Gaussian units, whose gradients have no bound.
    epochs : times that fit shows all rows, >= 1.
    batch_size : rows of an update, >= 1; persistent chains are as many.
    steps : sweeps of the chains in an update, >= 1: k of CD-k. More is slower and nearer to the gradient.
    persistent : chains that are never reset: nearer to the gradient where the machine learns slowly. False: a chain
        begins at each row.
    momentum : share of the last step that stays, in [0, 1): a number, a pair or a schedule, as `learning_rate`;
        (0.5, 0.9) is usual.
    weight_decay : pull of the weights (not of the biases) to zero, >= 0; 1e-5 to 0.01 is usual.
    init : first weights, (n_components, n_features), or "normal": from N(0, 0.01^2). Biases begin at 0.
    shuffle : take the rows of each epoch in a random order; False: as they come.
    random_state : seed of weights, orders and draws; None, an integer >= 0, a RandomState or a Generator.
    n_jobs : workers for answers such as `transform`; None is one, or what ``joblib.parallel_config`` says.
    chunk_size : rows that are read together (rounded up to whole batches in a fit). Of a stream, rows are shuffled
        inside chunks only; arrays, frames and memmaps give the same bits whatever it is.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : W, (n_components, n_features).
    hidden_bias_, visible_bias_ : c and b, (n_components,) and (n_features,).
    chains_ : hidden states of the persistent chains, (batch_size, n_components); only with `persistent`.
    history_ : a record an epoch: "epoch"; "reconstruction_error", the mean square of a row less its `reconstruct`;
        "pseudo_likelihood", of Bernoulli units. Both of 64 rows (and 4 bits of each), the same after every epoch.
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features) -> probabilities of the hidden units (n, n_components)

    Raises
    ------
    InvalidData : a number outside of [0, 1] for Bernoulli units, or without a square for Gaussian ones, named with its
        row and column. InvalidParameter : an `init` of another shape or beyond 1e9. A DivergenceWarning where numbers
        blow up: the weights of the epoch before are kept.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.classical import RBM
    >>> X = np.repeat([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 50, axis=0)
    >>> rbm = RBM(4, epochs=60, random_state=0).fit(X)
    >>> rbm.reconstruct([[1, 1, 0, 0, 0, 0]]).round().astype(int)
    array([[1, 1, 1, 0, 0, 0]])
    >>> usual, strange = rbm.free_energy([[1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0]])
    >>> bool(usual < strange)
    True

    References
    ----------
    Hinton: Training products of experts by minimizing contrastive divergence, 2002.
    Tieleman: Training restricted Boltzmann machines using approximations to the likelihood gradient, 2008.
    Hinton: A practical guide to training restricted Boltzmann machines, 2010.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "n_components": integer(1),
        "init": one_of("normal")
        | satisfies("an array (n_components, n_features)", lambda value: isinstance(value, (np.ndarray, list, tuple))),
        **OPTIONS,
    }

    @checks_options
    def __init__(
        self,
        n_components: int = 256,
        *,
        visible: str = "bernoulli",
        learning_rate: Any = None,
        epochs: int = 10,
        batch_size: int = 10,
        steps: int = 1,
        persistent: bool = False,
        momentum: Any = 0.0,
        weight_decay: float = 0.0,
        init: Any = "normal",
        shuffle: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
        chunk_size: int = 4096,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.n_components = n_components
        self.visible = visible
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.steps = steps
        self.persistent = persistent
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.init = init
        self.shuffle = shuffle
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.chunk_size = chunk_size
        self.checkpoint = checkpoint
        self.resume = resume

    @learns
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the rows of X, beginning anew.

        Parameters
        ----------
        X : (n, n_features) array, frame or memmap; or an iterable of such arrays that can be gone through again.
        y : not used.

        Returns
        -------
        the machine itself.
        """
        pieces = self._training_rows(X, reset=True)
        self._begin(pieces)
        in_epochs(self, pieces, partial(self._learn, pieces))
        return self

    @learns
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn one epoch from the rows of X, going on from where the machine is, also in its schedules.

        Parameters
        ----------
        X : as in `fit`.
        y : not used.

        Returns
        -------
        the machine itself.
        """
        if hasattr(self, "weights_"):
            pieces = self._training_rows(X, reset=False, dtype=self.weights_.dtype)
        else:
            pieces = self._training_rows(X, reset=True)
            self._begin(pieces)
        return self._learn(pieces, 1)

    def transform(self, X: Any) -> Array:
        """The probabilities of the hidden units, p(h_j = 1 | v) = s(c_j + (W v)_j).

        Parameters
        ----------
        X : (n, n_features), any source of `fit`.

        Returns
        -------
        (n, n_components), numbers in (0, 1).
        """
        return self._of_rows(hidden_probabilities, X)

    def reconstruct(self, X: Any) -> Array:
        """The mean of p(v | h) with the hidden units at their probabilities: up and down without chance.

        Parameters
        ----------
        X : (n, n_features).

        Returns
        -------
        (n, n_features): probabilities of Bernoulli units, means of Gaussian ones.
        """
        return self._of_rows(reconstruction, X)

    def free_energy(self, X: Any) -> Array:
        """F(v) = -log sum_h exp(-E(v, h)): rows of lower free energy are more probable, p(v) = exp(-F(v)) / Z.

        Parameters
        ----------
        X : (n, n_features).

        Returns
        -------
        (n,)
        """
        return self._of_rows(free_energy, X)

    @available_if(_has_bits)  # type: ignore[untyped-decorator]
    def score_samples(self, X: Any) -> Array:
        """The log pseudo-likelihood of each row: the sum over all bits of log p(bit | the other bits).

        A bit that is a number x between 0 and 1 counts as x against 1 - x.

        Parameters
        ----------
        X : (n, n_features).

        Returns
        -------
        (n,), numbers <= 0. It costs n n_features n_components operations; `pseudo_likelihood` can ask fewer bits.
        """
        return self._of_rows(log_pseudo_likelihood, X)

    @available_if(_has_bits)  # type: ignore[untyped-decorator]
    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `score_samples`: greater is better.

        Parameters
        ----------
        X : (n, n_features).
        y : not used.
        """
        return float(np.mean(self.score_samples(X), dtype=np.float64))

    @available_if(_has_bits)  # type: ignore[untyped-decorator]
    def pseudo_likelihood(self, X: Any, bits: int | None = None, *, random_state: Any = None) -> float:
        """The mean log pseudo-likelihood of the rows, of all bits or of some bits of each row at random.

        Parameters
        ----------
        X : (n, n_features).
        bits : bits of each row, drawn with replacement, that stand for all; None for all, as `score`.
        random_state : seed of that draw; None for the same one at each call.
        """
        check("RBM.pseudo_likelihood(bits)", bits, nothing | integer(1))
        if bits is None:
            return float(self.score(X))
        check_is_fitted(self)
        rows = self._rows(X, self.weights_.dtype)
        rng = np.random.default_rng(self._seed_for("bits", random_state))
        parts = ((piece, rng.integers(rows.width, size=(len(piece), bits))) for piece in rows)
        found = self._answered(_some_bits, machine_of(self), parts)
        return float(np.mean(found, dtype=np.float64)) * rows.width / bits

    def gibbs(self, X: Any, steps: int = 1, *, means: bool = False, random_state: Any = None) -> Array:
        """Visible units after so many sweeps v -> h -> v that begin at the rows of X; each row is a chain of its own.

        The numbers that a chain draws depend on the seed, on the sweep and on the place of its row, so that the first
        rows of X alone give the same chains.

        Parameters
        ----------
        X : (n, n_features).
        steps : sweeps, >= 1.
        means : give the mean of the last p(v | h) in place of a draw from it.
        random_state : seed; None for the same one at each call, which follows from that of the fit.

        Returns
        -------
        (n, n_features): 0 and 1 of Bernoulli units.
        """
        check_is_fitted(self)
        check("RBM.gibbs(steps)", steps, integer(1))
        check("RBM.gibbs(means)", means, boolean)
        rows = self._rows(X, self.weights_.dtype)
        seed = self._seed_for("gibbs", random_state)
        parts = ((piece, derive(seed, "chunk", number)) for number, piece in enumerate(rows))
        return self._answered(_chains, (machine_of(self), steps, means), parts)

    def sample(self, n: int = 1, steps: int = 1000, *, means: bool = False, random_state: Any = None) -> Array:
        """New rows: where chains are after so many sweeps.

        They begin at the persistent chains where there are some (one after the other, and again), else at hidden units
        drawn by fair coins.

        Parameters
        ----------
        n : rows, >= 1.
        steps : sweeps, >= 1: the more, the less the beginning matters.
        means : give the mean of the last p(v | h) in place of a draw from it: smoother images.
        random_state : seed; None for the same one at each call, which follows from that of the fit.

        Returns
        -------
        (n, n_features)
        """
        check_is_fitted(self)
        check("RBM.sample(n)", n, integer(1))
        check("RBM.sample(steps)", steps, integer(1))
        check("RBM.sample(means)", means, boolean)
        seed, machine = self._seed_for("sample", random_state), machine_of(self)
        chains = getattr(self, "chains_", None)
        if chains is None:
            hidden = tossed(np.full((n, len(self.weights_)), 0.5, self.weights_.dtype), derive(seed, "coins"))
        else:
            hidden = chains[np.arange(n) % len(chains)]
        return gibbs(machine, visible_units(machine, hidden, derive(seed, "start")), steps, seed, means)

    @property
    def _n_features_out(self) -> int:
        return len(self.weights_)

    def _of_rows(self, function: Any, X: Any) -> Array:
        check_is_fitted(self)
        return self._answered(function, machine_of(self), self._rows(X, self.weights_.dtype))

    def _begin(self, pieces: Pieces) -> None:
        """First weights; nothing is left of an earlier fit."""
        width, dtype = pieces.width, pieces.dtype
        self.seed_ = to_seed(self.random_state)
        self.n_features_in_, self.n_iter_ = width, 0
        self.history_: list[Record] = []
        self.weights_ = first_weights(self.init, (self.n_components, width), self.seed_, dtype)
        self.hidden_bias_, self.visible_bias_ = np.zeros(self.n_components, dtype), np.zeros(width, dtype)
        self._velocity: tuple[Array, ...] | None = None
        self.__dict__.pop("chains_", None)

    def _learn(self, pieces: Pieces, epochs: int) -> Self:
        """So many epochs over rows that are read; what was learned changes when they are done."""
        state, records = run(self, pieces, epochs)
        self.weights_ = np.ascontiguousarray(state.machine.weights.T)
        self.hidden_bias_, self.visible_bias_ = state.machine.hidden_bias, state.machine.visible_bias
        self._velocity = None if state.velocity is None else tuple(state.velocity)
        if state.chains is not None:
            self.chains_ = state.chains
        self.n_iter_ += len(records)
        self.history_ = [*self.history_, *records]
        return self


def _some_bits(machine: Machine, part: tuple[Array, Array]) -> Array:
    return log_pseudo_likelihood(machine, *part)


def _chains(how: tuple[Machine, int, bool], part: tuple[Array, int]) -> Array:
    (machine, steps, means), (rows, seed) = how, part
    return gibbs(machine, rows, steps, seed, means)
