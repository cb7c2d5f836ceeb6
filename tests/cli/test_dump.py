"""The command `hounsfield dump`, and what all commands have in common."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hounsfield as hu
from hounsfield.cli import main
from hounsfield.cli.app import run
from hounsfield.elements.text import dataset_lines

COMMAND = [sys.executable, "-m", "hounsfield"]


@pytest.fixture
def ct(pydicom_path):
    return str(pydicom_path("CT_small.dcm"))


def one_line(text):
    """The text of a single line on stderr."""
    assert text.startswith("hounsfield: ")
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text


def test_dump(ct, capsys):
    assert run(["dump", ct]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    ds = hu.read(ct)
    assert lines[:5] == [
        "# Dicom-File-Format",
        "",
        "# Dicom-Meta-Information-Header",
        "# Used TransferSyntax: Explicit VR Little Endian",
        next(dataset_lines(ds.file_meta)),
    ]
    middle = lines.index("# Dicom-Data-Set")
    assert lines[middle + 1] == "# Used TransferSyntax: Explicit VR Little Endian"
    assert lines[middle + 2 :] == list(dataset_lines(ds))
    assert err == ""


def test_dump_of_several_files_says_which(ct, pydicom_path, capsys):
    plain = str(pydicom_path("ExplVR_BigEnd.dcm"))
    assert run(["dump", ct, plain]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"# {ct}"
    assert f"# {plain}" in lines
    assert "# Used TransferSyntax: Explicit VR Big Endian" in lines


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("options", [["dump"], ["dump", "--json"], ["index", "--where", "true"], ["--help"]])
def test_output_that_cannot_be_written(ct, options):
    """It is no error of the file."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, *options, ct], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "hounsfield: the output cannot be written: No space left on device"
    assert "Traceback" not in done.stderr


def test_output_that_is_closed(ct):
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *COMMAND, "dump", ct], stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")


def test_json_lines(ct, tmp_path, capsys):
    missing = str(tmp_path / "missing.dcm")
    assert run(["dump", "--json", ct, missing, ct]) == 1
    out, err = capsys.readouterr()
    first, failed, second = map(json.loads, out.splitlines())
    assert first == second == hu.read(ct).to_json_dict()
    assert failed is None
    assert one_line(err) == f"hounsfield: {missing}: No such file or directory\n"


def test_json_inline(ct, capsys):
    assert run(["dump", "--json", "--inline", ct]) == 0
    assert json.loads(capsys.readouterr().out) == hu.read(ct).to_json_dict(bulk_threshold=None)
    assert run(["dump", "--inline", ct]) == 2
    assert "--inline goes with --json" in one_line(capsys.readouterr().err)


def test_one_bad_file_does_not_cost_the_others(ct, tmp_path, capsys):
    junk = tmp_path / "junk\x1b[31m"
    junk.write_bytes(b"no DICOM at all")
    assert run(["dump", str(junk), ct]) == 1
    out, err = capsys.readouterr()
    assert "PatientName" in out
    assert "junk␛[31m at byte 0: neither the DICM prefix" in one_line(err)
    assert run(["dump", str(junk), "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_what_cannot_be_read_in_a_file(tmp_path, ct, capsys):
    data = bytearray(hu.read(ct)._source.read(0, hu.read(ct)._source.size))
    at = data.index(b"\x10\x00\x02\x10SQ") + 12  # the first item's tag
    data[at : at + 4] = b"\x08\x00\x05\x00"
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(data)
    code = run(["dump", str(broken)])
    out, err = capsys.readouterr()
    assert code == 1
    assert one_line(err)
    assert "(cannot be read: " in out or out == ""


def test_warnings_are_told(pydicom_path, capsys):
    assert run(["dump", str(pydicom_path("MR_truncated.dcm"))]) == 0
    out, err = capsys.readouterr()
    assert "PixelData" in out
    assert "the data end inside the element at byte 1488" in one_line(err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dump"], "Missing argument 'FILE...'"),
        (["dump", "--jason", "x"], "No such option"),
        (["dump", "x", "--character-set", "x"], "the character set 'x' is unknown"),
        (["dumb"], "No such command 'dumb'"),
        (["convert", "x"], "Missing option '-o'"),
        (["convert", "x", "-o", "y", "--window", "lunge"], "'lunge' is neither"),
        (["convert", "x", "-o", "y", "--window", "40/0"], "width"),
        (["convert", "x", "-o", "y", "--frame", "last"], "'last' is not a valid integer"),
        (["convert", "x", "-o", "y", "--on-error", "ignore"], "'ignore' is not one of"),
    ],
)
def test_usage_errors(arguments, message, capsys):
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in one_line(err)
    assert "--help" in err


@pytest.mark.parametrize("arguments", [["--help"], ["dump", "--help"], ["convert", "--help"], []])
def test_help(arguments, capsys):
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "Exit codes: 0 all" in out
    assert "hounsfield dump" in out or "hounsfield convert" in out


def test_version(capsys):
    assert run(["--version"]) == 0
    name, version = capsys.readouterr().out.split()
    assert name == "hounsfield"
    assert version[0].isdigit()


def test_as_a_process(ct, tmp_path):
    done = subprocess.run([*COMMAND, "dump", ct], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0
    assert "[CompressedSamples^CT1]" in done.stdout
    assert "\x1b" not in done.stdout
    done = subprocess.run([*COMMAND, "dump", tmp_path / "none"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "No such file" in one_line(done.stderr)


def test_a_reader_that_has_seen_enough(ct):
    with subprocess.Popen(
        [*COMMAND, "dump", *[ct] * 50], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == f"# {ct}\n".encode()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_any_script_in_any_locale(pydicom_path):
    path = pydicom_path("chrH31.dcm")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, "dump", path], capture_output=True, env=environment)
    assert done.returncode == 0
    assert rb"\u5c71\u7530" in done.stdout
    done = subprocess.run([*COMMAND, "dump", "--json", path], capture_output=True, env=environment)
    assert json.loads(done.stdout)["00100010"]["Value"][0]["Ideographic"] == "山田^太郎"


@pytest.mark.parametrize(("variable", "colored"), [("COLORTERM", True), ("NO_COLOR", False)])
def test_colours_on_a_terminal(ct, variable, colored):
    controller, terminal = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environment |= {"TERM": "xterm-256color", "COLUMNS": "80", variable: "1"}
    with subprocess.Popen([*COMMAND, "dump", ct], stdout=terminal, env=environment) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:  # Linux's way of saying that nobody will write any more
                break
            shown += part
    os.close(controller)
    assert process.returncode == 0
    assert (b"\x1b[" in shown) is colored
    assert b"\r\n" in shown
    if not colored:
        assert shown.decode().replace("\r\n", "\n").count("\n") > 200


@pytest.mark.parametrize(
    ("variables", "colored"), [(["FORCE_COLOR"], True), (["FORCE_COLOR", "NO_COLOR"], False)]
)
def test_colours_that_are_forced(ct, variables, colored):
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"TERM": "xterm-256color", **dict.fromkeys(variables, "1")}
    done = subprocess.run([*COMMAND, "dump", "--tags", "Rows", ct], env=environment, capture_output=True)
    assert done.returncode == 0
    assert (b"\x1b[" in done.stdout) is colored


def test_without_the_extra(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("hounsfield.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    assert one_line(capsys.readouterr().err).endswith('pip install "hounsfield[cli]"\n')


def test_interrupted_while_it_is_loaded(monkeypatch, capsys):
    class Interrupted:
        def find_spec(self, name, *_):
            if name == "hounsfield.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "hounsfield.cli.app")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit, match="130"):
        main(["dump", "a.dcm"])
    assert one_line(capsys.readouterr().err) == "hounsfield: interrupted\n"


def test_the_package_does_not_load_the_command_line():
    code = "import sys, hounsfield; sys.exit(bool({'click', 'rich', 'hounsfield.cli'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def folder(tmp_path, pydicom_path):
    """A folder with two DICOM files, one of them further down, and what is none."""
    (tmp_path / "b").mkdir()
    (tmp_path / "a.dcm").write_bytes(pydicom_path("CT_small.dcm").read_bytes())
    (tmp_path / "b" / "c").write_bytes(pydicom_path("MR_small.dcm").read_bytes())
    (tmp_path / "b" / "notes.txt").write_text("no DICOM")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_folders(folder, capsys):
    assert run(["dump", str(folder)]) == 0
    out, err = capsys.readouterr()
    headers = [line for line in out.splitlines() if line.startswith(f"# {folder}")]
    assert headers == [f"# {folder}/a.dcm", f"# {folder}/b/c"]
    assert err == ""
    assert run(["dump", "--json", str(folder)]) == 0
    assert [json.loads(line)["00080060"]["Value"] for line in capsys.readouterr().out.splitlines()] == [
        ["CT"],
        ["MR"],
    ]


def test_patterns(folder, capsys):
    assert run(["dump", "--tags", "Rows", f"{folder}/**"]) == 0
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line[0] == "#"] == [f"# {folder}/a.dcm", f"# {folder}/b/c"]
    assert err == ""
    assert run(["dump", f"{folder}/*.none"]) == 1
    assert capsys.readouterr().err == f"hounsfield: {folder}/*.none: No such file or directory\n"


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_archives(folder, tmp_path_factory, kind, capsys):
    elsewhere = tmp_path_factory.mktemp("archives")
    packed = shutil.make_archive(str(elsewhere / "packed"), kind, folder)
    assert run(["dump", "--tags", "Rows", str(folder)]) == 0
    expected = capsys.readouterr().out.replace(f"# {folder}/", f"# {packed}::")
    assert run(["dump", "--tags", "Rows", packed]) == 0
    assert sorted(capsys.readouterr().out.replace("::./", "::").splitlines()) == sorted(expected.splitlines())
    (elsewhere / "broken.zip").write_bytes(b"PK")
    assert run(["dump", str(elsewhere / "broken.zip")]) == 1
    assert "broken.zip: the archive is broken" in capsys.readouterr().err


def test_stdin(ct):
    with open(ct, "rb") as file:  # noqa: PTH123
        done = subprocess.run([*COMMAND, "dump", "-"], stdin=file, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[CompressedSamples^CT1]" in done.stdout
    done = subprocess.run([*COMMAND, "dump", "-"], input=b"", capture_output=True)
    assert done.returncode == 1
    assert done.stderr.startswith(b"hounsfield: - at byte 0: neither the DICM prefix")


def test_tags(ct, capsys):
    ds = hu.read(ct)
    wanted = "Rows,0010,0010,(0028,0011),00091001,OtherPatientIDsSequence.1.PatientID,WindowCenter"
    assert run(["dump", ct, "--tags", wanted, "--tags", "Modality"]) == 0
    out, err = capsys.readouterr()
    keys = ["Rows", "PatientName", "Columns", 0x00091001, "OtherPatientIDsSequence.1.PatientID", "Modality"]
    assert out.splitlines() == [repr(ds[key]) for key in keys]
    assert err == ""
    assert "Full fidelity" in out


def test_tags_of_a_sequence_and_of_several_files(ct, folder, capsys):
    assert run(["dump", ct, "--tags", "OtherPatientIDsSequence"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[2].strip().startswith("(0010,0020)")
    assert run(["dump", str(folder), "--tags", "Modality"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == [f"# {folder}/a.dcm", f"# {folder}/b/c"]
    assert ["[CT]" in lines[1], "[MR]" in lines[3]] == [True, True]


def test_tags_as_json(ct, capsys):
    assert run(["dump", ct, "--json", "--tags", "PatientName,0028,0010,WindowCenter"]) == 0
    attributes = hu.read(ct).to_json_dict()
    assert json.loads(capsys.readouterr().out) == {key: attributes[key] for key in ("00100010", "00280010")}


@pytest.mark.parametrize(
    "tags", ["Rowz", "", "Rows,", "Rows.0", "OtherPatientIDsSequence.x.Rows", "0010,001"]
)
def test_tags_that_are_none(ct, tags, capsys):
    assert run(["dump", ct, "--tags", tags]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--tags" in one_line(err)


def test_paths_as_json_stand_where_they_stand_in_the_whole(ct, capsys):
    wanted = "OtherPatientIDsSequence.-1.PatientID,0010,1002.1.0010,0022,00091001,Rows.0.Columns,0008,0000"
    assert run(["dump", ct, "--json", "--tags", wanted]) == 0
    whole = hu.read(ct).to_json_dict()
    item = whole["00101002"]["Value"][1]
    assert json.loads(capsys.readouterr().out) == {
        "00091001": whole["00091001"],
        "00101002": {"vr": "SQ", "Value": [{}, {key: item[key] for key in ("00100020", "00100022")}]},
    }
    wanted = "OtherPatientIDsSequence.0.PatientID,OtherPatientIDsSequence"
    assert run(["dump", ct, "--json", "--tags", wanted]) == 0
    assert json.loads(capsys.readouterr().out) == {"00101002": whole["00101002"]}


def test_tags_read_nothing_behind_them(pydicom_path, tmp_path, capsys):
    path = tmp_path / "broken.dcm"
    data = pydicom_path("CT_small.dcm").read_bytes()
    path.write_bytes(data[: data.index(b"\x28\0\x10\0US")] + b"\x28\0\x10\0US\2\0")
    assert run(["dump", "--strict", str(path)]) == 1
    assert "the data end inside" in one_line(capsys.readouterr().err)
    for options in ([], ["--json"]):
        assert run(["dump", "--strict", *options, "--tags", "PatientID,00091001", str(path)]) == 0
        out, err = capsys.readouterr()
        assert "1CT1" in out
        assert "GE_GENESIS_FF" in out
        assert err == ""


def test_tags_of_the_file_meta_information(ct, capsys):
    assert run(["dump", ct, "--tags", "TransferSyntaxUID,Modality"]) == 0
    meta, modality = capsys.readouterr().out.splitlines()
    assert meta.startswith("(0002,0010) UI =ExplicitVRLittleEndian")
    assert modality.startswith("(0008,0060)")
    assert run(["dump", ct, "--json", "--tags", "TransferSyntaxUID"]) == 2
    assert "--json has no file meta information" in one_line(capsys.readouterr().err)


PROBLEM = b"\x08\0\x60\0CS\2\0CT\x10\0\x20\0LO\2\0id\x18\0\x50\0DS\4\0thin"


@pytest.mark.parametrize("options", [[], ["--json"], ["--tags", "SliceThickness"]])
def test_strict(options, ct, tmp_path, capsys):
    """What is wrong with a value is told with the file's name, and the other file is shown."""
    path = tmp_path / "thin.dcm"
    path.write_bytes(b"\0" * 128 + b"DICM\2\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0" + PROBLEM)
    assert run(["dump", *options, str(path), ct]) == 0
    shown, _ = capsys.readouterr()
    assert run(["dump", "--strict", *options, str(path), ct]) == 1
    out, err = capsys.readouterr()
    assert one_line(err).startswith(f"hounsfield: {path} (0018,0050) at byte ")
    assert out == ("null\n" + shown.partition("\n")[2] if "--json" in options else shown)


def test_strict_shows_nothing_of_what_cannot_be_read_so(pydicom_path, ct, capsys):
    path = str(pydicom_path("MR_truncated.dcm"))
    assert run(["dump", "--strict", path, ct]) == 1
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.startswith("# /")] == [f"# {ct}"]
    assert path in one_line(err)


def test_character_set(tmp_path, capsys):
    path = tmp_path / "name.dcm"
    path.write_bytes(b"\x08\0\5\0CS\x0a\0ISO_IR 192\x10\0\x10\0PN\x0a\0\x1b$B;3ED\x1b(B")
    assert run(["dump", "--character-set", r"ISO 2022 IR 6\ISO 2022 IR 87", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["00100010"]["Value"] == [{"Alphabetic": "山田"}]
    path.write_bytes(path.read_bytes()[:-10] + "Łódź  ".encode("iso8859_2") + b"    ")
    assert run(["dump", "--character-set", "ISO_IR 101", "--tags", "PatientName", str(path)]) == 0
    assert "[Łódź]" in capsys.readouterr().out


def test_rich_is_loaded_for_terminals_only(ct):
    code = (
        "import sys; from hounsfield.cli.app import run; run(['dump', sys.argv[1]]);"
        "sys.exit('rich' in sys.modules or 'hounsfield.cli.convert' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, ct], check=True, stdout=subprocess.DEVNULL)
