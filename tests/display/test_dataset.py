"""render_dataset and modality_values: what the data set says about its display; pydicom says the same."""

import os
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite, examples
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing
from pydicom.uid import ExplicitVRLittleEndian

import hounsfield as hu
from hounsfield.display import Window, file_windows, modality_values, render, render_dataset
from hounsfield.display.lut import apply_palette, lookup_table
from hounsfield.errors import ElementError, MissingElementError, OptionError

CORPUS = Path(os.environ.get("HOUNSFIELD_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")


def dataset(array, **elements):
    """A data set with the pixels of a uint16 or int16 array."""
    array = np.asarray(array)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = array.shape[-2:]
    if array.ndim == 3:
        ds.NumberOfFrames = len(array)
    ds.BitsAllocated = ds.BitsStored = 8 * array.dtype.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(array.dtype.kind == "i")
    ds.PixelData = array.tobytes() + bytes(array.nbytes % 2)
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def item(**elements):
    ds = Dataset()
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def table(first, entries, bits):
    ds = item(LUTDescriptor=[len(entries), first, bits])
    ds.add_new("LUTData", "US", list(entries))
    return ds


RAMP = np.arange(-40, 60, dtype="i2").reshape(10, 10)


class TestModality:
    def test_rescale(self):
        ds = dataset(RAMP, RescaleSlope="0.1", RescaleIntercept="-7.3")
        got = modality_values(ds)
        assert got.dtype == np.float32
        assert np.array_equal(got, (RAMP * 0.1 - 7.3).astype("f4"))

    def test_whole_numbers_take_the_short_way(self):
        ds = dataset(RAMP, RescaleSlope="2", RescaleIntercept="-1024")
        assert np.array_equal(modality_values(ds), RAMP * 2.0 - 1024)

    def test_without_rescale_and_with_the_caller_s_array(self):
        assert np.array_equal(modality_values(dataset(RAMP)), RAMP)
        assert np.array_equal(modality_values(dataset(RAMP, RescaleSlope=3), RAMP[:2]), RAMP[:2] * 3)

    def test_lut(self):
        ds = dataset(RAMP, RescaleSlope=99, ModalityLUTSequence=[table(-5, [10, 20, 30], 16)])
        got = modality_values(ds)
        assert got.dtype == np.float32
        assert np.array_equal(got, np.array([10, 20, 30])[np.clip(RAMP + 5, 0, 2)])

    def test_dose(self):
        ds = dataset(RAMP, DoseGridScaling="0.25", RescaleSlope="3")
        assert np.array_equal(modality_values(ds), RAMP * 0.25)
        ds.DoseGridScaling = None
        assert np.array_equal(modality_values(ds), RAMP * 3.0)

    def test_a_dose_that_is_scaled_by_nothing_finite(self):
        with pytest.raises(ElementError, match=r"Dose Grid Scaling inf"):
            modality_values(dataset(RAMP, DoseGridScaling="1e999"))

    def test_per_frame(self):
        stack = np.stack([RAMP] * 3)
        per_frame = [
            item(PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=intercept)])
            for slope, intercept in ((1, 0), (2.5, -1), (-1, 7))
        ]
        ds = dataset(stack, PerFrameFunctionalGroupsSequence=per_frame)
        expected = np.stack([RAMP, RAMP * 2.5 - 1, 7.0 - RAMP])
        assert np.array_equal(modality_values(ds), expected)
        assert np.array_equal(modality_values(ds, frame=1), expected[1])
        with pytest.raises(OptionError, match="no frame 3"):
            modality_values(ds, frame=3)

    def test_shared(self):
        transformation = item(PixelValueTransformationSequence=[item(RescaleSlope=4, RescaleIntercept=1)])
        ds = dataset(np.stack([RAMP] * 2), SharedFunctionalGroupsSequence=[transformation])
        assert np.array_equal(modality_values(ds, frame=1), RAMP * 4 + 1)

    @pytest.mark.parametrize("value", [5, "5", b"5", (1.5, 2.0), ["a"]])
    @pytest.mark.parametrize(
        "keyword",
        ["PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "ModalityLUTSequence"],
    )
    def test_sequences_that_are_none(self, keyword, value):
        class Plain(dict):
            pixel_array = RAMP

        with pytest.raises(ElementError, match=f"{keyword} is no sequence"):
            modality_values(Plain({keyword: value}))
        group = Plain(PixelValueTransformationSequence=value)
        with pytest.raises(ElementError, match="PixelValueTransformationSequence is no sequence"):
            modality_values(Plain(SharedFunctionalGroupsSequence=[group]))

    @pytest.mark.parametrize("value", ["nan", "inf", "one"])
    def test_bad_slope_names_its_tag(self, value):
        class Plain(dict):
            pixel_array = RAMP

        with pytest.raises(ElementError, match="0028,1053"):
            modality_values(Plain(RescaleSlope=value))


class TestFileWindows:
    def test_several(self):
        ds = dataset(
            RAMP,
            WindowCenter=[10, -20.5],
            WindowWidth=[40, 60],
            WindowCenterWidthExplanation=["SOFT", "BONE"],
            VOILUTFunction="SIGMOID",
        )
        assert file_windows(ds) == (Window(10, 40, "SIGMOID", "SOFT"), Window(-20.5, 60, "SIGMOID", "BONE"))
        for position, window in enumerate(file_windows(ds)):
            expected = render(RAMP, window[:2], function="SIGMOID")
            assert np.array_equal(render_dataset(ds, index=position), expected)
            assert np.array_equal(render_dataset(ds, position), expected)
        with pytest.raises(OptionError, match="none of index 2"):
            render_dataset(ds, 2)

    def test_none(self):
        assert file_windows(dataset(RAMP)) == ()
        assert file_windows(dataset(RAMP, WindowCenter=None, WindowWidth=None)) == ()
        with pytest.raises(OptionError, match="none of index 1"):
            render_dataset(dataset(RAMP), 1)
        with pytest.raises(OptionError, match="none of index 1"):
            render_dataset(dataset(RAMP), np.int64(1))

    def test_width_below_one(self):
        ds = dataset(RAMP, WindowCenter=0.5, WindowWidth=0.8, RescaleSlope=0.01, RescaleIntercept=0.5)
        assert file_windows(ds) == (Window(0.5, 0.8, "LINEAR_EXACT"),)
        expected = render(RAMP, (0.5, 0.8), slope=0.01, intercept=0.5, function="LINEAR_EXACT")
        assert np.array_equal(render_dataset(ds), expected)
        assert len(np.unique(expected)) > 50

    @pytest.mark.parametrize(("center", "width"), [(40, 0), (0, -5)])
    def test_width_not_above_zero(self, center, width):
        ds = dataset(RAMP, WindowCenter=center, WindowWidth=width)
        with pytest.raises(ElementError, match=r"0028,1051.*not above 0"):
            render_dataset(ds)
        assert np.array_equal(render_dataset(ds, "brain"), render(RAMP, "brain"))

    def test_zeros_are_no_window(self):
        """Some writers put them where there is none."""
        ds = dataset(RAMP, WindowCenter=0, WindowWidth=0)
        assert file_windows(ds) == ()
        assert np.array_equal(render_dataset(ds), render_dataset(ds, "auto"))
        ds = dataset(RAMP, WindowCenter=[0, 40], WindowWidth=[0, 400])
        assert file_windows(ds) == (Window(40, 400),)

    def test_zeros_are_told(self, tmp_path):
        ds = dataset(RAMP, WindowCenter=0, WindowWidth=0)
        ds.SOPClassUID = ds.SOPInstanceUID = "1.2"
        path = tmp_path / "zeros.dcm"
        dcmwrite(path, ds, enforce_file_format=True)
        found = hu.read(path)
        assert np.array_equal(found.render(), render_dataset(ds, "auto"))
        assert found.warnings == (
            "(0028,1051) WindowWidth: 0 with a Window Center of 0 is no window: left aside",
        )
        batch = hu.decode_batch([path])
        assert np.array_equal(batch.array[0], found.render())
        assert batch.items[0].window == (9.5, 99)
        with pytest.raises(ElementError, match=r"0028,1051.*no window"):
            hu.read(path, strict=True).render()

    def test_unknown_function(self):
        with pytest.raises(ElementError, match="0028,1056"):
            render_dataset(dataset(RAMP, WindowCenter=0, WindowWidth=9, VOILUTFunction="CUBIC"))

    def test_per_frame(self):
        stack = np.stack([RAMP] * 2)
        frames = [
            item(FrameVOILUTSequence=[item(WindowCenter=center, WindowWidth=width)])
            for center, width in ((0, 50), (10, 20))
        ]
        ds = dataset(stack, PerFrameFunctionalGroupsSequence=frames, WindowCenter=99, WindowWidth=99)
        expected = np.stack([render(RAMP, (0, 50)), render(RAMP, (10, 20))])
        assert np.array_equal(render_dataset(ds), expected)
        assert np.array_equal(render_dataset(ds, frame=1), expected[1])
        assert np.array_equal(render_dataset(ds, frame=1, array=RAMP), expected[1])
        out = np.empty((2, 10, 10), "u1")
        assert render_dataset(ds, out=out) is out
        assert np.array_equal(out, expected)


class TestAuto:
    def test_a_file_without_windows(self):
        levels = render_dataset(dataset(RAMP, RescaleSlope=2, RescaleIntercept=-1000))
        assert np.array_equal(levels, render(RAMP))

    @pytest.mark.parametrize("padding", [-2000, 63536])
    def test_padding_is_left_out(self, padding):
        array = RAMP.copy()
        array[0] = -2000
        ds = dataset(array, RescaleSlope=1, RescaleIntercept=-1024)
        ds.add_new("PixelPaddingValue", "US" if padding > 0 else "SS", padding)
        levels = render_dataset(ds, "auto")
        assert np.array_equal(levels[1:], render(array[1:]))
        assert not levels[0].any()

    def test_padding_range(self):
        array = RAMP.astype("u2") % 4096
        array[:3] = [[4000], [4040], [4095]]
        ds = dataset(array, PixelPaddingValue=4095, PixelPaddingRangeLimit=4000)
        kept = array[array < 4000]
        expected = render(
            array, ((int(kept.min()) + int(kept.max())) / 2, np.ptp(kept)), function="LINEAR_EXACT"
        )
        assert np.array_equal(render_dataset(ds, "auto"), expected)

    def test_nothing_but_padding(self):
        assert not render_dataset(dataset(RAMP * 0 + 7, PixelPaddingValue=7)).any()

    def test_one_window_for_all_frames(self):
        stack = np.stack([RAMP, RAMP])
        per_frame = [
            item(PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=0)])
            for slope in (1, 2)
        ]
        ds = dataset(stack, PerFrameFunctionalGroupsSequence=per_frame)
        assert np.array_equal(render_dataset(ds), render(np.stack([RAMP, RAMP * 2])))

    def test_modality_lut(self):
        ds = dataset(RAMP, ModalityLUTSequence=[table(0, [5, 0, 100], 16)])
        assert set(render_dataset(ds).ravel().tolist()) == {0, 13, 255}

    def test_modality_lut_of_few_entries_for_samples_of_32_bits(self):
        """What it gives is looked up among its entries, not among all samples that there could be."""
        stored = np.array([[0, 1], [3, 0xFFFFFFFF]], "u4")
        ds = dataset(stored, ModalityLUTSequence=[table(1, [10, 0, 110], 16)])
        assert render_dataset(ds, array=stored).tolist() == [[23, 23], [255, 255]]


class TestPresentation:
    @pytest.mark.parametrize(
        ("elements", "inverted"),
        [
            ({}, False),
            ({"PhotometricInterpretation": "MONOCHROME1"}, True),
            ({"PresentationLUTShape": "INVERSE"}, True),
            ({"PresentationLUTShape": "IDENTITY"}, False),
            ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}, True),
        ],
    )
    def test_inversion_follows_the_window(self, elements, inverted):
        ds = dataset(RAMP, WindowCenter=-10, WindowWidth=30, **elements)
        assert np.array_equal(render_dataset(ds), render(RAMP, (-10, 30), invert=inverted))
        assert np.array_equal(render_dataset(ds, invert=False), render(RAMP, (-10, 30)))
        assert np.array_equal(render_dataset(ds, invert=True), 255 - render_dataset(ds, invert=False))

    def test_colour_is_returned_as_it_is(self):
        rgb = np.arange(5 * 4 * 3, dtype="u1").reshape(5, 4, 3)
        ds = item(SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsStored=8)
        assert np.array_equal(render_dataset(ds, "lung", array=rgb), rgb)
        assert np.array_equal(render_dataset(ds, array=rgb, dtype="u2"), rgb.astype("u2") * 257)
        assert np.array_equal(render_dataset(ds, array=rgb, invert=True), 255 - rgb)

    def test_deep_colour_is_scaled_by_bits_stored(self):
        rgb = (np.arange(5 * 4 * 3, dtype="u2") * 65).reshape(5, 4, 3)
        ds = item(SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsStored=12)
        assert np.array_equal(render_dataset(ds, array=rgb), np.rint(rgb / 4095 * 255))


class TestVoiLut:
    def test_after_the_rescale_and_before_the_windows(self):
        curve = [0, 1000, 3000, 4095]
        ds = dataset(
            RAMP,
            VOILUTSequence=[table(-1, curve, 12)],
            RescaleSlope=0.5,
            RescaleIntercept=0,
            WindowCenter=3,
            WindowWidth=9,
        )
        index = np.clip(np.rint(RAMP * 0.5) + 1, 0, 3).astype(int)
        for dtype, top in (("u1", 255), ("u2", 65535)):
            expected = np.rint(np.array(curve) * (top / 4095))[index]
            assert np.array_equal(render_dataset(ds, dtype=dtype), expected)
            assert np.array_equal(render_dataset(ds, dtype=dtype, invert=True), top - expected)
        assert np.array_equal(render_dataset(ds, index=1), render(RAMP, (3, 9), slope=0.5))

    @pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", ">i2", "i4"])
    def test_large_images_are_as_small_ones(self, dtype):
        stored = np.random.default_rng(0).integers(0, 120, (300, 301)).astype(dtype)
        elements = {"VOILUTSequence": [table(3, range(0, 1000, 10), 10)], "RescaleSlope": 0.7}
        lut = {"ModalityLUTSequence": [table(5, range(50, 100), 8)]}
        for extra in ({}, lut, {"PhotometricInterpretation": "MONOCHROME1"}):
            ds = dataset(stored, **elements, **extra)
            whole = render_dataset(ds, array=stored)
            rows = [render_dataset(ds, array=row) for row in stored[:, None]]
            assert np.array_equal(whole, np.concatenate(rows))

    def test_bits_allocated_in_place_of_bits(self):
        ds = dataset(RAMP, VOILUTSequence=[table(0, [0, 2048, 4095], 16)])
        assert sorted(set(render_dataset(ds).ravel().tolist())) == [0, 128, 255]

    @pytest.mark.parametrize("byteorder", ["<", ">"])
    def test_data_as_bytes(self, byteorder):
        words = np.array([5, 700, 40000], f"{byteorder}u2").tobytes()
        lut = lookup_table(
            {"LUTDescriptor": (3, 65534, 16), "LUTData": words}, greatest=0x7FFF, byteorder=byteorder
        )
        assert (lut.first, lut.entries.tolist(), lut.bits) == (-2, [5, 700, 40000], 16)
        bytes_in_words = {"<": b"\x01\x02\x03\x00", ">": b"\x02\x01\x00\x03"}[byteorder]
        lut = lookup_table(
            {"LUTDescriptor": (3, 0, 8), "LUTData": bytes_in_words}, greatest=0xFFFF, byteorder=byteorder
        )
        assert lut.entries.tolist() == [1, 2, 3]

        packed = {"LUTDescriptor": (3, 0, 8), "LUTData": [0x0201, 0x0003]}
        assert lookup_table(packed, greatest=0xFFFF, byteorder=byteorder).entries.tolist() == [1, 2, 3]

    @pytest.mark.parametrize(
        ("kind", "first", "elements", "expected"),
        [
            ("i2", 65534, {}, [0, 0, 1, 2]),
            ("u2", 65534, {"RescaleSlope": 1, "RescaleIntercept": -3}, [0, 0, 1, 2]),
            ("u2", 65534, {"RescaleSlope": -1, "RescaleIntercept": 0}, [2, 1, 0, 0]),
            ("u2", 40000, {"RescaleSlope": 1, "RescaleIntercept": -1}, [0, 0, 0, 0]),
            ("i2", 40001, {"RescaleSlope": 1, "RescaleIntercept": 40003}, [0, 0, 1, 2]),
            ("i2", 40001, {"ModalityLUTSequence": [table(-3, range(40000, 40004), 16)]}, [0, 0, 1, 2]),
        ],
    )
    def test_first_input_is_as_signed_as_modality_values_can_be(self, kind, first, elements, expected):
        """US may be said of what is negative, and Pixel Representation says nothing of what is looked up."""
        stored = np.array([[-3, -2, -1, 0]] if kind == "i2" else [[0, 1, 2, 3]], kind)
        values = table(0, [0, 1, 2], 8)
        values.LUTDescriptor = [3, first, 8]
        ds = {"BitsStored": 16, "PixelRepresentation": int(kind == "i2"), "VOILUTSequence": [values]}
        assert render_dataset({**ds, **elements}, array=stored).tolist() == [expected]

    def test_zero_entries_are_65536(self):
        data = np.arange(65536, dtype="<u2").tobytes()
        lut = lookup_table({"LUTDescriptor": [0, 0, 16], "LUTData": data}, greatest=0xFFFF, byteorder="<")
        assert len(lut.entries) == 65536
        assert lut(np.array([-5, 65535, 70000, np.nan, np.inf])).tolist() == [0, 65535, 65535, 0, 65535]

    @pytest.mark.parametrize(
        ("elements", "error"),
        [
            ({"LUTData": [1]}, MissingElementError),
            ({"LUTDescriptor": [1, 0, 8]}, MissingElementError),
            ({"LUTDescriptor": [3, 0, 8], "LUTData": [1]}, ElementError),
            ({"LUTDescriptor": [5, 0, 16], "LUTData": [1, 2, 3, 4]}, ElementError),
            ({"LUTDescriptor": [5, 0, 16], "LUTData": bytes(8)}, ElementError),  # cut, not of bytes
            ({"LUTDescriptor": [3, 0, 8], "LUTData": b"12"}, ElementError),
            ({"LUTDescriptor": [1, 0, 7], "LUTData": [1]}, ElementError),
            ({"LUTDescriptor": [1, 0, 17], "LUTData": [1]}, ElementError),
            ({"LUTDescriptor": [1, 0], "LUTData": [1]}, ElementError),
            ({"LUTDescriptor": "no", "LUTData": [1]}, ElementError),
            ({"LUTDescriptor": [1, np.inf, 8], "LUTData": [1]}, ElementError),
            ({"LUTDescriptor": [1, 1e30, 8], "LUTData": [1]}, ElementError),
            ({"LUTDescriptor": [1, 0, 8], "LUTData": "no"}, ElementError),
            ({"LUTDescriptor": [1, 0, 8], "LUTData": ""}, ElementError),
            ({"LUTDescriptor": [1, 0, 8], "LUTData": [1.5]}, ElementError),
            ({"LUTDescriptor": [1, 0, 16], "LUTData": [70000]}, ElementError),
            ({"LUTDescriptor": [1, 0, 16], "LUTData": 1 << 64}, ElementError),
            ({"LUTDescriptor": [1, 0, 8], "LUTData": Dataset()}, ElementError),
        ],
    )
    def test_broken(self, elements, error):
        with pytest.raises(error, match="0028,300"):
            lookup_table(elements, greatest=0xFFFF, byteorder="<")


class TestPalette:
    def test_like_pydicom(self):
        ds = examples.palette_color
        expected = apply_color_lut(ds.pixel_array, ds)
        got, bits = apply_palette(ds, ds.pixel_array)
        assert np.array_equal(got, expected)
        assert bits == ds.RedPaletteColorLookupTableDescriptor[2]
        levels = render_dataset(ds)
        assert levels.shape == (*ds.pixel_array.shape, 3)
        assert np.array_equal(levels, np.rint(expected / (2**bits - 1) * 255))

    def palette(self, segments, bits=16, count=10, byteorder="<"):
        """All three tables from the same segments: words, or bytes that are put into words."""
        data = np.array(segments, "u1").tobytes() if bits == 8 else np.array(segments, "<u2").tobytes()
        words = np.frombuffer(data + bytes(len(data) % 2), "<u2").astype(f"{byteorder}u2").tobytes()
        ds = item(PhotometricInterpretation="PALETTE COLOR")
        for color in ("Red", "Green", "Blue"):
            setattr(ds, f"{color}PaletteColorLookupTableDescriptor", [count, 0, bits])
            setattr(ds, f"Segmented{color}PaletteColorLookupTableData", words)
        got, _ = apply_palette(ds, np.arange(count), byteorder=byteorder)
        assert (got == got[:, :1]).all()
        return got[:, 0].tolist()

    @pytest.mark.parametrize("byteorder", ["<", ">"])
    def test_segments(self, byteorder):
        # Discrete 7 9, linear 4 steps to 17, and both once more: at byte 0 of the table.
        expected = [7, 9, 11, 13, 15, 17, 7, 9, 11, 13]
        assert self.palette([0, 2, 7, 9, 1, 4, 17, 2, 2, 0, 0], byteorder=byteorder) == expected
        assert self.palette([0, 2, 7, 9, 1, 4, 17, 2, 2, 0, 0, 0, 0], 8, byteorder=byteorder) == expected
        # The linear one alone: at byte 8, or 4
        expected = [7, 9, 11, 13, 15, 17, 17, 17, 17, 17]
        assert self.palette([0, 2, 7, 9, 1, 4, 17, 2, 1, 8, 0], byteorder=byteorder) == expected
        assert self.palette([0, 2, 7, 9, 1, 4, 17, 2, 1, 4, 0, 0, 0], 8, byteorder=byteorder) == expected

    @pytest.mark.parametrize(
        "segments",
        [
            [],
            [0, 2, 7, 9],
            [1, 4, 17],
            [0, 0, 0, 0, 0, 0],
            [0, 1, 1, 3, 1, 1],
            [0, 1, 1, 1, 0, 5],
            [0, 1, 1, 2, 1, 6, 0],
            [0, 1, 1, 2, 9, 60000, 60000],
            [0, 1, 1, 2, 0, 0, 0],
        ],
    )
    def test_broken_segments(self, segments):
        with pytest.raises(ElementError, match="0028,1221"):
            self.palette(segments)

    def test_segments_of_another_vr(self):
        """Words are words, whether they are told as US or OW; text is none."""
        ds = {}
        for color in ("Red", "Green", "Blue"):
            ds[f"{color}PaletteColorLookupTableDescriptor"] = [3, 0, 8]
            ds[f"Segmented{color}PaletteColorLookupTableData"] = [0x0300, 0x0807, 0x0009]
        assert apply_palette(ds, np.arange(3))[0][:, 0].tolist() == [7, 8, 9]
        ds["SegmentedGreenPaletteColorLookupTableData"] = "1 "
        with pytest.raises(ElementError, match="0028,1222"):
            apply_palette(ds, np.arange(3))

    def test_missing(self):
        with pytest.raises(MissingElementError, match="0028,1101"):
            render_dataset(item(PhotometricInterpretation="PALETTE COLOR"), array=np.zeros((2, 2), "u1"))


class TestRealFiles:
    def grey_files(self):
        paths = [get_testdata_file(name, download=False) for name in ("CT_small.dcm", "MR_small.dcm")]
        for name in ("mlut_18.dcm", "vlut_04.dcm") if CORPUS.is_dir() else ():
            paths += CORPUS.rglob(name)
        return paths

    def test_like_pydicom(self):
        for path in self.grey_files():
            ds = dcmread(path)
            stored = ds.pixel_array
            values = apply_modality_lut(stored, ds)
            assert np.array_equal(modality_values(ds), values.astype("f4"))
            if "VOILUTSequence" in ds:
                voi = (
                    apply_voi(stored, ds).astype("f8")
                    / (2 ** ds.VOILUTSequence[0].LUTDescriptor[2] - 1)
                    * 255
                )
                assert np.abs(render_dataset(ds) - voi).max() <= 0.5 + 1e-9
            elif "WindowCenter" in ds:
                windowed = apply_windowing(values, ds)
                if ds.PixelRepresentation == 1:
                    windowed += 2 ** (ds.BitsStored - 1)
                top = 2**ds.BitsStored - 1
                assert np.abs(render_dataset(ds) - windowed / top * 255).max() <= 1

    @pytest.mark.skipif(
        not CORPUS.is_dir(), reason="the corpus of real files is not here (HOUNSFIELD_CORPUS)"
    )
    def test_palettes_like_pydicom(self):
        patterns = ("*OBXXXX1A*.dcm", "TestPattern_Palette*.dcm", "gdcm-US-ALOKA*.dcm")
        datasets = [dcmread(path) for pattern in patterns for path in sorted(CORPUS.rglob(pattern))]
        plain = [ds for ds in datasets if not ds.file_meta.TransferSyntaxUID.is_compressed]
        assert len(plain) > 5
        for ds in plain:
            byteorder = "<" if ds.original_encoding[1] else ">"
            got, _ = apply_palette(ds, ds.pixel_array, byteorder=byteorder)
            expected = apply_color_lut(ds.pixel_array, ds)
            if byteorder == ">" and "RedPaletteColorLookupTableData" in ds:
                expected = expected.byteswap()  # pydicom takes plain tables in the machine's order
            assert np.array_equal(got, expected)

    def test_frames_are_asked_for_by_number(self):
        frames = item(PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=0)])
        ds = dataset(np.stack([RAMP] * 3), PerFrameFunctionalGroupsSequence=[frames] * 3)
        with pytest.raises(OptionError, match="not all 3 frames"):
            render_dataset(ds, array=RAMP)
        with pytest.raises(OptionError, match="no frame -1"):
            render_dataset(ds, frame=-1)
        assert np.array_equal(render_dataset(ds, frame=2, array=RAMP), render(RAMP))
