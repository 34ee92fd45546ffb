"""Which candidates learn: by the rules, and drawn without favour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.vision import box_iou
from netwright.vision.rcnn.sampling import Rules, draw

side, place = st.integers(1, 30), st.integers(0, 40)
box = st.tuples(place, place, side, side).map(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]])


@pytest.fixture(autouse=True)
def _forked() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@settings(deadline=None)
@given(
    candidates=st.lists(box, min_size=1, max_size=30),
    boxes=st.lists(box, max_size=5),
    kinds=st.lists(st.sampled_from([-2, -1, 0, 1]), min_size=5, max_size=5),
    best=st.booleans(),
)
def test_by_the_rules(candidates: Any, boxes: Any, kinds: Any, best: bool) -> None:
    rules = Rules(foreground=0.5, background=0.3, drawn=8, share=0.5, best=best)
    given_, table = torch.tensor(candidates, dtype=torch.float64), torch.tensor(boxes, dtype=torch.float64).view(-1, 4)
    classes = torch.tensor(kinds[: len(boxes)], dtype=torch.int64)
    drawn = draw(given_, table, classes, rules)
    overlap = np.asarray(box_iou(given_, table)).reshape(len(candidates), len(boxes))
    asked, ignored = (classes >= 0).numpy(), (classes <= -2).numpy()
    real = np.where(asked, overlap, -1)
    most = real.max(1, initial=0)
    front = most >= 0.5
    if best and asked.any():
        top = real.max(0)
        front |= ((real == top) & asked & (top > 0)).any(1)
    back = ~front & (most < 0.3) & (np.where(ignored, overlap, 0).max(1, initial=0) <= 0.5)
    rows = drawn.rows.numpy()
    assert len(set(rows.tolist())) == len(rows)
    assert front[rows[: drawn.positives]].all()
    assert back[rows[drawn.positives :]].all()
    assert drawn.positives == min(front.sum(), 4)
    assert len(rows) == min(drawn.positives + back.sum(), 8)
    for row, item in zip(rows, drawn.objects.tolist(), strict=False):
        assert asked[item]
        assert overlap[row, item] == pytest.approx(most[row])


def test_all_have_the_same_chance() -> None:
    candidates = torch.arange(20.0)[:, None] * 100 + torch.tensor([0.0, 0, 10, 10])
    rules = Rules(foreground=0.5, background=0.3, drawn=5, share=0.5, best=False)
    counts = torch.zeros(20)
    for _ in range(2000):
        counts[draw(candidates, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), rules).rows] += 1
    assert (counts / 2000 - 0.25).abs().max() < 0.05  # five standard errors


def test_each_object_has_the_same_chance() -> None:
    """One object with 90 candidates, one with 10: half of those drawn are of each."""
    boxes = torch.tensor([[0.0, 0, 100, 100], [200, 0, 210, 10]])
    candidates = torch.cat([boxes[0].expand(90, 4), boxes[1].expand(10, 4)])
    rules = Rules(foreground=0.5, background=0.3, drawn=2, share=0.5, best=False)
    drawn = [int(draw(candidates, boxes, torch.tensor([0, 1]), rules).objects) for _ in range(2000)]
    assert abs(sum(drawn) / 2000 - 0.5) < 0.056  # five standard errors
