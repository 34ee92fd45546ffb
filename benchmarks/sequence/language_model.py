"""Tiny Shakespeare, character by character: nats on the last 10 % of the text, and the time that training takes.

    NETWRIGHT_DATA=... python benchmarks/sequence/language_model.py [--threads 2] [--epochs 6] [--sample 400]

The first 90 % of the text are trained on, with `nw.sequence.LanguageModel` as it comes (two LSTM layers of 256 units)
apart from what the options say. The figure to reach is at most 1.60 nats per character within 20 minutes on two cores.
Nothing is chosen by the last 10 %: all epochs are made, and the weights of the last one are kept.

A line an epoch: nats on the held-out part, read in parallel streams that know nothing of what came before them; so
they are a little above the exact figure at the end, for which each character is predicted from all before it.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import torch

import netwright as nw

NATS, MINUTES = 1.60, 20.0


class Report:
    """The callback that prints an epoch in a line."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def on_epoch_end(self, run: Any) -> None:
        """Nats and times so far."""
        record = run.history[-1]
        print(
            f"| {run.epoch} | {record['train_loss']:.4f} | {record['validation_loss']:.4f} | {self.spent()} |",
            flush=True,
        )

    def spent(self) -> str:
        """Seconds since the beginning: of the clock, and of the processor."""
        return f"{time.perf_counter() - self.wall:.0f} | {time.process_time() - self.cpu:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=int, default=400, help="characters to print in the end")
    parser.add_argument("--save", help="file for the model")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    path = Path(os.environ["NETWRIGHT_DATA"]) / "text" / "tinyshakespeare.txt"
    text = path.read_text(encoding="utf-8")
    report = Report()
    model = nw.sequence.LanguageModel(
        units=args.units,
        batch_size=args.batch_size,
        dropout=args.dropout,
        epochs=args.epochs,
        validation=0.1,
        callbacks=[report],
        random_state=args.seed,
    )
    print(f"{len(text)} characters, {args.threads} threads, {model!r}\n")
    print("| epoch | training nats | held-out nats | wall s | processor s |\n|---|---|---|---|---|", flush=True)
    model.fit(text)
    minutes = (time.perf_counter() - report.wall) / 60
    if args.save:
        model.save(args.save)
    nats = model.nats(text[-round(len(text) * 0.1) :])
    verdict = "met" if nats <= NATS and minutes <= MINUTES else "MISSED"
    print(f"\nexact: {nats:.4f} nats a character, {minutes:.1f} minutes: {verdict}")
    print("\n" + str(model.sample(args.sample, prompt="\n", temperature=0.7, random_state=args.seed)))


if __name__ == "__main__":
    main()
