"""A data set: elements found by one scan, values decoded when they are asked for (PS3.5 Section 7)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from hounsfield._kernels.scan import Table
from hounsfield.elements import charset
from hounsfield.elements.dictionary import TAGS, keyword, private_entry, resolve_vr
from hounsfield.elements.dictionary import tag as to_tag
from hounsfield.elements.dictionary import vr as dictionary_vr
from hounsfield.elements.element import Element
from hounsfield.elements.scanning import (
    AFTER_PIXELS,
    CUT,
    EXPLICIT_LITTLE,
    FLAG_CUT,
    FLAG_UN_SEQUENCE,
    FLAG_UNDEFINED,
    IMPLICIT_LITTLE,
    UNDEFINED,
    Encoding,
    Row,
    ScanEnd,
    Segment,
    scan_part,
    scan_source,
)
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.uids import TransferSyntax
from hounsfield.elements.values import DECODERS, LUT_DESCRIPTORS, Context, lut_descriptor
from hounsfield.errors import (
    DicomError,
    ElementError,
    MissingElementError,
    OptionError,
    ParseError,
    TruncatedError,
)
from hounsfield.sources import Source

if TYPE_CHECKING:
    from typing import TypeGuard

    from hounsfield.elements.access import PrivateBlock
    from hounsfield.elements.json_model import BulkURI

__all__ = ["Dataset", "Key", "Options"]

Key = str | int | tuple[int, int]

CHARACTER_SET = 0x00080005
BITS_ALLOCATED = 0x00280100
PIXEL_REPRESENTATION = 0x00280103
LUT_DATA = 0x00283006
ROWS = 0x00280010
PIXEL_DATA = 0x7FE00010


_AT_ONCE = {vr: decode for vr, decode in DECODERS.items() if vr != "UN"}
"""What needs no look into the dictionary: the VR UN may stand for one that the writer did not know."""


_REQUIRED = object()

_LOCK = Lock()


class Options(NamedTuple):
    """How a data set and its items are to be read.

    Attributes
    ----------
    strict : bool
        Whether what could be repaired is an error.
    character_set : bytes or None
        What counts as the value of every Specific Character Set, if anything does.
    asked : frozenset of int or None
        The top-level tags that are wanted; None for all.
    stop_tag : int
        The first top-level tag that is not.
    """

    strict: bool = False
    character_set: bytes | None = None
    asked: frozenset[int] | None = None
    stop_tag: int = UNDEFINED


_DEFAULTS = Options()


class _ProblemError(Exception):
    """A decoder had something to report."""


def _report(message: str) -> None:
    raise _ProblemError(message)


@lru_cache(maxsize=256)
def _context(big_endian: bool, terms: bytes) -> tuple[Context, tuple[str, ...]]:
    """The context for a character set, shared by all who have it, and what was wrong with the set."""
    problems: list[str] = []
    texts = [text.strip(" \0") for text in terms.decode("latin-1").split("\\")] if terms else None
    return Context(big_endian, charset.encodings(texts, problems.append), _report), tuple(problems)


class Dataset:
    """The elements of a file or an item; `hounsfield.Dataset` adds pixels to them."""

    __slots__ = (
        "__weakref__",
        "_base",
        "_data",
        "_encoding",
        "_examined",
        "_meta",
        "_more",
        "_notes",
        "_options",
        "_parent",
        "_shared_context",
        "_source",
        "_syntax",
        "_table",
        "_tail",
        "_values",
    )

    def __init__(
        self,
        source: Source,
        segment: Segment,
        encoding: Encoding,
        parent: Dataset | None = None,
        more: list[Segment] | None = None,
        tail: tuple[int, bool] | None = None,
        syntax: TransferSyntax | None = None,
        meta: tuple[bytes | memoryview, int, int] | None = None,
        notes: dict[str, int | None] | None = None,
        options: Options = _DEFAULTS,
    ) -> None:
        """Take what `open_part10` found, or for an item of a sequence the first three and `parent`."""
        self._source = source
        self._base, self._data, self._table = segment
        self._more = more
        self._encoding = encoding
        self._tail = tail
        self._parent = parent
        self._syntax = syntax
        self._meta = meta
        self._values: dict[int, Any] = {}
        self._shared_context: Context | None = None
        self._notes = notes
        self._examined = False
        self._options: Options = options if parent is None else parent._options

    # What is there

    def __getattr__(self, name: str) -> Any:
        try:
            tag = TAGS[name]
        except KeyError:
            raise AttributeError(f"{name!r} is neither an attribute nor a keyword of the standard") from None
        # The first use of a keyword makes it a property: the way through here costs four times as much.
        if name not in Dataset.__dict__:
            setattr(Dataset, name, _property_of(tag))
        values = self._values
        return values[tag] if tag in values else self._load(tag)

    def __getitem__(self, key: Key) -> Element:
        try:
            tag = to_tag(key)
        except OptionError:
            if not _is_path(key):
                raise
            return self._element_at(key)
        found = self._find(tag)
        if found is None:
            raise self._missing(tag)
        return Element(self, *found)

    def get(self, key: Key, default: Any = None) -> Any:
        """Give the value for a keyword or a dotted path, the `Element` for a tag, or else `default`.

        A path that ends in the number of an item gives that item.
        """
        try:
            tag = TAGS[key]  # type: ignore[index]
        except KeyError:
            if not isinstance(key, str):
                found = self._find(to_tag(key))
                return default if found is None else Element(self, *found)
            try:
                tag = to_tag(key)
            except OptionError:
                return self._value_at(key, default) if _is_path(key) else default
        values = self._values
        return values[tag] if tag in values else self._load(tag, default)

    def __contains__(self, key: object) -> bool:
        try:
            tag = to_tag(key)  # type: ignore[arg-type]
        except (OptionError, TypeError, ValueError):
            return _is_path(key) and self._value_at(key, _REQUIRED) is not _REQUIRED
        return self._find(tag) is not None

    def _element_at(self, path: str) -> Element:
        from hounsfield.elements.access import follow

        found = follow(self, path)
        if isinstance(found, Dataset):
            raise OptionError(f"{path!r} leads to an item, which is no element: get() gives it")
        return found

    def _value_at(self, path: str, default: Any) -> Any:
        from hounsfield.elements.access import follow

        try:
            found = follow(self, path)
        except (MissingElementError, OptionError):
            return default
        return found if isinstance(found, Dataset) else found.value

    def __iter__(self) -> Iterator[Element]:
        """Elements in the order of their tags; of several with the same tag the first."""
        segments = self._all_segments()
        if _in_order(segments):
            for segment in segments:
                for row in segment[2]:
                    yield Element(self, row, segment)
            return
        found = {row[0]: (row, segment) for segment in reversed(segments) for row in _rows(segment[2])}
        for tag in sorted(found):
            yield Element(self, *found[tag])

    def __len__(self) -> int:
        segments = self._all_segments()
        if _in_order(segments):
            return sum(len(table) for _, _, table in segments)
        return len({row[0] for _, _, table in segments for row in _rows(table)})

    def __bool__(self) -> bool:
        return len(self._table) > 0 or len(self) > 0

    def __dir__(self) -> list[str]:
        return sorted(
            {
                *(name for name in super().__dir__() if not name[0].isupper()),
                *(e.keyword for e in self if e.keyword),
            }
        )

    def __repr__(self) -> str:
        from hounsfield.elements.text import cut_lines

        return "\n".join(cut_lines(self))

    def _repr_html_(self) -> str:
        from hounsfield.elements.html import dataset_html

        return dataset_html(self)

    def keys(self) -> list[int]:
        """Tags in order, as 0xGGGGEEEE."""
        return [element.tag for element in self]

    def values(self) -> list[Element]:
        """Elements in the order of their tags."""
        return list(self)

    def items(self) -> list[tuple[int, Element]]:
        """Tags with their elements, in order."""
        return [(element.tag, element) for element in self]

    def walk(self) -> Iterator[tuple[str, Element]]:
        """Give every element, those in the items of sequences too, each with its dotted path.

        In the order of their bytes and one at a time: items are made when the walk comes to them, and not
        kept. A path is a key of the data set: ``ds[path]`` is the element.
        """
        from hounsfield.elements.access import walk

        return walk(self)

    def private_creators(self, group: int) -> list[str]:
        """Give those who reserved blocks of elements in an odd group (PS3.5 Section 7.8.1)."""
        from hounsfield.elements.access import private_creators

        return private_creators(self, group)

    def private_block(self, group: int, private_creator: str) -> PrivateBlock:
        """Give what a creator reserved in a group: ``ds.private_block(0x0009, "GEMS_IDEN_01")[0x01]``.

        Raises
        ------
        MissingElementError
            The creator has reserved none.
        OptionError
            The group is not odd.
        """
        from hounsfield.elements.access import PrivateBlock

        return PrivateBlock(self, group, private_creator)

    def get_private_item(self, group: int, element_offset: int, private_creator: str) -> Element:
        """Give the element at `element_offset`, 0 to 0xFF, in the block that a creator reserved.

        Raises
        ------
        MissingElementError, OptionError
            As `private_block`; or the block has no such element.
        """
        return self.private_block(group, private_creator)[element_offset]

    def __eq__(self, other: object) -> bool:
        """Whether the other has the same elements, in items too: see `compare.same`."""
        if not isinstance(other, Dataset):
            return NotImplemented
        from hounsfield.elements.compare import same

        return self is other or same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the headers and where the rest is: see `hounsfield.Dataset`."""
        tail = self._tail  # before what it becomes in another thread
        segment = _kept((self._base, self._data, self._table))
        more = [_kept(each) for each in self._more] if self._more else None
        meta = self._meta and (bytes(self._meta[0][: self._meta[2]]), *self._meta[1:])
        with _LOCK:
            notes = self._notes and self._notes.copy()
        state = (self._source, segment, self._encoding, self._parent, more, tail, self._syntax, meta)
        return _restored, (type(self), self._options, notes, self._examined, *state)

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python values by keyword, sequences as lists of dicts: see `compare.to_dict`."""
        from hounsfield.elements.compare import to_dict

        return to_dict(self)

    def to_json_dict(
        self, *, bulk_threshold: int | None = 1024, bulk_uri: BulkURI | None = None
    ) -> dict[str, Any]:
        """Give the data set in the DICOM JSON model (PS3.18 Annex F.2): see `json_model.to_json_dict`."""
        from hounsfield.elements.json_model import to_json_dict

        return to_json_dict(self, bulk_threshold=bulk_threshold, bulk_uri=bulk_uri)

    def to_json(self, *, bulk_threshold: int | None = 1024, bulk_uri: BulkURI | None = None) -> str:
        """Give the text of what `to_json_dict` gives: one line, in which any script may occur."""
        from hounsfield.elements.json_model import to_json

        return to_json(self, bulk_threshold=bulk_threshold, bulk_uri=bulk_uri)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was repaired or assumed to read this data set, its values and items so far, in sentences."""
        self._examine()
        with _LOCK:
            return tuple(self._notes or ())

    def _warnings_of(self, tag: int) -> tuple[str, ...]:
        self._examine()
        with _LOCK:
            return tuple(note for note, about in (self._notes or {}).items() if about == tag)

    def _note(self, message: str, tag: int | None = None, kind: type[DicomError] = ParseError) -> None:
        """Keep what was wrong, for the data sets around this one too; if strict, raise it as `kind`."""
        if self._options.strict:
            found = None if tag is None else self._find(tag)
            offset = found and found[1][0] + found[0][2]
            raise kind(message, file=self._source.name, tag=tag, offset=offset)
        if tag is not None:
            message = f"({tag >> 16:04X},{tag & 0xFFFF:04X}){_spaced_keyword(tag)}: {message}"
        with _LOCK:
            dataset: Dataset | None = self
            while dataset is not None:
                if dataset._notes is None:
                    dataset._notes = {}
                dataset._notes.setdefault(message, tag)
                if dataset is self:
                    message, tag = f"in an item: {message}", None
                dataset = dataset._parent

    def _note_element(self, tag: int, message: str) -> None:
        self._note(message, tag, ElementError)

    def _examine(self) -> None:
        """Look whether the elements stand as they should: when somebody asks, as a read needs not know."""
        if self._examined:
            return
        from hounsfield.elements.checks import structure_problems

        if self._meta is not None:
            meta = self.file_meta
            for tag, problem in structure_problems(meta._segments(), meta._encoding):
                self._note(problem, tag)
        for tag, problem in structure_problems(self._segments(), self._encoding):
            self._note(problem, tag)
        self._examined = True

    def _be_strict(self) -> None:
        """Raise what had to be repaired so far, and what would have to be in order to show the elements."""
        for message in self._notes or ():
            raise (TruncatedError if message.startswith(CUT) else ParseError)(message, file=self._source.name)
        self._examine()
        self._context()

    @property
    def file_meta(self) -> Self:
        """The file meta information, group 0002 (PS3.10 Section 7.1); without elements if there is none."""
        data, start, stop = self._root._meta or (b"", 0, 0)
        data = bytes(data[:stop])  # no view that keeps the caller's buffer
        table = scan_part(self._source, 0, data, start, stop, EXPLICIT_LITTLE)
        return type(self)(self._source, (0, data, table), EXPLICIT_LITTLE)

    @property
    def _root(self) -> Dataset:
        dataset = self
        while dataset._parent is not None:
            dataset = dataset._parent
        return dataset

    # Where it is

    def _find(self, tag: int) -> tuple[Row, Segment] | None:
        row = self._table.find(tag)
        if row is not None:
            return row, (self._base, self._data, self._table)
        for segment in self._more or ():
            row = segment[2].find(tag)
            if row is not None:
                return row, segment
        if self._tail is not None and (tag >= PIXEL_DATA or not self._is_described()):
            self._load_tail()
            return self._find(tag)
        return None

    def _is_described(self) -> bool:
        """Whether the pixel data come last, as they should: what describes them stands before them."""
        return any(table.find(ROWS) for _, _, table in ((0, b"", self._table), *(self._more or ())))

    def _missing(self, tag: int) -> MissingElementError:
        name = _spaced_keyword(tag)
        message = f"the data set has no element{name}"
        _, _, asked, stop_tag = self._options
        if self._parent is None and (tag >= stop_tag or (asked is not None and tag not in asked)):
            message = f"the element{name} was not asked for: `tags` or `until` left it out of what was read"
        return MissingElementError(message, file=self._source.name, tag=tag)

    def _select(self, stop_tag: int, tags: tuple[int, ...] | None) -> None:
        """Leave out what stands from a tag on, and all but these tags."""
        segments = self._all_segments() if stop_tag > AFTER_PIXELS else self._segments()
        self._tail = None
        for _, _, table in segments:
            if tags is not None:
                table.keep(tags)
            elif stop_tag != UNDEFINED and stop_tag > AFTER_PIXELS:
                table.keep(tuple(sorted({row[0] for row in table if row[0] < stop_tag})))

    def _all_segments(self) -> list[Segment]:
        if self._tail is not None:
            self._load_tail()
        return self._segments()

    def _segments(self) -> list[Segment]:
        """What has been scanned so far."""
        return [(self._base, self._data, self._table), *(self._more or ())]

    def _load_tail(self) -> None:
        """Look at what stands behind the pixel data, which a read leaves alone."""
        tail = self._tail
        if tail is None:
            return
        position, fragments = tail
        segments: list[Segment] = []
        try:
            while True:
                if fragments:
                    _, position = self._fragments(position)
                found, end = scan_source(self._source, position, self._encoding)
                segments += found
                position, fragments = end.position, end.status == "fragments"
                if not fragments:
                    break
        except ParseError as error:
            # The pixel data themselves report what is wrong with them; here it only hides what follows.
            self._note(f"what stands behind the pixel data cannot be read: {error.message}")
        else:
            self._note_end(end)
        with _LOCK:
            if self._tail is not tail:  # another thread was here first
                return
            self._more = [*(self._more or ()), *segments]
            self._tail = None
        self._examined = False
        if self._options.strict:
            self._examine()

    def _fragments(self, start: int) -> tuple[int, int]:
        """Where the fragments of encapsulated pixel data end, and where the data go on behind them."""
        segments, end = scan_source(self._source, start, IMPLICIT_LITTLE, items=True)
        base, _, table = segments[-1]
        last = base + table[-1][2] + table[-1][3] if len(table) else start
        if end.status == "truncated" or last == end.position:
            raise TruncatedError(
                "the fragments of the pixel data have no end",
                file=self._source.name,
                tag=PIXEL_DATA,
                offset=start,
            )
        return last, end.position

    def _let_go(self) -> None:
        """Drop the bytes at hand, which may be views of a buffer that its owner wants back."""
        self._data = b""
        self._more = self._more and [(base, b"", table) for base, _, table in self._more]
        if self._meta is not None:
            data, start, stop = self._meta
            self._meta = bytes(data[:stop]), start, stop
        for value in self._values.values():
            if isinstance(value, Sequence):
                value._let_go()

    def _note_end(self, end: ScanEnd) -> None:
        if end.status == "truncated":
            self._note(f"{CUT} {end.position}", kind=TruncatedError)
        elif end.status == "stop":  # at the tag (FFFF,FFFF), which no element has
            self._note(f"no element stands at byte {end.position}: what follows was left out")

    # What it says

    def _load(self, tag: int, default: Any = _REQUIRED) -> Any:
        """Decode the value for a tag and keep it; the common case, all at hand and as it should be, first."""
        if tag not in LUT_DESCRIPTORS:
            table, data, context = self._table, self._data, self._shared_context or self._context()
            try:
                value = table.decoded(data, tag, _AT_ONCE, context)
                if value is NotImplemented and not self._encoding[0] and (found := table.value(data, tag)):
                    decode = _AT_ONCE.get(found[0] or dictionary_vr(tag))
                    if decode is not None:
                        value = decode(found[1], context)
            except _ProblemError:
                value = NotImplemented
            if value is not NotImplemented:
                self._values[tag] = value
                return value
        row = self._find(tag)
        if row is None:
            if default is _REQUIRED:
                raise self._missing(tag)
            return default
        value = self._values[tag] = self._decode(*row)
        return value

    def _vr(self, row: Row) -> str:
        """The element's VR, from its header or from the dictionary."""
        tag, vr, _, length, _, flags = row
        if flags & FLAG_UN_SEQUENCE:
            return "SQ"
        if vr and vr != "UN":
            return vr
        if flags & FLAG_UNDEFINED and tag != PIXEL_DATA:
            return "SQ"
        if tag >> 16 & 1 and tag & 0xFFFF > 0xFF:
            creator = self._private_creator(tag)
            known = private_entry(creator, tag) if creator else None
            vr = known.vr if known else "UN"
        elif not vr or length < 0xFFFF:
            vr = dictionary_vr(tag)
        if len(vr) == 2:
            return vr
        return resolve_vr(
            tag,
            vr,
            explicit=self._encoding.explicit,
            encapsulated=bool(flags & FLAG_UNDEFINED),
            bits_allocated=self._inherited(BITS_ALLOCATED),
            pixel_representation=self._inherited(PIXEL_REPRESENTATION),
            lut_entries=self._lut_entries() if tag == LUT_DATA else None,
        )

    def _inherited(self, tag: int) -> int | None:
        """A number of this data set, or of the nearest one around it that has it."""
        dataset: Dataset | None = self
        while dataset is not None:
            if dataset._find(tag) is not None:
                value = dataset._load(tag)
                return value if isinstance(value, int) else None
            dataset = dataset._parent
        return None

    def _lut_entries(self) -> int | None:
        descriptor = self.get("LUTDescriptor")
        return descriptor[0] if isinstance(descriptor, tuple) and isinstance(descriptor[0], int) else None

    def _private_creator(self, tag: int) -> str:
        found = self._find(tag & 0xFFFF0000 | tag >> 8 & 0xFF)
        if found is None:
            return ""
        value = self._load(found[0][0])
        return value if isinstance(value, str) else ""

    def _raw(self, row: Row, segment: Segment) -> bytes:
        """The value's bytes as they stand in the source."""
        return bytes(self._view(row, segment))

    def _view(self, row: Row, segment: Segment) -> memoryview:
        """The same without a copy, where they are in memory."""
        tag, _, offset, length, _, flags = row
        base, data, _ = segment
        if length == UNDEFINED:
            length = self._fragments(base + offset)[0] - (base + offset)
        elif flags & FLAG_CUT:
            raise TruncatedError(
                f"the data end inside the value, of which {length} bytes are there",
                file=self._source.name,
                tag=tag,
                offset=base + offset,
            )
        if offset + length <= len(data):
            return memoryview(data)[offset : offset + length].toreadonly()
        return memoryview(self._source.read(base + offset, length)).toreadonly()

    def _decode(self, row: Row, segment: Segment) -> Any:
        tag = row[0]
        vr = self._vr(row)
        if vr == "SQ":
            return Sequence(self, row, segment)
        raw = self._raw(row, segment)
        decode = DECODERS.get(vr)
        if decode is None:
            self._note_element(tag, f"{vr!r} is no VR that the standard knows: its bytes as they stand")
            return raw or None
        context = self._context()
        try:
            value = decode(raw, context)
        except _ProblemError:
            problems: list[str] = []
            value = decode(raw, Context(context.big_endian, context.encodings, problems.append))
            for problem in problems:
                self._note_element(tag, problem)
        return lut_descriptor(value) if tag in LUT_DESCRIPTORS else value

    def _context(self) -> Context:
        """Byte order and character set, from this data set or the one around it (PS3.3 C.12.1.1.2)."""
        if self._shared_context is None:
            self._shared_context = self._find_context()
        return self._shared_context

    def _find_context(self) -> Context:
        big_endian = self._encoding.big_endian
        terms = self._options.character_set
        if terms is not None:
            return _context(big_endian, terms)[0]
        if at_once := self._table.value(self._data, CHARACTER_SET):
            terms = at_once[1]
        elif found := self._find(CHARACTER_SET):
            terms = b"" if found[0][5] & FLAG_CUT else self._raw(*found)
        if terms is not None:
            context, problems = _context(big_endian, terms)
            for problem in problems:
                self._note_element(CHARACTER_SET, problem)
            return context
        if self._parent is None:
            return _context(big_endian, b"")[0]
        around = self._parent._context()
        if around.big_endian == big_endian:
            return around
        return Context(big_endian, around.encodings, around.problem)


def _spaced_keyword(tag: int) -> str:
    """The keyword, for a message: with a space before it, or nothing if there is none."""
    word = keyword(tag)
    return f" {word}" if word else ""


def _is_path(key: object) -> TypeGuard[str]:
    return isinstance(key, str) and "." in key


def _kept(segment: Segment) -> tuple[int, bytes | int, Table]:
    """What of a segment is to be pickled: a view of the source's buffer will be taken anew."""
    base, data, table = segment
    return base, data if isinstance(data, bytes) else len(data), table


def _restored(
    kind: type[Dataset],
    options: Options,
    notes: dict[str, int | None] | None,
    examined: bool,
    source: Source,
    segment: tuple[int, bytes | int, Table],
    encoding: Encoding,
    parent: Dataset | None,
    more: list[tuple[int, bytes | int, Table]] | None,
    *state: Any,
) -> Dataset:
    def whole(base: int, data: bytes | int, table: Table) -> Segment:
        return base, source.read(base, data) if isinstance(data, int) else data, table

    segments = [whole(*each) for each in more] if more else None
    ds = kind(source, whole(*segment), encoding, parent, segments, *state)
    ds._options, ds._notes, ds._examined = options, notes, examined
    return ds


def _property_of(tag: int) -> property:
    def value(self: Dataset) -> Any:
        values = self._values
        return values[tag] if tag in values else self._load(tag)

    return property(value)


def _in_order(segments: list[Segment]) -> bool:
    """Whether the tags rise from the first element to the last."""
    tables = [table for _, _, table in segments if len(table)]
    return all(table.ascending for table in tables) and all(
        before[-1][0] < after[0][0] for before, after in pairwise(tables)
    )


def _rows(table: Table) -> Iterator[Row]:
    """The rows of elements, the last first, so that the first of several with one tag wins in a dict."""
    for index in reversed(range(len(table))):
        row = table[index]
        if row[0] >> 16 != 0xFFFE:
            yield row
