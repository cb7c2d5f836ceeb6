"""What data sets are made from: the common case of looking up an element and its value."""

import gc
import pickle
import struct
import weakref

import pytest

import hounsfield as hu
from hounsfield._kernels.header import Field, Header, Keyword
from hounsfield._kernels.scan import table_of
from hounsfield.elements.element import Element
from hounsfield.pixels.layout import _read_layout, layout_of


@pytest.fixture
def path(pydicom_path):
    return pydicom_path("CT_small.dcm")


@pytest.fixture
def ds(path):
    return hu.read(path)


def test_what_was_never_filled_is_empty():
    ds = hu.Dataset.__new__(hu.Dataset)
    assert ds._values == {}
    assert list(ds._table) == []
    with pytest.raises(AttributeError):
        ds.Rows  # noqa: B018 - access is what is tried
    with pytest.raises(TypeError, match="made by data sets"):
        Element.__new__(Element).value  # noqa: B018


def test_keywords_belong_to_data_sets(ds):
    assert ds.Rows == 128
    keyword = Keyword(0x00280010)
    assert keyword.__get__(ds, type(ds)) == 128
    assert keyword.__get__(None, type(ds)) is keyword
    with pytest.raises(TypeError):
        keyword.__get__("no data set", str)


def test_attributes_cannot_be_set(ds):
    assert ds.Columns == 128
    with pytest.raises(AttributeError):
        ds.Columns = 5
    assert ds.Columns == 128


def test_a_value_is_decoded_once(ds):
    assert ds.PatientName is ds.PatientName is ds["PatientName"].value
    assert ds.get("PatientName") is ds.PatientName


def test_what_stands_for_a_file_is_made_when_it_is_wanted(ds, path):
    assert ds._opened is None
    assert ds._identity[0] == path.stat().st_size
    assert ds["PixelData"].bytes == path.read_bytes()[ds["PixelData"].offset :][:32768]
    assert ds._opened is ds._source


def test_elements_are_of_the_class_asked_for(ds):
    assert {type(each) for each in ds} == {Element}
    assert issubclass(Element, Field)
    assert issubclass(hu.Dataset, Header)


def test_elements_read_alike_whoever_made_them(ds):
    for each in ds:
        other = ds[each.tag]
        assert (each._row, each._number, each.offset) == (other._row, other._number, other.offset)


@pytest.mark.parametrize("tail", [None, (100, False), (1 << 40, True)])
def test_tail(ds, tail):
    ds._tail = tail
    assert ds._tail == tail


def test_meta(ds):
    data, start, stop = ds._meta
    assert (data is ds._data, start) == (True, 132)
    ds._meta = b"abc", 0, 3
    assert ds._meta == (b"abc", 0, 3)
    assert stop > start


def test_elements_hold_no_bytes_of_a_closed_data_set(path):
    data = bytearray(path.read_bytes())
    ds = hu.read(data)
    kept = list(ds)
    ds.close()
    data.clear()  # a BufferError, if somebody held a view
    with pytest.raises(hu.SourceError, match="closed"):
        kept[0].bytes  # noqa: B018


@pytest.mark.parametrize(("offset", "length"), [(0xFFFFFFF0, 0xFFFFFFF0), (0, 0xFFFFFFFE), (1 << 20, 2)])
def test_rows_that_lie_lead_nowhere(ds, offset, length):
    ds._table = table_of(struct.pack("<III2sBB", 0x00080060, offset, length, b"CS", 0, 0), 0, 0, True)
    with pytest.raises(hu.DicomError):
        ds.Modality  # noqa: B018


def test_rings_are_collected(path):
    ds = hu.read(path)
    ds._values[0] = [ds]
    ring = weakref.ref(ds)
    del ds
    gc.collect()
    assert ring() is None


def test_pickled_elements_find_their_data_set(ds):
    assert pickle.loads(pickle.dumps(ds["Rows"])).value == 128


def with_number(path, keyword, value):
    data = bytearray(path.read_bytes())
    element = hu.read(path)[keyword]
    data[element.offset : element.offset + 2] = value.to_bytes(2, "little")
    return bytes(data)


class TestImageKey:
    """Images that are described in the same bytes have one layout."""

    ATTRIBUTES = (
        "SamplesPerPixel",
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
    )

    def test_is_the_same_for_the_same(self, path, tmp_path):
        other = tmp_path / "other.dcm"
        other.write_bytes(path.read_bytes().replace(b"CompressedSamples^CT1", b"CompressedSamples^CT2"))
        assert hu.read(path)._image_key() == hu.read(other)._image_key() is not None

    @pytest.mark.parametrize("keyword", ATTRIBUTES)
    def test_differs_where_an_attribute_does(self, path, tmp_path, keyword):
        other = tmp_path / "other.dcm"
        other.write_bytes(with_number(path, keyword, 3))
        assert hu.read(path)._image_key() != hu.read(other)._image_key()

    @pytest.mark.parametrize("keyword", ["Rows", "PixelData"])
    def test_needs_what_must_be_there(self, path, keyword):
        assert hu.read(path, until=keyword)._image_key() is None

    def test_of_items_and_with_options_there_is_none(self, path):
        assert hu.read(path, strict=True)._image_key() is None
        assert hu.read(path, character_set="ISO_IR 100")._image_key() is None
        item = hu.read(path).OtherPatientIDsSequence[0]
        assert item._image_key() is None

    def test_what_was_noted_is_noted_of_each_file(self, path, tmp_path):
        for name in ("one.dcm", "two.dcm"):
            other = tmp_path / name
            other.write_bytes(with_number(path, "HighBit", 77))
            ds = hu.read(other)
            assert ds.pixel_array.shape == (128, 128)
            assert "HighBit is 77" in str(ds.warnings)

    def test_gives_the_layout_that_the_attributes_give(self, corpus_file):
        try:
            ds = hu.read(corpus_file.path)
        except hu.DicomError:
            return
        key = ds._image_key()
        if key is None:
            return
        try:
            expected = _read_layout(hu.read(corpus_file.path))
        except hu.PixelDataError:
            with pytest.raises(hu.PixelDataError):
                layout_of(ds)
            return
        assert layout_of(ds) == layout_of(hu.read(corpus_file.path)) == expected
