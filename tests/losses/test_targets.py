"""What a target must look like, and how its first bad value is named."""

from __future__ import annotations

import pytest
import torch

from netwright.core.errors import InvalidData
from netwright.losses import MSE, CrossEntropy, Hinge, KLDivergence
from netwright.losses.targets import check_entries, without_classes


def test_the_shape_of_class_indices() -> None:
    assert without_classes((6, 3)) == (6,)
    assert without_classes((6, 5, 3)) == (6, 5)
    assert without_classes((6, 3, 5, 4)) == (6, 5, 4)
    assert without_classes((6, 3, 5, 4, 2)) == (6, 5, 4, 2)


def test_the_first_bad_entry_is_named_by_row_and_value() -> None:
    target = torch.tensor([[1.0, 2.0], [3.0, torch.inf], [torch.nan, 0.0]])
    with pytest.raises(
        InvalidData, match=r"^MSE\(target\): expected finite numbers, got inf in row 1, 1\. Leave the row"
    ):
        MSE().check_target((2,), target)
    with pytest.raises(InvalidData, match=r"got -inf in row 0\."):
        MSE().check_target((), torch.tensor([-torch.inf, 1.0]))
    check_entries(MSE(), "anything", target, torch.ones(3, 2, dtype=torch.bool))


@pytest.mark.parametrize("loss", [CrossEntropy(), Hinge()], ids=repr)
@pytest.mark.parametrize("bad", [3, -1, -100])
def test_class_indices_out_of_range(loss: CrossEntropy | Hinge, bad: int) -> None:
    with pytest.raises(
        InvalidData, match=rf"expected class indices from 0 to 2, got {bad} in row 4\. The network needs"
    ):
        loss.check_target((3,), torch.tensor([0, 1, 2, 0, bad, bad]))
    with pytest.raises(InvalidData, match=rf"got {bad} in row 1, 0\."):
        loss.check_target((2, 3), torch.tensor([[0, 1], [bad, 2]]))


def test_class_indices_of_another_type() -> None:
    with pytest.raises(InvalidData, match=r"expected class indices of type int64, got torch\.int32\. Use \.long\(\)\."):
        CrossEntropy()(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int32))
    with pytest.raises(InvalidData, match=r"got torch\.float32"):
        CrossEntropy()(torch.zeros(2, 5, 3), torch.zeros(2, 5))


def test_class_indices_in_a_column() -> None:
    with pytest.raises(
        InvalidData,
        match=r"expected \(2,\) of class indices, got \(2, 1\) .*Use target\.squeeze\(-1\) for class indices",
    ):
        CrossEntropy()(torch.zeros(2, 3), torch.zeros(2, 1, dtype=torch.int64))


@pytest.mark.parametrize("loss", [CrossEntropy(), KLDivergence()], ids=repr)
def test_one_class_alone_says_nothing(loss: CrossEntropy | KLDivergence) -> None:
    with pytest.raises(
        InvalidData, match=r"\(output\): expected 2 classes or more, got shape \(4, 1\)\. .*BinaryCross"
    ):
        loss(torch.zeros(4, 1), torch.ones(4, 1))
    with pytest.raises(InvalidData, match=r"2 classes or more, got shape \(4, 1, 2, 2\)"):
        loss(torch.zeros(4, 1, 2, 2), torch.ones(4, 1, 2, 2))


@pytest.mark.parametrize("loss", [CrossEntropy(), KLDivergence()], ids=repr)
def test_rows_that_are_no_distributions(loss: CrossEntropy | KLDivergence) -> None:
    half = torch.tensor([[0.5, 0.5], [0.25, 0.75]])
    loss.check_target((2,), half)
    loss.check_target((2,), half.half() / 3 + half.half() / 3 * 2)  # rounded to half precision
    with pytest.raises(
        InvalidData, match=r"expected rows that sum to 1, got 1\.5 in row 1\. Divide each row by its sum"
    ):
        loss.check_target((2,), torch.tensor([[0.5, 0.5], [0.75, 0.75]]))
    with pytest.raises(InvalidData, match=r"expected probabilities >= 0, got -0\.5 in row 0, 1\."):
        loss.check_target((2,), torch.tensor([[1.5, -0.5], [0.5, 0.5]]))
