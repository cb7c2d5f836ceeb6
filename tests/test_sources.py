"""Where bytes come from: paths, buffers and file objects, and what becomes of them."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.sources import BufferSource, FileSource, PathSource, open_source

DATA = bytes(range(256)) * 40


def path_source(path):
    status = path.stat()
    return PathSource(str(path), (status.st_size, status.st_ino, status.st_mtime_ns))


@pytest.fixture(params=["path", "head", "buffer", "file", "shifted file", "slow file"])
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

    def test_that_cannot_seek(self):
        read, write = os.pipe()
        os.close(write)
        with os.fdopen(read, "rb") as file, pytest.raises(hu.OptionError, match="cannot seek"):
            open_source(file)

    @pytest.mark.parametrize("what", [None, 5, 1.5, object(), [1, 2]])
    def test_what_is_no_source(self, what):
        with pytest.raises(TypeError, match="cannot read from"):
            open_source(what)


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

    @pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
    def test_unreadable(self, tmp_path, pydicom_path):
        path = tmp_path / "file"
        path.write_bytes(pydicom_path("CT_small.dcm").read_bytes())
        path.chmod(0)
        with pytest.raises(PermissionError):
            hu.read(path)

    def test_a_path_that_is_no_text(self, tmp_path, pydicom_path):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe4.dcm"))
        path.write_bytes(pydicom_path("CT_small.dcm").read_bytes())
        ds = hu.read(path)
        assert ds.pixel_array.shape == (128, 128)
        assert ds.filename == str(path)
