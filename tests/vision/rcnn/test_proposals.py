"""The region proposal network: its anchors, its loss in NumPy, and what it proposes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.vision import box_iou, decode_boxes, encode_boxes, nms
from netwright.vision.rcnn import proposals as module
from netwright.vision.rcnn.proposals import Counts, ProposalNetwork, anchors_of, proposal_loss, proposals
from netwright.vision.rcnn.sampling import Rules

SHAPES = torch.tensor([[12.0, 12.0], [30.0, 20.0]])


@pytest.fixture(autouse=True)
def _forked() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_answers_stand_as_the_anchors_do() -> None:
    """The answer of an anchor depends on the map about its own cell."""
    network = ProposalNetwork(3, 2)
    x = torch.zeros(1, 3, 6, 8, requires_grad=True)
    torch.nn.init.normal_(network.objectness.weight)
    objectness, corrections = network(x + 0.1)
    anchors = anchors_of(6, 8, 16, SHAPES)
    assert objectness.shape == (1, 96)
    assert corrections.shape == (1, 96, 4)
    for index in (2 * (3 * 8 + 5), 2 * (3 * 8 + 5) + 1):
        x.grad = None
        objectness[0, index].backward(retain_graph=True)
        rows, columns = torch.nonzero(x.grad.abs().sum((0, 1)), as_tuple=True)
        assert (rows.float().mean(), columns.float().mean()) == (3, 5)
        assert ((anchors[index, :2] + anchors[index, 2:]) / 2).tolist() == [(5 + 0.5) * 16, (3 + 0.5) * 16]


def test_the_loss_as_the_equations_say(monkeypatch: pytest.MonkeyPatch) -> None:
    anchors = anchors_of(3, 4, 16, SHAPES)
    everything = Rules(foreground=0.5, background=0.3, drawn=10_000, share=1.0, best=True)
    monkeypatch.setattr(module, "RULES", everything)
    objectness, corrections = torch.randn(2, 24), torch.randn(2, 24, 4)
    boxes = torch.tensor([[[2.0, 3, 14, 15], [20, 16, 50, 40]], [[0.0, 0, 0, 0], [0, 0, 0, 0]]])
    classes = torch.tensor([[0, 1], [-1, -1]])
    got = float(proposal_loss(objectness, corrections, anchors, (boxes, classes)))
    total, count = 0.0, 0
    for image in range(2):
        there = boxes[image][classes[image] >= 0]
        overlap = np.asarray(box_iou(anchors, there)).reshape(24, -1)
        most = overlap.max(1, initial=0)
        front = (most >= 0.5) | (overlap == overlap.max(0, initial=0)).any(1) if len(there) else most > 1
        for index in range(24):
            if not front[index] and most[index] >= 0.3:
                continue
            z = float(objectness[image, index])
            total += np.logaddexp(0, z) - z * bool(front[index])
            count += 1
            if front[index]:
                item = int(overlap[index].argmax())
                wanted = encode_boxes(there[item][None].double(), anchors[index][None].double())[0].numpy()
                off = np.abs(corrections[image, index].double().numpy() - wanted)
                total += np.where(off < 1 / 9, 0.5 * off**2 * 9, off - 0.5 / 9).sum()
    assert got == pytest.approx(total / count, rel=1e-5)


def test_proposals_are_the_best_after_suppression_within_the_canvas() -> None:
    anchors = anchors_of(3, 4, 16, SHAPES)
    objectness, corrections = torch.randn(2, 24), 0.3 * torch.randn(2, 24, 4)
    found = proposals(objectness, corrections, anchors, (48, 64), Counts(20, 6))
    for image, boxes in enumerate(found):
        best = objectness[image].topk(20).indices
        made = decode_boxes(corrections[image][best], anchors[best])
        made = torch.minimum(made.clamp_min(0), torch.tensor([64.0, 48, 64, 48]))
        kept = nms(made, objectness[image][best], 0.7)[:6]
        assert torch.equal(boxes, made[kept])
        assert ((boxes[:, 2:] - boxes[:, :2]) >= 1).all()
