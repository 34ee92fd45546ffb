"""Schemes of spans: which tags may follow each other, against spans that are written out."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.layers import CRF, forbidden_transitions

LABELS = {
    "BIO": ["O", "B-A", "I-A", "B-B", "I-B"],
    "IOB1": ["O", "B-A", "I-A", "B-B", "I-B"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-A", "B-B", "E-B"],
    "BILOU": ["O", "B-A", "I-A", "L-A", "U-A", "B-B", "L-B"],
    "BMES": ["B", "M", "E", "S"],
}


def written(spans: list[tuple[int, int, str]], steps: int, scheme: str) -> list[str]:
    """The tags of spans (first, behind the last, kind) by a scheme."""
    tags = ["O"] * steps
    before: tuple[int, str] | None = None
    for first, behind, kind in spans:
        if scheme in ("BIO", "IOB1"):
            touches = before == (first, kind)
            begin = "B" if scheme == "BIO" or touches else "I"
            tags[first:behind] = [f"{begin}-{kind}", *[f"I-{kind}"] * (behind - first - 1)]
        else:
            middle, last, single = {"BIOES": "IES", "BILOU": "ILU", "BMES": "MES"}[scheme]
            many = [f"B-{kind}", *[f"{middle}-{kind}"] * (behind - first - 2), f"{last}-{kind}"]
            tags[first:behind] = many if behind - first > 1 else [f"{single}-{kind}"]
        before = (behind, kind)
    return tags


def all_spans(steps: int, kinds: str, start: int = 0) -> Any:
    """All ways to lay spans that do not overlap."""
    yield []
    for first in range(start, steps):
        for behind in range(first + 1, steps + 1):
            for kind in kinds:
                for rest in all_spans(steps, kinds, behind):
                    yield [(first, behind, kind), *rest]


@pytest.mark.parametrize("scheme", ["BIO", "IOB1", "BIOES", "BILOU"])
def test_allowed_are_exactly_the_tags_of_spans(scheme: str) -> None:
    full = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES", "BILOU": "BILU"}[scheme]
    labels = ["O", *(f"{letter}-{kind}" for kind in "AB" for letter in full)]
    taken = set(forbidden_transitions(labels, scheme))
    steps = 3
    allowed = {tuple(labels.index(tag) for tag in written(spans, steps, scheme)) for spans in all_spans(steps, "AB")}
    for path in product(range(len(labels)), repeat=steps):
        whole = (len(labels), *path, len(labels) + 1)
        assert (path in allowed) == all(pair not in taken for pair in pairwise(whole)), path


def test_words_of_letters_without_kinds() -> None:
    assert forbidden_transitions(["B", "M", "E", "S"], "BMES") == (
        (0, 0), (0, 3), (0, 5), (1, 0), (1, 3), (1, 5), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 2)
    )  # fmt: skip


def test_no_path_breaks_a_scheme() -> None:
    labels = LABELS["BIOES"]
    taken = forbidden_transitions(labels, "BIOES")
    crf = CRF(len(labels), taken).build(seed=0)
    e = 5 * torch.randn(20, 12, len(labels), generator=torch.Generator().manual_seed(0))
    paths = [
        *crf.decode(e),
        *(path for each in crf.decode(e, nbest=4) for path in each),
        *crf.sample(e, generator=torch.Generator().manual_seed(1))[0].tolist(),
    ]
    for path in paths:
        whole = [len(labels), *path, len(labels) + 1]
        assert not set(pairwise(whole)) & set(taken)


def test_labels_and_schemes_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match="BIOES"):
        forbidden_transitions(["O"], "IOBX")
    for label in ("X-A", "E-A", "O-A", ""):
        with pytest.raises(InvalidData):
            forbidden_transitions(["O", label], "BIO")
