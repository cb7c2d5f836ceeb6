"""Where bytes come from: paths, buffers and file objects, and what becomes of them."""

import errno
import gc
import gzip
import io
import mmap
import os
import socket
import sys
import tarfile
import time
import weakref
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield import sources
from hounsfield.sources import (
    BufferSource,
    FileSource,
    PathSource,
    RemoteSource,
    is_url,
    open_source,
    public_name,
)

DATA = bytes(range(256)) * 40


class Dawdling(io.BytesIO):
    """Gives other threads the time to seek, too, before it reads."""

    def seek(self, *arguments):
        super().seek(*arguments)
        time.sleep(0.001)
        return self.tell()


def read_by_many(sources):
    """Read each source by pieces, in a thread of its own."""

    def whole(source):
        return b"".join(source.read(start, 1024) for start in range(0, source.size, 1024))

    with ThreadPoolExecutor(len(sources)) as pool:
        return list(pool.map(whole, sources))


def path_source(path):
    status = path.stat()
    return PathSource(str(path), (status.st_size, status.st_ino, status.st_mtime_ns // 1000))


@pytest.fixture(params=["path", "head", "buffer", "file", "shifted file", "slow file", "url"])
def source(request, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(DATA)
    match request.param:
        case "path":
            yield path_source(path)
        case "head":
            yield PathSource.with_head(str(path), 100)[0]
        case "buffer":
            yield BufferSource(bytearray(DATA))
        case "file":
            with path.open("rb") as file:
                yield FileSource(file)
        case "shifted file":
            file = io.BytesIO(b"before" + DATA)
            file.seek(6)
            yield FileSource(file)
        case "slow file":
            yield FileSource(Slow(DATA))
        case "url":
            yield RemoteSource.open(path.as_uri())


class Slow(io.BytesIO):
    """Gives fewer bytes than it is asked for, as pipes and sockets do."""

    def read(self, count=-1):
        return super().read(min(count, 7))


class TestSource:
    def test_size(self, source):
        assert source.size == len(DATA)

    @pytest.mark.parametrize(
        ("offset", "length"), [(0, 0), (0, 1), (3, 100), (0, len(DATA)), (len(DATA), 0), (10239, 1)]
    )
    def test_read(self, source, offset, length):
        assert bytes(source.read(offset, length)) == DATA[offset : offset + length]
        out = bytearray(length + 2)
        source.read_into(offset, memoryview(out)[1:-1])
        assert out == b"\0" + DATA[offset : offset + length] + b"\0"

    @pytest.mark.parametrize(
        ("offset", "length"), [(0, len(DATA) + 1), (len(DATA), 1), (len(DATA) + 5, 1), (5, 1 << 20)]
    )
    def test_read_behind_the_end(self, source, offset, length):
        with pytest.raises(hu.SourceError, match=rf"{length} bytes were to be read, \d+ are there"):
            source.read(offset, length)
        if length < 1 << 15:
            with pytest.raises(hu.SourceError):
                source.read_into(offset, memoryview(bytearray(length)))

    def test_closed(self, source):
        source.close()
        with pytest.raises(hu.SourceError, match="closed"):
            source.read(0, 1)
        with pytest.raises(hu.SourceError, match="closed"):
            source.read_into(0, memoryview(bytearray(1)))
        source.close()


class TestPath:
    def test_head(self, tmp_path):
        (tmp_path / "data").write_bytes(DATA)
        source, head = PathSource.with_head(str(tmp_path / "data"), 100)
        assert (source.size, head) == (len(DATA), DATA[:100])
        assert PathSource.with_head(str(tmp_path / "data"), 1 << 20)[1] == DATA

    def test_more_than_there_was_when_it_was_looked_at(self, tmp_path, monkeypatch):
        """Another process writes the file: what came since would not fit what was found out about it."""
        (tmp_path / "data").write_bytes(DATA)
        status = os.stat_result((0o100644, 1, 2, 1, 0, 0, 100, 0, 0, 0), {"st_mtime_ns": 0})
        monkeypatch.setattr(os, "fstat", lambda _: status)
        source, head = PathSource.with_head(str(tmp_path / "data"), 1 << 20)
        assert (source.size, head) == (100, DATA[:100])

    @pytest.mark.skipif(not Path("/proc/version").exists(), reason="a file of Linux, of which size 0 is told")
    def test_what_the_system_makes_up_is_no_dicom(self):
        for options in ({}, {"tags": ["Rows"]}):
            with pytest.raises(hu.NotDicomError):
                hu.read("/proc/version", **options)

    def test_head_in_small_parts(self, tmp_path, monkeypatch):
        """As networks have it, and signals."""
        monkeypatch.setattr(sources, "_pread", lambda file, count, at: os.pread(file, min(count, 7), at))
        (tmp_path / "data").write_bytes(DATA)
        assert PathSource.with_head(str(tmp_path / "data"), 100)[1] == DATA[:100]

    def test_head_of_what_is_not_there(self, tmp_path, monkeypatch):
        """Files of sysfs are of 4096 bytes, as their size says, whatever is in them."""
        monkeypatch.setattr(sources, "_pread", lambda *_: b"")
        path = tmp_path / "data"
        path.write_bytes(DATA)
        with pytest.raises(hu.SourceError, match="100 bytes were to be read, 0 are there") as caught:
            PathSource.with_head(str(path), 100)
        assert caught.value.file == str(path)

    @pytest.mark.parametrize("read", ["head", "read", "read_into", "held_open"])
    def test_errors_of_the_system_name_the_file(self, tmp_path, monkeypatch, read):
        def broken(*_):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        path = tmp_path / "data"
        path.write_bytes(DATA)
        source = path_source(path)
        monkeypatch.setattr(sources, "_pread", broken)
        monkeypatch.setattr(sources, "_pread_into", broken)
        with pytest.raises(OSError, match=str(path)) as caught:  # noqa: PT012 - one of them
            match read:
                case "head":
                    PathSource.with_head(str(path), 10)
                case "read":
                    source.read(0, 10)
                case "read_into":
                    source.read_into(0, memoryview(bytearray(10)))
                case "held_open":
                    with source.held_open() as file:
                        file.read(0, 10)
        assert caught.value.errno == errno.EIO

    @pytest.mark.parametrize("change", ["longer", "shorter", "replaced", "touched"])
    def test_changed(self, tmp_path, change):
        path = tmp_path / "data"
        path.write_bytes(DATA)
        source = path_source(path)
        match change:
            case "longer":
                path.write_bytes(DATA + b"more")
            case "shorter":
                os.truncate(path, 100)
            case "replaced":
                (tmp_path / "other").write_bytes(DATA)
                (tmp_path / "other").replace(path)
            case "touched":
                os.utime(path, ns=(0, 0))
        with pytest.raises(hu.SourceError, match="has changed") as caught:
            source.read(0, 10)
        assert caught.value.file == str(path)

    def test_gone(self, tmp_path):
        path = tmp_path / "data"
        path.write_bytes(DATA)
        source = path_source(path)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            source.read(0, 10)

    def test_special_files(self, tmp_path):
        with pytest.raises(IsADirectoryError):
            PathSource.with_head(str(tmp_path), 10)
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(hu.OptionError, match="regular"):
            PathSource.with_head(str(tmp_path / "pipe"), 10)


class TestBuffer:
    @pytest.mark.parametrize(
        "buffer",
        [
            DATA,
            bytearray(DATA),
            memoryview(DATA),
            np.frombuffer(DATA, np.uint8),
            np.frombuffer(DATA, "<u4").reshape(16, -1),
            np.frombuffer(DATA, ">f8"),
            np.repeat(np.frombuffer(DATA, np.uint8), 2)[::2],
            np.asfortranarray(np.frombuffer(DATA, np.uint8).reshape(256, -1).T).T,
        ],
    )
    def test_bytes_of_any_shape(self, buffer):
        source = open_source(buffer)
        assert (source.size, source.read(5, 100)) == (len(DATA), DATA[5:105])

    def test_of_nothing(self):
        assert open_source(b"").size == open_source(np.empty(0, np.uint8)).size == 0

    def test_reads_are_views(self):
        data = bytearray(DATA)
        view = BufferSource(data).read(0, 10)
        data[0] = 99
        assert view[0] == 99


class TestFile:
    def test_name(self, tmp_path):
        (tmp_path / "data").write_bytes(DATA)
        with (tmp_path / "data").open("rb") as file:
            assert FileSource(file).name == str(tmp_path / "data")
        assert FileSource(io.BytesIO(DATA)).name is None

    def test_is_not_closed(self):
        file = io.BytesIO(DATA)
        FileSource(file).close()
        assert not file.closed

    def test_closed_by_its_owner(self):
        file = io.BytesIO(DATA)
        source = FileSource(file)
        file.close()
        with pytest.raises(hu.SourceError, match="cannot be read any more"):
            source.read(0, 1)

    def test_text(self, tmp_path):
        (tmp_path / "data").write_bytes(DATA)
        with (tmp_path / "data").open() as file, pytest.raises(TypeError, match="binary"):
            open_source(file)
        with pytest.raises(TypeError, match="binary"):
            open_source(io.StringIO("text"))

    def test_whose_seek_tells_nothing(self):
        class Silent(io.BytesIO):
            def seek(self, *to):
                super().seek(*to)

        source = FileSource(Silent(DATA))
        assert source.size == len(DATA)
        assert source.read(1, 3) == DATA[1:4]

    @pytest.mark.parametrize("mode", ["w", "w:gz"])
    def test_members_of_a_tar_archive_in_several_threads(self, mode):
        packed = io.BytesIO()
        contents = [bytes([number]) * len(DATA) for number in range(4)]
        with tarfile.open(fileobj=packed, mode=mode) as archive:
            for content in contents:
                info = tarfile.TarInfo(str(content[0]))
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        with tarfile.open(fileobj=Dawdling(packed.getvalue())) as archive:
            assert read_by_many([FileSource(archive.extractfile(each)) for each in archive]) == contents

    def test_that_is_two_sources(self):
        file = Dawdling(DATA)
        assert read_by_many([FileSource(file), FileSource(file)]) == [DATA] * 2

    def test_that_cannot_seek(self):
        read, write = os.pipe()
        os.close(write)
        with os.fdopen(read, "rb") as file, pytest.raises(hu.OptionError, match="cannot seek"):
            open_source(file)

    @pytest.mark.parametrize("what", [None, 5, 1.5, object(), [1, 2]])
    def test_what_is_no_source(self, what):
        with pytest.raises(TypeError, match="cannot read from"):
            open_source(what)


class TestUrl:
    @pytest.mark.parametrize(
        "text", ["s3://bucket/key", "https://a.b/c", "FILE:///x", "simplecache::s3://b/k", "zip://a::b.zip"]
    )
    def test_is_one(self, text):
        assert is_url(text)

    @pytest.mark.parametrize(
        "text", ["C:\\x.dcm", "C://x.dcm", "a/b.dcm", "/a/b://c", "://x", "a::b", "std::x/y.dcm", "1:2", ""]
    )
    def test_is_none(self, text):
        assert not is_url(text)

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://a.b/c.dcm?X-Amz-Signature=1&b=2", "https://a.b/c.dcm"),
            ("https://me:p@ss@a.b:8042/c@d?e=f@g", "https://a.b:8042/c@d"),
            ("sftp://me@a.b/c d.dcm?e f", "sftp://a.b/c d.dcm"),
            ("zip://a.dcm::https://me:word@a.b/c.zip?d", "zip://a.dcm::https://a.b/c.zip"),
            ("s3://bucket/a#b", "s3://bucket/a#b"),
            ("a?b@c.dcm", "a?b@c.dcm"),
            ("/a://b:c@d?e", "/a://b:c@d?e"),
        ],
    )
    def test_public_name(self, url, name):
        assert public_name(url) == name

    def test_public_name_of_a_file_object(self):
        file = io.BytesIO(b"data")
        file.name = "https://me:word@a.b/c.dcm?d"
        assert FileSource(file).name == "https://a.b/c.dcm"

    @pytest.mark.parametrize(
        ("error", "raised"),
        [
            (FileNotFoundError("https://me:word@a.b/c?d"), FileNotFoundError),
            (PermissionError(13, "no", "https://me:word@a.b/c?d"), PermissionError),
            (TimeoutError("https://me:word@a.b/c?d took long"), hu.SourceError),
            (ValueError("cannot read 'https://me:word@a.b/c?d'"), hu.SourceError),
        ],
    )
    def test_errors_of_a_file_system_that_tell_all_of_it(self, error, raised):
        class FileSystem:
            protocol = "x"
            async_impl = False

            def cat_file(self, *_, **__):
                raise error

        with pytest.raises(raised, match=r"https://a\.b/c") as caught:
            RemoteSource(FileSystem(), "c", "https://a.b/c", 100).read(0, 10)
        assert "word" not in str(caught.value)
        assert caught.value.__suppress_context__
        assert caught.value.__cause__ is None

    def test_a_file_system_for_one_thread(self):
        """Those of archives, and of a server with one connection, are for one at a time."""

        class FileSystem(Dawdling):
            protocol = "x"
            async_impl = False

            def cat_file(self, _, start, end):
                self.seek(start)
                return self.read(end - start)

        fs = FileSystem(DATA)
        assert read_by_many([RemoteSource(fs, "a", "x://a", len(DATA)) for _ in range(4)]) == [DATA] * 4

    def test_file_systems_that_cannot_be_made(self, tmp_path, pydicom_path):
        """Some read an archive, or call the server, when they are made."""
        (tmp_path / "no.zip").write_bytes(b"no archive")
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        broken = f"zip://*::{(tmp_path / 'no.zip').as_uri()}"
        refused, untold = f"ftp://me:word@127.0.0.1:{port}/ct.dcm", "reference://ct.dcm"
        path = pydicom_path("CT_small.dcm")
        batch = hu.decode_batch([broken, refused, untold, path], on_error="skip")
        kinds = hu.SourceError, ConnectionRefusedError, hu.OptionError
        for item, kind, url in zip(batch.errors, kinds, (broken, refused, untold), strict=True):
            assert isinstance(item.error, kind)
            assert public_name(url) in str(item.error)
        assert batch.items[-1].status == "ok"

    def test_a_file_on_disk_that_is_replaced(self, tmp_path):
        path, other = tmp_path / "data", tmp_path / "other"
        path.write_bytes(DATA)
        source = RemoteSource.open(path.as_uri())
        assert source.read(0, 10) == DATA[:10]
        other.write_bytes(DATA[::-1])
        other.replace(path)
        with pytest.raises(hu.SourceError, match="has changed") as caught:
            source.read(10, 10)
        assert caught.value.file == path.as_uri()

    def test_a_path_like_a_drive(self, tmp_path, monkeypatch, pydicom_path):
        monkeypatch.chdir(tmp_path)
        Path("C:\\ct.dcm").write_bytes(pydicom_path("CT_small.dcm").read_bytes())
        assert hu.read("C:\\ct.dcm").pixel_array.shape == (128, 128)

    def test_without_fsspec(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "fsspec.core", None)
        with pytest.raises(hu.OptionError, match=r"hounsfield\[remote\]") as caught:
            hu.read("https://127.0.0.1/ct.dcm")
        assert caught.value.file == "https://127.0.0.1/ct.dcm"

    def test_what_cannot_be_read(self, tmp_path):
        with pytest.raises(hu.OptionError, match="nosuch"):
            hu.read("nosuch://a/b")
        with pytest.raises(FileNotFoundError):
            hu.read((tmp_path / "none").as_uri())


CONTAINERS = ["deflated zip", "stored zip", "tar", "tar.gz", "gzip"]


@pytest.mark.parametrize("kind", CONTAINERS)
def test_members_of_archives(kind, tmp_path, pydicom_path):
    """File objects that the standard library makes of what it packs and unpacks."""
    path, packed = pydicom_path("CT_small.dcm"), tmp_path / "packed"
    if kind.endswith(" zip"):
        method = zipfile.ZIP_STORED if "stored" in kind else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(packed, "w", method) as archive:
            archive.write(path, "ct")
        with zipfile.ZipFile(packed) as archive, archive.open("ct") as member:
            check(hu.read(member), path)
    elif kind == "gzip":
        packed.write_bytes(gzip.compress(path.read_bytes()))
        with gzip.open(packed) as member:
            check(hu.read(member), path)
    else:
        with tarfile.open(packed, "w:gz" if "gz" in kind else "w") as archive:
            archive.add(path, "ct")
        with tarfile.open(packed) as archive:
            check(hu.read(archive.extractfile("ct")), path)


def check(ds, path):
    whole = hu.read(path)
    assert ds.keys() == whole.keys()
    assert np.array_equal(ds.pixel_array, whole.pixel_array)


def test_a_socket_cannot_seek():
    one, two = socket.socketpair()
    with one, two, one.makefile("rb") as file, pytest.raises(hu.OptionError, match="cannot seek"):
        hu.read(file)


class TestRelease:
    """What a data set held is free again: once closed, at the end of a with, or when it is gone."""

    @pytest.fixture
    def path(self, pydicom_path):
        return pydicom_path("CT_small.dcm")

    def use(self, source):
        ds = hu.read(source)
        assert ds.OtherPatientIDsSequence[0].PatientID == "ABCD1234"
        assert len(list(ds)) > 200
        assert ds.file_meta.TransferSyntaxUID
        return ds

    @pytest.mark.parametrize("how", ["close", "with", "garbage"])
    def test_an_mmap(self, path, how):
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        ds = self.use(mapped)
        with pytest.raises(BufferError):
            mapped.close()
        if how == "close":
            ds.close()
        elif how == "with":
            with ds:
                pass
        else:
            del ds
            gc.collect()
        mapped.close()

    @pytest.mark.parametrize("how", ["close", "garbage"])
    def test_a_file_object(self, path, how):
        file = io.BytesIO(path.read_bytes())
        gone = weakref.ref(file)
        ds = self.use(file)
        del file
        assert gone() is not None
        if how == "close":
            ds.close()
        else:
            del ds
            gc.collect()
        assert gone() is None

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc/self/fd")
    def test_no_descriptor(self, path):
        before = os.listdir("/proc/self/fd")  # noqa: PTH208
        kept = [self.use(path), self.use(path.as_uri())]
        assert kept[0].pixel_array.shape == kept[1].pixel_array.shape
        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


class TestRead:
    """What hu.read makes of paths."""

    def test_kinds_of_path(self, pydicom_path):
        path = pydicom_path("CT_small.dcm")
        for each in (path, str(path), Path(os.path.relpath(path))):
            assert hu.read(each).PatientID == "1CT1"
            assert hu.read(each).filename == str(each)

    def test_what_is_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="none"):
            hu.read(tmp_path / "none")
        with pytest.raises(IsADirectoryError):
            hu.read(tmp_path)
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(hu.OptionError, match="regular file"):
            hu.read(tmp_path / "pipe")
        (tmp_path / "empty").touch()
        with pytest.raises(hu.NotDicomError, match="empty"):
            hu.read(tmp_path / "empty")

    def test_unreadable(self, open_folder, pydicom_path, request):
        path, other = open_folder / "file", open_folder / "other"
        path.write_bytes(pydicom_path("CT_small.dcm").read_bytes())
        other.write_bytes(path.read_bytes())
        path.chmod(0)
        request.getfixturevalue("not_root")
        assert hu.read(other).PatientID == "1CT1"
        with pytest.raises(PermissionError):
            hu.read(path)

    def test_a_path_that_is_no_text(self, tmp_path, pydicom_path):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe4.dcm"))
        path.write_bytes(pydicom_path("CT_small.dcm").read_bytes())
        ds = hu.read(path)
        assert ds.pixel_array.shape == (128, 128)
        assert ds.filename == str(path)
