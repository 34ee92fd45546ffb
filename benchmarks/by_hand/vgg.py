"""VGG with 11, 13, 16 and 19 layers, with and without batch normalisation.

Simonyan, Zisserman, *Very deep convolutional networks for large-scale image recognition*, 2015.
"""

from __future__ import annotations

import torch
from torch import nn

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}  # convolutions a stage


class VGG(nn.Module):
    """Five stages of 3 x 3 convolutions and a pool, and three fully connected layers."""

    def __init__(self, layers: int, batch_norm: bool = False, num_classes: int = 1000) -> None:
        super().__init__()
        features: list[nn.Module] = []
        channels = 3
        for width, depth in zip(WIDTHS, DEPTHS[layers], strict=True):
            for _ in range(depth):
                features.append(nn.Conv2d(channels, width, 3, padding=1))
                if batch_norm:
                    features.append(nn.BatchNorm2d(width))
                features.append(nn.ReLU(inplace=True))
                channels = width
            features.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).flatten(1))


def vgg11(num_classes: int = 1000) -> VGG:
    """VGG-11 for images of 224 x 224."""
    return VGG(11, num_classes=num_classes)


def vgg13(num_classes: int = 1000) -> VGG:
    """VGG-13 for images of 224 x 224."""
    return VGG(13, num_classes=num_classes)


def vgg16(num_classes: int = 1000) -> VGG:
    """VGG-16 for images of 224 x 224."""
    return VGG(16, num_classes=num_classes)


def vgg19(num_classes: int = 1000) -> VGG:
    """VGG-19 for images of 224 x 224."""
    return VGG(19, num_classes=num_classes)


def vgg11_bn(num_classes: int = 1000) -> VGG:
    """VGG-11 with batch normalisation."""
    return VGG(11, batch_norm=True, num_classes=num_classes)


def vgg13_bn(num_classes: int = 1000) -> VGG:
    """VGG-13 with batch normalisation."""
    return VGG(13, batch_norm=True, num_classes=num_classes)


def vgg16_bn(num_classes: int = 1000) -> VGG:
    """VGG-16 with batch normalisation."""
    return VGG(16, batch_norm=True, num_classes=num_classes)


def vgg19_bn(num_classes: int = 1000) -> VGG:
    """VGG-19 with batch normalisation."""
    return VGG(19, batch_norm=True, num_classes=num_classes)
