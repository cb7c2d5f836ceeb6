"""Broken codestreams: an error of ours or a frame of the right shape; no crash, no hang, no runaway memory.

Decoders are other people's C: each stream is broken in child processes, where a crash is a line in a report.
HOUNSFIELD_FUZZ=10 tries ten times as many changes.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

CHANGES = 2000 * int(os.environ.get("HOUNSFIELD_FUZZ") or 1)
BREAK = Path(__file__).with_name("break_codestream.py")


@cache
def images():
    """Gray of 12 bits in 16, and colours of 8, with noise: what is coded depends on every byte."""
    random = np.random.default_rng(4)
    down, across = np.mgrid[:64, :64]
    gray = (across * 40 + down * 20 + random.integers(0, 64, (64, 64))).astype(np.uint16)
    eight = (gray >> 4).astype(np.uint8)
    return gray, np.stack([eight, eight[::-1], eight.T], -1).copy()


def made(name):
    gray, colors = images()
    signed = (gray.astype(np.int32) * 16 - 32768).astype(np.int16)
    match name:
        case "jpeg":
            return imagecodecs.jpeg8_encode(colors, level=90)
        case "jpeg 12 bits":
            return imagecodecs.jpeg8_encode(gray, level=90, bitspersample=12)
        case "jpeg lossless":
            return imagecodecs.jpeg8_encode(gray, lossless=True, bitspersample=12)
        case "jpeg lossless colors":
            return imagecodecs.jpeg8_encode(colors, lossless=True, predictor=6)
        case "jpeg-ls":
            return imagecodecs.jpegls_encode(gray)
        case "jpeg-ls near":
            return imagecodecs.jpegls_encode(colors, level=3)
        case "jpeg2000":
            return imagecodecs.jpeg2k_encode(signed, level=0, reversible=True, codecformat="J2K")
        case "jpeg2000 9/7":
            return imagecodecs.jpeg2k_encode(colors, level=35, codecformat="J2K")
        case "jp2":
            return imagecodecs.jpeg2k_encode(colors, level=0, reversible=True, codecformat="JP2")
        case "htj2k":
            return imagecodecs.htj2k_encode(gray)
        case "htj2k colors":
            return imagecodecs.htj2k_encode(colors)
        case "htj2k 9/7":
            return imagecodecs.htj2k_encode(colors, reversible=False, level=0.01)
        case "htj2k 9/7 signed":
            return imagecodecs.htj2k_encode(signed, reversible=False)
        case "htj2k tiles":
            return imagecodecs.htj2k_encode(gray, tile=(32, 32), reversible=False)
        case "jpegxl":
            return imagecodecs.jpegxl_encode(gray, lossless=True, bitspersample=12)
        case "jpegxl lossy":
            return imagecodecs.jpegxl_encode(colors, distance=1, usecontainer=True)


MADE = [
    "jpeg",
    "jpeg 12 bits",
    "jpeg lossless",
    "jpeg lossless colors",
    "jpeg-ls",
    "jpeg-ls near",
    "jpeg2000",
    "jpeg2000 9/7",
    "jp2",
    "htj2k",
    "htj2k colors",
    "htj2k 9/7",
    "htj2k 9/7 signed",
    "htj2k tiles",
    "jpegxl",
    "jpegxl lossy",
]
REAL = {
    "progressive": "CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm",
    "jpeg-ls scans": "JLSL_RGB_ILV0.dcm",
    "jpeg2000 layers and tiles": "GDCMJ2K_TextGBR.dcm",
}


def report(path, first, last):
    """What became of copies first to last."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, BREAK, path, str(first), str(last)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # OpenJPH says there what it thinks of each
        check=True,
        timeout=600,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", MADE)
def test_made_streams(name, tmp_path):
    path = tmp_path / "codestream"
    path.write_bytes(made(name))
    found = report(path, 0, 100 + CHANGES)
    assert found["worse"] == []
    assert found["outcomes"]["error"] >= 90  # all the cuts, or nearly
    assert sum(found["outcomes"].values()) == 100 + CHANGES


@pytest.mark.parametrize("name", REAL)
def test_real_streams(name, corpus, tmp_path):
    [file] = corpus.rglob(REAL[name])
    ds = pydicom.dcmread(file, force=True)
    path = tmp_path / "codestream"
    path.write_bytes(next(generate_frames(ds.PixelData, number_of_frames=1)))
    found = report(path, 0, 100 + CHANGES // 10)
    assert found["worse"] == []
    assert found["outcomes"]["error"] >= 90


def test_what_is_worse_is_found(tmp_path):
    """The check itself: a decoder that crashes, hangs, raises another error and eats memory is told of."""
    path = tmp_path / "codestream"
    path.write_bytes(made("jpeg"))
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import os, signal, sys
sys.path.insert(0, {str(BREAK.parent)!r})
import break_codestream as it

it.SECONDS = 0.2
it.broken = lambda data, number: number
decode = it.attempt

def attempt(data, shape):
    match data:
        case 2: os.kill(os.getpid(), signal.SIGSEGV)
        case 3: raise KeyError("unexpected")
        case 4: bytearray(2 * it.MEMORY)
        case 5:
            while True: pass
        case bytes(): return decode(data, shape)
    return "frame"

it.attempt = attempt
it.main({str(path)!r}, 0, 9)
"""
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, program], env=environment, stdout=subprocess.PIPE, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    crash, error, memory, hang = found["worse"]
    assert crash == "2 SIGSEGV"
    assert error.startswith("3 Traceback")
    assert "KeyError: 'unexpected'" in error
    assert memory.startswith("4 Traceback")
    assert "MemoryError" in memory
    assert hang == "5 SIGPROF"
    assert found["outcomes"] == {"frame": 5}
