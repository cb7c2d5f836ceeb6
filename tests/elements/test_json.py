"""The DICOM JSON model: the same as pydicom's, and valid as PS3.18 Annex F.2 has it."""

import base64
import json
import struct
import warnings
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydicom
import pytest

import hounsfield as hu
from bytewise import BIG, element, part10

WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def as_the_standard_has_it(attributes, *, big_endian):
    """Mend what pydicom does not do as PS3.18 F.2 asks for."""
    mended = {}
    for tag, attribute in attributes.items():
        if tag.endswith("0000"):
            continue  # group lengths shall not be included (F.2.2)
        vr = str(attribute["vr"])
        new = mended[tag] = {"vr": vr}
        if vr == "SQ":
            if attribute["Value"]:  # an empty sequence has no Value (F.2.5)
                items = attribute["Value"]
                new["Value"] = [as_the_standard_has_it(item, big_endian=big_endian) for item in items]
        elif vr == "PN" and "Value" in attribute:
            # component groups that are empty are left out (F.2.2)
            names = ({group: text for group, text in name.items() if text} for name in attribute["Value"])
            new["Value"] = [name or None for name in names]
        elif "Value" in attribute:
            new["Value"] = [None if value == "" else value for value in attribute["Value"]]  # F.2.5
        elif "InlineBinary" in attribute:
            value = base64.b64decode(attribute["InlineBinary"])
            if big_endian and vr in WORDS:  # F.2.7
                size = WORDS[vr]
                value = b"".join(value[at : at + size][::-1] for at in range(0, len(value), size))
            new["InlineBinary"] = base64.b64encode(value).decode()
    return mended


def assert_equal(ours, theirs, path=""):
    assert ours.keys() == theirs.keys(), path
    for tag, mine in ours.items():
        other = theirs[tag]
        if mine["vr"] == "SQ" == other["vr"] and len(mine.get("Value", ())) == len(other.get("Value", ())):
            for number, (item, its) in enumerate(
                zip(mine.get("Value", ()), other.get("Value", ()), strict=True)
            ):
                assert_equal(item, its, f"{path}{tag}[{number}].")
        else:
            assert mine == other, f"{path}{tag}"


DIFFERENT = {
    "rtplan_truncated.dcm": "ends inside a DS: given as text, where pydicom gives the number that is left",
    "no_meta.dcm": "begins with a stray byte: no data set, where pydicom finds one element of junk",
    "badVR.dcm": "has an IS of 1A: given as that text, where pydicom's to_json_dict raises",
}


@pytest.mark.corpus(lambda file: file.path.name not in DIFFERENT)
def test_same_as_pydicom(corpus_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(corpus_file.path, force=True)
        theirs = ds.to_json_dict()
        big_endian = not ds.original_encoding[1]
    try:
        ours = hu.read(corpus_file.path).to_json_dict(bulk_threshold=None)
    except hu.TruncatedError:
        # Where a value is cut short pydicom gives what is left of it as if it were all.
        assert corpus_file.path.name in CUT
        return
    assert_equal(ours, as_the_standard_has_it(theirs, big_endian=big_endian))
    assert json.loads(json.dumps(ours, allow_nan=False)) == ours


def test_what_is_no_number_is_text(corpus):
    ds = hu.read(next(corpus.rglob("badVR.dcm")))
    assert ds.to_json_dict()["00280008"] == {"vr": "IS", "Value": ["1A"]}


def test_a_number_that_the_end_cuts_is_text(corpus):
    """Where pydicom gives what is left of it as if it were all."""
    ds = hu.read(next(corpus.rglob("rtplan_truncated.dcm")))
    beam = ds.to_json_dict()["300A00B0"]["Value"][0]
    assert beam["300A0111"]["Value"][0]["300A012C"]["Value"] == ["235.711172833292", "244.13543711"]


CUT = {"MR_truncated.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm"}


@pytest.mark.parametrize(
    ("tag", "vr", "raw", "expected"),
    [
        (0x00100010, "PN", b"Adams^John=\x8e", {"Alphabetic": "Adams^John", "Ideographic": "\x8e"}),
        (0x00100010, "PN", b"==phonetic", {"Phonetic": "phonetic"}),
        (0x00280009, "AT", b"\x54\x00\x10\x00", "00540010"),
        (0x00281050, "DS", b" 40.50", 40.5),
        (0x00281050, "DS", b"about 5 ", "about 5"),
        (0x00281050, "DS", b"1e999 ", "Infinity"),
        (0x00280008, "IS", b"+12 ", 12),
        (0x00189306, "FL", struct.pack("<f", float("nan")), "NaN"),
        (0x00189305, "FD", struct.pack("<d", float("-inf")), "-Infinity"),
        (0x00720083, "UV", b"\xff" * 8, 2**64 - 1),
        (0x00080120, "UR", b"http://x/?a=1 ", "http://x/?a=1"),
    ],
)
def test_value(tag, vr, raw, expected):
    attributes = hu.read(part10(element(tag, vr, raw))).to_json_dict()
    assert attributes == {f"{tag:08X}": {"vr": vr, "Value": [expected]}}


def test_what_is_there_without_a_value():
    ds = hu.read(
        part10(
            element(0x00080000, "UL", bytes(4))
            + element(0x00080005, "CS", b"\\ISO 2022 IR 87")
            + element(0x00080050, "SH", b"")
            + element(0x00081140, "SQ", b"")
            + element(0x00091001, "UN", b"")
            + element(0x00280010, "US", b"\1\2\3")
            + element(0x00400275, "SQ", b"\xfe\xff\x00\xe0" + bytes(4)),
        )
    )
    assert ds.to_json_dict() == {
        "00080005": {"vr": "CS", "Value": [None, "ISO 2022 IR 87"]},
        "00080050": {"vr": "SH"},
        "00081140": {"vr": "SQ"},
        "00091001": {"vr": "UN"},
        "00280010": {"vr": "UN", "InlineBinary": "AQID"},  # no US: the bytes as they stand
        "00400275": {"vr": "SQ", "Value": [{}]},
    }


def test_bulk_data_are_where_the_uri_says(pydicom_path):
    path = pydicom_path("CT_small.dcm")
    ds = hu.read(path)
    attributes = ds.to_json_dict()
    uri = urlsplit(attributes["7FE00010"]["BulkDataURI"])
    place = {key: int(value[0]) for key, value in parse_qs(uri.query).items()}
    assert uri.scheme == "file"
    assert Path(uri.path) == path.resolve()
    data = path.read_bytes()[place["offset"] :][: place["length"]]
    assert data == ds["PixelData"].bytes
    assert "InlineBinary" in attributes["00431028"]  # 80 bytes
    assert "BulkDataURI" in ds.to_json_dict(bulk_threshold=79)["00431028"]
    assert "InlineBinary" in ds.to_json_dict(bulk_threshold=None)["7FE00010"]
    named = ds.to_json_dict(bulk_uri=lambda element: f"https://x/{element.tag:08x}")
    assert named["7FE00010"] == {"vr": "OW", "BulkDataURI": "https://x/7fe00010"}


def test_bytes_that_no_file_has_so_are_inline(pydicom_path):
    assert "InlineBinary" in hu.read(pydicom_path("CT_small.dcm").read_bytes()).to_json_dict()["7FE00010"]
    assert "InlineBinary" in hu.read(pydicom_path("image_dfl.dcm")).to_json_dict()["7FE00010"]
    assert "InlineBinary" in hu.read(pydicom_path("MR_small_bigendian.dcm")).to_json_dict()["7FE00010"]


def test_big_endian_words_become_little_endian():
    ds = hu.read(
        part10(
            element(0x00080005, "CS", b"ISO_IR 100", ">")
            + element(0x00283006, "OW", b"\1\2\3\4\5", ">")
            + element(0x7FE00009, "OD", bytes(range(8)), ">"),
            BIG,
        )
    )
    values = {
        tag: base64.b64decode(a["InlineBinary"])
        for tag, a in ds.to_json_dict().items()
        if "InlineBinary" in a
    }
    assert values == {"00283006": b"\2\1\4\3\5", "7FE00009": bytes(range(7, -1, -1))}


def test_text():
    ds = hu.read(
        part10(element(0x00080005, "CS", b"ISO_IR 192") + element(0x00100010, "PN", "山田^太郎".encode()))
    )
    text = ds.to_json()
    assert "山田^太郎" in text
    assert "\n" not in text
    assert json.loads(text) == ds.to_json_dict()
