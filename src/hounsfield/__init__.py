"""Hounsfield: a DICOM decoder that is fast and does not lie about a pixel.

>>> import hounsfield as hu
>>> ds = hu.read("ct.dcm")
>>> ds.PatientName, ds.Rows
>>> ds.pixel_array              # stored samples
>>> ds.modality_values()        # Hounsfield units
>>> ds.render(window="lung")    # uint8
"""

from hounsfield import errors
from hounsfield.display import PRESETS, render
from hounsfield.elements.dictionary import Tag, tag
from hounsfield.elements.element import Element
from hounsfield.elements.person_name import PersonName
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.times import Date, DateTime, Time
from hounsfield.elements.uids import UID, uid
from hounsfield.errors import (
    DicomError,
    ElementError,
    LimitError,
    MissingElementError,
    NotDicomError,
    OptionError,
    ParseError,
    PixelDataError,
    SourceError,
    TruncatedError,
    UnsupportedError,
)
from hounsfield.facade import Dataset, read, read_dicomdir
from hounsfield.slides import read_region

__all__ = [
    "PRESETS",
    "UID",
    "Dataset",
    "Date",
    "DateTime",
    "DicomError",
    "Element",
    "ElementError",
    "LimitError",
    "MissingElementError",
    "NotDicomError",
    "OptionError",
    "ParseError",
    "PersonName",
    "PixelDataError",
    "Sequence",
    "SourceError",
    "Tag",
    "Time",
    "TruncatedError",
    "UnsupportedError",
    "errors",
    "read",
    "read_dicomdir",
    "read_region",
    "render",
    "tag",
    "uid",
]
