"""Layer patterns are the networks that one would write by hand: the course's examples, every rule, every refusal."""

from __future__ import annotations

import re
from typing import Any

import pytest

import netwright as nw
from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import (
    ELU,
    GELU,
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Input,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    MaxPool,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from netwright.models import pattern

ISSUE = "INPUT -> [[CONV -> RELU]*2 -> POOL?]*3 -> [FC -> RELU]*1 -> FC"


def conv(filters: int, **options: Any) -> Conv:
    return Conv(filters, 3, padding="same", **options)


BLOCK = conv(32) >> ReLU() >> MaxPool(2) >> conv(64) >> ReLU() >> MaxPool(2)


# the course's examples


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("INPUT -> FC", Flatten() >> Softmax(10)),
        ("INPUT -> CONV -> RELU -> FC", conv(32) >> ReLU() >> Flatten() >> Softmax(10)),
        (
            "INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC",
            BLOCK >> Flatten() >> ReLU(128) >> Softmax(10),
        ),
        (
            "INPUT -> [CONV -> RELU -> CONV -> RELU -> POOL]*3 -> [FC -> RELU]*2 -> FC",
            nw.repeat(conv(32) >> ReLU(), 2)
            >> MaxPool(2)
            >> nw.repeat(conv(64) >> ReLU(), 2)
            >> MaxPool(2)
            >> nw.repeat(conv(128) >> ReLU(), 2)
            >> MaxPool(2)
            >> Flatten()
            >> ReLU(128)
            >> ReLU(128)
            >> Softmax(10),
        ),
    ],
)
def test_examples_of_the_course(text: str, network: Any) -> None:
    assert nw.pattern(text, (3, 32, 32), 10) == Input(3, 32, 32) >> network


def test_vgg16_has_its_published_size() -> None:
    blocks = [f"[CONV3x{filters} -> RELU]*{times} -> POOL" for filters, times in VGG]
    text = " -> ".join(["INPUT", *blocks, "[FC4096 -> RELU -> DROP0.5]*2", "FC"])
    network = pattern(text, (3, 224, 224), classes=1000)
    assert network.summary().parameters == 138_357_544
    by_hand = nw.join(*[nw.repeat(conv(f) >> ReLU(), n) >> MaxPool(2) for f, n in VGG])
    dense = nw.repeat(ReLU(4096) >> Dropout(0.5), 2)
    assert network == Input(3, 224, 224) >> by_hand >> Flatten() >> dense >> Softmax(1000)


VGG = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@pytest.mark.parametrize(("size", "pools"), [(28, 3), (32, 3), (8, 2), (4, 1), (3, 0), (6, 1)])
def test_optional_pools_fit_the_image(size: int, pools: int) -> None:
    network = pattern(ISSUE, (1, size, size), 10)
    parts: list[Any] = [Input(1, size, size)]
    for number in range(3):
        filters = 32 * 2 ** min(number, pools)
        parts += [conv(filters), ReLU(), conv(filters), ReLU(), *([MaxPool(2)] if number < pools else [])]
    assert network == nw.join(*parts, Flatten(), ReLU(128), Softmax(10))


# the words


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("CONV3x64", conv(64)),
        ("conv5X8/2", Conv(8, 5, stride=2, padding="same")),
        ("CONV/2", conv(32, stride=2)),
        ("POOL", MaxPool(2)),
        ("MAXPOOL2", MaxPool(2)),
        ("POOL3/2", MaxPool(3, 2)),
        ("POOL/3", MaxPool(2, 3)),
        ("AVGPOOL", AvgPool(2)),
        ("AVGPOOL3/2", AvgPool(3, 2)),
        ("GAP", GlobalPool()),
        ("DROP", Dropout()),
        ("DROP0.25", Dropout(0.25)),
        ("DROPOUT0", Dropout(0)),
        ("BN", BatchNorm()),
        ("BATCHNORM", BatchNorm()),
        ("CONV -> LRN -> POOL", conv(32) >> LocalResponseNorm() >> MaxPool(2)),
        ("FLATTEN", Flatten()),
        ("leakyrelu", LeakyReLU()),
        ("ELU", ELU()),
        ("FC7 -> GELU -> SILU", GELU(7) >> SiLU()),
        ("INPUT -> TANH", Tanh()),
        ("FC7", Linear(7)),
        ("FC7 -> SIGMOID", Sigmoid(7)),
        ("CONV3×16/2", Conv(16, 3, stride=2, padding="same")),
        ("FC7 -> LINEAR", Linear(7)),
        ("FC7 -> FC7 -> FC2", Linear(7) >> Linear(7) >> Linear(2)),
        ("FC -> BN -> RELU -> FC3", Linear(128) >> BatchNorm() >> ReLU() >> Linear(3)),
        ("FC -> RELU -> RELU -> FC3", ReLU(128) >> ReLU() >> Linear(3)),
        ("FC -> [RELU -> FC]*2 -> SOFTMAX -> BN", ReLU(128) >> ReLU(128) >> Softmax(128) >> BatchNorm()),
        ("FC->DROP->BN", Linear(128) >> Dropout() >> BatchNorm()),
        ("CONV -> BN -> RELU", conv(32) >> BatchNorm() >> ReLU()),
        ("CONV → RELU\n→ FC5", conv(32) >> ReLU() >> Flatten() >> Linear(5)),
        ("CONV -> GAP -> FC5", conv(32) >> GlobalPool() >> Linear(5)),
        ("CONV -> FLATTEN -> FC5", conv(32) >> Flatten() >> Linear(5)),
        ("  [ [ CONV ] * 2 ]*1->[POOL -> [RELU]]", nw.repeat(conv(32), 2) >> MaxPool(2) >> ReLU()),
        ("[CONV]*0 -> FC4", Linear(4)),
        ("[[RELU]*0]*999999999 -> FC8", Linear(8)),
        ("CONV*2 -> RELU*1", nw.repeat(conv(32), 2) >> ReLU()),
    ],
)
def test_words(text: str, network: Any) -> None:
    assert pattern(text) == network


def test_filters_double_behind_every_pool_up_to_512() -> None:
    filters = [part.filters for part in pattern("[CONV -> POOL -> CONV -> AVGPOOL]*4").parts if isinstance(part, Conv)]
    assert filters == [32, 64, 128, 256, 512, 512, 512, 512]
    small = pattern("[CONV -> POOL]*2", filters=5)
    assert small == conv(5) >> MaxPool(2) >> conv(10) >> MaxPool(2)
    assert pattern("POOL -> CONV", filters=1000) == MaxPool(2) >> conv(1000)


def test_the_last_dense_layer() -> None:
    assert pattern("FC", classes=10) == pattern("FC10", classes=10) == Softmax(10)
    assert pattern("FC -> SIGMOID", classes=3) == pattern("FC -> SIGMOID", outputs=3) == Sigmoid(3)
    assert pattern("FC4 -> RELU -> FC1 -> SIGMOID", classes=2) == ReLU(4) >> Sigmoid(1)
    with pytest.raises(InvalidParameter, match="FC or FC3 at the end, for classes=3, got FC1"):
        pattern("FC1 -> SIGMOID", classes=3)
    with pytest.raises(InvalidParameter, match="FC or FC2 at the end, for classes=2, got FC1"):
        pattern("FC1", classes=2)
    assert pattern("FC -> SOFTMAX", classes=3) == pattern("FC3 -> SOFTMAX", outputs=3) == Softmax(3)
    assert pattern("FC -> LINEAR", outputs=3) == Linear(3)
    assert pattern("FC3 -> RELU") == ReLU(3)  # where nothing is said about it
    assert pattern("FC -> RELU -> FC", outputs=2, units=9) == ReLU(9) >> Linear(2)
    assert pattern("FC2", outputs=2) == Linear(2)
    assert pattern("CONV1x5 -> GAP -> SOFTMAX", classes=5) == Conv(5, 1, padding="same") >> GlobalPool() >> Softmax()
    assert pattern("CONV1x5 -> GAP -> SOFTMAX", [3, 8, 8], 5).output_shape == (5,)


def test_features_and_signals() -> None:
    assert pattern("INPUT -> FC -> RELU -> FC", (13,), 3) == Input(13) >> ReLU(128) >> Softmax(3)
    assert pattern("FC", (5, 7), 3) == Input(5, 7) >> Flatten() >> Softmax(3)
    assert pattern("CONV -> FC", (2, 50), 3) == Input(2, 50) >> conv(32) >> Flatten() >> Softmax(3)
    assert pattern("CONV -> POOL? -> FC", (1, 8, 8, 8), 3).parts[2] == MaxPool(2)


# what is optional


def test_always_and_never() -> None:
    assert pattern("[CONV -> POOL?]*2", optional="always") == conv(32) >> MaxPool(2) >> conv(64) >> MaxPool(2)
    assert pattern("[CONV -> POOL?]*2", optional="never") == conv(32) >> conv(32)
    assert pattern("[CONV -> [POOL]*2?]?", optional="always") == conv(32) >> MaxPool(2) >> MaxPool(2)


def test_a_group_is_taken_as_a_whole() -> None:
    text = "[CONV3x4 -> POOL]*2? -> RELU -> POOL3/2? -> GAP? -> DROP?"
    whole = Input(1, 8, 8) >> nw.repeat(conv(4) >> MaxPool(2), 2)
    assert pattern(text, (1, 8, 8)) == whole >> ReLU() >> GlobalPool() >> Dropout()
    assert pattern(text, (1, 7, 9)) == Input(1, 7, 9) >> ReLU() >> MaxPool(3, 2) >> GlobalPool() >> Dropout()
    assert pattern("POOL -> CONV? -> [TANH -> FC]? -> FC3", (1, 2, 2)) == (
        Input(1, 2, 2) >> MaxPool(2) >> Tanh() >> Flatten() >> Linear(128) >> Linear(3)
    )


def test_what_has_no_windows_needs_no_shape() -> None:
    assert pattern("FC -> [RELU -> DROP]? -> FC3") == ReLU(128) >> Dropout() >> Linear(3)


# networks that cannot be


def fails(text: str, kind: type[Exception] = InvalidParameter, **options: Any) -> tuple[str, str]:
    """The sentence of the error, and what its carets underline."""
    with pytest.raises(kind) as caught:
        pattern(text, **options)
    sentence, line, carets = str(caught.value).split("\n")
    return sentence, line[carets.index("^") : len(carets)]


@pytest.mark.parametrize(
    ("text", "options", "message", "under"),
    [
        (
            "FC -> CONV3x8",
            {},
            "expected CONV where there are axes of space, got CONV behind FC. FC, GAP and",
            "CONV3x8",
        ),
        ("FC -> LRN", {}, "got LRN behind FC", "LRN"),
        ("CONV -> GAP -> RELU -> POOL?", {"input_shape": (1, 8, 8)}, "got POOL behind GAP", "POOL"),
        ("[CONV -> FC]*2", {}, "got CONV behind FC", "CONV"),
        ("INPUT -> CONV -> FC2", {"input_shape": (13,)}, "got CONV for samples of shape (13,). Images have", "CONV"),
        ("CONV -> POOL?", {}, "expected the shape of one sample, which .*, got 'POOL?' without input_shape", "POOL?"),
        ("[CONV*2]*3?", {}, "got '[CONV*2]*3?' without", "[CONV*2]*3?"),
        ("CONV -> FC", {}, "expected the number of units of the last FC, such as FC10, got none. Write", "FC"),
        ("FC -> RELU", {}, "expected the number of units of the last FC", "FC"),
        ("CONV -> RELU", {"classes": 3}, "expected FC at the end, for classes=3, got RELU. Put -> FC", "RELU"),
        ("FC -> DROP0.5", {"outputs": 2}, "expected FC at the end, for outputs=2, got DROP", "DROP0.5"),
        ("GAP -> SOFTMAX", {"outputs": 2}, "expected FC at the end, for outputs=2, got SOFTMAX", "SOFTMAX"),
        (
            "GAP -> SOFTMAX",
            {"classes": 5, "input_shape": (3, 8, 8)},
            "for classes=5, got SOFTMAX, which gives the shape (3,)",
            "SOFTMAX",
        ),
        ("FC -> FC4", {"classes": 3}, "expected FC or FC3 at the end, for classes=3, got FC4", "FC4"),
        ("FC4 -> TANH", {"outputs": 1}, "expected FC or FC1 at the end, for outputs=1, got FC4", "FC4"),
        (
            "FC -> RELU",
            {"classes": 3},
            "expected nothing, SOFTMAX, LINEAR or SIGMOID behind the last FC, for classes=3, got RELU. Leave it out, "
            "FC becomes Softmax(3); or put -> FC behind it.",
            "RELU",
        ),
        (
            "INPUT -> [FC -> RELU]*2",
            {"outputs": 2, "input_shape": (5,)},
            "expected nothing, SOFTMAX, LINEAR or SIGMOID behind the last FC, for outputs=2, got RELU. Leave it out, "
            "FC becomes Linear(2)",
            "RELU",
        ),
        ("FC4 -> TANH", {"classes": 4}, "behind the last FC, for classes=4, got TANH", "TANH"),
        ("[CONV]*0", {}, "expected at least one layer, got none, as every part is left out.", "[CONV]*0"),
        ("FC? -> POOL?", {"optional": "never"}, "got none, as every part is left out.", "FC? -> POOL?"),
    ],
)
def test_refusals(text: str, options: dict[str, Any], message: str, under: str) -> None:
    sentence, underlined = fails(text, **options)
    assert sentence.startswith("pattern: expected ")
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), sentence), sentence
    assert underlined == under


def test_shapes_that_do_not_fit_name_the_layer_and_show_its_word() -> None:
    sentence, under = fails("CONV -> [POOL -> RELU]*5 -> FC", JoinError, input_shape=(1, 8, 8), classes=10)
    assert sentence.startswith("maxpool4: MaxPool(2): expected space axes of at least (2, 2), got shape (32, 1, 1).")
    assert sentence.endswith("It stands behind ReLU() at relu3.")
    assert under == "POOL"
    _, under = fails("POOL -> POOL9? -> FC", JoinError, input_shape=(1, 8, 8), classes=3, optional="always")
    assert under == "POOL9"
    sentence, under = fails("CONV -> BN -> FC3", JoinError, input_shape=(1, 2, 2, 2, 2))
    assert "rank 2 to 4" in sentence
    assert under == "CONV"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, r"pattern\(classes\): expected an integer >= 2 or None, got 1"),
        ({"input_shape": 8}, r"pattern\(input_shape\): expected a tuple"),
        ({"input_shape": (0, 8)}, r"pattern\(input_shape\): expected a tuple"),
        ({"optional": "somtimes"}, r"pattern\(optional\): expected 'fit' or 'always' or 'never', got 'somtimes'"),
        ({"outputs": 0}, r"pattern\(outputs\): expected an integer >= 1 or None, got 0"),
        ({"filters": 0}, r"pattern\(filters\): expected an integer >= 1, got 0"),
        ({"units": 1.5}, r"pattern\(units\): expected an integer >= 1, got 1.5"),
        ({"classes": 3, "outputs": 3}, r"pattern\(outputs\): expected None, got 3. A classifier has classes"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        pattern("FC3", **options)


@pytest.mark.slow
def test_ten_thousand_layers() -> None:
    assert len(pattern("[CONV3x4 -> RELU]*4999 -> FC9").parts) == 10_000
