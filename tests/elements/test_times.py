"""Dates and times: what text says by PS3.5 Section 6.2, and that what says nothing is an error of ours."""

import contextlib
import pickle
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.valuerep import DT

import hounsfield as hu
from hounsfield.elements.times import Date, DateTime, Time, time_zone

PLUS_ONE = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20040119", date(2004, 1, 19)),
        ("20040119 ", date(2004, 1, 19)),
        ("1997.04.30", date(1997, 4, 30)),  # ACR-NEMA
    ],
)
def test_dates(text, expected):
    assert Date(text).to_date() == expected


@pytest.mark.parametrize(
    "text", ["", "2004", "20040230", "20041301", "00000000", "2004-01-19", "junk", "²0040119"]
)
def test_no_dates(text):
    with pytest.raises(hu.ElementError, match="is no date"):
        Date(text).to_date()


@pytest.mark.parametrize(
    ("text", "expected", "precision"),
    [
        ("10", time(10), "hour"),
        ("1015", time(10, 15), "minute"),
        ("101530", time(10, 15, 30), "second"),
        ("101530.2 ", time(10, 15, 30, 200_000), "fraction"),
        ("101530.000001", time(10, 15, 30, 1), "fraction"),
        ("101530.12345678", time(10, 15, 30, 123_456), "fraction"),
        ("235960", time(23, 59, 59), "second"),
        ("10:30:45", time(10, 30, 45), "second"),  # ACR-NEMA
        ("10:30:45.5", time(10, 30, 45, 500_000), "fraction"),
    ],
)
def test_times(text, expected, precision):
    assert Time(text).to_time() == expected
    assert Time(text).precision == precision
    assert Time(text).to_time("+0100") == expected.replace(tzinfo=PLUS_ONE)


@pytest.mark.parametrize("text", ["", "1", "24", "1060", "101561", "101530.", "10.5", "noon"])
def test_no_times(text):
    for look in (Time.to_time, Time.range, lambda text: text.precision):
        with pytest.raises(hu.ElementError, match="is no time"):
            look(Time(text))


@pytest.mark.parametrize(
    ("text", "expected", "precision"),
    [
        ("2004", datetime(2004, 1, 1), "year"),
        ("200402", datetime(2004, 2, 1), "month"),
        ("20040229", datetime(2004, 2, 29), "day"),
        ("2004022910", datetime(2004, 2, 29, 10), "hour"),
        ("200402291015", datetime(2004, 2, 29, 10, 15), "minute"),
        ("20040229101530", datetime(2004, 2, 29, 10, 15, 30), "second"),
        ("20040229101530.25", datetime(2004, 2, 29, 10, 15, 30, 250_000), "fraction"),
        ("2004+0100", datetime(2004, 1, 1, tzinfo=PLUS_ONE), "year"),
        ("20161231235960+0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC), "second"),
        ("20040229101530.25-0330", datetime(2004, 2, 29, 13, 45, 30, 250_000, UTC), "fraction"),
    ],
)
def test_moments(text, expected, precision):
    assert DateTime(text).to_datetime() == expected
    assert DateTime(text).precision == precision


@pytest.mark.parametrize(
    "text",
    ["", "204", "200413", "20040230", "2004022925", "20040229+1500", "20040229+01", "junk", "2004.01.01"],
)
def test_no_moments(text):
    for look in (DateTime.to_datetime, DateTime.range, lambda text: text.precision):
        with pytest.raises(hu.ElementError, match="is no moment"):
            look(DateTime(text))


@pytest.mark.parametrize("offset", ["+0100", PLUS_ONE])
def test_the_time_zone_of_a_text_goes_before_one_that_is_given(offset):
    assert DateTime("20040119").to_datetime(offset).utcoffset() == timedelta(hours=1)
    assert DateTime("20040119-0500").to_datetime(offset).utcoffset() == timedelta(hours=-5)
    assert DateTime("20040119").to_datetime().tzinfo is None


def test_time_zones():
    assert time_zone("+0000") is time_zone("-0000") is UTC
    assert time_zone("-1200").utcoffset(None) == timedelta(hours=-12)
    assert time_zone("+1400 ").utcoffset(None) == timedelta(hours=14)
    for text in ("", "0100", "+1401", "-1300", "+0160", "CET"):
        with pytest.raises(hu.ElementError, match="no offset"):
            time_zone(text)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2004", datetime(2004, 12, 31, 23, 59, 59, 999_999)),
        ("200402", datetime(2004, 2, 29, 23, 59, 59, 999_999)),
        ("9999", datetime(9999, 12, 31, 23, 59, 59, 999_999)),
        ("20040229", datetime(2004, 2, 29, 23, 59, 59, 999_999)),
        ("2004022910", datetime(2004, 2, 29, 10, 59, 59, 999_999)),
        ("200402291015", datetime(2004, 2, 29, 10, 15, 59, 999_999)),
        ("20040229101530", datetime(2004, 2, 29, 10, 15, 30, 999_999)),
        ("20040229101530.2", datetime(2004, 2, 29, 10, 15, 30, 299_999)),
        ("20040229101530.250000", datetime(2004, 2, 29, 10, 15, 30, 250_000)),
    ],
)
def test_what_a_moment_may_mean(text, last):
    assert DateTime(text).range() == (DateTime(text).to_datetime(), last)
    assert DateTime(text).range("+0100")[1] == last.replace(tzinfo=PLUS_ONE)


def test_what_a_time_may_mean():
    assert Time("10").range() == (time(10), time(10, 59, 59, 999_999))
    assert Time("235959.9").range() == (time(23, 59, 59, 900_000), time(23, 59, 59, 999_999))


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.sampled_from([None, PLUS_ONE, UTC])))
def test_as_pydicom_reads_them(moment):
    text = moment.strftime("%Y%m%d%H%M%S.%f%z")
    assert DateTime(text).to_datetime() == moment == DT(text)
    assert Date(text[:8]).to_date() == moment.date()
    assert Time(text[8:21]).to_time() == moment.time()


@given(st.text(alphabet="0123456789.:+- x", max_size=26))
def test_no_text_makes_another_error(text):
    for look in (Date(text).to_date, Time(text).range, DateTime(text).range):
        with contextlib.suppress(hu.ElementError):
            look()


@pytest.mark.parametrize("value", [Date("20040119"), Time("1015"), DateTime("2004")])
def test_they_are_text(value):
    assert value == str(value)
    assert {str(value): 1}[value] == 1
    again = pickle.loads(pickle.dumps(value))
    assert (again, type(again)) == (value, type(value))


def test_of_a_file(pydicom_path):
    ds = hu.read(pydicom_path("CT_small.dcm"))
    assert ds.StudyDate == "20040119"
    assert ds.StudyDate.to_date() == date(2004, 1, 19)
    assert ds.StudyTime.to_time(ds.TimezoneOffsetFromUTC) == time(
        7, 27, 30, tzinfo=timezone(timedelta(hours=-5))
    )
    assert ds.warnings == ()
