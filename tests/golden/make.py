"""Make the golden files of the format version that this code writes: ``python tests/golden/make.py``.

For every public estimator, and for a network with and without weights, a file ``<version>/<kind>.nw`` and beside it
``<kind>.json``: what it was asked, and what it answered. A file that is there is never written again: golden files are
what a release wrote, and are read for ever. Large weights are thinned to a few numbers, and files beyond `LARGE` bytes
are packed (.nw.xz).
"""

from __future__ import annotations

import json
import lzma
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "files"))
import saved_examples  # noqa: E402

from netwright.core.container import VERSION  # noqa: E402

LARGE = 20_000
KEPT = 512  # numbers of a large weight; the others become zero


def main(folder: Path = HERE / VERSION) -> list[str]:
    """Make what is missing in the folder, and give its names."""
    folder.mkdir(exist_ok=True)
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, example in saved_examples.EXAMPLES.items():
            if not (folder / f"{name}.json").exists():
                estimator = example.fitted()
                thin(estimator)
                told = saved_examples.answers(estimator, example.questions)
                estimator.save(folder / f"{name}.nw")
                keep(folder, name, example.questions, told)
                made.append(name)
    for name, module in (("network", None), ("module", saved_examples.NETWORK.build(seed=1))):
        if not (folder / f"{name}.json").exists():
            saved_examples.NETWORK.save(folder / f"{name}.nw", module)
            keep(folder, name, {}, {} if module is None else {"": module(torch.ones(2, 3)).detach()})
            made.append(name)
    return made


def keep(folder: Path, name: str, questions: dict[str, Any], told: dict[str, Any]) -> None:
    """Write what was asked and answered, and pack the file if it is large."""
    text = {"questions": saved_examples.plain(questions), "answers": saved_examples.plain(told)}
    (folder / f"{name}.json").write_text(json.dumps(text, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    file = folder / f"{name}.nw"
    if file.stat().st_size > LARGE:
        file.with_suffix(".nw.xz").write_bytes(lzma.compress(file.read_bytes(), preset=9))
        file.unlink()


def thin(estimator: Any) -> None:
    """Leave a few numbers of large weights."""
    module = getattr(estimator, "module_", None)
    if isinstance(module, torch.nn.Module):
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.numel() > 2 * KEPT and tensor.is_floating_point():
                rest = np.arange(tensor.numel()) >= KEPT
                tensor.data.view(-1)[torch.from_numpy(rest)] = 0
    if hasattr(estimator, "samples_"):  # those that a GAN keeps of its training
        estimator.samples_.reshape(len(estimator.samples_), -1)[:, KEPT // 4 :] = 0


if __name__ == "__main__":
    print("\n".join(main()) or "nothing is missing")
