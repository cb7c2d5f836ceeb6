"""Equality, copies, pickles and plain values."""

import copy
import gc
import io
import math
import os
import pickle
import struct
import sys
import weakref
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import hounsfield as hu
from bytewise import element

readable = pytest.mark.corpus(lambda file: file.path.name != "no_meta.dcm")
"""Not the file that is no DICOM."""

whole = pytest.mark.corpus(
    lambda file: file.path.name not in {"no_meta.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm"}
)
"""Nor the one whose fragments have no end."""


@pytest.fixture(params=["path", "bytes", "bytearray", "file"])
def ct(request, pydicom_path):
    path = pydicom_path("CT_small.dcm")
    data = path.read_bytes()
    given = {"path": path, "bytes": data, "bytearray": bytearray(data), "file": io.BytesIO(data)}
    return hu.read(given[request.param])


BEGIN = element(0x00080060, "CS", b"CT")


class TestEquality:
    @pytest.mark.parametrize(
        "broken",
        [
            element(0x00081140, "SQ", b"\xfe\xff\0\xe0\x10\0\0\0" + b"junk" * 4),
            element(0x00081140, "SQ", b"no items at all"),
            b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\4\0\0\0\1\2\3\4",
        ],
    )
    def test_of_what_cannot_be_read(self, broken):
        """What is there counts: equality is no place to raise."""
        ds = hu.read(BEGIN + broken)
        assert ds == copy.copy(ds) == hu.read(BEGIN + broken)
        assert ds != hu.read(BEGIN + broken[:-1] + b"x")
        assert ds != hu.read(BEGIN)

    @readable
    def test_of_what_was_read_twice(self, corpus_file):
        one, other = hu.read(corpus_file.path), hu.read(corpus_file.path.read_bytes())
        assert one == other
        assert (one != other) is False

    @pytest.mark.parametrize(
        "other",
        [
            element(0x00100020, "LO", b"me"),
            element(0x00100010, "LO", b"me"),
            element(0x00100010, "PN", b"you "),
            b"",
            element(0x00100010, "PN", b"me") + element(0x00280010, "US", b"\1\0"),
        ],
    )
    def test_looks_at_tag_vr_and_value(self, other):
        one = hu.read(BEGIN + element(0x00100010, "PN", b"me"))
        assert one != hu.read(BEGIN + other)
        assert hu.read(BEGIN + other) != one
        assert one == hu.read(BEGIN + element(0x00100010, "PN", b"me  "))

    @readable
    def test_of_elements(self, corpus_file):
        """Each access gives another object for the same element."""
        one, other = hu.read(corpus_file.path), hu.read(corpus_file.path.read_bytes())
        for mine, its in zip(one, other, strict=True):
            assert mine == its == one[mine.tag] == copy.copy(its)
            assert (mine != its) is False

    def test_of_elements_looks_at_vr_and_value(self):
        mine = hu.read(element(0x00100010, "PN", b"me"))["PatientName"]
        assert mine != hu.read(element(0x00100010, "LO", b"me"))["PatientName"]
        assert mine != hu.read(element(0x00100010, "PN", b"you "))["PatientName"]
        assert mine == hu.read(element(0x00100010, "PN", b"me  "))["PatientName"]
        assert mine != "me"

    def test_looks_into_items(self):
        def with_items(*items):
            data = b"".join(b"\xfe\xff\0\xe0" + struct.pack("<I", len(item)) + item for item in items)
            return hu.read(BEGIN + element(0x00081140, "SQ", data))

        one, other = element(0x00081155, "UI", b"1.2\0"), element(0x00081155, "UI", b"1.3\0")
        assert with_items(one, other) == with_items(one, other)
        assert with_items(one) != with_items(other)
        assert with_items(one) != with_items(one, one)
        ours, its = with_items(one).ReferencedImageSequence, with_items(one).ReferencedImageSequence
        assert ours == its
        assert ours == list(its)
        assert ours != with_items(other).ReferencedImageSequence
        assert ours != 5

    def test_not_a_number_is_itself(self):
        data = BEGIN + element(0x00189305, "FD", struct.pack("<dd", math.nan, 1))
        assert hu.read(data) == hu.read(data)
        assert hu.read(data) != hu.read(BEGIN + element(0x00189305, "FD", struct.pack("<dd", 1, 1)))

    def test_words_mean_the_same_in_either_order(self):
        little = hu.read(BEGIN + element(0x00283006, "OW", b"\1\0\2\0"))
        big = hu.read(
            b"\0\x08\0\x60CS\0\2CT" + b"\0\x28\x30\x06OW\0\0\0\0\0\4\0\1\0\2",
        )
        assert little == big

    def test_with_what_is_no_data_set(self, ct):
        assert ct != 5
        assert ct.__eq__({}) is NotImplemented
        with pytest.raises(TypeError, match="unhashable"):
            hash(ct)


def facts(ds):
    return os.getpid(), str(ds.PatientName), ds.filename, ds.pixel_array.sum().item(), ds.warnings


class TestCopies:
    @pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda ds: pickle.loads(pickle.dumps(ds))])
    def test_are_the_same(self, ct, how):
        _ = ct.Rows, ct.OtherPatientIDsSequence[0].PatientID
        other = how(ct)
        assert type(other) is hu.Dataset
        assert other == ct
        assert (other.pixel_array == ct.pixel_array).all()
        assert other.file_meta == ct.file_meta
        assert other.transfer_syntax == ct.transfer_syntax
        assert other.warnings == ct.warnings

    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    def test_protocols(self, ct, protocol):
        assert pickle.loads(pickle.dumps(ct, protocol)) == ct

    @readable
    def test_every_file(self, corpus_file):
        ds = hu.read(corpus_file.path)
        other = pickle.loads(pickle.dumps(ds))
        assert other == ds
        assert other.warnings == ds.warnings
        assert pickle.loads(pickle.dumps(ds)) == ds  # with what stands behind the pixel data

    def test_of_a_path_hold_the_header_only(self, corpus):
        path = max((corpus / "pydicom+pydicom-data").rglob("*.dcm"), key=lambda path: path.stat().st_size)
        ds = hu.read(path)
        assert len(pickle.dumps(ds)) < 200_000 < path.stat().st_size

    def test_of_bytes_hold_them_once(self, pydicom_path):
        data = pydicom_path("CT_small.dcm").read_bytes()
        assert len(pickle.dumps(hu.read(data))) < 1.3 * len(data)
        assert len(pickle.dumps(hu.read(bytearray(data)))) < 1.3 * len(data)

    def test_deflated(self, pydicom_path):
        ds = hu.read(pydicom_path("image_dfl.dcm"))
        other = pickle.loads(pickle.dumps(ds))
        assert other == ds
        assert (other.file_meta, other.filename) == (ds.file_meta, ds.filename)

    def test_items_stand_alone(self, pydicom_path):
        ds = hu.read(pydicom_path("chrSQEncoding1.dcm"))
        item = ds.RequestedProcedureCodeSequence[0]
        other = pickle.loads(pickle.dumps(item))
        assert other.PatientName == item.PatientName
        assert not other.PatientName.isascii()  # by the character set of the data set around it
        assert (
            pickle.loads(pickle.dumps(ds.RequestedProcedureCodeSequence)) == ds.RequestedProcedureCodeSequence
        )

    def test_elements(self, ct):
        other = pickle.loads(pickle.dumps(ct["PatientName"]))
        assert (other.tag, other.value) == (0x00100010, ct.PatientName)

    def test_the_file_may_be_elsewhere(self, pydicom_path, tmp_path, monkeypatch):
        (tmp_path / "ct.dcm").write_bytes(pydicom_path("CT_small.dcm").read_bytes())
        monkeypatch.chdir(tmp_path)
        pickled = pickle.dumps(hu.read("ct.dcm"))
        monkeypatch.chdir("/")
        assert pickle.loads(pickled).pixel_array.shape == (128, 128)
        (tmp_path / "ct.dcm").write_bytes(pydicom_path("MR_small.dcm").read_bytes())
        other = pickle.loads(pickled)
        assert other.Rows == 128  # from the header
        with pytest.raises(hu.SourceError, match="has changed"):
            _ = other.pixel_array

    def test_of_what_is_closed(self, ct):
        ct.close()
        with pytest.raises(hu.SourceError, match="closed"):
            pickle.dumps(ct)

    def test_are_closed_apart_from_what_they_are_copies_of(self, pydicom_path):
        buffer = bytearray(pydicom_path("CT_small.dcm").read_bytes())
        ds = hu.read(buffer)
        other = copy.deepcopy(ds)
        ds.close()
        buffer.clear()
        assert other.PatientName == "CompressedSamples^CT1"

    def test_are_collected(self, ct):
        other = pickle.loads(pickle.dumps(ct))
        gone = weakref.ref(other)
        del other
        gc.collect()
        assert gone() is None

    @pytest.mark.skipif(sys.platform == "win32", reason="has no fork server")
    def test_feed_process_pools(self, ct):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            there = pool.submit(facts, ct).result()
        assert there[0] != os.getpid()
        assert there[1:] == facts(ct)[1:]


class TestDict:
    def test_plain_values(self, ct):
        values = ct.to_dict()
        assert values["PatientName"] == "CompressedSamples^CT1"
        assert type(values["PatientName"]) is type(values["SOPClassUID"]) is str
        assert values["ImageType"] == ["ORIGINAL", "PRIMARY", "AXIAL"]
        assert values["PixelSpacing"] == [0.661468, 0.661468]
        assert type(values["SliceThickness"]) is float
        assert type(values["Rows"]) is int
        assert values["AccessionNumber"] == ""
        assert values["00091001"] == "GE_GENESIS_FF"
        assert len(values["PixelData"]) == 32768
        items = values["OtherPatientIDsSequence"]
        assert [item["PatientID"] for item in items] == ["ABCD1234", "1234ABCD"]

    @whole
    def test_every_file(self, corpus_file):
        ds = hu.read(corpus_file.path)
        try:
            values = ds.to_dict()
        except hu.TruncatedError:
            assert any(element.is_cut for element in ds)
            return
        assert len(values) == len(ds)
        pending = [values]
        while pending:
            value = pending.pop()
            assert type(value) in (str, int, float, bytes, type(None), list, dict)
            pending += value if type(value) is list else value.values() if type(value) is dict else ()
