"""Hounsfield: a DICOM decoder that is fast and does not lie about a pixel.

>>> import hounsfield as hu
>>> ds = hu.read("ct.dcm")
>>> ds.PatientName, ds.Rows
>>> ds.pixel_array              # stored samples
>>> ds.modality_values()        # Hounsfield units
>>> ds.render(window="lung")    # uint8
"""

from importlib import import_module
from typing import TYPE_CHECKING

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
    VolumeError,
)
from hounsfield.facade import Dataset, read, read_dicomdir

if TYPE_CHECKING:
    from hounsfield.batch import Batch, Item, decode_batch
    from hounsfield.indexing import index
    from hounsfield.slides import read_region
    from hounsfield.streaming import Stream, stream
    from hounsfield.volumes import Series, Volume, load_series, load_volume

    __version__: str

__all__ = [
    "PRESETS",
    "UID",
    "Batch",
    "Dataset",
    "Date",
    "DateTime",
    "DicomError",
    "Element",
    "ElementError",
    "Item",
    "LimitError",
    "MissingElementError",
    "NotDicomError",
    "OptionError",
    "ParseError",
    "PersonName",
    "PixelDataError",
    "Sequence",
    "Series",
    "SourceError",
    "Stream",
    "Tag",
    "Time",
    "TruncatedError",
    "UnsupportedError",
    "Volume",
    "VolumeError",
    "decode_batch",
    "errors",
    "index",
    "load_series",
    "load_volume",
    "read",
    "read_dicomdir",
    "read_region",
    "render",
    "stream",
    "tag",
    "uid",
]

# What is loaded when it is first asked for: an import stays light.
_LATER = {
    "Batch": "hounsfield.batch",
    "Item": "hounsfield.batch",
    "Series": "hounsfield.volumes",
    "Stream": "hounsfield.streaming",
    "Volume": "hounsfield.volumes",
    "decode_batch": "hounsfield.batch",
    "index": "hounsfield.indexing",
    "load_series": "hounsfield.volumes",
    "load_volume": "hounsfield.volumes",
    "read_region": "hounsfield.slides",
    "stream": "hounsfield.streaming",
}


if not TYPE_CHECKING:  # for which any name would be there

    def __getattr__(name: str) -> object:
        if name == "__version__":
            value = _version()
        elif name in _LATER:
            value = getattr(import_module(_LATER[name]), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def _version() -> str:
    metadata = import_module("importlib.metadata")
    try:
        return str(metadata.version("hounsfield"))
    except metadata.PackageNotFoundError:
        return "not installed"


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
