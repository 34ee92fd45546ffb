"""The code of the pages is run while the site is built, and what it prints and draws is shown below it.

Every block ```` ```python ```` of a Markdown page is run, all blocks of a page in one namespace and one empty folder;
so are the lines of blocks ```` ```sh ```` that begin with ``netwright``. Below a block stand the text that it printed,
the value of its last line, as in a notebook, and the pictures that it drew. So no output on the site was typed by hand.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
FOLDER = "_executed"  # of the pictures, below the folder of the pages
WIDTH = 108  # characters of a line of output
SHARP = 2.0  # pixels of a picture for each pixel of the page


class Page:
    """One page that is being run: its namespace, its folder, its pictures."""

    def __init__(self, name: str, pictures: Path) -> None:
        self.name = name
        self.pictures = pictures
        self.count = 0
        self.namespace: dict[str, Any] = {"__name__": name}

    def run(self, language: str, body: str) -> list[str]:
        """Run a block; gives what stands below it, as Markdown."""
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            value = self._python(body) if language == "python" else self._commands(body)
        parts = [_literal(stream.getvalue())] if stream.getvalue().strip() else []
        drawn = list(figures_in(value))
        if drawn:
            return parts + [self._picture(figure) for figure in drawn]
        if _tells(value):
            parts.append(_literal(repr(value)))
        return parts

    def _python(self, body: str) -> Any:
        """Run Python; gives the value of the last line if it is an expression."""
        tree = ast.parse(body)
        last = (
            ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
        )
        where = f"<{self.name}>"
        exec(compile(tree, where, "exec", dont_inherit=True), self.namespace)
        return (
            eval(compile(last, where, "eval", dont_inherit=True), self.namespace)
            if last
            else None
        )

    def _commands(self, body: str) -> None:
        """Run the lines that begin with netwright."""
        from netwright.cli import main

        for words in commands(body):
            print(f"$ netwright {shlex.join(words)}")
            with warnings.catch_warnings(), contextlib.suppress(SystemExit):
                main(words)

    def _picture(self, figure: Any) -> str:
        """Write a picture; gives the directive that shows it."""
        self.count += 1
        self.pictures.mkdir(parents=True, exist_ok=True)
        stem = f"{self.name.replace('/', '-')}-{self.count}"
        if isinstance(figure, str):
            path, width = self.pictures / f"{stem}.svg", None
            path.write_text(figure, encoding="utf-8")
        else:
            path, width = self.pictures / f"{stem}.png", round(figure.get_figwidth() * 96)
            figure.savefig(path, dpi=96 * SHARP)
        options = [
            "class: drawn",
            f"alt: what the code above draws ({stem})",
            *([f"width: {width}px"] if width else []),
        ]
        return "\n".join(
            [
                "```{image} " + f"/{FOLDER}/{path.name}",
                *(f":{option}" for option in options),
                "```",
            ]
        )


def commands(body: str) -> list[list[str]]:
    """The words of each ``netwright ...`` line of a block; a backslash continues a line."""
    lines = body.replace("\\\n", " ").splitlines()
    return [
        shlex.split(line, comments=True)[1:] for line in lines if line.startswith("netwright ")
    ]


def figures_in(value: Any) -> Iterator[Any]:
    """The figures of a value: an Axes, an array of them, a Figure, or the text of an SVG picture."""
    if isinstance(value, str):
        if value.startswith("<svg"):
            yield value
        return
    if isinstance(value, np.ndarray):
        seen = {id(figure): figure for item in value.ravel() for figure in figures_in(item)}
        yield from seen.values()
        return
    if hasattr(value, "get_figwidth"):
        yield value
    elif hasattr(value, "get_figure") and hasattr(value, "get_xlim"):
        yield value.get_figure(root=True)


def _tells(value: Any) -> bool:
    """Whether the value of a last line is worth showing; an estimator that `fit` gives back is not."""
    return (
        value is not None
        and not hasattr(value, "get_params")
        and "matplotlib" not in type(value).__module__
    )


def _literal(text: str) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).rstrip().splitlines()
    wrapped = [
        part
        for line in lines
        for part in ([line] if len(line) <= WIDTH or "  " in line else _wrapped(line))
    ]
    return "\n".join(["```{code-block} text", ":class: output", "", *wrapped, "```"])


def _wrapped(line: str) -> list[str]:
    """A line that is too long for the page; tables, which have columns, are left as they are."""
    return textwrap.wrap(
        line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def with_outputs(name: str, text: str, pictures: Path) -> str:
    """A page's text with the outputs of its blocks below them."""
    page = Page(name, pictures)

    def run(match: re.Match[str]) -> str:
        return "\n\n".join([match.group(0), *page.run(match.group(1), match.group(2))])

    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return BLOCK.sub(run, text)
        finally:
            os.chdir(before)


def _on_source_read(app: Any, docname: str, content: list[str]) -> None:
    if app.env.doc2path(docname).suffix == ".md" and BLOCK.search(content[0]):
        try:
            content[0] = with_outputs(docname, content[0], Path(app.srcdir) / FOLDER)
        except Exception as error:
            raise RuntimeError(f"{docname}: a block of its code fails: {error!r}") from error


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("source-read", _on_source_read)
    return {"parallel_read_safe": False}


if (
    __name__ == "__main__"
):  # python docs/_ext/executed.py docs/guide/networks.md: a page with its outputs
    print(
        with_outputs(
            "page", Path(sys.argv[1]).read_text(encoding="utf-8"), Path(tempfile.mkdtemp())
        )
    )
