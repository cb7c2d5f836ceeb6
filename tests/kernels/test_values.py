"""The kernel's values are those of the decoders in Python, which have the last word."""

import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hounsfield as hu
from hounsfield._kernels.values import decode
from hounsfield.elements import charset
from hounsfield.elements.values import DECODERS, Context

VRS = sorted(DECODERS)
TEXTS = st.text("0123456789", max_size=20) | st.text(" \\.-+eE01256789^=AZaz\0\n\x1b_\xe9:", max_size=24)


class ReportedError(Exception):
    pass


def report(message):
    raise ReportedError(message)


def same(one, other):
    """Equal, of the same class, and with the same text; NaN equals itself."""
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(same(*pair) for pair in zip(one, other, strict=True))
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return str(one) == str(other) and struct.pack("d", one) == struct.pack("d", other)
    return one == other


def agree(vr, raw, big=False):
    """Whether the kernel gives what the decoder does, which had nothing to report; None if it gives none."""
    value = decode(vr, raw, big)
    if value is NotImplemented:
        return None
    return same(value, DECODERS[vr](raw, Context(big, problem=report)))


@pytest.mark.parametrize("vr", VRS)
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_bytes(vr, data):
    raw = data.draw(st.binary(max_size=24) | TEXTS.map(lambda text: text.encode("latin-1")))
    assert agree(vr, raw, data.draw(st.booleans())) is not False


@given(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from(["{}", " {} ", "+{}", "{:e}", "{:.5f}"]),
)
@example(9007199254740993, "{}")
@example(0, "-{}")
def test_decimals(number, form):
    assert agree("DS", form.format(number).encode()) is not False


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-0",
        "1e22",
        "1e23",
        "-1.5e-3",
        "123456789012345",
        "0.000000000000000000001",
        "+.5",
        "5.",
        " 7 \\8 ",
    ],
)
def test_usual_decimals_are_the_kernels(text):
    assert agree("DS", text.encode()) is (text != "1e23" or None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "e5",
        "1e",
        "1e+",
        "1_0",
        "nan",
        "inf",
        "0x10",
        "1,5",
        "1 2",
        "1e9999",
        "1234567890123456",
    ],
)
def test_odd_decimals_are_not(text):
    assert decode("DS", text.encode()) is (None if text == "" else NotImplemented)


@pytest.mark.parametrize(
    ("vr", "raw", "expected"),
    [
        ("PN", b"Doe^Jane==", "Doe^Jane"),
        ("UI", b"1.2.840\0", "1.2.840"),
        ("CS", b"ORIGINAL\\PRIMARY ", ("ORIGINAL", "PRIMARY")),
        ("LO", b"a \\b ", ("a", "b")),
        ("LT", b"a\\b\r\n", "a\\b\r\n"),
        ("AE", b" ONE \\ TWO", ("ONE", "TWO")),
        ("IS", b" -12 ", -12),
        ("DA", b"20240229", "20240229"),
        ("TM", b"235960.5", "235960.5"),
        ("US", b"\x01\x02\x03\x04", (0x0201, 0x0403)),
        ("OB", b"\0\1", b"\0\1"),
        ("OW", b"", None),
    ],
)
def test_usual_values_are_the_kernels(vr, raw, expected):
    assert decode(vr, raw) == expected
    assert agree(vr, raw)


@pytest.mark.parametrize(
    ("vr", "raw"),
    [
        ("DA", b"20240230x"),
        ("DA", b"20241301"),
        ("TM", b"2460"),
        ("TM", b"123456."),
        ("TM", b"123456.1234567"),
        ("LO", b"\xe9"),
        ("PN", b"\x1b$B"),
        ("LO", b"a\x0eb"),
        ("US", b"\0\0\0"),
        ("SQ", b""),
        ("UN", b"\0"),
        ("ZZ", b""),
        ("", b""),
        ("\u0100B", b""),
    ],
)
def test_the_rest_is_not(vr, raw):
    assert decode(vr, raw) is NotImplemented


PLAIN = bytes([*range(0x20, 0x7F), *b"\0\t\n\f\r"])


@pytest.mark.parametrize(
    "codec", sorted({*charset.STAND_ALONE_CODECS, *filter(None, charset.G1_CODECS.values())})
)
def test_plain_text_is_the_same_in_every_character_set(codec):
    for byte in range(256):
        raw = bytes([byte])
        is_plain = decode("LT", b"a" + raw + b"b") is not NotImplemented
        assert is_plain is (byte in PLAIN)
        if is_plain:
            assert (b"a" + raw + b"b").decode(codec) == f"a{chr(byte)}b"


def compare(path):
    """How many of a file's values the kernel decodes, and of how many; they are what they should be."""
    common = count = 0
    try:
        elements = [element for _, element in hu.read(path).walk()]
    except hu.DicomError:
        return 0, 0
    for element in elements:
        try:
            raw, vr = element.bytes, element.VR
        except hu.DicomError:
            continue
        if vr in DECODERS and vr != "UN" and len(raw) < 1 << 16:
            agreed = agree(vr, raw, element._dataset._encoding.big_endian)
            assert agreed is not False, element
            count, common = count + 1, common + bool(agreed)
    return common, count


def test_values_of_corpus_files(corpus_file):
    compare(corpus_file.path)


def test_most_values_are_the_kernels(pydicom_path):
    common, count = compare(pydicom_path("CT_small.dcm"))
    assert count > 200
    assert common > 0.95 * count


def test_floats_keep_their_bits():
    raw = np.array([0.1, -0.0, np.nan, np.inf], "<f4").tobytes()
    assert same(decode("FL", raw), DECODERS["FL"](raw, Context()))
