"""What the numbers inside a loss come from: the output, the target, or both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from netwright.checks.reading import leaves


class Sources(TorchFunctionMode, ABC):
    """While it is on: of every tensor that is made from the output or the target, which of the two it is made from.

    A class of its own says in ``meets(func, args, given, result)`` what is looked for where tensors with a known source
    make a new one.

    Attributes
    ----------
    of : of a tensor's identity, the names of its sources: "output", "target" or both.
    """

    def __init__(self, output: Any, target: Any) -> None:
        super().__init__()
        self._kept: list[Any] = [*leaves(output), *leaves(target)]  # what is known by its identity must stay alive
        self.of = {id(tensor): {"output"} for tensor in leaves(output)}
        self.of |= {id(tensor): {"target"} for tensor in leaves(target)}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [part for part in leaves((*args, *(kwargs or {}).values())) if id(part) in self.of]
        sources: set[str] = set().union(*(self.of[id(part)] for part in given))
        for made in leaves(result) if sources else ():
            if id(made) not in self.of:
                self._kept.append(made)
                self.of[id(made)] = sources
                self.meets(func, args, given, made)
        return result

    def sources_of(self, tensor: Tensor) -> set[str]:
        """The names of a tensor's sources, none of one that was made of neither."""
        return self.of.get(id(tensor), set())

    @abstractmethod
    def meets(self, func: Any, args: Any, given: list[Tensor], result: Tensor) -> None:
        """Look at one new tensor.

        Parameters
        ----------
        func, args : the call. given : the tensors with a known source that it was given. result : what it made.
        """
