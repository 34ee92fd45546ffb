"""``netwright summary NETWORK|MODEL``: the table of a network, from its text, its name, or a model file."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from netwright import layers, losses, optim
from netwright.commands.networks import read_network
from netwright.commands.printing import say, show
from netwright.commands.run_folder import model_path
from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.core.value import from_json
from netwright.graph import Chain, Expression, Input, begins_with_input, close, join
from netwright.models.pattern_text import is_pattern
from netwright.plots import network_svg

KNOWN = (layers, losses, optim)  # loaded so that files may name what they hold


def run(options: Namespace) -> int:
    """Run the command."""
    if _is_file(options.network):
        path = model_path(options.network)
        manifest = storage.read_manifest(path)
        network = network_in(manifest, path)
        say("file", f"{path}: a {manifest['kind']}, written by netwright {manifest['versions'].get('netwright', '?')}")
    else:
        network = read_network(options.network, input_shape=options.input)
    network = _closed(network, options.input)
    say("network", repr(network))
    show(str(network.summary(explain=options.explain)))
    if options.svg:
        network_svg(network).save(options.svg)
        say("diagram", options.svg)
    return 0


def _is_file(text: str) -> bool:
    """Whether a text names a file, there or not; code and patterns are none, and may be too long for a name."""
    if "(" in text or is_pattern(text):
        return os.path.exists(text)  # unlike Path.exists, also of names that no file can have
    separators = tuple(filter(None, (os.sep, os.altsep)))
    return text.endswith(".nw") or any(mark in text for mark in separators) or os.path.exists(text)


def network_in(manifest: dict[str, Any], path: Path) -> Expression:
    """The network that a model file names, with nothing of the model built.

    Parameters
    ----------
    manifest : of the file. path : of the file, for the message.

    Raises
    ------
    CorruptFile : a file without one.
    """
    content = manifest["content"]
    held = content.get("network") if isinstance(content, dict) else None
    network = from_json(held)
    if not isinstance(network, Expression):
        got = f"a file of kind {manifest['kind']!r}"
        raise CorruptFile(problem(str(path), "a file with a network", got, "Give the model file of the run."))
    return network


def _closed(network: Expression, shape: tuple[int, ...] | None) -> Expression:
    """The network with an `Input`."""
    if begins_with_input(network):
        if shape is not None and network.input_shape != shape:
            got = f"--input {','.join(map(str, shape))}"
            remedy = "Leave --input out."
            raise InvalidParameter(problem("--input", f"the network's own {network.input_shape}", got, remedy))
        return network
    if shape is None and isinstance(network, Chain) and network.card is not None and network.card.input_shape:
        return close(network)  # a named architecture knows its own
    if shape is None:
        remedy = "Add --input SHAPE, such as --input 1,28,28, or begin it with Input(...)."
        raise InvalidParameter(problem("summary", "a network that begins with Input", shown(network), remedy))
    return join(Input(*shape), network)
