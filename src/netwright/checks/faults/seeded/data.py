"""Seeded faults in the inputs and the targets: values, units, axes, columns that should not be there."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, explained_variance
from netwright.checks.faults.sources import digits, split


def _adverts(seed: int, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Times an advert was shown, clicks, three more columns of adverts, and what the advert earned (standardised)."""
    rng = np.random.default_rng(seed)
    shown = rng.poisson(rng.gamma(2.0, 8.0, n) + 0.5)
    clicks = rng.binomial(shown, rng.beta(2, 4, n))
    price, hour, age = rng.uniform(0, 1, n), rng.uniform(0, 2 * np.pi, n), rng.exponential(0.5, n)
    earned = 4 * clicks / np.maximum(shown, 1) * price + 0.3 * np.sin(hour) - 0.3 * age + 0.05 * rng.normal(size=n)
    earned = (earned - earned.mean()) / earned.std()
    others = np.stack([price, np.sin(hour), np.cos(hour), age], 1)
    shown_, clicks_, others_, earned_ = (torch.tensor(each).float() for each in (shown, clicks, others, earned))
    return shown_, clicks_, others_, earned_[:, None]


@seeded("non-finite-data", name="click-rate-of-adverts-never-shown")
def click_rate_of_adverts_never_shown(seed: int, healthy: bool) -> Program:
    """The author divides clicks by times shown, and adverts that were never shown give 0 / 0."""
    torch.manual_seed(seed)
    n = 800 + 40 * seed
    shown, clicks, others, y = _adverts(seed, n)
    rate = clicks / shown.clamp(min=1) if healthy else clicks / shown
    X = torch.cat([rate[:, None], others], 1)
    late = torch.arange(n) >= int(0.75 * n)
    train, test = ~late, late & (shown > 0)
    net = nn.Sequential(nn.Linear(5, 48), nn.SiLU(), nn.Linear(48, 24), nn.SiLU(), nn.Linear(24, 1))
    loader = DataLoader(
        TensorDataset(X[train], y[train]), 32, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3)
    return Program(net, nn.MSELoss(), optimizer, loader, None, (X[test], y[test]), metric=explained_variance, epochs=20)


@seeded("constant-input", name="bytes-divided-and-stored-as-bytes", net="cnn")
def bytes_divided_and_stored_as_bytes(seed: int, healthy: bool) -> Program:
    """The author scales grey levels by 255 into an array of bytes, so that every pixel is cut down to 0."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True, scale=False)

    def scaled(fraction: Tensor) -> Tensor:
        levels = (fraction * 240).to(torch.uint8)  # as read from the scanner: 0 (paper) to 240 (ink)
        return torch.as_tensor(levels / 255, dtype=torch.float32 if healthy else torch.uint8).float()

    train, validation, test = ((scaled(X), y) for X, y in (rows.train, rows.validation, rows.test))
    width = 12 + 4 * (seed % 2)
    net = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * width, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, train, validation, test, epochs=8, batch_size=64)


class _LeNet(nn.Module):
    """Two convolutions and two dense layers for 8 x 8 grey images."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the ten digits."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))  # type: ignore[no-any-return]


@seeded("unscaled-input", name="grey-levels-0-to-255-into-lenet", net="cnn")
def grey_levels_into_lenet(seed: int, healthy: bool) -> Program:
    """The author feeds grey levels from 0 to 255 to a small LeNet without dividing them by 255."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True, scale=False)
    train, validation, test = (
        ((X * 255).round() / (255 if healthy else 1), y) for X, y in (rows.train, rows.validation, rows.test)
    )
    loader = DataLoader(TensorDataset(*train), 32, shuffle=True, generator=torch.Generator().manual_seed(seed))
    net = _LeNet(hidden=48 + 8 * seed)
    optimizer = torch.optim.SGD(net.parameters(), 0.03, momentum=0.9)
    return Program(net, F.cross_entropy, optimizer, loader, validation, test, epochs=10)


def _weather(seed: int, n: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Hours of temperature (C), humidity (%) and pressure (Pa), (n, steps, 3); the next temperature, standardised."""
    rng = np.random.default_rng(seed)
    hours = rng.uniform(0, 24, (n, 1)) + np.arange(steps + 1)
    front = rng.normal(size=(n, 1)) + 0.1 * rng.normal(size=(n, 1)) * np.arange(steps + 1)
    day = np.sin(2 * np.pi * (hours - 9) / 24)
    temperature = 14 + 5 * day - 4 * front + 0.4 * rng.normal(size=hours.shape)
    humidity = np.clip(65 - 12 * day + 8 * front + 3 * rng.normal(size=hours.shape), 5, 100)
    pressure = 101_325 - 700 * front + 60 * rng.normal(size=hours.shape)
    X = np.stack([temperature, humidity, pressure], 2)[:, :-1]
    y = temperature[:, -1:]
    return X, (y - y.mean()) / y.std()


class _Forecaster(nn.Module):
    """An LSTM over the hours; its last output gives the forecast."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Forecasts, (n, 1)."""
        return self.head(self.lstm(x)[0][:, -1])  # type: ignore[no-any-return]


@seeded("unscaled-input", name="air-pressure-in-pascal-beside-degrees", net="rnn")
def air_pressure_in_pascal(seed: int, healthy: bool) -> Program:
    """The author forecasts the temperature from raw degrees, percents and pascals, each in its own unit."""
    torch.manual_seed(seed)
    rows = split(*_weather(seed, n=500 + 50 * (seed % 3), steps=18), seed, scale=False)
    mean, std = rows.train[0].mean((0, 1)), rows.train[0].std((0, 1))
    train, validation, test = (
        ((X - mean) / std if healthy else X, y) for X, y in (rows.train, rows.validation, rows.test)
    )
    net = _Forecaster(3, hidden=24)
    optimizer = torch.optim.RMSprop(net.parameters(), 3e-3)
    return Program(
        net, nn.MSELoss(), optimizer, train, validation, test, metric=explained_variance, epochs=12, batch_size=16
    )


def _houses(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Area, rooms, age, distance to the centre and quality of houses; the price in dollars, (n, 1)."""
    rng = np.random.default_rng(seed)
    area = rng.gamma(9, 14, n) + 30
    rooms = np.clip(np.round(area / 30 + rng.normal(0, 0.8, n)), 1, None)
    age, distance, quality = rng.uniform(0, 80, n), rng.exponential(9, n), rng.integers(1, 11, n)
    price = 40_000 + area * (900 + 120 * quality) * np.exp(-distance / 25) - 900 * age + rng.normal(0, 12_000, n)
    return np.stack([area, rooms, age, distance, quality], 1), np.maximum(price, 15_000)[:, None]


@seeded("unscaled-target", name="house-price-in-dollars")
def house_price_in_dollars(seed: int, healthy: bool) -> Program:
    """The author regresses house prices in dollars, so the net, which starts at 0, has 200 000 to climb."""
    torch.manual_seed(seed)
    rows = split(*_houses(seed, n=900), seed)
    mean, std = (rows.train[1].mean(), rows.train[1].std()) if healthy else (0.0, 1.0)
    train, validation, test = ((X, (y - mean) / std) for X, y in (rows.train, rows.validation, rows.test))
    loader = DataLoader(TensorDataset(*train), 16, shuffle=True, generator=torch.Generator().manual_seed(seed))
    net = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Dropout(0.05), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 6, 0.5)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        loader,
        validation,
        test,
        metric=explained_variance,
        epochs=15,
        scheduler=scheduler,
    )


def _fabrics(seed: int, n: int, side: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Photographs of striped cloth in two random colours, (n, side, side, 3) in 0..1; 6 directions of the stripes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 6, n)
    angle = y * np.pi / 6 + rng.normal(0, 0.06, n)
    down, right = np.mgrid[:side, :side]
    along = right * np.cos(angle)[:, None, None] + down * np.sin(angle)[:, None, None]
    turn = along / rng.uniform(3.0, 5.0, (n, 1, 1)) + rng.uniform(0, 1, (n, 1, 1))
    stripe = (0.5 + 0.5 * np.sin(2 * np.pi * turn))[..., None]
    one = rng.uniform(0, 1, (n, 1, 1, 3))
    other = (one + rng.uniform(0.3, 0.7, one.shape)) % 1
    return np.clip(stripe * one + (1 - stripe) * other + rng.normal(0, 0.2, (n, side, side, 3)), 0, 1), y


@seeded("wrong-axes", name="colour-photographs-viewed-as-channels-first", net="cnn")
def photographs_viewed_as_channels_first(seed: int, healthy: bool) -> Program:
    """The author turns height x width x 3 photographs into 3 x height x width by a view, which mixes the pixels."""
    torch.manual_seed(seed)
    rows = split(*_fabrics(seed, n=800), seed, (0.75, 0.0), scale=False)
    train, test = (
        (X.permute(0, 3, 1, 2).contiguous() if healthy else X.view(-1, 3, 12, 12), y)
        for X, y in (rows.train, rows.test)
    )
    width = 16 + 4 * (seed % 3)
    net = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, stride=2),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 6),
    )
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    return Program(
        net, nn.CrossEntropyLoss(), optimizer, train, None, test, epochs=10, batch_size=25, scheduler=scheduler
    )


def _hires(seed: int, days: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Daily table of a bicycle hire: weather and week, hires by members, all hires."""
    rng = np.random.default_rng(seed)
    day = np.arange(days)
    warmth = np.sin(2 * np.pi * (day - 80) / 365) + 0.3 * rng.normal(size=days)
    rain, weekend = rng.exponential(0.5, days), (day % 7 >= 5).astype(float)
    wind, mood = rng.gamma(4, 0.25, days), rng.normal(0, 200, days)
    for today in range(1, days):
        mood[today] += 0.7 * mood[today - 1]
    members = np.maximum(2400 + 900 * warmth - 700 * rain - 300 * weekend - 200 * wind + mood, 20)
    guests = members * (0.12 + 0.05 * weekend) * rng.uniform(0.8, 1.2, days)
    return np.stack([warmth, rain, weekend, wind], 1), members, members + guests


@seeded("target-leak", name="hires-by-members-of-the-same-day", validity=True)
def hires_by_members_of_the_same_day(seed: int, healthy: bool) -> Program:
    """The author forgot to shift the hires by members by a day: they are most of the total that is to be foretold."""
    torch.manual_seed(seed)
    table, members, hires = _hires(seed, days=731)
    column = members[:-1] if healthy else members[1:]
    y = (hires[1:] - hires.mean()) / hires.std()
    rows = split(np.column_stack([table[1:], column]), y[:, None], seed)
    net = nn.Sequential(nn.Linear(5, 40), nn.Tanh(), nn.Linear(40, 20), nn.Tanh(), nn.Linear(20, 1))
    optimizer = torch.optim.Adagrad(net.parameters(), 0.03)
    return Program(
        net,
        nn.SmoothL1Loss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=25,
        batch_size=32,
    )
