"""What users hold in their hands: `read`, and data sets that give pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from hounsfield.elements import dataset as elements
from hounsfield.elements.reader import EXPLICIT_LITTLE, open_part10
from hounsfield.elements.scanning import scan_part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Dataset", "read"]


class Dataset(elements.Dataset):
    __slots__ = ("_pixels",)
    __doc__ = elements.Dataset.__doc__

    @property
    def file_meta(self) -> Dataset:
        """The file meta information, group 0002 (PS3.10 Section 7.1); without elements if the file has none."""
        data, start, stop = self._root._meta or (b"", 0, 0)
        table = scan_part(self._source, 0, data, start, stop, EXPLICIT_LITTLE)
        return Dataset(self._source, (0, data, table), EXPLICIT_LITTLE)


def read(source: Any) -> Dataset:
    found = open_part10(source)
    ds = Dataset(
        found.source,
        found.segment,
        found.encoding,
        more=found.more,
        tail=found.tail,
        syntax=found.syntax,
        meta=found.meta,
    )
    if found.notes:
        ds._notes = found.notes
    return ds
