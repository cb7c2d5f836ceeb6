"""The rle kernel against its plain-Python twin, the decoders and encoders of others, and broken frames."""

import random
import struct
import threading
from io import BytesIO

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from hounsfield._kernels import rle as kernel
from hounsfield._kernels.bits import mask
from hounsfield._reference import rle as reference
from hounsfield.errors import OptionError, PixelDataError

DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


def frame_of(*segments, offsets=None):
    """A header, by default with the true offsets, and segments of encoded bytes."""
    if offsets is None:
        offsets = [64 + sum(map(len, segments[:number])) for number in range(len(segments))]
    return struct.pack("<16I", len(offsets), *offsets, *[0] * (15 - len(offsets))) + b"".join(segments)


def samples_of(shape, dtype, seed=0):
    """Samples like those of an image: flat here, noisy there."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 1 << 62, shape) * (rng.random(shape) < 0.3)
    return (noise >> rng.choice([0, 40, 55, 60], shape)).astype(dtype)


def decoded(data, shape, dtype, *, module=kernel, **options):
    """What is decoded, which must not have touched a byte on either side of out."""
    out = np.empty(shape, dtype)
    around = np.full(out.nbytes + 64, 0xA5, np.uint8)
    out = around[32 : 32 + out.nbytes].view(dtype).reshape(shape)
    module.decode(data, out, **options)
    assert (around[:32] == 0xA5).all()
    assert (around[32 + out.nbytes :] == 0xA5).all()
    return out


# What is right


def test_packets(twin):
    """The three kinds of PS3.5 G.3.2, and the high byte first."""
    high = b"\x02\x01\x02\x03\xfd\x04"  # 1 2 3, four times 4
    low = b"\x80\xfa\x09\x80"  # seven times 9, between two that say nothing
    out = decoded(frame_of(high, low), (1, 7), "u2", module=twin("rle"))
    assert out.tolist() == [[0x109, 0x209, 0x309, 0x409, 0x409, 0x409, 0x409]]


def test_longest_packets(twin):
    """128 bytes copied and 128 repeated, at the place where they cross from one block to the next too."""
    octets = bytes(range(128))
    for before in (0, 1, 127, 1919, 1920, 2000, 2047, 2048, 4095):
        packets = b"\x00\x07" * before + b"\x7f" + octets + b"\x81\x09" + b"\x00\x08" * 200
        expected = b"\x07" * before + octets + b"\x09" * 128 + b"\x08" * 200
        single = decoded(frame_of(packets), (1, len(expected)), "u1", module=twin("rle"))
        assert single.tobytes() == expected
        double = decoded(frame_of(packets, packets), (1, len(expected)), "u2", module=twin("rle"))
        assert (double == np.frombuffer(expected, "u1") * np.uint16(257)).all()


def shapes():
    for rows, columns in ((1, 1), (1, 129), (37, 23), (3, 4096), (70, 130)):
        yield from ((rows, columns, samples) for samples in (1, 2, 3, 4, 15))
        yield rows, columns
    yield from ((0,), (1,), (300,), (0, 5), (5, 0), (0, 5, 3))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", list(shapes()), ids=str)
def test_round_trip(shape, dtype):
    frame = samples_of(shape, dtype)
    if len(shape) == 3 and shape[2] * frame.itemsize > 15:
        with pytest.raises(OptionError, match="bytes a pixel"):
            kernel.encode(frame)
        return
    data = kernel.encode(frame)
    assert len(data) % 2 == 0
    assert np.array_equal(decoded(data, shape, dtype), frame)
    if len(shape) == 3:
        planes = np.ascontiguousarray(frame.transpose(2, 0, 1))
        assert kernel.encode(planes, planar=True) == data
        assert np.array_equal(decoded(data, planes.shape, dtype, planar=True), planes)
    if frame.size < 10_000:
        assert reference.encode(frame) == data
        assert np.array_equal(decoded(data, shape, dtype, module=reference), frame)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8"])
def test_planes_of_the_twin(dtype):
    planes = samples_of((1, 13, 17), dtype) if dtype == "u8" else samples_of((3, 13, 17), dtype)
    data = reference.encode(planes, planar=True)
    assert data == kernel.encode(planes, planar=True)
    assert np.array_equal(decoded(data, planes.shape, dtype, module=reference, planar=True), planes)


def test_numpy_baseline():
    for shape, dtype in (((30, 40), "u2"), ((30, 40, 3), "u1"), ((30, 40, 3), "i4")):
        frame = samples_of(shape, dtype)
        out = np.empty_like(frame)
        reference.decode_numpy(kernel.encode(frame), out)
        assert np.array_equal(out, frame)


ROWS = arrays(
    np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 400)), elements=st.sampled_from([0, 0, 1, 2, 255])
)


@given(ROWS)
@example(np.zeros((1, 129), np.uint8))  # a run, and one byte that is left
@example(np.repeat(np.arange(100, dtype=np.uint8), 2)[None])  # nothing but pairs
@example(np.arange(300).astype(np.uint8)[None])  # nothing to gain
def test_encoded_row_by_row(frame):
    """Rows have packets of their own (PS3.5 G.3.1), and need no more bytes than to copy them would."""
    data = kernel.encode(frame)
    assert data == reference.encode(frame)
    assert np.array_equal(decoded(data, frame.shape, frame.dtype), frame)
    rows, columns = frame.shape
    assert len(data) <= 64 + rows * (columns + -(-columns // 128)) + 1
    separate = b"".join(kernel.encode(row)[64:] for row in frame)
    assert separate.replace(b"\0", b"") == data[64:].replace(b"\0", b"")  # which have their own padding


def test_of_any_buffer(as_buffer):
    frame = samples_of((20, 30, 3), "u2")
    data = kernel.encode(frame)
    assert np.array_equal(decoded(as_buffer(data), frame.shape, "u2"), frame)
    assert kernel.encode(np.frombuffer(as_buffer(frame.tobytes()), "u2").reshape(frame.shape)) == data


@pytest.mark.parametrize("shift", [1, 2, 5])
def test_unaligned(shift):
    for dtype in ("u2", "u4", "u8"):
        frame = samples_of((20, 300), dtype)
        out = (
            np.empty(frame.nbytes + 8, np.uint8)[shift : shift + frame.nbytes]
            .view(dtype)
            .reshape(frame.shape)
        )
        kernel.decode(kernel.encode(frame), out)
        assert np.array_equal(out, frame)
        assert kernel.encode(out) == kernel.encode(frame)


# What can be right


def test_segments_in_any_order(twin):
    first, second = b"\xfe\x01", b"\x02\x04\x05\x06"
    data = frame_of(second, first, offsets=[68, 64])
    assert decoded(data, (1, 3), "u2", module=twin("rle")).tolist() == [[0x104, 0x105, 0x106]]


@pytest.mark.parametrize("gap", [b"", b"\0", b"\0" * 7, b"\x80", b"\xff"])
def test_odd_and_padded(twin, gap):
    """Of odd length (pydicom#2180), or with a few bytes that decode to nothing."""
    segments = [b"\x02\x04\x05\x06" + gap, b"\xfe\x01" + gap, b"\xff\x02\x00\x03" + gap]
    for shape, dtype in (((1, 3, 3), "u1"), ((3, 1, 3), "u1")):
        out = np.empty(shape, dtype)
        assert twin("rle").decode(frame_of(*segments), out) == 0
        assert out.reshape(3, 3).tolist() == [[4, 1, 2], [5, 1, 2], [6, 1, 3]]


@pytest.mark.parametrize(
    ("rest", "excess"),
    [
        (b"\x00\x01", 1),
        (b"\x01\x02\x03", 2),
        (b"\xfe\x05\x00", 3),
        (b"\x00\x05\x00", 1),
        (b"\x05\x01", 1),
        (b"\x81\x01\x81\x01", 256),
        (b"\x00\x00\x00", 0),
        (b"\x00\x00\x02\x07\x00\x00", 2),
    ],
)
def test_excess(twin, rest, excess):
    """More than is needed is counted and left out, as pydicom and DCMTK do (pydicom#1438)."""
    plain = b"\x01\x05\x06"
    for shape, dtype, planar in (((1, 2), "u1", False), ((1, 2), "u2", False), ((3, 1, 2), "u1", True)):
        planes = shape[0] * np.dtype(dtype).itemsize
        out = np.empty(shape, dtype)
        data = frame_of(*[plain] * (planes - 1), plain + rest)
        assert twin("rle").decode(data, out, planar=planar) == excess
        assert out.tobytes() == b"".join(bytes([value]) * out.itemsize for value in (5, 6)) * shape[0]


def test_last_packet_too_long(twin):
    """A run longer than the row, and a last copy of more bytes than are there: what is needed is."""
    out = np.empty((1, 3), "u1")
    assert twin("rle").decode(frame_of(b"\x81\x07"), out) == 125
    assert out.tolist() == [[7, 7, 7]]
    assert twin("rle").decode(frame_of(b"\x7f\x01\x02\x03"), out) == 0
    assert out.tolist() == [[1, 2, 3]]


def test_unused_offsets_are_not_looked_at(twin):
    data = bytearray(frame_of(b"\xfe\x07"))
    data[8:64] = b"\xff" * 56
    assert decoded(data, (1, 3), "u1", module=twin("rle")).tolist() == [[7, 7, 7]]


# What is wrong


@pytest.mark.parametrize("size", [0, 1, 63])
def test_cut_header(twin, size):
    with pytest.raises(PixelDataError, match=f"64 bytes ends after {size}"):
        twin("rle").decode(bytes(size), np.empty((1, 1), "u1"))


@pytest.mark.parametrize(
    ("found", "shape", "dtype", "wanted"),
    [
        (0, (2, 2), "u1", "1 x 1"),
        (2, (2, 2), "u1", "1 x 1"),
        (0xFFFFFFFF, (2, 2), "u1", "1 x 1"),
        (1, (2, 2), "u2", "1 x 2"),
        (3, (2, 2, 3), "u2", "3 x 2"),
        (15, (2, 2, 16), "u1", "16 x 1"),
        (16, (2, 2, 16), "u1", "16 x 1"),
        (0, (0, 2, 65535), "u8", "65535 x 8"),
    ],
)
def test_wrong_number_of_segments(twin, found, shape, dtype, wanted):
    data = struct.pack("<16I", found, *[64] * 15) + bytes(100)
    with pytest.raises(PixelDataError, match=f"tells of {found} segments; {wanted} bytes"):
        twin("rle").decode(data, np.empty(shape, dtype))


@pytest.mark.parametrize("offset", [0, 1, 63, 85, 0x7FFFFFFF, 0xFFFFFFFF])
def test_offset_that_leads_outside(twin, offset):
    data = frame_of(b"\xfe\x01" * 10, offsets=[64, offset])
    with pytest.raises(PixelDataError, match=rf"segment 2 .*begins at byte {offset} of 84"):
        twin("rle").decode(data, np.empty((1, 3), "u2"))


def test_segments_at_one_place(twin):
    """Which of them it is, nobody can tell: both are empty."""
    data = frame_of(b"\x02\x04\x05\x06", offsets=[64, 64])
    with pytest.raises(PixelDataError, match=r"segment 1 .*gives 0 bytes where 3"):
        twin("rle").decode(data, np.empty((1, 3), "u2"))


@pytest.mark.parametrize("count", [200, 5000, 10_000])
@pytest.mark.parametrize(
    "short", [b"", b"\xfe", b"\xfe\x01", b"\x02\x01\x02", b"\x80" * 300, b"\x7f" + bytes(90)]
)
def test_segment_that_is_too_short(twin, short, count):
    """Samples that are not there are not made up: an error, where DCMTK fills with zeros."""
    given = len(reference.unpack(short, count))
    long = b"\x81\x01" * 80
    for segments, shape, dtype, planar in (
        ((short,), (1, count), "u1", False),
        ((long, short), (1, count), "u2", False),
        ((long, short, long), (1, count, 3), "u1", False),
        ((long, short, long), (3, 1, count), "u1", True),
        ((long, short, long, long), (2, 1, count), "u2", True),
    ):
        number = segments.index(short) + 1
        with pytest.raises(PixelDataError, match=rf"segment {number} .*gives {given} bytes where {count}"):
            twin("rle").decode(frame_of(*segments), np.empty(shape, dtype), planar=planar)


def test_what_cannot_be_decoded_to(twin, strided):
    module = twin("rle")
    data = frame_of(b"\xfe\x01", b"\xfe\x01")
    for out in (
        np.empty((1, 3), ">u2"),
        np.empty((1, 3), "f2"),
        np.empty((1, 3), "f8"),
        np.empty((1, 3), "?"),
    ):
        with pytest.raises(OptionError):
            module.decode(data, out)
    for shape in ((), (1, 1, 3, 1), (1, 3, 0)):
        with pytest.raises(OptionError):
            module.decode(data, np.empty(shape, "u2"))
    with pytest.raises(OptionError):
        module.encode(np.empty((1, 3), "f4"))
    with pytest.raises((BufferError, ValueError)):
        module.decode(data, np.empty((3, 2), "u2").T)
    with pytest.raises((BufferError, ValueError)):
        module.encode(np.empty((3, 2), "u2").T)
    with pytest.raises((BufferError, ValueError)):
        kernel.decode(data, np.zeros((1, 3), "u2").view()[:, ::-1])
    read_only = np.empty((1, 3), "u2")
    read_only.flags.writeable = False
    for out in (read_only, bytes(6)):
        with pytest.raises((BufferError, ValueError)):
            kernel.decode(data, out)
    with pytest.raises((BufferError, ValueError)):
        kernel.decode(strided(data), np.empty((1, 3), "u2"))
    for missing in (None, 5, "text"):
        with pytest.raises(TypeError):
            kernel.decode(missing, np.empty((1, 3), "u2"))
        with pytest.raises(TypeError):
            kernel.decode(data, missing)
        with pytest.raises(TypeError):
            kernel.encode(missing)


def test_overlap():
    data = bytearray(frame_of(b"\xfe\x01") + bytes(10))
    for start in (0, 64, 70, 75):
        with pytest.raises(OptionError, match="overlaps"):
            kernel.decode(data, memoryview(data)[start : start + 1])
    whole = memoryview(data)
    assert kernel.decode(whole[:66], whole[66:69]) == 0
    assert bytes(whole[66:69]) == b"\x01\x01\x01"


# Hostile bytes


def outcome(module, data, shape, dtype, planar):
    """The samples and the excess, or that there is an error."""
    out = np.zeros(shape, dtype)
    try:
        excess = module.decode(data, out, planar=planar)
    except PixelDataError:
        return None
    return excess, out.tobytes()


LAYOUTS = [
    ((9, 31), "u1", False), ((9, 31), "u2", False), ((9, 31), "u4", False), ((9, 31), "u8", False),
    ((9, 31, 3), "u1", False), ((3, 9, 31), "u1", True), ((9, 31, 2), "u2", False), ((2, 9, 31), "u2", True),
]  # fmt: skip


@given(st.sampled_from(LAYOUTS), st.data())
def test_any_packets(layout, data):
    """The twin's samples, excess and errors, whatever the segments hold."""
    shape, dtype, planar = layout
    count = (shape[0] if planar else shape[2] if len(shape) == 3 else 1) * np.dtype(dtype).itemsize
    segments = data.draw(st.lists(st.binary(max_size=120), min_size=count, max_size=count))
    repeated = [segment * data.draw(st.sampled_from((1, 1, 5, 30))) for segment in segments]
    frame = np.frombuffer(frame_of(*repeated), np.uint8).copy()  # a block of its own for AddressSanitizer
    assert outcome(kernel, frame, *layout) == outcome(reference, frame, *layout)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_truncated(layout):
    shape, dtype, planar = layout
    data = kernel.encode(samples_of(shape, dtype), planar=planar)
    for cut in sorted({len(data) * part // 20 for part in range(20)} | set(range(len(data) - 20, len(data)))):
        frame = np.frombuffer(data[:cut], np.uint8).copy()
        assert outcome(kernel, frame, *layout) == outcome(reference, frame, *layout)
    assert outcome(kernel, data[: len(data) // 2], *layout) is None


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_changed_bytes(layout):
    """2,000 frames with one to four bytes changed, half of them in the header."""
    shape, dtype, planar = layout
    data = kernel.encode(samples_of(shape, dtype), planar=planar)
    choose = random.Random(4)
    failed = 0
    for _ in range(2000 // len(LAYOUTS)):
        frame = np.frombuffer(data, np.uint8).copy()
        for _ in range(choose.randint(1, 4)):
            frame[choose.randrange(choose.choice((20, len(data))))] = choose.randrange(256)
        result = outcome(kernel, frame, *layout)
        assert result == outcome(reference, frame, *layout)
        failed += result is None
    assert failed > 20


def test_hostile_header_is_fast():
    """An image of 4 GiB from 66 bytes: refused before it is written."""
    with pytest.raises(PixelDataError, match="gives 3 bytes where 67108864"):
        kernel.decode(frame_of(b"\xfe\x01", b"\xfe\x01"), np.empty((8192, 8192), "u2"))


# Other implementations


def of_imagecodecs(data, shape, dtype):
    planes = np.frombuffer(imagecodecs.dicomrle_decode(data, np.dtype(dtype).str.replace("|", "<")), dtype)
    return (
        planes.reshape(shape[2], *shape[:2]).transpose(1, 2, 0) if len(shape) == 3 else planes.reshape(shape)
    )


def data_set(frame, data):
    """A file in memory that holds the frame."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = RLELossless
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    ds.Rows, ds.Columns = frame.shape[:2]
    ds.SamplesPerPixel = 3 if frame.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if frame.ndim == 3 else "MONOCHROME2"
    if frame.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = frame.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(frame.dtype.kind == "i")
    ds.PixelData = encapsulate([data])
    ds["PixelData"].VR = "OB"
    return ds


FRAMES = [((70, 301), "u1"), ((70, 301), "i2"), ((70, 301), "u4"), ((70, 301, 3), "u1"), ((70, 301, 3), "u2")]


@pytest.mark.parametrize(("shape", "dtype"), FRAMES, ids=str)
def test_encoded_for_others(shape, dtype, dcmtk, tmp_path):
    """pydicom, imagecodecs and DCMTK decode what we encode."""
    frame = samples_of(shape, dtype)
    data = kernel.encode(frame)
    assert np.array_equal(of_imagecodecs(data, shape, dtype), frame)
    ds = data_set(frame, data)
    theirs, _ = get_decoder(RLELossless).as_array(ds, raw=True, decoding_plugin="pydicom")
    assert np.array_equal(theirs, frame)
    file = BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    (tmp_path / "rle.dcm").write_bytes(file.getvalue())
    dcmtk("dcmdrle", tmp_path / "rle.dcm", tmp_path / "native.dcm")
    native = pydicom.dcmread(tmp_path / "native.dcm").PixelData
    assert native[: frame.nbytes] == frame.tobytes()


@pytest.mark.parametrize(("shape", "dtype"), FRAMES, ids=str)
def test_encoded_by_others(shape, dtype, dcmtk, tmp_path):
    frame = samples_of(shape, dtype, seed=1)
    ds = data_set(frame, bytes(2))
    if frame.itemsize < 4:  # pydicom encodes no more
        ds.compress(RLELossless, frame, encoding_plugin="pydicom")
        (data,) = generate_frames(ds.PixelData, number_of_frames=1)
        assert np.array_equal(decoded(data, shape, dtype), frame)
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.PixelData = frame.tobytes()
    ds["PixelData"].VR = "OW"
    ds["PixelData"].is_undefined_length = False
    ds.save_as(tmp_path / "native.dcm", enforce_file_format=True)
    dcmtk("dcmcrle", tmp_path / "native.dcm", tmp_path / "rle.dcm")
    (data,) = generate_frames(pydicom.dcmread(tmp_path / "rle.dcm").PixelData, number_of_frames=1)
    assert np.array_equal(decoded(data, shape, dtype), frame)


@pytest.mark.corpus(lambda file: file.row["transfer_syntax"] == RLELossless)
def test_corpus(corpus_file):
    ds = pydicom.dcmread(corpus_file.path)
    bits, number = ds.BitsAllocated, int(ds.get("NumberOfFrames", 1))
    shape = (ds.Rows, ds.Columns, ds.SamplesPerPixel)
    if bits == 1:  # packed
        shape = (-(-ds.Rows * ds.Columns // 8), 1, 1)
    dtype = f"{'i' if ds.PixelRepresentation else 'u'}{max(bits // 8, 1)}"
    theirs = None
    if bits > 1:
        theirs, _ = get_decoder(RLELossless).as_array(ds, raw=True, decoding_plugin="pydicom")
        theirs = theirs.reshape(number, *shape)
    for index, data in enumerate(generate_frames(ds.PixelData, number_of_frames=number)):
        frame = decoded(data, shape, dtype)
        assert np.array_equal(frame, of_imagecodecs(data, shape, dtype))
        assert theirs is None or np.array_equal(frame, theirs[index])
        planes = decoded(data, (shape[2], *shape[:2]), dtype, planar=True)
        assert np.array_equal(planes.transpose(1, 2, 0), frame)
        assert np.array_equal(decoded(kernel.encode(frame), shape, dtype), frame)
        if bits == 1:
            assert np.array_equal(decoded(data, shape[:1], "u1"), frame.reshape(-1))


# Threads


def test_threads():
    frames = [samples_of((300, 200, 3), "u1", seed) for seed in range(4)]
    encoded = [kernel.encode(frame) for frame in frames]
    outs = [np.empty_like(frame) for frame in frames]

    def work(data, out):
        for _ in range(20):
            kernel.decode(data, out)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(encoded, outs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(out, frame) for out, frame in zip(outs, frames, strict=True))


# Many frames


class TestFrames:
    @pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4"])
    @pytest.mark.parametrize("bits", [(5, 4), (6, 7), (8, 7)])
    @pytest.mark.parametrize("inner", [(6, 9), (4, 5, 3)])
    def test_are_decoded_and_masked(self, dtype, bits, inner):
        frames = samples_of((4, *inner), dtype)
        encoded = [kernel.encode(frame) for frame in frames]
        out = np.empty_like(frames)
        signed = dtype.startswith("i")
        assert kernel.decode_frames([encoded[0], *map(memoryview, encoded[1:])], out, *bits, signed) == 4
        mask(frames, *bits, signed=signed)
        assert np.array_equal(out, frames)

    @pytest.mark.parametrize("number", [0, 2, 3])
    @pytest.mark.parametrize("broken", [b"", b"no RLE at all", frame_of(b"\x00\x01"), "short", "excess"])
    def test_stop_at_one_that_is_not_as_it_should_be(self, number, broken):
        frames = samples_of((4, 8, 8), "u1")
        encoded = [kernel.encode(frame) for frame in frames]
        if broken == "short":
            broken = encoded[number][:-20]
        elif broken == "excess":
            broken = kernel.encode(np.append(frames[number], frames[number]))
        encoded[number] = broken
        out = np.zeros_like(frames)
        assert kernel.decode_frames(encoded, out, 8, 7, False) == number
        assert np.array_equal(out[:number], frames[:number])
        assert not out[number + 1 :].any()

    def test_of_other_shapes_or_bits_are_refused(self):
        frames = samples_of((2, 8, 8), "u2")
        encoded = [kernel.encode(frame) for frame in frames]
        for out in (frames[0], frames[:1], frames.astype("f4")):
            with pytest.raises(OptionError):
                kernel.decode_frames(encoded, out, 16, 15, False)
        for bits in ((0, 15), (17, 16), (12, 10), (16, 16)):
            with pytest.raises(OptionError, match="stored bits"):
                kernel.decode_frames(encoded, frames, *bits, False)
        with pytest.raises(OptionError, match="overlaps"):
            kernel.decode_frames([encoded[0], frames.data.cast("B")], frames, 16, 15, False)
        with pytest.raises(TypeError):
            kernel.decode_frames([encoded[0], 5], np.empty_like(frames), 16, 15, False)
        assert kernel.decode_frames([], frames[:0], 16, 15, False) == 0
