"""Frames of video: MPEG-2, H.264 and HEVC by PyAV, which brings FFmpeg (PS3.5 Sections 8.2.5 to 8.2.11).

The extra ``video`` installs PyAV; without it, `open_video` raises. A stream is taken apart once into its
pictures. A frame is then decoded from the last picture before it that needs no other.

FFmpeg would rather show something than fail: here it stops at the first error it sees, and is told before how
large a picture may be. It is never asked what kind of file this is: some kinds that it knows open others.
"""

from __future__ import annotations

import io
import re
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from hounsfield._kernels.color import interleave
from hounsfield.errors import DicomError, OptionError, PixelDataError, UnsupportedError
from hounsfield.pixels.layout import Layout

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane
    from typing_extensions import Buffer

__all__ = ["Video", "open_video"]

# Older ones round less well, and crash on options for streams.
OLDEST_PYAV = 18
CODECS = ("mpeg2video", "h264", "hevc")
# How much larger than the image a picture may be: codecs pad it to whole blocks, of 64 x 64 at most.
BLOCK = 64
CHUNK = 1 << 20
# Boxes of MP4 that count samples, up to the count (ISO/IEC 14496-12), and one that may hide them.
SAMPLES = re.compile(rb"(?:stsz|stz2).{8}(....)|trun.{4}(....)|(cmov)", re.DOTALL)
UNIT = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
# Types of network abstraction units (ITU-T H.264 Table 7-1, H.265 Table 7-1).
SLICES = {"h264": range(1, 6), "hevc": range(32)}
INTRA = {"h264": range(5, 6), "hevc": range(16, 22)}
LEADING = {"h264": range(0), "hevc": range(6, 10)}  # shown before the intra picture that they follow
SEQUENCE_PARAMETERS = {"h264": 7, "hevc": 33}


class Start(NamedTuple):
    """A picture that needs none before it.

    Attributes
    ----------
    packet : int
        Its number in the stream.
    frame : int
        Its number as shown: pictures that follow in the stream may be shown before it.
    """

    packet: int
    frame: int


class Shown(NamedTuple):
    """A picture decoded: its number as shown, and that of the last packet that went into the decoder."""

    frame: int
    packet: int
    picture: VideoFrame


def open_video(data: Buffer, layout: Layout) -> Video:
    """Find the pictures of a stream, without decoding them.

    Parameters
    ----------
    data : bytes-like
        The fragments, joined: a stream of MPEG-2, H.264 or HEVC, alone or in an MPEG-2 program or transport
        stream or in MP4.
    layout : Layout
        Of the data set. Its number of frames need not be right.

    Raises
    ------
    UnsupportedError
        PyAV is not installed, or too old.
    PixelDataError
        This is no such stream, or has no picture.
    """
    try:
        import av
    except ImportError as error:
        raise UnsupportedError("video is decoded by PyAV: pip install 'hounsfield[video]'") from error
    if int(av.__version__.split(".")[0]) < OLDEST_PYAV:
        raise UnsupportedError(f"PyAV {av.__version__} is too old for video: pip install 'hounsfield[video]'")
    if layout.samples != 3:
        raise PixelDataError(f"video has 3 samples a pixel, not {layout.samples}")
    view = memoryview(data).cast("B")
    container = container_of(view)
    try:
        if container is None:
            codec = codec_of(view)
            packets = _split(codec, view)
        else:
            codec, packets = _demux(container, view, layout)
    except (av.FFmpegError, ValueError, IndexError) as error:  # IndexError: a stream that begins late
        raise _ours(error, "the video stream cannot be taken apart") from error
    if not packets:
        raise PixelDataError("the video stream has no picture")
    return Video(codec, packets, layout)


def container_of(data: memoryview) -> str | None:
    """What wraps the stream, as FFmpeg calls it; None for a stream that stands alone."""
    head = bytes(data[: 3 * 192])
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
        return "mp4"
    if head[:4] == b"\0\0\1\xba":
        return "mpeg"
    # packets begin with G; those of 192 bytes with four bytes of time before it
    if any(head[first : 3 * size : size] == b"GGG" for first, size in ((0, 188), (4, 192))):
        return "mpegts"
    return None


def codec_of(data: memoryview) -> str:
    """The codec of a stream that stands alone, by its first unit."""
    unit = re.search(rb"\x00\x00\x01(..)", data[:CHUNK], re.DOTALL)
    if unit is not None:
        code, following = unit[1]
        if code == 0xB3:  # sequence header
            return "mpeg2video"
        if code >> 7 == 0 and (code & 31 in (7, 9) or code == 6):  # parameters, delimiter, supplement
            return "h264"
        if code in (0x40, 0x42, 0x46, 0x4E) and following == 1:  # the same, and video parameters
            return "hevc"
    raise PixelDataError("this is no stream of MPEG-2, H.264 or HEVC, nor a container that can hold one")


def _split(codec: str, data: memoryview) -> list[bytes]:
    import av

    parser = av.CodecContext.create(codec, "r")
    chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    return [bytes(packet) for chunk in (*chunks, None) for packet in parser.parse(chunk)]


def _demux(container: str, data: memoryview, layout: Layout) -> tuple[str, list[bytes]]:
    import av

    if container == "mp4":
        _check_samples(data)
    with av.open(io.BytesIO(data), "r", format=container, options=_limits(layout)) as source:
        if not source.streams.video:
            raise PixelDataError(f"the container ({container}) has no video stream")
        stream = source.streams.video[0]
        codec = stream.codec_context.name if stream.codec_context else "what FFmpeg does not know"
        if codec not in CODECS:
            raise PixelDataError(f"the container ({container}) holds {codec}, not MPEG-2, H.264 or HEVC")
        packets, total = [], 0
        for packet in source.demux(stream):
            total += packet.size
            if total > len(data):
                raise PixelDataError("the container has samples that lie in each other")
            if packet.size:
                packets.append(packet)
        if codec != "mpeg2video":
            # MP4 has the parameters elsewhere, and lengths for start codes: make it as a stream alone is.
            plain = av.BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
            packets = [each for packet in [*packets, None] for each in plain.filter(packet)]
        return codec, [bytes(packet) for packet in packets]


def _check_samples(data: memoryview) -> None:
    """Refuse counts that the file cannot hold: FFmpeg makes a table as long as they tell, and then reads."""
    place = count = 0
    while place + 16 <= len(data):
        size, kind, large = struct.unpack_from(">I4sQ", data, place)
        end = min(place + (large if size == 1 else size or len(data)), len(data))
        if end < place + 8:
            break
        for box in SAMPLES.finditer(data[place:end]) if kind != b"mdat" else ():
            if box[3]:
                raise PixelDataError("the container has a compressed header")
            count += int.from_bytes(box[1] or box[2], "big")
        place = end
    if count > len(data) // 4:
        raise PixelDataError(f"the container tells of {count} samples in {len(data)} bytes")


def _limits(layout: Layout) -> dict[str, str]:
    return {
        "err_detect": "crccheck+explode",
        "max_pixels": str((layout.columns + 2 * BLOCK) * (layout.rows + 2 * BLOCK)),
        "threads": "1",
    }


def _starts(codec: str, packets: Sequence[bytes]) -> list[Start]:
    """The pictures from which decoding can begin, in order; the first of all is always among them."""
    starts = [Start(0, 0)]
    for start in (_mpeg2_starts if codec == "mpeg2video" else _nal_starts)(codec, packets):
        if start.packet == 0:
            starts[0] = start
        elif start.frame > starts[-1].frame:
            starts.append(start)
    return starts


def _mpeg2_starts(_: str, packets: Sequence[bytes]) -> Iterator[Start]:
    for number, packet in enumerate(packets):
        seen: set[int] = set()
        for unit in UNIT.finditer(packet):
            code = unit[1][0]
            if code == 0x00:
                # A picture's header: ten bits of its place in what is shown of the group, three of its type.
                header = int.from_bytes(packet[unit.end() : unit.end() + 2], "big")
                if header >> 3 & 7 == 1 and {0xB3, 0xB8} <= seen:  # intra; headers of sequence and group
                    yield Start(number, number + (header >> 6))
                break
            seen.add(code)


def _nal_starts(codec: str, packets: Sequence[bytes]) -> Iterator[Start]:
    units = [_nal_units(codec, packet) for packet in packets]
    for number, (slice_type, parameters) in enumerate(units):
        if slice_type in INTRA[codec] and parameters:
            leading = number + 1
            while leading < len(units) and units[leading][0] in LEADING[codec]:
                leading += 1
            yield Start(number, leading - 1)


def _nal_units(codec: str, packet: bytes) -> tuple[int, bool]:
    """The type of a picture's first slice, and whether the sequence's parameters are before it."""
    parameters = False
    for unit in UNIT.finditer(packet):
        kind = unit[1][0] & 31 if codec == "h264" else unit[1][0] >> 1 & 63
        if kind in SLICES[codec]:
            return kind, parameters
        parameters |= kind == SEQUENCE_PARAMETERS[codec]
    return -1, parameters


class Video:
    """A stream taken apart into its pictures.

    Attributes
    ----------
    codec : str
        "mpeg2video", "h264" or "hevc".
    count : int
        How many pictures the stream has: as many as the data set says, if both are right.
    """

    def __init__(self, codec: str, packets: list[bytes], layout: Layout) -> None:
        self.codec = codec
        self.count = len(packets)
        self._packets = packets
        self._layout = layout
        # Of a stream of other length, pictures may be fields: frames are then counted from the first.
        self._starts = _starts(codec, packets) if self.count == layout.frames else [Start(0, 0)]
        self._shown: dict[int | None, int] = dict(self._starts) if self.count == layout.frames else {}
        self._frames_of_starts = [start.frame for start in self._starts]
        self._running: tuple[Shown, Iterator[Shown]] | None = None

    @property
    def mismatch(self) -> str:
        """What to say where the data set does not have as many frames as there are pictures, or else "".

        In interlaced video a picture may be a field, two of which make a frame.
        """
        frames = self._layout.frames
        if self.count == frames:
            return ""
        fields = ", which may be fields" if self.count == 2 * frames else ""
        return f"the video has {self.count} pictures{fields}; the data set tells of {frames}"

    def decode(self, frames: Sequence[int], out: npt.NDArray[Any], *, raw: bool = False) -> None:
        """Decode some of the frames.

        Parameters
        ----------
        frames : sequence of int
            Their numbers as shown, from 0, in any order.
        out : ndarray of shape (len(frames), rows, columns, 3), C-contiguous
            Of uint8 or uint16. Samples of more than 8 bits are kept as they are in uint16, and scaled down in
            uint8.
        raw : bool
            Y, Cb and Cr as the stream has them, with each Cb and Cr repeated for the pixels that share it.
            Otherwise RGB, by the matrix and range that the stream tells, or else those of YBR_PARTIAL_420
            (PS3.3 C.7.6.3.1.2); what lies between two samples of Cb and Cr is interpolated.

        Raises
        ------
        PixelDataError
            The stream is damaged or too short, or its pictures are not of the size that the data set tells.
            What `out` then holds is not defined.
        UnsupportedError
            The pictures are not of one luminance and two chrominance planes.
        """
        import av

        rows, columns = self._layout.rows, self._layout.columns
        shape = (len(frames), rows, columns, 3)
        if out.shape != shape or out.dtype not in (np.uint8, np.uint16) or not out.flags.c_contiguous:
            needed = f"uint8 or uint16 {shape}, C-contiguous"
            raise OptionError(f"out is {out.dtype} {out.shape}, not {needed}")
        convert = _as_they_are if raw else _to_rgb()
        planes = np.empty((3, rows, columns), out.dtype)
        wanted = sorted((frame, place) for place, frame in enumerate(frames))
        done = 0
        try:
            while done < len(wanted):
                run = self._run_to(wanted[done][0])
                for shown in run:
                    if wanted[done][0] < shown.frame:
                        raise PixelDataError(f"frame {wanted[done][0]} needs pictures that are missing")
                    while done < len(wanted) and wanted[done][0] == shown.frame:
                        convert(self._checked(shown.picture), planes)
                        interleave(planes, out[wanted[done][1]])
                        done += 1
                    if done == len(wanted):
                        self._running = shown, run
                        break
                    if self._start_of(wanted[done][0]).packet > shown.packet:
                        break
                else:
                    raise PixelDataError(f"frame {wanted[done][0]} is missing: the stream ends before it")
        except (av.FFmpegError, ValueError) as error:
            raise _ours(error, "the video stream is damaged") from error

    def _start_of(self, frame: int) -> Start:
        return self._starts[max(bisect_right(self._frames_of_starts, frame) - 1, 0)]

    def _run_to(self, frame: int) -> Iterator[Shown]:
        """A run through the stream that comes by this frame: the one of the call before, where it serves."""
        running, self._running = self._running, None
        start = self._start_of(frame)
        if running is not None and running[0].frame < frame and start.packet <= running[0].packet:
            return running[1]
        return self._run(start)

    def _run(self, start: Start) -> Iterator[Shown]:
        """Decode from here to the end of the stream, in the order in which pictures are shown."""
        import av

        decoder = cast("VideoCodecContext", av.CodecContext.create(self.codec, "r"))
        decoder.thread_count = 1
        decoder.options = _limits(self._layout)
        frame, counting = start.packet, start.packet == 0
        for number in range(start.packet, self.count + 1):
            packet = None
            if number < self.count:
                packet = av.Packet(self._packets[number])
                packet.pts = number  # which the picture keeps: so it tells where it comes from
            for picture in decoder.decode(packet):
                first = self._shown.get(picture.pts)
                if first is not None:
                    if counting and frame not in (first, 0):
                        raise PixelDataError(f"pictures are missing before frame {first}")
                    frame, counting = first, True
                if counting:
                    yield Shown(frame, number, picture)
                    frame += 1

    def _checked(self, picture: VideoFrame) -> VideoFrame:
        rows, columns = self._layout.rows, self._layout.columns
        if (picture.height, picture.width) != (rows, columns):
            raise PixelDataError(
                f"the video is of {picture.height} x {picture.width}, not {rows} x {columns}"
            )
        if picture.is_corrupt:
            raise PixelDataError("the video stream is damaged: a picture is incomplete")
        if picture.format.is_rgb or len(picture.planes) != 3:
            raise UnsupportedError(f"pictures in FFmpeg's format {picture.format.name} are not decoded")
        return picture


def _to_rgb() -> Callable[[VideoFrame, npt.NDArray[Any]], None]:
    """A function that converts a picture to planes of RGB; it keeps its tables for the next."""
    from av.video.reformatter import Interpolation, VideoReformatter

    reformatter = VideoReformatter()
    # Without the latter FFmpeg is off by up to 3, with it by 1.
    how = Interpolation.BILINEAR | Interpolation.ACCURATE_RND

    def convert(picture: VideoFrame, planes: npt.NDArray[Any]) -> None:
        bits = min(picture.format.components[0].bits, planes.itemsize * 8)
        name = "gbrp" if bits == 8 else f"gbrp{bits}le"
        rgb = reformatter.reformat(picture, format=name, interpolation=how, threads=1)
        for plane, sample in zip(rgb.planes, (1, 2, 0), strict=True):
            planes[sample] = _samples(plane, bits)

    return convert


def _as_they_are(picture: VideoFrame, planes: npt.NDArray[Any]) -> None:
    """Copy a picture's planes, each sample of Cb and Cr to all pixels that share it."""
    bits = picture.format.components[0].bits
    if bits > planes.itemsize * 8:
        raise PixelDataError(f"the video has samples of {bits} bits, which do not go into {planes.dtype}")
    for plane, target in zip(picture.planes, planes, strict=True):
        samples = _samples(plane, bits)
        high, wide = (-(-all_ // some) for all_, some in zip(target.shape, samples.shape, strict=True))
        for y in range(high):
            for x in range(wide):
                shared = target[y::high, x::wide]
                shared[...] = samples[: shared.shape[0], : shared.shape[1]]


def _samples(plane: VideoPlane, bits: int) -> npt.NDArray[Any]:
    samples = np.frombuffer(memoryview(plane), "u1" if bits == 8 else "<u2")
    return samples.reshape(-1, plane.line_size // samples.itemsize)[: plane.height, : plane.width]


def _ours(error: Exception, message: str) -> DicomError:
    return error if isinstance(error, DicomError) else PixelDataError(f"{message}: {error}")
