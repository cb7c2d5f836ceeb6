"""Arrays of the caller's that results are put into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hounsfield.errors import OptionError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["array_of", "checked", "target_of"]


def array_of(out: Any) -> npt.NDArray[Any]:
    """Give an array in the memory of what the caller gave.

    Parameters
    ----------
    out : array, buffer, or object with ``__array__`` or ``__dlpack__``
        A NumPy array or memmap is given back as it is. What has ``__dlpack__`` alone takes NumPy 2.2.5 or
        later: by those before, it is read-only.

    Raises
    ------
    TypeError
        It is nothing of the kind.
    OptionError
        It only gives copies of itself, as arrays on disk do: results would be lost. Or nothing can be put
        into it from here, as into tensors of a GPU.
    """
    if isinstance(out, np.ndarray):
        return out
    try:
        view = memoryview(out)
    except TypeError:
        pass
    else:
        return np.asarray(view)
    try:
        if hasattr(out, "__array__"):
            array, again = np.asarray(out), np.asarray(out)
            if np.may_share_memory(array, again) or not array.size:
                return array
        if hasattr(out, "__dlpack__"):
            return np.from_dlpack(out)
    except Exception as error:
        # Of whatever type the library that it is of takes for this.
        raise OptionError(f"out is a {type(out).__name__} that cannot be written to: {error}") from error
    if hasattr(out, "__array__"):
        raise OptionError(f"out is a {type(out).__name__}, which gives copies of itself: pass an ndarray")
    raise TypeError(f"cannot put an array into {type(out).__name__}")


def target_of(out: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Give the caller's array, if it can take the result, or a new one."""
    return np.empty(shape, dtype) if out is None else checked(array_of(out), shape, dtype)


def checked(array: npt.NDArray[Any], shape: tuple[int | str, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Give an array, if a result of this shape and type can be put into it.

    Parameters
    ----------
    array : ndarray
    shape : tuple of int or str
        A length that may be any has a name, for the message.
    dtype : dtype

    Raises
    ------
    OptionError
        It cannot.
    """
    kind, flags = np.dtype(dtype), array.flags
    fits = array.shape == shape or (
        array.ndim == len(shape)
        and all(isinstance(each, str) or each == has for each, has in zip(shape, array.shape, strict=True))
    )
    if not fits or array.dtype != kind or not flags.c_contiguous or not flags.writeable:
        wanted = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        strides = "" if flags.c_contiguous else f" with strides {array.strides}"
        read_only = "" if flags.writeable else " that is read-only"
        raise OptionError(
            f"out must be a writable C-contiguous {kind} array of shape ({wanted}), unlike {array.dtype} "
            f"{array.shape}{strides}{read_only}"
        )
    return array
