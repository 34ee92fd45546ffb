"""The options of ``netwright serve``; this file loads neither torch nor NumPy."""

from __future__ import annotations

import argparse

from netwright.commands.argument_types import checked, count
from netwright.core.validation import integer, number

SUMMARY = "answer questions to a model over HTTP, with a page to try it on"
EXAMPLES = ("serve runs/digits-1", "serve model.nw --port 8080", "serve model.nw --host 0.0.0.0 --max-rows 100")

positive = checked(float, number(0, closed="neither"))


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Say what is served, where, and how much a client may ask."""
    parser.add_argument("model", metavar="MODEL", help="a model file, or the folder of a run")
    parser.add_argument("--sha256", metavar="HEX", help="of the model file, as its author told you")
    where = parser.add_argument_group("where")
    where.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="(default: 127.0.0.1, this machine only)")
    port = checked(int, integer(0, 65535))
    where.add_argument("--port", metavar="N", type=port, default=8000, help="0 takes a free one (default: 8000)")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-megabytes", metavar="X", type=positive, default=16.0, help="of a question (default: 16)")
    limits.add_argument("--max-rows", metavar="N", type=count, default=10_000, help="of a question (default: 10000)")
    limits.add_argument("--max-connections", metavar="N", type=count, default=64, help="at once (default: 64)")
    limits.add_argument("--timeout", metavar="S", type=positive, default=30.0, help="to ask in, seconds (default: 30)")
    parser.add_argument("--quiet", action="store_true", help="do not print a line for each question")
