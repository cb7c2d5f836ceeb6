"""Hounsfield: a DICOM decoder that is fast and does not lie about a pixel."""

from hounsfield import errors

__all__ = ["errors"]
