"""Headers of JPEG 2000 (ISO/IEC 15444-1 Annexes A and I) and HTJ2K (15444-15)."""

from __future__ import annotations

import struct
from struct import Struct
from typing import Any

from hounsfield.errors import PixelDataError, UnsupportedError
from hounsfield.pixels.codestream.model import Codestream, Color, boxes, find_end

__all__ = ["JP2_SIGNATURE", "jpeg2000_headers", "parse_jp2", "parse_jpeg2000"]

JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
COLORS: dict[int, Color] = {16: "rgb", 18: "ycbcr"}

CAP, COD, COC, QCD, QCC, NLT = 0xFF50, 0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF76
RGN, POC, PPM, PPT = 0xFF5E, 0xFF5F, 0xFF60, 0xFF61
SOT, SOD, EOC = 0xFF90, 0xFF93, 0xFFD9
HEADER = Struct(">HHHIIIIIIIIH")
STYLE = Struct(">BBHB")
TILE_PART = Struct(">HHHIBBH")
STYLES = COD, COC, QCD, QCC
BY_COMPONENT = {COD: COC, QCD: QCC}
UNCOMMON = RGN, POC, PPM, PPT
HIGH_THROUGHPUT = 1 << 17  # the bit of CAP's Pcap for Part 15

REVERSIBLE = 1  # the 5/3 wavelet; 0 is 9/7
MAX_BIT_PLANES = 30  # for which OpenJPH has room where samples are floats, as with 9/7

START = Codestream._fields.index("start")
FIRST_TILE_PART = b"\xff\x90\0\x0a"

MAX_SEGMENTS = 4096
MAX_TILE_PARTS = 1 << 16


def parse_jp2(view: memoryview) -> Codestream:
    """Read JP2 or JPH boxes up to the codestream, and that."""
    color: Color | None = None
    palette = False
    definitions, defined_at = b"", 0
    for kind, start, stop in boxes(view, 0, len(view)):
        if kind == b"jp2h":
            for inner, begin, end in boxes(view, start, stop):
                if inner == b"colr" and end - begin >= 7 and view[begin] == 1:
                    color = COLORS.get(int.from_bytes(view[begin + 3 : begin + 7], "big"))
                elif inner == b"cdef":
                    definitions, defined_at = bytes(view[begin:end]), begin
                palette |= inner == b"pclr"
        elif kind == b"jp2c":
            stream = parse_jpeg2000(view, start, stop, color)
            # With a palette, channels are its columns.
            order = () if palette else _order(definitions, stream.components, defined_at)
            return stream._replace(order=order, palette=palette)
    raise PixelDataError("JP2 boxes without a codestream", offset=0)


def _order(definitions: bytes, components: int, offset: int) -> tuple[int, ...]:
    """The component of each colour by the channel definition box (I.5.3.6); () if that is their own order."""
    colors: dict[int, int] = {}
    for component, kind, color in struct.iter_unpack(
        ">HHH", definitions[2 : 2 + len(definitions[2:]) // 6 * 6]
    ):
        if kind == 0 and 1 <= color <= components and colors.setdefault(color - 1, component) != component:
            raise PixelDataError(f"two components for colour {color}", offset=offset)
    others = iter(sorted(set(range(components)) - set(colors.values())))
    order = tuple(colors[at] if at in colors else next(others, -1) for at in range(components))
    if sorted(order) != list(range(components)):
        raise PixelDataError(f"components {order} as channels, where {components} are", offset=offset)
    return () if order == tuple(range(components)) else order


# By the bytes of a main header what it says, with which frames of one image and images of one scanner begin.
_MAIN_HEADERS: dict[bytes, Codestream] = {}
MOST_HEADERS = 1024
LONGEST_HEADER = 1024


def parse_jpeg2000(view: memoryview, start: int, stop: int, color: Color | None) -> Codestream:
    """Read the main header, and pass over the tile-parts by their lengths."""
    first = _before_tiles(view, start, stop)
    facts = _MAIN_HEADERS.get(first)
    if facts is not None and stop - start >= len(first) + TILE_PART.size:
        header = Header(facts.components)
        end = _tile_parts(view, start + len(first), stop, facts, header)
        if not header.taken:
            return _with_end(facts, start, end, color)
    facts, header, position = _main_header(view, start, stop)
    if position == start + len(first) and len(_MAIN_HEADERS) < MOST_HEADERS:
        _MAIN_HEADERS[first] = facts
    header.taken, header.in_tiles = False, True
    end = _tile_parts(view, position, stop, facts, header)
    if header.taken:
        facts = facts._replace(**header.facts(start))
    return _with_end(facts, start, end, color)


def _before_tiles(view: memoryview, start: int, stop: int) -> bytes:
    first = bytes(view[start : min(start + LONGEST_HEADER, stop)])
    return first[: max(first.find(FIRST_TILE_PART), 0)]


def jpeg2000_headers(view: memoryview) -> bytes | None:
    """The main header of a stream that was parsed; None if it is too long to have been kept."""
    first = _before_tiles(view, 0, len(view))
    return first if first in _MAIN_HEADERS else None


def _with_end(facts: Codestream, start: int, end: tuple[int, bool, str], color: Color | None) -> Codestream:
    return Codestream._make((*facts[:START], start, *end, color, *facts[START + 5 :]))


def _main_header(view: memoryview, start: int, stop: int) -> tuple[Codestream, Header, int]:
    """Read up to the first tile-part."""
    if bytes(view[start : min(start + 4, stop)]) != b"\xff\x4f\xff\x51":
        raise PixelDataError("no JPEG 2000 codestream", offset=start)
    if stop - start < 2 + HEADER.size:
        raise PixelDataError("the stream ends within its headers", offset=start)
    _, length, _, x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0, components = HEADER.unpack_from(
        view, start + 2
    )
    if not 1 <= components <= 16384 or length != 38 + 3 * components or stop - start < 4 + length:
        raise PixelDataError(f"SIZ of {length} bytes with {components} components", offset=start + 4)
    if x1 <= x0 or y1 <= y0:
        raise PixelDataError(f"an image from ({x0}, {y0}) to ({x1}, {y1})", offset=start + 8)
    if not (tile_x0 <= x0 < tile_x0 + tile_x and tile_y0 <= y0 < tile_y0 + tile_y):
        raise PixelDataError(
            f"tiles of {tile_x} x {tile_y} from ({tile_x0}, {tile_y0}) for an image from ({x0}, {y0})",
            offset=start + 24,
        )
    tiles = -((tile_x0 - x1) // tile_x) * -((tile_y0 - y1) // tile_y)
    if tiles > 0xFFFF:
        raise PixelDataError(f"{tiles} tiles, where no more than 65535 can be", offset=start + 24)
    sizes = bytes(view[start + 42 : start + 42 + 3 * components])
    subsampled = sizes[1::3] != sizes[1:2] * components or sizes[2::3] != sizes[2:3] * components
    if 0 in sizes[1::3] or 0 in sizes[2::3]:
        raise PixelDataError("a component with a sampling factor of 0", offset=start + 42)
    if sizes[::3] != sizes[:1] * components:
        raise UnsupportedError("JPEG 2000 components of different precision or sign", offset=start + 42)
    precision = (sizes[0] & 0x7F) + 1
    if precision > 38:
        raise PixelDataError(f"samples of {precision} bits", offset=start + 42)
    column0, row0 = -(-x0 // sizes[1]), -(-y0 // sizes[2])
    columns, rows = -(-x1 // sizes[1]) - column0, -(-y1 // sizes[2]) - row0
    if not rows or not columns:
        raise PixelDataError("sampling factors leave no samples", offset=start + 42)

    header = Header(components)
    position = start + 4 + length
    for _ in range(MAX_SEGMENTS):
        marker, length = _segment(view, position, stop)
        if marker == SOT:
            break
        header.take(view, position, marker, length)
        position += 2 + length
    else:
        raise PixelDataError(f"more than {MAX_SEGMENTS} markers in the main header", offset=position)
    if not header.levels:
        raise PixelDataError("a tile-part before the COD marker", offset=position)
    facts = Codestream(
        rows=rows,
        columns=columns,
        components=components,
        precision=precision,
        signed=sizes[0] > 0x7F,
        start=0,
        stop=0,
        subsampled=subsampled or sizes[1] != 1 or sizes[2] != 1,
        tiles=tiles,
        origin=(row0, column0),
        tile_origin=(tile_y0, tile_x0),
        tile_size=(tile_y, tile_x),
        **header.facts(start),
    )
    return facts, header, position


class Header:
    """What the markers of the main header say, and then those of tile-parts."""

    def __init__(self, components: int) -> None:
        self.index_bytes = 1 if components < 257 else 2
        self.high_throughput = False
        self.layers = 0
        self.transform = False
        self.levels: set[int] = set()
        self.wavelets: set[int] = set()
        self.bit_planes: set[tuple[int, int]] = set()
        self.taken = False  # whether any was read
        self.in_tiles = False
        self.uncommon = False
        self.region = False
        self.late_style = False
        self.markers: set[int] = set()  # of this header

    def facts(self, start: int) -> dict[str, Any]:
        """What they say together."""
        if self.high_throughput:
            _check_quantization(self, start)
            if self.region:
                raise UnsupportedError("HTJ2K with a region of interest", offset=start)
        return {
            "kind": "htj2k" if self.high_throughput else "jpeg2000",
            "lossless": REVERSIBLE in self.wavelets if len(self.wavelets) == 1 else None,
            "transform": self.transform,
            "levels": min(self.levels),
            "layers": self.layers,
            "uncommon": self.uncommon,
            "late_style": self.late_style,
        }

    def take(self, view: memoryview, position: int, marker: int, length: int) -> None:
        """Read one marker segment, of the kinds that are of use here."""
        contents = bytes(view[position + 4 : position + 2 + length])
        self.taken = True
        self.uncommon |= marker in UNCOMMON or (self.in_tiles and marker in STYLES)
        self.region |= marker == RGN
        self.late_style |= BY_COMPONENT.get(marker) in self.markers
        self.markers.add(marker)
        if marker == COD:
            self._take_style(contents, position)
        elif marker == COC:
            # The component's number and a flag for precincts stand before what is of use.
            self._take_wavelet(contents[self.index_bytes + 1 :], position)
        elif marker == QCD:
            self._take_quantization(contents, position)
        elif marker == QCC:
            self._take_quantization(contents[self.index_bytes :], position)
        elif marker == CAP and len(contents) >= 4:
            self.high_throughput |= bool(int.from_bytes(contents[:4], "big") & HIGH_THROUGHPUT)
        elif marker == NLT:
            raise UnsupportedError("non-linear samples of JPEG 2000 Part 2", offset=position)

    def _take_style(self, contents: bytes, position: int) -> None:
        """COD (A.6.1)."""
        if len(contents) < 10:
            raise PixelDataError(f"COD of {len(contents)} bytes", offset=position)
        _, progression, layers, transform, *_ = STYLE.unpack_from(contents)
        if progression > 4 or not layers:
            raise PixelDataError(f"COD with progression {progression}, {layers} layers", offset=position)
        if transform > 1:
            raise UnsupportedError(f"component transform {transform} of JPEG 2000 Part 2", offset=position)
        self.layers = max(layers, self.layers)
        self.transform |= bool(transform)
        self._take_wavelet(contents[5:], position)

    def _take_wavelet(self, contents: bytes, position: int) -> None:
        """The parameters that COD and COC share (Table A.20)."""
        if len(contents) < 5:
            raise PixelDataError("a coding style that is cut short", offset=position)
        levels, width, height, block_style, wavelet = contents[:5]
        if levels > 32 or width > 8 or height > 8 or width + height > 8:
            raise PixelDataError(
                f"{levels} levels, code-blocks of 2^{width + 2} x 2^{height + 2}", offset=position
            )
        if wavelet > REVERSIBLE:
            raise UnsupportedError(f"wavelet {wavelet} of JPEG 2000 Part 2", offset=position)
        self.levels.add(levels)
        self.wavelets.add(wavelet)
        self.high_throughput |= bool(block_style & 0x40)

    def _take_quantization(self, contents: bytes, position: int) -> None:
        """QCD and QCC (A.6.4): the style, and the most bit planes that a sub-band has."""
        style = contents[0] & 31 if contents else 3
        if style > 2 or len(contents) < (2 if style == 0 else 3):
            raise PixelDataError(f"quantisation style {style} in {len(contents)} bytes", offset=position)
        exponent = max(contents[1:] if style == 0 else contents[1::2]) >> 3
        self.bit_planes.add((style, (contents[0] >> 5) + exponent - 1))


def _check_quantization(header: Header, start: int) -> None:
    """Refuse what makes OpenJPH crash: 9/7 without quantisation, or with more bits than it has room for."""
    if REVERSIBLE not in header.wavelets:
        for style, planes in header.bit_planes:
            if not style or planes > MAX_BIT_PLANES:
                raise PixelDataError(f"{planes} bit planes, quantisation style {style}", offset=start)


def _segment(view: memoryview, position: int, stop: int) -> tuple[int, int]:
    if stop - position < 4:
        raise PixelDataError("the stream ends within its headers", offset=position)
    marker = view[position] << 8 | view[position + 1]
    length = view[position + 2] << 8 | view[position + 3]
    if marker < 0xFF01:
        raise PixelDataError(f"{marker:04x} where a marker was expected", offset=position)
    if not 2 <= length <= stop - position - 2:
        raise PixelDataError(
            f"marker {marker:04x} with {length} bytes where {stop - position - 2} are", offset=position
        )
    return marker, length


def _tile_parts(
    view: memoryview, position: int, stop: int, facts: Codestream, header: Header
) -> tuple[int, bool, str]:
    """Pass over the tile-parts by their lengths (A.4.2).

    Returns
    -------
    tuple
        Where the stream ends; whether by EOC; what is wrong with the tile-parts, "" for nothing.
    """
    tiles = facts.tiles
    # By tile, how many tile-parts of it there are, and how many it says there should be.
    found: dict[int, int] = {}
    said: dict[int, int] = {}
    for _ in range(MAX_TILE_PARTS):
        there = stop - position
        if there < 14:
            return stop, False, f"{there} bytes at byte {position}, where a tile-part begins"
        marker, length, tile, size, _, parts, then = TILE_PART.unpack_from(view, position)
        if marker != SOT or length != 10 or tile >= tiles or 0 < size < 14:
            return *find_end(view, position, stop), f"no tile-part at byte {position}, where one begins"
        found[tile] = found.get(tile, 0) + 1
        said[tile] = max(said.get(tile, 0), parts)
        if then != SOD:
            _take_tile_header(view, position + 12, stop, header)
        if not size:  # the last one, up to the end
            end, terminated = find_end(view, position, stop)
            if not terminated:
                return end, False, "no end marker behind the last tile-part"
            return end, True, _missing(facts, found, said)
        if size > there:
            flaw = f"{there} bytes at byte {position}, where a tile-part has {size}"
            return *find_end(view, position, stop), flaw
        position += size
        if stop - position < 2 and bytes(view[position:stop]) in (b"", b"\0", b"\xff"):
            return position, False, _missing(facts, found, said)
        if stop - position >= 2 and view[position] == 0xFF and view[position + 1] == EOC & 0xFF:
            return position + 2, True, _missing(facts, found, said)
    raise PixelDataError(f"more than {MAX_TILE_PARTS} tile-parts", offset=position)


def _missing(facts: Codestream, found: dict[int, int], said: dict[int, int]) -> str:
    """Say which tiles, or parts of them, are not there: decoders leave their samples as they were."""
    if len(found) < facts.tiles:
        return f"{len(found)} of {facts.tiles} tiles are there"
    # OpenJPEG notices by itself, and decodes where only the number is wrong, which some encoders write.
    if facts.kind == "htj2k":
        for tile, parts in said.items():
            if found[tile] < parts:
                return f"{found[tile]} of {parts} tile-parts of tile {tile} are there"
    return ""


def _take_tile_header(view: memoryview, position: int, stop: int, header: Header) -> None:
    header.markers.clear()
    for _ in range(MAX_SEGMENTS):
        if stop - position >= 2 and view[position] == 0xFF and view[position + 1] == SOD & 0xFF:
            return
        marker, length = _segment(view, position, stop)
        header.take(view, position, marker, length)
        position += 2 + length
    raise PixelDataError(f"more than {MAX_SEGMENTS} markers in a tile-part's header", offset=position)
