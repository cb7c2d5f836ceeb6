"""Hounsfield: a DICOM decoder that is fast and does not lie about a pixel."""

from hounsfield import errors
from hounsfield.facade import Dataset, read

__all__ = ["Dataset", "errors", "read"]
