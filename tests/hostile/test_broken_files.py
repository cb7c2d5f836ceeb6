"""Broken files: an error of ours or a right result, nothing else. Small ones, since every byte is tried."""

import io
import resource
import struct
import sys
import tracemalloc
import zlib
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hounsfield as hu
from bytewise import BIG, DEFLATED, EXPLICIT, IMPLICIT, UNDEFINED, element, item, part10, sequence_end
from hounsfield.elements.scanning import CHUNK
from hounsfield.elements.sequence import MAX_DEPTH

FILES = Path(find_spec("pydicom.data").origin).parent / "test_files"
CHARSETS = FILES.parent / "charset_files"


def open_item(value, order="<"):
    start, end = (
        struct.pack(order + "HHI", 0xFFFE, word, size) for word, size in ((0xE000, 0xFFFFFFFF), (0xE00D, 0))
    )
    return start + value + end


def image(order="<", pixels=bytes(range(24)), vr="OW", behind=b""):
    """A data set of 3 x 4 pixels of 12 bits in 16, with a sequence, a private block and something behind."""

    def number(tag, value):
        return element(tag, "US", struct.pack(order + "H", value), order)

    code = element(0x00080100, "SH", b"T-A0", order) + element(0x00080102, "SH", b"SRT ", order)
    groups = open_item(code, order) + item(code, order) + sequence_end(order)
    return b"".join(
        (
            element(0x00080005, "CS", b"ISO_IR 100", order),
            element(0x00080060, "CS", b"CT", order),
            element(0x00082218, "SQ", groups, order, length=UNDEFINED),
            element(0x00090010, "LO", b"MAKER ", order),
            element(0x00091001, "UN", b"abcd", order),
            element(0x00100010, "PN", b"M\xfcller^Ren\xe9 ", order),
            number(0x00280002, 1),
            element(0x00280004, "CS", b"MONOCHROME2 ", order),
            element(0x00280008, "IS", b"1 ", order),
            number(0x00280010, 3),
            number(0x00280011, 4),
            number(0x00280100, 16),
            number(0x00280101, 12),
            number(0x00280102, 11),
            number(0x00280103, 0),
            element(0x00281052, "DS", b"-1024 ", order),
            element(0x00281053, "DS", b"1.5 ", order),
            element(0x7FE00010, vr, pixels, order) if isinstance(pixels, bytes) else pixels[0],
            behind,
        )
    )


TRAILER = element(0xFFFCFFFC, "OB", b"padding!")
FRAGMENTS = element(
    0x7FE00010, "OB", item(b"") + item(b"\xff\xd8ab") + item(b"cd") + sequence_end(), length=UNDEFINED
)
MADE = {
    "explicit": part10(image(behind=TRAILER)),
    "big": part10(image(">"), BIG),
    "deflated": part10(
        (lambda z: z.compress(image(behind=TRAILER)) + z.flush())(zlib.compressobj(wbits=-15)), DEFLATED
    ),
    "encapsulated": part10(image(pixels=(FRAGMENTS,), behind=TRAILER), "1.2.840.10008.1.2.4.50"),
    "bare": image(),
}
NAMES = (
    "nested_priv_SQ.dcm",
    "UN_sequence.dcm",
    "ExplVR_BigEndNoMeta.dcm",
    "DICOMDIR-empty.dcm",
    "no_meta_group_length.dcm",
)
REAL = {name: next(FILES.rglob(name)).read_bytes() for name in NAMES}
REAL["chrSQEncoding.dcm"] = (CHARSETS / "chrSQEncoding.dcm").read_bytes()
ALL = MADE | REAL

each_file = pytest.mark.parametrize("name", sorted(ALL))


def look_at_all(source):
    """Every value that a data set gives, by its path; instead of a value the error that it raises.

    Errors other than ours pass through and fail the test.
    """
    ds = hu.read(source)
    found = {}
    collect(ds, (), found)
    collect(ds.file_meta, ("meta",), found)
    try:
        found["pixels"] = ds.pixel_array
    except hu.DicomError as error:
        found["pixels"] = error
    return ds, found


def collect(ds, path, found):
    for each in ds:
        where = (*path, each.tag)
        try:
            value = each.value
            if isinstance(value, hu.Sequence):
                found[where] = "sequence"
                for index, inner in enumerate(value):
                    collect(inner, (*where, index), found)
            elif each.is_cut:
                found[where] = "cut", each.VR, as_text(value)
            else:
                found[where] = each.VR, value
        except hu.DicomError as error:
            found[where] = error


def as_text(value):
    return "\\".join(map(str, value)) if isinstance(value, tuple) else str(value)


def is_beginning(cut, whole):
    """Whether text that was cut, maybe inside a character or an escape, is what the whole begins with."""
    return cut[1] == whole[0] and as_text(whole[1]).startswith(cut[2].partition("\x1b")[0].rstrip("\ufffd"))


def same(a, b):
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b or (a != a and b != b)


class TestTruncation:
    @each_file
    def test_gives_what_is_there_and_says_so(self, name):
        data = ALL[name]
        whole, full = look_at_all(data)
        # where an element ends, a delimiter included, a file may end too
        ends = {
            each.offset + each.length + 8 * each.is_undefined_length for each in (*whole, *whole.file_meta)
        }
        for size in range(len(data)):
            try:
                ds, found = look_at_all(data[:size])
            except (hu.NotDicomError, hu.TruncatedError, hu.ParseError):
                continue
            for where, value in found.items():
                if where == "pixels" and isinstance(value, hu.DicomError):
                    continue
                if isinstance(value, hu.DicomError):
                    assert isinstance(value, hu.TruncatedError), (size, where, value)
                elif isinstance(value, tuple) and value[0] == "cut":
                    assert is_beginning(value, full[where]), (size, where, value, full[where])
                else:
                    assert same(value, full.get(where)), (size, where, value, full.get(where))
            if "deflated" not in name:
                assert ds.warnings or size in ends, (size, ds.warnings)
            if "pixels" in found and isinstance(full["pixels"], np.ndarray) and (0x7FE00010,) not in found:
                assert isinstance(found["pixels"], hu.PixelDataError)

    @each_file
    def test_through_a_file_object_is_the_same(self, name):
        data = ALL[name]
        for size in range(0, len(data), 3):
            assert outcome(data[:size]) == outcome(io.BytesIO(data[:size])), size

    @each_file
    def test_through_a_path_is_the_same(self, name, tmp_path):
        data = ALL[name]
        path = tmp_path / "file"
        for size in range(0, len(data), 7):
            path.write_bytes(data[:size])
            assert outcome(data[:size]) == outcome(path), size


def outcome(source):
    try:
        _, found = look_at_all(source)
    except hu.DicomError as error:
        return type(error), error.message, error.tag, error.offset
    return {
        where: (type(value), value.message)
        if isinstance(value, hu.DicomError)
        else value.tolist()
        if isinstance(value, np.ndarray)
        else value
        for where, value in found.items()
    }


class TestOneByteChanged:
    @each_file
    def test_anywhere(self, name):
        """Reading ends, in an error of ours or not, and takes no memory to speak of."""
        data = bytearray(ALL[name])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for at in range(len(data)):
            kept = data[at]
            for value in {0, 255, kept ^ 1, kept ^ 0x80, ord("Z")} - {kept}:
                data[at] = value
                outcome(bytes(data))
            data[at] = kept
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 200 * 1024 or sys.platform == "darwin"

    @each_file
    def test_twice(self, name):
        """Two bytes at once, a sample of all pairs; through a file object, too."""
        data = ALL[name]
        random = np.random.default_rng(len(name))
        for _ in range(400):
            changed = bytearray(data)
            for at, value in zip(random.integers(0, len(data), 2), random.integers(0, 256, 2), strict=True):
                changed[at] = value
            assert outcome(bytes(changed)) == outcome(io.BytesIO(changed))


@given(
    st.binary(max_size=200),
    st.sampled_from([IMPLICIT, EXPLICIT, BIG]),
)
def test_junk_behind_the_meta_information(junk, syntax):
    outcome(part10(junk, syntax))


@given(st.binary(max_size=300))
def test_junk(junk):
    outcome(junk)


@given(st.binary(max_size=40), st.integers(0, len(MADE["explicit"])))
def test_junk_inserted(junk, at):
    data = MADE["explicit"]
    outcome(data[:at] + junk + data[at:])


class TestDepth:
    """Nesting costs no stack, and ends in an error that says so."""

    @staticmethod
    def nest(depth, wrap):
        data = element(0x00080060, "CS", b"CT")
        for _ in range(depth):
            data = wrap(data)
        return part10(data)

    @pytest.mark.parametrize("depth", [65, 300, 20_000])
    def test_of_undefined_lengths(self, depth):
        start = element(0x00081140, "SQ", b"", length=UNDEFINED) + struct.pack(
            "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
        )
        end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        data = part10(start * depth + end * depth)
        with pytest.raises(hu.LimitError, match="deep") as caught:
            hu.read(data)
        assert caught.value.offset is not None

    def test_of_defined_lengths(self):
        data = self.nest(300, lambda inner: element(0x00081140, "SQ", item(inner)))
        ds = hu.read(data)
        for _ in range(MAX_DEPTH):
            ds = ds.ReferencedImageSequence[0]
        with pytest.raises(hu.LimitError, match="deep"):
            _ = ds.ReferencedImageSequence

    @staticmethod
    def open_sequence(inner):
        return element(0x00081140, "SQ", open_item(inner) + sequence_end(), length=UNDEFINED)

    @staticmethod
    def sequence(inner):
        return element(0x00081140, "SQ", item(inner))

    @pytest.mark.parametrize("wrap", ["open_sequence", "sequence"])
    def test_up_to_the_limit(self, wrap):
        ds = hu.read(self.nest(MAX_DEPTH, getattr(self, wrap)))
        for _ in range(MAX_DEPTH):
            ds = ds.ReferencedImageSequence[0]
        assert ds.Modality == "CT"

    def test_one_more(self):
        ds = hu.read(self.nest(MAX_DEPTH + 1, self.sequence))
        for _ in range(MAX_DEPTH):
            ds = ds.ReferencedImageSequence[0]
        with pytest.raises(hu.LimitError, match="more than 64 deep: the element's `bytes`"):
            _ = ds.ReferencedImageSequence
        assert ds["ReferencedImageSequence"].bytes == item(element(0x00080060, "CS", b"CT"))

    def test_one_more_of_undefined_length(self):
        meta = part10(element(0x00080060, "CS", b"CT"))
        data = meta + self.nest(MAX_DEPTH + 1, self.open_sequence)[len(part10(b"")) :]
        with pytest.raises(hu.LimitError, match=r"too deep \(64 are read\): `until`"):
            hu.read(data)
        assert hu.read(data, until="ReferencedImageSequence").Modality == "CT"


class TestMemory:
    """A few bytes ask for gigabytes: none are taken."""

    @pytest.mark.parametrize(
        ("tag", "vr", "value", "error"),
        [
            (0x00280010, "US", b"\xff\xff", "needed"),
            (0x00280011, "US", b"\xff\xff", "needed"),
            (0x00280002, "US", b"\xff\xff", "needed"),
            (0x00280008, "IS", b"999999999999", None),  # as many as there are are read
            (0x00280100, "US", b"\x40\0", "needed"),
        ],
    )
    def test_attributes(self, tag, vr, value, error):
        data = bytearray(MADE["explicit"])
        at = data.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
        old = 8 + int.from_bytes(data[at + 6 : at + 8], "little")
        data[at : at + old] = element(tag, vr, value)
        ds = hu.read(bytes(data))
        tracemalloc.start()
        try:
            with pytest.raises(hu.PixelDataError, match=error) if error else nullcontext():
                _ = ds.pixel_array
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("length", [0x7FFFFFFE, 0xFFFFFFFE])
    @pytest.mark.parametrize("tag", [0x00091001, 0x7FE00010, 0x00082218])
    def test_lengths(self, tag, length, tmp_path):
        data = bytearray(MADE["explicit"])
        at = data.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
        data[at + 4 : at + 12] = b"OB\0\0" + struct.pack("<I", length)
        (tmp_path / "file").write_bytes(data)
        for source in (bytes(data), tmp_path / "file", io.BytesIO(data)):
            ds = hu.read(source)
            assert any("end inside the element" in note for note in ds.warnings)
            with pytest.raises(hu.TruncatedError):
                _ = ds[tag].value

    def test_a_sparse_file(self, tmp_path):
        """A file that is large, and whose header says little, is not read as a whole."""
        data = part10(image()[:-24])
        with (tmp_path / "file").open("wb") as file:
            file.write(data[:-4] + struct.pack("<I", 3 << 30))
            file.truncate(len(data) + (3 << 30))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ds = hu.read(tmp_path / "file")
        assert ds["PixelData"].length == 3 << 30
        assert len(ds) == 18
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024

    def test_deflated_bomb_is_capped(self, monkeypatch):
        from hounsfield.elements import reader

        monkeypatch.setattr(reader, "INFLATED_LIMIT", 1 << 20)
        stream = zlib.compressobj(wbits=-15)
        packed = stream.compress(image(pixels=bytes(2 << 20))) + stream.flush()
        with pytest.raises(hu.LimitError, match="inflates"):
            hu.read(part10(packed, DEFLATED))


@pytest.mark.parametrize("name", ["explicit", "encapsulated", "big"])
def test_headers_that_end_at_the_border_of_a_read(name, tmp_path):
    """A large value moves all that follows over the end of the first read, a byte at a time."""
    data = MADE[name]
    order = ">" if name == "big" else "<"
    start = data.index(struct.pack(order + "HH", 0x0008, 0x0060), 132)
    _, full = look_at_all(data)
    for shift in range(-40, 300, 3):
        filler = element(0x00080058, "UT", b"x" * (CHUNK - start - shift & ~1), order)
        moved = data[:start] + filler + data[start:]
        (tmp_path / "file").write_bytes(moved)
        for source in (tmp_path / "file", io.BytesIO(moved), moved):
            _, found = look_at_all(source)
            del found[0x00080058,]
            pixels = found.pop("pixels")
            assert found == {where: value for where, value in full.items() if where != "pixels"}
            if isinstance(pixels, np.ndarray):
                assert np.array_equal(pixels, full["pixels"])


def test_a_value_that_ends_with_the_last_byte_of_a_head(tmp_path):
    """Of a time of one digit nothing behind it is read; `ci/asan` sees whether it is."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "file"
    begin, time = part10(element(0x00080005, "CS", b"ISO_IR 100")), element(0x00080033, "TM", b"1")
    filler = element(0x00080019, "UT", bytes(CHUNK - len(begin) - len(time) - 12))
    path.write_bytes(begin + filler + time)
    assert path.stat().st_size == CHUNK
    [row] = hu.index(path, tags=["ContentTime"]).to_pylist()
    assert (row["status"], row["ContentTime"]) == ("ok", None)
    assert "ContentTime" in row["notes"]
