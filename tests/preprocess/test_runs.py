"""Runs that are killed and begun again, that meet others, and that are not what the folder is for."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from damage import changes
from hounsfield import locks
from hounsfield.errors import OptionError
from hounsfield.preprocess import Options, make_plan, preprocess, run
from hounsfield.preprocess.making import Maker
from hounsfield.preprocess.run import clear
from preprocess.work import PACKAGE, digests, make, packed, rows


def test_other_work_is_refused(archive, tmp_path):
    out = tmp_path / "out"
    plan = make_plan([str(archive)], out)
    assert make_plan([str(archive)], out) == plan
    for wanted in (
        {"options": Options(window="lung")},
        {"shard_size": 3},
        {"fills": True},
        {"format": "zarr"},
    ):
        with pytest.raises(OptionError, match="other work"):
            make_plan([str(archive)], out, **wanted)
    (archive / "new.dcm").write_bytes(b"")
    with pytest.raises(
        OptionError, match=r"sources are not those.*; the first is .*notes\.txt or .*new\.dcm$"
    ):
        make_plan([str(archive)], out)
    (archive / "new.dcm").unlink()
    (archive / "below" / "ct11.dcm").unlink()
    with pytest.raises(OptionError, match=r"sources are not those.*; the first is .*ct11\.dcm$"):
        make_plan([str(archive)], out)
    (out / "plan.json").write_text("{}")
    with pytest.raises(OptionError, match="no plan"):
        make_plan([str(archive)], out)
    assert sorted(path.name for path in out.iterdir()) == ["plan.json", "sources.jsonl"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"format": "tiff"},
        {"shard_size": 0},
        {"options": Options(values="hu")},
        {"options": Options(dtype="float64")},
        {"options": Options("modality", dtype="uint8")},
        {"options": Options("stored", dtype="complex64")},
        {"options": Options(fill=256)},
        {"options": Options(fill=0.5)},
        {"options": Options("modality", fill=1e39)},
        {"options": Options(dtype="float32"), "format": "png"},
        {"fills": True, "format": "png"},
    ],
)
def test_options_that_do_not_go_together(archive, tmp_path, wanted):
    with pytest.raises(OptionError):
        make_plan([str(archive)], tmp_path / "out", **wanted)
    assert not (tmp_path / "out" / "plan.json").exists()


RUN = """
import sys
from pathlib import Path
from hounsfield.preprocess import Options, make_plan, preprocess, run
from hounsfield.preprocess.making import Maker
from hounsfield.preprocess.run import clear
if __name__ == "__main__":
    source, out, format_ = sys.argv[1:]
    plan = make_plan([source], Path(out), format=format_, options=Options(size=(24, 24)), shard_size=4)
    preprocess(plan, Path(out), workers=2, threads=2)
"""


@pytest.mark.parametrize(
    ("format_", "kind"),
    [("npy", None), ("zarr", None), ("webdataset", None), ("png", None), ("npy", ".zip"), ("npy", ".tar.gz")],
)
def test_killed_and_started_again(archive, tmp_path, format_, kind):
    """Nothing is lost, nothing is there twice, and not a byte differs."""
    if format_ == "zarr":
        pytest.importorskip("zarr")
    script = tmp_path / "run.py"
    script.write_text(RUN)
    for number in range(30):
        shutil.copy(archive / "below" / "ct00.dcm", archive / f"more{number:02}.dcm")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    given = packed(archive, tmp_path / f"all{kind}") if kind else archive

    def start(out):
        command = [sys.executable, str(script), str(given), str(out), format_]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    whole, out = tmp_path / "whole", tmp_path / "out"
    begun = time.monotonic()
    assert start(whole).wait() == 0
    seconds = time.monotonic() - begun
    choose, killed = random.Random(format_), 0
    for _ in range(8):
        process = start(out)
        time.sleep(choose.uniform(0.15, 0.7) * seconds)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed
    assert start(out).wait() == 0
    assert digests(out) == digests(whole)
    assert not list(out.rglob("*.partial"))


def test_what_a_killed_run_begins_in_its_last_moment_is_removed(archive, tmp_path):
    """Its workers live on until they see that it is gone; the next run may have looked by then."""
    out = tmp_path / "out"
    plan = make_plan([str(archive)], out)
    left, folder = (out / "shards" / f"{name}.1.partial" for name in ("00000.npy", "00000"))

    def begin(_):
        left.touch()
        folder.mkdir(exist_ok=True)  # of pictures
        (folder / "ct.png").touch()

    preprocess(plan, out, progress=begin)
    assert not left.exists()
    assert not folder.exists()


def test_what_was_killed_in_a_zarr_store_is_removed(archive, tmp_path):
    """What the library had begun to write has a name that nobody will give again."""
    pytest.importorskip("zarr")
    whole, out = tmp_path / "whole", tmp_path / "out"
    make(archive, whole, format="zarr", shard_size=5)
    plan = make_plan([str(archive)], out, format="zarr", shard_size=5)

    def stopped(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preprocess(plan, out, progress=stopped)
    left = out / "shards" / "images.zarr" / "c" / "1" / "0" / "0.5f4dcc3b.partial"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"begun")
    preprocess(plan, out)
    assert digests(out) == digests(whole)


def stop(*_):
    raise KeyboardInterrupt


CHANGES = changes(9)


@pytest.mark.parametrize("format_", ["npy", "zarr", "webdataset", "png"])
@pytest.mark.parametrize("step", ["work", "_write_manifest", "write_report"])
def test_what_was_left_is_changed(archive, tmp_path, format_, step, monkeypatch):
    """What a former run has left is gone on with as far as it is still what that run has left."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # which takes most of the time
    if format_ == "zarr":
        pytest.importorskip("zarr")
    whole, left, out = tmp_path / "whole", tmp_path / "left", tmp_path / "out"
    wanted = {"format": format_, "options": Options(size=(24, 24)), "shard_size": 5}
    make(archive, whole, **wanted)
    plan = make_plan([str(archive)], left, **wanted)
    with monkeypatch.context() as patches:
        if step == "work":
            do = Maker.__call__
            patches.setattr(Maker, "__call__", lambda make, part: stop() if part[0] == 2 else do(make, part))
        else:
            patches.setattr(run, step, stop)
        with pytest.raises(KeyboardInterrupt):
            preprocess(plan, left)
    names = [path.relative_to(left) for path in sorted(left.rglob("*")) if path.is_file()]
    changed = [name for name in names if name.name != "plan.json"]
    assert len(changed) >= 5
    for name in changed:
        for how, change in CHANGES.items():
            if how == "other" and name.parts[0] == "shards" and name.suffix != ".json":
                continue  # they are not read again
            shutil.copytree(left, out)
            change(out / name)
            make(archive, out, **wanted)
            assert digests(out) == digests(whole), (name, how)
            shutil.rmtree(out)


def test_what_was_finished_is_changed(archive, tmp_path):
    out = tmp_path / "out"
    make(archive, out)
    CHANGES["removed"](out / "report.html")
    assert make(archive, out).images == 12  # and nothing is made
    assert not (out / "report.html").exists()
    CHANGES["removed"](out / "shards" / "00000.npy")
    with pytest.raises(FileNotFoundError, match=r"00000\.npy"):
        make(archive, out)
    CHANGES["cut"](out / "manifest.parquet")
    with pytest.raises(OptionError, match=r"manifest.parquet is no Parquet file, or is broken"):
        make(archive, out)
    for data in (b"\xff\xfe", b"", b"[]", b"{"):
        (out / "plan.json").write_bytes(data)
        with pytest.raises(OptionError, match=r"plan.json is no plan .*, and without it all begins anew"):
            make(archive, out)


HOLD = """
import sys
from pathlib import Path
from hounsfield import locks
if __name__ == "__main__":
    with locks.locked(Path(sys.argv[1])):
        print("in", flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("ends", ["by itself", "killed"])
def test_one_process_at_a_time(archive, tmp_path, ends):
    out = tmp_path / "out"
    plan = make_plan([str(archive)], out)
    command = [sys.executable, "-c", HOLD, str(out)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        assert process.stdout.readline() == b"in\n"
        for attempt in (partial(make_plan, [str(archive)]), partial(preprocess, plan), clear):
            with pytest.raises(BlockingIOError, match="another run is at work here") as caught:
                attempt(out)
            assert caught.value.filename == str(out)
        assert not (out / "manifest.parquet").exists()
        if ends == "killed":
            process.kill()
    assert (out / locks.LOCK).exists() == (ends == "killed")
    preprocess(plan, out, workers=2)
    assert len(rows(out)) == 18
    assert not (out / locks.LOCK).exists()


def test_locks_where_there_is_no_flock(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with locks.locked(tmp_path), pytest.raises(BlockingIOError, match="was killed"), locks.locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
    with locks.locked(tmp_path):
        pass


def test_a_lock_that_another_has_removed(tmp_path, monkeypatch):
    """Between opening and locking it: what is locked then keeps nobody out."""
    real = locks.fcntl.flock
    left = [locks.LOCK]

    def flock(descriptor, how):
        if left:
            (tmp_path / left.pop()).unlink()
        real(descriptor, how)

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with locks.locked(tmp_path), pytest.raises(BlockingIOError), locks.locked(tmp_path):
        pass


def test_a_plan_that_is_not_that_of_the_folder(archive, tmp_path):
    plan = make_plan([str(archive)], tmp_path / "out")
    clear(tmp_path / "out")
    make_plan([str(archive)], tmp_path / "out", shard_size=3)
    with pytest.raises(OptionError, match="shard_size"):
        preprocess(plan, tmp_path / "out")
