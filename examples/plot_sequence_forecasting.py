"""
Forecasting, and what a forecast has to beat
============================================

Two series with a rhythm: airline passengers by month, sunspots by year. A small recurrent network forecasts the end of
each, which it has not seen. Beside it stand forecasts that cost nothing: the last value, and the value one season ago.
The series come from the folder ``NETWRIGHT_DATA``; without it, series of the same kind are drawn.
"""

# sphinx_gallery_thumbnail_number = 1
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import netwright as nw
from netwright.layers import GRU

TRUTH, NETWORK, LAST, SEASON, OTHER = "#404040", "#0072B2", "#D55E00", "#E69F00", "#009E73"
tables = Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "tabular"


def read(name: str) -> np.ndarray:
    """The second column of a file."""
    return np.loadtxt(tables / name, delimiter=",", skiprows=1, usecols=1, quotechar='"')


if tables.is_dir():
    passengers, spots = read("airline-passengers.csv"), read("monthly-sunspots.csv").reshape(-1, 12).mean(1)
else:
    draw, months, years = np.random.default_rng(0), np.arange(144), np.arange(235)
    drift = np.cumsum(draw.normal(0.01, 0.03, 144)) + 0.2 * np.sin(months * 2 * np.pi / 12)
    passengers = 120 * np.exp(drift + draw.normal(0, 0.02, 144))
    strength = 8 + np.cumsum(draw.normal(0, 0.3, 235))
    spots = (strength * np.sin(years * np.pi / 11) + draw.normal(0, 0.6, 235)) ** 2


def errors(forecasts: np.ndarray, series: np.ndarray, origins: range) -> np.ndarray:
    """The mean absolute error of each step ahead, over all origins: (origins, ahead) -> (ahead,)"""
    truth = np.array([series[at : at + forecasts.shape[1]] for at in origins])
    return np.abs(forecasts - truth).mean(0)


# %%
# Passengers grow by a factor each year, and the season grows with them. The logarithm makes sums of factors, and the
# difference from the same month of the year before takes the season away. What is left, the growth over a year, is what
# the network reads; ``fit`` without targets makes it a forecaster. There are not a hundred months to learn from, so the
# network is small, and three of them that began from other weights are averaged.

logs = np.log(passengers)
growth = logs[12:] - logs[:-12]
first = len(passengers) - 36  # the last three years are held out
networks = [
    nw.sequence.SequenceRegressor(
        GRU(4), window=24, epochs=60, batch_size=8, optimizer=nw.optim.Clip(nw.optim.Adam(0.01), 1.0), random_state=seed
    ).fit([growth[: first - 12]])
    for seed in range(3)
]

# %%
# The forecasts are judged from every month of the held-out years that has twelve months behind it: all of the past is
# read, nothing is trained again, and a year is forecast. The strongest of the cheap forecasts lets the growth stay
# as it was in the last month.

origins = range(first, len(passengers) - 11)
pasts = [growth[: at - 12] for at in origins]
ahead = np.mean([model.forecast(pasts, 12) for model in networks], axis=0)[:, :, 0]
year_ago = np.array([passengers[at - 12 : at] for at in origins])
by_month = {
    "last month": np.array([np.full(12, passengers[at - 1]) for at in origins]),
    "a year ago": year_ago,
    "a year ago, times growth": year_ago * np.exp([[growth[at - 13]] for at in origins]),
    "network": year_ago * np.exp(ahead),
}
mistakes = {name: errors(found, passengers, origins) for name, found in by_month.items()}
for name, error in mistakes.items():
    print(f"{name:25} mean error one month ahead {error[0]:5.1f}, over twelve months {error.mean():5.1f}")

# %%
# Left, the three forecasts that are made at the end of a year, and what came. Right, the error by how far ahead it is.

COLOURS = {"last": LAST, "a year ago": SEASON, "eleven years ago": SEASON, "network": NETWORK}


def compare(ax: plt.Axes, mistakes: dict[str, np.ndarray], unit: str) -> None:
    """The error of each forecast by how far ahead it is, the names at the ends of the lines."""
    steps = np.arange(1, 1 + len(mistakes["network"]))
    gap, lowest = 0.055 * max(error.max() for error in mistakes.values()), -np.inf
    for name, error in sorted(mistakes.items(), key=lambda item: item[1][-1]):
        colour = COLOURS.get(name, COLOURS.get(name.split()[0], OTHER))
        ax.plot(steps, error, ".-", color=colour, linewidth=2.4 if name == "network" else 1.4)
        lowest = max(error[-1], lowest + gap)  # names of lines that end together stand one above the other
        ax.text(steps[-1] + 0.4, lowest, name, color=colour, va="center", fontsize="small")
    ax.set(xlabel=f"{unit}s ahead", ylabel="mean absolute error", ylim=(0, None), xticks=steps)


fig, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.2), width_ratios=(3, 2), layout="constrained")
shown = np.arange(first - 36, len(passengers))
dates = 1949 + np.arange(len(passengers) + 1) / 12
left.axvspan(dates[first], dates[-1], color="#f0f0f0", linewidth=0)
left.plot(dates[shown], passengers[shown], ".-", color=TRUTH, linewidth=1, label="passengers (thousands)")
for number, at in enumerate(range(first, len(passengers), 12)):
    name = "network, twelve months ahead" if number == 0 else None
    left.plot(dates[at : at + 12], by_month["network"][at - first], color=NETWORK, linewidth=2.2, label=name)
left.set(xlabel="year", title="Airline passengers: every held-out year forecast from its beginning")
left.legend(frameon=False, loc="upper left")
compare(right, mistakes, "month")
cheap = min(error.mean() for name, error in mistakes.items() if name != "network")
right.set_title(f"The network errs {1 - mistakes['network'].mean() / cheap:.0%} less than the best of the others")
plt.show()

# %%
# Sunspots come and go in about eleven years, and no two cycles are alike. From month to month there is mostly noise, so
# these are means of years; the square root makes the noise of high and low years alike. Two cycles are a window; the
# last 55 years are held out.

roots = np.sqrt(spots)
first = len(spots) - 55
model = nw.sequence.SequenceRegressor(
    GRU(16),
    window=22,
    epochs=60,
    batch_size=16,
    optimizer=nw.optim.Clip(nw.optim.Adam(nw.optim.polynomial_decay(0.01)), 1.0),
    regularizer=nw.l2(1e-3),
    random_state=0,
).fit([roots[:first]])
origins = range(first, len(spots) - 10)
ahead = np.array(model.forecast([roots[:at] for at in origins], 11))[:, :, 0]
by_year = {
    "last year": np.array([np.full(11, spots[at - 1]) for at in origins]),
    "mean of all years": np.full(ahead.shape, spots[:first].mean()),
    "eleven years ago": np.array([spots[at - 11 : at] for at in origins]),
    "network": np.maximum(ahead, 0) ** 2,
}
mistakes = {name: errors(found, spots, origins) for name, found in by_year.items()}
best = np.min([error for name, error in mistakes.items() if name != "network"], axis=0)
behind = np.append(np.flatnonzero(mistakes["network"] >= best), len(best))[0]  # years ahead for which it is best
for name, error in mistakes.items():
    print(f"{name:18} mean error one year ahead {error[0]:5.1f}, over eleven years {error.mean():5.1f}")

# %%
# Left, a forecast in every eleventh year, and the forecasts of the next year alone. Right, the errors over all origins.
# The network knows whether the cycle rises or falls and how fast, which is worth most for the next years. How high a
# cycle will be that has not begun, it does not know: then the cycle before is as good a guess.

fig, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.2), width_ratios=(3, 2), layout="constrained")
dates = 1749 + np.arange(len(spots))
shown = slice(first - 24, None)
left.axvspan(dates[first] - 0.5, dates[-1] + 0.5, color="#f0f0f0", linewidth=0)
left.plot(dates[shown], spots[shown], ".-", color=TRUTH, linewidth=1, label="sunspots, mean of a year")
for number, at in enumerate(range(first, len(spots) - 10, 11)):
    name = "network, eleven years ahead" if number == 0 else None
    left.plot(dates[at : at + 11], by_year["network"][at - first], color=NETWORK, linewidth=2.2, label=name)
ones = by_year["network"][:, 0]
left.plot(dates[first : first + len(ones)], ones, "--", color="#56B4E9", linewidth=1.6, label="network, one year ahead")
left.set(xlabel="year", ylim=(0, spots[shown].max() * 1.3), title="Sunspots: a forecast in every eleventh year")
left.legend(frameon=False, loc="upper left")
compare(right, mistakes, "year")
right.set_title(f"Up to {behind} years ahead the network errs least")
plt.show()
