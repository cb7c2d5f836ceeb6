"""Data sets as pydicom has them, for what only pydicom does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hounsfield.elements.scanning import UNDEFINED
from hounsfield.errors import UnsupportedError

if TYPE_CHECKING:
    from hounsfield.elements.dataset import Dataset

__all__ = ["to_pydicom"]


def to_pydicom(ds: Dataset, meta: Dataset | None = None) -> Any:
    """Make a pydicom data set with the same elements, which decodes their values when they are asked for.

    Parameters
    ----------
    ds : Dataset
    meta : Dataset, optional
        The file meta information.

    Returns
    -------
    pydicom.FileDataset or pydicom.Dataset
        The former for the data set of a file. All values are in memory, pixel data included.

    Raises
    ------
    UnsupportedError
        pydicom is not installed.
    DicomError
        A value or an item cannot be read.
    """
    try:
        from pydicom.charset import convert_encodings, default_encoding
        from pydicom.dataelem import DataElement, RawDataElement
        from pydicom.dataset import Dataset as TheirDataset
        from pydicom.dataset import FileDataset, FileMetaDataset
        from pydicom.sequence import Sequence as TheirSequence
        from pydicom.tag import BaseTag
    except ModuleNotFoundError as error:
        raise UnsupportedError("to_pydicom needs pydicom: pip install pydicom") from error

    def convert(ds: Dataset, encoding: Any) -> Any:
        terms = ds.get("SpecificCharacterSet")
        if terms is not None:
            try:
                encoding = convert_encodings(list(terms) if isinstance(terms, tuple) else terms)
            except (ValueError, LookupError):  # a term that Python cannot even look up
                encoding = default_encoding
        little = not ds._encoding.big_endian
        elements: dict[Any, Any] = {}
        for element in ds:
            tag, vr, undefined = BaseTag(element._tag), element.VR, element.is_undefined_length
            if vr == "SQ":
                items = TheirSequence([convert(item, encoding) for item, _ in element.value.each()])
                elements[tag] = DataElement(tag, vr, items, element.offset, undefined)
            else:
                value = element.bytes
                length = UNDEFINED if undefined else len(value)
                implicit = not ds._encoding.explicit
                elements[tag] = RawDataElement(tag, vr, length, value, element.offset, implicit, little)
        made = TheirDataset(elements, parent_encoding=encoding)
        made.set_original_encoding(not ds._encoding.explicit, not ds._encoding.big_endian, encoding)
        return made

    made = convert(ds, default_encoding)
    if meta is None:
        return made
    file_meta = FileMetaDataset(convert(meta, default_encoding)._dict)
    name = ds._source.name or ""
    explicit, big_endian = ds._encoding
    whole = FileDataset(name, made, bytes(128), file_meta, not explicit, not big_endian)
    whole.set_original_encoding(not explicit, not big_endian, made._read_charset)
    return whole
