"""From the bytes of a value to a Python value, one function for each VR (PS3.5 Section 6.2).

Several values come as a tuple. No value comes as "" where it would be text and else as None. What
cannot be read as its VR says comes as text or as bytes, and the `Context` is told why.
"""

import math
import re
import struct
from collections.abc import Callable
from typing import Any

from hounsfield._kernels import values
from hounsfield.elements.charset import (
    DEFAULT,
    LINE_DELIMITERS,
    NAME_DELIMITERS,
    VALUE_DELIMITERS,
    decode_text,
    ignore,
)
from hounsfield.elements.dictionary import Tag
from hounsfield.elements.person_name import PersonName
from hounsfield.elements.times import Date, DateTime, Time
from hounsfield.elements.uids import UID

__all__ = ["DECODERS", "LUT_DESCRIPTORS", "NUMBERS", "Context", "DecimalString", "lut_descriptor"]

LUT_DESCRIPTORS = frozenset({0x00281101, 0x00281102, 0x00281103, 0x00283002})
"""The tags whose value needs `lut_descriptor`."""

NUMBERS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
"""The VRs of binary numbers, with their codes of the `struct` module."""


class Context:
    """What a value's bytes do not say of themselves.

    Parameters
    ----------
    big_endian : bool
        Byte order of binary values.
    encodings : tuple of str
        Codecs for text, from `charset.encodings`.
    problem : callable
        Is told, in a sentence, what was wrong with a value.
    """

    __slots__ = ("big_endian", "encodings", "problem")

    def __init__(
        self,
        big_endian: bool = False,
        encodings: tuple[str, ...] = DEFAULT,
        problem: Callable[[str], None] = ignore,
    ) -> None:
        self.big_endian = big_endian
        self.encodings = encodings
        self.problem = problem


class DecimalString(float):
    """A number of VR DS (PS3.5 Section 6.2): a float that keeps the text it was written as.

    Parameters
    ----------
    text : str or float
        What to read.

    Attributes
    ----------
    text : str
        The number as it was written, spaces aside; also what `str` and `repr` give.

    Notes
    -----
    It equals the number, and the text: ``ds.SliceThickness == 2.5`` and ``ds.SliceThickness == "2.50"``. Its
    hash is the number's.
    """

    __slots__ = ("text",)

    text: str

    def __new__(cls, text: str | float) -> "DecimalString":
        number = float.__new__(cls, text)
        number.text = str(text).strip()
        return number

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return self.text == other if isinstance(other, str) else float.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return self.text != other if isinstance(other, str) else float.__ne__(self, other)

    __hash__ = float.__hash__


_new_float = float.__new__


def _decimal(text: str) -> DecimalString:
    # What DecimalString(text) does, in half the time.
    number = _new_float(DecimalString, text)
    number.text = text.strip()
    return number


_IN_NO_NUMBER = re.compile(r"[^0-9+\-.eE\0 \t\n\r\\]")
"""What Python takes for numbers, and DICOM does not, has one of these: 1_0, nan, Infinity."""


def _decimals(raw: bytes, context: Context) -> Any:
    text = raw.decode("latin_1").strip("\0 ")
    try:
        if not _IN_NO_NUMBER.search(text):
            return tuple([_decimal(part) for part in text.split("\\")]) if "\\" in text else _decimal(text)
    except ValueError:
        pass
    return _numbers_as_text(text, "DS", _decimal, context)


def _integers(raw: bytes, context: Context) -> Any:
    text = raw.decode("latin_1").strip("\0 ")
    try:
        if "_" not in text:
            return tuple([int(part) for part in text.split("\\")]) if "\\" in text else int(text)
    except ValueError:
        pass
    return _numbers_as_text(text, "IS", _integer, context)


def _integer(text: str) -> int | DecimalString:
    try:
        return int(text)
    except ValueError:
        number = _decimal(text)
        if not math.isfinite(number):
            raise
        return int(number) if number.is_integer() else number


def _numbers_as_text(text: str, vr: str, convert: Callable[[str], float], context: Context) -> Any:
    """Read each value that is a number, and leave the others as they are."""

    def value(part: str) -> float | str | None:
        part = part.strip("\0 \t\n\r")
        if not part:
            return None
        try:
            # Python reads 1_0 as ten; DICOM has no such number.
            number = convert(part) if "_" not in part else None
        except ValueError:
            number = None
        if number is None or (vr == "IS" and not isinstance(number, int)) or _IN_NO_NUMBER.search(part):
            context.problem(f"{part[:32]!r} is not what {vr} allows")
        return part if number is None else number

    values = tuple(value(part) for part in text.split("\\"))
    return values if len(values) > 1 else values[0]


def _binary(code: str) -> Callable[[bytes, Context], Any]:
    """Make the decoder of one kind of binary number; `code` is of the `struct` module."""
    little = struct.Struct(f"<{code}").unpack
    big = struct.Struct(f">{code}").unpack
    size = struct.calcsize(f"<{code}")

    def decode(raw: bytes, context: Context) -> Any:
        length = len(raw)
        if length == size:
            return (big if context.big_endian else little)(raw)[0]
        if length == 0:
            return None
        if length % size:
            context.problem(f"{length} bytes do not hold numbers of {size}")
            return raw
        return struct.unpack(f"{'>' if context.big_endian else '<'}{length // size}{code}", raw)

    return decode


def _tags(raw: bytes, context: Context) -> Any:
    count, rest = divmod(len(raw), 4)
    if rest:
        context.problem(f"{len(raw)} bytes do not hold tags of 4")
    if count == 0:
        return raw or None
    numbers = struct.unpack(f"{'>' if context.big_endian else '<'}{2 * count}H", raw[: 4 * count])
    tags = tuple(
        Tag(group << 16 | element) for group, element in zip(numbers[::2], numbers[1::2], strict=True)
    )
    return tags if count > 1 else tags[0]


def _as_bytes(raw: bytes, _: Context) -> bytes | None:
    return raw or None


def _codes(raw: bytes, _: Context) -> Any:
    text = raw.decode("latin_1").rstrip("\0 ")
    return tuple(text.split("\\")) if "\\" in text else text


def _moments(kind: type[str], vr: str, form: str) -> Callable[[bytes, Context], Any]:
    """Make the decoder of dates or times, which looks no further than at the form of the text."""
    allowed = re.compile(form).fullmatch

    def decode(raw: bytes, context: Context) -> Any:
        text = raw.decode("latin_1").rstrip("\0 ")
        if allowed(text) or not text:
            return kind(text)
        parts = [kind(part.rstrip("\0 ")) for part in text.split("\\")]
        for part in parts:
            if part and not allowed(part):
                context.problem(f"{str(part)[:32]!r} is not what {vr} allows")
        return tuple(parts) if len(parts) > 1 else parts[0]

    return decode


_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?"
_ZONE = "[+-](?:0[0-9]|1[0-4])[0-5][0-9]"


def _titles(raw: bytes, _: Context) -> Any:
    text = raw.decode("latin_1").strip("\0 ")
    return tuple([title.strip("\0 ") for title in text.split("\\")]) if "\\" in text else text


def _uids(raw: bytes, _: Context) -> Any:
    text = raw.decode("latin_1").strip("\0 ")
    return tuple([UID(uid.strip("\0 ")) for uid in text.split("\\")]) if "\\" in text else UID(text)


def _uri(raw: bytes, _: Context) -> str:
    return raw.decode("latin_1").rstrip("\0 ")


def _text(raw: bytes, context: Context) -> str:
    return decode_text(raw, context.encodings, LINE_DELIMITERS, context.problem).rstrip("\0 ")


def _texts(raw: bytes, context: Context) -> Any:
    text = decode_text(raw, context.encodings, VALUE_DELIMITERS, context.problem).rstrip("\0 ")
    return tuple([part.rstrip("\0 ") for part in text.split("\\")]) if "\\" in text else text


def _names(raw: bytes, context: Context) -> Any:
    if raw.isascii() and b"\x1b" not in raw:
        text = raw.decode("ascii").rstrip("\0 ")  # the same in every character set
    else:
        text = decode_text(raw, context.encodings, NAME_DELIMITERS, context.problem).rstrip("\0 ")
    # Component groups at the end may be left out with their delimiters (PS3.5 Section 6.2.1.1).
    if "\\" in text:
        return tuple([PersonName(name.rstrip("=")) for name in text.split("\\")])
    return PersonName(text.rstrip("="))


DECODERS: dict[str, Callable[[bytes, Context], Any]] = {
    "AE": _titles,
    "AS": _codes,
    "AT": _tags,
    "CS": _codes,
    "DA": _moments(Date, "DA", f"[0-9]{{4}}{_MONTH}{_DAY}"),
    "DS": _decimals,
    "DT": _moments(DateTime, "DT", f"[0-9]{{4}}(?:{_MONTH}(?:{_DAY}(?:{_CLOCK})?)?)?(?:{_ZONE})?"),
    "IS": _integers,
    "LO": _texts,
    "LT": _text,
    "OB": _as_bytes,
    "OD": _as_bytes,
    "OF": _as_bytes,
    "OL": _as_bytes,
    "OV": _as_bytes,
    "OW": _as_bytes,
    "PN": _names,
    "SH": _texts,
    "ST": _text,
    "TM": _moments(Time, "TM", _CLOCK),
    "UC": _texts,
    "UI": _uids,
    "UN": _as_bytes,
    "UR": _uri,
    "UT": _text,
    **{vr: _binary(code) for vr, code in NUMBERS.items()},
}
"""From VR to what decodes it: `DECODERS[vr](raw, context)`, where `raw` is bytes. SQ is not among them.

| VR | value |
|---|---|
| AE AS CS LO SH UC | str |
| DA DT TM | Date, DateTime, Time: str that knows its parts |
| LT ST UR UT | str, in which a backslash parts nothing |
| PN | PersonName |
| UI | UID |
| DS | DecimalString |
| IS | int |
| SS US SL UL SV UV | int |
| FL FD | float |
| AT | Tag |
| OB OD OF OL OV OW UN | bytes as they stand, in the byte order of the file |
"""


values.use(decimal=DecimalString, person_name=PersonName, uid=UID, date=Date, time=Time)


def lut_descriptor(value: Any) -> Any:
    """Give the three values of a LUT descriptor as they are meant (PS3.3 C.7.6.3.1.5, C.11.1.1).

    The first one, the number of entries, is unsigned even where the VR is SS.

    Parameters
    ----------
    value : tuple of int
        As the decoder gave it; anything else comes back unchanged.

    Returns
    -------
    tuple of int
        With the first value between 0 and 65535, where 0 means 65536.
    """
    if isinstance(value, tuple) and isinstance(value[0], int) and value[0] < 0:
        return (value[0] + 65536, *value[1:])
    return value
