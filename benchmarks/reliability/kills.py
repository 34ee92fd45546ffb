"""SIGKILL while training and while saving: every network that learns in steps ends with the bits of an uncut run.

    python benchmarks/reliability/kills.py                 10 kills of each network, at random moments
    python benchmarks/reliability/kills.py --only gan,map --kills 40
    python benchmarks/reliability/kills.py --saving 200    kills of a program that saves over and over

A child is made for each attempt (fork, before torch has started threads). It trains with a checkpoint after every batch
or epoch, so many kills fall into the writing of one. Printed for each network: kills, attempts, whether the last one
ended with the hash of a run that was never cut, and how much longer a run is that is written down after every epoch.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits, load_iris

import netwright as nw
from netwright import classical
from netwright.classical.saving import learned_of
from netwright.train import Checkpoints

draw = np.random.default_rng(0)
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:500] / 16, LABELS[:500]
IRIS, KINDS = load_iris(return_X_y=True)
IMAGES = DIGITS.reshape(-1, 1, 8, 8).astype(np.float32)
SEQUENCES = [draw.normal(size=(int(n), 3)).astype(np.float32) for n in draw.integers(4, 12, 200)]
SUMS = [int(s.sum() > 0) for s in SEQUENCES]
WORDS = [["a", "b", "c", "d", "e", "f", "g"][: int(n)] for n in draw.integers(2, 8, 200)]
TAGS = [[word.upper() if word in "aceg" else "x" for word in words] for words in WORDS]
TEXT = "the quick brown fox jumps over the lazy dog. " * 60
PHOTOS = [draw.integers(0, 90, (32, 48, 3), dtype=np.uint8) for _ in range(16)]
MASKS = [(photo.mean(2) > 45).astype(int) for photo in PHOTOS]
BOXES = [np.array([[4.0, 5.0, 20.0, 22.0]]) for _ in PHOTOS]

DENSE = "ReLU(32) >> BatchNorm() >> Dropout(0.2) >> Softmax(10)"
CONV = "Conv(6, 3) >> BatchNorm() >> ReLU() >> Flatten() >> Dropout(0.2) >> Softmax(10)"
LSTM = 'LSTM(12, output="last")'
STEPS = np.stack([draw.normal(size=(8, 16)) for _ in range(300)]).astype(np.float32)
HIGHER = (STEPS[..., 0].max(1) > STEPS[..., 1].max(1)).astype(int)


def attention() -> torch.nn.Module:
    """A layer of a transformer, a plain torch module."""
    torch.manual_seed(0)  # in a process of its own
    layer = torch.nn.TransformerEncoderLayer(16, 4, 32, dropout=0.2, batch_first=True)
    return torch.nn.Sequential(layer, torch.nn.Flatten(), torch.nn.Linear(128, 2), torch.nn.LogSoftmax(1))


Fits = dict[str, tuple[Callable[[], Any], tuple[Any, ...]]]


def fits() -> Fits:
    """Networks and what they learn from, by name; each takes about a second."""
    v = nw.vision
    return {
        "mlp": (lambda: nw.Classifier(DENSE, epochs=12, validation=0.2, patience=9, average=0.9), (DIGITS, LABELS)),
        "cnn": (lambda: nw.Classifier(CONV, epochs=4, augment="Rotate(10)"), (IMAGES, LABELS)),
        "quasi-newton": (
            lambda: nw.Regressor("Tanh(6) >> Linear(1)", optimizer="QuasiNewton()", epochs=30),
            (IRIS[:, :3], IRIS[:, 3]),
        ),
        "sequences": (lambda: nw.sequence.SequenceClassifier(LSTM, epochs=4, batch_size=16), (SEQUENCES, SUMS)),
        "transformer": (lambda: nw.Classifier(attention(), epochs=4, batch_size=16), (STEPS, HIGHER)),
        "tagger": (lambda: nw.sequence.SequenceTagger(epochs=3, batch_size=16), (WORDS, TAGS)),
        "language model": (lambda: nw.sequence.LanguageModel(epochs=2, batch_size=8), (TEXT,)),
        "gan": (lambda: v.GAN(steps=120, batch_size=64), (IRIS,)),
        "autoencoder": (lambda: v.VariationalAutoencoder(epochs=4), (DIGITS,)),
        "triplets": (lambda: v.TripletNetwork(epochs=3), (IMAGES[:200], LABELS[:200])),
        "segmenter": (lambda: v.Segmenter("fcn", size=48, epochs=3, batch_size=4), (PHOTOS, MASKS)),
        "map": (lambda: classical.SOFM((12, 12), algorithm="online", epochs=30), (DIGITS,)),
        "map, batch": (lambda: classical.SOFM((12, 12), epochs=30), (DIGITS,)),
        "growing neural gas": (lambda: classical.GrowingNeuralGas(max_nodes=60, epochs=30), (DIGITS,)),
        "neural gas": (lambda: classical.NeuralGas(40, epochs=30), (DIGITS,)),
        "glvq": (lambda: classical.GLVQ(prototypes_per_class=3, epochs=30), (DIGITS, LABELS)),
        "rbm": (lambda: classical.RBM(64, epochs=30, persistent=True, momentum=0.5), (DIGITS,)),
        "dbn": (lambda: classical.DBN((48, 24), epochs=15), (DIGITS,)),
        "fuzzy art": (lambda: classical.FuzzyART(epochs=9, vigilance=0.6), (DIGITS,)),
        "cmac": (lambda: classical.CMAC(n_tilings=8, resolution=20, epochs=60), (IRIS[:, :2], IRIS[:, 2])),
        "oja": (lambda: classical.Oja(center=True, epochs=60), (DIGITS,)),
    }


def bits(fitted: Any) -> str:
    """A hash of all that was learned, and of what was recorded but for the seconds."""
    found = hashlib.sha256()
    if isinstance(fitted, classical.ClassicalNetwork):
        tensors: dict[str, np.ndarray] = {}
        found.update(repr(sorted(learned_of(fitted, tensors).items())).encode())
        arrays = tensors.items()
    else:
        module = getattr(fitted, "module_", None) or fitted.generator_
        arrays = {name: tensor.numpy() for name, tensor in module.state_dict().items()}.items()
        records = [{k: v for k, v in record.items() if k != "seconds"} for record in fitted.history_]
        found.update(repr(records).encode())
    for name, array in sorted(arrays):
        found.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def child(work: Callable[[], None]) -> int:
    """A process that works; its number."""
    sys.stdout.flush()
    number = os.fork()
    if number:
        return number
    try:
        warnings.simplefilter("ignore")
        work()
        os._exit(0)
    except BaseException as error:
        print(f"    {type(error).__name__}: {error}", flush=True)
        os._exit(1)


def seconds_of(work: Callable[[], None]) -> float:
    """How long a process takes that is left alone."""
    begin = time.perf_counter()
    _, status = os.waitpid(child(work), 0)
    if status:
        raise SystemExit("a run that was never cut failed")
    return time.perf_counter() - begin


def killed(
    make: Callable[[], Any], data: tuple[Any, ...], kills: int, draw: np.random.Generator
) -> tuple[int, int, bool, float]:
    """So many kills of one network: kills, attempts, equal at the end, time with checkpoints by time without."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)

        def work(checkpoint: Any, out: str) -> None:
            fitted = make().set_params(random_state=0, checkpoint=checkpoint).fit(*data)
            (place / f"{out}.txt").write_text(bits(fitted))

        seconds_of(lambda: work(None, "warm"))
        alone = seconds_of(lambda: work(None, "whole"))
        ratio = seconds_of(lambda: work(str(place / "epochs"), "written")) / alone
        asked = Checkpoints(str(place / "run"), steps=1)
        slow = seconds_of(lambda: work(Checkpoints(str(place / "timed"), steps=1), "timed"))
        count, attempts = 0, 0
        while True:
            attempts += 1
            number = child(partial(work, asked, "cut"))
            if count < kills:
                time.sleep(float(draw.uniform(0, slow / 4)))
                os.kill(number, signal.SIGKILL)
            _, status = os.waitpid(number, 0)
            if os.WIFSIGNALED(status):
                count += 1
            elif status:
                return count, attempts, False, ratio
            elif count >= kills:
                break
            else:  # it was quicker than the kill: begin anew
                asked = Checkpoints(str(place / f"run{attempts}"), steps=1)
        ends = {(place / f"{out}.txt").read_text() for out in ("whole", "written", "timed", "cut")}
        return count, attempts, len(ends) == 1, ratio


def while_saving(kills: int) -> None:
    """A program that saves one of two models over and over is killed; the file is one of them each time."""
    models = [nw.Classifier("ReLU(300) >> Softmax(10)", epochs=1, random_state=seed) for seed in (0, 1)]
    rng, unreadable, litter, with_old = np.random.default_rng(0), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.nw"
        for seed, model in enumerate(models):
            seconds_of(lambda model=model, seed=seed: model.fit(DIGITS, LABELS).save(Path(folder) / f"{seed}.nw"))
        wanted = {(Path(folder) / f"{seed}.nw").read_bytes() for seed in (0, 1)}
        contents = [nw.load(Path(folder) / f"{seed}.nw") for seed in (0, 1)]

        def work() -> None:
            while True:
                for model in contents:
                    model.save(path)

        contents[0].save(path)
        for _ in range(kills):
            number = child(work)
            time.sleep(float(rng.uniform(0.01, 0.08)))
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)
            unreadable += path.read_bytes() not in wanted
            with_old += len(list(Path(folder).iterdir())) > 3
            nw.load(path)
        contents[0].save(path)
        litter = len(list(Path(folder).iterdir())) - 3
    print(
        f"{kills} kills while saving: {unreadable} files that are not whole; {with_old} times a temporary file stayed,"
    )
    print(f"{litter} after the next save")


def main() -> None:
    """Kill, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="of each network")
    parser.add_argument("--only", help="names, joined by commas")
    parser.add_argument("--saving", type=int, metavar="KILLS", help="kill a program that saves, instead")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.saving:
        while_saving(asked.saving)
        return
    chosen = fits() if asked.only is None else {name: fits()[name] for name in asked.only.split(",")}
    rng, total, right = np.random.default_rng(asked.seed), 0, 0
    print(f"{'network':20} kills  attempts  same bits  time with a checkpoint an epoch, by without")
    for name, (make, data) in chosen.items():
        count, attempts, same, ratio = killed(make, data, asked.kills, rng)
        total, right = total + count, right + same
        print(f"{name:20} {count:5}  {attempts:8}  {'yes' if same else 'NO':9}  {ratio:.2f}", flush=True)
    print(f"{total} kills; {right} of {len(chosen)} networks ended with the bits of an uncut run")


if __name__ == "__main__":
    main()
