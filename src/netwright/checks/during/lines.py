"""Lines of the user's loop."""

from __future__ import annotations

import sys

PACKAGE = "netwright.checks"


def line() -> str | None:
    """The line of the user's that led here, as ``file:line``; None where there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith((PACKAGE, "torch.")) or name.startswith(f"{PACKAGE}.faults"):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
