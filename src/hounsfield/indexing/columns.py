"""Which columns a table of files has, of which types, and how a value becomes one of that type."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hounsfield.elements.access import path_step
from hounsfield.elements.dataset import Dataset
from hounsfield.elements.dictionary import Entry, entry, private_entry, tag_number
from hounsfield.elements.json_model import to_json_dict
from hounsfield.elements.reader import listed
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.times import Date, Time
from hounsfield.elements.values import LUT_DESCRIPTORS
from hounsfield.errors import ElementError, MissingElementError, OptionError

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Key

    Wanted = Key | tuple[int, int, str]
    """An element at the top or a dotted path; or a private one: group, low byte, and creator."""

__all__ = ["STANDARD", "Column", "MisfitError", "arrow", "columns_of", "fit", "parquet", "value_of"]

STANDARD = (
    # patient
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    # study
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    # series
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDate",
    "SeriesTime",
    "SeriesDescription",
    "Modality",
    "BodyPartExamined",
    "ProtocolName",
    "Manufacturer",
    "ManufacturerModelName",
    # instance
    "SOPClassUID",
    "SOPInstanceUID",
    "InstanceNumber",
    "ImageType",
    "AcquisitionNumber",
    "AcquisitionDate",
    "AcquisitionTime",
    "ContentDate",
    "ContentTime",
    "TemporalPositionIdentifier",
    "EchoNumbers",
    "EchoTime",
    "RepetitionTime",
    # image
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "LossyImageCompression",
    "BurnedInAnnotation",
    # geometry
    "FrameOfReferenceUID",
    "PatientPosition",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceLocation",
    "SliceThickness",
    "SpacingBetweenSlices",
    "PixelSpacing",
    "ImagerPixelSpacing",
    # window
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
)
"""The elements that every index has a column of (PS3.3), by keyword."""

BEHIND_HEADERS = 0x50000000
"""From here on are curves, overlays and pixel data: a reader of heads may stop before them."""

ITEM = "item"
"""In the place of a VR: an item of a sequence."""

UNKNOWN = ""
"""In the place of a VR: of a private element, which has one in each file."""

TYPES = {
    "DA": "date32",
    "DS": "float64",
    "FD": "float64",
    "FL": "float32",
    "IS": "int64",
    "SL": "int32",
    "SS": "int16",
    "SV": "int64",
    "TM": "time64",
    "UL": "uint32",
    "US": "uint16",
    "UV": "uint64",
    "US or SS": "int32",
}
BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "OB or OW", "US or OW", "US or SS or OW"}
OF_ONE_VALUE = {"LT", "SQ", "ST", "UR", "UT", ITEM, UNKNOWN} | BINARY
RANGES = {
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}


CREATOR = "creator"
"""In the place of a VR, for the kernel: whether somebody has reserved a block of private elements."""

OF_CREATOR = re.compile(r"\(?([0-9A-Fa-f]{4}),?xx([0-9A-Fa-f]{2})\)?:\s*(.*\S)\s*", re.DOTALL)
"""A private element by who reserved its block, as text: 0029xx10:SIEMENS CSA HEADER."""


class MisfitError(ValueError):
    """A value is not of the type that its column has."""


@cache
def arrow() -> Any:
    """Give the module pyarrow.

    Raises
    ------
    OptionError
        It is not installed, or cannot be loaded.
    """
    try:
        return import_module("pyarrow")
    except ModuleNotFoundError as error:
        message = "tables are made by pyarrow, which is not installed: pip install 'hounsfield[index]'"
        raise OptionError(message) from error
    except ImportError as error:  # as of a library that finds no room
        raise OptionError(f"tables are made by pyarrow, which cannot be loaded: {error}") from error


@cache
def parquet() -> Any:
    """Give the module pyarrow.parquet, which is loaded where there are such files."""
    return import_module("pyarrow.parquet")


@dataclass(frozen=True)
class Column:
    """A column of a table of files.

    Attributes
    ----------
    name : str
        A keyword, a dotted path, or eight digits where there is no keyword; 0029xx10:CREATOR.
    key : int, str or (int, int, str)
        A tag or a dotted path; or group, low byte and creator of a private element.
    tag : int
        Of the element at the top; of a private one by its creator, the first that may say who that is.
    vr : str
        Of the element that the path ends in, by PS3.6: `ITEM`, `UNKNOWN` or a choice like "US or SS", too.
    several : bool
        Whether a row has a list of values.
    """

    name: str
    key: int | str | tuple[int, int, str]
    tag: int
    vr: str
    several: bool

    @property
    def type_name(self) -> str:
        """Of one value, as pyarrow calls it."""
        return TYPES.get(self.vr) or ("binary" if self.vr in BINARY else "string")

    @property
    def type(self) -> Any:
        """The Arrow type."""
        pa = arrow()
        one = pa.time64("us") if self.type_name == "time64" else getattr(pa, self.type_name)()
        return pa.list_(one) if self.several else one

    @property
    def kernel_vr(self) -> str | None:
        """As what the kernel is to read it: "" to tell only whether it is there, None for not at all."""
        if self.tag >> 16 == 0x0002 or self.tag >= BEHIND_HEADERS:
            return None
        if isinstance(self.key, tuple):
            return CREATOR
        return "" if isinstance(self.key, str) or self.tag in LUT_DESCRIPTORS else self.vr

    @property
    def last_tag(self) -> int:
        """Of the element behind which there is nothing to be told of this one."""
        return self.tag | 0xFF if isinstance(self.key, tuple) else self.tag


def columns_of(tags: Iterable[Wanted]) -> tuple[Column, ...]:
    """Give the columns of an index: the standard ones, and those of `tags` that are not among them.

    Raises
    ------
    OptionError
        One is neither a keyword, a tag, a dotted path nor a private element by its creator.
    TypeError
        `tags` is one of these, and no list.
    """
    columns = {column.name: column for column in (*_standard(), *map(_column, listed(tags)))}
    return tuple(columns.values())


@cache
def _standard() -> tuple[Column, ...]:
    """To look all of them up takes as long as to read 40 files."""
    return tuple(map(_column, STANDARD))


def _column(key: Wanted) -> Column:
    if isinstance(key, str) and (match := OF_CREATOR.fullmatch(key)):
        return _of_creator(int(match[1], 16), int(match[2], 16), match[3])
    if isinstance(key, tuple) and len(key) == 3:
        return _of_creator(*key)
    if isinstance(key, str) and "." in key:
        steps = key.strip().split(".")
        if not all(re.fullmatch("-?[0-9]{1,9}", step) for step in steps[1::2]):
            raise OptionError(f"{key!r} is not like SequenceKeyword.0.Keyword")
        tags = [tag_number(step) for step in steps[::2]]
        vr, several = _values(tags[-1]) if len(steps) % 2 else (ITEM, False)
        return Column(".".join(steps), ".".join(steps), tags[0], vr, several)
    tag = tag_number(key)
    return Column(path_step(tag), tag, tag, *_values(tag))


def _of_creator(group: int, low: int, creator: str) -> Column:
    """A private element in whatever block its creator has reserved (PS3.5 Section 7.8.1)."""
    creator = creator.strip(" \0")
    if not (0 < group <= 0xFFFF and group & 1 and 0 <= low <= 0xFF and creator):
        raise OptionError(f"({group:04X},xx{low:02X}) of {creator!r} is no private element")
    known = private_entry(creator, group << 16 | 0x1000 | low)
    vr, several = (UNKNOWN, False) if known is None or known.vr == "UN" else _several(known)
    return Column(f"{group:04X}xx{low:02X}:{creator}", (group, low, creator), group << 16 | 0x10, vr, several)


def _values(tag: int) -> tuple[str, bool]:
    """The VR of an element, and whether it may have several values."""
    known = entry(tag)
    if known is None or (tag >> 16 & 1 and tag & 0xFFFF > 0xFF):
        return UNKNOWN, False
    return _several(known)


def _several(known: Entry) -> tuple[str, bool]:
    return known.vr, known.vm != "1" and known.vr not in OF_ONE_VALUE


def value_of(ds: Dataset, column: Column) -> Any:
    """Give what a data set has for a column, in its type; None where it has nothing.

    Raises
    ------
    MisfitError
    DicomError
        As access to the value.
    """
    if isinstance(column.key, tuple):
        return fit(_private_value(ds, *column.key), column)
    within = ds.file_meta if column.tag >> 16 == 0x0002 else ds
    value = within.get(column.key) if isinstance(column.key, str) else within._value(column.key, None)
    return fit(value, column)


def _private_value(ds: Dataset, group: int, low: int, creator: str) -> Any:
    try:
        return ds.private_block(group, creator).get(low)
    except MissingElementError:
        return None


def fit(value: Any, column: Column) -> Any:
    """Make a value one of a column's type; None of an empty one.

    Raises
    ------
    MisfitError
        It is not of that type.
    """
    if value is None or value == "":
        return None
    if column.several:
        values = value if isinstance(value, tuple) else (value,)
        text = column.type_name == "string"
        return [None if one is None or (one == "" and not text) else _fit_one(one, column) for one in values]
    if isinstance(value, tuple) and column.type_name == "string":
        return "\\".join(_fit_one("" if one is None else one, column) for one in value)
    return _fit_one(value, column)


def _fit_one(value: Any, column: Column) -> Any:
    fitted = _FITS[column.type_name](value, column)
    if fitted is None:
        raise MisfitError(f"{value!r:.60} is no {column.vr or 'text'}")
    return fitted


def _text(value: Any, column: Column) -> str | None:
    if isinstance(value, Sequence):
        return _json([to_json_dict(item) for item, _ in value.each()])
    if isinstance(value, Dataset):
        return _json(to_json_dict(value))
    if column.vr == "AT" and isinstance(value, int):
        return f"{value:08X}"
    if column.vr == UNKNOWN and isinstance(value, int | float):
        return str(value)
    return str(value) if isinstance(value, str) else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _bytes(value: Any, _: Column) -> bytes | None:
    return value if isinstance(value, bytes) else None


def _whole(value: Any, column: Column) -> int | None:
    least, most = RANGES[column.type_name]
    return value if isinstance(value, int) and least <= value <= most else None


def _real(value: Any, column: Column) -> float | None:
    if not isinstance(value, int | float) or (column.vr == "DS" and not math.isfinite(value)):
        return None
    return float(value)


def _day(value: Any, _: Column) -> Any:
    try:
        return Date(value).to_date() if isinstance(value, str) else None
    except ElementError:
        return None


def _time(value: Any, _: Column) -> Any:
    try:
        return Time(value).to_time() if isinstance(value, str) else None
    except ElementError:
        return None


_FITS: dict[str, Callable[[Any, Column], Any]] = dict.fromkeys(RANGES, _whole) | {
    "string": _text,
    "binary": _bytes,
    "float64": _real,
    "float32": _real,
    "date32": _day,
    "time64": _time,
}
