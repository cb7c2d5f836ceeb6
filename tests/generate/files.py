"""Pictures, and files of them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info

from generate.registry import UnavailableError

EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
JPEG = "1.2.840.10008.1.2.4"
JPEG_LS = f"{JPEG}.80"


def picture(
    bits: int = 8,
    samples: int = 1,
    frames: int = 1,
    *,
    rows: int = 29,
    columns: int = 37,
    signed: bool = False,
) -> np.ndarray:
    """Waves with noise on them and flat parts, over the full range: (frames, rows, columns, samples)."""
    random = np.random.default_rng(bits * 64 + samples * 8 + frames)
    y, x = np.mgrid[0:rows, 0:columns]
    waves = np.empty((frames, rows, columns, samples))
    for frame in range(frames):
        for sample in range(samples):
            waves[frame, :, :, sample] = np.sin(y / (5 + sample) + frame) * np.cos(x / (7 - sample) - frame)
    waves += random.normal(0, 0.01, waves.shape)
    waves[:, : rows // 4, : columns // 3] = -1
    waves[:, -(rows // 5) :, -(columns // 4) :] = 1
    span = (1 << bits) - 1
    values = np.clip(np.rint((waves + 1) / 2 * span), 0, span).astype(np.int64)
    values -= (1 << bits - 1) if signed else 0
    itemsize = next(size for size in (1, 2, 4) if size * 8 >= bits)
    return values.astype(f"{'i' if signed else 'u'}{itemsize}")


def smooth(samples: int = 3, frames: int = 1, *, rows: int = 32, columns: int = 40) -> np.ndarray:
    """A picture for lossy encoders: slow waves of 8 bits."""
    y, x = np.mgrid[0:rows, 0:columns]
    shift = np.arange(frames)[:, None, None, None]
    phase = np.arange(samples)
    return np.rint(128 + 80 * np.sin((y + x)[:, :, None] / 17 + phase + shift)).astype(np.uint8)


def dataset(
    array: np.ndarray, syntax: str = EXPLICIT, pixels: bytes | None = None, **attributes: Any
) -> Dataset:
    """A data set of pydicom's.

    Parameters
    ----------
    array : ndarray of shape (frames, rows, columns, samples)
    pixels : bytes
        Value of Pixel Data, encapsulated if the syntax is; by default the array's bytes.
    attributes
        Other values than those that go with the array; None for an element that is to be missing.
    """
    frames, rows, columns, samples = array.shape
    bits = array.dtype.itemsize * 8
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = "1.2.826.0.1.3680043.10.1"
    ds.StudyInstanceUID = ds.SeriesInstanceUID = "1.2.826.0.1.3680043.10.2"
    ds.SamplesPerPixel = samples
    ds.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples > 1:
        ds.PlanarConfiguration = 0
    if frames > 1:
        ds.NumberOfFrames = frames
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated = bits
    ds.BitsStored = stored = attributes.pop("BitsStored", bits)
    ds.HighBit = stored - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    if array.dtype.kind != "f":
        if pixels is None:
            pixels = array.astype(array.dtype.newbyteorder("<")).tobytes()
        encapsulated = syntax != EXPLICIT
        ds.add_new("PixelData", "OB" if encapsulated or bits == 8 else "OW", pixels + bytes(len(pixels) % 2))
        ds["PixelData"].is_undefined_length = encapsulated
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = syntax
    return ds


def written(ds: Dataset) -> bytes:
    """The file."""
    out = DicomBytesIO(b"")
    out.is_little_endian, out.is_implicit_VR = True, False
    out.write(bytes(128) + b"DICM")
    write_file_meta_info(out, ds.file_meta)  # dcmwrite refuses syntaxes that pydicom does not know
    write_dataset(out, ds)
    return out.getvalue()


def file(*arguments: Any, **attributes: Any) -> bytes:
    """A file of such a data set."""
    return written(dataset(*arguments, **attributes))


def shaped(array: np.ndarray) -> np.ndarray:
    """(frames, rows, columns, samples), without frames or samples where there is one."""
    drop = tuple(axis for axis in (0, 3) if array.shape[axis] == 1)
    return array.squeeze(drop)


def each_frame(array: np.ndarray, encode: Callable[[np.ndarray], bytes]) -> list[bytes]:
    """Encode every frame, which is given without an axis for a single sample."""
    return [bytes(encode(frame[:, :, 0] if frame.shape[2] == 1 else frame)) for frame in array]


def encapsulated(
    array: np.ndarray, syntax: str, encode: Callable[[np.ndarray], bytes], **attributes: Any
) -> bytes:
    """A file with a fragment a frame, and a right offset table."""
    return file(array, syntax, encapsulate(each_frame(array, encode)), **attributes)


def dcmtk(tool: str, options: Sequence[str], data: bytes) -> bytes:
    """Run one of DCMTK's encoders on a file."""
    if not shutil.which(tool):
        raise UnavailableError(f"DCMTK's {tool} is not installed: apt-get install dcmtk")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.dcm"), Path(folder, "out.dcm")
        source.write_bytes(data)
        subprocess.run([tool, *options, source, target], check=True, capture_output=True, timeout=60)
        return target.read_bytes()


def item(octets: bytes) -> bytes:
    octets += bytes(len(octets) % 2)
    return b"\xfe\xff\x00\xe0" + len(octets).to_bytes(4, "little") + octets


def items(table: Sequence[int], fragments: Sequence[bytes]) -> bytes:
    """Pixel Data of a Basic Offset Table, right or wrong, and fragments."""
    return b"".join(map(item, (np.array(table, "<u4").tobytes(), *fragments)))


def offsets(frames: Sequence[Sequence[bytes]]) -> list[int]:
    """Where the first fragment of each frame begins, from the end of the table (PS3.5 A.4)."""
    lengths = [sum(len(item(fragment)) for fragment in frame) for frame in frames]
    return [sum(lengths[:number]) for number in range(len(frames))]


def cut(frame: bytes, count: int) -> list[bytes]:
    """As many pieces, each of even length but the last."""
    step = len(frame) // count // 2 * 2
    return [frame[n * step : (n + 1) * step if n < count - 1 else None] for n in range(count)]
