"""Data made fit for a module, and a module made ready that is lazy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from netwright.checks.checking import check
from netwright.checks.fitting import _placed, fit, number_format
from netwright.checks.reading import Batch, Keywords, read
from netwright.core.errors import InvalidData

CROSS, LOGITS, SQUARES = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()
F32, F64, HALF = torch.float32, torch.float64, torch.bfloat16


@pytest.fixture
def pair(draw: Any, classes: Any) -> Any:
    X = draw(90, 4)
    return X, classes(X)


def fitted(module: nn.Module, loss: Any, data: Any, held: Any = None) -> Any:
    """Training and held-out batches as the module is given them."""
    like = number_format(module)
    read_held = None if held is None else read(held, None, like, "validation")
    return fit((module, [], loss), read(data, None, like), read_held)


def kinds(module: nn.Module, loss: Any, data: Any) -> tuple[torch.dtype, torch.dtype]:
    """The number formats of inputs and target that it is given."""
    _, material, _ = fitted(module, loss, data)
    assert material.whole.inputs[0].dtype == material.batches[0].inputs[0].dtype
    assert material.whole.target.dtype == material.batches[0].target.dtype
    return material.whole.inputs[0].dtype, material.whole.target.dtype


# number formats


def test_what_fits_stays_the_same_object(net: Any, pair: Any) -> None:
    program = (net(4, 3), [], CROSS)
    material = read(pair, None, F32)
    assert fit(program, material, None) == (program, material, None)
    assert fit(program, material, None)[1] is material


@pytest.mark.parametrize("like", [F32, F64, HALF, torch.float16], ids=str)
@pytest.mark.parametrize("given", [F32, F64], ids=str)
def test_inputs_in_the_number_format_of_the_module(like: Any, given: Any, net: Any, pair: Any) -> None:
    assert kinds(net(4, 3).to(like), CROSS, (pair[0].to(given), pair[1])) == (like, torch.int64)


def test_whole_numbers_and_truths_as_inputs(net: Any, pair: Any) -> None:
    X, y = pair
    assert kinds(net(4, 3), CROSS, ((3 * X).round().long(), y)) == (F32, torch.int64)
    assert kinds(net(4, 3), CROSS, (X > 0, y)) == (F32, torch.int64)
    words = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, 3))
    assert kinds(words, CROSS, ((X > 0).long(), y)) == (torch.int64, torch.int64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "given", "expected"),
    [
        (CROSS, torch.int32, torch.int64),
        (CROSS, torch.int16, torch.int64),
        (CROSS, F64, torch.int64),
        (CROSS, torch.int64, torch.int64),
        (LOGITS, torch.int64, F32),
        (LOGITS, torch.bool, F32),
        (nn.HuberLoss(), torch.int64, F32),
        (SQUARES, F32, F32),
    ],
    ids=str,
)
def test_targets_as_the_loss_takes_them(loss: Any, given: Any, expected: Any, net: Any, pair: Any) -> None:
    X, y = pair
    target = y if loss is CROSS else (y > 0).long()[:, None]
    module = net(4, 8, 3 if loss is CROSS else 1)
    assert kinds(module, loss, (X, target.to(given))) == (F32, expected)
    assert check(module, loss, torch.optim.Adam(module.parameters(), lr=1e-2), (X, target.to(given))).ok


def test_held_out_rows_are_changed_likewise(net: Any, pair: Any) -> None:
    X, y = pair
    _, material, held = fitted(net(4, 3), CROSS, (X.double(), y.int()), (X[:9].double(), y[:9].int()))
    for part in (material, held):
        assert (part.whole.inputs[0].dtype, part.whole.target.dtype) == (F32, torch.int64)


def test_what_nothing_helps_is_left_as_it_is(net: Any, pair: Any, formula: Any) -> None:
    X, y = pair
    assert kinds(net(5, 3), CROSS, (X.double(), y.int())) == (F64, torch.int32)
    assert kinds(net(4, 3), CROSS, (X, y + 7)) == (F32, torch.int64)
    assert kinds(net(4, 3), lambda z, t: z.undefined, (X, y.int())) == (F32, torch.int32)


def test_a_loader_that_gives_double_precision(net: Any, adam: Any, pair: Any) -> None:
    rows = list(zip(pair[0].numpy().astype("float64"), pair[1].tolist(), strict=True))
    module = net(4, 16, 3)
    found = check(module, CROSS, adam(module), DataLoader(rows, batch_size=15, shuffle=True))
    assert [str(each) for each in found.findings] == []


def test_the_devices_of_module_and_data(pair: Any) -> None:
    moved = _placed(Batch((pair[0], {"a": pair[0]}), (pair[1], pair[1])), torch.device("meta"))
    assert {moved.inputs[0].device.type, moved.inputs[1]["a"].device.type, moved.target[1].device.type} == {"meta"}


# inputs by name


class Named(nn.Module):
    """A module with two inputs that have names."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.words, self.out = nn.Embedding(12, 3), nn.Sequential(nn.Linear(3 + width, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, input_ids: Tensor, features: Tensor | None = None) -> Tensor:
        assert features is not None
        return self.out(torch.cat([self.words(input_ids).mean(1), features], 1))  # type: ignore[no-any-return]


class Whole(nn.Module):
    """A module that takes a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Named()

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.inner(**batch)  # type: ignore[no-any-return]


class Anything(Whole):
    """A module that takes whatever has a name."""

    def forward(self, **batch: Tensor) -> Tensor:  # type: ignore[override]
        return self.inner(batch["input_ids"], batch["features"])  # type: ignore[no-any-return]


class Records(Dataset[Any]):
    """Rows that are dicts."""

    def __init__(self, pair: Any, target: str = "labels", **more: Any) -> None:
        self.pair, self.target, self.more = pair, target, more

    def __len__(self) -> int:
        return len(self.pair[0])

    def __getitem__(self, row: int) -> Any:
        ids = torch.arange(5) * (row % 7) % 12
        return {"input_ids": ids, "features": self.pair[0][row], self.target: self.pair[1][row], **self.more}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["labels", "label", "target", "targets", "y"])
def test_a_batch_that_is_a_dict(target: str, adam: Any, pair: Any) -> None:
    module = Named()
    loader = DataLoader(Records(pair, target), batch_size=15, shuffle=True)
    found = check(module, CROSS, adam(module), loader, validation=Records((pair[0][:40] + 1, pair[1][:40]), target))
    assert [str(each) for each in found.faults] == []
    assert "not-examined" not in [each.code for each in found.findings]


def test_of_a_dict_only_what_forward_takes(adam: Any, pair: Any) -> None:
    loader = DataLoader(Records(pair, number=3, text="a"), batch_size=15)
    _, material, _ = fitted(Named(), CROSS, loader)
    for batch in (material.whole, *material.batches):
        assert isinstance(batch.inputs[0], Keywords)
        assert set(batch.inputs[0]) == {"input_ids", "features"}
    _, material, _ = fitted(Anything(), CROSS, loader)
    assert set(material.whole.inputs[0]) == {"input_ids", "features", "number"}


def test_a_dict_for_a_module_that_takes_a_dict(pair: Any) -> None:
    _, material, _ = fitted(Whole(), CROSS, DataLoader(Records(pair), batch_size=15))
    assert type(material.whole.inputs[0]) is dict
    _, material, _ = fitted(Whole(), CROSS, ({"input_ids": torch.zeros(90, 5).long(), "features": pair[0]}, pair[1]))
    assert type(material.whole.inputs[0]) is dict


def test_a_dict_of_inputs_by_name(adam: Any, pair: Any) -> None:
    data = ({"input_ids": torch.arange(450).reshape(90, 5) * 7 % 12, "features": pair[0]}, pair[1])
    module = Named()
    _, material, _ = fitted(module, CROSS, data)
    assert isinstance(material.batches[0].inputs[0], Keywords)
    assert check(module, CROSS, adam(module), data).ok


def test_one_tensor_needs_no_name(net: Any, adam: Any, pair: Any) -> None:
    rows = [{"picture": x, "label": y} for x, y in zip(*pair, strict=True)]
    _, material, _ = fitted(net(4, 3), CROSS, rows)
    assert torch.equal(material.whole.inputs[0], pair[0])
    module = net(4, 16, 3)
    assert check(module, CROSS, adam(module), rows).ok


def test_names_that_forward_does_not_have(pair: Any, formula: Any) -> None:
    module = formula(lambda m, a, b: a, o=nn.Linear(4, 3))
    module.forward = lambda a, b: a  # type: ignore[method-assign]
    with pytest.raises(InvalidData) as raised:
        fitted(module, CROSS, DataLoader(Records(pair), batch_size=15))
    assert str(raised.value) == (
        "nw.check(data): expected inputs named as forward names them (a, b), got input_ids, features. "
        "Rename them in the data set."
    )


# the number of inputs


def test_more_or_fewer_inputs_than_forward_takes(net: Any, pair: Any) -> None:
    X, y = pair
    with pytest.raises(InvalidData) as raised:
        fitted(net(4, 3), CROSS, (X, y, y))
    assert str(raised.value) == (
        "nw.check(data): expected the inputs of forward(input), got 2 inputs. Of several targets make one tuple: "
        "(X, (y1, y2)); of several inputs (X1, X2, y)."
    )
    with pytest.raises(InvalidData, match=r"expected the inputs of forward\(input1, input2\), got 1 input\."):
        fitted(nn.Bilinear(4, 4, 3), CROSS, (X, y))
    fitted(nn.Bilinear(4, 4, 3), CROSS, (X, X, y))


def test_a_hook_may_give_what_is_missing(pair: Any) -> None:
    module = nn.Bilinear(4, 4, 3)
    module.register_forward_pre_hook(lambda m, inputs: (inputs[0], inputs[0]))
    assert kinds(module, CROSS, pair) == (F32, torch.int64)


# lazy modules


def test_a_lazy_module_is_examined_as_a_copy_with_weights(pair: Any) -> None:
    module = nn.Sequential(nn.LazyLinear(16), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(3))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    state = torch.get_rng_state()
    (copied, (other,), _), _, _ = fit((module, [optimizer], CROSS), read(pair, None, F32), None)
    assert copied[0].weight.shape == (16, 4)
    assert other.param_groups[0]["params"][0] is copied[0].weight
    assert module[0].has_uninitialized_params()
    assert torch.equal(torch.get_rng_state(), state)
    found = check(module, CROSS, optimizer, (pair[0].numpy().astype(np.float64), pair[1]))
    assert [str(each) for each in found.findings] == []
    assert module[0].has_uninitialized_params()


def test_a_lazy_module_that_cannot_be_called(pair: Any) -> None:
    module = nn.Sequential(nn.LazyLinear(16), nn.Linear(5, 3))
    found = check(module, CROSS, torch.optim.Adam(module.parameters(), lr=1e-2), pair)
    assert found.ok
    assert {each.code for each in found.findings} == {"not-examined"}


def test_labels_as_a_column_where_the_last_layer_has_one_unit(net: Any, pair: Any, adam: Any) -> None:
    """``loss(net(x).squeeze(1), y.float())`` in a loop takes labels as they are."""
    X, y = pair[0], torch.arange(len(pair[0])) % 2
    module = net(X.shape[1], 6, 1)
    loss = nn.functional.binary_cross_entropy_with_logits
    diagnosis = check(module, loss, adam(module), (X, y))
    assert "label-range" not in diagnosis.codes
    assert "not-examined" not in [each.code for each in diagnosis.notes]
    one = check(module, nn.CrossEntropyLoss(), adam(module), (X, y))  # a softmax of one number is no such loss
    assert not one.ok
