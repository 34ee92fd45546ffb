"""An image that a class likes: gradient ascent on its score.

    I = argmax over images of s_c(I) - l2/2 ||I - I_0||^2 - tv TV(I)          I_0 the mean of the range, each in [0, 1]

The score s_c is that before the softmax: to raise a probability it is enough to lower all others. With `jitter` the
image is moved by some pixels, at random in each step, so that what it shows does not depend on the grid of strides.

Simonyan, Vedaldi, Zisserman, *Deep inside convolutional networks: visualising image classification models and saliency
maps*, 2014; Mahendran, Vedaldi, *Understanding deep image representations by inverting them*, 2015 (variation, jitter).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import check, integer, nothing, number
from netwright.optim import Adam
from netwright.vision.seeing.subjects import evaluating, score_of, scores_of, scoring
from netwright.vision.single.image_classifier import ImageClassifier
from netwright.vision.style.costs import total_variation

MIDDLE = 0.5


def class_image(
    model: Any,
    target: Any,
    *,
    shape: Sequence[int] | None = None,
    steps: int = 200,
    rate: float = 0.05,
    l2: float = 0.01,
    tv: float = 0.01,
    jitter: int | None = None,
    random_state: int = 0,
) -> np.ndarray:
    """An image whose score for a class is high: argmax of s_c(I) - l2/2 ||I - 1/2||^2 - tv TV(I), I in [0, 1].

    Parameters
    ----------
    model : a torch module that gives scores of classes, a fitted `Classifier` of images with values in [0, 1], or a
        fitted `ImageClassifier`.
    target : label of the class, or the number of an output of a module.
    shape : (channels, height, width) of the image; None for what the model was fitted on.
    steps : an integer >= 1.
    rate : of Adam, > 0.
    l2, tv : weights of the penalties, >= 0; the variation is the squared one.
    jitter : pixels by which the image is moved at most in a step, an integer >= 0; None for 1/32 of the shorter side.
    random_state : of the moves.

    Shapes
    ------
    -> (channels, height, width) in [0, 1]; of an `ImageClassifier` (height, width, 3) of uint8

    Raises
    ------
    NotFittedError, InvalidParameter : a model, a class or a shape that cannot be.

    Examples
    --------
    >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> _ = net[1].weight.data.copy_(torch.tensor([[1.0, -1, 0, 2], [0.0, 0, 0, 0]]))
    >>> print(class_image(net, 0, shape=(1, 2, 2), l2=5.0, tv=0, jitter=0).round(2))
    [[[0.7 0.3]
      [0.5 0.9]]]

    References
    ----------
    Simonyan, Vedaldi, Zisserman, *Deep inside convolutional networks: visualising image classification models and
    saliency maps*, 2014.
    """
    where = "class_image"
    _check_numbers(where, {"steps": steps, "random_state": random_state, "jitter": jitter}, {"l2": l2, "tv": tv})
    check(f"{where}(rate)", rate, number(0, closed="neither"))
    module, classes = (model.module_, model.classes_.tolist()) if _is_ours(model) else scoring(where, model)
    size = _shape_of(model, shape)
    far = min(size[1:]) // 32 if jitter is None else jitter
    generator = torch.Generator().manual_seed(int(random_state))
    image = torch.full((1, *size), MIDDLE, device=next(module.parameters()).device, requires_grad=True)
    optimizer: Any = Adam(rate).build([image])
    scaler = getattr(getattr(model, "_inputs", None), "scaler", None)
    with evaluating(module):
        for _ in range(steps):
            optimizer.zero_grad()
            down, across = torch.randint(-far, far + 1, (2,), generator=generator).tolist()
            moved = image.roll((down, across), (2, 3))
            score = score_of(where, scores_of(where, module, _scaled(moved, scaler)), target, classes)
            cost = l2 / 2 * (image - MIDDLE).square().sum() + tv * total_variation(image, "squared") - score
            cost.backward()
            optimizer.step()
            with torch.no_grad():
                image.clamp_(0, 1)
    found = image.detach()[0].cpu()
    if _is_ours(model):
        return np.ascontiguousarray(found.mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy())
    return found.numpy()


def _check_numbers(where: str, whole: dict[str, Any], weights: dict[str, float]) -> None:
    """Refuse counts and weights that cannot be."""
    for name, count in whole.items():
        kind = integer(1) if name == "steps" else integer(0) | nothing if name == "jitter" else integer(0)
        check(f"{where}({name})", count, kind)
    for name, weight in weights.items():
        check(f"{where}({name})", weight, number(0))


def _is_ours(model: Any) -> bool:
    """Whether the model takes images of any size."""
    return isinstance(model, ImageClassifier) and hasattr(model, "module_")


def _shape_of(model: Any, shape: Any) -> tuple[int, ...]:
    """(channels, height, width) of the image to make."""
    if shape is None and _is_ours(model):
        return (3, *model._canvas())
    if shape is None and hasattr(model, "_inputs") and len(model._inputs.shapes) == 1:
        (shape,) = model._inputs.shapes
    if shape is None or len(shape) != 3 or not all(integer(1).accepts(side) for side in shape):
        got = "None" if shape is None else f"{tuple(shape)}"
        raise InvalidParameter(problem("class_image(shape)", "(channels, height, width) of the model's images", got))
    return tuple(int(side) for side in shape)


def _scaled(image: Tensor, scaler: Any) -> Tensor:
    """An image as the network of an estimator takes it."""
    if scaler is None:
        return image
    mean, scale = (image.new_tensor(np.asarray(each)) for each in (scaler.mean, scaler.scale))
    return (image - mean) / scale
