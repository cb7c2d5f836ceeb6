"""The dictionaries: look-ups by the standard's rules, and their content against pydicom's and DCMTK's."""

import copy
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import datadict
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries
from pydicom._uid_dict import UID_dictionary
from pydicom._version import __dicom_version__

import hounsfield as hu
from hounsfield.elements import _dictionary_data, dictionary, uids
from hounsfield.elements.dictionary import Entry, entry, keyword, private_entry, resolve_vr, tag, vr
from hounsfield.errors import OptionError


@pytest.mark.parametrize(
    "key",
    [
        "PatientName",
        "(0010,0010)",
        "0010,0010",
        "00100010",
        "(0010, 0010)",
        "0x00100010",
        (0x10, 0x10),
        0x00100010,
        np.uint32(0x00100010),
        (np.uint16(0x10), np.uint16(0x10)),
    ],
)
def test_a_tag_in_every_spelling(key: str | int | tuple[int, int]) -> None:
    assert tag(key) == 0x00100010


@pytest.mark.parametrize(
    "key",
    ["PatientsName", "", "0010", "(0010,001G)", -1, 1 << 32, (0x10000, 0), (0, -1), (1,), "(0x0010,0010)"],
)
def test_what_is_no_tag(key: str | int | tuple[int, int]) -> None:
    with pytest.raises(OptionError):
        tag(key)


@pytest.mark.parametrize("key", [None, 1.5, b"PatientName", slice(0, 5), ("0010", "0010"), (1.0, 2.0)])
def test_what_is_nothing_like_a_tag(key: Any) -> None:
    with pytest.raises(TypeError):
        tag(key)


def test_a_tag_is_a_number_that_shows_what_it_is() -> None:
    one = hu.tag("ImagePositionPatient")
    assert one == 0x00200032
    assert hash(one) == hash(0x00200032)
    assert {0x00200032: "x"}[one] == "x"
    assert (repr(one), str(one), f"{one}", f"{one:08X}") == ("(0020,0032)",) * 3 + ("00200032",)
    assert (one.group, one.element, one.is_private, one.keyword) == (
        0x20,
        0x32,
        False,
        "ImagePositionPatient",
    )
    private = hu.tag(0x00091001)
    assert (private.is_private, private.keyword) == (True, "")
    for same in (pickle.loads(pickle.dumps(one)), copy.copy(one)):
        assert type(same) is hu.Tag
        assert same == one


def test_unknown_keyword_in_the_table_of_tags() -> None:
    with pytest.raises(KeyError):
        dictionary.TAGS["PatientsName"]


def test_first_look_up_from_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            tags = dictionary._Tags()
            assert set(pool.map(tags.__getitem__, ["PatientName"] * 16)) == {0x00100010}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0x00100010, Entry(0x00100010, "PatientName", "Patient's Name", "PN", "1", False)),
        (0x00080001, Entry(0x00080001, "LengthToEnd", "Length to End", "UL", "1", True)),
        (0x60020010, Entry(0x60020010, "OverlayRows", "Overlay Rows", "US", "1", False)),
        (0x50FE0005, Entry(0x50FE0005, "CurveDimensions", "Curve Dimensions", "US", "1", True)),
        (0x00203105, Entry(0x00203105, "SourceImageIDs", "Source Image IDs", "CS", "1-n", True)),
        (0x00080000, Entry(0x00080000, "", "Group Length", "UL", "1", True)),
        (0x00090000, Entry(0x00090000, "", "Group Length", "UL", "1", True)),
        (0x00090010, Entry(0x00090010, "", "Private Creator", "LO", "1", False)),
        (0x000900FF, Entry(0x000900FF, "", "Private Creator", "LO", "1", False)),
        (0x00091010, None),
        (0x00090001, None),
        (0x60010010, Entry(0x60010010, "", "Private Creator", "LO", "1", False)),
        (0x00100011, None),
    ],
)
def test_entries(number: int, expected: Entry | None) -> None:
    assert entry(number) == expected
    assert vr(number) == (expected.vr if expected else "UN")
    assert keyword(number) == (expected.keyword if expected else "")


def test_keyword_of_a_repeating_group_means_its_first() -> None:
    assert tag("OverlayData") == 0x60003000
    assert tag("CurveData") == 0x50003000
    assert tag("SourceImageIDs") == 0x00203100


def test_private_elements() -> None:
    assert private_entry("SIEMENS CSA HEADER", 0x00291110) == Entry(
        0x00291110, "", "CSA Image Header Info", "OB", "1", False
    )
    assert private_entry("SIEMENS CSA HEADER ", 0x00291110) is not None
    assert private_entry("SIEMENS CSA HEADER", 0x00291199) is None
    assert private_entry("nobody", 0x00291110) is None
    assert private_entry("", 0x00291110) is None
    assert private_entry("1.2.840.113663.1\n0029xx00|US|1|Unknown", 0x00291001) is None


def test_every_element_of_pydicom() -> None:
    assert __dicom_version__ == _dictionary_data.EDITION
    for number, (vrs, vm, name, retired, word) in DicomDictionary.items():
        assert entry(number) == Entry(number, word, name, vrs, vm, retired == "Retired")
        if word:
            assert tag(word) == number


def test_every_repeating_group_of_pydicom() -> None:
    for mask, (vrs, vm, name, retired, word) in RepeatersDictionary.items():
        number = int(mask.replace("x", "2"), 16)
        assert entry(number) == Entry(number, word, name, vrs, vm, retired == "Retired")


def test_every_private_element_of_pydicom() -> None:
    for creator, elements in private_dictionaries.items():
        for mask, (_, vm, name, _) in elements.items():
            number = int(mask.replace("x", "1"), 16)
            if mask.endswith("xx"):
                continue  # a whole block, which pydicom cannot look up either
            if datadict.get_private_entry(number, creator)[2] != name:
                continue  # a row without x takes precedence over this one
            vrs = datadict.private_dictionary_VR(number, creator).replace("_", " or ")
            assert private_entry(creator, number) == Entry(number, "", name, vrs, vm, False)


def test_every_uid_of_pydicom() -> None:
    for text, (name, kind, _, retired, word) in UID_dictionary.items():
        assert uids.uid_entry(text) == uids.UIDEntry(text, name, kind, word, retired == "Retired")
        if word:
            assert uids.uid(word) == text


@pytest.mark.parametrize(
    ("text", "name", "keyword"),
    [
        ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", "JPEGXLLossless"),
        ("1.2.840.10008.1.2.4.112", "JPEG XL", "JPEGXL"),
        ("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", "DeflatedImageFrameCompression"),
        (
            "1.2.840.10008.5.1.4.1.1.66.7",
            "Label Map Segmentation Storage",
            "LabelMapSegmentationStorage",
        ),
    ],
)
def test_uids_newer_than_the_edition(text: str, name: str, keyword: str) -> None:
    assert (uids.uid(text).name, uids.uid(text).keyword) == (name, keyword)
    assert uids.uid(keyword) == text
    assert not uids.uid(text).is_retired


DCMTK_VRS = {
    "lt": "US or SS or OW",
    "na": "NONE",
    "ox": "OB or OW",
    "px": "OB or OW",
    "up": "UL",
    "xs": "US or SS",
}
DCMTK_DIFFERENCES = {
    "(0006,0001)": "belongs to the messages of real-time video, not to data sets; PS3.6 has no such row",
    "(0008,9007)": "the VM became 4-5 in a later edition than DCMTK 3.6.7 knows",
}


def test_every_public_element_of_dcmtk() -> None:
    files = sorted(Path("/usr/share").glob("*dcmtk*/dicom.dic"))
    if not files:
        pytest.skip("no dictionary of DCMTK's; the package dcmtk has it")
    checked = 0
    for line in files[-1].read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"(\((\w{4}),(\w{4})\))\t(\w\w)\t(\w+)\t(\S+)\tDICOM.*", line)
        if match is None or match[1] in DCMTK_DIFFERENCES:
            continue
        ours = entry(int(match[2] + match[3], 16))
        assert ours is not None, line
        word = match[5].removeprefix("RETIRED_").removeprefix("ACR_NEMA_")
        assert (ours.keyword, ours.vm) == (word, match[6])
        choices = DCMTK_VRS.get(match[4], match[4]).split(" or ")
        assert set(ours.vr.split(" or ")) <= set(choices), line
        checked += 1
    assert checked > 4000


def test_ambiguous_vrs() -> None:
    padding, lut, pixels, waveform, overlay = 0x00280120, 0x00283006, 0x7FE00010, 0x54001010, 0x60003000
    assert resolve_vr(padding, vr(padding)) == "US"
    assert resolve_vr(padding, vr(padding), pixel_representation=0) == "US"
    assert resolve_vr(padding, vr(padding), pixel_representation=1) == "SS"
    assert resolve_vr(lut, vr(lut), lut_entries=256) == "OW"
    assert resolve_vr(lut, vr(lut), lut_entries=1) == "US"
    assert resolve_vr(pixels, vr(pixels), bits_allocated=8) == "OW"
    assert resolve_vr(pixels, vr(pixels), bits_allocated=8, explicit=True) == "OB"
    assert resolve_vr(pixels, vr(pixels), bits_allocated=16, explicit=True) == "OW"
    assert resolve_vr(pixels, vr(pixels), bits_allocated=16, explicit=True, encapsulated=True) == "OB"
    assert resolve_vr(waveform, vr(waveform), bits_allocated=8, explicit=True) == "OB"
    assert resolve_vr(waveform, vr(waveform), bits_allocated=16, explicit=True) == "OW"
    assert resolve_vr(overlay, vr(overlay), bits_allocated=8, explicit=True) == "OW"
    assert resolve_vr(0x00100010, "PN") == "PN"


def test_every_choice_of_the_dictionary_is_settled() -> None:
    for number, (vrs, *_) in DicomDictionary.items():
        if " or " in vrs:
            assert resolve_vr(number, vrs) in vrs.split(" or ")


@pytest.mark.parametrize(
    ("uid", "explicit", "big_endian", "deflated", "encapsulated"),
    [
        ("1.2.840.10008.1.2", False, False, False, False),
        ("1.2.840.10008.1.2.1", True, False, False, False),
        ("1.2.840.10008.1.2.1.98", True, False, False, True),
        ("1.2.840.10008.1.2.1.99", True, False, True, False),
        ("1.2.840.10008.1.2.2", True, True, False, False),
        ("1.2.840.10008.1.2.4.70", True, False, False, True),
        ("1.2.840.10008.1.2.4.94", True, False, False, False),
        ("1.2.840.10008.1.2.4.95", True, False, True, False),
        ("1.2.840.10008.1.2.4.110", True, False, False, True),
        ("1.2.840.10008.1.2.4.202", True, False, False, True),
        ("1.2.840.10008.1.2.8.1", True, False, False, True),
        ("1.2.840.10008.1.2.5", True, False, False, True),
        ("1.2.840.113619.5.2", False, False, False, False),
        ("1.2.3", True, False, False, None),
        ("", True, False, False, None),
    ],
)
def test_transfer_syntaxes(
    uid: str, explicit: bool, big_endian: bool, deflated: bool, encapsulated: bool | None
) -> None:
    syntax = uids.transfer_syntax(uid)
    assert syntax[2:] == (explicit, big_endian, deflated, encapsulated)
    assert syntax.name == uids.uid_name(uid)


NOT_AS_PYDICOM = {
    "1.2.840.10008.1.2.1.98": {"is_compressed"},  # encapsulated, and uncompressed
    # Pixel Data are elsewhere, and what refers to them may be deflated
    "1.2.840.10008.1.2.4.94": {"is_encapsulated", "is_compressed"},
    "1.2.840.10008.1.2.4.95": {"is_encapsulated", "is_compressed", "is_deflated"},
    "1.2.840.10008.1.2.4.204": {"is_encapsulated", "is_compressed"},
    "1.2.840.10008.1.2.4.205": {"is_encapsulated", "is_compressed", "is_deflated"},
    # MIME, XML and video streams of their own
    **dict.fromkeys(
        (
            "1.2.840.10008.1.2.6.1",
            "1.2.840.10008.1.2.6.2",
            "1.2.840.10008.1.2.7.1",
            "1.2.840.10008.1.2.7.2",
            "1.2.840.10008.1.2.7.3",
        ),
        frozenset(("is_encapsulated", "is_compressed")),
    ),
    "1.2.840.10008.1.20": {"is_implicit_VR", "is_encapsulated", "is_compressed"},  # Papyrus 3
}
FACTS = ("is_implicit_VR", "is_little_endian", "is_deflated", "is_encapsulated", "is_compressed")


@pytest.mark.parametrize("text", [uid for uid, row in UID_dictionary.items() if row[1] == "Transfer Syntax"])
def test_what_a_transfer_syntax_uid_tells_is_what_pydicom_says(text: str) -> None:
    ours, theirs = uids.UID(text), pydicom.uid.UID(text)
    assert ours.is_transfer_syntax
    differ = {fact for fact in FACTS if getattr(ours, fact) != getattr(theirs, fact)}
    assert differ == NOT_AS_PYDICOM.get(text, set())


@pytest.mark.parametrize("text", ["1.2.840.10008.5.1.4.1.1.2", "1.2.3", ""])
@pytest.mark.parametrize("fact", FACTS)
def test_what_is_no_transfer_syntax_tells_nothing(text: str, fact: str) -> None:
    assert not uids.UID(text).is_transfer_syntax
    with pytest.raises(ValueError, match=f"'{text}' is no transfer syntax"):
        getattr(uids.UID(text), fact)


def test_uid_by_keyword() -> None:
    assert uids.uid("CTImageStorage").name == "CT Image Storage"
    assert uids.uid("1.2.3") == "1.2.3"
    assert uids.uid("ExplicitVRBigEndian").is_retired
    assert uids.UID("1.2.3").is_private
    assert not uids.UID("1.2.3").is_retired
    with pytest.raises(OptionError):
        uids.uid("CTStorage")
