"""What is read for frames, and frames as part of a data set."""

import copy
import io
import mmap
import pickle
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hounsfield as hu
from bytewise import EXPLICIT, element, item
from framed import ONE, THREE, TWO, fragments, image, joined, jpeg, offsets_of, read_all
from hounsfield.sources import FileSource, OpenFile, PathSource, RemoteSource


@pytest.fixture
def reads(monkeypatch):
    """Lengths of what is read, of a file, a file object or a URL."""
    lengths = []
    for kind in (PathSource, OpenFile, FileSource, RemoteSource):

        def counted(self, offset, length, read=kind.read):
            lengths.append(length)
            return read(self, offset, length)

        monkeypatch.setattr(kind, "read", counted)
    return lengths


@pytest.fixture(params=["path", "file", "url"])
def given_as(request, tmp_path):
    """Puts bytes where they are read by ranges."""

    def put(data):
        if request.param == "file":
            return io.BytesIO(data)
        if request.param == "url":
            pytest.importorskip("fsspec").filesystem("memory").pipe("/frames.dcm", data)
            return "memory://frames.dcm"
        path = tmp_path / "frames.dcm"
        path.write_bytes(data)
        return path

    return put


BODY = b"\xff\xd8\xff\xdb" + bytes(50_000) + b"\xff\xd9"


class TestReads:
    """pydicom#533, #1263, #1035: a frame costs its bytes."""

    @pytest.mark.parametrize("parts", [1, 3])
    def test_with_a_table(self, given_as, reads, parts):
        frames = [[BODY, *[bytes(40_000) + b"\xff\xd9"] * (parts - 1)]] * 50
        ds = hu.read(given_as(image(fragments(frames, offsets_of(frames)), 50)))
        reads.clear()
        data = ds.frames.read(17)
        assert bytes(data) == b"".join(frames[17])
        table, beginning = 4 * 50, 8 + 12
        assert reads == [table + beginning, len(data) + 8 * parts + beginning]
        reads.clear()
        ds.frames.read(18)
        assert reads == [len(data) + 8 * parts + beginning]
        reads.clear()
        assert ds.frames[19].length == len(data)
        assert sum(reads) <= 64 * 2 * parts

    def test_with_an_extended_table(self, given_as, reads):
        frames = [[BODY]] * 50
        table = np.array(offsets_of(frames), "<u8").tobytes()
        ds = hu.read(given_as(image(fragments(frames), 50, extended=(table, bytes(400)))))
        reads.clear()
        assert bytes(ds.frames.read(17)) == BODY
        assert sum(reads) < len(BODY) + 500

    def test_without_a_table(self, given_as, reads):
        """The headers once, and then no more than the frame."""
        frames = [[BODY, bytes(40_000) + b"\xff\xd9"]] * 50
        ds = hu.read(given_as(image(fragments(frames), 50)))
        reads.clear()
        assert len(ds.frames) == 50
        assert sum(reads) <= 50 * 2 * 128 + 1000
        reads.clear()
        assert bytes(ds.frames.read(17)) == b"".join(frames[17])
        assert reads == [len(b"".join(frames[17])) + 8]

    def test_many_small_fragments(self, given_as, reads):
        frames = [[b"\xff\xd8\xff" + bytes(100), bytes(201) + b"\xff\xd9"]] * 5_000
        data = image(fragments(frames), 5_000)
        ds = hu.read(given_as(data))
        reads.clear()
        assert len(list(ds.frames)) == 5_000
        assert sum(reads) <= 2.5 * len(data)
        assert len(reads) < 100
        reads.clear()
        assert ds.encoded_frame(4_711) == b"".join(frames[0])
        assert reads == [len(b"".join(frames[0])) + 8]

    @pytest.mark.parametrize("parts", [1, 3])
    def test_one_frame(self, given_as, reads, parts):
        frame = [BODY, *[bytes(9_000)] * (parts - 1)]
        ds = hu.read(given_as(image(fragments([frame]))))
        reads.clear()
        assert bytes(ds.frames.read(0)) == b"".join(frame)
        assert reads == [len(b"".join(frame)) + 8 * (parts + 2)]
        assert ds.frames[0].length == len(b"".join(frame))
        assert len(reads) == 1

    def test_places_of_one_frame(self, given_as, reads):
        ds = hu.read(given_as(image(fragments([[BODY]]))))
        reads.clear()
        assert ds.frames[0].length == len(BODY)
        assert sum(reads) < 1000

    def test_native(self, given_as, reads):
        ds = hu.read(given_as(image(bytes(1_000_000), 50, EXPLICIT, 8, "OB", (100, 200))))
        reads.clear()
        assert len(ds.frames.read(17)) == 20_000
        assert reads == [20_000]
        assert len(list(ds.frames)) == 50
        assert len(reads) == 1

    @pytest.mark.parametrize("table", [None, offsets_of([[BODY]] * 3)])
    def test_buffers_are_not_copied(self, as_buffer, table):
        data = as_buffer(image(fragments([[BODY]] * 3, table), 3))
        for view in (hu.read(data).frames.read(1), hu.read(data).frames.read(2)):
            assert isinstance(view, memoryview)
            assert view == BODY
            assert view.obj is (data.obj if isinstance(data, memoryview) else data)

    def test_not_contiguous(self, strided):
        assert read_all(bytes(strided(image(fragments([ONE, TWO]), 2)))) == joined([ONE, TWO])
        assert hu.read(strided(image(fragments([ONE, TWO]), 2))).encoded_frame(1) == b"".join(TWO)


class TestDataset:
    data = image(fragments([ONE, TWO, THREE], offsets_of([ONE, TWO, THREE])), 3)

    def test_as_a_sequence(self):
        frames = hu.read(self.data).frames
        places = list(frames)
        assert len(frames) == frames.count == 3
        assert frames[-1] == places[2] == frames[np.int64(2)]
        assert frames[:2] == places[:2]
        assert frames[::-1] == places[::-1]
        assert repr(frames) == "<Frames, 3 encapsulated>"
        for wrong in (3, -4):
            with pytest.raises(IndexError, match=f"frame {wrong} was asked for, there are 3"):
                _ = frames[wrong]
            with pytest.raises(IndexError):
                frames.read(wrong)

    def test_copies_and_pickles(self, tmp_path):
        path = tmp_path / "frames.dcm"
        path.write_bytes(self.data)
        for source in (path, self.data):
            ds = hu.read(source)
            assert ds.encoded_frame(1) == b"".join(TWO)
            assert list(pickle.loads(pickle.dumps(ds.frames))) == list(ds.frames)
            for other in (pickle.loads(pickle.dumps(ds)), copy.copy(ds), copy.deepcopy(ds)):
                assert list(other.frames) == list(ds.frames)
                assert other.encoded_frame(2) == b"".join(THREE)

    def test_closed(self, tmp_path):
        path = tmp_path / "frames.dcm"
        path.write_bytes(self.data)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            ds = hu.read(mapped)
            frames = ds.frames
            assert bytes(frames.read(0)) == b"".join(ONE)
            ds.close()
            for look in (lambda: frames.read(0), lambda: ds.encoded_frame(1)):
                with pytest.raises(hu.SourceError, match="closed"):
                    look()

    def test_kept_by_its_data_set_without_keeping_it(self):
        """What a data set keeps of its frames does not keep the data set: its buffer is free at once."""
        data = bytearray(self.data)
        ds = hu.read(data)
        assert len(list(ds.frames)) == 3
        assert ds.encoded_frame(0) == b"".join(ONE)
        del ds
        data.append(0)

    def test_of_an_item(self):
        icon = image(fragments([ONE, TWO], [0, 17]), 2)
        icon = icon[icon.index(b"\x28\x00\x02\x00US") :]
        sequence = element(0x00880200, "SQ", item(icon))
        data = image(fragments([[b"\xff\xd8\xff other"]]))
        at = data.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
        ds = hu.read(data[:at] + sequence + data[at:])
        item_ = ds.IconImageSequence[0]
        assert [item_.encoded_frame(number) for number in range(2)] == joined([ONE, TWO])
        assert len(item_.frames) == 2
        assert ds.encoded_frame(0) == b"\xff\xd8\xff other"

    def test_frames_outlive_the_name(self, tmp_path):
        path = tmp_path / "frames.dcm"
        path.write_bytes(self.data)
        frames = hu.read(path).frames
        assert bytes(frames.read(1)) == b"".join(TWO)

    def test_from_threads(self, tmp_path):
        """Also where one finds out that the table is wrong while others use it."""
        frames = [jpeg(b"%d" % number, b"more") for number in range(200)]
        table = offsets_of(frames)
        table[150] += 8
        path = tmp_path / "frames.dcm"
        path.write_bytes(image(fragments(frames, table), 200))
        with ThreadPoolExecutor(8) as pool:
            for _ in range(5):
                ds = hu.read(path)
                assert list(pool.map(ds.encoded_frame, range(200))) == joined(frames)

    def test_a_file_that_has_changed(self, tmp_path):
        path = tmp_path / "frames.dcm"
        path.write_bytes(self.data)
        ds = hu.read(path)
        path.write_bytes(self.data + b"more")
        with pytest.raises(hu.SourceError, match="has changed"):
            ds.encoded_frame(0)
