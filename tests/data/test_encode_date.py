"""Dates as days and points on circles, against the calendar of the standard library."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from netwright.core.errors import InvalidData
from netwright.data.encode_date import date_names, encode_date, plan_date


def moments(*texts):
    return np.array(texts, dtype="datetime64[us]")


def transcription(column, training):
    """Days, month, weekday and hour by the standard library."""
    first = training[0].astype(object).replace(hour=0, minute=0, second=0, microsecond=0)
    days = np.array([(m - first) / datetime.timedelta(days=1) for m in training.tolist()])
    rows = []
    for moment in column.tolist():
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        day = ((moment - first) / datetime.timedelta(days=1) - days.mean()) / days.std()
        turns = [(moment.month - 1) / 12, moment.weekday() / 7, (moment - midnight) / datetime.timedelta(days=1)]
        rows.append([day, *(f(2 * np.pi * t) for t in turns for f in (np.sin, np.cos))])
    return np.array(rows)


def test_like_the_standard_library():
    training = moments("2023-11-05T06:00", "2024-02-29T12:30", "2024-03-01", "2024-12-31T23:59:59.5")
    plan, _ = plan_date("d", training, np.ones(4), True)
    new = moments("1969-12-31T01:00", "2024-02-29T12:30", "2031-07-20T05:06:07")
    assert plan.labels == ("days", "month", "weekday", "hour")
    assert date_names(plan)[0] == "d days"
    np.testing.assert_allclose(encode_date(plan, new), transcription(new, training), rtol=1e-5, atol=1e-5)


def test_parts_that_do_not_vary_are_left_out():
    plan, notes = plan_date("d", moments("2024-01-01", "2024-01-08", "2024-01-15"), np.ones(3), True)
    assert plan.labels == ("days",)
    assert notes == ["'d' became days; days count from the first one."]
    plan, notes = plan_date("d", moments("2024-01-01", "2024-01-01"), np.ones(2), True)
    assert plan is None
    assert notes == ["'d' is left out: every training row has the same date."]
    plan, notes = plan_date("d", moments("NaT"), np.ones(1), True)
    assert plan is None
    assert notes == ["'d' is left out: no training row has a value."]


def test_missing_dates_are_zeros_with_an_indicator():
    plan, notes = plan_date("d", moments("2024-01-01", "NaT", "2024-01-08"), np.ones(3), True)
    assert encode_date(plan, moments("NaT", "2024-01-01")).tolist() == [[0, 1], [-1, 0]]
    assert "missing in 1 of 3 rows" in notes[1]
    assert encode_date(plan, np.array([np.nan])).tolist() == [[0, 1]]
    plan, _ = plan_date("d", moments("2024-01-01", "NaT"), np.ones(2), True)
    assert date_names(plan) == ["d missing"]
    assert encode_date(plan, moments("NaT", "2024-01-01")).tolist() == [[1], [0]]


def test_days_as_they_are_without_scaling():
    plan, _ = plan_date("d", moments("2024-01-08", "2024-01-01"), np.ones(2), False)
    assert encode_date(plan, moments("2024-01-15", "2023-12-31"))[:, 0].tolist() == [14, -1]


@pytest.mark.parametrize("unit", ["D", "s", "ns", "M"])
def test_every_unit(unit):
    column = moments("2024-01-01", "2024-03-01", "2024-09-01").astype(f"datetime64[{unit}]")
    plan, _ = plan_date("d", column, np.ones(3), True)
    days = np.array([0, 60, 244])
    np.testing.assert_allclose(encode_date(plan, column)[:, 0], (days - days.mean()) / days.std(), rtol=1e-6)


def test_texts_are_read_as_dates():
    plan, _ = plan_date("d", moments("2024-01-01", "NaT", "2024-03-08T12:00"), np.ones(3), True)
    texts = ["2024-12-31", None, " 2024-12-31T12:00:00 ", "2024-12-31 12:00:00.25", "2024-12", "2024-12-31T13:00+01:00"]
    dates = moments("2024-12-31", "NaT", "2024-12-31T12", "2024-12-31T12:00:00.25", "2024-12-01", "2024-12-31T12")
    for some in (slice(None), slice(0, 2), slice(0, 4), slice(5, 6), slice(1, 2)):
        column = np.array(texts[some], dtype=object)
        np.testing.assert_array_equal(encode_date(plan, column), encode_date(plan, dates[some]))


@pytest.mark.parametrize("bad", ["soon", "2024-02-30", "", "NA", "2024", "31.12.2024", True])
def test_the_first_row_that_is_no_date_is_named(bad):
    plan, _ = plan_date("d", moments("2024-01-01", "2024-01-08"), np.ones(2), True)
    column = np.array([None, "2024-01-01", "2024-01-01T12:00Z", bad, "later"], dtype=object)
    with pytest.raises(InvalidData, match=rf"column 'd': expected dates.* got {bad!r} at row 3"):
        encode_date(plan, column)


def test_what_is_no_date():
    plan, _ = plan_date("d", moments("2024-01-01", "2024-01-08"), np.ones(2), True)
    with pytest.raises(InvalidData, match=r"column 'd': expected dates as in training.* got 'soon' at row 0"):
        encode_date(plan, np.array(["soon"], dtype=object))
    with pytest.raises(InvalidData, match=r"column 'd': expected dates as in training.* got int64 values"):
        encode_date(plan, np.array([1]))
    with pytest.raises(InvalidData, match="dates of the years 1 to 9999, got the year 12000 at row 1"):
        encode_date(plan, np.array(["2024", "12000"], dtype="datetime64[Y]"))
    with pytest.raises(InvalidData, match="dates of the years 1 to 9999, got the year 0 at row 1"):
        encode_date(plan, np.array(["2024-01-01", "0000-01-01"], dtype=object))
