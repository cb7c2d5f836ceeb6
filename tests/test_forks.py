"""Processes that were forked, as the workers of a server or a data loader are: what they have from before."""

import gzip
import io
import os
import pickle
import signal
import threading
import time
import zipfile

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.elements import dataset

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


def forked(work, *, count=1, seconds=30):
    """What `work` gives in forked processes, all at a time: results, or what it raised."""
    running = []
    for _ in range(count):
        read, write = os.pipe()
        process = os.fork()
        if not process:
            try:
                os.close(read)
                try:
                    result = work()
                except BaseException as error:
                    result = error
                with os.fdopen(write, "wb") as answer:
                    pickle.dump(result, answer)
            finally:
                os._exit(0)
        os.close(write)
        running.append((process, read))
    results = []
    until = time.monotonic() + seconds
    for process, read in running:
        while not (ended := os.waitpid(process, os.WNOHANG)[0]) and time.monotonic() < until:
            time.sleep(0.005)
        if not ended:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        with os.fdopen(read, "rb") as answer:
            data = answer.read()
        results.append(pickle.loads(data) if data else "nothing: it hangs")
    return results


@pytest.fixture
def large(pydicom_path):
    """A file of several frames that are read when they are asked for."""
    path = pydicom_path("rtdose.dcm")
    assert len(hu.read(path).frames) == 15
    return path


def wrong_frames(ds, expected, times=500):
    """How many frames are not what they should be, asked for in another order by each process."""
    order = np.random.default_rng(os.getpid()).integers(len(expected), size=times)
    return sum(not np.array_equal(ds.pixels(int(frame)), expected[frame]) for frame in order)


@pytest.mark.parametrize("buffering", [-1, 0])
def test_frames_of_one_file_object(large, buffering):
    """Its position is that of the processes together."""
    expected = hu.read(large).pixel_array
    with large.open("rb", buffering) as file:
        ds = hu.read(file)
        assert forked(lambda: wrong_frames(ds, expected), count=3) == [0] * 3
        assert wrong_frames(ds, expected) == 0


def test_a_file_object_that_is_closed_there(large):
    with large.open("rb") as file:
        ds = hu.read(file)

        def close():
            file.close()
            return ds.pixel_array

        [error] = forked(close)
    assert isinstance(error, hu.SourceError)
    assert "cannot be read any more" in str(error)


def archived(path, folder):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(path, "a.dcm")
    return zipfile.ZipFile(folder / "a.zip").open("a.dcm")


def compressed(path, folder):
    (folder / "a.gz").write_bytes(gzip.compress(path.read_bytes()))
    return gzip.open(folder / "a.gz")


@pytest.mark.parametrize("opened", [archived, compressed])
def test_file_objects_that_have_another_below(large, tmp_path, opened):
    """Where they are in it is known to each process alone, and moved by both."""
    expected = hu.read(large).pixel_array
    with opened(large, tmp_path) as file:
        ds = hu.read(file)
        [error] = forked(lambda: ds.pixel_array)
        assert isinstance(error, hu.SourceError)
        assert "before this process was forked" in str(error)
        assert np.array_equal(ds.pixel_array, expected)


def test_members_of_archives(large, tmp_path):
    archived(large, tmp_path).close()
    expected = hu.read(large).pixel_array
    ds = hu.read(f"{tmp_path / 'a.zip'}::a.dcm")
    assert forked(lambda: wrong_frames(ds, expected), count=3) == [0] * 3


def test_remote_files_in_an_archive(large, tmp_path):
    pytest.importorskip("fsspec")
    archived(large, tmp_path).close()
    expected = hu.read(large).pixel_array
    ds = hu.read(f"zip://a.dcm::{tmp_path / 'a.zip'}")
    assert forked(lambda: wrong_frames(ds, expected), count=3) == [0] * 3


class Slow(io.BytesIO):
    """Lets another thread wait in the middle of a read, in the process that has that thread."""

    process = os.getpid()

    def __init__(self, data):
        super().__init__(data)
        self.is_read, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

    def read(self, *count):
        if os.getpid() == self.process:
            self.is_read.set()
            assert self.goes_on.wait(30)
        return super().read(*count)


def test_while_a_thread_reads_the_same_file_object(large):
    file = Slow(large.read_bytes())
    ds = hu.read(file)
    file.is_read.clear()
    file.goes_on.clear()
    thread = threading.Thread(target=lambda: ds.pixel_array)
    thread.start()
    assert file.is_read.wait(10)
    [got] = forked(lambda: ds.pixel_array)
    file.goes_on.set()
    thread.join()
    assert np.array_equal(got, ds.pixel_array)


def test_while_a_thread_warns(pydicom_path):
    path = pydicom_path("image_dfl.dcm")
    expected = hu.read(path).warnings
    assert expected
    held, done = threading.Event(), threading.Event()

    def hold():
        with dataset._LOCK:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    [got] = forked(lambda: hu.read(path).warnings)
    done.set()
    thread.join()
    assert got == expected


def test_while_a_thread_opens_file_objects(large):
    data = large.read_bytes()
    ends = threading.Event()

    def read():
        while not ends.is_set():
            hu.read(io.BytesIO(data))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            assert forked(lambda: hu.read(io.BytesIO(data)).Rows) == [10]
    finally:
        ends.set()
        for thread in threads:
            thread.join()
