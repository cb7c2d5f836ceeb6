"""What `import hounsfield` costs a program that has NumPy loaded anyway."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.benchmark(group="a new interpreter that imports")


def interpreter(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hounsfield(row) -> None:
    row.here("hounsfield", interpreter, "import hounsfield", target=("within", 0.06, "numpy"))


@pytest.mark.parametrize("module", ["numpy", "pydicom", "dicomsdl"])
def test_others(row, module: str) -> None:
    pytest.importorskip(module)
    row.here(module, interpreter, f"import {module}")
