"""The directory of a medium: its tree, and the files it names."""

import os
import pickle
import shutil

import pytest
from pydicom.fileset import FileSet

import hounsfield as hu
from bytewise import element, item, padded, part10

TREES = ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-reordered", "TINY_ALPHA/DICOMDIR"]


@pytest.fixture(scope="module")
def folder(corpus):
    return corpus / "pydicom+pydicom" / "dicomdirtests"


def number(value):
    return value.to_bytes(4, "little")


def dicomdir(*records, first=None):
    """A DICOMDIR of (type, next, lower, file, in use); next and lower are numbers of records, or offsets."""
    start = len(part10(b"")) + 12 + 12  # of the first record
    items, places, at = [], [], start
    for kind, _, _, file, _ in records:
        size = 8 + 12 + 12 + 10 + 8 + len(kind) + len(kind) % 2 + 8 + len(file) + len(file) % 2
        places.append(at)
        at += size

    def place(link):
        return number(0 if link is None else places[link] if link < len(places) else link)

    for kind, following, lower, file, in_use in records:
        record = (
            element(0x00041400, "UL", place(following))
            + element(0x00041410, "US", (0xFFFF if in_use else 0).to_bytes(2, "little"))
            + element(0x00041420, "UL", place(lower))
            + padded(0x00041430, "CS", kind.encode())
            + padded(0x00041500, "CS", file.encode())
        )
        items.append(item(record))
    root = element(0x00041200, "UL", place(0 if first is None else first))
    return part10(root + element(0x00041220, "SQ", b"".join(items)))


@pytest.fixture
def medium(tmp_path):
    def make(*records, first=None, files=()):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        (tmp_path / "DICOMDIR").write_bytes(dicomdir(*records, first=first))
        return hu.read_dicomdir(tmp_path)

    return make


def types(records):
    return [(record.type, types(record.children)) for record in records]


class TestRealOnes:
    @pytest.mark.filterwarnings("ignore")  # of pydicom's, of transfer syntaxes and temporary folders
    @pytest.mark.parametrize("name", TREES)
    def test_same_files_as_pydicom(self, folder, name):
        path = folder / name
        ours, theirs = hu.read_dicomdir(path), FileSet(path)
        theirs._stage["t"].cleanup()
        assert {record.dataset.ReferencedSOPInstanceUIDInFile for record in ours.instances} == {
            str(each.ReferencedSOPInstanceUIDInFile) for each in theirs
        }
        # pydicom resolves links on the way to the folder
        assert sorted(str(path.resolve()) for path in ours.files) == sorted(each.path for each in theirs)
        assert len(ours.instances) + len(ours.patients) + len(ours.studies) + len(ours.series) == len(
            list(ours.walk())
        )
        assert (ours.missing, ours.warnings) == ([], [])
        for record in ours.instances:
            series = record.parent
            assert series.type == "SERIES"
            assert (series.parent.type, series.parent.parent.type) == ("STUDY", "PATIENT")
            ds = hu.read(record.path)
            assert ds.SOPInstanceUID == record.ReferencedSOPInstanceUIDInFile
            assert ds.SeriesInstanceUID == series.SeriesInstanceUID
            assert ds.PatientID == series.parent.parent.PatientID

    def test_tree(self, folder):
        tree = hu.read_dicomdir(folder)
        assert [str(patient.PatientName) for patient in tree.patients] == ["Doe^Archibald", "Doe^Peter"]
        assert [len(patient.children) for patient in tree.records] == [2, 4]
        assert repr(tree) == f"<Dicomdir {folder}: 2 patients, 6 studies, 13 series, 31 files>"
        assert repr(tree.instances[0]) == "<Record IMAGE 77654033/CR1/6154>"

    def test_without_patient(self, folder):
        tree = hu.read_dicomdir(folder / "DICOMDIR-nopatient")
        assert len(tree.files) == 31
        assert [len(tree.studies), len(tree.series)] == [6, 13]
        assert any("placed by their order" in warning for warning in tree.warnings)

    def test_cut_short(self, folder):
        tree = hu.read_dicomdir(folder / "DICOMDIR-nooffset")
        assert len(tree.files) == 31
        assert any("cut short" in warning for warning in tree.warnings)

    def test_empty(self, folder):
        tree = hu.read_dicomdir(folder / "DICOMDIR-empty.dcm")
        assert (tree.records, tree.files, tree.missing) == ([], [], [])

    def test_is_a_data_set(self, folder):
        assert len(hu.read(folder / "DICOMDIR").DirectoryRecordSequence) == 52

    def test_pickle(self, folder):
        tree = pickle.loads(pickle.dumps(hu.read_dicomdir(folder)))
        assert len(tree.files) == 31
        assert tree.patients[0].PatientName == "Doe^Archibald"

    def test_no_dicomdir(self, pydicom_path, tmp_path):
        with pytest.raises(hu.MissingElementError, match="not a DICOMDIR"):
            hu.read_dicomdir(pydicom_path("CT_small.dcm"))
        with pytest.raises(FileNotFoundError):
            hu.read_dicomdir(tmp_path)


P, S, E, I = "PATIENT", "STUDY", "SERIES", "IMAGE"  # noqa: E741
ONE = [(P, [(S, [(E, [(I, []), (I, [])])])])]


class TestBrokenOnes:
    def test_right_offsets(self, medium):
        tree = medium(
            (P, None, 1, "", True),
            (S, None, 2, "", True),
            (E, None, 3, "", True),
            (I, 4, None, "a", True),
            (I, None, None, "b", True),
        )
        assert types(tree.records) == ONE
        assert tree.warnings == ["a is missing", "b is missing"]

    @pytest.mark.parametrize("wrong", [99999, 7])
    def test_no_or_wrong_offsets(self, medium, wrong):
        for first in (wrong, None):
            tree = medium(
                *(
                    (kind, wrong, wrong, file, True)
                    for kind, file in ((P, ""), (S, ""), (E, ""), (I, "A"), (I, "B"))
                ),
                first=first,
                files=["A", "B"],
            )
            assert types(tree.records) == ONE
            assert [path.name for path in tree.files] == ["A", "B"]
            assert any("placed by their order" in warning for warning in tree.warnings)
            assert any("leads nowhere" in warning for warning in tree.warnings)

    def test_circles(self, medium):
        tree = medium((P, 0, 1, "", True), (S, 1, 0, "", True))
        assert types(tree.records) == [(P, [(S, [])])]
        assert len(tree.warnings) == 3

    def test_what_is_not_in_use(self, medium):
        tree = medium(
            (P, 2, 1, "", False),
            (I, None, None, "A", True),
            (P, None, 3, "", True),
            (I, None, None, "B", True),
            files=["A", "B"],
        )
        assert types(tree.records) == [(P, [(I, [])])]
        assert [path.name for path in tree.files] == ["B"]

    def test_records_of_another_vr(self, tmp_path):
        (tmp_path / "DICOMDIR").write_bytes(part10(element(0x00041220, "CS", b"PATIENT ")))
        with pytest.raises(hu.MissingElementError, match="no directory records"):
            hu.read_dicomdir(tmp_path)

    def test_offsets_of_another_vr(self, tmp_path):
        """Whatever stands where an offset should, a sequence even: it leads nowhere."""
        offset = element(0x00041400, "SQ", item(b""))
        record = item(offset + padded(0x00041430, "CS", b"PATIENT"))
        root = element(0x00041200, "UL", number(len(part10(b"")) + 24))
        (tmp_path / "DICOMDIR").write_bytes(part10(root + element(0x00041220, "SQ", record)))
        found = hu.read_dicomdir(tmp_path)
        assert [each.type for each in found.records] == ["PATIENT"]
        assert any("leads nowhere" in each for each in found.warnings)

    def test_very_deep(self, medium):
        tree = medium(*((I, None, number + 1, "", True) for number in range(2000)))
        assert len(list(tree.walk())) == 2000


class TestFiles:
    def test_case_does_not_count(self, medium):
        tree = medium(
            (I, 1, None, "PT0\\IM1", True),
            (I, None, None, "PT0\\IM2", True),
            files=["pt0/Im1", "pt0/IM2", "pt0/im2"],
        )
        assert [path.relative_to(tree.folder).as_posix() for path in tree.files] == ["pt0/Im1", "pt0/IM2"]

    @pytest.mark.parametrize(
        "file_id",
        ["..\\secret", "a\\..\\..\\secret", "/etc\\passwd", "a/../../secret", "C:\\x", ".", "a\\\\b"],
    )
    def test_never_outside(self, medium, tmp_path, file_id):
        (tmp_path.parent / "secret").write_bytes(b"")
        tree = medium((I, None, None, file_id, True), files=["a/b"])
        assert tree.files == []
        assert [record.type for record in tree.missing] == ["IMAGE"]
        assert len(tree.warnings) == 1

    def test_never_outside_by_a_link(self, medium, tmp_path):
        outside = tmp_path.parent / f"{tmp_path.name}-outside"
        outside.mkdir()
        (outside / "A").write_bytes(b"")
        (tmp_path / "LINK").symlink_to(outside)
        tree = medium((I, None, None, "LINK\\A", True))
        assert tree.files == []
        assert "by a link" in tree.warnings[0]

    def test_folders_are_no_files(self, medium):
        tree = medium((I, None, None, "A", True), files=["A/B"])
        assert tree.files == []
        assert tree.warnings == ["A is no file"]

    def test_the_name_of_the_dicomdir(self, folder, tmp_path):
        shutil.copy(folder / "DICOMDIR", tmp_path / "dicomdir")
        tree = hu.read_dicomdir(os.fspath(tmp_path))
        assert len(tree.missing) == 31
