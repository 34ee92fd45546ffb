"""Residuals: what a regression gets wrong, and where.

    r_i = y_i - f(x_i)        true value minus predicted value

Left, predicted against true: on the line they are equal. Right, the residual against the prediction with its running
quantiles: a band that bends shows a relation that the model missed, one that opens shows noise that grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, instance
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CROWD = 3000  # rows beyond which hexagons are counted instead of points drawn
BINS = 12  # of the running quantiles, each with the same number of rows
LEAST = 60  # rows below which no quantiles are drawn
QUANTILES = (0.1, 0.5, 0.9)


def residuals(y_true: Any, y_pred: Any, unit: str = "", figure: Any = None) -> np.ndarray:
    """Predicted against true values, and residuals against predicted values with their running quantiles.

    Up to 3,000 rows are points, more are counted in hexagons. Quantiles (10, 50, 90 %) need 60 rows.

    Parameters
    ----------
    y_true : true values, (n,).
    y_pred : predicted values, (n,).
    unit : of both, for the axes, such as "USD".
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of two Axes.

    Raises
    ------
    InvalidData : no rows, unequal lengths, several outputs, NaN or infinite values.

    Examples
    --------
    >>> from netwright.plots import residuals
    >>> axes = residuals([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], unit="m")
    >>> axes[1].get_ylabel(), axes[1].collections[0].get_offsets()[0].tolist()
    ('residual: true - predicted (m)', [1.5, -0.5])
    """
    check("residuals(unit)", unit, instance(str, text="a text"))
    true, predicted = _numbers("y_true", y_true), _numbers("y_pred", y_pred)
    if len(true) != len(predicted):
        got = f"{len(true)} and {len(predicted)}"
        raise InvalidData(problem("residuals(y_true, y_pred)", "as many true values as predicted ones", got))
    figure = canvas.figure_or_new("residuals", figure, (10.0, 4.6))
    axes = canvas.panels(figure, 1, 2)
    suffix = f" ({unit})" if unit else ""
    residual = true - predicted
    _clouds(axes, (true, predicted), (predicted, residual))
    _diagonal(axes[0], true, predicted)
    axes[1].axhline(0.0, color=canvas.GRAY, linewidth=1.2, path_effects=canvas.outlined(axes[1]))
    if len(true) >= LEAST:
        _quantiles(axes[1], predicted, residual)
    for ax, x, y in ((axes[0], "true value", "predicted value"), (axes[1], "predicted value", _RESIDUAL)):
        ax.set_xlabel(x + suffix, parse_math=False)
        ax.set_ylabel(y + suffix, parse_math=False)
        ax.xaxis.set_major_locator(canvas.part("ticker").MaxNLocator(nbins=6))
        ax.set_box_aspect(1.0)
        canvas.tidy(ax)
    _titles(axes, true, residual)
    return axes


_RESIDUAL = "residual: true - predicted"


def running_quantiles(x: np.ndarray, y: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of y in bins of x with equal numbers of rows: medians of x (bins,), quantiles of y (3, bins).

    Examples
    --------
    >>> running_quantiles(np.arange(4.0), np.array([0.0, 2.0, 4.0, 6.0]), bins=2)[1][1]
    array([1., 5.])
    """
    parts = np.array_split(np.argsort(x, kind="stable"), bins)
    centres = np.array([np.median(x[rows]) for rows in parts])
    return centres, np.array([np.quantile(y[rows], QUANTILES) for rows in parts]).T


def _clouds(axes: np.ndarray, *pairs: tuple[np.ndarray, np.ndarray]) -> None:
    """Points that show through each other, or counts in hexagons where there are too many."""
    n = len(pairs[0][0])
    if n <= CROWD:
        opacity = float(np.clip(8.0 / np.sqrt(n), 0.18, 0.8))
        for ax, (x, y) in zip(axes, pairs, strict=True):
            ax.scatter(x, y, s=14, color=canvas.BLUE, alpha=opacity, linewidths=0)
        return
    cells = [ax.hexbin(x, y, gridsize=45, mincnt=1, linewidths=0.2) for ax, (x, y) in zip(axes, pairs, strict=True)]
    norm = canvas.part("colors").LogNorm(1.0, max(float(cell.get_array().max()) for cell in cells))
    for cell in cells:
        cell.set(norm=norm, cmap="viridis")
    canvas.colour_bar(axes, cells[-1], "rows", shrink=0.8)


def _diagonal(ax: Axes, true: np.ndarray, predicted: np.ndarray) -> None:
    """The line on which both are equal, on equal scales."""
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    room = 0.04 * (high - low) or 0.5
    ax.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    ax.plot([low, high], [low, high], color=canvas.GRAY, linewidth=1.2, path_effects=canvas.outlined(ax))


def _quantiles(ax: Axes, predicted: np.ndarray, residual: np.ndarray) -> None:
    centres, levels = running_quantiles(predicted, residual)
    style: dict[str, Any] = {"color": canvas.VERMILLION, "path_effects": canvas.outlined(ax)}
    for share, level in zip(QUANTILES, levels, strict=True):
        ax.plot(centres, level, linewidth=2.2 if share == 0.5 else 1.4, **style)
        name = f"{share:.0%}".replace("%", " %")
        ax.annotate(
            name,
            (centres[-1], level[-1]),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=canvas.SMALL,
            **style,
        )


def _titles(axes: np.ndarray, true: np.ndarray, residual: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        spread = float(((true - true.mean()) ** 2).sum())
        square = float((residual**2).sum())
    r2 = f"R² {1.0 - square / spread:.3f}, " if 0.0 < spread < np.inf else ""
    axes[0].set_title(f"{r2}{len(true):,} rows", loc="left", fontsize="medium")
    rmse, mae = canvas.nice((square / len(true)) ** 0.5), canvas.nice(float(np.abs(residual).mean()))
    axes[1].set_title(f"RMSE {rmse}, MAE {mae}", loc="left", fontsize="medium")


def _numbers(name: str, y: Any) -> np.ndarray:
    y = y.detach().cpu().numpy() if hasattr(y, "detach") else np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or not len(y):
        remedy = "Give one output at a time: y[:, k]." if y.ndim == 2 else ""
        raise InvalidData(
            problem(f"residuals({name})", "one number a row, (n,) with n >= 1", f"shape {y.shape}", remedy)
        )
    if y.dtype.kind not in "fiub":
        raise InvalidData(problem(f"residuals({name})", "numbers", f"elements of type {y.dtype}"))
    wrong = np.flatnonzero(~np.isfinite(y.astype(np.float64)))
    if wrong.size:
        raise InvalidData(problem(f"residuals({name})", "finite numbers", f"{y[wrong[0]]} in row {wrong[0]}"))
    numbers: np.ndarray = y.astype(np.float64)
    return numbers
