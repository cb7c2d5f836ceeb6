"""The same volumes as SimpleITK and dcm2niix make of the same files."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.volumes import Volume
from volumes.series import AXIAL, CORONAL, OBLIQUE, SAGITTAL, dose, enhanced, mr, one, written

ORIENTATIONS = {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "oblique": OBLIQUE}


def write(folder: Path, images: list[bytes]) -> Path:
    for number, data in enumerate(images):
        (folder / f"{number * 7 % len(images):03}.dcm").write_bytes(data)
    return folder


@pytest.fixture(params=ORIENTATIONS.values(), ids=ORIENTATIONS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    images = [
        one(
            2.5 * at,
            orientation=request.param,
            size=(12, 10),
            PatientID="1",
            PatientName="A",
            StudyDate="20200101",
            StudyTime="101010",
            SeriesTime="101010",
            AcquisitionTime="101010",
            InstanceNumber=20 - at,
            RescaleSlope=1,
            RescaleIntercept=-24,
            SOPInstanceUID=f"1.2.3.{at + 1}",
        )
        for at in range(9)
    ]
    return write(tmp_path, [written(each) for each in images])


def check_by_simpleitk(folder: Path, tolerance: float = 1e-6) -> None:
    itk = pytest.importorskip("SimpleITK")
    reader = itk.ImageSeriesReader()
    reader.SetFileNames(itk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    volume = hu.load_volume(folder)
    np.testing.assert_array_equal(volume.array, itk.GetArrayFromImage(image))
    np.testing.assert_allclose(volume.origin, image.GetOrigin(), atol=tolerance)
    np.testing.assert_allclose(volume.spacing[::-1], image.GetSpacing(), rtol=1e-5)
    direction = np.reshape(image.GetDirection(), (3, 3))
    np.testing.assert_allclose(volume.direction, direction, atol=1e-5)


def test_series_by_simpleitk(folder: Path) -> None:
    check_by_simpleitk(folder)


@pytest.mark.parametrize("name", ["98892001/CT5N"])
def test_real_series_by_simpleitk(pydicom_path: Callable[[str], Path], name: str) -> None:
    check_by_simpleitk(pydicom_path("2062").parents[2] / name, 1e-3)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_doses_by_simpleitk(orientation: tuple[float, ...], tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    path = tmp_path / "dose.dcm"
    path.write_bytes(written(dose((0, 3, 6, 9), ImageOrientationPatient=[f"{x:.8g}" for x in orientation])))
    image, volume = itk.ReadImage(path), hu.load_volume(path)
    np.testing.assert_allclose(volume.origin, image.GetOrigin(), atol=1e-6)
    np.testing.assert_allclose(volume.spacing[::-1], image.GetSpacing(), rtol=1e-5)
    np.testing.assert_allclose(volume.direction, np.reshape(image.GetDirection(), (3, 3)), atol=1e-5)
    np.testing.assert_allclose(volume.array, itk.GetArrayFromImage(image) * 0.001, rtol=1e-6)


def by_dcm2niix(folder: Path, out: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each volume that dcm2niix makes: array[i, j, k], and its affine to RAS."""
    dcm2niix, nibabel = pytest.importorskip("dcm2niix"), pytest.importorskip("nibabel")
    out.mkdir()
    command = [dcm2niix.bin, "-b", "n", "-z", "n", "-m", "n", "-f", "%r_%e", "-o", str(out), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    images = [nibabel.load(path) for path in sorted(out.glob("*.nii"))]
    return [(np.asarray(image.dataobj), image.affine) for image in images]


def check_alike(volume: Volume, theirs: np.ndarray, affine: np.ndarray) -> None:
    """The same values at the same places, whatever way the axes go."""
    indices = np.stack(np.meshgrid(*map(np.arange, theirs.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    places = np.column_stack((indices, np.ones(len(indices)))) @ affine.T
    i, j, k, _ = (places @ np.linalg.inv(volume.affine_ras).T).T
    whole = np.rint([k, j, i]).astype(int)
    np.testing.assert_allclose([k, j, i], whole, atol=1e-3)
    assert sorted(theirs.shape) == sorted(volume.shape)
    np.testing.assert_allclose(volume.array[tuple(whole)], theirs.ravel(), rtol=1e-6)


def test_series_by_dcm2niix(folder: Path, tmp_path: Path) -> None:
    ((array, affine),) = by_dcm2niix(folder, tmp_path / "nifti")
    check_alike(hu.load_volume(folder.glob("*.dcm")), array, affine)


def test_echoes_by_dcm2niix(tmp_path: Path) -> None:
    images = [
        mr(
            3.0 * at,
            size=(6, 8),
            orientation=OBLIQUE,
            value=100 * echo + at,
            EchoTime=5.0 * echo,
            EchoNumbers=echo,
            InstanceNumber=10 * echo + at,
            MRAcquisitionType="2D",
            SeriesTime="101010",
            AcquisitionTime="101010",
            StudyDate="20200101",
            StudyTime="101010",
        )
        for at in range(4)
        for echo in (1, 2)
    ]
    folder = write(tmp_path, [written(each) for each in images])
    found = by_dcm2niix(folder, tmp_path / "nifti")
    (series,) = hu.load_series(folder.glob("*.dcm"))
    assert len(found) == len(series.volumes) == 2
    for volume, (array, affine) in zip(series.volumes, found, strict=True):
        check_alike(volume, array, affine)


def test_time_points_by_dcm2niix(tmp_path: Path) -> None:
    images = [
        mr(
            3.0 * at,
            size=(6, 8),
            value=100 * time + at,
            TemporalPositionIdentifier=time + 1,
            NumberOfTemporalPositions=3,
            InstanceNumber=1 + time * 4 + at,
            RepetitionTime=2000,
            SeriesTime="101010",
            AcquisitionTime=f"1010{10 + 2 * time}",
            StudyDate="20200101",
            StudyTime="101010",
            AcquisitionNumber=1 + time,
        )
        for at in range(4)
        for time in range(3)
    ]
    folder = write(tmp_path, [written(each) for each in images])
    ((array, affine),) = by_dcm2niix(folder, tmp_path / "nifti")
    (series,) = hu.load_series(folder.glob("*.dcm"))
    assert array.shape[3] == len(series.volumes) == 3
    for time, volume in enumerate(series.volumes):
        check_alike(volume, array[..., time], affine)


def test_enhanced_image_by_dcm2niix(tmp_path: Path) -> None:
    ds = enhanced(
        [{"at": float(at)} for at in (6, 4, 2, 0)],
        StudyDate="20200101",
        StudyTime="101010",
        SeriesTime="101010",
        InstanceNumber=1,
    )
    folder = write(tmp_path, [written(ds)])
    ((array, affine),) = by_dcm2niix(folder, tmp_path / "nifti")
    check_alike(hu.load_volume(folder.glob("*.dcm")), array, affine)
