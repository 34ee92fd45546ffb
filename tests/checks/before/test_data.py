"""Questions to inputs and targets: finite, varying, scaled, with their axes in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.before.data import axes, finite, one_symbol, scale_of_inputs, scale_of_targets, varying

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


# finite


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_one_number_that_is_not_finite_is_found_where_it_is(bad: float, one: Any, net: Any, draw: Any) -> None:
    X, y = draw(30, 4), torch.arange(30) % 3
    X[17, 2] = bad
    found = one(finite, net(4, 3), CROSS, (X, y))
    assert (found.code, found.level) == ("non-finite-data", "fault")
    assert found.evidence == {"values": 1, "rows": 1}
    assert (found.where.row, found.where.column) == (17, 2)
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("data", "drop_rows", [17])
    assert f"({bad})" in found.seen
    assert "row 17, column 2" in found.seen


def test_values_and_rows_are_counted_apart_and_the_first_row_is_named(one: Any, net: Any, draw: Any) -> None:
    X = draw(30, 4)
    X[5, 3] = X[5, 1] = X[21, 0] = torch.nan
    found = one(finite, net(4, 3), CROSS, (X, torch.arange(30) % 3))
    bad = ~np.isfinite(X.numpy())
    assert found.evidence == {"values": int(bad.sum()), "rows": int(bad.any(1).sum())} == {"values": 3, "rows": 2}
    assert (found.where.row, found.where.column) == (5, 1)
    assert found.remedy.value == [5, 21]


def test_a_column_has_the_name_that_the_frame_gives_it(one: Any, net: Any, draw: Any) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(draw(30, 3).numpy(), columns=["age", "height", "weight"])
    frame.loc[4, "height"] = np.nan
    found = one(finite, net(3, 1), SQUARES, (frame, np.zeros((30, 1))))
    assert found.where.column == "height"
    assert "column height" in found.seen


def test_targets_and_held_out_rows_are_looked_at_too(ask: Any, net: Any, draw: Any) -> None:
    X, y, Xv, yv = draw(20, 2), draw(20, 1), draw(10, 2), draw(10, 1)
    y[3], Xv[4, 1], yv[5] = torch.inf, torch.nan, torch.nan
    found = ask(finite, net(2, 1), SQUARES, (X, y), validation=(Xv, yv))
    assert [each.seen.split(" holds")[0] for each in found] == ["y", "validation X", "validation y"]
    assert [each.where.row for each in found] == [3, 4, 5]


def test_an_image_has_its_place_counted_along_the_row(one: Any, draw: Any) -> None:
    X = draw(8, 2, 3, 3)
    X[2, 1, 0, 2] = torch.nan
    found = one(finite, nn.Conv2d(2, 1, 3), SQUARES, (X, draw(8, 1, 1, 1)))
    assert found.where.column == 9 + 2


def test_finite_numbers_however_large_are_right(ask: Any, net: Any, draw: Any) -> None:
    assert not ask(finite, net(4, 1), SQUARES, (draw(20, 4) * 1e37, draw(20, 1)))
    assert not ask(
        finite, net(4, 3), CROSS, (draw(20, 4), torch.arange(20) % 3), validation=(draw(9, 4), torch.ones(9))
    )
    assert not ask(finite, nn.Embedding(9, 2), SQUARES, (torch.arange(9), draw(9, 2)))


def test_every_input_and_every_target_is_looked_at(ask: Any, net: Any, draw: Any) -> None:
    X, Z, y = draw(12, 2), draw(12, 3), {"a": draw(12, 1), "b": draw(12, 1)}
    Z[7, 2], y["b"][8] = torch.nan, torch.nan
    found = ask(finite, net(2, 1), SQUARES, (X, Z, y))
    assert [(each.where.row, each.where.column) for each in found] == [(7, 2), (8, 0)]


def test_missing_numbers_that_the_program_takes_care_of_are_at_most_a_note(ask: Any, formula: Any, draw: Any) -> None:
    X = draw(60, 4).clamp_max(1.0)
    X[::7, 2] = torch.nan
    filled = formula(lambda m, x: m.o(x.nan_to_num(0.0)), o=nn.Linear(4, 1))
    found = ask(finite, filled, SQUARES, (X, draw(60, 1)))
    masked = lambda z, t: SQUARES(z[~t.isnan()], t[~t.isnan()])  # noqa: E731
    found += ask(finite, nn.Linear(4, 4), masked, (draw(60, 4), X))
    assert all(each.level == "note" for each in found)


# varying


@pytest.mark.parametrize("value", [0.0, 0.5, -3e5])
def test_blank_inputs(value: float, one: Any, net: Any) -> None:
    found = one(varying, net(5, 3), CROSS, (torch.full((40, 5), value), torch.arange(40) % 3))
    assert (found.code, found.level) == ("constant-input", "fault")
    assert found.evidence == {"constant": 1.0}


def test_most_rows_are_one_and_the_same(one: Any, net: Any, draw: Any) -> None:
    X = draw(40, 5)
    X[4:34] = X[4]
    found = one(varying, net(5, 3), CROSS, (X, torch.arange(40) % 3))
    assert (found.code, found.level) == ("constant-input", "fault")
    assert found.evidence["same_rows"] == pytest.approx(30 / 40)


def test_many_columns_that_do_not_vary_are_a_note(one: Any, net: Any, draw: Any) -> None:
    X = torch.cat([draw(40, 3), torch.ones(40, 7)], 1)
    found = one(varying, net(10, 3), CROSS, (X, torch.arange(40) % 3))
    assert (found.code, found.level) == ("constant-input", "note")
    assert found.evidence["constant"] == pytest.approx(7 / 10)


def test_right_inputs_vary(ask: Any, net: Any, draw: Any) -> None:
    y = torch.arange(40) % 3
    X = draw(40, 5)
    X[:, :2] = 1.0  # two of five columns, as the edges of digits
    assert not ask(varying, net(5, 3), CROSS, (X, y))
    assert not ask(varying, net(5, 3), CROSS, (1e6 + draw(40, 5), y))  # a large offset is another matter
    assert not ask(varying, net(5, 3), CROSS, ((draw(40, 5) > 1).float(), y))  # a sparse bag of words
    assert not ask(varying, nn.Embedding(9, 2), CROSS, (torch.zeros(40, dtype=torch.long), y))


# the scale of inputs


def tabular(draw: Any) -> tuple[Any, Any]:
    """Rows with a straight rule in every column."""
    X = draw(160, 4)
    return X, (X @ torch.tensor([[1.0], [-1.0], [0.5], [2.0]])).tanh()


def test_a_column_far_larger_than_the_others(one: Any, net: Any, draw: Any) -> None:
    X, y = tabular(draw)
    X[:, 2] *= 1e4
    module = net(4, 16, 1)
    found = one(scale_of_inputs, module, SQUARES, (X, y), torch.optim.SGD(module.parameters(), lr=0.05))
    assert (found.code, found.level) == ("unscaled-input", "fault")
    deviation = X.double().numpy().std(0, ddof=1)
    middle = sorted(deviation)[1]  # torch's median of four is the lower one
    assert found.evidence["largest_over_median"] == pytest.approx(deviation.max() / middle, rel=1e-6)
    assert found.evidence["median_deviation"] == pytest.approx(middle, rel=1e-6)
    assert found.evidence["left_scaled"] < 0.75 * found.evidence["left_as_is"]
    assert found.where.column == 2
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("data", "standardize", True)


def test_all_columns_large_and_all_columns_off(ask: Any, net: Any, draw: Any) -> None:
    X, y = tabular(draw)
    for data in (300 * X, X + 400):
        module = net(4, 16, last=nn.Sigmoid()).append(nn.Linear(16, 1))
        found = ask(scale_of_inputs, module, SQUARES, (data, y), torch.optim.SGD(module.parameters(), lr=0.05))
        assert [each.code for each in found] == ["unscaled-input"]
    assert "lies" in found[0].seen
    assert "standard deviations away from 0" in found[0].seen


def test_one_column_far_from_0(one: Any, ask: Any, net: Any, adam: Any, formula: Any, draw: Any) -> None:
    X = draw(600, 6)
    y = X[:, :1] * X[:, 1:2] + 0.3 * X[:, 2:3]
    X[:, 5] = 1990.0 + torch.arange(600) % 30
    module = net(6, 32, 1)
    found = one(scale_of_inputs, module, SQUARES, (X, y), adam(module, 3e-3))
    assert (found.code, found.level, found.where.column) == ("unscaled-input", "fault", 5)
    assert "column 5 of X lies" in found.seen
    centred = torch.cat([X[:, :5], (X[:, 5:] - 2004.5) / 8.7], 1)
    assert not ask(scale_of_inputs, module, SQUARES, (centred, y), adam(module, 3e-3))
    X[:, 5] = 1 + 0.001 * draw(600)
    assert not ask(scale_of_inputs, module, SQUARES, (X, y), adam(module, 3e-3)), "hardly varies, and is no larger"
    X[:, 5] = 1990.0 + torch.arange(600) % 30
    zero = torch.tensor([0.0, 0, 0, 0, 0, 2004.5])
    inside = formula(lambda m, x: m.net((x - zero) / (1 + zero / 230)), net=module)
    assert not ask(scale_of_inputs, inside, SQUARES, (X, y), adam(module, 3e-3)), "the module does it"


def test_inputs_of_a_common_scale_are_right(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = tabular(draw)
    for data in (X, 5 * X, X * torch.tensor([1.0, 3.0, 0.2, 8.0]), (X > 0).float(), 0.5 + 0.1 * X):
        module = net(4, 16, 1)
        assert not ask(scale_of_inputs, module, SQUARES, (data, y), adam(module))


@pytest.mark.parametrize("first", [nn.BatchNorm1d(4), nn.LayerNorm(4)], ids=["batch", "layer"])
def test_inputs_that_the_first_layer_normalises_are_right(first: Any, ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = tabular(draw)
    module = nn.Sequential(first, net(4, 16, 1))
    assert not ask(scale_of_inputs, module, SQUARES, (1000 * X, y), adam(module))


def test_inputs_that_forward_scales_are_at_most_a_note(ask: Any, formula: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = tabular(draw)
    module = formula(lambda m, x: m.net((x - 500) / 1000), net=net(4, 16, 1))
    found = ask(scale_of_inputs, module, SQUARES, (1000 * X + 500, y), adam(module))
    assert all(each.level == "note" for each in found)


def test_whole_numbers_have_no_scale(ask: Any, draw: Any) -> None:
    module = nn.Sequential(nn.Embedding(1000, 4), nn.Flatten(), nn.Linear(12, 1))
    X = torch.arange(90).reshape(30, 3) * 10
    assert not ask(scale_of_inputs, module, SQUARES, (X, draw(30, 1)))


# the scale of targets


def test_a_target_far_from_the_output(one: Any, net: Any, draw: Any) -> None:
    X, y = tabular(draw)
    y = 5000 + 800 * y
    module = net(4, 16, 1)
    found = one(scale_of_targets, module, SQUARES, (X, y), torch.optim.SGD(module.parameters(), lr=0.05))
    assert (found.code, found.level) == ("unscaled-target", "fault")
    assert found.evidence["deviation"] == pytest.approx(y.double().numpy().std(ddof=1), rel=1e-6)
    assert found.evidence["mean"] == pytest.approx(y.double().numpy().mean(), rel=1e-6)
    assert found.evidence["left_scaled"] < 0.75 * found.evidence["left_as_is"]
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("target", "standardize", True)


def test_targets_within_the_usual_scale_are_right(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = tabular(draw)
    for target in (y, 3 + 2 * y, 0.1 * y - 0.3):
        module = net(4, 16, 1)
        assert not ask(scale_of_targets, module, SQUARES, (X, target), adam(module))


def test_a_raw_target_whose_mean_the_output_has_is_at_most_a_note(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = tabular(draw)
    y = 150 + 6 * y
    module = net(4, 32, 1)
    with torch.no_grad():
        module[-1].bias.fill_(float(y.mean()))
    found = ask(scale_of_targets, module, SQUARES, (X, y), adam(module, 0.1))
    assert all(each.level == "note" for each in found)


def test_classes_and_constants_have_no_scale(ask: Any, net: Any, draw: Any) -> None:
    X = draw(40, 4)
    assert not ask(scale_of_targets, net(4, 200), CROSS, (X, torch.arange(40) * 4))
    assert not ask(scale_of_targets, net(4, 1), SQUARES, (X, torch.full((40, 1), 1e6)))
    assert not ask(scale_of_targets, net(4, 1), SQUARES, (X[:3], 1e6 * X[:3, :1]))


# the order of axes


def smooth(n: int, channels: int, height: int, width: int) -> Any:
    """Pictures in which neighbours are alike: (n, channels, height, width)."""
    noise = torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(3))
    return noise.cumsum(2).cumsum(3) / height


def test_pictures_whose_channels_were_viewed_and_not_permuted(one: Any) -> None:
    right = smooth(60, 3, 8, 8)
    wrong = right.permute(0, 2, 3, 1).reshape(60, 3, 8, 8)
    found = one(axes, nn.Conv2d(3, 4, 3), SQUARES, (wrong, torch.zeros(60, 4, 6, 6)))
    assert (found.code, found.level) == ("wrong-axes", "fault")
    assert found.evidence["correlation_reordered"] > found.evidence["correlation"] + 0.25
    assert (found.remedy.object, found.remedy.argument) == ("data", "permute")
    assert "permute" in found.do


def test_pictures_in_order_are_right(ask: Any) -> None:
    for channels in (1, 3):
        X = smooth(60, channels, 8, 8)
        module = nn.Conv2d(channels, 4, 3)
        assert not ask(axes, module, SQUARES, (X, torch.zeros(60, 4, 6, 6)))
    noise = torch.randn(60, 3, 8, 8)
    assert not ask(axes, nn.Conv2d(3, 4, 3), SQUARES, (noise, torch.zeros(60, 4, 6, 6)))


@pytest.mark.slow
def test_sequences_that_learn_all_the_same_are_a_note(one: Any, formula: Any, adam: Any) -> None:
    generator = torch.Generator().manual_seed(6)
    begin, rate = (torch.rand(300, 1, 4, generator=generator) for _ in range(2))
    X = (6.28 * (begin + (0.02 + 0.02 * rate) * torch.arange(30)[None, :, None])).sin().transpose(1, 2).contiguous()
    y = (rate.mean((1, 2)) > 0.5).long()
    for speed, level in ((3e-2, "note"), (1e-5, "fault")):
        run = lambda m, x: m.o(m.c(x)[0].flatten(1))  # noqa: E731
        module = formula(run, c=nn.GRU(30, 32, batch_first=True), o=nn.Linear(128, 2))
        found = one(axes, module, CROSS, (X, y), adam(module, speed))
        assert (found.code, found.level) == ("wrong-axes", level)


def test_a_loader_gives_the_same_answer_as_arrays(one: Any, net: Any, draw: Any) -> None:
    X, y = draw(30, 4), torch.arange(30) % 3
    X[17, 2] = torch.nan
    loader = DataLoader(TensorDataset(X, y), batch_size=7)
    found = one(finite, net(4, 3), CROSS, loader)
    assert (found.where.row, found.where.column, found.evidence["values"]) == (17, 2, 1)


def test_sequences_of_one_symbol(one: Any, ask: Any, formula: Any) -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.last = nn.Embedding(30, 4), nn.Linear(4, 2)

        def forward(self, tokens: torch.Tensor) -> Any:
            return self.last(self.table(tokens).mean(1))

    y, lengths = torch.arange(80) % 2, 3 + torch.arange(80) % 7
    there = torch.arange(12) < lengths[:, None]
    drawn = torch.randint(2, 30, (80, 12), generator=torch.Generator().manual_seed(0))
    found = one(one_symbol, Reader(), CROSS, (there.long(), y))
    assert (found.code, found.level, found.evidence["symbol"]) == ("constant-input", "fault", 1)
    for right in (drawn * there, (drawn > 15).long(), torch.where(drawn > 28, 2, 1)):
        assert not ask(one_symbol, Reader(), CROSS, (right, y))
    masked = formula(lambda m, x, mask: m.net(x * mask), net=Reader())
    assert not ask(one_symbol, masked, CROSS, (drawn, there.long(), y)), "a mask beside tokens"
