"""Growing neural gas: units that multiply where the data are badly represented, joined by edges where data lie.

One step for a row x; s1 and s2 are the nearest and the second nearest unit, N(s1) the neighbours of s1 by an edge::

    age(s1, i) <- age(s1, i) + 1                        for all i in N(s1)
    E_s1  <- E_s1 + ||x - w_s1||^2
    w_s1  <- w_s1 + eps_b (x - w_s1),   w_i <- w_i + eps_n (x - w_i)   for all i in N(s1)
    age(s1, s2) <- 0                                    the edge is made if there is none
    edges with age > a_max go, and units that lose their last edge by it
    after every lambda rows:   q = argmax E,  f = argmax of E in N(q),  a new unit r between them
        w_r = (w_q + w_f) / 2,  edges q-r and r-f for q-f,  E_q <- alpha E_q,  E_f <- alpha E_f,  E_r = E_q
    E_i   <- d E_i                                      for all units

With `utility` = k (GNG-U) units also go that the network would not miss, so that it can follow data that change::

    U_s1  <- U_s1 + ||x - w_s2||^2 - ||x - w_s1||^2,  U_r = (U_q + U_f) / 2,  U_i <- d U_i
    the unit of least U goes where max E > k min U      after each row, with its edges

=========== =================== ======================================================
symbol      argument            meaning
=========== =================== ======================================================
eps_b       ``learning_rate``   share of the way to the row that the winner goes
eps_n       ``neighbor_rate``   and its neighbours
a_max       ``max_age``         wins of its ends that an edge outlives without being used
lambda      ``insert_every``    rows between two insertions
alpha       ``alpha``           what is left of the errors of q and f
d           ``beta``            what is left of all errors after a row
k           ``utility``         greatest error against least utility
=========== =================== ======================================================

References: Fritzke: A growing neural gas network learns topologies, 1995; Fritzke: A self-organizing network that can
follow non-stationary distributions, 1997 (GNG-U).

Where the papers are silent: the first of equals is taken; q is looked for among units that have an edge. NeuPy adds the
distance and not its square to the error, ages a new edge at once, and gives the new unit an error of 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from netwright.classical.competing_units import CompetingUnits
from netwright.classical.gas.edges import components, to_pairs
from netwright.classical.gas.growing_step import SHOWN, SIZE, Gas, Rule, gas_of, learn_epoch
from netwright.classical.nearest import (
    FIRST_UNITS,
    distances,
    first_units,
    nearest,
    require_squares,
    shown_rows,
    tiny_difference,
    warn_of_twins,
)
from netwright.classical.rates import over_steps, varying
from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import RANDOM_STATE, to_seed
from netwright.core.validation import Constraint, boolean, checks_options, integer, nothing, number

if TYPE_CHECKING:
    import networkx

ENDLESS = 1 << 62  # rows or units that no run reaches; more does not fit into an integer of the kernel


class GrowingNeuralGas(CompetingUnits):
    """Learn a graph of units that has the form of the data; its connected components are the clusters.

    Growth begins with two units. The number of clusters need not be known, and they may have any form: rows belong
    together where a path of edges leads from one to the other.

    Parameters
    ----------
    max_nodes : units at which growth ends, >= 2. More units follow finer forms; there is one unit for every
        `insert_every` rows at most.
    learning_rate : share of the way to the row that the winner goes (eps_b), in (0, 1]; a number, a pair (first, last)
        that falls linearly over the run, or a schedule. 0.2 as in the paper.
    neighbor_rate : the same for the winner's neighbours (eps_n), in [0, 1]; 0.006 as in the paper.
    max_age : an edge goes when its ends won that many times since it was used last (wins), >= 0. Low ages separate
        clusters better and tear more holes; with many units or rows that lie thinly take a higher one.
    insert_every : rows between two insertions (lambda), >= 1.
    alpha : share of their error that the two units keep between which one is inserted, in [0, 1].
    beta : share of its error that each unit keeps after a row (d in the paper), in [0, 1].
    utility : greatest error over least utility at which the least useful unit is removed (k of GNG-U), > 0; None for
        networks that need not forget. Low values forget quickly.
    target_error : mean squared distance of the last `insert_every` rows to their winners at or below which no unit is
        inserted, in squared units of X, >= 0; None to grow to `max_nodes`.
    epochs : times that each row is shown in `fit`, >= 1.
    init : "sample", two rows by chance, or an array of two or more first units.
    shuffle : rows in another order in each epoch; False in their own.
    random_state : seed of rows and orders.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : the units, in the order in which they were made, (n_units, n_features).
    edges_ : pairs of units that are joined, sorted, (n_edges, 2).
    ages_ : wins of the ends of each edge since it was used, (n_edges,).
    errors_ : errors E of the units, (n_units,).
    utilities_ : utilities U of the units, (n_units,); 0 where `utility` is None.
    component_ : connected component of each unit, (n_units,); 0 has the most rows of the last call.
    labels_ : component of each row of the last call, (n,).
    quantization_error_ : mean distance of the rows of the last call to their winners.
    n_iter_ : epochs done.
    n_steps_ : rows shown.
    seed_ : seed that `random_state` gave.

    Notes
    -----
    X (n, n_features) -> predict (n,), transform (n, n_units)

    Raises
    ------
    InvalidData : NaN, infinity, fewer than two rows, numbers whose squares are too large.
    InvalidParameter : an option that cannot be, or first units of another width.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from netwright.classical import GrowingNeuralGas
    >>> X, y = make_moons(1000, noise=0.05, random_state=0)
    >>> gas = GrowingNeuralGas(random_state=0).fit(X)
    >>> gas.weights_.shape, len(np.unique(gas.component_))
    ((100, 2), 2)
    >>> gas.predict([[-1, 0], [2, 0.5]])
    array([0, 1])

    References
    ----------
    Fritzke, *A growing neural gas network learns topologies*, 1995. Fritzke, *A self-organizing network that can
    follow non-stationary distributions*, 1997.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "max_nodes": integer(2),
        "learning_rate": varying(0, 1),
        "neighbor_rate": varying(0, 1, "both"),
        "max_age": integer(0),
        "insert_every": integer(1),
        "alpha": number(0, 1),
        "beta": number(0, 1),
        "utility": number(0, closed="right") | nothing,
        "target_error": number(0) | nothing,
        "epochs": integer(1),
        "init": FIRST_UNITS,
        "shuffle": boolean,
        "random_state": RANDOM_STATE,
    }
    least_rows: ClassVar[int] = 2

    @checks_options
    def __init__(
        self,
        max_nodes: int = 100,
        *,
        learning_rate: Any = 0.2,
        neighbor_rate: Any = 0.006,
        max_age: int = 50,
        insert_every: int = 100,
        alpha: float = 0.5,
        beta: float = 0.995,
        utility: float | None = None,
        target_error: float | None = None,
        epochs: int = 20,
        init: Any = "sample",
        shuffle: bool = True,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.max_nodes = max_nodes
        self.learning_rate = learning_rate
        self.neighbor_rate = neighbor_rate
        self.max_age = max_age
        self.insert_every = insert_every
        self.alpha = alpha
        self.beta = beta
        self.utility = utility
        self.target_error = target_error
        self.epochs = epochs
        self.init = init
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The cluster of each row: the connected component of its nearest unit.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        numbers of components, (n,)
        """
        winners = self.winners(X)
        clusters: NDArray[np.int64] = self.component_[winners]
        return clusters

    def winners(self, X: Any) -> NDArray[np.int64]:
        """The nearest unit of each row.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        places in ``weights_``, (n,)
        """
        return nearest(self._rows(X), self.weights_)[0]

    def graph(self) -> networkx.Graph:
        """The units and their edges as a graph of networkx.

        Returns
        -------
        networkx.Graph : nodes 0, 1, ... with ``weight`` (array), ``error`` and ``component``; edges with ``age``.

        Raises
        ------
        InvalidParameter : networkx is not installed.
        """
        check_is_fitted(self)
        try:
            import networkx as nx
        except ImportError as missing:
            remedy = "Install it: pip install networkx; or use weights_ and edges_."
            where = "GrowingNeuralGas.graph()"
            raise InvalidParameter(problem(where, "the package networkx", str(missing), remedy)) from missing
        graph = nx.Graph()
        units = zip(self.weights_, self.errors_.tolist(), self.component_.tolist(), strict=True)
        for unit, (weight, error, component) in enumerate(units):
            graph.add_node(unit, weight=weight.copy(), error=error, component=component)
        for (one, other), age in zip(self.edges_.tolist(), self.ages_.tolist(), strict=True):
            graph.add_edge(one, other, age=age)
        return graph

    def _answers(self, rows: NDArray[Any]) -> NDArray[Any]:
        return distances(rows, self.weights_)

    def _begin(self, rows: NDArray[Any]) -> None:
        """The first units, without edges and errors."""
        self.seed_, self.n_iter_ = to_seed(self.random_state), 0
        units = first_units("GrowingNeuralGas", self.init, rows, 2, self.seed_)
        if not 2 <= len(units) <= self.max_nodes:
            expected = f"2 to max_nodes = {self.max_nodes} units"
            raise InvalidParameter(problem("GrowingNeuralGas(init)", expected, f"{len(units)}", "Change max_nodes."))
        warn_of_twins("GrowingNeuralGas", units)
        self.weights_ = units
        self.errors_, self.utilities_ = np.zeros((2, len(units)), units.dtype)
        self.edges_, self.ages_ = np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
        self.n_steps_, self._recent = 0, 0.0

    def _learn(self, rows: NDArray[Any], epochs: int) -> None:
        require_squares(rows)
        units = (self.weights_, self.errors_, self.utilities_)
        gas = gas_of(*units, self.edges_, self.ages_, self._recent, self.n_steps_)
        rule = self._rule(rows.dtype)
        for _ in range(epochs):
            order = shown_rows(len(rows), self.shuffle, self.seed_, self.n_iter_)
            rates = (self._rates(option, len(rows)).astype(rows.dtype) for option in ("learning_rate", "neighbor_rate"))
            gas = learn_epoch(gas, rule, rows, order, *rates)
            self.n_iter_ += 1
        self._keep(gas, rows)

    def _rates(self, option: str, steps: int) -> NDArray[np.float64]:
        """A rate at each step of the epoch, (steps,)."""
        where = f"GrowingNeuralGas({option})"
        return over_steps(getattr(self, option), self.n_iter_, self.epochs, steps, where=where, most=1)

    def _rule(self, dtype: Any) -> Rule:
        return Rule(
            numbers=np.array([self.alpha, self.beta, tiny_difference(dtype)], dtype=dtype),
            max_age=min(self.max_age, ENDLESS),
            max_nodes=min(self.max_nodes, ENDLESS),
            insert_every=min(self.insert_every, ENDLESS),
            utility=np.inf if self.utility is None else float(self.utility),
            target=-1.0 if self.target_error is None else float(self.target_error),
        )

    def _keep(self, gas: Gas, rows: NDArray[Any]) -> None:
        n = int(gas.counts[SIZE])
        self.weights_ = gas.units[:, :n].T.copy()
        self.errors_, self.utilities_ = gas.errors[:n].copy(), gas.utilities[:n].copy()
        self.edges_, self.ages_ = to_pairs(gas.edges, n)
        self.n_steps_, self._recent = int(gas.counts[SHOWN]), float(gas.recent[0])
        winners, squares = nearest(rows, self.weights_)
        self.quantization_error_ = float(np.sqrt(squares).mean(dtype=np.float64))
        self.component_ = components(self.edges_, n, winners)
        self.labels_ = self.component_[winners]
