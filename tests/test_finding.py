"""Files in folders, and all other kinds of sources."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.finding import Found, Origin, expand, find_files


@pytest.fixture
def folder(tmp_path):
    """Files at two depths, an empty folder, and what is no file."""
    for name in ("b.dcm", "a", "c/b/x.dcm", "c/a.dcm", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    return tmp_path


def test_in_the_order_of_their_names(folder):
    found = [each.path for each in find_files([folder])]
    assert found == [str(folder / name) for name in (".hidden", "a", "b.dcm", "c/a.dcm", "c/b/x.dcm")]
    assert {each.folder for each in find_files([folder])} == {str(folder)}


def test_not_below(folder):
    found = [each.path for each in find_files([folder], below=False)]
    assert found == [str(folder / name) for name in (".hidden", "a", "b.dcm")]


def test_what_is_no_folder_is_left_as_it_is(folder):
    given = ["s3://bucket//key", "none", folder / "c", Path("./a"), "./a"]
    found = list(find_files(given))
    assert found[:2] == [Found("s3://bucket//key", None), Found("none", None)]
    assert found[-2:] == [Found("a", None), Found("./a", None)]
    assert [Path(path).name for path, of in found if of is not None] == ["a.dcm", "x.dcm"]


def test_each_when_it_is_asked_for(folder):
    found = find_files([folder])
    next(found)
    (folder / "c/a.dcm").unlink()
    assert [Path(each.path).name for each in found] == ["a", "b.dcm", "x.dcm"]


def test_a_folder_that_cannot_be_listed(folder, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(folder / "c"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="Permission denied"):
        list(find_files([folder]))
    told = []
    found = [Path(each.path).name for each in find_files([folder, folder / "a"], unreadable=told.append)]
    assert found == [".hidden", "a", "b.dcm", "a"]
    assert [error.filename for error in told] == [str(folder / "c")]


# All kinds of sources


def names(sources, root=None):
    return [os.path.relpath(origin.name, root) if root else origin.name for origin in expand(sources)]


def test_folders_paths_and_what_is_not_there(folder):
    (folder / "z.zip").write_bytes(b"")
    found = list(expand([folder, folder / "a", str(folder / "none"), folder / "c"]))
    assert [os.path.relpath(origin.name, folder) for origin in found] == [
        *(".hidden", "a", "b.dcm", "z.zip", "c/a.dcm", "c/b/x.dcm"),
        *("a", "none"),
        *("c/a.dcm", "c/b/x.dcm"),
    ]
    assert [origin.open() for origin in found] == [origin.path for origin in found]
    assert names(folder / "c") == names([folder / "c"]) == names(str(folder / "c"))


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("*.dcm", ["b.dcm"]),
        ("?", ["a", "c/a.dcm", "c/b/x.dcm"]),
        ("[!bl]*", [".hidden", "a", "c/a.dcm", "c/b/x.dcm"]),
        ("*/*.dcm", ["c/a.dcm", "loop/b.dcm"]),
        ("c/*/x.*", ["c/b/x.dcm"]),
        ("**/*.dcm", ["b.dcm", "c/a.dcm", "c/b/x.dcm"]),
        ("**", [".hidden", "a", "b.dcm", "c/a.dcm", "c/b/x.dcm"]),
        ("**/**/b/**", ["c/b/x.dcm"]),
        ("**/c/**/x.dcm", ["c/b/x.dcm"]),
        ("c/**/", ["c/a.dcm", "c/b/x.dcm"]),
        ("*/nothing", ["*/nothing"]),
    ],
)
def test_patterns(folder, pattern, wanted):
    assert names(f"{folder}/{pattern}", folder) == wanted


def test_a_pattern_below_here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert names("c/*.dcm") == names(Path("c/*.dcm")) == ["c/a.dcm"]
    assert names("*.dcm") == ["b.dcm"]


def test_a_name_that_looks_like_a_pattern(folder):
    (folder / "b[1].dcm").touch()
    assert names(folder / "b[1].dcm", folder) == ["b[1].dcm"]


def test_patterns_come_lazily(folder, monkeypatch):
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or scandir(path))
    found = expand(f"{folder}/**/*.dcm")
    assert listed == []
    next(found)
    assert listed == [str(folder)]


def test_what_cannot_be_listed_stands_in_its_place(folder, monkeypatch):
    (folder / "d").mkdir()
    (folder / "d" / "last.dcm").touch()
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(folder / "c"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for sources in (folder, f"{folder}/**/*.dcm"):
        *_, refused, last = expand(sources)
        assert (refused.name, refused.path) == (str(folder / "c"), None)
        with pytest.raises(PermissionError):
            refused.open()
        assert last.path == str(folder / "d" / "last.dcm")


def test_buffers_and_file_objects(tmp_path):
    file = io.BytesIO(b"x")
    array = np.zeros(3, np.uint8)
    given = [b"1", bytearray(b"2"), memoryview(b"3"), array, file]
    found = list(expand(given))
    assert [origin.name for origin in found] == [
        "<bytes>",
        "<bytearray>",
        "<memoryview>",
        "<ndarray>",
        "<BytesIO>",
    ]
    assert all(origin.open() is each for origin, each in zip(found, given[:-1], strict=False))
    assert found[-1].open().read() == b"x"
    for each in given[:-1]:
        assert [origin.open() for origin in expand(each)] == [each]
    path = tmp_path / "x"
    path.touch()
    with path.open("rb") as opened:
        assert names(opened) == [str(path)]
    assert names(np.array(["a", "b"])) == names(np.array(["a", "b"], object)) == ["a", "b"]


def test_columns_of_tables():
    pyarrow = pytest.importorskip("pyarrow")
    column = pyarrow.table({"path": ["a", "b"]})["path"]
    assert names(column) == names(column.chunk(0)) == ["a", "b"]
    assert names(column[0]) == ["a"]


def test_origins_stay_as_they_are():
    given = Origin("name", open=lambda: b"data")
    assert list(expand([given])) == [given]
    assert list(expand(given)) == [given]


def test_sources_are_asked_for_one_by_one():
    asked = []

    def sources():
        for number in range(3):
            asked.append(number)
            yield b""

    found = expand(sources())
    assert asked == []
    next(found)
    assert asked == [0]


def test_what_is_no_source():
    with pytest.raises(TypeError, match="int"):
        next(expand(3))


def test_archives_are_opened_by_name_not_in_folders(tmp_path):
    for name in ("a.zip", "b.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("x", b"1")
    assert names(tmp_path, tmp_path) == ["a.zip", "b.zip"]
    assert names(tmp_path / "a.zip", tmp_path) == ["a.zip::x"]
    assert names(f"{tmp_path}/*.zip", tmp_path) == ["a.zip::x", "b.zip::x"]


def test_urls(pydicom_path):
    fs = pytest.importorskip("fsspec").filesystem("memory")
    data = pydicom_path("CT_small.dcm").read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("ct", data)
    try:
        for name in ("b/x.dcm", "b/a/y.dcm", "b/z"):
            fs.pipe(f"/found/{name}", data)
        fs.pipe("/found/p.zip", packed.getvalue())
        assert names("memory://found/b/") == [
            f"memory:///found/b/{name}" for name in ("a/y.dcm", "x.dcm", "z")
        ]
        assert names("memory://found/**/*.dcm") == [
            f"memory:///found/b/{name}" for name in ("a/y.dcm", "x.dcm")
        ]
        assert names("memory://found/*.zip") == ["memory:///found/p.zip::ct"]
        assert names("memory://found/p.zip") == ["memory://found/p.zip::ct"]
        for sources in ("memory://found/b/", "memory://found/b/z", "memory://found/*.zip"):
            for origin in expand(sources):
                assert origin.path is None
                assert hu.read(origin.open()) == hu.read(data)
        (lost,) = expand("memory://found/none")
        with pytest.raises(FileNotFoundError):
            lost.open()
        (unknown,) = expand("nosuch://x/")
        with pytest.raises(ValueError, match="nosuch"):
            unknown.open()
    finally:
        fs.rm("/found", recursive=True)


def test_no_secrets_in_names():
    (origin,) = expand("https://user:word@host/a.dcm?signature=1")
    assert origin.name == "https://host/a.dcm"
