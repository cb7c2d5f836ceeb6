"""Tables of files: what the kernel gathers is what `read` gives, and nothing in a file stops them."""

import datetime
import io
import itertools
import json
import os
import shutil
import struct
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hounsfield as hu
from bytewise import EXPLICIT, IMPLICIT, element, even, implicit, part10
from hounsfield._kernels.gather import UNUSUAL, gather
from hounsfield.indexing import reading
from hounsfield.indexing.columns import STANDARD

FUNCTIONAL = "SharedFunctionalGroupsSequence.0.PixelMeasuresSequence.0.PixelSpacing"

MORE_TAGS = [
    FUNCTIONAL,
    "ReferencedImageSequence",
    "ReferencedImageSequence.0",
    "ReferencedImageSequence.-1.ReferencedSOPInstanceUID",
    "AdditionalPatientHistory",
    "FrameIncrementPointer",
    "InstitutionName",
    "KVP",
    "LargestImagePixelValue",
    "MediaStorageSOPClassUID",
    "OtherPatientNames",
    "PatientWeight",
    "RedPaletteColorLookupTableDescriptor",
    "RetrieveAETitle",
    "SoftwareVersions",
    "SpecificCharacterSet",
    "TagAngleSecondAxis",
    (0x0009, 0x0010),
    (0x0009, 0x1001),
    "OverlayRows",
]


def written(tag, vr, value, *, explicit=True):
    value = even(vr, value)
    return element(tag, vr, value) if explicit else implicit(tag, value)


def dicom(values, *, explicit=True):
    """A file of elements, {tag: (VR, bytes)}, behind SOP Class UID."""
    values = {0x00080016: ("UI", b"1.2.3")} | values
    body = b"".join(written(tag, *values[tag], explicit=explicit) for tag in sorted(values))
    return part10(body, EXPLICIT if explicit else IMPLICIT)


@pytest.fixture
def one_by_one(monkeypatch):
    """Makes an index by `read` alone, without the kernel."""

    def index(*arguments, **options):
        with monkeypatch.context() as without:
            without.setattr(reading, "HAS_FILES", False)
            return hu.index(*arguments, **options)

    return index


def assert_same(table, other):
    for name in table.column_names:
        if name not in ("size", "mtime"):
            # repr: NaN is NaN, and 1 is not 1.0
            rows = zip(
                table["path"].to_pylist(), table[name].to_pylist(), other[name].to_pylist(), strict=True
            )
            assert [row for row in rows if repr(row[1]) != repr(row[2])] == [], name


def row_of(tmp_path, data, tags=(), **options):
    path = tmp_path / "one.dcm"
    path.write_bytes(data)
    (row,) = hu.index(path, tags, **options).to_pylist()
    return row


def test_corpus_as_one_by_one(corpus, one_by_one):
    table = hu.index(corpus, MORE_TAGS)
    table.validate(full=True)
    assert table.num_rows > 350
    assert_same(table, one_by_one(corpus, MORE_TAGS))


def test_values_of_the_corpus_are_those_of_read(corpus):
    table = hu.index(corpus, threads=2)
    counted = 0
    for row in table.to_pylist():
        if row["status"] != "ok":
            continue
        ds = hu.read(row["path"])
        assert row["TransferSyntaxUID"] == (ds.transfer_syntax or None)
        for keyword in STANDARD:
            value, found = ds.get(keyword), row[keyword]
            if found is None:
                assert value in (None, "") or keyword in row["notes"]
            elif isinstance(found, datetime.date):
                assert value.to_date() == found
            elif isinstance(found, datetime.time):
                assert value.to_time() == found
            elif isinstance(found, list):
                assert list(value if isinstance(value, tuple) else (value,)) == found
            else:
                assert value == found or "\\".join(value) == found
                counted += 1
    assert counted > 5000


def test_pydicom_files_as_one_by_one(pydicom_path, one_by_one):
    folder = pydicom_path("CT_small.dcm").parents[1]
    assert_same(hu.index(folder, MORE_TAGS), one_by_one(folder, MORE_TAGS))


def joined(*pieces):
    return st.lists(st.sampled_from(pieces)).map(b"".join)


TEXT = joined(b"A", b"^", b"=", b" ", b"\0", b"\\", b"\xe4", b"\xc3\xa4", b"\xed\xa0\x80", b"\x1b", b"\x01")
NUMBER = st.one_of(
    joined(b"1", b"0", b"-", b"+", b".", b"e", b" ", b"\\", b"\0", b"_", b"23"),
    st.lists(st.floats(width=32).map(repr), max_size=4).map(lambda each: "\\".join(each).encode()),
    st.integers(-(10**20), 10**20).map(lambda each: str(each).encode()),
)
DATE = st.one_of(
    st.dates().map(lambda each: each.isoformat().replace("-", "").encode()),
    st.sampled_from([b"20230229", b"20240229", b"19000229", b"00000101", b"1997.04.30", b"20040119 "]),
)
TIME = st.one_of(
    st.times().map(lambda each: each.strftime("%H%M%S.%f").encode()),
    st.sampled_from([b"10", b"1015", b"101530", b"101560.5", b"1", b"24", b"10:15:30", b"101530.1234567"]),
)
BINARY = st.binary(max_size=20)
KINDS = {
    0x00080008: ("CS", TEXT),  # Image Type
    0x00080020: ("DA", DATE),  # Study Date
    0x00080030: ("TM", TIME),  # Study Time
    0x00081030: ("LO", TEXT),  # Study Description
    0x00100010: ("PN", TEXT),  # Patient's Name
    0x00101001: ("PN", TEXT),  # Other Patient Names
    0x001021B0: ("LT", TEXT),  # Additional Patient History
    0x00180050: ("DS", NUMBER),  # Slice Thickness
    0x00181020: ("LO", TEXT),  # Software Versions
    0x0020000D: ("UI", TEXT),  # Study Instance UID
    0x00200013: ("IS", NUMBER),  # Instance Number
    0x00200032: ("DS", NUMBER),  # Image Position (Patient)
    0x00280009: ("AT", BINARY),  # Frame Increment Pointer
    0x00280010: ("US", BINARY),  # Rows
    0x00280103: ("US", st.sampled_from([b"\0\0", b"\1\0", b""])),  # Pixel Representation
    0x00280107: ("SS", BINARY),  # Largest Image Pixel Value
    0x00280120: ("US", BINARY),  # Pixel Padding Value
    0x00189219: ("SS", BINARY),  # Tag Angle Second Axis
}
CHARACTER_SETS = [
    None,
    b"",
    b"ISO_IR 100",
    b"ISO_IR 192",
    b"ISO_IR 6",
    b"ISO 2022 IR 100",
    b"\\ISO 2022 IR 87",
    b"NONE",
]


@given(
    st.fixed_dictionaries({}, optional={tag: value for tag, (_, value) in KINDS.items()}),
    st.sampled_from(CHARACTER_SETS),
    st.booleans(),
)
def test_generated_as_one_by_one(tmp_path_factory, values, characters, explicit):
    values = {tag: (KINDS[tag][0], value) for tag, value in values.items()}
    if characters is not None:
        values[0x00080005] = ("CS", characters)
    folder = tmp_path_factory.mktemp("generated")
    (folder / "one").write_bytes(dicom(values, explicit=explicit))
    table = hu.index(folder, MORE_TAGS)
    table.validate(full=True)
    assert table["status"].to_pylist() == ["ok"]
    with pytest.MonkeyPatch.context() as without:
        without.setattr(reading, "HAS_FILES", False)
        assert_same(table, hu.index(folder, MORE_TAGS))


def test_types(pydicom_path):
    table = hu.index(pydicom_path("CT_small.dcm"), MORE_TAGS)
    types = {
        "size": "int64",
        "mtime": "timestamp[us, tz=UTC]",
        "PatientName": "string",
        "StudyDate": "date32[day]",
        "StudyTime": "time64[us]",
        "InstanceNumber": "int64",
        "SliceThickness": "double",
        "Rows": "uint16",
        "PixelPaddingValue": "int32",
        "TagAngleSecondAxis": "int16",
        "ImageType": "list<item: string>",
        "WindowCenter": "list<item: double>",
        "ReferencedImageSequence": "string",
        "00091001": "string",
        FUNCTIONAL: "list<item: double>",
    }
    assert {name: str(table.schema.field(name).type) for name in types} == types
    (row,) = table.to_pylist()
    status = pydicom_path("CT_small.dcm").stat()
    assert row["size"] == status.st_size
    assert table["mtime"].cast("int64").to_pylist() == [status.st_mtime_ns // 1000]
    assert row["StudyDate"] == datetime.date(2004, 1, 19)
    assert row["StudyTime"] == datetime.time(7, 27, 30)
    assert row["ImagePositionPatient"] == [-158.135803, -179.035797, -75.699997]
    assert row["PixelPaddingValue"] == -2000
    assert row["00091001"] == "GE_GENESIS_FF"
    assert (row["status"], row["reason"], row["notes"]) == ("ok", None, None)


def test_sequences_are_json(pydicom_path):
    path = pydicom_path("rtplan.dcm")
    (row,) = hu.index(path, ["BeamSequence", "BeamSequence.0", "BeamSequence.0.BeamName"]).to_pylist()
    ds = hu.read(path)
    assert json.loads(row["BeamSequence"]) == ds.to_json_dict()["300A00B0"]["Value"]
    assert json.loads(row["BeamSequence.0"]) == ds.BeamSequence[0].to_json_dict()
    assert row["BeamSequence.0.BeamName"] == ds.BeamSequence[0].BeamName


def private(block, *, explicit=True):
    """A file whose private elements of three creators stand in other blocks than those of others."""
    values = {
        0x00290010 + block: ("LO", b"SIEMENS CSA HEADER"),
        0x00290013 + block: ("LO", b"MINE "),
        0x00291008 + (block << 8): ("CS", b"IMAGE NUM 4 "),
        0x00291010 + (block << 8): ("OB", b"SV10"),
        0x00291310 + (block << 8): ("LO", b"mine\\too"),
    }
    return dicom(values, explicit=explicit)


CSA, MINE = "0029xx10:SIEMENS CSA HEADER", (0x0029, 0x10, "MINE")


@pytest.mark.parametrize("explicit", [True, False])
def test_private_elements_by_their_creator(tmp_path, explicit, one_by_one):
    for block in (0, 1, 0x30):
        (tmp_path / f"{block}.dcm").write_bytes(private(block, explicit=explicit))
    (tmp_path / "none.dcm").write_bytes(dicom({0x00100020: ("LO", b"P1")}))
    (tmp_path / "others.dcm").write_bytes(
        dicom({0x00290010: ("LO", b"OTHER"), 0x00291010: ("LO", b"x")}, explicit=explicit)
    )
    table = hu.index(tmp_path, [CSA, MINE, "0029xx08:SIEMENS CSA HEADER"])
    assert str(table.schema.field(CSA).type) == "binary"
    assert table[CSA].to_pylist() == [b"SV10"] * 3 + [None] * 2
    mine = "mine\\too" if explicit else None
    assert table["0029xx10:MINE"].to_pylist() == [mine] * 3 + [None] * 2
    assert table["0029xx08:SIEMENS CSA HEADER"].to_pylist() == ["IMAGE NUM 4"] * 3 + [None] * 2
    assert_same(table, one_by_one(tmp_path, [CSA, MINE, "0029xx08:SIEMENS CSA HEADER"]))
    assert hu.index.update(table, tmp_path).equals(table)
    told = ["MINE" in (notes or "") for notes in table["notes"].to_pylist()]
    assert told == [not explicit] * 3 + [False] * 2


@pytest.mark.parametrize(
    ("tag", "vr", "raw", "name"),
    [
        (0x00100030, "DA", b"19700230", "PatientBirthDate"),
        (0x00200013, "IS", b"12a", "InstanceNumber"),
        (0x00180050, "DS", b"1\\2", "SliceThickness"),
        (0x00280010, "US", b"\1\0\2\0", "Rows"),
        (0x00280010, "OB", b"\1\0", "Rows"),
        (0x00180050, "DS", b"1e999", "SliceThickness"),
    ],
)
def test_a_value_that_does_not_fit_is_null_and_told(tmp_path, tag, vr, raw, name):
    row = row_of(tmp_path, dicom({tag: (vr, raw), 0x00100020: ("LO", b"P1")}))
    assert row[name] is None
    assert name in row["notes"]
    assert row["PatientID"] == "P1"
    assert row["status"] == "ok"


def test_character_sets(tmp_path):
    for terms, raw in {
        b"ISO_IR 100": "Müller^Jörg".encode("latin-1"),
        b"ISO_IR 192": "Müller^Jörg=山田".encode(),
        b"ISO_IR 144": "Люк".encode("iso8859-5"),
    }.items():
        data = dicom({0x00080005: ("CS", terms), 0x00100010: ("PN", raw)})
        row = row_of(tmp_path, data)
        assert row["PatientName"] == hu.read(data).PatientName
        assert row["notes"] is None
    row = row_of(tmp_path, dicom({0x00100010: ("PN", b"M\xfcller")}))
    assert row["PatientName"] == "Müller"
    assert "no character set is given" in row["notes"]


@pytest.mark.parametrize("explicit", [True, False])
def test_a_tag_that_is_wrong_hides_no_others(tmp_path, explicit):
    """What is behind a tag higher than all that are wanted is not left out if it does not rise further."""
    first = written(0x00080016, "UI", b"1.2.3", explicit=explicit)
    wrong = written(0x87180023, "LO", b"abc", explicit=explicit)
    rest = written(0x00100020, "LO", b"17", explicit=explicit) + written(
        0x00280010, "US", b"\5\0", explicit=explicit
    )
    for body in (first + wrong + rest, wrong + first + rest, first + rest):
        row = row_of(tmp_path, part10(body, EXPLICIT if explicit else IMPLICIT))
        assert (row["status"], row["PatientID"], row["Rows"]) == ("ok", "17", 5)


def test_notes_are_in_the_order_of_tags_behind_those_on_the_file(tmp_path):
    body = element(0x00080020, "DA", b"20041301") + element(0x00080060, "CS", b"CT")
    row = row_of(tmp_path, body + element(0x00280010, "US", b"\1\0\2\0"))
    file, syntax, date, rows = row["notes"].split("; ")
    assert (file, syntax.partition(":")[0]) == (
        "no preamble and no DICM prefix",
        "no transfer syntax is given",
    )
    assert (date[:24], rows) == ("(0008,0020) StudyDate: '", "Rows: (1, 2) is no US")


def test_what_cannot_be_the_end_is_told(tmp_path):
    body = written(0x00080016, "UI", b"1.2.3") + written(0x00100020, "LO", b"17")
    garbage = struct.pack("<HH", 0x5500, 0x1C49) + b"\1\2\3\xf4" * 8
    row = row_of(tmp_path, part10(body + garbage))
    assert (row["status"], row["PatientID"]) == ("ok", "17")
    assert "what follows was left out" in row["notes"]
    row = row_of(tmp_path, part10(garbage + body))
    assert (row["status"], row["PatientID"]) == ("broken", None)
    row = row_of(tmp_path, part10(body + written(0x7FE00010, "OW", bytes(400))[:100]))
    assert (row["status"], row["PatientID"]) == ("ok", "17")
    assert row["notes"].startswith("the data end inside the element")


def test_header_longer_than_a_read(tmp_path):
    long = {0x00081030 + 2 * each: ("LT", b"x" * 65000) for each in range(20)}
    row = row_of(tmp_path, dicom({**long, 0x00100020: ("LO", b"P1"), 0x00280010: ("US", b"\5\0")}))
    assert (row["PatientID"], row["Rows"]) == ("P1", 5)


@pytest.fixture
def bad_folder(tmp_path, pydicom_path):
    """Good files among those that are broken, empty, no DICOM, unreadable or no files at all."""
    folder = tmp_path / "mixed"
    (folder / "below").mkdir(parents=True)
    good = pydicom_path("CT_small.dcm").read_bytes()
    for name in ("a.dcm", "below/z.dcm"):
        (folder / name).write_bytes(good)
    (folder / "broken.dcm").write_bytes(good[:132] + b"\xff" * 50)
    (folder / "cut.dcm").write_bytes(good[:1000])
    (folder / "empty").touch()
    (folder / "notes.txt").write_text("not DICOM at all")
    (folder / "prefix.dcm").write_bytes(good[:132])
    (folder / "huge").write_bytes(
        dicom({0x00100020: ("LO", b"P1")}) + written(0x00104000, "UT", b"x" * 3_000_000)
    )
    return folder


def test_bad_files_are_told_and_the_others_right(bad_folder):
    table = hu.index([bad_folder, bad_folder / "gone.dcm", "s3-no-scheme://bucket/x"], ["PatientComments"])
    rows = {os.path.relpath(row["path"], bad_folder): row for row in table.to_pylist()}
    statuses = {name: row["status"] for name, row in rows.items()}
    assert {name for name, status in statuses.items() if status == "ok"} == {
        "a.dcm",
        "below/z.dcm",
        "cut.dcm",
        "huge",
        "prefix.dcm",
    }
    assert statuses["notes.txt"] == statuses["empty"] == "not DICOM"
    assert statuses["broken.dcm"] == "broken"
    assert "no data set follows" in rows["prefix.dcm"]["notes"]
    assert (statuses["gone.dcm"], rows["gone.dcm"]["reason"]) == ("unreadable", "No such file or directory")
    assert rows["gone.dcm"]["size"] is None
    assert rows["a.dcm"]["Rows"] == 128
    assert "the data end inside" in rows["cut.dcm"]["notes"]
    assert len(rows["huge"]["PatientComments"]) == 3_000_000
    problems = hu.index.problems(table)
    assert problems.num_rows == len(rows) - 5
    assert all(problems["reason"].to_pylist())


def test_pipes_devices_and_odd_names(tmp_path, pydicom_path):
    os.mkfifo(tmp_path / "pipe")
    odd = os.fsdecode(bytes(tmp_path) + b"/odd\xff.dcm")
    shutil.copy(pydicom_path("CT_small.dcm"), odd)
    table = hu.index([tmp_path / "pipe", "/dev/null", odd, "nul\0l", "sur\ud800rogate"])
    assert table["status"].to_pylist() == ["unreadable", "unreadable", "ok", "unreadable", "unreadable"]
    assert table["path"].to_pylist()[2].endswith("/odd\\udcff.dcm")
    assert hu.index.update(table, [odd])["Rows"].to_pylist() == [128]


@pytest.mark.parametrize("year", [1950, 2400])
def test_times_that_nanoseconds_do_not_reach(tmp_path, pydicom_path, year):
    path = tmp_path / "ct.dcm"
    shutil.copy(pydicom_path("CT_small.dcm"), path)
    changed = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
    os.utime(path, (0, changed.timestamp()))
    if path.stat().st_mtime != changed.timestamp():
        pytest.skip("the file system does not reach it, either")
    table = hu.index(path)
    assert table["mtime"].to_pylist() == [changed]
    assert hu.index.update(table, path).equals(table)
    assert hu.read(path).pixel_array.shape == (128, 128)


def test_a_folder_that_cannot_be_listed(bad_folder, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("below"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (row,) = [row for row in hu.index(bad_folder).to_pylist() if row["path"].endswith("below")]
    assert (row["status"], row["reason"], row["size"]) == ("unreadable", "Permission denied", None)


def test_any_number_of_threads_and_any_source(corpus):
    expected = hu.index(corpus, threads=1)
    for threads in (2, 5):
        assert hu.index(str(corpus), threads=threads).equals(expected)
    assert hu.index(iter(expected["path"].to_pylist())).equals(expected)
    assert hu.index([]).num_rows == 0
    assert pa.Table.from_batches(hu.index.batches(corpus)).equals(expected)
    assert hu.index(corpus, below=False).num_rows < expected.num_rows


def test_batches_are_read_when_they_are_asked_for(pydicom_path):
    path = str(pydicom_path("CT_small.dcm"))
    asked = []
    batches = hu.index.batches((asked.append(1) or path for _ in itertools.count()), threads=2)
    assert next(batches).num_rows == 512
    batches.close()
    assert len(asked) < 4000


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((["NoKeyword"],), {}, hu.OptionError),
        ((["BeamSequence.Name"],), {}, hu.OptionError),
        (("Rows",), {}, TypeError),
        (([(0x0028, 0x10, "EVEN")],), {}, hu.OptionError),
        ((["0029xx10: "],), {}, hu.OptionError),
        (((),), {"threads": 0}, hu.OptionError),
    ],
)
def test_arguments_that_cannot_be_used(arguments, options, error):
    with pytest.raises(error):
        hu.index(["none"], *arguments, **options)


@pytest.mark.parametrize(
    "name", ["gone", "gone/", "gone*.dcm", "gone.zip", "a.zip::gone.dcm", "a.dcm/gone", "", "file:///gone"]
)
def test_what_is_not_there(tmp_path, monkeypatch, pydicom_path, name):
    """Given by itself, all functions say so alike; an index of several tells it in its rows."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(pydicom_path("CT_small.dcm"), "a.dcm")
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("a.dcm")
    table = hu.index("a.dcm")
    pq.write_table(table, "index.parquet")
    for call in (
        hu.read,
        hu.decode_batch,
        lambda given: list(hu.stream(given)),
        hu.load_series,
        hu.load_volume,
        lambda given: hu.read_region(given, (0, 0), (1, 1)),
        hu.index,
        hu.index.batches,
        lambda given: hu.index.update(table, given),
        lambda given: hu.index.write(given, "index.parquet", update=True),
    ):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            call(name)
    assert pq.read_table("index.parquet").equals(table)
    rows = hu.index(["a.dcm", name]).to_pylist()
    assert [(row["path"], row["status"]) for row in rows] == [("a.dcm", "ok"), (name, "unreadable")]


def test_an_index_is_a_table_or_the_path_of_one(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"no DICOM")
    table = hu.index([tmp_path / "a.dcm"])
    pq.write_table(table, tmp_path / "index.parquet")
    for each in (table, tmp_path / "index.parquet", str(tmp_path / "index.parquet")):
        assert hu.index.problems(each).num_rows == 1
        assert hu.index.update(each, [tmp_path / "a.dcm"]).equals(table)
    for each in (None, 3, [], b"", {}, table.to_pylist()):
        with pytest.raises(TypeError, match="an index is a pyarrow"):
            hu.index.problems(each)
        with pytest.raises(TypeError, match="an index is a pyarrow"):
            hu.index.update(each, [])


def test_one_source_that_is_broken_has_a_row(tmp_path):
    for name in ("text.dcm", "broken.zip", "broken.tar.gz"):
        (tmp_path / name).write_bytes(b"no DICOM")
    assert hu.index(tmp_path / "text.dcm")["status"].to_pylist() == ["not DICOM"]
    assert hu.index(tmp_path / "broken.zip")["status"].to_pylist() == ["broken"]
    assert hu.index(tmp_path / "broken.tar.gz")["status"].to_pylist() == ["broken"]
    assert hu.index("nul\0l")["status"].to_pylist() == ["unreadable"]


@pytest.fixture
def arrow_anew():
    from hounsfield.indexing import columns

    columns.arrow.cache_clear()
    yield
    columns.arrow.cache_clear()


@pytest.mark.usefixtures("arrow_anew")
def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(hu.OptionError, match=r"hounsfield\[index\]"):
        hu.index("none")


@pytest.mark.usefixtures("arrow_anew")
def test_with_a_pyarrow_that_cannot_be_loaded(monkeypatch, tmp_path):
    """It is not said to be not installed: where memory is short, its libraries find no room."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError('libarrow: failed to map segment')")
    monkeypatch.delitem(__import__("sys").modules, "pyarrow", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(hu.OptionError, match="cannot be loaded: libarrow: failed to map segment"):
        hu.index("none")


class TestUpdate:
    @pytest.fixture
    def folder(self, tmp_path, pydicom_path):
        folder = tmp_path / "archive"
        folder.mkdir()
        for number in range(20):
            shutil.copy(pydicom_path("CT_small.dcm"), folder / f"{number:02}.dcm")
        (folder / "notes.txt").write_text("not DICOM")
        return folder

    def test_reads_only_what_is_new_or_changed(self, folder, pydicom_path, monkeypatch, tmp_path):
        table = hu.index(folder, ["KVP"])
        pq.write_table(table, tmp_path / "index.parquet")
        (folder / "03.dcm").unlink()
        shutil.copy(pydicom_path("MR_small.dcm"), folder / "05.dcm")
        shutil.copy(pydicom_path("MR_small.dcm"), folder / "99.dcm")
        os.utime(folder / "07.dcm", ns=(1000, 1000))
        read = []
        monkeypatch.setattr(
            reading, "gather", lambda paths, *rest: read.extend(paths) or gather(paths, *rest)
        )
        for before in (table, tmp_path / "index.parquet"):
            read.clear()
            updated = hu.index.update(before, folder)
            assert [os.path.basename(path) for path in read] == ["05.dcm", "07.dcm", "99.dcm"]  # noqa: PTH119
            assert updated.sort_by("path").equals(hu.index(folder, ["KVP"]).combine_chunks())

    def test_of_nothing_new_is_the_same(self, folder):
        table = hu.index(folder)
        assert hu.index.update(table, folder).equals(table)
        assert hu.index.update(table, []).num_rows == 0
        assert hu.index.update(hu.index([]), folder).equals(table)

    def test_of_several_with_one_name(self, tmp_path, pydicom_path):
        """Members of an archive may have one name and one size, and files be given twice."""
        path = pydicom_path("CT_small.dcm")
        with tarfile.open(tmp_path / "scans.tar", "w") as tar:
            for patient in (b"1CT1", b"2CT2", b"3CT3"):
                data = path.read_bytes().replace(b"1CT1", patient)
                member = tarfile.TarInfo("ct.dcm")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        sources = [path, tmp_path / "scans.tar", path]
        table = hu.index(sources)
        assert table["PatientID"].to_pylist() == ["1CT1", "1CT1", "2CT2", "3CT3", "1CT1"]
        assert hu.index.update(table, sources).equals(table)
        assert hu.index.update(table.slice(0, 4), sources).equals(table)
        assert hu.index.update(table, sources[:2]).equals(table.slice(0, 4))

    def test_of_what_is_no_index(self, folder, tmp_path):
        table = hu.index(folder)
        (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
        with pytest.raises(hu.OptionError, match="broken"):
            hu.index.update(tmp_path / "bad.parquet", folder)
        with pytest.raises(FileNotFoundError) as caught:
            hu.index.update(tmp_path / "none.parquet", folder)
        assert caught.value.filename == str(tmp_path / "none.parquet")
        with pytest.raises(hu.OptionError, match="no index"):
            hu.index.update(pa.table({"path": ["x"]}), folder)
        with pytest.raises(hu.OptionError, match="other columns"):
            hu.index.update(table.drop_columns("Rows"), folder)


@pytest.fixture
def archives(tmp_path, pydicom_path):
    """A folder with a file and, of three members each, archives of several kinds."""
    root = tmp_path / "archives"
    root.mkdir()
    names = "CT_small.dcm", "MR_small.dcm", "rtplan.dcm"
    shutil.copy(pydicom_path("CT_small.dcm"), root / "alone.dcm")
    for ending, mode in ((".tar", "w"), (".tar.gz", "w:gz")):
        with tarfile.open(root / f"scans{ending}", mode) as tar:
            for name in names:
                tar.add(pydicom_path(name), name)
    with zipfile.ZipFile(root / "scans.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(pydicom_path(name), f"below/{name}")
        archive.writestr("notes.txt", "not DICOM")
    return root


class TestSources:
    @pytest.mark.parametrize("threads", [1, 2])
    def test_members_of_archives(self, archives, pydicom_path, threads):
        (path,) = archives.glob("*.zip")
        table = hu.index([path, f"{archives}/*.tar*", archives / "alone.dcm"], MORE_TAGS, threads=threads)
        table.validate(full=True)
        assert [os.path.relpath(each, archives) for each in table["path"].to_pylist()] == [
            "scans.zip::below/CT_small.dcm",
            "scans.zip::below/MR_small.dcm",
            "scans.zip::below/rtplan.dcm",
            "scans.zip::notes.txt",
            "scans.tar::CT_small.dcm",
            "scans.tar::MR_small.dcm",
            "scans.tar::rtplan.dcm",
            "scans.tar.gz::CT_small.dcm",
            "scans.tar.gz::MR_small.dcm",
            "scans.tar.gz::rtplan.dcm",
            "alone.dcm",
        ]
        names = "CT_small.dcm", "MR_small.dcm", "rtplan.dcm"
        alone = hu.index([pydicom_path(name) for name in names], MORE_TAGS).drop_columns(["path", "mtime"])
        for start in (0, 4, 7):
            assert table.slice(start, 3).drop_columns(["path", "mtime"]).to_pylist() == alone.to_pylist()
        assert table["status"].to_pylist()[3] == "not DICOM"
        changed = table["mtime"].cast("int64").to_pylist()
        assert changed[:4] == [path.stat().st_mtime_ns // 1000] * 4

    def test_bytes_files_and_urls(self, archives, pydicom_path):
        fsspec = pytest.importorskip("fsspec")
        path = pydicom_path("CT_small.dcm")
        memory = fsspec.filesystem("memory")
        memory.pipe("/index-test/below/ct.dcm", path.read_bytes())
        with path.open("rb") as file:
            sources = [path.read_bytes(), file, "memory://index-test/", "memory://index-test/below/ct.dcm"]
            table = hu.index([*sources, f"{archives}/alone.*", f"{archives}/none*"])
        memory.rm("/index-test", recursive=True)
        assert table["Rows"].to_pylist() == [128] * 5 + [None]
        names = table["path"].to_pylist()
        assert names[:2] == ["<bytes>", str(path)]
        assert names[2].endswith("index-test/below/ct.dcm")
        assert names[3] == "memory://index-test/below/ct.dcm"
        assert table["size"].to_pylist()[2] == path.stat().st_size
        assert table["status"].to_pylist()[-1] == "unreadable"
        with pytest.raises(TypeError):
            hu.index([3])

    def test_update_reads_what_is_in_archives_that_changed(self, archives, pydicom_path, monkeypatch):
        given = [str(path) for path in sorted(archives.iterdir())]
        table = hu.index(given)
        opened = []
        read = reading.read
        monkeypatch.setattr(
            reading, "read", lambda source, **options: opened.append(source) or read(source, **options)
        )
        assert hu.index.update(table, given).equals(table)
        assert opened == []
        with zipfile.ZipFile(archives / "scans.zip", "a") as archive:
            archive.write(pydicom_path("MR_small.dcm"), "new.dcm")
        os.utime(archives / "scans.zip", ns=(10**9, 10**9))
        updated = hu.index.update(table, given)
        assert len(opened) == 5
        assert updated.sort_by("path").equals(hu.index(given).sort_by("path"))

    def test_an_archive_that_is_broken(self, archives):
        (archives / "bad.zip").write_bytes(b"PK\3\4 and no more")
        whole = (archives / "scans.tar").read_bytes()
        (archives / "cut.tar").write_bytes(whole[:5000])
        table = hu.index([archives / "bad.zip", archives / "cut.tar", archives / "gone.zip"])
        rows = table.select(["status", "reason"]).to_pylist()
        assert [row["status"] for row in rows] == ["broken", "broken", "broken", "unreadable"][: len(rows)]
        assert all(row["reason"] for row in rows)


def test_kernel_alone(pydicom_path):
    path = str(pydicom_path("CT_small.dcm"))
    fates, sizes, times, left, columns = gather(
        [path, None, "/none"], [(0x00280010, "US", False)], 0x00280011
    )
    assert fates == [0, UNUSUAL, 2]
    assert struct.unpack("=3q", sizes)[1:] == (-1, -1)
    assert len(times) == 24
    assert left == []
    assert columns[1] == (2, b"\1", b"", b"", struct.pack("=3H", 128, 0, 0))
    with pytest.raises(hu.OptionError):
        gather([], [(0, "US", False)] * 5000, 1)


def test_kernel_in_a_thread_with_descriptors_of_its_own(corpus):
    """It gives the same, and takes no descriptor from others."""
    paths = [str(path) for path in sorted(corpus.rglob("*")) if path.is_file()] + ["/none"]
    columns = [(0x00100010, "PN", False), (0x00280010, "US", False), (0x00281050, "DS", True)]
    with open(paths[0], "rb") as file:  # noqa: PTH123 - whose descriptor is meant
        assert gather(paths, columns, 0x00281051, apart=True) == gather(paths, columns, 0x00281051)
        assert len(file.read(132)) == 132


def test_readme_counts_the_columns():
    readme = Path(__file__).parents[1] / "README.md"
    assert f"a row a file, {hu.index([]).num_columns} columns" in readme.read_text()
