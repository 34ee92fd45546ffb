"""The link of a network: its last activation, which a loss takes over so that value and gradient stay exact.

A network that ends in a softmax is trained on what comes before it: ``log softmax(z)_k = z_k - log sum_j exp(z_j)`` is
exact for any z, while the logarithm of a softmax that has been computed is -inf as soon as a probability rounds to 0.
So the last activation is split off the module and given to the loss by its name; predictions apply it again.

================ =============================
name             f(z)
================ =============================
``identity``     z
``softmax``      exp(z_k) / sum_j exp(z_j)
``log_softmax``  z_k - log sum_j exp(z_j)
``sigmoid``      1 / (1 + exp(-z))
``log_sigmoid``  -log(1 + exp(-z))
``hard_sigmoid`` min(max(z + 3, 0), 6) / 6
``softplus``     log(1 + exp(z))
``tanh``         tanh(z)
================ =============================

The class axis is axis 1 of images and volumes, (n, classes, *space) with 4 axes or more, else the last axis:
(n, classes), (n, steps, classes).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown


def class_axis(ndim: int) -> int:
    """The axis of the classes in outputs with `ndim` axes, the batch axis counted.

    Parameters
    ----------
    ndim : number of axes, >= 1.

    Examples
    --------
    >>> class_axis(2), class_axis(3), class_axis(4)
    (-1, -1, 1)
    """
    return 1 if ndim >= 4 else -1


def _identity(z: Tensor) -> Tensor:
    return z


def _softmax(z: Tensor) -> Tensor:
    return torch.softmax(z, class_axis(z.ndim))


def _log_softmax(z: Tensor) -> Tensor:
    return torch.log_softmax(z, class_axis(z.ndim))


def hard_sigmoid(z: Tensor) -> Tensor:
    """min(max(z + 3, 0), 6) / 6, with the second derivative that torch's own lacks."""
    return F.relu6(z + 3) / 6


LINKS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "identity": _identity,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": F.logsigmoid,
    "hard_sigmoid": hard_sigmoid,
    "softplus": F.softplus,
    "tanh": torch.tanh,
}

_NAMES: Mapping[type, str] = {
    torch.nn.Softmax: "softmax",
    torch.nn.LogSoftmax: "log_softmax",
    torch.nn.Sigmoid: "sigmoid",
    torch.nn.LogSigmoid: "log_sigmoid",
    torch.nn.Hardsigmoid: "hard_sigmoid",
    torch.nn.Softplus: "softplus",
    torch.nn.Tanh: "tanh",
}


def apply_link(name: str, z: Tensor) -> Tensor:
    """The outputs of a network from what comes before its link.

    Parameters
    ----------
    name : name of the link, as `split_link` gives it.
    z : what the network gives without its link.

    Shapes
    ------
    any shape -> the same shape; softmax and log_softmax run over the class axis.

    Raises
    ------
    InvalidParameter : an unknown name.

    Examples
    --------
    >>> import torch
    >>> apply_link("softmax", torch.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    if name not in LINKS:
        raise InvalidParameter(
            problem("apply_link(name)", "the name of a link", shown(name), did_you_mean(name, LINKS))
        )
    return LINKS[name](z)


def split_link(module: torch.nn.Module) -> tuple[torch.nn.Module, str]:
    """A module without its last activation, and the name of that activation.

    Only nests of plain ``torch.nn.Sequential`` are opened; what a class of its own does in ``forward`` is not known.
    A softmax over ``dim=-1`` or ``dim=1`` is the link over the class axis (see `class_axis`); over another axis, and a
    softplus with a slope or threshold of its own, it stays in the module. A module that gives probabilities in a way of
    its own and has a method ``as_logits`` is replaced by what that gives: the softmax of these is the probabilities.

    Parameters
    ----------
    module : any module; it is not changed.

    Returns
    -------
    the module without the activation, and its name; ``(module, "identity")`` when it ends in none. New containers
    hold the same children under the same names, so parameters are shared and keep their names.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(dim=-1))
    >>> body, link = split_link(net)
    >>> body, link, body[0] is net[0]
    (Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)
    ), 'softmax', True)
    """
    name = _name(module)
    if name is not None:
        return torch.nn.Identity(), name
    if hasattr(module, "as_logits"):
        logits: torch.nn.Module = module.as_logits()  # type: ignore[operator]
        return logits, "softmax"
    if type(module) is not torch.nn.Sequential or len(module) == 0:
        return module, "identity"
    *front, (last_name, last) = module._modules.items()  # named_children() leaves out a child's second use
    assert last is not None
    body, name = split_link(last)
    if name == "identity":
        return module, "identity"
    if _name(last) is None:  # the last child is a container, which stays, without its leaf
        front.append((last_name, body))
    shorter = torch.nn.Sequential(OrderedDict(front))
    shorter.training = module.training
    return shorter, name


def _name(module: torch.nn.Module) -> str | None:
    """The name of a module that is a link itself, else None."""
    if isinstance(module, (torch.nn.Softmax, torch.nn.LogSoftmax)) and module.dim not in (-1, 1):
        return None
    if isinstance(module, torch.nn.Softplus) and (module.beta, module.threshold) != (1, 20):
        return None
    return _NAMES.get(type(module))
