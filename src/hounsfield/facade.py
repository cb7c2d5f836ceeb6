"""What users hold in their hands: `read`, and data sets that give pixels and pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from hounsfield import display
from hounsfield._kernels.header import open_file
from hounsfield._kernels.known import decode_known
from hounsfield.elements import dataset as elements
from hounsfield.elements.charset import override
from hounsfield.elements.reader import SYNTAXES, listed, open_part10, select
from hounsfield.elements.scanning import EXPLICIT_LITTLE, UNDEFINED, scan_part
from hounsfield.elements.uids import UID
from hounsfield.errors import DicomError, NotDicomError, OptionError, name_file
from hounsfield.outputs import array_of
from hounsfield.pixels.plan import MAX_PIXELS, frame_number
from hounsfield.sources import BufferSource, public_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt
    from typing_extensions import Buffer

    from hounsfield.elements.dataset import Key
    from hounsfield.elements.dicomdir import Dicomdir
    from hounsfield.finding import Origin
    from hounsfield.pixels.decode import FrameLike
    from hounsfield.pixels.frames import Frames
    from hounsfield.pixels.plan import PixelPlan
    from hounsfield.sources import BinaryFile

__all__ = ["Dataset", "read", "read_dicomdir"]


class Dataset(elements.Dataset):
    """A DICOM data set: a file, or an item of a sequence.

    ``ds.PatientName`` and ``ds.get("PatientName")`` give a value; ``ds["PatientName"]``, ``ds[0x0010,
    0x0010]``, ``ds[0x00100010]`` and iteration an `Element`, whose ``value`` it is. Values are decoded when
    first asked for: text is str, numbers are int and float, several values a tuple, sequences are a
    `Sequence` of data sets, binary values bytes; an empty value is "" for text, a `Sequence` without items,
    and None for the rest. What is not as its VR says is given as it stands, text or bytes, and `warnings` say
    so.

    A key may be a dotted path into sequences, whose items count from 0, or from -1 backwards:
    ``ds["SharedFunctionalGroupsSequence.0.PixelMeasuresSequence.0.PixelSpacing"]``; `get` also gives the item
    that a path ends in. `walk` goes through all elements with their paths, `private_block` gives a creator's.

    Data sets are equal if their elements are: tags, VRs and values, however they are written. They can be
    copied and pickled, to feed process pools: of a file the header is pickled, and where the rest is, so that
    pixel data are read by whoever wants them, and it must still be the same file then; of buffers and file
    objects all bytes are. Of a URL `storage_options` go along, with any secrets in them. An item goes with
    the headers of the data sets around it.

    It is read-only, holds no file open, and may be read from several threads. Use it as a context manager, or
    call `close`, to release the buffer or file object it was read from.

    Raises
    ------
    MissingElementError
        On access to an element that is not there; it is a KeyError and an AttributeError.
    ElementError, TruncatedError
        On access to a value that is broken beyond showing.
    """

    __slots__ = ()

    @property
    def filename(self) -> str | None:
        """Path of the file, or what the file object calls itself; None for buffers.

        Of a URL what may be shown: not user and password, nor the query, which may hold a signature.
        """
        return self._source.name

    @property
    def transfer_syntax(self) -> UID:
        """UID of the transfer syntax, or of the one that was assumed where the file gives none."""
        syntax = self._root._syntax
        return UID(syntax.uid if syntax else "")

    @property
    def frames(self) -> Frames:
        """The frames of the pixel data: how many there are and where their bytes are; none is decoded.

        Raises
        ------
        PixelDataError
            There are no pixel data, or the attributes that describe them make no sense.

        Examples
        --------
        >>> len(ds.frames), ds.frames[0].length
        >>> for frame in ds.frames:
        ...     print(frame.ranges)
        """
        from hounsfield.pixels.frames import frames_of

        return frames_of(self)

    def encoded_frame(self, frame: int) -> bytes:
        """Give the bytes of one frame as they stand in the file: of compressed pixel data its codestream.

        Parameters
        ----------
        frame : int
            Counted from 0, or from -1 backwards.

        Returns
        -------
        bytes
            Of all its fragments, padding included. Native frames of bits that do not begin on a byte have the
            bytes that hold them: see ``frames[i].first_bit``.

        Raises
        ------
        PixelDataError
            There are no pixel data, or not all of the frame, or its fragments cannot be told apart.
        IndexError
            There is no such frame.

        Notes
        -----
        PS3.5 Annex A.4.
        """
        return bytes(self.frames.read(frame_number(frame)))

    @property
    def pixel_array(self) -> npt.NDArray[Any]:
        """Stored samples of all frames, decoded when first asked for and then kept.

        Returns
        -------
        ndarray
            Of shape (rows, columns), (frames, rows, columns), (rows, columns, 3) or (frames, rows, columns,
            3), and of the unsigned or signed integer type of Bits Allocated, or float32 or float64, in the
            byte order of this machine. Bits above Bits Stored are cleared, or hold the sign. YBR_FULL and
            YBR_FULL_422 become RGB; PALETTE COLOR stays indices.

        Raises
        ------
        PixelDataError
            There are no pixel data, or they contradict the attributes that describe them.
        UnsupportedError
            The transfer syntax is one that this version does not decode; the message names it.

        Notes
        -----
        PS3.3 C.7.6.3, PS3.5 Section 8.
        """
        samples = self._pixels
        if samples is None:
            samples = decode_known(self, MAX_PIXELS)
            if samples is None:
                from hounsfield.pixels.decode import Decoder

                samples = Decoder(self).decode()
            self._pixels = samples
        return samples

    def pixels(
        self,
        frame: FrameLike = None,
        *,
        raw: bool = False,
        out: Any = None,
        threads: int | None = 1,
        reduce: int = 0,
        max_pixels: int = MAX_PIXELS,
    ) -> npt.NDArray[Any]:
        """Decode stored samples of one frame, some, or all; nothing is kept, and no other frame is read.

        Parameters
        ----------
        frame : int, slice or iterable of int, optional
            Which frames, counted from 0, or from -1 backwards; all of them by default.
        raw : bool
            Leave colours as the codec gives them, YBR_FULL for instance: see `pixel_plan`. By default they
            become RGB. PALETTE COLOR stays indices either way.
        out : array, optional
            Where to put the samples: writable, C-contiguous, of the result's shape and dtype; an ndarray, or
            what gives one in its memory, like buffers and tensors of the CPU.
        threads : int or None
            How many frames to decode at a time, if they are encapsulated; None for one on each CPU.
        reduce : int
            Decode at 1/2^reduce of the size where the codestream allows that cheaply (HTJ2K, and JPEG 2000
            with an imagecodecs that can), else in full: `pixel_plan` says which.
        max_pixels : int
            Samples to decode at most. What a broken file asks for is an error before memory is taken for it.

        Returns
        -------
        ndarray
            Of shape (rows, columns) or (rows, columns, samples) for an int; with the frames before that for a
            slice or an iterable, and for None if there are several. The dtype is that of `pixel_array`.

        Raises
        ------
        PixelDataError
            There are no pixel data, or they are broken, or contradict the attributes that describe them.
        UnsupportedError
            The transfer syntax, or what the codestream is, cannot be decoded; or the extra that does is not
            installed (``hounsfield[video]``).
        LimitError
            More than `max_pixels`.
        OptionError
            There is no such frame; `out` or another argument cannot be used.

        Notes
        -----
        PS3.3 C.7.6.3, PS3.5 Section 8 and Annex A.4.

        Examples
        --------
        >>> ds.pixels(0), ds.pixels(slice(10, 20), threads=2), ds.pixels([3, 5], out=out)
        """
        first = frame is None or (type(frame) is int and frame == 0)
        if first and not raw and not reduce and threads == 1:
            if out is not None:
                out = array_of(out)
            samples = decode_known(self, max_pixels, out)
            if samples is not None:
                return samples
        from hounsfield.pixels.decode import Decoder

        return Decoder(self, raw=raw, reduce=reduce).decode(
            frame, out=out, threads=threads, max_pixels=max_pixels
        )

    def pixel_plan(self, *, raw: bool = False, reduce: int = 0) -> PixelPlan:
        """Tell what `pixels` will give: shape, dtype, bytes, colours, codec, and whether it is lossless.

        No sample is decoded; of encapsulated pixel data the first frame is read, and its codestream's headers
        are looked at.

        Raises
        ------
        PixelDataError, UnsupportedError
            As `pixels`.
        """
        from hounsfield.pixels.decode import Decoder

        return Decoder(self, raw=raw, reduce=reduce).plan()

    @classmethod
    def from_json(
        cls, attributes: str | bytes | Mapping[str, Any], *, bulk: Callable[[str], Buffer] | None = None
    ) -> Self:
        """Make a data set of the DICOM JSON model: of what `to_json` gave, or a DICOMweb server.

        Parameters
        ----------
        attributes : str, bytes or mapping
            JSON text of one data set, or what `json.loads` made of it.
        bulk : callable, optional
            Gives the bytes for a BulkDataURI; `hounsfield.elements.json_model.read_file_uri` does for those
            of `to_json`. Without it these values are empty, and the `warnings` say so.

        Returns
        -------
        Dataset
            It behaves as one that was read from a buffer in Explicit VR Little Endian. DS and IS that are
            text in the JSON stay that text. Text is in UTF-8, whatever Specific Character Set says. JSON does
            not tell the transfer syntax of encapsulated pixel data: they are taken for what they look like.

        Raises
        ------
        ElementError
            An attribute is not as the model has it; with the tag.
        OptionError
            The text is no JSON, or not one data set.

        Notes
        -----
        PS3.18 Annex F.2.
        """
        from hounsfield.elements.json_model import decode_json, syntax_by_pixels

        data, notes = decode_json(attributes, bulk)
        source = BufferSource(data)
        table = scan_part(source, 0, data, 0, None, EXPLICIT_LITTLE, fragments=True)
        syntax = syntax_by_pixels(source, table)
        if syntax.encapsulated:
            notes["JSON does not tell the transfer syntax: pixel data are taken for what they look like"] = (
                None
            )
        options = elements.Options(character_set=b"ISO_IR 192")
        return cls(
            source,
            (0, data, table),
            EXPLICIT_LITTLE,
            syntax=syntax,
            notes=notes,
            options=options,
        )

    def to_pydicom(self) -> Any:
        """Make a ``pydicom.FileDataset`` of the same elements, or for an item a ``pydicom.Dataset``.

        pydicom decodes their values when they are asked for. All bytes are in memory, pixel data included.

        Raises
        ------
        UnsupportedError
            pydicom is not installed.
        DicomError
            A value or an item cannot be read.
        """
        from hounsfield.elements.pydicom_model import to_pydicom

        return to_pydicom(self, self.file_meta if self._parent is None else None)

    def modality_values(self, *, frame: int | None = None, out: Any = None) -> npt.NDArray[np.float32]:
        """Give what the samples measure: Hounsfield units for CT, Dose Units, else what Rescale Type says.

        Parameters
        ----------
        frame : int, optional
            One frame, counted from 0, or from -1 backwards; all of them otherwise.
        out : array, optional
            Where to put them: float32, C-contiguous and of the result's shape; as for `pixels`.

        Returns
        -------
        ndarray of float32
            Of the shape of `pixel_array`, or of one frame: ``stored * slope + intercept``, each frame with
            its own slope and intercept where the file has functional groups, or looked up in the Modality
            LUT; of a dose, ``stored * Dose Grid Scaling``.

        Raises
        ------
        DicomError
            As `pixel_array`; ElementError for a slope, an intercept or a table that cannot be used,
            OptionError for an argument.

        Notes
        -----
        PS3.3 C.11.1, C.7.6.16.2.9 and C.8.8.3.
        """
        with Locating(self):
            samples, frame = self._stored(frame)
            return display.modality_values(self, samples, frame=frame, out=out, byteorder=self._byteorder)

    def render(
        self,
        window: str | tuple[float, float] | Sequence[float] | int | None = None,
        *,
        frame: int | None = None,
        function: str = "LINEAR",
        invert: bool | None = None,
        dtype: npt.DTypeLike | None = None,
        out: Any = None,
    ) -> npt.NDArray[Any]:
        """Give display values: modality LUT, window or VOI LUT, inversion of MONOCHROME1.

        Parameters
        ----------
        window : str, (center, width) or int, optional
            A preset ("abdomen", "lung", "brain", "bone" ...: see `hounsfield.display.PRESETS`), a center and
            width in modality units, "auto" for the range of what is rendered with padding left out, or n for
            the file's n-th window, counted from 0. By default the file's first, or "auto" where it has none.
        frame : int, optional
            One frame, counted from 0, or from -1 backwards; all of them otherwise.
        function : {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
            For a window given here; the file's own come with theirs.
        invert : bool, optional
            Overrides what the file asks for.
        dtype : {uint8, uint16, float32}, optional
            Of the result, which ranges to 255, 65535 or 1.0; uint8, or that of `out`.
        out : array, optional
            Where to put it: C-contiguous and of the result's shape; as for `pixels`.

        Returns
        -------
        ndarray
            Of the shape of `pixel_array` or of one frame, with three samples for colour and palettes. Windows
            do not apply to colour.

        Raises
        ------
        DicomError
            As `pixel_array`; OptionError for an argument, ElementError for a window or table that cannot be
            used.

        Notes
        -----
        PS3.3 C.11.2, PS3.4 N.2. `hounsfield._kernels.window` states the rule to the last bit.
        """
        with Locating(self):
            samples, frame = self._stored(frame)
            return display.render_dataset(
                self,
                window,
                frame=frame,
                function=function,
                invert=invert,
                dtype=dtype,
                out=out,
                array=samples,
                byteorder=self._byteorder,
            )

    def _stored(self, frame: int | None) -> tuple[npt.NDArray[Any], int | None]:
        """Samples of one frame, or of all, and which frame that is; of an only one 0."""
        if frame is not None:
            frame = frame_number(frame)
            if frame < 0:
                from hounsfield.pixels.decode import Decoder

                frame = Decoder(self).number(frame)
        inner = len(self.frames.layout.frame_shape)
        samples = self._pixels
        if samples is None:
            samples = self.pixels(frame)
        elif frame is not None:
            several = samples if samples.ndim > inner else samples[np.newaxis]
            # Of a frame that is not there, an error, which tells what frames there are.
            samples = several[frame] if frame < len(several) else self.pixels(frame)
        return samples, 0 if frame is None and samples.ndim == inner else frame

    def close(self) -> None:
        """Release the source: what has been decoded stays; to read more raises SourceError from now on.

        The buffer is free then, if no view or array of it is kept: an mmap can be closed, a bytearray
        can grow.
        """
        self._source.close()
        self._root._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Locating:
    """Tells errors from layers that know a tag at most which file it was, and where."""

    __slots__ = ("_ds",)

    def __init__(self, ds: Dataset) -> None:
        self._ds = ds

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, DicomError) and not isinstance(error, OptionError) and error.file is None:
            error.file = self._ds.filename
            if error.tag is not None and error.offset is None and error.tag in self._ds:
                error.offset = self._ds[error.tag].offset


def read(
    source: str | os.PathLike[str] | Buffer | BinaryFile,
    *,
    tags: Iterable[Key] | None = None,
    until: Key | None = None,
    strict: bool = False,
    character_set: str | Sequence[str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Read a DICOM file: its header now, its pixel data when they are asked for.

    Parameters
    ----------
    source : path, URL, bytes-like or seekable binary file object
        A path is opened, read up to the pixel data and closed again. Of a buffer (bytes, bytearray,
        memoryview, mmap, an array of bytes) nothing is copied: do not change it while the data set lives. A
        file object is read from where it stands, and stays open; it may stand anywhere then: `seek` before it
        is read again. After a fork, the new process can read what `open` gave and what is in memory, no other
        file objects, which would move a position that it shares. A URL ("s3://bucket/key", "https://...": a
        str) is read by fsspec, which ``hounsfield[remote]`` installs: only the ranges of bytes that are
        needed, the first of 64 KiB. A member of a tar or zip archive is called "scans.zip::folder/a.dcm". A
        scalar of pyarrow, as columns of tables give, is what it holds.
    tags : iterable of keywords or tags, optional
        Read these elements only, and stop behind the last of them: for what is asked of very many files. Of a
        dotted path ("SharedFunctionalGroupsSequence.0.PixelMeasuresSequence"), its first element. What
        decoding them takes is read with them, and is in the data set, too: Specific Character Set; Bits
        Allocated and Pixel Representation, for sequences and for what has a VR that depends on them; private
        creators. What stands out of order, behind the highest of these tags, is not found.
    until : keyword or tag, optional
        Stop before this element, or the first with a higher tag.
    strict : bool
        Raise where a warning would tell what was repaired or assumed: what `read` sees at once, and what
        comes up in values and items on access to them.
    character_set : str or sequence of str, optional
        Terms of Specific Character Set, such as "ISO_IR 192", to read all text with, whatever the data set
        and its items say (PS3.3 C.12.1.1.2).
    storage_options : mapping, optional
        What the file system of a URL needs to be told, as fsspec has it: ``{"anon": True}``. Pickles of the
        data set hold them. An HTTP server may take five minutes for each answer, unless there is a
        ``{"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=30)}}``.

    Returns
    -------
    Dataset
        Its `warnings` tell what had to be assumed or repaired: a missing prefix or transfer syntax, a header
        that is written in another syntax than it says, a file that ends early.

    Raises
    ------
    NotDicomError
        These bytes are not DICOM; an archive is none, its members are.
    ParseError, TruncatedError, LimitError
        The structure is broken beyond repair, or at all if `strict`; with the byte offset.
    ElementError
        If `strict`: Specific Character Set has a term that the standard does not define.
    OptionError
        `character_set` has an unknown term.
    OSError
        As the operating system has it: FileNotFoundError, PermissionError ...
    OptionError
        What `tags` or `until` name is no keyword and no tag; a URL that fsspec cannot read, or no fsspec.
    TypeError
        `source` is none of the above; `tags` is one tag, and no list.

    Notes
    -----
    Access to an element that `tags` or `until` left out raises a MissingElementError that says so, and to
    pixels that they left out a PixelDataError.

    PS3.10 Section 7, PS3.5 Section 7. Files without preamble, prefix or file meta information are read, too.

    Examples
    --------
    >>> ds = hu.read("ct.dcm")
    >>> ds.PatientName, ds.Rows, ds.pixel_array.shape
    >>> ds = hu.read("s3://bucket/ct.dcm", tags=["StudyInstanceUID", "Modality", (0x0020, 0x0013)])
    """
    path = ""
    if isinstance(source, str):
        path = source
    elif hasattr(source, "__fspath__"):  # a check for PathLike takes longer, for bytes too
        path = os.fsdecode(cast("os.PathLike[str]", source))
    elif hasattr(source, "as_py"):  # of a column of a table, a buffer of its text
        source = source.as_py()
        path = source if isinstance(source, str) else ""
    if "::" in path:
        from hounsfield.finding import find_member

        member = find_member(path, storage_options)
        if member is not None:
            return read_origin(member, tags=tags, until=until, strict=strict, character_set=character_set)
    if tags is None and until is None and not strict and character_set is None:
        plain = open_file(Dataset, source, SYNTAXES)
        return Dataset(*_opened(source, path, UNDEFINED, storage_options)) if plain is None else plain
    stop_tag, asked, selected = select(None if tags is None else listed(tags), until)
    character_sets = None if character_set is None else override(character_set)
    options = elements.Options(strict, character_sets, asked, stop_tag)
    ds = open_file(Dataset, source, SYNTAXES, stop_tag)
    if ds is None:
        ds = Dataset(*_opened(source, path, stop_tag, storage_options))
    ds._options = options
    if asked is not None or until is not None:
        ds._select(stop_tag, selected)
    if strict:
        ds._be_strict()
    return ds


def _opened(source: Any, path: str, stop_tag: int, options: Mapping[str, Any] | None) -> Any:
    """Read the header of what is no common file."""
    try:
        return open_part10(source, stop_tag, options)
    except NotDicomError as error:
        from hounsfield.archives import is_archive

        if path and is_archive(public_name(path)):
            error.message += "; of an archive, name a member: ARCHIVE::MEMBER"
        raise


def read_origin(origin: Origin, **options: Any) -> Dataset:
    """Read what `hounsfield.finding.expand` has found, by the name that it has there."""
    try:
        ds = read(origin.open(), **options)
    except DicomError as error:
        name_file(error, origin.name)
        raise
    if ds.filename is None:  # read from bytes
        ds._source.name = origin.name
    return ds


def read_dicomdir(path: str | os.PathLike[str]) -> Dicomdir:
    """Read the directory of a medium: a tree of patients, studies, series and the files they have.

    Parameters
    ----------
    path : path
        Of the DICOMDIR, or of the folder it lies in.

    Returns
    -------
    Dicomdir
        Files are looked for in the DICOMDIR's own folder, whatever the case of their names, and never outside
        it. Its `missing` and `warnings` tell which are not there, and which offsets between records were
        wrong.

    Raises
    ------
    MissingElementError
        The file has no directory records.
    DicomError, OSError
        As `read`.

    Notes
    -----
    PS3.3 Annex F, PS3.10 Section 8.

    Examples
    --------
    >>> for patient in hu.read_dicomdir("/media/cdrom").patients:
    ...     print(patient.PatientName, len(list(patient.walk())))
    """
    from hounsfield.elements.dicomdir import Dicomdir

    given = Path(path)
    if given.is_dir():
        names = (each.name for each in sorted(given.iterdir()) if each.name.upper() == "DICOMDIR")
        given /= next(names, "DICOMDIR")
    return Dicomdir(read(given), given.parent)
