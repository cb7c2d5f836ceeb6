"""The bits kernel in plain Python, and as the best that NumPy can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.errors import OptionError

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Buffer

    Octets = Buffer | npt.NDArray[Any]


def unpack_bits(data: Octets, out: npt.NDArray[np.uint8], first_bit: int = 0) -> None:
    """Unpack samples of one bit, the lowest bit of a byte first, to one byte each."""
    _unpack(data, out, first_bit, 1, 1)


def unpack_12(data: Octets, out: npt.NDArray[np.uint16], first_bit: int = 0) -> None:
    """Unpack samples of twelve bits, two in three bytes, the first in the lower bits."""
    if first_bit % 4:
        raise OptionError(f"first_bit is {first_bit}, no multiple of 4")
    _unpack(data, out, first_bit, 12, 2)


def _unpack(data: Octets, out: npt.NDArray[Any], first_bit: int, bits: int, width: int) -> None:
    octets, samples = bytes(data), out.reshape(-1)
    if out.itemsize != width:
        raise OptionError(f"out has items of {out.itemsize} bytes, not {width}")
    if first_bit < 0 or first_bit + out.size * bits > 8 * len(octets):
        raise OptionError(f"{out.size} samples of {bits} bits from bit {first_bit} on: {len(octets)} bytes")
    for number in range(out.size):
        value = 0
        for place in range(bits):
            octet, bit = divmod(first_bit + number * bits + place, 8)
            value |= (octets[octet] >> bit & 1) << place
        samples[number] = value


def mask(samples: npt.NDArray[Any], bits_stored: int, high_bit: int, *, signed: bool = False) -> None:
    """Leave in each sample what is stored, in place: shifted down, and its sign extended."""
    flat = _unsigned(samples)
    bits = 8 * flat.itemsize
    if not 0 < bits_stored <= high_bit + 1 <= bits:
        raise OptionError(f"{bits_stored} bits up to bit {high_bit} in {bits}")
    for index, sample in enumerate(flat.tolist()):
        value = sample >> (high_bit + 1 - bits_stored) & ((1 << bits_stored) - 1)
        if signed and value >> (bits_stored - 1):
            value -= 1 << bits_stored
        flat[index] = value % (1 << bits)


def extract(samples: npt.NDArray[Any], bit: int, out: npt.NDArray[np.uint8]) -> None:
    """Give one bit of each sample, 0 or 1."""
    flat, to = _unsigned(samples), out.reshape(-1)
    if not 0 <= bit < 8 * flat.itemsize or to.itemsize != 1 or to.size != flat.size:
        raise OptionError(f"bit {bit} of {flat.size} samples of {flat.itemsize} bytes to {to.nbytes} bytes")
    for index, sample in enumerate(flat.tolist()):
        to[index] = sample >> bit & 1


def clamp(
    samples: npt.NDArray[np.int32],
    out: npt.NDArray[Any],
    bits_stored: int,
    *,
    signed: bool = False,
    offset: int = 0,
    shift: int = 0,
) -> None:
    """Give what stands in the higher bits of wide samples, and where no bits stored hold it the nearest."""
    flat = _unsigned(out)
    bits = 8 * flat.itemsize
    if samples.itemsize != 4 or samples.size != flat.size:
        raise OptionError(f"{flat.size} items for {samples.size} of {samples.itemsize} bytes")
    if not 0 < bits_stored <= min(bits, 32) or not 0 <= shift < 32:
        raise OptionError(f"{bits_stored} bits of {bits}, shifted by {shift}")
    low, high = (-1 << bits_stored - 1, (1 << bits_stored - 1) - 1) if signed else (0, (1 << bits_stored) - 1)
    for index, sample in enumerate(samples.reshape(-1).tolist()):
        total = (sample + offset + (1 << 31)) % (1 << 32) - (1 << 31)
        flat[index] = min(max(total >> shift, low), high) % (1 << bits)


def _unsigned(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if samples.itemsize not in (1, 2, 4, 8):
        raise OptionError(f"samples of {samples.itemsize} bytes")
    return samples.reshape(-1).view(f"u{samples.itemsize}")


def unpack_bits_numpy(data: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8], first_bit: int = 0) -> None:
    bits = np.unpackbits(data[first_bit // 8 :], count=first_bit % 8 + out.size, bitorder="little")
    out.reshape(-1)[:] = bits[first_bit % 8 :]


def unpack_12_numpy(data: npt.NDArray[np.uint8], out: npt.NDArray[np.uint16]) -> None:
    """Unpack an even number of samples from the beginning on."""
    octets = data[: out.size // 2 * 3].reshape(-1, 3).astype(np.uint16)
    pairs = out.reshape(-1, 2)
    pairs[:, 0] = octets[:, 0] | (octets[:, 1] & 15) << 8
    pairs[:, 1] = octets[:, 1] >> 4 | octets[:, 2] << 4


def mask_numpy(samples: npt.NDArray[Any], bits_stored: int, high_bit: int) -> None:
    """Shift by the type of the samples: arithmetically where that is signed."""
    bits = 8 * samples.itemsize
    np.left_shift(samples, bits - 1 - high_bit, out=samples)
    np.right_shift(samples, bits - bits_stored, out=samples)


def clamp_numpy(
    samples: npt.NDArray[np.int32], out: npt.NDArray[Any], low: int, high: int, offset: int, shift: int
) -> None:
    """By parts that stay in the second-level cache; the samples are changed."""
    wide, to = samples.reshape(-1), out.reshape(-1)
    for start in range(0, wide.size, 1 << 15):
        part = wide[start : start + (1 << 15)]
        part += offset
        part >>= shift
        np.clip(part, low, high, out=part)
        to[start : start + (1 << 15)] = part


def extract_numpy(samples: npt.NDArray[Any], bit: int, out: npt.NDArray[np.uint8]) -> None:
    np.not_equal(samples & samples.dtype.type(1 << bit), 0, out=out.view(np.bool_))
