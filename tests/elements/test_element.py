"""One element: its bytes without a copy, its numbers as an array, and what was wrong with it."""

import copy
import mmap
import pickle
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hounsfield as hu
from bytewise import BIG, EXPLICIT, element, part10

NUMBERS = {
    "OB": "u1",
    "OW": "u2",
    "OL": "u4",
    "OV": "u8",
    "OF": "f4",
    "OD": "f8",
    "UN": "u1",
    "US": "u2",
    "SS": "i2",
    "UL": "u4",
    "SL": "i4",
    "UV": "u8",
    "SV": "i8",
    "FL": "f4",
    "FD": "f8",
}


def test_tags_show_what_they_are():
    data = part10(element(0x00280009, "AT", b"\x54\0\x10\0\4\x30\x0c\0") + element(0x00280010, "US", b"\3\0"))
    ds = hu.read(data)
    pointers = ds.FrameIncrementPointer
    assert pointers == (0x00540010, 0x3004000C)
    assert repr(pointers) == "((0054,0010), (3004,000C))"
    assert pointers[0].keyword == "EnergyWindowVector"
    for tag in (pointers[0], ds["Rows"].tag, ds.keys()[0], ds.items()[0][0]):
        assert type(tag) is hu.Tag
    assert list(map(str, ds.keys())) == ["(0028,0009)", "(0028,0010)"]
    assert ds.to_dict()["FrameIncrementPointer"] == [0x00540010, 0x3004000C]
    assert {type(one) for one in ds.to_dict()["FrameIncrementPointer"]} == {int}


class TestView:
    DATA = part10(element(0x00091001, "OB", b"abcd") + element(0x7FE00010, "OW", bytes(range(200)) * 1000))

    def test_is_the_value(self, as_buffer, tmp_path):
        (tmp_path / "file").write_bytes(self.DATA)
        for source in (as_buffer(self.DATA), tmp_path / "file"):
            ds = hu.read(source)
            for each in ds:
                assert each.view == each.bytes == each.value
                assert each.view.readonly

    def test_of_a_buffer_copies_nothing(self, as_buffer):
        buffer = as_buffer(self.DATA)
        whole = np.frombuffer(buffer, "u1")
        ds = hu.read(buffer)
        for each in ds:
            assert np.shares_memory(np.asarray(each.view), whole)
            assert np.shares_memory(each.array(), whole)
            assert not np.shares_memory(np.frombuffer(each.value, "u1"), whole)

    def test_outlives_the_data_set(self, tmp_path):
        (tmp_path / "file").write_bytes(self.DATA)
        with (tmp_path / "file").open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with hu.read(mapped) as ds:
            view = ds["PixelData"].view
        del ds
        assert view[:3] == b"\0\1\2"
        with pytest.raises(BufferError):
            mapped.close()
        view.release()
        mapped.close()

    def test_of_a_closed_source(self, tmp_path):
        (tmp_path / "file").write_bytes(self.DATA)
        ds = hu.read(tmp_path / "file")
        kept = ds["PixelData"]
        ds.close()
        with pytest.raises(hu.SourceError, match="is closed"):
            _ = kept.view


class TestArray:
    @pytest.mark.parametrize("vr", sorted(NUMBERS))
    @pytest.mark.parametrize(("order", "syntax"), [("<", EXPLICIT), (">", BIG)])
    def test_of_each_vr(self, vr, order, syntax):
        numbers = np.array([1, 2, 3, 100], order + NUMBERS[vr])
        ds = hu.read(part10(element(0x00091002, vr, numbers.tobytes(), order), syntax))
        array = ds[0x00091002].array()
        assert array.dtype == numbers.dtype
        assert array.tolist() == numbers.tolist()
        assert not array.flags.writeable

    def test_of_nothing(self):
        array = hu.read(part10(element(0x00091002, "OW", b"")))[0x00091002].array()
        assert (array.shape, array.dtype) == ((0,), np.dtype("<u2"))

    def test_leaves_out_what_is_no_number(self):
        ds = hu.read(part10(element(0x00091002, "OF", bytes(10))))
        assert ds[0x00091002].array().tolist() == [0, 0]
        assert ds[0x00091002].warnings == ("(0009,1002): 10 bytes do not hold numbers of 4",)

    @pytest.mark.parametrize("keyword", ["PatientName", "PixelSpacing", "OtherPatientIDsSequence"])
    def test_of_another_vr(self, pydicom_path, keyword):
        ds = hu.read(pydicom_path("CT_small.dcm"))
        with pytest.raises(hu.ElementError, match="no array of numbers") as caught:
            ds[keyword].array()
        assert caught.value.tag == ds[keyword].tag

    def test_of_pixel_data(self, pydicom_path):
        ds = hu.read(pydicom_path("CT_small.dcm"))
        assert (ds["PixelData"].array().reshape(128, 128) == ds.pixel_array.view("<u2")).all()

    def test_of_encapsulated_pixel_data(self, pydicom_path):
        ds = hu.read(pydicom_path("JPEG2000.dcm"))
        assert ds["PixelData"].array()[:4].tolist() == [0xFE, 0xFF, 0x00, 0xE0]
        assert ds["PixelData"].array().size == ds["PixelData"].length


class TestWarnings:
    ITEM = element(0x00180050, "DS", b"junk")
    DATA = part10(
        element(0x00080020, "DA", b"2004-1-19 ")
        + element(0x00081140, "SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(ITEM)) + ITEM)
        + element(0x00280010, "US", b"\1\2\3")
        + element(0x00280011, "US", b"\4\0")
    )

    def test_are_of_the_element(self):
        ds = hu.read(self.DATA)
        assert ds["StudyDate"].warnings == ("(0008,0020) StudyDate: '2004-1-19' is not what DA allows",)
        assert ds["Rows"].warnings == (
            "(0028,0010) Rows: has an odd length, 3",
            "(0028,0010) Rows: 3 bytes do not hold numbers of 2",
        )
        assert ds["Columns"].warnings == ()

    def test_of_items_are_told_to_the_data_set(self):
        ds = hu.read(self.DATA)
        item = ds.ReferencedImageSequence[0]
        assert item.SliceThickness == "junk"
        sentence = "(0018,0050) SliceThickness: 'junk' is not what DS allows"
        assert item["SliceThickness"].warnings == item.warnings == (sentence,)
        assert f"in an item: {sentence}" in ds.warnings
        assert ds["ReferencedImageSequence"].warnings == ()

    def test_are_pickled(self):
        ds = hu.read(self.DATA)
        before = [(each.tag, each.warnings) for each in ds]
        for other in (pickle.loads(pickle.dumps(ds)), copy.copy(ds)):
            assert other.warnings == ds.warnings
            assert [(each.tag, each.warnings) for each in other] == before

    def test_are_the_same_from_all_threads(self):
        def look(ds):
            item = ds.ReferencedImageSequence[0]
            return sorted(
                [
                    *(each.warnings for each in ds),
                    *(each.warnings for each in item),
                    ds.warnings,
                    item.warnings,
                ]
            )

        expected = look(hu.read(self.DATA))
        with ThreadPoolExecutor(8) as pool:
            for _ in range(20):
                ds = hu.read(self.DATA)
                for future in [pool.submit(look, ds) for _ in range(8)]:
                    assert future.result() == expected

    def test_end_with_why_there_is_no_value(self):
        ds = hu.read(part10(element(0x00091001, "OB", bytes(10))[:-4]))
        assert ds[0x00091001].is_cut
        assert "6 bytes are there" in ds[0x00091001].warnings[-1]
