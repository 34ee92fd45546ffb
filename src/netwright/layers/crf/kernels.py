"""The recursions of a chain of tags on the CPU, compiled: a step there is a few hundred products, which calls of tensor
operations would take longer to start than to compute.

Symbols and equations are those of `netwright.layers.crf.scan`, which computes the same with tensors on any device. The
way back of log Z goes by the conditional probabilities: nothing overflows, and one exponential a transition is enough::

    g_n(j) = exp(alpha_n(j) + f_j - log Z)
    p(y_{t-1} = i, y_t = j) = g_t(j) exp(alpha_{t-1}(i) + a_ij + e_t(j) - alpha_t(j)),   g_{t-1}(i) = sum_j of it

All is summed in double precision, whatever comes.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


@numba.njit(cache=True, error_model="numpy")
def viterbi(e: Floats, a: Floats, s: Floats, f: Floats, n: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """The best path of each sequence and its score: (batch, steps) with zeros behind the end, (batch,).

    The way there keeps how good the best way to each tag is, m_t(j) = max_i (alpha_{t-1}(i) + a_ij); the way back looks
    for the first i that is as good, along one path, which costs less than to note i at all of them.
    """
    batch, steps, tags = e.shape
    by = a.astype(np.float64)
    to = by.T.copy()  # to[j, i]: the way back runs along memory
    paths = np.zeros((batch, steps), np.int64)
    scores = np.zeros(batch)
    most, alpha = np.empty((steps, tags)), np.empty((steps, tags))
    for b in range(batch):
        if n[b] == 0:
            continue
        for j in range(tags):
            alpha[0, j] = s[j] + e[b, 0, j]
        for t in range(1, n[b]):
            most[t, :] = -np.inf
            for i in range(tags):
                for j in range(tags):
                    score = alpha[t - 1, i] + by[i, j]
                    most[t, j] = score if score > most[t, j] else most[t, j]
            for j in range(tags):
                alpha[t, j] = most[t, j] + e[b, t, j]
        best, place = -np.inf, 0
        for j in range(tags):
            if alpha[n[b] - 1, j] + f[j] > best:
                best, place = alpha[n[b] - 1, j] + f[j], j
        scores[b] = best
        paths[b, n[b] - 1] = place
        for t in range(n[b] - 1, 0, -1):
            best, place, j = most[t, place], 0, place
            while place < tags - 1 and alpha[t - 1, place] + to[j, place] != best:
                place += 1
            paths[b, t - 1] = place
    return paths, scores


@numba.njit(cache=True, error_model="numpy")
def forward(e: Floats, a: Floats, s: Floats, f: Floats, n: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """alpha of the valid steps, and log Z: (batch, steps, tags), (batch,)."""
    batch, steps, tags = e.shape
    to = a.T.copy()
    alphas = np.zeros((batch, steps, tags))
    total = np.zeros(batch)
    ways = np.empty(tags)
    for b in range(batch):
        if n[b] == 0:
            continue
        for j in range(tags):
            alphas[b, 0, j] = s[j] + e[b, 0, j]
        for t in range(1, n[b]):
            for j in range(tags):
                for i in range(tags):
                    ways[i] = alphas[b, t - 1, i] + to[j, i]
                alphas[b, t, j] = _total(ways) + e[b, t, j]
        for j in range(tags):
            ways[j] = alphas[b, n[b] - 1, j] + f[j]
        total[b] = _total(ways)
    return alphas, total


@numba.njit(cache=True, error_model="numpy")
def expected(
    e: Floats, a: Floats, f: Floats, n: NDArray[np.int64], alphas: Floats, total: Floats, weight: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """The gradients of sum_b weight_b log Z_b for e, a, s and f."""
    batch, steps, tags = e.shape
    to = a.T.copy()
    for_e, for_to = np.zeros((batch, steps, tags)), np.zeros((tags, tags))
    for_s, for_f = np.zeros(tags), np.zeros(tags)
    here, before = np.empty(tags), np.empty(tags)
    for b in range(batch):
        if n[b] == 0 or total[b] == -np.inf:
            continue
        last = n[b] - 1
        for j in range(tags):
            here[j] = weight[b] * np.exp(alphas[b, last, j] + f[j] - total[b])
            for_f[j] += here[j]
        for t in range(last, 0, -1):
            before[:] = 0.0
            for j in range(tags):
                for_e[b, t, j] = here[j]
                if here[j] == 0.0:
                    continue
                level = e[b, t, j] - alphas[b, t, j]
                for i in range(tags):
                    pair = here[j] * np.exp(alphas[b, t - 1, i] + to[j, i] + level)
                    for_to[j, i] += pair
                    before[i] += pair
            here, before = before, here
        for j in range(tags):
            for_e[b, 0, j] = here[j]
            for_s[j] += here[j]
    return for_e, for_to.T.copy(), for_s, for_f


@numba.njit(cache=True, error_model="numpy")
def _total(ways: Floats) -> float:
    """log sum exp, -inf where all are."""
    most = -np.inf
    for way in ways:
        most = max(most, way)
    if most == -np.inf:
        return most
    total = 0.0
    for way in ways:
        total += np.exp(way - most)
    return most + np.log(total)
