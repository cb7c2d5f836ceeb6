"""Video: every syntax and container, frames in any order, colour, and broken streams."""

import io
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_fragments

import generate
import hounsfield as hu
from hounsfield.pixels.layout import layout_of
from hounsfield.pixels.video import open_video

FRAMES = 30
MPEG2, H264, HEVC = "video-mpeg2-mpeg2video-100", "video-h264-mp4-102", "video-hevc-closed-mp4-107"


def stream_of(case):
    fragments = generate_fragments(pydicom.dcmread(io.BytesIO(case.data)).PixelData)
    return b"".join(list(fragments)[1:])  # the first is the offset table


def layout(case, **changes):
    return layout_of(hu.read(case.data))._replace(**changes)


def decoded(video, case, frames=range(FRAMES), **options):
    out = np.empty((len(frames), *case.expected.shape[1:]), case.expected.dtype)
    video.decode(frames, out, **options)
    return out


def off(ours, expected):
    difference = np.abs(ours.astype(int) - expected)
    return difference.max(), difference.mean()


@pytest.mark.generated("video-")
class TestFrames:
    def test_all(self, generated):
        video = open_video(stream_of(generated), layout(generated))
        assert video.count == FRAMES
        most, mean = off(decoded(video, generated), generated.expected)
        assert most <= generated.tolerance
        assert mean <= generated.mean

    def test_raw(self, generated):
        video = open_video(stream_of(generated), layout(generated))
        most, _ = off(decoded(video, generated, raw=True), generated.raw)
        assert most <= (0 if video.codec == "hevc" else 3)  # the HEVC is lossless, the others are nearly so

    def test_of_a_data_set(self, generated):
        """With `raw` as without: samples are as the plan says."""
        ds = hu.read(generated.data)
        most, _ = off(ds.pixels([0, 5], raw=True), generated.raw[[0, 5]])
        assert most <= 3
        assert ds.pixel_plan(raw=True).output_photometric_interpretation == "YBR_PARTIAL_420"
        most, _ = off(ds.pixels([0, 5]), generated.expected[[0, 5]])
        assert most <= generated.tolerance
        assert ds.pixel_plan().output_photometric_interpretation == "RGB"

    def test_in_any_order(self, generated):
        video = open_video(stream_of(generated), layout(generated))
        expected = decoded(video, generated)
        for frames in (np.random.default_rng(0).permutation(FRAMES), [29, 3, 3, 17, 0], [], [8]):
            frames = list(map(int, frames))
            assert np.array_equal(decoded(video, generated, frames), expected[frames])

    def test_one_by_one(self, generated):
        """From a video that has decoded others, and from one that has not."""
        stream, about = stream_of(generated), layout(generated)
        video = open_video(stream, about)
        expected = decoded(video, generated)
        for frame in range(FRAMES):
            assert np.array_equal(decoded(video, generated, [frame])[0], expected[frame])
        for frame in range(0, FRAMES, 7):
            assert np.array_equal(decoded(open_video(stream, about), generated, [frame])[0], expected[frame])

    def test_number_of_frames_is_wrong(self, generated):
        """Frames are counted from the first, then; those that are there are right."""
        for frames in (FRAMES - 1, FRAMES + 1):
            video = open_video(stream_of(generated), layout(generated, frames=frames))
            assert video.count == FRAMES
            most, _ = off(decoded(video, generated), generated.expected)
            assert most <= generated.tolerance
            with pytest.raises(hu.PixelDataError, match="frame 30 is missing"):
                decoded(video, generated, [0, 30])


@pytest.mark.parametrize("name", [MPEG2, H264, HEVC])
@pytest.mark.parametrize("frames", [30, 29, 31, 15, None])
def test_the_warnings_tell_of_another_number_of_frames(name, frames):
    ds = pydicom.dcmread(io.BytesIO(generate.case(name).data))
    ds.NumberOfFrames = frames
    file = io.BytesIO()
    ds.save_as(file)
    ours = hu.read(file.getvalue())
    ours.pixels(0)
    told = [each for each in ours.warnings if "pictures" in each]
    if frames == 30:
        assert told == []
        return
    fields = ", which may be fields" if frames == 15 else ""
    what = f"the video has {FRAMES} pictures{fields}; the data set tells of {frames or 1}"
    assert told == [f"(7FE0,0010) PixelData: {what}"]
    with pytest.raises(hu.ElementError, match=what):
        hu.read(file.getvalue(), strict=True).pixels(0)


class Counted(list):
    """Packets, of which it tells how many were taken."""

    taken = 0

    def __getitem__(self, index):
        self.taken += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("name", [MPEG2, H264, HEVC, "video-hevc-hevc-107", "video-hevc-mpegts-107"])
def test_a_late_frame_does_not_take_the_early_ones(name):
    case = generate.case(name)
    video = open_video(stream_of(case), layout(case))
    video._packets = Counted(video._packets)
    decoded(video, case, [26])
    assert video._packets.taken <= 16
    taken = video._packets.taken
    decoded(video, case, [27])  # goes on where the other left off
    assert video._packets.taken <= taken + 3


def test_without_pyav(monkeypatch):
    case = generate.case(MPEG2)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(hu.UnsupportedError, match=r"hounsfield\[video\]"):
        open_video(stream_of(case), layout(case))


MATRICES = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114)}  # of R and B in Y


def test_with_an_old_pyav(monkeypatch):
    case = generate.case(MPEG2)
    monkeypatch.setattr(av, "__version__", "17.0.1")
    with pytest.raises(hu.UnsupportedError, match="is too old for video"):
        open_video(stream_of(case), layout(case))


class TestColour:
    """A stream may tell its matrix and range; one that does not has those of YBR_PARTIAL_420."""

    @pytest.mark.parametrize("matrix", MATRICES)
    @pytest.mark.parametrize("full", [False, True])
    def test_as_told(self, matrix, full):
        planes = generate.clip(3, 8)
        told = f"colormatrix={matrix}:fullrange={'on' if full else 'off'}"
        case = generate.case(H264)
        stream = generate.encode_video("libx264", "h264", planes, 8, {"qp": "1", "x264-params": told})
        video = open_video(stream, layout(case, frames=3))
        rgb, raw = (decoded(video, case, range(3), raw=raw).astype(float) for raw in (False, True))
        red, blue = MATRICES[matrix]
        y, cb, cr = np.moveaxis(raw, -1, 0)
        if full:
            y, cb, cr = y / 255, (cb - 128) / 255, (cr - 128) / 255
        else:
            y, cb, cr = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
        r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
        g = (y - red * r - blue * b) / (1 - red - blue)
        expected = np.clip(np.stack((r, g, b), axis=-1) * 255, 0, 255)
        # within what Cb and Cr change from one of their samples to the next
        assert np.abs(rgb - expected).max() <= 2.5
        assert np.abs(rgb - expected).mean() <= 0.5

    def test_more_bits_than_out_has(self):
        case = generate.case("video-hevc-mp4-108")
        video = open_video(stream_of(case), layout(case))
        out = np.empty((2, *case.expected.shape[1:]), np.uint8)
        video.decode([0, 29], out)
        assert np.abs(out - case.expected[[0, 29]] / 4.0).max() <= 4
        with pytest.raises(hu.PixelDataError, match="10 bits, which do not go into uint8"):
            video.decode([0], out[:1], raw=True)

    def test_fewer_bits_than_out_has(self):
        case = generate.case(H264)
        video = open_video(stream_of(case), layout(case))
        out = np.empty((1, *case.expected.shape[1:]), np.uint16)
        for raw in (False, True):
            video.decode([5], out, raw=raw)
            assert np.array_equal(out, decoded(video, case, [5], raw=raw))

    def test_rgb_is_not_decoded(self):
        """HEVC can hold RGB, which no profile that DICOM allows does."""
        case = generate.case(HEVC)
        out = io.BytesIO()
        with av.open(out, "w", format="hevc") as target:
            stream = target.add_stream("libx265", rate=25, options={"x265-params": "log-level=none"})
            stream.width, stream.height, stream.pix_fmt = 66, 50, "gbrp"
            target.mux(stream.encode(av.VideoFrame(66, 50, "gbrp")))
            target.mux(stream.encode())
        with pytest.raises(hu.UnsupportedError, match="gbrp"):
            decoded(open_video(out.getvalue(), layout(case, frames=1)), case, [0])


class TestContradictions:
    @pytest.mark.parametrize("name", [MPEG2, H264, HEVC])
    @pytest.mark.parametrize("changes", [{"rows": 52}, {"columns": 64}])
    def test_size(self, name, changes):
        case = generate.case(name)
        about = layout(case, **changes)
        out = np.empty((1, about.rows, about.columns, 3), np.uint8)
        with pytest.raises(hu.PixelDataError, match=f"50 x 66, not {about.rows} x {about.columns}"):
            open_video(stream_of(case), about).decode([0], out)

    @pytest.mark.parametrize("name", [MPEG2, H264, HEVC])
    def test_pictures_far_larger_are_not_begun(self, name):
        case = generate.case(name)
        planes = [tuple(np.tile(plane, (8, 8)) for plane in frame) for frame in generate.clip(1, 8)]
        codec, options = generate.VIDEO[name.split("-")[1]]
        for container in ("mp4", "mpegts"):
            stream = generate.encode_video(codec, container, planes, 8, options)
            with pytest.raises(hu.PixelDataError):
                decoded(open_video(stream, layout(case, frames=1)), case, [0])

    def test_samples(self):
        case = generate.case(MPEG2)
        with pytest.raises(hu.PixelDataError, match="3 samples a pixel, not 1"):
            open_video(stream_of(case), layout(case, samples=1))

    @pytest.mark.parametrize(
        "out",
        [
            np.empty((2, 50, 66, 3), np.uint8),
            np.empty((1, 50, 66, 3), np.int16),
            np.empty((1, 50, 132, 3), np.uint8)[:, :, ::2],
        ],
    )
    def test_out(self, out):
        case = generate.case(MPEG2)
        with pytest.raises(hu.OptionError, match="out is"):
            open_video(stream_of(case), layout(case)).decode([0], out)

    @pytest.mark.parametrize("frame", [-1, 30, 1 << 40])
    def test_frame_that_is_not_there(self, frame):
        case = generate.case(HEVC)
        with pytest.raises(hu.PixelDataError, match=f"frame {frame} "):
            decoded(open_video(stream_of(case), layout(case)), case, [frame])


def test_kinds_of_buffer(as_buffer):
    for name in (MPEG2, H264):
        case = generate.case(name)
        video = open_video(as_buffer(stream_of(case)), layout(case))
        assert off(decoded(video, case), case.expected)[0] <= case.tolerance


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        bytes(1000),
        b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"RIFF\0\0\0\0AVI LIST",
        b"\xff\xd8\xff\xe0\0\0\1\x10" * 40,
        b"\0\0\0\x18ftypisom" + bytes(16),
        b"\0\0\1\xba" + bytes(100),
        (b"G" + bytes(187)) * 9,
        b"\0\0\1\xb3",
    ],
    ids=["nothing", "zeros", "hls", "concat", "avi", "jpeg", "mp4", "program", "transport", "sequence"],
)
def test_what_is_no_video(stream):
    case = generate.case(MPEG2)
    with pytest.raises(hu.PixelDataError):
        decoded(open_video(stream, layout(case)), case, [0])


def test_another_codec_in_the_container():
    case = generate.case(MPEG2)
    stream = generate.encode_video("mpeg4", "mp4", generate.clip(2, 8), 8, {})
    with pytest.raises(hu.PixelDataError, match="holds mpeg4"):
        open_video(stream, layout(case))


class TestBoxes:
    """MP4 whose tables tell of more than there is: FFmpeg would take memory and time for it."""

    def opened(self, stream):
        case = generate.case(H264)
        return open_video(bytes(stream), layout(case))

    def patched(self, box, offset, value):
        stream = bytearray(stream_of(generate.case(H264)))
        place = stream.index(box) + 4 + offset
        stream[place : place + len(value)] = value
        return stream

    def test_samples(self):
        million = (1 << 20).to_bytes(4, "big")
        with pytest.raises(hu.PixelDataError, match="tells of 1048576 samples in"):
            self.opened(self.patched(b"stsz", 4, (1).to_bytes(4, "big") + million))

    @pytest.mark.parametrize("kind", [b"trun", b"stz2"])
    def test_samples_of_other_boxes(self, kind):
        fields = (0).to_bytes(8 if kind == b"stz2" else 4, "big") + (1 << 20).to_bytes(4, "big")
        box = (8 + len(fields)).to_bytes(4, "big") + kind + fields
        outer = (8 + len(box)).to_bytes(4, "big") + b"moof" + box
        with pytest.raises(hu.PixelDataError, match="tells of 1048606 samples in"):
            self.opened(stream_of(generate.case(H264)) + outer)

    def test_what_looks_like_a_box_in_the_data(self):
        """The text in which x264 tells its options is as good as any."""
        stream = self.patched(b"x264 - core", 0, b"trun" + b"\xff" * 20)
        assert self.opened(stream).count == FRAMES

    def test_a_compressed_header(self):
        with pytest.raises(hu.PixelDataError, match="compressed header"):
            self.opened(self.patched(b"mvhd", -4, b"cmov"))

    def test_samples_in_each_other(self):
        """All thirty samples begin where the first does, and are as long as the file."""
        stream = bytearray(stream_of(generate.case(H264)))
        place = stream.index(b"stsz") + 12
        stream[place + 4 : place + 4 + 4 * FRAMES] = (len(stream) // 2).to_bytes(4, "big") * FRAMES
        place = stream.index(b"stsc") + 16
        stream[place : place + 4] = (1).to_bytes(4, "big")  # a sample a chunk
        place = stream.index(b"stco") + 12
        stream[place - 4 : place] = FRAMES.to_bytes(4, "big")
        more = bytes(stream[place : place + 4]) * (FRAMES - 1)
        stream[place:place] = more
        for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco"):
            place = stream.index(box)
            size = int.from_bytes(stream[place - 4 : place], "big") + len(more)
            stream[place - 4 : place] = size.to_bytes(4, "big")
        with pytest.raises(hu.PixelDataError, match="lie in each other"):
            self.opened(stream)


# A process that breaks a stream in many ways, under a limit of memory, and stops where anything goes wrong.
BREAK = """
import resource, sys, time
import numpy as np
import generate, hounsfield as hu
from test_video import layout, stream_of
from hounsfield.pixels.video import open_video

case = generate.case(sys.argv[1])
stream, about = stream_of(case), layout(case)
random = np.random.default_rng(len(sys.argv[1]))
out = np.empty(case.expected.shape, case.expected.dtype)

def broken():
    for twentieth in range(20):
        yield stream[: len(stream) * twentieth // 20]
    for number in range(int(sys.argv[2])):
        octets = bytearray(stream)
        # half of them near the beginning, where the headers are
        within = len(octets) if number % 2 else min(len(octets), 800)
        for place in random.integers(0, within, 1 + number % 3):
            octets[place] = random.integers(0, 256)
        yield bytes(octets)

resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
for number, octets in enumerate(broken()):
    began = time.process_time()
    try:
        open_video(octets, about).decode(range(30), out)
    except hu.DicomError:
        pass
    assert time.process_time() - began < 5, number
# Not getrusage's, which begins with the peak of the process that started this one.
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
assert peak < 400 << 10, f"{peak} KiB"
"""


@pytest.mark.parametrize(
    "name",
    [
        MPEG2,
        "video-mpeg2-vob-101",
        "video-mpeg2-mpegts-101.1",
        H264,
        "video-h264-h264-104",
        "video-h264-open-mpegts-103",
        HEVC,
        "video-hevc-hevc-107",
        "video-hevc-mp4-108",
    ],
)
def test_broken_streams(name):
    """An error of ours or a result, soon, and no crash: by a library of others, so in another process."""
    here = Path(__file__).parent
    paths = [str(here), str(here.parent), *sys.path]
    code = f"import sys; sys.path[:0] = {paths!r}\n{BREAK}"
    done = subprocess.run(
        [sys.executable, "-c", code, name, "300"], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr.decode()[-2000:])
