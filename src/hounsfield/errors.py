"""What can go wrong, as one tree.

    DicomError
    ├── NotDicomError         (ValueError)           the bytes are not DICOM, as far as anyone can tell
    ├── ParseError            (ValueError)           the data set's structure is broken
    │   ├── TruncatedError    (EOFError)             it ends before it should
    │   └── LimitError                               a cap on depth, elements or size was reached
    ├── ElementError          (ValueError)           one element's value is not what its VR allows
    ├── MissingElementError   (KeyError, AttributeError)  the data set has no such element
    ├── UnsupportedError      (NotImplementedError)  right DICOM, which this version does not decode
    ├── PixelDataError        (ValueError)           the pixel data contradict their description
    ├── VolumeError           (ValueError)           images do not make a volume without assumptions
    ├── OptionError           (ValueError)           an argument of the caller's that cannot be used
    └── SourceError           (OSError)              the source was closed, or changed since it was opened

Each can be caught by family or by the builtin beside it. Errors of the operating system
(FileNotFoundError, PermissionError ...) pass through as they are.
"""

from typing import Any, NoReturn

__all__ = [
    "DicomError",
    "ElementError",
    "LimitError",
    "MissingElementError",
    "NotDicomError",
    "OptionError",
    "ParseError",
    "PixelDataError",
    "SourceError",
    "TruncatedError",
    "UnsupportedError",
    "VolumeError",
]


class DicomError(Exception):
    """The root of all errors of this package.

    Attributes
    ----------
    message : str
        What was wrong: one line, but of `load_volume`, which lists what there is to choose from.
    file : str or None
        Name of the source, where it has one.
    tag : int or None
        Tag of the element concerned, as 0xGGGGEEEE.
    offset : int or None
        Byte offset in the source.
    """

    def __init__(
        self, message: str, *, file: str | None = None, tag: int | None = None, offset: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.tag = tag
        self.offset = offset

    def __str__(self) -> str:
        where = []
        if self.file is not None:
            where.append(self.file)
        if self.tag is not None:
            where.append(f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X})")
        if self.offset is not None:
            where.append(f"at byte {self.offset}")
        return f"{' '.join(where)}: {self.message}" if where else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,), self.__dict__


class NotDicomError(DicomError, ValueError):
    """The bytes are not DICOM, as far as anyone can tell."""


class ParseError(DicomError, ValueError):
    """The structure of the data set is broken (PS3.5 Section 7)."""


class TruncatedError(ParseError, EOFError):
    """The data end before the structure says they should."""


class LimitError(ParseError):
    """A cap on nesting depth, number of elements or size was reached."""


class ElementError(DicomError, ValueError):
    """The value of one element is not what its VR allows (PS3.5 Section 6.2)."""


class MissingElementError(DicomError, KeyError, AttributeError):
    """The data set has no such element."""


class UnsupportedError(DicomError, NotImplementedError):
    """Valid DICOM that this version does not decode; the message names what is missing."""


class PixelDataError(DicomError, ValueError):
    """The pixel data and the elements that describe them contradict each other."""


class VolumeError(DicomError, ValueError):
    """Images do not make an even volume, and nothing was to be assumed about them."""


class OptionError(DicomError, ValueError):
    """An argument of the caller's that cannot be used."""


class SourceError(DicomError, OSError):
    """The source was closed, or is no longer what it was when it was opened."""


def reason(error: Exception) -> str:
    """Say what went wrong without the file, so that equal reasons can be counted."""
    if isinstance(error, DicomError):
        return f"{type(error).__name__}: {error.message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"


def name_file(error: Exception, name: str) -> None:
    """Have an error of ours say which file it is about, unless it does."""
    if isinstance(error, DicomError) and error.file is None:
        error.file = name


def forget_frames(error: BaseException | None) -> None:
    """Let go of what a traceback holds: the file, and all that was at work on it."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def raise_it(error: Exception) -> NoReturn:
    """Raise an error: what becomes of it in the end, or where nobody else wants to be told."""
    raise error


def raise_first(errors: list[Exception] | list[BaseException]) -> NoReturn:
    """Raise the first of some errors, and empty the list.

    A traceback holds the frames that it came through. Where one of these holds the error it is a ring, which
    waits for the garbage collector with all that was at work, the caller's arrays too.
    """
    error = errors[0]
    errors.clear()
    try:
        raise error
    finally:
        del error
