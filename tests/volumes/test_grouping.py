"""Which images make a volume: one each of echo, time point, orientation, size and so on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

import hounsfield as hu
from volumes.series import CORONAL, enhanced, kinds, mr, one, series_of, shown, written

MONOCHROME = ["MONOCHROME2", "MONOCHROME1"]


def grid(name: str, values: list[Any], **more: Any) -> list[Dataset]:
    """Three slices for each value; the first sample tells slice and value."""
    return [
        mr(2.0 * at, value=100 * number + at, **{name: value}, **more)
        for at in range(3)
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("EchoTime", [5.0, 12.5]),
        ("EchoNumbers", [1, 2]),
        ("TemporalPositionIdentifier", [1, 2, 3]),
        ("DiffusionBValue", [0.0, 1000.0]),
        ("TriggerTime", [0.0, 33.3]),
        ("NominalPercentageOfCardiacPhase", [0.0, 75.0]),
        ("FlipAngle", [5.0, 15.0]),
        ("InversionTime", [100.0, 900.0]),
        ("KVP", [80.0, 140.0]),
        ("AcquisitionNumber", [1, 2]),
        ("AcquisitionTime", ["101500.1", "101530.2"]),
        ("ContentTime", ["101500", "101530"]),
        ("ConvolutionKernel", ["B30f", "B70f"]),
    ],
    ids=str,
)
def test_what_tells_images_at_one_place_apart(name: str, values: list[Any]) -> None:
    images = [mr(2.0 * at, value=100 * n + at, **{name: v}) for at in range(3) for n, v in enumerate(values)]
    series = series_of(*reversed(images))
    assert sorted(shown(series), key=lambda each: each[1]) == [
        ({name: value}, [100.0 * number + at for at in range(3)]) for number, value in enumerate(values)
    ]
    assert not series.warnings


def test_private_b_values_and_gradients_of_siemens_tell_apart() -> None:
    """There are two directions of one b-value, and b = 0 once."""
    images = []
    for b, gradient in ((0, None), (1000, [1.0, 0.0, 0.0]), (1000, [0.0, 1.0, 0.0])):
        for at in range(3):
            images.append(mr(2.0 * at, value=len(images), Manufacturer="Siemens Healthineers"))
            block = images[-1].private_block(0x0019, "SIEMENS MR HEADER", create=True)
            block.add_new(0x0C, "IS", str(b))
            if gradient:
                block.add_new(0x0E, "FD", gradient)
    found = sorted(shown(series_of(*images)), key=lambda each: each[1])
    assert found == [
        ({"DiffusionBValue": 0}, [0, 1, 2]),
        ({"DiffusionBValue": 1000, "DiffusionGradientOrientation": (1.0, 0.0, 0.0)}, [3, 4, 5]),
        ({"DiffusionBValue": 1000, "DiffusionGradientOrientation": (0.0, 1.0, 0.0)}, [6, 7, 8]),
    ]


GE = "GE MEDICAL SYSTEMS", 0x0043, "GEMS_PARM_01", 0x39, "IS"
PHILIPS = "Philips Medical Systems", 0x2001, "Philips Imaging DD 001", 0x03, "FL"
UNITED = "UIH", 0x0065, "Image Private Header", 0x09, "FD"


@pytest.mark.parametrize(
    ("maker", "as_written"),
    [
        (GE, {0: [0, 8, 0, 0], 750: [1_000_000_750, 8, 0, 0], 1500: [1500, 8, 0, 0]}),
        (PHILIPS, {0: 0.0, 750: 750.0, 1500: 1500.0}),
        (UNITED, {0: 0.0, 750: 750.0, 1500: 1500.0}),
    ],
    ids=["GE", "Philips", "UIH"],
)
@pytest.mark.parametrize("is_implicit", [False, True])
def test_private_b_values_tell_apart(
    maker: tuple[str, int, str, int, str], as_written: dict[int, Any], is_implicit: bool
) -> None:
    name, group, creator, element, vr = maker
    images = []
    for number, value in enumerate(as_written.values()):
        for at in range(3):
            ds = mr(2.0 * at, value=10 * number + at, Manufacturer=name)
            ds.private_block(group, creator, create=True).add_new(element, vr, value)
            images.append(written(ds, ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian))
    (series,) = hu.load_series(images)
    assert sorted(shown(series), key=lambda each: each[1]) == [
        ({"DiffusionBValue": b}, [10 * number + at for at in range(3)]) for number, b in enumerate(as_written)
    ]
    assert not series.warnings


@pytest.mark.parametrize(
    ("maker", "group", "creator", "elements"),
    [
        ("GE MEDICAL SYSTEMS", 0x0019, "GEMS_ACQU_01", {0xBB: "DS", 0xBC: "DS", 0xBD: "DS"}),
        ("Philips", 0x2005, "Philips MR Imaging DD 001", {0xB0: "FL", 0xB1: "FL", 0xB2: "FL"}),
        ("UIH", 0x0065, "Image Private Header", {0x37: "FD"}),
    ],
)
def test_private_gradients_tell_apart(maker: str, group: int, creator: str, elements: dict[int, str]) -> None:
    images = []
    gradients = [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]
    for number, gradient in enumerate(gradients):
        for at in range(3):
            ds = mr(2.0 * at, value=10 * number + at, Manufacturer=maker, DiffusionBValue=1000.0)
            block = ds.private_block(group, creator, create=True)
            values = [gradient] if len(elements) == 1 else gradient
            for (element, vr), value in zip(elements.items(), values, strict=True):
                block.add_new(element, vr, value)
            images.append(ds)
    series = series_of(*images)
    assert sorted(shown(series), key=lambda each: each[1]) == [
        ({"DiffusionGradientOrientation": tuple(gradient)}, [10 * number + at for at in range(3)])
        for number, gradient in enumerate(gradients)
    ]
    assert not series.warnings


def test_private_components_of_ge_tell_apart() -> None:
    names = "MAGNITUDE", "PHASE", "REAL", "IMAGINARY", None
    images = []
    for number in range(len(names)):
        for at in range(3):
            ds = mr(2.0 * at, value=10 * number + at, Manufacturer="GE MEDICAL SYSTEMS")
            ds.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x2F, "SS", number)
            images.append(ds)
    assert sorted(shown(series_of(*images)), key=lambda each: each[1]) == [
        ({"ComplexImageComponent": name}, [10 * number + at for at in range(3)])
        for number, name in enumerate(names)
    ]


def test_image_types_are_apart() -> None:
    types = [["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]]
    labels = [volume.labels for volume in series_of(*grid("ImageType", types)).volumes]
    assert {each["ImageType"][2] for each in labels} == {"M", "P"}


def test_orientations_are_apart_and_nearly_equal_ones_are_not() -> None:
    nearly = 0.99999999, 0.0001, 0.0, -0.0001, 0.99999999, 0.0
    images = [one(0), one(1, orientation=nearly), one(2), one(0, orientation=CORONAL)]
    assert sorted(len(volume) for volume in series_of(*images).volumes) == [1, 3]


@pytest.mark.parametrize("name", ["EchoTime", "DiffusionBValue", "KVP"])
def test_values_that_differ_by_rounding_are_the_same(name: str) -> None:
    images = grid(name, [4.92, 9.84])
    for ds in images[:2]:
        ds[name].value *= 1.00001
    assert shown(series_of(*images)) == [({name: 4.92}, [0, 1, 2]), ({name: 9.84}, [100, 101, 102])]


@pytest.mark.parametrize(
    ("name", "values"), [("KVP", [80.0, 140.0]), ("ConvolutionKernel", ["B30f", "B70f"])]
)
def test_reconstructions_between_each_other_are_apart(name: str, values: list[Any]) -> None:
    """The slices of one are half-way between those of the other."""
    series = series_of(*(one(float(at), **{name: values[at % 2]}) for at in range(6)))
    assert [found for _, found in shown(series)] == [[0, 200, 400], [100, 300, 500]]


def test_sizes_are_apart_and_told() -> None:
    images = [one(0), one(1), one(2, size=(8, 8))]
    series = series_of(*images)
    assert sorted(volume.shape for volume in series.volumes) == [(1, 8, 8), (2, 4, 5)]
    (problem,) = series.problems
    assert problem.kind == "mixed-sizes"
    assert problem.text == "images differ in rows and columns: 2 of 4 x 5, 1 of 8 x 8"


def test_frames_of_reference_and_spacings_are_apart() -> None:
    images = [one(0), one(1), one(0, FrameOfReferenceUID="1.2"), one(0, PixelSpacing=[1, 1])]
    assert sorted(len(volume) for volume in series_of(*images).volumes) == [1, 1, 2]


def test_trigger_times_that_each_slice_has_for_itself_are_ranked() -> None:
    """A cine of slices that are taken one after the other: no two have the same times."""
    images = [
        mr(2.0 * at, value=100 * phase + at, TriggerTime=30.0 * phase + at)
        for at in range(3)
        for phase in range(4)
    ]
    assert shown(series_of(*images)) == [
        ({"TriggerTime": phase}, [100.0 * phase + at for at in range(3)]) for phase in range(4)
    ]


@pytest.mark.parametrize("name", ["TriggerTime", None])
def test_one_image_missing_of_many_time_points_costs_its_place_alone(name: str | None) -> None:
    images = [
        mr(
            2.0 * at,
            value=100 * time + at,
            InstanceNumber=5 * time + at,
            **({name: 30.0 * time + at} if name else {}),
        )
        for at in range(5)
        for time in range(4)
        if (at, time) != (2, 1)
    ]
    series = series_of(*images)
    label = name or "InstanceNumber rank"
    assert shown(series) == [({label: n}, [100 * n + at for at in (0, 1, 3, 4)]) for n in range(4)]
    (problem,) = series.problems
    assert problem.kind == "incomplete"
    assert problem.text.endswith("3 images")
    assert len(series.left_out) == 3


def test_one_image_too_many_of_several_time_points_costs_its_place_alone() -> None:
    images = [
        mr(2.0 * at, value=100 * time + at, TriggerTime=30.0 * time + at)
        for at in range(5)
        for time in range(4)
    ]
    series = series_of(*images, mr(4.0, TriggerTime=200.0))
    assert shown(series) == [({"TriggerTime": n}, [100 * n + at for at in (0, 1, 3, 4)]) for n in range(4)]
    assert kinds(series) == {"incomplete"}
    assert len(series.left_out) == 5


HEARTBEATS = [[812.5, 815.0, 840.0], [790.0, 860.0, 802.5], [822.5, 795.0, 830.0]]


@pytest.mark.parametrize("beats", [HEARTBEATS, [[800, 810, 810], [810, 800, 820], [820, 800, 800]]], ids=str)
@pytest.mark.parametrize(
    ("name", "values"),
    [("AcquisitionNumber", [4, 5, 6]), ("AcquisitionTime", ["100500", "100503", "100506"])],
)
def test_time_points_are_not_mixed_by_what_differs_from_beat_to_beat(
    name: str, values: list[Any], beats: Any
) -> None:
    """Trigger times of a perfusion are as long as beats were; what is the same at all places tells more."""
    images = [
        mr(2.0 * at, value=100 * time + at, TriggerTime=beats[time][at], **{name: values[time]})
        for at in range(3)
        for time in range(3)
    ]
    found = sorted(shown(series_of(*images)), key=lambda each: each[1])
    assert found == [({name: values[time]}, [100 * time + at for at in range(3)]) for time in range(3)]


def test_an_order_of_times_that_instance_numbers_contradict_is_told() -> None:
    def series(numbers: list[int]) -> Any:
        return series_of(
            *(
                mr(2.0 * at, TriggerTime=HEARTBEATS[time][at], InstanceNumber=1 + 3 * at + numbers[time])
                for at in range(3)
                for time in range(3)
            )
        )

    assert [kinds(volume) for volume in series([0, 1, 2]).volumes] == [{"repeats"}] * 3
    images = [
        mr(2.0 * at, TriggerTime=30.0 * time + at, InstanceNumber=9 - 3 * at - time)
        for at in range(3)
        for time in range(3)
    ]
    assert not series_of(*images).warnings  # they go the other way round


def test_trigger_times_do_not_part_what_has_a_place_of_its_own() -> None:
    (volume,) = series_of(*(mr(2.0 * at, TriggerTime=17.0 * at) for at in range(4))).volumes
    assert len(volume) == 4
    assert volume.labels == {}
    assert volume.problems == ()


def test_two_attributes_may_be_needed() -> None:
    images = [
        mr(float(at), value=100 * echo + 10 * time + at, EchoTime=echo, AcquisitionNumber=time)
        for at in range(2)
        for echo in (1, 2)
        for time in (1, 2)
    ]
    found = shown(series_of(*images))
    assert sorted(each[1] for each in found) == [[110, 111], [120, 121], [210, 211], [220, 221]]
    assert {"EchoTime": 1, "AcquisitionNumber": 2} in [each[0] for each in found]


def test_only_instance_numbers_tell_apart_and_that_is_said() -> None:
    images = [
        one(2.0 * at, value=100 * time + at, InstanceNumber=10 * time + at)
        for at in range(3)
        for time in range(2)
    ]
    series = series_of(*images)
    assert [each[1] for each in shown(series)] == [[0, 1, 2], [100, 101, 102]]
    assert all(kinds(volume) == {"repeats"} for volume in series.volumes)
    assert all("nothing but Instance Numbers and frames" in volume.warnings[0] for volume in series.volumes)


def test_times_that_only_some_images_have_tell_nothing() -> None:
    """There is no order of them and of none."""
    images = [
        mr(2.0 * at, value=100 * time + at, InstanceNumber=10 * time + at)
        for at in range(3)
        for time in range(2)
    ]
    for number, ds in enumerate(images):
        if number != 3:
            ds.TriggerTime = 30.0 * number
    series = series_of(*images)
    assert [each[1] for each in shown(series)] == [[0, 1, 2], [100, 101, 102]]
    assert all("nothing but Instance Numbers and frames" in volume.warnings[0] for volume in series.volumes)


@pytest.mark.parametrize("number", [{}, {"InstanceNumber": 1}], ids=str)
def test_only_uids_tell_apart_and_that_is_said(number: dict[str, int]) -> None:
    images = [
        one(2.0 * at, value=100 * time + at, SOPInstanceUID=f"1.2.{time}.{at}", **number)
        for at in range(3)
        for time in range(2)
    ]
    series = series_of(*images)
    assert shown(series) == [
        ({"SOPInstanceUID rank": time}, [100 * time + at for at in range(3)]) for time in range(2)
    ]
    assert all("SOP Instance UIDs, which may" in volume.warnings[0] for volume in series.volumes)


def field_of_view(at: float, aside: float, **elements: Any) -> Dataset:
    ds = one(at, **elements)
    ds.ImagePositionPatient[1] += aside
    return ds


def test_fields_of_view_beside_each_other_are_apart() -> None:
    """Of both knees, say: their slices are at the same depths, but not in the same places."""
    images = [
        field_of_view(2.0 * at, 100.0 * number, value=100 * number + at)
        for number, places in enumerate((range(4), range(2, 6)))
        for at in places
    ]
    series = series_of(*images)
    name = "ImagePositionPatient in plane"
    assert sorted(shown(series), key=lambda each: each[1]) == [
        ({name: (0, 0)}, [0, 1, 2, 3]),
        ({name: (0, 1)}, [102, 103, 104, 105]),
    ]
    assert not series.warnings


def test_fields_of_view_at_depths_of_their_own_are_apart() -> None:
    images = [field_of_view(float(at), 100.0 * (at % 2)) for at in range(8)]
    series = series_of(*images)
    assert [found for _, found in shown(series)] == [[0, 200, 400, 600], [100, 300, 500, 700]]
    assert not series.warnings
    (volume,) = series_of(*images[::2], images[1]).volumes  # one that is displaced is no field of view
    assert "shifted" in kinds(volume)


def test_a_shift_in_plane_between_time_points_is_no_field_of_view() -> None:
    images = [
        field_of_view(2.0 * at, 0.2 * time, value=100 * time + at, AcquisitionNumber=time)
        for at in range(3)
        for time in range(2)
    ]
    assert [labels for labels, _ in shown(series_of(*images))] == [{"AcquisitionNumber": n} for n in range(2)]


def test_an_image_at_the_place_of_another_is_left_out_and_told() -> None:
    images = [one(2.0 * at, InstanceNumber=at + 1) for at in range(3)]
    again = one(2.0, value=999, InstanceNumber=9)
    series = series_of(again, *images)
    (volume,) = series.volumes
    assert volume.array[:, 0, 0].tolist() == [0, 200, 400]
    assert kinds(volume) == {"duplicate"}
    assert len(series.left_out) == 1


def test_a_file_given_twice_is_left_out_and_told() -> None:
    images = [one(2.0 * at) for at in range(3)]
    series = series_of(*images, images[1])
    assert series.volumes[0].array[:, 0, 0].tolist() == [0, 200, 400]
    assert kinds(series) == {"duplicate"}


def test_one_uid_for_all_images_loses_none_and_is_told() -> None:
    """As careless anonymization leaves them."""
    series = series_of(*(one(2.0 * at, SOPInstanceUID="1.2.3") for at in range(3)))
    assert series.volumes[0].array[:, 0, 0].tolist() == [0, 200, 400]
    (problem,) = series.problems
    assert problem.kind == "same-uid"
    assert problem.text.startswith("2 images with")
    assert not series.left_out


@pytest.mark.parametrize("name", ["TemporalPositionIdentifier", "InstanceNumber"])
def test_one_uid_for_all_time_points_loses_none(name: str) -> None:
    images = [
        mr(2.0 * at, value=10 * time + at, SOPInstanceUID="1.2.3", **{name: 3 * time + (name[0] == "I") * at})
        for at in range(3)
        for time in range(2)
    ]
    series = series_of(*images)
    assert [found for _, found in shown(series)] == [[0, 1, 2], [10, 11, 12]]
    assert kinds(series) == {"same-uid"}


def test_an_image_without_position_among_others_is_left_out_and_told() -> None:
    series = series_of(*(one(2.0 * at) for at in range(3)), one(3, ImagePositionPatient=None))
    assert [len(volume) for volume in series.volumes] == [3]
    (problem,) = series.problems
    assert problem.kind == "missing-geometry"
    assert "no Image Position (Patient) (of 1)" in problem.text
    with pytest.raises(hu.VolumeError, match="others have geometry and these do not"):
        hu.load_volume([written(one(0)), written(one(3, ImagePositionPatient=None))], strict=True)


# What their values are


@pytest.mark.parametrize(
    ("name", "values"),
    [("RescaleType", ["HU", "US"]), ("Units", ["BQML", "CNTS"]), ("PhotometricInterpretation", MONOCHROME)],
    ids=str,
)
def test_values_of_several_kinds_are_told(name: str, values: list[str]) -> None:
    (volume,) = series_of(*(one(2.0 * at, **{name: values[at == 1]}) for at in range(3))).volumes
    (problem,) = volume.problems
    assert problem.kind == "mixed-values"
    assert problem.slices == (1,)
    assert problem.text.endswith(f"{name} {values[0]} of 2, {values[1]} of 1")


def test_slices_that_are_not_rescaled_among_others_are_told() -> None:
    def images(intercept: int) -> list[Dataset]:
        scale = {"RescaleSlope": 1, "RescaleIntercept": intercept}
        return [one(2.0 * at, **({} if at == 1 else scale)) for at in range(3)]

    (volume,) = series_of(*images(-1024)).volumes
    (problem,) = volume.problems
    assert problem.kind == "mixed-values"
    assert problem.slices == (1,)
    assert problem.text.endswith("no Rescale Slope or Intercept of 1")
    assert not series_of(*images(0)).warnings


@pytest.mark.parametrize(("name", "values"), [("FlipAngle", [5, 15]), ("SliceThickness", [1.5, 3])])
def test_slices_that_were_not_made_alike_are_told(name: str, values: list[float]) -> None:
    (volume,) = series_of(*(one(2.0 * at, **{name: values[at == 1]}) for at in range(3))).volumes
    (problem,) = volume.problems
    assert problem.kind == "mixed-values"
    assert problem.slices == (1,)


@pytest.mark.parametrize("name", ["TemporalPositionIdentifier", "EchoTime", "AcquisitionNumber"])
def test_a_scan_that_was_stopped_is_told(name: str) -> None:
    images = [mr(2.0 * at, **{name: time}) for time in (1, 2, 3) for at in range(5 if time < 3 else 3)]
    series = series_of(*images)
    assert [len(volume) for volume in series.volumes] == [5, 5, 3]
    assert [kinds(volume) for volume in series.volumes] == [set(), set(), {"incomplete"}]
    assert series.volumes[2].warnings == ("3 slices, where another volume of the series has 5",)


def test_fewer_slices_than_number_of_slices_are_told() -> None:
    images = [one(2.0 * at, Modality="PT", NumberOfSlices=4) for at in range(4)]
    assert not series_of(*images).warnings
    (volume,) = series_of(*images[:3]).volumes
    assert volume.warnings == ("3 slices of 4, which Number of Slices says",)


def test_volumes_of_other_places_are_not_incomplete() -> None:
    first, second = (
        [mr(2.0 * at, EchoTime=time) for at in places] for time, places in ((1, (0, 1)), (2, (1, 2, 3)))
    )
    assert not series_of(*first, *second).warnings


# What differs from slice to slice


OWN: dict[str, list[Any]] = {
    "TemporalPositionIdentifier": [1, 2, 3, 4, 5],
    "EchoTime": [5.0, 7.0, 9.0, 11.0, 13.0],
    "KVP": [80, 90, 100, 110, 120],
    "FrameOfReferenceUID": ["1.2.3.5", "1.2.3.2", "1.2.3.3", "1.2.3.1", "1.2.3.4"],
    "ImageType": [["ORIGINAL", "PRIMARY", f"SLICE {at}"] for at in range(5)],
    "StackID": ["1", "2", "3", "4", "5"],
    "ConvolutionKernel": ["A", "B", "C", "D", "E"],
}


@pytest.mark.parametrize(("name", "values"), OWN.items(), ids=OWN)
def test_what_each_slice_has_its_own_of_parts_no_volumes_and_is_told(name: str, values: list[Any]) -> None:
    series = series_of(*(mr(2.0 * at, value=at, **{name: value}) for at, value in enumerate(values)))
    assert shown(series) == [({}, [0, 1, 2, 3, 4])]
    (problem,) = series.volumes[0].problems
    assert problem.kind == "split"
    assert name in problem.text


def test_temporal_positions_that_each_image_has_its_own_of_tell_time_points_by_their_order() -> None:
    images = [
        mr(2.0 * at, value=100 * time + at, TemporalPositionIdentifier=1 + time + 3 * at)
        for at in range(4)
        for time in range(3)
    ]
    series = series_of(*images)
    assert shown(series) == [
        ({"TemporalPositionIdentifier rank": time}, [100 * time + at for at in range(4)]) for time in range(3)
    ]
    assert all(kinds(volume) == {"split"} for volume in series.volumes)


@pytest.mark.parametrize("odd", [{3}, {7}, {0, 1, 2, 3}, {0, 2, 4, 6}], ids=str)
@pytest.mark.parametrize(
    ("name", "values"), [("ImageType", [["ORIGINAL"], ["DERIVED"]]), ("KVP", [None, 120])], ids=str
)
def test_volumes_that_would_make_one_are_told(name: str, values: list[Any], odd: set[int]) -> None:
    images = [mr(2.0 * at, EchoTime=echo) for at in range(8) for echo in (1, 2)]
    for number, ds in enumerate(images):
        setattr(ds, name, values[number // 2 in odd])
    series = series_of(*images)
    assert sorted(len(volume) for volume in series.volumes) == sorted([len(odd), 8 - len(odd)] * 2)
    assert kinds(series) == {"split"}
    assert name in series.problems[0].text
    with pytest.raises(hu.VolumeError, match="would make one even stack"):
        hu.load_series([written(each) for each in images], strict=True)


def test_volumes_of_one_slice_each_are_told() -> None:
    images = [mr(at, StackID=str(at)) for at in (1.0, 3.0, 9.0, 13.0, 14.0)]
    series = series_of(*images)
    assert len(series.volumes) == 5
    assert kinds(series) == {"split"}


# Acquisitions


def test_step_and_shoot_is_one_stack() -> None:
    """Each four slices are an acquisition of their own."""
    images = [one(2.0 * at, AcquisitionNumber=at // 4) for at in range(12)]
    (volume,) = series_of(*images).volumes
    assert len(volume) == 12
    assert kinds(volume) == {"acquisitions"}


def test_acquisitions_of_one_slice_each_are_not_cut_at_gaps() -> None:
    images = [one(at, AcquisitionNumber=number) for number, at in enumerate((0, 2, 4, 6, 8, 12, 16, 20))]
    (volume,) = series_of(*images).volumes
    assert len(volume) == 8
    assert kinds(volume) == {"gap", "acquisitions"}


def test_acquisitions_of_two_regions_are_apart() -> None:
    head = [one(2.0 * at, AcquisitionNumber=1 + at // 3) for at in range(6)]
    chest = [one(2.0 * at + 100, AcquisitionNumber=5) for at in range(4)]
    series = series_of(*head, *chest)
    assert sorted(len(volume) for volume in series.volumes) == [4, 6]
    assert all("gap" not in kinds(volume) for volume in series.volumes)


def test_acquisitions_with_spacings_of_their_own_are_apart() -> None:
    thin = [one(1.0 * at, AcquisitionNumber=1) for at in range(6)]
    thick = [one(6.0 + 1.4 * at, AcquisitionNumber=2) for at in range(6)]
    spacings = [volume.spacing[0] for volume in series_of(*thin, *thick).volumes]
    assert sorted(spacings) == pytest.approx([1, 1.4])


def test_a_gap_within_an_acquisition_is_a_gap() -> None:
    images = [one(2.0 * at, AcquisitionNumber=1 + (at > 7)) for at in (0, 1, 2, 5, 6, 7, 8, 9)]
    (volume,) = series_of(*images).volumes
    assert kinds(volume) == {"gap", "acquisitions"}


@pytest.mark.parametrize("name", ["AcquisitionNumber", "AcquisitionTime"])
def test_stations_that_overlap_are_apart(name: str) -> None:
    values = [1, 2, 3] if name[-1] == "r" else ["100100", "100200", "100300"]
    images = [
        mr(2.0 * (4 * station + at), value=100 * station + at, **{name: values[station]})
        for station in range(3)
        for at in range(6)
    ]
    series = series_of(*images)
    assert [labels for labels, _ in shown(series)] == [{name: value} for value in values]
    assert [found for _, found in shown(series)] == [[100 * n + at for at in range(6)] for n in range(3)]
    assert not series.warnings
    assert not series.left_out


@pytest.mark.parametrize("moved", [0.3, 0.9, 1.0])
def test_time_points_between_each_other_are_apart(moved: float) -> None:
    """As where the stack follows a head that moves; by half a slice, they would make one even stack."""
    images = [
        mr(2.0 * at + moved * time, value=100 * time + at, AcquisitionTime=f"10100{time}")
        for at in range(5)
        for time in range(2)
    ]
    series = series_of(*images)
    assert shown(series) == [
        ({"AcquisitionTime": f"10100{time}"}, [100 * time + at for at in range(5)]) for time in range(2)
    ]
    assert not series.warnings


@pytest.mark.parametrize("moved", [0.3, 1.0])
def test_images_of_several_frames_between_each_other_are_apart(moved: float) -> None:
    images = [enhanced([{"at": 2.0 * at + start} for at in range(4)]) for start in (0.0, moved)]
    series = series_of(*images)
    assert {volume.labels["SOPInstanceUID of frames"] for volume in series.volumes} == {
        ds.SOPInstanceUID for ds in images
    }
    assert [found for _, found in shown(series)] == [[0, 1, 2, 3]] * 2
    assert not series.warnings


@pytest.mark.parametrize("places", [[0, 2, 4, 6], [2, 4], [4, 6, 8, 10], [0, 2, 4, 6, 8]], ids=str)
def test_images_of_several_frames_at_places_of_each_other_are_apart(places: list[float]) -> None:
    images = [enhanced([{"at": float(at)} for at in each]) for each in ([0, 2, 4, 6], places)]
    series = series_of(*images)
    assert not series.left_out
    assert {volume.labels["SOPInstanceUID of frames"]: len(volume) for volume in series.volumes} == {
        images[0].SOPInstanceUID: 4,
        images[1].SOPInstanceUID: len(places),
    }


def test_every_second_slice_first_is_one_stack() -> None:
    """Nothing is between slices that are as far apart as they say."""
    images = [mr(1.5 * at, AcquisitionTime=f"10100{at % 2}") for at in range(10)]
    (volume,) = series_of(*images).volumes
    assert len(volume) == 10
    assert not volume.problems
    for ds in images:
        del ds.SliceThickness
    assert [len(volume) for volume in series_of(*images).volumes] == [10]


@given(st.permutations(range(12)))
def test_grouping_does_not_depend_on_the_order_of_files(order: list[int]) -> None:
    images = grid("EchoTime", [1.0, 2.0, 3.0, 4.0])
    expected = [({"EchoTime": 1.0 + n}, [100.0 * n + at for at in range(3)]) for n in range(4)]
    found = shown(series_of(*(images[at] for at in order)))
    assert sorted(found, key=lambda each: each[1]) == expected
