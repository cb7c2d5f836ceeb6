"""Many files to one array: the same values as one by one, and a good account of what went wrong."""

import gc
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
import weakref

import numpy as np
import pytest

import hounsfield as hu
from generate import files
from hounsfield import batch
from hounsfield._kernels.resize import resize
from hounsfield.display.resizing import fit

ONE_BY_ONE = {
    "display": lambda path, frame, **options: hu.read(path).render(frame=frame, **options),
    "modality": lambda path, frame: hu.read(path).modality_values(frame=frame),
    "stored": lambda path, frame: hu.read(path).pixels(frame),
}


def outcome(function, *arguments, **options):
    """What a call gives, or the type and text of its error."""
    try:
        return function(*arguments, **options)
    except Exception as error:
        return type(error), str(error)


def same(found, expected):
    if isinstance(expected, tuple):
        assert found == expected
    else:
        np.testing.assert_array_equal(np.asarray(found)[0], expected)
        assert np.asarray(found).dtype == expected.dtype


def test_every_file_gives_what_it_gives_alone(corpus_file):
    """Whatever values are asked for: the same, or the same error."""
    path = corpus_file.path
    for values in ("modality", "stored"):
        same(outcome(hu.decode_batch, [path], values=values), outcome(ONE_BY_ONE[values], path, 0))
    for window, dtype in (
        (None, np.uint8),
        ("lung", np.uint16),
        ((0.5, 3.0), np.float32),
        ("auto", np.uint8),
    ):
        alone = outcome(ONE_BY_ONE["display"], path, 0, window=window, dtype=dtype)
        same(outcome(hu.decode_batch, [path], window=window, dtype=dtype, threads=1), alone)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Forty files of one shape, of all kinds, and their stored samples."""
    folder = tmp_path_factory.mktemp("batch")
    random = np.random.default_rng(3)
    found = []
    for number in range(40):
        array = random.integers(0, 4096, (1, 40, 50, 1)).astype(np.uint16)
        extra = {"RescaleSlope": 1 + number % 3, "RescaleIntercept": -1024}
        if number % 4:
            extra |= {"WindowCenter": 100 + number, "WindowWidth": 900}
        if number % 7 == 3:
            from imagecodecs import jpegls_encode

            data = files.encapsulated(
                array, files.JPEG_LS, lambda frame: jpegls_encode(frame), BitsStored=12, **extra
            )
        else:
            data = files.file(array, BitsStored=12, **extra)
        path = folder / f"{number:02}.dcm"
        path.write_bytes(data)
        found.append(path)
    return found


@pytest.mark.parametrize("threads", [1, 2, 7, None])
@pytest.mark.parametrize("values", ONE_BY_ONE)
def test_threads_and_order_change_nothing(paths, threads, values):
    order = np.random.default_rng(threads).permutation(len(paths))
    shuffled = [paths[number] for number in order]
    batch = hu.decode_batch(shuffled, values=values, threads=threads)
    expected = np.stack([ONE_BY_ONE[values](path, 0) for path in shuffled])
    np.testing.assert_array_equal(batch.array, expected)
    assert batch.array.dtype == expected.dtype
    assert [item.source for item in batch.items] == list(map(str, shuffled))
    assert all(item.status == "ok" and item.row == item.index for item in batch.items)
    assert all(item.seconds > 0 for item in batch.items)


@pytest.mark.parametrize("name", ["liver_1frame.dcm", "examples_palette.dcm"])
def test_what_the_kernel_does_not_take_is_decoded_once(pydicom_path, name, monkeypatch):
    calls, pixels = [], hu.Dataset.pixels
    monkeypatch.setattr(
        hu.Dataset, "pixels", lambda *args, **options: calls.append(1) or pixels(*args, **options)
    )
    hu.decode_batch(pydicom_path(name))
    assert len(calls) == 1


def test_the_kernel_is_asked_again_when_files_are_for_it_again(paths, monkeypatch):
    """Of files for codecs it is asked seldom."""
    asked = []

    def decode_files(paths, *arguments, **options):
        asked.extend(paths)
        return batch.decode_files.original(paths, *arguments, **options)

    decode_files.original = batch.decode_files
    monkeypatch.setattr(batch, "decode_files", decode_files)
    native, coded = str(paths[0]), str(paths[3])
    result = hu.decode_batch([coded] * 200 + [native] * 200 + [coded], threads=1)
    assert asked.count(coded) < 100
    assert asked.count(native) > 100
    expected = [hu.read(path).render() for path in (coded, native)]
    assert all(np.array_equal(row, expected[200 <= number < 400]) for number, row in enumerate(result.array))


def test_items_tell_the_window(paths):
    items = hu.decode_batch(paths).items
    assert items[1].window == (101, 900)
    low, high = np.ptp(hu.read(paths[0]).modality_values()), items[0].window[1]
    assert low == high  # "auto", as it has none
    assert items[3].window == (103, 900)  # JPEG-LS
    assert hu.decode_batch(paths[:1], window="lung").items[0].window == hu.PRESETS["lung"]
    assert hu.decode_batch(paths[:1], values="modality").items[0].window is None


def test_images_without_contrast_are_black(tmp_path):
    ds = files.dataset(np.ones((1, 8, 9, 1), np.uint16))
    ds.RescaleSlope, ds.RescaleIntercept = "0.1", "0"  # 1 * 0.1 + 0.5 - 0.5 is less than 0.1
    path = tmp_path / "flat.dcm"
    path.write_bytes(files.written(ds))
    for size in (None, 4):
        batch = hu.decode_batch([path], window="auto", size=size)
        assert not batch.array.any()
        assert batch.items[0].window == (1.1, 1)


def test_a_batch_is_an_array(paths):
    batch = hu.decode_batch(paths[:3])
    assert len(batch) == 3
    assert np.asarray(batch) is batch.array or np.shares_memory(np.asarray(batch), batch.array)
    assert not np.shares_memory(np.array(batch), batch.array)
    assert np.asarray(batch, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.asarray(batch, np.float32, copy=False)
    assert repr(batch) == "<Batch of uint8 (3, 40, 50)>"


def test_sources_of_all_kinds(paths):
    data = paths[0].read_bytes()
    batch = hu.decode_batch([paths[0], str(paths[0]), data, memoryview(data), io.BytesIO(data)])
    assert (batch.array == batch.array[0]).all()
    np.testing.assert_array_equal(hu.decode_batch(paths[0]).array, batch.array[:1])
    np.testing.assert_array_equal(hu.decode_batch(data).array, batch.array[:1])
    behind = io.BytesIO(b"something" + data)
    behind.seek(len(b"something"))
    files = [behind, io.BytesIO(data)]  # the first is looked at twice
    np.testing.assert_array_equal(hu.decode_batch(files).array, batch.array[:2])
    behind.seek(len(b"something"))
    again = hu.decode_batch([behind] * 100, threads=4)
    assert (again.array == batch.array[0]).all()
    folder = hu.decode_batch(paths[0].parent)
    np.testing.assert_array_equal(folder.array, hu.decode_batch(paths).array)


def test_options_for_the_file_system(paths):
    options = {"path": str(paths[0].parent), "target_protocol": "file"}
    found = hu.decode_batch("dir://*.dcm", storage_options=options)
    np.testing.assert_array_equal(found.array, hu.decode_batch(paths).array)


@pytest.fixture
def mixed(tmp_path, paths):
    """Good files and bad ones of every kind: (paths, which are good)."""
    good = paths[1].read_bytes()
    huge = files.file(
        np.zeros((1, 40, 50, 1), np.uint16), TextValue="x" * 99000, WindowCenter=1, WindowWidth=2
    )
    made = {
        "a-good": good,
        "b-empty": b"",
        "c-text": b"This is no DICOM file, it is text.\n" * 100,
        "d-cut-header": good[:300],
        "e-cut-pixels": good[:-500],
        "f-huge-header": huge,
        "g-other-shape": files.file(np.zeros((1, 41, 50, 1), np.uint16)),
        "h-good": good,
        "i-no-pixels": files.file(np.zeros((1, 40, 50, 1), np.float32)),
        "j-wrong-syntax": good.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"),
        "l-good": good,
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "k-pipe")
    names = sorted([*made, "k-pipe", "k-vanished"])
    sources = [tmp_path / name for name in names]
    return sources, [
        name in ("a-good", "f-huge-header", "h-good", "j-wrong-syntax", "l-good") for name in names
    ]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_each_bad_file_is_reported(mixed, threads):
    sources, good = mixed
    batch = hu.decode_batch(sources, on_error="fill", fill=7, threads=threads)
    assert [item.status for item in batch.items] == ["ok" if each else "error" for each in good]
    assert len(batch) == len(sources)
    for item, source, is_good in zip(batch.items, sources, good, strict=True):
        row = batch.array[item.row]
        if is_good:
            assert item.error is None
            np.testing.assert_array_equal(row, hu.read(source).render())
            continue
        assert (row == 7).all()
        assert isinstance(item.error, hu.DicomError | OSError)
        assert source.name in str(item.error)
    by_name = {source.name: item.error for source, item in zip(sources, batch.items, strict=True)}
    assert isinstance(by_name["b-empty"], hu.NotDicomError)
    assert isinstance(by_name["e-cut-pixels"], hu.PixelDataError)
    assert isinstance(by_name["k-vanished"], FileNotFoundError)
    assert "41 x 50" in str(by_name["g-other-shape"])
    assert "8 of 13 sources failed" in repr(batch)
    assert [item.source for item in batch.errors] == [
        str(source) for source, is_good in zip(sources, good, strict=True) if not is_good
    ]


def test_bad_files_can_be_left_out(mixed):
    sources, good = mixed
    batch = hu.decode_batch(sources, on_error="skip")
    assert len(batch) == sum(good)
    for item, source, is_good in zip(batch.items, sources, good, strict=True):
        assert item.status == ("ok" if is_good else "skipped")
        assert (item.row is None) == (not is_good)
        if is_good:
            np.testing.assert_array_equal(batch.array[item.row], hu.read(source).render())


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm"])
@pytest.mark.parametrize("keyword", ["Rows", "SamplesPerPixel"])
def test_a_broken_file_does_not_say_how_large_all_are(tmp_path, pydicom_path, name, keyword):
    """Of what stands first, either, where it cannot be."""
    good = pydicom_path(name)
    data = bytearray(good.read_bytes())
    at = hu.read(good)[keyword].offset
    data[at : at + 2] = b"\xff\x7f"
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(data)
    batch = hu.decode_batch([broken, good, broken], on_error="skip")
    assert [item.status for item in batch.items] == ["skipped", "ok", "skipped"]
    assert np.array_equal(batch.array[0], hu.read(good).render())
    with pytest.raises(hu.DicomError, match=r"broken\.dcm"):
        hu.decode_batch([broken])


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_the_first_error_is_raised(mixed, paths, threads):
    sources, _ = mixed
    with pytest.raises(hu.NotDicomError, match="b-empty"):
        hu.decode_batch(sources, threads=threads)
    with pytest.raises(FileNotFoundError, match="k-vanished"):
        hu.decode_batch([*paths, sources[-2], *paths], threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("on_error", ["fill", "skip", "raise"])
def test_errors_do_not_hold_the_array(mixed, on_error, threads):
    """It may be most of the memory that there is, and the garbage collector come late."""
    sources, good = mixed
    out = np.ones((len(sources), 40, 50), np.uint8)
    gone = weakref.ref(out)
    gc.disable()
    try:
        try:
            batch = hu.decode_batch(sources, out=out, threads=threads, on_error=on_error)
        except hu.NotDicomError:
            errors = []
        else:
            errors = batch.errors
            assert len(errors) == good.count(False)
            del batch
        del out
        assert gone() is None
    finally:
        gc.enable()


def test_nothing_is_right(mixed, tmp_path):
    sources, good = mixed
    bad = [source for source, is_good in zip(sources, good, strict=True) if not is_good][:3]
    batch = hu.decode_batch(bad, on_error="skip")
    assert len(batch) == 0
    assert [item.status for item in batch.items] == ["skipped"] * 3
    assert len(hu.decode_batch([])) == 0
    (tmp_path / "nothing").mkdir()
    assert len(hu.decode_batch(tmp_path / "nothing")) == 0


def test_an_unreadable_file(paths, open_folder, request):
    path, other = open_folder / "secret.dcm", open_folder / "other.dcm"
    for each in (path, other):
        each.write_bytes(paths[0].read_bytes())
    path.chmod(0)
    request.getfixturevalue("not_root")
    [good, bad] = hu.decode_batch([other, path], on_error="fill").items
    assert good.error is None
    assert isinstance(bad.error, PermissionError)


def test_a_file_that_is_cut_while_it_is_read(tmp_path):
    """An error, not a bus error, and the other files are right."""
    array = np.zeros((1, 600, 600, 1), np.uint16)
    path, other = tmp_path / "cut.dcm", tmp_path / "other.dcm"
    data = files.file(array, WindowCenter=1, WindowWidth=2)
    path.write_bytes(data)
    other.write_bytes(data)
    expected = hu.read(other).render()
    stop = threading.Event()

    def cut():
        while not stop.is_set():
            os.truncate(path, 5000)
            os.truncate(path, len(data))

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        for _ in range(100):
            batch = hu.decode_batch([path, other], on_error="fill", threads=1)
            np.testing.assert_array_equal(batch.array[1], expected)
            assert batch.items[0].error is None or isinstance(batch.items[0].error, hu.DicomError)
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("threads", [1, 3])
def test_interrupted(paths, threads):
    """Ctrl-C ends it soon, and leaves no thread at work."""
    started, sought = threading.Event(), []

    class Slow(io.BytesIO):
        def seek(self, *arguments):
            started.set()
            sought.append(1)
            time.sleep(0.01)
            return super().seek(*arguments)

    def interrupt():
        started.wait()
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    data = paths[0].read_bytes()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hu.decode_batch([Slow(data) for _ in range(3000)], threads=threads, on_error="fill")
    assert time.monotonic() - start < 10
    thread.join()
    until_then = len(sought)
    time.sleep(0.1)
    assert len(sought) == until_then


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_memory_is_that_of_one_image_a_thread(tmp_path):
    """Beside the result, and whatever the number of files."""
    path = tmp_path / "large.dcm"
    path.write_bytes(files.file(np.zeros((1, 2000, 2000, 1), np.uint16), WindowCenter=1, WindowWidth=2))
    code = f"""
import re, hounsfield as hu
def peak():  # of this process: getrusage begins with that of the one which started it
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1]) >> 10
paths = [{str(path)!r}] * 40
hu.decode_batch(paths[:1], size=16, threads=1)
before = peak()
hu.decode_batch(paths, size=16, threads=2)
hu.decode_batch(paths[:20], size=16, threads=2, window="auto")
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 30  # MiB: a file has 8


@pytest.mark.parametrize("threads", [1, 2])
def test_members_of_a_compressed_archive_are_not_held(tmp_path, monkeypatch, threads):
    monkeypatch.setattr(batch, "HELD", 4 << 20)
    with tarfile.open(tmp_path / "scans.tar.gz", "w:gz") as archive:
        for number in range(40):
            data = files.file(np.full((1, 512, 1024, 1), number, np.uint16))
            info = tarfile.TarInfo(f"{number}.dcm")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    out = np.empty((40, 512, 1024), np.uint16)
    tracemalloc.start()
    try:
        hu.decode_batch(tmp_path / "scans.tar.gz", values="stored", out=out, threads=threads)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (out == np.arange(40)[:, np.newaxis, np.newaxis]).all()
    assert most < (4 << 20) + threads * (4 << 20)  # a member and its samples for each thread


def test_can_be_kept_for_as_long_as_others_want_it(paths):
    cache = weakref.WeakValueDictionary()
    batch = cache["batch"] = hu.decode_batch(paths[:2])
    assert cache["batch"] is batch
    del batch
    gc.collect()
    assert not cache


def test_into_what_the_caller_has(paths, tmp_path):
    expected = hu.decode_batch(paths[:4]).array
    mapped = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.uint8, expected.shape)
    batch = hu.decode_batch(paths[:4], out=mapped)
    assert batch.array is mapped
    np.testing.assert_array_equal(mapped, expected)
    assert np.shares_memory(np.from_dlpack(batch), mapped)
    del batch, mapped
    octets = bytearray(expected.size)
    hu.decode_batch(paths[:4], out=memoryview(octets).cast("B", expected.shape))
    assert bytes(octets) == expected.tobytes()

    class OnDisk:
        def __array__(self, dtype=None, copy=None):
            return np.zeros(expected.shape, np.uint8)

    with pytest.raises(hu.OptionError, match="OnDisk, which gives copies"):
        hu.decode_batch(paths[:4], out=OnDisk())


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.2.5", reason="NumPy takes what comes by DLPack for read-only"
)
def test_into_what_has_only_dlpack(paths):
    expected = hu.decode_batch(paths[:4]).array

    class Tensor:
        def __init__(self):
            self.data = np.zeros(expected.shape, np.uint8)

        def __dlpack__(self, **options):
            return self.data.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.data.__dlpack_device__()

    tensor = Tensor()
    hu.decode_batch(paths[:4], out=tensor)
    np.testing.assert_array_equal(tensor.data, expected)


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        ("u2", True),
        ("i2", True),
        ("i4", True),
        ("u4", True),
        ("f4", True),
        ("f8", True),
        ("u1", False),
        ("i1", False),
    ],
)
def test_types_of_stored_values(paths, kind, fits):
    if not fits:
        with pytest.raises(hu.OptionError, match="12 bits"):
            hu.decode_batch(paths[:5], values="stored", dtype=kind)
        return
    batch = hu.decode_batch(paths[:5], values="stored", dtype=kind)
    assert batch.array.dtype == kind
    for row, path in zip(batch.array, paths, strict=False):
        np.testing.assert_array_equal(row, hu.read(path).pixels())


def test_a_frame_of_several(tmp_path):
    array = files.picture(12, frames=3, rows=8, columns=9)
    data = files.file(array, BitsStored=12, WindowCenter=100, WindowWidth=500)
    batch = hu.decode_batch([data, data], frame=2)
    np.testing.assert_array_equal(batch.array, [hu.read(data).render(frame=2)] * 2)
    assert batch.items[1].frame == 2
    path = tmp_path / "frames.dcm"
    path.write_bytes(data)
    np.testing.assert_array_equal(hu.decode_batch([path], frame=2).array[0], batch.array[0])
    with pytest.raises(hu.DicomError, match="frame 3"):
        hu.decode_batch([path], frame=3)


@pytest.mark.parametrize("values", ["display", "modality"])
@pytest.mark.parametrize("width", [np.uint16, np.uint32])
def test_doses(tmp_path, values, width):
    """Scaled as those of volumes are, by path too, where the kernel decodes."""
    array = files.picture(16, frames=1, rows=8, columns=9).astype(width)
    path = tmp_path / "dose.dcm"
    path.write_bytes(files.file(array, DoseGridScaling="0.25", RescaleSlope="3"))
    options = {"window": (100, 500)} if values == "display" else {}
    batch = hu.decode_batch([path], values=values, **options)
    if values == "display":
        expected = hu.render(array[0, ..., 0], (100, 500), slope=0.25, intercept=0.0)
    else:
        expected = array[0, ..., 0] * np.float32(0.25)
    np.testing.assert_array_equal(batch.array[0], expected)


def resized(path, size, mode, fill=0, **options):
    """One by one, by what is said of size= elsewhere: values, then size, then the window."""
    ds = hu.read(path)
    values = ds.modality_values()
    place = fit(*values.shape[:2], size, mode)
    part = np.empty((place.target.rows, place.target.columns), np.float32)
    resize(values[place.source.slices], part)
    out = np.full(size, fill, np.uint8)
    out[place.target.slices] = hu.render(part, **options)
    return out


@pytest.mark.parametrize("mode", ["letterbox", "crop", "stretch"])
def test_sizes(paths, tmp_path, mode):
    """Of files of several sizes, native and compressed."""
    other = tmp_path / "other.dcm"
    array = np.random.default_rng(1).integers(0, 4096, (1, 90, 30, 1)).astype(np.uint16)
    other.write_bytes(files.file(array, BitsStored=12, WindowCenter=100, WindowWidth=900))
    sources = [paths[1], other, paths[3], paths[3].read_bytes(), other.read_bytes()]
    batch = hu.decode_batch(sources, size=(32, 48), fit=mode, fill=3, window=(500, 3000))
    assert batch.array.shape == (5, 32, 48)
    np.testing.assert_array_equal(batch.array[0], resized(paths[1], (32, 48), mode, 3, window=(500, 3000)))
    np.testing.assert_array_equal(batch.array[1], resized(other, (32, 48), mode, 3, window=(500, 3000)))
    np.testing.assert_array_equal(batch.array[2], resized(paths[3], (32, 48), mode, 3, window=(500, 3000)))
    np.testing.assert_array_equal(batch.array[3], batch.array[2])
    np.testing.assert_array_equal(batch.array[4], batch.array[1])
    assert (batch.array[1, 0, 0] == 3) == (mode == "letterbox")

    values = hu.decode_batch(sources, size=32, fit=mode, values="modality").array
    assert values.dtype == np.float32
    stored = hu.decode_batch(sources[1:2], size=32, fit=mode, values="stored")
    assert stored.array.dtype == np.float32
    whole = hu.decode_batch(sources[1:2], size=32, fit=mode, values="stored", dtype=np.uint16)
    np.testing.assert_array_equal(whole.array, np.rint(stored.array))


def test_sizes_of_any_kind_of_integers(paths):
    for size in (5, np.int64(5), np.array([5, 5]), [np.uint8(5), 5]):
        assert hu.decode_batch(paths[:2], size=size).array.shape == (2, 5, 5)


@pytest.mark.parametrize("kind", [np.int32, np.uint32])
def test_the_ends_of_32_bits_are_kept(kind):
    """Values are resized in float32, where the greatest one is one more."""
    for value in (np.iinfo(kind).min, np.iinfo(kind).max):
        data = files.file(np.full((1, 4, 4, 1), value, kind))
        for wide in (kind, np.int64):
            found = hu.decode_batch(data, values="stored", dtype=wide, size=8).array
            assert abs(int(found[0, 0, 0]) - int(value)) <= (wide is np.int64)


def test_a_size_that_is_the_images_own_changes_nothing(paths):
    for values in ONE_BY_ONE:
        kind = np.uint16 if values == "stored" else None
        batch = hu.decode_batch(paths, values=values, size=(40, 50), dtype=kind)
        np.testing.assert_array_equal(batch.array, hu.decode_batch(paths, values=values).array)


@pytest.mark.corpus(lambda file: file.decodes)
def test_every_file_can_be_resized(corpus_file):
    """However it is read: a file is the same as its bytes, which the kernel does not take."""
    sources = [corpus_file.path, corpus_file.path.read_bytes()]
    batch = hu.decode_batch(sources, size=(40, 60), fit="crop", on_error="skip")
    assert len(batch) in (0, 2)
    assert (batch.array[:1] == batch.array[1:]).all()
    if len(batch):
        assert batch.items[0].window == batch.items[1].window


def test_colour(tmp_path):
    array = files.picture(8, samples=3)
    path = tmp_path / "colour.dcm"
    path.write_bytes(files.file(array))
    batch = hu.decode_batch([path, path.read_bytes()])
    np.testing.assert_array_equal(batch.array, np.concatenate([array, array]))
    assert batch.items[0].window is None


@pytest.mark.parametrize(
    "options",
    [
        {"window": "long"},
        {"window": -1},
        {"window": (40, 0)},
        {"window": (np.nan, 5)},
        {"window": (1, 2, 3)},
        {"window": 0.5},
        {"window": "lung", "values": "modality"},
        {"window": 1, "values": "stored"},
        {"dtype": np.int16},
        {"dtype": np.dtype(">u2")},
        {"values": "modality", "dtype": np.uint8},
        {"values": "stored", "dtype": bool},
        {"values": "HU"},
        {"frame": -1},
        {"size": 0},
        {"size": (40000, 10)},
        {"size": (10.5, 10)},
        {"size": (10, 10, 3)},
        {"size": "10"},
        {"size": 10, "fit": "shrink"},
        {"size": 10, "out": np.zeros((4, 40, 50), np.uint8)},
        {"threads": 0},
        {"on_error": "ignore"},
        {"fill": 300, "on_error": "fill"},
        {"out": np.zeros((3, 40, 50), np.uint8)},
        {"out": np.zeros((4, 40, 50), np.uint8)[:, ::2]},
        {"out": np.zeros((4, 40, 50), np.int16)},
        {"out": np.zeros((4, 40, 50), np.uint8), "dtype": np.uint16},
        {"out": np.zeros((4, 39, 50), np.uint8)},
        {"out": np.zeros((4, 40 * 50), np.uint8)},
    ],
)
def test_options_are_checked(paths, options):
    with pytest.raises(hu.OptionError):
        hu.decode_batch(paths[:4], **options)


def test_a_number_of_numpy_is_a_window(paths):
    expected = hu.decode_batch(paths[1:3], window=0).array
    np.testing.assert_array_equal(hu.decode_batch(paths[1:3], window=np.int64(0)).array, expected)


def test_what_is_no_source():
    with pytest.raises(TypeError, match="cannot read from int"):
        hu.decode_batch(3)
    with pytest.raises(TypeError, match="cannot read from int"):
        hu.decode_batch([3])
    with pytest.raises(TypeError, match="NoneType"):
        hu.decode_batch([], frame=None)
    with pytest.raises(TypeError, match="cannot put an array into list"):
        hu.decode_batch([], out=[])


@pytest.mark.parametrize("window", [2**31, 2**63, np.uint64(2**63), -1])
def test_a_window_that_no_file_has(paths, window):
    for call in (hu.decode_batch, hu.stream):
        with pytest.raises(hu.OptionError, match="there is no window"):
            call(paths[:1], window=window)


@pytest.mark.parametrize("fill", [300, 300.0, 0.5, -1, float("nan"), "0x", "0", b"0", 1j, (0,), None])
def test_a_fill_that_is_no_sample_is_refused(pydicom_path, fill):
    with pytest.raises(hu.OptionError, match="fill="):
        hu.decode_batch([pydicom_path("CT_small.dcm")], fill=fill)
