"""Images as planes in the patient: the frames of data sets, and what tells them apart (PS3.3 C.7.6.2)."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hounsfield.elements.columns import columns
from hounsfield.elements.dictionary import TAGS, keyword
from hounsfield.elements.sequence import Sequence
from hounsfield.errors import DicomError, LimitError, PixelDataError, UnsupportedError
from hounsfield.pixels.decode import Decoder
from hounsfield.pixels.layout import has_pixels, layout_of
from hounsfield.volumes.mosaics import is_grid, is_mosaic, private_value, tiling_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from hounsfield.elements import dataset as elements
    from hounsfield.facade import Dataset
    from hounsfield.pixels.layout import Layout

__all__ = [
    "APART",
    "FRAMES",
    "IF_NEEDED",
    "MEANING",
    "MEASURED",
    "OBJECT",
    "RT_DOSE",
    "Plane",
    "Tile",
    "UnusableError",
    "plain",
    "planes_of",
]

Vector = tuple[float, ...]


class UnusableError(Exception):
    """A data set has nothing that could be in a volume, and this is why."""


class Field(NamedTuple):
    """An attribute of a frame: in one of these functional groups, or in the data set itself."""

    name: str
    groups: tuple[str, ...] = ()  # "sequence.element"


POSITION = Field("ImagePositionPatient", ("PlanePositionSequence.ImagePositionPatient",))
ORIENTATION = Field("ImageOrientationPatient", ("PlaneOrientationSequence.ImageOrientationPatient",))
SPACING = Field("PixelSpacing", ("PixelMeasuresSequence.PixelSpacing",))
THICKNESS = Field("SliceThickness", ("PixelMeasuresSequence.SliceThickness",))
BETWEEN = Field("SpacingBetweenSlices", ("PixelMeasuresSequence.SpacingBetweenSlices",))
SLOPE = Field("RescaleSlope", ("PixelValueTransformationSequence.RescaleSlope",))
INTERCEPT = Field("RescaleIntercept", ("PixelValueTransformationSequence.RescaleIntercept",))
MEANING = (
    Field("PhotometricInterpretation"),
    Field("RescaleType", ("PixelValueTransformationSequence.RescaleType",)),
    Field("Units"),
)
"""What values of one volume have in common, if they can be compared."""

TIME = Field("TemporalPositionIdentifier", ("FrameContentSequence.TemporalPositionIndex",))
INDEX_VALUES = Field("DimensionIndexValues", ("FrameContentSequence.DimensionIndexValues",))

COMPONENT = Field("ComplexImageComponent", ("MRImageFrameTypeSequence.ComplexImageComponent",))
B_VALUE = Field("DiffusionBValue", ("MRDiffusionSequence.DiffusionBValue",))
GRADIENT = Field("DiffusionGradientOrientation")  # of a sequence in a functional group

APART = (
    Field("SOPClassUID"),
    Field("FrameOfReferenceUID"),
    Field(
        "ImageType",
        (
            "MRImageFrameTypeSequence.FrameType",
            "CTImageFrameTypeSequence.FrameType",
            "PETFrameTypeSequence.FrameType",
            "XRay3DFrameTypeSequence.FrameType",
            "ParametricMapFrameTypeSequence.FrameType",
        ),
    ),
    COMPONENT,
    Field("StackID", ("FrameContentSequence.StackID",)),
    Field("SegmentNumber", ("SegmentIdentificationSequence.ReferencedSegmentNumber",)),
    Field("EchoNumbers"),
    Field("EchoTime", ("MREchoSequence.EffectiveEchoTime",)),
    TIME,
    B_VALUE,
    Field("KVP", ("CTXRayDetailsSequence.KVP",)),
    Field("ConvolutionKernel", ("CTReconstructionSequence.ConvolutionKernel",)),
)
"""What images of one volume have in common, whatever their places are."""

IF_NEEDED = (
    Field("TriggerTime", ("CardiacSynchronizationSequence.NominalCardiacTriggerDelayTime",)),
    Field(
        "NominalPercentageOfCardiacPhase",
        ("CardiacSynchronizationSequence.NominalPercentageOfCardiacPhase",),
    ),
    Field("TemporalPositionTimeOffset", ("TemporalPositionSequence.TemporalPositionTimeOffset",)),
    Field("InversionTime", ("MRModifierSequence.InversionTimes",)),
    Field("FlipAngle", ("MRTimingAndRelatedParametersSequence.FlipAngle",)),
    Field("RepetitionTime", ("MRTimingAndRelatedParametersSequence.RepetitionTime",)),
    Field(
        "NominalPercentageOfRespiratoryPhase",
        ("RespiratorySynchronizationSequence.NominalPercentageOfRespiratoryPhase",),
    ),
    Field(
        "NominalRespiratoryTriggerDelayTime",
        ("RespiratorySynchronizationSequence.NominalRespiratoryTriggerDelayTime",),
    ),
    Field("ContrastBolusAgentPhase", ("ContrastBolusUsageSequence.ContrastBolusAgentPhase",)),
    Field("ASLContext", ("MRArterialSpinLabelingSequence.ASLContext",)),
    Field("VelocityEncodingDirection", ("MRVelocityEncodingSequence.VelocityEncodingDirection",)),
    Field("DiffusionDirectionality", ("MRDiffusionSequence.DiffusionDirectionality",)),
    GRADIENT,
    THICKNESS,
    Field("FrameReferenceTime", ("FrameContentSequence.FrameReferenceDateTime",)),
    Field("AcquisitionNumber", ("FrameContentSequence.FrameAcquisitionNumber",)),
    Field("AcquisitionTime", ("FrameContentSequence.FrameAcquisitionDateTime",)),
    Field("ContentTime"),
)
"""What images of one volume may differ in, unless they are at the same place; the first that does, tells."""

MEASURED = (
    "EchoTime",
    "DiffusionBValue",
    "KVP",
    "InversionTime",
    "FlipAngle",
    "RepetitionTime",
    "SliceThickness",
)
"""Of these, what may be rounded in one image and not in another."""

OBJECT = "SOPInstanceUID"
"""Of images whose frames are all there is of a volume, or of several."""

FRAMES = "SOPInstanceUID of frames"
"""Of other images with several frames, which may have a volume in common."""

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
WHOLE = frozenset(
    (
        LABEL_MAP,
        RT_DOSE,
        "1.2.840.10008.5.1.4.1.1.20",  # nuclear medicine
        "1.2.840.10008.5.1.4.1.1.30",  # parametric map
        "1.2.840.10008.5.1.4.1.1.66.4",  # segmentation
    )
)

OF_SLICE = POSITION, ORIENTATION, SPACING, BETWEEN, SLOPE, INTERCEPT
FIELDS = *OF_SLICE, *MEANING, INDEX_VALUES, *APART, *IF_NEEDED

VECTORS = "EnergyWindowVector", "RRIntervalVector", "TimeSlotVector", "PhaseVector"
"""What frames of nuclear medicine differ in (PS3.3 C.8.4.8)."""

PLACES = frozenset(("ImagePositionPatient", "InStackPositionNumber", "StackID", "ReferencedSegmentNumber"))
"""Dimensions of a multi-frame image that are its geometry, or looked at anyway."""

NEAREST, FARTHEST = 1e-9, 1e9
"""What distances in mm can be; others are nonsense."""

FIRST_RESERVATION = 0x0010  # of a group; without it there is hardly another, and to look for all takes long


class Private(NamedTuple):
    """Where a manufacturer has one number or more of a frame, in elements of its own."""

    name: str
    maker: str
    group: int
    creator: str
    elements: tuple[int, ...]
    length: int = 1
    vr: str = ""  # if a file in implicit VR does not tell
    texts: tuple[str, ...] = ()  # what the numbers stand for, from 0


COMPONENTS = "MAGNITUDE", "PHASE", "REAL", "IMAGINARY"
PRIVATE = (
    Private(B_VALUE.name, "SIEMENS", 0x0019, "SIEMENS MR HEADER", (0x0C,)),
    Private(GRADIENT.name, "SIEMENS", 0x0019, "SIEMENS MR HEADER", (0x0E,), 3),
    Private(B_VALUE.name, "GE", 0x0043, "GEMS_PARM_01", (0x39,)),
    Private(GRADIENT.name, "GE", 0x0019, "GEMS_ACQU_01", (0xBB, 0xBC, 0xBD), 3),
    Private(COMPONENT.name, "GE", 0x0043, "GEMS_PARM_01", (0x2F,), texts=COMPONENTS),
    Private(B_VALUE.name, "PHILIPS", 0x2001, "Philips Imaging DD 001", (0x03,)),
    Private(GRADIENT.name, "PHILIPS", 0x2005, "Philips MR Imaging DD 001", (0xB0, 0xB1, 0xB2), 3),
    Private(B_VALUE.name, "UIH", 0x0065, "Image Private Header", (0x09,), 1, "FD"),
    Private(GRADIENT.name, "UIH", 0x0065, "Image Private Header", (0x37,), 3, "FD"),
)
MAKERS = tuple({each.maker for each in PRIVATE})
MARK = 1_000_000_000
"""What GE has added to some b-values."""

MOST_FRAMES = 1 << 18
MOST_DIMENSIONS = 32

WITHIN = 0.01
"""How far directions may be from unit vectors, and from a right angle: what is written may be rounded."""


class Tile(NamedTuple):
    """Which part of a mosaic a plane is.

    Attributes
    ----------
    row, column : int
        Of its first pixel.
    doubt : str
        What had to be assumed of the mosaic, or why it is not taken apart; "" if all is told.
    """

    row: int
    column: int
    doubt: str = ""


@dataclass(slots=True, eq=False)
class Plane:
    """A frame, or a tile of a mosaic, where it is, and what tells it from others at the same place.

    Attributes
    ----------
    ds : Dataset
    frame : int
        Which of its frames.
    name : str
        Of the file, as `hounsfield.finding.Origin` has it.
    size : tuple of int
        Rows, columns.
    position : tuple of float
        Centre of the first pixel, mm, LPS.
    axes : tuple of float
        Unit vectors to the next column and to the next row.
    spacing : tuple of float
        Between rows, between columns; mm.
    missing : str
        What is missing to know these three, or wrong with them; "" if nothing is.
    scale : tuple of float
        Rescale Slope and Intercept, where they are numbers that can be used.
    thickness : float or None
        Between slices, or of one, as the file has it.
    meaning : tuple
        What tells what the values are: those of `MEANING`.
    traits : dict
        Values by the names of `APART`, `IF_NEEDED` and the file's own dimensions, if it has any.
    order : tuple
        What sorts planes that have no geometry: Instance Number, frame or tile, SOP Instance UID, name.
        Frames of a concatenation are counted through (PS3.3 Section 7.5.1).
    tile : Tile or None
        Of a mosaic; None of all else.
    """

    ds: Dataset
    frame: int
    name: str
    size: tuple[int, int]
    position: Vector = ()
    axes: Vector = ()
    spacing: Vector = ()
    missing: str = ""
    scale: Vector = ()
    thickness: float | None = None
    meaning: tuple[Hashable, ...] = ()
    traits: dict[str, Hashable] = field(default_factory=dict)
    order: tuple[Any, ...] = ()
    tile: Tile | None = None


def planes_of(ds: Dataset, name: str) -> list[Plane]:
    """Give a data set's frames.

    Raises
    ------
    UnusableError
        It has none that could be in a volume.
    DicomError
        It is broken.
    """
    _check_is_image(ds)
    layout = layout_of(ds)
    count = _frames_of(ds, layout, name)
    per_frame = ds.get("PerFrameFunctionalGroupsSequence")
    if per_frame or ds.get("SharedFunctionalGroupsSequence"):
        values = _values(ds, count)
        values |= _dimensions(ds, values.pop(INDEX_VALUES.name))
        _doubt_times(values)
    else:
        values = {each.name: [plain(ds, each.name)] * count for each in FIELDS}
        if plain(ds, "Modality") == "MR":
            found = _private(ds)
            values |= {name: [value] * count for name, value in found.items() if values[name][0] is None}
        if count > 1 or "SliceVector" in ds:
            values |= _stacked(ds, values, count)
    if count > 1:
        # All parts of a concatenation have one (PS3.3 Section 7.5.1).
        image = plain(ds, "ConcatenationUID") or plain(ds, OBJECT)
        values[OBJECT if plain(ds, "SOPClassUID") in WHOLE else FRAMES] = [image] * count
    positions, orientations, spacings, betweens, slopes, intercepts = (
        values.pop(each.name) for each in OF_SLICE
    )
    thicknesses = values[THICKNESS.name]
    meanings = list(zip(*(values.pop(each.name) for each in MEANING), strict=True))
    number, uid = plain(ds, "InstanceNumber"), str(plain(ds, "SOPInstanceUID") or "")
    first = number if isinstance(number, int) else math.inf
    before = plain(ds, "ConcatenationFrameOffsetNumber")
    before = before if isinstance(before, int) else 0
    known: dict[Any, tuple[Vector, Vector, str]] = {}
    planes = []
    for frame in range(count):
        facing = orientations[frame], spacings[frame]
        if facing not in known:
            known[facing] = _facing(*facing)
        axes, spacing, missing = known[facing]
        position = _numbers(positions[frame], 3)
        planes.append(
            Plane(
                ds,
                frame,
                name,
                size=(layout.rows, layout.columns),
                position=position,
                axes=axes,
                spacing=spacing,
                missing=missing or ("" if position else "no Image Position (Patient)"),
                scale=_numbers((slopes[frame], intercepts[frame]), 2),
                thickness=_positive(betweens[frame]) or _positive(thicknesses[frame]),
                meaning=meanings[frame],
                traits={key: column[frame] for key, column in values.items() if column[frame] is not None},
                order=(first, before + frame, uid, name),
            )
        )
    if any(is_mosaic(plane.traits.get("ImageType")) for plane in planes) or is_grid(ds):
        return _tiles(planes, is_between=_positive(betweens[0]) is not None)
    return planes


def _private(ds: Dataset) -> dict[str, Hashable]:
    """Give b-value, gradient and complex component as the manufacturer has them in elements of its own."""
    maker = str(plain(ds, "Manufacturer")).upper()
    found: dict[str, Hashable] = {}
    for each in PRIVATE if maker.startswith(MAKERS) else ():
        if not maker.startswith(each.maker) or each.group << 16 | FIRST_RESERVATION not in ds:
            continue
        values: list[Hashable] = []
        for element in each.elements:
            value = private_value(ds, each.group, each.creator, element)
            if isinstance(value, bytes) and each.vr == "FD" and len(value) % 8 == 0:
                value = struct.unpack(f"<{len(value) // 8}d", value)
            values += value if isinstance(value, tuple) else [value]
        numbers = [value for value in values[: each.length] if isinstance(value, int | float)]
        if len(numbers) != each.length or not all(map(math.isfinite, numbers)):
            continue
        if each.texts:
            found[each.name] = each.texts[int(numbers[0])] if numbers[0] in range(len(each.texts)) else None
        else:
            found[each.name] = numbers[0] % MARK if each.length == 1 else tuple(map(float, numbers))
    return found


def _tiles(planes: list[Plane], *, is_between: bool) -> list[Plane]:
    """Take a mosaic apart if that can be; else each frame has no geometry, as its position is not its own."""
    first = planes[0]
    tiling = tiling_of(first.ds, *first.size) if len(planes) == 1 else "it has several frames"
    if isinstance(tiling, str):
        why = f"a mosaic of slices, which is not taken apart: {tiling}"
        return [replace(plane, missing=why, tile=Tile(0, 0, why)) for plane in planes]
    missing, doubts = first.missing, []
    start: Vector = (0.0, 0.0, 0.0)
    step: Vector = start
    if not missing and not first.thickness and tiling.slices > 1:
        missing = "a mosaic without Spacing Between Slices"
    if not missing:
        right, down = first.axes[:3], first.axes[3:]
        normal = _cross(right, down)
        length = math.hypot(*normal)
        along = sum(one * other for one, other in zip(normal, tiling.normal or (0.0,) * 3, strict=True))
        if abs(along) < length * (1 - WITHIN):
            doubts.append("which way they go is not told (SliceNormalVector): along the normal is assumed")
        elif tiling.is_reversed:
            doubts.append(
                "they were numbered in reverse (sSliceArray.ucImageNumb): SliceNormalVector is believed"
            )
        between = math.copysign(first.thickness or 1.0, along) / length
        step = tuple(between * each for each in normal)
        rows_apart, columns_apart = first.spacing
        aside = (first.size[1] - tiling.columns) / 2 * columns_apart
        below = (first.size[0] - tiling.rows) / 2 * rows_apart
        start = tuple(
            at + aside * one + below * other
            for at, one, other in zip(first.position, right, down, strict=True)
        )
    if not is_between:
        doubts.append(
            "how far apart they are is not told (Spacing Between Slices): Slice Thickness is assumed"
        )
    doubt = f"slices of a mosaic: {'; '.join(doubts)}" if doubts else ""
    return [
        replace(
            first,
            size=(tiling.rows, tiling.columns),
            position=tuple(at + number * by for at, by in zip(start, step, strict=True)),
            missing=missing,
            order=(first.order[0], number, *first.order[2:]),
            tile=Tile(*tiling.corner(number), "" if missing or tiling.slices == 1 else doubt),
        )
        for number in range(tiling.slices)
    ]


def _frames_of(ds: Dataset, layout: Layout, name: str) -> int:
    """How many frames there are, which Number of Frames need not tell."""
    per_frame = ds.get("PerFrameFunctionalGroupsSequence")
    per_frame = per_frame if isinstance(per_frame, Sequence) else ()
    if layout.frames == 1 and not per_frame and ds.transfer_syntax.is_encapsulated:
        return 1
    count = Decoder(ds).count
    if per_frame and len(per_frame) != count:
        raise PixelDataError(f"functional groups of {len(per_frame)} frames, and {count} frames", file=name)
    if count > MOST_FRAMES:
        raise LimitError(f"{count} frames are more than {MOST_FRAMES}", file=name)
    return count


def _check_is_image(ds: Dataset) -> None:
    if not has_pixels(ds):
        raise UnusableError("no pixel data")
    if (ds.get("SamplesPerPixel") or 1) != 1:
        raise UnusableError("colour")
    is_labels = plain(ds, "SOPClassUID") == LABEL_MAP  # whose palette is but a way to show them
    if ds.get("PhotometricInterpretation") == "PALETTE COLOR" and not is_labels:
        raise UnusableError("colour, by a palette")
    if "TotalPixelMatrixColumns" in ds:
        raise UnusableError("tiles of a whole-slide image: read_region() reads them")
    syntax = ds._root._syntax
    if syntax is not None and syntax.encapsulated is None:
        raise UnsupportedError(f"the transfer syntax {syntax.uid!r} is unknown")


def plain(ds: elements.Dataset, name: str) -> Hashable:
    """Give a value that can be compared with others, or None: text, a number, or a tuple of these."""
    try:
        return _comparable(ds.get(name))
    except DicomError:
        return None


def _comparable(value: Any) -> Hashable:
    if value is None:
        return None
    if isinstance(value, tuple):
        return tuple(_comparable(each) for each in value)
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _values(ds: Dataset, count: int) -> dict[str, list[Hashable]]:
    """The values of `FIELDS` in all frames: of their functional groups, the shared ones, or the data set."""
    paths = [
        (TAGS[group], TAGS[element])
        for each in FIELDS
        for group, _, element in (path.partition(".") for path in each.groups)
    ]
    per_frame, shared = (
        columns(items, paths) if isinstance(items := ds.get(name), Sequence) and items else []
        for name in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
    )
    values = {}
    at = 0
    for each in FIELDS:
        which = range(at, at := at + len(each.groups))
        first = [shared[path][0] for path in which] if shared else []
        common = next((value for value in first if value is not None), None)
        column = [plain(ds, each.name) if common is None else _comparable(common)] * count
        for path in reversed(which) if per_frame else ():
            column = [
                before if own is None else _comparable(own)
                for before, own in zip(column, per_frame[path], strict=True)
            ]
        values[each.name] = column
    if "DIRECTIONAL" in values["DiffusionDirectionality"]:
        values[GRADIENT.name] = _gradients(ds, values[GRADIENT.name])
    scale = [TAGS[SLOPE.name], TAGS[INTERCEPT.name]]
    slope, intercept = (at for at, (_, element) in enumerate(paths) if element in scale)
    for part in filter(None, (per_frame, shared)):
        if any((a is None) != (b is None) for a, b in zip(part[slope], part[intercept], strict=True)):
            values[SLOPE.name] = [None] * count  # one of them alone does not go with the other of elsewhere
    return values


def _gradients(ds: Dataset, common: list[Hashable]) -> list[Hashable]:
    """Give the direction of each frame's diffusion gradient (PS3.3 C.8.13.5.9)."""
    items = ds.get("PerFrameFunctionalGroupsSequence")
    path = f"MRDiffusionSequence.0.DiffusionGradientDirectionSequence.0.{GRADIENT.name}"
    if not isinstance(items, Sequence) or len(items) != len(common):
        return common
    return [plain(item, path) or other for (item, _), other in zip(items.each(), common, strict=True)]


def _dimensions(ds: Dataset, values: list[Hashable]) -> dict[str, list[Hashable]]:
    """Columns of the dimensions that the image says it has, other than its geometry (PS3.3 C.7.6.17)."""
    items = ds.get("DimensionIndexSequence")
    found: dict[str, list[Hashable]] = {}
    for at, item in enumerate(items[:MOST_DIMENSIONS] if isinstance(items, Sequence) else ()):
        pointer = plain(item, "DimensionIndexPointer")
        name = keyword(pointer) if isinstance(pointer, int) else ""
        if name not in PLACES:
            found[f"{name or f'dimension {at}'} index"] = [
                row[at] if isinstance(row, tuple) and at < len(row) else None for row in values
            ]
    return found


def _doubt_times(values: dict[str, list[Hashable]]) -> None:
    """Let the places tell times apart where the frames say other ones than the dimension that points there.

    Each slice may have a Temporal Position Index of its own, which would make as many volumes as slices.
    """
    times, indices = values[TIME.name], values.get("TemporalPositionIndex index", [])
    count = len(set(indices))
    if count > 1 and len(set(zip(times, indices, strict=True))) > min(count, len(set(times))):
        values["TemporalPositionIndex"] = times
        values[TIME.name] = [None] * len(times)


def _stacked(ds: Dataset, values: dict[str, list[Hashable]], count: int) -> dict[str, list[Hashable]]:
    """What is known of frames without functional groups: where they are, and what their vectors say."""
    position, orientation = values[POSITION.name][0], values[ORIENTATION.name][0]
    detectors = ds.get("DetectorInformationSequence")
    if isinstance(detectors, Sequence):  # nuclear medicine has them there, of slices all the same
        found = {(plain(each, POSITION.name), plain(each, ORIENTATION.name)) for each in detectors}
        found.discard((None, None))
        if len(found) == 1:
            ((position, orientation),) = found
    start, axes = _numbers(position, 3), _numbers(orientation, 6)
    offsets = _offsets(ds, values[BETWEEN.name][0], axes, count)
    stacked: dict[str, list[Hashable]] = {
        POSITION.name: [None] * count,
        ORIENTATION.name: [orientation] * count,
    }
    if start and offsets:
        normal = _cross(axes[:3], axes[3:])
        length = math.hypot(*normal) or 1.0
        stacked[POSITION.name] = [
            tuple(first + offset * step / length for first, step in zip(start, normal, strict=True))
            for offset in offsets
        ]
    for name in VECTORS:
        vector = plain(ds, name)
        if isinstance(vector, tuple) and len(vector) == count:
            stacked[name] = list(vector)
    return stacked


def _offsets(ds: Dataset, between: Hashable, axes: Vector, count: int) -> Vector:
    """How far each frame is from the first along the normal, or nothing if that is not known.

    Doses have a Grid Frame Offset Vector (PS3.3 C.8.8.3.2), reconstructed slices of nuclear medicine a Slice
    Vector and Spacing Between Slices, which goes behind the first slice if it is positive (C.8.4.15).
    """
    if not axes:
        return ()
    if count == 1:
        return (0.0,)
    offsets = _numbers(plain(ds, "GridFrameOffsetVector"), count)
    if offsets and offsets[0]:  # they are coordinates: the standard has this for planes that are not oblique
        up = math.copysign(1.0, _cross(axes[:3], axes[3:])[2])
        return tuple((offset - offsets[0]) * up for offset in offsets)
    slices = _numbers(plain(ds, "SliceVector"), count)
    if slices and isinstance(between, int | float) and _positive(between):
        first = min(1.0, *slices)  # some count from 0
        return tuple((number - first) * between for number in slices)
    return offsets


def _facing(orientation: Hashable, spacing: Hashable) -> tuple[Vector, Vector, str]:
    """Axes and pixel spacing, or what is wrong with them."""
    axes, distances = _numbers(orientation, 6), _numbers(spacing, 2)
    if not axes:
        return (), (), "no Image Orientation (Patient)"
    if not distances:
        return (), (), "no Pixel Spacing"
    if min(distances) < NEAREST:
        return (), (), f"Pixel Spacing {distances}"
    along, down = axes[:3], axes[3:]
    lengths = math.hypot(*along), math.hypot(*down)
    right = sum(one * other for one, other in zip(along, down, strict=True))
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(right)) > WITHIN:
        return (), (), f"Image Orientation (Patient) {axes}, which are no two unit vectors at a right angle"
    unit = *(each / lengths[0] for each in along), *(each / lengths[1] for each in down)
    return unit, distances, ""


def _cross(one: Vector, other: Vector) -> Vector:
    """Give the vector at a right angle to both."""
    (a, b, c), (x, y, z) = one, other
    return b * z - c * y, c * x - a * z, a * y - b * x


def _numbers(value: Hashable, count: int) -> Vector:
    """So many numbers that can be distances, or nothing."""
    if not isinstance(value, tuple) or len(value) != count:
        return ()
    if not all(isinstance(each, int | float) and abs(each) <= FARTHEST for each in value):
        return ()
    return tuple(float(each) for each in value)


def _positive(value: Hashable) -> float | None:
    """A distance; the sign of Spacing Between Slices says something else."""
    if isinstance(value, int | float) and NEAREST <= abs(value) <= FARTHEST:
        return abs(float(value))
    return None
