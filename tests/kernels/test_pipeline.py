"""The kernel against the facade, which reads files in another way: what it decodes is the same to the bit."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import dictionary_VR

import generate
import hounsfield as hu
from generate import files
from hounsfield._kernels.pipeline import decode_files, decode_samples
from hounsfield.decoding import Decoding

GREY = ("u1", "u2", "f4")


def image_of(path):
    """Shape and type of a frame, or None where there are no pixels."""
    try:
        layout = hu.read(path).frames.layout
    except hu.DicomError:
        return None
    return layout.frame_shape, layout.dtype


def expected(path, values, window, frame, dtype, function="LINEAR"):
    ds = hu.read(path)
    if values == "stored":
        return ds.pixels(frame)
    if values == "modality":
        return ds.modality_values(frame=frame)
    return ds.render(window, frame=frame, dtype=dtype, function=function)


def check(path, values="display", dtype="u1", window=0, function="LINEAR", frame=0, must=False):
    """Decode a file and compare; whether the kernel took it."""
    image = image_of(path)
    if image is None:
        out = np.empty((1, 64, 64), dtype)
        assert decode_files([str(path)], out, values=values) == [None]
        return False
    shape, stored = image
    out = np.full((1, *shape), 77, stored if values == "stored" else dtype)
    if out.ndim not in (3, 4) or (values == "stored" and (stored.kind == "f" or stored.itemsize == 8)):
        return False
    [found] = decode_files([str(path)], out, values=values, window=window, function=function, frame=frame)
    if found is None:
        assert not must
        return False
    np.testing.assert_array_equal(out[0], expected(path, values, window, frame, dtype, function))
    seconds, used, size = found
    assert seconds > 0
    assert size == shape[:2]
    assert (used is None) == (values != "display" or len(shape) == 3)
    return True


@pytest.mark.parametrize("frame", [0, 1, None])
def test_real_files(corpus_file, frame):
    path = corpus_file.path
    for dtype in GREY:
        check(path, dtype=dtype, frame=frame)
        check(path, dtype=dtype, window=(40, 400), frame=frame)
    check(path, window=1, frame=frame)
    check(path, window="auto", frame=frame, dtype="u2")
    check(path, window=(0.5, 0.25), function="SIGMOID", frame=frame)
    check(path, "modality", "f4", frame=frame)
    check(path, "stored", frame=frame)


def check_resized(path, size, fit, values="display", dtype="u1", window=0, frame=0):
    """The same for images that are resized; whether the kernel took it."""
    kind = dtype if values == "display" else "f4"
    decoding = Decoding.checked(
        values=values, window=window, size=size, fit=fit, fill=9, dtype=kind, frame=frame
    )
    try:
        ds = hu.read(path)
        shape = decoding.shape(ds.frames.layout)
    except hu.DicomError:
        return False
    out = np.full((1, *shape), 77, kind)
    if out.ndim > 4:
        return False
    fill = decoding.filling(out.dtype).tobytes()
    [found] = decode_files([str(path)], out, values=values, window=window, frame=frame, fit=fit, fill=fill)
    if found is None:
        return False
    wanted, used = decoding.decode(ds)
    np.testing.assert_array_equal(out[0], wanted)
    assert used == (found[1] and found[1][:2])
    layout = ds.frames.layout
    assert found[2] == (layout.rows, layout.columns)
    return True


@pytest.mark.corpus(
    lambda file: file.native or file.row["transfer_syntax"].endswith((".2.5", ".4.70", ".4.57"))
)
def test_real_files_resized(corpus_file):
    path = corpus_file.path
    check_resized(path, (33, 60), "letterbox", dtype="u2")
    check_resized(path, (60, 33), "letterbox", "modality")
    check_resized(path, (50, 50), "crop", window=(40, 400), dtype="f4")
    check_resized(path, (300, 20), "stretch", "stored")


@pytest.mark.parametrize("fit", ["letterbox", "crop", "stretch"])
@pytest.mark.parametrize("values", ["display", "modality", "stored"])
@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_rle.dcm",
        "SC_rgb_small_odd.dcm",
        "rtdose.dcm",
    ],
)
def test_resizing(pydicom_path, name, values, fit):
    for size in ((128, 128), (64, 64), (1, 1), (200, 7), (7, 200), (64, 65)):
        assert check_resized(pydicom_path(name), size, fit, values)


@given(
    rows=st.integers(1, 40), columns=st.integers(1, 40),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    fit=st.sampled_from(["letterbox", "crop", "stretch"]), samples=st.sampled_from([1, 3]),
)  # fmt: skip
def test_any_size(tmp_path_factory, rows, columns, size, fit, samples):
    path = tmp_path_factory.getbasetemp() / "size.dcm"
    path.write_bytes(files.file(files.picture(8, samples=samples, rows=rows, columns=columns)))
    assert check_resized(path, size, fit)


@pytest.mark.parametrize(
    ("padding", "limit"), [(None, None), (-100, None), (-2000, -90), (70, -20), (-9000, 9000)]
)
@pytest.mark.parametrize("kind", ["i2", "u2", "u1", "i1"])
@pytest.mark.parametrize("vr", ["US", "SS"])
def test_padding_does_not_count_for_windows(tmp_path, padding, limit, kind, vr):
    array = np.linspace(-100, 90, 99).reshape(1, 9, 11, 1).astype(np.int64).astype(kind)
    ds = files.dataset(array, RescaleSlope=-2, RescaleIntercept=5)
    for keyword, value in (("PixelPaddingValue", padding), ("PixelPaddingRangeLimit", limit)):
        if value is not None:
            ds.add_new(keyword, vr, value % 0x10000 if vr == "US" else value)
    path = tmp_path / "padded.dcm"
    path.write_bytes(files.written(ds))
    for window in (0, "auto"):
        assert check(path, window=window, must=True)
        assert check_resized(path, (5, 50), "crop", window=window)


def test_generated_files(generated, tmp_path):
    path = tmp_path / "file.dcm"
    path.write_bytes(generated.data)
    check(path, window=(100, 200))
    check(path, "modality", "f4")
    check(path, "stored")


def test_pydicom_files(pydicom_file):
    check(pydicom_file, window=(40, 400))
    check(pydicom_file, "modality", "f4")


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("CT_small.dcm", (40, 400)),
        ("CT_small.dcm", 0),
        ("MR_small.dcm", 0),
        ("MR_small_implicit.dcm", 0),
        ("MR_small_RLE.dcm", 0),
        ("SC_rgb_rle.dcm", 0),
        ("SC_rgb_small_odd.dcm", 0),
    ],
)
def test_files_of_the_common_kind_are_not_left(pydicom_path, name, window):
    assert check(pydicom_path(name), window=window, must=True)
    assert check(pydicom_path(name), "modality", "f4", must=True)
    assert check(pydicom_path(name), "stored", must=True)


numbers = st.sampled_from(
    [
        "1",
        "1.0",
        "-1024",
        "0",
        "2.5",
        "1e-3",
        "-0.5",
        "1E2",
        " 3 ",
        "40\\50",
        "40\\",
        "",
        "1e400",
        "nan",
        "x",
        "0.1",
    ]
)


@given(
    bits=st.sampled_from([8, 16, 32]),
    stored=st.integers(1, 32),
    high=st.integers(-2, 2),
    signed=st.booleans(),
    frames=st.sampled_from([None, "1", "2", " 1", "0", "3", "a", "1\\1"]),
    photometric=st.sampled_from(
        ["MONOCHROME1", "MONOCHROME2", "MONOCHROME2 ", "PALETTE COLOR", "RGB", "", "X"]
    ),
    slope=st.none() | numbers,
    intercept=st.none() | numbers,
    center=st.none() | numbers,
    width=st.none() | numbers,
    function=st.sampled_from([None, "LINEAR", "LINEAR_EXACT", "SIGMOID", "sigmoid", "", "CUBIC"]),
    shape=st.sampled_from([None, "INVERSE", "IDENTITY", "", "Z"]),
    excess=st.sampled_from([0, 0, 0, 1, 2, -1, -2]),
    dtype=st.sampled_from(GREY),
    values=st.sampled_from(["display", "display", "modality", "stored"]),
    window=st.sampled_from([0, 0, 1, (40.0, 400.0), (0.0, 1.0), "auto"]),
    frame=st.sampled_from([0, 0, 0, 1]),
    missing=st.sampled_from(
        [None] * 6 + ["Rows", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"]
    ),
)
def test_any_header(
    tmp_path_factory, bits, stored, high, signed, frames, photometric, slope, intercept, center, width,
    function, shape, excess, dtype, values, window, frame, missing,
):  # fmt: skip
    """What the kernel takes, the facade gives too; what that refuses, the kernel leaves."""
    array = files.picture(bits, rows=9, columns=11, frames=2 if frames == "2" else 1)
    array = array.astype(f"{'i' if signed else 'u'}{bits // 8}")
    pixels = array.tobytes()
    pixels = pixels + bytes(excess) if excess >= 0 else pixels[:excess]
    stored = min(stored, bits)
    elements = {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": photometric,
        "NumberOfFrames": frames,
        "Rows": 9,
        "Columns": 11,
        "BitsAllocated": bits,
        "BitsStored": stored,
        "HighBit": max(0, stored - 1 + high),
        "PixelRepresentation": int(signed),
        "WindowCenter": center,
        "WindowWidth": width,
        "RescaleIntercept": intercept,
        "RescaleSlope": slope,
        "VOILUTFunction": function,
        "PresentationLUTShape": shape,
        "PixelData": pixels,
    }
    path = tmp_path_factory.getbasetemp() / "any.dcm"
    path.write_bytes(file_of({key: value for key, value in elements.items() if key != missing}))

    out = np.full(
        (1, 9, 11), 77, array.dtype if values == "stored" else "f4" if values == "modality" else dtype
    )
    [found] = decode_files([str(path)], out, values=values, window=window, frame=frame)
    try:
        wanted = expected(path, values, window, frame, dtype)
    except (hu.DicomError, IndexError):
        assert found is None
        return
    if found is not None:
        np.testing.assert_array_equal(out[0], wanted)


def file_of(elements):
    """A file in Explicit VR Little Endian, whatever the values: numbers are US, None is left out."""
    data = bytearray(bytes(128) + b"DICM\2\0\x10\0UI\x14\0" + files.EXPLICIT.encode() + b"\0")
    data += b"\x08\0\x60\0CS\2\0OT"
    for keyword, value in elements.items():
        if value is None:
            continue
        tag, vr = hu.tag(keyword), dictionary_VR(keyword)
        header = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
        if keyword == "PixelData":
            data += header + b"OW\0\0" + len(value).to_bytes(4, "little") + value
            continue
        octets = value.to_bytes(2, "little") if isinstance(value, int) else value.encode()
        octets += b" " * (len(octets) % 2)
        data += header + vr.encode() + len(octets).to_bytes(2, "little") + octets
    return bytes(data)


def test_errors_are_left_to_the_facade(tmp_path, pydicom_path):
    good = pydicom_path("MR_small.dcm").read_bytes()
    for name, data in {
        "empty": b"",
        "text": b"no DICOM" * 100,
        "cut": good[:-1000],
        "header": good[:200],
    }.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder").mkdir()
    names = ["empty", "text", "cut", "header", "folder", "missing", "nul\0l"]
    out = np.empty((len(names) + 1, 64, 64), np.uint8)
    assert decode_files([*(str(tmp_path / name) for name in names), None], out) == [None] * (len(names) + 1)


def check_samples(source):
    """Samples that the facade has decoded become the values that it gives; how many ways the kernel took."""
    ds = hu.read(source)
    if ds._big or ds._more or not isinstance(ds._data, bytes):
        return 0
    samples, shape = ds.pixels(0), Decoding().shape(ds.frames.layout)
    taken = 0
    for values, dtype, size, window in (
        ("display", "u1", None, 0),
        ("display", "u2", None, "auto"),
        ("display", "f4", (20, 31), (40.0, 400.0)),
        ("modality", "f4", None, 0),
        ("modality", "f4", (70, 9), 0),
        ("stored", "f4", (20, 20), 0),
    ):
        decoding = Decoding.checked(values=values, dtype=dtype, window=window, size=size, fit="crop")
        out = np.full(
            (*(size or shape[:2]), *(shape if values == "display" else samples.shape)[2:]), 77, dtype
        )
        fit = None if size is None else "crop"
        found = decode_samples(ds._table, ds._data, samples, out, values=values, window=window, fit=fit)
        if found is None:
            continue
        taken += 1
        if size is None:
            np.testing.assert_array_equal(out, expected(source, values, window, 0, dtype))
        else:
            wanted, used = decoding.decode(hu.read(source))
            np.testing.assert_array_equal(out, wanted)
            assert used == (found[1] and found[1][:2])
    return taken


@pytest.mark.corpus(lambda file: file.decodes)
def test_samples_of_real_files(corpus_file):
    check_samples(corpus_file.path)


def test_samples_of_generated_files(generated):
    check_samples(generated.data)


def test_samples_of_codecs_are_taken(pydicom_path):
    for name in ("MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm"):
        assert check_samples(str(pydicom_path(name))) == 6


def test_samples_must_be_those_of_the_image(pydicom_path):
    ds = hu.read(pydicom_path("MR_small.dcm"))
    samples, out = ds.pixels(), np.empty((64, 64), np.uint8)
    assert decode_samples(ds._table, ds._data, samples, out)
    for wrong in (samples[:32], samples.astype(np.int32), samples.view(np.uint8)):
        assert decode_samples(ds._table, ds._data, wrong, out) is None
    with pytest.raises(hu.OptionError, match="overlaps"):
        decode_samples(
            ds._table, ds._data, samples, samples.view(np.uint8).reshape(-1)[:4096].reshape(64, 64)
        )
    with pytest.raises(hu.OptionError, match="axes"):
        decode_samples(ds._table, ds._data, samples, out[np.newaxis, np.newaxis])


def test_whole_files(pydicom_path, tmp_path):
    """Those with several frames are left, and samples of another type, which may fit all the same."""
    several, one = pydicom_path("rtdose.dcm"), pydicom_path("rtdose_1frame.dcm")
    paths, out = [str(several), str(one)], np.empty((2, 10, 10), np.uint8)
    assert [found is None for found in decode_files(paths, out, frame=0)] == [False, False]
    assert [found is None for found in decode_files(paths, out, frame=None)] == [True, False]
    np.testing.assert_array_equal(out[1], hu.read(one).render())
    ds = dcmread(pydicom_path("CT_small.dcm"))
    ds.PixelRepresentation, ds.BitsStored, ds.HighBit = 0, 12, 11
    ds.save_as(path := tmp_path / "unsigned.dcm")
    for kind, frame, taken in ((np.int16, 0, True), (np.int16, None, False), (np.uint16, None, True)):
        [found] = decode_files([str(path)], np.empty((1, 128, 128), kind), values="stored", frame=frame)
        assert (found is not None) == taken


def test_files_of_another_shape_are_left(pydicom_path):
    path = str(pydicom_path("MR_small.dcm"))
    for shape in ((1, 64, 63), (1, 63, 64), (1, 64, 64, 3), (1, 0, 0)):
        assert decode_files([path], np.empty(shape, np.uint8)) == [None]
    assert decode_files([], np.empty((0, 64, 64), np.uint8)) == []


@pytest.mark.parametrize(
    ("out", "options"),
    [
        (np.empty((2, 64, 64), np.uint8), {}),
        (np.empty((64, 64), np.uint8), {}),
        (np.empty((1, 64, 64), np.int16), {}),
        (np.empty((1, 64, 64), np.uint8), {"values": "modality"}),
        (np.empty((1, 64, 64), np.uint8), {"values": "other"}),
        (np.empty((1, 64, 64), np.uint8), {"function": "CUBIC"}),
        (np.empty((1, 64, 64), np.uint8), {"window": -1}),
        (np.empty((1, 64, 64), np.uint8), {"frame": -1}),
        (np.empty((1, 64, 64), np.uint8), {"frame": 1 << 31}),
        (np.empty((1, 64, 64), np.dtype(np.float64)), {"values": "stored"}),
        (np.empty((1, 64, 64), np.dtype(">u2")), {}),
        (np.empty((1, 70000, 1), np.uint8), {}),
        (np.empty((1, 8, 40000), np.uint8), {"fit": "crop"}),
        (np.empty((1, 64, 64), np.uint8), {"fit": "shrink"}),
        (np.empty((1, 64, 64), np.uint8), {"fill": b"12"}),
    ],
)
def test_arguments_are_checked(out, options):
    with pytest.raises(hu.OptionError):
        decode_files([None], out, **options)


def test_out_must_be_writable_and_contiguous():
    out = np.zeros((1, 64, 64), np.uint8)
    with pytest.raises((BufferError, ValueError)):
        decode_files([None], out[:, ::2])
    out.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        decode_files([None], out)


def test_broken_frames_never_differ(tmp_path, pydicom_path):
    """Bytes of a file changed at random: the kernel leaves it, or gives what the facade does."""
    random = np.random.default_rng(7)
    jpeg = generate.case("jpeg-lossless-restart-sv1-of1rows-12bit")
    for data in (
        pydicom_path("MR_small_RLE.dcm").read_bytes(),
        pydicom_path("MR_small.dcm").read_bytes(),
        jpeg.data,
    ):
        shape, _ = image_of(io.BytesIO(data))
        taken = 0
        for _ in range(150):
            broken = bytearray(data)
            for at in random.integers(132, len(data), 2):
                broken[at] = random.integers(256)
            path = tmp_path / "broken.dcm"
            path.write_bytes(broken)
            out = np.empty((1, *shape), np.float32)
            [found] = decode_files([str(path)], out, values="modality")
            if found is not None:
                taken += 1
                np.testing.assert_array_equal(out[0], hu.read(path).modality_values(frame=0))
        assert taken > 10


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (np.uint8, {}),
        (np.uint16, {}),
        (np.float32, {"values": "modality"}),
        (np.uint8, {"fit": "letterbox"}),
    ],
)
def test_rows_of_a_large_array_are_the_same(kind, options, pydicom_path):
    paths = [str(pydicom_path("CT_small.dcm"))] * 3
    shape = (3, 100, 120) if "fit" in options else (3, 128, 128)
    rows, alone = np.empty(shape, kind), np.empty(shape, kind)
    assert all(decode_files(paths, rows, in_use=1 << 30, window=(40, 400), **options))
    assert all(decode_files(paths, alone, window=(40, 400), **options))
    np.testing.assert_array_equal(rows, alone)
