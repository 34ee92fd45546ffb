"""What a training step keeps for its backward pass: the saved activations, counted without running anything.

Autograd works on torch's meta device too: its hooks show every tensor that an operation saves. Each storage is counted
once, however many operations and views share it; parameters and buffers, which are there anyhow, are not.

Attention without dropout is counted as the fused kernels keep it: no matrix of weights. What the fused LSTM of oneDNN
or cuDNN keeps in its workspace besides, and the copies in other element types that autocast makes, do not show there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from netwright.core.seeds import forked_random
from netwright.graph.observer import observing
from netwright.graph.shortcuts import Shortcuts

Hooks = Callable[[Callable[[str], None], Callable[[str], None]], Any]


def saved_for_backward(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], device: str, hooked: Hooks
) -> dict[str, int]:
    """Bytes that each watched module saves in one training pass; those outside of all under the name "".

    Parameters
    ----------
    module : any torch module; it is left as it was.
    inputs : of the pass, on the device.
    device : "meta", or "cpu" for modules that need real numbers.
    hooked : ``hooked(enter, leave)`` is a context in which both are called with the name of each watched module.
    """
    running, saved, counted = [""], {"": 0}, {}

    def enter(name: str) -> None:
        running.append(name)
        saved.setdefault(name, 0)

    def leave(name: str) -> None:
        running.pop()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in counted:
            counted[storage._cdata] = storage  # kept, so that no other storage gets its address
            saved[running[-1]] += storage.nbytes()
        return tensor

    with forked_random(0), observing(module, device, training=True) as tensors, hooked(enter, leave):
        counted |= {s._cdata: s for s in (tensor.untyped_storage() for tensor in tensors.values())}
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), Shortcuts(), _Fused():
            torch.func.functional_call(module, tensors, inputs, tie_weights=False)
    return saved


class _Fused(TorchFunctionMode):
    """Attention on the meta device by the operation that the CPU would run."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is _ATTENTION:
            return _attention(*args, **kwargs)
        if func is not functional.multi_head_attention_forward:
            return func(*args, **kwargs)
        functional.scaled_dot_product_attention = _attention  # a mode sees this function, but nothing that it calls
        try:
            return func(*args, **kwargs)
        finally:
            functional.scaled_dot_product_attention = _ATTENTION


_ATTENTION: Any = functional.scaled_dot_product_attention


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Scaled dot-product attention; cases that the fused kernel does not take go to torch."""
    tensors = (query, key, value)
    plain = all(x.is_meta and x.ndim == 4 and x.is_floating_point() and x.shape[-1] == query.shape[-1] for x in tensors)
    if not plain or dropout_p or enable_gqa or (attn_mask is not None and attn_mask.requires_grad):
        more = {"scale": scale, "enable_gqa": enable_gqa}
        result: torch.Tensor = _ATTENTION(query, key, value, attn_mask, dropout_p, is_causal, **more)
        return result
    mask = attn_mask.to(query.dtype) if attn_mask is not None and attn_mask.dtype == torch.bool else attn_mask
    options = {name: item for name, item in (("attn_mask", mask), ("scale", scale)) if item is not None}
    result = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, 0.0, is_causal, **options)[0]
    return result
