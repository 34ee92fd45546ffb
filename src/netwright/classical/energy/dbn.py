"""DBN, the deep belief network: machines on top of each other, each of which learns what the one below makes of X.

With rows v_0 of X and the layers l = 1, 2..., one after the other::

    machine l learns the rows v_(l-1)              as an `RBM`, by contrastive divergence
    v_l = p(h = 1 | v_(l-1)) = s(c_l + W_l v_(l-1))

A layer that is added can only raise a bound on the likelihood of the rows, if it begins as the one below. The whole is
a generative model: the two topmost layers are a restricted Boltzmann machine, and what it makes up is handed down::

    v_(l-1) drawn from p(v_(l-1) | v_l) = s(b_l + W_l^T v_l)

======== =========== ================================ =======
symbol   option      meaning                          unit
======== =========== ================================ =======
         ``layers``  widths of v_1, v_2, ...          units
======== =========== ================================ =======

and the options of `RBM`, which hold for every layer.

References: Hinton, Osindero, Teh: A fast learning algorithm for deep belief nets, 2006; Bengio, Lamblin, Popovici,
Larochelle: Greedy layer-wise training of deep networks, 2007.

It differs from the paper in having no labels among the units of the top (put them on with ``pretrained``, which hands
the layers to a classifier) and in leaving out the up-down fine-tuning of the generative weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import learns
from netwright.classical.checkpoints import in_epochs
from netwright.classical.energy.boltzmann import Array, Machine, hidden_probabilities, visible_means, visible_units
from netwright.classical.energy.epochs import machine_of
from netwright.classical.energy.network import OPTIONS, EnergyNetwork
from netwright.classical.energy.rbm import RBM
from netwright.core.generations import checkpoints_of
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import Constraint, boolean, check, checks_options, integer, tuple_of


class DBN(EnergyNetwork):
    """A deep belief network: a stack of `RBM`, each learned on v_l = s(c_l + W_l v_(l-1)) of the one below.

    Use it for features of features (`transform`), to make up rows (`sample`), or as the first weights of a network with
    few labels (``netwright.estimators.pretrained``).

    Parameters
    ----------
    layers : widths of the hidden layers from the bottom to the top, each >= 1.
    visible : of the lowest layer, as in `RBM`: "bernoulli" for numbers in [0, 1], "gaussian" for standardised columns.
    learning_rate, epochs, batch_size, steps, persistent, momentum, weight_decay, shuffle : of each layer, as in `RBM`.
    random_state : seed of everything; None, an integer >= 0, a RandomState or a Generator.
    n_jobs : workers for answers such as `transform`; None is one, or what ``joblib.parallel_config`` says.
    chunk_size : rows that are read together, as in `RBM`. What a machine learns from is computed chunk by chunk, so
        that no layer needs memory for all rows.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    rbms_ : the machines from the bottom to the top, a list of fitted `RBM`; each has its ``weights_`` and its
        ``history_``.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features) -> probabilities of the topmost units (n, layers[-1])

    Raises
    ------
    InvalidData : a number outside of [0, 1] for Bernoulli units, named with its row and column. A DivergenceWarning
        where the numbers of a layer blow up.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.classical import DBN
    >>> X = np.repeat([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 50, axis=0)
    >>> dbn = DBN((8, 2), epochs=60, random_state=0).fit(X)
    >>> [rbm.weights_.shape for rbm in dbn.rbms_], dbn.transform(X).shape
    ([(8, 6), (2, 8)], (100, 2))
    >>> dbn.reconstruct([[1, 1, 0, 0, 0, 0]]).round().astype(int)
    array([[1, 1, 1, 0, 0, 0]])

    References
    ----------
    Hinton, Osindero, Teh: A fast learning algorithm for deep belief nets, 2006.
    Bengio, Lamblin, Popovici, Larochelle: Greedy layer-wise training of deep networks, 2007.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {"layers": tuple_of(integer(1), least=1), **OPTIONS}

    @checks_options
    def __init__(
        self,
        layers: Sequence[int] = (256, 64),
        *,
        visible: str = "bernoulli",
        learning_rate: Any = None,
        epochs: int = 10,
        batch_size: int = 10,
        steps: int = 1,
        persistent: bool = False,
        momentum: Any = 0.0,
        weight_decay: float = 0.0,
        shuffle: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
        chunk_size: int = 4096,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.layers = layers
        self.visible = visible
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.steps = steps
        self.persistent = persistent
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.shuffle = shuffle
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.chunk_size = chunk_size
        self.checkpoint = checkpoint
        self.resume = resume

    @learns
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn layer by layer from the rows of X, beginning anew.

        Parameters
        ----------
        X : (n, n_features) array, frame or memmap; or an iterable of such arrays that can be gone through again.
        y : not used.

        Returns
        -------
        the network itself.
        """
        rows = self._training_rows(X, reset=True)
        self.seed_ = to_seed(self.random_state)
        self.rbms_: list[RBM] = []
        options = self.get_params(deep=False)
        del options["layers"]
        for number, width in enumerate(self.layers):
            options["random_state"] = derive(self.seed_, "layer", number)
            if self.checkpoint is not None:
                options["checkpoint"] = checkpoints_of(self.checkpoint).within(f"layer{number}")
                if self.random_state is None:  # each layer has the seed of its beginning in its folder
                    options["random_state"] = None
            rbm, lifted = RBM(width, **options), rows.lifted(self._machines())
            rbm._begin(lifted)
            in_epochs(rbm, lifted, partial(rbm._learn, lifted))
            self.rbms_.append(rbm.set_params(checkpoint=None))
            options["visible"] = "bernoulli"
        if options["random_state"] is None:
            self.seed_ = self.rbms_[0].seed_
        return self

    def transform(self, X: Any) -> Array:
        """The probabilities of the topmost units, v_l = s(c_l + W_l v_(l-1)) layer by layer.

        Parameters
        ----------
        X : (n, n_features), any source of `fit`.

        Returns
        -------
        (n, layers[-1]), numbers in (0, 1).
        """
        return self._of_rows(_up, X)

    def reconstruct(self, X: Any) -> Array:
        """Up to the top and down again without chance: every layer at its probabilities.

        Parameters
        ----------
        X : (n, n_features).

        Returns
        -------
        (n, n_features): probabilities of Bernoulli units, means of Gaussian ones.
        """
        return self._of_rows(_up_and_down, X)

    def sample(self, n: int = 1, steps: int = 1000, *, means: bool = False, random_state: Any = None) -> Array:
        """New rows: what the topmost machine makes up by so many sweeps, drawn downwards layer by layer.

        Parameters
        ----------
        n : rows, >= 1.
        steps : sweeps of the topmost machine, >= 1.
        means : give the mean of the visible units in place of a draw: smoother images.
        random_state : seed; None for the same one at each call, which follows from that of the fit.

        Returns
        -------
        (n, n_features)
        """
        check_is_fitted(self)
        check("DBN.sample(n)", n, integer(1))
        check("DBN.sample(steps)", steps, integer(1))
        check("DBN.sample(means)", means, boolean)
        seed, *below = self._seed_for("sample", random_state), *self._machines()[:-1]
        only = not below
        rows = self.rbms_[-1].sample(n, steps, means=means and only, random_state=derive(seed, "top"))
        for number, machine in reversed(list(enumerate(below))):
            rows = visible_units(machine, rows, None if means and number == 0 else derive(seed, "down", number))
        return rows

    @property
    def _n_features_out(self) -> int:
        return len(self.rbms_[-1].weights_)

    def _machines(self) -> tuple[Machine, ...]:
        return tuple(machine_of(rbm) for rbm in self.rbms_)

    def _of_rows(self, function: Any, X: Any) -> Array:
        check_is_fitted(self)
        return self._answered(function, self._machines(), self._rows(X, self.rbms_[0].weights_.dtype))


def _up(machines: Sequence[Machine], rows: Array) -> Array:
    for machine in machines:
        rows = hidden_probabilities(machine, rows)
    return rows


def _up_and_down(machines: Sequence[Machine], rows: Array) -> Array:
    hidden = _up(machines, rows)
    for machine in reversed(machines):
        hidden = visible_means(machine, hidden)
    return hidden
