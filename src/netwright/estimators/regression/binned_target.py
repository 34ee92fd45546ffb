"""Targets that are cut into bins: the probabilities of the bins, and the answers that follow from them.

For probabilities p_k of bins whose training targets have the mean c_k, the deviation s_k, the least l_k and the
largest h_k::

    mean       m = sum_k p_k c_k
    variance   sum_k p_k (s_k^2 + (c_k - m)^2)         within the bins, and between them
    quantile   l_k + (h_k - l_k) (q - P_k-1) / p_k     in the bin k where P_k = p_1 + ... + p_k reaches q
    mode       c_k of the bin with the largest density, p_k / its width; with one value a bin, with the largest p_k
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch

from netwright.estimators.exporting.distributions import PREDICTION, Answer, BinAnswer
from netwright.estimators.regression import cutting
from netwright.estimators.regression.described import Described
from netwright.losses import Bins

RARE = 0.01  # of the share of all bins alike, the least that a bin begins with: none is impossible
ARRAYS = ("edges", "centres", "low", "high", "deviations")


@final
class Binned(Described):
    """A target of which `netwright.losses.Bins` reads the probabilities of bins from the outputs.

    Attributes
    ----------
    how : "quantile", "uniform", or the edges themselves. judge : the answer that R^2 judges, as in `answer`.
    edges : (B + 1,) on the scale of y. centres, low, high, deviations : (B,) of the training targets in each bin.
    single : whether each bin has a single value.
    """

    how: Any = "quantile"
    judge: Any = "mean"
    edges: np.ndarray
    centres: np.ndarray
    low: np.ndarray
    high: np.ndarray
    deviations: np.ndarray
    single: bool = False

    def _learned(self, y: np.ndarray, z: np.ndarray, weight: np.ndarray | None) -> Any:
        y, asked = y[:, 0], self.loss.bins
        if isinstance(self.how, str):
            self.edges = cutting.cut(y, weight, asked, self.how)
        else:
            self.edges = cutting.covering(np.asarray(self.how, dtype=np.float64), y)
        sums, self.centres, self.low, self.high, self.deviations = cutting.ranges_of(y, weight, self.edges)
        self.single = bool((self.low == self.high).all())
        bins, distinct = len(sums), len(np.unique(y))
        if bins < asked and isinstance(self.how, str):
            one = ", one for each" if bins == distinct else ""
            values = f"{distinct} different value{'s' * (distinct > 1)}"
            self.notes = (f"y has {values} in {len(y)} training rows: {bins} of {asked} bins are used{one}.",)
        shares = (sums / sums.sum()).clip(RARE / bins)
        shares = shares / shares.sum()
        return Bins(bins, tuple(shares.tolist()), self.loss.form, self.loss.smooth)

    def graph_answer(self, estimator: Any) -> Answer:
        """The bins, and the answer that the estimator gives."""
        known = {"edges": self.edges.tolist(), "centres": self.centres.tolist(), "answer": estimator.answer}
        return BinAnswer(self, estimator.answer), {**PREDICTION, "probabilities": "of the bins"}, known

    def encode(self, y: np.ndarray) -> np.ndarray:
        """The place of y among the bins, (n, 1)."""
        return cutting.places_of(self.numbers.checked(y).ravel(), self.edges)[:, None]

    def _meaning(self) -> str:
        bins = self.loss.bins
        return f"{bins} bins" if self.loss.form == "softmax" else f"the {bins - 1} edges between {bins} bins"

    def _judged(self, outputs: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        truths = cutting.values_at(target[:, 0].double().cpu().numpy(), self.edges)
        answers = self.answer(self.probabilities(outputs), self.judge)
        first, second = (torch.from_numpy(self._standard(each)).to(target.device) for each in (answers, truths))
        return first, second

    def _standard(self, values: np.ndarray) -> np.ndarray:
        return self.scaler.transform(values.reshape(-1, *self.numbers.shape)).reshape(-1, 1)

    def probabilities(self, outputs: torch.Tensor) -> np.ndarray:
        """Probabilities of the bins, (n, B), in double precision."""
        p: np.ndarray = self.loss.probabilities(outputs.double()).cpu().numpy()
        return p

    def answer(self, p: np.ndarray, how: Any) -> np.ndarray:
        """One number for each row of probabilities: "mean", "median" or "mode", or the quantile of a level; (n,)."""
        if how == "mean":
            return p @ self.centres
        if how == "mode":
            return self.centres[(p if self.single else p / np.diff(self.edges)).argmax(1)]
        return self.quantile(p, 0.5 if how == "median" else float(how))

    def deviation(self, p: np.ndarray) -> np.ndarray:
        """The standard deviation of each row of probabilities, (n,)."""
        unit = self.edges[-1] - self.edges[0]  # squares of targets may be too large for a number
        apart = (self.centres - (p @ self.centres)[:, None]) / unit  # (n, B)
        spread: np.ndarray = unit * np.sqrt((p * ((self.deviations / unit) ** 2 + apart**2)).sum(1))
        return spread

    def quantile(self, p: np.ndarray, level: float) -> np.ndarray:
        """The quantile of a level of each row of probabilities, (n,)."""
        reached = p.cumsum(1)
        reached[:, -1] = 1.0
        k = (reached < level).sum(1)
        rows = np.arange(len(p))
        own = p[rows, k]
        before = reached[rows, k] - own
        share = np.divide(level - before, own, out=np.full(len(p), 0.5), where=own > 0).clip(0, 1)
        return self.low[k] + share * (self.high[k] - self.low[k])

    def _more(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in ARRAYS}
        how = self.how if isinstance(self.how, str) else np.asarray(self.how).tolist()
        return {**arrays, "single": self.single, "how": how, "judge": self.judge}

    def _take(self, state: dict[str, Any]) -> None:
        for name in ARRAYS:
            setattr(self, name, np.array(state[name], dtype=np.float64))
        self.single, self.how, self.judge = bool(state["single"]), state["how"], state["judge"]
