"""Ways into a data set: dotted paths, a walk over all of it, and blocks of private elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hounsfield.elements.dictionary import TAGS, Tag, keyword, tag_number
from hounsfield.elements.element import Element
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.vrs import private_creator
from hounsfield.errors import MissingElementError, OptionError

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset

__all__ = ["PrivateBlock", "follow", "path_step", "private_creators", "walk"]


@lru_cache(maxsize=4096)
def path_step(tag: int) -> str:
    """Give what a path calls an element: its keyword, or where that does not lead to it, eight digits.

    Private elements have no keyword, and those of repeating groups share theirs with their first group, or
    with so many others that it means none of them.
    """
    word = keyword(tag)
    try:
        return word if TAGS[word] == tag else f"{tag:08X}"
    except KeyError:
        return f"{tag:08X}"


def follow(ds: Dataset, path: str) -> Element | Dataset:
    """Find what a dotted path leads to: an element, or if it ends in a number an item.

    Parameters
    ----------
    ds : Dataset
        Where the path begins.
    path : str
        Keywords or tags of eight digits, and behind each sequence the number of an item, from 0 or, if it is
        negative, from the end: "SharedFunctionalGroupsSequence.0.PixelMeasuresSequence.0.PixelSpacing".

    Raises
    ------
    MissingElementError
        A step is not there, or neither a keyword nor a tag; the message tells which, and in what.
    OptionError
        The path cannot be one: where an item is wanted there is no number.
    """
    found: Element | Dataset = ds
    steps = path.split(".")
    for position, step in enumerate(steps):
        here = ".".join(steps[:position])
        if not isinstance(found, Element):
            try:
                tag = tag_number(step)
            except OptionError as error:
                message = f"{path!r}: {error.message}{found._suggestion(step)}"
                raise MissingElementError(message, file=ds._source.name) from None
            place = found._find(tag)
            if place is None:
                raise MissingElementError(
                    f"{here or 'the data set'} has no element {step}", file=ds._source.name, tag=tag
                )
            found = Element(found, *place)
            continue
        if not re.fullmatch("-?[0-9]{1,9}", step):
            raise OptionError(f"{path!r} should have the number of an item behind {here}, not {step!r}")
        sequence = found.value
        if not isinstance(sequence, Sequence):
            raise MissingElementError(
                f"{here} is no sequence that could have an item {step}", file=ds._source.name, tag=found._tag
            )
        count = len(sequence)
        if not -count <= int(step) < count:
            raise MissingElementError(
                f"{here} has no item {step}: it has {count}", file=ds._source.name, tag=found._tag
            )
        found = sequence[int(step)]
    return found


def walk(ds: Dataset) -> Iterator[tuple[str, Element]]:
    """Give every element with its path, those of items behind the sequence they are in.

    Items are made when the walk comes to them, and not kept.

    Raises
    ------
    DicomError
        The items of a sequence cannot be found.
    """
    levels: list[Iterator[tuple[str, Element]]] = [((path_step(each._tag), each) for each in ds)]
    while levels:
        for path, element in levels[-1]:
            yield path, element
            if element.VR == "SQ":
                levels.append(_inside(path, element.value))
                break
        else:
            levels.pop()


def _inside(path: str, sequence: Sequence) -> Iterator[tuple[str, Element]]:
    for number, (item, _) in enumerate(sequence.each()):
        for element in item:
            yield f"{path}.{number}.{path_step(element._tag)}", element


def private_creators(ds: Dataset, group: int) -> list[str]:
    """Give those who reserved blocks in an odd group, in the order of their blocks (PS3.5 Section 7.8.1)."""
    return [creator for _, creator in _reservations(ds, group)]


def _reservations(ds: Dataset, group: int) -> Iterator[tuple[int, str]]:
    if not (0 < group <= 0xFFFF and group & 1):
        raise OptionError(f"private elements have odd groups, unlike {group:04X}")
    for block in range(0x10, 0x100):
        if ds._find(group << 16 | block) is None:
            continue
        creator = private_creator(ds, group << 16 | block << 8)
        if creator:
            yield block, creator.strip(" \0")


class PrivateBlock:
    """The elements that one creator reserved in a group, by the low byte of their element number.

    ``block[0x01]`` is an `Element`, ``block.get(0x01)`` its value; PS3.5 Section 7.8.1. A creator may have
    reserved several blocks: an element is taken from the first of them that has it, and iteration and
    `get_tags` give those of all.

    Attributes
    ----------
    group : int
    private_creator : str
    block_start : int
        0x1000 for the first block that can be reserved, 0x1100 for the second ...
    block_starts : tuple of int
        Of all blocks that the creator has reserved in this group, `block_start` first.
    """

    __slots__ = ("_dataset", "block_start", "block_starts", "group", "private_creator")

    def __init__(self, ds: Dataset, group: int, creator: str) -> None:
        """Find the blocks.

        Raises
        ------
        MissingElementError
            The creator has reserved no block in this group.
        OptionError
            The group is not odd.
        """
        wanted = creator.strip(" \0")
        reserved = list(_reservations(ds, group))
        self.block_starts = tuple(block << 8 for block, name in reserved if name == wanted)
        if not self.block_starts:
            others = ", ".join(dict.fromkeys(name for _, name in reserved))
            raise MissingElementError(
                f"{creator!r} has no block in group {group:04X}, where {others or 'nobody'} has",
                file=ds._source.name,
            )
        self._dataset = ds
        self.group = group
        self.private_creator = creator
        self.block_start = self.block_starts[0]

    def get_tag(self, element_offset: int) -> Tag:
        """Give the tag of the element whose number ends in `element_offset`, 0 to 0xFF.

        It is that in the first block which has the element, or where none has that in the first block.
        """
        tags = self.get_tags(element_offset)
        return tags[0] if tags else Tag(self.group << 16 | self.block_start | element_offset)

    def get_tags(self, element_offset: int) -> tuple[Tag, ...]:
        """Give the tags of the elements whose numbers end in `element_offset`: one of each block."""
        if not 0 <= element_offset <= 0xFF:
            raise OptionError(f"a block has elements 0 to 0xFF, and not {element_offset:#x}")
        tags = (Tag(self.group << 16 | start | element_offset) for start in self.block_starts)
        return tuple(tag for tag in tags if tag in self._dataset)

    def __getitem__(self, element_offset: int) -> Element:
        return self._dataset[self.get_tag(element_offset)]

    def get(self, element_offset: int, default: Any = None) -> Any:
        """Give the value of an element, or `default` where there is none."""
        element = self._dataset.get(self.get_tag(element_offset))
        return default if element is None else element.value

    def __contains__(self, element_offset: object) -> bool:
        return isinstance(element_offset, int) and bool(self.get_tags(element_offset))

    def __iter__(self) -> Iterator[Element]:
        """The elements of all blocks in the order of their tags."""
        blocks = {self.group << 8 | start >> 8 for start in self.block_starts}
        return (element for element in self._dataset if element._tag >> 8 in blocks)

    def __repr__(self) -> str:
        blocks = ", ".join(f"({self.group:04X},{start:04X})" for start in self.block_starts)
        return f"<PrivateBlock {blocks} {self.private_creator!r}>"
