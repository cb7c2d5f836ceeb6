"""The kernel jpegll against the decoders of others, on real images that libjpeg-turbo encoded."""

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGLosslessSV1

from hounsfield._kernels import jpegll as kernel
from hounsfield._reference import jpegll as reference

# File, and the predictor to encode it with; None if it is a JPEG Lossless stream already.
IMAGES = {
    "MR2, 12 bits": ("MR2_UNCR.dcm", 1),
    "MR2, 12 bits, predictor 6": ("MR2_UNCR.dcm", 6),
    "RG1, 15 bits": ("RG1_J2KI.dcm", 1),
    "RG3, 10 bits": ("RG3_J2KR.dcm", 1),
    "NM1, 16 bits": ("JPEG-LL.dcm", None),
    "CT, 12 bits": ("bad_sequence.dcm", None),
    "US1, RGB": ("US1_UNCI.dcm", 1),
}
TARGETS = [("faster", 1.35, "imagecodecs.jpeg8_decode")]


class Image:
    """An image of a DICOM file as a stream, in a file of its own, and as the samples that it holds."""

    def __init__(self, name, predictor, folder):
        dataset = dcmread(get_testdata_file(name, download=False))
        colour = dataset.SamplesPerPixel == 3
        self.options = {"colorspace": "RGB", "outcolorspace": "RGB"} if colour else {}
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
            decode = imagecodecs.jpeg2k_decode if predictor else imagecodecs.jpeg8_decode
            samples = decode(stream)
            self.samples = samples.view(f"u{samples.itemsize}")
        else:
            shape = (dataset.Rows, dataset.Columns, 3)[: 3 if colour else 2]
            self.samples = np.frombuffer(dataset.PixelData, f"u{dataset.BitsAllocated // 8}").reshape(shape)
        if predictor:
            bits = 8 * self.samples.itemsize
            stream = imagecodecs.jpeg8_encode(
                self.samples, lossless=True, predictor=predictor, bitspersample=bits, **self.options
            )
        self.stream = stream
        self.path = folder / "image.dcm"
        self.expected = folder / "expected.npy"
        np.save(self.expected, self.samples)
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        dataset.save_as(self.path)

    def setup(self, imports):
        """What a peer's process does first."""
        return (
            f"import numpy as np\n{imports}\nfrom pydicom import dcmread\n"
            "from pydicom.encaps import generate_frames\n"
            f"path, options = {str(self.path)!r}, {self.options!r}\n"
            f"expected = np.load({str(self.expected)!r})\n"
            "stream = next(generate_frames(dcmread(path).PixelData, number_of_frames=1))\n"
            "out = np.empty_like(expected)\n"
        )


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    made = {}

    def make(name):
        if name not in made:
            made[name] = Image(*IMAGES[name], tmp_path_factory.mktemp("image"))
        return made[name]

    return make


@pytest.fixture(params=IMAGES)
def image(request, benchmark, images):
    image = images(request.param)
    ratio = image.samples.nbytes / len(image.stream)
    benchmark.group = (
        f"jpegll: {request.param}, {image.samples.nbytes / 1e6:.1f} MB, compressed {ratio:.1f} times"
    )
    return image


def peer(row, image, name, imports, statement, result="out", target=()):
    check = f"{statement}\nassert np.array_equal(({result}).view(expected.dtype), expected)\n"
    row.peer(name, setup=image.setup(imports) + check, statement=statement, target=target)


def test_kernel(row, image):
    imports = "from hounsfield._kernels import jpegll"
    peer(row, image, "hounsfield", imports, "jpegll.decode(stream, out)", target=TARGETS)


def test_imagecodecs(row, image):
    statement = "jpeg8_decode(stream, out=out, **options)"
    peer(row, image, "imagecodecs.jpeg8_decode", "from imagecodecs import jpeg8_decode", statement)


def test_dicomsdl(row, image):
    """With the opening of the file: it has no function for a stream."""
    pytest.importorskip("dicomsdl")
    statement = "result = dicomsdl.open(path).pixelData(storedvalue=True)"
    peer(row, image, "dicomsdl, from the file", "import dicomsdl", statement, "result")


def test_pylibjpeg(row, image):
    pytest.importorskip("libjpeg")
    peer(row, image, "pylibjpeg-libjpeg", "import libjpeg", "result = libjpeg.decode(stream)", "result")


def test_memcpy(row, image, floors):
    row.repeated("memcpy of the samples", floors.memcpy(image.samples))


@pytest.mark.parametrize("name", ["hounsfield", "imagecodecs.jpeg8_decode", "plain Python"])
def test_small(row, benchmark, images, name):
    benchmark.group = "jpegll: 64x64"
    samples = np.ascontiguousarray(images("MR2, 12 bits").samples[400:464, 400:464])
    stream = imagecodecs.jpeg8_encode(samples, lossless=True, predictor=1)
    out = np.empty_like(samples)
    decode = {
        "hounsfield": kernel.decode,
        "imagecodecs.jpeg8_decode": lambda stream, out: imagecodecs.jpeg8_decode(stream, out=out),
        "plain Python": reference.decode,
    }[name]
    row.here(name, decode, stream, out, target=TARGETS if name == "hounsfield" else ())
    assert np.array_equal(out, samples)
