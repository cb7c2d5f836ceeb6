"""Headers of JPEG 2000 (ISO/IEC 15444-1 Annexes A and I) and HTJ2K (15444-15)."""

from __future__ import annotations

from struct import Struct

from hounsfield.errors import PixelDataError, UnsupportedError
from hounsfield.pixels.codestream.model import Codestream, Color, boxes, find_end

__all__ = ["JP2_SIGNATURE", "parse_jp2", "parse_jpeg2000"]

JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
COLORS: dict[int, Color] = {16: "rgb", 18: "ycbcr"}

CAP, COD, COC, SOT, SOD = 0xFF50, 0xFF52, 0xFF53, 0xFF90, 0xFF93
HEADER = Struct(">HHHIIIIIIIIH")
TILE_PART = Struct(">HHHIBBH")
HIGH_THROUGHPUT = 1 << 17  # the bit of CAP's Pcap for Part 15

MAX_SEGMENTS = 4096
MAX_TILE_PARTS = 1 << 16


def parse_jp2(view: memoryview) -> Codestream:
    """Read JP2 or JPH boxes up to the codestream, and that."""
    color: Color | None = None
    for kind, start, stop in boxes(view, 0, len(view)):
        if kind == b"jp2h":
            for inner, begin, end in boxes(view, start, stop):
                if inner == b"colr" and end - begin >= 7 and view[begin] == 1:
                    color = COLORS.get(int.from_bytes(view[begin + 3 : begin + 7], "big"))
        elif kind == b"jp2c":
            return parse_jpeg2000(view, start, stop, color)
    raise PixelDataError("JP2 boxes without a codestream", offset=0)


def parse_jpeg2000(view: memoryview, start: int, stop: int, color: Color | None) -> Codestream:
    """Read the main header, and pass over the tile-parts by their lengths."""
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
        raise PixelDataError(f"{tiles} tiles", offset=start + 24)
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

    position = start + 4 + length
    style: tuple[int, int, int, int, int] | None = None
    high_throughput = False
    others: set[tuple[int, int]] = set()
    for _ in range(MAX_SEGMENTS):
        marker, length = _segment(view, position, stop)
        if marker == SOT:
            break
        if marker == COD:
            if style:
                raise PixelDataError("a second COD marker", offset=position)
            style = _coding_style(view, position, length)
        elif marker == COC:
            others.add(_component_style(view, position, length, components))
        elif marker == CAP:
            high_throughput = length >= 6 and bool(
                int.from_bytes(view[position + 4 : position + 8], "big") & HIGH_THROUGHPUT
            )
        position += 2 + length
    else:
        raise PixelDataError(f"more than {MAX_SEGMENTS} markers in the main header", offset=position)
    if not style:
        raise PixelDataError("a tile-part before the COD marker", offset=position)
    layers, transform, levels, block_style, wavelet = style
    end, terminated, flaw, more = _tile_parts(view, position, stop, tiles, components)
    uniform = others | more <= {(levels, wavelet)}
    return Codestream(
        kind="htj2k" if high_throughput or block_style & 0x40 else "jpeg2000",
        rows=rows,
        columns=columns,
        components=components,
        precision=precision,
        signed=sizes[0] > 0x7F,
        lossless=wavelet == 1 if uniform else None,
        start=start,
        stop=end,
        terminated=terminated,
        flaw=flaw,
        color=color,
        subsampled=subsampled or sizes[1] != 1 or sizes[2] != 1,
        transform=bool(transform),
        levels=levels if uniform else 0,
        layers=layers,
        tiles=tiles,
        origin=(row0, column0),
        uniform=uniform,
    )


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


def _coding_style(view: memoryview, position: int, length: int) -> tuple[int, int, int, int, int]:
    """Check COD (A.6.1): layers, component transform, levels, style of the code-blocks, 1 for 5/3."""
    if length < 12:
        raise PixelDataError(f"COD of {length} bytes", offset=position)
    style, progression = view[position + 4], view[position + 5]
    layers = view[position + 6] << 8 | view[position + 7]
    transform, levels, width, height, block_style, wavelet = view[position + 8 : position + 14]
    if progression > 4 or not layers or levels > 32 or length != 12 + (style & 1) * (levels + 1):
        raise PixelDataError(
            f"COD of {length} bytes with progression {progression}, {layers} layers, {levels} levels",
            offset=position,
        )
    if width > 8 or height > 8 or width + height > 8:
        raise PixelDataError(f"code-blocks of 2^{width + 2} x 2^{height + 2}", offset=position + 10)
    if transform > 1 or wavelet > 1:
        raise UnsupportedError(
            f"component transform {transform} with wavelet {wavelet} of JPEG 2000 Part 2", offset=position + 8
        )
    return layers, transform, levels, block_style, wavelet


def _component_style(view: memoryview, position: int, length: int, components: int) -> tuple[int, int]:
    """Check COC (A.6.2): levels and wavelet of one component."""
    at = position + (6 if components < 257 else 7)
    if position + 2 + length < at + 5:
        raise PixelDataError(f"COC of {length} bytes", offset=position)
    levels, wavelet = view[at], view[at + 4]
    if levels > 32 or wavelet > 1:
        raise PixelDataError(f"COC with {levels} levels and wavelet {wavelet}", offset=position)
    return levels, wavelet


def _tile_parts(
    view: memoryview, position: int, stop: int, tiles: int, components: int
) -> tuple[int, bool, str, set[tuple[int, int]]]:
    """Pass over the tile-parts by their lengths (A.4.2).

    Returns
    -------
    tuple
        Where the stream ends; whether by EOC; what is wrong with the tile-parts, "" for nothing; levels and
        wavelet wherever a tile-part has a coding style of its own.
    """
    styles: set[tuple[int, int]] = set()
    for _ in range(MAX_TILE_PARTS):
        there = stop - position
        if there < 14:
            return stop, False, f"{there} bytes at byte {position}, where a tile-part begins", styles
        marker, length, tile, size, _, _, then = TILE_PART.unpack_from(view, position)
        if marker != SOT or length != 10 or tile >= tiles or 0 < size < 14:
            flaw = f"no tile-part at byte {position}, where one begins"
            return *find_end(view, position, stop), flaw, styles
        if then != SOD:
            styles |= _tile_styles(view, position + 12, stop, components)
        if not size:  # the last one, up to the end
            return *find_end(view, position, stop), "", styles
        if size > there:
            flaw = f"{there} bytes at byte {position}, where a tile-part has {size}"
            return *find_end(view, position, stop), flaw, styles
        position += size
        if stop - position < 2:
            return stop, False, "", styles
        if view[position] == 0xFF and view[position + 1] == 0xD9:
            return position + 2, True, "", styles
    raise PixelDataError(f"more than {MAX_TILE_PARTS} tile-parts", offset=position)


def _tile_styles(view: memoryview, position: int, stop: int, components: int) -> set[tuple[int, int]]:
    """Levels and wavelets that the header of a tile-part gives."""
    styles: set[tuple[int, int]] = set()
    for _ in range(MAX_SEGMENTS):
        if stop - position >= 2 and view[position] == 0xFF and view[position + 1] == SOD & 0xFF:
            return styles
        marker, length = _segment(view, position, stop)
        if marker == COD:
            _, _, levels, _, wavelet = _coding_style(view, position, length)
            styles.add((levels, wavelet))
        elif marker == COC:
            styles.add(_component_style(view, position, length, components))
        position += 2 + length
    raise PixelDataError(f"more than {MAX_SEGMENTS} markers in a tile-part's header", offset=position)
