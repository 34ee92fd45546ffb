"""Vision transformer B/16.

Dosovitskiy et al., *An image is worth 16x16 words: transformers for image recognition at scale*, 2021.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Self-attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v)  # (batch, heads, tokens, width of a head)
        return self.out(x.transpose(1, 2).reshape(n, tokens, width))


class Layer(nn.Module):
    """Attention and a network of two layers, each normalised before and added to what comes."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """Patches of 16 x 16 as tokens, a class token, layers, one fully connected layer on the class token."""

    def __init__(self, size: int = 224, width: int = 768, depth: int = 12, num_classes: int = 1000) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, stride=16)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, (size // 16) ** 2 + 1, width))
        self.layers = nn.Sequential(*(Layer(width, width // 64, 4 * width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)  # (batch, places, width)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        return self.fc(self.norm(self.layers(x))[:, 0])


def vit_b_16(num_classes: int = 1000) -> ViT:
    """ViT-B/16 for images of 224 x 224."""
    return ViT(num_classes=num_classes)
