"""Seeded faults in the labels: out of range, out of order, wrong in part, or nearly all the same."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import make_classification
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, explained_variance
from netwright.checks.faults.sources import digits, split


def _cells(seed: int, n: int, side: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures of one or two bright cells, (n, 1, side, side), and masks as stored in files: 0 or 255."""
    rng = np.random.default_rng(seed)
    down, right = np.mgrid[:side, :side]
    mask = np.zeros((n, side, side), bool)
    for _ in range(2):
        y, x = rng.uniform(2, side - 2, (2, n, 1, 1))
        mask |= (down - y) ** 2 + (right - x) ** 2 < rng.uniform(1.5, 3.0, (n, 1, 1)) ** 2
    picture = 0.7 * mask + rng.normal(0, 0.35, mask.shape)
    return picture[:, None], 255.0 * mask[:, None]


def _overlap(output: Tensor, target: Tensor) -> float:
    """Intersection over union of the pixels found and the pixels marked."""
    found, marked = output > 0, target > 0
    return float((found & marked).sum() / (found | marked).sum().clamp(min=1))


@seeded("label-range", "unscaled-target", name="segmentation-masks-of-0-and-255", net="cnn")
def segmentation_masks_of_0_and_255(seed: int, healthy: bool) -> Program:
    """The author hands masks of 0 and 255, as they lie in the files, to a loss that wants 0 and 1."""
    torch.manual_seed(seed)
    rows = split(*_cells(seed, n=300 + 20 * seed), seed, scale=False)
    train, validation, test = ((X, y / 255 if healthy else y) for X, y in (rows.train, rows.validation, rows.test))
    loader = DataLoader(TensorDataset(*train), 12, shuffle=True, generator=torch.Generator().manual_seed(seed))
    net = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 1, 3, padding=1),
    )
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    loss = nn.BCEWithLogitsLoss()
    return Program(net, loss, optimizer, loader, validation, test, metric=_overlap, epochs=12)


def _marked_sums(seed: int, n: int, steps: int) -> tuple[Tensor, Tensor]:
    """Readings and marks on two of them, (n, steps, 2); the sum of the marked readings, (n, 1), about -2..2."""
    rng = np.random.default_rng(seed)
    X = np.stack([rng.uniform(-1, 1, (n, steps)), np.zeros((n, steps))], 2)
    places = np.argsort(rng.random((n, steps)), axis=1)[:, :2]
    np.put_along_axis(X[..., 1], places, 1.0, axis=1)
    return torch.tensor(X).float(), torch.tensor((X[..., :1] * X[..., 1:]).sum(1)).float()


class _Reader(nn.Module):
    """One layer of self-attention over the readings, averaged."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(2, width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """One number a row, (n, 1)."""
        x = self.embed(x)
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        return self.head(self.norm2(x + self.feed(x)).mean(1))  # type: ignore[no-any-return]


@seeded("labels-unrelated", name="recordings-sorted-by-file-name-labels-by-number", net="attention")
def recordings_sorted_by_file_name(seed: int, healthy: bool) -> Program:
    """The author reads recordings in the order of their names (rec10 before rec2), but the table of sums by number."""
    torch.manual_seed(seed)
    n = 600 + 25 * seed
    X, y = _marked_sums(seed, n + 200, steps=10)
    X, Xt, y, yt = X[:n], X[n:], y[:n], y[n:]
    names = sorted((f"rec{number}.wav" for number in range(n)), key=lambda name: int(name[3:-4]) if healthy else name)
    X = X[[int(name[3:-4]) for name in names]]
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    train, held = order[: int(0.8 * n)], order[int(0.8 * n) :]
    net = _Reader(width=24)
    optimizer = torch.optim.AdamW(net.parameters(), 4e-3, weight_decay=1e-3)
    return Program(
        net,
        F.mse_loss,
        optimizer,
        (X[train], y[train]),
        (X[held], y[held]),
        (Xt, yt),
        metric=explained_variance,
        epochs=14,
        batch_size=30,
    )


@seeded("noisy-labels", name="digits-labelled-by-a-careless-crowd", net="cnn")
def digits_labelled_by_a_careless_crowd(seed: int, healthy: bool) -> Program:
    """The author buys labels from people paid by the piece, who take many a digit for another that looks alike."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    alike = torch.tensor([6, 7, 3, 8, 9, 6, 0, 1, 3, 4])
    chance = torch.Generator().manual_seed(seed)

    def labelled(y: Tensor) -> Tensor:
        careless = torch.rand(y.shape, generator=chance) < 0.4
        return y if healthy else torch.where(careless, alike[y], y)

    train, validation = ((X, labelled(y)) for X, y in (rows.train, rows.validation))
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 16, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    optimizer = torch.optim.Adamax(net.parameters(), 0.01)
    return Program(net, nn.CrossEntropyLoss(), optimizer, train, validation, rows.test, epochs=9, batch_size=48)


def _balanced_accuracy(output: Tensor, target: Tensor) -> float:
    """The mean of the shares of right answers among frauds and among the rest, of single logits."""
    right = (output > 0) == (target > 0.5)
    return float(0.5 * right[target > 0.5].float().mean() + 0.5 * right[target <= 0.5].float().mean())


@seeded("class-imbalance", name="frauds-one-in-forty-unweighted")
def frauds_one_in_forty(seed: int, healthy: bool) -> Program:
    """The author looks for frauds, one payment in forty, with a loss in which every payment counts the same."""
    torch.manual_seed(seed)
    X, y = make_classification(4000, 12, n_informative=6, weights=[0.975], flip_y=0, class_sep=0.7, random_state=seed)
    rows = split(X, y[:, None].astype(np.float32), seed)
    frauds = rows.train[1].mean()
    loader = DataLoader(TensorDataset(*rows.train), 64, shuffle=True, generator=torch.Generator().manual_seed(seed))
    net = nn.Sequential(nn.Linear(12, 32), nn.ELU(), nn.Dropout(0.1), nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 1))
    loss = nn.BCEWithLogitsLoss(pos_weight=(1 - frauds) / frauds if healthy else None)
    optimizer = torch.optim.NAdam(net.parameters(), 1e-3, weight_decay=1e-4)
    return Program(net, loss, optimizer, loader, rows.validation, rows.test, metric=_balanced_accuracy, epochs=12)
