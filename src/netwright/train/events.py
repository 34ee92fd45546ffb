"""Events: the closed list of moments at which a training run calls its callbacks.

A callback is any object with one or more of these methods, each taking the run (see `netwright.train.run.Run`); a
plain function is called at the end of every epoch. Callbacks are sorted by event before the run begins, so a moment
that nobody listens to costs nothing.

================= ===========================================================
`on_fit_start`     before the first epoch
`on_epoch_start`   before the first batch of an epoch
`on_batch_start`   before the forward pass
`on_gradients`     gradients are there, the update is not made yet; not told of rules that evaluate the loss themselves
`on_batch_end`     after the update
`on_epoch_end`     losses and scores of the epoch are known
`on_fit_end`       at the end, also after an interruption
================= ===========================================================

A callback ends the run by ``run.stop = True``; nothing else that it does changes the course of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from netwright.core.errors import InvalidParameter, did_you_mean, problem

EVENTS = (
    "on_fit_start",
    "on_epoch_start",
    "on_batch_start",
    "on_gradients",
    "on_batch_end",
    "on_epoch_end",
    "on_fit_end",
)

Hook = Callable[[Any], object]


def listeners(callbacks: Iterable[Any]) -> dict[str, list[Hook]]:
    """The methods to call at each event, in the order of the callbacks.

    Parameters
    ----------
    callbacks : objects with methods named after events, or functions of the run.

    Raises
    ------
    InvalidParameter : a callback that listens to no event, or to one that does not exist.

    Examples
    --------
    >>> listeners([lambda run: None])["on_epoch_end"]
    [<function <lambda> at ...>]
    """
    table: dict[str, list[Hook]] = {event: [] for event in EVENTS}
    for callback in callbacks:
        heard = [name for name in dir(callback) if name.startswith("on_")]
        if not heard and callable(callback) and not isinstance(callback, type):
            table["on_epoch_end"].append(callback)
            continue
        unknown = [name for name in heard if name not in EVENTS]
        if unknown or not heard or isinstance(callback, type):
            got = repr(unknown[0]) if unknown else repr(callback)
            remedy = did_you_mean(unknown[0], EVENTS) if unknown else f"The events are: {', '.join(EVENTS)}."
            raise InvalidParameter(
                problem("callbacks", "instances with methods named after events, or functions", got, remedy)
            )
        for name in heard:
            table[name].append(getattr(callback, name))
    return table


def tell(hooks: list[Hook], run: Any) -> None:
    """Call the listeners of one event.

    Parameters
    ----------
    hooks : as `listeners` gave them for the event.
    run : what they are told of.
    """
    for hook in hooks:
        hook(run)
