"""The heads of files: what the kernel scan reads of them, and of what it reads nothing."""

import contextlib
import os
import sys

import pytest

from hounsfield._kernels import scan as kernel
from hounsfield.errors import OptionError
from kernels.data_sets import header


class TestFile:
    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError) as caught:
            kernel.scan_file(str(tmp_path / "none"))
        assert caught.value.filename == str(tmp_path / "none")

    def test_directory(self, tmp_path):
        with pytest.raises(IsADirectoryError) as caught:
            kernel.scan_file(str(tmp_path))
        assert caught.value.filename == str(tmp_path)

    def test_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OptionError, match="regular"):
            kernel.scan_file(str(tmp_path / "pipe"))

    def test_null_byte(self, tmp_path):
        (tmp_path / "a").touch()
        with pytest.raises(OptionError, match="null"):
            kernel.scan_file(f"{tmp_path}/a\0b")

    @pytest.mark.parametrize("data", [b"", b"DICM", bytes(128) + b"DICM", bytes(128) + b"DICM" + bytes(8)])
    def test_of_next_to_nothing(self, tmp_path, data):
        (tmp_path / "file").write_bytes(data)
        assert kernel.scan_file(str(tmp_path / "file")) is None

    def test_path_of_any_bytes(self, tmp_path, pydicom_path):
        path = os.fsencode(tmp_path) + b"/\xe4\xff.dcm"
        with open(path, "wb") as file:  # noqa: PTH123 - Path takes no bytes
            file.write(pydicom_path("CT_small.dcm").read_bytes())
        assert kernel.scan_file(os.fsdecode(path))[4] is not None

    def test_leaves_no_file_open(self, pydicom_path, tmp_path):
        if not sys.platform.startswith("linux"):
            pytest.skip("counts /proc/self/fd")
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for path in (pydicom_path("CT_small.dcm"), tmp_path):
            with contextlib.suppress(IsADirectoryError):
                kernel.scan_file(str(path))
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


class TestOverlays:
    """The first read stops before a curve or an overlay that reaches behind it."""

    @staticmethod
    def file_of(folder, tag, size, explicit):
        uid = b"1.2.840.10008.1.2.1\0" if explicit else b"1.2.840.10008.1.2\0"
        order = "<"
        parts = [bytes(128) + b"DICM" + header(0x00020010, "UI", len(uid), True, order) + uid]
        for element_tag, vr, value in (
            (0x00080060, "CS", b"CT"),
            (0x50000005, "US", b"\2\0"),
            (tag, "OW", bytes(size)),
            (0x7FE00010, "OW", b"\1\2\3\4"),
        ):
            parts.append(header(element_tag, vr, len(value), explicit, order) + value)
        path = folder / "file"
        path.write_bytes(b"".join(parts))
        return path, sum(len(part) for part in parts[:3])

    @pytest.mark.parametrize("explicit", [True, False])
    @pytest.mark.parametrize("tag", [0x50003000, 0x501E3000, 0x60003000, 0x601E3000, 0x600000F0])
    @pytest.mark.parametrize("size", [8192, 16384, 30000, 70000, 1 << 20])
    def test_large(self, tmp_path, tag, size, explicit):
        path, before = self.file_of(tmp_path, tag, size, explicit)
        _, data, _, _, table = kernel.scan_file(str(path))
        assert [row[0] for row in table] == [0x00080060, 0x50000005]
        assert (table.status, table.end) == ("more", before)
        assert data == path.read_bytes()[:before]
        # what is left is found from there
        rest = kernel.scan(path.read_bytes(), table.end, explicit=explicit)
        assert [row[0] for row in rest] == [tag, 0x7FE00010]

    def test_small_ones_are_read(self, tmp_path):
        path, _ = self.file_of(tmp_path, 0x60003000, 4096, True)
        table = kernel.scan_file(str(path))[4]
        assert [row[0] for row in table] == [0x00080060, 0x50000005, 0x60003000, 0x7FE00010]

    @pytest.mark.parametrize("tag", [0x51003000, 0x54001010, 0x70001010])
    def test_others_are_stepped_over(self, tmp_path, tag):
        path, _ = self.file_of(tmp_path, tag, 30000, True)
        table = kernel.scan_file(str(path))[4]
        assert [row[0] for row in table] == [0x00080060, 0x50000005, tag, 0x7FE00010]


@pytest.mark.parametrize("tag", [0x00080005, 0x00100010, 0x00280011, 0x7FE00010, 0xFFFFFFFF])
def test_scan_file_stops_at_a_tag(tag, pydicom_path):
    path = pydicom_path("CT_small.dcm")
    _, data, _, _, table = kernel.scan_file(str(path), tag)
    rows = list(kernel.scan_file(str(path))[4])
    assert list(table) == [row for row in rows if row[0] < tag]
    assert len(data) <= max((row[2] + row[3] for row in table), default=path.stat().st_size)
