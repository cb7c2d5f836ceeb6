"""The command `hounsfield convert`: pictures and arrays that are what `render` gives, in whole files."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

import hounsfield as hu
from hounsfield.cli.app import run
from hounsfield.cli.writers import ArrayWriter, Image, PictureWriter


@pytest.fixture
def archive(tmp_path, pydicom_path):
    """A folder of a CT, an MR and two files that are no images, with a cine loop and colour in one below."""
    root = tmp_path / "archive"
    below = root / "below"
    below.mkdir(parents=True)
    for name, to in {
        "CT_small.dcm": root / "ct.dcm",
        "MR_small.dcm": root / "1.2.840.10",
        "rtplan.dcm": root / "plan.dcm",
        "rtdose.dcm": below / "dose.DCM",
        "SC_rgb_small_odd.dcm": below / "rgb",
    }.items():
        shutil.copy(pydicom_path(name), to)
    (root / "notes.txt").write_text("not DICOM")
    return root


@pytest.fixture
def broken(pydicom_path):
    """The bytes of an image whose codestream does not begin as one."""
    data = bytearray(pydicom_path("JPEG2000.dcm").read_bytes())
    start = hu.read(bytes(data)).frames[0].ranges[0][0]
    data[start : start + 4] = b"none"
    return bytes(data)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def summary(capsys):
    return json.loads(capsys.readouterr().out)


def images_of(out):
    """Each image of an array with its entry in the manifest, found as the help says."""
    array = np.load(out, mmap_mode="r").reshape(-1)
    manifest = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    for entry in manifest["images"]:
        shape, offset = entry["shape"], entry["offset"]
        yield entry, array[offset : offset + math.prod(shape)].reshape(shape)


def test_pictures_of_a_folder(archive, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["convert", str(archive), "-o", str(out), "--json"]) == 0
    told = summary(capsys)
    frames = hu.read(archive / "below" / "dose.DCM").render()
    assert files(out) == sorted(
        ["ct.png", "1.2.840.10.png", "below/rgb.png"]
        + [f"below/dose_{number:04d}.png" for number in range(len(frames))]
    )
    for name, source in {
        "ct.png": "ct.dcm",
        "1.2.840.10.png": "1.2.840.10",
        "below/rgb.png": "below/rgb",
    }.items():
        np.testing.assert_array_equal(
            imagecodecs.png_decode((out / name).read_bytes()), hu.read(archive / source).render()
        )
    for number, frame in enumerate(frames):
        picture = imagecodecs.png_decode((out / f"below/dose_{number:04d}.png").read_bytes())
        np.testing.assert_array_equal(picture, frame)
    assert told["files"] == 4
    assert told["images"] == len(files(out))
    assert told["passed_over"] == {"not DICOM": 1, "without pixel data": 1}
    assert told["failures"] == {}
    assert told["bytes_read"] == sum(
        (archive / name).stat().st_size for name in ("ct.dcm", "1.2.840.10", "below/rgb", "below/dose.DCM")
    )


def test_a_file_that_ends_before_its_pixels_is_a_failure(archive, tmp_path, capsys):
    (archive / "cut.dcm").write_bytes((archive / "ct.dcm").read_bytes()[:1000])
    assert run(["convert", str(archive), "-o", str(tmp_path / "out"), "--json"]) == 1
    told = summary(capsys)
    assert told["passed_over"] == {"not DICOM": 1, "without pixel data": 1}
    (failure,) = told["failures"]
    assert "no pixel data: the data end inside the element" in failure


def test_strict(archive, tmp_path, pydicom_path, capsys):
    (archive / "bare.dcm").write_bytes(pydicom_path("CT_small.dcm").read_bytes()[132:])
    assert run(["convert", str(archive), "-o", str(tmp_path / "repaired")]) == 0
    capsys.readouterr()
    assert run(["convert", "--strict", "--json", str(archive), "-o", str(tmp_path / "strict")]) == 1
    out, err = capsys.readouterr()
    assert "bare.dcm: no preamble and no DICM prefix" in err
    assert json.loads(out)["failures"] == {"ParseError: no preamble and no DICM prefix": 1}
    assert "bare.png" in files(tmp_path / "repaired")
    assert set(files(tmp_path / "repaired")) - set(files(tmp_path / "strict")) == {"bare.png"}


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_pictures_of_an_archive(archive, tmp_path, kind, capsys):
    """What a folder has, an archive of it has, too."""
    assert run(["convert", str(archive), "-o", str(tmp_path / "from-folder"), "--json"]) == 0
    from_folder = summary(capsys)
    packed = shutil.make_archive(str(tmp_path / "packed"), kind, archive)
    assert run(["convert", packed, "-o", str(tmp_path / "from-archive"), "--json"]) == 0
    from_archive = summary(capsys)
    for what in ("images", "files", "bytes_read", "passed_over"):
        assert from_archive[what] == from_folder[what]
    assert files(tmp_path / "from-archive") == files(tmp_path / "from-folder")
    for name in files(tmp_path / "from-folder"):
        pictures = [tmp_path / folder / name for folder in ("from-archive", "from-folder")]
        assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_names_in_archives_that_lead_out_of_the_folder(archive, tmp_path, capsys):
    """Or are there twice, or are longer than those of pictures may be."""
    packed, out = tmp_path / "packed.tar", tmp_path / "a" / "b" / "out"
    names = ["../../../up.dcm", "/root.dcm", "x/../y.dcm", "twice.dcm", "twice.dcm", "é" * 120 + ".dcm", ".."]
    with tarfile.open(packed, "w") as tar:
        for name in names:
            tar.add(archive / "ct.dcm", name)
    assert run(["convert", str(packed), "-o", str(out), "--json"]) == 0
    assert summary(capsys)["images"] == len(names)
    assert files(out) == sorted(
        ["up.png", "root.png", "x/y.png", "twice.png", "twice-2.png", "é" * 114 + ".png", "packed.tar.png"]
    )
    assert files(tmp_path / "a") == [f"b/out/{name}" for name in files(out)]


def test_an_archive_that_is_cut(archive, tmp_path, capsys):
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "tar", archive))
    packed.write_bytes(packed.read_bytes()[:-20_000])
    assert run(["convert", str(packed), "-o", str(tmp_path / "out")]) == 1
    assert "packed.tar" in capsys.readouterr().err
    assert files(tmp_path / "out")


def test_array_of_a_folder(archive, tmp_path):
    out = tmp_path / "new" / "all.npy"
    assert run(["convert", str(archive), "-o", str(out)]) == 0
    assert files(out.parent) == ["all.json", "all.npy"]
    assert np.load(out).ndim == 1  # the shapes differ
    seen = []
    for entry, image in images_of(out):
        ds = hu.read(entry["file"])
        rendered = ds.render()
        if rendered.ndim == 3 and rendered.shape[2] != 3:
            rendered = rendered[entry["frame"]]
        np.testing.assert_array_equal(image, rendered)
        assert entry["photometric_interpretation"] == ds.PhotometricInterpretation
        seen.append(Path(entry["file"]).name)
    assert set(seen) == {"ct.dcm", "1.2.840.10", "dose.DCM", "rgb"}


def test_array_of_one_shape(pydicom_path, tmp_path):
    out = tmp_path / "ct.npy"
    path = str(pydicom_path("CT_small.dcm"))
    assert run(["convert", path, path, "-o", str(out), "--window", "40/400"]) == 0
    array = np.load(out)
    np.testing.assert_array_equal(array, [hu.read(path).render((40, 400))] * 2)
    manifest = json.loads(out.with_suffix(".json").read_text())
    assert manifest["shape"] == [2, 128, 128]
    assert manifest["dtype"] == "uint8"
    assert manifest["array"] == "ct.npy"
    assert manifest["images"][1] == {
        "file": path,
        "frame": 0,
        "offset": 128 * 128,
        "shape": [128, 128],
        "window": {"center": 40.0, "width": 400.0},
        "photometric_interpretation": "MONOCHROME2",
    }


@pytest.mark.parametrize(
    ("option", "argument", "told"),
    [
        (None, None, {"center": 600.0, "width": 1600.0, "function": "LINEAR"}),
        ("0", 0, {"center": 600.0, "width": 1600.0, "function": "LINEAR"}),
        ("lung", "lung", {"name": "lung", "center": -600.0, "width": 1500.0}),
        ("auto", "auto", {"name": "auto"}),
        ("-600/1500", (-600, 1500), {"center": -600.0, "width": 1500.0}),
        ("1.5/.5e3", None, None),
    ],
)
def test_windows(pydicom_path, tmp_path, option, argument, told):
    out = tmp_path / "mr.npy"
    path = pydicom_path("MR_small.dcm")
    code = run(["convert", str(path), "-o", str(out), *(["-w", option] if option else [])])
    if told is None:
        assert code == 2
        return
    assert code == 0
    ((entry, image),) = images_of(out)
    assert entry["window"] == told
    np.testing.assert_array_equal(image, hu.read(path).render(argument))


def test_colour_has_no_window(pydicom_path, tmp_path):
    out = tmp_path / "rgb.npy"
    assert run(["convert", str(pydicom_path("SC_rgb_small_odd.dcm")), "-o", str(out)]) == 0
    ((entry, image),) = images_of(out)
    assert entry["window"] is None
    assert np.load(out).shape == (1, *image.shape)


def test_one_frame(archive, tmp_path, capsys):
    dose, ct = str(archive / "below" / "dose.DCM"), str(archive / "ct.dcm")
    assert run(["convert", dose, ct, "-o", str(tmp_path / "a"), "--frame", "2"]) == 1
    assert "no frame 2, counted from 0: there is 1" in capsys.readouterr().err
    assert files(tmp_path / "a") == ["dose_0002.png"]
    picture = imagecodecs.png_decode((tmp_path / "a" / "dose_0002.png").read_bytes())
    np.testing.assert_array_equal(picture, hu.read(dose).render(frame=2))
    assert run(["convert", dose, "-o", str(tmp_path / "last"), "--frame", "-1"]) == 0
    assert files(tmp_path / "last") == ["dose_0014.png"]
    assert run(["convert", dose, "-o", str(tmp_path / "none"), "--frame", "-16"]) == 1
    assert "no frame -16, counted from 0: there are 15" in capsys.readouterr().err
    assert run(["convert", dose, ct, "-o", str(tmp_path / "b.npy"), "--frame", "0"]) == 0
    assert [entry["frame"] for entry, _ in images_of(tmp_path / "b.npy")] == [0, 0]


def test_names_that_collide(pydicom_path, tmp_path):
    for name in ("a/x.dcm", "a/x", "a/X.DCM", "a/x-2.dcm", "b/x.dcm"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        shutil.copy(pydicom_path("CT_small.dcm"), path)
    out = tmp_path / "out"
    assert run(["convert", str(tmp_path / "a"), str(tmp_path / "b"), "-o", str(out)]) == 0
    names = files(out)
    assert len(names) == 5
    assert len({name.casefold() for name in names}) == 5


@pytest.mark.parametrize("out", ["out", "out.npy", "out.png"])
def test_what_is_there_is_not_overwritten(pydicom_path, tmp_path, capsys, out):
    target = tmp_path / out
    command = ["convert", str(pydicom_path("CT_small.dcm")), "-o", str(target)]
    assert run(command) == 0
    before = files(tmp_path)
    assert run(command) == 2
    assert "--force" in capsys.readouterr().err
    assert run([*command, "--force", "--window", "lung"]) == 0
    assert files(tmp_path) == before


def test_a_file_in_the_place_of_the_folder(pydicom_path, tmp_path, capsys):
    (tmp_path / "pictures").touch()
    assert run(["convert", str(pydicom_path("CT_small.dcm")), "-o", str(tmp_path / "pictures")]) == 2
    assert "is not a folder" in capsys.readouterr().err


class TestOnePicture:
    """OUT is NAME.png: a file, not a folder of that name."""

    def test_of_a_file(self, archive, tmp_path):
        out = tmp_path / "new" / "ct.PNG"
        assert run(["convert", str(archive / "ct.dcm"), "-o", str(out)]) == 0
        expected = hu.read(archive / "ct.dcm").render()
        np.testing.assert_array_equal(imagecodecs.png_decode(out.read_bytes()), expected)
        assert files(tmp_path / "new") == ["ct.PNG"]

    def test_of_a_frame(self, archive, tmp_path):
        dose, out = archive / "below" / "dose.DCM", tmp_path / "last.png"
        assert run(["convert", str(dose), "-o", str(out), "--frame", "-1"]) == 0
        expected = hu.read(dose).render(frame=14)
        np.testing.assert_array_equal(imagecodecs.png_decode(out.read_bytes()), expected)

    def test_of_the_only_image_in_a_folder(self, archive, tmp_path):
        out = tmp_path / "rgb.png"
        shutil.rmtree(archive / "below")
        (archive / "ct.dcm").unlink()
        assert run(["convert", str(archive), "-o", str(out)]) == 0
        assert out.is_file()

    @pytest.mark.parametrize(
        ("given", "advice"), [("", "folder as OUT"), ("below/dose.DCM", "folder as OUT, or choose a --frame")]
    )
    def test_of_several_images(self, archive, tmp_path, capsys, given, advice):
        out = tmp_path / "all.png"
        assert run(["convert", str(archive / given), "-o", str(out)]) == 2
        problem = f"{out} is for one image, and there are several: give a {advice} (try"
        assert problem in capsys.readouterr().err
        assert not out.exists()

    def test_a_folder_of_that_name(self, archive, tmp_path):
        (tmp_path / "old.png").mkdir()
        assert run(["convert", str(archive / "ct.dcm"), "-o", str(tmp_path / "old.png")]) == 0
        assert files(tmp_path / "old.png") == ["ct.png"]


def test_a_pattern(archive, tmp_path, capsys):
    (archive / "below" / "plan.dcm").write_bytes((archive / "plan.dcm").read_bytes())
    (archive / "below" / "ct.dcm").write_bytes((archive / "ct.dcm").read_bytes())
    assert run(["convert", str(archive / "**" / "*.dcm"), "-o", str(tmp_path / "out"), "--json"]) == 0
    assert summary(capsys)["passed_over"] == {"without pixel data": 2}
    assert files(tmp_path / "out") == ["below/ct.png", "ct.png"]
    assert run(["convert", str(archive / "*.none"), "-o", str(tmp_path / "none")]) == 1
    assert "*.none: No such file or directory" in capsys.readouterr().err


def test_failures_are_reported_and_the_rest_goes_on(archive, tmp_path, broken, capsys):
    (archive / "a.dcm").write_bytes(broken)
    (archive / "b.dcm").write_bytes((archive / "ct.dcm").read_bytes()[:20_000])
    assert run(["convert", str(archive), str(tmp_path / "none"), "-o", str(tmp_path / "out.npy")]) == 1
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("hounsfield: ") for line in lines)
    assert "a.dcm" in lines[0]
    assert "b.dcm" in lines[1]
    assert lines[2].endswith("none: No such file or directory")
    assert "failed: 3 files" in out
    assert len({entry["file"] for entry, _ in images_of(tmp_path / "out.npy")}) == 4


def test_failures_are_counted_by_reason(archive, tmp_path, broken, capsys):
    (archive / "a.dcm").write_bytes(broken)
    (archive / "b.dcm").write_bytes(broken)
    command = ["convert", str(archive), "--on-error", "skip"]
    assert run([*command, "-o", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[-1].strip().startswith("2 PixelDataError: ")
    assert run([*command, "--json", "-o", str(tmp_path / "more")]) == 0
    assert list(summary(capsys)["failures"].values()) == [2]


def test_the_first_failure_stops(archive, tmp_path, broken, capsys):
    (archive / "a.dcm").write_bytes(broken)
    (archive / "b.dcm").write_bytes(broken)
    assert run(["convert", str(archive), "--on-error", "raise", "-o", str(tmp_path / "out.npy")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert files(tmp_path) == files(archive.parent)
    assert not list(tmp_path.glob("out*"))


def test_a_file_named_by_its_name_must_be_an_image(archive, tmp_path, capsys):
    names = [str(archive / "notes.txt"), str(archive / "plan.dcm")]
    assert run(["convert", *names, "-o", str(tmp_path / "out")]) == 1
    err = capsys.readouterr().err
    assert "neither the DICM prefix" in err
    assert "no pixel data" in err


@pytest.mark.parametrize("out", ["out", "out.npy"])
def test_nothing_to_convert(tmp_path, capsys, out):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(["convert", str(empty), "-o", str(tmp_path / out), "--on-error", "skip"]) == 1
    assert "there are no DICOM images" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*.*"))


def test_an_unreadable_folder(archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        os, "scandir", lambda path: (_ for _ in ()).throw(PermissionError(13, "denied", path))
    )
    assert run(["convert", str(archive), "-o", str(tmp_path / "out.npy")]) == 1
    assert capsys.readouterr().err == f"hounsfield: {archive}: denied\n"


@pytest.mark.parametrize("writer", [ArrayWriter, PictureWriter])
def test_half_files_never_have_their_final_name(tmp_path, writer, monkeypatch):
    image = Image(np.zeros((2, 3), np.uint8), None, None, "MONOCHROME2")
    target = tmp_path / "x.npy"

    def broken(*_, **__):
        assert not target.is_file()
        raise MemoryError

    monkeypatch.setattr(imagecodecs, "png_encode", broken)
    with pytest.raises(MemoryError), writer(target) as writing:  # noqa: PT012
        writing.add("a", "a", [image])
        broken()
    assert files(tmp_path) == []


def test_a_full_disk_ends_the_run(archive, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArrayWriter, "add", full)
    command = ["convert", str(archive), "--on-error", "skip", "-o"]
    assert run([*command, str(tmp_path / "out.npy")]) == 1
    assert capsys.readouterr().err == f"hounsfield: {tmp_path / 'out.npy'}: No space left on device\n"
    assert not list(tmp_path.glob("out*"))
    monkeypatch.setattr(Path, "write_bytes", full)
    assert run([*command, str(tmp_path / "out")]) == 1
    assert files(tmp_path / "out") == []


def test_an_interrupted_run(archive, tmp_path):
    for number in range(20_000):
        (archive / f"{number}.dcm").symlink_to(archive / "below" / "dose.DCM")
    out = tmp_path / "out.npy"
    command = [sys.executable, "-m", "hounsfield", "convert", str(archive), "-o", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        partial = tmp_path / "out.npy.partial"
        while not (partial.exists() and partial.stat().st_size > 1000):
            time.sleep(0.005)
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"hounsfield: interrupted\n"
    assert process.returncode == 130
    assert not list(tmp_path.glob("out*"))


def test_as_a_process(archive, tmp_path):
    command = [sys.executable, "-m", "hounsfield", "convert", archive, "-o", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first.endswith(" files/s")
    assert second == "passed over: 1 not DICOM, 1 without pixel data"


@pytest.mark.parametrize("number_of_frames", [b"", b"0 ", b"3 ", b"15", b"99"])
def test_number_of_frames_is_wrong(pydicom_path, tmp_path, number_of_frames):
    """There are fifteen, and a picture of each."""
    data = pydicom_path("rtdose.dcm").read_bytes()
    right = b"\x28\0\x08\0\2\0\0\0" + b"15"
    assert data.count(right) == 1
    length = len(number_of_frames).to_bytes(4, "little")
    dose, out, one = (tmp_path / name for name in ("dose.dcm", "out", "one"))
    dose.write_bytes(data.replace(right, right[:4] + length + number_of_frames))
    assert run(["convert", str(dose), "-o", str(out)]) == 0
    assert files(out) == [f"dose_{number:04d}.png" for number in range(15)]
    for number, picture in enumerate(hu.read(data).render()):
        written = imagecodecs.png_decode((out / f"dose_{number:04d}.png").read_bytes())
        np.testing.assert_array_equal(written, picture)
    assert run(["convert", str(dose), "-o", str(one), "--frame", "14"]) == 0
    assert files(one) == ["dose_0014.png"]


def test_a_url(tmp_path, pydicom_path, capsys):
    fsspec = pytest.importorskip("fsspec")
    data = pydicom_path("CT_small.dcm").read_bytes()
    fsspec.filesystem("memory").pipe("/scans/ct.dcm", data)
    assert run(["convert", "memory://scans/ct.dcm", "-o", str(tmp_path), "--json"]) == 0
    told = summary(capsys)
    assert (told["images"], told["bytes_read"]) == (1, len(data))
    assert files(tmp_path) == ["ct.png"]
