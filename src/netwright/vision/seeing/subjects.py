"""What can be looked into: a module that gives scores of classes, a fitted `Classifier`, a fitted `ImageClassifier`.

Scores are taken before the last softmax or sigmoid: a probability near 1 has no gradient to speak of, and its gradient
says as much of the other classes as of the one that is asked for (Simonyan et al. 2014).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import interpolate

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.losses import split_link
from netwright.vision.detection.pictures import Canvases, Pictures, frame_of
from netwright.vision.single.image_classifier import ImageClassifier


@dataclass(frozen=True)
class Subject:
    """A network in evaluation, and an image as it takes it.

    Parameters
    ----------
    module : gives scores (1, classes). x : (1, channels, height, width). classes : labels, or numbers. place : rows and
        columns of x that are the image. size : (height, width) of the image as it came.
    """

    module: torch.nn.Module
    x: Tensor
    classes: Sequence[Any]
    place: tuple[int, int]
    size: tuple[int, int]

    def scores(self, where: str, x: Tensor) -> Any:
        """What the network gives for the image, or for one of its size: see `scores_of`."""
        return scores_of(where, self.module, x)

    def over_image(self, heat: Tensor) -> np.ndarray:
        """A map (h, w) over x as an array over the image (height, width), bilinear."""
        if tuple(heat.shape) != tuple(self.x.shape[2:]):
            heat = interpolate(heat[None, None], self.x.shape[2:], mode="bilinear")[0, 0]
        heat = heat[: self.place[0], : self.place[1]]
        if tuple(heat.shape) != self.size:
            heat = interpolate(heat[None, None], self.size, mode="bilinear")[0, 0]
        return heat.detach().cpu().numpy()


def subject_of(where: str, model: Any, image: Any) -> Subject:
    """A network and an image as it takes it.

    Parameters
    ----------
    where : how an error calls the function. model, image : see `saliency`.

    Raises
    ------
    NotFittedError : an estimator that was not fitted. InvalidParameter : something else than such a model.
    InvalidData : an image that it does not take.
    """
    if isinstance(model, ImageClassifier):
        return _of_image_classifier(where, model, image)
    module, classes = scoring(where, model)
    parameter = next(module.parameters(), torch.empty(0))
    sample = image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
    if sample.ndim != 3 or sample.dtype.kind not in "fiub" or not np.isfinite(sample).all():
        got = f"{sample.dtype} of shape {sample.shape}"
        remedy = "One image is X[0]; channels come first."
        raise InvalidData(problem(f"{where}(image)", "finite numbers (channels, height, width)", got, remedy))
    if hasattr(model, "_inputs"):
        (sample,) = model._inputs.transform(model._inputs.again(model, sample[None]))
    else:
        sample = sample[None]
    x = torch.tensor(np.asarray(sample), device=parameter.device, dtype=parameter.dtype)
    return Subject(module, x, classes, (x.shape[2], x.shape[3]), (x.shape[2], x.shape[3]))


def scoring(where: str, model: Any) -> tuple[torch.nn.Module, Sequence[Any]]:
    """The part of a network that gives scores, and the labels of its classes, or none.

    Parameters
    ----------
    where : how an error calls the function. model : see `saliency`.
    """
    if isinstance(model, torch.nn.Module):
        return split_link(model)[0], ()
    if hasattr(model, "fit") and hasattr(model, "predict"):
        check_is_fitted(model, "module_")
        classes = getattr(model, "classes_", None)
        if isinstance(classes, np.ndarray) and classes.ndim == 1:
            return split_link(model.module_)[0], classes.tolist()
    remedy = "Build a network first: net.build(seed=0)." if hasattr(model, "build") else ""
    expected = "a torch module, a fitted Classifier or a fitted ImageClassifier"
    raise InvalidParameter(problem(f"{where}(model)", expected, shown(model), remedy))


def scores_of(where: str, module: torch.nn.Module, x: Tensor) -> Any:
    """What a network gives for images.

    Parameters
    ----------
    where : how an error calls the function. module : the network. x : (n, channels, height, width).

    Raises
    ------
    InvalidData : it does not take them.
    """
    try:
        return module(x)
    except (RuntimeError, ValueError, TypeError) as error:
        expected, got = "an image that the network takes", f"(channels, height, width) {tuple(x.shape[1:])}"
        raise InvalidData(problem(where, expected, got, f"It says: {' '.join(str(error).split())}")) from error


def score_of(where: str, scores: Tensor, target: Any, classes: Sequence[Any]) -> Tensor:
    """The score of one class, a number; of the most probable one for None.

    Parameters
    ----------
    where : how an error calls the function. scores : (1, classes), or (1, 1) for two of them. target : a label of the
        classes, else the number of an output. classes : labels, or none.

    Raises
    ------
    InvalidParameter : a class that there is not, or a network that gives no scores of classes.
    """
    if not isinstance(scores, Tensor) or scores.ndim != 2:
        got = f"outputs of shape {tuple(getattr(scores, 'shape', ()))}"
        raise InvalidParameter(problem(f"{where}(model)", "scores (n, classes)", got))
    if scores.shape[1] == 1:
        scores = torch.cat([-scores, scores], 1)
    if target is None:
        return scores[0].max()
    known = list(classes) if len(classes) else list(range(scores.shape[1]))
    several = isinstance(target, (list, np.ndarray, Tensor)) and np.ndim(target) > 0
    if several or target not in known:
        remedy = did_you_mean(str(target), [str(name) for name in known])
        raise InvalidParameter(problem(f"{where}(target)", "a class of the model", shown(target), remedy))
    return scores[0, known.index(target)]


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients of weights, and afterwards everything as it was.

    Parameters
    ----------
    module : any.
    """
    modes = [(part, part.training) for part in module.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    module.eval().requires_grad_(False)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for parameter, asked in wanted:
            parameter.requires_grad_(asked)


def _of_image_classifier(where: str, model: ImageClassifier, image: Any) -> Subject:
    """An image on the canvas that the classifier takes."""
    check_is_fitted(model, "module_")
    pictures = Pictures([image], f"{where}(image)")
    frame = frame_of(pictures.sizes[0], model.size)
    x = Canvases(pictures, [frame], model._canvas()).take(torch.arange(1)).float() / 255
    device = next(model.module_.parameters()).device
    height, width = pictures.sizes[0]
    return Subject(model.module_, x.to(device), model.classes_.tolist(), frame.shape, (int(height), int(width)))
