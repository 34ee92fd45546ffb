"""Rules of operations that move places: other shapes, orders and parts of the same elements."""

from __future__ import annotations

from typing import Any

import torch

from netwright.graph.operation import Call, Rule, aligned, joined
from netwright.graph.places import Places
from netwright.graph.window import Axis

aten = torch.ops.aten


def _permute(call: Call) -> Places:
    order = [axis % call.main.ndim for axis in call.args[1]]
    return call.places.renumbered(order.index)


def _transpose(call: Call) -> Places:
    """transpose(input, one, other), and t(input)."""
    rank = call.main.ndim
    if rank < 2:
        return call.places
    one, two = call.arg(1, 0) % rank, call.arg(2, 1) % rank
    return call.places.renumbered(lambda dim: two if dim == one else one if dim == two else dim)


def _view(call: Call) -> Places:
    return call.places.viewed(tuple(call.main.shape), call.shape)


def _expand(call: Call) -> Places:
    """expand(input, sizes): an axis of length 1 that is stretched is one place, which all see."""
    places = aligned(call.places, len(call.shape) - call.main.ndim)
    before = (1,) * (len(call.shape) - call.main.ndim) + tuple(call.main.shape)
    return places.united({dim for dim, (a, b) in enumerate(zip(before, call.shape, strict=True)) if a != b})


def _unsqueeze(call: Call) -> Places:
    return call.places.inserted(call.args[1] % len(call.shape))


def _squeeze(call: Call) -> Places:
    given = call.arg(1)
    axes = range(call.main.ndim) if given is None else [given] if isinstance(given, int) else given
    gone = {axis % call.main.ndim for axis in axes if call.main.shape[axis] == 1}
    return call.places.reduced(gone, keep=False)


def _slice(call: Call) -> Places:
    """slice(input, axis=0, start=None, end=None, step=1)."""
    axis, begin, step = call.arg(1, 0) % call.main.ndim, call.arg(2, 0), call.arg(4, 1)
    size = call.main.shape[axis]
    first = int(min(max(begin + size if begin < 0 else begin, 0), size))
    return call.places.part(axis, Axis(step, ((first, first),)), size, call.shape[axis])


def _select(call: Call) -> Places:
    """select(input, axis, index)."""
    axis = call.args[1] % call.main.ndim
    return call.places.selected(axis, call.args[2] % call.main.shape[axis])


def _split(call: Call) -> list[Places]:
    """split(input, sizes, axis=0)."""
    axis = call.arg(2, 0) % call.main.ndim
    made, first = [], 0
    for part in call.output:
        made.append(call.places.part(axis, Axis(1, ((first, first),)), call.main.shape[axis], part.shape[axis]))
        first += part.shape[axis]
    return made


def _unbind(call: Call) -> list[Places]:
    axis = call.arg(1, 0) % call.main.ndim
    return [call.places.selected(axis, index) for index in range(call.main.shape[axis])]


def _cat(call: Call) -> Places:
    """Along channels the union; along places only what depends on no input may come before or behind."""
    axis = call.arg(1, 0) % len(call.shape)
    found, first = [], 0
    for tensor in call.args[0]:
        places = call.known(tensor)
        if places is not None:
            shifted = Axis(1, ((-first, -first),))
            found.append((places.through(axis, shifted, tensor.shape[axis], call.shape[axis]), places))
        first += tensor.shape[axis] if tensor.ndim == len(call.shape) else 0
    if len(found) == 1:
        return found[0][0]
    known = [places for _, places in found]
    lying = any(digit.dim == axis for places in known for track in places.tracks for digit in track.digits)
    return joined([places.disordered({axis}) for places in known]) if lying else joined(known)


def _stack(call: Call) -> Places:
    axis = call.arg(1, 0) % len(call.shape)
    known = [places for tensor in call.args[0] if (places := call.known(tensor)) is not None]
    return joined([places.inserted(axis) for places in known])


def _index(call: Call) -> Places:
    """index(input, [None, indices]): by one row of indices along one axis; others lose all places."""
    given = [axis for axis, item in enumerate(call.args[1]) if item is not None]
    known = call.known(call.main)
    if known is None or len(given) != 1 or len(call.shape) != call.main.ndim:
        return call.united().lost()
    return known.lost({given[0]})


def _index_select(call: Call) -> Places:
    """index_select(input, axis, indices)."""
    return call.places.lost({call.args[1] % call.main.ndim})


def _disordered(place: int) -> Rule:
    """flip(input, axes) and the like: all places stay, in another order."""

    def rule(call: Call) -> Places:
        given = call.arg(place, ())
        axes = [given] if isinstance(given, int) else given or range(call.main.ndim)
        return call.places.disordered({axis % call.main.ndim for axis in axes})

    return rule


def _channel_shuffle(call: Call) -> Places:
    return call.places.disordered({1})


def _pixel_shuffle(call: Call) -> Places:
    """pixel_shuffle(input, factor): (c r r, h, w) to (c, h r, w r)."""
    *batch, c, h, w = call.main.shape
    r, b = call.args[1], len(batch)
    apart = (*batch, c // (r * r), r, r, h, w)
    places = call.places.viewed(tuple(call.main.shape), apart)
    order = [*range(b + 1), b + 3, b + 1, b + 4, b + 2]
    return places.renumbered(order.index).viewed((*batch, c // (r * r), h, r, w, r), call.shape)


def _pixel_unshuffle(call: Call) -> Places:
    """pixel_unshuffle(input, factor): (c, h r, w r) to (c r r, h, w)."""
    *batch, c, h, w = call.main.shape
    r, b = call.args[1], len(batch)
    places = call.places.viewed(tuple(call.main.shape), (*batch, c, h // r, r, w // r, r))
    order = [*range(b + 1), b + 2, b + 4, b + 1, b + 3]
    return places.renumbered(order.index).viewed((*batch, c, r, r, h // r, w // r), call.shape)


MOVES: dict[Any, Rule] = {
    aten.permute: _permute,
    aten.transpose: _transpose,
    aten.t: _transpose,
    aten.t_: _transpose,
    aten.transpose_: _transpose,
    aten.view: _view,
    aten._unsafe_view: _view,
    aten.reshape: _view,
    aten._reshape_alias: _view,
    aten.expand: _expand,
    aten.unsqueeze: _unsqueeze,
    aten.unsqueeze_: _unsqueeze,
    aten.squeeze: _squeeze,
    aten.squeeze_: _squeeze,
    aten.slice: _slice,
    aten.select: _select,
    aten.split: _split,
    aten.unsafe_split: _split,
    aten.split_with_sizes: _split,
    aten.unsafe_split_with_sizes: _split,
    aten.unbind: _unbind,
    aten.cat: _cat,
    aten.stack: _stack,
    aten.index: _index,
    aten.index_select: _index_select,
    aten.flip: _disordered(1),
    aten.roll: _disordered(2),
    aten.cumsum: _disordered(1),
    aten.channel_shuffle: _channel_shuffle,
    aten.native_channel_shuffle: _channel_shuffle,
    aten.pixel_shuffle: _pixel_shuffle,
    aten.pixel_unshuffle: _pixel_unshuffle,
}
