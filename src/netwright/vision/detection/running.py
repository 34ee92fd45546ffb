"""What all estimators of images share: which images are held out, the run of a network, images of one shape together.

They are functions, so that estimators with other answers than boxes use them too (`netwright.vision.single`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.estimators.parameters import parts_of, value_of
from netwright.estimators.together import devices_for
from netwright.graph import Expression, parse
from netwright.models import darknet
from netwright.train import Batches, Precision, Run, choose_device
from netwright.vision.detection.pictures import Frame, Pictures, canvas_for

LOOKED_AT = 2**18  # pixels of the images that `check` looks at
TOGETHER = 16  # images of one shape that are answered together
USUAL_SIZE = 256  # pixels of a side, of images that are not scaled

# targets, their images, how an error names the targets -> what is known of each image
Read = Callable[[Any, Pictures, str], list[Any]]


class Part:
    """Some of the images.

    Parameters
    ----------
    pictures : all. rows : the numbers of these.
    """

    def __init__(self, pictures: Any, rows: Sequence[int]) -> None:
        self._pictures, self._rows = pictures, list(rows)
        self.sizes = [pictures.sizes[row] for row in self._rows]

    def called(self, number: int) -> str:
        """How an error names an image."""
        name: str = self._pictures.called(self._rows[number])
        return name

    def scaled(self, number: int, frame: Frame) -> Tensor:
        """One image at the scale of its frame."""
        image: Tensor = self._pictures.scaled(self._rows[number], frame)
        return image


def parted(
    estimator: Any, pictures: Pictures, known: list[Any], read: Read
) -> tuple[tuple[Any, list[Any]], tuple[Any, list[Any]] | None]:
    """Images with what is known of them to train on, and those held out.

    Parameters
    ----------
    estimator : its option `validation` says what is held out. pictures, known : all. read : targets of others.

    Raises
    ------
    InvalidData : images or targets of a pair that cannot be, or too few images for a share.
    """
    where, given = f"{estimator._name}(validation)", estimator.validation
    if given is None:
        return (pictures, known), None
    if isinstance(given, (tuple, list)):
        others = Pictures(given[0], f"{where}, images")
        return (pictures, known), (others, read(given[1], others, f"{where}, targets"))
    count = max(1, round(len(known) * float(given)))
    if count >= len(known):
        expected = "at least one image to train on and one to hold out"
        raise InvalidData(problem(where, expected, f"{len(known)} in all"))
    drawn = np.random.default_rng(derive(estimator.seed_, "validation")).permutation(len(known))
    rows = sorted(drawn[count:].tolist()), sorted(drawn[:count].tolist())
    own, held = ((Part(pictures, some), [known[row] for row in some]) for some in rows)
    return own, held


def run_of(estimator: Any, score: Any) -> Run:
    """The run of an estimator whose network stands in ``module_``, without rows; the network is put on its device.

    Parameters
    ----------
    estimator : with the options of all estimators of images. score : of held-out images, see `train.evaluation`.

    Raises
    ------
    InvalidParameter : a rule that looks at all images in each step.
    """
    device = estimator._group.place(choose_device(str(estimator.device)))
    compiled = devices_for(estimator).compile
    estimator._precision = Precision(device=device, channels_last=True, group=estimator._group, compile=compiled)
    estimator._precision.place(estimator.module_)
    rule = value_of(estimator.optimizer, "optimizer") or estimator._rule()
    if rule.full_batch:
        expected = "a rule that updates batch by batch"
        raise InvalidParameter(problem(f"{estimator._name}(optimizer)", expected, shown(estimator.optimizer)))
    return Run(
        estimator.module_,
        estimator._objective(),
        rule,
        estimator._precision,
        score,
        parts_of(value_of(estimator.regularizer, "regularizer")),
        estimator.average,
        derive(estimator.seed_, "training"),
        macs=(estimator.size or USUAL_SIZE) ** 2 * 1000,
    )


def looked_at(parts: list[Any]) -> list[Batches]:
    """Of each part of the images some that the checks can look at.

    Parameters
    ----------
    parts : batches of images on canvases of one size.
    """
    height, width = parts[0].canvas
    return [part.some(min(max(4, LOOKED_AT // (height * width)), part.n)) for part in parts]


def alike(frames: list[Frame], stride: int) -> Iterator[tuple[list[int], tuple[int, int]]]:
    """The numbers of images with canvases of one shape, some at a time, and the shape.

    Parameters
    ----------
    frames : of the images. stride : of which the sides of a canvas are multiples.

    Examples
    --------
    >>> list(alike([Frame(40, 64, 1.0), Frame(64, 64, 1.0), Frame(33, 64, 1.0)], 32))
    [([0, 1, 2], (64, 64))]
    """
    shapes: dict[tuple[int, int], list[int]] = {}
    for row, frame in enumerate(frames):
        shapes.setdefault(canvas_for([frame], stride), []).append(row)
    for canvas, rows in shapes.items():
        for start in range(0, len(rows), TOGETHER):
            yield rows[start : start + TOGETHER], canvas


def backbone_of(given: Any) -> Expression:
    """The layers that the user gave, or else a small network that trains on a CPU.

    Parameters
    ----------
    given : layers, their text or None.
    """
    if given is None:
        return darknet(16, (1, 2, 2), stride=2, headless=True)
    return parse(given) if isinstance(given, str) else given
