"""A data set: elements found by one scan, values decoded when they are asked for (PS3.5 Section 7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from hounsfield._kernels import header
from hounsfield._kernels.header import Header, Keyword, fields
from hounsfield.elements.context import CONTEXTS, Context, ProblemError, context_of
from hounsfield.elements.dictionary import (
    CHARACTER_SET,
    PIXEL_DATA,
    ROWS,
    TAGS,
    Tag,
    close_keywords,
    keyword,
    tag_number,
)
from hounsfield.elements.dictionary import vr as dictionary_vr
from hounsfield.elements.element import Element
from hounsfield.elements.fragments import Fragments, find_fragments
from hounsfield.elements.scanning import (
    AFTER_PIXELS,
    CUT,
    EXPLICIT_LITTLE,
    FLAG_CUT,
    INCOMPLETE,
    ITEM_HEADER,
    UNDEFINED,
    Encoding,
    Row,
    ScanEnd,
    Segment,
    at_hand,
    release,
    scan_part,
    scan_source,
)
from hounsfield.elements.sequence import Sequence
from hounsfield.elements.uids import TransferSyntax
from hounsfield.elements.values import DECODERS, LUT_DESCRIPTORS, lut_descriptor
from hounsfield.elements.vrs import vr_of
from hounsfield.errors import (
    DicomError,
    ElementError,
    MissingElementError,
    OptionError,
    ParseError,
    TruncatedError,
)
from hounsfield.forks import after_fork
from hounsfield.sources import PathSource, Source

if TYPE_CHECKING:
    from typing import TypeGuard

    from hounsfield.elements.access import PrivateBlock
    from hounsfield.elements.json_model import BulkURI

__all__ = ["Dataset", "Key", "Options"]

Key = str | int | tuple[int, int]

FIRST_PIXELS = 0x7FE00008

NUMBER_VRS = frozenset(("DS", "IS"))
"""The VRs of numbers that are written as text."""

TEXT_VRS = NUMBER_VRS.union(
    ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)

_REQUIRED = object()

# A garbage collection, or a signal, may come while it is held, and have warnings asked for.
_LOCK = RLock()


@after_fork
def _renew_lock() -> None:
    """A thread that a forked process does not have may have held it."""
    global _LOCK
    _LOCK = RLock()


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


header.use(dictionary_vr=dictionary_vr, contexts=CONTEXTS, defaults=_DEFAULTS)


class Dataset(Header):
    """The elements of a file or an item; `hounsfield.Dataset` adds pixels to them."""

    __slots__ = ("__weakref__",)

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
        """Take what `open_part10` found, or for an item of a sequence the first three and `parent`.

        Of most files data sets are not made this way, but by `open_file`, which fills the same places.
        """
        self._opened = source
        self._base, self._data, self._table = segment
        self._more = more
        self._encoding = encoding
        self._big = encoding.big_endian
        self._tail = tail
        self._parent = parent
        self._syntax = syntax
        self._meta = meta
        self._notes = notes
        self._options = options if parent is None else parent._options

    @property
    def _source(self) -> Source:
        source = self._opened
        if source is None:
            source = self._opened = PathSource(self._path, self._identity)
        return source

    # What is there

    def __getattr__(self, name: str) -> Any:
        try:
            tag = TAGS[name]
        except KeyError:
            message = f"{name!r} is neither an attribute nor a keyword of the standard"
            raise AttributeError(message + self._suggestion(name)) from None
        # The first use of a keyword makes it an attribute of all data sets: this way here costs far more.
        if name not in Dataset.__dict__:
            setattr(Dataset, name, Keyword(tag))
        return self._value(tag)

    def __getitem__(self, key: Key) -> Element:
        try:
            tag = tag_number(key)
        except OptionError as error:
            if _is_path(key):
                return self._element_at(key)
            if not isinstance(key, str):
                raise
            message = error.message + self._suggestion(key)
            raise MissingElementError(message, file=self._source.name) from None
        found = self._find(tag)
        if found is None:
            raise self._missing(tag)
        return Element(self, *found)

    def get(self, key: Key, default: Any = None) -> Any:
        """Give the value for a keyword or a dotted path, the `Element` for a tag, or else `default`.

        A path that ends in the number of an item gives that item.
        """
        try:
            tag = TAGS[key]  # type: ignore[index]  # no other keys are in it
        except KeyError:
            if not isinstance(key, str):
                found = self._find(tag_number(key))
                return default if found is None else Element(self, *found)
            try:
                tag = tag_number(key)
            except OptionError:
                return self._value_at(key, default) if _is_path(key) else default
        return self._value(tag, default)

    def __contains__(self, key: object) -> bool:
        try:
            tag = tag_number(key)  # type: ignore[arg-type]  # which it tells
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
            for number, (_, _, table) in enumerate(segments):
                yield from fields(Element, self, table, number)
            return
        found: dict[int, tuple[Row, int]] = {}
        for number, (_, _, table) in enumerate(segments):
            for row in table:
                if row[0] >> 16 != 0xFFFE:
                    found.setdefault(row[0], (row, number))
        for tag in sorted(found):
            yield Element(self, *found[tag])

    def __len__(self) -> int:
        segments = self._all_segments()
        if _in_order(segments):
            return sum(len(table) for _, _, table in segments)
        return len({row[0] for _, _, table in segments for row in table if row[0] >> 16 != 0xFFFE})

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

    def keys(self) -> list[Tag]:
        """Tags in order."""
        return [element.tag for element in self]

    def values(self) -> list[Element]:
        """Elements in the order of their tags."""
        return list(self)

    def items(self) -> list[tuple[Tag, Element]]:
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
        from hounsfield.elements.pickling import reduced

        with _LOCK:
            notes = self._notes and self._notes.copy()
        return reduced(self, notes)

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

    @property
    def _incomplete(self) -> str:
        """Why there may have been more elements; "" if all are there."""
        return next(filter(INCOMPLETE.match, tuple(self._notes or ())), "")

    def _warnings_of(self, tag: int) -> tuple[str, ...]:
        self._examine()
        with _LOCK:
            return tuple(note for note, about in (self._notes or {}).items() if about == tag)

    def _note(self, message: str, tag: int | None = None, kind: type[DicomError] = ParseError) -> None:
        """Keep what was wrong, for the data sets around this one too; if strict, raise it as `kind`."""
        if self._options.strict:
            found = None if tag is None else self._find(tag)
            offset = found and self._segment(found[1])[0] + found[0][2]
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
        for value in tuple(self._values.values()):
            if isinstance(value, Sequence):
                value._examine()
        if self._examined:
            return
        from hounsfield.elements.checks import structure_problems

        if self._syntax is not None and self._syntax.encapsulated is None:
            uid = self._syntax.uid
            self._note(f"the transfer syntax {uid!r} is unknown: taken for Explicit VR Little Endian")
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
        whole = None if dataset._stands_for is None else dataset._stands_for()
        return dataset if whole is None else whole

    def _for_items(self) -> Dataset:
        """What the items of sequences are to see of this data set around them.

        It has neither values nor pixels, and no way back that would keep these: else whoever looks into a
        sequence makes a ring, with all the bytes in it, that waits for the garbage collector.
        """
        if self._stand_in is None:
            _ = self._source
            with _LOCK:
                if self._stand_in is None:
                    self._make_stand_in()
        return self._stand_in  # type: ignore[return-value]  # which is there now

    @property
    def _byteorder(self) -> Literal["<", ">"]:
        """Of its binary values, as NumPy and `struct` have it."""
        return ">" if self._encoding.big_endian else "<"

    # Where it is

    def _find(self, tag: int) -> tuple[Row, int] | None:
        """Find the first element with a tag: its row, and the number of the segment that it is in."""
        row = self._table.find(tag)
        if row is not None:
            return row, 0
        for number, (_, _, table) in enumerate(self._more or (), 1):
            row = table.find(tag)
            if row is not None:
                return row, number
        if self._tail is not None and (self._is_behind(tag) or not self._is_described()):
            self._load_tail()
            return self._find(tag)
        return None

    def _is_behind(self, tag: int) -> bool:
        """Whether an element stands, if the tags rise, behind those that have been scanned."""
        table = self._segments()[-1][2]
        return tag >= PIXEL_DATA or not len(table) or tag > table[-1][0]

    def _segment(self, number: int) -> Segment:
        if number and self._more:
            return self._more[number - 1]
        return self._base, self._data, self._table

    def _is_described(self) -> bool:
        """Whether the pixel data come last, as they should: what describes them stands before them."""
        return any(table.find(ROWS) for _, _, table in self._segments())

    def _missing(self, tag: int) -> MissingElementError:
        name = _spaced_keyword(tag)
        message = f"the data set has no element{name}"
        if self._is_left_out(tag):
            message = f"the element{name} was not asked for: `tags` or `until` left it out of what was read"
        return MissingElementError(message, file=self._source.name, tag=tag)

    def _is_left_out(self, tag: int) -> bool:
        """Whether nobody has looked for an element, as it was not asked for."""
        _, _, asked, stop_tag = self._options
        return self._parent is None and (tag >= stop_tag or (asked is not None and tag not in asked))

    def _suggestion(self, name: str) -> str:
        """What to add to a message about a keyword that there is not: the closest one, best of those here."""
        if not name[:1].isupper():  # what programs look for in any object, and that often, is no keyword
            return ""
        close = close_keywords(name)
        here = (word for word in close if self._table.find(TAGS[word]))
        word = next(here, close[0] if close else None)
        return f"; did you mean {word}?" if word else ""

    def _select(self, stop_tag: int, tags: tuple[int, ...] | None) -> None:
        """Leave out what stands from a tag on, and all but these tags."""
        table = self._table
        # `open_file` may have stopped before an overlay, and any scan does behind native pixel data.
        is_short = self._opened is None and table.status == "more" and table[-1][0] < FIRST_PIXELS
        reads_on = stop_tag > AFTER_PIXELS or (is_short and table[-1][0] < stop_tag - 1)
        segments = self._all_segments() if reads_on else self._segments()
        self._tail = None
        for _, _, table in segments:
            if tags is not None:
                table.keep(tags)
            elif stop_tag != UNDEFINED and reads_on:
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
                    _, position = self._fragments_end(position)
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
            if self._tail != tail:  # another thread was here first
                return
            self._more = [*(self._more or ()), *segments]
            self._tail = None
        self._examined = False
        if self._options.strict:
            self._examine()

    def _fragments(self, start: int) -> Fragments:
        """Find the fragments of encapsulated pixel data, as many as there are if the data end among them."""
        source = self._source
        with source.held_open() if isinstance(source, PathSource) else nullcontext(source) as reader:
            found = find_fragments(reader, start, source.size)
        if found.problem and not found.is_header_cut:
            raise ParseError(found.problem, file=source.name, tag=PIXEL_DATA)
        return found

    def _fragments_end(self, start: int) -> tuple[int, int]:
        """Where the fragments of encapsulated pixel data end, and where the data go on behind them."""
        found = self._fragments(start)
        if not found.is_closed:
            raise TruncatedError(
                "the fragments of the pixel data have no end",
                file=self._source.name,
                tag=PIXEL_DATA,
                offset=start,
            )
        return found.end - ITEM_HEADER, found.end

    def _let_go(self) -> None:
        """Drop the bytes at hand, which may be views of a buffer that its owner wants back."""
        if self._meta is not None:
            data, start, stop = self._meta
            self._meta = bytes(data[:stop]), start, stop
        # Items that somebody has kept may share them: those of walk(), which are not in `_values`.
        for _, data, _ in self._segments():
            release(data)
        self._data = b""
        self._more = self._more and [(base, b"", table) for base, _, table in self._more]
        for value in self._values.values():
            if isinstance(value, Sequence):
                value._let_go()
        if self._stand_in is not None:
            self._stand_in._meta = self._meta
            self._stand_in._let_go()

    def _note_end(self, end: ScanEnd) -> None:
        if end.status == "truncated":
            self._note(f"{CUT} {end.position}", kind=TruncatedError)
        elif end.status == "stop":  # at the tag (FFFF,FFFF), which no element has
            self._note(f"no element stands at byte {end.position}: what follows was left out")

    # What it says

    def _load(self, tag: int, default: Any = _REQUIRED) -> Any:
        """Decode the value for a tag and keep it; the common case has been tried: see the kernel `header`."""
        found = self._find(tag)
        if found is None:
            if default is _REQUIRED:
                raise self._missing(tag)
            return default
        value = self._values[tag] = self._decode(*found)
        return value

    def _raw(self, row: Row, number: int) -> bytes:
        """The value's bytes as they stand in the source."""
        return bytes(self._view(row, number))

    def _view(self, row: Row, number: int) -> memoryview:
        """The same without a copy, where they are in memory."""
        tag, _, offset, length, _, flags = row
        if flags & FLAG_CUT:
            raise TruncatedError(
                _cut(length), file=self._source.name, tag=tag, offset=self._segment(number)[0] + offset
            )
        return self._what_is_there(row, number)

    def _what_is_there(self, row: Row, number: int) -> memoryview:
        """The same of a value that the end of the data cuts: what there is of it."""
        _, _, offset, length, _, _ = row
        base, data, _ = self._segment(number)
        if length == UNDEFINED:
            length = self._fragments_end(base + offset)[0] - (base + offset)
        if offset + length <= at_hand(data):
            return memoryview(data)[offset : offset + length].toreadonly()
        return memoryview(self._source.read(base + offset, length)).toreadonly()

    def _decode(self, row: Row, number: int) -> Any:
        tag = row[0]
        vr = vr_of(self, row)
        if vr == "SQ":
            return Sequence(self._for_items(), row, self._segment(number))
        decode = DECODERS.get(vr)
        if row[5] & FLAG_CUT and row[3] and vr in TEXT_VRS:
            self._note(_cut(row[3]), tag, TruncatedError)
            raw = bytes(self._what_is_there(row, number))
            decode = DECODERS["CS" if vr in NUMBER_VRS else vr]  # the rest of a number may be digits
        else:
            raw = self._raw(row, number)
        if decode is None:
            self._note_element(tag, f"{vr!r} is no VR that the standard knows: its bytes as they stand")
            return raw or None
        context = self._context()
        try:
            value = decode(raw, context)
        except ProblemError:
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
            return context_of(big_endian, terms)[0]
        found = self._find(CHARACTER_SET)
        if found:
            terms = b"" if found[0][5] & FLAG_CUT else self._raw(*found)
            context, problems = context_of(big_endian, terms)
            for problem in problems:
                self._note_element(CHARACTER_SET, problem)
            return context
        if self._parent is None:
            return context_of(big_endian, b"")[0]
        around = self._parent._context()
        if around.big_endian == big_endian:
            return around
        return Context(big_endian, around.encodings, around.problem)


def _spaced_keyword(tag: int) -> str:
    """The keyword, for a message: with a space before it, or nothing if there is none."""
    word = keyword(tag)
    return f" {word}" if word else ""


def _cut(length: int) -> str:
    return f"the data end inside the value, of which {length} bytes are there"


def _is_path(key: object) -> TypeGuard[str]:
    return isinstance(key, str) and "." in key


def _in_order(segments: list[Segment]) -> bool:
    """Whether the tags rise from the first element to the last."""
    tables = [table for _, _, table in segments if len(table)]
    return all(table.ascending for table in tables) and all(
        before[-1][0] < after[0][0] for before, after in pairwise(tables)
    )
