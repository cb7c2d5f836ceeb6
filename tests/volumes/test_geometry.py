"""Order, affine and spacing of volumes, and what is not even in them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hounsfield as hu
from volumes.series import AXIAL, CORONAL, OBLIQUE, SAGITTAL, kinds, normal, one, written

ORIENTATIONS = {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "oblique": OBLIQUE}


def volume_of(*images: Any, **options: Any) -> Any:
    return hu.load_volume([written(each) for each in images], **options)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)], ids=str)
def test_slices_are_sorted_along_their_normal(orientation: tuple[float, ...], order: tuple[int, ...]) -> None:
    images = [one(2.0 * at, orientation=orientation, InstanceNumber=9 - at) for at in range(4)]
    volume = volume_of(*(images[at] for at in order))
    assert volume.shape == volume.array.shape == (4, 4, 5)
    assert volume.array[:, 0, 0].tolist() == [0, 200, 400, 600]
    assert [ds.InstanceNumber for ds in volume.headers] == [9, 8, 7, 6]
    assert volume.frames == [0] * 4
    assert volume.problems == ()
    assert volume.spacing == pytest.approx((2.0, 0.5, 0.25))
    assert volume.origin == (-10.0, 20.0, 5.0)
    axes = np.column_stack((orientation[:3], orientation[3:], normal(orientation)))
    np.testing.assert_allclose(volume.direction, axes, atol=1e-9)
    assert np.linalg.det(volume.direction) == pytest.approx(1)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_affine_maps_indices_to_where_pixels_are(orientation: tuple[float, ...]) -> None:
    """Equation C.7.6.2.1-1 for each slice by itself."""
    images = [one(3.0 * at, orientation=orientation) for at in (1, 0, 2)]
    volume = volume_of(*images)
    by_order = sorted(images, key=lambda ds: int.from_bytes(ds.PixelData[:2], "little", signed=True))
    for k, ds in enumerate(by_order):
        down, across = ds.PixelSpacing
        x, y = np.array(ds.ImageOrientationPatient[:3]), np.array(ds.ImageOrientationPatient[3:])
        for i, j in ((0, 0), (4, 0), (0, 3), (4, 3)):
            expected = np.array(ds.ImagePositionPatient) + x * across * i + y * down * j
            np.testing.assert_allclose((volume.affine @ (i, j, k, 1))[:3], expected, atol=1e-6)
            ras = (volume.affine_ras @ (i, j, k, 1))[:3]
            np.testing.assert_allclose(ras, expected * (-1, -1, 1), atol=1e-6)


def test_affine_by_hand() -> None:
    """A coronal stack: columns go left, rows down, slices to the front."""
    volume = volume_of(one(0, orientation=CORONAL), one(4, orientation=CORONAL))
    expected = [[0.25, 0, 0, -10], [0, 0, 4, 20], [0, -0.5, 0, 5], [0, 0, 0, 1]]
    np.testing.assert_allclose(volume.affine, expected, atol=1e-12)
    volume.affine[:] = 0
    np.testing.assert_allclose(volume.affine, expected, atol=1e-12)


def test_gap_is_told_and_does_not_stretch_the_slices() -> None:
    volume = volume_of(*(one(2.0 * at) for at in (0, 1, 2, 5, 6)))
    (problem,) = volume.problems
    assert problem.kind == "gap"
    assert problem.slices == (3,)
    assert problem.text == "where slices are 2 mm apart, there are gaps of 6 mm: about 2 missing"
    assert volume.warnings == (problem.text,)
    assert volume.spacing[0] == pytest.approx(2)
    assert volume.positions[:, 2].tolist() == [5, 7, 9, 15, 17]


def test_one_of_three_missing_is_a_gap() -> None:
    volume = volume_of(*(one(2.0 * at) for at in (0, 1, 3)))
    assert kinds(volume) == {"gap"}
    assert volume.spacing[0] == pytest.approx(2)


@pytest.mark.parametrize(
    ("step", "elements", "is_sparse"),
    [
        (3.0, {}, True),
        (2.0, {}, False),
        (3.0, {"SpacingBetweenSlices": 3.0}, False),
        (3.0, {"SliceThickness": 5.0, "SpacingBetweenSlices": 1.5}, True),
        (3.0, {"SliceThickness": None}, False),
    ],
)
def test_each_second_slice_missing_is_told(step: float, elements: dict[str, Any], is_sparse: bool) -> None:
    """Slices are 1.5 mm thick; gaps between those of MR are nothing strange."""
    volume = volume_of(*(one(step * at, **elements) for at in range(4)))
    assert [problem.kind for problem in volume.problems] == ["sparse"] * is_sparse
    assert volume.spacing[0] == pytest.approx(step)


@pytest.mark.parametrize("places", [(0, 1, 2.1, 3), (0, 1, 1.7, 3, 4)], ids=str)
def test_uneven_spacing_is_told(places: tuple[float, ...]) -> None:
    volume = volume_of(*map(one, places))
    assert kinds(volume) == {"uneven-spacing"}
    assert volume.spacing[0] == pytest.approx(places[-1] / (len(places) - 1))


def test_spacing_that_grows_little_by_little_is_uneven() -> None:
    places = np.cumsum(np.linspace(1, 1.035, 60))
    volume = volume_of(*map(one, places))
    assert kinds(volume) == {"uneven-spacing"}


def test_rounded_positions_are_even() -> None:
    volume = volume_of(*(one(round(at * 0.625, 2)) for at in range(50)))
    assert volume.problems == ()
    assert volume.spacing[0] == pytest.approx(0.625, abs=1e-3)


def test_tilt_is_told_and_is_in_the_affine() -> None:
    """A gantry tilt of 20 degrees: slices are shifted along their rows' direction, evenly."""
    shear = 0.0, np.tan(np.radians(20)), 0.0
    images = [one(2.0 * at, shear=shear) for at in range(5)]
    volume = volume_of(*images)
    (problem,) = volume.problems
    assert problem.kind == "tilt"
    assert "20 degrees" in problem.text
    for k, ds in enumerate(images):
        np.testing.assert_allclose((volume.affine @ (0, 0, k, 1))[:3], ds.ImagePositionPatient, atol=1e-6)
    assert volume.spacing[0] == pytest.approx(2 / np.cos(np.radians(20)))
    assert np.linalg.det(volume.affine[:3, :3]) == pytest.approx(2 * 0.5 * 0.25)


def test_slices_displaced_at_random_are_told() -> None:
    images = [one(2.0 * at) for at in range(5)]
    images[2].ImagePositionPatient[0] += 1
    volume = volume_of(*images)
    (problem,) = volume.problems
    assert problem.kind == "shifted"
    assert problem.slices == (2,)


def test_axes_that_are_rounded_do_not_change_the_step() -> None:
    """They are not quite unit vectors, nor at a right angle."""
    rounded = 1.0, 0.0, 0.0, 0.009, 0.995, 0.0
    images = [one(0, orientation=rounded, SliceThickness=5) for _ in range(40)]
    for at, ds in enumerate(images):
        ds.ImagePositionPatient[2] = 5.0 * at
    volume = volume_of(*images)
    assert volume.problems == ()
    assert volume.spacing == pytest.approx((5, 0.5, 0.25), rel=1e-9)
    np.testing.assert_allclose((volume.affine @ (0, 0, 39, 1))[:3], volume.positions[39], atol=1e-9)
    assert volume_of(images[0]).spacing[0] == pytest.approx(5, rel=1e-9)


def test_an_only_slice_has_its_thickness() -> None:
    assert volume_of(one()).spacing == pytest.approx((1.5, 0.5, 0.25))
    assert volume_of(one(SpacingBetweenSlices=-3)).spacing[0] == pytest.approx(3)
    assert volume_of(one()).problems == ()
    unknown = volume_of(one(SliceThickness=None))
    assert kinds(unknown) == {"unknown-thickness"}
    assert unknown.spacing[0] == pytest.approx(1)


@pytest.mark.parametrize(
    "elements",
    [
        {"ImagePositionPatient": None},
        {"ImageOrientationPatient": None},
        {"PixelSpacing": None},
        {"PixelSpacing": [0, 0]},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [0] * 6},
        {"ImagePositionPatient": ["1e300", "0", "0"]},
        {"ImagePositionPatient": [1, 2]},
    ],
    ids=str,
)
def test_without_geometry_instance_numbers_sort_and_that_is_said(elements: dict[str, Any]) -> None:
    images = [one(at, InstanceNumber=number, **elements) for at, number in ((0, 3), (1, 1), (2, 2))]
    volume = volume_of(*images)
    assert kinds(volume) == {"missing-geometry"}
    assert volume.array[:, 0, 0].tolist() == [100, 200, 0]
    assert volume.warnings[0].endswith("in the order of Instance Numbers and frames")
    for name in ("affine", "affine_ras", "spacing", "origin", "direction", "positions"):
        with pytest.raises(hu.MissingElementError, match="no geometry"):
            getattr(volume, name)


@pytest.mark.parametrize("number", [{}, {"InstanceNumber": 1}], ids=str)
def test_without_geometry_and_numbers_uids_sort_and_that_is_said(number: dict[str, int]) -> None:
    images = [
        one(at, ImagePositionPatient=None, SOPInstanceUID=f"1.2.{uid}", **number)
        for at, uid in ((0, 3), (1, 1), (2, 2))
    ]
    volume = volume_of(*images)
    assert volume.array[:, 0, 0].tolist() == [100, 200, 0]
    assert "in the order of SOP Instance UIDs" in volume.warnings[0]


def test_strict_raises_each_problem() -> None:
    images = [one(2.0 * at) for at in (0, 1, 3)]
    with pytest.raises(hu.VolumeError, match="gaps of 4 mm"):
        volume_of(*images, strict=True)
    with pytest.raises(hu.VolumeError, match="gaps of 4 mm"):
        hu.load_series([written(each) for each in images], strict=True)
    assert volume_of(*images[:2], strict=True).problems == ()


@given(st.permutations(range(8)), st.sampled_from(list(ORIENTATIONS.values())))
def test_order_of_files_does_not_matter(order: list[int], orientation: tuple[float, ...]) -> None:
    images = [one(0.7 * at, orientation=orientation) for at in range(8)]
    volume = volume_of(*(images[at] for at in order))
    assert volume.array[:, 0, 0].tolist() == [70 * at for at in range(8)]
    assert volume.problems == ()
