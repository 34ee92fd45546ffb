"""The fused kernels of torch, called without the Python that surrounds them in ``optimizer.step()``.

For a small network most of ``step()`` is bookkeeping: collecting tensors, grouping them by device, hooks, a profiler's
record. `direct_step` collects once and calls the kernel. The weights and ``optimizer.state`` come out bit by bit as
``optimizer.step()`` leaves them.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from netwright.optim.base import has_kernel


class _Rule(NamedTuple):
    """How one class of torch optimizers calls its kernel."""

    kernel: str
    buffers: tuple[str, ...]  # names in optimizer.state, in the order in which `launch` takes them
    launch: Callable[[dict[str, Any], list[Tensor], list[Tensor], list[list[Tensor]]], None]


class _Plan(NamedTuple):
    """What one kernel call needs, collected once; valid while the optimizer holds the same objects."""

    rule: _Rule
    state: Any  # the optimizer's own dict: load_state_dict replaces it
    entries: int  # how many parameters have an entry in it
    group: dict[str, Any]
    params: list[Tensor]
    grads: list[Tensor]
    buffers: list[list[Tensor]]


def direct_step(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """A function that does what ``optimizer.step()`` does, by a direct call of the fused kernel where that is possible.

    Possible means: a plain torch ``SGD``, ``Adam``, ``AdamW`` or ``Adagrad`` built with ``fused=True``, one parameter
    group on one device and in one dtype, no ``amsgrad``, a learning rate that is a number, no step hooks, no torch
    scheduler attached, a dense gradient for every parameter. In every other case, and at the first call, the function
    calls ``optimizer.step()`` itself, so it is always safe to use.

    The options (``lr``, ``momentum``...) are read from ``optimizer.param_groups`` at every call and the state is the
    optimizer's own: ``state_dict()`` is right after any call; ``load_state_dict()``, ``add_param_group()`` and a
    cleared or replaced ``optimizer.state`` are noticed. Not noticed is a single tensor of the state that is replaced by
    another; call `direct_step` again after that. The profiler's record of the step is left out.

    Parameters
    ----------
    optimizer : any torch optimizer whose ``step()`` needs no closure.

    Examples
    --------
    >>> import torch
    >>> weight = torch.ones(2, requires_grad=True)
    >>> step = direct_step(torch.optim.SGD([weight], lr=0.1, momentum=0.9, fused=True))
    >>> for _ in range(2):
    ...     weight.grad = torch.ones(2)
    ...     step()
    >>> weight.detach()
    tensor([0.7100, 0.7100])
    """
    if hasattr(optimizer, "directly"):  # an optimizer of ours that knows a way
        return optimizer.directly()
    attributes = vars(optimizer)
    rule = _RULES.get(type(optimizer))
    plan: _Plan | None = None

    def step() -> None:
        nonlocal plan
        if plan is None or not _valid(plan, attributes):
            optimizer.step()
            plan = None if rule is None else _prepare(rule, attributes)
            return
        grads: list[Any] = [param.grad for param in plan.params]
        if not all(map(is_, grads, plan.grads)):
            if not _uniform(plan.params, grads):
                optimizer.step()
                return
            plan = plan._replace(grads=grads)
        recording = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)  # as torch.no_grad(), at a fifth of its cost
        try:
            plan.rule.launch(plan.group, plan.params, plan.grads, plan.buffers)
        finally:
            torch._C._set_grad_enabled(recording)

    return step


def _valid(plan: _Plan, attributes: dict[str, Any]) -> bool:
    """Whether the optimizer still holds what the plan was made from, and nothing that only its own step() heeds."""
    group, groups = plan.group, attributes["param_groups"]
    return (
        plan.state is attributes["state"]
        and plan.entries == len(plan.state)
        and len(groups) == 1
        and groups[0] is group
        and len(group["params"]) == len(plan.params)
        and _supported(plan.rule, group)
        and not (group.get("momentum") and not plan.buffers[0])  # momentum that was switched on later
        and not is_watched(attributes)
    )


def is_watched(attributes: dict[str, Any]) -> bool:
    """Whether somebody counts or hooks the steps."""
    return bool(
        "step" in attributes  # a torch scheduler has wrapped it
        or "grad_scale" in attributes
        or attributes["_optimizer_step_pre_hooks"]
        or attributes["_optimizer_step_post_hooks"]
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
    )


def _supported(rule: _Rule, group: dict[str, Any]) -> bool:
    """Whether the options of a group are such that step() would do nothing but call the kernel."""
    decoupled = rule.kernel == "_fused_adamw_"
    return bool(
        group["fused"]
        and not group["differentiable"]
        and not group.get("amsgrad")
        and not group.get("capturable")
        and group.get("decoupled_weight_decay", decoupled) == decoupled
        and not isinstance(group["lr"], Tensor)
    )


def _prepare(rule: _Rule, attributes: dict[str, Any]) -> _Plan | None:
    """The plan for an optimizer that has made a step, or None where only its own step() will do."""
    state, groups = attributes["state"], attributes["param_groups"]
    if len(groups) != 1 or not _supported(rule, groups[0]):
        return None
    params = groups[0]["params"]
    grads = [param.grad for param in params]
    if not params or not has_kernel(rule.kernel, params[0].device) or not _uniform(params, grads):
        return None
    buffers = [[state[param][name] for param in params if name in state.get(param, ())] for name in rule.buffers]
    without_momentum = rule.kernel == "_fused_sgd_" and not buffers[0]
    if not without_momentum and any(len(found) != len(params) for found in buffers):
        return None
    return _Plan(rule, state, len(state), groups[0], list(params), grads, buffers)


def _uniform(params: list[Tensor], grads: list[Tensor | None]) -> bool:
    """Whether every parameter has a dense gradient, all on one device and in one floating dtype."""
    device, dtype = params[0].device, params[0].dtype
    return dtype.is_floating_point and all(
        grad is not None
        and grad.layout is torch.strided
        and param.device == grad.device == device
        and param.dtype is grad.dtype is dtype
        for param, grad in zip(params, grads, strict=True)
    )


def _sgd(group: dict[str, Any], params: list[Tensor], grads: list[Tensor], buffers: list[list[Tensor]]) -> None:
    momentum = group["momentum"]
    torch._fused_sgd_(
        params,
        grads,
        buffers[0] if momentum else [],
        weight_decay=group["weight_decay"],
        momentum=momentum,
        lr=group["lr"],
        dampening=group["dampening"],
        nesterov=group["nesterov"],
        maximize=group["maximize"],
        is_first_step=False,
    )


def _adam(group: dict[str, Any], params: list[Tensor], grads: list[Tensor], buffers: list[list[Tensor]]) -> None:
    _launch_adam(torch._fused_adam_, group, params, grads, *buffers)


def _adamw(group: dict[str, Any], params: list[Tensor], grads: list[Tensor], buffers: list[list[Tensor]]) -> None:
    _launch_adam(torch._fused_adamw_, group, params, grads, *buffers)


def _launch_adam(
    kernel: Callable[..., Any],
    group: dict[str, Any],
    params: list[Tensor],
    grads: list[Tensor],
    steps: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
) -> None:
    beta1, beta2 = group["betas"]
    torch._foreach_add_(steps, 1)
    kernel(
        params,
        grads,
        means,
        squares,
        [],
        steps,
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=group["maximize"],
    )


def _adagrad(group: dict[str, Any], params: list[Tensor], grads: list[Tensor], buffers: list[list[Tensor]]) -> None:
    steps, sums = buffers
    torch._foreach_add_(steps, 1)
    torch._fused_adagrad_(
        params,
        grads,
        sums,
        steps,
        lr=group["lr"],
        lr_decay=group["lr_decay"],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        maximize=group["maximize"],
    )


# By the exact class: a subclass may do more in its step() than the kernel does.
_RULES: dict[type, _Rule] = {
    torch.optim.SGD: _Rule("_fused_sgd_", ("momentum_buffer",), _sgd),
    torch.optim.Adam: _Rule("_fused_adam_", ("step", "exp_avg", "exp_avg_sq"), _adam),
    torch.optim.AdamW: _Rule("_fused_adamw_", ("step", "exp_avg", "exp_avg_sq"), _adamw),
    torch.optim.Adagrad: _Rule("_fused_adagrad_", ("step", "sum"), _adagrad),
}
