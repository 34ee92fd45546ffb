"""Where classes live: which class most neighbours of a row have, and who lives in the territory of another class.

Wrong labels are told from classes that overlap by where they are. Where two classes overlap, rows of the one that lie
among the other are those nearest to their own territory; labels that were confused are anywhere in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.checks.neighbours import ridge, standard

AROUND = 15  # rows that say whose territory a row is in
CLOSE = 5  # rows of a class to which a distance is measured
LEAST = 0.12  # share of a territory that a guest must have
FEW = 10  # rows of a guest
HOME = 0.6  # share of a class that lives in its own territory
ALONE = 0.95  # share of a territory that the two have together
BACK = 0.2  # share of the other class in a territory, above which nothing tells the two apart
MOST_CLASSES = 50
MANY_CLASSES = 8  # that cannot all be next to each other
AGREED = 0.9  # share of the neighbours whose territory is the same
INNER = 0.5  # share of the rows that must lie inside of territories, as far as classes do not overlap
INSIDE = 0.42  # share of all labels out of place that lie inside
NOT_OWN = 0.2  # share of the labels inside of territories that are others
FAVOURITE = 0.45  # share of the commonest of these


@dataclass(frozen=True)
class Confusion:
    """Rows with one label that live in the territory of another class, anywhere in it.

    Attributes
    ----------
    label, like : the label, and the class that most of their neighbours have. rows : a mask of them.
    share : of the rows in that territory. back : share of the other class in the territory of this label.
    """

    label: int
    like: int
    rows: Tensor
    share: float
    back: float


@dataclass(frozen=True)
class Territories:
    """Whose territory each row is in.

    Attributes
    ----------
    of : the class that most neighbours have, (n,). counts : (territory, label). distance : of all rows from all.
    """

    labels: Tensor
    of: Tensor
    counts: Tensor
    distance: Tensor

    @property
    def at_home(self) -> Tensor:
        """The share of each class that lives in its own territory."""
        return self.counts.diag() / self.counts.sum(0).clamp_min(1)


def territories(X: Tensor, labels: Tensor) -> Territories:
    """The class that most of the neighbours of each row have.

    Parameters
    ----------
    X : rows (n, d). labels : classes from 0, (n,).
    """
    classes = int(labels.max()) + 1
    distance = torch.cdist(X, X)
    distance.fill_diagonal_(float("inf"))
    near = distance.topk(min(AROUND, len(X) - 1), largest=False).indices
    of = torch.nn.functional.one_hot(labels[near], classes).sum(1).argmax(1)
    counts = torch.zeros(classes, classes, dtype=torch.double)
    counts.index_put_((of, labels), torch.ones(len(labels), dtype=torch.double), accumulate=True)
    return Territories(labels, of, counts, distance)


def confusions(X: Tensor, places: Territories) -> list[Confusion]:
    """Pairs of classes of which the one has a home of its own and lives all over the territory of the other.

    Parameters
    ----------
    X : rows (n, d). places : of them.
    """
    counts, found = places.counts, []
    if len(counts) > MOST_CLASSES:
        return []
    size = counts.sum(1)
    for like in range(len(counts)):
        for label in range(len(counts)):
            guests, hosts, here = float(counts[like, label]), float(counts[like, like]), float(size[like])
            if label == like or guests < max(FEW, LEAST * here) or guests + hosts < ALONE * here:
                continue
            back = float(counts[label, like] / size[label].clamp_min(1))
            if guests > hosts or back > BACK or float(places.at_home[[label, like]].min()) < HOME:
                continue
            if not _anywhere(X, places, label, like):
                continue
            rows = (places.of == like) & (places.labels == label)
            found.append(Confusion(label, like, rows, guests / here, back))
    return found


def out_of_place(X: Tensor, places: Territories) -> Tensor | None:
    """Rows inside of territories whose label is another: where so many are, labels were drawn or moved by chance.

    Territories get borders from the classes that most neighbours have, and few rows are near a border where classes
    are apart. Where classes overlap, labels of others are near the borders, and are those of the class next to it;
    labels by chance are in all territories alike, anywhere in them, and of all classes. None where it is not so.

    Parameters
    ----------
    X : rows (n, d). places : of them.
    """
    classes = len(places.counts)
    if not MANY_CLASSES <= classes <= MOST_CLASSES:
        return None
    near = places.distance.topk(min(AROUND, len(X) - 1), largest=False).indices
    votes = torch.nn.functional.one_hot(places.of[near], classes).double().mean(1)
    inner, home = votes.amax(1) >= AGREED, votes.argmax(1)
    rows = inner & (home != places.labels)
    astray = float((places.of != places.labels).double().mean())
    if float(inner.double().mean()) < INNER or float(rows.double().mean()) < INSIDE * astray:
        return None
    if int(rows.sum()) < NOT_OWN * int(inner.sum()):
        return None
    counts = torch.zeros(classes, classes, dtype=torch.double)
    counts.index_put_((home[inner], places.labels[inner]), torch.ones(int(inner.sum()), dtype=torch.double), True)
    others = counts - counts.diag().diag()
    known = counts.sum(1) >= FEW
    rates = (others.sum(1) / counts.sum(1).clamp_min(1))[known]
    if int(known.sum()) < MANY_CLASSES or float((rates > NOT_OWN / 2).double().mean()) < 0.85:
        return None
    favourite = float((others.amax(1) / others.sum(1).clamp_min(1))[known].mean())
    ranks = [_told(X[part], rows[part]) for c in range(classes) if int((part := inner & (home == c)).sum()) >= FEW]
    return rows if favourite < FAVOURITE and sum(ranks) / len(ranks) < 0.6 else None


def _told(X: Tensor, members: Tensor) -> float:
    """How well a ridge regression ranks members before others, 0.5 by chance."""
    fitted = ridge(standard(X), torch.nn.functional.one_hot(members.long(), 2).double())[:, 1]
    return ranked(fitted, members) if 0 < int(members.sum()) < len(members) else 0.5


def _anywhere(X: Tensor, places: Territories, label: int, like: int) -> bool:
    """Whether where a row lies in a territory does not tell which of two labels it has."""
    here = (places.of == like) & ((places.labels == label) | (places.labels == like))
    rows = here.nonzero()[:, 0]
    own = places.labels[rows] == label
    home = ((places.of == label) & (places.labels == label)).nonzero()[:, 0]
    hosts = ((places.of == like) & (places.labels == like)).nonzero()[:, 0]
    far, near = (_distance(places.distance[rows][:, others]) for others in (home, hosts))
    limit = 0.5 + 3 * chance_of_ranks(own)
    return max(ranked(near - far, own), _told(X[rows], own)) < min(limit, 0.68)


def _distance(distances: Tensor) -> Tensor:
    return distances.topk(min(CLOSE, distances.shape[1]), largest=False).values.mean(1)


def ranked(scores: Tensor, members: Tensor) -> float:
    """How often a member has a higher score than another row: 0.5 by chance.

    Parameters
    ----------
    scores : (n,). members : which rows are, (n,).
    """
    _, place, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[place].double()
    n = int(members.sum())
    others = len(members) - n
    return float((ranks[members].sum() - n * (n + 1) / 2) / max(n * others, 1))


def chance_of_ranks(members: Tensor) -> float:
    """The standard error of `ranked` by chance.

    Parameters
    ----------
    members : which rows are, (n,).
    """
    n = int(members.sum())
    return float(((len(members) + 1) / (12 * max(n * (len(members) - n), 1))) ** 0.5)
