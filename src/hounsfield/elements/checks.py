"""What is wrong with how elements stand in a data set, and can be read nonetheless (PS3.5 Section 7.1)."""

from __future__ import annotations

from collections.abc import Iterator

from hounsfield.elements.scanning import (
    FLAG_CUT,
    FLAG_IMPLICIT,
    FLAG_UNDEFINED,
    UNDEFINED,
    Encoding,
    Segment,
    at_hand,
)

__all__ = ["structure_problems"]

DELIMITER_BYTES = 8


def structure_problems(segments: list[Segment], encoding: Encoding) -> Iterator[tuple[int, str]]:
    """Find duplicates, tags out of order, odd lengths, wrong group lengths and a change of VR mode.

    Parameters
    ----------
    segments : list of Segment
        All elements of a data set.
    encoding : Encoding
        How it is written.

    Yields
    ------
    tag : int
    problem : str
        In a sentence. Of all group lengths that are wrong there is one: where one is, most are.
    """
    seen: set[int] = set()
    last = 0
    for _, _, table in segments:
        for tag, vr, _, length, _, flags in table:
            if tag >> 16 == 0xFFFE:
                yield tag, "an item or a delimiter stands where no sequence is open, and was left out"
                continue
            if tag in seen:
                yield tag, "stands in the data set more than once: the first one counts"
            elif tag < last:
                yield tag, f"stands behind ({last >> 16:04X},{last & 0xFFFF:04X}): tags should rise"
            seen.add(tag)
            last = max(tag, last)
            if length & 1 and not flags & (FLAG_UNDEFINED | FLAG_CUT):
                yield tag, f"has an odd length, {length}"
            if encoding.explicit and flags & FLAG_IMPLICIT:
                yield tag, "is written in implicit VR, in a data set of explicit VR"
            elif vr and not encoding.explicit:
                yield tag, "is written in explicit VR, in a data set of implicit VR"
    wrong = list(_group_lengths(segments, encoding))
    if wrong:
        tag, said, found = wrong[0]
        others = ", ".join(f"{other >> 16:04X}" for other, _, _ in wrong[1:])
        more = f"; the lengths of these groups are wrong, too: {others}" if others else ""
        yield tag, f"says that the group has {said} bytes, and it has {found}{more}"


def _group_lengths(segments: list[Segment], encoding: Encoding) -> Iterator[tuple[int, int, int]]:
    """Give the tag, value and right value of each group length that is wrong (PS3.5 Section 7.2)."""
    tag = said = start = end = 0
    for base, data, table in segments:
        for row in table:
            if tag and row[0] >> 16 != tag >> 16:
                if said != end - start:
                    yield tag, said, end - start
                tag = 0
            if row[3] == UNDEFINED:
                return
            end = base + row[2] + row[3] + (DELIMITER_BYTES if row[5] & FLAG_UNDEFINED else 0)
            if row[0] & 0xFFFF == 0 and row[3] == 4 and at_hand(data) >= row[2] + 4:
                value = bytes(data[row[2] : row[2] + 4])
                tag, start = row[0], end
                said = int.from_bytes(value, "big" if encoding.big_endian else "little")
    if tag and said != end - start:
        yield tag, said, end - start
