"""Every file with pixels, real or generated: the plan, and every way to ask, against decoding all of it.

What the samples are to be is elsewhere: test_decode.py, test_native.py and, by decoders that are not ours,
test_independent.py.
"""

import csv
import warnings
from collections import Counter
from itertools import combinations

import numpy as np
import pydicom
import pytest

import hounsfield as hu
from generate import EXPLICIT, FULL, PARTIAL, rgb_of

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# What no decoder can make anything of, and what our error is about.
BROKEN = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "14540801 tiles",  # a delimiter written over its header
    "MR_truncated.dcm": "8192 bytes of pixel data are needed",
    "badVR.dcm": "NumberOfFrames is '1A'",
    "meta_missing_tsyntax.dcm": "SamplesPerPixel is needed",
    "nested_priv_SQ.dcm": "SamplesPerPixel is needed",
    "generated_encapsulated_defined_bot_1_to_1.dcm": "not the beginning of a codestream",
    "generated_encapsulated_defined_bot_2_to_1.dcm": "not the beginning of a codestream",
    "generated_encapsulated_defined_bot_2_to_2.dcm": "not the beginning of a codestream",
    "generated_encapsulated_empty_bot_1_to_1.dcm": "not the beginning of a codestream",
    "generated_encapsulated_empty_bot_2_to_1.dcm": "not the beginning of a codestream",
}


def has_pixels(file):
    try:
        ds = hu.read(file.path)
    except hu.DicomError:
        return False
    return any(keyword in ds for keyword in PIXELS)


def check_plan(source, raw):
    """Hold `pixel_plan` and all ways to ask for pixels against the whole array, which is returned."""
    ds = hu.read(source)
    plan = ds.pixel_plan(raw=raw)
    whole = ds.pixels(raw=raw)
    assert (plan.shape, plan.dtype, plan.nbytes) == (whole.shape, whole.dtype, whole.nbytes)
    assert whole.dtype.isnative
    assert whole.flags.c_contiguous
    each = whole.reshape(plan.frames, *whole.shape[plan.frames > 1 :])
    assert plan.encoded_bytes == sum(len(ds.encoded_frame(number)) for number in range(len(ds.frames)))
    assert hu.read(source).pixel_plan(raw=raw) == ds.pixel_plan(raw=raw) == plan

    out = np.frombuffer(b"\xa5" * whole.nbytes, whole.dtype).reshape(whole.shape).copy()
    assert hu.read(source).pixels(raw=raw, out=out) is out
    np.testing.assert_array_equal(out, whole)
    np.testing.assert_array_equal(hu.read(source).pixels(raw=raw, threads=2), whole)
    for number in {0, plan.frames // 2, plan.frames - 1}:
        np.testing.assert_array_equal(hu.read(source).pixels(number, raw=raw), each[number])
    some = [plan.frames - 1, 0]
    np.testing.assert_array_equal(ds.pixels(some, raw=raw, threads=2), each[some])
    return plan, whole


def check_file(source):
    plan, whole = check_plan(source, raw=False)
    raw_plan, raw = check_plan(source, raw=True)
    assert raw_plan._replace(output_photometric_interpretation="") == plan._replace(
        output_photometric_interpretation=""
    )
    color, raw_color = plan.output_photometric_interpretation, raw_plan.output_photometric_interpretation
    if color == raw_color:
        np.testing.assert_array_equal(raw, whole)
    else:  # the colours are what the plans say, if those of one are those of the other converted
        assert color == "RGB"
        bits = hu.read(source).BitsStored
        converted = rgb_of(raw, PARTIAL if raw_color.startswith("YBR_PARTIAL") else FULL, bits)
        # libjpeg rounds otherwise; between the chroma of a video's pixels FFmpeg interpolates
        most = 4 << bits - 8 if plan.codec == "video" else 1
        assert np.abs(converted.astype(int) - whole).max() <= most
    assert (color == "RGB") == (whole.ndim - (plan.frames > 1) == 3)


@pytest.mark.corpus(lambda file: has_pixels(file) and file.path.name not in BROKEN)
def test_real_files(corpus_file):
    check_file(corpus_file.path)


@pytest.mark.corpus(lambda file: file.path.name in BROKEN)
def test_real_files_that_are_broken(corpus_file):
    ds = hu.read(corpus_file.path)
    for raw in (False, True):
        with pytest.raises(hu.PixelDataError, match=BROKEN[corpus_file.path.name]):
            ds.pixels(raw=raw)


def test_generated_files(generated):
    check_file(generated.data)


@pytest.mark.corpus(lambda file: file.native and file.decodes and file.row["samples"] == "3")
def test_raw_colours_are_those_of_pydicom(corpus_file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.pixels.pixel_array(corpus_file.path, raw=True)
    np.testing.assert_array_equal(hu.read(corpus_file.path).pixels(raw=True), theirs)


def test_raw_colours_are_those_that_were_encoded(generated):
    plan = hu.read(generated.data).pixel_plan(raw=True)
    if plan.codec in ("jpeg", "video"):
        return  # see test_independent.py and test_video.py
    found = hu.read(generated.data).pixels(raw=True)
    expected = generated.expected if generated.raw is None else generated.raw
    if found.dtype.kind == "f":
        np.testing.assert_array_equal(found, expected)
    else:
        assert np.abs(found.astype(int) - expected).max() <= generated.tolerance * (generated.raw is None)


# The NEMA WG04 images that the corpus has in several transfer syntaxes, and what their lossy encoder lost, as
# root mean square in grey levels. Nothing of it is the decoder's, which is within 1 of others.
LOST = {"NM1": 7.2, "US1": 3.8, "MR2": 5.6, "RG3": 1.4, "CT1": 0.0}


@pytest.mark.parametrize("family", LOST)
def test_variants_of_one_image(family, corpus):
    """Of images in the manifest's wg04_family: those without loss are the same, those with it nearly."""
    with (corpus / "manifest.csv").open(newline="") as manifest:
        rows = [row for row in csv.DictReader(manifest) if row["wg04_family"] == family]
    lossless, lossy = [], []
    for row in rows:
        ds = hu.read(corpus / row["file"])
        variants = lossy if ds.get("LossyImageCompression") == "01" else lossless
        variants.append(ds.pixel_array)
        # an uncompressed file may have been compressed before
        assert ds.pixel_plan().lossless == (variants is lossless or row["transfer_syntax"] == EXPLICIT)
    reference = lossless[0]
    for variant in lossless:
        np.testing.assert_array_equal(variant, reference)
        assert variant.dtype == reference.dtype
    for one, other in combinations(lossy, 2):  # one is what another decoder made of the other
        assert np.abs(one.astype(int) - other).max() <= 1
    assert bool(lossy) == bool(LOST[family])
    for variant in lossy:
        assert np.sqrt(np.square(variant.astype(float) - reference).mean()) <= LOST[family]


def test_all_families_are_there(corpus):
    """Of two the corpus has a single file."""
    with (corpus / "manifest.csv").open(newline="") as manifest:
        count = Counter(row["wg04_family"] for row in csv.DictReader(manifest) if row["wg04_family"])
    assert {family for family in count if count[family] > 1} == set(LOST)
