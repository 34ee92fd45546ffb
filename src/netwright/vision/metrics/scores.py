"""What `mean_average_precision` gives: figures by name, tables by class, arrays, and curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown

RECALL_POINTS = {
    "coco": np.linspace(0.0, 1.0, 101),
    "voc2007": np.arange(11) / 10,
    "voc2010": np.linspace(0.0, 1.0, 101),
}
SHOWN = (0.5, 0.75)  # the thresholds that have a column of their own


class PrecisionRecall(NamedTuple):
    """A curve of precision over recall.

    Attributes
    ----------
    recall : the points, ascending, (R,).
    precision : the greatest at that recall or above, 0 where it is not reached, (R,).
    score : from which score on detections are taken to reach it, NaN where it is not reached, (R,).
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    score: NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class DetectionScores:
    """Average precision and recall of a detector; print it for a table by class.

    Figures are attributes: ``map``, ``map_50`` and so on for each threshold, ``map_small`` and so on for each range of
    areas, ``mar_1`` and so on for each number of detections, ``mar_small`` and so on. `figures` has all of them. What
    cannot be measured is NaN: there was no true box of that kind.

    Attributes
    ----------
    classes : labels that are true or predicted anywhere, (K).
    iou_thresholds : ascending, (T).
    areas : least and greatest area by name, "all" first, (A).
    max_detections : most detections of a class in an image, ascending, (M).
    interpolation : "coco", "voc2007" or "voc2010".
    precision : at the points of recall, (T, R, K, A, M).
    recall : the last, (T, K, A, M).
    scores : from which score on detections are taken at each point of recall, NaN where none reach it, (T, R, K, A, M).
    average_precision : (T, K, A, M).
    targets : how many true boxes of each class count, (K).

    Examples
    --------
    >>> from netwright.vision.metrics.average_precision import mean_average_precision
    >>> box = {"boxes": [[0, 0, 9, 9]], "labels": ["cat"], "scores": [0.9]}
    >>> scores = mean_average_precision([box], [box])
    >>> scores.map, scores.mar_100, scores.map_large, scores.ap(label="cat", iou=0.9)
    (1.0, 1.0, nan, 1.0)
    >>> scores
    DetectionScores(map 1.0000, map_50 1.0000, map_75 1.0000; classes 1, targets 1)
    """

    classes: tuple[Any, ...]
    iou_thresholds: tuple[float, ...]
    areas: dict[str, tuple[float, float]]
    max_detections: tuple[int, ...]
    interpolation: str
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    scores: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    targets: tuple[int, ...]

    def __getattr__(self, name: str) -> float:
        if name.startswith("_") or not name.startswith(("map", "mar")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        figures = self.figures
        if name not in figures:
            raise AttributeError(problem("DetectionScores", "a figure", name, did_you_mean(name, figures)))
        return figures[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.figures]

    @property
    def figures(self) -> dict[str, float]:
        """All figures by name."""
        parts = [area for area in self.areas if area != "all"]
        return {
            "map": self.ap(),
            **{f"map_{100 * t:.4g}": self.ap(iou=t) for t in self.iou_thresholds},
            **{f"map_{area}": self.ap(area=area) for area in parts},
            **{f"mar_{count}": self.ar(max_detections=count) for count in self.max_detections},
            **{f"mar_{area}": self.ar(area=area) for area in parts},
        }

    @property
    def recall_points(self) -> NDArray[np.float64]:
        """Where precision is given, (R,)."""
        return RECALL_POINTS[self.interpolation]

    def ap(
        self, *, label: Any = None, iou: float | None = None, area: str = "all", max_detections: int | None = None
    ) -> float:
        """Average precision: the mean over what is not named.

        Parameters
        ----------
        label : one class, None for all that can be measured.
        iou : one threshold, None for all.
        area : a range of `areas`.
        max_detections : one of those, None for the largest.

        Raises
        ------
        InvalidParameter : a class, a threshold, a range or a number that was not asked for.
        """
        return _mean(self.average_precision[self._place(label, iou, area, max_detections)])

    def ar(
        self, *, label: Any = None, iou: float | None = None, area: str = "all", max_detections: int | None = None
    ) -> float:
        """Average recall: the mean over what is not named, see `ap`.

        Parameters
        ----------
        label : one class, None for all that can be measured.
        iou : one threshold, None for all.
        area : a range of `areas`.
        max_detections : one of those, None for the largest.

        Raises
        ------
        InvalidParameter : a class, a threshold, a range or a number that was not asked for.
        """
        return _mean(self.recall[self._place(label, iou, area, max_detections)])

    def curve(
        self, label: Any, iou: float | None = None, area: str = "all", max_detections: int | None = None
    ) -> PrecisionRecall:
        """Precision over recall of one class at one threshold.

        Parameters
        ----------
        label : the class.
        iou : the threshold, None for the least.
        area : a range of `areas`.
        max_detections : one of those, None for the largest.

        Raises
        ------
        InvalidParameter : a class, a threshold, a range or a number that was not asked for.
        """
        t, k, a, m = self._place(label, self.iou_thresholds[0] if iou is None else iou, area, max_detections)
        return PrecisionRecall(self.recall_points, self.precision[t, :, k, a, m], self.scores[t, :, k, a, m])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table by class: ``label``, ``ap``, ``ap_50``, ``ap_small`` and so on, ``ar_100``, ``targets``."""
        return [self._row(label, label, count) for label, count in zip(self.classes, self.targets, strict=True)]

    def to_frame(self) -> Any:
        """The table by class as a pandas frame (needs the extra ``netwright[frames]``)."""
        import pandas

        return pandas.DataFrame(self.rows).set_index("label")

    def __str__(self) -> str:
        lines = [*self.rows, self._row("mean", None, sum(self.targets))]
        names = [" ".join(str(line.pop("label")).split()) for line in lines]
        width = max(map(len, names))
        sides = {key: max(8, len(_heading(key)) + 2) for key in lines[0]}
        table = [" " * width + "".join(f"{_heading(key):>{side}}" for key, side in sides.items())]
        for name, line in zip(names, lines, strict=True):
            table.append(f"{name:{width}}" + "".join(f"{_cell(line[key]):>{side}}" for key, side in sides.items()))
        low, high = self.iou_thresholds[0], self.iou_thresholds[-1]
        over = f"{low:.4g} to {high:.4g}" if high > low else f"{low:.4g}"
        recalls = ", ".join(f"at {count}: {_number(self.ar(max_detections=count))}" for count in self.max_detections)
        table.append(f"AP over IoU {over}, at most {self.max_detections[-1]} detections; AR {recalls}.")
        return "\n".join(table)

    def __repr__(self) -> str:
        shares = {name: figure for name, figure in self.figures.items() if name in ("map", "map_50", "map_75")}
        text = ", ".join(f"{name} {_number(figure)}" for name, figure in shares.items())
        return f"DetectionScores({text}; classes {len(self.classes)}, targets {sum(self.targets)})"

    def _row(self, name: Any, label: Any, count: int) -> dict[str, Any]:
        few = len(self.iou_thresholds) <= 3
        columns = [t for t in self.iou_thresholds if few or np.isclose(t, SHOWN).any()]
        parts = [area for area in self.areas if area != "all"]
        return {
            "label": name,
            "ap": self.ap(label=label),
            **{f"ap_{100 * t:.4g}": self.ap(label=label, iou=t) for t in columns},
            **{f"ap_{area}": self.ap(label=label, area=area) for area in parts},
            f"ar_{self.max_detections[-1]}": self.ar(label=label),
            "targets": count,
        }

    def _place(self, label: Any, iou: float | None, area: str, count: int | None) -> tuple[Any, Any, int, int]:
        every = slice(None)
        near = np.flatnonzero(np.isclose(self.iou_thresholds, iou, rtol=0, atol=1e-9)) if iou is not None else [0]
        if not len(near):
            raise InvalidParameter(problem("iou", f"one of {shown(self.iou_thresholds)}", shown(iou)))
        choices = {"label": self.classes, "area": tuple(self.areas), "max_detections": self.max_detections}
        for name, given in {"label": label, "area": area, "max_detections": count}.items():
            if given is not None and given not in choices[name]:
                raise InvalidParameter(problem(name, f"one of {shown(choices[name])}", shown(given)))
        return (
            every if iou is None else int(near[0]),
            every if label is None else self.classes.index(label),
            choices["area"].index(area),
            -1 if count is None else self.max_detections.index(count),
        )


def _mean(figures: Any) -> float:
    """The mean of those that are not NaN, NaN where none is."""
    known = np.asarray(figures)[np.isfinite(figures)]
    return float(known.mean()) if known.size else math.nan


def _heading(key: str) -> str:
    """ap: AP, ap_50: AP50, ap_small: small, ar_100: AR100, targets: targets."""
    first, _, last = key.partition("_")
    if last and not last[0].isdigit():
        return last
    return f"{first.upper()}{last}" if first in ("ap", "ar") else key


def _cell(figure: float | int) -> str:
    return str(figure) if isinstance(figure, int) else _number(figure)


def _number(figure: float) -> str:
    return "-" if math.isnan(figure) else f"{figure:.4f}"
