"""The tables of benchmarks/figures.py: a target that is missed must say so."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "figures.py"
    spec = importlib.util.spec_from_file_location("figures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (["at most", 1.5, "memcpy"], True),
        (["at most", 1.4, "memcpy"], False),
        (["at most", 1.4, "memcpy", 3.0], True),
        (["faster", 3, "NumPy"], True),
        (["faster", 3.1, "NumPy"], False),
        (["smaller", 3, "NumPy"], True),
        (["smaller", 3.1, "NumPy"], False),
        (["within", 1, "memcpy"], True),
        (["within", 0.9, "memcpy"], False),
    ],
)
def test_judge(figures: ModuleType, target: list[Any], met: bool) -> None:
    assert figures.judge(target, 3.0, {"ours": 3.0, "memcpy": 2.0, "NumPy": 9.0})[0] is met


def test_target_against_a_row_that_is_not_there(figures: ModuleType) -> None:
    with pytest.raises(ValueError, match="memcopy"):
        figures.judge(["at most", 1, "memcopy"], 1.0, {"memcpy": 1.0})


def test_tables(figures: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def result(group: str, row: str, best: float, **extra: Any) -> dict[str, Any]:
        times = {"min": best, "median": best}
        return {
            "group": group,
            "name": row,
            "param": None,
            "stats": times,
            "extra_info": {"row": row, **extra},
        }

    report = {
        "machine_info": {
            "priority": "ordinary priority",
            "cpu": {"brand_raw": "a CPU", "count": 2},
            "libraries": {"numpy": "2.0"},
        },
        "benchmarks": [
            result("swap", "ours", 0.002, target=["at most", 1.2, "memcpy"]),
            result("other", "alone", 1.0),
            result("swap", "memcpy", 0.5, repeats=500),
        ],
    }
    assert figures.print_tables(report) == 1
    printed = capsys.readouterr().out
    assert "MISSED: 2.00 x, to reach: at most 1.2 x memcpy" in printed
    (memcpy,) = [line for line in printed.splitlines() if line.startswith("| memcpy")]
    assert [cell.strip() for cell in memcpy.split("|")][1:5] == ["memcpy", "1 ms", "1 ms", "0.50"]
