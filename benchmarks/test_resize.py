"""The kernel resize against NumPy, Pillow and memcpy of what is read."""

import numpy as np
import pytest

from hounsfield._kernels import resize as kernel
from hounsfield._reference import resize as reference

SIZES = {"512 to 224": (512, 224), "2048 to 512": (2048, 512), "256 to 512": (256, 512)}


@pytest.fixture(params=SIZES)
def image(request, benchmark):
    benchmark.group = f"resize: int16 to float32, {request.param} squared"
    length = SIZES[request.param][0]
    return np.random.default_rng(7).integers(-1024, 3072, (length, length), dtype="i2")


def out_for(image):
    length = next(out for length, out in SIZES.values() if length == len(image))
    return np.empty((length, length), np.float32)


def test_kernel(row, image):
    out = out_for(image)
    target = [("faster", 3, "NumPy"), ("faster", 2, "Pillow, float32")]
    if len(image) == 2048:
        target.append(("at most", 3, "memcpy of the input"))
    row.here("hounsfield", lambda: kernel.resize(image, out), target=target)
    assert np.allclose(out, reference.resize_numpy(image, *out.shape), atol=0.01)


def test_numpy(row, image):
    row.here("NumPy", lambda: reference.resize_numpy(image, *out_for(image).shape))


def test_pillow(row, image):
    """Its boxes have no edges within samples: not quite the same image unless a factor is whole."""
    pillow = pytest.importorskip("PIL.Image")
    out = out_for(image)
    source = pillow.fromarray(image.astype(np.float32))
    kind = pillow.Resampling.BILINEAR if len(out) > len(image) else pillow.Resampling.BOX
    result = np.asarray(row.here("Pillow, float32", lambda: source.resize(out.shape, kind)))
    kernel.resize(image, out)
    if len(image) % len(out) == 0 or len(out) > len(image):
        assert np.allclose(result, out, atol=0.01)


def test_memcpy(row, image, floors):
    row.repeated("memcpy of the input", floors.memcpy(image))


TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "f4")


@pytest.mark.benchmark(group="resize: other types, 2048 to 512 squared")
@pytest.mark.parametrize("dtype", TYPES)
def test_types(row, dtype):
    image = np.random.default_rng(7).integers(0, 128, (2048, 2048)).astype(dtype)
    out = np.empty((512, 512), np.float32)
    row.here(dtype, lambda: kernel.resize(image, out))
    assert np.array_equal(out, reference.resize_numpy(image, 512, 512))
