"""Streams: rows and bytes a second that each kind of source gives, and what training on one costs beside memory.

    python benchmarks/scale/streams.py [--rows 200000] [--columns 64] [--folder /tmp/streams]

The files are written to a folder and read from the cache of the operating system: what is measured is the reading code,
an upper limit for a disk. The limit of an array in memory is one gather of the same rows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

import netwright as nw
from netwright.data import Stream, stream
from netwright.layers import ReLU, Softmax
from netwright.train.streamed import StreamBatches


def main() -> None:
    """Write files, read them, train on them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        folder.mkdir(exist_ok=True)
        X, y = written(folder, options.rows, options.columns)
        order = np.random.default_rng(0).permutation(len(X))
        begin = time.perf_counter()
        for start in range(0, len(X), 256):
            torch.from_numpy(X).index_select(0, torch.from_numpy(order[start : start + 256]))
        told("memory, gathered by 256", len(X), X.nbytes, time.perf_counter() - begin)
        for workers in (0, 1, 2):
            for name, rows in {
                ".npy, mapped": stream(folder / "rows.npy", y, workers=workers),
                "Parquet, row groups of 10,000": stream(folder / "rows.parquet", target="y", workers=workers),
                "dataset, a row a call": stream(
                    torch.utils.data.TensorDataset(torch.from_numpy(X)), y, workers=workers
                ),
                "images 64x64, PNG": stream(folder / "images", size=64, workers=workers),
            }.items():
                read(f"{name}, {workers} workers", rows)
        fit = {"epochs": 3, "batch_size": 256, "random_state": 0}
        for name, data in {
            "memory": (X, y),
            ".npy": (stream(folder / "rows.npy", y),),
            ".npy, 1 worker": (stream(folder / "rows.npy", y, workers=1),),
        }.items():
            clf = nw.Classifier(ReLU(128) >> Softmax(2), **fit).fit(*data)
            print(f"fit, {name}: {min(clf.history_['seconds']):.2f} s an epoch")


def written(folder: Path, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The files, and what they hold."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(rows, columns)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    np.save(folder / "rows.npy", X)
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(columns)])
    frame["y"] = y
    frame.to_parquet(folder / "rows.parquet", row_group_size=10_000)
    for label in range(2):
        (folder / "images" / str(label)).mkdir(parents=True, exist_ok=True)
        for number in range(400):
            pixels = draw.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / str(label) / f"{number}.png")
    return X, y


def read(name: str, rows: Stream) -> None:
    """The second epoch of batches of 256."""
    batches = StreamBatches(
        rows.source, lambda values: (values,), rows.rows, torch.zeros(len(rows)), size=256, workers=rows.workers
    )
    for epoch in (0, 1):
        begin = time.perf_counter()
        count = sum(len(target) for _, target, _ in batches(epoch))
        seconds = time.perf_counter() - begin
    told(name, count, count * int(np.prod(rows.source.shape)) * rows.dtype.itemsize, seconds)


def told(name: str, rows: int, size: int, seconds: float) -> None:
    """One line."""
    print(f"{name}: {rows / seconds:,.0f} rows/s, {size / seconds / 1e6:,.0f} MB/s")


if __name__ == "__main__":
    main()
