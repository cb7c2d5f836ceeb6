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
