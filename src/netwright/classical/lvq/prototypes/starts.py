"""Where the prototypes of learning vector quantization start: among the rows of their own class.

========== =====================================================================================================
init        the k prototypes of a class
========== =====================================================================================================
"kmeans"    the centres of k-means on the rows of the class: seeds by k-means++, then Lloyd's steps
"sample"    k different rows of the class, drawn at random
"mean"      the mean of the class; where k > 1, each is moved a tenth of the way to another row drawn at random
an array    as given; their labels are the option ``labels``, or without it: first those of the first class, and so on
========== =====================================================================================================

Of a class with more than 256 k rows, 256 k rows are drawn, the same ones whatever the source and the chunks are, and
"kmeans" ends with one step of Lloyd's over all rows. Means are over all rows.

References: Arthur, Vassilvitskii: k-means++: the advantages of careful seeding, 2007; Lloyd: Least squares quantization
in PCM, 1982.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.lvq.prototypes.kernels import squares_to
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows
from netwright.classical.nearest import feature_major
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive

SAMPLE = 256  # rows a prototype that are looked at
LLOYD = 20  # steps of k-means at most; the network's own rule goes on from there
ASIDE = 0.1  # of the way to a row, by which prototypes that start at one mean are told apart


def first_prototypes(network: Any, data: LabelledRows) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The prototypes at the beginning, and the places of their labels among the classes.

    Shapes
    ------
    -> (m, n_features) in the type of the rows, (m,)

    Raises
    ------
    InvalidParameter : an array or numbers of prototypes that do not fit the rows or the classes. InvalidData : a class
        with too few different rows.
    """
    owner, init = type(network).__name__, network.init
    if not isinstance(init, str):
        return given_prototypes(network, data)
    if network.labels is not None:
        remedy = "They are the labels of the prototypes that an array init gives."
        raise InvalidParameter(problem(f"{owner}(labels)", f"None with init={init!r}", shown(network.labels), remedy))
    counts = prototypes_of_classes(owner, network.prototypes_per_class, data.classes)
    random = np.random.default_rng(derive(network.seed_, "prototypes"))
    samples = sampled_rows(data, SAMPLE * counts, random)
    starts = [
        (k_means if init == "kmeans" else drawn)(rows, k, random) for rows, k in zip(samples, counts, strict=True)
    ]
    for start, k, label in zip(starts, counts, data.classes.tolist(), strict=True):
        if len(start) < k:
            expected, remedy = f"{k} different rows or more, one a prototype", "Take fewer prototypes_per_class."
            raise InvalidData(problem(f"{owner}.fit(X, y), class {shown(label)}", expected, f"{len(start)}", remedy))
    prototypes, drawn_from = np.concatenate(starts), sum(map(len, samples))
    if init == "mean":
        means = averaged(data, np.zeros((len(counts), prototypes.shape[1])), np.ones_like(counts))
        aside = np.repeat(np.where(counts > 1, ASIDE, 0.0), counts)[:, None]
        prototypes = np.repeat(means, counts, axis=0) * (1 - aside) + aside * prototypes
    elif init == "kmeans" and drawn_from < data.n:
        prototypes = averaged(data, prototypes, counts)
    return prototypes.astype(data.dtype), np.repeat(np.arange(len(counts)), counts)


def given_prototypes(network: Any, data: LabelledRows) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The prototypes of the array `init` and the places of their labels, checked."""
    where = f"{type(network).__name__}(init)"
    try:
        prototypes = np.array(network.init, dtype=data.dtype)
    except (TypeError, ValueError) as error:
        raise InvalidParameter(problem(where, "an array of numbers", shown(network.init))) from error
    width = network.n_features_in_
    if prototypes.ndim != 2 or prototypes.shape[1] != width:
        expected = f"shape (n_prototypes, {width}), the columns of X"
        raise InvalidParameter(problem(where, expected, f"shape {prototypes.shape}", "Give a row a prototype."))
    if not np.isfinite(prototypes).all():
        raise InvalidParameter(problem(where, "finite numbers", "NaN or infinity", "Replace them."))
    codes = given_labels(network, data.classes, len(prototypes))
    _, firsts, places = np.unique(prototypes, axis=0, return_index=True, return_inverse=True)
    twins = np.flatnonzero(firsts[places.reshape(-1)] != np.arange(len(prototypes)))
    if len(twins):
        second = int(twins[0])
        first = int(firsts[places.reshape(-1)[second]])
        labels = data.classes[codes].tolist()
        got = f"the same at rows {first} and {second}, labels {shown(labels[first])} and {shown(labels[second])}"
        raise InvalidParameter(problem(where, "different prototypes", got, "Drop one, or move it a little."))
    return prototypes, codes


def given_labels(network: Any, classes: NDArray[Any], m: int) -> NDArray[np.intp]:
    """The places among the classes of the labels of m given prototypes."""
    owner = type(network).__name__
    if network.labels is None:
        counts = prototypes_of_classes(owner, network.prototypes_per_class, classes)
        if counts.sum() != m:
            expected = f"{counts.sum()} prototypes, by prototypes_per_class, from the first class to the last"
            raise InvalidParameter(problem(f"{owner}(init)", expected, f"{m}", "Or give their labels= in any order."))
        return np.repeat(np.arange(len(counts)), counts)
    labels = np.asarray(network.labels)
    if labels.shape != (m,):
        raise InvalidParameter(problem(f"{owner}(labels)", f"{m} labels, one a prototype", f"shape {labels.shape}"))
    found = {label: place for place, label in enumerate(classes.tolist())}
    for label in labels.tolist():
        if label not in found:
            expected = f"labels that y has, of {shown(classes.tolist())}"
            raise InvalidParameter(problem(f"{owner}(labels)", expected, shown(label), "Leave that prototype out."))
    for label in found:
        if label not in labels.tolist():
            remedy = f"Add one with the label {shown(label)}."
            raise InvalidParameter(
                problem(f"{owner}(init)", "a prototype of each class", f"none of {shown(label)}", remedy)
            )
    return np.array([found[label] for label in labels.tolist()], dtype=np.intp)


def prototypes_of_classes(owner: str, setting: Any, classes: NDArray[Any]) -> NDArray[np.intp]:
    """How many prototypes each class has, (n_classes,).

    Raises
    ------
    InvalidParameter : a mapping that lacks a label, or has one that y does not have.
    """
    if not isinstance(setting, dict):
        return np.full(len(classes), int(setting), dtype=np.intp)
    where, labels = f"{owner}(prototypes_per_class)", classes.tolist()
    for label in labels:
        if label not in setting:
            raise InvalidParameter(problem(where, "a number for each label", f"none for {shown(label)}", "Add it."))
    for label in setting:
        if label not in labels:
            expected = f"labels that y has, of {shown(labels)}"
            raise InvalidParameter(problem(where, expected, shown(label), "Leave it out."))
    return np.array([setting[label] for label in labels], dtype=np.intp)


def sampled_rows(data: LabelledRows, limits: NDArray[np.intp], random: np.random.Generator) -> list[NDArray[Any]]:
    """Rows of each class, in their order: all of them, or as many as its limit, drawn without replacement.

    Each row of the data gets a random number and those with the smallest ones are kept, so that the draw does not
    depend on the chunks.
    """
    kept: list[list[NDArray[Any]]] = [[np.empty(0), np.empty((0, 0))] for _ in limits]
    for part in data.parts():
        priorities = random.random(len(part.rows))
        for place in np.unique(part.codes):
            mine = part.codes == place
            priority, rows = priorities[mine], part.rows[mine]
            if len(kept[place][0]):
                priority, rows = np.append(kept[place][0], priority), np.concatenate([kept[place][1], rows])
            if len(rows) > limits[place]:
                least = np.sort(np.argpartition(priority, limits[place])[: limits[place]])
                priority, rows = priority[least], rows[least]
            kept[place] = [priority, rows]
    return [rows for _, rows in kept]


def drawn(rows: NDArray[Any], k: int, random: np.random.Generator) -> NDArray[np.float64]:
    """k different rows, or all different ones where there are fewer."""
    order = random.permutation(len(rows))
    firsts = np.unique(rows[order], axis=0, return_index=True)[1] if k > 1 else np.arange(min(len(rows), 1))
    return rows[order[np.sort(firsts)[:k]]].astype(np.float64)


def k_means(rows: NDArray[Any], k: int, random: np.random.Generator) -> NDArray[np.float64]:
    """The centres of k-means, (k, n_features), or all different rows where there are fewer."""
    features = feature_major(rows.astype(np.float64))
    chosen = seeds(features, random.random(k))
    centres = rows[chosen].astype(np.float64)
    if len(chosen) == k:
        lloyd(features, centres, LLOYD)
    return centres


def averaged(data: LabelledRows, prototypes: NDArray[np.float64], counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """One step of Lloyd's: each prototype becomes the mean of the rows of its class that are nearest to it."""
    sums, members = np.zeros_like(prototypes), np.zeros(len(prototypes), dtype=np.int64)
    bounds = np.append(0, np.cumsum(counts))
    for part in data.parts():
        add_members(part.rows, part.codes, prototypes, bounds, sums, members)
    return np.where(members[:, None] > 0, sums / np.maximum(members, 1)[:, None], prototypes)


@numba.njit(cache=True, nogil=True)
def seeds(features: Any, draws: Any) -> Any:
    """Places of rows by k-means++: each drawn with odds of its squared distance to those before; fewer if all are 0.

    Parameters
    ----------
    features : the rows feature by feature, (n_features, n).
    draws : random numbers in [0, 1), one a seed.
    """
    (width, n), k = features.shape, draws.shape[0]
    chosen, points = np.empty(k, np.int64), np.empty((k, width))
    near, squares = np.full(n, np.inf), np.empty(n)
    if n == 0:
        return chosen[:0]
    for i in range(k):
        total, row = 0.0, int(draws[0] * n)
        if i > 0:
            squares_to(features, points, i - 1, squares)
            for other in range(n):
                near[other] = min(near[other], squares[other])
                total += near[other]
            if total == 0.0:
                return chosen[:i]
            left = draws[i] * total
            for other in range(n):
                if near[other] > 0.0:
                    row = other
                    left -= near[other]
                    if left < 0.0:
                        break
        chosen[i] = row
        for j in range(width):
            points[i, j] = features[j, row]
    return chosen


@numba.njit(cache=True, nogil=True)
def lloyd(features: Any, centres: Any, steps: Any) -> None:
    """Lloyd's steps in place, until no row changes its centre; a centre without rows stays.

    Parameters
    ----------
    features : the rows feature by feature, (n_features, n).
    centres : (k, n_features).
    """
    (width, n), k = features.shape, centres.shape[0]
    members, squares = np.full(n, -1), np.empty((k, n))
    sums, counts = np.zeros_like(centres), np.zeros(k, np.int64)
    for _ in range(steps):
        for i in range(k):
            squares_to(features, centres, i, squares[i])
        changed = False
        for row in range(n):
            best, before = 0, members[row]
            for i in range(1, k):
                if squares[i, row] < squares[best, row]:
                    best = i
            if best != before:
                changed, members[row] = True, best
                counts[best] += 1
                counts[before] -= before >= 0
                for j in range(width):
                    sums[best, j] += features[j, row]
                    sums[before, j] -= features[j, row] if before >= 0 else 0.0
        if not changed:
            return
        for i in range(k):
            if counts[i] > 0:
                for j in range(width):
                    centres[i, j] = sums[i, j] / counts[i]


@numba.njit(cache=True, nogil=True)
def add_members(rows: Any, codes: Any, points: Any, bounds: Any, sums: Any, members: Any) -> None:
    """Add each row to the sum of the nearest point of its class; points bounds[c], ... are those of class c."""
    width = rows.shape[1]
    for row in range(rows.shape[0]):
        first, stop = bounds[codes[row]], bounds[codes[row] + 1]
        best, least = first, np.inf
        for i in range(first, stop if stop - first > 1 else first):
            square = 0.0
            for j in range(width):
                difference = rows[row, j] - points[i, j]
                square += difference * difference
            if square < least:
                best, least = i, square
        members[best] += 1
        for j in range(width):
            sums[best, j] += rows[row, j]
