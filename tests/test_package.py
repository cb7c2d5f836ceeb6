"""What the package promises as a whole: its names, its stubs and what importing it costs."""

import ast
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import sysconfig
import tokenize
import tomllib
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import hounsfield
from hounsfield import _kernels

ROOT = Path(__file__).parents[1]
PACKAGE = Path(hounsfield.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(hounsfield.__path__, "hounsfield.")
    if not module.name.startswith("hounsfield._") and "__main__" not in module.name
)

USERS_EXTRAS = ("cli", "index", "remote", "sql", "video", "zarr")


def python(code: str) -> str:
    """Run code in a new interpreter that finds the package where this one does, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["hounsfield", *MODULES])
def test_all_names_exist(name: str) -> None:
    module = import_module(name)
    names = getattr(module, "__all__", [])
    assert [each for each in names if not hasattr(module, each)] == []
    assert len(names) == len(set(names))


def test_all_is_what_completion_shows() -> None:
    assert set(hounsfield.__all__) <= set(dir(hounsfield))


def test_version() -> None:
    try:
        installed = version("hounsfield")
    except PackageNotFoundError:
        installed = "not installed"
    assert hounsfield.__version__ == installed


@pytest.mark.parametrize("name", hounsfield.__all__)
def test_public_names_are_documented(name: str) -> None:
    value = getattr(hounsfield, name)
    if inspect.ismodule(value) or callable(value):
        assert value.__doc__


def test_kernels_are_listed_alike_everywhere() -> None:
    with tokenize.open(ROOT / "setup.py") as file:
        assignments = [node for node in ast.parse(file.read()).body if isinstance(node, ast.Assign)]
    (built,) = (node.value for node in assignments if ast.unparse(node.targets[0]) == "KERNELS")
    kernels = set(ast.literal_eval(built))
    assert kernels == set(_kernels.__all__)
    assert kernels == {path.stem for path in (ROOT / "ext").glob("*.pyx")}
    assert kernels == {path.stem for path in (PACKAGE / "_kernels").glob("*.pyi")}
    # Those of these are what they leave the less common cases to: elements/values.py and dataset.py, for
    # `gather` indexing/columns.py, for `known` pixels/decode.py.
    twins = {path.stem for path in (PACKAGE / "_reference").glob("*.py")}
    assert kernels - {"gather", "header", "known", "pipeline", "values"} == twins - {"__init__"}


@pytest.mark.parametrize("kernel", _kernels.__all__)
def test_stub_and_kernel_agree(kernel: str) -> None:
    """The same functions with the same parameters; stubtest, in ci/lint, looks at types too."""
    stub = ast.parse((PACKAGE / "_kernels" / f"{kernel}.pyi").read_text())
    declared = {
        node.name: [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        for node in stub.body
        if isinstance(node, ast.FunctionDef)
    }
    module = getattr(_kernels, kernel)
    compiled = {
        name: list(inspect.signature(value).parameters)
        for name, value in vars(module).items()
        if not name.startswith("_") and type(value).__name__ == "cython_function_or_method"
    }
    assert compiled == declared


def test_missing_kernel_says_how_to_build() -> None:
    message = python(
        "import sys; sys.modules['hounsfield._kernels.swap'] = None\n"
        "try:\n    import hounsfield._kernels\n"
        "except ImportError as error:\n    print(error)"
    )
    assert "pip install" in message


def test_import_loads_numpy_and_kernels_only() -> None:
    """No codec, no command line, no reference code, no other library before somebody asks for it."""
    loaded = python(
        "import sys, numpy; before = set(sys.modules); import hounsfield; print(*sys.modules.keys() - before)"
    )
    names = loaded.split()
    roots = {name.partition(".")[0] for name in names}
    cython = {root for root in roots if root == "cython_runtime" or root.startswith("_cython_")}
    assert roots - cython - set(sys.stdlib_module_names) <= {"hounsfield", "numpy"}
    assert "hounsfield" in roots
    assert [name for name in names if name.startswith(("hounsfield._reference", "hounsfield.cli"))] == []


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this interpreter has its GIL")
def test_free_threaded_interpreters_take_the_gil() -> None:
    """Kernels hand memory on from call to call that nothing else guards."""
    said = python(
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "import hounsfield; print(sys._is_gil_enabled())"
    )
    assert said.strip() == "True"


def test_modules_need_only_what_an_installation_brings() -> None:
    """Its dependencies, and those of the extras that users choose; the environment of the tests has more."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for extra in USERS_EXTRAS for each in extras[extra])]
    brought = (
        {re.match("[a-z0-9]+", each)[0] for each in wanted}
        | sys.stdlib_module_names
        | {"hounsfield", "pydicom"}
    )
    missing = [
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in imported(ast.parse(path.read_text()))
        if name.partition(".")[0] not in brought
    ]
    assert missing == []


def imported(tree: ast.AST) -> list[str]:
    """The modules that a module imports, wherever it does, but for those that only type checkers see."""
    names = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        names += imported(node)
    return names


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "ci").iterdir() if not path.suffix))
def test_scripts_tell_what_they_do(script: str, tmp_path: Path) -> None:
    """And do nothing else: one writes tables of the package."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        [ROOT / "ci" / script, "--help"], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(rf"ci/{script}( \[.*)?: \w", done.stdout.splitlines()[0])


def test_import_is_fast() -> None:
    """At most 60 ms above NumPy (benchmarks/test_import.py), with room for a busy machine."""
    timed = python(
        "import numpy; from time import perf_counter\n"
        "start = perf_counter(); import hounsfield; print(perf_counter() - start)"
    )
    assert float(timed) < 0.3
