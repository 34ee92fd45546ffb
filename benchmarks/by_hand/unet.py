"""U-Net as in the paper, and with batch normalisation and padding.

Ronneberger, Fischer, Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = (64, 128, 256, 512, 1024)


def double_conv(channels: int, width: int, batch_norm: bool) -> nn.Sequential:
    """Two 3 x 3 convolutions: unpadded with biases, or padded with batch normalisation."""
    layers: list[nn.Module] = []
    for before in (channels, width):
        if batch_norm:
            layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        else:
            layers.append(nn.Conv2d(before, width, 3))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Up(nn.Module):
    """Double the size, join the map of the same level, cut to size."""

    def __init__(self, width: int, batch_norm: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge = double_conv(2 * width, width, batch_norm)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        x = self.up(x)
        return self.merge(torch.cat([fit(skip, x), x], 1))


class UNet(nn.Module):
    """Four halvings, and four doublings that take over the maps of their level."""

    def __init__(self, in_channels: int, num_classes: int, batch_norm: bool) -> None:
        super().__init__()
        befores = (in_channels, *WIDTHS[:-1])
        self.down = nn.ModuleList(double_conv(b, w, batch_norm) for b, w in zip(befores, WIDTHS, strict=True))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(Up(width, batch_norm) for width in WIDTHS[-2::-1])
        self.out = nn.Conv2d(WIDTHS[0], num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips: list[torch.Tensor] = []
        for level, down in enumerate(self.down):
            x = down(self.pool(x) if level else x)
            skips.append(x)
        skips.pop()
        for up in self.up:
            x = up(x, skips.pop())
        return self.out(x)


def fit(skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The middle of a map in the size of another one."""
    (height, width), (h, w) = skip.shape[2:], x.shape[2:]
    if (height, width) == (h, w):
        return skip
    top, left = (height - h) // 2, (width - w) // 2
    return F.pad(skip, (-left, left + w - width, -top, top + h - height))


def unet(in_channels: int = 1, num_classes: int = 2) -> UNet:
    """The paper's U-Net: 572 x 572 -> 388 x 388."""
    return UNet(in_channels, num_classes, batch_norm=False)


def unet_bn(in_channels: int = 3, num_classes: int = 1) -> UNet:
    """U-Net with batch normalisation that keeps the size, a multiple of 16."""
    return UNet(in_channels, num_classes, batch_norm=True)
