"""Shards: what stands in them, and that nothing but the input decides about a byte of them."""

import hashlib
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

import hounsfield as hu
from hounsfield._reference.resize import resize_numpy
from hounsfield.errors import OptionError, reason
from hounsfield.finding import expand
from hounsfield.preprocess import Options, files, make_plan, preprocess
from hounsfield.preprocess.run import clear
from hounsfield.preprocess.workers import WorkerError, work
from hounsfield.sources import is_url

parquet = pytest.importorskip("pyarrow.parquet")

PACKAGE = Path(hu.__file__).parents[1]
TIMED = {"report.html", "report.json"}


@pytest.fixture
def archive(tmp_path, pydicom_path):
    """CTs that differ, an MR, colour, a cut file, and what is no image."""
    root = tmp_path / "archive"
    (root / "below").mkdir(parents=True)
    ct = bytearray(pydicom_path("CT_small.dcm").read_bytes())
    for number in range(12):
        ct[-2000 + number] ^= 0x5
        (root / "below" / f"ct{number:02}.dcm").write_bytes(ct)
    shutil.copy(pydicom_path("MR_small.dcm"), root / "mr.dcm")
    shutil.copy(pydicom_path("SC_rgb_small_odd.dcm"), root / "rgb.dcm")
    shutil.copy(pydicom_path("rtplan.dcm"), root / "plan.dcm")
    (root / "cut.dcm").write_bytes(ct[:20_000])
    (root / "notes.txt").write_text("not DICOM")
    (root / "empty.dcm").write_bytes(b"")
    return root


def make(given, folder, *, workers=1, threads=1, **wanted):
    plan = make_plan([str(given)], folder, **wanted)
    return preprocess(plan, folder, workers=workers, threads=threads)


def rows(folder):
    return parquet.read_table(folder / "manifest.parquet").to_pylist()


def digests(folder):
    """Of all that must not depend on anything but the input."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TIMED
    }


def image_of(folder, row):
    shard = folder / row["shard"]
    if shard.suffix == ".npy":
        return np.load(shard, mmap_mode="r")[row["row"]]
    if shard.suffix == ".tar":
        with tarfile.open(shard) as tar:
            data = tar.extractfile(row["name"]).read()
        return np.load(io.BytesIO(data)) if row["name"].endswith("npy") else imagecodecs.png_decode(data)
    if shard.suffix == ".zarr":
        return pytest.importorskip("zarr").open_array(str(shard), mode="r")[row["row"]]
    return imagecodecs.png_decode((shard / row["name"]).read_bytes())


def test_every_image_is_what_render_gives(archive, tmp_path):
    (archive / "head.dcm").write_bytes((archive / "mr.dcm").read_bytes()[:1000])
    out = tmp_path / "out"
    summary = make(archive, out, shard_size=5)
    table = rows(out)
    assert [row["index"] for row in table] == list(range(len(table)))
    assert sorted(Path(row["path"]).name for row in table) == sorted(
        path.name for path in archive.rglob("*") if path.is_file()
    )
    ok = [row for row in table if row["status"] == "ok"]
    assert len(ok) == 12 == summary.images
    for row in ok:
        ds = hu.read(row["path"])
        assert np.array_equal(image_of(out, row), ds.render())
        assert (row["rows"], row["columns"], row["frame"]) == (128, 128, 0)
    assert {Path(row["path"]).name: row["reason"] for row in table if row["status"] == "passed over"} == {
        "plan.dcm": "without pixel data",
        "notes.txt": "not DICOM",
        "empty.dcm": "not DICOM",
    }
    errors = {Path(row["path"]).name: row["reason"] for row in table if row["status"] == "error"}
    assert errors.keys() == {"mr.dcm", "rgb.dcm", "cut.dcm", "head.dcm"}
    assert "no pixel data: the data end inside the element" in errors["head.dcm"]
    assert errors["mr.dcm"] == "OptionError: the image is 64 x 64, not 128 x 128"
    assert all(row["shard"] is None for row in table if row["status"] != "ok")
    shapes = [np.load(path, mmap_mode="r").shape for path in sorted((out / "shards").iterdir())]
    assert sum(shape[0] for shape in shapes) == 12
    assert not (out / "parts").exists()


def one_by_one(path, options, shape=None):
    """What a source is in the shards, or the reason why it is not."""
    try:
        image, window = options.checked().decode(hu.read(path))
    except Exception as error:
        return reason(error)
    if shape is not None and image.shape != shape:
        return f"OptionError: the image is {' x '.join(map(str, image.shape))}, not {shape[0]} x {shape[1]}"
    return image, window


def is_other(path):
    try:
        return hu.read(path).frames.layout.frame_shape != (512, 512)
    except hu.DicomError:
        return True


@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("npy", Options(size=(60, 70))),
        ("npy", Options("modality", dtype="float32", size=(33, 20), fit="crop")),
        ("npy", Options("stored", dtype="int16")),
        ("npy", Options(window="auto", dtype="uint16")),
        ("webdataset", Options()),
        ("webdataset", Options("modality", dtype="float32")),
        ("webdataset", Options("stored", dtype="float32", size=(50, 64), fit="stretch")),
    ],
)
def test_every_file_is_what_it_is_alone(corpus, tmp_path, format_, options):
    """Decoded in runs, among others, the same; or the same reason."""
    by_size = sorted(corpus.glob("*/*.dcm"), key=lambda path: (path.stat().st_size, path))[:260]
    paths = sorted(by_size, key=is_other)  # some of one shape in a row, and of many among each other
    plan = make_plan(map(str, paths), tmp_path, format=format_, options=options, shard_size=100)
    preprocess(plan, tmp_path, threads=2)
    table = rows(tmp_path)
    assert [row["path"] for row in table] == [str(path) for path in paths]
    shape = plan.shape if plan.is_array else None
    good = 0
    for row in table:
        expected = one_by_one(row["path"], plan.options, shape)
        if row["status"] == "error":
            assert row["reason"] == expected
            continue
        image, window = expected
        assert np.array_equal(image_of(tmp_path, row), image)
        assert (row["window_center"], row["window_width"]) == (window or (None, None))
        layout = hu.read(row["path"]).frames.layout
        assert (row["rows"], row["columns"]) == (layout.rows, layout.columns)
        good += 1
    assert good >= (100 if shape is None else 10)


@pytest.mark.parametrize("format_", ["npy", "zarr", "webdataset", "png"])
def test_formats(archive, tmp_path, format_):
    if format_ == "zarr":
        pytest.importorskip("zarr")
    out = tmp_path / "out"
    make(archive, out, format=format_, shard_size=7, options=Options(size=(40, 50), window=(40.0, 400.0)))
    table = rows(out)
    expected = {"mr.dcm", *(f"ct{number:02}.dcm" for number in range(12))}
    # Tar archives and folders need not have images of one shape.
    expected |= {"rgb.dcm"} if format_ in ("webdataset", "png") else set()
    seen = {Path(row["path"]).name: image_of(out, row) for row in table if row["status"] == "ok"}
    assert seen.keys() == expected
    ds = hu.read(archive / "below" / "ct03.dcm")
    levels = hu.render(resize_numpy(ds.modality_values(), 40, 40), (40, 400))
    assert np.abs(seen["ct03.dcm"][:, 5:45].astype(int) - levels).max() <= 1
    assert not seen["ct03.dcm"][:, :5].any()
    assert not seen["ct03.dcm"][:, 45:].any()
    if format_ == "webdataset":
        row = next(row for row in table if row["path"].endswith("mr.dcm"))
        with tarfile.open(out / row["shard"]) as tar:
            meta = json.load(tar.extractfile(row["name"].replace(".png", ".json")))
        assert meta["path"] == row["path"]
        assert (meta["rows"], meta["columns"], meta["window_width"]) == (64, 64, 400)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options("modality"), lambda ds: ds.modality_values()),
        (Options("stored"), lambda ds: ds.pixel_array),
        (Options("stored", dtype="float32"), lambda ds: ds.pixel_array.astype("f4")),
        (Options(window="lung", dtype="uint16"), lambda ds: ds.render("lung", dtype="u2")),
        (Options(window="auto", dtype="float32"), lambda ds: ds.render("auto", dtype="f4")),
        (
            Options("modality", dtype="float32", size=(64, 64)),
            lambda ds: resize_numpy(ds.modality_values(), 64, 64),
        ),
        (
            Options("stored", dtype="int16", size=(64, 64), fit="crop"),
            lambda ds: np.rint(resize_numpy(ds.pixel_array, 64, 64)),
        ),
        (Options(size=(9, 99), fit="stretch", dtype="float32"), None),
    ],
)
def test_options(archive, tmp_path, options, expected):
    out = tmp_path / "out"
    make(archive / "below", out, options=options)
    table = rows(out)
    assert all(row["status"] == "ok" for row in table)
    for row in table[:3]:
        image = image_of(out, row)
        if expected is None:
            assert image.shape == (9, 99)
            continue
        wanted = expected(hu.read(row["path"]))
        assert image.shape == wanted.shape
        assert (
            np.array_equal(image, wanted) if options.size is None else np.allclose(image, wanted, atol=1e-3)
        )


@pytest.mark.parametrize("format_", ["npy", "zarr", "webdataset", "png"])
def test_a_disk_that_is_full(archive, tmp_path, format_):
    """What was begun does not stay in the way, and later the work goes on."""
    if format_ == "zarr":
        pytest.importorskip("zarr")
    wanted = {"format": format_, "options": Options(size=(300, 300))}
    make(archive, tmp_path / "expected", **wanted)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            make(archive, tmp_path / "out", **wanted)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list((tmp_path / "out").rglob("*.partial"))
    make(archive, tmp_path / "out", **wanted)
    assert digests(tmp_path / "out") == digests(tmp_path / "expected")


def test_errors_are_filled(archive, tmp_path):
    out = tmp_path / "out"
    summary = make(archive, out, fills=True, options=Options(fill=7))
    filled = [row for row in rows(out) if row["status"] == "error"]
    assert summary.filled == len(filled) == 3
    assert all((image_of(out, row) == 7).all() for row in filled)
    assert summary.images == 12


@pytest.mark.parametrize("format_", ["npy", "zarr", "webdataset", "png"])
def test_workers_and_threads_change_nothing(archive, tmp_path, format_):
    if format_ == "zarr":
        pytest.importorskip("zarr")
    made = []
    for number, (workers, threads) in enumerate([(1, 1), (2, 3)]):
        out = tmp_path / f"out{number}"
        make(
            archive,
            out,
            format=format_,
            workers=workers,
            threads=threads,
            shard_size=4,
            options=Options(size=(20, 20)),
        )
        made.append(digests(out))
    assert made[0] == made[1]
    assert len(made[0]) >= 4


def test_from_an_index(archive, tmp_path):
    import pyarrow

    paths = sorted(str(path) for path in archive.rglob("*") if path.is_file())
    index = tmp_path / "index.parquet"
    parquet.write_table(pyarrow.table({"path": paths, "size": [1] * len(paths)}), index)
    make(index, tmp_path / "out", options=Options(size=(8, 8)))
    table = rows(tmp_path / "out")
    assert [row["path"] for row in table] == paths
    assert sum(row["status"] == "passed over" for row in table) == 3
    parquet.write_table(pyarrow.table({"file": paths}), index)
    with pytest.raises(OptionError, match="path"):
        make_plan([str(index)], tmp_path / "other")


def packed(archive, path):
    """All files of a folder in an archive, whose kind the name tells."""
    kind = {".zip": "zip", ".tar": "tar", ".gz": "gztar"}[path.suffix]
    stem = str(path).removesuffix(".tar.gz").removesuffix(path.suffix)
    assert shutil.make_archive(stem, kind, archive) == str(path)
    return path


@pytest.mark.parametrize(("workers", "shard_size"), [(1, 1000), (2, 4)])
@pytest.mark.parametrize("name", ["all.zip", "all.tar", "all.tar.gz"])
def test_members_of_archives(archive, tmp_path, name, workers, shard_size):
    """The same images as of the files, and the same reasons."""
    path = packed(archive, tmp_path / name)
    options = Options(size=(8, 8))
    make(path, tmp_path / "out", workers=workers, shard_size=shard_size, options=options)
    make(archive, tmp_path / "files", options=options)
    of_files = {os.path.relpath(row["path"], archive): row for row in rows(tmp_path / "files")}
    table = rows(tmp_path / "out")
    assert [row["path"] for row in table] == [origin.name for origin in expand(path)]
    assert len(table) == len(of_files)
    for row in table:
        expected = of_files[row["path"].removeprefix(f"{path}::").removeprefix("./")]
        told = ("size", "status", "reason")
        assert [row[each] for each in told] == [expected[each] for each in told]
        if row["status"] == "ok":
            assert np.array_equal(image_of(tmp_path / "out", row), image_of(tmp_path / "files", expected))


@pytest.mark.parametrize("name", ["all.zip", "all.tar.gz"])
def test_from_an_index_of_archives(archive, tmp_path, name):
    """The same bytes as of the archives and files that it is an index of."""
    path = packed(archive, tmp_path / name)
    given = [str(path), str(archive / "mr.dcm")]
    index = tmp_path / "index.parquet"
    hu.index.write(given, index)
    options = Options(size=(8, 8))
    make(index, tmp_path / "out", workers=2, shard_size=4, options=options)
    preprocess(make_plan(given, tmp_path / "given", options=options, shard_size=4), tmp_path / "given")
    out, expected = digests(tmp_path / "out"), digests(tmp_path / "given")
    made = [each for each in expected if each.startswith(("shards", "manifest"))]
    assert len(made) == 6
    assert {each: out[each] for each in made} == {each: expected[each] for each in made}


def test_from_an_index_of_an_archive_at_a_url(archive, tmp_path):
    fs = pytest.importorskip("fsspec").filesystem("memory")
    fs.pipe("/indexed/all.zip", packed(archive, tmp_path / "all.zip").read_bytes())
    index, out = tmp_path / "index.parquet", tmp_path / "out"
    hu.index.write("memory://indexed/all.zip", index)
    make(index, out, options=Options(size=(8, 8)))
    fs.rm("/indexed", recursive=True)
    table = rows(out)
    assert "memory://indexed/all.zip::below/ct00.dcm" in [row["path"] for row in table]
    assert Counter(row["status"] for row in table) == {"ok": 13, "error": 2, "passed over": 3}
    assert None not in [row["size"] for row in table]


def test_rows_of_an_index_in_any_order(archive, tmp_path):
    """Chosen by a query, of members with one name, and of what is not there any more."""
    import pyarrow

    first, second = (packed(archive / "below", tmp_path / name) for name in ("a::b.zip", "a.tar"))
    with tarfile.open(second, "a") as tar:
        tar.add(archive / "mr.dcm", "./ct00.dcm")
    kept = [f"{second}::./ct00.dcm", f"{first}::ct07.dcm", f"{second}::./ct00.dcm", f"{first}::ct03.dcm"]
    gone = [f"{first}::gone.dcm", f"{tmp_path}/gone.zip::a.dcm", f"{archive}/rgb.dcm::a"]
    index, out = tmp_path / "index.parquet", tmp_path / "out"
    parquet.write_table(pyarrow.table({"path": kept + gone}), index)
    make(index, out, options=Options(size=(8, 8)))
    table = rows(out)
    assert [row["path"] for row in table] == kept + gone
    files_ = ["below/ct00.dcm", "below/ct07.dcm", "mr.dcm", "below/ct03.dcm"]
    for row, file in zip(table, files_, strict=False):
        assert row["size"] == (archive / file).stat().st_size
        assert np.array_equal(image_of(out, row), hu.decode_batch(archive / file, size=8).array[0])
    assert {row["status"] for row in table[4:]} == {"error"}
    assert all("No such file" in row["reason"] for row in table[4:])


def test_patterns_and_archives_that_are_broken(archive, tmp_path):
    path = packed(archive, tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes(path.read_bytes()[:5000])
    (tmp_path / "c.tar").write_bytes(packed(archive / "below", tmp_path / "d.tar").read_bytes()[:100_000])
    pattern = str(tmp_path / "*.[zt]*")
    out = tmp_path / "out"
    make(pattern, out, workers=2, shard_size=5, options=Options(size=(8, 8)))
    table = rows(out)
    assert [row["path"] for row in table] == [origin.name for origin in expand(pattern)]
    assert Counter(row["status"] for row in table) == {"ok": 27, "error": 5, "passed over": 3}
    reasons = {row["path"]: row["reason"] for row in table if row["path"].endswith((".zip", ".tar"))}
    assert "ParseError" in reasons[str(tmp_path / "b.zip")]
    assert "unexpected end" in reasons[str(tmp_path / "c.tar")]


def test_an_archive_that_has_changed_since(archive, tmp_path):
    path = packed(archive / "below", tmp_path / "all.zip")
    plan = make_plan([str(path)], tmp_path / "out")
    path.unlink()
    packed(archive, path)
    preprocess(plan, tmp_path / "out")
    reasons = {row["reason"] for row in rows(tmp_path / "out")}
    assert "SourceError: it is not where it was when it was planned" in reasons
    with pytest.raises(OptionError, match="some have changed"):
        make_plan([str(path)], tmp_path / "out")


def test_urls(archive, tmp_path):
    """They may hold secrets, which nobody is told."""
    fs = pytest.importorskip("fsspec").filesystem("memory")
    fs.pipe("/some/all.zip", packed(archive, tmp_path / "all.zip").read_bytes())
    fs.pipe("/me:word@some/ct.dcm", (archive / "below" / "ct00.dcm").read_bytes())
    given = ["memory://me:word@some/ct.dcm", "memory://some/all.zip", "memory://some/"]
    out = tmp_path / "out"
    plan = make_plan(given, out, options=Options(size=(8, 8)))
    assert make_plan(given, out, options=Options(size=(8, 8))) == plan
    preprocess(plan, out)
    table = rows(out)
    assert [row["path"] for row in table] == [origin.name for origin in expand(given)]
    assert Counter(row["status"] for row in table) == {"ok": 14, "error": 2, "passed over": 4}
    # Only what is listed tells its size.
    assert [row["path"] for row in table if row["size"] is None] == [table[0]["path"]]
    assert table[-1]["size"] == fs.size("/some/all.zip")
    expected = hu.decode_batch(archive / "below" / "ct00.dcm", size=8).array[0]
    assert np.array_equal(image_of(out, table[0]), expected)
    assert not [path for path in out.rglob("*") if path.is_file() and b"word" in path.read_bytes()]
    for name in ("/some", "/me:word@some"):
        fs.rm(name, recursive=True)


def test_indexes_that_cannot_be_read(tmp_path):
    import pyarrow

    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1 and no more")
    with pytest.raises(OptionError, match="broken"):
        make_plan([str(bad)], tmp_path / "out")
    parquet.write_table(pyarrow.table({"path": ["a.dcm", None]}), bad)
    with pytest.raises(OptionError, match="no text"):
        make_plan([str(bad)], tmp_path / "out")
    with pytest.raises(FileNotFoundError) as caught:
        make_plan([str(tmp_path / "none.parquet")], tmp_path / "out")
    assert caught.value.filename == str(tmp_path / "none.parquet")


def test_from_an_index_at_a_url(archive, tmp_path):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    hu.index.write(archive, tmp_path / "index.parquet")
    memory.pipe("/me:word@some/index.parquet", (tmp_path / "index.parquet").read_bytes())
    for given in (tmp_path / "index.parquet", "memory://me:word@some/index.parquet"):
        make(given, tmp_path / str(is_url(str(given))), options=Options(size=(8, 8)))
    memory.rm("/me:word@some", recursive=True)
    assert digests(tmp_path / "True") == digests(tmp_path / "False")
    with pytest.raises(FileNotFoundError) as caught:
        make_plan(["memory://me:word@some/none.parquet"], tmp_path / "out")
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("ending", [None, ".tar", ".zip"])
def test_sources_that_change_between_plan_and_decoding(archive, tmp_path, ending):
    """The manifest has what they were: another image must not stand beside it."""
    given, out = (packed(archive, tmp_path / f"all{ending}") if ending else archive), tmp_path / "out"
    options = Options(size=(8, 8))
    plan = make_plan([str(given)], out, options=options)
    if ending:
        changed = [given]
    else:
        changed = [archive / "below" / "ct03.dcm", archive / "mr.dcm"]
        with changed[1].open("ab") as file:
            file.write(bytes(2))
    for path in changed:
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))
    preprocess(plan, out)
    table = rows(out)
    ok = [Path(row["path"]).name for row in table if row["status"] == "ok"]
    others = [row["reason"] for row in table if row["status"] == "error" and "changed" in row["reason"]]
    assert set(others) == {"SourceError: has changed since it was planned"}
    assert len(others) == (13 if ending else 2)
    assert not {path.name for path in changed} & set(ok)
    with pytest.raises(OptionError, match="sources are not those"):
        make_plan([str(given)], out, options=options)


@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_made_within_the_source_is_not_read(archive, tmp_path, is_link):
    if is_link:
        (tmp_path / "link").symlink_to(archive)
    out = (tmp_path / "link" if is_link else archive) / "shards"
    options = {"options": Options(size=(8, 8)), "format": "webdataset"}
    for given in (archive, archive / "**" / "*"):
        make(given, out, **options)
        before = digests(out)
        make(given, out, **options)
        assert digests(out) == before
        shutil.rmtree(out)


def test_other_work_is_refused(archive, tmp_path):
    out = tmp_path / "out"
    plan = make_plan([str(archive)], out)
    assert make_plan([str(archive)], out) == plan
    for wanted in (
        {"options": Options(window="lung")},
        {"shard_size": 3},
        {"fills": True},
        {"format": "zarr"},
    ):
        with pytest.raises(OptionError, match="other work"):
            make_plan([str(archive)], out, **wanted)
    (archive / "new.dcm").write_bytes(b"")
    with pytest.raises(
        OptionError, match=r"sources are not those.*; the first is .*notes\.txt or .*new\.dcm$"
    ):
        make_plan([str(archive)], out)
    (archive / "new.dcm").unlink()
    (archive / "below" / "ct11.dcm").unlink()
    with pytest.raises(OptionError, match=r"sources are not those.*; the first is .*ct11\.dcm$"):
        make_plan([str(archive)], out)
    (out / "plan.json").write_text("{}")
    with pytest.raises(OptionError, match="no plan"):
        make_plan([str(archive)], out)
    assert sorted(path.name for path in out.iterdir()) == ["plan.json", "sources.jsonl"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"format": "tiff"},
        {"shard_size": 0},
        {"options": Options(values="hu")},
        {"options": Options(dtype="float64")},
        {"options": Options("modality", dtype="uint8")},
        {"options": Options("stored", dtype="complex64")},
        {"options": Options(fill=256)},
        {"options": Options(fill=0.5)},
        {"options": Options("modality", fill=1e39)},
        {"options": Options(dtype="float32"), "format": "png"},
        {"fills": True, "format": "png"},
    ],
)
def test_options_that_do_not_go_together(archive, tmp_path, wanted):
    with pytest.raises(OptionError):
        make_plan([str(archive)], tmp_path / "out", **wanted)
    assert not (tmp_path / "out" / "plan.json").exists()


def test_paths_that_are_no_text(tmp_path, pydicom_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    name = os.fsencode(folder) + b"/\xff<b>.dcm"
    Path(os.fsdecode(name)).write_bytes(pydicom_path("CT_small.dcm").read_bytes())
    make(folder, tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert row["status"] == "ok"
    assert row["path"].endswith("\\udcff<b>.dcm")
    hu.index.write(folder, tmp_path / "index.parquet")
    make(tmp_path / "index.parquet", tmp_path / "again")
    assert rows(tmp_path / "again") == [row]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_report_of_a_fill_that_json_has_not(archive, tmp_path):
    make(archive / "mr.dcm", tmp_path / "out", options=Options("modality", size=(8, 16), fill=float("nan")))
    told = json.loads((tmp_path / "out" / "report.json").read_text(), parse_constant=pytest.fail)
    assert told["options"]["fill"] == "nan"
    assert np.isnan(np.load(tmp_path / "out" / "shards" / "00000.npy")).any()


def test_report(archive, tmp_path):
    out = tmp_path / "out"
    make(archive, out, options=Options(size=(30, 30)))
    told = json.loads((out / "report.json").read_text())
    assert (told["files"], told["images"], told["failed"]) == (18, 13, 2)
    assert sum(told["failures"].values()) == 2
    assert told["this_run"]["files"] == 18
    assert told["this_run"]["files_per_second"] > 0
    assert told["options"]["size"] == [30, 30]
    page = (out / "report.html").read_text()
    assert page.count("<figure>") == 13
    assert "30 x 30 x 3, not 30 x 30" in page


def test_report_of_names_that_are_no_html(tmp_path, pydicom_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("<script>.dcm", "a\x01\x1b\n.dcm", 'x" onload="y.dcm'):
        shutil.copy(pydicom_path("CT_small.dcm"), folder / name)
    make(folder, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<figure>") == 3
    assert "<script" not in page
    assert 'onload="' not in page
    assert all(each.isprintable() or each == "\n" for each in page)


RUN = """
import sys
from pathlib import Path
from hounsfield.preprocess import Options, files, make_plan, preprocess
from hounsfield.preprocess.run import clear
if __name__ == "__main__":
    source, out, format_ = sys.argv[1:]
    plan = make_plan([source], Path(out), format=format_, options=Options(size=(24, 24)), shard_size=4)
    preprocess(plan, Path(out), workers=2, threads=2)
"""


@pytest.mark.parametrize(
    ("format_", "kind"),
    [("npy", None), ("zarr", None), ("webdataset", None), ("png", None), ("npy", ".zip"), ("npy", ".tar.gz")],
)
def test_killed_and_started_again(archive, tmp_path, format_, kind):
    """Nothing is lost, nothing is there twice, and not a byte differs."""
    if format_ == "zarr":
        pytest.importorskip("zarr")
    script = tmp_path / "run.py"
    script.write_text(RUN)
    for number in range(30):
        shutil.copy(archive / "below" / "ct00.dcm", archive / f"more{number:02}.dcm")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    given = packed(archive, tmp_path / f"all{kind}") if kind else archive

    def start(out):
        command = [sys.executable, str(script), str(given), str(out), format_]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    whole, out = tmp_path / "whole", tmp_path / "out"
    begun = time.monotonic()
    assert start(whole).wait() == 0
    seconds = time.monotonic() - begun
    choose, killed = random.Random(format_), 0
    for _ in range(8):
        process = start(out)
        time.sleep(choose.uniform(0.15, 0.7) * seconds)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed
    assert start(out).wait() == 0
    assert digests(out) == digests(whole)
    assert not list(out.rglob("*.partial"))


def test_what_was_killed_in_a_zarr_store_is_removed(archive, tmp_path):
    """What the library had begun to write has a name that nobody will give again."""
    pytest.importorskip("zarr")
    whole, out = tmp_path / "whole", tmp_path / "out"
    make(archive, whole, format="zarr", shard_size=5)
    plan = make_plan([str(archive)], out, format="zarr", shard_size=5)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preprocess(plan, out, progress=stop)
    left = out / "shards" / "images.zarr" / "c" / "1" / "0" / "0.5f4dcc3b.partial"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"begun")
    preprocess(plan, out)
    assert digests(out) == digests(whole)


HOLD = """
import sys
from pathlib import Path
from hounsfield.preprocess import files
if __name__ == "__main__":
    with files.locked(Path(sys.argv[1])):
        print("in", flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("ends", ["by itself", "killed"])
def test_one_process_at_a_time(archive, tmp_path, ends):
    out = tmp_path / "out"
    plan = make_plan([str(archive)], out)
    command = [sys.executable, "-c", HOLD, str(out)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        assert process.stdout.readline() == b"in\n"
        for attempt in (partial(make_plan, [str(archive)]), partial(preprocess, plan), clear):
            with pytest.raises(BlockingIOError, match="another run is at work here") as caught:
                attempt(out)
            assert caught.value.filename == str(out)
        assert not (out / "manifest.parquet").exists()
        if ends == "killed":
            process.kill()
    assert (out / files.LOCK).exists() == (ends == "killed")
    preprocess(plan, out, workers=2)
    assert len(rows(out)) == 18
    assert not (out / files.LOCK).exists()


def test_locks_where_there_is_no_flock(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    with files.locked(tmp_path), pytest.raises(BlockingIOError, match="was killed"), files.locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
    with files.locked(tmp_path):
        pass


def test_a_lock_that_another_has_removed(tmp_path, monkeypatch):
    """Between opening and locking it: what is locked then keeps nobody out."""
    real = files.fcntl.flock
    left = [files.LOCK]

    def flock(descriptor, how):
        if left:
            (tmp_path / left.pop()).unlink()
        real(descriptor, how)

    monkeypatch.setattr(files.fcntl, "flock", flock)
    with files.locked(tmp_path), pytest.raises(BlockingIOError), files.locked(tmp_path):
        pass


def test_a_plan_that_is_not_that_of_the_folder(archive, tmp_path):
    plan = make_plan([str(archive)], tmp_path / "out")
    clear(tmp_path / "out")
    make_plan([str(archive)], tmp_path / "out", shard_size=3)
    with pytest.raises(OptionError, match="shard_size"):
        preprocess(plan, tmp_path / "out")


def parts(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    yield number


def failing(number):
    yield number
    raise OptionError(f"of {number}")


def test_workers():
    assert sorted(work(parts, [0, 1, 2, 4, 5], 2)) == [0, 1, 2, 4, 5]
    with pytest.raises(WorkerError, match="-9"):
        list(work(parts, range(6), 2))
    with pytest.raises(OptionError, match="of 1"):
        list(work(failing, [1], 2))


class Deadly:
    """Ends the process that it is sent to, before that has taken any part of the work."""

    def __reduce__(self):
        return os._exit, (3,)


def test_workers_that_end_before_they_begin():
    with pytest.raises(WorkerError, match="exit code 3"):
        list(work(Deadly(), range(4), 2))


ORPHANS = """
import os, sys, time
from hounsfield.preprocess.workers import work

def sleep(number):
    yield os.getpid()
    time.sleep(60)

if __name__ == "__main__":
    for number in work(sleep, range(2), 2):
        print(number, flush=True)
"""


def test_workers_end_with_what_started_them(tmp_path):
    """Else they would still write where another run goes on."""
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        # Their ends of it are closed when they end, too.
        workers = [process.stdout.readline() for _ in range(2)]
        process.kill()
        begun = time.monotonic()
        assert process.stdout.read() == b""
        assert time.monotonic() - begun < 20
    assert all(workers)
