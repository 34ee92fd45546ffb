"""Images with boxes in a folder, split into training, validation and test."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netwright.commands.recipes import TEST, VALIDATION
from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import derive
from netwright.report.words import counted
from netwright.vision import read_detection_folder

LEAST = 3  # images: training, validation and test need one each
LISTED = 10  # classes that are named with their numbers


@dataclass(frozen=True)
class Scenes:
    """Images and what is in them.

    Parameters
    ----------
    files : of the images. targets : of each a dict with boxes and labels.
    """

    files: list[str]
    targets: list[dict[str, Any]]

    def take(self, rows: Sequence[int]) -> Scenes:
        """Some of the images."""
        return Scenes([self.files[row] for row in rows], [self.targets[row] for row in rows])

    @property
    def counts(self) -> dict[str, int]:
        """How many objects of each class there are, the most frequent first."""
        labels = Counter(str(label) for target in self.targets for label in target["labels"])
        return dict(sorted(labels.items(), key=lambda item: (-item[1], item[0])))


def read(options: Namespace) -> tuple[dict[str, Scenes], list[str]]:
    """The images for training, validation and test, and how they were split, in sentences.

    Parameters
    ----------
    options : of the command line.

    Raises
    ------
    InvalidData : a folder of no known format, broken files, too few images, a share where the folder has a split.
    """
    splits = {name: Scenes(*split) for name, split in read_detection_folder(options.data).items()}
    own, left = _own_splits(splits)
    for part, option in (("test", options.test), ("validation", options.validation)):
        if part in own and option is not None:
            remedy = f"Leave --{part} out: its {counted(len(own[part].files), 'image')} are used."
            raise InvalidData(problem(f"--{part}", f"none for {options.data!r}", str(option), remedy))
    parts = {name: own.get(name) for name in ("training", "validation", "test")}
    rest, drawn = own["training"], []
    for name, share in (("test", options.test or TEST), ("validation", options.validation or VALIDATION)):
        if parts[name] is None:
            rest, parts[name] = held_out(rest, share, derive(options.seed, name), options.data)
            drawn.append(name)
    parts["training"] = rest
    found = {name: part for name, part in parts.items() if part is not None}
    sizes = ", ".join(f"{len(part.files):,} for {name}" for name, part in found.items())
    how = f"those for {' and '.join(drawn)} drawn by seed {options.seed}" if drawn else "as the folder splits them"
    notes = [f"{sizes}; {how}"]
    if left:
        notes.append(f"splits that are not used: {', '.join(left)}")
    return found, notes


def held_out(scenes: Scenes, share: float, seed: int, source: str) -> tuple[Scenes, Scenes]:
    """Images to go on with, and a share of them that is held out; each class stays among those to go on with.

    Parameters
    ----------
    scenes : all. share : of them, in (0, 1). seed : of the draw. source : how an error names the data.

    Raises
    ------
    InvalidData : too few images.

    Examples
    --------
    >>> boxes = [{"boxes": [[0, 0, 9, 9]], "labels": [label]} for label in ("cat", "dog", "cat", "cat")]
    >>> kept, held = held_out(Scenes(["a", "b", "c", "d"], boxes), 0.5, 0, "pets")
    >>> len(kept.files), len(held.files), "b" in kept.files
    (2, 2, True)
    """
    n = len(scenes.files)
    if n < LEAST - 1:
        expected = f"at least {LEAST} images with boxes, for training, validation and test"
        raise InvalidData(problem(f"data {source!r}", expected, f"{counted(n, 'image')} to draw from"))
    wanted = min(max(1, round(n * share)), n - 1)
    images_of = Counter(label for target in scenes.targets for label in set(target["labels"]))
    held: list[int] = []
    for row in np.random.default_rng(seed).permutation(n).tolist():
        labels = set(scenes.targets[row]["labels"])
        if len(held) < wanted and all(images_of[label] > 1 for label in labels):
            held.append(row)
            images_of.subtract(labels)
    if not held:
        got = f"classes that are in one image each, in {counted(n, 'image')}"
        raise InvalidData(problem(f"data {source!r}", "an image that can be held out", got))
    chosen = set(held)
    return scenes.take([row for row in range(n) if row not in chosen]), scenes.take(sorted(held))


def in_words(parts: dict[str, Scenes], source: str) -> str:
    """How many images, objects and classes there are.

    Parameters
    ----------
    parts : as `read` gives them. source : what DATA said.
    """
    whole = joined(list(parts.values()))
    counts = whole.counts
    named = [f"{label} ({count:,})" for label, count in list(counts.items())[:LISTED]]
    more = f" and {len(counts) - LISTED} more" if len(counts) > LISTED else ""
    objects = counted(sum(counts.values()), "object")
    classes = counted(len(counts), "class", "classes")
    return f"{source}: {counted(len(whole.files), 'image')}, {objects} of {classes}: {', '.join(named)}{more}"


def joined(parts: Sequence[Scenes]) -> Scenes:
    """All images of some parts, each once.

    Parameters
    ----------
    parts : some.
    """
    known = {file: target for part in parts for file, target in zip(part.files, part.targets, strict=True)}
    return Scenes(list(known), list(known.values()))


def _own_splits(splits: dict[str, Scenes]) -> tuple[dict[str, Scenes], list[str]]:
    """The splits of a folder by our names, and the names of those that are not used.

    "train2017" is for training as "train" is; "trainval" where there is nothing else. Without any for training, all
    images are.
    """
    own: dict[str, str] = {}
    for part, start in (("training", "train"), ("validation", "val"), ("test", "test")):
        names = [name for name in splits if name.lower().startswith(start) and not name.lower().startswith("trainval")]
        if names:
            own[part] = start if start in names else names[0]
    both = [name for name in splits if name.lower().startswith("trainval")]
    if "training" not in own and both:
        own = {"training": both[0], **{part: name for part, name in own.items() if part == "test"}}
    if "training" not in own:
        return {"training": joined(list(splits.values()))}, []
    return {part: splits[name] for part, name in own.items()}, [name for name in splits if name not in own.values()]
