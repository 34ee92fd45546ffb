"""Style transfer without any downloaded weights: three pairs of images, their time, and how far the cost falls.

    NETWRIGHT_DATA=... python benchmarks/vision/style.py --out pictures/
    NETWRIGHT_DATA=... python benchmarks/vision/style.py --network vgg19 --levels 1        a stacked random network

Printed are a pair a line: seconds (asked: 180 at 256 pixels on two cores), the cost at the first and after the last
step of each level, and the shares of content and style that are left at the end.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import torch

import netwright as nw

PAIRS = (
    ("ageron_soccer.jpg", "starry_night.jpg"),
    ("shipwreck.jpg", "starry_night.jpg"),
    ("ageron_soccer.jpg", "shipwreck.jpg"),
)


def main() -> None:
    """Paint, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--levels", type=int)
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--network", choices=("vgg16", "vgg19"), help="with random weights, instead of the filters")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", help="a folder for the pictures")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    options: dict[str, Any] = {name: getattr(asked, name) for name in ("steps", "levels", "alpha")}
    options = {name: given for name, given in options.items() if given is not None}
    if asked.network:
        options["network"] = getattr(nw.models, asked.network)()
    folder = Path(os.environ["NETWRIGHT_DATA"]) / "images"
    print(f"{asked}\ntorch {torch.__version__}", flush=True)
    for content, style in PAIRS:
        transfer = nw.vision.StyleTransfer(size=asked.size, random_state=0, **options)
        begin = time.perf_counter()
        picture = transfer(folder / content, folder / style)
        seconds = time.perf_counter() - begin
        falls = ", ".join(f"{losses[0]:.3g} -> {losses[-1]:.3g}" for losses in transfer.losses_)
        left = ", ".join(f"{name} {transfer.costs_[name]:.3g}" for name in ("content", "style"))
        print(f"{content} as {style}: {seconds:.0f} s, {picture.shape}, J {falls}; left: {left}", flush=True)
        if asked.out:
            save(picture, Path(asked.out) / f"{Path(content).stem}-{Path(style).stem}.png")


def save(picture: Any, path: Path) -> None:
    """Write a picture."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


if __name__ == "__main__":
    main()
