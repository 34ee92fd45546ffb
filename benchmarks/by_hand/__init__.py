"""The named architectures as one writes them in plain torch, without netwright: what it is timed against.

They are the reference of parameter counts, costs and state dicts too: where torchvision has an architecture, keys and
shapes are the same. They give logits, begin with torch's own weights and are written for the image sizes of `SHAPES`.
"""

from __future__ import annotations

from by_hand.alexnet import alexnet
from by_hand.googlenet import googlenet
from by_hand.inception_v3 import inception_v3
from by_hand.lenet5 import lenet5
from by_hand.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from by_hand.resnet_cifar import resnet20, resnet32, resnet44, resnet56, resnet110
from by_hand.squeezenet import squeezenet1_0, squeezenet1_1
from by_hand.unet import unet, unet_bn
from by_hand.vgg import vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn
from by_hand.vit import vit_b_16

_IMAGENET, _CIFAR = (3, 224, 224), (3, 32, 32)

# the shape of one sample that each is made for
SHAPES: dict[str, tuple[int, int, int]] = {
    "lenet5": (1, 28, 28),
    "alexnet": _IMAGENET,
    **dict.fromkeys(("vgg11", "vgg13", "vgg16", "vgg19"), _IMAGENET),
    **dict.fromkeys(("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"), _IMAGENET),
    **dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), _IMAGENET),
    **dict.fromkeys(("resnet20", "resnet32", "resnet44", "resnet56", "resnet110"), _CIFAR),
    "googlenet": _IMAGENET,
    "inception_v3": (3, 299, 299),
    "squeezenet1_0": _IMAGENET,
    "squeezenet1_1": _IMAGENET,
    "unet": (1, 572, 572),
    "unet_bn": (3, 256, 256),
    "vit_b_16": _IMAGENET,
}

__all__ = [
    "SHAPES",
    "alexnet",
    "googlenet",
    "inception_v3",
    "lenet5",
    "resnet101",
    "resnet110",
    "resnet152",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "squeezenet1_0",
    "squeezenet1_1",
    "unet",
    "unet_bn",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "vit_b_16",
]
