"""What the grammar of layer patterns refuses: the sentence of every error, and where its carets stand."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter
from netwright.models.pattern_text import DEEPEST, LONGEST, MOST, read_pattern, tokenize
from netwright.models.pattern_words import Place, names, pointed, read_word

LAYER = "a layer such as CONV3x64, FC128, POOL2"


def test_the_example_of_the_documentation() -> None:
    with pytest.raises(InvalidParameter) as caught:
        read_pattern("INPUT -> [COMV -> RELU]*2 -> FC")
    assert str(caught.value) == (
        "pattern: expected a layer such as CONV3x64, FC128, POOL2, got 'COMV'. Did you mean 'CONV'?\n"
        "  INPUT -> [COMV -> RELU]*2 -> FC\n"
        "            ^^^^"
    )


@pytest.mark.parametrize(
    ("text", "carets", "message"),
    [
        # names
        ("FC -> RELO3 -> FC", "      ^^^^", f"expected {LAYER}, got 'RELO'. Did you mean 'RELU'?"),
        ("FC -> 3x64", "      ^^^^", f"expected {LAYER}, got '3x64'."),
        ("Wombat -> FC", "^^^^^^", "got 'Wombat'. Choose one of: CONV, POOL, AVGPOOL, FC, DROP, BN,"),
        ("FC -> INPUT", "      ^^^^^", "expected INPUT without a size, and only at the beginning, got 'INPUT'."),
        ("[INPUT -> FC]", " ^^^^^", "expected INPUT without a size, and only at the beginning, got 'INPUT'."),
        ("INPUT3x3 -> FC", "^^^^^^^^", "got 'INPUT3x3'. The shape of one sample is given beside the text"),
        # arrows
        ("CONV RELU", "     ^^^^", "expected '->' between two layers, got 'RELU'."),
        ("[CONV RELU]", "      ^^^^", "expected '->' between two layers, got 'RELU'."),
        ("INPUT CONV", "      ^^^^", "expected '->' between two layers, got 'CONV'."),
        ("[CONV] [RELU]", "       ^", "expected '->' between two layers, got '['."),
        ("CONV >> RELU", "     ^", "expected '->' between two layers, got '>'."),
        ("CONV - RELU", "     ^", "expected '->' between two layers, got '-'."),
        ("[CONV]2", "      ^", "expected '->' between two layers, got '2'. Write [CONV]*2."),
        ("FC -> [[FC] -> FC]3", "                  ^", "got '3'. Write [[FC] -> FC]*3."),
        (f"[{'RELU -> ' * 6}FC]2", f"{' ' * 52}^", "got '2'. Write [...]*2."),
        ("[CONV]3x64", "      ^^^^", "got '3x64'. Sizes stand right behind the name: CONV3x64."),
        ("CONV 3x64", "     ^^^^", "got '3x64'. Sizes stand right behind the name: CONV3x64."),
        ("Conv(3) -> FC", "    ^", "got '('. A pattern has sizes behind names, CONV3x64; layers as code are joined"),
        ("CONV ->", "     ^^", f"expected {LAYER} behind '->', got the end."),
        ("INPUT ->", "      ^^", f"expected {LAYER} behind '->', got the end."),
        ("-> CONV", "^^", f"expected {LAYER}, got '->'."),
        ("CONV -> -> FC", "        ^^", f"expected {LAYER}, got '->'."),
        ("CONV → → FC", "       ^", f"expected {LAYER}, got '→'."),
        ("INPUT", "^^^^^", "expected a layer behind INPUT, got the end. Write INPUT -> FC, for example."),
        # brackets
        ("CONV -> [[RELU] -> FC", "        ^", "expected ']' for every '[', got the end. Close this one."),
        ("[CONV", "^", "expected ']' for every '[', got the end."),
        ("[CONV ->", "      ^^", f"expected {LAYER} behind '->', got the end."),
        ("[CONV -> ]", "         ^", f"expected {LAYER}, got ']'."),
        ("[", "^", f"expected {LAYER} behind '[', got the end."),
        ("CONV]*2", "    ^", "expected '[' before every ']', got ']'. Open it, or leave this one out."),
        ("FC -> [ ]", "      ^^^", "expected a layer between the brackets, got '[ ]'."),
        # counts and question marks
        (
            "[FC]*",
            "    ^",
            "expected a count >= 0 of at most 9 digits behind '*', such as [CONV -> RELU]*2, got the end.",
        ),
        ("[FC]* -> FC", "      ^^", "behind '*', such as [CONV -> RELU]*2, got '->'."),
        ("[FC]*two", "     ^^^", "got 'two'."),
        ("[FC]*-1", "     ^", "got '-'."),
        ("[FC]*1.5", "     ^^^", "got '1.5'."),
        ("[FC]*²", "     ^", "got '²'."),
        ("FC*0 -> FC", "   ^", "expected a count >= 1 .*, got '0'. Leave the layer out, or put it into brackets"),
        ("[FC]*1234567890", "     ^^^^^^^^^^", "at most 9 digits behind '*', .*, got '1234567890'."),
        ("*2", "^", f"expected {LAYER}, got '*'."),
        ("FC?? -> FC", "   ^", "expected at most one '*' and one '?' behind a layer, in this order, got '?'."),
        ("[FC]?*2", "     ^", "got '*'. Use brackets for more: [[FC -> RELU]?]*2."),
        ("FC*2*2", "    ^", "got '*'."),
        ("INPUT? -> FC", "     ^", "got '?'."),
        # how many
        ("[[CONV]*200]*200", "^^^^^^^^^^^^^^^^", "expected at most 10,000 layers, got 40,000. Repeat it less often."),
        ("CONV*10001", "^^^^^^^^^^", "expected at most 10,000 layers, got 10,001."),
        ("FC*9999 -> FC*2 ", "^^^^^^^^^^^^^^^", "expected at most 10,000 layers, got 10,001."),
        # sizes
        ("FC3x4", "^^^^^", "expected FC alone or with a number of units, such as FC128, got 'FC3x4'."),
        ("FC0", "^^^", "expected FC alone or with"),
        ("FC/2", "^^^^", "expected FC alone or with"),
        ("FC1.5", "^^^^^", "got 'FC1.5'."),
        ("FC1234567890", "^^^^^^^^^^^^", "expected FC alone or with"),
        (
            "POOL0",
            "^^^^^",
            "expected POOL alone or with a size, a /STRIDE or both, such as POOL2 or POOL3/2, got 'POOL0'.",
        ),
        ("POOL3/", "^^^^^^", "expected POOL alone or with"),
        ("POOL2x2", "^^^^^^^", "expected POOL alone or with"),
        ("AVGPOOL2/0", "^^^^^^^^^^", "such as AVGPOOL2 or AVGPOOL3/2, got 'AVGPOOL2/0'."),
        (
            "CONV64",
            "^^^^^^",
            "or CONV3x64/2, got 'CONV64'. Say both: CONV3x64 has 64 filters, CONV64x32 a kernel of 64.",
        ),
        ("CONV3x", "^^^^^^", "expected CONV alone or with KERNELxFILTERS, /STRIDE or both, such as CONV3x64"),
        ("CONVx64", "^^^^^", "got 'CONVx'."),
        ("CONV3/2", "^^^^^^^", "got 'CONV3/2'."),
        ("CONV3x64x2", "^^^^^^^^^^", "got 'CONV3x64x2'."),
        ("CONV3x64/2/2", "^^^^^^^^^^^^", "got 'CONV3x64/2/2'."),
        ("DROP1", "^^^^^", "expected DROP alone or with a share in [0, 1), such as DROP0.5, got 'DROP1'."),
        ("DROP.5", "^^^^^^", "got 'DROP.5'. Write DROP0.5."),
        ("dropout.25", "^^^^^^^^^^", "got 'dropout.25'. Write DROP0.25."),
        ("DROP0.", "^^^^^^", "got 'DROP0.'."),
        ("DROP50", "^^^^^^", "got 'DROP50'."),
        ("RELU64", "^^^^^^", "expected RELU without a size, got 'RELU64'. The width of a dense layer stands behind FC"),
        ("GAP2", "^^^^", "expected GAP without a size, got 'GAP2'."),
    ],
)
def test_refusals_point_at_the_place(text: str, carets: str, message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read_pattern(text)
    sentence, line, under = str(caught.value).split("\n")
    assert sentence.startswith("pattern: expected ")
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), sentence), sentence
    assert line == f"  {text.rstrip()}"
    assert under == f"  {carets}"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_text(text: str) -> None:
    expected = r"pattern: expected layers joined by ->, such as 'INPUT -> CONV -> RELU -> FC', got '.*'\.$"
    with pytest.raises(InvalidParameter, match=expected):
        read_pattern(text)


def test_texts_of_another_kind_or_too_long() -> None:
    given: Any = 3
    with pytest.raises(InvalidParameter, match="pattern: expected a text of at most 100000 characters, got 3"):
        read_pattern(given)
    with pytest.raises(InvalidParameter, match="got 100001 characters"):
        read_pattern("F" * (LONGEST + 1))


def test_brackets_within_brackets() -> None:
    assert read_pattern("[" * DEEPEST + "FC" + "]" * DEEPEST)[0].layers == 1
    with pytest.raises(InvalidParameter, match="expected at most 64 brackets within each other, got one more"):
        read_pattern("[" * (DEEPEST + 1) + "FC" + "]" * (DEEPEST + 1))


def test_as_many_layers_as_may_be() -> None:
    assert read_pattern(f"[[RELU]*{MOST // 10}]*10")[0].layers == MOST
    assert read_pattern("[[RELU]*9000]*0 -> [RELU]*9000")[0].layers == 0


def test_a_long_text_is_cut_round_the_place() -> None:
    text = " -> ".join(["CONV"] * 60)
    for at in (0, 30 * 8, 59 * 8):
        wrong = f"{text[:at]}COMV{text[at + 4 :]}"
        with pytest.raises(InvalidParameter, match="got 'COMV'") as caught:
            read_pattern(wrong)
        _, line, carets = str(caught.value).split("\n")
        assert len(line) <= 108
        assert line[carets.index("^") : len(carets)] == "COMV"
        assert line.startswith("  ...") == (at > 0)
        assert line.endswith("...") == (at < 59 * 8)


def test_places_on_several_lines_and_of_all_of_a_long_text() -> None:
    assert pointed("FC\n->\tFC", Place(6, 8)) == "  FC -> FC\n        ^^"
    line, carets = pointed("x" * 300, Place(0, 300)).split("\n")
    assert carets == f"  {'^' * 100}"
    assert line == f"  {'x' * 100}..."


def test_the_tree() -> None:
    first, second = read_pattern("input -> [CONV3x8 -> [RELU]*0]*2? -> FC")
    assert (first.times, first.optional, first.layers) == (2, True, 2)
    assert first.place == Place(9, 33)
    assert isinstance(first.what, tuple)
    assert first.what[0].what == read_word("input -> [CONV3x8", Place(10, 17))
    assert (second.times, second.optional, second.place) == (1, False, Place(37, 39))


def test_every_activation_has_a_name() -> None:
    known = {"RELU", "TANH", "SIGMOID", "HARDSIGMOID", "LEAKYRELU", "ELU", "PRELU", "SOFTPLUS", "SOFTMAX", "LINEAR"}
    assert known <= set(names())
    assert len(set(names())) == len(names())


@given(st.text("CONVFCPOLx0123/.[]*?-> →\n(²é", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    tokens = tokenize(text)
    assert "".join(text[token.place.start : token.place.stop] for token in tokens) == "".join(text.split())
    message, elements = "", ()
    try:
        elements = read_pattern(text)
    except InvalidParameter as error:
        message = str(error)
    assert bool(elements) != message.startswith("pattern: expected ")
    assert all(element.place.stop <= len(text) for element in elements)
