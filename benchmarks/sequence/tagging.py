"""Parts of speech of UD English EWT: test accuracy of `nw.sequence.SequenceTagger`, no outside vectors.

    NETWRIGHT_DATA=... python benchmarks/sequence/tagging.py --head softmax
    NETWRIGHT_DATA=... python benchmarks/sequence/tagging.py --head crf

Trained on the train part, watched on the dev part, scored once on the test part.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch

import netwright as nw

FILES = "ud_english_ewt/en_ewt-ud-{part}.conllu.gz"


def main() -> None:
    """Print accuracies and times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--head", choices=("softmax", "crf"), default="softmax")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--target", default="upos")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = Path(os.environ["NETWRIGHT_DATA"])
    parts = {part: nw.data.read_conllu(folder / FILES.format(part=part)) for part in ("train", "dev", "test")}
    X = {part: [each["form"] for each in sentences] for part, sentences in parts.items()}
    y = {part: [each[options.target] for each in sentences] for part, sentences in parts.items()}
    tagger = nw.sequence.SequenceTagger(
        head=options.head,
        epochs=options.epochs,
        validation=(X["dev"], y["dev"]),
        random_state=options.seed,
        verbose=1,
    )
    begin, spent = time.perf_counter(), time.process_time()
    tagger.fit(X["train"], y["train"])
    minutes, cpu = (time.perf_counter() - begin) / 60, (time.process_time() - spent) / 60
    accuracy = tagger.score(X["test"], y["test"])
    print(f"head {options.head}, {options.epochs} epochs, {options.threads} threads, seed {options.seed}")
    print(f"test accuracy {accuracy:.4f}, training {minutes:.1f} min, {cpu:.1f} min of CPU")
    print(tagger.diagnosis_)


if __name__ == "__main__":
    main()
