"""Inception-v3.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, *Rethinking the inception architecture for computer vision*, 2016.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class ConvBN(nn.Module):
    """Convolution without bias, batch normalisation, rectifier; options are those of the convolution."""

    def __init__(self, channels: int, width: int, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, bias=False, **options)
        self.bn = nn.BatchNorm2d(width, eps=1e-3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.bn(self.conv(x)))


def conv1(channels: int, width: int) -> ConvBN:
    """1 x 1."""
    return ConvBN(channels, width, kernel_size=1)


def conv3(channels: int, width: int) -> ConvBN:
    """3 x 3, same size."""
    return ConvBN(channels, width, kernel_size=3, padding=1)


def halving(channels: int, width: int) -> ConvBN:
    """3 x 3 with stride 2."""
    return ConvBN(channels, width, kernel_size=3, stride=2)


def wide(channels: int, width: int, size: int) -> ConvBN:
    """1 x size, same size."""
    return ConvBN(channels, width, kernel_size=(1, size), padding=(0, size // 2))


def tall(channels: int, width: int, size: int) -> ConvBN:
    """Size x 1, same size."""
    return ConvBN(channels, width, kernel_size=(size, 1), padding=(size // 2, 0))


class InceptionA(nn.Module):
    """35 x 35: 1 x 1; 5 x 5; two of 3 x 3; pool."""

    def __init__(self, channels: int, pool: int) -> None:
        super().__init__()
        self.branch1x1 = conv1(channels, 64)
        self.branch5x5_1 = conv1(channels, 48)
        self.branch5x5_2 = ConvBN(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv1(channels, 64)
        self.branch3x3dbl_2 = conv3(64, 96)
        self.branch3x3dbl_3 = conv3(96, 96)
        self.branch_pool = conv1(channels, pool)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, double, self.branch_pool(self.pool(x))], 1)


class InceptionB(nn.Module):
    """35 x 35 to 17 x 17: 3 x 3; two of 3 x 3; pool."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch3x3 = halving(channels, 384)
        self.branch3x3dbl_1 = conv1(channels, 64)
        self.branch3x3dbl_2 = conv3(64, 96)
        self.branch3x3dbl_3 = halving(96, 96)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, self.pool(x)], 1)


class InceptionC(nn.Module):
    """17 x 17: 1 x 1; 7 x 7 in two; two of 7 x 7 in four; pool."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.branch1x1 = conv1(channels, 192)
        self.branch7x7_1 = conv1(channels, inner)
        self.branch7x7_2 = wide(inner, inner, 7)
        self.branch7x7_3 = tall(inner, 192, 7)
        self.branch7x7dbl_1 = conv1(channels, inner)
        self.branch7x7dbl_2 = tall(inner, inner, 7)
        self.branch7x7dbl_3 = wide(inner, inner, 7)
        self.branch7x7dbl_4 = tall(inner, inner, 7)
        self.branch7x7dbl_5 = wide(inner, 192, 7)
        self.branch_pool = conv1(channels, 192)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(self.pool(x))], 1)


class Auxiliary(nn.Module):
    """The classifier on the 17 x 17 maps."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, stride=3)
        self.conv0 = conv1(channels, 128)
        self.conv1 = ConvBN(128, 768, kernel_size=5)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.avgpool(self.conv1(self.conv0(self.pool(x)))).flatten(1))


class InceptionD(nn.Module):
    """17 x 17 to 8 x 8: 3 x 3; 7 x 7 in two and 3 x 3; pool."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch3x3_1 = conv1(channels, 192)
        self.branch3x3_2 = halving(192, 320)
        self.branch7x7x3_1 = conv1(channels, 192)
        self.branch7x7x3_2 = wide(192, 192, 7)
        self.branch7x7x3_3 = tall(192, 192, 7)
        self.branch7x7x3_4 = halving(192, 192)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_2(self.branch7x7x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(seven))
        return torch.cat([three, seven, self.pool(x)], 1)


class InceptionE(nn.Module):
    """8 x 8: 1 x 1; 1 x 3 beside 3 x 1; 3 x 3 before 1 x 3 beside 3 x 1; pool."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch1x1 = conv1(channels, 320)
        self.branch3x3_1 = conv1(channels, 384)
        self.branch3x3_2a = wide(384, 384, 3)
        self.branch3x3_2b = tall(384, 384, 3)
        self.branch3x3dbl_1 = conv1(channels, 448)
        self.branch3x3dbl_2 = conv3(448, 384)
        self.branch3x3dbl_3a = wide(384, 384, 3)
        self.branch3x3dbl_3b = tall(384, 384, 3)
        self.branch_pool = conv1(channels, 192)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = [self.branch1x1(x), self.branch3x3_2a(three), self.branch3x3_2b(three)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double), self.branch_pool(self.pool(x))]
        return torch.cat(parts, 1)


class Inception3(nn.Module):
    """Stem, eleven modules, global average, one fully connected layer.

    With `aux`, training gives (logits, of the auxiliary classifier).
    """

    def __init__(self, num_classes: int = 1000, aux: bool = False) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = halving(3, 32)
        self.Conv2d_2a_3x3 = ConvBN(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv3(32, 64)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = conv1(64, 80)
        self.Conv2d_4a_3x3 = ConvBN(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, 32)
        self.Mixed_5c = InceptionA(256, 64)
        self.Mixed_5d = InceptionA(288, 64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, 128)
        self.Mixed_6c = InceptionC(768, 160)
        self.Mixed_6d = InceptionC(768, 160)
        self.Mixed_6e = InceptionC(768, 192)
        self.AuxLogits = Auxiliary(768, num_classes) if aux else None
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2048, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        inner = x = self.Mixed_6e(self.Mixed_6d(x))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        if self.training and self.AuxLogits is not None:
            return logits, self.AuxLogits(inner)
        return logits


def inception_v3(num_classes: int = 1000, aux: bool = False) -> Inception3:
    """Inception-v3 for images of 299 x 299."""
    return Inception3(num_classes, aux)
