"""What the display pipeline asks of a data set: numbers, and a frame's functional groups (PS3.3 C.7.6.16)."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy.typing as npt

from hounsfield.elements.dictionary import TAGS
from hounsfield.errors import ElementError

__all__ = ["DatasetLike", "by_frame", "functional_group", "items_of", "number", "numbers"]


class DatasetLike(Protocol):
    """A data set by keyword: natural values, sequences as lists of data sets."""

    def get(self, key: str, default: Any = None, /) -> Any: ...

    @property
    def pixel_array(self) -> npt.NDArray[Any]: ...


def numbers(ds: DatasetLike, keyword: str, tag: int) -> tuple[float, ...]:
    """Give an element's values as floats; none if it is absent or empty.

    Raises
    ------
    ElementError
        If a value is no number.
    """
    value = ds.get(keyword)
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    values = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    try:
        return tuple(float(item) for item in values)
    except (TypeError, ValueError) as error:
        raise ElementError(f"{keyword} {value!r} is no number", tag=tag) from error


def number(ds: DatasetLike, keyword: str, tag: int, default: float) -> float:
    """Give the first value of an element as a float."""
    values = numbers(ds, keyword, tag)
    return values[0] if values else default


def items_of(ds: DatasetLike, keyword: str) -> Sequence[DatasetLike]:
    """Give the items of a sequence; none if it is absent or empty.

    Raises
    ------
    ElementError
        If it is no sequence, whatever its VR should be.
    """
    items = ds.get(keyword)
    if not items:
        return ()
    if isinstance(items, str) or not hasattr(items, "__getitem__") or not hasattr(items[0], "get"):
        raise ElementError(f"{keyword} is no sequence", tag=TAGS[keyword])
    found: Sequence[DatasetLike] = items
    return found


def by_frame(ds: DatasetLike) -> bool:
    """Tell whether the data set describes its frames by functional groups."""
    return bool(ds.get("SharedFunctionalGroupsSequence") or ds.get("PerFrameFunctionalGroupsSequence"))


def functional_group(ds: DatasetLike, keyword: str, frame: int) -> DatasetLike:
    """Give the item of a frame's functional group: its own, else the shared one, else the data set itself."""
    per_frame = items_of(ds, "PerFrameFunctionalGroupsSequence")
    shared = items_of(ds, "SharedFunctionalGroupsSequence")
    for groups in (*per_frame[frame : frame + 1], *shared[:1]):
        if items := items_of(groups, keyword):
            return items[0]
    return ds
