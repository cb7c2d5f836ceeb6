"""Regions of tiled images against the same cut out of the whole matrix."""

import io
import itertools
import random
import struct
from contextlib import suppress

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

import hounsfield as hu

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
RLE, JPEG_LS, J2K = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
ENCODERS = {
    RLE: lambda tile: pydicom.pixels.encoders.RLELosslessEncoder.encode(
        tile,
        rows=tile.shape[0],
        columns=tile.shape[1],
        samples_per_pixel=1 if tile.ndim == 2 else 3,
        bits_allocated=8 * tile.itemsize,
        bits_stored=8 * tile.itemsize,
        pixel_representation=0,
        number_of_frames=1,
        planar_configuration=0,
        photometric_interpretation="RGB" if tile.ndim == 3 else "MONOCHROME2",
        encoding_plugin="pydicom",
    ),
    JPEG_LS: imagecodecs.jpegls_encode,
    J2K: lambda tile: imagecodecs.jpeg2k_encode(tile, level=0, reversible=True, mct=False, codecformat="j2k"),
}
SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def matrix(height, width, samples=3, dtype="u1", seed=1):
    """Samples of a whole level, no two tiles alike."""
    shape = (height, width, *((3,) if samples == 3 else ()))
    high = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, high, shape, dtype, endpoint=True)


def tiles_of(whole, rows, columns):
    """Tiles by their first row and column; those at the edges are padded with 7."""
    height, width = whole.shape[:2]
    for top, left in itertools.product(range(0, height, rows), range(0, width, columns)):
        tile = np.full((rows, columns, *whole.shape[2:]), 7, whole.dtype)
        part = whole[top : top + rows, left : left + columns]
        tile[: part.shape[0], : part.shape[1]] = part
        yield top, left, tile


def position(left, top, z=None, path=None, segment=None):
    """Functional groups of a frame."""
    groups, place = Dataset(), Dataset()
    place.ColumnPositionInTotalImagePixelMatrix, place.RowPositionInTotalImagePixelMatrix = left + 1, top + 1
    if z is not None:
        place.ZOffsetInSlideCoordinateSystem = z
    groups.PlanePositionSlideSequence = Sequence([place])
    for word, inner, value in (
        ("OpticalPathIdentificationSequence", "OpticalPathIdentifier", path),
        ("SegmentIdentificationSequence", "ReferencedSegmentNumber", segment),
    ):
        if value is not None:
            item = Dataset()
            setattr(item, inner, value)
            setattr(groups, word, Sequence([item]))
    return groups


def slide(frames, width, height, *, syntax=EXPLICIT, groups=None, organization="TILED_FULL", **attributes):
    """A tiled image in Part 10 format, of tiles as arrays, encoded by what is not ours."""
    first = frames[0]
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SLIDE, pydicom.uid.generate_uid(entropy_srcs=[repr(attributes)])
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID, ds.Modality = "1.2.3", "1.2.4", "SM"
    ds.Rows, ds.Columns = first.shape[:2]
    ds.NumberOfFrames = len(frames)
    ds.SamplesPerPixel = 3 if first.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if first.ndim == 3 else "MONOCHROME2"
    if first.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8 * first.itemsize
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixRows = width, height
    if organization:
        ds.DimensionOrganizationType = organization
    if groups is not None:
        ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    if syntax in ENCODERS:
        ds.PixelData = encapsulate([ENCODERS[syntax](frame) for frame in frames])
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    else:
        order = ">" if syntax == BIG else "<"
        ds.PixelData = b"".join(frame.astype(frame.dtype.newbyteorder(order)).tobytes() for frame in frames)
        ds["PixelData"].VR = "OW" if first.itemsize > 1 else "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = SLIDE, ds.SOPInstanceUID
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def full(whole, rows, columns, **options):
    frames = [tile for _, _, tile in tiles_of(whole, rows, columns)]
    return slide(frames, whole.shape[1], whole.shape[0], **options)


def sparse(whole, rows, columns, *, missing=(), **options):
    """The tiles in an odd order, but for those that are missing."""
    kept = [each for number, each in enumerate(tiles_of(whole, rows, columns)) if number not in missing]
    random.Random(3).shuffle(kept)
    groups = [position(left, top) for top, left, _ in kept]
    options = {"organization": "TILED_SPARSE"} | options
    return slide([tile for *_, tile in kept], whole.shape[1], whole.shape[0], groups=groups, **options)


def cut(whole, x, y, width, height, fill=None):
    """What the region should be."""
    fill = (255 if whole.ndim == 3 else 0) if fill is None else fill
    result = np.empty((height, width, *whole.shape[2:]), whole.dtype)
    result[:] = fill
    top, left = max(y, 0), max(x, 0)
    part = whole[top : max(y + height, 0), left : max(x + width, 0)]
    if part.size:
        result[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]] = part
    return result


WHOLE = matrix(50, 70)
GREY = matrix(50, 70, 1, "u2")
IMAGES = {
    "full": full(WHOLE, 16, 24),
    "sparse": sparse(WHOLE, 16, 24),
    "sparse, nothing says so": sparse(WHOLE, 16, 24, organization=None),
    "sparse, implicit": sparse(WHOLE, 16, 24, syntax=IMPLICIT),
    "one tile": full(WHOLE, 64, 80),
    "as large as the matrix": full(WHOLE, 50, 70),
    **{f"full, {syntax}": full(WHOLE, 16, 24, syntax=syntax) for syntax in ENCODERS},
    **{f"sparse, {syntax}": sparse(WHOLE, 16, 24, syntax=syntax) for syntax in ENCODERS},
}
GREYS = {
    "full": full(GREY, 16, 24),
    "sparse": sparse(GREY, 16, 24),
    "sparse, big": sparse(GREY, 16, 24, syntax=BIG),
    **{f"full, {syntax}": full(GREY, 16, 24, syntax=syntax) for syntax in ENCODERS},
}
REGIONS = [
    (0, 0, 70, 50),
    (0, 0, 24, 16),
    (23, 15, 2, 2),
    (69, 49, 1, 1),
    (-5, -6, 90, 80),
    (60, 40, 30, 30),
    (-40, 3, 20, 20),
    (200, 200, 8, 4),
]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", IMAGES)
def test_region_is_that_of_the_matrix(name, region):
    result = hu.read_region(IMAGES[name], region[:2], region[2:])
    np.testing.assert_array_equal(result, cut(WHOLE, *region), strict=True)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", GREYS)
def test_region_of_grey(name, region):
    result = hu.read_region(GREYS[name], region[:2], region[2:])
    np.testing.assert_array_equal(result, cut(GREY, *region), strict=True)


@given(
    st.integers(-90, 90),
    st.integers(-90, 90),
    st.integers(1, 120),
    st.integers(1, 120),
    st.sampled_from(list(IMAGES)),
)
def test_any_region(x, y, width, height, name):
    result = hu.read_region(IMAGES[name], (x, y), (width, height), threads=1 + width % 3)
    np.testing.assert_array_equal(result, cut(WHOLE, x, y, width, height))


@given(st.data())
def test_any_tiles(drawn):
    height, width, rows, columns = (drawn.draw(st.integers(1, 40)) for _ in range(4))
    whole = matrix(height, width, 1)
    region = [drawn.draw(st.integers(*bounds)) for bounds in ((-5, 45), (-5, 45), (1, 50), (1, 50))]
    make = drawn.draw(st.sampled_from((full, sparse)))
    result = hu.read_region(make(whole, rows, columns), region[:2], region[2:])
    np.testing.assert_array_equal(result, cut(whole, *region))


def test_missing_tiles_are_background():
    whole = WHOLE.copy()
    whole[16:32, 24:48] = whole[48:50, :24] = 255
    for syntax in (EXPLICIT, RLE, J2K):
        data = sparse(WHOLE, 16, 24, missing=(4, 9), syntax=syntax)
        np.testing.assert_array_equal(hu.read_region(data, (-2, 3), (60, 60)), cut(whole, -2, 3, 60, 60))


class Counting(io.BytesIO):
    """A file object that remembers which bytes were read."""

    def __init__(self, data):
        super().__init__(data)
        self.ranges = []

    def read(self, count=-1, /):
        start = self.tell()
        data = super().read(count)
        self.ranges.append((start, start + len(data)))
        return data


@pytest.mark.parametrize("make", [full, sparse])
@pytest.mark.parametrize("syntax", [EXPLICIT, RLE])
def test_only_touched_tiles_are_read(make, syntax):
    whole = matrix(512, 512)
    data = make(whole, 64, 64, syntax=syntax)
    file = Counting(data)
    ds = hu.read(file)
    ranges = [frame.ranges for frame in ds.frames]
    hu.read_region(ds, (0, 0), (1, 1))
    file.ranges.clear()
    result = hu.read_region(ds, (100, 70), (60, 100))
    np.testing.assert_array_equal(result, cut(whole, 100, 70, 60, 100))
    read = [any(a < at + length - 16 and at + 16 < b for a, b in file.ranges) for ((at, length),) in ranges]
    assert sum(read) == 4
    assert sum(b - a for a, b in file.ranges) < 5 * max(length for ((_, length),) in ranges)


@pytest.mark.parametrize("organization", ["TILED_FULL", "TILED_SPARSE"])
def test_optical_paths_and_focal_planes(organization):
    wholes = {
        (path, plane): matrix(20, 30, 1, seed=10 * number + plane)
        for number, path in enumerate(("DAPI", "é", "3"))
        for plane in range(2)
    }
    frames, groups = [], []
    for (path, plane), whole in wholes.items():
        for top, left, tile in tiles_of(whole, 8, 8):
            frames.append(tile)
            groups.append(position(left, top, 0.5 * plane - 1, path))
    paths = []
    for path in ("DAPI", "é", "3"):
        item = Dataset()
        item.OpticalPathIdentifier = path
        paths.append(item)
    data = slide(
        frames,
        30,
        20,
        organization=organization,
        groups=None if organization == "TILED_FULL" else groups,
        SpecificCharacterSet="ISO_IR 192",
        OpticalPathSequence=Sequence(paths),
        NumberOfOpticalPaths=3,
        TotalPixelMatrixFocalPlanes=2,
    )
    for (path, plane), whole in wholes.items():
        result = hu.read_region(data, (3, -1), (20, 22), optical_path=path, focal_plane=plane)
        np.testing.assert_array_equal(result, cut(whole, 3, -1, 20, 22))
    for options, message in (
        ({}, "3 optical paths"),
        ({"optical_path": "DAPI"}, "2 focal planes"),
        ({"optical_path": "4"}, "'DAPI', 'é', '3'"),
        ({"optical_path": "DAPI", "focal_plane": 2}, "focal_plane=2"),
        ({"segment": 1}, "segment=1"),
        ({"segment": 1, "optical_path": "3"}, "either"),
    ):
        with pytest.raises(hu.OptionError, match=message):
            hu.read_region(data, (0, 0), (4, 4), **options)


def test_tiles_of_one_plane_may_differ_in_depth():
    groups = [position(left, top, z=left / 10) for top, left, _ in tiles_of(WHOLE, 16, 24)]
    frames = [tile for *_, tile in tiles_of(WHOLE, 16, 24)]
    data = slide(frames, 70, 50, groups=groups, organization="TILED_SPARSE")
    np.testing.assert_array_equal(hu.read_region(data, (0, 0), (70, 50)), WHOLE)


def test_segments():
    masks = {2: matrix(20, 30, 1, seed=2) & 1, 5: matrix(20, 30, 1, seed=5) & 1}
    frames, groups = [], []
    for number, mask in masks.items():
        for top, left, tile in tiles_of(mask, 10, 10):
            frames.append(tile)
            groups.append(position(left, top, segment=number))
    segments = []
    for number in (2, 3, 5):
        item = Dataset()
        item.SegmentNumber = number
        segments.append(item)
    data = slide(frames, 30, 20, organization=None, groups=groups, SegmentSequence=Sequence(segments))
    with pytest.raises(hu.OptionError, match=r"segment=1: there are \[2, 3, 5\]"):
        hu.read_region(data, (0, 0), (1, 1), segment=1)
    for number, mask in masks.items():
        np.testing.assert_array_equal(
            hu.read_region(data, (1, 1), (40, 30), segment=number), cut(mask, 1, 1, 40, 30)
        )
    assert not hu.read_region(data, (0, 0), (30, 20), segment=3).any()
    with pytest.raises(hu.OptionError, match="3 segments"):
        hu.read_region(data, (0, 0), (1, 1))


def test_overlapping_tiles_lie_in_the_order_of_frames():
    frames = [np.full((4, 4), value, "u1") for value in (1, 2, 3)]
    groups = [position(0, 0), position(2, 2), position(-1, 5)]
    data = slide(frames, 8, 8, organization="TILED_SPARSE", groups=groups)
    expected = np.zeros((8, 8), "u1")
    expected[:4, :4] = 1
    expected[2:6, 2:6] = 2
    expected[5:, :3] = 3
    np.testing.assert_array_equal(hu.read_region(data, (0, 0), (8, 8)), expected)
    np.testing.assert_array_equal(hu.read_region(data, (-2, -2), (12, 12))[2:10, 2:10], expected)


# What the arguments do


@pytest.mark.parametrize(
    ("fill", "expected"), [(9, 9), ((1, 2, 3), (1, 2, 3)), (np.array([4, 5, 6]), (4, 5, 6))]
)
def test_fill(fill, expected):
    result = hu.read_region(IMAGES["full"], (-9, 5), (30, 60), fill=fill)
    np.testing.assert_array_equal(result, cut(WHOLE, -9, 5, 30, 60, expected))


@pytest.mark.parametrize("fill", [256, -1, 0.5, (1, 2), "white", float("nan"), [[1, 2, 3]]])
def test_fill_that_is_no_sample(fill):
    """Whether the region needs one or not."""
    for position in ((-9, 5), (0, 0)):
        with pytest.raises(hu.OptionError, match="fill="):
            hu.read_region(IMAGES["full"], position, (30, 60), fill=fill)


@pytest.mark.parametrize("focal_plane", ["", (), 0.0, slice(None)])
def test_what_is_no_focal_plane(focal_plane):
    with pytest.raises(TypeError):
        hu.read_region(IMAGES["full"], (0, 0), (3, 6), focal_plane=focal_plane)


@pytest.mark.parametrize(
    ("lab", "rgb"),
    [
        ([65535, 0x8080, 0x8080], (255, 255, 255)),
        ([0, 0x8080, 0x8080], (0, 0, 0)),
        # CIELab (D50) of sRGB's red, and of a grey, by the published conversion.
        ([round(54.29 * 655.35), round((80.81 + 128) * 257), round((69.89 + 128) * 257)], (255, 0, 0)),
        ([round(53.585 * 655.35), 0x8080, 0x8080], (128, 128, 128)),
    ],
)
def test_recommended_absent_pixel(lab, rgb):
    data = full(WHOLE, 16, 24, RecommendedAbsentPixelCIELabValue=lab)
    result = hu.read_region(data, (100, 100), (2, 1))
    np.testing.assert_allclose(result[0, 0].astype(int), rgb, atol=1)
    assert (hu.read_region(data, (100, 100), (2, 1), fill=3) == 3).all()


@pytest.mark.parametrize(("padding", "expected"), [(255, 255), (0, 0), (256, 0), (None, 0)])
def test_pixel_padding_is_where_labels_have_no_tile(padding, expected):
    """0 may be the number of a segment."""
    data = sparse(matrix(20, 30, 1), 10, 10, missing=(4,), PixelPaddingValue=padding)
    result = hu.read_region(data, (0, 0), (40, 20))
    assert (result[10:, 10:20] == expected).all()
    assert (result[:, 30:] == expected).all()


def test_out():
    out = np.zeros((20, 30, 3), "u1")
    assert hu.read_region(IMAGES["full"], (5, 5), (30, 20), out=out) is out
    np.testing.assert_array_equal(out, WHOLE[5:25, 5:35])
    for wrong in (
        np.zeros((30, 20, 3), "u1"),
        np.zeros((20, 30, 3), "i1"),
        np.zeros((20, 60, 3), "u1")[:, ::2],
    ):
        with pytest.raises(hu.OptionError, match="out must be"):
            hu.read_region(IMAGES["full"], (5, 5), (30, 20), out=wrong)


def test_raw_colours_with_their_background():
    ybr = full(WHOLE, 16, 24, PhotometricInterpretation="YBR_FULL")
    result = hu.read_region(ybr, (60, 40), (20, 20), raw=True)
    np.testing.assert_array_equal(result, cut(WHOLE, 60, 40, 20, 20, (255, 128, 128)))
    assert (hu.read_region(ybr, (70, 50), (2, 2)) == 255).all()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((0, 0), (0, 5)), {}, "0 x 5"),
        (((0, 0), (5, -1)), {}, "5 x -1"),
        (((0, 0, 5), (5,)), {}, "width, height"),
        (((0, 0), (5, 5), 1), {}, "level 1"),
        (((0, 0), (5, 5), -2), {}, "level -2"),
        (((0, 0), (5, 5)), {"threads": 0}, "threads=0"),
        (((0, 0), (5, 5)), {"focal_plane": 1}, "focal_plane=1"),
        (((0, 0), (5, 5)), {"optical_path": "1"}, "optical_path='1': the image has no such thing"),
        (((0, 0), (5, 5)), {"segment": 1}, "segment=1: the image has no such thing"),
    ],
)
def test_arguments_that_cannot_be_used(arguments, options, message):
    with pytest.raises(hu.OptionError, match=message):
        hu.read_region(IMAGES["full"], *arguments, **options)


def test_a_level_is_a_whole_number():
    with pytest.raises(TypeError, match="'str' object cannot be interpreted as an integer"):
        hu.read_region(IMAGES["full"], (0, 0), (5, 5), "0")


def test_limit():
    with pytest.raises(hu.LimitError, match="max_pixels=1073741824"):
        hu.read_region(IMAGES["full"], (0, 0), (1 << 20, 1 << 20))
    with pytest.raises(hu.LimitError, match="max_pixels=1000"):
        hu.read_region(IMAGES["full"], (0, 0), (5, 5), max_pixels=1000)  # of which a tile has more
    with pytest.raises(TypeError):
        hu.read_region(IMAGES["full"], (0.5, 0), (5, 5))


# Slides of several images


def pyramid(folder):
    """Three levels, and what else a scanner leaves with them, in files; and the levels' samples."""
    levels = [matrix(64, 96, seed=5), matrix(32, 48, seed=6), matrix(16, 24, seed=7)]
    files = [full(levels[1], 16, 16, syntax=RLE), sparse(levels[0], 16, 16), full(levels[2], 16, 16)]
    for flavor, size in (("LABEL", 30), ("OVERVIEW", 200), ("THUMBNAIL", 20)):
        image_type = ["ORIGINAL", "PRIMARY", flavor, "NONE"]
        files.append(full(matrix(size, size), size, size, ImageType=image_type, FrameOfReferenceUID="1.9"))
    for number, data in enumerate(files):
        (folder / f"{number}.dcm").write_bytes(data)
    (folder / "notes.txt").write_text("no DICOM")
    (folder / "more").mkdir()
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = EXPLICIT
    report.SOPClassUID = report.SOPInstanceUID = "1.2.3"
    report.save_as(folder / "report.dcm", implicit_vr=False, little_endian=True)
    return levels


def test_levels(tmp_path):
    levels = pyramid(tmp_path)
    paths = sorted(tmp_path.glob("*.dcm"), reverse=True)
    for images in (tmp_path, str(tmp_path), paths, tuple(hu.read(path) for path in paths)):
        for level, whole in enumerate(levels):
            result = hu.read_region(images, (-3, 4), (40, 20), level)
            np.testing.assert_array_equal(result, cut(whole, -3, 4, 40, 20))
        np.testing.assert_array_equal(hu.read_region(images, (0, 0), (24, 16), level=-1), levels[2])
        with pytest.raises(hu.OptionError, match="level 3 was asked for, there are 3"):
            hu.read_region(images, (0, 0), (1, 1), level=3)
    label = hu.read_region(tmp_path / "3.dcm", (0, 0), (30, 30))
    np.testing.assert_array_equal(label, matrix(30, 30))
    with pytest.raises(hu.OptionError, match="LABEL, OVERVIEW"):
        hu.read_region([tmp_path / "3.dcm", tmp_path / "4.dcm"], (0, 0), (1, 1))
    with pytest.raises(hu.OptionError, match="no image at all"):
        hu.read_region(tmp_path / "more", (0, 0), (1, 1))
    with pytest.raises(FileNotFoundError):
        hu.read_region(tmp_path / "none", (0, 0), (1, 1))
    (tmp_path / "1.dcm").write_bytes((tmp_path / "1.dcm").read_bytes()[:603])
    with pytest.raises(hu.PixelDataError, match=r"1\.dcm.*the data end inside the element"):
        hu.read_region(tmp_path, (0, 0), (1, 1), level=2)


def test_a_folder_of_two_slides(tmp_path):
    pyramid(tmp_path)
    (tmp_path / "x.dcm").write_bytes(full(WHOLE, 16, 24, SeriesInstanceUID="1.2.77"))
    with pytest.raises(hu.OptionError, match=r"2 series.*1\.2\.3, .*3 images up to 96 x 64.*1\.2\.77"):
        hu.read_region(tmp_path, (0, 0), (1, 1))


def test_several_images_of_the_same(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(full(WHOLE, 16, 24))
    with pytest.raises(hu.OptionError, match=r"2 images show the same 70 x 50 pixels, .*/a, .*/b"):
        hu.read_region(tmp_path, (0, 0), (1, 1))


def test_a_level_whose_optical_paths_are_images():
    images = []
    wholes = [matrix(50, 70, 1, seed=seed) for seed in range(3)]
    for number, whole in enumerate(wholes):
        path = Dataset()
        path.OpticalPathIdentifier = str(number)
        images.append(full(whole, 16, 24, OpticalPathSequence=Sequence([path])))
    for number, whole in enumerate(wholes):
        result = hu.read_region(images, (1, 2), (60, 60), optical_path=str(number))
        np.testing.assert_array_equal(result, cut(whole, 1, 2, 60, 60))


def test_concatenation():
    frames = [tile for *_, tile in tiles_of(WHOLE, 16, 24)]
    parts = [
        slide(
            frames[a:b],
            70,
            50,
            ConcatenationUID="1.5",
            ConcatenationFrameOffsetNumber=a,
            InConcatenationNumber=n,
        )
        for n, (a, b) in enumerate(((0, 5), (5, 7), (7, 12)), 1)
    ]
    for region in REGIONS:
        result = hu.read_region(parts[::-1], region[:2], region[2:])
        np.testing.assert_array_equal(result, cut(WHOLE, *region))
    assert (hu.read_region(parts[0], (0, 0), (70, 16)) == WHOLE[:16]).all()
    with pytest.raises(hu.PixelDataError, match="of 12 tiles 2 are in parts"):
        hu.read_region([parts[0], parts[2]], (0, 0), (70, 50))


# What is wrong


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"NumberOfFrames": 11}, "11 frames are not 3 x 4 tiles"),
        ({"TotalPixelMatrixFocalPlanes": 2}, "12 frames are not 3 x 4 tiles .* 2 focal planes"),
        ({"TotalPixelMatrixRows": 0}, "TotalPixelMatrixRows is 0"),
        ({"TotalPixelMatrixRows": 0xFFFFFFFF, "TotalPixelMatrixColumns": 0xFFFFFFFF}, "12 frames are not"),
        ({"Rows": 0}, "Rows is 0"),
        (
            {"NumberOfFrames": 12 * (1 << 27), "TotalPixelMatrixFocalPlanes": 1 << 27},
            "134217728 focal planes, 65536 are possible",
        ),
        ({"NumberOfFrames": 12 * (1 << 27)}, "134217728 focal planes, 65536 are possible"),
    ],
)
def test_broken_description(change, message):
    ds = pydicom.dcmread(io.BytesIO(IMAGES["full"]))
    for keyword, value in change.items():
        setattr(ds, keyword, value)
    buffer = io.BytesIO()
    ds.save_as(buffer)
    with pytest.raises(hu.PixelDataError, match=message):
        hu.read_region(buffer.getvalue(), (0, 0), (5, 5))


def test_broken_positions():
    tiles = list(tiles_of(WHOLE, 16, 24))
    frames = [tile for *_, tile in tiles]
    groups = [position(left, top) for top, left, _ in tiles]
    with pytest.raises(hu.PixelDataError, match="11 items for 12 frames"):
        hu.read_region(slide(frames, 70, 50, groups=groups[:-1], organization=None), (0, 0), (1, 1))
    bare = [*groups[:3], Dataset(), *groups[4:]]
    with pytest.raises(hu.PixelDataError, match="frame 3 has no position"):
        hu.read_region(slide(frames, 70, 50, groups=bare, organization=None), (0, 0), (1, 1))
    twice = [*groups[:-1], groups[0]]
    with pytest.raises(hu.PixelDataError, match="same position"):
        hu.read_region(slide(frames, 70, 50, groups=twice, organization=None), (0, 0), (1, 1))
    with pytest.raises(hu.PixelDataError, match="frame 0 has no position"):
        hu.read_region(slide(frames, 70, 50, organization="TILED_SPARSE"), (0, 0), (1, 1))


def test_a_position_of_more_bits_than_there_are():
    ds = pydicom.dcmread(io.BytesIO(IMAGES["sparse"]))
    place = ds.PerFrameFunctionalGroupsSequence[2].PlanePositionSlideSequence[0]
    place.add_new("ColumnPositionInTotalImagePixelMatrix", "UV", 1 << 63)
    buffer = io.BytesIO()
    ds.save_as(buffer)
    with pytest.raises(hu.PixelDataError, match="frame 2 has no position"):
        hu.read_region(buffer.getvalue(), (0, 0), (5, 5))


@pytest.mark.parametrize(
    "where",
    [
        "SeriesInstanceUID",
        "OpticalPathIdentificationSequence.OpticalPathIdentifier",
        "SegmentIdentificationSequence.ReferencedSegmentNumber",
        "OpticalPathSequence.OpticalPathIdentifier",
        "SegmentSequence.SegmentNumber",
    ],
)
def test_a_sequence_for_what_tells_tiles_apart(where):
    """It tells nothing."""
    ds = pydicom.dcmread(io.BytesIO(IMAGES["sparse"]))
    outer, _, inner = where.rpartition(".")
    wrong = Dataset()
    (wrong if outer else ds).add_new(inner, "SQ", [Dataset()])
    if outer.endswith("IdentificationSequence"):
        for groups in ds.PerFrameFunctionalGroupsSequence:
            setattr(groups, outer, Sequence([wrong]))
    elif outer:
        setattr(ds, outer, Sequence([wrong]))
    buffer = io.BytesIO()
    ds.save_as(buffer)
    assert (hu.read_region(buffer.getvalue(), (0, 0), (70, 50)) == WHOLE).all()


def test_several_frames_that_are_no_tiles():
    frames = list(np.zeros((10, 4, 4), "u1"))
    with pytest.raises(hu.OptionError, match="10 frames, but is not tiled"):
        hu.read_region(slide(frames, None, None, organization=None), (0, 0), (1, 1))


def test_an_image_without_tiles(pydicom_path):
    path = pydicom_path("CT_small.dcm")
    whole, padding = hu.read(path).pixel_array, -2000
    region = hu.read_region(path, (100, 120), (40, 10))
    np.testing.assert_array_equal(region, cut(whole, 100, 120, 40, 10, padding))


def test_a_tile_that_is_cut_off():
    data = IMAGES[f"full, {RLE}"][:-1000]
    np.testing.assert_array_equal(hu.read_region(data, (0, 0), (24, 16)), WHOLE[:16, :24])
    with pytest.raises(hu.PixelDataError, match="frame 9 is not there: there are 9 of 12"):
        hu.read_region(data, (0, 0), (70, 50))


def test_any_byte_changed():
    """An error of ours, or a region of the right shape."""
    changes = random.Random(11)
    for name in ("full", "sparse", "sparse, implicit", f"sparse, {RLE}"):
        data = bytearray(IMAGES[name])
        header = data.index(struct.pack("<HH", 0x7FE0, 0x0010)) + 12
        for _ in range(400):
            at = changes.randrange(128, header)
            old, data[at] = data[at], changes.randrange(256)
            with suppress(hu.DicomError):
                assert hu.read_region(bytes(data), (20, 10), (9, 9), max_pixels=1 << 20).shape[:2] == (9, 9)
            data[at] = old


# Real files


@pytest.mark.corpus(lambda file: "/sm_image" in file.path.as_posix() and file.decodes)
def test_slides_against_a_plain_assembly(corpus_file):
    ds = pydicom.dcmread(corpus_file.path)
    if ds.file_meta.TransferSyntaxUID == JPEG_LS:
        streams = pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=25)
        frames = np.stack([imagecodecs.jpegls_decode(stream) for stream in streams])
    else:
        frames = ds.pixel_array
    height, width = ds.TotalPixelMatrixRows, ds.TotalPixelMatrixColumns
    across, down = -(-width // ds.Columns), -(-height // ds.Rows)
    grid = frames.reshape(down, across, *frames.shape[1:]).swapaxes(1, 2)
    whole = grid.reshape(down * ds.Rows, across * ds.Columns, *frames.shape[3:])[:height, :width]
    for region in REGIONS:
        result = hu.read_region(corpus_file.path, region[:2], region[2:])
        np.testing.assert_array_equal(result, cut(whole, *region, ds.PixelPaddingValue), strict=True)


@pytest.mark.corpus(lambda file: "seg_image_sm" in file.path.as_posix())
def test_segmentations_of_slides_against_a_plain_assembly(corpus_file):
    ds = pydicom.dcmread(corpus_file.path)
    wholes = {}
    for number, frame in enumerate(ds.pixel_array):
        if "PerFrameFunctionalGroupsSequence" in ds:
            groups = ds.PerFrameFunctionalGroupsSequence[number]
            place = groups.PlanePositionSlideSequence[0]
            left = place.ColumnPositionInTotalImagePixelMatrix - 1
            top = place.RowPositionInTotalImagePixelMatrix - 1
            identified = groups.get("SegmentIdentificationSequence")
            segment = identified[0].ReferencedSegmentNumber if identified else None
        else:
            segment, tile = divmod(number, 25)
            segment, (top, left) = segment + 1, (10 * (tile // 5), 10 * (tile % 5))
        whole = wholes.setdefault(segment, np.zeros((50, 50), frame.dtype))
        whole[top : top + 10, left : left + 10] = frame
    image = hu.read(corpus_file.path)
    for segment, whole in wholes.items():
        for region in REGIONS[:5]:
            result = hu.read_region(image, region[:2], region[2:], segment=segment)
            np.testing.assert_array_equal(result, cut(whole, *region))
