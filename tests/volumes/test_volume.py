"""Values of volumes, and where their files come from."""

import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hounsfield as hu
from volumes.series import enhanced, one, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five slices whose names are in another order than their places."""
    for at, name in enumerate("cebad"):
        (tmp_path / f"{name}.dcm").write_bytes(written(one(2.0 * at, InstanceNumber=at + 1)))
    return tmp_path


# Values


def test_values_are_what_single_images_give() -> None:
    images = [
        written(one(2.0 * at, value=50 * at, RescaleSlope=1.5 + at, RescaleIntercept=-7.25))
        for at in range(4)
    ]
    expected = np.stack([hu.read(each).modality_values() for each in images])
    volume = hu.load_volume(images)
    assert volume.array.dtype == np.float32
    np.testing.assert_array_equal(volume.array, expected)
    assert volume.array is volume.array
    np.testing.assert_array_equal(np.asarray(volume), expected)
    assert np.shares_memory(np.from_dlpack(volume), volume.array)
    for threads in (1, 2, 3, 16):
        np.testing.assert_array_equal(volume.decode(threads=threads), expected)


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (1, -1024), (-3, 5), (2, 30000)])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("allocated", [8, 16, 32])
def test_int16_is_exact(slope: int, intercept: int, signed: int, allocated: int) -> None:
    stored = np.arange(20).astype(f"{'i' if signed else 'u'}{allocated // 8}")
    ds = one(
        PixelRepresentation=signed,
        BitsAllocated=allocated,
        BitsStored=allocated,
        HighBit=allocated - 1,
        PixelData=stored.tobytes(),
        RescaleSlope=slope,
        RescaleIntercept=intercept,
    )
    volume = hu.load_volume([written(ds)], dtype="int16")
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array.ravel(), stored.astype(int) * slope + intercept)


def test_int16_of_stored_values_that_fit_only_when_rescaled() -> None:
    stored = np.arange(65516, 65536, dtype="<u2")
    ds = one(PixelRepresentation=0, PixelData=stored.tobytes(), RescaleSlope=1, RescaleIntercept=-33000)
    np.testing.assert_array_equal(
        hu.load_volume([written(ds)], dtype=np.int16).array.ravel(), stored.astype(int) - 33000
    )


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"RescaleSlope": 0.5, "RescaleIntercept": 0}, "no whole numbers"),
        ({"RescaleSlope": 1, "RescaleIntercept": 0.25}, "no whole numbers"),
        ({"RescaleSlope": 1, "RescaleIntercept": 32760}, "from 32760 to 32779 do not fit"),
        ({"RescaleSlope": 1, "RescaleIntercept": -32770}, "from -32770 to -32751 do not fit"),
    ],
    ids=str,
)
def test_int16_of_values_that_do_not_fit_is_an_error(elements: dict[str, Any], message: str) -> None:
    volume = hu.load_volume([written(one(0, **elements))], dtype=np.int16)
    with pytest.raises(hu.OptionError, match=message):
        _ = volume.array
    assert volume.decode(np.float32).dtype == np.float32


def test_out_is_filled_and_returned() -> None:
    volume = hu.load_volume([written(one(2.0 * at)) for at in range(3)])
    for dtype in (np.float32, np.int16):
        out = np.empty(volume.shape, dtype)
        assert volume.decode(out=out) is out
        np.testing.assert_array_equal(out, volume.array)
    memory = np.empty(volume.shape, np.int16)
    assert volume.decode(out=memoryview(memory)).ctypes.data == memory.ctypes.data
    np.testing.assert_array_equal(memory, volume.array)
    with pytest.raises(hu.OptionError, match="out must be"):
        volume.decode(out=np.empty((3, 4, 4), np.float32))
    with pytest.raises(hu.OptionError, match="dtype is float32 or int16"):
        volume.decode(np.float64)
    with pytest.raises(hu.OptionError, match="threads=0"):
        volume.decode(threads=0)
    with pytest.raises(hu.LimitError, match="3 x 4 x 5 voxels are more than max_pixels=59"):
        volume.decode(max_pixels=59)


def test_a_dose_is_in_its_units_and_its_place(pydicom_path: Callable[[str], Path]) -> None:
    path = pydicom_path("rtdose.dcm")
    ds, volume = hu.read(path), hu.load_volume(path)
    offsets = np.array(ds.GridFrameOffsetVector)
    np.testing.assert_allclose(volume.array, ds.pixel_array * float(ds.DoseGridScaling), rtol=1e-6)
    np.testing.assert_allclose(volume.positions[:, 2], ds.ImagePositionPatient[2] + offsets)
    assert volume.problems == ()


def test_an_error_tells_which_slice_is_broken(folder: Path) -> None:
    broken = (folder / "e.dcm").read_bytes()
    (folder / "e.dcm").write_bytes(broken[:-8])
    volume = hu.load_volume(folder)
    assert len(volume) == 5
    for threads in (1, 2):
        with pytest.raises(hu.PixelDataError, match=r"e\.dcm"):
            volume.decode(threads=threads)


# Sources


def test_no_sample_is_decoded_before_it_is_asked_for(folder: Path) -> None:
    volume = hu.load_volume(folder)
    shutil.rmtree(folder)
    assert volume.shape == (5, 4, 5)
    with pytest.raises(FileNotFoundError):
        _ = volume.array


def test_sources_of_every_kind(folder: Path) -> None:
    paths = [str(path) for path in folder.iterdir()]
    datasets = [hu.read(path) for path in paths]
    contents = [Path(path).read_bytes() for path in paths]
    expected = [0, 200, 400, 600, 800]
    for source in (folder, str(folder), paths, iter(paths), datasets, contents, [*paths[:2], *datasets[2:]]):
        assert hu.load_volume(source).array[:, 0, 0].tolist() == expected
    assert len(hu.load_volume(paths[0])) == 1
    assert len(hu.load_volume(datasets[0])) == 1
    assert len(hu.load_volume(contents[0])) == 1
    with (folder / "a.dcm").open("rb") as file:
        assert hu.load_volume(file).array.shape == (1, 4, 5)


def archive_of(folder: Path, to: Path) -> Path:
    """All files of a folder, and one that is none of DICOM."""
    files = sorted(folder.glob("*.dcm"))
    if to.suffix == ".zip":
        how = zipfile.ZIP_STORED if to.stem == "stored" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(to, "w", how) as archive:
            for path in files:
                archive.write(path, f"s/{path.name}")
            archive.writestr("s/README", "no DICOM")
    else:
        with tarfile.open(to, "w:gz" if to.suffix == ".tgz" else "w") as archive:
            for path in files:
                archive.add(path, f"s/{path.name}")
            archive.add(__file__, "s/README")
    return to


@pytest.mark.parametrize("name", ["stored.zip", "deflated.zip", "a.tar", "a.tgz"])
@pytest.mark.parametrize("as_pattern", [False, True])
def test_members_of_archives(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, name: str, as_pattern: bool
) -> None:
    at = tmp_path_factory.mktemp("archives")
    path = archive_of(folder, at / name)
    found = hu.load_series(f"{at}/*{path.suffix}" if as_pattern else path)
    (volume,) = found[0].volumes
    np.testing.assert_array_equal(volume.decode(threads=2), hu.load_volume(folder).array)
    names = [Path(str(ds.filename)).name for ds in hu.load_volume(folder).headers]
    assert [ds.filename for ds in volume.headers] == [f"{path}::s/{each}" for each in names]
    assert found.left_out == ((f"{path}::s/README", "not DICOM"),)


def test_broken_members_are_told(folder: Path) -> None:
    bad = one(0)
    bad.Rows = 0
    (folder / "bad.dcm").write_bytes(written(bad))
    (folder / "e.dcm").write_bytes((folder / "e.dcm").read_bytes()[:-8])
    path = archive_of(folder, folder / "deflated.zip")
    volume = hu.load_volume(path)
    (problem,) = volume.problems
    assert problem.kind == "unreadable"
    assert problem.sources == (f"{path}::s/bad.dcm",)
    with pytest.raises(hu.PixelDataError, match=r"deflated\.zip::s/e\.dcm"):
        _ = volume.array
    path.write_bytes(path.read_bytes()[:-30])
    (left,) = hu.load_series(path).left_out
    assert left.source == str(path)
    with pytest.raises(hu.DicomError, match=r"deflated\.zip"):
        hu.load_series(path, strict=True)


def test_patterns_and_urls(folder: Path) -> None:
    fs = pytest.importorskip("fsspec").filesystem("memory")
    for path in folder.glob("*.dcm"):
        fs.pipe(f"/volume/{path.name}", path.read_bytes())
    try:
        for source in (f"{folder}/*.dcm", "memory://volume/", "memory://volume/*.dcm"):
            assert hu.load_volume(source).array[:, 0, 0].tolist() == [0, 200, 400, 600, 800]
        volume = hu.load_volume(["memory://volume/a.dcm", f"{folder}/[bc].dcm"])
        assert {ds.filename for ds in volume.headers} == {
            "memory://volume/a.dcm", f"{folder}/b.dcm", f"{folder}/c.dcm"
        }  # fmt: skip
        with pytest.raises(FileNotFoundError):
            hu.load_series("memory://volume/none")
        with pytest.raises(FileNotFoundError):
            hu.load_series(f"{folder}/*.ima")
    finally:
        fs.rm("/volume", recursive=True)


def test_a_table_of_paths(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    other = folder / "other.dcm"
    other.write_bytes(written(one(0, SeriesInstanceUID="1.9")))
    paths = sorted(map(str, folder.iterdir()))
    table = pyarrow.table({"path": paths})
    assert len(hu.load_series(table)) == 2
    uids = [hu.read(path).SeriesInstanceUID for path in paths]
    table = pyarrow.table({"path": [*paths, str(folder / "gone")], "SeriesInstanceUID": [*uids, "1.8"]})
    assert len(hu.load_volume(table, series=uids[0])) == 5


def test_a_table_of_names_that_are_no_text(folder: Path) -> None:
    pytest.importorskip("pyarrow")
    for path in folder.iterdir():
        path.rename(os.fsdecode(os.fsencode(path) + b"\xff"))
    assert len(hu.load_volume(hu.index(folder))) == 5


@pytest.mark.parametrize("name", ["deflated.zip", "a.tar"])
def test_a_table_of_members_of_archives(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    pytest.importorskip("pyarrow")
    path = archive_of(folder, tmp_path_factory.mktemp("archives") / name)
    table = hu.index([path, folder / "a.dcm"])
    here = table.filter([each.startswith(f"{path}::") for each in table["path"].to_pylist()])
    np.testing.assert_array_equal(hu.load_volume(here).array, hu.load_volume(folder).array)
    assert len(hu.load_volume(here.slice(0, 2))) == 2
    chosen = hu.load_volume(here, series=here["SeriesInstanceUID"][0].as_py())
    np.testing.assert_array_equal(chosen.array, hu.load_volume(folder).array)
    assert len(hu.load_volume(here["path"][0].as_py())) == 1
    named = [*here["path"].to_pylist()[1:3], written(one(2))]
    assert len(hu.load_volume(named)) == 3
    archive_of(folder / "none", path)
    with pytest.raises(FileNotFoundError, match=f"{path.name}::s/"):
        hu.load_volume(here)


def test_what_is_no_image_is_left_out_with_its_reason(folder: Path) -> None:
    (folder / "README.txt").write_text("nothing")
    (folder / "empty").touch()
    colour = one(0, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    (folder / "colour.dcm").write_bytes(written(colour))
    report = one(0)
    del report.PixelData
    (folder / "report.dcm").write_bytes(written(report))
    (folder / "cut.dcm").write_bytes(written(one(0))[:200])
    found = hu.load_series(folder)
    reasons = {Path(source).name: reason for source, reason in found.left_out}
    assert reasons.pop("README.txt") == reasons.pop("empty") == "not DICOM"
    assert reasons.pop("colour.dcm") == "colour"
    assert reasons.pop("report.dcm") == "no pixel data"
    assert reasons.pop("cut.dcm").endswith("the data end inside the file meta information")
    assert reasons == {}
    assert len(found[0].volumes[0]) == 5


def test_a_file_that_cannot_be_read_is_told(folder: Path) -> None:
    bad = one(0)
    bad.Rows = 0
    (folder / "bad.dcm").write_bytes(written(bad))
    volume = hu.load_volume(folder)
    (problem,) = volume.problems
    assert problem.kind == "unreadable"
    assert problem.sources == (str(folder / "bad.dcm"),)
    with pytest.raises(hu.DicomError, match=r"bad\.dcm"):
        hu.load_series(folder, strict=True)
    with pytest.raises(hu.VolumeError, match=r"bad\.dcm"):
        hu.load_volume(folder, strict=True)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_file_that_ends_before_its_pixels_is_told(folder: Path, kept: float) -> None:
    path = folder / "e.dcm"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * data.index(b"\xe0\x7f\x10\x00"))])
    problems = {problem.kind: problem for problem in hu.load_volume(folder).problems}
    assert problems["unreadable"].sources == (str(path),)


@pytest.mark.parametrize("source", [None, 3])
def test_what_is_no_source_is_an_error(source: Any) -> None:
    with pytest.raises(TypeError, match="cannot read from"):
        hu.load_series(source)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hu.load_series(tmp_path / "nothing")
    with pytest.raises(hu.OptionError, match="there are no files"):
        hu.load_volume(tmp_path)


def test_several_volumes_are_listed_and_can_be_chosen(folder: Path) -> None:
    (folder / "f.dcm").write_bytes(written(one(0, SeriesInstanceUID="1.9", SeriesNumber=2, Modality="PT")))
    (folder / "g.dcm").write_bytes(written(one(0, size=(6, 6))))
    with pytest.raises(hu.OptionError) as error:
        hu.load_volume(folder)
    text = str(error.value)
    assert "3 volumes" in text
    assert (
        "series=0 (1.9, PT 'made'), index=0: <Volume 1 x 4 x 5 (z, y, x), axial, 1.5 x 0.5 x 0.25 mm>" in text
    )
    assert "series=1" in text
    assert hu.load_volume(folder, series="1.9").headers[0].Modality == "PT"
    assert hu.load_volume(folder, series=0).headers[0].Modality == "PT"
    shapes = {hu.load_volume(folder, series=1, index=index).shape for index in (0, 1)}
    assert shapes == {(5, 4, 5), (1, 6, 6)}
    with pytest.raises(hu.OptionError, match=r"no volume by series='1\.8'"):
        hu.load_volume(folder, series="1.8")
    with pytest.raises(hu.OptionError, match="2 volumes by series=1"):
        hu.load_volume(folder, series=1)
    (folder / "empty").mkdir()
    with pytest.raises(hu.OptionError, match=r"^no volume:\n  there are no files$"):
        hu.load_volume(folder / "empty")


def test_series_tell_what_they_are(folder: Path) -> None:
    (series,) = hu.load_series([folder])
    assert (series.modality, series.description, series.number) == ("CT", "made", 7)
    assert series.study_uid == "1.2.3"
    assert len(series) == 1
    assert repr(series) == f"<Series CT 'made', 1 volume, {series.uid}>"
    assert repr(series.volumes[0]) == "<Volume 5 x 4 x 5 (z, y, x), axial, 2 x 0.5 x 0.25 mm>"
    with pytest.raises(hu.OptionError, match="dtype is float32 or int16"):
        hu.load_series(folder, dtype="uint8")
    with pytest.raises(hu.OptionError, match="threads=0"):
        hu.load_series(folder, threads=0)


def test_what_a_series_is_does_not_depend_on_the_order_of_files() -> None:
    images = [written(one(at, SeriesDescription=f"at {at}", SeriesNumber=at)) for at in (0, 1)]
    for order in (images, images[::-1]):
        (series,) = hu.load_series(order)
        assert (series.description, series.number) == ("at 0", 0)


def test_files_without_series_are_one_and_that_is_said() -> None:
    (series,) = hu.load_series([written(one(at, SeriesInstanceUID=None)) for at in (0, 1)])
    assert series.uid == ""
    assert [problem.kind for problem in series.problems] == ["missing-uid"]


def test_number_of_frames_is_not_believed(tmp_path: Path) -> None:
    ds = one(0)
    ds.NumberOfFrames = 2**31 - 1
    (tmp_path / "many.dcm").write_bytes(written(ds))
    found = hu.load_series(tmp_path)
    assert sum(len(volume) for series in found for volume in series.volumes) <= 1


# Real files


@pytest.mark.parametrize(
    ("name", "shape", "spacing"),
    [
        ("98892001/CT5N", (5, 16, 16), (2.5, 0.488281, 0.488281)),
        ("98892003/MR2", None, None),
        ("77654033/CT2", None, None),
    ],
)
def test_real_series(pydicom_path: Callable[[str], Path], name: str, shape: Any, spacing: Any) -> None:
    folder = pydicom_path("2062").parents[2] / name
    for series in hu.load_series(folder):
        for volume in series.volumes:
            if shape:
                assert volume.shape == shape
                assert volume.spacing == pytest.approx(spacing, rel=1e-4)
            for k, (ds, frame) in enumerate(zip(volume.headers, volume.frames, strict=True)):
                np.testing.assert_array_equal(volume.array[k], ds.modality_values(frame=frame))
                np.testing.assert_allclose(
                    (volume.affine @ (0, 0, k, 1))[:3], ds.ImagePositionPatient, atol=0.01
                )


def test_every_file_of_the_corpus_at_once(corpus: Path) -> None:
    """Nothing is lost: each image is in a volume, or left out with its reason."""
    found = hu.load_series(corpus)
    files = [path for path in corpus.rglob("*") if path.is_file()]
    used = {ds.filename for series in found for volume in series.volumes for ds in volume.headers}
    assert used | {source for source, _ in found.left_out} == set(map(str, files))
    for series in found:
        for volume in series.volumes:
            array = None
            try:
                array = volume.decode(threads=2)
            except hu.DicomError:
                continue
            for k, (ds, frame) in enumerate(zip(volume.headers, volume.frames, strict=True)):
                if "DoseGridScaling" not in ds:
                    np.testing.assert_array_equal(array[k], ds.modality_values(frame=frame))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_that_another_process_cuts(
    tmp_path: Path, cutting: Callable[[Path], None], threads: int
) -> None:
    """Volumes are right, or an error is raised: when files are found, and when they are decoded."""
    for at in range(3):
        (tmp_path / f"{at}.dcm").write_bytes(written(one(2.0 * at, value=at, size=(300, 300))))
    volume = hu.load_volume(tmp_path)
    expected = volume.decode()
    assert expected[:, 0, 0].tolist() == [0, 1, 2]
    cutting(tmp_path / "1.dcm")
    failed = 0
    while failed < 50:
        try:
            np.testing.assert_array_equal(volume.decode(threads=threads), expected)
        except hu.DicomError as error:
            assert error.file == str(tmp_path / "1.dcm")  # noqa: PT017 - it need not be raised
            failed += 1
        found = hu.load_series(tmp_path, threads=threads)  # perhaps without it, and two volumes
        for each in (each for series in found for each in series.volumes):
            try:
                for ds, plane in zip(each.headers, each.array, strict=True):
                    np.testing.assert_array_equal(plane, expected[int(Path(str(ds.filename)).stem)])
            except hu.DicomError:
                failed += 1


def test_enhanced_images_in_chunks(tmp_path: Path) -> None:
    path = tmp_path / "enhanced.dcm"
    path.write_bytes(written(enhanced({"at": float(-at)} for at in range(40))))
    volume = hu.load_volume(path, threads=2)
    assert volume.array[:, 0, 0].tolist() == list(range(39, -1, -1))
