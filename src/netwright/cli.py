"""The command line: ``netwright train | tune | check | predict | summary | style | report | inspect | verify ...``.

This file knows the options and nothing else, so that ``netwright --help`` loads neither torch nor NumPy; what a command
does is in `netwright.commands`, a file each, which is loaded when it is called.

============= ========================================================================
exit status   meaning
============= ========================================================================
0             done; of `check`: no fault
1             `check` found a fault
2             the input was wrong: a line on standard error says what to do (three of a pattern)
130           Ctrl-C; what was trained by then has been written
============= ========================================================================
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from netwright import __version__
from netwright.commands import model_file, style_options
from netwright.commands.argument_types import count, image_size, seed, shape, share
from netwright.commands.exporting import options as exporting
from netwright.commands.serving import options as serving
from netwright.commands.tune_options import EXAMPLES, SUMMARY, add_search
from netwright.core.errors import did_you_mean

FAMILIES = (
    "layers",
    "optimizers",
    "losses",
    "regularizers",
    "schedules",
    "init",
    "classical",
    "models",
    "plots",
    "augmentations",
    "data",
    "checks",
    "commands",
)
WRONG, INTERRUPTED = 2, 130
_NETWORK = "such as 'ReLU(64) >> Softmax(3)', or a pattern, 'INPUT -> CONV -> RELU -> FC' (default: chosen by data)"
_DATA = (
    "digits, mnist, a table (.csv .tsv .parquet .txt), a folder of images with one sub-folder a class, "
    "sentences to tag (.conllu .conll, also .gz), or for --task detect a folder of images with boxes"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    Parameters
    ----------
    argv : the words after ``netwright``; None takes those of the process.

    Examples
    --------
    >>> main(["list", "init"])  # doctest: +ELLIPSIS
    Constant       ...
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    options, unknown = parser.parse_known_args(words)
    if unknown:
        _refuse_unknown(options, unknown[0])
    if options.command is None:
        parser.print_help()
        return WRONG
    options.words, options.debug, options.parse = words, getattr(options, "debug", False), parser.parse_args
    options.commands = {name: summary for name, (_, summary, _, _) in COMMANDS.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        return _guarded(options)


def _guarded(options: argparse.Namespace) -> int:
    """Call the command; what the user did wrong becomes one line, what we did wrong stays a traceback."""
    try:
        status = int(import_module(COMMANDS[options.command][0]).run(options))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, ImportError) as error:
        if options.debug:
            raise
        _say(f"error: {_with_place(error)}")
        return WRONG


def _with_place(error: BaseException) -> str:
    """The text of an error on one line, and as it is what the last two may show: a text with carets under a place."""
    lines = str(error).splitlines()
    if len(lines) < 3 or not lines[-1].strip() or lines[-1].strip(" ^"):
        return _one_line(error)
    return "\n".join([" ".join(" ".join(lines[:-2]).split()), *lines[-2:]])


def _say(text: str) -> None:
    sys.stdout.flush()
    print(f"netwright: {text}", file=sys.stderr)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _show_warning(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
    _say(f"warning: {_one_line(message)}")


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Help as wide as the terminal, up to 100 characters."""
    width = min(shutil.get_terminal_size().columns, 100)
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=26, width=width)


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are one line and say what was meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_formatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        before, found, rest = message.partition("invalid choice: ")
        if found:
            wrong, _, choices = rest.partition(" (choose from ")
            listed = [choice.strip(" '") for choice in choices.rstrip(")").split(",")]
            message = f"{before}expected a known name, got {wrong}. {did_you_mean(wrong.strip(chr(39)), listed)}"
        _say(f"error: {_one_line(ValueError(message))}")
        print(f"See {self.prog} --help", file=sys.stderr)
        raise SystemExit(WRONG)


def _refuse_unknown(options: argparse.Namespace, word: str) -> NoReturn:
    """The error for an option that the command does not have."""
    if not word.startswith("-") or options.command is None:
        remedy = f"netwright {options.command or ''} --help lists what it takes."
    else:
        parser = Parser(prog=f"netwright {options.command}")
        COMMANDS[options.command][2](parser)
        remedy = did_you_mean(word.split("=")[0], [name for name in parser._option_string_actions if name[:2] == "--"])
    _say(f"error: {options.command or 'netwright'}: expected its own options, got {word!r}. {remedy}")
    raise SystemExit(WRONG)


def build_parser() -> Parser:
    """The parser of all commands."""
    common = Parser(add_help=False)
    common.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser = Parser(
        prog="netwright",
        description="Compose, train and see neural networks.",
        epilog="`netwright COMMAND --help` has the options and examples of a command.\n"
        "--debug before or after a command shows where an error comes from.",
        parents=[common],
    )
    parser.add_argument("--version", action="version", version=f"netwright {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    for name, (_, summary, fill, examples) in COMMANDS.items():
        epilog = "examples:\n" + "\n".join(f"  netwright {line}" for line in examples)
        description = f"{summary[0].upper()}{summary[1:]}."
        made = commands.add_parser(name, help=summary, description=description, epilog=epilog, parents=[common])
        fill(made)
    return parser


def _train(parser: argparse.ArgumentParser) -> None:
    _add_data(parser, nargs="?")
    _add_model(parser)
    _add_loop(parser)
    _add_output(parser)
    parser.add_argument("--resume", metavar="DIR", nargs="?", const="", help="go on with the run in DIR that was cut")
    parser.add_argument("--quiet", action="store_true", help="print the folder of the run and nothing else")
    parser.set_defaults(name=None)


def _tune(parser: argparse.ArgumentParser) -> None:
    add_search(parser)
    _train(parser)
    parser.set_defaults(validation=0.2)


def _check(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    _add_model(parser)
    _add_loop(parser)
    intent = parser.add_argument_group("what is meant so")
    intent.add_argument(
        "--ignore", metavar="CODE", nargs="+", action="extend", default=[], help="as `netwright list checks` has them"
    )
    intent.add_argument("--imbalanced", action="store_true", help="classes of very different size are no finding")
    output = parser.add_argument_group("output")
    output.add_argument("--format", choices=("text", "html", "json", "sarif"), default="text", help="(default: text)")
    output.add_argument("--out", metavar="FILE", help="file to write (default: standard output)")


def _add_data(parser: argparse.ArgumentParser, **more: Any) -> None:
    parser.add_argument("data", metavar="DATA", help=_DATA, **more)
    data = parser.add_argument_group("data")
    data.add_argument(
        "--target", metavar="COL", help="column to learn (default: the one named target, label, class or y)"
    )
    data.add_argument(
        "--task",
        choices=("auto", "classify", "regress", "tag", "detect"),
        default="auto",
        help="auto classifies text, booleans and few integer values, and regresses other numbers; it tags sentences; "
        "detect finds objects in images (default: auto)",
    )
    data.add_argument("--text", metavar="COL", help="column of a table that holds texts, to classify them by it alone")
    data.add_argument(
        "--test", metavar="SHARE", type=share, help="share of the rows held out for testing (default: 0.2)"
    )
    data.add_argument(
        "--validation",
        metavar="SHARE",
        type=share,
        help="share of the other rows that decides when to stop (default: 0.1, of tune 0.2)",
    )
    data.add_argument("--image-size", metavar="PIXELS", type=image_size, help="64 or 48x64 (default: the most common)")


def _add_model(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("model, as code or as a name that `netwright list` shows")
    model.add_argument("--network", metavar="EXPR", help=_NETWORK)
    model.add_argument("--loss", metavar="EXPR", help="such as 'Huber()' (default: cross-entropy, or MSE)")
    model.add_argument(
        "--optimizer", metavar="EXPR", help="such as 'SGD(cosine(0.1), momentum=0.9)' (default: by data)"
    )
    model.add_argument("--regularizer", metavar="EXPR", help="such as 'l2(1e-4)' (default: by data)")
    model.add_argument(
        "--augment", metavar="EXPR", help="of training images, such as 'Rotate(10), Shift(2)' (default: none)"
    )
    model.add_argument("--detector", choices=("yolo", "faster-rcnn"), help="for --task detect (default: yolo)")
    model.add_argument("--options", metavar="OPTIONS", help="of the detector, such as 'size=256, scales=2'")


def _add_loop(parser: argparse.ArgumentParser) -> None:
    loop = parser.add_argument_group("training")
    loop.add_argument(
        "--epochs",
        metavar="N",
        type=count,
        help="passes over the rows, at most (default: 200 for tables, 30 for images, 10 for mnist)",
    )
    loop.add_argument("--batch-size", metavar="N", type=count, help="rows in an update (default: 64)")
    loop.add_argument(
        "--patience",
        metavar="N",
        type=count,
        help="epochs without a better validation loss (default: 20 for tables, none for images)",
    )
    loop.add_argument(
        "--precision",
        choices=("auto", "float32", "float64", "bf16"),
        default="auto",
        help="number format of the computation (default: auto)",
    )
    loop.add_argument("--device", metavar="D", default="auto", help="auto, cpu, cuda, ... (default: auto)")
    loop.add_argument("--seed", metavar="N", type=seed, default=0, help="of splits, weights and order (default: 0)")


def _add_output(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument("--out", metavar="DIR", help="folder of the run (default: runs/<data name>-<number>)")
    output.add_argument("--force", action="store_true", help="replace the model in DIR if there is one")
    output.add_argument("--no-report", action="store_true", help="write no report.html")


def _predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model file, or the folder of a run")
    parser.add_argument(
        "data", metavar="DATA", nargs="+", help="digits, mnist, a table, images, a folder of images, or sentences"
    )
    parser.add_argument(
        "--out", metavar="FILE", help="file to write (default: standard output); of a detector a folder, with pictures"
    )
    parser.add_argument("--pictures", choices=("png", "svg"), help="of a detector, what is drawn (default: png)")
    parser.add_argument("--score", metavar="S", type=share, help="of a detector, the least score (default: 0.25)")
    parser.add_argument("--proba", action="store_true", help="add a column of probabilities for each class")


def _summary(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "network", metavar="NETWORK|MODEL", help="a network as code or pattern, a named model, or a model file"
    )
    parser.add_argument(
        "--input", metavar="SHAPE", type=shape, help="of one sample, such as 1,28,28, if it has no Input"
    )
    parser.add_argument("--explain", action="store_true", help="show how sizes, parameters and MACs come about")
    parser.add_argument("--svg", metavar="FILE", help="write the diagram of the network to this file")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument("--out", metavar="FILE", help="HTML file to write (default: RUN/report.html)")


def _list(parser: argparse.ArgumentParser) -> None:
    families = f"{', '.join(FAMILIES[:-1])} or {FAMILIES[-1]}"
    parser.add_argument("family", metavar="FAMILY", nargs="?", choices=FAMILIES, help=f"{families} (default: all)")


def _demo(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    parser.set_defaults(quiet=False)


Fill = Callable[[argparse.ArgumentParser], None]
COMMANDS: dict[str, tuple[str, str, Fill, tuple[str, ...]]] = {
    "train": (
        "netwright.commands.train",
        "train a network on data, score it on rows held out, and write a report",
        _train,
        (
            "train digits --epochs 5",
            "train digits --network 'INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC'",
            "train mnist --augment 'Rotate(10), Shift(2)' --epochs 20 --out runs/mnist",
            "train titanic.csv --target Survived",
            "train houses.csv --target price --network 'ReLU(64) >> Dropout(0.2) >> Linear(1)' --loss 'Huber()'",
            "train corpus.conllu --task tag --target upos",
            "train reviews.csv --text review --target stars",
            "train cells/ --task detect --options 'size=320' --augment 'Flip(), Color()' --epochs 100",
            "train photos/ --image-size 64 --optimizer 'AdamW(cosine(0.002))' --regularizer 'l2(1e-4)'",
        ),
    ),
    "tune": ("netwright.commands.tune", SUMMARY, _tune, EXAMPLES),
    "check": (
        "netwright.commands.check",
        "look for what would spoil a training, before it; takes the options of train, and ends with 1 for a fault",
        _check,
        (
            "check titanic.csv --target Survived",
            "check digits --network 'Flatten() >> Sigmoid(64) >> Softmax(10)' --optimizer 'SGD(5.0)' --ignore capacity",
            "check houses.csv --target price --format sarif --out findings.sarif",
        ),
    ),
    "predict": (
        "netwright.commands.predict",
        "predict with a trained model, as CSV; a tagger writes its sentences back, a detector draws its boxes",
        _predict,
        (
            "predict runs/corpus-1 new.conllu --out tagged.conllu",
            "predict runs/titanic-1 passengers.csv --proba",
            "predict model.nw photos/ --out predictions.csv",
            "predict runs/cells-1 one.jpg two.jpg --out found",
        ),
    ),
    "summary": (
        "netwright.commands.summary",
        "show the layers of a network: shapes, parameters, multiply-accumulates, receptive field",
        _summary,
        (
            "summary 'Input(1, 28, 28) >> Conv(32, 3) >> ReLU() >> Flatten() >> Softmax(10)'",
            "summary resnet18 --svg resnet18.svg",
            "summary lenet5 --input 1,32,32 --explain",
            "summary 'INPUT -> [[CONV -> RELU]*2 -> POOL]*3 -> [FC -> RELU]*2 -> FC10' --input 3,32,32",
            "summary runs/digits-1/model.nw",
        ),
    ),
    "style": ("netwright.commands.style", style_options.SUMMARY, style_options.add_style, style_options.EXAMPLES),
    "export": ("netwright.commands.exporting.command", exporting.SUMMARY, exporting.add_export, exporting.EXAMPLES),
    "serve": ("netwright.commands.serving.command", serving.SUMMARY, serving.add_serve, serving.EXAMPLES),
    "report": (
        "netwright.commands.report",
        "write the report of a run anew",
        _report,
        ("report runs/digits-1", "report runs/digits-1 --out digits.html"),
    ),
    "list": (
        "netwright.commands.listing",
        "list what there is: layers, optimizers, losses and so on",
        _list,
        ("list", "list layers", "list schedules"),
    ),
    "inspect": (model_file.__name__, model_file.INSPECT, model_file.add_inspect, model_file.INSPECT_EXAMPLES),
    "verify": (model_file.__name__, model_file.VERIFY, model_file.add_verify, model_file.VERIFY_EXAMPLES),
    "demo": (
        "netwright.commands.demo",
        "train a small convolutional network on real images of digits, in less than a minute",
        _demo,
        ("demo", "demo --out runs/first"),
    ),
}
