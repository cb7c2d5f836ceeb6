"""From values in the DICOM JSON model to bytes in explicit VR little endian (PS3.18 Annex F)."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hounsfield.elements.dictionary import vr as dictionary_vr
from hounsfield.elements.scanning import ITEM
from hounsfield.elements.sequence import MAX_DEPTH
from hounsfield.elements.values import DECODERS, NUMBERS
from hounsfield.errors import DicomError, ElementError, LimitError

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Bulk", "encode_json"]

Bulk = Callable[[str], "Buffer"]

LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
"""The VRs whose length has 32 bits (PS3.5 Section 7.1.2)."""

BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""The VRs that Specific Character Set applies to; all others are ASCII, and odd bytes are read as Latin-1."""

NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def encode_json(attributes: Mapping[str, Any], bulk: Bulk, depth: int = 0) -> bytes:
    """Write a data set of the DICOM JSON model, its text in UTF-8 whatever Specific Character Set says.

    Parameters
    ----------
    attributes : mapping
        From tags of eight digits to mappings with "vr" and "Value", "InlineBinary" or "BulkDataURI".
    bulk : callable
        Gives the bytes for a BulkDataURI.
    depth : int
        Of the sequences around it.

    Raises
    ------
    ElementError
        An attribute is not as the model has it; with the tag.
    LimitError
        Sequences are nested too deep.
    """
    if depth > MAX_DEPTH:
        raise LimitError(f"sequences are nested more than {MAX_DEPTH} deep")
    parts = []
    for key in sorted(attributes, key=str.upper):
        if not re.fullmatch("(?!FFFE|FFFFFFFF)[0-9A-F]{8}", key.upper()):
            raise ElementError(f"{key!r} is no tag of an element, like 00100010")
        tag, attribute = int(key, 16), attributes[key]
        try:
            vr = attribute["vr"]
            if vr != "SQ" and vr not in DECODERS:
                raise ValueError(f"{vr!r} is no VR")
            value = _value(vr, attribute, bulk, depth)
        except (TypeError, ValueError, KeyError, AttributeError, struct.error) as error:
            if isinstance(error, DicomError):
                raise
            reason = "has no vr" if isinstance(error, KeyError) else str(error)
            raise ElementError(f"is not as the JSON model has it: {reason}", tag=tag) from error
        parts.append(_element(tag, vr, value))
    return b"".join(parts)


def _element(tag: int, vr: str, value: bytes) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if vr in LONG_VRS:
        return head + struct.pack("<2sHI", vr.encode(), 0, len(value)) + value
    if len(value) <= 0xFFFF:
        return head + struct.pack("<2sH", vr.encode(), len(value)) + value
    # More than a short length can tell: as in implicit VR, which readers understand if they know the tag.
    if dictionary_vr(tag) != vr:
        raise ElementError(f"{len(value)} bytes are more than a value of VR {vr} can have", tag=tag)
    return head + struct.pack("<I", len(value)) + value


def _value(vr: str, attribute: Mapping[str, Any], bulk: Bulk, depth: int) -> bytes:
    if vr == "SQ":
        return b"".join(_item(item or {}, bulk, depth + 1) for item in attribute.get("Value") or ())
    if "InlineBinary" in attribute:
        try:
            return base64.b64decode(attribute["InlineBinary"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"InlineBinary is not in base 64: {error}") from error
    if "BulkDataURI" in attribute:
        return bytes(bulk(attribute["BulkDataURI"]))
    value = _encoded(vr, attribute.get("Value") or ())
    padding = b"\0" if vr == "UI" else b" "
    return value + padding if len(value) % 2 else value


def _item(item: Mapping[str, Any], bulk: Bulk, depth: int) -> bytes:
    content = encode_json(item, bulk, depth)
    return struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(content)) + content


def _encoded(vr: str, values: Any) -> bytes:
    if isinstance(values, str) or not all(_is_single(vr, value) for value in values):
        raise ValueError(f"Value is no list of what {vr} has")
    if vr in NUMBERS:
        convert = float if vr in ("FD", "FL") else _whole
        return struct.pack(f"<{len(values)}{NUMBERS[vr]}", *(convert(value) for value in values))
    if vr == "AT":
        tags = (int(value, 16) for value in values)
        return b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in tags)
    if vr in BINARY and values:
        raise ValueError(f"{vr} has InlineBinary or a BulkDataURI, and no Value")
    texts = (_name(value) if vr == "PN" else "" if value is None else str(value) for value in values)
    text = "\\".join(texts)
    return text.encode("utf-8" if vr in TEXT or max(text, default="") > "\xff" else "latin-1")


def _whole(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{value} is no whole number")
    return int(value)


def _is_single(vr: str, value: Any) -> bool:
    if vr == "PN":
        return value is None or isinstance(value, str | Mapping)
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _name(value: Mapping[str, str] | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return "=".join(value.get(group) or "" for group in NAME_GROUPS).rstrip("=")
