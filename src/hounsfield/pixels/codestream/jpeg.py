"""Headers of JPEG (ISO/IEC 10918-1 Annex B) and JPEG-LS (ISO/IEC 14495-1 Annex C)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hounsfield.errors import PixelDataError, UnsupportedError
from hounsfield.pixels.codestream.model import Codestream, Color, Kind, find_end

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Scans", "jpeg_headers", "parse_jpeg", "walk_scans"]

SOF0, SOF1, SOF2, SOF3, SOF9, SOF10, SOF55 = 0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xF7
DHT, DAC, JPG, SOS, DRI, LSE = 0xC4, 0xCC, 0xC8, 0xDA, 0xDD, 0xF8
APP0, APP14 = 0xE0, 0xEE

FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, JPG, DAC} | {SOF55}
ALONE = frozenset((0x01, *range(0xD0, 0xDA)))  # TEM, RST0 to RST7, SOI, EOI
PRECISIONS = {
    SOF0: (8,),
    SOF1: (8, 12),
    SOF2: (8, 12),
    SOF9: (8, 12),
    SOF10: (8, 12),
    SOF3: range(2, 17),
    SOF55: range(2, 17),
}
KINDS: dict[int, Kind] = {SOF3: "jpeg-lossless", SOF55: "jpeg-ls"}

RESET = 64  # by default (C.2.4.1.1)
BY_SAMPLE = 2  # interleave mode

STOP = Codestream._fields.index("stop")

MARKER = re.compile(rb"\xff+([^\0\xff])")
RESTARTS = bytes(range(0xD0, 0xD8))

MAX_SEGMENTS = 4096
# Each scan of a progressive JPEG makes a decoder go through the whole image, however short the scan is.
MAX_SCANS = 256


class Headers(NamedTuple):
    """What stands before the entropy-coded data of the first scan."""

    facts: Codestream
    end: int
    has_more_scans: bool


# Frames of one image, and images of one scanner, mostly begin with the same bytes.
_HEADERS: dict[bytes, Headers] = {}
MOST_HEADERS = 1024
LONGEST_HEADER = 1024


def parse_jpeg(view: memoryview) -> Codestream:
    """Read the markers up to the first scan, and look for the end of the last."""
    size = len(view)
    key = _first_headers(view)
    headers = _HEADERS.get(key)
    if headers is None:
        headers = _read_headers(view)
        # Where they end elsewhere, the marker that was found stands inside a segment.
        if headers.end == len(key) and len(_HEADERS) < MOST_HEADERS:
            _HEADERS[key] = headers
    facts, end, has_more_scans = headers
    stop, terminated = find_end(view, end, size)
    facts = Codestream._make((*facts[:STOP], stop, terminated, *facts[STOP + 2 :]))
    if has_more_scans:
        near = _later_scans(view, end, stop, facts.sof, facts.near)
        facts = facts._replace(near=near, lossless=facts.lossless and not near)
    return facts


def _first_headers(view: memoryview) -> bytes:
    """The bytes up to the entropy-coded data, if no segment holds what looks like the first scan."""
    start = bytes(view[:LONGEST_HEADER])
    scan = start.find(b"\xff\xda")
    return start[: scan + 2 + int.from_bytes(start[scan + 2 : scan + 4], "big")]


def jpeg_headers(view: memoryview) -> bytes | None:
    """The bytes up to the entropy-coded data of a stream of one scan that was parsed; None of others."""
    key = _first_headers(view)
    headers = _HEADERS.get(key)
    return None if headers is None or headers.has_more_scans else key


class Scans(NamedTuple):
    """What stands behind the headers.

    Attributes
    ----------
    ends : list of int
        Where the entropy-coded data of each restart interval and each scan end: at a marker, which may stand
        where it does not belong.
    are_all : bool
        Whether all bits of all coefficients have a scan, which a progressive JPEG may lack (G.1.1.1).
    last : (ndarray, ndarray)
        Rows and columns: a pixel in the last MCU of each restart interval of the last scan.
    """

    ends: list[int]
    are_all: bool
    last: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def walk_scans(view: memoryview) -> Scans:
    """Go through all scans.

    Raises
    ------
    PixelDataError
        A component has no scan, or a scan has other restart markers than it should (B.1.1.2, E.1.4).
    """
    data = bytes(view)
    # A search marker by marker would take half as long as the codec.
    octets = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(octets[:-1] == 0xFF)
    codes = octets[places + 1]
    is_restart = codes & 0xF8 == 0xD0
    restarts, numbers = places[is_restart], codes[is_restart].tobytes()
    others = places[~is_restart & (codes != 0) & (codes != 0xFF)]
    position, interval = 2, 0
    frame, size, is_progressive = b"", 8, False
    left: dict[int, list[int]] = {}  # by component and coefficient, bits that no scan had yet
    ends: list[int] = []
    last = np.empty(0, np.intp), np.empty(0, np.intp)
    for _ in range(MAX_SEGMENTS):
        found = MARKER.match(data, position)
        if not found or found[1][0] in ALONE:
            break
        marker, position = found[1][0], found.end()
        length = int.from_bytes(data[position : position + 2], "big")
        body = data[position + 2 : position + length]
        position += max(length, 2)
        if marker in FRAMES and not frame:
            frame, size = body, 1 if marker == SOF3 else 8
            is_progressive = marker in (SOF2, SOF10)
        elif marker == DRI:
            interval = int.from_bytes(body, "big")
        elif marker == SOS and len(body) >= 6 and frame:
            components = body[1 : 1 + 2 * body[0] : 2]
            end = _first_from(others, position, len(data))
            if not interval:
                end = min(end, _first_from(restarts, position, len(data)))
            else:
                begin, behind = np.searchsorted(restarts, (position, end)).tolist()
                inside = numbers[begin:behind]
                units = _units(frame, components, size)
                count = -(-units.down * units.across // interval) - 1
                due = (RESTARTS * (len(inside) // 8 + 1))[: len(inside)]
                # One more may stand behind the last interval.
                if inside != due or not count <= len(due) <= count + 1:
                    raise PixelDataError(
                        f"{len(inside)} restart markers, or others, where {count} should be",
                        offset=position,
                    )
                ends += [_without_fill(data, each) for each in restarts[begin:behind].tolist()]
                last = units.pixels(interval)
            ends.append(_without_fill(data, end))
            first, final, low = body[-3:-1] + bytes((body[-1] & 15,)) if is_progressive else (0, 63, 0)
            for component in components:
                bits = left.setdefault(component, [16] * 64)
                bits[first : final + 1] = [low] * (min(final, 63) + 1 - first)
            position = ends[-1]
    missing = [number for number in frame[6::3] if number not in left]
    if missing:
        raise PixelDataError(f"no scan of the components {missing}", offset=position)
    return Scans(ends, not any(map(any, left.values())), last)


def _without_fill(data: bytes, end: int) -> int:
    """Where what stands before a marker ends, without bytes that fill up to it."""
    while data[end - 1] == 0xFF:
        end -= 1
    return end


def _first_from(places: npt.NDArray[np.intp], position: int, otherwise: int) -> int:
    index = int(np.searchsorted(places, position))
    return int(places[index]) if index < len(places) else otherwise


class Units(NamedTuple):
    """The MCUs of a scan (A.2), and how many rows and columns of the image each has."""

    down: int
    across: int
    height: int
    width: int
    rows: int
    columns: int

    def pixels(self, interval: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Rows and columns: a pixel from the midst of the last unit of each interval."""
        count = self.down * self.across
        numbers = np.arange(interval - 1, count + interval - 1, interval).clip(max=count - 1)
        rows = numbers // self.across * self.height + (self.height - 1) // 2
        columns = numbers % self.across * self.width + (self.width - 1) // 2
        return rows.clip(max=self.rows - 1), columns.clip(max=self.columns - 1)


def _units(frame: bytes, components: bytes, size: int) -> Units:
    """What a scan of some components is made of, where blocks have a size."""
    rows, columns = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    sampling = {frame[at]: (frame[at + 1] & 15, frame[at + 1] >> 4) for at in range(6, len(frame) - 2, 3)}
    vertical, horizontal = (max(each) for each in zip(*sampling.values(), strict=True))
    down, across = 1, 1
    if len(components) == 1:  # whose blocks are its MCUs
        down, across = sampling.get(components[0], (vertical, horizontal))
    height, width = size * vertical, size * horizontal
    return Units(
        -(-rows * down // height),
        -(-columns * across // width),
        height // down,
        width // across,
        rows,
        columns,
    )


def _read_headers(view: memoryview) -> Headers:
    size = len(view)
    position = 2
    frame = restart_interval = reset = 0
    jfif = False
    adobe = -1
    for _ in range(MAX_SEGMENTS):
        if size - position < 4:
            raise PixelDataError("the stream ends within its headers", offset=position)
        marker = view[position + 1]
        if view[position] != 0xFF or not marker:
            found = bytes(view[position : position + 2]).hex(" ")
            raise PixelDataError(f"{found} where a marker was expected", offset=position)
        if marker == 0xFF:
            position += 1  # any marker may have fill bytes before it
            continue
        if marker in ALONE:
            raise PixelDataError(f"marker ff {marker:02x} before the first scan", offset=position)
        length = view[position + 2] << 8 | view[position + 3]
        if not 2 <= length <= size - position - 2:
            raise PixelDataError(
                f"marker ff {marker:02x} with {length} bytes where {size - position - 2} are", offset=position
            )
        if marker == SOS:
            break
        if marker in FRAMES:
            if frame:
                raise PixelDataError("a second frame header", offset=position)
            frame = position
        elif marker == DRI:
            restart_interval = int.from_bytes(view[position + 4 : position + 2 + length], "big")
        elif marker == APP0:
            jfif = jfif or bytes(view[position + 4 : position + 9]) == b"JFIF\0"
        elif marker == APP14:
            if length >= 14 and bytes(view[position + 4 : position + 9]) == b"Adobe":
                adobe = view[position + 15]
        elif marker == LSE:
            reset = _reset(view, position)
        position += 2 + length
    else:
        raise PixelDataError(f"more than {MAX_SEGMENTS} markers before the first scan", offset=position)
    if not frame:
        raise PixelDataError("a scan without a frame header", offset=position)

    sof = view[frame + 1]
    rows, columns, precision, components = _frame(view, frame)
    in_scan, first, low = _scan(view, position, frame)
    # CharLS takes them for samples of one component, and reads beyond its lines.
    if sof == SOF55 and reset not in (0, RESET) and view[position + 6 + 2 * in_scan] == BY_SAMPLE:
        raise UnsupportedError(f"JPEG-LS interleaved by sample with a RESET of {reset}", offset=position)
    identifiers, sampling = view[frame + 10 : position : 3], view[frame + 11 : position : 3]
    color: Color | None = None
    if components == 3:
        if jfif:
            color = "ycbcr"
        elif adobe >= 0:
            color = "ycbcr" if adobe else "rgb"
        elif bytes(identifiers[:3]) == b"RGB":
            color = "rgb"
    near = first if sof == SOF55 else 0
    facts = Codestream(
        kind=KINDS.get(sof, "jpeg"),
        rows=rows,
        columns=columns,
        components=components,
        precision=precision,
        signed=False,
        lossless=sof in KINDS and not near and not low,
        start=0,
        stop=0,
        color=color,
        subsampled=any(each != sampling[0] for each in sampling[1:components]),
        sof=sof,
        restart_interval=restart_interval,
        interleaved=in_scan == components,
        predictor=first if sof == SOF3 else 0,
        point_transform=low if sof == SOF3 else 0,
        near=near,
    )
    return Headers(facts, position + 2 + length, in_scan < components or sof in (SOF2, SOF10))


def _frame(view: memoryview, frame: int) -> tuple[int, int, int, int]:
    """Check a frame header (B.2.2): rows, columns, precision, components."""
    sof = view[frame + 1]
    if sof not in PRECISIONS:
        raise UnsupportedError(
            f"JPEG process SOF{sof - SOF0}: hierarchical and arithmetic lossless ones are not decoded",
            offset=frame,
        )
    length = view[frame + 2] << 8 | view[frame + 3]
    if length < 11:
        raise PixelDataError(f"a frame header of {length} bytes", offset=frame)
    precision = view[frame + 4]
    rows = view[frame + 5] << 8 | view[frame + 6]
    columns = view[frame + 7] << 8 | view[frame + 8]
    components = view[frame + 9]
    if length != 8 + 3 * components:
        raise PixelDataError(f"a frame header of {length} bytes with {components} components", offset=frame)
    if precision not in PRECISIONS[sof]:
        raise PixelDataError(f"samples of {precision} bits in process SOF{sof - SOF0}", offset=frame + 4)
    if not rows:
        raise UnsupportedError("a JPEG that says its number of rows only behind the scan", offset=frame + 5)
    if not columns:
        raise PixelDataError("an image of no columns", offset=frame + 7)
    components_end = frame + 10 + 3 * components
    for at in range(frame + 11, components_end, 3):
        horizontal, vertical = view[at] >> 4, view[at] & 15
        if not (1 <= horizontal <= 4 and 1 <= vertical <= 4):
            raise PixelDataError(f"sampling factors {horizontal} and {vertical}: 1 to 4 can be", offset=at)
    if len(set(view[frame + 10 : components_end : 3])) < components:
        raise PixelDataError("two components with one identifier", offset=frame + 10)
    return rows, columns, precision, components


def _scan(view: memoryview, position: int, frame: int) -> tuple[int, int, int]:
    """Check the first scan's header (B.2.3): its components, and two of its parameters.

    The parameters are the predictor, NEAR or start of spectral selection, and the point transform.
    """
    length = view[position + 2] << 8 | view[position + 3]
    in_scan = view[position + 4] if length > 2 else 0
    if not 1 <= in_scan <= 4 or length != 6 + 2 * in_scan:
        raise PixelDataError(f"a scan header of {length} bytes with {in_scan} components", offset=position)
    sof, precision, components = view[frame + 1], view[frame + 4], view[frame + 9]
    known = view[frame + 10 : frame + 10 + 3 * components : 3].tolist()
    parameters = position + 5 + 2 * in_scan
    chosen = view[position + 5 : parameters : 2].tolist()
    if len(set(chosen)) < in_scan or not set(chosen) <= set(known):
        raise PixelDataError(f"a scan of components {chosen} where {known} are", offset=position + 5)
    first, second, low = view[parameters], view[parameters + 1], view[parameters + 2] & 15
    if sof == SOF3:
        if not 1 <= first <= 7 or low >= precision:
            raise PixelDataError(f"predictor {first} with point transform {low}", offset=parameters)
    elif sof == SOF55:
        if first > min(255, (1 << precision) - 1 >> 1):
            raise PixelDataError(f"NEAR {first} with {precision} bits", offset=parameters)
        if second > 2 or (second == 0) != (in_scan == 1):
            raise PixelDataError(f"interleave mode {second} with {in_scan} components", offset=parameters + 1)
        if low:
            raise UnsupportedError("JPEG-LS with a point transform", offset=parameters + 2)
    return in_scan, first, low


def _later_scans(view: memoryview, position: int, stop: int, sof: int, near: int) -> int:
    """Count the scans behind the first; the greatest NEAR of all."""
    rest = bytes(view[position:stop])
    if rest.count(b"\xff\xda") >= MAX_SCANS:
        raise PixelDataError(f"more than {MAX_SCANS} scans", offset=position)
    if sof == SOF55:
        found = rest.find(b"\xff\xda")
        while 0 <= found <= len(rest) - 8:
            # Each has one component: its length, the count, two bytes of that, and then NEAR.
            near = max(near, rest[found + 7])
            found = rest.find(b"\xff\xda", found + 2)
    return near


def _reset(view: memoryview, position: int) -> int:
    """RESET of JPEG-LS's LSE marker (C.2.4.1); what else it can ask for decoders do not know."""
    length = view[position + 2] << 8 | view[position + 3]
    kind = view[position + 4] if length > 2 else 0
    if kind != 1:
        raise UnsupportedError(
            f"JPEG-LS with mapping tables or oversized images (LSE {kind})", offset=position
        )
    if length != 13:
        raise PixelDataError(f"JPEG-LS presets of {length} bytes", offset=position)
    return view[position + 13] << 8 | view[position + 14]
