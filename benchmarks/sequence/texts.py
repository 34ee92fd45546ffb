"""Texts: test accuracy of `nw.sequence.TextClassifier`, Kim's CNN from random vectors.

    NETWRIGHT_DATA=... python benchmarks/sequence/texts.py trec --epochs 8 --options "lower=False, embedding_dropout=0"
    NETWRIGHT_DATA=... python benchmarks/sequence/texts.py sst2
    NETWRIGHT_DATA=... python benchmarks/sequence/texts.py mr

TREC has a test part of 500 questions; of SST-2 the dev part is held out while training and the test part scored once;
MR is scored by ten folds, drawn by the seed.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

import netwright as nw

Texts = tuple[list[str], list[str]]


def main() -> None:
    """Print the accuracy and the time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", choices=("trec", "sst2", "mr"))
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--options", default="", help="of the estimator, as in a call: width=100, least=2")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    more: dict[str, Any] = {"model": options.model, "random_state": options.seed}
    more |= {} if options.epochs is None else {"epochs": options.epochs}
    more |= eval(f"dict({options.options})", {"nw": nw})
    begin, spent = time.perf_counter(), time.process_time()
    accuracy = {"trec": trec, "sst2": sst2, "mr": mr}[options.data](more)
    minutes, cpu = (time.perf_counter() - begin) / 60, (time.process_time() - spent) / 60
    print(f"{options.data} {more}")
    print(f"test accuracy {accuracy:.4f}, {minutes:.1f} min, {cpu:.1f} min of CPU, {options.threads} threads")


def trec(more: dict[str, Any]) -> float:
    """Six kinds of questions."""
    (X, y), test = labelled("TREC.train.all", "latin-1"), labelled("TREC.test.all", "latin-1")
    return float(nw.sequence.TextClassifier(**more).fit(X, y).score(*test))


def sst2(more: dict[str, Any]) -> float:
    """Sentences of reviews, good or bad."""
    X, y = labelled("stsa.binary.train")
    held, test = labelled("stsa.binary.dev"), labelled("stsa.binary.test")
    return float(nw.sequence.TextClassifier(validation=held, patience=3, **more).fit(X, y).score(*test))


def mr(more: dict[str, Any]) -> float:
    """Snippets of reviews, good or bad: the mean of ten folds."""
    folder = Path(os.environ["NETWRIGHT_DATA"]) / "text"
    parts = [(folder / f"rt-polarity.{kind}").read_text("latin-1").splitlines() for kind in ("neg", "pos")]
    X, y = np.array(parts[0] + parts[1], dtype=object), np.repeat([0, 1], [len(part) for part in parts])
    scores = []
    for train, test in StratifiedKFold(10, shuffle=True, random_state=more["random_state"]).split(X, y):
        clf = nw.sequence.TextClassifier(validation=0.1, patience=3, **more)
        scores.append(clf.fit(X[train].tolist(), y[train]).score(X[test].tolist(), y[test]))
        print(f"fold {len(scores)}: {scores[-1]:.4f}", flush=True)
    return float(np.mean(scores))


def labelled(name: str, encoding: str = "utf-8") -> Texts:
    """A file of ``label text`` lines; of a label with a colon what stands before it."""
    lines = (Path(os.environ["NETWRIGHT_DATA"]) / "text" / name).read_text(encoding).splitlines()
    pairs = [line.split(" ", 1) for line in lines if line]
    return [text for _, text in pairs], [label.split(":")[0] for label, _ in pairs]


if __name__ == "__main__":
    main()
