"""`out=`: what results can be put into, and the one sentence for what they cannot."""

import numpy as np
import pytest

import hounsfield as hu

SHAPES = {
    "pixels": ("int16", (128, 128)),
    "modality_values": ("float32", (128, 128)),
    "Dataset.render": ("uint8", (128, 128)),
    "render": ("uint8", (128, 128)),
    "decode_batch": ("uint8", (2, 128, 128)),
    "decode_batch of a size": ("float32", (1, 20, 30)),
    "read_region": ("int16", (20, 30)),
    "Volume.decode": ("float32", (1, 128, 128)),
}


@pytest.fixture(params=SHAPES)
def call(request, pydicom_path):
    """Something that takes `out`."""
    path = pydicom_path("CT_small.dcm")
    ds = hu.read(path)
    options = {"values": "modality", "dtype": "f4", "size": (20, 30)}
    return request.param, {
        "pixels": lambda out: hu.read(path).pixels(out=out),
        "modality_values": lambda out: ds.modality_values(out=out),
        "Dataset.render": lambda out: ds.render(out=out, dtype="u1"),
        "render": lambda out: hu.render(ds.pixel_array, out=out, dtype="u1"),
        "decode_batch": lambda out: hu.decode_batch([path] * 2, out=out, dtype="u1").array,
        "decode_batch of a size": lambda out: hu.decode_batch(path, out=out, **options).array,
        "read_region": lambda out: hu.read_region(ds, (0, 0), (30, 20), out=out),
        "Volume.decode": lambda out: hu.load_volume(path).decode(out=out, dtype="f4"),
    }[request.param]


def test_what_fits(call):
    name, given = call
    kind, shape = SHAPES[name]
    expected = given(None)
    assert (expected.dtype, expected.shape) == (kind, shape)
    for out in (
        np.empty(shape, kind),
        memoryview(bytearray(expected.nbytes)).cast(expected.dtype.char, shape),
    ):
        got = given(out)
        assert np.shares_memory(got, np.asarray(out))
        assert np.array_equal(np.asarray(out), expected)


def test_what_does_not(call):
    name, given = call
    kind, shape = SHAPES[name]
    read_only = np.empty(shape, kind)
    read_only.flags.writeable = False
    for out, unlike in {
        "rows": (np.empty((*shape[:-1], shape[-1] + 1), kind), f"{kind} "),
        "axes": (np.empty((*shape, 1, 1), kind), f"{kind} "),
        "flat": (np.empty(np.prod(shape), kind), f"{kind} "),
        "type": (np.empty(shape, "c16"), "complex128 "),
        "byte order": (np.empty(shape, ">i4"), ">i4 "),
        "steps": (np.empty((*shape[:-1], 2 * shape[-1]), kind)[..., ::2], "with strides"),
        "read-only": (read_only, "that is read-only"),
        "bytes": (bytes(read_only.nbytes), "uint8 "),
    }.values():
        if name == "decode_batch" and out.__class__ is np.ndarray and out.shape[1:] == (128, 129):
            continue  # other images may have that size: each has an error of its own
        with pytest.raises(hu.OptionError, match=r"^out must be a writable C-contiguous ") as raised:
            given(out)
        assert f"{kind} array of shape (" in str(raised.value)
        assert unlike in str(raised.value)


def test_a_batch_tells_before_it_looks_for_files():
    def sources():
        raise AssertionError("they are not asked for")
        yield

    with pytest.raises(
        hu.OptionError, match=r"uint8 array of shape \(sources, rows, columns\), unlike uint8 \(4,"
    ):
        hu.decode_batch(sources(), out=np.empty((4, 4), "u1"))
    with pytest.raises(hu.OptionError, match=r"array of shape \(sources, 9, 8, 3\)"):
        hu.decode_batch(sources(), out=np.empty((4, 8, 8, 3), "u1"), size=(9, 8))


def test_no_rows_for_no_sources():
    """What has no memory shares none with itself."""

    class Array:
        def __array__(self, dtype=None, copy=None):
            return np.empty((0, 9, 8), "u1")

    assert hu.decode_batch([], out=Array()).array.shape == (0, 9, 8)


def test_a_batch_has_a_row_for_each_source(pydicom_path):
    with pytest.raises(hu.OptionError, match=r"array of shape \(3, 128, 128\), unlike uint8 \(2, 128, 128\)"):
        hu.decode_batch([pydicom_path("CT_small.dcm")] * 3, out=np.empty((2, 128, 128), "u1"))
