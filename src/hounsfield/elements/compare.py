"""Equality of data sets, and their plain form."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from hounsfield.elements.access import path_step
from hounsfield.elements.json_model import WORD_CODES, little_endian
from hounsfield.elements.scanning import UNDEFINED
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.text import head
from hounsfield.errors import DicomError, SourceError

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset
    from hounsfield.elements.element import Element

__all__ = ["same", "same_element", "to_dict"]


def same(one: Dataset, other: Dataset) -> bool:
    """Tell whether two data sets have the same elements: tags, VRs and values, in items, too.

    How they are written does not matter: not the transfer syntax, nor character set or padding of a text. Not
    a number equals itself here. Values and sequences that cannot be read are equal if their bytes are.

    Raises
    ------
    SourceError, OSError
        Values are still to be read, and the source was closed, or has changed.
    """
    return all(
        mine is not None and its is not None and same_element(mine, its)
        for mine, its in zip_longest(one, other)
    )


def same_element(one: Element, other: Element) -> bool:
    """Tell whether two elements are the same, as `same` has it: tag, VR and value."""
    try:
        return _same_value(one, other)
    except SourceError:
        raise
    except DicomError:
        return one._tag == other._tag and _what_is_there(one) == _what_is_there(other)


def _what_is_there(element: Element) -> bytes:
    """The bytes of a value, or if it has no end, all that follow."""
    length = element._row[3]
    return head(element, element._dataset._source.size - element.offset if length == UNDEFINED else length)


def _same_value(one: Element, other: Element) -> bool:
    vr = one.VR
    if one._tag != other._tag or vr != other.VR:
        return False
    if vr == "SQ":
        items = zip_longest((item for item, _ in one.value.each()), (item for item, _ in other.value.each()))
        return all(mine is not None and its is not None and same(mine, its) for mine, its in items)
    if one.is_cut or other.is_cut:
        return one.is_cut and other.is_cut and _what_is_there(one) == _what_is_there(other)
    if vr in WORD_CODES:
        return little_endian(one) == little_endian(other)
    mine, its = one.value, other.value
    # The text of numbers is the same where they are, NaN included.
    return bool(mine == its) or (vr in ("FL", "FD", "DS") and repr(mine) == repr(its))


def to_dict(ds: Dataset) -> dict[str, Any]:
    """Give a data set as a dict of plain Python values.

    Returns
    -------
    dict
        From keywords, or tags of eight digits where there is none, to str, int, float and bytes, lists of
        these for several values, and lists of dicts for sequences. An empty value is "" for text and None for
        the rest; tags (AT) are numbers. Binary values are as they stand in the file, pixel data included.

    Raises
    ------
    DicomError
        A value or an item cannot be read.
    """
    return {path_step(element._tag): _plain(element.value) for element in ds}


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence):
        return [to_dict(item) for item, _ in value.each()]
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    for kind in (str, int, float):
        if isinstance(value, kind):
            return str(value) if kind is str else kind(value)
    return None if value is None else bytes(value)
