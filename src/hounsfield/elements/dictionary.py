"""What a tag means: keyword, name, VR and VM (PS3.6), and the VRs that a data set has to settle (PS3.5).

The tables are text; each is read when something is first looked up in it.
"""

import re
import struct
from functools import cache, lru_cache
from operator import index
from typing import NamedTuple

from hounsfield.errors import OptionError

__all__ = [
    "BITS_ALLOCATED",
    "CHARACTER_SET",
    "LUT_DATA",
    "PIXEL_DATA",
    "PIXEL_REPRESENTATION",
    "ROWS",
    "TAGS",
    "Entry",
    "Tag",
    "close_keywords",
    "entry",
    "keyword",
    "private_entry",
    "resolve_vr",
    "tag",
    "tag_number",
    "vr",
]

CHARACTER_SET = 0x00080005
ROWS = 0x00280010
BITS_ALLOCATED = 0x00280100
PIXEL_REPRESENTATION = 0x00280103
LUT_DATA = 0x00283006
PIXEL_DATA = 0x7FE00010
"""Tags that several modules look for, which need no table of keywords for them."""


class Tag(int):
    """The tag of an element (PS3.5 Section 7.1): its number, 0xGGGGEEEE, shown as (GGGG,EEEE).

    It equals the number, and hashes as it does. `hounsfield.tag` makes it of keywords and more.
    """

    __slots__ = ()

    @property
    def group(self) -> int:
        """The group number, 0 to 0xFFFF."""
        return self >> 16

    @property
    def element(self) -> int:
        """The element number within the group, 0 to 0xFFFF."""
        return self & 0xFFFF

    @property
    def is_private(self) -> bool:
        """Whether the group is odd (PS3.5 Section 7.8)."""
        return bool(self >> 16 & 1)

    @property
    def keyword(self) -> str:
        """Keyword of PS3.6; "" for private elements and others that the standard does not know."""
        return keyword(self)

    def __repr__(self) -> str:
        return f"({self >> 16:04X},{self & 0xFFFF:04X})"


class Entry(NamedTuple):
    """One row of the dictionary.

    Attributes
    ----------
    tag : int
        As 0xGGGGEEEE.
    keyword : str
        "PatientName"; "" where there is none.
    name : str
        "Patient's Name".
    vr : str
        Two letters, or a choice such as "US or SS", which `resolve_vr` settles.
    vm : str
        How many values: "1", "2", "1-n", "2-2n" ...
    retired : bool
        Whether the standard no longer uses it.
    """

    tag: int
    keyword: str
    name: str
    vr: str
    vm: str
    retired: bool


@cache
def _rows() -> dict[str, str]:
    """The rows of the table, by the tag's eight digits."""
    from hounsfield.elements._dictionary_data import ELEMENTS

    return {row[:8]: row for row in ELEMENTS.splitlines()}


@cache
def _repeating() -> list[tuple[int, int, str]]:
    """(bits that count, what they must be, row) of every tag with digits that vary."""
    from hounsfield.elements._dictionary_data import REPEATING

    rows = REPEATING.splitlines()
    masks = (re.sub("[^x]", "F", row[:8]) for row in rows)
    return [
        (int(mask.replace("x", "0"), 16), int(row[:8].replace("x", "0"), 16), row)
        for mask, row in zip(masks, rows, strict=True)
    ]


def _row(number: int) -> str | None:
    row = _rows().get(f"{number:08X}")
    if row is not None:
        return row
    element = number & 0xFFFF
    if element == 0:
        return "|UL|1|R||Group Length"
    if number >> 16 & 1:
        return "|LO|1|||Private Creator" if 0x10 <= element <= 0xFF else None
    return next((row for mask, value, row in _repeating() if number & mask == value), None)


class _Tags(dict[str, int]):
    def __missing__(self, key: str) -> int:
        if not self:
            from hounsfield.elements._dictionary_data import KEYWORDS

            words = KEYWORDS.split()
            tags = bytes.fromhex("".join(words[0::2]))
            # From one dict to another in one step, so that no other thread sees half of it.
            self.update(dict(zip(words[1::2], struct.unpack(f">{len(tags) // 4}I", tags), strict=True)))
        number = self.get(key)
        if number is None:
            raise KeyError(key)
        return number


TAGS = _Tags()
"""Keyword to tag. It fills itself when it is first subscripted: use `TAGS[keyword]`, not `in` or `get`.

The keyword of a repeating group means its first group: "OverlayData" is (6000,3000).
"""


def tag(key: str | int | tuple[int, int]) -> Tag:
    """Give a tag.

    Parameters
    ----------
    key : str, int or (int, int)
        A keyword ("PatientName"), text such as "(0010,0010)", "0010,0010", "00100010" or "0x00100010", the
        pair (group, element), or the number itself.

    Returns
    -------
    Tag
        The number 0xGGGGEEEE, shown as (GGGG,EEEE).

    Raises
    ------
    OptionError
        No such keyword, or a number out of range.
    TypeError
        It is nothing of the kind.

    Notes
    -----
    PS3.6 Section 6.
    """
    return Tag(tag_number(key))


def tag_number(key: str | int | tuple[int, int]) -> int:
    """Give what `tag` does, as a plain int."""
    if isinstance(key, str):
        try:
            return TAGS[key]
        except KeyError:
            match = re.fullmatch(r"\s*(?:0x|\(\s*)?([0-9A-Fa-f]{4})\s*,?\s*([0-9A-Fa-f]{4})\s*\)?\s*", key)
        if match is None:
            raise OptionError(f"{key!r} is neither a keyword of PS3.6 nor a tag like (0010,0010)")
        return int(match[1] + match[2], 16)
    if isinstance(key, tuple):
        if len(key) != 2:
            raise OptionError(f"a tag has a group and an element, unlike {key}")
        group, element = map(index, key)  # the integers of NumPy, too, which would overflow here
        if not (0 <= group <= 0xFFFF and 0 <= element <= 0xFFFF):
            raise OptionError(f"group and element are 16-bit numbers, unlike ({group:#x}, {element:#x})")
        return group << 16 | element
    number = index(key)
    if not 0 <= number <= 0xFFFFFFFF:
        raise OptionError(f"a tag is a 32-bit number, unlike {number:#x}")
    return number


@lru_cache(maxsize=1024)
def close_keywords(text: str) -> tuple[str, ...]:
    """Give the keywords that a text may be a misspelling of, the likeliest first."""
    from difflib import get_close_matches

    _ = TAGS["PatientName"]  # which fills it
    return tuple(get_close_matches(text, TAGS, 5, 0.75))


def entry(number: int) -> Entry | None:
    """Look a tag up in PS3.6; repeating groups, group lengths and private creators are known too.

    Parameters
    ----------
    number : int
        The tag, as 0xGGGGEEEE.

    Returns
    -------
    Entry or None
        None for a tag that the standard does not know; see `private_entry` for private ones.
    """
    row = _row(number)
    if row is None:
        return None
    _, vr, vm, retired, keyword, name = row.split("|")
    return Entry(number, keyword, name, vr, vm, retired == "R")


def keyword(number: int) -> str:
    """Give the keyword of a tag (0xGGGGEEEE), or "" if it has none."""
    row = _row(number)
    return row.split("|")[4] if row else ""


@lru_cache(maxsize=4096)
def vr(number: int) -> str:
    """Give the VR that PS3.6 has for a tag (0xGGGGEEEE), as data without explicit VRs need it.

    Returns
    -------
    str
        Two letters, a choice such as "US or SS" (see `resolve_vr`), or "UN" for what is not known.
    """
    row = _row(number)
    return row.split("|", 2)[1] if row else "UN"


@lru_cache(maxsize=256)
def _private(creator: str) -> dict[str, list[str]]:
    from hounsfield.elements._private_data import PRIVATE

    text = f"\n{PRIVATE}="
    start = text.find(f"\n={creator}\n")
    if start < 0 or "\n" in creator:
        return {}
    start += len(creator) + 3
    lines = text[start : text.index("\n=", start - 1)].splitlines()
    return {cells[0]: cells for cells in (line.split("|") for line in lines)}


def private_entry(creator: str, number: int) -> Entry | None:
    """Look a private element up (PS3.5 Section 7.8.1).

    Parameters
    ----------
    creator : str
        Value of the private creator element that reserved the block.
    number : int
        The tag, as 0xGGGGEEEE, in whatever block it stands.

    Returns
    -------
    Entry or None
        Without keyword; None if creator or element is not known.
    """
    elements = _private(creator.strip(" \0"))
    text = f"{number:08X}"
    for key in (text, f"{text[:4]}xx{text[6:]}", f"{text[:2]}xxxx{text[6:]}"):
        if key in elements:
            _, vr, vm, name = elements[key]
            return Entry(number, "", name, vr, vm, False)
    return None


def resolve_vr(
    number: int,
    choice: str,
    *,
    explicit: bool = False,
    encapsulated: bool = False,
    bits_allocated: int | None = None,
    pixel_representation: int | None = None,
    lut_entries: int | None = None,
) -> str:
    """Settle which of several VRs an element has (PS3.5 Section 8 and Annex A, PS3.3 C.11.1.1.1).

    Parameters
    ----------
    number : int
        The tag, as 0xGGGGEEEE.
    choice : str
        What `vr` said; a VR of two letters comes back as it is.
    explicit : bool
        Whether the transfer syntax has explicit VRs.
    encapsulated : bool
        Whether Pixel Data are encapsulated.
    bits_allocated : int or None
        Bits Allocated for Pixel Data, Waveform Bits Allocated for waveforms.
    pixel_representation : int or None
        Of the nearest data set that has it; None counts as unsigned.
    lut_entries : int or None
        The first value of LUT Descriptor, for LUT Data.

    Returns
    -------
    str
        Two letters.
    """
    if len(choice) == 2:
        return choice
    if choice == "US or SS":
        return "SS" if pixel_representation else "US"
    if number == LUT_DATA and lut_entries == 1:
        return "US"
    if number == PIXEL_DATA and encapsulated:
        return "OB"
    # With implicit VRs all of these are OW (A.1); with explicit ones samples of 8 bits may be bytes (A.2).
    is_samples = number == PIXEL_DATA or number >> 16 == 0x5400
    return "OB" if explicit and is_samples and bits_allocated is not None and bits_allocated <= 8 else "OW"
