"""``netwright demo``: a small convolutional network on scikit-learn's images of handwritten digits."""

from __future__ import annotations

from argparse import Namespace

from netwright.commands import train

NETWORK = (
    "Conv(32, 3, padding='same') >> ReLU() >> Conv(32, 3, padding='same') >> ReLU() >> MaxPool(2) >> "
    "Flatten() >> ReLU(64) >> Softmax(10)"
)
EPOCHS = 20


def run(options: Namespace) -> int:
    """Run the command: `train` with the settings above."""
    data = ("target", "test", "validation", "image_size", "text", "detector", "options")
    unset = dict.fromkeys((*data, "loss", "optimizer", "regularizer", "augment", "batch_size", "patience"))
    settings = {
        **unset,
        "data": "digits",
        "task": "auto",
        "network": NETWORK,
        "epochs": EPOCHS,
        "precision": "auto",
        "device": "auto",
        "seed": 0,
        "name": "demo",
    }
    return train.run(Namespace(**{**vars(options), **settings}))
