"""Members of archives: what they give, by which reads, and archives that are broken."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.archives import RangeFile, members
from hounsfield.errors import ParseError
from hounsfield.finding import expand
from hounsfield.sources import BufferSource

TARS = {".tar": "w", ".tar.gz": "w:gz", ".TGZ": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
ZIPS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}
NAMES = ["CT_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm"]


def write_tar(path, mode, files, kind=tarfile.PAX_FORMAT):
    with tarfile.open(path, mode, format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_zip(path, method, files):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.fixture(scope="module")
def files(pydicom_path):
    return {f"{'long/' * 30}{name}": pydicom_path(name).read_bytes() for name in NAMES}


@pytest.fixture(params=[*TARS, *ZIPS])
def archive(request, tmp_path, files):
    if request.param in TARS:
        return write_tar(tmp_path / f"a{request.param}", TARS[request.param], files)
    return write_zip(tmp_path / "a.zip", ZIPS[request.param], files)


def read_whole(opened):
    return opened.read() if hasattr(opened, "read") else bytes(opened)


def test_members(archive, files):
    found = list(expand(archive))
    assert [origin.name for origin in found] == [f"{archive}::{name}" for name in files]
    assert {origin.path for origin in found} == {None}
    assert [read_whole(origin.open()) for origin in found] == list(files.values())
    for origin, data in zip(found, files.values(), strict=True):
        for again in (origin.open(), pickle.loads(pickle.dumps(origin)).open()):
            ds = hu.read(again)
            assert ds == hu.read(data)
            assert np.array_equal(ds.pixel_array, hu.read(data).pixel_array)


def test_by_their_names(archive, files):
    """In any order and again: one by one, in batches, streams and tables."""
    asked = [f"{archive}::{name}" for name in files]
    for name, data in zip(asked, files.values(), strict=True):
        whole = hu.read(data)
        ds = hu.read(name)
        for each in (ds, pickle.loads(pickle.dumps(ds)), hu.read(Path(name), tags=["Rows"])):
            assert (each.filename, each.Rows) == (name, whole.Rows)
        assert np.array_equal(hu.read(name).pixel_array, whole.pixel_array)
        assert np.array_equal(hu.read_region(name, (0, 0), (8, 8)), hu.read_region(whole, (0, 0), (8, 8)))
    order = [2, 0, 1, 0, 2]
    expected = hu.decode_batch([list(files.values())[number] for number in order], size=16).array
    asked = [asked[number] for number in order]
    batch = hu.decode_batch(asked, size=16, threads=2)
    assert [item.source for item in batch.items] == asked
    assert np.array_equal(batch.array, expected)
    for item, row in zip(hu.stream(asked, size=16), expected, strict=True):
        assert np.array_equal(item.array, row)
    pytest.importorskip("pyarrow")
    table, columns = hu.index(asked), ["path", "Rows", "SOPInstanceUID"]
    assert table.select(columns) == hu.index(archive).select(columns).take(order)
    assert np.array_equal(hu.decode_batch(table["path"], size=16).array, expected)


def test_names_of_what_is_not_there(tmp_path, files):
    data = next(iter(files.values()))
    path = tmp_path / "a.zip"
    with pytest.raises(FileNotFoundError, match=r"a\.zip::a\.dcm"):
        hu.read(f"{path}::a.dcm")
    write_zip(path, zipfile.ZIP_STORED, {"a.dcm": data, "broken.dcm": b"no DICOM"})
    assert hu.read(f"{path}::a.dcm").filename == f"{path}::a.dcm"
    for name in ("b.dcm", "", "a.dcm::b", "a.dcm/"):
        with pytest.raises(FileNotFoundError, match=r"a\.zip::"):
            hu.read(f"{path}::{name}")
    with pytest.raises(hu.NotDicomError) as caught:
        hu.read(f"{path}::broken.dcm")
    assert caught.value.file == f"{path}::broken.dcm"
    # Once it is another archive, it has other members.
    write_zip(path, zipfile.ZIP_DEFLATED, {"b.dcm": data})
    assert hu.read(f"{path}::b.dcm").Rows
    with pytest.raises(FileNotFoundError):
        hu.read(f"{path}::a.dcm")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ParseError) as broken:
        hu.read(f"{path}::b.dcm")
    assert broken.value.file == str(path)
    # A file that is really called so is meant itself.
    (tmp_path / "a.zip::b.dcm").write_bytes(data)
    assert hu.read(f"{path}::b.dcm").Rows


def test_names_that_several_have(tmp_path, files):
    data = next(iter(files.values()))
    path = write_tar(tmp_path / "a.tar", "w", {"a.dcm": data, "b.dcm": data})
    with tarfile.open(path, "a") as archive:
        archive.addfile(archive.getmember("a.dcm"), io.BytesIO(data))
    assert hu.read(f"{path}::b.dcm").Rows
    with pytest.raises(hu.SourceError, match="2 members"):
        hu.read(f"{path}::a.dcm")


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_formats_of_tar(tmp_path, files, kind):
    path = write_tar(tmp_path / "a.tar", "w", files, kind)
    assert [read_whole(origin.open()) for origin in expand(path)] == list(files.values())


def test_what_is_no_file_is_left_out(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("x")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("../../empty"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.mkdir("folder")
        archive.writestr("folder/nested.zip", b"PK")
    found = [origin.name for origin in expand([tmp_path / "a.tar", tmp_path / "b.zip"])]
    assert found == [f"{tmp_path}/a.tar::../../empty", f"{tmp_path}/b.zip::folder/nested.zip"]


def test_chains_of_urls(tmp_path, files):
    """The name of one member, by fsspec, ends as the archive does, and is not taken for it."""
    pytest.importorskip("fsspec")
    inner, outer = write_tar(tmp_path / "inner.tar", "w", files), tmp_path / "outer.zip"
    write_zip(outer, zipfile.ZIP_STORED, {"a.dcm": b"data", "inner.tar": inner.read_bytes()})
    (member,) = expand(f"zip://a.dcm::{outer.as_uri()}")
    assert read_whole(member.open()) == b"data"
    url = f"zip://inner.tar::{outer.as_uri()}"
    names = [f"{url}::{name}" for name in files]
    assert [origin.name for origin in expand(url)] == names
    assert [hu.read(name).filename for name in names] == names
    assert [item.source for item in hu.decode_batch(names, size=8).items] == names
    assert len(list(expand(f"simplecache::{outer.as_uri()}"))) == 2


class Counted(BufferSource):
    """Counts the bytes that are read."""

    read_bytes = 0

    def read(self, offset, length):
        self.read_bytes += length
        return super().read(offset, length)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_stored_members_are_read_by_range(tmp_path, kind, pydicom_path):
    files = {str(number): bytes(10_000_000) for number in range(3)}
    files["ct"] = pydicom_path("CT_small.dcm").read_bytes()
    path = tmp_path / f"a.{kind}"
    (write_tar(path, "w", files) if kind == "tar" else write_zip(path, zipfile.ZIP_STORED, files))
    source = Counted(path.read_bytes(), path.name)
    *_, last = members(source)
    assert hu.read(last.open()).Modality == "CT"
    assert source.read_bytes < 1_000_000


def test_tar_is_not_remembered(tmp_path):
    """Members come one by one, and the archive keeps none of them."""
    path = write_tar(tmp_path / "a.tar.gz", "w:gz", {str(number): bytes([number]) for number in range(100)})
    found = members(BufferSource(path.read_bytes(), path.name))
    assert [member.open() for member in found] == [bytes([number]) for number in range(100)]


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.bz2", ".tar.xz"])
def test_what_was_released_is_read_once_more(tmp_path, ending):
    """In whatever order: fast from one to the next, what was passed over being held."""
    files = {str(number): bytes([number]) * number for number in range(100)}
    path = write_tar(tmp_path / f"a{ending}", TARS[ending], files)
    source = Counted(path.read_bytes(), path.name)
    found = list(members(source))
    for member in found:
        member.open.release()
    nearly = [number ^ 1 for number in range(100)]
    for number in (*range(100), *reversed(range(100)), 7, 7, *nearly):
        assert found[number].open() == bytes([number]) * number
    assert pickle.loads(pickle.dumps(found[9].open))() == bytes([9]) * 9
    source.read_bytes = 0
    for number in nearly:
        found[number].open()
    assert source.read_bytes <= 2 * source.size


def test_an_archive_that_has_changed_since(tmp_path):
    path = write_tar(tmp_path / "a.tar.gz", "w:gz", {"a": bytes(1000), "b": bytes(1000)})
    first, second = members(BufferSource(data := bytearray(path.read_bytes()), path.name))
    for member in (first, second):
        member.open.release()
    data[40:] = bytes(len(data) - 40)
    with pytest.raises(hu.ParseError, match="broken"):
        second.open()


# Broken ones


def test_archives_without_members(tmp_path):
    path = tmp_path / "none.zip"
    with zipfile.ZipFile(path, "w"):
        pass
    assert list(expand(path)) == []
    for ending in (".tar", ".tar.gz"):
        path = tmp_path / f"none{ending}"
        tarfile.open(path, f"w:{ending.partition('.tar.')[2]}").close()
        assert list(expand(path)) == []
    path = tmp_path / "empty.zip"
    path.write_bytes(b"")
    [failed] = expand(path)
    with pytest.raises(ParseError, match="not a zip file"):
        failed.open()


def test_not_an_archive(tmp_path):
    for ending in (".zip", *TARS):
        path = tmp_path / f"no{ending}"
        path.write_bytes(b"no archive" * 100)
        (origin,) = expand(path)
        with pytest.raises(hu.ParseError, match="broken") as caught:
            origin.open()
        assert caught.value.file == str(path) == origin.name
        (origin,) = expand(tmp_path / f"none{ending}")
        with pytest.raises(FileNotFoundError):
            origin.open()


@pytest.mark.parametrize("options", [{}, {"tags": ["Rows"]}])
def test_an_archive_is_read_by_its_members(archive, options):
    with pytest.raises(hu.NotDicomError, match="of an archive, name a member: ARCHIVE::MEMBER") as caught:
        hu.read(archive, **options)
    assert caught.value.file == str(archive)
    with hu.read(f"{archive}::{'long/' * 30}CT_small.dcm", **options) as ds:
        assert ds.Rows == 128


def test_truncated_anywhere(archive, files):
    """Members before the cut are right; what is behind is an error, never wrong bytes."""
    data = archive.read_bytes()
    wanted = list(files.values())
    for stop in [*range(0, len(data) - 1100, max(len(data) // 40, 1)), 1, 511, 513]:
        archive.write_bytes(data[:stop])
        right, errors = 0, 0
        for origin in expand(archive):
            try:
                assert read_whole(origin.open()) == wanted[right]
                right += 1
            except (hu.ParseError, hu.SourceError):
                errors += 1
        assert errors or right == len(wanted)


def test_every_byte_of_the_headers(tmp_path):
    """A changed byte gives an error, another name or other bytes: nothing else, and no hang."""
    files = {"a": b"A" * 600, "b" * 120: b"B" * 10}
    for path in (
        write_tar(tmp_path / "a.tar", "w", files, tarfile.GNU_FORMAT),
        write_tar(tmp_path / "p.tar", "w", files, tarfile.PAX_FORMAT),
        write_zip(tmp_path / "a.zip", zipfile.ZIP_DEFLATED, files),
    ):
        data = path.read_bytes()
        for at in range(min(len(data), 4000)):
            for value in {0x80, data[at] ^ 1}:
                changed = bytearray(data)
                changed[at] = value
                for member in members(BufferSource(changed, path.name)):
                    with suppress(hu.DicomError):
                        assert len(read_whole(member.open())) <= 5000


def test_a_broken_header_is_not_the_end(tmp_path):
    path = write_tar(tmp_path / "a.tar", "w", {"a": b"1", "b": b"2", "c": b"3"}, tarfile.USTAR_FORMAT)
    data = bytearray(path.read_bytes())
    data[1024] ^= 1
    path.write_bytes(data)
    first, last = expand(path)
    assert first.open().read() == b"1"
    with pytest.raises(hu.ParseError, match="header"):
        last.open()


def test_a_size_below_zero(tmp_path):
    path = write_tar(tmp_path / "a.tar", "w", {"a": b"1", "b": b"2"}, tarfile.GNU_FORMAT)
    data = bytearray(path.read_bytes())
    header = data[1024:1536]
    header[124:136] = b"\xff" * 8 + (-512 & 0xFFFFFFFF).to_bytes(4, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data[1024:1536] = header
    path.write_bytes(data)
    *_, last = expand(path)
    with pytest.raises(hu.ParseError, match=r"below 0|header"):  # newer Pythons' tarfile refuses it by itself
        last.open()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_bombs_in_tar(tmp_path, pack):
    header = tarfile.TarInfo("bomb")
    header.size = 50_000_000
    ending = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}[pack]
    path = tmp_path / f"a.tar.{ending}"
    path.write_bytes(pack(header.tobuf() + bytes(header.size + 4096)))
    (origin,) = expand(path, member_limit=1_000_000)
    with pytest.raises(hu.LimitError, match="member_limit"):
        origin.open()
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 50_000_000
    path.write_bytes(pack(header.tobuf() + bytes(header.size + 4096)))
    (origin,) = expand(path)
    with pytest.raises(hu.LimitError, match="header"):
        origin.open()


def long_header(kind, keyword="comment"):
    """Half a MiB of a long name, or of a record for a member or all that follow."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, 512 << 10
    return header.tobuf() + f"{header.size} {keyword}=".encode().ljust(header.size - 1, b"a") + b"\n"


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_many_headers_of_a_member(tmp_path, kind):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(long_header(kind) * 20 + tarfile.TarInfo("a").tobuf() + bytes(1024)))
    (origin,) = expand(path)
    with pytest.raises(hu.LimitError, match="header"):
        origin.open()


def test_many_headers_for_all_members(tmp_path):
    """They add up, whichever member they stand before."""

    def archive(*keywords):
        headers = [long_header(tarfile.XGLTYPE, each) + tarfile.TarInfo("a").tobuf() for each in keywords]
        return gzip.compress(b"".join(headers) + bytes(1024))

    path = tmp_path / "a.tar.gz"
    path.write_bytes(archive("one", "two", "three"))
    *members, last = expand(path)
    assert [each.open() for each in members] == [b"", b""]
    with pytest.raises(hu.LimitError, match="header"):
        last.open()
    path.write_bytes(archive(*["one"] * 5))
    assert [each.open() for each in expand(path)] == [b""] * 5


def test_many_records_for_all_members(tmp_path):
    """At each member all are gone through: with a MiB of them, a day for an archive of some GB."""

    def archive(count):
        records = b"".join(b"9 k%03x=a\n" % number for number in range(count))
        header = tarfile.TarInfo("global")
        header.type, header.size = tarfile.XGLTYPE, len(records)
        padding = bytes(-len(records) % 512)
        return header.tobuf() + records + padding + tarfile.TarInfo("a").tobuf() + bytes(1024)

    path = tmp_path / "a.tar"
    path.write_bytes(archive(1000))
    (origin,) = expand(path)
    assert origin.open().read() == b""
    path.write_bytes(archive(1001))
    (origin,) = expand(path)
    with pytest.raises(hu.LimitError, match="1000 records for all members"):
        origin.open()


def test_bombs_in_zip(tmp_path):
    path = write_zip(tmp_path / "a.zip", zipfile.ZIP_DEFLATED, {"bomb": bytes(50_000_000)})
    (origin,) = expand(path, member_limit=1_000_000)
    with pytest.raises(hu.LimitError, match="member_limit"):
        origin.open()
    data = path.read_bytes()
    size = struct.pack("<I", 50_000_000)
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, struct.pack("<I", 1000)))  # it lies about its size
    (origin,) = expand(path, member_limit=1_000_000)
    with pytest.raises(hu.ParseError, match="checksum"):
        origin.open()


def test_zip_members_that_cannot_be_read(tmp_path):
    path = write_zip(tmp_path / "a.zip", zipfile.ZIP_LZMA, {"a": b"1" * 100})
    (origin,) = expand(path)
    with pytest.raises(hu.UnsupportedError, match="method 14"):
        origin.open()
    path = write_zip(tmp_path / "a.zip", zipfile.ZIP_STORED, {"a": b"1" * 100})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    (origin,) = expand(path)
    with pytest.raises(hu.UnsupportedError, match="encrypted"):
        origin.open()


def test_range_file():
    file = RangeFile(BufferSource(b"0123456789", "x"), 2, 6)
    assert file.name == "x"
    assert file.read(2) == b"23"
    assert file.tell() == 2
    assert file.seek(-1, io.SEEK_END) == 5
    assert file.read() == b"7"
    assert file.read() == b""
    assert file.seek(-2, io.SEEK_CUR) == 4
    assert io.BufferedReader(file).read() == b"67"
    assert file.seek(100) == 100
    assert file.read(3) == b""
    with pytest.raises(OSError, match="Invalid argument"):
        file.seek(-1)
    assert file.tell() == 100
