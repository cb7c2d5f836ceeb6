"""MPEG-2, H.264 and HEVC, by PyAV."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from generate.files import (
    JPEG,
    cut,
    file,
    items,
)
from generate.registry import Case, UnavailableError, cases
from generate.uncompressed import PARTIAL, rgb_of

ROUND_TRIP = {"mpeg2video": 6, "libx264": 4, "libx265": 3}  # of which 2 are the chroma between two samples


def clip(frames: int, bits: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Y, Cb and Cr of frames, the latter half as wide and high; squares at the top tell the number."""
    y, x = np.mgrid[0:50, 0:66]
    out = []
    for number in range(frames):
        luminance = 60 + (x + y) * 0.7 + number
        luminance[:8, :48] = np.repeat([235 if number >> bit & 1 else 16 for bit in range(6)], 8)
        chroma = 100 + x[::2, ::2] * 0.3 + number, 150 - y[::2, ::2] * 0.3
        out.append(
            tuple((plane * (1 << bits - 8)).astype(f"u{1 + (bits > 8)}") for plane in (luminance, *chroma))
        )
    return out


def encode_video(
    codec: str, container: str, planes: Sequence[Any], bits: int, options: dict[str, str]
) -> bytes:
    try:
        import av
    except ImportError as error:
        raise UnavailableError("PyAV is not installed: pip install av") from error
    rows, columns = planes[0][0].shape
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream = target.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = columns, rows
        stream.pix_fmt = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
        stream.gop_size, stream.codec_context.thread_count = 8, 1
        # With two, FFmpeg reads the times of three pictures from x265, whether they were there or not.
        stream.max_b_frames = 2 if len(planes) > 2 else 0
        for number, frame in enumerate(planes):
            picture = av.VideoFrame(columns, rows, stream.pix_fmt)
            for plane, samples in zip(picture.planes, frame, strict=True):
                padded = np.zeros((plane.height, plane.line_size), np.uint8)
                padded[:, : plane.width * samples.itemsize] = samples.view(np.uint8)
                plane.update(padded)
            picture.pts = number
            target.mux(stream.encode(picture))
        target.mux(stream.encode())
    return out.getvalue()


VIDEO = {
    "mpeg2": ("mpeg2video", {"qmin": "1", "qmax": "2", "b": "8M"}),
    "h264": ("libx264", {"qp": "2"}),
    "h264-open": ("libx264", {"qp": "2", "x264-params": "open-gop=1"}),
    "hevc": ("libx265", {"x265-params": "lossless=1:log-level=none:pools=none:frame-threads=1"}),
    "hevc-closed": (
        "libx265",
        {"x265-params": "lossless=1:open-gop=0:log-level=none:pools=none:frame-threads=1"},
    ),
}


@cases(
    "video-{}-{}-{}",
    [
        ("mpeg2", "mpeg2video", "100"),
        ("mpeg2", "vob", "101"),
        ("mpeg2", "mpegts", "100.1"),
        ("mpeg2", "mpegts", "101.1"),
        ("h264", "mp4", "102"),
        ("h264-open", "mpegts", "103"),
        ("h264", "h264", "104"),
        ("h264-open", "mp4", "105"),
        ("h264-open", "h264", "106"),
        *(("h264", "mp4", f"{number}.1") for number in range(102, 107)),
        ("hevc", "hevc", "107"),
        ("hevc", "mpegts", "107"),
        ("hevc-closed", "mp4", "107"),
        ("hevc", "mp4", "108"),
    ],
)
def video(kind: str, container: str, syntax: str) -> Case:
    """Bidirectional pictures and several groups of them; the fragmentable syntaxes in three fragments."""
    codec, options = VIDEO[kind]
    bits = 10 if syntax == "108" else 8
    planes = clip(30, bits)
    stream = encode_video(codec, container, planes, bits, options)
    ybr = np.stack(
        [
            np.stack([y, *(chroma.repeat(2, 0).repeat(2, 1) for chroma in both)], axis=-1)
            for y, *both in planes
        ]
    )
    pixels = items([], cut(stream, 3 if syntax.endswith(".1") else 1))
    photometric = "YBR_PARTIAL_420"
    data = file(ybr, f"{JPEG}.{syntax}", pixels, BitsStored=bits, PhotometricInterpretation=photometric)
    scale = 1 << bits - 8
    rgb = rgb_of(ybr, PARTIAL, bits)
    return Case(f"{JPEG}.{syntax}", data, rgb, tolerance=ROUND_TRIP[codec] * scale, mean=1.0 * scale, raw=ybr)
