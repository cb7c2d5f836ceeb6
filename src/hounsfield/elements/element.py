"""One element of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield._kernels.header import Field
from hounsfield.elements.dictionary import Tag, entry, private_entry
from hounsfield.elements.scanning import FLAG_CUT, FLAG_UNDEFINED, UNDEFINED
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.vrs import private_creator, vr_of
from hounsfield.errors import DicomError, ElementError

if TYPE_CHECKING:
    import numpy.typing as npt

    from hounsfield.elements.scanning import Segment

__all__ = ["Element"]

ARRAY_TYPES = {
    **dict.fromkeys(("OB", "UN"), "u1"),
    **dict.fromkeys(("OW", "US"), "u2"),
    **dict.fromkeys(("OL", "UL"), "u4"),
    **dict.fromkeys(("OV", "UV"), "u8"),
    **dict.fromkeys(("OF", "FL"), "f4"),
    **dict.fromkeys(("OD", "FD"), "f8"),
    "SS": "i2",
    "SL": "i4",
    "SV": "i8",
}


class Element(Field):
    """One element of a data set.

    ``value`` is what the data set gives for it: for OB, OW and the like bytes as they stand. ``view`` and
    ``array()`` give these without a copy, ``bytes`` those of any VR. Elements are equal if their tags, VRs
    and values are.

    Attributes
    ----------
    offset : int
        Of the value in the source, in bytes; for a deflated data set, in what it inflates to.
    length : int
        Of the value, in bytes; of undefined length ones, what was found.
    """

    __slots__ = ()

    @property
    def _segment(self) -> Segment:
        return self._dataset._segment(self._number)

    @property
    def tag(self) -> Tag:
        """Group and element: a number, 0xGGGGEEEE, that is shown as (GGGG,EEEE)."""
        return Tag(self._tag)

    @property
    def offset(self) -> int:
        return self._segment[0] + self._row[2]

    @property
    def length(self) -> int:
        if self._row[3] != UNDEFINED:
            return self._row[3]
        return self._dataset._fragments_end(self.offset)[0] - self.offset

    @property
    def VR(self) -> str:  # noqa: N802 - the name pydicom's users know
        """Two letters, from the header, or from the dictionary in implicit VR (PS3.5 Section 6.2)."""
        return vr_of(self._dataset, self._row)

    @property
    def bytes(self) -> bytes:
        """The value as it stands in the source, byte order and padding included."""
        return self._dataset._raw(self._row, self._number)

    @property
    def view(self) -> memoryview:
        """The value as it stands in the source, read-only, and not copied where it is in memory.

        It is where the source is a buffer, and wherever the value was read with the header. The buffer cannot
        be closed or resized while the view lives.
        """
        return self._dataset._view(self._row, self._number)

    def array(self) -> npt.NDArray[Any]:
        """Give a binary value as an array of its numbers, without a copy where `view` makes none.

        Returns
        -------
        ndarray
            Read-only, of one dimension, and in the byte order of the file: uint8 for OB and UN, uint16, 32
            and 64 for OW, OL and OV, float32 and 64 for OF and OD, and the like for US SS UL SL UV SV FL FD.
            The items of encapsulated pixel data are bytes. What is left over behind the last whole number is
            left out, with a warning.

        Raises
        ------
        ElementError
            The VR is another.
        DicomError
            The value cannot be read.

        Notes
        -----
        PS3.5 Section 6.2.
        """
        dtype = ARRAY_TYPES.get(self.VR)
        if dtype is None:
            raise ElementError(
                f"values of VR {self.VR} are no array of numbers",
                file=self._dataset._source.name,
                tag=self._tag,
                offset=self.offset,
            )
        view = self.view
        kind = np.dtype("u1" if self.is_undefined_length else dtype)
        rest = len(view) % kind.itemsize
        if rest:
            self._dataset._note_element(
                self._tag, f"{len(view)} bytes do not hold numbers of {kind.itemsize}"
            )
        kind = kind.newbyteorder(self._dataset._byteorder)
        return np.frombuffer(view[: len(view) - rest], kind)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was wrong with this element, and what had to be assumed to show its value, in sentences.

        The value is decoded for it; if it cannot be shown, that is the last sentence.
        """
        try:
            value = self.value
            if isinstance(value, Sequence):
                len(value)
        except DicomError as broken:
            return (*self._dataset._warnings_of(self._tag), str(broken))
        return self._dataset._warnings_of(self._tag)

    @property
    def VM(self) -> int:  # noqa: N802 - as VR
        """How many values there are (PS3.5 Section 6.4)."""
        value = self.value
        if isinstance(value, tuple):
            return len(value)
        if isinstance(value, Sequence):
            return 1
        return 0 if value is None or value == "" else 1

    @property
    def keyword(self) -> str:
        """ "PatientName"; "" for private elements and others that the standard does not know."""
        known = entry(self._tag)
        return known.keyword if known else ""

    @property
    def name(self) -> str:
        """ "Patient's Name"; for private elements the name their creator's dictionary has, or ""."""
        if self.is_private and self._tag & 0xFFFF > 0xFF:
            known = private_entry(self.private_creator, self._tag)
        else:
            known = entry(self._tag)
        return known.name if known else ""

    @property
    def is_private(self) -> bool:
        """Whether the group is odd (PS3.5 Section 7.8)."""
        return bool(self._tag >> 16 & 1)

    @property
    def private_creator(self) -> str:
        """Who reserved the block that a private element stands in, or ""."""
        return private_creator(self._dataset, self._tag) if self.is_private else ""

    @property
    def is_undefined_length(self) -> bool:
        return bool(self._row[5] & FLAG_UNDEFINED)

    @property
    def is_cut(self) -> bool:
        """Whether the data end inside the value."""
        return bool(self._row[5] & FLAG_CUT)

    def __eq__(self, other: object) -> bool:
        """Whether the other has the same tag, VR and value: see `compare.same`."""
        if not isinstance(other, Element):
            return NotImplemented
        from hounsfield.elements.compare import same_element

        return self is other or same_element(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return self._dataset.__getitem__, (self._tag,)

    def __repr__(self) -> str:
        from hounsfield.elements.text import element_line

        return element_line(self)
