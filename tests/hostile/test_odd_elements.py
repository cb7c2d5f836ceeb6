"""Elements that are well formed and make no sense: of another VR, with values that nobody expects, anywhere.

Whatever is asked of such a file gives something or an error of ours. HOUNSFIELD_FUZZ=10 tries ten times as
many.
"""

import os
import pickle
import random
import struct
from pathlib import Path

import pytest

import hounsfield as hu
from bytewise import LONG, element, item
from hounsfield._kernels.scan import scan
from hounsfield.elements.dicomdir import Dicomdir
from hounsfield.elements.dictionary import TAGS

FILES = [
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "examples_palette.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
    "DICOMDIR",
]
CHANGED = 200 * int(os.environ.get("HOUNSFIELD_FUZZ") or 1)

VRS = "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV"

WORDS = """
    BitsAllocated BitsStored HighBit PixelRepresentation SamplesPerPixel PlanarConfiguration Rows Columns
    NumberOfFrames PhotometricInterpretation ImageType RescaleSlope RescaleIntercept RescaleType
    WindowCenter WindowWidth VOILUTFunction PixelPaddingValue PresentationLUTShape SpecificCharacterSet
    SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID Modality
    ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices
    SliceLocation InstanceNumber AcquisitionNumber AcquisitionTime ContentTime EchoTime
    TemporalPositionIdentifier DimensionIndexValues TotalPixelMatrixRows TotalPixelMatrixColumns
    DimensionOrganizationType SegmentationType PyramidUID ConcatenationUID
    ColumnPositionInTotalImagePixelMatrix RowPositionInTotalImagePixelMatrix SegmentNumber
    ReferencedSegmentNumber OpticalPathIdentifier ZOffsetInSlideCoordinateSystem StackID
    InStackPositionNumber LUTDescriptor LUTData ModalityLUTType RedPaletteColorLookupTableDescriptor
    RedPaletteColorLookupTableData SegmentedRedPaletteColorLookupTableData ExtendedOffsetTable
    ExtendedOffsetTableLengths DirectoryRecordType OffsetOfTheNextDirectoryRecord
    OffsetOfReferencedLowerLevelDirectoryEntity ReferencedFileID
"""

SEQUENCES = """
    SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence PixelMeasuresSequence
    PlanePositionSequence PlaneOrientationSequence FrameContentSequence FrameVOILUTSequence
    PixelValueTransformationSequence PlanePositionSlideSequence SegmentIdentificationSequence
    SegmentSequence OpticalPathSequence OpticalPathIdentificationSequence TotalPixelMatrixOriginSequence
    DimensionIndexSequence ModalityLUTSequence VOILUTSequence DirectoryRecordSequence SourceImageSequence
"""

TEXTS = rb"""
1 |0 |-1|1\2 |1\0\0\0\1\0 |nan |1e400 |-1e308\1e308|\\|  |1.5 |99999999999999999999|4294967296|65536 |1E-320
|3\3 |RGB |MONOCHROME1 |PALETTE COLOR |YBR_FULL_422|SIGMOID |2020130 |ISO_IR 192|PATIENT |IMAGE |LABELMAP
|ISO 2022 IR 87\ISO 2022 IR 13 |ORIGINAL\PRIMARY|TILED_FULL|IDENTITY
""".replace(b"\n", b"").split(b"|")
NUMBERS = [0.0, 1.0, -1.0, float("nan"), float("inf"), 1e308, 1e-320]
VALUES = [
    *TEXTS,
    b"",
    *(struct.pack("<H", number) for number in (0, 1, 2, 3, 8, 16, 0x8000, 0xFFFF)),
    *(struct.pack("<I", number) for number in (0, 1, 1 << 31, (1 << 31) - 1, (1 << 32) - 1)),
    *(struct.pack("<d", number) for number in NUMBERS),
    struct.pack("<6d", 1, 0, 0, 0, 1, 0),
    struct.pack("<3H", 256, 0, 16),
    struct.pack("<3H", 0, 0, 16),
    bytes(8),
    b"\xff" * 8,
    b"\xff\xfe\xe9\x80 ",
    b"\x1b$B ",
]


class Odd:
    """A file's elements, and how they become others."""

    def __init__(self, data, chance):
        self.head_end = scan(data, 132, stop_tag=0x00030000).end
        self.data, self.chance = data, chance
        table = scan(data, self.head_end, stop_tag=TAGS["PixelData"], fragments=False)
        rows = [(tag, vr, data[offset : offset + length]) for tag, vr, offset, length, *_ in table]
        self.elements = {tag: (vr, value) for tag, vr, value in rows}
        self.pixels = data[table.end :]

    def some_element(self, depth):
        """The bytes of an element that has no business there."""
        chance = self.chance
        if depth and chance.random() < 0.4:
            inner = b"".join(self.some_element(depth - 1) for _ in range(chance.choice((1, 1, 2))))
            return element(
                TAGS[chance.choice(SEQUENCES.split())], "SQ", item(inner) * chance.choice((0, 1, 1, 2))
            )
        return element(TAGS[chance.choice(WORDS.split())], chance.choice(VRS.split()), chance.choice(VALUES))

    def changed(self):
        chance, elements, put = self.chance, dict(self.elements), {}
        for _ in range(chance.choice((1, 2, 4))):
            way = chance.random()
            tag = chance.choice([*elements, TAGS[chance.choice(WORDS.split())]])
            vr, value = elements.get(tag, ("UN", b""))
            if way < 0.2 and len(value) < 1 << 16:
                elements[tag] = chance.choice(VRS.split()), value
            elif way < 0.4:
                elements[tag] = vr, chance.choice(VALUES)
            elif way < 0.6:
                elements[tag] = chance.choice(VRS.split()), chance.choice(VALUES)
            elif way < 0.7:
                elements.pop(tag, None)
            else:
                one = self.some_element(2)
                group, number = struct.unpack_from("<HH", one)
                put[group << 16 | number] = one
        written = {
            tag: element(tag, vr, value)
            for tag, (vr, value) in elements.items()
            if vr in LONG or len(value) < 1 << 16
        }
        body = b"".join(one for _, one in sorted((written | put).items()))
        return self.data[: self.head_end] + body + self.pixels


def ask_values(data):
    ds = hu.read(data)
    for text in (str(ds), repr(ds), ds._repr_html_()):
        assert text
    assert pickle.loads(pickle.dumps(ds)).keys() == ds.keys()
    hu.Dataset.from_json(ds.to_json())


def ask_pixels(data):
    plan = hu.read(data).pixel_plan()
    assert plan.shape == hu.read(data).pixel_array.shape


def ask_volume(data):
    volume = hu.load_volume([data, data])
    assert volume.affine.shape == (4, 4)
    assert volume.array.shape == volume.shape


ASKED = {
    "values": ask_values,
    "pixels": ask_pixels,
    "render": lambda data: hu.read(data).render(),
    "auto": lambda data: hu.read(data).render(window="auto"),
    "modality": lambda data: hu.read(data).modality_values(),
    "region": lambda data: hu.read_region(hu.read(data), (0, 0), (9, 9)),
    "volume": ask_volume,
    "series": lambda data: hu.load_series([data, data]),
    "index": lambda data: hu.index(data),
    "dicomdir": lambda data: repr(Dicomdir(hu.read(data), Path())),
}


@pytest.mark.parametrize("name", FILES)
def test_odd_elements(name, pydicom_path):
    chance = random.Random(name)
    odd = Odd(pydicom_path(name).read_bytes(), chance)
    for number in range(CHANGED):
        data = odd.changed()
        for what, ask in ASKED.items():
            try:
                ask(data)
            except hu.DicomError:
                pass
            except Exception as error:
                error.add_note(f"change {number}, asked for {what}")
                raise
