"""Files in folders."""

import os
from pathlib import Path

import pytest

from hounsfield.finding import Found, find_files


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
