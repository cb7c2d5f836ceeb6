"""Series made by pydicom: every voxel tells where it is, so that no order or affine can be wrong unseen."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RTDoseStorage,
    generate_uid,
)

import hounsfield as hu

AXIAL = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0
CORONAL = 1.0, 0.0, 0.0, 0.0, 0.0, -1.0
SAGITTAL = 0.0, 1.0, 0.0, 0.0, 0.0, -1.0
OBLIQUE = 0.8, 0.6, 0.0, -0.36, 0.48, -0.8

SERIES_UID = generate_uid(entropy_srcs=["series"])
FRAME_OF_REFERENCE = generate_uid(entropy_srcs=["frame of reference"])


def normal(orientation: Iterable[float]) -> np.ndarray:
    axes = np.array(tuple(orientation))
    return np.cross(axes[:3], axes[3:])


def written(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    buffer = io.BytesIO()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def image(rows: int = 4, columns: int = 5) -> Dataset:
    ds = Dataset()
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = "1.2.3"
    ds.SeriesInstanceUID = SERIES_UID
    ds.SeriesDescription = "made"
    ds.SeriesNumber = 7
    ds.FrameOfReferenceUID = FRAME_OF_REFERENCE
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    return ds


def one(
    at: float = 0.0,
    *,
    orientation: tuple[float, ...] = AXIAL,
    shear: tuple[float, float, float] = (0.0, 0.0, 0.0),
    spacing: tuple[float, float] = (0.5, 0.25),
    value: int | None = None,
    size: tuple[int, int] = (4, 5),
    **elements: Any,
) -> Dataset:
    """One image, so many mm along the normal; its first sample is `value`, the others count up from it."""
    ds = image(*size)
    ds.SOPClassUID = CTImageStorage
    ds.Modality = "CT"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    position = np.array((-10.0, 20.0, 5.0)) + at * (normal(orientation) + np.array(shear))
    ds.ImagePositionPatient = [f"{each:.8g}" for each in position]
    ds.ImageOrientationPatient = [f"{each:.8g}" for each in orientation]
    ds.PixelSpacing = list(spacing)
    ds.SliceThickness = 1.5
    first = round(at * 100) if value is None else value
    samples = first + np.arange(size[0] * size[1], dtype="<i2")
    ds.PixelData = samples.astype("<i2").tobytes()
    for keyword, each in elements.items():
        if each is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, each)
    return ds


def mr(at: float, **elements: Any) -> Dataset:
    return one(at, SOPClassUID=MRImageStorage, Modality="MR", **elements)


def enhanced(frames: Iterable[dict[str, Any]], **elements: Any) -> Dataset:
    """An Enhanced MR image; each frame's samples are all its number.

    Of a frame: at, stack, echo, time, b, index, slope, intercept.
    """
    described = list(frames)
    ds = image()
    ds.SOPClassUID = EnhancedMRImageStorage
    ds.Modality = "MR"
    ds.NumberOfFrames = len(described)
    shared, ds.PerFrameFunctionalGroupsSequence = Dataset(), Sequence()
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.25], 2.0
    shared.PixelMeasuresSequence = [measures]
    plane = Dataset()
    plane.ImageOrientationPatient = list(AXIAL)
    shared.PlaneOrientationSequence = [plane]
    ds.SharedFunctionalGroupsSequence = [shared]
    for frame in described:
        groups = Dataset()
        place = Dataset()
        place.ImagePositionPatient = [-10.0, 20.0, 5.0 + frame["at"]]
        groups.PlanePositionSequence = [place]
        content = Dataset()
        if "stack" in frame:
            content.StackID = frame["stack"]
        if "time" in frame:
            content.TemporalPositionIndex = frame["time"]
        if "index" in frame:
            content.DimensionIndexValues = frame["index"]
        groups.FrameContentSequence = [content]
        if "echo" in frame:
            echo = Dataset()
            echo.EffectiveEchoTime = frame["echo"]
            groups.MREchoSequence = [echo]
        if "b" in frame:
            diffusion = Dataset()
            diffusion.DiffusionBValue = frame["b"]
            groups.MRDiffusionSequence = [diffusion]
        if "slope" in frame:
            values = Dataset()
            values.RescaleSlope, values.RescaleIntercept = frame["slope"], frame["intercept"]
            values.RescaleType = "US"
            groups.PixelValueTransformationSequence = [values]
        ds.PerFrameFunctionalGroupsSequence.append(groups)
    samples = np.repeat(np.arange(len(described), dtype="<i2"), ds.Rows * ds.Columns)
    ds.PixelData = samples.tobytes()
    for keyword, each in elements.items():
        setattr(ds, keyword, each)
    return ds


def dose(offsets: Iterable[float], **elements: Any) -> Dataset:
    """A dose grid; each plane's samples count up from 1000 times its number."""
    ds = image()
    ds.SOPClassUID = RTDoseStorage
    ds.Modality = "RTDOSE"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-10.0, 20.0, 5.0], list(AXIAL)
    ds.PixelSpacing, ds.SliceThickness = [2.5, 2.0], None
    ds.GridFrameOffsetVector = planes = list(offsets)
    ds.FrameIncrementPointer = Tag(0x3004, 0x000C)
    ds.NumberOfFrames = count = len(planes)
    ds.DoseGridScaling, ds.DoseUnits = "0.001", "GY"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 32, 32, 31, 0
    samples = 1000 * np.repeat(np.arange(count), 20) + np.tile(np.arange(20), count)
    ds.PixelData = samples.astype("<u4").tobytes()
    for keyword, each in elements.items():
        setattr(ds, keyword, each)
    return ds


CSA_VR = {"AcquisitionMatrixText": b"SH", "NumberOfImagesInMosaic": b"US"}


def csa(version: int = 2, **texts: list[str]) -> bytes:
    """A header of Siemens' own, as `nibabel.nicom.csareader` describes both versions."""
    parts = [b"SV10\4\3\2\1" if version == 2 else b"", struct.pack("<2I", len(texts), 77)]
    first = len(next(iter(texts.values())))
    for name, items in texts.items():
        vr = CSA_VR.get(name, b"FD")
        parts.append(struct.pack("<64si4siii", name.encode(), len(items), vr, 4, len(items), 77))
        for item in items:
            data = item.encode() + b"\0"
            length = len(data) if version == 2 else len(data) + first
            parts.append(struct.pack("<4i", length, len(data), 77, length))
            parts.append(data.ljust(-(-len(data) // 4) * 4, b"\0"))
    return b"".join(parts)


def mosaic(
    count: int,
    *,
    orientation: tuple[float, ...] = AXIAL,
    corner: tuple[float, float, float] = (-10.0, 20.0, 5.0),
    spacing: tuple[float, float] = (0.5, 0.25),
    between: float | None = 3.0,
    forward: bool = True,
    size: tuple[int, int] = (4, 5),
    value: int = 0,
    header: dict[str, list[str]] | None = None,
    version: int = 2,
    **elements: Any,
) -> Dataset:
    """All slices as tiles of one image; `corner` is the first one's.

    Each tile's samples count up from 100 times its number, and `value` is added.
    """
    across = math.ceil(math.sqrt(count))
    rows, columns = size
    samples = np.zeros((across * rows, across * columns), "<i2")
    for tile in range(count):
        row, column = tile // across * rows, tile % across * columns
        samples[row : row + rows, column : column + columns] = (
            value + 100 * tile + np.arange(rows * columns).reshape(size)
        )
    axes = np.array(orientation).reshape(2, 3)
    middle = np.array((columns * spacing[1], rows * spacing[0])) * (across - 1) / 2
    ds = mr(0.0, size=samples.shape, orientation=orientation, spacing=spacing)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    ds.ImagePositionPatient = [f"{each:.8g}" for each in np.array(corner) - middle @ axes]
    ds.SpacingBetweenSlices = between
    ds.Manufacturer = "SIEMENS"
    ds.PixelData = samples.tobytes()
    direction = normal(orientation) * (1 if forward else -1)
    if header is None:
        header = {
            "EchoLinePosition": ["32"],
            "AcquisitionMatrixText": ["64*64"],
            "NumberOfImagesInMosaic": [str(count)],
            "SliceNormalVector": [f"{each:.8f}" for each in direction],
        }
    if header:
        block = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", csa(version, **header))
    for keyword, each in elements.items():
        setattr(ds, keyword, each)
    return ds


def series_of(*images: Dataset) -> Any:
    """The one series that these are, loaded."""
    (series,) = hu.load_series([written(each) for each in images])
    return series


def shown(series: Any) -> list[tuple[dict[str, Any], list[int]]]:
    """Of each volume its labels, and the first sample of each slice."""
    return [(volume.labels, volume.array[:, 0, 0].tolist()) for volume in series.volumes]


def kinds(thing: Any) -> set[str]:
    """Of the problems of a volume or a series."""
    return {problem.kind for problem in thing.problems}
