"""Pictures of what a network looks at: against closed forms, differences, and class activation maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.layers import Conv, Dropout, Flatten, GlobalPool, Input, ReLU, Softmax
from netwright.losses import split_link
from netwright.vision import class_image, grad_cam, saliency

IMAGE = np.random.default_rng(0).random((2, 9, 7))
POOLED = Input(2, 9, 7) >> Conv(5, 3) >> ReLU() >> GlobalPool() >> Softmax(4)


def linear(inputs: int, outputs: int) -> torch.nn.Sequential:
    """A linear network, whose weights are still to be written."""
    with torch.random.fork_rng(devices=[]):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(inputs, outputs, bias=False))


@pytest.fixture(scope="module")
def digits() -> Any:
    X, y = nw.data.load_digits()
    net = Conv(8, 3) >> ReLU() >> Dropout(0.2) >> Flatten() >> Softmax(10)
    return nw.Classifier(net, epochs=3, random_state=0).fit(X[:300], np.array(list("abcdefghij"))[y[:300]]), X


def test_saliency_is_the_slope_of_the_score() -> None:
    module = POOLED.build(seed=0).double()
    body = torch.nn.Sequential(*list(module.children())[:-1])
    found = saliency(module, IMAGE, 2)
    head = module.softmax1.linear if hasattr(module.softmax1, "linear") else body[-1]

    def score(x: np.ndarray) -> float:
        maps = torch.relu(module.conv1(torch.from_numpy(x)[None])).mean((2, 3))
        return float(head(maps)[0, 2].detach())

    slopes = np.zeros_like(IMAGE)
    for place in np.ndindex(IMAGE.shape):
        moved = [IMAGE.copy(), IMAGE.copy()]
        moved[0][place] += 1e-6
        moved[1][place] -= 1e-6
        slopes[place] = (score(moved[0]) - score(moved[1])) / 2e-6
    np.testing.assert_allclose(found, np.abs(slopes).max(0), atol=1e-7)


def test_grad_cam_of_pooled_maps_is_the_class_activation_map() -> None:
    module = POOLED.build(seed=0).double()
    maps = torch.relu(module.conv1(torch.from_numpy(IMAGE)[None]))[0].detach()
    weights = module.softmax1.linear.weight[3].detach()
    wanted = torch.relu(torch.einsum("k,khw->hw", weights, maps) / maps[0].numel())
    wanted = torch.nn.functional.interpolate(wanted[None, None], (9, 7), mode="bilinear")[0, 0]
    np.testing.assert_allclose(grad_cam(module, IMAGE, 3), wanted, atol=1e-12)
    np.testing.assert_allclose(grad_cam(module, IMAGE, 3, layer="relu1"), wanted, atol=1e-12)


def test_noise_is_drawn_from_its_seed_and_averages() -> None:
    module = POOLED.build(seed=0)
    plain, one, two = (saliency(module, IMAGE, 1, noise=n, random_state=s) for n, s in ((0, 0), (0.1, 1), (0.1, 1)))
    assert (one == two).all()
    assert (one != plain).any()
    np.testing.assert_allclose(one, plain, atol=0.5 * plain.max())


def test_an_image_that_a_linear_class_likes_has_a_closed_form() -> None:
    module = linear(12, 3)
    weights = torch.linspace(-1, 1, 36, dtype=torch.float64).reshape(3, 12)
    module[1].weight.data.copy_(weights)
    made = class_image(module, 2, shape=(3, 2, 2), l2=3.0, tv=0, jitter=0, steps=400)
    wanted = np.clip(0.5 + weights[2].numpy() / 3.0, 0, 1).reshape(3, 2, 2)
    np.testing.assert_allclose(made, wanted, atol=5e-3)


def test_a_classifier_by_its_labels_and_as_it_was(digits: Any) -> None:
    clf, X = digits
    before = {name: tensor.clone() for name, tensor in clf.module_.state_dict().items()}
    likely = clf.predict(X[:1])[0]
    assert (saliency(clf, X[0]) == saliency(clf, X[0], likely)).all()
    assert grad_cam(clf, X[0], "c").shape == (8, 8)
    made = class_image(clf, "d", steps=60)
    assert made.shape == (1, 8, 8)
    body = split_link(clf.module_)[0].eval()
    scores = [body(torch.tensor(clf._inputs.transform(rows)[0]))[:, 3].detach() for rows in (made[None], X[:300])]
    assert scores[0].item() > scores[1].max().item()
    assert all(torch.equal(before[name], tensor) for name, tensor in clf.module_.state_dict().items())
    assert all(parameter.requires_grad for parameter in clf.module_.parameters())


def test_an_image_classifier_in_the_size_of_the_image() -> None:
    images = [np.full((40, 60, 3), shade, np.uint8) for shade in (20, 30, 220, 230)]
    labels = ["dark", "dark", "light", "light"]
    clf = nw.vision.ImageClassifier(size=64, epochs=1, batch_size=2, random_state=0).fit(images, labels)
    assert saliency(clf, images[0], "light").shape == (40, 60)
    assert grad_cam(clf, images[0]).shape == (40, 60)
    made = class_image(clf, "dark", steps=2)
    assert made.shape == (64, 64, 3)
    assert made.dtype == np.uint8


def test_maps_are_those_of_the_layer_that_is_named() -> None:
    """What stands behind the layer may write over its maps."""
    with torch.random.fork_rng(devices=[]):
        convolution = torch.nn.Conv2d(2, 3, 3, bias=False)
    module = torch.nn.Sequential(convolution, torch.nn.ReLU(inplace=True), *linear(105, 2))
    draw = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data.normal_(generator=draw)
    x = torch.tensor(IMAGE[None], dtype=torch.float32)
    maps = torch.conv2d(x, module[0].weight).requires_grad_(True)
    score = torch.relu(maps).flatten(1) @ module[3].weight[1]
    (slopes,) = torch.autograd.grad(score[0], maps)
    wanted = torch.relu((slopes[0].mean((1, 2), keepdim=True) * maps[0]).sum(0))
    large = torch.nn.functional.interpolate(wanted[None, None], IMAGE.shape[1:], mode="bilinear")[0, 0]
    np.testing.assert_allclose(grad_cam(module, IMAGE, 1, layer="0"), large.detach(), rtol=1e-4, atol=1e-5)


def test_two_classes_with_one_output() -> None:
    module = torch.nn.Sequential(*linear(4, 1), torch.nn.Sigmoid())
    module[1].weight.data.copy_(torch.tensor([[1.0, -2, 0, 3]]))
    for target in (0, 1):
        assert saliency(module, np.zeros((1, 2, 2)), target).tolist() == [[1, 2], [0, 3]]


def test_what_cannot_be_is_named(digits: Any) -> None:
    clf, X = digits
    module = POOLED.build(seed=0)
    with pytest.raises(InvalidParameter, match=r"\(target\): expected a class of the model, got 'k'"):
        saliency(clf, X[0], "k")
    with pytest.raises(InvalidParameter, match=r"\(layer\).*'relu2'.*Did you mean 'relu1'"):
        grad_cam(module, IMAGE, layer="relu2")
    with pytest.raises(InvalidParameter, match=r"maps of more than one place.*'softmax1'"):
        grad_cam(module, IMAGE, layer="softmax1")
    with pytest.raises(InvalidParameter, match=r"net\.build\(seed=0\)"):
        saliency(POOLED, IMAGE)
    with pytest.raises(NotFittedError):
        saliency(nw.Classifier(), IMAGE)
    with pytest.raises(InvalidData, match=r"finite numbers \(channels, height, width\)"):
        saliency(module, np.full((2, 9, 7), np.nan))
    with pytest.raises(InvalidData, match=r"One image is X\[0\]"):
        saliency(module, IMAGE[0])
    with pytest.raises(InvalidParameter, match=r"\(shape\): expected \(channels, height, width\)"):
        class_image(module, 0)
    with pytest.raises(InvalidData, match=r"that the network takes, got \(channels, height, width\) \(1, 9, 7\)"):
        saliency(module, IMAGE[:1])
    with pytest.raises(InvalidParameter, match=r"\(target\): expected a class of the model, got array"):
        saliency(module, IMAGE, np.array([0, 1]))
    with pytest.raises(InvalidParameter, match=r"\(copies\): expected an integer >= 1, got 0"):
        saliency(module, IMAGE, copies=0)
    with pytest.raises(InvalidParameter, match=r"scores \(n, classes\), got outputs of shape"):
        saliency(torch.nn.Sequential(torch.nn.ReLU()), IMAGE)
