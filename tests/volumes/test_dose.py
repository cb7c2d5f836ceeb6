"""Doses: where their planes are, what they are scaled by, and several of them in a series (PS3.3 C.8.8.3)."""

from typing import Any

import numpy as np
import pytest

import hounsfield as hu
from volumes.series import AXIAL, CORONAL, OBLIQUE, SAGITTAL, dose, normal, series_of, written

PRONE = -1.0, 0.0, 0.0, 0.0, -1.0, 0.0
FEET_FIRST = -1.0, 0.0, 0.0, 0.0, 1.0, 0.0


@pytest.mark.parametrize("orientation", [AXIAL, PRONE, FEET_FIRST, CORONAL, SAGITTAL, OBLIQUE], ids=str)
@pytest.mark.parametrize("offsets", [(0, 3, 6, 9), (0, -3, -6, -9), (0, 6, 3, 9)], ids=str)
def test_offsets_go_along_the_normal(orientation: tuple[float, ...], offsets: tuple[float, ...]) -> None:
    (volume,) = series_of(dose(offsets, ImageOrientationPatient=[f"{x:.8g}" for x in orientation])).volumes
    order = np.argsort(offsets)
    places = np.array((-10, 20, 5)) + np.outer(np.array(offsets)[order], normal(orientation))
    np.testing.assert_allclose(volume.positions, places, atol=1e-6)
    np.testing.assert_allclose(volume.array[:, 0, 1], order + 0.001, rtol=1e-6)
    assert not volume.problems


@pytest.mark.parametrize("orientation", [AXIAL, PRONE, FEET_FIRST], ids=str)
@pytest.mark.parametrize("offsets", [(5, 8, 11), (5, 2, -1)], ids=str)
def test_offsets_that_are_coordinates(orientation: tuple[float, ...], offsets: tuple[float, ...]) -> None:
    (volume,) = series_of(dose(offsets, ImageOrientationPatient=list(orientation))).volumes
    frames = np.array(volume.frames)
    np.testing.assert_allclose(volume.positions[:, 2], np.array(offsets)[frames])
    assert not volume.problems


@pytest.mark.parametrize(
    ("dataset", "text"),
    [
        (dose((0, 3, 6), DoseGridScaling=None), "no Dose Grid Scaling"),
        (dose((100, 103, 106)), "begins at 100 mm, and .* z = 5 mm"),
    ],
    ids=["scaling", "position"],
)
def test_doses_without_a_unit_or_a_place_are_told(dataset: Any, text: str) -> None:
    (volume,) = series_of(dataset).volumes
    assert [problem.kind for problem in volume.problems] == ["dose"]
    with pytest.raises(hu.VolumeError, match=text):
        hu.load_volume(written(dataset), strict=True)


@pytest.mark.parametrize("z", [5.0, 6.5, 11.0, 14.0, 40.0])
def test_doses_of_one_series_are_volumes_of_their_own(z: float) -> None:
    """At the same places, between each other, overlapping, and one behind the other."""
    first, second = dose((0, 3, 6)), dose((0, 3, 6), ImagePositionPatient=[-10, 20, z], DoseGridScaling="0.5")
    series = series_of(first, second)
    found = {volume.labels["SOPInstanceUID"]: volume for volume in series.volumes}
    assert set(found) == {first.SOPInstanceUID, second.SOPInstanceUID}
    assert found[second.SOPInstanceUID].array[1, 0, 0] == 500
    assert found[second.SOPInstanceUID].origin == (-10, 20, z)
    assert [problem.kind for problem in series.problems] == (["split"] if z == 14 else [])


def test_a_smaller_dose_is_not_incomplete() -> None:
    assert not series_of(dose((0, 3, 6, 9)), dose((0, 3))).warnings


def test_planes_of_a_dose_in_files_of_their_own_are_one() -> None:
    images = [
        dose((0,), ImagePositionPatient=[-10, 20, 3.0 * at], SOPInstanceUID=f"1.2.3.{at}") for at in range(4)
    ]
    assert series_of(*images).volumes[0].shape == (4, 4, 5)
