"""From the DICOM JSON model and back: the same values."""

import base64
import json
import math
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hounsfield as hu
from hounsfield.elements.json_model import read_file_uri

whole = pytest.mark.corpus(
    lambda file: (
        file.path.name
        not in {
            "no_meta.dcm",
            "rtplan_truncated.dcm",
            "MR_truncated.dcm",
            "emri_small_jpeg_2k_lossless_too_short.dcm",
        }
    )
)


@whole
def test_round_trip(corpus_file):
    ds = hu.read(corpus_file.path)
    there = ds.to_json_dict(bulk_threshold=None)
    other = hu.Dataset.from_json(there)
    assert other.to_json_dict(bulk_threshold=None) == there
    for element in ds:
        if element.tag & 0xFFFF and not isinstance(element.value, bytes):
            assert other[element.tag].value == element.value, element
    if all(element.tag & 0xFFFF for _, element in ds.walk()):  # JSON has no group lengths
        assert other == ds or has_bytes_where_its_vr_has_none(ds)


def has_bytes_where_its_vr_has_none(ds):
    return any(isinstance(each.value, bytes) and not each.VR.startswith(("O", "UN")) for _, each in ds.walk())


def test_behaves_as_one_that_was_read(pydicom_path):
    ds = hu.read(pydicom_path("CT_small.dcm"))
    text = ds.to_json(bulk_threshold=None)
    for attributes in (text, text.encode(), json.loads(text)):
        other = hu.Dataset.from_json(attributes)
        assert type(other) is hu.Dataset
        assert (other.pixel_array == ds.pixel_array).all()
        assert other.OtherPatientIDsSequence[1].PatientID == "1234ABCD"
        assert other.filename is None
        assert other.transfer_syntax == "1.2.840.10008.1.2.1"
        assert len(other.file_meta) == 0
        assert other.warnings == ()


def test_bulk_data(pydicom_path):
    ds = hu.read(pydicom_path("CT_small.dcm"))
    text = ds.to_json()
    assert hu.Dataset.from_json(text, bulk=read_file_uri) == ds
    other = hu.Dataset.from_json(text)
    assert other["PixelData"].length == 0
    assert "offset=" in other.warnings[0]
    with pytest.raises(hu.PixelDataError):
        _ = other.pixel_array
    given = {"7FE00010": {"vr": "OW", "BulkDataURI": "https://x/1"}}
    assert (
        hu.Dataset.from_json(given, bulk={"https://x/1": bytearray(b"\1\2")}.__getitem__).PixelData == b"\1\2"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "https://x/?offset=0&length=1",
        "file:///x",
        "file://host/x?offset=0&length=1",
        "file:///x?offset=-1&length=1",
        "",
    ],
)
def test_what_read_file_uri_does_not_read(uri):
    with pytest.raises(hu.OptionError):
        read_file_uri(uri)


def test_read_file_uri(tmp_path):
    path = tmp_path / "a file"
    path.write_bytes(b"0123")
    assert read_file_uri(f"{path.as_uri()}?offset=1&length=2") == b"12"
    with pytest.raises(hu.TruncatedError):
        read_file_uri(f"{path.as_uri()}?offset=3&length=2")


def value(vr, *values, tag="00091001"):
    return hu.Dataset.from_json({tag: {"vr": vr, "Value": list(values)}})[tag].value


@pytest.mark.parametrize(
    ("vr", "given", "expected"),
    [
        ("AE", ["A", "B"], ("A", "B")),
        ("AS", ["018M"], "018M"),
        ("AT", ["00280010", "7fe00010"], (0x00280010, 0x7FE00010)),
        ("CS", [None, "ISO 2022 IR 87"], ("", "ISO 2022 IR 87")),
        ("DA", ["20260101"], "20260101"),
        ("DS", [1.5, "2.50"], (1.5, 2.5)),
        ("DS", [1e-7, None], (1e-7, None)),
        ("DT", ["2026"], "2026"),
        ("FD", [1.5, "NaN", "-Infinity"], (1.5, math.nan, -math.inf)),
        ("FL", [2], 2.0),
        ("IS", [1, "+2"], (1, 2)),
        ("LO", ["å", "b"], ("å", "b")),
        ("LT", ["a\\b\r\nc"], "a\\b\r\nc"),
        ("PN", [{"Alphabetic": "A^B", "Ideographic": "山"}, None, {"Phonetic": "c"}], ("A^B=山", "", "==c")),
        ("SH", ["x"], "x"),
        ("SL", [-1], -1),
        ("SS", [-1, 2], (-1, 2)),
        ("ST", ["x"], "x"),
        ("SV", [-(2**63), "5"], (-(2**63), 5)),
        ("TM", ["12"], "12"),
        ("UC", ["a", "b"], ("a", "b")),
        ("UI", ["1.2"], "1.2"),
        ("UL", [2**32 - 1], 2**32 - 1),
        ("UR", ["http://x"], "http://x"),
        ("US", [65535], 65535),
        ("UT", ["x" * 70001], "x" * 70001),
        ("UV", [2**64 - 1], 2**64 - 1),
        ("UN", [], None),
        ("OB", [], None),
    ],
)
def test_values(vr, given, expected):
    got = value(vr, *given)
    assert got == expected or repr(got) == repr(expected)


def test_binary_values():
    for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN"):
        attribute = {"vr": vr, "InlineBinary": base64.b64encode(bytes(range(8))).decode()}
        ds = hu.Dataset.from_json({"00091001": attribute})
        assert ds["00091001"].value == bytes(range(8))
        assert vr == ds["00091001"].VR


def test_numbers_keep_their_text():
    ds = hu.Dataset.from_json({"00180050": {"vr": "DS", "Value": ["2.50"]}})
    assert str(ds.SliceThickness) == "2.50"


def test_character_sets_are_told_and_not_used():
    attributes = {
        "00080005": {"vr": "CS", "Value": ["", "ISO 2022 IR 87"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Ωλ", "Ideographic": "山田"}]},
        "00081140": {
            "vr": "SQ",
            "Value": [
                {"00080005": {"vr": "CS", "Value": ["ISO_IR 144"]}, "00100020": {"vr": "LO", "Value": ["é"]}}
            ],
        },
    }
    ds = hu.Dataset.from_json(attributes)
    assert ds.SpecificCharacterSet == ("", "ISO 2022 IR 87")
    assert ds.PatientName == "Ωλ=山田"
    assert ds.ReferencedImageSequence[0].PatientID == "é"


@pytest.mark.parametrize("vr", ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"])
def test_odd_bytes_where_no_character_set_applies(vr):
    """They are read as Latin-1, and must come back as what they were, not as the bytes of UTF-8."""
    assert value(vr, "1.2\xe9\x80") == "1.2\xe9\x80"


def test_any_group_that_an_element_can_have():
    given = {"FFFF0008": {"vr": "LO", "Value": ["x"]}}
    assert hu.Dataset.from_json(given).to_json_dict() == given


def test_long_lists_of_numbers():
    numbers = [float(n) for n in range(20000)]
    attributes = {"30060050": {"vr": "DS", "Value": numbers}, "30060051": {"vr": "IS", "Value": [1]}}
    nested = {"30060039": {"vr": "SQ", "Value": [attributes]}}
    for ds in (hu.Dataset.from_json(attributes), hu.Dataset.from_json(nested).ROIContourSequence[0]):
        assert list(ds.ContourData) == numbers
        assert ds[0x30060051].value == 1
    with pytest.raises(hu.ElementError, match="more than a value of VR DS"):
        hu.Dataset.from_json({"00091001": {"vr": "DS", "Value": numbers}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"PatientName": {"vr": "PN"}}, "no tag"),
        ({"FFFEE00D": {"vr": "UN"}}, "no tag"),
        ({"FFFFFFFF": {"vr": "UN"}}, "no tag"),
        ({"00100010": {}}, "has no vr"),
        ({"00100010": None}, "not as the JSON model"),
        ({"00100010": {"vr": "XX"}}, "'XX' is no VR"),
        ({"00100010": {"vr": ["PN"]}}, "not as the JSON model"),
        ({"00100010": {"vr": "PN", "Value": "me"}}, "no list"),
        ({"00100010": {"vr": "PN", "Value": [1]}}, "no list"),
        ({"00280010": {"vr": "US", "Value": ["x"]}}, "invalid literal"),
        ({"00280010": {"vr": "US", "Value": [70000]}}, "not as the JSON model"),
        ({"00280010": {"vr": "US", "Value": [None]}}, "not as the JSON model"),
        ({"00280010": {"vr": "US", "Value": [1.5]}}, "1.5 is no whole number"),
        ({"00280010": {"vr": "US", "Value": 5}}, "not as the JSON model"),
        ({"00280009": {"vr": "AT", "Value": ["PatientName"]}}, "invalid literal"),
        ({"7FE00010": {"vr": "OW", "InlineBinary": "?"}}, "base 64"),
        ({"7FE00010": {"vr": "OW", "Value": [1]}}, "InlineBinary"),
        ({"00081140": {"vr": "SQ", "Value": [5]}}, "not as the JSON model"),
        ({"00081140": {"vr": "SQ", "Value": 5}}, "not as the JSON model"),
    ],
)
def test_what_is_not_the_model(given, message):
    with pytest.raises(hu.ElementError, match=message):
        hu.Dataset.from_json(given)


@pytest.mark.parametrize("given", ["", "{", "[]", "5", b"\xff", "[" * 100_000])
def test_what_is_no_data_set(given):
    with pytest.raises(hu.OptionError):
        hu.Dataset.from_json(given)


def test_too_deep():
    attributes: dict[str, object] = {}
    for _ in range(70):
        attributes = {"00081140": {"vr": "SQ", "Value": [attributes]}}
    with pytest.raises(hu.LimitError):
        hu.Dataset.from_json(attributes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["vr", "Value", "InlineBinary"]), inner)
    ),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.from_regex("[0-9A-F]{8}", fullmatch=True),
        st.fixed_dictionaries(
            {"vr": st.sampled_from(["PN", "DS", "US", "SQ", "OB", "AT", "UT"])},
            optional={"Value": JSON, "InlineBinary": JSON},
        ),
    )
)
def test_anything(given):
    try:
        ds = hu.Dataset.from_json(given)
    except hu.DicomError:
        return
    assert len(ds) == len(given)
    _ = ds.to_dict()


class TestEncapsulated:
    """JSON has the fragments, and does not tell the transfer syntax: it shows, or is asked for in vain."""

    def made(self, ds):
        return hu.Dataset.from_json(ds.to_json(bulk_threshold=None))

    @pytest.mark.parametrize(
        ("name", "codec"),
        [
            ("MR_small_RLE.dcm", "rle"),
            ("JPEG2000.dcm", "jpeg2000"),
            ("SC_rgb_jpeg_dcmtk.dcm", "jpeg"),
        ],
    )
    def test_what_shows_is_decoded(self, pydicom_path, name, codec):
        ds = hu.read(pydicom_path(name))
        made = self.made(ds)
        assert made.pixel_plan().codec == codec
        assert np.array_equal(made.pixel_array, ds.pixel_array)
        assert made.encoded_frame(0) == ds.encoded_frame(0)
        assert any("JSON does not tell the transfer syntax" in each for each in made.warnings)
        assert pickle.loads(pickle.dumps(made)) == made == ds

    def test_what_does_not_show(self):
        items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, 32) + bytes(32)
        made = hu.Dataset.from_json(
            {
                "00280002": {"vr": "US", "Value": [1]},
                "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
                "00280010": {"vr": "US", "Value": [2]},
                "00280011": {"vr": "US", "Value": [2]},
                "00280100": {"vr": "US", "Value": [8]},
                "00280101": {"vr": "US", "Value": [8]},
                "00280103": {"vr": "US", "Value": [0]},
                "7FE00010": {"vr": "OB", "InlineBinary": base64.b64encode(items).decode()},
            }
        )
        assert made.encoded_frame(0) == bytes(32)
        with pytest.raises(hu.PixelDataError, match="not the beginning of a codestream"):
            made.pixels()
        assert any("JSON does not tell the transfer syntax" in each for each in made.warnings)

    def test_native(self, pydicom_path):
        ds = hu.read(pydicom_path("CT_small.dcm"))
        made = self.made(ds)
        assert made.transfer_syntax == "1.2.840.10008.1.2.1"
        assert made.warnings == ()
        assert np.array_equal(made.pixel_array, ds.pixel_array)
