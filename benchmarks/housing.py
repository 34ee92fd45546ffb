"""California housing by the command line beside scikit-learn's MLPRegressor: test RMSE in dollars.

    NETWRIGHT_DATA=... python benchmarks/housing.py [--seeds 3]

`netwright train california_housing.csv --target median_house_value` with nothing but the target (and the seed). Every
MLPRegressor is trained on the rows that the command did not hold out for testing, and tested on the same rows. It is
given the columns as its users would prepare them: medians for missing values, standardised, one-hot categories.

same budget             the hidden widths, batch size, epochs, starting rate and patience of the command, early
                        stopping on a tenth of the rows, target standardised
same epochs, all rows   the same without early stopping, on all rows, for as many epochs as the command trained
defaults                MLPRegressor() as it comes, on dollars
defaults, scaled        the same with the target standardised
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from command import Trained, data, train
from isolated import SOURCES, machine
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET = "median_house_value"


def budget(trained: Trained) -> dict[str, Any]:
    """What the command used: widths, batch size, epochs at most, epochs trained, rate, patience."""
    sys.path.insert(0, str(SOURCES))
    import netwright as nw

    model: Any = nw.load(trained.folder / "model.nw")
    rate = model.optimizer.rate(0.0, model.epochs, [])
    return {
        "widths": tuple(int(width) for width in re.findall(r"ReLU\((\d+)\)", repr(model.network_))),
        "batch_size": model.batch_size,
        "epochs": model.epochs,
        "trained": model.n_iter_,
        "rate": rate,
        "patience": model.patience,
    }


def rivals(used: dict[str, Any], seed: int) -> dict[str, tuple[MLPRegressor, bool]]:
    """The regressors, and whether their target is standardised."""
    same = {
        "hidden_layer_sizes": used["widths"],
        "batch_size": used["batch_size"],
        "learning_rate_init": used["rate"],
        "tol": 0.0,
        "random_state": seed,
    }
    stopped = MLPRegressor(max_iter=used["epochs"], early_stopping=True, n_iter_no_change=used["patience"], **same)
    whole = MLPRegressor(max_iter=used["trained"], n_iter_no_change=used["trained"], **same)
    return {
        "same budget": (stopped, True),
        "same epochs, all rows": (whole, True),
        "defaults": (MLPRegressor(random_state=seed), False),
        "defaults, scaled": (MLPRegressor(random_state=seed), True),
    }


def prepared(regressor: MLPRegressor, scaled: bool) -> Any:
    """A regressor behind the preparation of the columns, and of the target if it is to be scaled."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        sparse_threshold=0.0,
    )
    model = make_pipeline(columns, regressor)
    return TransformedTargetRegressor(model, transformer=StandardScaler()) if scaled else model


def rmse(true: Any, predicted: Any) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean((np.asarray(true, float) - np.asarray(predicted, float)) ** 2)))


def one_seed(path: Path, seed: int) -> tuple[dict[str, float], dict[str, float], dict[str, Any]]:
    """RMSE and wall seconds of all on the split of one seed, and the budget."""
    with tempfile.TemporaryDirectory() as folder:
        trained = train(folder, str(path), "--target", TARGET, "--seed", str(seed))
        used = budget(trained)
    frame = pandas.read_csv(path)
    test = [int(row["row"]) for row in trained.predictions]
    true = [float(row["true"]) for row in trained.predictions]
    if not np.allclose(frame[TARGET].to_numpy()[test], true):
        raise SystemExit("the rows of predictions.csv are not those of the table")
    errors = {"netwright": rmse(true, [row["predicted"] for row in trained.predictions])}
    seconds = {"netwright": trained.seconds}
    known = frame.drop(index=test)
    for name, (regressor, scaled) in rivals(used, seed).items():
        begin = time.perf_counter()
        model = prepared(regressor, scaled).fit(known.drop(columns=TARGET), known[TARGET])
        predicted = model.predict(frame.iloc[test].drop(columns=TARGET))
        seconds[name], errors[name] = time.perf_counter() - begin, rmse(true, predicted)
    return errors, seconds, used


def main() -> None:
    """Train all of them once a seed, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    warnings.simplefilter("ignore", ConvergenceWarning)
    path = data("tabular/california_housing.csv")
    print(machine(), flush=True)
    runs = []
    for seed in range(seeds):
        errors, seconds, used = one_seed(path, seed)
        runs.append((errors, seconds))
        print(f"- seed {seed}: {', '.join(f'{name} {item}' for name, item in used.items())}", flush=True)
    print("\n| | RMSE, mean | each seed | wall seconds |\n|---|---|---|---|")
    mean = {name: statistics.mean(errors[name] for errors, _ in runs) for name in runs[0][0]}
    for name in mean:
        each = " ".join(f"{errors[name]:,.0f}" for errors, _ in runs)
        label = name if name == "netwright" else f"MLPRegressor, {name}"
        print(f"| {label} | {mean[name]:,.0f} | {each} | {statistics.mean(s[name] for _, s in runs):.0f} |")
    best = min(error for name, error in mean.items() if name != "netwright")
    print(f"\ntarget (below every MLPRegressor): {'met' if mean['netwright'] < best else 'MISSED'}")


if __name__ == "__main__":
    main()
