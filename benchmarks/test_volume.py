"""A folder of CT slices to a volume: found, read, sorted by geometry, decoded and rescaled."""

import struct

import numpy as np
import pytest

import hounsfield as hu
from enhanced import EXPLICIT_LITTLE, element

SLICES, ROWS, COLUMNS = 120, 512, 512

pytestmark = pytest.mark.benchmark(group=f"volume of {SLICES} CT slices, 512 x 512, float32")

PYDICOM = """
import numpy, pathlib, pydicom
def load(folder):
    slices = [pydicom.dcmread(path) for path in pathlib.Path(folder).iterdir()]
    slices.sort(key=lambda ds: ds.ImagePositionPatient[2])
    volume = numpy.empty((len(slices), slices[0].Rows, slices[0].Columns), numpy.float32)
    for plane, ds in zip(volume, slices):
        plane[:] = ds.pixel_array
        plane *= numpy.float32(ds.RescaleSlope)
        plane += numpy.float32(ds.RescaleIntercept)
    return volume
"""

SIMPLEITK = """
import SimpleITK
def load(folder):
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(folder))
    reader.SetOutputPixelType(SimpleITK.sitkFloat32)
    return SimpleITK.GetArrayFromImage(reader.Execute())
"""


def ct_slice(number, samples):
    def text(tag, vr, value):
        return element(tag, vr, value.encode())

    meta = (
        text(0x00020002, b"UI", "1.2.840.10008.5.1.4.1.1.2\0")
        + text(0x00020003, b"UI", f"1.2.3.{1000 + number}")
        + element(0x00020010, b"UI", EXPLICIT_LITTLE)
    )
    return b"".join(
        (
            bytes(128) + b"DICM",
            element(0x00020000, b"UL", struct.pack("<I", len(meta))),
            meta,
            text(0x00080008, b"CS", "ORIGINAL\\PRIMARY\\AXIAL"),
            text(0x00080016, b"UI", "1.2.840.10008.5.1.4.1.1.2\0"),
            text(0x00080018, b"UI", f"1.2.3.{1000 + number}"),
            text(0x00080060, b"CS", "CT"),
            text(0x00180050, b"DS", "1.25"),
            text(0x0020000D, b"UI", "1.2.3\0"),
            text(0x0020000E, b"UI", "1.2.4\0"),
            text(0x00200012, b"IS", "1"),
            text(0x00200013, b"IS", str(SLICES - number)),
            text(0x00200032, b"DS", f"-125\\-130.5\\{number * 1.25 - 80}"),
            text(0x00200037, b"DS", "1\\0\\0\\0\\1\\0"),
            text(0x00200052, b"UI", "1.2.5\0"),
            element(0x00280002, b"US", struct.pack("<H", 1)),
            text(0x00280004, b"CS", "MONOCHROME2"),
            element(0x00280010, b"US", struct.pack("<H", ROWS)),
            element(0x00280011, b"US", struct.pack("<H", COLUMNS)),
            text(0x00280030, b"DS", "0.4882812\\0.4882812"),
            *(
                element(tag, b"US", struct.pack("<H", value))
                for tag, value in ((0x00280100, 16), (0x00280101, 16), (0x00280102, 15), (0x00280103, 1))
            ),
            text(0x00281052, b"DS", "-1024"),
            text(0x00281053, b"DS", "1"),
            element(0x7FE00010, b"OW", samples.tobytes()),
        )
    )


@pytest.fixture(scope="module")
def expected():
    return np.random.default_rng(7).integers(0, 4096, (SLICES, ROWS, COLUMNS), dtype="<i2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, expected):
    """Slices whose names are in another order than their places."""
    folder = tmp_path_factory.mktemp("ct")
    for number, samples in enumerate(expected):
        (folder / f"{number * 7 % SLICES:03}.dcm").write_bytes(ct_slice(number, samples))
    return str(folder)


def test_one_thread(row, folder, expected):
    result = row.here("hounsfield", lambda: hu.load_volume(folder).array)
    np.testing.assert_array_equal(result, expected - 1024)


def test_two_threads(row, folder, expected):
    result = row.here("hounsfield, two threads", lambda: hu.load_volume(folder, threads=2).array)
    np.testing.assert_array_equal(result, expected - 1024)


def test_int16(row, folder, expected):
    result = row.here("hounsfield, int16", lambda: hu.load_volume(folder, dtype=np.int16).array)
    np.testing.assert_array_equal(result, expected - 1024)


def test_grouping(row, folder):
    assert row.here("hounsfield, nothing decoded", hu.load_volume, folder).warnings == ()


def test_pydicom(row, folder, expected):
    names = {}
    exec(PYDICOM, names)
    np.testing.assert_array_equal(names["load"](folder), expected - 1024)
    row.peer("pydicom, NumPy in place", setup=PYDICOM, statement=f"load({folder!r})")


def test_simpleitk(row, folder, expected):
    pytest.importorskip("SimpleITK")
    names = {}
    exec(SIMPLEITK, names)
    np.testing.assert_array_equal(names["load"](folder), expected - 1024)
    row.peer("SimpleITK", setup=SIMPLEITK, statement=f"load({folder!r})")
