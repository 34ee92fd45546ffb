"""Restricted Boltzmann machines: 64 bits of digits, 256 hidden units, 10 epochs, batches of 10 and of 100 rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from classical_tasks.task import Task

UNITS, EPOCHS, RATE = 256, 10, 0.05

Call = Callable[[], Any]


class Learned(NamedTuple):
    """Weights (64, units) and the biases of both kinds of units."""

    weights: np.ndarray
    hidden: np.ndarray
    visible: np.ndarray


def digits() -> dict[str, np.ndarray]:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return {"X": (X > 8).astype(np.float32), "y": y}


def ours(batch_size: int, dtype: str = "float32", persistent: bool = False) -> Callable[[Any], Call]:
    def prepare(data: Any) -> Call:
        from netwright.classical import RBM

        X = data["X"].astype(dtype)
        rbm = RBM(
            UNITS, learning_rate=RATE, epochs=EPOCHS, batch_size=batch_size, persistent=persistent, random_state=0
        )

        def call() -> Learned:
            rbm.fit(X)
            return Learned(rbm.weights_.T, rbm.hidden_bias_, rbm.visible_bias_)

        return call

    return prepare


def sklearn(batch_size: int, dtype: str = "float32") -> Callable[[Any], Call]:
    def prepare(data: Any) -> Call:
        from sklearn.neural_network import BernoulliRBM

        X = data["X"].astype(dtype)
        rbm = BernoulliRBM(UNITS, learning_rate=RATE, n_iter=EPOCHS, batch_size=batch_size, random_state=0)

        def call() -> Learned:
            rbm.fit(X)
            return Learned(rbm.components_.T, rbm.intercept_hidden_, rbm.intercept_visible_)

        return call

    return prepare


def torch_loop(batch_size: int) -> Callable[[Any], Call]:
    """What one writes in torch: CD-1 on tensors, a loop over batches."""

    def prepare(data: Any) -> Call:
        import torch

        X = torch.from_numpy(data["X"])

        @torch.no_grad()
        def call() -> Learned:
            rng = torch.Generator().manual_seed(0)
            w = 0.01 * torch.randn(64, UNITS, generator=rng)
            b, c = torch.zeros(64), torch.zeros(UNITS)
            for _ in range(EPOCHS):
                for rows in X[torch.randperm(len(X), generator=rng)].split(batch_size):
                    up = torch.sigmoid(torch.addmm(c, rows, w))
                    made = torch.sigmoid(torch.addmm(b, torch.bernoulli(up, generator=rng), w.T))
                    made = torch.bernoulli(made, generator=rng)
                    down = torch.sigmoid(torch.addmm(c, made, w))
                    step = RATE / len(rows)
                    w.addmm_(rows.T, up, alpha=step).addmm_(made.T, down, alpha=-step)
                    c += step * (up - down).sum(0)
                    b += step * (rows - made).sum(0)
            return Learned(w.numpy(), c.numpy(), b.numpy())

        return call

    return prepare


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


def knowledge(data: Any, learned: Learned) -> dict[str, float]:
    """Log pseudo-likelihood over all bits, reconstruction error, and the accuracy of a linear model of the features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    X = data["X"].astype(np.float64)
    w, c, b = (part.astype(np.float64) for part in learned)
    inputs = X @ w + c
    total = 0.0
    for bit in range(64):
        flip = 1 - 2 * X[:, bit]
        rise = softplus(inputs).sum(1) - softplus(inputs + flip[:, None] * w[bit]).sum(1) - flip * b[bit]
        total -= softplus(-rise).mean()
    hidden = 1 / (1 + np.exp(-inputs))
    error = np.square(X - 1 / (1 + np.exp(-(hidden @ w.T + b)))).mean()
    train, test, y, wanted = train_test_split(hidden, data["y"], test_size=0.3, random_state=0, stratify=data["y"])
    accuracy = LogisticRegression(C=10, max_iter=3000).fit(train, y).score(test, wanted)
    return {"pseudo_ll": float(total), "recon_mse": float(error), "logreg_acc": float(accuracy)}


TASKS = [
    Task(
        f"rbm: 64 x {UNITS}, 1797 digits, {EPOCHS} epochs, batches of {batch_size}",
        digits,
        {
            "netwright CD-1 float32": ours(batch_size),
            "netwright CD-1 float64": ours(batch_size, "float64"),
            "netwright PCD-1 float32": ours(batch_size, persistent=True),
            "scikit-learn BernoulliRBM float32 (PCD)": sklearn(batch_size),
            "scikit-learn BernoulliRBM float64 (PCD)": sklearn(batch_size, "float64"),
            "torch, a loop (CD-1)": torch_loop(batch_size),
        },
        knowledge,
        limit,
        {"neupy (PCD)": neupy, "learnergy (CD-1)": learnergy},
        runs=7,
    )
    for batch_size, limit, neupy, learnergy in ((10, 0.09192, 0.6736, 1.409), (100, 0.06444, 0.3866, 0.4037))
]
