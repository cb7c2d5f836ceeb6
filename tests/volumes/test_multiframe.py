"""Which frames make a volume: of enhanced images, of nuclear medicine, of segmentations."""

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    NuclearMedicineImageStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

import hounsfield as hu
from volumes.series import enhanced, kinds, one, series_of, shown, written

LABEL_MAP = UID("1.2.840.10008.5.1.4.1.1.66.7")


def test_frames_of_an_enhanced_image_are_slices() -> None:
    (volume,) = series_of(enhanced({"at": at} for at in (4, 0, 2))).volumes
    assert volume.array[:, 0, 0].tolist() == [1, 2, 0]
    assert volume.frames == [1, 2, 0]
    assert volume.headers[0] is volume.headers[2]
    assert volume.spacing == pytest.approx((2, 0.5, 0.25))
    assert volume.origin == (-10, 20, 5)
    assert volume.problems == ()


@pytest.mark.parametrize(
    ("key", "name", "values"),
    [
        ("stack", "StackID", ["1", "2"]),
        ("echo", "EchoTime", [5.0, 10.0]),
        ("time", "TemporalPositionIdentifier", [1, 2]),
        ("b", "DiffusionBValue", [0.0, 800.0]),
    ],
)
def test_one_file_may_have_several_volumes(key: str, name: str, values: list[Any]) -> None:
    frames = [{"at": 2.0 * at, key: value} for at in range(3) for value in values]
    assert shown(series_of(enhanced(frames))) == [
        ({name: values[0]}, [0, 2, 4]),
        ({name: values[1]}, [1, 3, 5]),
    ]


@pytest.mark.parametrize(
    ("group", "name", "values"),
    [
        ("MRImageFrameTypeSequence", "ComplexImageComponent", ["MAGNITUDE", "PHASE"]),
        ("RespiratorySynchronizationSequence", "NominalPercentageOfRespiratoryPhase", [0.0, 50.0]),
        ("RespiratorySynchronizationSequence", "NominalRespiratoryTriggerDelayTime", [0.0, 800.0]),
        ("ContrastBolusUsageSequence", "ContrastBolusAgentPhase", ["ARTERIAL", "VENOUS"]),
        ("MRArterialSpinLabelingSequence", "ASLContext", ["CONTROL", "LABEL"]),
        ("MRVelocityEncodingSequence", "VelocityEncodingDirection", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0)]),
        ("MRDiffusionSequence", "DiffusionDirectionality", ["DIRECTIONAL", "ISOTROPIC"]),
    ],
)
def test_functional_groups_tell_frames_apart_in_whatever_order_they_are(
    group: str, name: str, values: list[Any]
) -> None:
    order = [0, 1, 1, 0, 0, 1]
    ds = enhanced({"at": 2.0 * (frame // 2)} for frame in range(6))
    for groups, which in zip(ds.PerFrameFunctionalGroupsSequence, order, strict=True):
        item = Dataset()
        setattr(item, name, list(values[which]) if isinstance(values[which], tuple) else values[which])
        setattr(groups, group, [item])
    assert sorted(shown(series_of(ds)), key=lambda each: each[1]) == [
        ({name: values[0]}, [0, 3, 4]),
        ({name: values[1]}, [1, 2, 5]),
    ]


def test_gradients_tell_frames_apart() -> None:
    directions = [(1.0, 0.0, 0.0), (0.0, 0.6, 0.8)]
    ds = enhanced({"at": 2.0 * (frame // 2), "b": 1000.0} for frame in range(6))
    for frame, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
        gradient = Dataset()
        gradient.DiffusionGradientOrientation = list(directions[frame // 2 % 2 ^ frame % 2])
        (diffusion,) = groups.MRDiffusionSequence
        diffusion.DiffusionDirectionality = "DIRECTIONAL"
        diffusion.DiffusionGradientDirectionSequence = [gradient]
    assert shown(series_of(ds)) == [
        ({"DiffusionGradientOrientation": directions[0]}, [0, 3, 4]),
        ({"DiffusionGradientOrientation": directions[1]}, [1, 2, 5]),
    ]


def test_dimensions_tell_frames_apart() -> None:
    """Of diffusion gradients, say: whatever the image itself calls a dimension."""
    pointers = []
    for pointer in (0x00209057, 0x00189089):  # In-Stack Position Number, Diffusion Gradient Orientation
        pointers.append(Dataset())
        pointers[-1].DimensionIndexPointer = pointer
    frames = [{"at": 2.0 * at, "index": [at + 1, number + 1]} for at in range(3) for number in range(2)]
    found = shown(series_of(enhanced(frames, DimensionIndexSequence=pointers)))
    assert found == [
        ({"DiffusionGradientOrientation index": 1}, [0, 2, 4]),
        ({"DiffusionGradientOrientation index": 2}, [1, 3, 5]),
    ]


@pytest.mark.parametrize("times", [[1, 2, 3, 4, 5, 6], [1, 2, 2, 3, 4, 4], [1] * 6])
def test_temporal_positions_that_the_dimensions_contradict(times: list[int]) -> None:
    """Two passes, of which each slice has a time of its own."""
    pointers = []
    for pointer in (0x00209057, 0x00209128):  # In-Stack Position Number, Temporal Position Index
        pointers.append(Dataset())
        pointers[-1].DimensionIndexPointer = pointer
    frames = [
        {"at": 2.0 * (number % 3), "time": time, "index": [number % 3 + 1, number // 3 + 1]}
        for number, time in enumerate(times)
    ]
    found = shown(series_of(enhanced(frames, DimensionIndexSequence=pointers)))
    assert found == [
        ({"TemporalPositionIndex index": 1}, [0, 1, 2]),
        ({"TemporalPositionIndex index": 2}, [3, 4, 5]),
    ]


def test_temporal_positions_that_the_dimensions_confirm() -> None:
    """They part images that are at no common place, too."""
    pointer = Dataset()
    pointer.DimensionIndexPointer = 0x00209128
    frames = [{"at": 2.0 * at, "time": at // 2 + 5, "index": [at // 2 + 1]} for at in range(4)]
    found = shown(series_of(enhanced(frames, DimensionIndexSequence=[pointer])))
    assert found == [
        ({"TemporalPositionIdentifier": 5}, [0, 1]),
        ({"TemporalPositionIdentifier": 6}, [2, 3]),
    ]


def test_a_concatenation_is_one_volume() -> None:
    (volume,) = series_of(enhanced([{"at": 2.0}, {"at": 0.0}]), enhanced([{"at": 4.0}, {"at": 6.0}])).volumes
    assert volume.positions[:, 2].tolist() == [5, 7, 9, 11]


@pytest.mark.parametrize("uid", [EnhancedMRImageStorage, SegmentationStorage], ids=lambda uid: uid.name)
def test_a_concatenation_of_every_second_slice_is_one_volume(uid: str) -> None:
    parts = [
        enhanced([{"at": 1.0 * at} for at in range(start, 8, 2)], ConcatenationUID="1.2.3", SOPClassUID=uid)
        for start in (0, 1)
    ]
    (volume,) = series_of(*parts).volumes
    assert volume.array[:, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert not volume.problems


def test_parts_of_a_concatenation_have_an_order() -> None:
    """Their UIDs tell nothing."""
    frames = [{"at": 2.0 * at} for at in range(3)]
    parts = [
        enhanced(
            frames,
            InstanceNumber=1,
            ConcatenationUID="1.2.3",
            ConcatenationFrameOffsetNumber=before,
            SOPInstanceUID=uid,
        )
        for before, uid in ((0, "1.9"), (3, "1.8"))
    ]
    first, second = series_of(*parts).volumes
    assert first.labels == {"InstanceNumber rank": 0}
    assert [volume.headers[0].SOPInstanceUID for volume in (first, second)] == ["1.9", "1.8"]


def test_each_frame_has_its_own_rescale() -> None:
    frames = [{"at": 2.0 * at, "slope": 0.5 * (at + 1), "intercept": 10 * at} for at in range(3)]
    (volume,) = series_of(enhanced(frames)).volumes
    assert volume.array[:, 0, 0].tolist() == [0, 11, 23]


def test_slope_and_intercept_are_of_the_same_group() -> None:
    """As `modality_values` has them."""
    ds = enhanced([{"at": 0.0}, {"at": 2.0}])
    shared, own = Dataset(), Dataset()
    shared.RescaleSlope, shared.RescaleIntercept = 2, 100
    own.RescaleSlope = 10
    ds.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence[1].PixelValueTransformationSequence = [own]
    (volume,) = series_of(ds).volumes
    np.testing.assert_array_equal(volume.array, volume.headers[0].modality_values())


def test_labels_that_a_palette_shows_are_values() -> None:
    ds = enhanced(
        [{"at": 0.0}, {"at": 1.0}],
        SOPClassUID=LABEL_MAP,
        PhotometricInterpretation="PALETTE COLOR",
    )
    for colour in ("Red", "Green", "Blue"):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [2, 0, 16])
        setattr(ds, f"{colour}PaletteColorLookupTableData", b"\0\0\xff\xff")
    assert shown(series_of(ds)) == [({}, [0, 1])]
    ds.SOPClassUID = SecondaryCaptureImageStorage
    assert hu.load_series(written(ds)).left_out[0].reason == "colour, by a palette"


def test_which_frames_are_left_out_is_told() -> None:
    ds = enhanced({"at": 2.0 * at} for at in range(4))
    for frame in (1, 3):
        del ds.PerFrameFunctionalGroupsSequence[frame].PlanePositionSequence
    series = series_of(ds)
    assert series.volumes[0].frames == [0, 2]
    assert series.left_out[0].reason.endswith("(of 2); frames 1, 3 of item 0")


def test_functional_groups_of_other_than_all_frames_are_an_error() -> None:
    broken = enhanced([{"at": 0.0}, {"at": 2.0}, {"at": 4.0}])
    broken.PerFrameFunctionalGroupsSequence = broken.PerFrameFunctionalGroupsSequence[:2]
    found = hu.load_series([written(broken)])
    assert found == []
    (problem,) = found.problems
    assert problem.kind == "unreadable"
    assert "functional groups of 2 frames, and 3 frames" in problem.text


def nuclear(spacing: float) -> Dataset:
    """Two time slots of three slices, which the Slice Vector has in another order."""
    ds = one(0, NumberOfFrames=6, SpacingBetweenSlices=spacing)
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [1, 2, 3], [1, 0, 0, 0, 1, 0]
    ds.DetectorInformationSequence = [detector]
    del ds.ImagePositionPatient, ds.ImageOrientationPatient
    ds.SliceVector, ds.TimeSlotVector = [3, 2, 1, 1, 2, 3], [1, 1, 1, 2, 2, 2]
    ds.PixelData = np.repeat(np.arange(6, dtype="<i2"), 20).tobytes()
    return ds


@pytest.mark.parametrize(
    ("spacing", "origin", "order"),
    [(4.0, (1, 2, 3), ([2, 1, 0], [3, 4, 5])), (-4.0, (1, 2, -5), ([0, 1, 2], [5, 4, 3]))],
)
def test_slices_of_nuclear_medicine(
    spacing: float, origin: tuple[float, ...], order: tuple[list[int], ...]
) -> None:
    """The sign of Spacing Between Slices tells which way they go (PS3.3 C.8.4.15)."""
    series = series_of(nuclear(spacing))
    assert shown(series) == [({"TimeSlotVector": 1}, order[0]), ({"TimeSlotVector": 2}, order[1])]
    assert series.volumes[0].origin == origin
    assert series.volumes[0].spacing == pytest.approx((4, 0.5, 0.25))
    assert not series.warnings


def test_slices_of_nuclear_medicine_whose_axes_are_rounded() -> None:
    ds = nuclear(4.0)
    ds.DetectorInformationSequence[0].ImageOrientationPatient = [0.995, 0, 0, 0, 0.995, 0]
    assert [volume.spacing[0] for volume in series_of(ds).volumes] == pytest.approx([4, 4])


def test_slices_of_nuclear_medicine_that_are_counted_from_0() -> None:
    ds = nuclear(4.0)
    ds.SliceVector = [2, 1, 0, 0, 1, 2]
    assert {volume.origin for volume in series_of(ds).volumes} == {(1, 2, 3)}


def test_slices_of_nuclear_medicine_of_several_detectors() -> None:
    """All that have a place have the same; of two places nobody knows which is the slices'."""
    ds = nuclear(4.0)
    (detector,) = ds.DetectorInformationSequence
    ds.DetectorInformationSequence = [detector, detector, Dataset()]
    assert {volume.origin for volume in series_of(ds).volumes} == {(1, 2, 3)}
    other = Dataset()
    other.ImagePositionPatient, other.ImageOrientationPatient = [1, 2, 4], [1, 0, 0, 0, 1, 0]
    ds.DetectorInformationSequence = [detector, other]
    assert kinds(series_of(ds).volumes[0]) == {"missing-geometry"}


def test_slices_of_nuclear_medicine_whose_detector_has_no_place() -> None:
    ds = nuclear(4.0)
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [4, 5, 6], [1, 0, 0, 0, 1, 0]
    ds.DetectorInformationSequence = [Dataset()]
    assert {volume.origin for volume in series_of(ds).volumes} == {(4, 5, 6)}


def test_a_slice_of_nuclear_medicine_alone() -> None:
    images = []
    for at in range(3):
        ds = nuclear(4.0)
        ds.SOPInstanceUID = f"1.2.3.{at + 1}"
        ds.NumberOfFrames, ds.SliceVector, ds.PixelData = 1, 1, np.full(20, at, "<i2").tobytes()
        del ds.TimeSlotVector
        ds.DetectorInformationSequence[0].ImagePositionPatient = [1, 2, 3 + 4 * at]
        images.append(ds)
    series = series_of(*images)
    assert shown(series) == [({}, [0, 1, 2])]
    assert series.volumes[0].spacing == pytest.approx((4, 0.5, 0.25))


@pytest.mark.parametrize(
    "uid",
    [NuclearMedicineImageStorage, SegmentationStorage, LABEL_MAP, ParametricMapStorage],
    ids=lambda uid: uid.name,
)
def test_images_that_are_volumes_are_apart_from_others_of_their_series(uid: str) -> None:
    images = [enhanced([{"at": start + at} for at in range(3)], SOPClassUID=uid) for start in (0.0, 0.5, 3.0)]
    series = series_of(*images)
    assert {volume.labels["SOPInstanceUID"] for volume in series.volumes} == {
        ds.SOPInstanceUID for ds in images
    }
