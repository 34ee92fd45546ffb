"""Saliency: which pixels change the score of a class most.

    M_ij = max over colours of |d s_c / d x_ij|          s_c the score of the class before the softmax

Simonyan, Vedaldi, Zisserman, *Deep inside convolutional networks: visualising image classification models and saliency
maps*, 2014. With noise > 0 it is the mean over noisy copies of the image: Smilkov, Thorat, Kim, Viegas, Wattenberg,
*SmoothGrad: removing noise by adding noise*, 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from netwright.core.validation import check, integer, number
from netwright.vision.seeing.subjects import evaluating, score_of, subject_of


def saliency(
    model: Any, image: Any, target: Any = None, *, noise: float = 0.0, copies: int = 16, random_state: int = 0
) -> np.ndarray:
    """How much each pixel changes the score of a class: M = max over colours of |d s_c / d x|.

    Parameters
    ----------
    model : a torch module that gives scores of classes, a fitted `Classifier` of images, or a fitted `ImageClassifier`.
    image : one, (channels, height, width) as the module or the classifier takes it; of an `ImageClassifier` (height,
        width, 3) of uint8 or a file, of any size.
    target : label of the class, or the number of an output of a module; None for the most probable one.
    noise : standard deviation of noise, as a share of the image's range, >= 0; 0 for none.
    copies : noisy images whose maps are averaged, >= 1.
    random_state : of the noise.

    Shapes
    ------
    one image -> (height, width), numbers >= 0

    Raises
    ------
    NotFittedError, InvalidParameter, InvalidData : a model, a class or an image that cannot be.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> _ = net[1].weight.data.copy_(torch.tensor([[1.0, -2, 0, 3], [0.0, 0, 0, 0]]))
    >>> saliency(net, torch.zeros(1, 2, 2), 0).tolist()
    [[1.0, 2.0], [0.0, 3.0]]

    References
    ----------
    Simonyan, Vedaldi, Zisserman, *Deep inside convolutional networks: visualising image classification models and
    saliency maps*, 2014.
    """
    check("saliency(noise)", noise, number(0))
    check("saliency(copies)", copies, integer(1))
    check("saliency(random_state)", random_state, integer(0))
    subject = subject_of("saliency", model, image)
    x, generator = subject.x, torch.Generator().manual_seed(int(random_state))
    total = torch.zeros_like(x[0, 0])
    times = copies if noise else 1
    with evaluating(subject.module):
        for _ in range(times):
            drawn = torch.randn(x.shape, generator=generator).to(x) * (noise * float(x.max() - x.min()))
            given = (x + drawn if noise else x).clone().requires_grad_(True)
            score = score_of("saliency", subject.scores("saliency", given), target, subject.classes)
            (slope,) = torch.autograd.grad(score, given)
            total += slope[0].abs().amax(0)
    return subject.over_image(total / times)
