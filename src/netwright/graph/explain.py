"""How the figures of a table come about: the window of a layer, and its formulas with the numbers put in.

=========== ===============================================================================
figure      formula
=========== ===============================================================================
size        floor((I - E + start + end) / S) + 1, E = (F - 1) D + 1; and its inverses
parameters  (F F C + 1) K for a convolution, (N_in + 1) N_out for a dense layer
MACs        O O K (F F C), I I C (F F K) for a transposed one, N_in N_out
field       R_k = R_{k-1} + (F_k - 1) prod_{i < k} S_i
=========== ===============================================================================

A formula is shown only where its value is what was observed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from netwright.graph.operation import on_axes
from netwright.graph.window import Window

Shape = tuple[int, ...]
_CONVOLUTIONS: Any = torch.nn.modules.conv._ConvNd
_TRANSPOSED: Any = torch.nn.modules.conv._ConvTransposeNd
_MAX: Any = torch.nn.modules.pooling._MaxPoolNd
_AVERAGE: Any = torch.nn.modules.pooling._AvgPoolNd
_LP: Any = torch.nn.modules.pooling._LPPoolNd
_PAD: Any = torch.nn.modules.padding._ConstantPadNd


@dataclass(frozen=True)
class Sliding:
    """The window of a convolution or a pooling, one number for each space axis.

    A module of one's own that slides says so by an attribute ``sliding``; the observer sees it where the operations
    that the module is made of do not show it.

    Parameters
    ----------
    kernel, stride, start, end, dilation : of the window; `start` and `end` are the padding.
    transposed : whether it goes from the output to the input.
    """

    kernel: Shape
    stride: Shape
    start: Shape
    end: Shape
    dilation: Shape
    transposed: bool = False

    def __str__(self) -> str:
        """Such as ``3x3/2 p1``: kernel, stride, padding; and the dilation."""
        pads = [str(a) if a == b else f"({a},{b})" for a, b in zip(self.start, self.end, strict=True)]
        parts = ["x".join(map(str, self.kernel))]
        if any(s != 1 for s in self.stride):
            parts[0] += ("*" if self.transposed else "/") + _short(map(str, self.stride))
        if any((*self.start, *self.end)):
            parts.append(f"p{_short(pads)}")
        if any(d != 1 for d in self.dilation):
            parts.append(f"d{_short(map(str, self.dilation))}")
        return " ".join(parts)


def _short(items: Iterable[str]) -> str:
    """One text for all axes where they are equal."""
    items = list(items)
    return items[0] if len(set(items)) == 1 else "x".join(items)


def sliding_of(module: torch.nn.Module) -> Sliding | None:
    """The window of a module that is one convolution or pooling, with a padding before it or not; None for others."""
    leaves = [part for part in module.modules() if not list(part.children())]
    own = [said for leaf in leaves if isinstance(said := getattr(leaf, "sliding", None), Sliding)]
    if len(own) == 1:
        return own[0]
    windows = [leaf for leaf in leaves if isinstance(leaf, (_CONVOLUTIONS, _MAX, _AVERAGE, _LP))]
    if len(windows) != 1:
        return None
    leaf: Any = windows[0]
    rank = _rank(leaf)
    start, end = [0] * rank, [0] * rank
    if not isinstance(leaf, _LP):
        if isinstance(leaf.padding, str):
            effective = [(k - 1) * d for k, d in zip(leaf.kernel_size, leaf.dilation, strict=True)]
            start, end = [0 if leaf.padding == "valid" else e // 2 for e in effective], start
            end = [0 if leaf.padding == "valid" else e - e // 2 for e in effective]
        else:
            start, end = list(on_axes(leaf.padding, rank)), list(on_axes(leaf.padding, rank))
    for pad in (leaf for leaf in leaves if isinstance(leaf, _PAD)):
        amounts: Any = pad.padding
        start = [s + amounts[2 * (rank - 1 - i)] for i, s in enumerate(start)]
        end = [e + amounts[2 * (rank - 1 - i) + 1] for i, e in enumerate(end)]
    stride = leaf.stride if leaf.stride is not None else leaf.kernel_size
    return Sliding(
        on_axes(leaf.kernel_size, rank),
        on_axes(stride, rank),
        tuple(start),
        tuple(end),
        on_axes(getattr(leaf, "dilation", 1), rank),
        isinstance(leaf, _TRANSPOSED),
    )


def _rank(leaf: torch.nn.Module) -> int:
    return next(int(letter) for letter in type(leaf).__name__ if letter.isdigit())


def size_formula(sliding: Sliding | None, into: Shape | None, out: Shape | None) -> str:
    """How the places of the output follow from those of the input, an axis each where they differ."""
    if sliding is None or into is None or out is None or len(into) != len(out) or len(out) != len(sliding.kernel) + 1:
        return ""
    lines = []
    for axis, (i, o) in enumerate(zip(into[1:], out[1:], strict=True)):
        f, s, a, b, d = (
            part[axis] for part in (sliding.kernel, sliding.stride, sliding.start, sliding.end, sliding.dilation)
        )
        window = str(f) if d == 1 else f"(({f} - 1)*{d} + 1)"
        effective = (f - 1) * d + 1
        if sliding.transposed:
            text, value = f"({i} - 1)*{s} + {window}{_minus(a, b)}", (i - 1) * s + effective - a - b
        else:
            room = i - effective + a + b
            inner = f"({i} - {window}{_plus(a, b)})/{s}"
            text, value = (inner if room % s == 0 else f"floor({inner})") + " + 1", room // s + 1
        if value == o:
            lines.append(f"{text} = {o}")
    return ", ".join(dict.fromkeys(lines)) if len(lines) == len(out) - 1 else ""


def _plus(start: int, end: int) -> str:
    return "" if start == end == 0 else f" + 2*{start}" if start == end else f" + {start} + {end}"


def _minus(start: int, end: int) -> str:
    return _plus(start, end).replace("+", "-")


def parameter_formula(parts: Iterable[tuple[torch.nn.Module, list[torch.nn.Parameter]]], total: int) -> str:
    """How the parameters are counted: for each module that has some of its own, from its sizes."""
    terms = [term for module, own in parts if (term := _parameters(module, own))]
    return f"{' + '.join(terms)} = {total:,}" if terms else ""


def _parameters(module: Any, own: list[torch.nn.Parameter]) -> str:
    count = sum(p.numel() for p in own)
    text = ""
    if isinstance(module, _CONVOLUTIONS):
        into, out = module.in_channels // module.groups, module.out_channels
        if module.transposed:
            into, out = module.in_channels, module.out_channels // module.groups
        kernel = "*".join(map(str, module.kernel_size))
        bias = module.bias is not None
        plus = " + 1" if bias and not module.transposed else ""
        text = f"({kernel}*{into}{plus})*{out}" if plus else f"{kernel}*{into}*{out}"
        text += f" + {module.out_channels}" if bias and module.transposed else ""
        value = math.prod(module.kernel_size) * into * out + (module.out_channels if bias else 0)
    elif isinstance(module, torch.nn.Linear):
        n, k, bias = module.in_features, module.out_features, module.bias is not None
        text, value = (f"({n} + 1)*{k}", (n + 1) * k) if bias else (f"{n}*{k}", n * k)
    elif local := _local(module):
        *places, filters = local[: -len(module.sliding.kernel) - 1]
        window, bias = "*".join(map(str, local[len(places) + 1 :])), count != math.prod(local)
        many = "*".join(map(str, places))
        text = f"{many}*({window} + 1)*{filters}" if bias else f"{many}*{window}*{filters}"
        value = math.prod(local) + (math.prod(places) * filters if bias else 0)
    else:
        value = -1
    return text if value == count else " + ".join("*".join(map(str, p.shape)) or "1" for p in own)


def mac_formula(module: torch.nn.Module, into: Shape | None, out: Shape | None, macs: int) -> str:
    """How the multiply-accumulates of a layer are counted, from its sizes and those of its input and output."""
    owners = [part for part in module.modules() if any(isinstance(part, kind) for kind in _FACTORS) or _local(part)]
    if isinstance(module, torch.nn.MultiheadAttention):
        owners = [module]
    if len(owners) != 1 or into is None or out is None:
        return ""
    kind = next((kind for kind in _FACTORS if isinstance(owners[0], kind)), None)
    terms = _FACTORS[kind](owners[0], into, out) if kind else [_local(owners[0])]
    if sum(map(math.prod, terms)) != macs:
        return ""
    return f"{' + '.join('*'.join(map(str, factors)) for factors in terms)} = {macs:,}"


def _convolved(layer: Any, into: Shape, out: Shape) -> list[list[int]]:
    """Each place of the output, or of the input of a transposed one, is one product with the kernel."""
    if layer.transposed:
        return [[*into[1:], layer.in_channels, *layer.kernel_size, layer.out_channels // layer.groups]]
    return [[*out[1:], layer.out_channels, *layer.kernel_size, layer.in_channels // layer.groups]]


def _recurrent(layer: Any, into: Shape, out: Shape) -> list[list[int]]:
    """Each gate multiplies the input and the state, at each step."""
    gates = {"LSTM": 4, "GRU": 3}.get(layer.mode, 1)
    ways, hidden = 1 + layer.bidirectional, layer.hidden_size
    sizes = [layer.input_size, *[hidden * ways] * (layer.num_layers - 1)]
    factors = [[out[0], gates * hidden, size + hidden] for size in sizes]
    return [[2, *terms] for terms in factors] if ways == 2 else factors


def _attended(layer: Any, into: Shape, out: Shape) -> list[list[int]]:
    """Queries, keys, values and the result are four products; weighing all steps by all are two."""
    steps, size = out[0], layer.embed_dim
    return [[4, steps, size, size], [2, steps, steps, size]]


def _local(layer: Any) -> list[int]:
    """The factors of a layer that slides with another kernel at each place; none for another layer."""
    own = getattr(layer, "sliding", None)
    if not isinstance(own, Sliding) or not all(hasattr(layer, name) for name in ("places", "filters", "channels")):
        return []
    return [*layer.places, layer.filters, *own.kernel, layer.channels]


_FACTORS: dict[Any, Callable[[Any, Shape, Shape], list[list[int]]]] = {
    _CONVOLUTIONS: _convolved,
    torch.nn.Linear: lambda layer, into, out: [[*out[:-1], layer.in_features, layer.out_features]],
    torch.nn.RNNBase: _recurrent,
    torch.nn.MultiheadAttention: _attended,
}


def field_formula(sliding: Sliding | None, into: Window | None, out: Window | None) -> str:
    """How the receptive field grows, on the first space axis."""
    if sliding is None or sliding.transposed or into is None or out is None or into.whole or out.whole:
        return ""
    if len(into.size) != len(sliding.kernel) or len(into.axes[0].intervals) > 1:
        return ""
    effective = (sliding.kernel[0] - 1) * sliding.dilation[0] + 1
    before, step = into.size[0], into.stride[0]
    if before + (effective - 1) * step != out.size[0]:
        return ""
    return f"{before} + ({effective} - 1)*{step} = {out.size[0]}"
