"""What a stream gives, and how it goes from the threads that decode to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["END", "Item", "Result"]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One file, or one frame of it, decoded or failed.

    Attributes
    ----------
    index : int
        Of the file among all that the sources are, from 0.
    source : str
        Name of the file: see `hounsfield.finding.Origin`.
    status : {"ok", "error"}
    error : Exception or None
        What went wrong; without a traceback, which would hold the file.
    frame : int or None
        Counted from 0; None for the file as a whole.
    window : (float, float) or None
        Center and width of the window that was applied, in modality units; None where none was, as for
        colour, a VOI LUT, or values that are not for display.
    seconds : float
        That a thread was busy with it.
    array : ndarray or None
        None if it failed.
    """

    index: int
    source: str
    status: Literal["ok", "error"]
    error: Exception | None
    frame: int | None
    window: tuple[float, float] | None
    seconds: float
    array: npt.NDArray[Any] | None = field(repr=False)


class Result(NamedTuple):
    """What is ready.

    Attributes
    ----------
    item : Item or None
    is_last : bool
        Of its file.
    failure : BaseException or None
        Of the caller's sources, whatever is to be done about files that fail.
    """

    item: Item | None
    is_last: bool = True
    failure: BaseException | None = None


END = Result(None)
