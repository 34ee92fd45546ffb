"""Residual networks for images of 32 x 32 with shortcuts without parameters (option A).

He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016, section 4.2.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: the identity, or every other place with zeros for the new channels."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.stride = stride
        self.zeros = width - channels  # behind those that come

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x
        if self.zeros:
            shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.zeros))
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        x += shortcut
        return self.relu(x)


class CifarResNet(nn.Module):
    """One convolution, three stages of n blocks with 16, 32, 64 channels, one fully connected layer: 6 n + 2 layers."""

    def __init__(self, layers: int, num_classes: int = 10) -> None:
        super().__init__()
        depth = (layers - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(*(Block(16, 16) for _ in range(depth)))
        self.layer2 = nn.Sequential(Block(16, 32, stride=2), *(Block(32, 32) for _ in range(depth - 1)))
        self.layer3 = nn.Sequential(Block(32, 64, stride=2), *(Block(64, 64) for _ in range(depth - 1)))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


def resnet20(num_classes: int = 10) -> CifarResNet:
    """ResNet-20."""
    return CifarResNet(20, num_classes)


def resnet32(num_classes: int = 10) -> CifarResNet:
    """ResNet-32."""
    return CifarResNet(32, num_classes)


def resnet44(num_classes: int = 10) -> CifarResNet:
    """ResNet-44."""
    return CifarResNet(44, num_classes)


def resnet56(num_classes: int = 10) -> CifarResNet:
    """ResNet-56."""
    return CifarResNet(56, num_classes)


def resnet110(num_classes: int = 10) -> CifarResNet:
    """ResNet-110."""
    return CifarResNet(110, num_classes)
