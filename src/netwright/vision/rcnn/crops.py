"""The network of R-CNN: every region is cut out of the image, warped to one size, and described by itself.

    c_i = warp(image, wide(region_i))          S x S pixels; beside the image the mean colour
    wide                                       the region and p pixels of the warped picture around it: its sides times
                                               S / (S - 2 p), about the middle
    h_i = relu(W flat(backbone(c_i)) + b)      the description
    s_i = W_s h_i + b_s                        logits of the background (0) and the classes (1 ... k)

    L = mean over drawn regions of CE(s_i, class)        foreground from IoU 1/2, at most a quarter of those drawn

Girshick, Donahue, Darrell, Malik, *Rich feature hierarchies for accurate object detection*, 2014.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import alone
from netwright.graph import Expression
from netwright.vision.boxes.coding import decode_boxes
from netwright.vision.boxes.pooling import roi_align
from netwright.vision.detection.features import MEAN, SPREAD, Features
from netwright.vision.detection.found import Found, Limits, chosen
from netwright.vision.rcnn.head import WEIGHTS, lesson
from netwright.vision.rcnn.outside import lists_of
from netwright.vision.rcnn.sampling import Rules

RULES = Rules(foreground=0.5, background=0.5, drawn=32, share=0.25, best=False)
TOGETHER = 256  # regions that are described together, where no gradient is wanted
STEEP = 2.0  # of the logistic function that makes scores of margins: 1 / (1 + exp(-2 m))


class CropNetwork(torch.nn.Module):
    """Descriptions and classes of regions that are cut out of images.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, crop, crop). classes : how many there are.
    crop : S. context : p. units : of the description. seed : of the weights.

    Attributes
    ----------
    planes, offsets : of the machines, (k, units) and (k,). moves, shifts : of the corrections, (4 k, units) and (4 k,).
    settled : whether these four were fitted.

    Raises
    ------
    InvalidParameter : crops that are too small for the backbone or for what is around regions.
    """

    planes: Tensor
    offsets: Tensor
    moves: Tensor
    shifts: Tensor
    settled: Tensor

    def __init__(self, backbone: Expression, classes: int, crop: int, context: int, units: int, seed: int) -> None:
        super().__init__()
        self.classes, self.crop = classes, crop
        if 2 * context >= crop:
            raise InvalidParameter(problem("RCNN(context)", f"less than half of crop={crop}", str(context)))
        self.wider = crop / (crop - 2 * context)
        self.features = Features(backbone, 1, seed)
        if crop % self.features.strides[0]:
            expected = f"a multiple of the stride of {shown(backbone)}, {self.features.strides[0]}"
            raise InvalidParameter(problem("RCNN(crop)", expected, str(crop)))
        places = self.features.widths[0] * (crop // self.features.strides[0]) ** 2
        with alone(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.hidden = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(places, units), torch.nn.ReLU())
            self.kinds = torch.nn.Linear(units, classes + 1)
        for name, rows in (("planes", classes), ("moves", 4 * classes)):
            self.register_buffer(name, torch.zeros(rows, units))
        for name, rows in (("offsets", classes), ("shifts", 4 * classes)):
            self.register_buffer(name, torch.zeros(rows))
        self.register_buffer("settled", torch.tensor(False))

    def forward(self, images: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, h, w) in [0, 1], (n, r, 4) -> images whose mean colour is 0, and the regions as they came."""
        return (images - MEAN) / SPREAD, regions

    def described(self, images: Tensor, regions: list[Tensor]) -> Tensor:
        """Images whose mean colour is 0 and the regions of each -> (r, units), image by image."""
        crops = roi_align(images, [self.wide(some) for some in regions], self.crop, aligned=True)
        h: Tensor = self.hidden(self.features(crops)[0])
        return h

    def in_parts(self, images: Tensor, regions: list[Tensor]) -> Tensor:
        """As `described`, some regions at a time."""
        parts = [
            self.described(image[None], [some])
            for image, own in zip(images, regions, strict=True)
            for some in own.split(TOGETHER)
            if len(some)
        ]
        return torch.cat([images.new_zeros(0, self.planes.shape[1]), *parts])

    def wide(self, regions: Tensor) -> Tensor:
        """Regions with what is around them: (r, 4) -> (r, 4)."""
        middle, half = (regions[:, :2] + regions[:, 2:]) / 2, (regions[:, 2:] - regions[:, :2]) / 2
        return torch.cat([middle - self.wider * half, middle + self.wider * half], 1)


def crop_loss(network: CropNetwork, outputs: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of a batch, of regions that are drawn of those given and the true boxes.

    Parameters
    ----------
    network : that is trained. outputs : of its `forward`. target : boxes and classes as padded tables.
    """
    images, regions = outputs
    drawn = lesson(lists_of(regions), target, RULES)
    if not len(drawn.kinds):
        return 0 * images.sum()
    logits = network.kinds(network.described(images, drawn.regions))
    return cross_entropy(logits.float(), drawn.kinds)


def crop_detections(
    network: CropNetwork, outputs: tuple[Tensor, Tensor], machines: bool, limits: Limits
) -> list[Found]:
    """What is found in each image.

    Parameters
    ----------
    network : that describes regions. outputs : of its `forward`. machines : whether they tell the class, once they
        are fitted. limits : which detections are given.
    """
    images, table = outputs
    regions = lists_of(table)
    counts = [len(some) for some in regions]
    h = network.in_parts(images, regions).float()
    if machines and network.settled:
        scores = (STEEP * (h @ network.planes.T + network.offsets)).sigmoid()
    else:
        scores = network.kinds(h).softmax(1)[:, 1:]
    moves = (h @ network.moves.T + network.shifts).view(-1, network.classes, 4)
    edges = images.new_tensor([images.shape[3], images.shape[2]] * 2)
    found = []
    for some, told, corrections in zip(regions, scores.split(counts), moves.split(counts), strict=True):
        boxes = decode_boxes(corrections, some[:, None].expand(-1, network.classes, -1), WEIGHTS)
        boxes = torch.minimum(boxes.clamp_min(0), edges)
        classes = torch.arange(network.classes, device=some.device).expand(len(some), -1)
        found.append(chosen(boxes.reshape(-1, 4), told.reshape(-1), classes.reshape(-1), limits))
    return found
