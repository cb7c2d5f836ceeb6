"""The command `hounsfield index`, and that it goes on from wherever it was interrupted."""

import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import hounsfield as hu
from damage import changes
from hounsfield.cli.app import run
from hounsfield.indexing import storage
from hounsfield.locks import locked


@pytest.fixture
def archive(tmp_path, pydicom_path):
    """A folder of three images, one below, and a file that is no DICOM."""
    root = tmp_path / "archive"
    (root / "below").mkdir(parents=True)
    for name, to in {
        "CT_small.dcm": "ct.dcm",
        "MR_small.dcm": "mr.dcm",
        "rtplan.dcm": "below/plan.dcm",
    }.items():
        shutil.copy(pydicom_path(name), root / to)
    (root / "notes.txt").write_text("not DICOM")
    return root


@pytest.fixture
def many(tmp_path, pydicom_path):
    """A folder of some thousand files, of several kinds, and bad ones among them."""
    root = tmp_path / "many"
    kinds = []
    for name in ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "image_dfl.dcm"):
        kinds.append(tmp_path / name)
        shutil.copy(pydicom_path(name), kinds[-1])
    kinds.append(tmp_path / "bad")
    kinds[-1].write_bytes(kinds[0].read_bytes()[:132] + b"\xff" * 64)
    for number in range(2500):
        folder = root / f"{number // 100:03}"
        folder.mkdir(parents=True, exist_ok=True)
        os.link(kinds[number % len(kinds)], folder / f"{number:05}")
    return root


def started(arguments, **options):
    """Start the command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(hu.__file__).parents[1])}
    return subprocess.Popen([sys.executable, "-m", "hounsfield", *arguments], env=environment, **options)


def out_of(capsys):
    return capsys.readouterr().out


def test_summary_and_table(archive, tmp_path, capsys):
    out = tmp_path / "index.parquet"
    assert run(["index", str(archive), "-o", str(out), "--json"]) == 0
    summary = json.loads(out_of(capsys))
    assert summary["files"] == summary["read"] == 4
    assert summary["statuses"] == {"ok": 3, "not DICOM": 1, "broken": 0, "unreadable": 0}
    assert summary["reasons"] == {}
    assert pq.read_table(out).equals(hu.index(archive))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "index.parquet"]


def test_text_summary_and_failures(archive, tmp_path, capsys):
    (archive / "bad.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 64)
    out = str(tmp_path / "index.parquet")
    assert run(["index", str(archive), str(archive / "gone"), "-o", out]) == 1
    printed = out_of(capsys)
    assert printed.startswith("6 files, 3 of them DICOM; 6 read in ")
    assert "not DICOM: 1\n" in printed
    assert "broken: 1\n" in printed
    assert "     1 No such file or directory\n" in printed


@pytest.mark.parametrize("options", [["-o", "index.parquet"], ["--where", "true"]])
def test_what_is_not_there(archive, tmp_path, monkeypatch, capsys, options):
    """By whatever name: were it a disk that is not mounted, an update would lose all that the index has."""
    monkeypatch.chdir(tmp_path)
    assert run(["index", str(archive), "-o", "index.parquet"]) == 0
    before = Path("index.parquet").read_bytes()
    capsys.readouterr()
    update = ["--update"] if "-o" in options else []
    for missing in ("gone", "gone/*.dcm", "gone.zip", "index.parquet/ct.dcm"):
        assert run(["index", missing, *options, *update]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"hounsfield: {missing}: No")
    assert Path("index.parquet").read_bytes() == before
    assert not Path("index.parquet.partial").exists()
    assert run(["index", "gone", str(archive), *options, *update]) == 1
    assert capsys.readouterr().err.startswith("hounsfield: gone: No such file or directory\n")


def test_nothing_there(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run(["index", str(tmp_path / "empty"), "-o", str(tmp_path / "out.parquet")]) == 1
    assert "there are no files" in capsys.readouterr().err


def test_update_and_tags(archive, tmp_path, pydicom_path, capsys):
    command = ["index", str(archive), "-o", str(tmp_path / "i.parquet"), "--tags", "KVP,0009,1001", "--json"]
    assert run(command) == 0
    (archive / "mr.dcm").unlink()
    shutil.copy(pydicom_path("CT_small.dcm"), archive / "new.dcm")
    out_of(capsys)
    assert run([*command, "--update"]) == 0
    summary = json.loads(out_of(capsys))
    assert (summary["files"], summary["read"]) == (4, 1)
    table = pq.read_table(tmp_path / "i.parquet")
    assert table.sort_by("path").equals(hu.index(archive, ["KVP", "00091001"]).sort_by("path"))
    assert run([*command[:-3], "--update"]) == 2
    assert "columns of other tags" in capsys.readouterr().err


def test_columns_of_any_kind(archive, tmp_path):
    out = tmp_path / "i.parquet"
    tags = "KVP,0009xx01:GEMS_IDEN_01,0009,1001,0043xx01:GEMS_PARM_01"
    assert run(["index", str(archive), "-o", str(out), "--tags", tags]) == 0
    table = pq.read_table(out, filters=[("Modality", "=", "CT")])
    assert table["0009xx01:GEMS_IDEN_01"].to_pylist() == table["00091001"].to_pylist() == ["GE_GENESIS_FF"]
    assert "0043xx01:GEMS_PARM_01" in table.column_names
    assert run(["index", str(archive), "--where", "true", "--tags", "0008xx01:EVEN"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say where"),
        (["--where", "true", "--sql", "select 1"], "do not go together"),
        (["--update"], "say where"),
        (["-o", "none.parquet", "--update"], "an index that is there"),
        (["-o", "there.parquet"], "already there"),
        (["-o", "x.csv"], "OUT.parquet"),
        (["-o", "x", "--sql", "select 1"], "OUT.parquet"),
        (["-o", "x.parquet", "--tags", "NoKeyword"], "neither a keyword"),
        (["-o", "x.parquet", "--threads", "0"], "threads"),
        (["--where", "NoColumn = 1"], "NoColumn"),
        (["--sql", "selekt"], "DuckDB"),
    ],
)
def test_what_is_not_understood(archive, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    Path("there.parquet").touch()
    assert run(["index", str(archive), *options]) == 2
    assert message in capsys.readouterr().err


def test_where_and_sql(archive, tmp_path, capsys):
    out = str(tmp_path / "it's.parquet")
    assert run(["index", str(archive), "-o", out, "--where", "Modality = 'CT'"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{archive / 'ct.dcm'}\n"
    assert printed.err.startswith("4 files, 3 of them DICOM")
    for source in (out, str(archive)):
        assert run(["index", source, "--where", "Rows = 128"]) == 0
        assert out_of(capsys) == f"{archive / 'ct.dcm'}\n"
        assert (
            run(["index", source, "--sql", "select Modality, ImageType, mtime from files order by path"]) == 0
        )
        rows = list(csv.DictReader(io.StringIO(out_of(capsys))))
        assert [row["Modality"] for row in rows] == ["RTPLAN", "CT", "MR", ""]
        assert json.loads(rows[1]["ImageType"]) == ["ORIGINAL", "PRIMARY", "AXIAL"]
        query = "select StudyDate d, PixelSpacing from files where Rows > 100"
        assert run(["index", source, "--json", "--sql", query]) == 0
        assert json.loads(out_of(capsys)) == {"d": "2004-01-19", "PixelSpacing": [0.661468, 0.661468]}


def strictly(text):
    return json.loads(text, parse_constant=pytest.fail)


def test_values_that_json_lacks(archive, capsys):
    query = (
        "select sum(Rows) n, round(1.25, 2) r, 'nan'::float f, [1.5, '-inf'::double] l, "
        "{'i': 'inf'::float} s, map {'k': 'nan'::float} m, '\\x00\\xFF'::blob b, "
        "date '2004-01-19' d, null e from files"
    )
    assert run(["index", str(archive), "--json", "--sql", query]) == 0
    assert strictly(out_of(capsys)) == {
        "n": 192,
        "r": 1.25,
        "f": "NaN",
        "l": [1.5, "-Infinity"],
        "s": {"i": "Infinity"},
        "m": [["k", "NaN"]],
        "b": "AP8=",
        "d": "2004-01-19",
        "e": None,
    }
    assert run(["index", str(archive), "--sql", query]) == 0
    (row,) = csv.DictReader(io.StringIO(out_of(capsys)))
    assert (row["n"], row["r"], row["b"], row["e"]) == ("192", "1.25", "AP8=", "")
    assert strictly(row["l"]) == [1.5, "-Infinity"]


def test_names_that_are_no_text(archive, tmp_path, capfdbinary):
    path = os.fsdecode(os.fsencode(archive) + b"/odd\xff.dcm")
    shutil.copy(archive / "ct.dcm", path)
    assert run(["index", path, "-o", str(tmp_path / "i.parquet")]) == 0
    capfdbinary.readouterr()
    assert run(["index", str(tmp_path / "i.parquet"), "--where", "Rows = 128"]) == 0
    assert capfdbinary.readouterr().out == os.fsencode(path) + b"\n"


@pytest.mark.parametrize("name", ["x[1].parquet", "x*.parquet", "~x.parquet", "a[1]/x.parquet"])
def test_a_name_is_no_pattern(archive, tmp_path, monkeypatch, capsys, name):
    (tmp_path / "a1").mkdir()
    (tmp_path / "a[1]").mkdir()
    monkeypatch.chdir(tmp_path)
    for other in ("x1.parquet", "xy.parquet", "a1/x.parquet"):
        hu.index.write(archive / "mr.dcm", other)
    hu.index.write(archive / "ct.dcm", name)
    assert run(["index", name, "--sql", "select Modality from files"]) == 0
    assert out_of(capsys) == "Modality\nCT\n"


def test_several_indexes(archive, tmp_path, capsys):
    names = [str(tmp_path / f"{name}.parquet") for name in "ab"]
    hu.index.write(archive / "ct.dcm", names[0])
    hu.index.write(archive / "mr.dcm", names[1], ["KVP"])
    assert run(["index", *names, "--sql", "select Modality, KVP from files order by all"]) == 0
    assert out_of(capsys) == "Modality,KVP\nCT,\nMR,\n"
    assert run(["index", *names, "-o", str(tmp_path / "c.parquet")]) == 2
    assert run(["index", *names, str(tmp_path / "c.parquet"), "--where", "true"]) == 2
    assert "c.parquet: No such file" in capsys.readouterr().err


def test_an_error_behind_many_rows(archive, capsys):
    query = "select if(range = 300000, error('late'), 1) from range(400000)"
    assert run(["index", str(archive), "--sql", query]) == 2
    assert "hounsfield: DuckDB: Invalid Input Error: late" in capsys.readouterr().err


def test_a_query_is_interrupted(archive):
    query = "select count(*) from range(1000000) a, range(1000000) b where (a.range + b.range) % 7 = 9"
    with started(["index", str(archive), "--sql", query], stderr=subprocess.PIPE) as child:
        assert child.stderr.readline().startswith(b"4 files")
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        try:
            assert b"interrupted" in child.communicate(timeout=20)[1]
        finally:
            child.kill()
    assert child.returncode == 130


UNSEEN = """
import signal, sys, threading, time
from hounsfield.cli.app import run

def interrupt():
    time.sleep(1)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

threading.Thread(target=interrupt).start()
sys.exit(run(sys.argv[1:]))
"""


def test_a_query_is_interrupted_when_nobody_waits(archive):
    """A signal wakes a thread that waits; here another one gets it, as if it came just before the wait."""
    query = "select count(*) from range(1000000) a, range(1000000) b where (a.range + b.range) % 7 = 9"
    command = [sys.executable, "-c", UNSEEN, "index", str(archive), "--sql", query]
    environment = {**os.environ, "PYTHONPATH": str(Path(hu.__file__).parents[1])}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, timeout=30)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, b"hounsfield: interrupted")


def test_what_a_query_writes_to_the_disk(archive, tmp_path, monkeypatch, capsys):
    """It goes to the folder for such files, and nothing is left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    query = "select current_setting('temp_directory') as d"
    assert run(["index", str(archive), "--json", "--sql", query]) == 0
    assert Path(json.loads(out_of(capsys))["d"]).parent == folder
    assert not list(folder.iterdir())


def test_columns_of_one_name(archive, capsys):
    join = "select a.Rows, b.Rows, a.path from files a join files b on a.Modality < b.Modality"
    assert run(["index", str(archive), "--json", "--sql", f"{join} where a.Modality = 'CT' order by 2"]) == 0
    rows = [json.loads(line) for line in out_of(capsys).splitlines()]
    assert [list(row.values())[:2] for row in rows] == [[128, 64], [128, None]]


def test_within_what_is_indexed(archive, tmp_path, monkeypatch):
    """What is made is no file of the archive, by whatever path it is written and found."""
    expected = hu.index(archive)
    (tmp_path / "link").symlink_to(archive)
    out = tmp_path / "link" / "index.parquet"
    finish = storage._Job.finish
    monkeypatch.setattr(storage._Job, "finish", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(["index", str(archive), "-o", str(out)])
    monkeypatch.setattr(storage._Job, "finish", finish)
    for more in ([], ["--update"], ["--force"]):
        assert run(["index", str(archive), "-o", str(out), *more]) == 0
        assert pq.read_table(out).equals(expected)
    monkeypatch.chdir(archive)
    assert run(["index", ".", "-o", "index.parquet", "--force"]) == 0
    assert pq.read_table(out).num_rows == expected.num_rows


def test_secrets_are_not_written_down(archive, tmp_path, monkeypatch):
    """And an interrupted run goes on with others, as they expire."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    expected = hu.index([f"memory://some/{name}.dcm" for name in ("ct", "mr")])
    for name in ("ct", "mr"):
        memory.pipe(f"/me:word@some/{name}.dcm", (archive / f"{name}.dcm").read_bytes())
        memory.pipe(f"/me:other@some/{name}.dcm", (archive / f"{name}.dcm").read_bytes())
    out = tmp_path / "index.parquet"
    monkeypatch.setattr(storage, "batches", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hu.index.write([f"memory://me:word@some/{name}.dcm" for name in ("ct", "mr")], out)
    written = [path.read_bytes() for path in storage.partial_folder(out).iterdir()]
    assert any(b"memory://some/mr.dcm" in data for data in written)
    assert not any(b"word" in data for data in written)
    monkeypatch.undo()
    hu.index.write([f"memory://me:other@some/{name}.dcm" for name in ("ct", "mr")], out)
    table = pq.read_table(out)
    assert table["path"].equals(expected["path"])
    assert table["Modality"].to_pylist() == ["CT", "MR"]
    memory.rm("/me:word@some", recursive=True)
    memory.rm("/me:other@some", recursive=True)


def test_names_that_cannot_be(archive, tmp_path, capsys):
    assert run(["index", str(archive), "-o", str(tmp_path / f"{'a' * 300}.parquet")]) == 1
    assert capsys.readouterr().err.endswith(": File name too long\n")


def test_a_reader_that_has_seen_enough(archive, tmp_path):
    out = tmp_path / "index.parquet"
    hu.index.write(archive, out)
    query = "select * from files, range(100000)"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(["index", str(out), "--sql", query], **pipes) as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("library", "options", "extra"),
    [
        ("duckdb", ["--where", "true"], "sql"),
        ("pyarrow", ["--where", "true"], "sql"),
        ("pyarrow", [], "index"),
    ],
)
def test_without_libraries(archive, tmp_path, monkeypatch, capsys, library, options, extra):
    """They are missed before hours of work, not behind them."""
    monkeypatch.setitem(sys.modules, library, None)
    assert run(["index", str(archive), "-o", str(tmp_path / "i.parquet"), *options]) == 2
    said = capsys.readouterr().err
    assert f'{library} is needed, and not installed: pip install "hounsfield[{extra}]"' in said
    assert not (tmp_path / "i.parquet").exists()


class StoppedError(Exception):
    pass


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(storage, "PART", 512)
    monkeypatch.setattr(storage, "ROW_GROUP", 1024)


@pytest.fixture(params=["before", "behind"])
def stop_at(request, monkeypatch):
    """Stops the next index before or behind the n-th file that takes its place."""
    replace = Path.replace
    left = 0

    def counted(path, target):
        nonlocal left
        left -= 1
        if left == -1 and request.param == "before":
            raise StoppedError
        replace(path, target)
        if left == -1:
            raise StoppedError

    def stop(step):
        nonlocal left
        left = step

    monkeypatch.setattr(Path, "replace", counted)
    return stop


def assert_goes_on(sources, out, stop_at, expected):
    """Write an index, stopped at each step in turn, and then whole."""
    for step in range(100):
        stop_at(step)
        try:
            hu.index.write(sources, out)
            break
        except StoppedError:
            hu.index.write(sources, out)
            assert pq.read_table(out).equals(expected)
            out.unlink()
    assert 8 < step < 99
    assert pq.read_table(out).equals(expected)


@pytest.mark.usefixtures("small_parts")
def test_goes_on_from_each_step(many, tmp_path, stop_at):
    out = tmp_path / "index.parquet"
    expected = hu.index(many)
    assert_goes_on(many, out, stop_at, expected)


@pytest.mark.usefixtures("small_parts")
def test_goes_on_in_archives(archive, tmp_path, stop_at, monkeypatch):
    """Parts begin and end within an archive, and files that are none stand between."""
    monkeypatch.setattr(storage, "PART", 4)
    for name, mode in (("a.tar", "w"), ("b.tgz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as tar:
            tar.add(archive, "scans")
    sources = [str(tmp_path / "a.tar"), str(archive / "ct.dcm"), f"{tmp_path}/*.t*", "", "\1"]
    out = tmp_path / "index.parquet"
    expected = hu.index(sources)
    assert expected.num_rows == 4 + 1 + 8 + 2
    assert_goes_on(sources, out, stop_at, expected)
    stop_at(-1)
    hu.index.write(sources[1:], out)
    assert hu.index.write(sources[1:], out, update=True).read == 2  # those that are not there
    assert pq.read_table(out).equals(expected.slice(4))


@pytest.mark.usefixtures("small_parts")
def test_update_goes_on_from_each_step(many, tmp_path, stop_at):
    first, out = tmp_path / "first.parquet", tmp_path / "index.parquet"
    stop_at(-1)
    hu.index.write(many, first)
    for number, path in enumerate(sorted(many.glob("*/*"))):
        if number % 3 == 0:
            path.unlink()
    shutil.copytree(many / "001", many / "new")
    expected = hu.index.update(first, many)
    assert 1500 < expected.num_rows < 2500
    for step in range(100):
        shutil.copy(first, out)
        stop_at(step)
        try:
            hu.index.write(many, out, update=True)
            break
        except StoppedError:
            hu.index.write(many, out, update=True)
            assert pq.read_table(out).equals(expected)
    assert 4 < step < 99
    assert pq.read_table(out).equals(expected)


CHANGES = changes(40)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("update", [False, True])
def test_what_was_left_is_changed(many, tmp_path, monkeypatch, update):
    """What an interrupted call has left is gone on with as far as it is still what that call has left."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    out, before, left = (tmp_path / name for name in ("index.parquet", "before.parquet", "left"))
    folder = storage.partial_folder(out)
    hu.index.write(many / "003", before)
    expected = hu.index.update(before, many) if update else hu.index(many)
    for step in ("join", "finish"):
        os.link(before, out)
        with monkeypatch.context() as patches:
            patches.setattr(storage._Job, step, lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                hu.index.write(many, out, update=update)
        folder.replace(left)
        names = sorted(path.name for path in left.iterdir())
        assert names == sorted(
            ["job.json", "paths", *(["kept.npy"] if update else [])]
            + [f"{number:06}.arrow" for number in range(5)]
            + (["joined", "joined.parquet"] if step == "finish" else [])
        )
        for name in set(names) - {"000001.arrow", "000002.arrow", "000003.arrow"}:
            for how, change in CHANGES.items():
                shutil.copytree(left, folder)
                change(folder / name)
                if name == "job.json" and how != "removed":
                    with pytest.raises(hu.OptionError, match=r"index.parquet.partial is .*delete"):
                        hu.index.write(many, out, update=update)
                    shutil.rmtree(folder)
                    continue
                hu.index.write(many, out, update=update)
                assert pq.read_table(out).equals(expected), (name, how)
                out.unlink()
                os.link(before, out)
        shutil.rmtree(left)
        out.unlink()


CHILD = """
import sys
from hounsfield.cli.app import run
from hounsfield.indexing import storage
import duckdb, pyarrow.parquet
storage.PART = 512
print("ready", flush=True)
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("update", [False, True])
def test_killed_at_random_times(many, tmp_path, update):
    """Nothing is lost, and nothing there twice, however often it is killed."""
    out = tmp_path / "index.parquet"
    command = [sys.executable, "-c", CHILD, "index", str(many), "-o", str(out), "--threads", "2"]
    if update:
        hu.index.write(many / "003", out)
        command.append("--update")
    package = str(Path(hu.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": package}
    chance = random.Random(20260101 + update)
    longest, kills = 0.02, 0
    for _ in range(60):
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, longest))
            child.kill()
            child.communicate()
        if child.returncode != -signal.SIGKILL:
            # There are broken files; or it had been killed when all that was left was to clear up.
            assert child.returncode == 1 or (child.returncode == 2 and out.exists())
            break
        kills += 1
        longest *= 1.3
    assert kills > 2
    assert not storage.partial_folder(out).exists()
    expected = hu.index(many)
    assert pq.read_table(out).sort_by("path").equals(expected.sort_by("path"))
    assert len(set(expected["path"].to_pylist())) == 2500


@pytest.mark.usefixtures("small_parts")
def test_interrupted_by_the_keyboard(many, tmp_path, monkeypatch, capsys):
    out = tmp_path / "index.parquet"
    batches = storage.batches

    def interrupted(*arguments):
        for number, batch in enumerate(batches(*arguments)):
            if number == 3:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(storage, "batches", interrupted)
    assert run(["index", str(many), "-o", str(out)]) == 130
    assert "goes on from here" in capsys.readouterr().err
    monkeypatch.setattr(storage, "batches", batches)
    assert run(["index", str(many), "-o", str(out), "--tags", "KVP"]) == 2
    assert "another index" in capsys.readouterr().err
    assert run(["index", str(many), "-o", str(out), "--json"]) == 1
    summary = json.loads(out_of(capsys))
    assert (summary["files"], summary["read"]) == (2500, 2500 - 3 * 512)
    assert pq.read_table(out).equals(hu.index(many))


def test_one_process_at_a_time(many, tmp_path):
    out = tmp_path / "index.parquet"
    folder = storage.partial_folder(out)
    folder.mkdir()
    with locked(folder), pytest.raises(hu.OptionError, match="another run is at work here"):
        hu.index.write(many, out)
    hu.index.write(many, out)


def test_a_process_that_begins_as_another_ends(many, tmp_path, monkeypatch):
    """The one that ends takes its own lock with it, and not that of the other."""
    out = tmp_path / "index.parquet"
    rmtree, other = shutil.rmtree, ExitStack()

    def remove_and_begin(path, **options):
        rmtree(path, **options)
        other.enter_context(storage._alone(storage.partial_folder(out)))

    with other:
        with monkeypatch.context() as patches:
            patches.setattr(shutil, "rmtree", remove_and_begin)
            hu.index.write(many / "001", out)
        with pytest.raises(hu.OptionError, match="another run is at work here"):
            hu.index.write(many / "001", out)
    hu.index.write(many / "001", out)
    assert [path.name for path in tmp_path.glob("index*")] == [out.name]


def test_what_was_deleted_only_in_part(many, tmp_path):
    out = tmp_path / "index.parquet"
    left = tmp_path / "index.parquet.partial.1.done"
    left.mkdir()
    (left / "paths").touch()
    hu.index.write(many / "001", out)
    assert not left.exists()


def test_an_index_that_changed_during_its_update(many, tmp_path, monkeypatch):
    out = tmp_path / "index.parquet"
    hu.index.write(many / "001", out)
    monkeypatch.setattr(storage._Job, "join", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hu.index.write(many, out, update=True)
    monkeypatch.undo()
    os.utime(out, ns=(1, 1))
    with pytest.raises(hu.OptionError, match="has changed"):
        hu.index.write(many, out, update=True)


def test_paths_of_any_kind_are_kept_in_the_list(tmp_path, pydicom_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in (b"new\nline", b"\xff", "ö".encode(), b" "):
        shutil.copy(pydicom_path("CT_small.dcm"), os.fsdecode(bytes(folder) + b"/" + name))
    sources = [folder, "nul\0l", str(tmp_path / "gone")]
    hu.index.write(sources, tmp_path / "index.parquet")
    table = pq.read_table(tmp_path / "index.parquet")
    assert table["status"].to_pylist() == ["ok"] * 4 + ["unreadable"] * 2
    assert table.slice(0, 4).equals(hu.index(folder))


MEMORY = """
import re, sys
import hounsfield as hu
def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
peaks = {}
def progress(done, total):
    if total:
        peaks[done * 4 // total] = peak()
update = sys.argv[3] == "update"
hu.index.write(sys.argv[1], sys.argv[2], threads=2, progress=progress, update=update)
print(peaks.get(1, 0), peaks.get(4, 0), peak())
"""


def test_memory_is_flat(tmp_path, pydicom_path):
    """200,000 files take no more than a quarter of them; HOUNSFIELD_MANY is another number."""
    many = int(os.environ.get("HOUNSFIELD_MANY", "200000")) // 1000
    for number in range(many):
        folder = tmp_path / "files" / f"{number:05}"
        folder.mkdir(parents=True)
        if number % 50 == 0:  # a file has not room for more links
            one = folder / "0"
            shutil.copy(pydicom_path("CT_small.dcm"), one)
        for each in range(number % 50 == 0, 1000):
            os.link(one, folder / str(each))
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "files"), str(tmp_path / "index.parquet")]
    environment = {**os.environ, "PYTHONPATH": str(Path(hu.__file__).parents[1])}
    peaks, start = {}, time.perf_counter()
    try:
        for way in ("new", "update"):
            done = subprocess.run(
                [*command, way], env=environment, capture_output=True, text=True, check=True
            )
            peaks[way] = [int(each) / 1024 for each in done.stdout.split()]
            print(f"{way}: at most {peaks[way][2]:.0f} MiB, {time.perf_counter() - start:.0f} s")
    finally:
        shutil.rmtree(tmp_path / "files")  # or pytest would keep them all
    quarter, read, end = peaks["new"]
    assert read - quarter < 40
    assert end - read < 120
    assert peaks["update"][2] < 300 + 50 * many / 1000  # MiB: 50 bytes a file, at most
    assert pq.read_metadata(tmp_path / "index.parquet").num_rows == 1000 * many
