"""The options of ``netwright tune``; this file, too, loads neither torch nor NumPy."""

from __future__ import annotations

import argparse

from netwright.commands.argument_types import count

SUMMARY = "search the options of a training, and write the best model with a table of all trials"
EXAMPLES = (
    "tune titanic.csv --target Survived --trials 60 --workers 4",
    "tune digits --space 'optimizer__lr=log_uniform(1e-4, 1e-1)' 'batch_size=[32, 64, 128]'",
    "tune houses.csv --target price --storage houses.journal --method tpe --pruning 'successive halving'",
    "tune digits --space \"network=varied('INPUT -> FC{width} -> RELU -> FC', width=2 ** integers(4, 9))\"",
)


def add_search(parser: argparse.ArgumentParser) -> None:
    """Say what is searched, and how."""
    search = parser.add_argument_group("search")
    search.add_argument(
        "--space",
        metavar="NAME=RANGE",
        nargs="+",
        action="extend",
        default=[],
        help="uniform(a, b), log_uniform(a, b), integers(a, b), 10 ** uniform(-6, 1), 2 ** integers(4, 9), a list of "
        "choices, or varied('text with {name}', name=RANGE) (default: rate, penalty, batch size, and unless --network "
        "is given, its width, depth and dropout)",
    )
    search.add_argument("--trials", metavar="N", type=count, default=40, help="in all processes together (default: 40)")
    search.add_argument(
        "--stages",
        choices=("coarse-fine", "one"),
        default="coarse-fine",
        help="short trials over the whole space and then long ones round the best, or one kind (default: coarse-fine)",
    )
    search.add_argument(
        "--coarse-epochs", metavar="N", type=count, default=5, help="of a coarse trial, at most (default: 5)"
    )
    search.add_argument("--method", choices=("random", "tpe"), default="random", help="(default: random)")
    search.add_argument(
        "--pruning",
        choices=("successive halving", "median"),
        help="end trials that are behind others at the same epoch (default: none)",
    )
    search.add_argument("--scoring", metavar="NAME", help="a score of scikit-learn's (default: accuracy, or R2)")
    search.add_argument("--workers", metavar="N", type=count, default=1, help="processes that run trials (default: 1)")
    search.add_argument(
        "--synchronous", metavar="K", type=count, help="draw K trials together, for any number of workers the same"
    )
    search.add_argument(
        "--storage",
        metavar="FILE|URL",
        help="journal file or database: the same command goes on where the last one ended, and shares the trials",
    )
