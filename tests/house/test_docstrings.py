"""Every public name has a one-line summary, all its parameters, and, where it is something to use, an example."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from typing import Any

import pytest

EXAMPLES = {"layers", "losses", "optim", "estimators", "classical"}
EXAMPLE_LINES = 10
# The sections in which a parameter may stand: of a result that users read and never make, the attributes are enough.
PARAMETER_SECTIONS = ("Parameters", "Attributes")


def public_thing(public: Any) -> Any:
    """The class or function of a public name; constants and type aliases have no docstring of their own."""
    thing = getattr(importlib.import_module(f"netwright.{public.room}"), public.name)
    return thing if inspect.isclass(thing) or inspect.isroutine(thing) else None


def own_docstring(thing: Any) -> str:
    """The docstring that the author wrote: not an inherited one, not the signature that dataclasses put there."""
    text = thing.__dict__.get("__doc__") if inspect.isclass(thing) else thing.__doc__
    name = getattr(thing, "__name__", "")
    generated = dataclasses.is_dataclass(thing) and (text or "").startswith(f"{name}(")
    return "" if text is None or generated else inspect.cleandoc(text)


def sections(text: str) -> dict[str, str]:
    """The text below each underlined heading; the summary and what follows it under ""."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented_parameters(text: str) -> set[str]:
    """The names before the colon at the margin of the sections of parameters: ``low, high : the bounds``."""
    found: set[str] = set()
    for heading in PARAMETER_SECTIONS:
        for line in sections(text).get(heading, "").splitlines():
            names = re.match(r"(\*{0,2}\w+(?:, *\*{0,2}\w+)*) *(?::|$)", line)
            if names:
                found.update(name.strip().lstrip("*") for name in names[1].split(","))
    return found


def examples(text: str) -> list[str]:
    """The lines of the Examples section that are code."""
    lines = [line.strip() for line in sections(text).get("Examples", "").splitlines()]
    return [line for line in lines if line.startswith((">>>", "..."))]


def test_summary_is_one_line(public: Any) -> None:
    thing = public_thing(public)
    if thing is None:
        return
    lines = own_docstring(thing).splitlines()
    assert lines, f"{public.room}.{public.name} has no docstring of its own"
    assert lines[0].endswith((".", ":")), (
        f"{public.room}.{public.name}: the summary is one line and ends in a full stop"
    )
    assert len(lines) == 1 or not lines[1], f"{public.room}.{public.name}: an empty line follows the summary"


def test_every_parameter_is_documented(public: Any) -> None:
    thing = public_thing(public)
    if thing is None or inspect.isabstract(thing):
        return
    names = list(inspect.signature(thing).parameters)
    missing = [name for name in names if name not in documented_parameters(own_docstring(thing))]
    assert not missing, f"{public.room}.{public.name}: the section Parameters lacks {missing}"


def test_no_parameter_is_documented_that_does_not_exist(public: Any) -> None:
    thing = public_thing(public)
    if thing is None:
        return
    signature = inspect.signature(thing).parameters
    listed = sections(own_docstring(thing)).get("Parameters", "")
    ghosts = documented_parameters(f"Parameters\n---\n{listed}") - set(signature)
    assert not ghosts, f"{public.room}.{public.name}: no such parameters: {sorted(ghosts)}"


def test_things_to_use_have_an_example(public: Any) -> None:
    thing = public_thing(public)
    if public.room not in EXAMPLES or thing is None or inspect.isabstract(thing):
        return
    lines = examples(own_docstring(thing))
    assert lines, f"{public.room}.{public.name}: a section Examples with >>> is missing"
    assert len(lines) <= EXAMPLE_LINES, f"{public.room}.{public.name}: the example has {len(lines)} lines"


def test_every_module_has_a_header(source: Any) -> None:
    if not source.text.strip():
        pytest.skip("an empty __init__")
    first = source.tree.body[0]
    assert getattr(getattr(first, "value", None), "value", None), f"{source.label}: the file begins with its docstring"


def test_the_reader_of_docstrings() -> None:
    parameters = "Parameters\n----------\nlow, high : the bounds,\n    in metres : both.\n*rest : more.\n"
    raises = "Raises\n------\nE : never.\n"
    text = f"A layer.\n\n{parameters}\n{raises}\nExamples\n--------\n>>> 1 + (\n...     1)\n2\n"
    assert documented_parameters(text) == {"low", "high", "rest"}
    assert examples(text) == [">>> 1 + (", "...     1)"]
