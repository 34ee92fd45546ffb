"""`to_torch_source`: a network as a module of torch that stands alone."""

from __future__ import annotations

import re
import textwrap

import torch

from netwright import __version__
from netwright.core.errors import InvalidParameter, problem
from netwright.graph.building import build
from netwright.graph.expression import Expression, ability, close
from netwright.graph.source.code import WIDTH
from netwright.graph.source.nodes import classes_of
from netwright.graph.source.reading import Reader

_MOST = 30  # lines of the network in the docstring
_UNFINISHED = re.compile(r"(?m)^( *)def (\w+)\(\n\s+([^\n]*[^,\n])\n\s*\):")


@ability
def to_torch_source(expression: Expression) -> str:
    """A network as Python code: a class ``Net`` that needs torch and nothing else.

    The parts have the names of the summary, so that ``net.load_state_dict(module.state_dict())`` takes the weights of
    the module that the network builds, and gives the same numbers. Layers that torch does not have are written out as
    classes of their own, without the checks of what comes in.

    Parameters
    ----------
    expression : a closed network.

    Raises
    ------
    JoinError : an open network.
    InvalidParameter : a layer that cannot be written out, with its place: one of yours, or a `CRF`.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU, Softmax
    >>> print(to_torch_source(Input(4) >> ReLU(8) >> Softmax(3)).split("class ", 1)[1])
    Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu1 = nn.Sequential(OrderedDict(linear=nn.Linear(4, 8), activation=nn.ReLU()))
            self.softmax1 = nn.Sequential(OrderedDict(linear=nn.Linear(8, 3), activation=nn.Softmax(dim=-1)))
    <BLANKLINE>
        def forward(self, x):
            x = self.relu1(x)
            return self.softmax1(x)
    <BLANKLINE>
    """
    network = close(expression)
    module = _built(network)
    reader = Reader()
    root = reader.network(module)
    copies = reader.copies
    classes = list(classes_of(root, set(copies.texts) | {"Tensor", "OrderedDict", "SimpleNamespace"}))
    text = "\n\n\n".join([*_definitions(copies.texts), *classes])
    source = f"{_docstring(network)}\n\n{_imports(copies.imports, text)}\n\n\n{text}\n"
    source = _UNFINISHED.sub(_joined, source)
    _expect_same(source, module)
    return source


def _built(network: Expression) -> torch.nn.Module:
    """The module without memory for its weights; with them where it holds tables that are no weights."""
    with torch.device("meta"):
        module = build(network)
    hidden = any(part._non_persistent_buffers_set for part in module.modules())
    return build(network) if hidden else module


def _definitions(texts: dict[str, str]) -> list[str]:
    """Constants and functions, constants that name functions after them."""
    lines = [text for text in texts.values() if not text.startswith(("def ", "class ", "@"))]
    others = [text.strip() for text in texts.values() if text.startswith(("def ", "class ", "@"))]
    return [*others, *(["\n".join(lines)] if lines else [])]


def _imports(found: set[str], text: str) -> str:
    """The import statements, those of the standard library first."""
    wanted = {*found, "from torch import nn"}
    if "torch." in text.replace("nn.", ""):
        wanted.add("import torch")
    if "OrderedDict(" in text:
        wanted.add("from collections import OrderedDict")
    if "from torch import Tensor" in wanted:
        wanted -= {"from torch import Tensor", "from torch import nn"}
        wanted.add("from torch import Tensor, nn" if re.search(r"\bTensor\b", text) else "from torch import nn")
    own = sorted((line for line in wanted if " torch" in line), key=lambda line: (line.startswith("from"), line))
    others = sorted(wanted - set(own), key=lambda line: (line.startswith("from"), line))
    return "\n".join([*others, *([""] if others else []), *own])


def _docstring(network: Expression) -> str:
    lines = textwrap.wrap(repr(network), WIDTH - 4, break_long_words=False)
    lines = lines if len(lines) <= _MOST else [*lines[:_MOST], "..."]
    shape = f"{network.input_shape} -> {network.output_shape}"
    written = "\n".join(f"    {line}" for line in lines)
    about = (
        f"Written out by netwright {__version__}. One sample is {shape}. The weights of the module that the network "
        "builds fit: Net().load_state_dict(module.state_dict())."
    )
    about = textwrap.fill(about, WIDTH)
    quotes = 'r"""' if "\\" in written else '"""'
    return f'{quotes}A network as a module of torch.\n\n{written}\n\n{about}\n"""'


def _joined(match: re.Match[str]) -> str:
    line = f"{match[1]}def {match[2]}({match[3].strip()}):"
    return line if len(line) <= WIDTH else match[0]


def _expect_same(source: str, module: torch.nn.Module) -> None:
    """Run the code and compare the names and shapes of the weights."""
    scope: dict[str, object] = {"__name__": "written"}
    exec(compile(source, "to_torch_source", "exec"), scope)
    with torch.device("meta"):
        made = scope["Net"]()  # type: ignore[operator]
    shapes = [{name: tuple(each.shape) for name, each in some.state_dict().items()} for some in (module, made)]
    if shapes[0] != shapes[1]:
        strange = sorted(set(shapes[0].items()) ^ set(shapes[1].items()))[0]
        raise InvalidParameter(problem("to_torch_source", "the same weights as the network", f"{strange[0]} differs"))
