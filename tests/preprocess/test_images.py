"""What stands in shards: nothing but the input decides about a byte of them."""

import json
import resource
import tarfile
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield._reference.resize import resize_numpy
from hounsfield.errors import reason
from hounsfield.preprocess import Options, make_plan, preprocess
from preprocess.work import digests, image_of, make, rows


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
    assert (
        errors["mr.dcm"] == "OptionError: the image is 64 x 64, not 128 x 128: --size makes all images alike"
    )
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
        ways = ": --size makes all images alike" if image.ndim == len(shape) else ""
        sizes = " x ".join(map(str, image.shape))
        return f"OptionError: the image is {sizes}, not {shape[0]} x {shape[1]}{ways}"
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
