"""The kernel resize and its plain-Python oracle: the same calls, the same bits, the same errors."""

import ctypes
import inspect
import math
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hounsfield._kernels import resize as kernel
from hounsfield._reference import resize as reference
from hounsfield.errors import OptionError

TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "f4")
HEADERS = Path(__file__).parents[2] / "ext" / "include"

both = pytest.mark.parametrize(
    "resize", [pytest.param(kernel.resize, id="kernel"), pytest.param(reference.resize, id="reference")]
)


def run(resize, samples, rows, columns):
    out = np.full((rows, columns, *samples.shape[2:]), np.nan, np.float32)
    resize(samples, out)
    return out


def draw(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "f4":
        return rng.normal(0, 1000, shape).astype("f4")
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


@both
class TestVectors:
    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            ([1, 2, 3, 4], [1.5, 3.5]),
            ([1, 2, 3, 4], [2.5]),
            ([3, 6, 12], [4, 10]),  # boxes of 1.5: 3 and half of 6; half of 6 and 12
            ([0, 10, 20, 30, 40], [4, 20, 36]),  # boxes of 5/3
            ([7, -7, 7], [7, -7, 7]),
            ([0, 100], [0, 25, 75, 100]),  # at -0.25, 0.25, 0.75, 1.25
            ([0, 8, 16], [0, 3.2, 8, 12.8, 16]),  # at -0.2, 0.4, 1, 1.6, 2.2
            ([5], [5, 5, 5]),
        ],
    )
    def test_rows_and_columns(self, resize, row, expected):
        samples = np.array([row], "i2")
        expected = np.array([expected], "f4")
        assert np.array_equal(run(resize, samples, 1, expected.shape[1]), expected)
        assert np.array_equal(run(resize, samples.T.copy(), expected.shape[1], 1), expected.T)

    def test_each_axis_by_itself(self, resize):
        samples = np.array([[0, 100], [10, 110], [20, 120], [30, 130]], "u1")
        assert run(resize, samples, 2, 4).tolist() == [[5, 30, 80, 105], [25, 50, 100, 125]]

    def test_channels_do_not_mix(self, resize):
        samples = draw("u1", (9, 7, 3))
        for rows, columns in ((4, 5), (9, 7), (12, 20), (3, 14)):
            got = run(resize, samples, rows, columns)
            for c in range(3):
                assert np.array_equal(got[..., c], run(resize, samples[..., c].copy(), rows, columns))

    @pytest.mark.parametrize(
        ("dtype", "value"),
        [
            ("f4", 0.1),
            ("f4", -1e30),
            *((dtype, np.iinfo(dtype).min) for dtype in TYPES[:-1]),
            ("i4", 16777217),
        ],
    )
    def test_one_value_stays_what_it_is(self, resize, dtype, value):
        samples = np.full((11, 13), value, dtype)
        for rows, columns in ((11, 13), (7, 3), (23, 14), (5, 29), (1, 1)):
            assert np.all(run(resize, samples, rows, columns) == samples.astype("f4")[0, 0])

    def test_what_is_not_finite_stays_near(self, resize):
        samples = np.zeros((4, 12), "f4")
        samples[0, 0], samples[3, 11] = math.inf, math.nan
        for columns in (3, 5, 12, 17):
            got = run(resize, samples, 2, columns)
            assert got[0, 0] == math.inf
            assert math.isnan(got[1, -1])
            assert np.isfinite(got[:, 2:-2]).all()

    def test_a_part_of_a_larger_image(self, resize):
        large = draw("i2", (20, 30))
        out = np.zeros((12, 40), "f4")
        resize(large[3:17, 5:25], out[2:9, 10:20])
        assert np.array_equal(out[2:9, 10:20], run(resize, large[3:17, 5:25].copy(), 7, 10))
        assert np.count_nonzero(out) <= 70
        upside_down = run(resize, large[::-1], 9, 30)
        assert np.array_equal(upside_down, run(resize, large[::-1].copy(), 9, 30))


@settings(max_examples=200)
@given(
    dtype=st.sampled_from(TYPES),
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    out_shape=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    channels=st.sampled_from([None, 1, 3, 4]),
    seed=st.integers(0, 2**32),
)
@example("i2", (16, 16), (7, 7), None, 1)
@example("f4", (23, 24), (24, 23), 3, 2)
def test_kernel_equals_reference(dtype, shape, out_shape, channels, seed):
    samples = draw(dtype, shape if channels is None else (*shape, channels), seed)
    assert np.array_equal(run(kernel.resize, samples, *out_shape), run(reference.resize, samples, *out_shape))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("shape", "out_shape"),
    [
        ((3, 700), (2, 600)),
        ((3, 700), (4, 1100)),
        ((700, 3), (600, 2)),
        ((2, 1200), (2, 5)),
        ((1200, 2), (5, 2)),
    ],
)
def test_long_rows(dtype, shape, out_shape):
    samples = draw(dtype, shape)
    assert np.array_equal(run(kernel.resize, samples, *out_shape), run(reference.resize, samples, *out_shape))


@pytest.mark.parametrize("value", [0, 65535])
@pytest.mark.parametrize(("length", "out_length"), [(65535, 32767), (65535, 1), (32766, 32767), (2, 32767)])
def test_the_longest_axes_do_not_overflow(value, length, out_length):
    for dtype, sample in (("u2", value), ("i2", value - 32768), ("u1", value // 257)):
        row = np.full((1, length), sample, dtype)
        assert np.all(run(kernel.resize, row, 1, out_length) == sample)
        assert np.all(run(kernel.resize, row.T, out_length, 1) == sample)


@settings(max_examples=50)
@given(
    factors=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    out_shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    seed=st.integers(0, 999),
)
def test_pillow_averages_whole_boxes_alike(factors, out_shape, seed):
    image = pytest.importorskip("PIL.Image")
    shape = (out_shape[0] * factors[0], out_shape[1] * factors[1])
    samples = draw("f4", shape, seed)
    theirs = image.fromarray(samples).resize(out_shape[::-1], image.Resampling.BOX)
    assert np.allclose(run(kernel.resize, samples, *out_shape), np.asarray(theirs), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(("shape", "out_shape"), [((5, 7), (11, 8)), ((16, 16), (32, 48)), ((3, 9), (3, 10))])
def test_pillow_interpolates_alike(shape, out_shape):
    image = pytest.importorskip("PIL.Image")
    samples = draw("f4", shape)
    theirs = image.fromarray(samples).resize(out_shape[::-1], image.Resampling.BILINEAR)
    assert np.allclose(run(kernel.resize, samples, *out_shape), np.asarray(theirs), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("out_shape", [(32, 20), (28, 28), (100, 130), (64, 48), (63, 50), (1, 1)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_numpy_baseline(out_shape, channels):
    samples = draw("i2", (64, 48, *channels))
    got = reference.resize_numpy(samples, *out_shape)
    assert got.dtype == np.float32
    assert np.allclose(got, run(kernel.resize, samples, *out_shape), rtol=1e-4, atol=0.05)


DRIVER = """
#include "resize.h"
int in_pieces(int type, const unsigned char *src, size_t rows, size_t columns, size_t out_rows,
              size_t out_columns, size_t piece, unsigned char *out) {
    resize_state state;
    const size_t stride = columns * resize_size(type);
    unsigned char *buffer = malloc(piece * stride);
    if (resize_begin(&state, type, rows, columns, 1, out_rows, out_columns) != RESIZE_DONE) return -1;
    for (size_t row = 0; row < rows; row += piece) {
        const size_t count = rows - row < piece ? rows - row : piece;
        memcpy(buffer, src + row * stride, count * stride);
        resize_feed(&state, buffer, (ptrdiff_t)stride, count, out, (ptrdiff_t)(out_columns * 4));
        memset(buffer, 0x55, piece * stride);
    }
    resize_feed(&state, buffer, (ptrdiff_t)stride, piece, out, (ptrdiff_t)(out_columns * 4));
    const int done = state.row == rows && state.out_row == out_rows;
    resize_end(&state);
    free(buffer);
    return done;
}
"""


@pytest.fixture(scope="module")
def in_pieces(tmp_path_factory):
    """What other kernels call: rows of uint16 fed a few at a time, from memory that is then overwritten."""
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "driver.c").write_text(DRIVER)
    command = ["cc", "-std=c11", "-O1", "-ffp-contract=off", "-shared", "-fPIC", f"-I{HEADERS}"]
    subprocess.run([*command, "driver.c", "-o", "driver.so"], cwd=folder, check=True)
    call = ctypes.CDLL(str(folder / "driver.so")).in_pieces

    def resize(samples, out, piece):
        sizes = [ctypes.c_size_t(n) for n in (*samples.shape, *out.shape, piece)]
        return call(2, samples.ctypes.data_as(ctypes.c_void_p), *sizes, out.ctypes.data_as(ctypes.c_void_p))

    return resize


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 20, 64])
@pytest.mark.parametrize("out_shape", [(1, 5), (7, 7), (13, 30), (20, 16), (33, 4), (97, 16)])
def test_rows_may_come_in_pieces(in_pieces, piece, out_shape):
    samples = draw("u2", (20, 16))
    out = np.full(out_shape, np.nan, "f4")
    assert in_pieces(samples, out, piece) == 1
    assert np.array_equal(out, run(kernel.resize, samples, *out_shape))


def test_unaligned_samples():
    store = np.frombuffer(b"\0" + draw("i4", (8, 8)).tobytes(), "u1")
    samples = store[1:].view("i4").reshape(8, 8)
    assert not samples.flags.aligned
    assert np.array_equal(run(kernel.resize, samples, 3, 11), run(kernel.resize, samples.copy(), 3, 11))


def test_read_only_and_threads():
    samples = draw("i2", (300, 200))
    samples.setflags(write=False)
    shapes = [(100, 60), (301, 77), (40, 400)]
    expected = [run(kernel.resize, samples, *shape) for shape in shapes]
    with ThreadPoolExecutor(8) as pool:
        for i, got in enumerate(pool.map(lambda i: run(kernel.resize, samples, *shapes[i % 3]), range(48))):
            assert np.array_equal(got, expected[i % 3])


@both
@pytest.mark.parametrize(
    ("samples", "out"),
    [
        (np.zeros((4, 4), "f8"), np.zeros((2, 2), "f4")),
        (np.zeros((4, 4), "i8"), np.zeros((2, 2), "f4")),
        (np.zeros((4, 4), "f2"), np.zeros((2, 2), "f4")),
        (np.zeros((4, 4), "?"), np.zeros((2, 2), "f4")),
        (np.zeros((4, 4), ">i2"), np.zeros((2, 2), "f4")),
        (np.zeros((4, 4), "i2"), np.zeros((2, 2), "i4")),
        (np.zeros((4, 4), "i2"), np.zeros((2, 2), "f8")),
        (np.zeros(4, "i2"), np.zeros(2, "f4")),
        (np.zeros((1, 4, 4, 1), "i2"), np.zeros((1, 2, 2, 1), "f4")),
        (np.zeros((4, 4, 1), "i2"), np.zeros((2, 2), "f4")),
        (np.zeros((4, 4, 3), "i2"), np.zeros((2, 2, 4), "f4")),
        (np.zeros((4, 4, 17), "i2"), np.zeros((2, 2, 17), "f4")),
        (np.zeros((0, 4), "i2"), np.zeros((2, 2), "f4")),
        (np.zeros((4, 4), "i2"), np.zeros((2, 0), "f4")),
        (np.zeros((4, 4, 0), "i2"), np.zeros((2, 2, 0), "f4")),
        (np.zeros((4, 8), "i2")[:, ::2], np.zeros((2, 2), "f4")),
        (np.zeros((4, 4), "i2").T, np.zeros((2, 2), "f4")),
        (np.zeros((4, 4), "i2"), np.zeros((2, 4), "f4")[:, ::2]),
        (np.zeros((1, 65536), "u1"), np.zeros((1, 1), "f4")),
        (np.zeros((65536, 1), "u1"), np.zeros((1, 1), "f4")),
        (np.zeros((1, 1), "u1"), np.zeros((1, 32768), "f4")),
    ],
)
def test_bad_arguments(resize, samples, out):
    out[...] = 5
    with pytest.raises(OptionError):
        resize(samples, out)
    assert np.all(out == 5)


@both
def test_overlap_is_refused(resize):
    store = np.zeros((9, 4), "f4")
    with pytest.raises(OptionError, match="overlap"):
        resize(store[:5], store[4:])
    with pytest.raises(OptionError, match="overlap"):
        resize(store[4::-1], store[:2])
    resize(store[:5], store[5:])


def test_wrong_types():
    for samples, out in ((None, np.zeros((2, 2), "f4")), (np.zeros((2, 2), "u1"), None)):
        with pytest.raises(TypeError):
            kernel.resize(samples, out)
    frozen = np.zeros((2, 2), "f4")
    frozen.setflags(write=False)
    with pytest.raises((BufferError, ValueError)):
        kernel.resize(np.zeros((2, 2), "u1"), frozen)


def test_signatures_agree():
    assert list(inspect.signature(kernel.resize).parameters) == list(
        inspect.signature(reference.resize).parameters
    )
    assert kernel.__all__ == ["resize"]
