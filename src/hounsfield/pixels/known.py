"""What is kept of how an image was decoded, for others like it: see the kernel `known`.

What stands between a path and a codec follows from the attributes that describe the samples, the transfer
syntax, and the headers of the codestream.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield._kernels.known import Encoded
from hounsfield.pixels.codecs import bare_call, inflate_into, last_row
from hounsfield.pixels.codestream import Codestream, headers_of, parse
from hounsfield.pixels.codestream.model import PAD
from hounsfield.pixels.native import mask_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

    from hounsfield.pixels.layout import Layout

__all__ = ["known_deflated", "known_of"]

STOP = Codestream._fields.index("stop")


def known_of(
    layout: Layout,
    stream: Codestream,
    data: memoryview,
    samples: npt.NDArray[Any],
    *,
    ybr_to_rgb: bool,
    mask: tuple[int, int] | None,
) -> Encoded | None:
    """Say how a frame was decoded to its samples, if others like it can be in one call."""
    by_headers = stream.kind != "jpegxl"  # whose headers do not end at a byte
    headers = headers_of(data, stream) if by_headers else b""
    call = bare_call(stream, layout.dtype.itemsize, ybr_to_rgb=ybr_to_rgb)
    if headers is None or call is None:
        return None
    return Encoded(
        layout.frame_shape,
        layout.dtype,
        mask,
        view=np.dtype(f"{'i' if stream.signed else 'u'}{layout.dtype.itemsize}"),
        headers=headers,
        is_like=None if by_headers else partial(_is_like, stream),
        pad=PAD,
        has_tiles=stream.kind in ("jpeg2000", "htj2k"),
        codec=call.codec,
        options=call.options,
        components=call.components,
        offset=call.offset,
        grey=call.grey,
        turned=call.components > 0 and not last_row(samples).any(),
    )


def known_deflated(layout: Layout) -> Encoded:
    """Say how a deflated frame was decoded whose samples are those of the array."""
    return Encoded(layout.frame_shape, layout.dtype, mask_of(layout), codec=inflate_into)


def _is_like(stream: Codestream, data: Buffer) -> bool:
    """Whether a codestream says the same of itself as another, but for where it ends."""
    other = parse(data)
    return stream[:STOP] == other[:STOP] and stream[STOP + 1 :] == other[STOP + 1 :]
