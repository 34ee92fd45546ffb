"""Maps of a backbone at its coarsest strides, and the way back to fine ones."""

from __future__ import annotations

import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.vision.detection.features import Features, Pyramid


@pytest.mark.parametrize(
    ("backbone", "scales", "strides", "widths"),
    [
        (nw.models.darknet(8, (1, 1, 1), stride=2, headless=True), 1, [16], [64]),
        (nw.models.darknet(8, (1, 1, 1), stride=2), 3, [4, 8, 16], [16, 32, 64]),
        (nw.models.resnet18(headless=True), 3, [8, 16, 32], [128, 256, 512]),
    ],
    ids=["one", "with its head", "resnet18"],
)
def test_the_coarsest_strides(
    backbone: nw.graph.Expression, scales: int, strides: list[int], widths: list[int]
) -> None:
    features = Features(backbone, scales, seed=0)
    assert (features.strides, features.widths) == (strides, widths)
    maps = features(torch.zeros(2, 3, 96, 64))
    assert [tuple(x.shape) for x in maps] == [(2, w, 96 // s, 64 // s) for w, s in zip(widths, strides, strict=True)]


def test_maps_are_those_of_the_backbone_itself() -> None:
    backbone = nw.layers.Conv(4, 3, 2, 1) >> nw.layers.ReLU() >> nw.layers.Conv(6, 3, 2, 1) >> nw.layers.Tanh()
    features = Features(backbone, 2, seed=3)
    whole = (nw.Input(3, 256, 256) >> backbone).build(3)
    x = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    fine, coarse = features(x)
    assert torch.equal(coarse, whole(x))
    assert torch.equal(fine, whole[1](whole[0](x)))


def test_weights_are_a_function_of_the_seed() -> None:
    backbone = nw.models.darknet(8, (1, 1), stride=2)
    one, other, third = (Pyramid(backbone, 2, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert any(not torch.equal(one[name], third[name]) for name in one)


def test_a_fine_map_knows_of_far_places() -> None:
    """The way back brings to a place of the finest map what the coarsest one saw."""
    backbone = nw.models.darknet(8, (0, 0, 0), stride=2)
    pyramid = Pyramid(backbone, 3, 0).eval()
    x = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0), requires_grad=True)
    pyramid(x)[0][0, :, 16, 16].sum().backward()
    assert x.grad is not None
    seen = torch.nonzero(x.grad.abs().sum((0, 1)))
    alone = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0), requires_grad=True)
    Pyramid(backbone, 3, 0).eval().features(alone)[0][0, :, 16, 16].sum().backward()
    assert alone.grad is not None
    near = torch.nonzero(alone.grad.abs().sum((0, 1)))
    assert (seen.amax(0) - seen.amin(0)).min() > 2 * (near.amax(0) - near.amin(0)).max()


def test_too_few_strides() -> None:
    with pytest.raises(InvalidParameter, match=r"backbone: expected maps at 3 strides, got 2 in"):
        Features(nw.models.darknet(8, (0,), stride=2), 3, 0)
