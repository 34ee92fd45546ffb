"""The form of a task: data, who learns from them, what is good, and what a trial kernel of the rule took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

OURS = "netwright"  # names of our own contenders begin with it


@dataclass(frozen=True)
class Task:
    """A row of the table.

    Attributes
    ----------
    name : what is learned, on which data, with which settings.
    data : makes the data; called once.
    contenders : by name; each takes the data and gives the function that is timed. It raises ImportError where its
        package is missing. What is not to be timed (imports, splitting, making an object) is done before it returns.
    quality : figures by name, of the data and what the timed function gave.
    limit : CPU seconds of a trial kernel of the same rule and quality, one thread, or None.
    known : CPU seconds of peers that cannot be installed any more, by name, as they were measured beside `limit`.
    runs : how often each is timed after its first call.
    """

    name: str
    data: Callable[[], Any]
    contenders: dict[str, Callable[[Any], Callable[[], Any]]]
    quality: Callable[[Any, Any], dict[str, float]]
    limit: float | None = None
    known: dict[str, float] = field(default_factory=dict)
    runs: int = 5
