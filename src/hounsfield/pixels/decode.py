"""Frames decoded into arrays of samples (PS3.5 Section 8 and Annex A.4, PS3.3 C.7.6.3)."""

from __future__ import annotations

import math
import operator
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hounsfield._kernels import bits, rle
from hounsfield._kernels.known import Encoded, Known, decode_like, remember
from hounsfield.errors import DicomError, LimitError, OptionError, PixelDataError
from hounsfield.outputs import target_of
from hounsfield.pixels import codecs
from hounsfield.pixels.codestream import Codestream, parse
from hounsfield.pixels.color import full_size_to_rgb
from hounsfield.pixels.frames import frames_of
from hounsfield.pixels.grouping import RLE_STARTS
from hounsfield.pixels.known import known_deflated, known_of
from hounsfield.pixels.layout import (
    DEFLATED,
    RETIRED,
    TO_RGB,
    UNCOMPRESSED,
    Layout,
    bad_attribute,
    check_color,
    check_length,
    check_retired,
    check_subsampled,
    native_layout,
    there_are,
)
from hounsfield.pixels.native import as_they_stand, decode_native, mask_of, mask_unused
from hounsfield.pixels.plan import MAX_PIXELS, PixelPlan, frame_number
from hounsfield.processors import thread_count, together
from hounsfield.sources import BufferSource

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

    from hounsfield.elements.dataset import Dataset

__all__ = ["Decoder", "FrameLike"]

FrameLike = int | slice | Iterable[int] | None

MOST_HALVINGS = 32
RUN = 1 << 20  # bytes of samples that a thread takes on at a time
LITTLE = sys.byteorder == "little"  # what files have and is taken as it stands; elsewhere it must be swapped

RLE = "1.2.840.10008.1.2.5"
RLE_SEGMENTS = frozenset(bytes((count, 0, 0, 0)) for count in range(16))


class RleLike(NamedTuple):
    """How frames of RLE become samples, once one of them has."""

    bits_stored: int
    high_bit: int
    signed: bool


class Decoder:
    """The image of a data set, and how one call wants it.

    Parameters
    ----------
    ds : Dataset
    raw : bool
        Leave colours as the codec gives them.
    reduce : int
        Halve the size so often, where the codestream allows it.
    """

    def __init__(self, ds: Dataset, *, raw: bool = False, reduce: int = 0) -> None:
        reduce = operator.index(reduce)
        if not 0 <= reduce <= MOST_HALVINGS:
            raise OptionError(
                f"reduce says how often to halve the size, 0 to {MOST_HALVINGS}, unlike {reduce}"
            )
        frames = frames_of(ds)
        syntax = ds._root._syntax
        self._ds = ds
        self._frames = frames
        self._layout: Layout = frames.layout
        if not frames.encapsulated:
            self._element = ds[self._layout.keyword]
            self._layout = native_layout(self._element, self._layout)
        self._raw = raw
        self._reduce = reduce
        self._uid = syntax.uid if syntax else ""
        self._first: tuple[int, Buffer] | None = None
        self._likes: dict[tuple[bool, int], Encoded | RleLike | None] = frames.likes
        self._size = self._layout.rows, self._layout.columns

    @property
    def layout(self) -> Layout:
        """What the data set says of the image, with as many frames as are there."""
        return self._layout

    @property
    def count(self) -> int:
        """Number of frames that are there."""
        if self._frames.is_video or not self._frames.encapsulated:
            return self._layout.frames
        if self._layout.frames == 1:
            self._bytes_of(0)  # of one frame, what tells its place comes with its bytes
        return self._layout.frames if self._frames.are_in_collections else self._frames.count

    def keep(self) -> bool:
        """Make ready for frames one by one, in order, from codestreams that hold several.

        A video then goes on where it is, and of other codestreams the last one's samples are kept, with the
        data set, as long as that lives. They are for one thread at a time.

        Returns
        -------
        bool
            Whether it has such codestreams.
        """
        if self._frames.is_video or self._frames.are_in_collections:
            self._frames.keep()
            return True
        return False

    def plan(self) -> PixelPlan:
        """Tell what decoding all frames will give."""
        layout, count = self._layout, self.count
        codec, stream = "native", None
        if self._frames.is_video:
            codec = "video"
        elif self._frames.encapsulated:
            first = self._bytes_of(0)
            try:
                codec, stream = self._codec(first)
                if stream is not None and not self._frames.are_in_collections:
                    self._check_shape(stream, layout.frame_shape)
                self._check_colors(stream)
            except DicomError as error:
                self._locate(error, 0)
                raise
        else:
            check_length(self._element, layout, count)
            self._check_colors(None)
        size = self._size_of(stream)
        reduced_by = "" if not self._reduce else "nothing" if size == self._size else "codec"
        return PixelPlan(
            shape=(*((count,) if count > 1 else ()), *size, *layout.frame_shape[2:]),
            dtype=layout.dtype,
            frames=count,
            photometric_interpretation=layout.photometric_interpretation,
            output_photometric_interpretation=self._output_colors(stream),
            transfer_syntax=self._uid,
            codec=codec,
            lossless=stream.lossless if stream else not self._frames.is_video,
            reduce=self._reduce,
            reduced_by=reduced_by,
            encoded_bytes=self._frames.encoded_bytes,
        )

    def decode(
        self,
        frame: FrameLike = None,
        *,
        out: Any = None,
        threads: int | None = 1,
        max_pixels: int = MAX_PIXELS,
    ) -> npt.NDArray[Any]:
        """Decode one frame, some, or all: see `hounsfield.Dataset.pixels`."""
        threads = thread_count(threads)
        numbers, has_axis = self._numbers(frame)
        if not self._frames.encapsulated:
            check_length(self._element, self._layout, max(numbers, default=-1) + 1)
        if self._reduce and numbers and self._frames.encapsulated and not self._frames.is_video:
            first = 0 if self._frames.are_in_collections else numbers[0]
            self._size = self._size_of(self._codec(self._bytes_of(first))[1])
        inner = (*self._size, *self._layout.frame_shape[2:])
        shape = (len(numbers), *inner) if has_axis else inner
        if math.prod(shape) > max_pixels:
            raise LimitError(
                f"{' x '.join(map(str, shape))} samples are more than max_pixels={max_pixels}: decode fewer "
                "frames at a time, or allow more",
                file=self._ds._source.name,
            )
        if not self._frames.encapsulated:
            self._check_colors(None)
        target = target_of(out, shape, self._layout.dtype)
        each = target.reshape(len(numbers), *inner)
        if not self._frames.encapsulated:
            self._decode_native(numbers, each)
        elif self._frames.is_video:
            self._decode_video(numbers, each)
        elif self._frames.are_in_collections:
            self._decode_collections(numbers, each)
        else:
            self._decode_all(numbers, each, threads)
        return target

    # Which frames, and where to

    def _numbers(self, frame: FrameLike) -> tuple[Sequence[int], bool]:
        """Which frames are meant, and whether the result has an axis for them."""
        count = self.count
        if frame is None:
            return range(count) if count else [self._number(0, 0)], count > 1
        if isinstance(frame, slice):
            return range(*frame.indices(count)), True
        if isinstance(frame, Iterable):
            return [self._number(each, count) for each in frame], True
        return [self._number(frame, count)], False

    def number(self, frame: int) -> int:
        """Give the number of a frame, counted from 0, that may have been counted backwards.

        Raises
        ------
        OptionError
            There is no such frame.
        PixelDataError
            There should be, by Number of Frames.
        TypeError
            It is no integer.
        """
        return self._number(frame, self.count)

    def _number(self, frame: int, count: int) -> int:
        number = frame_number(frame)
        if -count <= number < count:
            return number % count
        there, declared = there_are(count), self._layout.frames
        if 0 <= number < declared:
            message = f"frame {number} is not there: {there} of {declared}"
            raise bad_attribute(self._ds, "NumberOfFrames", message)
        raise OptionError(f"there is no frame {number}, counted from 0: {there}")

    def _bytes_of(self, number: int) -> Buffer:
        """The bytes of a frame; those of the one looked at first are not read again."""
        if self._first is not None and self._first[0] == number:
            return self._first[1]
        data = self._frames.read(number)
        if self._first is None:
            self._first = number, data
        return data

    # How a frame is encoded

    def _codec(self, data: Buffer) -> tuple[str, Codestream | None]:
        """How a frame is encoded: as it looks, where that is not what its transfer syntax says."""
        if self._uid == UNCOMPRESSED:
            return "native", None
        if self._uid == DEFLATED:
            return "deflate", None
        start = bytes(memoryview(data)[:8])
        if start in RLE_STARTS or (self._uid == RLE and start[:4] in RLE_SEGMENTS):
            return "rle", None
        stream = parse(data)
        return stream.kind, stream

    def _size_of(self, stream: Codestream | None) -> tuple[int, int]:
        if stream is None or not 0 < self._reduce <= codecs.max_reduce(stream):
            return self._layout.rows, self._layout.columns
        return stream.reduced(self._reduce)

    def _is_ybr(self, stream: Codestream | None) -> bool:
        """Whether YBR_FULL comes from the codec: by what the codestream says, or else the data set."""
        if self._layout.samples != 3:
            return False
        if stream is not None:
            if stream.transform or stream.kind == "jpegxl":
                return False  # the codec gives RGB
            if stream.kind == "jpeg" and stream.color is not None:
                return stream.color == "ycbcr"
        return self._layout.photometric_interpretation in TO_RGB

    def _check_colors(self, stream: Codestream | None) -> None:
        """See whether colours can be given as they are asked for."""
        if self._raw:
            return
        layout = self._layout
        if stream is None:
            check_color(self._ds, layout)
            return
        check_retired(self._ds, layout)
        bits = {layout.bits_allocated, layout.bits_stored, stream.precision}
        if stream.kind != "jpeg" and (bits != {8} or layout.signed) and self._is_ybr(stream):
            kind = "signed " if layout.signed else ""
            raise PixelDataError(
                f"{layout.photometric_interpretation} with {kind}samples of {stream.precision} bits, "
                f"{layout.bits_stored} of them stored in {layout.bits_allocated}: 8 in 8 can be converted, "
                "raw=True gives others as stored"
            )

    def _output_colors(self, stream: Codestream | None) -> str:
        stored = self._layout.photometric_interpretation
        if self._layout.samples != 3 or stored in RETIRED:
            return stored
        if self._frames.is_video:  # which is never in RGB, whatever is said
            return "RGB" if not self._raw else stored if stored in TO_RGB else "YBR_PARTIAL_420"
        if stream is not None:
            return "YBR_FULL" if self._raw and self._is_ybr(stream) else "RGB"
        if self._raw:  # each sample at its pixel
            return "YBR_FULL" if stored == "YBR_FULL_422" else stored
        return self._layout.output_photometric_interpretation

    # Decoding

    def _decode_native(self, numbers: Sequence[int], out: npt.NDArray[Any]) -> None:
        """Read runs of frames that lie behind each other in one go each."""
        element = self._element
        breaks = [at for at, (one, other) in enumerate(pairwise(numbers), 1) if other != one + 1]
        for start, stop in pairwise([0, *breaks, len(numbers)]):
            if start < stop:
                decode_native(
                    self._ds._source,
                    element.offset,
                    element.length,
                    self._layout,
                    out[start:stop],
                    numbers[start],
                    raw=self._raw,
                    big_endian=self._ds._encoding.big_endian,
                    words=element.VR == "OW",
                )
        layout, raw = self._layout, self._raw
        plain = as_they_stand(layout, raw) and not raw and LITTLE and not self._ds._encoding.big_endian
        if plain and layout.frames == 1 and layout.keyword == "PixelData":
            remember(self._ds, Known(layout.frame_shape, layout.dtype, mask_of(layout)))

    def _decode_video(self, numbers: Sequence[int], out: npt.NDArray[Any]) -> None:
        from hounsfield.pixels.video import open_video

        kept = self._frames.kept
        video = None if kept is None else kept.get(0)
        if video is None:
            video = open_video(self._frames.read(0), self._layout)
            self._note(video.mismatch)
            if kept is not None:
                kept[0] = video
        video.decode(numbers, out, raw=self._raw)

    def _decode_collections(self, numbers: Sequence[int], out: npt.NDArray[Any]) -> None:
        """Decode frames that are components of codestreams, each of which holds several."""
        layout, samples, first = self._layout, self._layout.samples, 0
        missing = set(numbers)
        for index in range(self._frames.count):
            data = self._bytes_of(index)
            stream = parse(data)
            self._check_colors(stream)
            held = range(first, first + stream.components // samples)
            if not missing.isdisjoint(held):
                whole = self._whole(index, stream, data)
                for at, number in enumerate(numbers):
                    if number in held:
                        start = (number - first) * samples
                        out[at] = whole[:, :, start : start + samples].reshape(out.shape[1:])
                missing.difference_update(held)
            first = held.stop
        if missing:
            raise PixelDataError(
                f"the codestreams hold {first} frames, Number of Frames says {layout.frames}",
                file=self._ds._source.name,
                tag=self._ds[layout.keyword].tag,
            )

    def _whole(self, index: int, stream: Codestream, data: Buffer) -> npt.NDArray[Any]:
        """Decode all components of a codestream."""
        kept = self._frames.kept
        whole: npt.NDArray[Any] | None = None if kept is None else kept.get(index)
        if whole is None:
            whole = np.empty((*self._size, stream.components), self._layout.dtype)
            self._decode_stream(stream, data, whole.squeeze(2) if stream.components == 1 else whole)
            if kept is not None:
                kept.clear()
                kept[index] = whole
        return whole

    def _decode_all(self, numbers: Sequence[int], out: npt.NDArray[Any], threads: int) -> None:
        """Decode each frame; on several threads if there is work for them, as codecs release the GIL."""
        if len(numbers) == 1:
            self._decode_some(numbers[0], out, [self._bytes_of(numbers[0])])
            return
        frames = self._frames
        told_by = None
        # Once more where it proved wrong: it depends on the threads which frames had been found by it.
        while told_by is not frames.told_by:
            told_by = frames.told_by
            runs = deque(_runs(numbers, out[:1].nbytes, threads))
            with frames.held_open(len(numbers)) as self._frames:
                together(partial(self._decode_runs, runs, numbers, out), min(threads, len(runs)))
            self._frames = frames

    def _decode_runs(
        self, runs: deque[tuple[int, int]], numbers: Sequence[int], out: npt.NDArray[Any]
    ) -> None:
        """Decode runs of frames as long as there are any; others may take from the same."""
        try:
            while True:
                try:
                    start, stop = runs.popleft()
                except IndexError:
                    return
                self._decode_run(numbers[start], out[start:stop])
        except BaseException:
            runs.clear()  # nobody will look at the rest
            raise

    def _decode_run(self, first: int, out: npt.NDArray[Any]) -> None:
        """Decode frames that lie behind each other."""
        self._decode_some(first, out, self._frames.read_some(first, first + len(out)))

    def _decode_some(self, first: int, out: npt.NDArray[Any], encoded: list[Any]) -> None:
        """Decode frames as one before was, of this call or an earlier one, if they are like it."""
        done = 0
        while done < len(out):
            like = self._like
            if isinstance(like, RleLike):
                done += rle.decode_frames(encoded[done:], out[done:], *like)
            elif like is not None and decode_like(like, encoded[done], out[done]):
                done += 1
                continue
            if done < len(out):
                self._decode_frame(first + done, out[done], encoded[done])
                done += 1

    @property
    def _like(self) -> Encoded | RleLike | None:
        """How frames are decoded that are asked for like these."""
        return self._likes.get((self._raw, self._reduce))

    @_like.setter
    def _like(self, like: Encoded | RleLike | None) -> None:
        self._likes[self._raw, self._reduce] = like

    def _decode_frame(self, number: int, out: npt.NDArray[Any], data: Buffer) -> None:
        try:
            codec, stream = self._codec(data)
            self._check_colors(stream)
            if stream is not None:
                self._decode_stream(stream, data, out)
            elif codec == "rle":
                self._decode_rle(data, out)
            else:
                self._decode_plain(data, out, deflated=codec == "deflate")
        except DicomError as error:
            self._locate(error, number)
            raise

    def _locate(self, error: DicomError, number: int) -> None:
        """Say of an error in a frame which frame that was, and where it is in the source."""
        if error.tag is not None:
            return  # it is of an attribute, not of a frame
        ranges = self._frames[number].ranges
        inside = error.offset if len(ranges) == 1 else None
        error.file, error.tag = self._ds._source.name, self._ds[self._layout.keyword].tag
        error.offset = ranges[0][0] + (inside or 0)
        if self._layout.frames > 1:
            error.message = f"frame {number}: {error.message}"

    def _decode_stream(self, stream: Codestream, data: Buffer, out: npt.NDArray[Any]) -> None:
        layout = self._layout
        self._check_shape(stream, out.shape)
        self._note(codecs.mismatch(self._uid, stream))
        self._note(self._contradiction(stream))
        is_ybr = self._is_ybr(stream) and not self._raw
        with_codec = is_ybr and stream.kind == "jpeg"
        reduce = self._reduce if self._size != (layout.rows, layout.columns) else 0
        target = out
        if stream.signed != layout.signed:
            target = out.view(f"{'i' if stream.signed else 'u'}{out.itemsize}")
        self._note(codecs.decode(stream, data, target, ybr_to_rgb=with_codec, reduce=reduce))
        stored = min(stream.precision, layout.bits_stored)
        mask = None
        differs = stream.signed != layout.signed or (stream.precision > stored and stream.lossless)
        if differs and stored < 8 * out.itemsize:
            # What the data set says of the sign wins; above the stored bits there may be anything.
            # A high bit that the codestream does not reach is that of the cells they were encoded from.
            mask = stored, layout.high_bit if layout.high_bit < stream.precision else stored - 1
            bits.mask(out, *mask, signed=layout.signed)
        if is_ybr and not with_codec:
            full_size_to_rgb(layout.photometric_interpretation, out)
        elif not self._raw and not self._reduce and not self._ds._notes:
            known = known_of(layout, stream, memoryview(data), out, ybr_to_rgb=with_codec, mask=mask)
            if known is not None and layout.frames == 1:
                remember(self._ds, known)
            self._like = known

    def _contradiction(self, stream: Codestream) -> str:
        """Say where codestream and data set speak of other colours, and which of them was believed."""
        said, color = self._layout.photometric_interpretation, stream.color
        with_stream = stream.kind == "jpeg"
        other = said in TO_RGB if with_stream else self._is_ybr(stream)
        if color is None or (color == "ycbcr") == other:
            return ""
        return f"Photometric Interpretation is {said}, the codestream says {color}" + (
            ", which was believed" if with_stream else ", which was not believed"
        )

    def _check_shape(self, stream: Codestream, shape: tuple[int, ...]) -> None:
        """Check that a codestream has the size that the data set says, and the samples of a shape."""
        samples = shape[2] if len(shape) > 2 else 1
        for what, said, found in (
            ("rows", self._layout.rows, stream.rows),
            ("columns", self._layout.columns, stream.columns),
            ("samples a pixel", samples, stream.components),
        ):
            if said != found:
                raise PixelDataError(f"the codestream has {found} {what}, the data set says {said}")

    def _decode_rle(self, data: Buffer, out: npt.NDArray[Any]) -> None:
        layout = self._layout
        if layout.bits_allocated == 1:  # packed, as pydicom and highdicom write them
            packed = np.empty(math.ceil(out.size / 8), np.uint8)
            excess = rle.decode(data, packed.data)
            bits.unpack_bits(packed, out)
        else:
            excess = rle.decode(data, out.data)
            if layout.bits_stored < layout.bits_allocated:
                bits.mask(out, layout.bits_stored, layout.high_bit, signed=layout.signed)
            if self._raw or not self._is_ybr(None):
                self._like = RleLike(layout.bits_stored, layout.high_bit, layout.signed)
        if self._uid != RLE:
            self._note("the frames are RLE, which the transfer syntax does not say")
        if excess:
            self._note(f"an RLE segment gives {excess} bytes more than there are samples: they were left out")
        if self._is_ybr(None) and not self._raw:
            full_size_to_rgb(layout.photometric_interpretation, out)

    def _decode_plain(self, data: Buffer, out: npt.NDArray[Any], *, deflated: bool) -> None:
        """Decode a frame as native pixel data have it."""
        layout = self._layout._replace(frames=1)
        check_subsampled(self._ds, layout)
        if deflated:
            if LITTLE and as_they_stand(layout, self._raw) and self._inflate(data, out):
                return
            data = codecs.inflate(data, layout.native_bytes)
        size = memoryview(data).nbytes
        if size < layout.native_bytes:
            raise PixelDataError(f"{layout.native_bytes} bytes are needed for a frame, {size} are there")
        if size > layout.native_bytes + layout.native_bytes % 2:
            self._note(f"{size - layout.native_bytes} bytes follow the samples of a frame and were left out")
        decode_native(BufferSource(data), 0, size, layout, out[np.newaxis], raw=self._raw)

    def _inflate(self, data: Buffer, out: npt.NDArray[Any]) -> bool:
        """Inflate a frame whose samples are those of the array; False if it has fewer or more."""
        try:
            codecs.inflate_into(data, out)
        except PixelDataError:
            return False
        mask_unused(self._layout, out)
        if not self._raw and not self._ds._notes:
            self._like = known_deflated(self._layout)
            if self._layout.frames == 1:
                remember(self._ds, self._like)
        return True

    def _note(self, problem: str) -> None:
        if problem:
            self._ds._note_element(self._ds[self._layout.keyword].tag, problem)


def _runs(numbers: Sequence[int], size: int, threads: int) -> Iterator[tuple[int, int]]:
    """Part frames of `size` bytes into runs that lie behind each other: where each starts and stops.

    They get shorter, so that all threads end together.
    """
    count, start = len(numbers), 0
    for at in range(1, count + 1):
        most = min(RUN // max(size, 1), (count - start) // (2 * threads))
        if at == count or at - start >= most or numbers[at] != numbers[at - 1] + 1:
            yield start, at
            start = at
