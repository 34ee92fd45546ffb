"""What happens inside one forward pass: every activation with its place, whether a layer or a function made it.

A dispatch mode sees the operations below autograd, so ``nn.ReLU()``, ``F.relu(x)`` and ``x.relu_()`` all look alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

_KINDS = {
    "relu": "relu",
    "relu_": "relu",
    "clamp_min": "relu",
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
    "tanh": "tanh",
    "tanh_": "tanh",
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "bernoulli_": "dropout",
    "native_dropout": "dropout",
    "round": "step",
    "sign": "step",
    "argmax": "step",
    "floor": "step",
}
SMOOTH = ("gelu", "silu", "elu", "softplus", "hardtanh", "leaky_relu", "mish", "celu", "selu", "prelu", "rrelu")


@dataclass
class Operation:
    """One activation of a pass.

    Attributes
    ----------
    kind : "relu", "sigmoid", "tanh", "softmax", "log_softmax", "dropout", "step" or "other". path : of the module in
    which it happened. output : its values. input : what went in. own : whether the module is that activation alone.
    """

    kind: str
    path: str
    output: Tensor
    input: Tensor | None
    own: bool


class Pass(TorchDispatchMode):
    """Records the activations of a forward pass; enter it with `recorded`.

    Parameters
    ----------
    module : that is called. summary : of the kind and the values of an activation, kept in the place of the values.
    """

    def __init__(self, module: nn.Module, summary: Callable[[str, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.summary = summary
        self.operations: list[Operation] = []
        self.calls: list[tuple[str, nn.Module, Any]] = []  # every call of a module that has no children, with its input
        self._places: list[tuple[str, nn.Module]] = []
        self._names = {id(each): name for name, each in module.named_modules()}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        inside = args[0] if args and isinstance(args[0], Tensor) else None
        name = func.overloadpacket.__name__
        kind = _KINDS.get(name, "other" if name in SMOOTH else "")
        if kind and name.endswith("_") and inside is not None and kind != "dropout" and self.summary is None:
            inside = inside.detach().clone()
        result = func(*args, **(kwargs or {}))
        if kind:
            output = result[0] if isinstance(result, tuple) else result
            path, place = self._places[-1] if self._places else ("", None)
            own = place is not None and not list(place.children()) and not list(place.parameters())
            if self.summary is None:
                self.operations.append(Operation(kind, path, output.detach().clone(), inside, own))
            else:
                self.operations.append(Operation(kind, path, self.summary(kind, output.detach()), None, own))
        return result

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        path = self._names.get(id(module), type(module).__name__)
        self._places.append((path, module))
        if not list(module.children()):
            self.calls.append((path, module, inputs))

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._places.pop()


@contextmanager
def recorded(module: nn.Module) -> Iterator[Pass]:
    """Record what happens in the passes made inside.

    Parameters
    ----------
    module : a copy; it is hooked meanwhile.
    """
    seen = Pass(module)
    hooks = [handle for each in module.modules() for handle in (_before(each, seen), _after(each, seen))]
    try:
        with seen:
            yield seen
    finally:
        for handle in hooks:
            handle.remove()


def _before(module: nn.Module, seen: Pass) -> Any:
    return module.register_forward_pre_hook(seen._enter)


def _after(module: nn.Module, seen: Pass) -> Any:
    return module.register_forward_hook(seen._leave, always_call=True)


def weight_layers(module: nn.Module, seen: Pass) -> list[tuple[str, nn.Parameter]]:
    """Names and weight matrices of the layers that were called, in the order of their first call, each once."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    found: dict[int, tuple[str, nn.Parameter]] = {}
    for _, layer, _ in seen.calls:
        if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
            continue
        for parameter in layer.parameters(recurse=False):
            if parameter.ndim >= 2 and id(parameter) in names:
                found.setdefault(id(parameter), (names[id(parameter)], parameter))
    for name, parameter in module.named_parameters():  # weights that a parent uses by itself
        if parameter.ndim >= 2 and id(parameter) not in found and not _embeds(module, name):
            owner = name.rpartition(".")[0]
            if list(module.get_submodule(owner).children()) or not owner:
                found[id(parameter)] = (name, parameter)
    return list(found.values())


def _embeds(module: nn.Module, name: str) -> bool:
    return isinstance(module.get_submodule(name.rpartition(".")[0]), (nn.Embedding, nn.EmbeddingBag))


def spread(values: Tensor) -> float:
    """The standard deviation of all values, 0 of fewer than two."""
    return float(values.float().std()) if values.numel() > 1 else 0.0


def finite(values: Tensor) -> bool:
    """Whether all values are finite."""
    return bool(torch.isfinite(values).all())
