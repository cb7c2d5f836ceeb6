from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar, overload
from weakref import ReferenceType

import numpy.typing as npt
from typing_extensions import disjoint_base

from hounsfield._kernels.scan import Table
from hounsfield.elements.context import Context
from hounsfield.elements.dataset import Dataset, Options
from hounsfield.elements.scanning import Encoding, Row, Segment
from hounsfield.elements.uids import TransferSyntax
from hounsfield.pixels.places import Index
from hounsfield.pixels.tiling import Tiling
from hounsfield.sources import Source

__all__ = ["Field", "Header", "Keyword", "fields", "open_file", "use"]

_Header = TypeVar("_Header", bound=Header)
_Field = TypeVar("_Field", bound=Field)

# A Header is made only as a Dataset, and a Field only of one.

@disjoint_base
class Header:
    _base: int
    _data: bytes | memoryview
    _table: Table
    _values: dict[int, Any]
    _shared_context: Context | None
    _encoding: Encoding
    _big: bool
    _syntax: TransferSyntax | None
    _parent: Dataset | None
    _more: list[Segment] | None
    _notes: dict[str, int | None] | None
    _options: Options
    _examined: bool
    _opened: Source | None
    _frame_index: Index | None
    _pixels: npt.NDArray[Any] | None
    _tiling: Tiling | None
    _stand_in: Dataset | None
    _stands_for: ReferenceType[Dataset] | None
    _tail: tuple[int, bool] | None
    _meta: tuple[bytes | memoryview, int, int] | None
    @property
    def _path(self) -> str: ...
    @property
    def _identity(self) -> tuple[int, int, int]: ...
    def _value(self, tag: int, *default: Any) -> Any: ...
    def _make_stand_in(self) -> None: ...
    def _image_key(self) -> bytes | None: ...

@disjoint_base
class Keyword:
    def __init__(self, tag: int) -> None: ...
    @overload
    def __get__(self, header: None, kind: type, /) -> Self: ...
    @overload
    def __get__(self, header: Header, kind: type | None = None, /) -> Any: ...

@disjoint_base
class Field:
    def __init__(self, dataset: Dataset, row: Row, number: int) -> None: ...
    @property
    def _dataset(self) -> Dataset: ...
    @property
    def _number(self) -> int: ...
    @property
    def _row(self) -> Row: ...
    @property
    def _tag(self) -> int: ...
    @property
    def value(self) -> Any: ...

def use(
    *,
    dictionary_vr: Callable[[int], str],
    contexts: tuple[dict[bytes, Context], dict[bytes, Context]],
    defaults: Options,
) -> None: ...
def fields(kind: type[_Field], header: Header, table: Table, number: int) -> Iterator[_Field]: ...
def open_file(
    kind: type[_Header],
    source: object,
    syntaxes: Mapping[bytes, tuple[TransferSyntax, Encoding]],
    stop_tag: int = 0xFFFFFFFF,
) -> _Header | None: ...
