"""render: any array a user brings, every window, and the caller's out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hounsfield._reference import window as reference
from hounsfield.display import PRESETS, render
from hounsfield.errors import OptionError

SHAPES = [(0,), (0, 3), (1,), (7,), (3, 5), (2, 3, 5), ()]


def oracle(array, center, width, dst_type="u1", **options):
    values = np.asarray(array, "f8").reshape(-1)
    dst = bytearray(values.size * int(dst_type[1]))
    reference.window(values.tobytes(), "f8", dst, dst_type, center=center, width=width, **options)
    return np.frombuffer(dst, dst_type).reshape(np.shape(array))


class TestArrays:
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    @pytest.mark.parametrize(
        "dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "g"]
    )
    def test_dtypes_and_shapes(self, shape, dtype):
        array = (np.arange(math.prod(shape)).reshape(shape) % 90).astype(dtype)
        got = render(array, (10, 40), slope=2, intercept=-5)
        assert got.shape == shape
        assert got.dtype == np.uint8
        assert np.array_equal(got, oracle(array, 10, 40, slope=2, intercept=-5))

    @pytest.mark.parametrize("dtype", [">u2", ">i2", ">i4", ">f4", ">f8", "<u2"])
    def test_byte_orders(self, dtype):
        array = np.arange(1000).astype(dtype)
        assert np.array_equal(render(array, (500, 700)), oracle(array, 500, 700))

    def test_layouts(self):
        array = np.arange(3000, dtype="i2").reshape(50, 60)
        raw = np.zeros(array.nbytes + 1, "u1")
        unaligned = raw[1:].view("i2").reshape(50, 60)
        unaligned[...] = array
        read_only = array.copy()
        read_only.flags.writeable = False
        for view in (array[::2, ::3], array[::-1], array.T, np.asfortranarray(array), unaligned, read_only):
            got = render(view, (1000, 1500))
            assert np.array_equal(got, oracle(view, 1000, 1500))
            assert got.flags.c_contiguous
        assert np.array_equal(unaligned, array)

    def test_lists_and_numbers(self):
        assert render([[0, 127], [255, 300]], (128, 256)).tolist() == [[0, 127], [255, 255]]
        assert render(7, (128, 256)).item() == 7

    @pytest.mark.parametrize(
        "array", [np.array([1j]), np.array(["a"]), np.array([None]), np.array(["NaT"], "M8[s]")]
    )
    def test_no_numbers(self, array):
        with pytest.raises(TypeError, match="integers, floats or booleans"):
            render(array, (1, 2))

    @settings(max_examples=80, deadline=None)
    @given(
        array=npst.arrays(
            st.sampled_from(["u1", "i2", ">u2", "i4", "f4", "f8"]), npst.array_shapes(max_dims=3, max_side=6)
        ),
        center=st.floats(-1e4, 1e4),
        width=st.floats(1, 1e5),
        invert=st.booleans(),
        function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
        dtype=st.sampled_from(["u1", "u2", "f4"]),
    )
    def test_anything(self, array, center, width, invert, function, dtype):
        got = render(array, (center, width), invert=invert, function=function, dtype=dtype)
        expected = oracle(array, center, width, dtype, invert=invert, function=function)
        assert got.tobytes() == expected.tobytes()


class TestWindows:
    def test_presets(self):
        assert PRESETS["abdomen"] == (40, 350)
        assert PRESETS["lung"] == (-600, 1500)
        assert PRESETS["brain"] == (40, 80)
        assert PRESETS["bone"] == (300, 2000)
        hounsfield = np.arange(-1100, 3000, 7, dtype="i2")
        for name, (center, width) in PRESETS.items():
            assert width >= 1
            assert np.array_equal(render(hounsfield, name), oracle(hounsfield, center, width))

    def test_preset_names_are_lenient(self):
        for name in ("Soft Tissue", "soft-tissue", " SOFT_TISSUE "):
            assert np.array_equal(render([10, 90], name), render([10, 90], "soft_tissue"))

    def test_presets_cannot_be_changed(self):
        with pytest.raises(TypeError):
            PRESETS["lung"] = (0, 1)

    def test_auto_spans_all_values(self):
        assert render(np.array([-3, 0, 1, 5], "i2")).tolist() == [0, 96, 128, 255]
        assert render(np.array([0.25, 0.5, 0.75]), dtype="f4").tolist() == [0, 0.5, 1]
        assert render(np.array([10, 20]), slope=-1, intercept=30).tolist() == [255, 0]
        assert render(np.array([1, np.nan, 2, np.inf, -np.inf, 3])).tolist() == [0, 0, 128, 255, 0, 255]
        assert render(np.array([1, 2, 3]), "AUTO", invert=True).tolist() == [255, 127, 0]

    @pytest.mark.parametrize("array", [[7, 7], [-2.5], [np.nan, np.nan], [], [True, True]])
    def test_auto_without_contrast_is_black(self, array):
        assert not render(np.array(array)).any()

    @pytest.mark.parametrize("slope", [1, 0.1, 1 / 3, -0.3, 1e-9])
    @pytest.mark.parametrize("value", [1, 0.1, 1e-20, 2.0**52 + 1])
    def test_auto_without_contrast_is_black_however_values_are_rounded(self, value, slope):
        for dtype in ("u1", "i2", "f4", "f8"):
            if np.dtype(dtype).kind == "f" or value == 1:
                samples = np.full((2, 3), value, dtype)
                assert not render(samples, slope=slope).any()
                assert not render(samples, slope=slope, intercept=-1000.1).any()

    def test_auto_with_a_sigmoid(self):
        levels = render(np.array([0, 50, 100]), function="SIGMOID").tolist()
        assert levels == [30, 128, 225]

    @pytest.mark.parametrize(
        "window",
        ["lungs", "", (40,), (40, 400, 1), (40, "wide"), 40, None, (40, 0.5), (40, 0), (40, math.nan)],
    )
    def test_bad_windows(self, window):
        with pytest.raises(OptionError):
            render([1, 2], window)

    def test_bad_rescale_and_function(self):
        with pytest.raises(OptionError, match="finite"):
            render([1, 2], (40, 400), slope=math.inf)
        with pytest.raises(OptionError, match="SIGMOID"):
            render([1, 2], (40, 400), function="CUBIC")


class TestOut:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    def test_filled_and_returned(self, dtype):
        array = np.arange(600, dtype="i2").reshape(20, 30)
        store = np.zeros((3, 20, 30), dtype)
        got = render(array, (300, 400), out=store[1])
        assert got.base is store
        assert np.array_equal(store[1], render(array, (300, 400), dtype=dtype))
        assert not store[::2].any()

    @pytest.mark.parametrize(
        ("out", "dtype"),
        [
            (np.empty((3, 2), "u1"), None),
            (np.empty(6, "u1"), None),
            (np.empty((2, 3), "i1"), None),
            (np.empty((2, 3), "f8"), None),
            (np.empty((2, 3), ">u2"), None),
            (np.empty((2, 3), "u1"), np.uint16),
            (np.empty((2, 6), "u1")[:, ::2], None),
            (np.empty((3, 2), "u1").T, None),
            (np.broadcast_to(np.uint8(0), (2, 3)), None),
            (bytearray(6), None),
            (None, np.int16),
            (None, np.float64),
        ],
    )
    def test_refused(self, out, dtype):
        with pytest.raises(OptionError):
            render(np.zeros((2, 3), "i2"), (1, 2), out=out, dtype=dtype)

    def test_overlap_is_refused(self):
        array = np.zeros(8, "u1")
        with pytest.raises(OptionError, match="overlap"):
            render(array, (1, 2), out=array)
