"""The kernels and their compiler flags; everything else stands in pyproject.toml.

HOUNSFIELD_BUILD chooses the flavour. Each is built in a folder of its own, build/<flavour>:

    release   what users get (the default)
    debug     Cython's bounds, wraparound and None checks on, no optimisation
    sanitize  AddressSanitizer and UndefinedBehaviorSanitizer
    trace     line tracing, for the coverage of .pyx files
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNELS = (
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
)

FLAVOURS = ("release", "debug", "sanitize", "trace")
flavour = os.environ.get("HOUNSFIELD_BUILD", "release")
if flavour not in FLAVOURS:
    sys.exit(f"HOUNSFIELD_BUILD={flavour!r}: choose one of {', '.join(FLAVOURS)}")

# -fno-trapping-math lets GCC vectorise a clamp (30 times faster); -ffp-contract=off keeps a*b+c at two
# roundings on every instruction set, so that results are the same bit for bit.
if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/fp:precise"], []
else:
    compile_args = ["-std=c11", "-ffp-contract=off", "-fno-trapping-math", "-Wall", "-Wno-unused-function"]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    optimise, link_args = {
        "release": (["-O3", "-g0", "-fvisibility=hidden"], []),
        "debug": (["-O0", "-g"], []),
        "sanitize": (["-O1", "-g", "-fno-omit-frame-pointer", *sanitizers], sanitizers),
        "trace": (["-O0", "-g"], []),
    }[flavour]
    compile_args += optimise

# Not "freethreading_compatible": data sets and what kernels keep between calls rely on the GIL, so that a
# free-threaded interpreter has to take it again.
checks = flavour != "release"
directives = {
    "language_level": 3,
    "boundscheck": checks,
    "wraparound": False,
    "initializedcheck": checks,
    "nonecheck": checks,
    "cdivision": True,
    "embedsignature": True,
    "autotestdict": False,
    "linetrace": flavour == "trace",
}


class BuildKernels(build_ext):
    """Translates the kernels only when they are built: an sdist carries their .pyx, and no C made from it."""

    def build_extensions(self) -> None:
        # Cython looks at the .pxd that a kernel cimports, and not at its own, which lies in another folder.
        made = [path.stat().st_mtime for path in Path(f"build/{flavour}/c").rglob("*.c")]
        stale = bool(made) and min(made) < max(Path(path).stat().st_mtime for path in shared)
        translated = cythonize(
            self.extensions,
            build_dir=f"build/{flavour}/c",
            include_path=["ext/shared", "src"],
            compiler_directives=directives,
            force=self.force or stale,
        )
        for extension, c in zip(self.extensions, translated, strict=True):
            extension.sources = c.sources
        super().build_extensions()


# An sdist takes what Extension names as sources or depends, and no other .pxd, .h or .pyx.
shared = sorted(
    path.as_posix()
    for folder, pattern in (("ext", "*.pxd"), ("ext", "*.h"), ("src", "*.pxd"))
    for path in Path(folder).rglob(pattern)
)

extensions = [
    Extension(
        f"hounsfield._kernels.{kernel}",
        [f"ext/{kernel}.pyx"],
        depends=shared,
        include_dirs=["ext/include"],
        define_macros=[("CYTHON_TRACE_NOGIL", "1")] if flavour == "trace" else [],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )
    for kernel in KERNELS
]

setup(
    ext_modules=extensions,
    cmdclass={"build_ext": BuildKernels},
    options={"build": {"build_base": f"build/{flavour}"}, "build_ext": {"parallel": os.cpu_count()}},
)
