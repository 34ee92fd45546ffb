"""`ImageEstimator`: what estimators with one answer for each image share, where the answer is no box.

An author writes the hooks `_read` (what is known of the images), `_learn` (what follows from it, with `_to_state` and
`_from_state`), `_tables`, `_told`, `_network`, `_objective`, `_score` and `_change`, and from `_outputs` the public
methods. All images lie on square canvases of one size, in training and afterwards.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.seeds import derive
from netwright.core.validation import Constraint
from netwright.estimators.together import seed_of
from netwright.estimators.trained import RunEstimator
from netwright.graph import Expression
from netwright.train import Batches, Run
from netwright.vision.detection import saving
from netwright.vision.detection.batches import PIECE, DetectionBatches
from netwright.vision.detection.detector import SHARED
from netwright.vision.detection.pictures import Canvases, Frame, Pictures, frame_of
from netwright.vision.detection.running import Part, backbone_of, looked_at, parted, run_of
from netwright.vision.single.looking import canvas_side

_OF_BOXES = ("score_threshold", "iou_threshold", "max_detections", "bad_boxes")
OPTIONS: Mapping[str, Constraint] = {name: item for name, item in SHARED.items() if name not in _OF_BOXES}


class ImageEstimator(RunEstimator):
    """The abstract base of estimators that give one answer for each image."""

    _constraints: ClassVar[Mapping[str, Constraint]] = OPTIONS

    backbone: Any
    size: int
    optimizer: Any
    regularizer: Any
    augment: Any
    batch_size: int
    validation: Any
    average: float | None
    device: Any
    backbone_: Expression
    dropped_: dict[str, int]
    _stride: int  # of the network

    @abstractmethod
    def _read(self, targets: Any, pictures: Pictures, where: str) -> list[Any]:
        """What is known of each image; ``dropped_`` is what was left out of it."""

    @abstractmethod
    def _learn(self, known: list[Any], where: str) -> None:
        """Find out what the network depends on."""

    @abstractmethod
    def _tables(self, known: list[Any], frames: list[Frame], where: str) -> tuple[Tensor, Tensor]:
        """What is asked of each image, as two tensors; images whose target cannot be asked for are refused."""

    @abstractmethod
    def _told(self, batches: DetectionBatches) -> Any:
        """Batches with the target that the loss takes, of those with both tables."""

    @abstractmethod
    def _to_state(self) -> dict[str, Any]:
        """What `_learn` found out, as JSON."""

    @abstractmethod
    def _from_state(self, state: dict[str, Any]) -> None:
        """The inverse of `_to_state`."""

    @abstractmethod
    def _network(self, seed: int) -> torch.nn.Module:
        """The network, with fresh weights; ``_stride`` is its own afterwards."""

    @abstractmethod
    def _objective(self) -> Any:
        """The loss of a batch: (output, tables, weight) -> scalar."""

    @abstractmethod
    def _score(self) -> Any:
        """The score of held-out images, see `netwright.train.evaluation`."""

    @abstractmethod
    def _change(self) -> Any:
        """What augments images and tables: (images, *tables, generator) -> the same, or None."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    # the steps of a fit

    def _start(self, X: Any, y: Any) -> Run:
        name = self._name
        self.seed_ = self._group.same(seed_of(self))
        self.dropped_ = {}
        pictures = Pictures(X, f"{name}.fit(images)")
        known = self._read(y, pictures, f"{name}.fit(targets)")
        self._learn(known, f"{name}.fit(targets)")
        own, held = parted(self, pictures, known, self._read)
        self.backbone_ = backbone_of(self.backbone)
        self.module_ = self._network(derive(self.seed_, "network"))
        change = self._change()
        run = run_of(self, self._score())
        batches: Any = self._batches(*own, change, f"{name}.fit(targets)")
        others: Any = None if held is None else self._batches(*held, None, f"{name}(validation), targets")
        run.load(batches, others)
        return run

    def _batches(self, pictures: Any, known: list[Any], change: Any, where: str) -> Any:
        frames = self._frames(pictures)
        tables, seed = self._tables(known, frames, where), derive(self.seed_, "training")
        canvases = Canvases(pictures, frames, self._canvas())
        return self._told(DetectionBatches(canvases, *tables, self.batch_size, seed, self._precision.device, change))

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        return looked_at(parts)

    def _frames(self, pictures: Any) -> list[Frame]:
        return [frame_of(size, self.size) for size in pictures.sizes]

    def _canvas(self) -> tuple[int, int]:
        side = canvas_side(self.size, self._stride)
        return side, side

    def _outputs(self, images: Any, method: str) -> tuple[list[Frame], Any]:
        """The frames of images, and what the network gives for them: a tensor, or a tuple of tensors."""
        check_is_fitted(self, "module_")
        pictures = Pictures(images, f"{self._name}.{method}(images)")
        frames = self._frames(pictures)
        found = []
        self.module_.eval()
        with torch.inference_mode():
            for rows in torch.arange(len(frames)).split(PIECE):
                some = rows.tolist()
                canvases = Canvases(Part(pictures, some), [frames[row] for row in some], self._canvas())
                nothing = torch.zeros(len(some), 0)
                batches = DetectionBatches(canvases, nothing, nothing, device=self._precision.device)
                (inputs, _, _) = batches.batch(torch.arange(len(some)))
                output = self.module_(*inputs)
                found.append(output if isinstance(output, tuple) else (output,))
        outputs = tuple(torch.cat(parts).float().cpu() for parts in zip(*found, strict=True))
        return frames, outputs if len(outputs) > 1 else outputs[0]
