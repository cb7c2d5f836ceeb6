"""Print what ``pytest benchmarks --benchmark-json=FILE`` wrote, each row beside the first of its group.

    python benchmarks/figures.py FILE [--gate]

Times are the best of all rounds. A target, written down by the benchmark, is met or MISSED against another
row of the same run; with --gate, a missed one makes the exit code 1.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = "| {:<44} | {:>10} | {:>10} | {:>8} | {:>8} | {} |"


def seconds(result: dict[str, Any], statistic: str = "min") -> float:
    return float(result["stats"][statistic]) / result["extra_info"].get("repeats", 1)


def name(result: dict[str, Any]) -> str:
    """What the benchmark called the row, else pytest's id for it."""
    return str(result["extra_info"].get("row") or result["param"] or result["name"])


def readable(time: float) -> str:
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if time * factor >= 1:
            return f"{time * factor:.3g} {unit}" if time * factor < 1000 else f"{time * factor:.0f} {unit}"
    return f"{time * 1e9:.3g} ns"


def judge(target: list[Any], time: float, times: dict[str, float]) -> tuple[bool, str]:
    """Whether a target is met, and a sentence that says so; of a "smaller" one, the figures are MiB."""
    kind, value, other, *allowance = target
    if other not in times:
        raise ValueError(f"a target names the row {other!r}; its group has {', '.join(times)}")
    if kind == "at most":
        met = time <= max(value * times[other], *allowance, 0)
        limit = f"at most {value:g} x {other}" + "".join(f" or {readable(each)}" for each in allowance)
        reached = f"{time / times[other]:.2f} x"
    elif kind == "faster":
        met = times[other] >= value * time
        limit, reached = f"{value:g} x faster than {other}", f"{times[other] / time:.2f} x"
    elif kind == "smaller":
        met = times[other] >= value * time
        limit, reached = f"{value:g} x smaller than {other}", f"{times[other] / max(time, 1):.2f} x"
    elif kind == "within":
        met = time <= times[other] + value
        limit, reached = f"within {readable(value)} of {other}", f"{(time - times[other]) * 1e3:.1f} ms"
    else:
        raise ValueError(f"a target is 'at most', 'faster', 'smaller' or 'within', not {kind!r}")
    return met, f"{'met' if met else 'MISSED'}: {reached}, to reach: {limit}"


def print_tables(report: dict[str, Any]) -> int:
    """Print all groups and return how many targets were missed."""
    machine = report["machine_info"]
    cpu = machine["cpu"]
    print(f"{cpu.get('brand_raw', 'unknown CPU')}, {cpu.get('count')} cores, {machine['priority']}")
    print(", ".join(f"{library} {version}" for library, version in machine["libraries"].items()))
    missed = 0
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in report["benchmarks"]:
        groups.setdefault(result["group"] or "", []).append(result)
    for group, results in groups.items():
        times = {name(result): seconds(result) for result in results}
        sizes = {name(result): float(result["extra_info"].get("peak_mib", 0)) for result in results}
        first = seconds(results[0])
        print()
        print(COLUMNS.format(group, "best", "median", "x first", "MiB", "target"))
        print(COLUMNS.format("---", "---:", "---:", "---:", "---:", "---"))
        for result in results:
            time = seconds(result)
            targets = result["extra_info"].get("target") or []
            if targets and not isinstance(targets[0], list):
                targets = [targets]
            verdicts = [
                judge(target, *((sizes[name(result)], sizes) if target[0] == "smaller" else (time, times)))
                for target in targets
            ]
            missed += sum(not met for met, _ in verdicts)
            print(
                COLUMNS.format(
                    name(result),
                    readable(time),
                    readable(seconds(result, "median")),
                    f"{time / first:.2f}",
                    result["extra_info"].get("peak_mib", ""),
                    "; ".join(sentence for _, sentence in verdicts),
                )
            )
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, help="what pytest-benchmark wrote")
    parser.add_argument("--gate", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args()
    missed = print_tables(json.loads(options.results.read_text()))
    print(f"\n{missed} targets missed")
    return 1 if options.gate and missed else 0


if __name__ == "__main__":
    sys.exit(main())
