"""Encapsulated frames to arrays: against pydicom and DCMTK, and by what the interface promises."""

import hashlib
import random
from functools import partial

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate

import generate
import hounsfield as hu
from framed import fragments, image, offsets_of
from hounsfield._kernels import color, rle

SYNTAX = "1.2.840.10008.1.2."
JPEG = {f"{SYNTAX}4.{end}" for end in ("50", "51", "53", "55")}
LOSSY = JPEG | {f"{SYNTAX}4.{end}" for end in ("91", "203")}
JPEG_LS = {f"{SYNTAX}4.80", f"{SYNTAX}4.81"}


def encapsulated(file):
    return not file.native and file.row["rows"] != ""


def is_lossy(file):
    return file.row["transfer_syntax"] in LOSSY


@pytest.mark.corpus(lambda file: encapsulated(file) and file.decodes)
def test_shape_and_dtype_are_those_of_pydicom(corpus_file):
    row = corpus_file.row
    ds = hu.read(corpus_file.path)
    plan = ds.pixel_plan()
    array = ds.pixel_array
    assert array.shape == plan.shape == tuple(map(int, row["pydicom_shape"].split("x")))
    assert array.dtype == plan.dtype == np.dtype(row["pydicom_dtype"])
    assert plan.nbytes == array.nbytes
    assert plan.output_photometric_interpretation == (
        "RGB" if array.shape[-1] == 3 and row["samples"] == "3" else row["photometric"]
    )


@pytest.mark.corpus(lambda file: encapsulated(file) and file.decodes and not is_lossy(file))
def test_lossless_samples_are_those_of_pydicom(corpus_file):
    array = hu.read(corpus_file.path).pixel_array
    assert hashlib.sha1(array.tobytes()).hexdigest() == corpus_file.row["pydicom_sha1"]


@pytest.mark.corpus(lambda file: encapsulated(file) and file.row["dcmtk_decodes"] == "1")
def test_stored_samples_are_those_of_dcmtk(corpus_file, dcmtk, tmp_path):
    """Colours not converted: those of JPEG within 1, as the inverse DCT is not the same to the last bit."""
    syntax = corpus_file.row["transfer_syntax"]
    native = tmp_path / "native.dcm"
    if syntax == f"{SYNTAX}5":
        dcmtk("dcmdrle", corpus_file.path, native)
    elif syntax in JPEG_LS:
        dcmtk("dcmdjpls", corpus_file.path, native)
    else:
        dcmtk("dcmdjpeg", "+cn", corpus_file.path, native)
    expected = hu.read(native).pixels(raw=True).astype(int)
    found = hu.read(corpus_file.path).pixels(raw=True).astype(int)
    assert np.abs(found - expected).max() <= (1 if syntax in JPEG else 0)


@pytest.fixture
def several(pydicom_path):
    """Thirty frames of JPEG in colour."""
    return hu.read(pydicom_path("examples_ybr_color.dcm"))


class TestFrames:
    def test_each_is_what_it_is_among_all(self, several):
        whole = several.pixel_array
        assert whole.shape == (30, 240, 320, 3)
        for number in (0, 7, -1):
            assert np.array_equal(several.pixels(number), whole[number])

    @pytest.mark.parametrize(
        "frame", [slice(3, 9, 2), [5, 5, 0], np.array([2, 1]), range(4), slice(8, 8), []]
    )
    def test_some(self, several, frame):
        found = several.pixels(frame)
        assert np.array_equal(found, several.pixel_array[frame if len(found) else slice(0)])

    def test_native_ones_in_any_order(self, pydicom_path):
        ds = hu.read(pydicom_path("rtdose.dcm"))
        whole = ds.pixel_array
        for frame in (1, [1, 0], slice(None, None, -1), [0, 1, 1]):
            assert np.array_equal(ds.pixels(frame), whole[frame])

    @pytest.mark.parametrize("frame", [30, -31, [0, 30]])
    def test_that_are_not_there(self, several, frame):
        with pytest.raises(hu.OptionError, match="there are 30"):
            several.pixels(frame)

    @pytest.mark.parametrize("frame", [True, [True, False] * 15, np.arange(30) > 3])
    def test_are_not_chosen_by_a_mask(self, several, frame):
        """Whose values are 1 and 0: not the frames that are meant."""
        with pytest.raises(TypeError):
            several.pixels(frame)

    @pytest.mark.parametrize("threads", [2, 3, 64])
    def test_on_threads(self, several, threads):
        assert np.array_equal(several.pixels(threads=threads), several.pixels())

    def test_an_error_on_a_thread_is_raised(self, pydicom_path):
        data = bytearray(pydicom_path("examples_ybr_color.dcm").read_bytes())
        offset, _ = hu.read(bytes(data)).frames[11].ranges[0]
        data[offset : offset + 2] = b"no"
        with pytest.raises(hu.PixelDataError, match="frame 11: ") as caught:
            hu.read(bytes(data)).pixels(threads=2)
        assert caught.value.offset == offset
        assert caught.value.tag == 0x7FE00010


def frames_of(shape=(12, 24, 20, 1), dtype="u2", seed=4):
    """Frames that are alike, and of 12 bits."""
    rng = np.random.default_rng(seed)
    return (1000 + np.cumsum(rng.integers(-3, 4, shape), 2)).astype(dtype)


ENCODERS = {
    "1.2.840.10008.1.2.5": lambda frame: rle.encode(np.ascontiguousarray(frame)),
    "1.2.840.10008.1.2.4.70": lambda frame: imagecodecs.jpeg8_encode(frame, lossless=True, predictor=1),
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode,
    "1.2.840.10008.1.2.4.90": lambda frame: imagecodecs.jpeg2k_encode(
        frame, codecformat="j2k", reversible=True
    ),
    "1.2.840.10008.1.2.4.201": lambda frame: imagecodecs.htj2k_encode(frame, reversible=True),
}


def outcome(decode, ds):
    """What is decoded, or the message of the error."""
    try:
        return decode(ds)
    except hu.DicomError as error:
        return error.message


class TestFramesThatAreAlike:
    """What is settled for one frame is not asked again of those like it."""

    @pytest.mark.parametrize("threads", [1, 2, 5])
    @pytest.mark.parametrize("syntax", ENCODERS)
    @pytest.mark.parametrize("table", [True, False])
    def test_are_all_decoded(self, tmp_path, syntax, threads, table):
        frames = frames_of()
        encoded = generate.each_frame(frames, ENCODERS[syntax])
        path = tmp_path / "image.dcm"
        path.write_bytes(generate.file(frames, syntax, encapsulate(encoded, has_bot=table), BitsStored=12))
        ds = hu.read(path)
        expected = frames[..., 0] & 0xFFF
        assert np.array_equal(ds.pixels(threads=threads), expected)
        some = [11, 3, 4, 5, 0, 0, 7, 8]
        assert np.array_equal(ds.pixels(some, threads=threads), expected[some])
        assert np.array_equal(hu.read(path.read_bytes()).pixels(threads=threads), expected)

    @pytest.mark.parametrize("threads", [1, 3])
    @pytest.mark.parametrize("syntax", ENCODERS)
    @pytest.mark.parametrize("number", [0, 5, 11])
    def test_but_for_one_that_is_broken(self, tmp_path, syntax, threads, number):
        frames = frames_of()
        encoded = generate.each_frame(frames, ENCODERS[syntax])
        encoded[number] = encoded[number][: len(encoded[number]) // 2]
        path = tmp_path / "image.dcm"
        path.write_bytes(generate.file(frames, syntax, encapsulate(encoded), BitsStored=12))
        with pytest.raises(hu.PixelDataError, match=f"frame {number}: ") as caught:
            hu.read(path).pixels(threads=threads)
        assert caught.value.offset >= hu.read(path).frames[number].ranges[0][0]

    @pytest.mark.parametrize("threads", [1, 3])
    def test_but_for_those_that_are_encoded_otherwise(self, tmp_path, threads):
        """Each by another codec or with other headers, and what is wrong with it is noted."""
        frames = frames_of()
        ways = list(ENCODERS.values())
        encoded = [
            bytes(ways[number % 5 if number % 3 else 2](frame[..., 0])) for number, frame in enumerate(frames)
        ]
        path = tmp_path / "image.dcm"
        path.write_bytes(generate.file(frames, "1.2.840.10008.1.2.4.80", encapsulate(encoded)))
        ds = hu.read(path)
        assert np.array_equal(ds.pixels(threads=threads), frames[..., 0])
        assert "the frames are RLE, which the transfer syntax does not say" in str(ds.warnings)
        assert "the transfer syntax says jpeg-ls, the codestream is jpeg2000" in str(ds.warnings)
        assert "the transfer syntax says jpeg-ls, the codestream is htj2k" in str(ds.warnings)

    @pytest.mark.parametrize("threads", [1, 3])
    def test_of_colour_become_rgb(self, tmp_path, threads):
        frames = generate.smooth(frames=9)
        data = generate.encapsulated(
            frames,
            "1.2.840.10008.1.2.5",
            lambda frame: rle.encode(np.ascontiguousarray(frame)),
            PhotometricInterpretation="YBR_FULL",
        )
        path = tmp_path / "image.dcm"
        path.write_bytes(data)
        ds = hu.read(path)
        assert np.array_equal(ds.pixels(raw=True, threads=threads), frames)
        rgb = np.empty_like(frames)
        color.ybr_full_to_rgb(frames, rgb)
        assert np.array_equal(ds.pixels(threads=threads), rgb)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of imagecodecs
    @pytest.mark.parametrize("syntax", ENCODERS)
    def test_give_what_each_gives_alone_whatever_is_broken(self, tmp_path, syntax):
        frames = frames_of((5, 24, 20, 1))
        encoded = generate.each_frame(frames, ENCODERS[syntax])
        whole = generate.file(frames, syntax, encapsulate(encoded), BitsStored=12)
        start = hu.read(whole).frames[0].ranges[0][0]
        chance = random.Random(syntax)
        path = tmp_path / "image.dcm"
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 3)):
                data[chance.randrange(start, len(data))] = chance.randrange(256)
            path.write_bytes(data)
            alone = hu.read(bytes(data))
            expected = outcome(lambda ds: [ds.pixels(number) for number in range(len(ds.frames))], alone)
            found = outcome(lambda ds: list(ds.pixels()), hu.read(path))
            assert type(found) is type(expected)
            assert np.array_equal(found, expected)

    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("numbers", [None, [0, 1], [1, 0]])
    def test_whichever_comes_first_where_a_fragment_is_too_long(self, numbers, threads):
        """A fragment of the first frame is said to reach beyond the second, which the table leads to."""
        one, two = (rle.encode(np.full((4, 5), value, np.uint8)) for value in (1, 2))
        encoded = [[one[:64], one[64:66], one[66:]], [two]]
        length = len(one[66:]).to_bytes(4, "little")
        longer = (len(one[66:]) + 8 + len(two)).to_bytes(4, "little")
        data = fragments(encoded, offsets_of(encoded)).replace(length + one[66:], longer + one[66:])
        ds = hu.read(image(data, 2, f"{SYNTAX}5"))
        assert (hu.read(image(data, 2, f"{SYNTAX}5")).pixels(1) == 2).all()
        for number, samples in zip(numbers or [0, 1], ds.pixels(numbers, threads=threads), strict=True):
            assert (samples == number + 1).all()
        assert "Offset Table does not lead to where frames begin" in str(ds.warnings)

    def test_of_rle_with_bytes_in_excess_are_noted(self, tmp_path):
        frames = frames_of(dtype="u2")
        encoded = [rle.encode(np.ascontiguousarray(frame[..., 0])) for frame in frames]
        encoded[7] = rle.encode(np.concatenate([frames[7, ..., 0]] * 2))
        path = tmp_path / "image.dcm"
        path.write_bytes(generate.file(frames, "1.2.840.10008.1.2.5", encapsulate(encoded)))
        ds = hu.read(path)
        assert np.array_equal(ds.pixels(), frames[..., 0])
        assert "bytes more than there are samples" in str(ds.warnings)


@pytest.mark.parametrize("end", ["1", "4.70", "4.90"])
def test_rle_whatever_the_transfer_syntax_says(end):
    frames = np.arange(40, dtype=np.uint8).reshape(2, 4, 5)
    encoded = [[rle.encode(frame)] for frame in frames]
    ds = hu.read(image(fragments(encoded), 2, SYNTAX + end))
    assert ds.pixel_plan().codec == "rle"
    assert np.array_equal(ds.pixels(), frames)
    assert "the frames are RLE, which the transfer syntax does not say" in str(ds.warnings)


def test_what_follows_the_samples_of_an_uncompressed_frame_is_noted():
    """It may be a codestream, whatever the transfer syntax says."""
    frames = [[bytes(range(20)) + bytes(extra)] for extra in (0, 6)]
    ds = hu.read(image(fragments(frames), 2, f"{SYNTAX}1.98"))
    assert ds.pixels(0).tobytes() == bytes(range(20))
    assert not ds.warnings
    assert ds.pixels(1).tobytes() == bytes(range(20))
    assert "6 bytes follow the samples of a frame and were left out" in str(ds.warnings)


class TestOut:
    def test_is_filled_and_returned(self, several):
        out = np.full((2, 240, 320, 3), 7, np.uint8)
        assert several.pixels([4, 2], out=out) is out
        assert np.array_equal(out, several.pixel_array[[4, 2]])

    @pytest.mark.parametrize(
        "out",
        [
            np.empty((240, 320, 3), np.int8),
            np.empty((240, 320), np.uint8),
            np.empty((240, 320, 6), np.uint8)[:, :, ::2],
            np.broadcast_to(np.uint8(0), (240, 320, 3)),
        ],
    )
    def test_that_cannot_be_used(self, several, out):
        with pytest.raises(hu.OptionError, match="out must be"):
            several.pixels(0, out=out)

    def test_of_another_library(self, several, pydicom_path):
        """Buffers and tensors are filled in place, first frames and others; what gives copies is refused."""

        class Tensor:
            def __init__(self, shape, kind):
                self.data = np.zeros(shape, kind)

            def __array__(self, dtype=None, copy=None):
                return self.data

        for ds, frame in ((several, 3), (several, 0), (hu.read(pydicom_path("CT_small.dcm")), None)):
            expected = ds.pixels(frame)
            tensor = Tensor(expected.shape, expected.dtype)
            ds.pixels(frame, out=tensor)
            np.testing.assert_array_equal(tensor.data, expected)
            levels = np.asarray(ds.render(frame=frame))
            octets = bytearray(levels.size)
            ds.render(frame=frame, out=memoryview(octets).cast("B", levels.shape))
            assert bytes(octets) == levels.tobytes()
            values = Tensor(expected.shape, np.float32)
            assert ds.modality_values(frame=frame, out=values) is values.data
            np.testing.assert_array_equal(values.data, ds.modality_values(frame=frame))

        class OnDisk(Tensor):
            def __array__(self, dtype=None, copy=None):
                return self.data.copy()

        class OnDevice:
            def __array__(self, dtype=None, copy=None):
                raise RuntimeError("copy it to the host first")

        disk = OnDisk((240, 320, 3), np.uint8)
        for do in (several.pixels, several.render, several.modality_values):
            with pytest.raises(hu.OptionError, match="copies"):
                do(frame=0, out=disk)
            with pytest.raises(
                hu.OptionError, match="OnDevice that cannot be written to: copy it to the host"
            ):
                do(frame=0, out=OnDevice())
            with pytest.raises(TypeError, match="into str"):
                do(frame=0, out="nothing")

    def test_that_is_refused_for_what_it_is(self, several):
        out = np.empty((240, 320, 3), np.uint8)
        out.flags.writeable = False
        with pytest.raises(hu.OptionError, match=r"unlike uint8 \(240, 320, 3\) that is read-only"):
            several.pixels(0, out=out)
        with pytest.raises(hu.OptionError, match=r"3\) with strides \(1, 240, 76800\)"):
            several.pixels(0, out=np.empty((240, 320, 3), np.uint8, order="F"))


class TestPlan:
    def test_tells_what_comes(self, several):
        plan = several.pixel_plan()
        array = several.pixel_array
        assert (plan.shape, plan.dtype, plan.nbytes) == (array.shape, array.dtype, array.nbytes)
        assert (plan.codec, plan.lossless) == ("jpeg", False)
        assert plan.photometric_interpretation == "YBR_FULL_422"
        assert plan.output_photometric_interpretation == "RGB"
        assert several.pixel_plan(raw=True).output_photometric_interpretation == "YBR_FULL"
        assert plan.encoded_bytes == sum(len(several.encoded_frame(number)) for number in range(30))

    def test_of_native(self, pydicom_path):
        plan = hu.read(pydicom_path("CT_small.dcm")).pixel_plan(reduce=1)
        assert plan.shape == (128, 128)
        assert (plan.codec, plan.lossless, plan.reduce, plan.reduced_by) == ("native", True, 1, "nothing")

    @pytest.mark.parametrize("keyword", ["Rows", "Columns"])
    def test_says_what_cannot_be(self, keyword, pydicom_path):
        data = bytearray(pydicom_path("SC_rgb_jpeg_gdcm.dcm").read_bytes())
        at = hu.read(bytes(data))[keyword].offset
        data[at : at + 2] = b"\xff\x7f"
        for ask in (hu.Dataset.pixel_plan, lambda ds: ds.pixels(max_pixels=1 << 40)):
            with pytest.raises(hu.PixelDataError, match="the data set says 32767") as caught:
                ask(hu.read(bytes(data)))
            assert caught.value.tag == 0x7FE00010


class TestColors:
    """Of three samples, or four, in whatever way they are encoded."""

    SIZE = 6, 9

    def encoded(self, codec, color, samples=3, bits=8):
        array = generate.picture(bits, samples, 2, rows=self.SIZE[0], columns=self.SIZE[1])
        if codec == "rle":
            ds = generate.dataset(array)
            ds.compress(generate.RLE, encoding_plugin="pydicom", generate_instance_uid=False)
            ds.PhotometricInterpretation = color
            return array, hu.read(generate.written(ds))
        encode, syntax = {
            "plain": (np.ndarray.tobytes, f"{SYNTAX}1.98"),
            "jpeg-ls": (imagecodecs.jpegls_encode, f"{SYNTAX}4.80"),
        }[codec]
        data = generate.encapsulated(array, syntax, encode, PhotometricInterpretation=color)
        return array, hu.read(data)

    @pytest.mark.parametrize(
        ("codec", "color", "samples", "kind"),
        [
            ("rle", "HSV", 3, hu.UnsupportedError),
            *(
                (codec, color, samples, kind)
                for codec in ("plain", "jpeg-ls")
                for color, samples, kind in (
                    ("HSV", 3, hu.UnsupportedError),
                    ("ARGB", 4, hu.UnsupportedError),
                    ("CMYK", 4, hu.UnsupportedError),
                    ("RGB", 4, hu.PixelDataError),
                )
            ),
            ("rle", "YBR_RCT", 3, hu.PixelDataError),
            ("plain", "YBR_ICT", 3, hu.PixelDataError),
        ],
    )
    def test_that_are_not_converted(self, codec, color, samples, kind):
        array, ds = self.encoded(codec, color, samples)
        for ask in (ds.pixels, ds.pixel_plan):
            with pytest.raises(kind, match=f"{color}.*raw=True"):
                ask()
        assert np.array_equal(ds.pixels(raw=True), array)
        assert ds.pixel_plan(raw=True).output_photometric_interpretation == color

    @pytest.mark.parametrize("codec", ["plain", "jpeg-ls"])
    def test_that_are_not_converted_is_said_alike_of_files_and_bytes(self, codec, tmp_path):
        encode = imagecodecs.jpegls_encode if codec == "jpeg-ls" else np.ndarray.tobytes
        syntax = f"{SYNTAX}4.80" if codec == "jpeg-ls" else f"{SYNTAX}1.98"
        array = generate.picture(8, 4, 2)
        data = generate.encapsulated(array, syntax, encode, PhotometricInterpretation="RGB")
        path = tmp_path / "image.dcm"
        path.write_bytes(data)
        for source in (data, path):
            with pytest.raises(hu.PixelDataError) as caught:
                hu.read(source).pixels()
            assert caught.value.message.startswith("4 samples a pixel with RGB")
            assert caught.value.tag == 0x00280002

    @pytest.mark.parametrize("codec", ["rle", "plain", "jpeg-ls"])
    def test_that_are_too_wide(self, codec):
        array, ds = self.encoded(codec, "YBR_FULL", bits=16)
        for ask in (ds.pixels, ds.pixel_plan):
            with pytest.raises(hu.PixelDataError, match=r"YBR_FULL with .*samples of 16 bits.*raw=True"):
                ask()
        assert np.array_equal(ds.pixels(raw=True), array)

    @pytest.mark.parametrize("color", ["YBR_PARTIAL_422", "YBR_PARTIAL_420"])
    @pytest.mark.parametrize("codec", ["rle", "jpeg-ls"])
    def test_of_partial_range_that_are_not_subsampled(self, codec, color):
        array, ds = self.encoded(codec, color)
        exact = (array - np.array([16, 128, 128])) @ np.array(
            [[255 / 219] * 3, [0, -0.39176, 2.01723], [1.59603, -0.81297, 0]]
        )
        assert np.abs(ds.pixels() - exact.clip(0, 255)).max() < 0.51
        assert np.array_equal(ds.pixels(raw=True), array)

    @pytest.mark.parametrize("codec", ["plain", "jpeg-ls"])
    def test_without_planar_configuration(self, codec):
        """It says nothing of codestreams: DCMTK and ITK read those that have none."""
        array = generate.picture(8, 3, 2)
        syntax, encode = {
            "plain": (f"{SYNTAX}1.98", np.ndarray.tobytes),
            "jpeg-ls": (f"{SYNTAX}4.80", imagecodecs.jpegls_encode),
        }[codec]
        ds = hu.read(generate.encapsulated(array, syntax, encode, PlanarConfiguration=None))
        if codec == "plain":
            with pytest.raises(hu.PixelDataError, match="PlanarConfiguration is needed"):
                ds.pixels()
        else:
            assert np.array_equal(ds.pixels(), array)
            assert any("does not matter" in each for each in ds.warnings)

    def test_subsampled_of_odd_width(self):
        """In JPEG any width can be subsampled, and Rows and Columns are those of the image."""
        array = generate.smooth(3, 2, rows=7, columns=9)
        encode = partial(imagecodecs.jpeg8_encode, level=98, subsampling="422")
        options = {"PhotometricInterpretation": "YBR_FULL_422"}
        ds = hu.read(generate.encapsulated(array, f"{SYNTAX}4.50", encode, **options))
        assert np.abs(ds.pixel_array.astype(int) - array).max() <= 8
        with pytest.raises(hu.PixelDataError, match="YBR_FULL_422 with 3 samples of 8 bits in 6 x 9 pixels"):
            self.encoded("plain", "YBR_FULL_422")[1].pixels()

    @pytest.mark.parametrize("color", ["RGB", "YBR_FULL"])
    @pytest.mark.parametrize("codec", ["rle", "plain"])
    def test_that_are_raw(self, codec, color):
        ds = self.encoded(codec, color)[1]
        assert ds.pixel_plan(raw=True).output_photometric_interpretation == color
        assert ds.pixel_plan().output_photometric_interpretation == "RGB"

    @pytest.mark.parametrize(
        ("case", "raw"),
        [
            ("native-planar-8", "RGB"),
            ("native-YBR_FULL", "YBR_FULL"),
            ("native-YBR_FULL_422", "YBR_FULL"),  # each sample is given at its pixel
            ("native-YBR_PARTIAL_422", "YBR_PARTIAL_422"),
        ],
    )
    def test_that_are_raw_and_native(self, case, raw):
        ds = hu.read(generate.case(case).data)
        assert ds.pixel_plan(raw=True).output_photometric_interpretation == raw
        assert ds.pixel_plan().output_photometric_interpretation == "RGB"


class TestReduce:
    def test_htj2k_by_the_codestream(self, corpus):
        ds = hu.read(next(corpus.rglob("MR2_JPH")))
        for reduce in (1, 2, 3):
            small = ds.pixels(reduce=reduce)
            assert small.shape == ds.pixel_plan(reduce=reduce).shape == (1024 >> reduce, 1024 >> reduce)
            assert ds.pixel_plan(reduce=reduce).reduced_by == "codec"
            step = 1 << reduce
            means = ds.pixel_array.reshape(1024 >> reduce, step, 1024 >> reduce, step).mean((1, 3))
            assert np.corrcoef(small.ravel(), means.ravel())[0, 1] > 0.9

    @pytest.mark.parametrize("which", [None, 3, [3, 0]])
    def test_frames_that_are_components(self, which):
        """As in JPEG 2000 Part 2; here in HTJ2K, which any imagecodecs can reduce."""
        array = generate.picture(8, 1, 4, rows=32, columns=48)
        encode = partial(imagecodecs.htj2k_encode, reversible=True)
        twos = array[..., 0].reshape(2, 2, 32, 48).transpose(0, 2, 3, 1)
        two, one = generate.each_frame(np.ascontiguousarray(twos), encode), generate.each_frame(array, encode)
        ds, plain = (
            hu.read(generate.file(array, f"{SYNTAX}4.{end}", encapsulate(frames)))
            for end, frames in (("92", two), ("201", one))
        )
        assert np.array_equal(ds.pixels(which, reduce=1), plain.pixels(which, reduce=1))
        assert ds.pixel_plan(reduce=1).shape == (4, 16, 24)

    def test_else_in_full(self, several):
        assert several.pixel_plan(reduce=2).reduced_by == "nothing"
        assert np.array_equal(several.pixels(0, reduce=2), several.pixels(0))

    @pytest.mark.parametrize("reduce", [-1, 33])
    def test_out_of_range(self, several, reduce):
        with pytest.raises(hu.OptionError, match="reduce"):
            several.pixels(reduce=reduce)


def test_more_than_allowed_is_an_error_before_memory_is_taken(several):
    with pytest.raises(hu.LimitError, match="30 x 240 x 320 x 3 samples are more than max_pixels=1000"):
        several.pixels(max_pixels=1000)


@pytest.mark.parametrize(
    ("keyword", "message"), [("Rows", "240 rows.* 238"), ("Columns", "320 columns.* 238")]
)
def test_what_contradicts_the_codestream(pydicom_path, keyword, message):
    data = bytearray(pydicom_path("examples_ybr_color.dcm").read_bytes())
    element = hu.read(bytes(data))[keyword]
    data[element.offset : element.offset + 2] = (238).to_bytes(2, "little")
    with pytest.raises(hu.PixelDataError, match=message):
        hu.read(bytes(data)).pixels(0)


def test_render_decodes_one_frame(several):
    assert np.array_equal(several.render(frame=3), several.pixels(3))
    assert several._pixels is None  # nothing was kept


def test_what_nobody_has(generated):
    """Files made by other encoders: every transfer syntax and layout that no real file at hand has."""
    ds = hu.read(generated.data)
    found = ds.pixel_array
    assert found.shape == generated.expected.shape
    assert found.dtype == generated.expected.dtype
    if generated.tolerance == 0:
        assert np.array_equal(found, generated.expected, equal_nan=found.dtype.kind == "f")
    else:
        difference = np.abs(found.astype(float) - generated.expected.astype(float))
        assert difference.max() <= generated.tolerance
        assert difference.mean() <= generated.mean
    plan = ds.pixel_plan()
    assert (plan.shape, plan.dtype) == (found.shape, found.dtype)


@pytest.mark.generated(*(name for name in generate.names("jpeg2000-") if "-components-" in name))
def test_frames_as_components_of_one_codestream(generated):
    """PS3.5 Section A.4.4: there are fewer codestreams than frames, and that is right."""
    ds = hu.read(generated.data, strict=True)
    assert len(ds.frames) == 1
    found = ds.pixels([1, 0]).astype(int)
    assert np.abs(found - generated.expected[[1, 0]]).max() <= generated.tolerance
    assert ds.pixel_plan().frames == len(generated.expected)
    assert ds.warnings == ()


def test_too_few_components():
    made = generate.case("jpeg2000-5-components-u8-lossless")
    data = made.data.replace(b"IS\x02\x005 ", b"IS\x02\x006 ")
    with pytest.raises(hu.PixelDataError, match="hold 5 frames, Number of Frames says 6"):
        hu.read(data).pixels()
