"""Colour spaces (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["upsample_422", "ybr_full_to_rgb"]

# ITU-R BT.601 with full range, as PS3.3 C.7.6.3.1.2 has it, solved for R, G and B.
RED_CR = 1.402
GREEN_CB = 0.114 * 1.772 / 0.587
GREEN_CR = 0.299 * 1.402 / 0.587
BLUE_CB = 1.772


def upsample_422(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give every pixel of YBR_FULL_422 its chroma: Y1 Y2 Cb Cr becomes Y1 Cb Cr Y2 Cb Cr.

    Parameters
    ----------
    samples : ndarray, one-dimensional

    Returns
    -------
    ndarray
        One-dimensional and half as long again, of the same dtype.
    """
    pairs = samples.reshape(-1, 4)
    full = np.empty((len(pairs), 2, 3), samples.dtype)
    full[:, :, 0] = pairs[:, :2]
    full[:, :, 1:] = pairs[:, None, 2:]
    return full.reshape(-1)


def ybr_full_to_rgb(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert YBR_FULL to RGB: float32, rounded half up and clamped.

    Parameters
    ----------
    image : ndarray of shape (..., 3)
        Samples of 8 bits.

    Returns
    -------
    ndarray
        Of the same shape and dtype.
    """
    y, cb, cr = (image[..., plane].astype(np.float32) for plane in range(3))
    cb -= 128
    cr -= 128
    rgb = np.empty_like(image)
    half = np.float32(0.5)
    for plane, value in enumerate(
        (
            y + np.float32(RED_CR) * cr,
            y - np.float32(GREEN_CB) * cb - np.float32(GREEN_CR) * cr,
            y + np.float32(BLUE_CB) * cb,
        )
    ):
        value += half
        rgb[..., plane] = np.clip(np.floor(value, out=value), 0, 255, out=value)
    return rgb
