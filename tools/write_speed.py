"""Write what the committed benchmark says where it is read: `python tools/write_speed.py`; `--check` only compares.

From `benchmarks/results/bench.json` come the page beside it, the chart of the docs, and the README's part between the
two marks.
"""

import argparse
import sys
from pathlib import Path

from batchnorm.errors import InputError
from batchnorm.files import atomic_write
from batchnorm.records import Benchmark, from_json
from batchnorm.report import benchmark_page, digest, speed_chart, speed_section

ROOT = Path(__file__).parents[1]
RESULT = "benchmarks/results/bench.json"
PAGE = "benchmarks/results/bench.md"
CHART = "docs/images/speed.svg"
BEGIN = "<!-- speed: written by tools/write_speed.py, do not edit -->"
END = "<!-- speed: end -->"


def with_section(text: str, section: str) -> str:
    """Return `text` with `section` between the two marks.

    Raises:
        InputError: a mark is missing or stands there twice, or they are in the wrong order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise InputError(f"README.md: expected one line {BEGIN!r} and below it one line {END!r}")
    return f"{before}{BEGIN}\n\n{section}\n{END}{after}"


def expected(benchmark: Benchmark, root: Path) -> dict[str, str]:
    """Return the texts that the benchmark gives, by their paths."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    return {PAGE: benchmark_page(benchmark), "README.md": with_section(readme, speed_section(benchmark, CHART))}


def stale(root: Path) -> list[str]:
    """Return the files that say something else than the committed benchmark.

    The chart is not compared by its bytes, which another matplotlib would draw otherwise: it holds the benchmark's
    digest.
    """
    benchmark = read(root)
    found = [name for name, text in expected(benchmark, root).items() if _text(root / name) != text]
    return found if digest(benchmark) in _text(root / CHART) else [*found, CHART]


def write(root: Path) -> None:
    """Write the page, the README's part and the chart."""
    benchmark = read(root)
    texts = expected(benchmark, root)
    (root / CHART).parent.mkdir(parents=True, exist_ok=True)
    speed_chart(benchmark, root / CHART)
    for name, text in texts.items():
        with atomic_write(root / name, "w") as file:
            file.write(text)


def read(root: Path) -> Benchmark:
    """Return the committed benchmark.

    Raises:
        InputError: there is none.
    """
    path = root / RESULT
    if not path.is_file():
        raise InputError(f"{RESULT} is not there; measure it on a quiet machine: make bench")
    return from_json(path.read_text(encoding="utf-8"), Benchmark)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def main() -> int:
    """Write, or with `--check` say what is stale; 0 if all is well, 1 if not, 2 if it cannot be told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is stale")
    given = parser.parse_args()
    try:
        if given.check:
            found = stale(ROOT)
            for name in found:
                print(f"{name} is not what {RESULT} says; run: python tools/write_speed.py", file=sys.stderr)
            return 1 if found else 0
        write(ROOT)
    except InputError as error:
        print(f"write_speed: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
