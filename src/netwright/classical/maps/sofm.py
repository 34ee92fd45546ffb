"""Self-organizing map (Kohonen): units on a grid, of which neighbours become alike.

The nearest unit b of a row x wins; it and its neighbours on the grid move towards the row::

    b = argmin_u dist(x, w_u)
    online   w_u <- w_u + eta h(d_bu, s) (x - w_u)                  row by row
    batch    w_u <- sum_x h(d_b(x)u, s) x / sum_x h(d_b(x)u, s)     all rows at once, without a rate

with d the distance on the grid and the neighbourhood h, such as exp(-d^2 / 2 s^2); rate eta and radius s fall.

======= ======================= =========================================== ===================
symbol  option                  meaning                                     unit
======= ======================= =========================================== ===================
dist    ``metric``              which unit is nearest                       as X
d       ``shape, topology,      distance of two units                       grid: 1 between
        toroidal``                                                          cells with an edge
h       ``neighborhood``        share of the winner's step                  1
s       ``radius``              width of h; from half of the grid to 0.7    grid
                                by default
eta     ``learning_rate``       step of the winner (online)                 1
======= ======================= =========================================== ===================

Time runs from 0 to `epochs`. Online it is that of the row; a batch has the times 0, 1, ..., epochs - 1, stretched so
that the first epoch has the first radius and the last epoch the last one.

References: Kohonen: Self-organized formation of topologically correct feature maps, 1982; Kohonen: Self-organizing
maps, 3rd edition, 2001.

It differs from NeuPy's in a Gaussian of the distance on the grid (there a mean over the axes of exp(-d^2 / 2 pi s^2),
constant on hexagons), in a `predict` that gives numbers of units, and in batches, tori and a radius that falls within
an epoch.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from netwright.classical.base import learns
from netwright.classical.checkpoints import each_epoch
from netwright.classical.chunks import Chunks, in_order, one_thread
from netwright.classical.maps.grid import Grid
from netwright.classical.maps.neighborhoods import NEIGHBORHOODS
from netwright.classical.maps.sofm_batch import batch_step, sums_of_chunk
from netwright.classical.maps.sofm_online import online_steps
from netwright.classical.maps.starts import (
    ROWS,
    STARTS,
    drawn_rows,
    pca_start,
    random_start,
    sample_start,
)
from netwright.classical.maps.trained_map import TrainedMap, measurable, of_length_one, two_nearest
from netwright.classical.maps.winners import METRICS, Metric
from netwright.classical.nearest import require_squares
from netwright.classical.rates import over_steps, varying
from netwright.classical.rows import read_labels
from netwright.core.errors import DivergenceWarning, InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import (
    Constraint,
    boolean,
    checks_options,
    integer,
    nothing,
    one_of,
    satisfies,
    tuple_of,
)

LAST_RADIUS = {"gaussian": 0.7, "bubble": 1.0, "mexican_hat": 0.7}  # of the default: direct neighbours still learn
FAR = 1e3  # times the largest number of the data that a weight may become


class SOFM(TrainedMap):
    """Self-organizing feature map: the nearest unit b of x and its neighbours u move by rate h(d_bu) (x - w_u).

    A picture of the data on a grid: rows that are alike win the same unit or units beside each other. The batch rule
    is the default: it needs no rate, does not depend on the order of the rows, and works chunk by chunk on files and
    iterables. `predict` gives the winner's number whether or not `fit` was given labels, so that its meaning does not
    depend on the data; `predict_label` gives the label of the winner.

    Parameters
    ----------
    shape : units along each axis of the grid; a number is a chain of so many.
    topology : "rect", any number of axes, or "hexagon", one or two (rows of hexagons).
    toroidal : whether the last unit of each axis is beside the first one.
    neighborhood : "gaussian", "bubble" or "mexican_hat" (see the radius); the last one pushes units away: online only,
        and for a short refinement at a small rate, as it drives the units of a longer run out of the data.
    radius : s >= 0 in units of the grid: a number, a pair (first, last) or a schedule; exp(-d^2 / 2 s^2), d <= s, or
        (1 - d^2 / s^2) exp(-d^2 / 2 s^2). None: from half of the longest axis down to 0.7 (of a bubble: 1), by the
        same factor at each step.
    metric : "euclidean", "cosine" (rows and weights have length 1), "manhattan", or a function (rows, weights) ->
        distances (n, n_units), such as those of ``sklearn.metrics.pairwise``.
    init : "pca" (units evenly on the plane of the first components), "sample" (rows), "random" (uniform in the box of
        the rows), or an array (n_units, n_features).
    algorithm : "batch" or "online".
    learning_rate : of the winner's step, in [0, 1], online only: a number, a pair (first, last) or a schedule.
    epochs : times that all rows are shown, >= 1.
    shuffle : online: show the rows of each epoch in a random order; False: as they come. Rows of an iterable are
        shuffled within each chunk.
    chunk_size : rows that are treated at once, >= 1; the result of a batch depends on it by rounding only.
    n_jobs : workers of a batch and of answers; None is one, or what ``joblib.parallel_config`` says; -1 one a core.
        The bits of the result do not depend on it.
    random_state : seed of the start and the orders; None, an integer >= 0, a RandomState or a Generator.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : weights of the units, (n_units, n_features); see `on_grid` for (rows, columns, n_features).
    shape_ : units along each axis, a tuple.
    quantization_error_ : mean distance of the rows of the last epoch and their winners.
    topographic_error_ : share of these rows whose nearest two units share no edge and no corner.
    classes_ : the labels, sorted, (n_classes,); this and the next two only where labels were given.
    labels_ : label of each unit, (n_units,): that of most of its rows, the first of equals; a unit that won no row has
        the label of the nearest unit that won some.
    class_counts_ : rows of each class that each unit won, (n_units, n_classes).
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features) -> winners (n,), distances (n, n_units)

    Raises
    ------
    InvalidParameter : a Mexican hat in a batch, hexagons on three axes, a torus of an odd number of rows of hexagons,
        an `init` of another shape. InvalidData : a row of zeros where `metric` is "cosine", named with its place.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.classical import SOFM
    >>> X = np.random.default_rng(0).uniform(size=(500, 2))
    >>> som = SOFM((6, 4), random_state=0).fit(X)
    >>> som.on_grid().shape, som.winners(X).shape, int(som.hits(X).sum())
    ((6, 4, 2), (500, 2), 500)
    >>> som.quantization_error_ < 0.1, som.topographic_error_ < 0.1
    (True, True)

    References
    ----------
    Kohonen, *Self-organizing maps*, 3rd edition, 2001.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "shape": integer(1) | tuple_of(integer(1), least=1),
        "topology": one_of("rect", "hexagon"),
        "toroidal": boolean,
        "neighborhood": one_of(*NEIGHBORHOODS),
        "radius": nothing | varying(0, closed="left"),
        "metric": one_of(*METRICS) | satisfies("a function (rows, weights) -> distances", callable),
        "init": one_of(*STARTS)
        | satisfies("an array (n_units, n_features)", lambda value: isinstance(value, (np.ndarray, list, tuple))),
        "algorithm": one_of("batch", "online"),
        "learning_rate": varying(0, 1, closed="both"),
        "epochs": integer(1),
        "shuffle": boolean,
        "chunk_size": integer(1),
        "n_jobs": nothing | integer(1) | integer(high=-1),
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        shape: Any = (10, 10),
        *,
        topology: str = "rect",
        toroidal: bool = False,
        neighborhood: str = "gaussian",
        radius: Any = None,
        metric: Metric = "euclidean",
        init: Any = "pca",
        algorithm: str = "batch",
        learning_rate: Any = (0.5, 0.01),
        epochs: int = 20,
        shuffle: bool = True,
        chunk_size: int = 4096,
        n_jobs: int | None = None,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.shape = shape
        self.topology = topology
        self.toroidal = toroidal
        self.neighborhood = neighborhood
        self.radius = radius
        self.metric = metric
        self.init = init
        self.algorithm = algorithm
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.shuffle = shuffle
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    @learns
    def fit(self, X: Any, y: Any = None) -> SOFM:
        """Begin anew and learn from rows for `epochs` epochs; with labels also label the units.

        Parameters
        ----------
        X : rows, (n, n_features): an array, a frame, a ``numpy.memmap`` or an iterable of arrays that begins anew.
        y : labels, (n,), which change nothing in the weights; or None.

        Returns
        -------
        the map itself.
        """
        chunks = Chunks(self, X, reset=True, chunk_size=self.chunk_size)
        self._check(y, chunks)
        self._begin(chunks)
        grid = self._grid()
        with one_thread():
            for _ in each_epoch(self, chain(chunks, [] if y is None else [y])):
                self._epoch(chunks, grid)
        return self._finish(chunks, y)

    @learns
    def partial_fit(self, X: Any, y: Any = None) -> SOFM:
        """Learn for one more epoch, at the time of the schedules that the map has reached; begin where there is none.

        Parameters
        ----------
        X : rows, (n, n_features), as of `fit`.
        y : labels, (n,), by which the units are labelled anew; None leaves labels as they are.

        Returns
        -------
        the map itself.
        """
        begins = not hasattr(self, "weights_")
        dtype = {} if begins else {"dtype": self.weights_.dtype}
        chunks = Chunks(self, X, reset=begins, chunk_size=self.chunk_size, **dtype)
        self._check(y, chunks)
        if begins:
            self._begin(chunks)
        self.weights_ = self._units()
        with one_thread():
            self._epoch(chunks, self._grid())
        return self._finish(chunks, y)

    def _check(self, y: Any, chunks: Chunks) -> None:
        """Refuse options that do not fit each other, and labels and rows that cannot be used."""
        if self.algorithm == "batch" and self.neighborhood == "mexican_hat":
            remedy = "Its sums can be 0 or negative: set algorithm='online'."
            expected = "'gaussian' or 'bubble' where algorithm is 'batch'"
            raise InvalidParameter(problem("SOFM(neighborhood)", expected, "'mexican_hat'", remedy))
        if chunks.whole is not None:
            require_squares(chunks.whole)
        if y is not None and chunks.n is not None:
            read_labels(self, y, chunks.n)
        if self.metric == "cosine":
            deque(measurable(chunks, self.metric), maxlen=0)  # a row of zeros is named before rows are shuffled

    def _begin(self, chunks: Chunks) -> None:
        """Seed and start of the units; what was learned before is forgotten."""
        for name in {"classes_", "labels_", "class_counts_"} & set(vars(self)):
            delattr(self, name)
        self.seed_, self.n_iter_ = to_seed(self.random_state), 0
        self.shape_ = (int(self.shape),) if np.ndim(self.shape) == 0 else tuple(int(size) for size in self.shape)
        grid = Grid(self.shape_, self.topology, self.toroidal)
        with one_thread():
            start = (
                self._start(chunks, grid) if isinstance(self.init, str) else self._given(grid.n_units, chunks.row_dtype)
            )
        self.weights_ = start.astype(chunks.row_dtype)
        if self.metric == "cosine":
            self.weights_ = of_length_one(self.weights_, "SOFM(init)")

    def _start(self, chunks: Chunks, grid: Grid) -> NDArray[np.float64]:
        """Units at the beginning, (n_units, n_features), from rows."""
        rng = np.random.default_rng(derive(self.seed_, "start"))
        rows = drawn_rows(chunks, grid.n_units if self.init == "sample" else ROWS, rng)
        require_squares(rows)
        if self.metric == "cosine":
            rows = of_length_one(rows, "X")
        if self.init == "pca":
            return pca_start(rows, grid)
        return (sample_start if self.init == "sample" else random_start)(rows, grid.n_units, rng)

    def _given(self, n_units: int, dtype: Any) -> NDArray[np.float64]:
        """The user's array, of numbers whose squares are numbers in the type of the rows."""
        wanted = (n_units, self.n_features_in_)
        try:
            given = np.asarray(self.init)
            start = given.astype(np.float64, casting="unsafe" if given.dtype == object else "same_kind")
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidParameter(problem("SOFM(init)", f"numbers of shape {wanted}", shown(self.init))) from error
        if start.shape != wanted or not np.isfinite(start).all():
            got = f"shape {start.shape}" if start.shape != wanted else "NaN or infinity"
            expected = f"finite numbers of shape {wanted}, (n_units, n_features)"
            raise InvalidParameter(problem("SOFM(init)", expected, got, "Give a row for each unit."))
        with np.errstate(over="ignore"):
            require_squares(start.astype(dtype), "SOFM(init)", InvalidParameter)
        return start

    def _epoch(self, chunks: Chunks, grid: Grid) -> bool:
        """Learn for one epoch; False where that drove units out of the data, whose weights then stay as they were."""
        if self.algorithm == "batch":
            self.weights_ = self._batch(chunks, grid)
        else:
            after, reach = self._online(chunks, grid)
            limit = FAR * max(reach, float(np.abs(self.weights_).max()))
            if self.neighborhood == "mexican_hat" and not np.abs(after).max() <= limit:  # NaN neither
                got = f"one that the Mexican hat pushed away in epoch {self.n_iter_ + 1}"
                remedy = "The run stopped before that epoch; lower the rate, or take another neighborhood."
                text = problem("SOFM(learning_rate)", f"weights up to {FAR:g} times the data", got, remedy)
                warnings.warn(text, DivergenceWarning, stacklevel=4)
                return False
            self.weights_ = after
        self.n_iter_ += 1
        return True

    def _batch(self, chunks: Chunks, grid: Grid) -> NDArray[Any]:
        """The weights after one batch: sums over the chunks, in their order, and one step."""
        sums, counts = np.zeros(self.weights_.shape), np.zeros(len(self.weights_))
        gathered = partial(sums_of_chunk, weights=self.weights_, metric=self.metric)
        for part, count in in_order(gathered, measurable(chunks, self.metric, chunks.whole is not None), self.n_jobs):
            sums += part
            counts += count
        radius = float(self._radii(grid, max(self.epochs - 1, 1), 1)[0])
        near = NEIGHBORHOODS[self.neighborhood]
        return batch_step(self.weights_, sums, counts, grid, near, radius, self.metric)

    def _online(self, chunks: Chunks, grid: Grid) -> tuple[NDArray[Any], float]:
        """The weights after an epoch row by row, and for a Mexican hat the size of the largest number."""
        n = chunks.n if chunks.n is not None else sum(map(len, chunks))
        rates = over_steps(self.learning_rate, self.n_iter_, self.epochs, n, where="SOFM(learning_rate)")
        radii = self._radii(grid, self.epochs, n)
        if not 0 <= rates.min() <= rates.max() <= 1:
            worst = rates.max() if rates.max() > 1 else rates.min()
            raise InvalidParameter(problem("SOFM(learning_rate)", "rates in [0, 1]", f"{worst:g}", "Lower it."))
        weights, start, reach = self.weights_, 0, 0.0
        for rows in measurable(self._shown(chunks), self.metric, chunks.whole is not None):
            part = slice(start, start + len(rows))
            weights = online_steps(weights, rows, rates[part], radii[part], grid, self.neighborhood, self.metric)
            start = part.stop
            if self.neighborhood == "mexican_hat":
                reach = max(reach, float(np.abs(rows).max()))
        return weights, reach

    def _shown(self, chunks: Chunks) -> Iterator[NDArray[Any]]:
        """The rows of this epoch, in the order in which they are shown, a chunk at a time."""
        rng = np.random.default_rng(derive(self.seed_, "epoch", self.n_iter_))
        if not self.shuffle:
            yield from chunks
        elif chunks.rows_can_be_chosen:
            order = rng.permutation(int(chunks.n or 0))
            for start in range(0, len(order), self.chunk_size):
                yield chunks.take(order[start : start + self.chunk_size])
        else:
            for chunk in chunks:
                yield chunk[rng.permutation(len(chunk))]

    def _radii(self, grid: Grid, total: int, steps: int) -> NDArray[np.float64]:
        """The radius at each of the steps of this epoch, (steps,)."""
        if self.radius is not None:
            return over_steps(self.radius, self.n_iter_, total, steps, where="SOFM(radius)")
        last = LAST_RADIUS[self.neighborhood]
        first = max(0.5 * float(grid.extents.max()), last)
        return np.exp(over_steps((math.log(first), math.log(last)), self.n_iter_, total, steps))

    def _finish(self, chunks: Chunks, y: Any) -> SOFM:
        """Errors of the rows of the last epoch, and labels."""
        winners: list[NDArray[np.intp]] | None = None if y is None else []
        parts = self._answers(chunks, two_nearest, chunks.whole is not None)
        self.quantization_error_, self.topographic_error_ = self._errors(parts, winners=winners)
        if winners is not None:
            self._label(np.concatenate(winners), y)
        return self
