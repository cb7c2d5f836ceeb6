"""Which VR an element has: by its header, the dictionaries, and what stands around it (PS3.5 Section 6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hounsfield.elements.dictionary import (
    BITS_ALLOCATED,
    LUT_DATA,
    PIXEL_DATA,
    PIXEL_REPRESENTATION,
    private_entry,
    resolve_vr,
)
from hounsfield.elements.dictionary import vr as dictionary_vr
from hounsfield.elements.scanning import FLAG_UN_SEQUENCE, FLAG_UNDEFINED, Row

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset

__all__ = ["private_creator", "vr_of"]


def vr_of(dataset: Dataset, row: Row) -> str:
    """Give the VR of an element, from its header or from the dictionary."""
    tag, vr, _, length, _, flags = row
    if flags & FLAG_UN_SEQUENCE and tag != PIXEL_DATA:
        return "SQ"
    if vr and vr != "UN":
        return vr
    if flags & FLAG_UNDEFINED and tag != PIXEL_DATA:
        return "SQ"
    if tag >> 16 & 1 and tag & 0xFFFF > 0xFF:
        creator = private_creator(dataset, tag)
        known = private_entry(creator, tag) if creator else None
        vr = known.vr if known else "UN"
    elif not vr or length < 0xFFFF:
        vr = dictionary_vr(tag)
    if len(vr) == 2:
        return vr
    return resolve_vr(
        tag,
        vr,
        explicit=dataset._encoding.explicit,
        encapsulated=bool(flags & FLAG_UNDEFINED),
        bits_allocated=_inherited(dataset, BITS_ALLOCATED),
        pixel_representation=_inherited(dataset, PIXEL_REPRESENTATION),
        lut_entries=_lut_entries(dataset) if tag == LUT_DATA else None,
    )


def _inherited(dataset: Dataset, tag: int) -> int | None:
    """A number of this data set, or of the nearest one around it that has it."""
    around: Dataset | None = dataset
    while around is not None:
        if around._find(tag) is not None:
            value = around._value(tag)
            return value if isinstance(value, int) else None
        around = around._parent
    return None


def _lut_entries(dataset: Dataset) -> int | None:
    descriptor = dataset.get("LUTDescriptor")
    return descriptor[0] if isinstance(descriptor, tuple) and isinstance(descriptor[0], int) else None


def private_creator(dataset: Dataset, tag: int) -> str:
    """Give the creator who reserved the block that a private element stands in, or ""."""
    value = dataset._value(tag & 0xFFFF0000 | tag >> 8 & 0xFF, "")
    return value if isinstance(value, str) else ""
