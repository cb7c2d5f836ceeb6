"""The kernel rle against the RLE decoders of others, plain Python, NumPy and memcpy."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from hounsfield._kernels import rle as kernel
from hounsfield._reference import rle as reference

theirs = pytest.importorskip(
    "rle", reason="pylibjpeg-rle has no wheel for this Python, and encodes the frames"
)

FOLDER = Path(find_spec("data_store").origin).parent / "data"  # of pydicom-data
GREY = {"MR2": "MR2_UNCR.dcm", "RG1": "RG1_UNCR.dcm", "RG3": "RG3_UNCR.dcm"}
COLOR = {"US1": "US1_UNCR.dcm", "noisy": None}
FEW = 60_000  # for plain Python


def noisy():
    """A photograph as a camera without denoising takes it: RLE saves nothing."""
    y, x = np.mgrid[:486, :720]
    picture = 128 + 80 * np.sin(x / 50) + 40 * np.cos(y / 33)
    noise = np.random.default_rng(7).normal(0, 3, (*x.shape, 3))
    return (picture[..., None] + noise).clip(0, 255).astype(np.uint8)


def pixels(name):
    return dcmread(FOLDER / name).pixel_array if name else noisy()


def encoded(frame):
    rows, columns, samples = (*frame.shape, 1)[:3]
    options = {"rows": rows, "columns": columns, "samples_per_pixel": samples, "byteorder": "<"}
    return bytes(theirs.encode_pixel_data(frame.tobytes(), bits_allocated=frame.itemsize * 8, **options))


class Case:
    """One image: its samples, and the frame encoded by pylibjpeg-rle, both in files for the peers."""

    def __init__(self, name, samples, folder):
        self.name, self.samples, self.data = name, samples, encoded(samples)
        self.frame, self.expected, self.dicom = (folder / end for end in ("frame", "expected.npy", "rle.dcm"))
        self.frame.write_bytes(self.data)
        np.save(self.expected, samples)
        ds = dcmread(FOLDER / "US1_UNCR.dcm")
        ds.Rows, ds.Columns, ds.SamplesPerPixel = (*samples.shape, 1)[:3]
        ds.PhotometricInterpretation = "RGB" if samples.ndim == 3 else "MONOCHROME2"
        ds.BitsAllocated = ds.BitsStored = samples.itemsize * 8
        ds.HighBit = ds.BitsStored - 1
        if samples.ndim < 3:
            del ds.PlanarConfiguration
        ds.PixelData = encapsulate([self.data])
        ds["PixelData"].VR = "OB"
        ds.file_meta.TransferSyntaxUID = RLELossless
        ds.save_as(self.dicom)

    def peer(self, row, name, imports, body):
        """A decoder in its own process, which leaves its samples in ``out``."""
        setup = f"""
{imports}
import numpy as np
data = open({str(self.frame)!r}, "rb").read()
path = {str(self.dicom)!r}
expected = np.load({str(self.expected)!r})
rows, columns, samples = (*expected.shape, 1)[:3]
out = np.empty_like(expected)
planes = np.empty((samples, rows, columns), expected.dtype)
def interleave(planes):  # three assignments are 3 times as fast as one of the transposed array
    for sample in range(samples):
        out[..., sample] = planes[sample]
{body}
decode()
assert np.array_equal(out, expected)
"""
        row.peer(name, setup=setup, statement="decode()")


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    return {
        name: Case(name, pixels(file), tmp_path_factory.mktemp(name)) for name, file in (GREY | COLOR).items()
    }


@pytest.fixture(params=[*GREY, *COLOR])
def case(request, benchmark, cases):
    case = cases[request.param]
    size, kind = case.samples.nbytes, "color, interleaved" if request.param in COLOR else "16-bit greyscale"
    benchmark.group = (
        f"rle: {case.name}, {kind}, {size / 1e6:.1f} MB, encoded {size / len(case.data):.1f} : 1"
    )
    return case


def decoding(data, out, **options):
    """Ours as often as told: what disturbs a peer's round of 10 ms is to disturb ours as well."""

    def repeat(times):
        for _ in range(times):
            kernel.decode(data, out, **options)

    return repeat


def test_kernel(row, case):
    reach = 3 if case.samples.ndim == 3 else 2.2
    peers = ["imagecodecs", "pylibjpeg-rle", *(["dicomsdl"] if find_spec("dicomsdl") else [])]
    out = np.empty_like(case.samples)
    kernel.decode(case.data, out)
    assert np.array_equal(out, case.samples)
    target = [("faster", reach, peer) for peer in peers]
    row.repeated("hounsfield", decoding(case.data, out), target=target)


def test_kernel_planar(row, case):
    if case.samples.ndim < 3:
        pytest.skip("one sample a pixel")
    out = np.empty(np.moveaxis(case.samples, -1, 0).shape, case.samples.dtype)
    kernel.decode(case.data, out, planar=True)
    assert np.array_equal(np.moveaxis(out, 0, -1), case.samples)
    row.repeated("hounsfield, planar", decoding(case.data, out, planar=True))


def test_imagecodecs(row, case):
    case.peer(
        row,
        "imagecodecs",
        "import imagecodecs",
        """
flat = (out if samples == 1 else planes).reshape(-1).view("u1")
def decode():
    imagecodecs.dicomrle_decode(data, f"<u{out.itemsize}", out=flat)
    if samples > 1: interleave(planes)
""",
    )


def test_pylibjpeg(row, case):
    case.peer(
        row,
        "pylibjpeg-rle",
        "import rle",
        """
layout = {"rows": rows, "columns": columns, "bits_allocated": out.itemsize * 8}
def decode():
    global out
    frame = rle.decode_pixel_data(data, version=2, **layout)
    planes = np.frombuffer(frame, out.dtype).reshape(samples, rows, columns)
    if samples > 1: interleave(planes)
    else: out = planes[0]
""",
    )


def test_dicomsdl(row, case):
    pytest.importorskip("dicomsdl", reason="it has no wheel for this Python")
    body = "ds = dicomsdl.open(path)\ndef decode(): ds.copyFrameData(0, out)"
    case.peer(row, "dicomsdl", "import dicomsdl", body)


def test_pydicom(row, case):
    body = """
ds = dcmread(path)
decoder = get_decoder(ds.file_meta.TransferSyntaxUID)
def decode():
    global out
    out = decoder.as_array(ds, raw=True, decoding_plugin="pydicom")[0]
"""
    imports = "from pydicom import dcmread\nfrom pydicom.pixels import get_decoder"
    case.peer(row, "pydicom, pure Python", imports, body)


def test_numpy(row, case):
    out = np.empty_like(case.samples)
    row.here("NumPy", reference.decode_numpy, case.data, out)
    assert np.array_equal(out, case.samples)


def test_memcpy(row, case, floors):
    row.repeated("memcpy of the samples", floors.memcpy(case.samples))


@pytest.fixture
def few(benchmark):
    benchmark.group = f"rle: 16-bit greyscale, {FEW // 1000} kB"
    return np.ascontiguousarray(pixels(GREY["MR2"])[300:450, 400:600])


@pytest.mark.parametrize("implementation", [kernel, reference], ids=["hounsfield", "plain Python"])
def test_plain_python(row, few, implementation, request):
    out = np.empty_like(few)
    row.here(request.node.callspec.id, implementation.decode, encoded(few), out)
    assert np.array_equal(out, few)


@pytest.fixture(params=["MR2", "US1"])
def to_encode(request, benchmark, cases):
    case = cases[request.param]
    benchmark.group = f"rle: encode {case.name}, {case.samples.nbytes / 1e6:.1f} MB"
    return case.samples


def test_encode(row, to_encode):
    data = row.here("hounsfield", kernel.encode, to_encode, target=("faster", 1, "pylibjpeg-rle"))
    out = np.empty_like(to_encode)
    kernel.decode(data, out)
    assert np.array_equal(out, to_encode)
    assert len(data) <= len(encoded(to_encode))


def test_encode_pylibjpeg(row, to_encode):
    row.here("pylibjpeg-rle", encoded, to_encode)
