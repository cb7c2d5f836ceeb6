"""Dates and times: the text as it stands, and what it says when asked (PS3.5 Section 6.2, DA, TM and DT).

Text may tell less than a moment: "2004" is a DT, "10" a TM. Then the parts that are not there take their
least value, `precision` names the last one that is, and `range` gives the first and the last moment meant.
Seconds may be 60, for a leap second; Python knows none, and 59 is given for it, as pydicom does.

The forms of ACR-NEMA, "1997.04.30" and "10:30:45", are read, too.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from hounsfield.errors import ElementError

__all__ = ["Date", "DateTime", "Time", "time_zone"]

_DATE = r"([0-9]{4})([0-9]{2})([0-9]{2})|([0-9]{4})\.([0-9]{2})\.([0-9]{2})"
_CLOCK = r"([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:\.([0-9]+))?)?)?"
_MOMENT = rf"([0-9]{{4}})(?:([0-9]{{2}})(?:([0-9]{{2}})(?:{_CLOCK})?)?)?([+-][0-9]{{4}})?"
_ZONE = "([+-])([0-9]{2})([0-5][0-9])"

_PARTS = ("year", "month", "day", "hour", "minute", "second", "fraction")
_STEPS = (timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
_MICROSECOND = timedelta(microseconds=1)


def time_zone(offset: str) -> timezone:
    """Read an offset from UTC: "+0100", "-0500" (PS3.5 Section 6.2, DT; PS3.3 C.12.1.1.8).

    Raises
    ------
    ElementError
        It is none, or not between -1200 and +1400.
    """
    match = re.fullmatch(_ZONE, offset.strip(" \0"))
    if match:
        sign = -1 if match[1] == "-" else 1
        minutes = sign * (60 * int(match[2]) + int(match[3]))
        if -12 * 60 <= minutes <= 14 * 60:
            return timezone(timedelta(minutes=minutes)) if minutes else UTC
    raise ElementError(f"{offset[:32]!r} is no offset from UTC between -1200 and +1400")


def _zone(offset: str | tzinfo | None) -> tzinfo | None:
    if not offset:
        return None
    return time_zone(offset) if isinstance(offset, str) else offset


def _clock(groups: tuple[str | None, ...]) -> tuple[int, int, int, int]:
    """Hour, minute, second and microsecond, from the groups of `_CLOCK`."""
    hour, minute, second, fraction = groups
    seconds, microseconds = int(second or 0), int(f"{(fraction or '')[:6]:0<6}")
    return int(hour or 0), int(minute or 0), 59 if seconds == 60 else seconds, microseconds


def _step(groups: tuple[str | None, ...]) -> timedelta:
    """How long the least part that the groups of `_CLOCK` tell lasts."""
    count = sum(group is not None for group in groups)
    if count < 4:
        return _STEPS[count - 1]
    return timedelta(microseconds=10 ** max(0, 6 - len(groups[3] or "")))


class Date(str):
    """A date, of VR DA: the text as it stands, "20040119".

    Examples
    --------
    >>> Date("20040119").to_date()
    datetime.date(2004, 1, 19)
    """

    __slots__ = ()

    def to_date(self) -> date:
        """Give the day.

        Raises
        ------
        ElementError
            The text is no date: YYYYMMDD, or YYYY.MM.DD as ACR-NEMA had it.
        """
        match = re.fullmatch(_DATE, self.strip(" \0"))
        try:
            if match:
                year, month, day = (int(group) for group in match.groups() if group)
                return date(year, month, day)
        except ValueError:
            pass
        raise ElementError(f"{str(self)[:32]!r} is no date (DA)")


class Time(str):
    """A time of day, of VR TM: the text as it stands, "101530.25", "1015" or "10".

    Examples
    --------
    >>> Time("1015").to_time(), Time("1015").precision
    (datetime.time(10, 15), 'minute')
    """

    __slots__ = ()

    def _read(self) -> tuple[time, tuple[str | None, ...]]:
        match = re.fullmatch(_CLOCK, self.strip(" \0"))
        try:
            if match:
                return time(*_clock(match.groups())), match.groups()
        except ValueError:
            pass
        raise ElementError(f"{str(self)[:32]!r} is no time (TM)")

    def to_time(self, offset: str | tzinfo | None = None) -> time:
        """Give the time, parts that are not there being 0.

        Parameters
        ----------
        offset : str or tzinfo, optional
            The time zone, as Timezone Offset From UTC (0008,0201) has it: "+0100".

        Raises
        ------
        ElementError
            The text is no time: HH, HHMM, HHMMSS or HHMMSS.F, with colons as ACR-NEMA had it or without.
        """
        return self._read()[0].replace(tzinfo=_zone(offset))

    @property
    def precision(self) -> str:
        """The last part that is told: "hour", "minute", "second" or "fraction"."""
        return _PARTS[2 + sum(group is not None for group in self._read()[1])]

    def range(self) -> tuple[time, time]:
        """Give the first and the last time that the text may mean, to the microsecond."""
        first, groups = self._read()
        last = datetime.combine(date.min, first) + _step(groups) - _MICROSECOND
        return first, last.time()


class DateTime(str):
    """A moment, of VR DT: the text as it stands, "20040119101530.25+0100", "200401" or "2004".

    Examples
    --------
    >>> DateTime("200401").to_datetime("+0100").isoformat()
    '2004-01-01T00:00:00+01:00'
    >>> DateTime("200401").precision
    'month'
    >>> ds.AcquisitionDateTime.to_datetime(ds.get("TimezoneOffsetFromUTC"))
    """

    __slots__ = ()

    def _read(self) -> tuple[datetime, tuple[str | None, ...]]:
        match = re.fullmatch(_MOMENT, self.strip(" \0"))
        try:
            if match:
                year, month, day, *clock, zone = match.groups()
                moment = datetime(int(year), int(month or 1), int(day or 1), *_clock(tuple(clock)))
                return moment.replace(tzinfo=_zone(zone)), match.groups()[:-1]
        except (ValueError, ElementError):
            pass
        raise ElementError(f"{str(self)[:32]!r} is no moment (DT)")

    def to_datetime(self, offset: str | tzinfo | None = None) -> datetime:
        """Give the moment, or the first one where the text tells less.

        Parameters
        ----------
        offset : str or tzinfo, optional
            The time zone where the text has none, as Timezone Offset From UTC (0008,0201) has it: "+0100".

        Returns
        -------
        datetime
            Without time zone if neither text nor `offset` has one: local time where it was written.

        Raises
        ------
        ElementError
            The text is no moment: YYYY[MM[DD[HH[MM[SS[.F]]]]]][+ZZZZ].
        """
        moment = self._read()[0]
        return moment if moment.tzinfo else moment.replace(tzinfo=_zone(offset))

    @property
    def precision(self) -> str:
        """The last part that is told: "year", "month", "day", "hour", "minute", "second" or "fraction"."""
        return _PARTS[sum(group is not None for group in self._read()[1]) - 1]

    def range(self, offset: str | tzinfo | None = None) -> tuple[datetime, datetime]:
        """Give the first and the last moment that the text may mean, to the microsecond."""
        from calendar import monthrange

        groups = self._read()[1]
        first = self.to_datetime(offset)
        if groups[3] is not None:
            return first, first + (_step(groups[3:]) - _MICROSECOND)
        day = first.date()
        if groups[2] is None:
            month = 12 if groups[1] is None else day.month
            day = day.replace(month=month, day=monthrange(day.year, month)[1])
        return first, datetime.combine(day, time.max, first.tzinfo)
