"""What `check` and `watch` are told besides the data: the module, the loss, the optimizers, and what is on purpose."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netwright.checks.context import Intent
from netwright.checks.diagnosis import known_codes
from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.core.validation import Constraint, boolean, integer, nothing
from netwright.core.validation import check as require

SHELLS = ("OptimizedModule", "DistributedDataParallel")  # whose inside is the module
COUNT: Constraint = integer(1) | nothing


def module_of(module: Any, where: str = "nw.check") -> nn.Module:
    """The module, without the shell of ``torch.compile`` or of training on several devices.

    Parameters
    ----------
    module : as the user gave it. where : who asks.

    Raises
    ------
    InvalidParameter : no module, or one whose parameters have no numbers.
    """
    if not isinstance(module, nn.Module):
        remedy = "Build a network with .build()." if hasattr(module, "build") else "Give the module itself."
        if inspect.isclass(module):
            remedy = f"Make one of the class: {module.__name__}(...)."
        raise InvalidParameter(problem(f"{where}(module)", "a torch.nn.Module", shown(module), remedy))
    inside: Any = module
    while isinstance(inside, nn.Module):
        module = inside
        inside = getattr(module, "_orig_mod", getattr(module, "module", None)) if _is_shell(module) else None
    tensors = [*module.named_parameters(), *module.named_buffers()]
    empty = next((name for name, tensor in tensors if tensor.device.type == "meta"), None)
    if empty is not None:
        remedy = "Call module.to_empty(device='cpu'), then draw or load its weights."
        got = f"{empty!r} on the meta device, which has a shape alone"
        raise InvalidParameter(problem(f"{where}(module)", "a module whose parameters have numbers", got, remedy))
    return module


def _is_shell(module: nn.Module) -> bool:
    return type(module).__name__ in SHELLS


def loss_of(loss: Any, where: str = "nw.check") -> Callable[..., Any]:
    """The loss, if it can be one; that of ``torch.compile`` as it was before.

    Parameters
    ----------
    loss : as the user gave it. where : who asks.

    Raises
    ------
    InvalidParameter : nothing that can be called, or the class of a loss.
    """
    if inspect.isclass(loss):
        got, remedy = f"the class {loss.__name__}", f"Make a loss of it: {loss.__name__}()."
        raise InvalidParameter(problem(f"{where}(loss)", "loss(output, target) -> scalar", got, remedy))
    if not callable(loss):
        remedy = "Give an object such as torch.nn.MSELoss(), or a function of (output, target)."
        raise InvalidParameter(problem(f"{where}(loss)", "loss(output, target) -> scalar", shown(loss), remedy))
    if isinstance(loss, (torch.optim.Optimizer, Tensor)):
        got = f"a {type(loss).__name__}"
        raise InvalidParameter(problem(f"{where}(loss)", "loss(output, target) -> scalar", got))
    if isinstance(loss, nn.Module):
        return module_of(loss) if _is_shell(loss) else loss
    plain: Callable[..., Any] = getattr(loss, "_torchdynamo_orig_callable", loss)
    return plain


def optimizers_of(optimizer: Any, where: str = "nw.check") -> list[torch.optim.Optimizer]:
    """One optimizer, several, or none, as a list.

    Parameters
    ----------
    optimizer : of torch, a list of them, or None. where : who asks.

    Raises
    ------
    InvalidParameter : anything else.
    """
    several = [] if optimizer is None else list(optimizer) if isinstance(optimizer, (list, tuple)) else [optimizer]
    for each in several:
        if not isinstance(each, torch.optim.Optimizer):
            expected = "a torch.optim.Optimizer, a list of them, or None"
            remedy = "Build a netwright rule with .build(module.parameters())."
            if inspect.isclass(each) and issubclass(each, torch.optim.Optimizer):
                remedy = f"Make one of the class: {each.__name__}(module.parameters(), ...)."
            elif isinstance(each, torch.optim.lr_scheduler.LRScheduler):
                remedy = "Give the optimizer that the schedule steers: scheduler.optimizer."
            raise InvalidParameter(problem(f"{where}(optimizer)", expected, shown(each), remedy))
    return several


def declared(
    frozen: Any = (),
    imbalanced: Any = False,
    ignore: Any = (),
    module: nn.Module | None = None,
    where: str = "nw.check",
) -> Intent:
    """What a user declares to be on purpose, read.

    Parameters
    ----------
    frozen : a name, names, or True. imbalanced : whether classes of different size are meant. ignore : codes.
    module : whose parts the names are of; None where they are not to be looked up. where : who asks.

    Raises
    ------
    InvalidParameter : a name or code that does not exist, or something else than such.
    """
    if not isinstance(imbalanced, np.bool_):
        require(f"{where}(imbalanced)", imbalanced, boolean)
    codes = known_codes(_words(ignore, f"{where}(ignore)", "a code of a finding, or several"))
    if isinstance(frozen, (bool, np.bool_)):
        return Intent(bool(frozen), bool(imbalanced), codes)
    names = _words(frozen, f"{where}(frozen)", "names of modules or parameters, or True")
    return Intent(tuple(_known(name, module, where) for name in names), bool(imbalanced), codes)


def counted(batch_size: Any, epochs: Any, where: str = "nw.check") -> None:
    """Look at the options that are counts.

    Parameters
    ----------
    batch_size, epochs : as the user gave them. where : who asks.

    Raises
    ------
    InvalidParameter : anything but an integer >= 1 or None.
    """
    require(f"{where}(batch_size)", batch_size, COUNT)
    require(f"{where}(epochs)", epochs, COUNT)


def _words(given: Any, where: str, expected: str) -> list[str]:
    words = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    if isinstance(given, (nn.Module, Tensor)) or not all(isinstance(word, str) for word in words):
        other = given if isinstance(given, (nn.Module, Tensor)) else next(w for w in words if not isinstance(w, str))
        remedy = "Give its name, as in module.named_modules()." if isinstance(other, (nn.Module, Tensor)) else ""
        raise InvalidParameter(problem(where, expected, shown(other), remedy))
    return words


def _known(name: str, module: nn.Module | None, where: str) -> str:
    """The name of a part of the module, which a shell round it may have made longer."""
    if module is None:
        return name
    names = [part for part, _ in (*module.named_modules(), *module.named_parameters()) if part]
    inside = name.removeprefix("_orig_mod.").removeprefix("module.")
    found = next((each for each in (name, inside, f"_orig_mod.{name}", f"module.{name}") if each in names), None)
    if found is None:
        hint = did_you_mean(name, names)
        raise InvalidParameter(problem(f"{where}(frozen)", "names of modules or parameters", repr(name), hint))
    return found
