"""What lengths cost: LSTM training beside raw torch with packed batches, and epochs with and without bucketing.

    NETWRIGHT_DATA=... python benchmarks/sequence/lengths.py

The sentences are those of UD English EWT, as vectors of 100 random numbers; a bidirectional LSTM of 128 units each way
reads them, and the mean square of what it gives is trained on by SGD. Raw torch packs each batch
(`pack_padded_sequence`), which holds the same sentences in the same order. One thread; least seconds of several epochs,
taken in turn.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import netwright as nw
from netwright.layers import LSTM, Bidirectional, Input
from netwright.sequence.batches import Ragged, SequenceBatches

FEATURES, UNITS, BATCH = 100, 128, 32


class Packed(torch.nn.Module):
    """Raw torch: pack, read both ways, unpack."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(FEATURES, UNITS, batch_first=True, bidirectional=True)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(batch, steps, features), (batch, 1) -> (batch, steps, 2 units)"""
        packed = pack_padded_sequence(x, lengths[:, 0].long(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]  # type: ignore[no-any-return]


def main() -> None:
    """Print seconds an epoch and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=4000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = Path(os.environ["NETWRIGHT_DATA"]) / "ud_english_ewt/en_ewt-ud-train.conllu.gz"
    lengths = [len(each) for each in nw.data.read_conllu(path)][: options.sentences]
    draw = np.random.default_rng(0)
    rows = Ragged([draw.normal(size=(n, FEATURES)).astype(np.float32) for n in lengths])
    y = torch.zeros(len(lengths))
    longest = torch.tensor(lengths).max()
    bucketed, mixed = (SequenceBatches((rows,), y, None, BATCH, 0, bucketed=kind) for kind in (True, False))
    net = ((Input(16, FEATURES) | Input(1)) >> Bidirectional(LSTM(UNITS, lengths=True))).build(seed=0)
    jobs: dict[str, Callable[[], Any]] = {
        "netwright, bucketed": lambda: epoch(net, bucketed),
        "raw torch, the same batches packed": lambda: epoch(Packed(), bucketed),
        "netwright, batches as they come": lambda: epoch(net, mixed),
        "netwright, all padded to the longest": lambda: epoch(net, mixed, int(longest)),
    }
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(options.rounds):
        for name, job in jobs.items():
            begin = time.perf_counter()
            job()
            best[name] = min(best[name], time.perf_counter() - begin)
    print(f"{len(lengths)} sentences, {sum(lengths)} tokens, longest {longest}\n")
    print("| epoch | seconds | to netwright, bucketed |\n|---|---|---|")
    for name, seconds in best.items():
        print(f"| {name} | {seconds:.2f} | {seconds / best['netwright, bucketed']:.2f} |")


def epoch(module: torch.nn.Module, batches: SequenceBatches, steps: int = 0) -> None:
    """One pass of training; with `steps` each batch is padded to so many."""
    optimizer = torch.optim.SGD(module.parameters(), 1e-3)
    for (x, lengths), _, _ in batches(0):
        padded = torch.nn.functional.pad(x, (0, 0, 0, steps - x.shape[1])) if steps else x
        optimizer.zero_grad()
        module(padded, lengths).square().mean().backward()
        optimizer.step()


if __name__ == "__main__":
    main()
