"""Questions to the split: rows in both parts, columns that hold the target, scales that differ, too few rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.before.split import enough_rows, leaking_column, scales_alike, shared_rows

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


# rows in both parts


def test_held_out_rows_that_are_in_training(one: Any, net: Any, draw: Any, classes: Any) -> None:
    X = draw(200, 4)
    y = classes(X)
    Xv = torch.cat([draw(30, 4), X[50:70]])
    found = one(shared_rows, net(4, 3), CROSS, (X, y), validation=(Xv, classes(Xv)))
    assert (found.code, found.level) == ("duplicate-rows", "fault")
    assert found.evidence == {"shared": 20, "share": pytest.approx(20 / 50), "within": 0.0}
    assert found.where.row == 30
    assert (found.remedy.object, found.remedy.argument) == ("data", "drop_shared_rows")
    assert found.remedy.value == list(range(30, 50))


def test_token_rows_and_several_inputs_are_compared_whole(one: Any, ask: Any, formula: Any, draw: Any) -> None:
    T = torch.randint(0, 500, (200, 8), generator=torch.Generator().manual_seed(1))
    words = nn.Sequential(nn.Embedding(500, 2), nn.Flatten(), nn.Linear(16, 2))
    y = torch.arange(200) % 2
    found = one(shared_rows, words, CROSS, (T[:150], y[:150]), validation=(T[140:], y[140:]))
    assert found.evidence["shared"] == 10
    both = formula(lambda m, x, t: m.words(t) + m.line(x), words=words, line=nn.Linear(3, 2))
    X = draw(200, 3)  # the tokens are shared, the numbers beside them are not
    assert not ask(shared_rows, both, CROSS, (X[:150], T[:150], y[:150]), validation=(X[150:], T[:50], y[150:]))


def test_disjoint_rows_are_right(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(200, 4), torch.arange(200) % 3
    assert not ask(shared_rows, net(4, 3), CROSS, (X[:150], y[:150]), validation=(X[150:], y[150:]))
    assert not ask(shared_rows, net(4, 3), CROSS, (X, y))


def test_rows_of_few_values_are_equal_by_chance(ask: Any, net: Any) -> None:
    generator = torch.Generator().manual_seed(2)
    X = torch.randint(0, 2, (300, 4), generator=generator).float()
    y = torch.arange(300) % 2
    assert not ask(shared_rows, net(4, 2), CROSS, (X[:200], y[:200]), validation=(X[200:], y[200:]))
    assert not ask(shared_rows, net(1, 2), CROSS, (X[:200, :1], y[:200]), validation=(X[200:, :1], y[200:]))


def test_rows_of_half_precision_are_compared(one: Any, ask: Any, net: Any, draw: Any, classes: Any) -> None:
    X = draw(200, 8)
    y, X = classes(X), X.bfloat16()
    module = net(8, 3).bfloat16()
    assert one(shared_rows, module, CROSS, (X, y), validation=(X[:40], y[:40])).level == "fault"
    assert not ask(shared_rows, module, CROSS, (X[:150], y[:150]), validation=(X[150:], y[150:]))


# columns that hold the target


@pytest.mark.parametrize(("noise", "level"), [(0.0, "fault"), (0.01, "note")])
def test_a_column_that_is_the_target(noise: float, level: str, one: Any, net: Any, draw: Any) -> None:
    """What is nearly the target may be the law that there is to learn."""
    X, y = draw(200, 5), draw(200, 1)
    X[:, 3] = y[:, 0] * 4 - 2 + noise * draw(200)
    found = one(leaking_column, net(5, 1), SQUARES, (X, y))
    assert (found.code, found.level) == ("target-leak", level)
    both = torch.corrcoef(torch.stack([X[:, 3], y[:, 0]]).double())
    assert found.evidence["best"] == pytest.approx(abs(float(both[0, 1])), rel=1e-6)
    assert (found.evidence["column"], found.where.column) == (3, 3)
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("data", "drop_column", 3)


def test_a_column_that_is_the_class(one: Any, net: Any, draw: Any) -> None:
    X, y = draw(300, 5), torch.arange(300) % 3
    X[:, 1] = y.float()
    found = one(leaking_column, net(5, 3), CROSS, (X, y))
    assert (found.code, found.evidence["column"], found.evidence["best"]) == ("target-leak", 1, 1.0)
    X[:, 1] = 10 * (y.float() + 1) ** 2 + 0.1 * draw(300)
    found = one(leaking_column, net(5, 3), CROSS, (X, y))
    assert (found.code, found.evidence["column"]) == ("target-leak", 1)


def test_a_frame_names_the_column(one: Any, net: Any, draw: Any) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(draw(200, 3).numpy(), columns=["a", "b", "c"])
    frame["c"] = 2 * frame["c"]
    found = one(leaking_column, net(3, 1), SQUARES, (frame, frame["c"].to_numpy()[:, None] / 2))
    assert found.where.column == "c"
    assert "column c" in found.seen


def test_columns_that_tell_much_are_right(ask: Any, net: Any, draw: Any, classes: Any) -> None:
    X = draw(200, 5)
    y = X[:, :1] + 0.3 * draw(200, 1)
    assert not ask(leaking_column, net(5, 1), SQUARES, (X, y))
    assert not ask(leaking_column, net(5, 3), CROSS, (X, classes(X)))
    twice = torch.cat([y, -y, X], 1)  # several columns that give the target: a task that is simply easy
    assert not ask(leaking_column, net(7, 1), SQUARES, (twice, y))
    assert not ask(leaking_column, net(2, 1), SQUARES, (X[:, :2], X[:, :1]))
    assert not ask(leaking_column, net(5, 1), SQUARES, (X[:20], X[:20, :1]))


def heaps(columns: int, seed: int, apart: float = 10.0) -> tuple[Any, Any]:
    """Two heaps of rows whose middles are drawn evenly within a cube: some columns tell them apart, others less."""
    generator = torch.Generator().manual_seed(seed)
    middle = 2 * apart * torch.rand(2, columns, generator=generator) - apart
    y = torch.arange(300) % 2
    return middle[y] + torch.randn(300, columns, generator=generator), y


@pytest.mark.parametrize("columns", [3, 4, 5, 8])
def test_classes_that_are_easy_to_tell_are_right(columns: int, ask: Any, net: Any) -> None:
    for seed in range(12):
        assert not ask(leaking_column, net(columns, 2), CROSS, heaps(columns, seed))


def test_a_column_beside_others_that_tell_as_much_is_right(ask: Any, one: Any, net: Any, draw: Any) -> None:
    y = torch.arange(400) % 2
    X = draw(400, 8) + 1.2 * y[:, None]  # each by itself says little, all of them nearly everything
    X[:, 2] = 12.0 * y + draw(400)
    assert not ask(leaking_column, net(8, 2), CROSS, (X, y))
    X[:, [0, 1, 3, 4, 5, 6, 7]] -= 0.9 * y[:, None]
    found = one(leaking_column, net(8, 2), CROSS, (X, y))
    assert (found.evidence["column"], found.evidence["best"]) == (2, 1.0)
    assert 0.5 < found.evidence["others"] < 0.85


def test_a_number_that_others_give_too_is_right(ask: Any, net: Any, draw: Any) -> None:
    X = draw(300, 6)
    y = X[:, :5].sum(1, keepdim=True)
    X[:, 5] = y[:, 0] + 0.01 * draw(300)  # a sum beside its parts
    assert not ask(leaking_column, net(6, 1), SQUARES, (X, y))


def test_what_is_nearly_the_target_while_the_others_foretell_it_too(one: Any, net: Any, draw: Any) -> None:
    X = draw(400, 5)
    members = X[:, 0] - X[:, 1] + 0.5 * draw(400)
    X[:, 4], y = members, members + 0.04 * draw(400)
    found = one(leaking_column, net(5, 1), SQUARES, (X, y[:, None]))
    assert (found.code, found.level) == ("target-leak", "fault")
    X[:, 4] = draw(400)
    law = 2 * X[:, 4] + 0.05 * X[:, 1] ** 2 + 0.02 * draw(400)
    assert one(leaking_column, net(5, 1), SQUARES, (X, law[:, None])).level == "note"


def test_a_running_number_of_rows_sorted_by_class(one: Any, ask: Any, net: Any, draw: Any) -> None:
    y = torch.arange(240) // 80
    X = torch.cat([draw(240, 4) + 2.5 * torch.nn.functional.one_hot(y, 4), torch.arange(240.0)[:, None]], 1)
    order = torch.randperm(240, generator=torch.Generator().manual_seed(0))
    X[:, 4] = (X[:, 4] - 119.5) / 69
    (A, a), (B, b) = (X[order[:180]], y[order[:180]]), (X[order[180:]], y[order[180:]])
    found = one(leaking_column, net(5, 3), CROSS, (A, a), validation=(B, b))
    assert (found.code, found.level, found.where.column) == ("target-leak", "fault", 4)
    assert "runs through the rows" in found.seen
    mixed = torch.cat([X[:, :4], X[order, 4:]], 1)
    assert not ask(leaking_column, net(5, 3), CROSS, (mixed, y)), "rows in no order"
    years = torch.cat([X[:, :4], 1990 + (torch.arange(240) % 30)[:, None]], 1)
    assert not ask(leaking_column, net(5, 3), CROSS, (years, y))
    day = torch.cat([torch.arange(240.0)[:, None], draw(240, 3)], 1)
    trend = day[:, :1] / 100 + 0.3 * draw(240, 1)
    assert not ask(leaking_column, net(4, 1), SQUARES, (day, trend)), "time in a series"


# scales that differ


def test_held_out_rows_on_another_scale(one: Any, net: Any, draw: Any) -> None:
    X, Xv, y = draw(200, 4), 40 + 25 * draw(60, 4), torch.arange(200) % 3
    found = one(scales_alike, net(4, 3), CROSS, (X, y), validation=(Xv, y[:60]))
    assert (found.code, found.level) == ("scaler-mismatch", "fault")
    own, held = X.double().numpy(), Xv.double().numpy()
    factors = sorted(held.std(0, ddof=1) / own.std(0, ddof=1))
    shifts = sorted(abs(own.mean(0) - held.mean(0)) / own.std(0, ddof=1))
    assert found.evidence["factor"] == pytest.approx(factors[1], rel=1e-6)
    assert found.evidence["shift"] == pytest.approx(shifts[1], rel=1e-6)
    assert (found.remedy.object, found.remedy.argument) == ("data", "scale_validation_like_training")


def test_held_out_rows_that_were_not_centred(one: Any, draw: Any) -> None:
    """Pixels that are normalised in training alone, by a factor that other rows might differ by as well."""
    X = torch.rand(230, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * (draw(230, 1, 6, 6) > 0)
    mean, std = X[:150].mean(), X[:150].std()
    y = torch.arange(230) % 3
    module = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    data = (X[:150] - mean) / std, y[:150]
    for held, level in ((X[150:], "fault"), ((X[150:] - mean), "note")):  # the second may be fainter pictures
        found = one(scales_alike, module, CROSS, data, validation=(held, y[150:]))
        assert (found.code, found.level) == ("scaler-mismatch", level)


def test_a_shrunk_scale_and_a_shift_alone(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(200, 4), torch.arange(200) % 3
    for held in (X[:60] / 50, X[:60] + 9):
        found = ask(scales_alike, net(4, 3), CROSS, (X, y), validation=(held, y[:60]))
        assert [(each.code, each.level) for each in found] == [("scaler-mismatch", "fault")]


def test_scales_of_several_inputs_of_other_ranks(one: Any, ask: Any, formula: Any, draw: Any) -> None:
    both = formula(lambda m, x, s: m.line(x) + m.steps(s).mean(1), line=nn.Linear(4, 3), steps=nn.Linear(2, 3))
    X, S, y = draw(260, 4), 5 * draw(260, 7, 2), torch.arange(260) % 3
    data, held = (X[:200], S[:200], y[:200]), (X[200:], S[200:], y[200:])
    assert not ask(scales_alike, both, CROSS, data, validation=held)
    found = one(scales_alike, both, CROSS, data, validation=(100 * held[0], 100 * held[1], held[2]))
    assert (found.code, found.level) == ("scaler-mismatch", "fault")


def test_one_scale_in_both_parts_is_right(ask: Any, net: Any, draw: Any) -> None:
    X, y = 3 + 2 * draw(260, 4), torch.arange(260) % 3
    assert not ask(scales_alike, net(4, 3), CROSS, (X[:200], y[:200]), validation=(X[200:], y[200:]))
    assert not ask(scales_alike, net(4, 3), CROSS, (X[:200], y[:200]), validation=(1.3 * X[200:], y[200:]))
    blank = X.clone()
    blank[:, :2] = 0.0  # columns that never vary have no scale
    assert not ask(scales_alike, net(4, 3), CROSS, (blank[:200], y[:200]), validation=(blank[200:], y[200:]))
    assert not ask(scales_alike, net(4, 3), CROSS, (X[:200], y[:200]))


def test_channels_of_pictures_are_compared(one: Any, ask: Any, draw: Any) -> None:
    X, y = draw(40, 3, 6, 6), torch.zeros(40, 2, 6, 6)
    module = nn.Conv2d(3, 2, 1)
    assert not ask(scales_alike, module, SQUARES, (X[:25], y[:25]), validation=(X[25:], y[25:]))
    found = one(scales_alike, module, SQUARES, (X[:25], y[:25]), validation=(255 * X[25:], y[25:]))
    assert found.evidence["factor"] == pytest.approx(255, rel=0.1)


# too few rows


@pytest.mark.parametrize("n", [4, 25])
def test_a_score_of_few_rows(n: int, one: Any, net: Any, draw: Any) -> None:
    X, y = draw(90, 4), torch.arange(90) % 3
    found = one(enough_rows, net(4, 3), CROSS, (X, y), validation=(X[:n], y[:n]))
    assert (found.code, found.level) == ("small-validation", "note")
    assert found.evidence == {"rows": n}
    assert f"{50 / n**0.5:.0f} points" in found.seen  # sqrt(0.25 / n)


def test_enough_rows_or_none_held_out(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(90, 4), torch.arange(90) % 3
    assert not ask(enough_rows, net(4, 3), CROSS, (X, y), validation=(X[:40], y[:40]))
    assert not ask(enough_rows, net(4, 3), CROSS, (X[:5], y[:5]))


def test_so_few_held_out_rows_of_many_that_they_tell_nothing(one: Any, net: Any, draw: Any, classes: Any) -> None:
    X = draw(400, 4)
    y, module = classes(X), net(4, 6, 3)
    for n, level in ((8, "fault"), (20, "note")):
        found = one(enough_rows, module, CROSS, (X[n:], y[n:]), validation=(X[:n], y[:n]))
        assert (found.code, found.level) == ("small-validation", level)
    few = one(enough_rows, module, CROSS, (X[10:60], y[10:60]), validation=(X[:10], y[:10]))
    assert few.level == "note"  # there are no more
