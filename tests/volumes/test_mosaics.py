"""Mosaics of Siemens: slices as tiles of one image, taken apart into volumes."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

import hounsfield as hu
from volumes.series import AXIAL, CORONAL, OBLIQUE, SAGITTAL, csa, kinds, mosaic, one, series_of, written
from volumes.test_independent import by_dcm2niix, check_alike, write

ORIENTATIONS = {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "oblique": OBLIQUE}
SCANNED: dict[str, Any] = {
    "StudyDate": "20200101",
    "StudyTime": "101010",
    "SeriesTime": "101010",
    "MRAcquisitionType": "2D",
}


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
@pytest.mark.parametrize("count", [1, 2, 7, 9])
def test_tiles_are_slices(count: int, forward: bool) -> None:
    corner = -10.0, 20.0, 5.0
    (volume,) = series_of(mosaic(count, corner=corner, forward=forward, orientation=OBLIQUE)).volumes
    assert volume.shape == (count, 4, 5)
    assert volume.spacing == pytest.approx((3, 0.5, 0.25))
    assert volume.problems == ()
    assert volume.frames == [0] * count
    order = np.arange(count) if forward else np.arange(count)[::-1]
    pixels = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(volume.array, 100 * order[:, np.newaxis, np.newaxis] + pixels)
    np.testing.assert_allclose(volume.positions[order[0] and -1], corner, atol=1e-6)


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_as_dcm2niix_takes_them_apart(orientation: tuple[float, ...], forward: bool, tmp_path: Path) -> None:
    images = [
        mosaic(
            7,
            orientation=orientation,
            forward=forward,
            size=(6, 8),
            value=time,
            AcquisitionNumber=time + 1,
            InstanceNumber=time + 1,
            AcquisitionTime=f"1010{10 + 2 * time}",
            RepetitionTime=2000,
            **SCANNED,
        )
        for time in range(3)
    ]
    folder = write(tmp_path, [written(each) for each in images])
    ((array, affine),) = by_dcm2niix(folder, tmp_path / "nifti")
    (series,) = hu.load_series(folder.glob("*.dcm"))
    assert [volume.labels for volume in series.volumes] == [{"AcquisitionNumber": n} for n in (1, 2, 3)]
    assert array.shape[3] == 3
    for time, volume in enumerate(series.volumes):
        check_alike(volume, array[..., time], affine)


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
def test_as_nibabel_takes_them_apart(forward: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that its readers are experimental
        wrappers = pytest.importorskip("nibabel.nicom.dicomwrappers")
    data = written(mosaic(7, orientation=OBLIQUE, forward=forward))
    wrapper = wrappers.wrapper_from_data(dcmread(io.BytesIO(data)))
    columns_first = wrapper.get_unscaled_data().swapaxes(0, 1)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ wrapper.affine[:, [1, 0, 2, 3]]  # its rows come first; LPS
    check_alike(hu.load_volume(data), columns_first, affine)


def test_each_is_a_volume_wherever_the_head_has_moved() -> None:
    corners = [(-10.0, 20.0, 5.0 + 0.5 * time) for time in range(4)]
    images = [
        mosaic(7, corner=corner, value=time, AcquisitionNumber=time) for time, corner in enumerate(corners)
    ]
    series = series_of(*images[::-1])
    assert not series.warnings
    np.testing.assert_allclose(sorted(volume.origin for volume in series.volumes), corners)
    for volume in series.volumes:
        assert volume.array[:, 0, 0].tolist() == [
            100 * at + volume.labels["AcquisitionNumber"] for at in range(7)
        ]


def test_what_else_mosaics_differ_in() -> None:
    images = [
        mosaic(4, DiffusionBValue=b, AcquisitionTime=f"10{number:02}00", InstanceNumber=number)
        for number, b in enumerate((0.0, 1000.0, 1000.0))
    ]
    assert [volume.labels for volume in series_of(*images).volumes] == [
        {"DiffusionBValue": 0.0},
        {"DiffusionBValue": 1000.0, "AcquisitionTime": "100100"},
        {"DiffusionBValue": 1000.0, "AcquisitionTime": "100200"},
    ]
    images = [mosaic(4, InstanceNumber=number) for number in (5, 8)]
    labels = [volume.labels for volume in series_of(*images).volumes]
    assert labels == [{"InstanceNumber rank": rank} for rank in (0, 1)]


@pytest.mark.parametrize("threads", [1, 2])
def test_values_of_tiles(threads: int) -> None:
    ds = mosaic(7, RescaleSlope=2, RescaleIntercept=-50)
    whole = hu.read(written(ds)).modality_values()
    volume = hu.load_volume(written(ds))
    expected = [whole[row : row + 4, column : column + 5] for row in (0, 4, 8) for column in (0, 5, 10)]
    np.testing.assert_array_equal(volume.decode(threads=threads), expected[:7])
    np.testing.assert_array_equal(volume.decode("int16", threads=threads), expected[:7])


def test_a_mosaic_that_is_there_twice_is_left_out() -> None:
    ds = mosaic(7)
    series = series_of(ds, ds)
    assert [len(volume) for volume in series.volumes] == [7]
    assert kinds(series) == {"duplicate"}


# What tells how to take it apart


@pytest.mark.parametrize("version", [1, 2])
def test_both_versions_of_the_header(version: int) -> None:
    volume = hu.load_volume(written(mosaic(5, version=version, forward=False)))
    assert volume.array[:, 0, 0].tolist() == [400, 300, 200, 100, 0]
    assert volume.problems == ()


def test_the_number_alone_takes_it_apart_and_what_is_assumed_is_told() -> None:
    ds = mosaic(5, header={})
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 5)
    volume = hu.load_volume(written(ds))
    assert volume.array[:, 0, 0].tolist() == [0, 100, 200, 300, 400]
    assert volume.warnings == (
        "slices of a mosaic: which way they go is not told (SliceNormalVector): along the normal is assumed",
    )


def test_slice_thickness_is_taken_where_no_spacing_is_told() -> None:
    volume = hu.load_volume(written(mosaic(5, between=None)))
    assert volume.spacing[0] == 1.5
    assert kinds(volume) == {"mosaic"}
    assert volume.warnings[0].endswith("(Spacing Between Slices): Slice Thickness is assumed")
    (volume,) = series_of(mosaic(5, between=None, SliceThickness=None)).volumes
    assert len(volume) == 5
    assert kinds(volume) == {"missing-geometry"}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({}, "the file does not tell of how many"),
        ({"Other": ["1"]}, "the file does not tell of how many"),
        ({"NumberOfImagesInMosaic": []}, "the file does not tell of how many"),
        ({"NumberOfImagesInMosaic": ["many"]}, "the file does not tell of how many"),
        ({"NumberOfImagesInMosaic": ["-3"]}, "NumberOfImagesInMosaic is -3"),
        ({"NumberOfImagesInMosaic": ["1e9"]}, "NumberOfImagesInMosaic is 1e+09"),
        ({"NumberOfImagesInMosaic": ["2.5"]}, "NumberOfImagesInMosaic is 2.5"),
        ({"NumberOfImagesInMosaic": ["50"]}, "50 slices are no equal tiles of 12 x 15 pixels"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_apart_has_no_geometry(header: dict[str, list[str]], reason: str) -> None:
    """Its Image Position (Patient) is not that of any slice."""
    images = [mosaic(7, header=header, AcquisitionNumber=time, InstanceNumber=time) for time in range(2)]
    series = series_of(*images)
    assert [volume.shape for volume in series.volumes] == [(1, 12, 15)] * 2
    assert [volume.labels for volume in series.volumes] == [{"AcquisitionNumber": time} for time in range(2)]
    for volume in series.volumes:
        np.testing.assert_array_equal(volume.array[0], volume.headers[0].pixel_array)
        assert kinds(volume) == {"mosaic", "missing-geometry"}
        assert reason in volume.warnings[-1]
        with pytest.raises(hu.MissingElementError, match="a mosaic of slices"):
            _ = volume.affine


def test_two_numbers_of_images() -> None:
    ds = mosaic(7)
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 9)
    (volume,) = series_of(ds).volumes
    assert volume.warnings[-1].endswith("NumberOfImagesInMosaic is 7 and 9")


def test_images_numbered_in_reverse_are_told() -> None:
    """Programs differ in what that means for the direction; as dcm2niix does, it is taken as it stands."""
    header = {"NumberOfImagesInMosaic": ["7"], "SliceNormalVector": ["0", "0", "1"]}
    protocol = "sSliceArray.ucImageNumbTra = {}\nsKSpace.lPhaseEncodingLines = 64\n"
    for number, value, expected in (("1", "0x0", set()), ("7", "0x0", {"mosaic"}), ("1", "0x1", {"mosaic"})):
        ds = mosaic(7, header=header | {"ProtocolSliceNumber": [number]})
        block = ds.private_block(0x0029, "SIEMENS CSA HEADER")
        block.add_new(0x20, "OB", csa(MrPhoenixProtocol=[protocol.format(value)]))
        (volume,) = series_of(ds).volumes
        assert kinds(volume) == expected
        assert volume.array[:, 0, 0].tolist() == [100 * at for at in range(7)]


def test_grids_of_united_imaging_have_no_geometry() -> None:
    ds = mosaic(7, header={}, Manufacturer="UIH", ImageType=["ORIGINAL", "PRIMARY"])
    ds.private_block(0x0065, "Image Private Header", create=True).add_new(0x50, "DS", "7")
    (volume,) = series_of(ds).volumes
    assert kinds(volume) == {"mosaic", "missing-geometry"}
    assert volume.shape == (1, 12, 15)


def test_several_frames_of_mosaics_are_left_as_they_are() -> None:
    ds = mosaic(4, NumberOfFrames=2)
    ds.PixelData *= 2
    (series,) = hu.load_series(written(ds))
    assert [kinds(volume) for volume in series.volumes] == [{"mosaic", "missing-geometry"}] * 2


def test_slices_beside_mosaics_are_volumes_of_their_own() -> None:
    series = series_of(mosaic(4), *(one(3.0 * at) for at in range(3)))
    assert sorted(len(volume) for volume in series.volumes) == [3, 4]


@pytest.mark.parametrize("version", [1, 2])
def test_a_broken_header_breaks_nothing(version: int) -> None:
    texts = {"NumberOfImagesInMosaic": ["7"], "SliceNormalVector": ["0", "0", "1"]}
    whole = csa(version, **texts)
    rng = np.random.default_rng(version)
    for size in range(len(whole)):
        broken = bytearray(whole)
        broken[size] = rng.integers(256)
        for header in (whole[:size], bytes(broken)):
            ds = mosaic(7, header={})
            ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", header)
            (volume,) = series_of(ds).volumes
            assert volume.array.shape == volume.shape
