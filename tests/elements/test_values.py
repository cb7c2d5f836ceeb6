"""Values: by the rules of PS3.5 Section 6.2, and against pydicom on every element of every file at hand."""

import math
import os
import pickle
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data.data_manager import DATA_ROOT
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from hounsfield.elements import charset, dictionary, uids
from hounsfield.elements.times import Date, DateTime, Time
from hounsfield.elements.values import DECODERS, LUT_DESCRIPTORS, Context, DecimalString, lut_descriptor

TEXT_VRS = {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
NUMBER_VRS = {"AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"}
BYTE_VRS = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
ALL_VRS = TEXT_VRS | NUMBER_VRS | BYTE_VRS  # but SQ, which is no value of bytes


def decode(vr: str, raw: bytes, **options: Any) -> tuple[Any, list[str]]:
    """The value, and the problems that were reported."""
    problems: list[str] = []
    return DECODERS[vr](raw, Context(problem=problems.append, **options)), problems


def test_every_vr_of_the_standard_has_a_decoder() -> None:
    assert set(DECODERS) == ALL_VRS


@pytest.mark.parametrize("vr", sorted(ALL_VRS))
def test_no_value_is_an_empty_text_or_none(vr: str) -> None:
    assert decode(vr, b"") == ("" if vr in TEXT_VRS else None, [])


@pytest.mark.parametrize(
    ("vr", "raw", "expected"),
    [
        ("AE", b" STORE \\ FIND ", ("STORE", "FIND")),
        ("AS", b"042Y", "042Y"),
        ("AT", b"\x18\x00\x63\x10", 0x00181063),
        ("AT", b"\x18\x00\x63\x10\xe0\x7f\x10\x00", (0x00181063, 0x7FE00010)),
        ("CS", b"ORIGINAL\\PRIMARY ", ("ORIGINAL", "PRIMARY")),
        ("DA", b"20040119", "20040119"),
        ("DA", b"20040119\\20040120", ("20040119", "20040120")),
        ("DA", b"20040119\\\\", ("20040119", "", "")),
        ("DS", b"0.661468\\ 1e5 ", (0.661468, 1e5)),
        ("DS", b"-12.50\0", -12.5),
        ("DS", b"1\\\\3", (1.0, None, 3.0)),
        ("DT", b"20040119072730.5+0100 ", "20040119072730.5+0100"),
        ("FD", b"\x00\x00\x00\x00\x00\x00\xf8\x3f", 1.5),
        ("FL", b"\x00\x00\xc0\x3f\x00\x00\x00\x40", (1.5, 2.0)),
        ("IS", b" 12 ", 12),
        ("IS", b"-1\\+2\0", (-1, 2)),
        ("LO", b" one \\two  ", (" one", "two")),
        ("LT", b" a\\b \0", " a\\b"),
        ("OB", b"\x00\x01", b"\x00\x01"),
        ("PN", b"Adams^John=== ", "Adams^John"),
        ("PN", b"A^B\\C^D", ("A^B", "C^D")),
        ("SL", b"\xff\xff\xff\xff", -1),
        ("SS", b"\xff\xff\x01\x00", (-1, 1)),
        ("ST", b"a\\b", "a\\b"),
        ("SV", b"\xfe" + b"\xff" * 7, -2),
        ("TM", b"072731.1\\08 ", ("072731.1", "08")),
        ("UC", b"a\\b ", ("a", "b")),
        ("UI", b"1.2.840.10008.1.2\0", "1.2.840.10008.1.2"),
        ("UI", b"1.2\\1.3 ", ("1.2", "1.3")),
        ("UL", b"\x00\x00\x01\x00", 65536),
        ("UN", b"a\\b ", b"a\\b "),
        ("UR", b"https://dicom.nema.org/?a\\b ", "https://dicom.nema.org/?a\\b"),
        ("US", b"\x00\x02", 512),
        ("UT", b"a\\b\r\n ", "a\\b\r\n"),
        ("UV", b"\xff" * 8, 2**64 - 1),
    ],
)
def test_values_by_vr(vr: str, raw: bytes, expected: object) -> None:
    assert decode(vr, raw) == (expected, [])


@pytest.mark.parametrize(
    ("vr", "raw", "expected"),
    [
        ("US", b"\x01\x02", 0x0102),
        ("SS", b"\xff\xfe\x00\x01", (-2, 1)),
        ("UL", b"\x00\x00\x01\x00", 256),
        ("FL", b"\x3f\xc0\x00\x00", 1.5),
        ("FD", b"\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5),
        ("AT", b"\x00\x18\x10\x63", 0x00181063),
        ("OW", b"\x01\x02", b"\x01\x02"),
    ],
)
def test_big_endian(vr: str, raw: bytes, expected: object) -> None:
    assert decode(vr, raw, big_endian=True) == (expected, [])


@pytest.mark.parametrize(
    ("vr", "raw", "expected"),
    [
        ("DS", b"abc", "abc"),
        ("DS", b"1.5\\1,5 ", (1.5, "1,5")),
        ("DS", b"1_0", "1_0"),
        ("DS", b"-inf\\1", (-math.inf, 1)),
        ("DS", b"Infinity", math.inf),
        ("DS", b"1.5\xa0", 1.5),
        ("IS", b"12x", "12x"),
        ("IS", b"1.5", 1.5),
        ("IS", b"1_0", "1_0"),
        ("IS", b"nan", "nan"),
        ("IS", b"inf\\2", ("inf", 2)),
        ("IS", b"9" * 5000, "9" * 5000),
        ("DA", b"2004-01-19", "2004-01-19"),
        ("DA", b"1997.04.30", "1997.04.30"),
        ("DA", b"20041319", "20041319"),
        ("DA", b"20040119\\junk", ("20040119", "junk")),
        ("TM", b"10:30:45", "10:30:45"),
        ("TM", b"2400", "2400"),
        ("DT", b"2004-01", "2004-01"),
        ("US", b"\x01", b"\x01"),
        ("FD", b"\x01\x02", b"\x01\x02"),
        ("AT", b"\x18\x00", b"\x18\x00"),
        ("AT", b"\x18\x00\x63\x10\x01", 0x00181063),
    ],
)
def test_what_cannot_be_read_is_shown_and_reported(vr: str, raw: bytes, expected: object) -> None:
    value, problems = decode(vr, raw)
    assert problems
    assert value == expected


def test_not_a_number_is_no_decimal_string() -> None:
    value, problems = decode("DS", b"nan")
    assert math.isnan(value)
    assert problems == ["'nan' is not what DS allows"]


def test_is_with_a_whole_number_in_decimal_notation() -> None:
    assert decode("IS", b"1.0\\2e1") == ((1, 20), [])


@given(
    st.sampled_from(sorted(ALL_VRS)),
    st.binary(max_size=40),
    st.booleans(),
    st.sampled_from(["latin_1", "utf_8"]),
)
def test_no_bytes_make_a_decoder_raise(vr: str, raw: bytes, big_endian: bool, encoding: str) -> None:
    decode(vr, raw, big_endian=big_endian, encodings=(encoding, "iso2022_jp"))


def test_decimal_string_keeps_its_text() -> None:
    value = decode("DS", b" 1.500 ")[0]
    assert isinstance(value, DecimalString)
    assert value == 1.5
    assert (str(value), repr(value), value.text) == ("1.500", "1.500", "1.500")
    assert pickle.loads(pickle.dumps(value)).text == "1.500"
    assert DecimalString(2.5).text == "2.5"


def test_decimal_string_equals_its_number_and_its_text() -> None:
    value = DecimalString("1.50")
    assert value == 1.5 == value
    assert value == "1.50"
    assert "1.50" == value  # noqa: SIM300
    assert value != "1.5"
    assert value != 2
    assert value == DecimalString("1.5")
    assert hash(value) == hash(1.5)
    assert (value < 2, value + 1) == (True, 2.5)


@pytest.mark.parametrize(("vr", "kind"), [("DA", Date), ("TM", Time), ("DT", DateTime)])
def test_dates_and_times_know_their_parts(vr: str, kind: type) -> None:
    assert type(decode(vr, b"2004 ")[0]) is kind
    assert type(decode(vr, b"")[0]) is kind
    assert [type(each) for each in decode(vr, b"2004\\2005")[0]] == [kind, kind]


def test_uid_knows_its_name() -> None:
    value = decode("UI", b"1.2.840.10008.5.1.4.1.1.2\0")[0]
    assert (value.name, value.keyword, value.type) == ("CT Image Storage", "CTImageStorage", "SOP Class")
    assert uids.UID("1.2.3").name == "1.2.3"
    assert pickle.loads(pickle.dumps(value)) == value


def test_first_value_of_a_lut_descriptor_is_unsigned() -> None:
    assert lut_descriptor((-4096, -1024, 16)) == (61440, -1024, 16)
    assert lut_descriptor((256, 0, 8)) == (256, 0, 8)
    assert lut_descriptor(None) is None


# What follows compares with pydicom, but for what is meant to differ.

DIFFERENCES: dict[str, Callable[[RawDataElement], bool]] = {
    "PS3.5 Section 7.2 makes every group length UL; pydicom leaves it UN where the file does not say": (
        lambda raw: raw.tag.element == 0 and raw.VR in (None, "UN")
    ),
}


def corpus() -> list[Path]:
    """The files to compare on: the corpus where there is one, and what pydicom ships."""
    root = Path(os.environ.get("HOUNSFIELD_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
    files = [*root.rglob("*"), *Path(DATA_ROOT).rglob("*.dcm")]
    return sorted(path for path in files if path.is_file() and path.suffix != ".csv")


NAME_PARTS = (
    "components",
    "ideographic",
    "phonetic",
    "family_name",
    "given_name",
    "middle_name",
    "name_suffix",
)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, pydicom.multival.MultiValue | list):
        return isinstance(ours, tuple) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, pydicom.valuerep.PersonName):
        return ours == str(theirs) and all(getattr(ours, p) == getattr(theirs, p) for p in NAME_PARTS)
    kind = next((kind for kind in (str, float, int, bytes) if isinstance(theirs, kind)), type(theirs))
    return isinstance(ours, kind) and bool(ours == kind(theirs) if theirs is not None else ours is None)


class Walk:
    """Decodes the raw bytes of every element that pydicom read, and compares."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.differences: list[str] = []

    def data_set(
        self, file: str, ds: Dataset, encodings: tuple[str, ...], pixel_representation: int | None
    ) -> None:
        raws = {tag: ds.get_item(tag) for tag in ds.keys()}  # noqa: SIM118  (iterating would decode)
        if "SpecificCharacterSet" in ds:
            terms = ds.SpecificCharacterSet
            encodings = charset.encodings(terms if isinstance(terms, str | None) else list(terms))
        pixel_representation = ds.get("PixelRepresentation", pixel_representation)
        for tag, raw in raws.items():
            element = ds[tag]
            if element.VR == "SQ":
                for item in element.value:
                    self.data_set(file, item, encodings, pixel_representation)
            elif isinstance(raw, RawDataElement) and not any(meant(raw) for meant in DIFFERENCES.values()):
                self.element(file, ds, raw, encodings, pixel_representation)

    def element(
        self,
        file: str,
        ds: Dataset,
        raw: RawDataElement,
        encodings: tuple[str, ...],
        pixel_representation: int | None,
    ) -> None:
        vr = raw.VR
        if vr not in DECODERS or vr == "UN":
            vr = dictionary.vr(raw.tag)
            creator = ds.get(raw.tag.group << 16 | raw.tag.element >> 8)
            if raw.tag.is_private and vr == "UN" and creator is not None:
                found = dictionary.private_entry(str(creator.value), raw.tag)
                vr = found.vr if found else "UN"
            descriptor = ds.get("LUTDescriptor")
            vr = dictionary.resolve_vr(
                raw.tag,
                vr,
                explicit=not raw.is_implicit_VR,
                encapsulated=raw.length == 0xFFFFFFFF,
                pixel_representation=pixel_representation,
                bits_allocated=ds.get("BitsAllocated"),
                lut_entries=descriptor[0] if descriptor else None,
            )
        value = DECODERS[vr](raw.value or b"", Context(not raw.is_little_endian, encodings))
        if raw.tag in LUT_DESCRIPTORS:
            value = lut_descriptor(value)
        self.compared[vr] += 1
        expected = ds[raw.tag]
        if vr != expected.VR or not same(value, expected.value):
            self.differences.append(
                f"{file} {raw.tag} {raw.value!r:.100}: {vr} {value!r:.200} instead of {expected.VR} "
                f"{expected.value!r:.200}"
            )


def test_every_element_is_what_pydicom_reads() -> None:
    walk = Walk()
    files = corpus()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in files:
            try:
                ds = pydicom.dcmread(path, force=True)
            except Exception:  # what pydicom cannot read, it cannot be asked about
                continue
            for part in (ds.file_meta, ds):
                walk.data_set(path.name, part, charset.DEFAULT, None)
    assert not walk.differences
    assert walk.compared.total() > (40_000 if len(files) > 300 else 6_000)
    assert set(walk.compared) >= ALL_VRS - {"OD", "OF", "OL", "OV", "SV", "UC", "UR", "UV"}
