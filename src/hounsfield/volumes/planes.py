"""Images as planes in the patient: the frames of data sets, and what tells them apart (PS3.3 C.7.6.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hounsfield.elements.columns import columns
from hounsfield.elements.dictionary import TAGS, keyword
from hounsfield.elements.sequence import Sequence
from hounsfield.errors import ElementError, PixelDataError, UnsupportedError
from hounsfield.pixels.layout import layout_of
from hounsfield.pixels.plan import PIXEL_KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from hounsfield.facade import Dataset

__all__ = ["APART", "IF_NEEDED", "Plane", "UnusableError", "planes_of"]

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
INDEX_VALUES = Field("DimensionIndexValues", ("FrameContentSequence.DimensionIndexValues",))

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
    Field("StackID", ("FrameContentSequence.StackID",)),
    Field("SegmentNumber", ("SegmentIdentificationSequence.ReferencedSegmentNumber",)),
    Field("EchoNumbers"),
    Field("EchoTime", ("MREchoSequence.EffectiveEchoTime",)),
    Field("TemporalPositionIdentifier", ("FrameContentSequence.TemporalPositionIndex",)),
    Field("DiffusionBValue", ("MRDiffusionSequence.DiffusionBValue",)),
)
"""What images of one volume have in common, whatever their places are."""

IF_NEEDED = (
    Field("TriggerTime", ("CardiacSynchronizationSequence.NominalCardiacTriggerDelayTime",)),
    Field("TemporalPositionTimeOffset", ("TemporalPositionSequence.TemporalPositionTimeOffset",)),
    Field("InversionTime", ("MRModifierSequence.InversionTimes",)),
    Field("FlipAngle", ("MRTimingAndRelatedParametersSequence.FlipAngle",)),
    Field("RepetitionTime", ("MRTimingAndRelatedParametersSequence.RepetitionTime",)),
    Field("DiffusionGradientOrientation"),
    Field("KVP", ("CTXRayDetailsSequence.KVP",)),
    Field("ConvolutionKernel", ("CTReconstructionSequence.ConvolutionKernel",)),
    Field("FrameReferenceTime", ("FrameContentSequence.FrameReferenceDateTime",)),
    Field("AcquisitionNumber", ("FrameContentSequence.FrameAcquisitionNumber",)),
    Field("AcquisitionTime", ("FrameContentSequence.FrameAcquisitionDateTime",)),
    Field("ContentTime"),
)
"""What images of one volume may differ in, unless they are at the same place; the first that does, tells."""

FIELDS = POSITION, ORIENTATION, SPACING, THICKNESS, BETWEEN, INDEX_VALUES, *APART, *IF_NEEDED

PLACES = frozenset(("ImagePositionPatient", "InStackPositionNumber", "StackID", "ReferencedSegmentNumber"))
"""Dimensions of a multi-frame image that are its geometry, or looked at anyway."""

NEAREST, FARTHEST = 1e-9, 1e9
"""What distances in mm can be; others are nonsense."""

WITHIN = 0.01
"""How far directions may be from unit vectors, and from a right angle: what is written may be rounded."""


@dataclass(slots=True, eq=False)
class Plane:
    """A frame, where it is, and what tells it from others at the same place.

    Attributes
    ----------
    ds : Dataset
    frame : int
        Which of its frames.
    name : str
        Of the file.
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
    thickness : float or None
        Between slices, or of one, as the file has it.
    traits : dict
        Values by the names of `APART`, `IF_NEEDED` and the file's own dimensions.
    order : tuple
        What sorts planes that have no geometry: Instance Number, frame, SOP Instance UID, name.
    """

    ds: Dataset
    frame: int
    name: str
    size: tuple[int, int]
    position: Vector = ()
    axes: Vector = ()
    spacing: Vector = ()
    missing: str = ""
    thickness: float | None = None
    traits: dict[str, Hashable] = field(default_factory=dict)
    order: tuple[Any, ...] = ()


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
    size = layout.rows, layout.columns
    count = 1
    per_frame = ds.get("PerFrameFunctionalGroupsSequence")
    grouped = bool(per_frame or ds.get("SharedFunctionalGroupsSequence"))
    if grouped or layout.frames > 1:
        count = ds.pixel_plan().frames
    if per_frame and len(per_frame) != count:
        raise PixelDataError(f"functional groups of {len(per_frame)} frames, and {count} frames", file=name)
    values = _values(ds, count) if grouped else [[_plain(ds, each.name)] * count for each in FIELDS]
    by_name = dict(zip((each.name for each in FIELDS), values, strict=True))
    dimensions = _dimensions(ds, by_name.pop("DimensionIndexValues"))
    positions = by_name.pop("ImagePositionPatient")
    geometry = (by_name.pop("ImageOrientationPatient"), by_name.pop("PixelSpacing"))
    thicknesses = [
        _positive(between) or _positive(thick)
        for between, thick in zip(
            by_name.pop("SpacingBetweenSlices"), by_name.pop("SliceThickness"), strict=True
        )
    ]
    if count > 1 and not grouped:
        positions = _stacked(ds, positions[0], geometry[0][0], count)
    by_name |= dimensions
    number = _plain(ds, "InstanceNumber")
    known: dict[Any, tuple[Vector, Vector, str]] = {}
    planes = []
    for frame in range(count):
        plane = Plane(ds, frame, name, size)
        facing = geometry[0][frame], geometry[1][frame]
        if facing not in known:
            known[facing] = _facing(*facing)
        plane.axes, plane.spacing, plane.missing = known[facing]
        plane.position = _numbers(positions[frame], 3)
        if not plane.position:
            plane.missing = plane.missing or "no Image Position (Patient)"
        plane.thickness = thicknesses[frame]
        plane.traits = {key: column[frame] for key, column in by_name.items()}
        plane.order = (
            number if isinstance(number, int) else math.inf,
            frame,
            str(ds.get("SOPInstanceUID") or ""),
            name,
        )
        planes.append(plane)
    return planes


def _check_is_image(ds: Dataset) -> None:
    if not any(each in ds for each in PIXEL_KEYWORDS):
        raise UnusableError("no pixel data")
    if (ds.get("SamplesPerPixel") or 1) != 1:
        raise UnusableError("colour")
    if ds.get("PhotometricInterpretation") == "PALETTE COLOR":
        raise UnusableError("colour, by a palette")
    if "TotalPixelMatrixColumns" in ds:
        raise UnusableError("tiles of a whole-slide image: read_region() reads them")
    syntax = ds._root._syntax
    if syntax is not None and syntax.encapsulated is None:
        raise UnsupportedError(f"the transfer syntax {syntax.uid!r} is unknown")


def _plain(ds: Dataset, name: str) -> Hashable:
    """A value that can be compared with others, or None."""
    try:
        value = ds.get(name)
    except ElementError:
        return None
    return _comparable(value)


def _comparable(value: Any) -> Hashable:
    if isinstance(value, tuple):
        return tuple(_comparable(each) for each in value)
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _values(ds: Dataset, count: int) -> list[list[Hashable]]:
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
    values = []
    at = 0
    for each in FIELDS:
        which = range(at, at := at + len(each.groups))
        first = [shared[path][0] for path in which] if shared else []
        common = next((value for value in first if value is not None), None)
        column = [_plain(ds, each.name) if common is None else _comparable(common)] * count
        for path in reversed(which) if per_frame else ():
            column = [
                before if own is None else _comparable(own)
                for before, own in zip(column, per_frame[path], strict=True)
            ]
        values.append(column)
    return values


def _dimensions(ds: Dataset, values: list[Hashable]) -> dict[str, list[Hashable]]:
    """Columns of the dimensions that the image says it has, other than its geometry (PS3.3 C.7.6.17)."""
    items: Iterable[Any] = ds.get("DimensionIndexSequence") or ()
    found: dict[str, list[Hashable]] = {}
    for at, item in enumerate(items):
        pointer = _plain(item, "DimensionIndexPointer")
        name = keyword(pointer) if isinstance(pointer, int) else ""
        if name in PLACES:
            continue
        found[f"{name or 'dimension'} index"] = [
            row[at] if isinstance(row, tuple) and at < len(row) else None for row in values
        ]
    return found


def _stacked(ds: Dataset, first: Hashable, axes: Hashable, count: int) -> list[Hashable]:
    """Positions of frames that stand on each other without functional groups.

    Those of a dose have a Grid Frame Offset Vector (PS3.3 C.8.8.3.2).
    """
    offsets = _numbers(_plain(ds, "GridFrameOffsetVector"), count)
    position, along = _numbers(first, 3), _numbers(axes, 6)
    if not offsets or not position or not along:
        return [None] * count
    normal = cross(along[:3], along[3:])
    if offsets[0]:  # they are coordinates: the standard has this for planes that are not oblique
        offsets = tuple((offset - offsets[0]) * math.copysign(1.0, normal[2]) for offset in offsets)
    return [
        tuple(start + offset * step for start, step in zip(position, normal, strict=True))
        for offset in offsets
    ]


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


def cross(one: Vector, other: Vector) -> Vector:
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
