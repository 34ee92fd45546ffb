"""What `detection_account` gives: a verdict on each prediction and each true box, and tables of them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown

VERDICTS = ("correct", "localisation", "class", "both", "duplicate", "background", "ignored")
TARGET_VERDICTS = ("found", "missed", "ignored")


class PredictionVerdict(NamedTuple):
    """One prediction, and why it is right or wrong.

    Attributes
    ----------
    image, row : where it stands in what was given.
    label : its class.
    score : how sure the detector is.
    verdict : "correct", "localisation", "class", "both", "duplicate", "background" or "ignored".
    target : the row of the true box that it is about, in the same image; None for the background.
    iou : their overlap; of the background the greatest with any true box that counts.
    """

    image: int
    row: int
    label: Any
    score: float
    verdict: str
    target: int | None
    iou: float


class TargetVerdict(NamedTuple):
    """One true box, and how it was found or missed.

    Attributes
    ----------
    image, row : where it stands in what was given.
    label : its class.
    verdict : "found", "missed" or "ignored".
    prediction : the row of the prediction that found it, in the same image; None for none.
    explained_by : rows of the predictions that would have found it with another box or class, the surest first.
    """

    image: int
    row: int
    label: Any
    verdict: str
    prediction: int | None
    explained_by: tuple[int, ...]


@dataclass(frozen=True, repr=False, eq=False)
class DetectionAccount:
    """Every prediction and every true box with its verdict; print it for a table by class.

    Attributes
    ----------
    classes : labels that are true or predicted anywhere.
    predictions : a `PredictionVerdict` each, by image and row.
    targets : a `TargetVerdict` each, by image and row.
    ap : average precision at `iou_threshold`, the mean over classes with true boxes; NaN without any.
    gains : what AP would gain if all faults of a kind were mended: "localisation", "class", "both", "duplicate",
        "background", "missed", and of all wrong predictions and all missed boxes "false positives" and "false
        negatives".
    iou_threshold, background_iou, score_threshold : as given.

    Examples
    --------
    >>> from netwright.vision.metrics.account import detection_account
    >>> targets = [{"boxes": [[0, 0, 10, 10]], "labels": ["cat"]}, {"boxes": [[0, 0, 9, 9]], "labels": ["dog"]}]
    >>> found = [{"boxes": [[0, 0, 10, 10], [40, 40, 50, 50]], "labels": ["dog", "cat"], "scores": [0.9, 0.3]}] * 2
    >>> account = detection_account(found, targets)
    >>> [(each.image, each.row) for each in account.of("class")], len(account.of("missed"))
    ([(0, 0)], 1)
    >>> print(account)
           correct  localisation  class   both  duplicate  background  ignored  found  missed  unexplained
    cat          0             0      0      0          0           2        0      0       1            0
    dog          1             0      1      0          0           0        0      1       0            0
    total        1             0      1      0          0           2        0      1       1            0
    gain                  0.0000 0.7500 0.0000     0.0000      0.0000                               0.0000
    AP at IoU 0.5: 0.2500; gain: what it would rise by without such faults.
    Without any false positives: 0.5000; without any false negatives: 0.2500.
    """

    classes: tuple[Any, ...]
    predictions: tuple[PredictionVerdict, ...]
    targets: tuple[TargetVerdict, ...]
    ap: float
    gains: dict[str, float]
    iou_threshold: float
    background_iou: float
    score_threshold: float | None

    def of(self, verdict: str, label: Any = None) -> list[Any]:
        """The predictions with a verdict, or the true boxes that are "found" or "missed".

        Parameters
        ----------
        verdict : one of those; "ignored" gives predictions.
        label : the class of the predictions or true boxes, None for all.

        Raises
        ------
        InvalidParameter : no such verdict.
        """
        if verdict not in (*VERDICTS, *TARGET_VERDICTS):
            names = (*VERDICTS, *TARGET_VERDICTS[:2])
            text = ", ".join(names)
            raise InvalidParameter(
                problem("of(verdict)", f"one of {text}", shown(verdict), did_you_mean(str(verdict), names))
            )
        rows: Any = self.predictions if verdict in VERDICTS else self.targets
        return [each for each in rows if each.verdict == verdict and (label is None or each.label == label)]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Counts by class (``label``): each verdict on its predictions; its true boxes ``found``, ``missed``, and
        ``unexplained``, which are missed and have nothing in `TargetVerdict.explained_by`."""
        causes = Counter((each.label, each.verdict) for each in self.predictions)
        fates = Counter((each.label, each.verdict) for each in self.targets)
        unseen = Counter(each.label for each in self.targets if each.verdict == "missed" and not each.explained_by)
        return [
            {
                "label": label,
                **{verdict: causes[label, verdict] for verdict in VERDICTS},
                **{verdict: fates[label, verdict] for verdict in TARGET_VERDICTS[:2]},
                "unexplained": unseen[label],
            }
            for label in self.classes
        ]

    def to_frame(self) -> Any:
        """The counts by class as a pandas frame (needs the extra ``netwright[frames]``)."""
        import pandas

        return pandas.DataFrame(self.rows).set_index("label")

    def __str__(self) -> str:
        lines = self.rows
        columns = [*VERDICTS, *TARGET_VERDICTS[:2], "unexplained"]
        total = {name: sum(line[name] for line in lines) for name in columns}
        lines.append({"label": "total", **total})
        names = [" ".join(str(line["label"]).split()) for line in lines]
        width = max(map(len, names))
        sides = {name: max(len(name), 5) + 2 for name in columns}
        table = [" " * width + "".join(f"{name:>{side}}" for name, side in sides.items())]
        for name, line in zip(names, lines, strict=True):
            table.append(f"{name:{width}}" + "".join(f"{line[column]:>{side}}" for column, side in sides.items()))
        gains = {**self.gains, "unexplained": self.gains["missed"]}
        cells = {name: _number(gains[name]) if name in gains and name != "missed" else "" for name in columns}
        table.append(f"{'gain':{width}}" + "".join(f"{cells[name]:>{side}}" for name, side in sides.items()))
        table.append(
            f"AP at IoU {self.iou_threshold:g}: {_number(self.ap)}; gain: what it would rise by without such faults."
        )
        ends = [f"ithout any {name}: {_number(self.ap + self.gains[name])}" for name in list(self.gains)[-2:]]
        table.append(f"W{'; w'.join(ends)}.")
        return "\n".join(table)

    def __repr__(self) -> str:
        causes = Counter(each.verdict for each in self.predictions)
        counts = ", ".join(f"{verdict} {causes[verdict]}" for verdict in VERDICTS if causes[verdict])
        missed = sum(each.verdict == "missed" for each in self.targets)
        return f"DetectionAccount({counts or 'no predictions'}; missed {missed} of {len(self.targets)})"


def _number(figure: float) -> str:
    return "-" if math.isnan(figure) else f"{figure:.4f}"
