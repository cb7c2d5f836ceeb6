"""The same data sets, and many, from several threads at once: what one thread gets, all get."""

import io
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread

import numpy as np
import pytest

import hounsfield as hu
from hounsfield import processors, sources
from hounsfield.elements import dataset


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


def test_close_while_others_wait_for_their_turn():
    """One at a time reads a file object: what has come so far is served, and nothing after it."""

    class File(io.BytesIO):
        is_read, goes_on = Event(), Event()

        def seek(self, *to):
            self.is_read.set()
            assert self.goes_on.wait(30)
            return super().seek(*to)

    File.goes_on.set()
    source = sources.FileSource(File(b"0123456789"))
    File.is_read.clear()
    File.goes_on.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(source.read, 0, 4)
        assert File.is_read.wait(10)
        second = pool.submit(source.read, 5, 4)
        time.sleep(0.1)
        source.close()
        File.goes_on.set()
        assert (first.result(), second.result()) == (b"0123", b"5678")
    with pytest.raises(hu.SourceError, match="is closed"):
        source.read(0, 1)


@pytest.mark.parametrize("lock", ["notes", "sources", "threads"])
def test_a_signal_while_a_lock_is_held(pydicom_path, lock):
    """Its handler, or what a garbage collection ends, runs in the thread that holds it."""
    held = {"notes": dataset._LOCK, "sources": sources._finding, "threads": processors._pool._lock}[lock]
    path, got = pydicom_path("image_dfl.dcm"), []

    def handle():
        with held:
            ds = hu.read(io.BytesIO(path.read_bytes()))
            got.append((ds.warnings, hu.decode_batch([path] * 4, threads=3).array))

    thread = Thread(target=handle, daemon=True)
    thread.start()
    thread.join(20)
    [(warnings, array)] = got
    assert warnings == hu.read(path).warnings
    assert len(array) == 4
