"""Data sets in the DICOM JSON model (PS3.18 Annex F.2)."""

from __future__ import annotations

import base64
import json
import math
import os
import re
from array import array
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hounsfield.elements.dictionary import PIXEL_DATA, tag_number
from hounsfield.elements.encode import encode_json
from hounsfield.elements.fragments import find_fragments
from hounsfield.elements.person_name import PersonName
from hounsfield.elements.uids import TransferSyntax, transfer_syntax
from hounsfield.errors import OptionError, TruncatedError
from hounsfield.sources import BufferSource, PathSource

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from hounsfield._kernels.scan import Table
    from hounsfield.elements.dataset import Dataset
    from hounsfield.elements.element import Element

__all__ = [
    "WORD_CODES",
    "BulkURI",
    "base64_text",
    "chosen_json_dict",
    "decode_json",
    "file_uri",
    "json_float",
    "little_endian",
    "read_file_uri",
    "syntax_by_pixels",
    "to_json",
    "to_json_dict",
]

BulkURI = Callable[["Element"], str | None]

WORD_CODES = {"OW": "H", "OF": "I", "OL": "I", "OD": "Q", "OV": "Q"}
"""Codes of the `array` module for the words in which values of these VRs are written."""

RLE_HEADER_BYTES = 8
RLE_HEADER = re.compile(rb"[\x01-\x0f]\0\0\0\x40\0\0\0")


def file_uri(element: Element) -> str | None:
    """Name the bytes of a value by their place in its file: ``file:///dir/ct.dcm?offset=1234&length=524288``.

    Encapsulated pixel data are the items of their fragments, without the delimiter behind them.

    Returns
    -------
    str or None
        None where no file has these bytes as the JSON model wants them: the source is a buffer or a file
        object, was inflated, or is in big endian.
    """
    dataset = element._dataset
    if not isinstance(dataset._source, PathSource) or not dataset._source.name:
        return None
    if dataset._encoding.big_endian and element.VR in WORD_CODES:
        return None
    path = Path(dataset._source.name).resolve()
    return f"{path.as_uri()}?offset={element.offset}&length={element.length}"


def read_file_uri(uri: str) -> bytes:
    """Read the bytes that a URI of `file_uri` names.

    It reads any file that it is told to: use it for JSON whose origin you trust.

    Raises
    ------
    OptionError
        It is no such URI.
    TruncatedError
        The file has fewer bytes.
    OSError
        As the operating system has it.
    """
    parts = urlsplit(uri)
    match = re.fullmatch("offset=([0-9]{1,19})&length=([0-9]{1,19})", parts.query)
    if parts.scheme != "file" or parts.netloc or match is None:
        raise OptionError(f"{uri!r} is not like file:///dir/ct.dcm?offset=0&length=1")
    offset, length = int(match[1]), int(match[2])
    path = unquote(parts.path)
    with Path(path).open("rb") as file:
        if offset + length > os.fstat(file.fileno()).st_size:
            raise TruncatedError(f"has no {length} bytes there", file=path, offset=offset)
        file.seek(offset)
        return file.read(length)


def decode_json(
    attributes: str | bytes | Mapping[str, Any], bulk: Callable[[str], Buffer] | None
) -> tuple[bytes, dict[str, int | None]]:
    """Encode JSON, as `Dataset.from_json` takes it, in explicit VR little endian and UTF-8.

    Returns
    -------
    bytes
    dict
        The warnings of the data set: of values that are named by a URI, if there is no `bulk`.

    Raises
    ------
    ElementError, OptionError
        As `Dataset.from_json`.
    """
    if isinstance(attributes, str | bytes):
        try:
            attributes = json.loads(attributes)
        except (ValueError, RecursionError) as error:
            raise OptionError(f"this is no JSON: {error}") from error
    if not isinstance(attributes, Mapping):
        raise OptionError(f"a data set is an object in JSON, and not {type(attributes).__name__}")
    notes: dict[str, int | None] = {}

    def missing(uri: str) -> bytes:
        notes[f"the value at {uri} is not here: from_json has no `bulk` to get it"] = None
        return b""

    return encode_json(attributes, bulk or missing), notes


def syntax_by_pixels(source: BufferSource, table: Table) -> TransferSyntax:
    """Tell the transfer syntax of what `decode_json` gave: one without a UID where pixel data are fragments.

    They are if their bytes are a whole run of items. RLE Lossless shows by its header (PS3.5 Annex G.5), all
    else that has a codestream will by that.
    """
    row = table.find(PIXEL_DATA)
    start, length = row[2:4] if row else (0, 0)
    found = find_fragments(source, start, start + length)
    if not len(found.offsets) or found.problem or found.is_cut or found.end != start + length:
        return transfer_syntax("1.2.840.10008.1.2.1")
    first = b""
    if len(found.offsets) > 1:
        first = bytes(source.read(int(found.offsets[1]), min(int(found.lengths[1]), RLE_HEADER_BYTES)))
    if RLE_HEADER.fullmatch(first):
        return transfer_syntax("1.2.840.10008.1.2.5")
    return TransferSyntax(
        "", "not told by JSON", explicit=True, big_endian=False, deflated=False, encapsulated=True
    )


def to_json_dict(
    ds: Dataset, *, bulk_threshold: int | None = 1024, bulk_uri: BulkURI | None = None
) -> dict[str, Any]:
    """Give a data set in the DICOM JSON model, as a dict that `json.dumps` takes.

    Numbers stay numbers (in DS and IS, too, where the text is one), NaN and infinities become text, an empty
    value among several becomes None, and group lengths are left out, as are the file meta information.

    Parameters
    ----------
    ds : Dataset
    bulk_threshold : int, optional
        Binary values of more bytes than this are only named, by a BulkDataURI; with None, none is.
    bulk_uri : callable, optional
        Gives the URI for an element, or None to have the bytes in the JSON nonetheless; else `file_uri` does.

    Raises
    ------
    DicomError
        A value or an item cannot be read.

    Notes
    -----
    PS3.18 Annex F.2.
    """
    attributes = {}
    for element in ds:
        if element._tag & 0xFFFF:
            attributes[f"{element._tag:08X}"] = _attribute(element, bulk_threshold, bulk_uri)
    return attributes


def chosen_json_dict(
    ds: Dataset,
    paths: Iterable[str],
    *,
    bulk_threshold: int | None = 1024,
    bulk_uri: BulkURI | None = None,
) -> dict[str, Any]:
    """Give of what `to_json_dict` gives only the elements that dotted paths lead to, if there are such.

    They stand where they stand in the whole: a sequence has all its items, of which those that no path goes
    into are empty.

    Parameters
    ----------
    ds : Dataset
    paths : iterable of str
        Each leads to an element, as "ReferencedImageSequence.0.00081150" does, and not to an item.
    bulk_threshold, bulk_uri
        As `to_json_dict`.

    Raises
    ------
    DicomError
        A value or an item cannot be read.
    """
    attributes: dict[str, Any] = {}
    for tags, numbers in sorted(_parted(path) for path in paths if path in ds):
        within, here = ds, attributes
        for tag, number in zip(tags, numbers, strict=False):
            sequence = within[tag].value
            inside = here.setdefault(f"{tag:08X}", {"vr": "SQ", "Value": [{} for _ in range(len(sequence))]})
            within, here = sequence[number], inside["Value"][number]
        if tags[-1] & 0xFFFF:
            here[f"{tags[-1]:08X}"] = _attribute(within[tags[-1]], bulk_threshold, bulk_uri)
    return attributes


def _parted(path: str) -> tuple[list[int], list[int]]:
    steps = path.split(".")
    return [tag_number(step) for step in steps[::2]], [int(number) for number in steps[1::2]]


def to_json(ds: Dataset, *, bulk_threshold: int | None = 1024, bulk_uri: BulkURI | None = None) -> str:
    """Give the text of `to_json_dict`: one line, to be written in UTF-8."""
    attributes = to_json_dict(ds, bulk_threshold=bulk_threshold, bulk_uri=bulk_uri)
    return json.dumps(attributes, ensure_ascii=False, allow_nan=False)


def _attribute(element: Element, bulk_threshold: int | None, bulk_uri: BulkURI | None) -> dict[str, Any]:
    vr = element.VR
    if vr == "SQ":
        items = [
            to_json_dict(item, bulk_threshold=bulk_threshold, bulk_uri=bulk_uri)
            for item, _ in element.value.each()
        ]
        return {"vr": vr, "Value": items} if items else {"vr": vr}
    if vr.startswith("O") or vr == "UN":
        return _binary(element, vr, bulk_threshold, bulk_uri)
    value = element.value
    if isinstance(value, bytes):
        # What its VR does not allow was left as it is.
        return {"vr": "UN", "InlineBinary": base64_text(value)}
    if value is None or value == "":
        return {"vr": vr}
    values = value if isinstance(value, tuple) else (value,)
    if vr == "AT":
        return {"vr": vr, "Value": [f"{tag:08X}" for tag in values]}
    return {"vr": vr, "Value": [_plain(one) for one in values]}


def _binary(
    element: Element, vr: str, bulk_threshold: int | None, bulk_uri: BulkURI | None
) -> dict[str, Any]:
    if bulk_threshold is not None and element.length > bulk_threshold and not element.is_cut:
        uri = (bulk_uri or file_uri)(element)
        if uri is not None:
            return {"vr": vr, "BulkDataURI": uri}
    value = little_endian(element)
    return {"vr": vr, "InlineBinary": base64_text(value)} if value else {"vr": vr}


def little_endian(element: Element) -> bytes:
    """Give a binary value with its words in little endian (PS3.18 F.2.7); a rest that is no word stays."""
    value, code = element.bytes, WORD_CODES.get(element.VR)
    if code is None or not element._dataset._encoding.big_endian:
        return value
    words = array(code)
    whole = len(value) // words.itemsize * words.itemsize
    words.frombytes(value[:whole])
    words.byteswap()
    return words.tobytes() + value[whole:]


def base64_text(value: bytes) -> str:
    """Write bytes as JSON has them."""
    return base64.b64encode(value).decode("ascii")


def _plain(value: Any) -> Any:
    """Give one value as what JSON has."""
    if value is None or value == "":
        return None
    if isinstance(value, PersonName):
        groups = zip(("Alphabetic", "Ideographic", "Phonetic"), value.components, strict=False)
        return {name: str(group) for name, group in groups if group} or None
    if isinstance(value, float):
        return json_float(value)
    return str(value) if isinstance(value, str) else value


def json_float(value: float) -> float | str:
    """Give a number, or as text one that JSON does not have."""
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
