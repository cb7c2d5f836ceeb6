"""The generated files are what they say, as far as decoders that are not ours can tell."""

import io

import numpy as np
import pydicom
import pytest

import generate


def test_header(generated):
    ds = pydicom.dcmread(io.BytesIO(generated.data))
    assert ds.file_meta.TransferSyntaxUID == generated.syntax
    declared = ds.get("NumberOfFrames", 1)
    frames = len(generated.expected) if generated.note == "Number of Frames is wrong" else declared
    shape = (frames, ds.Rows, ds.Columns, ds.SamplesPerPixel)
    assert generated.expected.shape == tuple(
        size for axis, size in enumerate(shape) if axis in (1, 2) or size != 1
    )
    dtype = generated.expected.dtype
    assert ("PixelData" in ds) == (dtype.kind != "f")
    assert ds.BitsAllocated in (1, 12, dtype.itemsize * 8)
    assert ds.get("PixelRepresentation", 0) == (dtype.kind == "i")


# Of RLE not several fragments a frame: pydicom takes each for a frame.
@pytest.mark.generated(
    "native-1bit", "native-planar", "native-YBR_FULL", "palette",
    "rle-pydicom", "rle-dcmtk-8", "rle-dcmtk-16", "rle-dcmtk-32",
)  # fmt: skip
def test_as_pydicom_decodes(generated):
    ds = pydicom.dcmread(io.BytesIO(generated.data))
    theirs = ds.pixel_array
    assert theirs.dtype == generated.expected.dtype
    assert theirs.shape == generated.expected.shape
    assert np.abs(theirs.astype(int) - generated.expected).max() <= generated.tolerance
    # NumPy 2.0 clips no uint8 at 257, as pydicom asks of it.
    if generated.palette is not None and np.lib.NumpyVersion(np.__version__) >= "2.1.0":
        colours = pydicom.pixels.apply_color_lut(theirs, ds)
        assert np.array_equal(colours, generated.palette[theirs])


def test_the_same_every_time():
    for name in generate.names(
        "jpegls-charls-8bit", "rle-pydicom", "jpeg2000-rgb", "htj2k-lossy-u8", "video-"
    ):
        assert generate.CASES[name]().data == generate.case(name).data


def test_names_are_chosen_by_their_beginning():
    assert generate.names("rle-pydicom-8x1") == ["rle-pydicom-8x1"]
    assert set(generate.names("rle-", "jpegls-")) < set(generate.names())
