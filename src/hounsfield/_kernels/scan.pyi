import sys
from collections.abc import Iterator
from typing import Final, Literal

from typing_extensions import Buffer, disjoint_base

__all__ = [
    "DEFAULT_MAX_DEPTH",
    "DEFAULT_MAX_ELEMENTS",
    "HAS_FILES",
    "Table",
    "only_fragment",
    "scan",
    "scan_file",
    "table_of",
]

DEFAULT_MAX_DEPTH: Final[int]
DEFAULT_MAX_ELEMENTS: Final[int]
HAS_FILES: Final[bool]

_Row = tuple[int, str, int, int, int, int]

@disjoint_base
class Table:
    @property
    def status(self) -> Literal["complete", "stop", "fragments", "more", "truncated"]: ...
    @property
    def end(self) -> int: ...
    @property
    def ascending(self) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_Row]: ...
    def __getitem__(self, index: int, /) -> _Row: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...
    def find(self, tag: int) -> _Row | None: ...
    def keep(self, tags: tuple[int, ...]) -> None: ...

def scan(
    data: Buffer,
    start: int = 0,
    stop: int | None = None,
    *,
    whole: int | None = None,
    explicit: bool = True,
    big: bool = False,
    items: bool = False,
    nested: bool = False,
    fragments: bool = False,
    stop_tag: int = 0xFFFFFFFF,
    max_elements: int = ...,
    max_depth: int = ...,
) -> Table: ...
def scan_file(
    path: str, stop_tag: int = 0xFFFFFFFF
) -> tuple[tuple[int, int, int], bytes, int, bytes, Table] | None: ...
def only_fragment(data: Buffer) -> tuple[int, int] | None: ...
def table_of(rows: bytes, code: int, end: int, ascending: bool) -> Table: ...
