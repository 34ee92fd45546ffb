"""Generative networks: modes found of a ring and a grid of Gaussians, digits by a GAN, and the bound of a VAE.

    python benchmarks/vision/generative.py ring grid             # GANs in the plane, about a minute each
    python benchmarks/vision/generative.py vae [--epochs 25]     # MNIST in the folder NETWRIGHT_DATA
    python benchmarks/vision/generative.py digits [--steps 1500] [--loss wasserstein]

A mode is found where a sample lies within three deviations of its centre, and such samples are good ones; they are
judged as the generator makes them, and as its discriminator leaves them (``sample(rejection=0.8)``). Digits are
judged by the Frechet distance of the last hidden features of a LeNet-5 that was trained on MNIST, between 10,000 made
digits and the test set; beside it stands the same distance of 10,000 training digits, the least that can be expected.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import netwright as nw
from netwright.data import load_mnist
from netwright.optim import Adam, cosine
from netwright.vision.generative.distances import frechet_distance, kernel_distance, precision_recall_of_samples
from netwright.vision.generative.gan import GAN
from netwright.vision.generative.gaussians import grid_of_gaussians, ring_of_gaussians
from netwright.vision.generative.modes import mode_coverage
from netwright.vision.generative.variational import VariationalAutoencoder

MADE = 10_000  # samples that are judged
PLANE: dict[str, Any] = {"batch_size": 512, "steps": 5000, "average": 0.99}
SLOW, FAST = (Adam(cosine(rate), betas=(0.5, 0.999)) for rate in (2e-3, 3e-3))
TOYS: dict[str, tuple[Callable[..., Any], float, dict[str, Any]]] = {
    "ring": (ring_of_gaussians, 0.02, {}),
    "grid": (grid_of_gaussians, 0.05, {"optimizer": (SLOW, FAST)}),
}
CLASSIFIER = (
    "Conv(20, 5) >> ReLU() >> MaxPool(2) >> Conv(50, 5) >> ReLU() >> MaxPool(2) >> Flatten() >> ReLU(84) >> Softmax(10)"
)


def plane(name: str, options: argparse.Namespace) -> None:
    """Modes and good samples of a mixture in the plane."""
    make, std, own = TOYS[name]
    points, centres = make(50_000, std=std, random_state=0)
    for loss in options.losses:
        for seed in options.seed or range(options.seeds):
            begun = time.perf_counter(), time.process_time()
            gan = GAN(loss=loss, random_state=seed, **{**PLANE, **own}).fit(points)
            spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
            found = mode_coverage(gan.sample(MADE, random_state=1), centres, std)
            print(f"{name:5} {loss:14} seed {seed}: {found}; {spent[0]:.0f} s ({spent[1]:.0f} s of CPU)", flush=True)
            if loss in ("original", "minimax"):
                kept = mode_coverage(gan.sample(MADE, random_state=1, rejection=0.8), centres, std)
                print(f"{'':27}{kept} by rejection", flush=True)


def images(split: str) -> tuple[Any, Any]:
    """MNIST as images (n, 28, 28) in [0, 1], and their labels."""
    pixels, labels = load_mnist(split)
    return pixels.reshape(-1, 28, 28), labels


def vae(options: argparse.Namespace) -> None:
    """The bound of a VAE with 400 hidden units and codes of 20 numbers on the test set."""
    (train, _), (test, _) = images("train"), images("test")
    model = VariationalAutoencoder(
        "Flatten() >> ReLU(400)",
        "ReLU(400)",
        latent=20,
        optimizer=Adam(cosine(1e-3)),
        epochs=options.epochs,
        batch_size=128,
        random_state=0,
        verbose=1,
    )
    begun = time.perf_counter(), time.process_time()
    model.fit(train)
    spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
    nats = model.score(test)
    print(f"VAE, 400 units, 20 latent: test ELBO {nats:.2f} nats, training {model.score(train[:10_000]):.2f}")
    print(f"{options.epochs} epochs, {spent[0]:.0f} s ({spent[1]:.0f} s of CPU)", flush=True)


def features() -> Callable[[Any], Any]:
    """The last hidden features of a small LeNet that was trained on MNIST."""
    train, labels = images("train")
    judge = nw.Classifier(CLASSIFIER, epochs=2, random_state=0).fit(train[:, None], labels)
    test, right = images("test")
    print(f"LeNet: {judge.score(test[:, None], right):.4f} of the test set right", flush=True)
    whole: Any = judge.module_
    body = whole[:-1]
    return lambda X: np.concatenate([_through(body, part) for part in np.array_split(X[:, None], 20)])


def _through(body: Any, part: Any) -> Any:
    with torch.inference_mode():
        return body(torch.from_numpy(np.ascontiguousarray(part))).numpy()


def digits(options: argparse.Namespace) -> None:
    """Frechet and kernel distance of a GAN's digits."""
    (train, _), (test, _) = images("train"), images("test")
    gan = GAN(loss=options.loss, steps=options.steps, average=0.995, random_state=0, verbose=1)
    begun = time.perf_counter(), time.process_time()
    gan.fit(train)
    spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
    measure = features()
    real = measure(test)
    noise = np.random.default_rng(0).random((MADE, 28, 28), dtype=np.float32)
    named = {"digits of the GAN": gan.sample(MADE, random_state=1), "training digits": train[:MADE], "noise": noise}
    for name, samples in named.items():
        made = measure(samples)
        precision, recall = precision_recall_of_samples(real[:3000], made[:3000])
        distances = f"Frechet {frechet_distance(real, made):.2f}, kernel {kernel_distance(real, made):.4f}"
        print(f"{name:18}: {distances}, precision {precision:.2f}, recall {recall:.2f}", flush=True)
    print(f"{options.steps} steps of {options.loss}: {spent[0]:.0f} s ({spent[1]:.0f} s of CPU)", flush=True)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="+", choices=[*TOYS, "vae", "digits"])
    parser.add_argument("--losses", nargs="+", default=["original"], help="of the plane")
    parser.add_argument("--loss", default="original", help="of the digits")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, nargs="*", help="these instead")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    warnings.simplefilter("always")
    for task in options.tasks:
        if task in TOYS:
            plane(task, options)
        else:
            {"vae": vae, "digits": digits}[task](options)


if __name__ == "__main__":
    main()
