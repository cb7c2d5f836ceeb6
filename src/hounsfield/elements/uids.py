"""What a UID stands for (PS3.6 Annex A), and how a transfer syntax lays bytes out (PS3.5 Section 10)."""

from functools import cache, lru_cache
from typing import NamedTuple

from hounsfield.errors import OptionError

__all__ = ["UID", "TransferSyntax", "UIDEntry", "transfer_syntax", "uid", "uid_entry", "uid_name"]

IMPLICIT = frozenset(
    {
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.20",  # Papyrus 3
        "1.2.840.113619.5.2",  # GE's private one; its pixel data are big endian
    }
)
BIG_ENDIAN = frozenset({"1.2.840.10008.1.2.2"})
DEFLATED = frozenset(
    {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}  # the last two are JPIP
)
PIXELS_ELSEWHERE = frozenset(
    {
        "1.2.840.10008.1.2.4.94",
        "1.2.840.10008.1.2.4.95",
        "1.2.840.10008.1.2.4.204",
        "1.2.840.10008.1.2.4.205",
    }
)
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
ENCAPSULATED = (
    ENCAPSULATED_UNCOMPRESSED,
    "1.2.840.10008.1.2.4.",  # JPEG, JPEG-LS, JPEG 2000, MPEG, HEVC, HTJ2K
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.8.",  # Deflated Image Frame
)


class UIDEntry(NamedTuple):
    """One row of the registry.

    Attributes
    ----------
    uid : str
        The UID itself.
    name : str
        "CT Image Storage".
    type : str
        "SOP Class", "Transfer Syntax", "Coding Scheme" ...
    keyword : str
        "CTImageStorage"; "" where there is none.
    retired : bool
        Whether the standard no longer uses it.
    """

    uid: str
    name: str
    type: str
    keyword: str
    retired: bool


class TransferSyntax(NamedTuple):
    """How a data set is encoded.

    Attributes
    ----------
    uid : str
        The transfer syntax's UID.
    name : str
        Its name; the UID where it is not registered.
    explicit : bool
        Whether elements carry their VR.
    big_endian : bool
        Byte order of tags, lengths and binary values.
    deflated : bool
        Whether the data set is a deflate stream.
    encapsulated : bool or None
        Whether Pixel Data come as fragments; None if that is not known.
    """

    uid: str
    name: str
    explicit: bool
    big_endian: bool
    deflated: bool
    encapsulated: bool | None


@cache
def _registry() -> dict[str, UIDEntry]:
    from hounsfield.elements._uid_data import UIDS

    rows = (line.split("|") for line in UIDS.splitlines())
    return {
        text: UIDEntry(text, name, kind, keyword, retired == "R")
        for text, kind, retired, keyword, name in rows
    }


@cache
def _keywords() -> dict[str, str]:
    return {row.keyword: row.uid for row in _registry().values() if row.keyword}


class UID(str):
    """A unique identifier (PS3.5 Section 9): a str that knows what it stands for.

    Those of its properties that tell how a transfer syntax encodes raise OptionError, a ValueError, for a UID
    that is none.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Registered name; the UID itself where there is none."""
        return uid_name(self)

    @property
    def type(self) -> str:
        """ "SOP Class", "Transfer Syntax" ...; "" where the UID is not registered."""
        row = uid_entry(self)
        return row.type if row else ""

    @property
    def keyword(self) -> str:
        """Registered keyword; "" where there is none."""
        row = uid_entry(self)
        return row.keyword if row else ""

    @property
    def is_retired(self) -> bool:
        """Whether the standard had it and no longer uses it."""
        row = uid_entry(self)
        return row is not None and row.retired

    @property
    def is_private(self) -> bool:
        """Whether it lies outside of the root that DICOM registers its own UIDs under."""
        return not self.startswith("1.2.840.10008.")

    @property
    def is_transfer_syntax(self) -> bool:
        """Whether it is a transfer syntax that is known here."""
        return transfer_syntax(self).encapsulated is not None

    @property
    def is_implicit_VR(self) -> bool:  # noqa: N802 - the name pydicom's users know
        """Whether elements carry no VR (PS3.5 Annex A.1)."""
        return not self._transfer_syntax.explicit

    @property
    def is_little_endian(self) -> bool:
        """Whether numbers and lengths begin with their low byte (PS3.5 Section 7.3)."""
        return not self._transfer_syntax.big_endian

    @property
    def is_deflated(self) -> bool:
        """Whether the data set is a deflate stream (PS3.5 Annex A.5)."""
        return self._transfer_syntax.deflated

    @property
    def is_encapsulated(self) -> bool:
        """Whether Pixel Data come as fragments (PS3.5 Annex A.4)."""
        return bool(self._transfer_syntax.encapsulated)

    @property
    def is_compressed(self) -> bool:
        """Whether these hold compressed frames: of Encapsulated Uncompressed they do not."""
        return self.is_encapsulated and self != ENCAPSULATED_UNCOMPRESSED

    @property
    def _transfer_syntax(self) -> TransferSyntax:
        if not self.is_transfer_syntax:
            raise OptionError(f"{str(self)!r} is no transfer syntax")
        return transfer_syntax(self)


def uid_entry(text: str) -> UIDEntry | None:
    """Look a UID up in the registry of PS3.6 Annex A; None if it is not there."""
    return _registry().get(text)


def uid_name(text: str) -> str:
    """Give the registered name of a UID, or the UID itself."""
    row = uid_entry(text)
    return row.name if row else str(text)


def uid(key: str) -> UID:
    """Give a UID by its keyword.

    Parameters
    ----------
    key : str
        A keyword of PS3.6 Annex A ("CTImageStorage"), or the dotted text of any UID.

    Returns
    -------
    UID
        Equal to the dotted text.

    Raises
    ------
    OptionError
        Neither a keyword nor digits and dots.
    """
    if not key.strip("0123456789."):
        return UID(key)
    try:
        return UID(_keywords()[key])
    except KeyError:
        raise OptionError(f"{key!r} is neither a UID nor a keyword of PS3.6 Annex A") from None


@lru_cache(maxsize=256)
def transfer_syntax(text: str) -> TransferSyntax:
    """Tell how data in a transfer syntax are encoded (PS3.5 Section 10 and Annex A).

    Parameters
    ----------
    text : str
        The UID. One that is not known counts as explicit VR little endian, as nearly all are.

    Returns
    -------
    TransferSyntax
        Its facts; `encapsulated` is None for one that is not known.
    """
    row = uid_entry(text)
    known = text in IMPLICIT or (row is not None and row.type == "Transfer Syntax")
    return TransferSyntax(
        uid=str(text),
        name=uid_name(text),
        explicit=text not in IMPLICIT,
        big_endian=text in BIG_ENDIAN,
        deflated=text in DEFLATED,
        encapsulated=text.startswith(ENCAPSULATED) and text not in PIXELS_ELSEWHERE if known else None,
    )
