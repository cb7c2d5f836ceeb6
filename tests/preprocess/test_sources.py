"""Folders, indexes, archives, patterns and URLs, and sources that change."""

import os
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import hounsfield as hu
from hounsfield.errors import OptionError
from hounsfield.finding import expand
from hounsfield.preprocess import Options, make_plan, preprocess
from hounsfield.sources import is_url
from preprocess.work import digests, image_of, make, packed, parquet, rows


def test_from_an_index(archive, tmp_path):
    import pyarrow

    paths = sorted(str(path) for path in archive.rglob("*") if path.is_file())
    index = tmp_path / "index.parquet"
    parquet.write_table(pyarrow.table({"path": paths, "size": [1] * len(paths)}), index)
    make(index, tmp_path / "out", options=Options(size=(8, 8)))
    table = rows(tmp_path / "out")
    assert [row["path"] for row in table] == paths
    assert sum(row["status"] == "passed over" for row in table) == 3
    parquet.write_table(pyarrow.table({"file": paths}), index)
    with pytest.raises(OptionError, match="path"):
        make_plan([str(index)], tmp_path / "other")


@pytest.mark.parametrize(("workers", "shard_size"), [(1, 1000), (2, 4)])
@pytest.mark.parametrize("name", ["all.zip", "all.tar", "all.tar.gz"])
def test_members_of_archives(archive, tmp_path, name, workers, shard_size):
    """The same images as of the files, and the same reasons."""
    path = packed(archive, tmp_path / name)
    options = Options(size=(8, 8))
    make(path, tmp_path / "out", workers=workers, shard_size=shard_size, options=options)
    make(archive, tmp_path / "files", options=options)
    of_files = {os.path.relpath(row["path"], archive): row for row in rows(tmp_path / "files")}
    table = rows(tmp_path / "out")
    assert [row["path"] for row in table] == [origin.name for origin in expand(path)]
    assert len(table) == len(of_files)
    for row in table:
        expected = of_files[row["path"].removeprefix(f"{path}::").removeprefix("./")]
        told = ("size", "status", "reason")
        assert [row[each] for each in told] == [expected[each] for each in told]
        if row["status"] == "ok":
            assert np.array_equal(image_of(tmp_path / "out", row), image_of(tmp_path / "files", expected))


@pytest.mark.parametrize("name", ["all.zip", "all.tar.gz"])
def test_from_an_index_of_archives(archive, tmp_path, name):
    """The same bytes as of the archives and files that it is an index of."""
    path = packed(archive, tmp_path / name)
    given = [str(path), str(archive / "mr.dcm")]
    index = tmp_path / "index.parquet"
    hu.index.write(given, index)
    options = Options(size=(8, 8))
    make(index, tmp_path / "out", workers=2, shard_size=4, options=options)
    preprocess(make_plan(given, tmp_path / "given", options=options, shard_size=4), tmp_path / "given")
    out, expected = digests(tmp_path / "out"), digests(tmp_path / "given")
    made = [each for each in expected if each.startswith(("shards", "manifest"))]
    assert len(made) == 6
    assert {each: out[each] for each in made} == {each: expected[each] for each in made}


def test_from_an_index_of_an_archive_at_a_url(archive, tmp_path):
    fs = pytest.importorskip("fsspec").filesystem("memory")
    fs.pipe("/indexed/all.zip", packed(archive, tmp_path / "all.zip").read_bytes())
    index, out = tmp_path / "index.parquet", tmp_path / "out"
    hu.index.write("memory://indexed/all.zip", index)
    make(index, out, options=Options(size=(8, 8)))
    fs.rm("/indexed", recursive=True)
    table = rows(out)
    assert "memory://indexed/all.zip::below/ct00.dcm" in [row["path"] for row in table]
    assert Counter(row["status"] for row in table) == {"ok": 13, "error": 2, "passed over": 3}
    assert None not in [row["size"] for row in table]


def test_rows_of_an_index_in_any_order(archive, tmp_path):
    """Chosen by a query, of members with one name, and of what is not there any more."""
    import pyarrow

    first, second = (packed(archive / "below", tmp_path / name) for name in ("a::b.zip", "a.tar"))
    with tarfile.open(second, "a") as tar:
        tar.add(archive / "mr.dcm", "./ct00.dcm")
    kept = [f"{second}::./ct00.dcm", f"{first}::ct07.dcm", f"{second}::./ct00.dcm", f"{first}::ct03.dcm"]
    gone = [f"{first}::gone.dcm", f"{tmp_path}/gone.zip::a.dcm", f"{archive}/rgb.dcm::a"]
    index, out = tmp_path / "index.parquet", tmp_path / "out"
    parquet.write_table(pyarrow.table({"path": kept + gone}), index)
    make(index, out, options=Options(size=(8, 8)))
    table = rows(out)
    assert [row["path"] for row in table] == kept + gone
    files_ = ["below/ct00.dcm", "below/ct07.dcm", "mr.dcm", "below/ct03.dcm"]
    for row, file in zip(table, files_, strict=False):
        assert row["size"] == (archive / file).stat().st_size
        assert np.array_equal(image_of(out, row), hu.decode_batch(archive / file, size=8).array[0])
    assert {row["status"] for row in table[4:]} == {"error"}
    assert all("No such file" in row["reason"] for row in table[4:])


def test_members_by_their_names(archive, tmp_path):
    path = packed(archive / "below", tmp_path / "a.tar.gz")
    given = [f"{path}::./ct07.dcm", f"{path}::./ct03.dcm", f"{path}::./gone.dcm"]
    preprocess(make_plan(given, tmp_path / "out", options=Options(size=(8, 8))), tmp_path / "out")
    table = rows(tmp_path / "out")
    assert [row["path"] for row in table] == given
    assert [row["status"] for row in table] == ["ok", "ok", "error"]
    for row, file in zip(table, ["ct07.dcm", "ct03.dcm"], strict=False):
        expected = hu.decode_batch(archive / "below" / file, size=8).array[0]
        assert np.array_equal(image_of(tmp_path / "out", row), expected)


def test_patterns_and_archives_that_are_broken(archive, tmp_path):
    path = packed(archive, tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes(path.read_bytes()[:5000])
    (tmp_path / "c.tar").write_bytes(packed(archive / "below", tmp_path / "d.tar").read_bytes()[:100_000])
    pattern = str(tmp_path / "*.[zt]*")
    out = tmp_path / "out"
    make(pattern, out, workers=2, shard_size=5, options=Options(size=(8, 8)))
    table = rows(out)
    assert [row["path"] for row in table] == [origin.name for origin in expand(pattern)]
    assert Counter(row["status"] for row in table) == {"ok": 27, "error": 5, "passed over": 3}
    reasons = {row["path"]: row["reason"] for row in table if row["path"].endswith((".zip", ".tar"))}
    assert "ParseError" in reasons[str(tmp_path / "b.zip")]
    assert "unexpected end" in reasons[str(tmp_path / "c.tar")]


def test_an_archive_that_has_changed_since(archive, tmp_path):
    path = packed(archive / "below", tmp_path / "all.zip")
    plan = make_plan([str(path)], tmp_path / "out")
    path.unlink()
    packed(archive, path)
    preprocess(plan, tmp_path / "out")
    reasons = {row["reason"] for row in rows(tmp_path / "out")}
    assert "SourceError: it is not where it was when it was planned" in reasons
    with pytest.raises(OptionError, match="some have changed"):
        make_plan([str(path)], tmp_path / "out")


def test_urls(archive, tmp_path):
    """They may hold secrets, which nobody is told."""
    fs = pytest.importorskip("fsspec").filesystem("memory")
    fs.pipe("/some/all.zip", packed(archive, tmp_path / "all.zip").read_bytes())
    fs.pipe("/me:word@some/ct.dcm", (archive / "below" / "ct00.dcm").read_bytes())
    given = ["memory://me:word@some/ct.dcm", "memory://some/all.zip", "memory://some/"]
    out = tmp_path / "out"
    plan = make_plan(given, out, options=Options(size=(8, 8)))
    assert make_plan(given, out, options=Options(size=(8, 8))) == plan
    preprocess(plan, out)
    table = rows(out)
    assert [row["path"] for row in table] == [origin.name for origin in expand(given)]
    assert Counter(row["status"] for row in table) == {"ok": 14, "error": 2, "passed over": 4}
    # Only what is listed tells its size.
    assert [row["path"] for row in table if row["size"] is None] == [table[0]["path"]]
    assert table[-1]["size"] == fs.size("/some/all.zip")
    expected = hu.decode_batch(archive / "below" / "ct00.dcm", size=8).array[0]
    assert np.array_equal(image_of(out, table[0]), expected)
    assert not [path for path in out.rglob("*") if path.is_file() and b"word" in path.read_bytes()]
    for name in ("/some", "/me:word@some"):
        fs.rm(name, recursive=True)


def test_indexes_that_cannot_be_read(tmp_path):
    import pyarrow

    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1 and no more")
    with pytest.raises(OptionError, match="broken"):
        make_plan([str(bad)], tmp_path / "out")
    parquet.write_table(pyarrow.table({"path": ["a.dcm", None]}), bad)
    with pytest.raises(OptionError, match="no text"):
        make_plan([str(bad)], tmp_path / "out")
    with pytest.raises(FileNotFoundError) as caught:
        make_plan([str(tmp_path / "none.parquet")], tmp_path / "out")
    assert caught.value.filename == str(tmp_path / "none.parquet")


def test_from_an_index_at_a_url(archive, tmp_path):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    hu.index.write(archive, tmp_path / "index.parquet")
    memory.pipe("/me:word@some/index.parquet", (tmp_path / "index.parquet").read_bytes())
    for given in (tmp_path / "index.parquet", "memory://me:word@some/index.parquet"):
        make(given, tmp_path / str(is_url(str(given))), options=Options(size=(8, 8)))
    memory.rm("/me:word@some", recursive=True)
    assert digests(tmp_path / "True") == digests(tmp_path / "False")
    with pytest.raises(FileNotFoundError) as caught:
        make_plan(["memory://me:word@some/none.parquet"], tmp_path / "out")
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("ending", [None, ".tar", ".zip"])
def test_sources_that_change_between_plan_and_decoding(archive, tmp_path, ending):
    """The manifest has what they were: another image must not stand beside it."""
    given, out = (packed(archive, tmp_path / f"all{ending}") if ending else archive), tmp_path / "out"
    options = Options(size=(8, 8))
    plan = make_plan([str(given)], out, options=options)
    if ending:
        changed = [given]
    else:
        changed = [archive / "below" / "ct03.dcm", archive / "mr.dcm"]
        with changed[1].open("ab") as file:
            file.write(bytes(2))
    for path in changed:
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))
    preprocess(plan, out)
    table = rows(out)
    ok = [Path(row["path"]).name for row in table if row["status"] == "ok"]
    others = [row["reason"] for row in table if row["status"] == "error" and "changed" in row["reason"]]
    assert set(others) == {"SourceError: has changed since it was planned"}
    assert len(others) == (13 if ending else 2)
    assert not {path.name for path in changed} & set(ok)
    with pytest.raises(OptionError, match="sources are not those"):
        make_plan([str(given)], out, options=options)


@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_made_within_the_source_is_not_read(archive, tmp_path, is_link):
    if is_link:
        (tmp_path / "link").symlink_to(archive)
    out = (tmp_path / "link" if is_link else archive) / "shards"
    options = {"options": Options(size=(8, 8)), "format": "webdataset"}
    for given in (archive, archive / "**" / "*"):
        make(given, out, **options)
        before = digests(out)
        make(given, out, **options)
        assert digests(out) == before
        shutil.rmtree(out)


def test_paths_that_are_no_text(tmp_path, pydicom_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    name = os.fsencode(folder) + b"/\xff<b>.dcm"
    Path(os.fsdecode(name)).write_bytes(pydicom_path("CT_small.dcm").read_bytes())
    make(folder, tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert row["status"] == "ok"
    assert row["path"].endswith("\\udcff<b>.dcm")
    hu.index.write(folder, tmp_path / "index.parquet")
    make(tmp_path / "index.parquet", tmp_path / "again")
    assert rows(tmp_path / "again") == [row]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
