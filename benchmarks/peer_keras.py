"""Keras on the workloads, on JAX or on torch: the variant sets KERAS_BACKEND before Keras is loaded.

    python benchmarks/peer_keras.py a [--variant jax|torch]

`compile` and `fit` as they come: Keras' own initial weights, its progress bar, accuracy as a metric; images are
channels-last, Keras' default. On JAX the first epoch compiles.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise

from contender import Clock, accuracy, serve
from workloads import HIDDEN, Workload, settings


def train(work: Workload, variant: str, clock: Clock) -> float:
    """Fit a Sequential model; gives the accuracy on the held-out rows."""
    import keras

    if keras.backend.backend() != variant:
        raise SystemExit(f"Keras runs on {keras.backend.backend()}, not on {variant}")
    keras.utils.set_random_seed(0)
    if variant == "torch":
        import torch

        torch.set_num_threads(1)
    model = keras.Sequential([*network(keras, work), keras.layers.Dense(work.classes)])
    how = settings(work)
    if how["rule"] == "sgd":
        rule = keras.optimizers.SGD(how["lr"], momentum=how["momentum"], nesterov=how["nesterov"])
    else:
        rule = keras.optimizers.Adam(how["lr"], epsilon=how["eps"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(rule, loss, metrics=["accuracy"])
    X, X_held = (x.transpose(0, 2, 3, 1).copy() if work.name == "c" else x for x in (work.X, work.X_held))
    clock.start()
    model.fit(
        X,
        work.y,
        batch_size=work.batch_size,
        epochs=work.epochs,
        validation_data=(X_held, work.y_held) if work.validates else None,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=clock.tick)],
    )
    return accuracy(model.predict(X_held, batch_size=1000, verbose=0).argmax(1), work.y_held)


def network(keras: object, work: Workload) -> list[object]:
    """The layers of a workload but the last."""
    make = keras.layers
    if work.name in "ab":
        return [keras.Input((64,)), *(make.Dense(units, activation="relu") for units in HIDDEN)]
    if work.name == "c":
        convolutions = [make.Conv2D(32, 3, activation="relu"), make.MaxPool2D(2)]
        convolutions += [make.Conv2D(64, 3, activation="relu"), make.MaxPool2D(2)]
        return [keras.Input((28, 28, 1)), *convolutions, make.Flatten(), make.Dense(128, activation="relu")]
    return [keras.Input((50, 8)), make.LSTM(64)]


def backend() -> str:
    """The variant that the command line asks for, before anything is loaded."""
    asked = [value for option, value in pairwise(sys.argv) if option == "--variant"]
    return asked[0] if asked else "jax"


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = backend()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    serve(train, ("jax", "torch"), ("keras", backend()))
