"""``netwright report RUN``: write the report of a run anew, from what its folder has."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from netwright.commands.run_folder import REPORT
from netwright.report import write_report


def run(options: Namespace) -> int:
    """Run the command."""
    path = Path(options.run) / REPORT if options.out is None else Path(options.out)
    write_report(options.run, path)
    print(path)
    return 0
