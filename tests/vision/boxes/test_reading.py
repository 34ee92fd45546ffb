"""What comes is what goes back: tensors, arrays, lists, their types, and arrays of unusual memory."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData
from netwright.vision import box_area, box_iou
from netwright.vision.boxes.reading import read_integers, read_numbers

BOX = [[0, 0, 4, 2]]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (BOX, torch.float64),
        (np.array(BOX, np.uint8), torch.float64),
        (np.array(BOX, np.float32), torch.float32),
        (np.array(BOX, np.float16), torch.float16),
        (np.array(BOX, ">f4"), torch.float64),
        (np.array(BOX, np.longdouble), torch.float64),
        (torch.tensor(BOX), torch.float64),
        (torch.tensor(BOX).half(), torch.float16),
        (torch.tensor(BOX).bfloat16(), torch.bfloat16),
    ],
)
def test_types(value: Any, dtype: torch.dtype) -> None:
    [tensor], form = read_numbers("f", value=value)
    assert form.dtype == dtype
    assert tensor.dtype == (torch.float32 if dtype.itemsize < 4 else dtype)
    assert tensor.tolist() == BOX


def test_lists_take_the_type_beside_them_and_integers_do_not_lose_digits() -> None:
    tensors, form = read_numbers("f", a=torch.zeros(1, 4), b=BOX)
    assert (form.dtype, tensors[1].dtype) == (torch.float32, torch.float32)
    assert read_numbers("f", a=torch.zeros(1, 4), b=np.array(BOX))[1].dtype == torch.float64
    assert read_numbers("f", a=torch.zeros(1, 4), b=torch.zeros(1, 4).half())[1].dtype == torch.float32


def test_arrays_of_unusual_memory_are_read_and_not_changed() -> None:
    whole = np.arange(32.0).reshape(4, 8)
    whole.flags.writeable = False
    assert box_area(whole[::-1, ::2]).tolist() == box_area(whole[::-1, ::2].copy()).tolist()
    assert box_iou(np.broadcast_to(np.array([0.0, 0, 1, 1]), (2, 4)), [[0, 0, 1, 1]]).tolist() == [[1], [1]]


def test_one_number_is_a_float_of_arrays() -> None:
    assert isinstance(box_area([0, 0, 2, 2]), float)
    assert box_area(torch.tensor([0.0, 0, 2, 2])).shape == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0.5], "expected integers, got float64"),
        ([True], "expected integers, got bool"),
        ([[1]], r"expected shape \(1,\), one a box, got shape \(1, 1\)"),
        ([1, 2], r"expected shape \(1,\)"),
    ],
)
def test_integers(value: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        read_integers("f(x)", value, 1)
    assert read_integers("f(x)", torch.tensor([2**62]), 1).tolist() == [2**62]
    assert read_integers("f(x)", [], 0).tolist() == []


@pytest.mark.slow
def test_numba_is_loaded_when_it_is_needed() -> None:
    loaded = "print('numba' in sys.modules)"
    program = f"import sys, netwright.vision as v; v.box_area([[0, 0, 1, 1]]); {loaded}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
