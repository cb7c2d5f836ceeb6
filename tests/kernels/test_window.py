"""The kernel window and its plain-Python oracle: the same calls, the same bytes, the same errors."""

import inspect
import itertools
import math
import mmap
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hounsfield._kernels import window as kernel
from hounsfield._reference import window as reference
from hounsfield.errors import OptionError

SRC_TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")
DST_TYPES = ("u1", "u2", "f4")
TOPS = {"u1": 255.0, "u2": 65535.0, "f4": 1.0}
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")

both = pytest.mark.parametrize(
    "window", [pytest.param(kernel.window, id="kernel"), pytest.param(reference.window, id="reference")]
)


def run(window, samples, src_type="f8", dst_type="u1", **options):
    src = np.ascontiguousarray(samples, src_type).tobytes()
    dst = bytearray(len(samples) * int(dst_type[1]))
    window(src, src_type, dst, dst_type, **options)
    return np.frombuffer(dst, dst_type)


def rule(samples, dst_type="u1", *, slope=1.0, intercept=0.0, center, width, function="LINEAR", invert=False):
    """The rounding rule of the linear functions in float64 NumPy, for inputs too big for the oracle."""
    top = TOPS[dst_type]
    half, width = (0.5, width - 1) if function == "LINEAR" else (0.0, width)
    scale = slope * top / width
    offset = (intercept - (center - half)) * top / width + top / 2
    y = np.clip(samples.astype(np.float64) * scale + offset, 0, top)
    y = y.astype(np.float32) if dst_type == "f4" else np.rint(y).astype(dst_type)
    return y.dtype.type(top) - y if invert else y


def draw(src_type, n, seed=0):
    rng = np.random.default_rng(seed)
    if src_type in ("f4", "f8"):
        samples = rng.normal(40, 300, n).astype(src_type)
        samples[: min(n, 5)] = [math.nan, math.inf, -math.inf, -0.0, np.finfo(src_type).max][: min(n, 5)]
        return samples
    info = np.iinfo(src_type)
    samples = rng.integers(info.min, info.max, n, dtype=src_type, endpoint=True)
    samples[::2] //= max(1, info.max // 300)
    return samples


@both
class TestVectors:
    @pytest.mark.parametrize(
        ("x", "center", "width", "function", "expected"),
        [
            # dcm4che#1578: a window of 400 at 40, where its old ramp had 23, 162 and 255
            ([-128, 66, 194], 40, 400, "LINEAR", [20, 144, 226]),
            # Note 2 of C.11.2.1.2.1: 2^n levels over 2^n values is the identity
            ([-1, 0, 1, 127, 128, 254, 255, 256], 128, 256, "LINEAR", [0, 0, 1, 127, 128, 254, 255, 255]),
            # c 0, w 100: up to -50 black, above 49 white, -0.5 in the middle
            ([-51, -50, -1, -0.5, 0, 49, 49.1, 50], 0, 100, "LINEAR", [0, 0, 126, 128, 129, 255, 255, 255]),
            ([-1, -0.5, -0.4999, 0], 0, 1, "LINEAR", [0, 0, 255, 255]),
            ([-1, 0, 1, 2], 1, 2, "LINEAR", [0, 0, 255, 255]),
            ([-51, -50, -25, 0, 25, 50, 51], 0, 100, "LINEAR_EXACT", [0, 0, 64, 128, 191, 255, 255]),
            ([-0.1, 0.0, 0.1], 0, 0.2, "LINEAR_EXACT", [0, 128, 255]),
            # half to even
            ([0.5, 1.5, 2.5, 254.5], 127.5, 255, "LINEAR_EXACT", [0, 2, 2, 254]),
            # 255 / (1 + e^1), / 2, / (1 + e^-1), / (1 + e^-4)
            ([-25, 0, 25, 100, 1e9, -1e9], 0, 100, "SIGMOID", [69, 128, 186, 250, 255, 0]),
        ],
    )
    def test_uint8(self, window, x, center, width, function, expected):
        options = {"center": center, "width": width, "function": function}
        assert run(window, x, **options).tolist() == expected
        assert run(window, x, invert=True, **options).tolist() == [255 - y for y in expected]

    def test_rescale_comes_first(self, window):
        levels = run(window, [896, 1090, 1218], "u2", intercept=-1024, center=40, width=400)
        assert levels.tolist() == [20, 144, 226]
        assert run(
            window, [448, 545, 609], "i2", slope=2, intercept=-1024, center=40, width=400
        ).tolist() == [
            20,
            144,
            226,
        ]

    def test_other_outputs(self, window):
        x = [-50, -0.5, 49]
        assert run(window, x, dst_type="u2", center=0, width=100).tolist() == [0, 32768, 65535]
        assert run(window, x, dst_type="f4", center=0, width=100).tolist() == [0, 0.5, 1]
        quarter = run(window, [-25], dst_type="f4", center=0, width=100, function="LINEAR_EXACT", invert=True)
        assert quarter.tolist() == [0.75]

    @pytest.mark.parametrize("src_type", ["f4", "f8"])
    @pytest.mark.parametrize("function", FUNCTIONS)
    @pytest.mark.parametrize("width", [1, 400])
    def test_not_finite(self, window, src_type, function, width):
        x = [math.nan, -math.inf, math.inf]
        for dst_type, top in TOPS.items():
            options = {"center": 40, "width": width, "function": function}
            assert run(window, x, src_type, dst_type, **options).tolist() == [0, 0, top]
            assert run(window, x, src_type, dst_type, invert=True, **options).tolist() == [top, top, 0]

    def test_slopes_of_any_sign(self, window):
        assert run(window, [0, 255, 300], slope=-1, center=-127, width=256).tolist() == [255, 0, 0]
        assert (
            run(window, [0, 255, 300], "u2", slope=0, intercept=7, center=128, width=256).tolist() == [7] * 3
        )

    def test_extreme_parameters_are_clamped(self, window):
        for dst_type, top in TOPS.items():
            for src_type in SRC_TYPES:
                levels = run(window, [0, 1, 100], src_type, dst_type, slope=1e100, center=1, width=2)
                assert levels.tolist() == [0, top, top]
                levels = run(window, [0, 1], src_type, dst_type, intercept=-1e100, center=1e100, width=1e100)
                assert levels.tolist() == [0, 0]
        assert run(window, [1.7e308, -1.7e308], slope=1e100, center=0, width=1).tolist() == [255, 0]


@pytest.mark.parametrize("src_type", SRC_TYPES)
@pytest.mark.parametrize("dst_type", DST_TYPES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_kernel_equals_reference(src_type, dst_type, function):
    sizes = [*range(71), 511, 512, 513, 1777, 70_001 if src_type == "i2" else 2500]
    windows = ((40, 400), (128, 256), (100.5, 1), (-600.25, 1500.5))
    for n, invert in itertools.product(sizes, (False, True)):
        samples = draw(src_type, n, seed=n)
        # The long ones reach the paths that need many samples; one window each is enough there.
        for center, width in windows if n <= 600 and n % 7 == 0 else windows[n % 4 : n % 4 + 1]:
            options = {
                "slope": 1.25, "intercept": -3.5, "center": center, "width": width,
                "function": function, "invert": invert,
            }  # fmt: skip
            got = run(kernel.window, samples, src_type, dst_type, **options)
            expected = run(reference.window, samples, src_type, dst_type, **options)
            assert got.tobytes() == expected.tobytes(), (n, options)


WINDOWS = [
    (1, 0, 40, 400),
    (1, -1024, 40, 400),
    (1, -1024, -600, 1500),
    (1, 0, 128, 256),
    (1, 0, 127.5, 256),
    (1, 0, 32768, 65536),
    (1, 0, 0.5, 65536),
    (-1, 100, 40, 80),
    (0.5, -100, 50, 103),
    (2.059, -32754, 350, 2000),
    (1e-5, 0, 0.1, 1.2),
    (0.0244140625, 0, 600, 1201),
    (1, 0, 5, 2),
    (1, 0, 5, 1.001),
    (1, 0, 1e9, 400),
    (1, 0, 7, 1 + 2**-52),
    (1e-300, 0, 7, 256),
    (0, 11.5, 40, 401),
    (1, 0, 40.5, 511),  # every second value is a tie
    (300, 0, 0, 100),
]


@pytest.mark.parametrize("src_type", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize("copies", [1, 3, 9])
def test_every_sample_value(src_type, copies):
    """All values of the type, so often that each of the kernel's paths is taken."""
    info = np.iinfo(src_type)
    samples = np.tile(np.arange(info.min, info.max + 1).astype(src_type), copies)
    for (slope, intercept, center, width), dst_type in itertools.product(WINDOWS, DST_TYPES):
        for function, invert in (("LINEAR", False), ("LINEAR", True), ("LINEAR_EXACT", True)):
            options = {
                "slope": slope, "intercept": intercept, "center": center, "width": width,
                "function": function, "invert": invert,
            }  # fmt: skip
            got = run(kernel.window, samples, src_type, dst_type, **options)
            assert np.array_equal(got, rule(samples, dst_type, **options)), (dst_type, options)


@pytest.mark.parametrize("src_type", ["u1", "i1", "u2", "i2", "u4", "i4"])
@pytest.mark.parametrize("dst_type", DST_TYPES)
@pytest.mark.parametrize("n", [5, 63, 64, 150, 1000, (4 << 20) + 77])
@pytest.mark.parametrize("lead", [0, 1, 16, 60, 63])
def test_wherever_the_output_stands(src_type, dst_type, n, lead):
    """Levels are written by whole lines of the cache; those of large outputs go past it."""
    samples = draw(src_type, n)
    size = n * int(dst_type[1])
    room = np.full(size + 256, 7, np.uint8)
    start = -room.ctypes.data % 64 + lead
    options = {"slope": 2.0, "intercept": -10.0, "center": 40, "width": 200, "invert": lead == 1}
    kernel.window(samples.view(np.uint8), src_type, room[start : start + size], dst_type, **options)
    assert room[start : start + size].tobytes() == rule(samples, dst_type, **options).tobytes()
    assert (room[:start] == 7).all()
    assert (room[start + size :] == 7).all()


@pytest.mark.parametrize("dst_type", DST_TYPES)
def test_sigmoid_table_equals_its_rule(dst_type):
    values = np.arange(-32768, 32768).astype("i2")
    options = {"slope": 1.5, "intercept": -7, "center": 300, "width": 4000, "function": "SIGMOID"}
    expected = run(reference.window, values, "i2", dst_type, **options)
    got = run(kernel.window, np.tile(values, 2), "i2", dst_type, **options)
    assert got.tobytes() == expected.tobytes() * 2


finite = st.floats(-1e5, 1e5)


@settings(max_examples=150, deadline=None)
@given(
    slope=st.floats(-1e3, 1e3),
    intercept=finite,
    center=finite,
    width=st.one_of(st.integers(1, 70_000).map(float), st.floats(1, 1e5)),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT"]),
    invert=st.booleans(),
    src_type=st.sampled_from(["u1", "i1", "u2", "i2"]),
)
@example(1.0, 0.0, 40.5, 511.0, "LINEAR", False, "i2")
@example(5e-324, 0.0, 0.0, 2.0, "LINEAR", True, "u2")
def test_any_window(slope, intercept, center, width, function, invert, src_type):
    if function == "LINEAR" and width == 1:
        width = 2.0
    info = np.iinfo(src_type)
    samples = np.tile(np.arange(info.min, info.max + 1).astype(src_type), 2)
    options = {
        "slope": slope, "intercept": intercept, "center": center, "width": width,
        "function": function, "invert": invert,
    }  # fmt: skip
    for dst_type in DST_TYPES:
        got = run(kernel.window, samples, src_type, dst_type, **options)
        assert np.array_equal(got, rule(samples, dst_type, **options))


@settings(max_examples=100, deadline=None)
@given(
    samples=st.lists(st.floats(width=64), max_size=40),
    center=st.floats(-1e100, 1e100),
    width=st.floats(1, 1e100),
    slope=st.floats(-1e100, 1e100),
    intercept=st.floats(-1e100, 1e100),
    function=st.sampled_from(FUNCTIONS),
    dst_type=st.sampled_from(DST_TYPES),
    invert=st.booleans(),
)
def test_any_float(samples, dst_type, **options):
    got = run(kernel.window, samples, "f8", dst_type, **options)
    assert got.tobytes() == run(reference.window, samples, "f8", dst_type, **options).tobytes()


@pytest.mark.parametrize(("slope", "intercept", "center", "width"), WINDOWS[:14])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT"])
def test_folding_keeps_to_the_formula(slope, intercept, center, width, function):
    """At most a level from the standard's formula as written, and equal to it wherever that is no tie."""
    samples = np.arange(-32768, 32768, 3).astype("i2")
    options = {"center": center, "width": width, "function": function}
    folded = run(kernel.window, samples, "i2", slope=slope, intercept=intercept, **options)
    for sample, level in zip(samples.tolist(), folded.tolist(), strict=True):
        literal = reference.window_literal(sample * slope + intercept, center, width, function, 255.0)
        assert abs(level - literal) <= 1
        if abs(literal % 1 - 0.5) > 1e-9:
            assert level == round(literal)


class TestBuffers:
    options = {"intercept": -24, "center": 40, "width": 400}  # noqa: RUF012

    @both
    def test_kinds(self, window, tmp_path):
        samples = draw("i2", 1001)
        raw = samples.tobytes()
        path = tmp_path / "samples"
        path.write_bytes(raw)
        expected = run(reference.window, samples, "i2", **self.options)
        frozen = samples.view("u1")
        frozen.flags.writeable = False
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            for src in (raw, bytearray(raw), memoryview(raw), frozen, mapped, np.memmap(path, "u1", "r")):
                dst = np.empty(1001, "u1")
                window(src, "i2", dst, "u1", **self.options)
                assert np.array_equal(dst, expected)
                src = None  # an exported buffer keeps the mmap from closing

    @both
    @pytest.mark.parametrize("src_type", SRC_TYPES)
    @pytest.mark.parametrize("dst_type", DST_TYPES)
    def test_unaligned(self, window, src_type, dst_type):
        samples = draw(src_type, 777)
        expected = run(reference.window, samples, src_type, dst_type, **self.options)
        store = bytearray(b"\xee" * (expected.nbytes + 3))
        window(
            memoryview(b"\x00" + samples.tobytes())[1:],
            src_type,
            memoryview(store)[1:-2],
            dst_type,
            **self.options,
        )
        assert store == b"\xee" + expected.tobytes() + b"\xee\xee"

    @both
    def test_strided_and_read_only_targets_are_refused(self, window):
        with pytest.raises((ValueError, BufferError, TypeError)):
            window(memoryview(bytes(8))[::2], "u1", bytearray(4), "u1", **self.options)
        with pytest.raises((ValueError, BufferError, TypeError)):
            window(bytes(4), "u1", bytes(4), "u1", **self.options)

    def test_overlap_is_refused(self):
        store = bytearray(64)
        view = memoryview(store)
        with pytest.raises(OptionError, match="overlap"):
            kernel.window(view, "u1", view, "u1", **self.options)
        with pytest.raises(OptionError, match="overlap"):
            kernel.window(view[:33], "u1", view[31:], "u1", **self.options)
        kernel.window(view[:32], "u1", view[32:], "u1", **self.options)

    def test_threads(self):
        samples = draw("i2", 300_001)
        windows = [(c, w) for c in (-600, 40, 40.25) for w in (80, 400, 401.5, 1500)]

        def work(center_width):
            return run(kernel.window, samples, "i2", center=center_width[0], width=center_width[1])

        with ThreadPoolExecutor(8) as pool:
            for (center, width), got in zip(windows * 4, pool.map(work, windows * 4), strict=True):
                assert np.array_equal(got, rule(samples, center=center, width=width))


@both
@pytest.mark.parametrize(
    ("src", "src_type", "size", "dst_type", "options"),
    [
        (b"12", "i3", 1, "u1", {}),
        (b"12", "u1", 2, "i1", {}),
        (b"123", "u2", 1, "u1", {}),
        (b"1234", "u2", 3, "u1", {}),
        (b"1234", "u2", 1, "u1", {}),
        (b"1234", "u2", 2, "u2", {}),
        (b"1", "u1", 1, "u1", {"width": 0.999}),
        (b"1", "u1", 1, "u1", {"width": 0.0, "function": "SIGMOID"}),
        (b"1", "u1", 1, "u1", {"width": -1.0, "function": "LINEAR_EXACT"}),
        (b"1", "u1", 1, "u1", {"width": math.inf}),
        (b"1", "u1", 1, "u1", {"width": math.nan}),
        (b"1", "u1", 1, "u1", {"center": math.nan}),
        (b"1", "u1", 1, "u1", {"slope": -math.inf}),
        (b"1", "u1", 1, "u1", {"intercept": 1e101}),
        (b"1", "u1", 1, "u1", {"function": "linear"}),
        (b"1", "u1", 1, "u1", {"function": ""}),
    ],
)
def test_bad_arguments(window, src, src_type, size, dst_type, options):
    dst = bytearray(b"\x55" * size)
    with pytest.raises(OptionError):
        window(src, src_type, dst, dst_type, **({"center": 40.0, "width": 400.0} | options))
    assert dst == b"\x55" * size


def test_wrong_types():
    for arguments in (
        (None, "u1", bytearray(1), "u1"),
        (b"1", "u1", None, "u1"),
        (b"1", 1, bytearray(1), "u1"),
    ):
        with pytest.raises(TypeError):
            kernel.window(*arguments, center=1, width=1)
    with pytest.raises(TypeError):
        kernel.window(b"1", "u1", bytearray(1), "u1")
    with pytest.raises((TypeError, ValueError)):
        kernel.window(struct.pack("h", 1), "i2", np.empty(1, "u2"), "u2", center=1, width=1)


def test_signatures_agree():
    assert list(inspect.signature(kernel.window).parameters) == list(
        inspect.signature(reference.window).parameters
    )
    assert kernel.__all__ == ["window"]


def test_numpy_baseline_is_within_a_level():
    samples = draw("i2", 5000)
    options = {"slope": 1.0, "intercept": -24.0, "center": 40.0, "width": 400.0}
    exact = run(kernel.window, samples, "i2", **options).astype(int)
    assert np.abs(exact - reference.window_numpy(samples, **options)).max() <= 1
    assert np.abs(exact - reference.window_textbook(samples, **options)).max() <= 2
