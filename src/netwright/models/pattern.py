"""Layer patterns: a network in the shorthand of course notes, as the expression that one would write by hand.

The text is read by `netwright.models.pattern_text`, whose words are those of `netwright.models.pattern_words`. Here the
tree is walked once, left to right: a `State` is what stands there so far, and every step gives the next one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from netwright.core.errors import InvalidParameter, JoinError, shown
from netwright.core.validation import Constraint, check, check_all, integer, nothing, one_of, tuple_of
from netwright.graph import Chain, Input, Layer, Shape, join
from netwright.layers import AvgPool, Conv, Dropout, Flatten, Linear, MaxPool, Softmax
from netwright.models.pattern_text import Element, read_pattern
from netwright.models.pattern_words import PLAIN, Place, Word, activations, pointed, refusal

ROOM = 2  # places on every space axis that an optional convolution or pooling must leave
MOST_FILTERS = 512
KERNEL, WINDOW = 3, 2
POOLING: Mapping[str, Any] = {"POOL": MaxPool, "AVGPOOL": AvgPool}
WINDOWED = ("CONV", *POOLING)
IN_SPACE = (*WINDOWED, "LRN", "GAP")
FLATTENING = ("FC", "GAP", "FLATTEN")
HEADS = ("SOFTMAX", "LINEAR", "SIGMOID")  # what may stand behind the last FC

_OPTIONS: Mapping[str, Constraint] = {
    "input_shape": tuple_of(integer(1), least=1) | nothing,
    "classes": integer(2) | nothing,
    "optional": one_of("fit", "always", "never"),
    "outputs": integer(1) | nothing,
    "filters": integer(1),
    "units": integer(1),
}


@dataclass(frozen=True)
class Rules:
    """What the caller of `pattern` wants, and the text for errors to point into."""

    text: str
    input_shape: Shape | None
    classes: int | None
    optional: str
    outputs: int | None
    filters: int
    units: int


@dataclass(frozen=True)
class Placed:
    """A layer, the word that it comes from, and the shape behind it if that is known.

    `bare` is True for a dense layer that no activation has been joined to; `joined` is the word of the one that has.
    """

    layer: Any
    word: Word
    shape: Shape | None
    bare: bool = False
    joined: Word | None = None


@dataclass(frozen=True)
class State:
    """What stands there so far.

    Attributes
    ----------
    placed : the layers.
    shape : the shape behind them, None where that of the input is not known.
    flat : whether the axes of space are gone; None is not known.
    pools : how many layers pool.
    refused : the first layer that cannot take its shape; nothing is placed behind it.
    """

    placed: tuple[Placed, ...]
    shape: Shape | None
    flat: bool | None
    pools: int = 0
    refused: Placed | None = None


def pattern(
    text: str,
    input_shape: Shape | None = None,
    classes: int | None = None,
    optional: str = "fit",
    *,
    outputs: int | None = None,
    filters: int = 32,
    units: int = 128,
) -> Chain | Layer:
    """The network of a layer pattern: ``"INPUT -> [[CONV -> RELU]*2 -> POOL?]*3 -> [FC -> RELU]*1 -> FC"``.

    The grammar, with spaces anywhere and names in any case::

        pattern  = [ "INPUT" arrow ] sequence ;
        sequence = element { arrow element } ;
        element  = ( layer | "[" sequence "]" ) [ "*" count ] [ "?" ] ;
        arrow    = "->" | "→" ;
        layer    = "CONV" [ kernel ( "x" | "×" ) filters ] [ "/" stride ]
                 | ( "POOL" | "AVGPOOL" ) [ size ] [ "/" stride ]
                 | "FC" [ units ] | "DROP" [ share ] | "BN" | "LRN" | "GAP" | "FLATTEN" | activation ;

    ``*2`` stands for two copies with weights of their own, ``*0`` leaves a group out, ``?`` marks what is optional. An
    activation is any of the library's by its name in capitals: RELU, TANH, LEAKYRELU, SOFTMAX.

    ================ ==================================================================================================
    word             layer
    ================ ==================================================================================================
    ``CONV3x64/2``   ``Conv(64, 3, stride=2, padding="same")``; CONV has kernel 3, stride 1, and `filters` filters that
                     double behind each pooling, up to 512. It has a bias, also before BN.
    ``POOL3/2``      ``MaxPool(3, 2)``; POOL is ``MaxPool(2)``; AVGPOOL likewise
    ``GAP``          ``GlobalPool()``, the mean of each channel
    ``FC128``        ``Linear(128)``, with an activation behind it ``ReLU(128)``; FC has `units` units. ``Flatten()``
                     comes before the first one behind the axes of space.
    last ``FC``      ``Softmax(classes)`` or ``Linear(outputs)``, behind which only SOFTMAX, LINEAR and SIGMOID may
                     stand, as any other activation would bend the scores; for two classes ``FC1 -> SIGMOID`` is
                     ``Sigmoid(1)``; where neither is given the number stands in the text, and FC10 is ``Linear(10)``
    ``DROP0.5``      ``Dropout(0.5)``, as DROP is
    ================ ==================================================================================================

    BN is ``BatchNorm()``, LRN ``LocalResponseNorm()``, FLATTEN ``Flatten()``; MAXPOOL, DROPOUT and BATCHNORM are POOL,
    DROP and BN.

    Parameters
    ----------
    text : the pattern.
    input_shape : shape of one sample; the network then begins with ``Input(*input_shape)``. None leaves it open.
    classes : number of classes, an integer >= 2, which the last FC has as units.
    optional : what becomes of ``?``. "fit": taken if each convolution and pooling in it leaves at least 2 places on
        every axis of space, which for POOL is an image of at least 4 x 4; what has none of these is taken. "always",
        "never".
    outputs : number of values that a regression predicts, in place of `classes`.
    filters : filters of a CONV without sizes before the first pooling.
    units : units of an FC without a size that is not the last.

    Shapes
    ------
    input_shape -> (classes,), where the pattern ends in FC

    Raises
    ------
    InvalidParameter : a text that the grammar does not have, CONV behind FC, a last FC without its number of units or
        with an activation that is not of outputs, options out of range. Carets under the text show the place.
    JoinError : a layer that the shape does not fit, likewise.

    Examples
    --------
    >>> import netwright as nw
    >>> nw.pattern("INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC", (1, 8, 8), classes=10)
    Input(1, 8, 8) >> Conv(32, 3, padding='same') >> ReLU() >> MaxPool(2) >> Conv(64, 3, padding='same') >> ReLU()
    >> MaxPool(2) >> Flatten() >> ReLU(128) >> Softmax(10)

    References
    ----------
    Karpathy et al., *CS231n: Convolutional neural networks for visual recognition*, Stanford University, 2016.
    """
    values = {"input_shape": input_shape, "classes": classes, "optional": optional, "outputs": outputs}
    check_all("pattern", {**values, "filters": filters, "units": units}, _OPTIONS)
    if classes is not None:
        check("pattern(outputs)", outputs, nothing, "A classifier has classes, a regression has outputs.")
    shape = None if input_shape is None else tuple(input_shape)
    rules = Rules(text, shape, classes, optional, outputs, filters, units)
    state = State((), shape, None if shape is None else len(shape) == 1)
    for element in read_pattern(text):
        state = _walk(element, state, rules)
    return _network(_with_head(state, rules), rules)


def _walk(element: Element, state: State, rules: Rules) -> State:
    """What stands there behind an element: an optional one is tried, and kept where it leaves room."""
    if not element.optional:
        return _repeated(element, state, rules)
    if rules.optional == "never":
        return state
    trial = _repeated(element, state, rules)
    if rules.optional == "always":
        return trial
    windows = [item for item in trial.placed[len(state.placed) :] if item.word.name in WINDOWED]
    if windows and state.shape is None:
        where = rules.text[element.place.start : element.place.stop]
        remedy = "Give input_shape (--input), or optional='always' or 'never'."
        expected = "the shape of one sample, which decides whether an optional part fits"
        raise refusal(rules.text, element.place, expected, f"{shown(where)} without input_shape", remedy)
    fits = trial.refused is None and all(min((item.shape or ())[1:]) >= ROOM for item in windows)
    return trial if fits else state


def _repeated(element: Element, state: State, rules: Rules) -> State:
    """What stands there behind all copies of an element."""
    for _ in range(element.times if element.layers else 0):  # nothing, a billion times, is nothing
        if isinstance(element.what, Word):
            state = _step(element.what, state, rules)
        else:
            state = functools.reduce(lambda before, inner: _walk(inner, before, rules), element.what, state)
    return state


def _step(word: Word, state: State, rules: Rules) -> State:
    """What stands there behind one word."""
    if state.refused is not None:
        return state
    if word.name in IN_SPACE and state.flat:
        raise _no_space(word, state, rules)
    if word.name in activations():
        return _activated(word, state)
    if word.name != "FC":
        state = _added(_layer(word, state, rules), word, state)
        flat = word.name in FLATTENING or (word.name not in IN_SPACE and state.flat)
        return replace(state, flat=flat, pools=state.pools + (word.name in POOLING))
    if state.flat is False:
        state = _added(Flatten(), word, state)
    return replace(_added(Linear(word.sizes[0] or rules.units), word, state, bare=True), flat=True)


def _layer(word: Word, state: State, rules: Rules) -> Layer:
    """The layer of a word that is neither FC nor an activation."""
    if word.name == "CONV":
        kernel, filters, stride = word.sizes
        default = min(rules.filters * 2**state.pools, max(MOST_FILTERS, rules.filters))
        return Conv(filters or default, kernel or KERNEL, stride=stride or 1, padding="same")
    if word.name in POOLING:
        size, stride = word.sizes
        return POOLING[word.name](size or WINDOW, stride)
    if word.name == "DROP":
        return Dropout() if word.sizes[0] is None else Dropout(word.sizes[0])
    return PLAIN[word.name]()


def _activated(word: Word, state: State) -> State:
    """An activation: joined to the dense layer before it, or alone."""
    kind = activations()[word.name]
    if not state.placed or not state.placed[-1].bare:
        return _added(kind(), word, state)
    dense = state.placed[-1]
    made = replace(dense, layer=kind(dense.layer.units), bare=False, joined=word)
    return replace(state, placed=(*state.placed[:-1], made))


def _added(layer: Layer, word: Word, state: State, bare: bool = False) -> State:
    """The layer behind all others; its shape is observed, where that of the input is known."""
    shape = None
    if state.shape is not None:
        try:
            shape = join(Input(shape=state.shape), layer).output_shape
        except JoinError:
            return replace(state, refused=Placed(layer, word, None))
    return replace(state, placed=(*state.placed, Placed(layer, word, shape, bare)), shape=shape)


def _no_space(word: Word, state: State, rules: Rules) -> InvalidParameter:
    """The error of a convolution or a pooling where there are no axes of space."""
    before = next((item.word.name for item in reversed(state.placed) if item.word.name in FLATTENING), None)
    got, remedy = f"{word.name} behind {before}", "FC, GAP and FLATTEN leave no axes of space: put them behind it."
    if before is None:
        got = f"{word.name} for samples of shape {state.shape}"
        remedy = "Images have the shape (channels, height, width); for features begin with FC."
    return refusal(rules.text, word.place, f"{word.name} where there are axes of space", got, remedy)


def _with_head(state: State, rules: Rules) -> State:
    """The last FC with its number of units and, for classes, with Softmax."""
    if state.refused is not None:
        return state
    wanted = rules.classes or rules.outputs
    said = f"{'classes' if rules.classes else 'outputs'}={wanted}"
    if not state.placed:
        raise refusal(rules.text, Place(0, len(rules.text)), "at least one layer", "none, as every part is left out")
    last = state.placed[-1]
    if last.word.name != "FC":
        if wanted is None or (rules.classes and last.word.name == "SOFTMAX" and last.shape in (None, (wanted,))):
            return state
        got = last.word.name if last.shape is None else f"{last.word.name}, which gives the shape {last.shape}"
        raise refusal(rules.text, last.word.place, f"FC at the end, for {said}", got, "Put -> FC behind it.")
    size = last.word.sizes[0]
    if rules.classes == 2 and size == 1 and last.joined is not None and last.joined.name == "SIGMOID":
        return state
    if size is None and wanted is None:
        remedy = "Write it behind FC, or give classes, or for a regression outputs."
        raise refusal(rules.text, last.word.place, "the number of units of the last FC, such as FC10", "none", remedy)
    if size is not None and wanted not in (None, size):
        raise refusal(rules.text, last.word.place, f"FC or FC{wanted} at the end, for {said}", f"FC{size}")
    _check_activation(last, said, rules)
    head: Any = type(last.layer)
    if last.bare and rules.classes:
        head = Softmax
    return replace(state, placed=(*state.placed[:-1], replace(last, layer=head(wanted or size), bare=False)))


def _check_activation(last: Placed, said: str, rules: Rules) -> None:
    """Refuse an activation behind the last FC that would bend what is predicted: rectified scores train badly."""
    if last.joined is None or last.joined.name in HEADS or not (rules.classes or rules.outputs):
        return
    becomes = f"Softmax({rules.classes})" if rules.classes else f"Linear({rules.outputs})"
    remedy = f"Leave it out, FC becomes {becomes}; or put -> FC behind it."
    expected = f"nothing, {', '.join(HEADS[:-1])} or {HEADS[-1]} behind the last FC, for {said}"
    raise refusal(rules.text, last.joined.place, expected, last.joined.name, remedy)


def _network(state: State, rules: Rules) -> Chain | Layer:
    """All layers joined; what refused the shape says so from its place in the network, and shows it in the text."""
    entrance = [] if rules.input_shape is None else [Input(shape=rules.input_shape)]
    last = [] if state.refused is None else [state.refused]
    layers = [*entrance, *(item.layer for item in (*state.placed, *last))]
    try:
        return join(*layers) if len(layers) > 1 else layers[0]
    except JoinError as error:
        place = (last or state.placed)[-1].word.place
        raise JoinError(f"{error}\n{pointed(rules.text, place)}") from error.__cause__
