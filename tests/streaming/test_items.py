"""What the items of a stream are: the same arrays as one by one, in order, and never too many at a time."""

import asyncio
import gc
import io
import os
import resource
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
import weakref
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

import hounsfield as hu
from generate import files
from hounsfield.finding import Origin
from hounsfield.pixels import codecs, video
from hounsfield.streaming import jobs
from streaming.work import WORKERS, Watch, collect, threads

# The same


def test_every_corpus_file(corpus_file):
    """Items are what the calls give one by one, errors and their words included."""
    path = str(corpus_file.path)

    def one(call):
        try:
            return call(), None
        except Exception as error:
            return None, error

    ways = {
        "display": lambda ds, frame: ds.render(frame=frame),
        "modality": lambda ds, frame: ds.modality_values(frame=frame),
        "stored": lambda ds, frame: ds.pixels(frame),
    }
    for values, call in list(ways.items())[: 3 if corpus_file.native else 1]:
        wanted, failed = one(lambda call=call: call(hu.read(path), None))
        found = list(hu.stream([path, path], values=values, on_error="yield", threads=1))
        for index, item in enumerate(found):  # the second is read by the kernel, if it can
            assert (item.source, item.frame, item.index) == (path, None, index)
            assert_same(item, wanted, failed)
        assert found[0].window == found[1].window
    ds, failed = one(lambda: hu.read(path))
    count, failed = (0, failed) if failed else one(lambda: ds.pixel_plan().frames)
    if failed is None and 1 < count <= 60:
        every = list(hu.stream(path, values="stored", frame="all", on_error="yield"))
        assert [item.frame for item in every] == list(range(count))
        for item in every:
            assert_same(item, *one(lambda item=item: ds.pixels(item.frame)))


def assert_same(item, array, error):
    assert (item.array is None) == (error is not None)
    assert item.status == ("ok" if error is None else "error")
    assert (type(item.error), str(item.error)) == (type(error), str(error))
    if array is not None:
        assert item.array.dtype == array.dtype
        assert np.array_equal(item.array, array, equal_nan=array.dtype.kind == "f")


@pytest.mark.generated("video-")
@pytest.mark.parametrize("size", [None, 40])
def test_videos(items, generated, monkeypatch, size):
    """They are taken apart once, and go on from frame to frame."""
    opened = []
    open_video = video.open_video
    monkeypatch.setattr(video, "open_video", lambda *given: opened.append(open_video(*given)) or opened[-1])
    expected = hu.read(generated.data).pixels()
    plain = next(hu.stream(generated.data, values="stored", size=size)).array
    assert size or np.array_equal(plain, expected)
    opened.clear()
    runs = []
    run = video.Video._run
    monkeypatch.setattr(video.Video, "_run", lambda *given: runs.append(given) or run(*given))
    for ordered in (True, False):
        options = {"values": "stored", "size": size, "threads": 3, "prefetch": 5, "ordered": ordered}
        found = items(hu.stream([generated.data] * 3, frame="all", **options))
        assert sorted((item.index, item.frame) for item in found) == [
            (index, frame) for index in range(3) for frame in range(len(expected))
        ]
        assert all(np.array_equal(item.array, plain[item.frame]) for item in found)
    assert len(opened) == 6
    assert len(runs) == 6


@pytest.mark.generated("jpeg2000-3-components-", "jpeg2000-5-components-", "jpeg2000-4-components-")
def test_collections(items, generated, monkeypatch):
    """Codestreams that hold several frames are decoded once."""
    decoded = []
    decode = codecs.decode
    monkeypatch.setattr(
        codecs, "decode", lambda *given, **options: decoded.append(1) or decode(*given, **options)
    )
    expected = hu.read(generated.data).pixels()
    once = len(decoded)
    found = items(hu.stream(generated.data, values="stored", frame="all", threads=3))
    assert np.array_equal([item.array for item in found], expected)
    assert len(decoded) == 2 * once


@pytest.mark.parametrize(("count", "prefetch"), WORKERS)
def test_order(items, pydicom_path, count, prefetch):
    names = ["CT_small.dcm", "MR_small.dcm", "rtdose_rle.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm"] * 5
    paths = [pydicom_path(name) for name in names]
    wanted = [hu.read(path).render() for path in paths]
    found = items(hu.stream(paths, threads=count, prefetch=prefetch))
    assert [(item.index, item.source) for item in found] == list(enumerate(map(str, paths)))
    assert all(np.array_equal(item.array, array) for item, array in zip(found, wanted, strict=True))
    found = items(hu.stream(paths, threads=count, prefetch=prefetch, ordered=False))
    assert sorted(item.index for item in found) == list(range(len(paths)))
    assert all(np.array_equal(item.array, wanted[item.index]) for item in found)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(("count", "prefetch"), WORKERS)
def test_frames(items, ct, frames, count, prefetch, ordered):
    paths = [frames, ct, "none", frames, frames, ct]
    wanted = [
        (index, frame) for index, path in enumerate(paths) for frame in range(15 if path is frames else 1)
    ]
    found = items(
        hu.stream(paths, frame="all", threads=count, prefetch=prefetch, ordered=ordered, on_error="yield")
    )
    places = [(item.index, item.frame) for item in found]
    assert (places if ordered else sorted(places)) == wanted
    for item in found:
        if item.index != 2:
            assert np.array_equal(item.array, hu.read(item.source).render(frame=item.frame))


def test_one_frame(frames, ct):
    one, failed = hu.stream([frames, ct], frame=3, on_error="yield")
    assert np.array_equal(one.array, hu.read(frames).render(frame=3))
    assert (one.frame, failed.frame) == (3, 3)
    assert isinstance(failed.error, hu.OptionError)


def test_kinds_of_sources(tmp_path, ct, frames):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(ct, "ct")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(frames, "mr")
    with ct.open("rb") as file:
        given = [ct.read_bytes(), file, tmp_path / "a.zip", f"{tmp_path}/*.tgz", Origin("o", str(ct))]
        found = list(hu.stream(given, values="stored"))
    assert [item.source for item in found] == [
        "<bytes>", str(ct), f"{tmp_path}/a.zip::ct", f"{tmp_path}/a.tgz::mr", "o"
    ]  # fmt: skip
    for item in found:
        path = frames if item.source.endswith("mr") else ct
        assert np.array_equal(item.array, hu.read(path).pixel_array)


def test_what_an_item_tells(ct):
    for window, used in (("lung", (-600.0, 1500.0)), ((40, 400), (40.0, 400.0)), ("auto", (135.5, 2063.0))):
        (item,) = hu.stream(ct, window=window, dtype=np.uint16)
        assert item.window == used
        assert np.array_equal(item.array, hu.read(ct).render(window, dtype=np.uint16))
        assert 0 < item.seconds < 10
        assert "array" not in repr(item)


def test_windows_of_files(pydicom_path):
    path = pydicom_path("MR_small.dcm")
    ds = hu.read(path)
    (item,) = hu.stream(path)
    assert item.window == (ds.WindowCenter, ds.WindowWidth)


@pytest.mark.parametrize("size", [None, (100, 90)])
@pytest.mark.parametrize("frame", [None, 0, "all"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"window": "auto", "dtype": "u2"},
        {"values": "modality"},
        {"values": "stored"},
        {"values": "stored", "dtype": "f4"},
    ],
)
def test_with_and_without_the_kernel(pydicom_path, tmp_path, monkeypatch, options, frame, size):
    """Files that are alike and others, in turns: it takes some, and nobody sees which."""
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(pydicom_path("CT_small.dcm").read_bytes()[:-4000])
    names = ["CT_small.dcm", "MR_small.dcm", "rtdose.dcm", "SC_rgb_rle.dcm", "examples_overlay.dcm"]
    paths = [path for path in (*map(pydicom_path, names), cut, "none") for _ in range(3)]
    paths += paths[::3]
    used = []

    def decode(paths, *arguments, **options):
        found = decode_files(paths, *arguments, **options)
        used.append(found != [None])
        return found

    def every():
        return list(hu.stream(paths, frame=frame, size=size, on_error="yield", threads=1, **options))

    decode_files = jobs.decode_files
    monkeypatch.setattr(jobs, "decode_files", decode)
    fast = every()
    monkeypatch.setattr(jobs, "decode_files", lambda *_, **__: [None])
    if options.get("dtype") != "f4" and (options.get("values") != "stored" or size or frame != 0):
        assert {True, False} <= set(used)
    for item, other in zip(fast, every(), strict=True):
        about = [(i.index, i.source, i.frame, i.window) for i in (item, other)]
        assert about[0] == about[1]
        assert_same(item, other.array, other.error)
        assert item.array is None or (item.array.base is None and item.array.flags.writeable)


@pytest.mark.parametrize("fit", ["letterbox", "crop", "stretch"])
def test_sizes(pydicom_path, fit):
    paths = [pydicom_path(name) for name in ("CT_small.dcm", "JPEG2000.dcm", "SC_rgb_rle_2frame.dcm")]
    options = {"size": (96, 64), "fit": fit, "fill": 7, "window": (40, 400)}
    gray = [item.array for item in hu.stream(paths[:2], **options)]
    assert np.array_equal(gray, hu.decode_batch(paths[:2], **options))
    (color,) = (item.array for item in hu.stream(paths[2], **options))
    assert color.shape == (2, 96, 64, 3)
    every = [item.array for item in hu.stream(paths[2], frame="all", **options)]
    assert np.array_equal(color, every)
    for frame in range(2):
        assert np.array_equal(color[frame], hu.decode_batch(paths[2], frame=frame, **options).array[0])


# Not too many


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(("count", "prefetch"), WORKERS)
@pytest.mark.parametrize("kind", ["files", "frames"])
def test_prefetch_is_bounded(ct, frames, monkeypatch, count, prefetch, ordered, kind):
    watch = Watch(monkeypatch, [0.02, 0, 0.01])
    asked = []

    def sources():
        for number in range(30 if kind == "files" else 2):
            asked.append(number)
            yield ct if kind == "files" else frames

    stream = hu.stream(sources(), frame="all", threads=count, prefetch=prefetch, ordered=ordered)
    taken = 0
    for _ in stream:
        watch.take()
        taken += 1
        time.sleep(0.002)
        if kind == "files":
            assert len(asked) <= taken + prefetch
    assert taken == 30
    assert watch.most <= prefetch


def test_nothing_is_read_before_it_is_asked_for():
    asked = []
    stream = hu.stream(asked.append(number) or b"" for number in range(3))
    time.sleep(0.01)
    assert asked == []
    assert not threads()
    stream.close()
    assert list(stream) == []


def test_threads_work_together(ct, monkeypatch):
    barrier = threading.Barrier(3, timeout=10)
    monkeypatch.setattr(jobs.FileDecoder, "by_kernel", lambda *_: (barrier.wait(), None))
    assert len(list(hu.stream([ct] * 9, threads=3))) == 9


def test_fewer_threads_than_wanted(ct, monkeypatch):
    start = threading.Thread.start

    def refuse(thread):
        if len(threads()) == given:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    given = 2
    assert len(list(hu.stream([ct] * 20, threads=5))) == 20
    given = 0
    with pytest.raises(RuntimeError, match="can't start"):
        next(hu.stream([ct], threads=5))
    assert not threads()


def test_several_streams(ct, frames):
    async def main():
        return await asyncio.gather(*(collect(hu.stream([ct, frames] * 10, frame="all")) for _ in range(5)))

    for found in asyncio.run(main()):
        assert len(found) == 160


# Errors


def test_skip_and_yield(items, ct):
    given = [ct, "none", b"nothing", ct, ct.read_bytes()[:-1000], 3]
    assert [item.index for item in items(hu.stream(given, on_error="skip"))] == [0, 3]
    found = items(hu.stream(given, on_error="yield"))
    assert [type(item.error) for item in found] == [
        type(None), FileNotFoundError, hu.NotDicomError, type(None), hu.PixelDataError, TypeError
    ]  # fmt: skip
    assert [item.status for item in found] == ["ok", "error", "error", "ok", "error", "error"]


def test_errors_name_members_of_archives(tmp_path, pydicom_path):
    """Which are given as bytes, that have no name."""
    archive = tmp_path / "scans.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("cut.dcm", pydicom_path("CT_small.dcm").read_bytes()[:-2000])
    name = f"{archive}::cut.dcm"
    with pytest.raises(hu.PixelDataError) as caught:
        list(hu.stream(archive))
    assert caught.value.file == name
    (item,) = hu.decode_batch([archive, pydicom_path("CT_small.dcm")], size=64, on_error="skip").errors
    assert (item.source, item.error.file) == (name, name)


# Files that change under it


def test_files_that_vanish_and_change(tmp_path, ct):
    data = ct.read_bytes()
    for number in range(6):
        (tmp_path / f"{number}.dcm").write_bytes(data)
    (tmp_path / "5.dcm").chmod(0)
    found = []
    paths = sorted(tmp_path.iterdir())
    for item in hu.stream(paths, threads=1, prefetch=1, on_error="yield"):
        found.append(item)
        if item.index == 0:
            (tmp_path / "3.dcm").unlink()
    errors = {item.index: type(item.error) for item in found if item.error}
    assert errors.pop(3) is FileNotFoundError
    assert errors == ({} if os.geteuid() == 0 else {5: PermissionError})


@pytest.mark.parametrize("how", ["shorter", "other", "gone"])
def test_a_file_that_changes_while_it_is_read(tmp_path, pydicom_path, how):
    """Frames that were read before are right, those behind are errors."""
    path = tmp_path / "frames.dcm"
    path.write_bytes(pydicom_path("rtdose_rle.dcm").read_bytes())
    wanted = hu.read(path).pixel_array
    found = []
    for item in hu.stream(path, frame="all", values="stored", threads=1, prefetch=1, on_error="yield"):
        found.append(item)
        if item.frame == 1:
            if how == "shorter":
                os.truncate(path, path.stat().st_size - 1)
            elif how == "other":
                path.write_bytes(bytes(path.stat().st_size))
            else:
                path.unlink()
    assert [item.frame for item in found] == list(range(15))
    failed = [item.frame for item in found if item.error]
    assert failed[-1] == 14
    assert failed[0] in (2, 3)  # one is under way already
    assert len(failed) == 15 - failed[0]
    assert {type(item.error) for item in found if item.error} == {
        FileNotFoundError if how == "gone" else hu.SourceError
    }
    for item in found[: failed[0]]:
        assert np.array_equal(item.array, wanted[item.frame])


@pytest.mark.parametrize("options", [{}, {"size": 64}, {"values": "stored"}, {"values": "modality"}])
def test_a_file_that_another_process_cuts(tmp_path, cutting, monkeypatch, options):
    """It is right or an error, whoever reads it, and the other files are right."""
    path, other = tmp_path / "cut.dcm", tmp_path / "other.dcm"
    samples = np.random.default_rng(0).integers(0, 1 << 16, (1, 600, 600, 1), np.uint16)
    for each in (path, other):
        each.write_bytes(files.file(samples, WindowCenter=30000, WindowWidth=50000))
    (expected,) = (item.array for item in hu.stream(other, **options))
    by_kernel, decode_files = Counter(), jobs.decode_files

    def decode(paths, *arguments, **options):
        found = decode_files(paths, *arguments, **options)
        by_kernel[paths[0], found != [None]] += 1
        return found

    monkeypatch.setattr(jobs, "decode_files", decode)
    cutting(path)
    failed = 0

    def sources():
        while failed < 50 or by_kernel[str(path), False] < 50 or by_kernel[str(other), True] < 10:
            yield path
            yield other

    for item in hu.stream(sources(), threads=2, on_error="yield", **options):
        if item.error is None:
            np.testing.assert_array_equal(item.array, expected)
        else:
            assert item.source == str(path)
            assert isinstance(item.error, hu.DicomError)
            failed += 1


# Memory


def test_memory_is_flat(tmp_path, ct):
    """5,000 files, of which nothing is kept; HOUNSFIELD_MANY is another number: 200,000 were tried."""
    many = int(os.environ.get("HOUNSFIELD_MANY", "5000"))
    data = bytearray(ct.read_bytes())
    uid = bytes(hu.read(ct).SOPInstanceUID, "ascii")
    for number in range(many):
        folder = tmp_path / f"{number // 1000:04}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:07}.dcm").write_bytes(data.replace(uid, b"1.2.%0*d" % (len(uid) - 4, number)))
    code = """
    import resource, sys, time
    import hounsfield as hu
    def used():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    count, start = 0, time.perf_counter()
    for item in hu.stream(sys.argv[1], window="lung"):
        count += 1
        if count == 1000:
            before = used()
    print(count, used() - before, count / (time.perf_counter() - start))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(hu.__file__).parents[1])},
    )  # fmt: skip
    count, grown, rate = done.stdout.split()
    print(f"{count} files, {int(grown) / 2**20:.1f} MiB more, {float(rate):.0f} files/s")
    assert int(count) == many
    assert int(grown) < 8 << 20


def test_frames_are_not_held(tmp_path, pydicom_path):
    """Of a file with many frames, only those that are being decoded or ready."""
    data = pydicom_path("CT_small.dcm").read_bytes()
    many = 4000
    at = data.index(b"\xe0\x7f\x10\0OW")
    pixels = data[at + 12 : at + 12 + 32768]
    number = b"\x28\0\x08\0IS\x04\0" + b"%04d" % many
    head = data[:at].replace(b"\x28\0\x10\0US", number + b"\x28\0\x10\0US", 1)
    path = tmp_path / "many.dcm"
    with path.open("wb") as file:
        file.write(head + b"\xe0\x7f\x10\0OW\0\0" + (many * len(pixels)).to_bytes(4, "little"))
        for _ in range(many):
            file.write(pixels)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = Counter(item.array.tobytes() for item in hu.stream(path, frame="all", values="stored", threads=2))
    assert seen == {pixels: many}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


@pytest.mark.parametrize("frame", [None, "all"])
def test_sources_are_let_go_of(ct, frame):
    """Once decoded: functional groups make data sets that only a garbage collection would free."""
    given = pydicom.dcmread(ct)
    transformation = pydicom.Dataset()
    transformation.RescaleSlope, transformation.RescaleIntercept = 2, 1
    groups = pydicom.Dataset()
    groups.PixelValueTransformationSequence = [transformation]
    given.SharedFunctionalGroupsSequence = [groups]
    given.NumberOfFrames = 3
    given.PixelData *= 3
    file = io.BytesIO()
    given.save_as(file)
    held = []

    def sources():
        for _ in range(20):
            data = np.frombuffer(file.getbuffer(), np.uint8).copy()
            held.append(weakref.ref(data))
            yield data

    gc.disable()
    try:
        for item in hu.stream(sources(), values="modality", frame=frame, threads=2, prefetch=3):
            assert item.array.max() == 2 * given.pixel_array.max() + 1
            assert sum(each() is not None for each in held) <= 4
    finally:
        gc.enable()
    assert len(held) == 20


def test_errors_hold_no_data(ct):
    """Of what failed, the error stays, and not the file that its traceback would hold."""
    data = np.frombuffer(ct.read_bytes()[:-1000], np.uint8).copy()
    for item in hu.stream([data], on_error="yield"):
        kept = item
    assert isinstance(kept.error, hu.PixelDataError)
    nobody_elses = np.zeros(1)
    assert sys.getrefcount(data) == sys.getrefcount(nobody_elses)


# Arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"values": "hu"}, "values='hu'"),
        ({"frame": "first"}, "frame='first'"),
        ({"window": "nonsense"}, "nonsense"),
        ({"dtype": "i4"}, "int32"),
        ({"dtype": "u1", "values": "modality"}, "float32"),
        ({"frame": -1}, "no frame -1"),
        ({"threads": 0}, "threads=0"),
        ({"prefetch": 0}, "prefetch=0"),
    ],
)
def test_arguments(options, message):
    with pytest.raises(hu.OptionError, match=message):
        hu.stream([], **options)


def test_no_sources():
    assert list(hu.stream([])) == []
    assert asyncio.run(collect(hu.stream([]))) == []
