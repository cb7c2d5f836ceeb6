"""The same data sets, and many, from several threads at once: what one thread gets, all get."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

import hounsfield as hu


@pytest.fixture(autouse=True)
def switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def everything(ds):
    def values(ds):
        return [
            (
                each.tag,
                [values(item) for item in each.value] if isinstance(each.value, hu.Sequence) else each.value,
            )
            for each in ds
        ]

    return repr((values(ds), values(ds.file_meta), ds.warnings, len(ds), ds.keys()))


def together(count, work, arguments):
    barrier = Barrier(count)

    def start(argument):
        barrier.wait()
        return work(argument)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, arguments))


NAMES = [
    "CT_small.dcm",
    "reportsi.dcm",
    "MR_small_bigendian.dcm",
    "UN_sequence.dcm",
    "image_dfl.dcm",
    "JPEG2000.dcm",
]


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["path", "bytes", "file"])
def test_one_data_set(pydicom_path, count, name, kind):
    path = pydicom_path(name)
    data = path.read_bytes()
    expected = everything(hu.read(path))
    for _ in range(5):
        ds = hu.read({"path": path, "bytes": data, "file": io.BytesIO(data)}[kind])
        assert together(count, everything, [ds] * count) == [expected] * count


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize("kind", ["path", "bytes", "file"])
def test_pixels_of_one_data_set(pydicom_path, count, kind):
    path = pydicom_path("MR_small_bigendian.dcm")
    data = path.read_bytes()
    expected = hu.read(path).pixel_array
    for _ in range(20):
        ds = hu.read({"path": path, "bytes": data, "file": io.BytesIO(data)}[kind])
        for got in together(count, lambda ds: (ds.pixel_array, ds.modality_values()), [ds] * count):
            assert np.array_equal(got[0], expected)
            assert np.array_equal(got[1], expected.astype(np.float32))


@pytest.mark.parametrize("count", [2, 8])
def test_many_files(pydicom_path, count):
    paths = [pydicom_path(name) for name in NAMES]
    expected = [everything(hu.read(path)) for path in paths]
    got = together(
        count, lambda _: [everything(hu.read(path)) for _ in range(5) for path in paths], range(count)
    )
    assert got == [expected * 5] * count


@pytest.mark.parametrize("count", [2, 8])
def test_keywords_for_the_first_time(pydicom_path, count):
    """The first use of a keyword anywhere makes it an attribute."""
    words = [
        word
        for word in dir(hu.read(pydicom_path("CT_small.dcm")))
        if word[0].isupper() and word != "PixelData"
    ]
    ds = hu.read(pydicom_path("CT_small.dcm"))
    expected = [str(ds[word].value) for word in words]
    data = pydicom_path("CT_small.dcm").read_bytes()
    got = together(count, lambda _: [str(getattr(hu.read(data), word)) for word in words], range(count))
    assert got == [expected] * count
