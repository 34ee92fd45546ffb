"""Objects in images at the command line: ``train FOLDER --task detect``, and ``check`` of the same."""

from __future__ import annotations

import ast
import inspect
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from netwright.checks import Diagnosis
from netwright.checks.forms.text import headline
from netwright.commands import run_folder
from netwright.commands.detection.data import Scenes, in_words, read
from netwright.commands.detection.folder import FILES, scores_text, write_run
from netwright.commands.networks import read_network, read_value
from netwright.commands.printing import say, show
from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.estimators.augmenting import augmentations_of
from netwright.report import DetectionEvaluation
from netwright.report.stored import FINDINGS
from netwright.report.words import counted
from netwright.train import Progress
from netwright.vision import YOLO, FasterRCNN

DETECTORS = {"yolo": YOLO, "faster-rcnn": FasterRCNN}
INTERRUPTED = 130
LINES = 20  # of progress, off a terminal, for runs of many epochs
ELSEWHERE = {
    "backbone": "--network",
    "validation": "--validation",
    "random_state": "--seed",
    "device": "--device",
    "verbose": "--quiet",
    "callbacks": None,
}
NOT_MEANT = {
    "target": "Leave it out: all classes of the folder are learned.",
    "text": "Leave it out.",
    "loss": "Leave it out: a detector has its own.",
    "image_size": "Say it as --options 'size=256', the pixels of the long side.",
}


class Ending:
    """A callback: remembers whether the user stopped the run."""

    interrupted = False

    def on_fit_end(self, run: Any) -> None:
        """Look how the run ended."""
        self.interrupted = run.interrupted


def meant(options: Namespace) -> bool:
    """Whether the options are about objects in images.

    Parameters
    ----------
    options : of the command line.

    Raises
    ------
    InvalidParameter : an option of detectors for another task.
    """
    if options.task == "detect":
        return True
    for name in ("detector", "options"):
        if getattr(options, name) is not None:
            remedy = "Add it, or leave the option out."
            raise InvalidParameter(problem(f"--{name}", "--task detect beside it", f"--task {options.task}", remedy))
    return False


def train(options: Namespace) -> int:
    """Train a detector, and write the folder of the run; 130 where Ctrl-C ended the training.

    Parameters
    ----------
    options : of the command line.

    Raises
    ------
    InvalidData, InvalidParameter : a folder, a file or an option that cannot be.
    """
    begin = time.perf_counter()
    detector = detector_for(options)  # before the data, which may take a while to read
    parts, notes = read(_folder_of(options))
    if not options.quiet:
        _tell_begin(detector, parts, notes, options)
    detector.set_params(validation=(parts["validation"].files, parts["validation"].targets))
    ending = Ending()
    progress = [] if options.quiet else [Progress(every=max(1, detector.epochs // LINES))]
    detector.set_params(callbacks=[ending, *progress])
    name = Path(options.data).resolve().name or "images"
    folder = run_folder.choose_folder(options, name)
    with run_folder.in_training(folder, detector, options):
        detector.fit(parts["training"].files, parts["training"].targets)
    evaluation = write_run(folder, detector, parts, options, time.perf_counter() - begin)
    if options.quiet:
        print(folder)
    else:
        _tell_end(detector, evaluation, folder, ending.interrupted)
    if ending.interrupted:
        return INTERRUPTED
    run_folder.end_training(folder)
    return 0


def examined(options: Namespace) -> tuple[Diagnosis, str]:
    """What the checks find in the training that `train` would make, and what was examined, in words.

    Parameters
    ----------
    options : of the command line.
    """
    detector = detector_for(options)
    parts, _ = read(_folder_of(options))
    training = parts["training"]
    found = detector.check(training.files, training.targets, imbalanced=options.imbalanced, ignore=options.ignore)
    return found, f"{options.data}: objects in images, {counted(len(training.files), 'image')} for training"


def detector_for(options: Namespace) -> Any:
    """The unfitted detector that the options describe.

    Parameters
    ----------
    options : of the command line.

    Raises
    ------
    InvalidParameter : an option that is not for detectors, or that a detector does not have.
    """
    for name, remedy in NOT_MEANT.items():
        if getattr(options, name, None) is not None:
            raise InvalidParameter(problem(f"--{name.replace('_', '-')}", "none for --task detect", "it", remedy))
    if options.precision != "auto":
        raise InvalidParameter(problem("--precision", "none for --task detect", options.precision, "Leave it out."))
    kind = DETECTORS[options.detector or "yolo"]
    augmentations_of(options.augment, "--augment") if options.augment else None
    said = {
        "backbone": None if options.network is None else read_network(options.network),
        "optimizer": read_value(options.optimizer, "optimizer", "--optimizer"),
        "regularizer": read_value(options.regularizer, "regularizer", "--regularizer"),
        "augment": options.augment,
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "patience": options.patience,
    }
    chosen = {name: item for name, item in said.items() if item is not None}
    more = read_options(options.options, kind)
    for name in more:
        if name in chosen:
            option = f"--{name.replace('_', '-')}"
            raise InvalidParameter(problem("--options", f"{name} once", f"it and {option}", "Leave one out."))
    return kind(**chosen, **more, device=options.device, random_state=options.seed)


def read_options(text: str | None, kind: type[Any]) -> dict[str, Any]:
    """The options of a detector in a text such as ``size=256, scales=2``; code in it, such as Flip(), stays a text.

    Parameters
    ----------
    text : what the user wrote, None for nothing. kind : the class of the detector.

    Raises
    ------
    InvalidParameter : a text of another form, or a name that is no option of the detector.

    Examples
    --------
    >>> read_options("size=256, anchors=[[20, 30]], augment=Flip(0.5)", YOLO)
    {'size': 256, 'anchors': [[20, 30]], 'augment': 'Flip(0.5)'}
    """
    if text is None:
        return {}
    try:
        node = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        node = None
    if not isinstance(node, ast.Call) or node.args or any(keyword.arg is None for keyword in node.keywords):
        raise InvalidParameter(problem("--options", "options such as 'size=256, scales=2'", shown(text)))
    known = [name for name in inspect.signature(kind).parameters if name not in ELSEWHERE]
    found = {}
    for keyword in node.keywords:
        name = str(keyword.arg)
        if name not in known:
            elsewhere = ELSEWHERE.get(name)
            remedy = f"Say it as {elsewhere}." if elsewhere else did_you_mean(name, known)
            raise InvalidParameter(problem("--options", f"options of {kind.__name__}", repr(name), remedy))
        try:
            found[name] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError):
            found[name] = ast.unparse(keyword.value)
    return found


def _folder_of(options: Namespace) -> Namespace:
    """The options, whose DATA is a folder."""
    path = Path(options.data)
    if not path.is_dir():
        got = "a file" if path.exists() else "nothing of that name"
        remedy = "Give the folder in which images and annotations lie."
        raise InvalidData(problem(f"data {options.data!r}", "a folder of images with boxes", got, remedy))
    return options


def _tell_begin(detector: Any, parts: dict[str, Scenes], notes: list[str], options: Namespace) -> None:
    say("data", in_words(parts, options.data))
    say("task", "detection of objects: their boxes and classes (--task detect)")
    say("images", notes)
    say("model", repr(detector))
    print(flush=True)


def _tell_end(detector: Any, evaluation: DetectionEvaluation, folder: Path, interrupted: bool) -> None:
    """The scores and what was written."""
    scores, n = evaluation.scores, counted(len(evaluation.files), "test image")
    epochs = f"{detector.n_iter_} of {counted(detector.epochs, 'epoch')}"
    best = f"; the weights are those of epoch {detector.best_epoch_}" if detector.patience is not None else ""
    print()
    say("stopped" if interrupted else "trained", f"{epochs}{best}")
    say("test", f"mAP@0.5 {scores.map_50:.4f}, mAP@[.5:.95] {scores.map:.4f}, of {n}")
    for name, dropped in (("training", detector.dropped_), ("test", evaluation.dropped)):
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in dropped.items())
        if kinds:
            say("boxes", f"left out of those for {name}: {kinds}")
    show(scores_text(evaluation))
    say("written", [str(folder / name) for name in FILES if (folder / name).exists()])
    faults = detector.diagnosis_.faults
    if faults:
        print()
        say("faults" if len(faults) > 1 else "fault", [headline(each.to_dict()) for each in faults])
        page = folder / run_folder.REPORT
        say("", f"What was seen, and what to do: {page if page.exists() else folder / FINDINGS}")
