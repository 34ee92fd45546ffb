"""``netwright style CONTENT STYLE``: a picture that shows what one image shows, painted as another one is."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from netwright.commands.networks import read_network
from netwright.commands.printing import say
from netwright.core.errors import InvalidParameter, problem
from netwright.data.images import SUFFIXES
from netwright.vision.style.transfer import StyleTransfer

OPTIONS = ("size", "steps", "levels", "alpha", "beta", "tv", "style_scale", "start", "weights", "optimizer", "device")


def run(options: Namespace) -> int:
    """Run the command."""
    output = _output(options)
    given: dict[str, Any] = {name: getattr(options, name) for name in OPTIONS if getattr(options, name) is not None}
    if options.network is not None:
        given["network"] = read_network(options.network)
    transfer = StyleTransfer(keep_colors=options.keep_colors, random_state=options.seed, **given)
    style = options.style[0] if len(options.style) == 1 else options.style
    begin = time.perf_counter()
    made = transfer(options.content, style, blend=options.blend, mask=options.mask, every=options.every)
    pictures = made if isinstance(made, list) else [made]
    for number, picture in enumerate(pictures[:-1], start=1):
        _write(picture, output.with_name(f"{output.stem}-{number}{output.suffix}"))
    _write(pictures[-1], output)
    height, width = pictures[-1].shape[:2]
    falls = [f"{losses[0]:.3g} to {losses[-1]:.3g}" for losses in transfer.losses_]
    sizes = [f"{size[1]} x {size[0]}" for size in transfer.sizes_]
    say("cost", ", ".join(f"{size}: {fall}" for size, fall in zip(sizes, falls, strict=True)))
    say("picture", f"{output}: {width} x {height}, {time.perf_counter() - begin:.0f} s")
    return 0


def _output(options: Namespace) -> Path:
    """Where the picture goes, which must be the name of an image."""
    if options.output is None:
        return Path(f"{Path(options.content).stem}-{Path(options.style[0]).stem}.png")
    path = Path(options.output)
    if path.suffix.lower() not in SUFFIXES:
        expected = f"a name that ends in one of {' '.join(SUFFIXES)}"
        raise InvalidParameter(problem("--output", expected, repr(options.output), f"Write {path.stem}.png."))
    return path


def _write(picture: Any, path: Path) -> None:
    """Write an image file."""
    from PIL import Image

    Image.fromarray(picture).save(path)
