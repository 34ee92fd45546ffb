"""Grad-CAM: where a class is seen, as the maps of a layer tell it.

    a_k  = 1/N sum over places of d s_c / d A_k          A_k the maps of a layer, N places
    L    = max(0, sum_k a_k A_k)                         enlarged to the image

Where a network ends in a mean over places and one linear layer with weights w, a_k = w_ck / N, and L is the class
activation map of Zhou et al. 2016.

Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra, *Grad-CAM: visual explanations from deep networks via gradient-based
localization*, 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, did_you_mean, problem
from netwright.vision.seeing.subjects import Subject, evaluating, score_of, subject_of


def grad_cam(model: Any, image: Any, target: Any = None, *, layer: str | None = None) -> np.ndarray:
    """Where a class is seen: L = max(0, sum_k a_k A_k), a_k the mean gradient of the class's score by the map A_k.

    Parameters
    ----------
    model, image, target : as of `saliency`.
    layer : path of a layer that gives maps, such as "relu5"; None for the last one.

    Shapes
    ------
    one image -> (height, width), numbers >= 0

    Raises
    ------
    NotFittedError, InvalidParameter, InvalidData : a model, a class, an image or a layer that cannot be.

    Examples
    --------
    >>> import netwright as nw
    >>> from netwright.layers import Conv, GlobalPool, Input, ReLU, Softmax
    >>> net = (Input(1, 8, 8) >> Conv(4, 3) >> ReLU() >> GlobalPool() >> Softmax(3)).build(seed=0)
    >>> grad_cam(net, torch.ones(1, 8, 8), 2).shape
    (8, 8)

    References
    ----------
    Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra, *Grad-CAM: visual explanations from deep networks via
    gradient-based localization*, 2017.
    """
    subject = subject_of("grad_cam", model, image)
    with evaluating(subject.module):
        maps, score = _run(subject, layer, target)
        (slopes,) = torch.autograd.grad(score, maps)
    return subject.over_image(activation_map(maps[0], slopes[0]))


def activation_map(maps: Tensor, slopes: Tensor) -> Tensor:
    """L = max(0, sum_k a_k A_k), a_k the mean of the slopes of map k.

    Parameters
    ----------
    maps : A, (channels, h, w). slopes : d s_c / d A, of the same shape.

    Examples
    --------
    >>> activation_map(torch.ones(2, 1, 2), torch.tensor([[[1.0, 3.0]], [[0.0, -1.0]]])).tolist()
    [[1.5, 1.5]]
    """
    return torch.relu((slopes.mean((1, 2), keepdim=True) * maps).sum(0)).detach()


def _run(subject: Subject, layer: str | None, target: Any) -> tuple[Tensor, Tensor]:
    """The maps of a layer and the score of a class, with the graph between them."""
    seen: dict[str, Tensor] = {}

    def keep(path: str) -> Any:
        def hook(part: torch.nn.Module, args: Any, output: Any) -> Any:
            if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
                seen.pop(path, None)
                seen[path] = output
                return output.clone()  # what follows may change it in place
            return None

        return hook

    parts = {path: part for path, part in subject.module.named_modules() if path}
    if layer is not None and layer not in parts:
        remedy = did_you_mean(str(layer), parts)
        raise InvalidParameter(problem("grad_cam(layer)", "the path of a layer of the model", repr(layer), remedy))
    handles = [part.register_forward_hook(keep(path)) for path, part in parts.items()]
    try:
        given = subject.x.clone().requires_grad_(True)
        score = score_of("grad_cam", subject.scores("grad_cam", given), target, subject.classes)
    finally:
        for handle in handles:
            handle.remove()
    path = layer or next(reversed(seen), "")
    if path not in seen:
        expected = "a layer that gives maps of more than one place, (n, channels, height, width)"
        got = repr(layer) if layer else "a model without any"
        remedy = f"Choose one of: {', '.join(seen)}." if seen else ""
        raise InvalidParameter(problem("grad_cam(layer)", expected, got, remedy))
    return seen[path], score
