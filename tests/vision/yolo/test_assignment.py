"""Who answers for which object: against the rules written out as loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.vision.yolo.assignment import RATIO, Objects, assign, listed

ANCHORS = [np.array([[8.0, 8.0], [16.0, 10.0]]), np.array([[30.0, 30.0], [60.0, 40.0]])]
STRIDES, GRIDS = [8, 16], [(8, 12), (4, 6)]  # a canvas of 64 x 96


def by_hand(boxes: Any, how: str) -> set[tuple[int, int, int, int, int]]:
    """(scale, item, anchor, row, column) of all answers."""
    found = set()
    for item, (x1, y1, x2, y2) in enumerate(boxes):
        w, h, cx, cy = x2 - x1, y2 - y1, (x1 + x2) / 2, (y1 + y2) / 2
        overlaps = [
            (min(w, aw) * min(h, ah) / (w * h + aw * ah - min(w, aw) * min(h, ah)), scale, a)
            for scale, anchors in enumerate(ANCHORS)
            for a, (aw, ah) in enumerate(anchors)
        ]
        top = max(overlap for overlap, _, _ in overlaps)
        best = [next((scale, a) for overlap, scale, a in overlaps if overlap == top)]
        near = [
            (scale, a)
            for scale, anchors in enumerate(ANCHORS)
            for a, (aw, ah) in enumerate(anchors)
            if max(w / aw, aw / w, h / ah, ah / h) < RATIO
        ]
        chosen = best if how == "best" else near or best
        for scale, a in chosen:
            stride, (rows, columns) = STRIDES[scale], GRIDS[scale]
            x, y = cx / stride, cy / stride
            column, row = int(np.floor(x)), int(np.floor(y))
            cells = [(row, column)]
            if how == "neighbours":
                cells.append((row, column - 1 if x - column < 0.5 else column + 1))
                cells.append((row - 1 if y - row < 0.5 else row + 1, column))
            else:
                cells = [(min(row, rows - 1), min(column, columns - 1))]
            found |= {(scale, item, a, r, c) for r, c in cells if 0 <= r < rows and 0 <= c < columns}
    return found


side = st.integers(1, 90)
box = st.tuples(st.integers(0, 80), st.integers(0, 50), side, side).map(
    lambda b: (b[0], b[1], min(b[0] + b[2], 96), min(b[1] + b[3], 64))
)


@pytest.mark.parametrize("how", ["best", "neighbours"])
@settings(deadline=None)
@given(boxes=st.lists(box, max_size=6))
def test_as_the_rules_say(how: str, boxes: Any) -> None:
    given_ = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    objects = Objects(
        torch.zeros(len(given_), dtype=torch.int64),
        torch.from_numpy(given_),
        torch.zeros(len(given_), dtype=torch.int64),
    )
    asked = assign(objects, [torch.from_numpy(a) for a in ANCHORS], STRIDES, GRIDS, how)
    got = {
        (scale, item, anchor, row, column)
        for scale, positives in enumerate(asked)
        for item, anchor, row, column in zip(
            positives.item.tolist(),
            positives.anchor.tolist(),
            positives.row.tolist(),
            positives.column.tolist(),
            strict=True,
        )
    }
    assert got == by_hand(given_, how)
    assert sum(len(positives.item) for positives in asked) == len(got)


def test_tables_are_listed_without_what_is_not_asked_for() -> None:
    boxes = torch.arange(24.0).view(2, 3, 4)
    objects = listed(boxes, torch.tensor([[2, -1, 0], [-2, 1, -3]]))
    assert objects.image.tolist() == [0, 0, 1]
    assert objects.classes.tolist() == [2, 0, 1]
    assert torch.equal(objects.boxes, boxes[[0, 0, 1], [0, 2, 1]])
