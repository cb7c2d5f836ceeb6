"""URLs over HTTP, from a server on this machine: what is asked of it, and what it may do wrong."""

import concurrent.futures
import gzip
import json
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
import traceback
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import numpy as np
import pytest
from fsspec.implementations.http import HTTPFileSystem
from pydicom.encaps import encapsulate

import generate
import hounsfield as hu
from hounsfield._kernels import rle
from hounsfield.cli.app import run

SIDE = 3840
FIRST = 65536


@pytest.fixture(scope="module")
def data(pydicom_path):
    """CT_small.dcm with 30 MB of pixel data."""
    small = pydicom_path("CT_small.dcm").read_bytes()
    samples = np.arange(SIDE * SIDE, dtype="<u2")
    head = small[: small.index(b"\xe0\x7f\x10\0OW")]
    for tag in (b"\x28\0\x10\0US\2\0", b"\x28\0\x11\0US\2\0"):
        head = head.replace(tag + b"\x80\0", tag + SIDE.to_bytes(2, "little"))
    return head + b"\xe0\x7f\x10\0OW\0\0" + samples.nbytes.to_bytes(4, "little") + samples.tobytes()


class Server(ThreadingHTTPServer):
    """Serves some bytes, badly if it is told to, and keeps what was asked of it."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.does = set()
        self.sends = {}  # headers
        self.status = 200
        self.requests = []
        self.sent = 0

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, *_):
        """A client that hangs up has seen enough."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, FIRST)  # to count what is really sent

    def do_HEAD(self):
        self.respond(with_body=False)

    def do_GET(self):
        self.respond(with_body=True)

    def respond(self, with_body):
        does, body = self.server.does, self.server.files.get(self.path[1:])
        asked = re.fullmatch("bytes=([0-9]+)-([0-9]+)", self.headers.get("Range", ""))
        self.server.requests.append((self.command, asked and (int(asked[1]), int(asked[2]) + 1)))
        if "does not answer" in does or ("hangs up, but for folders" in does and self.path[-1] != "/"):
            self.close_connection = True
            return
        status = 405 if self.command == "HEAD" and "no HEAD" in does else self.server.status
        status = 404 if body is None and status == 200 else status
        if status != 200:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if asked and "does not end" in does:
            time.sleep(5)
        compresses = "compresses" in does and "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(body) if compresses else body
        if asked and "no ranges" not in does:
            start, stop, size = int(asked[1]), int(asked[2]) + 1, len(body)
            body = body[start:stop]
            self.send_response(200 if "ranges as the whole" in does else 206)
            if "another range" in does:
                start += 2
            if "ranges as the whole" not in does:
                self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{size}")
        else:
            self.send_response(200)
        if compresses:
            self.send_header("Content-Encoding", "gzip")
        for name, value in self.server.sends.items():
            self.send_header(name, value)
        if "no length" in does:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.send_body(body)
        self.close_connection = bool(does)

    def send_body(self, body):
        if "hangs up" in self.server.does:
            body = body[: len(body) // 2]
        for start in range(0, len(body), FIRST):
            part = body[start : start + FIRST]
            self.wfile.write(part)
            self.server.sent += len(part)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(data):
    HTTPFileSystem.clear_instance_cache()  # which keeps connections to a port that is another server's now
    with Server() as running:
        running.files = {"ct.dcm": data}
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class TestRequests:
    def test_header(self, server):
        ds = hu.read(server.url("ct.dcm"))
        assert (ds.PatientID, ds.Rows, ds.filename) == ("1CT1", SIDE, server.url("ct.dcm"))
        assert [each.keyword for each in ds][-1] == "PixelData"
        assert server.requests[:2] == [("HEAD", None), ("GET", (0, FIRST))]
        assert server.sent <= FIRST + 16384

    def test_pixels(self, server, data):
        ds = hu.read(server.url("ct.dcm"))
        server.requests.clear()
        assert np.array_equal(ds.pixel_array, hu.read(data).pixel_array)
        start = ds["PixelData"].offset
        assert server.requests == [("GET", (start, start + 2 * SIDE * SIDE))]

    @pytest.mark.parametrize("threads", [1, 2])
    def test_frames_come_in_one(self, server, threads):
        """Each request takes its time: there is one for all, or for all that are asked for."""
        frames = np.random.default_rng(1).integers(0, 256, (12, 300, 400, 1), np.uint8)
        encoded = [bytes(rle.encode(frame)) for frame in frames]
        server.files["frames.dcm"] = generate.file(frames, "1.2.840.10008.1.2.5", encapsulate(encoded))
        ds = hu.read(server.url("frames.dcm"))
        assert len(ds.frames) == 12
        server.requests.clear()
        assert np.array_equal(ds.pixels(threads=threads), frames[..., 0])
        assert len(server.requests) == 1
        server.requests.clear()
        assert np.array_equal(ds.pixels(5), frames[5, ..., 0])
        assert len(server.requests) == 1

    def test_tags(self, server):
        ds = hu.read(server.url("ct.dcm"), tags=["Modality", 0x00091001])
        assert (ds.Modality, ds[0x00091001].value) == ("CT", "GE_GENESIS_FF")
        assert server.requests == [("HEAD", None), ("GET", (0, FIRST))]

    def test_from_threads(self, server, data):
        ds = hu.read(server.url("ct.dcm"))
        offset = ds["PixelData"].offset
        starts = [offset + 1000 * number for number in range(64)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda start: ds._source.read(start, 100), starts))
        assert found == [data[start : start + 100] for start in starts]

    def test_a_server_that_has_no_head(self, server, data):
        server.does = {"no HEAD"}
        ds = hu.read(server.url("ct.dcm"))
        assert ds.PatientID == "1CT1"
        assert server.sent < len(data) / 2

    def test_closed(self, server):
        ds = hu.read(server.url("ct.dcm"))
        ds.close()
        server.requests.clear()
        with pytest.raises(hu.SourceError, match="closed"):
            _ = ds.pixel_array
        with pytest.raises(hu.SourceError, match="closed"):
            pickle.dumps(ds)
        assert server.requests == []


class TestDump:
    def test_of_all(self, server, capsys):
        """A line shows the beginning of the pixel data, and this is at hand."""
        assert run(["dump", server.url("ct.dcm")]) == 0
        out, err = capsys.readouterr()
        assert "[1CT1]" in out
        assert "PixelData" in out
        assert err == ""
        assert server.sent < 4 * FIRST

    def test_of_chosen_elements_and_of_what_is_not_there(self, server, capsys):
        assert run(["dump", "--tags", "PatientID", server.url("ct.dcm")]) == 0
        assert "[1CT1]" in capsys.readouterr().out
        assert server.requests == [("HEAD", None), ("GET", (0, FIRST))]
        server.status = 404
        assert run(["dump", server.url("none.dcm")]) == 1
        assert capsys.readouterr().err == f"hounsfield: {server.url('none.dcm')}: No such file or directory\n"


class TestArchives:
    """The commands take them as `decode_batch` and `stream` do."""

    @pytest.fixture
    def url(self, server, pydicom_path, tmp_path):
        with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
            archive.write(pydicom_path("CT_small.dcm"), "a/ct.dcm")
            archive.write(pydicom_path("MR_small.dcm"), "mr.dcm")
            archive.writestr("notes.txt", "no DICOM")
        server.files["s.zip"] = (tmp_path / "s.zip").read_bytes()
        return server.url("s.zip")

    def test_dump(self, url, capsys):
        assert run(["dump", "--tags", "Modality", url]) == 0
        out, err = capsys.readouterr()
        assert [line.split(" ")[1] for line in out.splitlines()[::2]] == [
            f"{url}::a/ct.dcm",
            f"{url}::mr.dcm",
        ]
        assert err == ""

    def test_convert(self, url, tmp_path, capsys):
        assert run(["convert", url, "-o", str(tmp_path / "out"), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["files"], told["passed_over"]) == (2, {"not DICOM": 1})
        assert sorted(
            path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")
        ) == [
            "a/ct.png",
            "mr.png",
        ]


class TestSecrets:
    """What a presigned URL has in its query, and user and password, are used and never shown."""

    @pytest.fixture
    def url(self, server, data):
        server.files = {"ct.dcm?X-Amz-Signature=secret&x=1": data}
        return server.url("ct.dcm?X-Amz-Signature=secret&x=1").replace("//", "//me:secret@")

    def raised(self, error, name, url, **options):
        """What a log would have of an error: itself and its causes, too."""
        with pytest.raises(error) as caught:
            hu.read(url, **options).pixels()
        told = "".join(traceback.format_exception(caught.value))
        assert "secret" not in told[told.rindex("tests/test_http.py") :]
        assert name in str(caught.value)

    def test_reading(self, server, url, data):
        ds = hu.read(url)
        assert ds.filename == server.url("ct.dcm")
        assert np.array_equal(ds.pixel_array, hu.read(data).pixel_array)
        copy = pickle.loads(pickle.dumps(ds))
        assert (copy.filename, copy.pixels().shape) == (ds.filename, (SIDE, SIDE))
        assert "secret" not in repr(ds) + "".join(ds.warnings)
        with pytest.raises(hu.MissingElementError) as caught:
            _ = ds.WindowCenter
        assert str(caught.value).startswith(server.url("ct.dcm"))

    @pytest.mark.parametrize(
        ("status", "error"), [(404, FileNotFoundError), (403, PermissionError), (500, hu.SourceError)]
    )
    def test_statuses(self, server, url, status, error):
        server.status = status
        self.raised(error, server.url("ct.dcm"), url)

    def test_a_status_later(self, server, url):
        ds = hu.read(url)
        server.status = 403
        with pytest.raises(hu.SourceError, match="403") as caught:
            ds.pixels()
        assert "secret" not in "".join(traceback.format_exception(caught.value))
        assert server.url("ct.dcm") in str(caught.value)

    @pytest.mark.parametrize(
        ("does", "error"),
        [
            (set(), FileNotFoundError),
            ({"hangs up, but for folders"}, hu.SourceError),
            ({"no length"}, hu.OptionError),
        ],
    )
    def test_what_a_folder_lists(self, server, does, error):
        server.files = {"folder/": b'<a href="ct.dcm?X-Amz-Signature=secret">ct</a>'}
        if "no length" in does:
            server.files["folder/ct.dcm?X-Amz-Signature=secret"] = b"data"
        server.does = does
        folder = server.url("folder/").replace("//", "//me:secret@")
        (item,) = hu.decode_batch(folder, on_error="skip").items
        assert item.source == server.url("folder/ct.dcm")
        assert isinstance(item.error, error)
        assert "secret" not in "".join(traceback.format_exception(item.error))
        assert "secret" not in str(hu.index([folder]).to_pylist())

    @pytest.mark.parametrize("does", ["no ranges", "no length", "hangs up"])
    def test_bad_servers(self, server, url, does):
        server.does = {does}
        self.raised(hu.DicomError, server.url("ct.dcm"), url)

    def test_no_dicom(self, server, url):
        server.files = dict.fromkeys(server.files, b"<html>Welcome</html>")
        self.raised(hu.NotDicomError, server.url("ct.dcm"), url)

    def test_no_such_protocol(self):
        self.raised(hu.OptionError, "nosuch://a.b/c.dcm", "nosuch://me:secret@a.b/c.dcm?secret")

    def test_commands(self, server, url, tmp_path, capsys):
        server.files = {name: body[132:] for name, body in server.files.items()}
        assert run(["dump", "--tags", "PatientID", url, url]) == 0
        out, err = capsys.readouterr()
        assert out.count(f"# {server.url('ct.dcm')}\n") == 2
        assert f"{server.url('ct.dcm')}: no preamble" in err
        server.status = 404
        assert run(["dump", url]) == run(["convert", url, "-o", str(tmp_path)]) == 1
        assert "secret" not in out + err + "".join(capsys.readouterr())


class TestBadServers:
    def test_that_knows_no_ranges(self, server, data):
        """The beginning can be read, the rest cannot, and little more than what was asked for is fetched."""
        server.does = {"no ranges"}
        ds = hu.read(server.url("ct.dcm"))
        assert ds.Rows == SIDE
        with pytest.raises(hu.SourceError, match="not by ranges") as caught:
            _ = ds.pixel_array
        assert caught.value.file == server.url("ct.dcm")
        assert server.sent < len(data)

    def test_that_tells_no_length(self, server, data):
        server.does = {"no length"}
        with pytest.raises(hu.OptionError, match="no size") as caught:
            hu.read(server.url("ct.dcm"))
        assert caught.value.file == server.url("ct.dcm")
        assert server.sent < len(data)

    @pytest.mark.parametrize(
        ("does", "message"), [("another range", "from [0-9]+ on"), ("ranges as the whole", "not by ranges")]
    )
    def test_that_gives_other_ranges(self, server, does, message):
        ds = hu.read(server.url("ct.dcm"))
        server.does = {does}
        with pytest.raises(hu.SourceError, match=message) as caught:
            _ = ds.pixel_array
        assert caught.value.file == server.url("ct.dcm")

    def test_that_compresses_what_may_be(self, server, data):
        server.does = {"compresses"}
        assert np.array_equal(hu.read(server.url("ct.dcm")).pixel_array, hu.read(data).pixel_array)

    @pytest.mark.parametrize("stage", ["header", "pixels"])
    def test_that_takes_too_long(self, server, stage):
        options = {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=0.5)}}
        server.does = {"does not end"} if stage == "header" else set()
        with pytest.raises(TimeoutError, match=server.url("ct.dcm")):  # noqa: PT012 - one of the two
            ds = hu.read(server.url("ct.dcm"), storage_options=options)
            server.does = {"does not end"}
            ds.pixels()

    @pytest.mark.parametrize("does", ["hangs up", "does not answer"])
    def test_that_hangs_up(self, server, does):
        server.does = {does}
        with pytest.raises(hu.SourceError):
            hu.read(server.url("ct.dcm"))

    @pytest.mark.parametrize(
        ("status", "error"),
        [(404, FileNotFoundError), (410, FileNotFoundError), (401, PermissionError), (403, PermissionError)],
    )
    def test_statuses(self, server, status, error):
        server.status = status
        with pytest.raises(error) as caught:
            hu.read(server.url("ct.dcm"))
        assert caught.value.filename == server.url("ct.dcm")
        assert caught.value.strerror

    def test_a_status_that_says_nothing_of_the_file(self, server):
        server.status = 500
        with pytest.raises(hu.SourceError, match="500") as caught:
            hu.read(server.url("ct.dcm"))
        assert caught.value.file == server.url("ct.dcm")

    def test_a_status_later(self, server):
        ds = hu.read(server.url("ct.dcm"))
        server.status = 503
        with pytest.raises(hu.SourceError, match="503"):
            _ = ds.pixel_array

    def test_none_at_all(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        with pytest.raises(OSError, match=str(port)):
            hu.read(f"http://127.0.0.1:{port}/ct.dcm")

    def test_what_is_no_dicom(self, server):
        server.files["page"] = b"<html>Welcome</html>"
        with pytest.raises(hu.NotDicomError):
            hu.read(server.url("page"))
        server.files["empty"] = b""
        with pytest.raises(hu.NotDicomError):
            hu.read(server.url("empty"))


class TestReplaced:
    """What is put in its place while it is read, of which the rest would go with what was read before."""

    BEFORE, AFTER = "Mon, 23 Nov 2026 08:00:00 GMT", "Mon, 23 Nov 2026 08:00:01 GMT"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"ETag": '"1"'}, {"ETag": '"2"'}),
            ({"ETag": 'W/"1"', "Last-Modified": BEFORE}, {"ETag": 'W/"2"', "Last-Modified": BEFORE}),
            ({"Last-Modified": BEFORE}, {"Last-Modified": AFTER}),
            ({"ETag": '"1"', "Last-Modified": BEFORE}, {"Last-Modified": AFTER}),
        ],
    )
    def test_by_as_many_bytes(self, server, data, before, after):
        server.sends = before
        ds = hu.read(server.url("ct.dcm"))
        copy = pickle.loads(pickle.dumps(ds))
        server.files["ct.dcm"] = data[:-2] + b"xx"
        server.sends = after
        for each in (ds, copy):
            with pytest.raises(hu.SourceError, match="has changed") as caught:
                each.pixels()
            assert caught.value.file == server.url("ct.dcm")
        assert int(hu.read(server.url("ct.dcm")).pixel_array[-1, -1]) == 0x7878

    def test_by_more(self, server, data):
        ds = hu.read(server.url("ct.dcm"))
        server.files["ct.dcm"] = b"more" + data
        with pytest.raises(hu.SourceError, match=f"has changed.*: {len(data) + 4} bytes"):
            ds.pixels()

    @pytest.mark.parametrize("tag", ['"1"', 'W/"1"'])
    def test_it_is_not_by_servers_that_say_the_same_otherwise(self, server, data, tag):
        server.sends = {"ETag": '"1"', "Last-Modified": self.BEFORE}
        ds = hu.read(server.url("ct.dcm"))
        server.sends = {"ETag": tag, "Last-Modified": self.AFTER}
        assert np.array_equal(ds.pixel_array, hu.read(data).pixel_array)


FORKED = """
import os, sys, hounsfield as hu
ds = hu.read(sys.argv[1])
process = os.fork()
if not process:
    try:
        ds.pixel_array
    except hu.SourceError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(process, 0)
print(int(ds.pixel_array[1, 2]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_refused_at_once(server):
    """It has the connections of the other process, and not the thread that serves them."""
    command = [sys.executable, "-c", FORKED, server.url("ct.dcm")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    refused, value = done.stdout.splitlines()
    assert "not fork-safe" in refused
    assert value == str(SIDE + 2)


class TestPickle:
    def test_asks_for_nothing_and_copies_nothing(self, server, data):
        ds = hu.read(server.url("ct.dcm"))
        server.requests.clear()
        pickled = pickle.dumps(ds)
        copy = pickle.loads(pickled)
        assert len(pickled) < FIRST + 32768
        assert server.requests == []
        assert copy.filename == ds.filename
        assert copy.PatientID == "1CT1"
        assert np.array_equal(copy.pixel_array, hu.read(data).pixel_array)

    def test_to_another_process_with_its_options(self, server, tmp_path):
        options = {"headers": {"X-Token": "a secret"}}
        ds = hu.read(server.url("ct.dcm"), storage_options=options)
        (tmp_path / "ds").write_bytes(pickle.dumps(ds))
        code = (
            "import pickle, sys; ds = pickle.load(open(sys.argv[1], 'rb'));"
            "print(int(ds.pixel_array[1, 2]), ds._source._fs.kwargs['headers'])"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "ds")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == f"{SIDE + 2} {options['headers']}\n"
