"""Few-shot episodes: some classes with a few examples each, and queries that belong to one of them.

An episode of N ways, k shots and q queries has N classes, drawn without replacement, with k + q samples each, k of
which are the support. A query gets the class whose prototype, the mean embedding of its support, is nearest (of one
shot this is the nearest example). Accuracies of many episodes have a mean and a 95 % interval, 1.96 s / sqrt(E).

Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra, *Matching networks for one shot learning*, 2016; Snell, Swersky,
Zemel, *Prototypical networks for few-shot learning*, 2017.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import to_seed
from netwright.core.validation import check, integer
from netwright.vision.embeddings.comparing import compared, embeddings_of
from netwright.vision.embeddings.labelling import classes_among
from netwright.vision.single.labels import read_labels


@dataclass(frozen=True)
class Episode:
    """A few-shot task.

    Attributes
    ----------
    support, queries : samples.
    support_labels, query_labels : the class of each.
    """

    support: Any
    support_labels: list[Any]
    queries: Any
    query_labels: list[Any]


@dataclass(frozen=True)
class EpisodeScores:
    """Accuracy over episodes.

    Attributes
    ----------
    accuracies : of each episode.
    """

    accuracies: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The mean accuracy."""
        return float(self.accuracies.mean())

    @property
    def interval(self) -> float:
        """Half the width of the 95 % interval of the mean; NaN of one episode."""
        n = len(self.accuracies)
        return 1.96 * float(self.accuracies.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan

    def __str__(self) -> str:
        return f"{self.mean:.4f} +- {self.interval:.4f} over {len(self.accuracies)} episodes"


def episodes(
    X: Any, y: Any, ways: int = 5, shots: int = 1, queries: int = 1, *, count: int = 100, random_state: Any = None
) -> list[Episode]:
    """Episodes drawn from samples with labels.

    Parameters
    ----------
    X : samples: an array, or a list of images or files.
    y : their labels.
    ways : classes of an episode.
    shots, queries : samples of each class that are shown, and asked about.
    count : how many episodes.
    random_state : None, an integer, a RandomState or a Generator.

    Raises
    ------
    InvalidData : fewer classes with enough samples than ways.

    Examples
    --------
    >>> some = episodes(np.arange(12)[:, None], [0, 1, 2] * 4, ways=2, shots=1, queries=2, count=3, random_state=0)
    >>> len(some), some[0].support.shape, some[0].queries.shape
    (3, (2, 1), (4, 1))
    """
    for name, item in (("shots", shots), ("queries", queries), ("count", count)):
        check(f"episodes({name})", item, integer(1))
    check("episodes(ways)", ways, integer(2))
    labels = read_labels(y, len(X), "episodes(y)")
    rows: dict[Any, list[int]] = {label: [] for label in classes_among(labels, "episodes(y)")}
    for row, label in enumerate(labels):
        rows[label].append(row)
    able = [label for label, some in rows.items() if len(some) >= shots + queries]
    if len(able) < ways:
        expected = f"{ways} classes with {shots} + {queries} samples or more"
        raise InvalidData(problem("episodes(y)", expected, f"{len(able)}", "Ask for fewer ways, shots or queries."))
    draw = np.random.default_rng(to_seed(random_state))
    made = []
    for _ in range(count):
        chosen = [able[place] for place in draw.permutation(len(able))[:ways]]
        drawn = [draw.permutation(rows[label])[: shots + queries] for label in chosen]
        shown, asked = (np.concatenate([some[part] for some in drawn]) for part in (slice(shots), slice(shots, None)))
        names = [[label for label in chosen for _ in range(times)] for times in (shots, queries)]
        made.append(Episode(_some(X, shown), names[0], _some(X, asked), names[1]))
    return made


def score_episodes(embedder: Any, some: Iterable[Episode], views: int = 1) -> EpisodeScores:
    """How often queries of episodes get their class.

    Parameters
    ----------
    embedder : fitted, with `transform`, such as `TripletNetwork`.
    some : the episodes.
    views : as of its `transform`.

    Raises
    ------
    InvalidParameter : an embedder that is not fitted.

    Examples
    --------
    >>> from netwright.vision.embeddings.triplet_network import TripletNetwork
    >>> draw = np.random.default_rng(0)
    >>> y = np.repeat(np.arange(8), 6)
    >>> X = draw.normal(size=(8, 3))[y] + 0.1 * draw.normal(size=(48, 3))
    >>> net = TripletNetwork(epochs=5, embedding_dim=4, random_state=0).fit(X[:24], y[:24])
    >>> score_episodes(net, episodes(X[24:], y[24:], ways=3, count=20, random_state=0)).mean > 0.7
    True
    """
    found = []
    for episode in some:
        shown = embeddings_of(embedder, episode.support, "score_episodes(embedder)", views)
        asked = embeddings_of(embedder, episode.queries, "score_episodes(embedder)", views)
        names = list(dict.fromkeys(episode.support_labels))
        places = torch.tensor([names.index(label) for label in episode.support_labels])
        prototypes = np.stack([shown[(places == place).numpy()].mean(0) for place in range(len(names))])
        best = compared(embedder, asked, prototypes).argmax(1)
        found.append(np.mean([names[place] == label for place, label in zip(best, episode.query_labels, strict=True)]))
    return EpisodeScores(np.array(found))


def _some(X: Any, rows: NDArray[np.int64]) -> Any:
    """Some samples of an array or a list."""
    return X[rows] if hasattr(X, "shape") else [X[row] for row in rows.tolist()]
