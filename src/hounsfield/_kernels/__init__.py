"""The compiled kernels (sources in ext/). A missing one is an error, never a silent fallback."""

try:
    from hounsfield._kernels import (
        bits,
        color,
        gather,
        header,
        jpegll,
        known,
        pipeline,
        resize,
        rle,
        scan,
        swap,
        values,
        window,
    )
except ImportError as error:
    raise ImportError(
        f"hounsfield's compiled kernels cannot be loaded ({error}). Build them: 'pip install .' in the "
        "source folder, or 'pip install -e .' to work on it; a C compiler and the Python headers are needed."
    ) from error

__all__ = [
    "bits",
    "color",
    "gather",
    "header",
    "jpegll",
    "known",
    "pipeline",
    "resize",
    "rle",
    "scan",
    "swap",
    "values",
    "window",
]
