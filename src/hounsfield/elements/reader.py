"""From a source to its elements: preamble, file meta information, transfer syntax (PS3.10 Section 7)."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from hounsfield._kernels.scan import Table
from hounsfield.elements.dataset import Key
from hounsfield.elements.dictionary import (
    BITS_ALLOCATED,
    CHARACTER_SET,
    LUT_DATA,
    PIXEL_REPRESENTATION,
    tag_number,
    vr,
)
from hounsfield.elements.scanning import (
    AFTER_PIXELS,
    CHUNK,
    CUT,
    EXPLICIT_LITTLE,
    UNDEFINED,
    Encoding,
    Segment,
    scan_part,
    scan_source,
)
from hounsfield.elements.uids import TransferSyntax, transfer_syntax
from hounsfield.elements.values import DECODERS
from hounsfield.errors import DicomError, LimitError, NotDicomError, ParseError, TruncatedError
from hounsfield.sources import BufferSource, PathSource, Source, is_url, open_source

__all__ = ["INFLATED_LIMIT", "SYNTAXES", "Parts", "Selection", "listed", "open_part10", "select"]

BEHIND_PREFIX = 132
LUT_DESCRIPTOR = 0x00283002
TRANSFER_SYNTAX_UID = 0x00020010
AFTER_META = 0x00030000

META_LIMIT = 1 << 24
"""Bytes of file meta information that are read: real ones have a few hundred."""

MOST_SYNTAXES = 256

INFLATED_LIMIT = 1 << 30
"""Bytes that a deflated data set may inflate to."""

FIRST_GROUPS = frozenset((1, *range(0x0004, 0x0022, 2)))
"""The groups that data sets begin with: 0008 nearly always."""

COMMAND_GROUP_LENGTH = b"\0\0\0\0\4\0\0\0"
COMMAND_TAGS = frozenset((b"\0\0\2\0", b"\0\0\3\0", b"\0\0\0\1"))
"""What a command set begins with, and the tags that follow its group length (PS3.7 Annex E)."""

LOOK_AT = 16

GUESSES = {
    Encoding(False, False): "1.2.840.10008.1.2",
    Encoding(True, False): "1.2.840.10008.1.2.1",
    Encoding(True, True): "1.2.840.10008.1.2.2",
}


Parts = tuple[
    Source,  # of the data set: for a deflated one, what it inflates to
    Segment,
    Encoding,
    None,
    list[Segment] | None,  # further segments
    tuple[int, bool] | None,  # where the data go on behind the pixel data; whether fragments stand there
    TransferSyntax,
    tuple[bytes | memoryview, int, int],  # the file meta information: some bytes, and from where to where
    dict[str, int | None] | None,  # what was repaired or assumed
]
"""What a `Dataset` is made of, in the order of its arguments."""


class Selection(NamedTuple):
    """Which elements are read.

    Attributes
    ----------
    stop_tag : int
        Reading stops before this tag or a higher one.
    asked : frozenset of int or None
        What was asked for; None for all.
    tags : tuple of int or None
        That and what is needed to decode it, in order.
    """

    stop_tag: int
    asked: frozenset[int] | None
    tags: tuple[int, ...] | None


def listed(tags: Iterable[Any]) -> tuple[Any, ...]:
    """Give the tags that a caller lists.

    Raises
    ------
    TypeError
        It is no list of them, but one: a text or a pair of numbers, which would be taken for several.
    """
    found = None if isinstance(tags, str | bytes | bytearray) else tuple(tags)
    is_pair = found is not None and len(found) == 2 and all(isinstance(each, int) for each in found)
    if found is None or (is_pair and max(found) <= 0xFFFF):
        raise TypeError(f"tags is a list of keywords or tags, not one: [{tags!r}]")
    return found


@lru_cache(maxsize=64)
def select(tags: tuple[Key, ...] | None, until: Key | None) -> Selection:
    """Make a selection of the elements that are wanted, and of the first that is not."""
    limit = UNDEFINED if until is None else tag_number(until)
    if tags is None:
        return Selection(limit, None, None)
    asked = frozenset(tag_number(each.partition(".")[0] if isinstance(each, str) else each) for each in tags)
    needed = {CHARACTER_SET}
    # Of a VR that depends on how the pixels are described, or such ones within: see `resolve_vr`.
    if any(len(vr(each)) > 2 or vr(each) == "SQ" for each in asked):
        needed |= {BITS_ALLOCATED, PIXEL_REPRESENTATION}
    if LUT_DATA in asked:
        needed.add(LUT_DESCRIPTOR)
    private = [each for each in asked if each >> 16 & 1 and each & 0xFFFF > 0xFF]
    needed.update(each & 0xFFFF0000 | each >> 8 & 0xFF for each in private)
    wanted = sorted(each for each in asked | needed if each < limit)
    return Selection(min(wanted[-1] + 1, limit) if wanted else limit, asked, tuple(wanted))


class _Syntaxes(dict[bytes, tuple[TransferSyntax, Encoding]]):
    """By the value of Transfer Syntax UID; it fills itself."""

    def __missing__(self, raw: bytes) -> tuple[TransferSyntax, Encoding]:
        syntax = transfer_syntax(raw.decode("latin-1").strip("\0 "))
        found = syntax, Encoding(syntax.explicit, syntax.big_endian)
        if len(self) < MOST_SYNTAXES:
            self[raw] = found
        return found


SYNTAXES = _Syntaxes()
"""Transfer syntax and encoding by the value of Transfer Syntax UID."""


@lru_cache(maxsize=256)
def _look(start: bytes) -> Encoding | None:
    """The encoding that the first bytes show, or None if they tell nothing: LOOK_AT of them."""
    letters = start[4:6].decode("latin-1")
    little, big = int.from_bytes(start[:2], "little"), int.from_bytes(start[:2], "big")
    if little in FIRST_GROUPS or big in FIRST_GROUPS:
        explicit = letters == "SQ" or letters in DECODERS
        return Encoding(explicit, little not in FIRST_GROUPS and explicit)
    # Of other groups only what cannot be chance: a tag that the dictionary has, with the VR that it has
    # there; a private creator, for one. Or a command set, which is in implicit VR.
    if start.startswith(COMMAND_GROUP_LENGTH) and start[12:] in COMMAND_TAGS:
        return Encoding(False, False)
    for order in ("<", ">"):
        group, element = struct.unpack(f"{order}HH", start[:4].ljust(4, b"\0"))
        if letters in vr(group << 16 | element).split(" or ") and letters != "UN":
            return Encoding(True, order == ">")
    return None


def _is_path(given: Any) -> bool:
    return not is_url(given) if isinstance(given, str) else hasattr(given, "__fspath__")


def open_part10(
    given: Any, stop_tag: int = UNDEFINED, storage_options: Mapping[str, Any] | None = None
) -> Parts:
    """Find the elements of a DICOM file, or of a bare data set, without reading its pixel data.

    Parameters
    ----------
    given : path, URL, bytes-like or seekable binary file object
    stop_tag : int
        Stop before this tag or a higher one.
    storage_options : mapping, optional
        For the file system of a URL.

    Raises
    ------
    NotDicomError, ParseError, LimitError
        With the name of the source.
    OSError
        As the operating system has it.
    """
    source: Source
    head: bytes | memoryview
    if _is_path(given):
        source, head = PathSource.with_head(os.fsdecode(given), CHUNK)
    else:
        source = open_source(given, storage_options)
        if isinstance(source, BufferSource):
            head = given if isinstance(given, bytes) else source.read(0, source.size)
        else:
            head = source.read(0, min(source.size, CHUNK))
    try:
        return _open(source, head, min(stop_tag, AFTER_PIXELS))
    except DicomError as error:
        error.file = error.file or source.name
        raise


def _open(source: Source, head: bytes | memoryview, stop_tag: int) -> Parts:
    notes: list[str] = []
    start = _after_preamble(head)
    if start != BEHIND_PREFIX:
        notes.append("no preamble" if start else "no preamble and no DICM prefix")
    try:
        table, head = _scan_meta(source, head, start)
        position = table.end
        if table.status == "truncated":
            raise TruncatedError("the data end inside the file meta information", offset=position)
    except ParseError as error:
        if start:
            raise
        raise _not_dicom(error) from error
    meta = head, start, position
    if start and position == source.size:
        notes.append("no data set follows the file meta information")

    row = table.find(TRANSFER_SYNTAX_UID)
    seen = _look(bytes(head[position : position + LOOK_AT]))
    if row is not None:
        syntax, encoding = SYNTAXES[bytes(head[row[2] : row[2] + row[3]])]
        if syntax.deflated:
            inflated = _inflate(source, position, notes)
            if inflated is not None:
                meta = bytes(head[:position]), start, position
                source, head, position = BufferSource(inflated, source.name), inflated, 0
                seen = None
        if seen is not None and seen != encoding:
            notes.append(
                f"the transfer syntax is {syntax.name}, but the data set is written in {_guess(seen).name}: "
                "read as what it is"
            )
            encoding = seen
    elif seen is not None:
        encoding, syntax = seen, _guess(seen)
        notes.append(f"no transfer syntax is given: {syntax.name}, by the look of the first element")
    elif start and position == source.size:
        encoding, syntax = EXPLICIT_LITTLE, _guess(EXPLICIT_LITTLE)
    else:
        if start:
            raise ParseError("neither meta information nor a data set follows the prefix", offset=start)
        raise NotDicomError("neither the DICM prefix nor the beginning of a data set", offset=0)

    broken = None
    try:
        segments, end = scan_source(source, position, encoding, head=head, stop_tag=stop_tag)
    except ParseError as error:
        if not start:
            raise _not_dicom(error) from error
        broken = error.offset
        if isinstance(error, LimitError) or broken is None or broken <= position:
            raise
        notes.append(f"{error.message}, at byte {broken}: what follows was left out")
        segments, end = scan_source(source, position, encoding, head=head, stop_tag=stop_tag, size=broken)
    if end.status == "truncated":
        if not start and sum(len(table) for _, _, table in segments) < 2:
            raise NotDicomError("no DICM prefix, and as a data set it ends in its first elements", offset=0)
        if broken is None:
            notes.append(f"{CUT} {end.position}")
    tail = (end.position, end.status == "fragments") if end.status in ("fragments", "stop", "more") else None
    first = segments[0]
    if meta[0] is head and first[0] == 0:
        meta = first[1], *meta[1:]
    return source, first, encoding, None, segments[1:], tail, syntax, meta, dict.fromkeys(notes)


def _scan_meta(source: Source, head: bytes | memoryview, start: int) -> tuple[Table, bytes | memoryview]:
    """Scan group 0002, which is in explicit VR little endian whatever follows (PS3.10 Section 7.1)."""

    def scan(stop: int | None, whole: int) -> Table:
        return scan_part(source, 0, head, start, stop, EXPLICIT_LITTLE, whole=whole, stop_tag=AFTER_META)

    table = scan(None, source.size)
    while table.status == "more":
        if len(head) > META_LIMIT:
            raise LimitError(f"the file meta information is longer than {META_LIMIT >> 20} MiB", offset=start)
        head = source.read(0, min(source.size, 4 * len(head)))
        table = scan(None, source.size)
    end = start
    for tag, _, offset, length, _, _ in table:
        if tag >> 16 != 2:  # a data set that begins in group 0001
            return scan(end, end), head
        end = offset + length
    return table, head


def _after_preamble(head: bytes | memoryview) -> int:
    """Where the first element is: behind preamble and prefix, or at the start of what has neither."""
    if head[BEHIND_PREFIX - 4 : BEHIND_PREFIX] == b"DICM":
        return BEHIND_PREFIX
    return 4 if head[:4] == b"DICM" else 0


def _not_dicom(error: ParseError) -> NotDicomError:
    return NotDicomError(f"no DICM prefix, and not a data set either: {error.message}", offset=error.offset)


def _guess(encoding: Encoding) -> TransferSyntax:
    return SYNTAXES[GUESSES[encoding].encode()][0]


def _inflate(source: Source, start: int, notes: list[str]) -> bytes | None:
    """Inflate a deflated data set (PS3.5 Annex A.5), or None if it is not deflated at all."""
    first = source.read(start, min(CHUNK, source.size - start))
    forms = [wbits for wbits in (-zlib.MAX_WBITS, zlib.MAX_WBITS) if _inflates(first, wbits)]
    if forms and source.size - start > INFLATED_LIMIT:
        raise LimitError(f"more than {INFLATED_LIMIT >> 20} MiB are to be inflated", offset=start)
    packed = source.read(start, source.size - start) if forms else first
    for wbits in forms:
        stream = zlib.decompressobj(wbits)
        try:
            data = stream.decompress(packed, INFLATED_LIMIT + 1)
        except zlib.error:
            continue
        if len(data) > INFLATED_LIMIT:
            raise LimitError(f"the data set inflates to more than {INFLATED_LIMIT >> 20} MiB", offset=start)
        if not stream.eof:
            notes.append("the deflate stream has no end: read as far as it goes")
        if len(stream.unused_data) > 1:  # one byte makes the length even
            notes.append(f"{len(stream.unused_data)} bytes follow the deflate stream and were left out")
        if wbits > 0:
            notes.append("the deflate stream has a zlib header, which it should not")
        return data
    if _look(bytes(packed[:LOOK_AT])) is None:
        raise ParseError("the data set should be deflated, and cannot be inflated", offset=start)
    notes.append("the transfer syntax is deflated, but the data set is not: read as it is")
    return None


def _inflates(data: bytes | memoryview, wbits: int) -> bool:
    try:
        zlib.decompressobj(wbits).decompress(data, CHUNK)
    except zlib.error:
        return False
    return True
